"""`facula predict RUN IMAGE...`: what is in these pictures?"""

from __future__ import annotations

import argparse
from typing import Any

from .console import percent, say, warn
from .errors import CommandError
from .recipes import Settings
from .runs import BEST, DEFAULT_OUT, find_run


def add_parser(subparsers: Any) -> None:
    """Add `predict` to the command line."""
    from . import add_common_options

    parser = subparsers.add_parser(
        "predict",
        help="what is in these pictures?",
        description=(
            "Name what a trained model sees in pictures, with probabilities. Pictures may be grey, colour, "
            "palette, transparent or 16 bit and of any size; they are scaled to 28x28. The data sets show "
            "light things on black, so a picture with a bright border is inverted (--invert)."
        ),
        epilog="example: facula predict runs/mlp-1 boot.png shirt.jpg",
    )
    parser.add_argument("run", metavar="RUN", help="the training's folder or name")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="picture files")
    parser.add_argument(
        "--invert", choices=("auto", "yes", "no"), default="auto",
        help="swap light and dark; auto (default): when the border is bright",
    )  # fmt: skip
    parser.add_argument("--top", type=int, default=3, metavar="N", help="how many names to show (default 3)")
    parser.add_argument(
        "--out", default=DEFAULT_OUT, metavar="FOLDER", help="where names are looked up (runs)"
    )
    add_common_options(parser)
    parser.set_defaults(func=predict)


def predict(args: argparse.Namespace) -> int:
    """Print the most probable names for every picture; 1 if one of them could not be read."""
    from .. import from_numpy, nn, no_grad
    from .images import read_picture
    from .models import build_model

    run = find_run(args.run, args.out)
    stored = run.load(BEST)
    try:
        settings = Settings.from_dict(stored["settings"])
        names, title, epoch, weights = stored["classes"], stored["data"], stored["epoch"], stored["model"]
    except (KeyError, TypeError) as error:
        raise CommandError(f"{run.path(BEST)} lacks {error}: train again") from error
    model = build_model(settings.model, len(names))
    model.load_state_dict(weights)
    model.eval()
    say(f"{run}: {settings.model}, epoch {epoch}, trained on {title}")
    failed = False
    for path in args.images:
        try:
            picture = read_picture(path, args.invert)
        except CommandError as error:
            warn(f"facula predict: error: {path}: {error}")
            failed = True
            continue
        with no_grad():
            logits = model(from_numpy(picture.pixels.reshape(1, 1, 28, 28)))
            chances = nn.Softmax(dim=1)(logits)[0].tolist()
        note = ""
        if picture.inverted:
            why = "its border is bright and the model knows light on dark; --invert no leaves it as it is"
            note = f", inverted ({why if args.invert == 'auto' else '--invert yes'})"
        say(f"{path} ({picture.description}{note})")
        ranked = sorted(range(len(names)), key=lambda i: -chances[i])
        for i in ranked[: max(1, args.top)]:
            say(f"  {percent(chances[i]):>7}  {names[i]}")
    return 1 if failed else 0
