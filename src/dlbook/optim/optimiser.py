"""What all optimisers share: they collect the gradient, hand out the new parameters, and can be saved and restored."""

import numpy as np

from ..autograd import Tensor
from ..settings import number


class Optimiser:
    """What all optimisers share: collecting the gradient, handing out the new parameters. Subclasses write `update`.

    Raises
    ------
    TypeError
        If something among the parameters is not a Tensor that requires a gradient, or dtypes are mixed.
    ValueError
        If there are no parameters, one is given twice, or a setting is out of range.
    """

    def __init__(self, parameters, lr):
        try:
            self.parameters = list(parameters)
        except TypeError:
            raise TypeError(f"parameters must be a list of Tensors, as model.parameters() gives, and is {parameters!r:.60}") from None
        if not self.parameters:
            raise ValueError("an optimiser was given no parameters: pass model.parameters()")
        for position, p in enumerate(self.parameters):
            if not isinstance(p, Tensor) or not p.requires_grad or p.parents:
                what = type(p).__name__ if not isinstance(p, Tensor) else "computed from others" if p.parents else "one without"
                raise TypeError(f"parameter {position} must be a Tensor made with requires_grad=True, and is {what}")
        if len({id(p) for p in self.parameters}) < len(self.parameters):
            raise ValueError("an optimiser was given the same parameter twice")
        if len({p.dtype for p in self.parameters}) > 1:
            raise TypeError(f"an optimiser was given parameters of dtypes {sorted({str(p.dtype) for p in self.parameters})}: make them one")
        self.lr = number("lr", lr, 0)
        self._given = self.parameters[0].dtype
        self.dtype = np.result_type(self._given, np.float32)  # g² and ε round to 0 in float16, and 0 / 0 to nan
        self.t = 0
        self._shapes = [p.shape for p in self.parameters]
        self._bounds = np.cumsum([0] + [p.size for p in self.parameters]).tolist()
        self._flat, self._views = None, []

    def zeros(self):
        """A vector of zeros as long as θ, for what a rule remembers."""
        return np.zeros(self._bounds[-1], self.dtype)

    def zero_grad(self):
        """Forget all gradients; call it before each backward pass, for gradients add up."""
        for p in self.parameters:
            p.grad = None

    def step(self):
        """Change every parameter by one step of the rule.

        Raises
        ------
        ValueError
            If a parameter has no gradient (`backward()` was not called, or the loss does not depend on it), if its shape or
            that of its gradient has changed, or if `lr` was set to what is no learning rate.
        """
        missing = [position for position, p in enumerate(self.parameters) if p.grad is None]
        if missing:
            raise ValueError(
                f"parameters number {missing} have no gradient: call loss.backward() before step(), "
                "and give the optimiser only parameters on which the loss depends"
            )
        for position, (p, shape) in enumerate(zip(self.parameters, self._shapes)):
            if p.data.shape != shape or p.grad.shape != shape:
                raise ValueError(
                    f"parameter {position} had shape {shape} when the optimiser was made; now its values have shape "
                    f"{p.data.shape} and its gradient {p.grad.shape}"
                )
        self.lr = number("lr", self.lr, 0)  # a schedule may set a np.float64, which would make all else float64
        theta, g = self._theta(), self._gathered([p.grad for p in self.parameters])
        self.t += 1
        self._hand_out(self.update(theta, g))

    def state(self):
        """Copies of all that the next step depends on beside the parameters: `t`, `lr` and what the rule remembers.

        That is every array among the attributes; a rule that remembers in another form must extend this and `load_state`.

        >>> Optimiser([Tensor([1.0], requires_grad=True)], lr=0.5).state()
        {'t': array(0), 'lr': array(0.5)}
        """
        return {name: np.array(value) for name, value in self._remembered().items()}

    def load_state(self, state):
        """Take over what `state()` gave, all of it or, if anything does not fit, nothing.

        Raises
        ------
        ValueError
            If names, shapes or dtypes differ from this optimiser's: it follows another rule or has other parameters.
        """
        mine, given = self._remembered(), {name: np.asarray(value) for name, value in state.items()}
        problems = [f"{name} is missing" for name in mine if name not in given]
        problems += [f"{name} is not part of it" for name in given if name not in mine]
        for name in mine.keys() & given.keys():
            have, new = np.asarray(mine[name]), given[name]
            if have.shape != new.shape or have.dtype.kind != new.dtype.kind or have.ndim and have.dtype != new.dtype:
                problems.append(f"{name} has shape {new.shape} and dtype {new.dtype}, expected {have.shape} and {have.dtype}")
        if problems:
            raise ValueError(f"this state does not fit {type(self).__name__}: " + "; ".join(sorted(problems)))
        for name, value in given.items():
            setattr(self, name, np.array(value) if value.ndim else value.item())

    def settings(self):
        """What was set when the optimiser was made, but for `lr`, by name.

        >>> Optimiser([Tensor([1.0], requires_grad=True)], lr=0.5).settings()
        {}
        """
        return {name: value for name, value in vars(self).items()
                if name not in ("t", "lr") and isinstance(value, (bool, int, float, tuple))}

    def _remembered(self):
        arrays = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray) and not name.startswith("_")}
        return {"t": self.t, "lr": float(self.lr), **arrays}

    def update(self, theta, g):
        """New parameters from the old ones and their gradient: vectors of equal length, neither of which is written into."""
        raise NotImplementedError(f"{type(self).__name__} must define update(self, theta, g)")

    def _theta(self):
        # Usually every p.data is still the view that the last step handed out, and θ need not be gathered again.
        if self._given != self.dtype or not self._views or any(p.data is not view for p, view in zip(self.parameters, self._views)):
            return self._gathered([p.data for p in self.parameters])
        return self._flat

    def _gathered(self, arrays):
        """`arrays` end to end in one new vector of the parameters' dtype."""
        return np.concatenate([array.reshape(-1) for array in arrays], dtype=self.dtype)

    def _hand_out(self, theta):
        self._flat = theta
        self._views = [
            theta[start:stop].reshape(p.shape).astype(self._given, copy=False)
            for p, start, stop in zip(self.parameters, self._bounds, self._bounds[1:])
        ]
        for p, view in zip(self.parameters, self._views):
            p.data = view
