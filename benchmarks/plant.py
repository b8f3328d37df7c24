"""The same initial weights in every engine, and the step that all networks of layers share.

A family draws `parameters`, a list of arrays in the order in which its network uses them: kernels are (O, C, KH, KW),
matrices (in, out). Each engine's network lists its own parameters in that order too.
"""

import numpy as np

from .engines import training


def drawn(rng, shapes):
    """An array for each shape: He's initial weights, and zeros for biases, which have one axis."""
    return [
        np.zeros(shape, np.float32) if len(shape) == 1 else he(rng, shape, np.prod(shape[1:]) if len(shape) > 2 else shape[0])
        for shape in shapes
    ]


def he(rng, shape, fan_in):
    """Gaussian with variance 2 / fan-in."""
    return rng.normal(0, (2 / fan_in) ** 0.5, shape).astype(np.float32)


def in_dlbook(model, parameters, loss, optimiser):
    """`step` of a dlbook model; `loss()` is a Tensor, `optimiser` makes one from the parameters."""
    for p, array in zip(model.parameters(), parameters, strict=True):
        p.data = array
    optimiser = optimiser(model.parameters())

    return training(optimiser, loss)


def in_torch(model, parameters, loss, optimiser):
    """`step` of a PyTorch module; its matrices are (out, in)."""
    import torch

    with torch.no_grad():
        for p, array in zip(model.parameters(), parameters, strict=True):
            p.copy_(torch.from_numpy(array.T if array.ndim == 2 else array))
    optimiser = optimiser(model.parameters())

    return training(optimiser, loss)
