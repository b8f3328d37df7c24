"""Activation functions beyond tanh, sigmoid and ReLU. Chapter *activations*.

Each is one operation rather than a chain of small ones: fewer passes over memory, and one rule to read.
"""

import math

import numpy as np

from ..autograd import op


@op
def leaky_relu(x, *, slope=0.01):
    """x where positive, `slope` x elsewhere (Maas, Hannun & Ng 2013).

    >>> leaky_relu([-2.0, 3.0], slope=0.5)
    Tensor([-1.,  3.])
    """
    factor = np.where(x > 0, x.dtype.type(1), x.dtype.type(float(slope)))
    return x * factor, lambda g: g * factor


@op
def elu(x, *, alpha=1.0):
    """x where positive, α (exp(x) - 1) elsewhere: smooth at 0 and never below -α (Clevert, Unterthiner & Hochreiter 2016).

    >>> elu([0.0, 3.0])
    Tensor([0., 3.])
    """
    alpha = x.dtype.type(float(alpha))
    negative = alpha * np.expm1(np.minimum(x, x.dtype.type(0)))  # the minimum keeps exp from overflowing where x is large
    return np.where(x > 0, x, negative), lambda g: np.where(x > 0, g, g * (negative + alpha))


@op
def softplus(x):
    """log(1 + exp(x)), a smooth ReLU whose derivative is the sigmoid.

    >>> softplus([-1000.0, 1000.0])
    Tensor([   0., 1000.])
    """
    return np.logaddexp(x, x.dtype.type(0)), lambda g: g * _sigmoid(x)


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
    c, k = math.sqrt(2 / math.pi), 0.044715
    square = x * x
    t = np.tanh(c * x * (1 + k * square))
    half = 0.5 * (1 + t)
    return x * half, lambda g: g * (half + 0.5 * c * x * (1 - t * t) * (1 + 3 * k * square))


def _sigmoid(x):
    s = 0.5 * x
    s = np.asarray(np.tanh(s))
    s *= 0.5
    s += 0.5
    return s
