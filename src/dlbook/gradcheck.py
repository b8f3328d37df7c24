"""Is this gradient right? The question that chapters and tests both ask. Chapter *backpropagation*."""

import numpy as np

from .autograd import Tensor
from .settings import function, generator, number, real


def gradcheck(f, *inputs, rng, step=1e-5):
    """Relative error between the derivative that `backward` gives and the one that finite differences give.

    All inputs move together along one random direction v: the slope of f there must be ⟨∇f, v⟩. One comparison checks
    every element of every gradient at once; what is wrong anywhere shows, unless v happens to be orthogonal to the error.

    Parameters
    ----------
    f : function of Tensors that returns a Tensor of any shape
        An output with many elements is weighed with random numbers first.
    inputs : float64 arrays
        Finite differences need the digits of float64: with float32 the answer would be mostly rounding.
    rng : np.random.Generator
    step : float
        Step of the central difference, relative to 1.

    Returns
    -------
    float
        |numeric - analytic| / max(|numeric|, |analytic|, 1e-3). Below 1e-6: right. Above 1e-3: wrong. The 1e-3 keeps the
        rounding of a slope that is truly 0 from looking like an error.

    Raises
    ------
    TypeError
        If an input is not float64, or `f` returns no Tensor.
    ValueError
        If the step is no number from 0 up.

    >>> from dlbook.ops import tanh
    >>> gradcheck(tanh, np.array([0.3, -1.2]), rng=np.random.default_rng(0)) < 1e-8
    True
    """
    function("f", f)
    generator(rng)
    step = number("step", step, 0)
    if not step:
        raise ValueError("step must be above 0, and is 0")
    inputs = [real("gradcheck", x) for x in inputs]
    for position, x in enumerate(inputs):
        if x.dtype != np.float64:
            raise TypeError(f"gradcheck needs float64 and input {position} is {x.dtype}: convert it with .astype(float)")
    directions = [rng.normal(size=x.shape) for x in inputs]
    leaves = [Tensor(x, requires_grad=True) for x in inputs]
    output = f(*leaves)
    if not isinstance(output, Tensor):
        raise TypeError(f"gradcheck needs a function that returns a Tensor, and this one returns a {type(output).__name__}")
    weights = rng.normal(size=output.shape)
    output.backward(seed=weights)
    analytic = sum(float((leaf.grad * v).sum()) for leaf, v in zip(leaves, directions) if leaf.grad is not None)

    def along(t):
        return float((f(*(Tensor(x + t * v) for x, v in zip(inputs, directions))).data * weights).sum())

    numeric = (along(step) - along(-step)) / (2 * step)
    return abs(numeric - analytic) / max(abs(numeric), abs(analytic), 1e-3)
