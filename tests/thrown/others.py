"""Calls of everything else: settings, initialisers, schedules, data, text, graphs, checks."""

import importlib.util
import math

import numpy as np

from dlbook import allocator, data, gradcheck, graphs, init, schedules, settings, text
from dlbook.check import core
from dlbook.data import decisions, examples, images, installed, made, pretrained, remote, sequences, store, words
from dlbook.ops import tanh

from .throwing import RNG, by_name, call

EDGES, A = np.array([[0, 1], [1, 2]]), graphs.adjacency([(0, 1), (1, 2)], 3)
X, Y = np.arange(10.0).reshape(5, 2), np.array([0, 1, 1, 0, 1])
WEIGHT = {"rng": RNG, "dtype": np.float32, "known_as": ["weight", "weights"]}


def reading(module, *names):
    """Functions without arguments, that read a file: nothing to throw, but named so that nobody forgets a new one."""
    return {f"{module.__name__}.{name}": [] for name in names}


TABLE = {
    **by_name(call(allocator.keep_freed_memory)),
    **by_name(
        call(settings.whole, "heads", 4, low=1, spare=["name", "low"], known_as=["heads"]),
        call(settings.pair, "stride", (1, 2), low=1, spare=["name", "low"], known_as=["stride"]),
        call(settings.number, "rate", 0.5, 0, 1, spare=["name", "low", "high"], known_as=["rate"]),
        call(settings.flag, "causal", True, spare=["name"], known_as=["causal"]),
        call(settings.generator, RNG), call(settings.plain, "slope", 0.5, spare=["name"], known_as=["slope"], means={"value": [math.nan]}),
        call(settings.function, "activation", tanh, spare=["name"], known_as=["activation"]),
        call(settings.text, "name", "xor", spare=["name"], known_as=["name"]), call(settings.floats, "dtype", np.float32, spare=["name"], known_as=["dtype"]),
        call(settings.lengths, "shape", (3, 2), low=1, spare=["name", "low"], known_as=["shape"]),
        call(settings.real, "exp", np.ones((2, 3)), spare=["name"], known_as=["exp"])),
    **by_name(
        call(init.fans, (3, 4), known_as=["weight"]), call(init.normal, (3, 4), std=0.5, **WEIGHT), call(init.uniform, (3, 4), bound=0.5, **WEIGHT),
        *(call(f, (3, 4), **WEIGHT) for f in (init.xavier_normal, init.xavier_uniform, init.he_normal, init.he_uniform)),
        call(init.orthogonal, (3, 4), gain=0.5, **WEIGHT)),
    **by_name(
        call(schedules.constant, 0.5), call(schedules.step_decay, 0.5, every=3, factor=0.5),
        call(schedules.exponential, 0.5, factor=0.5), call(schedules.linear, 0.5, steps=10, final=0.25),
        call(schedules.cosine, 0.5, steps=10, final=0.25), call(schedules.cosine_restarts, 0.5, period=3, growth=2, final=0.25),
        call(schedules.polynomial, 0.5, steps=10, power=2.0, final=0.25), call(schedules.inverse_sqrt, 0.5, warmup=4),
        call(schedules.warmup, schedules.constant(0.5), steps=4, start=0.25),
        call(schedules.one_cycle, 0.5, steps=10, start=0.25, final=0.125, rise=0.5), call(schedules.range_test, 0.25, 0.5, steps=10)),
    **by_name(call(gradcheck.gradcheck, tanh, np.array([0.5, 1.0]), rng=RNG, step=1e-5)),
    # data
    **by_name(call(data.load, "logic_gate", name="xor", spare=["settings"])),
    **by_name(call(decisions.grid_world, "lake"), call(decisions.ten_armed_testbed, 5, arms=3, rng=RNG)),
    **by_name(call(examples.split, X, Y, test_fraction=0.5, rng=RNG, free=["x", "y"])),
    **by_name(call(images.read_idx, bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]), known_as=["IDX"])),
    **reading(images, "mnist", "mnist_small", "fashion_mnist_small", "quick_draw", "emoji"),
    **reading(installed, "digits", "iris", "wine", "breast_cancer"),
    **(by_name(call(installed.photograph, "china")) if importlib.util.find_spec("sklearn") else reading(installed, "photograph")),
    **by_name(
        call(made.lang_witbrock_spirals), call(made.two_spirals, 6, turns=2.0, noise=0.5, rng=RNG), call(made.two_moons, 6, noise=0.5, rng=RNG),
        call(made.ring_of_gaussians, 6, modes=3, radius=2.0, std=0.5, rng=RNG), call(made.logic_gate, "xor")),
    **reading(pretrained, "stories15m", "llama_vocabulary"),
    **reading(remote, "cache", "fashion_mnist", "kmnist", "cifar10"),
    **reading(remote, "fetch", "glove_6b"),  # of the network: test_data_remote.py
    **by_name(
        call(sequences.mnist1d, 20, test_fraction=0.5, rng=RNG), call(sequences.adding_problem, 3, length=5, rng=RNG),
        call(sequences.date_translation, 3, first_year=1990, last_year=2010, rng=RNG)),
    **reading(store, "folder", "verify"),
    **by_name(call(store.read, "names/us.txt"), call(store.read_arrays, "emoji/google16.npz")),
    **reading(words, "shakespeare", "names", "bible_verses", "glove", "gpt2_merges", "molecules"),
    # text and graphs
    **reading(text.bpe, "gpt2"), **reading(text.sentencepiece, "llama"),
    **by_name(
        call(text.split_words, "a text, 12"), call(text.BPE, [(97, 98)], alphabet=bytes(range(256))), call(text.BPE.train, "low lower lowest", size=258),
        call(text.BPE([(97, 98)]).encode, "abc"), call(text.BPE([(97, 98)]).decode, np.array([256, 99]), known_as=["token"])),
    **by_name(
        call(text.CharTokeniser, "hello"), call(text.CharTokeniser("hello").encode, "hole"),
        call(text.CharTokeniser("hello").decode, np.array([1, 0]), known_as=["token"]), call(text.ByteTokeniser().encode, "hole"),
        call(text.ByteTokeniser().decode, np.array([104, 111]), known_as=["token"]), call(text.ByteTokeniser)),
    **by_name(call(text.LlamaTokeniser, [b"a", b"b"], [0.0, 1.0], free=["scores"])),
    **by_name(
        call(graphs.adjacency, EDGES, 3, weights=np.array([0.5, 2.0]), known_as=["edge"], means={"weights": [None]}), call(graphs.normalised_adjacency, A, self_loops=True, known_as=["adjacency"]),
        call(graphs.block_diagonal, [A, A], known_as=["adjacency"]), call(graphs.karate_club), call(graphs.from_smiles, "CC(=O)O"),
        call(graphs.stochastic_block_model, [3, 2], np.array([[1.0, 0.5], [0.5, 1.0]]), rng=RNG)),
    # checks
    **by_name(
        call(core.find, "share_right", known_as=["exercise"]), call(core.hint, "share_right", 1, known_as=["exercise", "hint"])),
}
