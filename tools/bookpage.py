"""Sphinx extension: what the book's pages have, and leave out, beyond Jupyter Book's own.

- An exercise shows its stub; its solution stands below, folded, without the marker lines. In the student edition
  (`dlbook_edition`) the solution is not there, nor what its check said.
- MathJax comes with the site. No script of sphinx-thebe (broken and unused here), none of FontAwesome's
  (the theme's style sheet draws the same icons).
"""
from __future__ import annotations

import re
import shutil
from importlib import metadata
from pathlib import Path

from docutils import nodes
from sphinx.util import logging

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
MATHJAX_PARTS = ["tex-chtml.js", "a11y", "input/tex/extensions", "output/chtml/fonts/woff-v2", "sre"]
logger = logging.getLogger(__name__)


def stub(source: str) -> str:
    """`source` with each solution region replaced by `...`, where nbgrader's ClearSolutions would put its stub.

    A line `answer = ...` right above the region is the gap already, and gets no second one.

    >>> print(stub("def f(x):\\n    ### BEGIN SOLUTION\\n    return x\\n    ### END SOLUTION"))
    def f(x):
        ...
    """
    lines, inside = [], False
    for line in source.splitlines():
        if BEGIN in line:
            if inside:
                raise ValueError("a solution begins inside another")
            inside = True
            if not (lines and re.match(r"\s*\w+ = \.\.\.", lines[-1])):
                lines.append(line[: len(line) - len(line.lstrip())] + "...")
        elif END in line:
            if not inside:
                raise ValueError("a solution ends that never began")
            inside = False
        elif not inside:
            lines.append(line)
    if inside:
        raise ValueError("a solution begins and never ends")
    return "\n".join(lines)


def solution(source: str) -> str:
    """`source` without the lines that mark where the solution is."""
    return "\n".join(line for line in source.splitlines() if BEGIN not in line and END not in line)


def show_stubs(app, doctree) -> None:
    for cell in list(doctree.findall(nodes.container)):
        if cell.get("nb_element") != "cell_code" or "tag_exercise" not in cell["classes"]:
            continue
        block = next(cell.findall(nodes.literal_block), None)
        if block is None or BEGIN not in block.astext() + END:
            continue
        if cell.get("hide_mode") not in ("input", "input+output", "all"):
            logger.warning("an exercise shows its solution: add the tag hide-input", location=cell)
        try:
            code = stub(block.astext())
        except ValueError as error:
            logger.warning("exercise: %s", error, location=cell)
            continue
        shown = nodes.literal_block(code, code, **{**block.attributes, "ids": [], "names": []})
        shown.source, shown.line = block.source, block.line
        box = nodes.container("", shown, classes=["cell_input"])
        place = cell.parent.index(cell)
        cell.parent.insert(place, nodes.container("", box, classes=["cell", "exercise-stub"]))
        if app.config.dlbook_edition == "student":
            cell.parent.remove(cell)
            continue
        text = solution(block.astext())
        block.rawsource, block.children = text, []
        block += nodes.Text(text)
        cell["prompt_show"], cell["prompt_hide"] = "Solution", "Solution"


def drop_solutions(app, doctree) -> None:
    """In the student edition: written solutions, and what the checks said of the book's own, go."""
    if app.config.dlbook_edition != "student":
        return
    for box in list(doctree.findall(nodes.container)):
        checked = "tag_check" in box["classes"]
        if box.get("design_component") == "dropdown" and box.children and box.children[0].astext() == "Solution":
            box.parent.remove(box)
        elif box.get("nb_element") == "cell_code" and checked:
            for output in [part for part in box.findall(nodes.container) if part.get("nb_element") == "cell_code_output"]:
                output.parent.remove(output)


def drop_thebe(app, page, template, context, doctree) -> None:
    """sphinx-thebe is always loaded by Jupyter Book 1, from another host, and its script raises an error on each page."""

    def of_thebe(file) -> bool:
        attributes = getattr(file, "attributes", {})
        return "thebe" in str(getattr(file, "filename", "")) or "THEBE_JS_URL" in (attributes.get("body") or "")

    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context.get(kind, []) if not of_thebe(file)]
    if context.get("body"):
        context["body"] = re.sub(
            r'<script type="text/x-thebe-config">.*?</script>\s*(<script>kernelName = [^<]*</script>)?',
            "",
            context["body"],
            flags=re.DOTALL,
        )


def use_own_mathjax(app, config) -> None:
    config.mathjax_path = f"mathjax/{MATHJAX_PARTS[0]}"


def finish(app, exception) -> None:
    """Bring MathJax along, and take FontAwesome's script out of the finished pages."""
    if exception or app.builder.format != "html":
        return
    output = Path(app.outdir)
    for part in MATHJAX_PARTS:
        source, target = mathjax() / part, output / "_static" / "mathjax" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target, dirs_exist_ok=True) if source.is_dir() else shutil.copy(source, target)
    for page in output.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(re.sub(r"<script[^>]*fontawesome\.js[^>]*></script>", "", text), encoding="utf-8")
    (output / "_static" / "scripts" / "fontawesome.js").unlink(missing_ok=True)


def mathjax() -> Path:
    """MathJax 3.2.2 as it is published; this distribution holds it for Python's package manager."""
    for file in metadata.files("sphinx-mathjax-offline") or []:
        if file.name == MATHJAX_PARTS[0]:
            return Path(file.locate()).parent
    raise RuntimeError("sphinx-mathjax-offline is installed without MathJax in it: type `pip install --force-reinstall` on it")


def setup(app):
    app.add_config_value("dlbook_edition", "website", "env")
    app.connect("config-inited", use_own_mathjax, priority=900)
    app.connect("doctree-read", show_stubs)
    app.connect("doctree-read", drop_solutions)
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
