"""`facula show`: what is installed and what it runs on."""

from __future__ import annotations

import argparse
from typing import Any

from .console import say

#: What the command uses when it is there, and what for.
OPTIONAL = {
    "tqdm": "progress bar",
    "matplotlib": "pictures of the learning curves and the confusion matrix",
    "pillow": "reading pictures in `facula predict`",
}


def add_parser(subparsers: Any) -> None:
    from . import add_common_options

    parser = subparsers.add_parser(
        "show",
        help="show versions and what this machine offers",
        description="Show versions, devices, and which optional packages are installed.",
        epilog="example: facula show",
    )
    add_common_options(parser)
    parser.set_defaults(func=show)


def show(args: argparse.Namespace) -> int:
    """Print versions, devices and optional packages."""
    from ..kernels import describe
    from .versions import cpu_count, distribution_version, versions

    for name, text in versions().items():
        say(f"{name:<11} {text}")
    say(f"{'device':<11} cpu: {cpu_count()} processors; {describe()}")
    for name, purpose in OPTIONAL.items():
        found = distribution_version(name) or f"not installed (pip install {name})"
        say(f"{name:<11} {found}: {purpose}")
    return 0
