"""Small GPTs: learned positions, blocks with the norm in front, tanh-GELU, Adam.

Legend: B sequences, T steps, V words, C channels, H heads, D = C / H.
"""

from functools import partial

import numpy as np

from .composed import autograd_step, cross_entropy, mygrad_step
from .engines import training
from .workload import Workload, product_flops

LR = 1e-3


def arrays(rng, *, batch, steps, words, channels, heads, layers):
    """`ids` and `labels` (B, T), `heads`, and `parameters` by the names that dlbook gives them."""
    text = rng.integers(0, words, (batch, steps + 1))

    def normal(*shape):
        return rng.normal(0, 0.02, shape).astype(np.float32)

    def affine(name, inner, columns):
        return {f"{name}.w": normal(inner, columns), f"{name}.b": np.zeros(columns, np.float32)}

    def norm(name):
        return {f"{name}.gain": np.ones(channels, np.float32), f"{name}.bias": np.zeros(channels, np.float32)}

    parameters = {"words.w": normal(words, channels), "places": normal(steps, channels)}
    for block in (f"blocks.{k}" for k in range(layers)):
        parameters |= norm(f"{block}.norm1")
        parameters |= affine(f"{block}.attention.qkv", channels, 3 * channels) | affine(f"{block}.attention.out", channels, channels)
        parameters |= norm(f"{block}.norm2")
        parameters |= affine(f"{block}.feed_forward.layers.0", channels, 4 * channels)
        parameters |= affine(f"{block}.feed_forward.layers.2", 4 * channels, channels)
    parameters |= norm("norm") | {"head.w": normal(channels, words)}
    return {"ids": text[:, :-1], "labels": text[:, 1:], "heads": heads, "parameters": parameters}


def flops(*, batch, steps, words, channels, heads, layers):
    """Operations in the products of one step. Of the scores only those that look back count, in the two products of each head."""
    rows = batch * steps
    block = sum(product_flops(rows, channels, k * channels) for k in (3, 1, 4, 4))
    scores = batch * steps * (steps + 1) // 2
    return layers * (block + 2 * product_flops(scores, channels, 1)) + product_flops(rows, channels, words)


def in_dlbook(ids, labels, heads, parameters):
    """The step as a chapter writes it."""
    from dlbook import nn, optim
    from dlbook.functional import cross_entropy

    words, channels = parameters["words.w"].shape
    layers = sum(name.endswith("qkv.w") for name in parameters)
    model = nn.GPT(
        vocabulary=words, context=ids.shape[1], channels=channels, heads=heads, layers=layers, rng=np.random.default_rng(0))
    model.load_state(parameters)
    optimiser = optim.Adam(model.parameters(), lr=LR)

    return training(optimiser, lambda: cross_entropy(model(ids), labels=labels))


def in_torch(ids, labels, heads, parameters):
    """PyTorch eager, with its defaults and its fused attention."""
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy, scaled_dot_product_attention

    class Attention(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.qkv = nn.Linear(channels, 3 * channels)
            self.out = nn.Linear(channels, channels)

        def forward(self, x):
            B, T, C = x.shape
            q, k, v = (part.view(B, T, heads, C // heads).transpose(1, 2) for part in self.qkv(x).split(C, dim=2))
            y = scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.out(y.transpose(1, 2).reshape(B, T, C))

    class Block(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.norm1 = nn.LayerNorm(channels)
            self.attention = Attention(channels)
            self.norm2 = nn.LayerNorm(channels)
            self.feed_forward = nn.Sequential(
                nn.Linear(channels, 4 * channels), nn.GELU(approximate="tanh"), nn.Linear(4 * channels, channels))

        def forward(self, x):
            x = x + self.attention(self.norm1(x))
            return x + self.feed_forward(self.norm2(x))

    class GPT(nn.Module):
        def __init__(self, words, context, channels, layers):
            super().__init__()
            self.words = nn.Embedding(words, channels)
            self.places = nn.Embedding(context, channels)
            self.blocks = nn.Sequential(*(Block(channels) for _ in range(layers)))
            self.norm = nn.LayerNorm(channels)
            self.head = nn.Linear(channels, words, bias=False)

        def forward(self, ids):
            return self.head(self.norm(self.blocks(self.words(ids) + self.places(torch.arange(ids.shape[1])))))

    model = GPT(*parameters["words.w"].shape[:1], *parameters["places"].shape, sum(name.endswith("qkv.w") for name in parameters))
    # Both walk parameters in definition order; PyTorch keeps the weights of a linear layer the other way round.
    with torch.no_grad():
        for (mine, p), value in zip(model.named_parameters(), parameters.values(), strict=True):
            linear = p.ndim == 2 and mine not in ("words.weight", "places.weight")
            p.copy_(torch.from_numpy(value.T if linear else value))
    ids, labels = torch.from_numpy(ids), torch.from_numpy(labels).reshape(-1)
    optimiser = torch.optim.Adam(model.parameters(), lr=LR)

    return training(optimiser, lambda: cross_entropy(model(ids).flatten(0, 1), labels))


def loss(np, parameters, ids, labels, heads):
    """The formulas, for engines that have no layers."""
    import numpy

    B, T = ids.shape
    C = parameters["words.w"].shape[1]
    future = numpy.triu(numpy.full((T, T), -1e9, numpy.float32), 1)
    p = parameters

    def affine(x, name):
        return np.matmul(x, p[f"{name}.w"]) + p[f"{name}.b"]

    def norm(x, name):
        centred = x - np.mean(x, axis=1, keepdims=True)
        scale = np.sqrt(np.mean(centred * centred, axis=1, keepdims=True) + 1e-5)
        return centred / scale * p[f"{name}.gain"] + p[f"{name}.bias"]

    def attention(x, name):
        qkv = affine(x, f"{name}.qkv").reshape((B, T, 3, heads, C // heads))
        q, k, v = (np.transpose(qkv[:, :, part], (0, 2, 1, 3)) for part in range(3))  # (B, H, T, D)
        scores = np.matmul(q, np.transpose(k, (0, 1, 3, 2))) * (C // heads) ** -0.5 + future
        e = np.exp(scores - np.max(scores, axis=3, keepdims=True))
        y = np.matmul(e / np.sum(e, axis=3, keepdims=True), v)
        return affine(np.transpose(y, (0, 2, 1, 3)).reshape((B * T, C)), f"{name}.out")

    def gelu(x):
        return 0.5 * x * (1 + np.tanh((2 / numpy.pi) ** 0.5 * (x + 0.044715 * (x * x * x))))

    x = (p["words.w"][ids] + p["places"]).reshape((B * T, C))
    for block in (name.removesuffix(".norm1.gain") for name in p if name.endswith("norm1.gain")):
        x = x + attention(norm(x, f"{block}.norm1"), f"{block}.attention")
        hidden = gelu(affine(norm(x, f"{block}.norm2"), f"{block}.feed_forward.layers.0"))
        x = x + affine(hidden, f"{block}.feed_forward.layers.2")
    return cross_entropy(np, np.matmul(norm(x, "norm"), p["head.w"]), labels.reshape(-1))


def in_mygrad(ids, labels, heads, parameters):
    """MyGrad: every formula written out."""
    return mygrad_step(partial(loss, ids=ids, labels=labels, heads=heads), parameters, LR)


def in_autograd(ids, labels, heads, parameters):
    """HIPS autograd: every formula written out."""
    return autograd_step(partial(loss, ids=ids, labels=labels, heads=heads), parameters, LR)


def gpt(name, **sizes):
    """A workload of this family."""
    engines = {"dlbook": in_dlbook, "torch": in_torch, "mygrad": in_mygrad, "autograd": in_autograd}
    return Workload(name, partial(arrays, **sizes), engines, flops(**sizes))


WORKLOADS = [
    gpt("gpt-64", batch=16, steps=64, words=65, channels=64, heads=4, layers=2),
    gpt("gpt-128", batch=32, steps=64, words=65, channels=128, heads=4, layers=4),
]
