"""EfficientNet-Lite0: what a network that has seen a million photographs makes of a picture.

    picture -> stem -> 16 blocks -> top -> mean over all places -> 1,280 features

Each block widens its input, looks at each channel's neighborhood, and narrows the result again
(Sandler et al. 2018, MobileNetV2; Tan and Le 2019, EfficientNet). The Lite kind has no
squeeze-excite and bends with ReLU6, which makes it fast on processors. Batch normalization is a
fixed scale and shift once learning is over, so it is folded into the convolutions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.network.tap import tap

FEATURES = 1280
EPSILON = 1e-3
"""What batch normalization added to the variances when the weights were learned."""


@dataclass(frozen=True)
class Stage:
    """`repeats` blocks that widen the channels `expand` times; the first makes `stride` steps."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    channels: int


STEM = 32
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class EfficientNetLite(nn.Module):
    """Pixels 0 to 255 `(batch, 3, height, width)` float -> features `(batch, 1280)`."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, STEM, 3, stride=2)
        self.blocks = nn.ModuleList()
        width = STEM
        for stage in STAGES:
            for number in range(stage.repeats):
                stride = stage.stride if number == 0 else 1
                self.blocks.append(Block(width, stage.channels, stage.kernel, stride, stage.expand))
                width = stage.channels
        self.top = Convolution(width, FEATURES, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = (x - 127) / 128
        x = tap("stem", F.relu6(self.stem(x)))
        for number, block in enumerate(self.blocks, start=1):
            x = tap(f"block {number}", block(x))
        x = tap("top", F.relu6(self.top(x)))
        return tap("features", x.mean((2, 3)))


class Block(nn.Module):
    """Widen, look around within each channel, narrow; the input is added where shapes agree."""

    def __init__(
        self, in_channels: int, channels: int, kernel: int, stride: int, expand: int
    ) -> None:
        super().__init__()
        wide = in_channels * expand
        self.expand = Convolution(in_channels, wide, 1) if expand > 1 else None
        self.depthwise = Convolution(wide, wide, kernel, stride, groups=wide)
        self.project = Convolution(wide, channels, 1)
        self.adds = stride == 1 and in_channels == channels

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        return x + y if self.adds else y


class Convolution(nn.Conv2d):
    """A convolution whose output has `ceil(n / stride)` places, as TensorFlow's "SAME" pads.

    Where the padding is odd, the extra place is at the end; PyTorch would have it on both sides.
    """

    def __init__(
        self, in_channels: int, channels: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(in_channels, channels, kernel, stride, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        (kernel, stride) = (self.kernel_size[0], self.stride[0])
        height, width = (_missing(n, kernel, stride) for n in x.shape[2:])
        if height % 2 == 0 and width % 2 == 0:  # equal on both sides: padded without a copy
            padding = (height // 2, width // 2)
            return F.conv2d(x, self.weight, self.bias, stride, padding, groups=self.groups)
        sides = (width // 2, width - width // 2, height // 2, height - height // 2)
        return F.conv2d(F.pad(x, sides), self.weight, self.bias, stride, groups=self.groups)


def _missing(n: int, kernel: int, stride: int) -> int:
    """Places that have to be added in all."""
    return max(0, (math.ceil(n / stride) - 1) * stride + kernel - n)


# --- the published weights ----------------------------------------------------------------------


def translated(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under this file's names, batch normalization folded in.

    Raises:
        KeyError: A weight is missing: the file holds another network.
    """
    state: dict[str, Tensor] = {}

    def fold(name: str, convolution: str, norm: str) -> None:
        scale = published[f"{norm}.weight"] / (published[f"{norm}.running_var"] + EPSILON).sqrt()
        weight = published[f"{convolution}.weight"]
        state[f"{name}.weight"] = weight * scale.view(-1, 1, 1, 1)
        state[f"{name}.bias"] = (
            published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * scale
        )

    fold("stem", "_conv_stem", "_bn0")
    for number, expand in enumerate(s.expand for s in STAGES for _ in range(s.repeats)):
        there, here = f"_blocks.{number}", f"blocks.{number}"
        if expand > 1:
            fold(f"{here}.expand", f"{there}._expand_conv", f"{there}._bn0")
        fold(f"{here}.depthwise", f"{there}._depthwise_conv", f"{there}._bn1")
        fold(f"{here}.project", f"{there}._project_conv", f"{there}._bn2")
    fold("top", "_conv_head", "_bn1")
    return state


def classes(published: Mapping[str, Tensor], features: Tensor) -> Tensor:
    """Features `(batch, 1280)` -> logits of the 1,000 ImageNet classes, to check the weights by."""
    return features @ published["_fc.weight"].T + published["_fc.bias"]


def resized(pixels: Tensor, side: int) -> Tensor:
    """uint8 `(batch, height, width, 1 | 3)` -> float `(batch, 3, side', side'')` of 0 to 255.

    The short side becomes `side`, the other keeps the picture's shape; grey becomes three channels.
    """
    x = pixels.permute(0, 3, 1, 2).float()
    if x.shape[1] == 1:
        x = x.expand(-1, 3, -1, -1)
    factor = side / min(x.shape[2:])
    size = [round(n * factor) for n in x.shape[2:]]
    if list(x.shape[2:]) != size:
        x = F.interpolate(x, size, mode="bilinear", antialias=factor < 1, align_corners=False)
    return x.contiguous(memory_format=torch.channels_last)
