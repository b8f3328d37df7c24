"""A step of a denoising diffusion model on points in the plane (Ho, Jain & Abbeel 2020). Adam.

The network sees a point that was noised to time t, and t as sines and cosines; it says which noise was added. `B` points.
"""

from functools import partial

import numpy as np

from . import plant
from .engines import Adam, descending
from .workload import Workload, product_flops

LR = 1e-3
BATCH, TIMES = 512, 1000
WAVES, HIDDEN = 32, 128  # numbers that tell the time, and units in each of three hidden layers
SHAPES = [(2, HIDDEN), (HIDDEN,), (WAVES, HIDDEN), (HIDDEN,), *[(HIDDEN, HIDDEN), (HIDDEN,)] * 2, (HIDDEN, 2), (2,)]


def arrays(rng):
    """`points` and `noise` (B, 2), `t` (B,), `parameters`; for each time `keep` (T,), the signal left, and `waves` (T, 32)."""
    t = np.arange(TIMES)[:, None] * np.exp(-np.log(10_000) * np.linspace(0, 1, WAVES // 2))
    return {
        "points": rng.normal(size=(BATCH, 2)).astype(np.float32) * 0.5 + 1,
        "noise": rng.normal(size=(BATCH, 2)).astype(np.float32),
        "t": rng.integers(0, TIMES, BATCH),
        "keep": np.cumprod(1 - np.linspace(1e-4, 0.02, TIMES)).astype(np.float32),
        "waves": np.concatenate([np.sin(t), np.cos(t)], axis=1).astype(np.float32),
        "parameters": plant.drawn(rng, SHAPES),
    }


def in_dlbook(points, noise, t, keep, waves, parameters):
    """The step as a chapter writes it."""
    from dlbook import nn, optim
    from dlbook.functional import mse, silu

    class Denoiser(nn.Module):
        def __init__(self, rng):
            self.place, self.time = nn.Linear(2, HIDDEN, rng=rng), nn.Linear(WAVES, HIDDEN, rng=rng)
            self.rest = nn.MLP([HIDDEN, HIDDEN, HIDDEN, 2], activation=silu, rng=rng)

        def forward(self, x, time):
            return self.rest(silu(self.place(x) + self.time(time)))

    model = Denoiser(np.random.default_rng(0))

    def loss():
        kept = keep[t, None]
        return mse(model(np.sqrt(kept) * points + np.sqrt(1 - kept) * noise, waves[t]), targets=noise)

    return plant.in_dlbook(model, parameters, loss, partial(optim.Adam, lr=LR))


def in_torch(points, noise, t, keep, waves, parameters):
    """PyTorch eager, with its defaults."""
    import torch
    from torch import nn
    from torch.nn.functional import mse_loss, silu

    class Denoiser(nn.Module):
        def __init__(self):
            super().__init__()
            self.place, self.time = nn.Linear(2, HIDDEN), nn.Linear(WAVES, HIDDEN)
            self.rest = nn.Sequential(
                nn.Linear(HIDDEN, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, 2))

        def forward(self, x, time):
            return self.rest(silu(self.place(x) + self.time(time)))

    model = Denoiser()
    points, noise, t, keep, waves = map(torch.from_numpy, (points, noise, t, keep, waves))

    def loss():
        kept = keep[t, None]
        return mse_loss(model(torch.sqrt(kept) * points + torch.sqrt(1 - kept) * noise, waves[t]), noise)

    return plant.in_torch(model, parameters, loss, partial(torch.optim.Adam, lr=LR))


def in_mygrad(points, noise, t, keep, waves, parameters):
    """MyGrad, without its guard against writing into arrays, which costs time."""
    import mygrad
    from mygrad.nnet import sigmoid

    mygrad.turn_memory_guarding_off()
    p = [mygrad.tensor(a) for a in parameters]
    optimiser = Adam([a.data for a in p], lr=LR)

    def step():
        kept = keep[t, None]
        x = np.sqrt(kept) * points + np.sqrt(1 - kept) * noise
        z = mygrad.matmul(x, p[0]) + p[1] + mygrad.matmul(waves[t], p[2]) + p[3]
        for w, b in zip(p[4::2], p[5::2]):
            z = mygrad.matmul(z * sigmoid(z), w) + b
        value = mygrad.mean((z - noise) ** 2)
        value.backward()
        optimiser.step([a.grad for a in p])
        return value.item()

    return step


def in_autograd(points, noise, t, keep, waves, parameters):
    """HIPS autograd, composed formulas."""
    import autograd.numpy as np
    from autograd import value_and_grad

    optimiser = Adam(parameters, lr=LR)

    def loss(p):
        kept = keep[t, None]
        x = np.sqrt(kept) * points + np.sqrt(1 - kept) * noise
        z = np.dot(x, p[0]) + p[1] + np.dot(waves[t], p[2]) + p[3]
        for w, b in zip(p[4::2], p[5::2]):
            z = np.dot(z * (0.5 * np.tanh(0.5 * z) + 0.5), w) + b
        return np.mean((z - noise) ** 2)

    value_and_gradients = value_and_grad(loss)

    return descending(value_and_gradients, parameters, optimiser)


FLOPS = (
    product_flops(BATCH, 2, HIDDEN, input_gradient=False) + product_flops(BATCH, WAVES, HIDDEN, input_gradient=False)
    + 2 * product_flops(BATCH, HIDDEN, HIDDEN) + product_flops(BATCH, HIDDEN, 2)
)
ENGINES = {"dlbook": in_dlbook, "torch": in_torch, "mygrad": in_mygrad, "autograd": in_autograd}
WORKLOADS = [Workload("ddpm", arrays, ENGINES, FLOPS)]
