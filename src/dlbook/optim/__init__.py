"""Optimisers and gradient clipping. Chapters *gradient descent*, *optimisers* and *vanishing gradients*.

An optimiser never writes into an array that others may hold: each step gives every parameter a new `.data` and leaves
its `.grad` alone. Assign to `.lr` to change the learning rate.
"""

from .clipping import clip_norm, clip_value
from .optimiser import Optimiser
from .rules import SGD, AdaGrad, Adam, AdamW, RMSProp

__all__ = ["Optimiser", "SGD", "AdaGrad", "RMSProp", "Adam", "AdamW", "clip_norm", "clip_value"]
