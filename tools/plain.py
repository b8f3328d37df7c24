"""A chapter's MyST as Markdown that any notebook program shows: JupyterLab, Colab and VS Code know no directives.

Only what the chapters use is translated; a directive or role that is not known raises Problem, so that no edition is
published with raw markup in it. Equations, references and glued numbers read as they do on the site.
"""
from __future__ import annotations

import functools
import re
from ast import literal_eval
from dataclasses import dataclass, field
from pathlib import Path

from pybtex.database import parse_file

from tools.environment import ROOT, Problem

FENCE = re.compile(r"^(`{3,}|:{3,})\{([\w:-]+)\}[ \t]*(.*)$")
OPTION = re.compile(r"^:(\w[\w-]*):[ \t]*(.*)$")
TARGET = re.compile(r"^\(([\w:-]+)\)=\s*$")
LABELLED = re.compile(r"^\$\$ \(([\w:-]+)\)$")
ROLE = re.compile(r"\{([\w:]+)\}`([^`]+)`")
BOXES = {"note", "tip", "hint", "important", "warning", "caution", "attention", "seealso"}


@dataclass
class Labels:
    """What a reference may lead to, over all chapters: label -> text; and where each chapter's notebook lies."""

    titles: dict = field(default_factory=dict)
    places: dict = field(default_factory=dict)  # label -> chapter's path


def labels(paths) -> Labels:
    """Read the labels of headings and theorems out of the chapters at `paths`."""
    found = Labels()
    for path in paths:
        target, opening = path.stem, None
        for line in path.read_text(encoding="utf-8").splitlines():
            if match := TARGET.match(line):
                target = match[1]
            elif line.startswith("#") and target:
                found.titles[target], found.places[target] = line.lstrip("# ").strip(), path
                found.titles.setdefault(path.stem, found.titles[target])
                found.places.setdefault(path.stem, path)
                target = None
            elif match := FENCE.match(line):
                opening = match
            elif opening and (match := OPTION.match(line)) and match[1] == "label":
                found.titles[match[2]] = opening[3] or opening[2].removeprefix("prf:").capitalize()
                found.places[match[2]] = path
                opening = None
    return found


class Plain:
    """The translation of one chapter, cell after cell: equations are numbered in the order in which they come."""

    def __init__(self, path: Path, known: Labels, glued: dict, bibliography: Path = ROOT / "references.bib"):
        self.path, self.known, self.glued = path, known, glued
        self.works = works(bibliography)
        text = path.read_text(encoding="utf-8")
        equations = re.findall(r"^[`:]{3,}\{math\}[ \t]*\n:label:[ \t]*(\S+)|^\$\$ \(([\w:-]+)\)$", text, re.MULTILINE)
        self.equations = {fenced or dollars: number for number, (fenced, dollars) in enumerate(equations, 1)}
        self.cited = set(re.findall(r"\{cite:[pt]\}`([^`]+)`", text))

    def __call__(self, source: str) -> str:
        """One Markdown cell, translated."""
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self.blocks(source.split("\n")))).strip()

    def blocks(self, lines: list[str]) -> list[str]:
        """Lines with every directive among them translated; roles outside code and directives as well."""
        done, i, code = [], 0, None
        while i < len(lines):
            line = lines[i]
            if match := None if code else FENCE.match(line):
                end = self.closing(lines, i, match[1])
                done += self.directive(match[2], match[3].strip(), lines[i + 1:end])
                i = end
            elif fence := re.match(r"^(`{3,})", line):
                code = None if code and line.strip() == code else code or fence[1]
                done.append(line)
            elif not code and (match := LABELLED.match(line)):
                done += [rf"\tag{{{self.equations[match[1]]}}}", "$$"]
            elif code or not TARGET.match(line):
                done.append(line if code else self.roles(line))
            i += 1
        return done

    def closing(self, lines, start, fence):
        for end in range(start + 1, len(lines)):
            if lines[end].rstrip() == fence:
                return end
        raise Problem(f"{self.path.name}: the directive in the line `{lines[start]}` is not closed in its cell.")

    def directive(self, name, title, body):
        options = {}
        while body and (match := OPTION.match(body[0])):
            options[match[1]], body = match[2], body[1:]
        if name == "math":
            number = self.equations.get(options.get("label"))
            return ["$$", *body, *([rf"\tag{{{number}}}"] if number else []), "$$"]
        if name == "exercise-start":
            return ["---", "", f"### Exercise: {self.roles(title)}", ""]
        if name == "exercise-end":
            return []
        if name == "bibliography":
            return [line for key in sorted(key for keys in self.cited for key in keys.split(",")) for line in (f"- {self.work(key)[2]}", "")]
        if name == "dropdown":
            return ["<details>", f"<summary>{title}</summary>", "", *self.blocks(body), "", "</details>"]
        if name.startswith("prf:"):
            kind = name.removeprefix("prf:").capitalize()
            return quote([f"**{kind}{f' ({self.roles(title)})' if title else ''}.**", "", *self.blocks(body)])
        if name == "admonition" or name in BOXES:
            return quote([f"**{self.roles(title) or name.capitalize()}**", "", *self.blocks(body)])
        raise Problem(f"{self.path.name}: the editions do not know the directive {{{name}}}: teach it to tools/plain.py.")

    def roles(self, text: str) -> str:
        """A line of prose with its roles replaced; what stands between backticks is left alone."""
        return ROLE.sub(lambda match: self.role(match[1], match[2]), text)

    def role(self, name, text):
        shown, _, target = text.removesuffix(">").rpartition(" <") if text.endswith(">") else ("", "", text)
        if name == "glue:text":
            key, _, form = text.partition(":")
            if key not in self.glued:
                raise Problem(f"{self.path.name}: {{glue:text}}`{text}` quotes a number that no cell glues.")
            return format(float(self.glued[key]), form) if form else self.glued[key]
        if name == "cite:p":
            return "(" + "; ".join(f"{self.work(key)[0]}, {self.work(key)[1]}" for key in text.split(",")) + ")"
        if name == "cite:t":
            return "; ".join(f"{self.work(key)[0]} ({self.work(key)[1]})" for key in text.split(","))
        if name in ("eq", "math:numref"):
            if text not in self.equations:
                raise Problem(f"{self.path.name}: {{eq}}`{text}` refers to an equation that is not in this chapter.")
            return f"({self.equations[text]})"
        if name in ("ref", "doc", "prf:ref", "numref"):
            label = target.rsplit("/", 1)[-1] if name == "doc" else target
            if label not in self.known.titles:
                raise Problem(f"{self.path.name}: {{{name}}}`{text}` leads nowhere.")
            title, place = shown or self.known.titles[label], self.known.places[label]
            return title if place == self.path else f"[{title}](../{place.parent.name}/{place.stem}.ipynb)"
        if name in ("term", "abbr", "index", "strong", "emphasis"):
            return shown or text
        raise Problem(f"{self.path.name}: the editions do not know the role {{{name}}}: teach it to tools/plain.py.")

    def work(self, key):
        if key.strip() not in self.works:
            raise Problem(f"{self.path.name} cites {key}, which is not in references.bib.")
        return self.works[key.strip()]


def quote(lines):
    """Lines as a block quotation. Displayed mathematics goes on one line: programs take it out before they read the `>`."""
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip("\n"))
    text = re.sub(r"^\$\$\n(.*?)\n\$\$$", lambda match: f"$$ {' '.join(match[1].split(chr(10)))} $$", text, flags=re.DOTALL | re.MULTILINE)
    return ["> " + line if line else ">" for line in text.split("\n")]


def glued(notebook) -> dict:
    """The numbers that an executed notebook glued: name -> text."""
    found = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            name = output.get("metadata", {}).get("scrapbook", {}).get("name")
            if name:
                text = next(value for mime, value in output.data.items() if mime.endswith("text/plain"))
                found[name] = str(literal_eval(text)) if text[:1] in "'\"" else text
    return found


@functools.cache
def works(bibliography: Path) -> dict:
    """The works of references.bib: key -> (authors in the text, year, the whole reference as Markdown)."""
    found = {}
    for key, entry in parse_file(str(bibliography)).entries.items():
        people = entry.persons.get("author") or entry.persons.get("editor") or []
        names = [bare(" ".join(person.prelast_names + person.last_names)) for person in people]
        short = f"{names[0]} et al." if len(names) > 2 else " and ".join(names)
        fields = {name: bare(value) for name, value in entry.fields.items()}
        inside = fields.get("journal") or fields.get("booktitle") or fields.get("publisher") or fields.get("howpublished") or ""
        numbers = f" {fields['volume']}" if "volume" in fields else ""
        pages = f", {fields['pages']}" if "pages" in fields else ""
        link = f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url", "")
        whole = f"{', '.join(names)} ({fields['year']}). {fields['title']}."
        whole += f" *{inside}*{numbers}{pages}." if inside else ""
        found[key] = short, fields["year"], whole + (f" <{link}>" if link else "")
    return found


def bare(text: str) -> str:
    """BibTeX's text without its braces and dashes."""
    from pybtex.richtext import Text

    return re.sub(r"--+", "–", str(Text.from_latex(text)))
