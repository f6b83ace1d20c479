"""`facula evaluate RUN`: how good a trained model is, class by class."""

from __future__ import annotations

import argparse
from typing import Any

from .console import percent, say
from .data import TITLES, open_test_part, size
from .errors import CommandError
from .recipes import Settings
from .runs import ARGS, BEST, DEFAULT_OUT, LAST, find_run


def add_parser(subparsers: Any) -> None:
    """Add `evaluate` to the command line."""
    from . import add_common_options

    parser = subparsers.add_parser(
        "evaluate",
        help="how good a trained model is, class by class",
        description=(
            "Evaluate a training's best weights on the test part of its own data set: precision (how many of "
            "those called so are), recall (how many of those that are were found) and F1 of each class."
        ),
        epilog="example: facula evaluate runs/mlp-1",
    )
    parser.add_argument("run", nargs="?", metavar="RUN", help="its folder or name (default: the latest)")
    parser.add_argument(
        "--weights", choices=("best", "last"), default="best", help="which weights (default: best)"
    )
    parser.add_argument("--data", metavar="FOLDER", help="where the data set is now (default: where it was)")
    parser.add_argument(
        "--out", default=DEFAULT_OUT, metavar="FOLDER", help="where names are looked up (runs)"
    )
    parser.add_argument("--no-progress", action="store_true", help="show no progress")
    add_common_options(parser)
    parser.set_defaults(func=evaluate_run)


def evaluate_run(args: argparse.Namespace) -> int:
    """Print the per-class table, the accuracy and the loss."""
    from .. import nn
    from ..utils.data import DataLoader
    from .metrics import evaluate, per_class_table
    from .models import build_model
    from .progress import Progress

    run = find_run(args.run, args.out)
    stored = run.load(BEST if args.weights == "best" else LAST)
    try:
        settings = Settings.from_dict(stored["settings"])
        names, weights = stored["classes"], stored["model"]
    except (KeyError, TypeError) as error:
        raise CommandError(f"{run} lacks {error} in its weights: train again") from error
    model = build_model(settings.model, len(names))
    model.load_state_dict(weights)
    folder = args.data or run.read_json(ARGS).get("data_folder")
    test, classes = open_test_part(settings.dataset, folder, settings.train_size)
    epoch = stored["epoch"] if args.weights == "best" else stored["state"]["epoch"]
    say(f"{run}: {settings.model}, {args.weights} weights (epoch {epoch}), {TITLES[settings.dataset]}")
    with Progress("test", size(test), enabled=not args.no_progress) as progress:

        def after_batch(images: int, loss: float, accuracy: float) -> bool:
            progress.update(images, loss, accuracy)
            return False

        batches = DataLoader(test, settings.batch_size)
        result = evaluate(model, batches, nn.CrossEntropyLoss(), len(classes), after_batch)
    assert result is not None  # after_batch never stops it
    say()
    say(per_class_table(result, classes))
    say()
    say(f"accuracy {percent(result.accuracy)}, loss {result.loss:.4f} on {result.images} test images")
    return 0
