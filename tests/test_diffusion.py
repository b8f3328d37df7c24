"""Diffusion: the closed form against the chain, samplers against data whose score is known, guidance against its two ends."""

import math

import numpy as np
import pytest
from samples.making import normal

from dlbook import Tensor, diffusion
from dlbook.attention import sinusoids
from dlbook.diffusion import UNKNOWN, Diffusion, StepEmbedding, cosine_betas, drop_labels, guided, linear_betas
from dlbook.functional import mse, silu
from dlbook.gradcheck import gradcheck
from dlbook.nn import MLP, Module, UNet
from dlbook.ops import concatenate
from dlbook.optim import Adam

BETAS = linear_betas(40, first=0.01, last=0.3)
D = Diffusion(BETAS)


def rng(seed=0):
    return np.random.default_rng(seed)


# ---- how fast the noise comes -----------------------------------------------------------------------------------------

def test_linear():
    betas = linear_betas(1000)
    assert betas[0] == 1e-4 and betas[-1] == 0.02 and betas.shape == (1000,)
    np.testing.assert_allclose(np.diff(betas), (0.02 - 1e-4) / 999, rtol=1e-9)
    assert linear_betas(1, first=0.1, last=0.3).tolist() == [0.1]


def test_cosine():
    t, s = np.arange(101), 0.008
    f = np.cos((t / 100 + s) / (1 + s) * np.pi / 2) ** 2
    alpha_bar = Diffusion(cosine_betas(100)).alpha_bar
    np.testing.assert_allclose(alpha_bar[:-1], (f / f[0])[:-1], rtol=1e-9)
    assert alpha_bar[-1] == pytest.approx(0.001 * alpha_bar[-2]), "the last step is not allowed to leave nothing"
    assert cosine_betas(100, largest=0.5).max() == 0.5
    wider = Diffusion(cosine_betas(100, offset=0.1)).alpha_bar
    g = np.cos((t / 100 + 0.1) / 1.1 * np.pi / 2) ** 2
    np.testing.assert_allclose(wider[:-1], (g / g[0])[:-1], rtol=1e-9)


# ---- there ------------------------------------------------------------------------------------------------------------

def test_the_closed_form_is_the_chain():
    """q(x_t|x_0) step by step: each multiplies the mean by √(1 - β) and makes the variance (1 - β) v + β."""
    x0, zero, one = np.array([[1.0]]), np.array([[0.0]]), np.array([[1.0]])
    mean, variance = 1.0, 0.0
    assert D.add_noise(x0, 0, one).item() == 1
    for t, beta in enumerate(BETAS, 1):
        mean, variance = math.sqrt(1 - beta) * mean, (1 - beta) * variance + beta
        assert D.add_noise(x0, t, zero).item() == pytest.approx(mean, rel=1e-12)
        assert D.add_noise(zero, t, one).item() ** 2 == pytest.approx(variance, rel=1e-12)


def test_the_closed_form_is_what_simulation_gives():
    draw, n = rng(), 100_000
    x = np.full(n, 1.7)
    for t, beta in enumerate(BETAS[:15], 1):
        x = math.sqrt(1 - beta) * x + math.sqrt(beta) * draw.normal(size=n)
        if t in (1, 5, 15):
            at_once = D.add_noise(np.full((n, 1), 1.7), t, draw.normal(size=(n, 1)))
            error = 4 * math.sqrt(2 * x.var() / n)
            assert x.mean() == pytest.approx(at_once.mean(), abs=error)
            assert x.var() == pytest.approx(at_once.var(), rel=4 * math.sqrt(4 / n))


def test_every_example_may_be_at_its_own_step():
    for shape in [(3, 2), (3, 1, 4, 5), (3,)]:
        x0, noise, t = normal(shape, 0), normal(shape, 1), np.array([0, 7, 40])
        together = D.add_noise(x0, t, noise)
        for k in range(3):
            assert np.array_equal(together[k:k + 1], D.add_noise(x0[k:k + 1], int(t[k]), noise[k:k + 1]))
        assert np.array_equal(D.add_noise(x0, 7, noise), D.add_noise(x0, np.full(3, 7), noise))


def test_the_loss_is_the_error_of_the_noise_at_random_steps():
    x0, seen = normal((200, 2), 0), []

    def model(x, t):
        seen.append(t)
        return 0.3 * x

    value = D.loss(model, x0, rng=rng(5)).item()
    draw = rng(5)
    t = draw.integers(1, 41, size=200)
    noise = draw.normal(size=(200, 2))
    assert np.array_equal(seen[0], t) and t.min() == 1 and t.max() == 40
    assert value == pytest.approx(mse(0.3 * D.add_noise(x0, t, noise), targets=noise).item(), rel=1e-12)
    knows = lambda x, t: x / np.sqrt(1 - D.alpha_bar[t])[:, None]
    assert D.loss(knows, np.zeros((50, 2)), rng=rng()).item() < 1e-25, "where data are 0, all there is is noise"


# ---- conversions ------------------------------------------------------------------------------------------------------

def test_conversions_lead_back():
    x0, noise = normal((3, 2), 0), normal((3, 2), 1)
    for t in (1, 20, 40, np.array([3, 9, 33])):
        x = D.add_noise(x0, t, noise)
        np.testing.assert_allclose(D.denoised(x, t, noise), x0, rtol=1e-9, atol=1e-12)
        v = D.velocity(x0, t, noise)
        np.testing.assert_allclose(D.noise(x, t, v), noise, rtol=1e-9, atol=1e-12)
    left = D.alpha_bar[20]
    np.testing.assert_allclose(D.velocity(x0, 20, noise), math.sqrt(left) * noise - math.sqrt(1 - left) * x0, rtol=1e-12)


MEAN, STD = np.array([1.5, -0.5]), 0.4


def exact(process, mean=MEAN, std=STD):
    """The noise that is in x_t on average, where data are N(mean, std² I)."""
    def model(x, t):
        left = process.alpha_bar[t].reshape(-1, *[1] * (x.ndim - 1))
        noise = np.sqrt(1 - left) * (x - np.sqrt(left) * mean) / (left * std**2 + 1 - left)
        return noise.astype(x.dtype)

    return model


def test_the_score_is_the_slope_of_the_log_density():
    x, t = normal((4, 2), 0), np.array([1, 5, 20, 40])
    left = D.alpha_bar[t][:, None]

    def log_q(x):
        variance = left * STD**2 + 1 - left
        return (-0.5 * (x - np.sqrt(left) * MEAN) ** 2 / variance - 0.5 * np.log(2 * np.pi * variance)).sum(axis=1)

    score = D.score(exact(D)(x, t), t)
    for k in range(2):
        step = 1e-5 * np.eye(2)[k]
        np.testing.assert_allclose(score[:, k], (log_q(x + step) - log_q(x - step)) / 2e-5, rtol=1e-6)


@pytest.mark.parametrize("f", [
    lambda x, e: D.add_noise(x, np.array([1, 9, 40]), e), lambda x, e: D.denoised(x, 9, e), lambda x, e: D.score(e, 9) * x,
    lambda x, e: D.velocity(x, np.array([1, 9, 40]), e), lambda x, e: D.noise(x, 9, e),
], ids=["add_noise", "denoised", "score", "velocity", "noise"])
def test_gradients_pass_through_conversions(f):
    assert gradcheck(f, normal((3, 2), 0), normal((3, 2), 1), rng=rng()) < 1e-8


# ---- and back ---------------------------------------------------------------------------------------------------------

FINE = Diffusion(linear_betas(400, first=1e-4, last=0.04))
Z = rng(1).normal(size=(20_000, 2)).astype(np.float32)
SAMPLERS = {
    "ddpm": (lambda: FINE.sample(exact(FINE), Z.shape, rng=rng(1)), range(400, -1, -1), 1),
    "ddim": (lambda: FINE.ddim(exact(FINE), Z, FINE.path(400)), range(400, -1, -1), 0),
    "ddim in 20 steps": (lambda: FINE.ddim(exact(FINE), Z, FINE.path(20)), FINE.path(20), 0),
}


def in_theory(process, path, fresh):
    """Mean and deviation of samples: with the exact score of a Gaussian each step is x - √ᾱ m → k (x - √ᾱ m) + σ z."""
    offset, variance = -math.sqrt(process.alpha_bar[-1]) * MEAN, 1.0
    for here, there in zip(path, path[1:]):
        a, b = process.alpha_bar[here], process.alpha_bar[there]
        whole = a * STD**2 + 1 - a
        sigma2 = fresh * (1 - a / b) * (1 - b) / (1 - a)                     # β̃, or nothing
        k = (math.sqrt(a * b) * STD**2 + math.sqrt((1 - a) * (1 - b - sigma2))) / whole
        offset, variance = k * offset, k * k * variance + sigma2
    return MEAN + offset, math.sqrt(variance)


@pytest.mark.parametrize("sampler, path, fresh", SAMPLERS.values(), ids=SAMPLERS)
def test_with_the_exact_score_samples_are_as_theory_says(sampler, path, fresh):
    x, n = sampler(), len(Z)
    mean, std = in_theory(FINE, path, fresh)
    np.testing.assert_allclose(x.mean(axis=0), mean, atol=4 * std / math.sqrt(n))
    np.testing.assert_allclose(x.std(axis=0), std, rtol=4 / math.sqrt(2 * n))
    assert abs(np.corrcoef(x.T)[0, 1]) < 4 / math.sqrt(n)


@pytest.mark.parametrize("fresh", [1, 0], ids=["ddpm", "ddim"])
def test_and_theory_says_that_they_become_the_data(fresh):
    spread = []
    for steps in (200, 400, 800):
        mean, std = in_theory(Diffusion(linear_betas(steps, first=0.04 / steps, last=16 / steps)), range(steps, -1, -1), fresh)
        np.testing.assert_allclose(mean, MEAN, atol=0.02)
        spread.append(std)
    coarse, middle, fine = np.array(spread) - STD
    assert 1.8 < coarse / middle < 2.2 and 1.8 < middle / fine < 2.2, "half the step, half the error"
    assert spread[-1] + (spread[-1] - spread[-2]) == pytest.approx(STD, rel=1e-3), "and none where steps are infinitely small"


def test_ddpm_is_the_algorithm_of_the_paper(walker=D):
    """Algorithm 2 of Ho et al. 2020, which is written with the noise, where ours guesses x_0."""
    model, draw = exact(D), rng(3)
    x = draw.normal(size=(5, 2))
    for t in range(40, 0, -1):
        beta, left, before = BETAS[t - 1], D.alpha_bar[t], D.alpha_bar[t - 1]
        x = (x - beta / np.sqrt(1 - left) * model(x, np.full(5, t))) / np.sqrt(1 - beta)
        if t > 1:
            x = x + np.sqrt(beta * (1 - before) / (1 - left)) * draw.normal(size=(5, 2))
    np.testing.assert_allclose(walker.sample(model, (5, 2), rng=rng(3), dtype=np.float64), x, rtol=1e-9, atol=1e-12)


def test_ddim_is_the_formula_of_the_paper(walker=D):
    """Equation 12 of Song et al. 2021 with σ = 0, for steps of any length."""
    model, x = exact(D), normal((5, 2), 0)
    y = walker.ddim(model, x, [40, 22, 3, 0])
    for here, there in [(40, 22), (22, 3), (3, 0)]:
        a, b, noise = D.alpha_bar[here], D.alpha_bar[there], model(x, np.full(5, here))
        x = np.sqrt(b) * (x - np.sqrt(1 - a) * noise) / np.sqrt(a) + np.sqrt(1 - b) * noise
    np.testing.assert_allclose(y, x, rtol=1e-12)


def test_a_sampler_with_variances_off_by_1_percent_is_noticed():
    damaged = Diffusion(BETAS)
    damaged.alpha_bar = D.alpha_bar ** 1.01
    for test in (test_ddpm_is_the_algorithm_of_the_paper, test_ddim_is_the_formula_of_the_paper):
        with pytest.raises(AssertionError):
            test(damaged)


def test_ddim_is_deterministic_and_keeps_the_order_of_points():
    z = rng().normal(size=(50, 2))
    once, again = (D.ddim(exact(D), z, D.path(20)) for _ in range(2))
    assert np.array_equal(once, again)
    assert np.array_equal(np.argsort(z[:, 0]), np.argsort(once[:, 0])), "a flow of the line does not let points pass each other"


def test_ddim_goes_there_and_back():
    z = rng().normal(size=(20, 2))
    by_step_alone = lambda x, t: np.cos(t[:, None] + np.arange(40).reshape(20, 2))
    for path in (D.path(7), [40, 3, 0], [33, 12]):
        np.testing.assert_allclose(D.ddim(by_step_alone, D.ddim(by_step_alone, z, path), path[::-1]), z, rtol=1e-9, atol=1e-9)
    walk = lambda x, path: FINE.ddim(exact(FINE), x, path)
    errors = [np.abs(walk(walk(z, FINE.path(n)), FINE.path(n)[::-1]) - z).max() for n in (50, 100, 200, 400)]
    ratios = np.divide(errors[:-1], errors[1:])
    assert errors[-1] < 0.05 and (ratios > 1.6).all(), "half the step, half the error"


def test_the_path():
    for steps, n in [(40, 40), (40, 1), (40, 7), (39, 26), (1000, 999), (7, 6)]:
        path = Diffusion(np.full(steps, 0.1)).path(n)
        assert len(path) == n + 1 and (path[0], path[-1]) == (steps, 0)
        assert all(a > b for a, b in zip(path, path[1:])) and np.ptp(np.diff(path)) <= 1


def test_a_limit_holds_guesses_in_and_changes_nothing_that_is_within():
    z = rng().normal(size=(200, 2)).astype(np.float32)
    far = Diffusion(cosine_betas(50))
    wild = lambda x, t: 0.5 * x  # far from the noise that is in x
    for sampled in (lambda **s: far.sample(wild, (200, 2), rng=rng(), **s), lambda **s: far.ddim(wild, z, far.path(10), **s)):
        assert np.abs(sampled()).max() > 2 and np.abs(sampled(limit=1)).max() <= 1 + 1e-6
    x = D.ddim(exact(D), z, D.path(10), limit=100)
    np.testing.assert_allclose(x, D.ddim(exact(D), z, D.path(10)), rtol=1e-4, atol=1e-5)
    same = [D.sample(exact(D), (200, 2), rng=rng(), limit=limit) for limit in (None, 100)]
    assert np.array_equal(*same)


def test_images_are_sampled_like_points():
    model = exact(D, mean=normal((1, 4, 3), 0), std=0.1)
    x = D.sample(model, (300, 1, 4, 3), rng=rng())
    assert x.shape == (300, 1, 4, 3)
    np.testing.assert_allclose(x.mean(axis=0), normal((1, 4, 3), 0), atol=0.1)


# ---- conditions -------------------------------------------------------------------------------------------------------

def embedding(**changes):
    e = StepEmbedding(**{"steps": 40, "features": 6, "classes": 3, "rng": rng(), **changes})
    for position, p in enumerate(e.parameters()):
        p.data = p.data + 0.1 * normal(p.shape, position).astype(p.dtype)
    return e


def test_an_embedding_is_its_parts():
    e, t, labels = embedding(), np.array([0, 7, 40]), np.array([2, UNKNOWN, 0])
    waves = sinusoids(41, 6)[t]
    first, _, second = e.lift.layers
    expected = second(silu(first(waves))).data + e.words.w.data[[2, 3, 0]]
    np.testing.assert_allclose(e(t, labels).data, expected, rtol=1e-6)
    assert np.array_equal(e(t).data, e(t, [UNKNOWN] * 3).data)
    np.testing.assert_allclose(embedding(classes=0)(t).data, second(silu(first(waves))).data, rtol=1e-6)
    assert not np.allclose(e(t).data[0], e(t).data[1])


def test_labels_are_dropped_as_often_as_asked():
    labels = rng().integers(0, 10, 20_000)
    dropped = drop_labels(labels, rate=0.2, rng=rng())
    assert (dropped == UNKNOWN).mean() == pytest.approx(0.2, abs=4 * math.sqrt(0.16 / 20_000))
    assert np.array_equal(dropped[dropped != UNKNOWN], labels[dropped != UNKNOWN])
    assert np.array_equal(drop_labels(labels, rate=0, rng=rng()), labels)
    assert (drop_labels([UNKNOWN, UNKNOWN], rate=0.5, rng=rng()) == UNKNOWN).all() and labels.min() == 0


CENTRES = np.array([[2.0, 0.0], [-2.0, 0.0]])


def conditional(x, t, labels):
    """The exact noise of two Gaussians, of one where the label is known; of both where it is not."""
    left = FINE.alpha_bar[t][:, None]
    variance = left * STD**2 + 1 - left
    noises = [np.sqrt(1 - left) * (x - np.sqrt(left) * centre) / variance for centre in CENTRES]
    logs = [-0.5 * ((x - np.sqrt(left) * centre) ** 2 / variance).sum(axis=1, keepdims=True) for centre in CENTRES]
    share = 1 / (1 + np.exp(np.clip(logs[1] - logs[0], -500, 500)))
    mixed = share * noises[0] + (1 - share) * noises[1]
    return np.where(labels[:, None] == 0, noises[0], np.where(labels[:, None] == 1, noises[1], mixed)).astype(x.dtype)


def test_guidance_of_weight_0_and_1_is_the_plain_model():
    x, t, labels = normal((6, 2), 0), np.array([1, 5, 50, 100, 300, 400]), np.array([0, 1, 0, 1, 0, 1])
    none = np.full(6, UNKNOWN)
    at = lambda weight: guided(conditional, labels, weight=weight)(x, t)
    np.testing.assert_allclose(at(0), conditional(x, t, none), rtol=1e-12)
    np.testing.assert_allclose(at(1), conditional(x, t, labels), rtol=1e-12)
    np.testing.assert_allclose(at(3), 3 * conditional(x, t, labels) - 2 * conditional(x, t, none), rtol=1e-9, atol=1e-12)


def test_guidance_leads_where_it_is_asked_and_a_larger_weight_further():
    labels = np.arange(2000) % 2
    right, far = [], []
    for weight in (0, 1, 3):
        x = FINE.ddim(guided(conditional, labels, weight=weight), rng(2).normal(size=(2000, 2)), FINE.path(40))
        right.append(((x[:, 0] < 0) == labels).mean())
        far.append(np.abs(x[:, 0]).mean())
    assert right[0] == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(2000)) and right[1:] == [1, 1]
    assert far[2] > far[1] + 0.01


# ---- with networks ----------------------------------------------------------------------------------------------------

class Points(Module):
    """A model of points: what it should know is laid beside them."""

    def __init__(self, steps, *, rng, classes=0, dtype=np.float32):
        self.embed = StepEmbedding(steps, 16, classes=classes, rng=rng, dtype=dtype)
        self.network = MLP([18, 48, 48, 2], activation=silu, rng=rng, dtype=dtype)

    def forward(self, x, t, labels=None):
        return self.network(concatenate(x, self.embed(t, labels), axis=1))


class Images(Module):
    """A model of images."""

    def __init__(self, *, rng, dtype=np.float32):
        self.embed = StepEmbedding(40, 8, classes=3, rng=rng, dtype=dtype)
        self.network = UNet(1, 1, widths=[4, 8], groups=2, condition=8, rng=rng, dtype=dtype)

    def forward(self, x, t, labels=None):
        return self.network(x, self.embed(t, labels))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind, shape", [("points", (4, 2)), ("images", (4, 1, 8, 4))])
def test_nothing_leaves_its_dtype(kind, shape, dtype):
    model = Points(40, classes=3, rng=rng(), dtype=dtype) if kind == "points" else Images(rng=rng(), dtype=dtype)
    x, labels = normal(shape, 0).astype(dtype), [0, 1, 2, UNKNOWN]
    loss = D.loss(lambda x, t: model(x, t, drop_labels(labels, rate=0.5, rng=rng())), x, rng=rng())
    loss.backward()
    asked, t = guided(model, labels, weight=np.float64(2)), np.array([1, 2, 3, 40])
    others = [
        asked(x, t), model.embed(t),
        D.add_noise(x, t, x), D.add_noise(x, 3, x), D.denoised(x, t, x), D.score(x, t), D.velocity(x, 3, x), D.noise(x, t, x),
        D.sample(asked, shape, rng=rng(), dtype=dtype), D.sample(asked, shape, rng=rng(), dtype=dtype, limit=np.float64(1)),
        D.ddim(asked, x, D.path(5)), D.ddim(asked, x, D.path(5), limit=1), D.ddim(asked, x, D.path(5)[::-1]),
    ]
    assert {a.dtype for a in [loss, *others, *model.state().values(), *(p.grad for p in model.parameters())]} == {np.dtype(dtype)}


def test_sampling_leaves_no_tape_and_no_input_changed():
    model = Points(40, rng=rng())
    x = normal((4, 2), 0).astype(np.float32)
    before = x.copy()
    for out in (D.sample(model, (4, 2), rng=rng()), D.ddim(model, x, D.path(5))):
        assert type(out) is np.ndarray
    assert np.array_equal(x, before) and all(p.grad is None for p in model.parameters())


def test_a_network_learns_where_two_classes_lie():
    draw = rng(6)
    process = Diffusion(linear_betas(50, first=2e-3, last=0.2))
    model = Points(50, classes=2, rng=draw)
    optimiser = Adam(model.parameters(), lr=4e-3)
    for _ in range(500):
        labels = draw.integers(0, 2, 128)
        x = (CENTRES[labels] / 2 + 0.2 * draw.normal(size=(128, 2))).astype(np.float32)
        optimiser.zero_grad()
        process.loss(lambda x, t: model(x, t, drop_labels(labels, rate=0.1, rng=draw)), x, rng=draw).backward()
        optimiser.step()
    labels = np.arange(400) % 2
    x = process.sample(guided(model, labels, weight=1), (400, 2), rng=draw)
    for label in (0, 1):
        np.testing.assert_allclose(x[labels == label].mean(axis=0), CENTRES[label] / 2, atol=0.15)
        np.testing.assert_allclose(x[labels == label].std(axis=0), 0.2, atol=0.1)
    plain = process.sample(model, (400, 2), rng=draw)
    assert 0.35 < (plain[:, 0] > 0).mean() < 0.65, "who does not ask gets both"


# ---- errors -----------------------------------------------------------------------------------------------------------

X = normal((3, 2), 0)


@pytest.mark.parametrize("call, kind, words", [
    (lambda: linear_betas(0), ValueError, ["steps", "0"]),
    (lambda: linear_betas(10, last=1), ValueError, ["last", "below 1"]),
    (lambda: linear_betas(10, first=-0.1), ValueError, ["first", "-0.1"]),
    (lambda: cosine_betas(2.5), ValueError, ["steps", "2.5"]),
    (lambda: cosine_betas(10, offset=-1), ValueError, ["offset", "-1"]),
    (lambda: cosine_betas(10, largest=1), ValueError, ["largest", "1"]),
    (lambda: Diffusion(1000), ValueError, ["betas", "linear_betas(1000)", "1000"]),
    (lambda: Diffusion([]), ValueError, ["betas"]),
    (lambda: Diffusion([0.1, 1.0]), ValueError, ["below 1"]),
    (lambda: Diffusion([0.0, 0.1]), ValueError, ["above 0"]),
    (lambda: Diffusion([math.nan]), ValueError, ["nan"]),
    (lambda: D.add_noise(X, 41, X), ValueError, ["from 0 to 40", "41"]),
    (lambda: D.add_noise(X, -1, X), ValueError, ["from 0 to 40", "-1"]),
    (lambda: D.add_noise(X, 0.5, X), ValueError, ["whole numbers", "0.5"]),
    (lambda: D.add_noise(X, [1, 2], X), ValueError, ["t (N,)", "(3, 2)", "t (2,)"]),
    (lambda: D.add_noise(X, 1, X[:, :1]), ValueError, ["one shape", "(3, 1)"]),
    *[(lambda bad=bad: D.add_noise(bad, 1, X), TypeError, ["arrays of floats", type(bad).__name__])
      for bad in (np.ones((3, 2), int), X.tolist(), 1.0)],
    (lambda: D.add_noise(X, 1, np.ones((3, 2), int)), TypeError, ["arrays of floats"]),
    (lambda: D.denoised(X.tolist(), 1, X), TypeError, ["arrays of floats", "list"]),
    *[(lambda bad=bad: D.score(bad, 1), TypeError, ["arrays of floats"]) for bad in (np.ones((3, 2), int), X.tolist())],
    (lambda: D.score(X, 0), ValueError, ["from 1 to 40", "0"]),
    (lambda: D.score(X, [1, 2]), ValueError, ["(3, 2)", "(2,)"]),
    (lambda: D.loss(lambda x, t: x[:, :1], X, rng=rng()), ValueError, ["(3, 2)", "(3, 1)"]),
    (lambda: D.loss(lambda x, t: x, X), TypeError, ["rng"]),
    (lambda: D.loss(lambda x, t: x, X, rng=0), TypeError, ["rng is 0"]),
    (lambda: D.sample(lambda x, t: x, (3, 2), rng=None), TypeError, ["rng is None"]),
    (lambda: D.sample(lambda x, t: x[:1], (3, 2), rng=rng()), ValueError, ["noise like its x", "(3, 2) of float32", "(1, 2)"]),
    (lambda: D.sample(lambda x, t: x.astype(np.float64), (3, 2), rng=rng()), ValueError, ["float32", "float64"]),
    (lambda: D.sample(lambda x, t: x, (3, 2), rng=rng(), limit=-1), ValueError, ["limit", "-1"]),
    (lambda: D.ddim(lambda x, t: x, X, [40]), ValueError, ["two or more", "[40]"]),
    (lambda: D.ddim(lambda x, t: x, X, 10), ValueError, ["a path", "10"]),
    (lambda: D.ddim(lambda x, t: x, X, [41, 0]), ValueError, ["from 0 to 40", "[41, 0]"]),
    (lambda: D.ddim(lambda x, t: x, X, [40, 20, 20, 0]), ValueError, ["all falling or all rising"]),
    (lambda: D.ddim(lambda x, t: x, X, [40, 0, 20]), ValueError, ["all falling or all rising"]),
    (lambda: D.ddim(lambda x, t: x, X, [20.5, 0]), ValueError, ["two or more steps", "20.5"]),
    (lambda: D.ddim(lambda x, t: x, X, [0, 40], limit=1), ValueError, ["limit", "rises"]),
    (lambda: D.path(41), ValueError, ["40 steps", "41"]),
    (lambda: D.path(0), ValueError, ["n must", "0"]),
    (lambda: StepEmbedding(0, 6, rng=rng()), ValueError, ["steps", "0"]),
    (lambda: StepEmbedding(10, 5, rng=rng()), ValueError, ["even", "5"]),
    (lambda: StepEmbedding(10, 6, classes=-1, rng=rng()), ValueError, ["classes", "-1"]),
    (lambda: StepEmbedding(10, 6), TypeError, ["rng"]),
    (lambda: embedding()(3), ValueError, ["a vector", "from 0 to 40", "3"]),
    (lambda: embedding()([41]), ValueError, ["from 0 to 40", "41"]),
    (lambda: embedding()([1.0]), ValueError, ["whole numbers"]),
    (lambda: embedding()([1], labels=[3]), ValueError, ["from 0 below 3", "-1 where unknown", "3"]),
    (lambda: embedding()([1], labels=[-2]), ValueError, ["-1 where unknown", "-2"]),
    (lambda: embedding()([1], labels=[0, 1]), ValueError, ["one label for each step", "(2,)", "(1,)"]),
    (lambda: embedding(classes=0)([1], labels=[0]), ValueError, ["no classes", "classes=K"]),
    (lambda: drop_labels([0.5], rate=0.1, rng=rng()), ValueError, ["labels", "0.5"]),
    (lambda: drop_labels([1], rate=1.5, rng=rng()), ValueError, ["rate", "1.5"]),
    (lambda: drop_labels([1], rate=0.5, rng=0), TypeError, ["rng is 0"]),
    (lambda: guided(conditional, 3, weight=1), ValueError, ["labels must be a vector", "3"]),
    (lambda: guided(conditional, [0], weight=-1), ValueError, ["weight", "-1"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_error(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)


def test_tensors_pass_as_data():
    x = Tensor(X)
    assert D.loss(lambda x, t: x, x, rng=rng()).item() == D.loss(lambda x, t: x, X, rng=rng()).item()
    assert np.array_equal(D.ddim(exact(D), x, [40, 0]), D.ddim(exact(D), X, [40, 0]))
    assert diffusion.UNKNOWN == -1
