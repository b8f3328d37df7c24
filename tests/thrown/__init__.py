"""Right calls of everything public, to be spoiled one argument at a time: `test_properties_public.py` throws, this is the table.

    "dlbook.init.normal": [call(init.normal, (3, 4), std=0.5, rng=RNG)],

A module that adds something public adds a line in a table of its floor here, or, if its arguments come only from functions that have
checked them, its name to INNER. `throwing.py` says what is thrown: it follows from what stands in the right call.
"""

import importlib
import inspect
import pkgutil

import dlbook

from . import layers, models, operations, others, training, worlds
from .throwing import problem, problem_of_two, throwable  # noqa: F401

TABLE = {**operations.TABLE, **layers.TABLE, **models.TABLE, **worlds.TABLE, **training.TABLE, **others.TABLE}

# Public by name, because tests, chapters or other modules use them, but called with what has been checked by those who call.
INNER = {
    "dlbook.autograd": "downstream_first pull unbroadcast frozen common_dtype constant explained floating",
    "dlbook.attention": "attend scores_to_weights attend_backward fitting causal_bias split thirds check_heads angles",
    "dlbook.conv.correlation": "Grid correlate kernel_gradient spread taps by_tap split batches padded channels_last channels_first kernel_last "
                               "kernel_first channel_sums",
    "dlbook.functional.activation": "pieces",
    "dlbook.parallel": "threads each blocks pool",
    "dlbook.pool": "windows",
    "dlbook.recurrent": "sizes blocks time_first batch_first ones",
    "dlbook.functional.loss": "class_indices like",
    "dlbook.data.examples": "check_pairs check_count check_range",
    "dlbook.data.images": "from_idx labelled check_labels pixels",
    "dlbook.data.remote": "Remote",
    "dlbook.text.bpe": "merge in_a_row",
    "dlbook.text.plain": "utf8 check_tokens",
    "dlbook.train.checkpoints": "Checkpoint fingerprint",
    "dlbook.train.files": "sweep place",
    "dlbook.train.judging": "outputs evaluating classes share_right",
    "dlbook.train.progress": "Bar",
}
# Has no argument to throw at, or none that could be wrong; with the reason.
SAFE = {
    **dict.fromkeys(["dlbook.graphs.KarateClub", "dlbook.graphs.Molecule", "dlbook.data.examples.Dataset",
                     "dlbook.data.pretrained.Pretrained", "dlbook.train.history.History", "dlbook.train.loop.State",
                     "dlbook.gan.Coverage", "dlbook.rl.record.Transitions"], "a record of what others have made"),
    **dict.fromkeys(["dlbook.check.core.NotYet", "dlbook.check.core.NotAttempted", "dlbook.check.core.Wrong",
                     "dlbook.check.core.UnknownExercise", "dlbook.check.properties.Failed"], "an error"),
    **dict.fromkeys(["dlbook.check.core.exercise", "dlbook.check.core.sizes", "dlbook.check.properties.watch", "dlbook.check.properties.describe",
                     "dlbook.check.properties.digits"], "for authors of checkers; describe and digits say in words whatever they are given"),
    **dict.fromkeys(["dlbook.check.core.Student", "dlbook.check.core.Exercise"], "made by a checker; what students give it is in test_check.py"),
    **dict.fromkeys([f"dlbook.check.properties.{name}" for name in "expect unlike choice unpack same_shape same_dtype same_values same_gradient".split()],
                    "the words of checkers, whose answers come from students: test_check.py"),
    "dlbook.nn.module.Module": "the base of the layers: has no arguments",
    "dlbook.optim.optimiser.Optimiser": "the base of the optimisers, which are thrown at",
}

# Whole modules and packages, with the reason.
APART = {
    "dlbook.viz": "not thrown at yet: draws what a chapter has computed; its figures are looked at in test_viz.py",
    "dlbook.widgets": "not thrown at yet: shows what a chapter has computed; its pages are looked at in test_widgets.py",
    "dlbook.cli": "its functions take the words of a command line, which argparse has checked: test_cli.py, test_cli_data.py, test_cli_doctor.py, "
                  "test_cli_train.py and test_cli_predict.py say what becomes of wrong ones",
    "dlbook.grade": "its functions take the words of a command line and what students hand in: test_grade.py, test_grade_class.py",
    "dlbook.progress": "its functions take the words of a command line and a reader's own notebooks",
}
# Known to be wrong, and mended by those whose file it is: their tests may fail until then. Empty, it should be.
AWAITED = ()


def modules():
    """Every module of dlbook that can be imported here."""
    for found in pkgutil.walk_packages(dlbook.__path__, "dlbook."):
        if not found.name.endswith("__main__"):
            try:
                yield importlib.import_module(found.name)
            except ModuleNotFoundError as missing:
                if missing.name.startswith("dlbook"):  # matplotlib, ipywidgets: not installed here
                    raise


def public():
    """Name and thing of every function and class that is defined in the package, outside APART, and not underscored."""
    for module in modules():
        if apart(module.__name__):
            continue
        for name, thing in vars(module).items():
            if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__ and (
                    inspect.isfunction(thing) or inspect.isclass(thing)):
                yield f"{module.__name__}.{name}", thing


def apart(module):
    """Whether a module is one of APART, or in a package of it."""
    return any(f"{module}.".startswith(f"{name}.") for name in APART)


def inner(name):
    """Whether something public is an inner function."""
    module, _, own = name.rpartition(".")
    return own in INNER.get(module, "").split()
