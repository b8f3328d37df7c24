"""The verdict on one submission: the book's checkers run in this process, over functions that live in a cage."""

import atexit
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field

from ..check.core import NotAttempted, Wrong, find
from . import key as keys
from .wire import Gone, Wire, as_exception

SEEDS = (1, 2)
CHAPTER_SECONDS = 600  # to run the chapter itself, once


class GraderError(RuntimeError):
    """The grader itself cannot work: no submission is to blame."""


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
    """What one submission got, with a note where the file as a whole could not be read."""

    marks: list
    seconds: float
    note: str = ""
    walls: list = field(default_factory=list)

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
        return cls([Mark(**mark) for mark in found["marks"]], found["seconds"], found["note"], found["walls"])


def grade(raw, key, limits=Limits(), seeds=SEEDS):
    """The Result of a submission, given as the bytes of its notebook.

    Raises
    ------
    GraderError
        If the chapter itself cannot be run. Nothing that a submission holds raises anything.
    """
    start = time.perf_counter()
    try:
        written = keys.answers(keys.read(raw), key)
    except keys.Unreadable as error:
        marks = [Mark(task.name, 0, task.points, "open", str(error)) for task in key.tasks]
        return Result(marks, round(time.perf_counter() - start, 3), str(error))
    nursery, walls = Nursery.of(key, limits), []
    marks = [nursery.mark(task, written[task.name], seeds, walls) for task in key.tasks]
    return Result(marks, round(time.perf_counter() - start, 3), "", sorted(set(walls)))


class Nursery:
    """A running `dlbook.grade.nursery` for one key; one to a process, and ended with it."""

    running = {}

    @classmethod
    def of(cls, key, limits):
        """The nursery for `key`, started where there is none yet."""
        name = key.digest, limits
        if name not in cls.running or cls.running[name].process.poll() is not None:
            cls.running[name] = cls(key, limits)
        return cls.running[name]

    def __init__(self, key, limits):
        if not hasattr(os, "fork"):
            raise GraderError("grading needs Linux or macOS; on Windows start it in WSL")
        self.limits, self.folder = limits, tempfile.mkdtemp(prefix="dlbook-nursery-")
        environment = {**os.environ, "MPLBACKEND": "agg", **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")}
        self.process = subprocess.Popen([sys.executable, "-m", "dlbook.grade.nursery", self.folder], env=environment,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        atexit.register(self.close)
        order = {"cells": key.cells, "tasks": [asdict(task) for task in key.tasks], "seconds": limits.seconds, "memory": limits.memory}
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], CHAPTER_SECONDS)
        said = json.loads(self.process.stdout.readline() or b"{}") if ready else {"error": f"it took more than {CHAPTER_SECONDS} s"}
        if "done" not in said:
            self.close()
            raise GraderError(f"the chapter {key.chapter} does not run here, so nothing can be graded: {said.get('error', 'its process ended')}")

    def close(self):
        """End the nursery, and all that waits in it."""
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def mark(self, task, answer, seeds, walls):
        """The Mark for one exercise."""
        if answer is None:
            return Mark(task.name, 0, task.points, "open", "The cell for this answer is not in the notebook.")
        if keys.squeezed(answer.cell) == keys.squeezed(task.stub):
            return Mark(task.name, 0, task.points, "open", "Not attempted.")
        try:
            said = self.hear(task, answer, seeds, walls)
        except NotAttempted:
            return Mark(task.name, 0, task.points, "open", "Not attempted: there is still a `...` in it.")
        except Wrong as wrong:
            return Mark(task.name, 0, task.points, "wrong", str(wrong).partition("\n")[0])
        except Gone as gone:
            return Mark(task.name, 0, task.points, "wrong", f"Not yet. {gone}")
        return Mark(task.name, task.points, task.points, "right", said)

    def hear(self, task, answer, seeds, walls):
        """Let the checker judge an answer that runs in a child of the nursery; return what there is to notice."""
        exercise = find(task.name)
        with socket.socket(socket.AF_UNIX) as connection:
            wire = Wire(connection, deadline=time.monotonic() + self.limits.seconds)
            wire.patient(connection.connect, os.path.join(self.folder, task.name))
            wire.send({"definitions": answer.definitions, "cell": answer.cell, "arguments": task.arguments})
            reply = wire.receive()
            if "error" in reply:
                if reply.get("gap"):
                    raise NotAttempted("")
                error = as_exception(reply)
                raise Gone(f"Your cell raised {type(error).__name__}: {' '.join(str(error).split())}{error.line}.")
            walls += [str(wall) for wall in reply.get("walls", [])][:5]
            values = wire.unpacked(reply.get("value"))
            if not isinstance(values, list) or len(values) != len(task.arguments):
                raise Gone("Your code answered in the place of the grader.")
            for seed in seeds:
                exercise.judge(*values, seed=seed)
        return f"Yes. {exercise.notice}"
