"""The affine map, Z = X W + b: most of the arithmetic in this book. Chapter *forward pass*."""

import math

import numpy as np

from ..autograd import op


@op
def linear(x, w, b):
    """Affine map `x @ w + b` of every row of `x`.

    Parameters
    ----------
    x : (..., in)
    w : (in, out)
    b : (out,)

    Returns
    -------
    (..., out)

    Raises
    ------
    ValueError
        If the lengths `in` or `out` disagree.

    >>> linear([[1.0, 2.0]], [[1.0], [10.0]], [100.0])
    Tensor([[121.]])
    """
    if w.ndim != 2 or x.ndim < 1 or x.shape[-1] != w.shape[0] or b.shape != w.shape[1:]:
        raise ValueError("linear(x, w, b) needs x (..., in), w (in, out) and b (out,)")
    rows = x.reshape(math.prod(x.shape[:-1]), w.shape[0])  # (B, in): all leading axes are one batch
    # np.dot is @ for two matrices, with less ado; and where one side is a single column or row, @ leaves BLAS and is 5 times slower.
    z = np.dot(rows, w)  # (B, out)
    z += b
    return (
        z.reshape(*x.shape[:-1], w.shape[1]),
        lambda g: np.dot(g.reshape(z.shape), w.T).reshape(x.shape),
        lambda g: np.dot(rows.T, g.reshape(z.shape)),
        # A product with a row of ones adds up the rows, five times faster than NumPy's sum along that axis.
        lambda g: np.dot(np.ones(len(z), z.dtype), g.reshape(z.shape)),
    )
