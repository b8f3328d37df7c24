"""LeNet-5 on pictures as large as MNIST's (LeCun et al. 1998), with ReLU and max pooling, as it is taught today. Adam.

`B` is the batch.
"""

from functools import partial

from numpy.lib.stride_tricks import sliding_window_view

from . import plant
from .engines import Adam, descending
from .workload import Workload, product_flops

LR = 3e-4
BATCH = 64
SHAPES = [(6, 1, 5, 5), (6,), (16, 6, 5, 5), (16,), (400, 120), (120,), (120, 84), (84,), (84, 10), (10,)]


def arrays(rng):
    """`x` (B, 1, 28, 28), `y` (B,) labels, and `parameters`."""
    x = rng.random((BATCH, 1, 28, 28), dtype="float32")
    return {"x": x, "y": rng.integers(0, 10, BATCH), "parameters": plant.drawn(rng, SHAPES)}


def in_dlbook(x, y, parameters):
    """The step as a chapter writes it."""
    import numpy as np

    from dlbook import nn, optim
    from dlbook.functional import cross_entropy
    from dlbook.ops import relu

    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2, rng=rng), relu, nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5, rng=rng), relu, nn.MaxPool2d(2),
        nn.Flatten(), nn.MLP([400, 120, 84, 10], rng=rng),
    )
    return plant.in_dlbook(model, parameters, lambda: cross_entropy(model(x), labels=y), partial(optim.Adam, lr=LR))


def in_torch(x, y, parameters):
    """PyTorch eager, with its defaults."""
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy

    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    return plant.in_torch(model, parameters, lambda: cross_entropy(model(x), y), partial(torch.optim.Adam, lr=LR))


def in_mygrad(x, y, parameters):
    """MyGrad with its own convolution and pooling, and without its guard against writing into arrays, which costs time."""
    import mygrad
    from mygrad.nnet import conv_nd, max_pool, relu, softmax_crossentropy

    mygrad.turn_memory_guarding_off()
    k1, c1, k2, c2, w1, b1, w2, b2, w3, b3 = tensors = [mygrad.tensor(p) for p in parameters]
    optimiser = Adam([t.data for t in tensors], lr=LR)

    def step():
        z = max_pool(relu(conv_nd(x, k1, stride=1, padding=2) + c1.reshape(-1, 1, 1)), (2, 2), 2)
        z = max_pool(relu(conv_nd(z, k2, stride=1) + c2.reshape(-1, 1, 1)), (2, 2), 2)
        z = relu(mygrad.matmul(z.reshape(BATCH, -1), w1) + b1)
        z = mygrad.matmul(relu(mygrad.matmul(z, w2) + b2), w3) + b3
        value = softmax_crossentropy(z, y)
        value.backward()
        optimiser.step([t.grad for t in tensors])
        return value.item()

    return step


def in_autograd(x, y, parameters):
    """HIPS autograd, pooling by reshape and max as in its example convnet.py; convolution as columns times a matrix.

    Its own `convolve` needs SciPy and sums the same windows by tensordot; the columns are a primitive of ten lines.
    """
    import autograd.numpy as np
    from autograd import value_and_grad
    from autograd.extend import defvjp, primitive

    optimiser = Adam(parameters, lr=LR)
    rows = np.arange(BATCH)
    wide = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)))

    @primitive
    def columns(z, k):
        """(N, C, H, W) as (N·OH·OW, C·K·K), the pixels under each place of the kernel in a row."""
        windows = sliding_window_view(z, (k, k), axis=(2, 3)).transpose(0, 2, 3, 1, 4, 5)  # (N, OH, OW, C, K, K)
        return windows.reshape(-1, z.shape[1] * k * k)

    def spread(_, z, k):
        def pull(g):
            n, c, h, w = z.shape
            oh, ow = h - k + 1, w - k + 1
            g = g.reshape(n, oh, ow, c, k, k)
            dz = np.zeros_like(z)
            for i, j in np.ndindex(k, k):
                dz[:, :, i : i + oh, j : j + ow] += g[..., i, j].transpose(0, 3, 1, 2)
            return dz

        return pull

    defvjp(columns, spread, argnums=[0])

    def convolved(z, w, b):
        n, _, height, width = z.shape
        o, _, k, _ = w.shape
        y = np.dot(columns(z, k), w.reshape(o, -1).T) + b
        return np.transpose(y.reshape(n, height - k + 1, width - k + 1, o), (0, 3, 1, 2))

    def pooled(z):
        n, c, h, w = z.shape
        return np.max(np.max(z.reshape(n, c, h // 2, 2, w // 2, 2), axis=3), axis=4)

    def loss(parameters):
        k1, c1, k2, c2, w1, b1, w2, b2, w3, b3 = parameters
        z = pooled(np.maximum(convolved(wide, k1, c1), 0))
        z = pooled(np.maximum(convolved(z, k2, c2), 0)).reshape(BATCH, -1)
        z = np.maximum(np.dot(np.maximum(np.dot(z, w1) + b1, 0), w2) + b2, 0)
        z = np.dot(z, w3) + b3
        z = z - np.max(z, axis=1, keepdims=True)
        return np.mean(np.log(np.sum(np.exp(z), axis=1)) - z[rows, y])

    value_and_gradients = value_and_grad(loss)

    return descending(value_and_gradients, parameters, optimiser)


FLOPS = (
    product_flops(BATCH * 28 * 28, 25, 6, input_gradient=False) + product_flops(BATCH * 10 * 10, 150, 16)
    + product_flops(BATCH, 400, 120) + product_flops(BATCH, 120, 84) + product_flops(BATCH, 84, 10)
)
ENGINES = {"dlbook": in_dlbook, "torch": in_torch, "mygrad": in_mygrad, "autograd": in_autograd}
WORKLOADS = [Workload("lenet", arrays, ENGINES, FLOPS)]
