"""Checkers of the chapter `perceptron`."""

import numpy as np

from .core import choice, exercise, expect, same_shape, same_values, sizes, unpack

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


@exercise(
    first="Draw the four corners of the square on paper, and a line that cuts off the corner (1, 1). Which way must the arrow w point?",
    hints=[
        "NAND is AND with every answer turned round. What does that do to the score?",
        "If the score of AND is x1 + x2 - 1.5, the score of NAND is minus that.",
        "w, b = np.array([-1.0, -1.0]), 1.5",
    ],
    notice="Only the direction of the arrow has turned; the line is that of AND. NAND alone is enough to build every other gate.",
)
def nand(student, rng):
    wanted = np.array([1, 1, 1, -1])
    answer = student(CORNERS)
    same_shape(answer, wanted, "One weight for each of the two inputs, w (2,).")
    expect(not np.array_equal(answer, -wanted), "Every answer is the opposite of NAND: this is AND. Where does your arrow w point?")
    wrong = np.flatnonzero(np.ravel(answer != wanted))
    expect(not len(wrong), f"For the inputs {_point(CORNERS[wrong[:1]])} your neuron says {_sign(answer, wrong)}, and NAND says {_sign(wanted, wrong)}.")
    x = np.repeat(CORNERS, 25, axis=0)
    expect(
        student(x + rng.uniform(-0.1, 0.1, size=x.shape)) == np.repeat(wanted, 25),
        "Right at the four corners, but your line passes too close to one of them: with inputs off by up to 0.1 some answers change. Move it to the middle.",
    )


def _point(rows):
    return "".join(f"({a:.0f}, {b:.0f})" for a, b in rows)


def _sign(answer, wrong):
    return "".join(f"{value:+.0f}" for value in np.ravel(answer)[wrong[:1]])


@exercise(
    first="Compute the scores of all examples first: x @ w + b.",
    hints=[
        "Three steps: the score of each example, made positive where it is right, and divided by the length of w. Which of them is left?",
        "t * z is positive where the answer is right. The distance of the nearest example is the smallest.",
        "np.min(t * (x @ w + b)) / np.linalg.norm(w)",
    ],
    notice="Multiplying w and b by any positive number changes every score and not one distance: the margin belongs to the line.",
)
def margin(student, rng):
    n, inputs = sizes(rng, 2, low=3, high=9)
    w, b, x = rng.normal(size=inputs), 1 + rng.random(), rng.normal(size=(n, inputs))
    t = np.where(x @ w + b > 0, 1, -1)
    got = student(x, t, w, b)
    same_shape(got, (), "The margin is one number for the whole data set.")
    same_values(
        student(x, t, 3 * w, 3 * b), got,
        "Your answer changes when w and b are both multiplied by 3, though the line stays where it is. Divide the whole score, b included, by the length of w (not by its square).",
    )
    easy = x[:1] + 50 * t[0] * w / np.linalg.norm(w)
    same_values(
        student(np.concatenate([x, easy]), np.append(t, t[0]), w, b), got,
        "Your answer changes when an example far away on its right side is added: the margin belongs to the nearest example alone.",
    )
    expect(
        student(x, -t, w, b) < 0,
        "With every label turned round all examples are on the wrong side, and your margin is not negative: the sign of t * z must survive.",
    )
    long = np.linalg.norm(np.append(w, b))
    expect(
        not np.isclose(got, np.min(t * (x @ w + b)) / long),
        "You divided by the length of (w, b). For the distance in the space of the inputs divide by the length of w alone: b moves the line, it has no direction.",
    )
    shift = rng.normal(size=inputs)
    same_values(
        student(x + shift, t, w, b - w @ shift), got,
        "Your answer changes when the examples and the line are moved together: the bias belongs to the score.",
    )
    same_values(got, np.min(t * (x @ w + b)) / np.linalg.norm(w))


@exercise(
    first="Look at the equation above: the new t * z is the old one plus something. How large is that something, and how large was the error?",
    hints=[
        "The score gains the squared length of x plus 1. Before, t * z may have been as low as you like.",
        'The gain is always positive and may be too small: one_correction = "b"',
    ],
    notice="The gain has a fixed size, whatever the error was. A badly wrong example takes several corrections.",
)
def one_correction(answer):
    choice(answer, "b", {
        "a": "The score gains ‖x‖² + 1. If t z was below minus that, it is still negative.",
        "c": "The gain is ‖x‖² + 1, a square plus one: it cannot be negative.",
    })


@exercise(
    first="Do one pass on OR with pencil and paper, from w = 0 and b = 0. What is the score of the first example, and does it count as wrong?",
    hints=[
        "One mistake is in the comparison, the other in the indentation.",
        "A score of exactly 0 is undecided and counts as wrong; an example that is right must not touch b.",
        "Use `<= 0`, and move `b = b + t_i` inside the `if`.",
    ],
    notice="From zero weights every score is 0, so the strict < learns nothing at first; a bias that moves on every example just counts the labels.",
)
def repaired_pass(student, rng):
    n, inputs = sizes(rng, 2, low=3, high=9)
    x, t = rng.normal(size=(n, inputs)), rng.choice([-1, 1], size=n)
    start, bias = rng.normal(size=inputs), rng.normal()
    right = np.where(x[:1] @ start + bias > 0, 1, -1)

    def after(*given):
        return unpack(student(*given), "w", "b")

    w, b = after(x[:1], t[:1], np.zeros(inputs), 0.0)
    expect(np.any(w), "From w = 0 and b = 0 your pass leaves w at zero. A score of exactly 0 is undecided, and counts as a mistake.")
    expect(b == t[0], f"One example with t = {t[0]:+d} was wrong, and b went from 0 to {b:g}: a correction adds t to b as well.")
    w, b = after(x[:1], right, start, bias)
    expect(w == start, "One example, and it was right: w still changed. A right answer changes nothing.")
    expect(b == bias, f"One example, and it was right: b still changed from {bias:.3f} to {b:.3f}. A right answer changes nothing.")
    x, t = np.repeat(x, 3, axis=0), np.repeat(t, 3)  # the second time an example meets weights that it has just corrected
    w, b, _ = _path(x[:-3], t[:-3], 1)[-1]
    t[-3:] = -1 if x[-1] @ w + b > 0 else 1  # the last example is wrong when its turn comes
    want_w, want_b, _ = _path(x, t, 1)[-1]
    w, b = after(x, t, np.zeros(inputs), 0.0)
    same_values(np.append(w, b), np.append(want_w, want_b), "Single examples come out right, a pass of several does not. Does every example get its turn, and does each correction act at once, before the next example?", name="w with b at its end")


@exercise(
    first="Run the three values of eta from zero, then from w = np.array([1.0, -2.0]) and b = 0.5, or from a start of your own.",
    hints=[
        "From zero, write down w after two corrections with eta = 1 and with eta = 8. What is the ratio?",
        "From zero all weights are eta times those of eta = 1, and so are all scores. Which signs change?",
        'eta_matters = "only if the start is not zero"',
    ],
    notice="From zero, eta multiplies all weights and so all scores, and no sign changes: the mistakes are the same ones. From another start eta sets how soon it is forgotten.",
)
def eta_matters(answer):
    choice(answer, "only if the start is not zero", {
        "never": "True from zero. Now try another start, such as w = np.array([1.0, -2.0]) and b = 0.5, with eta = 1/8, 1 and 8.",
        "always": "Run it from zero with eta = 1/8, 1 and 8 again, and compare the three counts.",
    })


@exercise(
    first="Begin with the learning rule as it is, and beside w and b keep a second pair: the best so far, with its number of mistakes.",
    hints=[
        "Three more lines than the learning rule: count the wrong ones after a correction, compare, copy.",
        "Count with (t * (x @ w + b) <= 0).sum(), inside the `if`, after w and b have changed.",
        "if wrong < fewest: best_w, best_b, fewest = w, b, wrong",
    ],
    notice="The rule itself never slows down; only the pocket gets better. The price is a look at the whole training set after every correction.",
)
def pocket(student, rng):
    inputs, passes = sizes(rng, 2, low=2, high=5)
    while True:  # until the best weights are neither the last ones nor those at the end of a pass, and have a bias
        x = rng.normal(size=(40, inputs))
        t = np.where(x @ rng.normal(size=inputs) > 0, 1, -1) * rng.choice([-1, 1], size=len(x), p=[0.15, 0.85])
        path = _path(x, t, passes)
        errors = [_wrong(x, t, w, b) for w, b, _ in path]
        ends = [error for error, (_, _, end) in zip(errors, path) if end]
        biases = [b for error, (_, b, _) in zip(errors, path) if error == min(errors)]
        if min(errors) < min(ends) and all(biases):
            break
    w, b = unpack(student(x, t, passes), "w", "b")
    same_shape(w, (inputs,), name="Your w")
    last_w, last_b, _ = path[-1]
    expect(
        not (np.allclose(w, last_w) and np.isclose(b, last_b)),
        f"You return the last weights ({errors[-1]} of {len(x)} wrong). On the way there were some with only {min(errors)} wrong: return the pocket.",
    )
    expect(
        any(np.allclose(w, seen_w) and np.isclose(b, seen_b) for seen_w, seen_b, _ in path),
        f"Your weights are not among those that the learning rule meets in {passes} passes from zero. Keep the rule as it is, and only copy.",
    )
    expect(
        _wrong(x, t, w, b) == min(errors),
        f"Your weights make {_wrong(x, t, w, b)} mistakes, and the rule met some with {min(errors)}. Do you count after every correction, and keep the fewest?",
    )


def _path(x, t, passes):
    """All weights that the learning rule meets from zero: a list of (w, b, whether a pass ends here)."""
    w, b = np.zeros(x.shape[1]), 0.0
    path = [(w, b, False)]
    for _ in range(passes):
        for i, (x_i, t_i) in enumerate(zip(x, t)):
            if t_i * (x_i @ w + b) <= 0:
                w, b = w + t_i * x_i, b + t_i
            path.append((w, b, i == len(x) - 1))
    return path


def _wrong(x, t, w, b):
    return int((t * (x @ w + b) <= 0).sum())
