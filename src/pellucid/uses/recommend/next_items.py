"""What comes next? A Transformer over what each user used before, on moments of the future."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.config import Plan, Size
from pellucid.data.columns import Entry
from pellucid.data.dataset import Dataset
from pellucid.evidence.receipt.parts import ANSWER
from pellucid.learning.evaluate import mean_of
from pellucid.learning.recipes import Recipe
from pellucid.network.sequential import NextItem
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.recommend import NextItems
from pellucid.uses.recommend import findings, reasons
from pellucid.uses.recommend.answerer import Recommender
from pellucid.uses.recommend.lists import (
    Moments,
    choose_lists,
    moments_of,
    qualities,
    quality,
    start_vectors,
)
from pellucid.uses.recommend.log import Log
from pellucid.uses.recommend.memory import latest
from pellucid.uses.recommend.question import Question, column_facts, memory_of
from pellucid.uses.use import Exam, Examples, Judged

PLACES = 50
"""Past events that the network looks at."""
WINDOW = 5
"""Later items that each place of a history is to find."""
LOOKED_AT = 300
"""Validation moments that are looked at while learning."""
START_WIDTH = 64
RECIPE = Recipe(
    family="transformer",
    sizes=(Size(32, 1, 0.2), Size(64, 2, 0.2)),
    epochs=(3, 8),
    batch=32,
    rate=3e-3,
    weight_decay=0.02,
    average=0.2,
    # MovieLens 100k, moments of the second last tenth, NDCG@10, 1 seed: EASE .147; a plain
    # Transformer of this size .138 after 8 passes; with running means and vectors from who used
    # things together .165 after 5, .159 after 8.
    why="order matters: each event is read with those before it",
)


class NextQuestion(Question):
    """Examples are stretches of histories; the exam is a list at each moment of the future."""

    metric = "NDCG@10"

    def __init__(self, log: Log) -> None:
        self.log = log
        self.memory = memory_of(log)
        self.valid, self.test = moments_of(log, 1), moments_of(log, 2)
        longest = max((len(one) for one in self.valid.histories), default=0)
        self.objective = NextItems(len(log.items), WINDOW, longest + 10)

    def examples(self) -> Examples:
        log = self.log
        stretches, owners = self._stretches()
        looked = np.unique(np.linspace(0, len(self.valid) - 1, LOOKED_AT).astype(int))
        self.looked = looked[: len(self.valid)]
        cases = [*stretches]
        for moments, chosen in ((self.valid, self.looked), (self.test, np.arange(len(self.test)))):
            cases += [self._case(moments, place) for place in chosen.tolist()]
        history = torch.from_numpy(np.stack([one for one, _ in cases])).int()
        target = torch.from_numpy(np.stack([one for _, one in cases])).int()
        entry = Entry("lookup", (PLACES,), len(log.items) + 1, "history")
        self.dataset = Dataset({"history": entry}, {"history": history}, target)
        counts = np.cumsum([0, len(stretches), len(self.looked), len(self.test)])
        users = [*owners, *self.valid.user[self.looked].tolist(), *self.test.user.tolist()]
        train, valid, test = (np.arange(first, end) for first, end in itertools.pairwise(counts))
        cold = f"; {self.test.cold:,} test events are of items that no training event has"
        return Examples(
            name=log.table.name,
            fingerprint=log.table.fingerprint,
            target=f"which {log.roles.item} comes next",
            dataset=self.dataset,
            modalities={"history": "category"},
            places=[f"user {log.users[user]}" for user in users],
            train=train,
            valid=valid,
            test=test,
            ledger=log.ledger,
            draw=self.draw,
            columns=column_facts(log),
            notes=[
                *log.notes,
                f"{len(log):,} events of {len(log.users):,} users with {len(log.items):,} items, "
                f"{len(stretches):,} stretches to learn from, {len(self.test):,} moments for the "
                f"exam{cold if self.test.cold else ''}",
            ],
        )

    def _stretches(self) -> tuple[list[tuple[np.ndarray, np.ndarray]], list[int]]:
        """Training histories cut into overlapping stretches, so that each place has a past."""
        log, found, owners = self.log, [], []
        for user in range(len(log.users)):
            mine = np.arange(log.starts[user], log.starts[user + 1])
            items = log.item[mine[log.part[mine] == 0]]
            new = np.zeros(len(items), dtype=bool)
            new[np.unique(items, return_index=True)[1]] = True
            for start in range(0, max(1, len(items) - 1), PLACES // 2):
                past = items[start : start + PLACES]
                if len(past) < 2:
                    break
                history = np.zeros(PLACES, np.int64)
                history[: len(past)] = past + 1
                later = np.where(new, items, -1)[start + 1 : start + PLACES + WINDOW]
                target = np.full(PLACES + WINDOW - 1, -1)
                target[: len(later)] = later
                if start:
                    target[: PLACES // 2 - 1] = -1  # asked in the stretch before
                found.append((history, target))
                owners.append(user)
                if start + PLACES >= len(items):
                    break
        return found, owners

    def _case(self, moments: Moments, place: int) -> tuple[np.ndarray, np.ndarray]:
        history = latest(moments.histories[place], PLACES, self.memory)
        last = int((history > 0).sum()) - 1
        truth = moments.truths[place][:WINDOW]
        target = np.full(PLACES + WINDOW - 1, -1)
        target[last : last + len(truth)] = truth
        return history, target

    def draw(self, number: int) -> dict[str, Any]:
        row = self.dataset.inputs["history"][number]
        titles = [self.log.titles[int(item) - 1] for item in row[row > 0][-5:]]
        return {"last events": {"kind": "text", "data": ", then ".join(titles)}}

    def recipe(self) -> Recipe:
        return RECIPE

    def word(self, group: str, number: int) -> str | None:
        item = number if group == ANSWER else number - 1
        return self.log.titles[item] if 0 <= item < len(self.log.titles) else None

    def build(self, plan: Plan) -> nn.Module:
        log = self.log
        counts = np.bincount(log.item[log.part == 0], minlength=len(log.items))
        size = next(iter(plan.sizes.values()))
        return NextItem(
            size,
            torch.from_numpy(log.of_items.values),
            torch.from_numpy(np.log(counts + 1.0)).float(),
            torch.from_numpy(self._start())[:, : size.width],
        )

    def _start(self) -> np.ndarray:
        if not hasattr(self, "_vectors"):
            self._vectors = start_vectors(self.log, START_WIDTH)
        return self._vectors

    def score(self, output: Tensor) -> float:
        found = []
        for place, best in zip(self.looked.tolist(), output.cpu().numpy(), strict=True):
            new = best[~np.isin(best, self.valid.histories[place])]
            found.append(quality(new, self.valid.truths[place])[0])
        return float(np.mean(found)) if found else float("nan")

    def finish(self, model: nn.Module, seconds: float) -> Recommender:
        assert isinstance(model, NextItem)
        depth, width = len(model.blocks), model.items.weight.shape[1]
        self.recommender = Recommender(
            asks="next",
            model=model.cpu(),
            size=Size(width, depth, model.dropout.p),
            memory=self.memory,
            most=PLACES,
        )
        return self.recommender

    def compete(self, seconds: float, watcher: Watcher) -> None:
        watcher.tell("fitting popularity, item neighbors, EASE and iALS")
        began = time.perf_counter()
        choose_lists(self.log, self.recommender, self.valid, seconds / 2)
        self.seconds = time.perf_counter() - began

    def exam(self, answerer: Recommender, seconds: float) -> Exam:
        log, moments = self.log, self.test
        made, costs = findings.all_lists(answerer, moments)
        found = {name: qualities(moments, lists) for name, lists in made.items()}
        weights = sum(one.numel() for one in answerer.network().parameters())
        held = answerer.figures
        network = Judged(
            "network", mean_of(found["network"][:, 0]),
            held["validation NDCG@10 of the network's lists"], 0.0, costs["network"], 4 * weights,
        )  # fmt: skip
        classical = [
            Judged(
                method.name, mean_of(found[method.name][:, 0]),
                held[f"validation NDCG@10 of {method.name}"], self.seconds / len(answerer.listers),
                costs[method.name], method.bytes, method.why,
            )
            for method in answerer.listers
        ]  # fmt: skip
        listed = findings.list_finding(log, answerer, moments, made)
        return Exam(
            units=len(moments),
            unit="moments",
            network=network,
            classical=classical,
            constant="popularity",
            groups=moments.user,
            figures={k: v for k, v in listed.figures.items() if isinstance(v, float)},
            findings=[
                listed,
                reasons.because_finding(answerer, moments, seconds),
                findings.items_finding(log, answerer),
            ],
            shown=self._shown(answerer, made["network"], found["network"][:, 0]),
        )

    def _shown(
        self, answerer: Recommender, lists: list[np.ndarray], ndcg: np.ndarray
    ) -> list[dict[str, Any]]:
        """Moments whose lists were best and worst."""
        log, moments = self.log, self.test
        order = np.argsort(-ndcg, kind="stable")
        chosen = [(place, "right") for place in order[:6].tolist()]
        chosen += [(place, "wrong") for place in order[::-1][:6].tolist()]
        base = len(self.dataset) - len(moments)
        return [
            {
                "row": base + place,
                "place": f"user {log.users[moments.user[place]]}",
                "split": "test",
                "group": group,
                "target": ", ".join(log.titles[item] for item in moments.truths[place][:5]),
                "answer": ", ".join(log.titles[item] for item in lists[place][:5]),
                "probability": None,
                "drawings": self.draw(base + place),
            }
            for place, group in chosen
        ]
