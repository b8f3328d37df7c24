"""Which of PyTorch's samples say nothing about us, and why. The one list: a sample that no rule names must agree.

A rule has three kinds of consequence. Without an `answer`, the sample asks for something that dlbook does not offer, and is
skipped. An exception as `answer` is a policy: we are asked, and must refuse with that very error. DIFFERS is a policy too: we
give another answer on purpose, and the test insists that it *is* another. A test fails where a rule is never used.
"""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Callable

import pytest

DIFFERS = "another answer on purpose"


@dataclass(frozen=True)
class Rule:
    """For samples of these entries of PyTorch's, named with blanks between, whose arguments `a` satisfy `when`."""

    names: str
    when: Callable[[SimpleNamespace], bool]
    reason: str
    answer: Any = None


def several(value):
    """Whether a setting is anything but 1 in every direction."""
    return value != 1 and value != (1, 1)


CONVOLUTIONS = "nn.functional.conv1d nn.functional.conv2d nn.functional.conv_transpose2d"
LOSSES = "nn.functional.cross_entropy nn.functional.binary_cross_entropy_with_logits nn.functional.mse_loss"
NORMS = "nn.functional.layer_norm nn.functional.rms_norm nn.functional.group_norm"
PADS = "constant_pad_nd nn.functional.pad/constant"
POOLS = "nn.functional.max_pool2d nn.functional.avg_pool2d"
SDPA = "nn.functional.scaled_dot_product_attention"

RULES = (
    # ---- settings that dlbook does not have
    Rule("pow", lambda a: a.exponent.ndim,
         "an exponent for every element: ours is one number, a learned one is exp(b * log(a))"),
    Rule("clamp", lambda a: any(hasattr(bound, "shape") for bound in (a.min, a.max)),
         "bounds for every element: ours are numbers; use maximum and minimum"),
    Rule(PADS, lambda a: min(a.pad) < 0, "negative padding cuts off; we index"),
    Rule(LOSSES, lambda a: a.reduction != "mean", "our losses are means"),
    Rule("nn.functional.cross_entropy", lambda a: a.target.is_floating_point(),
         "probabilities as targets: ours are labels"),
    Rule("nn.functional.cross_entropy nn.functional.binary_cross_entropy_with_logits", lambda a: a.weight is not None,
         "classes or elements with weights"),
    Rule("nn.functional.binary_cross_entropy_with_logits", lambda a: a.pos_weight is not None,
         "a weight for what is positive"),
    Rule("nn.functional.cross_entropy", lambda a: a.ignore_index != -100,
         "a label to be ignored: leave such rows out"),
    Rule(CONVOLUTIONS, lambda a: a.groups != 1, "channels in groups"),
    Rule("nn.functional.max_pool2d", lambda a: several(a.dilation), "windows with gaps"),
    Rule(POOLS, lambda a: a.ceil_mode, "windows that hang over the edge"),
    Rule("nn.functional.avg_pool2d", lambda a: a.divisor_override is not None or not a.count_include_pad,
         "another divisor than the window"),
    Rule("repeat_interleave", lambda a: not isinstance(a.repeats, int), "a number of repetitions for every row"),
    Rule("nn.functional.dropout", lambda a: not a.training, "in evaluation our dropout is not called"),
    Rule("nn.functional.dropout", lambda a: 0 < a.p < 1,
         "their random numbers are not ours; the tests of dropout are statistical"),
    Rule(SDPA, lambda a: a.dropout_p > 0, "no dropout among attention weights"),
    Rule("nn.functional.embedding", lambda a: a.max_norm is not None,
         "rows shortened in the table while they are looked up"),
    Rule("index_select", lambda a: a.input.ndim == 0, "a number as if it had an axis: NumPy does not index it"),

    # ---- what we refuse
    Rule("cat", lambda a: len({t.ndim for t in a.tensors}) > 1,
         "an empty vector among matrices is a mistake", ValueError),
    Rule("einsum", lambda a: "." in a.equation, "axes without a letter: we ask for one for each", ValueError),
    Rule("einsum", lambda a: any(len(set(axes)) < len(axes) for axes in a.equation.split("->")[0].split(",") if "." not in axes),
         "a diagonal: one letter twice in an input", ValueError),
    Rule("logsumexp", lambda a: a.input.ndim == 0,
         "the axes (0,) of a number: NumPy takes 0 there, and no tuple", ValueError),
    Rule("softmax nn.functional.softmin log_softmax", lambda a: a.input.numel() == 0,
         "no probabilities over no classes", ValueError),
    Rule(NORMS, lambda a: (a.eps or 0) < 0, "a negative ε may divide by the root of a negative number", ValueError),
    Rule("nn.functional.batch_norm", lambda a: a.input.ndim < 2,
         "a batch norm needs channels, and these have no axis", ValueError),
    Rule("nn.functional.dropout", lambda a: a.p == 1, "dropping everything leaves nothing to scale", ValueError),

    # ---- where we answer differently
    Rule("nn.functional.gelu", lambda a: a.approximate == "none",
         "ours is the tanh form, as in the paper and in GPT-2", DIFFERS),
    Rule("nn.functional.softplus", lambda a: (a.beta * a.input > a.threshold).any(),
         "theirs is a straight line above a threshold", DIFFERS),
    Rule(SDPA, lambda a: a.is_causal and a.query.shape[-2] != a.key.shape[-2],
         "with more keys than queries our last query stands at the last key, as in generation; their first at the first",
         DIFFERS),
)


# ---- module_db: `a` holds the module and what it is called with

BATCH_NORMS = "BatchNorm1d BatchNorm2d BatchNorm3d"
BLOCKS = "TransformerEncoderLayer TransformerDecoderLayer"

LAYER_RULES = (
    Rule(BATCH_NORMS, lambda a: a.module.momentum is None, "the mean of all batches so far: our average forgets"),
    Rule(BATCH_NORMS, lambda a: not a.module.training and not a.module.track_running_stats,
         "no running average: ours always has one"),
    Rule("AvgPool2d", lambda a: a.module.divisor_override is not None, "another divisor than the window"),
    Rule("RNN RNNCell", lambda a: a.module.nonlinearity == "relu", "our recurrent network is Elman's, with tanh"),
    Rule("LSTM", lambda a: a.module.proj_size > 0, "hidden states shortened by a matrix"),
    Rule("MultiheadAttention", lambda a: a.module.bias_k is not None or a.module.add_zero_attn,
         "a learned key, or one of zeros, for all"),
    Rule("MultiheadAttention", lambda a: a.key is not a.value,
         "values from another sequence than keys: our layer has one memory"),
    Rule(BLOCKS, lambda a: a.module.activation.__name__ == "gelu", "their GELU is exact, ours the tanh form"),
    Rule("TransformerDecoderLayer", lambda a: a.tgt_key_padding_mask is not None,
         "no padding of what is being written"),
    Rule(BATCH_NORMS, lambda a: a.module.training and a.input.numel() == 0,
         "an empty batch has no moments", ValueError),
    Rule("TransformerDecoderLayer", lambda a: a.tgt_mask is None or not is_causal(a.tgt_mask),
         "our decoder never sees its future", DIFFERS),
)


def is_causal(mask):
    """Whether a mask, True where a query may not look, hides exactly the future."""
    return mask.equal(mask.new_ones(mask.shape).triu(1))


# ---- optim_db: `a` holds the settings of PyTorch's optimiser

OPTIMISER_RULES = (
    Rule("SGD Adagrad RMSprop Adam AdamW", lambda a: a.maximize, "uphill: we minimise the negative"),
    Rule("SGD", lambda a: a.dampening, "momentum whose new part is scaled"),
    Rule("Adagrad", lambda a: a.initial_accumulator_value or a.lr_decay,
         "a start other than 0, and a schedule of its own"),
    Rule("RMSprop", lambda a: a.centered or a.momentum,
         "a variance instead of a mean square, and momentum beside it"),
    Rule("Adam AdamW", lambda a: a.amsgrad, "AMSGrad"),
    Rule("Adagrad RMSprop Adam", lambda a: a.weight_decay, "weight decay: ours is in SGD and, decoupled, in AdamW"),
)


def rule_for(rules, name, arguments):
    """The first rule that speaks of this sample, or None."""
    a = SimpleNamespace(**arguments)
    return next((rule for rule in rules if name in rule.names.split() and rule.when(a)), None)


def check_answer(answer, check):
    """A policy is what we do, not what we say: `check` compares us with PyTorch, and must end as the policy has it."""
    if answer == DIFFERS:
        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            check()
    elif answer:
        with pytest.raises(answer):
            check()
