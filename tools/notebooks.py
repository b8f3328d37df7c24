"""The notebooks that people work in, made from the chapters, and never written over once somebody wrote in them.

`update` brings the self-study edition into the folder `notebooks`, which is the student's; `pair_all` sets the book's own
sources beside the chapters, for authors.
"""
from __future__ import annotations

import hashlib
import itertools
import os
from pathlib import Path

import jupytext
import nbformat
from jupytext.combine import combine_inputs_with_outputs

from tools import execute
from tools.environment import ROOT, Problem, write

FOLDER = ROOT / "notebooks"


def update(folder: Path = FOLDER) -> None:
    """Bring the self-study notebooks in `folder` up to date, and say what was done and what was left alone."""
    from tools import editions

    paths, cache = execute.chapters(), execute.cache_folder()
    if failures := execute.execute(paths, cache):
        raise Problem("\n\n".join(failures))
    for path, notebook in editions.edition_of(paths, "self-study", cache):
        message = offer(notebook, folder / path.parent.name / f"{path.stem}.ipynb")
        if message:
            print(message, flush=True)


def offer(notebook, place: Path) -> str:
    """Put `notebook` at `place`, or beside what a student wrote there; return what there is to say, if anything.

    A notebook remembers the text it was made from. One that has another text now holds somebody's work: it stays as it
    is, and a newer version of the chapter goes into a file of its own beside it, once.
    """
    said = text_of(notebook)
    notebook.metadata.dlbook.made_from = said
    for number in itertools.count():
        target = place if not number else place.with_name(f"{place.stem}-newer{f'-{number}' if number > 1 else ''}.ipynb")
        if target.exists():
            try:
                theirs = nbformat.read(target, as_version=4)
                made_from, now = theirs.metadata.get("dlbook", {}).get("made_from"), text_of(theirs)
            except Exception:  # no notebook any more, but it may be all that is left of somebody's work
                made_from, now = None, ""
            if said in (made_from, now):
                return ""  # today's chapter, with or without their work in it
            if made_from != now:
                continue  # their work on an older version
        keep(target, nbformat.writes(notebook))
        shown = target.relative_to(place.parents[1]).as_posix()
        return f"{shown}: new." if not number else (
            f"{place.name} holds your work and was left alone; the newer version of the chapter is {shown}.")
    raise AssertionError("unreachable")


def keep(place: Path, text: str) -> None:
    try:
        write(place, text)
    except OSError as error:
        raise Problem(f"Cannot write {place}: {error.strerror}.") from None


def pair_all(root: Path = ROOT) -> None:
    for path in execute.chapters(root):
        message = pair(path)
        if message:
            print(message, flush=True)


def pair(path: Path) -> str:
    """Make or renew the notebook beside a chapter, unless it was edited; return what there is to say, if anything.

    A notebook remembers the text it was made from. One that differs from both that and today's chapter
    holds somebody's own work.
    """
    book = jupytext.read(path)
    place = path.with_suffix(".ipynb")
    name = place.name
    if place.exists():
        try:
            theirs = nbformat.read(place, as_version=4)
        except Exception:
            return f"{name} is not a notebook that can be read: left alone; move it away to get the book's."
        if text_of(theirs) == text_of(book):
            return ""
        if theirs.metadata.get("dlbook", {}).get("made_from") != text_of(theirs):
            return f"{name} holds changes of yours, or the chapter changed since: left alone; move it away to get the book's."
        book = combine_inputs_with_outputs(book, theirs, fmt="ipynb")
    book.metadata["dlbook"] = {"made_from": text_of(book)}
    keep(place, jupytext.writes(book, fmt="ipynb"))
    os.utime(place, (path.stat().st_atime, path.stat().st_mtime))  # jupytext takes a younger notebook for a conflict
    return f"{name} made from {path.name}."


def text_of(notebook) -> str:
    """A hash of what a notebook says: its cells without outputs."""
    cells = [(cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in notebook.cells]
    return hashlib.sha256(repr(cells).encode()).hexdigest()
