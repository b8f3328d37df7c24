"""Operations that take many numbers to one: sums, means, extremes, the logarithm of a sum of exponentials.

`axis` is None (all axes), an integer or a tuple of integers; `keepdims` leaves reduced axes in place with length 1.
Backward, a reduction spreads its gradient over the elements it came from.
"""

import numpy as np

from ..autograd import op
from ..settings import flag


def _over(g, x, axis, keepdims):
    """The gradient `g` of a reduction with its axes put back, ready to broadcast over `x`."""
    if axis is None or not x.ndim:
        return g.reshape((1,) * x.ndim)
    return g if keepdims else np.expand_dims(g, axis)


def _count(x, axis):
    """How many elements are reduced to one; an error where there are none, or no such axis."""
    axes, shape = axis, x.shape
    if not isinstance(axis, tuple):
        shape = shape or (1,)  # NumPy sums a single number along axis 0 or -1, though it has none; so do we
        axes = range(len(shape)) if axis is None else (axis,)
    count = 1
    for a in axes:
        if not -len(shape) <= a < len(shape):
            raise ValueError(f"axis {axis} does not exist in an array with {x.ndim} axes")
        count *= shape[a]
    if count == 0:
        raise ValueError(f"there is nothing to reduce along axis {axis}: it has length 0")
    return count


@op
def sum(x, *, axis=None, keepdims=False):
    """Sum over `axis`.

    >>> sum([[1.0, 2.0], [3.0, 4.0]], axis=0)
    Tensor([4., 6.])
    """
    keepdims = flag("keepdims", keepdims)
    return x.sum(axis=axis, keepdims=keepdims), lambda g: np.broadcast_to(_over(g, x, axis, keepdims), x.shape)


@op
def mean(x, *, axis=None, keepdims=False):
    """Mean over `axis`.

    Raises
    ------
    ValueError
        If there is no element to take the mean of.

    >>> mean([[1.0, 2.0], [3.0, 4.0]], axis=1)
    Tensor([1.5, 3.5])
    """
    keepdims = flag("keepdims", keepdims)
    scale = x.dtype.type(1 / _count(x, axis))  # with a Python number NumPy 1 would make a gradient without axes float64
    return (
        x.mean(axis=axis if x.ndim else None, keepdims=keepdims),
        lambda g: np.broadcast_to(_over(g * scale, x, axis, keepdims), x.shape),
    )


@op
def max(x, *, axis=None, keepdims=False):
    """Largest element over `axis`; elements that tie share the gradient equally.

    Raises
    ------
    ValueError
        If there is no element.

    >>> max([[1.0, 4.0], [3.0, 2.0]], axis=1)
    Tensor([4., 3.])
    """
    _count(x, axis)
    keepdims = flag("keepdims", keepdims)
    return _extreme(x, x.max(axis=axis, keepdims=keepdims), axis, keepdims)


@op
def min(x, *, axis=None, keepdims=False):
    """Smallest element over `axis`; elements that tie share the gradient equally.

    Raises
    ------
    ValueError
        If there is no element.

    >>> min([[1.0, 4.0], [3.0, 2.0]], axis=1)
    Tensor([1., 2.])
    """
    _count(x, axis)
    keepdims = flag("keepdims", keepdims)
    return _extreme(x, x.min(axis=axis, keepdims=keepdims), axis, keepdims)


def _extreme(x, y, axis, keepdims):
    def pull(g):
        hit = (x == _over(np.asarray(y), x, axis, keepdims)).astype(x.dtype)
        hits = hit.sum(axis=axis, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):  # nan equals nothing: 0 hits, and all its row gets 0 / 0, nan again
            return hit * (_over(g, x, axis, keepdims) / hits)

    return y, pull


@op
def logsumexp(x, *, axis=None, keepdims=False):
    """log of the sum of exp(x) over `axis`, without overflow. Chapter *loss functions*.

    The largest element m is taken out first: log Σ exp(x) = m + log Σ exp(x - m). Of nothing but -inf it is -inf, whose
    gradient is taken as 0, as of a query in attention that may look nowhere.

    Raises
    ------
    ValueError
        If there is no element.

    >>> round(logsumexp([1000.0, 1000.0]).item(), 3)
    1000.693
    """
    _count(x, axis)
    largest = x.max(axis=axis, keepdims=True)
    e = np.exp(x - np.where(np.isfinite(largest), largest, x.dtype.type(0)))  # -inf - -inf is nan; 0 is as good a shift
    # At least 1, of the largest; or 0, of nothing but -inf: with 1 instead the logarithm leaves -inf, and the gradient is 0 / 1.
    total = np.maximum(e.sum(axis=axis, keepdims=True), x.dtype.type(1))
    y = np.log(total) + largest
    if not flag("keepdims", keepdims):
        y = y.reshape(()) if axis is None else np.squeeze(y, axis=axis)
    return y, lambda g: _over(g, x, axis, keepdims) * (e / total)
