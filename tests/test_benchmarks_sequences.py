"""The sequence workloads: their formulas are those of the package, and their operations are counted right."""

import numpy as np
import pytest

from benchmarks import WORKLOADS, charlstm, gpt
from benchmarks.composed import cross_entropy

pytestmark = pytest.mark.book


def small(family, **sizes):
    """A workload of this family that is over at once."""
    return getattr(family, family.__name__.rpartition(".")[2])("small", **sizes)


SMALL = {
    charlstm: {"batch": 3, "steps": 4, "letters": 7, "features": 5, "hidden": 6},
    gpt: {"batch": 3, "steps": 4, "words": 7, "channels": 6, "heads": 2, "layers": 2},
}


@pytest.mark.parametrize("family", SMALL, ids=lambda family: family.__name__)
def test_the_formula_for_other_engines_is_what_the_package_computes(family):
    workload = small(family, **SMALL[family])
    given = workload.arrays(np.random.default_rng(0))
    # Weights large enough that a gate or a head in the wrong place would show.
    given["parameters"] = {name: np.random.default_rng([7, k]).normal(0, 0.5, p.shape).astype(np.float32)
                           for k, (name, p) in enumerate(given["parameters"].items())}
    expected = family.loss(np, **given)
    assert expected.dtype == np.float32
    assert family.in_dlbook(**given)() == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("engine", ["torch", "mygrad", "autograd"])
@pytest.mark.parametrize("family", SMALL, ids=lambda family: family.__name__)
def test_every_engine_trains_the_same(family, engine):
    pytest.importorskip(engine)
    workload = small(family, **SMALL[family])
    ours, theirs = workload.start("dlbook"), workload.start(engine)
    assert [theirs() for _ in range(5)] == pytest.approx([ours() for _ in range(5)], rel=workload.tolerance)


def test_cross_entropy_is_the_mean_of_minus_log_p():
    logits = np.log(np.array([[0.25, 0.75], [0.5, 0.5]]))
    assert cross_entropy(np, logits, np.array([1, 0])) == pytest.approx(-(np.log(0.75) + np.log(0.5)) / 2)


def test_operations_of_a_charlstm_are_counted():
    # 12 rows: inputs 5 to 4·6 gates, states 6 to 4·6, head 6 to 7; three products each, two operations a term.
    assert small(charlstm, **SMALL[charlstm]).flops == 3 * 2 * 12 * (5 * 24 + 6 * 24 + 6 * 7)


def test_operations_of_a_gpt_are_counted():
    # Each of 2 blocks: 6 to 18, 6 to 6, 6 to 24, 24 to 6, and the 10 pairs of 4 steps that look back, twice over 6 channels.
    pairs = 3 * (1 + 2 + 3 + 4)
    block = 12 * (6 * 18 + 6 * 6 + 6 * 24 + 24 * 6) + 2 * pairs * 6
    assert small(gpt, **SMALL[gpt]).flops == 3 * 2 * (2 * block + 12 * 6 * 7)


def test_the_workloads_are_the_ones_named():
    assert {"charlstm", "gpt-64", "gpt-128"} <= set(WORKLOADS)
