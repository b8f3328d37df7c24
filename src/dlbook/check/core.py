"""The language of checkers: `@exercise` makes `check.NAME` of a function that states what must hold of an answer.

    @exercise(
        first="Exponentiate the logits, then divide each row by its sum.",
        hints=["Which logit overflows first?", "z = logits - logits.max(axis=-1, keepdims=True)"],
        notice="Subtracting the maximum changes nothing but the overflow.",
    )
    def stable_softmax(student, rng):
        logits = rng.normal(size=sizes(rng, 2))
        p = student(logits)
        same_shape(p, logits)
        expect(np.isclose(p.sum(axis=-1), 1), "Each row must sum to 1.")
        same_values(student(logits + 1000), p, "Your answer changes when 1000 is added to every logit.")
        same_values(p, softmax(logits))

A checker reaches the student's code only by calling `student(arrays)`, so that a grader may run that code in another process.
"""

import ast
import difflib
import inspect
import linecache
import secrets
import sys
import textwrap
import warnings
from dataclasses import dataclass

import numpy as np

from ..settings import text
from .properties import (Failed, choice, describe, digits, expect, same_dtype, same_gradient, same_shape, same_values,
                         unlike, unpack, watch)

__all__ = ["EXERCISES", "Exercise", "NotAttempted", "NotYet", "UnknownExercise", "Wrong", "choice", "exercise", "expect",
           "find", "hint", "same_dtype", "same_gradient", "same_shape", "same_values", "sizes", "unlike", "unpack", "watch"]

EXERCISES = {}  # name -> Exercise, filled by @exercise


class _Short:
    """An error that a notebook shows as its message alone; nbgrader, nbval and pytest still see an error."""

    def _render_traceback_(self):
        return str(self).splitlines()


class NotYet(_Short, AssertionError):
    """The exercise is not solved."""


class NotAttempted(NotYet):
    """The stub is still a stub."""


class Wrong(NotYet):
    """The answer is wrong, and the message says how."""


class UnknownExercise(_Short, AttributeError):
    """There is no exercise, or no hint, of that name."""


def exercise(*, first, hints, notice):
    """Register the decorated function as the checker of the exercise of its name.

    first: what to try first, said of an untouched stub. hints: from where to look up to the line to write. notice: what
    to notice, said of a right answer. The checker takes one argument for each answer, and `rng` if it draws inputs.
    Raises ValueError if another chapter has an exercise of that name.
    """

    def register(checker):
        name = checker.__name__
        if name in EXERCISES and EXERCISES[name].checker.__module__ != checker.__module__:
            raise ValueError(f"exercise {name!r} is already checked in {EXERCISES[name].checker.__module__}: "
                             "give one of the two another name")
        EXERCISES[name] = Exercise(name, checker, first, tuple(hints), notice)
        return EXERCISES[name]

    return register


@dataclass(frozen=True)
class Exercise:
    """A checker with its words: call it with an answer to hear the verdict."""

    name: str
    checker: callable
    first: str
    hints: tuple
    notice: str

    def __call__(self, *answers, seed=None):
        """Say that the answer is right, or raise `Wrong` or `NotAttempted`; fresh inputs at each call, or those of `seed`."""
        self.judge(*answers, seed=seed)
        print(f"Yes. {self.notice}")

    def judge(self, *answers, seed=None):
        """Return nothing if the answer is right, raise `Wrong` or `NotAttempted` otherwise; print nothing."""
        drawn = secrets.randbelow(1_000_000) if seed is None else seed
        more = f'Stuck? hint("{self.name}", 1)'
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                self._run(answers, drawn)
        except NotImplementedError:
            raise NotAttempted(f"Not attempted yet. {self.first}\n{more}") from None
        except Failed as failed:
            if seed is None and self._draws:
                more += f" · The same numbers again: seed={drawn}"
            raise Wrong(f"Not yet. {failed}\n{more}") from failed.__cause__

    @property
    def _draws(self):
        return "rng" in inspect.signature(self.checker).parameters

    def _run(self, answers, seed):
        """Run the checker; whatever goes wrong becomes NotImplementedError (not attempted) or Failed (wrong)."""
        if any(answer is None or answer is ... for answer in answers):
            raise NotImplementedError
        students = [Student(answer) if callable(answer) else _copy(answer) for answer in answers]
        try:
            self.checker(*students, **({"rng": np.random.default_rng(seed)} if self._draws else {}))
        except (Exception, SystemExit) as error:
            if isinstance(error, NotImplementedError) or any(map(_has_gap, answers)):
                raise NotImplementedError from None
            if isinstance(error, Failed):
                raise
            raise Failed(self._explain(error, answers, students)) from error

    def _explain(self, error, answers, students):
        """Say what an exception means, be it from the student's code or from the checker, because of what that code returned."""
        said = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
        functions = [s for s in students if isinstance(s, Student)]
        wanted = [name for name in inspect.signature(self.checker).parameters if name != "rng"]
        if len(answers) != len(wanted):
            return f"You gave {len(answers)} answers, expected {len(wanted)}: `check.{self.name}({', '.join(wanted)})`."
        if not functions and "not callable" in said:
            return f"Give the function itself, without calling it: `check.{self.name}({self.name})`."
        running, line = [s for s in functions if s.running], _line(error, answers)
        if line or running:
            return f"Your code raised {said}{line}.{f' Its input: {running[0].inputs}.' if running else ''}"
        given = [describe(s.output) for s in functions] or [describe(answer) for answer in answers]
        return f"The check cannot use {' and '.join(given)} as an answer ({said})."


class Student:
    """The student's function: runs on copies of its arguments and must leave them as they were."""

    def __init__(self, function):
        self.function, self.running, self.inputs, self.output = function, False, "", None

    def __call__(self, *args, **settings):
        given = _copy([args, settings])
        self.inputs = ", ".join([_brief(a) for a in args] + [f"{k}={_brief(v)}" for k, v in settings.items()])
        self.running = True  # stays so if the function raises
        self.output = self.function(*given[0], **given[1])
        self.running = False
        if self.output is ...:
            raise NotImplementedError
        if self.output is None:
            raise Failed("Your function returns None. Does every way through it end in `return`?")
        if not _equal(given, [args, settings]):
            raise Failed("Your function changes its input. It must leave its inputs alone: compute into a new array, "
                         "not with `x += ...` or `x[i] = ...`.")
        return self.output

    def __getattr__(self, name):
        return getattr(self.function, name)


def sizes(rng, n, low=2, high=9):
    """Draw `n` distinct sizes from low to high inclusive, lest two dimensions be mistaken for each other.

    >>> B, T, C = sizes(np.random.default_rng(0), 3)
    >>> len({B, T, C})
    3
    """
    return tuple(int(k) for k in rng.choice(np.arange(low, high + 1), size=n, replace=False))


def find(name):
    """Return the exercise `name`; raises UnknownExercise with the nearest names."""
    if text("name", name) in EXERCISES:
        return EXERCISES[name]
    near = difflib.get_close_matches(name, EXERCISES, n=3) or sorted(EXERCISES)[:3]
    raise UnknownExercise(f"There is no exercise {name!r}.{' Did you mean ' + ' or '.join(near) + '?' if near else ''}")


def hint(name, number=1):
    """Print one hint of an exercise: the first says where to look, the last shows the line to write."""
    hints = find(name).hints
    if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number not in range(1, len(hints) + 1):
        raise UnknownExercise(f'{name} has {len(hints)} hints, 1 to {len(hints)}; there is no hint {number!r}.')
    print(f"Hint {number} of {len(hints)}: {hints[number - 1]}")


def _copy(value):
    """A copy of the arrays and containers in `value`; other things, such as a generator, pass as they are."""
    if isinstance(value, np.ndarray):
        return value.copy(order="K")
    if type(value) in (list, tuple):
        return type(value)(map(_copy, value))
    return {k: _copy(v) for k, v in value.items()} if type(value) is dict else value


def _equal(a, b):
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if type(a) in (list, tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(_equal, a, b))
    if type(a) is dict:
        return type(b) is dict and a.keys() == b.keys() and all(_equal(a[k], b[k]) for k in a)
    return a is b or type(a) is type(b)


def _brief(value):
    if isinstance(value, (int, float, np.generic)):
        return digits(value)
    return f"array {value.shape}" if isinstance(value, np.ndarray) else repr(value)[:30]


def _has_gap(answer):
    """Whether the source of a function or class still holds a `...` that is not a subscript."""
    if isinstance(known := getattr(answer, "has_gap", None), bool):  # a function in another process: dlbook.grade
        return known
    if inspect.isclass(answer):
        return any(_has_gap(part) for part in vars(answer).values() if inspect.isfunction(part))
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(answer)))
    except (TypeError, OSError, SyntaxError):
        return False
    subscripts = {id(n) for s in ast.walk(tree) if isinstance(s, ast.Subscript) for n in ast.walk(s.slice)}
    return any(isinstance(n, ast.Constant) and n.value is ... and id(n) not in subscripts for n in ast.walk(tree))


def _line(error, answers):
    """Where in the student's code the error arose: the last frame that shares the namespace of an answer."""
    if isinstance(known := getattr(error, "line", None), str):  # it arose in another process: dlbook.grade
        return known
    functions = [inspect.unwrap(answer) for answer in answers if callable(answer)]
    spaces = [id(getattr(f, "__globals__", None) or vars(sys.modules.get(f.__module__, object))) for f in functions]
    found, trace = "", error.__traceback__
    while trace:
        code = trace.tb_frame.f_code
        if id(trace.tb_frame.f_globals) in spaces:
            text = linecache.getline(code.co_filename, trace.tb_lineno).strip()
            found = f", in line {trace.tb_lineno}" + (f", `{text}`" if text else "")
        trace = trace.tb_next
    return found
