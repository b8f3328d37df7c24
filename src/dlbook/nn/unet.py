"""Images to images: the U-Net. Chapters *convolutional networks* and *diffusion*.

Legend: N images, C channels, H × W pixels, E numbers in the vector that conditions the network.
"""

import numpy as np

from ..autograd import Tensor, floating
from ..functional import silu
from ..ops import concatenate
from ..pool import upsample2d
from ..settings import lengths, whole
from .layers import Linear
from .module import Module
from .normalisation import GroupNorm
from .vision import Conv2d


class UNet(Module):
    """Down to a few pixels that see the whole image, and up again, each level handed what it had on the way down.

    The handed-over features, laid beside the enlarged ones, bring back where things were (Ronneberger, Fischer & Brox 2015).
    The blocks are those of Ho, Jain & Abbeel (2020): residual, with group norm and SiLU, and each shifted by what the
    network is conditioned on. As there, last convolutions start at 0: at first blocks add nothing, and the network gives 0.

    Parameters
    ----------
    in_channels, out_channels : int
    widths : sequence of int
        Channels of each level; every level after the first has half the height and width of the one above.
    condition : int
        E, the length of the vector that comes with each image (a time, a class); 0 for a network without one.
    groups : int
        Of the group norms; it divides all widths.

    Raises
    ------
    ValueError
        If a setting is out of range, or groups of a single channel would take out the shifts of the condition again.

    >>> rng = np.random.default_rng(0)
    >>> UNet(1, 1, widths=[8, 16], condition=4, rng=rng)(np.ones((2, 1, 8, 8)), np.ones((2, 4))).shape
    (2, 1, 8, 8)
    >>> UNet(3, 2, widths=[8, 16, 32], rng=rng)(np.ones((2, 3, 16, 12))).shape
    (2, 2, 16, 12)
    """

    def __init__(self, in_channels, out_channels, *, rng, widths=(16, 32, 64), condition=0, groups=4, dtype=np.float32):
        widths = lengths("each of widths", widths)
        if not widths:
            raise ValueError("widths must list the channels of each level, and is []")
        self.condition = whole("condition", condition, 0)
        if self.condition and min(widths) == whole("groups", groups):
            raise ValueError(f"{groups} channels in {groups} groups: the norm takes out what a condition adds; use fewer groups")
        block = {"condition": self.condition, "groups": groups, "rng": rng, "dtype": dtype}
        self.enter = Conv2d(in_channels, widths[0], 3, padding=1, rng=rng, dtype=dtype)
        self.blocks = [UNetBlock(width, width, **block) for width in widths]
        self.down = [Conv2d(wide, deep, 3, stride=2, padding=1, rng=rng, dtype=dtype) for wide, deep in zip(widths, widths[1:])]
        self.up = [UNetBlock(deep + wide, wide, **block) for wide, deep in zip(widths, widths[1:])]
        self.norm = GroupNorm(groups, widths[0], dtype=dtype)
        self.leave = Conv2d(widths[0], out_channels, 3, padding=1, rng=rng, init=_zeros, dtype=dtype)

    def forward(self, x, condition=None):
        """(N, C, H, W), and (N, E) where the network is conditioned, to (N, O, H, W).

        Raises
        ------
        ValueError
            If the height or width cannot be halved once a level, or the condition does not fit the network.
        """
        x = self._checked(x)
        condition = self._conditioned(condition, len(x))
        x = self.enter(x)                                                       # (N, widths[0], H, W)
        skips = []
        for block, down in zip(self.blocks[:-1], self.down):
            skips.append(block(x, condition))
            x = down(skips[-1])                                                 # half as high and wide, next width
        x = self.blocks[-1](x, condition)
        for block, skip in zip(self.up[::-1], skips[::-1]):
            x = block(concatenate(upsample2d(x, factor=2), skip, axis=1), condition)
        return self.leave(silu(self.norm(x)))

    def _checked(self, x):
        x, channels, halved = self._tensor(x), self.enter.w.shape[1], 2 ** len(self.down)
        if x.ndim != 4 or x.shape[1] != channels:
            raise ValueError(f"this U-Net needs images (N, {channels}, H, W), and was given {x.shape}")
        if x.shape[2] % halved or x.shape[3] % halved or not x.size:
            raise ValueError(
                f"a U-Net of {len(self.blocks)} levels halves its images {len(self.down)} times: height and width must be "
                f"multiples of {halved}, and are {x.shape[2]} and {x.shape[3]}; pad the images, or use fewer levels")
        return x

    def _conditioned(self, condition, n):
        if condition is None and not self.condition:
            return None
        if condition is None or not self.condition:
            called = "without one: pass a vector for each image" if condition is None else "with one: make it with condition=E"
            raise ValueError(f"this U-Net was made with condition={self.condition}, and was called {called}")
        condition = self._tensor(condition)
        if condition.shape != (n, self.condition):
            raise ValueError(f"{n} images need a condition ({n}, {self.condition}), and it has shape {condition.shape}")
        return condition

    def _tensor(self, x):
        """`x` as it is, or a plain array in the dtype of the parameters."""
        return x if isinstance(x, Tensor) else Tensor(floating(x).astype(self.enter.w.dtype, copy=False))


class UNetBlock(Module):
    """x + F(x), F being norm, SiLU and convolution, twice; the condition shifts the channels in between (Ho et al. 2020).

    Parameters
    ----------
    in_channels, out_channels : int
        Where they differ, a 1 × 1 convolution takes x along.
    condition : int
        Length of the vector that conditions; 0 for none.
    groups : int

    >>> block = UNetBlock(4, 8, condition=3, groups=2, rng=np.random.default_rng(0))
    >>> block(np.ones((2, 4, 6, 5), np.float32), np.ones((2, 3), np.float32)).shape
    (2, 8, 6, 5)
    """

    def __init__(self, in_channels, out_channels, *, rng, condition=0, groups=4, dtype=np.float32):
        self.condition = whole("condition", condition, 0)
        self.norm1 = GroupNorm(groups, whole("in_channels", in_channels), dtype=dtype)
        self.conv1 = Conv2d(in_channels, out_channels, 3, padding=1, rng=rng, dtype=dtype)
        self.shift = Linear(condition, out_channels, rng=rng, dtype=dtype) if condition else None
        self.norm2 = GroupNorm(groups, out_channels, dtype=dtype)
        self.conv2 = Conv2d(out_channels, out_channels, 3, padding=1, rng=rng, init=_zeros, dtype=dtype)
        self.shortcut = None if in_channels == out_channels else Conv2d(in_channels, out_channels, 1, rng=rng, dtype=dtype)

    def forward(self, x, condition=None):
        """(N, C, H, W) and (N, E) to (N, O, H, W).

        Raises
        ------
        ValueError
            If there is no vector (E,) for each image, or one though the block was made without.
        """
        y = self.conv1(silu(self.norm1(x)))
        given = None if condition is None else condition.shape if isinstance(condition, Tensor) else floating(condition).shape
        if given != (None if self.shift is None else (len(x), self.condition)):
            raise ValueError(f"this block was made with condition={self.condition}, and was given {len(x)} images, condition {given}")
        if self.shift is not None:
            y = y + self.shift(silu(condition)).reshape(len(x), -1, 1, 1)
        y = self.conv2(silu(self.norm2(y)))
        return y + (x if self.shortcut is None else self.shortcut(x))


def _zeros(shape, *, rng, dtype):
    return np.zeros(shape, dtype)
