"""ONNX's layers, said in ours; see `onnx_operators.py`."""

import functools
import math

import numpy as np

from dlbook import Tensor, attention, conv, functional, nn, ops, pool, recurrent


# ---- normalisation and dropout --------------------------------------------------------------------------------------

def batch_normalization(x, gain, bias, mean, variance, *, epsilon=1e-5, momentum=0.9, training_mode=0):
    """Through the layer, which keeps the running moments; its share of the newest batch is 1 - `momentum`."""
    layer = nn.BatchNorm(x.shape[1], momentum=1 - momentum, eps=epsilon)
    layer.gain, layer.bias = Tensor(gain.data, requires_grad=True), Tensor(bias.data, requires_grad=True)
    layer.running_mean, layer.running_variance = mean.data, variance.data
    y = (layer.train() if training_mode else layer.eval())(x)
    # Policy: our running variance takes the unbiased variance of the batch, ONNX's the plain one. Said in theirs:
    count = x.size // x.shape[1]
    old = momentum * variance.data
    return y, layer.running_mean, old + (layer.running_variance - old) * ((count - 1) / count)


def mean_variance_normalization(x, *, axes=(0, 2, 3)):
    assert tuple(axes) == (0, 2, 3)
    c = x.shape[1]
    return functional.batch_norm(x, np.ones(c, np.float32), np.zeros(c, np.float32), eps=1e-18)


def layer_normalization(x, gain, bias, *, axis=-1, epsilon=1e-5):
    """Over all axes from `axis` on, laid end to end; mean and deviation are ours to forget."""
    features = math.prod(x.shape[axis % x.ndim:])
    rows = ops.reshape(x, shape=(x.size // features, features))
    y = functional.layer_norm(rows, ops.reshape(gain, shape=-1), ops.reshape(bias, shape=-1), eps=epsilon)
    return ops.reshape(y, shape=x.shape), None, None


def rms_normalization(x, gain, *, axis=-1, epsilon=1e-5):
    features = math.prod(x.shape[axis % x.ndim:])
    rows = ops.reshape(x, shape=(x.size // features, features))
    return ops.reshape(functional.rms_norm(rows, ops.reshape(gain, shape=-1), eps=epsilon), shape=x.shape)


def group_normalization(x, gain, bias, *, num_groups, epsilon=1e-5):
    return functional.group_norm(x, gain, bias, groups=num_groups, eps=epsilon)


def instance_normalization(x, gain, bias, *, epsilon=1e-5):
    return functional.group_norm(x, gain, bias, groups=x.shape[1], eps=epsilon)


class Dealt(np.random.Generator):
    """A generator that drops what ONNX's dropped."""

    def __init__(self, kept):
        super().__init__(np.random.PCG64(0))
        self.kept = kept

    def random(self, size, dtype):
        return self.kept.astype(dtype) * dtype(0.999)


def dropout(x, ratio=None, training_mode=None, *, expected, seed=None):
    """In evaluation the layer does nothing; in training it drops where the expected mask, an output, is false."""
    rate = 0.5 if ratio is None else float(ratio)
    training = training_mode is not None and bool(training_mode)
    kept = expected[1] if training and rate else np.ones(x.shape, bool)
    layer = nn.Dropout(rate, rng=Dealt(kept))
    y = layer.train()(x) if training else layer.eval()(x)
    return (y, kept)[:len(expected)]


# ---- images ---------------------------------------------------------------------------------------------------------

def as_images(x):
    """Signals (N, C, T) as images of one row."""
    return ops.reshape(x, shape=(*x.shape[:2], 1, *x.shape[2:])) if x.ndim == 3 else x


def both(values, fill):
    """A setting for rows and columns, where one for columns is given."""
    values = list(values)
    return tuple([fill] * (2 - len(values)) + values)


def margins(size, reach, stride, pads, auto_pad):
    """(before, after) for rows and for columns: as given, or such that the image shrinks by its strides alone."""
    if auto_pad in ("NOTSET", "VALID"):
        pads = pads or [0, 0]
        before, after = both(pads[:len(pads) // 2], 0), both(pads[len(pads) // 2:], 0)
        return list(zip(before, after))
    total = [max(0, (-(-n // s) - 1) * s + r - n) for n, r, s in zip(size, reach, stride)]
    return [(t // 2, t - t // 2) if auto_pad == "SAME_UPPER" else (t - t // 2, t // 2) for t in total]


def around(x, widths, value=0.0):
    """The image with its margins padded, and the padding that is left to do."""
    if all(before == after for before, after in widths):
        return x, tuple(before for before, _ in widths)
    return ops.pad(x, widths=[(0, 0), (0, 0), *widths], value=value), (0, 0)


def conv_(x, w, b=None, *, kernel_shape=None, strides=(1, 1), pads=None, dilations=(1, 1), auto_pad="NOTSET"):
    b = np.zeros(w.shape[0], np.float32) if b is None else b
    if x.ndim == 3:  # signals, in our own cases alone; those have as much padding before as after
        return conv.conv1d(x, w, b, stride=strides[0], padding=pads[0], dilation=dilations[0])
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, w.shape[2:])]
    x, padding = around(x, margins(x.shape[2:], reach, strides, pads, auto_pad))
    return conv.conv2d(x, w, b, stride=strides, padding=padding, dilation=dilations)


def conv_transpose(x, w, b=None, *, kernel_shape=None, strides=(1, 1), pads=None, dilations=(1, 1), output_padding=(0, 0),
                   output_shape=None, auto_pad="NOTSET"):
    """Where the margins are given by the size that shall come out, the rest is cut off."""
    signal, x, w = x.ndim == 3, as_images(x), as_images(w)
    b = np.zeros(w.shape[1], np.float32) if b is None else b
    extra = list(output_padding)
    if auto_pad.startswith("SAME"):
        output_shape = [n * s for n, s in zip(x.shape[2:], strides)]
    if output_shape is None:
        widths = margins(x.shape[2:], None, strides, pads, "NOTSET")
    else:
        over = [s * (n - 1) + e + d * (k - 1) + 1 - o
                for n, k, s, d, e, o in zip(x.shape[2:], w.shape[2:], strides, dilations, extra, output_shape)]
        extra = [e + max(0, -t) for e, t in zip(extra, over)]
        widths = [(max(0, t) // 2, max(0, t) - max(0, t) // 2) for t in over]
    same = all(before == after for before, after in widths)
    y = conv.conv_transpose2d(x, w, b, stride=strides, dilation=dilations, output_padding=extra,
                              padding=[before for before, _ in widths] if same else 0)
    if not same:
        rows, columns = (slice(before, n - after) for (before, after), n in zip(widths, y.shape[2:]))
        y = ops.take(y, index=(slice(None), slice(None), rows, columns))
    return ops.reshape(y, shape=(*y.shape[:2], y.shape[3])) if signal else y


def pooled(reduce, border):
    def operator(x, *, kernel_shape, strides=None, pads=None, auto_pad="NOTSET", dilations=None, ceil_mode=0, count_include_pad=0,
                 storage_order=0):
        signal, x, size, stride = x.ndim == 3, as_images(x), both(kernel_shape, 1), both(strides or [1, 1], 1)
        widths = margins(x.shape[2:], size, stride, pads, auto_pad)
        if any(2 * before > k for (before, _), k in zip(widths, size)):  # more than half a window, which we do not do ourselves
            x, widths = ops.pad(x, widths=[(0, 0), (0, 0), *widths], value=border), [(0, 0), (0, 0)]
        x, padding = around(x, widths, border)
        y = reduce(x, size=size, stride=stride, padding=padding)
        return ops.reshape(y, shape=(*y.shape[:2], y.shape[3])) if signal else y, None

    return operator


def resize(x, roi=None, scales=None, sizes=None, *, mode, axes=None, **settings):
    """Nearest neighbours at whole factors."""
    factors = np.ones(4)
    wanted = scales.data if scales is not None else [n / x.shape[axis] for n, axis in zip(sizes, axes or range(4))]
    factors[list(axes or range(4))] = wanted
    assert mode == "nearest" and all(factors[:2] == 1)
    return pool.upsample2d(x, factor=factors[2:].astype(int))


def upsample(x, scales, *, mode):
    return resize(x, None, scales, mode=mode)


# ---- sequences ------------------------------------------------------------------------------------------------------

def sequential(layer, gates, order, states=1):
    """ONNX keeps time first, weights turned, one bias for the input and one for the state, and its own order of gates."""

    def operator(x, w, r, b=None, lengths=None, *rest, hidden_size, direction="forward", layout=0, linear_before_reset=0):
        x = x if layout else ops.transpose(x, axes=(1, 0, 2))
        assert lengths is None or set(lengths.tolist()) == {x.shape[1]}
        ways = []
        for k, backward in enumerate({"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]):
            at = lambda part: part[:, k] if layout else part[k]
            ours = lambda m: np.concatenate([np.split(m.data[k], gates)[gate] for gate in order]).T
            twice = np.zeros((2, gates * hidden_size), np.float32) if b is None else b.data[k].reshape(2, -1)
            begin = [at(rest[n]) if n < len(rest) else np.zeros((len(x), hidden_size), np.float32) for n in range(states)]
            turn = (lambda s: s[:, ::-1]) if backward else (lambda s: s)
            biases = ([np.split(half, gates)[gate] for gate in order] for half in twice)
            h, *last = layer(turn(x), begin, ours(w), ours(r), *biases)
            ways.append((turn(h), h[:, -1], *last))
        # (B, T, ways, H), and (B, ways, H) for each last state
        hs, *finals = (ops.stack(*parts, axis=1 if n else 2) for n, parts in enumerate(zip(*ways)))
        if layout:
            return hs, *finals
        return ops.transpose(hs, axes=(1, 2, 0, 3)), *(ops.transpose(final, axes=(1, 0, 2)) for final in finals)

    return operator


def rnn(x, h, wx, wh, bias, bias_hidden):
    return recurrent.rnn(x, *h, wx, wh, bias[0] + bias_hidden[0]),


def lstm(x, states, wx, wh, bias, bias_hidden):
    both = recurrent.lstm(x, *states, wx, wh, np.concatenate(bias) + np.concatenate(bias_hidden))
    n = wh.shape[0]
    return both[:, :, :n], both[:, -1, n:]


def gru(x, h, wx, wh, bias, bias_hidden):
    """Only the candidate needs the bias of the state by itself."""
    of_gates = [bias[0] + bias_hidden[0], bias[1] + bias_hidden[1], bias[2]]
    return recurrent.gru(x, *h, wx, wh, np.concatenate(of_gates), bias_hidden[2]),


def heads_last(x, heads):
    """(B, H, T, D) as (B, T, H·D), and how many heads that were; (B, T, C) as it is."""
    if x.ndim == 3:
        return x, heads
    b, h, t, d = x.shape
    return ops.reshape(ops.transpose(x, axes=(0, 2, 1, 3)), shape=(b, t, h * d)), h


def by_heads(x, heads):
    b, t, c = x.shape
    return ops.transpose(ops.reshape(x, shape=(b, t, heads, c // heads)), axes=(0, 2, 1, 3))


def widened(x, heads, width, copies):
    """Each head with zeros up to `width` channels, and `copies` times: heads of queries may share one of keys."""
    x = by_heads(x, heads)
    x = ops.pad(x, widths=[(0, 0), (0, 0), (0, 0), (0, width - x.shape[3])])
    return heads_last(ops.take(x, index=(slice(None), np.repeat(np.arange(heads), copies))), None)[0]


def attention_(q, k, v, mask=None, past_key=None, past_value=None, lengths=None, *, q_num_heads=None, kv_num_heads=None,
               scale=None, is_causal=0, qk_matmul_output_mode=0, left_window_size=-1, right_window_size=-1, packed=False):
    four = q.ndim == 4
    (q, heads), (k, fewer), (v, _) = heads_last(q, q_num_heads), heads_last(k, kv_num_heads), heads_last(v, kv_num_heads)
    if past_key is not None:
        k, v = (ops.concatenate(heads_last(past, None)[0], now, axis=1) for past, now in ((past_key, k), (past_value, v)))
    present = by_heads(k, fewer), by_heads(v, fewer)
    own, deep = q.shape[2] // heads, v.shape[2] // fewer
    width = max(own, deep)
    if fewer != heads or own != deep:
        q, k, v = widened(q, heads, width, 1), widened(k, fewer, width, heads // fewer), widened(v, fewer, width, heads // fewer)
    wanted = 1 / math.sqrt(own) if scale is None else scale
    if wanted != 1 / math.sqrt(width):
        q = q * (wanted * math.sqrt(width))
    looks = {"causal": bool(is_causal), **masks(mask, lengths, k.shape[1])}
    if packed:
        y = attention.self_attention(ops.concatenate(q, k, v, axis=2), heads=heads, **looks)
    else:
        y = attention.attention(q, k, v, heads=heads, **looks)
    weights = attention.attention_weights(q, k, heads=heads, **looks) if qk_matmul_output_mode == 3 else None
    y = by_heads(y, heads)[:, :, :, :deep]
    return y if four else heads_last(y, None)[0], *present, weights


def masks(mask, lengths, s):
    """ONNX's one mask is Boolean or added. Where it is short, the keys left over stay unseen, as do those beyond a length."""
    looks = {}
    if isinstance(mask, Tensor):
        looks["bias"] = np.pad(mask.data, [(0, 0)] * (mask.ndim - 1) + [(0, s - mask.shape[-1])], constant_values=-np.inf)
    elif mask is not None:
        looks["mask"] = np.pad(mask, [(0, 0)] * (mask.ndim - 1) + [(0, s - mask.shape[-1])])
    if lengths is not None:
        looks["mask"] = looks.get("mask", True) & (np.arange(s) < lengths[:, None])[:, None, None, :]
    return looks


def rotary_embedding(x, cos, sin, *, interleaved):
    """Our rotation makes the tables itself: those that ONNX was given tell where it starts."""
    assert interleaved
    b, heads, t, d = x.shape
    start = np.argmin([math.hypot(cos.data[0, 0, 0] - math.cos(p), sin.data[0, 0, 0] - math.sin(p)) for p in range(50)])
    return by_heads(attention.rotary(heads_last(x, None)[0], heads=heads, start=start), heads)


TABLE = {
    "BatchNormalization": batch_normalization, "MeanVarianceNormalization": mean_variance_normalization,
    "LayerNormalization": layer_normalization, "RMSNormalization": rms_normalization, "GroupNormalization": group_normalization,
    "InstanceNormalization": instance_normalization, "Dropout": dropout,
    "Conv": conv_, "ConvTranspose": conv_transpose, "Resize": resize, "Upsample": upsample,
    "MaxPool": pooled(lambda *x, **s: pool.max_pool2d(*x, **s), -math.inf),
    "AveragePool": pooled(lambda *x, **s: pool.avg_pool2d(*x, **s), 0.0),
    "RNN": sequential(rnn, 1, [0]), "LSTM": sequential(lstm, 4, [0, 2, 1, 3], states=2), "GRU": sequential(gru, 3, [1, 0, 2]),
    "Attention": attention_, "Attention, packed": functools.partial(attention_, packed=True),
    "FlexAttention": lambda q, k, v, scale=None: attention_(q, k, v, scale=scale), "RotaryEmbedding": rotary_embedding,
}
