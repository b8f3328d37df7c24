"""Who is compared: this package, and the peers that are installed."""

import importlib.metadata
import importlib.util
import os

import numpy as np

PEERS = ("torch", "mygrad", "autograd")  # PyTorch eager, MyGrad, HIPS autograd; each is its module's and its package's name

# Every library reads its number of threads once, when it is imported: so the process is started with these.
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS")


def absent(peers):
    """Those of `peers` that are not installed."""
    return [peer for peer in peers if importlib.util.find_spec(peer) is None]


def version(package):
    """Version of an installed package."""
    return importlib.metadata.version(package)


def environment(threads):
    """Environment variables of a process whose libraries may use `threads` threads."""
    return {**os.environ, **dict.fromkeys(THREAD_SETTINGS, str(threads)), "PYTHONWARNINGS": "ignore"}


class Adam:
    """Adam (Kingma & Ba 2015) on a list of arrays, in place: for the engines that bring no optimiser of their own."""

    def __init__(self, parameters, lr, betas=(0.9, 0.999), eps=1e-8):
        self.lr, self.betas, self.eps, self.t = lr, betas, eps, 0
        self.state = [(p, np.zeros_like(p), np.zeros_like(p)) for p in parameters]

    def step(self, gradients):
        """Change every parameter, given the gradients in the same order."""
        self.t += 1
        beta1, beta2 = self.betas
        rate, scale = self.lr / (1 - beta1**self.t), (1 - beta2**self.t) ** 0.5
        for (p, m, v), g in zip(self.state, gradients):
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * (g * g)
            p -= rate * m / (np.sqrt(v) / scale + self.eps)


def training(optimiser, loss):
    """`step` of this package and of PyTorch, which share these five words; `loss()` computes what shall fall."""

    def step():
        optimiser.zero_grad()
        value = loss()
        value.backward()
        optimiser.step()
        return value.item()

    return step


def descending(value_and_gradients, parameters, optimiser):
    """`step` of HIPS autograd, whose gradients come as a list in the order of `parameters`."""

    def step():
        value, gradients = value_and_gradients(parameters)
        optimiser.step(gradients)
        return float(value)

    return step
