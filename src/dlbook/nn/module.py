"""What every layer is: an object that holds parameters and maps an input to an output. Chapter *forward pass*."""

import numpy as np

from ..autograd import Tensor


class Module:
    """A part of a network: keep parameters and other modules as attributes, and write `forward`.

    Parameters are found by walking the attributes in the order in which they were assigned: Tensors are parameters,
    arrays are *buffers* (saved but not trained), modules and lists, tuples and dictionaries of these are walked in turn.
    A parameter that is used in two places is listed once.

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Tensor(2.0, requires_grad=True)
    ...     def forward(self, x):
    ...         return self.factor * x
    >>> Scale()([1.0, 2.0])
    Tensor([2., 4.], requires_grad=True)
    """

    training = True

    def __call__(self, *inputs, **settings):
        return self.forward(*inputs, **settings)

    def forward(self, x):
        """Output for the input `x`: what a subclass must write."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, x)")

    def named_parameters(self):
        """Pairs of a dotted name and a trainable Tensor.

        >>> from dlbook.nn import Linear
        >>> [name for name, _ in Linear(3, 2, rng=np.random.default_rng(0)).named_parameters()]
        ['w', 'b']
        """
        found = {}
        for name, value, _, _ in _walk(self):
            if isinstance(value, Tensor) and value.requires_grad and id(value) not in found:
                found[id(value)] = (name, value)
        return list(found.values())

    def parameters(self):
        """The trainable Tensors, in definition order, each once."""
        return [tensor for _, tensor in self.named_parameters()]

    def modules(self):
        """This module and all modules within, outermost first."""
        return list(dict.fromkeys([self, *(owner for _, _, owner, _ in _walk(self) if isinstance(owner, Module))]))

    def generators(self):
        """The random generators among the attributes, by name: dropout keeps one, which what restores a run must restore.

        >>> from dlbook.nn import Dropout
        >>> list(Dropout(0.5, rng=np.random.default_rng(0)).generators())
        ['rng']
        """
        return {name: value for name, value, _, _ in _walk(self) if isinstance(value, np.random.Generator)}

    def train(self):
        """Switch to training mode, in which dropout drops and batch norm watches; returns self."""
        return self._mode(True)

    def eval(self):
        """Switch to evaluation mode; returns self."""
        return self._mode(False)

    def _mode(self, training):
        for module in self.modules():
            module.training = training
        return self

    def state(self):
        """Copies of all parameters and buffers by name.

        Raises
        ------
        ValueError, TypeError
            If two of them have one name, or a buffer stands in a tuple, where `load_state` could not replace it.

        >>> from dlbook.nn import Linear
        >>> {name: a.shape for name, a in Linear(3, 2, rng=np.random.default_rng(0)).state().items()}
        {'w': (3, 2), 'b': (2,)}
        """
        return {name: np.array(_array(value)) for name, (value, _, _) in self._kept().items()}

    def load_state(self, state):
        """Take over parameters and buffers that `state()` gave; all of them or, if anything does not fit, none.

        Raises
        ------
        ValueError
            If names, shapes or dtypes differ from this module's, or one parameter with two names is given two values.
        """
        mine = self._kept()
        problems = [f"{name} is missing" for name in mine if name not in state]
        problems += [f"{name} is not part of this module" for name in state if name not in mine]
        for name in mine.keys() & state.keys():
            have, given = _array(mine[name][0]), np.asarray(state[name])
            if have.shape != given.shape or have.dtype != given.dtype:
                problems.append(f"{name} has shape {given.shape} and dtype {given.dtype}, expected {have.shape} and {have.dtype}")
        names = {}
        for name, (value, _, _) in mine.items() if not problems else ():
            other = names.setdefault(id(value), name)
            if other != name and np.asarray(state[other]).tobytes() != np.asarray(state[name]).tobytes():
                problems.append(f"{other} and {name} are one parameter, and two sets of values are given")
        if problems:
            raise ValueError(f"this state does not fit {type(self).__name__}: " + "; ".join(sorted(problems)))
        for name, (value, owner, key) in mine.items():
            if isinstance(value, Tensor):
                value.data = np.array(state[name])
            elif isinstance(owner, Module):
                setattr(owner, key, np.array(state[name]))
            else:
                owner[key] = np.array(state[name])

    def _kept(self):
        """The Tensor or array, its owner and the key that it has there, of every parameter and buffer by name."""
        kept = {}
        for name, value, owner, key in _walk(self):
            if isinstance(value, (Tensor, np.ndarray)):
                if name in kept:
                    raise ValueError(f"two parts of {type(self).__name__} are called {name}: rename one")
                if isinstance(owner, tuple) and not isinstance(value, Tensor):
                    raise TypeError(f"{name} is an array in a tuple, where load_state() cannot replace it: make it a list")
                kept[name] = value, owner, key
        return kept


def _walk(owner, prefix="", path=()):
    """Yield `(name, leaf, owner, key)` for every leaf below `owner`, depth first, and what is walked in turn as its own owner."""
    if any(owner is above for above in path):
        raise ValueError(f"a module must not contain itself: {prefix.rstrip('.')} leads back to where it came from")
    items = vars(owner) if isinstance(owner, Module) else owner
    for key, value in items.items() if isinstance(items, dict) else enumerate(items):
        if isinstance(value, (Module, list, tuple, dict)):
            yield f"{prefix}{key}", None, value, None
            yield from _walk(value, f"{prefix}{key}.", (*path, owner))
        else:
            yield f"{prefix}{key}", value, owner, key


def _array(value):
    """The array of a parameter or buffer."""
    return value.data if isinstance(value, Tensor) else value
