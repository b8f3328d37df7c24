"""Examples dealt into batches. Chapter *gradient descent*."""

from ..data import check_pairs
from ..settings import generator, whole


def minibatches(x, y, *, batch_size, rng):
    """Deal the examples at random into batches: an iterator over (x, y) with `batch_size` rows, the last with the rest.

    Each example of x (N, ...), y (N, ...) is in exactly one batch. `rng` is asked for one permutation, at the call.
    Raises ValueError where the lengths differ, there is no example, or the batch size is below 1.

    >>> import numpy as np
    >>> x = y = np.arange(5)
    >>> [len(labels) for _, labels in minibatches(x, y, batch_size=2, rng=np.random.default_rng(0))]
    [2, 2, 1]
    """
    x, y = check_pairs(x, y)
    generator(rng)
    whole("batch_size", batch_size)
    order = rng.permutation(len(x))
    parts = (order[start:start + batch_size] for start in range(0, len(x), batch_size))
    return ((x[part], y[part]) for part in parts)
