"""The U-Net: what it is made of, that its condition and its skips matter, and what it does with an image that is moved."""

import numpy as np
import pytest
from samples.making import normal

from dlbook import Tensor, no_grad
from dlbook.functional import binary_cross_entropy, silu
from dlbook.gradcheck import gradcheck
from dlbook.nn import UNet
from dlbook.nn.unet import UNetBlock
from dlbook.ops import concatenate
from dlbook.optim import Adam
from dlbook.pool import upsample2d


def rng(seed=0):
    return np.random.default_rng(seed)


def widened(module, scale=0.1):
    """The module in float64, with no parameter at 0."""
    for position, p in enumerate(module.parameters()):
        p.data = p.data.astype(np.float64) + scale * normal(p.shape, position)
    return module


def net(**changes):
    settings = {"in_channels": 3, "out_channels": 2, "widths": [4, 6, 8], "condition": 5, "groups": 2, "rng": rng()}
    return UNet(**{**settings, **changes})


X, E = normal((2, 3, 8, 12), 0), normal((2, 5), 1)


# ---- what it is -------------------------------------------------------------------------------------------------------

def test_a_unet_is_its_parts():
    u = widened(net())
    top = u.blocks[0](u.enter(X), E)
    middle = u.blocks[1](u.down[0](top), E)
    bottom = u.blocks[2](u.down[1](middle), E)
    assert (top.shape, middle.shape, bottom.shape) == ((2, 4, 8, 12), (2, 6, 4, 6), (2, 8, 2, 3))
    middle = u.up[1](concatenate(upsample2d(bottom, factor=2), middle, axis=1), E)
    top = u.up[0](concatenate(upsample2d(middle, factor=2), top, axis=1), E)
    np.testing.assert_allclose(u(X, E).data, u.leave(silu(u.norm(top))).data, rtol=1e-12)


@pytest.mark.parametrize("channels", [4, 6])
def test_a_block_is_its_parts(channels):
    block, x = widened(UNetBlock(4, channels, condition=5, groups=2, rng=rng())), normal((2, 4, 3, 5), 2)
    y = block.conv1(silu(block.norm1(x))) + (silu(Tensor(E)) @ block.shift.w + block.shift.b).reshape(2, channels, 1, 1)
    y = block.conv2(silu(block.norm2(y)))
    np.testing.assert_allclose(block(x, E).data, (y + (x if channels == 4 else block.shortcut(x))).data, rtol=1e-12)
    assert (block.shortcut is None) == (channels == 4)


def test_what_it_is_unless_told_otherwise():
    u = UNet(1, 2, rng=rng())
    assert [conv.w.shape for conv in (u.enter, *u.down, u.leave)] == [(16, 1, 3, 3), (32, 16, 3, 3), (64, 32, 3, 3), (2, 16, 3, 3)]
    shapes = [[(c.w.shape, c.stride, c.padding) for c in (b.conv1, b.conv2)] for b in (*u.blocks, *u.up)]
    assert shapes == [[((o, i, 3, 3), (1, 1), (1, 1)), ((o, o, 3, 3), (1, 1), (1, 1))]
                      for i, o in [(16, 16), (32, 32), (64, 64), (48, 16), (96, 32)]]
    assert [b.shortcut and b.shortcut.w.shape for b in u.up] == [(16, 48, 1, 1), (32, 96, 1, 1)]
    assert u.norm.groups == u.up[0].norm1.groups == UNetBlock(8, 8, rng=rng()).norm2.groups == 4
    assert u.blocks[0].shift is None and UNetBlock(8, 8, rng=rng()).shift is None
    assert u(np.ones((1, 1, 4, 4))).shape == (1, 2, 4, 4)
    assert net(widths=[2, 8], condition=0).norm.groups == 2, "groups of a single channel take out nothing where there is no condition"


def test_gradient_through_all_of_it():
    """Of images, conditions and every parameter at once."""
    u = widened(net())
    assert gradcheck(u, X, E, rng=rng()) < 1e-7
    parameters = u.parameters()
    start = [p.data for p in parameters]

    def of_parameters(*values):
        for p, value in zip(parameters, values):
            p.data = value.data
        y = u(X, E)
        return y if not any(value.requires_grad for value in values) else _linked(y, parameters, values)

    assert gradcheck(of_parameters, *start, rng=rng()) < 1e-7


def _linked(y, parameters, values):
    """`y`, whose gradients for `parameters` are handed to the leaves `values` that they were filled from."""
    def pull(g):
        for p in parameters:
            p.grad = None
        y.backward(seed=g)
        return tuple(p.grad for p in parameters)

    out = Tensor(y.data)
    out.requires_grad, out.parents, out.pullbacks = True, list(values), [pull]
    return out


def test_at_first_a_block_is_the_identity_and_the_network_nothing():
    x = X.astype(np.float32)
    assert not net()(x, E).data.any()
    assert np.array_equal(UNetBlock(3, 3, groups=1, rng=rng())(x).data, x)
    u = net()
    u(x, E).backward(seed=np.ones((2, 2, 8, 12)))
    assert u.leave.w.grad.any(), "and yet it can start to learn"


@pytest.mark.parametrize(
    "widths, size", [([4], (5, 7)), ([4, 6], (8, 8)), ([4, 6, 8], (16, 16)), ([4, 6, 8, 10], (8, 16))], ids=str)
def test_images_keep_their_size(widths, size):
    u = net(widths=widths, condition=0)
    assert u(np.ones((2, 3, *size), np.float32)).shape == (2, 2, *size)
    assert len(u.blocks) == len(u.down) + 1 == len(u.up) + 1 == len(widths)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_leaves_its_dtype(dtype):
    u, x, e = net(dtype=dtype), Tensor(X.astype(dtype), requires_grad=True), Tensor(E.astype(dtype), requires_grad=True)
    y = u(x, e)
    y.backward(seed=np.ones(y.shape))
    assert {t.dtype for t in (y, x.grad, e.grad, *u.parameters(), *(p.grad for p in u.parameters()))} == {np.dtype(dtype)}
    assert u(X, E).dtype == u(X.tolist(), E.tolist()).dtype == dtype, "plain arrays take the dtype of the parameters"


# ---- conditions -------------------------------------------------------------------------------------------------------

def test_the_condition_matters_to_its_own_image_alone():
    u = widened(net())
    y, other = u(X, E).data, u(X, E + [[1.0], [0.0]]).data
    assert np.abs(other[0] - y[0]).min() > 1e-6 * np.abs(y).max(), "every pixel hears of it"
    np.testing.assert_allclose(other[1], y[1], rtol=1e-12)


def test_every_block_hears_the_condition():
    u = widened(net())
    y = u(X, E).data
    for block in [*u.blocks, *u.up]:
        kept, block.shift.w.data = block.shift.w.data, np.zeros_like(block.shift.w.data)
        assert np.abs(u(X, E).data - y).max() > 1e-4
        block.shift.w.data = kept
    assert [name for name, _ in net(condition=0).named_parameters() if "shift" in name] == []


# ---- space ------------------------------------------------------------------------------------------------------------

def moved(x, pixels):
    return np.roll(x, (pixels, 2 * pixels), axis=(2, 3))


@pytest.mark.parametrize("levels, pixels, same", [(2, 2, True), (2, 1, False), (1, 1, True), (2, 4, True)])
def test_what_moves_by_a_pixel_of_the_deepest_level_moves_the_result(levels, pixels, same):
    """Far from the borders, whose padding is what a network can tell its place by."""
    u = widened(net(widths=[4, 6][:levels], condition=0))
    x = np.zeros((1, 3, 64, 64))
    x[:, :, 28:32, 26:30] = normal((1, 3, 4, 4), 0)
    there = (slice(None), slice(None), slice(22, 50), slice(22, 50))
    a, b = u(moved(x, pixels)).data[there], moved(u(x).data, pixels)[there]
    assert np.allclose(a, b, rtol=1e-9, atol=1e-9 * np.abs(b).max()) == same


def test_skips_bring_back_what_the_depth_has_lost():
    """Within a 2 × 2 block, what comes from below is constant; with the skip cut, only borders of blocks vary."""
    u = widened(net(widths=[4, 6], condition=0))
    block, below = u.up[0], 6
    seen = []
    block.conv1.forward = lambda x: seen.append(x.data) or type(block.conv1).forward(block.conv1, x)
    u(X)
    features = seen[0]
    blocks = features.reshape(2, 10, 4, 2, 6, 2)
    spread = np.ptp(blocks, axis=(3, 5)).max(axis=(0, 2, 3))
    assert (spread[:below] < 1e-12).all() and (spread[below:] > 0.1).all()


def test_images_do_not_see_each_other():
    u = widened(net())
    np.testing.assert_allclose(u(X, E).data[1:], u(X[1:], E[1:]).data, rtol=1e-10)


# ---- use --------------------------------------------------------------------------------------------------------------

def test_a_small_unet_finds_squares_in_noise():
    draw = rng(1)

    def squares(n):
        masks = np.zeros((n, 1, 8, 8), np.float32)
        for mask, i, j in zip(masks, *draw.integers(0, 5, (2, n))):
            mask[0, i:i + 4, j:j + 4] = 1
        return masks + 0.7 * draw.normal(size=masks.shape).astype(np.float32), masks

    u = UNet(1, 1, widths=[8, 16], rng=rng())
    optimiser = Adam(u.parameters(), lr=0.01)
    for step in range(80):
        x, masks = squares(32)
        optimiser.zero_grad()
        loss = binary_cross_entropy(u(x), targets=masks)
        if step == 0:
            assert loss.item() == pytest.approx(np.log(2))
        loss.backward()
        optimiser.step()
    x, masks = squares(200)
    with no_grad():
        wrong = ((u(x).data > 0) != masks).mean()
    assert wrong < ((x > 0.5) != masks).mean() / 5, "no pixel alone can say so much"


@pytest.mark.parametrize("call, words", [
    (lambda: net(widths=[]), ["widths", "[]"]),
    (lambda: net(widths=8), ["widths", "8"]),
    (lambda: net(widths=[4, 0]), ["each of widths", "from 1 up", "0"]),
    (lambda: net(widths=[4, 5]), ["5 channels", "2 groups"]),
    (lambda: net(widths=[2, 8]), ["2 channels in 2 groups", "takes out", "fewer groups"]),
    (lambda: net(condition=-1), ["condition", "-1"]),
    (lambda: net(groups=0), ["groups", "0"]),
    (lambda: net(in_channels=0), ["in_channels", "from 1 up", "0"]),
    (lambda: net()(X[0], E), ["(N, 3, H, W)", "(3, 8, 12)"]),
    (lambda: net()(X[:, :2], E), ["(N, 3, H, W)", "(2, 2, 8, 12)"]),
    (lambda: net()(X[:, :, 0], E), ["(N, 3, H, W)", "(2, 3, 12)"]),
    (lambda: net()(X[:, :, :6], E), ["3 levels", "multiples of 4", "6 and 12", "pad the images"]),
    (lambda: net()(X[..., :10], E), ["multiples of 4", "8 and 10"]),
    (lambda: net()(X[:0], E[:0]), ["8 and 12"]),
    (lambda: net()(X), ["condition=5", "without one", "a vector for each image"]),
    (lambda: net(condition=0)(X, E), ["condition=0", "with one", "condition=E"]),
    (lambda: net()(X, E[:1]), ["2 images", "(2, 5)", "(1, 5)"]),
    (lambda: net()(X, E[:, :4]), ["(2, 5)", "(2, 4)"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_error(call, words):
    with pytest.raises(ValueError) as caught:
        call()
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)


def test_rng_must_be_given():
    with pytest.raises(TypeError, match="rng"):
        UNet(3, 2)
    with pytest.raises(TypeError, match="rng is 0"):
        net(rng=0)
