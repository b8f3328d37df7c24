"""Layers, and ways to stack them. Chapter *forward pass*."""

import numpy as np

from .. import init as initialisers
from ..autograd import Tensor
from ..functional import linear
from ..ops import matmul, relu
from ..settings import flag, floats, function, lengths, whole
from .module import Module


class Linear(Module):
    """Affine map `x @ w + b` from `in_features` to `out_features` numbers.

    Parameters
    ----------
    in_features, out_features : int
    rng : np.random.Generator
        Draws the weights; biases start at 0.
    init : function from `dlbook.init`
        Draws `w`; `he_normal` suits the ReLU that usually follows.
    bias : bool
        Whether there is a `b`.

    Input (..., in_features), output (..., out_features); `w` (in, out), `b` (out,).

    >>> layer = Linear(3, 2, rng=np.random.default_rng(0))
    >>> layer(np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    def __init__(self, in_features, out_features, *, rng, init=initialisers.he_normal, bias=True, dtype=np.float32):
        shape = whole("in_features", in_features), whole("out_features", out_features)
        self.w = Tensor(function("init", init)(shape, rng=rng, dtype=floats("dtype", dtype)), requires_grad=True)
        self.b = Tensor(np.zeros(shape[1], dtype), requires_grad=True) if flag("bias", bias) else None

    def forward(self, x):
        """`x @ w + b`."""
        return matmul(x, self.w) if self.b is None else linear(x, self.w, self.b)

    def __repr__(self):
        return "Linear({}, {})".format(*self.w.shape)


class Sequential(Module):
    """Layers applied one after the other. A layer is anything that can be called: a Module, or a function such as `relu`.

    Raises
    ------
    TypeError
        If a layer cannot be called.

    >>> rng = np.random.default_rng(0)
    >>> Sequential(Linear(4, 3, rng=rng), relu, Linear(3, 2, rng=rng))
    Sequential(Linear(4, 3), relu, Linear(3, 2))
    """

    def __init__(self, *layers):
        for position, layer in enumerate(layers):
            if not callable(layer):
                raise TypeError(f"layer {position} of Sequential must be a Module or a function, and is a {type(layer).__name__}")
        self.layers = list(layers)

    def forward(self, x):
        """`x` through all layers."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __repr__(self):
        return f"Sequential({', '.join(getattr(layer, '__name__', repr(layer)) for layer in self.layers)})"


class MLP(Sequential):
    """Multilayer perceptron: linear layers of the given sizes with an activation between them.

    Parameters
    ----------
    sizes : sequence of int
        Width of the input, of each hidden layer and of the output.
    activation : function
        Applied after every layer but the last.
    rng, init
        As in `Linear`.

    Raises
    ------
    ValueError
        If there are fewer than two sizes.

    >>> mlp = MLP([784, 128, 64, 10], rng=np.random.default_rng(0))
    >>> sum(p.size for p in mlp.parameters())
    109386
    """

    def __init__(self, sizes, *, rng, activation=relu, init=initialisers.he_normal, dtype=np.float32):
        if len(lengths("the sizes of an MLP, from input and output,", sizes)) < 2:
            raise ValueError(f"an MLP needs a list of at least the sizes of its input and output, and was given {sizes!r}")
        layers = []
        for n_in, n_out in zip(sizes, sizes[1:]):
            layers += [Linear(n_in, n_out, rng=rng, init=init, dtype=dtype), activation]
        super().__init__(*layers[:-1])
