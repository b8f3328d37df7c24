"""Data sets that are too large, or not free enough, to ship: downloaded only when you call `fetch`, and checked by SHA-256.

They are kept in $DLBOOK_CACHE, or in .cache/dlbook of your home folder. No chapter needs them to run.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..settings import text
from .examples import Dataset, check_count
from .images import IDX_FILES, from_idx, labelled


class Remote(NamedTuple):
    """A file elsewhere: where it is, how many bytes it has, and their SHA-256."""

    url: str
    bytes: int
    sha256: str


def _idx_files(place, facts):
    return [Remote(f"{place}{name}.gz", *fact) for name, fact in zip(IDX_FILES, facts)]


_FASHION = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/"
_KMNIST = "https://codh.rois.ac.jp/kmnist/dataset/kmnist/"
REMOTE = {  # where each hash comes from is written in data/README.md
    "fashion_mnist": _idx_files(_FASHION, [
        (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
        (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
        (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
        (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ]),
    "kmnist": _idx_files(_KMNIST, [
        (18_165_135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
        (29_497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
        (3_041_136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
        (5_120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
    ]),
    "cifar10": [
        Remote("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", 170_052_171,
               "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),
    ],
    "glove_6b": [
        Remote("https://nlp.stanford.edu/data/glove.6B.zip", 862_182_613,
               "617afb2fe6cbd085c235baf7a465b96f4112bd7f7ccb2b2cbd649fed9cbcf2fb"),
    ],
    "mobilenet_v2": [
        Remote("https://github.com/onnx/models/raw/main/validated/vision/classification/mobilenet/model/mobilenetv2-12.onnx",
               13_964_571, "c0c3f76d93fa3fd6580652a45618618a220fced18babf65774ed169de0432ad5"),
    ],
}


def cache() -> Path:
    """Return the folder of downloaded data: $DLBOOK_CACHE where that is set, else .cache/dlbook in the home folder."""
    chosen = os.environ.get("DLBOOK_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "dlbook"


def fetch(name: str) -> list[Path]:
    """Download the data set called `name`, unless it is there already, and return its files.

    A file is kept only when it is whole and its SHA-256 is the one recorded here. Raises ValueError for an unknown name
    or a file that is another than expected, ConnectionError where it cannot be downloaded, and leaves nothing half-written.
    """
    files = []
    for remote in _files(name):
        path = _place(name, remote)
        if not (path.is_file() and _digest(path) == remote.sha256):
            _download(remote, path)
        files.append(path)
    return files


def _files(name):
    if text("name", name) not in REMOTE:
        raise ValueError(f"no data set for download is called {name!r}; the names are {', '.join(REMOTE)}")
    return REMOTE[name]


def _place(name, remote):
    return cache() / name / remote.url.rsplit("/", 1)[1]


def _digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(remote, path):
    """Bring a file here under another name, and give it its own when it has proved to be the right one."""
    from http.client import HTTPException  # here, because nobody but who downloads should wait for it

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        try:
            size, found = _copy(remote, unfinished)
        except (OSError, HTTPException) as error:
            if hasattr(error, "close"):  # an answer such as 404, which holds its connection
                error.close()
            raise ConnectionError(f"{remote.url} could not be downloaded ({error}); nothing was kept: "
                                  "check your connection and try again") from None
        if found != remote.sha256:
            broke = "the download broke off" if size < remote.bytes else "it is another file, or was tampered with"
            raise ValueError(f"{remote.url} sent {size:,} bytes with SHA-256 {found[:8]}…, expected {remote.bytes:,} bytes "
                             f"with {remote.sha256[:8]}…; nothing was kept: {broke}")
        os.replace(unfinished, path)
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()


def _copy(remote, path):
    """Copy a remote file to `path`; return its size and SHA-256. A terminal shows how far it has come."""
    import urllib.request

    digest, size, shown = hashlib.sha256(), 0, sys.stderr is not None and sys.stderr.isatty()
    with urllib.request.urlopen(remote.url, timeout=60) as answer, open(path, "wb") as file:
        while block := answer.read(1 << 20):
            file.write(block)
            digest.update(block)
            size += len(block)
            if size > remote.bytes:  # never fill a disk with what is wrong already
                break
            if shown:
                sys.stderr.write(f"\r{path.name}: {size / 1e6:.0f} of {remote.bytes / 1e6:.0f} MB ")
    if shown:
        sys.stderr.write("\r" + " " * 79 + "\r")
    return size, digest.hexdigest()


def _read(name):
    """The bytes of a fetched data set's files, proved to be the right ones."""
    contents = []
    for remote in _files(name):
        path = _place(name, remote)
        try:
            raw = path.read_bytes()
        except OSError as error:
            size = sum(file.bytes for file in REMOTE[name]) / 1e6
            raise FileNotFoundError(f"{path} cannot be read ({error.strerror}): download it once with "
                                    f"`dlbook.data.fetch({name!r})` ({size:.0f} MB)") from None
        if hashlib.sha256(raw).hexdigest() != remote.sha256:
            raise ValueError(f"{path} is damaged: download it again with `dlbook.data.fetch({name!r})`")
        contents.append(raw)
    return contents


# ---- the sets -------------------------------------------------------------------------------------------------------

def fashion_mnist() -> Dataset:
    """Return all of Fashion-MNIST, x (60000, 784) and (10000, 784), once `fetch("fashion_mnist")` has downloaded it.

    Raises FileNotFoundError where it has not, and ValueError where a file is damaged. MIT licence, Zalando SE.
    Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms", 2017.
    """
    return from_idx("fashion_mnist", _read("fashion_mnist"))


def kmnist() -> Dataset:
    """Return Kuzushiji-MNIST, ten cursive Japanese characters, shaped like MNIST, once `fetch("kmnist")` has downloaded it.

    Errors are those of `fashion_mnist`. CC BY-SA 4.0, Center for Open Data in the Humanities. Clanuwat et al., "Deep learning
    for classical Japanese literature", 2018.
    """
    return from_idx("kmnist", _read("kmnist"))


def cifar10() -> Dataset:
    """Return CIFAR-10, x (50000, 3, 32, 32) and (10000, 3, 32, 32), once `fetch("cifar10")` has downloaded it.

    Colours in [0, 1], y in 0..9 as in `CLASSES["cifar10"]`. Errors are those of `fashion_mnist`. It has no licence: do not
    pass it on. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    """
    import tarfile

    [raw] = _read("cifar10")
    with tarfile.open(fileobj=io.BytesIO(raw), mode="r:gz") as archive:
        parts = [_cifar_records(archive, f"data_batch_{part}.bin") for part in range(1, 6)]
        train, test = np.concatenate(parts), _cifar_records(archive, "test_batch.bin")
    flat = labelled("cifar10", train[:, 1:], train[:, 0], test[:, 1:], test[:, 0])
    return flat._replace(x_train=flat.x_train.reshape(-1, 3, 32, 32), x_test=flat.x_test.reshape(-1, 3, 32, 32))


def _cifar_records(archive, name):
    """A file of records, one byte for the label and 3072 for the pixels, as an array (N, 3073) of bytes."""
    return np.frombuffer(archive.extractfile(f"cifar-10-batches-bin/{name}").read(), np.uint8).reshape(-1, 3073)


def glove_6b(*, dimension: int = 50, words: int = 400_000) -> tuple[list[str], np.ndarray]:
    """Return the most frequent `words` of GloVe 6B with vectors (words, dimension), once `fetch("glove_6b")` has downloaded it.

    Dimensions are 50, 100, 200 and 300. Errors are those of `fashion_mnist`. PDDL 1.0. Pennington, Socher and Manning,
    "GloVe: global vectors for word representation", 2014.
    """
    if dimension not in (50, 100, 200, 300):
        raise ValueError(f"dimension is {dimension!r}; expected 50, 100, 200 or 300")
    check_count("words", words)
    import zipfile

    [raw] = _read("glove_6b")
    with zipfile.ZipFile(io.BytesIO(raw)) as archive, archive.open(f"glove.6B.{dimension}d.txt") as lines:
        rows = [line.decode("utf-8").split() for line, _ in zip(lines, range(words))]
    return [row[0] for row in rows], np.array([row[1:] for row in rows], np.float32)
