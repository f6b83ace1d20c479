"""How long do whole networks take, forward and in training? VGG-16, ResNet-18, an MNIST CNN, a small GPT, the MLP.

python benchmarks/networks.py [--threads 1 2] [--repeats 5] [--quick] [--only resnet]
"""

from __future__ import annotations

import common
import models
from common import Job, Quantity

STEP = "training_step"


def jobs(quick: bool) -> list[Job]:
    """The jobs of this file; --quick uses images of 64x64 and a GPT of one layer."""
    size = 64 if quick else 224
    layers = 1 if quick else 6
    runs = 1 if quick else 5
    few = 1 if quick else 3
    vgg, resnet = models.vgg16_flops(size), models.resnet18_flops(size)
    gpt, cnn = models.gpt_flops(layers), models.mnist_cnn_flops()
    eight, sixteen = (2, 4) if quick else (8, 16)

    def time(title: str, work: float, goal: float | None) -> dict[str, Quantity]:
        return {"time": Quantity(title, goal=goal, work=work)}

    found = [
        Job(
            f"vgg-forward-{batch}",
            "vgg_forward",
            time(f"VGG-16 features {size}x{size}, forward, batch {batch}", batch * vgg, goal),
            {"batch": batch, "size": size},
            repeats=runs,
        )
        for batch, goal in ((1, 0.55), (eight, 0.42))
    ]
    found += [
        Job(
            "vgg-backward",
            "vgg_backward",
            time(
                f"VGG-16 3x3 layers {size}x{size}, backward, batch {eight}",
                2 * eight * sum(models.vgg_flops(size)[1:]),
                0.65,
            ),
            {"batch": eight, "size": size},
            repeats=few,
        ),
        Job(
            "resnet-forward",
            "resnet_forward",
            time(f"ResNet-18 {size}x{size}, forward, batch 1", resnet, 0.75),
            {"batch": 1, "size": size},
            repeats=runs,
        ),
        Job(
            "resnet-training",
            STEP,
            time(f"ResNet-18 {size}x{size}, training step, batch {sixteen}", 3 * sixteen * resnet, 0.70),
            {"job": "resnet", "batch": sixteen, "size": size},
            repeats=few,
        ),
        Job(
            "mnist-training",
            STEP,
            time("MNIST CNN, training step, batch 64", 3 * 64 * cnn, 0.45),
            {"job": "mnist", "batch": 64},
            repeats=runs,
        ),
        Job(
            "gpt-training",
            STEP,
            time(f"GPT of {layers} layers, training step, batch 4", 3 * 4 * gpt, 0.80),
            {"job": "gpt", "batch": 4, "layers": layers},
            repeats=runs,
        ),
    ]
    found += [
        Job(
            f"mlp-{optimizer.lower()}",
            STEP,
            time(f"tutorial's MLP, training step, batch 64, {optimizer}", 3 * 64 * models.mlp_flops(), goal),
            {"job": "mlp", "batch": 64, "optimizer": optimizer},
            repeats=3 if quick else 9,
        )
        for optimizer, goal in (("SGD", 0.80), ("Adam", 0.60))
    ]
    return found


if __name__ == "__main__":
    import networks

    common.run([networks], common.arguments(__doc__), "networks")
