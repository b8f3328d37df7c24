"""Gradients kept to a bearable size, between `backward()` and `step()`. Chapters *vanishing gradients*, *recurrent networks*.

On the edge of a cliff of the loss a gradient is enormous, and one step along it throws the parameters far from all they
had learnt. Its direction is right, its length is not: so shorten it (Pascanu, Mikolov and Bengio, "On the difficulty of
training recurrent neural networks", 2013). Gradients are shared, so clipping gives each parameter a new one.
"""

import math

import numpy as np

from ..autograd import Tensor
from ..settings import number


def clip_norm(parameters, limit):
    """Shorten the gradient of all `parameters` together to the length `limit`, if it is longer; return its length before.

    g ← g · min(1, limit / ‖g‖), ‖g‖ over all parameters as one vector, so that the direction stays (Pascanu et al. 2013,
    algorithm 1). Parameters without a gradient are left out.

    Raises
    ------
    ValueError
        If the limit is not a number above 0.
    TypeError
        If the parameters are not Tensors.
    FloatingPointError
        If the gradient holds a nan or an infinity, which no factor makes bearable.

    >>> from dlbook import Tensor
    >>> w = Tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> clip_norm([w], 5.0), w.grad.tolist()
    (10.0, [3.0, 4.0])
    """
    limit, held = _positive("the limit of a norm", limit), _held(parameters)
    # in float64: in float32 squares overflow from 2e19 on, and clipping is for gradients that are far too large
    norm = math.sqrt(math.fsum(float(np.square(p.grad, dtype=np.float64).sum()) for p in held))
    if not math.isfinite(norm):
        raise FloatingPointError(f"the norm of the gradient is {norm}: it cannot be clipped; lower the learning rate, or look "
                                 "for a division, logarithm or square root that met 0")
    if norm > limit:
        for p in held:
            p.grad = np.asarray(p.grad * p.grad.dtype.type(limit / norm))
    return norm


def clip_value(parameters, limit):
    """Put every single entry of the gradients between -`limit` and `limit`; the direction changes, for each is cut by itself.

    Errors are those of `clip_norm` (Mikolov, *Statistical language models based on neural networks*, 2012).

    >>> from dlbook import Tensor
    >>> w = Tensor([3.0, -0.25], requires_grad=True)
    >>> (w * w).sum().backward()
    >>> clip_value([w], 1.0)
    >>> w.grad.tolist()
    [1.0, -0.5]
    """
    limit, held = _positive("the limit of a value", limit), _held(parameters)
    if not all(np.isfinite(p.grad).all() for p in held):
        raise FloatingPointError("the gradient holds nan or inf: it cannot be clipped; lower the learning rate, or look "
                                 "for a division, logarithm or square root that met 0")
    for p in held:
        p.grad = np.clip(p.grad, p.grad.dtype.type(-limit), p.grad.dtype.type(limit)).reshape(p.grad.shape)


def _held(parameters):
    """Those of the parameters that have a gradient."""
    try:
        parameters = list(parameters)
    except TypeError:
        raise TypeError(f"parameters must be a list of Tensors, as model.parameters() gives, and is {parameters!r:.60}") from None
    for position, p in enumerate(parameters):
        if not isinstance(p, Tensor):
            raise TypeError(f"parameter {position} must be a Tensor, and is {p!r:.60}")
    return [p for p in parameters if p.grad is not None]


def _positive(name, limit):
    if not number(name, limit, 0):
        raise ValueError(f"{name} must be above 0, and is {limit!r}")
    return float(limit)
