"""Which examples are alike, when nobody says? Two changed copies of one have the same vector.

The loss is VICReg's (Bardes, Ponce & LeCun 2022): copies of one example lie together (invariance),
no float of the vectors stands still (variance), and no two floats say the same (covariance), so
that not everything falls onto one point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.data.columns import Entry
from pellucid.tasks.task import Objective, wide

TOGETHER, SPREAD, DIFFERENT = 25.0, 25.0, 1.0
"""Weights of the three parts, as published."""
SWAPPED = 0.3
"""Share of a table's cells that are taken from another row (SCARF, Bahri et al. 2022)."""
FORGOTTEN = 0.25
"""Share of a text's tokens that are left out."""

Change = Callable[[dict[str, Tensor]], dict[str, Tensor]]


class SameUnderChange(Objective):
    """Vectors float32 `(2 x examples, outputs)`: two changed copies of each example side by side.

    Training examples are changed as they come; those of an evaluation come as pairs already.

    Args:
        changed: Makes one changed copy of each example of a batch.
    """

    kind = "map"
    at_once = 512

    def __init__(self, outputs: int, changed: Change) -> None:
        self.outputs, self.changed = outputs, changed

    def vary(self, inputs: dict[str, Tensor], target: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        return pairs_of(inputs, self.changed), target.repeat_interleave(2, 0)

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        vectors = wide(output)
        if len(vectors) % 2:  # one example of a pair is no pair
            vectors = torch.cat([vectors, vectors[-1:]])
        first, second = vectors[0::2], vectors[1::2]
        apart = (first - second).square().mean(1)  # (examples,)
        shared = torch.stack([_standing_still(one) + _alike(one) for one in (first, second)]).mean()
        each = (TOGETHER * apart + shared).repeat_interleave(2)
        return each[: len(output)]


def pairs_of(inputs: Mapping[str, Tensor], changed: Change) -> dict[str, Tensor]:
    """Two changed copies of each example, side by side: `(2 x examples, ...)`."""
    first, second = changed(dict(inputs)), changed(dict(inputs))
    return {group: torch.stack([first[group], second[group]], 1).flatten(0, 1) for group in first}


def _standing_still(vectors: Tensor) -> Tensor:
    spread = (vectors.var(0, correction=0) + 1e-4).sqrt()
    return SPREAD * F.relu(1 - spread).mean()


def _alike(vectors: Tensor) -> Tensor:
    centered = vectors - vectors.mean(0)
    product = centered.T @ centered / max(1, len(vectors) - 1)
    off = product.square().sum() - product.diagonal().square().sum()
    return DIFFERENT * off / vectors.shape[1]


# --- what may change --------------------------------------------------------------------------


def changes_for(entries: Mapping[str, Entry], modalities: Mapping[str, str]) -> Change:
    """A random change of every group that leaves an example what it is."""

    def changed(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {group: CHANGED[modalities[group]](values) for group, values in inputs.items()}

    return changed


def swapped(x: Tensor) -> Tensor:
    """Some cells `(batch, columns)` are those of another row of the batch."""
    others = x[torch.randperm(len(x), device=x.device)]
    return torch.where(torch.rand(x.shape, device=x.device) < SWAPPED, others, x)


def forgotten(x: Tensor) -> Tensor:
    """Some tokens `(batch, tokens)` are left out: they become padding."""
    return x * (torch.rand(x.shape, device=x.device) >= FORGOTTEN)


def seen_otherwise(x: Tensor) -> Tensor:
    """A picture `(batch, height, width, channels)` moved by up to an eighth of its side, lighter or
    darker, with a square of a third of its side hidden."""
    batch, height, width = x.shape[:3]
    most = max(1, min(height, width) // 8)
    offsets = torch.randint(-most, most + 1, (2, batch, 1), device=x.device)
    rows = (torch.arange(height, device=x.device) + offsets[0]).clamp_(0, height - 1)
    columns = (torch.arange(width, device=x.device) + offsets[1]).clamp_(0, width - 1)
    number = torch.arange(batch, device=x.device)[:, None, None]
    moved = x[number, rows[:, :, None], columns[:, None, :]].float()
    light = 1 + 0.4 * (torch.rand(batch, 1, 1, 1, device=x.device) - 0.5)
    moved = moved * light
    side = max(1, min(height, width) // 3)
    top = torch.randint(0, height, (batch, 1, 1), device=x.device)
    left = torch.randint(0, width, (batch, 1, 1), device=x.device)
    hidden = (torch.arange(height, device=x.device).view(1, -1, 1) - top).abs() * 2 < side
    hidden = hidden & (
        (torch.arange(width, device=x.device).view(1, 1, -1) - left).abs() * 2 < side
    )
    moved = torch.where(hidden.unsqueeze(-1), moved.mean((1, 2), keepdim=True), moved)
    return moved.clamp(0, 255).to(x.dtype) if x.dtype == torch.uint8 else moved.to(x.dtype)


def heard_otherwise(x: Tensor) -> Tensor:
    """A recording or series `(batch, time, ...)` a little stronger or weaker, moved by up to a
    tenth, with a stretch of up to a fifth that says nothing."""
    batch, length = x.shape[:2]
    most = max(1, length // 10)
    offset = torch.randint(-most, most + 1, (batch, 1), device=x.device)
    place = torch.arange(length, device=x.device)
    moved = x[torch.arange(batch, device=x.device)[:, None], (place + offset).clamp_(0, length - 1)]
    size = torch.randint(0, max(1, length // 5) + 1, (batch, 1), device=x.device)
    start = (torch.rand(batch, 1, device=x.device) * (length - size + 1)).long()
    hidden = ((place >= start) & (place < start + size)).view(batch, length, *([1] * (x.ndim - 2)))
    mean = torch.nanmean(moved.float(), 1, keepdim=True).to(x.dtype)
    louder = 1 + 0.1 * torch.randn(batch, *([1] * (x.ndim - 1)), device=x.device, dtype=x.dtype)
    return torch.where(hidden & ~moved.isnan(), mean, moved * louder)


CHANGED: dict[str, Callable[[Tensor], Tensor]] = {
    "number": swapped,
    "date": swapped,
    "category": swapped,
    "text": forgotten,
    "image": seen_otherwise,
    "audio": heard_otherwise,
    "series": heard_otherwise,
}
"""Modality -> its change."""
