"""What arguments must be: each function gives the value back, plain, or says what was given and what it should have been.

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


def plain(name, value):
    """`value` as a float: any single real number, infinite ones among them.

    Raises
    ------
    TypeError
        If it is anything else.

    >>> plain("slope", np.float32(0.5))
    0.5
    """
    try:
        if _is(value, int, float, np.integer, np.floating):
            return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        pass
    raise TypeError(f"{name} must be a plain number, and is {value!r:.60}")


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


def function(name, value):
    """`value`, which must be something that can be called.

    Raises
    ------
    TypeError
        If it cannot.

    >>> function("activation", np.tanh) is np.tanh
    True
    """
    if not callable(value):
        raise TypeError(f"{name} must be a function, and is {value!r:.60}")
    return value


def text(name, value):
    """`value`, which must be a string.

    Raises
    ------
    TypeError
        If it is anything else.

    >>> text("name", "xor")
    'xor'
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, and is {value!r:.60}")
    return value


def lengths(name, value, low=1):
    """`value`, such as a shape, as a tuple of ints of at least `low`.

    Raises
    ------
    ValueError
        If it is anything else.

    >>> lengths("shape", [np.int64(3), 2])
    (3, 2)
    """
    several = isinstance(value, (tuple, list)) or isinstance(value, np.ndarray) and value.ndim == 1
    if not several or any(not _is(n, int, np.integer) or n < low for n in value):
        raise ValueError(f"{name} must be whole numbers from {low} up, such as (3, 2), and is {value!r:.60}")
    return tuple(map(int, value))


def floats(name, value):
    """`value` as a NumPy dtype, which must be one of floating-point numbers: integers would cut weights down to 0.

    Raises
    ------
    TypeError
        If it is another, or none.

    >>> floats("dtype", "float32")
    dtype('float32')
    """
    try:
        dtype = None if value is None else np.dtype(value)  # NumPy takes None for float64
    except (TypeError, ValueError, SyntaxError):
        dtype = None
    if dtype is None or dtype.kind != "f":
        raise TypeError(f"{name} must be one of floating-point numbers, and the dtype given is {value!r:.60}: np.float32 is usual")
    return dtype


def real(name, value):
    """`value` as an array of real numbers; `name` says for what.

    Raises
    ------
    TypeError
        If it holds anything else, or elements that are masked, of which a plain array would show what lies beneath.
    ValueError
        If it is no array, as rows of different lengths.

    >>> real("exp", [1, 2])
    array([1, 2])
    """
    try:
        array = np.asarray(value)  # and no np.matrix, whose * is another
    except ValueError as error:
        raise ValueError(f"{name} was given a {type(value).__name__} that is no array: {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} works on real numbers, and was given {type(value).__name__} with dtype {array.dtype}: {value!r:.60}")
    if array is not value and isinstance(value, np.ndarray) and np.ma.is_masked(value):
        raise TypeError(f"{name} was given an array with masked elements {array.shape}: say what they shall be with .filled(…)")
    return array


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
