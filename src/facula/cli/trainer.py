"""The training loop: an epoch after the other, stoppable after any batch and resumable bit for bit."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from .. import Generator, arange, get_rng_state, manual_seed, nn, randperm, set_rng_state, tensor
from ..utils.data import DataLoader
from .console import percent, say
from .data import Data, size
from .errors import CommandError
from .interrupt import Interrupt
from .metrics import Evaluation, evaluate
from .models import build_model, build_optimizer
from .nonfinite import blame
from .progress import Progress
from .recipes import Settings
from .runs import BEST, LAST, Run

if TYPE_CHECKING:
    from .._tensor import Tensor


@dataclass
class State:
    """Where a training is. Plain values only: this is what a checkpoint holds.

    Attributes:
        epoch: epochs that are finished.
        batch: training batches done in the epoch that is not.
        order: the order of the training images in that epoch; empty between epochs.
        loss_sum, correct, seen, seconds: running sums of that epoch.
        rows: one entry per finished epoch, the lines of `results.csv`.
        best_epoch, best_accuracy, best_loss: the epoch that is in `best.pt` and its validation figures.
        waited: epochs since then.
    """

    epoch: int = 0
    batch: int = 0
    order: list[int] = field(default_factory=list)
    loss_sum: float = 0.0
    correct: int = 0
    seen: int = 0
    seconds: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    best_accuracy: float = -1.0
    best_loss: float = math.inf
    waited: int = 0


class Trainer:
    """Trains one model as the settings say, keeping `last.pt`, `best.pt` and `results.csv` of its run.

    Args:
        settings: what to do.
        data: the images.
        run: the folder to write to.
        show_progress: whether to show a bar or lines within an epoch.
        quiet: whether to leave out the line after each epoch as well.
    """

    def __init__(
        self, settings: Settings, data: Data, run: Run, show_progress: bool = True, quiet: bool = False
    ) -> None:
        self.settings, self.data, self.run = settings, data, run
        self.show_progress, self.quiet = show_progress, quiet
        manual_seed(settings.seed)
        self.model = build_model(settings.model, len(data.classes))
        self.optimizer = build_optimizer(settings, self.model)
        self.loss_function = nn.CrossEntropyLoss()
        self.state = State()

    # -- what is stored ------------------------------------------------------------------------------

    def save(self) -> None:
        """Write `last.pt`: everything that going on needs."""
        state = asdict(self.state)
        # A tensor is a hundred times smaller in a file than a list of numbers.
        state["order"] = tensor(self.state.order) if self.state.order else None
        self.run.save(
            LAST,
            {
                **self._about(),
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "rng": get_rng_state(),
                "state": state,
            },
        )

    def _save_best(self) -> None:
        self.run.save(BEST, {**self._about(), "model": self.model.state_dict(), "epoch": self.state.epoch})

    def _about(self) -> dict[str, Any]:
        return {
            "data": self.data.title,
            "data_digest": self.data.digest,
            "classes": list(self.data.classes),
            "settings": self.settings.to_dict(),
        }

    def restore(self) -> None:
        """Go back to where `last.pt` was written; `results.csv` is made to agree with it."""
        stored = self.run.load(LAST)
        if stored["data_digest"] != self.data.digest:
            raise CommandError(
                f"{self.run} was trained on other images ({stored['data']}) than these: find them with --data"
            )
        self.model.load_state_dict(stored["model"])
        self.optimizer.load_state_dict(stored["optimizer"])
        order = stored["state"]["order"]
        self.state = State(**{**stored["state"], "order": [] if order is None else order.tolist()})
        set_rng_state(stored["rng"])
        self.run.clear_leftovers()
        self.run.write_results(self.state.rows)

    def load_best(self) -> int:
        """Put the best weights into the model and return their epoch."""
        stored = self.run.load(BEST)
        self.model.load_state_dict(stored["model"])
        return int(stored["epoch"])

    # -- the loop ------------------------------------------------------------------------------------

    @property
    def ran_out_of_patience(self) -> bool:
        """Whether the validation part has not improved for `--patience` epochs."""
        return self.settings.patience is not None and self.state.waited >= self.settings.patience

    def fit(self, interrupt: Interrupt) -> bool:
        """Train to the end; False when Ctrl-C came first (everything is saved then)."""
        while self.state.epoch < self.settings.epochs and not self.ran_out_of_patience:
            if not self._train_epoch(interrupt):
                self.save()
                return False
            checked: Evaluation | None = None
            if self.data.validation is not None:
                checked = self.check(self.data.validation, "validation", interrupt)
                if checked is None:
                    self.save()
                    return False
            self._close_epoch(checked)
        return True

    def check(self, dataset: Any, label: str, interrupt: Interrupt) -> Evaluation | None:
        """Evaluate the model on a data set; None when Ctrl-C came."""
        count = self._limited(size(dataset))
        with Progress(self._label(label), count, enabled=self.show_progress) as progress:

            def after_batch(images: int, loss: float, accuracy: float) -> bool:
                progress.update(images, loss, accuracy)
                return interrupt.wanted

            loader = self._loader(dataset, range(count))
            return evaluate(self.model, loader, self.loss_function, len(self.data.classes), after_batch)

    def _label(self, what: str) -> str:
        return (
            f"epoch {self.state.epoch + 1}/{self.settings.epochs} {what}".strip() if what != "test" else what
        )

    def _limited(self, count: int) -> int:
        """How many of `count` images are used: `--limit-batches` cuts every part short."""
        limit = self.settings.limit_batches
        return count if limit is None else min(count, limit * self.settings.batch_size)

    def _loader(self, dataset: Any, order: Any) -> DataLoader:
        # Its own generator: what the loader draws for itself must not shift the model's random numbers,
        # or an epoch entered in the middle would differ from one run through.
        return DataLoader(dataset, self.settings.batch_size, sampler=order, generator=Generator())

    def _draw_order(self) -> list[int]:
        count = size(self.data.train)
        order = randperm(count) if self.settings.shuffle else arange(count)
        return order.tolist()[: self._limited(count)]

    def _train_epoch(self, interrupt: Interrupt) -> bool:
        """Train on what is left of the current epoch; False when Ctrl-C came."""
        state = self.state
        if not state.order:
            state.order = self._draw_order()
        left = state.order[state.batch * self.settings.batch_size :]
        self.model.train()
        with Progress(self._label(""), len(state.order), state.seen, self.show_progress) as progress:
            start = time.perf_counter()
            for images, labels in self._loader(self.data.train, left) if left else ():
                self._step(images, labels)
                now = time.perf_counter()
                state.seconds += now - start
                start = now
                progress.update(len(labels), state.loss_sum / state.seen, state.correct / state.seen)
                if interrupt.wanted:
                    return False
        return True

    def _learning_rate(self) -> float:
        """The rate for the next batch, a function of the position alone so that resuming needs no memory."""
        if self.settings.schedule == "constant":
            return self.settings.lr
        per_epoch = math.ceil(len(self.state.order) / self.settings.batch_size)
        done = self.state.epoch * per_epoch + self.state.batch
        return self.settings.lr * max(0.0, 1 - done / (per_epoch * self.settings.epochs))

    def _step(self, images: Tensor, labels: Tensor) -> None:
        state = self.state
        rate = self._learning_rate()
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        logits = self.model(images)
        loss = self.loss_function(logits, labels)
        value = loss.item()
        if not math.isfinite(value):
            raise CommandError(
                f"the loss became {value} in epoch {state.epoch + 1}, batch {state.batch + 1}: "
                f"{blame(self.model, images)}; try a smaller --lr than {self.settings.lr:g} "
                f"({self.run.path(LAST)} still holds the state after {state.epoch} epochs)"
            )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        state.batch += 1
        state.loss_sum += value * len(labels)
        state.correct += int((logits.argmax(1) == labels).sum().item())
        state.seen += len(labels)

    def _close_epoch(self, checked: Evaluation | None) -> None:
        """Count the epoch as done, keep its weights if they are the best so far, write everything."""
        state = self.state
        row = {
            "epoch": state.epoch + 1,
            "train_loss": state.loss_sum / state.seen,
            "train_accuracy": state.correct / state.seen,
            "validation_loss": checked.loss if checked else "",
            "validation_accuracy": checked.accuracy if checked else "",
            "lr": self.optimizer.param_groups[0]["lr"],
            "seconds": round(state.seconds, 3),
            "images_per_second": round(state.seen / max(state.seconds, 1e-9), 1),
            "data": self.data.name,
        }
        state.rows.append(row)
        state.epoch += 1
        # Nothing to compare by without a validation part: the newest weights are taken.
        better = checked is None or (checked.accuracy, -checked.loss) > (
            state.best_accuracy,
            -state.best_loss,
        )
        if better:
            state.best_epoch, state.waited = state.epoch, 0
            if checked is not None:
                state.best_accuracy, state.best_loss = checked.accuracy, checked.loss
        else:
            state.waited += 1
        state.batch, state.order, state.loss_sum = 0, [], 0.0
        state.correct, state.seen, state.seconds = 0, 0, 0.0
        if better:
            # Before last.pt: whoever dies in between repeats the epoch instead of missing its weights.
            self._save_best()
        self.save()
        self.run.write_results(state.rows)
        if not self.quiet:
            say(self._epoch_line(row, better and checked is not None))

    def _epoch_line(self, row: dict[str, Any], better: bool) -> str:
        line = (
            f"epoch {row['epoch']}/{self.settings.epochs}  loss {row['train_loss']:.4f}  "
            f"accuracy {percent(row['train_accuracy'])}"
        )
        if row["validation_accuracy"] != "":
            accuracy = percent(row["validation_accuracy"])
            line += f"  validation loss {row['validation_loss']:.4f}  accuracy {accuracy}"
        line += f"  {row['images_per_second']:.0f} images/s  {row['seconds']:.1f} s"
        return line + ("  (best)" if better else "")
