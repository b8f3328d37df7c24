"""Samples and formulas of `dlbook.ops`."""

import math

import numpy as np

from dlbook import ops
from dlbook.ops import exp, log, maximum

from .making import Entry, binary, need, normal, plain, positive, reductions, sample, unary

MASK = [[True, False, True], [False, True, True]]


def power_formula(x, exponent):
    need(not isinstance(exponent, bool), np.isscalar(exponent))
    return x**exponent


def clip_formula(x, low=-math.inf, high=math.inf):
    need(plain(low) <= plain(high))
    return np.minimum(np.maximum(x, float(low)), float(high))


def where_formula(a, b, condition):
    need(np.asarray(condition).dtype == bool)
    return np.where(condition, a, b)


def mean_formula(x, axis=None, keepdims=False):
    count = np.sum(np.ones_like(x), axis=axis, keepdims=keepdims)
    need(np.all(count), np.size(count) or x.size == 0 and np.max(x, axis=axis).size == 0)
    return np.sum(x, axis=axis, keepdims=keepdims) / count


def logsumexp_formula(x, axis=None, keepdims=False):
    np.max(x, axis=axis)
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def concatenate_formula(*xs, axis=0):
    need(axis is not None)
    return np.concatenate(xs, axis)


def pad_formula(x, widths, value=0.0):
    need(len(widths) == x.ndim, np.min(list(widths), initial=0) >= 0)
    y = np.full([before + length + after for (before, after), length in zip(widths, x.shape)], plain(value))
    y[tuple(slice(before, before + length) for (before, _), length in zip(widths, x.shape))] = x
    return y


def einsum_formula(*xs, subscripts):
    inputs, _, output = subscripts.replace(" ", "").partition("->")
    lengths = {pair for letters, x in zip(inputs.split(","), xs, strict=True) for pair in zip(letters, x.shape, strict=True)}
    need("->" in subscripts, len(dict(lengths)) == len(lengths), all(len(set(i)) == len(i) for i in inputs.split(",")))
    return np.einsum(subscripts, *xs)


TABLE = {
    ops.add: Entry(binary(), lambda a, b: a + b),
    ops.sub: Entry(binary(), lambda a, b: a - b),
    ops.mul: Entry(binary(), lambda a, b: a * b),
    ops.div: Entry(binary(positive), lambda a, b: a / b),
    ops.neg: Entry(unary(), lambda x: -x),
    ops.power: Entry(
        unary(positive, exponent=2.5) + [sample((2, 3), values=positive, exponent=n) for n in (-1, 0.5, 1.5)]
        + [sample((2, 3), exponent=n) for n in (0, 1, 2, 3, 4)] + [sample((), exponent=n) for n in (0, 2)],
        power_formula),
    ops.exp: Entry(unary(), np.exp),
    ops.log: Entry(unary(positive), np.log),
    ops.sqrt: Entry(unary(positive), np.sqrt),
    ops.abs: Entry(unary(), np.abs),
    ops.sin: Entry(unary(), np.sin),
    ops.cos: Entry(unary(), np.cos),
    ops.tanh: Entry(unary(), np.tanh),
    ops.sigmoid: Entry(unary(), lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (1 + exp(-x))),
    ops.relu: Entry(unary(), lambda x: np.where(x < 0, 0, x), lambda x: maximum(x, 0)),
    ops.maximum: Entry(binary(), np.maximum),
    ops.minimum: Entry(binary(), np.minimum),
    ops.clip: Entry(
        unary(low=-0.5, high=1) + [sample((3, 4), low=-0.25), sample((3, 4), high=0), sample((3, 4))],
        clip_formula),
    ops.where: Entry(
        [sample((2, 3), (2, 3), condition=MASK), sample((3,), (2, 1), condition=MASK), sample((), (), condition=MASK),
         sample((2, 3), (), condition=[True, False, True]), sample((), (), condition=True),
         sample((2, 3), (3,), condition=[[True], [False]])],
        where_formula),
    ops.sum: Entry([*reductions(), sample((0, 3), axis=0), sample((0, 3))], np.sum),
    ops.mean: Entry(reductions(), mean_formula),
    ops.max: Entry(reductions(), np.max),
    ops.min: Entry(reductions(), np.min),
    ops.logsumexp: Entry(
        reductions(),
        logsumexp_formula,
        lambda x, axis=None, keepdims=False: log(exp(x).sum(axis, keepdims))),
    ops.reshape: Entry(
        [sample((2, 3), shape=(3, 2)), sample((2, 3, 4), shape=(4, -1)), sample((6,), shape=-1), sample((), shape=(1,)),
         sample((1,), shape=()), sample((0, 3), shape=(2, 0))],
        lambda x, shape: np.reshape(x, shape)),
    ops.transpose: Entry(
        [sample((2, 3)), sample((2, 3, 4)), sample((2, 3, 4), axes=(2, 0, 1)), sample((2, 3, 4), axes=[-1, 0, -2]), sample((5,)),
         sample(()), sample((), axes=())],
        lambda x, axes=None: np.transpose(x, axes)),
    ops.broadcast_to: Entry(
        [sample((3,), shape=(2, 3)), sample((3, 1), shape=(2, 3, 4)), sample((), shape=(2, 3)), sample((2, 3), shape=(2, 3)),
         sample((1,), shape=4), sample((1, 2), shape=(0, 2))],
        lambda x, shape: np.broadcast_to(x, shape)),
    ops.concatenate: Entry(
        [sample((2, 3), (4, 3), (1, 3)), sample((2, 3), (2, 4), axis=1), sample((2, 3, 4), (2, 5, 4), axis=-2), sample((5,)),
         sample((0, 3), (2, 3))],
        concatenate_formula),
    ops.stack: Entry(
        [sample((2, 3), (2, 3)), sample((2, 3), (2, 3), (2, 3), axis=1), sample((2, 3), (2, 3), axis=-1), sample((), ()),
         sample((4,), axis=-2)],
        lambda *xs, axis=0: np.stack(xs, axis)),
    ops.take: Entry(
        [sample((3, 4), index=index) for index in (
            1, -1, True, [], [0, 2, 0, 0], (slice(None, None, -2), 2), ([0, 1, 0], [3, 1, 3]), (Ellipsis, None, -1), ([2, 2], slice(1, 3)))]
        + [sample((2, 3), index=np.array(MASK)), sample((2, 3, 4), index=(slice(None), np.array([[2, 0], [1, 2]]))),
           sample((4,), index=np.int64(2)), sample((4,), index=np.array(3)), sample((), index=())],
        lambda x, index: x[index]),
    ops.pad: Entry(
        [sample((2, 3), widths=[(1, 2), (0, 3)]), sample((4,), widths=((2, 0),), value=1.5), sample((0,), widths=[(1, 1)]),
         sample((2, 3), widths=np.array([[0, 0], [1, 1]])), sample((), widths=[])],
        pad_formula),
    ops.matmul: Entry(
        [sample(a, b, values=normal) for a, b in [
            ((2, 3), (3, 4)), ((3,), (3, 4)), ((2, 3), (3,)), ((3,), (3,)), ((2, 3, 4), (4, 5)), ((5, 2, 3, 4), (4, 6)),
            ((2, 3, 4), (2, 4, 5)), ((3, 4), (2, 4, 5)), ((2, 3, 4), (4,)), ((4,), (2, 4, 5)), ((3, 1, 2, 4), (5, 4, 6)),
            ((1, 2, 4), (5, 4, 6)), ((2, 3, 4), (5, 1, 4, 6)), ((0, 3), (3, 4)), ((2, 0), (0, 4)), ((2, 3, 4), (4, 0))]],
        np.matmul),
    ops.einsum: Entry(
        [sample(*shapes, values=normal, subscripts=subscripts) for subscripts, *shapes in [
            ("ij,jk->ik", (2, 3), (3, 4)), ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), ("i,j->ij", (2,), (3,)), ("ij->ji", (2, 3)),
            ("ij->", (2, 3)), ("ijk->j", (2, 3, 4)), ("i,i->", (3,), (3,)), ("ij,j->i", (2, 3), (3,)), (",ij->ij", (), (2, 3)),
            ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)), ("ij,kl->ik", (2, 3), (4, 5)), ("b i j, b j -> b i", (2, 3, 4), (2, 4)),
            ("->", ()), ("i,ij,j->", (2,), (2, 3), (3,)), ("ij,jk->ik", (2, 0), (0, 3))]],
        einsum_formula),
}
