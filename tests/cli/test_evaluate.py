"""`facula evaluate`."""

import json

import pytest

from facula.cli import main


def test_it_gives_the_figures_of_the_training(capsys, trained):
    assert main(["evaluate", str(trained)]) == 0
    shown = capsys.readouterr().out
    test = json.loads((trained / "test.json").read_text())
    assert f"accuracy {100 * test['accuracy']:.1f} %, loss {test['loss']:.4f} on 50 test images" in shown
    first = test["classes"][0]
    row = next(line for line in shown.splitlines() if line.startswith(first["class"]))
    assert f"{100 * first['recall']:.1f} %" in row
    assert row.split()[-1] == str(first["support"])


def test_by_name_or_the_latest_and_last_weights(capsys, trained):
    assert main(["evaluate", trained.name, "--out", str(trained.parent)]) == 0
    by_name = capsys.readouterr().out
    assert main(["evaluate", "--out", str(trained.parent)]) == 0
    assert capsys.readouterr().out == by_name
    assert main(["evaluate", str(trained), "--weights", "last"]) == 0
    assert "last weights (epoch 2)" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"no zip file"])
def test_damaged_weights(capsys, tmp_path, trained, content):
    (tmp_path / "args.json").write_bytes((trained / "args.json").read_bytes())
    (tmp_path / "best.pt").write_bytes(content)
    assert main(["evaluate", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"facula evaluate: error: {tmp_path / 'best.pt'} cannot be read")
    assert error.count("\n") == 1


def test_truncated_weights(capsys, tmp_path, trained):
    (tmp_path / "args.json").write_bytes((trained / "args.json").read_bytes())
    whole = (trained / "best.pt").read_bytes()
    (tmp_path / "best.pt").write_bytes(whole[: len(whole) // 2])
    assert main(["evaluate", str(tmp_path)]) == 1
    assert "cannot be read" in capsys.readouterr().err
