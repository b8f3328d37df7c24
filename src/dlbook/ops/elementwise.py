"""Operations that treat every element alike: arithmetic, roots and exponentials, the oldest nonlinearities.

Shapes broadcast as in NumPy; what was stretched forward is summed backward, in one place (`autograd.unbroadcast`).
Each function is the NumPy it looks like, with the derivative of each input beside it. Chapter *automatic differentiation*.

A nan is never hidden: where an input is nan, so is the value, and no gradient stops there. At a kink, where the slope of nan
could be anything, it is nan too, or the gradient passes as if there were no kink (relu, leaky_relu: what costs nothing); never 0.
"""

import math

import numpy as np

from ..autograd import op
from ..settings import plain


@op
def add(a, b):
    """Sum `a + b`.

    >>> add([1.0, 2.0], 10)
    Tensor([11., 12.])
    """
    return a + b, lambda g: g, lambda g: g


@op
def sub(a, b):
    """Difference `a - b`.

    >>> sub([1.0, 2.0], 10)
    Tensor([-9., -8.])
    """
    return a - b, lambda g: g, lambda g: -g


@op
def mul(a, b):
    """Product `a * b`, element by element.

    >>> mul([1.0, 2.0], 10)
    Tensor([10., 20.])
    """
    return a * b, lambda g: g * b, lambda g: g * a


@op
def div(a, b):
    """Quotient `a / b`.

    >>> div([1.0, 2.0], 4)
    Tensor([0.25, 0.5 ])
    """
    y = a / b
    return y, lambda g: g / b, lambda g: -g * y / b


@op
def neg(x):
    """Negative `-x`.

    >>> neg([1.0, -2.0])
    Tensor([-1.,  2.])
    """
    return -x, lambda g: -g


@op
def power(x, *, exponent):
    """Power `x ** exponent` for a fixed number `exponent`.

    Squares and cubes are multiplied out: NumPy raises floats to a power through logarithms, which is ten times slower.
    For an exponent that is itself learned, write `exp(b * log(a))`.

    Raises
    ------
    TypeError
        If the exponent is not a plain number.

    >>> power([1.0, 2.0, 3.0], exponent=2)
    Tensor([1., 4., 9.])
    """
    if isinstance(exponent, bool) or not isinstance(exponent, (int, float, np.integer, np.floating)):
        raise TypeError(f"the exponent must be a plain number, and is a {type(exponent).__name__}; for a learned one write exp(b * log(a))")
    n = float(exponent)
    if n == 0:
        return np.ones_like(x), np.zeros_like
    return _raised(x, n), lambda g: g * (n * _raised(x, n - 1))


def _raised(x, n):
    if n == 1:
        return x
    if n == 2:
        return x * x
    if n == 3:
        return x * x * x
    return x**n


@op
def exp(x):
    """Exponential.

    >>> exp(0.0)
    Tensor(1.)
    """
    y = np.exp(x)
    return y, lambda g: g * y


@op
def log(x):
    """Natural logarithm.

    >>> round(log(10.0).item(), 4)
    2.3026
    """
    return np.log(x), lambda g: g / x


@op
def sqrt(x):
    """Square root; its slope at 0 is infinite, so add a small number first where the gradient matters.

    >>> sqrt([4.0, 9.0])
    Tensor([2., 3.])
    """
    y = np.sqrt(x)
    return y, lambda g: g / (2 * y)


@op
def abs(x):
    """Absolute value; the derivative at 0 is taken as 0.

    >>> abs([-2.0, 3.0])
    Tensor([2., 3.])
    """
    return np.abs(x), lambda g: g * np.sign(x)


@op
def sin(x):
    """Sine of an angle in radians.

    >>> sin(0.0)
    Tensor(0.)
    """
    return np.sin(x), lambda g: g * np.cos(x)


@op
def cos(x):
    """Cosine of an angle in radians.

    >>> cos([0.0])
    Tensor([1.])
    """
    return np.cos(x), lambda g: -g * np.sin(x)


@op
def tanh(x):
    """Hyperbolic tangent, an S from -1 to 1. Chapter *activations*.

    >>> tanh([0.0, 100.0])
    Tensor([0., 1.])
    """
    y = np.tanh(x)
    return y, lambda g: g * (1 - y * y)


@op
def sigmoid(x):
    """Logistic function 1 / (1 + exp(-x)), an S from 0 to 1. Chapter *loss functions*.

    Computed as (1 + tanh(x/2)) / 2, which cannot overflow and is the faster spelling in NumPy.

    >>> sigmoid([0.0, 1000.0, -1000.0])
    Tensor([0.5, 1. , 0. ])
    """
    y = np.tanh(0.5 * x)
    y = 0.5 * y + 0.5
    return y, lambda g: g * (y * (1 - y))


@op
def relu(x):
    """Rectified linear unit max(x, 0); the derivative at 0 is taken as 0. Chapter *activations*.

    >>> relu([-1.0, 0.0, 2.0])
    Tensor([0., 0., 2.])
    """
    y = np.maximum(x, x.dtype.type(0))
    return y, lambda g: g * (y != 0)  # nan is not 0


@op
def maximum(a, b):
    """The larger of `a` and `b`; where they are equal, each receives half of the gradient.

    >>> maximum([1.0, 5.0], 3)
    Tensor([3., 5.])
    """
    y = np.maximum(a, b)
    return y, lambda g: g * _chosen(a, b, y), lambda g: g * _chosen(b, a, y)


@op
def minimum(a, b):
    """The smaller of `a` and `b`; where they are equal, each receives half of the gradient.

    >>> minimum([1.0, 5.0], 3)
    Tensor([1., 3.])
    """
    y = np.minimum(a, b)
    return y, lambda g: g * _chosen(a, b, y), lambda g: g * _chosen(b, a, y)


def _chosen(mine, other, y):
    """1 where `mine` is the value, 0 where `other` is, 1/2 where both are; nan where one of them is."""
    share = np.where(np.isnan(y), y, mine == y)
    return np.where(mine == other, y.dtype.type(0.5), share)


@op
def clip(x, *, low=-math.inf, high=math.inf):
    """`x` limited to [low, high]; outside of it the gradient is 0.

    Raises
    ------
    ValueError
        If `low` is above `high`.

    >>> clip([-2.0, 0.5, 2.0], low=-1, high=1)
    Tensor([-1. ,  0.5,  1. ])
    """
    low, high = plain("low", low), plain("high", high)
    if not low <= high:
        raise ValueError(f"low must not be above high, and they are {low} and {high}")
    with np.errstate(over="ignore"):  # a bound that the dtype cannot hold is infinite
        low, high = np.array([low, high]).astype(x.dtype)
    y = np.clip(x, low, high)
    return y, lambda g: g * np.where(np.isnan(x), x, x == y)


@op
def where(a, b, *, condition):
    """`a` where `condition` is true, `b` elsewhere.

    >>> where([1.0, 2.0], 0.0, condition=[True, False])
    Tensor([1., 0.])
    """
    condition = np.asarray(condition)
    if condition.dtype != bool:
        raise TypeError(f"the condition must be Boolean, and its dtype is {condition.dtype}")
    zero = a.dtype.type(0)
    return np.where(condition, a, b), lambda g: np.where(condition, g, zero), lambda g: np.where(condition, zero, g)
