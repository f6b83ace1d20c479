"""`facula run`: run a program written for PyTorch, unchanged."""

from __future__ import annotations

import argparse
import builtins
import io
import os
import runpy
import sys
import types
import zipfile
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from types import TracebackType
from typing import Any

#: Exit codes: an error in the program, wrong usage or no such file, stopped by Ctrl-C (128 + SIGINT).
FAILED, USAGE, INTERRUPTED = 1, 2, 130

_DESCRIPTION = """\
Run a Python program in which `import torch` and `import torchvision` are served by Facula, in the program's
own process and in the Python processes it starts. Everything else is as with `python`: arguments, the import
path, tracebacks, exit codes.
"""


def add_parser(subparsers: Any) -> None:
    """Add the subcommand; what follows the program's name belongs to the program."""
    parser = subparsers.add_parser(
        "run",
        help="run a PyTorch program on Facula",
        description=_DESCRIPTION,
        usage="facula run [-h] (SCRIPT | -m MODULE | -c CODE) [ARGUMENT ...]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # No word begins with it: so argparse takes none of the program's options for its own.
        prefix_chars="\0",
        add_help=False,
    )
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="SCRIPT, -m MODULE or -c CODE")
    parser.set_defaults(func=main, parser=parser)


def main(args: argparse.Namespace) -> int:
    """Run the program that `args.words` names and return its exit code.

    An exception that the program does not catch is shown as Python shows it, without the frames of this
    command, and gives 1; Ctrl-C gives 130. `SystemExit` passes through, with whatever the program put in it.
    """
    words: list[str] = list(args.words)
    if words[:1] in (["-h"], ["--help"]):
        args.parser.print_help()
        return 0
    if not words or (words[0] in ("-m", "-c") and len(words) == 1):
        args.parser.error("a script, -m MODULE or -c CODE is missing")
    if words[0].startswith("-") and words[0] not in ("-m", "-c"):
        args.parser.error(f"unknown option {words[0]}")

    from .. import compat

    try:
        compat.install(children=True)
    except RuntimeError as error:
        print(f"facula run: {error}", file=sys.stderr)
        return FAILED
    try:
        if words[0] == "-m":
            return _run_module(words[1], words[2:])
        if words[0] == "-c":
            return _run_code(words[1], words[2:])
        return _run_script(words[0], words[1:])
    except SystemExit:
        raise
    except BaseException as error:
        error.__traceback__ = _program_frames(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED


def _run_script(path: str, arguments: Sequence[str]) -> int:
    _set_command_line([path, *arguments], None)
    if os.path.isdir(path) or zipfile.is_zipfile(path):
        runpy.run_path(path, run_name="__main__")  # it puts the folder or archive on sys.path itself
        return 0
    path_of_file = os.path.abspath(path)
    try:
        with io.open_code(path_of_file) as file:
            source = file.read()
    except OSError as error:
        print(f"facula run: cannot open {path!r}: {error.strerror}", file=sys.stderr)
        return USAGE
    _set_import_folder(os.path.dirname(os.path.realpath(path)))
    module = _new_main()
    module.__file__ = path_of_file
    module.__loader__ = SourceFileLoader("__main__", path_of_file)
    module.__dict__["__cached__"] = None
    exec(compile(source, path_of_file, "exec", dont_inherit=True), module.__dict__)
    return 0


def _run_code(code: str, arguments: Sequence[str]) -> int:
    _set_command_line(["-c", *arguments], "")
    exec(compile(code, "<string>", "exec", dont_inherit=True), _new_main().__dict__)
    return 0


def _run_module(name: str, arguments: Sequence[str]) -> int:
    _set_command_line(["-m", *arguments], os.getcwd())
    runpy.run_module(name, run_name="__main__", alter_sys=True)
    return 0


def _new_main() -> types.ModuleType:
    """A fresh `__main__`, left in place: multiprocessing, pickle and exit handlers look names up in it."""
    module = types.ModuleType("__main__")
    module.__dict__["__builtins__"] = builtins
    module.__package__ = None
    sys.modules["__facula_main__"] = sys.modules["__main__"]  # the command's own stays alive
    sys.modules["__main__"] = module
    return module


def _set_command_line(argv: list[str], folder: str | None) -> None:
    sys.argv[:] = argv
    if folder is not None:
        _set_import_folder(folder)


def _set_import_folder(folder: str) -> None:
    """Put the program's folder where this command's own stands, unless Python was told to use none (-P)."""
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = folder


def _program_frames(trace: TracebackType | None) -> TracebackType | None:
    """A traceback from the program's first frame on."""
    own = (__file__, runpy.__file__, runpy.run_path.__code__.co_filename)
    while trace is not None and trace.tb_frame.f_code.co_filename in own:
        trace = trace.tb_next
    return trace
