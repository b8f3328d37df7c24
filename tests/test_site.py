"""The built site: complete, self-contained, with sound links and images that are described."""

import re
import sys
import tempfile
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from tools import execute
from tools.environment import ROOT

pytestmark = pytest.mark.book

# What a browser fetches on its own, as (tag, attribute). A plain link is fetched only when a reader follows it.
FETCHED = [("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("source", "srcset"), ("img", "srcset"),
           ("video", "src"), ("video", "poster"), ("audio", "src"), ("embed", "src"), ("object", "data"), ("track", "src"),
           ("form", "action"), ("use", "href"), ("image", "href")]  # fmt: skip
# A <link> of these kinds fetches nothing.
LINKS_THAT_ONLY_SAY = {"canonical", "search", "next", "prev", "index", "author", "license"}


def is_elsewhere(address):
    return bool(urlsplit(address.strip()).netloc)


def fetched(page):
    """The addresses that a browser fetches when it shows `page`."""
    for tag, attribute in FETCHED:
        for node in page.find_all(tag, attrs={attribute: True}):
            value = node[attribute]
            yield from (part.split()[0] for part in value.split(",") if part.strip()) if attribute == "srcset" else [value]
    for node in page.find_all("link", href=True):
        if not set(node.get("rel", [])) <= LINKS_THAT_ONLY_SAY:
            yield node["href"]
    for node in page.find_all(["style", True], style=lambda value: value is None or "url(" in value):
        yield from fetched_by_css(node.string or "" if node.name == "style" else node.get("style", ""))


def fetched_by_css(text):
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    for match in re.finditer(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""", text):
        yield match[1] or match[2]


def is_bad_alt(alt):
    """Whether an alternative text is missing, a path, a file name or too short to say what there is to see."""
    return alt is None or len(alt.split()) < 4 or bool(re.search(r"\.(png|jpe?g|svg|webp|gif)\b|^\S*/\S*$|^<.*>$", alt))


@cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(path: Path) -> set:
    return {node.get("id") or node.get("name") for node in parsed(path).find_all(lambda node: node.get("id") or node.get("name"))}


@pytest.fixture(scope="module")
def pages(site):
    """Each page of the site; the one for what is not found has addresses of the published site, and tests in test_quality."""
    found = sorted(path for path in site.rglob("*.html") if "_static" not in path.parts and path.name != "404.html")
    assert found
    return found


def broken(page, site):
    """The links of a page that lead nowhere within the site."""
    for node in parsed(page).find_all("a", href=True):
        parts = urlsplit(node["href"])
        if parts.scheme or parts.netloc:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if target.is_dir():
            target /= "index.html"
        if site.resolve() not in target.parents or not target.exists():
            yield node["href"]
        elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in anchors(target):
            yield node["href"]


def test_every_chapter_is_there_with_its_title_and_in_the_navigation(site):
    chapters = execute.chapters()
    assert chapters
    first = parsed(site / chapters[0].relative_to(ROOT).with_suffix(".html"))
    for chapter in chapters:
        page = site / chapter.relative_to(ROOT).with_suffix(".html")
        assert parsed(page).h1, page
        linked = {(site / chapters[0].parent.relative_to(ROOT) / link["href"]).resolve() for link in first.find_all("a", href=True)}
        assert chapter is chapters[0] or page.resolve() in linked, page


def test_the_front_door_leads_to_the_first_chapter(site):
    link = parsed(site / "index.html").a["href"]
    assert (site / link).exists()


def test_nothing_is_fetched_from_another_host(site, pages):
    elsewhere = {(page.name, address) for page in pages for address in fetched(parsed(page)) if is_elsewhere(address)}
    for sheet in site.rglob("*.css"):
        elsewhere |= {(sheet.name, address) for address in fetched_by_css(sheet.read_text(encoding="utf-8")) if is_elsewhere(address)}
    assert not elsewhere


def test_what_pages_fetch_is_there(site, pages):
    missing = set()
    for page in pages:
        for address in fetched(parsed(page)):
            parts = urlsplit(address)
            if parts.path and not parts.scheme and not parts.netloc and not (page.parent / unquote(parts.path)).exists():
                missing.add((page.name, address))
    assert not missing


def test_links_within_the_site_lead_somewhere(site, pages):
    assert {page.name: links for page in pages if (links := sorted(set(broken(page, site))))} == {}


def test_images_are_described(pages):
    undescribed = [
        (page.name, image.get("src", "")[-60:], image.get("alt"))
        for page in pages
        for image in parsed(page).find_all("img")
        if is_bad_alt(image.get("alt")) and not (image.get("alt") == "" and image.get("role") == "presentation")
    ]
    assert undescribed == []


def test_no_page_shows_an_error(pages):
    for page in pages:
        assert not parsed(page).select(".traceback, .system-message, .problematic"), page
        assert "Traceback (most recent call last)" not in parsed(page).get_text(), page


def test_no_page_tells_where_it_was_built(pages):
    paths = [str(ROOT), str(Path.home()), tempfile.gettempdir() + "/", sys.prefix]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not [path for path in paths if path in text], page


def test_titles_differ_and_languages_are_declared(pages):
    titles = [parsed(page).title.get_text(strip=True) for page in pages if page.name != "index.html"]
    assert len(titles) == len(set(titles))
    assert all(parsed(page).html.get("lang") == "en" for page in pages)


def test_exercises_show_a_stub_and_fold_their_solution(site):
    stubs = 0
    for chapter in execute.chapters():
        page = parsed(site / chapter.relative_to(ROOT).with_suffix(".html"))
        assert "BEGIN SOLUTION" not in page.get_text(), chapter
        for stub in page.select(".exercise-stub"):
            stubs += 1
            cell = stub.find_next_sibling("div")
            assert "tag_exercise" in cell["class"]
            assert re.search(r"^\s*(\w+ = )?\.\.\.", stub.pre.get_text(), re.MULTILINE), chapter
            assert stub.pre.get_text().count("\n...") == 0 or " = ..." not in stub.pre.get_text(), "a gap beside a gap"
            assert cell.details.summary.get_text(" ", strip=True).startswith("Solution")
            assert not cell.details.has_attr("open")
    assert stubs


def test_the_checks_find_what_they_look_for(tmp_path):
    """Each check above would pass for ever if it looked in the wrong place."""
    (tmp_path / "page.html").write_text(
        """<html><head><link rel="stylesheet" href="https://host.example/a.css"><script src="//host.example/b.js"></script>
        <style>@import "https://host.example/c.css"; p { background: url(https://host.example/d.png) }</style></head>
        <body id="top"><img src="e.png" alt="../../_images/e.png"><p style="background: url('https://host.example/f.png')"></p>
        <a href="https://host.example">fine</a><a href="gone.html">x</a><a href="#nowhere">y</a><a href="#top">fine</a></body></html>"""
    )
    page = parsed(tmp_path / "page.html")
    assert {Path(urlsplit(address).path).name for address in fetched(page) if is_elsewhere(address)} == {"a.css", "b.js", "c.css", "d.png", "f.png"}
    assert sorted(broken(tmp_path / "page.html", tmp_path)) == ["#nowhere", "gone.html"]
    assert is_bad_alt(page.img["alt"])
    assert is_bad_alt(None) and is_bad_alt("") and is_bad_alt("A figure") and is_bad_alt("<Figure size 640x480 with 1 Axes>")
    assert not is_bad_alt("The loss falls from 2.3 to 0.1 in five epochs.")
