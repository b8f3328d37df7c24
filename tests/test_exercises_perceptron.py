"""The exercises of the chapter `perceptron`."""

import numpy as np
from exercises import Proof, prove, swap


def batch_pass(x, t, w, b):
    """Judges all examples by the weights of the start."""
    wrong = t * (x @ w + b) <= 0
    return w + t[wrong] @ x[wrong], b + t[wrong].sum()


def weights_on_every_example(x, t, w, b):
    for x_i, t_i in zip(x, t):
        wrong = t_i * (x_i @ w + b) <= 0
        w, b = w + t_i * x_i, b + t_i * wrong
    return w, b


def ratchet(x, t, passes):
    """The pocket, written over the list of all weights met."""
    x_tilde, met = np.column_stack([x, np.ones(len(x))]), [np.zeros(x.shape[1] + 1)]
    for i in list(range(len(x))) * passes:
        met.append(met[-1] + t[i] * x_tilde[i] * (t[i] * (x_tilde[i] @ met[-1]) <= 0))
    best = min(met, key=lambda w: (t * (x_tilde @ w) <= 0).sum())
    return best[:-1], best[-1]


def repaired_in_one_space(x, t, w, b):
    w = np.append(w, b)
    for row in np.column_stack([x, np.ones(len(x))]) * t[:, None]:
        w = w + row * (row @ w <= 0)
    return w[:-1], w[-1]


test_exercises = prove("01-foundations/perceptron", {
    "nand": Proof(
        alternative=lambda x: 1 - 2 * ((x > 0.5).sum(axis=1) == 2),
        wrong={
            "and": (swap("np.array([-1.0, -1.0]), 1.5", "np.array([1.0, 1.0]), -1.5"), "this is AND"),
            "nor": (swap("1.5", "0.5"), "For the inputs (0, 1) your neuron says -1, and NAND says +1"),
            "always yes": (swap("1.5", "2.5"), "For the inputs (1, 1) your neuron says +1, and NAND says -1"),
            "through a corner": (swap("1.5", "1.0"), "For the inputs (0, 1)"),
            "close to a corner": (swap("1.5", "1.05"), "passes too close"),
            "weights as a column": (swap("[-1.0, -1.0]", "[[-1.0], [-1.0]]"), "One weight for each of the two inputs"),
        }),
    "margin": Proof(
        alternative=lambda x, t, w, b: float(min(t[i] * (np.dot(w, x[i]) + b) for i in range(len(x))) / (w @ w) ** 0.5),
        wrong={
            "not divided": (swap(" / np.linalg.norm(w)", ""), "Divide the whole score"),
            "divided by the square": (swap("np.linalg.norm(w)", "(w @ w)"), "not by its square"),
            "one for each example": (swap("np.min(t * (x @ w + b))", "t * (x @ w + b)"), "one number for the whole data set"),
            "mean": (swap("np.min", "np.mean"), "nearest example alone"),
            "largest": (swap("np.min", "np.max"), "nearest example alone"),
            "without sign": (swap("t * (x @ w + b)", "np.abs(x @ w + b)"), "sign of t * z must survive"),
            "length of (w, b)": (swap("np.linalg.norm(w)", "np.linalg.norm(np.append(w, b))"), "length of (w, b)"),
            "bias outside": (swap("(x @ w + b)) / np.linalg.norm(w)", "(x @ w / np.linalg.norm(w) + b))"), "b included"),
            "without bias": (swap("x @ w + b", "x @ w"), "the bias belongs to the score"),
            "half": (swap("np.min", "0.5 * np.min"), "expected"),
        }),
    "one_correction": Proof(
        alternative="b",
        wrong={
            "right for certain": ("a", "still negative"),
            "may fall": ("c", "cannot be negative"),
            "no such letter": ("d", "Answer with one of"),
        }),
    "repaired_pass": Proof(
        alternative=repaired_in_one_space,
        wrong={
            "strict comparison": (swap("<= 0", "< 0"), "leaves w at zero"),
            "bias on every example": (swap("            b = b + t_i", "        b = b + t_i"), "b still changed"),
            "weights on every example": (weights_on_every_example, "w still changed"),
            "no bias": (swap("b = b + t_i", "pass"), "adds t to b as well"),
            "bias as a weight of the first input": (swap("b = b + t_i", "b = b + t_i * x_i[0]"), "adds t to b as well"),
            "batch": (batch_pass, "each correction act at once"),
            "only the first example": (swap("    return w, b", "        return w, b"), "every example get its turn"),
            "in place": (swap("w = w + t_i * x_i", "w += t_i * x_i"), "changes its input"),
            "weights alone": (swap("return w, b", "return w"), "Return 2 things"),
        }),
    "eta_matters": Proof(
        alternative="only if the start is not zero",
        wrong={
            "never": ("never", "another start"),
            "always": ("always", "compare the three counts"),
            "a number": (8, "Answer with one of"),
        }),
    "pocket": Proof(
        alternative=ratchet,
        wrong={
            "the last": (swap("return best_w, best_b", "return w, b"), "return the pocket"),
            "once a pass": (lambda x, t, passes: _each_pass(x, t, passes), "after every correction"),
            "keeps the worst": (swap("wrong < fewest", "wrong > fewest"), "keep the fewest"),
            "strict comparison": (swap("if t_i * (x_i @ w + b) <= 0", "if t_i * (x_i @ w + b) < 0"), "keep the fewest"),
            "no bias": (swap("w, b = w + t_i * x_i, b + t_i", "w = w + t_i * x_i"), "not among those"),
            "weights as a column": (swap("return best_w, best_b", "return best_w[:, None], best_b"), "Your w has shape"),
            "weights alone": (swap("return best_w, best_b", "return best_w"), "Return 2 things"),
        },
        equivalent={
            "line 7: `0.0` -> `-0.0`": "zero has no sign that a sum would keep",
            "line 13: `t * (x @ w + b) <= 0` -> `t * (x @ w + b) < 0`": "no score of a trained neuron is exactly 0 on data drawn at random",
            "line 13: `t * (x @ w + b)` -> `t / (x @ w + b)`": "a quotient has the sign of the product",
            "line 14: `wrong < fewest` -> `wrong <= fewest`": "of weights that are equally good, the last are as good as the first",
        }),
})


def _each_pass(x, t, passes):
    """Looks at the number of mistakes at the end of each pass only."""
    x_tilde, w, best = np.column_stack([x, np.ones(len(x))]), np.zeros(x.shape[1] + 1), np.zeros(x.shape[1] + 1)
    for _ in range(passes):
        for i in range(len(x)):
            w = w + t[i] * x_tilde[i] * (t[i] * (x_tilde[i] @ w) <= 0)
        best = min(best, w, key=lambda w: (t * (x_tilde @ w) <= 0).sum())
    return best[:-1], best[-1]
