"""The command `dlbook` itself: it teaches, it imports little, and whatever goes wrong is one sentence and the right exit code."""

import os
import re
import subprocess
import sys

import pytest

from dlbook import cli
from dlbook.cli import bench, classifier, data, train


def call(capsys, *words):
    """Exit code, stdout and stderr of `dlbook WORDS`."""
    try:
        code = cli.main([str(word) for word in words])
    except SystemExit as leaving:
        code = leaving.code or 0
    out, err = capsys.readouterr()
    return code, out, err


def sentence(err):
    """The one sentence on stderr, proved to be one."""
    assert err.count("\n") == 1 and err.endswith(".\n"), err
    return err.strip()


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_help_teaches(capsys, name):
    code, out, _ = call(capsys, name, "--help")
    assert code == 0 and re.search(rf"examples?:\n  dlbook {name}", out)
    options = re.findall(r"^  (--[\w-]+)[^\n]*(?:\n {10,}[^\n]*)*", out, re.MULTILINE)
    for option in re.finditer(r"^  (--[\w-]+)[ \S]*(?:\n {10,}.*)*", out, re.MULTILINE):
        needs = name == "train" and option[1] not in ("--plot", "--checkpoint", "--resume")
        assert "default" in option[0] or not needs, option[0]
    assert len(options) >= (15 if name == "train" else 0)


@pytest.mark.parametrize("name", ["data", "train", "predict", "bench"])
def test_the_examples_of_the_help_are_calls(name):
    """Every line of every epilog is understood by its parser."""
    module = {"data": data, "train": train, "bench": bench}.get(name) or __import__("dlbook.cli.predict", fromlist="x")
    lines = [re.split(r"\s{3,}", line.strip())[0].split()[2:] for line in module.EXAMPLES.splitlines() if line.startswith("  dlbook")]
    assert len(lines) >= 2
    for words in lines:
        parser = cli.Parser(prog=name)
        module.options(parser)
        options, left = parser.parse_known_args(words)
        assert not left or name == "bench"
    assert set(train.MODELS) == set(classifier.ARCHITECTURES)


def test_the_top_lists_every_command(capsys):
    code, out, _ = call(capsys, "--help")
    assert code == 0 and all(re.search(rf"^    {name} ", out, re.MULTILINE) for name in cli.COMMANDS)


@pytest.mark.parametrize("words, said", [
    (["nonesuch"], "nonesuch"), ([], "COMMAND"), (["doctor", "--nonesuch"], "--nonesuch is not an option of `dlbook doctor`"),
    (["train"], "DATASET"), (["train", "xor", "--epochs", "0"], "must be a whole number from 1 up, and is '0'"),
    (["train", "xor", "--epochs", "two"], "'two'"), (["train", "xor", "--lr", "-1"], "must be a number above 0"),
    (["train", "xor", "--lr", "nan"], "'nan'"), (["train", "xor", "--dropout", "1"], "from 0 to below 1"),
    (["train", "xor", "--model", "rnn"], "invalid choice: 'rnn'"), (["train", "nonesuch"], "no classification problem called 'nonesuch'"),
    (["train", "shakespeare"], "shakespeare is a data set, but not one of examples and classes"),
    (["train", "xor", "--model", "cnn"], "cnn needs images"), (["train", "xor", "--patience", "2"], "--patience watches"),
    (["train", "xor", "--checkpoint", "a", "--resume", "a"], "not allowed with"),
    (["train", "xor", "--out", "nowhere/m.npz"], "there is no folder nowhere"), (["train", "xor", "--out", "."], "is a folder"),
    (["train", "xor", "--plot", "h.txt"], ".png, .svg or .pdf"),
    (["predict", "m.npz"], "give either files"), (["predict", "m.npz", "a.npy", "--data", "iris"], "give either files"),
    (["data", "nonesuch"], "no data set is called 'nonesuch'"), (["data", "mnist", "--verify"], "three different wishes"),
    (["data", "--fetch", "mnist"], "'mnist' is not for download"),
])
def test_a_wrong_call_is_one_sentence_and_exit_code_2(capsys, words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *words)
    assert code == 2 and out == "" and said in sentence(err)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_is_one_sentence_and_exit_code_1(capsys, monkeypatch):
    for error, said in ((ValueError("not\n  so"), "not so."), (MemoryError(), "MemoryError."), (FloatingPointError("nan"), "nan.")):
        def fail(options):
            raise error  # noqa: B023
        monkeypatch.setattr(data, "run", fail)
        code, _, err = call(capsys, "data")
        assert code == 1 and sentence(err) == f"dlbook data: {said}"


def test_ctrl_c_is_130(capsys, monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt
    monkeypatch.setattr(data, "run", interrupted)
    code, _, err = call(capsys, "data")
    assert code == 130 and sentence(err) == "dlbook data: interrupted."


def test_a_reader_that_goes_away_is_no_traceback():
    command = f"{sys.executable} -m dlbook data | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.stderr == "" and done.stdout.startswith("mnist (")


def test_help_is_quick_and_imports_none_of_the_heavy():
    code = "import sys, dlbook.cli\ntry: dlbook.cli.main(['train', '--help'])\nexcept SystemExit: print(sorted(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                           env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}).stdout.splitlines()[-1]
    assert "'dlbook.cli.train'" in shown and "'dlbook.train'" not in shown and "'matplotlib'" not in shown


def test_python_m_dlbook_is_the_command():
    shown = subprocess.run([sys.executable, "-m", "dlbook", "--help"], capture_output=True, text=True, check=True,
                           env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}).stdout
    assert "doctor" in shown and shown.startswith("usage: dlbook ")


# ---- bench ----------------------------------------------------------------------------------------------------------

def test_bench_in_a_clone_is_the_benchmarks(capsys, monkeypatch):
    calls = []
    monkeypatch.setattr(bench.subprocess, "run", lambda *words, **settings: calls.append((*words, settings)) or subprocess.CompletedProcess([], 3))
    assert call(capsys, "bench", "--quick", "--workload", "mlp")[0] == 3
    assert calls == [([sys.executable, "-m", "benchmarks", "--quick", "--workload", "mlp"], {"cwd": bench.REPOSITORY})]


def test_bench_elsewhere_measures_by_itself(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(bench, "REPOSITORY", tmp_path)
    code, out, _ = call(capsys, "bench")
    assert code == 0 and "`make bench` in a clone" in out
    gemm, steps = float(re.search(r"products: ([\d.]+) billion", out)[1]), int(re.search(r"training: (\d+) steps", out)[1])
    assert gemm > 0.1 and steps > 10
    code, _, err = call(capsys, "bench", "--quick")
    assert code == 2 and "in a clone of the book" in sentence(err)


def test_the_fastest_time_is_of_the_call():
    import time

    assert 0.01 <= bench.fastest(lambda: time.sleep(0.01), 0.05) < 0.05
