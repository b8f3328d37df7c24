"""Layers that keep signals at a healthy size, and dropout. Chapters *normalisation* and *regularisation*."""

import numpy as np

from ..autograd import Tensor
from ..functional import batch_norm, dropout, group_norm, layer_norm, rms_norm
from ..settings import floats, generator, number, whole
from .module import Module


class LayerNorm(Module):
    """`functional.layer_norm` with a learned gain and bias. Input and output (..., features).

    >>> LayerNorm(4)(np.ones((2, 4), np.float32)).shape
    (2, 4)
    """

    def __init__(self, features, *, eps=1e-5, dtype=np.float32):
        self.gain, self.bias = _gain(features, dtype), _bias(features, dtype)
        self.eps = number("eps", eps, 0)

    def forward(self, x):
        """Each row of `x` normalised."""
        return layer_norm(x, self.gain, self.bias, eps=self.eps)


class RMSNorm(Module):
    """`functional.rms_norm` with a learned gain. Input and output (..., features).

    >>> RMSNorm(4)(np.ones((2, 4), np.float32)).shape
    (2, 4)
    """

    def __init__(self, features, *, eps=1e-5, dtype=np.float32):
        self.gain = _gain(features, dtype)
        self.eps = number("eps", eps, 0)

    def forward(self, x):
        """Each row of `x` divided by its root mean square."""
        return rms_norm(x, self.gain, eps=self.eps)


class GroupNorm(Module):
    """`functional.group_norm` with a learned gain and bias. Input and output (N, channels, ...).

    >>> GroupNorm(2, 4)(np.ones((2, 4, 3, 3), np.float32)).shape
    (2, 4, 3, 3)
    """

    def __init__(self, groups, channels, *, eps=1e-5, dtype=np.float32):
        if whole("channels", channels) % whole("groups", groups):
            raise ValueError(f"{channels} channels cannot be divided into {groups} groups of equal size")
        self.gain, self.bias = _gain(channels, dtype), _bias(channels, dtype)
        self.groups, self.eps = int(groups), number("eps", eps, 0)

    def forward(self, x):
        """Each group of channels of each image normalised."""
        return group_norm(x, self.gain, self.bias, groups=self.groups, eps=self.eps)


class BatchNorm(Module):
    """`functional.batch_norm` that remembers: in training it normalises by the batch, in evaluation by a running average.

    Parameters
    ----------
    channels : int
    momentum : float
        Share of the newest batch in the running average, which uses the unbiased variance, as is the custom.

    Input and output (N, channels, ...).

    >>> BatchNorm(4)(np.ones((2, 4, 3, 3), np.float32)).shape
    (2, 4, 3, 3)
    """

    def __init__(self, channels, *, momentum=0.1, eps=1e-5, dtype=np.float32):
        self.gain, self.bias = _gain(channels, dtype), _bias(channels, dtype)
        self.running_mean, self.running_variance = np.zeros(channels, dtype), np.ones(channels, dtype)
        self.momentum, self.eps = number("momentum", momentum, 0, 1), number("eps", eps, 0)

    def forward(self, x):
        """Each channel of `x` normalised."""
        if self.training:
            return batch_norm(x, self.gain, self.bias, eps=self.eps, observe=self._follow)
        return batch_norm(x, self.gain, self.bias, eps=self.eps, moments=(self.running_mean, self.running_variance))

    def _follow(self, mean, variance, count):
        self.running_mean = self._moved(self.running_mean, mean)
        self.running_variance = self._moved(self.running_variance, variance * (count / (count - 1)))

    def _moved(self, average, new):
        return ((1 - self.momentum) * average + self.momentum * new).astype(average.dtype)


class Dropout(Module):
    """`functional.dropout` in training, nothing in evaluation.

    >>> Dropout(0.5, rng=np.random.default_rng(0)).eval()(np.ones(3, np.float32))
    array([1., 1., 1.], dtype=float32)
    """

    def __init__(self, rate, *, rng):
        self.rate, self.rng = number("rate", rate, 0, 1), generator(rng)

    def forward(self, x):
        """`x` with some elements dropped."""
        return dropout(x, rate=self.rate, rng=self.rng) if self.training and self.rate else x


def _gain(n, dtype):
    return Tensor(np.ones(whole("features or channels", n), floats("dtype", dtype)), requires_grad=True)


def _bias(n, dtype):
    return Tensor(np.zeros(n, dtype), requires_grad=True)
