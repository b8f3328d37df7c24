"""Execute each chapter once, several at a time, into a cache from which Jupyter Book and the tests read.

Jupyter Book 1 executes one notebook after another. We fill its cache beforehand: the outputs in
there are those the site shows, and those that nbval compares with a second run.
"""
from __future__ import annotations

import multiprocessing
import os
import re
import shutil
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.read import is_myst_markdown_notebook, read_myst_markdown_notebook
from sphinx_external_toc.parsing import parse_toc_yaml

from tools.environment import BUILD, ROOT, Problem
from tools.fingerprint import execution_key

SECONDS_PER_CELL = 120
CACHES_KEPT = 3


def chapters(root: Path = ROOT) -> list[Path]:
    """The chapters that the table of contents names and that hold code, in reading order."""
    found = []
    for document in parse_toc_yaml(root / "_toc.yml").values():
        path = root / f"{document.docname}.md"
        if not path.exists():
            raise Problem(f"_toc.yml names {document.docname}, but there is no {path.relative_to(root)}.")
        if is_myst_markdown_notebook(path.read_text(encoding="utf-8")):
            found.append(path)
    return found


def read(path: Path):
    """The notebook in a chapter's source, as Jupyter Book reads it (the cache compares with that)."""
    notebook = read_myst_markdown_notebook(path.read_text(encoding="utf-8"), add_source_map=True, path=path)
    kernel = notebook.metadata.get("kernelspec", {}).get("name")
    if kernel != "python3":
        raise Problem(f"{shown(path)} asks for the kernel {kernel!r}, and the book has only `python3`: name that in its header.")
    return notebook


def cache_folder(build: Path = BUILD) -> Path:
    """The cache for this package, data and environment; the few last used ones are kept, older ones go."""
    folder = build / "cache" / execution_key()
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    for old in sorted(folder.parent.iterdir(), key=lambda path: -path.stat().st_mtime)[CACHES_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def execute(paths: list[Path], folder: Path, workers: int | None = None) -> list[str]:
    """Execute the chapters that `folder` does not hold yet; return one description per chapter that failed."""
    cache = get_cache(folder)
    waiting = [path for path in paths if not is_cached(cache, read(path))]
    if not waiting:
        return []
    workers = min(len(waiting), workers or int(os.environ.get("DLBOOK_WORKERS", 0)) or max(2, os.cpu_count() or 1))
    print(f"Executing {len(waiting)} of {len(paths)} chapters, {workers} at a time ...", flush=True)
    failures = []
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(execute_one, path): path for path in waiting}
        for done in as_completed(running):
            path = running[done]
            text, seconds, failure = done.result()
            print(f"  {'FAILED' if failure else '  done'} {seconds:6.1f} s  {shown(path)}", flush=True)
            if failure:
                failures.append(failure)
            else:
                bundle = CacheBundleIn(nbformat.reads(text, 4), str(path), data={"execution_seconds": seconds})
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    return failures


def shown(path: Path) -> str:
    """A chapter's name for people: its path from the book's folder, with forward slashes."""
    return path.relative_to(ROOT).as_posix() if ROOT in path.parents else str(path)


def is_cached(cache, notebook) -> bool:
    try:
        cache.match_cache_notebook(notebook)
    except KeyError:
        return False
    return True


def execute_one(path: Path) -> tuple[str, float, str | None]:
    """Run one chapter in a folder of its own; return the notebook's text, its seconds and what went wrong."""
    notebook = read(path)
    with tempfile.TemporaryDirectory(prefix="dlbook-") as scratch:
        try:
            result = single_nb_execution(notebook, cwd=scratch, timeout=SECONDS_PER_CELL, allow_errors=False)
        except Exception as error:  # a kernel that died or never started: nbclient has many names for it
            return "", 0.0, describe(path, notebook, f"{type(error).__name__}: {error}")
    failure = describe(path, notebook, str(result.err)) if result.err else None
    return nbformat.writes(notebook), result.time, failure


def describe(path: Path, notebook, error: str) -> str:
    """Say where a chapter failed: chapter, line, cell and exception, as somebody mending it wants to see it."""
    code = [(index, cell) for index, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for number, (index, cell) in enumerate(code):
        raised = [output for output in cell.outputs if output.output_type == "error"]
        if raised and "raises-exception" not in cell.metadata.get("tags", []):
            error = "\n".join(raised[0].traceback) or f"{raised[0].ename}: {raised[0].evalue}"
            break
        if cell.execution_count is None and cell.source.strip():
            break
    else:
        return f"{shown(path)}: {error}"
    line = notebook.metadata.get("source_map", {index: 0})[index]
    where = f"{shown(path)}:{line}, code cell {number} (counted from 0)"
    return f"{where}\n{re.sub(chr(27) + r'[[][0-9;]*m', '', error).rstrip()}"
