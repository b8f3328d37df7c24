"""The command `dlbook`. A subcommand NAME is the module `NAME` of this package, with `options(parser)` and `run(options)`.

Only the module of the command that is called is imported. This one imports nothing of the package and uses no new
syntax, so that `dlbook doctor` runs where something is broken or too old. To add a command, add a line to COMMANDS.
"""

import argparse
import importlib
import os
import sys

OLDEST_PYTHON = (3, 11)
COMMANDS = {
    "doctor": "say what is missing or too old on this machine, and what to do about it",
    "data": "list the data sets, look at one, download one, check the files",
    "train": "train a classifier on a data set, and save it",
    "predict": "ask a saved classifier",
    "bench": "measure how fast the package is on this machine",
    "progress": "say what you have solved, chapter by chapter",
    "grade": "grade notebooks that students handed in",
}
EXAMPLES = """examples:
  dlbook train mnist_small --model mlp --epochs 3 --out digits.npz
  dlbook predict digits.npz --data mnist_small
  dlbook COMMAND --help        says more about a command

exit code: 0 when all is well, 1 for a failure, 2 for a wrong call, 130 when interrupted"""


class WrongCall(Exception):
    """What was typed cannot be meant: exit code 2."""


class Parser(argparse.ArgumentParser):
    """A parser that says in one sentence what is wrong with a call, and leaves with exit code 2."""

    def __init__(self, **settings):
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, **settings)

    def error(self, message):
        print("%s: %s; `%s --help` shows how it is used." % (self.prog, message, self.prog), file=sys.stderr)
        sys.exit(2)


def main(arguments=None) -> int:
    """Run the command line; return the exit code: 0 when all is well, 1 for a failure, 2 for a wrong call, 130 for Ctrl-C."""
    if sys.version_info < OLDEST_PYTHON:
        print("dlbook needs Python 3.11 or later, and this is %d.%d: install a newer one." % sys.version_info[:2], file=sys.stderr)
        return 1
    words = sys.argv[1:] if arguments is None else list(arguments)
    parser = Parser(prog="dlbook", description="Deep learning, built by hand: the book's tools.", epilog=EXAMPLES)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    module = None
    try:
        for name, summary in COMMANDS.items():
            command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
            if words[:1] == [name]:
                module = importlib.import_module("dlbook.cli." + name)
                module.options(command)
        options, options_left = parser.parse_known_args(words)
        if hasattr(module, "PASSES_ON"):  # what it does not know is for another program
            options.words = options_left
        elif options_left:
            parser.error("%s is not an option of `dlbook %s`" % (" ".join(options_left), words[0]))
        return module.run(options)
    except WrongCall as error:
        return fail(words, error, 2)
    except KeyboardInterrupt as error:
        return fail(words, str(error) or "interrupted", 130)
    except BrokenPipeError:  # `dlbook data | head`: nobody reads on, and Python must not flush the rest to where nobody reads
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, ImportError, ArithmeticError, MemoryError) as error:
        return fail(words, str(error) or type(error).__name__, 1)


def fail(words, error, code):
    """Say on stderr, in one sentence, what went wrong; return the exit code."""
    sentence = " ".join(str(error).split())
    print("dlbook %s: %s" % (" ".join(words[:1]), sentence if sentence.endswith(".") else sentence + "."), file=sys.stderr)
    return code
