"""What `fit` can do beside the plain loop: schedules, clipping, early stopping, callbacks, frozen parts; and it leaks nothing."""

import gc
import math
import sys

import numpy as np
import pytest
from datafiles import refusal
from resuming import Reader
from training import blobs, mlp, rng, run, same

from dlbook import functional, nn, ops, optim, schedules, train
from dlbook.autograd import Tensor
from dlbook.functional import cross_entropy

# ---- schedules ------------------------------------------------------------------------------------------------------


def test_a_schedule_sets_the_rate_before_each_step():
    x, y = blobs()
    model, rates = mlp(), []

    class Watching(optim.SGD):
        def step(self):
            rates.append(self.lr)
            super().step()

    train.fit(model, x, y, loss=cross_entropy, optimiser=Watching(model.parameters(), 9.0), epochs=3, batch_size=8, rng=rng(),
              schedule=schedules.cosine(0.1, steps=15))
    assert rates == [schedules.cosine(0.1, steps=15)(step) for step in range(15)]


def test_a_schedule_that_gives_numpy_numbers_keeps_float32():
    x, y = blobs()
    model = mlp()
    run(model, x, y, schedule=lambda step: np.float64(0.01))
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float32)}
    other = mlp()
    run(other, x, y, lr=0.01)
    assert same(model.state(), other.state())


# ---- clipping -------------------------------------------------------------------------------------------------------

def gradients(*arrays, dtype=np.float32):
    parameters = [Tensor(np.zeros(np.shape(a), dtype), requires_grad=True) for a in arrays]
    for p, a in zip(parameters, arrays):
        p.grad = np.array(a, dtype)
        p.grad.flags.writeable = False  # as backward() leaves it
    return parameters


def joined(parameters):
    return np.concatenate([p.grad.reshape(-1) for p in parameters])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip_norm_shortens_all_gradients_together_and_keeps_the_direction(dtype):
    parameters = gradients([[3.0, 0.0], [0.0, 4.0]], [12.0], 84.0, dtype=dtype)
    held = [p.grad for p in parameters]
    before = joined(parameters)
    assert optim.clip_norm(parameters, 17.0) == 85.0
    assert np.allclose(joined(parameters), before / 5, rtol=1e-6) and {p.grad.dtype for p in parameters} == {np.dtype(dtype)}
    assert [p.grad.shape for p in parameters] == [(2, 2), (1,), ()] and all(isinstance(p.grad, np.ndarray) for p in parameters)
    assert np.array_equal(np.concatenate([g.reshape(-1) for g in held]), before), "the old arrays may be held by others"


@pytest.mark.parametrize("limit", [4.99, 4.0, 1e-3])
def test_clip_norm_arrives_at_the_limit(limit):
    parameters = gradients([3.0], [4.0])
    optim.clip_norm(parameters, limit)
    assert np.linalg.norm(joined(parameters)) == pytest.approx(limit, rel=1e-6)


def test_clip_norm_leaves_short_gradients_and_none_alone():
    parameters = [*gradients([3.0, 4.0], []), Tensor(1.0, requires_grad=True)]
    held = parameters[0].grad
    assert optim.clip_norm(parameters, 5.0) == 5.0 and parameters[0].grad is held and parameters[2].grad is None
    assert optim.clip_norm(gradients([0.0, 0.0]), 1.0) == 0.0


def test_clip_norm_of_what_float32_cannot_square():
    parameters = gradients([3e30, 4e30])
    assert optim.clip_norm(parameters, 1.0) == pytest.approx(5e30)
    assert parameters[0].grad.tolist() == pytest.approx([0.6, 0.8])


def test_clip_value_cuts_each_entry():
    parameters = gradients([[3.0, -0.5]], -7.0)
    held = parameters[0].grad
    optim.clip_value(parameters, 2.0)
    assert parameters[0].grad.tolist() == [[2.0, -0.5]] and parameters[1].grad.tolist() == -2.0
    assert held.tolist() == [[3.0, -0.5]] and parameters[1].grad.shape == () and parameters[0].grad.dtype == np.float32


@pytest.mark.parametrize("clip", [optim.clip_norm, optim.clip_value])
def test_clipping_refuses(clip):
    for limit in (0, -1, math.nan, "1", None, math.inf):
        assert "limit" in refusal(ValueError, lambda: clip(gradients([1.0]), limit))  # noqa: B023
    for bad in (math.nan, math.inf):
        parameters = gradients([1.0], [bad])
        held = [p.grad for p in parameters]
        assert "cannot be clipped" in refusal(FloatingPointError, lambda: clip(parameters, 0.5))  # noqa: B023
        assert all(p.grad is g for p, g in zip(parameters, held))


@pytest.mark.parametrize("settings, expected", [({"clip_norm": 0.25}, 0.25), ({"clip_value": 1e-3}, 1e-3 * math.sqrt(33)), ({}, None)])
def test_fit_clips_before_the_step(settings, expected):
    x, y = blobs()
    model, norms = mlp(), []

    class Watching(optim.SGD):
        def step(self):
            norms.append(math.sqrt(sum(float((p.grad**2).sum()) for p in self.parameters)))
            super().step()

    train.fit(model, x, y, loss=cross_entropy, optimiser=Watching(model.parameters(), 0.1), epochs=1, batch_size=8, rng=rng(), **settings)
    assert sum(p.size for p in model.parameters()) == 33
    assert max(norms) <= expected * 1.0001 if expected else max(norms) > 0.3


# ---- early stopping -------------------------------------------------------------------------------------------------

def noisy(n, seed):
    """Labels that cannot be learnt, so that a model overfits."""
    return rng(seed).normal(size=(n, 2)).astype(np.float32), rng(seed).integers(0, 3, n)


class Normed(nn.Module):
    """A network with buffers."""

    def __init__(self):
        self.layers = nn.Sequential(nn.Linear(2, 64, rng=rng()), nn.BatchNorm(64), ops.relu, nn.Linear(64, 3, rng=rng(1)))

    def forward(self, x):
        return self.layers(x)


@pytest.mark.parametrize("patience, epochs", [(1, 40), (4, 40), (1000, 40)])
def test_early_stopping_ends_the_run_and_restores_the_best_epoch(patience, epochs):
    model, states = Normed(), []
    history = run(model, *noisy(32, 1), validation=noisy(64, 2), epochs=epochs, patience=patience, lr=0.02,
                  callbacks=[lambda state: states.append(model.state())])
    best = int(np.argmin(history.validation_loss))
    assert history.best() == best + 1 < len(states) == len(history.loss)
    assert len(states) == min(best + 1 + patience, epochs)
    assert same(model.state(), states[best]) and not same(model.state(), states[-1])
    assert "layers.layers.1.running_mean" in states[best]


def test_min_delta_asks_for_more():
    def epochs(**settings):
        return len(run(mlp(), *blobs(), validation=blobs(20, seed=4), epochs=60, **settings).loss)

    assert epochs(patience=3) == 60, "the loss keeps falling a little"
    assert epochs(patience=3, min_delta=0.05) < 60


@pytest.mark.parametrize("losses, min_delta, best", [
    ([], 0, 0), ([1.0], 0, 1), ([3, 2, 2, 1, 4], 0, 4), ([3, 2.95, 2.9, 2.85], 0.12, 4), ([3, 2.95], 0.1, 1), ([1, 1, 1], 0, 1),
    ([math.nan, 2.0, 1.0], 0, 3), ([math.nan, math.nan], 0, 1), ([math.inf, 2.0], 0, 2),
])
def test_the_best_epoch(losses, min_delta, best):
    assert train.History([], losses, [], []).best(min_delta) == best


@pytest.mark.parametrize("settings, said", [
    ({"patience": 3}, "pass validation=(x, y)"), ({"patience": 0, "validation": blobs()}, "patience must be a whole number from 1 up"),
    ({"min_delta": -1}, "min_delta must be a number from 0 up"), ({"every": 0}, "every must be"), ({"resume": "yes"}, "resume must be True"),
])
def test_settings_are_refused_before_it_learns(settings, said):
    model = mlp()
    before = model.state()
    assert said in refusal(ValueError, lambda: run(model, *blobs(), **settings))
    assert same(model.state(), before)


# ---- callbacks ------------------------------------------------------------------------------------------------------

def test_callbacks_see_where_the_run_stands():
    model, seen = mlp(), []
    history = run(model, *blobs(), callbacks=[lambda s: seen.append((s.epoch, s.step, len(s.history.loss), s.model is model, s.stop))])
    assert seen == [(1, 5, 1, True, False), (2, 10, 2, True, False), (3, 15, 3, True, False)]
    assert len(history.loss) == 3


def test_a_callback_stops_the_run():
    def enough(state):
        state.stop = state.epoch == 2

    assert len(run(mlp(), *blobs(), epochs=9, callbacks=[enough]).loss) == 2


def test_a_misspelt_wish_is_noticed():
    def misspelt(state):
        state.stopp = True

    with pytest.raises(AttributeError):
        run(mlp(), *blobs(), callbacks=[misspelt])


def test_an_error_in_a_callback_leaves_a_model_that_works():
    class Oops(Exception):
        pass

    def fail(state):
        if state.epoch == 2:
            raise Oops

    x, y = blobs()
    model, twin = mlp(), mlp()
    with pytest.raises(Oops):
        run(model, x, y, epochs=9, callbacks=[fail])
    run(twin, x, y, epochs=2)
    assert same(model.state(), twin.state()) and model(x).requires_grad
    assert len(run(model, x, y).loss) == 3


def test_a_callback_prints_on_a_clean_line(monkeypatch, capsys):
    monkeypatch.setattr(train.progress.time, "perf_counter", lambda ticks=iter(range(10**6)): float(next(ticks)))
    written = []
    monkeypatch.setattr(sys.stderr, "write", written.append)
    run(mlp(), *blobs(), progress=True, callbacks=[lambda state: written.append("callback")])
    for place in (k for k, text in enumerate(written) if text == "callback"):
        assert written[place - 1].strip() == "" and written[place - 1].endswith("\r"), "the bar is gone before the callback runs"


# ---- frozen parts ---------------------------------------------------------------------------------------------------

def test_each_module_gets_its_own_mode_back():
    model = Normed()
    norm = model.layers.layers[1]
    norm.eval()
    modes = [module.training for module in model.modules()]
    assert False in modes and True in modes
    train.predict(model, blobs()[0])
    assert [module.training for module in model.modules()] == modes
    before = norm.running_mean.copy()
    run(model, *blobs(), validation=blobs(9))
    assert [module.training for module in model.modules()] == modes, "and fit leaves a frozen part frozen"
    assert np.array_equal(norm.running_mean, before)


def test_a_model_in_evaluation_mode_trains_all_its_parts():
    model = Normed().eval()
    run(model, *blobs())
    assert all(module.training for module in model.modules()) and model.layers.layers[1].running_mean.any()


# ---- nothing is left behind -----------------------------------------------------------------------------------------

def images(n):
    return rng().normal(size=(n, 1, 6, 6)).astype(np.float32), rng().integers(0, 3, n)


def sequences(n):
    return rng().normal(size=(n, 4, 3)).astype(np.float32), rng().integers(0, 3, n)


def words(n):
    ids = rng().integers(0, 5, (n, 5))
    return ids[:, :-1], ids[:, 1:]


def next_word(scores, labels):
    return cross_entropy(scores.reshape(-1, 5), labels=labels.reshape(-1))


NETWORKS = {
    "mlp": (lambda: mlp(), blobs, cross_entropy),
    "conv": (lambda: nn.Sequential(nn.Conv2d(1, 2, 3, rng=rng()), nn.BatchNorm(2), functional.gelu, nn.MaxPool2d(2), nn.Flatten(),
                                   nn.Dropout(0.1, rng=rng()), nn.Linear(8, 3, rng=rng())), images, cross_entropy),
    "lstm": (lambda: Reader(rng()), sequences, cross_entropy),
    "gpt": (lambda: nn.GPT(vocabulary=5, context=4, channels=4, heads=2, layers=1, dropout=0.1, rng=rng()), words, next_word),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_thousand_steps_through_fit_leave_no_tensors_and_no_cycles(name, tmp_path):
    make, examples, loss = NETWORKS[name]
    model, (x, y), (x_new, y_new) = make(), examples(40), examples(4)
    adam, generator = optim.Adam(model.parameters()), rng()

    def go(epochs):  # 10 steps an epoch
        train.fit(model, x, y, loss=loss, optimiser=adam, epochs=epochs, batch_size=4, rng=generator, validation=(x_new, y_new), patience=999,
                  clip_norm=1.0, schedule=schedules.constant(1e-3), callbacks=[lambda state: None],
                  checkpoint=tmp_path / f"{epochs}.npz", every=50, progress=False)

    def alive():
        return sum(isinstance(thing, Tensor) for thing in gc.get_objects())

    go(1)
    gc.collect()
    gc.disable()
    try:
        before = alive()
        go(100)
        assert alive() == before
        assert gc.collect() == 0, "a cycle of references was left to the collector"
    finally:
        gc.enable()


def test_the_search_for_cycles_finds_one():
    gc.collect()
    gc.disable()
    try:
        loop = [Tensor(1.0)]
        loop.append(loop)
        del loop
        assert gc.collect() > 0
    finally:
        gc.enable()
