"""PyTorch's module_db over our layers: with their weights in our layers, outputs and all gradients are the same."""

import inspect
from collections import Counter

import pytest

from samples.spoiling import DAMAGES

from dlbook import nn, op, ops

from . import needs
from .comparing import Leaves, check_same, databases
from .torch_layers import TABLE, WITHOUT
from .torch_rules import LAYER_RULES, check_answer, rule_for

needs("torch", "expecttest")

every_layer = pytest.mark.parametrize("layer", TABLE, ids=lambda layer: layer.__name__)


def more_samples(torch):
    """What module_db lacks: modules that are not in it, attention of a sequence to itself, decoders that cannot see ahead."""
    def x(*shape):
        return torch.randn(shape, dtype=torch.float64, requires_grad=True)

    yield "Upsample", {"scale_factor": 2}, (x(2, 3, 4, 5),), {}
    yield "Upsample", {"scale_factor": 3}, (x(1, 2, 3, 5),), {}
    yield "Flatten", {}, (x(2, 3, 4, 5),), {}
    yield "Dropout", {"p": 0.3}, (x(3, 4),), {}
    future = torch.ones(5, 5, dtype=torch.bool).triu(1)
    padding = torch.tensor([[False] * 7, [False] * 4 + [True] * 3])
    for batch_first in (True, False):
        attention = {"embed_dim": 6, "num_heads": 2, "batch_first": batch_first}
        itself, memory = (x(*shape) if batch_first else x(shape[1], shape[0], 6) for shape in ((2, 5, 6), (2, 7, 6)))
        yield "MultiheadAttention", attention, (itself, itself, itself), {}
        yield "MultiheadAttention", attention, (itself, itself, itself), {"attn_mask": future}
        yield "MultiheadAttention", {**attention, "bias": False}, (itself, memory, memory), {"key_padding_mask": padding}
        for norm_first in (True, False):
            block = {"d_model": 6, "nhead": 2, "dim_feedforward": 9, "dropout": 0.0,
                     "norm_first": norm_first, "batch_first": batch_first}
            yield "TransformerEncoderLayer", block, (itself,), {"src_mask": future}
            yield "TransformerDecoderLayer", block, (itself, memory), {"tgt_mask": future}
            yield "TransformerDecoderLayer", {**block, "bias": False}, (itself, memory), {
                "tgt_mask": future, "memory_key_padding_mask": padding}


def samples(layer):
    """Name, module and arguments of every sample for a layer of ours; PyTorch's own, then ours."""
    import torch

    _, module_db, _ = databases()
    torch.manual_seed(0)
    for info in module_db:
        name = info.module_cls.__name__
        for training in ((True, False) if info.train_and_eval_differ else (True,)) if name in TABLE[layer] else ():
            for sample in info.module_inputs_func(info, "cpu", torch.float64, True, training):
                made, called = sample.constructor_input, sample.forward_input
                yield name, ready(torch, info.module_cls(*made.args, **made.kwargs), training), called.args, called.kwargs
    for name, made, inputs, settings in more_samples(torch):
        if name in TABLE[layer]:
            yield name, ready(torch, getattr(torch.nn, name)(**made), name != "Dropout"), inputs, settings


def ready(torch, module, training):
    """The module in float64, with gains other than 1, biases other than 0, and moments that it might have seen."""
    module = module.double().train(training)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_()
        for name, buffer in module.named_buffers():
            if name in ("running_mean", "running_var"):
                buffer.uniform_(0.5, 2)
    return module


def ruled(layer):
    """Every sample of a layer, with its arguments in order and the rule that names it."""
    for name, module, inputs, settings in samples(layer):
        arguments = inspect.signature(module.forward).bind(*inputs, **settings)
        arguments.apply_defaults()
        yield name, module, arguments.args, rule_for(LAYER_RULES, name, {"module": module, **arguments.arguments})


def check(layer, name, module, inputs, leaves=None):
    """Output, gradients of inputs and parameters, and moments that batch norm has followed, are PyTorch's."""
    import torch

    leaves = leaves or Leaves()
    counterpart = TABLE[layer][name](module, leaves.take)
    ours = joined(counterpart(*leaves.take(inputs)), ops.concatenate)
    theirs = module(*inputs)
    if isinstance(module, (torch.nn.MultiheadAttention, torch.nn.MaxPool2d)) and isinstance(theirs, tuple):
        theirs = theirs[0]  # we return neither weights nor indices
    theirs = joined(theirs, lambda *parts: torch.cat(parts))
    check_same(ours.data, theirs.detach().numpy())
    leaves.check_gradients(ours, theirs)
    if isinstance(counterpart, nn.BatchNorm) and module.track_running_stats:
        check_same(counterpart.running_mean, module.running_mean.numpy(), "running mean")
        check_same(counterpart.running_variance, module.running_var.numpy(), "running variance")


def joined(output, concatenate):
    """One tensor as it is; several, as a recurrent layer returns them, as one long vector."""
    parts = []

    def walk(output):
        for part in output:
            walk(part) if isinstance(part, tuple) else parts.append(part.reshape(-1))

    if not isinstance(output, tuple):
        return output
    walk(output)
    return concatenate(*parts)


# ---- every sample -----------------------------------------------------------------------------------------------------

@every_layer
def test_outputs_and_gradients(layer, record_property):
    seen = Counter()
    for name, module, inputs, rule in ruled(layer):
        if rule is None:
            check(layer, name, module, inputs)
            seen["run"] += 1
        else:
            check_answer(rule.answer, lambda: check(layer, name, module, inputs))
            seen["policy" if rule.answer else "skipped"] += 1
    record_property("samples", dict(seen))
    assert seen["run"]


# ---- the tables are whole ---------------------------------------------------------------------------------------------

def test_every_layer_has_its_counterpart_or_a_reason():
    assert set(TABLE) | set(WITHOUT) == {getattr(nn, name) for name in nn.__all__}
    assert not set(TABLE) & set(WITHOUT)


@pytest.mark.parametrize("rule", LAYER_RULES, ids=lambda rule: rule.reason)
def test_rule_is_used(rule):
    """By every module that it names."""
    layers = [layer for layer in TABLE if set(rule.names.split()) & set(TABLE[layer])]
    assert {name for layer in layers for name, *_, found in ruled(layer) if found is rule} == set(rule.names.split())


# ---- the comparison has teeth -----------------------------------------------------------------------------------------

class Damaged(Leaves):
    """The gradient of the input or parameter at `position` is damaged on its way back."""

    def __init__(self, position, damage):
        super().__init__()
        self.position, self.through, self.hurt = position, op(lambda x: (x, damage)), None

    def take(self, thing):
        ours = super().take(thing)
        if not any(leaf is ours for _, leaf in self.pairs[self.position : self.position + 1]):
            return ours
        self.hurt = self.through(ours) if self.hurt is None else self.hurt
        return self.hurt


def first(layer):
    """The first sample of each module that runs."""
    found = {}
    for name, module, inputs, rule in ruled(layer):
        if rule is None and name not in found:
            found[name] = name, module, inputs
    return found.values()


def scaled(output):
    return tuple(map(scaled, output)) if isinstance(output, tuple) else output * 1.01


@every_layer
def test_a_damaged_output_is_noticed(layer, monkeypatch):
    forward = layer.forward
    monkeypatch.setattr(layer, "forward", lambda *inputs, **settings: scaled(forward(*inputs, **settings)))
    for call in first(layer):
        with pytest.raises(AssertionError, match="value"):
            check(layer, *call)


@every_layer
def test_a_damaged_parameter_is_noticed(layer):
    for name, module, inputs in first(layer):
        for parameter in module.parameters():
            leaves = Leaves()
            leaves.take(list(module.parameters()))
            (ours,) = [leaf for tensor, leaf in leaves.pairs if tensor is parameter]
            ours.data = ours.data * 1.01
            with pytest.raises(AssertionError):
                check(layer, name, module, inputs, leaves)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@every_layer
def test_a_damaged_gradient_is_noticed(layer, damage):
    """That of each input and of each parameter."""
    for call in first(layer):
        right = Leaves()
        check(layer, *call, right)
        for position in range(len(right.pairs)):
            with pytest.raises(AssertionError, match="gradient"):
                check(layer, *call, Damaged(position, damage))
