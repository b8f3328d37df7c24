"""Pooling: many pixels to one. Chapter *convolution*.

Images are (N, C, H, W). The loops run over the K × K places in a window, not over the windows: each place is one strided
slice of all images at hand. These are as many as fit the cache, for every place passes over them once more.
"""

import math

import numpy as np

from .autograd import op
from .parallel import blocks, each
from .settings import pair

BLOCK = 1 << 17  # numbers to work on at a time


@op
def max_pool2d(x, *, size, stride=None, padding=0):
    """Largest value in each window; among equals the first takes the gradient.

    Parameters
    ----------
    x : (N, C, H, W)
    size, stride : int or pair of ints
        Of the window, and of its step; by default they are equal and windows do not overlap.
    padding : int or pair of ints
        Border of minus infinity, at most half a window.

    Raises
    ------
    ValueError
        If x is not (N, C, H, W), a setting is out of range, or the window does not fit the image.

    >>> max_pool2d([[[[1.0, 2.0], [3.0, 4.0]]]], size=2).data.tolist()
    [[[[4.0]]]]
    """
    places, wide, inner, apart = windows(x, size, stride, padding, -np.inf)
    images = blocks(len(x), math.prod(wide.shape[1:]), BLOCK)
    y = np.empty_like(wide[places[0]])

    def forward(some):
        a, out = wide[some], y[some]
        out[...] = a[places[0]]
        for place in places[1:]:
            np.maximum(out, a[place], out=out)

    each(forward, images)

    def pull(g):
        dx = np.zeros_like(wide)

        def backward(some):
            a, out, largest = wide[some], dx[some], y[some]
            free = np.ones_like(largest, dtype=bool)
            for place in places:
                hit = a[place] == largest
                hit &= free
                free ^= hit
                if apart:  # every pixel is written once
                    np.multiply(g[some], hit, out=out[place])
                else:
                    out[place] += g[some] * hit

        each(backward, images)
        return dx[inner]

    return y, pull


@op
def avg_pool2d(x, *, size, stride=None, padding=0):
    """Mean of each window, zeros of the padding included.

    Parameters and errors as in `max_pool2d`.

    >>> avg_pool2d([[[[1.0, 2.0], [3.0, 4.0]]]], size=2).data.tolist()
    [[[[2.5]]]]
    """
    places, wide, inner, apart = windows(x, size, stride, padding, 0.0)
    share = x.dtype.type(1 / len(places))
    y = wide[places[0]].copy(order="K")
    for place in places[1:]:
        y += wide[place]
    y *= share

    def pull(g):
        g = g * share
        dx = np.zeros_like(wide)
        for place in places:
            if apart:
                dx[place] = g
            else:
                dx[place] += g
        return dx[inner]

    return y, pull


@op
def upsample2d(x, *, factor):
    """Each pixel repeated to a block of `factor` × `factor`: nearest-neighbour enlargement.

    Raises
    ------
    ValueError
        If x is not (N, C, H, W) or the factor is below 1.

    >>> upsample2d([[[[1.0, 2.0]]]], factor=2).data.tolist()
    [[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]]
    """
    fh, fw = pair("factor", factor, 1)
    if x.ndim != 4:
        raise ValueError("upsample2d needs images (N, C, H, W)")
    n, c, h, w = x.shape
    last = x.transpose(0, 2, 3, 1)
    y = np.empty((n, h, fh, w, fw, c), x.dtype)
    y[...] = last[:, :, None, :, None]

    def pull(g):
        blocks = np.ascontiguousarray(g.transpose(0, 2, 3, 1)).reshape(n, h, fh, w, fw, c)
        total = np.zeros_like(blocks[:, :, 0, :, 0])
        for i in range(fh):
            for j in range(fw):
                total += blocks[:, :, i, :, j]
        return total.transpose(0, 3, 1, 2)

    return y.reshape(n, h * fh, w * fw, c).transpose(0, 3, 1, 2), pull


def windows(x, size, stride, padding, border):
    """Index tuples of the places in a window of the padded images, those images, where x lies in them, if windows are apart."""
    kh, kw = pair("size", size, 1)
    sh, sw = pair("stride", size if stride is None else stride, 1)
    ph, pw = pair("padding", padding, 0)
    if x.ndim != 4:
        raise ValueError("pooling needs images (N, C, H, W)")
    h, w = x.shape[2] + 2 * ph, x.shape[3] + 2 * pw
    if 2 * ph > kh or 2 * pw > kw or kh > h or kw > w:
        raise ValueError(f"a window of {kh} × {kw} with padding {(ph, pw)} does not fit images of {x.shape[2]} × {x.shape[3]}")
    oh, ow = (h - kh) // sh + 1, (w - kw) // sw + 1
    wide, inner = x, (slice(None),) * 4
    if ph or pw:
        wide = np.full((len(x), h, w, x.shape[1]), border, x.dtype).transpose(0, 3, 1, 2)
        inner = (slice(None), slice(None), slice(ph, h - ph), slice(pw, w - pw))
        wide[inner] = x
    places = [
        (slice(None), slice(None), slice(i, i + sh * (oh - 1) + 1, sh), slice(j, j + sw * (ow - 1) + 1, sw))
        for i in range(kh) for j in range(kw)
    ]
    return places, wide, inner, sh >= kh and sw >= kw


OPERATIONS = (max_pool2d, avg_pool2d, upsample2d)
