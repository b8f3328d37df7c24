"""The readers' documents: what they tell somebody to type exists, and what they show works."""

import ast
import re

import pytest
import yaml
from exercises import Proof, prove, swap

import dlbook
from dlbook import cli
from dlbook.check import core
from tools import book

pytestmark = pytest.mark.book

DOCUMENTS = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_exist(root, name):
    text = (root / name).read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    commands = {command.__name__ for command in book.COMMANDS}
    asked = set(re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE))
    assert asked
    assert asked <= targets
    assert set(re.findall(r"-m tools\.book ([a-z]+)", text)) <= commands


def test_the_table_pairs_each_target_with_what_it_runs(root):
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `make (\w+)` \| `python -m tools\.book (\w+)` \|$", (root / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) >= 6
    for target, command in rows:
        assert re.search(rf"^{target}:.*\n\t@\$\(BOOK\) {command}$", makefile, re.MULTILINE), target


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files(root, name):
    for address in re.findall(r"\]\(([^)]+)\)", (root / name).read_text(encoding="utf-8")):
        assert address.startswith("https://") or (root / address).exists(), address


def test_the_folders_named_in_the_readme_are_there(root):
    listing = re.search(r"## What is where\n\n```\n(.*?)```", (root / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    names = [line.split()[0] for line in listing.splitlines()]
    assert len(names) >= 5
    assert all((root / name).is_dir() for name in names)


def test_the_example_of_the_readme_reads_digits(root, capsys):
    (example,) = blocks((root / "README.md").read_text(encoding="utf-8"), "python")
    exec(example, {})
    share = int(re.match(r"(\d+)% of 10,000 test digits\n$", capsys.readouterr().out)[1])
    assert share >= 90


def test_the_commands_of_the_readme_work_in_an_empty_folder(root, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = [line.split("#")[0].split()[1:] for block in blocks((root / "README.md").read_text(encoding="utf-8"), "sh")
             for line in block.splitlines() if line.startswith("dlbook ")]
    assert {words[0] for words in lines} >= {"data", "train", "predict", "bench"}
    for words in lines:
        assert cli.main(words) == 0, words
        out, err = capsys.readouterr()
        assert err == "" and len(out.splitlines()) > 1, words
    assert sorted(file.name for file in tmp_path.iterdir()) == ["answers.csv", "digits.npz", "model.npz"]


def test_the_exercise_of_contributing_works(root, tmp_path):
    """The chapter cells, the checker and the proof that an author is told to write, put together."""
    text = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (cells,) = [block for block in re.findall(r"^````\n(.*?)^````", text, re.DOTALL | re.MULTILINE) if "exercise-start" in block]
    chapter = tmp_path / "chapter.md"
    start = "```{code-cell} ipython3\nimport numpy as np\nfrom dlbook import check\n```\n"
    chapter.write_text(f"---\nkernelspec:\n  name: python3\n  display_name: Python 3\n---\n\n{start}\n{cells}", encoding="utf-8")
    checker, proof = blocks(text, "python")
    before = set(core.EXERCISES)
    try:
        exec("import numpy as np\nfrom dlbook.check.core import *\n" + checker, {"__name__": "dlbook.check.contributing"})
        space = {"np": __import__("numpy"), "Proof": Proof, "swap": swap, "prove": lambda name, table: table}
        exec(proof, space)
        test = prove(str(chapter), space["test_exercises"])
        for step in ("solution", "alternative", "stub", "wrong", "properties"):
            test("unit_rows", step)
    finally:
        for name in set(core.EXERCISES) - before:
            del core.EXERCISES[name]


def test_examples_are_python(root):
    for name in DOCUMENTS:
        for block in blocks((root / name).read_text(encoding="utf-8"), "python"):
            ast.parse(block)


def test_the_citation_names_this_version_and_licence(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == dlbook.__version__
    assert citation["license"] == "BSD-3-Clause"
    assert "BSD 3-Clause" in (root / "LICENSE").read_text(encoding="utf-8")
    text = (root / "LICENSE-text").read_text(encoding="utf-8")
    assert all(f"Section {k} -- " in text for k in range(1, 9))
