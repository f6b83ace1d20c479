"""Finding the images, falling back, holding a part out."""

import os

import pytest

from facula.cli import data as module
from facula.cli import main
from facula.cli.data import open_data, open_test_part, size
from facula.cli.errors import CommandError

REAL = os.environ.get("FACULA_DATA")


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No data anywhere and no network."""
    monkeypatch.delenv("FACULA_DATA", raising=False)
    monkeypatch.chdir(tmp_path)

    def no_network(name, root):
        raise RuntimeError("the network cannot\nbe reached")

    monkeypatch.setattr(module, "_download", no_network)
    return tmp_path


def test_auto_falls_back_and_says_so_loudly(offline, capsys):
    data = open_data("auto", None, None, 120)
    assert data.name == "drawn"
    shown = capsys.readouterr().err
    assert "!! Fashion-MNIST is not in data and cannot be downloaded:\n" in shown
    assert "!!   the network cannot\n!!   be reached\n" in shown
    assert "NOTHING about Fashion-MNIST" in shown


def test_drawn_images_are_labelled_in_every_output(offline, capsys):
    words = ["train", "--train-size", "120", "--epochs", "1", "--name", "x"]
    assert main(words) == 0
    shown = capsys.readouterr()
    assert "DrawnFashion" in shown.err
    title = "DrawnFashion (garments drawn by Facula itself, NOT Fashion-MNIST)"
    assert shown.out.count(title) == 2  # the line about the data and the result
    folder = offline / "runs" / "x"
    for name in ("args.json", "test.json"):
        assert title in (folder / name).read_text()
    assert (folder / "results.csv").read_text().splitlines()[1].endswith(",drawn")
    from facula import load

    assert all(load(folder / name)["data"] == title for name in ("best.pt", "last.pt"))
    assert main(["evaluate", "x"]) == 0
    assert title in capsys.readouterr().out


def test_a_fallback_names_the_folder_too(offline):
    assert main(["train", "--train-size", "120", "--epochs", "1", "--quiet"]) == 0
    assert (offline / "runs" / "drawn-mlp-1").is_dir()


def test_a_named_dataset_never_falls_back(offline, capsys):
    assert main(["train", "--dataset", "fashion-mnist"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(
        "facula train: error: no Fashion-MNIST in data, and it cannot be downloaded"
    )
    assert "--data" in captured.err
    assert not (offline / "runs").exists()


def test_places_are_looked_at_in_turn(monkeypatch):
    monkeypatch.delenv("FACULA_DATA", raising=False)
    assert list(module._candidates(None)) == ["data"]
    monkeypatch.setenv("FACULA_DATA", "there")
    assert list(module._candidates(None)) == ["there", "data"]
    assert list(module._candidates("here")) == ["here"]


def test_damaged_files_are_an_error_not_a_reason_to_fall_back(offline, capsys):
    raw = offline / "data" / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name in module._FILES:
        (raw / name).write_bytes(b"\0\0\x08\x03")
    assert main(["train"]) == 1
    error = capsys.readouterr().err
    assert "the Fashion-MNIST files in data cannot be used" in error
    assert error.count("\n") == 1


def test_a_validation_part_is_held_out():
    data = open_data("drawn", None, None, 120)
    assert (size(data.train), size(data.validation), size(data.test)) == (110, 10, 20)
    again = open_data("drawn", None, 30, 120)
    assert (size(again.train), size(again.validation)) == (90, 30)
    assert again.digest == data.digest
    everything = open_data("drawn", None, 0, 120)
    assert everything.validation is None
    assert size(everything.train) == 120


def test_the_parts_share_no_image_and_do_not_depend_on_the_seed():
    import facula

    facula.manual_seed(1)
    first = open_data("drawn", None, 30, 120)
    facula.manual_seed(2)
    second = open_data("drawn", None, 30, 120)
    held = set(first.validation.indices)
    assert held == set(second.validation.indices)
    assert sorted([*held, *first.train.indices]) == list(range(120))


def test_holding_out_everything():
    with pytest.raises(CommandError, match="leaves nothing"):
        open_data("drawn", None, 120, 120)


def test_other_images_have_another_digest():
    assert open_data("drawn", None, 0, 120).digest != open_data("drawn", None, 0, 121).digest


def test_the_test_part_is_the_same_alone():
    together = open_data("drawn", None, None, 120).test
    alone, classes = open_test_part("drawn", None, 120)
    assert len(classes) == 10
    assert bool((together[3][0] == alone[3][0]).all())
    assert size(alone) == size(together)


@pytest.mark.skipif(REAL is None, reason="needs the real images: FACULA_DATA")
def test_the_real_images():
    data = open_data("auto", None, None, None)
    assert data.name == "fashion-mnist"
    assert data.root == REAL
    assert (size(data.train), size(data.validation), size(data.test)) == (55000, 5000, 10000)
    assert data.classes[9] == "Ankle boot"
    small = open_data("fashion-mnist", REAL, 10, 100)
    assert (size(small.train), size(small.validation), size(small.test)) == (90, 10, 10000)
    with pytest.raises(CommandError, match="more than the 60000"):
        open_data("fashion-mnist", REAL, 10, 60001)
