"""What the chapter `multilayer-perceptron` displays and proves, against the code that it prints."""

import numpy as np
import pytest
from exercises import CHAPTERS, published
from hypothesis import given
from hypothesis import strategies as st

from dlbook.data import logic_gate

CHAPTER = {"__name__": "chapter"}
exec(published(CHAPTERS / "01-foundations/multilayer-perceptron.md")["units_or_steps"].before, CHAPTER)
best_line, forward, hidden_values, ramps, sawtooth, pieces, zigzag, random_network = (
    CHAPTER[name] for name in ("best_line", "forward", "hidden_values", "ramps", "sawtooth", "pieces", "zigzag", "random_network"))

seeds = st.integers(0, 10_000)
GRID = np.linspace(0, 1, 5001)


def along(layers, x=GRID):
    return forward(x[:, None], layers)[:, 0]


@given(seeds)
def test_forward_is_the_displayed_pair_of_equations(seed):
    rng = np.random.default_rng(seed)
    B, n, m, k = rng.integers(1, 8, size=4)
    x, w1, b1, w2, b2 = (rng.normal(size=s) for s in ((B, n), (n, m), m, (m, k), k))
    z = [[sum(max(0, x[i] @ w1[:, j] + b1[j]) * w2[j, c] for j in range(m)) + b2[c] for c in range(k)] for i in range(B)]
    np.testing.assert_allclose(forward(x, [(w1, b1), (w2, b2)]), z)


@given(st.floats(-2, 3), st.floats(-2, 3))
def test_xor_by_hand_is_the_displayed_network(x1, x2):
    layers = [(np.ones((2, 2)), np.array([0.0, -1.0])), (np.array([[1.0], [-2.0]]), np.array([-0.5]))]
    h1, h2 = max(0, x1 + x2), max(0, x1 + x2 - 1)
    x = np.array([[x1, x2]])
    np.testing.assert_allclose(hidden_values(x, layers), [[h1, h2]])
    assert forward(x, layers)[0, 0] == pytest.approx(h1 - 2 * h2 - 0.5)


def test_no_line_gets_more_than_three_corners_of_xor():
    x, y = logic_gate("xor")
    assert best_line(x + [[0, 0.01], [0.02, 0], [0, -0.01], [0.01, 0.02]], y) == 0.75
    assert best_line(x, logic_gate("and")[1]) == 1


@given(seeds)
def test_layers_without_a_bend_are_one_layer(seed):
    rng = np.random.default_rng(seed)
    x, w1, b1, w2, b2 = (rng.normal(size=s) for s in ((7, 3), (3, 5), 5, (5, 2), 2))
    np.testing.assert_allclose((x @ w1 + b1) @ w2 + b2, x @ (w1 @ w2) + (b1 @ w2 + b2))


@given(seeds, st.integers(1, 40))
def test_ramps_interpolate_and_keep_the_bound(seed, m):
    """f: a chain of random slopes at most L, with breaks that have nothing to do with the hinges."""
    rng = np.random.default_rng(seed)
    breaks = np.sort(np.append(rng.random(30), [0, 1]))
    lipschitz = rng.uniform(0.1, 10)
    heights = np.append(0, np.cumsum(np.diff(breaks) * rng.uniform(-lipschitz, lipschitz, 31)))

    def f(x):
        return np.interp(x, breaks, heights)

    layers, t = ramps(f, m), np.linspace(0, 1, m + 1)
    assert layers[0][0].shape == (1, m)
    np.testing.assert_allclose(along(layers), np.interp(GRID, t, f(t)), atol=1e-9 * m * lipschitz)
    assert np.abs(along(layers) - f(GRID)).max() <= lipschitz / (2 * m) + 1e-9


@pytest.mark.parametrize("m", [1, 3, 8, 50])
def test_the_zigzag_uses_the_bound_up(m):
    f = zigzag(m)
    x = np.linspace(0, 1, 400 * m + 1)
    assert np.abs(np.diff(f(x)) / np.diff(x)).max() <= 1 + 1e-9
    assert np.abs(along(ramps(f, m), x) - f(x)).max() == pytest.approx(1 / (2 * m))


def test_twice_the_ramps_may_be_off_by_nearly_twice_as_much():
    """The quiz: a spike on a hinge that only the wider network has, and a dip beside it."""
    def f(x):
        return np.maximum(0, 1 - np.abs(x - 0.125) / 0.01) - np.maximum(0, 1 - np.abs(x - 0.145) / 0.01)

    few, many = (np.abs(along(ramps(f, m)) - f(GRID)).max() for m in (4, 8))
    assert few == pytest.approx(1) and 1.8 < many < 2


@pytest.mark.parametrize("k", range(1, 11))
def test_the_sawtooth_is_the_tent_map_repeated(k):
    layers, want = sawtooth(k), GRID
    assert [len(b) for _, b in layers] == [2] * k + [1]
    for _ in range(k):
        want = 2 * np.maximum(0, want) - 4 * np.maximum(0, want - 0.5)
    np.testing.assert_allclose(along(layers), want, atol=1e-16 * 4**k + 1e-15)
    assert pieces(layers) == 2**k
    n = 2**k
    np.testing.assert_array_equal(along(layers, np.arange(n) / n), np.arange(n) % 2)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("sizes", [[1, 6, 1], [1, 3, 4, 1], [1, 4, 3, 4, 1]])
def test_pieces_are_those_that_a_fine_grid_shows(seed, sizes):
    layers = random_network(sizes, np.random.default_rng(seed))
    x = np.linspace(-1, 1, 200_001)
    slope = np.diff(along(layers, x)) / np.diff(x)
    breaks = np.abs(np.diff(slope)) > 1e-6
    counted = 1 + np.count_nonzero(breaks[1:] & ~breaks[:-1]) + breaks[0]  # a break off the grid shows in two neighbours
    got = pieces(layers, -1, 1)
    assert counted <= got <= counted + 1  # the grid may miss a piece shorter than its step


@pytest.mark.parametrize("seed, m", [(seed, m) for seed in range(5) for m in range(1, 13)])
def test_one_layer_has_at_most_a_piece_more_than_units(seed, m):
    layers = random_network([1, m, 1], np.random.default_rng(seed))
    inside = -layers[0][1] / layers[0][0][0]
    assert pieces(layers, -1, 1) == 1 + np.count_nonzero(np.abs(inside) < 1) <= m + 1


@given(seeds, st.integers(1, 4), st.integers(1, 4))
def test_layers_have_at_most_the_pieces_of_the_exercise(seed, layers, width):
    network = random_network([1] + layers * [width] + [1], np.random.default_rng(seed))
    assert pieces(network, -5, 5) <= (2 * width) ** layers


@given(seeds, st.integers(2, 10), st.integers(1, 40))
def test_no_single_layer_beats_the_count(seed, k, m):
    rng, n = np.random.default_rng(seed), 2**k
    w, b = rng.choice([-1, 1], size=m), rng.uniform(-1, 1, size=m)
    x, y = np.arange(n) / n, np.arange(n) % 2
    h = np.column_stack([np.maximum(x[:, None] * w + b, 0), np.ones(n)])
    a = np.linalg.lstsq(h, y - 0.5, rcond=None)[0]
    wrong = np.count_nonzero((h @ a > 0) != y)
    assert wrong >= (n - m - 2) / 2
