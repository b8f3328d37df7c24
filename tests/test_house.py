"""The package's house rules: one floor on another, small modules, and a core that needs NumPy alone."""

import ast
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "dlbook"

# Imports run down this list only (a module may import those named before it).
FLOORS = """allocator parallel settings autograd ops functional conv pool recurrent attention init nn optim schedules data text graphs train
            vae gan flow diffusion rl gradcheck check grade progress viz widgets cli __main__""".split()
# The one place where the others may be imported at the top of a module.
HEAVY = {"viz": {"matplotlib", "cycler"}, "widgets": {"matplotlib", "ipywidgets"}}

MODULES = sorted(PACKAGE.rglob("*.py"))


def floor(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(tree, package):
    """The absolute names of what a module imports; `package` is the dotted name of the package it is in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*parts, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def package_of(path):
    return ".".join(["dlbook", *path.relative_to(PACKAGE).parent.parts])


def downward(source, package, own):
    """The floors above `own` that a module imports, which should be none."""
    found = {name.split(".")[1] for name in imports(ast.parse(source), package) if name.startswith("dlbook.")}
    return {name for name in found & set(FLOORS) if FLOORS.index(name) > FLOORS.index(own)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 300
    own = floor(path)
    if own == "__init__":
        return
    assert own in FLOORS, f"say in tests/test_house.py, and in the architecture page, on which floor {own} is"
    assert downward(source, package_of(path), own) == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_numpy_is_imported_at_the_top(path):
    tops = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {name.split(".")[0] for name in imports(ast.Module(tops, []), package_of(path))}
    allowed = {"numpy", "dlbook", "__future__"} | HEAVY.get(floor(path), set())
    assert names - set(sys.stdlib_module_names) <= allowed


def test_the_rule_finds_an_import_that_runs_upwards():
    assert downward("from .nn import Linear", "dlbook", "ops") == {"nn"}
    assert downward("from ..optim import SGD", "dlbook.functional", "functional") == {"optim"}
    assert downward("from dlbook.train import fit", "dlbook.ops", "ops") == {"train"}
    assert downward("from . import viz", "dlbook", "train") == {"viz"}
    assert downward("def f():\n    import dlbook.viz", "dlbook", "train") == {"viz"}
    assert downward("from .autograd import op", "dlbook", "ops") == set()
