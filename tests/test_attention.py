"""What attention and positions promise; that their formulas and gradients are right is shown in test_ops.py."""

import numpy as np
import pytest
from samples.making import normal

from dlbook import Tensor
from dlbook.attention import alibi, attention, attention_weights, causal_bias, rotary, self_attention, sinusoids

B, T, S, C, H = 2, 3, 5, 8, 4
Q, K, V = normal((B, T, C), 0), normal((B, S, C), 1), normal((B, S, C), 2)
MASK = np.array([[[True, False, True, True, False], [False] * 5, [True] * 5]])[:, None]  # the second query may look nowhere


def gradients(f, *arrays):
    leaves = [Tensor(x, requires_grad=True) for x in arrays]
    y = f(*leaves)
    y.backward(seed=np.random.default_rng(7).normal(size=y.shape))
    return [leaf.grad for leaf in leaves]


# ---- attention --------------------------------------------------------------------------------------------------------

def test_weights_are_those_that_attention_uses():
    weights = attention_weights(Tensor(Q), K, heads=H, mask=MASK)
    assert weights.shape == (B, H, T, S)
    np.testing.assert_allclose(weights.sum(axis=-1), np.tile([1.0, 0.0, 1.0], (B, H, 1)), rtol=1e-12)
    mean = np.einsum("bhts,bshd->bthd", weights, V.reshape(B, S, H, C // H)).reshape(B, T, C)
    np.testing.assert_allclose(attention(Q, K, V, heads=H, mask=MASK).data, mean, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(attention_weights([[[1, 0]]], [[[2, 5], [2, 7]]]), [[[[0.5, 0.5]]]])


def test_a_query_that_may_look_nowhere_gets_zeros_and_no_gradient():
    y = attention(Q, K, V, heads=H, mask=MASK).data
    assert not y[:, 1].any() and y[:, 0].all()
    dq, dk, dv = gradients(lambda *a: attention(*a, heads=H, mask=MASK), Q, K, V)
    assert not dq[:, 1].any() and dq[:, 0].all() and all(np.isfinite(d).all() for d in (dq, dk, dv))
    nothing = gradients(lambda *a: attention(*a, mask=np.zeros(S, bool)), Q, K, V)
    assert not any(d.any() for d in nothing)


def test_causal_attention_to_a_prefix_is_the_prefix():
    x = normal((B, 6, 3 * C), 0)
    whole = self_attention(x, heads=H, causal=True).data
    for t in range(1, 7):
        np.testing.assert_allclose(self_attention(x[:, :t], heads=H, causal=True).data, whole[:, :t], rtol=1e-12, atol=1e-14)
        newest = attention(x[:, t - 1:t, :C], x[:, :t, C:2 * C], x[:, :t, 2 * C:], heads=H, causal=True).data
        np.testing.assert_allclose(newest, whole[:, t - 1:t], rtol=1e-12, atol=1e-14)


def test_causal_is_a_mask_and_a_bias():
    seen = np.tri(T, S, S - T, dtype=bool)
    y = attention(Q, K, V, heads=H, causal=True).data
    np.testing.assert_allclose(attention(Q, K, V, heads=H, mask=seen).data, y, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(attention(Q, K, V, heads=H, bias=causal_bias(T, S)).data, y, rtol=1e-12, atol=1e-14)
    assert np.array_equal(causal_bias(T, S) == 0, seen)


def test_self_attention_is_attention_of_three_parts():
    x = normal((B, S, 3 * C), 0)
    parts = [x[:, :, :C], x[:, :, C:2 * C], x[:, :, 2 * C:]]
    assert np.array_equal(self_attention(x, heads=2).data, attention(*parts, heads=2).data)
    (d,), three = gradients(lambda z: self_attention(z, heads=2), x), gradients(lambda *a: attention(*a, heads=2), *parts)
    np.testing.assert_allclose(d, np.concatenate(three, axis=2), rtol=1e-12, atol=1e-14)


def test_the_order_of_keys_does_not_matter():
    order = [3, 0, 4, 1, 2]
    np.testing.assert_allclose(attention(Q, K[:, order], V[:, order], heads=2).data, attention(Q, K, V, heads=2).data, rtol=1e-12)


def test_large_scores_do_not_overflow():
    with np.errstate(all="raise", under="ignore"):
        y = attention(1e4 * Q.astype(np.float32), K.astype(np.float32), V.astype(np.float32)).data
        ds = gradients(attention, *(1e4 * x.astype(np.float32) for x in (Q, K, V)))
    best = (Q @ K.transpose(0, 2, 1)).argmax(axis=-1)
    np.testing.assert_allclose(y, np.take_along_axis(V, best[:, :, None], axis=1), rtol=1e-6)
    assert all(np.isfinite(d).all() for d in ds)


def test_large_scores_of_one_query_leave_every_bit_of_the_others():
    q = 1.5 * Q
    plain = attention(q, K, V).data
    q[0, 1] *= 1e5
    large = attention(q, K, V).data
    assert not np.array_equal(plain[0, 1], large[0, 1])
    assert np.array_equal(plain[0, ::2], large[0, ::2]) and np.array_equal(plain[1], large[1])


def test_a_bias_may_be_a_tensor_without_gradient():
    bias = alibi(H, T, S)
    assert np.array_equal(attention(Q, K, V, heads=H, bias=Tensor(bias)).data, attention(Q, K, V, heads=H, bias=bias).data)
    with pytest.raises(TypeError, match="attention .*this tensor is part of a graph"):
        attention(Q, K, V, heads=H, bias=Tensor(bias, requires_grad=True))


# ---- positions --------------------------------------------------------------------------------------------------------

def test_sinusoids():
    waves = sinusoids(50, 6, dtype=np.float64)
    for position in (0, 1, 7, 49):
        for k in range(3):
            angle = position / 10000 ** (2 * k / 6)
            np.testing.assert_allclose(waves[position, [k, k + 3]], [np.sin(angle), np.cos(angle)], rtol=1e-12, atol=1e-14)
    assert sinusoids(3, 4).dtype == np.float32 and sinusoids(0, 4).shape == (0, 4)
    # moving on by a number of steps is the same turn at every place: what makes relative positions easy to read off
    gram = waves @ waves.T
    np.testing.assert_allclose(np.diag(gram, 4), gram[0, 4], rtol=1e-12)


def test_rotary_scores_depend_on_the_distance_alone():
    q, k = normal((1, 1, C), 0), normal((1, 1, C), 1)

    def score(at_q, at_k):
        return float((rotary(q, start=at_q).data * rotary(k, start=at_k).data).sum())

    assert score(9, 4) == pytest.approx(score(5, 0), rel=1e-10) == pytest.approx(score(1005, 1000), rel=1e-8)
    assert abs(score(9, 4) - score(9, 5)) > 1e-3


def test_rotary_turns_each_step_on_its_own_and_keeps_lengths():
    x = normal((B, T, C), 0)
    y = rotary(x, heads=2).data
    np.testing.assert_allclose((y**2).sum(axis=2), (x**2).sum(axis=2), rtol=1e-12)
    assert np.array_equal(y[:, 0], x[:, 0])
    for t in range(T):
        np.testing.assert_allclose(rotary(x[:, t:t + 1], heads=2, start=t).data, y[:, t:t + 1], rtol=1e-12, atol=1e-14)
    assert np.array_equal(rotary(np.tile(x[:, :, :2], (1, 1, 3)), heads=3).data, np.tile(rotary(x[:, :, :2]).data, (1, 1, 3)))


def test_alibi_falls_with_the_distance():
    scores = alibi(8, 3, 5)
    assert scores.shape == (8, 3, 5) and scores.dtype == np.float32
    for head in range(8):
        for t in range(3):
            for s in range(5):
                assert scores[head, t, s] == -(2.0 ** -(head + 1)) * abs(t + 2 - s)


# ---- errors -----------------------------------------------------------------------------------------------------------

X = np.ones((2, 3, 12), np.float32)


@pytest.mark.parametrize("call, kind, words", [
    (lambda: attention(Q, K, V[:, :4]), ValueError, ["attention", "(2, 3, 8), (2, 5, 8), (2, 4, 8)", "v (B, S, C)"]),
    (lambda: attention(Q[0], K, V), ValueError, ["attention", "(3, 8)", "q (B, T, C)"]),
    (lambda: attention(Q[:1], K, V), ValueError, ["attention", "(1, 3, 8)", "q (B, T, C)"]),
    (lambda: attention(Q[:, :, :4], K, V), ValueError, ["attention", "(2, 3, 4)", "q (B, T, C)"]),
    (lambda: attention(Q, K[:, :0], V[:, :0]), ValueError, ["attention", "(2, 0, 8)", "at least one key"]),
    (lambda: attention(Q, K), TypeError, ["attention(q, k, v, *, heads=1", "'v'"]),
    (lambda: attention(Q, K, V, heads=3), ValueError, ["attention", "8 channels", "3 heads"]),
    (lambda: attention(Q, K, V, heads=0), ValueError, ["attention", "heads", "from 1 up", "0"]),
    (lambda: attention(Q, K, V, heads=2.0), ValueError, ["attention", "heads", "whole number", "2.0"]),
    (lambda: attention(Q[:, :, :0], K[:, :, :0], V[:, :, :0]), ValueError, ["attention", "0 channels"]),
    (lambda: attention(K, Q, Q, causal=True), ValueError, ["attention", "as many keys as queries", "3 for 5"]),
    (lambda: attention(Q, K, V, causal="yes"), ValueError, ["attention", "causal", "True or False", "'yes'"]),
    (lambda: attention(Q, K, V, mask=np.ones((T, S))), TypeError, ["attention", "mask must be Boolean", "float64"]),
    (lambda: attention(Q, K, V, mask=np.ones((S, T), bool)), ValueError, ["attention", "mask", "(B, H, T, S) = (2, 1, 3, 5)", "(5, 3)"]),
    (lambda: attention(Q, K, V, mask=np.ones((1, 2, 1, 3, 5), bool)), ValueError, ["attention", "mask", "(1, 2, 1, 3, 5)"]),
    (lambda: attention(Q, K, V, bias=alibi(2, 3, 5)), ValueError, ["attention", "bias", "(B, H, T, S) = (2, 1, 3, 5)", "(2, 3, 5)"]),
    (lambda: attention(Q, K, V, bias="none"), TypeError, ["attention", "bias", "real numbers", "<U4"]),
    (lambda: attention(Q, K, V, bias=np.array(1j)), TypeError, ["attention", "bias", "complex128"]),
    (lambda: self_attention(X[:, :, :8]), ValueError, ["self_attention", "(2, 3, 8)", "(B, T, 3C)"]),
    (lambda: self_attention(X[0]), ValueError, ["self_attention", "(3, 12)", "(B, T, 3C)"]),
    (lambda: self_attention(X, heads=3), ValueError, ["self_attention", "4 channels", "3 heads"]),
    (lambda: attention_weights(Q, K[:, :, :4]), ValueError, ["attention", "k (B, S, C)"]),
    (lambda: attention_weights("a", K), TypeError, ["real numbers", "str"]),
    (lambda: causal_bias(5, 3), ValueError, ["as many keys as queries", "3 for 5"]),
    (lambda: rotary(X, heads=4), ValueError, ["rotary", "(2, 3, 12)", "even number", "4 heads"]),
    (lambda: rotary(X[0]), ValueError, ["rotary", "(3, 12)", "(B, T, C)"]),
    (lambda: rotary(X, start=-1), ValueError, ["rotary", "start", "from 0 up", "-1"]),
    (lambda: rotary(X, base=0), ValueError, ["rotary", "base", "above 0"]),
    (lambda: rotary(X, base="e"), ValueError, ["rotary", "base", "'e'"]),
    (lambda: sinusoids(3, 5), ValueError, ["even", "5"]),
    (lambda: sinusoids(-1, 4), ValueError, ["length", "from 0 up", "-1"]),
    (lambda: sinusoids(3, 0), ValueError, ["channels", "from 1 up", "0"]),
    (lambda: alibi(0, 3, 5), ValueError, ["heads", "from 1 up", "0"]),
    (lambda: alibi(2, 5, 3), ValueError, ["ALiBi", "as many keys as queries", "3 for 5"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_error(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)
