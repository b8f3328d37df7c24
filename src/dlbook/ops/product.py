"""Products of matrices, and of tensors in general.

Legend: one letter for each axis; `G` is the gradient of the product. Chapter *backpropagation*.
"""

import math

import numpy as np

from ..autograd import op


@op
def matmul(a, b):
    """Matrix product, as NumPy's `@`: vectors, matrices and stacks of matrices that broadcast.

    For Z = A B the gradients are G Bᵀ and Aᵀ G.

    Raises
    ------
    ValueError
        If an input has no axes or the inner lengths differ.

    >>> matmul([[1.0, 2.0]], [[3.0], [4.0]])
    Tensor([[11.]])
    """
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("a matrix product needs inputs with axes; multiply by a number with *")
    inner = b.shape[0] if b.ndim == 1 else b.shape[-2]
    if a.shape[-1] != inner:
        raise ValueError(f"the last axis of the left input has length {a.shape[-1]}, the matching one of the right {inner}: they must agree")
    if b.ndim == 2:
        return _times_matrix(a, b)
    # A vector is a matrix with one row (left) or one column (right) that is dropped from the result.
    rows = a[None, :] if a.ndim == 1 else a
    columns = b[:, None] if b.ndim == 1 else b

    def as_matrix(g):
        g = np.expand_dims(g, -1) if b.ndim == 1 else g
        return np.expand_dims(g, -2) if a.ndim == 1 else g

    def pull_a(g):
        da = as_matrix(g) @ columns.swapaxes(-1, -2)
        return da[..., 0, :] if a.ndim == 1 else da

    def pull_b(g):
        db = rows.swapaxes(-1, -2) @ as_matrix(g)
        return db[..., 0] if b.ndim == 1 else db

    return a @ b, pull_a, pull_b


def _times_matrix(a, b):
    """A stack of rows times one matrix: a single large product is faster than a stack of small ones."""
    rows = a.reshape(math.prod(a.shape[:-1]), a.shape[-1])  # not -1, which NumPy cannot guess beside a length of 0
    z = rows @ b
    return (
        z.reshape(*a.shape[:-1], b.shape[1]),
        lambda g: (g.reshape(z.shape) @ b.T).reshape(a.shape),
        lambda g: rows.T @ g.reshape(z.shape),
    )


@op
def einsum(*xs, subscripts):
    """Sum of products named by index letters, as `np.einsum`, with an explicit output: "bik,kj->bij".

    The gradient of an input is the same sum with that input and the output exchanged.

    Raises
    ------
    ValueError
        If there is no "->", an ellipsis, a letter twice in one input, or a letter with two lengths.

    >>> einsum([[1.0, 2.0], [3.0, 4.0]], [1.0, 10.0], subscripts="ij,j->i")
    Tensor([21., 43.])
    """
    subscripts = str(subscripts).replace(" ", "")
    left, arrow, out = subscripts.partition("->")
    inputs = left.split(",")
    if not arrow or "." in subscripts or len(inputs) != len(xs) or any(len(set(i)) < len(i) for i in [*inputs, out]):
        raise ValueError(
            f'subscripts must name {len(xs)} inputs and the output, each letter once in each, like "ij,jk->ik"; given {subscripts!r}'
        )
    length = {}
    for letters, x in zip(inputs, xs):
        # NumPy would stretch an axis of length 1 here, and the gradient of that is none of the sums below.
        if len(letters) != x.ndim or any(length.setdefault(c, n) != n for c, n in zip(letters, x.shape)):
            raise ValueError(f"{subscripts!r} does not fit: one letter for each axis, and one length for each letter")
    y = np.einsum(subscripts, *xs, optimize=len(xs) > 2)

    def pullback(k):
        letters, x = inputs[k], xs[k]
        others = [(i, o) for j, (i, o) in enumerate(zip(inputs, xs)) if j != k]
        known = set(out).union(*(i for i, _ in others))
        kept = "".join(c for c in letters if c in known)
        spec = ",".join([out, *(i for i, _ in others)]) + "->" + kept
        # A letter that stood only in this input was summed away: its gradient is the same all along that axis.
        lengths = tuple(n if c in known else 1 for c, n in zip(letters, x.shape))

        def pull(g):
            dx = np.einsum(spec, g, *(o for _, o in others), optimize=len(others) > 1)
            return np.broadcast_to(dx.reshape(lengths), x.shape)

        return pull

    return y, *map(pullback, range(len(xs)))
