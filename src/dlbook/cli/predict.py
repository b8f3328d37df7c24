"""`dlbook predict`: what a saved classifier says about a data set, a file of numbers, or a picture."""

import csv
import io
import math
import sys
from pathlib import Path

from . import WrongCall

EXAMPLES = """examples:
  dlbook predict digits.npz --data mnist_small         accuracy and confusions on its test examples
  dlbook predict iris.npz flowers.csv                  four numbers a line, separated by commas
  dlbook predict digits.npz mine.png --invert          a picture with dark ink on light paper
  dlbook predict digits.npz rows.npy --csv answers.csv

Files: .npy, .npz (x_test, x, or the only array in it), .csv, and .png where matplotlib is installed. An example may be a
row or have the shape it had in training; bytes from 0 to 255 are divided by 255."""
SHOWN = 20  # rows on the screen


def options(parser):
    """What can be chosen."""
    parser.epilog = EXAMPLES
    parser.add_argument("model", type=Path, metavar="MODEL", help="a file that `dlbook train` wrote")
    parser.add_argument("files", type=Path, nargs="*", metavar="FILE", help="examples to classify")
    parser.add_argument("--data", metavar="NAME", help="judge the model on the test examples of this data set instead")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write every answer into this file too")
    parser.add_argument("--invert", action="store_true", help="turn light into dark before asking (default: leave as it is)")


def run(options):
    """Ask, print, and write the answers if asked to."""
    if bool(options.files) == (options.data is not None):
        raise WrongCall("give either files with examples or --data NAME, to say what the model is to be asked about")
    from .classifier import load

    model = load(options.model)
    if options.data:
        answers = judge(model, options.data)
    else:
        answers = [answer for file in options.files for answer in ask(model, file, options.invert)]
        for source, row, name, sure in answers[:SHOWN]:
            print(f"{source} row {row}: {name} ({100 * sure:.1f} %)")
        if len(answers) > SHOWN:
            print(f"... and {len(answers) - SHOWN:,} more; --csv FILE writes them all")
    if options.csv:
        write_csv(answers, options.csv)
        print(f"{len(answers):,} answers written to {options.csv}")
    return 0


def judge(model, name):
    """Print accuracy and confusions on a data set's test examples; return the answers."""
    from . import problems

    problem = problems.load(name)
    x, y = problem.examples.x_test, problem.examples.y_test
    if math.prod(problem.shape) != math.prod(model.card["shape"]) or len(problem.classes) != len(model.card["classes"]):
        raise ValueError(f"the model was trained on {model.card['data']}, {kind(model.card['shape'], model.card['classes'])}, "
                         f"and {name} has {kind(problem.shape, problem.classes)}: choose a data set that fits")
    answers, found = named(model, x, name)
    if name != model.card["data"]:
        print(f"note: the model was trained on {model.card['data']}")
    print(f"right on {100 * (found == y).mean():.2f} % of {len(x):,} examples of {name}")
    print(confusions(y, found, problem.classes))
    return answers


def kind(shape, classes):
    """What examples look like, in words."""
    return f"examples of {' × '.join(map(str, shape))} numbers in {len(classes)} classes"


def confusions(y, found, classes):
    """A table: one line a class, how often it was taken for each."""
    width = max(5, len(str(len(y))) + 1)
    side = max(map(len, classes)) + 6
    lines = ["true class, and how often it was taken for".ljust(side) + ":"]
    lines.append(" " * side + "".join(f"{k:>{width}}" for k in range(len(classes))))
    for k, name in enumerate(classes):
        lines.append(f"{k:>3} {name:<{side - 4}}" + "".join(f"{((y == k) & (found == j)).sum():>{width}}" for j in range(len(classes))))
    return "\n".join(lines)


def ask(model, path, invert):
    """The answers for the examples in a file."""
    import numpy as np

    x = read(path)
    shape, low, high = model.card["shape"], model.card["low"], model.card["high"]
    size = math.prod(shape)
    if x.size == size and x.ndim != 2:
        x = x.reshape(1, size)  # a single example
    if not x.size or x.ndim == 0 or x[0].size != size:
        raise ValueError(f"{path} holds an array {x.shape}; the model was trained on {model.card['data']}, whose examples are "
                         f"{size} numbers ({' × '.join(map(str, shape))}): expected that many in each row")
    x = x.reshape(len(x), size)
    if x.dtype.kind not in "fiub":
        raise ValueError(f"{path} holds {x.dtype} where numbers were expected")
    with np.errstate(over="ignore"):
        x = x.astype(np.float32) / np.float32(255 if x.dtype == np.uint8 and high <= 1 else 1)
    wrong = np.flatnonzero(~np.isfinite(x).all(axis=1))
    if len(wrong):
        raise ValueError(f"{path} row {wrong[0]} holds nan, inf or more than a float32 can hold, of which a model makes nothing: "
                         "mend or remove that row")
    if invert:
        x = np.float32(low + high) - x
    reach = high - low
    if x.min() < low - reach or x.max() > high + reach:
        print(f"note: {path} reaches from {x.min():g} to {x.max():g}, and the model was trained on {low:g} to {high:g}: "
              "are they scaled alike?", file=sys.stderr)
    return named(model, x, path.name)[0]


def named(model, x, source):
    """(source, row, class, probability) for each example, and the classes as numbers."""
    import numpy as np

    p = model.probabilities(x)
    found = p.argmax(axis=1)
    names = model.card["classes"]
    return [(source, row, names[k], float(p[row, k])) for row, k in enumerate(found.tolist())], np.asarray(found)


def read(path):
    """The array in a file, whatever its kind."""
    readers = {".npy": from_npy, ".npz": from_npz, ".csv": from_csv, ".png": from_png}
    if path.suffix.lower() not in readers:
        raise WrongCall(f"{path} is of no kind that can be read: expected {', '.join(readers)}")
    try:
        return readers[path.suffix.lower()](path)
    except ImportError:
        raise
    except OSError as error:
        raise type(error)(f"{path} cannot be read ({error.strerror or error})") from None
    except (ValueError, SyntaxError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None


def from_npy(path):
    """The one array of an .npy file."""
    import numpy as np

    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError):  # NumPy's own sentence recommends to trust a pickle
        raise ValueError("it is no array of plain numbers in NumPy's format") from None


def from_npz(path):
    """The array to classify among those of an .npz file."""
    from ..train import read_npz

    arrays = read_npz(path)
    for name in ("x_test", "x", *(arrays if len(arrays) == 1 else ())):
        if name in arrays:
            return arrays[name]
    raise ValueError(f"it holds {', '.join(arrays) or 'nothing'}; expected an array called x, or a single one")


def from_csv(path):
    """Rows of numbers separated by commas, below a line of names or not."""
    import numpy as np

    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if lines and not any(map(_is_number, lines[0].split(","))):
        lines = lines[1:]
    if not lines:
        raise ValueError("it holds no numbers")
    rows = []
    for number, line in enumerate(lines):
        cells = line.split(",")
        if not all(map(_is_number, cells)) or len(cells) != len(lines[0].split(",")):
            raise ValueError(f"row {number} is {line[:40]!r}; expected {len(lines[0].split(','))} numbers separated by commas")
        rows.append([float(cell) for cell in cells])
    return np.array(rows)


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True


def from_png(path):
    """A picture as grey values in [0, 1], one example."""
    try:
        from matplotlib import image
    except ImportError:
        raise ModuleNotFoundError("pictures need matplotlib, which is not installed: type `pip install matplotlib`") from None
    pixels = image.imread(path)
    return pixels[None] if pixels.ndim == 2 else pixels[None, :, :, :3].mean(axis=3)


def write_csv(answers, path):
    """The answers as a table that a spreadsheet opens."""
    from ..train import replacing

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["source", "row", "class", "probability"])
    writer.writerows((source, row, name, f"{sure:.6f}") for source, row, name, sure in answers)
    try:
        with replacing(path) as file:
            file.write(text.getvalue().encode("utf-8"))
    except OSError as error:
        raise type(error)(f"the answers cannot be written to {path} ({error.strerror})") from None
