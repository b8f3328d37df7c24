"""What a network is told beside x_t: the step, and the class. Legend: that of the package."""

import math

import numpy as np

from ..attention import sinusoids
from ..functional import silu
from ..nn import MLP, Embedding, Module
from ..settings import floats, function, generator, number, real, whole

UNKNOWN = -1  # the label of an example whose class is not told


class StepEmbedding(Module):
    """What a network should know beside x_t: the step, as waves and two linear layers, and the class if there are any.

    Parameters
    ----------
    steps : int
        T.
    features : int
        E, even: length of the vector.
    classes : int
        0 if there are none. One more vector is learned for `UNKNOWN`.

    >>> embed = StepEmbedding(100, 8, classes=10, rng=np.random.default_rng(0))
    >>> embed([1, 100], labels=[3, UNKNOWN]).shape
    (2, 8)
    """

    def __init__(self, steps, features, *, rng, classes=0, dtype=np.float32):
        self.waves = sinusoids(whole("steps", steps) + 1, whole("features", features), dtype=floats("dtype", dtype))
        self.lift = MLP([features, features, features], activation=silu, rng=rng, dtype=dtype)
        self.classes = whole("classes", classes, 0)
        self.words = Embedding(self.classes + 1, features, std=1.0, rng=rng, dtype=dtype) if self.classes else None

    def forward(self, t, labels=None):
        """(N, E) for steps t (N,) and labels (N,), integers from 0 or `UNKNOWN`; without labels all are unknown.

        Raises
        ------
        ValueError
            If steps or labels are out of range, their shapes differ, or there are labels but no classes.
        """
        t = real("t", t)
        if t.ndim != 1 or t.dtype.kind not in "iu" or t.size and not 0 <= t.min() <= t.max() < len(self.waves):
            raise ValueError(f"t must be a vector of whole numbers from 0 to {len(self.waves) - 1}, and is {t!r:.80}")
        y = self.lift(self.waves[t])
        if self.words is None:
            if labels is not None:
                raise ValueError("this embedding has no classes, and was given labels: make it with classes=K")
            return y
        labels = np.full(t.shape, UNKNOWN) if labels is None else _labels(labels, self.classes)
        if labels.shape != t.shape:
            raise ValueError(f"there must be one label for each step, and labels are {labels.shape}, t {t.shape}")
        return y + self.words(np.where(labels == UNKNOWN, self.classes, labels))


def drop_labels(labels, *, rate, rng):
    """`labels`, each made `UNKNOWN` with probability `rate`: so one network learns both of the noises that `guided` mixes.

    >>> drop_labels([3, 4, 5, 6], rate=0.5, rng=np.random.default_rng(0)).tolist()
    [3, -1, -1, -1]
    """
    labels = _labels(labels, math.inf)
    return np.where(generator(rng).random(labels.shape) < number("rate", rate, 0, 1), UNKNOWN, labels)


def guided(model, labels, *, weight):
    """A model that overstates what the labels change: ε = ε(x, unknown) + w (ε(x, label) - ε(x, unknown)).

    It is made from one that takes x, t and labels (N,). Weight 0 ignores the labels, 1 is the model itself, more asks for
    samples that are typical of their class (classifier-free guidance, Ho & Salimans 2022, who call our w 1 + w).

    >>> model = lambda x, t, labels: x * (labels != UNKNOWN)[:, None]
    >>> guided(model, [3], weight=2.0)(np.array([[1.0]], np.float32), np.array([1])).tolist()
    [[2.0]]
    """
    function("model", model)
    labels, weight = _labels(labels, math.inf), number("weight", weight, 0)

    def mixed(x, t):
        if len(labels) != len(x):
            raise ValueError(f"there must be one label for each example, and there are {len(labels)} labels for {len(x)}")
        plain, asked = model(x, t, np.full_like(labels, UNKNOWN)), model(x, t, labels)
        return plain + weight * (asked - plain)

    return mixed


def _labels(labels, classes):
    labels = real("labels", labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or labels.size and not UNKNOWN <= labels.min() <= labels.max() < classes:
        below = f" below {classes}" if classes < math.inf else ""
        raise ValueError(f"labels must be a vector of whole numbers from 0{below}, {UNKNOWN} where unknown, not {labels!r:.80}")
    return labels.astype(np.int64)
