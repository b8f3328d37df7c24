"""Models that know the probability of what they see: coupling flows and MADE. Chapter *autoregressive models and flows*.

A *flow* maps data x to noise z by layers that can be inverted, and counts how much each stretches space:

    log p(x) = log N(z; 0, I) + log |det ∂z/∂x|.

*MADE* takes the features in some order and gives each a distribution that depends on the earlier ones alone; the product
of these is the probability of all.

Legend: B examples, D features.
"""

import math

import numpy as np

from .autograd import Tensor, floating, no_grad
from .functional import linear
from .nn import MLP, Linear, Module
from .ops import exp, relu, tanh
from .settings import floats, function, generator, lengths, real, whole
from .vae import bernoulli_log_likelihood


class AffineCoupling(Module):
    """Some features pass as they are and decide how the others are scaled and shifted (RealNVP: Dinh et al. 2017).

    With b the mask, and s and t what a network makes of b ⊙ x: z = b ⊙ x + (1 - b) ⊙ (x ⊙ exp(s) + t). However
    complicated s and t, the inverse is read off, and log |det ∂z/∂x| = Σ (1 - b) ⊙ s.

    Parameters
    ----------
    mask : sequence of D bools
        True where a feature passes; layers that follow each other take turns.
    hidden : sequence of int
        Widths of the network's hidden layers.
    rng, activation
        As in `MLP`.

    Raises
    ------
    ValueError
        If the mask is not Boolean, or all features pass or none.

    >>> layer = AffineCoupling([True, False], [8], rng=np.random.default_rng(0))
    >>> z, log_det = layer(np.ones((3, 2), np.float32))
    >>> z.shape, log_det.shape
    ((3, 2), (3,))
    """

    def __init__(self, mask, hidden, *, rng, activation=relu, dtype=np.float32):
        mask = real("a mask", mask)
        if mask.ndim != 1 or mask.dtype != bool or mask.all() or not mask.any():
            raise ValueError(f"a mask is a list of bools, some True (these features pass) and some False, and is {mask!r:.80}")
        d = len(mask)
        self.mask = mask.astype(floats("dtype", dtype))
        sizes = [d, *lengths("hidden", hidden), 2 * d]
        self.network = MLP(sizes, activation=function("activation", activation), rng=rng, dtype=dtype)
        self.scale = Tensor(np.ones(d, dtype), requires_grad=True)  # tanh keeps s within reach, this says how far that is

    def forward(self, x):
        """Towards noise: z (B, D) and log |det ∂z/∂x| (B,) for x (B, D)."""
        x = _rows("x", x, len(self.mask))
        s, t = self._steer(x)
        return self.mask * x + (1 - self.mask) * (x * exp(s) + t), s.sum(axis=1)

    def inverse(self, z):
        """Back to data: the x (B, D) for which `forward` gives `z`."""
        z = _rows("z", z, len(self.mask))
        s, t = self._steer(z)
        return self.mask * z + (1 - self.mask) * ((z - t) * exp(-s))

    def _steer(self, x):
        """s, 0 where features pass, and t, both (B, D)."""
        both, d = self.network(self.mask * x), len(self.mask)
        return (1 - self.mask) * self.scale * tanh(both[:, :d]), both[:, d:]


class Flow(Module):
    """Couplings one after the other, from data to noise, with exact probabilities and samples.

    Parameters
    ----------
    layers : modules
        Each has `forward(x)` that gives z and log |det ∂z/∂x|, `inverse(z)`, and a `mask` of D features.

    Raises
    ------
    ValueError
        If there is no layer, or their numbers of features differ.
    TypeError
        If a layer has no mask.

    >>> rng = np.random.default_rng(0)
    >>> flow = Flow(*(AffineCoupling(mask, [8], rng=rng) for mask in ([True, False], [False, True])))
    >>> flow.log_prob(np.ones((3, 2), np.float32)).shape, flow.sample(4, rng=rng).shape
    ((3,), (4, 2))
    """

    def __init__(self, *layers):
        for position, layer in enumerate(layers):
            if not hasattr(layer, "mask"):
                raise TypeError(f"layer {position} of a flow must have a mask, like AffineCoupling, and is a {type(layer).__name__}")
        widths = {len(layer.mask) for layer in layers}
        if len(widths) != 1:
            raise ValueError(f"a flow needs layers that agree on the features; its {len(layers)} layers have {sorted(widths)}")
        self.layers, self.features = list(layers), widths.pop()

    def forward(self, x):
        """z (B, D) and log |det ∂z/∂x| (B,): along the layers, logarithms of determinants add up."""
        total = 0.0
        for layer in self.layers:
            x, log_det = layer(x)
            total = log_det + total
        return x, total

    def inverse(self, z):
        """The x (B, D) for which `forward` gives `z`.

        >>> flow = Flow(AffineCoupling([True, False], [8], rng=np.random.default_rng(0)))
        >>> z, _ = flow([[0.5, 2.0]])
        >>> flow.inverse(z).data.round(4)
        array([[0.5, 2. ]], dtype=float32)
        """
        for layer in reversed(self.layers):
            z = layer.inverse(z)
        return z

    def log_prob(self, x):
        """log p(x) of each row of `x` (B, D), exact: (B,). Train by raising its mean.

        Raises
        ------
        ValueError
            If `x` has another shape.
        """
        z, log_det = self(x)
        return log_det - 0.5 * (z * z).sum(axis=1) - 0.5 * self.features * math.log(2 * math.pi)

    def sample(self, n, *, rng):
        """`n` draws from the model, an array (n, D)."""
        noise = generator(rng).normal(size=(whole("n", n), self.features)).astype(self.layers[0].mask.dtype)
        with no_grad():
            return self.inverse(noise).data


class MaskedLinear(Linear):
    """`Linear` with some weights cut out: `x @ (w ⊙ mask) + b` (Germain et al. 2015).

    Parameters
    ----------
    mask : Boolean array (in, out)
        True where an input reaches an output.

    Raises
    ------
    ValueError
        If the mask is not a Boolean matrix.

    >>> layer = MaskedLinear([[True, False], [True, True]], rng=np.random.default_rng(0))
    >>> layer([[1.0, 0.0]]).data[0, 1].item()
    0.0
    """

    def __init__(self, mask, *, rng, dtype=np.float32):
        mask = real("a mask", mask)
        if mask.ndim != 2 or mask.dtype != bool:
            raise ValueError(f"a mask must be a Boolean matrix (in, out), and has dtype {mask.dtype} and shape {mask.shape}")
        super().__init__(*mask.shape, rng=rng, dtype=dtype)
        self.mask = mask.astype(dtype)

    def forward(self, x):
        """`x @ (w ⊙ mask) + b`."""
        return linear(x, self.w * self.mask, self.b)


class MADE(Module):
    """Masked autoencoder for binary data: logits of all features in one pass, each made from those before it in an order.

    Every unit has a *degree*: an input its place in the order, 1 to D; hidden units one from 1 to D - 1, here dealt out in
    turn, where the paper draws them. A hidden unit sees units of at most its degree, an output only those below its own.

    Parameters
    ----------
    features : int
        D, at least 2.
    hidden : sequence of int
        Widths of the hidden layers.
    order : sequence of int, optional
        The features in the order in which they are explained; by default from the first to the last.

    Raises
    ------
    ValueError
        If there are fewer than two features, or the order does not name each feature once.

    Germain, Gregor, Murray and Larochelle, "MADE: Masked autoencoder for distribution estimation", 2015.

    >>> made = MADE(4, [12], rng=np.random.default_rng(0))
    >>> binary = np.array(np.meshgrid(*[[0, 1]] * 4)).reshape(4, 16).T
    >>> round(np.exp(made.log_prob(binary).data).sum().item(), 5)  # all that can happen
    1.0
    """

    def __init__(self, features, hidden, *, rng, order=None, activation=relu, dtype=np.float32):
        d = whole("features", features, 2)
        order = np.arange(d) if order is None else real("order", order)
        if order.dtype.kind not in "iu" or sorted(order.tolist()) != list(range(d)):
            raise ValueError(f"the order must name each of the features 0 to {d - 1} once, and is {order!r:.80}")
        place = np.empty(d, np.int64)
        place[order] = np.arange(1, d + 1)
        degrees = [place, *(1 + np.arange(width) % (d - 1) for width in lengths("each of hidden", hidden))]
        masks = [below[:, None] <= above for below, above in zip(degrees, degrees[1:])]
        masks.append(degrees[-1][:, None] < place)
        self.layers = [MaskedLinear(mask, rng=rng, dtype=dtype) for mask in masks]
        self.order, self.activation = order.tolist(), function("activation", activation)

    def forward(self, x):
        """Logits (B, D) of the features of `x` (B, D), each given those before it."""
        x = _rows("x", x, len(self.order))
        for layer in self.layers[:-1]:
            x = self.activation(layer(x))
        return self.layers[-1](x)

    def log_prob(self, x):
        """log p(x) of each row of `x` (B, D), exact where all of it is 0 or 1: (B,)."""
        return bernoulli_log_likelihood(self(x), targets=x)

    def sample(self, n, *, rng):
        """`n` draws from the model, an array (n, D) of 0 and 1: one pass for each feature, in order.

        >>> made = MADE(2, [4], rng=np.random.default_rng(0), order=[1, 0])
        >>> made.sample(5, rng=np.random.default_rng(0)).shape
        (5, 2)
        """
        x = np.zeros((whole("n", n), len(self.order)), self.layers[0].mask.dtype)
        uniform = generator(rng).random(x.shape)
        with no_grad():
            for feature in self.order:
                logits = self(x).data[:, feature]
                x[:, feature] = uniform[:, feature] < 0.5 * np.tanh(0.5 * logits) + 0.5
        return x


def _rows(name, x, features):
    """`x` as a Tensor or an array, if it is (B, features)."""
    x = x if isinstance(x, Tensor) else floating(x)
    if x.ndim != 2 or x.shape[1] != features:
        raise ValueError(f"this model of {features} features needs {name} (B, {features}), and was given {x.shape}")
    return x
