"""Whatever is given to anything public of the package: the right answer, or an error that explains. The calls are in thrown/."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thrown import AWAITED, INNER, SAFE, TABLE, inner, problem, problem_of_two, public, throwable
from thrown.throwing import call

PUBLIC = dict(public())
NAMED = {f"{name}-{number}": each for name, calls in TABLE.items() for number, each in enumerate(calls)}
CALLS = [pytest.param(each, id=name, marks=[pytest.mark.xfail(reason="mended elsewhere", strict=False)] * name.startswith(AWAITED))
         for name, each in NAMED.items()]
MENDED = [name for name in NAMED if not name.startswith(AWAITED) and NAMED[name].bound.arguments]


def test_everything_public_is_thrown_at_or_listed_with_a_reason():
    missing = [name for name in PUBLIC if name not in TABLE and name not in SAFE and not inner(name)]
    assert missing == [], "add calls in tests/thrown/, or a reason in SAFE or INNER"


def test_nothing_is_listed_that_does_not_exist():
    inners = [f"{module}.{name}" for module, names in INNER.items() for name in names.split()]
    assert [name for name in [*TABLE, *SAFE, *inners] if name not in PUBLIC] == []


@pytest.mark.parametrize("right", CALLS)
def test_a_right_answer_or_an_error_that_explains(right):
    plain = right.run()
    found = [sentence for thrown in throwable(right) if (sentence := problem(right, plain, *thrown))]
    assert not found, "\n".join(found)


@functools.cache
def all_throws(name):
    return list(throwable(NAMED[name]))


@settings(max_examples=1000)
@given(data=st.data())
def test_errors_explain_when_several_arguments_are_wrong(data):
    name = data.draw(st.sampled_from([name for name in MENDED if all_throws(name)]))
    thrown = data.draw(st.lists(st.sampled_from(all_throws(name)), min_size=2, max_size=3, unique_by=lambda throw: throw[0]))
    assert not problem_of_two(NAMED[name], *thrown)


def test_the_throwing_has_teeth():
    """What is wrong on purpose is found: a number hidden, an input written into, a junk setting taken, a bare NumPy message."""
    def doubles(x, n=2):
        return np.asarray(x, np.float64) * n

    def writes(x, n=2):
        x[...] = 0
        return np.asarray(x)

    def problems(f):
        spoilt = call(f, np.arange(6.0).reshape(2, 3), n=2)
        return "\n".join(filter(None, (problem(spoilt, spoilt.run(), *thrown) for thrown in throwable(spoilt))))

    assert "taken without a word" in problems(lambda x, n=2: np.zeros(3))
    assert "hides nan" in problems(lambda x, n=2: np.nan_to_num(np.asarray(x)))
    assert "written into" in problems(writes)
    assert "where the same numbers give" in problems(lambda x, n=2: np.asarray(x).ravel(order="K"))
    assert "could not convert string to float" in problems(doubles)
    assert "changes the dtype" in problems(lambda x, n=2: np.zeros(3, np.float32) * (n if type(n) is int else np.atleast_1d(n)))  # NumPy 1 too
