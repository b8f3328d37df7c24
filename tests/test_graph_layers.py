"""Layers for graphs: against their formulas, blind to the order of the nodes, and able to learn the karate club."""

import numpy as np
import pytest
from datafiles import refusal
from samples.making import normal

from dlbook import Tensor, init
from dlbook.functional import cross_entropy
from dlbook.gradcheck import gradcheck
from dlbook.graphs import adjacency, block_diagonal, karate_club, normalised_adjacency, stochastic_block_model
from dlbook.nn import GAT, GCN, Readout
from dlbook.ops import relu
from dlbook.optim import Adam

WIDE = np.float64
EDGES = [(0, 1), (1, 2), (0, 2), (2, 4), (5, 6)]  # node 3 is alone
A = adjacency(EDGES, 7).astype(WIDE)
AHAT, X = normalised_adjacency(A), normal((7, 4), 0)


def rng(seed=0):
    return np.random.default_rng(seed)


def widened(layer):
    """The layer with parameters that are float64, and none at a special value such as 0."""
    for position, p in enumerate(layer.parameters()):
        p.data = p.data.astype(WIDE) + 0.1 * normal(p.shape, position)
    return layer


LAYERS = {
    "GCN": lambda: (widened(GCN(4, 3, rng=rng())), AHAT),
    "GAT": lambda: (widened(GAT(4, 3, heads=2, rng=rng())), A),
    "GAT averaged": lambda: (widened(GAT(4, 3, heads=5, average=True, rng=rng())), A),
}
every_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


# ---- formulas ---------------------------------------------------------------------------------------------------------

def test_gcn_by_its_definition():
    layer, _ = LAYERS["GCN"]()
    w, b = layer.w.data, layer.b.data
    whole = A + np.eye(7)
    degree = whole.sum(axis=1)
    expected = [sum(whole[i, j] / np.sqrt(degree[i] * degree[j]) * (X[j] @ w) for j in range(7)) + b for i in range(7)]
    np.testing.assert_allclose(layer(X, AHAT).data, expected, rtol=1e-12)
    np.testing.assert_allclose(layer(X, AHAT).data[3], X[3] @ w + b, rtol=1e-12, err_msg="a node that is alone keeps its own")


def gat_by_definition(layer, average):
    heads = []
    for h in range(layer.heads):
        w, (own, other) = layer.w.data[:, 3 * h:3 * h + 3], np.split(layer.scores.data[h], 2)
        rows = []
        for i in range(7):
            around = [j for j in range(7) if j == i or A[i, j]]
            scores = np.array([own @ (X[i] @ w) + other @ (X[j] @ w) for j in around])
            scores = np.where(scores > 0, scores, 0.2 * scores)
            alpha = np.exp(scores) / np.exp(scores).sum()
            rows.append(sum(a * (X[j] @ w) for a, j in zip(alpha, around)))
        heads.append(rows)
    return (np.mean(heads, axis=0) if average else np.concatenate(heads, axis=1)) + layer.b.data


@pytest.mark.parametrize("name", ["GAT", "GAT averaged"])
def test_gat_by_its_definition(name):
    layer, _ = LAYERS[name]()
    np.testing.assert_allclose(layer(X, A).data, gat_by_definition(layer, layer.average), rtol=1e-11)


def test_attention_goes_to_neighbours_alone_and_adds_up_to_one():
    layer, _ = LAYERS["GAT"]()
    alpha = layer.attention(X, A).data
    assert alpha.shape == (2, 7, 7)
    np.testing.assert_allclose(alpha.sum(axis=2), 1, rtol=1e-14)
    assert np.array_equal(alpha > 0, np.broadcast_to((A + np.eye(7)) > 0, (2, 7, 7)))
    assert alpha[:, 3, 3].tolist() == [1, 1], "a node that is alone looks at itself"
    assert abs(alpha[0] - alpha[1]).max() > 0.01 and abs(alpha[0] - alpha[0].T).max() > 0.01
    assert all(np.array_equal(layer(X, a).data, layer(X, A).data) for a in (5 * A, A + np.eye(7)))


def test_attention_with_huge_scores_is_finite():
    layer, _ = LAYERS["GAT"]()
    layer.scores.data = 1e5 * layer.scores.data
    out = layer(X, A)
    out.sum().backward()
    assert all(np.isfinite(p.grad).all() for p in layer.parameters()) and np.isfinite(out.data).all()


# ---- symmetries -------------------------------------------------------------------------------------------------------

@every_layer
def test_another_order_of_the_nodes_gives_the_rows_in_that_order(make):
    layer, a = make()
    for seed in range(5):
        order = rng(seed).permutation(7)
        np.testing.assert_allclose(layer(X[order], a[order][:, order]).data, layer(X, a).data[order], rtol=1e-11, atol=1e-13)
    graph = np.array([0, 0, 0, 1, 0, 1, 1])
    for how in ("mean", "sum"):
        np.testing.assert_allclose(Readout(how)(X[order], graph[order]).data, Readout(how)(X, graph).data, rtol=1e-11, atol=1e-13)


@every_layer
def test_a_node_hears_from_its_neighbours_alone(make):
    layer, a = make()
    y = layer(X, a).data
    for j in range(7):
        moved = X.copy()
        moved[j] += 1
        changed = (layer(moved, a).data != y).any(axis=1)
        assert np.array_equal(changed, (A[j] > 0) | (np.arange(7) == j))


@every_layer
def test_graphs_side_by_side_are_graphs_by_themselves(make):
    layer, _ = make()
    parts = [stochastic_block_model([n], [[0.5]], rng=rng(n))[0].astype(WIDE) for n in (3, 1, 6)]
    features = [normal((len(part), 4), len(part)) for part in parts]
    prepare = normalised_adjacency if isinstance(layer, GCN) else lambda part: part
    whole, graph = block_diagonal(parts)
    together = layer(np.concatenate(features), prepare(whole))
    alone = [layer(x, prepare(part)).data for x, part in zip(features, parts)]
    np.testing.assert_allclose(together.data, np.concatenate(alone), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(Readout()(together, graph).data, [y.mean(axis=0) for y in alone], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(Readout("sum")(together, graph).data, [y.sum(axis=0) for y in alone], rtol=1e-11, atol=1e-13)


# ---- gradients, dtypes ------------------------------------------------------------------------------------------------

@every_layer
def test_gradients(make):
    """Of the features and of every parameter; those of each parameter alone are in test_layers.py."""
    layer, a = make()
    assert gradcheck(lambda x: layer(x, a), X, rng=rng()) <= 1e-6

    def with_parameters(*values):
        for (name, _), value in zip(named, values):
            setattr(layer, name, value)
        return layer(X, a)

    named = layer.named_parameters()
    assert gradcheck(with_parameters, *(p.data for _, p in named), rng=rng()) <= 1e-6


def test_gradient_of_attention_and_readout():
    layer, _ = LAYERS["GAT"]()
    assert gradcheck(lambda x: layer.attention(x, A), X, rng=rng()) <= 1e-6
    for how in ("mean", "sum"):
        assert gradcheck(lambda x: Readout(how)(x, [0, 2, 2, 0, 0, 2, 0]), X, rng=rng()) <= 1e-6


@pytest.mark.parametrize("make", [lambda: GCN(4, 3, rng=rng()), lambda: GAT(4, 3, heads=2, rng=rng())], ids=["GCN", "GAT"])
def test_float32_stays_whatever_the_matrix_is(make):
    layer = make()
    for a in (A, A.astype(np.float32), A.astype(int), A.astype(bool), A.tolist()):
        x = Tensor(X.astype(np.float32), requires_grad=True)
        y = layer(x, a)
        y.sum().backward()
        assert {y.dtype, x.grad.dtype, *(p.grad.dtype for p in layer.parameters())} == {np.dtype(np.float32)}
    assert Readout()(X.astype(np.float32), [0] * 7).dtype == np.float32 and Readout()(X, [0] * 7).dtype == WIDE


def test_a_matrix_is_not_written_into():
    for make in LAYERS.values():
        layer, a = make()
        before = a.copy()
        layer(X, a).sum().backward()
        assert np.array_equal(a, before)


def test_readout():
    x = np.array([[1.0, 2], [3, 4], [5, 6]])
    assert Readout()(x, [0, 2, 0]).data.tolist() == [[3, 4], [0, 0], [3, 4]]
    assert Readout("sum")(x, [0, 2, 0]).data.tolist() == [[6, 8], [0, 0], [3, 4]]
    twice, graph = np.concatenate([x, x]), [0] * 6
    assert np.array_equal(Readout()(twice, graph).data, Readout()(x, graph[:3]).data), "a mean does not count"
    assert np.array_equal(Readout("sum")(twice, graph).data, 2 * Readout("sum")(x, graph[:3]).data), "a sum does"


def test_names_and_numbers_of_parameters():
    gat = GAT(4, 3, heads=2, rng=rng())
    assert [(name, p.shape) for name, p in gat.named_parameters()] == [("w", (4, 6)), ("scores", (2, 6)), ("b", (6,))]
    assert GAT(4, 3, heads=2, average=True, rng=rng()).b.shape == (3,)
    assert repr(gat) == "GAT(4, 3, heads=2)" and repr(GCN(4, 3, rng=rng())) == "GCN(4, 3)"
    r = rng()  # each head is drawn by itself, with fans of its own
    heads = [init.xavier_uniform((4, 3), rng=r) for _ in range(2)]
    scores = [init.xavier_uniform((6, 1), rng=r)[:, 0] for _ in range(2)]
    assert np.array_equal(gat.w.data, np.concatenate(heads, axis=1)) and np.array_equal(gat.scores.data, scores)


# ---- errors -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("call, kind, said", [
    (lambda: GCN(4, 3, rng=rng())(X, A[:6]), ValueError, "were given shapes (7, 4) and (6, 7)"),
    (lambda: GCN(4, 3, rng=rng())(X[0], A), ValueError, "features (N, C) need a matrix (N, N)"),
    (lambda: GCN(5, 3, rng=rng())(X, AHAT), ValueError, "matmul was given shapes (7, 4), (5, 3)"),
    (lambda: GCN(0, 3, rng=rng()), ValueError, "in_features must be a whole number from 1 up"),
    (lambda: GCN(4, 3, rng=0), TypeError, "rng is 0"), (lambda: GCN(4, 3), TypeError, "rng"),
    (lambda: GCN(4, 3, rng=rng())(X), TypeError, "'a'"),
    (lambda: GAT(4, 3, rng=rng())(X, A[:5, :5]), ValueError, "(7, 4) and (5, 5)"),
    (lambda: GAT(4, 3, rng=rng()).attention(X, EDGES), ValueError, "(7, 4) and (5, 2)"),
    (lambda: GAT(4, 3, heads=0, rng=rng()), ValueError, "heads must be a whole number from 1 up"),
    (lambda: GAT(4, 3, average="no", rng=rng()), ValueError, "average must be True or False"),
    (lambda: GAT(4, 2.5, rng=rng()), ValueError, "out_features"),
    (lambda: Readout("max"), ValueError, "a readout is 'mean' or 'sum', and not 'max'"),
    (lambda: Readout()(X, [0, 1]), ValueError, "(7, 4) and (2,)"), (lambda: Readout()(X, [-1] * 7), ValueError, "from 0 up"),
    (lambda: Readout()(X, [0.0] * 7), ValueError, "float64"),
    (lambda: Readout()(np.ones((0, 4)), []), ValueError, "Readout takes"),
])
def test_refuses(call, kind, said):
    assert said in refusal(kind, call)


# ---- the karate club --------------------------------------------------------------------------------------------------

def learned(y, matrix, seed):
    """Share of the members classified rightly by two layers, of those of whom nothing was told: one label a class was."""
    club, r = karate_club(), rng(seed)
    degree = club.adjacency.sum(axis=1)
    known = np.array([max(np.flatnonzero(y == k), key=lambda node: degree[node]) for k in range(y.max() + 1)])
    first, second = GCN(34, 16, rng=r), GCN(16, len(known), rng=r)
    optimiser, x = Adam([*first.parameters(), *second.parameters()], lr=0.01), np.eye(34)
    for _ in range(200):
        optimiser.zero_grad()
        logits = second(relu(first(x, matrix)), matrix)
        cross_entropy(logits[known], labels=y[known]).backward()
        optimiser.step()
    asked = np.setdiff1d(np.arange(34), known)
    return (logits.data.argmax(axis=1) == y)[asked].mean()


def test_the_karate_club_from_one_label_a_class():
    club = karate_club()
    matrix = normalised_adjacency(club.adjacency)
    assert min(learned(club.faction, matrix, seed) for seed in range(5)) > 0.93
    assert np.mean([learned(club.community, matrix, seed) for seed in range(5)]) > 0.85


def test_without_its_edges_the_karate_club_is_not_learned():
    assert np.mean([learned(karate_club().faction, np.eye(34), seed) for seed in range(5)]) < 0.7
