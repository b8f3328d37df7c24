"""Diffusion: data are dissolved in noise step by step, and a network learns to go back. Chapter *diffusion*.

Legend: t is the step, from 0 (data) to T (noise); β_t the variance that step t adds; ᾱ_t = Π (1 - β_s) over s ≤ t the share
of the data's variance that is left. A model is a function of x_t (N, ...) and t (N,) that says which noise ε is in x_t; x
may be points (N, 2) or images (N, C, H, W).
"""

from .conditions import UNKNOWN, StepEmbedding, drop_labels, guided
from .process import Diffusion, cosine_betas, linear_betas

__all__ = ["Diffusion", "linear_betas", "cosine_betas", "StepEmbedding", "drop_labels", "guided", "UNKNOWN"]
