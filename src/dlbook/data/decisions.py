"""Worlds for reinforcement learning: maps of grids, and the arms of bandits. The agents and the rules live in `dlbook.rl`."""

from __future__ import annotations

import numpy as np

from ..settings import generator, text
from .examples import check_count

GRID_WORLDS = {  # S start, G goal, . free, H hole, C cliff
    "corners": ("G...",
                "....",
                "....",
                "...G"),
    "cliff": ("............",
              "............",
              "............",
              "SCCCCCCCCCCG"),
    "lake": ("S...",
             ".H.H",
             "...H",
             "H..G"),
    "large lake": ("S.......",
                   "........",
                   "...H....",
                   ".....H..",
                   "...H....",
                   ".HH...H.",
                   ".H..H.H.",
                   "...H...G"),
}


def grid_world(name: str) -> np.ndarray:
    """Return the map of a grid world as characters, (rows, columns): S start, G goal, . free, H hole, C cliff.

    "corners" is Sutton and Barto's Example 4.1 and "cliff" their Example 6.6 (*Reinforcement Learning*, 2nd edition, 2018);
    "lake" and "large lake" are the maps of Gymnasium's FrozenLake. Raises ValueError for an unknown name.
    Chapter: *reinforcement learning*.

    >>> grid_world("cliff").shape, "".join(grid_world("lake")[1])
    ((4, 12), '.H.H')
    """
    if text("name", name) not in GRID_WORLDS:
        raise ValueError(f"no grid world is called {name!r}; the names are {', '.join(GRID_WORLDS)}")
    return np.array([list(row) for row in GRID_WORLDS[name]])


def ten_armed_testbed(n: int = 2000, *, arms: int = 10, rng: np.random.Generator) -> np.ndarray:
    """Return the true values of the arms of `n` bandits, (n, arms): each drawn from a standard normal distribution.

    Pulling arm a of bandit i pays a reward with mean value[i, a] and variance 1. Raises ValueError for a wrong setting.
    Sutton and Barto, *Reinforcement Learning*, 2nd edition, 2018, Section 2.3. Chapter: *reinforcement learning*.

    >>> ten_armed_testbed(rng=np.random.default_rng(0)).shape
    (2000, 10)
    """
    generator(rng)
    check_count("n", n)
    check_count("arms", arms)
    return rng.normal(size=(n, arms)).astype(np.float32)
