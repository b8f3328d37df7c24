"""The data sets of the book that are classification problems: examples, their shape, and the names of their classes."""

from typing import NamedTuple

import numpy as np

from .. import data
from . import WrongCall

# Shape of one example, epochs that suffice to see it learnt, and names where `data.CLASSES` has none.
SHAPES = {
    "mnist": ((1, 28, 28), 5), "mnist_small": ((1, 28, 28), 10), "fashion_mnist_small": ((1, 28, 28), 10),
    "fashion_mnist": ((1, 28, 28), 5), "kmnist": ((1, 28, 28), 5), "cifar10": ((3, 32, 32), 5),
    "quick_draw": ((1, 28, 28), 20), "emoji": ((3, 16, 16), 20), "digits": ((1, 8, 8), 20), "mnist1d": ((40,), 30),
    "iris": ((4,), 50), "wine": ((13,), 50), "breast_cancer": ((30,), 30),
    "two_spirals": ((2,), 200), "lang_witbrock_spirals": ((2,), 1000), "two_moons": ((2,), 50), "ring_of_gaussians": ((2,), 50),
    **{gate: ((2,), 300) for gate in data.GATES},
}
NAMES = {"iris": ("setosa", "versicolor", "virginica"), "breast_cancer": ("malignant", "benign"), "digits": tuple("0123456789"),
         "mnist1d": tuple("0123456789")}
MADE = {  # sets that a formula makes, as the command makes them
    "two_spirals": {"n": 2000, "noise": 0.1}, "two_moons": {"n": 1000, "noise": 0.15}, "ring_of_gaussians": {"n": 1000},
    "mnist1d": {},
}


class Problem(NamedTuple):
    """A classification problem: examples as rows, the shape of one, the names of the classes, and epochs that suffice."""

    name: str
    examples: data.Dataset
    shape: tuple
    classes: tuple
    epochs: int


def load(name):
    """The problem called `name`; always dealt into training and test examples in the same way, whatever is done with it."""
    if name not in SHAPES:
        other = f"; {name} is a data set, but not one of examples and classes" if name in data.SETS else ""
        raise WrongCall(f"there is no classification problem called {name!r}{other}; there are {', '.join(SHAPES)}")
    shape, epochs = SHAPES[name]
    rng = np.random.default_rng(0)
    if name in data.GATES or name == "lang_witbrock_spirals":  # a few examples, each of which counts, and no others
        x, y = data.logic_gate(name) if name in data.GATES else data.load(name)
        examples = data.Dataset(x, y, x, y)
    else:
        examples = data.load(name, **MADE[name], rng=rng) if name in MADE else data.load(name)
        if not isinstance(examples, data.Dataset):
            examples = data.split(*examples[:2], test_fraction=0.2, rng=rng)
    classes = data.CLASSES.get(name) or NAMES.get(name) or tuple(str(k) for k in range(int(examples.y_train.max()) + 1))
    return Problem(name, examples, shape, classes, epochs)


def is_all_there_is(examples):
    """Whether those to learn from are also those to be judged by."""
    return examples.x_test is examples.x_train


def held_out(examples, fraction):
    """(x, y) to learn from and (x, y) to watch, a `fraction` of the training examples: the same ones each time."""
    dealt = data.split(examples.x_train, examples.y_train, test_fraction=fraction, rng=np.random.default_rng(1))
    return dealt[:2], dealt[2:]
