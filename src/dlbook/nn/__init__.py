"""Networks: modules that hold parameters, layers, and ways to stack them."""

from .graph import GAT, GCN, Readout
from .layers import MLP, Linear, Sequential
from .module import Module
from .normalisation import BatchNorm, Dropout, GroupNorm, LayerNorm, RMSNorm
from .sequence import GRU, LSTM, RNN, Embedding
from .transformer import GPT, DecoderBlock, EncoderBlock, MultiHeadAttention
from .unet import UNet
from .vision import AvgPool2d, Conv1d, Conv2d, ConvTranspose2d, Flatten, MaxPool2d, ResidualBlock, Upsample2d

__all__ = [
    "Module", "Linear", "Sequential", "MLP",
    "LayerNorm", "RMSNorm", "GroupNorm", "BatchNorm", "Dropout",
    "Conv1d", "Conv2d", "ConvTranspose2d", "MaxPool2d", "AvgPool2d", "Upsample2d", "Flatten", "ResidualBlock", "UNet",
    "Embedding", "RNN", "LSTM", "GRU",
    "MultiHeadAttention", "EncoderBlock", "DecoderBlock", "GPT",
    "GCN", "GAT", "Readout",
]
