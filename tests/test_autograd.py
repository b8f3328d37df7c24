"""The tape: right gradients on every shape of graph, nothing computed in vain, nothing kept too long, errors that explain."""

import copy
import gc
import pickle
import sys
import weakref

import numpy as np
import pytest

from dlbook import Tensor, no_grad, op, ops
from dlbook.autograd import downstream_first
from dlbook.functional import cross_entropy, linear
from dlbook.nn import MLP
from dlbook.optim import Adam


def leaf(data, dtype=np.float64):
    return Tensor(np.asarray(data, dtype), requires_grad=True)


def counted(calls):
    """A product that writes down whose gradient it was asked for."""

    @op
    def product(a, b):
        def pull_a(g):
            calls.append("a")
            return g * b

        def pull_b(g):
            calls.append("b")
            return g * a

        return a * b, pull_a, pull_b

    return product


# ---- graphs of every shape ------------------------------------------------------------------------------------------

def test_gradients_add_up_where_a_tensor_is_used_several_times():
    x = leaf(3.0)
    (x * x + x * x * x - x).backward()  # 2x + 3x² - 1
    assert x.grad.item() == 2 * 3 + 3 * 9 - 1


def test_diamond():
    calls = []
    product = counted(calls)
    x = leaf(2.0)
    y = product(x, 3.0)
    left, right = product(y, 5.0), product(y, 7.0)
    product(left, right).backward()  # 3 · 5 · 3 · 7 · x²
    assert x.grad.item() == 2 * 3 * 5 * 3 * 7 * 2
    assert calls == ["a", "b", "a", "a", "a"], "every node is pulled once, after all that use it"


def test_a_hundred_diamonds_in_a_row_are_not_two_to_the_hundred_paths():
    x = y = leaf(1.0)
    for _ in range(100):
        y = (y + y) / 2
    y.backward()
    assert x.grad.item() == 1


def test_nodes_come_after_all_that_use_them():
    x = leaf(1.0)
    a = x * 2
    b = a * a
    c = a + b
    d = b * c + x
    order = list(downstream_first(d))
    place = {id(node): position for position, node in enumerate(order)}
    assert len(order) == len(set(order)) == 6 and order[0] is d and order[-1] is x
    for position, node in enumerate(order):
        assert all(place[id(parent)] > position for parent in node.parents if parent is not None)


def test_the_same_tensor_on_both_sides_of_a_product():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    (x @ x).sum().backward()
    ones = np.ones((2, 2))
    np.testing.assert_allclose(x.grad, ones @ x.data.T + x.data.T @ ones)


def test_twenty_thousand_operations_in_a_row():
    limit = sys.getrecursionlimit()
    x = y = leaf(1.0)
    for _ in range(20_000):
        y = y * 1.0001
    first = weakref.ref(y.parents[0])
    y.backward()
    assert abs(x.grad.item() - 1.0001**20_000) < 1e-9 * 1.0001**20_000
    assert sys.getrecursionlimit() == limit
    del y  # freed one by one as well, without climbing down 20,000 frames
    assert first() is None


# ---- what gets a gradient, and what does not --------------------------------------------------------------------------

def test_only_leaves_that_asked_get_a_gradient():
    x, constant = leaf([1.0, 2.0]), Tensor(np.array([3.0, 4.0]))
    y = x * constant
    z = y.sum()
    z.backward()
    assert (y.grad, z.grad, constant.grad) == (None, None, None)
    assert x.grad.tolist() == [3, 4]


def test_a_leaf_can_be_the_root():
    x = leaf([1.0, 2.0])
    x.backward(seed=[3.0, 4.0])
    assert x.grad.tolist() == [3, 4]


def test_gradients_of_two_backward_passes_add_up():
    x = leaf(3.0)
    y = x * x
    y.backward()
    first = x.grad
    y.backward()
    assert x.grad.item() == 12
    assert first.item() == 6, "the gradient that someone kept is left alone"


@pytest.mark.parametrize("a, b, expected", [
    (leaf(2.0), 3.0, ["a"]), (2.0, leaf(3.0), ["b"]), (leaf(2.0), leaf(3.0), ["a", "b"]), (leaf(2.0), Tensor(3.0), ["a"])])
def test_no_gradient_is_computed_that_nobody_needs(a, b, expected):
    calls = []
    a = a if isinstance(a, float) else Tensor(a.data.astype(np.float32), requires_grad=a.requires_grad)
    b = b if isinstance(b, float) else Tensor(b.data.astype(np.float32), requires_grad=b.requires_grad)
    counted(calls)(a, b).backward()
    assert calls == expected


def test_the_images_of_a_first_layer_get_no_gradient():
    x, w, b = Tensor(np.ones((5, 4))), leaf(np.ones((4, 3))), leaf(np.zeros(3))
    z = linear(x, w, b)
    assert z.parents[0] is None and x.grad is None
    z.sum().backward()
    assert x.grad is None and w.grad.shape == (4, 3) and b.grad.shape == (3,)


def test_operations_on_constants_record_nothing():
    y = Tensor([1.0]) * Tensor([2.0]) + 3
    assert not y.requires_grad and y.parents == () and y.pullbacks == ()


def test_detach_starts_a_new_graph():
    x = leaf(3.0)
    y = (x * x).detach()
    assert not y.requires_grad and y.item() == 9
    (y * x).backward()
    assert x.grad.item() == 9


# ---- no_grad ----------------------------------------------------------------------------------------------------------

def test_no_grad_nests_and_ends():
    x = leaf(3.0)
    with no_grad():
        assert not (x * x).requires_grad
        with no_grad():
            assert not (x * x).requires_grad
        assert not (x * x).requires_grad, "leaving the inner block must not end the outer one"
        assert Tensor(1.0, requires_grad=True).requires_grad
    assert (x * x).requires_grad


def test_no_grad_ends_with_an_exception():
    x = leaf(3.0)
    with pytest.raises(ZeroDivisionError), no_grad(), no_grad():
        1 / 0
    assert (x * x).requires_grad


def test_no_grad_decorates_a_function():
    x = leaf(3.0)

    @no_grad()
    def square():
        return x * x

    assert not square().requires_grad and (x * x).requires_grad


def test_backward_works_inside_no_grad():
    x = leaf(3.0)
    y = x * x
    with no_grad():
        y.backward()
    assert x.grad.item() == 6


# ---- seeds ------------------------------------------------------------------------------------------------------------

def test_a_seed_weighs_the_outputs():
    x = leaf([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    seed = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]])
    (x * x).backward(seed)
    assert np.array_equal(x.grad, 2 * x.data * seed)


def test_a_seed_is_copied_and_takes_the_dtype():
    x = leaf([1.0, 2.0], np.float32)
    seed = np.array([1.0, 2.0])
    x.backward(seed)
    seed[:] = 0
    assert x.grad.tolist() == [1, 2] and x.grad.dtype == np.float32


def test_one_element_needs_no_seed_whatever_its_shape():
    x = leaf([[2.0]])
    (x * x).backward()
    assert x.grad.tolist() == [[4]]


# ---- gradients belong to everybody --------------------------------------------------------------------------------------

def test_gradients_cannot_be_written_into():
    a, b = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    (a + b).sum().backward()
    for g in (a.grad, b.grad):
        with pytest.raises(ValueError, match="read-only"):
            g *= 2
    a.grad = a.grad * 2  # rebinding is how gradients are clipped
    assert a.grad.tolist() == [2, 2] and b.grad.tolist() == [1, 1]


def test_gradients_stay_frozen_after_adding_up_and_without_axes():
    x = leaf(3.0)
    for _ in range(3):
        (x * x).backward()
        assert isinstance(x.grad, np.ndarray) and x.grad.shape == () and not x.grad.flags.writeable


def test_nothing_that_left_a_function_changes_later():
    rng = np.random.default_rng(0)
    model = MLP([4, 5, 3], rng=rng)
    x, labels = rng.normal(size=(6, 4)).astype(np.float32), rng.integers(0, 3, 6)
    optimiser = Adam(model.parameters(), lr=0.1)
    kept = []
    for _ in range(3):
        optimiser.zero_grad()
        output = model(x)
        loss = cross_entropy(output, labels=labels)
        loss.backward()
        arrays = [x, labels, output.data, loss.data, *(p.data for p in model.parameters()), *(p.grad for p in model.parameters())]
        kept.append((arrays, [a.copy() for a in arrays]))
        optimiser.step()
    for arrays, copies in kept:
        assert all(map(np.array_equal, arrays, copies))


def test_values_may_be_replaced_between_forward_and_backward():
    w = leaf([2.0, 3.0])
    loss = (w * w).sum()
    w.data = np.array([100.0, 100.0])  # as an optimiser does; the graph remembers what it saw
    loss.backward()
    assert w.grad.tolist() == [4, 6]


# ---- memory -----------------------------------------------------------------------------------------------------------

def training_step(model, optimiser, x, labels):
    optimiser.zero_grad()
    cross_entropy(model(x), labels=labels).backward()
    optimiser.step()


@pytest.fixture
def no_collector():
    """Whatever is freed in the test was freed by counting references, not by the collector of cycles."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def live_tensors():
    return sum(isinstance(thing, Tensor) for thing in gc.get_objects())


def test_a_thousand_steps_leave_no_tensors_and_no_cycles(no_collector):
    rng = np.random.default_rng(0)
    model = MLP([3, 5, 4], rng=rng)
    optimiser = Adam(model.parameters())
    x, labels = np.ones((2, 3), np.float32), np.array([0, 3])
    training_step(model, optimiser, x, labels)
    gc.collect()
    before = live_tensors()
    for _ in range(1000):
        training_step(model, optimiser, x, labels)
    assert live_tensors() == before
    assert gc.collect() == 0, "a cycle of references was left to the collector"


def test_a_graph_goes_with_its_last_reference(no_collector):
    x = leaf(np.ones((2, 3)))
    y = ops.exp(x)
    z = (y * y + ops.take(x, index=[0, 0]) - ops.max(x, axis=0) @ x.T.reshape(3, 2)[:, :1]).sum()
    z.backward()
    node, array = weakref.ref(y), weakref.ref(y.data)
    del y, z
    assert node() is None and array() is None
    assert gc.collect() == 0


def test_an_error_leaves_no_cycle(no_collector):
    x = leaf(np.ones((2, 3)))
    watch = weakref.ref(x)
    try:
        x + np.ones(4)
    except ValueError:
        pass
    del x
    assert watch() is None


# ---- op ---------------------------------------------------------------------------------------------------------------

def test_an_operation_keeps_its_name_its_words_and_the_bare_function():
    assert ops.tanh.__name__ == "tanh" and ops.tanh.__doc__.startswith("Hyperbolic")
    value, pull = ops.tanh.__wrapped__(np.array([0.0, 1.0]))
    assert np.array_equal(value, np.tanh([0.0, 1.0])) and np.array_equal(pull(1.0), 1 - value**2)


def test_a_joint_pullback_runs_once_for_all_inputs():
    calls = []

    @op
    def both(a, b, c):
        def pull(g):
            calls.append(g)
            return g * b, g * a, g

        return a * b + c, pull

    a, b = leaf([1.0, 2.0]), leaf(3.0)
    both(a, b, 1.0).backward(seed=[1.0, 10.0])
    assert len(calls) == 1
    assert a.grad.tolist() == [3, 30] and b.grad.item() == 21


def test_constants_take_the_dtype_of_the_tensors_they_meet():
    for dtype in (np.float16, np.float32, np.float64):
        x = leaf([1.0, 2.0], dtype)
        for constant in (2, 2.5, True, np.float64(2), np.arange(2), np.ones(2, np.float16), [1, 2], np.array(2.0)):
            assert (x * constant).dtype == dtype and (constant * x).dtype == dtype, constant
    assert ops.add(1, 2).dtype == np.float32
    assert ops.add(np.ones(2), np.ones(2, np.float32)).dtype == np.float64


# ---- Tensors and the rest of Python -----------------------------------------------------------------------------------

@pytest.mark.parametrize("data, dtype", [
    *((data, np.float32) for data in (1, 1.5, True, [1, 2], [1.5, 2], [[True], [False]], [])),
    *((data, np.float32) for data in (np.arange(3), np.ones(2, np.uint8), np.ones(2, bool))),
    (np.ones(2), np.float64), (np.ones(2, np.float16), np.float16), (np.float64(2), np.float64), (np.float32(2), np.float32),
    (Tensor(np.ones(2)), np.float64),
])
def test_tensors_are_floating_point(data, dtype):
    assert Tensor(data).dtype == dtype
    assert type(Tensor(data).data) is np.ndarray


def test_subclasses_of_arrays_become_arrays():
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix([[1.0, 2.0], [3.0, 4.0]])
    assert type(Tensor(matrix).data) is np.ndarray
    assert (Tensor(matrix) * Tensor(matrix)).data.tolist() == [[1, 4], [9, 16]], "element by element, not the matrix product"


@pytest.mark.parametrize("data", [
    None, "abc", 1j, np.ones(2, complex), [None], np.array(["a"]), object(), {1: 2}, np.array(["2020-01-01"], "datetime64[D]")])
def test_what_is_no_number_is_refused(data):
    with pytest.raises(TypeError, match=f"real numbers, and was given {type(data).__name__} with dtype"):
        Tensor(data)


def test_numpy_functions_refuse_tensors_rather_than_lose_gradients():
    x = leaf([1.0, 2.0])
    for call in (
        lambda: np.exp(x), lambda: np.add(x, 1), lambda: np.multiply(np.ones(2), x), lambda: np.add.reduce(x), lambda: np.asarray(x),
        lambda: np.array([x, x]), lambda: np.concatenate([x, x]), lambda: np.dot(x, x), lambda: Tensor([x, x]),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(TypeError, match="use tensor.data, or dlbook.ops"):
        np.asarray(x)
    with pytest.raises(TypeError):
        np.exp(x.detach())


def test_a_tensor_without_gradient_converts_to_an_array():
    x = Tensor([1.0, 2.0])
    assert np.asarray(x) is x.data and np.asarray(x, np.float64).dtype == np.float64
    copied = np.array(x)
    copied[0] = 5
    assert x.data.tolist() == [1, 2], "np.array makes a copy"
    assert Tensor([x, x]).shape == (2, 2) and x.numpy() is x.data


def test_augmented_assignment_makes_a_new_tensor():
    x = leaf([1.0, 2.0])
    y = x
    y += 1
    assert y is not x and x.data.tolist() == [1, 2] and y.data.tolist() == [2, 3]
    with pytest.raises(TypeError):
        array = np.ones(2)
        array += x


def test_python_sees_length_truth_and_number():
    x = Tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2 and x.ndim == 2 and x.size == 4
    assert [row.data.tolist() for row in x] == [[1, 2], [3, 4]]
    assert bool(Tensor(1.0)) and not bool(Tensor([0.0]))
    assert float(Tensor(2.5)) == 2.5 == Tensor([[2.5]]).item() and type(Tensor(2.5).item()) is float
    first, second = leaf([1.0, 2.0])
    (first * 2 + second * 3).backward()


def test_rows_that_are_iterated_over_carry_gradients():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    for weight, row in zip([1, 10], x):
        (row * weight).sum().backward()
    assert x.grad.tolist() == [[1, 1], [10, 10]]


def test_text():
    assert repr(Tensor([1.0, 2.5])) == "Tensor([1. , 2.5])"
    assert repr(Tensor(1.0, requires_grad=True)) == "Tensor(1., requires_grad=True)"


def test_tensors_are_told_apart_by_identity():
    x, y = Tensor([1.0]), Tensor([1.0])
    assert len({x, y}) == 2 and x in {x}


def test_parameters_can_be_copied_and_pickled():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    for twin in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert np.array_equal(twin.data, x.data) and np.array_equal(twin.grad, x.grad) and twin.requires_grad
        assert not np.shares_memory(twin.data, x.data)


# ---- errors -----------------------------------------------------------------------------------------------------------

def test_errors_of_backward():
    with pytest.raises(ValueError, match="depends on nothing with requires_grad=True"):
        Tensor(1.0).backward()
    with pytest.raises(ValueError, match=r"single number and this tensor has shape \(2,\).*\.sum\(\) or \.mean\(\), or pass seed="):
        leaf([1.0, 2.0]).backward()
    with pytest.raises(ValueError, match=r"seed of shape \(3,\) for a tensor of shape \(2,\)"):
        leaf([1.0, 2.0]).backward([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"single number and this tensor has shape \(0,\)"):
        leaf([]).backward()


@pytest.mark.parametrize("read", [Tensor.item, float])
def test_many_numbers_are_not_one(read):
    with pytest.raises(ValueError, match=r"item\(\) reads a single number and this tensor has shape \(2, 1\)"):
        read(Tensor([[1.0], [2.0]]))


def test_an_ambiguous_truth():
    with pytest.raises(ValueError, match="more than one element is ambiguous"):
        bool(Tensor([1.0, 2.0]))


@pytest.mark.parametrize("shape", [(3,), (2, 4), (4, 1), (), (2, 3, 5)], ids=str)
def test_a_pullback_that_returns_a_wrong_shape_is_found_out(shape):
    @op
    def broken(x):
        return x * x, lambda g: np.ones(shape)

    x = leaf(np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"a pullback returned a gradient of shape \(.*\) for an input of shape \(4, 3\)"):
        broken(x).sum().backward()
    assert x.grad is None


def test_a_wrong_number_of_pullbacks_is_found_out():
    @op
    def broken(a, b, c):
        return a + b + c, lambda g: g, lambda g: g

    @op
    def too_few(a, b, c):
        return a + b + c, lambda g: (g, g)

    for operation in (broken, too_few):
        with pytest.raises(ValueError):
            operation(leaf(1.0), 2.0, 3.0).backward()


def test_an_error_of_another_kind_passes_through():
    @op
    def broken(x):
        raise KeyError("not about the inputs")

    with pytest.raises(KeyError):
        broken(1.0)
