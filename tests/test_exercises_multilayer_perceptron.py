"""The exercises of the chapter `multilayer-perceptron`."""

import numpy as np
from exercises import Proof, prove, swap


def recursive_forward(x, layers):
    """The same network, from the first layer inwards."""
    (w, b), *rest = layers
    z = x @ w + b
    return recursive_forward(z * (z > 0), rest) if rest else z


def one_bend_only(x, layers):
    """Bends after the first layer, and not again."""
    for k, (w, b) in enumerate(layers):
        x = x @ w + b
        x = np.maximum(x, 0) if k == 0 and len(layers) > 1 else x
    return x


def slopes_by_differences(t):
    slopes = np.diff([0.0, 1.0, 1.0, 0.0]) / np.diff(t)
    return np.diff(slopes, prepend=0, append=0)


test_exercises = prove("01-foundations/multilayer-perceptron", {
    "xor_fold": Proof(
        alternative=lambda x: np.abs(x[:, :1] - x[:, 1:]) - 0.5,
        wrong={
            "xnor": (swap("[[1.0], [1.0]]), -0.5", "[[-1.0], [-1.0]]), 0.5"), "this is XNOR"),
            "no bias": (swap("-0.5", "0.0"), "where is the bias"),
            "other bias": (swap("-0.5", "-0.25"), "which number of the last layer is left"),
            "one unit": (swap("[[1.0], [1.0]]", "[[1.0], [0.0]]"), "treats its two inputs alike"),
            "too steep": (swap("[[1.0], [1.0]]", "[[2.0], [2.0]]"), "The four corners come out as"),
            "a row of weights": (swap("[[1.0], [1.0]]", "[1.0, 1.0]"), "One logit for each row"),
            "squared": (lambda x: (x[:, :1] - x[:, 1:]) ** 2 - 0.5, "elsewhere"),
        }),
    "repaired_forward": Proof(
        alternative=recursive_forward,
        wrong={
            "bends the logits": (swap("return x @ w + b", "return np.maximum(x @ w + b, 0)"), "the last layer must not bend"),
            "bias after the ReLU": (swap("np.maximum(x @ w + b, 0)", "np.maximum(x @ w, 0) + b"), "add the bias after the ReLU"),
            "no last bias": (swap("return x @ w + b", "return x @ w"), "has lost its bias"),
            "other last bias": (swap("return x @ w + b", "return x @ w - 1000"), "x @ w + b and nothing else"),
            "no bend": (swap("np.maximum(x @ w + b, 0)", "x @ w + b"), "does not bend"),
            "leaky": (swap("np.maximum(x @ w + b, 0)", "np.maximum(x @ w + b, 0.1 * (x @ w + b))"), "A network with one hidden layer"),
            "one bend only": (one_bend_only, "Does every layer but the last"),
            "one column": (swap("return x @ w + b", "return (x @ w + b)[:, 0]"), "one column for each"),
        }),
    "bump": Proof(
        alternative=slopes_by_differences,
        wrong={
            "slopes": (swap("[up, -up, -down, down]", "[up, 0, -down, 0]"), "*change* of slope"),
            "ones": (swap("[up, -up, -down, down]", "[1.0, -1.0, -1.0, 1.0]"), "must have the height 1"),
            "lengths": (lambda t: np.array([t[1] - t[0], t[0] - t[1], t[2] - t[3], t[3] - t[2]]), "divide"),
            "leaves zero": (swap("-down, down]", "-down, up]"), "must add up to 0"),
            "upside down": (swap("[up, -up, -down, down]", "[-up, up, down, -down]"), "and should be 1"),
            "same flanks": (swap("1 / (t[3] - t[2])", "1 / (t[1] - t[0])"), "and should be"),
            "three": (swap("[up, -up, -down, down]", "[up, -up, -down]"), "One weight for each"),
        }),
    "twenty_units": Proof(
        alternative="D",
        wrong={
            "as many hinges": ("a", "bends it at each passage"),
            "fewer": ("b", "without losing either half"),
            "twice": ("c", "the tenth to the other nine"),
            "a number": (1024, "Answer with one of"),
        }),
    "units_or_steps": Proof(
        alternative="Units",
        wrong={
            "steps": ("steps", "hardly moves"),
            "either": ("either", "More units do help"),
            "neither": ("neither", "before you give up"),
            "a number": (16, "Answer with one of"),
        }),
})
