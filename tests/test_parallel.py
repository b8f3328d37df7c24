"""Threads share work without a trace: the same bits for any number of them, errors that arrive, and processes that fork."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from dlbook import Tensor, conv, nn, parallel, pool
from dlbook.functional import channel_norm
from dlbook.pool import max_pool2d


@pytest.fixture
def threads(monkeypatch):
    """A function that sets the number of threads; the helpers are sent home afterwards."""

    def use(count):
        stop()
        monkeypatch.setattr(parallel, "THREADS", count)

    def stop():
        if parallel._pool is not None:
            parallel._pool.shutdown()
            parallel._pool = None

    yield use
    stop()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_part_is_worked_on_once_and_keeps_its_place(threads, count):
    threads(count)
    seen = []
    assert parallel.each(lambda part: seen.append(part) or part * part, range(50)) == [part * part for part in range(50)]
    assert sorted(seen) == list(range(50))
    assert parallel.each(abs, []) == [] and parallel.each(abs, [-1]) == [1]


def test_threads_work_at_the_same_time(threads):
    threads(2)
    both = threading.Barrier(2, timeout=10)  # passed only if two are there at once
    assert parallel.each(lambda part: both.wait() >= 0, [0, 1]) == [True, True]


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("bad", [0, 7, 49])
def test_an_error_in_a_part_arrives(threads, count, bad):
    threads(count)

    def work(part):
        if part == bad:
            raise ValueError(f"part {part}")

    with pytest.raises(ValueError, match=f"part {bad}"):
        parallel.each(work, range(50))
    assert parallel.each(abs, [-1, -2]) == [1, 2], "and the next call works"


def bits(rng):
    """Bits of values and gradients of what uses threads."""
    x = Tensor(rng.normal(size=(9, 8, 12, 10)).astype(np.float32), requires_grad=True)
    block, norm = nn.ResidualBlock(8, 16, stride=2, rng=rng), nn.GroupNorm(4, 16)
    y = norm(block(max_pool2d(x, size=3, stride=1)))
    y.backward(seed=rng.normal(size=y.shape))
    return [y.data.tobytes(), x.grad.tobytes(), *(p.grad.tobytes() for p in [*block.parameters(), *norm.parameters()])]


def test_the_bits_do_not_depend_on_the_number_of_threads(threads, monkeypatch):
    monkeypatch.setattr(conv.correlation, "CACHE", 1)  # a part for each image, so that there is something to share
    monkeypatch.setattr(channel_norm, "BLOCK", 1)
    monkeypatch.setattr(pool, "BLOCK", 1)
    found = []
    for count in (1, 2, 3, 4):
        threads(count)
        found.append(bits(np.random.default_rng(0)))
        assert (parallel._pool is not None) == (count > 1), "threads were at work"
    assert all(again == found[0] for again in found)


def test_nor_do_those_of_sums_on_the_threads_of_the_products():
    code = """if True:
        import hashlib
        import numpy as np
        from dlbook.conv import correlation
        from dlbook.functional import batch_moments, group_norm
        x = np.random.default_rng(0).normal(size=(32, 16, 32, 32)).astype(np.float32)
        y = group_norm(x, np.ones(16), np.zeros(16), groups=2).data
        for array in [correlation.channel_sums(x), *batch_moments(x), y]:
            print(hashlib.sha256(array.tobytes()).hexdigest())"""
    answers = set()
    for count in "12":
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        answers.add(done.stdout)
    assert len(answers) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork processes")
def test_a_process_that_was_forked_off_starts_threads_of_its_own():
    code = """if True:
        import os, warnings
        from dlbook import parallel
        warnings.simplefilter("ignore")  # Python 3.12 warns of forks while there are threads
        parallel.THREADS = 2
        assert parallel.each(abs, [-1, -2, -3]) == [1, 2, 3]
        child = os.fork()
        if not child:
            os._exit(parallel.each(abs, [-1, -2, -3]) != [1, 2, 3])
        assert os.waitpid(child, 0)[1] == 0"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, timeout=60).returncode == 0


@pytest.mark.parametrize("settings, count", [
    ({"OMP_NUM_THREADS": "1"}, 1), ({"OMP_NUM_THREADS": "2"}, 2), ({"OMP_NUM_THREADS": "99"}, parallel.MANY),
    ({"OMP_NUM_THREADS": "0"}, 1),
    ({"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "3"}, 3), ({"OMP_NUM_THREADS": "3", "DLBOOK_THREADS": "1"}, 1),
])
def test_the_number_of_threads_is_that_of_the_products_unless_one_says_otherwise(monkeypatch, settings, count):
    for name in ("DLBOOK_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert 1 <= parallel.threads() <= parallel.MANY
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert parallel.threads() == count


def test_there_is_one_thread_in_a_browser(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    monkeypatch.setattr(sys, "platform", "emscripten")
    assert parallel.threads() == 1
