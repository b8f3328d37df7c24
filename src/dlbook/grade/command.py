"""`dlbook grade SUBMISSIONS…`: the command, its arguments, and the table at its end."""

import os
import sys
from collections import Counter
from pathlib import Path

KEYS = Path("_build", "editions", "instructor")
HELP = """Grade notebooks that students handed in, by the book's own checks, where nothing they hold can reach the marks.

Each answer runs in a process of its own with limits on time, memory, files and network. Only values come out of it, and
they are judged outside with fresh inputs. Results are kept in the output folder: start the command again after an
interruption, or with new submissions, and it grades what is missing."""
EXAMPLES = """examples:
  dlbook grade submissions/                     a folder of notebooks, or of a folder for each student, as Moodle,
                                                Canvas and nbgrader export them
  dlbook grade submissions/ --key perceptron.ipynb    against this instructor notebook alone
  dlbook grade submissions/ --dask tcp://host:8786    on the workers of a Dask cluster

what comes out, in grades/:
  grades.csv        student, id, chapter, points, of, each exercise, seconds, file, note
  feedback/         a page for each student

Exit code: 0 when all are graded, 1 when something failed, 2 for a wrong call, 130 after Ctrl-C."""


def options(parser):
    """Say what `dlbook grade` takes."""
    parser.description, parser.epilog = HELP, EXAMPLES
    parser.add_argument("submissions", nargs="+", metavar="SUBMISSIONS", help="notebooks, or folders that hold them")
    parser.add_argument("--key", action="append", type=Path, metavar="NOTEBOOK",
                        help=f"an instructor notebook, or a folder of them; may be given again (default: {KEYS}, which `make editions` makes)")
    parser.add_argument("--out", type=Path, default=Path("grades"), metavar="FOLDER", help="where the results go (default: %(default)s)")
    parser.add_argument("--jobs", type=whole, default=-1, metavar="N", help="how many at a time (default: one for each core)")
    parser.add_argument("--dask", metavar="ADDRESS", help="grade on the Dask cluster whose scheduler is at this address, tcp://host:port")
    parser.add_argument("--seconds", type=positive, default=10.0, help="time limit for each exercise (default: %(default)g)")
    parser.add_argument("--memory", type=positive, default=1024.0, metavar="MB",
                        help="memory limit for each exercise, beyond what the chapter takes (default: %(default)g)")
    parser.add_argument("--seed", type=int, metavar="N", help="of the inputs that the checks draw (default: drawn once for each output folder)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar and no table")


def positive(text):
    number = float(text)
    if not 0 < number < 1e9:
        raise ValueError
    return number


def whole(text):
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def run(options):
    """Grade, and print what came out; return the exit code."""
    from . import course
    from .judge import GraderError, Limits
    from .submissions import found

    try:
        submissions = found(options.submissions)
        keys = keys_in(options.key or [KEYS], given=bool(options.key))
    except (OSError, ValueError) as error:
        print(f"dlbook grade: {error}", file=sys.stderr)
        return 2
    try:
        graded = course.grade_all(submissions, keys, options.out, limits=Limits(options.seconds, int(options.memory * 2**20)), seed=options.seed,
                                  jobs=options.jobs, cluster=options.dask, progress=False if options.quiet else None)
    except KeyboardInterrupt:
        print(f"dlbook grade: stopped; what is graded is kept in {options.out}, and the same command goes on from there", file=sys.stderr)
        sys.stderr.flush()
        return 130
    except (GraderError, OSError) as error:
        print(f"dlbook grade: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    if not options.quiet:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")  # a terminal that knows no blocks shows question marks
        print(summary(graded, options.out))
    failed = [each for each in graded if each.result is None]
    for each in failed:
        print(f"dlbook grade: the grader failed on {each.submission.path}, which has no marks now: {each.trouble}", file=sys.stderr)
    return 1 if failed else 0


def keys_in(places, given=True):
    """The keys in instructor notebooks and folders of them; raises ValueError, in a sentence, where there are none."""
    from ..check import EXERCISES
    from .key import Key, Unreadable

    keys = []
    for place in places:
        if place.is_dir():
            for path in sorted(place.rglob("*.ipynb")):
                try:
                    keys.append(Key.read(path))
                except Unreadable:
                    continue  # a chapter without exercises that a machine can grade
        elif place.is_file():
            keys.append(Key.read(place))
        else:
            how = "" if given else ": `make editions` makes it, or name an instructor notebook with --key"
            raise ValueError(f"{place} does not exist{how}")
    if unknown := [task.name for key in keys for task in key.tasks if task.name not in EXERCISES]:
        raise ValueError(f"this dlbook has no check for {', '.join(unknown)}: the instructor notebooks are of another version")
    if not keys:
        raise ValueError(f"no instructor notebook with exercises in {', '.join(map(str, places))}")
    return keys


def summary(graded, folder):
    """What came out, in a few lines."""
    from .cage import WALLS

    results = [each.result for each in graded if each.result is not None]
    lines = []
    for chapter in dict.fromkeys(result.chapter for result in results if not result.note):
        here = [result for result in results if result.chapter == chapter and not result.note]
        mean = sum(result.points for result in here) / len(here)
        lines += [f"{chapter}: {len(here)} submission{'s' * (len(here) != 1)}, mean {mean:.1f} of {here[0].of:g} points"]
        for marks in zip(*(result.marks for result in here), strict=True):
            share = sum(mark.verdict == "right" for mark in marks) / len(marks)
            opened = sum(mark.verdict == "open" for mark in marks)
            lines += [f"  {marks[0].name:<28} {'█' * round(20 * share):░<20} {share:4.0%} solved{f', {opened} not attempted' if opened else ''}"]
    unreadable = [each for each in graded if each.result is not None and each.result.note]
    lines += [f"not graded: {each.submission.student} ({each.submission.path.name}): {each.result.note}" for each in unreadable]
    same = [names for digest in Counter(each.digest for each in graded if each.digest)
            if len(names := sorted({each.submission.student for each in graded if each.digest == digest})) > 1]
    lines += [f"the same file, byte for byte: {', '.join(names)}" for names in same]
    walls = [set(result.walls) for result in results if result.walls is not None]
    if walls:
        held = set.intersection(*walls)
        missing = [wall for wall in WALLS if wall not in held]
        lines += [f"walls around each answer: time, {', '.join(wall for wall in WALLS if wall in held)}"
                  + (f"; refused by this machine: {', '.join(missing)} (see the page `instructors`)" if missing else "")]
    lines += [f"marks: {folder / 'grades.csv'}   pages: {folder / 'feedback'}{os.sep}"]
    return "\n".join(lines)
