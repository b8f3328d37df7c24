"""Slot machines with several arms: choices without consequences, many problems at once. Chapter *reinforcement learning*."""

import numpy as np

from ..autograd import floating
from .environment import Environment, check_actions


class Bandit(Environment):
    """Arms to pull: arm a pays a reward from a normal distribution with mean `values[a]` and variance 1.

    There is one state, 0, and no end unless there is a `limit`. Sutton and Barto, *Reinforcement Learning*, 2018, chapter 2.

    Parameters
    ----------
    values : (arms,)
        What each arm pays on average.
    rng : np.random.Generator
        Draws the rewards.
    limit : int, optional
        Pulls after which an episode is truncated.

    Raises
    ------
    ValueError
        If the values are not a list of at least one finite number.

    >>> bandit = Bandit([0.0, 5.0], rng=np.random.default_rng(0))
    >>> bandit.reset()
    (0, {})
    >>> observation, reward, terminated, truncated, info = bandit.step(1)
    >>> round(reward, 4), terminated
    (5.1257, False)
    """

    def __init__(self, values, *, rng, limit=None):
        super().__init__(rng=rng, limit=limit)
        self.values = _values(values, 1)
        self.actions = len(self.values)

    def start(self):
        """The one state."""
        return 0

    def move(self, action):
        """The one state again, and what the arm pays."""
        return 0, float(self.values[action] + self.rng.normal()), False


class Bandits(Environment):
    """Many bandits at once, in arrays: `Bandit` with values (N, arms), actions (N,) and rewards (N,).

    With the values from `dlbook.data.ten_armed_testbed` this is Sutton and Barto's ten-armed testbed.

    Raises
    ------
    ValueError
        If the values are not a table of finite numbers, or actions are not N numbers of arms.

    >>> from dlbook.data import ten_armed_testbed
    >>> rng = np.random.default_rng(0)
    >>> testbed = Bandits(ten_armed_testbed(rng=rng), rng=rng)
    >>> testbed.reset()[0].shape, testbed.best.shape
    ((2000,), (2000,))
    >>> testbed.step(testbed.best)[1].shape
    (2000,)
    """

    def __init__(self, values, *, rng, limit=None):
        super().__init__(rng=rng, limit=limit)
        self.values = _values(values, 2)
        self.best = self.values.argmax(axis=1)  # (N,): the arms one should pull
        self.actions = self.values.shape[1]

    def start(self):
        """The one state of each."""
        return np.zeros(len(self.values), np.int64)

    def observe(self):
        """The states, a new array each time."""
        return self.state.copy()

    def step(self, action):
        """Pull one arm of each bandit: as in `Environment.step`, in arrays (N,)."""
        self.check_going()
        n = len(self.values)
        arms = check_actions(action, n, self.actions, "Bandits")
        rewards = self.values[np.arange(n), arms] + self.rng.standard_normal(n, self.values.dtype)
        self.steps += 1
        truncated = self.steps == self.limit
        if truncated:
            self.steps = None
        return self.observe(), rewards, np.zeros(n, bool), np.full(n, truncated), {}


def _values(values, axes):
    """What arms pay, as float32 or float64 with so many axes."""
    values = floating(values)
    if values.ndim != axes or not values.size or not np.isfinite(values).all():
        form = "(arms,)" if axes == 1 else "(N, arms)"
        raise ValueError(f"the values of the arms have shape {values.shape}; expected finite numbers {form}, at least one")
    return values.copy()
