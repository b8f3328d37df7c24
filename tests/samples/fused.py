"""Samples, formulas and twins of `dlbook.functional`."""

import math

import numpy as np

from dlbook import functional
from dlbook.ops import einsum, exp, log, maximum, mean, mul, reshape, sigmoid, sqrt, take, tanh, where

from .making import Entry, Replayed, along_classes, by_hand, need, normal, number, plain, sample, unary, whole


def linear_formula(x, w, b):
    need(w.ndim == 2, b.shape == w.shape[1:])
    return np.matmul(x, w) + b


def gelu_formula(x):
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def softmax_formula(z, axis=-1):
    np.max(z, axis=axis)
    return np.exp(z) / np.exp(z).sum(axis=axis, keepdims=True)


def cross_entropy_formula(logits, labels):
    labels = np.asarray(labels)
    need(labels.dtype.kind in "iu", labels.size, labels.shape == logits.shape[:-1], logits.ndim)
    need(labels.min() >= 0)
    rows = logits.reshape(-1, logits.shape[-1])
    return np.mean([-np.log(np.exp(row[label]) / np.exp(row).sum()) for row, label in zip(rows, labels.reshape(-1), strict=True)])


def cross_entropy_twin(logits, labels):
    rows, labels = logits.reshape(-1, logits.shape[-1]), np.reshape(labels, -1)
    p = exp(rows) / exp(rows).sum(axis=1, keepdims=True)
    return -mean(log(take(p, index=(np.arange(len(labels)), labels))))


def binary_cross_entropy_formula(z, targets):
    p, t = 1 / (1 + np.exp(-z)), np.asarray(targets)
    need(t.dtype.kind in "fiub", t.shape == z.shape, t.size, np.all((t >= 0) & (t <= 1)))
    return np.mean(-(t * np.log(p) + (1 - t) * np.log(1 - p)))


def binary_cross_entropy_twin(z, targets):
    p, t = sigmoid(z), np.asarray(targets, float)
    return -mean(t * log(p) + (1 - t) * log(1 - p))


def mse_formula(prediction, targets):
    t = np.asarray(targets)
    need(t.dtype.kind in "fiub", t.shape == prediction.shape, t.size)
    return np.sum((prediction - t.astype(float)) ** 2) / prediction.size


def standardised(x, axis, eps):
    centred = x - mean(x, axis=axis, keepdims=True)
    return centred / sqrt(mean(centred * centred, axis=axis, keepdims=True) + number(eps, 0))


def layer_norm(x, gain, bias, eps=1e-5):
    need(x.ndim, x.size or 0 not in x.shape[-1:], gain.shape == bias.shape == x.shape[-1:])
    return standardised(x, -1, eps) * gain + bias


def rms_norm(x, gain, eps=1e-5):
    need(x.ndim, x.size or 0 not in x.shape[-1:], gain.shape == x.shape[-1:])
    return x / sqrt(mean(x * x, axis=-1, keepdims=True) + number(eps, 0)) * gain


def group_norm(x, gain, bias, groups, eps=1e-5):
    need(x.ndim >= 2, gain.shape == bias.shape == x.shape[1:2], 0 not in x.shape[1:])
    need(x.shape[1] % whole(groups) == 0)
    n, c, *pixels = x.shape
    parts = reshape(x, shape=(n, groups, c // groups, *pixels))
    xhat = reshape(standardised(parts, tuple(range(2, parts.ndim)), eps), shape=x.shape)
    return xhat * reshape(gain, shape=(c, *[1] * len(pixels))) + reshape(bias, shape=(c, *[1] * len(pixels)))


def batch_norm(x, gain, bias, moments=None, observe=None, eps=1e-5):
    need(x.ndim >= 2, gain.shape == bias.shape == x.shape[1:2], 0 not in x.shape[1:])
    need(moments is not None or x.size > x.shape[1])
    column = (x.shape[1], *[1] * (x.ndim - 2))
    if moments is None:
        xhat = standardised(x, (0, *range(2, x.ndim)), eps)
    else:
        m, v = (np.asarray(a) for a in moments)
        need(m.shape == v.shape == x.shape[1:2], m.dtype.kind in "fiub", v.dtype.kind in "fiub")
        need(not np.any(v < 0))
        xhat = (x - m.astype(float).reshape(column)) / np.sqrt(v.astype(float).reshape(column) + number(eps, 0))
    return mul(xhat, reshape(gain, shape=column)) + reshape(bias, shape=column)


def embedding_formula(table, ids):
    ids = np.asarray(ids)
    need(table.ndim == 2, ids.dtype.kind in "iu", np.all((ids >= 0) & (ids < len(table))))
    return table[ids]


def embedding_twin(table, ids):
    onehot = np.eye(len(table))[np.reshape(ids, -1)]
    return einsum(onehot, table, subscripts="iv,vc->ic").reshape(*np.shape(ids), table.shape[1])


def dropout(x, rate, rng):
    need(isinstance(rng, np.random.Generator))
    return mul(x, (rng.random(x.shape, np.float32) >= number(rate, 0, 1)) / (1 - rate))


TABLE = {
    functional.linear: Entry(
        [sample(x, (3, 4), (4,), values=normal) for x in [(2, 3), (3,), (5, 2, 3), (0, 3)]]
        + [sample((2, 0), (0, 4), (4,), values=normal), sample((5, 2, 3), (3, 0), (0,), values=normal)],
        linear_formula, lambda x, w, b: x @ w + b),
    functional.leaky_relu: Entry(
        unary() + [sample((3, 4), slope=0.25), sample((3, 4), slope=0)],
        lambda x, slope=0.01: np.where(x < 0, plain(slope) * x, x), lambda x, slope=0.01: maximum(x, 0) - slope * maximum(-x, 0)),
    functional.elu: Entry(
        unary() + [sample((3, 4), alpha=0.5)],
        lambda x, alpha=1.0: np.where(x < 0, plain(alpha) * (np.exp(np.minimum(x, 0)) - 1), x),
        lambda x, alpha=1.0: where(x, alpha * (exp(x) - 1), condition=x.data > 0)),
    functional.softplus: Entry(unary(), lambda x: np.log(1 + np.exp(x)), lambda x: log(1 + exp(x))),
    functional.silu: Entry(unary(), lambda x: x / (1 + np.exp(-x)), lambda x: x * sigmoid(x)),
    functional.gelu: Entry(unary(), gelu_formula, lambda x: 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    functional.softmax: Entry(along_classes(), softmax_formula, lambda z, axis=-1: exp(z) / exp(z).sum(axis, True)),
    functional.log_softmax: Entry(
        along_classes(), lambda z, axis=-1: np.log(softmax_formula(z, axis)), lambda z, axis=-1: z - log(exp(z).sum(axis, True))),
    functional.cross_entropy: Entry(
        [sample((2, 3), labels=[2, 0]), sample((4,), labels=3), sample((2, 3, 4), labels=[[3, 1, 0], [1, 1, 2]]),
         sample((3, 1), labels=[0, 0, 0]), sample((2, 3), labels=np.array([1, 1], np.uint8))],
        cross_entropy_formula, cross_entropy_twin),
    functional.binary_cross_entropy: Entry(
        [sample((2, 3), targets=[[0, 1, 1], [0.25, 0.5, 1]]), sample((4,), targets=[True, False, True, True]), sample((), targets=1),
         sample((2, 1), targets=[[0.0], [1.0]])],
        binary_cross_entropy_formula, binary_cross_entropy_twin),
    functional.mse: Entry(
        [sample((2, 3), targets=np.arange(6.0).reshape(2, 3)), sample((4,), targets=[1, 2, 3, 4]), sample((), targets=0.5),
         sample((3, 1), targets=[[True], [False], [True]])],
        mse_formula,
        lambda prediction, targets: mean((prediction - np.asarray(targets, float)) * (prediction - np.asarray(targets, float)))),
    functional.layer_norm: by_hand(
        [sample(x, x[-1:], x[-1:], values=normal) for x in [(2, 3), (4, 2, 5), (3,), (0, 3)]]
        + [sample((2, 3), (3,), (3,), eps=0.5), sample((2, 1), (1,), (1,)), sample((4, 3), (3,), (3,), eps=0.0)],
        layer_norm),
    functional.rms_norm: by_hand(
        [sample(x, x[-1:], values=normal) for x in [(2, 3), (4, 2, 5), (3,), (0, 3)]]
        + [sample((2, 3), (3,), eps=0.5), sample((2, 1), (1,), eps=2.0), sample((4, 3), (3,), eps=0.0)],
        rms_norm),
    functional.group_norm: by_hand(
        [sample((2, 6, 5, 3), (6,), (6,), values=normal, groups=groups) for groups in (1, 2, 3, 6)]
        + [sample((3, 6), (6,), (6,), values=normal, groups=2, eps=0.5), sample((2, 4, 5), (4,), (4,), groups=2, eps=0.0),
           sample((0, 4, 3), (4,), (4,), groups=2)],
        group_norm),
    functional.batch_norm: by_hand(
        [sample(x, (4,), (4,), values=normal) for x in [(3, 4), (5, 4, 3), (2, 4, 3, 5), (1, 4, 3)]]
        + [sample((3, 4), (4,), (4,), eps=0.5), sample((5, 4), (4,), (4,), eps=0.0)]
        + [sample(x, (4,), (4,), moments=([0.5, 1, -1, 0], np.array([0.25, 2, 1, 0.5]))) for x in [(3, 4), (2, 4, 3, 5), (0, 4)]],
        batch_norm),
    functional.embedding: Entry(
        [sample((4, 3), ids=ids) for ids in (2, [1, 1, 0], [[3, 0, 1], [1, 2, 1]], np.array([1, 3], np.uint8), np.zeros((2, 0), int))],
        embedding_formula, embedding_twin),
    functional.dropout: by_hand(
        [sample(shape, rate=rate, rng=Replayed(1)) for shape in [(3, 4), (5,), (), (2, 1, 3), (0, 2)] for rate in (0, 0.25, 0.5)],
        dropout),
}
