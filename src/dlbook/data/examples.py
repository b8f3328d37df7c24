"""Examples: inputs with their answers, dealt into those to learn from and those to be judged by."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..settings import generator, number, plain


class Dataset(NamedTuple):
    """Examples to learn from and examples to be judged by: x (N, ...), y (N,); unpacks into four arrays.

    >>> Dataset(np.ones((3, 2)), np.ones(3), np.ones((1, 2)), np.ones(1))
    Dataset(x_train (3, 2) float64, y_train (3,) float64, x_test (1, 2) float64, y_test (1,) float64)
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def __repr__(self):
        return f"Dataset({', '.join(f'{name} {a.shape} {a.dtype}' for name, a in self._asdict().items())})"


def split(x: np.ndarray, y: np.ndarray, *, test_fraction: float, rng: np.random.Generator) -> Dataset:
    """Deal the examples x (N, ...), y (N,) at random into training and test sets, each example into exactly one.

    Raises ValueError where the lengths differ or one of the two sets would be empty. Chapter: *project: a network in NumPy*.

    >>> x, y = np.ones((194, 2)), np.ones(194)
    >>> split(x, y, test_fraction=0.5, rng=np.random.default_rng(0)).x_test.shape
    (97, 2)
    """
    x, y = check_pairs(x, y)
    generator(rng)
    try:
        tested = round(len(x) * number("test_fraction", test_fraction, 0, 1))
    except ValueError:
        tested = 0
    if not 0 < tested < len(x):
        raise ValueError(f"a test_fraction of {test_fraction!r:.60} divides {len(x)} examples so that one set is empty; "
                         "expected a fraction between 0 and 1 that leaves an example for each")
    order = rng.permutation(len(x))
    test, train = order[:tested], order[tested:]
    return Dataset(x[train], y[train], x[test], y[test])


def check_pairs(x, y):
    """Return x and y as arrays; raise ValueError unless they hold the same number of examples, at least one."""
    try:
        x, y = np.asarray(x), np.asarray(y)
    except ValueError as error:
        raise ValueError(f"x and y must be arrays of examples, and one is {type(x).__name__}, the other {type(y).__name__}: {error}") from None
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) == 0:
        raise ValueError(f"x has shape {x.shape} and y has shape {y.shape}; "
                         "expected the same number of rows in both, at least one")
    return x, y


def check_count(name, value, least=1):
    """Raise ValueError unless value is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} is {value!r}; expected a whole number of at least {least}")


def check_range(name, value, least, most=float("inf")):
    """Raise ValueError unless value is a number from `least` to `most`, and finite."""
    try:
        good = least <= plain(name, value) <= most and abs(value) < float("inf")
    except TypeError:
        good = False
    if not good:
        where = f"from {least} to {most}" if most < float("inf") else f"of at least {least}"
        raise ValueError(f"{name} is {value!r}; expected a number {where}")
