"""The command `facula`: train, evaluate, predict, run, show.

Each subcommand is a module of this package with `add_parser(subparsers)`. A module imports what is heavy
(data sets, pictures, progress bars) inside its functions, so that `facula --help` answers at once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .console import tolerate_any_encoding, warn
from .errors import CommandError

COMMANDS = ("train", "evaluate", "predict", "run", "show")

#: Exit code of a program that Ctrl-C ended, as shells count it (128 + SIGINT).
INTERRUPTED = 130

_EXAMPLES = """\
examples:
  facula train                              train a Fashion-MNIST classifier
  facula evaluate runs/mlp-1                how good it is, class by class
  facula predict runs/mlp-1 boot.png        what is in this picture?
  facula run script.py --epochs 3           run a PyTorch program on Facula
"""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line that names the help to read."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}; see `{self.prog} --help`\n")


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Wraps the description, but leaves the lines of the examples as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" in text:
            return super()._fill_text(text, width, indent)
        return argparse.HelpFormatter._fill_text(self, text, width, indent)


class _Version(argparse.Action):
    """`--version`, worked out only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from .versions import version_line

        print(version_line())
        parser.exit()


def build_parser(only: str | None = None) -> Parser:
    """Make the command's parser, with every subcommand or only the one named (then nothing else loads)."""
    parser = Parser(
        prog="facula",
        description="PyTorch's way of working, on NumPy: train, evaluate and use a classifier.",
        epilog=_EXAMPLES,
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show versions and leave")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name in [only] if only in COMMANDS else COMMANDS:
        importlib.import_module(f".{name}", __name__).add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: done; 1: it failed; 2: wrong usage; 130: stopped by Ctrl-C (after saving, where there is something
    to save).

    Args:
        argv: the words after `facula`; those of the program itself when None.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    parser = build_parser(words[0] if words else None)
    try:
        args = parser.parse_args(words)
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0
    if args.command is None:
        parser.print_help()
        return 2
    if args.command == "run":
        return int(args.func(args) or 0)  # the user's own program: its errors are its own
    tolerate_any_encoding()
    return _guarded(args)


def _guarded(args: argparse.Namespace) -> int:
    """Call the subcommand and turn what it raises into one line and an exit code."""
    try:
        return int(args.func(args) or 0)
    except CommandError as error:
        if args.debug:
            raise
        warn(f"facula {args.command}: error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        warn(f"facula {args.command}: stopped")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone; keep the interpreter from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if args.debug:
            raise
        text = " ".join(str(error).split()) or "no message"
        warn(f"facula {args.command}: error: {type(error).__name__}: {text} (--debug shows where)")
        return 1


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that each subcommand of ours has."""
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
