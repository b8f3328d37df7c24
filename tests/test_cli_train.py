"""`dlbook train`: the table, the model file, checkpoints, Ctrl-C; the same command gives the same bytes."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from test_cli import call, sentence

from dlbook import data, nn, optim, train
from dlbook.cli import classifier, problems
from dlbook.cli import train as command
from dlbook.functional import cross_entropy

FAST = ["two_moons", "--hidden", "8", "--epochs", "4"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_table_and_the_files(capsys, tmp_path):
    code, out, err = call(capsys, "train", *FAST, "--validation", "0.25")
    lines = out.splitlines()
    assert code == 0 and err == ""
    assert lines[0] == "two_moons: 600 examples to learn from, 200 to watch, 200 to test; mlp with 42 parameters"
    assert lines[1].split() == ["epoch", "loss", "validation", "accuracy", "seconds"]
    assert [line.split()[0] for line in lines[2:6]] == ["1", "2", "3", "4"]
    share = float(re.fullmatch(r"right on ([\d.]+) % of 200 test examples", lines[6])[1])
    assert lines[7] == "written to model.npz; ask it with `dlbook predict model.npz --data two_moons`"
    assert [file.name for file in tmp_path.iterdir()] == ["model.npz"]
    model, problem = classifier.load(tmp_path / "model.npz"), problems.load("two_moons")
    assert round(100 * train.accuracy(model, problem.examples.x_test, problem.examples.y_test), 2) == share


def test_it_is_fit_and_nothing_else(capsys, tmp_path):
    """The whole command written out once more with the package."""
    call(capsys, "train", *FAST, "--optimiser", "nesterov", "--lr", "0.02", "--seed", "3")
    examples = problems.load("two_moons").examples
    (x, y), watched = problems.held_out(examples, 0.1)
    rng = np.random.default_rng(3)
    mean, std = x.mean(axis=0, dtype=np.float64).astype(np.float32), x.std(axis=0, dtype=np.float64).astype(np.float32)
    model = nn.MLP([2, 8, 2], rng=rng)
    train.fit(model, (x - mean) / std, y, loss=cross_entropy, optimiser=optim.SGD(model.parameters(), 0.02, momentum=0.9, nesterov=True),
              epochs=4, batch_size=64, rng=rng)
    theirs = classifier.load(tmp_path / "model.npz").network.parameters()
    assert all(np.array_equal(p.data, q.data) for p, q in zip(model.parameters(), theirs, strict=True))


def test_the_same_command_writes_the_same_bytes(capsys, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        call(capsys, "train", *FAST, "--dropout", "0.2", "--seed", seed, "--out", f"{name}.npz")
    a, b, c = ((tmp_path / f"{name}.npz").read_bytes() for name in "abc")
    assert a == b != c


def test_xor_needs_a_hidden_layer(capsys):
    """As the help says."""
    assert "dlbook train xor --model linear" in command.EXAMPLES and "dlbook train xor --hidden 8 --lr 0.05" in command.EXAMPLES
    shares = [float(re.search(r"right on ([\d.]+) % of 4 examples, the same that it learnt from", call(capsys, "train", "xor", *words)[1])[1])
              for words in (["--model", "linear"], ["--hidden", "8", "--lr", "0.05"])]
    assert shares[0] <= 75 and shares[1] == 100


@pytest.mark.parametrize("model", classifier.ARCHITECTURES)
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_every_architecture_rebuilds_itself(model, dropout, tmp_path):
    shape = (3, 9, 8)
    card = {"model": model, "shape": list(shape), "classes": ["ä", "b"], "hidden": [5], "dropout": dropout,
            "data": "noise", "low": -9.0, "high": 9.0}
    x = np.random.default_rng(0).normal(2, 3, (6, *shape)).astype(np.float32)
    made = classifier.Classifier(card, rng=np.random.default_rng(1)).standardise(x)
    train.fit(made, x, np.arange(6) % 2, loss=cross_entropy, optimiser=optim.Adam(made.parameters()), epochs=1, batch_size=3,
              rng=np.random.default_rng(0))
    classifier.save(made, tmp_path / "m.npz")
    again = classifier.load(tmp_path / "m.npz")
    assert again.card == card and np.array_equal(made.probabilities(x), again.probabilities(x))
    assert made.probabilities(x.reshape(6, -1)).shape == (6, 2)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as file:
        assert json.loads(file["card"].item())["classes"] == ["ä", "b"]


def test_standardised_features():
    x = np.array([[1, 5, 100], [3, 5, 300]], np.float32)
    made = classifier.Classifier({"model": "linear", "shape": [3], "classes": ["a", "b"], "hidden": [], "dropout": 0}, rng=np.random.default_rng(0))
    made.standardise(x)
    assert made.mean.tolist() == [2, 5, 200] and made.std.tolist() == [1, 1, 100], "a feature that never changes is not divided by 0"
    made.card["shape"] = [1, 3]
    assert made.standardise(x).mean.tolist() == [69.0] and made.std.dtype == np.float32


@pytest.mark.parametrize("name", problems.SHAPES)
def test_every_problem_is_what_it_says(name):
    if name in ("fashion_mnist", "kmnist", "cifar10"):
        pytest.skip("downloaded only on request")
    if name in ("iris", "wine", "breast_cancer", "digits"):
        pytest.importorskip("sklearn")
    problem = problems.load(name)
    x, y, x_test, y_test = problem.examples
    assert x[0].size == x_test[0].size == np.prod(problem.shape) and x.dtype == np.float32
    assert set(y) == set(range(len(problem.classes))) >= set(y_test) and len(problem.classes) == len(set(problem.classes))
    again = problems.load(name).examples
    assert all(map(np.array_equal, problem.examples, again))
    assert problems.is_all_there_is(problem.examples) == (len(x) in (4, 194))
    if len(x) > 194:
        (learnt, _), (watched, labels) = problems.held_out(problem.examples, 0.1)
        assert len(learnt) + len(watched) == len(x) and len(watched) == len(labels) == round(0.1 * len(x))


def test_sets_that_need_scikit_learn_say_so(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    code, _, err = call(capsys, "train", "iris")
    assert code == 1 and "type `pip install scikit-learn`" in sentence(err)


@pytest.mark.parametrize("name", command.RATES)
def test_every_optimiser_learns_with_its_own_rate(capsys, name):
    code, out, _ = call(capsys, "train", "two_moons", "--hidden", "16", "--optimiser", name, "--epochs", "20")
    assert code == 0 and float(re.search(r"right on ([\d.]+) %", out)[1]) > 80


@pytest.mark.parametrize("schedule", command.SCHEDULES)
@pytest.mark.parametrize("warmup", [None, 5])
def test_every_schedule_spans_the_run(schedule, warmup):
    parser = command.argparse.ArgumentParser()
    command.options(parser)
    options = parser.parse_args(["xor", "--schedule", schedule, *(["--warmup", str(warmup)] if warmup else [])])
    rate = command.make_schedule(options, 0.5, 100)
    rates = [rate(step) for step in range(101)]
    assert max(rates) == pytest.approx(0.5, rel=1e-3)
    assert rates[-1] == 0.5 if schedule == "constant" else rates[-1] < 1e-4
    assert rates[0] == pytest.approx(0 if warmup else 0.02 if schedule == "one_cycle" else 0.5)


def test_early_stopping(capsys):
    code, out, _ = call(capsys, "train", "iris" if importlib.util.find_spec("sklearn") else "two_moons", "--epochs", "500", "--patience", "2", "--lr", "0.1")
    rows = re.findall(r"^ +(\d+) ", out, re.MULTILINE)
    assert code == 0 and int(rows[-1]) < 500 and f"the best epoch was {int(rows[-1]) - 2}: its parameters are kept" in out


def test_a_plot_is_drawn_or_matplotlib_asked_for(capsys, tmp_path, monkeypatch):
    if importlib.util.find_spec("matplotlib"):
        code, out, _ = call(capsys, "train", *FAST, "--plot", "h.png")
        assert code == 0 and (tmp_path / "h.png").read_bytes()[:4] == b"\x89PNG" and "history drawn in h.png" in out
        (tmp_path / "model.npz").unlink()
        (tmp_path / "h.png").unlink()
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: None)
    code, out, err = call(capsys, "train", *FAST, "--plot", "h.png")
    assert code == 1 and out == "" and "pip install matplotlib" in sentence(err), "before the training, not after it"
    assert list(tmp_path.iterdir()) == []


def test_checkpoint_and_resume(capsys, tmp_path):
    settings = ["two_moons", "--hidden", "8", "--dropout", "0.1", "--schedule", "cosine"]
    code, _, err = call(capsys, "train", *settings, "--resume", "run.npz")
    assert code == 1 and "there is no checkpoint run.npz" in sentence(err)
    assert call(capsys, "train", *settings, "--epochs", "3", "--checkpoint", "run.npz")[0] == 0
    code, _, err = call(capsys, "train", *settings, "--epochs", "3", "--checkpoint", "run.npz")
    assert code == 1 and "run.npz holds an earlier run" in sentence(err)
    code, _, err = call(capsys, "train", *settings, "--epochs", "3", "--batch-size", "32", "--resume", "run.npz")
    assert code == 1 and "batch_size was 64 and is 32" in sentence(err)
    (tmp_path / "run.npz").write_bytes((tmp_path / "run.npz").read_bytes()[:-100])
    code, _, err = call(capsys, "train", *settings, "--resume", "run.npz")
    assert code == 1 and "run.npz is damaged or cut short" in sentence(err)


def test_the_model_does_not_take_the_place_of_the_checkpoint(capsys, tmp_path):
    for words in (["--checkpoint", "run.npz"], ["--resume", tmp_path / "run.npz"]):
        code, out, err = call(capsys, "train", *FAST, *words, "--out", "./run.npz")
        assert code == 2 and out == "" and "written over the checkpoint" in sentence(err) and "give --out another name" in err
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_explodes_is_a_sentence(capsys, tmp_path):
    with np.errstate(all="ignore"):
        code, _, err = call(capsys, "train", *FAST, "--optimiser", "sgd", "--lr", "1e30")
    assert code == 1 and "learning rate is too large" in sentence(err) and list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_ctrl_c_leaves_a_checkpoint_from_which_the_same_model_comes(tmp_path):
    words = [sys.executable, "-m", "dlbook", "train", "two_spirals", "--epochs", "150", "--dropout", "0.05"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def go(*more, interrupt=False):
        process = subprocess.Popen([*words, *more], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
                                   preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        if interrupt:
            for line in process.stdout:
                if line.split()[0] == "7":
                    time.sleep(0.004)
                    process.send_signal(signal.SIGINT)
                    break
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    code, _, err = go("--checkpoint", "run.npz", "--out", "a.npz", interrupt=True)
    assert code == 130 and "interrupted, no model was written; go on with the same command and --resume run.npz" in sentence(err)
    assert [file.name for file in tmp_path.iterdir()] == ["run.npz"]
    code, out, err = go("--resume", "run.npz", "--out", "a.npz")
    assert code == 0 and err == "" and int(out.splitlines()[2].split()[0]) >= 7
    assert go("--out", "b.npz")[0] == 0
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    code, _, err = go(interrupt=True)
    assert code == 130 and "with --checkpoint FILE the run could have gone on" in sentence(err) and not (tmp_path / "model.npz").exists()


@pytest.mark.parametrize("harm", [lambda raw: raw[:100], lambda raw: b"", lambda raw: b"hello" * 30])
def test_a_damaged_model_is_a_sentence(capsys, tmp_path, harm):
    call(capsys, "train", *FAST)
    path = tmp_path / "model.npz"
    path.write_bytes(harm(path.read_bytes()))
    code, _, err = call(capsys, "predict", "model.npz", "--data", "two_moons")
    assert code == 1 and "model.npz is damaged, or no model" in sentence(err)


def test_a_file_of_arrays_is_no_classifier(capsys, tmp_path):
    train.save(nn.MLP([2, 3, 2], rng=np.random.default_rng(0)), tmp_path / "plain.npz")
    code, _, err = call(capsys, "predict", "plain.npz", "--data", "two_moons")
    assert code == 1 and "plain.npz is not a model that this version of `dlbook train` wrote" in sentence(err)
    card = {"format": classifier.FORMAT, "model": "linear", "shape": [2], "classes": ["0", "1"], "hidden": [], "dropout": 0}
    model = classifier.Classifier(card, rng=np.random.default_rng(0))
    train.write_npz(tmp_path / "half.npz", {"card": np.array(json.dumps(card)), **model.state()})
    code, _, err = call(capsys, "predict", "half.npz", "--data", "two_moons")
    assert code == 1 and "half.npz is not a model that this version" in sentence(err)
    code, _, err = call(capsys, "predict", "none.npz", "--data", "two_moons")
    assert code == 1 and "the model none.npz cannot be read (No such file or directory)" in sentence(err)


def test_names_are_those_of_the_data_sets():
    assert set(problems.SHAPES) - set(data.GATES) <= set(data.SETS)
