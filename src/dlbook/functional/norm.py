"""Normalisation: take out mean and scale, put learned ones back. Chapter *normalisation*.

Each is x̂ = (x - mean) / √(var + ε) followed by gain · x̂ + bias; they differ in what the mean is taken over: here the
features of one example (layer norm, RMS norm without the mean), in `channel_norm` the batch or groups of channels.
With d = gain · g, and means over the same numbers, the gradient is

    dx = (d - mean(d) - x̂ · mean(d · x̂)) / √(var + ε).
"""

import math

import numpy as np

from ..autograd import op
from ..settings import number


@op
def layer_norm(x, gain, bias, *, eps=1e-5):
    """Normalise each row of `x` over its last axis (Ba, Kiros & Hinton 2016).

    Parameters
    ----------
    x : (..., C)
    gain, bias : (C,)

    Raises
    ------
    ValueError
        If gain or bias do not have one element a feature, or there is no feature.

    >>> layer_norm([[1.0, 3.0]], [1.0, 1.0], [0.0, 0.0], eps=0)
    Tensor([[-1.,  1.]])
    """
    rows = _rows("layer_norm", x, gain, bias)
    xhat, inverse = _standardised(rows, eps)

    def pull(g):
        g = g.reshape(rows.shape)
        ones = np.ones(len(rows), x.dtype)
        dx = _through(g * gain, xhat, inverse)
        return dx.reshape(x.shape), ones @ (g * xhat), ones @ g

    y = xhat * gain
    y += bias
    return y.reshape(x.shape), pull


@op
def rms_norm(x, gain, *, eps=1e-5):
    """Divide each row of `x` by its root mean square: layer norm without the mean (Zhang & Sennrich 2019).

    Parameters
    ----------
    x : (..., C)
    gain : (C,)

    Raises
    ------
    ValueError
        If gain does not have one element a feature, or there is no feature.

    >>> rms_norm([[1.0, 1.0]], [3.0, 4.0], eps=0)
    Tensor([[3., 4.]])
    """
    rows = _rows("rms_norm", x, gain)
    c = rows.shape[1]
    inverse = 1 / np.sqrt(np.einsum("ij,ij->i", rows, rows) / c + number("eps", eps, 0))[:, None]
    xhat = rows * inverse

    def pull(g):
        g = g.reshape(rows.shape)
        d = g * gain
        dx = d - xhat * (np.einsum("ij,ij->i", d, xhat) / c)[:, None]
        dx *= inverse
        return dx.reshape(x.shape), np.ones(len(rows), x.dtype) @ (g * xhat)

    return (xhat * gain).reshape(x.shape), pull


def _standardised(rows, eps):
    """Rows with mean 0 and variance 1, and 1 / √(var + ε) of each."""
    c = rows.shape[1]
    ones = np.ones(c, rows.dtype)
    xhat = rows - (rows @ ones / c)[:, None]
    inverse = (1 / np.sqrt(np.einsum("ij,ij->i", xhat, xhat) / c + number("eps", eps, 0)))[:, None]
    xhat *= inverse
    return xhat, inverse


def _through(d, xhat, inverse):
    """The gradient of `_standardised` rows, given the gradient `d` of x̂ (which is used up)."""
    c = d.shape[1]
    along = np.einsum("ij,ij->i", d, xhat) / c
    d -= (d @ np.ones(c, d.dtype) / c)[:, None]
    d -= xhat * along[:, None]
    d *= inverse
    return d


def _rows(name, x, *vectors):
    """`x` (..., C) as rows (..., C), after checking that the vectors have one element a feature."""
    if not x.ndim or not x.shape[-1] or any(vector.shape != x.shape[-1:] for vector in vectors):
        raise ValueError(f"{name} needs x (..., C), and {'gain and bias' if len(vectors) > 1 else 'a gain'} (C,), with C > 0")
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
