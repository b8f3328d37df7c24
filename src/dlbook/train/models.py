"""Models kept on disk. Chapters *project: a network in NumPy* and *deployment*."""

from .files import read_npz, write_npz


def save(model, path):
    """Write the state of `model`, bit for bit, to `path` as .npz: all of it or nothing, and never a pickle.

    Raises OSError where `path` cannot be written, saying why; an older file there is then left as it was.
    """
    if not hasattr(model, "state"):
        raise TypeError(f"a model that can be saved is a Module, with state(), and this one is {model!r:.60}")
    try:
        write_npz(path, model.state())
    except OSError as error:
        raise type(error)(f"cannot save the model to {path} ({error.strerror}): choose a file name in a folder that exists "
                          "and that you may write to") from None


def load(model, path):
    """Give `model` the state that `save` wrote to `path`.

    Raises OSError where the file cannot be read, and ValueError where it is damaged or was saved from a model with other
    names, shapes or dtypes. The model is then left as it was.

    >>> import tempfile
    >>> import numpy as np
    >>> from dlbook.nn import Linear
    >>> ours, theirs = (Linear(2, 3, rng=np.random.default_rng(seed)) for seed in (0, 1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(ours, f"{folder}/linear.npz")
    ...     load(theirs, f"{folder}/linear.npz")
    >>> bool((ours.w.data == theirs.w.data).all())
    True
    """
    if not hasattr(model, "load_state"):
        raise TypeError(f"a model that can be loaded is a Module, with load_state(), and this one is {model!r:.60}")
    try:
        state = read_npz(path)
    except OSError as error:
        raise type(error)(f"cannot read a model from {path} ({error.strerror}): "
                          "give the path of a file that dlbook.train.save wrote") from None
    except ValueError as error:
        raise ValueError(f"{path} is damaged or is no saved model: save the model again with dlbook.train.save") from error
    try:
        model.load_state(state)
    except ValueError as error:
        raise ValueError(f"{path} was saved from another model: {error}") from None
