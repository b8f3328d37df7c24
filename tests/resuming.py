"""Runs that are broken off and resumed: what each trains, and a program that goes as far as it is let.

`python resuming.py NAME CHECKPOINT RESULT` trains, from the checkpoint if there is one, and writes what came out.
"""

import json
import sys

import numpy as np

from dlbook import nn, optim, ops, schedules, train
from dlbook.functional import cross_entropy
from dlbook.nn import Module


class Reader(Module):
    """An LSTM whose last hidden state tells the class."""

    def __init__(self, rng):
        self.lstm, self.drop, self.out = nn.LSTM(3, 12, rng=rng), nn.Dropout(0.2, rng=rng), nn.Linear(12, 3, rng=rng)

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.out(self.drop(h))


def points(n, seed):
    """Points whose classes overlap, so that early stopping has something to do."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    return (rng.normal(size=(n, 6)) + np.eye(3, 6)[y]).astype(np.float32), y


def sequences(n, seed):
    x, y = points(4 * n, seed)
    return x.reshape(n, 8, 3), y[::4]


def mlp_momentum(rng):
    model = nn.MLP([6, 20, 3], rng=rng)
    return model, optim.SGD(model.parameters(), 0.05, momentum=0.9), points, {"clip_norm": 1.0}


def mlp_adam(rng):
    model = nn.MLP([6, 20, 3], rng=rng)
    return model, optim.Adam(model.parameters(), 0.01), points, {"schedule": schedules.cosine(0.01, steps=1000)}


def norm_and_dropout(rng):
    """Dropout draws from the generator that shuffles; early stopping ends the run."""
    model = nn.Sequential(
        nn.Linear(6, 24, rng=rng), nn.BatchNorm(24), ops.relu, nn.Dropout(0.3, rng=rng),
        nn.Linear(24, 24, rng=rng), nn.BatchNorm(24), ops.relu, nn.Dropout(0.3, rng=np.random.default_rng(5)), nn.Linear(24, 3, rng=rng))
    return model, optim.AdamW(model.parameters(), 0.003), points, {"patience": 25, "schedule": schedules.one_cycle(0.01, steps=1500)}


def lstm(rng):
    model = Reader(rng)
    return model, optim.RMSProp(model.parameters(), 0.003), sequences, {
        "schedule": schedules.warmup(schedules.cosine(0.01, steps=900), steps=40), "clip_value": 0.1, "patience": 40}


CASES = {case.__name__: case for case in (mlp_momentum, mlp_adam, norm_and_dropout, lstm)}


def run(name, *, epochs=120, **settings):
    """Train the case called `name`: its model and History."""
    rng = np.random.default_rng(1)
    model, optimiser, examples, own = CASES[name](rng)
    settings = {"validation": examples(64, 3), **own, **settings}
    history = train.fit(model, *examples(200, 2), loss=cross_entropy, optimiser=optimiser, epochs=epochs, batch_size=16, rng=rng, **settings)
    return model, history


def result(name, **settings):
    """All that must be the same in the end, as text: every bit of the state, and the history without the seconds."""
    model, history = run(name, **settings)
    bits = {key: [str(array.dtype), list(array.shape), array.tobytes().hex()] for key, array in model.state().items()}
    return json.dumps([bits, history.loss, history.validation_loss, history.accuracy])


if __name__ == "__main__":
    name, checkpoint, path = sys.argv[1:]
    text = result(name, checkpoint=checkpoint, resume=True, progress=False)
    with train.replacing(path) as file:
        file.write(text.encode())
