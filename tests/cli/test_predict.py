"""`facula predict`."""

import re

import numpy as np
import pytest

from facula.cli import main

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def pictures(tmp_path):
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 8:20] = 220
    Image.fromarray(pixels).save(tmp_path / "dark.png")
    Image.fromarray(255 - pixels).resize((90, 90)).convert("RGB").save(tmp_path / "bright.png")
    (tmp_path / "text.png").write_text("no picture")
    return tmp_path


def test_names_and_probabilities(capsys, trained, pictures):
    assert main(["predict", str(trained), str(pictures / "dark.png")]) == 0
    head, picture, *ranked = capsys.readouterr().out.splitlines()
    assert "trained on DrawnFashion" in head
    assert picture == f"{pictures / 'dark.png'} (28x28 L PNG)"
    assert len(ranked) == 3
    values = [float(re.fullmatch(r" +([\d.]+) %  .+", line)[1]) for line in ranked]
    assert values == sorted(values, reverse=True)
    assert 0 < sum(values) <= 100.1


def test_all_classes_sum_to_one(capsys, trained, pictures):
    assert main(["predict", str(trained), str(pictures / "dark.png"), "--top", "10"]) == 0
    ranked = capsys.readouterr().out.splitlines()[2:]
    assert len(ranked) == 10
    assert sum(float(line.split()[0]) for line in ranked) == pytest.approx(100, abs=0.6)


def test_inverting_is_told(capsys, trained, pictures):
    bright = str(pictures / "bright.png")
    main(["predict", str(trained), bright])
    assert "inverted (its border is bright and the model knows light on dark" in capsys.readouterr().out
    main(["predict", str(trained), bright, "--invert", "no"])
    assert "inverted" not in capsys.readouterr().out
    main(["predict", str(trained), bright, "--invert", "yes"])
    assert "inverted (--invert yes)" in capsys.readouterr().out


def test_a_bad_file_does_not_stop_the_others(capsys, trained, pictures):
    names = [str(pictures / name) for name in ("text.png", "missing.png", "dark.png")]
    assert main(["predict", str(trained), *names]) == 1
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        f"facula predict: error: {names[0]}: it is no picture that Pillow knows",
        f"facula predict: error: {names[1]}: there is no such file",
    ]
    assert f"{names[2]} (28x28 L PNG)" in captured.out


def test_it_sees_what_the_test_set_shows(capsys, tmp_path, trained):
    """A test image written to a file gets the class that the model gives the image itself."""
    import facula
    from facula.cli.data import open_test_part
    from facula.cli.models import build_model

    stored = facula.load(trained / "best.pt")
    model = build_model("mlp", 10)
    model.load_state_dict(stored["model"])
    test, classes = open_test_part("drawn", None, 300)
    for index in range(3):
        image = test[index][0]
        Image.fromarray((image[0].numpy() * 255).round().astype(np.uint8)).save(tmp_path / "a.png")
        main(["predict", str(trained), str(tmp_path / "a.png"), "--invert", "no", "--top", "1"])
        expected = classes[int(model(image.unsqueeze(0)).argmax(1).item())]
        assert capsys.readouterr().out.splitlines()[-1].endswith(f"  {expected}")
