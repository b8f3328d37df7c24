"""A whole training run in one file, so that it can go on as if nothing had happened. Chapter *training infrastructure*.

What the next step depends on: parameters and buffers, the optimiser's memory, its learning rate, the step, the epoch, and
the state of every random generator (the one that shuffles, and those of dropout, which may be the same one). What decides
when to stop: the history, and the parameters of the best epoch. Arrays are entries of their own in an .npz file; all the
rest is one entry of JSON, in which a float comes back to the last bit.
"""

import json
import warnings
import zlib

import numpy as np

from ..nn import Module
from .files import place, read_npz, sweep, write_npz

FORMAT = "dlbook checkpoint 1"
HISTORY = ("loss", "validation_loss", "accuracy", "seconds")


class Checkpoint:
    """The file `path`, in which a run of `fit` is kept; `run` holds the settings that must be the same when it goes on.

    Raises TypeError for a model or an optimiser without `state()`, and ValueError where the optimiser trains what is no
    part of the model and would be lost.
    """

    def __init__(self, path, model, optimiser, rng, run):
        if not isinstance(model, Module):
            raise TypeError(f"a checkpoint holds the state of a Module, and the model is a {type(model).__name__}")
        if not hasattr(optimiser, "load_state"):
            raise TypeError(f"a checkpoint holds the optimiser's state, and {type(optimiser).__name__} has no state() and load_state()")
        names = {id(p): name for name, p in model.named_parameters()}
        if any(id(p) not in names for p in optimiser.parameters):
            raise ValueError("the optimiser trains a parameter that is no part of the model, so a checkpoint would lose it: "
                             "make it an attribute of the model")
        self.path, self.model, self.optimiser = place("checkpoint", path), model, optimiser
        self.generators = _shared({"rng of fit": rng, **{f"model.{name}": g for name, g in model.generators().items()}})
        self.run = _plain({
            "model": type(model).__name__, "optimiser": type(optimiser).__name__, **optimiser.settings(),
            "trained parameters": [names[id(p)] for p in optimiser.parameters],
            "generators": [[*names, g.bit_generator.state["bit_generator"]] for names, g in self.generators], **run})

    def exists(self):
        """Whether there is something to go on from."""
        return self.path.exists()

    def create(self, state):
        """Write the run before its first step, so that a place that cannot be written to is known now and not in an hour."""
        if self.path.is_dir():
            raise IsADirectoryError(f"the checkpoint {str(self.path)!r} is a folder: give the path of a file")
        if self.exists():
            raise FileExistsError(f"{self.path} holds an earlier run: resume it, or delete the file to start anew")
        self.save(state, None)

    def save(self, state, best):
        """Write the run as it stands, with the parameters of its best epoch so far, or None."""
        history = state.history
        header = {"format": FORMAT, "run": self.run, "epoch": state.epoch, "step": state.step, "stop": state.stop,
                  "generators": [g.bit_generator.state for _, g in self.generators],
                  **{name: getattr(history, name) for name in HISTORY}}
        parts = {"model": self.model.state(), "optimiser": self.optimiser.state(), "best": best or {}}
        arrays = {f"{part}/{name}": array for part, named in parts.items() for name, array in named.items()}
        try:
            write_npz(self.path, {"header": np.array(json.dumps(_plain(header))), **arrays})
        except OSError as error:
            raise type(error)(f"cannot write the checkpoint {self.path} ({error.strerror}): choose a file name in a folder "
                              "that exists and that you may write to, on a disk with room") from None

    def restore(self, state):
        """Put model, optimiser, generators and `state` where the file says, or nothing at all; return the best parameters or None."""
        header, parts = self._read()
        problems = [f"{name} was {_brief(then)} and is {_brief(now)}" for name, then, now in _differences(header["run"], self.run)]
        if problems:
            raise ValueError(f"{self.path} is the checkpoint of another run: {'; '.join(problems)}: resume with what that run "
                             "began with, or choose another file")
        before = self.model.state(), self.optimiser.state(), [g.bit_generator.state for _, g in self.generators]
        try:
            if parts["best"]:
                self.model.load_state(parts["best"])
            self._take(parts["model"], parts["optimiser"], header["generators"])
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            self._take(*before)
            raise ValueError(f"{self.path} is the checkpoint of another run: {error}") from None
        sweep(self.path)
        for name in HISTORY:
            getattr(state.history, name).extend(header[name])
        state.epoch, state.step, state.stop = header["epoch"], header["step"], header["stop"]
        return parts["best"] or None

    def _take(self, model, optimiser, generators):
        self.model.load_state(model)
        self.optimiser.load_state(optimiser)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # NumPy 1 takes another state for one that cannot be, and warns
            for (_, generator), drawn in zip(self.generators, generators, strict=True):
                generator.bit_generator.state = drawn
                if _text(generator.bit_generator.state) != _text(drawn):
                    raise ValueError(f"no generator can be in the state {drawn!r:.60}")

    def _read(self):
        """The header, and the arrays by part and name."""
        try:
            arrays = read_npz(self.path)
        except OSError as error:
            raise type(error)(f"cannot read the checkpoint {self.path} ({error.strerror}): "
                              "give the path of a file that fit(checkpoint=...) wrote") from None
        except ValueError:
            raise ValueError(f"{self.path} is damaged or cut short: restore it from a copy, or delete it to start anew") from None
        try:
            header = json.loads(arrays.pop("header").item())
            if header["format"] != FORMAT or not {"run", "epoch", "step", "stop", "generators", *HISTORY} <= set(header):
                raise ValueError
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ValueError(f"{self.path} is no checkpoint of this version of dlbook: give a file that fit(checkpoint=...) wrote; "
                             "for a model that train.save wrote there is train.load") from None
        parts = {"model": {}, "optimiser": {}, "best": {}}
        for entry, array in arrays.items():
            part, _, name = entry.partition("/")
            parts.get(part, {})[name] = array
        return header, parts


def fingerprint(array):
    """Text that differs where shape, dtype or any bit of an array differ.

    >>> fingerprint(np.zeros((2, 3)))
    '(2, 3) float64 f288b395'
    """
    return f"{array.shape} {array.dtype} {zlib.crc32(np.ascontiguousarray(array)):08x}"


def _shared(named):
    """Each generator once, after all the names it has: dropout layers often share one, and must do so again."""
    found = {}
    for name, generator in named.items():
        found.setdefault(id(generator), ([], generator))[0].append(name)
    return list(found.values())


def _plain(value):
    """`value` as it comes back from JSON."""
    return json.loads(json.dumps(value, default=lambda array: array.tolist()))


def _differences(then, now):
    """Name, old and new value of every setting that is not the same."""
    return [(name, then.get(name), now.get(name)) for name in {**then, **now} if then.get(name) != now.get(name)]


def _brief(value):
    text = "absent" if value is None else str(value)
    return text if len(text) <= 100 else text[:97] + "..."


def _text(state):
    """A generator's state as text, be it NumPy's own or one that JSON kept."""
    return json.dumps(state, default=lambda array: array.tolist(), sort_keys=True)
