"""Calls of the models of Part V: what is drawn, told apart, dissolved in noise and found again, each small enough to run a thousand times."""

import numpy as np

from dlbook import diffusion, flow, gan, nn, optim, vae
from dlbook.nn import graph, unet
from dlbook.ops import relu

from .throwing import RNG, Fresh, by_name
from .throwing import tensor_call as call

rng = np.random.default_rng(0)
ROWS, SPREADS = (rng.normal(size=(3, 2)).astype(np.float32) for _ in range(2))
SHARES = rng.random((3, 2)).astype(np.float32)
SCORES, OTHERS = (rng.normal(size=4).astype(np.float32) for _ in range(2))
IMAGES = rng.normal(size=(2, 2, 4, 6)).astype(np.float32)
TOLD = rng.normal(size=(2, 3)).astype(np.float32)
BITS = np.array([[0, 1, 1], [1, 0, 1]])
CHAIN = np.array([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]])
STEPS = np.array([1, 3, 4])
LABELS = np.array([2, 0, 1])


def linear(n, m):
    return Fresh(lambda: nn.Linear(n, m, rng=np.random.default_rng(0)))


def in_frozen(module):
    """What a frozen module gives: a context alone does nothing."""
    with gan.frozen(module):
        return module(ROWS)


def stepped_discriminator(real, noise, loss):
    g, d = (nn.Linear(2, n, rng=np.random.default_rng(n)) for n in (2, 1))
    return gan.discriminator_step(g, d, optim.SGD(d.parameters(), 0.5), real=real, noise=noise, loss=loss), d


def stepped_generator(noise, loss):
    g, d = (nn.Linear(2, n, rng=np.random.default_rng(n)) for n in (2, 1))
    return gan.generator_step(g, d, optim.SGD(g.parameters(), 0.5), noise=noise, loss=loss), g


def coded(likelihood=vae.bernoulli_log_likelihood):
    rng = np.random.default_rng(0)
    return vae.VAE(nn.Linear(2, 4, rng=rng), nn.Linear(2, 2, rng=rng), latent=2, likelihood=likelihood)


def coupled():
    rng = np.random.default_rng(0)
    return [flow.AffineCoupling(mask, [3], rng=rng) for mask in ([True, False], [False, True])]


def ahead(x, t):
    """A model of the noise that is as good as none."""
    return x * np.float32(0.5)


def told(x, t, labels):
    return x * (labels != diffusion.UNKNOWN)[:, None]


def guided(model, labels, weight):
    return diffusion.guided(model, labels, weight=weight)(ROWS, STEPS)


FALL = diffusion.Diffusion(diffusion.linear_betas(4, first=0.1, last=0.4))
FLOW, MADE, EMBED = flow.Flow(*coupled()), flow.MADE(3, [4], rng=rng), diffusion.StepEmbedding(4, 2, classes=3, rng=rng)
CONDITIONED, PLAIN = (unet.UNet(2, 1, widths=[4, 8], groups=2, condition=n, rng=rng) for n in (3, 0))
LAYER, SHAPES = {"known_as": ["linear", "matmul"]}, {"known_as": ["arrays"]}

TABLE = {
    **by_name(
        call(vae.reparameterise, ROWS, SPREADS, rng=RNG), call(vae.kl_divergence, ROWS, SPREADS),
        call(vae.bernoulli_log_likelihood, ROWS, targets=SHARES, known_as=["outputs"]), call(vae.gaussian_log_likelihood, ROWS, targets=SHARES, std=0.5, known_as=["outputs"]),
        call(vae.VAE, linear(2, 4), linear(2, 2), latent=2, likelihood=vae.gaussian_log_likelihood),
        call(coded().forward, SHARES, **LAYER), call(coded().encode, SHARES, **LAYER), call(coded().elbo, SHARES, rng=RNG, beta=0.5, known_as=["linear", "targets"]),
        call(coded().importance_bound, SHARES, samples=3, rng=RNG, known_as=["linear", "targets"]), call(coded().sample, 3, rng=RNG)),
    **by_name(
        *(call(loss, SCORES, OTHERS, known_as=["softplus", "mean", "neg"]) for loss in (gan.discriminator_loss, gan.critic_loss)),
        *(call(loss, SCORES, known_as=["softplus", "mean", "neg"]) for loss in (gan.minimax_loss, gan.non_saturating_loss, gan.wasserstein_loss)),
        call(gan.clip_weights, linear(2, 1), 0.5), call(gan.optimal_discriminator, SCORES, OTHERS, known_as=["densities"]), call(gan.ring_centres, 4, radius=2.0),
        call(gan.mode_coverage, ROWS, SPREADS, within=1.0)),
    "dlbook.gan.frozen": [call(in_frozen, linear(2, 1))],
    "dlbook.gan.discriminator_step": [call(stepped_discriminator, ROWS, SPREADS, gan.discriminator_loss, known_as=["linear", "loss", "mean"])],
    "dlbook.gan.generator_step": [call(stepped_generator, SPREADS, gan.non_saturating_loss, known_as=["linear", "loss", "mean"])],
    **by_name(
        call(flow.AffineCoupling, [True, False], [3], rng=RNG, activation=relu, dtype=np.float32), call(coupled()[0].forward, ROWS), call(coupled()[0].inverse, ROWS),
        call(flow.Flow, *coupled(), known_as=["flow"]), call(FLOW.forward, ROWS), call(FLOW.inverse, ROWS), call(FLOW.log_prob, ROWS), call(FLOW.sample, 3, rng=RNG),
        call(flow.MaskedLinear, np.array([[True, False], [True, True]]), rng=RNG, dtype=np.float32, known_as=["in_features"]),
        call(flow.MaskedLinear([[True, False], [True, True]], rng=rng).forward, ROWS, **LAYER),
        call(flow.MADE, 3, [4], order=[2, 0, 1], rng=RNG, activation=relu, dtype=np.float32, means={"order": [None]}),
        call(MADE.forward, BITS), call(MADE.log_prob, BITS, known_as=["targets"]), call(MADE.sample, 3, rng=RNG)),
    **by_name(
        call(diffusion.linear_betas, 4, first=0.1, last=0.4), call(diffusion.cosine_betas, 4, offset=0.01, largest=0.9), call(diffusion.Diffusion, np.array([0.1, 0.4])),
        call(FALL.add_noise, ROWS, STEPS, SPREADS, **SHAPES), call(FALL.loss, ahead, ROWS, rng=RNG), call(FALL.sample, ahead, (3, 2), rng=RNG, limit=2.0, dtype=np.float32, means={"limit": [None]}),
        call(FALL.ddim, ahead, ROWS, [4, 2, 0], limit=2.0, means={"limit": [None]}), call(FALL.path, 2), call(FALL.denoised, ROWS, STEPS, SPREADS, **SHAPES),
        call(FALL.score, ROWS, STEPS, **SHAPES), call(FALL.velocity, ROWS, STEPS, SPREADS, **SHAPES), call(FALL.noise, ROWS, STEPS, SPREADS, **SHAPES),
        call(diffusion.StepEmbedding, 4, 2, classes=3, rng=RNG, dtype=np.float32), call(EMBED.forward, STEPS, labels=LABELS, means={"labels": [None]}),
        call(diffusion.drop_labels, LABELS, rate=0.5, rng=RNG)),
    "dlbook.diffusion.conditions.guided": [call(guided, told, LABELS, 2.0)],
    **by_name(
        call(unet.UNet, 2, 1, widths=[4, 8], condition=3, groups=2, rng=RNG, dtype=np.float32), call(CONDITIONED.forward, IMAGES, TOLD, known_as=["U-Net", "image"]),
        call(PLAIN.forward, IMAGES, known_as=["U-Net", "image"]), call(unet.UNetBlock, 4, 8, condition=3, groups=2, rng=RNG, dtype=np.float32),
        call(unet.UNetBlock(2, 3, condition=3, groups=1, rng=rng).forward, IMAGES, TOLD, known_as=["group_norm", "image"]),
        call(unet.UNetBlock(2, 3, groups=1, rng=rng).forward, IMAGES, known_as=["group_norm"])),
    **by_name(
        call(graph.GCN, 2, 3, rng=RNG, init=nn.layers.initialisers.he_normal, dtype=np.float32), call(graph.GCN(2, 3, rng=rng).forward, ROWS, CHAIN, known_as=["features", "matrix", "matmul"]),
        call(graph.GAT, 2, 3, heads=2, average=True, rng=RNG, init=nn.layers.initialisers.he_normal, dtype=np.float32),
        *(call(f, ROWS, CHAIN, known_as=["features", "matrix", "matmul"]) for f in (graph.GAT(2, 3, heads=2, rng=rng).forward, graph.GAT(2, 3, average=True, rng=rng).forward, graph.GAT(2, 3, heads=2, rng=rng).attention)),
        call(graph.Readout, "mean"), *(call(graph.Readout(how).forward, ROWS, np.array([0, 1, 0])) for how in ("mean", "sum"))),
}
