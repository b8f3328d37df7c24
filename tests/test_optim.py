"""Optimisers take the steps of their papers, written out again here as plain loops, and touch nothing that is not theirs."""

import math

import numpy as np
import pytest

from dlbook import Tensor
from dlbook.optim import SGD, AdaGrad, Adam, AdamW, Optimiser, RMSProp


# ---- the papers, number by number -------------------------------------------------------------------------------------

def sgd(lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    def rule(theta, g, memory, t):
        g = g + weight_decay * theta
        velocity = memory["v"] = momentum * memory.get("v", 0.0) + g
        if momentum == 0:
            return theta - lr * g
        return theta - lr * (g + momentum * velocity if nesterov else velocity)
    return rule


def adagrad(lr=0.01, eps=1e-10):
    def rule(theta, g, memory, t):
        memory["s"] = memory.get("s", 0.0) + g**2
        return theta - lr * g / (math.sqrt(memory["s"]) + eps)
    return rule


def rmsprop(lr=0.01, rho=0.99, eps=1e-8):
    def rule(theta, g, memory, t):
        memory["s"] = rho * memory.get("s", 0.0) + (1 - rho) * g**2
        return theta - lr * g / (math.sqrt(memory["s"]) + eps)
    return rule


def adam(lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    def rule(theta, g, memory, t):
        memory["m"] = betas[0] * memory.get("m", 0.0) + (1 - betas[0]) * g
        memory["v"] = betas[1] * memory.get("v", 0.0) + (1 - betas[1]) * g**2
        m_hat, v_hat = memory["m"] / (1 - betas[0]**t), memory["v"] / (1 - betas[1]**t)
        return theta - lr * weight_decay * theta - lr * m_hat / (math.sqrt(v_hat) + eps)
    return rule


def adamw(lr=0.001, weight_decay=0.01, **settings):
    return adam(lr, weight_decay=weight_decay, **settings)


RULES = [
    (SGD, sgd, {"lr": 0.1}),
    (SGD, sgd, {"lr": 0.1, "weight_decay": 0.3}),
    (SGD, sgd, {"lr": 0.05, "momentum": 0.9}),
    (SGD, sgd, {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.1}),
    (SGD, sgd, {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    (SGD, sgd, {"lr": 0.05, "momentum": 0.5, "nesterov": True, "weight_decay": 0.1}),
    (AdaGrad, adagrad, {}),
    (AdaGrad, adagrad, {"lr": 0.3, "eps": 0.01}),
    (RMSProp, rmsprop, {}),
    (RMSProp, rmsprop, {"lr": 0.1, "rho": 0.9, "eps": 0.01}),
    (Adam, adam, {}),
    (Adam, adam, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 0.01}),
    (Adam, adam, {"lr": 0.1, "betas": (0.0, 0.9)}),
    (AdamW, adamw, {}),
    (AdamW, adamw, {"lr": 0.1, "weight_decay": 0.5, "betas": (0.8, 0.99)}),
]
every_rule = pytest.mark.parametrize("optimiser, twin, settings", RULES, ids=[f"{o.__name__}-{s}" for o, _, s in RULES])
every_optimiser = pytest.mark.parametrize("make", [
    lambda p: SGD(p, 0.1), lambda p: SGD(p, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1), AdaGrad, RMSProp, Adam, AdamW],
    ids=["SGD", "Nesterov", "AdaGrad", "RMSProp", "Adam", "AdamW"])

SHAPES = [(2, 3), (4,), (), (3, 1, 2)]
SIZE = 6 + 4 + 1 + 6


def starting_point():
    return np.random.default_rng(0).normal(size=SIZE)


def slope(theta, t):
    """The gradient of a bowl that leans and whose bottom wanders; one direction is flat, so that its gradient is exactly 0."""
    bowl = np.random.default_rng(1).normal(size=(SIZE, SIZE)) / 4
    bowl[3] = bowl[:, 3] = 0
    return bowl @ bowl.T @ theta - np.where(np.arange(SIZE) == 3, 0, math.sin(t))


def split(vector, dtype):
    parts = np.split(vector, np.cumsum([math.prod(shape) for shape in SHAPES])[:-1])
    return [part.reshape(shape).astype(dtype) for part, shape in zip(parts, SHAPES)]


def joined(parameters):
    return np.concatenate([p.data.reshape(-1) for p in parameters])


def by_hand(rule, steps):
    theta, memories = starting_point(), [{} for _ in range(SIZE)]
    for t in range(1, steps + 1):
        g = slope(theta, t)
        theta = np.array([rule(float(theta[i]), float(g[i]), memories[i], t) for i in range(SIZE)])
    return theta


def by_optimiser(make, steps, dtype):
    parameters = [Tensor(part, requires_grad=True) for part in split(starting_point(), dtype)]
    optimiser = make(parameters)
    for t in range(1, steps + 1):
        for p, g in zip(parameters, split(slope(joined(parameters).astype(np.float64), t), dtype)):
            p.grad = g
        optimiser.step()
    return parameters


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-12), (np.float32, 1e-5)])
@every_rule
def test_fifty_steps_are_those_of_the_paper(optimiser, twin, settings, dtype, tolerance):
    parameters = by_optimiser(lambda p: optimiser(p, **settings), 50, dtype)
    expected = by_hand(twin(**settings), 50)
    assert np.abs(expected - starting_point()).max() > 0.01, "something must have moved"
    assert {p.dtype for p in parameters} == {np.dtype(dtype)}
    assert np.abs(joined(parameters) - expected).max() <= tolerance * np.abs(expected).max()


def test_the_comparison_would_notice():
    parameters = by_optimiser(lambda p: Adam(p, betas=(0.9, 0.9991)), 50, np.float64)
    assert np.abs(joined(parameters) - by_hand(adam(), 50)).max() > 1e-7


def test_adam_on_more_parameters_than_it_works_on_at_a_time():
    g = np.random.default_rng(0).normal(size=100_001)
    w = Tensor(np.ones(100_001), requires_grad=True)
    optimiser = Adam([w], lr=0.1)
    for _ in range(3):
        w.grad = g
        optimiser.step()
    np.testing.assert_allclose(w.data, 1 - 0.3 * g / (np.abs(g) + 1e-8), rtol=1e-6)


# ---- manners ----------------------------------------------------------------------------------------------------------

def loss_of(parameters):
    total = 0
    for k, p in enumerate(parameters):
        total = total + ((p - k) * (p - k)).sum()
    return total


def fresh(dtype=np.float32):
    return [Tensor(part, requires_grad=True) for part in split(starting_point(), dtype)]


def train(parameters, optimiser, steps):
    for _ in range(steps):
        optimiser.zero_grad()
        loss_of(parameters).backward()
        optimiser.step()


@every_optimiser
def test_gradients_and_arrays_that_others_hold_are_left_alone(make):
    parameters = fresh()
    optimiser = make(parameters)
    held = []
    for _ in range(4):
        optimiser.zero_grad()
        loss_of(parameters).backward()
        gradients = [p.grad for p in parameters]
        arrays = [p.data for p in parameters] + gradients
        held.append((arrays, [a.copy() for a in arrays]))
        optimiser.step()
        assert all(p.grad is g for p, g in zip(parameters, gradients))
        assert all(p.data.shape == shape for p, shape in zip(parameters, SHAPES))
    for arrays, copies in held:
        assert all(map(np.array_equal, arrays, copies))


@every_optimiser
def test_parameters_and_gradients_may_be_read_only(make):
    parameters = fresh()
    for p in parameters:
        p.data.flags.writeable = False
    train(parameters, make(parameters), 2)


@every_optimiser
def test_values_replaced_between_steps_are_respected(make):
    """As load_state or a clipped critic replaces them: all at once, one of them, none; or someone writes into their own array."""
    parameters = fresh()
    optimiser, seen = make(parameters), []
    update = optimiser.update
    optimiser.update = lambda theta, g: (seen.append(theta.copy()), update(theta, g))[1]
    own = np.full((4,), 3, np.float32)
    for replace in ([], [0, 1, 2, 3], [2], [], [0, 3], []):
        for k in replace:
            parameters[k].data = parameters[k].data * np.float32(0.5)
        parameters[1].data = own
        own *= 2
        before = joined(parameters)
        train(parameters, optimiser, 1)
        assert np.array_equal(seen[-1], before) and not np.array_equal(joined(parameters), before)
    assert own.tolist() == [3 * 2**6] * 4


@every_optimiser
def test_a_change_of_the_learning_rate_is_respected(make):
    parameters = fresh()
    optimiser = make(parameters)
    train(parameters, optimiser, 2)
    before = joined(parameters)
    optimiser.lr = 0
    train(parameters, optimiser, 1)
    assert np.array_equal(joined(parameters), before)
    optimiser.lr = 0.1
    train(parameters, optimiser, 1)
    assert not np.array_equal(joined(parameters), before)


@every_optimiser
def test_a_schedule_that_gives_numpy_numbers_does_not_widen_the_parameters(make):
    parameters = fresh()
    optimiser = make(parameters)
    for lr in (np.float64(0.1), 0.05 * np.cos(0.3), np.float32(0.1), 1):
        optimiser.lr = lr
        train(parameters, optimiser, 1)
        assert {p.dtype for p in parameters} == {np.dtype(np.float32)}


@every_optimiser
def test_wide_gradients_and_values_do_not_widen_the_parameters(make):
    parameters = fresh()
    optimiser = make(parameters)
    for _ in range(2):
        optimiser.zero_grad()
        loss_of(parameters).backward()
        for p in parameters:
            p.grad = p.grad * np.ones((), np.float64) * np.float64(0.5)  # clipping by a norm is easily float64
        parameters[0].data = parameters[0].data.astype(np.float64)
        optimiser.step()
        assert {p.dtype for p in parameters} == {np.dtype(np.float32)}


@every_optimiser
def test_losses_go_down(make):
    parameters = fresh()
    before = loss_of(parameters).item()
    train(parameters, make(parameters), 20)
    assert loss_of(parameters).item() < before


@every_optimiser
def test_zero_grad_forgets(make):
    parameters = fresh()
    optimiser = make(parameters)
    loss_of(parameters).backward()
    kept = parameters[0].grad
    optimiser.zero_grad()
    assert all(p.grad is None for p in parameters) and kept.any()


def test_parameters_may_come_from_a_generator_and_be_empty():
    parameters = [Tensor(np.ones((0, 3), np.float32), requires_grad=True), Tensor(1.0, requires_grad=True)]
    optimiser = SGD((p for p in parameters), 0.5)
    (parameters[0].sum() + parameters[1]).backward()
    optimiser.step()
    assert parameters[0].shape == (0, 3) and parameters[1].item() == 0.5


def test_a_rule_of_ones_own():
    class Signs(Optimiser):
        def update(self, theta, g):
            return np.concatenate([np.zeros(3, theta.dtype), theta - self.lr * np.sign(g)])[3:]  # a view into something larger

    parameters = fresh(np.float64)
    optimiser = Signs(parameters, 0.25)
    expected = joined(parameters)
    for _ in range(3):
        expected = expected - 0.25 * np.sign(2 * (expected - np.repeat([0, 1, 2, 3], [6, 4, 1, 6])))
        train(parameters, optimiser, 1)
        assert np.array_equal(joined(parameters), expected)


def test_a_rule_without_update_says_so():
    parameters = fresh()
    with pytest.raises(NotImplementedError, match=r"Optimiser must define update\(self, theta, g\)"):
        train(parameters, Optimiser(parameters, 0.1), 1)


# ---- errors -----------------------------------------------------------------------------------------------------------

def test_a_missing_gradient_is_an_error_and_changes_nothing():
    parameters = fresh()
    optimiser = Adam(parameters)
    before = [p.data for p in parameters]
    with pytest.raises(ValueError, match=r"parameters number \[0, 1, 2, 3\] have no gradient: call loss.backward\(\)"):
        optimiser.step()
    (parameters[0].sum() + parameters[2]).backward()
    with pytest.raises(ValueError, match=r"parameters number \[1, 3\] have no gradient"):
        optimiser.step()
    assert all(p.data is a for p, a in zip(parameters, before)) and optimiser.t == 0


@pytest.mark.parametrize("spoil", [
    lambda p: (setattr(p[0], "grad", np.ones((3, 2))), setattr(p[1], "grad", np.ones(4))),
    lambda p: (setattr(p[0], "grad", np.ones(4)), setattr(p[1], "grad", np.ones((2, 3)))),
    lambda p: setattr(p[0], "data", np.ones((3, 3), np.float32)),
])
def test_a_changed_shape_is_an_error_and_changes_nothing(spoil):
    parameters = fresh()
    optimiser = SGD(parameters, 0.1)
    loss_of(parameters).backward()
    spoil(parameters)
    before = [p.data for p in parameters]
    with pytest.raises(ValueError, match=r"parameter 0 had shape \(2, 3\) .*; now its values have shape .* and its gradient"):
        optimiser.step()
    assert all(p.data is a for p, a in zip(parameters, before)) and optimiser.t == 0


def test_a_learning_rate_that_is_none_is_an_error():
    parameters = fresh()
    optimiser = SGD(parameters, 0.1)
    loss_of(parameters).backward()
    for lr in (-0.1, math.nan, "0.1", None):
        optimiser.lr = lr
        with pytest.raises(ValueError, match="lr must be a number from 0 up, and is"):
            optimiser.step()


W = Tensor([1.0, 2.0], requires_grad=True)


@pytest.mark.parametrize("call, kind, words", [
    (lambda: SGD([], 0.1), ValueError, ["no parameters", "model.parameters()"]),
    (lambda: SGD([W, W], 0.1), ValueError, ["same parameter twice"]),
    (lambda: SGD(W, 0.1), TypeError, ["parameter 0", "requires_grad=True", "computed from others"]),
    (lambda: SGD([W * 2], 0.1), TypeError, ["parameter 0", "computed from others"]),
    (lambda: SGD([W, Tensor(1.0)], 0.1), TypeError, ["parameter 1", "requires_grad=True", "one without"]),
    (lambda: SGD([W, np.ones(2)], 0.1), TypeError, ["parameter 1", "requires_grad=True", "ndarray"]),
    (lambda: SGD({"w": W}, 0.1), TypeError, ["parameter 0", "str"]),
    (lambda: SGD([W, Tensor(np.ones(2), requires_grad=True)], 0.1), TypeError, ["float32", "float64", "make them one"]),
    (lambda: SGD([W]), TypeError, ["lr"]),
    (lambda: SGD([W], -1), ValueError, ["lr must be a number from 0 up", "-1"]),
    (lambda: SGD([W], math.nan), ValueError, ["lr", "nan"]),
    (lambda: SGD([W], math.inf), ValueError, ["lr", "inf"]),
    (lambda: SGD([W], "0.1"), ValueError, ["lr", "'0.1'"]),
    (lambda: SGD([W], True), ValueError, ["lr", "True"]),
    (lambda: SGD([W], np.ones(1)), ValueError, ["lr", "array([1.])"]),
    (lambda: SGD([W], 0.1, momentum=1), ValueError, ["momentum must be a number from 0 to below 1", "1"]),
    (lambda: SGD([W], 0.1, weight_decay=-0.1), ValueError, ["weight_decay", "-0.1"]),
    (lambda: SGD([W], 0.1, momentum=0.9, nesterov="no"), ValueError, ["nesterov must be True or False", "'no'"]),
    (lambda: SGD([W], 0.1, nesterov=True), ValueError, ["nesterov=True", "momentum above 0"]),
    (lambda: AdaGrad([W], eps=-1), ValueError, ["eps", "-1"]),
    (lambda: RMSProp([W], rho=1.0), ValueError, ["rho", "below 1", "1.0"]),
    (lambda: RMSProp([W], eps=None), ValueError, ["eps", "None"]),
    (lambda: Adam([W], betas=(0.9, 1.0)), ValueError, ["beta", "below 1", "1.0"]),
    (lambda: Adam([W], betas=0.9), ValueError, ["betas must be two numbers", "0.9"]),
    (lambda: Adam([W], betas=(0.9, 0.9, 0.9)), ValueError, ["betas must be two numbers", "(0.9, 0.9, 0.9)"]),
    (lambda: Adam([W], eps=math.nan), ValueError, ["eps", "nan"]),
    (lambda: AdamW([W], weight_decay=-1), ValueError, ["weight_decay", "-1"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_error(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)


def test_numpy_numbers_are_numbers():
    assert SGD([W], np.float32(0.5), momentum=np.float64(0.5)).lr == 0.5
    assert type(Adam([W], lr=np.float64(0.1)).lr) is float
