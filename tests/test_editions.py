"""The editions: no student sees a solution, "run all" reaches the end, nbgrader works on them, and no answer is ever lost."""

import ast
import html
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from copy import deepcopy
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

from tools import editions, execute, notebooks, plain, release
from tools.bookpage import BEGIN, END, stub
from tools.environment import ROOT, Problem, prepare_kernel

pytestmark = pytest.mark.book
pytest.importorskip("nbgrader", reason="the extra `class` is not installed")
CHAPTERS = execute.chapters()
NAMES = [path.stem for path in CHAPTERS]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("editions") / "editions"
    made = subprocess.run([sys.executable, "-m", "tools.book", "editions", str(folder), "--here"], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    assert made.stdout.splitlines()[-1].endswith("Never hand out the folders `instructor` and `course`.")
    prepare_kernel()
    return folder


def of(folder, edition, name):
    (place,) = (folder / edition).rglob(f"{name}.ipynb")
    return nbformat.read(place, as_version=4)


def exercises(path):
    """Sources of the exercise cells of a chapter."""
    return [cell.source for cell in jupytext.read(path).cells if "exercise" in cell.metadata.get("tags", [])]


# ---- nothing leaks ----------------------------------------------------------------------------------------------------

def squeezed(text):
    return re.sub(r"\s+", "", text)


def secrets(path):
    """Lines of the solutions of a chapter, squeezed; those that its text shows anyway are no secret."""
    lines, public, inside = [], [], False
    fence = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if BEGIN in line or END in line:
            inside = BEGIN in line
        elif match := re.match(r"^(`{3,}|:{3,})\{dropdown\} Solution", line):
            inside, fence = True, match[1]
        elif inside and fence and line.strip() == fence:
            inside = fence = None
        else:
            (lines if inside else public).append(squeezed(line))
    shown = "".join(public)
    return {line for line in lines if len(line) > 7 and line not in shown}


def leaks(text, paths=CHAPTERS):
    """The secret lines that stand in `text`, be it JSON, HTML or plain."""
    plain_text = re.sub(r"<[^>]*>", "", html.unescape(text))
    forms = [squeezed(form) for form in (text, plain_text, text.replace('\\n', '\n').replace('\\"', '"').replace("\\\\", "\\"))]
    return {line for path in paths for line in secrets(path) for form in forms if line in form}


def test_there_are_secrets_and_the_search_finds_them():
    for path in CHAPTERS:
        assert len(secrets(path)) > 10
    source = CHAPTERS[1].read_text(encoding="utf-8")
    assert leaks(source) >= secrets(CHAPTERS[1])
    assert leaks(json.dumps({"cells": source})) and leaks(f"<pre>{html.escape(source)}</pre>")


def test_no_solution_is_in_what_students_get(built):
    looked_at = 0
    for part in ("student", "student-site"):
        for file in sorted((built / part).rglob("*")):
            if file.suffix in {".ipynb", ".md", ".html", ".js", ".json", ".txt", ".inv", ".xml"} and "mathjax" not in file.parts:
                looked_at += 1
                assert not leaks(file.read_text(encoding="utf-8", errors="replace")), file
    with zipfile.ZipFile(built / "dlbook-student.zip") as archive:
        for name in archive.namelist():
            assert not leaks(archive.read(name).decode()), name
            assert not leaks(name)
    assert looked_at > 2 * len(CHAPTERS)


def test_no_word_that_only_solutions_use_is_in_the_search_index(built):
    index = json.loads(re.search(r"setIndex\((.*)\)", (built / "student-site" / "searchindex.js").read_text(), re.DOTALL)[1])
    words = lambda text: set(re.findall(r"[a-z]{5,}", text.lower()))  # noqa: E731
    solved = whole = ""
    for path in (ROOT / "chapters").rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        parts = re.findall(rf"{BEGIN}.*?{END}", text, re.DOTALL) + [match["text"] for match in editions.DROPDOWN.finditer(text)]
        solved += " ".join(parts)
        for part in parts:
            text = text.replace(part, "")
        whole += text
    only = words(solved) - words(whole)
    assert len(only) > 5
    assert not only & set(index["terms"])


def test_a_student_notebook_has_no_output_and_an_instructor_one_has(built):
    for name in NAMES:
        cells = of(built, "student", name).cells
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
        assert any(cell.get("outputs") for cell in of(built, "instructor", name).cells)


# ---- the stubs, and what surrounds them -----------------------------------------------------------------------------------

@pytest.mark.parametrize("path", CHAPTERS, ids=NAMES)
def test_the_page_and_the_notebooks_show_the_same_stubs(path, built):
    for edition in ("student", "self-study"):
        shown = [cell.source for cell in of(built, edition, path.stem).cells if "exercise" in cell.metadata.get("tags", [])]
        assert [squeezed(source) for source in shown] == [squeezed(stub(source)) for source in exercises(path)]


@pytest.mark.parametrize("name", NAMES)
def test_each_exercise_has_its_solution_folded_after_its_check_in_the_self_study_edition(name, built):
    cells = of(built, "self-study", name).cells
    checks = [index for index, cell in enumerate(cells) if "check" in cell.metadata.get("tags", [])]
    assert checks
    for index in checks:
        assert "raises-exception" in cells[index].metadata.tags
        assert cells[index + 1].source.startswith("<details>\n<summary>Solution</summary>\n\n```python\n")
        assert BEGIN not in cells[index + 1].source
    assert not any("nbgrader" in cell.metadata for cell in cells)


@pytest.mark.parametrize("edition", editions.EDITIONS)
@pytest.mark.parametrize("name", NAMES)
def test_the_text_is_markdown_that_every_program_knows(name, edition, built):
    for cell in of(built, edition, name).cells:
        if cell.cell_type == "markdown":
            prose = re.sub(r"\$[^$]*\$|`[^`{}]*`", "", cell.source)
            assert not re.search(r"\{[a-z:]+\}`|^[`:]{3,}\{|^\([\w-]+\)=$", prose, re.MULTILINE), cell.source


def test_cells_have_names_of_their_own_and_code_that_parses(built):
    for edition in editions.EDITIONS:
        for name in NAMES:
            notebook = of(built, edition, name)
            nbformat.validate(notebook)
            assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
            for cell in notebook.cells:
                if cell.cell_type == "code":
                    ast.parse(cell.source)


def test_two_builds_are_the_same_to_the_last_byte(built, tmp_path):
    for edition in ("student", "self-study", "instructor"):
        release.pack(built / edition, tmp_path / f"dlbook-{edition}.zip")
        assert (tmp_path / f"dlbook-{edition}.zip").read_bytes() == (built / f"dlbook-{edition}.zip").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_run_all_reaches_the_end_with_every_exercise_unsolved(name, built, tmp_path):
    notebook = of(built, "student", name)
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    for cell in notebook.cells:
        errors = [output for output in cell.get("outputs", []) if output.output_type == "error"]
        if "check" in cell.metadata.get("tags", []):
            (error,) = errors
            assert error.ename == "NotAttempted" and len(error.traceback) == 2, error
        else:
            assert not errors
    self_study = [cell.source for cell in of(built, "self-study", name).cells if cell.cell_type == "code"]
    assert self_study == [cell.source for cell in notebook.cells if cell.cell_type == "code"]


# ---- unknown markup -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("text, said", [
    ("```{nonesuch} x\ny\n```", "{nonesuch}"), ("a {nonesuch}`b`", "{nonesuch}"), ("{glue:text}`never`", "no cell glues"),
    ("{eq}`eq-nowhere`", "eq-nowhere"), ("{ref}`nowhere`", "leads nowhere"), ("{cite:t}`nobody1900`", "nobody1900"), ("```{note}\nx", "not closed"),
])
def test_markup_that_cannot_be_translated_is_named(text, said):
    with pytest.raises(Problem, match=re.escape(said)):
        plain.Plain(CHAPTERS[0], plain.labels(CHAPTERS), {})(text)


# ---- nbgrader -------------------------------------------------------------------------------------------------------------

def nbgrader(course, *words):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader starts alembic by name, as in an activated environment
    done = subprocess.run([sys.executable, "-m", "nbgrader", *words], cwd=course, capture_output=True, text=True,
                          env={**os.environ, "PATH": path})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_nbgrader_grades_the_released_notebooks_unchanged(built, tmp_path):
    course, name = tmp_path / "course", "perceptron"
    shutil.copytree(built / "course", course)
    nbgrader(course, "generate_assignment", name)
    released, source = of(built, "student", name), of(built, "instructor", name)
    solved = deepcopy(released)
    for mine, theirs in zip(solved.cells, source.cells, strict=True):
        if mine.metadata.get("nbgrader", {}).get("solution"):
            mine.source = "I restrict it." if mine.cell_type == "markdown" else theirs.source
    half = deepcopy(solved)
    (wrong,) = (cell for cell in half.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "nand")
    wrong.source = "def nand(x):\n    return np.ones(len(x))"
    for student, notebook in {"untouched": released, "solved": solved, "half": half}.items():
        place = course / "submitted" / student / name / f"{name}.ipynb"
        place.parent.mkdir(parents=True)
        nbformat.write(notebook, place)
    nbgrader(course, "autograde", name)
    nbgrader(course, "generate_feedback", name)
    nbgrader(course, "export")
    lines = (course / "grades.csv").read_text().splitlines()
    rows = [dict(zip(lines[0].split(","), line.split(","))) for line in lines[1:]]
    scores = {row["student_id"]: float(row["score"]) for row in rows}
    points = {cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader.points for cell in released.cells
              if cell.metadata.get("nbgrader", {}).get("grade") and cell.cell_type == "code"}
    assert scores == {"untouched": 0, "solved": sum(points.values()), "half": sum(points.values()) - points["check-nand"]}
    feedback = (course / "feedback" / "half" / name / f"{name}.html").read_text()
    assert "Not yet." in feedback


# ---- the student's own folder ---------------------------------------------------------------------------------------------

def notebook_saying(*sources):
    made = nbformat.v4.new_notebook(metadata={"dlbook": {}})
    made.cells = [nbformat.v4.new_code_cell(source, id=f"c{k}") for k, source in enumerate(sources)]
    return made


def reads(place):
    return [cell.source for cell in nbformat.read(place, as_version=4).cells]


def write_in(place, *sources):
    theirs = nbformat.read(place, as_version=4)
    for cell, source in zip(theirs.cells, sources):
        cell.source = source
    nbformat.write(theirs, place)


def test_an_untouched_notebook_is_renewed(tmp_path):
    place = tmp_path / "01-part" / "a.ipynb"
    assert "new" in notebooks.offer(notebook_saying("1", "..."), place)
    assert notebooks.offer(notebook_saying("1", "..."), place) == ""
    assert "new" in notebooks.offer(notebook_saying("2", "..."), place)
    assert reads(place) == ["2", "..."]
    assert [path.name for path in place.parent.iterdir()] == ["a.ipynb"]


def test_an_answer_is_never_written_over_and_the_newer_version_lies_beside_it(tmp_path):
    place = tmp_path / "01-part" / "a.ipynb"
    notebooks.offer(notebook_saying("1", "..."), place)
    write_in(place, "1", "my answer")
    assert notebooks.offer(notebook_saying("1", "..."), place) == ""  # nothing newer: nothing to say
    before = place.read_bytes()
    said = notebooks.offer(notebook_saying("2", "..."), place)
    assert said == "a.ipynb holds your work and was left alone; the newer version of the chapter is 01-part/a-newer.ipynb."
    assert place.read_bytes() == before and reads(place.with_name("a-newer.ipynb")) == ["2", "..."]
    assert notebooks.offer(notebook_saying("2", "..."), place) == ""  # said once
    write_in(place.with_name("a-newer.ipynb"), "2", "answered there too")
    notebooks.offer(notebook_saying("3", "..."), place)
    assert reads(place) == ["1", "my answer"]
    assert reads(place.with_name("a-newer.ipynb")) == ["2", "answered there too"]
    assert reads(place.with_name("a-newer-2.ipynb")) == ["3", "..."]


@pytest.mark.parametrize("junk", [b"", b"half an answer", b'{"cells": 3}', bytes(range(256))])
def test_a_file_that_is_no_notebook_any_more_is_kept(junk, tmp_path):
    place = tmp_path / "01-part" / "a.ipynb"
    place.parent.mkdir()
    place.write_bytes(junk)
    assert "left alone" in notebooks.offer(notebook_saying("1"), place)
    assert place.read_bytes() == junk and reads(place.with_name("a-newer.ipynb")) == ["1"]


def test_a_folder_that_cannot_be_written_to_is_explained(tmp_path):
    (tmp_path / "01-part").write_text("a file where the folder should be")
    with pytest.raises(Problem, match="Cannot write"):
        notebooks.offer(notebook_saying("1"), tmp_path / "01-part" / "a.ipynb")
