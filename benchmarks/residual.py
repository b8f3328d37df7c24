"""A residual network of three blocks on small colour pictures (He et al. 2016), with batch norm. SGD with momentum.

A stem of 16 channels, then blocks of 16, 32 and 64 channels; the last two halve the picture. `B` is the batch.

MyGrad is left out, for its convolution refuses a step of 2 on pictures of even size; so is HIPS autograd, which has neither
a convolution with a step nor batch norm.
"""

from functools import partial

import numpy as np

from . import plant
from .workload import Workload, product_flops

LR, MOMENTUM = 0.05, 0.9
BATCH, CLASSES = 32, 10
STEM = 16
BLOCKS = [(16, 16, 1), (16, 32, 2), (32, 64, 2)]  # channels in, channels out, stride


def shapes():
    """Shapes of the parameters: the kernel and bias of a convolution, then gain and bias of its norm."""
    found = [(STEM, 3, 3, 3), (STEM,), (STEM,), (STEM,)]
    for c, o, stride in BLOCKS:
        found += [(o, c, 3, 3), (o,), (o,), (o,), (o, o, 3, 3), (o,), (o,), (o,)]
        if stride > 1:
            found += [(o, c, 1, 1), (o,)]
    return [*found, (o, CLASSES), (CLASSES,)]


def arrays(rng):
    """`x` (B, 3, 32, 32), `y` (B,) labels, and `parameters`."""
    x = rng.random((BATCH, 3, 32, 32), dtype=np.float32)
    parameters = plant.drawn(rng, shapes())
    for before, p, after in zip(parameters, parameters[1:], parameters[2:]):
        if before.ndim == p.ndim == after.ndim == 1:  # kernel, bias, gain, bias: the middle one of three vectors is the gain
            p += 1
    return {"x": x, "y": rng.integers(0, CLASSES, BATCH), "parameters": parameters}


def in_dlbook(x, y, parameters):
    """The step as a chapter writes it."""
    from dlbook import nn, optim
    from dlbook.functional import cross_entropy
    from dlbook.ops import relu

    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(3, STEM, 3, padding=1, rng=rng), nn.BatchNorm(STEM), relu,
        *(nn.ResidualBlock(c, o, stride=stride, rng=rng) for c, o, stride in BLOCKS),
        lambda z: z.mean(axis=(2, 3)), nn.Linear(BLOCKS[-1][1], CLASSES, rng=rng),
    )
    optimiser = partial(optim.SGD, lr=LR, momentum=MOMENTUM)
    return plant.in_dlbook(model, parameters, lambda: cross_entropy(model(x), labels=y), optimiser)


def in_torch(x, y, parameters):
    """PyTorch eager, with its defaults."""
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy, relu

    class Block(nn.Module):
        def __init__(self, c, o, stride):
            super().__init__()
            self.conv1, self.norm1 = nn.Conv2d(c, o, 3, stride, padding=1), nn.BatchNorm2d(o)
            self.conv2, self.norm2 = nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o)
            self.shortcut = nn.Conv2d(c, o, 1, stride) if stride > 1 else nn.Identity()

        def forward(self, x):
            return relu(self.norm2(self.conv2(relu(self.norm1(self.conv1(x))))) + self.shortcut(x))

    model = nn.Sequential(
        nn.Conv2d(3, STEM, 3, padding=1), nn.BatchNorm2d(STEM), nn.ReLU(), *(Block(*block) for block in BLOCKS),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(BLOCKS[-1][1], CLASSES),
    )
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    optimiser = partial(torch.optim.SGD, lr=LR, momentum=MOMENTUM)
    return plant.in_torch(model, parameters, lambda: cross_entropy(model(x), y), optimiser)


def flops():
    """Operations in the products of one step."""
    size = 32
    total = product_flops(BATCH * size**2, 27, STEM, input_gradient=False) + product_flops(BATCH, BLOCKS[-1][1], CLASSES)
    for c, o, stride in BLOCKS:
        size //= stride
        total += product_flops(BATCH * size**2, 9 * c, o) + product_flops(BATCH * size**2, 9 * o, o)
        if stride > 1:
            total += product_flops(BATCH * size**2, c, o)
    return total


WORKLOADS = [Workload("residual", arrays, {"dlbook": in_dlbook, "torch": in_torch}, flops())]
