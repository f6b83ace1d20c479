"""The networks that are measured: one program for both libraries (`torch` is facula or PyTorch).

The functions named `..._flops` give the floating-point operations of one forward pass over one sample, counting a
multiplication and an addition as two; a training step is taken to be three times that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Output channels of VGG-16's convolutions (configuration D of Simonyan and Zisserman); "M" halves the map.
VGG16 = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")


def vgg_layers(size: int) -> list[tuple[int, int, int]]:
    """Channels in, channels out and side of the map of each convolution of VGG-16 on images of `size`."""
    layers, channels = [], 3
    for entry in VGG16:
        if entry == "M":
            size //= 2
        else:
            layers.append((channels, int(entry), size))
            channels = int(entry)
    return layers


def vgg_flops(size: int) -> list[float]:
    """Of each convolution."""
    return [2.0 * i * o * 9 * s * s for i, o, s in vgg_layers(size)]


def vgg16_flops(size: int) -> float:
    return sum(vgg_flops(size))


def vgg16_features(torch: Any) -> Any:
    """VGG-16 without its linear layers."""
    nn, parts, channels = torch.nn, [], 3
    for entry in VGG16:
        if entry == "M":
            parts.append(nn.MaxPool2d(2))
        else:
            parts += [nn.Conv2d(channels, entry, 3, padding=1), nn.ReLU(inplace=True)]
            channels = entry
    torch.manual_seed(0)
    return nn.Sequential(*parts)


def resnet18(torch: Any, classes: int = 1000) -> Any:
    """A network of ResNet-18's shape."""
    nn, F = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self, channels_in: int, channels: int, stride: int) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(channels)
            self.shortcut = None
            if stride != 1 or channels_in != channels:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
                )

        def forward(self, x: Any) -> Any:
            y = F.relu(self.bn1(self.conv1(x)))
            y = self.bn2(self.conv2(y))
            return F.relu(y + (x if self.shortcut is None else self.shortcut(x)))

    class ResNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(
                nn.Conv2d(3, 64, 7, 2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)
            )
            self.pool = nn.MaxPool2d(3, 2, padding=1)
            blocks, channels = [], 64
            for wide, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
                blocks += [Block(channels, wide, stride), Block(wide, wide, 1)]
                channels = wide
            self.blocks = nn.Sequential(*blocks)
            self.head = nn.Linear(512, classes)

        def forward(self, x: Any) -> Any:
            x = self.blocks(self.pool(self.stem(x)))
            return self.head(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))

    torch.manual_seed(0)
    return ResNet()


def resnet18_flops(size: int, classes: int = 1000) -> float:
    flops, side, channels = 2.0 * 3 * 64 * 49 * (size // 2) ** 2, size // 4, 64
    for wide, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        side //= stride
        flops += 2.0 * side * side * 9 * (channels * wide + 3 * wide * wide)
        flops += 2.0 * side * side * channels * wide if channels != wide else 0.0
        channels = wide
    return flops + 2.0 * 512 * classes


def mnist_cnn(torch: Any) -> Any:
    """The usual first convolutional network for MNIST; its result is a log-softmax."""
    nn, F = torch.nn, torch.nn.functional

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2d(1, 32, 3, 1)
            self.conv2 = nn.Conv2d(32, 64, 3, 1)
            self.dropout1 = nn.Dropout(0.25)
            self.dropout2 = nn.Dropout(0.5)
            self.fc1 = nn.Linear(9216, 128)
            self.fc2 = nn.Linear(128, 10)

        def forward(self, x: Any) -> Any:
            x = F.relu(self.conv1(x))
            x = F.relu(self.conv2(x))
            x = torch.flatten(self.dropout1(F.max_pool2d(x, 2)), 1)
            x = self.dropout2(F.relu(self.fc1(x)))
            return F.log_softmax(self.fc2(x), dim=1)

    torch.manual_seed(0)
    return Net()


def mnist_cnn_flops() -> float:
    return 2.0 * (9 * 32 * 26**2 + 9 * 32 * 64 * 24**2 + 9216 * 128 + 1280)


def gpt(
    torch: Any, layers: int = 6, width: int = 384, heads: int = 6, length: int = 256, vocabulary: int = 512
) -> Any:
    """A small language model of pre-norm transformer blocks; one sample is `length` tokens."""
    nn, F = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.gelu, self.down = (
                nn.Linear(width, 4 * width),
                nn.GELU(),
                nn.Linear(4 * width, width),
            )

        def forward(self, x: Any) -> Any:
            batch, length, _ = x.shape
            q, k, v = self.qkv(self.norm1(x)).chunk(3, dim=2)
            q, k, v = (t.view(batch, length, heads, width // heads).transpose(1, 2) for t in (q, k, v))
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.project(mixed.transpose(1, 2).reshape(batch, length, width))
            return x + self.down(self.gelu(self.up(self.norm2(x))))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
            self.blocks = nn.Sequential(*[Block() for _ in range(layers)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

        def forward(self, index: Any) -> Any:
            x = self.tokens(index) + self.places(torch.arange(index.shape[1]))
            return self.head(self.norm(self.blocks(x)))

    torch.manual_seed(0)
    return GPT()


def gpt_flops(layers: int = 6, width: int = 384, length: int = 256, vocabulary: int = 512) -> float:
    # Attention is causal: half of its two products over all pairs of tokens is asked for.
    per_token = layers * (12 * width * width + length * width) + width * vocabulary
    return 2.0 * per_token * length


def mlp(torch: Any) -> Any:
    """The network of the Quickstart tutorial."""
    nn = torch.nn

    class NeuralNetwork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flatten = nn.Flatten()
            self.linear_relu_stack = nn.Sequential(
                nn.Linear(28 * 28, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
            )

        def forward(self, x: Any) -> Any:
            return self.linear_relu_stack(self.flatten(x))

    torch.manual_seed(0)
    return NeuralNetwork()


def mlp_flops() -> float:
    return 2.0 * (784 * 512 + 512 * 512 + 512 * 10)


def ten_million(torch: Any) -> list[Any]:
    """Forty parameters of a transformer's shapes, ten million numbers in all, with gradients."""
    shapes: list[tuple[int, ...]] = [(512, 384), (256, 384)]
    for _ in range(5):
        shapes += [(1152, 384), (384, 384), (1536, 384), (384, 1536), (384,), (384,), (1152,), (1536,)]
    shapes = shapes[:39]
    shapes.append((10_000_000 - sum(int(np.prod(s)) for s in shapes),))
    rng, parameters = np.random.default_rng(0), []
    for shape in shapes:
        parameter = torch.nn.Parameter(torch.from_numpy(rng.standard_normal(shape, np.float32)))
        parameter.grad = torch.from_numpy(rng.standard_normal(shape, np.float32))
        parameters.append(parameter)
    return parameters
