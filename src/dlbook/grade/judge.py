"""The verdict on one submission: the book's checkers run in this process, over functions that live in a cage."""

import atexit
import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from ..check.core import NotAttempted, Wrong, find
from . import key as keys
from .wire import Gone, Wire, as_exception, legible

SEEDS = (1, 2)
CHAPTER_SECONDS = 600  # to run the chapter itself, once
CAGE_SECONDS = 60  # to get a child with walls around it
PASSED_ON = ("PATH", "HOME", "LANG", "LC_", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_", "PYTHON", "VIRTUAL_ENV", "CONDA", "DLBOOK", "XDG_")


class GraderError(RuntimeError):
    """The grader itself cannot work: no submission is to blame."""


class Lost(Exception):
    """The nursery did not give us a cage; nothing of the student's has run."""


@dataclass(frozen=True)
class Limits:
    """What an answer may use: seconds for each exercise, and bytes of memory beyond what the chapter itself takes."""

    seconds: float = 10.0
    memory: int = 1 << 30


@dataclass(frozen=True)
class Mark:
    """The mark for one exercise: verdict is right, wrong or open (not attempted)."""

    name: str
    points: float
    of: float
    verdict: str
    said: str


@dataclass(frozen=True)
class Result:
    """What one submission got, with a note where the file as a whole could not be read; walls: those around all its answers."""

    marks: list
    seconds: float
    note: str = ""
    walls: list | None = None
    chapter: str = ""

    @property
    def points(self):
        return sum(mark.points for mark in self.marks)

    @property
    def of(self):
        return sum(mark.of for mark in self.marks)

    def to_json(self):
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text):
        found = json.loads(text)
        return cls(**{**found, "marks": [Mark(**mark) for mark in found["marks"]]})


def unread(key, note, seconds=0.0):
    """The Result of a file that is no notebook."""
    return Result([Mark(task.name, 0, task.points, "open", note) for task in key.tasks], seconds, note, None, key.chapter)


def grade(raw, key, limits=Limits(), seeds=SEEDS):
    """The Result of a submission, given as the bytes of its notebook.

    Raises
    ------
    GraderError
        If the chapter itself cannot be run, or cages cannot be had. Nothing that a submission holds raises this.
    """
    start = time.perf_counter()
    try:
        written = keys.answers(keys.read(raw), key)
    except keys.Unreadable as error:
        return unread(key, str(error), round(time.perf_counter() - start, 3))
    Nursery.of(key, limits)
    start, walls = time.perf_counter(), []
    marks = [patiently(key, limits, task, written[task.name], seeds, walls) for task in key.tasks]
    common = sorted(set.intersection(*walls)) if walls else None
    return Result(marks, round(time.perf_counter() - start, 3), "", common, key.chapter)


def patiently(key, limits, task, answer, seeds, walls):
    """The Mark for one exercise, from a new nursery where the old one has died."""
    for _ in range(3):
        nursery = Nursery.of(key, limits)
        try:
            return nursery.mark(task, answer, seeds, walls)
        except Lost as lost:
            reason = lost
            nursery.close()
    raise GraderError(f"no answer to {task.name} can be tried here: {reason}")


class Nursery:
    """A running `dlbook.grade.nursery` for one key; one to a process, and ended with it."""

    running, lock = {}, threading.Lock()  # a Dask worker grades in several threads

    @classmethod
    def of(cls, key, limits):
        """The nursery for `key`, started where there is none that lives."""
        name = key.digest, limits
        with cls.lock:
            if name in cls.running and not cls.running[name].alive():
                cls.running.pop(name).close()
            if name not in cls.running:
                cls.running[name] = cls(key, limits)
            return cls.running[name]

    def __init__(self, key, limits):
        if not hasattr(os, "fork"):
            raise GraderError("grading needs Linux or macOS; on Windows start it in WSL")
        self.limits, self.folder = limits, tempfile.mkdtemp(prefix="dlbook-grade-")
        self.places = {task.name: os.path.join(self.folder, str(number)) for number, task in enumerate(key.tasks)}
        # -P: a file of that name in today's folder, which may be full of submissions, is not taken for a module
        self.number, self.process = None, subprocess.Popen([sys.executable, "-P", "-m", "dlbook.grade.nursery", self.folder], env=environment(),
                                                           cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        atexit.register(self.close)
        order = {"cells": key.cells, "tasks": [asdict(task) for task in key.tasks], "seconds": limits.seconds, "memory": limits.memory}
        try:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")
            self.process.stdin.flush()
            ready, _, _ = select.select([self.process.stdout], [], [], CHAPTER_SECONDS)
            said = json.loads(self.process.stdout.readline() or b"{}") if ready else {"error": f"it took more than {CHAPTER_SECONDS} s"}
        except (OSError, ValueError):
            said = {}
        except BaseException:  # Ctrl-C
            self.close()
            raise
        self.number = said.get("done")
        if not self.number:
            self.close()
            raise GraderError(f"the chapter {key.chapter} does not run here, so nothing can be graded: {said.get('error', 'its process ended')}")

    def alive(self):
        """Whether the nursery is there: it says nothing more, and its end is heard."""
        return not self.process.stdout.closed and not select.select([self.process.stdout], [], [], 0)[0]

    def close(self):
        """End the nursery, and all that waits in it."""
        if self.process.stdout.closed:
            return
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        select.select([self.process.stdout], [], [], 10)
        for group in filter(None, (self.number, self.process.pid)):  # if it did not end in peace
            with contextlib.suppress(OSError):
                os.killpg(group, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.close)

    def mark(self, task, answer, seeds, walls):
        """The Mark for one exercise; adds the set of walls that stood around the answer to `walls`."""
        if answer.cell is not None and keys.squeezed(answer.cell) == keys.squeezed(task.stub):
            return Mark(task.name, 0, task.points, "open", "Not attempted.")
        try:
            said = self.hear(task, answer, seeds, walls)
        except NotAttempted:
            return Mark(task.name, 0, task.points, "open", "Not attempted: there is still a `...` in it.")
        except Wrong as wrong:
            return Mark(task.name, 0, task.points, "wrong", legible(str(wrong).partition("\n")[0], 3000))
        except Gone as gone:
            return Mark(task.name, 0, task.points, "wrong", f"Not yet. {legible(gone, 3000)}")
        if said is None:
            return Mark(task.name, 0, task.points, "open", "The cell for this answer is not in the notebook.")
        return Mark(task.name, task.points, task.points, "right", said)

    def hear(self, task, answer, seeds, walls):
        """Let the checker judge an answer that runs in a child of the nursery; return what there is to notice, None without a cell."""
        exercise = find(task.name)
        with socket.socket(socket.AF_UNIX) as connection:
            wire = Wire(connection, deadline=time.monotonic() + CAGE_SECONDS)
            try:  # until the first message has come, nothing of the student's is there that could have failed
                wire.patient(connection.connect, self.places[task.name])
                walls.append(set(wire.receive()["walls"]))
                wire.deadline = time.monotonic() + self.limits.seconds
                wire.send({"cells": answer.cells, "cell": answer.cell, "stub": task.stub, "arguments": task.arguments})
            except (Gone, KeyError, TypeError) as error:
                raise Lost(f"its process ended before the answer was there ({type(error).__name__})") from None
            reply = wire.receive()
            if reply.get("missing"):
                return None
            if "error" in reply:
                if reply.get("gap"):
                    raise NotAttempted("")
                error = as_exception(reply)
                raise Gone(f"Your cell raised {type(error).__name__}: {' '.join(str(error).split())}{error.line}.")
            values = wire.unpacked(reply.get("value"))
            if not isinstance(values, list) or len(values) != len(task.arguments):
                raise Gone("Your code answered in the place of the grader.")
            for seed in seeds:
                exercise.judge(*values, seed=seed)
        return f"Yes. {exercise.notice}"


def environment():
    """The variables that the nursery gets: those that Python needs, and none that may hold a secret."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    paths = [str(Path(__file__).parents[2]), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    if "DLBOOK_DATA" in kept:
        kept["DLBOOK_DATA"] = os.path.abspath(kept["DLBOOK_DATA"])
    return {**kept, "MPLBACKEND": "agg", "PYTHONPATH": os.pathsep.join(map(os.path.abspath, paths)),
            **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")}
