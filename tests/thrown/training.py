"""Calls of optimisers' helpers and of training: the loop with all it can do, and what is written to a disk."""

import contextlib
import tempfile

import numpy as np

from dlbook import nn, optim, schedules, train
from dlbook.autograd import Tensor
from dlbook.functional import mse
from dlbook.train import batches, judging

from .throwing import RNG, Fresh, by_name
from .throwing import tensor_call as call

X, Y = np.arange(10.0).reshape(5, 2), np.array([0, 1, 1, 0, 1])


def line():
    return nn.Linear(2, 1, rng=np.random.default_rng(0), dtype=np.float64)


def with_gradients():
    parameters = [Tensor([1.0, 2.0], requires_grad=True), Tensor([[3.0]], requires_grad=True)]
    for p in parameters:
        p.grad = p.data * 2
    return parameters


def clipped(clip, parameters, limit):
    """A clipping, and the gradients that it leaves."""
    before = clip(parameters, limit)
    return before, [p.grad for p in parameters]


def clipped_norm(parameters, limit):
    return clipped(optim.clip_norm, parameters, limit)


def clipped_value(parameters, limit):
    return clipped(optim.clip_value, parameters, limit)


def trained(x, y, *, epochs, batch_size, rng, progress, **settings):
    """`train.fit` with a model and an optimiser that are new at each call."""
    model = line()
    train.fit(model, x, y, loss=mse, optimiser=optim.SGD(model.parameters(), 0.001), epochs=epochs, batch_size=batch_size,
              rng=rng, progress=progress, **settings)
    return model


def steered(loss, validation, schedule, clip_norm, clip_value, patience, min_delta, callbacks, every, resume):
    """The same, for the loss and the settings that are off until asked for."""
    model = line()
    with folder():
        train.fit(model, X, X[:, :1], loss=loss, optimiser=optim.SGD(model.parameters(), 0.001), epochs=2, batch_size=2, rng=np.random.default_rng(0),
                  progress=False, validation=validation, schedule=schedule, clip_norm=clip_norm, clip_value=clip_value, patience=patience,
                  min_delta=min_delta, callbacks=callbacks, checkpoint="run.npz", every=every, resume=resume)
        return model


@contextlib.contextmanager
def folder():
    """A folder of its own to write in, for a path may be any text."""
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        yield


def saved(model, path):
    """The state that comes back from the disk."""
    with folder():
        train.save(model, path)
        return train.read_npz(path)


def loaded(model, path):
    with folder():
        train.save(line(), "line.npz")
        train.load(model, path)
        return model


def kept(checkpoint):
    with folder():
        return trained(X, X[:, :1], epochs=1, batch_size=2, rng=np.random.default_rng(0), progress=False, checkpoint=checkpoint)


def fitted(model):
    """A fit of a model that may be none, by an optimiser of another's parameters where it is."""
    optimiser = optim.SGD((model if isinstance(model, nn.Module) else line()).parameters(), 0.001)
    train.fit(model, X, X[:, :1], loss=mse, optimiser=optimiser, epochs=1, batch_size=2, rng=np.random.default_rng(0))
    return model


def written(path, arrays):
    with folder():
        train.write_npz(path, arrays)
        return train.read_npz(path)


def read(path):
    with folder():
        train.write_npz("two.npz", {"a": np.arange(2)})
        return train.read_npz(path)


def replaced(path):
    with folder(), train.replacing(path) as file:
        return file.write(b"whole")


NAN = {"means": {"x": ["nan"], "y": ["nan"]}}

TABLE = {
    "dlbook.optim.clipping.clip_norm": [call(clipped_norm, Fresh(with_gradients), 0.5, known_as=["norm", "Tensor"])],
    "dlbook.optim.clipping.clip_value": [call(clipped_value, Fresh(with_gradients), 0.5, known_as=["Tensor"])],
    "dlbook.train.loop.fit": [
        call(trained, X, X[:, :1].copy(), epochs=2, batch_size=2, rng=RNG, progress=False, known_as=["linear", "loss", "targets"], means={"progress": [None]}),
        call(steered, mse, (X, X[:, :1]), schedules.constant(0.001), 0.5, 0.25, 2, 0.5, [lambda state: None], 2, False, known_as=["x", "y"],
             means={name: [None] for name in ("validation", "schedule", "clip_norm", "clip_value", "patience", "checkpoint")}),
        call(kept, "run.npz", means={"checkpoint": [None]}), call(fitted, Fresh(line))],
    **by_name(
        call(batches.minibatches, X, Y, batch_size=2, rng=RNG, free=["x", "y"]), call(judging.predict, lambda x: x, X, batch_size=2, means={"x": ["nan"]}),
        call(judging.accuracy, lambda x: x, X, Y, batch_size=2, known_as=["prediction"], **NAN)),
    "dlbook.train.models.save": [call(saved, Fresh(line), "line.npz", known_as=["directory"])],
    "dlbook.train.models.load": [call(loaded, Fresh(line), "line.npz")],
    "dlbook.train.files.write_npz": [call(written, "two.npz", {"a": np.arange(2), "b": np.float32(3)}, known_as=["directory"])],
    "dlbook.train.files.read_npz": [call(read, "two.npz", known_as=["file", "directory"])],
    "dlbook.train.files.replacing": [call(replaced, "note.txt", known_as=["directory"])],
}
