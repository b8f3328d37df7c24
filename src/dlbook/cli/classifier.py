"""A classifier that knows how to rebuild itself: its file holds its architecture, its classes and its preprocessing.

All that is no array is one entry of JSON in the .npz file, called `card`; nothing in it can run. Chapter *deployment*.
"""

import json
import math

import numpy as np

from ..functional import softmax
from ..nn import MLP, AvgPool2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, Module, ResidualBlock, Sequential
from ..ops import relu
from ..train import read_npz, write_npz
from ..train.judging import outputs

FORMAT = "dlbook classifier 1"
CARD = {"model", "shape", "classes", "hidden", "dropout", "data", "low", "high"}


class Classifier(Module):
    """A network for examples of `card["shape"]`, which it standardises first: (N, ...) to logits (N, classes).

    `card` is a dictionary of what JSON can hold: `model` (linear, mlp, cnn or resnet), `shape`, `classes`, `hidden`, `dropout`,
    and of the examples in training the name of their `data` and the range of their numbers, from `low` to `high`.
    """

    def __init__(self, card, *, rng):
        self.card = card
        self.mean = self.std = np.ones(1, np.float32)
        self.network = ARCHITECTURES[card["model"]](card, rng)

    def standardise(self, x):
        """Learn from the training examples x what to subtract and to divide by: one number for images, else one a feature."""
        axes = None if len(self.card["shape"]) > 1 else 0
        std = np.atleast_1d(x.std(axis=axes, dtype=np.float64))
        self.mean = np.atleast_1d(x.mean(axis=axes, dtype=np.float64)).astype(np.float32)
        self.std = np.where(std > 0, std, 1).astype(np.float32)
        return self

    def forward(self, x):
        """Logits of the examples x."""
        x = np.asarray(x, np.float32).reshape(len(x), -1)
        return self.network(((x - self.mean) / self.std).reshape(len(x), *self.card["shape"]))

    def probabilities(self, x):
        """The probability of each class for each example of x, (N, classes)."""
        return softmax(outputs(self, x)).data


def linear(card, rng):
    """No hidden layer: softmax regression."""
    return Sequential(Flatten(), Linear(math.prod(card["shape"]), len(card["classes"]), rng=rng))


def mlp(card, rng):
    """Hidden layers of the given sizes."""
    sizes = [math.prod(card["shape"]), *card["hidden"]]
    layers = [layer for ends in zip(sizes, sizes[1:]) for layer in (Linear(*ends, rng=rng), relu, *_dropout(card, rng))]
    return Sequential(Flatten(), *layers, Linear(sizes[-1], len(card["classes"]), rng=rng))


def cnn(card, rng):
    """Two layers of 3 × 3 convolutions, each followed by pooling."""
    channels, height, width = card["shape"]
    return Sequential(
        Conv2d(channels, 16, 3, padding="same", rng=rng), relu, MaxPool2d(2),
        Conv2d(16, 32, 3, padding="same", rng=rng), relu, MaxPool2d(2), Flatten(), *_dropout(card, rng),
        Linear(32 * (height // 4) * (width // 4), len(card["classes"]), rng=rng))


def resnet(card, rng):
    """Three residual blocks, of 16, 32 and 64 channels."""
    channels, height, width = card["shape"]
    return Sequential(
        Conv2d(channels, 16, 3, padding="same", rng=rng), relu,
        ResidualBlock(16, 16, rng=rng), ResidualBlock(16, 32, stride=2, rng=rng), ResidualBlock(32, 64, stride=2, rng=rng),
        AvgPool2d((-(-height // 4), -(-width // 4))), Flatten(), *_dropout(card, rng), Linear(64, len(card["classes"]), rng=rng))


ARCHITECTURES = {build.__name__: build for build in (linear, mlp, cnn, resnet)}
FOR_IMAGES = ("cnn", "resnet")


def _dropout(card, rng):
    return [Dropout(card["dropout"], rng=rng)] if card["dropout"] else []


def save(classifier, path):
    """Write the classifier to `path`, whole or not at all; raises OSError, saying why, where that is not possible."""
    card = json.dumps({"format": FORMAT, **classifier.card}, ensure_ascii=False)
    try:
        write_npz(path, {"card": np.array(card), **classifier.state()})
    except OSError as error:
        raise type(error)(f"the model cannot be written to {path} ({error.strerror})") from None


def load(path):
    """The classifier that `save` wrote; raises OSError or ValueError, each saying what is wrong with the file."""
    try:
        arrays = read_npz(path)
    except OSError as error:
        raise type(error)(f"the model {path} cannot be read ({error.strerror}): train one with `dlbook train`") from None
    except ValueError:
        raise ValueError(f"{path} is damaged, or no model: train it again with `dlbook train`") from None
    try:
        card = json.loads(arrays.pop("card").item())
        if card.pop("format") != FORMAT or not CARD <= set(card):
            raise ValueError
        classifier = Classifier(card, rng=np.random.default_rng(0))
        classifier.mean, classifier.std = np.array(arrays["mean"]), np.array(arrays["std"])  # their shapes are the data's
        classifier.load_state(arrays)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ValueError(f"{path} is not a model that this version of `dlbook train` wrote, so how to rebuild it is not known") from None
    return classifier
