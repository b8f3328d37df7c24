"""What the tables are made of: samples, the numbers that fill them, and entries."""

import math
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np


def apart(shape, position):
    """Numbers around 0, each at least 0.05 away from all others, also of other inputs, and from multiples of 1/4: no kink is near."""
    size = math.prod(shape)
    order = np.random.default_rng([position, *shape]).permutation(size).reshape(shape)
    return 0.25 * (order - size // 2) + 0.05 * (1 + position)


def normal(shape, position):
    """Standard normal numbers."""
    return np.random.default_rng([position, *shape]).normal(size=shape)


def positive(shape, position):
    """Numbers from 0.5 to 2."""
    return np.random.default_rng([position, *shape]).uniform(0.5, 2, size=shape)


@dataclass(frozen=True)
class Sample:
    """One call of an operation."""

    shapes: tuple
    settings: dict
    values: Callable

    def arrays(self, dtype=np.float64):
        """The inputs: new arrays at each call, always with the same numbers."""
        return [np.array(self.values(shape, position), dtype) for position, shape in enumerate(self.shapes)]

    def __str__(self):
        given = [*map(str, self.shapes), *(f"{name}={value!r}" for name, value in self.settings.items())]
        return "-".join("".join(text.split()) for text in given)


def sample(*shapes, values=apart, **settings):
    """A call with inputs of these shapes and these settings."""
    return Sample(shapes, settings, values)


@dataclass(frozen=True)
class Entry:
    """What an operation is held to."""

    samples: list
    formula: Callable
    twin: Any = None


def by_hand(samples, twin):
    """The entry of an operation whose twin, composed of operations that are proved already, is also its formula."""
    return Entry(samples, lambda *arrays, **settings: twin(*arrays, **settings).data, twin)


def unary(values=apart, **settings):
    """Samples of something that works on each element."""
    return [sample(shape, values=values, **settings) for shape in [(3, 4), (5,), (), (2, 1, 3), (1,), (0, 2)]]


def binary(values=apart):
    """Samples of something that works on pairs of elements, with every way to broadcast."""
    pairs = [((2, 3), (2, 3)), ((2, 3), (3,)), ((3, 1), (4,)), ((), (2, 3)), ((2, 1, 4), (3, 1)), ((), ()), ((1,), ()), ((0, 2), (2,))]
    return [sample(*shapes, values=values) for shapes in pairs]


def reductions():
    """Samples of something that reduces over axes."""
    return [
        sample((2, 3)), sample((2, 3), keepdims=True), sample((2, 3, 4), axis=1), sample((2, 3), axis=-1, keepdims=True),
        sample((2, 3, 4), axis=(0, -1)), sample((2, 3, 4), axis=(-1, 0), keepdims=True), sample((4,), axis=0), sample((2, 3), axis=()),
        sample((3, 1)), sample((1,), axis=0), sample(()), sample((), axis=()), sample((), axis=-1), sample((0, 3), axis=1),
    ]


def along_classes():
    """Samples of softmax and its logarithm."""
    return [
        sample((2, 3)), sample((2, 3, 4), axis=1), sample((2, 3), axis=0), sample((5,)), sample((2, 3), axis=(0, 1)), sample((0, 3)),
        sample(()),
    ]


def need(*conditions):
    if not all(conditions):
        raise ValueError


def whole(value, low=1):
    """`value`, which must be an int of at least `low`."""
    need(isinstance(value, (int, np.integer)), not isinstance(value, bool))
    need(value >= low)
    return int(value)


def two(value, low=1):
    """`value`, which must be one or two ints, as two."""
    first, second = value if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value) else (value, value)
    return whole(first, low), whole(second, low)


def number(value, low, high=math.inf):
    """`value`, which must be a number from `low` to below `high`."""
    need(isinstance(value, (int, float, np.integer, np.floating)), not isinstance(value, bool))
    need(low <= value < high)
    return float(value)


def plain(value):
    """`value`, which must be any number, as a float."""
    need(isinstance(value, (int, float, np.integer, np.floating)), not isinstance(value, bool))
    return float(value)


def yes(value):
    """`value`, which must be a bool."""
    need(isinstance(value, (bool, np.bool_)))
    return value


class Replayed(np.random.Generator):
    """A generator that starts anew at each call: an operation that draws from it becomes a function that can be differenced."""

    def __init__(self, seed):
        super().__init__(np.random.PCG64(seed))
        self.seed = seed

    def random(self, *arguments, **settings):
        return np.random.default_rng(self.seed).random(*arguments, **settings)
