"""Initial weights, drawn so that signals neither die nor explode on their way through the layers.

A weight of shape (in, out), or (O, C, KH, KW) for a convolution, has a *fan-in*, the number of products that one output
adds up, and a *fan-out*. Derived in the chapter *initialisation*. All functions take the random generator by name, and raise ValueError for a shape or a size that is none,
TypeError for what is no generator or no dtype of floating-point numbers.
"""

import math

import numpy as np

from .settings import floats, generator, lengths, number


def fans(shape):
    """Fan-in and fan-out of a weight.

    Raises
    ------
    ValueError
        If the shape is neither (in, out) nor that of a convolution.

    >>> fans((784, 128)), fans((16, 3, 5, 5))
    ((784, 128), (75, 400))
    """
    try:
        shape = lengths("shape", shape)
        if len(shape) < 2:
            raise ValueError
    except ValueError:
        raise ValueError(f"a weight has shape (in, out) or (O, C, K, ...) of positive whole numbers, and this one has {shape!r:.60}") from None
    if len(shape) == 2:
        return shape
    receptive = math.prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive


def normal(shape, *, std, rng, dtype=np.float32):
    """Gaussian with mean 0 and standard deviation `std`.

    >>> normal((2, 3), std=0.01, rng=np.random.default_rng(0)).shape
    (2, 3)
    """
    dtype, std, shape = floats("dtype", dtype), number("std", std, 0), lengths("shape", shape, 0)
    return generator(rng).normal(0.0, std, size=shape).astype(dtype)


def uniform(shape, *, bound, rng, dtype=np.float32):
    """Uniform between -`bound` and `bound`.

    >>> bool(abs(uniform((2, 3), bound=0.5, rng=np.random.default_rng(0))).max() <= 0.5)
    True
    """
    dtype, bound, shape = floats("dtype", dtype), number("bound", bound, 0), lengths("shape", shape, 0)
    return generator(rng).uniform(-bound, bound, size=shape).astype(dtype)


def xavier_normal(shape, *, rng, dtype=np.float32):
    """Gaussian with variance 2 / (fan_in + fan_out), for layers that are nearly linear (Glorot & Bengio 2010).

    >>> xavier_normal((2, 3), rng=np.random.default_rng(0)).dtype
    dtype('float32')
    """
    return normal(shape, std=math.sqrt(2 / sum(fans(shape))), rng=rng, dtype=dtype)


def xavier_uniform(shape, *, rng, dtype=np.float32):
    """Uniform with variance 2 / (fan_in + fan_out) (Glorot & Bengio 2010).

    >>> xavier_uniform((2, 3), rng=np.random.default_rng(0)).dtype
    dtype('float32')
    """
    return uniform(shape, bound=math.sqrt(6 / sum(fans(shape))), rng=rng, dtype=dtype)


def he_normal(shape, *, rng, dtype=np.float32):
    """Gaussian with variance 2 / fan_in: the 2 makes up for the half that a ReLU cuts away (He et al. 2015).

    >>> he_normal((2, 3), rng=np.random.default_rng(0)).dtype
    dtype('float32')
    """
    return normal(shape, std=math.sqrt(2 / fans(shape)[0]), rng=rng, dtype=dtype)


def he_uniform(shape, *, rng, dtype=np.float32):
    """Uniform with variance 2 / fan_in (He et al. 2015).

    >>> he_uniform((2, 3), rng=np.random.default_rng(0)).dtype
    dtype('float32')
    """
    return uniform(shape, bound=math.sqrt(6 / fans(shape)[0]), rng=rng, dtype=dtype)


def orthogonal(shape, *, rng, gain=1.0, dtype=np.float32):
    """Matrix whose rows or columns, whichever are fewer, are orthonormal times `gain` (Saxe, McClelland & Ganguli 2014).

    >>> w = orthogonal((3, 2), rng=np.random.default_rng(0))
    >>> bool(np.allclose(w.T @ w, np.eye(2), atol=1e-6))
    True
    """
    fans(shape)
    dtype, gain = floats("dtype", dtype), number("gain", gain, 0)
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(generator(rng).normal(size=(max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))  # QR leaves the signs to the library; this makes the draw uniform and the same everywhere
    return (gain * (q if rows >= columns else q.T)).reshape(shape).astype(dtype)
