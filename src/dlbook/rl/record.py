"""What happened, in arrays: the memory that deep Q-networks replay, and records of a policy at work.

Chapters *deep Q-networks*, *policy gradients*.
"""

from typing import NamedTuple

import numpy as np

from ..settings import function, generator, real, whole


KINDS = {"iu": "integers", "fiu": "numbers", "fiub": "numbers", "b": "Boolean"}  # of dtypes, and what they are called


class Transitions(NamedTuple):
    """Steps side by side: where each began, the action, the reward, where it arrived, and whether that ended the episode.

    The arrays are (B, ...) out of a `ReplayBuffer`, (T, ...) from `episode` and (T, N, ...) from `rollout`.

    >>> end = np.array([False])
    >>> step = Transitions(np.zeros((1, 4)), np.array([0]), np.array([1.0]), np.ones((1, 4)), terminated=end, truncated=end)
    >>> step.next_observations.shape
    (1, 4)
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    next_observations: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray


class ReplayBuffer:
    """The last `capacity` transitions, from which batches are drawn at random (Lin 1992; Mnih et al. 2015).

    Neighbouring steps resemble one another; a batch drawn from many episodes does not.

    Parameters
    ----------
    capacity : int
        How many transitions are kept; the next one replaces the oldest.
    rng : np.random.Generator
        Draws the batches.

    >>> buffer = ReplayBuffer(100, rng=np.random.default_rng(0))
    >>> for t in range(5):
    ...     buffer.add(np.full(4, t), 1, 1.0, np.full(4, t + 1), t == 4)
    >>> len(buffer), buffer.sample(3).observations.shape
    (5, (3, 4))
    """

    def __init__(self, capacity, *, rng):
        self.capacity, self.rng = whole("capacity", capacity), generator(rng)
        self._added = 0
        self._kept = None

    def __len__(self):
        return min(self._added, self.capacity)

    def add(self, observation, action, reward, next_observation, terminated, truncated=False):
        """Keep one transition.

        Raises
        ------
        ValueError
            If an observation has another shape than those before.
        TypeError
            If the action is not an integer, a flag not Boolean, or an observation of a kind that those before cannot hold.
        """
        step = Transitions(observation, action, reward, next_observation, terminated, truncated)
        self.extend(Transitions(*(real(name, x)[None] for name, x in zip(step._fields, step))))

    def extend(self, steps):
        """Keep all of `steps`, Transitions with arrays (B, ...), in their order.

        Raises
        ------
        ValueError
            If observations have another shape than those before, or the arrays differ in length.
        TypeError
            If actions are not integers, flags not Boolean, or observations of a kind that those before cannot hold.
        """
        steps = Transitions(*map(real, Transitions._fields, steps))
        for name, x, kinds in zip(steps._fields, steps, ("fiub", "iu", "fiu", "fiub", "b", "b")):
            if x.dtype.kind not in kinds:
                raise TypeError(f"{name} must be {KINDS[kinds]}, and their dtype is {x.dtype}")
        if self._kept is None:
            kinds = None, np.int64, np.float32, None, bool, bool  # observations keep their dtype
            kept = Transitions(*(np.empty((self.capacity, *x.shape[1:]), kind or x.dtype) for x, kind in zip(steps, kinds)))
        else:
            kept = self._kept
        for name, x, place in zip(steps._fields, steps, kept):
            if x.shape[1:] != place.shape[1:] or len(x) != len(steps.rewards):
                raise ValueError(f"{name} have shape {x.shape}; expected {(len(steps.rewards), *place.shape[1:])}")
            if not np.can_cast(x.dtype, place.dtype, "same_kind"):  # where NumPy would cut 0.7 down to 0
                raise TypeError(f"{name} have dtype {x.dtype}, and are kept as {place.dtype}: give all of them that kind")
        single = kept.actions, kept.rewards, kept.terminated, kept.truncated
        if kept.observations.shape != kept.next_observations.shape or any(x.ndim != 1 for x in single):
            raise ValueError(f"a transition goes from one observation to another of the same shape by one action; these are "
                             f"{', '.join(str(x.shape[1:]) for x in steps)}")
        self._kept = kept
        newest = Transitions(*(x[-self.capacity:] for x in steps))
        first = self._added + len(steps.rewards) - len(newest.rewards)
        places = (first + np.arange(len(newest.rewards))) % self.capacity
        for x, place in zip(newest, kept):
            place[places] = x
        self._added += len(steps.rewards)

    def sample(self, size):
        """`size` transitions, each drawn from all that are kept, with replacement: Transitions with new arrays (size, ...).

        Raises
        ------
        ValueError
            If nothing was kept yet, or `size` is no whole number from 1 up.
        """
        if not len(self):
            raise ValueError("the replay buffer is empty: add() transitions before sample()")
        chosen = self.rng.integers(len(self), size=whole("size", size))
        return Transitions(*(x[chosen] for x in self._kept))


def episode(environment, policy, *, seed=None):
    """Reset an environment and act until the episode ends.

    Parameters
    ----------
    environment : Environment
        With an end: its `limit`, or a policy that gets somewhere.
    policy : function
        From an observation to an action.
    seed : int, optional
        As in `reset`.

    Returns
    -------
    Transitions with arrays (T, ...)

    >>> from dlbook.rl import CliffWalking
    >>> north_and_around = iter([0] + [1] * 11 + [2])
    >>> steps = episode(CliffWalking(rng=np.random.default_rng(0)), lambda square: next(north_and_around))
    >>> len(steps.rewards), float(steps.rewards.sum())
    (13, -13.0)
    """
    function("policy", policy)
    observation, _ = environment.reset(seed=seed)
    steps, over = [], False
    while not over:
        action = policy(observation)
        arrived, reward, terminated, truncated, _ = environment.step(action)
        steps.append((observation, action, reward, arrived, terminated, truncated))
        observation, over = arrived, terminated or truncated
    return _stacked(steps)


def rollout(worlds, policy, *, steps):
    """Act for so many steps in worlds side by side, from where they are: call `worlds.reset()` before the first.

    Parameters
    ----------
    worlds : CartPoles
        Or anything else whose info["arrived"] tells where a step arrived before a new start.
    policy : function
        From observations (N, ...) to actions (N,).
    steps : int
        T.

    Returns
    -------
    Transitions with arrays (T, N, ...)

    Raises
    ------
    ValueError
        If `steps` is no whole number from 1 up.
    RuntimeError
        If the worlds were never reset.

    >>> from dlbook.rl import CartPoles
    >>> poles = CartPoles(3, rng=np.random.default_rng(0))
    >>> _ = poles.reset()
    >>> rollout(poles, lambda x: (x[:, 2] > 0).astype(int), steps=5).observations.shape
    (5, 3, 4)
    """
    whole("steps", steps), function("policy", policy)
    worlds.check_going()
    record, observations = [], worlds.observe()
    for _ in range(steps):
        actions = policy(observations)
        after, rewards, terminated, truncated, info = worlds.step(actions)
        record.append((observations, actions, rewards, info["arrived"], terminated, truncated))
        observations = after
    return _stacked(record)


def _stacked(steps):
    observations, actions, rewards, arrived, terminated, truncated = map(np.array, zip(*steps))
    return Transitions(observations, actions, rewards.astype(np.float32), arrived, terminated, truncated)
