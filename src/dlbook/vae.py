"""Variational autoencoders. Chapter *variational autoencoders*.

A decoder turns a latent z, drawn from N(0, I), into the parameters of a distribution p(x|z) over data. The likelihood of
an example, log p(x) = log ∫ p(x|z) p(z) dz, cannot be computed, but bounded from below by the *ELBO*

    log p(x) ≥ E[log p(x|z)] - KL(q(z|x) ‖ p(z)),   z ~ q(z|x) = N(μ(x), diag σ²(x)),

in which an encoder gives μ and log σ² (Kingma & Welling 2014; Rezende, Mohamed & Wierstra 2014).

Legend: B examples, Z latent numbers, K samples of the latent for each example.
"""

import math

import numpy as np

from .autograd import Tensor, common_dtype, constant, floating, no_grad
from .functional import softplus
from .nn import Module
from .ops import broadcast_to, exp, logsumexp
from .settings import function, generator, number, whole


def reparameterise(mean, log_variance, *, rng):
    """A draw z = μ + σ ε with ε ~ N(0, I): random, and yet a smooth function of μ and log σ² (Kingma & Welling 2014).

    Parameters
    ----------
    mean, log_variance : (..., Z)
    rng : np.random.Generator
        Draws ε.

    Raises
    ------
    ValueError
        If the shapes differ.

    >>> z = reparameterise(np.full((1000, 2), 3.0), np.zeros((1000, 2)), rng=np.random.default_rng(0))
    >>> round(z.mean().item(), 1)
    3.0
    """
    mean, log_variance = _moments("reparameterise", mean, log_variance)
    noise = generator(rng).normal(size=mean.shape).astype(mean.dtype)
    return mean + exp(0.5 * log_variance) * noise


def kl_divergence(mean, log_variance):
    """KL(N(μ, diag σ²) ‖ N(0, I)) = ½ Σ (μ² + σ² - log σ² - 1), summed over the last axis: (..., Z) to (...).

    Raises
    ------
    ValueError
        If the shapes differ.

    >>> kl_divergence([[3.0, 4.0]], [[0.0, 0.0]])
    Tensor([12.5])
    """
    mean, log_variance = _moments("kl_divergence", mean, log_variance)
    return 0.5 * (mean * mean + exp(log_variance) - log_variance - 1.0).sum(axis=-1)


def bernoulli_log_likelihood(logits, *, targets):
    """log p of each example where every pixel is a coin that falls on 1 with probability σ(logit): (B, ...) to (B,).

    Grey pixels between 0 and 1 are allowed, as is the custom, though the result is then no logarithm of a probability.

    Raises
    ------
    ValueError
        If the shapes differ or a target lies outside [0, 1].

    >>> round(bernoulli_log_likelihood([[0.0, 0.0]], targets=[[0.0, 1.0]]).item(), 4)  # 2 log ½
    -1.3863
    """
    logits, targets = _pair(logits, targets)
    if not (targets.min(initial=0) >= 0 and targets.max(initial=1) <= 1):  # said like this, nan is refused too
        raise ValueError(f"targets must lie between 0 and 1, and reach from {targets.min()} to {targets.max()}")
    return _over_features(logits * targets - softplus(logits))


def gaussian_log_likelihood(mean, *, targets, std=1.0):
    """log p of each example where every pixel is Gaussian round the output, with one standard deviation: (B, ...) to (B,).

    Raises
    ------
    ValueError
        If the shapes differ or `std` is not positive.

    >>> round(gaussian_log_likelihood([[1.0]], targets=[[1.0]]).item(), 4)  # -½ log 2π
    -0.9189
    """
    mean, targets = _pair(mean, targets)
    if not number("std", std, 0):
        raise ValueError("std must be above 0")
    error = (mean - targets) / float(std)
    return _over_features(-0.5 * (error * error) - 0.5 * math.log(2 * math.pi * std * std))


class VAE(Module):
    """An encoder and a decoder that are trained together by raising a bound on log p(x).

    Parameters
    ----------
    encoder : Module or function
        (B, ...) to (B, 2Z): the means, then the logarithms of the variances, of the latents.
    decoder : Module or function
        (B, Z) to the parameters of p(x|z), in the shape of x: logits or means.
    latent : int
        Z.
    likelihood : function
        Of the decoder's output and `targets`: `bernoulli_log_likelihood`, or `gaussian_log_likelihood`, for another `std`
        through `functools.partial`.

    >>> from dlbook.nn import Linear
    >>> rng = np.random.default_rng(0)
    >>> vae = VAE(Linear(6, 4, rng=rng), Linear(2, 6, rng=rng), latent=2)
    >>> x = np.ones((3, 6), np.float32)
    >>> vae(x).shape, vae.elbo(x, rng=rng).shape, vae.sample(5, rng=rng).shape
    ((3, 6), (3,), (5, 6))
    """

    def __init__(self, encoder, decoder, *, latent, likelihood=bernoulli_log_likelihood):
        self.encoder, self.decoder = function("encoder", encoder), function("decoder", decoder)
        self.latent, self.likelihood = whole("latent", latent), function("likelihood", likelihood)

    def forward(self, x):
        """The decoder's output at the mean of q(z|x), logits or means: a reconstruction in which nothing is random."""
        return self.decoder(self.encode(x)[0])

    def encode(self, x):
        """Mean and log variance of q(z|x), each (B, Z).

        Raises
        ------
        ValueError
            If the encoder gives anything but (B, 2Z).
        """
        both = self.encoder(x)
        if both.shape != (len(x), 2 * self.latent):
            raise ValueError(f"the encoder of a VAE with {self.latent} latents gives a mean and a log variance for each, "
                             f"({len(x)}, {2 * self.latent}), and this one gave {both.shape}")
        return both[:, :self.latent], both[:, self.latent:]

    def elbo(self, x, *, rng, beta=1.0):
        """log p(x|z) - β KL(q(z|x) ‖ p(z)) for each example, at one z: (B,). Maximise its mean.

        With β = 1 this is, on average, a lower bound on log p(x). A larger β asks for simpler latents (Higgins et al. 2017);
        one that rises from 0, such as `schedules.linear(0, steps=1000, final=1)(step)`, keeps the decoder from learning to
        do without them (Bowman et al. 2016).

        Raises
        ------
        ValueError
            If β is negative.

        >>> at_prior = VAE(lambda x: np.zeros((len(x), 4)), lambda z: np.zeros((len(z), 3)), latent=2)  # KL 0, all pixels ½
        >>> at_prior.elbo(np.ones((1, 3)), rng=np.random.default_rng(0)).data.round(4)  # 3 log ½
        array([-2.0794])
        """
        mean, log_variance = self.encode(x)
        z = reparameterise(mean, log_variance, rng=rng)
        return self.likelihood(self.decoder(z), targets=floating(x)) - number("beta", beta, 0) * kl_divergence(mean, log_variance)

    def importance_bound(self, x, *, samples, rng):
        """log of the mean of K importance weights p(x, z) / q(z|x), for each example: (B,) (Burda, Grosse & Salakhutdinov 2016).

        On average it rises with K from the ELBO, at K = 1, towards log p(x).

        Raises
        ------
        ValueError
            If `samples`, K, is no whole number from 1 up.

        >>> at_prior = VAE(lambda x: np.zeros((len(x), 4)), lambda z: np.zeros((len(z), 3)), latent=2)
        >>> at_prior.importance_bound(np.ones((1, 3)), samples=5, rng=np.random.default_rng(0)).data.round(4)
        array([-2.0794])
        """
        k, values = whole("samples", samples), floating(x)
        mean, log_variance = (broadcast_to(part, shape=(k, *part.shape)) for part in self.encode(x))   # (K, B, Z)
        z = reparameterise(mean, log_variance, rng=rng)
        output = self.decoder(z.reshape(k * len(x), self.latent))
        repeated = np.broadcast_to(values, (k, *values.shape)).reshape(k * len(x), *values.shape[1:])
        log_likelihood = self.likelihood(output, targets=repeated).reshape(k, len(x))
        error = z - mean
        # log p(z) - log q(z|x); the 2π of the two cancel.
        log_ratio = 0.5 * (error * error * exp(-log_variance) + log_variance - z * z).sum(axis=-1)
        return logsumexp(log_likelihood + log_ratio, axis=0) - math.log(k)

    def sample(self, n, *, rng):
        """The decoder's output, logits or means, at `n` latents drawn from N(0, I): what the model thinks that data look like.

        It is computed without a tape, as the samples of other models are.
        """
        dtype = next((p.dtype for p in self.parameters()), np.dtype(np.float32))
        z = generator(rng).normal(size=(whole("n", n), self.latent)).astype(dtype)
        with no_grad():
            return self.decoder(z)


def _moments(name, mean, log_variance):
    """Both as Tensors of one dtype and one shape."""
    dtype = common_dtype(name, (mean, log_variance))
    mean, log_variance = (x if isinstance(x, Tensor) else Tensor(constant(name, x, dtype, False)) for x in (mean, log_variance))
    if mean.shape != log_variance.shape or not mean.ndim:
        raise ValueError(f"{name} needs mean and log variance of one shape (..., Z), not {mean.shape} and {log_variance.shape}")
    return mean, log_variance


def _pair(output, targets):
    """The output as a Tensor, the targets as an array of its dtype; their shapes must be equal."""
    output, targets = output if isinstance(output, Tensor) else Tensor(output), floating(targets)
    if output.shape != targets.shape or not output.ndim:
        raise ValueError(f"targets have shape {targets.shape} and outputs {output.shape}: they must be equal, (B, ...)")
    return output, targets.astype(output.dtype, copy=False)


def _over_features(x):
    """(B, ...) to (B,)."""
    return x.reshape(len(x), math.prod(x.shape[1:])).sum(axis=1)
