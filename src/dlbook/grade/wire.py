"""Calls and values between two processes of which neither trusts the other: JSON and raw arrays, never a pickle.

Numbers, texts, arrays, lists, tuples, dicts, generators and Tensors travel as values. Everything else stays where it is
and is known to the other side as a `Remote`, which can be called and whose attributes can be read. Either side may be
called while it waits for an answer: a checker gives a function to the student's, and a student's returns one.
"""

import builtins
import json
import math
import struct
import time

import numpy as np

from ..autograd import Tensor
from ..check.properties import Failed

LONGEST = 64 << 20  # bytes of one message
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
    """

    def __init__(self, socket, *, line=lambda error: "", has_gap=lambda thing: False, deadline=math.inf):
        self.socket, self.line, self.has_gap, self.deadline = socket, line, has_gap, deadline
        self.objects = []  # ours that the other side knows, by number

    # ---- messages ------------------------------------------------------------------------------------------------------

    def send(self, message, **values):
        """Send a message; `values` are encoded."""
        blobs = []
        body = json.dumps({**message, **{name: self.packed(value, blobs) for name, value in values.items()}}).encode()
        blob = b"".join(blobs)
        if len(body) + len(blob) > LONGEST:
            raise ValueError(f"{len(body) + len(blob):,} bytes are more than the {LONGEST:,} that one answer may have")
        self.patient(self.socket.sendall, HEAD.pack(len(body), len(blob)) + body + blob)

    def receive(self):
        """The next message; raises Gone where none will come."""
        body, blob = HEAD.unpack(self.exactly(HEAD.size))
        if body + blob > LONGEST:
            raise Gone(f"Your code answers with {body + blob:,} bytes, and {LONGEST:,} are the limit.")
        try:
            message = json.loads(self.exactly(body))
            if not isinstance(message, dict):
                raise ValueError
        except (ValueError, RecursionError):
            raise Gone("Your code wrote into the grader's own connection.") from None
        self.blob = self.exactly(blob)
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
                value = self.objects[message["call"]](*positional, **settings)
                changed = arguments if fingerprint(arguments) != before else None
            elif "attribute" in message:
                number, name = message["attribute"]
                value, changed = getattr(self.objects[number], name), None
            else:
                raise ValueError(f"the request {sorted(message)} is not known")
            self.send({}, value=value, changed=changed)
        except Gone:
            raise
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: the other side is to hear of them
            self.send({"error": type(error).__name__, "text": str(error)[:1000], "line": self.line(error)})

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
        if isinstance(value, np.random.Generator):
            return {"rng": json.dumps(value.bit_generator.state, default=lambda a: a.tolist())}
        if isinstance(value, Tensor):
            return {"tensor": self.packed(value.data, blobs), "grad": self.packed(value.grad, blobs), "wants": value.requires_grad}
        if isinstance(value, Remote) and value._wire is self:
            return {"yours": value._number}
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
            dtype = np.dtype(dtype)
            if dtype.kind not in "biufcUS" or dtype.itemsize * math.prod(shape) != size or min(shape, default=0) < 0:
                raise ValueError("an array that is not what it says")
            array = np.frombuffer(self.blob[start:start + size], dtype).reshape(shape).copy()
            return array[()] if tree.get("scalar") else array
        for kind in (list, tuple):
            if kind.__name__ in tree:
                return kind(map(self._unpacked, tree[kind.__name__]))
        if "dict" in tree:
            return {self._unpacked(name): self._unpacked(part) for name, part in tree["dict"]}
        if "rng" in tree:
            state = json.loads(tree["rng"])
            if state["bit_generator"] not in ("PCG64", "MT19937", "Philox", "SFC64", "PCG64DXSM"):
                raise ValueError("no bit generator of NumPy's")
            generator = np.random.Generator(getattr(np.random, state["bit_generator"])())
            generator.bit_generator.state = state
            return generator
        if "tensor" in tree:
            tensor = Tensor(self._unpacked(tree["tensor"]), requires_grad=bool(tree["wants"]))
            tensor.grad = self._unpacked(tree["grad"])
            return tensor
        if "yours" in tree:
            return self.objects[tree["yours"]]
        if "mine" in tree:
            remote = (RemoteFunction if tree["call"] else Remote)(self, tree["mine"], tree["name"])
            remote.has_gap, remote.__name__ = bool(tree["gap"]), tree["name"]
            return remote
        return ...


def as_exception(answer):
    """The error that the other side reports, as an exception of the same name."""
    known = getattr(builtins, str(answer["error"]), None)
    if not (isinstance(known, type) and issubclass(known, (Exception, SystemExit))):
        known = type(str(answer["error"])[:80] or "Error", (Exception,), {})
    try:
        error = known(str(answer["text"]))
    except TypeError:  # some take more than a text
        error = type(known.__name__, (Exception,), {})(str(answer["text"]))
    error.line = str(answer.get("line", ""))[:300]
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
