"""Learning-rate schedules. Chapter *schedules*.

A schedule is a function of the step, counted from 0, that gives the learning rate. Each function here makes one:

>>> rate = cosine(0.1, steps=100)
>>> rate(0), round(rate(50), 4), rate(100)
(0.1, 0.05, 0.0)

Use it as `optimiser.lr = rate(step)` before each step; `train.fit` does so when it is given a schedule. All of them raise
ValueError where a rate is negative or a number of steps not whole and positive.
"""

import math

from .settings import number, whole


def constant(lr):
    """The same rate for ever.

    >>> constant(0.1)(1000)
    0.1
    """
    number("lr", lr, 0)
    return lambda step: lr


def step_decay(lr, *, every, factor=0.1):
    """`lr`, multiplied by `factor` after each `every` steps.

    >>> rate = step_decay(1.0, every=10, factor=0.5)
    >>> rate(9), rate(10), rate(25)
    (1.0, 0.5, 0.25)
    """
    number("lr", lr, 0)
    number("factor", factor, 0)
    whole("every", every)
    return lambda step: lr * factor ** (step // every)


def exponential(lr, *, factor):
    """`lr`, multiplied by `factor` at each step.

    >>> exponential(1.0, factor=0.5)(3)
    0.125
    """
    number("lr", lr, 0)
    number("factor", factor, 0)
    return lambda step: lr * factor**step


def linear(lr, *, steps, final=0.0):
    """A straight line from `lr` to `final` in `steps` steps, then `final`.

    >>> rate = linear(1.0, steps=10)
    >>> rate(0), rate(5), rate(20)
    (1.0, 0.5, 0.0)
    """
    _between(lr, steps, final)
    return lambda step: lr + (final - lr) * min(step / steps, 1.0)


def cosine(lr, *, steps, final=0.0):
    """Half a wave from `lr` to `final` in `steps` steps, then `final` (Loshchilov & Hutter 2017, without restarts).

    >>> round(cosine(1.0, steps=10)(5), 3)
    0.5
    """
    _between(lr, steps, final)
    return lambda step: final + 0.5 * (lr - final) * (1 + math.cos(math.pi * min(step / steps, 1.0)))


def cosine_restarts(lr, *, period, growth=1, final=0.0):
    """`cosine`, over and over, each period `growth` times as long as the one before (Loshchilov & Hutter 2017).

    >>> rate = cosine_restarts(1.0, period=10, growth=2)
    >>> rate(0), rate(10), round(rate(20), 3), rate(30)
    (1.0, 1.0, 0.5, 1.0)
    """
    _between(lr, period, final, "period")
    whole("growth", growth)

    def rate(step):
        length = period
        if growth == 1:
            step %= period
        while step >= length:
            step, length = step - length, length * growth
        return final + 0.5 * (lr - final) * (1 + math.cos(math.pi * step / length))

    return rate


def polynomial(lr, *, steps, power=2.0, final=0.0):
    """(1 - step / steps) to the given power, scaled to run from `lr` to `final`, then `final`.

    >>> polynomial(1.0, steps=10, power=2)(5)
    0.25
    """
    _between(lr, steps, final)
    number("power", power, 0)
    return lambda step: final + (lr - final) * (1 - min(step / steps, 1.0)) ** power


def inverse_sqrt(lr, *, warmup):
    """A line up to `lr` in `warmup` steps, then down with one over the square root of the step (Vaswani et al. 2017).

    >>> rate = inverse_sqrt(1.0, warmup=100)
    >>> rate(49), rate(99), rate(399)
    (0.5, 1.0, 0.5)
    """
    number("lr", lr, 0)
    whole("warmup", warmup)
    return lambda step: lr * min((step + 1) / warmup, math.sqrt(warmup / (step + 1)))


def warmup(schedule, *, steps, start=0.0):
    """A line from `start` up to where `schedule` begins, in `steps` steps; then `schedule`, from its own step 0.

    The linear scaling rule for large batches needs it (Goyal et al. 2017).

    >>> rate = warmup(constant(1.0), steps=4)
    >>> [rate(step) for step in range(6)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """
    whole("steps", steps)
    number("start", start, 0)
    if not callable(schedule):
        raise TypeError(f"warmup leads to a schedule, such as constant(0.1), and was given {schedule!r:.60}")
    top = schedule(0)
    return lambda step: start + (top - start) * step / steps if step < steps else schedule(step - steps)


def one_cycle(lr, *, steps, start=0.04, final=4e-6, rise=0.3):
    """Half a wave up from `start` · lr to `lr` in the first `rise` of the steps, then down to `final` · lr (Smith & Topin 2019).

    >>> rate = one_cycle(1.0, steps=100)
    >>> round(rate(0), 3), round(rate(30), 3), round(rate(100), 6)
    (0.04, 1.0, 4e-06)
    """
    _between(lr, steps, final)
    number("start", start, 0)
    if not number("rise", rise, 0, 1):
        raise ValueError("rise must be above 0: without a rise, use cosine")
    top = rise * steps
    up = cosine(start * lr, steps=1, final=lr)
    down = cosine(lr, steps=1, final=final * lr)
    return lambda step: up(step / top) if step < top else down((step - top) / (steps - top))


def range_test(low, high, *, steps):
    """From `low` to `high` by a constant factor: train with it once, and read off where the loss falls fastest (Smith 2017).

    >>> [round(range_test(0.01, 1.0, steps=2)(step), 3) for step in range(3)]
    [0.01, 0.1, 1.0]
    """
    whole("steps", steps)
    if not 0 < number("low", low, 0) < number("high", high, 0):
        raise ValueError(f"a range test runs from a small to a large rate, both positive, and low to high is {low} to {high}")
    return lambda step: low * (high / low) ** (step / steps)


def _between(lr, steps, final, name="steps"):
    """Check a schedule that runs from `lr` to `final` in some number of steps."""
    number("lr", lr, 0)
    whole(name, steps)
    number("final", final, 0)
