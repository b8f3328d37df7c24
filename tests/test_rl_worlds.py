"""The worlds of reinforcement learning: mechanics, tables, known values, what they refuse. Gymnasium's: tests/external."""

import os
import subprocess
import sys

import numpy as np
import pytest
from datafiles import refusal
from hypothesis import given
from hypothesis import strategies as st

from dlbook import data
from dlbook.rl import Bandit, Bandits, CartPole, CartPoles, CliffWalking, Environment, FrozenLake, GridWorld, episode, rollout


def rng(seed=0):
    return np.random.default_rng(seed)


def balancing(x):
    """A rule that keeps poles up."""
    return (x[..., 2] + 0.5 * x[..., 3] + 0.05 * x[..., 0] + 0.1 * x[..., 1] > 0).astype(int)


# ---- every world ------------------------------------------------------------------------------------------------------

WORLDS = {
    "CartPole": lambda seed=0: CartPole(rng=rng(seed)),
    "CliffWalking": lambda seed=0: CliffWalking(rng=rng(seed), success=0.8, limit=30),
    "FrozenLake": lambda seed=0: FrozenLake(rng=rng(seed)),
    "GridWorld": lambda seed=0: GridWorld("corners", rng=rng(seed), success=0.7),
    "Bandit": lambda seed=0: Bandit([0.0, 1.0, -2.0], rng=rng(seed), limit=20),
}
every_world = pytest.mark.parametrize("make", WORLDS.values(), ids=WORLDS)


def walk(world, steps=200, seed=3):
    """What happens at random actions, episode after episode, as one flat list of numbers."""
    actions, seen = rng(seed), [np.ravel(world.reset()[0])]
    for _ in range(steps):
        observation, *outcome, _ = world.step(int(actions.integers(world.actions)))
        seen += [np.ravel(observation), np.array(outcome, float)]
        if any(outcome[1:]):
            seen.append(np.ravel(world.reset()[0]))
    return np.concatenate(seen)


@every_world
def test_the_same_seed_gives_the_same_world(make):
    assert np.array_equal(walk(make(5)), walk(make(5)))
    assert not np.array_equal(walk(make(5)), walk(make(6)))
    used = make(0)
    walk(used)
    used.reset(seed=5)
    used.steps = None
    fresh = make(5)
    fresh.reset()
    assert np.array_equal(walk(used), walk(fresh)), "a seed in reset() starts the generator anew"


@every_world
def test_no_other_generator_is_touched(make):
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()
    walk(make())
    assert np.random.get_state()[1].tolist() == before


@every_world
def test_a_world_must_be_reset_before_a_step_and_after_the_end(make):
    world = make()
    assert "no episode has begun; call reset()" in refusal(RuntimeError, lambda: world.step(0))
    world.reset()
    over = False
    while not over:
        _, _, terminated, truncated, _ = world.step(0)
        over = terminated or truncated
    before = world.state if np.ndim(world.state) == 0 else world.state.copy()
    assert "this episode is over; call reset()" in refusal(RuntimeError, lambda: world.step(0))
    assert np.array_equal(world.state, before)
    world.reset()
    world.step(0)


@every_world
@pytest.mark.parametrize("action", [-1, 99, 0.0, 1.5, "left", None, True, np.array([0, 1])], ids=repr)
def test_a_world_refuses_actions_that_there_are_not(make, action):
    world = make()
    world.reset()
    said = refusal(ValueError, lambda: world.step(action))
    assert f"0 to {world.actions - 1}" in said and type(world).__name__ in said
    assert world.steps == 0, "nothing happened"


@every_world
def test_types(make):
    world = make()
    observation, info = world.reset()
    assert info == {} and type(observation) in (int, np.ndarray)
    observation, reward, terminated, truncated, info = world.step(np.int64(0))
    assert (type(reward), type(terminated), type(truncated), info) == (float, bool, bool, {})
    if isinstance(observation, np.ndarray):
        assert observation.dtype == np.float32


@every_world
def test_settings_of_a_world(make):
    kind, arguments = type(make()), {"GridWorld": ("corners",), "Bandit": ([1.0],)}.get(type(make()).__name__, ())
    assert "rng is 0; expected a NumPy generator" in refusal(TypeError, lambda: kind(*arguments, rng=0))
    assert "limit must be a whole number from 1 up, and is 0" in refusal(ValueError, lambda: kind(*arguments, rng=rng(), limit=0))
    assert "seed must be a whole number from 0 up, and is -1" in refusal(ValueError, lambda: make().reset(seed=-1))
    world = kind(*arguments, rng=rng(), limit=1)
    world.reset()
    assert world.step(0)[3] is True
    with pytest.raises(TypeError):
        kind(*arguments)


def test_a_limit_of_one_world_is_not_that_of_another():
    CartPole(rng=rng(), limit=3)
    assert CartPole(rng=rng()).limit == 500 and FrozenLake(rng=rng()).limit == 100 and CliffWalking(rng=rng()).limit is None


def test_a_subclass_must_say_what_happens():
    assert "must define start(self)" in refusal(NotImplementedError, lambda: Environment(rng=rng()).reset())
    half = type("Half", (Environment,), {"start": lambda self: 0})(rng=rng())
    half.reset()
    assert "Half must define move(self, action)" in refusal(NotImplementedError, lambda: half.step(0))


def test_the_same_seed_gives_the_same_trajectory_in_two_processes():
    script = ("import numpy as np\nfrom dlbook import rl\nr = np.random.default_rng(3)\n"
              "poles = rl.CartPoles(4, rng=r)\nposts = poles.reset()[0]\n"
              "steps = rl.rollout(poles, lambda x: rl.categorical(x[:, 2:] * 9, rng=r), steps=60)\n"
              "lake = rl.episode(rl.FrozenLake(rng=r), lambda s: rl.epsilon_greedy([0.0, 1.0, 1.0, 0.0], epsilon=0.1, rng=r))\n"
              "print([a.tobytes().hex() for record in (steps, lake) for a in record])")
    outputs = {subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True,
                              text=True, check=True).stdout for seed in "01"}
    assert len(outputs) == 1 and len(outputs.pop()) > 1000


# ---- the pole ---------------------------------------------------------------------------------------------------------

def energy(world, state):
    """Kinetic and potential energy of a cart and a uniform rod of length 2 l that turns on it."""
    _, v, angle, spin = state.T
    m, half, g = world.pole_mass, world.half_length, world.gravity
    rod = m * (v * v + 2 * v * half * spin * np.cos(angle) + 4 / 3 * half**2 * spin**2) / 2
    return world.cart_mass * v * v / 2 + rod + m * g * half * np.cos(angle)


@given(seed=st.integers(0, 2**32), force=st.floats(-20, 20))
def test_the_equations_of_motion_conserve_energy(seed, force):
    """The push does the work force · v, and nothing else changes the energy; with no word about how we wrote the equations."""
    world, state = CartPole(rng=rng()), rng(seed).uniform(-1, 1, (5, 4))
    world.tick = 1e-6
    gained = (energy(world, world.after(state, force)) - energy(world, state)) / world.tick
    np.testing.assert_allclose(gained, force * state[:, 1], atol=1e-3)


@given(seed=st.integers(0, 2**32), force=st.floats(-20, 20))
def test_the_equations_of_motion_conserve_momentum(seed, force):
    world, state = CartPole(rng=rng()), rng(seed).uniform(-1, 1, (5, 4))
    world.tick = 1e-6

    def momentum(s):
        return (world.cart_mass + world.pole_mass) * s[:, 1] + world.pole_mass * world.half_length * s[:, 3] * np.cos(s[:, 2])

    gained = (momentum(world.after(state, force)) - momentum(state)) / world.tick
    np.testing.assert_allclose(gained, force, atol=1e-3)


def test_other_equations_do_not_conserve_energy():
    class Wrong(CartPole):
        def after(self, state, force):
            return super().after(state, force) * [1, 1, 1, 1.001]

    world, state = Wrong(rng=rng()), rng().uniform(-1, 1, (5, 4))
    gained = (energy(world, world.after(state, 0)) - energy(world, state)) / world.tick
    assert np.abs(gained).max() > 1e-2


def test_left_and_right_are_mirrored():
    world, state = CartPole(rng=rng()), rng().uniform(-1, 1, (5, 4))
    assert np.array_equal(world.after(-state, -10.0), -world.after(state, 10.0))


@pytest.mark.parametrize("state, lost", [
    ([0, 0, 0, 0], False), ([2.4, 0, 0, 0], False), ([2.401, 0, 0, 0], True), ([-2.401, 0, 0, 0], True),
    ([-2.4, 0, CartPole.tilt, 0], False), ([0, 0, -CartPole.tilt, 0], False), ([0, 9, 0.209, 9], False), ([0, 0, 0.2095, 0], True), ([0, 0, -0.2095, 0], True),
])
def test_where_an_episode_ends(state, lost):
    world = CartPole(rng=rng())
    assert world.lost(np.array(state, float)) == lost
    assert world.lost(np.array([state, [0] * 4], float)).tolist() == [lost, False]


def test_the_pole_stands_for_500_steps_and_no_longer():
    steps = episode(CartPole(rng=rng()), lambda x: int(balancing(x)))
    assert len(steps.rewards) == steps.rewards.sum() == 500
    assert steps.truncated.tolist() == [False] * 499 + [True] and not steps.terminated.any()


def test_observations_are_not_written_into():
    world = CartPole(rng=rng())
    first = world.reset()[0]
    kept = first.copy()
    second = world.step(1)[0]
    first[:] = 7
    assert np.array_equal(world.observe(), second) and np.array_equal(kept, CartPole(rng=rng()).reset()[0])


def test_many_poles_are_single_poles():
    """Each of them, step by step and new start by new start, and each for as long as 500 steps."""
    poles, actions = CartPoles(7, rng=rng()), rng(1)
    observations, _ = poles.reset()
    singles = [CartPole(rng=rng()) for _ in range(7)]
    for single, state in zip(singles, poles.state):
        single.reset()
        single.state = state
    ended = np.zeros((7, 2), int)
    for _ in range(1100):
        chosen = np.where(np.arange(7) < 3, balancing(observations), actions.integers(0, 2, 7))
        before = poles.state.copy()
        observations, rewards, terminated, truncated, info = poles.step(chosen)
        for k, single in enumerate(singles):
            arrived, reward, fell, late, _ = single.step(int(chosen[k]))
            np.testing.assert_allclose(info["arrived"][k], arrived, rtol=1e-6, atol=1e-7)
            assert (reward, fell, late) == (rewards[k], terminated[k], truncated[k])
            if fell or late:
                ended[k] += fell, late
                assert np.abs(observations[k]).max() <= 0.05, "it stands at a new start"
                single.reset()
                single.state = poles.state[k]
            else:
                assert np.array_equal(observations[k], info["arrived"][k])
                single.state = poles.state[k]
        assert not np.array_equal(before, poles.state)
    assert (ended[:3] == [0, 2]).all() and (ended[3:, 0] > 20).all()


def test_many_poles_types_and_refusals():
    poles = CartPoles(3, rng=rng())
    assert "no episode has begun" in refusal(RuntimeError, lambda: poles.step([0, 0, 0]))
    observations, info = poles.reset(seed=4)
    assert observations.dtype == np.float32 and info == {} and np.array_equal(observations, CartPoles(3, rng=rng(4)).reset()[0])
    results = poles.step([0, 1, 0])
    assert [a.dtype for a in results[:4]] == [np.float32, np.float32, bool, bool] and all(a.shape == (3,) for a in results[1:4])
    for wrong in ([0, 1], [0.0, 1.0, 0.0], [[0, 1, 0]], 1, [True, False, True]):
        assert "CartPoles takes an array of 3 whole numbers" in refusal(ValueError, lambda: poles.step(wrong))
    assert "0 to 1, and was given 0 to 2" in refusal(ValueError, lambda: poles.step([0, 1, 2]))
    assert "count must be a whole number from 1 up" in refusal(ValueError, lambda: CartPoles(0, rng=rng()))
    assert poles.steps.tolist() == [1, 1, 1]


def test_poles_start_independently_and_evenly():
    starts = CartPoles(20_000, rng=rng()).reset()[0]
    assert np.abs(starts).max() <= 0.05 and np.abs(starts.mean(axis=0)).max() < 1e-3
    np.testing.assert_allclose(starts.var(axis=0), 0.1**2 / 12, rtol=0.03)
    np.testing.assert_allclose(np.corrcoef(starts.T), np.eye(4), atol=0.03)


# ---- grid worlds ------------------------------------------------------------------------------------------------------

def value_iteration(world, gamma, policy=None):
    """Optimal values, by sweeps over the table as a reader would write them; or those of the policy that chooses by chance."""
    v = np.zeros(world.states)
    for _ in range(5000):
        q = np.array([[sum(p * (r + gamma * v[after] * (not end)) for p, after, r, end in outcomes)
                       for outcomes in by_action.values()] for by_action in world.P.values()])
        new = q.mean(axis=1) if policy == "random" else q.max(axis=1)
        if np.abs(new - v).max() < 1e-12:
            break
        v = new
    return v.reshape(world.map.shape)


def test_values_of_sutton_and_bartos_corners():
    """Their Figure 4.1: a step costs 1; under the policy that chooses by chance, and under the best one."""
    world = GridWorld("corners", rng=rng())
    by_chance = [[0, -14, -20, -22], [-14, -18, -20, -20], [-20, -20, -18, -14], [-22, -20, -14, 0]]
    np.testing.assert_allclose(value_iteration(world, 1, "random"), by_chance, atol=1e-8)
    row, column = np.indices((4, 4))
    assert np.array_equal(value_iteration(world, 1), -np.minimum(row + column, 6 - row - column))


def test_values_of_the_cliff():
    v = value_iteration(CliffWalking(rng=rng()), 1)
    assert v[3, 0] == -13 and v[2].tolist() == list(range(-12, 0)) and v[0, 0] == -14


def test_values_of_the_frozen_lake():
    """Without a discount the value is the chance of ever arriving: 14 / 17."""
    world = FrozenLake(rng=rng())
    np.testing.assert_allclose(value_iteration(world, 1)[0, 0], 14 / 17, atol=1e-9)
    v = value_iteration(world, 0.99)
    chances, reward = world.model()
    best = (reward + 0.99 * chances @ v.ravel()).argmax(axis=1)
    square = np.arange(16)
    exact = np.linalg.solve(np.eye(16) - 0.99 * chances[square, best], reward[square, best])  # of that policy, without sweeps
    np.testing.assert_allclose(v.ravel(), exact, atol=1e-9)
    assert v[0, 0] == pytest.approx(0.54202593, abs=1e-8) and (v >= 0).all() and (v <= 1).all()


@pytest.mark.parametrize("make", [
    lambda: GridWorld("corners", rng=rng(), success=0.6), lambda: CliffWalking(rng=rng(), success=1 / 3),
    lambda: FrozenLake(rng=rng())])
def test_the_model_is_the_table(make):
    world = make()
    chances, reward = world.model()
    assert chances.shape == (world.states, 4, world.states) and chances.dtype == reward.dtype == np.float64
    np.testing.assert_allclose(chances.sum(axis=2), 1, atol=1e-15)
    v = np.zeros(world.states)
    for _ in range(3000):
        v = (reward + 0.9 * chances @ v).max(axis=1)
    np.testing.assert_allclose(v, value_iteration(world, 0.9).ravel(), atol=1e-10)
    ends = np.isin(world.map.ravel(), ["G", "H"])
    assert np.array_equal(chances[ends], np.eye(world.states)[ends][:, None].repeat(4, 1)) and not reward[ends].any()


@pytest.mark.parametrize("make", [lambda: CliffWalking(rng=rng(), success=0.5), lambda: FrozenLake(rng=rng(), success=0.5)])
def test_steps_follow_the_table(make):
    """How often each outcome comes, against its probability, from a square where all three differ."""
    world = make()
    state, action = (26, 2) if isinstance(world, CliffWalking) else (6, 1)  # above the cliff, towards it; between two holes
    counts, n = {}, 20_000
    world.reset()
    for _ in range(n):
        world.state, world.steps = state, 0
        after, reward, end, _, _ = world.step(action)
        counts[after, reward, end] = counts.get((after, reward, end), 0) + 1
    expected = {}
    for chance, *outcome in world.P[state][action]:
        expected[tuple(outcome)] = expected.get(tuple(outcome), 0) + chance
    assert set(counts) == set(expected) and len(expected) >= 2
    chi2 = sum((counts[o] - n * p) ** 2 / (n * p) for o, p in expected.items())
    assert chi2 < 13.8  # the 99.9 % point for two degrees of freedom


def test_a_world_without_a_start_begins_on_any_free_square():
    world = GridWorld("corners", rng=rng())
    starts = np.bincount([world.reset()[0] for _ in range(14_000)], minlength=16)
    assert starts[0] == starts[15] == 0
    assert ((starts[1:15] - 1000) ** 2 / 1000).sum() < 34.5  # the 99.9 % point for 13 degrees of freedom


def test_falling_costs_and_does_not_end():
    world = CliffWalking(rng=rng())
    world.reset()
    assert world.step(0)[:2] == (24, -1.0) and world.step(1)[:2] == (25, -1.0)
    assert world.step(2) == (36, -100.0, False, False, {})
    assert world.step(3)[:2] == (36, -1.0), "a step beyond the edge stays where it is"


def test_arrows_lead_where_they_point():
    for world in (GridWorld(["...", ".S.", "..."], rng=rng()), FrozenLake(["...", ".S.", "..."], rng=rng(), success=1)):
        for action, arrow in enumerate(world.arrows):
            world.reset()
            assert world.step(action)[0] == {"↑": 1, "→": 5, "↓": 7, "←": 3}[arrow]


def test_rewards_by_letter():
    world = GridWorld(["SHG"], rng=rng(), rewards={"H": -5, "G": 2, "S": 0.5})
    assert [world.P[0][a][0][2] for a in range(4)] == [0.5, -5, 0.5, 0.5]
    assert world.P[1][1] == [(1.0, 1, 0.0, True)]


@pytest.mark.parametrize("call, said", [
    (lambda: GridWorld("maze", rng=rng()), "no grid world is called 'maze'"),
    (lambda: GridWorld(["S.", "."], rng=rng()), "is no map: expected rows of equal length"),
    (lambda: GridWorld(["S#"], rng=rng()), "letters S G H C and ."), (lambda: GridWorld([], rng=rng()), "is no map"),
    (lambda: GridWorld(["GG"], rng=rng()), "0 squares to start from"),
    (lambda: GridWorld(["SCS"], rng=rng()), "2 squares to start from"),
    (lambda: GridWorld(["..C"], rng=rng()), "one alone where there is a cliff"),
    (lambda: GridWorld("lake", rng=rng(), success=1.5), "success must be a number from 0 to 1, and is 1.5"),
    (lambda: GridWorld("lake", rng=rng(), success=-1), "success"),
    (lambda: GridWorld("lake", rng=rng(), success="often"), "'often'"),
    (lambda: GridWorld("lake", rng=rng(), rewards={"F": 1}), "letters S G H C and ."),
])
def test_grid_worlds_refuse(call, said):
    assert said in refusal(ValueError, call)


# ---- bandits ----------------------------------------------------------------------------------------------------------

def test_an_arm_pays_its_value_with_variance_one():
    bandit = Bandit([0.5, -3.0], rng=rng())
    bandit.reset()
    for arm, value in enumerate([0.5, -3.0]):
        places, paid = np.array([bandit.step(arm)[:2] for _ in range(20_000)]).T
        assert not places.any(), "there is one state"
        assert abs(paid.mean() - value) < 0.03 and abs(paid.var() - 1) < 0.04
        assert abs(np.corrcoef(paid[1:], paid[:-1])[0, 1]) < 0.03


def test_many_bandits_pay_their_values():
    values = data.ten_armed_testbed(5, rng=rng())
    bandits = Bandits(values, rng=rng(1))
    assert bandits.reset()[0].tolist() == [0] * 5
    arms, paid = np.array([0, 9, 3, 3, 5]), np.zeros((5000, 5))
    for row in paid:
        _, row[:], terminated, truncated, _ = bandits.step(arms)
        assert not terminated.any() and not truncated.any()
    np.testing.assert_allclose(paid.mean(axis=0), values[np.arange(5), arms], atol=0.06)
    np.testing.assert_allclose(np.cov(paid.T), np.eye(5), atol=0.08)
    assert np.array_equal(bandits.best, values.argmax(axis=1)) and bandits.step(arms)[1].dtype == np.float32


def test_bandits_keep_their_own_values_and_refuse():
    values = np.zeros((2, 3))
    bandits = Bandits(values, rng=rng(), limit=2)
    values += 9
    assert "no episode" in refusal(RuntimeError, lambda: bandits.step([0, 0]))
    bandits.reset()
    assert abs(bandits.step([0, 2])[1]).max() < 5
    assert "0 to 2, and was given 0 to 3" in refusal(ValueError, lambda: bandits.step([0, 3]))
    assert bandits.step([1, 1])[3].all() and "over" in refusal(RuntimeError, lambda: bandits.step([0, 0]))
    for wrong in ([], [[1.0]], 1.0, [np.nan]):
        assert "expected finite numbers (arms,)" in refusal(ValueError, lambda: Bandit(wrong, rng=rng()))
    assert "(N, arms)" in refusal(ValueError, lambda: Bandits([1.0], rng=rng()))


# ---- records of episodes ----------------------------------------------------------------------------------------------

def test_an_episode_is_what_happened():
    world, again = FrozenLake(rng=rng()), FrozenLake(rng=rng())
    steps = episode(world, lambda square: square % 4, seed=8)
    square, _ = again.reset(seed=8)
    for row in zip(*steps):
        arrived, reward, terminated, truncated, _ = again.step(square % 4)
        assert row == (square, square % 4, reward, arrived, terminated, truncated)
        square = arrived
    assert steps.terminated[-1] or steps.truncated[-1]
    assert not steps.terminated[:-1].any() and np.array_equal(steps.observations[1:], steps.next_observations[:-1])


def test_a_rollout_goes_on_where_the_last_one_stopped():
    def poles():
        made = CartPoles(3, rng=rng())
        made.reset()
        return made

    whole = rollout(poles(), balancing, steps=30)
    worlds = poles()
    first, second = rollout(worlds, balancing, steps=10), rollout(worlds, balancing, steps=20)
    for a, b, c in zip(whole, first, second):
        assert np.array_equal(a, np.concatenate([b, c]))


def test_a_rollout_is_what_happened():
    worlds = CartPoles(4, rng=rng())
    worlds.reset()
    choices = rng(1)
    steps = rollout(worlds, lambda x: choices.integers(0, 2, len(x)), steps=120)
    assert [a.shape for a in steps] == [(120, 4, 4), (120, 4), (120, 4), (120, 4, 4), (120, 4), (120, 4)]
    assert [a.dtype for a in steps] == [np.float32, np.int64, np.float32, np.float32, bool, bool]
    over = steps.terminated | steps.truncated
    joined = (steps.observations[1:] == steps.next_observations[:-1]).all(axis=-1)
    assert np.array_equal(joined, ~over[:-1]) and over.sum() > 10
    assert "steps must be a whole number from 1 up" in refusal(ValueError, lambda: rollout(worlds, balancing, steps=0))
    assert "no episode has begun" in refusal(RuntimeError, lambda: rollout(CartPoles(2, rng=rng()), balancing, steps=1))
