"""Pictures of every kind become 28x28, grey, light on dark."""

import sys
from pathlib import Path

import numpy as np
import pytest

from facula.cli.errors import CommandError
from facula.cli.images import read_picture

Image = pytest.importorskip("PIL.Image")


def garment(height=56, width=56):
    """A bright block in the middle of black, 8 bit."""
    pixels = np.zeros((height, width), np.uint8)
    pixels[height // 4 : -height // 4, width // 4 : -width // 4] = 200
    return pixels


def save(tmp_path, picture, name="a.png", **options):
    path = tmp_path / name
    picture.save(path, **options)
    return str(path)


def kinds():
    grey = garment()
    rgb = np.stack([grey] * 3, axis=2)
    opaque = np.where(grey > 0, 255, 0).astype(np.uint8)
    palette = Image.fromarray(rgb).convert("P", palette=Image.Palette.ADAPTIVE)
    return {
        "L": Image.fromarray(grey),
        "RGB": Image.fromarray(rgb),
        "P": palette,
        "RGBA": Image.fromarray(np.dstack([rgb, opaque])),
        "LA": Image.merge("LA", [Image.fromarray(grey), Image.fromarray(opaque)]),
        "16 bit": Image.fromarray(grey.astype(np.uint16) * 257),
        "CMYK": Image.fromarray(rgb).convert("CMYK"),
        "float": Image.fromarray(grey.astype(np.float32) / 255),
    }


@pytest.mark.parametrize("kind", ["L", "RGB", "P", "RGBA", "LA", "16 bit", "CMYK", "float"])
def test_every_mode_looks_the_same(tmp_path, kind):
    name = "a.tif" if kind in ("CMYK", "float") else "a.png"
    picture = read_picture(save(tmp_path, kinds()[kind], name))
    assert picture.pixels.shape == (28, 28)
    assert picture.pixels.dtype == np.float32
    assert not picture.inverted
    assert picture.pixels[14, 14] == pytest.approx(200 / 255, abs=0.02)
    assert picture.pixels[0, 0] == pytest.approx(0, abs=0.02)


def test_black_and_white(tmp_path):
    picture = read_picture(save(tmp_path, Image.fromarray(garment()).convert("1", dither=Image.Dither.NONE)))
    assert picture.pixels[14, 14] == 1.0


def test_28_by_28_stays_exactly_as_it_is(tmp_path):
    pixels = garment(28, 28)
    picture = read_picture(save(tmp_path, Image.fromarray(pixels)))
    np.testing.assert_array_equal(picture.pixels, (pixels / 255).astype(np.float32))
    assert picture.description == "28x28 L PNG"


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 200), (300, 40), (27, 29)])
def test_every_size_keeps_its_proportions(tmp_path, height, width):
    picture = read_picture(
        save(tmp_path, Image.fromarray(np.full((height, width), 255, np.uint8))), invert="no"
    )
    assert picture.pixels.shape == (28, 28)
    np.testing.assert_allclose(picture.pixels, 1.0)  # widened with the border's own brightness


def test_a_tall_picture_is_not_squashed(tmp_path):
    picture = read_picture(save(tmp_path, Image.fromarray(garment(112, 56))))
    lit = picture.pixels > 0.4
    assert lit.any(axis=1).sum() == pytest.approx(14, abs=1)
    assert lit.any(axis=0).sum() == pytest.approx(7, abs=1)


@pytest.mark.parametrize(("invert", "centre"), [("auto", 200), ("yes", 200), ("no", 55)])
def test_dark_on_light_is_inverted_on_demand(tmp_path, invert, centre):
    picture = read_picture(save(tmp_path, Image.fromarray(255 - garment())), invert)
    assert picture.inverted == (invert != "no")
    assert picture.pixels[14, 14] == pytest.approx(centre / 255, abs=0.01)


def test_light_on_dark_is_inverted_only_when_told(tmp_path):
    path = save(tmp_path, Image.fromarray(garment()))
    assert not read_picture(path, "auto").inverted
    assert read_picture(path, "yes").pixels[0, 0] == 1.0


def test_a_dark_garment_on_nothing_is_seen(tmp_path):
    grey = garment()
    layers = np.dstack([np.full((56, 56, 3), 20, np.uint8), np.where(grey > 0, 255, 0).astype(np.uint8)])
    picture = read_picture(save(tmp_path, Image.fromarray(layers)))
    assert picture.inverted
    assert picture.pixels[14, 14] > 0.9
    assert picture.pixels[0, 0] == 0


def test_a_palette_may_be_transparent(tmp_path):
    grey = Image.fromarray(garment()).convert("P")
    picture = read_picture(save(tmp_path, grey, "a.gif", transparency=0))
    assert picture.pixels[14, 14] == pytest.approx(200 / 255, abs=0.02)
    assert picture.pixels[0, 0] == pytest.approx(0, abs=0.02)


def test_what_is_no_picture(tmp_path):
    (tmp_path / "a.png").write_text("just text")
    with pytest.raises(CommandError, match="no picture"):
        read_picture(str(tmp_path / "a.png"))
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(CommandError, match="no picture"):
        read_picture(str(tmp_path / "empty.png"))
    with pytest.raises(CommandError, match="no such file"):
        read_picture(str(tmp_path / "missing.png"))
    with pytest.raises(CommandError, match="no such file"):
        read_picture(str(tmp_path))


def test_truncated_pictures(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    whole = Path(save(tmp_path, Image.fromarray(noise))).read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CommandError):
        read_picture(str(tmp_path / "half.png"))


def test_pictures_that_are_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(CommandError, match="decompression bomb"):
        read_picture(save(tmp_path, Image.fromarray(garment(12, 12))))


def test_without_pillow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(CommandError, match="pip install pillow"):
        read_picture(str(tmp_path / "a.png"))
