"""Sphinx extension: what a page needs so that its code runs in the reader's browser (`_static/live/` does the running).

Each page with code gets a bar below its title, which a script shows, and a file `live/<page>.json` with its cells: hidden
ones too, an exercise as its stub, never its solution. The site gets the package as a wheel, the data, and `live/site.json`,
which says where Python comes from and the SHA-256 of every file. With `live_python` empty, Python lies on the site itself.
"""
from __future__ import annotations

import ast
import hashlib
import json
import re
import shutil
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from myst_nb.core.read import is_myst_markdown_notebook

from tools import execute, pyodide, wheel
from tools.bookpage import BEGIN, stub
from tools.environment import ROOT

# Chapters that ask much of a browser, and what a reader should know before starting. tests/test_live.py runs every cell of the others
# and compares what they print with the page: to the digit, or within five per cent in the TRAINED.
HEAVY = {
    "chapters/07-projects/project-numpy-network":
        "scikit-learn makes the first cell slow, and the network that reads handwriting trains for minutes.",
}
# Chapters whose networks come out slightly different: after thousands of steps a last bit, rounded otherwise, shows in the numbers.
TRAINED = ["chapters/00-start/welcome", "chapters/07-projects/project-numpy-network"]

BAR = """<section class="live-bar" aria-label="Run the code of this page" data-root="{root}" data-page="{page}" hidden>
<p>{heavy}<button type="button" class="live-start">Run the code here</button>
<span class="live-said" role="status">{said}</span>{more}</p>
</section>"""
SAID = "Python starts in this browser and comes from {place}: {size} MB the first time. No account; what you write stays on this machine."
ROUNDED = (" The networks that this page trains come out a little different from those it shows: this Python adds numbers up in another "
           "order, and training makes much of a last digit.")
INSTEAD = ("<strong>Heavy for a browser:</strong> {why} In a notebook it is faster: get the book's folder and type "
           "<code>make lab</code>.<br>")


def cells(path: Path) -> list[dict]:
    """The code cells of a chapter as the browser runs them, in order, each with a key that lasts from edition to edition."""
    found, label, seen = [], "", {}
    for cell in execute.read(path).cells:
        if cell.cell_type == "markdown":
            label = (re.findall(r"^:label:[ \t]*(ex-\S+)", cell.source, re.MULTILINE) or [label])[-1]
            continue
        tags = cell.metadata.get("tags", [])
        source = stub(cell.source) if BEGIN in cell.source else cell.source
        key = label if "exercise" in tags else hashlib.sha256(source.encode()).hexdigest()[:12]
        seen[key] = seen.get(key, 0) + 1
        kind = "hidden" if {"remove-cell", "remove-input"} & set(tags) else "exercise" if "exercise" in tags else "check" if "check" in tags else "code"
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        found.append({"key": f"{key}/{seen[key]}", "kind": kind, "source": source, "alt": alt})
    return found


def packages(code: list[dict]) -> list[str]:
    """The packages of the lock that a page's cells import, and dlbook."""
    known = {module: name for name, entry in pyodide.lock()["packages"].items() for module in entry["imports"]}
    found = {"dlbook"}
    for cell in code:
        for node in ast.walk(ast.parse(cell["source"])):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            found |= {known[name.split(".")[0]] for name in names if name.split(".")[0] in known}
    return sorted(found & {"dlbook", *pyodide.ROOTS})


def roots() -> list[str]:
    """The packages of the lock that the book needs in a browser: scikit-learn only if a chapter imports it."""
    found = {"numpy", "matplotlib"}
    for path in execute.chapters():
        found |= set(packages(cells(path)))
    return sorted(found - {"dlbook"})


def megabytes(needed: list[str]) -> int:
    known = pyodide.lock()
    names = pyodide.closure({"numpy", "matplotlib", *needed} - {"dlbook"}, known["packages"])
    return round(sum(entry["bytes"] for entry in [*known["core"].values(), *(known["packages"][n] for n in names)]) / 1e6)


def add_bar(app, page, template, context, doctree) -> None:
    source = app.srcdir / f"{page}.md"
    if app.config.dlbook_edition == "student":  # the package brings hints, whose last shows the line to write
        return
    if doctree is None or not source.exists() or not is_myst_markdown_notebook(source.read_text(encoding="utf-8")):
        return
    code = cells(source)
    needed = packages(code)
    place = app.outdir / "live" / f"{page}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps({"cells": code, "packages": needed}), encoding="utf-8")
    host = urlsplit(app.config.live_python).hostname or "this site"
    bar = BAR.format(
        root=context["content_root"], page=escape(page), said=escape(SAID.format(place=host, size=megabytes(needed))),
        more=ROUNDED if page in TRAINED else "",
        heavy=INSTEAD.format(why=escape(HEAVY[page])) if page in HEAVY else "",
    )
    context["body"] = context["body"].replace("</h1>", f"</h1>\n{bar}", 1)


def furnish(app, exception) -> None:
    """Bring the wheel, the data and, for a site that holds Python itself, Pyodide's files."""
    if exception or app.builder.format != "html" or app.config.dlbook_edition == "student":
        return
    live = Path(app.outdir) / "live"
    shutil.copytree(ROOT / "data", live / "data", ignore=shutil.ignore_patterns("build", "*.md"), dirs_exist_ok=True)
    package = wheel.build(live)
    known, needed = pyodide.lock(), roots()
    entries = {name: known["packages"][name] for name in pyodide.closure(needed, known["packages"])}
    entries["dlbook"] = {
        "name": "dlbook", "version": package.name.split("-")[1], "file_name": package.name, "sha256": sha256(package), "bytes": package.stat().st_size,
        "install_dir": "site", "package_type": "package", "imports": ["dlbook"], "depends": ["matplotlib", "numpy"], "unvendored_tests": False,
    }
    if not app.config.live_python:
        (live / "python").mkdir(exist_ok=True)
        for name in pyodide.files(needed):
            shutil.copyfile(pyodide.folder() / name, live / "python" / name)
    site = {
        "python": app.config.live_python or "python/", "core": known["core"],
        "lock": {"info": known["info"], "packages": entries}, "checksums": sha256(ROOT / "data" / "checksums.json"),
    }
    (live / "site.json").write_text(json.dumps(site), encoding="utf-8")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def setup(app):
    app.add_config_value("live_python", "", "html")
    app.connect("html-page-context", add_bar, priority=950)
    app.connect("build-finished", furnish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
