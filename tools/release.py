"""What `make editions` makes: a folder and a zip of each edition, a site without solutions, a course for nbgrader."""
from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path

import nbformat

from tools import execute, website
from tools.editions import EDITIONS, HOW, WRITTEN, edition_of
from tools.environment import BUILD, ROOT, Problem

FOLDER = BUILD / "editions"
SECONDS_FOR_A_CELL = 120


def build(root: Path = ROOT, folder: Path = FOLDER) -> None:
    """Make every edition of every chapter, and a zip of each edition, in `folder`; what was there stays until all is made."""
    paths = execute.chapters(root)
    cache = execute.cache_folder()
    failures = execute.execute(paths, cache)
    if failures:
        raise Problem("\n\n".join(failures))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="editions-", dir=folder.parent) as staging:
        new = Path(staging) / "new"
        for edition in EDITIONS:
            for path, notebook in edition_of(paths, edition, cache):
                place = new / edition / path.parent.name / f"{path.stem}.ipynb"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(nbformat.writes(notebook), encoding="utf-8")
            (new / edition / "README.md").write_text(readme(edition), encoding="utf-8")
            pack(new / edition, new / f"dlbook-{edition}.zip")
        course(new / "instructor", new / "course")
        website.render(root, Path(staging) / "site" / "html", cache, edition="student")
        (Path(staging) / "site" / "html").rename(new / "student-site")
        if folder.exists():
            folder.rename(Path(staging) / "old")
        new.rename(folder)


def pack(folder, archive):
    """Zip a folder; the same bytes whenever the folder is the same."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(f"{archive.stem}/{path.relative_to(folder).as_posix()}")  # dated 1980
                entry.external_attr = 0o644 << 16
                target.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def course(instructors, folder):
    """A course folder for nbgrader: one assignment for each chapter that has exercises."""
    for path in sorted(instructors.rglob("*.ipynb")):
        if "nbgrader" in path.read_text(encoding="utf-8"):
            place = folder / "source" / path.stem / path.name
            place.parent.mkdir(parents=True)
            shutil.copy(path, place)
    (folder / "nbgrader_config.py").write_text(NBGRADER_CONFIG, encoding="utf-8")


def readme(edition):
    return README.format(title=edition.capitalize(), how=HOW[edition])


README = """# Deep Learning, Built by Hand: {title} edition

{how}

The notebooks import `dlbook` and read its data. In a copy of the book's repository type `make install`; then start
JupyterLab from there with this folder:

    .venv/bin/jupyter lab FOLDER        (Windows: .venv\\Scripts\\jupyter lab FOLDER)

Text and figures: CC BY 4.0. Code: BSD-3-Clause. Data: as the repository's data/LICENSE.md says.
"""

NBGRADER_CONFIG = f"""# A course for nbgrader, made by `make editions`. The chapter `instructors` of the book says how to use it.
c = get_config()
c.CourseDirectory.course_id = "dlbook"
c.ClearSolutions.code_stub = {{"python": "..."}}
c.ClearSolutions.text_stub = "{WRITTEN}"
c.Execute.timeout = {SECONDS_FOR_A_CELL}
c.ExecutePreprocessor.timeout = {SECONDS_FOR_A_CELL}
"""
