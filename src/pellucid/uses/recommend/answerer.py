"""The model of a recommendation: ratings with intervals, lists with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.baselines.lists import ListMethod
from pellucid.baselines.ratings import Means, RatingMethod
from pellucid.config import Size
from pellucid.errors import ConfigError, DataError
from pellucid.evidence.finding import Finding
from pellucid.evidence.trust.conformal import Promise
from pellucid.uses.recommend.lists import TOP, top_of
from pellucid.uses.recommend.log import number_of
from pellucid.uses.recommend.memory import Memory, asked_for, latest
from pellucid.uses.use import Answerer

WHY = 2
"""Past items that are named as the reason for a recommendation."""
ANYBODY = "answered as for anybody"
NOBODY = -1
"""The user of whom the model knows nothing."""
AT_ONCE = 512
"""Rows whose histories are gathered together."""


@dataclass
class Recommender(Answerer):
    """Answers (user, item) rows, and makes lists.

    asks: "rating" (how high?) or "next" (what comes next?). center, spread: of the network's unit
    of ratings; lowest, highest: ratings that exist. most: past events that the network looks at.
    means, rater: the simplest and the best classical method for ratings. lister: the classical
    method with the best lists. list_by: who makes lists: "network", "baseline" or "both"; mix: what
    their scores are then multiplied with before they are added. promise, rater_promise: intervals.
    """

    kind: ClassVar[str] = "recommend"
    asks: str
    model: Any
    size: Size
    memory: Memory
    most: int
    center: float = 0.0
    spread: float = 1.0
    lowest: float = 0.0
    highest: float = 0.0
    means: Means | None = None
    rater: RatingMethod | None = None
    lister: ListMethod | None = None
    list_by: str = "network"
    mix: tuple[float, float] = (1.0, 0.0)
    promise: Promise | None = None
    rater_promise: Promise | None = None
    listers: list[ListMethod] = field(default_factory=list)
    """All classical list makers, for the exam; only the best is saved."""
    figures: dict[str, float] = field(default_factory=dict)

    def network(self) -> nn.Module:
        model: nn.Module = self.model
        return model

    # --- rows of users and items --------------------------------------------------------------

    def predict(self, source: Any, model: str | None = None) -> list[dict[str, Any]]:
        people, things = asked_for(source, self.memory, items=self.asks == "rating")
        by = model or (self.kept if self.asks == "rating" else self.list_by)
        users = [self.memory.user_numbers.get(name or "", -1) for name in people]
        items = [self.memory.item_numbers.get(name or "", -1) for name in things]
        rated = self.ratings(by, users, items) if self.asks == "rating" else np.empty(0)
        lines: list[dict[str, Any]] = []
        for row, (person, thing) in enumerate(zip(people, things, strict=True)):
            if person is None or (thing is None and self.asks == "rating"):
                lacking = "user" if person is None else "item"
                error = DataError(
                    f"the {lacking} is missing", where=f"row {row}", fix=f"name the {lacking}"
                )
                lines.append({"row": row, "error": error.as_json()})
                continue
            notes = [] if users[row] >= 0 else [f"user '{person}' is not known: {ANYBODY}"]
            if self.asks == "rating":
                notes += self._notes(users[row], items[row], str(thing))
                line = self._bounded(float(rated[row]), by)
            else:
                line = self._listed(users[row], thing, by, notes)
            lines.append({"row": row} | line | ({"note": "; ".join(notes)} if notes else {}))
        return lines

    def _bounded(self, value: float, model: str) -> dict[str, Any]:
        promise = self.promise if model == "network" else self.rater_promise
        low, high = self.bounds(np.array([value]), promise)
        return {"answer": value, "low": float(low[0]), "high": float(high[0])}

    def _notes(self, user: int, item: int, name: str) -> list[str]:
        """What a person should know of a predicted rating."""
        notes = []
        if item < 0 or not self.memory.seen[item]:
            known = item >= 0 and len(self.memory.item_features) > 0
            notes.append(
                f"item '{name}' has no rating to learn from: "
                + ("answered by its features" if known else "answered by the user's habit")
            )
        history, ratings = self.memory.history(user)
        if item >= 0 and (history == item).any():
            notes.append(f"the user rated it already: {ratings[history == item][-1]:g}")
        return notes

    def _listed(self, user: int, item: str | None, model: str, notes: list[str]) -> dict[str, Any]:
        """A user alone: the list; with an item: its place among all new ones, 1 is first; adds to
        `notes`."""
        history, ratings = self.memory.history(user)
        scores = self.scores(model, user, history, ratings)
        if item is None:
            named = [self.memory.items[place] for place in top_of(scores, history)]
            return {"answer": named}
        thing = self.memory.item_numbers.get(item, -1)
        if thing < 0:
            notes.append(f"item '{item}' is not known")
        elif (history == thing).any():
            notes.append("the user had it already")
        order = top_of(scores, history[history != thing], len(scores))
        found = np.flatnonzero(order == thing)
        place = int(found[0]) + 1 if len(found) else None
        return {"answer": place, "of": len(order)}

    def bounds(self, values: np.ndarray, promise: Promise | None) -> tuple[np.ndarray, np.ndarray]:
        """The intervals `(rows,)` each, within the ratings that exist; these alone if there is no
        promise."""
        if promise is None:
            return np.full(len(values), self.lowest), np.full(len(values), self.highest)
        low, high = promise.bounds(values[None, :, None])
        return (
            np.clip(low[:, 0], self.lowest, self.highest),
            np.clip(high[:, 0], self.lowest, self.highest),
        )

    def readable(self, line: dict[str, Any]) -> str:
        if "error" in line:
            return super().readable(line)
        note = f"   ({line['note']})" if "note" in line else ""
        if isinstance(line["answer"], list):
            return f"{line['row']:>6}  {'; '.join(line['answer'])}{note}"
        if "low" in line:
            said = f"{line['answer']:.2f}  [{line['low']:.2f}, {line['high']:.2f}]"
            return f"{line['row']:>6}  {said}{note}"
        said = "not in the list" if line["answer"] is None else f"place {line['answer']:,}"
        return f"{line['row']:>6}  {said} of {line['of']:,}{note}"

    # --- lists --------------------------------------------------------------------------------

    def recommend(self, user: Any, top: int = TOP, model: str | None = None) -> dict[str, Any]:
        """A list for one user: `{"user", "items": [{"item", "title", "score", "why"}], "note"?}`.

        Raises:
            ConfigError: There is no such user; the nearest name is suggested.
        """
        one = self._known(user)
        history, ratings = self.memory.history(one)
        found = self._best(one, history, ratings, top, model)
        return {"user": self.memory.users[one], **found}

    def recommend_to(
        self, liked: Sequence[str], top: int = TOP, model: str | None = None
    ) -> dict[str, Any]:
        """A list as `recommend` makes it for somebody new, of whom it is only known what they like:
        items by their names or titles.

        Raises:
            ConfigError: There is no such item; the nearest name is suggested.
        """
        history = np.array([self._thing(name) for name in dict.fromkeys(liked)], dtype=np.int64)
        rated = np.full(len(history), self.highest) if len(self.memory.rating) else np.empty(0)
        return {"user": None, **self._best(NOBODY, history, rated, top, model)}

    def _known(self, user: Any) -> int:
        try:
            return number_of(user, self.memory.users, "user", "--user")
        except ConfigError as error:
            join = " Or" if error.fix.endswith("?") else "; or"
            fix = f"{error.fix}{join} for somebody new say what is liked: --liked ITEM ITEM"
            raise ConfigError(error.what, where=error.where, fix=fix) from None

    def _thing(self, name: str) -> int:
        memory = self.memory
        titled = name not in memory.items and name in memory.titles
        return number_of(name, memory.titles if titled else memory.items, "item", "--liked")

    def _best(
        self,
        user: int,
        history: np.ndarray,
        ratings: np.ndarray,
        top: int,
        model: str | None,
    ) -> dict[str, Any]:
        """The best new items after a history, with the reasons."""
        by = model or self.list_by
        scores = self.scores(by, user, history, ratings)
        best = top_of(scores, history, top)
        effects = self.effects(by, user, history, ratings, best)
        said = ratings if user != NOBODY else np.empty(0)
        items = [
            {
                "item": self.memory.items[item],
                "title": self.memory.titles[item],
                "score": float(scores[item]),
                "why": self._because(effects[:, place], history, said),
            }
            for place, item in enumerate(best.tolist())
        ]
        return {"by": self.maker(by), "items": items}

    def maker(self, by: str) -> str:
        """Who makes lists, in words."""
        if by == "network" or self.lister is None:
            return "network"
        return self.lister.name if by == "baseline" else f"network and {self.lister.name}"

    def _because(self, effect: np.ndarray, history: np.ndarray, ratings: np.ndarray) -> str:
        order = np.argsort(-effect, kind="stable")[:WHY]
        told = []
        for place in order[effect[order] > 0].tolist():
            rated = f" ({ratings[place]:g})" if len(ratings) else ""
            told.append(f"{self.memory.titles[history[place]]}{rated}")
        return f"because of {' and '.join(told)}" if told else "liked by most"

    def scores(self, model: str, user: int, history: np.ndarray, ratings: np.ndarray) -> np.ndarray:
        """float64 `(items,)`: how well each item fits after this history."""
        if model == "network" or self.lister is None:
            return self.network_scores([user], [history], [ratings])[0]
        other = self.lister.score(history)
        if model == "baseline":
            return other
        mine = self.network_scores([user], [history], [ratings])[0]
        return self.mix[0] * mine + self.mix[1] * other

    def effects(
        self,
        model: str,
        user: int,
        history: np.ndarray,
        ratings: np.ndarray,
        items: np.ndarray,
    ) -> np.ndarray:
        """float64 `(past, items)`: by how much each item's score falls without each past item."""
        if model == "network" or self.lister is None:
            return self.without_each(user, history, ratings)[:, items]
        parts = self.lister.parts(history, items)
        if model == "baseline":
            return parts
        mine = self.without_each(user, history, ratings)[:, items]
        return self.mix[0] * mine + self.mix[1] * parts

    def without_each(self, user: int, history: np.ndarray, ratings: np.ndarray) -> np.ndarray:
        """float64 `(past, items)`: how much the network's scores fall without each past item; only
        the latest `most` can matter."""
        found = np.zeros((len(history), len(self.memory.items)))
        first = max(0, len(history) - self.most)
        places = np.arange(first, len(history))
        if not len(places):
            return found
        shorter = [np.delete(history, place) for place in places]
        rated = [np.delete(ratings, place) if len(ratings) else ratings for place in places]
        whole = self.network_scores([user], [history], [ratings])
        found[places] = whole - self.network_scores([user] * len(places), shorter, rated)
        return found

    # --- what is asked of the network ---------------------------------------------------------

    @torch.inference_mode()
    def network_scores(
        self, users: list[int], histories: list[np.ndarray], ratings: list[np.ndarray]
    ) -> np.ndarray:
        """float64 `(rows, items)`: predicted ratings in their own unit, or log-probabilities."""
        found = []
        for start in range(0, len(users), 64):
            part = slice(start, start + 64)
            if self.asks == "next":
                rows = np.stack([latest(one, self.most, self.memory) for one in histories[part]])
                history = torch.from_numpy(rows)
                output = self.model({"history": history})  # (rows, places, items)
                last = (history > 0).sum(1).clamp(min=1) - 1
                scored = output[torch.arange(len(rows)), last].float().log_softmax(-1)
                found.append(scored.double().numpy())
            else:
                given = self._padded(histories[part], ratings[part])
                people = torch.tensor(users[part])
                rated = self.model.rate_all(people, *given).double().numpy()
                found.append(self.center + self.spread * rated)
        return np.concatenate(found)

    @torch.inference_mode()
    def ratings(self, model: str, users: list[int], items: list[int]) -> np.ndarray:
        """float64 `(rows,)`: ratings in their own unit and within those that exist; of a user or
        item -1 nothing is known. What the user said of the item itself has no part in it."""
        found = np.empty(len(users))
        for start in range(0, len(users), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            found[part] = self._rated(model, np.array(users[part]), np.array(items[part]))
        return np.clip(found, self.lowest, self.highest)

    def _rated(self, model: str, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        assert self.means is not None
        pasts = [self.memory.history(user) for user in users.tolist()]
        others = [past != item for (past, _), item in zip(pasts, items, strict=True)]
        histories = [past[other] for (past, _), other in zip(pasts, others, strict=True)]
        ratings = [rated[other] for (_, rated), other in zip(pasts, others, strict=True)]
        padded = self._padded(histories, ratings)
        history, rated, there = (one.numpy() for one in padded)
        past = history, self.center + self.spread * rated.astype(np.float64), there
        known, thing = items >= 0, np.maximum(items, 0)
        if model == "network" or self.rater is None:
            given = self.model.rate(torch.from_numpy(thing), torch.from_numpy(users), *padded)
            answers = self.center + self.spread * given.double().numpy()
        else:
            known &= self.memory.seen[thing]
            answers = self.rater.rate(thing, *past)
        return np.where(known, answers, self.means.center + self.means.habit(*past))

    def _padded(
        self, histories: list[np.ndarray], ratings: list[np.ndarray]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The latest past items, their ratings in the network's unit, and where there are some."""
        history = np.zeros((len(histories), self.most), np.int64)
        rated = np.zeros((len(histories), self.most), np.float32)
        there = np.zeros((len(histories), self.most), dtype=bool)
        for row, (items, values) in enumerate(zip(histories, ratings, strict=True)):
            kept = items[-self.most :]
            history[row, : len(kept)] = kept
            rated[row, : len(kept)] = (values[-self.most :] - self.center) / self.spread
            there[row, : len(kept)] = True
        return torch.from_numpy(history), torch.from_numpy(rated), torch.from_numpy(there)

    # --- why ----------------------------------------------------------------------------------

    def explain(self, source: Any, row: int = 0, seconds: float = 2.0) -> Finding:
        from pellucid.uses.recommend.reasons import explanation

        users, items = asked_for(source, self.memory, items=False)
        if not 0 <= row < len(users) or users[row] is None:
            raise DataError(
                f"there is no row {row} with a user",
                where=f"--row {row}",
                fix=f"name a row from 0 to {len(users) - 1}",
            )
        return explanation(self, str(users[row]), items[row], seconds)

    # --- on disk ------------------------------------------------------------------------------

    def save(self, folder: Path) -> dict[str, Any]:
        from safetensors.numpy import save_file

        from pellucid.uses.recommend.stored import arrays_of, head_of

        save_file(arrays_of(self), str(folder / "model.safetensors"))
        return head_of(self)

    @classmethod
    def load(cls, folder: Path, head: dict[str, Any]) -> Recommender:
        from safetensors.numpy import load_file

        from pellucid.uses.recommend.stored import restored

        return restored(head, load_file(str(folder / "model.safetensors")))
