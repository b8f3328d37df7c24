"""What the tests of training share: a small network, clouds of points, and ways to compare."""

import numpy as np

from dlbook import nn, optim, train
from dlbook.functional import cross_entropy


def rng(seed=0):
    return np.random.default_rng(seed)


def mlp(seed=0, sizes=(2, 5, 3), **settings):
    return nn.MLP(list(sizes), rng=rng(seed), **settings)


def blobs(n=37, seed=3):
    """Three clouds of points, easy to tell apart."""
    y = rng(seed).integers(0, 3, n)
    x = np.array([[0, 3], [3, -2], [-3, -2]], np.float32)[y] + rng(seed).normal(0, 0.5, (n, 2)).astype(np.float32)
    return x, y


def run(model, x, y, *, seed=7, lr=0.01, **settings):
    """Fit with the settings that a test does not care about."""
    settings = {"loss": cross_entropy, "epochs": 3, "batch_size": 8, **settings}
    return train.fit(model, x, y, optimiser=optim.Adam(model.parameters(), lr=lr), rng=rng(seed), **settings)


def same(a, b):
    """Whether two states have the same names and the same bits."""
    return list(a) == list(b) and all(a[k].dtype == b[k].dtype and a[k].tobytes() == b[k].tobytes() for k in a)
