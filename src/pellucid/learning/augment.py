"""Random changes to training examples that leave the right answer as it is.

All of it is tensor arithmetic on a batch. Which changes are trusted is decided by the plan; a
change is planned only after it was tested on validation rows (is a mirrored digit still that
digit?), see `learning/planner.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pellucid.data.columns import Entry

Change = Callable[[Tensor], Tensor]


def shift(x: Tensor, most: int | None = None) -> Tensor:
    """Move each picture `(batch, height, width, channels)` by up to a sixteenth of its side
    (at least 1) in both directions; the edge is repeated."""
    batch, height, width = x.shape[:3]
    most = most or max(1, min(height, width) // 16)
    offsets = torch.randint(-most, most + 1, (2, batch, 1), device=x.device)
    rows = (torch.arange(height, device=x.device) + offsets[0]).clamp_(0, height - 1)
    columns = (torch.arange(width, device=x.device) + offsets[1]).clamp_(0, width - 1)
    index = torch.arange(batch, device=x.device)[:, None, None]
    return x[index, rows[:, :, None], columns[:, None, :]]


def mirror(x: Tensor) -> Tensor:
    """Swap left and right in half of the pictures."""
    chosen = torch.rand(len(x), device=x.device) < 0.5
    return torch.where(chosen.view(-1, 1, 1, 1), x.flip(2), x)


def upend(x: Tensor) -> Tensor:
    """Swap top and bottom in half of the pictures."""
    chosen = torch.rand(len(x), device=x.device) < 0.5
    return torch.where(chosen.view(-1, 1, 1, 1), x.flip(1), x)


def cutout(x: Tensor) -> Tensor:
    """Replace a square of a quarter of the side, at a random place, by the picture's mean."""
    batch, height, width = x.shape[:3]
    side = max(1, min(height, width) // 4)
    top = torch.randint(0, height, (batch, 1, 1), device=x.device)
    left = torch.randint(0, width, (batch, 1, 1), device=x.device)
    y = torch.arange(height, device=x.device).view(1, -1, 1)
    z = torch.arange(width, device=x.device).view(1, 1, -1)
    hidden = (y - top).abs() * 2 < side
    hidden = hidden & ((z - left).abs() * 2 < side)
    mean = x.float().mean((1, 2), keepdim=True).to(x.dtype)
    return torch.where(hidden.unsqueeze(-1), mean, x)


def scale(x: Tensor) -> Tensor:
    """Make each series `(batch, time, channels)` up to a tenth stronger or weaker."""
    factor = 1 + 0.1 * torch.randn(len(x), 1, 1, device=x.device)
    return x * factor


def jitter(x: Tensor) -> Tensor:
    """Add a little noise, a twentieth of the usual spread, to numbers that were standardized."""
    return x + 0.05 * torch.randn_like(x)


def mask_time(x: Tensor) -> Tensor:
    """Silence a stretch of up to a fifth of the frames `(batch, frames, bands, 1)`."""
    return _mask(x, axis=1)


def mask_bands(x: Tensor) -> Tensor:
    """Silence up to a fifth of the frequency bands `(batch, frames, bands, 1)`."""
    return _mask(x, axis=2)


def shift_time(x: Tensor) -> Tensor:
    """Move each recording `(batch, frames, bands, 1)` by up to a tenth of its length."""
    batch, frames = x.shape[:2]
    most = max(1, frames // 10)
    offset = torch.randint(-most, most + 1, (batch, 1), device=x.device)
    index = (torch.arange(frames, device=x.device) + offset).clamp_(0, frames - 1)
    return x[torch.arange(batch, device=x.device)[:, None], index]


def drop_tokens(x: Tensor) -> Tensor:
    """Forget a tenth of the tokens `(batch, tokens)`: they become padding."""
    return x * (torch.rand(x.shape, device=x.device) >= 0.1)


def _mask(x: Tensor, axis: int) -> Tensor:
    length = x.shape[axis]
    size = torch.randint(0, max(1, length // 5) + 1, (len(x), 1), device=x.device)
    start = (torch.rand(len(x), 1, device=x.device) * (length - size + 1)).long()
    place = torch.arange(length, device=x.device)
    hidden = (place >= start) & (place < start + size)
    shape = [len(x)] + [1] * (x.ndim - 1)
    shape[axis] = length
    # 0 is the mean of standardized values, so a masked stretch says nothing.
    return torch.where(hidden.view(shape), torch.zeros_like(x), x)


CHANGES: dict[str, Change] = {
    change.__name__: change
    for change in (
        shift,
        mirror,
        upend,
        cutout,
        scale,
        jitter,
        mask_time,
        mask_bands,
        shift_time,
        drop_tokens,
    )
}


class Augment:
    """Apply the planned changes to a batch's inputs.

    Args:
        planned: Column (group) -> names of changes, applied in this order.
    """

    def __init__(self, planned: Mapping[str, tuple[str, ...]], entries: Mapping[str, Entry]):
        self.changes = {
            group: [CHANGES[name] for name in names]
            for group, names in planned.items()
            if group in entries
        }

    def __call__(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        if not self.changes:
            return inputs
        changed = dict(inputs)
        for group, changes in self.changes.items():
            for change in changes:
                changed[group] = change(changed[group])
        return changed
