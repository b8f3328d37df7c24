"""A chapter small enough to be graded in a second, and what students make of it."""

import json
import os
import time
from pathlib import Path

BEFORE = "import numpy as np\nfrom dlbook import check\nhalf = 0.5\ndef helper(x):\n    return x"
AFTER = "print('the chapter goes on')"
RIGHT = {
    "nand": "def nand(x):\n    ### BEGIN SOLUTION\n    z = 1.5 - x.sum(axis=1)\n    ### END SOLUTION\n    return np.where(z > 0, 1, -1)",
    "share_right": "def share_right(logits, labels):\n    ### BEGIN SOLUTION\n    return np.mean((logits[:, 0] > 0) == labels)\n    ### END SOLUTION",
    "one_correction": 'one_correction = ...  # "a", "b" or "c"\n### BEGIN SOLUTION\none_correction = "b"\n### END SOLUTION',
}
STUBS = {
    "nand": "def nand(x):\n    ...\n    return np.where(z > 0, 1, -1)",
    "share_right": "def share_right(logits, labels):\n    ...",
    "one_correction": 'one_correction = ...  # "a", "b" or "c"',
}
POINTS = {"nand": 1, "share_right": 2, "one_correction": 3}
CHAPTER = "98-tests/small"


def cell(source, name="", **mark):
    metadata = {"nbgrader": {"schema_version": 3, "grade_id": name, "locked": False, "solution": False, "grade": False, "task": False} | mark} if name else {}
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": [], "execution_count": None}


def notebook(answers=RIGHT, chapter=CHAPTER, before=BEFORE):
    """The instructor's notebook, or with other answers a student's."""
    cells = [{"cell_type": "markdown", "metadata": {}, "source": "# A small chapter"}, cell(before)]
    for name, points in POINTS.items():
        cells += [cell(answers[name], name, solution=True), cell(f"check.{name}({name})", f"check-{name}", grade=True, locked=True, points=points)]
    return {"cells": [*cells, cell(AFTER)], "metadata": {"dlbook": {"chapter": chapter}}, "nbformat": 4, "nbformat_minor": 5}


def raw(extra="", **answers):
    """A submission as bytes: right but for `answers`; `extra` is the source of a cell of the student's own at the beginning."""
    made = notebook({**RIGHT, **answers})
    if extra:
        made["cells"].insert(1, cell(extra))
    return json.dumps(made).encode()


def body(text):
    """An answer to nand with this body."""
    return "def nand(x):\n" + "".join(f"    {line}\n" for line in text.splitlines())


ONES = "return np.ones(len(x))"

# name -> (submission, points it deserves of 6): nand is worth 1, and everything else in these is right unless said otherwise
BAG = {
    "right": (raw(), 6),
    "right in another way": (raw(nand=body("w = np.array([-2.0, -2])\nreturn np.sign(x @ w + 3).astype(int)")), 6),
    "right with helpers of her own": (raw(extra="import math\nTHREE = 3.0\ndef score(x):\n    return THREE - 2 * x.sum(axis=1)", nand=body("return np.sign(score(x))")), 6),
    "wrong": (raw(nand=body(ONES)), 5),
    "untouched": (json.dumps(notebook(STUBS)).encode(), 0),
    "half": (raw(one_correction=STUBS["one_correction"], share_right=STUBS["share_right"]), 1),
    "tampered checker": (raw(extra="from dlbook.check import core\ncore.Exercise.judge = lambda *a, **k: None\ncore.EXERCISES.clear()",
                             nand="from dlbook.check import core\ncore.Exercise.judge = lambda *a, **k: None\ncore.EXERCISES.clear()\n" + body(ONES)), 5),
    "patched numpy": (raw(nand="import numpy\nyes = lambda *a, **k: True\nnumpy.testing.assert_allclose = numpy.isclose = numpy.allclose = yes\n"
                               "numpy.all = numpy.array_equal = yes\n" + body(ONES)), 5),
    "an object that is equal to all": (raw(nand="class Yes:\n    def __eq__(self, other): return True\n    __array__ = None\n" + body("return Yes()")), 5),
    "infinite loop": (raw(nand=body("while True: pass")), 5),
    "infinite loop at the top of the cell": (raw(one_correction="while True: pass"), 3),
    "infinite loop in a cell of her own": (raw(extra="while True: pass"), 6),
    "sleeps": (raw(nand=body("import time\ntime.sleep(600)")), 5),
    "fork bomb": (raw(nand=body("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass")), 5),
    "thread bomb": (raw(nand=body("import threading, time\nfor _ in range(1000): threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n" + ONES)), 5),
    "10 GB": (raw(nand=body("return np.ones(10 * 2**30 // 8)")), 5),
    "sys.exit": (raw(nand=body("import sys; sys.exit()")), 5),
    "sys.exit at the top": (raw(one_correction="import sys; sys.exit()"), 3),
    "os._exit": (raw(nand=body("import os; os._exit(0)")), 5),
    "SIGKILL": (raw(nand=body("import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n" + ONES)), 5),
    "SIGKILL to the parent": (raw(nand=body("import os, signal; os.kill(os.getppid(), signal.SIGKILL)\n" + ONES)), 5),
    "SIGKILL to all": (raw(nand=body("import os, signal; os.kill(-1, signal.SIGKILL)\n" + ONES)), 5),
    "segmentation fault": (raw(nand=body("import ctypes; ctypes.string_at(0)\n" + ONES)), 5),
    "syntax error": (raw(nand="def nand(x:\n    return 1"), 5),
    "too deep to parse": (raw(extra="y = " + "1+" * 20000 + "1", nand="y = " + "(" * 20000 + "1"), 5),
    "too deep to print": (raw(extra="y = " + "1+" * 900 + "1"), 6),
    "deleted cell": (json.dumps({**(n := notebook()), "cells": [c for c in n["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") != "nand"]}).encode(), 5),
    "deleted checks": (json.dumps({**(n := notebook()), "cells": [c for c in n["cells"] if not str(c["source"]).startswith("check.")]}).encode(), 6),
    "copied cell, the copy is right": (json.dumps({**(n := notebook({**RIGHT, "nand": body(ONES)})), "cells": [*n["cells"], cell(RIGHT["nand"], "nand")]}).encode(), 6),
    "copied cell, the copy is a stub": (json.dumps({**(n := notebook()), "cells": [*n["cells"], cell(STUBS["nand"], "nand")]}).encode(), 6),
    "lost metadata": (json.dumps({**(n := notebook()), "cells": [{**c, "metadata": {}} for c in n["cells"]], "metadata": {}}).encode(), 6),
    "source as lines": (json.dumps({**(n := notebook()), "cells": [{**c, "source": c["source"].splitlines(keepends=True)} for c in n["cells"]]}).encode(), 6),
    "magics": (raw(nand="%%time\n!pip list\n" + RIGHT["nand"]), 6),
    "a line that begins with % and is Python": (raw(nand=body("y = (5\n% 3)\nreturn np.where(1.5 - x.sum(axis=1) > 0, 1, -1)")), 6),
    "binary junk": (bytes(range(256)) * 40, 0),
    "empty file": (b"", 0),
    "JSON but no notebook": (b'{"cells": [1]}', 0),
    "JSON too deep": (b'{"cells":' + b"[" * 100_000, 0),
    "metadata of a wrong kind": (b'{"cells": [{"cell_type": "code", "source": "", "metadata": {"nbgrader": 3}}], "metadata": []}', 0),
    "huge output": (raw(nand=body("print('x' * 10**8)\nreturn np.ones(10**8)")), 5),
    "output without end": (raw(nand=body("while True: print('x' * 10**6)")), 5),
    "speaks to the grader itself": (raw(nand=body("import os\nfor f in range(3, 60):\n    try: os.write(f, b'x' * 100)\n    except OSError: pass\n" + ONES)), 5),
    "reads the input": (raw(nand=body("input()\n" + ONES)), 5),
    "fills the disk": (raw(nand=body("for k in range(100): open(f'f{k}', 'wb').write(b'x' * 2**20)\n" + ONES)), 5),
    "leaves a child behind": (raw(nand=body("import os\nif not os.fork():\n    os.setsid()\n    if not os.fork():\n        while True: pass\n    os._exit(0)\n" + ONES)), 5),
    "an error that is no text": (raw(nand=body(r"raise type('\x00<b>', (Exception,), {})('\ud800 <script>alert(1)</script> =1+1')")), 5),
    "recursion": (raw(nand=body("return nand(x)")), 5),
    "changes its input": (raw(nand=body("x *= 0\nreturn np.where(1.5 - x.sum(axis=1) > 0, 1, -1)")), 5),
}


def hand_in(folder, bag):
    """Write submissions into a folder, a file for each name."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in bag.items():
        (folder / f"{name}.ipynb").write_bytes(content)
    return folder


def left_over(mark, seconds=8):
    """The processes, whoever owns them, that were started with `mark` in their environment; waits some seconds for them to end."""
    deadline = time.monotonic() + seconds
    while found := [entry.name for entry in Path("/proc").iterdir() if entry.name.isdecimal() and has(entry / "environ", mark)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return found


def has(environ, mark):
    try:
        return os.fsencode(mark) in environ.read_bytes()
    except OSError:
        return False
