"""Pictures: digits, clothes, doodles and emoji.

Grey images are float32 in [0, 1], one per row; colour images are (N, 3, H, W); labels are int64. `CLASSES` names the labels.
"""

from __future__ import annotations

import gzip
import math
import struct

import numpy as np

from .examples import Dataset
from .store import read, read_arrays

CLOTHES = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
CLASSES = {
    "mnist": tuple("0123456789"),
    "mnist_small": tuple("0123456789"),
    "fashion_mnist": CLOTHES,
    "fashion_mnist_small": CLOTHES,
    "kmnist": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    "quick_draw": ("apple", "bicycle", "butterfly", "cat", "clock", "fish", "flower", "house", "tree", "umbrella"),
    "emoji": ("smileys and emotion", "people and body", "animals and nature", "food and drink", "travel and places",
              "activities", "objects", "symbols"),
}


def mnist() -> Dataset:
    """Return MNIST, 28 × 28 images of handwritten digits: x (60000, 784) and (10000, 784), y in 0..9.

    Raises FileNotFoundError where a file is missing and ValueError where one is damaged, each saying how to mend it.
    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998.
    Chapter: *project: a network in NumPy*.

    >>> mnist()
    Dataset(x_train (60000, 784) float32, y_train (60000,) int64, x_test (10000, 784) float32, y_test (10000,) int64)
    """
    return from_idx("mnist", [read(f"mnist/{part}.gz") for part in IDX_FILES])


def mnist_small() -> Dataset:
    """Return the first 12,000 training images of MNIST and all 10,000 test images, for quick runs and the browser.

    Values, errors and chapter are those of `mnist`. The test set is whole because its first half is the harder one
    (measured in data/README.md).

    >>> mnist_small().x_train.shape
    (12000, 784)
    """
    arrays = read_arrays("mnist/small.npz")
    return labelled("mnist_small", *(arrays[name] for name in Dataset._fields))


def fashion_mnist_small() -> Dataset:
    """Return the first 12,000 training and 2,000 test images of Fashion-MNIST: 28 × 28 clothes, as hard as MNIST is easy.

    x (12000, 784) and (2000, 784), y in 0..9 as in `CLASSES["fashion_mnist"]`. Errors are those of `mnist`. The whole set:
    `fetch("fashion_mnist")`. Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
    learning algorithms", 2017. Chapter: *convolutional networks*.

    >>> CLASSES["fashion_mnist"][fashion_mnist_small().y_train[0]]
    'ankle boot'
    """
    arrays = read_arrays("fashion/small.npz")
    return labelled("fashion_mnist_small", *(arrays[name] for name in Dataset._fields))


def quick_draw() -> tuple[np.ndarray, np.ndarray]:
    """Return 100 doodles of each of ten things, x (1000, 784) with ink 1 on paper 0, y (1000,) as in `CLASSES["quick_draw"]`.

    28 × 28 each, in the order of the classes. Errors are those of `mnist`. Google, *Quick, Draw!*, 2017 (CC BY 4.0).
    Chapters: *diffusion*, *transfer learning*.

    >>> x, y = quick_draw()
    >>> x.shape, np.bincount(y).tolist()
    ((1000, 784), [100, 100, 100, 100, 100, 100, 100, 100, 100, 100])
    """
    arrays = read_arrays("quickdraw/small.npz")
    x, y = arrays["x"], arrays["y"]
    check_labels("quick_draw", x, y)
    return pixels(x), y.astype(np.int64)


def emoji() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return small colour pictures with a caption each: x (1636, 3, 16, 16), y (1636,) as in `CLASSES["emoji"]`, 1,636 names.

    Red, green and blue in [0, 1] on white; a name is the character's in Unicode. Errors are those of `mnist`.
    Google, Noto Emoji. Chapters: *diffusion*, *frontier*.

    >>> x, y, names = emoji()
    >>> x.shape, names[0], CLASSES["emoji"][y[0]]
    ((1636, 3, 16, 16), 'grinning face', 'smileys and emotion')
    """
    arrays = read_arrays("emoji/google16.npz")
    check_labels("emoji", arrays["x"], arrays["y"])
    x = arrays["x"].astype(np.float32)
    x /= np.float32(255)
    return x, arrays["y"].astype(np.int64), arrays["names"].tolist()


# ---- shared with the sets that are downloaded ---------------------------------------------------------------------------

IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def from_idx(name, packed):
    """Return the Dataset in four gzipped IDX files, in the order of IDX_FILES."""
    return labelled(name, *(read_idx(gzip.decompress(raw)) for raw in packed))


def labelled(name, x_train, y_train, x_test, y_test):
    """Return bytes as a Dataset of float32 rows and int64 labels, proved to fit each other and the classes."""
    check_labels(name, x_train, y_train)
    check_labels(name, x_test, y_test)
    return Dataset(pixels(x_train), y_train.astype(np.int64), pixels(x_test), y_test.astype(np.int64))


def check_labels(name, x, y):
    """Raise ValueError unless there is one known label per image."""
    if len(x) != len(y):
        raise ValueError(f"{name} holds {len(x)} images and {len(y)} labels; expected one label per image")
    if len(y) and y.max() >= len(CLASSES[name]):
        raise ValueError(f"{name} holds the label {y.max()} at row {y.argmax()}; expected 0 to {len(CLASSES[name]) - 1}")


def pixels(images):
    """Return bytes (N, ...) as float32 rows in [0, 1]."""
    x = images.reshape(len(images), -1).astype(np.float32)
    x /= np.float32(255)
    return x


def read_idx(raw: bytes) -> np.ndarray:
    """Return the array in `raw`, the unpacked bytes of a file in MNIST's IDX format (unsigned bytes only).

    The format: two zero bytes, one that tells the type (8: unsigned byte), one that counts the dimensions; then the
    size of each dimension as a big-endian 4-byte integer; then the values, last index fastest.
    Raises ValueError where the bytes are not of that form. Chapter: *project: a network in NumPy*.

    >>> read_idx(bytes([0, 0, 8, 1,  0, 0, 0, 3,  5, 0, 4])).tolist()
    [5, 0, 4]
    """
    if not isinstance(raw, bytes):
        raise TypeError(f"an IDX file is raw bytes, and this is {raw!r:.60}")
    if len(raw) < 4 or raw[:3] != b"\0\0\x08" or raw[3] == 0:
        raise ValueError(f"not an IDX file of unsigned bytes: it begins with {raw[:4].hex(' ') or 'nothing'}, "
                         "expected 00 00 08 and the number of dimensions")
    start = 4 + 4 * raw[3]
    if len(raw) < start:
        raise ValueError(f"truncated IDX file: {len(raw)} bytes, expected a header of {start}")
    shape = struct.unpack(f">{raw[3]}I", raw[4:start])
    if len(raw) != start + math.prod(shape):
        raise ValueError(f"the IDX header announces shape {shape}, which takes {start + math.prod(shape):,} bytes; "
                         f"got {len(raw):,}")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape).copy()
