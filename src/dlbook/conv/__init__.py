"""Convolution and its transpose. Chapter *convolution*.

`operations` holds what a network uses, `correlation` the sums of products that it is made of. Images are (N, C, H, W)
outside. Inside, channels lie last in memory: what looks like (N, C, H, W) is a transposed view, and stays one from layer to
layer.
"""

from .operations import OPERATIONS, conv1d, conv2d, conv_transpose2d

__all__ = ["OPERATIONS", *(operation.__name__ for operation in OPERATIONS)]
