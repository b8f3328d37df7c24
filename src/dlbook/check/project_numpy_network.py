"""Checkers of the chapter `project-numpy-network`."""

import math

import numpy as np

from .core import choice, exercise, expect, same_gradient, same_values, sizes, unpack


@exercise(
    first="Start with `delta`: multiply `grad_h` by the derivative of tanh, which you can write with `h`.",
    hints=["`delta` is the gradient with respect to what stands inside tanh. The loss reaches it through h alone.",
           "tanh'(u) = 1 - tanh²(u), and tanh(u) is already there: it is h. For db and dx, copy the pattern of dw: which product has the right shape?",
           "delta = grad_h * (1 - h**2), then db = delta.sum(axis=0) and dx = delta @ w.T"],
    notice="Only the line with `delta` knows that this layer is a tanh; the other three are the same for every layer.",
)
def tanh_layer_backward(student, rng):
    B, n_in, n_out = sizes(rng, 3)
    x, w, b, grad_h = rng.normal(size=(B, n_in)), rng.normal(size=(n_in, n_out)), rng.normal(size=n_out), rng.normal(size=(B, n_out))
    dx, dw, db = unpack(student(x, w, b, grad_h), "dx", "dw", "db")

    def loss(x, w, b):
        return (np.tanh(x @ w + b) * grad_h).sum()

    same_gradient(dw, lambda w: loss(x, w, b), w, "Look at `delta`, for the line of dw is given.", name="dw")
    same_gradient(db, lambda b: loss(x, w, b), b, "The bias is used in every row of the batch, and its influences add up.", name="db")
    same_gradient(dx, lambda x: loss(x, w, b), x, "Each input reaches all columns of its row, through w.", name="dx")


@exercise(
    first="Copy `broken_gradients`, and ask which gradients the printout shows to be off, and by which factor.",
    hints=["All six gradients are too large by the same factor in the last layer. How many examples does the batch have? For the other mistake, look below the last layer.",
           "The loss is a mean: equation p - y has a 1/B in front. And what comes out of a ReLU is never negative, so for which units is `a >= 0` true?",
           "delta = delta / len(x) before the loop, and (a > 0) in it."],
    notice="Neither mistake raises an error, and with both of them the loss still falls: only a gradient check sees them.",
)
def repaired_gradients(student, rng):
    n0, n1, n2, K, B = sizes(rng, 5, low=3, high=9)
    widths = (n0, n1, n2, K)
    shapes = [shape for m, n in zip(widths, widths[1:]) for shape in ((m, n), (n,))]
    labels, nearest = rng.integers(K, size=B), 0
    while nearest < 1e-3:  # finite differences must not step over a kink
        parameters = [rng.normal(size=shape) for shape in shapes]
        x = rng.normal(size=(B, n0))
        nearest = min(np.abs(z).min() for z in _sums(parameters, x)[:-1])
    names = ("w1", "b1", "w2", "b2", "w3", "b3")
    gradients = unpack(student(parameters, x, labels), *names)
    twice = student(parameters, np.concatenate([x, x]), np.concatenate([labels, labels]))
    expect(not np.allclose(twice[-1], 2 * gradients[-1]),
           "Given every example twice, your gradients double. The loss is a mean, and the mean stays the same: where is the 1/B?")

    def loss(k):
        return lambda p: _mean_cross_entropy([*parameters[:k], p, *parameters[k + 1:]], x, labels)

    for k in (4, 5):
        same_gradient(gradients[k], loss(k), parameters[k], "Already the last layer is wrong.", name=f"The gradient of {names[k]}")
    for k in (0, 1, 2, 3):
        same_gradient(gradients[k], loss(k), parameters[k], "The last layer is right, this one is not: which units did the ReLU switch off?",
                      name=f"The gradient of {names[k]}")


def _sums(parameters, x):
    """What each layer of a ReLU network sums up; the last are the logits."""
    sums = []
    for w, b in zip(parameters[0::2], parameters[1::2]):
        sums.append(x @ w + b)
        x = np.maximum(sums[-1], 0)
    return sums


def _mean_cross_entropy(parameters, x, labels):
    z = _sums(parameters, x)[-1]
    z = z - z.max(axis=1, keepdims=True)
    return (np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels]).mean()


@exercise(
    first="Train the wide network with the lines of the solution's recipe in the text, and put its accuracy on x, y in `wide`.",
    hints=["Copy the training of `straight` from the section above; change the sizes, and measure with accuracy(..., x, y).",
           'one_layer = Network([2, 1728, 2], rng=rng), then train(...), then wide = accuracy(one_layer, x, y)'],
    notice="A wide layer folds once, along many lines; three layers fold what is already folded. Given far longer, the wide one may get there: "
           "that it could is a theorem, that it does in this time is not.",
)
def wide_or_deep(wide, better):
    expect(np.ndim(wide) == 0 and np.asarray(wide).dtype.kind in "fiu", "`wide` is one number: the share of the points that are right.")
    expect(0 <= np.min(wide) and np.max(wide) <= 1, "`wide` is a share, from 0 to 1, and not a percentage or a count.")
    expect(np.max(wide) < 0.9, "That is more than this network reaches in 600 epochs. Did you measure the three layers of 64 by mistake?")
    expect(np.max(wide) > 0.55, "That is hardly better than chance, so the network did not train. Is the learning rate 0.003, and are there 600 epochs?")
    choice(better, "deep", {"wide": "Compare `wide` with the 100 % of the three layers: who is ahead?",
                            "equal": "The number of parameters is equal. Is the accuracy?"})


@exercise(
    first="If all ten digits have the same probability, which probability does the right one have? The loss is minus its logarithm.",
    hints=["Every digit gets 1/10, also the right one, in every example. So the mean is a mean of equal numbers.",
           "first_loss = -math.log(1 / 10)"],
    notice="ln K, for K classes: 0.69 for two, 2.30 for ten, 6.91 for a thousand. Look for it at the start of every training run.",
)
def first_loss(answer):
    expect(np.ndim(answer) == 0 and np.asarray(answer).dtype.kind in "fiu", "`first_loss` is one number, such as 1.23.")
    expect(not np.isclose(answer, math.log2(10), atol=0.02), "That is the logarithm to base 2, which counts bits. In this book log is natural.")
    expect(not np.isclose(answer, 1.0, atol=0.02), "That is the logarithm to base 10. In this book log is natural.")
    expect(not np.isclose(answer, 0.1, atol=0.002), "That is the probability of the right digit. The loss is minus its logarithm.")
    expect(not np.isclose(answer, -math.log(0.9), atol=0.002), "0.9 is the probability of all the wrong digits together. The loss asks for that of the right one.")
    expect(not np.isclose(answer, -math.log(10), atol=0.02), "The sign: a probability is below one, its logarithm is negative, and the loss is *minus* that.")
    expect(abs(answer - math.log(10)) < 0.02, "The right digit has probability 1/10, and the loss is minus the natural logarithm of that.")


@exercise(
    first="Compute log P as the text's `cross_entropy` does, weigh it with the targets, add up each row, and take the mean.",
    hints=["The gradient of log Σ exp z is P. Which gradient does -Σ t z have? Use that each row of targets adds up to one.",
           "Work with log_p = z - log(sum(exp(z))), z with its largest entry subtracted, and never with log(p): p rounds to 0, and 0 · log 0 is not a number.",
           "loss = -(targets * log_p).sum(axis=1).mean() and dz = (np.exp(log_p) - targets) / len(z)"],
    notice="The gradient is (P - T)/B, whatever the targets are. Votes, smoothed labels and the answers of another network all train with this one line.",
)
def soft_cross_entropy(student, rng):
    B, K = sizes(rng, 2, low=3, high=9)
    z = 3 * rng.normal(size=(B, K))
    targets = rng.dirichlet(np.ones(K), size=B)
    loss, dz = unpack(student(z, targets), "loss", "dz")
    want = _soft_loss(z, targets)
    expect(~np.isclose(loss, B * want), "Your loss is the sum over the batch; it should be the mean.")
    same_values(loss, want, name="The loss")
    same_gradient(dz, lambda z: _soft_loss(z, targets), z, name="dz")
    far, labels = 1000 * np.sign(z), rng.integers(K, size=B)
    far[:2, :2], labels[:2] = (1000, -1000), (1, 0)  # a row whose right class has a P that rounds to 0, and one where another has
    far[2] = -1000  # each row has a maximum of its own
    certain = np.eye(K)[labels]
    loss, dz = student(far, certain)
    expect(np.isfinite(loss) & np.isfinite(dz).all(), "With logits of ±1000 you get inf or nan. Subtract each row's maximum, and compute log P without taking the logarithm of a P that rounds to 0.")
    same_values(loss, _soft_loss(far, certain), "A small number added to P, or a clipped P, hides how wrong a certain answer is: compute log P without P.",
                name="The loss of certain answers")


def _soft_loss(z, targets):
    z = z - z.max(axis=1, keepdims=True)
    return (np.log(np.exp(z).sum(axis=1)) - (targets * z).sum(axis=1)).mean()
