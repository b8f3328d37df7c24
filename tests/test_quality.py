"""The pages are for everyone, are found, weigh little, and can be taken away; in a browser where that is the only way to know."""

import json
import re
import threading
import xml.etree.ElementTree as ElementTree
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from PIL import Image
from test_browser import browser  # noqa: F401  the same Chromium

from tools import execute, lighthouse, slim, takeaway
from tools.environment import ROOT

pytestmark = pytest.mark.book

MEGABYTE = 1_000_000
PAGES = [f"{name}.html" for name in re.findall(r"(?:root|file): (\S+)", (ROOT / "_toc.yml").read_text(encoding="utf-8"))]
CHAPTERS = [page for page in PAGES if "{code-cell}" in (ROOT / page).with_suffix(".md").read_text(encoding="utf-8")]
THEMES = ["light", "dark"]


@pytest.fixture(scope="module")
def address(site):
    """The site as a web host serves it, gzipped."""
    with lighthouse.listen(site) as listening:
        yield f"http://localhost:{listening.server_port}"
        listening.shutdown()


@pytest.fixture
def tab(browser):  # noqa: F811
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    yield context.new_page()
    context.close()


def parsed(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


# For everyone


def violations(tab):
    """What axe-core finds on the page: (rule, markup) pairs."""
    import axe_playwright_python

    tab.evaluate((Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    return tab.evaluate("axe.run(document).then(r => r.violations.flatMap(v => v.nodes.map(n => [v.id, n.html.slice(0, 200)])))")


@pytest.mark.parametrize("page", [*PAGES, "search.html", "genindex.html", "prf-prf.html"])
def test_axe_finds_nothing(browser, address, page):  # noqa: F811
    for theme in THEMES:
        context = browser.new_context(color_scheme=theme, viewport={"width": 1200, "height": 900}, reduced_motion="reduce")
        tab = context.new_page()
        tab.goto(f"{address}/{page}", wait_until="load")
        takeaway.ready(tab)
        assert tab.evaluate("document.documentElement.dataset.theme") == theme
        assert violations(tab) == [], theme
        context.close()


def test_axe_would_find_something(tab):
    tab.set_content("<html lang=en><title>x</title><main><h1>x</h1><img src=''><p style='color:#aaa;background:#fff'>pale</p></main>")
    assert {rule for rule, _ in violations(tab)} == {"image-alt", "color-contrast"}


@pytest.mark.parametrize("width", [390, 320])
def test_no_page_scrolls_sideways(browser, address, width):  # noqa: F811
    context = browser.new_context(viewport={"width": width, "height": 800})
    tab = context.new_page()
    for page in [*PAGES, "search.html", "genindex.html"]:
        tab.goto(f"{address}/{page}", wait_until="load")
        takeaway.ready(tab)
        tab.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        tab.wait_for_timeout(200)
        wide = "document.documentElement.scrollWidth - innerWidth"
        assert tab.evaluate(wide) <= 0, page
        unreachable = tab.evaluate("""[...document.querySelectorAll('.bd-article :is(pre, div.math, .pst-scrollable-table-container)')]
            .filter(box => box.scrollWidth > box.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(box).overflowX))
            .filter(box => box.tabIndex < 0 && !box.closest('[tabindex="0"]') && !box.querySelector('[tabindex="0"]')).map(box => box.outerHTML.slice(0, 120))""")
        assert unreachable == [], page
    tab.evaluate("document.querySelector('.bd-article, main').insertAdjacentHTML('beforeend', '<div style=\"width:3000px\">x</div>')")
    assert tab.evaluate("document.querySelector('main').scrollWidth") > width  # the measure sees what is wide
    context.close()


def test_the_keyboard_reaches_everything(tab, address):
    """Tab after Tab: the skip link comes first, and every kind of control is met."""
    tab.goto(f"{address}/{CHAPTERS[0]}", wait_until="load")
    takeaway.ready(tab)
    met = []
    for _ in range(400):
        tab.keyboard.press("Tab")
        here = tab.evaluate("""(() => { const n = document.activeElement;
            return n === document.body ? null : [n.tagName, n.className, n.type || "", n.textContent.trim().slice(0, 30)].join("|") })()""")
        if here is None:
            break
        met.append(here)
    assert "Skip to main content" in met[0]
    for kind in ["INPUT\\|.*range", "SUMMARY\\|", "BUTTON\\|.*theme-switch", "BUTTON\\|.*search-button", "A\\|.*Take|A\\|\\|\\|this chapter", "A\\|.*next"]:
        assert any(re.match(kind, one) for one in met), (kind, met)
    tab.goto(f"{address}/{CHAPTERS[0]}", wait_until="load")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert tab.evaluate("location.hash") == "#main-content"


def test_the_theme_changes_by_keyboard_and_stays(tab, address):
    tab.goto(f"{address}/{CHAPTERS[0]}", wait_until="load")
    button = tab.locator("button.theme-switch-button").first
    seen = set()
    for _ in range(3):
        button.focus()
        tab.keyboard.press("Enter")
        seen.add(tab.evaluate("document.documentElement.dataset.mode"))
    assert seen == {"light", "dark", "auto"}


def test_formulas_speak_mathml_without_asking_anybody(tab, address):
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(f"{address}/{CHAPTERS[0]}", wait_until="load")
    takeaway.ready(tab)
    assert tab.locator(".math").count() == tab.locator(".math:has(mjx-container)").count() > 10
    assert tab.locator("mjx-container").count() == tab.locator("mjx-container mjx-assistive-mml math").count()
    assert all(url.startswith((address, "data:", "blob:")) for url in asked)


def test_formulas_come_without_being_asked_for(tab, address):
    """A reader who does nothing sees them too."""
    tab.goto(f"{address}/{CHAPTERS[0]}", wait_until="load")
    tab.mouse.wheel(0, 400)
    tab.wait_for_function("document.querySelectorAll('.math').length === document.querySelectorAll('.math:has(mjx-container)').length", timeout=30_000)


@pytest.mark.parametrize("page", CHAPTERS)
def test_what_is_folded_stays_folded_on_paper_and_navigation_is_gone(tab, address, page):
    tab.goto(f"{address}/{page}", wait_until="load")
    takeaway.ready(tab)
    tab.emulate_media(media="print")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert tab.locator("details.quiz-option").count() >= 10
    assert tab.locator("details.quiz-option[open]").count() == 0
    assert tab.locator(".tag_exercise details[open]").count() == 0
    for gone in ["#pst-primary-sidebar", ".bd-sidebar-secondary", ".prev-next-footer", ".article-header-buttons", ".takeaway"]:
        assert tab.locator(f"{gone} >> visible=true").count() == 0, gone
    assert tab.locator("h1:visible").count() == 1
    assert tab.pdf(format="A4").startswith(b"%PDF")


# Weight


@pytest.mark.parametrize("page", PAGES)
def test_a_page_weighs_less_than_a_megabyte_even_with_all_its_formulas(tab, address, page):
    sizes = []
    tab.on("requestfinished", lambda request: sizes.append(sum(request.sizes()[part] for part in ("responseBodySize", "responseHeadersSize"))))
    tab.goto(f"{address}/{page}", wait_until="load")
    tab.evaluate("window.MathJax && MathJax.startup && MathJax.startup.promise.then(() => null)")
    tab.wait_for_load_state("networkidle")
    assert 10_000 < sum(sizes) <= MEGABYTE


def test_rules_in_use_stay_and_others_go():
    css = "a.b{x:1}@media print{.c,.d:hover{y:2}.e{z:3}}@font-face{f:4}#g .b{h:5}:not(.gone){i:6}@charset 'x';.b{j:7}"
    kept = slim.in_use(css, {"b", "d"})
    assert re.sub(r"\s", "", kept) == "a.b{x:1}@mediaprint{.d:hover{y:2}}@font-face{f:4}:not(.gone){i:6}@charset'x';.b{j:7}"


def test_icons_are_drawn(tab, address):
    """Each icon on a page has a glyph in the font that was cut down to those in use."""
    tab.goto(f"{address}/{CHAPTERS[0]}", wait_until="load")
    icons = tab.evaluate("""document.fonts.ready.then(() => [...document.querySelectorAll('[class*="fa-"]')].map(node => {
        const style = getComputedStyle(node, '::before'), content = style.content.replaceAll('"', '');
        return [node.className, content.length, document.fonts.check(`${style.fontWeight} 16px ${style.fontFamily}`, content)] }))""")
    assert len(icons) > 8
    assert [icon for icon in icons if icon[1] != 1 or not icon[2]] == []


# Found


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_what_it_is(site, page):
    head = parsed(site / page).head
    meta = {tag.get("property") or tag.get("name"): tag["content"] for tag in head.find_all("meta", content=True)}
    assert 40 <= len(meta["description"]) <= 300
    assert meta["og:title"] and meta["og:site_name"] == yaml.safe_load((ROOT / "_config.yml").read_text())["title"]
    base = yaml.safe_load((ROOT / "_config.yml").read_text())["html"]["baseurl"]
    assert meta["og:url"] == head.find("link", rel="canonical")["href"] == base + page
    with Image.open(site / meta["og:image"].removeprefix(base)) as card:
        assert (str(card.width), str(card.height)) == (meta["og:image:width"], meta["og:image:height"])


def test_the_map_names_every_page(site):
    base = yaml.safe_load((ROOT / "_config.yml").read_text())["html"]["baseurl"]
    tree = ElementTree.parse(site / "sitemap.xml")
    assert {node.text for node in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")} == {base + page for page in PAGES}


def test_what_is_not_found_is_answered_under_a_path_of_its_own(site, tab):
    """At any depth below the path of the published site: styled, and with links that lead back."""

    class Host(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

        def do_GET(self):
            path = site / self.path.split("?")[0].removeprefix("/dlbook/")
            found = self.path.startswith("/dlbook/") and path.is_file()
            content = (path if found else site / "404.html").read_bytes()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", self.guess_type(str(path)) if found else "text/html")
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Host, directory=str(site))) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        failed = []
        tab.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
        tab.goto(f"http://localhost:{host.server_port}/dlbook/chapters/no/such/page.html", wait_until="load")
        assert [url for url in failed if not url.endswith("page.html")] == []
        assert tab.evaluate("document.styleSheets.length") >= 1
        tab.locator("nav a", has_text="perceptron").first.click()
        tab.wait_for_url("**/dlbook/chapters/01-foundations/perceptron.html")
        host.shutdown()


def test_the_glossary_is_linked_from_each_first_use(site):
    terms = {node["id"] for node in parsed(site / "chapters/99-appendix/glossary.html").select("dt[id^=term-]")}
    assert len(terms) >= 40
    linked = {link["href"].split("#")[1] for page in CHAPTERS for link in parsed(site / page).select('a[href*="glossary.html#term-"]')}
    assert linked <= terms and len(linked) >= 35
    index = parsed(site / "genindex.html")
    assert {link["href"].split("#")[1] for link in index.select('a[href*="glossary.html#term-"]')} == terms


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_says_how_long_it_takes(site, page):
    box = next(node for node in parsed(site / page).select(".admonition.tip") if "You need" in node.get_text())
    assert re.search(r"about (\d+) minutes", box.get_text())


# Taken away


@pytest.mark.parametrize("page", CHAPTERS)
def test_the_notebook_is_the_self_study_edition(site, page):
    (link,) = [link for link in parsed(site / page).select(".takeaway a") if "notebook" in link.get_text()]
    notebook = nbformat.read((site / page).parent / link["href"], as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.dlbook.edition == "self-study"
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert "BEGIN SOLUTION" not in json.dumps(notebook)
    assert any(cell.cell_type == "code" and "..." in cell.source for cell in notebook.cells)
    assert any(button["href"] == link["href"] for button in parsed(site / page).select("a.btn-download-notebook-button"))


def test_the_offline_copy_is_the_whole_book(site, tmp_path, browser):  # noqa: F811
    (link,) = [link for link in parsed(site / PAGES[0]).select(".takeaway a") if "offline" in link.get_text()]
    with zipfile.ZipFile((site / PAGES[0]).parent / link["href"]) as archive:
        archive.extractall(tmp_path)
    assert all((tmp_path / "dlbook" / page).read_bytes() == (site / page).read_bytes() for page in PAGES)
    failed = []
    context = browser.new_context(offline=True)
    tab = context.new_page()
    tab.on("requestfailed", lambda request: failed.append(request.url))
    tab.goto((tmp_path / "dlbook" / "index.html").as_uri())
    tab.wait_for_url("**/welcome.html")
    takeaway.ready(tab)
    assert tab.locator("mjx-container").count() > 10
    assert failed == []
    context.close()


def test_chapters_counted_here_are_those_of_the_book():
    assert [ROOT / Path(page).with_suffix(".md") for page in CHAPTERS] == execute.chapters()
