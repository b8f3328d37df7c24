"""`dlbook progress [FOLDER]`: what you have solved, chapter by chapter, read from your own notebooks.

A notebook keeps what each check said when it was last run. `--run` asks the checks anew, each answer in a process of its own.
"""

import ast
import re
import sys
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("notebooks")
STATES = ("solved", "not yet", "not run yet", "not attempted")  # from best to worst, for a chapter that there are several copies of
SAID = {"Yes.": "solved", "Not yet.": "not yet", "Not attempted yet.": "not attempted", "Wrong": "not yet", "NotAttempted": "not attempted"}
HELP = """Say what you have solved, chapter by chapter, from your own notebooks: the folder `notebooks` that `make lab` fills.

It reads what each check said when you last ran it and saved the notebook. A check cannot know that you have changed the
answer since; with --run, all checks are run afresh (Linux and macOS; a chapter takes as long as running it does)."""
EXAMPLES = """examples:
  dlbook progress                   what the checks in your notebooks said last
  dlbook progress notebooks --run   what they say now"""


@dataclass(frozen=True)
class Chapter:
    """A chapter as a student has it; states: exercise -> one of STATES."""

    name: str
    title: str
    path: Path
    states: dict
    trouble: str = ""

    @property
    def solved(self):
        return sum(state == "solved" for state in self.states.values())


def options(parser):
    """Say what `dlbook progress` takes."""
    parser.description, parser.epilog = HELP, EXAMPLES
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, metavar="FOLDER", help="your notebooks (default: %(default)s)")
    parser.add_argument("--run", action="store_true", dest="afresh", help="run the checks afresh instead of reading what they said last")


def run(options):
    """Print the progress in a folder; return the exit code."""
    try:
        chapters, troubles = progress(options.folder, options.afresh)
    except FileNotFoundError:
        print(f"dlbook progress: there are no notebooks in {options.folder}: `make lab` puts them into {FOLDER}, "
              "or name the folder that holds yours", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    for trouble in troubles:
        print(f"dlbook progress: {trouble}", file=sys.stderr)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal that knows no blocks shows question marks
    print(report(chapters, options.afresh))
    return 1 if troubles else 0


def progress(folder, afresh=False):
    """The chapters in a folder, and sentences on what could not be read.

    Raises FileNotFoundError if there is no notebook.
    """
    from .grade import key as keys
    from .grade.submissions import found

    chapters, troubles = {}, []
    for submission in found([folder]):
        try:
            notebook = keys.read(submission.read())
            chapter = read(notebook, submission.path, folder)
        except keys.Unreadable as error:
            troubles.append(f"{submission.path} was left out. {error}")
            continue
        if afresh and chapter.states:
            chapter = asked(chapter, notebook)
            if chapter.trouble:
                troubles.append(f"{submission.path}: {chapter.trouble}")
        chapters[chapter.name] = better(chapter, chapters.get(chapter.name))
    return [chapter for _, chapter in sorted(chapters.items()) if chapter.states], troubles


def read(notebook, path, folder):
    """The Chapter in a notebook, from what its checks said last."""
    from .grade.wire import legible

    states = {name: state(cell) for name, _, cell in checks(notebook)}
    name = notebook["metadata"]["dlbook"].get("chapter") or re.sub(r"-newer(-\d+)?$", "", path.relative_to(folder).with_suffix("").as_posix())
    title = next((match[1] for cell in notebook["cells"] if cell["cell_type"] == "markdown" and (match := re.match(r"# +(.*)", source(cell)))), str(name))
    return Chapter(legible(name, 100), legible(title, 60), path, states)


def source(cell):
    from .grade.key import text_of

    return text_of(cell)


def checks(notebook):
    """The checks of a notebook: name of the exercise, arguments of its call, and the cell."""
    from .check import EXERCISES
    from .grade.key import CHECK

    for cell in notebook["cells"]:
        call = CHECK.match(source(cell)) if cell["cell_type"] == "code" else None
        if call and call[1] in EXERCISES:
            yield call[1], call[2], cell


def state(cell):
    """What a check said last, from the outputs kept in its cell."""
    outputs = cell.get("outputs")
    for output in reversed(outputs if isinstance(outputs, list) else []):
        if not isinstance(output, dict):
            continue
        text = output.get("text", "")
        text = "".join(map(str, text)) if isinstance(text, list) else str(text)
        for beginning, meaning in SAID.items():
            if text.startswith(beginning) or output.get("ename") == beginning:
                return meaning
    return "not run yet"


def better(chapter, other):
    """Two copies of a chapter as one: each exercise as it stands where it stands best; the file is the one with more solved."""
    if other is None:
        return chapter
    first, second = (chapter, other) if chapter.solved > other.solved else (other, chapter)
    known = {name: [each.states[name] for each in (first, second) if name in each.states] for name in {**first.states, **second.states}}
    return Chapter(first.name, first.title, first.path, {name: min(states, key=STATES.index) for name, states in known.items()})


def asked(chapter, notebook):
    """The chapter with its checks run afresh; `trouble` says why where that cannot be done."""
    from .grade import judge
    from .grade.key import Answer, Key, Task, definitions

    print(f"running {chapter.path} …", file=sys.stderr, flush=True)
    cells, tasks, answers, own = [], [], {}, []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        text, tags = source(cell), cell.get("metadata", {}).get("tags") or []
        found = next((check for check in checks({"cells": [cell]})), None)
        if found and cells and cells[-1] is None and found[0] not in answers:
            name, arguments, _ = found
            try:
                wanted = tuple(ast.unparse(a) for a in ast.parse(f"f({arguments})", mode="eval").body.args)
            except SyntaxError:
                continue
            tasks.append(Task(name, 1.0, wanted, "", len(cells) - 1))
            answers[name] = own[-1]
        elif not found and "exercise" in tags:
            cells.append(None)
            own.append(text)
        elif not found:
            cells.append(text)
    helpers = tuple(text for text in own if definitions(text))
    key = Key(chapter.name, tuple(cells), tuple(tasks))
    states = dict(chapter.states)
    try:
        for task in tasks:
            mark = judge.patiently(key, judge.Limits(seconds=60.0), task, Answer(helpers, answers[task.name]), judge.SEEDS, [])
            states[task.name] = {"right": "solved", "wrong": "not yet", "open": "not attempted"}[mark.verdict]
    except judge.GraderError as error:
        return Chapter(chapter.name, chapter.title, chapter.path, states, f"its checks could not be run afresh: {' '.join(str(error).split())}")
    return Chapter(chapter.name, chapter.title, chapter.path, states)


def report(chapters, afresh):
    """The progress in a few lines: a bar for each chapter, what is next, and what this rests on."""
    lines, total, solved = [], sum(len(chapter.states) for chapter in chapters), sum(chapter.solved for chapter in chapters)
    for chapter in chapters:
        rest = [f"{count} {state}" for state in STATES[1:] if (count := sum(other == state for other in chapter.states.values()))]
        done = round(12 * chapter.solved / len(chapter.states))
        more = f" ({', '.join(rest)})" if rest else ""
        lines.append(f"{'█' * done:░<12} {chapter.solved} of {len(chapter.states)}  {chapter.title}{more}")
    lines.append(f"{solved} of {total} exercises solved." if chapters else "None of these notebooks has exercises.")
    upcoming = next(((chapter, name) for chapter in chapters for name, state in chapter.states.items() if state != "solved"), None)
    if upcoming:
        chapter, name = upcoming
        lines.append(f"Next: {name} ({chapter.states[name]}), in {chapter.path}")
    if chapters and not afresh:
        lines.append("This is what the checks said when you last ran them and saved. If you changed an answer since, run its check, or add --run.")
    return "\n".join(lines)
