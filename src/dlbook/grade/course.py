"""Many submissions: found in a folder, graded in parallel here or on a cluster, each with a mark in a table and a page to read.

Every result is on disk as soon as it is known, under a name that depends on the submission, the key and the settings: a
run that was interrupted goes on where it stopped, and one that is started again with a few new submissions grades those.
"""

import csv
import hashlib
import io
import os
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from .feedback import page
from .judge import SEEDS, GraderError, Limits, Result, grade


@dataclass(frozen=True)
class Submission:
    """A file that a student handed in."""

    student: str
    path: Path


def found(places):
    """The submissions in files and folders: `bob.ipynb`, `submissions/bob.ipynb`, or `submissions/bob/…/anything.ipynb`.

    A student's name is the file's, or that of the first folder below the one given. Where a student has several files,
    each is a submission of its own.
    """
    submissions = []
    for place in map(Path, places):
        if place.is_dir():
            files = sorted(file for file in place.rglob("*.ipynb") if not any(part.startswith(".") for part in file.relative_to(place).parts))
            if not files:
                raise FileNotFoundError(f"there is no notebook (.ipynb) in {place}: give the folder that holds the submissions, or the files")
            submissions += [Submission(file.relative_to(place).parts[0].removesuffix(".ipynb"), file) for file in files]
        elif place.is_file():
            submissions.append(Submission(place.stem, place))
        else:
            raise FileNotFoundError(f"{place} does not exist: give a submission, or the folder that holds them")
    return submissions


def grade_all(submissions, key, folder, *, limits=Limits(), seeds=SEEDS, jobs=-1, cluster=None, progress=None):
    """Grade `submissions` against `key`, write `grades.csv` and `feedback/` in `folder`, and return [(Submission, Result)].

    Parameters
    ----------
    submissions : list of Submission
    key : Key
    folder : Path
        Holds the results of earlier runs too; those are not graded again.
    limits : Limits, for each exercise
    seeds : the inputs that checkers draw, the same for everybody
    jobs : int, how many at a time on this machine; -1 for one for each core
    cluster : address of a Dask scheduler (`tcp://…`), to grade on its workers instead
    progress : bool, whether to show a bar on stderr; by default on a terminal

    Raises
    ------
    GraderError
        If the chapter does not run, or the cluster cannot be reached.
    """
    kept = folder / "results"
    kept.mkdir(parents=True, exist_ok=True)
    contents = [submission.path.read_bytes() for submission in submissions]
    names = [hashlib.sha256(repr((raw, key.digest, limits, tuple(seeds))).encode()).hexdigest()[:24] for raw in contents]
    waiting = {name: raw for name, raw in zip(names, contents) if earlier(kept / f"{name}.json") is None}
    with bar(len(waiting), progress) as advance, workers(jobs, cluster, len(waiting)) as run:
        for name, text in run((name, raw, key, limits, seeds) for name, raw in waiting.items()):
            write(kept / f"{name}.json", text)
            advance()
    results = [earlier(kept / f"{name}.json") for name in names]
    graded = list(zip(submissions, results, strict=True))
    write(folder / "grades.csv", table(graded, key))
    for submission, result in graded:
        write(folder / "feedback" / f"{file_name(submission, submissions)}.html", page(submission.student, key.chapter, result))
    return graded


def one(name, raw, key, limits, seeds):
    """Grade one submission, wherever this runs."""
    return name, grade(raw, key, limits, seeds).to_json()


@contextmanager
def workers(jobs, cluster, many):
    """A function that grades the tasks it is given, and yields each result when it is there."""
    if not many:
        yield lambda tasks: ()
        return
    try:
        import joblib
    except ImportError:
        if cluster:
            raise GraderError("a cluster needs joblib and dask.distributed: pip install joblib distributed") from None
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
                               return_as="generator_unordered", pre_dispatch="all" if cluster else "2*n_jobs")
        yield lambda tasks: pool(joblib.delayed(one)(*task) for task in tasks)


def earlier(path):
    """The result that an earlier run left at `path`; None where there is none that can be read."""
    try:
        return Result.from_json(path.read_text("utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def table(graded, key):
    """The grades as CSV: a row for each submission, a column for each exercise."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["student", "chapter", "points", "of", *(task.name for task in key.tasks), "seconds", "file", "note"])
    for submission, result in graded:
        rows.writerow([harmless(submission.student), key.chapter, f"{result.points:g}", f"{result.of:g}", *(f"{mark.points:g}" for mark in result.marks),
                       result.seconds, harmless(submission.path.name), harmless(result.note)])
    return text.getvalue()


def harmless(text):
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def file_name(submission, submissions):
    """The feedback page's name: the student's, and the file's too where they handed in several."""
    several = sum(other.student == submission.student for other in submissions) > 1
    name = f"{submission.student}-{hashlib.sha256(str(submission.path).encode()).hexdigest()[:6]}" if several else submission.student
    return "".join(c if c.isalnum() or c in "-_. @" else "_" for c in name)


def write(path, text):
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)


@contextmanager
def bar(total, shown):
    """A line on stderr that counts submissions, and goes when they are done."""
    shown = sys.stderr is not None and sys.stderr.isatty() if shown is None else shown
    done, start = 0, time.monotonic()

    def advance():
        nonlocal done
        done += 1
        if shown:
            left = (time.monotonic() - start) * (total - done) / done
            sys.stderr.write(f"\r{'█' * (30 * done // total):░<30} {done} of {total} submissions, {left:.0f} s left ")
            sys.stderr.flush()

    try:
        if shown and total:
            sys.stderr.write(f"running the chapter once, then {total} submissions …")
            sys.stderr.flush()
        yield advance
    finally:
        if shown and total:
            sys.stderr.write("\r" + " " * 90 + "\r")
            sys.stderr.flush()
