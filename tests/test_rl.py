"""Returns, advantages, policies and the replay buffer, against their definitions and against exact expectations."""

from collections import deque

import numpy as np
import pytest
from datafiles import refusal
from hypothesis import given
from hypothesis import strategies as st

from dlbook import Tensor, nn
from dlbook.gradcheck import gradcheck
from dlbook.rl import (
    CartPoles, ReplayBuffer, Transitions, categorical, clipped_objective, entropy, epsilon_greedy, follow, gae, log_probability,
    returns, rollout,
)


def rng(seed=0):
    return np.random.default_rng(seed)


# ---- returns and advantages -------------------------------------------------------------------------------------------

@st.composite
def records(draw):
    """Rewards, values, values of where steps arrive, and random ends of episodes: of one agent, or of several."""
    r = rng(draw(st.integers(0, 2**32)))
    shape = draw(st.sampled_from([(1,), (2,), (7,), (30,), (1, 3), (12, 4), (5, 1)]))
    rate = draw(st.sampled_from([0, 0.1, 0.5]))
    return (*(r.normal(size=shape) for _ in range(3)), r.random(shape) < rate, r.random(shape) < rate)


factors = st.sampled_from([0.0, 0.3, 0.9, 0.99, 1.0])


def columns(*arrays):
    """The record of each agent by itself."""
    flat = [a.reshape(len(a), -1) for a in arrays]
    return [tuple(a[:, k] for a in flat) for k in range(flat[0].shape[1])]


def last_of(t, terminated, truncated):
    """The last step of the episode in which step t lies."""
    while t < len(terminated) - 1 and not (terminated[t] or truncated[t]):
        t += 1
    return t


def returns_by_definition(rewards, following, terminated, truncated, gamma):
    total = []
    for t in range(len(rewards)):
        end = last_of(t, terminated, truncated)
        total.append(sum(gamma ** (k - t) * rewards[k] for k in range(t, end + 1)))
        if not terminated[end]:
            total[t] += gamma ** (end + 1 - t) * following[end]
    return total


def gae_by_definition(rewards, values, following, terminated, truncated, gamma, lam):
    errors = [r + gamma * v2 * (not end) - v for r, v, v2, end in zip(rewards, values, following, terminated)]
    return [sum((gamma * lam) ** (k - t) * errors[k] for k in range(t, last_of(t, terminated, truncated) + 1))
            for t in range(len(rewards))]


@given(record=records(), gamma=factors)
def test_returns_follow_their_definition(record, gamma):
    rewards, _, following, terminated, truncated = record
    found = returns(rewards, gamma=gamma, terminated=terminated, truncated=truncated, next_values=following)
    expected = [returns_by_definition(*column, gamma) for column in columns(rewards, following, terminated, truncated)]
    np.testing.assert_allclose(found, np.transpose(expected).reshape(rewards.shape), rtol=1e-12, atol=1e-12)
    plain = returns(rewards, gamma=gamma, terminated=terminated)
    none = np.zeros_like(rewards)
    expected = [returns_by_definition(*column, gamma) for column in columns(rewards, none, terminated, none > 0)]
    np.testing.assert_allclose(plain, np.transpose(expected).reshape(rewards.shape), rtol=1e-12, atol=1e-12)


@given(record=records(), gamma=factors, lam=factors)
def test_gae_follows_its_definition(record, gamma, lam):
    rewards, values, following, terminated, truncated = record
    found = gae(rewards, values, following, gamma=gamma, lam=lam, terminated=terminated, truncated=truncated)
    expected = [gae_by_definition(*column, gamma, lam) for column in columns(*record)]
    np.testing.assert_allclose(found, np.transpose(expected).reshape(rewards.shape), rtol=1e-12, atol=1e-12)


@given(record=records(), gamma=factors)
def test_gae_at_its_ends(record, gamma):
    """λ = 1: returns less values, where the record of values is consistent. λ = 0: the temporal-difference errors."""
    rewards, values, following, terminated, truncated = record
    inside = ~(terminated | truncated)
    following[:-1] = np.where(inside[:-1], values[1:], following[:-1])  # a step arrives where the next begins
    settings = {"gamma": gamma, "terminated": terminated, "truncated": truncated}
    np.testing.assert_allclose(gae(rewards, values, following, lam=1, **settings),
                               returns(rewards, next_values=following, **settings) - values, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(gae(rewards, values, following, lam=0, **settings),
                               rewards + gamma * following * ~terminated - values, rtol=1e-12, atol=1e-12)


@given(record=records(), gamma=factors, lam=factors)
def test_what_comes_after_an_episode_does_not_reach_into_it(record, gamma, lam):
    rewards, values, following, terminated, truncated = (a.reshape(len(a), -1)[:, 0] for a in record)
    end = last_of(0, terminated, truncated) + 1
    a = gae(rewards, values, following, gamma=gamma, lam=lam, terminated=terminated, truncated=truncated)[:end]
    b = gae(rewards[:end], values[:end], following[:end], gamma=gamma, lam=lam,
            terminated=terminated[:end], truncated=truncated[:end])
    assert np.array_equal(a, b)
    assert np.array_equal(returns(rewards, gamma=gamma, terminated=terminated, truncated=truncated, next_values=following)[:end],
                          returns(rewards[:end], gamma=gamma, terminated=terminated[:end], next_values=following[:end]))


def test_returns_and_gae_keep_the_dtype_and_what_they_were_given():
    for dtype in (np.float32, np.float64):
        arrays = [rng(k).normal(size=(6, 2)).astype(dtype) for k in range(3)]
        ends = rng(3).random((6, 2)) < 0.3
        copies = [a.copy() for a in arrays]
        assert gae(*arrays, gamma=0.9, lam=np.float64(0.8), terminated=ends).dtype == dtype
        assert returns(arrays[0], gamma=np.float64(0.9), next_values=arrays[1].astype(np.float64)).dtype == dtype
        assert all(map(np.array_equal, arrays, copies))
    assert returns([1, 1, 1], gamma=0.5).tolist() == [1.75, 1.5, 1.0] and returns([1, 1], gamma=1).dtype == np.float32
    assert returns(np.ones((0, 2)), gamma=0.9).shape == gae(*[np.ones(0)] * 3, gamma=0.9, lam=0.9).reshape(0, 2).shape
    single = rng().normal(size=50).astype(np.float32)
    assert np.array_equal(returns(single, gamma=0.97), returns(single[:, None], gamma=0.97)[:, 0]), "one is a column of several"


R = np.ones(4)


@pytest.mark.parametrize("call, kind, said", [
    (lambda: returns(R, gamma=1.1), ValueError, "gamma must be a number from 0 to 1, and is 1.1"),
    (lambda: returns(R, gamma=-0.1), ValueError, "gamma"), (lambda: returns(R, gamma=np.nan), ValueError, "gamma"),
    (lambda: returns(R, gamma="0.9"), ValueError, "'0.9'"), (lambda: returns(R), TypeError, "gamma"),
    (lambda: returns(R, gamma=1, terminated=R), TypeError, "terminated must be Boolean, and its dtype is float64"),
    (lambda: returns(R, gamma=1, truncated=[True]), ValueError, "truncated has shape (1,) and rewards (4,)"),
    (lambda: returns(R, gamma=1, next_values=R[:, None]), ValueError, "next_values has shape (4, 1) and rewards (4,)"),
    (lambda: returns(1.0, gamma=1), ValueError, "expected (T,) or (T, N), time first"),
    (lambda: returns(np.ones((2, 3, 4)), gamma=1), ValueError, "shape (2, 3, 4)"),
    (lambda: returns("abc", gamma=1), TypeError, "real numbers"),
    (lambda: gae(R, R[:3], R, gamma=1, lam=1), ValueError, "values has shape (3,) and rewards (4,)"),
    (lambda: gae(R, R, R, gamma=1, lam=2), ValueError, "lam must be a number from 0 to 1, and is 2"),
    (lambda: gae(R, R, R, gamma=1, lam=1, terminated=[0, 1, 0, 1]), TypeError, "Boolean"),
])
def test_returns_and_gae_refuse(call, kind, said):
    assert said in refusal(kind, call)


# ---- choosing ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("epsilon, expected", [(0, [0, 0.5, 0, 0.5]), (1, [0.25] * 4), (0.4, [0.1, 0.4, 0.1, 0.4])])
def test_epsilon_greedy_chooses_with_its_probabilities(epsilon, expected):
    """The two best are equals."""
    n = 20_000
    chosen = epsilon_greedy(np.tile([0.0, 2.0, -1.0, 2.0], (n, 1)), epsilon=epsilon, rng=rng())
    assert chosen.shape == (n,) and chosen.dtype.kind == "i"
    np.testing.assert_allclose(np.bincount(chosen, minlength=4) / n, expected, atol=0.012)
    one = [epsilon_greedy([0.0, 2.0, -1.0, 2.0], epsilon=epsilon, rng=r) for r in [rng()] for _ in range(5000)]
    assert type(one[0]) is int
    np.testing.assert_allclose(np.bincount(one, minlength=4) / 5000, expected, atol=0.025)


def test_epsilon_greedy_takes_tensors_and_infinite_values():
    assert epsilon_greedy(Tensor([[1.0, 3.0]], requires_grad=True), epsilon=0, rng=rng()).tolist() == [1]
    assert epsilon_greedy([-np.inf, 0.0, -np.inf], epsilon=0, rng=rng()) == 1
    assert epsilon_greedy([-np.inf, -np.inf], epsilon=0, rng=rng()) in (0, 1)


def test_categorical_draws_from_the_softmax():
    n, logits = 30_000, np.array([1.0, -2.0, 0.0, 3.0, -np.inf])
    p = np.exp(logits) / np.exp(logits).sum()
    counts = np.bincount(categorical(np.tile(logits, (n, 1)), rng=rng()), minlength=5)
    assert counts[4] == 0
    assert ((counts - n * p)[:4] ** 2 / (n * p[:4])).sum() < 16.3  # the 99.9 % point for three degrees of freedom
    assert type(categorical(logits, rng=rng())) is int
    rows = np.tile(logits, (9, 1))
    assert np.array_equal(categorical(rows + 900, rng=rng(3)), categorical(rows, rng=rng(3)))
    assert categorical([[0.0, 1e4], [1e4, 0.0]], rng=rng()).tolist() == [1, 0]
    many = categorical(np.zeros((2000, 1000), np.float32), rng=rng())
    assert 0 <= many.min() < 20 and 980 < many.max() <= 999


class Stuck(np.random.Generator):
    """A generator that draws the same number always."""

    def __init__(self, number):
        super().__init__(np.random.PCG64(0))
        self.number = number

    def random(self, shape):
        return np.full(shape, self.number)


def test_categorical_draws_an_action_also_where_the_probabilities_add_up_to_less_than_one():
    logits = rng().normal(size=(3000, 9))
    assert (softmax(logits).cumsum(axis=1)[:, -1] < 1).sum() > 20, "there are such rows"
    assert (categorical(logits, rng=Stuck(np.nextafter(1, 0))) == 8).all()


def test_categorical_never_draws_what_cannot_be():
    assert categorical([[-np.inf, -np.inf, 0.0, 1.0]], rng=Stuck(0.0)).tolist() == [2]
    assert categorical([[0.0, 1.0, -np.inf]], rng=Stuck(np.nextafter(1, 0))).tolist() == [1]


def test_categorical_rows_are_independent():
    both = categorical(np.zeros((20_000, 2)), rng=rng()).reshape(-1, 2)
    assert abs(np.corrcoef(both.T)[0, 1]) < 0.03


@pytest.mark.parametrize("call, kind, said", [
    (lambda: epsilon_greedy([1.0], epsilon=1.5, rng=rng()), ValueError, "epsilon must be a number from 0 to 1, and is 1.5"),
    (lambda: epsilon_greedy([], epsilon=0, rng=rng()), ValueError, "shape (0,); expected numbers (A,) or (B, A)"),
    (lambda: epsilon_greedy([np.nan, 1], epsilon=0, rng=rng()), ValueError, "values hold nan"),
    (lambda: epsilon_greedy([1.0], epsilon=0, rng=0), TypeError, "rng is 0"),
    (lambda: epsilon_greedy([1.0], epsilon=0), TypeError, "rng"),
    (lambda: categorical(np.zeros((2, 3, 4)), rng=rng()), ValueError, "logits have shape (2, 3, 4)"),
    (lambda: categorical([np.nan, 0], rng=rng()), ValueError, "logits hold nan"),
    (lambda: categorical([[0.0, 0.0], [-np.inf, -np.inf]], rng=rng()), ValueError, "logits must leave an action in each row"),
    (lambda: categorical([np.inf, 0.0], rng=rng()), ValueError, "logits must leave an action in each row"),
    (lambda: categorical([0.0], rng=None), TypeError, "rng is None"),
    (lambda: log_probability(np.zeros(3), [0]), ValueError, "logits have shape (3,); expected (B, A)"),
    (lambda: log_probability(np.zeros((2, 3)), [0]), ValueError, "one action from 0 to 2 for each row, and were given [0]"),
    (lambda: log_probability(np.zeros((2, 3)), [0, 3]), ValueError, "from 0 to 2 for each row, and were given [0, 3]"),
    (lambda: log_probability(np.zeros((2, 3)), [0.0, 1.0]), TypeError, "integers"),
    (lambda: entropy(np.zeros((2, 0))), ValueError, "at least one action"),
    (lambda: clipped_objective(np.zeros(2), old=[0.0], advantages=[1.0, 1.0]), ValueError, "old has shape (1,) and log_probabilities (2,)"),
    (lambda: clipped_objective(np.zeros(2), old=[0.0, 0.0], advantages=[[1.0], [1.0]]), ValueError, "advantages has shape (2, 1)"),
    (lambda: clipped_objective(np.zeros(0), old=[], advantages=[]), ValueError, "empty"),
    (lambda: clipped_objective(np.zeros(1), old=[0.0], advantages=[1.0], reach=1), ValueError, "reach must be a number from 0 to"),
])
def test_policies_refuse(call, kind, said):
    assert said in refusal(kind, call)


# ---- objectives -------------------------------------------------------------------------------------------------------

def gradient(f, theta):
    leaf = Tensor(theta, requires_grad=True)
    f(leaf).backward()
    return leaf.grad


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


@given(seed=st.integers(0, 2**32), actions=st.integers(1, 6))
def test_log_probability_and_entropy_follow_their_definitions(seed, actions):
    logits, taken = rng(seed).normal(size=(7, actions)), rng(seed).integers(0, actions, 7)
    p = softmax(logits)
    expected = [np.log(p[i, a]) for i, a in enumerate(taken)]
    np.testing.assert_allclose(log_probability(logits, taken).data, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(entropy(logits).data, -(p * np.log(p)).sum(axis=1), rtol=1e-12, atol=1e-12)
    assert gradcheck(lambda z: log_probability(z, taken), logits, rng=rng()) <= 1e-6 or actions == 1
    assert gradcheck(entropy, logits, rng=rng()) <= 1e-6 or actions == 1
    assert (entropy(logits).data <= np.log(actions) + 1e-12).all()
    assert log_probability(logits.astype(np.float32), taken).dtype == entropy(logits.astype(np.float32)).dtype == np.float32


def test_entropy_of_a_certain_and_an_uncertain_policy():
    np.testing.assert_allclose(entropy([[0.0] * 5, [1e4, 0, 0, 0, 0]]).data, [np.log(5), 0], atol=1e-6)
    assert abs(gradient(lambda z: entropy(z).sum(), np.zeros((1, 5)))).max() < 1e-15, "there is no more than log A"


def test_entropy_where_actions_are_forbidden():
    """What -inf forbids adds nothing, to the entropy or to its gradient."""
    allowed = rng().normal(size=(5, 3))
    masked = np.insert(allowed, 1, -np.inf, axis=1)
    np.testing.assert_allclose(entropy(masked).data, entropy(allowed).data, rtol=1e-12)
    slopes = gradient(lambda z: entropy(z).sum(), masked)
    np.testing.assert_allclose(np.delete(slopes, 1, axis=1), gradient(lambda z: entropy(z).sum(), allowed), rtol=1e-9, atol=1e-12)
    assert not slopes[:, 1].any()


def test_the_policy_gradient_is_unbiased():
    """On a bandit all can be enumerated: the mean of ∇ log π(a) · (q(a) - b) over a ~ π is the gradient of Σ π q, for any b."""
    theta, q = rng(0).normal(size=5), rng(1).normal(size=5)
    p = softmax(theta)
    exact = p * (q - p @ q)
    terms = {}
    for b in (0.0, 3.0, p @ q):
        each = np.array([gradient(lambda z, a=a: (log_probability(z, [a]) * (q[a] - b)).sum(), theta[None])[0] for a in range(5)])
        np.testing.assert_allclose(p @ each, exact, rtol=1e-12, atol=1e-14)
        terms[b] = each
    h = 1e-6
    numeric = [(softmax(theta + h * e) @ q - softmax(theta - h * e) @ q) / (2 * h) for e in np.eye(5)]
    np.testing.assert_allclose(exact, numeric, atol=1e-9)
    variance = {b: p @ ((each - exact) ** 2).sum(axis=1) for b, each in terms.items()}
    assert variance[p @ q] < variance[3.0], "a good baseline takes variance away"


def test_the_policy_gradient_from_samples():
    theta, q, n = rng(0).normal(size=5), rng(1).normal(size=5), 50_000
    p = softmax(theta)
    taken = categorical(np.tile(theta, (n, 1)), rng=rng(2))
    rewards = q[taken] + rng(3).normal(size=n)
    found = gradient(lambda z: (log_probability(z + np.zeros((n, 1)), taken) * rewards).mean(), theta[None])[0]
    each = (np.eye(5)[taken] - p) * rewards[:, None]
    np.testing.assert_array_less(abs(found - p * (q - p @ q)), 4 * each.std(axis=0) / np.sqrt(n))
    np.testing.assert_allclose(found, each.mean(axis=0), rtol=1e-10, atol=1e-12)


@given(seed=st.integers(0, 2**32))
def test_ppo_starts_as_the_policy_gradient(seed):
    logits, taken, advantages = rng(seed).normal(size=(6, 3)), rng(seed).integers(0, 3, 6), rng(seed).normal(size=6)
    old = log_probability(logits, taken).data
    ppo = gradient(lambda z: clipped_objective(log_probability(z, taken), old=old, advantages=advantages), logits)
    plain = gradient(lambda z: (log_probability(z, taken) * advantages).mean(), logits)
    np.testing.assert_allclose(ppo, plain, rtol=1e-12, atol=1e-15)


@given(seed=st.integers(0, 2**32), reach=st.sampled_from([0.0, 0.1, 0.2, 0.5]))
def test_ppo_follows_its_definition(seed, reach):
    log_p, old, a = rng(seed).normal(size=(3, 20)) * 0.5
    found = clipped_objective(Tensor(log_p), old=old, advantages=a, reach=reach).item()
    expected = np.mean([min(r * x, min(max(r, 1 - reach), 1 + reach) * x) for r, x in zip(np.exp(log_p - old), a)])
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)
    slope = gradient(lambda z: clipped_objective(z, old=old, advantages=a, reach=reach), log_p)
    ratio = np.exp(log_p - old)
    stopped = (a > 0) & (ratio > 1 + reach) | (a < 0) & (ratio < 1 - reach)
    np.testing.assert_allclose(slope, np.where(stopped, 0, ratio * a / 20), rtol=1e-10, atol=1e-14)


def test_ppo_keeps_float32():
    value = clipped_objective(Tensor([0.1, 0.2]), old=np.zeros(2), advantages=np.ones(2), reach=np.float64(0.2))
    assert value.dtype == np.float32 and value.shape == ()


# ---- target networks --------------------------------------------------------------------------------------------------

def network(seed):
    return nn.Sequential(nn.Linear(3, 4, rng=rng(seed)), nn.BatchNorm(4), nn.Linear(4, 2, rng=rng(seed + 1)))


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.5, 1.0, 1])
def test_follow(rate):
    source, target = network(0), network(5)
    source(rng().normal(size=(8, 3)))  # the running moments move
    before, there = target.state(), source.state()
    arrays = [p.data for p in target.parameters()]
    follow(target, source, rate=rate)
    for name, a in target.state().items():
        np.testing.assert_allclose(a, (1 - rate) * before[name] + rate * there[name], rtol=1e-6, atol=1e-7)
        assert a.dtype == np.float32
    assert all(np.array_equal(a, before[name]) for a, (name, _) in zip(arrays, target.named_parameters())), "not written into"
    assert not any(np.shares_memory(p.data, q.data) for p in target.parameters() for q in source.parameters())
    assert all(np.array_equal(a, there[name]) for name, a in source.state().items())
    if rate == 1:
        assert all(np.array_equal(a, there[name]) for name, a in target.state().items()), "exactly"


def test_follow_moves_a_single_number():
    source, target = nn.Module(), nn.Module()
    source.factor, target.factor = Tensor(1.0, requires_grad=True), Tensor(2.0, requires_grad=True)
    follow(target, source, rate=0.25)
    assert target.factor.item() == 1.75 and target.factor.dtype == np.float32


def test_follow_copies_buffers_that_are_no_floats():
    source, target = nn.Module(), nn.Module()
    for module, value in ((source, 3), (target, 10)):
        module.w = Tensor([float(value)], requires_grad=True)
        module.mask, module.count = np.array([value > 5]), np.array([value])
    follow(target, source, rate=0.5)
    assert target.w.item() == 6.5 and target.mask.tolist() == [False] and target.count.tolist() == [3]


def test_follow_refuses():
    assert "rate must be a number from 0 to 1, and is 2" in refusal(ValueError, lambda: follow(network(0), network(1), rate=2))
    for rate in (1, 0.5):
        wider = nn.Sequential(nn.Linear(3, 5, rng=rng()), nn.BatchNorm(5), nn.Linear(5, 2, rng=rng()))
        for other in (nn.Linear(3, 2, rng=rng()), wider):
            target = network(0)
            before = target.state()
            assert "does not fit" in refusal(ValueError, lambda: follow(target, other, rate=rate))
            assert all(np.array_equal(a, before[name]) for name, a in target.state().items())


# ---- the replay buffer ------------------------------------------------------------------------------------------------

def step(k):
    """The k-th transition: every number in it says so."""
    return np.full(3, k, np.float32), k, float(k), np.full(3, k + 0.5, np.float32), k % 2 == 0, k % 3 == 0


def batch(ks):
    return Transitions(*map(np.array, zip(*map(step, ks))))


def numbers(found):
    """Which transitions these are, proved to be whole."""
    k = found.actions
    assert np.array_equal(found.observations, np.column_stack([k] * 3)) and np.array_equal(found.rewards, k)
    assert np.array_equal(found.next_observations, found.observations + 0.5)
    assert np.array_equal(found.terminated, k % 2 == 0) and np.array_equal(found.truncated, k % 3 == 0)
    return k.tolist()


@given(seed=st.integers(0, 2**32), capacity=st.integers(1, 9))
def test_the_buffer_keeps_the_newest(seed, capacity):
    r, k = rng(seed), 0
    buffer, kept = ReplayBuffer(capacity, rng=rng(seed)), deque(maxlen=capacity)
    for _ in range(10):
        n = int(r.integers(1, 13))
        if r.random() < 0.5:
            buffer.extend(batch(range(k, k + n)))
        else:
            for i in range(k, k + n):
                buffer.add(*step(i))
        kept.extend(range(k, k + n))
        k += n
        assert len(buffer) == len(kept)
        assert set(numbers(buffer.sample(200))) == set(kept)


def test_the_buffer_draws_evenly_and_independently():
    buffer = ReplayBuffer(50, rng=rng(4))
    buffer.extend(batch(range(70)))
    n = 20_000
    found = np.array(numbers(buffer.sample(n)))
    counts = np.bincount(found - 20, minlength=50)
    assert len(counts) == 50 and ((counts - n / 50) ** 2 / (n / 50)).sum() < 85.4  # the 99.9 % point for 49 degrees of freedom
    assert abs(np.corrcoef(found[1:], found[:-1])[0, 1]) < 0.03


def test_the_buffer_shares_nothing():
    buffer = ReplayBuffer(4, rng=rng())
    given_ = batch(range(4))
    buffer.extend(given_)
    for a in given_:
        a[...] = 0
    first = buffer.sample(50)
    copies = [a.copy() for a in first]
    buffer.extend(batch(range(4, 8)))
    assert all(map(np.array_equal, first, copies))
    second = buffer.sample(50)
    assert not any(np.shares_memory(a, b) for a, b in zip(first, second))
    for a in second:
        a[...] = 0
    assert set(numbers(buffer.sample(50))) == {4, 5, 6, 7}


def test_the_buffer_keeps_dtypes():
    buffer = ReplayBuffer(3, rng=rng())
    buffer.add(np.zeros((2, 5), np.uint8), 1, 1, np.ones((2, 5), np.uint8), False)
    assert [a.dtype for a in buffer.sample(2)] == [np.uint8, np.int64, np.float32, np.uint8, bool, bool]
    tabular = ReplayBuffer(3, rng=rng())
    tabular.add(4, 1, -1.0, 5, True)
    found = tabular.sample(2)
    assert found.observations.tolist() == [4, 4] and found.terminated.all() and not found.truncated.any()


def test_a_rollout_fits_into_the_buffer():
    poles = CartPoles(3, rng=rng())
    poles.reset()
    steps = rollout(poles, lambda x: (x[:, 2] > 0).astype(int), steps=20)
    buffer = ReplayBuffer(100, rng=rng())
    buffer.extend(Transitions(*(a.reshape(60, *a.shape[2:]) for a in steps)))
    assert len(buffer) == 60 and buffer.sample(7).observations.shape == (7, 4)


def full():
    buffer = ReplayBuffer(3, rng=rng())
    buffer.add(*step(0))
    return buffer


def tabular():
    buffer = ReplayBuffer(3, rng=rng())
    buffer.add(4, 1, -1.0, 5, False)
    return buffer


@pytest.mark.parametrize("call, kind, said", [
    (lambda: ReplayBuffer(0, rng=rng()), ValueError, "capacity must be a whole number from 1 up"),
    (lambda: ReplayBuffer(5, rng=0), TypeError, "rng is 0"),
    (lambda: ReplayBuffer(5, rng=rng()).sample(1), ValueError, "the replay buffer is empty"),
    (lambda: full().sample(0), ValueError, "size must be a whole number from 1 up"),
    (lambda: full().add(np.zeros(4), 0, 0.0, np.zeros(4), False), ValueError, "observations have shape (1, 4); expected (1, 3)"),
    (lambda: full().add(np.zeros(3), 0, 0.0, np.zeros(2), False), ValueError, "next_observations have shape (1, 2)"),
    (lambda: full().add(np.zeros(3), 0.5, 0.0, np.zeros(3), False), TypeError, "actions must be integers"),
    (lambda: full().add(np.zeros(3), [0, 1], 0.0, np.zeros(3), False), ValueError, "actions have shape (1, 2)"),
    (lambda: full().add(np.zeros(3), 0, 0.0, np.zeros(3), 2), TypeError, "terminated must be Boolean, and their dtype is int64"),
    (lambda: tabular().add(0.5, 0, 0.0, 1, False), TypeError, "observations have dtype float64, and are kept as int64"),
    (lambda: full().extend(Transitions(*batch(range(3))[:5], np.zeros(2, bool))), ValueError, "have shape (2,); expected (3,)"),
    (lambda: ReplayBuffer(3, rng=rng()).add(np.zeros(3), 0, 0.0, np.zeros(2), False), ValueError, "of the same shape"),
    (lambda: ReplayBuffer(3, rng=rng()).add(np.zeros(3), [0, 1], 0.0, np.zeros(3), False), ValueError, "one action"),
])
def test_the_buffer_refuses(call, kind, said):
    assert said in refusal(kind, call)


def test_what_the_buffer_refuses_leaves_no_trace():
    buffer = ReplayBuffer(3, rng=rng())
    with pytest.raises(ValueError):
        buffer.add(np.zeros(3), 0, 0.0, np.zeros(2), False)
    assert len(buffer) == 0
    buffer.add(np.zeros(2), 0, 0.0, np.zeros(2), False)
    with pytest.raises(ValueError):
        buffer.extend(Transitions(*batch(range(3))[:5], np.zeros(2, bool)))
    assert len(buffer) == 1 and not buffer.sample(20).observations.any()
