"""Samples, formulas and twins of `dlbook.conv` and `dlbook.pool`.

The formulas of convolutions are loops over pixels and taps. The twins say the same as one sum of products with a
*placement*: P[i, u, h] is 1 where tap i of the kernel, put at place u, lies on pixel h.
"""

import math

import numpy as np

from dlbook import conv, ops, pool
from dlbook.ops import einsum, pad, stack, take

from .making import Entry, by_hand, need, normal, sample, two, whole


def conv2d_formula(x, w, b, stride=1, padding=0, dilation=1):
    need(x.ndim == w.ndim == 4, b.shape == w.shape[:1], x.shape[1:2] == w.shape[1:2])
    (sh, sw), (ph, pw), (dh, dw) = two(stride), two(padding, 0), two(dilation)
    (n, _, height, width), (o, _, kh, kw) = x.shape, w.shape
    oh, ow = (height + 2 * ph - dh * (kh - 1) - 1) // sh + 1, (width + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    need(min(kh, kw, oh, ow) >= 1)
    y = np.zeros((n, o, oh, ow)) + b[:, None, None]
    for u, v, i, j in np.ndindex(oh, ow, kh, kw):
        row, column = u * sh + i * dh - ph, v * sw + j * dw - pw
        if 0 <= row < height and 0 <= column < width:
            y[:, :, u, v] += x[:, :, row, column] @ w[:, :, i, j].T
    return y


def conv_transpose2d_formula(x, w, b, stride=1, padding=0, output_padding=0, dilation=1):
    need(x.ndim == w.ndim == 4, b.shape == w.shape[1:2], x.shape[1:2] == w.shape[:1])
    (sh, sw), (ph, pw), (eh, ew), (dh, dw) = two(stride), two(padding, 0), two(output_padding, 0), two(dilation)
    need(eh < max(sh, dh), ew < max(sw, dw))
    (n, _, height, width), (_, o, kh, kw) = x.shape, w.shape
    oh, ow = (height - 1) * sh - 2 * ph + dh * (kh - 1) + eh + 1, (width - 1) * sw - 2 * pw + dw * (kw - 1) + ew + 1
    need(min(height, width, kh, kw, oh, ow) >= 1)
    y = np.zeros((n, o, oh, ow)) + b[:, None, None]
    for u, v, i, j in np.ndindex(height, width, kh, kw):
        row, column = u * sh + i * dh - ph, v * sw + j * dw - pw
        if 0 <= row < oh and 0 <= column < ow:
            y[:, :, row, column] += x[:, :, u, v] @ w[:, :, i, j]
    return y


def placement(taps, places, pixels, stride, padding, dilation):
    i, u, h = np.ogrid[:taps, :places, :pixels]
    return (u * stride + i * dilation - padding == h).astype(float)


def conv2d_twin(x, w, b, stride=1, padding=0, dilation=1):
    out = conv2d_formula(x.data, w.data, b.data, stride, padding, dilation).shape
    p, q = (placement(w.shape[a], out[a], x.shape[a], two(stride)[a - 2], two(padding, 0)[a - 2], two(dilation)[a - 2]) for a in (2, 3))
    return einsum(einsum(x, p, q, subscripts="nchw,iuh,jvw->nciujv"), w, subscripts="nciujv,ocij->nouv") + b.reshape(-1, 1, 1)


def conv_transpose2d_twin(x, w, b, stride=1, padding=0, output_padding=0, dilation=1):
    out = conv_transpose2d_formula(x.data, w.data, b.data, stride, padding, output_padding, dilation).shape
    p, q = (placement(w.shape[a], x.shape[a], out[a], two(stride)[a - 2], two(padding, 0)[a - 2], two(dilation)[a - 2]) for a in (2, 3))
    return einsum(einsum(x, w, subscripts="ncuv,coij->noiujv"), p, q, subscripts="noiujv,iuh,jvw->nohw") + b.reshape(-1, 1, 1)


def conv1d_formula(x, w, b, stride=1, padding=0, dilation=1):
    need(x.ndim == w.ndim == 3, b.shape == w.shape[:1], x.shape[1:2] == w.shape[1:2])
    s, p, d = whole(stride), whole(padding, 0), whole(dilation)
    (n, _, t), (o, _, k) = x.shape, w.shape
    places = (t + 2 * p - d * (k - 1) - 1) // s + 1
    need(k >= 1, places >= 1)
    y = np.zeros((n, o, places)) + b[:, None]
    for u, i in np.ndindex(places, k):
        if 0 <= u * s + i * d - p < t:
            y[:, :, u] += x[:, :, u * s + i * d - p] @ w[:, :, i].T
    return y


def conv1d_twin(x, w, b, stride=1, padding=0, dilation=1):
    places = conv1d_formula(x.data, w.data, b.data, stride, padding, dilation).shape[2]
    p = placement(w.shape[2], places, x.shape[2], stride, padding, dilation)
    return einsum(einsum(x, p, subscripts="nct,iut->nciu"), w, subscripts="nciu,oci->nou") + b.reshape(-1, 1)


def windows(x, size, stride, padding, border):
    """The windows of padded images, as rows of a picture of windows."""
    need(x.ndim == 4)
    (kh, kw), (sh, sw), (ph, pw) = two(size), two(size if stride is None else stride), two(padding, 0)
    x = pad(x, widths=[(0, 0), (0, 0), (ph, ph), (pw, pw)], value=border)
    rows, columns = range(0, x.shape[2] - kh + 1, sh), range(0, x.shape[3] - kw + 1, sw)
    need(2 * ph <= kh, 2 * pw <= kw, rows, columns)
    return [[x[:, :, i:i + kh, j:j + kw] for j in columns] for i in rows]


def max_pool2d(x, size, stride=None, padding=0):
    return stack(*[stack(*[ops.max(part, axis=(2, 3)) for part in row], axis=2) for row in windows(x, size, stride, padding, -math.inf)], axis=2)


def avg_pool2d(x, size, stride=None, padding=0):
    return stack(*[stack(*[ops.mean(part, axis=(2, 3)) for part in row], axis=2) for row in windows(x, size, stride, padding, 0)], axis=2)


def upsample2d(x, factor):
    need(x.ndim == 4)
    rows, columns = (np.repeat(np.arange(n), f) for n, f in zip(x.shape[2:], two(factor)))
    return take(take(x, index=(slice(None), slice(None), rows)), index=(slice(None),) * 3 + (columns,))


def pooling():
    """Samples of a pooling operation."""
    return [
        sample((2, 3, 4, 6), size=2), sample((2, 3, 7, 5), size=(3, 2)), sample((2, 3, 5, 6), size=3, stride=1),
        sample((2, 3, 5, 4), size=2, stride=(3, 1), padding=1), sample((3, 1, 5, 4), size=(1, 3), stride=(2, 1), padding=(0, 1)),
        sample((3, 2, 4, 5), size=2, stride=3), sample((0, 2, 4, 5), size=2), sample((2, 3, 1, 4), size=1),
    ]


TABLE = {
    conv.conv2d: Entry(
        [sample(x, w, w[:1], values=normal, **settings) for x, w, settings in [
            ((2, 3, 5, 4), (4, 3, 2, 1), {}),
            ((3, 1, 4, 5), (2, 1, 3, 4), {"padding": 1}),
            ((2, 3, 6, 5), (1, 3, 2, 4), {"stride": 2, "padding": (1, 2)}),
            ((1, 2, 6, 7), (5, 2, 3, 1), {"stride": (3, 2), "dilation": 2}),
            ((2, 6, 4, 5), (4, 6, 2, 3), {"padding": (0, 1)}),  # from six channels on, row by row
            ((1, 6, 7, 5), (8, 6, 2, 3), {"stride": (2, 1), "padding": (1, 3), "dilation": (3, 2)}),
            ((2, 8, 5, 3), (9, 8, 1, 2), {"stride": 3, "padding": 4}),  # some outputs see only padding
            ((0, 3, 5, 4), (4, 3, 2, 1), {}), ((0, 6, 4, 5), (4, 6, 2, 3), {}), ((2, 0, 3, 4), (3, 0, 2, 1), {})]],
        conv2d_formula, conv2d_twin),
    conv.conv1d: Entry(
        [sample(x, w, w[:1], values=normal, **settings) for x, w, settings in [
            ((2, 3, 5), (4, 3, 2), {}), ((3, 1, 4), (2, 1, 5), {"padding": 2}), ((2, 3, 7), (1, 3, 4), {"stride": 2, "padding": 1}),
            ((1, 2, 8), (5, 2, 3), {"stride": 3, "dilation": 2, "padding": np.int64(1)}), ((2, 6, 5), (4, 6, 3), {"padding": 1}),
            ((3, 8, 6), (9, 8, 2), {"stride": 2, "dilation": 3}), ((0, 3, 5), (4, 3, 2), {}), ((2, 0, 3), (4, 0, 2), {})]],
        conv1d_formula, conv1d_twin),
    conv.conv_transpose2d: Entry(
        [sample(x, w, w[1:2], values=normal, **settings) for x, w, settings in [
            ((2, 3, 5, 4), (3, 4, 2, 1), {}),
            ((3, 1, 4, 5), (1, 2, 3, 4), {"padding": 1}),
            ((2, 3, 4, 5), (3, 1, 2, 4), {"stride": 2, "padding": (0, 1), "output_padding": 1}),
            ((1, 2, 4, 3), (2, 5, 3, 1), {"stride": (3, 2), "dilation": 2, "output_padding": (2, 0)}),
            ((2, 6, 4, 5), (6, 8, 2, 3), {"padding": (0, 1)}),
            ((1, 6, 4, 5), (6, 8, 2, 3), {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 3), "output_padding": (0, 2)}),
            ((2, 3, 1, 4), (3, 7, 2, 4), {"stride": 4}), ((0, 3, 5, 4), (3, 4, 2, 1), {})]],
        conv_transpose2d_formula, conv_transpose2d_twin),
    pool.max_pool2d: by_hand(pooling(), max_pool2d),
    pool.avg_pool2d: by_hand(pooling(), avg_pool2d),
    pool.upsample2d: by_hand(
        [sample((2, 3, 4, 5), factor=2), sample((2, 1, 3, 4), factor=(3, 1)), sample((3, 2, 1, 4), factor=1), sample((0, 2, 3, 4), factor=2)],
        upsample2d),
}
