"""Runs the cells of a page in the browser's Python: what a notebook's kernel does, as far as the book needs it.

`page` is the worker around us: `page.post(kind, …)` shows something, `page.read(file)` fetches a data file from the site.
"""

import ast
import builtins
import hashlib
import io
import json
import linecache
import os
import sys
import time
import traceback

import page

MOST = 100_000  # characters that one cell may print; an endless loop must not fill the page
DATA = os.environ["DLBOOK_DATA"] + "/"
sys.dont_write_bytecode = False  # what is compiled once need not be compiled again
variables = sys.modules["__main__"].__dict__
alt = ""        # what the figure of the running cell shows, in the author's words


class Printed(io.TextIOBase):
    """Text on its way to the page, a few times a second and not more than MOST of it."""

    def __init__(self, kind):
        self.kind, self.waiting, self.length, self.sent = kind, [], 0, 0.0

    def write(self, text):
        if self.length < MOST:
            self.waiting.append(text[: MOST - self.length])
            self.length += len(text)
            if self.length >= MOST:
                self.waiting.append("\n… and more, which is not shown.\n")
            if self.length >= MOST or time.monotonic() - self.sent > 0.1:
                self.flush()
        return len(text)

    def flush(self):
        if self.waiting:
            page.post(self.kind, "".join(self.waiting))
        self.waiting, self.sent = [], time.monotonic()


sys.stdout, sys.stderr = Printed("text"), Printed("warning")


def emit(kind, *parts):
    """Show something other than text, in its place among what was printed."""
    sys.stdout.flush()
    sys.stderr.flush()
    page.post(kind, *parts)


def display(*values):
    """Show values as a notebook does: as HTML where they have it, else as text."""
    for value in values:
        bundle = value._repr_mimebundle_() if hasattr(value, "_repr_mimebundle_") else {}
        html = bundle.get("text/html") or (hasattr(value, "_repr_html_") and value._repr_html_())
        if html:
            emit("html", html)
        elif type(value).__module__ != "matplotlib.figure":  # figures are shown when the cell ends
            print(repr(value))


builtins.display = display


def run(source, name, described):
    """Run a cell and show what comes of it; return whether it ran to its end."""
    global alt
    alt = described
    sys.stdout.length = sys.stderr.length = 0
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name  # for tracebacks, and for the checks
    try:
        tree = ast.parse(source, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, "exec"), variables)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), name, "eval"), variables)
            if value is not None and not source.rstrip().endswith(";"):
                variables["_"] = value
                display(value)
        return True
    except BaseException as error:  # SystemExit too: a cell must not end the kernel
        emit("error", *explain(error, name))
        return False
    finally:
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].show()
        sys.stdout.flush()
        sys.stderr.flush()


def explain(error, name):
    """What a reader should see of an exception, and whether it is a verdict rather than a fault."""
    if hasattr(error, "_render_traceback_"):
        return "\n".join(error._render_traceback_()), "verdict"
    trace = error.__traceback__
    while trace and trace.tb_frame.f_code.co_filename != name:
        trace = trace.tb_next  # our own frames
    return "".join(traceback.format_exception(type(error), error, trace)).rstrip(), "fault"


class NotSent(Exception):
    """A data file did not come from the site."""

    def _render_traceback_(self):
        return [str(self)]


def fetch_data(event, arguments):
    """Before a file of the data folder is opened for the first time: bring it from the site, if it is the recorded one."""
    if event != "open" or not str(arguments[0]).startswith(DATA) or str(arguments[1])[:1] != "r" or os.path.exists(arguments[0]):
        return
    file = arguments[0][len(DATA):]
    with open(DATA + "checksums.json", encoding="utf-8") as checksums:
        recorded = json.load(checksums).get(file)
    if recorded is None:
        return
    emit("progress", f"Fetching {file}, {recorded['bytes'] / 1e6:.1f} MB …")
    sent = page.read(file)
    if isinstance(sent, str):
        raise NotSent(f"The data file {file} could not be fetched: {sent} Run the cell again to try once more.")
    sent = sent.to_bytes()
    if hashlib.sha256(sent).hexdigest() != recorded["sha256"]:
        raise NotSent(f"The data file {file} arrived damaged and was thrown away: run the cell again to fetch it once more.")
    os.makedirs(os.path.dirname(arguments[0]), exist_ok=True)
    with open(arguments[0], "wb") as target:
        target.write(sent)


sys.addaudithook(fetch_data)


def warm_up():
    """Import what pages use, and draw once: what was compiled for that is kept for the next visit (frozen.mjs)."""
    from dlbook import check, data, functional, nn, optim, train, viz, widgets  # noqa: F401
    from matplotlib.figure import Figure

    Figure().subplots().figure.savefig(io.StringIO(), format="svg")
