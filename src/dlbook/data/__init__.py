"""Data sets that need no network: real ones read from the book's data/ folder, small ones made by a formula.

Every file is checked against the SHA-256 recorded in data/checksums.json each time it is read (which is quick beside
unpacking it), so a chapter never computes with a damaged file. Every call returns fresh arrays: change them as you
like. Images are float32 in [0, 1], one per row; labels are int64. Where the files come from, and under which
licences, is written in data/README.md. A few larger sets are downloaded, but only when you call `fetch`.
"""

from ..settings import text
from .decisions import GRID_WORLDS, grid_world, ten_armed_testbed
from .examples import Dataset, check_pairs, split
from .images import CLASSES, emoji, fashion_mnist_small, mnist, mnist_small, quick_draw, read_idx
from .installed import breast_cancer, digits, iris, photograph, wine
from .made import GATES, lang_witbrock_spirals, logic_gate, ring_of_gaussians, two_moons, two_spirals
from .pretrained import Pretrained, llama_vocabulary, stories15m
from .remote import cache, cifar10, fashion_mnist, fetch, glove_6b, kmnist
from .sequences import adding_problem, date_translation, mnist1d
from .store import folder, verify
from .words import bible_verses, glove, gpt2_merges, molecules, names, shakespeare

SETS = {f.__name__: f for f in (
    mnist, mnist_small, fashion_mnist_small, quick_draw, emoji,
    shakespeare, names, bible_verses, glove, gpt2_merges, molecules,
    stories15m, llama_vocabulary,
    digits, iris, wine, breast_cancer, photograph,
    lang_witbrock_spirals, two_spirals, two_moons, ring_of_gaussians, logic_gate,
    mnist1d, adding_problem, date_translation, grid_world, ten_armed_testbed,
    fashion_mnist, kmnist, cifar10, glove_6b,
)}

__all__ = ["CLASSES", "Dataset", "GATES", "GRID_WORLDS", "Pretrained", "SETS", "cache", "check_pairs", "fetch",
           "folder", "load", "read_idx", "split", "verify", *SETS]


def load(name: str, /, **settings):
    """Return the data set called `name`, made with `settings`; raises ValueError for an unknown name.

    >>> x, y = load("logic_gate", name="and")
    """
    if text("name", name) not in SETS:
        raise ValueError(f"no data set is called {name!r}; the names are {', '.join(SETS)}")
    return SETS[name](**settings)
