"""Convolution and pooling at any size, stride, padding and dilation; that they are each other's transposes; and their errors.

Gradients, dtypes and layouts of the samples are tested in test_ops.py.
"""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from samples import images
from samples.making import normal

from dlbook import Tensor
from dlbook.conv import conv1d, conv2d, conv_transpose2d, correlation
from dlbook.pool import avg_pool2d, max_pool2d, upsample2d


def run(f, *arrays, seed=None, **settings):
    """Value, gradient that is sent back, and gradients."""
    leaves = [Tensor(x, requires_grad=True) for x in arrays]
    y = f(*leaves, **settings)
    g = np.random.default_rng(7).normal(size=y.shape) if seed is None else seed
    y.backward(seed=g)
    return y.data, g, [leaf.grad for leaf in leaves]


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def convolutions(draw):
    """Sizes and settings, of thin and of thick images, in which the kernel fits."""
    n, c, o = draw(st.integers(0, 3)), draw(st.sampled_from([1, 2, 3, 6, 17])), draw(st.sampled_from([1, 2, 5, 16]))
    size, kernel = draw(pairs(1, 9)), draw(pairs(1, 4))
    chosen = {"stride": draw(pairs(1, 4)), "padding": draw(pairs(0, 5)), "dilation": draw(pairs(1, 3))}
    assume(all(k + (k - 1) * (d - 1) <= m + 2 * p for m, k, p, d in zip(size, kernel, chosen["padding"], chosen["dilation"])))
    return normal((n, c, *size), 0), normal((o, c, *kernel), 1), normal((o,), 2), chosen


@settings(max_examples=150)
@given(convolutions(), st.sampled_from([1, correlation.CACHE]), st.sampled_from([0, correlation.THIN, 10**9]), st.sampled_from([1, 10**9]))
def test_convolution_is_the_sum_over_its_taps(case, cache, thin, small):
    x, w, b, chosen = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(correlation, "CACHE", cache)
        patch.setattr(correlation, "THIN", thin)
        patch.setattr(correlation, "SMALL", small)
        y, g, (dx, dw, db) = run(conv2d, x, w, b, **chosen)
    np.testing.assert_allclose(y, images.conv2d_formula(x, w, b, **chosen), rtol=1e-11, atol=1e-11)
    # y - b is linear in x and in w, so its derivative along x is itself, and so is that along w
    linear = float((g * (y - b[:, None, None])).sum())
    np.testing.assert_allclose([(dx * x).sum(), (dw * w).sum()], linear, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(db, g.sum(axis=(0, 2, 3)), rtol=1e-11, atol=1e-11)
    assert (dx.shape, dw.shape) == (x.shape, w.shape)


@settings(max_examples=100)
@given(convolutions(), st.data())
def test_transposed_convolution_is_the_gradient_of_convolution(case, data):
    image, w, b, chosen = case
    y, g, (dx, _, _) = run(conv2d, image, w, b, **chosen)
    lost = [(m + 2 * p - d * (k - 1) - 1) % s for m, p, d, k, s in zip(
        image.shape[2:], chosen["padding"], chosen["dilation"], w.shape[2:], chosen["stride"])]
    c = w.shape[1]
    back, _, (dg, dw, _) = run(conv_transpose2d, g, w, np.zeros(c), output_padding=lost, seed=image, **chosen)
    np.testing.assert_allclose(back, dx, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(dg, y - b[:, None, None], rtol=1e-11, atol=1e-11)
    shift = normal((c,), 3)
    expected = images.conv_transpose2d_formula(g, w, shift, output_padding=lost, **chosen)
    np.testing.assert_allclose(conv_transpose2d(g, w, shift, output_padding=lost, **chosen).data, expected, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose((dw * w).sum(), (image * back).sum(), rtol=1e-9, atol=1e-9)


@settings(max_examples=100)
@given(st.integers(0, 2), st.integers(0, 3), pairs(1, 8), pairs(1, 4), st.none() | pairs(1, 5), pairs(0, 2))
def test_pooling_is_the_largest_and_the_mean_of_each_window(n, c, shape, size, stride, padding):
    assume(all(2 * p <= k <= m + 2 * p for m, k, p in zip(shape, size, padding)))
    x = normal((n, c, *shape), 0)
    for ours, twin in ((max_pool2d, images.max_pool2d), (avg_pool2d, images.avg_pool2d)):
        chosen = {"size": size, "stride": stride, "padding": padding}
        (y, g, (dx,)), (expected, _, (expected_dx,)) = run(ours, x, **chosen), run(twin, x, **chosen)
        np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(dx, expected_dx, rtol=1e-12, atol=1e-14)


def test_one_number_stands_for_two():
    x, w, b = normal((2, 3, 7, 8), 0), normal((4, 3, 2, 1), 1), normal((4,), 2)
    both = {"stride": (2, 2), "padding": [1, 1], "dilation": np.array([3, 3])}
    assert np.array_equal(conv2d(x, w, b, stride=2, padding=np.int64(1), dilation=3).data, conv2d(x, w, b, **both).data)
    assert np.array_equal(max_pool2d(x, size=2).data, max_pool2d(x, size=(2, 2), stride=(2, 2), padding=(0, 0)).data)


def test_a_kernel_of_one_pixel_is_a_linear_layer_at_each_pixel():
    x, w, b = normal((2, 3, 4, 5), 0), normal((6, 3, 1, 1), 1), normal((6,), 2)
    expected = np.moveaxis(np.moveaxis(x, 1, -1) @ w[:, :, 0, 0].T + b, -1, 1)
    np.testing.assert_allclose(conv2d(x, w, b).data, expected, rtol=1e-12, atol=1e-14)


def test_a_shifted_image_gives_a_shifted_answer():
    x, w, b = normal((1, 2, 9, 8), 0), normal((3, 2, 3, 2), 1), normal((3,), 2)
    y, moved = conv2d(x, w, b).data, conv2d(np.roll(x, (2, 1), axis=(2, 3)), w, b).data
    np.testing.assert_allclose(moved[:, :, 2:, 1:], y[:, :, :-2, :-1], rtol=1e-12, atol=1e-14)


def test_layers_pass_images_on_without_a_copy():
    y = conv2d(normal((2, 3, 6, 5), 0), normal((4, 3, 2, 3), 1), np.zeros(4))
    for z in (y, max_pool2d(y, size=2), avg_pool2d(y, size=2), upsample2d(y, factor=2)):
        assert np.shares_memory(correlation.channels_last(z.data), z.data)


def test_among_equals_the_first_takes_the_gradient():
    x = np.array([[[[1.0, 5.0, 5.0], [5.0, 2.0, 0.0]]]])
    _, _, (dx,) = run(max_pool2d, x, size=(2, 3), seed=np.ones((1, 1, 1, 1)))
    assert dx.tolist() == [[[[0, 1, 0], [0, 0, 0]]]]


def test_the_border_never_wins_against_negative_pixels():
    x = -np.ones((1, 1, 2, 3))
    assert (max_pool2d(x, size=2, stride=1, padding=1).data == -1).all()
    np.testing.assert_allclose(avg_pool2d(x, size=2, stride=1, padding=1).data[0, 0, 0], [-1 / 4, -1 / 2, -1 / 2, -1 / 4])


# ---- errors -----------------------------------------------------------------------------------------------------------

X, W, B = np.ones((2, 3, 5, 6), np.float32), np.ones((4, 3, 2, 3), np.float32), np.ones(4, np.float32)
V, C = W.transpose(1, 0, 2, 3), np.ones(4, np.float32)


@pytest.mark.parametrize("call, kind, words", [
    (lambda: conv2d(X[0], W, B), ValueError, ["conv2d", "(3, 5, 6)", "x (N, C, H, W)", "same C"]),
    (lambda: conv2d(X[:, :2], W, B), ValueError, ["conv2d", "(2, 2, 5, 6)", "same C"]),
    (lambda: conv2d(X, W, B[:3]), ValueError, ["conv2d", "bias (O,) = (4,)", "(3,)"]),
    (lambda: conv2d(X, W, 0.0), ValueError, ["conv2d", "bias (O,) = (4,)", "()"]),
    (lambda: conv2d(X, W), TypeError, ["conv2d(x, w, b, *, stride=1", "'b'"]),
    (lambda: conv2d(X, W, B, stride=0), ValueError, ["conv2d", "stride", "from 1 up", "0"]),
    (lambda: conv2d(X, W, B, stride=1.5), ValueError, ["conv2d", "stride", "one or two whole numbers", "1.5"]),
    (lambda: conv2d(X, W, B, stride=None), ValueError, ["conv2d", "stride", "None"]),
    (lambda: conv2d(X, W, B, padding=(1, -1)), ValueError, ["conv2d", "padding", "from 0 up", "(1, -1)"]),
    (lambda: conv2d(X, W, B, padding=(1, 2, 3)), ValueError, ["conv2d", "padding", "one or two", "(1, 2, 3)"]),
    (lambda: conv2d(X, W, B, padding="same"), ValueError, ["conv2d", "padding", "'same'"]),
    (lambda: conv2d(X, W, B, dilation=True), ValueError, ["conv2d", "dilation", "True"]),
    (lambda: conv2d(X, W, B, dilation=10**400), ValueError, ["conv2d", "image of (5, 6)"]),
    (lambda: conv2d(X, W, B, dilation=(5, 1)), ValueError, ["conv2d", "(6, 3) pixels", "image of (5, 6)", "padding (0, 0)"]),
    (lambda: conv2d(X, W[:, :, :0], B), ValueError, ["conv2d", "does not fit"]),
    (lambda: conv1d(X, W, B), ValueError, ["conv1d", "(2, 3, 5, 6)", "x (N, C, T)", "w (O, C, K)"]),
    (lambda: conv1d(X[0], W[0], B[:2]), ValueError, ["conv1d", "the same C", "b (O,)"]),
    (lambda: conv1d(X[0], X[0], B[:3], stride=(1, 2)), ValueError, ["conv1d", "stride", "from 1 up", "(1, 2)"]),
    (lambda: conv1d(X[0], X[0], B[:3], dilation=2), ValueError, ["conv1d", "does not fit"]),
    (lambda: conv_transpose2d(X, W, B), ValueError, ["conv_transpose2d", "w (C, O, KH, KW)", "b (O,)"]),
    (lambda: conv_transpose2d(X, V, C[:2]), ValueError, ["conv_transpose2d", "b (O,)", "(2,)"]),
    (lambda: conv_transpose2d(X, V, C, stride=2, output_padding=2), ValueError, ["output_padding (2, 2)", "smaller than stride (2, 2)"]),
    (lambda: conv_transpose2d(X, V, C, output_padding=-1), ValueError, ["conv_transpose2d", "output_padding", "from 0 up", "-1"]),
    (lambda: conv_transpose2d(X, V, C, padding=4), ValueError, ["conv_transpose2d", "nothing is left", "padding of (4, 4)", "-2 × 0"]),
    (lambda: conv_transpose2d(X[:, :, :0], V, C), ValueError, ["conv_transpose2d", "at least one pixel"]),
    (lambda: max_pool2d(X[0], size=2), ValueError, ["max_pool2d", "(3, 5, 6)", "(N, C, H, W)"]),
    (lambda: max_pool2d(X), TypeError, ["max_pool2d(x, *, size", "'size'"]),
    (lambda: max_pool2d(X, size=(6, 2)), ValueError, ["max_pool2d", "window of 6 × 2", "images of 5 × 6"]),
    (lambda: max_pool2d(X, size=2, padding=2), ValueError, ["max_pool2d", "window of 2 × 2", "padding (2, 2)"]),
    (lambda: max_pool2d(X, size=0), ValueError, ["max_pool2d", "size", "from 1 up", "0"]),
    (lambda: avg_pool2d(X, size=2, stride=(1, 0)), ValueError, ["avg_pool2d", "stride", "(1, 0)"]),
    (lambda: avg_pool2d(X, size="2"), ValueError, ["avg_pool2d", "size", "'2'"]),
    (lambda: upsample2d(X, factor=0), ValueError, ["upsample2d", "factor", "from 1 up", "0"]),
    (lambda: upsample2d(X[0], factor=2), ValueError, ["upsample2d", "(3, 5, 6)", "(N, C, H, W)"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_error(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)
