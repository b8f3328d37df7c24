"""What a reader takes away from the site: a chapter's notebook, the whole site to read offline, a PDF of each page."""
from __future__ import annotations

import os
import zipfile
from pathlib import Path

import nbformat
from sphinx_external_toc.parsing import parse_toc_yaml

from tools.environment import BUILD, Problem

ARCHIVE = "downloads/dlbook-offline.zip"
PDFS = BUILD / "pdf"
NOT_OFFLINE = ("downloads", "live", "lite", "_sources")  # the archive itself, Python for the browser, the sources
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def notebook_name(page: str) -> str:
    """Where the notebook of the page `chapters/part/chapter` lies on the site."""
    return f"downloads/{page.removeprefix('chapters/')}.ipynb"


def has_notebook(source: Path) -> bool:
    return source.exists() and "```{code-cell}" in source.read_text(encoding="utf-8")


def add_notebooks(root: Path, site: Path, cache: Path) -> None:
    """Put the self-study edition of every chapter of the book in `root` on the site."""
    from tools import editions

    names = [document.docname for document in parse_toc_yaml(root / "_toc.yml").values()]
    paths = [path for name in names if has_notebook(path := root / f"{name}.md")]
    for path, notebook in editions.edition_of(paths, "self-study", cache):
        place = site / notebook_name(path.relative_to(root).with_suffix("").as_posix())
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(nbformat.writes(notebook), encoding="utf-8")


def pack_site(site: Path, first: str) -> None:
    """Zip the site for reading offline, from its first page on; the same bytes whenever the site is the same."""
    archive = site / ARCHIVE
    archive.parent.mkdir(parents=True, exist_ok=True)
    door = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Start</title><meta http-equiv="refresh" content="0; url={first}.html">' \
           f'<a href="{first}.html">Start reading</a></html>\n'
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        add(target, "dlbook/index.html", door.encode())
        for path in sorted(site.rglob("*")):
            inside = path.relative_to(site)
            if path.is_file() and inside.parts[0] not in NOT_OFFLINE and inside.name not in ("index.html", ".buildinfo") and path.suffix != ".map":
                add(target, f"dlbook/{inside.as_posix()}", path.read_bytes())


def add(target: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name)  # dated 1980
    entry.external_attr = 0o644 << 16
    target.writestr(entry, content, zipfile.ZIP_DEFLATED)


def print_pages(site: Path, folder: Path = PDFS) -> list[Path]:
    """Print each chapter of the site with Chromium into `folder`; return the PDFs."""
    import shutil
    import threading

    from playwright.sync_api import sync_playwright

    from tools import server

    chromium = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome", "chrome"])), None)
    if chromium is None:
        raise Problem("Chromium prints the pages, and it is not installed: on Debian and Ubuntu `sudo apt install chromium`.")
    made = []
    with server.listen(site, 0) as listening, sync_playwright() as driver:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        for page in sorted((site / "chapters").rglob("*.html")):
            tab = browser.new_page()
            tab.goto(f"http://localhost:{listening.server_port}/{page.relative_to(site).as_posix()}", wait_until="load")
            ready(tab)
            place = folder / page.relative_to(site / "chapters").with_suffix(".pdf")
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary = place.with_suffix(".tmp")
            temporary.write_bytes(tab.pdf(format="A4", margin=dict.fromkeys(("top", "bottom", "left", "right"), "18mm"), tagged=True, outline=True))
            os.replace(temporary, place)
            made.append(place)
            tab.close()
        browser.close()
        listening.shutdown()
    return made


def ready(tab) -> None:
    """Wait until the formulas of a page are typeset and its pictures there."""
    tab.evaluate("window.MathJax && MathJax.startup && MathJax.startup.promise.then(() => null)")
    tab.evaluate("""Promise.all([...document.images].map(image => { image.loading = "eager"; return image.decode().catch(() => 0) })).then(() => null)""")
