"""Stopping and going on: an interrupted training ends exactly as one that was not."""

import csv
import signal

import pytest

import facula
from facula.cli import main

#: Signals itself after a given batch, then is the command.
STOPPING = """
import os, signal, sys
from facula.cli import main, plots
from facula.cli.trainer import Trainer
plots.draw_all = lambda *args: []
batch, number, times, *words = sys.argv[1:]
step, done = Trainer._step, 0
def stepping(self, images, labels):
    global done
    step(self, images, labels)
    done += 1
    if done == int(batch):
        for _ in range(int(times)):
            os.kill(os.getpid(), int(number))
Trainer._step = stepping
sys.exit(main(words))
"""

#: Is killed in the middle of the n-th save: when the new file is complete but not yet in its place.
KILLED_SAVING = """
import os, signal, sys
from facula.cli import main, plots
plots.draw_all = lambda *args: []
saves, *words = sys.argv[1:]
replace, done = os.replace, 0
def dying(source, target, **options):
    global done
    if str(target).endswith("last.pt"):
        done += 1
        if done == int(saves):
            os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target, **options)
os.replace = dying
sys.exit(main(words))
"""

TIMES = ("seconds", "images_per_second")


def rows_of(folder):
    with open(folder / "results.csv", newline="") as file:
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]


def assert_same_tree(a, b, where=""):
    """Equal to the last bit, in every tensor and number of two checkpoints."""
    assert type(a) is type(b), where
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            if key not in TIMES:
                assert_same_tree(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            assert_same_tree(x, y, f"{where}[{i}]")
    elif isinstance(a, facula.Tensor):
        assert facula.equal(a, b), where
    else:
        assert a == b, where


def assert_same_training(a, b):
    assert rows_of(a) == rows_of(b)
    for name in ("last.pt", "best.pt"):
        assert_same_tree(facula.load(a / name), facula.load(b / name), name)


def words_for(tiny, model, out, name):
    # The CNN has dropout, so it also shows that the random numbers go on where they were.
    few = ["--train-size", "150", "--epochs", "3"] if model == "cnn" else ["--epochs", "3"]
    return ["train", *tiny, *few, "--model", model, "--out", str(out), "--name", name]


@pytest.fixture(scope="module")
def through(tmp_path_factory, tiny):
    """The folders of trainings that nothing interrupted, by model."""
    out = tmp_path_factory.mktemp("through")
    for model in ("mlp", "cnn"):
        assert main([*words_for(tiny, model, out, model), "--quiet"]) == 0
    return {model: out / model for model in ("mlp", "cnn")}


# The MLP has 6 batches an epoch, the CNN 3: in the middle, after the last of an epoch, in the last epoch.
@pytest.mark.parametrize(("model", "batch"), [("mlp", 4), ("mlp", 6), ("mlp", 17), ("cnn", 5)])
def test_ctrl_c_and_resume_equal_a_run_through(facula_process, tmp_path, tiny, through, model, batch):
    words = words_for(tiny, model, tmp_path, "a")
    stopped = facula_process(STOPPING, str(batch), str(int(signal.SIGINT)), "1", *words)
    assert stopped.returncode == 130, stopped.stderr
    assert f"saved; go on with: facula train --resume {tmp_path / 'a'}" in stopped.stdout
    assert "Ctrl-C again stops at once" in stopped.stderr
    state = facula.load(tmp_path / "a" / "last.pt")["state"]
    per_epoch = {"mlp": 6, "cnn": 3}[model]
    done = state["epoch"] * per_epoch + state["batch"]
    assert done == batch
    resumed = facula_process(STOPPING, "0", "0", "0", "train", "--resume", str(tmp_path / "a"))
    assert resumed.returncode == 0, resumed.stderr
    assert f"going on in epoch {state['epoch'] + 1}" in resumed.stdout
    assert_same_training(tmp_path / "a", through[model])


def test_stopping_twice_and_going_on_without_naming_the_run(facula_process, tmp_path, tiny, through, capsys):
    words = words_for(tiny, "mlp", tmp_path / "runs", "a")
    assert facula_process(STOPPING, "2", str(int(signal.SIGTERM)), "1", *words).returncode == 130
    again = facula_process(STOPPING, "7", str(int(signal.SIGINT)), "1", "train", "--resume")
    assert again.returncode == 130, again.stderr
    assert main(["train", "--resume", "--out", str(tmp_path / "runs"), "--quiet"]) == 0
    assert_same_training(tmp_path / "runs" / "a", through["mlp"])


def test_the_second_ctrl_c_stops_at_once(facula_process, tmp_path, tiny, through):
    words = words_for(tiny, "mlp", tmp_path, "a")
    stopped = facula_process(STOPPING, "8", str(int(signal.SIGINT)), "2", *words)
    assert stopped.returncode == 130
    assert "facula train: stopped" in stopped.stderr
    assert facula.load(tmp_path / "a" / "last.pt")["state"]["epoch"] == 1  # as the first epoch left it
    assert main(["train", "--resume", str(tmp_path / "a"), "--quiet"]) == 0
    assert_same_training(tmp_path / "a", through["mlp"])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
@pytest.mark.parametrize("batch", [3, 9])
def test_kill_in_an_epoch_repeats_that_epoch(facula_process, tmp_path, tiny, through, batch):
    words = words_for(tiny, "mlp", tmp_path, "a")
    killed = facula_process(STOPPING, str(batch), str(int(signal.SIGKILL)), "1", *words)
    assert killed.returncode == -signal.SIGKILL
    assert main(["train", "--resume", str(tmp_path / "a"), "--quiet"]) == 0
    assert_same_training(tmp_path / "a", through["mlp"])


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 here")
def test_kill_in_a_save_leaves_the_file_before(facula_process, tmp_path, tiny, through):
    words = words_for(tiny, "mlp", tmp_path, "a")
    killed = facula_process(KILLED_SAVING, "3", *words)
    assert killed.returncode == -signal.SIGKILL
    assert facula.load(tmp_path / "a" / "last.pt")["state"]["epoch"] == 1
    assert main(["train", "--resume", str(tmp_path / "a"), "--quiet"]) == 0
    assert_same_training(tmp_path / "a", through["mlp"])
    assert not list((tmp_path / "a").glob(".*.tmp"))  # what the killed save left has been cleared away


def test_interrupted_while_validating_or_testing(monkeypatch, tmp_path, tiny, through, capsys):
    from facula.cli.trainer import Trainer

    check = Trainer.check
    interrupted = set()

    def stop_once(self, dataset, label, interrupt):
        if label not in interrupted:
            interrupted.add(label)
            signal.raise_signal(signal.SIGINT)
        return check(self, dataset, label, interrupt)

    monkeypatch.setattr(Trainer, "check", stop_once)
    assert main([*words_for(tiny, "mlp", tmp_path, "a"), "--quiet"]) == 130
    assert main(["train", "--resume", str(tmp_path / "a"), "--quiet"]) == 130
    assert interrupted == {"validation", "test"}
    assert not (tmp_path / "a" / "test.json").exists()
    assert main(["train", "--resume", str(tmp_path / "a"), "--quiet"]) == 0
    assert_same_training(tmp_path / "a", through["mlp"])


def test_more_epochs_for_a_finished_training(capsys, tmp_path, tiny):
    words = words_for(tiny, "mlp", tmp_path, "a")
    assert main([*words, "--quiet"]) == 0
    capsys.readouterr()
    assert main(["train", "--resume", str(tmp_path / "a")]) == 0
    assert "is finished after 3 epochs; --epochs 8 would go on" in capsys.readouterr().out
    assert main(["train", "--resume", str(tmp_path / "a"), "--epochs", "4"]) == 0
    captured = capsys.readouterr()
    assert "has been looked at before" in captured.err
    assert "epoch 4/4" in captured.out
    assert [row["epoch"] for row in rows_of(tmp_path / "a")] == ["1", "2", "3", "4"]


def test_resuming_with_other_images_is_refused(capsys, monkeypatch, tmp_path, tiny):
    assert main([*words_for(tiny, "mlp", tmp_path, "a"), "--quiet"]) == 0
    stored = facula.load(tmp_path / "a" / "last.pt")
    stored["data_digest"] = "00000000"
    facula.save(stored, tmp_path / "a" / "last.pt")
    assert main(["train", "--resume", str(tmp_path / "a")]) == 1
    assert "was trained on other images" in capsys.readouterr().err


def test_checkpoints_hold_plain_things_only(trained):
    def walk(value):
        if isinstance(value, dict):
            for key, item in value.items():
                assert isinstance(key, (str, int))
                walk(item)
        elif isinstance(value, (list, tuple)):
            for item in value:
                walk(item)
        else:
            assert value is None or isinstance(value, (bool, int, float, str, facula.Tensor))

    for name in ("last.pt", "best.pt"):
        walk(facula.load(trained / name))
