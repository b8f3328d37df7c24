"""Operations that move numbers without changing them: reshaping, transposing, joining, indexing, padding.

Backward, each number's gradient travels the way back; a number used several times collects the sum.
"""

import numpy as np

from ..autograd import op
from ..settings import plain


@op
def reshape(x, *, shape):
    """The same elements in another shape; one length may be -1.

    >>> reshape([[1.0, 2.0], [3.0, 4.0]], shape=(4,))
    Tensor([1., 2., 3., 4.])
    """
    return x.reshape(shape), lambda g: g.reshape(x.shape)


@op
def transpose(x, *, axes=None):
    """Axes in another order; None reverses them. Negative axes count from the end.

    Raises
    ------
    ValueError
        If `axes` is not a permutation of the axes of `x`.

    >>> transpose([[1.0, 2.0, 3.0]]).shape
    (3, 1)
    """
    if axes is None:
        return x.transpose(), lambda g: g.transpose()
    order = [a + x.ndim if a < 0 else a for a in axes]
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(f"axes must name each of the {x.ndim} axes once, and are {axes}")
    return x.transpose(axes), lambda g: g.transpose(np.argsort(order))


@op
def broadcast_to(x, *, shape):
    """`x` repeated along new or stretched axes to `shape`.

    >>> broadcast_to([1.0, 2.0], shape=(2, 2))
    Tensor([[1., 2.],
            [1., 2.]])
    """
    return np.broadcast_to(x, shape), lambda g: g


@op
def concatenate(*xs, axis=0):
    """Arrays joined end to end along an existing axis.

    >>> concatenate([1.0], [2.0, 3.0])
    Tensor([1., 2., 3.])
    """
    y = np.concatenate(xs, axis=axis)
    bounds = np.cumsum([0] + [x.shape[axis] for x in xs])

    def part(start, stop):
        index = (slice(None),) * (axis % y.ndim) + (slice(start, stop),)
        return lambda g: g[index]

    return y, *map(part, bounds[:-1], bounds[1:])


@op
def stack(*xs, axis=0):
    """Arrays of one shape laid side by side along a new axis.

    >>> stack([1.0, 2.0], [3.0, 4.0], axis=1)
    Tensor([[1., 3.],
            [2., 4.]])
    """
    return np.stack(xs, axis=axis), *(lambda g, i=i: np.take(g, i, axis=axis) for i in range(len(xs)))


@op
def take(x, *, index):
    """`x[index]` for anything NumPy accepts: numbers, slices, integer or Boolean arrays. Also written `tensor[index]`.

    Raises
    ------
    ValueError
        If the index does not fit the shape.

    >>> take([1.0, 2.0, 3.0], index=slice(1, None))
    Tensor([2., 3.])
    """
    parts = index if isinstance(index, tuple) else (index,)
    plain = all(p is None or p is Ellipsis or isinstance(p, (int, np.integer, slice)) for p in parts)

    def pull(g):
        dx = np.zeros_like(x)
        if plain:
            dx[index] = g
        else:
            np.add.at(dx, index, g)  # not dx[index] += g, which counts an element taken twice only once
        return dx

    return x[index], pull


@op
def pad(x, *, widths, value=0.0):
    """`x` with `value` around it; `widths` holds (before, after) for each axis.

    Raises
    ------
    ValueError
        If there is not one non-negative pair for each axis.

    >>> pad([1.0, 2.0], widths=[(1, 2)])
    Tensor([0., 1., 2., 0., 0.])
    """
    widths = [tuple(pair) for pair in widths]
    if len(widths) != x.ndim or any(len(pair) != 2 or min(pair) < 0 for pair in widths):
        raise ValueError(f"widths must hold one non-negative pair (before, after) for each of {x.ndim} axes, and is {widths}")
    inner = tuple(slice(before, before + length) for (before, _), length in zip(widths, x.shape))
    y = np.full([before + length + after for (before, after), length in zip(widths, x.shape)], plain("value", value), x.dtype)
    y[inner] = x
    return y, lambda g: g[inner]
