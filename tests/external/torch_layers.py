"""How a module of PyTorch's becomes a layer of ours with the same weights.

    our layer: {PyTorch's module: function of that module and of `take`, which turns its parameters into Tensors}

What comes out is called like the module. The parameters keep PyTorch's shapes and are brought into ours by operations
that have a gradient, so that the gradients that arrive at them can be compared as they are.
"""

import math

import numpy as np

from dlbook import nn, ops

from .torch_fused import with_batch

SETTINGS = {"rng": np.random.default_rng(0), "dtype": np.float64}


def put(layer, **parameters):
    """The layer with these parameters; where PyTorch has None the layer keeps its gain of 1, its bias of 0."""
    for name, value in parameters.items():
        if value is not None:
            setattr(layer, name, value)
    return layer


def linear(module, take):
    """Weights are (out, in) there and (in, out) here."""
    layer = nn.Linear(module.in_features, module.out_features, bias=module.bias is not None, **SETTINGS)
    return put(layer, w=take(module.weight).T, b=take(module.bias))


def conv(kind):
    def convolution(module, take):
        settings = {name: getattr(module, name) for name in ("stride", "padding", "dilation")}
        size, directions = module.kernel_size, len(module.kernel_size)
        if directions == 1:  # (3,) there, 3 here
            size, *values = (v if isinstance(v, str) else v[0] for v in (size, *settings.values()))
            settings = dict(zip(settings, values))
        layer = kind(module.in_channels, module.out_channels, size, **settings, **SETTINGS)
        put(layer, w=take(module.weight), b=take(module.bias))
        return lambda input, output_size=None: with_batch(input, layer, directions + 2)

    return convolution


def pooling(kind):
    def pool(module, take):
        layer = kind(module.kernel_size, stride=module.stride, padding=module.padding)
        return lambda input: with_batch(input, layer)

    return pool


def upsample(module, take):
    return nn.Upsample2d(int(module.scale_factor))


def flatten(module, take):
    return nn.Flatten()


def batch_norm(module, take):
    layer = nn.BatchNorm(module.num_features, momentum=module.momentum, eps=module.eps, dtype=np.float64)
    layer.training = module.training
    if module.track_running_stats:
        layer.running_mean, layer.running_variance = module.running_mean.numpy().copy(), module.running_var.numpy().copy()
    return put(layer, gain=take(module.weight), bias=take(module.bias))


def layer_norm(module, take):
    """Over several axes there, over one here."""
    c = math.prod(module.normalized_shape)
    layer = nn.LayerNorm(c, eps=module.eps, dtype=np.float64)
    gain, bias = (None if p is None else take(p).reshape(c) for p in (module.weight, module.bias))
    return over_one_axis(put(layer, gain=gain, bias=bias), len(module.normalized_shape), c)


def rms_norm(module, take):
    c = math.prod(module.normalized_shape)
    layer = nn.RMSNorm(c, eps=module.eps, dtype=np.float64)
    gain = None if module.weight is None else take(module.weight).reshape(c)
    return over_one_axis(put(layer, gain=gain), len(module.normalized_shape), c)


def over_one_axis(layer, axes, c):
    return lambda input: layer(input.reshape(*input.shape[: input.ndim - axes], c)).reshape(input.shape)


def group_norm(module, take):
    layer = nn.GroupNorm(module.num_groups, module.num_channels, eps=module.eps, dtype=np.float64)
    return put(layer, gain=take(module.weight), bias=take(module.bias))


def dropout(module, take):
    layer = nn.Dropout(module.p, rng=np.random.default_rng(0))
    layer.training = module.training
    return layer


def embedding(module, take):
    layer = nn.Embedding(module.num_embeddings, module.embedding_dim, **SETTINGS)
    return put(layer, w=take(module.weight))


# ---- recurrent layers: PyTorch stacks layers and directions in one module, and has time first, or no batch ---------------

def cell(kind, module, take, suffix):
    """One layer in one direction. PyTorch's two biases are one to us, but for the candidate of a GRU."""
    wx, wh = (take(getattr(module, f"weight_{way}{suffix}")).T for way in ("ih", "hh"))
    b, b_hidden = (take(getattr(module, f"bias_{way}{suffix}")) if module.bias else None for way in ("ih", "hh"))
    h = module.hidden_size
    layer = kind(module.input_size, h, **SETTINGS)
    if kind is nn.LSTM:  # their gates are i, f, g, o, ours i, f, o, g; and our forget gate starts at 1
        wx, wh = (ops.concatenate(w[:, : 2 * h], w[:, 3 * h :], w[:, 2 * h : 3 * h], axis=1) for w in (wx, wh))
        both = np.zeros(4 * h) if b is None else b + b_hidden
        return put(layer, wx=wx, wh=wh, b=ops.concatenate(both[: 2 * h], both[3 * h :], both[2 * h : 3 * h]))
    if b is None:
        return put(layer, wx=wx, wh=wh)
    if kind is nn.GRU:
        both = ops.concatenate(b[: 2 * h] + b_hidden[: 2 * h], b[2 * h :])
        return put(layer, wx=wx, wh=wh, b=both, b_hidden=b_hidden[2 * h :])
    return put(layer, wx=wx, wh=wh, b=b + b_hidden)


def recurrent(kind):
    def stacked(module, take):
        directions = ["", "_reverse"] if module.bidirectional else [""]
        layers = [[cell(kind, module, take, f"_l{n}{d}") for d in directions] for n in range(module.num_layers)]

        def call(input, hx=None):
            x = batch_first(input, module.batch_first)
            first = [None] * len(layers) * len(directions) if hx is None else starts(hx, input.ndim)
            last = []
            for level in layers:
                outputs = []
                for layer, d in zip(level, directions):
                    h, end = layer(x[:, ::-1] if d else x, first[len(last)])
                    outputs.append(h[:, ::-1] if d else h)
                    last.append(end)
                x = ops.concatenate(*outputs, axis=2)
            ends = [ops.stack(*parts) for parts in zip(*(end if isinstance(end, tuple) else (end,) for end in last))]
            return as_given(x, input.ndim, module.batch_first), *(end if input.ndim == 3 else end[:, 0] for end in ends)

        return call

    return stacked


def one_step(kind):
    def step(module, take):
        layer = cell(kind, module, take, "")

        def call(input, hx):
            _, end = layer(input[None, None], starts_of_cell(hx))
            return tuple(part[0] for part in end) if isinstance(end, tuple) else end[0]

        return call

    return step


def starts(hx, ndim):
    """The state of each layer and direction, from (layers · directions, B, H)."""
    parts = [part if ndim == 3 else part[:, None] for part in (hx if isinstance(hx, tuple) else (hx,))]
    each = [tuple(part[k] for part in parts) for k in range(len(parts[0]))]
    return each if isinstance(hx, tuple) else [state for state, in each]


def starts_of_cell(hx):
    return tuple(part[None] for part in hx) if isinstance(hx, tuple) else hx[None]


def batch_first(x, is_so):
    """(B, T, C), from that, from (T, B, C), or from (T, C)."""
    return x[None] if x.ndim == 2 else x if is_so else x.transpose(1, 0, 2)


def as_given(x, ndim, is_so):
    return x[0] if ndim == 2 else x if is_so else x.transpose(1, 0, 2)


# ---- attention: PyTorch's masks are True where a query may *not* look ---------------------------------------------------

def may_look(mask, padding, heads):
    """Our mask from theirs: (T, S) or (B·H, T, S) for the scores, (B, S) or (S,) for the keys."""
    allowed = None if mask is None else ~(mask if mask.ndim == 2 else mask.reshape(-1, heads, *mask.shape[1:]))
    if padding is not None:
        keys = ~(padding if padding.ndim == 2 else padding[None])[:, None, None, :]
        allowed = keys if allowed is None else allowed & keys
    return allowed


def filled(layer, module, take):
    """Our attention with the weights of theirs; a `bias=False` leaves zeros."""
    put(layer.qkv, w=take(module.in_proj_weight).T, b=take(module.in_proj_bias))
    put(layer.out, w=take(module.out_proj.weight).T, b=take(module.out_proj.bias))


def multi_head_attention(module, take):
    layer = nn.MultiHeadAttention(module.embed_dim, module.num_heads, **SETTINGS)
    filled(layer, module, take)

    def call(query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
             average_attn_weights=True, is_causal=False):
        x, memory = (batch_first(part, module.batch_first) for part in (query, key))
        y = layer(x, memory=None if key is query else memory, mask=may_look(attn_mask, key_padding_mask, module.num_heads))
        return as_given(y, query.ndim, module.batch_first)

    return call


def block(kind, module, take):
    layer = kind(
        module.linear1.in_features, module.self_attn.num_heads, pre_norm=module.norm_first, hidden=module.linear1.out_features,
        activation=ops.relu, **SETTINGS,
    )
    filled(layer.attention, module.self_attn, take)
    first, _, second = layer.feed_forward.layers
    for ours, theirs in (first, module.linear1), (second, module.linear2):
        put(ours, w=take(theirs.weight).T, b=take(theirs.bias))
    return layer


def encoder(module, take):
    layer = block(nn.EncoderBlock, module, take)
    for ours, theirs in (layer.norm1, module.norm1), (layer.norm2, module.norm2):
        put(ours, gain=take(theirs.weight), bias=take(theirs.bias))

    def call(src, src_mask=None, src_key_padding_mask=None, is_causal=False):
        first = module.self_attn.batch_first
        mask = may_look(src_mask, src_key_padding_mask, module.self_attn.num_heads)
        return as_given(layer(batch_first(src, first), mask=mask), src.ndim, first)

    return call


def decoder(module, take):
    """Their norms are numbered in the order of use, ours keep the encoder's numbers. Their causal mask is ours without asking."""
    layer = block(nn.DecoderBlock, module, take)
    filled(layer.cross, module.multihead_attn, take)
    for ours, theirs in (layer.norm1, module.norm1), (layer.norm3, module.norm2), (layer.norm2, module.norm3):
        put(ours, gain=take(theirs.weight), bias=take(theirs.bias))

    def call(tgt, memory, tgt_mask=None, memory_mask=None, tgt_key_padding_mask=None, memory_key_padding_mask=None,
             tgt_is_causal=None, memory_is_causal=False):
        first = module.self_attn.batch_first
        mask = may_look(memory_mask, memory_key_padding_mask, module.multihead_attn.num_heads)
        y = layer(batch_first(tgt, first), memory=batch_first(memory, first), memory_mask=mask)
        return as_given(y, tgt.ndim, first)

    return call


TABLE = {
    nn.Linear: {"Linear": linear},
    nn.Conv1d: {"Conv1d": conv(nn.Conv1d)},
    nn.Conv2d: {"Conv2d": conv(nn.Conv2d)},
    nn.ConvTranspose2d: {"ConvTranspose2d": conv(nn.ConvTranspose2d)},
    nn.MaxPool2d: {"MaxPool2d": pooling(nn.MaxPool2d)},
    nn.AvgPool2d: {"AvgPool2d": pooling(nn.AvgPool2d)},
    nn.Upsample2d: {"Upsample": upsample},
    nn.Flatten: {"Flatten": flatten},
    nn.BatchNorm: {"BatchNorm1d": batch_norm, "BatchNorm2d": batch_norm, "BatchNorm3d": batch_norm},
    nn.LayerNorm: {"LayerNorm": layer_norm},
    nn.RMSNorm: {"RMSNorm": rms_norm},
    nn.GroupNorm: {"GroupNorm": group_norm},
    nn.Dropout: {"Dropout": dropout},
    nn.Embedding: {"Embedding": embedding},
    nn.RNN: {"RNN": recurrent(nn.RNN), "RNNCell": one_step(nn.RNN)},
    nn.LSTM: {"LSTM": recurrent(nn.LSTM), "LSTMCell": one_step(nn.LSTM)},
    nn.GRU: {"GRU": recurrent(nn.GRU), "GRUCell": one_step(nn.GRU)},
    nn.MultiHeadAttention: {"MultiheadAttention": multi_head_attention},
    nn.EncoderBlock: {"TransformerEncoderLayer": encoder},
    nn.DecoderBlock: {"TransformerDecoderLayer": decoder},
}

WITHOUT = {
    nn.Module: "holds parameters and computes nothing",
    nn.Sequential: "made of other layers",
    nn.MLP: "made of Linear layers",
    nn.ResidualBlock: "made of Conv2d and a norm; PyTorch itself has none",
    nn.UNet: "made of convolutions and norms; PyTorch itself has none",
    nn.GCN: "a layer for graphs; PyTorch itself has none",
    nn.GAT: "a layer for graphs; PyTorch itself has none",
    nn.Readout: "the mean or sum of the nodes of a graph; PyTorch itself has none",
    nn.GPT: "made of Embedding, EncoderBlock, LayerNorm and Linear; PyTorch itself has none",
}
