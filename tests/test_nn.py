"""Modules: parameters in definition order, states that are taken over whole or not at all, layers that compute what they say."""

import copy
import functools

import numpy as np
import pytest

from dlbook import Tensor, init, ops
from dlbook.functional import linear, softmax
from dlbook.nn import MLP, Linear, Module, Sequential


def rng(seed=0):
    return np.random.default_rng(seed)


def parameter(*shape):
    return Tensor(np.zeros(shape, np.float32), requires_grad=True)


class Zoo(Module):
    """One of everything that can hold a parameter or a buffer."""

    def __init__(self):
        self.z = parameter(1)
        self.layers = [Linear(2, 3, rng=rng(1)), ops.relu, {"inner": (parameter(2), [np.arange(3)])}]
        self.a = Linear(3, 4, rng=rng(2), bias=False)
        self.running = {"mean": np.zeros(2), 7: np.ones(3, np.float32), "with.dot": np.zeros(1)}
        self.frozen, self.table = Tensor(np.ones(2)), np.arange(2)
        self.name, self.rng, self.nothing, self.number = "zoo", rng(3), None, 3


NAMES = ["z", "layers.0.w", "layers.0.b", "layers.2.inner.0", "a.w"]
BUFFERS = ["layers.2.inner.1.0", "running.mean", "running.7", "running.with.dot", "frozen", "table"]


# ---- parameters -------------------------------------------------------------------------------------------------------

def test_parameters_come_in_the_order_of_definition():
    zoo = Zoo()
    assert [name for name, _ in zoo.named_parameters()] == NAMES
    assert [p.shape for p in zoo.parameters()] == [(1,), (2, 3), (3,), (2,), (3, 4)]
    assert all(p is q for p, (_, q) in zip(zoo.parameters(), zoo.named_parameters(), strict=True))


def test_a_shared_parameter_is_listed_once_under_its_first_name():
    class Tied(Module):
        def __init__(self):
            self.encoder = Linear(3, 4, rng=rng())
            self.decoder = Linear(4, 3, rng=rng())
            self.decoder.w = self.encoder.w
            self.again = self.encoder

    assert [name for name, _ in Tied().named_parameters()] == ["encoder.w", "encoder.b", "decoder.b"]


def test_modules_are_listed_outermost_first_and_once():
    inner, outer = Linear(2, 2, rng=rng()), Sequential()
    outer.layers = [inner, [Sequential(inner)], {"k": Linear(2, 3, rng=rng())}]
    assert [repr(m) for m in outer.modules()] == [repr(outer), "Linear(2, 2)", "Sequential(Linear(2, 2))", "Linear(2, 3)"]
    assert outer.modules()[1] is inner


def test_a_frozen_parameter_is_saved_but_not_trained():
    layer = Linear(2, 3, rng=rng())
    layer.w.requires_grad = False
    assert [name for name, _ in layer.named_parameters()] == ["b"] and list(layer.state()) == ["w", "b"]


@pytest.mark.parametrize("sizes, count", [
    ([784, 128, 64, 10], 109_386), ([2, 16, 16, 1], 48 + 272 + 17), ([3, 5], 20), ((2, 3, 4), 9 + 16)])
def test_number_of_parameters_of_an_mlp(sizes, count):
    assert sum(p.size for p in MLP(sizes, rng=rng()).parameters()) == count


# ---- state ------------------------------------------------------------------------------------------------------------

def shifted(state):
    return {name: array + 1 for name, array in state.items()}


def test_state_holds_parameters_and_buffers():
    assert sorted(Zoo().state()) == sorted(NAMES + BUFFERS)


def test_state_is_a_copy_on_the_way_out_and_on_the_way_in():
    zoo = Zoo()
    out = zoo.state()
    for array in out.values():
        array += 5
    assert not any(np.array_equal(out[name], array) for name, array in zoo.state().items())
    zoo.load_state(out)
    for array in out.values():
        array += 5
    assert not any(np.array_equal(out[name], array) for name, array in zoo.state().items())


def test_a_state_goes_where_it_came_from():
    zoo, other = Zoo(), Zoo()
    state = shifted(zoo.state())
    parameters, old = other.parameters(), [p.data for p in other.parameters()]
    before = [a.copy() for a in old]
    other.load_state(state)
    assert all(np.array_equal(a, state[name]) and a.dtype == state[name].dtype for name, a in other.state().items())
    assert other.parameters() == parameters, "the Tensors stay, for an optimiser holds them"
    assert all(map(np.array_equal, old, before)), "arrays that others may hold are not written into"
    assert other.running[7].tolist() == [2, 2, 2] and other.table.tolist() == [1, 2]
    assert other.layers[2]["inner"][1][0].tolist() == [1, 2, 3]
    assert other.name == "zoo" and other.number == 3


@pytest.mark.parametrize("change, words", [
    (lambda s: s.pop("a.w"), ["a.w is missing"]),
    (lambda s: s.pop("running.7"), ["running.7 is missing"]),
    (lambda s: s.update(extra=np.ones(1)), ["extra is not part of this module"]),
    (lambda s: s.update({"z": np.ones((1, 1), np.float32)}), ["z has shape (1, 1)", "expected (1,) and float32"]),
    (lambda s: s.update({"frozen": np.ones(2, np.float32)}), ["frozen has", "dtype float32", "expected (2,) and float64"]),
    (lambda s: (s.pop("z"), s.update(y=s["a.w"])), ["z is missing", "y is not part"]),
])
def test_a_state_that_does_not_fit_changes_nothing(change, words):
    zoo = Zoo()
    before = zoo.state()
    state = shifted(before)
    change(state)
    with pytest.raises(ValueError) as caught:
        zoo.load_state(state)
    assert "does not fit Zoo" in str(caught.value) and not [w for w in words if w not in str(caught.value)]
    assert all(np.array_equal(a, before[name]) for name, a in zoo.state().items())


class Holder(Module):
    def __init__(self, **things):
        vars(self).update(things)


def test_a_buffer_that_could_not_be_replaced_is_refused_before_anything_is_saved():
    with pytest.raises(TypeError, match="pair.1 is an array in a tuple, where load_state.* make it a list"):
        Holder(pair=(parameter(2), np.ones(2))).state()


def test_two_parts_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two parts of Holder are called d.1"):
        Holder(d={1: np.ones(2), "1": np.zeros(2)}).state()


def test_one_parameter_cannot_take_two_values():
    shared = parameter(2)
    tied = Holder(a=shared, b=shared)
    assert set(tied.state()) == {"a", "b"}
    with pytest.raises(ValueError, match="a and b are one parameter, and two sets of values are given"):
        tied.load_state({"a": np.ones(2, np.float32), "b": np.zeros(2, np.float32)})
    tied.load_state({"a": np.full(2, np.nan, np.float32), "b": np.full(2, np.nan, np.float32)})
    assert tied.a is tied.b and np.isnan(shared.data).all()


@pytest.mark.parametrize("tie", [lambda me: me, lambda me: [{"x": (me,)}], lambda me: Holder(parent=me)], ids=["itself", "deep", "child"])
def test_a_module_that_contains_itself_is_an_error(tie):
    module = Holder(w=parameter(1))
    module.part = tie(module)
    for walk in (module.parameters, module.state, module.modules, module.eval):
        with pytest.raises(ValueError, match="must not contain itself: .* leads back"):
            walk()


def test_a_list_that_contains_itself_is_an_error():
    loop = [parameter(1)]
    loop.append(loop)
    with pytest.raises(ValueError, match="must not contain itself: loop.1 leads back"):
        Holder(loop=loop).parameters()


def test_a_module_used_twice_side_by_side_is_no_loop():
    shared = Linear(2, 2, rng=rng())
    assert len(Holder(a=shared, b=[shared]).parameters()) == 2


# ---- modes and calls --------------------------------------------------------------------------------------------------

def test_modes_reach_every_module():
    zoo = Zoo()
    assert zoo.training and zoo.eval() is zoo
    assert [m.training for m in zoo.modules()] == [False] * 3
    assert zoo.train() is zoo and all(m.training for m in zoo.modules())
    assert sorted(zoo.state()) == sorted(NAMES + BUFFERS), "the mode is no part of the state"


def test_a_call_is_forward():
    class Affine(Module):
        def forward(self, x, scale, *, shift):
            return x * scale + shift

    assert Affine()(Tensor(2.0), 3, shift=1).item() == 7


def test_forward_must_be_written():
    class Nothing(Module):
        pass

    with pytest.raises(NotImplementedError, match=r"Nothing must define forward\(self, x\)"):
        Nothing()(1)


def test_models_can_be_copied():
    model = MLP([3, 4, 2], rng=rng())
    twin = copy.deepcopy(model)
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        assert p is not q and np.array_equal(p.data, q.data) and not np.shares_memory(p.data, q.data)


# ---- layers -----------------------------------------------------------------------------------------------------------

def test_linear():
    layer = Linear(3, 4, rng=rng())
    x = rng().normal(size=(5, 2, 3)).astype(np.float32)
    layer.b.data = np.arange(4, dtype=np.float32)
    np.testing.assert_allclose(layer(x).data, x @ layer.w.data + layer.b.data, rtol=1e-6)
    assert layer.w.shape == (3, 4) and layer.b.shape == (4,) and layer(x).shape == (5, 2, 4) and repr(layer) == "Linear(3, 4)"
    assert np.array_equal(layer.w.data, init.he_normal((3, 4), rng=rng()))
    assert not Linear(3, 4, rng=rng()).b.data.any()


def test_linear_without_bias_and_with_other_weights():
    layer = Linear(3, 4, rng=rng(), bias=False, init=functools.partial(init.normal, std=0.01))
    assert layer.b is None and len(layer.parameters()) == 1
    np.testing.assert_allclose(layer(np.eye(3)).data, layer.w.data)
    assert np.array_equal(layer.w.data, init.normal((3, 4), std=0.01, rng=rng()))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_dtype_of_the_parameters_is_that_of_the_answer(dtype):
    model = MLP([3, 4, 2], rng=rng(), dtype=dtype)
    y = model(np.ones((5, 3)))
    y.sum().backward()
    assert y.dtype == dtype and {p.dtype for p in model.parameters()} == {p.grad.dtype for p in model.parameters()} == {np.dtype(dtype)}


def test_sequential_takes_modules_and_functions():
    first = Linear(3, 4, rng=rng())
    model = Sequential(first, ops.tanh, softmax)
    x = rng().normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_allclose(model(x).data, softmax(ops.tanh(first(x))).data)
    assert repr(model) == "Sequential(Linear(3, 4), tanh, softmax)"
    assert [name for name, _ in model.named_parameters()] == ["layers.0.w", "layers.0.b"]
    assert Sequential()(x) is x


def test_mlp_is_linear_layers_with_an_activation_between():
    model = MLP([3, 4, 5, 2], rng=rng(), activation=ops.tanh)
    x = rng(1).normal(size=(6, 3)).astype(np.float32)
    h = x
    w1, b1, w2, b2, w3, b3 = model.parameters()
    for w, b in ((w1, b1), (w2, b2)):
        h = np.tanh(h @ w.data + b.data)
    np.testing.assert_allclose(model(x).data, h @ w3.data + b3.data, rtol=1e-5)
    assert repr(model) == "Sequential(Linear(3, 4), tanh, Linear(4, 5), tanh, Linear(5, 2))"


def test_the_same_seed_gives_the_same_network_and_another_seed_another():
    same, other = (MLP([3, 4, 2], rng=rng(seed)).state() for seed in (0, 1))
    assert all(np.array_equal(a, same[name]) for name, a in MLP([3, 4, 2], rng=rng(0)).state().items())
    assert not np.array_equal(same["layers.0.w"], other["layers.0.w"])


def test_gradients_reach_every_parameter():
    model = MLP([3, 4, 2], rng=rng(), activation=ops.tanh)
    linear(model(np.ones((5, 3))), np.ones((2, 1)), np.zeros(1)).sum().backward()
    assert all(p.grad is not None and p.grad.shape == p.shape and p.grad.any() for p in model.parameters())


@pytest.mark.parametrize("call, kind, words", [
    (lambda: Linear(3, 4), TypeError, ["rng"]),
    (lambda: Linear(3, 4, rng=0), TypeError, ["rng is 0", "np.random.default_rng(0)"]),
    (lambda: Linear(3, 0, rng=rng()), ValueError, ["out_features", "whole number from 1 up", "0"]),
    (lambda: Linear(3.0, 2, rng=rng()), ValueError, ["in_features", "whole number from 1 up", "3.0"]),
    (lambda: Linear(3, 4, rng=rng(), dtype=int), TypeError, ["floating-point", "int"]),
    (lambda: Linear(3, 4, rng=rng())(np.ones((5, 4))), ValueError, ["linear", "(5, 4), (3, 4), (4,)", "x (..., in)"]),
    (lambda: Linear(3, 4, rng=rng(), bias=False)(np.ones((5, 4))), ValueError, ["matmul", "(5, 4), (3, 4)"]),
    (lambda: Linear(3, 4, rng=rng())(Tensor(np.ones((5, 3)))), TypeError, ["linear", "float64 and float32", "one dtype"]),
    (lambda: Linear(3, 4, rng=rng())(), TypeError, ["forward", "'x'"]),
    (lambda: Sequential(Linear(3, 4, rng=rng()), "relu"), TypeError, ["layer 1", "a Module or a function", "str"]),
    (lambda: Sequential([ops.relu]), TypeError, ["layer 0", "list"]),
    (lambda: MLP([3], rng=rng()), ValueError, ["input and output", "[3]"]),
    (lambda: MLP(3, rng=rng()), ValueError, ["input and output", "is 3"]),
    (lambda: MLP([3, 4, 2], rng=rng(), activation="relu"), TypeError, ["layer 1", "str"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_error(call, kind, words):
    with pytest.raises(kind) as caught:
        call()
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)
