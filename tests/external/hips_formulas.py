"""Our operations once more, as naive formulas in `autograd.numpy`, for HIPS to differentiate."""

import math

import numpy
import pytest

from dlbook import attention, conv, functional, ops, pool, recurrent

np = pytest.importorskip("autograd.numpy", reason="needs autograd: pip install 'dlbook[external]'")


def stretched(a, b, like):
    return a + numpy.zeros(numpy.shape(like)), b + numpy.zeros(numpy.shape(like))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(z, axis=-1):
    return np.exp(z) / np.sum(np.exp(z), axis=axis, keepdims=True)


def cross_entropy(logits, labels):
    rows, labels = np.reshape(logits, (-1, logits.shape[-1])), numpy.ravel(labels)
    return -np.mean(np.log(softmax(rows))[numpy.arange(len(labels)), labels])


def binary_cross_entropy(z, targets):
    t = numpy.asarray(targets, float)
    return -np.mean(t * np.log(sigmoid(z)) + (1 - t) * np.log(1 - sigmoid(z)))


def standard(x, axis, eps):
    centred = x - np.mean(x, axis=axis, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=axis, keepdims=True) + eps)


def per_channel(vector, x):
    return np.reshape(vector, (-1, *[1] * (x.ndim - 2)))


def layer_norm(x, gain, bias, eps=1e-5):
    return standard(x, -1, eps) * gain + bias


def rms_norm(x, gain, eps=1e-5):
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps) * gain


def group_norm(x, gain, bias, groups, eps=1e-5):
    parts = np.reshape(x, (len(x), groups, math.prod(x.shape[1:]) // groups))
    return np.reshape(standard(parts, 2, eps), x.shape) * per_channel(gain, x) + per_channel(bias, x)


def batch_norm(x, gain, bias, moments=None, fixed=False, eps=1e-5):
    if moments is None:
        xhat = standard(x, (0, *range(2, x.ndim)), eps)
    else:
        mean, variance = (per_channel(numpy.asarray(m), x) for m in moments)
        xhat = (x - mean) / np.sqrt(variance + eps)
    return xhat * per_channel(gain, x) + per_channel(bias, x)


def both(value):
    return value if numpy.ndim(value) else (value, value)


def conv2d(x, w, b, stride=1, padding=0, dilation=1):
    """One tap of the kernel after the other."""
    (sh, sw), (ph, pw), (dh, dw) = both(stride), both(padding), both(dilation)
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), mode="constant")
    oh, ow = ((n - d * (k - 1) - 1) // s + 1 for n, d, k, s in zip(x.shape[2:], (dh, dw), w.shape[2:], (sh, sw)))
    places = [(i, j, slice(i * dh, i * dh + sh * (oh - 1) + 1, sh), slice(j * dw, j * dw + sw * (ow - 1) + 1, sw))
              for i in range(w.shape[2]) for j in range(w.shape[3])]
    taps = [np.einsum("nchw,oc->nohw", x[:, :, rows, columns], w[:, :, i, j]) for i, j, rows, columns in places]
    return sum(taps) + per_channel(b, x)


def conv_transpose2d(x, w, b, stride=1, padding=0, output_padding=0, dilation=1):
    """Pixel times kernel, put where it belongs: row (u, i) of a table is 1 at pixel u · stride + i · dilation - padding."""
    tables = []
    for n, k, s, p, d, e in zip(x.shape[2:], w.shape[2:], *map(both, (stride, padding, dilation, output_padding))):
        u, i, pixel = numpy.ogrid[:n, :k, :(n - 1) * s - 2 * p + d * (k - 1) + e + 1]
        tables.append((u * s + i * d - p == pixel).astype(float))
    stamped = np.einsum("ncuv,coij->nouivj", x, w)
    rows = np.einsum("nouivj,uih->nohvj", stamped, tables[0])
    return np.einsum("nohvj,vjw->nohw", rows, tables[1]) + per_channel(b, x)


def windows(x, size, stride, padding, border):
    """(K·K, N, C, OH, OW): the pixels at each place of a window."""
    (kh, kw), (sh, sw), (ph, pw) = both(size), both(size if stride is None else stride), both(padding)
    x = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), mode="constant", constant_values=border)
    h, w = x.shape[2:]
    return np.stack([x[:, :, i:h - kh + i + 1:sh, j:w - kw + j + 1:sw] for i in range(kh) for j in range(kw)])


def rnn(x, h, wx, wh, b):
    states = []
    for t in range(x.shape[1]):
        h = np.tanh(np.dot(x[:, t], wx) + np.dot(h, wh) + b)
        states.append(h)
    return np.stack(states, axis=1)


def lstm(x, h, c, wx, wh, b):
    states = []
    for t in range(x.shape[1]):
        i, f, o, g = np.split(np.dot(x[:, t], wx) + np.dot(h, wh) + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        states.append(np.concatenate([h, c], axis=1))
    return np.stack(states, axis=1)


def gru(x, h, wx, wh, b, b_hidden):
    states = []
    for t in range(x.shape[1]):
        (r, u, n), (rh, uh, nh) = np.split(np.dot(x[:, t], wx) + b, 3, axis=1), np.split(np.dot(h, wh), 3, axis=1)
        r, u = sigmoid(r + rh), sigmoid(u + uh)
        h = (1 - u) * np.tanh(n + r * (nh + b_hidden)) + u * h
        states.append(h)
    return np.stack(states, axis=1)


def attend(q, k, v, heads=1, causal=False, mask=True, bias=0.0):
    """One head after the other; a query that sees nothing gets zeros."""
    t, s, d = q.shape[1], k.shape[1], q.shape[2] // heads
    full = (len(q), heads, t, s)
    sees = numpy.broadcast_to(mask, full) & (numpy.arange(s) <= numpy.arange(t)[:, None] + s - t if causal else True)
    outputs = []
    for head in range(heads):
        part = slice(head * d, (head + 1) * d)
        scores = np.einsum("btd,bsd->bts", q[:, :, part], k[:, :, part]) / math.sqrt(d)
        weights = np.exp(scores + numpy.broadcast_to(bias, full)[:, head]) * sees[:, head]
        total = np.sum(weights, axis=2, keepdims=True)
        outputs.append(np.einsum("bts,bsd->btd", weights / (total + (total == 0)), v[:, :, part]))
    return np.concatenate(outputs, axis=2)


def rotary(x, heads=1, start=0, base=10000.0):
    """Pairs of channels as complex numbers, by which a turn is a product: (a + ib)(cos + i sin), part by part."""
    b, t, c = x.shape
    pairs = np.reshape(x, (b, t, heads, c // heads // 2, 2))
    angle = (start + numpy.arange(t))[:, None, None] * base ** -(numpy.arange(c // heads // 2) / (c // heads // 2))
    real, imaginary = pairs[..., 0], pairs[..., 1]
    cos, sin = numpy.cos(angle), numpy.sin(angle)
    return np.reshape(np.stack([real * cos - imaginary * sin, real * sin + imaginary * cos], axis=4), x.shape)


def of_axis(reduce):
    return lambda x, axis=None, keepdims=False: reduce(x, axis=axis, keepdims=keepdims)


FORMULAS = {
    ops.add: lambda a, b: a + b, ops.sub: lambda a, b: a - b, ops.mul: lambda a, b: a * b, ops.div: lambda a, b: a / b,
    ops.neg: lambda x: -x, ops.power: lambda x, exponent: x**exponent, ops.exp: np.exp, ops.log: np.log, ops.sqrt: np.sqrt,
    ops.abs: np.abs, ops.sin: np.sin, ops.cos: np.cos, ops.tanh: np.tanh, ops.sigmoid: sigmoid,
    ops.relu: lambda x: np.maximum(x, 0), ops.maximum: np.maximum, ops.minimum: np.minimum,
    ops.clip: lambda x, low=-math.inf, high=math.inf: np.clip(x, low, high),
    ops.where: lambda a, b, condition: np.where(numpy.asarray(condition), *stretched(a, b, condition)),
    ops.sum: of_axis(np.sum), ops.max: of_axis(np.max), ops.min: of_axis(np.min),
    ops.mean: of_axis(lambda x, **axes: np.sum(x, **axes) / numpy.sum(numpy.ones(x.shape), **axes)),
    ops.logsumexp: lambda x, axis=None, keepdims=False: np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims)),
    ops.reshape: lambda x, shape: np.reshape(x, shape),
    ops.transpose: lambda x, axes=None: np.transpose(x, axes and [axis % x.ndim for axis in axes]),  # HIPS counts from the front
    ops.broadcast_to: lambda x, shape: x * numpy.ones(shape), ops.concatenate: lambda *xs, axis=0: np.concatenate(xs, axis),
    ops.stack: lambda *xs, axis=0: np.stack(xs, axis), ops.take: lambda x, index: x[index],
    ops.pad: lambda x, widths, value=0.0: np.pad(x, [*map(tuple, widths)] or 0, mode="constant", constant_values=value),
    ops.matmul: np.matmul, ops.einsum: lambda *xs, subscripts: np.einsum(subscripts.replace(" ", ""), *xs),
    functional.linear: lambda x, w, b: np.matmul(x, w) + b,
    functional.leaky_relu: lambda x, slope=0.01: np.where(x > 0, x, slope * x),
    functional.elu: lambda x, alpha=1.0: np.where(x > 0, x, alpha * (np.exp(x) - 1)),
    functional.softplus: lambda x: np.log(1 + np.exp(x)), functional.silu: lambda x: x * sigmoid(x),
    functional.gelu: lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    functional.softmax: softmax, functional.log_softmax: lambda z, axis=-1: np.log(softmax(z, axis)),
    functional.cross_entropy: cross_entropy, functional.binary_cross_entropy: binary_cross_entropy,
    functional.mse: lambda y, targets: np.mean((y - numpy.asarray(targets, float)) ** 2),
    functional.layer_norm: layer_norm, functional.rms_norm: rms_norm,
    functional.group_norm: group_norm, functional.batch_norm: batch_norm,
    functional.embedding: lambda table, ids: table[numpy.asarray(ids)],
    functional.dropout: lambda x, rate, rng: x * (rng.random(x.shape, numpy.float32) >= rate) / (1 - rate),
    conv.conv1d: lambda x, w, b, stride=1, padding=0, dilation=1: conv2d(
        x[:, :, None], w[:, :, None], b, (1, stride), (0, padding), (1, dilation))[:, :, 0],
    conv.conv2d: conv2d, conv.conv_transpose2d: conv_transpose2d,
    pool.max_pool2d: lambda x, size, stride=None, padding=0: np.max(windows(x, size, stride, padding, -math.inf), axis=0),
    pool.avg_pool2d: lambda x, size, stride=None, padding=0: np.mean(windows(x, size, stride, padding, 0.0), axis=0),
    pool.upsample2d: lambda x, factor: np.repeat(np.repeat(x, both(factor)[0], axis=2), both(factor)[1], axis=3),
    recurrent.rnn: rnn, recurrent.lstm: lstm, recurrent.gru: gru,
    attention.attention: attend, attention.rotary: rotary,
    attention.self_attention: lambda qkv, **settings: attend(*np.split(qkv, 3, axis=2), **settings),
}
