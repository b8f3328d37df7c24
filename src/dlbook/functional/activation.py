"""Activation functions beyond tanh, sigmoid and ReLU. Chapter *activations*.

Each is one operation rather than a chain of small ones: fewer passes over memory, and one rule to read.
"""

import math

import numpy as np

from ..autograd import op
from ..settings import plain


@op
def leaky_relu(x, *, slope=0.01):
    """x where positive, `slope` x elsewhere (Maas, Hannun & Ng 2013).

    >>> leaky_relu([-2.0, 3.0], slope=0.5)
    Tensor([-1.,  3.])
    """
    factor = np.where(x > 0, x.dtype.type(1), x.dtype.type(plain("slope", slope)))
    return x * factor, lambda g: g * factor


@op
def elu(x, *, alpha=1.0):
    """x where positive, α (exp(x) - 1) elsewhere: smooth at 0 and never below -α (Clevert, Unterthiner & Hochreiter 2016).

    >>> elu([0.0, 3.0])
    Tensor([0., 3.])
    """
    alpha = x.dtype.type(plain("alpha", alpha))
    negative = alpha * np.expm1(np.minimum(x, x.dtype.type(0)))  # the minimum keeps exp from overflowing where x is large
    return np.where(x > 0, x, negative), lambda g: np.where(x > 0, g, g * (negative + alpha))


@op
def softplus(x):
    """log(1 + exp(x)), a smooth ReLU whose derivative is the sigmoid.

    >>> softplus([-1000.0, 1000.0])
    Tensor([   0., 1000.])
    """
    # log(1 + exp(-|x|)) cannot overflow; np.logaddexp would do too, slower, and warns of nan.
    return np.maximum(x, x.dtype.type(0)) + np.log1p(np.exp(-np.abs(x))), lambda g: g * _sigmoid(x)


@op
def silu(x):
    """x · sigmoid(x), also called swish (Elfwing, Uchibe & Doya 2018; Ramachandran, Zoph & Le 2017).

    >>> silu([0.0, 100.0])
    Tensor([  0., 100.])
    """
    s = _sigmoid(x)
    y = x * s

    def pull(g):  # g (s + y (1 - s)), in one array instead of four
        d = 1 - s
        d *= y
        d += s
        d *= g
        return d

    return y, pull


@op
def gelu(x):
    """x Φ(x) with Φ the normal distribution function, in its tanh form (Hendrycks & Gimpel 2016).

    y = x/2 · (1 + tanh u) with u = √(2/π) (x + 0.044715 x³).

    >>> gelu([0.0, 100.0])
    Tensor([  0., 100.])
    """
    # (1 + tanh u) / 2 is σ(2u), so this is x σ(2u); its derivative is σ + x σ (1 - σ) (2u)'. No x ** 3, which is slow.
    c, k = math.sqrt(2 / math.pi), 0.044715
    s, y = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype)
    near = x.max(initial=0) <= 8 and x.min(initial=0) >= -8  # beyond, σ is 0 or 1 to the last digit, and x³ may overflow
    for x_, s_, y_ in pieces(x, s, y):
        z = x_ if near else np.clip(x_, x.dtype.type(-8), x.dtype.type(8))
        np.multiply(z, z, out=s_)
        s_ *= c * k
        s_ += c
        s_ *= z
        np.tanh(s_, out=s_)
        s_ *= 0.5
        s_ += 0.5
        np.multiply(x_, s_, out=y_)

    def pull(g):
        dx = np.empty(x.shape, x.dtype)
        for g_, x_, s_, d_ in pieces(g, x, s, dx):
            z = x_ if near else np.clip(x_, x.dtype.type(-8), x.dtype.type(8))
            np.multiply(z, z, out=d_)
            d_ *= 6 * c * k
            d_ += 2 * c
            d_ *= z
            d_ *= s_ - s_ * s_
            d_ += s_
            d_ *= g_
        return dx

    return y, pull


PIECE = 1 << 16  # numbers


def pieces(*arrays):
    """The same stretch of each array at a time, short enough that what is computed from it stays in the second-level cache."""
    flat = [a.reshape(-1) for a in arrays]
    for start in range(0, flat[0].size, PIECE):
        yield [a[start : start + PIECE] for a in flat]


def _sigmoid(x):
    s = 0.5 * x
    s = np.asarray(np.tanh(s))
    s *= 0.5
    s += 0.5
    return s
