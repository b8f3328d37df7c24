"""The outside suites run where their packages are, are missed in one line where they are not, and compare in earnest."""

import os
import re
import subprocess
import sys
import tomllib

import numpy as np
import pytest
from conftest import EXTERNAL, ROOT

from .comparing import check_same
from .torch_rules import DIFFERS, check_answer


def test_make_external_installs_what_the_suites_want():
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]["external"]
    wanted = set()
    for path in EXTERNAL.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        for call in re.findall(r"^(?:\w+ = )?(?:needs|pytest\.importorskip)\(([^)]*)", source, re.MULTILINE):
            wanted |= {name for name in re.findall(r'"([\w]+)[\w.]*"', call.partition("reason=")[0])}
    assert {"torch", "expecttest"} <= wanted <= {re.match(r"\w+", requirement)[0] for requirement in extra}


def test_a_suite_without_its_package_is_left_out_in_one_line(tmp_path):
    (tmp_path / "absent.py").write_text(
        "import importlib.util as util\nfound = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'torch' else found(name, *rest)\n")
    command = [sys.executable, "-m", "pytest", "-p", "absent", "-p", "no:cacheprovider", "tests/external/test_torch_optim.py"]
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    shown = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True).stdout
    assert "skipped" in shown and "passed" not in shown and "failed" not in shown, shown
    (line,) = [line for line in shown.splitlines() if "make external" in line]
    assert line.startswith("Outside suites left out for want of ") and "torch" in line


@pytest.mark.parametrize("ours", [
    np.array([1.0, 2.0 + 1e-11]), np.array([1.0, np.nan]), np.array([1.0, np.inf]), np.array([1.0, -2.0]),
    np.array([[1.0, 2.0]]), np.array([1.0, 2.0], np.float32),
], ids=["eleventh digit", "nan", "infinity", "sign", "shape", "dtype"])
def test_another_value_is_noticed(ours):
    check_same(np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    with pytest.raises(AssertionError):
        check_same(ours, np.array([1.0, 2.0]))


def test_a_policy_that_is_not_kept_is_noticed():
    for answer in (DIFFERS, ValueError):
        with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
            check_answer(answer, lambda: None)
    with pytest.raises(AssertionError, match="shape"):  # another number is a policy, another shape is none
        check_answer(DIFFERS, lambda: check_same(np.ones(2), np.ones(3)))
