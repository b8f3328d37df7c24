"""What a child of the nursery does with an answer, spoken to over a socket in this process: no cage, so that each line is seen."""

import contextlib
import os
import socket
import threading
import time

import numpy as np
import pytest

from dlbook.grade import cage, nursery
from dlbook.grade.wire import Wire, as_exception

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="grading needs Linux or macOS")
STUB = "def twice(x):\n    ..."


@contextlib.contextmanager
def child(space=None):
    """The judge's end of a connection to a `serve` that runs beside us."""
    mine, theirs = socket.socketpair()
    with mine, theirs:
        wire = Wire(mine, deadline=time.monotonic() + 20)
        server = Wire(theirs, line=nursery.line, open=True)
        thread = threading.Thread(target=nursery.serve, args=(server, {"np": np, **(space or {})}, ["memory"]))
        thread.start()
        try:
            assert wire.receive() == {"walls": ["memory"]}
            yield wire
        finally:
            mine.shutdown(socket.SHUT_RDWR)
            thread.join(20)
            assert not thread.is_alive()


def ask(wire, answer, *others, arguments=("twice",)):
    """What the child says of an answer cell (None if its name was lost) among other cells of a notebook."""
    wire.send({"cells": [*others, *([answer] if answer else [])], "cell": answer, "stub": STUB, "arguments": list(arguments)})
    return wire.receive()


def test_an_answer_is_run_and_then_called():
    with child() as wire:
        (twice,) = wire.unpacked(ask(wire, "def twice(x):\n    return 2 * x")["value"])
        assert np.array_equal(twice(np.arange(3.0)), [0, 2, 4])
        assert twice(4) == 8


def test_it_sees_the_chapter_and_the_students_own_helpers_but_not_their_troubles():
    helpers = ["factor = 2\nimport math\ndef half(x): return x / 2", "1 / 0\nraise SystemExit", "def broken(:", "%timeit 1\nagain = factor",
               "import nowhere_to_be_found"]
    with child({"offset": 1}) as wire:
        answer = ask(wire, "def twice(x):\n    return again * x + offset + half(0) + math.floor(0.5)", *helpers)
        (twice,) = wire.unpacked(answer["value"])
        assert twice(4) == 9


@pytest.mark.parametrize("source, kind, where, gap", [
    ("1 / 0", "ZeroDivisionError", "in line 1, `1 / 0`", False),
    ("def twice(x):\n    return (2", "SyntaxError", "in line 2", False),
    ("x = nowhere\n...", "NameError", "in line 1, `x = nowhere`", True),
    ("import sys\nsys.exit(3)", "SystemExit", "in line 2", False),
])
def test_a_cell_that_fails_says_where(source, kind, where, gap):
    with child() as wire:
        answer = ask(wire, source)
    assert answer["error"] == kind and where in answer["line"] and answer["gap"] is gap


def test_an_error_in_a_call_arrives_with_its_line():
    with child() as wire:
        (twice,) = wire.unpacked(ask(wire, "def twice(x):\n    y = x\n    raise KeyError('no')")["value"])
        with pytest.raises(KeyError) as caught:
            twice(1)
    assert caught.value.line == ", in line 3, `raise KeyError('no')`"


def test_an_answer_whose_name_was_lost_is_found_and_one_that_is_not_there_is_missing():
    with child() as wire:
        (twice,) = wire.unpacked(ask(wire, None, "x = 1", "def twice(x):\n    return 3 * x", "def twice(x):\n    return 2 * x")["value"])
        assert twice(4) == 8
    with child() as wire:
        assert ask(wire, None, "print(1)")["missing"] is True


def test_what_the_check_asks_for_and_the_cell_does_not_define():
    with child() as wire:
        answer = ask(wire, "y = 1")
        assert answer["error"] == "NameError" and isinstance(as_exception(answer), NameError)


def test_a_stub_is_known_by_its_dots():
    assert nursery.gap(STUB) and not nursery.gap("x = 1") and not nursery.gap("def f(:")


def test_readable_places_are_python_the_package_and_the_data():
    places = nursery.readable()
    assert os.path.dirname(os.path.dirname(nursery.__file__)).removesuffix("/dlbook") in [place.rstrip("/") for place in places]
    assert not any(place in ("/", "/root", "/home", "/tmp") for place in places)


# ---- the supervisor's part ------------------------------------------------------------------------------------------------

def sleeping():
    """A child that would sleep for a minute."""
    number = os.fork()
    if not number:
        os.setsid()
        time.sleep(60)
        os._exit(0)
    time.sleep(0.05)
    return number


def gone(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("hang_up", [False, True])
def test_a_child_is_ended_at_the_deadline_or_when_the_judge_hangs_up(hang_up):
    number, start = sleeping(), time.monotonic()  # first, or it would hold the judge's end open too
    mine, theirs = socket.socketpair()
    with theirs:
        if hang_up:
            mine.close()
        cage.supervise(number, theirs, 30 if hang_up else 0.3)
        assert gone(number) and time.monotonic() - start < 20
        mine.close()


def test_a_child_that_ends_by_itself_is_not_waited_for():
    mine, theirs = socket.socketpair()
    with mine, theirs:
        number = os.fork()
        if not number:
            os._exit(0)
        start = time.monotonic()
        cage.supervise(number, theirs, 30)
        assert gone(number) and time.monotonic() - start < 20
