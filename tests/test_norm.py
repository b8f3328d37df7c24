"""What normalisation, embedding and dropout promise; that their formulas and gradients are right is shown in test_ops.py."""

import numpy as np
import pytest
from samples.making import normal

from dlbook import Tensor
from dlbook.functional import batch_moments, batch_norm, channel_norm, dropout, embedding, group_norm, layer_norm, rms_norm


def rng(seed=0):
    return np.random.default_rng(seed)


def run(f, *arrays, **settings):
    """Value and gradients."""
    leaves = [Tensor(x, requires_grad=True) for x in arrays]
    y = f(*leaves, **settings)
    y.backward(seed=np.random.default_rng(7).normal(size=y.shape))
    return y.data, [leaf.grad for leaf in leaves]


X, ONE, ZERO = 3 * normal((5, 4, 3, 2), 0) + 7, np.ones(4), np.zeros(4)


# ---- normalisation ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("y, axes", [
    (layer_norm(np.moveaxis(X, 1, -1), ONE, ZERO, eps=0).data, -1),
    (group_norm(X, ONE, ZERO, groups=1, eps=0).data, (1, 2, 3)),
    (group_norm(X, ONE, ZERO, groups=4, eps=0).data, (2, 3)),
    (batch_norm(X, ONE, ZERO, eps=0).data, (0, 2, 3)),
], ids=["layer", "one group", "instance", "batch"])
def test_mean_0_and_variance_1(y, axes):
    np.testing.assert_allclose(y.mean(axis=axes), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=axes), 1, rtol=1e-12)


def test_root_mean_square_1():
    y = rms_norm(np.moveaxis(X, 1, -1), ONE, eps=0).data
    np.testing.assert_allclose((y * y).mean(axis=-1), 1, rtol=1e-12)


@pytest.mark.parametrize("f", [
    lambda x: layer_norm(x, np.ones(6), np.zeros(6)), lambda x: group_norm(x, np.ones(6), np.zeros(6), groups=2),
    lambda x: batch_norm(x, np.ones(6), np.zeros(6))], ids=["layer", "group", "batch"])
def test_a_large_mean_costs_no_more_digits_than_it_must(f):
    """Variance is the mean of squared differences: as the difference of two means of squares it would be lost in float32."""
    x = normal((50, 6), 0) + 3000
    rounded = x.astype(np.float32)
    np.testing.assert_allclose(f(rounded).data, f(rounded.astype(float)).data, atol=5e-3)


def test_what_is_constant_becomes_the_bias():
    x, bias = np.full((3, 4), 2.5, np.float32), np.arange(4, dtype=np.float32)
    for y in (layer_norm(x, ONE, bias), group_norm(x, ONE, bias, groups=2), batch_norm(x, ONE, bias)):
        assert np.array_equal(y.data, np.tile(bias, (3, 1)))


def test_moments_that_are_given_are_constants():
    gain, bias = normal((4,), 1), normal((4,), 2)
    (y, (dx, *others)), (again, (fixed, *same)) = run(batch_norm, X, gain, bias), run(batch_norm, X, gain, bias, moments=batch_moments(X))
    for ours, theirs in zip([y, *others], [again, *same]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert np.abs(dx.sum(axis=(0, 2, 3))).max() < 1e-12 < 0.01 < np.abs(fixed.sum(axis=(0, 2, 3))).min(), "a shift of x goes unseen, or not"


def test_whoever_observes_is_told_the_moments_of_the_batch_and_how_many_values_they_are_of():
    told = []
    batch_norm(X, ONE, ZERO, observe=lambda *moments: told.append(moments))
    ((mean, variance, count),) = told
    assert count == 5 * 3 * 2 and all(np.array_equal(a, b) for a, b in zip((mean, variance), batch_moments(X)))
    batch_norm(X, ONE, ZERO, moments=(ZERO, ONE), observe=told.append)
    assert len(told) == 1, "moments that are given are known"


@pytest.mark.parametrize("line, block", [(1, 1), (8, 1), (8, 48), (512, 10**9)])
def test_how_the_work_is_cut_changes_nothing(monkeypatch, line, block):
    gain, bias = normal((4,), 1), normal((4,), 2)
    calls = [(batch_norm, {}), (batch_norm, {"moments": (bias, gain * gain)}), (group_norm, {"groups": 2})]
    whole = [run(f, X, gain, bias, **settings) for f, settings in calls]
    monkeypatch.setattr(channel_norm, "LINE", line)
    monkeypatch.setattr(channel_norm, "BLOCK", block)
    for (f, settings), (y, gradients) in zip(calls, whole):
        again, others = run(f, X, gain, bias, **settings)
        for ours, theirs in zip([y, *gradients], [again, *others]):
            np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_moments():
    mean, variance = batch_moments(X)
    np.testing.assert_allclose(mean, X.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(variance, X.var(axis=(0, 2, 3)), rtol=1e-12)
    assert {a.dtype for a in batch_moments(X.astype(np.float32))} == {np.dtype(np.float32)}
    bytes_ = rng().integers(0, 256, (50, 3, 4)).astype(np.uint8)  # 256 and more must not start over at 0
    np.testing.assert_allclose(batch_moments(bytes_)[0], bytes_.mean(axis=(0, 2)), rtol=1e-6)
    np.testing.assert_allclose(batch_moments(Tensor(X))[1], variance)


# ---- embedding --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8, np.uint64])
@pytest.mark.parametrize("words", [9, 120])
def test_each_word_collects_its_gradients(words, dtype):
    table, ids = normal((words, 4), 0), rng().integers(0, words, (3, 5, 2)).astype(dtype)
    ids[0, 0] = 0, words - 1
    value, (d,) = run(embedding, table, ids=ids)
    assert np.array_equal(value, table[ids])
    expected = np.zeros_like(table)
    np.add.at(expected, ids, np.random.default_rng(7).normal(size=value.shape))
    np.testing.assert_allclose(d, expected, rtol=1e-12, atol=1e-14)


def test_words_that_do_not_occur_get_no_gradient():
    _, (d,) = run(embedding, normal((5, 3), 0), ids=[1, 3, 1])
    assert (d != 0).any(axis=1).tolist() == [False, True, False, True, False]


# ---- dropout ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(rate):
    n = 200_000
    y, (d,) = run(lambda x: dropout(x, rate=rate, rng=rng()), np.ones(n))
    dropped = float((y == 0).mean())
    assert abs(dropped - rate) < 5 * (rate * (1 - rate) / n) ** 0.5, "five standard deviations"
    np.testing.assert_allclose(np.unique(y), [0, 1 / (1 - rate)], rtol=1e-12)
    assert np.array_equal(d == 0, y == 0)


def test_dropout_takes_its_chances_from_rng_alone():
    x = np.ones(64, np.float32)
    first, again, other = (dropout(x, rate=0.5, rng=rng(seed)).data for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    stream = rng(1)
    assert not np.array_equal(dropout(x, rate=0.5, rng=stream).data, dropout(x, rate=0.5, rng=stream).data)
    assert np.array_equal(dropout(x, rate=0, rng=stream).data, x)
    wide = dropout(x.astype(float), rate=0.5, rng=rng(1)).data
    assert np.array_equal(wide, first), "the same units are dropped in either precision"


# ---- errors -----------------------------------------------------------------------------------------------------------

A, G = np.ones((2, 4), np.float32), np.ones(4, np.float32)


@pytest.mark.parametrize("call, kind, words", [
    (lambda: layer_norm(A, G, G[:3]), ValueError, ["layer_norm", "(2, 4), (4,), (3,)", "gain and bias (C,)"]),
    (lambda: layer_norm(1.0, 1.0, 1.0), ValueError, ["layer_norm", "()", "x (..., C)"]),
    (lambda: layer_norm(A[:, :0], G[:0], G[:0]), ValueError, ["layer_norm", "(2, 0)", "C > 0"]),
    (lambda: layer_norm(A, G, G, eps=-1e-5), ValueError, ["layer_norm", "eps", "from 0 up", "-1e-05"]),
    (lambda: layer_norm(A, G, G, eps="small"), ValueError, ["layer_norm", "eps", "'small'"]),
    (lambda: layer_norm(A, G), TypeError, ["layer_norm(x, gain, bias, *, eps=1e-05)", "'bias'"]),
    (lambda: rms_norm(A, G[:1]), ValueError, ["rms_norm", "(2, 4), (1,)", "a gain (C,)"]),
    (lambda: rms_norm(A, G, eps=None), ValueError, ["rms_norm", "eps", "None"]),
    (lambda: group_norm(A, G, G, groups=3), ValueError, ["group_norm", "4 channels", "3 groups"]),
    (lambda: group_norm(A, G, G, groups=0), ValueError, ["group_norm", "groups", "from 1 up", "0"]),
    (lambda: group_norm(A, G, G, groups=2.0), ValueError, ["group_norm", "groups", "2.0"]),
    (lambda: group_norm(G, G, G, groups=2), ValueError, ["group_norm", "x (N, C, ...)", "(4,)"]),
    (lambda: group_norm(A.reshape(2, 4, 1)[:, :, :0], G, G, groups=2), ValueError, ["group_norm", "(2, 4, 0)"]),
    (lambda: batch_norm(A, G[:3], G), ValueError, ["batch_norm", "(2, 4), (3,), (4,)", "x (N, C, ...)"]),
    (lambda: batch_norm(A[:1], G, G), ValueError, ["batch_norm", "(1, 4)", "at least two values", "eval()"]),
    (lambda: batch_norm(G, G, G), ValueError, ["batch_norm", "x (N, C, ...)"]),
    (lambda: batch_norm(A, G, G, moments=G), ValueError, ["batch_norm", "moments", "mean and variance"]),
    (lambda: batch_norm(A, G, G, moments=7), ValueError, ["batch_norm", "moments", "mean and variance", "7"]),
    (lambda: batch_norm(A, G, G, moments=(G[:1], G)), ValueError, ["batch_norm", "moments", "each (4,)", "(1,) and (4,)"]),
    (lambda: batch_norm(A, G, G, moments=(G, -G)), ValueError, ["batch_norm", "not negative"]),
    (lambda: batch_moments(A[0]), ValueError, ["batch_moments", "(N, C, ...)", "(4,)"]),
    (lambda: batch_moments(A[:0]), ValueError, ["batch_moments", "at least one value", "(0, 4)"]),
    (lambda: embedding(A, ids=[0, 2]), ValueError, ["embedding", "from 0 to 1", "from 0 to 2"]),
    (lambda: embedding(A, ids=-1), ValueError, ["embedding", "from 0 to 1", "from -1 to -1"]),
    (lambda: embedding(A, ids=[0.0]), TypeError, ["embedding", "integers", "float64"]),
    (lambda: embedding(A, ids=[True]), TypeError, ["embedding", "integers", "bool"]),
    (lambda: embedding(G, ids=[0]), ValueError, ["embedding", "(4,)", "table (V, C)"]),
    (lambda: dropout(A, rate=1.0, rng=rng()), ValueError, ["dropout", "rate", "from 0 to below 1", "1.0"]),
    (lambda: dropout(A, rate="half", rng=rng()), ValueError, ["dropout", "rate", "'half'"]),
    (lambda: dropout(A, rate=0.5, rng=0), TypeError, ["dropout", "rng is 0", "np.random.default_rng(0)"]),
    (lambda: dropout(A, rate=0.5), TypeError, ["dropout(x, *, rate, rng)", "'rng'"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_error(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)
