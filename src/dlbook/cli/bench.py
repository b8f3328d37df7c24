"""`dlbook bench`: how fast the package is here. In a clone of the book, beside other libraries; elsewhere, by itself."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = """examples:
  dlbook bench --quick            in a clone of the book: every benchmark, a few rounds of each
  dlbook bench --small            anywhere: matrix products and training steps a second, in seconds

In a clone all other options are those of `python -m benchmarks`: --workload, --threads, --peer, --rounds, --quick."""
PASSES_ON = True
REPOSITORY = Path(__file__).resolve().parents[3]


def options(parser):
    """What can be chosen."""
    parser.epilog = EXAMPLES
    parser.add_argument("--small", action="store_true", help="only the small check that needs no clone (default: where there is no clone)")


def run(options):
    """Run the benchmarks of the clone, or the small check."""
    clone = (REPOSITORY / "benchmarks" / "__main__.py").is_file()
    if clone and not options.small:
        return subprocess.run([sys.executable, "-m", "benchmarks", *options.words], cwd=REPOSITORY).returncode
    if options.words:
        from . import WrongCall

        raise WrongCall(f"{' '.join(options.words)}: options of the benchmarks, which are in a clone of the book: "
                        "install from one with `pip install -e .`")
    gemm, step = small_check()
    print(f"matrix products: {gemm:.1f} billion operations a second (float32, 1024 × 1024)")
    print(f"training: {1 / step:.0f} steps a second (784-128-64-10 network, batch of 64, Adam)")
    if not clone:
        print("The benchmarks beside other libraries are in the book's repository: `make bench` in a clone.")
    return 0


def small_check(seconds=0.5):
    """Matrix products in 10⁹ operations a second, and the seconds of a training step."""
    import numpy as np

    from ..functional import cross_entropy
    from ..nn import MLP
    from ..optim import Adam

    rng = np.random.default_rng(0)
    a, b = rng.random((2, 1024, 1024), np.float32)
    x, y = rng.random((64, 784), np.float32), rng.integers(0, 10, 64)
    model = MLP([784, 128, 64, 10], rng=rng)
    optimiser = Adam(model.parameters())

    def step():
        optimiser.zero_grad()
        cross_entropy(model(x), labels=y).backward()
        optimiser.step()

    return 2 * 1024**3 / fastest(lambda: a @ b, seconds) / 1e9, fastest(step, seconds)


def fastest(call, seconds):
    """The shortest time that `call` took in a while: what other programs disturb is longer."""
    import time

    call()
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
