"""Our derivatives against HIPS autograd, which differentiates plain NumPy by itself (https://github.com/HIPS/autograd).

Every operation is written a third time, naively, in `autograd.numpy` (`hips_formulas.py`). HIPS differentiates that; value and
gradients must be those of our hand-written pullbacks. Whole networks follow, three ways: our operations on our tape, the naive
formula on theirs, and our bare functions (`operation.__wrapped__`) on their tape.
"""

import functools
import math

import numpy
import pytest
from external.hips_formulas import FORMULAS, batch_norm, cross_entropy, group_norm, layer_norm, np, sigmoid, softmax
from autograd import make_vjp  # after the formulas, which skip this file where there is no autograd
from autograd.extend import defvjp_argnums, primitive
from samples import TABLE, offered
from samples.spoiling import DAMAGES, damaged

from dlbook import Tensor, attention, conv, functional, ops, pool, recurrent
from dlbook.autograd import unbroadcast

# Both sides compute in float64, by other sums of tens of numbers of size 1: they part at some 1e-15. What divides by small
# deviations or subtracts what is alike loses a few more digits.
RTOL, ATOL = 1e-9, 1e-12


# ---- one operation after the other ----------------------------------------------------------------------------------

def seed(value):
    return numpy.random.default_rng(0).normal(size=numpy.shape(value))


def on_our_tape(f, arrays):
    """Value, and gradient of each input."""
    leaves = [Tensor(x, requires_grad=True) for x in arrays]
    y = f(*leaves)
    y.backward(seed(y))
    return [y.data, *(leaf.grad for leaf in leaves)]


def on_theirs(f, arrays):
    """Value, and gradient of each input; HIPS takes one vector of all arguments."""
    pull, value = make_vjp(lambda xs: f(*xs), 0)(tuple(arrays))
    return [value, *pull(seed(value))]


def check_alike(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert numpy.shape(a) == numpy.shape(b)
        numpy.testing.assert_allclose(a, b, rtol=RTOL, atol=ATOL)


def check(operation, call, theirs):
    check_alike(on_our_tape(functools.partial(operation, **call.settings), call.arrays()), theirs)


def asked(operation, call):
    """What HIPS makes of the formula of an operation."""
    return on_theirs(functools.partial(FORMULAS[operation], **call.settings), call.arrays())


every_operation = pytest.mark.parametrize("operation", FORMULAS, ids=lambda operation: operation.__name__)


def test_every_operation_has_a_formula():
    assert set(FORMULAS) == set(offered())


@every_operation
def test_operation(operation):
    for call in TABLE[operation].samples:
        check(operation, call, asked(operation, call))


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@every_operation
def test_a_damaged_pullback_is_noticed_on_every_sample(operation, damage):
    noticed = 0
    for call in TABLE[operation].samples:
        theirs = asked(operation, call)
        for position, gradient in enumerate(theirs[1:]):
            if numpy.max(numpy.abs(gradient), initial=0) > 1e-9:  # else there is nothing to damage but roundings
                with pytest.raises(AssertionError, match="Mismatched elements"):
                    check(damaged(operation, position, damage), call, theirs)
                noticed += 1
    assert noticed


# ---- whole networks, three ways -------------------------------------------------------------------------------------

def ours(operation, **settings):
    """An operation on our tape."""
    return functools.partial(operation, **settings)


def guest(operation, **settings):
    """The bare function of an operation on HIPS's tape, with the pullbacks that it brings along."""
    def split(arrays):
        value, *pullbacks = operation.__wrapped__(*arrays, **settings)
        pull = (lambda g: [p(g) for p in pullbacks]) if len(pullbacks) == len(arrays) else pullbacks[0]
        return value, lambda g: [unbroadcast(d, x) for d, x in zip(pull(g), arrays, strict=True)]

    @primitive
    def f(*arrays):
        return split(arrays)[0]

    def pullback_of(positions, value, arrays, _):
        pull = split(arrays)[1]
        return lambda g: [pull(g)[k] for k in positions]

    defvjp_argnums(f, pullback_of)
    return f


def normal(*shapes):
    rng = numpy.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes]


LABELS = numpy.array([2, 0, 1, 3, 1])


def mlp(o, x, w1, b1, w2, b2, w3, b3):
    """x (5, 3), layers of 6 and 7 units, four classes."""
    h = o(ops.tanh)(o(functional.linear)(x, w1, b1))
    h = o(functional.gelu)(o(functional.linear)(h, w2, b2))
    return o(functional.cross_entropy, labels=LABELS)(o(functional.linear)(h, w3, b3))


def naive_mlp(x, w1, b1, w2, b2, w3, b3):
    h = FORMULAS[functional.gelu](np.dot(np.tanh(np.dot(x, w1) + b1), w2) + b2)
    return cross_entropy(np.dot(h, w3) + b3, LABELS)


def reader(o, table, h, c, wx, wh, b, out, bias):
    """Words, an LSTM over five steps, a word predicted from its last state."""
    words = numpy.array([[1, 4, 4, 0, 2], [3, 1, 0, 1, 5], [2, 2, 5, 3, 0]])
    both = o(recurrent.lstm)(o(functional.embedding, ids=words)(table), h, c, wx, wh, b)
    last = o(ops.take, index=(slice(None), -1, slice(0, 4)))(both)
    return o(functional.cross_entropy, labels=[3, 0, 5])(o(functional.linear)(last, out, bias))


def naive_reader(table, h, c, wx, wh, b, out, bias):
    for now in [1, 3, 2], [4, 1, 2], [4, 0, 5], [0, 1, 3], [2, 5, 0]:
        gates = np.dot(table[now], wx) + np.dot(h, wh) + b
        i, f, o = (sigmoid(gates[:, 4 * k:4 * k + 4]) for k in range(3))
        c = f * c + i * np.tanh(gates[:, 12:])
        h = o * np.tanh(c)
    return cross_entropy(np.dot(h, out) + bias, [3, 0, 5])


def block(o, x, gain1, bias1, qkv, bq, out, bo, gain2, bias2, up, bu, down, bd):
    """A transformer block with two heads and a causal mask, x (2, 5, 6)."""
    h = o(functional.linear)(o(functional.layer_norm)(x, gain1, bias1), qkv, bq)
    h = o(functional.linear)(o(attention.self_attention, heads=2, causal=True)(h), out, bo)
    x = o(ops.add)(x, h)
    h = o(functional.gelu)(o(functional.linear)(o(functional.layer_norm)(x, gain2, bias2), up, bu))
    return o(ops.add)(x, o(functional.linear)(h, down, bd))


def naive_block(x, gain1, bias1, qkv, bq, out, bo, gain2, bias2, up, bu, down, bd):
    parts = np.reshape(np.matmul(layer_norm(x, gain1, bias1), qkv) + bq, (2, 5, 3, 2, 3))  # B, T, which, H, D
    scores = np.einsum("bthd,bshd->bhts", parts[:, :, 0], parts[:, :, 1]) / math.sqrt(3)
    weights = softmax(np.where(numpy.tri(5, dtype=bool), scores, -math.inf))
    seen = np.reshape(np.einsum("bhts,bshd->bthd", weights, parts[:, :, 2]), x.shape)
    x = x + np.matmul(seen, out) + bo
    h = FORMULAS[functional.gelu](np.matmul(layer_norm(x, gain2, bias2), up) + bu)
    return x + np.matmul(h, down) + bd


def images(o, x, w1, b1, gain1, bias1, w2, b2, gain2, bias2, out, bias):
    """Two convolutions with batch and group norm, a pool, a mean over pixels, three classes; x (3, 2, 8, 6)."""
    h = o(functional.batch_norm)(o(conv.conv2d, padding=1)(x, w1, b1), gain1, bias1)
    h = o(pool.max_pool2d, size=2)(o(functional.silu)(h))
    h = o(functional.group_norm, groups=3)(o(conv.conv2d, stride=(2, 1))(h, w2, b2), gain2, bias2)
    return o(functional.cross_entropy, labels=[2, 0, 1])(o(functional.linear)(o(ops.mean, axis=(2, 3))(h), out, bias))


def correlation(x, w, b, step=1):
    """Each pixel of the output at once: the image under the kernel, times the kernel."""
    kh, kw = w.shape[2:]
    rows = [[np.einsum("nchw,ochw->no", x[:, :, u:u + kh, v:v + kw], w) + b for v in range(x.shape[3] - kw + 1)]
            for u in range(0, x.shape[2] - kh + 1, step)]
    return np.stack([np.stack(row, axis=2) for row in rows], axis=2)


def naive_images(x, w1, b1, gain1, bias1, w2, b2, gain2, bias2, out, bias):
    h = batch_norm(correlation(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="constant"), w1, b1), gain1, bias1)
    h = np.max(np.reshape(h * sigmoid(h), (3, 4, 4, 2, 3, 2)), axis=(3, 5))
    h = group_norm(correlation(h, w2, b2, step=2), gain2, bias2, 3)
    return cross_entropy(np.dot(np.mean(h, axis=(2, 3)), out) + bias, [2, 0, 1])


NETWORKS = {
    "mlp": (mlp, naive_mlp, normal((5, 3), (3, 6), (6,), (6, 7), (7,), (7, 4), (4,))),
    "reader": (reader, naive_reader, normal((6, 3), (3, 4), (3, 4), (3, 16), (4, 16), (16,), (4, 6), (6,))),
    "block": (block, naive_block,
              normal((2, 5, 6), (6,), (6,), (6, 18), (18,), (6, 6), (6,), (6,), (6,), (6, 8), (8,), (8, 6), (6,))),
    "images": (images, naive_images,
               normal((3, 2, 8, 6), (4, 2, 3, 3), (4,), (4,), (4,), (6, 4, 2, 3), (6,), (6,), (6,), (6, 3), (3,))),
}

every_network = pytest.mark.parametrize("network, naive, arrays", NETWORKS.values(), ids=NETWORKS)


@every_network
def test_network(network, naive, arrays):
    theirs = on_theirs(naive, arrays)
    check_alike(on_our_tape(functools.partial(network, ours), arrays), theirs)
    check_alike(on_theirs(functools.partial(network, guest), arrays), theirs)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@every_network
def test_a_damaged_pullback_is_noticed_in_a_network(network, naive, arrays, damage):
    """Whichever operation it is in, and whichever of its inputs."""
    theirs, found = on_theirs(naive, arrays), {}

    def noting(operation, **settings):
        def f(*inputs):
            found[operation] = len(inputs)
            return operation(*inputs, **settings)

        return f

    on_our_tape(functools.partial(network, noting), arrays)
    for operation, inputs in found.items():
        for position in range(inputs):
            wrong = damaged(operation, position, damage)
            swap = lambda o, **settings: functools.partial(wrong if o is operation else o, **settings)
            with pytest.raises(AssertionError, match="Mismatched elements"):
                check_alike(on_our_tape(functools.partial(network, swap), arrays), theirs)
