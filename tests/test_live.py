"""Code that runs on the page, in a real browser: the site under a sub-path of a plain server, with every other host out of reach."""

import json
import os
import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from test_browser import CHROMIUM, FLAGS

from tools import execute, livepage
from tools.environment import ROOT

pytestmark = pytest.mark.book

WELCOME = "chapters/00-start/welcome.html"
START = 120_000  # milliseconds: a generous limit, for machines busy with other tests
LIGHT = [path for path in execute.chapters() if path.relative_to(ROOT).with_suffix("").as_posix() not in livepage.HEAVY]


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def serve(folder):
    listening = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(folder)))
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    return listening


@pytest.fixture(scope="module")
def address(site, tmp_path_factory):
    if not (site / "live" / "python").is_dir():
        pytest.skip("this site holds no Python for the browser: `make site`, then again")
    shelf = tmp_path_factory.mktemp("shelf")
    (shelf / "shelf").mkdir()
    (shelf / "shelf" / "book").symlink_to(site, target_is_directory=True)
    with serve(shelf) as listening:
        yield f"http://localhost:{listening.server_port}/shelf/book"
        listening.shutdown()


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed, and here it has to be.", pytrace=False)
        pytest.skip("Chromium is not installed: no page ran its code")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"])
        yield started
        started.close()


@pytest.fixture
def reader(chromium):
    """A new reader, whose browser has kept nothing; at the end, nothing may have gone wrong that was not expected."""
    context = chromium.new_context(viewport={"width": 1200, "height": 900})
    context.set_default_timeout(START)
    context.problems = []
    context.on("console", lambda message: context.problems.append(message.text) if message.type == "error" and "favicon" not in message.location["url"] else None)
    context.on("weberror", lambda error: context.problems.append(str(error.error)))
    context.on("request", lambda request: context.problems.append(f"asked {request.url}") if not re.match(r"http://localhost:|data:|blob:", request.url) else None)
    yield context
    problems = list(context.problems)
    context.close()
    assert problems == []


def visit(reader, address, page=WELCOME):
    tab = reader.new_page()
    tab.goto(f"{address}/{page}")
    return tab


def said(tab, text):
    """Wait until the page says this in its bar."""
    tab.locator(".live-bar .live-said", has_text=text).wait_for()
    return tab.locator(".live-bar .live-said").inner_text()


def start(tab):
    tab.get_by_role("button", name="Run the code here").click()
    said(tab, "Python is ready")


def cell(tab, code):
    """The cell that holds this code now, and stays the same when it is changed."""
    found = tab.locator("div.cell:has(textarea)").filter(has=tab.locator(".live-editor pre", has_text=code)).first
    found.wait_for(state="attached")
    label = found.locator("textarea").get_attribute("aria-label")
    return tab.locator("div.cell", has=tab.locator(f'textarea[aria-label="{label}"]'))


def field(place):
    return place.get_by_role("textbox")


def run(place, **expected):
    place.get_by_role("button", name=re.compile("^Run cell")).click()
    place.locator(".live-output > *", **expected).first.wait_for()
    place.get_by_role("button", name=re.compile("^Run cell")).and_(place.locator(":enabled")).wait_for()
    return place.locator(".live-output").inner_text()


# Chapters


def stored(path):
    """What the site shows of each code cell: what it printed, and the numbers that it glued."""
    from jupyter_cache import get_cache

    _, notebook = get_cache(execute.cache_folder()).merge_match_into_notebook(execute.read(path))
    for one in (part for part in notebook.cells if part.cell_type == "code"):
        printed, glued = "", {}
        for output in one.outputs:
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            if name:
                glued[name] = next(text for kind, text in output.data.items() if kind.endswith("text/plain")).strip("'\"")
            elif output.output_type == "stream":
                printed += output.text
            elif "text/plain" in output.get("data", {}) and not set(output.data) & {"text/html", "image/svg+xml", "image/png"}:
                printed += output.data["text/plain"] + "\n"
        figures = sum(bool(set(output.get("data", {})) & {"image/svg+xml", "image/png"}) for output in one.outputs)
        sliders = sum("text/html" in output.get("data", {}) for output in one.outputs)
        yield printed, glued, figures, sliders


def same(shown, stored, slack):
    """Whether two outputs are the same to the digit; with `slack`, their words are, and each number within five per cent."""
    if shown == stored or not slack:
        return shown == stored
    number = r"-?\d[\d,]*(?:\.\d+)?"
    words = [re.sub(number, "0", str(text)) for text in (shown, stored)]
    pairs = zip(*([float(found.replace(",", "")) for found in re.findall(number, str(text))] for text in (shown, stored)), strict=True)
    return words[0] == words[1] and all(abs(a - b) <= 0.05 * max(abs(a), abs(b)) for a, b in pairs)


def test_what_counts_as_the_same():
    assert same("99.6% of 4,417", "99.6% of 4,417", slack=False)
    assert not same("99.6% of 4,417", "99.5% of 4,417", slack=False)
    assert same("99.6% of 4,417", "97.1% of 4,417", slack=True)
    assert not same("99.6% right", "49.6% right", slack=True)
    assert not same("99.6% right", "99.6% wrong", slack=True)


@pytest.mark.parametrize("path", LIGHT, ids=[path.stem for path in LIGHT])
def test_a_chapter_computes_in_the_browser_what_it_shows(reader, address, site, path):
    page = path.relative_to(ROOT).with_suffix("")
    code = json.loads((site / "live" / f"{page}.json").read_text())["cells"]
    tab = visit(reader, address, f"{page}.html")
    start(tab)
    tab.get_by_role("button", name="Run all").click()
    tab.locator(".live-bar .live-said", has_text=re.compile("Ran to the end|raised an error")).wait_for()
    outputs = iter(tab.locator(".live-output").evaluate_all(
        """boxes => boxes.map(box => ({text: [...box.querySelectorAll(":scope > .live-text")].map(part => part.textContent).join(""),
           faults: box.querySelectorAll(".live-fault, .live-warning").length, verdicts: [...box.querySelectorAll(".live-verdict")].map(part => part.textContent),
           figures: [...box.querySelectorAll(":scope > img")].map(part => part.alt), sliders: box.querySelectorAll("figure.dlbook-slider").length}))"""))
    differ = []
    for one, (printed, glued, figures, sliders) in zip(code, stored(path), strict=True):
        if one["kind"] == "hidden":
            continue
        shown = next(outputs)
        assert not shown["faults"], one["source"]
        if one["kind"] == "check":
            assert all(text.startswith("Not attempted yet.") for text in shown["verdicts"])
            continue
        if one["kind"] == "exercise":
            continue
        lines = shown["text"].splitlines()
        said_glued = dict(line.split(" = ", 1) for line in lines if line.split(" = ")[0] in glued)
        text = "".join(line + "\n" for line in lines if line.split(" = ")[0] not in glued)
        if not same((text, said_glued), (printed, glued), slack=str(page) in livepage.TRAINED):
            differ.append((text, printed, said_glued, glued))
        assert (len(shown["figures"]), shown["sliders"]) == (figures, sliders), one["source"]
        assert all(alt == one["alt"] for alt in shown["figures"])
    assert next(outputs, None) is None
    assert differ == []


# Exercises


def test_an_exercise_answers_a_stub_a_wrong_answer_a_right_one_and_gives_hints(reader, address):
    tab = visit(reader, address)
    start(tab)
    exercise, check = cell(tab, "def share_right"), cell(tab, "check.share_right(share_right)")
    assert "Solution" in exercise.locator("xpath=following-sibling::div[1]").inner_text()
    assert "def share_right" in field(exercise).input_value() and "return np.mean" not in field(exercise).input_value()
    assert run(check).split("\n")[0].startswith("Not attempted yet.")
    stub = field(exercise).input_value()
    field(exercise).fill(stub.replace("...", "return np.sum(predicted == labels)"))
    run_quietly(exercise)
    verdict = run(check, has_text="Not yet")
    assert verdict.startswith("Not yet.") and "Traceback" not in verdict and len(verdict.strip().split("\n")) == 2
    assert "Hint 1 of 2" in run(cell(tab, 'hint("share_right", 1)'))
    field(exercise).fill(stub.replace("...", "return np.mean(predicted == labels)"))
    run_quietly(exercise)
    assert run(check, has_text="Yes.").startswith("Yes.")


def run_quietly(place):
    """Run a cell that shows nothing."""
    field(place).press("Control+Enter")
    place.get_by_role("button", name=re.compile("^Run cell")).and_(place.locator(":enabled")).wait_for()


def test_a_page_is_worked_through_by_keyboard(reader, address):
    tab = visit(reader, address)
    tab.get_by_role("button", name="Run the code here").focus()
    tab.keyboard.press("Enter")
    said(tab, "Python is ready")
    place = cell(tab, "def untouched")
    field(place).focus()
    tab.keyboard.press("Control+A")
    tab.keyboard.type("for k in range(3):\nprint(k)")  # the second line is indented by itself
    assert field(place).input_value() == "for k in range(3):\n    print(k)"
    tab.keyboard.press("Shift+Tab")
    assert field(place).input_value() == "for k in range(3):\nprint(k)"
    tab.keyboard.press("Home")
    tab.keyboard.press("Tab")
    assert field(place).input_value().endswith("\n    print(k)")
    tab.keyboard.press("Shift+Enter")
    place.locator(".live-output", has_text="0\n1\n2").wait_for()
    assert not field(place).evaluate("field => field === document.activeElement"), "Shift+Enter goes on to the next cell"
    field(place).focus()
    tab.keyboard.press("Escape")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.tagName") == "BUTTON", "Escape, then Tab, leaves a cell"


def test_errors_sliders_and_figures_of_ones_own(reader, address):
    tab = visit(reader, address)
    start(tab)
    place = cell(tab, "def untouched")
    field(place).fill("def f():\n    return 1 / 0\n\nprint('before')\nf()")
    shown = run(place, has_text="ZeroDivisionError")
    assert shown.startswith("before") and 'line 2, in f\n    return 1 / 0' in shown and "kernel.py" not in shown
    field(place).fill("raise SystemExit")
    assert "SystemExit" in run(place, has_text="SystemExit")
    field(place).fill("for k in range(100_000_000): print('again and again')")
    place.get_by_role("button", name=re.compile("^Run cell")).click()
    place.locator(".live-output", has_text="and more, which is not shown").wait_for()
    assert len(place.locator(".live-output").inner_text()) < 110_000
    place.get_by_role("button", name=re.compile("^Stop cell")).click()
    said(tab, "Stopped")
    field(place).fill("import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 2])\nax.set(xlabel='epoch')\nplt.show()\nprint('after')")
    shown = run(place, has_text="after")
    assert shown.strip() == "after"
    picture = place.locator(".live-output img")
    assert "epoch" in picture.get_attribute("alt")
    assert picture.evaluate("image => image.naturalWidth") > 100
    field(place).fill("from dlbook.widgets import slider\nslider(lambda ax, a: ax.plot([0, a]), [1, 2, 3], label='slope', describe=lambda a: f'It rises by {a}.')")
    place.get_by_role("button", name=re.compile("^Run cell")).click()
    handle = place.get_by_role("slider", name="slope")
    handle.press("ArrowRight")
    assert "It rises by 2." in place.locator(".live-output").inner_text()


def test_the_field_lies_exactly_over_its_coloured_text(reader, address):
    tab = visit(reader, address)
    tab.get_by_role("button", name="Run the code here").click()
    cell(tab, "def untouched")
    apart = tab.locator(".live-editor:visible").evaluate_all(
        """editors => editors.filter(editor => { const [below, above] = [...editor.children].map(part => getComputedStyle(part));
           return below.lineHeight !== above.lineHeight || below.fontSize !== above.fontSize || below.fontFamily !== above.fontFamily
               || editor.children[1].scrollHeight > editor.children[0].offsetHeight }).length""")
    assert apart == 0
    said(tab, "Python is ready")


# What a reader writes


def test_what_is_written_comes_back_and_is_reset_by_cell_and_by_page(reader, address):
    tab = visit(reader, address)
    tab.get_by_role("button", name="Run the code here").click()
    one, two = cell(tab, "def untouched"), cell(tab, "line = learn")
    original = field(one).input_value()
    field(one).fill("mine = 1")
    field(two).fill("mine = 2")
    tab.close()
    tab = visit(reader, address)
    one, two = cell(tab, "mine = 1"), cell(tab, "mine = 2")
    one.wait_for()
    assert field(two).input_value() == "mine = 2"
    assert tab.get_by_role("button", name="Run the code here").is_visible(), "Python waits for a click"
    one.get_by_role("button", name=re.compile("^Reset cell")).click()
    tab.reload()
    cell(tab, "mine = 2").wait_for()
    assert field(cell(tab, "def untouched")).input_value() == original
    tab.on("dialog", lambda dialog: dialog.accept())
    tab.get_by_role("button", name="Reset this page").click()
    tab.reload()
    assert tab.evaluate("Object.keys(localStorage).filter(key => key.startsWith('dlbook ')).length") == 0


def test_what_belongs_to_an_earlier_edition_is_shown_until_it_is_forgotten(reader, address):
    tab = visit(reader, address)
    tab.evaluate("localStorage.setItem(`dlbook ${location.pathname} gone/1`, JSON.stringify({text: 'old = 1'}))")
    tab.reload()
    tab.get_by_text("What you wrote in an earlier edition of this page").click()
    tab.get_by_text("old = 1").wait_for()
    tab.get_by_role("button", name="Forget it").click()
    assert tab.evaluate("Object.keys(localStorage).filter(key => key.includes('gone')).length") == 0


def test_two_tabs_show_the_same_text(reader, address):
    first, second = visit(reader, address), visit(reader, address)
    for tab in first, second:
        tab.evaluate("document.querySelector('.live-start').click()")
        cell(tab, "def untouched").wait_for()
    field(cell(first, "def untouched")).fill("from_the_first = 1")
    cell(second, "from_the_first = 1").wait_for()
    field(cell(second, "from_the_first = 1")).fill("from_the_second = 2")
    cell(first, "from_the_second = 2").wait_for()
    for tab in first, second:  # each has a Python of its own
        said(tab, "Python is ready")
    assert run_quietly(cell(first, "from_the_second")) is None
    field(cell(second, "from_the_second")).fill("print('from_the_second' in globals())")
    assert run(cell(second, "globals()")).strip() == "False"


def test_a_full_storage_is_said_and_nothing_written_is_lost(reader, address):
    tab = visit(reader, address)
    tab.evaluate("""() => { let size = 1 << 20; for (let n = 0; size; n++)
        try { localStorage.setItem("filler" + n, "x".repeat(size)); } catch { size >>= 1; } }""")
    tab.get_by_role("button", name="Run the code here").click()
    place = cell(tab, "def untouched")
    field(place).fill("print('written although nothing is kept')")
    tab.get_by_role("alert").filter(has_text="storage for the site is full").wait_for()
    said(tab, "Python is ready")
    assert "written although" in run(place)


def test_storage_that_is_switched_off_is_said(reader, address):
    reader.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } })")
    tab = reader.new_page()
    tab.goto(f"{address}/{WELCOME}")
    tab.get_by_role("button", name="Run the code here").click()
    field(cell(tab, "def untouched")).fill("x = 1")
    tab.get_by_role("alert").filter(has_text="keeps nothing for the site").wait_for()
    reader.problems.clear()  # the theme complains too


# Bad luck


def test_an_endless_loop_is_stopped_and_the_page_goes_on(reader, address):
    tab = visit(reader, address)
    start(tab)
    place = cell(tab, "def untouched")
    field(place).fill("kept = 1\nwhile True:\n    pass")
    place.get_by_role("button", name=re.compile("^Run cell")).click()
    place.get_by_role("button", name=re.compile("^Stop cell")).click()
    assert "variables are gone" in said(tab, "started afresh")
    assert field(place).input_value().startswith("kept = 1\nwhile True")
    field(place).fill("print('kept' in globals(), 'spirals' in globals())")
    assert run(place).strip() == "False True", "the cells above have run again"


def test_a_page_that_was_left_in_mid_run_says_so(reader, address):
    tab = visit(reader, address)
    start(tab)
    place = cell(tab, "def untouched")
    field(place).fill("while True: pass")
    place.get_by_role("button", name=re.compile("^Run cell")).click()
    said(tab, "Running cell 6")
    tab.reload()
    tab.get_by_role("alert").filter(has_text="cell 6 was still running").wait_for()
    cell(tab, "while True: pass").wait_for()
    tab.reload()
    cell(tab, "while True: pass").wait_for()
    assert not tab.get_by_role("alert").filter(has_text="was still running").count(), "it says so once"


def spoiled(site, tmp_path, name, change):
    """A copy of the site in which one file is changed, served."""

    def copy(source, target):
        try:
            os.link(source, target)
        except OSError:
            shutil.copyfile(source, target)

    shutil.copytree(site, tmp_path / "site", copy_function=copy)
    place = tmp_path / "site" / "live" / name
    data = bytearray(place.read_bytes())
    place.unlink()
    if (changed := change(data)) is not None:
        place.write_bytes(changed)
    return serve(tmp_path / "site")


def one_byte(data):
    data[len(data) // 2] ^= 1
    return data


FILES = ["pyodide.mjs", "pyodide.asm.wasm", "numpy", "dlbook", "site.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("change, why", [(one_byte, "is damaged"), (lambda data: None, r"is missing on localhost:\d+ \(404\)")], ids=["damaged", "missing"])
def test_a_file_that_is_not_the_right_one_is_named_and_the_page_stays(reader, address, site, tmp_path, name, change, why):
    if name == "site.json" and change is one_byte:
        change, why = (lambda data: data[:100]), "is damaged"
    file = next(path for path in (site / "live").rglob("*") if path.name.startswith(name))
    with spoiled(site, tmp_path, file.relative_to(site / "live"), change) as listening:
        tab = visit(reader, f"http://localhost:{listening.server_port}")
        tab.get_by_role("button", name="Run the code here").click()
        tab.get_by_role("button", name="Try again").wait_for()
        reason = tab.locator(".live-bar .live-said").inner_text()
        assert re.search(f"{re.escape(file.name)}.*{why}", reason), reason
        place = cell(tab, "def untouched")
        field(place).fill("kept = 1")
        assert tab.get_by_text("Here are 194 points.").is_visible()
        tab.reload()
        cell(tab, "kept = 1").wait_for()
        listening.shutdown()
    reader.problems[:] = [text for text in reader.problems if "integrity" not in text and "404" not in text]


def test_a_data_file_that_is_damaged_is_named_and_fetched_anew_when_asked(reader, address):
    tab = visit(reader, address)
    start(tab)
    place = cell(tab, "def untouched")
    field(place).fill("from dlbook import data\nprint(len(data.shakespeare()))")
    damaged = lambda route: route.fulfill(body=b"To be, or not to be")  # noqa: E731
    reader.route("**/data/shakespeare/*", damaged)
    assert "shakespeare/tiny.txt arrived damaged" in run(place, has_text="damaged")
    reader.unroute("**/data/shakespeare/*", damaged)
    assert run(place, has_text=re.compile(r"^\d+")).strip() == "1115394"


def test_a_browser_without_webassembly_keeps_the_text(reader, address):
    reader.add_init_script("delete window.WebAssembly")
    tab = reader.new_page()
    tab.goto(f"{address}/{WELCOME}")
    tab.get_by_role("button", name="Run the code here").click()
    said(tab, "This browser has no WebAssembly")
    field(cell(tab, "def untouched")).fill("kept = 1")
    tab.reload()
    cell(tab, "kept = 1").wait_for()


def test_a_page_opened_as_a_file_says_what_to_do(reader, address, site):
    tab = reader.new_page()
    tab.goto((site / WELCOME).as_uri())
    tab.get_by_role("button", name="Run the code here").click()
    tab.get_by_text("Type `make serve`").wait_for()
    reader.problems.clear()  # a browser complains of the file's neighbours itself
