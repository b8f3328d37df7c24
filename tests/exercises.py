"""Prove the exercises of a chapter: a short table, and every promise of the design becomes a test.

    from exercises import Proof, prove, swap

    test_exercises = prove("01-foundations/perceptron", {
        "he_std": Proof(
            alternative=lambda fan_in: (2 / fan_in) ** 0.5,
            wrong={
                "forgets the ReLU": (swap("2 / fan_in", "1 / fan_in"), "halves it"),
                "root of the numerator only": (lambda fan_in: np.sqrt(2) / fan_in, "needs more"),
                "returns the variance": (lambda fan_in: 2 / fan_in, "standard deviation"),
            }),
    })

A wrong answer is an answer, or an edit of the published solution; beside it stands a piece of the message it must get.
Where a check takes several answers, an answer is a tuple of them. For each exercise: the solution printed in the chapter
and the alternative pass on three seeds, the stub is reported as not attempted, every wrong answer gets its message,
nothing is written to stderr, and deleting any one property of the checker would deny some wrong answer its message.
Mutants of the solution (tests/mutants.py) are rejected, but for those that `equivalent` lists with the reason: they are right.
"""

import ast
import contextlib
import io
import linecache
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jupytext
import numpy as np
import pytest

from dlbook import check
from dlbook.check.core import NotAttempted, Wrong, watch
from mutants import at_most, mutants
from tools.bookpage import stub

CHAPTERS = Path(__file__).parents[1] / "chapters"
SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Proof:
    """One row of the table: wrong maps a name to (answer, piece of the message); given are values that the cell takes from
    the chapter before it. Imports, functions and classes of the chapter are there without being given.
    """

    wrong: dict
    alternative: Any = None
    given: dict = field(default_factory=dict)
    equivalent: dict = field(default_factory=dict)  # mutant -> why it is no mistake


@dataclass(frozen=True)
class swap:
    """A wrong answer made from the published solution by replacing `old`, which stands in it once, by `new`."""

    old: str
    new: str


@dataclass(frozen=True)
class Published:
    """An exercise as its chapter prints it: the source of its cell, the arguments of its check, the definitions before it."""

    name: str
    source: str
    arguments: tuple
    before: str

    @property
    def stub(self):
        return stub(self.source)

    def answers(self, source, given):
        """Run a version of the cell as a notebook would, and return what the chapter gives to its check."""
        space = {"__name__": f"exercise_{self.name}", **given}
        for text in (self.before, source):
            file = f"<{self.name} {hash(text):x}>"
            linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file  # as IPython does
            exec(compile(text, file, "exec"), space)
        return [eval(argument, space) for argument in self.arguments]


def published(path):
    """The exercises of a chapter by name: each cell tagged `exercise`, and the check after it."""
    found, before, pending = {}, [], None
    if "\nkernelspec:" not in Path(path).read_text(encoding="utf-8"):
        return found  # a page without code of its own: what it quotes are commands for a terminal
    for cell in jupytext.read(path).cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type != "code":
            continue
        if "exercise" in tags:
            assert pending is None, f"{path}: an exercise cell has no check after it:\n{pending}"
            assert "### BEGIN SOLUTION" in cell.source, f"{path}: no solution region in\n{cell.source}"
            stub(cell.source)  # raises ValueError if a region is not closed
            pending = cell.source
            continue
        for name, arguments in _checks(cell.source):
            assert pending is not None and name not in found, f"{path}: check.{name} follows no exercise cell of its own"
            found[name], pending = Published(name, pending, arguments, "\n".join(before)), None
        before += _definitions(cell.source)
    assert pending is None, f"{path}: an exercise cell has no check after it:\n{pending}"
    return found


def prove(chapter, table):
    """Return the test of all exercises of a chapter such as "01-foundations/perceptron"; a path to an .md file will do."""
    path = Path(chapter) if str(chapter).endswith(".md") else CHAPTERS / f"{chapter}.md"
    steps = {"solution": _solution, "alternative": _alternative, "stub": _stub, "wrong": _wrong, "properties": _properties,
             "mutants": _mutants}

    @pytest.mark.parametrize("step", steps)
    @pytest.mark.parametrize("name", table)
    def test(name, step):
        exercises = published(path)
        assert set(exercises) == set(table), f"the table and {path.name} differ in {set(exercises) ^ set(table)}"
        quiet = io.StringIO()
        with contextlib.redirect_stderr(quiet):
            steps[step](getattr(check, name), exercises[name], table[name])
        assert not quiet.getvalue(), f"stderr: {quiet.getvalue()}"

    return test


def _solution(exercise, text, proof):
    _passes(exercise, text.answers(text.source, proof.given))


def _alternative(exercise, text, proof):
    assert proof.alternative is not None, "a second, differently written solution is missing"
    _passes(exercise, proof.alternative if isinstance(proof.alternative, tuple) else (proof.alternative,))


def _stub(exercise, text, proof):
    for seed in SEEDS:
        with pytest.raises(NotAttempted):
            exercise.judge(*text.answers(text.stub, proof.given), seed=seed)


def _wrong(exercise, text, proof):
    assert len(proof.wrong) >= 3, "three wrong answers at least"
    for name in proof.wrong:
        for seed in SEEDS:
            message = _message(exercise, text, proof, name, seed)
            assert message is not None, f"{name!r} passes with seed={seed}"
            assert proof.wrong[name][1] in message, f"{name!r}, seed={seed}: {message}"
            assert message.count("\n") <= 1, f"{name!r}: more than two lines"


def _properties(exercise, text, proof):
    places = set()
    for seed in SEEDS:
        with watch() as seen:
            exercise.judge(*text.answers(text.source, proof.given), seed=seed)
        places.update(seen)
    assert places, "the checker has no property"
    for place in sorted(places):
        with watch(skip=place):
            tries = ((name, piece, seed) for name, (_, piece) in proof.wrong.items() for seed in SEEDS)
            missed = any(piece not in (_message(exercise, text, proof, name, seed) or "") for name, piece, seed in tries)
        assert missed, (f"no wrong answer needs the property in line {place[1]} of {place[0]}: "
                        "delete it, or add the wrong answer it is there for")


def _mutants(exercise, text, proof):
    survivors = [name for name, source in mutants(text.source) if _survives(exercise, text, proof, source)]
    assert survivors == [name for name in survivors if name in proof.equivalent], f"these pass: {survivors}"
    assert set(proof.equivalent) == set(survivors), f"no such survivor: {set(proof.equivalent) - set(survivors)}"


def _survives(exercise, text, proof, source):
    """Whether a mutant passes on every seed."""
    try:
        with at_most(20):
            answers = text.answers(source, proof.given)
            for seed in SEEDS:
                exercise.judge(*answers, seed=seed)
    except Exception:  # rejected by the check, or by Python
        return False
    return True


def _passes(exercise, answers):
    for seed in SEEDS:
        kept = [a.copy() if isinstance(a, np.ndarray) else a for a in answers]
        exercise.judge(*answers, seed=seed)
        same = (np.array_equal(a, b) for a, b in zip(answers, kept) if isinstance(a, np.ndarray))
        assert all(same), "the check changed its input"


def _message(exercise, text, proof, name, seed):
    """What the check says of a wrong answer; None if it is content."""
    answer = proof.wrong[name][0]
    if isinstance(answer, swap):
        times = text.source.count(answer.old)
        assert times == 1, f"{answer.old!r} stands {times} times in the solution of {text.name}"
        answer = tuple(text.answers(text.source.replace(answer.old, answer.new), proof.given))
    try:
        exercise.judge(*(answer if isinstance(answer, tuple) else (answer,)), seed=seed)
    except Wrong as wrong:
        return str(wrong)


def _checks(source):
    """The calls check.NAME(...) in a cell: name, and its arguments as text."""
    for node in ast.walk(ast.parse(_python(source))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="check"), attr=name)):
                yield name, tuple(ast.unparse(argument) for argument in node.args)


def _definitions(source):
    """The imports, functions and classes of a cell: what a solution may use of the text before it."""
    kinds = ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef
    return [ast.unparse(node) for node in ast.parse(_python(source)).body if isinstance(node, kinds)]


def _python(source):
    return "\n".join("" if line.startswith(("%", "!")) else line for line in source.splitlines())
