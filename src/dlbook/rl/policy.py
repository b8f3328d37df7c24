"""Choosing actions, and the objectives that improve the choice. Chapters *deep Q-networks*, *policy gradients*.

Legend: B observations, A actions. A policy network returns *logits* (B, A); π = softmax(logits) are its probabilities.
"""

import numpy as np

from ..autograd import Tensor, floating
from ..functional import log_softmax, softmax
from ..nn import Module
from ..ops import clip, exp, minimum, take, where
from ..settings import fraction, generator, number, real


def epsilon_greedy(values, *, epsilon, rng):
    """With probability ε any action, otherwise one of the best: of equals, each as likely.

    Parameters
    ----------
    values : (A,) or (B, A)
        What each action is thought to be worth.
    epsilon : float
        ε, from 0 to 1.
    rng : np.random.Generator

    Returns
    -------
    int, or integer array (B,)

    Raises
    ------
    ValueError
        If ε is not from 0 to 1, or there is no action.

    >>> epsilon_greedy([[0.0, 1.0], [3.0, 2.0]], epsilon=0, rng=np.random.default_rng(0))
    array([1, 0])
    """
    values, rng = _rows("values", values), generator(rng)
    explores = rng.random(values.shape[:-1]) < fraction("epsilon", epsilon)
    equals = explores[..., None] | (values == values.max(axis=-1, keepdims=True))
    return _chosen(np.where(equals, rng.random(values.shape), -1).argmax(axis=-1))  # the best by a lottery among equals


def categorical(logits, *, rng):
    """Actions drawn from the policy π = softmax(logits).

    Parameters
    ----------
    logits : (A,) or (B, A)
    rng : np.random.Generator

    Returns
    -------
    int, or integer array (B,)

    Raises
    ------
    ValueError
        If there is no action, logits are not numbers, or no action of a row can be: its largest logit is infinite.

    >>> categorical([[0.0, 100.0], [100.0, 0.0]], rng=np.random.default_rng(0))
    array([1, 0])
    """
    logits, rng = _rows("logits", logits), generator(rng)
    if not np.isfinite(logits.max(axis=-1)).all():
        raise ValueError(f"logits must leave an action in each row (-inf forbids one), and the largest of the rows are {logits.max(axis=-1)!r:.60}")
    reached = softmax(logits.astype(np.float64)).data.cumsum(axis=-1)
    # A uniform number falls into the stretch of one action; the last sum may miss 1 by rounding, hence the division.
    return _chosen((reached / reached[..., -1:] > rng.random((*logits.shape[:-1], 1))).argmax(axis=-1))


def log_probability(logits, actions):
    """log π(a) of the action taken in each row: times a return, its gradient is the policy gradient (Williams 1992).

    Parameters
    ----------
    logits : (B, A)
    actions : integer array (B,)

    Returns
    -------
    Tensor (B,)

    Raises
    ------
    ValueError
        If there is not one action for each row, or it is out of range.
    TypeError
        If actions are not integers.

    >>> log_probability(np.log([[0.25, 0.75]]), [1]).data.round(4)
    array([-0.2877])
    """
    logits, actions = _tensor("logits", logits), real("actions", actions)
    if actions.dtype.kind not in "iu":
        raise TypeError(f"actions must be integers, and their dtype is {actions.dtype}")
    if actions.shape != logits.shape[:1] or actions.size and not 0 <= actions.min() <= actions.max() < logits.shape[1]:
        raise ValueError(f"logits of shape {logits.shape} need one action from 0 to {logits.shape[1] - 1} for each row, and were "
                         f"given {actions.tolist()!r:.60}")
    return take(log_softmax(logits), index=(np.arange(len(logits)), actions))


def entropy(logits):
    """Entropy −Σ π log π of the policy in each row, in nats: a bonus for it keeps a policy trying (Mnih et al. 2016).

    An action that -inf forbids adds 0, the limit of π log π.

    Parameters
    ----------
    logits : (B, A)

    Returns
    -------
    Tensor (B,), from 0 to log A

    Raises
    ------
    ValueError
        If logits are not (B, A).

    >>> entropy([[0.0, 0.0], [0.0, 100.0]]).data.round(4)
    array([0.6931, 0.    ], dtype=float32)
    """
    logits = _tensor("logits", logits)
    log_pi = where(log_softmax(logits), 0.0, condition=logits.data > -np.inf)
    return -(softmax(logits) * log_pi).sum(axis=-1)


def clipped_objective(log_probabilities, *, old, advantages, reach=0.2):
    """What PPO climbs: the mean of min(r A, clip(r, 1 − ε, 1 + ε) A), r = π(a) / π_old(a), A the advantage.

    A policy gains nothing from moving further than ε away from the one that acted, so that a record can be used for
    several steps. Schulman et al., "Proximal policy optimization algorithms", 2017, equation 7. Maximise it: minimise its
    negative.

    Parameters
    ----------
    log_probabilities : Tensor (B,)
        log π(a) of the policy that learns.
    old, advantages : arrays (B,)
        log π_old(a) when the action was taken, and what the action was worth: constants.
    reach : float
        ε.

    Returns
    -------
    Tensor ()

    Raises
    ------
    ValueError
        If shapes differ, there is no action, or `reach` is not from 0 to below 1.

    >>> clipped_objective([1.0, 0.0], old=[0.0, 0.0], advantages=[1.0, 1.0])  # (1.2 + 1) / 2
    Tensor(1.1)
    """
    log_probabilities = log_probabilities if isinstance(log_probabilities, Tensor) else Tensor(log_probabilities)
    old, advantages = _like(log_probabilities, "old", old), _like(log_probabilities, "advantages", advantages)
    reach = number("reach", reach, 0, 1)
    ratio = exp(log_probabilities - old)
    return minimum(ratio * advantages, clip(ratio, low=1 - reach, high=1 + reach) * advantages).mean()


def follow(target, source, *, rate=1.0):
    """Move the parameters and buffers of the module `target` towards those of `source`: θ' ← θ' + rate (θ − θ').

    Rate 1 copies them, as deep Q-networks do now and then (Mnih et al. 2015); a small rate after each step averages them
    (Lillicrap et al. 2016, there called τ; Polyak & Juditsky 1992). Buffers that are no floats, such as masks, are copied.
    Arrays are replaced, never written into.

    Raises
    ------
    ValueError
        If the two are not alike, or the rate is not from 0 to 1.
    TypeError
        If one is no Module.

    >>> from dlbook.nn import Linear
    >>> source, target = (Linear(2, 1, rng=np.random.default_rng(seed)) for seed in (0, 1))
    >>> follow(target, source)
    >>> bool((target.w.data == source.w.data).all()), target.w.data is source.w.data
    (True, False)
    """
    rate = fraction("rate", rate)
    for name, module in (("target", target), ("source", source)):
        if not isinstance(module, Module):
            raise TypeError(f"{name} must be a Module, and is {module!r:.60}")
    new, old = source.state(), target.state()
    if rate < 1:
        for name in new.keys() & old.keys():
            if new[name].shape == old[name].shape and new[name].dtype.kind == "f":  # where they differ, load_state says so
                new[name] = (old[name] + rate * (new[name] - old[name])).astype(old[name].dtype)
    target.load_state(new)


def _rows(name, scores):
    """Scores as an array (A,) or (B, A) with at least one action."""
    scores = floating(scores)
    if scores.ndim not in (1, 2) or not scores.shape[-1]:
        raise ValueError(f"{name} have shape {scores.shape}; expected numbers (A,) or (B, A), for at least one action")
    if np.isnan(scores).any():
        raise ValueError(f"{name} hold nan; expected numbers: the network that gave them has diverged")
    return scores


def _tensor(name, scores):
    """Scores as a Tensor (B, A)."""
    scores = scores if isinstance(scores, Tensor) else Tensor(scores)
    if scores.ndim != 2 or not scores.shape[1]:
        raise ValueError(f"{name} have shape {scores.shape}; expected (B, A), for at least one action")
    return scores


def _like(log_probabilities, name, values):
    """`values` as an array of the shape and dtype of the log probabilities."""
    values = real(name, values)
    if values.shape != log_probabilities.shape:
        raise ValueError(f"{name} has shape {values.shape} and log_probabilities {log_probabilities.shape}: they must be equal")
    if not values.size:
        raise ValueError(f"{name} and log_probabilities are empty, {values.shape}: there is no action")
    return values.astype(log_probabilities.dtype, copy=False)


def _chosen(actions):
    """A single action as an int, several as an array."""
    return int(actions) if not actions.ndim else actions
