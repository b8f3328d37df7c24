"""Calls of reinforcement learning: worlds made, reset and acted in, records, and what policies learn from."""

import math

import numpy as np

from dlbook import nn
from dlbook.rl import bandit, cartpole, environment, gae, grid, policy, record, returns

from .throwing import RNG, Fresh, by_name
from .throwing import tensor_call as call

rng = np.random.default_rng(0)
REWARDS, VALUES, AHEAD = (rng.normal(size=4).astype(np.float32) for _ in range(3))
LOGITS = rng.normal(size=(3, 2)).astype(np.float32)
ACTIONS = np.array([1, 0, 1])
ENDS, CUTS = np.array([False, True, False, False]), np.array([False, False, True, False])
OPTIONAL = {"means": {**{name: [None] for name in ("limit", "seed", "rewards", "terminated", "truncated")}, "next_values": [None, "nan"]}}
MAP = ["SC.", "..G"]


def fresh():
    return np.random.default_rng(0)


def acted(world):
    """A call of `reset` and then `step` of a world that is made anew each time."""
    def play(seed, action):
        new = world()
        return new.reset(seed=seed), new.step(action)

    return play


def line(seed):
    return Fresh(lambda: nn.Linear(2, 1, rng=np.random.default_rng(seed)))


def followed(target, source, rate):
    policy.follow(target, source, rate=rate)
    return target


def remembered(observation, action, reward, next_observation, terminated, truncated):
    """What a buffer gives back of three transitions, the last of them thrown at."""
    buffer = record.ReplayBuffer(4, rng=fresh())
    for _ in range(2):
        buffer.add(VALUES, 1, 1.0, AHEAD, False)
    buffer.add(observation, action, reward, next_observation, terminated, truncated)
    return buffer.sample(20)


def first(observation, action, reward, next_observation, terminated, truncated):
    """The same of an empty buffer, which takes the shape of what it is given first."""
    buffer = record.ReplayBuffer(4, rng=fresh())
    buffer.add(observation, action, reward, next_observation, terminated, truncated)
    return buffer.sample(20)


def drawn(size):
    buffer = record.ReplayBuffer(4, rng=fresh())
    buffer.add(VALUES, 1, 1.0, AHEAD, False)
    return buffer.sample(size)


def played(policy, seed):
    return record.episode(bandit.Bandit([0.0, 1.0], rng=fresh(), limit=3), policy, seed=seed)


def rolled(policy, steps):
    poles = cartpole.CartPoles(3, rng=fresh())
    poles.reset()
    return record.rollout(poles, policy, steps=steps)


TRANSITION = (VALUES, 1, 1.0, AHEAD, False, True)
KNOWN = {"known_as": ["transition", "observations", "actions", "rewards", "next_observations"], "means": {"reward": [math.nan]}}

TABLE = {
    **by_name(
        call(bandit.Bandit, np.array([0.5, 2.0]), rng=RNG, limit=3, **OPTIONAL),
        call(environment.Environment, rng=RNG, limit=3, **OPTIONAL), call(environment.check_actions, ACTIONS, 3, 2, "CartPoles", spare=["many", "below", "owner"], known_as=["CartPoles"]),
        call(grid.GridWorld, MAP, rng=RNG, rewards={"G": 1.0}, success=0.5, limit=3, known_as=["map", "grid world"], **OPTIONAL),
        call(grid.CliffWalking, rng=RNG, success=0.5, limit=3, **OPTIONAL), call(grid.FrozenLake, "lake", rng=RNG, success=0.5, limit=3, known_as=["map", "grid world"], **OPTIONAL)),
    "dlbook.rl.bandit.Bandits": [
        call(bandit.Bandits, LOGITS, rng=RNG, limit=3, **OPTIONAL),
        call(acted(lambda: bandit.Bandits(LOGITS, rng=fresh())), 3, ACTIONS, known_as=["Bandits"], **OPTIONAL)],
    "dlbook.rl.cartpole.CartPole": [
        call(cartpole.CartPole, rng=RNG, limit=3, **OPTIONAL), call(acted(lambda: cartpole.CartPole(rng=fresh())), 3, 1, **OPTIONAL)],
    "dlbook.rl.cartpole.CartPoles": [
        call(cartpole.CartPoles, 3, rng=RNG, limit=3, **OPTIONAL),
        call(acted(lambda: cartpole.CartPoles(3, rng=fresh())), 3, ACTIONS, known_as=["CartPoles"], **OPTIONAL)],
    **by_name(
        call(policy.epsilon_greedy, LOGITS, epsilon=0.5, rng=RNG), call(policy.categorical, LOGITS, rng=RNG), call(policy.log_probability, LOGITS, ACTIONS, known_as=["action"]),
        call(policy.entropy, LOGITS), call(policy.clipped_objective, REWARDS, old=VALUES, advantages=AHEAD, reach=0.25)),
    "dlbook.rl.policy.follow": [call(followed, line(0), line(1), 0.5)],
    "dlbook.rl.record.ReplayBuffer": [
        call(record.ReplayBuffer, 4, rng=RNG), call(remembered, *TRANSITION, **KNOWN), call(first, *TRANSITION, **KNOWN), call(drawn, 3)],
    "dlbook.rl.record.episode": [call(played, lambda observation: 1, 3, **OPTIONAL)],
    "dlbook.rl.record.rollout": [call(rolled, lambda observations: (observations[:, 2] > 0).astype(int), 3)],
    **by_name(
        call(returns, REWARDS, gamma=0.5, terminated=ENDS, truncated=CUTS, next_values=AHEAD, **OPTIONAL),
        call(gae, REWARDS, VALUES, AHEAD, gamma=0.5, lam=0.25, terminated=ENDS, truncated=CUTS, **OPTIONAL),
        call(policy.fraction, "gamma", 0.5, spare=["name"], known_as=["gamma"])),
}
