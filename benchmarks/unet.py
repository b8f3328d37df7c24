"""U-Nets that denoise grey pictures of 8 × 8 and 16 × 16 pixels (Ronneberger et al. 2015; Ho, Jain & Abbeel 2020). Adam.

On the way down a block at each size, on the way up another that also sees what the way down had there; the time of the
diffusion enters every block. A block is x + F(x) with group norm, SiLU and convolution, twice. `B` is the batch.

MyGrad and HIPS autograd are left out: neither has group norm or upsampling, and what would be timed is how we compose them.
"""

from functools import partial

import numpy as np

from . import plant
from .workload import Workload, product_flops

LR = 1e-3
WAVES, GROUPS = 32, 8  # numbers that tell the time; groups of a norm


def plan(channels):
    """(channels in, channels out, level) of each block, in order: down, the middle, up."""
    last = len(channels) - 1
    down = [(channels[max(0, k - 1)], c, k) for k, c in enumerate(channels)]
    up = [(channels[min(last, k + 1)] + channels[k], channels[k], k) for k in reversed(range(last))]
    return down, up


def shapes(channels):
    """Shapes of the parameters."""
    first = channels[0]
    found = [(first, 1, 3, 3), (first,)]
    for c, o, _ in sum(plan(channels), []):
        found += [(c,), (c,), (o, c, 3, 3), (o,), (WAVES, o), (o,), (o,), (o,), (o, o, 3, 3), (o,)]
        if c != o:
            found += [(o, c, 1, 1), (o,)]
    return [*found, (first,), (first,), (1, first, 3, 3), (1,)]


def arrays(rng, *, size, channels, batch):
    """`x` noisy pictures and `noise` (B, 1, size, size), `time` (B, 32), and `parameters`."""
    parameters = plant.drawn(rng, shapes(channels))
    for p, after, third in zip(parameters, parameters[1:], parameters[2:]):
        if p.ndim == after.ndim == 1 and third.ndim == 4:  # gain, bias, kernel
            p += 1
    return {
        "x": rng.normal(size=(batch, 1, size, size)).astype(np.float32),
        "noise": rng.normal(size=(batch, 1, size, size)).astype(np.float32),
        "time": rng.normal(size=(batch, WAVES)).astype(np.float32),
        "channels": channels,
        "parameters": parameters,
    }


def in_dlbook(x, noise, time, channels, parameters):
    """The step as a chapter writes it."""
    from dlbook import nn, optim
    from dlbook.functional import mse, silu
    from dlbook.ops import concatenate
    from dlbook.pool import avg_pool2d, upsample2d

    class Block(nn.Module):
        def __init__(self, c, o, rng):
            self.norm1, self.conv1 = nn.GroupNorm(GROUPS, c), nn.Conv2d(c, o, 3, padding=1, rng=rng)
            self.time = nn.Linear(WAVES, o, rng=rng)
            self.norm2, self.conv2 = nn.GroupNorm(GROUPS, o), nn.Conv2d(o, o, 3, padding=1, rng=rng)
            self.shortcut = nn.Conv2d(c, o, 1, rng=rng) if c != o else lambda x: x

        def forward(self, x, time):
            y = self.conv1(silu(self.norm1(x)))
            y = y + self.time(time).reshape(*y.shape[:2], 1, 1)
            return self.conv2(silu(self.norm2(y))) + self.shortcut(x)

    class UNet(nn.Module):
        def __init__(self, rng):
            down, up = plan(channels)
            self.enter = nn.Conv2d(1, channels[0], 3, padding=1, rng=rng)
            self.down, self.up = ([Block(c, o, rng) for c, o, _ in way] for way in (down, up))
            self.norm, self.leave = nn.GroupNorm(GROUPS, channels[0]), nn.Conv2d(channels[0], 1, 3, padding=1, rng=rng)

        def forward(self, x, time):
            x, seen = self.enter(x), []
            for block in self.down:
                x = block(avg_pool2d(x, size=2) if seen else x, time)
                seen.append(x)
            for block, before in zip(self.up, seen[-2::-1]):
                x = block(concatenate(upsample2d(x, factor=2), before, axis=1), time)
            return self.leave(silu(self.norm(x)))

    model = UNet(np.random.default_rng(0))
    return plant.in_dlbook(model, parameters, lambda: mse(model(x, time), targets=noise), partial(optim.Adam, lr=LR))


def in_torch(x, noise, time, channels, parameters):
    """PyTorch eager, with its defaults."""
    import torch
    from torch import nn
    from torch.nn.functional import avg_pool2d, interpolate, mse_loss, silu

    class Block(nn.Module):
        def __init__(self, c, o):
            super().__init__()
            self.norm1, self.conv1 = nn.GroupNorm(GROUPS, c), nn.Conv2d(c, o, 3, padding=1)
            self.time = nn.Linear(WAVES, o)
            self.norm2, self.conv2 = nn.GroupNorm(GROUPS, o), nn.Conv2d(o, o, 3, padding=1)
            self.shortcut = nn.Conv2d(c, o, 1) if c != o else nn.Identity()

        def forward(self, x, time):
            y = self.conv1(silu(self.norm1(x)))
            y = y + self.time(time)[:, :, None, None]
            return self.conv2(silu(self.norm2(y))) + self.shortcut(x)

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            down, up = plan(channels)
            self.enter = nn.Conv2d(1, channels[0], 3, padding=1)
            self.down, self.up = (nn.ModuleList(Block(c, o) for c, o, _ in way) for way in (down, up))
            self.norm, self.leave = nn.GroupNorm(GROUPS, channels[0]), nn.Conv2d(channels[0], 1, 3, padding=1)

        def forward(self, x, time):
            x, seen = self.enter(x), []
            for block in self.down:
                x = block(avg_pool2d(x, 2) if seen else x, time)
                seen.append(x)
            for block, before in zip(self.up, seen[-2::-1]):
                x = block(torch.cat([interpolate(x, scale_factor=2), before], dim=1), time)
            return self.leave(silu(self.norm(x)))

    model = UNet()
    x, noise, time = map(torch.from_numpy, (x, noise, time))
    return plant.in_torch(model, parameters, lambda: mse_loss(model(x, time), noise), partial(torch.optim.Adam, lr=LR))


def flops(size, channels, batch):
    """Operations in the products of one step."""
    ends = batch * size**2
    total = product_flops(ends, 9, channels[0], input_gradient=False) + product_flops(ends, 9 * channels[0], 1)
    for c, o, level in sum(plan(channels), []):
        rows = batch * (size >> level) ** 2
        total += product_flops(rows, 9 * c, o) + product_flops(rows, 9 * o, o)
        total += product_flops(batch, WAVES, o, input_gradient=False)
        if c != o:
            total += product_flops(rows, c, o)
    return total


def unet(size, channels, batch):
    """A workload of this family."""
    given = {"size": size, "channels": channels, "batch": batch}
    return Workload(f"unet-{size}", partial(arrays, **given), {"dlbook": in_dlbook, "torch": in_torch}, flops(**given))


WORKLOADS = [unet(8, (32, 64), 64), unet(16, (32, 64, 64), 32)]
