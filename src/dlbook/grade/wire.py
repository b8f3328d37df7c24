"""Calls and values between two processes of which neither trusts the other: JSON and raw arrays, never a pickle.

Numbers, texts, arrays, lists, tuples, dicts, generators and Tensors travel as values. Everything else stays where it is
and is known to the other side as a `Remote`, which can be called and whose attributes can be read. Either side may be
called while it waits for an answer: a checker gives a function to the student's, and a student's returns one.

The judge's end gives away nothing but functions, and nobody can read an attribute of anything there: `f.__globals__` would
be the whole process. It believes no length, and builds no more than `LONGEST` bytes of what one message says.
"""

import builtins
import json
import math
import re
import struct
import time

import numpy as np

from ..autograd import Tensor
from ..check.properties import Failed

LONGEST = 64 << 20  # bytes of the arrays of one message
LONGEST_TEXT = 4 << 20  # bytes of its JSON, which takes up to fifty times as much once it is read
HEAD = struct.Struct("!II")  # lengths: of the JSON, and of the arrays after it


class Gone(Failed):
    """The other side has ended, says too much, or does not answer in time."""


class Remote:
    """Something that lives on the other side."""

    def __init__(self, wire, number, kind):
        self._wire, self._number, self._kind = wire, number, kind

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self._wire.ask({"attribute": [self._number, name]})

    def __repr__(self):
        return f"<{self._kind}>"


class RemoteFunction(Remote):
    """A function, or another thing to call, that lives on the other side."""

    def __call__(self, *arguments, **settings):
        return self._wire.ask({"call": self._number}, [list(arguments), settings])


class Wire:
    """One end of a connection.

    line: says where in its code an error arose, for the other side to read. has_gap: whether a function is still a stub.
    open: whether the other side may have objects of ours, and read their attributes; otherwise functions alone.
    """

    def __init__(self, socket, *, line=lambda error: "", has_gap=lambda thing: False, deadline=math.inf, open=False):
        self.socket, self.line, self.has_gap, self.deadline, self.open = socket, line, has_gap, deadline, open
        self.objects = []  # ours that the other side knows, by number

    # ---- messages ------------------------------------------------------------------------------------------------------

    def send(self, message, **values):
        """Send a message; `values` are encoded."""
        blobs = []
        body = json.dumps({**message, **{name: self.packed(value, blobs) for name, value in values.items()}}).encode()
        blob = b"".join(blobs)
        if len(body) > LONGEST_TEXT or len(blob) > LONGEST:
            raise ValueError(f"{len(body) + len(blob):,} bytes are more than one answer may have")
        self.patient(self.socket.sendall, HEAD.pack(len(body), len(blob)) + body + blob)

    def receive(self):
        """The next message; raises Gone where none will come."""
        body, blob = HEAD.unpack(self.exactly(HEAD.size))
        if body > LONGEST_TEXT or blob > LONGEST:
            raise Gone(f"Your code answers with {body + blob:,} bytes, and {LONGEST:,} are the limit.")
        try:
            message = json.loads(self.exactly(body))
            if not isinstance(message, dict):
                raise ValueError
        except (ValueError, RecursionError):
            raise Gone("Your code wrote into the grader's own connection.") from None
        self.blob, self.room = self.exactly(blob), LONGEST
        return message

    def exactly(self, count):
        parts = []
        while count:
            part = self.patient(self.socket.recv, min(count, 1 << 20))
            if not part:
                raise Gone("Your code ended the process it ran in.")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def patient(self, act, *arguments):
        """Do something with the socket, no longer than until the deadline."""
        left = self.deadline - time.monotonic()
        try:
            self.socket.settimeout(None if left == math.inf else max(left, 0.001))
            return act(*arguments)
        except TimeoutError:
            raise Gone("Your code did not answer in time: is there a loop without an end?") from None
        except OSError:
            raise Gone("Your code ended the process it ran in.") from None

    # ---- calls ---------------------------------------------------------------------------------------------------------

    def ask(self, message, arguments=None):
        """Send a request, serve the other side meanwhile, and return its answer or raise its error."""
        self.send(message, arguments=arguments)
        while True:
            answer = self.receive()
            if "value" in answer:
                value = self.unpacked(answer["value"])
                if arguments is not None and answer.get("changed") is not None:
                    restored(arguments, self.unpacked(answer["changed"]))
                return value
            if "error" in answer:
                raise as_exception(answer)
            self.serve(answer)

    def serve(self, message):
        """Do what the other side asks for, and answer."""
        try:
            if "call" in message:
                positional, settings = arguments = self.unpacked(message["arguments"])
                before = fingerprint(arguments)
                value = self.own(message["call"])(*positional, **settings)
                changed = arguments if fingerprint(arguments) != before else None
            elif "attribute" in message and self.open:
                number, name = message["attribute"]
                value, changed = getattr(self.own(number), name), None
            else:
                raise ValueError(f"the request {sorted(message)} is not known")
            self.send({}, value=value, changed=changed)
        except Gone:
            raise
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: the other side is to hear of them
            self.send({"error": type(error).__name__, "text": str(error)[:1000], "line": self.line(error)})

    def own(self, number):
        """Our object that the other side knows by this number."""
        if type(number) is not int or not 0 <= number < len(self.objects):
            raise Gone("Your code asks for something that it was not given.")
        return self.objects[number]

    # ---- values --------------------------------------------------------------------------------------------------------

    def packed(self, value, blobs):
        """`value` as JSON; the bytes of its arrays go to the end of `blobs`."""
        if value is None or isinstance(value, (bool, str)) or type(value) in (int, float):
            return value
        if value is ...:
            return {"dots": True}
        if isinstance(value, (np.ndarray, np.generic)) and np.asarray(value).dtype.kind in "biufcUS":
            array = np.asarray(value)
            start = sum(map(len, blobs))
            blobs.append(array.tobytes())
            return {"array": [array.dtype.str, array.shape, start, array.nbytes], "scalar": isinstance(value, np.generic)}
        if type(value) in (list, tuple):
            return {type(value).__name__: [self.packed(part, blobs) for part in value]}
        if type(value) is dict:
            return {"dict": [[self.packed(name, blobs), self.packed(part, blobs)] for name, part in value.items()]}
        if isinstance(value, np.random.Generator) and type(value.bit_generator) is np.random.PCG64:
            state = value.bit_generator.state
            return {"rng": [state["state"]["state"], state["state"]["inc"], state["has_uint32"], state["uinteger"]]}
        if isinstance(value, Tensor):
            return {"tensor": self.packed(value.data, blobs), "grad": self.packed(value.grad, blobs), "wants": value.requires_grad}
        if isinstance(value, Remote) and value._wire is self:
            return {"yours": value._number}
        if not (self.open or callable(value) and not isinstance(value, type)):
            raise TypeError(f"a checker may hand over values and functions, and this is an object of type {type(value).__name__}")
        self.objects.append(value)
        name = getattr(value, "__name__", type(value).__name__)
        return {"mine": len(self.objects) - 1, "name": str(name)[:80], "call": callable(value), "gap": bool(self.has_gap(value))}

    def unpacked(self, tree):
        """The value that `packed` made `tree` of."""
        try:
            return self._unpacked(tree)
        except Gone:
            raise
        except Exception as error:  # whatever a hostile process may have thought of
            raise Gone(f"Your code gave back something that cannot be read ({type(error).__name__}).") from None

    def _unpacked(self, tree):
        if not isinstance(tree, dict):
            if isinstance(tree, list):
                raise ValueError("a bare list")
            return tree
        if "array" in tree:
            dtype, shape, start, size = tree["array"]
            dtype, self.room = np.dtype(str(dtype)), self.room - size
            if dtype.kind not in "biufcUS" or dtype.itemsize * math.prod(shape) != size or min(shape, default=0) < 0 or self.room < 0 or start < 0:
                raise ValueError("an array that is not what it says")
            array = np.zeros(shape, dtype)
            if size:
                array = np.frombuffer(self.blob[start:start + size], dtype).reshape(shape).copy()
            if dtype.kind == "U":
                array.tolist()  # raises ValueError for what is no text
            return array[()] if tree.get("scalar") else array
        for kind in (list, tuple):
            if kind.__name__ in tree:
                return kind(map(self._unpacked, tree[kind.__name__]))
        if "dict" in tree:
            return {self._unpacked(name): self._unpacked(part) for name, part in tree["dict"]}
        if "rng" in tree:
            state, increment, has_half, half = (int(number) for number in tree["rng"])
            generator = np.random.Generator(np.random.PCG64(0))
            generator.bit_generator.state = {"bit_generator": "PCG64", "state": {"state": state % 2**128, "inc": increment % 2**128 | 1},
                                             "has_uint32": int(has_half == 1), "uinteger": half % 2**32}
            return generator
        if "tensor" in tree:
            tensor = Tensor(self._unpacked(tree["tensor"]), requires_grad=bool(tree["wants"]))
            tensor.grad = self._unpacked(tree["grad"])
            return tensor
        if "yours" in tree:
            return self.own(tree["yours"])
        if "mine" in tree:
            name = named(tree["name"], "object")
            remote = type(name, (RemoteFunction if tree["call"] else Remote,), {})(self, int(tree["mine"]), name)
            remote.has_gap, remote.__name__ = bool(tree["gap"]), name
            return remote
        return ...


def named(name, otherwise):
    """A name that came from the other side, safe to give to a class."""
    return re.sub(r"\W", "", str(name)[:80], flags=re.ASCII) or otherwise


def legible(text, most=1000):
    """A text that came from the other side, safe to print and to write into a file."""
    kept = "".join(c if c.isprintable() else " " for c in str(text)[:most])
    return kept.encode("utf-8", "replace").decode("utf-8")


def as_exception(answer):
    """The error that the other side reports, as an exception of the same name."""
    name, text = named(answer.get("error"), "Error"), legible(answer.get("text", ""))
    known = getattr(builtins, name, None)
    if not (isinstance(known, type) and issubclass(known, (Exception, SystemExit))):
        known = type(name, (Exception,), {})
    try:
        error = known(text)
    except TypeError:  # some take more than a text
        error = type(name, (Exception,), {})(text)
    error.line = legible(answer.get("line", ""), 300)
    return error


def fingerprint(value):
    """What `value` holds, for comparing before and after a call."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, (list, tuple)):
        return [fingerprint(part) for part in value]
    if isinstance(value, dict):
        return {repr(name): fingerprint(part) for name, part in value.items()}
    if isinstance(value, np.random.Generator):
        return repr(value.bit_generator.state)
    if isinstance(value, Tensor):
        return fingerprint(value.data), fingerprint(value.grad)
    return repr(value) if isinstance(value, (bool, int, float, str)) else id(value)


def restored(mine, theirs):
    """Let `mine` be changed as the other side changed its copy, `theirs`: what was sent by value was meant by reference."""
    if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray) and mine.shape == theirs.shape and mine.dtype == theirs.dtype:
        np.copyto(mine, theirs)
    elif isinstance(mine, np.random.Generator) and isinstance(theirs, np.random.Generator):
        mine.bit_generator.state = theirs.bit_generator.state
    elif isinstance(mine, Tensor) and isinstance(theirs, Tensor):
        mine.data, mine.grad = theirs.data, theirs.grad
    elif type(mine) is type(theirs) is list and len(mine) != len(theirs):
        mine[:] = theirs
    elif type(mine) is type(theirs) and isinstance(mine, (list, tuple)):
        for position, (a, b) in enumerate(zip(mine, theirs)):
            if isinstance(mine, list) and not isinstance(a, (np.ndarray, np.random.Generator, Tensor, list, tuple, dict)):
                mine[position] = b
            else:
                restored(a, b)
    elif type(mine) is type(theirs) is dict:
        for name in mine.keys() & theirs.keys():
            restored(mine[name], theirs[name])
