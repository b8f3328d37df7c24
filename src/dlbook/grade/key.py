"""What there is to solve in a chapter, and what a student wrote for it: read from notebooks, which are JSON.

What a student wrote is Python, and is not even parsed here, for Python's parser can be made to crash: `Answer.chosen` and
`definitions` run in the cage.
"""

import ast
import hashlib
import json
import re
from dataclasses import dataclass, field

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
CHECK = re.compile(r"^\s*check\.(\w+)\((.*)\)\s*$", re.DOTALL)
LONGEST = 32 << 20  # bytes of a notebook
MOST_CODE = 1 << 20  # bytes of its code


class Unreadable(ValueError):
    """The file is no notebook; the message says what was found."""


@dataclass(frozen=True)
class Task:
    """An exercise: its name, points, the arguments of its check, and its answer cell with the stub in it."""

    name: str
    points: float
    arguments: tuple
    stub: str
    position: int  # of its cell in the chapter


@dataclass(frozen=True)
class Key:
    """A chapter as the grader needs it: its code in order, and its exercises."""

    chapter: str
    cells: tuple  # sources of all code cells but the checks; None where an answer stands
    tasks: tuple
    by_hand: dict = field(default_factory=dict)  # written answers: name -> points

    @property
    def digest(self):
        """A name for all that the marks depend on."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    @classmethod
    def read(cls, path):
        """The key in an instructor's notebook; raises Unreadable where it is none."""
        notebook = read(path.read_bytes())
        cells, tasks, by_hand, answer = [], [], {}, None
        for cell in notebook["cells"]:
            mark = cell.get("metadata", {}).get("nbgrader", {})
            if cell["cell_type"] != "code":
                if mark.get("grade"):
                    by_hand[mark["grade_id"]] = mark.get("points", 1)
            elif mark.get("grade"):
                call = CHECK.match(text_of(cell))
                if not call or answer is None:
                    raise Unreadable(f"{path.name}: the check {mark.get('grade_id')} is no call of `check.NAME(...)` after an answer cell")
                arguments = tuple(ast.unparse(a) for a in ast.parse(f"f({call[2]})", mode="eval").body.args)
                tasks.append(Task(call[1], float(mark.get("points", 1)), arguments, stubbed(answer), len(cells) - 1))
            elif mark.get("solution"):
                answer = text_of(cell)
                if BEGIN not in answer:
                    raise Unreadable(f"{path.name} holds no solutions: give the instructor edition")
                cells.append(None)
            else:
                cells.append(text_of(cell))
        if not tasks:
            raise Unreadable(f"{path.name} has no exercises that can be graded: give the instructor edition that `make editions` makes")
        chapter = notebook["metadata"].get("dlbook", {}).get("chapter", path.stem)
        return cls(chapter, tuple(cells), tuple(tasks), by_hand)


@dataclass(frozen=True)
class Answer:
    """What to run for one exercise: the answer cell, or None where its name was lost; and the student's cells, to find it or
    to take definitions from.
    """

    cells: tuple
    cell: str | None


def read(raw):
    """The notebook in some bytes; raises Unreadable."""
    if not raw.strip():
        raise Unreadable("The file is empty.")
    if len(raw) > LONGEST:
        raise Unreadable(f"The file has {len(raw):,} bytes, and {LONGEST:,} are the limit. Clear its outputs and hand it in again.")
    try:
        notebook = json.loads(raw.decode("utf-8"))
        cells = notebook["cells"]
        for cell in cells:
            text_of(cell)
            mark = cell.get("metadata", {}).get("nbgrader", {})
            if not isinstance(cell["cell_type"], str) or not isinstance(mark, dict) or not isinstance(cell.get("id", ""), str):
                raise TypeError
        notebook.setdefault("metadata", {}).setdefault("dlbook", {}).get("chapter")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Unreadable("The file is no Jupyter notebook: save it as .ipynb in JupyterLab and hand that in.") from None
    return notebook


def text_of(cell):
    """The source of a cell, which the format allows to be a text or a list of lines."""
    source = cell["source"]
    return "".join(source) if isinstance(source, list) else source + ""


def answers(notebook, key):
    """What a student wrote: exercise -> Answer.

    Cells are found by nbgrader's name for them, or by their id. Where a cell was copied, the last copy that is no longer the
    stub counts, as it would in the notebook.
    """
    known = {squeezed(source) for source in key.cells if source}
    stubs = {task.name: squeezed(task.stub) for task in key.tasks}
    written, own = {}, []
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        source = text_of(cell)
        name = str(cell.get("metadata", {}).get("nbgrader", {}).get("grade_id", "")) or cell.get("id", "").removeprefix("answer-")
        if name in stubs and (name not in written or squeezed(source) != stubs[name]):
            written[name] = source
        if squeezed(source) not in known and not source.lstrip().startswith("check."):
            own.append(source)
    if sum(map(len, own)) > MOST_CODE:
        raise Unreadable(f"The notebook holds {sum(map(len, own)):,} characters of code of its own, and {MOST_CODE:,} are the limit.")
    return {task.name: Answer(tuple(own), written.get(task.name)) for task in key.tasks}


# ---- in the cage ----------------------------------------------------------------------------------------------------------

def chosen(cells, cell, stub):
    """The answer cell; where its name was lost, the last cell that defines what the stub defines; None if there is none."""
    if cell is None and assigned(stub):
        for source in cells:
            cell = source if assigned(stub) <= assigned(source) else cell
    return cell


def definitions(source):
    """The imports, functions, classes and plain constants of a cell: what an answer elsewhere may use, without running the rest."""
    try:
        body = ast.parse(python(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    kept = [node for node in body
            if isinstance(node, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef))
            or isinstance(node, ast.Assign) and not any(isinstance(part, (ast.Call, ast.Constant)) and (
                isinstance(part, ast.Call) or part.value is ...) for part in ast.walk(node.value))]
    try:
        return "\n".join(map(ast.unparse, kept))
    except RecursionError:
        return ""


def assigned(source):
    """The names that a cell defines at its top."""
    try:
        body = ast.parse(python(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    names = {node.name for node in body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    return names | {part.id for node in body if isinstance(node, ast.Assign) for target in node.targets
                    for part in ast.walk(target) if isinstance(part, ast.Name)}


def python(source):
    """A cell without its magics, line for line."""
    try:
        ast.parse(source)
        return source  # a line may begin with % and be Python
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())


def stubbed(source):
    """An answer cell with each solution replaced by `...`, as the student edition has it."""
    lines, inside = [], False
    for line in source.splitlines():
        if BEGIN in line:
            inside = True
            if not (lines and re.match(r"\s*\w+ = \.\.\.", lines[-1])):
                lines.append(line[: len(line) - len(line.lstrip())] + "...")
        elif END in line:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def squeezed(source):
    return re.sub(r"\s+", "", source)
