"""Grading one submission: each of a mixed bag gets the score it deserves; what crosses the wire; what the walls refuse."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

import hypothesis.extra.numpy as np_strategies
import numpy as np
import pytest
from grading import BAG, CHAPTER, ONES, STUBS, body, left_over, notebook, raw
from hypothesis import given, settings
from hypothesis import strategies as st

from dlbook.autograd import Tensor
from dlbook.check.core import Student
from dlbook.grade import cage, judge, key, wire
from dlbook.grade.judge import Limits, Nursery, grade
from dlbook.grade.wire import Gone, RemoteFunction, Wire

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls are those of Linux")
QUICK = Limits(seconds=3.0, memory=512 << 20)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    place = tmp_path_factory.mktemp("key") / "small.ipynb"
    place.write_text(json.dumps(notebook()))
    yield key.Key.read(place)
    for nursery in list(Nursery.running.values()):
        nursery.close()
    Nursery.running.clear()


# ---- the key, and what students make of it ----------------------------------------------------------------------------------

def test_the_key(small):
    assert small.chapter == CHAPTER
    assert [(task.name, task.points, task.arguments) for task in small.tasks] == [
        ("nand", 1, ("nand",)), ("share_right", 2, ("share_right",)), ("one_correction", 3, ("one_correction",))]
    assert {task.name: task.stub for task in small.tasks} == STUBS
    assert "1.5" not in repr(small)  # no solution goes where students' code runs


@pytest.mark.parametrize("damage, said", [
    (lambda n: [c.update(metadata={}) for c in n["cells"]], "no exercises"),
    (lambda n: n["cells"].pop(2), "no call of"),
    (lambda n: n["cells"][2].update(source=STUBS["nand"]), "no solutions"),
])
def test_a_notebook_that_is_no_key(damage, said, tmp_path):
    made = notebook()
    damage(made)
    (tmp_path / "a.ipynb").write_text(json.dumps(made))
    with pytest.raises(key.Unreadable, match=said):
        key.Key.read(tmp_path / "a.ipynb")


@pytest.mark.parametrize("name", [name for name in BAG if name not in ("fork bomb", "10 GB")])
def test_each_gets_the_score_it_deserves(name, small):
    submission, deserved = BAG[name]
    result = grade(submission, small, QUICK)
    assert result.points == deserved, result
    assert result.of == 6 and len(result.marks) == 3
    assert grade(raw(), small, QUICK).points == 6  # and the next one is none the worse


def test_what_is_said(small):
    said = {name: grade(BAG[name][0], small, QUICK).marks[0].said for name in
            ("right", "wrong", "untouched", "infinite loop", "os._exit", "syntax error", "deleted cell", "sys.exit", "changes its input")}
    pieces = {"right": "Yes. ", "wrong": "Not yet. For the inputs", "untouched": "Not attempted", "infinite loop": "loop without an end",
              "os._exit": "ended the process", "syntax error": "SyntaxError", "deleted cell": "not in the notebook",
              "sys.exit": "SystemExit, in line 2", "changes its input": "changes its input"}
    for name, piece in pieces.items():
        assert piece in said[name], said


def test_a_nursery_that_has_died_is_started_again(small):
    assert grade(raw(), small, QUICK).points == 6
    nursery = Nursery.of(small, QUICK)
    os.kill(nursery.number, signal.SIGKILL)
    assert grade(raw(), small, QUICK).points == 6
    again = Nursery.of(small, QUICK)
    assert again is not nursery
    os.unlink(again.places["nand"])  # it lives, but gives no cages
    assert grade(raw(), small, QUICK).points == 6
    assert not os.path.exists(nursery.folder) and not os.path.exists(again.folder)


def test_what_is_the_graders_own_fault_is_no_mark(small, monkeypatch):
    def broken(*answers, seed):
        raise ZeroDivisionError

    monkeypatch.setattr(judge, "find", lambda name: type("Exercise", (), {"judge": staticmethod(broken)}))
    with pytest.raises(ZeroDivisionError):
        grade(raw(), small, QUICK)


def test_a_chapter_that_does_not_run_is_told(tmp_path):
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook(before="raise ValueError('no data')")))
    with pytest.raises(judge.GraderError, match="does not run here.*ValueError: no data"):
        grade(raw(), key.Key.read(tmp_path / "a.ipynb"), QUICK)


def test_a_file_in_todays_folder_is_not_taken_for_a_module(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numpy.py").write_text(f"open({str(tmp_path / 'pwned')!r}, 'w')")
    assert grade(raw(), small, Limits(seconds=3.5)).points == 6
    assert not (tmp_path / "pwned").exists()


def test_no_secret_of_the_environment_is_passed_on(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "x")
    assert "SECRET_TOKEN" not in judge.environment() and "PATH" in judge.environment()


# ---- the walls, each with and without -----------------------------------------------------------------------------------

PROBES = {
    "files": ("landlock", "open('/etc/passwd').read()"),
    "network": ("seccomp", "import socket; socket.socket()"),
    "kill": ("seccomp", "import os; os.kill(os.getpid(), 0)"),
    "memory": ("limited", "import numpy; numpy.empty(2**30)"),
    "memory that no limit counts": ("seccomp", "import os; os.memfd_create('x')"),
    "memory that stays": ("seccomp", "import ctypes\nc = ctypes.CDLL(None)\nn = c.semget(0, 1, 0)\nif n < 0: raise OSError\nc.semctl(n, 0, 0)"),
    "processes": ("limited", "import os, time\nfor _ in range(30):\n    if not os.fork(): time.sleep(2); os._exit(0)"),
    "disk": ("mounted", "for k in range(80): open(f'f{k}', 'wb').write(b'x' * 2**20)"),
}
SCRIPT = """
import os, sys, shutil, tempfile
from dlbook.grade import cage, nursery
if {without!r}:
    setattr(cage, {without!r}, lambda *a: False)
scratch = tempfile.mkdtemp()
os.chmod(scratch, 0o777)
walls = cage.unshare(scratch)
child = os.fork()
if not child:
    os.setsid()
    walls += cage.enter(scratch, [*nursery.readable(), sys.prefix], 256 << 20, 20)
    try:
        exec({probe!r})
        said = "went through"
    except BaseException as error:
        said = type(error).__name__
    print(*walls, said, flush=True)
    os._exit(0)
os.waitpid(child, 0)
cage.clear(scratch)
assert not os.path.exists(scratch)
"""


@pytest.mark.parametrize("name", PROBES)
def test_a_wall_refuses_what_would_go_through_without_it(name):
    wall, probe = PROBES[name]
    said = []
    for without in ("", wall):
        done = subprocess.run([sys.executable, "-c", SCRIPT.format(without=without, probe=probe)], capture_output=True, text=True, timeout=60)
        assert not done.returncode, done.stderr
        said.append(done.stdout)
    if name in cage.WALLS and name not in said[0]:
        pytest.skip(f"this kernel refuses the wall: {name}")
    assert said[0].split()[-1] in ("PermissionError", "MemoryError", "_ArrayMemoryError", "BlockingIOError", "OSError"), said
    assert said[1].endswith("went through\n"), said


WITHOUT_NAMESPACES = """
import os, signal, socket, sys, tempfile, time
from dlbook.grade import cage
real, without = cage.call, sys.argv[1:]
def call(name, *arguments):
    if name in without or (name == "prctl" and arguments[0] == cage.SUBREAPER and "subreaper" in without):
        raise OSError("refused")
    return real(name, *arguments)
cage.call = call
scratch = tempfile.mkdtemp()
walls = cage.unshare(scratch)
assert "processes" not in walls and "disk" not in walls, walls
ours, theirs = socket.socketpair()
child = os.fork()
if not child:
    os.setsid()
    cage.enter(scratch, [sys.prefix, "/usr", "/lib"], 256 << 20, 60)
    for _ in range(2):
        if not os.fork():
            os.setsid()
            if not os.fork():
                while True: pass
            os._exit(0)
    time.sleep(60)
cage.supervise(child, ours, 1)
cage.clear(scratch)
"""


@pytest.mark.parametrize("refused, left", [(["unshare"], 0), (["unshare", "subreaper"], 2)])
def test_where_there_are_no_namespaces_orphans_are_ended_all_the_same(refused, left, tmp_path):
    mark = f"mark={tmp_path}"
    with open(tmp_path / "said", "w") as said:  # not a pipe, which an orphan would hold open
        done = subprocess.run([sys.executable, "-c", WITHOUT_NAMESPACES, *refused], env={**os.environ, "mark": str(tmp_path)}, stdout=said,
                              stderr=said, timeout=60)
    assert not done.returncode, (tmp_path / "said").read_text()
    found = left_over(mark, seconds=0.5 if left else 8)
    for number in found:
        os.kill(int(number), signal.SIGKILL)
    assert len(found) == left


# ---- the wire -------------------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def wires(**settings):
    """The judge's end and the student's, which serves in a thread what is in `there`."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        judges, students = Wire(ours, **settings), Wire(theirs, open=True)

        def serve():
            with contextlib.suppress(Gone, OSError):
                while True:
                    students.serve(students.receive())

        thread = threading.Thread(target=serve)
        thread.start()
        yield judges, students
        ours.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def there(function):
    """Call `function` at the other end: gives (judge's RemoteFunction)."""
    return lambda judges, students: (students.objects.append(function), RemoteFunction(judges, len(students.objects) - 1, "f"))[1]


def crossed(value):
    """A value that went over and back."""
    with wires() as (judges, students):
        return there(lambda x: x)(judges, students)(value)


def same(a, b):
    if isinstance(a, (np.ndarray, np.generic)):
        return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, Tensor):
        return isinstance(b, Tensor) and same(a.data, b.data) and same(a.grad, b.grad) and a.requires_grad == b.requires_grad
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return type(b) is dict and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return type(a) is type(b) and (a == b or a != a and b != b)


dtypes = st.one_of(np_strategies.boolean_dtypes(), np_strategies.integer_dtypes(endianness="?"), np_strategies.unsigned_integer_dtypes(endianness="?"),
                   np_strategies.floating_dtypes(endianness="?", sizes=(16, 32, 64)), np_strategies.complex_number_dtypes(endianness="?", sizes=(64, 128)),
                   np_strategies.unicode_string_dtypes(endianness="?", max_len=5), np_strategies.byte_string_dtypes(max_len=5))
arrays = np_strategies.arrays(dtypes, np_strategies.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
leaves = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just(...), arrays, arrays.map(np.asfortranarray),
                   arrays.map(lambda a: a[..., ::2] if a.ndim else a))
trees = st.recursive(leaves, lambda t: st.one_of(st.lists(t, max_size=3), st.tuples(t, t), st.dictionaries(st.one_of(st.text(), st.integers()), t, max_size=3)))


@settings(max_examples=150)
@given(trees)
def test_every_value_comes_back_as_it_went(value):
    assert same(crossed(value), value)


@pytest.mark.parametrize("value", [np.float32(1.5), np.int8(-3), np.bool_(True), np.str_("é"), np.array(3.0), np.zeros((0, 3)), np.arange(3, dtype=">i4"),
                                   np.asfortranarray(np.arange(6.0).reshape(2, 3)), Tensor([1.0, 2.0], requires_grad=True)], ids=repr)
def test_these_come_back_too(value):
    if isinstance(value, np.str_):
        assert crossed(value) == value
    else:
        assert same(crossed(value), value)


def test_a_generator_that_draws_at_the_other_end_has_drawn_here():
    here, twin = np.random.default_rng(3), np.random.default_rng(3)
    with wires() as (judges, students):
        drawn = there(lambda rng: rng.normal(size=4))(judges, students)(here)
    assert np.array_equal(drawn, twin.normal(size=4)) and here.random() == twin.random()


def test_a_list_and_an_array_that_are_changed_there_are_changed_here():
    def change(array, items, table):
        array += 1
        items.append(4)
        table["a"][0] = 7.0

    array, items, table = np.zeros(3), [1, 2], {"a": np.zeros(2)}
    with wires() as (judges, students):
        there(change)(judges, students)(array, items, table)
    assert array.tolist() == [1, 1, 1] and items == [1, 2, 4] and table["a"].tolist() == [7, 0]


def test_the_judges_student_sees_a_changed_input():
    def f(x):
        x += 1
        return x

    with wires() as (judges, students), pytest.raises(Exception, match="changes its input"):
        Student(there(f)(judges, students))(np.zeros(2))


def test_functions_go_both_ways():
    with wires() as (judges, students):
        twice = there(lambda f: lambda x: f(f(x)))(judges, students)(lambda x: x + 1)
        assert twice(3) == 5
        assert same(twice(np.zeros(2)), np.full(2, 2.0))


def test_an_error_there_is_an_error_here():
    with wires() as (judges, students):
        with pytest.raises(ZeroDivisionError):
            there(lambda: 1 / 0)(judges, students)()
        with pytest.raises(IndexError):
            there(lambda f: f())(judges, students)(lambda: [][1])  # ours, called from there


# ---- a hostile end --------------------------------------------------------------------------------------------------------

def asks_for(request):
    """What a student's function gets that sends `request` to the judge in the middle of a call."""
    heard = []
    with wires() as (judges, students):
        def attack(f):
            try:
                heard.append(students.ask({**request, **({"call": f._number} if "call" in request else {})}, [[], {}] if "call" in request else None))
            except Exception as error:
                heard.append(error)
            return 0

        there(attack)(judges, students)(lambda *given: given)
    return heard[0]


def test_nothing_of_the_judges_can_be_read():
    assert asks_for({"call": 0}) == ()
    for name in ("__globals__", "__code__", "__class__", "real"):
        error = asks_for({"attribute": [0, name]})
        assert isinstance(error, ValueError) and "not known" in str(error)


def test_the_attack_works_where_an_end_is_open():
    with wires(open=True) as (judges, students):
        globals_of_the_judge = there(lambda f: students.ask({"attribute": [f._number, "__globals__"]})["__name__"])(judges, students)(lambda: None)
    assert globals_of_the_judge == __name__


@pytest.mark.parametrize("thing", [object(), print.__class__, np.random.Generator(np.random.MT19937(1))], ids=["object", "class", "another generator"])
def test_the_judge_gives_no_objects_away(thing):
    with wires() as (judges, students), pytest.raises(TypeError, match="values and functions"):
        there(lambda x: x)(judges, students)(thing)


HOSTILE = {
    "bare list": [], "unknown object": {"yours": 0}, "negative number": {"yours": -1}, "no number": {"yours": "0"}, "object dtype": {"array": ["O", [1], 0, 8]},
    "pickle of a dtype": {"array": [["a", "O"], [1], 0, 8]}, "wrong size": {"array": ["<f8", [3], 0, 8]}, "beyond the end": {"array": ["<f8", [2], 1 << 20, 16]},
    "negative shape": {"array": ["<f8", [-1, -2], 0, 16]}, "negative start": {"array": ["<f8", [1], -8, 8]}, "no shape": {"array": ["<f8", 3, 0, 24]},
    "the same bytes a thousand times": {"list": [{"array": ["<f8", [1 << 17], 0, 1 << 20]}] * 1000}, "no text": {"array": ["<U1", [2], 1 << 20, 8]},
    "no generator": {"rng": [1]}, "generator of texts": {"rng": ["a", "b", "c", "d"]}, "dict that cannot be": {"dict": [[{"list": []}, 1]]},
    "no number of a function": {"mine": "x", "call": True, "name": "f", "gap": 0},
    "date": {"array": ["<M8[s]", [1], 0, 8]}, "a tensor of nothing": {"tensor": {"list": [{"dict": 3}]}, "wants": True, "grad": None},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_value_is_the_students_failure_and_not_ours(name):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        judges = Wire(ours)
        judges.blob, judges.room = np.ones(1 << 17).tobytes() + b"\xff" * 8, wire.LONGEST
        with pytest.raises(Gone):
            judges.unpacked(HOSTILE[name])


FRAMES = {
    "too long": wire.HEAD.pack(1 << 31, 1 << 31), "no JSON": wire.HEAD.pack(3, 0) + b"abc", "no object": wire.HEAD.pack(2, 0) + b"[]",
    "too deep": wire.HEAD.pack(200_000, 0) + b"[" * 200_000, "cut off": wire.HEAD.pack(50, 0) + b"{", "nothing": b"",
    "a number too long": wire.HEAD.pack(10_002, 0) + b"[" + b"9" * 10_000 + b"]",
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_hostile_frame_is_the_students_failure(name):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        judges = Wire(ours)
        theirs.sendall(FRAMES[name])
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(Gone):
            judges.receive()


@pytest.mark.parametrize("reply", [
    {"error": None}, {"error": {"a": 1}, "text": [1]}, {"error": "UnicodeDecodeError", "text": "x"}, {"error": "\x00\ud800", "text": "\ud800"}, {"error": "ExceptionGroup"},
    {"value": 3}, {"value": {"list": []}}, {}, {"missing": False}, {"error": "KeyboardInterrupt"}, {"error": "Gone"}, {"value": {"list": [{"mine": 0}]}},
], ids=json.dumps)
def test_a_hostile_reply_costs_the_student_alone(reply, small):
    place = tempfile.mkdtemp()  # short: the address of a socket is at most 107 bytes
    nursery = Nursery.__new__(Nursery)
    nursery.limits, nursery.places = QUICK, {"nand": os.path.join(place, "0")}

    def answer():
        connection, _ = listener.accept()
        with connection:
            child = Wire(connection)
            child.send({"walls": []})
            child.receive()
            child.send(reply)
            with contextlib.suppress(Gone):
                child.receive()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(nursery.places["nand"])
        listener.listen()
        thread = threading.Thread(target=answer)
        thread.start()
        mark = nursery.mark(small.tasks[0], key.Answer((), body(ONES)), (1,), [])
        thread.join(5)
    shutil.rmtree(place)
    assert mark.points == 0 and mark.verdict in ("wrong", "open")
    mark.said.encode("utf-8")
