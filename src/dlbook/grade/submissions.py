"""What was handed in: found in files and folders, with the names that learning platforms give them; read without trusting it."""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from . import key as keys
from .wire import legible

# "Ada Lovelace_1234567_assignsubmission_file_" is a folder, or how a file's name begins
MOODLE = re.compile(r"(?P<student>.+?)_(?P<number>\d+)_assignsubmission_\w+?_(?P<file>.*)", re.DOTALL)
# "lovelaceada_LATE_4711_98765_perceptron.ipynb": the student's number, that of the submission, the file's own name
CANVAS = re.compile(r"(?P<student>[^_]+)(?:_LATE)?_(?P<number>\d+)_\d+_(?P<file>.+)", re.DOTALL)

# follow no link, wait for no pipe; not every system has each of these
CAREFULLY = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_NONBLOCK", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"))


@dataclass(frozen=True)
class Submission:
    """A file that a student handed in; number: what the platform calls the student, "" where it does not say."""

    student: str
    path: Path
    number: str = ""

    def read(self):
        """The file's bytes; raises Unreadable for what is no file of a fair size.

        A link is not followed: it might lead to the solutions, or to what another student wrote.
        """
        try:
            place = os.open(self.path, CAREFULLY)
        except OSError as error:
            linked = self.path.is_symlink()
            raise keys.Unreadable("This is a link, not a file." if linked else f"The file cannot be opened ({error.strerror}).") from None
        if not stat.S_ISREG(os.fstat(place).st_mode):
            os.close(place)
            raise keys.Unreadable("This is not a file, though it has the name of one.")
        with open(place, "rb") as file:
            return file.read(keys.LONGEST + 1)

    def chapter(self, raw):
        """The chapter that a notebook says it is, or the file's own name."""
        try:
            said = keys.read(raw)["metadata"]["dlbook"].get("chapter")
        except keys.Unreadable:
            said = None
        named = MOODLE.fullmatch(self.path.stem) or CANVAS.fullmatch(self.path.stem)
        return str(said or (named["file"] if named else self.path.stem))


def found(places):
    """The submissions in files and folders: `bob.ipynb`, `submissions/bob.ipynb`, or `submissions/bob/…/anything.ipynb`.

    A student's name is the file's, or that of the first folder below the one given, without what Moodle or Canvas adds.
    Where a student has several files, each is a submission of its own. Hidden files and folders are left out.
    Raises FileNotFoundError where a place does not exist or holds no notebook.
    """
    submissions = []
    for place in map(Path, places):
        if place.is_dir():
            files = []
            for folder, inner, names in os.walk(place):
                files += [Path(folder, name) for name in names + inner if name.endswith(".ipynb") and not name.startswith(".")]
                inner[:] = [name for name in inner if not name.startswith((".", "__MACOSX")) and not name.endswith(".ipynb")]
            if not files:
                raise FileNotFoundError(f"there is no notebook (.ipynb) in {place}: give the folder that holds the submissions, or the files")
            submissions += [named(file.relative_to(place).parts[0], file) for file in sorted(files)]
        elif place.exists():
            submissions.append(named(place.name, place.resolve()))
        else:
            raise FileNotFoundError(f"{place} does not exist: give a submission, or the folder that holds them")
    return list(dict.fromkeys(submissions))


def named(name, path):
    """The Submission at `path`, whose student is called what `name` says."""
    name = legible(name, 255).removesuffix(".ipynb")
    match = MOODLE.fullmatch(name) or CANVAS.fullmatch(name)
    return Submission(match["student"].strip(), path, match["number"]) if match else Submission(name, path)


def matching(chapter, available):
    """The key for a chapter: the only one, or the one of that name; None if there is none."""
    if len(available) == 1:
        return available[0]
    stem = chapter.rpartition("/")[2].casefold()
    fits = [key for key in available if key.chapter == chapter] or sorted(
        (key for key in available if key.chapter.rpartition("/")[2].casefold() in stem), key=lambda key: -len(key.chapter.rpartition("/")[2]))
    return fits[0] if fits else None
