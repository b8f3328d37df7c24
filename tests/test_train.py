"""Training does what the textbook loop does, and says so when it fails."""

import io
import math
import sys
from itertools import count

import numpy as np
import pytest
from datafiles import refusal
from hypothesis import given
from hypothesis import strategies as st
from training import blobs, mlp, rng, run, same

from dlbook import data, nn, optim, train
from dlbook.autograd import Tensor
from dlbook.functional import cross_entropy, mse
from dlbook.train import progress

# ---- minibatches ----------------------------------------------------------------------------------------------------

@given(n=st.integers(1, 50), batch_size=st.integers(1, 60), seed=st.integers(0, 2**32))
def test_minibatches_deal_each_example_once(n, batch_size, seed):
    x, y = np.arange(2 * n).reshape(n, 2), np.arange(n)
    batches = list(train.minibatches(x, y, batch_size=batch_size, rng=rng(seed)))
    assert [len(labels) for _, labels in batches] == [batch_size] * (n // batch_size) + [n % batch_size] * (n % batch_size > 0)
    assert sorted(np.concatenate([labels for _, labels in batches])) == list(range(n))
    assert all(np.array_equal(rows, x[labels]) for rows, labels in batches)
    again = train.minibatches(x, y, batch_size=batch_size, rng=rng(seed))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(batches, again))
    batches[0][0][:] = -1  # a batch is a fresh array, not a view of x
    assert np.array_equal(x, np.arange(2 * n).reshape(n, 2))


def test_minibatches_shuffle_anew():
    generator, x = rng(), np.arange(30)
    first, second = (np.concatenate([rows for rows, _ in train.minibatches(x, x, batch_size=7, rng=generator)]) for _ in range(2))
    assert not np.array_equal(first, x) and not np.array_equal(first, second)


@pytest.mark.parametrize("kind, x, y, batch_size, said", [
    (ValueError, [1, 2, 3], [1, 2], 1, "x has shape (3,) and y has shape (2,)"), (ValueError, [], [], 1, "at least one"),
    (ValueError, [1], [1], 0, "batch_size must be a whole number from 1 up, and is 0"), (ValueError, [1], [1], 2.0, "batch_size must be a whole number from 1 up, and is 2.0"),
])
def test_minibatches_refuse_at_the_call(kind, x, y, batch_size, said):
    assert said in refusal(kind, lambda: train.minibatches(x, y, batch_size=batch_size, rng=rng()))


def test_minibatches_want_a_generator():
    assert "rng is 1" in refusal(TypeError, lambda: train.minibatches([1], [1], batch_size=1, rng=1))


# ---- fit ------------------------------------------------------------------------------------------------------------

def test_fit_is_the_textbook_loop_bit_for_bit():
    x, y = blobs()
    ours, theirs = mlp(), mlp()
    history = run(ours, x, y)

    adam, generator, losses = optim.Adam(theirs.parameters(), lr=0.01), rng(7), []
    for _ in range(3):
        order, seen = generator.permutation(37), []
        for start in (0, 8, 16, 24, 32):
            rows = order[start:start + 8]
            adam.zero_grad()
            loss = cross_entropy(theirs(x[rows]), labels=y[rows])
            loss.backward()
            adam.step()
            seen += [loss.item()] * len(rows)
        losses.append(math.fsum(seen) / 37)
    assert same(ours.state(), theirs.state())
    assert history.loss == pytest.approx(losses, rel=1e-12)
    assert history.validation_loss == history.accuracy == []


def test_fit_learns():
    x, y = blobs(300)
    model = mlp()
    history = run(model, x, y, epochs=20, validation=blobs(100, seed=4))
    assert history.accuracy[-1] > 0.99 and history.loss[-1] < 0.1 * history.loss[0]


def test_same_seed_same_bits():
    x, y = blobs()
    models = [mlp(), mlp(), mlp()]
    histories = [run(model, x, y, seed=seed) for model, seed in zip(models, (7, 7, 8))]
    assert same(models[0].state(), models[1].state()) and histories[0] == histories[1]
    assert repr(histories[0]) == repr(histories[1])
    assert not same(models[0].state(), models[2].state()) and histories[0] != histories[2]


def test_epoch_loss_weighs_examples_not_batches():
    x, y = blobs(9)
    model = mlp()
    whole = cross_entropy(model(x), labels=y).item()
    history = train.fit(model, x, y, loss=cross_entropy, optimiser=Still(), epochs=1, batch_size=8, rng=rng())
    assert history.loss[0] == pytest.approx(whole, rel=1e-6)


class Still:
    """An optimiser that changes nothing."""

    def zero_grad(self):
        pass

    step = zero_grad


def test_validation_judges_and_does_not_teach():
    x, y = blobs()
    x_new, y_new = blobs(2100, seed=5)  # more than one batch of judging
    with_it, without = mlp(), mlp()
    history = run(with_it, x, y, validation=(x_new, y_new))
    run(without, x, y)
    assert same(with_it.state(), without.state())
    assert len(history.validation_loss) == len(history.accuracy) == len(history.seconds) == len(history.loss) == 3
    assert history.accuracy[-1] == train.accuracy(with_it, x_new, y_new)
    assert history.validation_loss[-1] == pytest.approx(cross_entropy(with_it(x_new), labels=y_new).item(), rel=1e-6)


def test_training_and_evaluation_modes():
    class Watching(nn.Linear):
        def forward(self, x):
            modes.append(self.training)
            return super().forward(x)

    x, y = blobs(8)
    modes, model = [], Watching(2, 3, rng=rng())
    model.eval()
    run(model, x, y, epochs=2, validation=(x, y))
    assert modes == [True, False, True, False] and model.training
    train.predict(model, x)
    assert modes[-1] is False and model.training
    model.eval()
    train.predict(model, x)
    assert not model.training, "a model in evaluation mode stays in it"
    with pytest.raises(ValueError):
        train.predict(model.train(), np.zeros((1, 9), np.float32))
    assert model.training, "also after a failure"


def test_fit_takes_targets_for_regression():
    x = rng().normal(size=(64, 2)).astype(np.float32)
    y = x @ np.array([[2.0], [-1.0]], np.float32) + 0.5
    model = nn.Linear(2, 1, rng=rng())
    history = run(model, x, y, loss=mse, epochs=200, lr=0.05, validation=(x, y))
    assert np.allclose(model.w.data, [[2], [-1]], atol=0.01) and np.allclose(model.b.data, 0.5, atol=0.01)
    assert history.accuracy == [] and history.validation_loss[-1] < 1e-3


def test_a_loss_without_labels_is_refused():
    x, y = blobs()
    message = refusal(TypeError, lambda: run(mlp(), x, y, loss=lambda output, answer: output.sum()))
    assert "the loss takes (output, answer); expected" in message and "labels= or targets=" in message


@pytest.mark.parametrize("wrong, said", [
    ({"epochs": 0}, "epochs must be a whole number from 1 up, and is 0"), ({"epochs": 1.5}, "epochs must be a whole number from 1 up, and is 1.5"), ({"batch_size": 0}, "batch_size must be a whole number from 1 up, and is 0"),
    ({"validation": ([[0, 0]], [])}, "x has shape (1, 2) and y has shape (0,)"),
])
def test_fit_refuses_before_it_learns(wrong, said):
    model = mlp()
    before = model.state()
    assert said in refusal(ValueError, lambda: run(model, *blobs(), **wrong))
    assert same(model.state(), before)


def test_label_out_of_range_stops_with_its_reason():
    x, y = blobs()
    assert "from 0 to 2" in refusal(ValueError, lambda: run(mlp(), x, np.where(y == 1, 5, y)))


def test_loss_that_is_not_finite_stops_before_the_step():
    x, y = blobs()
    x[np.random.default_rng(7).permutation(37)[20]] = np.nan  # so that it comes up in the third batch
    model, steps = mlp(), []

    class Counting(optim.SGD):
        def step(self):
            super().step()
            steps.append(model.state())

    message = refusal(FloatingPointError, lambda: train.fit(
        model, x, y, loss=cross_entropy, optimiser=Counting(model.parameters(), lr=0.1), epochs=3, batch_size=8, rng=rng(7)))
    assert "the loss became nan in epoch 1, batch 3 of 5" in message
    assert all(cause in message for cause in ("learning rate", "not scaled", "division or logarithm"))
    assert len(steps) == 2 and same(model.state(), steps[-1])
    assert all(np.isfinite(array).all() for array in model.state().values())


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_learning_rate_that_is_too_large_is_noticed():
    x = rng().normal(size=(16, 2)).astype(np.float32)
    model = nn.Linear(2, 1, rng=rng())
    message = refusal(FloatingPointError, lambda: train.fit(
        model, x, x[:, :1], loss=mse, optimiser=optim.SGD(model.parameters(), lr=1e6), epochs=50, batch_size=4, rng=rng()))
    assert "learning rate" in message


def test_history_text_is_short_and_leaves_time_out():
    history = train.History([2.3, 0.51234], [0.6], [0.87654], [123.0, 456.0])
    assert repr(history) == "History(2 epochs: loss 2.3000 → 0.5123, validation loss 0.6000, accuracy 0.8765)"
    assert history == train.History([2.3, 0.51234], [0.6], [0.87654], [1.0, 2.0])


# ---- the bar --------------------------------------------------------------------------------------------------------

class Terminal(io.StringIO):
    def isatty(self):
        return True

    def screen(self):
        """What a reader sees at the end: \\r moves to the start of the line, and letters overwrite letters."""
        line = ""
        for part in self.getvalue().split("\r"):
            line = part + line[len(part):]
        return line


@pytest.fixture
def slow_clock(monkeypatch):
    """Every look at the clock finds it a second later, so that the bar is due at each batch."""
    ticks = count()
    monkeypatch.setattr(progress.time, "perf_counter", lambda: float(next(ticks)))


@pytest.mark.parametrize("wish, terminal, progress, shown", [
    (None, False, None, False), (None, True, None, True), ("0", True, None, False), ("1", False, None, True), ("", False, None, False),
    ("0", False, True, True), ("1", True, False, False),
])
def test_bar_is_shown_where_wanted_and_leaves_nothing(monkeypatch, capsys, slow_clock, wish, terminal, progress, shown):
    monkeypatch.delenv("DLBOOK_PROGRESS", raising=False)
    if wish is not None:
        monkeypatch.setenv("DLBOOK_PROGRESS", wish)
    stderr = Terminal()
    monkeypatch.setattr(stderr, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", stderr)
    run(mlp(), *blobs(), progress=progress)
    assert ("epoch 2 of 3, loss " in stderr.getvalue()) == shown
    assert "\n" not in stderr.getvalue() and stderr.screen().strip() == ""
    assert shown or stderr.getvalue() == ""
    assert capsys.readouterr().out == ""


def test_bar_goes_away_when_training_fails(monkeypatch, slow_clock):
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    x, y = blobs()
    x[np.random.default_rng(7).permutation(37)[20]] = np.nan
    refusal(FloatingPointError, lambda: run(mlp(), x, y, progress=True))
    assert "epoch 1 of 3" in stderr.getvalue() and stderr.screen().strip() == ""


def test_bar_does_without_a_stderr(monkeypatch):
    monkeypatch.delenv("DLBOOK_PROGRESS", raising=False)
    monkeypatch.setattr(sys, "stderr", None)
    assert len(run(mlp(), *blobs()).loss) == 3


def test_bar_is_written_seldom(monkeypatch):
    stderr = Terminal()
    monkeypatch.setattr(sys, "stderr", stderr)
    seconds = count()
    monkeypatch.setattr(progress.time, "perf_counter", lambda: 0.01 * next(seconds))
    run(mlp(), *blobs(800), epochs=1, progress=True)  # 100 batches, one hundredth of a second each
    assert 5 < stderr.getvalue().count("epoch") < 15


# ---- judging --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("logits, classes", [
    ([[0.1, 0.9, 0.0], [3, 1, 2]], [1, 0]),          # one of three
    ([[0.1], [-2], [0]], [1, 0, 0]), ([0.1, -2, 0], [1, 0, 0]),  # a single logit
    ([[[1, 2], [2, 1], [0, 3]]], [[1, 0, 1]]),       # a class at each of three times
])
def test_predict(logits, classes):
    found = train.predict(lambda x: x, np.array(logits, np.float32))
    assert found.dtype == np.int64 and found.tolist() == classes
    assert train.predict(lambda x: Tensor(x), np.array(logits, np.float32)).tolist() == classes


@pytest.mark.parametrize("batch_size", [1, 7, 37, 1000])
def test_batches_do_not_change_a_prediction(batch_size):
    x, y = blobs()
    model = mlp()
    assert np.array_equal(train.predict(model, x, batch_size=batch_size), model(x).data.argmax(axis=1))
    assert train.accuracy(model, x, y, batch_size=batch_size) == (model(x).data.argmax(axis=1) == y).mean()


def test_prediction_records_no_graph():
    outputs = []

    def model(x):
        outputs.append(network(x))
        return outputs[-1]

    network = mlp()
    train.predict(model, blobs()[0])
    assert not outputs[0].requires_grad and network(blobs()[0]).requires_grad


def test_accuracy_takes_a_column_of_labels():
    x = np.array([[1.0], [-1], [2], [-2]], np.float32)
    assert train.accuracy(lambda x: x, x, [[1], [0], [0], [0]]) == train.accuracy(lambda x: x, x, [1, 0, 0, 0]) == 0.75


def test_accuracy_refuses_labels_that_do_not_fit():
    x, y = blobs()
    assert "y has shape (37, 3); expected one label for each prediction: (37,)" in refusal(
        ValueError, lambda: train.accuracy(mlp(), x, np.eye(3)[y]))
    assert "x has shape (37, 2) and y has shape (36,)" in refusal(ValueError, lambda: train.accuracy(mlp(), x, y[1:]))
    assert "batch_size must be a whole number from 1 up, and is 0" in refusal(ValueError, lambda: train.predict(mlp(), x, batch_size=0))


# ---- together -------------------------------------------------------------------------------------------------------

def test_the_book_s_network_learns_the_small_mnist():
    digits = data.mnist_small()
    model = mlp(sizes=(784, 32, 10))
    history = run(model, digits.x_train, digits.y_train, epochs=3, batch_size=64, lr=3e-3, validation=(digits.x_test, digits.y_test))
    assert history.accuracy[-1] > 0.9
