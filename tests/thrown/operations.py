"""Calls of the operations: for each one sample of its table, in float32, whose shapes are not empty."""

import inspect
import math

import numpy as np
from samples import TABLE as SAMPLES
from samples.making import Replayed

from dlbook import attention, autograd, functional
from dlbook.autograd import Tensor

from .throwing import Fresh, call

# None where None is a choice, and settings that are arrays or names of their own kind.
NUMBERS = {"rate", "slope", "alpha", "low", "high", "value", "exponent", "eps", "base"}
MEANS = {"keepdims": [2], "value": [math.nan], "slope": [math.nan], "alpha": [math.nan], "exponent": [math.nan], "high": [math.inf], "shape": [None],
         "axis": [None], "axes": [None], "stride": [None], "mask": [None], "bias": [None], "moments": [None]}
SPARE = {"index", "subscripts", "condition", "widths", "moments"}  # thrown at in test_properties.py, beside the formula


def one_sample(operation):
    """The richest of the small samples: with settings, if there are any."""
    filled = [s for s in SAMPLES[operation].samples if all(np.prod(shape) > 1 for shape in s.shapes)]
    return max(filled, key=lambda s: (len(s.settings), np.ndim(s.settings.get("ids", s.settings.get("labels"))), sum(map(len, s.shapes))))


def calls():
    for operation in SAMPLES:
        s = one_sample(operation)
        chosen = {name: Fresh(lambda seed=value.seed: Replayed(seed)) if isinstance(value, Replayed) else np.asarray(value)
                  if name in ("labels", "ids", "targets") else float(value) if name in NUMBERS else value for name, value in s.settings.items()}
        yield f"{operation.__module__}.{operation.__name__}", [
            call(operation, *s.arrays(np.float32), **chosen, spare=SPARE, means=MEANS, free=[p for p in inspect.signature(operation).parameters if p not in s.settings])]


TABLE = {
    **dict(calls()),
    "dlbook.attention.attention_weights": [
        call(attention.attention_weights, np.ones((2, 3, 4)), np.ones((2, 3, 4)), heads=2, causal=True, known_as=["attention", "Tensor"])],
    "dlbook.attention.sinusoids": [call(attention.sinusoids, 3, 4, base=100.0, dtype=np.float32, known_as=["positions"])],
    "dlbook.attention.alibi": [call(attention.alibi, 2, 3, 4)],
    "dlbook.functional.channel_norm.batch_moments": [call(functional.batch_moments, np.arange(6.0).reshape(3, 2), known_as=["Tensor"])],
    "dlbook.autograd.Tensor": [
        call(Tensor, np.arange(6.0).reshape(3, 2), requires_grad=True),
        call(Tensor(np.arange(3.0), requires_grad=True).backward, np.ones(3), free=["seed"])],
    "dlbook.autograd.op": [call(autograd.op, lambda x: (x, lambda g: g), spare=["fn"])],  # a decorator: what follows it is a function
    "dlbook.autograd.no_grad": [call(autograd.no_grad)],
}
