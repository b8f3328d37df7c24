"""The exercises of `setting-up`."""

import numpy as np
from exercises import Proof, prove, swap


def shuffled_by_sorting(x, y, rng):
    order = np.argsort(rng.random(len(y)))
    return np.take(x, order, axis=0), np.take(y, order)


def with_a_seed(x, y, rng):
    return shuffled_by_sorting(x, y, np.random.default_rng(0))


def with_no_seed(x, y, rng):
    return shuffled_by_sorting(x, y, np.random.default_rng())


def pixels_too(x, y, rng):
    new_x, new_y = shuffled_by_sorting(x, y, rng)
    return new_x[:, ::-1], new_y


def cosine_by_loops(x, t):
    return np.array([[row @ other / np.linalg.norm(row) / np.linalg.norm(other) for other in t] for row in x])


def cosine_with_lengths(x_length, t_length):
    return lambda x, t: x @ t.T / (x_length(x) * t_length(t))


def lengths(x):
    return np.linalg.norm(x, axis=1, keepdims=True)


def in_place(x):
    x -= x.min(axis=1, keepdims=True)
    x /= x.max(axis=1, keepdims=True)
    return x


test_exercises = prove("00-start/setting-up", {
    "shuffled": Proof(
        alternative=shuffled_by_sorting,
        wrong={
            "two orders": (swap("x[order], y[order]", "x[order], y[rng.permutation(len(y))]"), "the label of another one"),
            "images alone": (swap("y[order]", "y"), "The labels come out in the order"),
            "labels alone": (swap("x[order]", "x"), "The images come out in the order"),
            "a seed of its own": (with_a_seed, "a seed of your own"),
            "no seed": (with_no_seed, "from nothing else"),
            "with repetition": (swap("rng.permutation(len(x))", "rng.integers(len(x), size=len(x))"), "repeat none"),
            "pixels mirrored": (pixels_too, "Inside an image"),
            "an image lost": (swap("x[order]", "x[order][1:]"), "Every image appears once"),
            "a label lost": (swap("y[order]", "y[order][1:]"), "Every label appears once"),
            "images alone returned": (swap("x[order], y[order]", "x[order]"), "`x, y`"),
        }),
    "shape_of_sum": Proof(
        alternative=" (3, 2, 4)",
        wrong={
            "that of a": ("(3, 1, 4)", "which of the two is stretched"),
            "the 2 in front": ("(2, 1, 4)", "Align at the right"),
            "aligned at the left": ("error", "a 1 always fits"),
            "a tuple": (((3, 2, 4),), "Answer with one of"),
        }),
    "cosine": Proof(
        alternative=cosine_by_loops,
        wrong={
            "dot products": (lambda x, t: x @ t.T, "These are the dot products"),
            "squared lengths": (lambda x, t: x @ t.T / (lengths(x)**2 * lengths(t).T**2), "take the square root"),
            "x not divided": (cosine_with_lengths(lambda x: 1, lambda t: lengths(t).T), "when x is drawn in ink"),
            "t not divided": (cosine_with_lengths(lengths, lambda t: 1), "when t is drawn in ink"),
            "one length for all of x": (cosine_with_lengths(np.linalg.norm, lambda t: lengths(t).T), "some rows of x are bolder"),
            "one length for all of t": (cosine_with_lengths(lengths, np.linalg.norm), "some rows of t are bolder"),
            "the other way round": (lambda x, t: cosine_by_loops(t, x), "One number for each row of x"),
            "a distance of it": (lambda x, t: 1 - cosine_by_loops(x, t), "Your answer has"),
        }),
    "stretched": Proof(
        alternative=lambda x: np.stack([(row - row.min()) / np.ptp(row) for row in x]),
        wrong={
            "in place": (in_place, "changes its input"),
            "over the batch": (lambda x: (x - x.min()) / np.ptp(x), "of the whole batch"),
            "by columns": (lambda x: (x - x.min(axis=0)) / np.ptp(x, axis=0), "stretched each column"),
            "a row for a column": (lambda x: (x - x.min(axis=1)) / np.ptp(x, axis=1), "along its own row"),
            "divided by the old maximum": (swap("above.max(", "x.max("), "must become 1"),
            "bent": (lambda x: ((x - x.min(axis=1, keepdims=True)) / np.ptp(x, axis=1, keepdims=True)) ** 2, "keep their proportions"),
            "one image": (lambda x: (x[0] - x[0].min()) / np.ptp(x[0]), "has shape"),
        }),
    "after_shift": Proof(
        alternative=" B",
        wrong={
            "the same": ("a", "place by place"),
            "a guess": ("c", "still overlap"),
            "in words": ("it grows", "Answer with one of"),
        }),
})
