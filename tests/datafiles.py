"""Files of data made up on the spot, and refusals, which other tests look at too."""

import hashlib
import json
import struct

import pytest


def idx(array):
    """An unsigned-byte array in IDX format."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def record(folder):
    """Write checksums.json for all files of a folder."""
    entries = {str(f.relative_to(folder).as_posix()): {"bytes": f.stat().st_size, "sha256": hashlib.sha256(f.read_bytes()).hexdigest()}
               for f in sorted(folder.rglob("*.*")) if f.name != "checksums.json"}
    (folder / "checksums.json").write_text(json.dumps(entries))


def refusal(kind, call):
    """The message of the error that `call` raises, proved to be one line."""
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    return message
