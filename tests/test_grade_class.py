"""Grading a class: a mixed bag in one run, none disturbed; interruption, restart, a cluster that loses a worker; nothing left behind."""

import argparse
import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from grading import BAG, POINTS, STUBS, body, hand_in, left_over, notebook, raw

from dlbook.grade import command, course, submissions
from dlbook.grade.judge import Mark, Result
from dlbook.grade.key import Key, Unreadable
from dlbook.grade.submissions import found, matching, named

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls are those of Linux")
SLOW = raw(nand=body("import time; time.sleep(0.15)\nreturn np.where(1.5 - x.sum(axis=1) > 0, 1, -1)"))


@pytest.fixture
def lecture(tmp_path):
    """A folder with the key, and a place for temporary files that must be empty in the end."""
    (tmp_path / "key.ipynb").write_text(json.dumps(notebook()))
    (tmp_path / "t").mkdir()
    return tmp_path


def start(lecture, *words, **settings):
    environment = {**os.environ, "TMPDIR": str(lecture / "t"), "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    return subprocess.Popen([sys.executable, "-W", "ignore", "-m", "dlbook", "grade", "in", "--key", "key.ipynb", *words], cwd=lecture,
                            env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **settings)


def run(lecture, *words):
    process = start(lecture, *words)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def clean(lecture):
    """Nothing is left: no process, no file."""
    assert left_over(str(lecture / "t")) == []
    ours = [path.name for path in (lecture / "t").iterdir() if path.name.startswith("dlbook")]
    assert ours == []


def rows(lecture):
    with open(lecture / "grades" / "grades.csv", newline="") as file:
        return list(csv.DictReader(file))


def results(lecture):
    return {path.name: path.stat().st_mtime_ns for path in (lecture / "grades" / "results").glob("*.json")}


# ---- one run ----------------------------------------------------------------------------------------------------------------

def test_a_mixed_bag_in_one_run(lecture):
    honest = {f"honest {k}": raw(extra=f"mine = {k}") for k in range(20)}
    hand_in(lecture / "in", {**{name: content for name, (content, _) in BAG.items()}, **honest})
    code, out, err = run(lecture, "--jobs", "2", "--seconds", "4", "--memory", "512")
    assert code == 0 and err == "", err
    deserved = {name: points for name, (_, points) in BAG.items()} | dict.fromkeys(honest, 6)
    got = {row["file"].removesuffix(".ipynb"): float(row["points"]) for row in rows(lecture)}
    assert got == deserved
    assert all(float(row["of"]) == sum(POINTS.values()) for row in rows(lecture))
    assert "walls around each answer: time" in out and "98-tests/small" in out
    assert "not graded: empty file (empty file.ipynb): The file is empty." in out
    assert "the same file, byte for byte" not in out
    pages = {path.stem: path.read_text() for path in (lecture / "grades" / "feedback").iterdir()}
    assert len(pages) == len(deserved)
    assert not any("<script" in page or "<b>" in page for page in pages.values())
    assert "ended the process" in pages["os._exit"] and "6 of 6 points" in pages["right"]
    clean(lecture)


def test_a_second_run_grades_only_what_is_new_and_a_changed_file(lecture):
    hand_in(lecture / "in", {"ada": raw(), "bob": raw(extra="b = 1")})
    assert run(lecture)[0] == 0
    before = results(lecture)
    hand_in(lecture / "in", {"bob": raw(nand=STUBS["nand"]), "cy": raw(extra="c = 1")})
    assert run(lecture)[0] == 0
    assert {name: when for name, when in results(lecture).items() if name in before} == before
    assert len(results(lecture)) == 4
    assert [(row["student"], row["points"]) for row in rows(lecture)] == [("ada", "6"), ("bob", "5"), ("cy", "6")]
    seed = (lecture / "grades" / "seed.txt").read_text()
    assert int(seed) >= 0
    assert run(lecture, "--seed", str(int(seed) + 1))[0] == 0
    assert len(results(lecture)) == 7  # other inputs, other results


def test_two_who_hand_in_the_same_file_are_named(lecture):
    hand_in(lecture / "in", {"ada": raw(), "bob": raw()})
    _, out, _ = run(lecture)
    assert "the same file, byte for byte: ada, bob" in out


# ---- interruption -----------------------------------------------------------------------------------------------------------

def wait_for(lecture, many):
    deadline = time.monotonic() + 60
    while len(results(lecture)) < many:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("number, to_all", [(signal.SIGKILL, False), (signal.SIGINT, True)])
def test_a_run_that_was_stopped_goes_on_where_it_was(lecture, number, to_all):
    hand_in(lecture / "in", {f"s{k}": SLOW.replace(b"half = 0.5", b"half = %d" % k) for k in range(12)})
    process = start(lecture, "--jobs", "2", start_new_session=True)
    wait_for(lecture, 3)
    (os.killpg if to_all else os.kill)(process.pid, number)  # Ctrl-C reaches all in the terminal
    _, err = process.communicate(timeout=30)
    if to_all:
        assert process.returncode == 130, err
        assert "what is graded is kept in grades" in err and "Traceback" not in err, err
    clean(lecture)
    before = results(lecture)
    assert 3 <= len(before) < 12
    assert not (lecture / "grades" / "grades.csv").exists()
    code, _, err = run(lecture, "--jobs", "2")
    assert code == 0, err
    assert {name: when for name, when in results(lecture).items() if name in before} == before
    assert len(results(lecture)) == 12 and [row["points"] for row in rows(lecture)] == ["6"] * 12
    clean(lecture)


# ---- a cluster --------------------------------------------------------------------------------------------------------------

CLUSTER = """
import os, sys, time
if __name__ == "__main__":
    from dask.distributed import Client, LocalCluster
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster, Client(cluster) as client:
        print(cluster.scheduler_address, *client.run(os.getpid).values(), flush=True)
        sys.stdin.read()
"""


def test_a_cluster_that_loses_a_worker(lecture):
    pytest.importorskip("distributed", reason="dask.distributed is not installed (the extra `class`)")
    pytest.importorskip("joblib", reason="joblib is not installed (the extra `class`)")
    wrong = {3, 7}
    hand_in(lecture / "in", {f"s{k:02d}": raw(nand=body("return np.ones(len(x))"), extra=f"mine = {k}") if k in wrong
                             else SLOW.replace(b"half = 0.5", b"half = %d" % k) for k in range(12)})
    (lecture / "cluster.py").write_text(CLUSTER)
    environment = {**os.environ, "TMPDIR": str(lecture / "t"), "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    cluster = subprocess.Popen([sys.executable, "-W", "ignore", "cluster.py"], cwd=lecture, env=environment, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        address, first, second = cluster.stdout.readline().split()
        assert first != second
        process = start(lecture, "--dask", address)
        wait_for(lecture, 2)
        os.kill(int(first), signal.SIGKILL)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert [row["points"] for row in rows(lecture)] == ["5" if k in wrong else "6" for k in range(12)]
    finally:
        cluster.communicate(timeout=60)
    clean(lecture)


def test_no_cluster_there(lecture):
    pytest.importorskip("distributed", reason="dask.distributed is not installed (the extra `class`)")
    pytest.importorskip("joblib", reason="joblib is not installed (the extra `class`)")
    hand_in(lecture / "in", {"ada": raw()})
    code, _, err = run(lecture, "--dask", "nonsense://nowhere")
    assert code == 1 and err.count("\n") == 1 and "no Dask scheduler answers at nonsense://nowhere" in err


# ---- what was handed in -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, student, number", [
    ("bob.ipynb", "bob", ""),
    ("Ada Lovelace_1234567_assignsubmission_file_", "Ada Lovelace", "1234567"),
    ("Ada Lovelace_1234567_assignsubmission_file_perceptron.ipynb", "Ada Lovelace", "1234567"),
    ("lovelaceada_4711_98765_perceptron.ipynb", "lovelaceada", "4711"),
    ("lovelaceada_LATE_4711_98765_perceptron-1.ipynb", "lovelaceada", "4711"),
    ("anna_maria.ipynb", "anna_maria", ""),
    ("a\nb\x00.ipynb", "a b ", ""),
])
def test_names_that_platforms_give(name, student, number):
    made = named(name, Path("x"))
    assert (made.student, made.number) == (student, number)


def test_what_is_found_and_what_is_not_followed(tmp_path):
    place = tmp_path / "in"
    (place / "ada" / "perceptron").mkdir(parents=True)
    for path in ("ada/perceptron/a.ipynb", "bob.ipynb", ".hidden.ipynb", "ada/.ipynb_checkpoints/a.ipynb", "__MACOSX/bob.ipynb", "notes.txt"):
        (place / path).parent.mkdir(exist_ok=True)
        (place / path).write_bytes(raw())
    (tmp_path / "solutions.ipynb").write_bytes(raw())
    (place / "link.ipynb").symlink_to(tmp_path / "solutions.ipynb")
    (place / "all").symlink_to(tmp_path)
    (place / "folder.ipynb").mkdir()
    (tmp_path / "empty").mkdir()
    os.mkfifo(place / "pipe.ipynb")
    handed_in = {submission.student: submission for submission in found([place])}
    assert set(handed_in) == {"ada", "bob", "link", "folder", "pipe"}
    assert handed_in["ada"].read() == raw()
    for name, said in {"link": "a link", "folder": "not a file", "pipe": "not a file"}.items():
        with pytest.raises(Unreadable, match=said):
            handed_in[name].read()
    with pytest.raises(FileNotFoundError, match="does not exist"):
        found([tmp_path / "nowhere"])
    with pytest.raises(FileNotFoundError, match="no notebook"):
        found([tmp_path / "empty"])


def test_a_file_that_is_too_long_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(submissions.keys, "LONGEST", 1000)
    (tmp_path / "a.ipynb").write_bytes(b" x" * 5000)
    assert len(found([tmp_path])[0].read()) == 1001


def test_each_is_graded_against_the_key_of_its_chapter():
    keys = [Key(name, (), ()) for name in ("01-a/perceptron", "07-b/network", "07-b/network-two")]
    assert matching("07-b/network", keys).chapter == "07-b/network"
    assert matching("homework_Perceptron (1)", keys).chapter == "01-a/perceptron"
    assert matching("my network-two", keys).chapter == "07-b/network-two"
    assert matching("something", keys) is None
    assert matching("something", keys[:1]) is keys[0]


def test_several_chapters_in_one_run(lecture):
    (lecture / "keys").mkdir()
    for chapter in ("98-tests/small", "98-tests/other"):
        (lecture / "keys" / f"{Path(chapter).name}.ipynb").write_text(json.dumps(notebook(chapter=chapter)))
    (lecture / "keys" / "no-exercises.ipynb").write_text(json.dumps({"cells": [], "metadata": {}}))
    ours = {"ada": notebook(), "bob": notebook(chapter="98-tests/other"), "cy": notebook(chapter="99/unknown")}
    hand_in(lecture / "in", {name: json.dumps(made).encode() for name, made in ours.items()})
    code, out, err = run(lecture, "--key", "keys")
    assert code == 0, err
    assert [(row["student"], row["chapter"], row["points"]) for row in rows(lecture)] == [
        ("ada", "98-tests/small", "6"), ("bob", "98-tests/other", "6"), ("cy", "", "0")]
    assert "98-tests/other: 1 submission, mean 6.0 of 6 points" in out and "none of the chapters" in out


# ---- the table and the pages ------------------------------------------------------------------------------------------------

def graded(student, path="a.ipynb", **words):
    return course.Graded(submissions.Submission(student, Path(path)), Result([Mark("nand", 1, 1, "right", "Yes.")], 0.1, **words))


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "|x", "＝1"])
def test_no_cell_of_the_table_is_a_formula(name):
    line = course.table([graded(name, note=name)]).splitlines()[1]
    assert next(csv.reader([line]))[0] == f"'{name}" and next(csv.reader([line]))[-1] == f"'{name}"


def test_what_the_grader_failed_on_has_no_marks():
    text = course.table([graded("ada"), course.Graded(submissions.Submission("bob", Path("b.ipynb")), None, "", "ZeroDivisionError: x")])
    ada, bob = csv.DictReader(text.splitlines())
    assert ada["points"] == "1" and bob["points"] == bob["nand"] == ""
    assert bob["note"] == "the grader failed, mark this by hand: ZeroDivisionError: x"


def test_a_fault_of_the_grader_is_reported_and_never_kept(lecture, monkeypatch, capsys):
    hand_in(lecture / "in", {"ada": raw()})
    monkeypatch.setattr(course, "grade", lambda *given: 1 / 0)
    monkeypatch.setitem(sys.modules, "joblib", None)  # in this process
    options = ["in", "--key", "key.ipynb"]
    monkeypatch.chdir(lecture)
    parser = argparse.ArgumentParser()
    command.options(parser)
    assert command.run(parser.parse_args(options)) == 1
    assert results(lecture) == {}
    assert "the grader failed on in/ada.ipynb, which has no marks now: ZeroDivisionError" in capsys.readouterr().err
    assert rows(lecture)[0]["points"] == ""


def test_two_students_never_share_a_page():
    several = [graded("Ada:x", "1"), graded("ada_x", "2"), graded("bob", "3"), graded("..", "4"), graded("x" * 300, "5")]
    names = course.file_names(several)
    assert len({name.casefold() for name in names}) == 5 and max(map(len, names)) < 80
    assert names[2] == "bob" and not any("/" in name for name in names)


def test_a_page_escapes_what_students_write():
    bad = "<script>alert('x')</script>&"
    page = course.page(bad, Result([Mark("nand", 0, 1, "wrong", bad)], 0.1, bad, None, bad))
    assert "<script" not in page and page.count("&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;") == 6


def test_the_bar_counts_and_goes(capsys):
    with course.bar(4, 6, True) as advance:
        advance()
        advance()
    shown = capsys.readouterr().err
    assert "4 submissions to grade, 2 done before" in shown and "2 of 4 submissions" in shown
    assert not shown.split("\r")[-1].strip()
    with course.bar(4, 4, False) as advance:
        advance()
    assert capsys.readouterr().err == ""


# ---- the command ------------------------------------------------------------------------------------------------------------

def test_help_teaches():
    shown = subprocess.run([sys.executable, "-m", "dlbook", "grade", "--help"], capture_output=True, text=True, check=True).stdout
    for word in ("--dask", "--key", "--seconds", "examples:", "grades.csv", "feedback/", "130"):
        assert word in shown


@pytest.mark.parametrize("words, said", [
    (["nowhere"], "nowhere does not exist"), (["key.ipynb", "--key", "nowhere.ipynb"], "nowhere.ipynb does not exist"),
    (["key.ipynb"], "`make editions` makes it"), (["key.ipynb", "--key", "t"], "no instructor notebook"), (["key.ipynb", "--seconds", "0"], "invalid positive value"),
    (["key.ipynb", "--jobs", "x"], "invalid whole value"), ([], "required"), (["key.ipynb", "--key", "student.ipynb"], "holds no solutions"),
    (["key.ipynb", "--key", "other.ipynb"], "no check for nonesuch"),
])
def test_a_wrong_call_is_one_sentence_and_exit_2(words, said, lecture):
    (lecture / "student.ipynb").write_text(json.dumps(notebook(STUBS)))
    (lecture / "other.ipynb").write_text(json.dumps(notebook()).replace("check.nand(", "check.nonesuch("))
    (lecture / "in").mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    done = subprocess.run([sys.executable, "-m", "dlbook", "grade", *words], cwd=lecture, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr
    assert not (lecture / "grades").exists()


def test_a_chapter_that_does_not_run_is_exit_1(lecture):
    (lecture / "key.ipynb").write_text(json.dumps(notebook(before="1 / 0")))
    hand_in(lecture / "in", {"ada": raw()})
    code, _, err = run(lecture)
    assert code == 1 and re.fullmatch(r"dlbook grade: the chapter 98-tests/small does not run here.*ZeroDivisionError.*\n", err), err
    assert results(lecture) == {}
    clean(lecture)
