"""`dlbook doctor`: one clear sentence for each thing that is wrong."""

import subprocess
import sys
from collections import namedtuple
from importlib import metadata

import pytest

from dlbook import cli, data
from dlbook.cli import doctor

Version = namedtuple("Version", "major minor micro")


def examine(capsys):
    code = cli.main(["doctor"])
    return code, capsys.readouterr().out.splitlines()


@pytest.fixture
def healthy(monkeypatch):
    """A machine on which all is well, whatever this one is like."""
    for check in ("check_packages", "check_data", "check_kernel", "check_folder", "check_disk"):
        monkeypatch.setattr(doctor, check, lambda: [])


def test_all_is_well(capsys, healthy):
    code, lines = examine(capsys)
    assert code == 0
    assert lines[-1] == "All is well."


def test_every_line_is_a_sentence_with_a_verdict(capsys):
    _, lines = examine(capsys)
    for line in lines[:-1]:
        assert line.startswith(("ok      ", "PROBLEM "))
        assert line.endswith(".")
    assert any("numpy" in line for line in lines)


def test_missing_and_old_packages(capsys, healthy, monkeypatch):
    requirements = ["numpy>=1.26", 'nonesuch>=2; extra == "book"', 'pytest>=8; extra == "test"', 'jupyter-book<2,>=1.0.4; extra == "book"']
    versions = {"numpy": "1.25.2", "jupyter-book": "2.0.1"}

    def version(name):
        if name in versions:
            return versions[name]
        raise metadata.PackageNotFoundError(name)

    monkeypatch.undo()
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: requirements)
    monkeypatch.setattr(doctor.metadata, "version", version)
    findings = doctor.check_packages()
    assert [fine for fine, _ in findings] == [False, False, False]
    book, nonesuch, numpy = (sentence for _, sentence in findings)
    assert book.startswith("jupyter-book is 2.0.1 and the book needs <2,>=1.0.4: type `make book`")
    assert nonesuch.startswith("nonesuch is not installed: type `make book`")
    assert numpy.startswith("numpy is 1.25.2 and the book needs >=1.26: type")


@pytest.mark.parametrize("version, bounds, fine", [
    ("1.26.0", ">=1.26", True), ("2.10", ">=2.9", True), ("1.9", ">=1.10", False),
    ("1.0.4.post1", ">=1.0.4,<2", True), ("2.0", ">=1.0.4,<2", False), ("0.0.2", "==0.0.2", True), ("0.0.3", "==0.0.2", False),
])  # fmt: skip
def test_versions_are_compared_as_numbers(monkeypatch, version, bounds, fine):
    monkeypatch.setattr(doctor.metadata, "version", lambda name: version)
    assert doctor.check_package("something", bounds)[0] is fine


def test_damaged_data(capsys, healthy, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(data, "verify", lambda: ["train.gz is damaged: restore it"])
    assert doctor.check_data() == [(False, "train.gz is damaged: restore it.")]


def test_a_folder_that_cannot_be_written(monkeypatch):
    def refuse(**where):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    [(fine, sentence)] = doctor.check_folder()
    assert not fine
    assert "cannot be written to (Permission denied)" in sentence


def test_a_full_disk(monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage(10, 9, 3e8))
    assert doctor.check_disk() == [(False, "0.3 GB of disk are free and the book needs about 2: make room.")]


def test_a_check_that_breaks_is_a_finding_and_no_traceback(capsys, healthy, monkeypatch):
    monkeypatch.setattr(doctor, "check_disk", lambda: 1 / 0)
    code, lines = examine(capsys)
    assert code == 1
    assert any(line.startswith("PROBLEM") and "ZeroDivisionError" in line for line in lines)
    assert lines[-1] == "1 problem found."


def test_an_old_python_is_told_in_one_sentence(capsys, monkeypatch):
    monkeypatch.setattr(cli.sys, "version_info", (3, 10, 2))
    assert cli.main(["doctor"]) == 1
    assert capsys.readouterr().err.strip() == "dlbook needs Python 3.11 or later, and this is 3.10: install a newer one."


def test_the_file_itself_runs_where_the_package_does_not(tmp_path, root):
    """As `make doctor` does: without NumPy, and with a package that cannot be imported."""
    code = f"import runpy, sys; sys.exit(runpy.run_path({str(root / 'src' / 'dlbook' / 'cli' / 'doctor.py')!r})['run']())"
    done = subprocess.run([sys.executable, "-S", "-E", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr == ""
    assert "PROBLEM dlbook is not installed" in done.stdout and "dlbook.data does not load" in done.stdout
