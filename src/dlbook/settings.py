"""What settings must be: each function gives the value back, as plain Python, or says what it should have been.

A Python number among float32 arrays leaves them float32, where `np.float64(1e-5)` would turn them into float64.
"""

import math

import numpy as np


def whole(name, value, low=1):
    """`value` as an int of at least `low`.

    Raises
    ------
    ValueError
        If it is anything else.

    >>> whole("heads", np.int64(4))
    4
    """
    if not _is(value, int, np.integer) or value < low:
        raise ValueError(f"{name} must be a whole number from {low} up, and is {value!r:.60}")
    return int(value)


def pair(name, value, low=1):
    """`value` as two ints of at least `low`; one number stands for both.

    Raises
    ------
    ValueError
        If it is anything else.

    >>> pair("stride", 2), pair("stride", [1, 2])
    ((2, 2), (1, 2))
    """
    several = isinstance(value, (tuple, list)) or isinstance(value, np.ndarray) and value.ndim
    values = tuple(value) if several else (value, value)
    if len(values) != 2 or any(not _is(v, int, np.integer) or v < low for v in values):
        raise ValueError(f"{name} must be one or two whole numbers from {low} up, and is {value!r:.60}")
    return int(values[0]), int(values[1])


def number(name, value, low, high=math.inf):
    """`value` as a float from `low` to below `high`.

    Raises
    ------
    ValueError
        If it is anything else.

    >>> number("rate", np.float32(0.5), 0, 1)
    0.5
    """
    try:
        x = float(value) if _is(value, int, float, np.integer, np.floating) else math.nan
    except OverflowError:
        x = math.inf
    if not low <= x < high:
        upward = "up" if high == math.inf else f"to below {high}"
        raise ValueError(f"{name} must be a number from {low} {upward}, and is {value!r:.60}")
    return x


def flag(name, value):
    """`value` as a bool.

    Raises
    ------
    ValueError
        If it is anything else: most other things count as true, "no" among them.

    >>> flag("causal", True)
    True
    """
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, and is {value!r:.60}")
    return bool(value)


def generator(rng):
    """`rng`, which must be a NumPy generator.

    Raises
    ------
    TypeError
        If it is anything else.

    >>> generator(np.random.default_rng(0)).random() < 1
    True
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng is {rng!r:.60}; expected a NumPy generator, such as np.random.default_rng(0)")
    return rng


def _is(value, *kinds):
    return isinstance(value, kinds) and not isinstance(value, bool)


def fraction(name, value):
    """`value` as a float from 0 to 1, both allowed: a probability, a discount.

    Raises
    ------
    ValueError
        If it is anything else.

    >>> fraction("gamma", 1)
    1.0
    """
    x = number(name, value, 0)
    if x > 1:
        raise ValueError(f"{name} must be a number from 0 to 1, and is {value!r:.60}")
    return x
