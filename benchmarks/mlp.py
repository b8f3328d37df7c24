"""Multilayer perceptrons: the network of *project: a network in NumPy*, and one so small that only overhead counts.

ReLU between the layers, Adam; softmax cross-entropy over classes, or binary cross-entropy where there is one output.
`B` is the batch; sizes run from the input to the output.
"""

from functools import partial

import numpy as np

from .engines import Adam, descending, training
from .workload import Workload, product_flops

LR = 1e-3


def arrays(rng, *, sizes, batch):
    """`x` (B, in), `y` (B,) labels or (B, 1) targets, and `parameters` [w, b, w, b, ...] with He's initial weights."""
    x = rng.random((batch, sizes[0]), dtype=np.float32)
    if sizes[-1] == 1:
        y = (x[:, :1] > x[:, 1:2]).astype(np.float32)
    else:
        y = rng.integers(0, sizes[-1], batch)
    parameters = []
    for inner, columns in zip(sizes, sizes[1:]):
        parameters.append(rng.normal(0, (2 / inner) ** 0.5, (inner, columns)).astype(np.float32))
        parameters.append(np.zeros(columns, np.float32))
    return {"x": x, "y": y, "parameters": parameters}


def flops(sizes, batch):
    """Operations in the products of one step."""
    layers = enumerate(zip(sizes, sizes[1:]))
    return sum(product_flops(batch, inner, columns, input_gradient=layer > 0) for layer, (inner, columns) in layers)


def in_dlbook(x, y, parameters):
    """The step as a chapter writes it."""
    from dlbook import nn, optim
    from dlbook.functional import binary_cross_entropy, cross_entropy

    model = nn.MLP([x.shape[1], *(b.size for b in parameters[1::2])], rng=np.random.default_rng(0))
    model.load_state(dict(zip(model.state(), parameters)))
    loss = partial(cross_entropy, labels=y) if y.ndim == 1 else partial(binary_cross_entropy, targets=y)
    optimiser = optim.Adam(model.parameters(), lr=LR)

    return training(optimiser, lambda: loss(model(x)))


def in_torch(x, y, parameters):
    """PyTorch eager, with its defaults."""
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

    layers = []
    for w, b in zip(parameters[::2], parameters[1::2]):
        linear = torch.nn.Linear(*w.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(w.T))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    loss = cross_entropy if y.ndim == 1 else binary_cross_entropy_with_logits
    optimiser = torch.optim.Adam(model.parameters(), lr=LR)

    return training(optimiser, lambda: loss(model(x), y))


def in_mygrad(x, y, parameters):
    """MyGrad, without its guard against writing into arrays: its manual says that the guard costs time."""
    import mygrad
    from mygrad.nnet import relu, softmax_crossentropy

    mygrad.turn_memory_guarding_off()
    tensors = [mygrad.tensor(p) for p in parameters]
    optimiser = Adam([t.data for t in tensors], lr=LR)

    def loss(z):
        if y.ndim == 1:
            return softmax_crossentropy(z, y)
        return mygrad.mean(mygrad.logaddexp(z, 0) - z * y)

    def step():
        z = mygrad.matmul(x, tensors[0]) + tensors[1]
        for w, b in zip(tensors[2::2], tensors[3::2]):
            z = mygrad.matmul(relu(z), w) + b
        value = loss(z)
        value.backward()
        optimiser.step([t.grad for t in tensors])
        return value.item()

    return step


def in_autograd(x, y, parameters):
    """HIPS autograd, the composed formulas that its examples use."""
    import autograd.numpy as np
    from autograd import value_and_grad

    optimiser = Adam(parameters, lr=LR)
    rows = np.arange(len(x))

    def loss(parameters):
        z = np.dot(x, parameters[0]) + parameters[1]
        for w, b in zip(parameters[2::2], parameters[3::2]):
            z = np.dot(np.maximum(z, 0), w) + b
        if y.ndim == 1:
            z = z - np.max(z, axis=1, keepdims=True)
            return np.mean(np.log(np.sum(np.exp(z), axis=1)) - z[rows, y])
        return np.mean(np.logaddexp(z, 0) - z * y)

    value_and_gradients = value_and_grad(loss)

    return descending(value_and_gradients, parameters, optimiser)


def mlp(name, sizes, batch):
    """A workload of this family."""
    engines = {"dlbook": in_dlbook, "torch": in_torch, "mygrad": in_mygrad, "autograd": in_autograd}
    return Workload(name, partial(arrays, sizes=sizes, batch=batch), engines, flops(sizes, batch))


WORKLOADS = [
    mlp("mlp-64", (784, 128, 64, 10), 64),
    mlp("mlp-512", (784, 128, 64, 10), 512),
    mlp("tiny", (2, 16, 16, 1), 500),
]
