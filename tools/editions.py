"""The notebooks that people take away, all from the chapters: self-study, student and instructor editions.

    self-study   stubs, checks, hints; each solution folded after its check
    student      stubs, checks, hints; no line of a solution anywhere
    instructor   solutions, and the outputs that the site shows; ready for nbgrader

Solutions are taken out by nbgrader's own preprocessors. The text is that of the chapters, translated by `tools.plain`.
"""
from __future__ import annotations

import re
from copy import deepcopy

import nbformat
from jupyter_cache import get_cache

from tools import execute, plain
from tools.bookpage import BEGIN, END, solution

EDITIONS = ("self-study", "student", "instructor")
DROPDOWN = re.compile(r"^(?P<fence>`{3,}|:{3,})\{dropdown\} Solution[ \t]*\n(?P<text>.*?)\n(?P=fence)[ \t]*$", re.DOTALL | re.MULTILINE)
NAME = re.compile(r"check\.(\w+)\(")
WRITTEN = "YOUR ANSWER HERE"

HOW = {
    "self-study": "Write in the cells that hold `...`, run the check below, ask for hints. The solution is folded under each check.",
    "student": "Write in the cells that hold `...` and where it says YOUR ANSWER HERE. Run the check below each; ask for hints. "
               "Do not delete or copy cells: they are found by their names when your work is marked.",
    "instructor": "With solutions, and outputs as the site shows them. Do not hand this out: the student edition is made from the same source.",
}


def edition_of(paths, edition, cache):
    """Pairs (path, notebook) of one edition."""
    known = plain.labels(paths)
    store = get_cache(cache)
    for path in paths:
        source = execute.read(path)
        _, executed = store.merge_match_into_notebook(deepcopy(source))
        notebook = released(path, source, executed, plain.Plain(path, known, plain.glued(executed)))
        yield path, {"self-study": self_study, "student": student, "instructor": instructor}[edition](notebook)


def released(path, source, executed, translate):
    """The chapter with its solutions and outputs, its text translated, and nbgrader's metadata on the cells that count."""
    notebook = nbformat.v4.new_notebook(metadata={
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
        "dlbook": {"chapter": f"{path.parent.name}/{path.stem}"},
    })
    points, label, waiting = 1, None, None
    for position, (cell, ran) in enumerate(zip(source.cells, executed.cells, strict=True)):
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "markdown":
            for text, answer in split_answers(cell.source):
                if marks := re.search(r"^[ \t]*(●+)○*", text, re.MULTILINE):
                    points = len(marks[1])
                if labelled := re.findall(r"^:label:[ \t]*ex-(\S+)", text, re.MULTILINE):
                    label = labelled[-1].replace("-", "_")
                if translated := translate(text):
                    notebook.cells.append(markdown(len(notebook.cells), translated))
                if answer is not None:
                    region = f"{BEGIN}\n{translate(answer)}\n{END}"
                    notebook.cells.append(markdown(f"{label}-written", region, written(label, points)))
            continue
        new = nbformat.v4.new_code_cell(cell.source, id=f"cell-{position}", outputs=ran.outputs, execution_count=ran.execution_count)
        new.metadata.tags = [tag for tag in tags if tag in ("exercise", "check", "raises-exception")]
        if "exercise" in tags:
            waiting = new
        elif "check" in tags:
            name = NAME.search(cell.source)[1]
            waiting.metadata.nbgrader = marked(name, solution=True)
            waiting.id = f"answer-{name}"
            new.metadata.nbgrader = marked(f"check-{name}", grade=True, locked=True, points=points)
            new.id = f"check-{name}"
            new.metadata.tags.append("raises-exception")  # JupyterLab's "run all" goes on past an unsolved exercise
        if not new.metadata.tags:
            del new.metadata["tags"]
        new.outputs = [output for output in new.outputs if not output.get("metadata", {}).get("scrapbook")]  # glued: in the text now
        notebook.cells.append(new)
    return notebook


def split_answers(text):
    """Pairs (prose, written solution after it or None) of a Markdown cell."""
    end = 0
    for match in DROPDOWN.finditer(text):
        yield text[end:match.start()], match["text"]
        end = match.end()
    yield text[end:], None


def markdown(name, text, metadata=None):
    return nbformat.v4.new_markdown_cell(text, id=f"text-{name}"[:64].replace("_", "-"), metadata=metadata or {})


def marked(name, *, solution=False, grade=False, locked=False, points=None):
    """nbgrader's metadata of a code cell."""
    mark = {"schema_version": 3, "grade_id": name, "solution": solution, "grade": grade, "locked": locked, "task": False}
    return mark | ({"points": points} if grade else {})


def written(label, points):
    return {"nbgrader": marked(f"written-{label}", solution=True, grade=True, points=points)}


# ---- the three editions ---------------------------------------------------------------------------------------------------

def instructor(notebook):
    return headed(notebook, "instructor")


def student(notebook):
    """Solutions, hidden tests and outputs taken out by nbgrader's preprocessors."""
    from nbgrader.preprocessors import ClearHiddenTests, ClearOutput, ClearSolutions, ComputeChecksums

    notebook = deepcopy(notebook)
    resources = {"language": "python"}
    for index, cell in enumerate(notebook.cells):
        code_stub, cell.source = gap(cell.source)
        clear = ClearSolutions(code_stub={"python": code_stub}, text_stub=WRITTEN)
        notebook.cells[index], resources = clear.preprocess_cell(cell, resources, index)
    for preprocessor in (ClearHiddenTests(), ClearOutput(), ComputeChecksums()):
        notebook, resources = preprocessor.preprocess(notebook, resources)
    return headed(notebook, "student")


def self_study(notebook):
    """The student edition without marks, each solution folded after its check."""
    cleared = student(notebook)
    cleared.cells.pop(1)
    done, pending = [], None
    for cell, original in zip(cleared.cells, notebook.cells, strict=True):
        mark = cell.metadata.pop("nbgrader", {})
        if cell.cell_type == "markdown" and mark.get("solution"):
            cell.source = folded(solution(original.source))
        done.append(cell)
        if mark.get("solution") and cell.cell_type == "code":
            pending = folded(f"```python\n{solution(original.source)}\n```")
        elif pending and mark.get("grade"):
            done.append(markdown(f"solution-{mark['grade_id'].removeprefix('check-')}", pending))
            pending = None
    cleared.cells = done
    return headed(cleared, "self-study")


def gap(source):
    """What stands for the solution of a cell, and the cell without it: a line `answer = ...` right above the region is its stub."""
    match = re.search(rf"^(?P<stub>[ \t]*\w+ = \.\.\..*)\n(?=[ \t]*{BEGIN})", source, re.MULTILINE)
    return (match["stub"].strip(), source[:match.start()] + source[match.end():]) if match else ("...", source)


def folded(text):
    return f"<details>\n<summary>Solution</summary>\n\n{text}\n\n</details>"


def headed(notebook, edition):
    """The notebook with a word about the edition under its title."""
    notebook = deepcopy(notebook)
    notebook.metadata.dlbook.edition = edition
    notebook.cells.insert(1, markdown("edition", f"*{edition.capitalize()} edition. {HOW[edition]}*"))
    return notebook
