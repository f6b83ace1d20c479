"""Every code block of the tutorial's two renderings runs under `facula run` and prints what it should.

`scripts/` holds the blocks as they stand, one file a section, a block a cell (`# %%`). Left out: comments, a
notebook's `%matplotlib inline`, the blocks with pandas and `read_image`, VGG-16 and ONNX. Mended: indentation
that a rendering lost. `expected/` holds what PyTorch 2.13 prints for them on the made data after
`manual_seed(42)`; where a section needs no data these are the numbers that the tutorial's pages show.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCRIPTS = sorted(path.stem for path in (HERE / "scripts").glob("*.py"))

#: Sections in which floating-point sums are printed: their last digits may differ. The others are compared
#: character for character.
COMPUTED = ("classic_optimization", "classic_quickstart", "modern_model", "modern_optimization")

NUMBER = re.compile(r"-?\d+\.\d+(?:e[-+]?\d+)?%?")


def assert_same_text(ours: str, expected: str, computed: bool) -> None:
    ours = re.sub(r"0x[0-9a-f]+", "0x...", ours)
    if not computed:
        assert ours == expected
        return
    assert NUMBER.sub("#", ours) == NUMBER.sub("#", expected)
    for got, wanted in zip(NUMBER.findall(ours), NUMBER.findall(expected), strict=True):
        assert abs(float(got.rstrip("%")) - float(wanted.rstrip("%"))) <= tolerance(wanted), (got, wanted)


def tolerance(text: str) -> float:
    """How far a printed number may be off: one test sample of 320, or the last digit shown and 1e-5 of it."""
    if text.endswith("%"):
        return 0.35
    digits, _, exponent = text.partition("e")
    last_digit = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    return 1.5 * last_digit + 1e-5 * abs(float(text)) + 1e-7


def test_there_is_an_expectation_for_every_script() -> None:
    assert sorted(path.stem for path in (HERE / "expected").glob("*.txt")) == SCRIPTS
    assert len(SCRIPTS) == 9


@pytest.mark.parametrize("script", SCRIPTS)
def test_notebook_prints_what_the_tutorial_shows(script: str, facula_run, made_data: Path) -> None:
    printed = facula_run(HERE / "notebook.py", HERE / "scripts" / f"{script}.py", 42, data=made_data)
    expected = (HERE / "expected" / f"{script}.txt").read_text()
    assert_same_text(printed, expected, script in COMPUTED)


@pytest.mark.parametrize(
    ("script", "start"),
    [
        ("modern_tensors", "12.0 <class"),
        ("modern_autograd", "True\nFalse"),
        ("classic_autograd", "True\nFalse"),
    ],
)
def test_as_a_plain_script(script: str, start: str, facula_run, made_data: Path) -> None:
    """Without the notebook and its seed: the same text from the first line on that owes nothing to chance."""
    printed = facula_run(HERE / "scripts" / f"{script}.py", data=made_data)
    expected = (HERE / "expected" / f"{script}.txt").read_text()
    assert start in printed
    assert printed[printed.index(start) :] == expected[expected.index(start) :]


def test_the_one_hot_target(facula_run, made_data: Path) -> None:
    code = (
        "import runpy, sys; names = runpy.run_path(sys.argv[1]); image, target = names['ds'][0]; "
        "print(image.shape, image.dtype, target, names['target_transform'](3), names['ds'].targets[0].item())"
    )
    printed = facula_run("-c", code, HERE / "scripts" / "modern_transforms.py", data=made_data)
    label = int(printed.split()[-1])
    one_hot = ["tensor([" + ", ".join("1." if i == k else "0." for i in range(10)) + "])" for k in (label, 3)]
    assert printed.strip() == f"torch.Size([1, 28, 28]) torch.float32 {one_hot[0]} {one_hot[1]} {label}"
