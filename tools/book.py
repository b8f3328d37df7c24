"""The book's commands, for those without make: `python -m tools.book build`, and so on; `help` lists them.

A command makes the environment `.venv` if it has to and runs itself again in there. With `--here` it uses
the Python it was started with (for conda, and for other environments of your own).
"""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tools import environment
from tools.environment import ROOT, VENV, Problem, check_folder, check_python, ensure

SITE = ROOT / "_build" / "html"


def install(arguments: list[str]) -> int:
    """Make .venv with all that the other commands need; after that they work with the network off."""
    print("All that the book needs is in .venv.")
    return 0


def build(arguments: list[str]) -> int:
    """Execute what changed and build the site into _build/html."""
    from tools import website

    if not website.build():
        print("Nothing changed since the last build.")
    print("The book is in _build/html/index.html: open that file, or type `make serve`.")
    return 0


def site(arguments: list[str]) -> int:
    """Build the site with Python for the browser in it, to publish: it asks no other host for anything."""
    from tools import website

    if not website.build(python=True):
        print("Nothing changed since the last build.")
    print("The site is in _build/html: any web server can serve that folder, at any address.")
    return 0


def test(arguments: list[str]) -> int:
    """Prove the book: package, exercises, site, and each notebook a second time."""
    from tools import verify, website

    website.build()
    return verify.run(arguments)


def external(arguments: list[str]) -> int:
    """Run other people's test suites over the package: PyTorch's, ONNX's and others."""
    command = [sys.executable, "-m", "pytest", "-n", "2", *(arguments or ["tests/external"])]
    return subprocess.run(command, cwd=ROOT).returncode


def serve(arguments: list[str]) -> int:
    """Build the site if need be and serve it on this machine: serve [port]."""
    from tools import server, website

    website.build()
    return server.run(SITE, int(arguments[0]) if arguments else 8000)


def pdf(arguments: list[str]) -> int:
    """Print each chapter of the site into _build/pdf (needs Chromium)."""
    from tools import takeaway, website

    website.build()
    for place in takeaway.print_pages(SITE):
        print(place.relative_to(ROOT).as_posix())
    return 0


def lab(arguments: list[str]) -> int:
    """Open the self-study notebooks in JupyterLab, in the folder `notebooks`, which is yours; with --chapters, the book's own sources."""
    from tools import notebooks

    environment.prepare_kernel()
    if "--chapters" in arguments:
        arguments.remove("--chapters")
        notebooks.pair_all()
    else:
        notebooks.update()
        arguments = [*arguments, str(notebooks.FOLDER)]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container; JupyterLab would refuse
        arguments = [*arguments, "--allow-root"]
    return subprocess.run([sys.executable, "-m", "jupyterlab", *arguments], cwd=ROOT).returncode


def editions(arguments: list[str]) -> int:
    """Make the self-study, student and instructor notebooks, their zips and a site without solutions: editions [folder]."""
    from tools import release

    environment.prepare_kernel()
    folder = Path(arguments[0]).resolve() if arguments else release.FOLDER
    release.build(folder=folder)
    print("Made in %s. Never hand out the folders `instructor` and `course`." % folder)
    return 0


def bench(arguments: list[str]) -> int:
    """Measure the package against its peers."""
    return subprocess.run([sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT).returncode


def doctor(arguments: list[str]) -> int:
    """Say what is missing or too old, and what to do about it."""
    import runpy  # the file itself, so that it speaks where the package does not even import

    return runpy.run_path(str(ROOT / "src" / "dlbook" / "cli" / "doctor.py"))["run"]()


def matrix(arguments: list[str]) -> int:
    """Test the package under every supported Python here, with the oldest NumPy and the newest."""
    from tools import matrix as rows

    return rows.run()


def clean(arguments: list[str]) -> int:
    """Remove what was built; your notebooks and .venv stay."""
    import shutil

    shutil.rmtree(ROOT / "_build", ignore_errors=True)
    for folder in ("src", "tools", "tests", "benchmarks"):
        for cache in (ROOT / folder).rglob("__pycache__"):
            shutil.rmtree(cache, ignore_errors=True)
    shutil.rmtree(ROOT / ".pytest_cache", ignore_errors=True)
    return 0


# What each command needs installed; None: nothing, and it uses .venv only where that exists.
COMMANDS = {
    install: ["book", "test", "lab", "class"],
    build: ["book", "class"],
    site: ["book", "class"],
    test: ["book", "test", "class"],
    external: ["test", "external"],
    serve: ["book", "class"],
    pdf: ["book", "test", "class"],
    lab: ["book", "lab", "class"],
    editions: ["book", "class"],
    bench: ["bench"],
    doctor: None,
    matrix: None,
    clean: None,
}


def main(arguments: list[str]) -> int:
    here = "--here" in arguments
    arguments = [argument for argument in arguments if argument != "--here"]
    commands = {command.__name__: command for command in COMMANDS}
    command = commands.get(arguments[0]) if arguments else None
    if command is None:
        print("python -m tools.book COMMAND [--here]\n")
        for name, function in commands.items():
            print("  %-8s %s" % (name, function.__doc__))
        return 0 if arguments in ([], ["help"]) else 2
    check_python()
    if command is not doctor:
        check_folder()
    extras = COMMANDS[command]
    python = environment.environment_python(VENV)
    if here or Path(sys.prefix).resolve() == VENV.resolve() or (extras is None and not python.exists()):
        return command(arguments[1:])
    if extras is not None:
        python = ensure(extras)
    return subprocess.run([str(python), "-m", "tools.book", *arguments], cwd=ROOT).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Problem as problem:
        sys.exit("\n%s" % problem)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        sys.exit("\nA file could not be read or written: %s." % error)
