"""`dlbook progress`: read from stored outputs, or with the checks run afresh; junk is named, and never a stack trace."""

import json
import os
import subprocess
import sys

import pytest

from dlbook import progress

ONE = {"output_type": "stream", "name": "stdout", "text": ["Yes. Only the direction", " has turned."]}
NOT_YET = {"output_type": "error", "ename": "Wrong", "evalue": "Not yet. It has shape (2,).", "traceback": ["Not yet."]}
OPEN = {"output_type": "error", "ename": "NotAttempted", "evalue": "Not attempted yet.", "traceback": []}
RIGHT = {"nand": "def nand(x):\n    return np.where(1.5 - x.sum(axis=1) > 0, 1, -1)", "share_right": "def share_right(logits, labels):\n    return np.mean((logits[:, 0] > 0) == labels)",
         "one_correction": 'one_correction = "b"', "twist": "def twist(u, turns):\n    ..."}


def chapter(outputs, answers=RIGHT, name="01-foundations/small", title="A small chapter"):
    """A self-study notebook: outputs maps the name of an exercise to what its check said last."""
    cells = [{"cell_type": "markdown", "metadata": {}, "source": f"# {title}\n\nText."},
             {"cell_type": "code", "metadata": {}, "source": "import numpy as np\nfrom dlbook import check", "outputs": []}]
    for exercise, said in outputs.items():
        cells += [{"cell_type": "code", "id": f"answer-{exercise}", "metadata": {"tags": ["exercise"]}, "source": answers[exercise], "outputs": []},
                  {"cell_type": "code", "id": f"check-{exercise}", "metadata": {"tags": ["check"]}, "source": f"check.{exercise}({exercise})", "outputs": said},
                  {"cell_type": "markdown", "metadata": {}, "source": "<details>Solution</details>"}]
    return json.dumps({"cells": cells, "metadata": {"dlbook": {"chapter": name, "edition": "self-study"}}, "nbformat": 4, "nbformat_minor": 5})


def put(folder, name, text):
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def shown(folder, *words):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    done = subprocess.run([sys.executable, "-W", "ignore", "-m", "dlbook", "progress", *map(str, words)], cwd=folder, env=environment, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_each_chapter_has_a_bar_and_what_is_next_is_said(tmp_path):
    put(tmp_path, "notebooks/01-foundations/small.ipynb", chapter({"nand": [ONE], "share_right": [NOT_YET], "one_correction": [], "twist": [OPEN]}))
    put(tmp_path, "notebooks/00-start/first.ipynb", chapter({"nand": [ONE]}, name="00-start/first", title="The first"))
    code, out, err = shown(tmp_path)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "████████████ 1 of 1  The first",
        "███░░░░░░░░░ 1 of 4  A small chapter (1 not yet, 1 not run yet, 1 not attempted)",
        "2 of 5 exercises solved.",
        "Next: share_right (not yet), in notebooks/01-foundations/small.ipynb",
        "This is what the checks said when you last ran them and saved. If you changed an answer since, run its check, or add --run.",
    ]


@pytest.mark.parametrize("outputs, state", [
    ([ONE], "solved"), ([NOT_YET], "not yet"), ([OPEN], "not attempted"), ([], "not run yet"), (None, "not run yet"), ("Yes.", "not run yet"), ([3], "not run yet"),
    ([{"output_type": "stream", "text": "Yesterday"}], "not run yet"), ([{"text": [1, {}]}], "not run yet"), ([{"text": None, "ename": []}], "not run yet"),
])
def test_what_a_check_said(outputs, state):
    assert progress.state({"outputs": outputs}) == state


def test_a_newer_copy_counts_with_the_old_one(tmp_path):
    put(tmp_path, "n/01-foundations/small.ipynb", chapter({"nand": [ONE], "share_right": []}))
    put(tmp_path, "n/01-foundations/small-newer.ipynb", chapter({"nand": [], "share_right": [ONE], "one_correction": []}))
    (found,), troubles = progress.progress(tmp_path / "n")
    assert found.states == {"nand": "solved", "share_right": "solved", "one_correction": "not run yet"} and not troubles


@pytest.mark.parametrize("junk", ["", "no notebook", '{"cells": [1]}', "[" * 100_000, '{"cells": [], "metadata": 3}'])
def test_junk_is_named_and_the_rest_is_read(junk, tmp_path):
    put(tmp_path, "notebooks/a.ipynb", junk)
    put(tmp_path, "notebooks/b.ipynb", chapter({"nand": [ONE]}))
    os.mkfifo(tmp_path / "notebooks" / "pipe.ipynb")
    code, out, err = shown(tmp_path)
    assert code == 1 and "1 of 1 exercises solved." in out
    assert err.count("\n") == 2 and "a.ipynb was left out" in err and "pipe.ipynb was left out" in err


def test_no_folder_and_no_exercises(tmp_path):
    code, out, err = shown(tmp_path)
    assert code == 2 and err.count("\n") == 1 and "`make lab` puts them into notebooks" in err
    put(tmp_path, "mine/a.ipynb", chapter({}))
    assert shown(tmp_path, "mine")[:2] == (0, "None of these notebooks has exercises.\n")


@pytest.mark.skipif(sys.platform != "linux", reason="the walls are those of Linux")
def test_checks_can_be_run_afresh(tmp_path):
    edited = {**RIGHT, "nand": "def nand(x):\n    return np.ones(len(x))", "one_correction": "one_correction = 1 / 0"}
    put(tmp_path, "notebooks/small.ipynb", chapter({"nand": [ONE], "share_right": [], "one_correction": [ONE], "twist": []}, edited))
    code, out, err = shown(tmp_path, "--run")
    assert code == 0, err
    assert "███░░░░░░░░░ 1 of 4  A small chapter (2 not yet, 1 not attempted)" in out and "add --run" not in out
    put(tmp_path, "notebooks/small.ipynb", chapter({"nand": [ONE]}).replace("import numpy as np", "import nonesuch"))
    code, out, err = shown(tmp_path, "--run")
    assert code == 1 and "could not be run afresh" in err and "nonesuch" in err


@pytest.mark.book
def test_the_self_study_edition_is_read():
    pytest.importorskip("nbgrader", reason="the extra `class` is not installed")
    from tools import editions, execute

    paths, cache = execute.chapters(), execute.cache_folder()
    assert not execute.execute(paths, cache)
    for path, notebook in editions.edition_of(paths, "self-study", cache):
        chapter = progress.read(json.loads(json.dumps(notebook)), path, path.parents[1])
        wanted = [cell.id.removeprefix("check-") for cell in notebook.cells if cell.id.startswith("check-")]
        assert list(chapter.states) == wanted and set(chapter.states.values()) <= {"not run yet"}
        assert chapter.name == f"{path.parent.name}/{path.stem}"
