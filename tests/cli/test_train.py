"""`facula train` from end to end, on few images."""

import csv
import json
import os
import sys

import pytest

import facula
from facula.cli import main, plots
from facula.cli.plots import draw_all
from facula.kernels import get_num_threads

REAL = os.environ.get("FACULA_DATA")


def rows_of(folder):
    with open(folder / "results.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_it_shows_what_it_does(capsys, tmp_path, tiny):
    assert main(["train", *tiny, "--out", str(tmp_path), "--name", "a", "--threads", "1"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].startswith(f"facula {facula.__version__}, Python ")
    assert lines[1].startswith("device   cpu with ")
    assert get_num_threads() == 1
    assert "275 training images, 25 validation, 50 test, 10 classes" in lines[2]
    assert lines[3].startswith("recipe   default: adamw, lr 0.002")
    assert any(line.startswith("linear_relu_stack.0 (Linear)") for line in lines)
    assert sum(line.startswith("epoch ") for line in lines) == 2
    assert "epoch 2/2  loss " in captured.out
    assert sum(line.startswith('Predicted: "') and '", Actual: "' in line for line in lines) == 5
    assert any(line.startswith("test accuracy ") and "on 50 images" in line for line in lines)
    assert "\r" not in captured.out + captured.err
    assert "\x1b" not in captured.out + captured.err


def test_it_writes_everything(trained):
    names = {path.name for path in trained.iterdir()}
    assert {"args.json", "results.csv", "last.pt", "best.pt", "test.json"} <= names
    settings = json.loads((trained / "args.json").read_text())["settings"]
    assert (settings["model"], settings["epochs"], settings["batch_size"]) == ("mlp", 2, 50)
    rows = rows_of(trained)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert all(0 <= float(row["validation_accuracy"]) <= 1 for row in rows)
    test = json.loads((trained / "test.json").read_text())
    assert sum(map(sum, test["confusion"])) == test["images"] == 50
    right = sum(test["confusion"][i][i] for i in range(10))
    assert test["accuracy"] == pytest.approx(right / 50)


def test_it_learns(trained):
    rows = rows_of(trained)
    assert float(rows[1]["train_loss"]) < float(rows[0]["train_loss"])


def test_the_best_weights_are_those_of_the_best_validation_accuracy(tmp_path, tiny):
    # A rate that jumps about, so that the best epoch is not simply the last.
    words = ["train", *tiny, "--epochs", "5", "--lr", "0.02", "--schedule", "constant", "--quiet"]
    assert main([*words, "--out", str(tmp_path), "--name", "a"]) == 0
    rows = rows_of(tmp_path / "a")
    figures = [(float(row["validation_accuracy"]), -float(row["validation_loss"])) for row in rows]
    best = figures.index(max(figures)) + 1
    assert facula.load(tmp_path / "a" / "best.pt")["epoch"] == best
    assert json.loads((tmp_path / "a" / "test.json").read_text())["epoch"] == best


def test_the_test_set_is_looked_at_once_and_last(monkeypatch, tmp_path, tiny):
    from facula.cli.trainer import Trainer

    looked = []
    check = Trainer.check

    def watched(self, dataset, label, interrupt):
        looked.append((label, self.state.epoch))
        return check(self, dataset, label, interrupt)

    monkeypatch.setattr(Trainer, "check", watched)
    assert main(["train", *tiny, "--out", str(tmp_path), "--quiet"]) == 0
    assert looked == [("validation", 0), ("validation", 1), ("test", 2)]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_same_seed_same_weights(tmp_path, tiny, optimizer):
    words = ["train", *tiny, "--epochs", "1", "--optimizer", optimizer, "--quiet", "--out", str(tmp_path)]
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        assert main([*words, "--name", name, "--seed", seed]) == 0
    a, b, c = (
        facula.load(tmp_path / name / "last.pt")["model"]["linear_relu_stack.0.weight"] for name in "abc"
    )
    assert facula.equal(a, b)
    assert not facula.equal(a, c)


def test_the_cnn_trains(tmp_path, tiny):
    words = [
        "train",
        *tiny,
        "--model",
        "cnn",
        "--limit-batches",
        "2",
        "--epochs",
        "1",
        "--out",
        str(tmp_path),
    ]
    assert main([*words, "--quiet"]) == 0
    assert (tmp_path / "drawn-cnn-1" / "test.json").is_file()


def test_limit_batches_cuts_every_part(capsys, tmp_path, tiny):
    words = [
        "train",
        *tiny,
        "--batch-size",
        "10",
        "--limit-batches",
        "2",
        "--out",
        str(tmp_path),
        "--name",
        "a",
    ]
    assert main(words) == 0
    assert "on 20 images" in capsys.readouterr().out
    assert facula.load(tmp_path / "a" / "last.pt")["state"]["epoch"] == 2


def test_patience_stops(capsys, tmp_path, tiny):
    # With a learning rate of next to nothing no epoch improves on the first.
    words = ["train", *tiny, "--epochs", "9", "--lr", "1e-30", "--patience", "2", "--out", str(tmp_path)]
    assert main([*words, "--name", "a"]) == 0
    assert "stopped early: no improvement for 2 epochs" in capsys.readouterr().out
    assert len(rows_of(tmp_path / "a")) == 3


def test_the_tutorial_recipe_uses_all_images_in_order(capsys, tmp_path, tiny):
    words = ["train", *tiny, "--recipe", "tutorial", "--epochs", "1", "--out", str(tmp_path), "--name", "a"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "300 training images, no validation part" in shown
    assert "the test set is used once, at the end" in shown
    assert rows_of(tmp_path / "a")[0]["validation_accuracy"] == ""


def test_quiet_shows_the_result_only(capsys, tmp_path, tiny):
    assert main(["train", *tiny, "--quiet", "--out", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-3].startswith("test accuracy")
    assert "epoch 1/2" not in captured.out
    assert captured.err == ""


def test_a_loss_that_is_not_finite_stops_with_the_module(capsys, tmp_path, tiny):
    words = ["train", *tiny, "--optimizer", "sgd", "--lr", "1e30", "--out", str(tmp_path), "--name", "a"]
    assert main(words) == 1
    error = capsys.readouterr().err
    assert "facula train: error: the loss became " in error
    assert "in epoch 1, batch " in error
    assert "the first module whose output was not finite is `linear_relu_stack." in error
    assert "try a smaller --lr" in error
    assert facula.load(tmp_path / "a" / "last.pt")["state"]["epoch"] == 0


def test_a_name_that_is_taken(capsys, trained, tiny):
    assert main(["train", *tiny, "--out", str(trained.parent), "--name", trained.name]) == 2
    assert f"{trained} is there already" in capsys.readouterr().err


def test_the_pictures_are_there(trained):
    pytest.importorskip("matplotlib")
    assert {path.name for path in trained.glob("*.png")} == {"curves.png", "confusion.png"}


def test_without_matplotlib_it_goes_on(capsys, monkeypatch, tmp_path, tiny):
    monkeypatch.setattr(plots, "draw_all", draw_all)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    words = ["train", *tiny, "--epochs", "1", "--out", str(tmp_path), "--name", "a", "--quiet"]
    assert main(words) == 0
    assert "no pictures: matplotlib is not installed (pip install matplotlib)" in capsys.readouterr().err
    assert not list((tmp_path / "a").glob("*.png"))


@pytest.mark.skipif(REAL is None, reason="needs the real images: FACULA_DATA")
def test_a_short_training_on_the_real_images(tmp_path):
    words = [
        "train",
        "--data",
        REAL,
        "--epochs",
        "1",
        "--limit-batches",
        "60",
        "--quiet",
        "--out",
        str(tmp_path),
    ]
    assert main([*words, "--name", "a"]) == 0
    assert json.loads((tmp_path / "a" / "test.json").read_text())["accuracy"] > 0.72
