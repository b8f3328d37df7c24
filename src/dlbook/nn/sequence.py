"""Layers for sequences (B, T, C). Chapters *embeddings*, *recurrent networks*, *LSTM and GRU*."""

import numpy as np

from .. import init as initialisers
from .. import recurrent
from ..autograd import Tensor, floating
from ..functional import embedding
from ..settings import whole
from .module import Module


class Embedding(Module):
    """A learned vector for each of `vocabulary` ids: integers of any shape to (*shape, features).

    >>> Embedding(10, 4, rng=np.random.default_rng(0))(np.array([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    def __init__(self, vocabulary, features, *, rng, std=0.02, dtype=np.float32):
        shape = whole("vocabulary", vocabulary), whole("features", features)
        self.w = Tensor(initialisers.normal(shape, std=std, rng=rng, dtype=dtype), requires_grad=True)

    def forward(self, ids):
        """The vectors of `ids`."""
        return embedding(self.w, ids=ids)


class _Recurrent(Module):
    """What the three recurrent layers share: weights for `gates` stretches of H units, zeros to start from."""

    gates = 1

    def __init__(self, in_features, hidden, *, rng, dtype=np.float32):
        hidden = whole("hidden", hidden)
        width = self.gates * hidden
        self.wx = Tensor(initialisers.xavier_uniform((whole("in_features", in_features), width), rng=rng, dtype=dtype), requires_grad=True)
        blocks = [initialisers.orthogonal((hidden, hidden), rng=rng, dtype=dtype) for _ in range(self.gates)]
        self.wh = Tensor(np.concatenate(blocks, axis=1), requires_grad=True)
        self.b = Tensor(np.zeros(width, dtype), requires_grad=True)
        self.hidden = hidden

    def zeros(self, x):
        """The state to start from where none is given."""
        return Tensor(np.zeros((*floating(x).shape[:1], self.hidden), self.b.dtype))


class RNN(_Recurrent):
    """`recurrent.rnn` with learned weights: x (B, T, in) to hidden states (B, T, H) and the last of them (B, H).

    >>> h, last = RNN(3, 4, rng=np.random.default_rng(0))(np.ones((2, 5, 3), np.float32))
    >>> h.shape, last.shape
    ((2, 5, 4), (2, 4))
    """

    def forward(self, x, h0=None):
        """Hidden states after every step, and the last one: pass it back as `h0` to continue."""
        h = recurrent.rnn(x, self.zeros(x) if h0 is None else h0, self.wx, self.wh, self.b)
        return h, h[:, -1]


class LSTM(_Recurrent):
    """`recurrent.lstm` with learned weights: x (B, T, in) to hidden states (B, T, H) and the last state (h, c).

    The forget gate starts open (bias 1), so that gradients flow from the first day (Jozefowicz, Zaremba & Sutskever 2015).

    >>> h, (last, cell) = LSTM(3, 4, rng=np.random.default_rng(0))(np.ones((2, 5, 3), np.float32))
    >>> h.shape, last.shape, cell.shape
    ((2, 5, 4), (2, 4), (2, 4))
    """

    gates = 4

    def __init__(self, in_features, hidden, *, rng, dtype=np.float32):
        super().__init__(in_features, hidden, rng=rng, dtype=dtype)
        bias = np.zeros(4 * hidden, dtype)
        bias[hidden : 2 * hidden] = 1
        self.b = Tensor(bias, requires_grad=True)

    def forward(self, x, state=None):
        """Hidden states after every step, and the last state: pass it back as `state` to continue."""
        h0, c0 = (self.zeros(x), self.zeros(x)) if state is None else state
        both = recurrent.lstm(x, h0, c0, self.wx, self.wh, self.b)
        h = both[:, :, : self.hidden]
        return h, (both[:, -1, : self.hidden], both[:, -1, self.hidden :])


class GRU(_Recurrent):
    """`recurrent.gru` with learned weights: x (B, T, in) to hidden states (B, T, H) and the last of them (B, H).

    >>> h, last = GRU(3, 4, rng=np.random.default_rng(0))(np.ones((2, 5, 3), np.float32))
    >>> h.shape, last.shape
    ((2, 5, 4), (2, 4))
    """

    gates = 3

    def __init__(self, in_features, hidden, *, rng, dtype=np.float32):
        super().__init__(in_features, hidden, rng=rng, dtype=dtype)
        self.b_hidden = Tensor(np.zeros(hidden, dtype), requires_grad=True)

    def forward(self, x, h0=None):
        """Hidden states after every step, and the last one: pass it back as `h0` to continue."""
        h = recurrent.gru(x, self.zeros(x) if h0 is None else h0, self.wx, self.wh, self.b, self.b_hidden)
        return h, h[:, -1]
