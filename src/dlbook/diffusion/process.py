"""There and back: how fast noise comes, and the ways from data to noise and from noise to data. Legend: that of the package."""

import math

import numpy as np

from ..autograd import Tensor, floating, no_grad
from ..functional import mse
from ..settings import floats, function, generator, lengths, number, real, whole

# ---- how fast the noise comes ---------------------------------------------------------------------------------------


def linear_betas(steps, *, first=1e-4, last=0.02):
    """β_1 … β_T on a straight line, (T,); the default ends are meant for T = 1000 (Ho, Jain & Abbeel 2020).

    >>> linear_betas(3, first=0.1, last=0.3).round(3).tolist()
    [0.1, 0.2, 0.3]
    """
    return np.linspace(number("first", first, 0, 1), number("last", last, 0, 1), whole("steps", steps))


def cosine_betas(steps, *, offset=0.008, largest=0.999):
    """β_1 … β_T such that ᾱ falls like a squared cosine, (T,): gently at both ends (Nichol & Dhariwal 2021).

    >>> ᾱ = np.cumprod(1 - cosine_betas(100))
    >>> ᾱ[[0, 49, 98]].round(3).tolist()
    [0.999, 0.494, 0.0]
    """
    t = np.arange(whole("steps", steps) + 1) / steps
    left = np.cos((t + number("offset", offset, 0)) / (1 + offset) * math.pi / 2) ** 2
    return np.minimum(1 - left[1:] / left[:-1], number("largest", largest, 0, 1))


# ---- there and back -------------------------------------------------------------------------------------------------

class Diffusion:
    """The way from data to noise, fixed by its β, and the ways back.

    Parameters
    ----------
    betas : (T,)
        Variance that each step adds, between 0 and 1.

    Raises
    ------
    ValueError
        If betas are no list of numbers between 0 and 1.

    `alpha_bar` holds ᾱ_0 = 1 to ᾱ_T, (T + 1,), in float64: near t = 0 it is 1 - ᾱ that counts.

    >>> diffusion = Diffusion(linear_betas(1000))
    >>> diffusion.steps, round(float(diffusion.alpha_bar[-1]), 6)
    (1000, 4e-05)
    >>> all_at_0 = lambda x, t: x / np.sqrt(1 - diffusion.alpha_bar[t, None])  # if the data are, then all of x is noise
    >>> abs(diffusion.ddim(all_at_0, np.ones((1, 2)), diffusion.path(10))).round(6).tolist()
    [[0.0, 0.0]]
    >>> abs(diffusion.sample(all_at_0, (1, 2), rng=np.random.default_rng(0), dtype=float)).round(6).tolist()
    [[0.0, 0.0]]
    """

    def __init__(self, betas):
        betas = real("betas", betas)
        if betas.ndim != 1 or betas.dtype.kind != "f" or not betas.size or not ((betas > 0) & (betas < 1)).all():
            raise ValueError(f"betas must be numbers above 0 and below 1, such as linear_betas(1000), and are {betas!r:.80}")
        self.alpha_bar = np.cumprod(np.concatenate([[1.0], 1 - betas.astype(np.float64)]))
        self.steps = len(betas)

    def add_noise(self, x0, t, noise):
        """x_t = √ᾱ_t x_0 + √(1 - ᾱ_t) ε: the t steps of q(x_t|x_0) at once.

        x_0 and ε are (N, ...), t is one integer from 0 to T or one for each example (N,).

        Raises
        ------
        ValueError, TypeError
            If shapes differ, t is out of range, or arrays are not of floats; the same holds for all methods below.

        >>> Diffusion([0.36, 0.5]).add_noise(np.array([[1.0]]), 1, np.array([[10.0]])).tolist()
        [[6.8]]
        """
        signal, spread = self._shares(t, x0, noise)
        return signal * x0 + spread * noise

    def loss(self, model, x0, *, rng):
        """Mean of ‖ε - ε_θ(x_t, t)‖² per number, over a step t and a noise ε drawn for each example (Ho et al. 2020, eq. 14).

        >>> x0, rng = np.zeros((1000, 2), np.float32), np.random.default_rng(0)
        >>> round(Diffusion(linear_betas(10)).loss(lambda x, t: np.zeros_like(x), x0, rng=rng).item(), 1)
        1.0
        """
        x0 = _examples("x0", x0)
        t = generator(rng).integers(1, self.steps + 1, size=len(x0))
        noise = rng.normal(size=x0.shape).astype(x0.dtype)
        return mse(function("model", model)(self.add_noise(x0, t, noise), t), targets=noise)

    def sample(self, model, shape, *, rng, limit=None, dtype=np.float32):
        """Draw x_0 of this shape by walking back all T steps, with fresh noise at each: DDPM (Ho et al. 2020, algorithm 2).

        Each step guesses x_0, and draws from q(x_{t-1}|x_t, x_0), a Gaussian, whose variance is the smaller of the two they try.
        `limit` keeps the guesses within ±limit; images scaled to [-1, 1] need 1 where the cosine's last steps, or `guided`,
        would throw them far out.
        """
        if not lengths("shape", shape):
            raise ValueError("shape must be that of N examples, (N, ...), and is ()")
        x, dtype = generator(rng).normal(size=shape), floats("dtype", dtype)
        x = x.astype(dtype)
        for t in range(self.steps, 0, -1):
            now, before = float(self.alpha_bar[t]), float(self.alpha_bar[t - 1])
            alpha = now / before
            clean, _ = self._guess(model, x, t, t, limit)
            x = (math.sqrt(before) * (1 - alpha) * clean + math.sqrt(alpha) * (1 - before) * x) / (1 - now)
            if t > 1:
                x = x + math.sqrt((1 - alpha) * (1 - before) / (1 - now)) * rng.normal(size=shape).astype(dtype)
        return x

    def ddim(self, model, x, path, *, limit=None):
        """Walk x (N, ...) without randomness along `path`, steps that all fall or all rise: DDIM (Song, Meng & Ermon 2021).

        Each step guesses x_0, and puts back the noise that the model saw, as much as belongs to the step to come. From noise,
        `path(50)` leads to a sample in 50 steps; `path(50)[::-1]` finds the noise from which an example would come. `limit` is
        as in `sample`, on paths that fall.
        """
        path, x = self._checked(path, limit), _examples("x", x)
        for here, there in zip(path, path[1:]):
            # On the way up, the step to come says how much noise to expect: at t = 0 there is none to be seen.
            clean, noise = self._guess(model, x, here, max(here, there), limit)
            x = self.add_noise(clean, there, noise)
        return x

    def path(self, n):
        """`n` steps of about equal length from T down to 0, as a list of n + 1 places.

        >>> Diffusion(linear_betas(10)).path(4)
        [10, 8, 5, 2, 0]
        """
        if whole("n", n) > self.steps:
            raise ValueError(f"a diffusion of {self.steps} steps has no path of {n}")
        return np.rint(np.linspace(self.steps, 0, n + 1)).astype(int).tolist()

    def denoised(self, x, t, noise):
        """The x_0 that x_t comes from if `noise` is in it: (x_t - √(1 - ᾱ_t) ε) / √ᾱ_t.

        >>> Diffusion([0.36, 0.5]).denoised(np.array([[6.8]]), 1, np.array([[10.0]])).round(6).tolist()
        [[1.0]]
        """
        signal, spread = self._shares(t, x, noise)
        return (x - spread * noise) / signal

    def score(self, noise, t):
        """∇ log q(x_t) if `noise` is the mean noise in x_t: -ε / √(1 - ᾱ_t), for t from 1 (Song & Ermon 2019).

        >>> Diffusion([0.36, 0.5]).score(np.array([[0.3]]), 1).round(6).tolist()
        [[-0.5]]
        """
        return noise / -self._shares(t, noise, low=1)[1]

    def velocity(self, x0, t, noise):
        """v = √ᾱ_t ε - √(1 - ᾱ_t) x_0, what some networks predict instead of ε (Salimans & Ho 2022)."""
        signal, spread = self._shares(t, x0, noise)
        return signal * noise - spread * x0

    def noise(self, x, t, velocity):
        """The ε that belongs to x_t and v: √(1 - ᾱ_t) x_t + √ᾱ_t v.

        >>> Diffusion([0.36, 0.5]).noise(np.array([[6.8]]), 1, np.array([[7.4]])).round(6).tolist()
        [[10.0]]
        """
        signal, spread = self._shares(t, x, velocity)
        return spread * x + signal * velocity

    def _shares(self, t, *arrays, low=0):
        """√ᾱ_t and √(1 - ᾱ_t), of the dtype of the arrays (N, ...) and ready to broadcast over them."""
        for a in arrays:
            # In integers every share would be 0, and * of a np.matrix is another.
            if not isinstance(a, (np.ndarray, Tensor)) or isinstance(a, np.matrix) or a.dtype.kind != "f":
                raise TypeError(f"expected arrays of floats (N, ...), and was given {type(a).__name__}: {a!r:.60}")
        t, x = real("t", t), arrays[0]
        if t.dtype.kind not in "iu" or t.size and not low <= t.min() <= t.max() <= self.steps:
            raise ValueError(f"t must be whole numbers from {low} to {self.steps}, and is {t!r:.80}")
        if t.shape not in ((), x.shape[:1]) or arrays[-1].shape != x.shape:
            shapes = " and ".join(str(a.shape) for a in arrays)
            raise ValueError(f"expected arrays (N, ...) of one shape, and one t or t (N,); given {shapes}, and t {t.shape}")
        left = self.alpha_bar[t].reshape(t.shape + (1,) * (x.ndim - 1) if t.ndim else ())
        return np.sqrt(left).astype(x.dtype), np.sqrt(1 - left).astype(x.dtype)

    def _checked(self, path, limit):
        places = real("path", path)
        turns = np.diff(places) if places.ndim == 1 and places.dtype.kind in "iu" and places.size > 1 else np.zeros(1)
        if not ((turns > 0).all() or (turns < 0).all()) or places.min() < 0 or places.max() > self.steps:
            raise ValueError(f"a path has two or more steps from 0 to {self.steps}, all falling or all rising; not {path!r:.60}")
        if limit is not None and turns[0] > 0:
            raise ValueError("a limit helps to find data on a path that falls, and this one rises to noise")
        return places.tolist()

    def _guess(self, model, x, t, told, limit):
        """The x_0 that x_t comes from and the noise in it, if the model, told the step `told`, is right."""
        with no_grad():
            noise = function("model", model)(x, np.full(len(x), told))
        noise = noise.data if isinstance(noise, Tensor) else np.asarray(noise)
        if noise.shape != x.shape or noise.dtype != x.dtype:
            raise ValueError(f"a model should give noise like its x, {x.shape} of {x.dtype}, and gave {noise.shape} of {noise.dtype}: "
                             "give x the dtype of the model's parameters")
        clean = self.denoised(x, t, noise)
        if limit is not None:
            clean = np.clip(clean, -number("limit", limit, 0), float(limit))
            signal, spread = self._shares(t, x)
            noise = (x - signal * clean) / spread
        return clean, noise


def _examples(name, x):
    x = floating(x)
    if not x.ndim or not len(x):
        raise ValueError(f"{name} must be at least one example, (N, ...), and has shape {x.shape}")
    return x
