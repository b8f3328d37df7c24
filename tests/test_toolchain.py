"""The tools bite: what they promise to notice, they notice; what they promise to keep, they keep."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml

from tools import book, bookpage, environment, execute, fingerprint, matrix, notebooks, server, verify, website
from tools.environment import ROOT, Problem

pytestmark = pytest.mark.book

HEADER = """---
jupytext:
  formats: ipynb,md:myst
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A chapter

"""


def chapter(folder, body, name="chapter.md"):
    """A chapter in a book of its own, which has this book's settings."""
    path = folder / "chapters" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEADER + body, encoding="utf-8")
    shutil.copy(ROOT / "_config.yml", folder)
    shutil.copytree(ROOT / "_static", folder / "_static", dirs_exist_ok=True)
    (folder / "references.bib").write_text("")
    (folder / "_toc.yml").write_text("format: jb-book\nroot: chapters/chapter\n")
    return path


def cell(source, *tags):
    return f"```{{code-cell}} ipython3\n:tags: {json.dumps(list(tags))}\n{source}\n```\n\n"


def in_tools(code, **variables):
    """Run code in a process of its own, from the book's folder."""
    lead = "from pathlib import Path\nfrom tools import execute, website, environment\nenvironment.prepare_kernel()\n"
    return subprocess.run([sys.executable, "-c", lead + code], cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True)


# The second run


def nbval(path):
    command = [sys.executable, "-m", "pytest", *verify.STRICT_NBVAL, "-p", "no:cacheprovider", "-q", str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout


def test_the_second_run_notices_a_changed_digit_and_a_changed_pixel(tmp_path):
    environment.prepare_kernel()
    path = chapter(tmp_path, cell("print(2 / 3)") + cell("import matplotlib.pyplot as plt\nplt.plot([1, 2]);") + cell("1 + 1"))
    text, _, failure = execute.execute_one(path)
    assert failure is None
    notebook = nbformat.reads(text, 4)
    place = tmp_path / "chapter.ipynb"

    nbformat.write(notebook, place)
    assert "3 passed" in nbval(place)

    numbers, figure, result = (cell for cell in notebook.cells if cell.cell_type == "code")
    assert numbers.outputs[0].text == "0.6666666666666666\n"
    numbers.outputs[0].text = "0.6666666666666667\n"
    image = next(output.data for output in figure.outputs if "image/png" in output.get("data", {}))
    pixels = bytearray(base64.b64decode(image["image/png"]))
    pixels[len(pixels) // 2] ^= 1
    image["image/png"] = base64.b64encode(pixels).decode()
    nbformat.write(notebook, place)
    shown = nbval(place)
    assert "2 failed, 1 passed" in shown
    assert "mismatch 'stdout'" in shown and "mismatch 'image/png'" in shown


# Executing


def test_a_failing_chapter_is_named_and_not_cached(tmp_path):
    bad = chapter(tmp_path, cell("x = 1") + cell("def f():\n    return x / 0\n\nf()"), "bad.md")
    good = chapter(tmp_path, cell("print('fine')"), "good.md")
    cache = tmp_path / "cache"
    code = f"if __name__ == '__main__':\n print('RESULT', execute.execute([Path({str(bad)!r}), Path({str(good)!r})], Path({str(cache)!r})))"
    shown = in_tools(code).stdout
    result = shown.split("RESULT")[1]
    assert f"{bad}:20, code cell 1 (counted from 0)" in result
    assert "ZeroDivisionError: division by zero" in result
    assert "good.md" not in result
    again = in_tools(code).stdout
    assert "Executing 1 of 2 chapters" in again and "FAILED" in again


def test_outputs_do_not_depend_on_the_readers_own_settings(tmp_path):
    """A kernel of the same name, an IPython start-up file and PYTHONPATH, as people have them."""
    kernel = tmp_path / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(json.dumps({"argv": ["nonesuch"], "display_name": "trap", "language": "python"}))
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("trap = 1")
    path = chapter(tmp_path, cell("import os, sys, dlbook\nprint('trap' in globals(), os.environ['OMP_NUM_THREADS'], os.environ['PYTHONPATH'] == '')"))
    shown = in_tools(
        f"print(execute.execute_one(Path({str(path)!r}))[0])",
        JUPYTER_PATH=str(tmp_path / "jupyter"), IPYTHONDIR=str(tmp_path / "ipython"), PYTHONPATH=str(tmp_path), OMP_NUM_THREADS="2",
    )  # fmt: skip
    assert "False 1 True" in shown.stdout, shown.stderr


def test_a_foreign_kernel_is_refused_in_one_sentence(tmp_path):
    path = chapter(tmp_path, cell("1"))
    path.write_text(path.read_text().replace("name: python3", "name: my-env"))
    with pytest.raises(Problem, match=r"asks for the kernel 'my-env', and the book has only `python3`"):
        execute.read(path)


def test_a_missing_chapter_is_named(tmp_path):
    chapter(tmp_path, "").unlink()
    with pytest.raises(Problem, match="_toc.yml names chapters/chapter, but there is no"):
        execute.chapters(tmp_path)


# What makes outputs and pages old


@pytest.fixture
def copy(tmp_path):
    """A book small enough to change: the files that the keys look at."""
    for name in ("src/dlbook/ops.py", "data/digits.gz", "tools/environment.py", "tools/execute.py", "chapters/a.md", "_config.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize("name, outputs, pages", [
    ("src/dlbook/ops.py", True, True), ("data/digits.gz", True, True), ("tools/execute.py", True, True),
    ("chapters/a.md", False, True), ("_config.yml", False, True), ("chapters/new.md", False, True),
    ("chapters/a.ipynb", False, False), ("_build/x", False, False), (".git/x", False, False),
])  # fmt: skip
def test_what_a_change_makes_old(copy, monkeypatch, name, outputs, pages):
    """Chapters themselves are not in the key of the outputs: the cache compares their cells."""
    monkeypatch.setattr(fingerprint, "NOT_IN_THE_BOOK", [copy / "_build"])
    before = fingerprint.execution_key(copy), fingerprint.site_key(copy)
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_text("changed")
    after = fingerprint.execution_key(copy), fingerprint.site_key(copy)
    assert (before[0] != after[0], before[1] != after[1]) == (outputs, pages)


@pytest.mark.parametrize("name, old", [("numpy", True), ("myst-parser", True), ("tornado", True), ("pytest", False), ("hypothesis", False)])
def test_another_version_of_what_the_book_needs_makes_outputs_old(copy, monkeypatch, name, old):
    """Directly or not; the tools of the tests do not count."""
    real = metadata.distribution

    def distribution(asked):
        found = real(asked)
        return SimpleNamespace(version="0.0.1", requires=found.requires) if asked == name else found

    before = fingerprint.execution_key(copy)
    monkeypatch.setattr(fingerprint.metadata, "distribution", distribution)
    assert (fingerprint.execution_key(copy) != before) is old


def test_old_caches_go(tmp_path):
    for number in range(6):
        (tmp_path / "cache" / str(number)).mkdir(parents=True)
    current = execute.cache_folder(tmp_path)
    assert current.exists()
    assert len(list(current.parent.iterdir())) == execute.CACHES_KEPT


# Building


def test_a_warning_fails_the_build(tmp_path):
    code = f"website.render(Path({str(tmp_path)!r}), Path({str(tmp_path / 'html')!r}), Path({str(tmp_path / 'cache')!r}))"
    path = chapter(tmp_path, "See {ref}`nowhere`.\n")
    bad = in_tools(code)
    assert bad.returncode != 0
    assert "undefined label: 'nowhere'" in bad.stderr and "Problem: The pages have errors or warnings" in bad.stderr
    path.write_text(HEADER + "See nothing.\n")
    good = in_tools(code)
    assert good.returncode == 0, good.stderr
    assert (tmp_path / "html" / "index.html").exists()


def test_the_earlier_site_stays_until_the_new_one_stands(tmp_path):
    for name in ("html", "staging/html"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "index.html").write_text(name)
    website.swap(tmp_path / "staging" / "html", tmp_path / "html")
    assert (tmp_path / "html" / "index.html").read_text() == "staging/html"
    with pytest.raises(OSError):
        website.swap(tmp_path / "staging" / "html", tmp_path / "html")
    assert (tmp_path / "html" / "index.html").read_text() == "staging/html"


# Pages


def test_stub_and_solution():
    source = "def f(x):\n    '''Double x.'''\n    ### BEGIN SOLUTION\n    y = 2\n    ### END SOLUTION\n    return y"
    assert bookpage.stub(source) == "def f(x):\n    '''Double x.'''\n    ...\n    return y"
    assert bookpage.solution(source) == "def f(x):\n    '''Double x.'''\n    y = 2\n    return y"
    two = "### BEGIN SOLUTION\na = 1\n### END SOLUTION\nb = 2\nif b:\n  ### BEGIN SOLUTION\n  c = 3\n  ### END SOLUTION"
    assert bookpage.stub(two) == "...\nb = 2\nif b:\n  ..."


@pytest.mark.parametrize("source", ["### BEGIN SOLUTION", "### END SOLUTION", "### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION"])
def test_unbalanced_markers_are_refused(source):
    with pytest.raises(ValueError, match="solution"):
        bookpage.stub(source)


def test_mathjax_is_the_one_that_was_published():
    import hashlib

    assert hashlib.sha256((bookpage.mathjax() / "tex-chtml.js").read_bytes()).hexdigest() == MATHJAX_3_2_2


# npm's mathjax@3.2.2, es5/tex-chtml.js
MATHJAX_3_2_2 = "0a6ded5abbce13331658dd239f34382abd06492c74b71b61e8caa8112ec55fa5"


# Notebooks in JupyterLab


def test_a_notebook_is_made_renewed_and_never_written_over(tmp_path):
    path = chapter(tmp_path, cell("x = 1"))
    place = path.with_suffix(".ipynb")
    assert "made" in notebooks.pair(path)
    assert notebooks.pair(path) == ""
    assert place.stat().st_mtime == path.stat().st_mtime
    assert nbformat.read(place, 4).metadata.jupytext.formats == "ipynb,md:myst"

    path.write_text(path.read_text().replace("x = 1", "x = 2"))
    assert "made" in notebooks.pair(path)  # nobody had touched it
    assert "x = 2" in place.read_text()

    mine = nbformat.read(place, 4)
    mine.cells[-1].source = "x = 'mine'"
    nbformat.write(mine, place)
    path.write_text(path.read_text().replace("x = 2", "x = 3"))
    assert "left alone" in notebooks.pair(path)
    assert "mine" in place.read_text()

    place.write_text("{ not a notebook")
    assert "left alone" in notebooks.pair(path)
    assert place.read_text() == "{ not a notebook"


# The environment


def test_an_environment_is_not_made_over_somebodys_folder(tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    with pytest.raises(Problem, match="is not a Python environment: move it away"):
        environment.create(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_an_old_python_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr(environment.sys, "version_info", (3, 10, 1))
    with pytest.raises(Problem, match=r"This is Python 3\.10 and the book needs 3\.11 or later"):
        environment.check_python()


def test_a_folder_that_cannot_be_written_is_named(monkeypatch):
    def refuse(**where):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(environment.tempfile, "TemporaryFile", refuse)
    with pytest.raises(Problem, match=re.escape(f"The folder {ROOT} cannot be written to (Permission denied)")):
        book.main(["build"])


def test_what_an_old_python_reads_has_no_syntax_that_it_lacks():
    import ast

    for name in ("__init__", "book", "environment"):
        ast.parse((ROOT / "tools" / f"{name}.py").read_text(encoding="utf-8"), feature_version=(3, 7))
    for name in ("__init__", "doctor"):
        ast.parse((ROOT / "src" / "dlbook" / "cli" / f"{name}.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_writing_is_whole_or_not_at_all(tmp_path):
    place = tmp_path / "x.txt"
    place.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        environment.write(place, "new \ud800")
    assert place.read_text() == "old"


def test_a_port_that_is_taken(tmp_path):
    with server.listen(tmp_path, 0) as first, server.listen(tmp_path, first.server_port) as second:
        assert second.server_port != first.server_port


# Declarations that must agree


def requirement(text):
    name, bounds = re.match(r"([\w.-]+)\s*(.*)", text).groups()
    return name.lower(), ",".join(sorted(bounds.replace(" ", "").split(",")))


def test_conda_gets_what_pyproject_declares():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    declared = {requirement(text) for text in [*project["dependencies"], *extras["book"], *extras["test"], *extras["lab"], *extras["class"]]}
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    [from_pip] = [entry["pip"] for entry in conda if isinstance(entry, dict)]
    offered = {requirement(text) for text in [*(entry for entry in conda if isinstance(entry, str)), *from_pip] if not text.startswith("-")}
    python = {entry for entry in offered if entry[0] in ("python", "pip")}
    assert offered - python == declared
    assert project["requires-python"] in dict(python)["python"].split(",")


def test_every_declared_package_has_a_tested_version():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    tested = {re.split(r"==", line)[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if line[:1] not in ("#", "")}
    assert {requirement(text)[0] for extra in ("book", "test", "lab", "class", "external") for text in extras[extra]} <= tested


def test_the_peers_in_the_race_are_those_whose_suites_we_pass():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    external, bench = (dict(map(requirement, extras[extra])) for extra in ("external", "bench"))
    assert {"torch", "autograd"} <= external.keys() & bench.keys()
    assert all(external[name] == bench[name] for name in external.keys() & bench.keys())


def test_continuous_integration_runs_everything():
    """`make test` leaves out what is not installed, so the suites of others have a command of their own."""
    commands = re.findall(r"^make (\w+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert commands == ["test", "external", "matrix"]
    assert set(book.COMMANDS[book.external]) == {"test", "external"}


def test_supported_pythons_are_the_same_everywhere():
    assert {version for version, _ in matrix.ROWS} == {"3.11", "3.12", "3.13"}
    assert environment.OLDEST == (3, 11)
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    assert all(version in workflow for version, _ in matrix.ROWS)


def test_every_target_of_make_is_a_command_and_explained():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    explained = set(re.findall(r"^([a-z]+):.*## \S", makefile, re.MULTILINE))
    assert targets == explained
    names = {command.__name__ for command in book.COMMANDS}
    called = set(re.findall(r"\$\(BOOK\) ([a-z]+)", makefile))
    assert called == names
    assert all(command.__doc__ for command in book.COMMANDS)
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(f"make {target} " in shown for target in targets)


def test_tools_are_small_and_explained():
    import ast

    for path in (ROOT / "tools").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) < 200, path
        assert ast.get_docstring(ast.parse(text)), path


def test_no_tracked_file_names_a_registry_or_a_machine():
    tracked = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    # written in two halves, or this file would be the first one found
    forbidden = ["pypi" + ".org", "python" + "hosted", "npmjs" + ".org", "npmjs" + ".com", "anaconda" + ".org", "/" + "work/", "/" + "tmp/w", "/" + "root/"]
    found = []
    for name in filter(None, tracked.split("\0")):
        path = ROOT / name
        if path.is_file():
            text = path.read_bytes()
            found += [(name, word) for word in forbidden if word.encode() in text]
    assert found == []
    assert len(tracked) > 100
