"""A saved model comes back bit for bit; a damaged or foreign file is refused, and nothing is left half-written."""

import math
import os
import threading
import zipfile

import numpy as np
import pytest
from datafiles import refusal
from hypothesis import given
from hypothesis import strategies as st
from training import blobs, mlp, rng, run, same

from dlbook import nn, optim, train
from dlbook.functional import cross_entropy
from dlbook.train.files import sweep


def awkward(dtype):
    """A model whose parameters hold every kind of float there is."""
    model = nn.MLP([3, 4, 2], rng=rng(), dtype=dtype)
    tiny = np.finfo(dtype)
    model.parameters()[0].data = np.array([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, tiny.smallest_subnormal, tiny.max,
                                           tiny.eps, 1 / 3, math.pi, -1], dtype).reshape(3, 4)
    return model


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_saved_model_comes_back_bit_for_bit(tmp_path, dtype):
    saved, loaded = awkward(dtype), nn.MLP([3, 4, 2], rng=rng(1), dtype=dtype)
    train.save(saved, tmp_path / "model.npz")
    assert not same(saved.state(), loaded.state())
    train.load(loaded, str(tmp_path / "model.npz"))
    assert same(saved.state(), loaded.state())
    with np.load(tmp_path / "model.npz", allow_pickle=False) as file:  # an ordinary .npz
        assert same({name: file[name] for name in file.files}, saved.state())


def test_the_same_model_makes_the_same_file_and_replaces_an_older_one(tmp_path):
    for seed, name in ((0, "a"), (1, "b"), (0, "b")):
        train.save(mlp(seed), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with zipfile.ZipFile(tmp_path / "a") as archive:  # not the time of writing
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert sorted(f.name for f in tmp_path.iterdir()) == ["a", "b"]


def test_training_goes_on_from_a_loaded_model(tmp_path):
    x, y = blobs()
    model = mlp()
    run(model, x, y)
    train.save(model, tmp_path / "model.npz")
    other = mlp(seed=5)
    adam = optim.SGD(other.parameters(), lr=0.1)  # made before the parameters were loaded
    train.load(other, tmp_path / "model.npz")
    for m, optimiser in ((model, optim.SGD(model.parameters(), lr=0.1)), (other, adam)):
        train.fit(m, x, y, loss=cross_entropy, optimiser=optimiser, epochs=1, batch_size=8, rng=rng())
    assert same(model.state(), other.state())


@pytest.mark.parametrize("other, said", [
    (lambda: mlp(sizes=(2, 5, 5, 3)), "missing"), (lambda: mlp(sizes=(2, 3)), "not part of"),
    (lambda: mlp(sizes=(2, 6, 3)), "(2, 5)"), (lambda: mlp(dtype=np.float64), "float32"),
])
def test_another_model_is_refused_and_left_alone(tmp_path, other, said):
    train.save(mlp(), tmp_path / "model.npz")
    model = other()
    before = model.state()
    message = refusal(ValueError, lambda: train.load(model, tmp_path / "model.npz"))
    assert "model.npz was saved from another model" in message and said in message
    assert same(model.state(), before)


@pytest.fixture(scope="module")
def saved_bytes(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.npz"
    train.save(mlp(), path)
    return path.read_bytes()


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_or_harmless(tmp_path_factory, saved_bytes, place, bit):
    raw = bytearray(saved_bytes)
    raw[int(place * len(raw))] ^= 1 << bit
    path = tmp_path_factory.mktemp("flipped") / "model.npz"
    path.write_bytes(raw)
    model = mlp(seed=1)
    before = model.state()
    try:
        train.load(model, path)  # a date or a permission inside the file may change, and no more
    except ValueError:
        assert same(model.state(), before)
    else:
        assert same(model.state(), mlp().state())


@given(kept=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_refused(tmp_path_factory, saved_bytes, kept):
    path = tmp_path_factory.mktemp("cut") / "model.npz"
    path.write_bytes(saved_bytes[:int(kept * len(saved_bytes))])
    model = mlp(seed=1)
    before = model.state()
    assert "model.npz is damaged or is no saved model" in refusal(ValueError, lambda: train.load(model, path))
    assert same(model.state(), before)


def test_pickles_are_neither_read_nor_written(tmp_path):
    np.savez(tmp_path / "evil.npz", w=np.array([Trap()], dtype=object))
    assert "is damaged or is no saved model" in refusal(ValueError, lambda: train.load(mlp(), tmp_path / "evil.npz"))
    with pytest.raises(ValueError, match="Object arrays"):
        train.write_npz(tmp_path / "objects.npz", {"w": np.array([Trap()], dtype=object)})
    assert not (tmp_path / "objects.npz").exists()


class Trap:
    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


def test_a_missing_model_file(tmp_path):
    message = refusal(FileNotFoundError, lambda: train.load(mlp(), tmp_path / "none.npz"))
    assert "none.npz" in message and "give the path of a file" in message


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("not a folder")  # works for root too, who may write anywhere
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "model.npz", tmp_path / "missing" / "model.npz", tmp_path / "folder"):
        message = refusal(OSError, lambda: train.save(mlp(), path))  # noqa: B023
        assert f"cannot save the model to {path} (" in message and "folder that exists" in message
    assert sorted(f.name for f in tmp_path.rglob("*")) == ["file", "folder"], "nothing half-written is left"


def test_a_failed_save_leaves_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / "model.npz"
    train.save(mlp(), path)
    before = path.read_bytes()
    state = mlp(seed=1).state()

    def full_disk(file, array, **settings):
        if len(array) == 5:
            raise OSError(28, "No space left on device")
        return write_array(file, array, **settings)

    write_array = np.lib.format.write_array
    monkeypatch.setattr(np.lib.format, "write_array", full_disk)
    assert 5 in map(len, list(state.values())[1:]), "some arrays are written before the disk is full"
    assert "(No space left on device)" in refusal(OSError, lambda: train.save(mlp(seed=1), path))
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


def test_two_threads_that_write_one_file_do_not_mix_their_words(tmp_path):
    both_are_open = threading.Barrier(2, timeout=10)
    failed = []

    def write(letter):
        try:
            with train.replacing(tmp_path / "note") as file:
                both_are_open.wait()
                file.write(letter * 10_000)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in (b"a", b"b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and (tmp_path / "note").read_bytes() in (b"a" * 10_000, b"b" * 10_000)
    assert list(tmp_path.iterdir()) == [tmp_path / "note"]


def test_what_a_killed_process_left_is_swept_and_nothing_else(tmp_path):
    other = tmp_path / "run.npz"
    with train.replacing(other) as file:
        file.write(b"x")
        (tmp_path / ".run.tmp").touch()
        (mine := tmp_path / f".run.{os.getpid()}.1.tmp").touch()
        sweep(tmp_path / "run")
        assert not mine.exists(), "what was being written to run"
    assert other.read_bytes() == b"x", "the unfinished run.npz of a process that lives"
    assert sorted(f.name for f in tmp_path.iterdir()) == [".run.tmp", "run.npz"]
