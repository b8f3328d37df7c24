"""ONNX's elementwise operators, reductions, shapes, products and losses, said in ours.

Each function takes the inputs and the attributes of an operator by ONNX's names, and returns its outputs: what they mean is
defined at https://onnx.ai/onnx/operators. Floating inputs come as Tensors, all others as arrays. An attribute that a
function does not name is one that we do not have: `onnx_skips.py` says why.
"""

import functools
import math

import numpy as np

from dlbook import Tensor, functional, ops


def axes_of(axes, noop_with_empty_axes):
    """The axis setting of a reduction: none given means all of them, or none of them."""
    if axes is None or not len(axes):
        return () if noop_with_empty_axes else None
    return tuple(int(axis) for axis in axes)


def reduction(reduce, before=lambda x: x, after=lambda y: y):
    def operator(x, axes=None, *, keepdims=1, noop_with_empty_axes=0):
        return after(reduce(before(x), axis=axes_of(axes, noop_with_empty_axes), keepdims=bool(keepdims)))

    return operator


def log_or_minus_infinity(y):
    with np.errstate(divide="ignore"):  # the sum of nothing is 0
        return ops.log(y)


def over_pixels(reduce):
    return lambda x: reduce(x, axis=tuple(range(2, x.ndim)), keepdims=True)


def fold(combine):
    return lambda *xs: functools.reduce(combine, xs)


# ---- elementwise ----------------------------------------------------------------------------------------------------

def pow_(x, exponent):
    """Our exponents are plain numbers: one after the other where there are several."""
    exponent = exponent.data if isinstance(exponent, Tensor) else exponent
    y = np.zeros(exponent.shape, x.dtype)
    for value in np.unique(exponent):
        chosen = exponent == value
        y = ops.where(ops.power(ops.where(x, 1.0, condition=chosen), exponent=float(value)), y, condition=chosen)
    return y


def clip(x, low=None, high=None):
    return ops.clip(x, low=-math.inf if low is None else low.item(), high=math.inf if high is None else high.item())


def gelu(x, *, approximate):
    assert approximate == "tanh"
    return functional.gelu(x)


def swish(x, *, alpha=1.0):
    return functional.silu(x * alpha) / alpha


def shrink(x, *, bias=0.0, lambd=0.5):
    return ops.where(x + bias, ops.where(x - bias, 0.0, condition=x.data > lambd), condition=x.data < -lambd)


ELEMENTWISE = {
    "Add": lambda a, b: ops.add(a, b), "Sub": lambda a, b: ops.sub(a, b), "Mul": lambda a, b: ops.mul(a, b),
    "Div": lambda a, b: ops.div(a, b), "Neg": lambda x: ops.neg(x), "Pow": pow_, "Exp": lambda x: ops.exp(x),
    "Log": lambda x: ops.log(x), "Sqrt": lambda x: ops.sqrt(x), "Abs": lambda x: ops.abs(x), "Sin": lambda x: ops.sin(x),
    "Cos": lambda x: ops.cos(x), "Tanh": lambda x: ops.tanh(x), "Sigmoid": lambda x: ops.sigmoid(x),
    "Relu": lambda x: ops.relu(x),
    "Max": fold(lambda a, b: ops.maximum(a, b)), "Min": fold(lambda a, b: ops.minimum(a, b)), "Clip": clip,
    "Where": lambda condition, a, b: ops.where(a, b, condition=condition),
    "LeakyRelu": lambda x, alpha=0.01: functional.leaky_relu(x, slope=alpha),
    "Elu": lambda x, alpha=1.0: functional.elu(x, alpha=alpha),
    "Softplus": lambda x: functional.softplus(x), "Swish": swish, "Gelu": gelu,
    # composed
    "Sum": fold(lambda a, b: ops.add(a, b)), "Mean": lambda *xs: ops.mean(ops.stack(*xs), axis=0),
    "Reciprocal": lambda x: 1 / x, "Tan": lambda x: ops.sin(x) / ops.cos(x),
    "Sinh": lambda x: (ops.exp(x) - ops.exp(-x)) / 2, "Cosh": lambda x: (ops.exp(x) + ops.exp(-x)) / 2,
    "Softsign": lambda x: x / (1 + ops.abs(x)), "Mish": lambda x: x * ops.tanh(functional.softplus(x)),
    "Selu": lambda x, alpha=1.6732632, gamma=1.0507010: gamma * functional.elu(x, alpha=alpha),
    "Celu": lambda x, alpha=1.0: alpha * functional.elu(x / alpha),
    "PRelu": lambda x, slope: ops.maximum(x, 0) + slope * ops.minimum(x, 0),
    "HardSigmoid": lambda x, alpha=0.2, beta=0.5: ops.clip(alpha * x + beta, low=0, high=1),
    "HardSwish": lambda x: x * ops.clip(x / 6 + 0.5, low=0, high=1),
    "ThresholdedRelu": lambda x, alpha=1.0: ops.where(x, 0.0, condition=x.data > alpha),
    "Shrink": shrink, "SwiGLU": lambda a, b, alpha=1.0: swish(a, alpha=alpha) * b,
}


# ---- reductions -----------------------------------------------------------------------------------------------------

REDUCTIONS = {
    "ReduceSum": reduction(lambda *x, **s: ops.sum(*x, **s)), "ReduceMean": reduction(lambda *x, **s: ops.mean(*x, **s)),
    "ReduceMax": reduction(lambda *x, **s: ops.max(*x, **s)), "ReduceMin": reduction(lambda *x, **s: ops.min(*x, **s)),
    "ReduceLogSumExp": reduction(lambda *x, **s: ops.logsumexp(*x, **s)),
    "ReduceL1": reduction(lambda *x, **s: ops.sum(*x, **s), before=lambda x: ops.abs(x)),
    "ReduceL2": reduction(lambda *x, **s: ops.sum(*x, **s), before=lambda x: x * x, after=lambda y: ops.sqrt(y)),
    "ReduceLogSum": reduction(lambda *x, **s: ops.sum(*x, **s), after=log_or_minus_infinity),
    "ReduceSumSquare": reduction(lambda *x, **s: ops.sum(*x, **s), before=lambda x: ops.power(x, exponent=2)),
    "GlobalAveragePool": over_pixels(lambda x, **s: ops.mean(x, **s)),
    "GlobalMaxPool": over_pixels(lambda x, **s: ops.max(x, **s)),
}


# ---- shapes ---------------------------------------------------------------------------------------------------------

def reshape(x, shape, *, allowzero=0):
    """A 0 copies the length that stands there, unless it is to mean 0."""
    return ops.reshape(x, shape=[x.shape[k] if n == 0 and not allowzero else int(n) for k, n in enumerate(shape)])


def flatten(x, *, axis=1):
    return ops.reshape(x, shape=(math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


def squeeze(x, axes):
    dropped = {int(axis) % x.ndim for axis in axes}
    return ops.reshape(x, shape=[n for axis, n in enumerate(x.shape) if axis not in dropped])


def unsqueeze(x, axes):
    shape = [0] * (x.ndim + len(axes))
    for axis in axes:
        shape[axis] = 1
    lengths = iter(x.shape)
    return ops.reshape(x, shape=[n or next(lengths) for n in shape])


def expand(x, shape):
    return ops.broadcast_to(x, shape=np.broadcast_shapes(x.shape, tuple(shape)))


def pad(x, pads, value=None, axes=None, *, mode="constant"):
    assert mode == "constant"
    widths = np.zeros((x.ndim, 2), int)
    widths[slice(None) if axes is None else axes] = pads.reshape(2, -1).T
    return ops.pad(x, widths=widths, value=0.0 if value is None else value.item())


def along(axis, index):
    """`index` on one axis, everything on those before."""
    return (*[slice(None)] * axis, index)


def slices(x, starts, ends, axes=None, steps=None):
    index = [slice(None)] * x.ndim
    axes = range(len(starts)) if axes is None else axes
    for axis, start, end, step in zip(axes, starts, ends, np.ones_like(starts) if steps is None else steps):
        index[axis] = slice(*slice(int(start), int(end), int(step)).indices(x.shape[axis]))
        if step < 0 and index[axis].stop < 0:
            index[axis] = slice(index[axis].start, None, int(step))
    return ops.take(x, index=tuple(index))


def gather_elements(x, indices, *, axis=0):
    index = list(np.indices(indices.shape))
    index[axis] = indices
    return ops.take(x, index=tuple(index))


def gather_nd(x, indices):
    return ops.take(x, index=tuple(np.moveaxis(indices, -1, 0)))


def compress(x, condition, *, axis=None):
    if axis is None:
        x, axis = ops.reshape(x, shape=-1), 0
    return ops.take(x, index=along(axis % x.ndim, np.flatnonzero(condition)))


def split(x, lengths=None, *, axis=0, num_outputs=None, asked):
    if lengths is None:
        each = -(-x.shape[axis] // asked)
        lengths = [min(each, x.shape[axis] - k * each) for k in range(asked)]
    ends = np.cumsum(lengths)
    return tuple(ops.take(x, index=along(axis % x.ndim, slice(int(end - n), int(end)))) for n, end in zip(lengths, ends))


def tile(x, repeats):
    for axis, n in enumerate(repeats):
        x = ops.concatenate(*[x] * int(n), axis=axis)
    return x


def depth_to_space(x, *, blocksize, mode="DCR"):
    n, c, h, w = x.shape
    s = blocksize
    if mode == "DCR":
        parts = ops.transpose(ops.reshape(x, shape=(n, s, s, c // s**2, h, w)), axes=(0, 3, 4, 1, 5, 2))
    else:
        parts = ops.transpose(ops.reshape(x, shape=(n, c // s**2, s, s, h, w)), axes=(0, 1, 4, 2, 5, 3))
    return ops.reshape(parts, shape=(n, c // s**2, h * s, w * s))


def gather(x, indices, *, axis=0):
    return ops.take(x, index=along(axis % x.ndim, indices))


def gather_rows(x, indices, *, axis=0):
    """What lies along the first axis, as rows of a table."""
    assert axis == 0
    rows = functional.embedding(ops.reshape(x, shape=(x.shape[0], -1)), ids=indices % x.shape[0])
    return ops.reshape(rows, shape=(*indices.shape, *x.shape[1:]))


SHAPES = {
    "Reshape": reshape, "Flatten": flatten, "Squeeze": squeeze, "Unsqueeze": unsqueeze, "Expand": expand, "Pad": pad,
    "Transpose": lambda x, perm=None: ops.transpose(x, axes=perm), "Concat": lambda *xs, axis: ops.concatenate(*xs, axis=axis),
    "Slice": slices, "Gather": gather, "Gather, as embedding": gather_rows,
    "GatherElements": gather_elements, "GatherND": gather_nd, "Compress": compress, "Split": split,
    "Tile": tile, "DepthToSpace": depth_to_space,
}


# ---- products and losses --------------------------------------------------------------------------------------------

def gemm(a, b, c=None, *, alpha=1.0, beta=1.0, transA=0, transB=0):
    """α A B + β C; `linear` where C is one row."""
    a, b = ops.transpose(a) if transA else a, ops.transpose(b) if transB else b
    if c is None:
        return alpha * ops.matmul(a, b)
    if c.shape in [(1, b.shape[1]), (b.shape[1],)]:
        return functional.linear(a * alpha, b, ops.reshape(c, shape=-1) * beta)
    return alpha * ops.matmul(a, b) + beta * c


def classes_last(x):
    """Scores (N, K, ...) as (N, ..., K)."""
    return ops.transpose(x, axes=(0, *range(2, x.ndim), 1))


def nll(logp, target, weight=None, *, reduction="mean", ignore_index=None):
    """Minus the log-probability of each target, each with the weight of its class, ignored ones with 0."""
    w = np.ones(logp.shape[1], logp.dtype) if weight is None else weight.data
    counted = target != ignore_index if ignore_index is not None else np.ones(target.shape, bool)
    target = np.where(counted, target, 0)
    rows = classes_last(logp)
    each = -ops.take(rows, index=(*np.indices(target.shape), target)) * (w[target] * counted)
    if reduction == "none":
        return each
    return ops.sum(each) / (1 if reduction == "sum" else float((w[target] * counted).sum()))


def softmax_cross_entropy(scores, labels, weights=None, *, reduction="mean", ignore_index=None, asked):
    """Our own loss where it can say the same: a mean over all labels that count."""
    fused = weights is None and reduction != "none"
    logp = None if fused and asked == 1 else functional.log_softmax(scores, axis=1)
    if fused:
        rows = ops.take(classes_last(scores), index=labels != ignore_index) if ignore_index is not None else classes_last(scores)
        kept = labels[labels != ignore_index] if ignore_index is not None else labels
        loss = functional.cross_entropy(rows, labels=kept)
        return loss * (kept.size if reduction == "sum" else 1), logp
    return nll(logp, labels, weights, reduction=reduction, ignore_index=ignore_index), logp


PRODUCTS = {
    "MatMul": lambda a, b: ops.matmul(a, b), "Gemm": gemm, "Einsum": lambda *xs, equation: ops.einsum(*xs, subscripts=equation),
    "Softmax": lambda x, axis=-1: functional.softmax(x, axis=axis),
    "LogSoftmax": lambda x, axis=-1: functional.log_softmax(x, axis=axis),
    "SoftmaxCrossEntropyLoss": softmax_cross_entropy, "NegativeLogLikelihoodLoss": nll,
}

TABLE = {**ELEMENTWISE, **REDUCTIONS, **SHAPES, **PRODUCTS}
