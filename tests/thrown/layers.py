"""Calls of the layers and optimisers: each as it is made, and as it is called."""

import numpy as np

from dlbook import Tensor, nn, optim
from dlbook import init as initialisers
from dlbook.ops import relu

from .throwing import RNG, Fresh, call

rng = np.random.default_rng(0)
IMAGES = rng.normal(size=(2, 3, 4, 6)).astype(np.float32)
STEPS = rng.normal(size=(2, 5, 4)).astype(np.float32)
ROWS = rng.normal(size=(5, 3)).astype(np.float32)
IDS = np.array([[1, 2, 3], [3, 0, 1]])


def made(cls, *args, means=None, **settings):
    """The call that makes a layer."""
    return call(cls, *args, **settings, means=means, known_as=["weight", "layer"])


def used(layer, *inputs, known_as=(), **settings):
    """The call of a layer that is made already; its errors may name the operation within."""
    name = type(layer).__name__
    return call(layer.forward, *inputs, known_as=[name, name.lower(), *known_as], **settings)


def ours(cls):
    return cls.__module__ + "." + cls.__name__


def leaves():
    return Fresh(lambda: [Tensor([1.0, 2.0], requires_grad=True)])


LAYERS = {
    nn.Linear: [made(nn.Linear, 3, 2, rng=RNG, init=initialisers.he_normal, bias=True, dtype=np.float32),
                used(nn.Linear(3, 2, rng=rng), ROWS), used(nn.Linear(3, 2, rng=rng, bias=False), ROWS, known_as=["matmul"])],
    nn.Sequential: [made(nn.Sequential, relu, nn.Linear(3, 2, rng=rng)), used(nn.Sequential(nn.Linear(3, 2, rng=rng), relu), ROWS, known_as=["linear"])],
    nn.MLP: [made(nn.MLP, [3, 4, 2], rng=RNG, activation=relu, init=initialisers.he_normal, dtype=np.float32),
             used(nn.MLP([3, 4, 2], rng=rng), ROWS, known_as=["linear"])],
    nn.LayerNorm: [made(nn.LayerNorm, 4, eps=1e-5, dtype=np.float32), used(nn.LayerNorm(4), STEPS, known_as=["layer_norm", "self_attention", "linear"])],
    nn.RMSNorm: [made(nn.RMSNorm, 4, eps=1e-5, dtype=np.float32), used(nn.RMSNorm(4), STEPS, known_as=["rms_norm"])],
    nn.GroupNorm: [made(nn.GroupNorm, 2, 4, eps=1e-5, dtype=np.float32),
                   used(nn.GroupNorm(3, 3), IMAGES, known_as=["group_norm"])],
    nn.BatchNorm: [made(nn.BatchNorm, 3, momentum=0.1, eps=1e-5, dtype=np.float32),
                   used(nn.BatchNorm(3), IMAGES, known_as=["batch_norm", "Tensor"]),
                   used(nn.BatchNorm(3).eval(), IMAGES, known_as=["batch_norm"])],
    nn.Dropout: [made(nn.Dropout, 0.5, rng=RNG)],
    nn.Conv1d: [made(nn.Conv1d, 3, 4, 2, rng=RNG, stride=2, padding=1, dilation=1, dtype=np.float32),
                used(nn.Conv1d(3, 4, 2, rng=rng), IMAGES[:, :, 0], known_as=["conv1d"])],
    nn.Conv2d: [made(nn.Conv2d, 3, 2, 3, stride=2, padding=1, dilation=1, rng=RNG, init=initialisers.he_normal, dtype=np.float32),
                used(nn.Conv2d(3, 2, 3, rng=rng), IMAGES, known_as=["convolution"])],
    nn.ConvTranspose2d: [made(nn.ConvTranspose2d, 3, 2, 3, stride=2, padding=1, output_padding=1, dilation=1, rng=RNG, dtype=np.float32),
                         used(nn.ConvTranspose2d(3, 2, 3, rng=rng), IMAGES, known_as=["conv_transpose2d"])],
    nn.MaxPool2d: [made(nn.MaxPool2d, 2, stride=2, padding=1, means={"stride": [None]}), used(nn.MaxPool2d(2), IMAGES, known_as=["max_pool2d"])],
    nn.AvgPool2d: [made(nn.AvgPool2d, 2, stride=2, padding=1, means={"stride": [None]}), used(nn.AvgPool2d(2), IMAGES, known_as=["avg_pool2d"])],
    nn.Upsample2d: [made(nn.Upsample2d, 2), used(nn.Upsample2d(2), IMAGES)],
    nn.Flatten: [used(nn.Flatten(), IMAGES, known_as=["Tensor"])],
    nn.ResidualBlock: [made(nn.ResidualBlock, 3, 4, rng=RNG, stride=2, norm=nn.BatchNorm, dtype=np.float32),
                       used(nn.ResidualBlock(3, 4, rng=rng), IMAGES, known_as=["conv2d", "batch_norm"])],
    nn.Embedding: [made(nn.Embedding, 5, 4, rng=RNG, std=0.5, dtype=np.float32), used(nn.Embedding(5, 4, rng=rng), IDS)],
    nn.RNN: [made(nn.RNN, 4, 3, rng=RNG, dtype=np.float32), used(nn.RNN(4, 3, rng=rng), STEPS, np.zeros((2, 3), np.float32), means={"h0": [None]}, known_as=["Tensor"])],
    nn.LSTM: [made(nn.LSTM, 4, 3, rng=RNG, dtype=np.float32), used(nn.LSTM(4, 3, rng=rng), STEPS, known_as=["Tensor"])],
    nn.GRU: [made(nn.GRU, 4, 3, rng=RNG, dtype=np.float32), used(nn.GRU(4, 3, rng=rng), STEPS, np.zeros((2, 3), np.float32), means={"h0": [None]}, known_as=["Tensor"])],
    nn.MultiHeadAttention: [
        made(nn.MultiHeadAttention, 4, 2, causal=True, rope=True, rng=RNG, init=initialisers.xavier_uniform, dtype=np.float32),
        used(nn.MultiHeadAttention(4, 2, rng=rng), STEPS, mask=np.ones((5, 5), bool), known_as=["linear", "attention", "self_attention"], means={"mask": [None]}),
        used(nn.MultiHeadAttention(4, 2, rng=rng), STEPS, memory=STEPS, known_as=["matmul", "attention", "linear", "self_attention"], means={"memory": [None]})],
    nn.EncoderBlock: [
        made(nn.EncoderBlock, 4, 2, rng=RNG, causal=True, rope=True, pre_norm=True, hidden=8, activation=relu, dropout=0.5, dtype=np.float32,
             means={"hidden": [None]}),
        used(nn.EncoderBlock(4, 2, rng=rng), STEPS, known_as=["layer_norm", "self_attention", "linear"])],
    nn.DecoderBlock: [made(nn.DecoderBlock, 4, 2, rng=RNG, dtype=np.float32),
                      used(nn.DecoderBlock(4, 2, rng=rng), STEPS, memory=STEPS, known_as=["layer_norm", "matmul", "attention", "self_attention", "linear"])],
    nn.GPT: [made(nn.GPT, vocabulary=5, context=8, channels=4, heads=2, layers=1, rng=RNG, positions="learned", dropout=0.5, dtype=np.float32),
             used(nn.GPT(vocabulary=5, context=8, channels=4, heads=2, layers=1, rng=rng), IDS)],
}

OPTIMISERS = {
    optim.SGD: [call(optim.SGD, leaves(), 0.5, momentum=0.5, nesterov=True, weight_decay=0.5, known_as=["parameter"])],
    optim.AdaGrad: [call(optim.AdaGrad, leaves(), 0.5, eps=1e-8, known_as=["parameter"])],
    optim.RMSProp: [call(optim.RMSProp, leaves(), 0.5, rho=0.5, eps=1e-8, known_as=["parameter"])],
    optim.Adam: [call(optim.Adam, leaves(), 0.5, betas=(0.5, 0.75), eps=1e-8, known_as=["parameter"])],
    optim.AdamW: [call(optim.AdamW, leaves(), 0.5, betas=(0.5, 0.75), eps=1e-8, weight_decay=0.5, known_as=["parameter"])],
}

TABLE = {ours(cls): calls for cls, calls in {**LAYERS, **OPTIMISERS}.items()}
