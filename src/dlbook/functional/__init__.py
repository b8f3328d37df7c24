"""Functions that the book explains as one step and the package computes as one: fused, stable, with twins in the tests.

`OPERATIONS` lists them all; the tests hold a sample for each.
"""

from .activation import elu, gelu, leaky_relu, silu, softplus
from .channel_norm import batch_moments, batch_norm, group_norm
from .linear import linear
from .lookup import dropout, embedding
from .loss import binary_cross_entropy, cross_entropy, log_softmax, mse, softmax
from .norm import layer_norm, rms_norm

OPERATIONS = (
    linear,
    leaky_relu, elu, softplus, silu, gelu,
    softmax, log_softmax, cross_entropy, binary_cross_entropy, mse,
    layer_norm, rms_norm, group_norm, batch_norm,
    embedding, dropout,
)

__all__ = ["OPERATIONS", "batch_moments", *(operation.__name__ for operation in OPERATIONS)]
