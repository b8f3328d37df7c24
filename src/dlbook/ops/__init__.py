"""The operations of the book: each a NumPy function beside its derivative, usable on Tensors, arrays and numbers.

`OPERATIONS` lists them all; the tests hold a sample for each. Importing this module also gives `Tensor` its operators.
"""

from ..autograd import Tensor
from .elementwise import (
    abs, add, clip, cos, div, exp, log, maximum, minimum, mul, neg, power, relu, sigmoid, sin, sqrt, sub, tanh, where,
)
from .product import einsum, matmul
from .reduction import logsumexp, max, mean, min, sum
from .shape import broadcast_to, concatenate, pad, reshape, stack, take, transpose

OPERATIONS = (
    add, sub, mul, div, neg, power, exp, log, sqrt, abs, sin, cos, tanh, sigmoid, relu, maximum, minimum, clip, where,
    sum, mean, max, min, logsumexp,
    reshape, transpose, broadcast_to, concatenate, stack, take, pad,
    matmul, einsum,
)

__all__ = ["OPERATIONS", *(operation.__name__ for operation in OPERATIONS)]


def _unpacked(numbers):
    """`x.reshape(2, 3)` and `x.reshape((2, 3))` mean the same."""
    return numbers[0] if len(numbers) == 1 and not hasattr(numbers[0], "__index__") else numbers


def _compared(a, b):
    """Python's own answer would be whether the two are one object: silently False for `tensor == 3` and `3 in tensor`."""
    raise TypeError(f"a Tensor of shape {a.shape} is not compared, as that has no gradient: compare arrays, tensor.data == 3, "
                    "or ask for one object with `is`")


# What `a + b` means for Tensors is decided here, where `add` is known, so that `autograd` stays below this floor.
Tensor.__add__ = lambda a, b: add(a, b)
Tensor.__radd__ = lambda a, b: add(b, a)
Tensor.__sub__ = lambda a, b: sub(a, b)
Tensor.__rsub__ = lambda a, b: sub(b, a)
Tensor.__mul__ = lambda a, b: mul(a, b)
Tensor.__rmul__ = lambda a, b: mul(b, a)
Tensor.__truediv__ = lambda a, b: div(a, b)
Tensor.__rtruediv__ = lambda a, b: div(b, a)
Tensor.__matmul__ = lambda a, b: matmul(a, b)
Tensor.__rmatmul__ = lambda a, b: matmul(b, a)
Tensor.__neg__ = lambda a: neg(a)
Tensor.__pow__ = lambda a, n: power(a, exponent=n)
Tensor.__eq__ = Tensor.__ne__ = Tensor.__lt__ = Tensor.__le__ = Tensor.__gt__ = Tensor.__ge__ = _compared  # hashed by identity
Tensor.__getitem__ = lambda a, index: take(a, index=index)
Tensor.__iter__ = lambda a: (take(a, index=i) for i in range(len(a)))
Tensor.sum = lambda a, axis=None, keepdims=False: sum(a, axis=axis, keepdims=keepdims)
Tensor.mean = lambda a, axis=None, keepdims=False: mean(a, axis=axis, keepdims=keepdims)
Tensor.max = lambda a, axis=None, keepdims=False: max(a, axis=axis, keepdims=keepdims)
Tensor.min = lambda a, axis=None, keepdims=False: min(a, axis=axis, keepdims=keepdims)
Tensor.reshape = lambda a, *shape: reshape(a, shape=_unpacked(shape))
Tensor.transpose = lambda a, *axes: transpose(a, axes=_unpacked(axes) if axes else None)
Tensor.T = property(lambda a: transpose(a), doc="Axes in reverse order.")
