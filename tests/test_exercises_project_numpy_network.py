"""The exercises of `project-numpy-network`: solutions pass, and each wrong answer gets the sentence meant for it."""

import math

import numpy as np
from exercises import CHAPTERS, Proof, prove, published, swap

from dlbook.data import lang_witbrock_spirals


def tanh_by_loops(x, w, b, grad_h):
    dx, dw, db = np.zeros_like(x), np.zeros_like(w), np.zeros_like(b)
    for row, g in zip(range(len(x)), grad_h):
        for j in range(len(b)):
            delta = g[j] / np.cosh(x[row] @ w[:, j] + b[j]) ** 2
            dx[row] += delta * w[:, j]
            dw[:, j] += delta * x[row]
            db[j] += delta
    return dx, dw, db


def gradients_by_rows(parameters, x, labels):
    """One example at a time, then the mean."""
    total = [np.zeros_like(p) for p in parameters]
    for row, label in zip(x, labels):
        a = [row]
        for w, b in zip(parameters[0::2], parameters[1::2]):
            z = b + w.T @ a[-1]
            a.append(z.clip(0))
        delta = np.exp(z) / np.exp(z).sum() - np.eye(len(z))[label]
        for k in range(len(parameters) - 2, -1, -2):
            total[k] += np.outer(a[k // 2], delta) / len(x)
            total[k + 1] += delta / len(x)
            delta = parameters[k] @ delta * (a[k // 2] != 0)
    return total


def soft_by_rows(z, targets):
    losses, rows = [], []
    for row, t in zip(z, targets):
        top = row.max()
        log_sum = top + math.log(sum(math.exp(v - top) for v in row))
        losses.append(sum(p * (log_sum - v) for p, v in zip(t, row)))
        rows.append([math.exp(v - log_sum) - p for p, v in zip(t, row)])
    return np.mean(losses), np.array(rows) / len(z)


def naive_soft(z, targets):
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return -(targets * np.log(p)).sum(axis=1).mean(), (p - targets) / len(z)


def logarithm_of_zero(z, targets):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -(targets * np.log(p)).sum(axis=1).mean(), (p - targets) / len(z)


def a_little_added(z, targets):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -(targets * np.log(p + 1e-12)).sum(axis=1).mean(), (p - targets) / len(z)


SPIRALS = lang_witbrock_spirals()
BROKEN_MEAN = swap("    delta = delta / len(x)                      # the loss is a mean\n", "")

TABLE = {
    "tanh_layer_backward": Proof(
        alternative=tanh_by_loops,
        wrong={
            "no derivative of tanh": (swap("grad_h * (1 - h**2)", "grad_h"), "Look at `delta`"),
            "derivative at the sum": (swap("(1 - h**2)", "(1 - (x @ w + b)**2)"), "Look at `delta`"),
            "bias not summed": (swap("delta.sum(axis=0)", "delta"), "db has shape"),
            "bias by the mean": (swap("delta.sum(axis=0)", "delta.mean(axis=0)"), "its influences add up"),
            "dx without the derivative": (swap("delta @ w.T", "grad_h @ w.T"), "Each input reaches all columns"),
            "weight not transposed": (swap("w.T", "w"), "Your code raised ValueError"),
            "weights alone": (swap("return dx, dw, db", "return dw"), "Return 3 things, `dx, dw, db`"),
        }),
    "repaired_gradients": Proof(
        alternative=gradients_by_rows,
        wrong={
            "as found": (lambda *a: broken(*a), "where is the 1/B?"),
            "mean forgotten": (BROKEN_MEAN, "where is the 1/B?"),
            "mask forgotten": (swap("(a > 0)", "(a >= 0)"), "which units did the ReLU switch off?"),
            "no mask": (swap(" * (a > 0)", ""), "which units did the ReLU switch off?"),
            "mean over the classes": (swap("delta / len(x)", "delta / delta.shape[1]"), "where is the 1/B?"),
            "batch off by one": (swap("delta / len(x)", "delta / (len(x) + 1)"), "Already the last layer is wrong. The gradient of w3"),
            "last bias from one row": (lambda p, x, y: last_bias_doubled(p, x, y), "Already the last layer is wrong. The gradient of b3"),
            "transposed": (lambda p, x, y: [g.T for g in gradients_by_rows(p, x, y)], "Is it transposed?"),
            "weights alone": (swap("return gradients", "return gradients[0::2]"), "Return 6 things"),
        },
        equivalent={
            **dict.fromkeys(
                ["line 9: `z - z.max(axis=1, keepdims=True)` -> `z + z.max(axis=1, keepdims=True)`",
                 "line 9: `z - z.max(axis=1, keepdims=True)` -> `z`", "line 9: `axis=1` -> `axis=None`"],
                "the same number added to every logit of a row does not change softmax; overflow is the subject of soft_cross_entropy"),
            "line 14: `-2` -> `2`": "of four activations the last but one is the third",
        }),
    "wide_or_deep": Proof(
        alternative=(0.61, " Deep"),
        given={"x": SPIRALS[0] / SPIRALS[0].std(), "y": SPIRALS[1]},
        wrong={
            "in per cent": ((61.3, "deep"), "a share, from 0 to 1"),
            "the deep one measured": ((1.0, "equal"), "by mistake"),
            "not trained": ((0.5, "deep"), "hardly better than chance"),
            "all at once": ((np.ones(194), "deep"), "`wide` is one number"),
            "in words": (("two thirds", "deep"), "`wide` is one number"),
            "wide": ((0.61, "wide"), "who is ahead?"),
            "equal": ((0.61, "equal"), "Is the accuracy?"),
        },
        equivalent=dict.fromkeys(
            ["line 4: `3` -> `4`", "line 5: `1728` -> `1729`", "line 5: `2` -> `3`", "line 7: `600` -> `601`", "line 7: `32` -> `33`"],
            "the same experiment with another seed, one more unit, epoch or row: its finding must not depend on that")),
    "first_loss": Proof(
        alternative=2.3,
        wrong={
            "bits": (math.log2(10), "to base 2"),
            "base ten": (1.0, "to base 10"),
            "probability": (0.1, "probability of the right digit"),
            "the wrong digits": (-math.log(0.9), "all the wrong digits together"),
            "sign": (-math.log(10), "The sign"),
            "ten": (10.0, "natural logarithm of that"),
            "a text": ("ln 10", "is one number"),
        }),
    "soft_cross_entropy": Proof(
        alternative=soft_by_rows,
        wrong={
            "naive": (naive_soft, "With logits of ±1000"),
            "logarithm of a zero": (logarithm_of_zero, "With logits of ±1000"),
            "a little added to P": (a_little_added, "hides how wrong a certain answer is"),
            "sum over the batch": (swap("(targets * log_p).sum(axis=1).mean()", "(targets * log_p).sum()"), "sum over the batch"),
            "a loss per row": (swap("(targets * log_p).sum(axis=1).mean()", "(targets * log_p).sum(axis=1)"), "The loss has shape"),
            "mean over the classes too": (swap("(targets * log_p).sum(axis=1).mean()", "(targets * log_p).mean()"), "The loss is"),
            "gradient of the sum": (swap(" / len(z)", ""), "times what it should be"),
            "gradient upside down": (swap("np.exp(log_p) - targets", "targets - np.exp(log_p)"), "The sign is wrong"),
            "loss alone": (swap("return loss, (np.exp(log_p) - targets) / len(z)", "return loss"), "Return 2 things, `loss, dz`"),
        }),
}


def broken(parameters, x, labels):
    return chapter_functions()["broken_gradients"](parameters, x, labels)


def last_bias_doubled(parameters, x, labels):
    gradients = gradients_by_rows(parameters, x, labels)
    return [*gradients[:-1], 3 * gradients[-1]]


def chapter_functions():
    """What the chapter defines, by name."""
    space = {}
    exec(published(CHAPTERS / "07-projects/project-numpy-network.md")["repaired_gradients"].before, space)
    return space


test_exercises = prove("07-projects/project-numpy-network", TABLE)
