"""Layers for images, and for signals. Chapters *convolution* and *convolutional networks*."""

import math

import numpy as np

from .. import init as initialisers
from ..autograd import Tensor
from ..conv import conv1d, conv2d, conv_transpose2d
from ..ops import relu
from ..pool import avg_pool2d, max_pool2d, upsample2d
from ..settings import floats, function, pair, whole
from .module import Module
from .normalisation import BatchNorm


class Conv1d(Module):
    """`conv.conv1d` with learned kernels and bias: (N, C, T) to (N, O, OT).

    Parameters
    ----------
    in_channels, out_channels, kernel : int
    stride, padding, dilation : as in `conv.conv1d`; padding "same" keeps the length (stride 1, odd reach)
    rng, init : as in `Linear`

    >>> Conv1d(1, 8, 3, padding="same", rng=np.random.default_rng(0))(np.ones((2, 1, 5), np.float32)).shape
    (2, 8, 5)
    """

    def __init__(
        self, in_channels, out_channels, kernel, *, rng, stride=1, padding=0, dilation=1,
        init=initialisers.he_normal, dtype=np.float32,
    ):
        kernel, self.stride, self.dilation = whole("kernel", kernel), whole("stride", stride), whole("dilation", dilation)
        (self.padding,) = _padding(padding, (kernel,), (self.stride,), (self.dilation,)) or (whole("padding", padding, 0),)
        shape = whole("out_channels", out_channels), whole("in_channels", in_channels), kernel
        self.w = Tensor(function("init", init)(shape, rng=rng, dtype=floats("dtype", dtype)), requires_grad=True)
        self.b = Tensor(np.zeros(shape[0], dtype), requires_grad=True)

    def forward(self, x):
        """Feature maps of the signals `x`."""
        return conv1d(x, self.w, self.b, stride=self.stride, padding=self.padding, dilation=self.dilation)


class Conv2d(Module):
    """`conv.conv2d` with learned kernels and bias: (N, C, H, W) to (N, O, OH, OW).

    Parameters
    ----------
    in_channels, out_channels : int
    kernel : int or pair of ints
    stride, padding, dilation : as in `conv.conv2d`; padding "same" keeps the image size (stride 1, odd reach)
    rng, init : as in `Linear`

    >>> Conv2d(1, 8, 3, padding="same", rng=np.random.default_rng(0))(np.ones((2, 1, 5, 6), np.float32)).shape
    (2, 8, 5, 6)
    """

    def __init__(
        self, in_channels, out_channels, kernel, *, rng, stride=1, padding=0, dilation=1,
        init=initialisers.he_normal, dtype=np.float32,
    ):
        kernel, stride, dilation = pair("kernel", kernel), pair("stride", stride), pair("dilation", dilation)
        padding = _padding(padding, kernel, stride, dilation) or pair("padding", padding, 0)
        shape = whole("out_channels", out_channels), whole("in_channels", in_channels), *kernel
        self.w = Tensor(function("init", init)(shape, rng=rng, dtype=floats("dtype", dtype)), requires_grad=True)
        self.b = Tensor(np.zeros(shape[0], dtype), requires_grad=True)
        self.stride, self.padding, self.dilation = stride, padding, dilation

    def forward(self, x):
        """Feature maps of the images `x`."""
        return conv2d(x, self.w, self.b, stride=self.stride, padding=self.padding, dilation=self.dilation)


class ConvTranspose2d(Module):
    """`conv.conv_transpose2d` with learned kernels and bias: (N, C, H, W) to (N, O, OH, OW), enlarging.

    Its kernels are (C, O, KH, KW), but what an output adds up are products with C channels: so they are drawn as (O, C, KH, KW),
    the shape from which `init` reads the fan-in, and turned. A stride s spreads the taps over s² outputs, which no `init` knows:
    for signals of unchanged size draw them s times as large.

    >>> ConvTranspose2d(8, 1, 2, stride=2, rng=np.random.default_rng(0))(np.ones((2, 8, 5, 6), np.float32)).shape
    (2, 1, 10, 12)
    """

    def __init__(
        self, in_channels, out_channels, kernel, *, rng, stride=1, padding=0, output_padding=0, dilation=1,
        init=initialisers.he_normal, dtype=np.float32,
    ):
        kernel = pair("kernel", kernel)
        shape = whole("out_channels", out_channels), whole("in_channels", in_channels), *kernel
        drawn = function("init", init)(shape, rng=rng, dtype=floats("dtype", dtype))
        self.w = Tensor(np.ascontiguousarray(drawn.swapaxes(0, 1)), requires_grad=True)
        self.b = Tensor(np.zeros(shape[0], dtype), requires_grad=True)
        self.settings = {
            "stride": pair("stride", stride), "padding": pair("padding", padding, 0),
            "output_padding": pair("output_padding", output_padding, 0), "dilation": pair("dilation", dilation),
        }

    def forward(self, x):
        """Enlarged feature maps of `x`."""
        return conv_transpose2d(x, self.w, self.b, **self.settings)


class MaxPool2d(Module):
    """`pool.max_pool2d` as a layer.

    >>> MaxPool2d(2)(np.ones((2, 3, 4, 6), np.float32)).shape
    (2, 3, 2, 3)
    """

    def __init__(self, size, *, stride=None, padding=0):
        self.settings = _window(size, stride, padding)

    def forward(self, x):
        """The largest value of each window."""
        return max_pool2d(x, **self.settings)


class AvgPool2d(Module):
    """`pool.avg_pool2d` as a layer.

    >>> AvgPool2d(2)(np.ones((2, 3, 4, 6), np.float32)).shape
    (2, 3, 2, 3)
    """

    def __init__(self, size, *, stride=None, padding=0):
        self.settings = _window(size, stride, padding)

    def forward(self, x):
        """The mean of each window."""
        return avg_pool2d(x, **self.settings)


class Upsample2d(Module):
    """`pool.upsample2d` as a layer.

    >>> Upsample2d(2)(np.ones((2, 3, 4, 6), np.float32)).shape
    (2, 3, 8, 12)
    """

    def __init__(self, factor):
        self.factor = pair("factor", factor)

    def forward(self, x):
        """Each pixel repeated."""
        return upsample2d(x, factor=self.factor)


class Flatten(Module):
    """All axes but the first laid end to end: (N, ...) to (N, features).

    >>> Flatten()(Tensor(np.ones((2, 3, 4)))).shape
    (2, 12)
    """

    def forward(self, x):
        """`x` as rows."""
        x = x if isinstance(x, Tensor) else Tensor(x)
        if not x.ndim:
            raise ValueError("Flatten needs examples (N, ...), and was given a single number")
        return x.reshape(len(x), math.prod(x.shape[1:]))


class ResidualBlock(Module):
    """x + F(x), F being two 3 × 3 convolutions with batch norm: easy to leave as it is, so deep stacks train (He et al. 2016).

    Where the number of channels or the size changes, a 1 × 1 convolution takes x along. `norm(channels, dtype=...)` makes
    the two norms: a class, or `functools.partial(GroupNorm, 8)`.

    >>> ResidualBlock(4, 8, stride=2, rng=np.random.default_rng(0))(np.ones((2, 4, 6, 6), np.float32)).shape
    (2, 8, 3, 3)
    """

    def __init__(self, in_channels, out_channels, *, rng, stride=1, norm=BatchNorm, dtype=np.float32):
        self.conv1 = Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, rng=rng, dtype=dtype)
        self.norm1 = function("norm", norm)(out_channels, dtype=dtype)
        self.conv2 = Conv2d(out_channels, out_channels, 3, padding=1, rng=rng, dtype=dtype)
        self.norm2 = norm(out_channels, dtype=dtype)
        same = self.conv1.stride == (1, 1) and in_channels == out_channels
        self.shortcut = None if same else Conv2d(in_channels, out_channels, 1, stride=stride, rng=rng, dtype=dtype)

    def forward(self, x):
        """The input plus what the two convolutions add to it."""
        y = relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return relu(y + (x if self.shortcut is None else self.shortcut(x)))


def _padding(padding, kernel, stride, dilation):
    """What padding "same" comes to on each axis, in pixels; None for any other padding."""
    if not isinstance(padding, str) or padding != "same":
        return None
    reach = [d * (k - 1) for d, k in zip(dilation, kernel)]
    if any(r % 2 for r in reach) or max(stride) > 1:
        raise ValueError(f'padding="same" needs stride 1 and kernels of odd reach, and was given {kernel} with stride {stride}')
    return tuple(r // 2 for r in reach)


def _window(size, stride, padding):
    """The settings of a pooling layer, checked."""
    size = pair("size", size)
    return {"size": size, "stride": size if stride is None else pair("stride", stride), "padding": pair("padding", padding, 0)}
