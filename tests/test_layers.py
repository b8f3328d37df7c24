"""Layers for images, sequences and attention: parameters, modes, states, and that they compute what they say."""

import functools
import inspect

import numpy as np
import pytest
from samples.making import normal

from dlbook import Tensor, conv, functional, init, nn, no_grad, pool, recurrent
from dlbook.attention import attention, rotary, sinusoids
from dlbook.graphs import adjacency
from dlbook.nn import (
    GAT, GCN, GPT, GRU, LSTM, RNN, AvgPool2d, BatchNorm, Conv1d, Conv2d, ConvTranspose2d, DecoderBlock, Dropout, Embedding, EncoderBlock,
    Flatten, GroupNorm, LayerNorm, Linear, MaxPool2d, MultiHeadAttention, Readout, ResidualBlock, RMSNorm, UNet, Upsample2d,
)
from dlbook.ops import relu

WIDE = np.float64


def rng(seed=0):
    return np.random.default_rng(seed)


def widened(module):
    """The module with parameters that are float64, and none at a special value such as 0."""
    for position, p in enumerate(module.parameters()):
        p.data = p.data.astype(WIDE) + 0.1 * normal(p.shape, position)
    return module


def first(output):
    """The Tensor that a layer returns, alone or before its last state."""
    return output[0] if isinstance(output, tuple) else output


IMAGES, WORDS, STEPS, MEMORY = normal((3, 4, 6, 5), 0), np.array([[1, 5, 0, 2], [3, 3, 6, 1]]), normal((2, 5, 8), 0), normal((2, 3, 8), 1)
NODES, EDGES = normal((5, 8), 0), adjacency([(0, 1), (1, 2), (0, 4)], 5).astype(WIDE)  # node 3 is alone
PICTURES, CONDITION = normal((2, 3, 4, 6), 0), normal((2, 5), 1)
SMALL = {"vocabulary": 7, "context": 6, "channels": 8, "heads": 2, "layers": 2}

# Every layer: how to make it, what to call it with, and the shape that comes.
LAYERS = {
    "LayerNorm": (lambda **s: LayerNorm(5, **s), (IMAGES,), (3, 4, 6, 5)),
    "RMSNorm": (lambda **s: RMSNorm(5, **s), (IMAGES,), (3, 4, 6, 5)),
    "GroupNorm": (lambda **s: GroupNorm(2, 4, **s), (IMAGES,), (3, 4, 6, 5)),
    "BatchNorm": (lambda **s: BatchNorm(4, **s), (IMAGES,), (3, 4, 6, 5)),
    "Conv1d": (lambda **s: Conv1d(5, 4, 3, rng=rng(), stride=2, padding=1, dilation=2, **s), (STEPS,), (2, 4, 3)),
    "Conv1d same": (lambda **s: Conv1d(5, 4, 3, rng=rng(), padding="same", dilation=2, **s), (STEPS,), (2, 4, 8)),
    "Conv2d": (lambda **s: Conv2d(4, 2, (3, 2), rng=rng(), stride=(2, 1), padding=1, dilation=(1, 2), **s), (IMAGES,), (3, 2, 3, 5)),
    "Conv2d same": (lambda **s: Conv2d(4, 2, (3, 5), rng=rng(), padding="same", dilation=2, **s), (IMAGES,), (3, 2, 6, 5)),
    "ConvTranspose2d": (
        lambda **s: ConvTranspose2d(4, 2, 3, rng=rng(), stride=2, padding=1, output_padding=(1, 0), **s), (IMAGES,), (3, 2, 12, 9)),
    "ResidualBlock": (lambda **s: ResidualBlock(4, 4, rng=rng(), **s), (IMAGES,), (3, 4, 6, 5)),
    "ResidualBlock narrower": (lambda **s: ResidualBlock(4, 2, stride=2, rng=rng(), **s), (IMAGES,), (3, 2, 3, 3)),
    "UNet": (lambda **s: UNet(3, 1, widths=[4, 6], groups=2, rng=rng(), **s), (PICTURES,), (2, 1, 4, 6)),
    "UNet conditioned": (
        lambda **s: UNet(3, 1, widths=[4, 6], groups=2, condition=5, rng=rng(), **s), (PICTURES, CONDITION), (2, 1, 4, 6)),
    "Embedding": (lambda **s: Embedding(7, 3, rng=rng(), **s), (WORDS,), (2, 4, 3)),
    "RNN": (lambda **s: RNN(8, 3, rng=rng(), **s), (STEPS,), (2, 5, 3)),
    "LSTM": (lambda **s: LSTM(8, 3, rng=rng(), **s), (STEPS,), (2, 5, 3)),
    "GRU": (lambda **s: GRU(8, 3, rng=rng(), **s), (STEPS,), (2, 5, 3)),
    "MultiHeadAttention": (lambda **s: MultiHeadAttention(8, 2, rng=rng(), causal=True, **s), (STEPS,), (2, 5, 8)),
    "MultiHeadAttention rotary": (lambda **s: MultiHeadAttention(8, 2, rng=rng(), rope=True, **s), (STEPS,), (2, 5, 8)),
    "EncoderBlock": (lambda **s: EncoderBlock(8, 2, rng=rng(), **s), (STEPS,), (2, 5, 8)),
    "EncoderBlock post-norm": (lambda **s: EncoderBlock(8, 2, rng=rng(), pre_norm=False, hidden=5, **s), (STEPS,), (2, 5, 8)),
    "DecoderBlock": (
        lambda **s: type("Fed", (DecoderBlock,), {"forward": lambda self, x: DecoderBlock.forward(self, x, memory=MEMORY)})(8, 2, rng=rng(), **s),
        (STEPS,), (2, 5, 8)),
    "GPT": (lambda **s: GPT(**SMALL, rng=rng(), **s), (WORDS,), (2, 4, 7)),
    "GPT sinusoidal": (lambda **s: GPT(**SMALL, rng=rng(), positions="sinusoidal", **s), (WORDS,), (2, 4, 7)),
    "GPT rotary": (lambda **s: GPT(**SMALL, rng=rng(), positions="rotary", **s), (WORDS,), (2, 4, 7)),
    "MaxPool2d": (lambda: MaxPool2d((2, 3), stride=1, padding=(1, 0)), (IMAGES,), (3, 4, 7, 3)),
    "AvgPool2d": (lambda: AvgPool2d(2), (IMAGES,), (3, 4, 3, 2)),
    "Upsample2d": (lambda: Upsample2d((2, 1)), (IMAGES,), (3, 4, 12, 5)),
    "GCN": (lambda **s: GCN(8, 3, rng=rng(), **s), (NODES, EDGES), (5, 3)),
    "GAT": (lambda **s: GAT(8, 3, heads=2, rng=rng(), **s), (NODES, EDGES), (5, 6)),
    "GAT averaged": (lambda **s: GAT(8, 3, heads=2, average=True, rng=rng(), **s), (NODES, EDGES), (5, 3)),
    "Readout": (lambda: Readout("sum"), (NODES, np.array([0, 0, 2, 0, 2])), (3, 8)),
    "Flatten": (lambda: Flatten(), (IMAGES,), (3, 120)),
    "Dropout": (lambda: Dropout(0.5, rng=rng()), (IMAGES,), (3, 4, 6, 5)),
}
TRAINED = [name for name, (make, _, _) in LAYERS.items() if make().parameters()]
every_layer = pytest.mark.parametrize("make, inputs, shape", LAYERS.values(), ids=LAYERS)
every_trained_layer = pytest.mark.parametrize("make, inputs, shape", [LAYERS[name] for name in TRAINED], ids=TRAINED)


# ---- all of them ------------------------------------------------------------------------------------------------------

def test_every_layer_is_here():
    elsewhere = {"Module", "Linear", "Sequential", "MLP"}  # in test_nn.py
    classes = {name for name in nn.__all__ if inspect.isclass(getattr(nn, name))}
    assert {name.split()[0] for name in LAYERS} | elsewhere == classes == set(nn.__all__)


@every_layer
def test_shape(make, inputs, shape):
    assert first(make()(*inputs)).shape == shape


@every_trained_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype(make, inputs, shape, dtype):
    layer = make(dtype=dtype)
    narrow = [x.astype(dtype) if x.dtype.kind == "f" else x for x in inputs]
    y = first(layer(*narrow))
    y.backward(seed=np.ones(shape))
    assert {y.dtype, *(p.dtype for p in layer.parameters()), *(p.grad.dtype for p in layer.parameters())} == {np.dtype(dtype)}
    assert {a.dtype for a in layer.state().values()} == {np.dtype(dtype)}
    assert first(layer(*inputs)).dtype == dtype, "a plain array takes the dtype of the parameters"


@every_trained_layer
def test_gradient_of_every_parameter(make, inputs, shape):
    """Along a random direction, for each parameter alone: that the layer passes the right things to the right operations."""
    layer = widened(make())
    weights = normal(shape, 5)

    def loss():
        return (first(layer(*inputs)) * weights).sum()

    loss().backward()
    for name, p in layer.named_parameters():
        start, v = p.data, normal(p.shape, 6)
        values = []
        for step in (1e-5, -1e-5):
            p.data = start + step * v
            values.append(loss().item())
        p.data = start
        numeric, analytic = (values[0] - values[1]) / 2e-5, float((p.grad * v).sum())
        assert abs(numeric - analytic) / max(abs(numeric), abs(analytic), 1e-2) <= 1e-6, name


@every_layer
def test_state_goes_from_one_to_the_other(make, inputs, shape):
    one, other = make(), make()
    one(*inputs)  # batch norm watches
    for position, p in enumerate(one.parameters()):
        p.data = p.data + normal(p.shape, position).astype(p.dtype)
    state = one.state()
    other.load_state(state)
    one.eval(), other.eval()
    assert np.array_equal(np.asarray(first(one(*inputs)).data), np.asarray(first(other(*inputs)).data))
    assert set(dict(one.named_parameters())) <= set(state)


@every_layer
def test_the_same_seed_gives_the_same_layer(make, inputs, shape):
    assert all(np.array_equal(a, b) for a, b in zip(make().state().values(), make().state().values(), strict=True))


@every_layer
def test_evaluation_repeats_itself_and_takes_no_notes(make, inputs, shape):
    layer = make().eval()
    before = layer.state()
    once, again = (np.asarray(first(layer(*inputs)).data) for _ in range(2))
    assert np.array_equal(once, again)
    assert all(np.array_equal(a, before[name]) for name, a in layer.state().items())


# ---- images -----------------------------------------------------------------------------------------------------------

def test_convolutions_are_the_operations():
    layer = LAYERS["Conv2d"][0]()
    settings = {"stride": (2, 1), "padding": 1, "dilation": (1, 2)}
    assert np.array_equal(layer(IMAGES).data, conv.conv2d(IMAGES, layer.w, layer.b, **settings).data)
    layer = LAYERS["Conv1d"][0]()
    assert np.array_equal(layer(STEPS).data, conv.conv1d(STEPS, layer.w, layer.b, stride=2, padding=1, dilation=2).data)
    layer = LAYERS["ConvTranspose2d"][0]()
    settings = {"stride": 2, "padding": 1, "output_padding": (1, 0)}
    assert np.array_equal(layer(IMAGES).data, conv.conv_transpose2d(IMAGES, layer.w, layer.b, **settings).data)
    assert layer.w.shape == (4, 2, 3, 3) and layer.b.shape == (2,)
    turned = init.he_normal((2, 4, 3, 3), rng=rng()).swapaxes(0, 1)  # an output adds up products with 4 channels: the fan-in is 4 · 9
    assert np.array_equal(layer.w.data, turned)
    assert np.array_equal(Conv2d(3, 4, 5, rng=rng(), init=init.xavier_normal).w.data, init.xavier_normal((4, 3, 5, 5), rng=rng()))


def test_pooling_layers_are_the_operations():
    assert np.array_equal(MaxPool2d(2, stride=1, padding=1)(IMAGES).data, pool.max_pool2d(IMAGES, size=2, stride=1, padding=1).data)
    assert np.array_equal(MaxPool2d(2)(IMAGES).data, pool.max_pool2d(IMAGES, size=2).data)
    assert np.array_equal(AvgPool2d((2, 3))(IMAGES).data, pool.avg_pool2d(IMAGES, size=(2, 3)).data)
    assert np.array_equal(Upsample2d(3)(IMAGES).data, pool.upsample2d(IMAGES, factor=3).data)


def test_flatten_keeps_the_batch():
    assert np.array_equal(Flatten()(IMAGES).data, IMAGES.reshape(3, -1))
    assert Flatten()(IMAGES[:0]).shape == (0, 120) and Flatten()(np.ones(3)).shape == (3, 1)


def test_a_residual_block_is_its_parts():
    block = ResidualBlock(4, 2, stride=2, rng=rng())
    x = IMAGES.astype(np.float32)
    y = block.norm2(block.conv2(relu(block.norm1(block.conv1(x)))))
    np.testing.assert_allclose(block(x).data, np.maximum((y + block.shortcut(x)).data, 0), rtol=1e-6)
    assert ResidualBlock(4, 4, stride=(1, 1), rng=rng()).shortcut is None and ResidualBlock(4, 4, stride=2, rng=rng()).shortcut is not None
    plain = ResidualBlock(4, 4, rng=rng(), norm=functools.partial(GroupNorm, 2))
    plain.norm2.gain.data = np.zeros(4, np.float32)
    assert np.array_equal(plain(x).data, np.maximum(x, 0)), "a branch that gives nothing leaves the input"


# ---- normalisation and dropout ----------------------------------------------------------------------------------------

def test_running_moments_follow_the_batches():
    layer, mean, variance = BatchNorm(4, momentum=0.25, dtype=WIDE), np.zeros(4), np.ones(4)
    for k in range(5):
        x = (k + 1) * normal((3, 4, 6, 5), k) + k
        layer(x)
        mean = 0.75 * mean + 0.25 * x.mean(axis=(0, 2, 3))
        variance = 0.75 * variance + 0.25 * x.var(axis=(0, 2, 3), ddof=1)
        np.testing.assert_allclose(layer.running_mean, mean, rtol=1e-12)
        np.testing.assert_allclose(layer.running_variance, variance, rtol=1e-12)
    layer.eval()
    expected = (IMAGES - mean[:, None, None]) / np.sqrt(variance[:, None, None] + 1e-5)
    np.testing.assert_allclose(layer(IMAGES).data, expected, rtol=1e-12, atol=1e-14)
    one = layer(IMAGES[:1, :, :1, :1]).data  # enough to evaluate, though not to train
    np.testing.assert_allclose(one, expected[:1, :, :1, :1], rtol=1e-12, atol=1e-14)


def test_running_moments_are_replaced_not_written_into():
    layer = BatchNorm(4)
    mean, variance, state = layer.running_mean, layer.running_variance, layer.state()
    layer(IMAGES)
    assert not mean.any() and (variance == 1).all() and layer.running_mean.any()
    assert list(state) == ["gain", "bias", "running_mean", "running_variance"]
    assert [name for name, _ in layer.named_parameters()] == ["gain", "bias"]


def test_a_batch_that_is_refused_leaves_no_trace():
    layer = BatchNorm(4)
    for wrong in (IMAGES[:1, :, :1, :1], IMAGES[:, :3], IMAGES[:0]):
        with pytest.raises(ValueError):
            layer(wrong)
        assert not layer.running_mean.any() and layer.running_mean.shape == (4,)
    one = BatchNorm(1)
    with pytest.raises(ValueError, match="batch_norm was given shapes"):
        one(IMAGES)
    assert one.running_mean.tolist() == [0]


def test_images_of_bytes_are_normalised_as_numbers():
    x = rng().integers(0, 256, (50, 4, 3)).astype(np.uint8)
    layer = BatchNorm(4)
    np.testing.assert_allclose(layer(x).data, BatchNorm(4)(x.astype(np.float32)).data, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(layer.running_mean, 0.1 * x.mean(axis=(0, 2)), rtol=1e-5)
    np.testing.assert_allclose(BatchNorm(2)([[1, 2], [3, 6]]).data, [[-1, -1], [1, 1]], atol=1e-4)


def test_dropout_drops_in_training_alone():
    layer = Dropout(0.5, rng=rng(3))
    assert np.array_equal(layer(IMAGES).data, functional.dropout(IMAGES, rate=0.5, rng=rng(3)).data)
    assert not np.array_equal(layer(IMAGES).data, layer(IMAGES).data)
    assert layer.eval()(IMAGES) is IMAGES and layer.train()(IMAGES) is not IMAGES
    assert Dropout(0, rng=rng())(IMAGES) is IMAGES


@pytest.mark.parametrize("layer, operation", [
    (LayerNorm(5, eps=0.5), functional.layer_norm), (RMSNorm(5, eps=0.5), functional.rms_norm),
    (GroupNorm(2, 4, eps=0.5), functools.partial(functional.group_norm, groups=2)), (BatchNorm(4, eps=0.5), functional.batch_norm)],
    ids=["layer", "rms", "group", "batch"])
def test_norms_are_the_operations(layer, operation):
    widened(layer)
    assert np.array_equal(layer(IMAGES).data, operation(IMAGES, *layer.parameters(), eps=0.5).data)


# ---- sequences --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_a_sequence_can_be_continued(kind):
    layer = widened(kind(8, 3, rng=rng()))
    whole, last = layer(STEPS)
    start, state = layer(STEPS[:, :2])
    end, state = layer(STEPS[:, 2:], state)
    np.testing.assert_allclose(np.concatenate([start.data, end.data], axis=1), whole.data, rtol=1e-12)
    for ours, theirs in zip(state if kind is LSTM else [state], last if kind is LSTM else [last], strict=True):
        np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-12)
        assert ours.shape == (2, 3)
    assert np.array_equal((state[0] if kind is LSTM else state).data, end.data[:, -1])
    assert layer(STEPS.tolist())[0].shape == (2, 5, 3)


def test_recurrent_layers_are_the_operations():
    z, (r, m, g) = np.zeros((2, 3)), (widened(kind(8, 3, rng=rng())) for kind in (RNN, LSTM, GRU))
    assert np.array_equal(r(STEPS)[0].data, recurrent.rnn(STEPS, z, *r.parameters()).data)
    assert np.array_equal(g(STEPS)[0].data, recurrent.gru(STEPS, z, *g.parameters()).data)
    both = recurrent.lstm(STEPS, z, z, *m.parameters()).data
    h, (last, cell) = m(STEPS)
    assert np.array_equal(h.data, both[:, :, :3]) and np.array_equal(cell.data, both[:, -1, 3:]) and np.array_equal(last.data, both[:, -1, :3])


def test_recurrent_weights_start_orthogonal_and_the_forget_gate_open():
    layer = LSTM(8, 3, rng=rng())
    for k in range(4):
        block = layer.wh.data[:, 3 * k:3 * k + 3]
        np.testing.assert_allclose(block @ block.T, np.eye(3), atol=1e-6)
    assert layer.b.data.tolist() == [0] * 3 + [1] * 3 + [0] * 6
    assert [name for name, _ in GRU(8, 3, rng=rng()).named_parameters()] == ["wx", "wh", "b", "b_hidden"]


def test_embedding_of_any_shape():
    layer = Embedding(7, 3, rng=rng(), std=0.5)
    assert np.array_equal(layer(WORDS).data, layer.w.data[WORDS]) and layer(2).shape == (3,)
    assert np.array_equal(layer.w.data, init.normal((7, 3), std=0.5, rng=rng()))


# ---- attention --------------------------------------------------------------------------------------------------------

def test_attention_is_linear_layers_around_the_operation():
    for causal, rope in ((False, False), (True, False), (True, True)):
        layer = widened(MultiHeadAttention(8, 2, rng=rng(), causal=causal, rope=rope))
        q, k, v = (STEPS @ layer.qkv.w.data[:, i:i + 8] + layer.qkv.b.data[i:i + 8] for i in (0, 8, 16))
        if rope:
            q, k = rotary(q, heads=2), rotary(k, heads=2)
        np.testing.assert_allclose(layer(STEPS).data, layer.out(attention(q, k, v, heads=2, causal=causal)).data, rtol=1e-10)


def test_attention_to_a_memory():
    layer, mask = widened(MultiHeadAttention(8, 2, rng=rng(), causal=True)), np.array([True, False, True])
    q = STEPS @ layer.qkv.w.data[:, :8] + layer.qkv.b.data[:8]
    k, v = (MEMORY @ layer.qkv.w.data[:, i:i + 8] + layer.qkv.b.data[i:i + 8] for i in (8, 16))
    np.testing.assert_allclose(
        layer(STEPS, memory=MEMORY, mask=mask).data, layer.out(attention(q, k, v, heads=2, mask=mask)).data, rtol=1e-10)


@pytest.mark.parametrize("pre_norm", [True, False])
def test_an_encoder_block_is_its_parts(pre_norm):
    block, mask = widened(EncoderBlock(8, 2, rng=rng(), pre_norm=pre_norm)), np.tri(5, dtype=bool)
    if pre_norm:
        x = STEPS + block.attention(block.norm1(STEPS), mask=mask)
        x = x + block.feed_forward(block.norm2(x))
    else:
        x = block.norm1(STEPS + block.attention(STEPS, mask=mask))
        x = block.norm2(x + block.feed_forward(x))
    np.testing.assert_allclose(block(STEPS, mask=mask).data, x.data, rtol=1e-10)
    assert [p.shape for p in block.feed_forward.parameters()] == [(8, 32), (32,), (32, 8), (8,)]


def test_a_decoder_block_sees_its_past_and_all_of_the_memory():
    block = widened(DecoderBlock(8, 2, rng=rng()))
    x = STEPS + block.attention(block.norm1(STEPS))
    x = x + block.cross(block.norm3(x), memory=MEMORY)
    x = x + block.feed_forward(block.norm2(x))
    y = block(STEPS, memory=MEMORY).data
    np.testing.assert_allclose(y, x.data, rtol=1e-10)
    np.testing.assert_allclose(block(STEPS[:, :3], memory=MEMORY).data, y[:, :3], rtol=1e-10)
    hidden = block(STEPS, memory=MEMORY, memory_mask=np.array([True, True, False])).data
    np.testing.assert_allclose(hidden, block(STEPS, memory=MEMORY[:, :2]).data, rtol=1e-10)
    cache, steps = {}, []
    with no_grad():
        for t in range(5):
            steps.append(block(STEPS[:, t:t + 1], memory=MEMORY, cache=cache).data)
    np.testing.assert_allclose(np.concatenate(steps, axis=1), y, rtol=1e-10)


def test_every_part_of_a_decoder_block_takes_the_initialiser_it_is_given():
    block = DecoderBlock(8, 2, rng=rng(), init=functools.partial(init.uniform, bound=1e-3))
    assert all(np.abs(p.data).max() <= 1e-3 for name, p in block.named_parameters() if name.endswith(".w"))


def test_dropout_in_a_block_follows_its_mode():
    block = EncoderBlock(8, 2, rng=rng(), dropout=0.5)
    assert not np.array_equal(block(STEPS).data, block(STEPS).data)
    block.eval()
    assert np.array_equal(block(STEPS).data, block(STEPS).data)


# ---- GPT --------------------------------------------------------------------------------------------------------------

POSITIONS = pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary"])


@POSITIONS
@pytest.mark.parametrize("pieces", [[1] * 6, [6], [3, 1, 2], [2, 4]], ids=str)
def test_a_gpt_with_a_cache_says_what_it_says_without(positions, pieces):
    gpt, ids = widened(GPT(**SMALL, rng=rng(), positions=positions)), rng().integers(0, 7, (3, 6))
    whole = gpt(ids).data
    caches, parts, start = gpt.new_caches(), [], 0
    with no_grad():
        for n in pieces:
            parts.append(gpt(ids[:, start:start + n], caches=caches).data)
            start += n
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, rtol=1e-10, atol=1e-12)
    assert [cache["k"].shape for cache in caches] == [(3, 6, 8)] * 2
    with pytest.raises(ValueError, match="looks at 6 steps at most, and was given 7"):
        gpt(ids[:, :1], caches=caches)


@POSITIONS
def test_a_gpt_does_not_see_the_future(positions):
    gpt, ids = widened(GPT(**SMALL, rng=rng(), positions=positions)), rng().integers(0, 7, (2, 6))
    whole = gpt(ids).data
    for t in range(1, 7):
        np.testing.assert_allclose(gpt(ids[:, :t]).data, whole[:, :t], rtol=1e-10, atol=1e-12)
    reversed_ = gpt(ids[:, ::-1]).data
    assert np.abs(reversed_[:, -1] - whole[:, -1]).max() > 1e-3, "it sees the order of the words"


def test_positions_of_a_gpt():
    learned, waves, turned = (GPT(**SMALL, rng=rng(), positions=p) for p in ("learned", "sinusoidal", "rotary"))
    assert learned.places.requires_grad and learned.places.shape == (6, 8)
    assert np.array_equal(waves.state()["places"], sinusoids(6, 8)) and "places" not in dict(waves.named_parameters())
    assert turned.places is None and all(block.attention.rope and block.attention.causal for block in turned.blocks)
    block = 8 * 24 + 24 + 8 * 8 + 8 + 8 * 32 + 32 + 32 * 8 + 8 + 4 * 8
    assert sum(p.size for p in learned.parameters()) == 7 * 8 + 6 * 8 + 2 * block + 16 + 8 * 7


def test_a_small_gpt_learns_to_count():
    from dlbook.functional import cross_entropy
    from dlbook.optim import Adam

    gpt, ids = GPT(**SMALL, rng=rng()), (np.arange(7)[:, None] + np.arange(7)) % 7
    optimiser, losses = Adam(gpt.parameters(), lr=0.01), []
    for _ in range(60):
        optimiser.zero_grad()
        loss = cross_entropy(gpt(ids[:, :-1]), labels=ids[:, 1:])
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(np.log(7), rel=0.05), "it starts knowing nothing"
    assert losses[-1] < 0.05
    assert gpt(ids[:, :-1]).data.argmax(axis=-1).tolist() == ids[:, 1:].tolist()


# ---- errors -----------------------------------------------------------------------------------------------------------

def gpt(**changes):
    return GPT(**{**SMALL, "rng": rng(), **changes})


@pytest.mark.parametrize("call, kind, words", [
    (lambda: LayerNorm(0), ValueError, ["from 1 up", "0"]),
    (lambda: LayerNorm((3, 4)), ValueError, ["whole number", "(3, 4)"]),
    (lambda: LayerNorm(4, eps=-1), ValueError, ["eps", "-1"]),
    (lambda: LayerNorm(4)(IMAGES), ValueError, ["layer_norm", "(3, 4, 6, 5), (4,), (4,)"]),
    (lambda: RMSNorm(2.5), ValueError, ["whole number", "2.5"]),
    (lambda: GroupNorm(3, 4), ValueError, ["4 channels", "3 groups"]),
    (lambda: GroupNorm("2", 4), ValueError, ["groups", "'2'"]),
    (lambda: BatchNorm(4, momentum=1.5), ValueError, ["momentum", "1.5"]),
    (lambda: BatchNorm(4)(np.ones(4)), ValueError, ["(N, C, ...)", "(4,)"]),
    (lambda: Dropout(1, rng=rng()), ValueError, ["rate", "below 1"]),
    (lambda: Dropout(0.5, rng=0), TypeError, ["rng is 0", "np.random.default_rng(0)"]),
    (lambda: Dropout(0.5), TypeError, ["rng"]),
    (lambda: Conv1d(3, 4, (3,), rng=rng()), ValueError, ["kernel", "from 1 up", "(3,)"]),
    (lambda: Conv1d(3, 4, 2, padding="same", rng=rng()), ValueError, ["same", "odd reach", "(2,)"]),
    (lambda: Conv1d(3, 4, 3, padding="valid", rng=rng()), ValueError, ["padding", "'valid'"]),
    (lambda: Conv2d(3, 4, 0, rng=rng()), ValueError, ["kernel", "from 1 up", "0"]),
    (lambda: Conv2d(0, 4, 3, rng=rng()), ValueError, ["in_channels", "whole number from 1 up", "0"]),
    (lambda: Conv2d(3, 4, 3, padding="valid", rng=rng()), ValueError, ["padding", "'valid'"]),
    (lambda: Conv2d(3, 4, 2, padding="same", rng=rng()), ValueError, ["same", "odd reach", "(2, 2)"]),
    (lambda: Conv2d(3, 4, 3, padding="same", stride=2, rng=rng()), ValueError, ["same", "stride 1", "(2, 2)"]),
    (lambda: Conv2d(3, 4, 3, stride=0, rng=rng()), ValueError, ["stride", "0"]),
    (lambda: Conv2d(3, 4, 3, rng=rng())(IMAGES), ValueError, ["conv2d", "(3, 4, 6, 5)", "same C"]),
    (lambda: Conv2d(3, 4, 3), TypeError, ["rng"]),
    (lambda: ConvTranspose2d(3, 4, 3, dilation=0, rng=rng()), ValueError, ["dilation", "0"]),
    (lambda: MaxPool2d(0), ValueError, ["size", "0"]),
    (lambda: AvgPool2d(2, stride="2"), ValueError, ["stride", "'2'"]),
    (lambda: Upsample2d(0.5), ValueError, ["factor", "0.5"]),
    (lambda: Flatten()(1.0), ValueError, ["Flatten", "(N, ...)", "single number"]),
    (lambda: ResidualBlock(4, 4, rng=0), TypeError, ["rng is 0"]),
    (lambda: Embedding(0, 4, rng=rng()), ValueError, ["vocabulary", "0"]),
    (lambda: Embedding(7, 3, rng=rng())([7]), ValueError, ["embedding", "from 0 to 6", "7"]),
    (lambda: RNN(3, 0, rng=rng()), ValueError, ["hidden", "0"]),
    (lambda: LSTM(8, 3, rng=rng())(STEPS[:, :0]), ValueError, ["lstm", "T > 0"]),
    (lambda: GRU(4, 3, rng=rng())(STEPS), ValueError, ["gru", "(2, 5, 8)", "x (B, T, I)"]),
    (lambda: MultiHeadAttention(8, 3, rng=rng()), ValueError, ["8 channels", "3 heads"]),
    (lambda: MultiHeadAttention(8, 0, rng=rng()), ValueError, ["heads", "from 1 up", "0"]),
    (lambda: MultiHeadAttention(6, 2, rope=True, rng=rng()), ValueError, ["rotary", "a head has 3", "even"]),
    (lambda: MultiHeadAttention(8, 2, rng=rng())(STEPS, cache={}), ValueError, ["cache", "causal=True"]),
    (lambda: MultiHeadAttention(8, 2, causal=True, rng=rng())(STEPS, cache={}, memory=MEMORY), ValueError, ["cache", "no memory"]),
    (lambda: EncoderBlock(8, 2, rng=rng(), hidden=0), ValueError, ["hidden", "whole number from 1 up", "0"]),
    (lambda: EncoderBlock(8, 2, rng=rng(), dropout=1), ValueError, ["dropout", "below 1", "1"]),
    (lambda: DecoderBlock(8, 2, rng=rng())(STEPS), TypeError, ["memory"]),
    (lambda: gpt(positions="absolute"), ValueError, ["positions", "learned", "'absolute'"]),
    (lambda: gpt(layers=0), ValueError, ["layers", "0"]),
    (lambda: gpt(context=-1), ValueError, ["context", "-1"]),
    (lambda: gpt(heads=3), ValueError, ["8 channels", "3 heads"]),
    (lambda: gpt()(WORDS[0]), ValueError, ["ids (B, T)", "(4,)"]),
    (lambda: gpt()(WORDS[:, :0]), ValueError, ["T > 0", "(2, 0)"]),
    (lambda: gpt()(np.zeros((2, 7), int)), ValueError, ["6 steps at most", "7"]),
    (lambda: gpt()(WORDS + 1), ValueError, ["embedding", "from 0 to 6", "7"]),
    (lambda: gpt()(WORDS / 2), TypeError, ["embedding", "integers", "float64"]),
    (lambda: gpt()(WORDS, caches=[{}]), ValueError, ["2 layers", "1 caches", "new_caches()"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_error(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)


def test_linear_layers_inside_share_nothing():
    block = EncoderBlock(8, 2, rng=rng())
    arrays = [p.data for p in block.parameters()]
    assert not any(np.shares_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i])
    assert isinstance(block.attention.qkv, Linear) and isinstance(block.attention.qkv.w, Tensor)
