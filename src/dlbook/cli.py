"""The command `dlbook`. Its subcommand `doctor` says what this machine lacks for the book, and what to do about it.

This module imports nothing of the package at its top and uses no new syntax: where something is broken or too old, it
is what tells the reader so.
"""

import argparse
import importlib
import os
import re
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

OLDEST_PYTHON = (3, 11)
DISK_NEEDED = 2  # gigabytes: the environment takes about one, the built book and its cache come on top


def main(arguments=None) -> int:
    """Run the command line; return the exit code: 0 when all is well, 1 when something is wrong, 2 for a wrong call."""
    if sys.version_info < OLDEST_PYTHON:
        print("dlbook needs Python 3.11 or later, and this is %d.%d: install a newer one." % sys.version_info[:2], file=sys.stderr)
        return 1
    parser = argparse.ArgumentParser(prog="dlbook", description="Deep learning, built by hand: the book's tools.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    command = commands.add_parser("doctor", help="say what is missing or too old on this machine, and what to do about it")
    command.set_defaults(run=doctor)
    for module in ("dlbook.grade.command", "dlbook.progress"):
        importlib.import_module(module).add_to(commands)
    options = parser.parse_args(arguments)
    return options.run(options)


def doctor(options) -> int:
    """Print one line for each thing the book needs; return 1 if any of them is not there."""
    findings = []
    for check in (check_python, check_packages, check_data, check_kernel, check_folder, check_disk):
        try:
            findings += check()
        except Exception as error:  # a doctor does not faint: what surprises it is a finding too
            findings.append((False, "%s could not finish: %s: %s." % (check.__name__, type(error).__name__, error)))
    for fine, sentence in findings:
        print("%s %s" % ("ok     " if fine else "PROBLEM", sentence))
    problems = sum(not fine for fine, _ in findings)
    print("All is well." if not problems else "%d problem%s found." % (problems, "" if problems == 1 else "s"))
    return 1 if problems else 0


def check_python():
    return [(True, "Python %d.%d.%d is new enough." % sys.version_info[:3])]


def check_packages():
    """The package's own requirements, and those of the extra `book`."""
    findings = []
    try:
        requirements = metadata.requires("dlbook")
    except metadata.PackageNotFoundError:
        return [(False, "dlbook is not installed in %s: type `make book` in the book's folder." % sys.prefix)]
    for line in sorted(requirements, key=str.lower):
        requirement, _, marker = line.partition(";")
        if "extra" in marker and not re.search(r"extra\s*==\s*['\"]book['\"]", marker):
            continue
        name, bounds = re.match(r"\s*([\w.-]+)\s*(.*?)\s*$", requirement).groups()
        findings.append(check_package(name, bounds))
    return findings


def check_package(name, bounds):
    cure = "type `make book` in the book's folder, or `pip install \"%s%s\"` in an environment of your own" % (name, bounds)
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return False, "%s is not installed: %s." % (name, cure)
    for operator, bound in re.findall(r"(>=|<|==)\s*([\w.]+)", bounds):
        if not {">=": numbers(version) >= numbers(bound), "<": numbers(version) < numbers(bound),
                "==": numbers(version) == numbers(bound)}[operator]:
            return False, "%s is %s and the book needs %s: %s." % (name, version, bounds, cure)
    return True, "%s %s is as it should be." % (name, version)


def numbers(version):
    """The leading numbers of a version, for comparing: "1.0.4.post1" gives (1, 0, 4)."""
    return tuple(int(part) for part in re.match(r"\d+(\.\d+)*", version).group().split("."))


def check_data():
    try:
        data = importlib.import_module("dlbook.data")
    except ImportError as error:
        return [(False, "The data were not looked at, because dlbook.data does not load: %s." % error)]
    problems = data.verify()
    return [(False, problem if problem.endswith(".") else problem + ".") for problem in problems] or [
        (True, "The data files are all there and as they were published.")
    ]


def check_kernel():
    try:
        from jupyter_client.kernelspec import KernelSpecManager
    except ImportError:
        return [(False, "No notebook can run here, because jupyter_client is missing: type `pip install ipykernel`.")]
    found = KernelSpecManager().find_kernel_specs().get("python3")
    if found is None:
        return [(False, "The kernel python3 is missing: type `pip install ipykernel`.")]
    program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    if not re.fullmatch(r"python[\d.]*", program) and Path(program).resolve() != Path(sys.executable).resolve():
        cure = "type `python -m ipykernel install --sys-prefix`, or remove %s" % found
        return [(False, "The kernel python3 runs %s, not this Python %s: %s." % (program, sys.executable, cure))]
    return [(True, "The kernel python3 is there.")]


def check_folder():
    try:
        with tempfile.TemporaryFile(dir=os.getcwd()):
            return [(True, "The folder %s can be written to." % os.getcwd())]
    except OSError as error:
        return [(False, "The folder %s cannot be written to (%s): work in one of your own." % (os.getcwd(), error.strerror))]


def check_disk():
    free = shutil.disk_usage(os.getcwd()).free / 1e9
    if free < DISK_NEEDED:
        return [(False, "%.1f GB of disk are free and the book needs about %d: make room." % (free, DISK_NEEDED))]
    return [(True, "%.0f GB of disk are free." % free)]


if __name__ == "__main__":
    sys.exit(main())
