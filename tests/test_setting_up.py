"""What the chapter `setting-up` displays is what its code computes; and what it says of the doctor, the doctor says."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from exercises import CHAPTERS, published
from hypothesis import given
from hypothesis import strategies as st

from dlbook import ops
from dlbook.cli import doctor

PATH = CHAPTERS / "00-start/setting-up.md"
space = {"__name__": "chapter"}
exec(published(PATH)["after_shift"].before, space)
chapter = SimpleNamespace(**space)

seeds, shapes = st.integers(0, 10_000), st.lists(st.integers(1, 3), max_size=4).map(tuple)


@given(shapes, shapes)
def test_the_rule_of_broadcasting_is_numpys(a, b):
    try:
        theirs = np.broadcast_shapes(a, b)
    except ValueError:
        theirs = None
    assert chapter.broadcast_shape(a, b) == theirs


def shares(classes):
    return np.bincount(classes, minlength=10) / len(classes)


@given(seeds)
def test_all_pairs_agree_as_often_as_the_product_of_shares(seed):
    rng = np.random.default_rng(seed)
    predicted, labels = rng.integers(10, size=(2, 37))
    assert (predicted[:, None] == labels).mean() == pytest.approx(shares(predicted) @ shares(labels))


@given(seeds)
def test_with_equally_common_labels_every_classifier_gets_one_tenth(seed):
    predicted, labels = np.random.default_rng(seed).integers(10, size=50), np.arange(50) % 10
    assert (predicted[:, None] == labels).mean() == pytest.approx(0.1)


@given(seeds)
def test_no_classifier_gets_more_than_the_share_of_the_commonest_label(seed):
    rng = np.random.default_rng(seed)
    predicted, labels = rng.integers(10, size=(2, 37))
    most = shares(labels).max()
    assert (predicted[:, None] == labels).mean() <= most + 1e-12
    always = np.full(37, shares(labels).argmax())
    assert (always[:, None] == labels).mean() == pytest.approx(most)


@given(seeds)
def test_a_layer_is_the_displayed_sum(seed):
    rng = np.random.default_rng(seed)
    x, w, b = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)
    z = [[sum(x[n, d] * w[d, k] for d in range(3)) + b[k] for k in range(2)] for n in range(4)]
    np.testing.assert_allclose(x @ w + b, z, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("subscripts", ["nd,dk->nk", "nd,kd->nk", "nd,dk->", "nd,dk->d", "nd,dk->kdn", "nd,nd,d->n", "nij,nkj->nik", "d->d"])
def test_einsum_by_hand_is_numpys_and_the_packages(subscripts):
    rng, length = np.random.default_rng(1), {"n": 3, "d": 4, "k": 2, "i": 5, "j": 6}
    arrays = [rng.normal(size=[length[letter] for letter in letters]) for letters in subscripts.split("->")[0].split(",")]
    ours = chapter.einsum_by_hand(subscripts, *arrays)
    np.testing.assert_allclose(ours, np.einsum(subscripts, *arrays), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours, ops.einsum(*arrays, subscripts=subscripts).data, rtol=1e-9, atol=1e-12)


@given(seeds)
def test_squared_distances_are_sums_of_squared_differences(seed):
    rng = np.random.default_rng(seed)
    x, t = rng.normal(size=(4, 3)), rng.normal(size=(5, 3))
    direct = [[sum((p - q) ** 2 for p, q in zip(row, other)) for other in t] for row in x]
    np.testing.assert_allclose(chapter.squared_distances(x, t), direct, rtol=1e-9, atol=1e-12)


def test_errors_are_those_of_scikit_learn():
    neighbors = pytest.importorskip("sklearn.neighbors", reason="scikit-learn is not installed")
    digits = chapter.mnist_small()
    function = chapter.errors
    function.__globals__["digits"] = digits
    theirs = [np.mean(neighbors.KNeighborsClassifier(1, algorithm="brute").fit(digits.x_train[:n], digits.y_train[:n])
                      .predict(digits.x_test[:300]) != digits.y_test[:300]) for n in (500, 2000)]
    assert function(digits.x_test[:300], digits.y_test[:300], [500, 2000]) == pytest.approx(theirs)


@pytest.mark.parametrize("seed", range(5))
def test_the_noise_passed_on_is_independent_enough_for_the_claim_with_any_seed(seed):
    rng = np.random.default_rng(seed)
    assert abs(chapter.correlation(rng.normal(size=2000), rng.normal(size=2000))) < 0.1
    assert chapter.correlation(chapter.noise_on_the_left(2000), chapter.noise_on_the_right(2000)) > 0.999


def test_each_line_that_the_page_shows_of_the_doctor_is_one_it_prints(capsys):
    (shown,) = re.findall(r"^```text\n(ok .*?)^```", PATH.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    if doctor.run():
        pytest.skip("the doctor has found a problem on this machine, and so prints other lines")
    printed = capsys.readouterr().out.splitlines()
    patterns = [re.escape(line).replace("…", ".+") for line in shown.splitlines()]
    assert len(patterns) >= 5
    assert [p for p in patterns if not any(re.fullmatch(p, line) for line in printed)] == []
