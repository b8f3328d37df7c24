"""What all tests share: the built site, examples that hypothesis draws the same way each time, a line on each outside suite."""

import importlib.util
import os
import tomllib
from collections import Counter, defaultdict
from pathlib import Path

import hypothesis
import pytest

# Before anything imports NumPy: pytest's workers share the cores already, and threads on top make small products slow.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(name, "1")

ROOT = Path(__file__).resolve().parents[1]
EXTERNAL = ROOT / "tests" / "external"

# Speed depends on the machine, so no deadline; the same examples each time, so that red and green mean the sources.
hypothesis.settings.register_profile("book", deadline=None, derandomize=True)
hypothesis.settings.load_profile("book")


@pytest.fixture(scope="session")
def root() -> Path:
    """The book's folder."""
    return ROOT


@pytest.fixture(scope="session")
def site() -> Path:
    """The built site; refuses one that was built from other sources than today's."""
    from tools import website

    if not website.up_to_date():
        pytest.fail("_build/html is not the site that today's sources give: run `make book`, or `make test` for all.", pytrace=False)
    return website.SITE


def pytest_terminal_summary(terminalreporter, config):
    """How many samples of other people's suites were run, and which suites could not be, for want of a package."""
    asked = [(config.invocation_params.dir / argument.split("::")[0]).resolve() for argument in config.args]
    if not any(EXTERNAL == path or EXTERNAL in path.parents or path in EXTERNAL.parents for path in asked):
        return
    counts = defaultdict(Counter)
    for report in terminalreporter.stats.get("passed", []):
        for name, samples in report.user_properties:
            if name == "samples":
                counts[report.nodeid.split("::")[0]] += Counter(samples)
    for suite, count in sorted(counts.items()):
        terminalreporter.write_line("{}: {} samples run, {} held to a policy, {} skipped by a rule".format(
            suite, count["run"], count["policy"], count["skipped"]))
    absent = [name for name in outside() if importlib.util.find_spec(name) is None]
    if absent:
        terminalreporter.write_line(f"Outside suites left out for want of {', '.join(absent)}: `make external` runs them.")


def outside():
    """The packages whose suites, or views of what is right, we are held to; each is also the name of its module."""
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]["external"]
    return [requirement.partition("==")[0].partition(">")[0] for requirement in extra]
