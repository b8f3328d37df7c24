"""The node tests of ONNX as plain arrays: what goes into one operator, with which attributes, and what must come out.

They are published with the standard: https://github.com/onnx/onnx/tree/main/onnx/backend/test/case/node. Where they are
too tame (the weights of all their LSTMs are one number, so that gates could be swapped unnoticed), `MORE` asks ONNX's
reference implementation for the outputs of inputs of our own.
"""

import functools
import warnings
from dataclasses import dataclass

import numpy as np

# ONNX allows a backend 1e-3 of each number. The cases are small sums of numbers of size 1, so we hold ourselves to a few
# hundred roundings of the dtype: relative to each number, and absolute where terms of size 1 cancel.
TOLERANCE = {"float16": (4e-3, 4e-3), "float32": (2e-5, 2e-6), "float64": (1e-12, 1e-12)}


@dataclass(frozen=True)
class Case:
    """One call of an operator; None stands for an input that is not given and an output that is not asked for."""

    name: str
    operator: str
    inputs: tuple
    attributes: dict
    outputs: tuple

    def arrays(self):
        """The inputs, copied: whoever writes into one spoils nothing for others."""
        return [None if x is None else np.array(x) for x in self.inputs]

    def given(self, position):
        """The input at this position, or None."""
        return self.inputs[position] if position < len(self.inputs) else None

    def dtypes(self):
        """Names of the dtypes of all inputs and outputs."""
        return {np.asarray(x).dtype.name for x in (*self.inputs, *self.outputs) if x is not None}


@functools.cache
def cases():
    """All cases by operator: the node tests, without those that repeat another as a graph of simpler operators, and ours."""
    from onnx.backend.test.case.node import collect_testcases

    found = {}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # ONNX computes its examples while it is imported, and divides by 0 for some
        tests = [test for test in collect_testcases(None) if "_expanded" not in test.name]
    for test in tests:
        if len(test.model.graph.node) == 1:
            (node,) = test.model.graph.node
            for inputs, outputs in test.data_sets:
                case = Case(test.name, node.op_type, fill(node.input, inputs), attributes(node), fill(node.output, outputs))
                found.setdefault(node.op_type, []).append(case)
    for operator, calls in MORE.items():
        for number, (asked, settings, inputs) in enumerate(calls(np.random.default_rng(0))):
            outputs = reference(operator, inputs, asked, settings)
            case = Case(f"ours_{operator.lower()}_{number}", operator, tuple(inputs), settings, outputs)
            found.setdefault(operator, []).append(case)
    return found


def fill(names, arrays):
    """The arrays in the places of their names; None where the name is empty, which is how ONNX leaves out an argument."""
    rest = iter(arrays)
    return tuple(next(rest) if name else None for name in names)


def attributes(node):
    """The attributes of a node as Python values."""
    from onnx.helper import get_attribute_value

    values = {attribute.name: get_attribute_value(attribute) for attribute in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def reference(operator, inputs, asked, settings):
    """What ONNX's reference implementation makes of these inputs."""
    from onnx.defs import AI_ONNX_PREVIEW_TRAINING_DOMAIN
    from onnx.helper import make_node
    from onnx.reference import ReferenceEvaluator

    names = ["" if x is None else f"input{k}" for k, x in enumerate(inputs)]
    domain = AI_ONNX_PREVIEW_TRAINING_DOMAIN if operator in ("Adagrad", "Adam", "Momentum") else ""
    node = make_node(operator, names, [f"output{k}" for k in range(asked)], domain=domain, **settings)
    outputs = ReferenceEvaluator(node).run(None, {name: x for name, x in zip(names, inputs) if name})
    return tuple(np.asarray(y, inputs[0].dtype) for y in outputs)  # as the standard has it; in between, NumPy may have widened it


# ---- calls of our own: how many outputs are asked for, attributes, inputs -------------------------------------------

def numbers(rng, *shapes):
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def recurrent(gates, states=1, **settings):
    """Random weights and states, so that gates, directions and layouts tell; B 2, T 4, I 3, H 5."""

    def calls(rng):
        for direction, ways in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
            x, w, r, b, *h = numbers(rng, (4, 2, 3), (ways, gates * 5, 3), (ways, gates * 5, 5), (ways, 2 * gates * 5),
                                     *[(ways, 2, 5)] * states)
            yield 1 + states, {"hidden_size": 5, "direction": direction, **settings}, [x, w, r, b, None, *h]

    return calls


def convolutions(rng):
    """Several images and channels, settings that differ between the axes."""
    for stride, pads, dilation in [
            ([1, 1], [0, 0, 0, 0], [1, 1]), ([2, 1], [1, 2, 1, 2], [1, 2]), ([3, 2], [0, 1, 0, 1], [2, 1])]:
        for channels in (3, 6):
            settings = {"strides": stride, "pads": pads, "dilations": dilation}
            yield 1, settings, numbers(rng, (2, channels, 8, 7), (4, channels, 3, 2), (4,))
    for stride, padding, dilation in [(1, 0, 1), (2, 1, 2), (3, 2, 1)]:
        settings = {"strides": [stride], "pads": [padding, padding], "dilations": [dilation]}
        yield 1, settings, numbers(rng, (2, 3, 9), (4, 3, 2), (4,))


def transposed(rng):
    for stride, pads, dilation, extra in [([1, 1], [0, 0, 0, 0], [1, 1], [0, 0]), ([2, 3], [1, 0, 1, 0], [1, 1], [1, 2]),
                                          ([1, 2], [0, 1, 0, 1], [2, 1], [0, 1])]:
        settings = {"strides": stride, "pads": pads, "dilations": dilation, "output_padding": extra}
        yield 1, settings, numbers(rng, (2, 3, 4, 5), (3, 4, 3, 2), (4,))


def pooling(**settings):
    def calls(rng):
        for kernel, stride, pads in [
                ([2, 3], [1, 1], [0, 0, 0, 0]), ([3, 2], [2, 1], [1, 1, 1, 1]), ([4, 5], [3, 2], [1, 2, 1, 2])]:
            yield 1, {"kernel_shape": kernel, "strides": stride, "pads": pads, **settings}, numbers(rng, (2, 3, 7, 9))

    return calls


def rotations(rng):
    """The tables that RoPE defines: angle t · base^(-2i / D) for pair i of D channels at position t (Su et al. 2021)."""
    for (b, heads, t, d), start in [((2, 3, 5, 8), 0), ((1, 2, 4, 6), 7)]:
        angle = np.arange(start, start + t)[:, None] * 10000.0 ** (-2 * np.arange(d // 2) / d)
        tables = [np.broadcast_to(wave(angle), (b, t, d // 2)).astype(np.float32) for wave in (np.cos, np.sin)]
        yield 1, {"interleaved": 1}, numbers(rng, (b, heads, t, d)) + tables


def normalisations(*channels, **settings):
    def calls(rng):
        for shape in [(2, 4, 5, 3), (3, 4, 2)]:
            yield 1, settings, numbers(rng, shape, *[(n,) for n in channels])

    return calls


def steps(states, asked, **settings):
    """A later step of an optimiser, after some that left their memory behind; learning rate, step, x, gradient, memory."""

    def calls(rng):
        for step in (1, 3):
            x, g, *memory = numbers(rng, *[(4,)] * (2 + states))
            memory[-1] = abs(memory[-1])  # sums of squares, if anything
            yield asked, settings, [np.float32(0.1), np.int64(step), x, g, *memory]

    return calls


def attentions(rng):
    """As many queries as keys, so that they can be packed side by side, and causal means the same to us and to ONNX."""
    mask = np.tri(5, dtype=bool)[::-1].copy()
    mask[0] = False
    bias = numbers(rng, (5, 5))[0]
    for settings, more in [({}, []), ({"is_causal": 1}, []), ({"scale": 0.7}, []), ({"is_causal": 1}, [bias]), ({}, [mask])]:
        yield 1, {"q_num_heads": 2, "kv_num_heads": 2, **settings}, numbers(rng, *[(3, 5, 8)] * 3) + more


MORE = {
    "RNN": recurrent(1), "LSTM": recurrent(4, states=2), "GRU": recurrent(3, linear_before_reset=1),
    "Conv": convolutions, "ConvTranspose": transposed, "MaxPool": pooling(), "AveragePool": pooling(count_include_pad=1),
    "RotaryEmbedding": rotations, "Attention": attentions,
    "InstanceNormalization": normalisations(4, 4, epsilon=0.1),
    "Adagrad": steps(1, 2, decay_factor=0.1, epsilon=1e-3), "Adam": steps(2, 3, alpha=0.9, beta=0.99, epsilon=1e-3),
    "Momentum": steps(1, 2, alpha=0.9, beta=1.0, mode="nesterov", norm_coefficient=0.01),
}
