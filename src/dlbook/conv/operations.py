"""Convolution and its transpose. Images are (N, C, H, W) and kernels (O, C, KH, KW), as everywhere in the book.

Legend: N images, C channels in, O channels out, H × W pixels, KH × KW kernel, OH × OW pixels out.
"""

from dataclasses import replace

from ..autograd import op
from ..settings import pair, whole
from .correlation import (
    Grid, channel_sums, channels_first, channels_last, correlate, kernel_first, kernel_gradient, kernel_last, spread,
)


@op
def conv2d(x, w, b, *, stride=1, padding=0, dilation=1):
    """Cross-correlation of images with kernels, plus a bias for each output channel.

    Parameters
    ----------
    x : (N, C, H, W)
    w : (O, C, KH, KW)
    b : (O,)
    stride, padding, dilation : int or pair of ints (vertical, horizontal)
        Step of the kernel, zeros around the image, distance between the taps of the kernel.

    Returns
    -------
    (N, O, OH, OW) with OH = (H + 2 padding - dilation (KH - 1) - 1) // stride + 1, and OW likewise.

    Raises
    ------
    ValueError
        If channels disagree, a setting is out of range or the kernel is larger than the padded image.

    >>> import numpy as np
    >>> conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)), [0.5]).data.tolist()
    [[[[4.5, 4.5], [4.5, 4.5]]]]
    """
    grid = Grid.of(x.shape, w.shape, stride, padding, dilation)
    if b.shape != w.shape[:1]:
        raise ValueError(f"conv2d needs a bias (O,) = {w.shape[:1]}, and was given {b.shape}")
    images = channels_last(x)
    return (
        channels_first(correlate(images, kernel_last(w), grid, b)),
        lambda g: channels_first(spread(channels_last(g), kernel_last(w), grid)),
        lambda g: kernel_first(kernel_gradient(images, channels_last(g), grid)),
        channel_sums,
    )


@op
def conv1d(x, w, b, *, stride=1, padding=0, dilation=1):
    """Cross-correlation of signals with kernels, plus a bias for each output channel: `conv2d` on pictures one pixel high.

    Parameters
    ----------
    x : (N, C, T)
    w : (O, C, K)
    b : (O,)
    stride, padding, dilation : int
        Step of the kernel, zeros at both ends, distance between the taps of the kernel.

    Returns
    -------
    (N, O, OT) with OT = (T + 2 padding - dilation (K - 1) - 1) // stride + 1.

    Raises
    ------
    ValueError
        If channels disagree, a setting is out of range or the kernel is longer than the padded signal.

    >>> conv1d([[[1.0, 2.0, 4.0]]], [[[-1.0, 1.0]]], [0.0]).data.tolist()
    [[[1.0, 2.0]]]
    """
    if x.ndim != 3 or w.ndim != 3 or x.shape[1] != w.shape[1] or b.shape != w.shape[:1]:
        raise ValueError("conv1d needs x (N, C, T), w (O, C, K) with the same C, and b (O,)")
    stride, padding, dilation = whole("stride", stride), whole("padding", padding, 0), whole("dilation", dilation)
    y, pull_x, pull_w, pull_b = conv2d.__wrapped__(
        x[:, :, None], w[:, :, None], b, stride=(1, stride), padding=(0, padding), dilation=(1, dilation))
    return (
        y[:, :, 0],
        lambda g: pull_x(g[:, :, None])[:, :, 0],
        lambda g: pull_w(g[:, :, None])[:, :, 0],
        lambda g: pull_b(g[:, :, None]),
    )


@op
def conv_transpose2d(x, w, b, *, stride=1, padding=0, output_padding=0, dilation=1):
    """The transpose of `conv2d`: every input pixel stamps the kernel onto the output. Enlarges where conv2d shrinks.

    Parameters
    ----------
    x : (N, C, H, W)
    w : (C, O, KH, KW)
        Note the order: it is the kernel of the convolution from O to C channels that this transposes.
    b : (O,)
    stride, padding, dilation : as in conv2d
    output_padding : int or pair of ints below stride or dilation
        Rows and columns to add at the far end: several image sizes shrink to one, and this says which to return to.

    Returns
    -------
    (N, O, OH, OW) with OH = (H - 1) stride - 2 padding + dilation (KH - 1) + output_padding + 1, and OW likewise.

    Raises
    ------
    ValueError
        If channels disagree or a setting is out of range.

    >>> import numpy as np
    >>> conv_transpose2d(np.ones((1, 1, 1, 2)), np.ones((1, 1, 1, 2)), [0.0], stride=2).data.tolist()
    [[[[1.0, 1.0, 1.0, 1.0]]]]
    """
    if x.ndim != 4 or w.ndim != 4 or x.shape[1] != w.shape[0] or b.shape != w.shape[1:2]:
        raise ValueError("conv_transpose2d needs x (N, C, H, W), w (C, O, KH, KW) and b (O,)")
    s, p, d, extra = (pair(name, v, low) for name, v, low in
                      [("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1), ("output_padding", output_padding, 0)])
    if any(e >= max(si, di) for e, si, di in zip(extra, s, d)):
        raise ValueError(f"output_padding {extra} must be smaller than stride {s} or dilation {d}")
    if min(x.shape[2:] + w.shape[2:]) < 1:
        raise ValueError("conv_transpose2d needs at least one pixel, and a kernel of at least one tap")
    size = [(n - 1) * si - 2 * pi + di * (k - 1) + e + 1 for n, k, si, pi, di, e in zip(x.shape[2:], w.shape[2:], s, p, d, extra)]
    if min(size) < 1:
        raise ValueError(f"nothing is left: a padding of {p} cuts the output down to {' × '.join(map(str, size))} pixels")
    grid = replace(Grid.of((len(x), w.shape[1], *size), w.shape, s, p, d), out=x.shape[2:])
    images = channels_last(x)
    return (
        channels_first(spread(images, kernel_last(w), grid, b)),
        lambda g: channels_first(correlate(channels_last(g), kernel_last(w), grid)),
        lambda g: kernel_first(kernel_gradient(channels_last(g), images, grid)),
        channel_sums,
    )


OPERATIONS = (conv1d, conv2d, conv_transpose2d)
