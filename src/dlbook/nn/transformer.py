"""Attention layers and the blocks made of them. Chapters *attention*, *transformer*, *language models*.

Legend: B sequences, T steps, S steps of the other sequence, C channels, H heads, V words in the vocabulary.
"""

import numpy as np

from .. import init as initialisers
from ..attention import attention, rotary, self_attention, sinusoids
from ..autograd import Tensor
from ..functional import gelu
from ..ops import concatenate
from ..settings import flag, number, real, text, whole
from .layers import Linear, Sequential
from .module import Module
from .normalisation import Dropout, LayerNorm
from .sequence import Embedding


class MultiHeadAttention(Module):
    """Attention in `heads` learned subspaces at once (Vaswani et al. 2017): (B, T, C) to (B, T, C).

    Parameters
    ----------
    channels, heads : int
    causal : bool
        Whether a step sees only itself and the past.
    rope : bool
        Whether queries and keys are turned by their positions (rotary embedding).

    >>> layer = MultiHeadAttention(8, 2, causal=True, rng=np.random.default_rng(0))
    >>> layer(np.ones((3, 5, 8), np.float32)).shape
    (3, 5, 8)
    """

    def __init__(self, channels, heads, *, rng, causal=False, rope=False, init=initialisers.xavier_uniform, dtype=np.float32):
        if whole("channels", channels) % whole("heads", heads):
            raise ValueError(f"{channels} channels cannot be divided among {heads} heads")
        if flag("rope", rope) and channels // heads % 2:
            raise ValueError(f"rotary positions turn pairs of channels, and a head has {channels // heads}: make it even")
        self.qkv = Linear(channels, 3 * channels, rng=rng, init=init, dtype=dtype)
        self.out = Linear(channels, channels, rng=rng, init=init, dtype=dtype)
        self.channels, self.heads, self.causal, self.rope = int(channels), int(heads), flag("causal", causal), flag("rope", rope)

    def forward(self, x, *, memory=None, mask=None, cache=None):
        """`x` attending to itself, or to `memory` (B, S, C) where that is given.

        `cache`, a dictionary, holds keys and values of the steps before `x`, and is filled with those of `x`: the way
        to generate step by step without computing the past again. Use it under `no_grad`, with one cache a layer.

        Raises
        ------
        ValueError
            If a cache is given to a layer that is not causal, whose past would have seen its future, or beside a memory.
        """
        if cache is not None and (memory is not None or not self.causal):
            raise ValueError("a cache holds the past of a sequence that attends to itself causally: it needs causal=True and no memory")
        if memory is None and cache is None and not self.rope:
            return self.out(self_attention(self.qkv(x), heads=self.heads, causal=self.causal, mask=mask))
        c = self.channels
        if memory is None:
            both = self.qkv(x)
            q, k, v = both[:, :, :c], both[:, :, c : 2 * c], both[:, :, 2 * c :]
        else:
            w, b = self.qkv.w, self.qkv.b
            q = x @ w[:, :c] + b[:c]
            k, v = memory @ w[:, c : 2 * c] + b[c : 2 * c], memory @ w[:, 2 * c :] + b[2 * c :]
        if self.rope and memory is None:
            past = cache["k"].shape[1] if cache else 0
            q, k = rotary(q, heads=self.heads, start=past), rotary(k, heads=self.heads, start=past)
        if cache is not None:
            if cache:
                k, v = concatenate(cache["k"], k, axis=1), concatenate(cache["v"], v, axis=1)
            cache["k"], cache["v"] = k, v
        causal = self.causal and memory is None
        return self.out(attention(q, k, v, heads=self.heads, causal=causal, mask=mask))


class EncoderBlock(Module):
    """One layer of a transformer: attention, then two linear layers at each step, each added to what comes in.

    Parameters
    ----------
    channels, heads : int
    causal : bool
        True makes it a block of a GPT, in which nothing sees its future.
    pre_norm : bool
        Normalise what enters each branch (trains without a warm-up, Xiong et al. 2020), or what leaves each sum, as the
        first transformer did.
    hidden : int
        Width between the two linear layers, four times the channels by default.
    dropout : float

    >>> EncoderBlock(8, 2, rng=np.random.default_rng(0))(np.ones((3, 5, 8), np.float32)).shape
    (3, 5, 8)
    """

    def __init__(
        self, channels, heads, *, rng, causal=False, rope=False, pre_norm=True, hidden=None, activation=gelu, dropout=0.0,
        init=initialisers.xavier_uniform, dtype=np.float32,
    ):
        hidden = 4 * whole("channels", channels) if hidden is None else whole("hidden", hidden)
        self.norm1 = LayerNorm(channels, dtype=dtype)
        self.attention = MultiHeadAttention(channels, heads, causal=causal, rope=rope, rng=rng, init=init, dtype=dtype)
        self.norm2 = LayerNorm(channels, dtype=dtype)
        self.feed_forward = Sequential(
            Linear(channels, hidden, rng=rng, init=init, dtype=dtype), activation,
            Linear(hidden, channels, rng=rng, init=init, dtype=dtype),
        )
        self.dropout = Dropout(number("dropout", dropout, 0, 1), rng=rng)
        self.pre_norm = flag("pre_norm", pre_norm)

    def forward(self, x, *, mask=None, cache=None):
        """(B, T, C) to (B, T, C)."""
        x = self._add(x, self.norm1, lambda h: self.attention(h, mask=mask, cache=cache))
        return self._add(x, self.norm2, self.feed_forward)

    def _add(self, x, norm, branch):
        if self.pre_norm:
            return x + self.dropout(branch(norm(x)))
        return norm(x + self.dropout(branch(x)))


class DecoderBlock(EncoderBlock):
    """A causal block that also attends to an encoder's output, between its two other halves.

    >>> rng = np.random.default_rng(0)
    >>> DecoderBlock(8, 2, rng=rng)(np.ones((3, 5, 8), np.float32), memory=Tensor(np.ones((3, 7, 8), np.float32))).shape
    (3, 5, 8)
    """

    def __init__(self, channels, heads, *, rng, init=initialisers.xavier_uniform, dtype=np.float32, **settings):
        super().__init__(channels, heads, rng=rng, causal=True, init=init, dtype=dtype, **settings)
        self.norm3 = LayerNorm(channels, dtype=dtype)
        self.cross = MultiHeadAttention(channels, heads, rng=rng, init=init, dtype=dtype)

    def forward(self, x, *, memory, memory_mask=None, cache=None):
        """(B, T, C) and the encoder's (B, S, C) to (B, T, C).

        Raises
        ------
        TypeError
            If there is no memory: the block would attend to itself twice, and nobody would notice.
        """
        if memory is None:
            raise TypeError("a DecoderBlock needs the memory (B, S, C) that an encoder gave, and was given None")
        x = self._add(x, self.norm1, lambda h: self.attention(h, cache=cache))
        x = self._add(x, self.norm3, lambda h: self.cross(h, memory=memory, mask=memory_mask))
        return self._add(x, self.norm2, self.feed_forward)


class GPT(Module):
    """Words in, scores of the next word out: embeddings, causal blocks, a norm, a linear layer (Radford et al. 2018).

    Parameters
    ----------
    vocabulary, context : int
        Number of words, and of steps it can look back.
    channels, heads, layers : int
    positions : "learned", "sinusoidal" or "rotary"
    dropout : float

    >>> gpt = GPT(vocabulary=11, context=8, channels=12, heads=3, layers=2, rng=np.random.default_rng(0))
    >>> gpt(np.zeros((2, 5), int)).shape
    (2, 5, 11)
    """

    def __init__(self, *, vocabulary, context, channels, heads, layers, rng, positions="learned", dropout=0.0, dtype=np.float32):
        if text("positions", positions) not in ("learned", "sinusoidal", "rotary"):
            raise ValueError(f'positions must be "learned", "sinusoidal" or "rotary", and is {positions!r}')
        self.context = whole("context", context)
        whole("channels", channels)
        self.words = Embedding(vocabulary, channels, rng=rng, dtype=dtype)
        self.places = None
        if positions == "learned":
            self.places = Tensor(initialisers.normal((context, channels), std=0.02, rng=rng, dtype=dtype), requires_grad=True)
        elif positions == "sinusoidal":
            self.places = sinusoids(context, channels, dtype=dtype)
        self.blocks = [
            EncoderBlock(channels, heads, rng=rng, causal=True, rope=positions == "rotary", dropout=dropout, init=_gpt_normal, dtype=dtype)
            for _ in range(whole("layers", layers))
        ]
        self.norm = LayerNorm(channels, dtype=dtype)
        self.head = Linear(channels, vocabulary, rng=rng, init=_gpt_normal, bias=False, dtype=dtype)

    def forward(self, ids, *, caches=None):
        """Scores (B, T, V) for ids (B, T).

        `caches`, as `new_caches` makes them, hold what earlier steps left; then `ids` are the steps after those.

        Raises
        ------
        ValueError
            If ids are not (B, T), are out of range or more than the context, or caches are not one for each layer.
        """
        ids = real("ids", ids)
        if ids.ndim != 2 or not ids.shape[1]:
            raise ValueError(f"a GPT reads ids (B, T) with T > 0, and was given {ids.shape}")
        if caches is not None and len(caches) != len(self.blocks):
            raise ValueError(f"this GPT has {len(self.blocks)} layers and was given {len(caches)} caches: take them from new_caches()")
        past = caches[0]["k"].shape[1] if caches and caches[0] else 0
        end = past + ids.shape[1]
        if end > self.context:
            raise ValueError(f"this GPT looks at {self.context} steps at most, and was given {end}")
        x = self.words(ids)
        if self.places is not None:
            x = x + self.places[past:end]
        for number, block in enumerate(self.blocks):
            x = block(x, cache=None if caches is None else caches[number])
        return self.head(self.norm(x))

    def new_caches(self):
        """An empty cache for each layer, to pass to `forward` step after step."""
        return [{} for _ in self.blocks]


def _gpt_normal(shape, *, rng, dtype):
    return initialisers.normal(shape, std=0.02, rng=rng, dtype=dtype)
