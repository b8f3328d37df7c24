"""A pole on a cart, to be kept upright: one of them, or many at once. Chapters *deep Q-networks*, *policy gradients*.

Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve difficult learning control problems", 1983;
constants, starts and limits are those of Gymnasium's CartPole-v1. Lengths are in metres, masses in kilograms, angles in
radians, times in seconds.
"""

import math

import numpy as np

from ..settings import whole
from .environment import Environment, check_actions


class CartPole(Environment):
    """A cart that is pushed left (action 0) or right (1); each step pays 1, also the one at which the pole falls.

    An observation is float32 (4,): place and speed of the cart, angle and angular speed of the pole. The episode
    terminates where the pole leans by more than 12 degrees or the cart leaves its track of ±2.4 m; it is truncated after
    500 steps. Given the same seed it is Gymnasium's CartPole-v1 bit for bit.

    >>> world = CartPole(rng=np.random.default_rng(0))
    >>> observation, _ = world.reset()
    >>> observation.shape, observation.dtype
    ((4,), dtype('float32'))
    >>> world.step(1)[1:]
    (1.0, False, False, {})
    """

    actions = 2
    limit = 500

    gravity, push, tick = 9.8, 10.0, 0.02
    cart_mass, pole_mass, half_length = 1.0, 0.1, 0.5
    track, tilt = 2.4, 12 * 2 * math.pi / 360

    def start(self):
        """All four numbers of the state drawn between -0.05 and 0.05."""
        return self.rng.uniform(-0.05, 0.05, 4)

    def move(self, action):
        """State after a push, the reward of 1, and whether the pole fell or the cart left its track."""
        state = self.after(self.state, self.push if action else -self.push)
        return state, 1.0, bool(self.lost(state))

    def observe(self):
        """The state in float32, a new array each time."""
        return self.state.astype(np.float32)

    def after(self, state, force):
        """State one tick later, by Euler's method, when the cart is pushed with `force` newtons.

        `state` is (4,) with one force, or (N, 4) with N of them. It is float64: that its rounding errors are the same as
        Gymnasium's is why the order of the arithmetic matters.
        """
        x, speed, angle, spin = state.T
        cos, sin = np.cos(angle), np.sin(angle)
        mass, lever = self.pole_mass + self.cart_mass, self.pole_mass * self.half_length
        pull = (force + lever * (spin * spin) * sin) / mass
        spin_rate = (self.gravity * sin - cos * pull) / (self.half_length * (4 / 3 - self.pole_mass * (cos * cos) / mass))
        acceleration = pull - lever * spin_rate * cos / mass
        return np.array([x + self.tick * speed, speed + self.tick * acceleration,
                         angle + self.tick * spin, spin + self.tick * spin_rate]).T

    def lost(self, state):
        """Whether a state (..., 4) ends the episode: a Boolean (...)."""
        return (abs(state[..., 0]) > self.track) | (abs(state[..., 2]) > self.tilt)


class CartPoles(CartPole):
    """Many poles at once, in arrays: a step costs little more than that of one. Poles that end begin anew in the same step.

    Observations are float32 (N, 4); `step` takes N actions and returns N rewards, N times terminated and truncated, and
    in info["arrived"] (N, 4) the observations before any new start: what truncated episodes are valued by.

    Parameters
    ----------
    count : int
        N, the number of poles.
    rng : np.random.Generator
        Draws the starts of all.
    limit : int, optional
        As in `Environment`.

    Raises
    ------
    ValueError
        If there is no pole, or actions are not N whole numbers, 0 or 1.

    >>> poles = CartPoles(3, rng=np.random.default_rng(0))
    >>> poles.reset()[0].shape
    (3, 4)
    >>> observations, rewards, terminated, truncated, info = poles.step([0, 1, 1])
    >>> rewards.tolist(), terminated.tolist(), bool((info["arrived"] == observations).all())
    ([1.0, 1.0, 1.0], [False, False, False], True)
    """

    def __init__(self, count, *, rng, limit=None):
        super().__init__(rng=rng, limit=limit)
        self.count = whole("count", count)

    def start(self):
        """The states of all poles at the beginning."""
        return self.rng.uniform(-0.05, 0.05, (self.count, 4))

    def reset(self, *, seed=None):
        """Begin an episode with every pole; as in `Environment.reset`."""
        observations, info = super().reset(seed=seed)
        self.steps = np.zeros(self.count, np.int64)
        return observations, info

    def step(self, action):
        """Push every cart once: `action` (N,); see the class for what returns."""
        self.check_going()
        right = check_actions(action, self.count, self.actions, "CartPoles")
        self.state = self.after(self.state, np.where(right, self.push, -self.push))
        arrived = self.observe()
        self.steps = self.steps + 1
        terminated, truncated = self.lost(self.state), self.steps == self.limit
        over = terminated | truncated
        if over.any():
            fresh = self.state.copy()
            fresh[over] = self.rng.uniform(-0.05, 0.05, (over.sum(), 4))
            self.state, self.steps = fresh, np.where(over, 0, self.steps)
        return self.observe(), np.ones(self.count, np.float32), terminated, truncated, {"arrived": arrived}
