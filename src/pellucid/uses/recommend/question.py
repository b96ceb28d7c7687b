"""The two questions of a recommendation, as the course asks them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from torch import Tensor, nn

from pellucid.config import Plan
from pellucid.learning.recipes import Recipe
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.task import Objective
from pellucid.uses.recommend.answerer import Recommender
from pellucid.uses.recommend.features import Features
from pellucid.uses.recommend.log import Log
from pellucid.uses.recommend.memory import Memory
from pellucid.uses.use import Exam, Examples


class Question(ABC):
    """What a network over a log is to become good at. metric: the figure that is reported first."""

    metric: str
    objective: Objective

    @abstractmethod
    def __init__(self, log: Log) -> None: ...

    @abstractmethod
    def examples(self) -> Examples:
        """The log as examples."""

    @abstractmethod
    def recipe(self) -> Recipe: ...

    @abstractmethod
    def build(self, plan: Plan) -> nn.Module: ...

    def word(self, group: str, number: int) -> str | None:
        """See `uses/use.py: Course.word`."""
        return None

    @abstractmethod
    def score(self, output: Tensor) -> float: ...

    @abstractmethod
    def finish(self, model: nn.Module, seconds: float) -> Recommender: ...

    @abstractmethod
    def compete(self, seconds: float, watcher: Watcher) -> None: ...

    @abstractmethod
    def exam(self, answerer: Recommender, seconds: float) -> Exam: ...


def memory_of(log: Log) -> Memory:
    """What a model keeps of a log: names, features, and what everybody did up to its end."""
    roles = log.roles
    return Memory(
        columns={"user": roles.user, "item": roles.item, "rating": roles.rating},
        users=log.users,
        items=log.items,
        titles=log.titles,
        item=log.item,
        rating=np.empty(0) if log.rating is None else log.rating,
        starts=log.starts,
        seen=np.bincount(log.item[log.part == 0], minlength=len(log.items)) > 0,
        of_items=log.of_items.values,
        of_users=log.of_users.values,
        item_features=log.of_items.names,
    )


def column_facts(log: Log) -> list[dict[str, Any]]:
    """How each column was understood, as `Column.as_json` says it."""
    roles = log.roles
    named = {
        roles.user: ("category", "who"),
        roles.item: ("category", "with what"),
        roles.rating: ("number", "how it was liked"),
        roles.time: ("date", "when"),
    }
    found = []
    for name, column in log.table.columns.items():
        modality, role = "number" if column.values.dtype.kind == "f" else "category", "input"
        whose = "item" if _stands_in(name, log.of_items) else "user"
        if name in named:
            modality, why = named[name]
            role = "target" if name == (roles.rating or roles.item) else "input"
        elif _stands_in(name, log.of_items) or _stands_in(name, log.of_users):
            why = f"known of every {whose}"
        else:
            role, why = "ignored", "says nothing about an item or a user that holds for all events"
        found.append({"name": name, "modality": modality, "role": role, "why": why, "fitted": {}})
    return found


def _stands_in(name: str, features: Features) -> bool:
    return any(one == name or one.startswith(f"{name}: ") for one in features.names)
