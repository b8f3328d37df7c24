"""Build the site from cached outputs, in a folder beside the old site that takes its place only when all went well."""
from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from jupyter_book.sphinx import build_sphinx
from sphinx_external_toc.parsing import parse_toc_yaml

from tools import execute, livepage, pyodide
from tools.environment import BUILD, ROOT, Problem, prepare_kernel, write
from tools.fingerprint import site_key

SITE = BUILD / "html"
STAMP = BUILD / "html.json"

FIRST_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Deep Learning, Built by Hand</title>
<meta http-equiv="refresh" content="0; url={page}">
<link rel="canonical" href="{page}">
</head>
<body><h1>Deep Learning, Built by Hand</h1><p><a href="{page}">Start reading</a></p></body>
</html>
"""


def up_to_date(python: bool = False) -> bool:
    """Whether the built site is the one that today's sources, packages and tools would give; with Python in it, if asked."""
    try:
        made = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return made.get("key") == site_key() and (SITE / "index.html").exists() and made.get("python", False) >= python


def build(python: bool = False) -> bool:
    """Bring `_build/html` up to date, with Python for the browser in it if asked; return whether there was anything to do."""
    if up_to_date(python):
        return False
    if python:
        pyodide.collect(livepage.roots())
    key = site_key()  # taken first: what changes while we build makes the next build run again
    prepare_kernel()
    cache = execute.cache_folder()
    failures = execute.execute(execute.chapters(), cache)
    if failures:
        raise Problem("\n\n".join([*failures, f"{len(failures)} of the chapters failed; the site was left as it was."]))
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="staging-", dir=BUILD) as staging:
        pages = Path(staging) / "html"
        render(ROOT, pages, cache, python=python)
        STAMP.unlink(missing_ok=True)
        swap(pages, SITE)
    write(STAMP, json.dumps({"key": key, "python": python}))
    return True


def render(root: Path, pages: Path, cache: Path, edition: str = "website", python: bool = False) -> None:
    """Run Sphinx as `jupyter-book build -W --keep-going` does, reading outputs from `cache`; `python` puts Pyodide on the site."""
    print("Building the pages ...", flush=True)
    overrides = {"latex_individualpages": False, "nb_execution_cache_path": str(cache)}
    if python:
        overrides["live_python"] = ""
    if edition == "student":  # sources hold the solutions, and buttons lead to them
        overrides |= {"dlbook_edition": edition, "html_copy_source": False, "html_theme_options.use_repository_button": False,
                      "html_theme_options.use_edit_page_button": False, "html_theme_options.use_download_button": False}
    result = build_sphinx(
        root,
        pages,
        path_config=root / "_config.yml",
        noconfig=True,
        confoverrides=overrides,
        doctreedir=pages.parent / "doctrees",
        quiet=True,
        warningiserror=True,
        keep_going=True,
        jobs=1,  # with more, and more than five pages, Sphinx warns of extensions of Jupyter Book's own
    )
    if result:
        raise Problem("The pages have errors or warnings (see above), and either fails the build; the site was left as it was.")
    first = parse_toc_yaml(root / "_toc.yml").root.docname
    write(pages / "index.html", FIRST_PAGE.format(page=f"{first}.html"))
    (pages / ".nojekyll").touch()  # GitHub Pages would drop the folders that begin with an underscore


def swap(new: Path, place: Path) -> None:
    """Put the folder `new` where `place` is; the earlier one goes only once the new one stands."""
    old = new.with_name("old")
    if place.exists():
        os.replace(place, old)
    try:
        os.replace(new, place)
    except OSError:
        if old.exists():
            os.replace(old, place)
        raise
    shutil.rmtree(old, ignore_errors=True)
