"""Our operations against the node tests of ONNX: same inputs, same attributes, same outputs; or a reason why not.

`onnx_cases.py` collects the cases; `onnx_operators.py`, `onnx_layers.py` and `onnx_optimisers.py` say each operator in ours;
`onnx_skips.py` holds the reasons. Compared are values: ONNX has no gradients, to which `test_hips.py` sees.
"""

import collections
import inspect
import itertools
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
from external import onnx_layers, onnx_operators, onnx_optimisers, onnx_skips
from external.onnx_cases import TOLERANCE, cases
from samples import is_operation, offered, package
from samples.spoiling import DAMAGES, spoiled

from dlbook import Tensor, attention, conv, functional, ops, optim, pool, recurrent

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install 'dlbook[external]'")

TABLE = {**onnx_operators.TABLE, **onnx_layers.TABLE, **onnx_optimisers.TABLE}

WITHOUT = {
    functional.binary_cross_entropy: "ONNX composes it of Sigmoid, Log and Mul",
    functional.mse: "ONNX composes it of Sub, Mul and ReduceMean",
}

# What each version holds for us: cases that ran, and those left out.
RECORDED = {"1.23.2": {"run": 595, "lack": 241, "policy": 34, "flaw": 1}}

OPTIMISERS = {"Adagrad": optim.AdaGrad, "Adam": optim.Adam, "Momentum": optim.SGD}  # which are no operations

every_row = pytest.mark.parametrize("row", TABLE)


def cases_of(row):
    """The cases of the operator that a row is about: its name up to a comma."""
    return cases()[row.split(",")[0]]


def held(row):
    """The cases that a row is held to."""
    return [case for case in cases_of(row) if not onnx_skips.reason(row, case)]


def call(row, case):
    """What we make of a case."""
    function = TABLE[row]
    tells = {"asked": len(case.outputs), "expected": case.outputs}
    more = {name: told for name, told in tells.items() if name in inspect.signature(function).parameters}
    inputs = [Tensor(x) if x is not None and x.dtype.kind == "f" else x for x in case.arrays()]
    outputs = function(*inputs, **case.attributes, **more)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def check(row, case):
    compared = 0
    for ours, theirs in zip(call(row, case), case.outputs):
        if ours is not None and theirs is not None:
            y = ours.data if isinstance(ours, Tensor) else np.asarray(ours)
            assert (y.shape, y.dtype) == (theirs.shape, theirs.dtype), case.name
            rtol, atol = TOLERANCE.get(theirs.dtype.name, (0, 0))
            np.testing.assert_allclose(y, theirs, rtol=rtol, atol=atol, err_msg=case.name)
            compared += 1
    assert compared, f"{case.name}: nothing was compared"


# ---- every operator, every case -------------------------------------------------------------------------------------

@every_row
def test_operator(row):
    assert held(row), "a row that no case holds says nothing: take it out"
    for case in held(row):
        check(row, case)


# ---- what is left out, and whether that is all ----------------------------------------------------------------------

@every_row
def test_nothing_is_left_out_that_we_would_pass(row):
    for case in cases_of(row):
        if onnx_skips.reason(row, case):
            with pytest.raises((AssertionError, ValueError, TypeError, IndexError)):
                check(row, case)


def test_every_reason_leaves_something_out():
    found = {onnx_skips.reason(row, case) for row in TABLE for case in cases_of(row)} - {None}
    assert found == {(kind, why) for kind, rules in onnx_skips.REASONS.items() for why, _, _ in rules}
    assert {row for rules in onnx_skips.REASONS.values() for _, rows, _ in rules for row in rows or ()} <= set(TABLE)


def test_as_many_cases_ran_as_recorded():
    if onnx.__version__ not in RECORDED:
        pytest.skip(f"cases were counted in ONNX {', '.join(RECORDED)}; this is {onnx.__version__}")
    reasons = [onnx_skips.reason(row, case) for row in TABLE for case in cases_of(row)]
    assert collections.Counter("run" if r is None else r[0] for r in reasons) == RECORDED[onnx.__version__]


# ---- which of our operations ran ------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def places():
    """Where the package holds each operation: modules, and names in them."""
    found = collections.defaultdict(list)
    for module in package():
        for name, value in vars(module).items():
            if is_operation(value):
                found[value].append((module, name))
    return found


@contextmanager
def replaced(operation, other, places):
    """All of the package, and the tables, call `other` instead of `operation`."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for module, name in places[operation]:
            monkeypatch.setattr(module, name, other)
        yield


def counting(operation, ran):
    """The operation, which notes of each of its calls whether there is something in its value to damage."""

    def note(value, pullbacks, arrays):
        ran[operation].append(bool(np.any(np.isfinite(value) & (value != 0))))
        return value, *pullbacks

    return spoiled(operation, note)


@pytest.fixture(scope="module")
def used(places):
    """For each row and case, the calls of each operation: True where damage would show."""
    found = {}
    with ExitStack() as stack:
        ran = collections.defaultdict(list)
        for operation in offered():
            stack.enter_context(replaced(operation, counting(operation, ran), places))
        for row in TABLE:
            for case in held(row):
                ran.clear()
                call(row, case)
                found[row, case.name] = dict(ran)
    return found


def test_every_operation_is_held_to_an_operator(used):
    ran = {operation for operations in used.values() for operation in operations}
    assert set(offered()) - ran == set(WITHOUT)


# ---- teeth ----------------------------------------------------------------------------------------------------------

def nth(operation, turn, damage):
    """The operation with damage done to its value, once: at its call number `turn`."""
    calls = itertools.count()
    return spoiled(operation, lambda value, pullbacks, arrays: (damage(value) if next(calls) == turn else value, *pullbacks))


def failure(row, case):
    """What the check of a case raises, if it does not pass."""
    try:
        with np.errstate(all="ignore"):
            check(row, case)
    except (AssertionError, ValueError) as failed:
        return failed
    return None


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@every_row
def test_a_damaged_value_is_noticed(row, damage, places, used):
    """By every case, if it is in a layer or in the one thing that ran; by some case at least, if in a part of a composition."""
    calls = [(operation, turn, case, operation not in ops.OPERATIONS or sum(map(len, used[row, case.name].values())) == 1)
             for case in held(row)
             for operation, shows in used[row, case.name].items()
             for turn, show in enumerate(shows) if show]
    noticed = {operation: False for operation, *_ in calls}
    for operation, turn, case, alone in calls:
        if alone or not noticed[operation]:
            with replaced(operation, nth(operation, turn, damage), places):
                found = failure(row, case) is not None
            assert found or not alone, f"damage to {operation.__name__} passes {case.name}"
            noticed[operation] |= found
    assert not [operation for operation, found in noticed.items() if not found]
    assert noticed or row in OPTIMISERS


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("row", OPTIMISERS)
def test_a_damaged_step_is_noticed(row, damage, monkeypatch):
    right = OPTIMISERS[row].update
    for wrong in (lambda self, theta, g: theta + damage(right(self, theta, g) - theta),
                  lambda self, theta, g: right(self, theta, damage(g))):
        monkeypatch.setattr(OPTIMISERS[row], "update", wrong)
        assert all(failure(row, case) for case in held(row))


def swapped(blocks, *order):
    """Stretches of the last axis of weights and bias in another order."""
    return lambda a: np.concatenate([np.split(a, blocks, axis=-1)[k] for k in order], axis=-1)


def wrong_gates(states, blocks, *order):
    """A recurrent layer that takes one gate for another."""
    swap = swapped(blocks, *order)
    return lambda f, *xs: f(*xs[:1 + states], *map(swap, xs[1 + states:4 + states]), *xs[4 + states:])


def crosswise(name):
    """A pair of settings the other way round."""
    return lambda f, *xs, **settings: f(*xs, **{**settings, name: tuple(settings[name])[::-1]})


CONFUSED = {
    "minuend and subtrahend": ("Sub", ops.sub, lambda f, a, b: f(b, a)),
    "dividend and divisor": ("Div", ops.div, lambda f, a, b: f(b, a)),
    "largest and smallest": ("ReduceMax", ops.max, lambda f, x, **s: -f(-x.data, **s)),
    "chosen and not": ("Where", ops.where, lambda f, a, b, condition: f(b, a, condition=condition)),
    "an order of axes and its inverse": ("Transpose", ops.transpose, lambda f, x, axes: f(x, axes=axes and np.argsort(axes))),
    "first and last": ("Concat", ops.concatenate, lambda f, *xs, axis: f(*xs[::-1], axis=axis)),
    "before and after": ("Pad", ops.pad, lambda f, x, widths, value: f(x, widths=np.flip(widths, 1), value=value)),
    "rows and columns": ("Einsum", ops.einsum, lambda f, *xs, subscripts: f(*xs, subscripts=subscripts.replace("->ji", "->ij"))),
    "axes of softmax": ("Softmax", functional.softmax, lambda f, x, axis: f(x, axis=0 if axis else -1)),
    "sum and mean": ("SoftmaxCrossEntropyLoss", functional.cross_entropy, lambda f, z, labels: f(z, labels=labels) * len(labels)),
    "gain and bias": ("LayerNormalization", functional.layer_norm, lambda f, x, gain, bias, eps: f(x, bias, gain, eps=eps)),
    "ε and its square": ("GroupNormalization", functional.group_norm, lambda f, *xs, eps, **s: f(*xs, eps=eps**2, **s)),
    "groups and channels": ("InstanceNormalization", functional.group_norm, lambda f, *xs, groups, **s: f(*xs, groups=1, **s)),
    "batch and running moments": ("BatchNormalization", functional.batch_norm,
                                  lambda f, *xs, moments, fixed=False, eps: f(*xs, eps=eps)),
    "convolution and correlation": ("Conv", conv.conv2d, lambda f, x, w, b, **s: f(x, w[:, :, ::-1, ::-1], b, **s)),
    "strides": ("Conv", conv.conv2d, crosswise("stride")),
    "dilations": ("Conv", conv.conv2d, crosswise("dilation")),
    "strides of the transpose": ("ConvTranspose", conv.conv_transpose2d, crosswise("stride")),
    "margins": ("MaxPool", pool.max_pool2d, crosswise("padding")),
    "sides of a window": ("AveragePool", pool.avg_pool2d, crosswise("size")),
    "directions": ("Upsample", pool.upsample2d, crosswise("factor")),
    "input and forget gate": ("LSTM", recurrent.lstm, wrong_gates(2, 4, 1, 0, 2, 3)),
    "forget and output gate": ("LSTM", recurrent.lstm, wrong_gates(2, 4, 0, 2, 1, 3)),
    "state and cell": ("LSTM", recurrent.lstm, lambda f, x, h, c, *rest: f(x, c, h, *rest)),
    "reset and update gate": ("GRU", recurrent.gru, wrong_gates(1, 3, 1, 0, 2)),
    "weights of input and state": ("RNN", recurrent.rnn, lambda f, x, h, wx, wh, b: f(x, h, wx, wh.T, b)),
    "queries and keys": ("Attention", attention.attention, lambda f, q, k, v, **s: f(k, q, v, **s)),
    "seen and unseen": ("Attention", attention.attention,
                        lambda f, *xs, mask=None, **s: f(*xs, mask=None if mask is None else ~mask, **s)),
    "past and future": ("Attention, packed", attention.self_attention, lambda f, qkv, causal, **s: f(qkv, **s)),
    "channels of a head and of all": ("Attention", attention.attention, lambda f, q, k, v, heads, **s: f(q, k, v, heads=1, **s)),
    "neighbours and halves": ("RotaryEmbedding", attention.rotary,
                              lambda f, x, heads, **s: halves(f(halves(x, heads, 2), heads=heads, **s), heads, -1)),
    "positions": ("RotaryEmbedding", attention.rotary, lambda f, x, heads, start: f(x, heads=heads, start=start + 1)),
}


def halves(x, heads, into):
    """Channels of each head dealt out in two halves, or gathered from them."""
    x = np.asarray(x)
    parts = x.reshape(*x.shape[:2], heads, *((2, -1) if into == 2 else (-1, 2)))
    return np.ascontiguousarray(parts.swapaxes(3, 4)).reshape(x.shape)


@pytest.mark.parametrize("row, operation, wrong", CONFUSED.values(), ids=CONFUSED)
def test_confusion_is_noticed(row, operation, wrong, places):
    """In what comes out, not by an error of our own."""
    with replaced(operation, lambda *xs, **settings: wrong(operation, *xs, **settings), places):
        assert any(isinstance(failure(row, case), AssertionError) for case in held(row))
