"""Our worlds against Gymnasium: its own checker passes on them, and the same seed gives the same world bit for bit."""

import numpy as np
import pytest

from dlbook import data
from dlbook.rl import Bandit, CartPole, CliffWalking, Environment, FrozenLake, GridWorld

gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed")

from gymnasium.utils.env_checker import check_env  # noqa: E402


def rng(seed=0):
    return np.random.default_rng(seed)


def theirs(name, **settings):
    """One of Gymnasium's worlds with its limit on steps, without its checks of every call."""
    return gymnasium.make(name, disable_env_checker=True, **settings)


# ---- its checker ------------------------------------------------------------------------------------------------------

class Adapted(gymnasium.Env):
    """Our world with spaces and options, which Gymnasium asks for; nothing else is changed."""

    def __init__(self, world):
        self.world = world
        self.action_space = gymnasium.spaces.Discrete(world.actions)
        if isinstance(world, CartPole):  # speeds have no bound but that of float32
            most = np.full(4, np.finfo(np.float32).max)
            self.observation_space = gymnasium.spaces.Box(-most, most, dtype=np.float32)
        else:
            self.observation_space = gymnasium.spaces.Discrete(getattr(world, "states", 1))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.world.rng = self.np_random  # the checker looks at this generator
        return self.world.reset()

    def step(self, action):
        return self.world.step(action)


WORLDS = {
    "CartPole": lambda: CartPole(rng=rng()),
    "CliffWalking": lambda: CliffWalking(rng=rng()),
    "CliffWalking slippery": lambda: CliffWalking(rng=rng(), success=1 / 3),
    "FrozenLake": lambda: FrozenLake(rng=rng()),
    **{f"GridWorld {name}": lambda name=name: GridWorld(name, rng=rng(), success=0.8) for name in data.GRID_WORLDS},
    "Bandit": lambda: Bandit(data.ten_armed_testbed(1, rng=rng())[0], rng=rng()),
}


@pytest.mark.parametrize("make", WORLDS.values(), ids=WORLDS)
def test_check_env(make):
    """Without a warning, for warnings are errors here. We draw no pictures, so that there is nothing to render."""
    check_env(Adapted(make()), skip_render_check=True)


class Forgetful(CartPole):
    def start(self):
        return np.random.default_rng().uniform(-0.05, 0.05, 4)


class Sharing(CartPole):
    def observe(self):
        self.seen = getattr(self, "seen", np.zeros(4, np.float32))
        self.seen[:] = self.state
        return self.seen


class Wide(CartPole):
    def observe(self):
        return self.state.copy()


class Ending(Environment):
    def start(self):
        return 0

    def move(self, action):
        return 0, 0.0, None


class Outside(Environment):
    def start(self):
        return 1

    def move(self, action):
        return 1, 0.0, False


@pytest.mark.parametrize("world", [Forgetful, Sharing, Wide, Ending, Outside])
def test_the_checker_has_teeth(world):
    with pytest.raises((AssertionError, UserWarning)):
        check_env(Adapted(world(rng=rng())), skip_render_check=True)


# ---- the same seed, the same world ------------------------------------------------------------------------------------

def balancing(observation):
    """A rule that keeps the pole up for as long as an episode lasts."""
    x, speed, angle, spin = observation
    return int(angle + 0.5 * spin + 0.05 * x + 0.1 * speed > 0)


def compare(ours, other, steps, policy=None):
    """Reset and step both alike, and raise AssertionError at the first difference; how often episodes ended in each way."""
    choose, ends = rng(7), []
    seed = 0
    (mine, info), (yours, _) = ours.reset(seed=seed), other.reset(seed=seed)
    for _ in range(steps):
        assert np.array_equal(mine, yours) and np.asarray(mine).dtype == np.asarray(yours).dtype and info == {}
        action = policy(mine) if policy else int(choose.integers(ours.actions))
        mine, *outcome, info = ours.step(action)
        yours, *expected, _ = other.step(action)
        assert outcome == expected and [type(x) for x in outcome[1:]] == [bool, bool]
        assert np.array_equal(mine, yours)
        if isinstance(ours, CartPole):
            assert np.array_equal(ours.state, other.unwrapped.state), "in float64 too, before it is rounded to be observed"
        if outcome[1] or outcome[2]:
            ends.append(tuple(outcome[1:]))
            seed = len(ends) if len(ends) % 3 == 0 else None  # with a new seed now and then, else on with the generator
            (mine, info), (yours, _) = ours.reset(seed=seed), other.reset(seed=seed)
    return ends


def test_cartpole_is_gymnasiums_for_10000_random_steps():
    ends = compare(CartPole(rng=rng()), theirs("CartPole-v1"), 10_000)
    assert len(ends) > 300 and set(ends) == {(True, False)}


def test_cartpole_is_gymnasiums_to_the_end_of_time():
    ends = compare(CartPole(rng=rng()), theirs("CartPole-v1"), 3_000, balancing)
    assert ends == [(False, True)] * 6


def leaning(side):
    """A rule that lets the pole lean to one side and runs after it, until the track ends."""
    return lambda observation: int(observation[2] + 0.5 * observation[3] > 0.06 * side)


@pytest.mark.parametrize("side", [-1, 1])
def test_cartpole_is_gymnasiums_where_the_cart_leaves_its_track(side):
    ours = CartPole(rng=rng())
    ends = compare(ours, theirs("CartPole-v1"), 1_000, leaning(side))
    assert set(ends) == {(True, False)} and len(ends) < 8, "episodes are long: the pole did not fall"


@pytest.mark.parametrize("make, name, settings", [
    (lambda: FrozenLake(rng=rng()), "FrozenLake-v1", {}),
    (lambda: FrozenLake("large lake", rng=rng(), limit=200), "FrozenLake8x8-v1", {}),
    (lambda: FrozenLake(rng=rng(), success=0.7), "FrozenLake-v1", {"success_rate": 0.7}),
    (lambda: CliffWalking(rng=rng()), "CliffWalking-v1", {}),
], ids=["lake", "large lake", "less slippery", "cliff"])
def test_grid_worlds_are_gymnasiums_for_10000_random_steps(make, name, settings):
    ends = compare(make(), theirs(name, **settings), 10_000)
    assert (True, False) in ends


@pytest.mark.parametrize("squares, limit, name", [("lake", None, "FrozenLake-v1"), ("large lake", 200, "FrozenLake8x8-v1")])
def test_on_ice_time_is_up_when_it_is_in_gymnasium(squares, limit, name):
    ends = compare(FrozenLake(squares, rng=rng(), limit=limit), theirs(name), 1_000, lambda square: 3)  # upwards, along the edge
    assert ends == [(False, True)] * (1_000 // (limit or 100))


# ---- the same tables --------------------------------------------------------------------------------------------------

def compare_tables(ours, other):
    """Raise AssertionError unless the same may follow every action with the same probabilities, but from where episodes end."""
    other = other.unwrapped
    assert other.observation_space.n == ours.states and other.action_space.n == ours.actions
    starts = np.zeros(ours.states)
    starts[ours.starts] = 1 / len(ours.starts)
    assert np.array_equal(starts, other.initial_state_distrib)
    for state in range(ours.states):
        for action in range(ours.actions):
            if ours.map.flat[state] in "GH":  # CliffWalking's goal can be left there, though no episode lasts so long
                assert ours.P[state][action] == [(1.0, state, 0.0, True)]
                continue
            mine, yours = ours.P[state][action], other.P[state][action]
            assert [outcome[1:] for outcome in mine] == [(int(after), pay, end) for _, after, pay, end in yours]
            assert np.allclose([outcome[0] for outcome in mine], [outcome[0] for outcome in yours], rtol=0, atol=1e-15)
            assert abs(sum(outcome[0] for outcome in mine) - 1) < 1e-15


TABLES = {
    "lake": (lambda **s: FrozenLake(rng=rng(), **s), "FrozenLake-v1", {}),
    "large lake": (lambda **s: FrozenLake("large lake", rng=rng(), **s), "FrozenLake8x8-v1", {}),
    "lake without slipping": (lambda **s: FrozenLake(rng=rng(), **{"success": 1, **s}), "FrozenLake-v1", {"is_slippery": False}),
    "cliff": (lambda **s: CliffWalking(rng=rng(), **s), "CliffWalking-v1", {}),
    "slippery cliff": (lambda **s: CliffWalking(rng=rng(), **{"success": 1 / 3, **s}), "CliffWalkingSlippery-v1", {}),
}
every_table = pytest.mark.parametrize("make, name, settings", TABLES.values(), ids=TABLES)


@every_table
def test_tables_are_gymnasiums(make, name, settings):
    compare_tables(make(), theirs(name, **settings))


# ---- the comparisons have teeth ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("damage", [
    {"gravity": 9.8 * 1.01}, {"push": 10 * 1.01}, {"push": -10.0}, {"tick": 0.02 * 1.01}, {"pole_mass": 0.101},
    {"cart_mass": 1.01},
    {"half_length": 0.505}, {"tilt": CartPole.tilt * 0.9}, {"limit": 499}, {"limit": None}, {"gravity": np.nextafter(9.8, 10)},
    {"move": lambda self, action: (CartPole.move(self, action)[0], -1.0, CartPole.move(self, action)[2])},
    {"start": lambda self: self.rng.uniform(-0.06, 0.06, 4)}, {"start": lambda self: self.rng.normal(0, 0.05, 4)},
], ids=lambda damage: "-".join(f"{name}={value}" for name, value in damage.items() if not callable(value)) or next(iter(damage)))
def test_a_damaged_cartpole_is_noticed(damage):
    broken = type("CartPole", (CartPole,), damage)(rng=rng())
    with pytest.raises(AssertionError):
        compare(broken, theirs("CartPole-v1"), 1_000)
        compare(broken, theirs("CartPole-v1"), 1_000, balancing)


@pytest.mark.parametrize("side", [-1, 1])
def test_a_track_of_another_length_is_noticed(side):
    broken = type("CartPole", (CartPole,), {"track": 2.35})(rng=rng())
    with pytest.raises(AssertionError):
        compare(broken, theirs("CartPole-v1"), 1_000, leaning(side))


@pytest.mark.parametrize("name", ["lake", "cliff", "slippery cliff"])
@pytest.mark.parametrize("damage", ["wrong square", "sign", "reward", "slip", "arrows", "start"])
def test_a_damaged_grid_world_is_noticed(name, damage):
    make, other, settings = TABLES[name]
    world = make() if damage != "slip" else make(success=0.4)
    squares, paid = world.map.copy(), {letter: -1 for letter in "SGHC."}
    paid.update({"C": -100} if "cliff" in name else {"G": 1, "S": 0, "H": 0, ".": 0})
    if damage == "wrong square":
        squares[1, 1] = "H" if squares[1, 1] == "." else "."
    elif damage == "sign":
        paid["G"] = -paid["G"]
    elif damage == "reward":
        paid["."] -= 0.01
    elif damage == "start":
        squares[squares == "S"], squares[0, 1] = ".", "S"
    broken = type("GridWorld", (GridWorld,), {"arrows": "↑→←↓" if damage == "arrows" else world.arrows})
    success = {"lake": 1 / 3, "cliff": 1.0, "slippery cliff": 1 / 3}[name]
    rebuilt = broken(squares, rng=rng(), rewards=paid, success=0.4 if damage == "slip" else success)
    with pytest.raises(AssertionError):
        compare_tables(rebuilt, theirs(other, **settings))
