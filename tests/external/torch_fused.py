"""How a call of PyTorch's becomes one of ours: the fused operations, on vectors, images and sequences.

As in `torch_elementary`. The conventions that differ: PyTorch keeps the weights of a linear map as (out, in), classes on
axis 1, heads on an axis of their own; it makes do without a bias, a gain, or an axis for the batch; it normalises over
several axes at once. A gain that is not there is 1, a bias 0, a batch has one example, and several axes are one long one.
"""

import math

import numpy as np

from dlbook import attention, conv, functional, ops, pool, recurrent

from .comparing import fixed
from .torch_elementary import one


def given(parameter, length, like, otherwise):
    """A parameter, or the constant that stands for it where PyTorch passes none."""
    return np.full(length, otherwise, like.dtype) if parameter is None else parameter


def with_batch(x, f, ndim=4):
    """f(x), which must have an axis for the batch; where there is none, for a batch of one."""
    return f(x) if x.ndim == ndim else f(x[None])[0]


def number_or_pair(value):
    """PyTorch also writes (3,) for 3, and () for nothing given."""
    if isinstance(value, tuple) and len(value) < 2:
        return value[0] if value else None
    return value


def linear(f, input, weight, bias=None):
    return f(input, weight.T, given(bias, len(weight), weight, 0))


def cross_entropy(f, input, target, weight=None, ignore_index=-100, reduction="mean"):
    """The classes are on axis 1, with us on the last."""
    order = [axis for axis in range(input.ndim) if axis != 1] + [1]
    return f(ops.transpose(input, axes=order), labels=target)


def layer_norm(f, input, normalized_shape, weight=None, bias=None, eps=1e-5):
    c = math.prod(normalized_shape)
    rows = input.reshape(*input.shape[: input.ndim - len(normalized_shape)], c)
    gain, bias = given(weight, c, input, 1), given(bias, c, input, 0)
    return f(rows, gain.reshape(c), bias.reshape(c), eps=eps).reshape(input.shape)


def rms_norm(f, input, normalized_shape, weight=None, eps=None):
    c = math.prod(normalized_shape)
    rows = input.reshape(*input.shape[: input.ndim - len(normalized_shape)], c)
    eps = np.finfo(input.dtype).eps if eps is None else eps
    return f(rows, given(weight, c, input, 1).reshape(c), eps=eps).reshape(input.shape)


def group_norm(f, input, num_groups, weight=None, bias=None, eps=1e-5):
    c = input.shape[1]
    return f(input, given(weight, c, input, 1), given(bias, c, input, 0), groups=num_groups, eps=eps)


def instance_norm(
    f, input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-5,
):
    """Every channel a group; the running moments are followed, and not used."""
    return group_norm(f, input, input.shape[1], weight, bias, eps)


def batch_norm(f, input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    c = input.shape[1] if input.ndim > 1 else len(input)
    gain, bias = given(weight, c, input, 1), given(bias, c, input, 0)
    if training:
        return f(input, gain, bias, eps=eps)
    return f(input, gain, bias, moments=(fixed(running_mean), fixed(running_var)), eps=eps)


def embedding(f, weight, input, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """What stands behind `input` changes the gradient, and comes with samples that ask for none."""
    return f(weight, ids=input)


def dropout(f, input, p=0.5, training=True):
    return f(input, rate=p, rng=np.random.default_rng(0))


def convolution(f, input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """In one direction or in two, which the kernel tells."""
    bias, directions = given(bias, len(weight), weight, 0), weight.ndim - 2
    stride, padding, dilation = (v[0] if isinstance(v, tuple) and directions == 1 else v for v in (stride, padding, dilation))
    if padding == "valid":
        padding = 0
    if padding == "same":  # an odd number of zeros has one more at the far end
        zeros = [d * (k - 1) for k, d in zip(weight.shape[2:], np.broadcast_to(dilation, directions).tolist())]
        sides = [(n // 2, n - n // 2) for n in zeros]
        input, padding = ops.pad(input, widths=[(0, 0)] * (input.ndim - directions) + sides), 0
    return with_batch(input, lambda x: f(x, weight, bias, stride=stride, padding=padding, dilation=dilation), weight.ndim)


def conv_transpose2d(f, input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    settings = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    return with_batch(input, lambda x: f(x, weight, given(bias, weight.shape[1], weight, 0), **settings))


def max_pool2d(f, input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Of values and indices, the values."""
    return with_batch(input, lambda x: f(x, size=kernel_size, stride=stride, padding=padding))


def avg_pool2d(f, input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    return f(input, size=kernel_size, stride=number_or_pair(stride), padding=number_or_pair(padding))


def repeat_interleave(f, input, repeats, dim=None, output_size=None):
    """Each row of (2, 3, 4) twice is an image of two channels, enlarged downwards; without dim all numbers are one row."""
    if dim is None:
        return f(input.reshape(1, 1, 1, input.size), factor=(1, repeats)).reshape(input.size * repeats)
    return f(input[None], factor=(repeats, 1))[0]


def scaled_dot_product_attention(f, query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False):
    """(B, H, T, D) with heads on an axis, where we have (B, T, C) with heads side by side; (B, T, D) is one head."""
    if query.ndim < key.ndim:
        query = ops.broadcast_to(query, shape=key.shape[:-2] + query.shape[-2:])
    bias = None if attn_mask is None else fixed(attn_mask)
    if query.ndim == 3:
        return f(query, key, value, causal=is_causal, bias=bias)
    b, h, t, d = query.shape
    side_by_side = [x.transpose(0, 2, 1, 3).reshape(b, x.shape[2], h * d) for x in (query, key, value)]
    return f(*side_by_side, heads=h, causal=is_causal, bias=bias).reshape(b, t, h, d).transpose(0, 2, 1, 3)


TABLE = {
    functional.linear: {"nn.functional.linear": linear},
    functional.leaky_relu: {"nn.functional.leaky_relu": lambda f, input, negative_slope=0.01: f(input, slope=negative_slope)},
    functional.elu: {"nn.functional.elu": lambda f, input, alpha=1.0: f(input, alpha=alpha)},
    functional.softplus: {
        "nn.functional.softplus": lambda f, input, beta=1, threshold=20: f(beta * input) / beta,
        "nn.functional.logsigmoid": lambda f, input: -f(-input),
        "logaddexp": lambda f, input, other: input + f(other - input),
    },
    functional.silu: {"nn.functional.silu": one},
    functional.gelu: {"nn.functional.gelu": lambda f, input, approximate="none": f(input)},
    functional.softmax: {
        "softmax": lambda f, input, dim: f(input, axis=dim),
        "nn.functional.softmin": lambda f, input, dim: f(-input, axis=dim),
    },
    functional.log_softmax: {"log_softmax": lambda f, input, dim: f(input, axis=dim)},
    functional.cross_entropy: {"nn.functional.cross_entropy": cross_entropy},
    functional.binary_cross_entropy: {
        "nn.functional.binary_cross_entropy_with_logits":
            lambda f, input, target, weight=None, pos_weight=None, reduction="mean": f(input, targets=fixed(target)),
    },
    functional.mse: {"nn.functional.mse_loss": lambda f, input, target, reduction="mean": f(input, targets=fixed(target))},
    functional.layer_norm: {"nn.functional.layer_norm": layer_norm},
    functional.rms_norm: {"nn.functional.rms_norm": rms_norm},
    functional.group_norm: {"nn.functional.group_norm": group_norm, "nn.functional.instance_norm": instance_norm},
    functional.batch_norm: {"nn.functional.batch_norm": batch_norm},
    functional.embedding: {"nn.functional.embedding": embedding},
    functional.dropout: {"nn.functional.dropout": dropout},
    conv.conv1d: {"nn.functional.conv1d": convolution},
    conv.conv2d: {"nn.functional.conv2d": convolution},
    conv.conv_transpose2d: {"nn.functional.conv_transpose2d": conv_transpose2d},
    pool.max_pool2d: {"nn.functional.max_pool2d": max_pool2d},
    pool.avg_pool2d: {"nn.functional.avg_pool2d": avg_pool2d},
    pool.upsample2d: {"repeat_interleave": repeat_interleave},
    attention.attention: {"nn.functional.scaled_dot_product_attention": scaled_dot_product_attention},
}

# Operations for which OpInfo has nothing to offer.
WITHOUT = {
    recurrent.rnn: "a module in PyTorch, not a function: test_torch_layers has its samples",
    recurrent.lstm: "a module in PyTorch, not a function: test_torch_layers has its samples",
    recurrent.gru: "a module in PyTorch, not a function: test_torch_layers has its samples",
    attention.self_attention: "all of OpInfo's samples have other keys than queries: test_torch_layers has MultiheadAttention's",
    attention.rotary: "PyTorch has no rotary embedding",
}
