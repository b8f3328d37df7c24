"""Small data sets made by a formula: points in the plane, and the truth tables of logic gates."""

from __future__ import annotations

import math

import numpy as np

from ..settings import generator, text
from .examples import check_count, check_range


def lang_witbrock_spirals() -> tuple[np.ndarray, np.ndarray]:
    """Return the two-spirals benchmark, x (194, 2) and y (194,) in {0, 1}: 97 points an arm, three turns, no noise.

    Point i of arm 1 has the angle πi/16 from the vertical axis and the radius 6.5 (104 - i)/104; arm 0 is its mirror
    image through the origin. Posed by Alexis Wieland (MITRE), whose program mkspiral.c the formula is; Lang and Witbrock,
    "Learning to tell two spirals apart", Proc. 1988 Connectionist Models Summer School, 52-59.
    Chapter: *project: a network in NumPy*.

    >>> x, y = lang_witbrock_spirals()
    >>> x[:2].tolist(), y[:2].tolist()
    ([[0.0, 6.5], [-0.0, -6.5]], [1, 0])
    """
    return _spirals(np.repeat(np.arange(97) / 96, 2), turns=3)


def two_spirals(n: int, *, turns: float = 3, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return `n` random points near two interlocked spirals, x (n, 2) and y (n,) in {0, 1}, classes alternating.

    The arms are those of `lang_witbrock_spirals`: they start at radius 0.5, grow outwards for `turns` turns, and
    neighbouring arms are 1 apart; so `noise`, the standard deviation added to each coordinate, is a fraction of that gap.
    Raises ValueError for a wrong setting. Chapter: *project: a network in NumPy*.

    >>> x, y = two_spirals(6, noise=0.1, rng=np.random.default_rng(0))
    >>> x.shape, y.tolist()
    ((6, 2), [1, 0, 1, 0, 1, 0])
    """
    generator(rng)
    _check_even(n)
    check_range("noise", noise, 0)
    check_range("turns", turns, 0)
    if not turns:
        raise ValueError("turns is 0; expected more than 0")
    x, y = _spirals(rng.random(n), turns)
    return x + rng.normal(0, noise, x.shape).astype(np.float32), y


def _spirals(t, turns):
    """Points at places t (n,), 0 the outer end and 1 the inner, alternately on arm 1 and arm 0."""
    radius, angle = 2 * turns * (1 - t) + 0.5, 2 * math.pi * turns * t
    x = radius[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    x[1::2] *= -1
    return x.astype(np.float32), np.arange(1, len(t) + 1, dtype=np.int64) % 2


def _check_even(n):
    if not isinstance(n, (int, np.integer)) or n < 2 or n % 2:
        raise ValueError(f"n is {n!r}; expected an even number of points, half of them on each arm")


def two_moons(n: int, *, noise: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return `n` random points near two half circles that hook into each other, x (n, 2) and y (n,) in {0, 1}.

    Both have the radius 1: moon 0 is the upper half of the circle round (0, 0), moon 1 the lower half of the one round
    (1, 0.5); classes alternate. `noise` is the standard deviation added to each coordinate. Raises ValueError for a
    wrong setting. Chapters: *flows*, *diffusion*.

    >>> x, y = two_moons(6, noise=0.1, rng=np.random.default_rng(0))
    >>> x.shape, y.tolist()
    ((6, 2), [0, 1, 0, 1, 0, 1])
    """
    generator(rng)
    _check_even(n)
    check_range("noise", noise, 0)
    angle, y = math.pi * rng.random(n), np.arange(n, dtype=np.int64) % 2
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x[y == 1] = [1, 0.5] - x[y == 1]
    return (x + rng.normal(0, noise, x.shape)).astype(np.float32), y


def ring_of_gaussians(n: int, *, modes: int = 8, radius: float = 2.0, std: float = 0.02,
                      rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return `n` points drawn from `modes` Gaussians spaced evenly on a circle: x (n, 2), and y (n,) tells which Gaussian.

    Mode k lies at the angle 2πk/`modes` from the first axis and has the standard deviation `std` in every direction.
    With eight modes it is the picture on which generators show whether they collapse: Metz, Poole, Pfau and
    Sohl-Dickstein, "Unrolled generative adversarial networks", 2017. Raises ValueError for a wrong setting.
    Chapter: *adversarial networks*.

    >>> x, y = ring_of_gaussians(5, rng=np.random.default_rng(0))
    >>> x.shape, y.tolist()
    ((5, 2), [6, 5, 4, 2, 2])
    """
    generator(rng)
    check_count("n", n)
    check_count("modes", modes)
    check_range("radius", radius, 0)
    check_range("std", std, 0)
    y = rng.integers(modes, size=n)
    angle = 2 * math.pi * y / modes
    x = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1) + rng.normal(0, std, (n, 2))
    return x.astype(np.float32), y


GATES = {"and": (0, 0, 0, 1), "or": (0, 1, 1, 1), "xor": (0, 1, 1, 0),
         "nand": (1, 1, 1, 0), "nor": (1, 0, 0, 0), "xnor": (1, 0, 0, 1)}


def logic_gate(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the truth table of a gate, x (4, 2) in the order 00, 01, 10, 11 and y (4,): the first data of *perceptron*.

    Raises ValueError for an unknown name. XOR is the one that no perceptron learns: Minsky and Papert, *Perceptrons*, 1969.

    >>> logic_gate("xor")[1].tolist()
    [0, 1, 1, 0]
    """
    if text("name", name) not in GATES:
        raise ValueError(f"no logic gate is called {name!r}; the names are {', '.join(GATES)}")
    return np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array(GATES[name], np.int64)
