"""Reverse-mode automatic differentiation, in one sitting.

A function of arrays is written once, as NumPy, and returns its value together with one *pullback* per input: a function
that takes the gradient of the loss with respect to the value and returns the gradient with respect to that input.
The decorator `op` lets such a function work on `Tensor`s and remember its inputs and pullbacks; `Tensor.backward`
walks that record from the loss back to the leaves and chains the pullbacks. That is all there is.

Derived in the chapter *automatic differentiation*, where the reader writes this module.
"""

from __future__ import annotations

import functools
import inspect
from contextlib import contextmanager

import numpy as np

from .settings import flag, real

_recording = True


@contextmanager
def no_grad():
    """Inside this block operations compute values and record nothing.

    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> with no_grad():
    ...     (w * w).requires_grad
    False
    """
    global _recording
    before, _recording = _recording, False
    try:
        yield
    finally:
        _recording = before


class Tensor:
    """A floating-point array that remembers how it was computed.

    Parameters
    ----------
    data : numbers, list or array
        Floating arrays keep their dtype; Python numbers, lists, integer and Boolean arrays become float32.
        Labels and indices are not Tensors: leave them plain NumPy arrays.
    requires_grad : bool
        Whether `backward` shall write the gradient of the loss into `.grad`.

    Raises
    ------
    TypeError
        If `data` holds anything but real numbers.
    ValueError
        If it is no array, as rows of different lengths, or `requires_grad` neither True nor False.

    >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> x.shape, x.dtype
    ((2, 2), dtype('float32'))
    """

    __slots__ = ("data", "grad", "requires_grad", "parents", "pullbacks", "__weakref__")
    __array_ufunc__ = None  # so that `array * tensor` is ours to compute, and np.exp(tensor) an error rather than a surprise

    def __init__(self, data, requires_grad=False):
        self.data = floating(data)
        self.grad = None
        self.requires_grad = flag("requires_grad", requires_grad)
        self.parents = self.pullbacks = ()

    shape = property(lambda self: self.data.shape, doc="Lengths of the axes.")
    ndim = property(lambda self: self.data.ndim, doc="Number of axes.")
    size = property(lambda self: self.data.size, doc="Number of elements.")
    dtype = property(lambda self: self.data.dtype, doc="Floating dtype of the elements.")

    def __len__(self):
        return len(self.data)

    def __bool__(self):
        return bool(self.data)

    def __float__(self):
        return self.item()

    def __repr__(self):
        values = np.array2string(self.data, separator=", ", prefix="Tensor(")
        return f"Tensor({values}{', requires_grad=True' if self.requires_grad else ''})"

    def __array__(self, dtype=None, copy=None):
        if self.requires_grad:
            raise TypeError("this tensor is part of a graph and NumPy would lose its gradient: use tensor.data, or dlbook.ops")
        array = self.data if dtype is None else self.data.astype(dtype, copy=False)
        return array.copy() if copy else array

    def item(self):
        """The single element as a Python float."""
        if self.size != 1:
            raise ValueError(f"item() reads a single number and this tensor has shape {self.shape}")
        return float(self.data.item())

    def numpy(self):
        """The values as a NumPy array (not a copy: do not write into it)."""
        return self.data

    def detach(self):
        """A Tensor with the same values that starts a new graph."""
        return Tensor(self.data)

    def backward(self, seed=None):
        """Add the derivative of this tensor with respect to each leaf to that leaf's `.grad`.

        Parameters
        ----------
        seed : array of this tensor's shape, optional
            Gradient to start from; 1 for a tensor with a single element.

        Raises
        ------
        ValueError
            If nothing here requires a gradient, if the tensor is not a single number and no seed is given, or if the
            seed has another shape.

        >>> x = Tensor(3.0, requires_grad=True)
        >>> (x * x).backward()
        >>> x.grad.item()
        6.0
        """
        if not self.requires_grad:
            raise ValueError("backward() was called on a tensor that depends on nothing with requires_grad=True")
        grads = {self: self._seed(seed)}
        for node in downstream_first(self):
            g = grads.pop(node)
            if not node.pullbacks:
                node.grad = frozen(g if node.grad is None else node.grad + g)
                continue
            for parent, gradient in zip(node.parents, pull(node, g), strict=True):
                if parent is not None:
                    gradient = unbroadcast(gradient, parent.data)
                    grads[parent] = grads[parent] + gradient if parent in grads else gradient

    def _seed(self, seed):
        if seed is None:
            if self.size != 1:
                raise ValueError(f"backward() starts from a single number and this tensor has shape {self.shape}: "
                                 "reduce it with .sum() or .mean(), or pass seed=")
            return np.ones_like(self.data)
        seed = real("backward", seed).astype(self.dtype)
        if seed.shape != self.shape:
            raise ValueError(f"backward() was given a seed of shape {seed.shape} for a tensor of shape {self.shape}")
        return seed


def op(fn):
    """Turn a NumPy function that returns `value, *pullbacks` into a function of Tensors.

    Positional arguments are arrays that can be differentiated; keyword-only arguments are settings (an axis, labels).
    There is one pullback per input, or a single one that returns a tuple where the inputs share work. A plain array
    or number among the inputs is a constant and takes the dtype of the Tensors it meets. The bare NumPy function stays
    available as `.__wrapped__`.

    Raises
    ------
    TypeError
        If inputs are not numeric or Tensors of different dtypes meet.
    ValueError
        If the shapes or settings do not fit; the message names the operation and the shapes it was given.

    >>> @op
    ... def square(x):
    ...     return x * x, lambda g: 2 * g * x
    >>> x = Tensor([1.0, 2.0], requires_grad=True)
    >>> square(x).backward(seed=[1.0, 1.0])
    >>> x.grad
    array([2., 4.], dtype=float32)
    """
    name = fn.__name__
    takes = inspect.signature(fn)
    several = any(p.kind is p.VAR_POSITIONAL for p in takes.parameters.values())  # as concatenate, to which people give lists

    @functools.wraps(fn)
    def on_tensors(*inputs, **settings):
        dtype = common_dtype(name, inputs)
        arrays = [x.data if type(x) is Tensor else constant(name, x, dtype, several) for x in inputs]
        try:
            value, *pullbacks = fn(*arrays, **settings)
        except (ValueError, IndexError, TypeError, OverflowError) as error:
            # One sentence, one traceback: from the caller's line to the one that refused, which may be in the reader's own operation.
            raise explained(error, name, takes, arrays, settings).with_traceback(error.__traceback__.tb_next) from None
        out = Tensor.__new__(Tensor)
        # NumPy turns results without axes into scalars, and NumPy 1 those into float64: back to an array of our dtype.
        out.data = value if type(value) is np.ndarray else np.asarray(value, dtype)
        out.grad = None
        out.requires_grad = False
        out.parents = out.pullbacks = ()
        if _recording:
            parents = [x if type(x) is Tensor and x.requires_grad else None for x in inputs]
            for parent in parents:
                if parent is not None:
                    out.requires_grad, out.parents, out.pullbacks = True, parents, pullbacks
                    break
        return out

    return on_tensors


def downstream_first(root):
    """Yield `root` and everything it was computed from, each node after all nodes that use it."""
    uses, stack = {root: 0}, [root]
    while stack:
        for parent in stack.pop().parents:
            if parent in uses:
                uses[parent] += 1
            elif parent is not None:
                uses[parent] = 1
                stack.append(parent)
    ready = [root]
    while ready:
        node = ready.pop()
        yield node
        for parent in node.parents:
            if parent is not None:
                uses[parent] -= 1
                if not uses[parent]:
                    ready.append(parent)


def pull(node, g):
    """The gradients of the inputs of `node`, given the gradient `g` of `node`; None for inputs that want none."""
    if len(node.pullbacks) == len(node.parents):
        # One pullback per input: those nobody asked for are never run. Worth 1.5x on a first layer.
        return [None if parent is None else pullback(g) for parent, pullback in zip(node.parents, node.pullbacks)]
    (joint,) = node.pullbacks
    return joint(g)


def unbroadcast(g, like):
    """Sum `g` over the axes along which `like` was stretched: what was copied forward adds up backward."""
    if type(g) is not np.ndarray:
        g = np.asarray(g, like.dtype)
    if g.shape == like.shape:
        return g
    new = g.ndim - like.ndim
    stretched = tuple(axis for axis in range(g.ndim) if axis < new or like.shape[axis - new] == 1 != g.shape[axis])
    total = g.sum(axis=stretched, keepdims=True)
    if total.shape[max(new, 0):] != like.shape:
        raise ValueError(f"a pullback returned a gradient of shape {g.shape} for an input of shape {like.shape}")
    return total.reshape(like.shape)


def frozen(array):
    """`array`, closed to writing: one gradient may be shared by several leaves, so `p.grad *= 2` must not reach them all."""
    array = np.asarray(array)  # adding two arrays without axes gives a scalar
    array.flags.writeable = False
    return array


def floating(data):
    """`data` as an array of floats: floating arrays in this machine's order of bytes, everything else that is real as float32."""
    if isinstance(data, Tensor):
        return data.data
    array = real("a Tensor", data)
    if array.dtype.kind == "f" and isinstance(data, (np.ndarray, np.floating)):
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    return array.astype(np.float32)


def common_dtype(name, inputs):
    """The one dtype of the Tensors among `inputs`; of the first floating array where there is none."""
    dtype = None
    for x in inputs:
        if type(x) is Tensor:
            if dtype is None:
                dtype = x.data.dtype
            elif x.data.dtype is not dtype and x.data.dtype != dtype:
                raise TypeError(f"{name} was given Tensors of {dtype} and {x.data.dtype}: make them one dtype first")
    if dtype is None:
        arrays = (x for x in inputs if isinstance(x, np.ndarray) and x.dtype.kind == "f")
        dtype = next((x.dtype.newbyteorder("=") for x in arrays), np.dtype(np.float32))
    return dtype


def constant(name, x, dtype, several):
    """`x` as an array of `dtype`."""
    if isinstance(x, (list, tuple)) and any(isinstance(part, (Tensor, np.ndarray) if several else Tensor) for part in x):
        raise TypeError(f"{name} takes its inputs one by one, {name}(a, b), and was given a {type(x).__name__} of them: {name}(*inputs)")
    return real(name, x).astype(dtype, copy=False)


def explained(error, name, signature, arrays, settings):
    """`error` again, as one sentence that says which operation was given what."""
    try:
        signature.bind(*arrays, **settings)
    except TypeError as misuse:
        return TypeError(f"{name}{signature} was called with {len(arrays)} inputs and settings {sorted(settings)}: {misuse}")
    shapes = ", ".join(str(array.shape) for array in arrays)
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(f"{name} was given shapes {shapes}: {error}")
