"""What people give by mistake: each right call, with one argument replaced by whatever else it could have been."""

import inspect
import math
import re
import warnings
from dataclasses import dataclass, field
from typing import Any, Callable

import numpy as np

from dlbook import Tensor, check
from dlbook.diffusion import Diffusion
from dlbook.nn import Module
from dlbook.optim import Optimiser
from dlbook.rl import Environment
from dlbook.text import BPE, CharTokeniser


@dataclass(frozen=True)
class Fresh:
    """An argument that a call uses up, made anew each time: a generator, a list of parameters."""

    make: Callable


RNG = Fresh(lambda: np.random.default_rng(0))


@dataclass(frozen=True)
class Call:
    """One right call of something public.

    `spare` names arguments at which nothing is thrown; `means` lists, by argument, what means something there though it would be
    junk elsewhere (None where None is a choice, "nan" where the answer is a whole number that cannot show it).
    """

    f: Callable
    bound: Any
    spare: tuple = ()
    means: dict = field(default_factory=dict)
    known_as: tuple = ()  # other names by which messages may call it
    free: tuple = ()  # arguments where whatever is an array does, or where nan need not show

    def arguments(self):
        """The arguments by name, copied."""
        return {name: fresh(value) for name, value in self.bound.arguments.items()}

    def run(self, **replaced):
        """The answer to the call, with some arguments replaced; warnings are errors."""
        bound = inspect.BoundArguments(self.bound.signature, {**self.arguments(), **replaced})
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return flat(self.f(*bound.args, **bound.kwargs))


def call(f, *args, spare=(), means=None, known_as=(), free=(), **settings):
    """A right call, `f(*args, **settings)`, to be spoiled."""
    return Call(f, inspect.signature(f).bind(*args, **settings), tuple(spare), means or {}, tuple(known_as), tuple(free))


def tensor_call(f, *args, known_as=(), **settings):
    """The same, where arguments become Tensors, of which messages may then speak."""
    return call(f, *args, known_as=["Tensor", *known_as], **settings)


def by_name(*calls):
    """A table of calls by the names of the public functions, or of the classes whose methods they are."""
    table = {}
    for each in calls:
        owner = getattr(each.f, "__self__", None)
        f = each.f if not inspect.ismethod(each.f) else owner if inspect.isclass(owner) else type(owner)
        table.setdefault(f"{f.__module__}.{f.__name__}", []).append(each)
    return table


def fresh(value):
    """A copy of an argument."""
    if isinstance(value, Fresh):
        return value.make()
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, Tensor):
        return Tensor(value.data.copy(), requires_grad=value.requires_grad)
    return type(value)(map(fresh, value)) if type(value) in (list, tuple) else value


def flat(answer):
    """An answer as a list of arrays, numbers and texts: what two answers are compared by."""
    if isinstance(answer, Tensor):
        return [answer.data]
    if isinstance(answer, (Module, Optimiser, BPE, CharTokeniser, Environment, Diffusion)):
        kept = answer.state() if isinstance(answer, Module) else {}
        numbers = [v for _, v in sorted(vars(answer).items()) if isinstance(v, (int, float, np.generic, np.ndarray, dict))]
        return [*kept.values(), *flat(numbers), *(repr(v) for _, v in sorted(vars(answer).items()) if isinstance(v, (str, tuple)))]
    if isinstance(answer, dict):
        return flat(list(answer.values()))
    if isinstance(answer, (list, tuple)) or hasattr(answer, "__next__"):
        return [part for thing in answer for part in flat(thing)]
    if inspect.isfunction(answer) and list(inspect.signature(answer).parameters) == ["step"]:  # a schedule
        return [rate(answer, step) for step in (0, 1, 2, 5)]
    return [answer]


def rate(schedule, step):
    """The learning rate at a step; infinite where no float could hold it, which is an error of Python's."""
    try:
        return float(schedule(step))
    except OverflowError:
        return math.inf


def agree(ours, plain, tolerance):
    """Whether two flat answers are the same, as far as numbers of some dtype can be."""
    if len(ours) != len(plain):
        return False
    for a, b in zip(ours, plain):
        if isinstance(b, (np.ndarray, np.generic, int, float)) and np.asarray(b).dtype.kind in "fiubc":
            if np.shape(a) != np.shape(b) or not np.allclose(np.asarray(a, float), np.asarray(b, float), rtol=tolerance, atol=tolerance, equal_nan=True):
                return False
        elif isinstance(b, np.ndarray) and not np.array_equal(a, b) or type(b) in (str, bytes, bool, list) and a != b:
            return False
    return True


# ---- what to throw --------------------------------------------------------------------------------------------------------

NOTHING = [None, "two", b"two", 1j, object(), {}, {1.0}, len, Ellipsis, slice(2), [None], ["1"], [[1.0], [2.0, 3.0]], np.array([1j]), np.array(["a"]),
           np.array([None, 1], object), np.array(["2020-01-01"], "datetime64[D]")]


class Labelled(np.ndarray):
    """A subclass of arrays, as other libraries have them."""


def spread_out(x):
    """The same array between nan or other numbers in memory, backwards."""
    wide = np.full([2 * n + 1 for n in x.shape], 7 if x.dtype.kind != "f" else np.nan, x.dtype)
    view = wide[tuple(slice(1, 2 * n + 1, 2) for n in x.shape)][(slice(None, None, -1),) * x.ndim]
    view[...] = x
    return view


def closed(x):
    """The same array, read-only: who writes into it is found out."""
    x = x.copy()
    x.flags.writeable = False
    return x


def of_arrays(x):
    """What may stand for the array x: (name, value, what must happen)."""
    yield "Fortran", np.array(x, order="F"), "same"
    yield "strided", spread_out(x) if x.ndim else x, "same"
    yield "read-only", closed(x), "same"
    yield "big-endian", x.astype(x.dtype.newbyteorder(">")), "same"
    yield "subclass", x.view(Labelled), "same"
    yield "masked", np.ma.masked_array(x, mask=False), "same"
    yield "list", x.tolist(), "same"
    if x.ndim:
        yield "some masked", np.ma.masked_array(x, mask=np.arange(x.size).reshape(x.shape) == 0), "refuse or as if not"
        yield "tuple", tuple(x), "same"
    if x.ndim == 2:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield "np.matrix", np.matrix(x), "same"
    for dtype in (np.float16, np.float32, np.float64, np.longdouble, np.int64, np.int8, np.uint8, bool, object):
        with np.errstate(all="ignore"):
            other = x.astype(dtype)
        yield np.dtype(dtype).name, other, "same" if np.array_equal(other, x) else "any"
    for dtype in (complex, str, "S4", "datetime64[D]"):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield np.dtype(dtype).name, x.astype(np.int64).astype(dtype) if dtype == "datetime64[D]" else x.astype(dtype), "refuse"
            except (TypeError, ValueError):
                pass
    for thing in NOTHING:
        yield f"{thing!r:.20}", thing, "refuse"
    yield "one axis more", x[None], "any"
    yield "one axis more at the end", x[..., None], "any"
    yield "a number", x.dtype.type(1), "any"
    yield "empty", np.empty(0, x.dtype), "any"
    if x.ndim:
        yield "no rows", x[:0], "any"
        yield "one row", x[:1], "any"
        yield "one row more", np.concatenate([x, x[:1]]), "any"
        yield "one column fewer", x[..., :-1], "any"
        yield "transposed", x.T, "any"
        yield "first element alone", x.reshape(-1)[:1], "any"
    if x.dtype.kind == "f":
        for name, bad in (("nan", math.nan), ("inf", math.inf), ("-inf", -math.inf)):
            y = x.copy()
            y.reshape(-1)[0] = bad
            yield name, y, "seen" if name == "nan" else "any"
        with np.errstate(over="ignore"):
            yield "huge", x * np.finfo(x.dtype).max, "any"
    else:
        for bad in (-1, 10**6):
            y = x.astype(np.int64)
            y.reshape(-1)[0] = bad
            yield f"a {bad}", y, "any"


def of_whole_numbers(n):
    """What may stand for the whole number n."""
    yield "np.int64", np.int64(n), "same"
    yield "np.uint8", np.uint8(n % 256), "same" if 0 <= n < 256 else "any"
    yield "float", float(n), "same"
    yield "array", np.array(n), "same"
    yield "True", True, "refuse" if n != 1 else "same"
    for thing in [*NOTHING, n + 0.5, math.nan, math.inf, np.array([n, n + 1, n]), str(n)]:
        yield f"{thing!r:.20}", thing, "refuse"
    for other in (0, -1, -(10**6)):
        yield str(other), other, "any"
    yield "10**400", -(10**400), "any"


def of_numbers(x):
    """What may stand for the number x."""
    yield "np.float64", np.float64(x), "same"
    yield "np.float32", np.float32(x), "same"
    yield "array", np.array(x), "same"
    yield "True", True, "refuse"
    for thing in [*NOTHING, math.nan, np.array([x, x, x]), str(x)]:
        yield f"{thing!r:.20}", thing, "refuse"
    for other in (0, 0.0, 1, 1.0, -1.0, -1, math.inf, -math.inf, 1e300, 10**400):
        yield f"{other!r:.12}", other, "any"


def of_flags(b):
    """What may stand for True or False."""
    yield "np.bool_", np.bool_(b), "same"
    yield "number", int(b), "same"
    for thing in [*(thing for thing in NOTHING if not isinstance(thing, np.ndarray)), "no", 2, 0.5, math.nan, np.array([True, False])]:
        yield f"{thing!r:.20}", thing, "refuse"


def of_texts(text):
    """What may stand for a text."""
    for thing in [*(thing for thing in NOTHING if not isinstance(thing, str)), 3, 2.5, True]:
        yield f"{thing!r:.20}", thing, "refuse"
    yield "another", "no such thing", "any"
    yield "empty", "", "any"
    yield "half a surrogate", "\ud800", "any"


def of_functions(f):
    """What may stand for a function."""
    for thing in NOTHING:
        if not callable(thing):
            yield f"{thing!r:.20}", thing, "refuse"


def of_generators(rng):
    """What may stand for a random generator."""
    for thing in [*NOTHING, 0, 1, np.random, np.random.RandomState(0), np.random.PCG64(0)]:
        yield f"{thing!r:.20}", thing, "refuse"


def of_dtypes(dtype):
    """What may stand for a dtype."""
    yield "its name", np.dtype(dtype).name, "same"
    yield "np.dtype", np.dtype(dtype), "same"
    for thing in (int, bool, complex, object, "no such", "U4", 3, [1]):
        yield f"{thing!r:.20}", thing, "refuse"


def of_sequences(several):
    """What may stand for a tuple or list of numbers, such as a shape."""
    yield "list", list(several), "same"
    yield "tuple", tuple(several), "same"
    yield "array", np.array(several), "same"
    for thing in NOTHING:
        yield f"{thing!r:.20}", thing, "any" if thing is NOTHING[5] else "refuse"
    for first in (0, -1, 2.5, math.nan, "3", None):
        fits = isinstance(first, int) or isinstance(first, float) and isinstance(several[0], float)
        yield f"first {first!r}", [first, *several[1:]], "any" if fits else "refuse"
    yield "empty", [], "any"
    yield "one more", [*several, several[-1]], "any"
    yield "one fewer", several[:-1], "any"


def throws(value):
    """All that can be thrown in the place of `value`."""
    value = fresh(value)
    if isinstance(value, Tensor):
        for name, thrown, must in of_arrays(value.data):
            yield name, thrown, must
            if isinstance(thrown, np.ndarray) and thrown.dtype.kind == "f":
                yield f"Tensor, {name}", Tensor(thrown), must
    elif isinstance(value, np.ndarray):
        yield from of_arrays(value)
    elif isinstance(value, type) and issubclass(value, np.generic):
        yield from of_dtypes(value)
    elif isinstance(value, bool):
        yield from of_flags(value)
    elif isinstance(value, int):
        yield from of_whole_numbers(value)
    elif isinstance(value, float):
        yield from of_numbers(value)
    elif isinstance(value, str):
        yield from of_texts(value)
    elif isinstance(value, np.random.Generator):
        yield from of_generators(value)
    elif isinstance(value, (tuple, list)) and value and all(isinstance(part, (int, float)) for part in value):
        yield from of_sequences(value)
    elif callable(value):
        yield from of_functions(value)
    else:
        for thing in NOTHING:
            yield f"{thing!r:.20}", thing, "any"


# ---- what must come back ----------------------------------------------------------------------------------------------------

KINDS = (ValueError, TypeError, IndexError, KeyError, OSError, FloatingPointError, check.core.UnknownExercise)
GIVEN = re.compile(r"[\d(\[{'\"«…]|\b(None|nan|inf|str|list|tuple|dict|set|object|bool|int|float|complex|bytes|slice|function|dtype|NoneType|[Ee]llipsis|True|False)\b")


def explains(error, names):
    """Whether an error is of a kind that users expect, names what it is about, and says what was given."""
    said = str(error)
    about = any(re.search(rf"\b{re.escape(name)}s?\b", said, re.IGNORECASE) for name in names)
    return isinstance(error, KINDS) and about and bool(GIVEN.search(said)) and len(said) < 600


def throwable(call):
    """Every (argument, label, thrown, what must happen) of a call; of several inputs the first is thrown at."""
    for name, value in call.bound.arguments.items():
        if name not in call.spare:
            several = call.bound.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
            for label, thrown, must in throws(value[0] if several else value):
                yield name, label, thrown, must


def spoilt(call, name, thrown):
    """The arguments with `thrown` in the place of one of them."""
    several = call.bound.signature.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL
    return {name: (thrown, *call.arguments()[name][1:]) if several else thrown}


def called(call, *names):
    """The names that a message may say: of the arguments, of the function, of the class it belongs to."""
    return {*names, *call.known_as, *call.f.__qualname__.split(".")} - {"forward"}


def problem_of_two(call, *thrown):
    """One sentence on what is wrong with the error that several throws at once have raised; None where nothing is."""
    try:
        call.run(**{name: value for name, _, thing, _ in thrown for name, value in spoilt(call, name, thing).items()})
    except Warning:
        return None  # which of them it is about, one throw at a time tells
    except Exception as error:
        if not explains(error, called(call, *(name for name, *_ in thrown))):
            return f"{', '.join(f'{name} = {label}' for name, label, *_ in thrown)}: {type(error).__name__}: {error}"
    return None


def problem(call, plain, name, label, thrown, must):
    """One sentence on what is wrong with what came of throwing `thrown` at argument `name`; None where nothing is."""
    before = fresh(thrown)
    must = "any" if name in call.free and must in ("refuse", "seen") else must
    try:
        answer = call.run(**spoilt(call, name, thrown))
    except Warning as warning:
        if must in ("any", "refuse or as if not") and isinstance(warning, RuntimeWarning):
            return None  # NumPy's word for overflow or 0 / 0 in the numbers given
        return f"{name} = {label}: warns {warning!r}"
    except Exception as error:  # whichever: that is the question
        return None if explains(error, called(call, name)) else f"{name} = {label}: {type(error).__name__}: {error}"
    if isinstance(thrown, np.ndarray) and not np.array_equal(np.asarray(thrown), np.asarray(before), equal_nan=thrown.dtype.kind == "f"):
        return f"{name} = {label}: the argument was written into"
    if must == "refuse" and not any(thrown is meant or type(thrown) is type(meant) and repr(thrown) == repr(meant) for meant in call.means.get(name, ())):
        return f"{name} = {label}: taken without a word, and gives {answer!r:.80}"
    if must == "same" and not agree(answer, plain, 2e-2 if "16" in label else 1e-5):
        return f"{name} = {label}: gives {answer!r:.60}, where the same numbers give {plain!r:.60}"
    if must == "same" and isinstance(thrown, np.generic) and [getattr(a, "dtype", 0) for a in answer] != [getattr(a, "dtype", 0) for a in plain]:
        return f"{name} = {label}: changes the dtype of the answer, {answer!r:.60}"
    if must == "seen" and "nan" not in call.means.get(name, ()) and not any(isinstance(a, (np.ndarray, float, np.floating)) and np.asarray(a).dtype.kind == "f" and not np.isfinite(a).all() for a in answer):
        return f"{name} = {label}: hides nan: {answer!r:.60}"
    return None
