"""Softmax and the losses, each derived from maximum likelihood in the chapter *loss functions*.

All losses are means over the batch, take raw scores (*logits*) where probabilities are meant, and cannot overflow.
`B` is the batch, `K` the number of classes.
"""

import numpy as np

from ..autograd import op


@op
def softmax(z, *, axis=-1):
    """Probabilities exp(z) / Σ exp(z) along `axis`.

    >>> softmax([[0.0, 0.0], [1000.0, 0.0]])
    Tensor([[0.5, 0.5],
            [1. , 0. ]])
    """
    p = _softmax(z, axis)
    return p, lambda g: p * (g - (g * p).sum(axis=axis, keepdims=True))


@op
def log_softmax(z, *, axis=-1):
    """Logarithm of `softmax`, exact where the probability itself would round to 0.

    >>> log_softmax([0.0, 1000.0])
    Tensor([-1000.,     0.])
    """
    shifted = z - z.max(axis=axis, keepdims=True)
    y = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    return y, lambda g: g - np.exp(y) * g.sum(axis=axis, keepdims=True)


def _softmax(z, axis):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


@op
def cross_entropy(logits, *, labels):
    """Mean of -log softmax(logits)[label]: what classification minimises. Its gradient is (p - y) / B.

    Parameters
    ----------
    logits : (..., K)
        One row of scores for each example.
    labels : integer array of shape (...)
        The true class of each example, from 0 to K - 1.

    Raises
    ------
    ValueError
        If there is no example, the shapes disagree or a label is out of range.
    TypeError
        If labels are not integers.

    >>> round(cross_entropy([[0.0, 0.0]], labels=[1]).item(), 4)  # log 2
    0.6931
    """
    labels = class_indices(labels, logits.shape)
    z = logits.reshape(-1, logits.shape[-1])
    rows = np.arange(len(z))
    # Where the largest score stands is found sooner than how large it is: NumPy is slow at maxima along a short axis.
    shifted = z - z[rows, z.argmax(axis=1), None]  # (B, K)
    e = np.exp(shifted)
    total = e @ np.ones(z.shape[1], z.dtype)  # (B,)
    loss = _sum(np.log(total) - shifted[rows, labels]) / len(z)

    def pull(g):
        d = e / total[:, None]  # p
        d[rows, labels] -= 1  # p - y
        d *= float(g) / len(z)  # a number: float16 cannot hold a length of 100,000
        return d.reshape(logits.shape)

    return loss, pull


@op
def binary_cross_entropy(logits, *, targets):
    """Mean of -[t log σ(z) + (1 - t) log(1 - σ(z))]: two classes, or any number of independent yes-no questions.

    Parameters
    ----------
    logits : array
    targets : array of the same shape, between 0 and 1

    Raises
    ------
    ValueError
        If the shapes disagree, there is no element, or a target lies outside [0, 1].

    >>> round(binary_cross_entropy([0.0], targets=[1.0]).item(), 4)
    0.6931
    """
    t = like(logits, targets)
    if not (t.min() >= 0 and t.max() <= 1):  # said like this, nan is refused too
        raise ValueError(f"targets must lie between 0 and 1, and reach from {t.min()} to {t.max()}")
    # log(1 + exp(-|z|)) never overflows; max(z, 0) - t z is what is left of the logarithms.
    terms = np.maximum(logits, 0) - t * logits + np.log1p(np.exp(-np.abs(logits)))
    return _sum(terms) / t.size, lambda g: (0.5 * np.tanh(0.5 * logits) + 0.5 - t) * (float(g) / t.size)


@op
def mse(prediction, *, targets):
    """Mean squared error over all elements.

    Raises
    ------
    ValueError
        If the shapes differ: (B, 1) against (B,) would broadcast to (B, B) and train on nonsense.

    >>> mse([1.0, 2.0], targets=[1.0, 4.0])
    Tensor(2.)
    """
    error = prediction - like(prediction, targets)
    wide = _wide(error)
    return (wide * wide).mean(), lambda g: error * (2 * float(g) / error.size)


def _wide(terms):
    """float16 as float32: it ends at 65,504, which squares, sums and lengths pass though their mean does not."""
    return terms.astype(np.float32) if terms.dtype == np.float16 else terms


def _sum(terms):
    return _wide(terms).sum()


def class_indices(labels, shape):
    """`labels` as a flat integer array, checked against logits of `shape` (..., K)."""
    labels = np.asarray(labels)
    if not shape or labels.shape != shape[:-1]:
        raise ValueError(f"labels have shape {labels.shape}; logits of shape {shape} need one label a row: {shape[:-1]}")
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, and their dtype is {labels.dtype}")
    if labels.size == 0:
        raise ValueError("the mean over an empty batch does not exist")
    low, high = labels.min(), labels.max()
    if low < 0 or high >= shape[-1]:
        raise ValueError(f"labels must be from 0 to {shape[-1] - 1}, and reach from {low} to {high}")
    return labels.reshape(-1)


def like(prediction, targets):
    """`targets` as an array of the prediction's dtype and shape."""
    targets = np.asarray(targets)
    if targets.dtype.kind not in "fiub":
        raise TypeError(f"targets must be real numbers, and their dtype is {targets.dtype}")
    if targets.shape != prediction.shape:
        raise ValueError(f"targets have shape {targets.shape} and predictions {prediction.shape}: they must be equal")
    if targets.size == 0:
        raise ValueError("the mean over an empty batch does not exist")
    return targets.astype(prediction.dtype, copy=False)
