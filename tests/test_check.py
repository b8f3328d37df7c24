"""The language of checkers, on the exercises of tests/example_chapter.md, and what every exercise of the book must have."""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from exercises import CHAPTERS, Proof, prove, published, swap

from dlbook import check
from dlbook.check import hint
from dlbook.check.core import (EXERCISES, Exercise, NotAttempted, NotYet, UnknownExercise, Wrong, choice, exercise, expect,
                               same_dtype, same_gradient, same_shape, same_values, sizes, unlike, unpack, watch)
from dlbook.check.properties import Failed

EXAMPLE = Path(__file__).with_name("example_chapter.md")


# ---- an example: three exercises, their checkers, their proofs ------------------------------------------------------

@exercise(
    first="Exponentiate each logit, then divide every row by its sum.",
    hints=["Which logit overflows first?", "e = np.exp(z - z.max(axis=-1, keepdims=True))"],
    notice="Subtracting the maximum changes nothing but the overflow.",
)
def example_softmax(student, rng):
    z = rng.normal(size=sizes(rng, 2))
    p = student(z)
    same_shape(p, z)
    expect(np.isclose(p.sum(axis=-1), 1), "Each row must sum to 1.")
    same_values(student(z + 1000), p, "Your answer changes when 1000 is added to every logit: subtract the maximum first.")
    same_values(p, np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True))


@exercise(
    first="Choose one of the three.",
    hints=["Half of the signal is cut off.", "Multiply one half thirty times."],
    notice="It halves thirty times.",
)
def example_prediction(answer):
    choice(answer, "shrink", {"grow": "What would make it larger?", "stay": "A ReLU sets half of the numbers to zero."})


@exercise(
    first="Start with `__call__`.",
    hints=["A batch is rows.", "return x @ self.w + self.b"],
    notice="The gradient does not need w.",
)
def example_neuron(neuron, gradient, rng):
    B, I = sizes(rng, 2)
    x, w, b = rng.normal(size=(B, I)), rng.normal(size=I), rng.normal()
    same_values(neuron(w, b)(x), x @ w + b, name="The output")
    same_gradient(gradient(x), lambda w: (x @ w + b).sum(), w)


class Doubled:
    def __init__(self, w, b):
        self.w, self.b = w, b

    def __call__(self, x):
        return 2 * (x @ self.w + self.b)


def total(x):
    return np.ones(len(x)) @ x


class Plain(Doubled):
    def __call__(self, x):
        return np.array([row @ self.w for row in x]) + self.b


TABLE = {
    "example_softmax": Proof(
        alternative=lambda z: (lambda e: (e / e.sum(axis=0)).T)(np.exp((z - z.max()).T)),
        wrong={
            "overflows": (swap("shifted(z)", "z"), "1000 is added"),
            "one sum for all rows": (swap("e.sum(axis=-1, keepdims=True)", "e.sum()"), "sum to 1"),
            "transposed": (lambda z: softmax(z).T, "Is it transposed?"),
            "base two": (swap("np.exp", "np.exp2"), "expected"),
            "a list": (lambda z: list(z), "`np.array(...)`"),
        },
        equivalent={"line 5: `-1` -> `1`": "of two axes the last is the second"}),
    "example_prediction": Proof(
        alternative=" Shrink",
        wrong={
            "grows": ("grow", "larger"),
            "stays": ("stay", "half of the numbers"),
            "a number": (3, "one of 'grow', 'shrink', 'stay'"),
        }),
    "example_neuron": Proof(
        alternative=(Plain, total),
        wrong={
            "twice": ((Doubled, total), "2 times what it should be"),
            "no bias": (swap(" + self.b", ""), "The output"),
            "mean": (swap("x.sum(axis=0)", "x.mean(axis=0)"), "relative error"),
        }),
}

test_example = prove(EXAMPLE, TABLE)


@pytest.mark.parametrize("broken, complaint", [
    (Proof(wrong={}), "second, differently written"),
    (Proof(alternative="stay", wrong={}), "half of the numbers"),
    (Proof(alternative="shrink", wrong={"grows": ("grow", "larger")}), "three wrong answers"),
    (Proof(alternative="shrink", wrong={"a": ("grow", "larger"), "b": ("stay", "half"), "c": ("shrink", "")}), "'c' passes"),
    (Proof(alternative="shrink", wrong={"a": ("grow", "larger"), "b": ("stay", "larger"), "c": (3, "")}), "'b', seed=1"),
    (Proof(alternative="shrink", wrong={"a": (swap("growing", ""), ""), "b": ("stay", ""), "c": (3, "")}), "stands 0 times"),
])
def test_a_broken_table_is_red(broken, complaint):
    table = TABLE | {"example_prediction": broken}
    with pytest.raises((AssertionError, NotYet), match=complaint):
        for step in ("solution", "alternative", "stub", "wrong", "properties"):
            prove(EXAMPLE, table)("example_prediction", step)


def test_a_table_must_name_every_exercise():
    with pytest.raises(AssertionError, match="example_neuron"):
        prove(EXAMPLE, {name: TABLE[name] for name in list(TABLE)[:2]})("example_softmax", "solution")


@pytest.mark.parametrize("needless", ["transposed", "overflows", "one sum for all rows"])
def test_deleting_a_property_turns_a_test_red(needless):
    wrong = {name: row for name, row in TABLE["example_softmax"].wrong.items() if name not in (needless, "a list")}
    with pytest.raises(AssertionError, match="no wrong answer needs the property in line"):
        prove(EXAMPLE, TABLE | {"example_softmax": Proof(wrong=wrong)})("example_softmax", "properties")


def test_a_stub_that_is_no_stub_is_red(tmp_path):
    text = EXAMPLE.read_text(encoding="utf-8").replace('prediction = ...', 'prediction = "stay"')
    (tmp_path / "chapter.md").write_text(text, encoding="utf-8")
    with pytest.raises(Wrong):
        prove(tmp_path / "chapter.md", TABLE)("example_prediction", "stub")


def test_noise_on_stderr_is_red():
    with pytest.raises(AssertionError, match="stderr: hello"):
        table = TABLE | {"example_prediction": Proof(alternative=Loud("shrink"), wrong={})}
        prove(EXAMPLE, table)("example_prediction", "alternative")


class Loud(str):
    def strip(self):
        print("hello", file=sys.stderr)
        return str(self)


def test_published_gives_the_chapter_text():
    softmax = published(EXAMPLE)["example_softmax"]
    assert softmax.stub.endswith('"""The softmax of each row of z (N, K)."""\n    ...')
    assert "shifted" in softmax.before and "size" not in softmax.before
    assert published(EXAMPLE)["example_neuron"].arguments == ("Neuron", "gradient")


@pytest.mark.parametrize("old, new, complaint", [
    ("check.example_prediction(prediction)", "pass", "no check after it"),
    ("### BEGIN SOLUTION", "### SOLUTION", "no solution region"),
    ("### END SOLUTION", "### SOLUTION", "a solution begins inside another|never ends"),
    ("tags: [exercise, hide-input]", "tags: []", "follows no exercise cell"),
])
def test_a_malformed_chapter_is_refused(tmp_path, old, new, complaint):
    (tmp_path / "chapter.md").write_text(EXAMPLE.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises((AssertionError, ValueError), match=complaint):
        published(tmp_path / "chapter.md")


# ---- the three outcomes ---------------------------------------------------------------------------------------------

def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def verdict(*answers, of=None, **settings):
    with pytest.raises(NotYet) as caught:
        (of or check.example_softmax)(*answers, **settings)
    return str(caught.value)


def test_right(capsys):
    check.example_softmax(softmax)
    assert capsys.readouterr() == ("Yes. Subtracting the maximum changes nothing but the overflow.\n", "")


def stub(z):
    """What to write."""
    ...


def raising(z):
    raise NotImplementedError


def half_done(z):
    e = np.exp(z)
    return e / ...


class HalfDone(Doubled):
    def __call__(self, x):
        y = ...


@pytest.mark.parametrize("answer", [None, ..., stub, raising, half_done, lambda z: ...])
def test_not_attempted(answer):
    with pytest.raises(NotAttempted) as caught:
        check.example_softmax(answer)
    assert str(caught.value) == ('Not attempted yet. Exponentiate each logit, then divide every row by its sum.\n'
                                 'Stuck? hint("example_softmax", 1)')


def test_a_class_with_a_gap_is_not_attempted():
    with pytest.raises(NotAttempted):
        check.example_neuron(HalfDone, total)


def returns_nothing(z):
    z = softmax(z)


def spoils_its_input(z):
    z -= z.max(axis=-1, keepdims=True)
    return softmax(z)


def raises(z):
    return z @ z


def warns_and_complains(z):
    import warnings
    warnings.warn("look out")
    return np.log(-softmax(z))  # nan, and NumPy's own warning


@pytest.mark.parametrize("answer, says", [
    (returns_nothing, "returns None. Does every way through it end in `return`?"),
    (spoils_its_input, "changes its input. It must leave its inputs alone"),
    (raises, "Your code raised ValueError: matmul: "),
    (raises, f", in line {raises.__code__.co_firstlineno + 1}, `return z @ z`. Its input: array ("),
    (warns_and_complains, "Each row must sum to 1."),
    (lambda: 0, "takes 0 positional arguments but 1 was given"),
    (lambda z: sys.exit(), "Your code raised SystemExit"),
    (lambda z: softmax(z).tolist(), "a list of length"),
    (lambda z: "p", "the text 'p', expected numbers"),
    (lambda z: z.sum(), "has shape (), expected shape ("),
    (lambda z: softmax, "a function, softmax; call it"),
    (softmax(np.eye(3)), "Give the function itself, without calling it: `check.example_softmax(example_softmax)`"),
])
def test_wrong(answer, says, capsys):
    message = verdict(answer)
    assert message.startswith("Not yet. ") and says in message
    assert re.fullmatch(r'Stuck\? hint\("example_softmax", 1\) · The same numbers again: seed=\d+', message.split("\n")[1])
    assert capsys.readouterr().err == ""


def test_a_tensor_is_named():
    from dlbook.autograd import Tensor
    message = verdict(lambda z: Tensor(z))
    assert "a Tensor of shape (" in message and "give the array inside it: `.data`" in message


def test_too_few_answers():
    message = verdict(Plain, of=check.example_neuron)
    assert "You gave 1 answers, expected 2: `check.example_neuron(neuron, gradient)`" in message


def test_unusable_answers_are_described():
    @exercise(first="-", hints=["-"], notice="-")
    def example_unusable(answer):
        expect(answer.sum() == 1, "-")
    try:
        assert "cannot use the text 'x' as an answer (AttributeError" in verdict("x", of=example_unusable)
    finally:
        del EXERCISES["example_unusable"]


def test_the_line_is_found_in_a_helper_of_the_student():
    def example(z):
        return raises(z)
    assert "`return z @ z`" in verdict(example)


def test_inputs_are_fresh_unless_seeded():
    seen = []
    for seed in (None, None, 5, 5):
        with contextlib.suppress(Wrong):
            check.example_softmax.judge(lambda z: seen.append(z) or z, seed=seed)
    a, b, c, d = (z.tobytes() for z in seen)
    assert a != b and c == d
    assert "seed=" not in verdict(lambda z: z, seed=5)


def test_answers_are_passed_as_copies():
    answer = np.ones(3)
    meddling = Exercise("meddling", lambda given: given.fill(0), "-", ("-",), "-")
    meddling.judge(answer)
    assert (answer == 1).all()


def test_a_notebook_shows_two_lines_and_still_fails():
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    cells = ["from dlbook import check\nfrom dlbook.check import hint\nfrom dlbook.check.core import exercise, expect",
             "@exercise(first='Write it.', hints=['a'], notice='n')\n"
             "def example_cell(student):\n    expect(student(1) == 2, 'One more.')",
             "check.example_cell(lambda x: x)", "check.example_cell(...)", "hint('example_cel')", "check.exampel_cell",
             "check.example_cell(lambda x: x + 1)", "def f(x):\n    y = 0\n    return x / y", "check.example_cell(f)"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    nbclient.NotebookClient(notebook, kernel_name="python3", allow_errors=True).execute()
    wrong, stub, no_hint, no_check, right, _, line = (cell.outputs for cell in notebook.cells[2:])
    stuck = 'Stuck? hint("example_cell", 1)'
    errors = [(error.output_type, error.ename, error.traceback) for error, in (wrong, stub, no_hint, no_check, line)]
    assert errors == [
        ("error", "Wrong", ["Not yet. One more.", stuck]),
        ("error", "NotAttempted", ["Not attempted yet. Write it.", stuck]),
        ("error", "UnknownExercise", ["There is no exercise 'example_cel'. Did you mean example_cell?"]),
        ("error", "UnknownExercise", ["There is no exercise 'exampel_cell'. Did you mean example_cell?"]),
        ("error", "Wrong", ["Not yet. Your code raised ZeroDivisionError: division by zero, in line 3, `return x / y`. "
                            "Its input: 1.", stuck]),
    ]
    assert [(output.name, output.text) for output in right] == [("stdout", "Yes. n\n")]


# ---- properties -----------------------------------------------------------------------------------------------------

A = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("property, says", [
    (lambda: expect(np.array([True, False]), "no"), "no"),
    (lambda: same_shape(A.T, A), "Your answer has shape (3, 2), expected shape (2, 3). Is it transposed?"),
    (lambda: same_shape(A, (), name="b"), "b has shape (2, 3), expected a single number."),
    (lambda: same_shape([1, 2], (2,)), "Your answer is a list of length 2; make it an array: `np.array(...)`."),
    (lambda: same_dtype(A, int), "Your answer has dtype float64, expected int."),
    (lambda: same_dtype(A, np.float32), "Your answer has dtype float64, expected float32."),
    (lambda: same_values(A + [0, 0, 1], A), "Your answer has 3 at [0, 2], expected 2 (2 of 6 entries differ)."),
    (lambda: same_values(3.14, 3.141592), "Your answer is 3.14, expected 3.142."),
    (lambda: same_values(3.1415921, 3.141592), "Your answer is 3.1415921, expected 3.141592."),
    (lambda: same_values(-A, A), "The sign is wrong."),
    (lambda: same_values(A / 4, A), "Every entry is 0.25 times what it should be."),
    (lambda: same_values(A - 2, A), "Every entry is 2 too small."),
    (lambda: same_values((A[:, :2]).T, A[:, :2]), "It is the transpose of what is expected."),
    (lambda: same_values(A * np.nan, A, "Look:"), "Look: Your answer has nan at [0, 0], expected 0 (6 of 6 entries differ)."),
    (lambda: same_values(np.array([True, False]), np.array([True, True])), "Your answer has False at [1], expected True."),
    (lambda: same_values(np.array([1, 2]), np.array([1, 3])), "Your answer has 2 at [1], expected 3."),
    (lambda: same_values(np.array([[1, 2], [3]], dtype=object), A), "expected numbers"),
    (lambda: same_gradient(A, lambda x: (x**2).sum(), A),
     "Your gradient is off by a relative error of 3e-01. Your gradient has 1 at [0, 1], finite differences give 2 "
     "(5 of 6 entries differ). Every entry is 0.5 times what it should be."),
    (lambda: same_gradient(A * np.nan, lambda x: (x**2).sum(), A), "relative error of nan"),
    (lambda: unlike(A.astype(np.float32) / 3, A / 3, "You divide by three."), "You divide by three."),
    (lambda: unpack(A, "w", "b"), "Return 2 things, `w, b`; you returned an array of shape (2, 3) and dtype float64."),
    (lambda: choice("maybe", "yes", {"no": "Why?"}), "Answer with one of 'no', 'yes'; yours is the text 'maybe'."),
    (lambda: choice("No", "yes", {"no": "Why?"}), "Why?"),
])
def test_a_property_says_how_it_fails(property, says):
    with pytest.raises(Failed) as caught:
        property()
    assert says in str(caught.value)


def test_properties_that_hold_are_silent():
    expect(A >= 0, "")
    same_shape(A, A), same_shape(3.0, ()), same_shape(A, (2, 3))
    same_dtype(A, float), same_dtype(np.ones(2, np.float32), np.float32)
    same_dtype(np.array([1]), int), same_dtype(A > 0, bool)
    same_values(A, A), same_values(A + 1e-12, A), same_values(A.astype(np.float32) / 3, A / 3), same_values(2, 2.0)
    same_values([np.nan, np.inf] * np.ones(2), np.array([np.nan, np.inf]))
    same_gradient(2 * A, lambda x: (x**2).sum(), A), same_gradient(np.zeros((2, 3)), lambda x: 1.0, A)
    unlike(A, A + 0.1, ""), unlike(A, A.T, ""), unlike(0.5, 5, "")
    assert unpack([1, 2], "w", "b") == (1, 2)


def test_small_differences_count_relative_to_the_largest_entry():
    same_values(np.array([1e-12, 1.0]), np.array([0.0, 1.0]))
    with pytest.raises(Failed):
        same_values(np.array([1e-6, 1.0]), np.array([0.0, 1.0]))


def test_watch_lists_and_skips_places():
    def checker():
        expect(True, "first")
        expect(False, "second")
    with watch() as places, pytest.raises(Failed):
        checker()
    assert [line - checker.__code__.co_firstlineno for _, line, _ in places] == [1, 2]
    with watch(skip=places[1]):
        checker()
    with pytest.raises(Failed):
        checker()


def test_sizes_are_distinct():
    for seed in range(50):
        drawn = sizes(np.random.default_rng(seed), 5, low=3, high=7)
        assert sorted(drawn) == [3, 4, 5, 6, 7]


# ---- hints and names ------------------------------------------------------------------------------------------------

def test_hints(capsys):
    hint("example_softmax")
    hint("example_softmax", 2)
    assert capsys.readouterr().out == ("Hint 1 of 2: Which logit overflows first?\n"
                                       "Hint 2 of 2: e = np.exp(z - z.max(axis=-1, keepdims=True))\n")


@pytest.mark.parametrize("ask, says", [
    (lambda: hint("example_softmaks"), "There is no exercise 'example_softmaks'. Did you mean example_softmax or "),
    (lambda: check.example_softmaks, "There is no exercise 'example_softmaks'. Did you mean example_softmax or "),
    (lambda: hint("example_softmax", 3), "example_softmax has 2 hints, 1 to 2; there is no hint 3."),
    (lambda: hint("example_softmax", 0), "there is no hint 0."),
])
def test_unknown_names(ask, says):
    with pytest.raises(UnknownExercise) as caught:
        ask()
    assert says in str(caught.value) and caught.value._render_traceback_() == [str(caught.value)]


def test_two_chapters_cannot_share_a_name():
    def example_softmax(student): ...
    example_softmax.__module__ = "elsewhere"
    with pytest.raises(ValueError, match="'example_softmax' is already checked in test_check"):
        exercise(first="-", hints=["-"], notice="-")(example_softmax)


# ---- what every exercise of the book must have ----------------------------------------------------------------------

def in_the_book():
    return [e for e in EXERCISES.values() if e.checker.__module__.startswith("dlbook.")]


def test_every_exercise_speaks():
    for e in in_the_book():
        texts = [e.first, e.notice, *e.hints]
        assert len(e.hints) >= 2 and all(text.strip() == text != "" for text in texts), e.name
        assert "\n" not in e.first + e.notice, e.name
        assert getattr(check, e.name) is e, f"{e.name} is also the name of a module of dlbook.check: rename the exercise"


def test_every_exercise_is_proved_by_its_chapter():
    checked = {e.name for e in in_the_book()}
    found = set()
    for chapter in sorted(CHAPTERS.rglob("*.md")):
        names = set(published(chapter))
        slug = chapter.stem.replace("-", "_")
        proofs = Path(__file__).with_name(f"test_exercises_{slug}.py")
        assert not names or proofs.exists(), f"{chapter.name} has exercises and no proofs: write tests/{proofs.name}"
        assert all(EXERCISES[name].checker.__module__ == f"dlbook.check.{slug}" for name in names), chapter
        found |= names
    assert found == checked


def test_the_package_stays_light():
    code = "import sys, dlbook.check; print([m for m in ('matplotlib', 'ipywidgets', 'IPython') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
