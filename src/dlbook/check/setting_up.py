"""Checkers of the chapter `setting-up`."""

import numpy as np

from .core import choice, exercise, expect, same_shape, same_values, sizes, unlike, unpack


@exercise(
    first="Draw one random order of the numbers 0 to n - 1. How do you pick rows in that order, and entries of y in the same?",
    hints=[
        "A list of positions picks rows in its own order: x[[3, 3, 0]]. What would make x and y follow the same list?",
        "Draw the order once, and use it twice: order = rng.permutation(len(x))",
        "order = rng.permutation(len(x));  return x[order], y[order]",
    ],
    notice="One order, used twice. Two calls of rng.permutation would be two orders, and every label would belong to some other image.",
)
def shuffled(student, rng):
    n, width = sizes(rng, 2, low=20, high=40)
    x = 100.0 * np.arange(n)[:, None] + np.arange(width)            # row i begins with 100 i, and its label is 100 + i
    y, seed = 100 + np.arange(n), int(rng.integers(1_000_000))

    def after(seed):
        return unpack(student(x, y, np.random.default_rng(seed)), "x", "y")

    new_x, new_y = after(seed)
    same_shape(new_x, x, "Every image appears once.", name="Your x")
    same_shape(new_y, y, "Every label appears once.", name="Your y")
    same_values(np.sort(new_y), y, "Shuffling must lose no example, and repeat none.", name="Your y, sorted,")
    expect(not np.array_equal(new_y, y), "The labels come out in the order in which they went in.")
    expect(not np.array_equal(new_x, x), "The images come out in the order in which they went in; the labels do not.")
    expect(new_x - new_x[:, :1] == np.arange(width), "Inside an image the pixels are no longer what they were. Pick whole rows: x[order].")
    expect(new_x[:, 0] == 100 * (new_y - 100), "An image has got the label of another one. Draw one order, and use it for x and for y.")
    same_values(after(seed)[1], new_y, "The same seed gave two different orders. Draw from the rng that you are given, and from nothing else.", name="Your y")
    others = [after(seed + k)[1] for k in (1, 2, 3)]
    expect(not all(np.array_equal(other, new_y) for other in others),
           "Every generator gives the same order: you have a seed of your own. Draw from the rng that you are given.")


@exercise(
    first="Write (3, 1, 4) on paper, and (2, 1) below it, aligned at the right. What counts for the missing side?",
    hints=[
        "The missing side on the left counts as 1, so b is (1, 2, 1). Now go side by side.",
        "3 with 1, 1 with 2, 4 with 1: in each pair the 1 is stretched.",
        'shape_of_sum = "(3, 2, 4)"',
    ],
    notice="Both arrays are stretched, each where it has a 1. Nothing of this shape was there before.",
)
def shape_of_sum(answer):
    choice(answer, "(3, 2, 4)", {
        "(3, 1, 4)": "That is the shape of a. Its middle side is 1 and meets a 2: which of the two is stretched?",
        "(2, 1, 4)": "The 2 stands where a has a 3. Align at the right: the 2 meets the 1 in the middle, and the 3 meets a missing side.",
        "error": "At the left 2 would meet 3, but shapes are aligned at the right. There every pair of sides has a 1 in it, and a 1 always fits.",
    })


@exercise(
    first="Three pieces: the length of each row of x, the length of each row of t, and all dot products. What is the shape of each?",
    hints=[
        'Squared lengths are "bd,bd->b"; a length is the square root of that. Dot products of all pairs are "bd,nd->bn".',
        "Divide (B, N) by lengths (B,) and (N,). Which of the two needs an axis more, so that it stretches along the columns?",
        "products / (x_length[:, None] * t_length)",
    ],
    notice="Lengths as a column and a row, products as a table: broadcasting makes one table of all. Attention, later in the book, is built of such tables.",
)
def cosine(student, rng):
    b, n, d = sizes(rng, 3, low=3, high=9)
    x, t = rng.normal(size=(b, d)), rng.normal(size=(n, d))
    got = student(x, t)
    products = x @ t.T
    xx, tt = (x * x).sum(axis=1, keepdims=True), (t * t).sum(axis=1)
    same_shape(got, (b, n), "One number for each row of x with each row of t.")
    unlike(got, products, "These are the dot products. Divide each by the lengths of its two rows.")
    unlike(got, products / (xx * tt), "You divided by the squared lengths: take the square root.")
    same_values(student(3 * x, t), got, "Your answer changes when x is drawn in ink three times as bold: divide by the length of each row of x.")
    same_values(student(x, 3 * t), got, "Your answer changes when t is drawn in ink three times as bold: divide by the length of each row of t.")
    bold = 1.0 + np.arange(b)[:, None]
    same_values(student(bold * x, t), got, "Your answer changes when some rows of x are bolder than others: each row has a length of its own.")
    bold = 1.0 + np.arange(n)[:, None]
    same_values(student(x, bold * t), got, "Your answer changes when some rows of t are bolder than others: each row has a length of its own.")
    same_values(got, products / np.sqrt(xx * tt))


@exercise(
    first="What is the shape of x.min(axis=1), and which axis of x does it meet? And whose numbers does `-=` change?",
    hints=[
        "One mistake is in the shapes: (784,) aligned at the right meets the columns. The other is in `-=` and `/=`.",
        "With keepdims=True the minimum of each row has shape (N, 1), and stretches along its row.",
        "above = x - x.min(axis=1, keepdims=True);  return above / above.max(axis=1, keepdims=True)",
    ],
    notice="On her square batch the minimum of image 5 was subtracted from pixel 5 of every image. On any other batch NumPy would have told her.",
)
def stretched(student, rng):
    n = sizes(rng, 1, low=4, high=9)[0]
    x = rng.uniform(0.5, 2, size=(n, n)) * rng.uniform(1, 3, size=(n, 1)) + rng.uniform(0, 5, size=(n, 1))
    low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
    got = student(x)
    same_shape(got, x)
    unlike(got, (x - x.min()) / (x.max() - x.min()), "You used the darkest and the brightest pixel of the whole batch. Each image has its own: axis=1.")
    down = (x - x.min(axis=0)) / np.ptp(x, axis=0)
    unlike(got, down, "You stretched each column, which is one pixel in all images. An image is a row: axis=1.")
    same_values(np.min(got, axis=1), np.zeros(n), "The darkest pixel of each image must become 0; is its minimum subtracted along its own row?", name="The minimum of each row")
    same_values(np.max(got, axis=1), np.ones(n), "The brightest pixel of each image must become 1.", name="The maximum of each row")
    same_values(got, (x - low) / (high - low), "The pixels in between keep their proportions.")


@exercise(
    first="Set columns to 0, 1, 2 and 3, run the cell each time, and write the four errors down.",
    hints=[
        "The distance compares pixel 300 with pixel 300. Where is the stroke after it has moved?",
        "Divide the error at 2 by the error at 0. Is it near 1, a few, or near 12?",
        'after_shift = "b"',
    ],
    notice="Every number in the image is still there, two places further on. A method that knows about neighbouring pixels would not care: that is what convolution is for.",
)
def after_shift(answer):
    choice(answer, "b", {
        "a": "To you they are the same. To a sum over pixels, place by place, they are not: compare columns = 0 and columns = 2.",
        "c": "Not so bad at 2: thick strokes still overlap with themselves. Run it with columns = 2 and read the number.",
    })
