"""Each page in a real browser, light and dark, with every other host refused: no error, no request that fails."""

import os
import shutil
import threading

import pytest

from tools import server

pytestmark = pytest.mark.book

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome", "chrome"])), None)


@pytest.fixture(scope="module")
def address(site):
    """The site, served as `make serve` does."""
    with server.listen(site, 0) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://localhost:{listening.server_port}"
        listening.shutdown()


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed, and here it has to be.", pytrace=False)
        pytest.skip("Chromium is not installed: the pages were not looked at in a browser")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


def visit(browser, address, page, theme):
    """Open one page; return what went wrong on it, and a finding per thing that should be seen and is not."""
    problems = []
    context = browser.new_context(color_scheme=theme, viewport={"width": 1200, "height": 900})

    def answer(route):
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            problems.append(f"asked another host: {route.request.url}")
            route.abort()

    context.route("**/*", answer)
    tab = context.new_page()
    tab.on("console", lambda message: problems.append(f"{message.type}: {message.text}") if message.type == "error" else None)
    tab.on("pageerror", lambda error: problems.append(f"script error: {error}"))
    tab.on("response", lambda response: problems.append(f"{response.status}: {response.url}") if response.status >= 400 else None)
    tab.goto(f"{address}/{page}", wait_until="load")
    tab.evaluate("window.MathJax && MathJax.startup && MathJax.startup.promise.then(() => null)")
    if tab.locator(".math").count() and not tab.locator(".math mjx-container").count():
        problems.append("formulas are not typeset")
    if not tab.locator("h1:visible").count():
        problems.append("the title is not to be seen")
    if tab.evaluate("document.documentElement.dataset.theme") != theme:
        problems.append(f"the page is not {theme}")
    icon = tab.locator(".article-header-buttons i.fa-solid, .article-header-buttons i.fa, .article-header-buttons .fa-expand").first
    if icon.count() and icon.evaluate("node => getComputedStyle(node, '::before').content") in ("none", "normal", '""'):
        problems.append("the icons are not drawn")
    context.close()
    return problems


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages(browser, address, site, theme):
    pages = sorted(str(path.relative_to(site)) for path in (site / "chapters").rglob("*.html"))
    assert pages
    problems = {page: found for page in [*pages, "search.html", "genindex.html"] if (found := visit(browser, address, page, theme))}
    assert problems == {}


def test_a_bad_page_is_noticed(browser, tmp_path):
    (tmp_path / "bad.html").write_text("<html data-theme=light><h1>x</h1><script src=https://host.example/a.js></script><script>nonesuch()</script>")
    with server.listen(tmp_path, 0) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        problems = visit(browser, f"http://localhost:{listening.server_port}", "bad.html", "light")
        listening.shutdown()
    assert any("asked another host: https://host.example/a.js" in problem for problem in problems)
    assert any("nonesuch" in problem for problem in problems)


def test_search_finds_a_chapter(browser, address):
    tab = browser.new_page()
    tab.goto(f"{address}/search.html?q=perceptron")
    tab.locator("#search-results li a").first.wait_for(timeout=10_000)
    assert "perceptron" in tab.locator("#search-results").inner_text().lower()
    tab.close()


QUIZZES = [f"chapters/{page}.html" for page in ("00-start/welcome", "00-start/setting-up", "01-foundations/perceptron", "01-foundations/multilayer-perceptron",
                                                 "07-projects/project-numpy-network")]


@pytest.mark.parametrize("page", QUIZZES)
def test_a_quiz_is_answered_and_marked_by_keyboard_alone(browser, address, page):
    """Wrong first, then right, in the first question; the others right: all but one right at the first choice."""
    tab = browser.new_page()
    tab.goto(f"{address}/{page}", wait_until="load")
    score = tab.locator(".quiz-score")
    total = int(score.inner_text().split()[0])
    assert total >= 5 and score.get_attribute("role") == "status"
    groups = tab.evaluate("""() => { const groups = []; for (const d of document.querySelectorAll("details.quiz-option")) {
        if (!(d.previousElementSibling && d.previousElementSibling.matches("details.quiz-option"))) groups.push([]);
        groups.at(-1).push(d.classList.contains("quiz-right")) } return groups }""")
    assert len(groups) == total and all(sum(options) == 1 for options in groups)
    options, start = tab.locator("details.quiz-option"), 0
    for number, rights in enumerate(groups):
        order = [rights.index(False), rights.index(True)] if number == 0 else [rights.index(True)]
        for k in order:
            option = options.nth(start + k)
            assert not option.locator(":scope > :not(summary)").first.is_visible()
            option.locator("summary").focus()
            tab.keyboard.press("Enter" if k % 2 else "Space")
            explanation = option.locator(":scope > :not(summary)").first
            explanation.wait_for(state="visible")
            assert len(explanation.inner_text()) > 20
        start += len(rights)
    tab.wait_for_function("n => document.querySelector('.quiz-score').textContent.startsWith(n)", arg=str(total))
    assert score.inner_text() == f"{total} of {total} questions answered, {total - 1} right at the first choice."
    tab.close()
