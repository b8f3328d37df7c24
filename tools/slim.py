"""Makes finished pages light: one style sheet instead of a dozen, icon fonts with the icons in use, scripts that wait.

As it comes, the theme sends 275 kB of icon fonts, twelve style sheets that hold up the first paint, MathJax before anything
is to be seen, and the search index on every page.
"""
from __future__ import annotations

import hashlib
import io
import logging
import re
from pathlib import Path

SHEET = re.compile(r'[ \t]*<link\b[^>]*\brel="stylesheet"[^>]*>\n?')
HREF = re.compile(r'\bhref="([^"]+)"')
SCRIPT = re.compile(r"[ \t]*<script\b[^>]*>.*?</script>\n?", re.DOTALL)
FACE = re.compile(r"@font-face\{[^}]*/(fa-\w+-\d+)\.woff2[^}]*\}")
ICON = re.compile(r'((?:\.fa-[\w-]+(?::before)?,?)+)\{(?:--fa|content):\s*"\\([0-9a-f]+)"[^}]*\}')
SEARCH = ("searchtools.js", "language_data.js", "searchindex.js")


def slim(output: Path, pages: list[Path]) -> None:
    """Rewrite `pages`, finished HTML files below `output`, so that they paint early and ask for little."""
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    scripts = [path for kind in ("*.js", "*.mjs") for path in (output / "_static").rglob(kind) if "mathjax" not in path.parts]
    said = [*texts.values(), *(path.read_text(encoding="utf-8", errors="ignore") for path in scripts)]
    used = set(re.findall(r"[A-Za-z_][\w-]*", " ".join(said)))
    bundles: dict[tuple, str] = {}
    for page, text in texts.items():
        page.write_text(later(one_sheet(text, page, output, bundles, used), page), encoding="utf-8")


def one_sheet(text: str, page: Path, output: Path, bundles: dict, used: set) -> str:
    """`text` with its style sheets replaced by one that holds them all, in their order."""
    links = [link for link in SHEET.findall(text) if "media=" not in link]
    hrefs = [HREF.search(link)[1] for link in links]
    if not hrefs:
        return text
    prefix = hrefs[0][: hrefs[0].index("_static/")]  # relative, or absolute on the page for what is not found
    names = tuple(href.removeprefix(prefix).split("?")[0] for href in hrefs)
    if names not in bundles:
        css = "\n".join(sheet(output / name, output / "_static") for name in names)
        css = with_few_icons(in_use(css, used), output / "_static", used)
        name = f"book-{hashlib.sha256(css.encode()).hexdigest()[:10]}.css"
        (output / "_static" / name).write_text(css, encoding="utf-8")
        bundles[names] = name
    for number, link in enumerate(links):
        text = text.replace(link, "" if number else f'<link rel="stylesheet" href="{prefix}_static/{bundles[names]}" />\n', 1)
    return text


def sheet(path: Path, folder: Path) -> str:
    """A style sheet as it reads when it lies in `folder`, with what it imports, without comments."""
    css = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL).replace('@charset "UTF-8";', "")

    def moved(match) -> str:
        address = match[2]
        if re.match(r"[a-z]+:|/|#", address):
            return match[0]
        target = (path.parent / address).resolve()
        up = target.relative_to(folder.resolve()) if folder.resolve() in target.parents else Path("..") / target.name
        return f"url({match[1]}{up.as_posix()}{match[1]})"

    css = re.sub(r"""@import\s+(?:url\()?["']([^"']+)["']\)?;""", lambda match: sheet((path.parent / match[1]).resolve(), folder), css)
    css = re.sub(r"""url\((["']?)([^"')]+)\1\)""", moved, css)
    return re.sub(r"\n\s*", "\n", css).strip()


def in_use(css: str, words: set) -> str:
    """`css` without the rules for classes that no page and no script of the site names."""
    done, position = [], 0
    while (opening := css.find("{", position)) >= 0:
        head, depth, end = css[position:opening].rsplit(";", 1)[-1].strip(), 1, opening + 1
        done.append(css[position:opening][: css[position:opening].rfind(";") + 1])  # what ends in a semicolon is no rule
        while depth and end < len(css):
            depth += {"{": 1, "}": -1}.get(css[end], 0)
            end += 1
        body, position = css[opening + 1:end - 1], end
        if head.startswith(("@media", "@supports", "@layer")):
            body = in_use(body, words)
        elif not head.startswith("@"):
            head = ",".join(part for part in re.split(r",(?![^(]*\))", head) if is_in_use(part, words))
        if head and body.strip():
            done.append(f"{head}{{{body}}}\n")
    return "".join(done) + css[position:]


def is_in_use(selector: str, words: set) -> bool:
    plain = re.sub(r":(?:not|is|where|has)\(.*\)", "", selector)  # any of these may hold without its classes
    return all(name in words for name in re.findall(r"[.#](-?[A-Za-z_][\w-]*)", plain))


def with_few_icons(css: str, static: Path, used: set) -> str:
    """`css` with Font Awesome's rules and fonts cut down to the icons in `used`; the fonts come with the sheet itself."""
    codes = set()

    def rule(match) -> str:
        names = {name.removesuffix(":before").removeprefix(".") for name in match[1].split(",")}
        if not names & used:
            return ""
        codes.add(int(match[2], 16))
        return match[0]

    css = ICON.sub(rule, css)
    subsets: dict[str, str] = {}

    def face(match) -> str:
        name = match[1]
        if name not in subsets:
            subsets[name] = subset(static / "vendor" / "fontawesome" / "webfonts" / f"{name}.woff2", codes)
        source = f'src:url("data:font/woff2;base64,{subsets[name]}") format("woff2")'
        return re.sub(r"src:[^}]*", source, match[0]) if subsets[name] else ""

    return FACE.sub(face, css)


def subset(font: Path, codes: set) -> str:
    """The glyphs of `font` for the code points `codes`, as WOFF2 in base64; empty if it has none of them."""
    from base64 import b64encode

    from fontTools import subset as tool
    from fontTools.ttLib import TTFont

    logging.getLogger("fontTools").setLevel(logging.ERROR)  # or Sphinx prints all that it does
    opened = TTFont(font, recalcTimestamp=False)
    if not codes & set(opened.getBestCmap()):
        return ""
    options = tool.Options(flavor="woff2", layout_features=[], notdef_outline=False, name_IDs=[], hinting=False)
    cutter = tool.Subsetter(options)
    cutter.populate(unicodes=codes)
    cutter.subset(opened)
    opened.flavor = "woff2"
    opened.save(packed := io.BytesIO())
    return b64encode(packed.getvalue()).decode()


def later(text: str, page: Path) -> str:
    """`text` with the scripts of its head moved to the end of its body, but for the one that chooses the theme.

    MathJax waits until the page is painted (`_static/quality.js` brings it), and the search index for a page that searches.
    """
    head, found, rest = text.partition("</head>")
    if not found or "</body>" not in rest:
        return text
    kept = []

    def move(match) -> str:
        script = match[0]
        if "dataset.theme" in script or "noscript" in script:
            return script
        if any(f"{name}" in script for name in SEARCH) and page.name != "search.html":
            return ""
        kept.append(re.sub(r"<script\b[^>]*\bsrc=\"([^\"]*mathjax/[^\"]*)\"[^>]*>", r'<script type="text/x-later" data-mathjax="\1">', script))
        return ""

    head = SCRIPT.sub(move, head)
    head = re.sub(r'[ \t]*<link\b[^>]*\brel="preload"[^>]*>\n?', "", head)
    head = re.sub(r'(<meta name="viewport"[^>]*>)(.*?)<meta name="viewport"[^>]*>', r"\1\2", head, flags=re.DOTALL)
    head = re.sub(r'(<meta name="viewport"[^>]*>)(.*?)<meta name="viewport"[^>]*>', r"\1\2", head, flags=re.DOTALL)
    body, end = rest.rsplit("</body>", 1)
    if 'class="math' not in body:
        kept = [script for script in kept if "mathjax" not in script.lower()]
    return f"{head}</head>{body}{''.join(kept)}</body>{end}"
