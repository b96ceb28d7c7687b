"""How will it be liked, and what comes next? The two losses of recommendation."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.tasks.task import Objective, wide


class Rating(Objective):
    """Ratings float32 `(batch,)` in units of their spread; output the same: squared error.

    at_once: histories are gathered for as many examples.
    """

    kind = "recommend"
    outputs = 1
    at_once = 4096

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        return (wide(output) - target).square()


class NextItems(Objective):
    """Which items come next, at every place of a history.

    Output `(batch, places, items)`. Target int `(batch, places + window - 1)`: the item after each
    place, -1 where nothing is asked there; the items of a place's answer are the `window` ones
    from it on. A place is asked if its first item is there. Many later items in place of one: what
    comes second is as good a recommendation as what comes first.

    Args:
        items: How many there are. window: how far ahead an item counts.
        most: Items, the likeliest first, that an evaluation keeps of the last place asked.
    """

    kind = "recommend"
    at_once = 64

    def __init__(self, items: int, window: int, most: int) -> None:
        self.outputs, self.window, self.most = items, window, min(most, items)

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        """Cross-entropy over the whole catalog, the mean over items of a place, then places."""
        later = target.long().unfold(1, self.window, 1)  # (batch, places, window)
        asked = later[..., 0] >= 0
        counts = (later >= 0) & asked.unsqueeze(-1)
        likely = wide(output).log_softmax(-1).gather(2, later.clamp(min=0))
        each = -(likely * counts).sum(-1) / counts.sum(-1).clamp(min=1)
        return (each * asked).sum(1) / asked.sum(1).clamp(min=1)

    def kept(self, output: Tensor, target: Tensor) -> Tensor:
        """The likeliest items `(batch, most)` at the last place asked, best first."""
        places = output.shape[1]
        number = torch.arange(places, device=output.device)
        last = torch.where(target[:, :places] >= 0, number, 0).amax(1)
        at_last = output[torch.arange(len(output), device=output.device), last]
        return at_last.topk(self.most, dim=1).indices
