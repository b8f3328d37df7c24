"""Other people's test suites, run over dlbook: what we prove about ourselves, somebody else had already written down.

    test_torch_ops      PyTorch's OpInfo: sample inputs for every operation, values and gradients
    test_torch_layers   PyTorch's module_db: the same for layers, and for their parameters
    test_torch_optim    PyTorch's optim_db and schedulers: fifty steps each
    test_onnx           the ONNX node tests: every operator that we offer
    test_hips           HIPS autograd as a second differentiator, of formulas and of our own functions
    test_gymnasium      Gymnasium's check of environments, and its own worlds beside ours, step by step
    test_tokenizers     a published tokeniser beside ours

`make external` installs the packages they need and runs them; `make test` runs those whose packages are installed, and
says which are not. Each suite has one table that says which of its samples do not apply to us, and why: read it to learn
where PyTorch and NumPy differ. A suite that needs a package imports it inside its tests, so that collecting stays cheap.
"""

import importlib.util

import pytest


def needs(*packages):
    """Skip the test module that calls this where one of `packages` is not installed; imports none of them."""
    absent = [package for package in packages if importlib.util.find_spec(package) is None]
    if absent:
        pytest.skip(f"{' and '.join(absent)} not installed: `make external` does it", allow_module_level=True)
