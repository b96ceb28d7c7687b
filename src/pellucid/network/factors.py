"""How would a person like a thing? Factors of both, the person's made of what they rated before.

Matrix factorization (Koren, Bell & Volinsky 2009) gives every user and item a vector; their
product, added to how high the user rates in general and how high the item is rated, is the
answer. Here the user's vector is the sum of what each past rating says (Koren 2008, "asymmetric
SVD"): a new person needs no training, and every past item's part in an answer can be taken away.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.config import Size
from pellucid.network.assemble import layers_of
from pellucid.network.tap import tap


class Vectors(nn.Embedding):
    """A table of vectors that decays: what few ratings say is held back (a ridge penalty)."""

    roles: ClassVar[dict[str, str]] = {"weight": "hidden"}


class Factors(nn.Module):
    """Ratings from histories.

    Inputs: `pair` int64 `(batch, 4)`: item, user, and from where to where in `log_items` the
    user's history stands. Output float32 `(batch,)`: the rating, in units of `spread` around
    `center`.

    Args:
        size: `width` floats in a vector; `dropout` of the user's.
        of_items, of_users: float32 `(items | users, features)` what is known of each.
        log_items, log_ratings: int64 and float32 `(events,)`: what users rated, a user's events
            side by side, in the order of time; ratings in the network's units.
        seen: bool `(items,)`: items that there are training ratings of; of the others nothing is
            known but their features.
        most: Events of a history that are looked at, the latest.
        bias: float32 `(items,)`: how high each item is rated, to start from.
        start: float32 `(items, up to width)`: vectors to start from, whose products say which
            items are liked by the same people; the most telling floats first.
    """

    of_items: Tensor
    of_users: Tensor
    log_items: Tensor
    log_ratings: Tensor
    seen: Tensor

    def __init__(
        self,
        size: Size,
        of_items: Tensor,
        of_users: Tensor,
        log_items: Tensor,
        log_ratings: Tensor,
        seen: Tensor,
        most: int,
        bias: Tensor,
        start: Tensor,
    ) -> None:
        super().__init__()
        items, width = len(of_items), size.width
        self.most = most
        # Nothing that was learned: given again when a model is loaded.
        self.register_buffer("of_items", of_items, persistent=False)
        self.register_buffer("of_users", of_users, persistent=False)
        self.register_buffer("log_items", log_items, persistent=False)
        self.register_buffer("log_ratings", log_ratings, persistent=False)
        self.register_buffer("seen", seen, persistent=False)
        self.item_bias = Vectors(items, 1)
        self.item_factors = Vectors(items, width)
        self.liked = Vectors(items, width)
        self.touched = Vectors(items, width)
        self.item_features = nn.Linear(of_items.shape[1], width, bias=False)
        self.user_features = nn.Linear(of_users.shape[1], width, bias=False)
        self.item_level = nn.Linear(of_items.shape[1], 1)
        self.user_level = nn.Linear(of_users.shape[1], 1, bias=False)
        self.caution = nn.Parameter(torch.tensor(3.0))
        self.dropout = nn.Dropout(size.dropout)
        for table in (self.item_factors, self.liked, self.touched):
            nn.init.normal_(table.weight, std=0.05 / width**0.5)
        with torch.no_grad():
            known = min(start.shape[1], width)
            self.item_bias.weight[:, 0] = bias
            self.item_factors.weight[:, :known] += start[:, :known]
            self.liked.weight[:, :known] += start[:, :known]
            self.item_level.weight.zero_()
            self.user_level.weight.zero_()
            self.item_level.bias.zero_()
            self.item_features.weight.zero_()

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        item, user, start, end = inputs["pair"].long().unbind(1)
        back = torch.arange(self.most, device=item.device)
        place = end[:, None] - 1 - back  # (batch, most), the latest first
        there = place >= start[:, None]
        place = place.clamp(min=0)
        history = self.log_items[place]
        ratings = self.log_ratings[place]
        there = there & (history != item[:, None])  # the answer itself is no evidence
        return self.rate(item, user, history, ratings, there)

    def rate(
        self, item: Tensor, user: Tensor, history: Tensor, ratings: Tensor, there: Tensor
    ) -> Tensor:
        """The answer `(batch,)` for an item `(batch,)`, given past items and ratings `(batch,
        past)` where `there`; user -1 is somebody of whom nothing else is known."""
        habit, taste = self.person(user, history, ratings, there)
        level, nature = self.thing(item)
        agreement = tap("agreement", self.dropout(taste) * nature)  # (batch, width)
        return tap("rating", habit + level + agreement.sum(1))

    def rate_all(self, user: Tensor, history: Tensor, ratings: Tensor, there: Tensor) -> Tensor:
        """The answer for every item `(batch, items)`; an item that is in the history itself is
        not left out of it, as nobody asks for it."""
        habit, taste = self.person(user, history, ratings, there)
        level, nature = self.thing(torch.arange(len(self.item_bias.weight), device=user.device))
        return habit.unsqueeze(1) + level + taste @ nature.T

    def person(
        self, user: Tensor, history: Tensor, ratings: Tensor, there: Tensor
    ) -> tuple[Tensor, Tensor]:
        """How much higher than others somebody rates `(batch,)`, and their taste `(batch, width)`,
        made of what they rated."""
        known = (there & self.seen[history]).float()
        count = known.sum(1, keepdim=True)
        surprise = (ratings - self.item_bias(history).squeeze(-1)) * known
        # Held back while there are few ratings, how much is learned.
        habit = surprise.sum(1, keepdim=True) / (count + 4 * F.softplus(self.caution))
        surprise = ((surprise - habit) * known).unsqueeze(1)
        past = surprise @ self.liked(history) + known.unsqueeze(1) @ self.touched(history)
        about = self._about(self.of_users, user)
        taste = past.squeeze(1) / (count + 1).sqrt() + self.user_features(about)
        level = habit + self.user_level(about)
        return tap("user / habit", level.squeeze(1)), tap("user / taste from the history", taste)

    def thing(self, item: Tensor) -> tuple[Tensor, Tensor]:
        """How high an item is rated `(batch,)`, and its factors `(batch, width)`."""
        about = self._about(self.of_items, item)
        trained = self.seen[item].float().unsqueeze(1)
        nature = self.item_factors(item) * trained + self.item_features(about)
        level = self.item_bias(item) * trained + self.item_level(about)
        return tap("item / level", level.squeeze(1)), tap("item / factors", nature)

    def _about(self, known: Tensor, number: Tensor) -> Tensor:
        """What is known of items or users `(batch, features)`; zeros for -1."""
        found = known[number.clamp(min=0)]
        return found * (number >= 0).unsqueeze(1)

    def describe(self) -> dict[str, Any]:
        """The network as a person would list it."""
        user = [self.liked, self.touched, self.user_features]
        parts = [
            part_of("user", "lookup", f"sum over up to {self.most} past ratings", user),
            part_of("item", "lookup", "factors", [self.item_factors, self.item_features]),
            part_of(
                "rating", "", "bias + agreement", [self.item_bias, self.item_level, self.user_level]
            ),
        ]
        return {"parts": parts, "parameters": sum(one.numel() for one in self.parameters())}


def part_of(part: str, way: str, family: str, modules: list[nn.Module]) -> dict[str, Any]:
    """One part of a network as `network/assemble.py: Model.describe` lists it."""
    layers = [layer for module in modules for layer in layers_of(module)]
    return {
        "part": part,
        "way": way,
        "positions": [],
        "family": family,
        "layers": layers,
        "parameters": sum(layer["parameters"] for layer in layers),
    }
