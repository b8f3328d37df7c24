"""What holds for the whole package: documented by example, light to start, no float64 where float32 came in, no memory kept."""

import doctest
import gc
import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from samples import TABLE
from thrown import SAFE, inner, modules, public
from thrown.layers import LAYERS, OPTIMISERS

from dlbook import Tensor, allocator, functional, nn, optim
from dlbook.autograd import downstream_first

SOURCES = Path(__file__).resolve().parents[1] / "src"

# ---- every public name is shown at work --------------------------------------------------------------------------------

NO_EXAMPLE = {
    "what it does depends on the machine, its disk or the network": "dlbook.data.store.folder dlbook.data.remote.cache "
    "dlbook.data.remote.fetch dlbook.data.remote.fashion_mnist dlbook.data.remote.kmnist dlbook.data.remote.cifar10 dlbook.data.remote.glove_6b",
    "shown in the example of its neighbour": "dlbook.train.models.save dlbook.train.files.read_npz dlbook.optim.optimiser.Optimiser dlbook.gan.Coverage dlbook.graphs.KarateClub dlbook.graphs.Molecule",
    "for authors of checkers, shown in the module": "dlbook.check.core.exercise dlbook.check.core.find dlbook.check.core.hint "
    + " ".join(name for name in SAFE if name.startswith("dlbook.check.") and not name.endswith((".sizes", ".describe"))),
}
WITHOUT = {name for names in NO_EXAMPLE.values() for name in names.split()}
PUBLIC = {name: thing for name, thing in public() if not inner(name)}  # figures have no example: it would be a picture


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_have_a_docstring_and_an_example(name):
    text = inspect.getdoc(PUBLIC[name]) or ""
    assert text, "say what it does"
    examples = doctest.DocTestParser().get_examples(text)
    assert bool(examples) != (name in WITHOUT), "needs an example" if not examples else "has one: take it off the list"


def test_no_name_is_excused_that_does_not_exist():
    assert WITHOUT <= set(PUBLIC)


DRAWN = "dlbook.viz", "dlbook.widgets"  # their examples are pictures: test_viz.py, test_widgets.py


@pytest.mark.parametrize("module", [m.__name__ for m in modules() if ".data" not in m.__name__ and ".text" not in m.__name__ and m.__name__ not in DRAWN])
def test_examples_run(module):
    """Those of data and text, which need files and scikit-learn, run in test_data.py and test_text.py."""
    module = importlib.import_module(module)
    assert doctest.testmod(module, extraglobs={"np": np, "Tensor": Tensor}).failed == 0


# ---- the core is light ----------------------------------------------------------------------------------------------------

def started(code):
    """What a fresh Python answers, as JSON."""
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(SOURCES)}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_the_core_imports_numpy_and_little_else():
    seen = started("""if True:
        import json, sys, time
        import numpy
        before, start = set(sys.modules), time.perf_counter()
        import dlbook, dlbook.nn, dlbook.optim, dlbook.train, dlbook.functional, dlbook.conv, dlbook.recurrent, dlbook.attention
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "new": sorted(set(sys.modules) - before)}))""")
    foreign = {name.split(".")[0] for name in seen["new"]} - set(sys.stdlib_module_names) - {"dlbook", "numpy"}
    print(f"{seen['seconds']:.3f} s and {len(seen['new'])} modules beyond NumPy's")
    assert foreign == set()
    assert len(seen["new"]) < 150, "what is heavy should be imported where it is used"


@pytest.mark.parametrize("missing", [AttributeError, OSError, TypeError])  # macOS and Pyodide, no C library, Windows
def test_memory_is_left_alone_where_it_cannot_be_kept(monkeypatch, missing):
    def library(name):
        raise missing

    monkeypatch.delenv("DLBOOK_MALLOPT", raising=False)
    monkeypatch.setattr(allocator.ctypes, "CDLL", library)
    assert allocator.keep_freed_memory() is False


def test_memory_is_left_alone_on_request(monkeypatch):
    monkeypatch.setenv("DLBOOK_MALLOPT", "0")
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: pytest.fail("the C library was asked"))
    assert allocator.keep_freed_memory() is False


# ---- float32 stays float32 ------------------------------------------------------------------------------------------------

def arrays_within(thing, seen=None):
    """Every array that a Tensor's graph, a module or an optimiser holds."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        yield thing
    elif isinstance(thing, Tensor):
        yield from (thing.data, *([] if thing.grad is None else [thing.grad]))
    elif isinstance(thing, (list, tuple)):
        for part in thing:
            yield from arrays_within(part, seen)
    elif isinstance(thing, dict) or hasattr(thing, "__dict__") and type(thing).__module__.startswith("dlbook"):
        for part in (thing if isinstance(thing, dict) else vars(thing)).values():
            yield from arrays_within(part, seen)


def leaks(dtype, *things):
    """Shapes of the floating arrays of another dtype."""
    return [a.shape for thing in things for a in arrays_within(thing) if a.dtype.kind == "f" and a.dtype != dtype]


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("operation", TABLE, ids=lambda operation: operation.__name__)
def test_no_operation_leaks_another_dtype(operation, dtype):
    for call in TABLE[operation].samples:
        leaves = [Tensor(x, requires_grad=True) for x in call.arrays(dtype)]
        out = operation(*leaves, **call.settings)
        nodes = list(downstream_first(out)) if out.requires_grad else [out]
        out.backward(np.ones(out.shape))
        assert not leaks(dtype, leaves, nodes)


@pytest.mark.parametrize("layer", [pytest.param(calls, id=cls.__name__) for cls, calls in LAYERS.items() if cls is not nn.Dropout])
def test_no_layer_leaks_float64(layer):
    for used in layer:
        if not inspect.ismethod(used.f):
            continue
        model = used.f.__self__
        answer = used.f(**used.arguments())
        outputs = [t for t in (answer if isinstance(answer, tuple) else [answer]) if isinstance(t, Tensor)]
        for out in outputs:
            assert not leaks(np.float32, out, list(downstream_first(out)))
            if out.requires_grad:
                out.mean().backward()
        assert not leaks(np.float32, model)


STEPS = [pytest.param(cls, dtype, id=f"{cls.__name__}-{dtype.__name__}") for cls in OPTIMISERS for dtype in (np.float32, np.float16)]


@pytest.mark.parametrize("optimiser, dtype", STEPS)
@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "mse"])
def test_no_training_step_leaks_another_dtype(loss, optimiser, dtype):
    rng = np.random.default_rng(0)
    model = nn.MLP([3, 5, 2], rng=rng, dtype=dtype)
    steps = optimiser(model.parameters(), np.float64(0.01))  # as a schedule may give it
    answers = {"labels": np.array([0, 1, 1, 0])} if loss == "cross_entropy" else {"targets": rng.random((4, 2))}
    for _ in range(3):
        steps.zero_grad()
        out = getattr(functional, loss)(model(rng.normal(size=(4, 3)).astype(dtype)), **answers)
        out.backward()
        nodes = list(downstream_first(out))
        steps.step()
        assert not leaks(dtype, model, nodes)
        assert dtype == np.float16 or not leaks(dtype, steps)  # of float16 an optimiser may remember more digits
        assert all(np.isfinite(p.data).all() for p in model.parameters())


def test_a_leak_is_found():
    x = Tensor(np.ones(3, np.float32), requires_grad=True)
    assert leaks(np.float32, [x, {"a": np.ones(2)}]) == [(2,)]
    x.grad = np.ones(3)
    assert leaks(np.float32, x) == [(3,)]


# ---- nothing is kept ---------------------------------------------------------------------------------------------------------

MODELS = {
    "MLP": lambda rng: (nn.MLP([3, 5, 4], rng=rng), np.ones((2, 3), np.float32)),
    "convolutions and norms": lambda rng: (nn.Sequential(nn.Conv2d(1, 2, 3, rng=rng), nn.BatchNorm(2), nn.MaxPool2d(2), nn.Flatten(),
                                                         nn.Dropout(0.5, rng=rng), nn.Linear(8, 4, rng=rng)), np.ones((2, 1, 6, 6), np.float32)),
    "transformer": lambda rng: (nn.Sequential(nn.EncoderBlock(4, 2, rng=rng, causal=True), lambda x: x[:, -1]), np.ones((2, 3, 4), np.float32)),
}


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("optimiser", [optim.SGD, optim.Adam])
def test_training_steps_leave_no_tensor_behind(make, optimiser):
    model, x = make(np.random.default_rng(0))
    steps = optimiser(model.parameters(), 0.01)

    def train(times):
        for _ in range(times):
            steps.zero_grad()
            functional.cross_entropy(model(x), labels=np.array([0, 3])).backward()
            steps.step()
        return sum(isinstance(thing, (Tensor, np.ndarray)) for thing in gc.get_objects())

    gc.collect()
    gc.disable()  # what goes, goes by counting references
    try:
        assert train(2) == train(300)
    finally:
        gc.enable()
