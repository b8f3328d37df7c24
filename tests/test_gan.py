"""Adversarial networks: losses and their slopes, steps that leave no gradients behind, and the measures of success."""

import math

import numpy as np
import pytest
from samples.making import normal

from dlbook import Tensor, data, gan
from dlbook.gan import (
    Coverage, clip_weights, critic_loss, discriminator_loss, discriminator_step, frozen, generator_step, minimax_loss,
    mode_coverage, non_saturating_loss, optimal_discriminator, ring_centres, wasserstein_loss,
)
from dlbook.gradcheck import gradcheck
from dlbook.nn import MLP, BatchNorm, Linear, Sequential
from dlbook.ops import tanh
from dlbook.optim import SGD, Adam

REAL, FAKE = normal((5, 1), 0), normal((7, 1), 1)


def rng(seed=0):
    return np.random.default_rng(seed)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# ---- losses -----------------------------------------------------------------------------------------------------------

FORMULAS = {
    "discriminator": (discriminator_loss, lambda r, f: -np.log(sigmoid(r)).mean() - np.log(1 - sigmoid(f)).mean()),
    "minimax": (lambda r, f: minimax_loss(f), lambda r, f: np.log(1 - sigmoid(f)).mean()),
    "non-saturating": (lambda r, f: non_saturating_loss(f), lambda r, f: -np.log(sigmoid(f)).mean()),
    "critic": (critic_loss, lambda r, f: f.mean() - r.mean()),
    "wasserstein": (lambda r, f: wasserstein_loss(f), lambda r, f: -f.mean()),
}
every_loss = pytest.mark.parametrize("loss, formula", FORMULAS.values(), ids=FORMULAS)


@every_loss
def test_formula_and_gradient(loss, formula):
    assert loss(REAL, FAKE).item() == pytest.approx(formula(REAL, FAKE), rel=1e-12)
    assert gradcheck(loss, REAL, FAKE, rng=rng()) < 1e-8
    assert loss(REAL.tolist(), FAKE.tolist()).shape == ()


@every_loss
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_leaves_its_dtype(loss, formula, dtype):
    leaves = [Tensor(a.astype(dtype), requires_grad=True) for a in (REAL, FAKE)]
    value = loss(*leaves)
    value.backward()
    assert {value.dtype, *(leaf.grad.dtype for leaf in leaves if leaf.grad is not None)} == {np.dtype(dtype)}


@every_loss
def test_sure_scores_do_not_overflow(loss, formula):
    with np.errstate(over="raise"):
        for r, f in [(1000.0, -1000.0), (-1000.0, 1000.0)]:
            assert math.isfinite(loss([r], [f]).item())


def slope(loss, score):
    leaf = Tensor([score], requires_grad=True)
    loss(leaf).backward()
    return leaf.grad.item()


def test_the_minimax_loss_saturates_where_the_generator_has_to_start():
    """Where D is sure that a sample is fake, D(fake) = σ(-8): one slope is -D, the other D - 1."""
    assert slope(minimax_loss, -8.0) == pytest.approx(-sigmoid(-8), rel=1e-3)
    assert slope(non_saturating_loss, -8.0) == pytest.approx(sigmoid(-8) - 1, rel=1e-6)
    assert slope(minimax_loss, 8.0) == pytest.approx(-sigmoid(8), rel=1e-6)


def test_the_game_is_zero_sum_as_far_as_fakes_go():
    whole = discriminator_loss(REAL, FAKE).item()
    assert whole + minimax_loss(FAKE).item() == pytest.approx(-np.log(sigmoid(REAL)).mean())


# ---- the best discriminator -------------------------------------------------------------------------------------------

GRID = np.linspace(-8, 8, 3201)
STEP = GRID[1] - GRID[0]


def log_normal(x, mean, std):
    return -0.5 * ((x - mean) / std) ** 2 - math.log(std * math.sqrt(2 * math.pi))


LOG_P, LOG_Q = log_normal(GRID, -1, 0.8), log_normal(GRID, 0.5, 1.1)
P, Q = np.exp(LOG_P), np.exp(LOG_Q)


def expected_loss(d):
    """The loss of a discriminator, with integrals for means."""
    return -(P * np.log(d) + Q * np.log(1 - d)).sum() * STEP


def test_the_best_discriminator_is_the_share_of_the_real_density():
    d = optimal_discriminator(LOG_P, LOG_Q)
    np.testing.assert_allclose(d, P / (P + Q), rtol=1e-9)
    np.testing.assert_allclose(optimal_discriminator(LOG_Q, LOG_P), 1 - d, atol=1e-15)


def test_no_other_discriminator_has_a_lower_loss():
    d = optimal_discriminator(LOG_P, LOG_Q)
    best, score = expected_loss(d), LOG_P - LOG_Q
    for wrong in (1.01 * score, 0.99 * score, score + 0.01 * np.sin(GRID), score - 0.01):
        assert expected_loss(sigmoid(wrong)) > best + 1e-8
    m = (P + Q) / 2
    divergence = 0.5 * ((P * np.log(P / m)).sum() + (Q * np.log(Q / m)).sum()) * STEP
    assert best == pytest.approx(2 * math.log(2) - 2 * divergence, abs=1e-9), "Goodfellow et al. 2014, theorem 1"


def test_a_trained_discriminator_finds_the_ratio_of_densities():
    draw = rng(3)
    d = MLP([1, 16, 1], activation=tanh, rng=draw)
    optimiser = Adam(d.parameters(), lr=0.01)
    for _ in range(600):
        real, fake = draw.normal(-1, 0.8, (256, 1)), draw.normal(0.5, 1.1, (256, 1))
        optimiser.zero_grad()
        discriminator_loss(d(real), d(fake)).backward()
        optimiser.step()
    x = np.linspace(-2, 2, 41)
    found = sigmoid(d(x[:, None]).data[:, 0])
    assert np.abs(found - optimal_discriminator(log_normal(x, -1, 0.8), log_normal(x, 0.5, 1.1))).max() < 0.06


def test_tails_where_densities_round_to_nothing():
    real, fake = np.array([-5000.0, -math.inf, 3.0, -60.0]), np.array([-5001.0, -4000.0, -math.inf, 0.0])
    np.testing.assert_allclose(optimal_discriminator(real, fake), [1 / (1 + math.exp(-1)), 0, 1, math.exp(-60)], rtol=1e-12)
    assert optimal_discriminator(LOG_P.astype(np.float32), LOG_Q.astype(np.float32)).dtype == np.float32
    assert optimal_discriminator(LOG_P[:, None], LOG_Q).shape == (3201, 3201)


# ---- modes ------------------------------------------------------------------------------------------------------------

def test_centres_are_those_of_the_ring():
    for modes, radius in [(8, 2.0), (5, 0.5)]:
        x, y = data.ring_of_gaussians(4000, modes=modes, radius=radius, std=0.1, rng=rng())
        means = np.array([x[y == k].mean(axis=0) for k in range(modes)])
        np.testing.assert_allclose(means, ring_centres(modes, radius=radius), atol=0.02)
    assert ring_centres().dtype == np.float32 and np.array_equal(ring_centres(), ring_centres(8, radius=2))


def test_the_ring_itself_is_covered():
    x, y = data.ring_of_gaussians(20_000, rng=rng())
    found = mode_coverage(x, ring_centres(), within=3 * 0.02)
    assert found.modes == 8 and found.quality == pytest.approx(1 - math.exp(-4.5), abs=0.003), "3 σ in the plane"
    assert found.counts.sum() == round(found.quality * len(x))
    assert np.array_equal(mode_coverage(x, ring_centres(), within=6 * 0.02).counts, np.bincount(y))


def test_collapse_is_counted():
    x, y = data.ring_of_gaussians(4000, rng=rng())
    for kept in ([3], [0, 4], [1, 2, 6]):
        found = mode_coverage(x[np.isin(y, kept)], ring_centres(), within=0.1)
        assert found.modes == len(kept) and np.flatnonzero(found.counts).tolist() == kept
    nowhere = mode_coverage(np.zeros((10, 2)), ring_centres(), within=0.1)
    assert nowhere.modes == 0 == nowhere.quality and isinstance(nowhere, Coverage)
    on_the_edge = mode_coverage([[0.5]], [[0.0], [2.0]], within=0.5)
    assert on_the_edge.counts.tolist() == [1, 0]
    assert mode_coverage([[1.4]], [[0.0], [2.0]], within=10).counts.tolist() == [0, 1], "the nearest, not any within reach"


# ---- steps ------------------------------------------------------------------------------------------------------------

def players():
    return MLP([2, 5, 2], rng=rng(1)), MLP([2, 6, 1], rng=rng(2))


SAMPLES, NOISE = normal((4, 2), 0).astype(np.float32), normal((3, 2), 1).astype(np.float32)


def marked(module):
    """The module with a recognisable gradient in every parameter."""
    for p in module.parameters():
        p.grad = np.full(p.shape, 7, p.dtype)
    return module


def test_a_step_of_the_discriminator_is_one_of_its_optimiser_and_leaves_the_generator_alone():
    g, d = players()
    twin = players()[1]
    discriminator_loss(twin(SAMPLES), twin(g(NOISE).detach())).backward()
    SGD(twin.parameters(), 0.1).step()
    marked(g), marked(d)
    before = g.state()
    value = discriminator_step(g, d, SGD(d.parameters(), 0.1), real=SAMPLES, noise=NOISE)
    untrained = players()[1]
    assert value == discriminator_loss(untrained(SAMPLES), untrained(g(NOISE).detach())).item() and isinstance(value, float)
    assert all(np.array_equal(a.data, b.data) for a, b in zip(d.parameters(), twin.parameters(), strict=True))
    assert all(np.array_equal(a, before[name]) for name, a in g.state().items())
    assert all((p.grad == 7).all() for p in g.parameters())


@pytest.mark.parametrize("loss", [minimax_loss, non_saturating_loss, wasserstein_loss])
def test_a_step_of_the_generator_is_one_of_its_optimiser_and_leaves_the_discriminator_alone(loss):
    g, d = players()
    twin = players()[0]
    loss(d(twin(NOISE))).backward()
    SGD(twin.parameters(), 0.1).step()
    marked(g), marked(d)
    before = d.state()
    value = generator_step(g, d, SGD(g.parameters(), 0.1), noise=NOISE, loss=loss)
    assert value == loss(d(players()[0](NOISE))).item()
    for ours, theirs in zip(g.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-6, atol=1e-8)
    assert all(np.array_equal(a, before[name]) for name, a in d.state().items())
    assert all((p.grad == 7).all() and p.requires_grad for p in d.parameters())


def test_playing_in_turns_is_playing_with_fresh_gradients():
    """Ten rounds by the package, and ten written out with everything zeroed each time."""
    (g, d), (h, e) = players(), players()
    optimisers = [SGD(m.parameters(), 0.05) for m in (g, d, h, e)]
    for k in range(10):
        real, noise = normal((4, 2), k).astype(np.float32), normal((4, 2), k + 50).astype(np.float32)
        discriminator_step(g, d, optimisers[1], real=real, noise=noise)
        generator_step(g, d, optimisers[0], noise=noise)
        losses = {3: lambda: discriminator_loss(e(real), e(h(noise).detach())), 2: lambda: non_saturating_loss(e(h(noise)))}
        for player, loss in losses.items():
            optimisers[2].zero_grad(), optimisers[3].zero_grad()
            loss().backward()
            optimisers[player].step()
    for ours, theirs in zip([*g.parameters(), *d.parameters()], [*h.parameters(), *e.parameters()], strict=True):
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-5, atol=1e-7)


def test_what_is_frozen_thaws_whatever_happens():
    g, d = players()
    with pytest.raises(ZeroDivisionError):
        with frozen(d):
            assert d.parameters() == [] and not d(SAMPLES).requires_grad
            x = Tensor(SAMPLES, requires_grad=True)
            d(x).sum().backward()
            assert x.grad.any(), "gradients still pass through"
            1 / 0
    assert len(d.parameters()) == 4 and all(p.grad is None for p in d.parameters())
    already = Linear(2, 1, rng=rng())
    already.w.requires_grad = False
    with frozen(already):
        pass
    assert not already.w.requires_grad and already.b.requires_grad, "what was frozen before stays so"


def test_a_loss_that_is_no_number_moves_nothing():
    g, d = players()
    d.layers[0].w.data = np.full_like(d.layers[0].w.data, np.nan)
    before = g.state()
    with np.errstate(invalid="ignore"), pytest.raises(FloatingPointError, match="nan.*not taken"):
        generator_step(g, d, SGD(g.parameters(), 0.1), noise=NOISE)
    with np.errstate(invalid="ignore"), pytest.raises(FloatingPointError):
        discriminator_step(g, d, SGD(d.parameters(), 0.1), real=SAMPLES, noise=NOISE)
    assert all(np.array_equal(a, before[name]) for name, a in g.state().items()) and len(d.parameters()) == 4


def test_networks_with_batch_norm_play_too():
    g, d = Sequential(Linear(2, 4, rng=rng()), BatchNorm(4), tanh, Linear(4, 2, rng=rng())), players()[1]
    for _ in range(3):
        assert discriminator_step(g, d, Adam(d.parameters()), real=SAMPLES, noise=NOISE) > 0
        assert generator_step(g, d, Adam(g.parameters()), noise=NOISE) > 0


# ---- Wasserstein ------------------------------------------------------------------------------------------------------

def test_clipping_gives_new_values_and_writes_into_none():
    layer = Linear(3, 2, rng=rng())
    held, before = layer.w.data, layer.w.data.copy()
    clip_weights(layer, 0.3)
    assert np.array_equal(held, before) and layer.w.data is not held
    assert np.array_equal(layer.w.data, np.minimum(np.maximum(before, np.float32(-0.3)), np.float32(0.3)))
    assert layer.w.dtype == np.float32
    assert (np.abs(before) > 0.3).any() and (np.abs(before) < 0.3).any(), "some were out and some in"


def test_the_optimiser_goes_on_from_the_clipped_weights():
    layer = Linear(3, 1, rng=rng())
    optimiser = SGD(layer.parameters(), 0.1)
    for _ in range(3):
        optimiser.zero_grad()
        layer(np.ones((2, 3), np.float32)).mean().backward()
        clip_weights(layer, 0.05)
        clipped = layer.w.data
        optimiser.step()
        np.testing.assert_allclose(layer.w.data, clipped - 0.1, rtol=1e-6)


def test_a_clipped_linear_critic_measures_how_far_the_means_are_apart():
    """The best linear score with weights in ±c is c · sign, and its loss -c ‖Δ‖₁."""
    critic, draw = Linear(2, 1, rng=rng()), rng(1)
    real = draw.normal(size=(200, 2)).astype(np.float32)
    generator = lambda z: Tensor(real) + Tensor(z)
    optimiser = SGD(critic.parameters(), 0.05)
    shift = np.tile(np.array([[0.7, -1.2]], np.float32), (200, 1))
    for _ in range(40):
        loss = discriminator_step(generator, critic, optimiser, real=real, noise=shift, loss=critic_loss)
        clip_weights(critic, 0.1)
    assert loss == pytest.approx(-0.1 * 1.9, rel=1e-4)


def test_a_generator_learns_where_data_are():
    draw = rng(4)
    g, d = Linear(1, 1, rng=draw), MLP([1, 16, 1], rng=draw, activation=tanh)
    g_optimiser, d_optimiser = Adam(g.parameters(), lr=0.01, betas=(0.5, 0.9)), Adam(d.parameters(), lr=0.02, betas=(0.5, 0.9))
    start = abs(g(draw.normal(size=(500, 1))).data.mean() - 3)
    for _ in range(600):
        discriminator_step(g, d, d_optimiser, real=draw.normal(3, 0.5, (64, 1)), noise=draw.normal(size=(64, 1)))
        generator_step(g, d, g_optimiser, noise=draw.normal(size=(64, 1)))
    assert abs(g(draw.normal(size=(500, 1))).data.mean() - 3) < 0.3 < start


# ---- errors -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("call, kind, words", [
    (lambda: discriminator_loss([], [1.0]), ValueError, ["nothing to reduce"]),
    (lambda: critic_loss(Tensor(REAL), Tensor(FAKE.astype(np.float32))), TypeError, ["float64", "float32"]),
    (lambda: clip_weights(players()[0], 0), ValueError, ["limit", "above 0"]),
    (lambda: clip_weights(players()[0], -1), ValueError, ["limit", "-1"]),
    (lambda: clip_weights(players()[0], "0.01"), ValueError, ["limit", "'0.01'"]),
    (lambda: optimal_discriminator([-math.inf, 0.0], [-math.inf, 0.0]), ValueError, ["1 of 2 points", "both densities are 0"]),
    (lambda: optimal_discriminator([math.inf], [0.0]), ValueError, ["1 of 1", "infinite"]),
    (lambda: optimal_discriminator([math.nan], [0.0]), ValueError, ["nan"]),
    (lambda: ring_centres(0), ValueError, ["modes", "0"]),
    (lambda: ring_centres(radius=-1), ValueError, ["radius", "-1"]),
    (lambda: mode_coverage(np.ones((3, 2)), np.ones((4, 3)), within=1), ValueError, ["(N, D)", "(3, 2)", "(4, 3)"]),
    (lambda: mode_coverage(np.ones(3), np.ones((4, 3)), within=1), ValueError, ["(N, D)", "(3,)"]),
    (lambda: mode_coverage(np.ones((0, 2)), ring_centres(), within=1), ValueError, ["(0, 2)"]),
    (lambda: mode_coverage([[math.nan, 0.0]], ring_centres(), within=1), ValueError, ["not finite", "diverged"]),
    (lambda: mode_coverage([[0.0, 0.0]], ring_centres(), within=-1), ValueError, ["within", "-1"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_error(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)


def test_a_damaged_discriminator_is_noticed(monkeypatch):
    whole = gan.optimal_discriminator
    monkeypatch.setitem(globals(), "optimal_discriminator", lambda p, q: np.minimum(1.01 * whole(p, q), 1))
    with pytest.raises(AssertionError):
        test_the_best_discriminator_is_the_share_of_the_real_density()
