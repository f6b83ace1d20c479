"""The tutorial on Fashion-MNIST itself: the numbers on its pages, and PyTorch's curve for seed 0."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCRIPTS = HERE / "scripts"

#: PyTorch 2.13, CPU: test accuracy in per cent by epoch after manual_seed(0).
CURVE = [49.5, 59.2, 61.3, 63.5, 64.9, 66.1, 67.2, 68.4, 69.8, 71.2]

#: The losses that the tutorial's page shows for its first epoch (seed 42, on a GPU).
PAGE = [2.298730, 2.289123, 2.273286, 2.269406, 2.249603, 2.229407, 2.227368, 2.204261, 2.206193, 2.166651]

#: Runs a script after seeding, with another number of epochs than it says.
OTHER_EPOCHS = """
import sys, torch
path, seed, epochs = sys.argv[1:]
torch.manual_seed(int(seed))
source = open(path).read()
assert source.count("epochs = 10") == 1
exec(compile(source.replace("epochs = 10", f"epochs = {epochs}"), path, "exec"))
"""


def test_pictures_and_labels_of_the_page(facula_run, real_data: Path) -> None:
    printed = facula_run(HERE / "notebook.py", SCRIPTS / "modern_data.py", 42, data=real_data).splitlines()
    titles = "Ankle Boot, Shirt, Bag, Ankle Boot, Trouser, Sandal, Coat, Sandal, Pullover"
    assert printed[0] == f"Figure: {titles} (28, 28)"
    assert printed[-1] == "Label: 5"


def test_the_first_epoch_is_the_one_of_the_page(facula_run, real_data: Path) -> None:
    printed = facula_run("-c", OTHER_EPOCHS, SCRIPTS / "modern_optimization.py", 42, 1, data=real_data)
    losses = [float(text) for text in re.findall(r"loss: (\S+)", printed)][: len(PAGE)]
    assert losses == pytest.approx(PAGE, rel=2e-5)
    accuracy, loss = re.search(r"Accuracy: (\S+)%, Avg loss: (\S+)", printed).groups()
    assert float(accuracy) == pytest.approx(50.9, abs=0.11)
    assert float(loss) == pytest.approx(2.166725, rel=2e-5)


def test_curve_without_the_final_relu(facula_run, real_data: Path) -> None:
    printed = facula_run(HERE / "notebook.py", SCRIPTS / "modern_optimization.py", 0, data=real_data)
    accuracies = [float(text) for text in re.findall(r"Accuracy: (\S+)%", printed)]
    assert accuracies == pytest.approx(CURVE, abs=0.3)
    assert accuracies[-1] >= 70


def test_with_the_final_relu(facula_run, real_data: Path) -> None:
    printed = facula_run("-c", OTHER_EPOCHS, SCRIPTS / "classic_optimization.py", 0, 15, data=real_data)
    accuracies = [float(text) for text in re.findall(r"Accuracy: (\S+)%", printed)]
    assert len(accuracies) == 15
    assert 61 <= accuracies[-1] <= 63  # PyTorch: 62.4
