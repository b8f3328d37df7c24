"""`dlbook train`: train a classifier on one of the book's data sets, watch it, save it."""

import argparse
import importlib.util
import io
import math
from pathlib import Path

from . import WrongCall

EXAMPLES = """examples:
  dlbook train xor --model linear                what a line cannot do
  dlbook train xor --hidden 8 --lr 0.05          and a hidden layer can
  dlbook train mnist_small --model mlp --epochs 3 --out digits.npz
  dlbook train fashion_mnist_small --model cnn --schedule one_cycle --patience 3 --plot history.png
  dlbook train mnist --checkpoint run.npz        after a crash or Ctrl-C: the same command with --resume run.npz

`dlbook data` lists the data sets. The same command gives the same model, bit for bit."""
RATES = {"sgd": 0.1, "momentum": 0.05, "nesterov": 0.05, "adagrad": 0.05, "rmsprop": 0.002, "adam": 0.002, "adamw": 0.002}
SCHEDULES = ("constant", "linear", "cosine", "one_cycle")
MODELS = ("linear", "mlp", "cnn", "resnet")


def options(parser):
    """What can be chosen."""
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("data", metavar="DATASET", help="what to learn: mnist_small, two_spirals, xor, ...")
    add("--model", choices=MODELS, default="mlp", help="the architecture (default: %(default)s); cnn and resnet need images")
    add("--hidden", type=whole, nargs="+", default=[128, 64], metavar="N", help="units of each hidden layer of an mlp (default: 128 64)")
    add("--dropout", type=share, default=0.0, metavar="P", help="share of units left out in training (default: %(default)s)")
    add("--epochs", type=whole, metavar="N", help="how often each example is seen (default: what the data set needs, mnist 5, xor 300)")
    add("--batch-size", type=whole, default=64, metavar="N", help="examples a step (default: %(default)s)")
    add("--optimiser", choices=RATES, default="adam", help="the rule of a step (default: %(default)s)")
    add("--lr", type=rate, metavar="RATE", help="learning rate (default: by optimiser, %s)" % ", ".join(f"{k} {v}" for k, v in RATES.items()))
    add("--schedule", choices=SCHEDULES, default="constant", help="how the rate changes over the run (default: %(default)s)")
    add("--warmup", type=whole, metavar="STEPS", help="steps in which the rate climbs from 0 (default: none)")
    add("--clip-norm", type=rate, metavar="LIMIT", help="shorten longer gradients to this length (default: never)")
    add("--validation", type=share, default=0.1, metavar="P",
        help="share of the training examples to watch, not to learn from (default: %(default)s; 0 for none)")
    add("--patience", type=whole, metavar="N", help="stop after N epochs without a better validation loss, and keep the best (default: never)")
    add("--seed", type=seed, default=0, help="of weights, order and dropout (default: %(default)s)")
    add("--out", type=Path, default=Path("model.npz"), metavar="FILE", help="where the model goes (default: %(default)s)")
    add("--plot", type=Path, metavar="FILE", help="draw the history into a .png, .svg or .pdf (needs matplotlib)")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--checkpoint", type=Path, metavar="FILE", help="keep the whole run here after each epoch")
    group.add_argument("--resume", type=Path, metavar="FILE", help="go on from such a file, and keep it up to date")


def run(options):
    """Train, print a line an epoch, judge on the test examples, save."""
    check_files(options)
    import numpy as np

    from ..functional import cross_entropy
    from ..train import accuracy, fit
    from . import problems
    from .classifier import FOR_IMAGES, Classifier, save

    problem = problems.load(options.data)
    if options.model in FOR_IMAGES and len(problem.shape) != 3:
        raise WrongCall(f"{options.model} needs images, and an example of {problem.name} is {problem.shape[0]} numbers: use mlp or linear")
    learnt, watched = (problem.examples.x_train, problem.examples.y_train), None
    no_others = problems.is_all_there_is(problem.examples)
    if options.validation and not no_others:
        learnt, watched = problems.held_out(problem.examples, options.validation)
    elif options.patience:
        raise WrongCall("--patience watches validation examples, and there are none: give --validation a share, or take a larger data set")
    rng = np.random.default_rng(options.seed)
    card = {"model": options.model, "shape": list(problem.shape), "classes": list(problem.classes), "hidden": options.hidden,
            "dropout": options.dropout, "data": problem.name, "low": float(learnt[0].min()), "high": float(learnt[0].max())}
    model = Classifier(card, rng=rng).standardise(learnt[0])
    epochs = options.epochs or problem.epochs
    optimiser = make_optimiser(options, model.parameters())
    kept = options.resume or options.checkpoint
    count = sum(p.size for p in model.parameters())
    print(f"{problem.name}: {len(learnt[0]):,} examples to learn from, {len(watched[0]) if watched else 0:,} to watch, "
          f"{len(problem.examples.x_test):,} to test; {options.model} with {count:,} parameters")
    print("epoch      loss" + ("  validation  accuracy" if watched else "") + "   seconds")
    try:
        history = fit(
            model, *learnt, loss=cross_entropy, optimiser=optimiser, epochs=epochs, batch_size=options.batch_size, rng=rng,
            validation=watched, schedule=make_schedule(options, optimiser.lr, epochs * math.ceil(len(learnt[0]) / options.batch_size)),
            clip_norm=options.clip_norm, patience=options.patience, callbacks=[print_epoch],
            checkpoint=kept, resume=options.resume is not None)
    except KeyboardInterrupt:
        advice = f"go on with the same command and --resume {kept}" if kept else "with --checkpoint FILE the run could have gone on"
        raise KeyboardInterrupt(f"interrupted, no model was written; {advice}") from None
    if options.patience:
        print(f"the best epoch was {history.best()}: its parameters are kept")
    right = accuracy(model, problem.examples.x_test, problem.examples.y_test)
    which = "examples, the same that it learnt from" if no_others else "test examples"
    print(f"right on {100 * right:.2f} % of {len(problem.examples.x_test):,} {which}")
    save(model, options.out)
    print(f"written to {options.out}; ask it with `dlbook predict {options.out} --data {problem.name}`")
    if options.plot:
        plot(history, options.plot)
        print(f"history drawn in {options.plot}")
    return 0


def check_files(options):
    """Raise before the hour of training what would go wrong after it."""
    for file in filter(None, (options.out, options.plot, options.checkpoint)):
        if not file.parent.is_dir():
            raise WrongCall(f"{file} cannot be written, because there is no folder {file.parent}: make it, or choose another")
        if file.is_dir():
            raise WrongCall(f"{file} is a folder: give the name of a file")
    kept = options.resume or options.checkpoint
    if kept and kept.resolve() == options.out.resolve():
        raise WrongCall(f"the model would be written over the checkpoint {kept}: give --out another name")
    if options.resume and not options.resume.is_file():
        raise FileNotFoundError(f"there is no checkpoint {options.resume} to go on from: begin with --checkpoint {options.resume}")
    if options.plot:
        if options.plot.suffix not in (".png", ".svg", ".pdf"):
            raise WrongCall(f"--plot draws .png, .svg or .pdf, and was given {options.plot}")
        if importlib.util.find_spec("matplotlib") is None:
            raise ModuleNotFoundError("--plot needs matplotlib, which is not installed: type `pip install matplotlib`, or leave --plot out")


def make_optimiser(options, parameters):
    """The optimiser asked for."""
    from .. import optim

    lr = RATES[options.optimiser] if options.lr is None else options.lr
    if options.optimiser in ("sgd", "momentum", "nesterov"):
        return optim.SGD(parameters, lr, momentum=0.0 if options.optimiser == "sgd" else 0.9, nesterov=options.optimiser == "nesterov")
    rules = {"adagrad": optim.AdaGrad, "rmsprop": optim.RMSProp, "adam": optim.Adam, "adamw": optim.AdamW}
    return rules[options.optimiser](parameters, lr)


def make_schedule(options, lr, steps):
    """The schedule asked for, over all steps of the run."""
    from .. import schedules

    rest = max(steps - (options.warmup or 0), 1)
    make = {"constant": lambda: schedules.constant(lr), "linear": lambda: schedules.linear(lr, steps=rest),
            "cosine": lambda: schedules.cosine(lr, steps=rest), "one_cycle": lambda: schedules.one_cycle(lr, steps=rest)}
    schedule = make[options.schedule]()
    return schedules.warmup(schedule, steps=options.warmup) if options.warmup else schedule


def print_epoch(state):
    """One line of the table."""
    history = state.history
    watched = f"{history.validation_loss[-1]:>12.4f}{100 * history.accuracy[-1]:>8.2f} %" if history.accuracy else ""
    print(f"{state.epoch:>5}{history.loss[-1]:>10.4f}{watched}{history.seconds[-1]:>10.2f}", flush=True)


def plot(history, path):
    """Draw the losses over the epochs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from .. import viz
    from ..train import replacing

    figure, axes = pyplot.subplots()
    viz.history(axes, history)
    drawn = io.BytesIO()
    figure.savefig(drawn, format=path.suffix[1:])
    pyplot.close(figure)
    with replacing(path) as file:
        file.write(drawn.getvalue())


# ---- numbers on the command line ------------------------------------------------------------------------------------

def _number(kind, fits, expected):
    def convert(word):
        try:
            value = kind(word)
        except ValueError:
            value = math.nan
        if not fits(value):
            raise argparse.ArgumentTypeError(f"must be {expected}, and is {word!r}")
        return value
    return convert


whole = _number(int, lambda n: n >= 1, "a whole number from 1 up")
seed = _number(int, lambda n: n >= 0, "a whole number from 0 up")
rate = _number(float, lambda x: 0 < x < math.inf, "a number above 0")
share = _number(float, lambda x: 0 <= x < 1, "a number from 0 to below 1")
