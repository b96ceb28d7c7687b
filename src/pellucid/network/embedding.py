"""A network whose answer is a point: alike things lie close together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.network.assemble import Model, count_parameters
from pellucid.network.tap import tap

PROXY_RATE = 10.0
"""Proxies learn so much faster than weights: they only have to follow the pictures."""


class Embedder(nn.Module):
    """Inputs by group -> an embedding of length 1, and while learning its cosine with the proxy of
    every identity: `(batch, width + identities)`, or `(batch, width)` in eval mode.

    Args:
        model: Reads the example, `width` outputs. identities: learned from; 0 for answering only.
    """

    roles: ClassVar[dict[str, str]] = {"proxies": "embedding"}

    def __init__(self, model: Model, width: int, identities: int) -> None:
        super().__init__()
        self.model, self.width = model, width
        self.norm = nn.BatchNorm1d(width)
        self.proxies: nn.Parameter | None = None
        if identities:
            self.proxies = nn.Parameter(F.normalize(torch.randn(identities, width), dim=1))
            self.proxies.rate_scale = PROXY_RATE  # type: ignore[attr-defined]  # optimizer's word

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        point = tap("embedding", F.normalize(self.norm(self.model(inputs).float()), dim=1))
        if not self.training or self.proxies is None:
            return point
        cosines = tap("cosines with proxies", point @ F.normalize(self.proxies.float(), dim=1).T)
        return torch.cat([point, cosines], 1)

    def describe(self) -> dict[str, Any]:
        said = self.model.describe()
        own = count_parameters(self) - count_parameters(self.model)
        said["parts"].append(
            {
                "part": "proxies",
                "way": "",
                "positions": [],
                "family": "embedding",
                "layers": [
                    {
                        "name": "proxies",
                        "kind": "Proxies",
                        "shape": [] if self.proxies is None else list(self.proxies.shape),
                        "parameters": own,
                    }
                ],
                "parameters": own,
            }
        )
        return {**said, "parameters": count_parameters(self)}
