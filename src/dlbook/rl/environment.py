"""What every world is: something to reset, and to act in step by step. Chapter *reinforcement learning*."""

import numpy as np

from ..settings import generator, real, whole


class Environment:
    """A world with Gymnasium's interface: `reset()`, then `step(action)` until the episode ends.

    A subclass says how many `actions` there are, after how many steps an episode is cut off (`limit`, None for never),
    and writes `start`, `move` and, where the agent sees something else than the state, `observe`.

    Parameters
    ----------
    rng : np.random.Generator
        Draws the starts, and whatever else the world leaves to chance.
    limit : int, optional
        Another number of steps after which an episode is truncated.

    Raises
    ------
    TypeError
        If `rng` is no generator.
    ValueError
        If the limit is no whole number from 1 up.

    >>> class Corridor(Environment):
    ...     actions = 2
    ...     def start(self):
    ...         return 0
    ...     def move(self, action):
    ...         place = self.state + (1 if action else -1)
    ...         return place, -1.0, place == 2
    >>> world = Corridor(rng=np.random.default_rng(0))
    >>> world.reset()
    (0, {})
    >>> world.step(1), world.step(1)
    ((1, -1.0, False, False, {}), (2, -1.0, True, False, {}))
    """

    actions = 1
    limit = None

    def __init__(self, *, rng, limit=None):
        self.rng = generator(rng)
        if limit is not None:
            self.limit = whole("limit", limit)
        self.state = None  # before the first reset
        self.steps = None  # of the episode that is going on; None where none is

    def start(self):
        """The state in which an episode begins: what a subclass must write."""
        raise NotImplementedError(f"{type(self).__name__} must define start(self)")

    def move(self, action):
        """State after `action`, reward, and whether that ends the episode: what a subclass must write."""
        raise NotImplementedError(f"{type(self).__name__} must define move(self, action)")

    def observe(self):
        """What the agent sees of the state; all of it, unless a subclass says otherwise."""
        return self.state

    def reset(self, *, seed=None):
        """Begin an episode; with a `seed`, from a new generator, so that everything after repeats itself.

        Returns
        -------
        observation, info : info is an empty dictionary

        Raises
        ------
        ValueError
            If the seed is no whole number from 0 up.
        """
        if seed is not None:
            self.rng = np.random.default_rng(whole("seed", seed, 0))
        self.state, self.steps = self.start(), 0
        return self.observe(), {}

    def step(self, action):
        """Act once.

        Returns
        -------
        observation, reward, terminated, truncated, info
            *Terminated*: the world has come to an end, and no reward will ever follow. *Truncated*: time was up, and
            rewards would have followed, so that the value of the last observation is not 0.

        Raises
        ------
        ValueError
            If there is no such action.
        RuntimeError
            If no episode is going on: before `reset()`, or after the end.
        """
        self.check_going()
        if not isinstance(action, (int, np.integer)) or isinstance(action, bool) or not 0 <= action < self.actions:
            raise ValueError(f"{type(self).__name__} knows the actions 0 to {self.actions - 1}, and was given {action!r:.60}")
        self.state, reward, terminated = self.move(int(action))
        self.steps += 1
        truncated = self.steps == self.limit
        if terminated or truncated:
            self.steps = None
        return self.observe(), reward, terminated, truncated, {}

    def check_going(self):
        """Raise RuntimeError unless an episode is going on."""
        if self.steps is None:
            why = "no episode has begun" if self.state is None else "this episode is over"
            raise RuntimeError(f"{type(self).__name__} cannot go on: {why}; call reset() before step()")


def check_actions(actions, many, below, owner):
    """`actions` as an integer array (`many`,) with values from 0 to `below` - 1: one for each of several worlds.

    Raises
    ------
    ValueError, TypeError
        If they are anything else.

    >>> check_actions([0, 1, 1], 3, 2, "CartPoles")
    array([0, 1, 1])
    """
    found = real(owner, actions)
    if found.shape != (many,) or found.dtype.kind not in "iu":
        raise ValueError(f"{owner} takes an array of {many} whole numbers, and was given shape {found.shape} of {found.dtype}")
    if found.size and not 0 <= found.min() <= found.max() < below:
        raise ValueError(f"{owner} knows the actions 0 to {below - 1}, and was given {found.min()} to {found.max()}")
    return found
