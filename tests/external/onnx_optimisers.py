"""ONNX's optimisers, said in ours; see `onnx_operators.py`."""

import math

import numpy as np

from dlbook import Tensor, optim


def stepped(make, memory):
    """One step on several parameters: R and T, then all X, all G and the memories of all; out come X and the memories."""

    def operator(rate, step, *arrays, **settings):
        n = len(arrays) // (2 + memory)
        xs, gs, *kept = (arrays[k * n:(k + 1) * n] for k in range(2 + memory))
        parameters = [Tensor(x.data, requires_grad=True) for x in xs]
        for p, g in zip(parameters, gs):
            p.grad = g.data
        optimiser, names, scales = make(parameters, float(rate.data), int(step), **settings)
        for name, scale, arrays in zip(names, scales, kept):
            setattr(optimiser, name, np.concatenate([a.data for a in arrays]) / np.float32(scale))
        optimiser.step()
        ends = np.cumsum([p.size for p in parameters])[:-1]
        memories = (getattr(optimiser, name) * np.float32(scale) for name, scale in zip(names, scales))
        return *parameters, *(part for memory in memories for part in np.split(memory, ends))

    return operator


def penalise(parameters, coefficient):
    """Add the gradient of coefficient · x² / 2, which our AdaGrad and Adam leave to the loss."""
    for p in parameters:
        p.grad = p.grad + coefficient * p.data


def adagrad(parameters, lr, step, *, epsilon, decay_factor=0.0, norm_coefficient=0.0):
    penalise(parameters, norm_coefficient)
    return optim.AdaGrad(parameters, lr / (1 + step * decay_factor), eps=epsilon), ["s"], [1.0]


def adam(parameters, lr, step, *, alpha, beta, epsilon, norm_coefficient=0.0):
    """ONNX leaves out the corrections at step 0, as ours fade out in time, and adds ε to √v before it corrects it, not after."""
    penalise(parameters, norm_coefficient)
    optimiser = optim.Adam(parameters, lr, betas=(alpha, beta), eps=epsilon / math.sqrt(1 - beta**step) if step else epsilon)
    optimiser.t = step - 1 if step else 10**6
    return optimiser, ["m", "v"], [1 - alpha, 1 - beta]  # ours keep the sums, theirs the means


def momentum(parameters, lr, step, *, alpha, beta, mode, norm_coefficient=0.0):
    """ONNX damps the gradient by `beta` from the second step on, which we do not."""
    assert beta == 1 or step == 0
    optimiser = optim.SGD(parameters, lr, momentum=alpha, nesterov=mode == "nesterov", weight_decay=norm_coefficient)
    return optimiser, ["v"], [1.0]


TABLE = {"Adagrad": stepped(adagrad, 1), "Adam": stepped(adam, 2), "Momentum": stepped(momentum, 1)}
