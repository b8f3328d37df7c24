"""Variational autoencoders against integrals, against sampling, and against a model whose every probability is known."""

import functools
import math

import numpy as np
import pytest
from samples.making import normal

from dlbook import Tensor, schedules, vae
from dlbook.gradcheck import gradcheck
from dlbook.nn import MLP, Linear
from dlbook.ops import tanh
from dlbook.optim import Adam
from dlbook.vae import VAE, bernoulli_log_likelihood, gaussian_log_likelihood, kl_divergence, reparameterise

MEAN, LOG_VARIANCE = normal((3, 4), 0), normal((3, 4), 1)


def rng(seed=0):
    return np.random.default_rng(seed)


def log_normal(x, mean, variance):
    return -0.5 * ((x - mean) ** 2 / variance + np.log(2 * np.pi * variance))


# ---- the draw ---------------------------------------------------------------------------------------------------------

def test_a_draw_is_mean_plus_deviation_times_noise():
    noise = rng(7).normal(size=(3, 4))
    np.testing.assert_allclose(
        reparameterise(MEAN, LOG_VARIANCE, rng=rng(7)).data, MEAN + np.sqrt(np.exp(LOG_VARIANCE)) * noise, rtol=1e-12)
    mean, log_variance = Tensor(MEAN, requires_grad=True), Tensor(LOG_VARIANCE, requires_grad=True)
    reparameterise(mean, log_variance, rng=rng(7)).backward(seed=np.ones((3, 4)))
    assert (mean.grad == 1).all()
    np.testing.assert_allclose(log_variance.grad, 0.5 * np.exp(0.5 * LOG_VARIANCE) * noise, rtol=1e-12)


def test_draws_have_the_moments_they_are_asked_for():
    n = 200_000
    z = reparameterise(np.tile([1.0, -2.0], (n, 1)), np.tile(np.log([4.0, 0.25]), (n, 1)), rng=rng()).data
    np.testing.assert_allclose(z.mean(axis=0), [1, -2], atol=4 * 2 / math.sqrt(n))
    np.testing.assert_allclose(z.var(axis=0), [4, 0.25], rtol=4 * math.sqrt(2 / n))
    assert abs(np.corrcoef(z.T)[0, 1]) < 4 / math.sqrt(n)


# ---- KL ---------------------------------------------------------------------------------------------------------------

def test_kl_is_the_integral():
    z = np.linspace(-30, 30, 200_001)
    for m, v in [(0.0, 1.0), (1.5, 0.3), (-2.0, 4.0), (0.0, 0.01)]:
        log_q, log_p = log_normal(z, m, v), log_normal(z, 0, 1)
        integral = (np.exp(log_q) * (log_q - log_p)).sum() * (z[1] - z[0])
        assert kl_divergence([[m]], np.log([[v]])).item() == pytest.approx(integral, rel=1e-6, abs=1e-6)


def test_kl_adds_up_over_latents_and_never_is_negative():
    each = [[kl_divergence(MEAN[i, j:j + 1], LOG_VARIANCE[i, j:j + 1]).item() for j in range(4)] for i in range(3)]
    np.testing.assert_allclose(kl_divergence(MEAN, LOG_VARIANCE).data, np.sum(each, axis=1), rtol=1e-12)
    assert np.min(each) > 0 and kl_divergence(np.zeros((2, 3)), np.zeros((2, 3))).data.tolist() == [0, 0]
    assert kl_divergence(normal((2, 3, 4), 0), normal((2, 3, 4), 1)).shape == (2, 3)


def test_kl_is_what_sampling_gives():
    n = 400_000
    m, lv = np.tile(MEAN[0], (n, 1)), np.tile(LOG_VARIANCE[0], (n, 1))
    z = reparameterise(m, lv, rng=rng()).data
    ratios = (log_normal(z, m, np.exp(lv)) - log_normal(z, 0, 1)).sum(axis=1)
    exact, error = kl_divergence(MEAN, LOG_VARIANCE).data[0], ratios.std() / math.sqrt(n)
    assert abs(ratios.mean() - exact) < 4 * error
    assert 4 * error < 0.01 * exact, "a mistake of 1 % would be seen"


@pytest.mark.parametrize("f", [
    kl_divergence, lambda m, v: reparameterise(m, v, rng=rng()),
    lambda m, v: bernoulli_log_likelihood(m * v, targets=np.full((3, 4), 0.3)),
    lambda m, v: gaussian_log_likelihood(m * v, targets=np.ones((3, 4)), std=0.7),
], ids=["kl", "reparameterise", "bernoulli", "gaussian"])
def test_gradient(f):
    assert gradcheck(f, MEAN, LOG_VARIANCE, rng=rng()) < 1e-8


# ---- likelihoods ------------------------------------------------------------------------------------------------------

def test_the_probabilities_of_all_binary_images_add_up_to_1():
    images = np.array(np.meshgrid(*[[0.0, 1.0]] * 4)).reshape(2, 2, 16).transpose(2, 0, 1)
    logits = np.broadcast_to(normal((2, 2), 0), (16, 2, 2))
    log_p = bernoulli_log_likelihood(logits, targets=images).data
    assert log_p.shape == (16,) and np.exp(log_p).sum() == pytest.approx(1, abs=1e-12)
    p = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(log_p, np.log(np.where(images == 1, p, 1 - p)).sum(axis=(1, 2)), rtol=1e-12)
    assert bernoulli_log_likelihood([[1000.0, -1000.0]], targets=[[1.0, 0.0]]).item() == 0
    assert bernoulli_log_likelihood([[1000.0]], targets=[[0.0]]).item() == -1000


def test_a_gaussian_density_integrates_to_1():
    x, y = np.meshgrid(*[np.linspace(-8, 8, 401)] * 2)
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    log_p = gaussian_log_likelihood(np.broadcast_to([[0.5, -1.0]], points.shape), targets=points, std=0.8).data
    assert np.exp(log_p).sum() * 0.04**2 == pytest.approx(1, abs=1e-9)
    images = normal((2, 3, 4, 5), 0)
    log_p = gaussian_log_likelihood(np.full_like(images, 0.25), targets=images, std=0.7).data
    np.testing.assert_allclose(log_p, log_normal(images, 0.25, 0.49).sum(axis=(1, 2, 3)), rtol=1e-12)


# ---- a model in which everything is known -----------------------------------------------------------------------------
# x = W z + b + σ ε with orthogonal columns in W: then p(x) is Gaussian, and so is p(z|x), with independent latents.

COLUMNS = np.array([[1.0, 0.0], [0.0, 0.5], [2.0, 0.0]])                     # (D, Z)
OFFSET, STD = np.array([0.3, -0.2, 1.0]), 0.6
POSTERIOR = 1 / (1 + (COLUMNS**2).sum(axis=0) / STD**2)                      # variance of each latent given x


def log_evidence(x):
    covariance = COLUMNS @ COLUMNS.T + STD**2 * np.eye(3)
    error = x - OFFSET
    squares = np.einsum("bi,ij,bj->b", error, np.linalg.inv(covariance), error)
    return -0.5 * (squares + np.linalg.slogdet(2 * np.pi * covariance)[1])


def factor_model(wrong=0.0):
    """The model with its exact posterior as encoder, or one that is off."""
    decoder, encoder = Linear(2, 3, rng=rng(), dtype=np.float64), Linear(3, 4, rng=rng(), dtype=np.float64)
    decoder.w.data, decoder.b.data = COLUMNS.T, OFFSET
    projection = COLUMNS * POSTERIOR / STD**2                                # (D, Z)
    encoder.w.data = np.concatenate([projection, np.zeros((3, 2))], axis=1)
    encoder.b.data = np.concatenate([-OFFSET @ projection + wrong, np.log(POSTERIOR) + wrong])
    return VAE(encoder, decoder, latent=2, likelihood=functools.partial(gaussian_log_likelihood, std=STD))


X = np.array([[0.5, 0.1, -1.0], [3.0, 0.0, 2.0]])


@pytest.mark.parametrize("samples", [1, 2, 50])
def test_with_the_true_posterior_every_importance_weight_is_the_evidence(samples):
    for seed in range(3):
        bound = factor_model().importance_bound(X, samples=samples, rng=rng(seed)).data
        np.testing.assert_allclose(bound, log_evidence(X), rtol=1e-12)


def many(n, model, bound):
    """Mean and standard error of a bound on log p of one example."""
    values = bound(model, np.tile(X[:1], (n, 1)))
    return values.mean(), values.std() / math.sqrt(n)


def test_with_the_true_posterior_the_elbo_is_the_evidence_on_average():
    mean, error = many(40_000, factor_model(), lambda m, x: m.elbo(x, rng=rng()).data)
    assert abs(mean - log_evidence(X[:1])) < 4 * error < 0.05


def test_bounds_rise_with_the_number_of_samples_towards_the_evidence():
    model, truth = factor_model(wrong=0.7), log_evidence(X)[0]
    elbo = many(40_000, model, lambda m, x: m.elbo(x, rng=rng()).data)
    bounds = [many(40_000, model, lambda m, x: m.importance_bound(x, samples=k, rng=rng(k)).data) for k in (1, 2, 5, 20)]
    assert abs(bounds[0][0] - elbo[0]) < 4 * math.hypot(bounds[0][1], elbo[1]), "one sample is the ELBO"
    for (low, e1), (high, e2) in zip(bounds, [*bounds[1:], (truth, 0)]):
        assert high - low > 6 * math.hypot(e1, e2)
    # The gap of the ELBO is the KL from q to the true posterior.
    gap = 0.5 * (0.7**2 / POSTERIOR + math.exp(0.7) - 0.7 - 1).sum()
    assert abs(elbo[0] + gap - truth) < 4 * elbo[1]


def test_beta_weighs_the_kl():
    model = factor_model(wrong=0.3)
    kl = kl_divergence(*model.encode(X)).data
    at = lambda beta: model.elbo(X, rng=rng(), beta=beta).data
    np.testing.assert_allclose(at(0.0) - at(1.0), kl, rtol=1e-12)
    np.testing.assert_allclose(at(0.0) - at(4), 4 * kl, rtol=1e-12)
    assert np.array_equal(model.elbo(X, rng=rng()).data, at(1.0))
    rising = schedules.linear(0, steps=10, final=1)
    assert np.array_equal(at(rising(0)), at(0.0)) and np.array_equal(at(rising(10)), at(1.0))


# ---- the module -------------------------------------------------------------------------------------------------------

def bernoulli_vae(dtype=np.float32, seed=0):
    return VAE(*(MLP(sizes, rng=rng(seed), activation=tanh, dtype=dtype) for sizes in ([6, 5, 4], [2, 5, 6])), latent=2)


BITS = (normal((3, 6), 0) > 0).astype(np.float64)


@pytest.mark.parametrize("objective", [
    lambda m: m.elbo(BITS, rng=rng(3), beta=0.7), lambda m: m.importance_bound(BITS, samples=4, rng=rng(3)),
], ids=["elbo", "importance"])
def test_gradient_of_every_parameter(objective):
    model = bernoulli_vae(np.float64)
    objective(model).sum().backward()
    for name, p in model.named_parameters():
        start, v, values = p.data, normal(p.shape, 6), []
        for step in (1e-5, -1e-5):
            p.data = start + step * v
            values.append(objective(model).sum().item())
        p.data = start
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(float((p.grad * v).sum()), rel=1e-6, abs=1e-8), name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_leaves_its_dtype(dtype):
    model = bernoulli_vae(dtype)
    for x in (BITS.astype(dtype), BITS.astype(int), BITS.tolist(), BITS):
        bounds = model.elbo(x, rng=rng(), beta=0.5), model.importance_bound(x, samples=3, rng=rng())
        assert {r.dtype for r in [model(x), *model.encode(x), *bounds, model.sample(2, rng=rng())]} == {np.dtype(dtype)}
    (model.elbo(BITS, rng=rng()).mean() + model.importance_bound(BITS, samples=2, rng=rng()).mean()).backward()
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(dtype)}
    half, logs = Tensor(MEAN.astype(dtype)), LOG_VARIANCE
    functions = [kl_divergence(half, logs), kl_divergence(logs, half), reparameterise(logs, half, rng=rng()),
                 gaussian_log_likelihood(half, targets=MEAN, std=np.float64(0.5)),
                 bernoulli_log_likelihood(half, targets=BITS[:, :4])]
    assert {f.dtype for f in functions} == {np.dtype(dtype)}


def test_the_same_seed_gives_the_same_numbers_in_both_precisions():
    wide, narrow = bernoulli_vae(np.float64), bernoulli_vae(np.float32)
    np.testing.assert_allclose(narrow.elbo(BITS, rng=rng(1)).data, wide.elbo(BITS, rng=rng(1)).data, rtol=1e-5)
    np.testing.assert_allclose(narrow.sample(3, rng=rng(1)).data, wide.sample(3, rng=rng(1)).data, rtol=1e-4, atol=1e-5)


def test_a_reconstruction_is_the_output_at_the_mean_and_a_sample_that_of_noise():
    model = bernoulli_vae()
    assert np.array_equal(model(BITS).data, model.decoder(model.encode(BITS)[0]).data)
    assert np.array_equal(model(BITS).data, model(BITS).data)
    assert not model.sample(4, rng=rng(2)).requires_grad
    assert np.array_equal(model.sample(4, rng=rng(2)).data, model.decoder(rng(2).normal(size=(4, 2)).astype(np.float32)).data)
    assert len(model.parameters()) == 8


def test_images_of_any_shape():
    images = (normal((3, 2, 4, 5), 0) > 0).astype(np.float32)
    code, picture = Linear(40, 6, rng=rng()), Linear(3, 40, rng=rng())
    model = VAE(lambda x: code(np.asarray(x).reshape(len(x), 40)), lambda z: picture(z).reshape(len(z), 2, 4, 5), latent=3)
    assert model.elbo(images, rng=rng()).shape == (3,)
    flat = VAE(code, picture, latent=3)
    for bound in (lambda m, x: m.importance_bound(x, samples=5, rng=rng()), lambda m, x: m.elbo(x, rng=rng())):
        np.testing.assert_allclose(bound(model, images).data, bound(flat, images.reshape(3, 40)).data, rtol=1e-5)


def test_training_reaches_the_likelihood_of_the_best_linear_model():
    """A linear VAE is probabilistic PCA; its likelihood is known from the eigenvalues of the data (Tipping & Bishop 1999)."""
    draw = rng(5)
    x = draw.normal(size=(400, 1)) @ np.array([[1.0, -1.5, 0.5]]) + 0.5 * draw.normal(size=(400, 3))
    values, vectors = np.linalg.eigh(np.cov(x.T, ddof=0))
    column = vectors[:, -1:] * math.sqrt(values[-1] - 0.25)
    covariance = column @ column.T + 0.25 * np.eye(3)
    centred = x - x.mean(axis=0)
    squares = np.einsum("bi,ij,bj->b", centred, np.linalg.inv(covariance), centred)
    best = -0.5 * (squares.mean() + np.linalg.slogdet(2 * np.pi * covariance)[1])
    likelihood = functools.partial(gaussian_log_likelihood, std=0.5)
    model = VAE(Linear(3, 2, rng=rng()), Linear(1, 3, rng=rng()), latent=1, likelihood=likelihood)
    optimiser = Adam(model.parameters(), lr=0.02)
    for _ in range(500):
        optimiser.zero_grad()
        (-model.elbo(x, rng=draw).mean()).backward()
        optimiser.step()
    reached = model.importance_bound(x, samples=200, rng=draw).data.mean()
    assert best - 0.02 < reached <= best + 0.02


# ---- errors -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("call, kind, words", [
    (lambda: kl_divergence(MEAN, LOG_VARIANCE[:2]), ValueError, ["kl_divergence", "(3, 4)", "(2, 4)"]),
    (lambda: kl_divergence(1.0, 2.0), ValueError, ["(..., Z)", "()"]),
    (lambda: kl_divergence(Tensor(MEAN), Tensor(MEAN.astype(np.float32))), TypeError, ["kl_divergence", "float64", "float32"]),
    (lambda: kl_divergence("a", MEAN), TypeError, ["real numbers", "'a'"]),
    (lambda: reparameterise(MEAN, LOG_VARIANCE.T, rng=rng()), ValueError, ["reparameterise", "(4, 3)"]),
    (lambda: reparameterise(MEAN, LOG_VARIANCE, rng=0), TypeError, ["rng is 0", "default_rng"]),
    (lambda: reparameterise(MEAN, LOG_VARIANCE), TypeError, ["rng"]),
    (lambda: bernoulli_log_likelihood(MEAN, targets=MEAN), ValueError, ["between 0 and 1"]),
    (lambda: bernoulli_log_likelihood([[0.0]], targets=[[math.nan]]), ValueError, ["between 0 and 1", "nan"]),
    (lambda: bernoulli_log_likelihood(BITS, targets=BITS[0]), ValueError, ["(6,)", "(3, 6)", "equal"]),
    (lambda: gaussian_log_likelihood(MEAN, targets=MEAN[:, :1]), ValueError, ["(3, 1)", "(3, 4)"]),
    (lambda: gaussian_log_likelihood(MEAN, targets=MEAN, std=0), ValueError, ["std", "above 0"]),
    (lambda: gaussian_log_likelihood(MEAN, targets=MEAN, std=-1), ValueError, ["std", "-1"]),
    (lambda: VAE(tanh, tanh, latent=0), ValueError, ["latent", "0"]),
    (lambda: VAE(Linear(6, 3, rng=rng()), tanh, latent=2).elbo(BITS, rng=rng()), ValueError, ["2 latents", "(3, 4)", "(3, 3)"]),
    (lambda: bernoulli_vae().elbo(BITS, rng=rng(), beta=-1), ValueError, ["beta", "-1"]),
    (lambda: bernoulli_vae().elbo(BITS), TypeError, ["rng"]),
    (lambda: bernoulli_vae().elbo(BITS, rng=7), TypeError, ["rng is 7"]),
    (lambda: bernoulli_vae().importance_bound(BITS, samples=0, rng=rng()), ValueError, ["samples", "0"]),
    (lambda: bernoulli_vae().sample(0, rng=rng()), ValueError, ["n must", "0"]),
    (lambda: bernoulli_vae().sample(2, rng=None), TypeError, ["rng is None"]),
    (lambda: VAE(MLP([6, 4], rng=rng()), lambda z: z, latent=2).elbo(BITS, rng=rng()), ValueError, ["(3, 6)", "(3, 2)"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_error(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)


def test_a_damaged_kl_is_noticed(monkeypatch):
    whole = vae.kl_divergence
    monkeypatch.setattr(vae, "kl_divergence", lambda *moments: 1.01 * whole(*moments))
    monkeypatch.setitem(globals(), "kl_divergence", vae.kl_divergence)
    for test in (test_kl_is_the_integral, test_kl_is_what_sampling_gives):
        with pytest.raises(AssertionError):
            test()
