"""Python for the browser: the files of Pyodide, accepted only with the SHA-256 that `tools/pyodide.json` holds.

They are collected in `_build/pyodide` from the first of these that has them: the folder or address in the environment
variable DLBOOK_PYODIDE (a Pyodide distribution, unpacked); npm's package `pyodide`, which has the core; and the one package
on pip's index that carries byte-identical copies of the wheels. npm and pip ask where this machine tells them to.

`python -m tools.pyodide FOLDER` writes the lock anew from an unpacked distribution.
"""
from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from pathlib import Path

from tools.environment import BUILD, Problem, write

LOCK = Path(__file__).with_name("pyodide.json")
CORE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
ROOTS = ("numpy", "matplotlib", "scikit-learn")  # what chapters may import, beside the standard library and dlbook
CARRIER = "open-webui==0.12.4"


def lock() -> dict:
    """The version, the core files and the packages of Pyodide that the book was tested with, each with hash and size."""
    return json.loads(LOCK.read_text(encoding="utf-8"))


def closure(roots, packages: dict) -> list[str]:
    """`roots` and all that they depend on, as names in the lock.

    >>> closure(["b"], {"a": {"depends": []}, "b": {"depends": ["a"]}, "c": {"depends": []}})
    ['a', 'b']
    """
    found, waiting = set(), list(roots)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name not in found:
            found.add(name)
            waiting += packages[name]["depends"]
    return sorted(found)


def files(roots) -> dict[str, str]:
    """The files that Python with the packages `roots` needs: name -> SHA-256."""
    known = lock()
    needed = {name: entry["sha256"] for name, entry in known["core"].items()}
    for name in closure(roots, known["packages"]):
        entry = known["packages"][name]
        needed[entry["file_name"]] = entry["sha256"]
    return needed


def folder() -> Path:
    return BUILD / "pyodide" / lock()["version"]


def collect(roots) -> Path:
    """Have every file in `folder()`; raises Problem naming those that cannot be had."""
    place = folder()
    place.mkdir(parents=True, exist_ok=True)
    wanted = {name: digest for name, digest in files(roots).items() if not sound(place / name, digest)}
    refused: list[str] = []
    for source in (from_given, from_npm, from_carrier):
        if wanted:
            try:
                source(wanted, place, refused)
            except (OSError, subprocess.CalledProcessError, tarfile.TarError, zipfile.BadZipFile) as error:
                refused.append(f"{source.__name__.replace('_', ' ')}: {describe(error)}")
    if wanted:
        raise Problem(
            "Python for the browser is not complete: %s cannot be had.\n%s\nName a folder or an address with Pyodide %s in the "
            "environment variable DLBOOK_PYODIDE, or type `make book`: on that site, readers' browsers fetch Python themselves."
            % (", ".join(sorted(wanted)), "\n".join(refused), lock()["version"])
        )
    return place


def describe(error: Exception) -> str:
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else error
    return (str(said).strip().splitlines() or ["no reason given"])[-1]


def sound(path: Path, digest: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def accept(name: str, data: bytes, wanted: dict, place: Path, refused: list[str], source: str) -> None:
    """Keep `data` as the file `name` if it is the very one of the lock."""
    if hashlib.sha256(data).hexdigest() != wanted[name]:
        refused.append(f"{source} has another {name} than the lock")
        return
    temporary = place / f"{name}.{os.getpid()}.tmp"
    temporary.write_bytes(data)
    os.replace(temporary, place / name)
    del wanted[name]


def from_given(wanted, place, refused) -> None:
    given = os.environ.get("DLBOOK_PYODIDE")
    for name in list(wanted) if given else []:
        try:
            if "://" in given:
                with urllib.request.urlopen(f"{given.rstrip('/')}/{name}", timeout=60) as answer:
                    data = answer.read()
            else:
                data = (Path(given) / name).read_bytes()
        except OSError as error:
            refused.append(f"{given} does not give {name} ({error})")
        else:
            accept(name, data, wanted, place, refused, given)


def from_npm(wanted, place, refused) -> None:
    names = [name for name in CORE if name in wanted]
    if not names:
        return
    npm = shutil.which("npm")
    if npm is None:
        refused.append("npm is not installed, which has Pyodide's core")
        return
    with tempfile.TemporaryDirectory() as scratch:
        command = [npm, "pack", "--silent", f"pyodide@{lock()['version']}"]
        print("Fetching Python for the browser with npm ...", flush=True)
        subprocess.run(command, cwd=scratch, check=True, capture_output=True, text=True)
        with tarfile.open(next(Path(scratch).glob("*.tgz"))) as archive:
            for name in names:
                accept(name, archive.extractfile(f"package/{name}").read(), wanted, place, refused, "npm")


def from_carrier(wanted, place, refused) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   "--ignore-requires-python", "--dest", scratch, CARRIER]
        print("Fetching the browser's packages with pip (a large download, once) ...", flush=True)
        subprocess.run(command, check=True, capture_output=True, text=True)
        with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as archive:
            inside = {Path(entry).name: entry for entry in archive.namelist() if "/pyodide/" in entry}
            for name in list(wanted):
                if name in inside:
                    accept(name, archive.read(inside[name]), wanted, place, refused, CARRIER)
                else:
                    refused.append(f"{CARRIER} has no {name}")


def relock(distribution: Path) -> None:
    """Write the lock from a distribution: its own lock's packages, cut down to ROOTS, and its core."""
    official = json.loads((distribution / "pyodide-lock.json").read_text(encoding="utf-8"))
    version = json.loads((distribution / "package.json").read_text(encoding="utf-8"))["version"]

    def measured(name):
        data = (distribution / name).read_bytes()
        return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}

    packages = {}
    for name in closure(ROOTS, official["packages"]):
        packages[name] = dict(official["packages"][name])
        found = measured(packages[name]["file_name"])
        if found["sha256"] != packages[name]["sha256"]:
            raise Problem(f"{packages[name]['file_name']} is not the file that this distribution's lock names.")
        packages[name]["bytes"] = found["bytes"]
    made = {"version": version, "info": official["info"], "core": {name: measured(name) for name in CORE}, "packages": packages}
    write(LOCK, json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    relock(Path(sys.argv[1]))
