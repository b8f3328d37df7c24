"""Normalisation of channels: over the batch, or over groups of them in each image. Chapter *normalisation*.

Convolutions leave channels last in memory, (N, pixels, C), and so the work is done there. NumPy is slow at adding a vector of
C numbers to every pixel, so several pixels make one long *line*, and the vector is repeated as often. Lines are taken a few
at a time, so that what is computed from them stays in cache. (Threads do not pay here: the passes are too short.) Sums over
lines are NumPy's own: a product with ones is no faster here, and its bits would depend on how many threads BLAS uses.
"""

import math

import numpy as np

from ..autograd import floating, op
from ..parallel import blocks
from ..settings import number, whole

LINE = 256  # numbers that make a line long enough
BLOCK = 1 << 17  # numbers to work on at a time


@op
def group_norm(x, gain, bias, *, groups, eps=1e-5):
    """Normalise each image over groups of neighbouring channels (Wu & He 2018); one group per channel is instance norm.

    Parameters
    ----------
    x : (N, C, ...)
    gain, bias : (C,)
    groups : int that divides C

    Raises
    ------
    ValueError
        If `groups` does not divide the number of channels, or gain and bias do not have one element a channel.

    >>> group_norm([[1.0, 3.0, 10.0, 30.0]], np.ones(4), np.zeros(4), groups=2, eps=0)
    Tensor([[-1.,  1., -1.,  1.]])
    """
    _channels("group_norm", x, gain, bias)
    n, c = x.shape[:2]
    if c % whole("groups", groups):
        raise ValueError(f"{c} channels cannot be divided into {groups} groups of equal size")
    eps = number("eps", eps, 0)
    last, pixels = _last(x), math.prod(x.shape[2:])
    lines, each_line = _lines(last.reshape(n, pixels, c))  # (N, lines, pixels in a line · C)
    images = blocks(n, pixels * c, BLOCK)
    group = np.arange(c) // (c // groups)
    together = (group[:, None] == group).astype(x.dtype) / (pixels * c // groups)  # sums of channels times this: means of groups
    y, mean, inverse = np.empty_like(lines), np.empty((n, c), x.dtype), np.empty((n, c), x.dtype)

    def sums(a):
        """(images, C)"""
        return a.sum(axis=1).reshape(len(a), each_line, c).sum(axis=1)

    def along(a):
        """(images, C) as what to combine lines with."""
        return np.tile(a, each_line)[:, None]

    for some in images:
        a, out = lines[some], y[some]
        mean[some] = sums(a) @ together
        np.subtract(a, along(mean[some]), out=out)
        inverse[some] = 1 / np.sqrt(sums(out * out) @ together + eps)
        out *= along(gain * inverse[some])
        out += along(np.broadcast_to(bias, inverse[some].shape))

    def pull(g):
        g = _last(g).reshape(lines.shape)
        dx, dgain, dbias = np.empty_like(lines), np.empty((n, c), x.dtype), np.empty((n, c), x.dtype)
        for some in images:
            i = inverse[some]
            xhat = lines[some] - along(mean[some])
            dbias[some] = sums(g[some])
            dgain[some] = sums(g[some] * xhat) * i
            # d = gain · g; what leaves it are the means of d and of d x̂ over the group
            out = np.multiply(g[some], along(gain * i), out=dx[some])
            xhat *= along(i * i * (gain * dgain[some] @ together))
            out -= xhat
            out -= along(i * (gain * dbias[some] @ together))
        ones = np.ones(n, x.dtype)
        return _first(dx, last.shape), ones @ dgain, ones @ dbias

    return _first(y, last.shape), pull


@op
def batch_norm(x, gain, bias, *, moments=None, observe=None, eps=1e-5):
    """Normalise each channel over the batch and all positions (Ioffe & Szegedy 2015).

    Parameters
    ----------
    x : (N, C, ...)
    gain, bias : (C,)
    moments : (mean, variance), each (C,), optional
        Constants to normalise with, as in evaluation. Without them the moments of x are taken, and the gradient knows that
        they depend on it.
    observe : function, optional
        Called with mean and variance of x and the count M of values a channel, for those who keep a running average.

    Raises
    ------
    ValueError
        If there is one value a channel only, whose variance says nothing, or lengths disagree.

    >>> batch_norm([[1.0], [3.0]], [1.0], [0.0], eps=0)
    Tensor([[-1.],
            [ 1.]])
    """
    _channels("batch_norm", x, gain, bias)
    eps, c, count = number("eps", eps, 0), x.shape[1], x.size // x.shape[1]
    if moments is None and count < 2:
        raise ValueError("batch norm needs at least two values a channel to train on; use a larger batch, or eval()")
    last = _last(x)
    lines, each_line = _lines(last.reshape(1, count, c))
    lines = lines[0]  # (lines, pixels in a line · C)
    parts = blocks(*lines.shape, BLOCK)
    if moments is None:
        mean, variance = _moments(lines, c)
        if observe is not None:
            observe(mean, variance, count)
    else:
        mean, variance = _given(moments, gain)
    inverse = (1 / np.sqrt(variance + eps)).astype(x.dtype)
    middle, scale, shift = (np.tile(v, each_line) for v in (mean.astype(x.dtype), gain * inverse, bias))
    y = np.empty_like(lines)

    for some in parts:
        out = np.subtract(lines[some], middle, out=y[some])
        out *= scale
        out += shift

    def pull(g):
        g = _last(g).reshape(lines.shape)
        dx, dgain, dbias = np.empty_like(lines), np.zeros(c, x.dtype), np.zeros(c, x.dtype)
        for some in parts:
            d = np.subtract(lines[some], middle, out=dx[some])
            dgain += _sums(g[some] * d, c)
            dbias += _sums(g[some], c)
        dgain *= inverse
        # Σ gain·g / M and Σ gain·g·x̂ / M are the two gradients just computed: nothing is summed twice.
        share = 0 if moments is not None else gain * inverse / -count
        slope, level = np.tile(share * inverse * dgain, each_line), np.tile(share * dbias, each_line)
        for some in parts:
            out = dx[some]  # the distances from the mean
            out *= slope
            out += level
            out += g[some] * scale
        return _first(dx, last.shape), dgain, dbias

    return _first(y, last.shape), pull


def batch_moments(x):
    """Mean and variance (divided by M, not M - 1) of each channel of `x` (N, C, ...).

    Raises
    ------
    ValueError
        If there is nothing to take the mean of.

    >>> batch_moments(np.array([[1.0], [3.0]]))
    (array([2.]), array([1.]))
    """
    x = floating(x)
    if x.ndim < 2 or not x.size:
        raise ValueError(f"batch_moments needs x (N, C, ...) with at least one value a channel, and was given {x.shape}")
    return _moments(_lines(_last(x).reshape(1, -1, x.shape[1]))[0][0], x.shape[1])


def _moments(lines, c):
    """Mean and variance of each of the C channels in `lines`: each block has its own, and they are combined at the end.

    The variance is the mean of squared distances from a mean, never a difference of squares: that would lose all digits.
    """
    found = []
    for some in blocks(*lines.shape, BLOCK):
        a = lines[some]
        values = a.size // c
        mean = _sums(a, c) / values
        d = a - np.tile(mean, a.shape[1] // c)
        d *= d
        found.append((values, mean, _sums(d, c)))
    count = lines.size // c
    mean = sum(values * own for values, own, _ in found) / count
    squares = sum(own_squares + values * (own - mean) * (own - mean) for values, own, own_squares in found)
    return mean, squares / count


def _sums(lines, c):
    """(C,): the sum of each channel."""
    return lines.sum(axis=0).reshape(-1, c).sum(axis=0)


def _lines(a):
    """(N, pixels, C) as (N, lines, pixels in a line · C), and how many pixels are in a line; a view."""
    n, pixels, c = a.shape
    each_line = next(k for k in range(max(1, LINE // c), 0, -1) if pixels % k == 0)
    return a.reshape(n, pixels // each_line, each_line * c), each_line


def _last(x):
    """(N, C, ...) as (N, ..., C), contiguous: a view of what layers for images make."""
    return np.ascontiguousarray(np.moveaxis(x, 1, -1))


def _first(lines, shape):
    """Lines as (N, C, ...), a view; `shape` has the channels last."""
    return np.moveaxis(lines.reshape(shape), -1, 1)


def _channels(name, x, gain, bias):
    """Check that there are channels, pixels in them, and one gain and bias for each."""
    if x.ndim < 2 or not math.prod(x.shape[1:]) or gain.shape != x.shape[1:2] or bias.shape != x.shape[1:2]:
        raise ValueError(f"{name} needs x (N, C, ...) with C > 0, and gain and bias (C,)")


def _given(moments, gain):
    """Mean and variance that came from elsewhere, as two arrays like `gain`."""
    try:
        mean, variance = (np.asarray(moment) for moment in moments)
    except (TypeError, ValueError):
        raise ValueError(f"moments must be two arrays, mean and variance, and are {moments!r:.60}") from None
    if any(moment.shape != gain.shape or moment.dtype.kind not in "fiub" for moment in (mean, variance)) or (variance < 0).any():
        raise ValueError(
            f"moments must be a mean and a variance that is not negative, each {gain.shape}, and are {mean.shape} and {variance.shape}"
        )
    return mean, variance
