"""Reinforcement learning: worlds to act in, records of what happened, and what policies learn from. NumPy alone.

The worlds have Gymnasium's interface, so that an agent written for one of them runs on the other. Agents and algorithms
(value iteration, Q-learning, DQN, REINFORCE, PPO) are written in the chapters.
"""

from .bandit import Bandit, Bandits
from .cartpole import CartPole, CartPoles
from .environment import Environment
from .grid import CliffWalking, FrozenLake, GridWorld
from .policy import categorical, clipped_objective, entropy, epsilon_greedy, follow, log_probability
from .record import ReplayBuffer, Transitions, episode, rollout
from .returns import gae, returns

__all__ = [
    "Environment", "Bandit", "Bandits", "GridWorld", "CliffWalking", "FrozenLake", "CartPole", "CartPoles",
    "Transitions", "ReplayBuffer", "episode", "rollout",
    "returns", "gae",
    "epsilon_greedy", "categorical", "log_probability", "entropy", "clipped_objective", "follow",
]
