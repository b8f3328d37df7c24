"""`python -m dlbook.grade.nursery FOLDER`: runs a chapter, and waits before each exercise for answers to try there.

Reads the key from standard input. Where an exercise stands, the process forks: the fork keeps the chapter as it is at that
place, listens at FOLDER/<its number>, and gives each answer that comes a child of its own, in a cage. So the chapter is run
once and not for each student, and no answer can disturb another. Ends when standard input does, which is when the grader
does, however that ended; then nothing is left, neither a process nor FOLDER.
"""

import ast
import contextlib
import json
import linecache
import os
import shutil
import signal
import site
import socket
import sys
import sysconfig
import tempfile
import time
import warnings
from pathlib import Path

from ..check.core import _has_gap
from . import cage
from .key import chosen, definitions, python
from .wire import Gone, Wire


def main(folder):
    """Run the chapter; say `done`, or what went wrong, in a line of JSON; stay until standard input ends."""
    order = json.loads(sys.stdin.readline())
    if os.fork():  # nobody's child from now on: joblib, when interrupted, kills its workers with all their children
        os._exit(0)
    os.setsid()
    end, report = os.dup(0), os.dup(1)
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    space = {"__name__": "__main__", "display": lambda *things, **settings: None}
    answer, order["ours"], order["readable"] = {"done": os.getpid()}, (end, report), readable()
    zygotes = []
    try:
        for position, source in enumerate(order["cells"]):
            for number, task in enumerate(order["tasks"]):
                if task["position"] == position:
                    zygotes.append(zygote(os.path.join(folder, str(number)), space, order))
            if source is not None:
                run(f"<chapter, cell {position}>", python(source), space)
    except BaseException as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    with contextlib.suppress(OSError, KeyboardInterrupt):
        os.write(report, json.dumps(answer).encode() + b"\n")
        while os.read(end, 1 << 16):
            pass
    for child in zygotes:
        with contextlib.suppress(OSError):
            os.kill(child, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while os.path.exists(folder) and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)  # again and again: the last supervisors are still ending
        time.sleep(0.02)


def zygote(place, space, order):
    """Fork a process that listens at `place` with the chapter as it is now; return its number."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen(64)
    child = os.fork()
    if child:
        listener.close()
        return child
    for stream in order["ours"]:
        os.close(stream)
    parent = os.getppid()
    listener.settimeout(1)
    while os.getppid() == parent:
        with contextlib.suppress(TimeoutError, InterruptedError):
            connection, _ = listener.accept()
            if not os.fork():
                try:
                    listener.close()
                    supervisor(os.path.dirname(place), connection, space, order)
                finally:
                    os._exit(0)
            connection.close()
    os._exit(0)


def supervisor(folder, connection, space, order):
    """Put a child into a cage to serve `connection`, and see to its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    scratch = tempfile.mkdtemp(prefix="cage-", dir=folder)
    try:
        os.chmod(scratch, 0o777)
        walls = cage.unshare(scratch)
        child = os.fork()
        if not child:
            try:
                os.setsid()
                walls += cage.enter(scratch, order["readable"], order["memory"], order["seconds"])
                serve(Wire(connection, line=line, has_gap=_has_gap, open=True), space, walls)
            finally:
                os._exit(0)
        cage.supervise(child, connection, order["seconds"] + 2)
    finally:
        cage.clear(scratch)


def serve(wire, space, walls):
    """Say which walls stand; run an answer and hand it over; then do what the judge asks for, until the judge has enough."""
    wire.send({"walls": walls})
    order = wire.receive()
    cell = chosen(order["cells"], order["cell"], order["stub"])
    if cell is None:
        wire.send({"missing": True})
        return
    try:
        for number, source in enumerate(map(definitions, order["cells"])):
            with contextlib.suppress(Exception):  # that cell may be another exercise's trouble
                run(f"<your definitions, {number}>", source, space)
        run("<your answer>", python(cell), space)
        values = [eval(argument, space) for argument in order["arguments"]]
    except BaseException as error:
        wire.send({"error": type(error).__name__, "text": str(getattr(error, "msg", error))[:1000], "line": line(error), "gap": gap(cell)})
        return
    wire.send({}, value=values)
    with contextlib.suppress(Gone):
        while True:
            wire.serve(wire.receive())


def run(file, source, space):
    """Run a cell as a notebook would, its source kept where a traceback and `inspect` look for it."""
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    exec(compile(source, file, "exec"), space)


def line(error):
    """Where in the student's code an error arose."""
    if isinstance(error, SyntaxError):
        return f", in line {error.lineno}" + (f", `{error.text.strip()}`" if error.text else "")
    found, trace = "", error.__traceback__
    while trace:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith("<your"):
            found = f", in line {trace.tb_lineno}, `{linecache.getline(file, trace.tb_lineno).strip()}`"
        trace = trace.tb_next
    return found


def gap(source):
    """Whether a cell still holds a `...`."""
    with contextlib.suppress(SyntaxError, ValueError, RecursionError):
        return any(isinstance(node, ast.Constant) and node.value is ... for node in ast.walk(ast.parse(source)))
    return False


def readable():
    """Folders that Python, its packages, the book's package and its data are read from."""
    from ..data import store

    places = {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *site.getsitepackages(), str(Path(__file__).parents[2]),
              "/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/proc/self", "/sys/devices/system/cpu"}
    with contextlib.suppress(OSError):
        places.add(str(store.folder()))
    return sorted(places)


if __name__ == "__main__":
    main(sys.argv[1])
