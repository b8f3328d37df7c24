"""The loop that trains every network of the book. Chapters *project: a network in NumPy*, *regularisation*, *schedules*."""

import inspect
import math
import time
from dataclasses import dataclass

from .. import optim
from ..data import check_pairs
from ..nn import Module
from ..settings import flag, function, generator, number, whole
from .batches import minibatches
from .checkpoints import Checkpoint, fingerprint
from .history import History
from .judging import outputs, share_right
from .progress import Bar


@dataclass(slots=True)
class State:
    """Where a run of `fit` stands: after `epoch` epochs and `step` steps. A callback sets `stop` to True to end the run.

    >>> def enough(state):
    ...     state.stop = state.history.loss[-1] < 0.01
    """

    model: Module
    optimiser: optim.Optimiser
    history: History
    epoch: int = 0
    step: int = 0
    stop: bool = False


def fit(
    model, x, y, *, loss, optimiser, epochs, batch_size, rng, validation=None, progress=None,
    schedule=None, clip_norm=None, clip_value=None, patience=None, min_delta=0.0, callbacks=(),
    checkpoint=None, every=1, resume=False,
):
    """Train `model` on x, y by stochastic gradient descent and return a `History`.

    Parameters
    ----------
    model : Module or function of a batch
        A module in evaluation mode is switched to training; in one that is training already, parts that were put into
        evaluation mode (frozen) stay in it.
    x, y : arrays (N, ...)
    loss : function
        Of the model's output and the right answers, which it takes by the name `labels` or `targets`.
    optimiser : object with `zero_grad()` and `step()`
    epochs, batch_size : int
        At least 1.
    rng : np.random.Generator
        Shuffles the examples anew in each epoch.
    validation : pair of arrays, optional
        Judged after each epoch, never learnt from.
    progress : bool, optional
        Whether to show a bar on stderr. By default `DLBOOK_PROGRESS` (1 or 0) decides; where it is not set, there is a bar
        on a terminal and none elsewhere. The bar erases itself.
    schedule : function of the step, optional
        Gives the learning rate of each step, counted from 0 over the whole run (`dlbook.schedules`).
    clip_norm, clip_value : float, optional
        Limits to which `optim.clip_norm` and `optim.clip_value` cut the gradient of each step.
    patience, min_delta : int and float, optional
        Stop when for `patience` epochs no validation loss was more than `min_delta` below the best. The model then has the
        parameters and buffers of the best epoch, `history.best(min_delta)`, also where all epochs were run (Prechelt,
        "Early stopping, but when?", 1998).
    callbacks : functions of a `State`
        Called after each epoch. What one raises ends the run; the model is then as the epoch left it.
    checkpoint, every, resume : path, int and bool, optional
        Write the whole run to a file before the first epoch, after each `every` epochs and at the end. With `resume`, go on
        from that file if there is one: the parameters and the history become the very ones, bit for bit, of a run that
        nothing broke off. Pass the arguments of the first call; functions among them (loss, schedule, callbacks) are not
        compared. A random generator is seen if it is `rng` or an attribute of a module.

    Raises
    ------
    ValueError, TypeError
        For a setting, data or checkpoint that do not fit; nothing has changed then.
    FileExistsError
        If there is a checkpoint already and `resume` is False.
    FloatingPointError
        If the loss is no longer a finite number; the step that would spread it is not taken.

    Robbins and Monro, "A stochastic approximation method", 1951. Chapter: *project: a network in NumPy*.

    >>> import numpy as np
    >>> from dlbook import data, functional, nn, optim, train
    >>> rng = np.random.default_rng(0)
    >>> x, y = data.logic_gate("xor")
    >>> model = nn.MLP([2, 8, 2], rng=rng)
    >>> adam = optim.Adam(model.parameters(), lr=0.05)
    >>> history = fit(model, x, y, loss=functional.cross_entropy, optimiser=adam, epochs=100, batch_size=4, rng=rng)
    >>> train.accuracy(model, x, y)
    1.0
    """
    x, y = check_pairs(x, y)
    whole("epochs", epochs), whole("batch_size", batch_size), whole("every", every), number("min_delta", min_delta, 0)
    generator(rng), function("model", model)
    for name, limit in (("clip_norm", clip_norm), ("clip_value", clip_value)):
        if limit is not None and not number(name, limit, 0):
            raise ValueError(f"{name} must be above 0, and is {limit!r}")
    if schedule is not None:
        function("schedule", schedule)
    if not isinstance(callbacks, (tuple, list)):
        raise TypeError(f"callbacks must be a list of functions, and is {callbacks!r:.60}")
    for callback in callbacks:
        function("each of callbacks", callback)
    if validation is not None:
        if not isinstance(validation, (tuple, list)) or len(validation) != 2:
            raise TypeError(f"validation must be a pair of arrays, (x, y), and is {validation!r:.60}")
        validation = check_pairs(*validation)
    if patience is not None and whole("patience", patience) and validation is None:
        raise ValueError("patience watches the validation loss: pass validation=(x, y), examples that are not trained on")
    if flag("resume", resume) and checkpoint is None:
        raise ValueError("resume=True goes on from a checkpoint: pass checkpoint=, the path of its file")
    answers = _answers(loss)
    state, best, keep = State(model, optimiser, History([], [], [], [])), None, None
    if checkpoint is not None:
        run = {"batch_size": batch_size, "clip_norm": clip_norm, "clip_value": clip_value, "patience": patience,
               "min_delta": min_delta, "schedule": "one" if schedule else "none", "x": fingerprint(x), "y": fingerprint(y),
               "validation": [fingerprint(a) for a in validation] if validation else "none"}
        keep = Checkpoint(checkpoint, model, optimiser, rng, run)
        best = keep.restore(state) if resume and keep.exists() else keep.create(state)
    if not getattr(model, "training", True):
        model.train()

    batches = math.ceil(len(x) / batch_size)
    with Bar(epochs * batches, progress, done=state.step) as bar:
        while state.epoch < epochs and not state.stop:
            start, total = time.perf_counter(), 0.0
            for batch, (x_batch, y_batch) in enumerate(minibatches(x, y, batch_size=batch_size, rng=rng), 1):
                if schedule:
                    optimiser.lr = schedule(state.step)
                optimiser.zero_grad()
                value = loss(model(x_batch), **{answers: y_batch})
                _finite(value.item(), state.epoch + 1, batch, batches)
                value.backward()
                if clip_value is not None:
                    optim.clip_value(optimiser.parameters, clip_value)
                if clip_norm is not None:
                    optim.clip_norm(optimiser.parameters, clip_norm)
                optimiser.step()
                state.step += 1
                total += value.item() * len(x_batch)
                bar.advance(f"epoch {state.epoch + 1} of {epochs}, loss {value.item():.4f}")
            state.epoch += 1
            state.history.seconds.append(time.perf_counter() - start)
            state.history.loss.append(total / len(x))
            if validation is not None:
                _judge(state.history, loss, answers, outputs(model, validation[0]), validation[1])
            bar.erase()  # so that a callback can print
            for callback in callbacks:
                callback(state)
            if patience is not None:
                chosen = state.history.best(min_delta)
                best = model.state() if chosen == state.epoch else best
                state.stop = state.stop or state.epoch - chosen >= patience  # a callback's False does not overrule it
            if keep is not None and (state.epoch % every == 0 or state.epoch == epochs or state.stop):
                keep.save(state, best)
    if best is not None:
        model.load_state(best)
    return state.history


def _answers(loss):
    """The name by which a loss takes the right answers: classification says labels, regression targets."""
    for name in ("labels", "targets"):
        if name in inspect.signature(function("loss", loss)).parameters:
            return name
    raise TypeError(f"the loss takes {inspect.signature(loss)}; expected a function of the model's output and of labels= or "
                    "targets=, such as dlbook.functional.cross_entropy")


def _finite(value, epoch, batch, batches):
    if not math.isfinite(value):
        raise FloatingPointError(
            f"the loss became {value} in epoch {epoch}, batch {batch} of {batches}: usually the learning rate is "
            "too large, the inputs are not scaled or hold nan, or a division or logarithm met 0")


def _judge(history, loss, answers, output, y):
    """Enter into the history what the model's output for the validation examples is worth."""
    history.validation_loss.append(loss(output, **{answers: y}).item())
    if y.dtype.kind in "iub":
        history.accuracy.append(share_right(output, y))
