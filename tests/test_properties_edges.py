"""At the ends of the number line, at kinks and at nan; and what people write who expect a Tensor to be an array."""

import functools
import math
import operator
import traceback
import warnings

import numpy as np
import pytest

from dlbook import Tensor, functional, op, ops
from dlbook.attention import attention

inf, nan = math.inf, math.nan


def slope(f, x, dtype=np.float32):
    """Value and gradient of f at x, computed without any warning."""
    x = Tensor(np.asarray(x, dtype), requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = f(x)
        y.backward(np.ones(y.shape))
    return y.data, x.grad


# ---- far out: no overflow on the way to a number that exists -----------------------------------------------------------

LARGE = {np.float16: 6e4, np.float32: 3e38, np.float64: 1e308}
S_SHAPED = {functional.gelu: (0, 1), functional.silu: (0, 1), functional.softplus: (0, 1), functional.elu: (0, 1), ops.relu: (0, 1),
            ops.tanh: (0, 0), ops.sigmoid: (0, 0), ops.abs: (-1, 1), functional.leaky_relu: (0.01, 1)}


@pytest.mark.parametrize("dtype", LARGE)
@pytest.mark.parametrize("f", S_SHAPED, ids=lambda f: f.__name__)
def test_slopes_far_out(f, dtype):
    for size in (300, 1e4, LARGE[dtype]):
        with np.errstate(under="ignore"):
            value, gradient = slope(f, [-size, size], dtype)
        assert np.isfinite(value).all()
        np.testing.assert_allclose(gradient, S_SHAPED[f], atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gelu_is_not_cut_off_where_it_still_bends(dtype):
    x = np.linspace(-12, 12, 4001).astype(dtype)
    t = np.tanh(math.sqrt(2 / math.pi) * (x.astype(np.float64) + 0.044715 * x.astype(np.float64) ** 3))
    value, gradient = slope(functional.gelu, x, dtype)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(value, x * (1 + t) / 2, rtol=4 * eps, atol=16 * eps)
    bend = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x.astype(np.float64) ** 2)
    np.testing.assert_allclose(gradient, (1 + t) / 2 + x / 2 * (1 - t * t) * bend, atol=16 * eps)


@pytest.mark.parametrize("rows", [100_000, 70_000, 3])
def test_losses_of_many_float16_numbers(rows):
    half = np.zeros((rows, 2), np.float16)
    for loss in (functools.partial(functional.cross_entropy, labels=np.zeros(rows, int)),
                 functools.partial(functional.binary_cross_entropy, targets=np.zeros((rows, 2)))):
        value, gradient = slope(loss, half, np.float16)
        _, exact = slope(loss, half, np.float64)
        assert value.dtype == gradient.dtype == np.float16
        assert abs(value.item() - math.log(2)) < 1e-3
        np.testing.assert_allclose(gradient, exact, rtol=1e-2, atol=6e-8)  # 6e-8: the smallest number that float16 has
        assert gradient.any()
    half[0] = 300  # its square is beyond float16, and the mean is not
    if rows > 3:
        value, _ = slope(functools.partial(functional.mse, targets=np.zeros((rows, 2))), half, np.float16)
        np.testing.assert_allclose(value, 300**2 / rows, rtol=1e-3)


def test_losses_of_huge_logits():
    value, gradient = slope(functools.partial(functional.cross_entropy, labels=[0, 1]), [[1e38, -1e38], [1e4, -1e4]])
    assert value == 1e4 and gradient.tolist() == [[0, 0], [0.5, -0.5]]
    value, gradient = slope(functools.partial(functional.binary_cross_entropy, targets=[0, 1, 1, 0]), [1e37, 1e37, -1e37, -1e37])
    np.testing.assert_allclose(value, 5e36, rtol=1e-6)
    assert gradient.tolist() == [0.25, 0, -0.25, 0]


# ---- minus infinity: what a mask leaves ----------------------------------------------------------------------------------

@pytest.mark.parametrize("shape, axis", [((2,), None), ((2,), 0), ((3, 2), 1)])
def test_logsumexp_of_nothing_but_minus_infinity(shape, axis):
    value, gradient = slope(functools.partial(ops.logsumexp, axis=axis), np.full(shape, -inf))
    assert (value == -inf).all() and not gradient.any()


def test_a_class_that_is_ruled_out_takes_no_part():
    z = [[-inf, 0.0, 0.0], [1.0, -inf, 1.0]]
    value, gradient = slope(functools.partial(functional.cross_entropy, labels=[1, 2]), z)
    np.testing.assert_allclose(value, math.log(2), rtol=1e-6)
    np.testing.assert_allclose(gradient, [[0, -0.25, 0.25], [0.25, 0, -0.25]], atol=1e-7)
    p, _ = slope(functional.softmax, z)
    np.testing.assert_allclose(p, [[0, 0.5, 0.5], [0.5, 0, 0.5]], atol=1e-7)
    value, gradient = slope(functools.partial(ops.logsumexp, axis=1), z)
    np.testing.assert_allclose(gradient, p, atol=1e-7)


def test_a_row_of_minus_infinity_has_no_softmax():
    with np.errstate(invalid="ignore"):  # NumPy says so, and so shall the result
        for f in (functional.softmax, functional.log_softmax):
            y = f(np.array([[-inf, -inf], [0.0, 0.0]]))
            assert np.isnan(y.data[0]).all() and np.isfinite(y.data[1]).all()


def test_queries_that_may_look_nowhere_give_zeros_and_get_no_gradient():
    rng = np.random.default_rng(0)
    q, k, v = (Tensor(rng.normal(size=(2, n, 4)).astype(np.float32), requires_grad=True) for n in (3, 5, 5))
    mask = np.ones((2, 1, 3, 5), bool)
    mask[0, 0, 1] = mask[1] = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = attention(q, k, v, heads=2, mask=mask)
        y.backward(np.ones(y.shape))
    assert not y.data[0, 1].any() and not y.data[1].any() and y.data[0, 0].all()
    assert not q.grad[0, 1].any() and not q.grad[1].any() and not v.grad[1].any() and not k.grad[1].any()
    assert q.grad[0, 0].all() and np.isfinite(np.concatenate([k.grad, v.grad])).all()


@pytest.mark.parametrize("f", [
    lambda x: functional.layer_norm(x, np.ones(3), np.zeros(3)), lambda x: functional.rms_norm(x, np.ones(3)),
    lambda x: functional.group_norm(x, np.ones(3), np.zeros(3), groups=1), lambda x: functional.batch_norm(x, np.ones(3), np.zeros(3)),
], ids=["layer_norm", "rms_norm", "group_norm", "batch_norm"])
@pytest.mark.parametrize("constant", [0.0, 5.0])
def test_rows_that_are_all_equal_have_a_gradient(f, constant):
    value, gradient = slope(f, np.full((2, 3), constant))
    assert np.isfinite(value).all() and np.isfinite(gradient).all()


# ---- nan is never hidden, in either direction ------------------------------------------------------------------------------

KINKED = {
    ops.relu: "passes", functional.leaky_relu: "passes",
    ops.abs: "nan", functional.elu: "nan", functools.partial(ops.clip, low=-1, high=1): "nan", functools.partial(ops.clip, high=1): "nan",
    (lambda x: ops.maximum(x, 0)): "nan", (lambda x: ops.maximum(0, x)): "nan", (lambda x: ops.minimum(x, 0)): "nan",
    (lambda x: ops.minimum(0, x)): "nan", functools.partial(ops.max, axis=1): "nan", functools.partial(ops.min, axis=1): "nan",
    functools.partial(ops.logsumexp, axis=1): "nan",
    functional.gelu: "nan", functional.silu: "nan", functional.softplus: "nan", ops.sigmoid: "nan", ops.tanh: "nan", ops.sqrt: "nan",
}


@pytest.mark.parametrize("f, what", KINKED.items(), ids=lambda value: getattr(value, "__name__", str(value))[:20])
def test_nan_neither_vanishes_nor_stops_a_gradient(f, what):
    value, gradient = slope(f, [[1.0, nan], [1.0, 2.0]])
    assert np.isnan(value[0]).any() and not np.isnan(value[1]).any()
    assert np.isnan(gradient[0, 1]) if what == "nan" else gradient[0, 1] != 0
    assert np.isfinite(gradient[1]).all(), "another row is not concerned"


def test_a_nan_on_one_side_of_a_maximum_is_felt_on_both():
    for f in (ops.maximum, ops.minimum):
        a, b = Tensor([nan, 1.0, 3.0], requires_grad=True), Tensor([1.0, nan, 4.0], requires_grad=True)
        f(a, b).sum().backward()
        assert np.isnan(a.grad).tolist() == np.isnan(b.grad).tolist() == [True, True, False]


# ---- a Tensor is no array ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("compare", [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge])
@pytest.mark.parametrize("other", [3, 3.0, None, "a", np.ones(2), [1.0, 2.0], Tensor([1.0, 2.0])], ids=lambda other: type(other).__name__)
def test_comparison_is_refused_rather_than_false(compare, other):
    t = Tensor([1.0, 2.0])
    for call in (lambda: compare(t, other), lambda: compare(other, t)):
        with pytest.raises(TypeError, match=r"Tensor of shape \(2,\) is not compared.*tensor\.data == 3"):
            call()


def test_membership_is_refused_rather_than_false():
    t = Tensor([1.0, 3.0])
    for call in (lambda: 3 in t, lambda: t in [Tensor([1.0]), t], lambda: [Tensor([1.0]), t].index(t), lambda: [t].count(3)):
        with pytest.raises(TypeError, match="is not compared"):
            call()
    assert t in [t] and t in {t} and {t: 1}[t] == 1 and hash(t) == object.__hash__(t)


@pytest.mark.parametrize("join", [ops.concatenate, ops.stack])
@pytest.mark.parametrize("container", [list, tuple])
def test_a_list_of_arrays_is_not_one_input(join, container):
    a, b = np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32)
    for given in (container([a, b]), container([Tensor(a), b]), container([a])):
        with pytest.raises(TypeError, match=rf"{join.__name__} takes its inputs one by one, {join.__name__}\(a, b\).*{container.__name__}.*\*inputs"):
            join(given)
    assert join(a, b, axis=0).size == 12 and join([[1.0, 2.0]], [[3.0, 4.0]]).size == 4, "nested numbers are an input like another"


# ---- an error leads to the line that refused ---------------------------------------------------------------------------------

def test_the_traceback_leads_to_the_line_in_the_readers_own_operation():
    @op
    def mine(a, b):
        c = a + 1
        return c @ b, lambda g: g, lambda g: g  # this line

    with pytest.raises(ValueError) as caught:
        mine(np.ones((2, 3)), np.ones((2, 3)))  # and this call
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("Traceback") == 1, "one sentence, said once"
    assert "# this line" in shown and "# and this call" in shown
    assert shown.index("# and this call") < shown.index("# this line") < shown.index("mine was given shapes (2, 3), (2, 3): ")
    assert isinstance(caught.value.__context__, ValueError), "for a debugger: NumPy's own error"


def test_a_call_that_does_not_fit_ends_at_the_call():
    with pytest.raises(TypeError) as caught:
        ops.tanh()  # the call
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert [frame.name for frame in frames] == ["test_a_call_that_does_not_fit_ends_at_the_call", "on_tensors"]
