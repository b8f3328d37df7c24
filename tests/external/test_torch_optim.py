"""PyTorch's optim_db over our optimisers, its schedulers and its clipping beside ours: the same numbers after every step."""

from collections import Counter
from types import SimpleNamespace

import hypothesis
import numpy as np
import pytest

from dlbook import Tensor, optim, schedules

from . import needs
from .comparing import check_same, databases
from .torch_rules import OPTIMISER_RULES, rule_for

needs("torch", "expecttest")

STEPS = 50

# our optimiser: (PyTorch's, ours from the parameters and the settings that PyTorch's has)
OPTIMISERS = {
    optim.SGD: ("SGD", lambda p, s: optim.SGD(p, s.lr, momentum=s.momentum, nesterov=s.nesterov, weight_decay=s.weight_decay)),
    optim.AdaGrad: ("Adagrad", lambda p, s: optim.AdaGrad(p, s.lr, eps=s.eps)),
    optim.RMSProp: ("RMSprop", lambda p, s: optim.RMSProp(p, s.lr, rho=s.alpha, eps=s.eps)),
    optim.Adam: ("Adam", lambda p, s: optim.Adam(p, s.lr, betas=s.betas, eps=s.eps)),
    optim.AdamW: ("AdamW", lambda p, s: optim.AdamW(p, s.lr, betas=s.betas, eps=s.eps, weight_decay=s.weight_decay)),
}

# optim_db tries settings one at a time; these are more, together.
MORE = [
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "nesterov": True, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.5, "eps": 1e-3}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "eps": 1e-3}),
    ("Adam", {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3}),
    ("AdamW", {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.3}),
]

every_optimiser = pytest.mark.parametrize("optimiser", OPTIMISERS, ids=lambda optimiser: optimiser.__name__)


def settings(optimiser):
    """The settings of every sample for an optimiser of ours, those that PyTorch adds to them, and the rule that names it."""
    import torch

    _, _, optim_db = databases()
    wanted, _ = OPTIMISERS[optimiser]
    tried = [(info.optim_cls.__name__, sample.kwargs) for info in optim_db for sample in info.optim_inputs_func("cpu")]
    for name, given in tried + MORE:
        if name == wanted:
            made = {key: value.item() if isinstance(value, torch.Tensor) else value for key, value in given.items()}
            complete = getattr(torch.optim, name)([torch.zeros(1)], **made).defaults
            yield made, SimpleNamespace(**complete), rule_for(OPTIMISER_RULES, name, complete)


def check(optimiser, given, s, damage=lambda ours: None):
    """After each step our parameters are PyTorch's; `damage` may spoil our optimiser before the first."""
    import torch

    name, make = OPTIMISERS[optimiser]
    rng = np.random.default_rng(0)
    start = [rng.normal(size=shape) for shape in [(), (3,), (2, 5)]]
    scales = 1e-9, 1e-3, 10  # with a gradient as small as ε, even that matters
    mine = [Tensor(x, requires_grad=True) for x in start]
    theirs = [torch.tensor(x, requires_grad=True) for x in start]
    ours = make(mine, s)
    damage(ours)
    reference = getattr(torch.optim, name)(theirs, **given)
    for step in range(STEPS):
        for p, q, scale in zip(mine, theirs, scales):
            p.grad = scale * (np.sin(p.data) + rng.normal(size=p.shape))
            q.grad = torch.tensor(p.grad)
        if step == STEPS // 2:
            ours.lr = ours.lr / 2
            reference.param_groups[0]["lr"] = reference.param_groups[0]["lr"] / 2
        ours.step()
        reference.step()
        for p, q in zip(mine, theirs):
            check_same(p.data, q.detach().numpy(), f"parameters after step {step}")


def test_pytorch_leaves_our_other_tests_their_examples():
    databases()
    book = hypothesis.settings.get_profile("book")
    assert hypothesis.settings.default == book and hypothesis.settings.default.max_examples == book.max_examples == 100


@every_optimiser
def test_fifty_steps(optimiser, record_property):
    seen = Counter()
    for given, s, rule in settings(optimiser):
        if rule is None:
            check(optimiser, given, s)
        seen["run" if rule is None else "skipped"] += 1
    record_property("samples", dict(seen))
    assert seen["run"] > sum(name == OPTIMISERS[optimiser][0] for name, _ in MORE), "nothing of PyTorch's own was run"


def test_every_optimiser_has_its_counterpart():
    offered = {thing for thing in vars(optim).values() if isinstance(thing, type) and issubclass(thing, optim.Optimiser)}
    assert offered - {optim.Optimiser} == set(OPTIMISERS)


@pytest.mark.parametrize("rule", OPTIMISER_RULES, ids=lambda rule: rule.reason)
def test_rule_is_used(rule):
    used = {name for optimiser, (name, _) in OPTIMISERS.items() for *_, found in settings(optimiser) if found is rule}
    assert used == set(rule.names.split())


@every_optimiser
def test_a_damaged_setting_is_noticed(optimiser):
    """Each number that the optimiser was given, 1 % too small, and the count of steps begun at 1."""
    def spoil(name, k=None):
        def damage(ours):
            value = getattr(ours, name)
            setattr(ours, name, value * 0.99 if k is None else tuple(0.99 * b if i == k else b for i, b in enumerate(value)))
        return damage

    spoiled = set()
    for given, s, rule in settings(optimiser):
        if rule is None:
            ours = vars(OPTIMISERS[optimiser][1]([Tensor(0.0, requires_grad=True)], s))
            damages = {name: spoil(name) for name, value in ours.items() if isinstance(value, float) and value}
            damages |= {f"betas[{k}]": spoil("betas", k) for k in range(len(ours.get("betas", ())))}
            if "betas" in ours:
                damages["t"] = lambda ours: setattr(ours, "t", 1)
            for name, damage in damages.items():
                with pytest.raises(AssertionError, match="parameters after step"):
                    check(optimiser, given, s, damage)
            spoiled |= set(damages)
    assert spoiled >= {"lr"} | {"eps", "momentum", "weight_decay", "rho"} & set(ours)


# ---- schedules: PyTorch's change an optimiser step by step, ours are functions of the step --------------------------------

SCHEDULES = {
    schedules.constant: (schedules.constant(0.3), lambda lr, o: lr.ConstantLR(o, factor=1)),
    schedules.step_decay: (schedules.step_decay(0.3, every=7, factor=0.5), lambda lr, o: lr.StepLR(o, 7, gamma=0.5)),
    schedules.exponential: (schedules.exponential(0.3, factor=0.9), lambda lr, o: lr.ExponentialLR(o, 0.9)),
    schedules.linear: (schedules.linear(0.3, steps=40, final=0.03), lambda lr, o: lr.LinearLR(o, 1, 0.1, 40)),
    # Theirs rises again after T_max steps, ours stays where it is.
    schedules.cosine: (
        schedules.cosine(0.3, steps=STEPS, final=0.01), lambda lr, o: lr.CosineAnnealingLR(o, STEPS, eta_min=0.01)),
    schedules.cosine_restarts: (
        schedules.cosine_restarts(0.3, period=7, growth=2, final=0.01),
        lambda lr, o: lr.CosineAnnealingWarmRestarts(o, 7, T_mult=2, eta_min=0.01)),
    schedules.polynomial: (schedules.polynomial(0.3, steps=40, power=3), lambda lr, o: lr.PolynomialLR(o, 40, power=3)),
    schedules.warmup: (
        schedules.warmup(schedules.exponential(0.3, factor=0.9), steps=8, start=0.03),
        lambda lr, o: lr.SequentialLR(o, [lr.LinearLR(o, 0.1, 1, 8), lr.ExponentialLR(o, 0.9)], milestones=[8])),
    # Theirs counts the last of 51 steps as the end, and the rise to one step before its share.
    schedules.one_cycle: (
        schedules.one_cycle(0.3, steps=STEPS, start=0.04, final=4e-6, rise=0.3),
        lambda lr, o: lr.OneCycleLR(o, 0.3, total_steps=STEPS + 1, pct_start=16 / 51, div_factor=25, final_div_factor=1e4)),
    schedules.range_test: (
        schedules.range_test(0.3, 3.0, steps=STEPS), lambda lr, o: lr.ExponentialLR(o, 10 ** (1 / STEPS))),
}
NO_SCHEDULER = {schedules.inverse_sqrt: "PyTorch has none: one writes it as a LambdaLR, which is what ours is"}

every_schedule = pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.__name__)


def check_schedule(schedule, change=lambda rate: rate):
    import torch

    rate, make = SCHEDULES[schedule]
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler = make(torch.optim.lr_scheduler, optimiser)
    theirs = []
    for _ in range(STEPS):
        theirs.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    check_same(np.array([change(rate)(step) for step in range(STEPS)], float), np.array(theirs), "rates")


@every_schedule
def test_fifty_rates(schedule):
    check_schedule(schedule)


@every_schedule
def test_a_damaged_schedule_is_noticed(schedule):
    changes = [lambda rate: lambda step: rate(step) * 1.01]
    if schedule is not schedules.constant:
        changes += [lambda rate: lambda step: rate(step + 1), lambda rate: lambda step: rate(max(step - 1, 0))]
    for change in changes:
        with pytest.raises(AssertionError, match="rates"):
            check_schedule(schedule, change)


def test_every_schedule_has_its_counterpart_or_a_reason():
    offered = {thing for name, thing in vars(schedules).items()
               if getattr(thing, "__module__", "") == schedules.__name__ and not name.startswith("_")}
    assert offered == set(SCHEDULES) | set(NO_SCHEDULER)


# ---- clipping -----------------------------------------------------------------------------------------------------------

CLIPS = {optim.clip_norm: "clip_grad_norm_", optim.clip_value: "clip_grad_value_"}

every_clip = pytest.mark.parametrize("clip", CLIPS, ids=lambda clip: clip.__name__)


def check_clip(clip, limit, ours=None):
    """The gradients after clipping, and what is returned, are PyTorch's; `ours` is called in the place of `clip`, if given."""
    import torch

    rng = np.random.default_rng(0)
    gradients = [scale * rng.normal(size=shape) for shape, scale in [((), 5.0), ((3,), 1e-3), ((2, 5), 2.0), ((4,), 0.0)]]
    mine = [Tensor(np.zeros(g.shape), requires_grad=True) for g in gradients]
    theirs = [torch.tensor(p.data, requires_grad=True) for p in mine]
    for p, q, g in zip(mine, theirs, gradients):
        p.grad, q.grad = g, torch.tensor(g)
    bare, also_bare = Tensor([1.0], requires_grad=True), torch.zeros(1, requires_grad=True)  # without a gradient
    norm = (ours or clip)([*mine, bare], limit)
    reference = getattr(torch.nn.utils, CLIPS[clip])([*theirs, also_bare], limit)
    if clip is optim.clip_norm and reference > limit:  # theirs divides by norm + 1e-6, lest it be 0, and stays below by as much
        for q in theirs:
            q.grad *= (reference + 1e-6) / reference
    for p, q in zip(mine, theirs):
        check_same(p.grad, q.grad.numpy(), "clipped gradients")
    assert bare.grad is also_bare.grad is None
    if clip is optim.clip_norm:
        check_same(np.array(norm), reference.numpy(), "norm")
    else:
        assert norm is reference is None


@every_clip
@pytest.mark.parametrize("limit", [1e-3, 0.5, 3.0, 100.0])
def test_clipping(clip, limit):
    check_clip(clip, limit)


@every_clip
def test_a_damaged_clipping_is_noticed(clip):
    other = optim.clip_value if clip is optim.clip_norm else optim.clip_norm
    for damaged in (
        lambda parameters, limit: clip(parameters, 0.99 * limit), lambda parameters, limit: clip(parameters[1:], limit),
        lambda parameters, limit: None, other,
    ):
        with pytest.raises(AssertionError, match="clipped gradients"):
            check_clip(clip, 0.5, damaged)
    with pytest.raises(AssertionError, match="norm"):
        check_clip(optim.clip_norm, 0.5, lambda parameters, limit: 1.01 * optim.clip_norm(parameters, limit))


def test_every_clipping_has_its_counterpart():
    assert {name for name in optim.__all__ if name.startswith("clip_")} == {clip.__name__ for clip in CLIPS}
