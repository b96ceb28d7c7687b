"""Asking for a list: for a user that the model knows, or for somebody who likes a few things."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.errors import ConfigError
from pellucid.evidence.finding import Finding, Table
from pellucid.interfaces.studio.uses.desk import (
    MOST_NAMES,
    Asked,
    Desk,
    Field,
    Reply,
    Way,
    known,
)
from pellucid.uses.recommend.answerer import Recommender
from pellucid.uses.recommend.lists import top_of

TOP = Field("top", "number", "How many", 10, low=1, high=50)
LIKED = ("one", "another", "third")
NOBODY = -1
"""The user of whom nothing is known but what was typed."""


class RecommendDesk(Desk[Recommender]):
    """See the module."""

    def ways(self) -> list[Way]:
        memory = self.model.memory
        titles = sorted(dict.fromkeys(memory.titles))[:MOST_NAMES]
        labels = ("Something that is liked", "Something else", "One more")
        return [
            Way(
                "user",
                "For somebody it knows",
                "Show the list",
                [
                    Field("user", "choice", "User", memory.users[0], memory.users[:MOST_NAMES]),
                    TOP,
                ],
            ),
            Way(
                "liked",
                "For somebody new",
                "Show the list",
                [
                    *(
                        Field(name, "choice", label, None, titles, needed=place == 0)
                        for place, (name, label) in enumerate(zip(LIKED, labels, strict=True))
                    ),
                    TOP,
                ],
                why=False,
            ),
        ]

    def answer(self, asked: Asked) -> Reply:
        top = round(asked.number(TOP))
        if asked.way == "liked":
            found = self._for_somebody_new(asked, top)
        else:
            found = self.model.recommend(self._user(asked), top, asked.model)
        rows = tuple(
            (place + 1, item["title"], item["score"], item["why"])
            for place, item in enumerate(found["items"])
        )
        best = f": first of all {rows[0][1]}, {rows[0][3]}." if rows else "."
        sentence = f"{len(rows)} that {found['user']} has not had yet{best}"
        table = Table(f"The list, by {found['by']}", ("place", "item", "score", "why"), rows)
        return Reply([found], Finding("answer", "The list", sentence, tables=(table,)))

    def why(self, asked: Asked) -> Finding:
        user, memory = self._user(asked), self.model.memory
        first = self.model.recommend(user, 1, asked.model)["items"][0]["item"]
        row = {str(memory.columns["user"]): [user], str(memory.columns["item"]): [first]}
        return self.model.explain(row, 0, asked.seconds)

    def _user(self, asked: Asked) -> str:
        users = self.model.memory.users
        return users[known(asked.needed("user", "user"), users, "user")]

    def _for_somebody_new(self, asked: Asked, top: int) -> dict[str, Any]:
        memory, model = self.model.memory, self.model
        typed = [text for name in LIKED if (text := asked.text(name))]
        if not typed:
            raise ConfigError(
                "nothing is liked yet", where=LIKED[0], fix="choose at least one thing"
            )
        history = np.array([self._item(name) for name in typed], dtype=np.int64)
        rated = len(memory.rating) > 0
        ratings = np.full(len(history), model.highest) if rated else np.empty(0)
        by = asked.model or model.list_by
        scores = model.scores(by, NOBODY, history, ratings)
        best = top_of(scores, history, top)
        effects = model.effects(by, NOBODY, history, ratings, best)
        items = []
        for place, item in enumerate(best.tolist()):
            cause = int(effects[:, place].argmax())
            moved = effects[cause, place] > 0
            items.append(
                {
                    "item": memory.items[item],
                    "title": memory.titles[item],
                    "score": float(scores[item]),
                    "why": f"because of {memory.titles[history[cause]]}"
                    if moved
                    else "liked by most",
                }
            )
        return {"user": "somebody new", "by": model.maker(by), "items": items}

    def _item(self, name: str) -> int:
        memory = self.model.memory
        names = memory.items if name in memory.items else memory.titles
        return known(name, names, "item")
