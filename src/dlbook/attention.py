"""Attention and positions. Chapters *attention*, *transformer*, *positional encoding*.

Legend: B sequences, T queries, S keys, C channels, H heads, D = C / H channels in a head.
"""

import math

import numpy as np

from .autograd import floating, op
from .settings import flag, floats, number, whole


@op
def attention(q, k, v, *, heads=1, causal=False, mask=None, bias=None):
    """softmax(Q Kᵀ / √D) V in every head: each query takes a mean of the values, weighted by how well their keys match.

    Parameters
    ----------
    q : (B, T, C)
    k : (B, S, C)
    v : (B, S, C)
    heads : int that divides C
        Channels are cut into this many stretches of D; each attends by itself (Vaswani et al. 2017).
    causal : bool
        Whether a query sees only keys up to its own position, the last query standing at the last key.
    mask : Boolean array that broadcasts to (B, H, T, S), optional
        True where a query may look. A query that may look nowhere gets zeros.
    bias : array that broadcasts to (B, H, T, S), optional
        Constant added to the scores, as in ALiBi.

    Returns
    -------
    (B, T, C)

    Raises
    ------
    ValueError
        If shapes disagree, `heads` does not divide C, or causal queries are more than the keys.
    TypeError
        If the mask is not Boolean, or the bias not of real numbers.

    >>> x = np.ones((2, 3, 4), np.float32)
    >>> attention(x, x, x, heads=2).shape
    (2, 3, 4)
    """
    check_heads(q, k, v, heads)
    qs, ks, vs = split(q, heads), split(k, heads), split(v, heads)
    y, weights = attend(qs, ks, vs, causal, mask, bias)

    def pull(g):
        dq, dk, dv = np.empty_like(q), np.empty_like(k), np.empty_like(v)
        attend_backward(split(g, heads), qs, ks, vs, weights, split(dq, heads), split(dk, heads), split(dv, heads))
        return dq, dk, dv

    return y, pull


@op
def self_attention(qkv, *, heads=1, causal=False, mask=None, bias=None):
    """`attention` of a sequence to itself, with queries, keys and values side by side as one projection leaves them.

    Parameters
    ----------
    qkv : (B, T, 3C)
    heads, causal, mask, bias : as in attention

    Returns
    -------
    (B, T, C)

    >>> self_attention(np.ones((2, 3, 12), np.float32), heads=2).shape
    (2, 3, 4)
    """
    if qkv.ndim != 3 or qkv.shape[2] % 3:
        raise ValueError("self_attention needs queries, keys and values side by side: (B, T, 3C)")
    q, k, v = thirds(qkv)
    check_heads(q, k, v, heads)
    qs, ks, vs = split(q, heads), split(k, heads), split(v, heads)
    y, weights = attend(qs, ks, vs, causal, mask, bias)

    def pull(g):
        d = np.empty_like(qkv)
        attend_backward(split(g, heads), qs, ks, vs, weights, *(split(part, heads) for part in thirds(d)))
        return d

    return y, pull


def attention_weights(q, k, *, heads=1, causal=False, mask=None, bias=None):
    """The weights (B, H, T, S) with which `attention` averages, as a plain array: what a heat map shows.

    >>> attention_weights(np.zeros((1, 2, 4)), np.zeros((1, 2, 4)), causal=True)[0, 0].tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    q, k = floating(q), floating(k)
    check_heads(q, k, k, heads)
    return scores_to_weights(split(q, heads), split(k, heads), causal, mask, bias)


def attend(q, k, v, causal, mask, bias):
    """Output (B, T, C) and weights (B, H, T, S) for queries, keys and values of each head, (B, H, T or S, D)."""
    weights = scores_to_weights(q, k, causal, mask, bias)
    b, h, t, d = q.shape
    y = np.empty((b, t, h * d), q.dtype)
    np.matmul(weights, v, out=split(y, h))  # written where it belongs: no heads to merge afterwards
    return y, weights


def scores_to_weights(q, k, causal, mask, bias):
    t, s = q.shape[2], k.shape[2]
    scores = np.matmul(q, k.swapaxes(-1, -2), order="C")  # so that the rows below are a view, however q lies in memory
    scores *= 1 / math.sqrt(q.shape[3])
    if bias is not None:
        scores += fitting("bias", bias, "fiub", scores.shape).astype(scores.dtype, copy=False)
    harmless = np.log(np.finfo(scores.dtype).max) / 3  # exp of it is far from infinity, and of its negative far from 0
    large = scores.size and not (-harmless < scores.min() and scores.max() < harmless)
    if flag("causal", causal):
        scores += causal_bias(t, s).astype(scores.dtype, copy=False)
    if mask is not None:
        np.copyto(scores, -np.inf, where=~fitting("mask", mask, "b", scores.shape))
    if large:
        # The largest score of a query is taken out where it must be, and looked for only if one of all is large: NumPy is
        # slow at maxima along a short axis. Other queries keep each bit. A query that may look nowhere has -inf.
        largest = scores.max(axis=-1, keepdims=True)
        scores -= np.where(np.isfinite(largest) & (abs(largest) >= harmless), largest, 0).astype(scores.dtype)
    np.exp(scores, out=scores)
    rows = scores.reshape(-1, s)
    total = rows @ np.ones(s, scores.dtype)
    if mask is not None:
        total[total == 0] = 1
    rows /= total[:, None]
    return scores


def attend_backward(g, q, k, v, weights, dq, dk, dv):
    """Fill `dq`, `dk`, `dv` with the gradients of `attend`, given that of its output, all by heads."""
    s = weights.shape[-1]
    np.matmul(weights.swapaxes(-1, -2), g, out=dv)
    d = np.matmul(g, v.swapaxes(-1, -2), order="C")
    rows, w = d.reshape(-1, s), weights.reshape(-1, s)
    rows -= np.einsum("ij,ij->i", rows, w)[:, None]
    rows *= w
    rows *= 1 / math.sqrt(q.shape[3])
    np.matmul(d, k, out=dq)
    np.matmul(d.swapaxes(-1, -2), q, out=dk)


def fitting(name, value, kinds, shape):
    """`value` as an array of these kinds of dtype, after checking that it broadcasts to the scores."""
    array = np.asarray(value)
    if array.dtype.kind not in kinds:
        what = "Boolean, True where a query may look" if kinds == "b" else "an array of real numbers"
        raise TypeError(f"the {name} must be {what}, and its dtype is {array.dtype}")
    if array.ndim > 4 or any(n not in (1, length) for n, length in zip(array.shape[::-1], shape[::-1])):
        raise ValueError(f"the {name} must broadcast to the scores (B, H, T, S) = {shape}, and its shape is {array.shape}")
    return array


def causal_bias(t, s):
    """(T, S): 0 where a query may look, minus infinity in its future. The last query stands at the last key.

    >>> causal_bias(2, 3).tolist()
    [[0.0, 0.0, -inf], [0.0, 0.0, 0.0]]
    """
    if t > s:
        raise ValueError(f"causal attention needs as many keys as queries at least, and has {s} for {t}")
    return np.where(np.tri(t, s, s - t, dtype=bool), np.float32(0), np.float32(-np.inf))


def split(x, heads):
    """(B, T, C) as (B, H, T, D), a view."""
    b, t, c = x.shape
    return x.reshape(b, t, heads, c // heads).transpose(0, 2, 1, 3) if x.flags.c_contiguous else _split_strided(x, heads)


def _split_strided(x, heads):
    # A third of a packed projection: its rows lie 3C apart, and reshape would copy instead of giving a view.
    b, t, c = x.shape
    s0, s1, s2 = x.strides
    return np.lib.stride_tricks.as_strided(x, (b, heads, t, c // heads), (s0, s2 * (c // heads), s1, s2))


def thirds(x):
    """The three parts of (B, T, 3C), as views."""
    c = x.shape[2] // 3
    return x[:, :, :c], x[:, :, c : 2 * c], x[:, :, 2 * c :]


def check_heads(q, k, v, heads):
    if q.ndim != 3 or k.ndim != 3 or k.shape != v.shape or q.shape[0] != k.shape[0] or q.shape[2] != k.shape[2]:
        raise ValueError("attention needs q (B, T, C), k (B, S, C) and v (B, S, C)")
    if q.shape[2] % whole("heads", heads) or not q.shape[2]:
        raise ValueError(f"{q.shape[2]} channels cannot be divided among {heads} heads")
    if k.shape[1] == 0:
        raise ValueError("attention needs at least one key")


def sinusoids(length, channels, *, base=10000.0, dtype=np.float32):
    """Positions as waves of many lengths, (length, channels): sines, then cosines (Vaswani et al. 2017).

    Raises
    ------
    ValueError
        If the number of channels is odd, or a setting out of range.

    >>> sinusoids(1, 4).tolist()
    [[0.0, 0.0, 1.0, 1.0]]
    """
    angle = angles(whole("length", length, 0), whole("channels", channels), base)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1).astype(floats("dtype", dtype))


def angles(length, channels, base, start=0):
    """(length, channels / 2): position times frequency, the frequencies falling from 1 to almost 1 / base."""
    if channels % 2:
        raise ValueError(f"positions come in pairs of sine and cosine: channels must be even, and is {channels}")
    if not number("base", base, 0):
        raise ValueError("base must be above 0")
    frequency = float(base) ** (-np.arange(0, channels, 2) / channels)
    return np.arange(start, start + length)[:, None] * frequency


@op
def rotary(x, *, heads=1, start=0, base=10000.0):
    """Turn each pair of channels by an angle that grows with the position: RoPE (Su et al. 2021).

    Neighbouring channels (0, 1), (2, 3), … of each head are the pairs. Scores between turned queries and keys depend on
    their distance alone.

    Parameters
    ----------
    x : (B, T, C)
    heads : int that divides C
    start : int
        Position of the first step; the number of steps in the cache when generating.

    Raises
    ------
    ValueError
        If x has another shape or a head an odd number of channels.

    >>> rotary([[[1.0, 0.0]]])
    Tensor([[[1., 0.]]])
    """
    if x.ndim != 3 or x.shape[2] % (2 * whole("heads", heads)):
        raise ValueError(f"rotary needs x (B, T, C) with an even number of channels in each of {heads} heads")
    angle = np.tile(angles(x.shape[1], x.shape[2] // heads, base, whole("start", start, 0)), heads)
    cos, sin = np.cos(angle).astype(x.dtype), np.sin(angle).astype(x.dtype)

    def turn(x, sin):
        even, odd = x[:, :, 0::2], x[:, :, 1::2]
        y = np.empty(x.shape, x.dtype)
        y[:, :, 0::2] = even * cos - odd * sin
        y[:, :, 1::2] = even * sin + odd * cos
        return y

    return turn(x, sin), lambda g: turn(g, -sin)


def alibi(heads, t, s):
    """Scores to add for ALiBi, (H, T, S): minus the distance, times a slope that differs between heads (Press et al. 2022).

    As in causal attention, the last query stands at the last key.

    Raises
    ------
    ValueError
        If a number is out of range, or queries are more than keys.

    >>> alibi(2, 2, 3)[0].round(4).tolist()
    [[-0.0625, -0.0, -0.0625], [-0.125, -0.0625, -0.0]]
    """
    if whole("t", t, 0) > whole("s", s):
        raise ValueError(f"ALiBi needs as many keys as queries at least, and has {s} for {t}")
    whole("heads", heads)
    slopes = 2.0 ** (-8 * np.arange(1, heads + 1) / heads)
    distance = np.arange(s - t, s)[:, None] - np.arange(s)
    return (-slopes[:, None, None] * abs(distance)).astype(np.float32)


OPERATIONS = (attention, self_attention, rotary)
