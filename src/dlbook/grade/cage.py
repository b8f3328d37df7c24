"""What a child that runs a student's code may do. On Linux the walls are the kernel's; elsewhere they are limits alone.

    time        the supervisor ends the child, and all it has started, at the deadline or when the judge hangs up
    memory      an address space of what the chapter needs and `memory` more
    processes   a PID namespace of its own: it sees and signals nobody outside, and everything in it ends with it
    files       Landlock: it reads Python, the package and the data, and writes in a scratch folder alone
    disk        the scratch folder is a small file system of its own, which goes with the child
    network     seccomp: no socket can be made, and none of the calls that reach into other processes

Where the kernel refuses one of these (in some containers, or for ordinary users), the others hold; the names of those that
stand are told before any of the student's code is there.
"""

import contextlib
import os
import resource
import shutil
import signal
import socket
import time

from .kernel import call, landlock, seccomp

WALLS = ("memory", "processes", "files", "disk", "network")
NEWNS, NEWUSER, NEWPID = 0x20000, 0x10000000, 0x20000000
PROCESSES = 8  # enough for a small pool, too few to take the machine from others
LARGEST_FILE = 64 << 20
NOBODY = 65534
SUBREAPER, PARENT_DEATH, KEEP_CAPABILITIES = 36, 1, 8  # for prctl


def unshare(scratch):
    """Give the next child a PID namespace, and `scratch` a file system; return the names of the walls that stand."""
    mine = NEWUSER if os.geteuid() else 0
    uid, gid = os.getuid(), os.getgid()
    with contextlib.suppress(OSError):
        call("prctl", SUBREAPER, 1, 0, 0, 0)  # where there is no namespace: orphans become ours, to be ended
    for flags in (NEWPID | NEWNS, NEWPID):
        with contextlib.suppress(OSError):
            call("unshare", flags | mine)
            if mine:  # keep our own name in the user namespace that an ordinary user needs for the others
                for file, text in [("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")]:
                    with open(f"/proc/self/{file}", "w") as place:
                        place.write(text)
            return ["processes", *(["disk"] if flags & NEWNS and mounted(scratch) else [])]
    return []


def mounted(scratch):
    """Whether a small file system could be put at `scratch`, for this process and its children alone."""
    with contextlib.suppress(OSError):
        call("mount", b"none", b"/", None, 1 << 18 | 1 << 14, None)  # private, and so all below
        call("mount", b"tmpfs", os.fsencode(scratch), b"tmpfs", 0b110, f"size={LARGEST_FILE},nr_inodes=4096,mode=777".encode())
        return True
    return False


def enter(scratch, readable, memory, seconds):
    """Raise the walls around this process; return the names of those that stand."""
    with open("/proc/self/statm") if os.path.exists("/proc/self/statm") else contextlib.nullcontext() as file:
        used = int(file.read().split()[0]) * resource.getpagesize() if file else 1 << 30
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # if the machine runs out of memory, this is what ends first
    walls = ["memory"] if limited(resource.RLIMIT_AS, used + memory) else []
    limited(resource.RLIMIT_FSIZE, LARGEST_FILE)
    limited(resource.RLIMIT_CPU, int(seconds) + 3)
    limited(resource.RLIMIT_CORE, 0)
    others = 0 if os.getpid() == 1 else running()  # in a namespace of its own it is counted alone
    os.chdir(scratch)
    with contextlib.suppress(OSError):
        landlock(scratch, readable)
        walls.append("files")
    with contextlib.suppress(OSError):
        leave_root()
    limited(resource.RLIMIT_NPROC, PROCESSES if os.geteuid() >= NOBODY else PROCESSES + others)
    with contextlib.suppress(OSError):
        call("prctl", PARENT_DEATH, signal.SIGKILL, 0, 0, 0)
    with contextlib.suppress(OSError):
        seccomp()
        walls.append("network")
    return walls


def limited(what, most):
    """Lower a limit; whether that could be done."""
    with contextlib.suppress(ValueError, OSError):
        _, hard = resource.getrlimit(what)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))
        return True
    return False


def running():
    """How many processes and threads this user has: the limit on processes counts them all."""
    count = 0
    with contextlib.suppress(OSError):
        for entry in os.scandir("/proc") if os.geteuid() else ():
            if entry.name.isdecimal():
                with contextlib.suppress(OSError):
                    if entry.stat().st_uid == os.getuid():
                        count += len(os.listdir(f"/proc/{entry.name}/task"))
    return count


def leave_root():
    """Where we are root, become nobody but keep the right to read: for root, the limit on processes does not hold.

    Each child is a nobody of its own, whose processes are counted alone. An ordinary user loses what the namespace gave.
    """
    keep = 0
    if not os.geteuid():
        call("prctl", KEEP_CAPABILITIES, 1, 0, 0, 0)
        os.setgroups([])
        os.setgid(NOBODY)
        try:
            os.setuid(1 << 30 | int(os.readlink("/proc/self")))
        except (OSError, ValueError):  # in a container that knows only few numbers
            os.setuid(NOBODY)
        keep = 1 << 2  # CAP_DAC_READ_SEARCH
    header = (0x20080522).to_bytes(4, "little") + bytes(4)
    call("capset", header, keep.to_bytes(4, "little") * 2 + bytes(16))


def supervise(child, connection, seconds):
    """Wait for `child`; end it, and what it started, when `seconds` are over or nobody listens to `connection` any more."""
    deadline, pause = time.monotonic() + seconds, 0.0005
    while time.monotonic() < deadline and not os.waitpid(child, os.WNOHANG)[0]:
        with contextlib.suppress(BlockingIOError):
            if connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"":
                break
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    deadline = time.monotonic() + 5
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline:
            for each in children():
                with contextlib.suppress(OSError):
                    os.kill(each, signal.SIGKILL)
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(0.001)


def children():
    """The numbers of this process's children, among them the orphans of those that have ended."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(number) for number in file.read().split()]
    except OSError:
        return []


def clear(scratch):
    """Remove a scratch folder, whatever is in it."""
    with contextlib.suppress(OSError):
        call("umount2", os.fsencode(scratch), 2)
    with contextlib.suppress(OSError, RecursionError):
        shutil.rmtree(scratch, ignore_errors=True)
