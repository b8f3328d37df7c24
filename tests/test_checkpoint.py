"""A run that was broken off and resumed ends with the very bits of one that never stopped; what does not fit is refused whole."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import resuming
from datafiles import refusal
from training import blobs, mlp, rng, same

from dlbook import nn, optim, train
from dlbook.functional import cross_entropy

every_case = pytest.mark.parametrize("name", resuming.CASES)


class Broken(Exception):
    """What ends a run in these tests."""


def break_off(after):
    def callback(state):
        if state.epoch == after:
            raise Broken
    return callback


@pytest.fixture(scope="module")
def whole():
    """What each case comes to when nothing interrupts it."""
    return {name: resuming.result(name) for name in resuming.CASES}


# ---- the same bits --------------------------------------------------------------------------------------------------

@pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")
@every_case
def test_a_run_killed_again_and_again_ends_like_one_that_never_stopped(name, tmp_path, whole):
    checkpoint, result = tmp_path / "run.npz", tmp_path / "result.json"
    command = [sys.executable, str(Path(__file__).with_name("resuming.py")), name, str(checkpoint), str(result)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    chance, killed, reached = random.Random(name), 0, []
    for _ in range(30):
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else None
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
            while process.poll() is None and killed < 4:  # wait until it has got a step further, and then a little
                if checkpoint.exists() and checkpoint.stat().st_mtime_ns != before:
                    time.sleep(chance.uniform(0, 0.03))
                    process.kill()
                    break
                time.sleep(0.001)
            problem = process.communicate()[1].decode()
        if process.returncode == 0:
            break
        assert process.returncode == -9, problem
        killed += 1
        with np.load(checkpoint) as arrays:  # whatever the moment, the file is whole
            reached.append(json.loads(arrays["header"].item())["epoch"])
    assert killed >= 3 and reached == sorted(reached) and 0 < reached[-1] < 120, f"killed {killed} times, after epochs {reached}"
    assert result.read_text() == whole[name]
    assert sorted(f.name for f in tmp_path.iterdir()) == ["result.json", "run.npz"], "what kills left lying was swept up"


@every_case
@pytest.mark.parametrize("after, every", [(7, 3), (50, 20)])
def test_resumed_after_an_error(name, after, every, tmp_path, whole):
    settings = {"checkpoint": tmp_path / "run.npz", "every": every, "progress": False}
    with pytest.raises(Broken):
        resuming.run(name, callbacks=[break_off(after)], **settings)
    seen = []
    assert resuming.result(name, callbacks=[lambda state: seen.append(state.epoch)], resume=True, **settings) == whole[name]
    assert seen[0] == (after - 1) // every * every + 1, "it goes on where the last checkpoint was written, not from the start"


@every_case
def test_a_finished_run_is_not_trained_again(name, tmp_path, whole):
    settings = {"checkpoint": tmp_path / "run.npz"}
    assert resuming.result(name, **settings) == whole[name]
    before = settings["checkpoint"].read_bytes()
    assert resuming.result(name, resume=True, callbacks=[break_off(k) for k in range(200)], **settings) == whole[name]
    assert settings["checkpoint"].read_bytes() == before


@pytest.mark.parametrize("ending", ["early stopping", "a callback", "the last epoch"])
def test_the_end_is_written_however_seldom_checkpoints_are(ending, tmp_path):
    def enough(state):
        state.stop = ending == "a callback" and state.epoch == 5

    path = tmp_path / "run.npz"
    start(path, every=1000, epochs=60, callbacks=[enough], **({"validation": noise(), "patience": 2} if ending == "early stopping" else {}))[0]()
    with np.load(path) as arrays:
        header = json.loads(arrays["header"].item())
    assert header["stop"] == (ending != "the last epoch") and 0 < header["epoch"] == len(header["loss"]) <= 60


def noise():
    """Validation examples on which training only makes things worse."""
    x, y = blobs(30)
    return x, (y + 1) % 3


def test_cases_are_what_they_say(whole):
    """Early stopping ends one at least, each draws on dropout or a schedule, and every one has another result."""
    histories = {name: json.loads(text)[1:] for name, text in whole.items()}
    assert len(histories["lstm"][0]) < 120 and len(histories["norm_and_dropout"][0]) < 120
    assert len(histories["mlp_adam"][0]) == 120
    assert len(set(whole.values())) == 4
    assert resuming.result("lstm", patience=None) != whole["lstm"]


def test_more_epochs_go_on_from_a_finished_run(tmp_path, whole):
    """And the parameters are not those of the best epoch, which early stopping left in the model, but the last."""
    settings = {"checkpoint": tmp_path / "run.npz", "patience": 100}
    resuming.run("mlp_adam", epochs=30, **settings)
    assert resuming.result("mlp_adam", epochs=60, resume=True, **settings) == resuming.result("mlp_adam", epochs=60, patience=100)


def test_resume_without_a_file_begins(tmp_path, whole):
    assert resuming.result("mlp_momentum", checkpoint=tmp_path / "run.npz", resume=True) == whole["mlp_momentum"]


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_every_kind_of_generator(kind, tmp_path):
    def go(**settings):
        generator = np.random.Generator(kind(4))
        generator.integers(3, dtype=np.uint32)  # leaves half a word behind
        model = nn.Sequential(nn.Linear(2, 8, rng=generator), nn.Dropout(0.5, rng=generator), nn.Linear(8, 3, rng=generator))
        train.fit(model, *blobs(), loss=cross_entropy, optimiser=optim.SGD(model.parameters(), 0.1), epochs=6, batch_size=8, rng=generator,
                  **settings)
        return model.state()

    with pytest.raises(Broken):
        go(checkpoint=tmp_path / "run.npz", callbacks=[break_off(4)])
    assert same(go(checkpoint=tmp_path / "run.npz", resume=True), go())


def test_a_rate_that_a_callback_changes_is_restored(tmp_path):
    def halve(state):
        state.optimiser.lr /= 2
        if broken and state.epoch == 3:
            raise Broken

    def go(**settings):
        model = mlp()
        train.fit(model, *blobs(), loss=cross_entropy, optimiser=optim.SGD(model.parameters(), 0.1), epochs=5, batch_size=8, rng=rng(),
                  callbacks=[halve], **settings)
        return model.state()

    broken = True
    with pytest.raises(Broken):
        go(checkpoint=tmp_path / "run.npz")
    broken = False
    assert same(go(checkpoint=tmp_path / "run.npz", resume=True), go())


def test_nan_in_the_history_survives(tmp_path):
    def judge(output, labels):
        value = cross_entropy(output, labels=labels)
        return value * np.float32("nan") if len(labels) == 11 else value

    def go(**settings):
        model = mlp()
        return train.fit(model, *blobs(), loss=judge, optimiser=optim.SGD(model.parameters(), 0.1), epochs=4, batch_size=8, rng=rng(),
                         validation=blobs(11), patience=9, **settings)

    with pytest.raises(Broken):
        go(checkpoint=tmp_path / "run.npz", callbacks=[break_off(2)])
    assert repr(go(checkpoint=tmp_path / "run.npz", resume=True)) == repr(go())


# ---- refusals -------------------------------------------------------------------------------------------------------

def start(path=None, *, seed=0, sizes=(2, 5, 3), examples=37, make=lambda p: optim.Adam(p, 0.01), generator=None, dropout=None, **settings):
    """A short run; `path` makes it write, or go on from, a checkpoint."""
    model = mlp(seed, sizes)
    if dropout is not None:
        model.layers.insert(1, nn.Dropout(0.1, rng=dropout))
    optimiser, generator = make(model.parameters()), generator or rng(7)
    before = model.state(), optimiser.state(), repr(generator.bit_generator.state)
    def call():
        return train.fit(model, *blobs(examples), **{
            "loss": cross_entropy, "optimiser": optimiser, "epochs": 3, "batch_size": 8, "rng": generator, "checkpoint": path, **settings})
    def untouched():
        after = model.state(), optimiser.state(), repr(generator.bit_generator.state)
        return same(before[0], after[0]) and same(before[1], after[1]) and before[2] == after[2]
    return call, untouched


@pytest.mark.parametrize("change, said", [
    ({"sizes": (2, 6, 3)}, "layers.0.w has shape (2, 5)"),
    ({"sizes": (2, 5, 5, 3)}, "trained parameters was"),
    ({"make": lambda p: optim.AdamW(p, 0.01)}, "optimiser was Adam and is AdamW"),
    ({"make": lambda p: optim.Adam(p, 0.01, betas=(0.8, 0.999))}, "betas was [0.9, 0.999] and is [0.8, 0.999]"),
    ({"make": lambda p: optim.Adam(p[:2], 0.01)}, "trained parameters was"),
    ({"examples": 38}, "x was (37, 2) float32"),
    ({"batch_size": 9}, "batch_size was 8 and is 9"),
    ({"clip_norm": 1.0}, "clip_norm was absent and is 1.0"),
    ({"schedule": lambda step: 0.1}, "schedule was none and is one"),
    ({"validation": blobs()}, "validation was none"),
    ({"generator": np.random.Generator(np.random.MT19937(0))}, "MT19937"),
    ({"dropout": rng(3)}, "model.layers.1.rng"),
])
def test_a_checkpoint_of_another_run_is_refused_whole(tmp_path, change, said):
    path = tmp_path / "run.npz"
    start(path)[0]()
    raw = path.read_bytes()
    call, untouched = start(path, seed=1, resume=True, **change)
    message = refusal(ValueError, call)
    assert "run.npz is the checkpoint of another run: " in message and said in message
    assert untouched() and path.read_bytes() == raw


def test_other_data_of_the_same_size_are_noticed(tmp_path):
    path = tmp_path / "run.npz"
    start(path)[0]()
    x, y = blobs()
    x[20, 1] += 1e-6
    model = mlp()
    message = refusal(ValueError, lambda: train.fit(model, x, y, loss=cross_entropy, optimiser=optim.Adam(model.parameters(), 0.01), epochs=3,
                                                    batch_size=8, rng=rng(7), checkpoint=path, resume=True))
    assert "x was (37, 2) float32" in message and "y was" not in message


def test_generators_shared_otherwise_are_another_run(tmp_path):
    path, one = tmp_path / "run.npz", rng(7)
    start(path, generator=one, dropout=one)[0]()
    call, untouched = start(path, generator=rng(7), dropout=rng(7), resume=True)
    assert "generators was" in refusal(ValueError, call)
    assert untouched()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("written") / "run.npz"
    start(path, validation=blobs(9), patience=5)[0]()
    return path.read_bytes()


def test_a_truncated_checkpoint_is_refused_whole(tmp_path, written):
    path = tmp_path / "run.npz"
    for kept in range(0, len(written), 97):
        path.write_bytes(written[:kept])
        call, untouched = start(path, seed=1, resume=True, validation=blobs(9), patience=5)
        message = refusal(ValueError, call)
        assert message == f"{path} is damaged or cut short: restore it from a copy, or delete it to start anew"
        assert untouched()


def test_a_flipped_bit_is_refused_whole_or_harmless(tmp_path, written):
    path, harmless = tmp_path / "run.npz", 0
    for place in range(5, len(written), 61):
        raw = bytearray(written)
        raw[place] ^= 1 << place % 8
        path.write_bytes(raw)
        call, untouched = start(path, seed=1, resume=True, validation=blobs(9), patience=5)
        try:
            history = call()
        except ValueError as error:
            assert "run.npz" in str(error) and untouched()
        else:  # a date or a permission inside the file
            harmless += 1
            assert len(history.loss) == 3
    assert harmless < len(range(5, len(written), 61)) / 4


def drop(name):
    return lambda arrays: {key: array for key, array in arrays.items() if key != name}


def rewrite(change):
    def apply(arrays):
        header = json.loads(arrays["header"].item())
        change(header)
        return {**arrays, "header": np.array(json.dumps(header))}
    return apply


@pytest.mark.parametrize("harm", [
    drop("optimiser/m"), drop("optimiser/t"), drop("model/layers.0.b"), drop("best/layers.2.w"), drop("header"),
    lambda arrays: {**arrays, "optimiser/v": arrays["optimiser/v"][:-1]}, lambda arrays: {**arrays, "model/more": np.ones(1)},
    rewrite(lambda header: header["generators"].clear()), rewrite(lambda header: header["generators"][0].pop("state")),
    rewrite(lambda header: header["generators"][0]["state"].update(state=-1)), rewrite(lambda header: header.pop("epoch")),
    rewrite(lambda header: header.update(format="dlbook checkpoint 0")), rewrite(lambda header: header["run"].pop("model")),
])
def test_a_checkpoint_that_lacks_something_is_refused_whole(tmp_path, written, harm):
    path = tmp_path / "run.npz"
    path.write_bytes(written)
    train.write_npz(path, harm(train.read_npz(path)))
    call, untouched = start(path, seed=1, generator=rng(8), resume=True, validation=blobs(9), patience=5)
    assert "run.npz is " in refusal(ValueError, call)
    assert untouched()


def test_a_saved_model_is_no_checkpoint(tmp_path):
    path = tmp_path / "model.npz"
    train.save(mlp(), path)
    call, untouched = start(path, seed=1, resume=True)
    message = refusal(ValueError, call)
    assert "model.npz is no checkpoint" in message and "train.load" in message and untouched()


def test_an_earlier_run_is_not_overwritten(tmp_path):
    path = tmp_path / "run.npz"
    start(path)[0]()
    raw = path.read_bytes()
    call, untouched = start(path)
    message = refusal(FileExistsError, call)
    assert "run.npz holds an earlier run: resume it, or delete the file" in message
    assert untouched() and path.read_bytes() == raw


def test_a_place_that_cannot_be_written_is_known_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    for path in (tmp_path / "missing" / "run.npz", tmp_path / "file" / "run.npz"):
        call, untouched = start(path)
        assert f"cannot write the checkpoint {path} (" in refusal(OSError, call)
        assert untouched()
    call, untouched = start(tmp_path, resume=True)
    assert "cannot read the checkpoint" in refusal(OSError, call)
    assert sorted(f.name for f in tmp_path.rglob("*")) == ["file"]


def test_what_a_checkpoint_cannot_hold(tmp_path):
    path, model, x = tmp_path / "run.npz", mlp(), blobs()[0]
    other = mlp(seed=1)
    settings = {"loss": cross_entropy, "epochs": 1, "batch_size": 8, "rng": rng(), "checkpoint": path}
    adam = optim.Adam(model.parameters())
    assert "is a function" in refusal(TypeError, lambda: train.fit(lambda x: model(x), *blobs(), optimiser=adam, **settings))
    foreign = optim.Adam([*model.parameters(), *other.parameters()])
    assert "no part of the model" in refusal(ValueError, lambda: train.fit(model, *blobs(), optimiser=foreign, **settings))

    class Still:
        def zero_grad(self): ...
        step = zero_grad

    assert "Still has no state()" in refusal(TypeError, lambda: train.fit(model, *blobs(), optimiser=Still(), **settings))
    assert "resume=True goes on from a checkpoint" in refusal(ValueError, lambda: start(None, resume=True)[0]())
    assert not path.exists() and x.shape == (37, 2)


def test_a_checkpoint_is_an_ordinary_npz_without_pickles(tmp_path):
    path = tmp_path / "run.npz"
    call, _ = start(path, validation=blobs(9), patience=5)
    call()
    with np.load(path, allow_pickle=False) as file:
        header = json.loads(file["header"].item())
        assert header["epoch"] == 3 and header["step"] == 15 and len(header["loss"]) == 3
        parts = {name.partition("/")[0] for name in file.files}
    assert parts == {"header", "model", "optimiser", "best"}
