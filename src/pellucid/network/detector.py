"""Detectors: a convolutional network that answers at every place of a picture.

The way down finds ever larger things on ever smaller maps; the way up carries what they mean back
to the fine maps, where it is known exactly where they are (feature pyramid, Lin et al. 2017). Two
small heads then say at each place where the edges of a box are, and what is in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.network.assemble import count_parameters
from pellucid.network.cnn import Layer, features_last, features_second
from pellucid.network.tap import tap

RARE = 0.02
"""How sure of each class a place is before anything was learned: almost everywhere is nothing."""
# Measured on 80 validation pictures of generated shapes, 240 to learn from, 400 steps of batch 12,
# width 32, 1 seed, mAP and AP50: one layer a stage .562, .765; two from stage 3 on, for an eighth
# more of the processor, .629, .824.
COARSE = 3
"""Stage from which on maps are so coarse that further layers cost little."""
FARTHEST = 5.0
"""Boxes reach at most e^5 times as far as usual."""


@dataclass(frozen=True)
class Detecting:
    """All that is needed to build the same empty detector again; JSON-able.

    strides: pixels between the places of each level that answers. width, depth: features of the
    levels, layers in a stage. reach: usual distance from a place to the edges of its box, pixels,
    by level. mean, std: of the pixels, by channel. more: further layers in the stages on coarse
    maps (none in models of before 2026-11-22).
    """

    classes: int
    strides: tuple[int, ...]
    width: int
    depth: int
    reach: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    more: int = 1

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Detecting:
        lists = {key: tuple(data[key]) for key in ("strides", "reach", "mean", "std")}
        more = data.get("more", 0)
        return cls(data["classes"], width=data["width"], depth=data["depth"], more=more, **lists)


class Detector(nn.Module):
    """Pictures `(batch, height, width, channels)` by group -> `(batch, places, 4 + classes)`.

    Height and width are multiples of 32. Places stand level after level, row by row.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, plan: Detecting) -> None:
        super().__init__()
        self.plan = plan
        self.register_buffer("mean", torch.tensor(plan.mean))
        self.register_buffer("std", torch.tensor(plan.std))
        widths = stage_widths(plan.width)
        inner = len(plan.mean)
        self.stages = nn.ModuleList()
        for number, outer in enumerate(widths, start=1):
            more = plan.more if number >= COARSE else 0
            self.stages.append(_stage(f"stage {number}", inner, outer, plan.depth + more))
            inner = outer
        first = int(math.log2(plan.strides[0])) - 1  # the finest stage that is needed
        self.used = list(range(first, len(widths)))
        self.across = nn.ModuleList(nn.Conv2d(widths[i], plan.width, 1) for i in self.used)
        self.joined = nn.ModuleList(
            Layer(f"up to stride {2 ** (i + 1)}", plan.width, plan.width, 3) for i in self.used[:-1]
        )
        self.classify = Layer("what", plan.width, plan.width, 3)
        self.frame = Layer("where", plan.width, plan.width, 3)
        self.head = nn.ModuleDict(
            {
                "classes": nn.Conv2d(plan.width, plan.classes, 1),
                "edges": nn.Conv2d(plan.width, 4, 1),
            }
        )
        self.start()

    def start(self) -> None:
        """Before learning: nothing anywhere, and boxes of the usual size."""
        rare = -math.log((1 - RARE) / RARE)
        for name, start in (("classes", rare), ("edges", 0.0)):
            nn.init.normal_(self.get_parameter(f"head.{name}.weight"), std=0.01)
            nn.init.constant_(self.get_parameter(f"head.{name}.bias"), start)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        (pictures,) = inputs.values()
        x = (pictures.float() - self.mean) / self.std
        maps = []
        for stage in self.stages:
            for layer in stage:  # type: ignore[attr-defined]  # a ModuleList
                x, _ = layer(x, None)
            maps.append(x)
        levels = self._up([maps[i] for i in self.used])
        answers = [
            self._answer(level, stride, reach)
            for level, stride, reach in zip(levels, self.plan.strides, self.plan.reach)
        ]
        return tap("output", torch.cat(answers, 1))

    def _up(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """From the coarsest map to the finest that answers: each adds what the coarser ones
        found."""
        level = features_last(self.across[-1](features_second(maps[-1])))
        levels = [level]
        for place in reversed(range(len(maps) - 1)):
            fine = self.across[place](features_second(maps[place]))
            larger = F.interpolate(features_second(level), size=fine.shape[2:], mode="nearest")
            level, _ = self.joined[place](features_last(fine + larger), None)
            levels.append(level)
        return levels[::-1][: len(self.plan.strides)]

    def _answer(self, level: Tensor, stride: int, reach: float) -> Tensor:
        """`(batch, height, width, features)` -> `(batch, height * width, 4 + classes)`."""
        what = _shown(self.classify, level, stride)
        where = _shown(self.frame, level, stride)
        classes = features_last(self.head["classes"](features_second(what)))
        classes = tap(f"stride {stride} / sureness", classes.float())
        edges = features_last(self.head["edges"](features_second(where))).float()
        edges = reach * edges.clamp(-FARTHEST, FARTHEST).exp()
        return torch.cat([tap(f"stride {stride} / edges", edges), classes], -1).flatten(1, 2)

    def describe(self) -> dict[str, Any]:
        """The network as a person would list it."""
        parts = [
            ("way down", "cnn", self.stages),
            ("way up", "feature pyramid", nn.ModuleList([self.across, self.joined])),
            ("what and where", "cnn", nn.ModuleList([self.classify, self.frame])),
            ("head", "answer", self.head),
        ]
        return {
            "parts": [
                {
                    "part": name,
                    "way": "project" if module is self.stages else "",
                    "positions": [],
                    "family": family,
                    "layers": _layers(module),
                    "parameters": count_parameters(module),
                }
                for name, family, module in parts
            ],
            "parameters": count_parameters(self),
        }


def stage_widths(width: int) -> list[int]:
    """Features at strides 2, 4, 8, 16 and 32: few where there are many places."""
    return [max(8, width // 2), width, 3 * width // 2, 2 * width, 2 * width]


def _stage(name: str, inner: int, outer: int, depth: int) -> nn.ModuleList:
    """Half the side: a layer with stride 2, then `depth` - 1 more that add to it."""
    layers = [Layer(name, inner, outer, 5 if name == "stage 1" else 3, stride=2)]
    if name != "stage 1":  # the largest maps: one layer there costs as much as all others
        for extra in range(2, depth + 1):
            layers.append(Layer(f"{name} layer {extra}", outer, outer, 3, residual=True))
    return nn.ModuleList(layers)


def _shown(layer: Layer, level: Tensor, stride: int) -> Tensor:
    """One of the heads' layers; the same one serves every level, so its values are named anew."""
    x = F.relu(layer.norm(features_last(layer.convolution(features_second(level))), None))
    return tap(f"stride {stride} / {layer.name}", x)


def _layers(module: nn.Module) -> list[dict[str, Any]]:
    """The modules that hold weights themselves, in order."""
    return [
        {
            "name": name,
            "kind": type(part).__name__,
            "shape": list(max(own, key=torch.numel).shape),
            "parameters": sum(p.numel() for p in own),
        }
        for name, part in module.named_modules()
        if (own := list(part.parameters(recurse=False)))
    ]
