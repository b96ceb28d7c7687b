"""The model of a recommendation: ratings with intervals, lists with reasons."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.baselines.recommend import ListMethod, Means, RatingMethod
from pellucid.config import Size
from pellucid.data import read
from pellucid.data.columns import RawColumn, RawTable
from pellucid.data.readers.ratings import find_layout, read_layout
from pellucid.errors import DataError, did_you_mean
from pellucid.evidence.finding import Finding
from pellucid.evidence.trust.conformal import Promise
from pellucid.uses.recommend.lists import TOP, top_of
from pellucid.uses.recommend.log import number_of
from pellucid.uses.typed import as_source
from pellucid.uses.use import Answerer

WHY = 2
"""Past items that are named as the reason for a recommendation."""


@dataclass
class Memory:
    """What the model knows of users and items, and what users did.

    users, items, titles: names; columns: what user, item and rating are called. item, rating:
    `(events,)` of users in the order of time, a user's from starts[user] to starts[user + 1];
    rating is empty without ratings. seen: bool `(items,)`: with training events. of_items,
    of_users: float32 `(items | users, features)`, item_features: their names.
    """

    columns: dict[str, str | None]
    users: list[str]
    items: list[str]
    titles: list[str]
    item: np.ndarray
    rating: np.ndarray
    starts: np.ndarray
    seen: np.ndarray
    of_items: np.ndarray
    of_users: np.ndarray
    item_features: list[str]

    def history(self, user: int) -> tuple[np.ndarray, np.ndarray]:
        """Items and ratings of a user, the latest last; nothing for user -1."""
        if user < 0:
            return np.empty(0, np.int64), np.empty(0)
        mine = slice(self.starts[user], self.starts[user + 1])
        return self.item[mine], self.rating[mine]


@dataclass
class Recommender(Answerer):
    """Answers (user, item) rows, and makes lists.

    asks: "rating" (how high?) or "next" (what comes next?). center, spread: of the network's unit
    of ratings; lowest, highest: ratings that exist. most: past events that the network looks at.
    means, rater: the simplest and the best classical method for ratings. lister: the classical
    method with the best lists. list_by: who makes lists. promise, rater_promise: intervals.
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
        users, items = self._asked(source)
        lines: list[dict[str, Any]] = []
        for row, (user, item) in enumerate(zip(users, items, strict=True)):
            if user is None or (item is None and self.asks == "rating"):
                lacking = "user" if user is None else "item"
                error = DataError(
                    f"the {lacking} is missing", where=f"row {row}", fix=f"name the {lacking}"
                )
                lines.append({"row": row, "error": error.as_json()})
            else:
                lines.append({"row": row} | self._answer(user, item, model or self.kept))
        return lines

    def _answer(self, user: str, item: str | None, model: str) -> dict[str, Any]:
        one, notes = _place(user, self.memory.users), []
        if one < 0:
            notes.append(f"user '{user}' is not known: answered as for anybody")
        if item is None or self.asks == "next":
            return self._listed(one, item, model, notes)
        thing = _place(item, self.memory.items)
        if thing < 0 or not self.memory.seen[thing]:
            known = thing >= 0 and len(self.memory.item_features) > 0
            notes.append(
                f"item '{item}' has no rating to learn from: "
                + ("answered by its features" if known else "answered by the user's habit")
            )
        history, ratings = self.memory.history(one)
        if thing >= 0 and (history == thing).any():
            notes.append(f"the user rated it already: {ratings[history == thing][-1]:g}")
        value = float(self.ratings(model, one, thing, history, ratings))
        promise = self.promise if model == "network" else self.rater_promise
        low, high = self.bounds(np.array([value]), promise)
        line = {"answer": value, "low": float(low[0]), "high": float(high[0])}
        return line | ({"note": "; ".join(notes)} if notes else {})

    def _listed(self, user: int, item: str | None, model: str, notes: list[str]) -> dict[str, Any]:
        """A user alone: the list; with an item: its place among all new ones, 1 is first."""
        history, ratings = self.memory.history(user)
        scores = self.scores(model, user, history, ratings)
        if item is None:
            named = [self.memory.items[place] for place in top_of(scores, history)]
            return {"answer": named} | ({"note": "; ".join(notes)} if notes else {})
        thing = _place(item, self.memory.items)
        if thing < 0:
            notes.append(f"item '{item}' is not known")
        elif (history == thing).any():
            notes.append("the user had it already")
        order = top_of(scores, history[history != thing], len(scores))
        found = np.flatnonzero(order == thing)
        place = int(found[0]) + 1 if len(found) else None
        line: dict[str, Any] = {"answer": place, "of": len(order)}
        return line | ({"note": "; ".join(notes)} if notes else {})

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
            return f"{line['row']:>6}  {', '.join(line['answer'])}{note}"
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
        one = number_of(user, self.memory.users, "user", "--user")
        by = model or self.list_by
        history, ratings = self.memory.history(one)
        scores = self.scores(by, one, history, ratings)
        best = top_of(scores, history, top)
        effects = self.effects(by, one, history, ratings, best)
        items = []
        for place, item in enumerate(best.tolist()):
            items.append(
                {
                    "item": self.memory.items[item],
                    "title": self.memory.titles[item],
                    "score": float(scores[item]),
                    "why": self._because(effects[:, place], history, ratings),
                }
            )
        return {"user": self.memory.users[one], "by": self.maker(by), "items": items}

    def maker(self, by: str) -> str:
        """Who makes lists, in words."""
        return "network" if by == "network" or self.lister is None else self.lister.name

    def _because(self, effect: np.ndarray, history: np.ndarray, ratings: np.ndarray) -> str:
        order = np.argsort(-effect, kind="stable")[:WHY]
        told = []
        for place in order[effect[order] > 0].tolist():
            liked = f" ({ratings[place]:g})" if len(self.memory.rating) else ""
            told.append(f"{self.memory.titles[history[place]]}{liked}")
        return f"because of {' and '.join(told)}" if told else "liked by most"

    def scores(self, model: str, user: int, history: np.ndarray, ratings: np.ndarray) -> np.ndarray:
        """float64 `(items,)`: how well each item fits after this history."""
        if model != "network" and self.lister is not None:
            return self.lister.score(history)
        return self.network_scores([user], [history], [ratings])[0]

    def effects(
        self,
        model: str,
        user: int,
        history: np.ndarray,
        ratings: np.ndarray,
        items: np.ndarray,
    ) -> np.ndarray:
        """float64 `(past, items)`: by how much each item's score falls without each past item."""
        if model != "network" and self.lister is not None:
            found = np.zeros((len(history), len(items)))
            if len(history):
                parts = [self.lister.parts(history, item) for item in items.tolist()]
                found = np.stack(parts, 1) if parts else found
            return found
        return self.without_each(user, history, ratings)[:, items]

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
    def ratings(
        self, model: str, user: int, item: int, history: np.ndarray, ratings: np.ndarray
    ) -> float:
        """One rating, in its own unit and within the ratings that exist; -1: not known."""
        other = history != item
        history, ratings = history[other], ratings[other]
        assert self.means is not None
        if item < 0 or (model != "network" and not self.memory.seen[item]):
            habit = self.means.habit(history[None], ratings[None], np.ones((1, len(history)), bool))
            value = self.means.center + float(habit[0])
        elif model != "network" and self.rater is not None:
            given = (history[None], ratings[None], np.ones((1, len(history)), dtype=bool))
            value = float(self.rater.rate(np.array([item]), *given)[0])
        else:
            padded = self._padded([history], [ratings])
            rated = self.model.rate(torch.tensor([item]), torch.tensor([user]), *padded)
            value = self.center + self.spread * float(rated[0])
        return float(np.clip(value, self.lowest, self.highest))

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

    # --- what is asked ------------------------------------------------------------------------

    def _asked(self, source: Any) -> tuple[list[str | None], list[str | None]]:
        """Users and items of each row; items are None where no item is asked about.

        Raises:
            DataError: The source has no column of users (or of items, for ratings).
        """
        user, item = self.memory.columns["user"], self.memory.columns["item"]
        assert user is not None
        assert item is not None
        table = _table(source)
        only = len(table.columns) == 1 and user not in table.columns
        if only:
            table.columns = {user: next(iter(table.columns.values()))}
        lacking = user if user not in table.columns else item
        if lacking not in table.columns and (lacking == user or self.asks == "rating"):
            raise DataError(
                f"the model needs the column '{lacking}', which '{table.name}' does not have",
                where=f"{table.name} has: {', '.join(list(table.columns)[:8])}",
                fix=did_you_mean(lacking, table.columns),
            )
        people = _names(table.columns[user])
        things: list[str | None] = [None] * len(people)
        return people, _names(table.columns[item]) if item in table.columns else things

    def explain(self, source: Any, row: int = 0, seconds: float = 2.0) -> Finding:
        from pellucid.uses.recommend.evidence import explanation

        users, items = self._asked(source)
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


def latest(history: np.ndarray, most: int, memory: Memory) -> np.ndarray:
    """int64 `(most,)`: a history as the network over sequences takes it; items without training
    events say nothing and are left out."""
    known = history[memory.seen[history]][-most:]
    row = np.zeros(most, np.int64)
    row[: len(known)] = known + 1
    return row


def _place(name: str, names: list[str]) -> int:
    return names.index(name) if name in names else -1


def _table(source: Any) -> RawTable:
    source = as_source(source)
    if isinstance(source, str | Path):
        layout = find_layout(Path(source))
        if layout is not None:
            return read_layout(layout)[0]
    return read.read_for_prediction(source, [])


def _names(column: RawColumn) -> list[str | None]:
    found: list[str | None] = []
    for value in column.values.tolist():
        if value is None or value != value:
            found.append(None)
        else:
            found.append(f"{value:.15g}" if isinstance(value, float) else str(value).strip())
    return found
