"""How a call of PyTorch's becomes one of ours: the elementary operations.

    our operation: {PyTorch's name in OpInfo: function of our operation and PyTorch's arguments}

The arguments have PyTorch's names and order, and hold Tensors of ours where PyTorch has tensors. "max/binary" is the variant
*binary* of max. What stands here besides passing arguments on is where the two libraries differ: PyTorch says dim and
keepdim for axis and keepdims, counts paddings from the last axis backwards, and has several names for one thing.
"""

import math

from dlbook import ops

from .comparing import fixed


def one(f, input):
    return f(input)


def two(f, input, other):
    return f(input, other)


def shaped(f, input, shape):
    return f(input, shape=shape)


def reduced(f, input, dim=None, keepdim=False):
    return f(input, axis=dim, keepdims=keepdim)


def exchanged(f, input, dim0, dim1):
    order = list(range(input.ndim))
    if order:  # a number has no axes, and PyTorch exchanges them all the same
        order[dim0], order[dim1] = order[dim1], order[dim0]
    return f(input, axes=order)


def stretched(f, input, size):
    """-1 keeps a length."""
    new = len(size) - input.ndim
    return f(input, shape=tuple(input.shape[k - new] if n == -1 else n for k, n in enumerate(size)))


def surrounded(f, input, pad, value=0.0):
    """(2, 3) is two before and three after on the last axis, (2, 3, 4, 5) goes on with the one before it."""
    pairs = [*zip(pad[0::2], pad[1::2])][::-1]
    return f(input, widths=[(0, 0)] * (input.ndim - len(pairs)) + pairs, value=value)


def along(dim, index):
    """`index` on one axis, as one writes it in brackets."""
    return (..., index, *[slice(None)] * (-1 - dim)) if dim < 0 else (*[slice(None)] * dim, index)


TABLE = {
    ops.add: {"add": lambda f, input, other, alpha=1: f(input, alpha * other)},
    ops.sub: {
        "sub": lambda f, input, other, alpha=1: f(input, alpha * other),
        "rsub": lambda f, input, other, alpha=1: f(other, alpha * input),
    },
    ops.mul: {"mul": two},
    ops.div: {"true_divide": two, "div/no_rounding_mode": two},
    ops.neg: {"neg": one},
    ops.power: {
        "pow": lambda f, input, exponent: f(input, exponent=fixed(exponent).item()),
        "square": lambda f, input: f(input, exponent=2),
        "reciprocal": lambda f, input: f(input, exponent=-1),
        "rsqrt": lambda f, input: f(input, exponent=-0.5),
    },
    ops.exp: {"exp": one},
    ops.log: {"log": one},
    ops.sqrt: {"sqrt": one},
    ops.abs: {"abs": one},
    ops.sin: {"sin": one},
    ops.cos: {"cos": one},
    ops.tanh: {"tanh": one},
    ops.sigmoid: {"sigmoid": one},
    ops.relu: {"nn.functional.relu": one},
    ops.maximum: {"maximum": two, "max/binary": two, "clamp_min": two},
    ops.minimum: {"minimum": two, "min/binary": two, "clamp_max": two},
    ops.clip: {
        "clamp": lambda f, input, min=-math.inf, max=math.inf: f(input, low=min, high=max),
        "nn.functional.hardtanh": lambda f, input, min_val=-1.0, max_val=1.0: f(input, low=min_val, high=max_val),
        "nn.functional.relu6": lambda f, input: f(input, low=0, high=6),
    },
    ops.where: {"where": lambda f, input, condition, other: f(input, other, condition=condition)},
    ops.sum: {"sum": reduced},
    ops.mean: {"mean": reduced},
    ops.max: {"amax": reduced, "max/reduction_no_dim": reduced, "max/reduction_with_dim": reduced},
    ops.min: {"amin": reduced, "min/reduction_no_dim": reduced, "min/reduction_with_dim": reduced},
    ops.logsumexp: {"logsumexp": reduced},
    ops.reshape: {"reshape": shaped, "view": shaped},
    ops.transpose: {"permute": lambda f, input, dims: f(input, axes=dims), "transpose": exchanged, "T": one},
    ops.broadcast_to: {"broadcast_to": shaped, "expand": stretched},
    ops.concatenate: {"cat": lambda f, tensors, dim=0: f(*tensors, axis=dim)},
    ops.stack: {"stack": lambda f, tensors, dim=0: f(*tensors, axis=dim)},
    ops.take: {
        "__getitem__": lambda f, input, index: f(input, index=index),
        "select": lambda f, input, dim, index: f(input, index=along(dim, index)),
        "index_select": lambda f, input, dim, index: f(input, index=along(dim, index)),
    },
    ops.pad: {
        "constant_pad_nd": surrounded,
        "nn.functional.pad/constant": lambda f, input, pad, mode="constant", value=0.0: surrounded(f, input, pad, value),
    },
    ops.matmul: {"matmul": two, "mm": two, "bmm": two, "mv": two, "dot": two},
    ops.einsum: {"einsum": lambda f, tensors, equation: f(*tensors, subscripts=equation)},
}
