"""Sequences made by a formula: digits drawn along a line, numbers to add across a gap, dates to translate."""

from __future__ import annotations

import datetime
import math

import numpy as np

from ..settings import generator
from .examples import Dataset, check_count, split

# ---- MNIST-1D -------------------------------------------------------------------------------------------------------

TEMPLATES = np.array([  # the height of each digit's pen at twelve points, from Greydanus's paper
    [5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5],
    [5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5],
    [5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5],
    [5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5],
    [5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5],
    [5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5],
    [5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5],
    [5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5],
    [5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5],
    [5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5],
])
LINE, SAMPLES = 72, 40  # points of the line a digit is drawn on, and of the line we see


def mnist1d(n: int = 5000, *, test_fraction: float = 0.2, rng: np.random.Generator) -> Dataset:
    """Return `n` digits drawn along a line of 40 points, x (N, 40) and y (N,) in 0..9: what a convolution is good at, small.

    A digit's twelve-point template is stretched, scaled, moved and sheared at random, smooth noise fills the rest of the line,
    and a little noise lies on all. Every digit occurs equally often, give or take one. Inputs are standardised by the mean
    and the standard deviation of the training set. Raises ValueError for a wrong setting. Written anew after Greydanus and
    Kobak, "Scaling down deep learning with MNIST-1D", 2024. Chapter: *convolutional networks*.

    >>> mnist1d(rng=np.random.default_rng(0))
    Dataset(x_train (4000, 40) float32, y_train (4000,) int64, x_test (1000, 40) float32, y_test (1000,) int64)
    """
    generator(rng)
    check_count("n", n, least=2)
    y = np.arange(n, dtype=np.int64) % 10
    drawing, drawn = _dilate(y, padding=rng.integers(36, 61, size=n))
    drawing *= 1 + 0.4 * (rng.random((n, 1)) - 0.5)
    places = (np.arange(LINE) - rng.integers(48, size=(n, 1))) % LINE  # a move round the circle
    drawing, drawn = np.take_along_axis(drawing, places, 1), np.take_along_axis(drawn, places, 1)
    line = np.where(drawn, drawing, _smooth(0.25 * rng.normal(size=(n, LINE)))) + 0.02 * rng.normal(size=(n, LINE))
    line -= 0.75 * (rng.random((n, 1)) - 0.5) * np.linspace(-0.5, 0.5, LINE)
    dealt = split(_read_off(line, np.linspace(0, LINE - 1, SAMPLES)), y, test_fraction=test_fraction, rng=rng)
    mean, std = dealt.x_train.mean(), dealt.x_train.std()
    return dealt._replace(x_train=((dealt.x_train - mean) / std).astype(np.float32),
                          x_test=((dealt.x_test - mean) / std).astype(np.float32))


def _dilate(y, padding):
    """The template of each digit in y (N,), followed by its padding, stretched to LINE points; and where the digit is drawn."""
    heights = TEMPLATES - TEMPLATES.mean(axis=1, keepdims=True)
    heights /= 6 * heights.std(axis=1, keepdims=True)
    heights -= heights[:, :1]  # a digit begins and ends at the height of the empty line
    points = TEMPLATES.shape[1]
    places = np.linspace(0, points - 1 + padding, LINE, axis=1)  # (N, LINE), in units of template points
    signal = np.zeros((len(y), points + 2))
    signal[:, :points] = heights[y]
    return _read_off(signal, np.minimum(places, points)), places < points


def _read_off(signal, places):
    """The values of each row of signal (N, T) at fractional places, linearly between its points."""
    places = np.broadcast_to(places, (len(signal), np.shape(places)[-1]))
    left = np.minimum(places.astype(np.int64), signal.shape[1] - 2)
    part = places - left
    return (1 - part) * np.take_along_axis(signal, left, 1) + part * np.take_along_axis(signal, left + 1, 1)


def _smooth(noise, sigma=2, reach=8):
    """Rows of noise (N, T) under a Gaussian window; beyond its ends a row goes on as its mirror image."""
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    window /= window.sum()
    wide = np.pad(noise, ((0, 0), (reach, reach)), mode="symmetric")
    return sum(weight * wide[:, k:k + noise.shape[1]] for k, weight in enumerate(window))


# ---- adding ---------------------------------------------------------------------------------------------------------

def adding_problem(n: int, *, length: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return `n` sequences of numbers, two of them marked, and the sum of those two: x (n, length, 2) and y (n,), float32.

    Feature 0 is uniform in [0, 1); feature 1 marks with 1 one place in the first half and one in the second, and is 0
    elsewhere. Who ignores the sequence and always answers 1 has a mean squared error of 1/6. Raises ValueError for a wrong
    setting. Hochreiter and Schmidhuber, "Long short-term memory", 1997, in the simpler form of Arjovsky, Shah and Bengio,
    "Unitary evolution recurrent neural networks", 2016. Chapter: *LSTM and GRU*.

    >>> x, y = adding_problem(1000, length=50, rng=np.random.default_rng(0))
    >>> x.shape, bool(np.allclose((x[..., 0] * x[..., 1]).sum(axis=1), y))
    ((1000, 50, 2), True)
    """
    generator(rng)
    check_count("n", n)
    check_count("length", length, least=2)
    x = np.zeros((n, length, 2), np.float32)
    x[..., 0] = rng.random((n, length), np.float32)
    rows, half = np.arange(n), length // 2
    first, second = rng.integers(half, size=n), rng.integers(half, length, size=n)
    x[rows, first, 1] = x[rows, second, 1] = 1
    return x, x[rows, first, 0] + x[rows, second, 0]


# ---- dates ----------------------------------------------------------------------------------------------------------

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# d the day, o the day as an ordinal, m the month in digits, month and weekday in letters, y the year; .3 keeps three letters.
DATE_FORMS = ("{d} {month} {y}", "{d} {month:.3} {y}", "{month} {d}, {y}", "{month:.3} {d}, {y}", "{o} of {month} {y}",
              "{weekday}, {d} {month} {y}", "{weekday:.3} {d} {month:.3} {y}", "{d}/{m}/{y}", "{d:02}.{m:02}.{y}",
              "{y} {month} {d}")


def date_translation(n: int, *, first_year: int = 1900, last_year: int = 2099,
                     rng: np.random.Generator) -> list[tuple[str, str]]:
    """Return `n` random dates as (what someone wrote, ISO 8601): two alphabets, reordering, and nothing to look up.

    A date is uniform between the first and the last day of the years given, its form is any of `DATE_FORMS`; in digits
    the day comes before the month. Raises ValueError for a wrong setting. Chapters: *sequence to sequence*, *attention*.

    >>> date_translation(2, rng=np.random.default_rng(0))
    [('Saturday, 15 February 2070', '2070-02-15'), ('May 24, 2027', '2027-05-24')]
    """
    generator(rng)
    check_count("n", n)
    check_count("first_year", first_year)
    check_count("last_year", last_year, least=first_year)
    if last_year > datetime.MAXYEAR:
        raise ValueError(f"last_year is {last_year}; expected at most {datetime.MAXYEAR}")
    begin, end = datetime.date(first_year, 1, 1).toordinal(), datetime.date(last_year, 12, 31).toordinal()
    days, forms = rng.integers(begin, end + 1, size=n), rng.integers(len(DATE_FORMS), size=n)
    return [(_write_date(date, DATE_FORMS[form]), date.isoformat())
            for date, form in zip(map(datetime.date.fromordinal, days.tolist()), forms.tolist())]


def _write_date(date, form):
    return form.format(d=date.day, o=_ordinal(date.day), m=date.month, month=MONTHS[date.month - 1],
                       weekday=WEEKDAYS[date.weekday()], y=date.year)


def _ordinal(day):
    """1st, 2nd, 3rd, 4th ... 11th, 12th, 13th ... 21st."""
    ending = "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{ending}"
