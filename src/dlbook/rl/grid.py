"""Worlds of squares on a map: what they do is a table, small enough to be read. Chapter *reinforcement learning*."""

import numpy as np

from ..data import grid_world
from ..settings import fraction, plain
from .environment import Environment

DIRECTIONS = {"↑": (-1, 0), "→": (0, 1), "↓": (1, 0), "←": (0, -1)}


class GridWorld(Environment):
    """A map to walk on; the state is the number of the square, row after row from 0, and so is the observation.

    Letters of the map: S start, G goal, H hole (both end the episode), C cliff (back to the start), . free. Where there is
    no S, an episode starts on any free square. A step beyond the edge stays where it is.

    Parameters
    ----------
    squares : str or rows of characters
        The name of a map in `dlbook.data.GRID_WORLDS`, or the map itself.
    rewards : dictionary, optional
        What stepping on each letter pays; -1 for the letters that it does not name.
    success : float
        Probability that a step goes where it should; otherwise it goes to the left or right of that, equally often.
    limit : int, optional
        Steps after which an episode is truncated.

    Attributes
    ----------
    P : dictionary
        P[state][action] lists what may follow as (probability, next state, reward, terminated), Gymnasium's form. The
        squares that end an episode lead to themselves and pay 0.
    arrows : str
        The four actions, in order.

    Raises
    ------
    ValueError
        If the map is not a rectangle of these letters, offers no start, or has a cliff and not one start.

    >>> world = GridWorld(["S.", ".G"], rng=np.random.default_rng(0))
    >>> world.reset()[0], world.arrows, world.P[0][1]
    (0, '↑→↓←', [(1.0, 1, -1.0, False)])
    >>> world.step(1), world.step(2)
    ((1, -1.0, False, False, {}), (3, -1.0, True, False, {}))
    """

    actions = 4
    arrows = "↑→↓←"

    def __init__(self, squares, *, rng, rewards=None, success=1.0, limit=None):
        super().__init__(rng=rng, limit=limit)
        self.map = _map(squares)
        self.states = self.map.size
        letters = self.map.ravel()
        starts = np.flatnonzero(letters == "S") if "S" in letters else np.flatnonzero(letters == ".")
        if not len(starts) or "C" in letters and len(starts) > 1:
            raise ValueError(f"this map has {len(starts)} squares to start from; expected at least one, and one alone where there "
                             "is a cliff")
        self.starts = starts.tolist()
        rewards = {} if rewards is None else rewards
        if not isinstance(rewards, dict) or set(rewards) - set("SGHC."):
            raise ValueError(f"rewards are {rewards!r:.60}; expected a dictionary by some of the letters S G H C and .")
        self._pays = {letter: plain(f"rewards of {letter}", rewards.get(letter, -1)) for letter in "SGHC."}
        straight = fraction("success", success)
        chances = [straight, (1 - straight) / 2]
        self.P = {state: {action: self._outcomes(state, action, *chances) for action in range(4)} for state in range(self.states)}

    def _outcomes(self, state, action, straight, sideways):
        """What may follow an action, as in `P`."""
        if self.map.flat[state] in "GH":
            return [(1.0, state, 0.0, True)]
        turns = [(0, straight)] if not sideways else [(-1, sideways), (0, straight), (1, sideways)]
        return [(chance, *self._arrival(state, self.arrows[(action + turn) % 4])) for turn, chance in turns]

    def _arrival(self, state, arrow):
        """Next state, reward and whether the episode ends there, for one step in the direction of an arrow."""
        rows, columns = self.map.shape
        (row, column), (down, right) = divmod(state, columns), DIRECTIONS[arrow]
        row, column = min(max(row + down, 0), rows - 1), min(max(column + right, 0), columns - 1)
        letter = self.map[row, column]
        return self.starts[0] if letter == "C" else row * columns + column, self._pays[letter], letter in "GH"

    def start(self):
        """One of the squares to start from, each as likely."""
        return self.starts[_draw([1 / len(self.starts)] * len(self.starts), self.rng)]

    def move(self, action):
        """One of the outcomes in `P`, drawn by its probability."""
        outcomes = self.P[self.state][action]
        return outcomes[_draw([chance for chance, *_ in outcomes], self.rng)][1:]

    def model(self):
        """The table as arrays: probabilities (S, A, S) of the next state, and the expected reward (S, A); float64.

        With them one sweep of value iteration is `v = (reward + gamma * chances @ v).max(axis=1)`.

        >>> chances, reward = GridWorld(["S.", ".G"], rng=np.random.default_rng(0)).model()
        >>> chances[0, 1].tolist(), reward[:, 1].tolist()
        ([0.0, 1.0, 0.0, 0.0], [-1.0, -1.0, -1.0, 0.0])
        """
        chances, reward = np.zeros((self.states, 4, self.states)), np.zeros((self.states, 4))
        for state, by_action in self.P.items():
            for action, outcomes in by_action.items():
                for chance, after, pay, _ in outcomes:
                    chances[state, action, after] += chance
                    reward[state, action] += chance * pay
        return chances, reward


class CliffWalking(GridWorld):
    """Along a cliff to the goal: each step costs 1, a fall 100 and the way back (Sutton & Barto 2018, Example 6.6).

    Actions are ↑→↓←. The tables are those of Gymnasium's CliffWalking-v1, except that its goal can be walked away from.

    >>> world = CliffWalking(rng=np.random.default_rng(0))
    >>> world.reset()[0], world.step(1)
    (36, (36, -100.0, False, False, {}))
    """

    def __init__(self, *, rng, success=1.0, limit=None):
        super().__init__("cliff", rng=rng, rewards={"C": -100}, success=success, limit=limit)


class FrozenLake(GridWorld):
    """Over slippery ice to the goal, which pays 1: a step goes where it should once in three times. Actions are ←↓→↑.

    Episodes are truncated after 100 steps. Given the same seed it is Gymnasium's FrozenLake-v1; with `squares="large lake"`
    and `limit=200` FrozenLake8x8-v1.

    >>> world = FrozenLake(rng=np.random.default_rng(0))
    >>> world.reset()[0], [round(chance, 2) for chance, *_ in world.P[0][2]]
    (0, [0.33, 0.33, 0.33])
    """

    arrows = "←↓→↑"
    limit = 100

    def __init__(self, squares="lake", *, rng, success=1 / 3, limit=None):
        super().__init__(squares, rng=rng, rewards={"G": 1, "S": 0, "H": 0, ".": 0}, success=success, limit=limit)


def _map(squares):
    """The map as an array of characters (rows, columns)."""
    try:
        rows = grid_world(squares) if isinstance(squares, str) else [list(row) for row in squares]
        known = {letter for row in rows for letter in row} <= set("SGHC.")
    except TypeError:  # no rows, or letters that are none
        rows, known = [], False
    if not len(rows) or len({len(row) for row in rows}) > 1 or not known:
        raise ValueError(f"{squares!r:.60} is no map: expected rows of equal length, of the letters S G H C and .")
    return np.array(rows)


def _draw(chances, rng):
    """A number from 0 up, drawn with these probabilities: the first at which their sum exceeds a uniform number."""
    return int((np.cumsum(chances) > rng.random()).argmax())
