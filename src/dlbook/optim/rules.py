"""The rules, each the one before plus an idea. Chapters *gradient descent* and *optimisers*.

θ are all parameters laid end to end in one vector, g their gradient, t the number of the step, from 1. Working on one
vector instead of parameter by parameter is faster, and lets each rule below read as it does in its paper.
"""

import math

import numpy as np

from ..autograd import Tensor
from ..settings import flag, number
from .optimiser import Optimiser


class SGD(Optimiser):
    """Stochastic gradient descent, with momentum and Nesterov's look ahead if asked.

    θ ← θ - η g; with momentum μ: v ← μ v + g, θ ← θ - η v; with Nesterov: θ ← θ - η (g + μ v).
    Weight decay λ adds λ θ to g (Robbins & Monro 1951; Polyak 1964; Nesterov 1983; Sutskever et al. 2013).

    >>> w = Tensor([1.0], requires_grad=True)
    >>> (w * w).backward()
    >>> SGD([w], lr=0.25).step()
    >>> w.data.tolist()
    [0.5]
    """

    def __init__(self, parameters, lr, *, momentum=0.0, nesterov=False, weight_decay=0.0):
        super().__init__(parameters, lr)
        self.momentum = number("momentum", momentum, 0, 1)
        self.weight_decay = number("weight_decay", weight_decay, 0)
        self.nesterov = flag("nesterov", nesterov)
        if self.nesterov and not momentum:
            raise ValueError("nesterov=True looks ahead along the momentum, and needs momentum above 0")
        self.v = self.zeros() if momentum else None

    def update(self, theta, g):
        if self.weight_decay:
            g = g + self.weight_decay * theta
        if self.momentum:
            self.v = self.momentum * self.v + g
            g = g + self.momentum * self.v if self.nesterov else self.v
        return theta - self.lr * g


class AdaGrad(Optimiser):
    """A learning rate for each parameter, smaller where gradients have been large (Duchi, Hazan & Singer 2011).

    s ← s + g², θ ← θ - η g / (√s + ε).

    >>> w = Tensor([3.0], requires_grad=True)
    >>> (w * w).backward()
    >>> AdaGrad([w], lr=1.0).step()
    >>> w.data.tolist()
    [2.0]
    """

    def __init__(self, parameters, lr=0.01, *, eps=1e-10):
        super().__init__(parameters, lr)
        self.eps = number("eps", eps, 0)
        self.s = self.zeros()

    def update(self, theta, g):
        self.s = self.s + g * g
        return theta - self.lr * g / (np.sqrt(self.s) + self.eps)


class RMSProp(Optimiser):
    """AdaGrad that forgets: a moving average of g² instead of its sum (Tieleman & Hinton 2012).

    s ← ρ s + (1 - ρ) g², θ ← θ - η g / (√s + ε).

    >>> w = Tensor([3.0], requires_grad=True)
    >>> (w * w).backward()
    >>> RMSProp([w], lr=0.1).step()
    >>> round(w.item(), 3)
    2.0
    """

    def __init__(self, parameters, lr=0.01, *, rho=0.99, eps=1e-8):
        super().__init__(parameters, lr)
        self.rho = number("rho", rho, 0, 1)
        self.eps = number("eps", eps, 0)
        self.s = self.zeros()

    def update(self, theta, g):
        self.s = self.rho * self.s + (1 - self.rho) * (g * g)
        return theta - self.lr * g / (np.sqrt(self.s) + self.eps)


class Adam(Optimiser):
    """RMSProp with momentum, both averages corrected for having started at 0 (Kingma & Ba 2015).

    m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², θ ← θ - η m̂ / (√v̂ + ε) with m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ).

    >>> w = Tensor([3.0], requires_grad=True)
    >>> (w * w).backward()
    >>> Adam([w], lr=0.5).step()
    >>> round(w.item(), 3)
    2.5
    """

    def __init__(self, parameters, lr=0.001, *, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(parameters, lr)
        if np.shape(betas) != (2,):
            raise ValueError(f"betas must be two numbers from 0 to below 1, and are {betas!r}")
        self.betas = tuple(number("beta", beta, 0, 1) for beta in betas)
        self.eps = number("eps", eps, 0)
        self.m, self.v = self.zeros(), self.zeros()

    def update(self, theta, g):
        beta1, beta2 = self.betas
        # self.m and self.v hold m / (1 - β₁) and v / (1 - β₂). That, the corrections and η come to two numbers:
        # η m̂ / (√v̂ + ε) = rate · self.m / (√self.v + eps).
        scale = math.sqrt((1 - beta2) / (1 - beta2**self.t))
        rate = self.lr * (1 - beta1) / (1 - beta1**self.t) / scale
        eps = self.eps / scale
        self.m *= beta1
        self.m += g
        self.v *= beta2
        step = g * g
        self.v += step
        np.sqrt(self.v, out=step)
        step += eps
        np.divide(self.m, step, out=step)
        step *= rate
        return np.subtract(theta, step, out=step)


class AdamW(Adam):
    """Adam whose weight decay does not pass through the averages: θ ← (1 - η λ) θ first (Loshchilov & Hutter 2019).

    >>> w = Tensor([3.0], requires_grad=True)
    >>> (w * w).backward()
    >>> AdamW([w], lr=0.5, weight_decay=0.1).step()
    >>> round(w.item(), 3)
    2.35
    """

    def __init__(self, parameters, lr=0.001, *, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        super().__init__(parameters, lr, betas=betas, eps=eps)
        self.weight_decay = number("weight_decay", weight_decay, 0)

    def update(self, theta, g):
        return super().update((1 - self.lr * self.weight_decay) * theta, g)
