"""`dlbook data`: the list and the pictures come from the sets themselves; fetching and verifying are those of dlbook.data."""

import importlib.util

import numpy as np
import pytest
from test_cli import call, sentence

from dlbook import data
from dlbook.cli import data as command

LOCAL = [name for name in data.SETS if name not in command.DOWNLOADED]
NEEDED = {name: "PIL" if name == "photograph" else "sklearn" for name in command.INSTALLED}


def test_the_list_has_every_set_with_size_licence_and_use(capsys):
    code, out, _ = call(capsys, "data")
    entries = {line.split(" ")[0]: line for line in out.splitlines() if line and line[0] != " " and "(" in line and not line.startswith("Look")}
    assert code == 0 and set(entries) == set(data.SETS)
    assert entries["mnist"] == "mnist (11.59 MB, CC BY-SA 3.0)"
    assert entries["cifar10"] == "cifar10 (170 MB to download, no licence: do not pass on)"
    assert entries["iris"] == "iris (comes with scikit-learn)" and entries["two_moons"] == "two_moons (made by a formula)"
    assert "x (60000, 784) and (10000, 784)" in out and "For: project: a network in NumPy." in " ".join(out.split())


def test_every_set_is_accounted_for():
    groups = [set(command.FILES), set(command.DOWNLOADED), set(command.INSTALLED)]
    made = set(data.SETS) - set.union(*groups)
    assert sum(map(len, groups)) == len(set.union(*groups)) and set.union(*groups) <= set(data.SETS)
    assert made == {name for name, make in data.SETS.items() if make.__module__ in ("dlbook.data.made", "dlbook.data.decisions", "dlbook.data.sequences")}
    readme = (data.folder() / "README.md").read_text("utf-8").splitlines()
    for name, (_, licence) in command.FILES.items():
        [row] = [line for line in readme if line.startswith("|") and f"`{name}()`" in line]
        assert licence in row, row


@pytest.mark.parametrize("name", LOCAL)
def test_each_is_shown(capsys, name):
    if name in NEEDED and importlib.util.find_spec(NEEDED[name]) is None:
        code, _, err = call(capsys, "data", name)
        assert code == 1 and "not installed: type `pip install" in sentence(err)
        return
    code, out, err = call(capsys, "data", name)
    assert code == 0 and err == "" and out.startswith(f"{name} (") and len(out.splitlines()) > 3
    assert "array (" in out or "list of" in out or "text of" in out or "Pretrained" in out


def test_a_digit_is_drawn(capsys):
    _, out, _ = call(capsys, "data", "mnist_small")
    drawn = command.drawn(data.mnist_small().x_train[0])
    assert f"\n5:\n{drawn}\n" in out and drawn.count("\n") == 27
    assert command.drawn(np.eye(8, dtype=np.float32).reshape(-1)).splitlines()[:2] == ["@@", "  @@"]


def test_a_set_that_was_not_downloaded(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("DLBOOK_CACHE", str(tmp_path))
    code, _, err = call(capsys, "data", "kmnist")
    assert code == 1 and "download it once with" in sentence(err)


def test_fetch(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(data, "fetch", lambda name: [tmp_path / name])
    assert call(capsys, "data", "--fetch", "kmnist")[:2] == (0, f"{tmp_path / 'kmnist'}\n")

    def refuse(name):
        raise ConnectionError("no route to host; nothing was kept")
    monkeypatch.setattr(data, "fetch", refuse)
    code, _, err = call(capsys, "data", "--fetch", "kmnist")
    assert code == 1 and "nothing was kept" in sentence(err)


def test_verify(capsys, monkeypatch):
    assert call(capsys, "data", "--verify")[:2] == (0, "The data files are all there and as they were published.\n")
    monkeypatch.setattr(data, "verify", lambda: ["a is damaged", "b is missing"])
    code, out, _ = call(capsys, "data", "--verify")
    assert code == 1 and out == "PROBLEM a is damaged\nPROBLEM b is missing\n2 problems found.\n"
