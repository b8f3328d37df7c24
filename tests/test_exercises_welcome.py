"""The exercises of `welcome`, and the statements that the chapter prints as formulas."""

import jupytext
import numpy as np
from exercises import CHAPTERS, Proof, prove, swap

from dlbook import data, functional, nn, optim, train
from dlbook.autograd import Tensor


def chapter_function(name):
    """A function as the chapter defines it."""
    (source,) = [cell.source for cell in jupytext.read(CHAPTERS / "00-start/welcome.md").cells if f"def {name}(" in cell.source]
    start = source.index(f"def {name}(")
    space = {"np": np, "optim": optim, "functional": functional}
    exec(source[start:].split("\n\n")[0], space)
    return space[name]


x, y = chapter_function("spirals")(3)


def complex_twist(u, turns):
    z = u[:, 0] + 1j * u[:, 1]
    z = z * np.exp(2j * np.pi * turns * np.abs(z))
    return np.stack([z.real, z.imag], axis=-1)


test_exercises = prove("00-start/welcome", {
    "straight_line": Proof(
        alternative=" C",
        wrong={
            "all": ("a", "on how many sides"),
            "three in four": ("b", "less than one turn"),
            "fewer than half": ("d", "Swap the two sides"),
        }),
    "share_right": Proof(
        alternative=lambda logits, labels: sum((z > 0) == t for (z,), t in zip(logits, labels)) / len(labels),
        wrong={
            "counts": (swap("np.mean", "np.sum"), "that is how many are right"),
            "per cent": (swap("np.mean(predicted == labels)", "100 * np.mean(predicted == labels)"), "share in per cent"),
            "counts the wrong ones": (swap("==", "!="), "rows that are wrong"),
            "one answer for each row": (swap("np.mean(predicted == labels)", "predicted == labels"), "one number for all rows"),
            "a column against a row": (lambda logits, labels: np.mean((logits > 0) == labels), "every row with every label"),
            "a logit for a probability": (lambda logits, labels: np.mean((logits[:, 0] > 0.5) == labels), "are right. Your answer is"),
            "share of arm 1": (lambda logits, labels: np.mean(logits > 0), "are right. Your answer is"),
        }),
    "twist": Proof(
        alternative=complex_twist,
        wrong={
            "one column": (lambda u, turns: complex_twist(u, turns)[:, 0], "makes columns of two vectors"),
            "stacks rows": (swap("axis=1", "axis=0"), "makes columns of two vectors"),
            "a sign too many": (swap("+ u[:, 1] * np.cos", "- u[:, 1] * np.cos"), "leave each radius"),
            "untwists": (lambda u, turns: complex_twist(u, -turns), "You turn clockwise"),
            "forgets 2π": (swap("2 * np.pi * turns", "turns"), "2π radians"),
            "degrees": (swap("2 * np.pi * turns", "360 * turns"), "degrees"),
            "forgets the radius": (swap("* np.hypot(u[:, 0], u[:, 1])", "* np.ones(len(u))"), "all points by the same angle"),
            "ignores turns": (swap("np.pi * turns", "np.pi"), "does not depend on `turns`"),
            "half a turn": (swap("2 * np.pi", "np.pi"), "entries differ"),
        }),
    "without_bends": Proof(
        given={"x": x, "y": y},
        alternative=lambda rng: (float(np.mean((np.linalg.lstsq(x, 2.0 * y - 1, rcond=None)[0] @ x.T > 0) == y)), "b"),
        wrong={
            "keeps the bends": (lambda rng: (1.0, "b"), "yours still bends"),
            "per cent": (lambda rng: (50.5, "b"), "in per cent"),
            "too few parameters": (lambda rng: (0.505, "a"), "as many parameters"),
            "too few steps": (lambda rng: (0.505, "c"), "steps=5000"),
            "the share alone": (lambda rng: 0.505, "`share, reason`"),
            "no share": (lambda rng: ("0.505", "b"), "The share is the text"),
        },
        equivalent={"line 4: `64` -> `65`": "without bends the number of units does not matter: that is the exercise"}),
})


def test_score_loss_and_slope_are_those_of_the_formulas():
    rng = np.random.default_rng(3)
    inputs, labels = rng.normal(size=(7, 2)), rng.integers(0, 2, 7)
    model = nn.Linear(2, 1, rng=rng, dtype=np.float64)
    z = inputs @ model.w.data + model.b.data                                  # eq-welcome-line
    p = 1 / (1 + np.exp(-z[:, 0]))
    loss = -np.mean(np.log(np.where(labels == 1, p, 1 - p)))                  # eq-welcome-loss
    assert np.allclose(model(Tensor(inputs)).data, z)
    assert np.isclose(functional.binary_cross_entropy(model(Tensor(inputs)), targets=labels[:, None]).item(), loss)


def test_the_arm_has_the_angle_that_its_formula_gives():
    arm = x[y == 1].astype(np.float64)
    r = np.hypot(*arm.T)
    a = 2 * np.pi * (3.25 - r)                                                # eq-welcome-arm
    assert np.allclose(arm, np.stack([r * np.sin(a), r * np.cos(a)], axis=1), atol=1e-5)


def test_untwisting_is_the_formula_and_lays_the_arms_on_the_axis():
    u = chapter_function("untwist")(x)
    alpha = 2 * np.pi * np.hypot(*x.T)                                        # eq-welcome-untwist
    u1, u2 = x[:, 0] * np.cos(alpha) + x[:, 1] * np.sin(alpha), -x[:, 0] * np.sin(alpha) + x[:, 1] * np.cos(alpha)
    assert np.allclose(u, np.stack([u1, u2], axis=1), atol=1e-5)
    assert np.allclose(u[y == 1], np.stack([np.hypot(*x[y == 1].T), np.zeros(97)], axis=1), atol=1e-4)
    assert np.allclose(complex_twist(u, 1), x, atol=1e-4)


def test_the_proof_names_three_of_the_points():
    points = {(round(float(a), 4), round(float(b), 4), int(arm)) for (a, b), arm in zip(x + 0.0, y)}
    points = {(abs(a) if a == 0 else a, b, arm) for a, b, arm in points}
    assert {(0.0, 3.25, 1), (0.0, 2.25, 1), (0.0, 2.75, 0)} <= points


def test_a_line_through_the_origin_treats_a_point_and_its_image_alike():
    w = np.random.default_rng(5).normal(size=2)
    right = (x @ w > 0) == y
    assert set(map(tuple, -x[y == 1])) == set(map(tuple, x[y == 0]))
    assert (right[:97] == right[97:]).all()


def test_the_book_s_accuracy_is_the_exercise_s():
    model = nn.Linear(2, 1, rng=np.random.default_rng(6))
    assert train.accuracy(model, x, y) == np.mean((model(x).data[:, 0] > 0) == y)


def test_the_points_are_the_published_ones():
    theirs, arms = data.lang_witbrock_spirals()
    assert np.allclose(x[:97], theirs[arms == 1] / 2, atol=1e-6) and np.allclose(x[97:], theirs[arms == 0] / 2, atol=1e-6)
