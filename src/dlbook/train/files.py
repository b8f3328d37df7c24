"""Files that are written whole or not at all, and arrays kept in them by name: .npz, and never a pickle."""

import contextlib
import errno
import io
import os
import re
import threading
import zipfile
from pathlib import Path

import numpy as np


def place(name, path):
    """`path` as a Path; raises TypeError where it is none.

    >>> place("path", "model.npz").suffix
    '.npz'
    """
    try:
        os.fsencode(path)
        if not isinstance(path, bytes):
            return Path(path)
    except (TypeError, UnicodeEncodeError):
        pass
    raise TypeError(f"{name} must be the path of a file, and is {path!r:.60}")


@contextlib.contextmanager
def replacing(path):
    """A file open for bytes that becomes `path` when all is written; on an error what was at `path` stays as it was.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/note.txt") as file:
    ...         size = file.write(b"whole")
    ...     Path(f"{folder}/note.txt").read_bytes()
    b'whole'
    """
    path = place("path", path)
    if not path.name:  # "" and "." are folders
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    # Beside the target, for renaming within a disk is atomic, and under a name that no other process or thread uses.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        with open(unfinished, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a power cut may keep the new name and lose the content
        os.replace(unfinished, path)
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()


def sweep(path):
    """Remove what a killed process left of writing to `path`."""
    path = Path(path)
    for left in path.parent.iterdir():
        if re.fullmatch(rf"\.{re.escape(path.name)}\.\d+\.\d+\.tmp", left.name):  # and not what belongs to path.npz
            with contextlib.suppress(OSError):
                left.unlink()


def write_npz(path, arrays, *, compressed=False):
    """Write {name: array} to `path` as .npz: all or nothing, the same bytes for the same arrays, never a pickle.

    Raises OSError where `path` cannot be written, TypeError where it is no path or `arrays` no dictionary, and ValueError for
    an array of objects; an older file is then as it was.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_npz(f"{folder}/two.npz", {"a": np.arange(2), "b": np.float32(3)})
    ...     read_npz(f"{folder}/two.npz")
    {'a': array([0, 1]), 'b': array(3., dtype=float32)}
    """
    if not isinstance(arrays, dict) or not all(isinstance(name, str) for name in arrays):
        raise TypeError(f"arrays must be a dictionary of arrays by name, and is {arrays!r:.60}")
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asarray(array), version=(1, 0), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")  # dated 1980; a name alone would be dated now
            entry.create_system = 3  # on Windows too
            archive.writestr(entry, content.getvalue(), kind, 9)


def read_npz(path):
    """Return the arrays of an .npz file by name, every byte of them checked against the file's own checksums.

    Raises OSError where the file cannot be read, and ValueError where it is damaged, cut short or no .npz at all.
    """
    raw = place("path", path).read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return {name.removesuffix(".npy"): np.lib.format.read_array(io.BytesIO(archive.read(name)), allow_pickle=False)
                    for name in archive.namelist()}
    except Exception as error:  # zipfile meets damage with half a dozen kinds of exception
        raise ValueError(f"{path} is damaged, or is no .npz file") from error
