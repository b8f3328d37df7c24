"""`dlbook predict`: right about every kind of file, and clear about those that do not fit."""

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest
from test_cli import call, sentence

from dlbook.cli import classifier, problems
from dlbook.cli import predict as command

has_matplotlib = pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="pictures need matplotlib")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a model of points and one of pictures."""
    place = tmp_path_factory.mktemp("models")
    rng = np.random.default_rng(0)
    moons = {"model": "linear", "shape": [2], "classes": ["lower", "upper"], "hidden": [], "dropout": 0, "data": "two_moons", "low": -1.0, "high": 2.0}
    classifier.save(classifier.Classifier(moons, rng=rng), place / "moons.npz")
    letters = {"model": "mlp", "shape": [1, 4, 4], "classes": ["I", "O", "T"], "hidden": [5], "dropout": 0, "data": "letters", "low": 0.0, "high": 1.0}
    classifier.save(classifier.Classifier(letters, rng=rng), place / "letters.npz")
    return place


@pytest.fixture(autouse=True)
def there(folder, tmp_path, monkeypatch):
    for name in ("moons.npz", "letters.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    monkeypatch.chdir(tmp_path)


def expected(model, x):
    """What the model says about the rows of x, as the command prints it."""
    model = classifier.load(model)
    p = model.probabilities(np.asarray(x, np.float32))
    return [f"{model.card['classes'][row.argmax()]} ({100 * row.max():.1f} %)" for row in p]


def answers(out):
    return [line.split(": ", 1)[1] for line in out.splitlines()]


X = np.array([[0.5, -0.25], [1.0, 2.0], [-1.0, 0.75]])


@pytest.mark.parametrize("write", [
    lambda: np.save("x.npy", X), lambda: np.save("x.npy", X.astype(np.float32)), lambda: np.savez("x.npz", only=X),
    lambda: np.savez("x.npz", x=X, y=np.arange(3)), lambda: np.savez_compressed("x.npz", x_test=X, x=X[:1]),
    lambda: np.savetxt("x.csv", X, delimiter=","), lambda: np.savetxt("x.csv", X, delimiter=",", header="a,b", comments=""),
    lambda: Path("x.csv").write_text("0.5, -0.25\r\n\r\n1,2\r\n-1,7.5e-1", encoding="utf-8-sig"),
])
def test_every_kind_of_file(capsys, write, tmp_path):
    write()
    [path] = tmp_path.glob("x.*")
    code, out, err = call(capsys, "predict", "moons.npz", path)
    assert code == 0 and err == "" and answers(out) == expected("moons.npz", X)
    assert out.splitlines()[1].startswith(f"{path.name} row 1: ")


@pytest.mark.parametrize("x, rows", [
    (np.random.default_rng(1).random((4, 4)), 1), (np.random.default_rng(1).random((2, 1, 4, 4)), 2),
    (np.random.default_rng(1).random((3, 4, 4)), 3), (np.random.default_rng(1).random(16), 1), (np.random.default_rng(1).random((5, 16)), 5),
])
def test_an_example_may_be_a_row_or_have_its_shape(capsys, x, rows):
    np.save("x.npy", x)
    if x.shape == (4, 4):  # four rows of four numbers are no picture unless the array says so
        code, _, err = call(capsys, "predict", "letters.npz", "x.npy")
        assert code == 1 and "(4, 4)" in sentence(err)
        return
    code, out, _ = call(capsys, "predict", "letters.npz", "x.npy")
    assert code == 0 and answers(out) == expected("letters.npz", x.reshape(rows, 16))


def test_bytes_are_pixels_and_invert_turns_them(capsys):
    pixels = np.random.default_rng(2).integers(0, 256, (3, 16), np.uint8)
    np.save("x.npy", pixels)
    assert answers(call(capsys, "predict", "letters.npz", "x.npy")[1]) == expected("letters.npz", pixels / np.float32(255))
    assert answers(call(capsys, "predict", "letters.npz", "x.npy", "--invert")[1]) == expected("letters.npz", 1 - pixels / np.float32(255))


@has_matplotlib
def test_a_picture(capsys):
    from matplotlib import image

    grey = np.random.default_rng(3).integers(0, 256, (4, 4), np.uint8)
    image.imsave("grey.png", np.stack([grey] * 3, axis=-1))  # matplotlib writes red, green, blue and opacity
    code, out, _ = call(capsys, "predict", "letters.npz", "grey.png")
    assert code == 0 and answers(out) == expected("letters.npz", grey.reshape(1, 16) / np.float32(255))
    image.imsave("large.png", np.zeros((5, 4)))
    code, _, err = call(capsys, "predict", "letters.npz", "large.png")
    assert code == 1 and "large.png holds an array (1, 5, 4)" in sentence(err) and "16 numbers (1 × 4 × 4)" in err


def test_a_picture_without_matplotlib(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    (tmp_path / "a.png").write_bytes(b"x")
    code, _, err = call(capsys, "predict", "letters.npz", "a.png")
    assert code == 1 and "type `pip install matplotlib`" in sentence(err)


@pytest.mark.parametrize("name, write, said", [
    ("x.npy", lambda: np.save("x.npy", np.zeros((3, 5))), "x.npy holds an array (3, 5); the model was trained on two_moons, whose examples are 2 numbers (2)"),
    ("x.npy", lambda: np.save("x.npy", np.zeros((0, 2))), "x.npy holds an array (0, 2)"),
    ("x.npy", lambda: np.save("x.npy", np.float64(3)), "x.npy holds an array ()"),
    ("x.npy", lambda: np.save("x.npy", np.array([["a", "b"]])), "where numbers were expected"),
    ("x.npy", lambda: np.save("x.npy", np.array([[1, np.nan], [0, 0]])), "x.npy row 0 holds nan, inf or more"),
    ("x.npy", lambda: np.save("x.npy", np.array([[0, 0], [1, 1e300]])), "x.npy row 1 holds nan, inf or more"),
    ("x.npy", lambda: np.save("x.npy", np.array([object()]), allow_pickle=True), "x.npy cannot be read: it is no array of plain numbers"),
    ("x.npy", lambda: Path("x.npy").write_text("no"), "x.npy cannot be read: "),
    ("x.npy", lambda: Path("x.npy").touch(), "x.npy cannot be read: it is no array"),
    ("x.npz", lambda: np.savez("x.npz", a=X, b=X), "it holds a, b; expected an array called x, or a single one"),
    ("x.csv", lambda: Path("x.csv").write_text("a,b\n1,2\n3\n"), "row 1 is '3'; expected 2 numbers"),
    ("x.csv", lambda: Path("x.csv").write_text("1,2\n3,four\n"), "row 1 is '3,four'; expected 2 numbers"),
    ("x.csv", lambda: Path("x.csv").write_text("1,two\n3,4\n"), "row 0 is '1,two'; expected 2 numbers"),
    ("x.csv", lambda: Path("x.csv").write_text("a,b\n"), "it holds no numbers"),
    ("x.csv", lambda: Path("x.csv").write_bytes(b"\xff\xfe1,2"), "x.csv cannot be read"),
    ("none.npy", lambda: None, "none.npy cannot be read (No such file or directory)"),
])
def test_what_does_not_fit_is_explained(capsys, name, write, said):
    write()
    code, out, err = call(capsys, "predict", "moons.npz", name)
    assert code == 1 and out == "" and said in sentence(err)


def test_a_file_of_another_kind(capsys):
    code, _, err = call(capsys, "predict", "moons.npz", "x.doc")
    assert code == 2 and "expected .npy, .npz, .csv, .png" in sentence(err)


def test_numbers_of_another_size_are_pointed_out(capsys):
    np.save("x.npy", np.array([[0.0, 255.0]]))
    code, _, err = call(capsys, "predict", "moons.npz", "x.npy")
    assert code == 0 and "x.npy reaches from 0 to 255, and the model was trained on -1 to 2" in err
    np.save("x.npy", X)
    assert call(capsys, "predict", "moons.npz", "x.npy")[2] == ""


def test_many_answers_go_into_a_table(capsys):
    x = np.random.default_rng(0).normal(size=(30, 2))
    np.save("x.npy", x)
    _, out, _ = call(capsys, "predict", "moons.npz", "x.npy", "--csv", "out.csv")
    assert len(out.splitlines()) == 22 and "... and 10 more; --csv FILE writes them all" in out and "30 answers written to out.csv" in out
    with open("out.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [f"{row['class']} ({100 * float(row['probability']):.1f} %)" for row in rows] == expected("moons.npz", x)
    assert [(row["source"], row["row"]) for row in rows[:2]] == [("x.npy", "0"), ("x.npy", "1")]
    code, _, err = call(capsys, "predict", "moons.npz", "x.npy", "--csv", "nowhere/out.csv")
    assert code == 1 and "cannot be written to nowhere/out.csv" in sentence(err)


def test_a_data_set_is_judged(capsys):
    model, problem = classifier.load("moons.npz"), problems.load("two_moons")
    found = model.probabilities(problem.examples.x_test).argmax(axis=1)
    y = problem.examples.y_test
    code, out, err = call(capsys, "predict", "moons.npz", "--data", "two_moons", "--csv", "out.csv")
    lines = out.splitlines()
    assert code == 0 and err == "" and lines[0] == f"right on {100 * (found == y).mean():.2f} % of 200 examples of two_moons"
    table = [[int(cell) for cell in line.split()[-2:]] for line in lines[3:5]]
    assert table == [[((y == k) & (found == j)).sum() for j in (0, 1)] for k in (0, 1)]
    assert lines[-1] == "200 answers written to out.csv"
    assert "note: the model was trained on two_moons" in call(capsys, "predict", "moons.npz", "--data", "xor")[1]


def test_a_data_set_that_does_not_fit(capsys):
    for name in ("mnist1d", "ring_of_gaussians"):
        code, out, err = call(capsys, "predict", "moons.npz", "--data", name)
        assert code == 1 and out == "" and "the model was trained on two_moons, examples of 2 numbers in 2 classes" in sentence(err)
        assert f"and {name} has examples of" in err


def test_the_table_of_confusions():
    text = command.confusions(np.array([0, 0, 1, 2]), np.array([0, 2, 1, 2]), ("a", "bb", "c"))
    assert [line.split() for line in text.splitlines()[1:]] == [
        ["0", "1", "2"], ["0", "a", "1", "0", "1"], ["1", "bb", "0", "1", "0"], ["2", "c", "0", "0", "1"]]
    assert len({len(line) for line in text.splitlines()[1:]}) == 1, "columns stand below each other"
