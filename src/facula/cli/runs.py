"""A training's folder, `runs/NAME/`, and how it is found again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .errors import CommandError, UsageError

#: Where the folders are unless `--out` says otherwise.
DEFAULT_OUT = "runs"

#: Mark in every checkpoint; another number is another layout.
FORMAT = "facula-training-1"

ARGS, RESULTS, LAST, BEST, TEST = "args.json", "results.csv", "last.pt", "best.pt", "test.json"

COLUMNS = (
    "epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "lr", "seconds",
    "images_per_second", "data",
)  # fmt: skip


class Run:
    """One training's folder. Every file in it is replaced as a whole, never left half written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    def path(self, name: str) -> Path:
        """The path of one of the folder's files."""
        return self.folder / name

    def write_bytes(self, name: str, content: bytes) -> None:
        """Replace a file at once."""
        from ..serialization.atomic import atomic_write

        with atomic_write(self.path(name)) as file:
            file.write(content)

    def write_json(self, name: str, values: Mapping[str, Any]) -> None:
        """Replace a JSON file."""
        self.write_bytes(name, (json.dumps(values, indent=2, ensure_ascii=False) + "\n").encode())

    def read_json(self, name: str) -> dict[str, Any]:
        """Read a JSON file; CommandError when it is missing or damaged."""
        try:
            values = json.loads(self.path(name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CommandError(
                f"{self.path(name)} cannot be read ({error}): is {self} a training?"
            ) from error
        if not isinstance(values, dict):
            raise CommandError(f"{self.path(name)} is not what `facula train` writes: take another run")
        return values

    def write_results(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Replace `results.csv` by these rows, one per epoch."""
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self.write_bytes(RESULTS, text.getvalue().encode())

    def save(self, name: str, values: Mapping[str, Any]) -> None:
        """Replace a checkpoint (`save` itself is atomic)."""
        from .. import save

        save({"format": FORMAT, **values}, self.path(name))

    def clear_leftovers(self) -> None:
        """Remove the temporary files that a save leaves when the process is killed in it."""
        for path in self.folder.glob(".*.tmp"):
            path.unlink(missing_ok=True)

    def load(self, name: str) -> dict[str, Any]:
        """Read a checkpoint; CommandError when it is missing, damaged or not ours."""
        from .. import load

        path = self.path(name)
        if not path.is_file():
            raise CommandError(f"{path} is not there: train first, or name another run")
        try:
            values = load(path)
        except Exception as error:  # a damaged file may fail in many ways; all mean the same to the user
            text = " ".join(str(error).split())
            raise CommandError(f"{path} cannot be read ({text}): restore it or train again") from error
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise CommandError(
                f"{path} is no checkpoint of `facula train` (wanted {FORMAT}): take another run"
            )
        return values


def create_run(out: str, name: str | None, stem: str) -> Run:
    """Make a new folder: `out/name`, or `out/stem-N` with the first free N.

    Raises:
        UsageError: the name is no plain folder name or is taken.
        CommandError: the folder cannot be made.
    """
    parent = Path(out)
    if name is not None and (name in ("", ".", "..") or any(mark in name for mark in "/\\\0")):
        raise UsageError(f"--name {name!r} is no folder name: give a plain name, and --out for where it goes")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        if name is not None:
            (parent / name).mkdir()
            return Run(parent / name)
        number = 1
        while True:
            try:
                (parent / f"{stem}-{number}").mkdir()  # fails when taken, also by a training that starts now
                return Run(parent / f"{stem}-{number}")
            except FileExistsError:
                number += 1
    except OSError as error:
        if name is not None and (parent / name).exists():
            taken = parent / name
            raise UsageError(
                f"{taken} is there already: give another --name, or go on with it by --resume {taken}"
            ) from error
        raise CommandError(
            f"{parent} cannot be written ({error.strerror}): name another with --out"
        ) from error


def _runs_in(out: str) -> list[Path]:
    """The trainings below `out`, the most recently saved first."""
    found = [(path.stat().st_mtime, path.parent) for path in Path(out).glob(f"*/{LAST}")]
    return [folder for _, folder in sorted(found, reverse=True)]


def find_run(reference: str | None, out: str = DEFAULT_OUT) -> Run:
    """Find a training by its folder, by its name below `out`, by a file in it, or the latest when None.

    Raises:
        CommandError: there is no such training.
    """
    if reference:
        for folder in (Path(reference), Path(out) / reference):
            if folder.is_file() and folder.suffix == ".pt":
                folder = folder.parent
            if folder.is_dir():
                if not (folder / ARGS).is_file():
                    raise CommandError(f"{folder} has no {ARGS}, so it is no training: name another folder")
                return Run(folder)
        names = ", ".join(folder.name for folder in _runs_in(out)[:5])
        there = (
            f"in {out} there are: {names}"
            if names
            else f"there is none in {out} yet, so `facula train` first"
        )
        raise CommandError(f"there is no training {reference}: {there}")
    latest = _runs_in(out)
    if not latest:
        raise CommandError(f"there is no training in {out} yet: `facula train` makes one")
    return Run(latest[0])
