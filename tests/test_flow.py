"""Flows and MADE: what can be inverted is, what stretches is counted, what must not be seen is not, and all adds up to 1."""

import math

import numpy as np
import pytest
from samples.making import normal

from dlbook import Tensor, data, flow
from dlbook.flow import MADE, AffineCoupling, Flow, MaskedLinear
from dlbook.gradcheck import gradcheck
from dlbook.ops import tanh
from dlbook.optim import Adam

HALVES = ([True, False], [False, True])
X = normal((5, 4), 0)


def rng(seed=0):
    return np.random.default_rng(seed)


def widened(module, scale=0.2):
    """The module in float64, with no parameter at a special value."""
    for position, p in enumerate(module.parameters()):
        p.data = p.data.astype(np.float64) + scale * normal(p.shape, position)
    return module


def coupling(mask=(True, False, False, True), **settings):
    return widened(AffineCoupling(list(mask), [7, 6], rng=rng(), activation=tanh, **settings))


def four():
    """A flow of four features and three layers."""
    masks = ([True, False, True, False], [False, True, False, True], [True, True, False, False])
    return widened(Flow(*(AffineCoupling(mask, [7], rng=rng(k), activation=tanh) for k, mask in enumerate(masks))))


def plane(layers=4):
    """A flow of the plane that stretches it by no more than a grid can follow."""
    f = widened(Flow(*(AffineCoupling(HALVES[k % 2], [8], rng=rng(k), activation=tanh) for k in range(layers))))
    for layer in f.layers:
        layer.scale.data = 0.4 * layer.scale.data
    return f


def jacobian(f, x, step=1e-5):
    """∂f/∂x of one row by differences: (D, D)."""
    return np.array([(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(len(x))]).T


# ---- couplings and flows ----------------------------------------------------------------------------------------------

INVERTIBLE = pytest.mark.parametrize(
    "make", [coupling, four, lambda: coupling([False, True, True, True])], ids=["coupling", "flow", "one changes"])


@INVERTIBLE
def test_there_and_back(make):
    f = make()
    z, _ = f(X)
    np.testing.assert_allclose(f.inverse(z).data, X, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(f(f.inverse(X))[0].data, X, rtol=1e-10, atol=1e-12)
    assert np.abs(z.data - X).max() > 0.1, "it does something"


@INVERTIBLE
def test_log_determinant_is_that_of_the_jacobian(make):
    f = make()
    _, log_det = f(X)
    for row, ours in zip(X, log_det.data, strict=True):
        sign, theirs = np.linalg.slogdet(jacobian(lambda x: f(x[None])[0].data[0], row))
        assert sign == 1 and ours == pytest.approx(theirs, abs=1e-7) and abs(theirs) > 1e-3


def test_a_coupling_is_its_formula():
    layer, b = coupling(), np.array([1.0, 0, 0, 1])
    both = layer.network(b * X).data
    s, t = layer.scale.data * np.tanh(both[:, :4]), both[:, 4:]
    z, log_det = layer(X)
    np.testing.assert_allclose(z.data, b * X + (1 - b) * (X * np.exp(s) + t), rtol=1e-12)
    np.testing.assert_allclose(log_det.data, ((1 - b) * s).sum(axis=1), rtol=1e-12)
    assert np.array_equal(z.data[:, [0, 3]], X[:, [0, 3]])


def test_the_density_is_that_of_the_noise_times_the_stretch():
    f = four()
    for row, ours in zip(X, f.log_prob(X).data, strict=True):
        z, (_, stretch) = f(row[None])[0].data[0], np.linalg.slogdet(jacobian(lambda x: f(x[None])[0].data[0], row))
        assert ours == pytest.approx(-0.5 * z @ z - 2 * math.log(2 * math.pi) + stretch, abs=1e-7)


def grid(reach, n):
    """Points (n², 2) of a square, and the area of each."""
    side = np.linspace(-reach, reach, n)
    return np.array(np.meshgrid(side, side)).reshape(2, -1).T, (side[1] - side[0]) ** 2


def test_a_density_integrates_to_1():
    points, area = grid(12, 401)
    density = np.exp(plane().log_prob(points).data)
    assert density.sum() * area == pytest.approx(1, abs=1e-6)


def test_samples_follow_the_density():
    f, n = plane(), 50_000
    samples = f.sample(n, rng=rng(3))
    points, area = grid(12, 401)
    density = np.exp(f.log_prob(points).data) * area
    half, disc = lambda x: x[:, 0] > 0.5, lambda x: (x**2).sum(axis=1) < 1
    square = lambda x: np.abs(x - [0.5, -0.5]).max(axis=1) < 0.8
    for inside in (half, disc, square):
        expected = density[inside(points)].sum()
        allowed = 4 * math.sqrt(expected / n) + 0.004                        # the latter for edges, which cut cells of the grid
        assert inside(samples).mean() == pytest.approx(expected, abs=allowed)


def test_samples_are_noise_sent_back():
    f = plane()
    np.testing.assert_allclose(f(f.sample(6, rng=rng(2)))[0].data, rng(2).normal(size=(6, 2)), rtol=1e-4, atol=1e-5)
    assert isinstance(f.sample(6, rng=rng()), np.ndarray) and np.array_equal(f.sample(6, rng=rng()), f.sample(6, rng=rng()))


def test_a_damaged_log_determinant_is_noticed(monkeypatch):
    """By 1 %, in every test that should."""
    whole = AffineCoupling.forward
    monkeypatch.setattr(AffineCoupling, "forward", lambda self, x: (lambda z, log_det: (z, 1.01 * log_det))(*whole(self, x)))
    for test in (test_a_coupling_is_its_formula, test_the_density_is_that_of_the_noise_times_the_stretch,
                 test_a_density_integrates_to_1, lambda: test_log_determinant_is_that_of_the_jacobian(coupling)):
        with pytest.raises(AssertionError):
            test()


@pytest.mark.parametrize("f", [
    lambda x: coupling()(x)[0], lambda x: coupling()(x)[1], lambda x: coupling().inverse(x), lambda x: four().log_prob(x),
    lambda x: four().inverse(x)], ids=["z", "log det", "inverse", "log_prob", "flow back"])
def test_gradient_of_inputs(f):
    assert gradcheck(f, X, rng=rng()) < 1e-8


@pytest.mark.parametrize("make, objective", [
    (four, lambda m: m.log_prob(X).sum()), (four, lambda m: m.inverse(X).sum()),
    (lambda: widened(MADE(4, [9, 7], rng=rng(), activation=tanh)), lambda m: m.log_prob(X > 0).sum()),
], ids=["flow", "flow back", "made"])
def test_gradient_of_every_parameter(make, objective):
    model = make()
    objective(model).backward()
    for name, p in model.named_parameters():
        start, v, values = p.data, normal(p.shape, 6), []
        for step in (1e-5, -1e-5):
            p.data = start + step * v
            values.append(objective(model).item())
        p.data = start
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(float((p.grad * v).sum()), rel=1e-6, abs=1e-7), name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_nothing_leaves_its_dtype(dtype):
    f = Flow(*(AffineCoupling(mask, [8], rng=rng(), dtype=dtype) for mask in HALVES))
    m = MADE(4, [6], rng=rng(), dtype=dtype)
    for x in (X[:, :2].astype(dtype), X[:, :2], X[:, :2].tolist(), Tensor(X[:, :2].astype(dtype))):
        assert {t.dtype for t in (*f(x), f.inverse(x), f.log_prob(x), f.sample(3, rng=rng()))} == {np.dtype(dtype)}
    for x in (X > 0, (X > 0).tolist(), (X > 0).astype(np.float64)):
        assert {t.dtype for t in (m(x), m.log_prob(x), m.sample(3, rng=rng()))} == {np.dtype(dtype)}
    (f.log_prob(X[:, :2]).mean() + m.log_prob(X > 0).mean()).backward()
    parameters = [*f.parameters(), *m.parameters()]
    assert {p.grad.dtype for p in parameters} | {a.dtype for a in [*f.state().values(), *m.state().values()]} == {np.dtype(dtype)}


def test_a_flow_learns_two_moons():
    x, _ = data.two_moons(1000, noise=0.1, rng=rng())
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    covariance = np.cov(x.T)
    gaussian = -0.5 * (2 + np.linalg.slogdet(2 * np.pi * covariance)[1])
    draw = rng(1)
    f = Flow(*(AffineCoupling(HALVES[k % 2], [32, 32], rng=draw) for k in range(6)))
    optimiser = Adam(f.parameters(), lr=3e-3)
    for _ in range(250):
        optimiser.zero_grad()
        (-f.log_prob(x[draw.integers(0, len(x), 200)]).mean()).backward()
        optimiser.step()
    fresh, _ = data.two_moons(1000, noise=0.1, rng=rng(9))
    fresh = (fresh - fresh.mean(axis=0)) / fresh.std(axis=0)
    assert f.log_prob(fresh).data.mean() > gaussian + 0.5, "much better than the best Gaussian, in nats"


# ---- MADE -------------------------------------------------------------------------------------------------------------

ORDERS = pytest.mark.parametrize("order", [None, [3, 0, 4, 1, 2], [4, 3, 2, 1, 0]], ids=str)
HIDDEN = pytest.mark.parametrize("hidden", [[], [9], [11, 8]], ids=str)
BINARY = np.array(np.meshgrid(*[[0.0, 1.0]] * 5)).reshape(5, 32).T


def made(hidden=(9, 8), order=None):
    return widened(MADE(5, list(hidden), rng=rng(), order=order, activation=tanh))


def earlier(order):
    """(D, D): True where the second feature comes before the first."""
    order = list(range(5)) if order is None else order
    return np.array([[order.index(other) < order.index(one) for other in range(5)] for one in range(5)])


@ORDERS
@HIDDEN
def test_gradients_reach_earlier_features_and_no_others(order, hidden):
    m = made(hidden, order)
    for feature in range(5):
        x = Tensor(normal((3, 5), 0), requires_grad=True)
        m(x)[:, feature].sum().backward()
        assert np.array_equal((x.grad != 0).all(axis=0), earlier(order)[feature])
        assert np.array_equal((x.grad != 0).any(axis=0), earlier(order)[feature])


@ORDERS
@HIDDEN
def test_changing_a_feature_changes_later_ones_and_no_others(order, hidden):
    m, x = made(hidden, order), normal((3, 5), 0)
    for feature in range(5):
        other = x.copy()
        other[:, feature] += 10
        assert np.array_equal((m(other).data != m(x).data).all(axis=0), earlier(order)[:, feature])
        assert np.array_equal((m(other).data != m(x).data).any(axis=0), earlier(order)[:, feature])


@ORDERS
@HIDDEN
def test_the_probabilities_of_all_there_is_add_up_to_1(order, hidden):
    p = np.exp(made(hidden, order).log_prob(BINARY).data)
    assert p.sum() == pytest.approx(1, abs=1e-12) and p.std() > 1e-3


def test_a_mask_with_one_connection_too_many_is_noticed():
    m = made([9])
    first_layer, last_layer = m.layers
    hidden = np.flatnonzero(last_layer.mask[:, 1])[0]                        # feeds feature 1, so must see feature 0 alone
    assert first_layer.mask[:, hidden].tolist() == [1, 0, 0, 0, 0]
    first_layer.mask[1, hidden] = 1
    assert abs(np.exp(m.log_prob(BINARY).data).sum() - 1) > 1e-3


def test_masks_are_those_of_the_paper():
    m, order = MADE(5, [9, 7], rng=rng(), order=[3, 0, 4, 1, 2]), [3, 0, 4, 1, 2]
    place = [order.index(d) + 1 for d in range(5)]
    first, second = [1 + k % 4 for k in range(9)], [1 + k % 4 for k in range(7)]
    assert m.layers[0].mask.tolist() == [[float(b >= a) for b in first] for a in place]
    assert m.layers[1].mask.tolist() == [[float(b >= a) for b in second] for a in first]
    assert m.layers[2].mask.tolist() == [[float(b > a) for b in place] for a in second]


def test_samples_come_as_often_as_they_are_probable():
    m, n = made(order=[2, 0, 4, 1, 3]), 40_000
    samples = m.sample(n, rng=rng(4))
    assert set(np.unique(samples)) == {0.0, 1.0}
    p = np.exp(m.log_prob(BINARY).data)
    codes = 2.0 ** np.arange(5)
    counts = np.bincount((samples @ codes).astype(int), minlength=32)[(BINARY @ codes).astype(int)]
    chi_square = ((counts - n * p) ** 2 / (n * p)).sum()
    assert chi_square < 31 + 4 * math.sqrt(2 * 31)


def test_made_learns_that_one_bit_is_the_parity_of_the_others():
    draw = rng(2)
    m = MADE(4, [32, 32], rng=draw)
    optimiser = Adam(m.parameters(), lr=0.01)
    bits = lambda n: (lambda b: np.concatenate([b, b.sum(axis=1, keepdims=True) % 2], axis=1))(draw.integers(0, 2, (n, 3)))
    for _ in range(250):
        optimiser.zero_grad()
        (-m.log_prob(bits(64)).mean()).backward()
        optimiser.step()
    assert m.log_prob(bits(500)).data.mean() == pytest.approx(-3 * math.log(2), abs=0.03), "three bits of surprise, not four"
    samples = m.sample(500, rng=draw)
    assert (samples.sum(axis=1) % 2 == 0).mean() > 0.98


def test_a_masked_layer_keeps_what_is_cut_out_of_output_and_gradient():
    mask = np.array([[True, False, True], [False, False, True]])
    layer, x = widened(MaskedLinear(mask, rng=rng())), normal((4, 2), 0)
    np.testing.assert_allclose(layer(x).data, x @ (layer.w.data * mask) + layer.b.data, rtol=1e-12)
    layer(x).backward(seed=normal((4, 3), 1))
    assert not layer.w.grad[~mask].any() and layer.w.grad[mask].all()
    assert list(layer.state()) == ["w", "b", "mask"] and len(layer.parameters()) == 2


# ---- errors -----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("call, kind, words", [
    (lambda: AffineCoupling([True, True], [8], rng=rng()), ValueError, ["some True", "some False"]),
    (lambda: AffineCoupling([False], [8], rng=rng()), ValueError, ["some True"]),
    (lambda: AffineCoupling([1, 0], [8], rng=rng()), ValueError, ["list of bools", "array([1, 0])"]),
    (lambda: AffineCoupling([[True, False]], [8], rng=rng()), ValueError, ["list of bools"]),
    (lambda: AffineCoupling([True, False], [0], rng=rng()), ValueError, ["hidden", "[0]"]),
    (lambda: AffineCoupling([True, False], [8]), TypeError, ["rng"]),
    (lambda: AffineCoupling([True, False], [8], rng=0), TypeError, ["rng is 0"]),
    (lambda: coupling()(X[:, :3]), ValueError, ["4 features", "(B, 4)", "(5, 3)"]),
    (lambda: coupling().inverse(X[0]), ValueError, ["(B, 4)", "(4,)"]),
    (lambda: Flow(), ValueError, ["needs layers", "0 layers"]),
    (lambda: Flow(coupling(), coupling([True, False])), ValueError, ["agree", "[2, 4]"]),
    (lambda: four().log_prob(X[:, :2]), ValueError, ["(B, 4)", "(5, 2)"]),
    (lambda: four().sample(0, rng=rng()), ValueError, ["n must", "0"]),
    (lambda: four().sample(3), TypeError, ["rng"]),
    (lambda: four().sample(3, rng=1), TypeError, ["rng is 1"]),
    (lambda: MaskedLinear([[1, 0]], rng=rng()), ValueError, ["Boolean matrix", "int64"]),
    (lambda: MaskedLinear([True], rng=rng()), ValueError, ["(in, out)", "(1,)"]),
    (lambda: MADE(1, [8], rng=rng()), ValueError, ["features", "from 2 up", "1"]),
    (lambda: MADE(4, [0], rng=rng()), ValueError, ["each of hidden", "0"]),
    (lambda: MADE(4, [8], order=[0, 1, 2, 2], rng=rng()), ValueError, ["each of the features 0 to 3 once", "[0, 1, 2, 2]"]),
    (lambda: MADE(4, [8], order=[0.0, 1.0, 2.0, 3.0], rng=rng()), ValueError, ["order"]),
    (lambda: MADE(4, [8]), TypeError, ["rng"]),
    (lambda: made()(X), ValueError, ["(B, 5)", "(5, 4)"]),
    (lambda: made().log_prob(2 * BINARY), ValueError, ["between 0 and 1"]),
    (lambda: made().sample(3, rng="0"), TypeError, ["rng is '0'"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_error(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)


def test_states_travel():
    for kind in (lambda rng: Flow(*(AffineCoupling(mask, [8], rng=rng) for mask in HALVES)), lambda rng: MADE(2, [8], rng=rng)):
        one, other = kind(rng(0)), kind(rng(1))
        other.load_state(one.state())
        bits = [[0.0, 1.0], [1.0, 1.0]]
        assert np.array_equal(one.log_prob(bits).data, other.log_prob(bits).data)
    assert flow.MADE(3, [4], rng=rng(), order=[2, 0, 1]).order == [2, 0, 1]
