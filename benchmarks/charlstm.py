"""A network that reads a text letter by letter and guesses the next: embedding, LSTM, linear layer, Adam.

Legend: B sequences, T letters in each, V different letters, I numbers for a letter, H hidden units. Rows for the loss are
(B·T, V). The gates of `arrays` stand in the order i, f, o, g.
"""

from functools import partial

import numpy as np

from .composed import autograd_step, cross_entropy, mygrad_step
from .engines import training
from .workload import Workload, product_flops

LR = 1e-3


def arrays(rng, *, batch, steps, letters, features, hidden):
    """`ids` (B, T), `labels` (B, T), and `parameters` by the names that dlbook gives them."""
    text = rng.integers(0, letters, (batch, steps + 1))

    def normal(*shape):
        return rng.normal(0, shape[0] ** -0.5, shape).astype(np.float32)

    parameters = {
        "words.w": normal(letters, features),
        "lstm.wx": normal(features, 4 * hidden), "lstm.wh": normal(hidden, 4 * hidden), "lstm.b": np.zeros(4 * hidden, np.float32),
        "head.w": normal(hidden, letters), "head.b": np.zeros(letters, np.float32),
    }
    return {"ids": text[:, :-1], "labels": text[:, 1:], "parameters": parameters}


def flops(*, batch, steps, letters, features, hidden):
    """Operations in the products of one step; the embedding is a look-up and has none."""
    rows = batch * steps
    return sum(product_flops(rows, *sizes) for sizes in [(features, 4 * hidden), (hidden, 4 * hidden), (hidden, letters)])


def in_dlbook(ids, labels, parameters):
    """The step as a chapter writes it."""
    from dlbook import nn, optim
    from dlbook.functional import cross_entropy

    class Speller(nn.Module):
        def __init__(self, letters, features, hidden, *, rng):
            self.words = nn.Embedding(letters, features, rng=rng)
            self.lstm = nn.LSTM(features, hidden, rng=rng)
            self.head = nn.Linear(hidden, letters, rng=rng)

        def forward(self, ids):
            h, _ = self.lstm(self.words(ids))
            return self.head(h)

    model = Speller(*parameters["words.w"].shape, len(parameters["head.w"]), rng=np.random.default_rng(0))
    model.load_state(parameters)
    optimiser = optim.Adam(model.parameters(), lr=LR)

    return training(optimiser, lambda: cross_entropy(model(ids), labels=labels))


def in_torch(ids, labels, parameters):
    """PyTorch eager, with its defaults, but one bias instead of two: the second would double the step of their sum."""
    import torch
    from torch.nn.functional import cross_entropy

    class Speller(torch.nn.Module):
        def __init__(self, letters, features, hidden):
            super().__init__()
            self.words = torch.nn.Embedding(letters, features)
            self.lstm = torch.nn.LSTM(features, hidden, batch_first=True)
            self.head = torch.nn.Linear(hidden, letters)

        def forward(self, ids):
            h, _ = self.lstm(self.words(ids))
            return self.head(h)

    def rows(w):
        """Columns in the order i, f, o, g as PyTorch's rows i, f, g, o."""
        i, f, o, g = np.split(w.T, 4)
        return torch.from_numpy(np.concatenate([i, f, g, o]))

    model = Speller(*parameters["words.w"].shape, len(parameters["head.w"]))
    with torch.no_grad():
        model.words.weight.copy_(torch.from_numpy(parameters["words.w"]))
        model.lstm.weight_ih_l0.copy_(rows(parameters["lstm.wx"]))
        model.lstm.weight_hh_l0.copy_(rows(parameters["lstm.wh"]))
        model.lstm.bias_ih_l0.copy_(rows(parameters["lstm.b"]))
        model.lstm.bias_hh_l0.zero_()
        model.head.weight.copy_(torch.from_numpy(parameters["head.w"].T))
        model.head.bias.copy_(torch.from_numpy(parameters["head.b"]))
    model.lstm.bias_hh_l0.requires_grad_(False)
    ids, labels = torch.from_numpy(ids), torch.from_numpy(labels).reshape(-1)
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=LR)

    return training(optimiser, lambda: cross_entropy(model(ids).flatten(0, 1), labels))


def loss(np, parameters, ids, labels):
    """The formulas, letter by letter, for engines that have no LSTM."""
    words, wx, wh, b, head_w, head_b = parameters.values()
    H = wh.shape[0]
    h = c = np.zeros((len(ids), H), dtype="float32")
    states = []
    for letter in ids.T:
        z = np.matmul(words[letter], wx) + np.matmul(h, wh) + b
        gates = 0.5 * np.tanh(0.5 * z[:, : 3 * H]) + 0.5  # σ, as one call for three gates
        c = gates[:, H : 2 * H] * c + gates[:, :H] * np.tanh(z[:, 3 * H :])
        h = gates[:, 2 * H :] * np.tanh(c)
        states.append(h)
    logits = np.matmul(np.concatenate(states, axis=0), head_w) + head_b
    return cross_entropy(np, logits, labels.T.reshape(-1))


def in_mygrad(ids, labels, parameters):
    """MyGrad has no LSTM: a loop over time."""
    return mygrad_step(partial(loss, ids=ids, labels=labels), parameters, LR)


def in_autograd(ids, labels, parameters):
    """HIPS autograd: a loop over time, like its own example."""
    return autograd_step(partial(loss, ids=ids, labels=labels), parameters, LR)


def charlstm(name, **sizes):
    """A workload of this family."""
    engines = {"dlbook": in_dlbook, "torch": in_torch, "mygrad": in_mygrad, "autograd": in_autograd}
    return Workload(name, partial(arrays, **sizes), engines, flops(**sizes))


WORKLOADS = [charlstm("charlstm", batch=32, steps=64, letters=65, features=64, hidden=128)]
