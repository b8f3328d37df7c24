"""What a site is given so that its code runs in a browser: the right files and no others, and no solution."""

import hashlib
import zipfile

import pytest

from tools import bookpage, execute, livepage, pyodide, wheel
from tools.environment import ROOT, Problem

pytestmark = pytest.mark.book


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A lock of two files, a folder for them, and neither npm nor pip."""
    entry = lambda text: {"sha256": hashlib.sha256(text).hexdigest(), "bytes": len(text)}  # noqa: E731
    known = {"version": "1", "core": {"a.mjs": entry(b"a")}, "packages": {"b": {"file_name": "b.whl", "depends": [], **entry(b"b")}}}
    monkeypatch.setattr(pyodide, "lock", lambda: known)
    monkeypatch.setattr(pyodide, "folder", lambda: tmp_path / "kept")
    for name in ("from_npm", "from_carrier"):
        monkeypatch.setattr(pyodide, name, lambda wanted, place, refused: None)
    given = tmp_path / "given"
    given.mkdir()
    monkeypatch.setenv("DLBOOK_PYODIDE", str(given))
    return given


def test_only_the_files_of_the_lock_are_taken(small):
    (small / "a.mjs").write_bytes(b"a")
    (small / "b.whl").write_bytes(b"not b")
    with pytest.raises(Problem, match=r"b\.whl cannot be had") as caught:
        pyodide.collect(["b"])
    assert "has another b.whl than the lock" in str(caught.value) and "a.mjs" not in str(caught.value)
    (small / "b.whl").write_bytes(b"b")
    place = pyodide.collect(["b"])
    assert sorted(path.name for path in place.iterdir()) == ["a.mjs", "b.whl"]


def test_what_was_collected_is_not_asked_for_again_unless_it_is_damaged(small):
    for name, text in (("a.mjs", b"a"), ("b.whl", b"b")):
        (small / name).write_bytes(text)
    place = pyodide.collect(["b"])
    (small / "a.mjs").unlink()
    pyodide.collect(["b"])
    (place / "a.mjs").write_bytes(b"damaged")
    with pytest.raises(Problem, match="a.mjs cannot be had"):
        pyodide.collect(["b"])


def test_the_lock_is_whole_and_the_page_asks_for_the_same_version():
    known = pyodide.lock()
    assert set(known["core"]) == set(pyodide.CORE)
    assert set(pyodide.closure(pyodide.ROOTS, known["packages"])) == set(known["packages"])
    assert f"/v{known['version']}/" in (ROOT / "_config.yml").read_text(encoding="utf-8")


def test_the_wheel_holds_the_package_and_is_the_same_each_time(tmp_path):
    one, two = wheel.build(tmp_path / "1"), wheel.build(tmp_path / "2")
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        inside = {name for name in archive.namelist() if name.startswith("dlbook/")}
    assert inside == {path.relative_to(ROOT / "src").as_posix() for path in (ROOT / "src" / "dlbook").rglob("*.py")}


def test_a_page_hands_out_stubs_and_hidden_cells_and_no_solution():
    for path in execute.chapters():
        code = livepage.cells(path)
        sources = [cell.source for cell in execute.read(path).cells if cell.cell_type == "code"]
        assert len(code) == len(sources) and len({cell["key"] for cell in code}) == len(code)
        for cell, source in zip(code, sources):
            assert cell["source"] == (bookpage.stub(source) if bookpage.BEGIN in source else source)
            assert (cell["kind"] == "exercise") == (bookpage.BEGIN in source)
            assert "SOLUTION" not in cell["source"]


def test_scikit_learn_comes_only_where_it_is_imported():
    assert livepage.packages([{"source": "import numpy as np\nfrom dlbook import nn"}]) == ["dlbook", "numpy"]
    assert "scikit-learn" in livepage.packages([{"source": "from sklearn.linear_model import LogisticRegression"}])
    assert livepage.megabytes([]) < livepage.megabytes(["scikit-learn"])


def test_the_marks_name_chapters_that_exist():
    names = {path.relative_to(ROOT).with_suffix("").as_posix() for path in execute.chapters()}
    assert set(livepage.HEAVY) | set(livepage.TRAINED) <= names


def test_what_loads_before_a_click_is_tiny():
    assert (ROOT / "_static" / "live.js").stat().st_size < 3000
    for path in (ROOT / "_static" / "live").iterdir():
        assert len(path.read_text(encoding="utf-8").splitlines()) < 250 and path.suffix in (".mjs", ".py")
