"""Many submissions graded in parallel here or on a cluster, each with a mark in a table and a page to read.

Every result is on disk as soon as it is known, under a name that depends on the submission, the key, the settings and this
package: a run that was interrupted goes on where it stopped, and one that is started again with a few new submissions
grades those.
"""

import csv
import hashlib
import io
import os
import secrets
import sys
import threading
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from .feedback import page
from .judge import GraderError, Limits, Result, grade, unread
from .key import Unreadable
from .submissions import Submission, matching
from .wire import legible


@dataclass(frozen=True)
class Graded:
    """A submission and its Result; without one, `trouble` says why the grader failed on it."""

    submission: Submission
    result: Result | None
    digest: str = ""
    trouble: str = ""


def grade_all(submissions, available, folder, *, limits=Limits(), seed=None, jobs=-1, cluster=None, progress=None):
    """Grade `submissions` against the keys, write `grades.csv` and `feedback/` in `folder`, and return a Graded for each.

    Parameters
    ----------
    submissions : list of Submission
    available : list of Key; each submission is graded against the one for its chapter
    folder : Path
        Holds the results of earlier runs too; those are not graded again.
    limits : Limits, for each exercise
    seed : int, of the inputs that checkers draw, the same for everybody; by default drawn once for the folder
    jobs : int, how many at a time on this machine; -1 for one for each core
    cluster : address of a Dask scheduler (`tcp://…`), to grade on its workers instead
    progress : bool, whether to show a bar on stderr; by default on a terminal

    Raises
    ------
    GraderError
        If a chapter does not run, or the cluster cannot be reached.
    """
    kept = folder / "results"
    kept.mkdir(parents=True, exist_ok=True)
    seed = remembered(folder / "seed.txt") if seed is None else seed
    seeds, package = (seed, seed + 1), fingerprint()
    found, waiting, troubles = [], {}, {}
    for submission in submissions:
        try:
            raw, note = submission.read(), ""
        except Unreadable as error:
            raw, note = b"", str(error)
        key = matching(submission.chapter(raw), available)
        if note or key is None:
            note = note or "It is of none of the chapters that there is a key for."
            found.append((submission, unread(key, note) if key else Result([], 0.0, note), ""))
            continue
        name = hashlib.sha256(repr((raw, key.digest, limits, seeds, package)).encode()).hexdigest()[:24]
        found.append((submission, None, name))
        if earlier(kept / f"{name}.json") is None:
            waiting[name] = submission, key
    tasks = ((name, submission.read(), key, limits, seeds, package, os.getpid()) for name, (submission, key) in waiting.items())
    with bar(len(waiting), len(submissions), progress) as advance, workers(jobs, cluster, len(waiting)) as run:
        for name, text, trouble in run(tasks):
            if text:
                write(kept / f"{name}.json", text)
            troubles[name] = trouble
            advance()
    graded = [Graded(submission, result or earlier(kept / f"{name}.json"), name, troubles.get(name, "")) for submission, result, name in found]
    write(folder / "grades.csv", table(graded))
    for each, name in zip(graded, file_names(graded), strict=True):
        if each.result is not None:
            write(folder / "feedback" / f"{name}.html", page(each.submission.student, each.result))
    return graded


def one(name, raw, key, limits, seeds, package, grader):
    """Grade one submission, wherever this runs: its name, its Result as JSON, and what went wrong with the grader."""
    if os.getppid() == grader and not any(thread.name == "end with the grader" for thread in threading.enumerate()):
        threading.Thread(target=end_with, args=(grader,), name="end with the grader", daemon=True).start()
    if fingerprint() != package:
        raise GraderError("dlbook has changed since this run began, or a worker of the cluster has another version: install the same one everywhere")
    try:
        return name, grade(raw, key, limits, seeds).to_json(), ""
    except GraderError:
        raise
    except Exception as error:  # a bug of ours, or an attack that found one: it must cost the others nothing, and this one no marks
        return name, "", legible(f"{type(error).__name__}: {error}")


def end_with(grader):
    """End this worker when the grader has been killed; joblib's would wait for work for minutes."""
    while os.getppid() == grader:
        time.sleep(0.3)
    os._exit(1)


@contextmanager
def workers(jobs, cluster, many):
    """A function that grades the tasks it is given, and yields each result when it is there."""
    if not many:
        yield lambda tasks: ()
        return
    os.environ["PYTHONSAFEPATH"] = "1"  # for the processes we start: today's folder may be full of submissions
    try:
        import joblib
    except ImportError:
        if cluster:
            raise GraderError("a cluster needs joblib and distributed: pip install joblib distributed") from None
        yield lambda tasks: (one(*task) for task in tasks)
        return
    client = nullcontext()
    if cluster:
        try:
            from dask.distributed import Client

            client = Client(cluster, timeout=15)
        except ImportError:
            raise GraderError("a cluster needs dask.distributed: pip install distributed") from None
        except (OSError, TimeoutError, ValueError) as error:
            raise GraderError(f"no Dask scheduler answers at {cluster} ({type(error).__name__}): is `dask scheduler` running there?") from None
    with client, joblib.parallel_config(backend="dask" if cluster else "loky"):
        pool = joblib.Parallel(n_jobs=-1 if cluster else min(jobs if jobs > 0 else os.cpu_count() or 1, many), batch_size=1,
                               return_as="generator_unordered", pre_dispatch="3*n_jobs")
        yield lambda tasks: pool(joblib.delayed(one)(*task) for task in tasks)


def fingerprint():
    """A name for this package as it is, checkers included."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]


def remembered(path):
    """The seed of a folder: no student knows it before, and it stays, so that everybody gets the same numbers."""
    try:
        return int(path.read_text("utf-8"))
    except (OSError, ValueError):
        write(path, f"{secrets.randbelow(10**9)}\n")
        return int(path.read_text("utf-8"))


def earlier(path):
    """The result that an earlier run left at `path`; None where there is none that can be read."""
    try:
        return Result.from_json(path.read_text("utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def table(graded):
    """The grades as CSV: a row for each submission, a column for each exercise; no points where the grader failed."""
    text = io.StringIO()
    exercises = list(dict.fromkeys(mark.name for each in graded if each.result for mark in each.result.marks))
    rows = csv.DictWriter(text, ["student", "id", "chapter", "points", "of", *exercises, "seconds", "file", "note"], lineterminator="\n")
    rows.writeheader()
    for each in graded:
        row = {"student": each.submission.student, "id": each.submission.number, "file": legible(each.submission.path.name, 255)}
        if each.result is None:
            row["note"] = f"the grader failed, mark this by hand: {each.trouble}"
        else:
            row |= {"chapter": each.result.chapter, "points": f"{each.result.points:g}", "of": f"{each.result.of:g}",
                    "seconds": f"{each.result.seconds:g}", "note": each.result.note, **{mark.name: f"{mark.points:g}" for mark in each.result.marks}}
        rows.writerow({column: harmless(value) for column, value in row.items()})
    return text.getvalue()


def harmless(text):
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠") else text


def file_names(graded):
    """The names of the feedback pages: the student's, and more where two would share one."""
    plain = ["".join(c if c.isalnum() or c in "-_. @" else "_" for c in each.submission.student)[:60] or "_" for each in graded]
    folded = [name.casefold() for name in plain]
    return [f"{name}-{hashlib.sha256(os.fsencode(each.submission.path)).hexdigest()[:6]}" if folded.count(name.casefold()) > 1 else name
            for name, each in zip(plain, graded, strict=True)]


def write(path, text):
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


@contextmanager
def bar(total, all_of_them, shown):
    """A line on stderr that counts submissions, and goes when they are done."""
    shown = sys.stderr is not None and sys.stderr.isatty() if shown is None else shown
    done, start = 0, time.monotonic()

    def say(text):
        if shown and total:
            sys.stderr.write(f"\r{text:<90}")
            sys.stderr.flush()

    def advance():
        nonlocal done
        done += 1
        left = (time.monotonic() - start) * (total - done) / done
        say(f"{'█' * (30 * done // total):░<30} {done} of {total} submissions, {left:.0f} s left")

    before = f", {all_of_them - total} done before" if all_of_them > total else ""
    say(f"{total} submissions to grade{before}: running the chapter once …")
    try:
        yield advance
    finally:
        say("")
        say("\r")
