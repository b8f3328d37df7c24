"""What convolutions are made of: kernels laid on images, sums of products, few images at a time.

Images are (N, H, W, C) here and kernels (KH, KW, C, O), channels last, so that the numbers of one pixel are neighbours.

The sum over a kernel is taken a row of it at a time: the KW pixels under the row are copied side by side, and one matrix
product with the (KW·C, O) weights of the row does the rest. That copies each image KW times, where *im2col* copies it
KH·KW times. A few images are padded, copied and multiplied before the next are touched, so that all of it stays in cache;
and that is the work that threads share.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..parallel import blocks, each
from ..settings import pair

CACHE = 1 << 18  # copied numbers to work on at a time
THIN = 16  # below this many numbers in a kernel row, products are too small to be fast: copy whole patches instead
SMALL = 10**6  # a product of no more multiplications OpenBLAS takes as it comes, a fifth faster than one that it repacks first


@dataclass(frozen=True)
class Grid:
    """Where a kernel is put on an image: sizes and settings of one convolution, each a (vertical, horizontal) pair."""

    image: tuple
    kernel: tuple
    out: tuple
    stride: tuple
    padding: tuple
    dilation: tuple

    @classmethod
    def of(cls, x_shape, w_shape, stride, padding, dilation):
        """The grid for images of `x_shape` (N, C, H, W) under kernels of `w_shape` (O, C, KH, KW), all checked."""
        if len(x_shape) != 4 or len(w_shape) != 4 or x_shape[1] != w_shape[1]:
            raise ValueError("a 2-D convolution needs x (N, C, H, W) and w (O, C, KH, KW) with the same C")
        stride, padding, dilation = pair("stride", stride, 1), pair("padding", padding, 0), pair("dilation", dilation, 1)
        image, kernel = tuple(x_shape[2:]), tuple(w_shape[2:])
        reach = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel))
        out = tuple((n + 2 * p - r) // s + 1 for n, p, r, s in zip(image, padding, reach, stride))
        if min(kernel) < 1 or min(out) < 1:
            raise ValueError(f"a kernel that reaches over {reach} pixels does not fit an image of {image} with padding {padding}")
        return cls(image, kernel, out, stride, padding, dilation)

    @property
    def seen(self):
        """How many pixels the kernels reach over, in all."""
        return tuple(s * (n - 1) + d * (k - 1) + 1 for s, n, d, k in zip(self.stride, self.out, self.dilation, self.kernel))


def correlate(x, w, grid, bias=None):
    """(N, OH, OW, O): the sum of products of images and kernel at every place of the grid, plus a bias (O,)."""
    (oh, ow), o = grid.out, w.shape[-1]
    out = np.empty((len(x), oh * ow, o), x.dtype)
    weights = by_tap(w)
    biases = None if bias is None else np.tile(bias, ow)  # for a row of pixels at once: NumPy is slow where rows are short

    def work(some):
        y = out[some]
        for i, rows in enumerate(taps(padded(x[some], grid), w.shape, grid)):
            rows = split(rows, o)
            total = y.reshape(*rows.shape[:3], o)
            if i == 0:
                np.matmul(rows, weights[i], out=total)
            else:
                total += rows @ weights[i]
        if bias is not None:
            y = y.reshape(len(y), oh, ow * o)
            y += biases

    each(work, batches(x, w.shape, grid))
    return out.reshape(len(x), oh, ow, o)


def kernel_gradient(x, g, grid):
    """(KH, KW, C, O): what each weight saw, times what it should have changed, summed over all places."""
    shape = (*grid.kernel, x.shape[-1], g.shape[-1])
    g = g.reshape(len(g), math.prod(grid.out), g.shape[-1])

    def work(some):
        part = np.empty(shape, x.dtype)
        for total, rows in zip(by_tap(part), taps(padded(x[some], grid), shape, grid)):
            rows = split(rows, shape[-1])
            products = rows.swapaxes(-1, -2) @ g[some].reshape(*rows.shape[:3], shape[-1])
            np.add.reduce(products, axis=(0, 1), out=total)
        return part

    return sum(each(work, batches(x, shape, grid)), np.zeros(shape, x.dtype))


def spread(g, w, grid, bias=None):
    """(N, H, W, C): every pixel of g (N, OH, OW, O) stamps the kernel onto the image, plus a bias (C,).

    The gradient of `correlate`. Where the kernel goes on by one pixel, this is itself a correlation, with the kernel turned
    by 180° and its channels exchanged.
    """
    stamp = w.transpose(0, 1, 3, 2)  # (KH, KW, O, C)
    if grid.stride == (1, 1):
        around = tuple(d * (k - 1) - p for d, k, p in zip(grid.dilation, grid.kernel, grid.padding))
        grid = replace(grid, image=grid.out, out=grid.image, padding=around)
        return correlate(g, np.ascontiguousarray(stamp[::-1, ::-1]), grid, bias)
    stamp = np.ascontiguousarray(stamp)
    (h, w), (ph, pw), (sh, sw), (dh, dw), (oh, ow) = grid.image, grid.padding, grid.stride, grid.dilation, grid.out
    o, c = stamp.shape[2:]
    out = np.empty((len(g), h, w, c), g.dtype)

    def work(some):
        rows = split(g[some].reshape(-1, oh * ow, o), c)
        wide = np.zeros((len(rows), h + 2 * ph, w + 2 * pw, c), g.dtype)
        for i, j in np.ndindex(grid.kernel):
            down = slice(i * dh, i * dh + sh * (oh - 1) + 1, sh)
            across = slice(j * dw, j * dw + sw * (ow - 1) + 1, sw)
            wide[:, down, across] += (rows @ stamp[i, j]).reshape(len(rows), oh, ow, c)
        np.add(wide[:, ph : ph + h, pw : pw + w], 0 if bias is None else bias, out=out[some])

    each(work, batches(out, stamp.shape, grid))
    return out


def taps(x, w_shape, grid):
    """The pixels under each kernel row, (N, OH·OW, KW·C) for one row after the other; all rows at once where they are thin."""
    kh, kw, c, _ = w_shape
    (oh, ow), (sh, sw), (dh, dw) = grid.out, grid.stride, grid.dilation
    n, h, _, _ = x.shape
    s0, s1, s2, s3 = x.strides
    if kw * c < THIN:
        # One image row after the other for each tap, so that long stretches are copied; the product does not mind.
        patches = as_strided(x, (n, kh, kw, c, oh, ow), (s0, s1 * dh, s2 * dw, s3, s1 * sh, s2 * sw), writeable=False)
        yield patches.reshape(n, kh * kw * c, oh * ow).transpose(0, 2, 1)
        return
    bands = as_strided(x, (n, h, ow, kw, c), (s0, s1, s2 * sw, s2 * dw, s3), writeable=False)
    bands = np.ascontiguousarray(bands).reshape(n, h, ow, kw * c)
    for i in range(kh):
        yield bands[:, i * dh : i * dh + sh * (oh - 1) + 1 : sh].reshape(n, oh * ow, kw * c)


def by_tap(w):
    """Kernels (KH, KW, C, O) as the matrices that go with `taps`; a view."""
    kh, kw, c, o = w.shape
    return w.reshape(1, kh * kw * c, o) if kw * c < THIN else w.reshape(kh, kw * c, o)


def split(rows, columns):
    """(N, places, K) as (N, parts, places / parts, K), so that a part times a (K, columns) matrix is a small product; a view."""
    n, places, k = rows.shape
    fewest = max(1, -(-places * k * columns // SMALL))
    parts = next((p for p in range(fewest, places // 16 + 1) if places % p == 0), 1)
    return rows.reshape(n, parts, places // parts, k)


def batches(x, w_shape, grid):
    """Slices of the images whose copied pixels fit the cache."""
    kh, kw, c, o = w_shape
    (height, _), (oh, ow) = grid.seen, grid.out
    copied = kw * c * ow * (kh * oh if kw * c < THIN else height)
    return blocks(len(x), max(copied, o * oh * ow), CACHE)


def padded(x, grid):
    """What the kernels see of images (N, H, W, C): zeros around them, or less of them where the padding is negative."""
    if grid.padding == (0, 0) and grid.seen == x.shape[1:3]:
        return x
    wide = np.zeros((len(x), *grid.seen, x.shape[-1]), x.dtype)
    source, target = [slice(None)], [slice(None)]
    for p, m, n in zip(grid.padding, grid.seen, x.shape[1:3]):
        source.append(slice(max(0, -p), max(0, min(n, m - p))))
        target.append(slice(max(0, p), max(0, min(m, n + p))))
    wide[tuple(target)] = x[tuple(source)]
    return wide


def channels_last(x):
    """(N, C, H, W) as (N, H, W, C), contiguous: a view of what a layer of this package made, a copy of anything else."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def channels_first(x):
    """(N, H, W, C) as (N, C, H, W), a view."""
    return x.transpose(0, 3, 1, 2)


def kernel_last(w):
    """(O, C, KH, KW) as (KH, KW, C, O), contiguous."""
    return np.ascontiguousarray(w.transpose(2, 3, 1, 0))


def kernel_first(w):
    """(KH, KW, C, O) as (O, C, KH, KW)."""
    return np.ascontiguousarray(w.transpose(3, 2, 0, 1))


def channel_sums(g):
    """(C,): the sum of each channel of g (N, C, H, W)."""
    n, c, h, w = g.shape
    # Not a product with ones, whose bits would depend on how many threads BLAS uses; images first, for long stretches of memory.
    return channels_last(g).reshape(n, h * w * c).sum(axis=0).reshape(h * w, c).sum(axis=0)
