"""When our numbers are theirs, and how PyTorch's tensors become ours and back."""

import functools

import hypothesis
import numpy as np

from dlbook import Tensor

# Relative to the largest element of the array, or to 1: what cancels in a sum leaves an error of the size of its terms, and a
# sigmoid near 0 has one of the size of 1. About ten thousand roundings of float64, a hundred of float32, for two libraries
# add up in different orders.
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}


def check_same(ours, theirs, what="value"):
    """Shape, dtype and every number of two arrays agree.

    Raises
    ------
    AssertionError
        If not; the message says where.
    """
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape, f"{what}: shape {ours.shape}, expected {theirs.shape}"
    assert ours.dtype == theirs.dtype, f"{what}: dtype {ours.dtype}, expected {theirs.dtype}"
    tolerance = TOLERANCE[str(theirs.dtype)]
    largest = np.abs(theirs[np.isfinite(theirs)]).max(initial=1)
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * largest, err_msg=what)


@functools.cache
def databases():
    """PyTorch's lists of what it tests itself with: operations, modules, optimisers. Slow to read: only in a test."""
    before = hypothesis.settings.default
    from torch.testing._internal.common_methods_invocations import op_db
    from torch.testing._internal.common_modules import module_db
    from torch.testing._internal.common_optimizers import optim_db

    # They come with a profile for hypothesis, of ten examples, and load it: the other tests of this process shall not notice.
    hypothesis.settings.register_profile("before", before)
    hypothesis.settings.load_profile("before")
    return op_db, module_db, optim_db


class Leaves:
    """PyTorch's tensors as Tensors of our own, and which came from which."""

    def __init__(self):
        self.pairs = []

    def take(self, thing):
        """`thing` with PyTorch's tensors turned into ours: floats into Tensors, whole numbers and Booleans into arrays."""
        import torch

        if isinstance(thing, (list, tuple)):
            return type(thing)([self.take(part) for part in thing])
        if not isinstance(thing, torch.Tensor):
            return thing
        for tensor, leaf in self.pairs:
            if tensor is thing:
                return leaf
        array = np.array(thing.detach().numpy())  # a copy: some of their functions write into what they are given
        if not thing.is_floating_point():
            return array
        leaf = Tensor(array, requires_grad=thing.requires_grad)
        self.pairs.append((thing, leaf))
        return leaf

    def check_gradients(self, ours, theirs):
        """Weigh the two outputs with the same numbers, go backward through both, compare the gradient of every input."""
        import torch

        pairs = [(tensor, leaf) for tensor, leaf in self.pairs if leaf.requires_grad]
        assert pairs, "nothing here requires a gradient"
        seed = np.array(np.random.default_rng(0).normal(size=ours.shape), ours.dtype)
        ours.backward(seed)
        expected = torch.autograd.grad(theirs, [tensor for tensor, _ in pairs], torch.from_numpy(seed), allow_unused=True)
        for number, ((_, leaf), d) in enumerate(zip(pairs, expected, strict=True)):
            if d is not None or leaf.grad is not None:
                assert leaf.grad is not None, f"input {number} has no gradient"
                assert d is not None, f"input {number} has a gradient, and PyTorch says it has none"
                check_same(leaf.grad, d.numpy(), f"gradient of input {number}")


def fixed(leaf):
    """The array in `leaf`, which we do not differentiate: targets, moments, a number that is a setting to us."""
    leaf.requires_grad = False
    return leaf.data
