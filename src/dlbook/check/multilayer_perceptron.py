"""Checkers of the chapter `multilayer-perceptron`."""

import numpy as np

from .core import choice, exercise, expect, same_shape, same_values, sizes, unlike

CORNERS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


@exercise(
    first="Write down h for each of the four corners. Which numbers are in it where XOR is 1, and which where it is 0?",
    hints=[
        "At (0, 0) and at (1, 1) both differences are 0, so h = (0, 0) and the logit is b2 alone.",
        "At (1, 0) h is (1, 0), at (0, 1) it is (0, 1). Each of the two has to lift the logit from -1/2 to +1/2.",
        "w2, b2 = np.array([[1.0], [1.0]]), -0.5",
    ],
    notice="h1 + h2 is |x1 - x2|. This fold lays the corners (0, 0) and (1, 1) on top of each other; the one in the text does it to (0, 1) and (1, 0).",
)
def xor_fold(student, rng):
    wanted = np.array([[-0.5], [0.5], [0.5], [-0.5]])
    got = student(CORNERS)
    same_shape(got, wanted, "One logit for each row: w2 is (2, 1).")
    unlike(got, -wanted, "Every logit has the opposite sign: this is XNOR.")
    unlike(got, wanted + 0.5, "The logits are 0 and 1, the answers themselves. A logit says its class by its sign: where is the bias?")
    expect(np.isclose(got[[0, 3]], -0.5), "At (0, 0) and (1, 1) the logit must be -1/2. Both hidden units are 0 there: which number of the last layer is left?")
    expect(np.isclose(got[1], got[2]), f"The logit is {got[1, 0]:g} at (0, 1) and {got[2, 0]:g} at (1, 0). XOR treats its two inputs alike.")
    same_values(got, wanted, "The four corners come out as")
    x = rng.normal(size=(sizes(rng, 1)[0] + 2, 2))
    same_values(
        student(x), np.abs(x[:, :1] - x[:, 1:]) - 0.5,
        "Right at the four corners, but elsewhere your answer is not that of the hidden layer in the stub followed by one linear layer.",
    )


@exercise(
    first="Compare the broken function with `forward`, line by line. Where does the bias stand, and which layers get a ReLU?",
    hints=[
        "One mistake concerns the last layer only, the other one every hidden layer.",
        "A bias outside the ReLU moves the answer up and down; inside, it moves the hinge. And a logit must be able to be negative.",
        "for w, b in layers[:-1]: x = np.maximum(x @ w + b, 0);  w, b = layers[-1];  return x @ w + b",
    ],
    notice="Both mistakes leave every shape as it was, and most networks with them still train a little. Only known values find them.",
)
def repaired_forward(student, rng):
    B, *units = sizes(rng, 5)
    layers = [(rng.normal(size=(a, b)), rng.normal(size=b)) for a, b in zip(units, units[1:])]
    x = rng.normal(size=(B, units[0]))
    (w, b), far = layers[0], 100.0
    got = student(x, [(w, b - far)])
    same_shape(got, (B, units[1]), "A network of one layer: one column for each of its outputs.")
    unlike(got, x @ w, "The last layer has lost its bias: its answer is x @ w + b.")
    expect(got < 0, "One layer with a bias of about -100, and some of your logits are not negative: the last layer must not bend.")
    same_values(student(x, [(w, b)]), x @ w + b, "A network of one layer is x @ w + b and nothing else.")
    w = rng.normal(size=(units[1], 1))
    two = [layers[0], (w, np.zeros(1))]
    unlike(
        student(x, two), (np.maximum(x @ layers[0][0], 0) + layers[0][1]) @ w,
        "In the hidden layer you add the bias after the ReLU. It belongs inside: there it moves the hinge.",
    )
    unlike(student(x, two), (x @ layers[0][0] + layers[0][1]) @ w, "Your hidden layer does not bend: two layers give what one layer could.")
    same_values(student(x, two), np.maximum(x @ layers[0][0] + layers[0][1], 0) @ w, "A network with one hidden layer:")
    h = x
    for w, b in layers[:-1]:
        h = np.maximum(h @ w + b, 0)
    same_values(student(x, layers), h @ layers[-1][0] + layers[-1][1], "One hidden layer comes out right, two do not. Does every layer but the last get its turn?")


@exercise(
    first="Draw the bump. What is its slope on each of the five stretches? The weight of a ramp is the change of slope at its hinge.",
    hints=[
        "The five slopes are 0, up, 0, down, 0. At each of the four hinges one of them takes over from another.",
        "Up is 1 / (t1 - t0); down is -1 / (t3 - t2). At t1 the slope goes from up to 0, so the change is minus up.",
        "up, down = 1 / (t[1] - t[0]), 1 / (t[3] - t[2]);  return np.array([up, -up, -down, down])",
    ],
    notice="The four weights add up to 0: that is what makes the bump level again behind its last hinge.",
)
def bump(student, rng):
    steps = np.array(sizes(rng, 4, low=2, high=9)) / 10
    t = np.cumsum(steps) - 1
    up, down = 1 / steps[1], 1 / steps[3]
    a = student(t)
    same_shape(a, (4,), "One weight for each of the four hinges.")
    unlike(a, [up, 0, -down, 0], "These are the slopes of the stretches after the hinges. A weight is the *change* of slope at its hinge.")
    unlike(a, [1, -1, -1, 1], "The bump must have the height 1, so it climbs with slope 1 / (t1 - t0), not with slope 1.")
    unlike(a, [steps[1], -steps[1], -steps[3], steps[3]], "You multiply by the lengths of the slopes. To rise by 1 over a shorter stretch takes a steeper slope: divide.")
    expect(np.isclose(np.sum(a), 0), f"Behind the last hinge your bump has the slope {np.sum(a):.3g}, and would leave zero again. The four weights must add up to 0.")
    x = np.concatenate([t[:1] - 1, t, (t[1:] + t[:-1]) / 2, t[-1:] + [1, 5]])
    got = np.maximum(x[:, None] - t, 0) @ a
    values = [0, 0, 1, 1, 0, 0.5, 1, 0.5, 0, 0]
    for place, value, should in zip(x, got, values):
        if not np.isclose(value, should, atol=1e-9):
            break
    expect(np.allclose(got, values, atol=1e-9), f"With the hinges {', '.join(f'{v:.1f}' for v in t)} your bump is {value:.3g} at x = {place:.2f}, and should be {should:g}.")


@exercise(
    first="For one layer, ask at how many places the slope can change. For ten layers, ask what a layer does to a graph that has a tooth already.",
    hints=[
        "One layer of 20 units has 20 hinges, which cut the line into 21 pieces. In ten layers, a hinge acts on what the layers before it have made.",
        'If earlier layers send two stretches of the input to the same place, a later hinge bends both: twenty_units = "d"',
    ],
    notice="The next pages build the network with 1024 pieces, weight by weight.",
)
def twenty_units(answer):
    choice(answer, "d", {
        "a": "In one layer each unit bends the graph once. In a deep network a unit acts on a graph that may pass its hinge many times, and bends it at each passage.",
        "b": "Narrow layers may lose something, and yet: ReLU(x) and ReLU(x - 1/2) can fold the interval onto itself without losing either half.",
        "c": "Seen from both sides is a good thought, for one fold. What does the second fold do to the first, and the tenth to the other nine?",
    })


@exercise(
    first="Run solved(2, 1000, rng), then solved(16, 200, rng).",
    hints=[
        "Compare three numbers: 2 units with 200 steps, 2 units with 1000 steps, 16 units with 200 steps.",
        'More steps leave the share where it was, more units bring it near 100 %: units_or_steps = "units"',
    ],
    notice="A network that has got stuck stays stuck. More units are more lottery tickets, drawn before the first step.",
)
def units_or_steps(answer):
    choice(answer, "units", {
        "steps": "Run solved(2, 1000, rng) and compare with 200 steps: the share hardly moves.",
        "either": "More units do help. But run solved(2, 1000, rng): does it come near 100 %?",
        "neither": "Try solved(16, 200, rng) before you give up.",
    })
