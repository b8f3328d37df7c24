"""PyTorch's OpInfo over our operations: every sample that PyTorch tests itself with, values and gradients."""

import inspect
import itertools
from collections import Counter

import numpy as np
import pytest
from samples import offered
from samples.spoiling import DAMAGES, damaged, spoiled

from dlbook import Tensor

from . import needs, torch_elementary, torch_fused
from .comparing import TOLERANCE, Leaves, check_same, databases
from .torch_rules import RULES, check_answer, rule_for

needs("torch", "expecttest")
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")  # PyTorch warns that its own sample is slow

TABLE = {**torch_elementary.TABLE, **torch_fused.TABLE}
every_operation = pytest.mark.parametrize("operation", TABLE, ids=lambda operation: operation.__name__)
FEW = 3  # samples of each OpInfo to damage


@pytest.fixture(scope="module")
def infos():
    """PyTorch's entries by name, "max/binary" for a variant."""
    op_db, _, _ = databases()
    return {info.name + (f"/{info.variant_test_name}" if info.variant_test_name else ""): info for info in op_db}


def samples(infos, operation, dtype="float64", names=None):
    """Every sample of PyTorch's for an operation of ours: its OpInfo, how to call us, the sample, and the rule that names it."""
    import torch

    for name in TABLE[operation] if names is None else names:
        torch.manual_seed(0)
        translate = TABLE[operation][name]
        for sample in infos[name].sample_inputs("cpu", getattr(torch, dtype), requires_grad=dtype == "float64"):
            arguments = inspect.signature(translate).bind(operation, sample.input, *sample.args, **sample.kwargs)
            arguments.apply_defaults()
            yield infos[name], translate, sample, rule_for(RULES, name, arguments.arguments)


def check(operation, info, translate, sample):
    """Our value, and all our gradients where the sample asks for them, are PyTorch's; the value is returned."""
    leaves = Leaves()
    settings = {name: leaves.take(value) for name, value in sample.kwargs.items()}
    ours = translate(operation, *leaves.take((sample.input, *sample.args)), **settings)
    theirs = info(sample.input, *sample.args, **sample.kwargs)
    theirs = theirs[0] if isinstance(theirs, tuple) else theirs  # of values and indices, the values
    check_same(ours.data, theirs.detach().numpy())
    if theirs.requires_grad:
        leaves.check_gradients(ours, theirs)
    return ours.data


# ---- every sample -----------------------------------------------------------------------------------------------------

@every_operation
def test_values_and_gradients(infos, operation, record_property):
    seen, numbers = Counter(), 0
    for info, translate, sample, rule in samples(infos, operation):
        if rule is None:
            numbers += check(operation, info, translate, sample).size
            seen["run"] += 1
        else:
            check_answer(rule.answer, lambda: check(operation, info, translate, sample))
            seen["policy" if rule.answer else "skipped"] += 1
    record_property("samples", dict(seen))
    assert numbers, "no sample with a number in it was run"


@every_operation
def test_float32_values(infos, operation):
    for info, translate, sample, rule in samples(infos, operation, "float32"):
        if rule is None:
            check(operation, info, translate, sample)


# ---- the tables are whole ---------------------------------------------------------------------------------------------

def test_every_operation_has_its_counterpart_or_a_reason():
    assert set(TABLE) | set(torch_fused.WITHOUT) == set(offered())
    assert not set(TABLE) & set(torch_fused.WITHOUT)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.reason)
def test_rule_is_used(infos, rule):
    """By every OpInfo that it names."""
    for name in rule.names.split():
        (operation,) = [operation for operation in TABLE if name in TABLE[operation]]
        ours = (sample for dtype in TOLERANCE for sample in samples(infos, operation, dtype, [name]))
        assert any(found is rule for *_, found in ours), f"no sample of {name} needs this rule"


# ---- the comparison has teeth -----------------------------------------------------------------------------------------

def few(infos, operation):
    """The first samples of each OpInfo that run, and have numbers in them."""
    for name in TABLE[operation]:
        calls = (call for *call, rule in samples(infos, operation, names=[name]) if rule is None)
        yield from itertools.islice((call for call in calls if check(operation, *call).size), FEW)


@every_operation
def test_a_damaged_value_is_noticed(infos, operation):
    wrong = spoiled(operation, lambda value, pullbacks, arrays: (value * 1.01, *pullbacks))
    noticed = 0
    for call in few(infos, operation):
        if check(operation, *call).any():
            with pytest.raises(AssertionError, match="value"):
                check(wrong, *call)
            noticed += 1
    assert noticed


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@every_operation
def test_a_damaged_gradient_is_noticed(infos, operation, damage):
    """That of each input, in every sample that asks for it and has one other than 0."""
    noticed = set()
    for call in few(infos, operation):
        for position in asked(operation, call):
            hurt = []

            def wrong(d):
                hurt.append(np.abs(d).max(initial=0) > 1e-6)
                return damage(d)

            try:
                check(damaged(operation, position, wrong), *call)
            except AssertionError as error:
                assert "gradient" in str(error)
                noticed.add(position)
            else:
                assert not any(hurt), f"the damage to input {position} was not noticed"
    assert noticed >= set(range(most_inputs(operation)))


def asked(operation, call):
    """Positions of the inputs whose gradient a sample asks for."""
    positions = set()

    def spy(*inputs, **settings):
        positions.update(k for k, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad)
        return operation(*inputs, **settings)

    check(spy, *call)
    return positions


def most_inputs(operation):
    """How many inputs must have been damaged: all of them, and two where there can be any number."""
    kinds = [p.kind for p in inspect.signature(operation.__wrapped__).parameters.values()]
    return 2 if inspect.Parameter.VAR_POSITIONAL in kinds else kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)
