"""Training: minibatches, one loop for every network in the book, and models and whole runs kept on disk.

The loop is the one that the chapter *project: a network in NumPy* writes by hand; what it can do beside that (schedules,
clipping, early stopping, callbacks, checkpoints) is off until asked for. With the same data, model and seed it gives the
same parameters, bit for bit, also where a run was killed half way and resumed.
"""

from .batches import minibatches
from .files import read_npz, replacing, write_npz
from .history import History
from .judging import accuracy, predict
from .loop import State, fit
from .models import load, save

__all__ = ["History", "State", "accuracy", "fit", "load", "minibatches", "predict", "read_npz", "replacing", "save", "write_npz"]
