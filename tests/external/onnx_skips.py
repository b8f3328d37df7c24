"""Which cases we leave out, and why: we have no such thing (a *lack*), ours means something else (a *policy*), or the case is
wrong (a *flaw*).

Each entry: the reason, the rows of the table that it is for (None: all), and which of their cases. The first that holds counts.
"""

import numpy as np

POOLS = ("MaxPool", "AveragePool")
LOOKS = ("Attention", "Attention, packed")


def is_set(name, *usual):
    """The attribute is given, and not what it would be anyway."""
    return lambda case: name in case.attributes and case.attributes[name] not in usual


def beyond_two_axes(case):
    return case.given(0).ndim > 4


def uneven(case):
    """New keys and queries differ in number."""
    causal = bool(case.attributes.get("is_causal")) and case.given(6) is None
    return causal and case.given(0).shape[-2] != case.given(1).shape[-2]


def own_frontiers(case):
    """Causal, and some sequence ends before its last key; a single query then has that length for its frontier, as for a mask."""
    lengths, t, s = case.given(6), case.given(0).shape[-2], case.given(1).shape[-2]
    return lengths is not None and bool(case.attributes.get("is_causal")) and t > 1 and any(lengths != s) and differ(case)


def moving(case):
    """A window, from which keys drop out on either side."""
    return max(case.attributes.get(f"{side}_window_size", -1) for side in ("left", "right")) >= 0 and differ(case)


def differ(case):
    """The values are not all one number, whose mean is the same whatever is looked at."""
    return np.ptp(case.given(2)) > 0


def resets_first(case):
    """A GRU as ONNX has it by default, with steps and weights enough to tell."""
    steps = case.given(0).shape[case.attributes.get("layout", 0)]
    return not case.attributes.get("linear_before_reset") and steps > 1 and all(np.ptp(case.given(k)[0]) > 0 for k in (1, 2))


def hangs_over(case):
    """More windows come out than fit."""
    x, k, settings = case.given(0), case.attributes["kernel_shape"], case.attributes
    fit = [(n + sum(p) - size) // stride + 1 for n, p, size, stride in zip(
        x.shape[2:], np.reshape(settings.get("pads", [0] * 2 * len(k)), (2, -1)).T, k, settings.get("strides", [1] * len(k)))]
    return settings.get("ceil_mode") == 1 and list(case.outputs[0].shape[2:]) != fit


def factors(case):
    """By how much each axis grows."""
    return np.divide(case.outputs[0].shape, case.given(0).shape)


LACKS = [
    ("bfloat16, which NumPy does not have", None, lambda case: "bfloat16" in case.dtypes()),
    ("whole numbers or Booleans: a Tensor holds floating-point numbers", None,
     lambda case: case.outputs[0] is not None and case.outputs[0].dtype.kind in "iub"),
    ("an equation without ->, with dots or with a letter twice in one input: einsum wants all written out", ("Einsum",),
     lambda case: any(sign in case.attributes["equation"] for sign in ("...", "ii")) or "->" not in case.attributes["equation"]),
    ("rows other than along the first axis: embedding looks up rows", ("Gather, as embedding",),
     lambda case: case.attributes["axis"] != 0),
    ("images with more than two axes", ("ConvTranspose", *POOLS), beyond_two_axes),
    ("channels in groups", ("ConvTranspose",), is_set("group", 1)),
    ("windows with gaps", POOLS, lambda case: any(d != 1 for d in case.attributes.get("dilations", [1]))),
    ("a window that hangs over the edge: ours must fit", POOLS, hangs_over),
    ("interpolation", ("Resize",), is_set("mode", "nearest")),
    ("sizes that ONNX corrects to keep the image's proportions", ("Resize",), is_set("keep_aspect_ratio_policy", "stretch")),
    ("enlargement other than by whole factors", ("Resize",), lambda case: any(f != int(f) for f in factors(case))),
    ("a mask that was drawn and not handed out", ("Dropout",),
     lambda case: case.given(2) is not None and bool(case.given(2)) and float(case.given(1)) > 0 and len(case.outputs) == 1),
    ("peepholes, through which gates see the cell", ("LSTM",), lambda case: case.given(7) is not None),
    ("scores squeezed by tanh", LOOKS, is_set("softcap", 0.0)),
    ("a window that moves along the keys", LOOKS, moving),
    ("a softmax in another precision than its input", LOOKS, is_set("softmax_precision")),
    ("a causal frontier that differs between sequences", LOOKS, own_frontiers),
    ("queries, keys and values of different shape, which cannot lie side by side", ("Attention, packed",),
     lambda case: len({case.given(k).shape for k in range(3)}) > 1 or case.given(4) is not None),
    ("scores or weights changed by a graph", ("FlexAttention",),
     lambda case: bool({"score_mod", "prob_mod"} & set(case.attributes))),
]

POLICIES = [
    ("the largest of nothing, or the logarithm of its sum, is minus infinity to ONNX and an error to us",
     ("ReduceMax", "ReduceMin", "ReduceLogSumExp"), lambda case: case.given(0).size == 0),
    ("bounds that cross: ONNX takes the upper one, we refuse", ("Clip",),
     lambda case: case.given(1) is not None and case.given(2) is not None and case.given(1) > case.given(2)),
    ("gelu is the tanh form of Hendrycks & Gimpel, not the one with erf", ("Gelu",),
     lambda case: "approximate" not in case.attributes),
    ("a mean of padded windows counts the zeros, as conv2d does", ("AveragePool",),
     lambda case: not case.attributes.get("count_include_pad")
     and (any(case.attributes.get("pads", [])) or "auto_pad" in case.attributes)),
    ("pixels chosen by another rounding", ("Resize",),
     lambda case: case.attributes.get("coordinate_transformation_mode", "half_pixel") != "half_pixel"
     or case.attributes.get("nearest_mode", "round_prefer_floor") != "round_prefer_floor"),
    ("the reset gate stands after the product, as in libraries; ONNX can do both, and differs after the first step", ("GRU",),
     resets_first),
    ("causal: our last query stands at the last key, ONNX's first at the first", LOOKS, uneven),
    ("rotary computes its angles from positions; these cases bring tables of random numbers", ("RotaryEmbedding",),
     lambda case: case.name.startswith("test_")),
]


FLAWS = [
    ("outputs typed with four digits, the last of which are not right", ("AveragePool",),
     lambda case: case.name == "test_averagepool_2d_ceil_last_window_starts_on_pad"),
]

REASONS = {"lack": LACKS, "policy": POLICIES, "flaw": FLAWS}


def reason(row, case):
    """Why this case is left out in this row of the table: (kind, reason), or None."""
    for kind, rules in REASONS.items():
        for why, rows, holds in rules:
            if (rows is None or row in rows) and holds(case):
                return kind, why
    return None
