"""Adversarial networks: losses, steps, and measures of success. Chapter *adversarial networks*.

A generator turns noise into samples; a discriminator tells them from real ones, and each is trained on the other's failure
(Goodfellow et al. 2014). Scores are logits: large where the discriminator believes that a sample is real. All losses
are to be minimised.
"""

import math
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from .autograd import floating, no_grad
from .functional import softplus
from .nn import Module
from .ops import mean, neg
from .settings import function, number, real, whole

# ---- losses ---------------------------------------------------------------------------------------------------------


def discriminator_loss(real, fake):
    """-E[log D(real)] - E[log(1 - D(fake))], with D = σ(score).

    >>> round(discriminator_loss([0.0], [0.0]).item(), 4)  # 2 log 2: it cannot tell
    1.3863
    """
    return mean(softplus(neg(real))) + mean(softplus(fake))


def minimax_loss(fake):
    """E[log(1 - D(fake))]: the part of the discriminator's loss that depends on the generator, with the other sign.

    Its slope vanishes where D is sure that samples are fake, which is where the generator has to start.

    >>> round(minimax_loss([0.0]).item(), 4)
    -0.6931
    """
    return -mean(softplus(fake))


def non_saturating_loss(fake):
    """-E[log D(fake)]: the same goal with a slope where it is needed (Goodfellow et al. 2014, section 3).

    >>> round(non_saturating_loss([0.0]).item(), 4)
    0.6931
    """
    return mean(softplus(neg(fake)))


def critic_loss(real, fake):
    """E[score(fake)] - E[score(real)]: minus an estimate of the Wasserstein distance, times the critic's steepness.

    The critic's slope must stay bounded: see `clip_weights` (Arjovsky, Chintala & Bottou 2017).

    >>> critic_loss([3.0], [1.0]).item()
    -2.0
    """
    return mean(fake) - mean(real)


def wasserstein_loss(fake):
    """-E[score(fake)]: what the generator minimises against a critic.

    >>> wasserstein_loss([1.0, 3.0]).item()
    -2.0
    """
    return -mean(fake)


# ---- steps ----------------------------------------------------------------------------------------------------------

def discriminator_step(generator, discriminator, optimiser, *, real, noise, loss=discriminator_loss):
    """One step of the discriminator on real samples and as many fakes as there is noise; returns its loss before the step.

    The generator is run without a tape: its parameters get no gradient.

    Raises
    ------
    FloatingPointError
        If the loss is no finite number; the step is not taken.

    >>> from dlbook import nn, optim
    >>> rng = np.random.default_rng(0)
    >>> g, d = nn.MLP([2, 8, 2], rng=rng), nn.MLP([2, 8, 1], rng=rng)
    >>> adam = optim.Adam(d.parameters())
    >>> discriminator_step(g, d, adam, real=np.ones((4, 2)), noise=np.zeros((4, 2))) > 0
    True
    """
    function("discriminator", discriminator), function("loss", loss)
    with no_grad():
        fake = function("generator", generator)(noise)
    return _descend(optimiser, lambda: loss(discriminator(real), discriminator(fake)))


def generator_step(generator, discriminator, optimiser, *, noise, loss=non_saturating_loss):
    """One step of the generator on the fakes that `noise` gives; returns its loss before the step.

    Gradients run through the discriminator, and leave none in it. Raises as `discriminator_step` does.

    >>> from dlbook import nn, optim
    >>> rng = np.random.default_rng(0)
    >>> g, d = nn.MLP([2, 8, 2], rng=rng), nn.MLP([2, 8, 1], rng=rng)
    >>> generator_step(g, d, optim.Adam(g.parameters()), noise=np.ones((4, 2))) > 0
    True
    >>> [p.grad for p in d.parameters()]
    [None, None, None, None]
    """
    function("generator", generator), function("loss", loss)
    with frozen(discriminator):
        return _descend(optimiser, lambda: loss(discriminator(generator(noise))))


@contextmanager
def frozen(module):
    """Inside this block the parameters of `module` are constants: what is computed there leaves no gradient in them.

    >>> from dlbook.nn import Linear
    >>> layer = Linear(2, 1, rng=np.random.default_rng(0))
    >>> with frozen(layer):
    ...     layer(np.ones((3, 2), np.float32)).requires_grad
    False
    >>> layer.w.requires_grad
    True
    """
    parameters = _parameters(module)
    try:
        for p in parameters:
            p.requires_grad = False
        yield
    finally:
        for p in parameters:
            p.requires_grad = True


def clip_weights(module, limit):
    """Give every parameter of `module` new values, those cut off at ±`limit` (Arjovsky, Chintala & Bottou 2017: 0.01).

    Raises
    ------
    ValueError
        If the limit is not a positive number.

    >>> from dlbook.nn import Linear
    >>> layer = Linear(2, 1, rng=np.random.default_rng(0))
    >>> clip_weights(layer, 0.01)
    >>> bool(abs(layer.w.data).max() <= 0.01)
    True
    """
    if not number("limit", limit, 0):
        raise ValueError("limit must be above 0: all weights would be 0")
    for p in _parameters(module):
        p.data = np.clip(p.data, -float(limit), float(limit))


def _parameters(module):
    if not isinstance(module, Module):
        raise TypeError(f"the parameters wanted are those of a Module, and this module is {module!r:.60}")
    return module.parameters()


def _descend(optimiser, objective):
    optimiser.zero_grad()
    loss = objective()
    value = loss.item()
    if not math.isfinite(value):
        raise FloatingPointError(f"the loss became {value}, and the step was not taken: usually a learning rate is too large")
    loss.backward()
    optimiser.step()
    return value


# ---- measures -------------------------------------------------------------------------------------------------------

def optimal_discriminator(log_real, log_fake):
    """p / (p + q): how likely a point is real, if real ones have the density p and fakes q, and both are equally many.

    No discriminator has a lower loss (Goodfellow et al. 2014, proposition 1); its score is log p - log q.

    Parameters
    ----------
    log_real, log_fake : arrays that broadcast
        log p and log q at the same points: far out both densities round to 0, their logarithms do not.

    Raises
    ------
    ValueError
        If at some point both densities are 0, or one is infinite: nothing is best there.

    >>> optimal_discriminator(np.log([0.5, 0.3]), np.log([0.5, 0.1])).round(3).tolist()
    [0.5, 0.75]
    """
    log_real, log_fake = floating(log_real), floating(log_fake)
    try:
        np.broadcast_shapes(log_real.shape, log_fake.shape)
    except ValueError:
        raise ValueError(f"log_real and log_fake must broadcast, and have shapes {log_real.shape} and {log_fake.shape}") from None
    with np.errstate(invalid="ignore"):
        score = np.asarray(log_real - log_fake)
    undecided = np.isnan(score) | (np.maximum(log_real, log_fake) == math.inf)
    if undecided.any():
        raise ValueError(f"at {undecided.sum()} of {undecided.size} points both densities are 0, or one is infinite or nan, "
                         "and no discriminator is best there")
    return np.exp(-np.logaddexp(score.dtype.type(0), -score))  # σ(score), exact also where it is tiny


def ring_centres(modes=8, *, radius=2.0):
    """The centres of `data.ring_of_gaussians`, (modes, 2).

    >>> ring_centres(4).round(3).tolist()
    [[2.0, 0.0], [0.0, 2.0], [-2.0, 0.0], [-0.0, -2.0]]
    """
    angle = 2 * math.pi * np.arange(whole("modes", modes)) / modes
    return (number("radius", radius, 0) * np.stack([np.cos(angle), np.sin(angle)], axis=1)).astype(np.float32)


class Coverage(NamedTuple):
    """What `mode_coverage` found: samples near each centre (K,), how many centres have one, the share of samples near any."""

    counts: np.ndarray
    modes: int
    quality: float


def mode_coverage(samples, centres, *, within):
    """Count the modes that a generator has found, as Srivastava et al. (VEEGAN, 2017) do.

    Parameters
    ----------
    samples : (N, D)
    centres : (K, D)
    within : float
        A sample belongs to the nearest centre if it is no further away than this, customarily three standard deviations.

    Raises
    ------
    ValueError
        If the shapes do not fit, there is no sample, or one is not finite, or a centre.

    >>> mode_coverage([[2.01, 0.0], [0.0, 0.0]], ring_centres(), within=0.06)
    Coverage(counts=array([1, 0, 0, 0, 0, 0, 0, 0]), modes=1, quality=0.5)
    """
    samples, centres = real("mode_coverage", samples), real("mode_coverage", centres)
    if samples.ndim != 2 or centres.ndim != 2 or samples.shape[1] != centres.shape[1] or not samples.size or not centres.size:
        raise ValueError(f"mode_coverage needs samples (N, D) and centres (K, D), not {samples.shape} and {centres.shape}")
    astray = len(samples) - np.isfinite(samples).all(axis=1).sum()
    if astray:
        raise ValueError(f"{astray} of {len(samples)} samples are not finite numbers: the generator has diverged")
    if not np.isfinite(centres).all():
        raise ValueError(f"centres must be finite numbers, and are {centres!r:.80}")
    distance = np.linalg.norm(samples[:, None] - centres, axis=2)                               # (N, K)
    good = distance.min(axis=1) <= number("within", within, 0)
    counts = np.bincount(distance.argmin(axis=1)[good], minlength=len(centres))
    return Coverage(counts, int((counts > 0).sum()), float(good.mean()))
