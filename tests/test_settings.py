"""Settings come back as plain Python, or with an error that says what they should have been."""

import math

import numpy as np
import pytest

from dlbook.settings import flag, fraction, generator, number, pair, whole


@pytest.mark.parametrize("call, expected", [
    (lambda: whole("n", 1), 1), (lambda: whole("n", np.uint8(7)), 7), (lambda: whole("n", 0, 0), 0), (lambda: whole("n", 10**30), 10**30),
    (lambda: pair("n", 3), (3, 3)), (lambda: pair("n", (1, np.int32(2))), (1, 2)), (lambda: pair("n", [0, 4], 0), (0, 4)),
    (lambda: pair("n", np.array([5, 6])), (5, 6)), (lambda: number("x", 0, 0), 0.0), (lambda: number("x", np.float32(0.5), 0, 1), 0.5),
    (lambda: number("x", np.int64(3), 0), 3.0), (lambda: flag("f", True), True), (lambda: flag("f", np.False_), False),
    (lambda: fraction("p", 0), 0.0), (lambda: fraction("p", np.int8(1)), 1.0), (lambda: fraction("p", np.float32(0.5)), 0.5)])
def test_plain_python_comes_back(call, expected):
    value = call()
    assert value == expected and type(value) is type(expected)
    assert not isinstance(value, tuple) or {*map(type, value)} == {int}


def test_a_generator_comes_back_itself():
    rng = np.random.default_rng(0)
    assert generator(rng) is rng


@pytest.mark.parametrize("call, kind, words", [
    (lambda: whole("heads", 0), ValueError, ["heads must be a whole number from 1 up, and is 0"]),
    *[(lambda bad=bad: whole("heads", bad), ValueError, ["heads", repr(bad)[:20]])
      for bad in (True, 1.0, np.float32(2), "2", None, [1], -5, np.array(2), 1j, np.True_)],
    *[(lambda bad=bad: pair("stride", bad), ValueError, ["stride must be one or two whole numbers from 1 up", repr(bad)[:20]])
      for bad in (0, (1, 0), (1,), (1, 2, 3), [1, [2]], (1.0, 2), "12", None, True, (True, 1), {1, 2}, np.array(3), np.ones(2), np.ones((2, 2), int))],
    (lambda: pair("padding", (0, -1), 0), ValueError, ["padding", "from 0 up", "(0, -1)"]),
    (lambda: number("rate", 1, 0, 1), ValueError, ["rate must be a number from 0 to below 1, and is 1"]),
    (lambda: number("eps", -1e-9, 0), ValueError, ["eps must be a number from 0 up, and is -1e-09"]),
    *[(lambda bad=bad: number("eps", bad, 0), ValueError, ["eps", repr(bad)[:20]])
      for bad in (math.nan, math.inf, 10**400, True, "1", None, [1.0], 1j, np.array(1.0), np.float64("nan"))],
    *[(lambda bad=bad: fraction("gamma", bad), ValueError, ["gamma must be a number from 0", repr(bad)])
      for bad in (np.nextafter(1, 2), 2, -1e-9, math.nan, True, "1", None)],
    (lambda: fraction("gamma", 1.5), ValueError, ["gamma must be a number from 0 to 1, and is 1.5"]),
    *[(lambda bad=bad: flag("causal", bad), ValueError, ["causal must be True or False", repr(bad)]) for bad in (0, 1, "no", None, [True])],
    *[(lambda bad=bad: generator(bad), TypeError, ["expected a NumPy generator, such as np.random.default_rng(0)"])
      for bad in (0, None, np.random, np.random.RandomState(0), np.random.default_rng)],
])
def test_anything_else_is_refused(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)
    assert len(str(caught.value)) < 200
