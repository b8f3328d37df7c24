"""What actions were worth: returns, and advantages. Chapter *policy gradients*.

Legend: T steps; every array is (T,) for one agent or (T, N) for N side by side. Several episodes may follow one another.
An episode ends by *terminated* (nothing will ever follow, so what follows is worth 0) or by *truncated*, or because the
record stops; what follows is then worth what `next_values` says: the value of the observation at which the step arrived.
"""

import numpy as np

from ..autograd import floating
from ..settings import fraction, real


def returns(rewards, *, gamma, terminated=None, truncated=None, next_values=None):
    """Sum of the rewards from each step to the end of its episode, each discounted by γ for every step it lies ahead.

    G_t = r_t + γ G_{t+1} within an episode; at its last step r_t, and γ · next_values_t where it did not terminate.

    Parameters
    ----------
    rewards : (T,) or (T, N)
    gamma : float
        The discount γ, from 0 to 1.
    terminated, truncated : Boolean arrays like `rewards`, optional
        Where an episode ended; nowhere but at the last step unless given.
    next_values : array like `rewards`, optional
        Value of where each step arrived; 0 unless given.

    Returns
    -------
    array like `rewards`

    Raises
    ------
    ValueError
        If shapes differ, or γ is not from 0 to 1.
    TypeError
        If `terminated` or `truncated` are not Boolean.

    >>> returns([1.0, 1.0, 1.0, 1.0], gamma=0.5, terminated=[False, True, False, False]).tolist()
    [1.5, 1.0, 1.5, 1.0]
    """
    rewards = _steps(rewards)
    gamma = rewards.dtype.type(fraction("gamma", gamma))
    terminated, truncated = _ends("terminated", terminated, rewards), _ends("truncated", truncated, rewards)
    ahead = np.zeros_like(rewards) if next_values is None else _like("next_values", next_values, rewards)
    goes_on = (~terminated).astype(rewards.dtype)
    following = ahead[-1] if len(rewards) else 0
    total = np.empty_like(rewards)
    for t in reversed(range(len(rewards))):
        following = np.where(truncated[t], ahead[t], following)
        following = total[t] = rewards[t] + gamma * goes_on[t] * following
    return total


def gae(rewards, values, next_values, *, gamma, lam, terminated=None, truncated=None):
    """Generalised advantage estimation: temporal-difference errors ahead, discounted by γλ for every step they lie ahead.

    δ_t = r_t + γ V(s_{t+1}) − V(s_t), and A_t = δ_t + γλ A_{t+1} within an episode. λ = 0 gives the errors themselves, λ = 1
    the returns less the values: less bias, more variance. Schulman et al., "High-dimensional continuous control using
    generalized advantage estimation", 2016. The targets for the values are advantages + values.

    Parameters
    ----------
    rewards, values, next_values : (T,) or (T, N)
        `values` of where each step began, `next_values` of where it arrived, as in `returns`.
    gamma, lam : float
        γ and λ, from 0 to 1.
    terminated, truncated : as in `returns`

    Returns
    -------
    array like `rewards`

    Raises
    ------
    ValueError
        If shapes differ, or γ or λ are not from 0 to 1.
    TypeError
        If `terminated` or `truncated` are not Boolean.

    >>> gae([1.0, 1.0], [0.0, 0.5], [0.5, 3.0], gamma=1, lam=0.5, terminated=[False, True]).tolist()
    [1.75, 0.5]
    """
    rewards = _steps(rewards)
    gamma, lam = rewards.dtype.type(fraction("gamma", gamma)), rewards.dtype.type(fraction("lam", lam))
    terminated, truncated = _ends("terminated", terminated, rewards), _ends("truncated", truncated, rewards)
    values, next_values = _like("values", values, rewards), _like("next_values", next_values, rewards)
    errors = rewards + gamma * next_values * ~terminated - values
    goes_on = (~(terminated | truncated)).astype(rewards.dtype)
    advantages, following = np.empty_like(rewards), rewards.dtype.type(0)
    for t in reversed(range(len(rewards))):
        following = advantages[t] = errors[t] + gamma * lam * goes_on[t] * following
    return advantages


def _steps(rewards):
    rewards = floating(rewards)
    if rewards.ndim not in (1, 2):
        raise ValueError(f"rewards have shape {rewards.shape}; expected (T,) or (T, N), time first")
    return rewards


def _ends(name, flags, rewards):
    flags = np.zeros(rewards.shape, bool) if flags is None else real(name, flags)
    if flags.dtype.kind != "b":
        raise TypeError(f"{name} must be Boolean, and its dtype is {flags.dtype}")
    return _same(name, flags, rewards)


def _like(name, values, rewards):
    """`values` in the dtype of the rewards: plain arrays, for nothing is differentiated here."""
    return _same(name, floating(values).astype(rewards.dtype, copy=False), rewards)


def _same(name, array, rewards):
    if array.shape != rewards.shape:
        raise ValueError(f"{name} has shape {array.shape} and rewards {rewards.shape}: they must be equal")
    return array
