"""`facula train`: learn to tell garments apart."""

from __future__ import annotations

import argparse
import math
import os
import shlex
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .console import percent, say, warn
from .data import DATASETS, Data, open_data, size
from .errors import CommandError, UsageError
from .interrupt import Interrupt
from .recipes import MODELS, OPTIMIZERS, RECIPES, SCHEDULES, Settings, settle
from .runs import ARGS, BEST, DEFAULT_OUT, LAST, TEST, Run, create_run, find_run

if TYPE_CHECKING:
    from .metrics import Evaluation
    from .trainer import Trainer

#: Options that make a training what it is; a resumed one keeps its own.
_FIXED = (
    "model", "recipe", "dataset", "batch_size", "optimizer", "lr", "momentum", "weight_decay", "schedule",
    "validation", "seed", "train_size", "limit_batches", "name",
)  # fmt: skip
#: Options that may change when a training goes on.
_CHANGEABLE = ("epochs", "patience", "threads")

_EPILOG = """\
examples:
  facula train                                     the default: about 88 % in a minute
  facula train --model cnn --epochs 4
  facula train --recipe tutorial                   as in PyTorch's quickstart
  facula train --dataset drawn --limit-batches 20  a quick look, without any download
  facula train --resume runs/mlp-1                 go on after Ctrl-C
"""


def _whole(at_least: int) -> Any:
    def whole_number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = at_least - 1
        if value < at_least:
            raise argparse.ArgumentTypeError(f"a whole number of at least {at_least} is needed: got {text!r}")
        return value

    return whole_number


def _number(above_zero: bool) -> Any:
    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < 0 or (above_zero and value == 0):
            rule = "above 0" if above_zero else "of at least 0"
            raise argparse.ArgumentTypeError(f"a number {rule} is needed: got {text!r}")
        return value

    return number


def add_parser(subparsers: Any) -> None:
    """Add `train` to the command line."""
    from . import HelpFormatter, add_common_options

    parser = subparsers.add_parser(
        "train",
        help="train a Fashion-MNIST classifier",
        description=(
            "Train a Fashion-MNIST classifier. The images come from --data, $FACULA_DATA or ./data, else "
            "they are downloaded; without a network, images that Facula draws itself take their place, and "
            "every output says so. Everything is written to runs/NAME/."
        ),
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
    )
    what = parser.add_argument_group("what to train")
    what.add_argument(
        "--model", choices=MODELS, help="mlp: the tutorial's (default); cnn: a small convolutional one"
    )
    what.add_argument(
        "--recipe", choices=RECIPES,
        help="default: a good one; tutorial: SGD with lr 1e-3, batches of 64 in order, 10 epochs, all "
        "training images and no validation part",
    )  # fmt: skip
    what.add_argument("--seed", type=_whole(0), metavar="N", help="seed of weights and order (default 0)")

    data = parser.add_argument_group("images")
    data.add_argument(
        "--dataset", choices=DATASETS,
        help="auto (default): Fashion-MNIST, else drawn ones; any other name: that or nothing",
    )  # fmt: skip
    data.add_argument("--data", metavar="FOLDER", help="the folder with (or for) FashionMNIST/raw/")
    data.add_argument(
        "--validation", type=_whole(0), metavar="N", help="training images to hold out (a twelfth)"
    )
    data.add_argument("--train-size", type=_whole(2), metavar="N", help="use only N training images")
    data.add_argument("--limit-batches", type=_whole(1), metavar="N", help="at most N batches of each part")

    how = parser.add_argument_group("how (default: the recipe's)")
    how.add_argument("--epochs", type=_whole(1), metavar="N", help="times through the training images")
    how.add_argument("--batch-size", type=_whole(1), metavar="N", help="images in a step")
    how.add_argument("--optimizer", choices=OPTIMIZERS, help="which optimizer")
    how.add_argument("--lr", type=_number(True), metavar="X", help="learning rate")
    how.add_argument("--momentum", type=_number(False), metavar="X", help="momentum of sgd")
    how.add_argument("--weight-decay", type=_number(False), metavar="X", help="weight decay")
    how.add_argument(
        "--schedule", choices=SCHEDULES, help="learning rate: constant, or falling linearly to 0"
    )
    how.add_argument(
        "--patience", type=_whole(1), metavar="N", help="stop after N epochs without improvement"
    )
    how.add_argument("--threads", type=_whole(1), metavar="N", help="processors to use")

    where = parser.add_argument_group("output")
    where.add_argument(
        "--out", default=DEFAULT_OUT, metavar="FOLDER", help="where trainings go (default: runs)"
    )
    where.add_argument("--name", help="this one's folder there (default: MODEL-1, MODEL-2, ...)")
    where.add_argument(
        "--resume", nargs="?", const="", metavar="RUN",
        help="go on with a training: its folder or name, or the latest; --epochs, --patience, --threads and "
        "--data may be given anew",
    )  # fmt: skip
    where.add_argument("--no-progress", action="store_true", help="show nothing within an epoch")
    where.add_argument("--quiet", action="store_true", help="show only warnings and the result")
    add_common_options(parser)
    parser.set_defaults(func=train)


def train(args: argparse.Namespace) -> int:
    """Start a training or go on with one; the exit code is 130 after Ctrl-C."""
    from .trainer import Trainer

    if args.resume is None:
        settings = settle({name: getattr(args, name) for name in (*_FIXED, *_CHANGEABLE) if name != "name"})
        settings = _use_threads(settings)
        data = open_data(settings.dataset, args.data, settings.validation, settings.train_size)
        settings = replace(
            settings, dataset=data.name, validation=size(data.validation) if data.validation else 0
        )
        stem = settings.model if data.name == "fashion-mnist" else f"{data.name}-{settings.model}"
        run = create_run(args.out, args.name, stem)
        trainer = Trainer(settings, data, run, not (args.no_progress or args.quiet), args.quiet)
        _write_args(run, settings, data)
        trainer.save()  # so that a training killed in its first epoch can be resumed like any other
    else:
        run, settings, folder = _resumed(args)
        settings = _use_threads(settings)
        data = open_data(settings.dataset, folder, settings.validation, settings.train_size)
        trainer = Trainer(settings, data, run, not (args.no_progress or args.quiet), args.quiet)
        trainer.restore()
        if _nothing_left(trainer):
            return 0
        _write_args(run, settings, data)
    if not args.quiet:
        _introduce(trainer, resumed=args.resume is not None)
    with Interrupt() as interrupt:
        evaluation = _fit_and_test(trainer, interrupt)
    if evaluation is None:
        say(f"saved; go on with: facula train --resume {shlex.quote(str(run))}")
        return 130
    _finish(trainer, evaluation)
    return 0


def _resumed(args: argparse.Namespace) -> tuple[Run, Settings, str | None]:
    """The training to go on with, its settings with what was given anew, and its data's folder."""
    for name in _FIXED:
        if getattr(args, name) is not None:
            option = "--" + name.replace("_", "-")
            raise UsageError(
                f"{option} is settled when a training starts: leave it out to --resume, or start anew"
            )
    run = find_run(args.resume, args.out)
    stored = run.read_json(ARGS)
    try:
        settings = Settings.from_dict(stored["settings"])
        folder = args.data or stored["data_folder"]
    except (KeyError, TypeError) as error:
        raise CommandError(f"{run.path(ARGS)} lacks {error}: start a new training") from error
    anew = {name: getattr(args, name) for name in _CHANGEABLE if getattr(args, name) is not None}
    return run, replace(settings, **anew), folder


def _nothing_left(trainer: Trainer) -> bool:
    """Whether the resumed training is finished and tested; says so."""
    state, run = trainer.state, trainer.run
    ended = state.epoch >= trainer.settings.epochs or trainer.ran_out_of_patience
    tested = run.path(TEST).is_file()
    if ended and tested:
        say(f"{run} is finished after {state.epoch} epochs; --epochs {state.epoch + 5} would go on")
        return True
    if tested:
        warn(
            "note: this training's test set has been looked at before; its accuracy is no longer a blind one"
        )
    return False


def _use_threads(settings: Settings) -> Settings:
    """Settle and set the number of threads."""
    from ..kernels import get_num_threads, set_num_threads

    # Kept with the training: the number of threads decides the order of sums, so it belongs to the result.
    count = settings.threads or get_num_threads()
    set_num_threads(count)
    return replace(settings, threads=count)


def _write_args(run: Run, settings: Settings, data: Data) -> None:
    from .versions import versions

    values = {
        "data": data.title,
        "data_folder": data.root and os.path.abspath(data.root),
        "settings": settings.to_dict(),
        "versions": versions(),
        "command": sys.argv[1:],
    }
    run.write_json(ARGS, values)


def _introduce(trainer: Trainer, resumed: bool) -> None:
    """Show what is about to happen."""
    from ..kernels import describe
    from .models import model_table
    from .versions import cpu_count, version_line

    state = trainer.state
    say(version_line())
    say(f"device   cpu with {cpu_count()} processors; {describe()}")
    say(f"data     {trainer.data.describe()}")
    say(f"recipe   {trainer.settings.describe()}")
    if trainer.data.validation is None:
        say("         no validation part: the last weights are kept; the test set is used once, at the end")
    if trainer.settings.limit_batches is not None:
        say(f"         only {trainer.settings.limit_batches} batches of each part (--limit-batches)")
    say(f"run      {trainer.run}" + (f", going on in epoch {state.epoch + 1}" if resumed else ""))
    say()
    say(model_table(trainer.model))
    say()


def _fit_and_test(trainer: Trainer, interrupt: Interrupt) -> Evaluation | None:
    """Train, then look at the test set with the best weights; None when Ctrl-C came."""
    if not trainer.fit(interrupt) or interrupt.wanted:
        return None
    if trainer.ran_out_of_patience:
        say(f"stopped early: no improvement for {trainer.state.waited} epochs (--patience)")
    trainer.load_best()
    return trainer.check(trainer.data.test, "test", interrupt)


def _finish(trainer: Trainer, evaluation: Evaluation) -> None:
    """Write and show the result on the test set."""
    from . import plots
    from .metrics import per_class

    run, data, epoch = trainer.run, trainer.data, trainer.state.best_epoch
    result = {
        "data": data.title,
        "epoch": epoch,
        "images": evaluation.images,
        "loss": evaluation.loss,
        "accuracy": evaluation.accuracy,
        "classes": per_class(evaluation.confusion, data.classes),
        "confusion": evaluation.confusion.tolist(),
    }
    run.write_json(TEST, result)
    title = f"{trainer.settings.model} on {data.title}"
    tested = f"{title}\ntest accuracy {percent(evaluation.accuracy)}"
    drawn = plots.draw_all(run, title, tested, trainer.state.rows, evaluation.confusion, data.classes)
    say()
    for predicted, actual in evaluation.first[:5]:
        say(f'Predicted: "{data.classes[predicted]}", Actual: "{data.classes[actual]}"')
    say()
    say(
        f"test accuracy {percent(evaluation.accuracy)}, loss {evaluation.loss:.4f} on {evaluation.images} "
        f"images of {data.title}, with the weights of epoch {epoch}"
    )
    say(f"written to {run}: {', '.join([BEST, LAST, 'results.csv', ARGS, TEST, *drawn])}")
    folder = shlex.quote(str(run))
    say(f"next: facula evaluate {folder}   or   facula predict {folder} IMAGE")
