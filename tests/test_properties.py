"""Whatever arrays an operation is given, it answers as NumPy would, or with an error that names it: never a wrong number.

Operations, and the formulas that they are compared with, come from the table in samples/.
"""

import functools
import inspect
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from samples import TABLE
from samples.making import Replayed

from dlbook import Tensor

every_operation = pytest.mark.parametrize("operation", TABLE, ids=lambda operation: operation.__name__)

# ---- what to throw ----------------------------------------------------------------------------------------------------

SHAPES = [(), (1,), (2,), (3,), (2, 3), (3, 2), (1, 3), (2, 1), (3, 3), (0,), (0, 3), (2, 0), (2, 1, 3), (1, 1), (2, 2, 3)]
FLOATS = [0.0, -0.0, 0.25, -0.5, 1.0, -1.0, 2.5, -3.0, 4.0]
STRANGE = [math.nan, math.inf, -math.inf]
JUNK = [None, "two", b"two", 1j, object(), {}, {1.0}, [[1.0], [2.0, 3.0]], [None], ["1"], slice(2), len, Ellipsis, 10**400,
        np.array([1j]), np.array(["a"]), np.array([None, 1], object), np.array(["2020-01-01"], "datetime64[D]")]


def filled(shape, dtype, strange):
    """Arrays of this shape, of small numbers that float16 can hold."""
    kind = np.dtype(dtype).kind
    elements = st.sampled_from(FLOATS + STRANGE * strange) if kind == "f" else st.booleans() if kind == "b" else st.integers(0, 3)
    return npst.arrays(dtype, shape, elements=elements)


AXIS = st.none() | st.integers(-3, 3) | st.lists(st.integers(-2, 2), max_size=3).map(tuple)
NUMBER = st.sampled_from([-2, -1, 0, 1, 2, 3, 0.5, -0.5, 2.5, np.float64(1.5), np.int32(2), True])
WHOLE = st.integers(-1, 6) | st.sampled_from([np.int64(2), 2.0, True, None])
PAIR = WHOLE | st.lists(WHOLE, max_size=3) | st.tuples(st.integers(0, 3), st.integers(0, 3))
FLAG = st.sampled_from([True, False, np.True_, 1, None, "no"])
SETTINGS = {
    "axis": AXIS,
    "keepdims": st.booleans(),
    "axes": st.none() | st.lists(st.integers(-3, 3), max_size=3),
    "shape": st.sampled_from(SHAPES + [(-1,), (3, -1), (-1, -1), (6,), (-2,)]) | st.integers(-1, 6),
    "index": st.deferred(lambda: ONE_INDEX | st.lists(ONE_INDEX, max_size=3).map(tuple)),
    "widths": st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 2)), max_size=3),
    "value": NUMBER,
    "exponent": NUMBER,
    "low": NUMBER | st.just(math.nan),
    "high": NUMBER,
    "slope": NUMBER,
    "alpha": NUMBER,
    "condition": st.sampled_from(SHAPES).flatmap(lambda shape: filled(shape, bool, False) | filled(shape, np.int64, False)),
    "subscripts": st.sampled_from([
        "i->i", "ij->ji", "ij->i", "ij->", "ij,jk->ik", "i,i->", "i,j->ij", "ij,j->i", "i,i->i", "ij,ij->ij", "->", ",->", "bij,bjk->bik",
        "ij,jk,kl->il", "ii->i", "i,i", "i...->i", "i->j", "i->ii", "", "ij,jk->ik,", "i j -> j i"]),
    "labels": st.sampled_from(SHAPES).flatmap(
        lambda shape: npst.arrays(np.int64, shape, elements=st.integers(-1, 3)) | filled(shape, np.uint8, False)),
    "stride": st.none() | PAIR,
    "padding": PAIR,
    "dilation": PAIR,
    "output_padding": PAIR,
    "size": PAIR,
    "factor": PAIR,
    "groups": WHOLE,
    "heads": WHOLE,
    "start": WHOLE,
    "eps": NUMBER,
    "base": NUMBER,
    "rate": NUMBER | st.just(0.25),
    "rng": st.sampled_from([Replayed(0), Replayed(2), None, 0]),
    "causal": FLAG,
    "observe": st.none(),
    "mask": st.none() | st.sampled_from(SHAPES).flatmap(lambda shape: filled(shape, bool, False)),
    "bias": st.none() | st.sampled_from(SHAPES).flatmap(lambda shape: filled(shape, np.float64, False) | filled(shape, np.int64, False)),
    "moments": st.none() | st.lists(st.sampled_from([(4,), (3,), (1,), (), (4, 1)]).flatmap(lambda shape: filled(shape, np.float64, False)), max_size=3),
    "ids": st.sampled_from(SHAPES).flatmap(lambda shape: npst.arrays(np.int64, shape, elements=st.integers(-1, 4)) | filled(shape, bool, False)),
    "targets": st.sampled_from(SHAPES).flatmap(lambda shape: filled(shape, np.float64, False) | filled(shape, bool, False)),
}
ONE_INDEX = st.one_of(
    st.integers(-4, 4), st.slices(3), st.none(), st.just(Ellipsis), st.booleans(), st.lists(st.integers(-2, 2), max_size=3),
    st.sampled_from(SHAPES).flatmap(lambda shape: filled(shape, bool, False) | npst.arrays(np.int64, shape, elements=st.integers(-2, 2))))


def named(operation):
    """The settings of an operation."""
    return [p.name for p in inspect.signature(operation).parameters.values() if p.kind is p.KEYWORD_ONLY]


@st.composite
def calls(draw, operation):
    """A sample of the table with other numbers, of one floating dtype or whole, wrapped in any way; often with another shape or setting, or all."""
    call = draw(st.sampled_from(TABLE[operation].samples))
    shapes, chosen = list(call.shapes), dict(call.settings)
    places = draw(st.permutations([*range(len(shapes)), *named(operation)]))
    for place in places[:draw(st.sampled_from([0, 0, 1, 1, len(places)]))]:
        if isinstance(place, int):
            shapes[place] = draw(st.sampled_from([*shapes, *SHAPES]))
        else:
            chosen[place] = draw(SETTINGS[place])
    dtype, strange = draw(st.sampled_from([np.float32, np.float64, np.float16])), draw(st.booleans())
    arrays = []
    for shape in shapes:
        array = draw(filled(shape, draw(st.sampled_from([dtype, dtype, dtype, np.int64, np.uint8, bool])), strange))
        learned = functools.partial(Tensor, requires_grad=True)
        wraps = [learned, learned, Tensor, np.asarray] if array.dtype == dtype else [np.asarray, np.ndarray.tolist]
        arrays.append(draw(st.sampled_from(wraps))(array))
    return arrays, chosen


# ---- what must come back ------------------------------------------------------------------------------------------------

def as_array(x):
    return x.data if isinstance(x, Tensor) else np.asarray(x)


def attempt(f, *arrays, **chosen):
    """Value of a call, or the error it raised."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return f(*arrays, **chosen), None
        except Exception as error:  # whichever: that is the question
            return None, error


def explains(error, operation):
    """Whether an error is of a kind that users expect, and names the operation."""
    return type(error) in (ValueError, TypeError) and str(error).startswith(operation.__name__)


@every_operation
@settings(max_examples=60)
@given(data=st.data())
def test_a_right_answer_or_an_error_that_explains(operation, data):
    arrays, chosen = data.draw(calls(operation))
    floating = [x.dtype for x in arrays if isinstance(x, (Tensor, np.ndarray)) and x.dtype.kind == "f"]
    dtype = floating[0] if floating else np.dtype(np.float32)
    out, error = attempt(operation, *arrays, **chosen)
    expected, refusal = attempt(TABLE[operation].formula, *(as_array(x).astype(dtype).astype(np.float64) for x in arrays), **chosen)
    if error:
        assert explains(error, operation), repr(error)
        assert refusal, f"{error!r}, though the answer is {expected}"
        return
    assert not refusal, f"{out}, though NumPy says {refusal!r}"
    assert out.dtype == dtype and out.shape == np.shape(expected) and type(out.data) is np.ndarray
    eps = float(np.finfo(dtype).eps)
    if np.isfinite(np.concatenate([np.zeros(1), *(as_array(x).reshape(-1).astype(float) for x in arrays)])).all():
        np.testing.assert_allclose(out.data, expected, rtol=16 * eps, atol=64 * eps)
    else:  # nan is no wrong number: the stable softmax of infinities is nan where the naive one is partly 0
        known = ~np.isnan(out.data)
        if len(arrays) > 2:  # and whether infinity meets 0 in a long product depends on the order
            known &= ~np.isnan(expected)
        np.testing.assert_allclose(out.data[known], np.asarray(expected)[known], rtol=16 * eps, atol=64 * eps)
    leaves = [x for x in arrays if isinstance(x, Tensor) and x.requires_grad]
    assert out.requires_grad == bool(leaves)
    if leaves:
        _, error = attempt(out.backward, np.ones(out.shape))
        assert error is None, repr(error)
        assert all(x.grad.shape == x.shape and x.grad.dtype == dtype for x in leaves)


@every_operation
@settings(max_examples=15)
@given(data=st.data())
def test_nan_is_never_hidden(operation, data):
    """An output that is finite does not depend on an input that is nan."""
    call = data.draw(st.sampled_from([call for call in TABLE[operation].samples if any(map(math.prod, call.shapes))]))
    arrays = call.arrays()
    k = data.draw(st.sampled_from([k for k, x in enumerate(arrays) if x.size]))
    place = data.draw(st.integers(0, arrays[k].size - 1))
    answers = []
    for poison in (math.nan, 0.75, 1.25):
        spoiled = [x.copy() for x in arrays]
        spoiled[k].reshape(-1)[place] = poison
        answers.append(attempt(operation, *spoiled, **call.settings)[0].data)
    with_nan, one, other = answers
    finite = np.isfinite(with_nan)
    assert np.array_equal(with_nan[finite], one[finite]) and np.array_equal(one[finite], other[finite])


@every_operation
@settings(max_examples=30)
@given(data=st.data())
def test_junk_is_refused_by_name(operation, data):
    call = data.draw(st.sampled_from(TABLE[operation].samples))
    arrays, chosen = call.arrays(np.float32), dict(call.settings)
    where = data.draw(st.sampled_from([*range(len(arrays)), *(name for name in named(operation) if name != "keepdims")]))
    junk = data.draw(st.sampled_from(JUNK))
    if isinstance(where, int):
        arrays[where] = junk
        _, error = attempt(operation, *arrays, **chosen)
        assert explains(error, operation), repr(error)
        return
    chosen[where] = junk
    out, error = attempt(operation, *arrays, **chosen)
    if error:
        assert explains(error, operation), repr(error)
    else:  # some junk means something: x[...], axis=None
        expected, refusal = attempt(TABLE[operation].formula, *call.arrays(), **chosen)
        assert not refusal, f"{out}, though NumPy says {refusal!r}"
        np.testing.assert_allclose(out.data, expected, rtol=1e-5, atol=1e-6)


def test_every_setting_has_something_to_throw():
    assert {name for operation in TABLE for name in named(operation)} == set(SETTINGS)
