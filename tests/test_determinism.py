"""The same seed gives the same bits, in any process; and importing the core is quick and brings NumPy alone."""

import hashlib
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from test_train_options import NETWORKS

from dlbook import allocator, functional, nn, ops, optim, train


def trained(seed, hidden=16):
    """Bits of the parameters of a small network after a hundred steps."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, 5)).astype(np.float32)
    labels = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    model = nn.MLP([5, hidden, 8, 2], rng=rng, activation=functional.gelu)
    optimiser = optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(100):
        batch = rng.permutation(len(x))[:16]
        optimiser.zero_grad()
        (functional.cross_entropy(model(x[batch]), labels=labels[batch]) + ops.mean(model(x[batch]) ** 2) * 0.01).backward()
        optimiser.step()
    bits = b"".join(name.encode() + array.tobytes() for name, array in model.state().items())
    return hashlib.sha256(bits).hexdigest()


def fitted(seed):
    """Bits of four networks of every kind after `fit`, dropout and batch norm included."""
    digest = hashlib.sha256()
    for name, (make, examples, loss) in NETWORKS.items():
        rng = np.random.default_rng(seed)
        model, (x, y) = make(), examples(24)
        optimiser = optim.Adam(model.parameters())
        history = train.fit(model, x, y, loss=loss, optimiser=optimiser, epochs=6, batch_size=5, rng=rng, clip_norm=0.5, progress=False)
        digest.update(b"".join([name.encode(), repr(history.loss).encode(), *(a.tobytes() for a in model.state().values())]))
    return digest.hexdigest()


def run(code, **environment):
    """What Python prints, started anew."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_training_gives_the_same_bits_in_every_process():
    answers = {run("from test_determinism import trained; print(trained(3))", PYTHONHASHSEED=seed) for seed in ("0", "1", "4242")}
    assert answers == {trained(3)}


def test_every_kind_of_network_gives_the_same_bits_in_every_process():
    code = "from test_determinism import fitted; print(fitted(3))"
    assert {run(code, PYTHONHASHSEED=seed) for seed in ("0", "1", "4242")} == {fitted(3)}


def test_another_seed_gives_other_bits():
    assert trained(3) == trained(3) != trained(4)
    assert fitted(3) == fitted(3) != fitted(4)


IMPORT = """
import json, sys, time
import numpy
before, start = set(sys.modules), time.process_time()
import dlbook, dlbook.functional, dlbook.init, dlbook.nn, dlbook.optim, dlbook.gradcheck
print(json.dumps([time.process_time() - start, sorted(set(sys.modules) - before)]))
"""


@pytest.fixture(scope="module")
def imports():
    return [json.loads(run(IMPORT)) for _ in range(3)]


def test_the_core_imports_numpy_alone(imports):
    new = {name.split(".")[0] for name in imports[0][1]}
    assert new - set(sys.stdlib_module_names) <= {"dlbook", "numpy"}
    assert "dlbook" in new


def test_freed_memory_is_kept_unless_someone_says_no_or_nobody_can(monkeypatch):
    monkeypatch.setenv("DLBOOK_MALLOPT", "0")
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: pytest.fail("the C library was asked"))
    assert allocator.keep_freed_memory() is False
    monkeypatch.delenv("DLBOOK_MALLOPT")
    asked = []
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=lambda *setting: asked.append(setting) or 1))
    assert allocator.keep_freed_memory() is True and len(asked) == 2
    for library in (lambda name: object(), lambda name: (_ for _ in ()).throw(OSError)):  # macOS and the browser; no library at all
        monkeypatch.setattr(allocator.ctypes, "CDLL", library)
        assert allocator.keep_freed_memory() is False


def test_the_core_starts_in_less_than_three_tenths_of_a_second(imports):
    assert min(seconds for seconds, _ in imports) < 0.3
