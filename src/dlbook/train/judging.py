"""Models asked for answers: in evaluation mode, without a tape, some rows at a time."""

import contextlib

import numpy as np

from ..autograd import Tensor, no_grad
from ..data import check_pairs
from ..settings import function, real, whole


def predict(model, x, *, batch_size=1000):
    """Return the class that `model` finds most likely for each row of x, int64 (N,).

    That is the largest of K logits; where there is one logit an example, class 1 if it is positive and 0 if not.
    The model works in evaluation mode and without a tape, `batch_size` rows at a time; each of its modules is then back in
    the mode that it was in.

    >>> predict(lambda x: x, [[0.1, 0.9], [2.0, 1.0]]).tolist()
    [1, 0]
    """
    return classes(outputs(model, x, batch_size))


def accuracy(model, x, y, *, batch_size=1000):
    """Return the share of the rows of x, from 0 to 1, whose label in y `predict` finds; raises ValueError if shapes differ.

    >>> accuracy(lambda x: x, [[0.1, 0.9], [2.0, 1.0]], [1, 1])
    0.5
    """
    x, y = check_pairs(x, y)
    real("y", y)
    return share_right(outputs(model, x, batch_size), y)


def outputs(model, x, batch_size=1000):
    """The model's outputs for all rows of x, as one array."""
    whole("batch_size", batch_size), function("model", model)
    x = np.atleast_1d(real("x", x))
    with evaluating(model), no_grad():
        parts = [model(x[start:start + batch_size]) for start in range(0, max(len(x), 1), batch_size)]
    return np.concatenate([out.data if isinstance(out, Tensor) else np.asarray(out) for out in parts])


@contextlib.contextmanager
def evaluating(model):
    """Evaluation mode while it lasts; then each module has its own mode back, so that frozen parts stay frozen."""
    modes = [(module, module.training) for module in model.modules()] if hasattr(model, "modules") else []
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, training in modes:
            module.training = training


def classes(logits):
    """The classes that logits stand for."""
    if logits.ndim > 1 and logits.shape[-1] > 1:
        return logits.argmax(axis=-1).astype(np.int64)
    return ((logits if logits.ndim == 1 else logits[..., 0]) > 0).astype(np.int64)


def share_right(logits, y):
    """The share of the labels y that the logits get right."""
    found = classes(logits)
    if y.shape == (*found.shape, 1):  # a column of answers, as a single logit asks for
        y = y[..., 0]
    if y.shape != found.shape:
        raise ValueError(f"y has shape {y.shape}; expected one label for each prediction: {found.shape}")
    return float((found == y).mean())
