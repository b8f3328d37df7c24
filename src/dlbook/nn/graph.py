"""Layers for graphs: features (N, C) of nodes, mixed along edges. Chapter *graph networks*.

Several graphs go through as one: `dlbook.graphs.block_diagonal` puts their adjacency matrices side by side, and `Readout`
adds up the nodes of each. Legend: N nodes, C features, H heads, G graphs.
"""

import numpy as np

from .. import init as initialisers
from ..autograd import Tensor, floating
from ..functional import leaky_relu, softmax
from ..ops import matmul, where
from ..settings import flag, function, real, whole
from .module import Module


class GCN(Module):
    """Graph convolution Â X W + b: each node takes a weighted sum of itself and its neighbours, then a linear layer.

    Kipf and Welling, "Semi-supervised classification with graph convolutional networks", 2017.

    Parameters
    ----------
    in_features, out_features : int
    rng : np.random.Generator
        Draws the weights; biases start at 0.
    init : function from `dlbook.init`

    Input: x (N, in_features) and Â (N, N), which `dlbook.graphs.normalised_adjacency` makes once for all layers. Output
    (N, out_features).

    Raises
    ------
    ValueError
        If Â is not (N, N).

    >>> from dlbook.graphs import karate_club, normalised_adjacency
    >>> layer = GCN(34, 4, rng=np.random.default_rng(0))
    >>> layer(np.eye(34), normalised_adjacency(karate_club().adjacency)).shape
    (34, 4)
    """

    def __init__(self, in_features, out_features, *, rng, init=initialisers.xavier_uniform, dtype=np.float32):
        shape = whole("in_features", in_features), whole("out_features", out_features)
        self.w = Tensor(function("init", init)(shape, rng=rng, dtype=dtype), requires_grad=True)
        self.b = Tensor(np.zeros(out_features, dtype), requires_grad=True)

    def forward(self, x, a):
        """`a @ x @ w + b`."""
        a = _square(a, x)
        return matmul(a, matmul(x, self.w)) + self.b

    def __repr__(self):
        return "GCN({}, {})".format(*self.w.shape)


class GAT(Module):
    """Graph attention: each node takes a mean of itself and its neighbours with weights that it learns to choose.

    In every head h = x W, the score of neighbour j for node i is LeakyReLU(aᵀ [h_i, h_j]) with slope 0.2, and a softmax over
    the neighbours and the node itself makes the weights. Veličković et al., "Graph attention networks", 2018.

    Parameters
    ----------
    in_features, out_features : int
        `out_features` is that of one head.
    heads : int
    average : bool
        Whether the heads are averaged, as in a last layer, rather than laid side by side.
    rng : np.random.Generator
        Draws the weights; biases start at 0.
    init : function from `dlbook.init`

    Input: x (N, in_features) and an adjacency matrix (N, N), of which only counts where it is 0; edges from a node to
    itself are always there. Output (N, heads · out_features), or (N, out_features) if averaged.

    Raises
    ------
    ValueError
        If the adjacency matrix is not (N, N).

    >>> from dlbook.graphs import karate_club
    >>> layer = GAT(34, 8, heads=2, rng=np.random.default_rng(0))
    >>> layer(np.eye(34), karate_club().adjacency).shape
    (34, 16)
    """

    def __init__(self, in_features, out_features, *, rng, heads=1, average=False, init=initialisers.xavier_uniform,
                 dtype=np.float32):
        self.heads, self.average = whole("heads", heads), flag("average", average)
        self.features = whole("out_features", out_features)
        shape = whole("in_features", in_features), self.features
        parts = [function("init", init)(shape, rng=rng, dtype=dtype) for _ in range(self.heads)]
        self.w = Tensor(np.concatenate(parts, axis=1), requires_grad=True)
        scores = [init((2 * self.features, 1), rng=rng, dtype=dtype)[:, 0] for _ in range(self.heads)]
        self.scores = Tensor(np.array(scores), requires_grad=True)  # (H, 2C): the vectors a, for the node and its neighbour
        self.b = Tensor(np.zeros(self.features * (1 if average else heads), dtype), requires_grad=True)

    def forward(self, x, a):
        """Weighted means of the nodes' features."""
        h = self._projected(x)  # (H, N, C)
        mixed = matmul(self._weights(h, _square(a, x)), h)
        if self.average:
            return mixed.mean(axis=0) + self.b
        return mixed.transpose(1, 0, 2).reshape(-1, self.heads * self.features) + self.b

    def attention(self, x, a):
        """The weights (H, N, N): how much each node takes from each; rows sum to 1."""
        return self._weights(self._projected(x), _square(a, x))

    def _projected(self, x):
        return matmul(x, self.w).reshape(-1, self.heads, self.features).transpose(1, 0, 2)

    def _weights(self, h, a):
        own, others = (self.scores[:, part].reshape(self.heads, self.features, 1)  # aᵀ [h_i, h_j] is a sum of two products
                       for part in (slice(None, self.features), slice(self.features, None)))
        scores = leaky_relu(matmul(h, own) + matmul(h, others).transpose(0, 2, 1), slope=0.2)
        joined = (a != 0) | np.eye(len(a), dtype=bool)
        return softmax(where(scores, -np.inf, condition=joined))  # each row has itself, so that none is empty

    def __repr__(self):
        return f"GAT({len(self.w.data)}, {self.features}, heads={self.heads})"


class Readout(Module):
    """One row for each graph: the mean, or the sum, of the rows of its nodes.

    A sum tells large graphs from small ones, a mean does not (Xu et al. 2019).

    Parameters
    ----------
    how : "mean" or "sum"

    Input: x (N, C) and the number (N,) of each node's graph, as `dlbook.graphs.block_diagonal` gives it. Output (G, C), where
    G - 1 is the largest number; a number that no node has gets zeros.

    Raises
    ------
    ValueError
        If `how` is anything else, or there is not one number from 0 up for each node.

    >>> Readout()([[1.0], [3.0], [5.0]], np.array([0, 0, 1]))
    Tensor([[2.],
            [5.]])
    """

    def __init__(self, how="mean"):
        if not isinstance(how, str) or how not in ("mean", "sum"):
            raise ValueError(f"a readout is 'mean' or 'sum', and not {how!r:.60}")
        self.how = how

    def forward(self, x, graph):
        """The rows of each graph's nodes added up or averaged."""
        x = x if isinstance(x, Tensor) else Tensor(x)
        graph = real("graph", graph)
        if x.ndim != 2 or graph.shape != (len(x),) or graph.dtype.kind not in "iu" or not graph.size or graph.min() < 0:
            raise ValueError(f"Readout takes x (N, C) and a whole number from 0 up for each node, and was given {x.shape} and "
                             f"{graph.shape} of {graph.dtype}")
        member = (np.arange(graph.max() + 1)[:, None] == graph).astype(x.dtype)  # (G, N)
        total = matmul(member, x)
        return total if self.how == "sum" else total / np.maximum(member.sum(axis=1, keepdims=True), 1)


def _square(a, x):
    """The matrix of a graph, which must fit the features of its nodes."""
    a, shape = floating(a), x.shape if isinstance(x, Tensor) else floating(x).shape
    if len(shape) != 2 or a.shape != (shape[0], shape[0]):
        raise ValueError(f"features (N, C) need a matrix (N, N) of their graph, and were given shapes {shape} and {a.shape}")
    if np.isnan(a).any():
        raise ValueError(f"the matrix {a.shape} of a graph holds nan: neither an edge nor none")
    return a
