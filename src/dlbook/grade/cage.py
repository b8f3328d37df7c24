"""What a child that runs a student's code may do. On Linux the walls are the kernel's; elsewhere they are limits alone.

    time        the supervisor ends the child, and all it has started, at the deadline or when the judge hangs up
    memory      an address space of what the chapter needs and `memory` more
    processes   a PID namespace of its own: it sees and signals nobody outside, and everything in it ends with it
    files       Landlock: it reads Python, the package and the data, and writes in a scratch folder alone
    network     a network namespace with nothing in it

Where the kernel refuses one of these (in some containers), the others hold; `walls` says which there are.
"""

import contextlib
import ctypes
import os
import resource
import signal
import socket
import struct
import sys
import time

NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
PROCESSES = 64  # enough for a thread pool, too few for a fork bomb
LARGEST_FILE = 64 << 20
NOBODY = 65534
READ, WRITE = 0b1101, 0x7FFF  # Landlock's rights: execute, read file, read folder; and all up to truncate


def call(name, *arguments):
    """A function of the C library, on Linux; raises OSError where it fails or is not there."""
    if sys.platform != "linux":
        raise OSError("not on this system")
    libc = ctypes.CDLL(None, use_errno=True)
    result = getattr(libc, name)(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def unshare():
    """Give the next child a PID namespace and no network; return the names of the walls that stand."""
    mine = NEWUSER if os.geteuid() else 0
    uid, gid = os.getuid(), os.getgid()
    for flags, walls in [(NEWPID | NEWNET, ["processes", "network"]), (NEWPID, ["processes"])]:
        with contextlib.suppress(OSError):
            call("unshare", flags | mine)
            if mine:  # keep our own name in the user namespace that an ordinary user needs for the others
                for file, text in [("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")]:
                    with open(f"/proc/self/{file}", "w") as place:
                        place.write(text)
            return walls
    return []


def enter(scratch, readable, memory):
    """Raise the walls around this process; return the names of those that stand."""
    with open("/proc/self/statm") if os.path.exists("/proc/self/statm") else contextlib.nullcontext() as file:
        used = int(file.read().split()[0]) * resource.getpagesize() if file else 1 << 30
    walls = ["memory"] if limited(resource.RLIMIT_AS, used + memory) else []
    limited(resource.RLIMIT_FSIZE, LARGEST_FILE)
    limited(resource.RLIMIT_CORE, 0)
    os.chdir(scratch)
    with contextlib.suppress(OSError):
        landlock(scratch, readable)
        walls.append("files")
    with contextlib.suppress(OSError):
        leave_root()
    limited(resource.RLIMIT_NPROC, PROCESSES if os.geteuid() == NOBODY else PROCESSES + running())
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
        for entry in os.scandir("/proc"):
            if entry.name.isdecimal():
                with contextlib.suppress(OSError):
                    if entry.stat().st_uid == os.getuid():
                        count += len(os.listdir(f"/proc/{entry.name}/task"))
    return count


def leave_root():
    """Where we are root, become nobody but keep the right to read: for root, the limit on processes does not hold."""
    if os.geteuid():
        return
    call("prctl", 8, 1, 0, 0, 0)  # PR_SET_KEEPCAPS
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    header = struct.pack("=Ii", 0x20080522, 0)
    read = 1 << 2  # CAP_DAC_READ_SEARCH
    call("capset", header, struct.pack("=IIIIII", read, read, 0, 0, 0, 0))


def landlock(scratch, readable):
    """Let this process and its children read `readable`, write in `scratch`, and touch no other file for ever."""
    ruleset = call("syscall", 444, struct.pack("=Q", READ | WRITE), 8, 0)
    try:
        for path, rights in [*((path, READ) for path in readable), (scratch, READ | WRITE), ("/dev/null", 0b110), ("/dev/urandom", 0b100)]:
            if not os.path.exists(path):
                continue
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                rights = rights if os.path.isdir(path) else rights & 0b111
                call("syscall", 445, ruleset, 1, struct.pack("=Qi", rights, place), 0)
            finally:
                os.close(place)
        call("prctl", 38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        call("syscall", 446, ruleset, 0)
    finally:
        os.close(ruleset)


def supervise(child, connection, seconds):
    """Wait for `child`; end it, and what it started, when `seconds` are over or nobody listens to `connection` any more."""
    deadline, pause = time.monotonic() + seconds, 0.0005
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return
        with contextlib.suppress(BlockingIOError):
            if connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"":
                break
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)
    for end in (os.killpg, os.kill):
        with contextlib.suppress(OSError):
            end(child, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.waitpid(child, 0)
