"""`dlbook data`: which data sets there are, what one looks like, and whether the files are whole."""

import inspect
import json
import re
import textwrap

from . import WrongCall

EXAMPLES = """examples:
  dlbook data                     all data sets
  dlbook data mnist_small         one of them, with its first examples
  dlbook data --fetch cifar10     download one that does not come with the book
  dlbook data --verify            whether every file is as it was published"""
FILES = {  # what of data/ a set is made of, and its licence; the whole story is in data/README.md
    "mnist": ("mnist/t", "CC BY-SA 3.0"), "mnist_small": ("mnist/small.npz", "CC BY-SA 3.0"),
    "fashion_mnist_small": ("fashion/", "MIT"), "quick_draw": ("quickdraw/", "CC BY 4.0"), "emoji": ("emoji/", "Apache 2.0"),
    "shakespeare": ("shakespeare/", "public domain"), "names": ("names/", "public domain"), "bible_verses": ("bible/", "CC0"),
    "glove": ("glove/", "PDDL 1.0"), "gpt2_merges": ("gpt2/", "MIT"), "molecules": ("molecules/", "BSD 3-clause"),
    "stories15m": ("stories15m/", "MIT"), "llama_vocabulary": ("stories15m/", "MIT"),
}
DOWNLOADED = {"fashion_mnist": "MIT", "kmnist": "CC BY-SA 4.0", "cifar10": "no licence: do not pass on", "glove_6b": "PDDL 1.0"}
INSTALLED = ("digits", "iris", "wine", "breast_cancer", "photograph")
SETTINGS = {  # to show a set that needs some
    "two_spirals": {"n": 1000, "noise": 0.1}, "two_moons": {"n": 1000, "noise": 0.1}, "ring_of_gaussians": {"n": 1000}, "mnist1d": {},
    "adding_problem": {"n": 1000, "length": 10}, "date_translation": {"n": 1000}, "ten_armed_testbed": {},
    "logic_gate": {"name": "xor"}, "grid_world": {"name": "cliff"}, "photograph": {"name": "china"},
}


def options(parser):
    """What can be chosen."""
    parser.epilog = EXAMPLES
    parser.add_argument("name", nargs="?", metavar="NAME", help="the data set to look at (default: list them all)")
    parser.add_argument("--fetch", metavar="NAME", help="download this data set, checked, into the cache")
    parser.add_argument("--verify", action="store_true", help="check every file against its SHA-256")


def run(options):
    """List, show, download or verify."""
    from .. import data

    if sum((options.name is not None, options.fetch is not None, options.verify)) > 1:
        raise WrongCall("a data set to show, --fetch and --verify are three different wishes: give one")
    if options.verify:
        problems = data.verify()
        for problem in problems:
            print("PROBLEM", problem)
        print(f"{len(problems)} problems found." if problems else "The data files are all there and as they were published.")
        return 1 if problems else 0
    if options.fetch:
        from ..data.remote import REMOTE

        if options.fetch not in REMOTE:
            raise WrongCall(f"{options.fetch!r} is not for download; {', '.join(REMOTE)} are")
        for file in data.fetch(options.fetch):
            print(file)
        return 0
    if options.name is None:
        return list_all(data)
    if options.name not in data.SETS:
        raise WrongCall(f"no data set is called {options.name!r}; `dlbook data` lists them")
    show(options.name, data)
    return 0


def list_all(data):
    """Every set: where it comes from, its licence, what it is, what it is for."""
    for name, make in data.SETS.items():
        print(f"{name} ({source(name, data)})")
        print(textwrap.fill(about(make), width=100, initial_indent="    ", subsequent_indent="    "))
    print("\nLook at one with `dlbook data NAME`; in Python: dlbook.data.load(NAME). Sources: data/README.md.")
    return 0


def source(name, data):
    """Size and licence."""
    if name in FILES:
        prefix, licence = FILES[name]
        recorded = json.loads((data.folder() / "checksums.json").read_text("utf-8"))
        return f"{sum(facts['bytes'] for file, facts in recorded.items() if file.startswith(prefix)) / 1e6:.2f} MB, {licence}"
    if name in DOWNLOADED:
        from ..data.remote import REMOTE

        return f"{sum(file.bytes for file in REMOTE[name]) / 1e6:.0f} MB to download, {DOWNLOADED[name]}"
    return "comes with scikit-learn" if name in INSTALLED else "made by a formula"


def about(make):
    """What a set is and which chapters use it, as its docstring says."""
    text = inspect.getdoc(make)
    first = re.sub(r"^Return ", "", " ".join(text.split("\n\n")[0].split()))
    chapters = re.search(r"Chapters?: ([^.]*)\.", " ".join(text.split()))
    return first[0].upper() + first[1:] + (f" For: {chapters[1].replace('*', '')}." if chapters else "")


def show(name, data):
    """One set with its first examples."""
    import numpy as np

    settings = dict(SETTINGS.get(name, {}))
    make = data.SETS[name]
    if "rng" in inspect.signature(make).parameters:
        settings["rng"] = np.random.default_rng(0)
    loaded = make(**settings)
    print(f"{name} ({source(name, data)})\n{textwrap.fill(about(make), width=100)}\n")
    if isinstance(loaded, data.Dataset):
        print(f"{loaded}\n")
        loaded = loaded[:2]
    elif not isinstance(loaded, tuple) or hasattr(loaded, "_fields"):
        loaded = (loaded,)
    for part in loaded:
        print(described(part))
    x = loaded[0]
    if isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.ndim > 1 and len(x) and x.min() >= 0 and x.max() <= 1 and _side(x[0]):
        for image, label in list(zip(x, loaded[1] if len(loaded) > 1 else [""] * 3))[:3]:
            label = data.CLASSES[name][label] if name in data.CLASSES else label
            print(f"\n{label}:\n{drawn(image)}")


def described(part):
    """A part of a data set in a few lines: what it is, and how it begins."""
    import numpy as np

    if isinstance(part, np.ndarray):
        first = np.array2string(part.reshape(len(part), -1)[:3, :8] if part.ndim > 1 else part[:12], precision=3, suppress_small=True)
        return f"array {part.shape} {part.dtype}, beginning with\n{textwrap.indent(first, '    ')}"
    if isinstance(part, str):
        return f"text of {len(part):,} characters, beginning with\n{textwrap.indent(part[:300], '    ')}"
    if isinstance(part, list):
        return f"list of {len(part):,}, beginning with\n" + "\n".join(f"    {item!r:.100}" for item in part[:5])
    return f"{type(part).__name__}: {part!r:.300}"


def _side(image):
    """The side of a square image of one or three channels, else None."""
    pixels = image.size // 3 if image.ndim == 3 else image.size
    side = round(pixels**0.5)
    return side if side >= 8 and side * side == pixels else None


def drawn(image):
    """A picture in characters, dark to light."""
    side = _side(image)
    grey = image.reshape(-1, side, side).mean(axis=0)
    shades = " .:-=+*#%@"
    return "\n".join("".join(2 * shades[min(int(10 * value), 9)] for value in row).rstrip() for row in grey)
