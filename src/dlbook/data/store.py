"""The files of the book's data/ folder: found, and read only when their SHA-256 is the recorded one."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path

import numpy as np

from ..settings import text


def folder() -> Path:
    """Return the folder of the real data: $DLBOOK_DATA where that is set, else data/ beside src/ in the book's folder.

    Raises FileNotFoundError where there are no data.
    """
    chosen = os.environ.get("DLBOOK_DATA")
    place = Path(chosen) if chosen else Path(__file__).resolve().parents[3] / "data"
    if not (place / "checksums.json").is_file():
        raise FileNotFoundError(f"no checksums.json in {place}{' (from DLBOOK_DATA)' if chosen else ''}, where the book's "
                                "data should be: set DLBOOK_DATA to the data/ folder of a clone of the book, "
                                "or install dlbook from a clone with `pip install -e .`")
    return place


def verify() -> list[str]:
    """Return one sentence for each data file that is missing or damaged; an empty list says that all is well.

    >>> verify()
    []
    """
    problems = []
    try:
        files = _checksums(folder())
    except (OSError, ValueError) as error:
        return [str(error)]
    for file in files:
        try:
            read(file)
        except (OSError, ValueError) as error:
            problems.append(str(error))
    return problems


def read(file: str) -> bytes:
    """Return the bytes of a data file, proved to be the ones that were recorded.

    Raises OSError where the file cannot be read and ValueError where it is damaged, each saying how to mend it.

    >>> read("shakespeare/tiny.txt")[:14]
    b'First Citizen:'
    """
    place = folder()
    recorded = _checksums(place).get(text("file", file))
    if recorded is None:
        raise ValueError(f"the file {file} is not listed in {place / 'checksums.json'}; {_cure('checksums.json')}")
    try:
        raw = (place / file).read_bytes()
    except OSError as error:
        raise type(error)(f"{place / file} cannot be read ({error.strerror}); {_cure(file)}") from None
    found = hashlib.sha256(raw).hexdigest()
    if found != recorded["sha256"]:
        raise ValueError(f"{place / file} is damaged: expected {recorded['bytes']:,} bytes with SHA-256 "
                         f"{recorded['sha256'][:8]}…, got {len(raw):,} bytes with {found[:8]}…; {_cure(file)}")
    return raw


def read_arrays(file: str) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz data file by name; errors are those of `read`.

    >>> sorted(read_arrays("quickdraw/small.npz"))
    ['x', 'y']
    """
    with np.load(io.BytesIO(read(file)), allow_pickle=False) as arrays:
        return dict(arrays)


def _checksums(place):
    try:
        return json.loads((place / "checksums.json").read_text("utf-8"))
    except (OSError, ValueError):
        raise ValueError(f"{place / 'checksums.json'} is damaged: expected JSON; {_cure('checksums.json')}") from None


def _cure(file):
    copied = " and copy it to where DLBOOK_DATA points" if os.environ.get("DLBOOK_DATA") else ""
    return f"restore it with `git checkout -- data/{file}` in the book's folder{copied}"
