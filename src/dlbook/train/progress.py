"""The bar: one line on stderr, ten times a second at most, erased at the end."""

import os
import sys
import time

from ..settings import flag


class Bar:
    """Shows how far `total` batches have come; a context that erases what it has written.

    Without a wish (`shown` None) `DLBOOK_PROGRESS` decides, 1 or 0, and where that is not set whether stderr is a terminal.
    """

    def __init__(self, total, shown=None, *, done=0):
        if shown is None:
            wish = os.environ.get("DLBOOK_PROGRESS")
            shown = wish == "1" if wish else sys.stderr is not None and sys.stderr.isatty()
        flag("progress", shown)
        self.total, self.shown, self.done, self.before = total, shown, done, done
        self.start = self.written = time.perf_counter()
        self.width = 0

    def advance(self, text):
        """Count one batch more, and write `text` if it is time to."""
        self.done, now = self.done + 1, time.perf_counter()
        if self.shown and now - self.written > 0.1:
            left = (now - self.start) * (self.total - self.done) / (self.done - self.before)
            filled = 24 * self.done // self.total
            line = f"{'█' * filled}{'░' * (24 - filled)} {text}, {left:.0f} s left"
            sys.stderr.write("\r" + line.ljust(self.width))
            sys.stderr.flush()
            self.width, self.written = len(line), now

    def erase(self):
        """Leave the line empty, for somebody else to write on."""
        if self.width:
            sys.stderr.write("\r" + " " * self.width + "\r")
            sys.stderr.flush()
            self.width = 0

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.erase()
