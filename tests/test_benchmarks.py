"""The benchmark compares what it says it compares. Its workers are fake here, and nothing is timed."""

import io
import json
import math
import subprocess
import sys

import numpy as np
import pytest

import benchmarks.__main__ as command
from benchmarks import WORKLOADS, engines, mlp, plant, race, report, unet, worker
from benchmarks.race import Contender, ContenderError, Lap, Ratio
from benchmarks.workload import GEMM, Workload, product_flops

pytestmark = pytest.mark.book


class Fake:
    """A contender that takes `seconds` a step and has these losses; every life of one is noted in `log`."""

    log = []
    seconds = {"numpy": 0.25, "dlbook": 0.5, "torch": 1.0, "mygrad": 2.0, "autograd": 4.0}
    loss = {}
    waited = 0.0

    def __init__(self, workload, engine, threads):
        self.engine = engine
        self.log.append(("start", engine, threads))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.log.append(("end", self.engine))

    def losses(self):
        losses = self.loss.get(self.engine, [2.0, 1.0])
        if isinstance(losses, Exception):
            raise losses
        return losses

    def steps_in(self, seconds):
        return round(seconds / self.seconds[self.engine])

    def lap(self, steps):
        self.log.append(("lap", self.engine, steps))
        return Lap(self.seconds[self.engine], self.waited)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(Fake, "log", [])


def workload(*names, flops=GEMM.flops):
    return Workload("some", dict, dict.fromkeys(names), flops)


def measure(workload, peers, *, threads=1, rounds=3):
    return command.measure(workload, peers, threads=threads, rounds=rounds, seconds=8.0, contender=Fake)


# ---- ratios ---------------------------------------------------------------------------------------------------------

def laps(*pairs):
    return [Lap(seconds, waited) for seconds, waited in pairs]


def test_a_ratio_is_the_median_over_rounds_and_not_that_of_the_times():
    # The machine slows down fourfold in the second half: the times say nothing, each round's ratio does.
    ours, theirs = laps((1, 0), (1, 0), (4, 0), (4, 0), (9, 0)), laps((2, 0), (2, 0), (8, 0), (5, 0), (1, 0))
    assert race.ratio(ours, theirs, threads=1) == Ratio(median=0.5, low=0.5, high=0.8, clean=5)


def test_with_two_threads_only_clean_rounds_count():
    ours = laps((1, 0), (9, 0.5), (1, 0.01), (1, 0.02))
    theirs = laps((2, 0), (2, 0), (4, 0), (8, 0.03))
    assert race.ratio(ours, theirs, threads=2) == Ratio(0.375, 0.3125, 0.4375, clean=2)
    assert race.ratio(ours, theirs, threads=1) == Ratio(0.375, 0.21875, 1.5, clean=2)


def test_two_threads_on_a_busy_machine_have_no_ratio():
    ours, clean = laps((1, 0), (1, 0.1), (1, 0.1), (1, 0.1)), laps(*[(1, 0)] * 4)
    assert race.ratio(ours, clean, threads=2) is None
    assert race.ratio(ours[:3], clean[:3], threads=2).clean == 1


def test_where_the_kernel_does_not_say_every_lap_counts():
    unknown = laps((1, math.nan), (3, math.nan))
    assert race.ratio(unknown, unknown, threads=2) == Ratio(1, 1, 1, clean=2)


def test_each_round_runs_every_contender_once_and_not_always_in_the_same_order():
    contenders = {name: Fake(None, name, 1) for name in ("dlbook", "torch", "mygrad")}
    found = race.race(contenders, rounds=8, seconds=8.0)
    assert found == {name: [Lap(Fake.seconds[name], 0.0)] * 8 for name in contenders}
    turns = [entry[1:] for entry in Fake.log if entry[0] == "lap"]
    rounds = [turns[start:start + 3] for start in range(0, 24, 3)]
    assert all(sorted(turn) == [("dlbook", 16), ("mygrad", 4), ("torch", 8)] for turn in rounds)
    assert len({tuple(turn) for turn in rounds}) > 1


# ---- agreement ------------------------------------------------------------------------------------------------------

def test_losses_agree_to_a_relative_tolerance():
    assert race.disagreement([2.0, 1.00009], [2.0, 1.0], 1e-4) is None
    assert race.disagreement([2.0, 1.00011], [2.0, 1.0], 1e-4) == "its loss at step 2 is 1.00011, and 1 was expected"
    assert race.disagreement([math.nan], [1.0], 1e-4) == "its loss at step 1 is nan, and 1 was expected"
    with pytest.raises(ValueError):
        race.disagreement([1.0], [1.0, 1.0], 1e-4)


def test_a_peer_that_trains_something_else_is_left_out_and_named(monkeypatch):
    monkeypatch.setattr(Fake, "loss", {"torch": [2.0, 1.1], "mygrad": ContenderError("mygrad failed: Boom")})
    result, problems = measure(workload("dlbook", "torch", "mygrad", "autograd"), ["torch", "mygrad", "autograd"])
    assert list(result.ratios) == ["autograd"]
    assert problems == [
        "some: torch was left out: its loss at step 2 is 1.1, and 1 was expected",
        "some: mygrad was left out: mygrad failed: Boom",
    ]
    assert not {("lap", "torch", 8), ("lap", "mygrad", 4)} & set(Fake.log)


# ---- one measurement ------------------------------------------------------------------------------------------------

def test_a_measurement_has_ratios_and_the_share_of_the_products():
    result, problems = measure(workload("dlbook", "torch", "mygrad", flops=GEMM.flops // 2), ["torch", "mygrad", "autograd"])
    assert problems == []
    assert {peer: ratio.median for peer, ratio in result.ratios.items()} == {"torch": 0.5, "mygrad": 0.25}  # no engine: autograd
    assert result.step == 0.5
    assert result.gemm_fraction == 0.25  # half of a large product's operations take 0.125 s of the step's 0.5 s


def test_every_process_is_told_the_threads_and_ended(monkeypatch):
    measure(workload("dlbook", "torch"), ["torch"], threads=2)
    assert [entry for entry in Fake.log if entry[0] == "start"] == [("start", name, 2) for name in ("numpy", "dlbook", "torch")]
    monkeypatch.setattr(Fake, "loss", {"dlbook": ContenderError("dlbook failed: Boom")})
    with pytest.raises(ContenderError, match="^dlbook failed: Boom$"):
        measure(workload("dlbook", "torch"), ["torch"])
    assert sum(entry[0] == "start" for entry in Fake.log) == sum(entry[0] == "end" for entry in Fake.log) == 5


def test_a_busy_machine_gives_no_numbers_for_two_threads(monkeypatch):
    monkeypatch.setattr(Fake, "waited", 0.5)
    result, _ = measure(workload("dlbook", "torch"), ["torch"], threads=2)
    assert (result.step, result.gemm_fraction, result.ratios, result.waited) == (None, None, {"torch": None}, 0.5)
    result, _ = measure(workload("dlbook", "torch"), ["torch"], threads=1)
    assert (result.step, result.ratios["torch"].median, result.ratios["torch"].clean) == (0.5, 0.5, 0)


# ---- report ---------------------------------------------------------------------------------------------------------

RESULTS = [
    report.Result("mlp-64", 1, 21, 0.0005, 0.43, 0.001, {"torch": Ratio(0.5, 0.45, 0.55, 20), "mygrad": Ratio(0.4, 0.3, 0.6, 21)}),
    report.Result("tiny", 1, 21, 0.0002, 0.05, math.nan, {"torch": Ratio(2.0, 1.9, 2.1, 21)}),
    report.Result("tiny", 2, 21, None, None, 0.6, {"torch": None}),
]


def test_the_table_shows_every_number():
    assert report.table(RESULTS, ["torch", "mygrad"]).splitlines() == [
        "workload        threads  ms/step  gemm  torch             mygrad            clean rounds  waited",
        "mlp-64          1        0.500    0.43  0.50 (0.45-0.55)  0.40 (0.30-0.60)  20 of 21      0.1%",
        "tiny            1        0.200    0.05  2.00 (1.90-2.10)  -                 21 of 21      unknown",
        "tiny            2        busy     busy  busy              -                 0 of 21       60.0%",
        "geometric mean  1                       1.00              0.40",
        "geometric mean  2                       busy              -",
    ]


def test_the_file_is_a_list_of_records_written_whole(tmp_path):
    path = tmp_path / "_build" / "bench.json"
    report.write(RESULTS[:1], path)
    report.write(RESULTS, path)
    assert json.loads(path.read_text()) == [
        {"workload": "mlp-64", "threads": 1, "peer": "torch", "ratio": 0.5, "gemm_fraction": 0.43},
        {"workload": "mlp-64", "threads": 1, "peer": "mygrad", "ratio": 0.4, "gemm_fraction": 0.43},
        {"workload": "tiny", "threads": 1, "peer": "torch", "ratio": 2.0, "gemm_fraction": 0.05},
        {"workload": "tiny", "threads": 2, "peer": "torch", "ratio": None, "gemm_fraction": None},
    ]
    assert [entry.name for entry in path.parent.iterdir()] == ["bench.json"]


# ---- command line ---------------------------------------------------------------------------------------------------

@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Call the command with fake workers in a scratch folder; its exit status, its lines and the file."""
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "version", lambda package: "1.0")
    monkeypatch.setattr(command, "absent", lambda names: [name for name in names if name == "torch"])
    monkeypatch.setattr(command.measure, "__kwdefaults__", {"contender": Fake})

    def run(*words):
        status = command.main(list(words))
        return status, capsys.readouterr().out.splitlines(), json.loads((tmp_path / "_build" / "bench.json").read_text())

    return run


def test_an_absent_peer_is_one_line_and_no_error(run):
    status, lines, records = run("--workload", "tiny", "--peer", "torch", "mygrad", "--rounds", "2")
    assert status == 0
    assert lines[0] == "torch is not installed: pip install torch"
    assert [(r["workload"], r["threads"], r["peer"], r["ratio"]) for r in records] == [
        ("tiny", 1, "mygrad", 0.25), ("tiny", 2, "mygrad", 0.25)]


def test_all_workloads_run_on_one_and_two_threads_unless_asked_otherwise(run):
    records = run("--quick")[2]
    assert {(r["workload"], r["threads"], r["peer"]) for r in records} == {
        (name, threads, peer) for name in WORKLOADS for threads in (1, 2) for peer in ("mygrad", "autograd") if peer in WORKLOADS[name].engines}


def test_a_failure_is_said_and_the_rest_goes_on(run, monkeypatch):
    monkeypatch.setattr(Fake, "loss", {"mygrad": [7.0, 7.0]})
    status, lines, records = run("--workload", "tiny", "--threads", "1")
    assert status == 1
    assert lines[-1] == "tiny: mygrad was left out: its loss at step 1 is 7, and 2 was expected"
    assert [r["peer"] for r in records] == ["autograd"]
    monkeypatch.setattr(Fake, "loss", {"dlbook": ContenderError("dlbook failed: Boom")})
    status, lines, records = run("--workload", "tiny", "--threads", "1")
    assert (status, lines[-1], records) == (1, "tiny: dlbook failed: Boom", [])


@pytest.mark.parametrize("words, says", [
    (["--rounds", "0"], "must be a whole number of at least 1, and is '0'"),
    (["--threads", "two"], "must be a whole number of at least 1, and is 'two'"),
    (["--workload", "large"], "invalid choice: 'large'"),
    (["--peer", "jax"], "invalid choice: 'jax'"),
])
def test_a_wrong_option_is_explained(words, says, capsys):
    with pytest.raises(SystemExit):
        command.arguments(words)
    assert says in capsys.readouterr().err


# ---- workers --------------------------------------------------------------------------------------------------------

def test_a_worker_takes_as_many_steps_as_it_is_asked():
    losses, answers = iter([5.0, 4.0, 3.0]), []
    worker.serve(lambda: lambda: next(losses), io.StringIO("1\n2\n1\n"), answers.append)
    assert [answer.get("loss") for answer in answers] == [5.0, 3.0, None]
    assert {"loss", "wall", "cpu", "waited"} == set(answers[0])
    assert answers[-1]["error"].startswith("StopIteration")


def test_a_contender_trains_in_a_process_of_its_own(monkeypatch):
    told = []
    monkeypatch.setattr(race, "environment", lambda threads: told.append(threads) or engines.environment(threads))
    with Contender(WORKLOADS["tiny"], "dlbook", 2) as contender:
        losses = contender.losses()
        assert contender.clocked(2).seconds > 0
    assert losses == sorted(losses, reverse=True) and losses[0] > losses[-1]
    assert contender.process.returncode is not None and told == [2]


def test_a_library_that_prints_does_not_spoil_the_answers():
    code = """if True:
        from benchmarks import worker, workload
        worker.WORKLOADS["loud"] = workload.Workload("loud", lambda rng: {}, {"any": lambda: lambda: print("Hello!") or 1.0}, 0)
        worker.main("loud", "any")"""
    done = subprocess.run([sys.executable, "-c", code], cwd=race.ROOT, input="2\n", capture_output=True, text=True)
    assert json.loads(done.stdout)["loss"] == 1.0
    assert done.stderr == "Hello!\nHello!\n"


def test_a_contender_that_fails_says_why():
    with Contender(WORKLOADS["tiny"], "no-engine", 1) as contender:
        for _ in range(2):
            with pytest.raises(ContenderError, match="^no-engine failed: (KeyError: 'no-engine'|its process ended)"):
                contender.run(1)


def test_two_threads_are_timed_by_the_clock_and_disturbed_laps_are_run_again(monkeypatch):
    answers = [{"wall": 4.0, "cpu": 2.0, "waited": 1.0}, {"wall": 2.0, "cpu": 3.0, "waited": 0.0}]
    monkeypatch.setattr(race, "PATIENCE", 0)
    for threads, expected in ((1, Lap(1.0, 0.25)), (2, Lap(1.0, 0.0))):
        left = iter(answers)
        contender = Contender.__new__(Contender)
        contender.threads = threads
        monkeypatch.setattr(contender, "run", lambda steps: next(left), raising=False)
        assert contender.lap(2) == expected
    assert list(left) == []


def test_each_library_is_told_the_number_of_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    environment = engines.environment(2)
    assert {environment[name] for name in engines.THREAD_SETTINGS} == {"2"}


def test_absent_peers_are_found_by_name():
    assert engines.absent(["numpy", "no_such_package"]) == ["no_such_package"]


def test_the_adam_for_others_is_adam():
    rng = np.random.default_rng(0)
    p, gradients = rng.normal(size=4), rng.normal(size=(3, 4))
    theta, m, v = p.copy(), np.zeros(4), np.zeros(4)
    adam = engines.Adam([p], lr=0.1)
    for t, g in enumerate(gradients, 1):
        adam.step([g])
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        theta -= 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(p, theta, rtol=1e-12)


# ---- workloads ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=list(WORKLOADS))
def test_a_workload_trains_and_starts_from_the_same_arrays_everywhere(workload):
    assert set(workload.engines) <= {"dlbook", *engines.PEERS}
    first, second = workload.start("dlbook"), workload.start("dlbook")
    losses = [first() for _ in range(race.AGREE_STEPS)]
    assert losses == [second() for _ in range(race.AGREE_STEPS)]
    assert all(isinstance(loss, float) for loss in losses) and losses[-1] < losses[0]


def test_a_worker_imports_no_library_but_that_of_its_engine():
    code = "import sys, benchmarks.worker; print(*sorted({'dlbook', 'torch', 'mygrad', 'autograd', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=race.ROOT, capture_output=True, text=True).stdout == "numpy\n"


def test_operations_of_a_network_are_counted():
    # 5 examples through 2-3-4: the first layer has its product and one gradient, the second has both gradients.
    assert mlp.flops((2, 3, 4), 5) == 2 * 5 * (2 * 2 * 3 + 3 * 3 * 4)
    assert product_flops(5, 2, 3) == 3 * 2 * 5 * 2 * 3


def test_operations_of_a_convolution_are_those_of_its_columns():
    # 8 × 8 pictures, one block on each of two levels down and one up: 3 × 3 kernels, 1 × 1 where the channels change.
    down = 64 * 9 * (4 * 4 + 4 * 4) + 16 * (9 * (4 * 6 + 6 * 6) + 4 * 6)
    up = 64 * (9 * (10 * 4 + 4 * 4) + 10 * 4)
    ends, times = 64 * 9 * (2 + 3) * 4, 2 * unet.WAVES * (4 + 6 + 4)
    assert unet.flops(8, (4, 6), 5) == 2 * 5 * (ends + 3 * (down + up) + times)


def test_weights_are_planted_in_the_order_of_the_network():
    from dlbook import nn, optim

    network = nn.Linear(2, 3, rng=np.random.default_rng(0))
    w, b = plant.drawn(np.random.default_rng(1), [(2, 3), (3,)])
    step = plant.in_dlbook(network, [w, b], lambda: network(np.ones((1, 2), np.float32)).sum(), lambda p: optim.SGD(p, lr=0.5))
    assert step() == pytest.approx(w.sum()) and b.tolist() == [0, 0, 0]
    np.testing.assert_allclose(network.w.data, w - 0.5, rtol=1e-6)
    with pytest.raises(ValueError):
        plant.in_dlbook(network, [w], None, None)


def test_the_loss_is_the_one_the_chapter_derives():
    for name in ("mlp-64", "tiny"):
        given = WORKLOADS[name].arrays(np.random.default_rng(0))
        z, layers = given["x"], given["parameters"]
        for w, b in zip(layers[::2], layers[1::2]):
            z = np.maximum(z, 0) @ w + b if z is not given["x"] else z @ w + b
        if z.shape[1] == 1:
            p = 1 / (1 + np.exp(-z))
            expected = -np.mean(given["y"] * np.log(p) + (1 - given["y"]) * np.log(1 - p))
        else:
            p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            expected = -np.mean(np.log(p[np.arange(len(z)), given["y"]]))
        assert WORKLOADS[name].start("dlbook")() == pytest.approx(expected, rel=1e-5)
