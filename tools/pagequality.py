"""Sphinx extension: pages that everybody can use, that are found, that weigh little, and that can be taken away.

- Where the theme breaks a rule of accessibility, its markup is mended.
- Every page has a description and tells other sites what it is; the page for what is not found works under a sub-path.
- A chapter's notebook (self-study edition), and a copy of the whole site, lie on the site and are linked from each page.
- `tools.slim` makes the finished pages light.
"""
from __future__ import annotations

import base64
import hashlib
import os
import re
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from tools import slim, takeaway

# What the theme writes, and what it should have written.
MENDED = [
    # its search stands outside every landmark
    (r'<form class="bd-search ', r'<form role="search" aria-label="Search this book" class="bd-search '),
    # a button whose name is not what can be read on it
    (r'(<button class="btn search-button-field[^>]*?) title="Search" aria-label="Search"', r"\1"),
    (r'(<button class="[^"]*primary-toggle[^>]*?) title="Toggle primary sidebar"', r'\1 aria-label="Contents of the book"'),
    (r'(<button class="[^"]*secondary-toggle[^>]*?) title="Toggle secondary sidebar"', r'\1 aria-label="Contents of this page"'),
    (r'title="Fullscreen mode"', r'aria-label="Full screen"'),
    # icons beside their words say nothing of their own; nor does what is for the theme's own measuring
    (r'<(i|span) class="((?:theme-switch )?fa[bsr]? [^"]*|fa-(?:solid|brands|regular) [^"]*)"(?! aria)', r'<\1 aria-hidden="true" class="\2"'),
    # roles that the standard has withdrawn, and a list whose items are none
    (r' role="doc-(?:biblioentry|backlink|noteref)"', ""),
    (r'<div role="list" class="citation-list">', '<div class="citation-list">'),
    # the book's title stands outside every landmark
    (r'<div id="pst-primary-sidebar" class=', '<div id="pst-primary-sidebar" role="complementary" aria-label="The book" class='),
    # another host's advertisements
    (r'<div id="ethical-ad-placement".*?</div>', ""),
    # headings for readers of the printed page only
    (r'<p aria-level="2" class="caption" role="heading">', '<p class="caption">'),
]


def configure(app, config) -> None:
    """The address of the published site, which only its publisher knows, reaches all that must know it."""
    config.ogp_site_url = config.html_baseurl or ""
    config.notfound_urls_prefix = (urlsplit(config.html_baseurl or "").path.rstrip("/") or "") + "/"
    config.project = config.html_title  # Jupyter Book leaves it unset, and previews on other sites would say so


def describe(app, page, template, context, doctree) -> None:
    """A description where sphinxext-opengraph writes none, and the links to what can be taken away."""
    if 'name="description"' not in context.get("metatags", ""):
        text = f"{re.sub('<[^>]+>', '', context.get('title') or page)}: a page of {app.config.project}, a textbook that runs."
        context["metatags"] = context.get("metatags", "") + f'<meta name="description" content="{escape(text)}" />\n'
    if app.config.dlbook_edition == "student" or doctree is None:
        return
    up = "../" * page.count("/")
    offers = [f'<a download href="{up}{takeaway.ARCHIVE}">the whole book, to read offline (zip)</a>']
    if takeaway.has_notebook(Path(app.srcdir) / f"{page}.md"):
        offers.insert(0, f'<a download href="{up}{takeaway.notebook_name(page)}">this chapter as a notebook</a>')
    context["body"] += f'<p class="takeaway d-print-none">Take away: {", ".join(offers)}. Look up: <a href="{up}genindex.html">the index</a>.</p>\n'
    for group in context.get("header_buttons", []):
        if group.get("label") == "download-buttons" and len(offers) > 1:
            button = {"type": "link", "url": up + takeaway.notebook_name(page), "text": "Notebook", "icon": "fas fa-book",
                      "tooltip": "Download as a notebook, solutions folded", "label": "download-notebook-button"}
            group["buttons"].insert(0, button)


def empty_contents(app, page, template, context, doctree) -> None:
    """A book of a single page has no table of contents, and sphinx-notfound-page hands the theme None for it."""
    if page == app.config.notfound_pagename and (toctree := context.get("toctree")):
        context["toctree"] = lambda *arguments, **options: toctree(*arguments, **options) or ""


def finish(app, exception) -> None:
    if exception or app.builder.format != "html":
        return
    output = Path(app.outdir)
    pages = sorted(path for path in output.rglob("*.html") if "_static" not in path.parts)
    for page in pages:
        page.write_text(mended(page.read_text(encoding="utf-8"), page, output), encoding="utf-8")
    slim.slim(output, pages)
    if app.config.dlbook_edition != "student":
        takeaway.add_notebooks(Path(app.srcdir), output, Path(app.config.nb_execution_cache_path))
        takeaway.pack_site(output, app.config.root_doc)


def mended(text: str, page: Path, output: Path) -> str:
    """The HTML of a page without the theme's slips, and with its images sized, so that nothing jumps when they come."""
    for wrong, right in MENDED:
        text = re.sub(wrong, right, text, flags=re.DOTALL)
    seen = 0

    def sized(match) -> str:
        nonlocal seen
        tag = apart(match[0], page, output)
        source = re.search(r'\bsrc="([^"]+)"', tag)
        if not source or source[1].startswith("data:") or "loading=" in tag:
            return tag
        seen += 1
        extra = ' decoding="async"' if seen == 1 else ' decoding="async" loading="lazy"'
        if not re.search(r"\b(width|height)=", tag) and (size := pixels((page.parent / source[1]).resolve())):
            extra += f' width="{size[0]}" height="{size[1]}"'
        return tag[:4] + extra + tag[4:]

    return re.sub(r"<img\b[^>]*>", sized, text)


def apart(tag: str, page: Path, output: Path) -> str:
    """A picture inside the page becomes a file beside it: a slider holds dozens, and most readers see a few."""
    inside = re.search(r'\bsrc="data:image/(webp|png);base64,([^"]{2000,})"', tag)
    if not inside:
        return tag
    content = base64.b64decode(inside[2])
    place = output / "_images" / f"state-{hashlib.sha256(content).hexdigest()[:16]}.{inside[1]}"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(content)
    return tag.replace(inside[0], f'src="{os.path.relpath(place, page.parent).replace(os.sep, "/")}"')


def pixels(path: Path) -> tuple[int, int] | None:
    """The width and height of a picture, or None where it has none to tell."""
    from PIL import Image  # matplotlib brings Pillow

    try:
        with Image.open(path) as picture:
            return picture.size
    except OSError:  # not there, or a drawing without pixels
        return None


def setup(app):
    app.connect("config-inited", configure, priority=900)
    app.connect("html-page-context", empty_contents, priority=450)
    app.connect("html-page-context", describe, priority=950)
    app.connect("build-finished", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
