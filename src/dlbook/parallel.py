"""Work on several parts of a batch at once. Chapter *training infrastructure*.

NumPy lets go of Python's lock while it computes, so threads may share the images of a batch. Into which parts a batch is
cut never depends on the number of threads, and every part has a place of its own for its result: so the bits of a result do
not depend on it either. The number is the one that the matrix products of NumPy go by: the environment variable
OMP_NUM_THREADS, or as many as there are cores; in a browser there is one.
"""

import os
import sys
from collections import deque
from contextvars import copy_context

MANY = 4  # more threads than this wait for memory, and for each other


def threads():
    """How many threads share the work.

    >>> threads() >= 1
    True
    """
    if sys.platform == "emscripten":
        return 1
    for name in ("DLBOOK_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdecimal():
            return max(1, min(MANY, int(os.environ[name])))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MANY, cores)


THREADS = threads()
_pool = None


def each(work, parts):
    """The list of `work(part)` for every one of `parts`, in their order. What one of them raises is raised here.

    >>> each(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    if THREADS == 1 or len(parts) < 2:
        return [work(part) for part in parts]
    results, left = [None] * len(parts), deque(enumerate(parts))

    def help():
        while left:
            try:
                position, part = left.popleft()
            except IndexError:  # another thread was faster
                return
            results[position] = work(part)

    # Helpers work in the context of the caller: what np.errstate says here holds there.
    helpers = [pool().submit(copy_context().run, help) for _ in range(min(THREADS, len(parts)) - 1)]
    try:
        help()
    finally:
        left.clear()
        for helper in helpers:
            helper.result()
    return results


def blocks(rows, size, most):
    """Slices of `rows` of `size` numbers each: about equal, with up to `most` numbers in a slice, but at least one row.

    >>> blocks(5, 100, most=250)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    count = max(1, -(-rows // max(1, most // max(1, size))))
    step = max(1, -(-rows // count))
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def pool():
    """The threads that help: started at the first call, and anew in a process that was forked off."""
    global _pool
    if _pool is None:
        from concurrent.futures import ThreadPoolExecutor

        _pool = ThreadPoolExecutor(THREADS - 1, thread_name_prefix="dlbook")
    return _pool


def _forget():
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # threads do not survive a fork
