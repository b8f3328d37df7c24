"""One check that all of `dlbook.rl` uses: numbers between 0 and 1."""

from ..settings import number


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
