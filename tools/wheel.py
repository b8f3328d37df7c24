"""The package as a wheel, made without pip, so that the site can be built with the network off; same sources, same bytes."""
from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

from tools.environment import ROOT


def build(folder: Path, source: Path = ROOT / "src" / "dlbook") -> Path:
    """Write the wheel of the package in `source` into `folder`; return its path. It declares no dependencies: the lock does."""
    import dlbook

    version = dlbook.__version__
    info = f"dlbook-{version}.dist-info"
    contents = {
        f"dlbook/{path.relative_to(source).as_posix()}": path.read_bytes()
        for path in sorted(source.rglob("*.py"))
    }
    contents[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: dlbook\nVersion: {version}\n".encode()
    contents[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: dlbook\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = [f"{name},sha256={digest(data)},{len(data)}\n" for name, data in contents.items()]
    contents[f"{info}/RECORD"] = "".join([*record, f"{info}/RECORD,,\n"]).encode()
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"dlbook-{version}-py3-none-any.whl"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)  # dated 1980
    return place


def digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
