"""How high will it be rated? Factors of users' histories and items, on ratings of the future."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.baselines.ratings import ItemNeighbors, LeastSquares, Means, RatingMethod
from pellucid.config import Plan, Size
from pellucid.data.columns import Entry
from pellucid.data.dataset import Dataset
from pellucid.evidence.trust.conformal import promise
from pellucid.learning.evaluate import score, scorer
from pellucid.learning.learner import predict
from pellucid.learning.recipes import Recipe
from pellucid.network.factors import Factors
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.recommend import Rating
from pellucid.uses.recommend import findings, reasons
from pellucid.uses.recommend.answerer import Recommender
from pellucid.uses.recommend.lists import choose_lists, moments_of
from pellucid.uses.recommend.log import Log
from pellucid.uses.recommend.question import Question, column_facts, memory_of
from pellucid.uses.use import Exam, Examples, Judged

MOST = 64
"""Past ratings that a user's taste is made of, the latest."""
RECIPE = Recipe(
    family="factors",
    sizes=(Size(16, 1, 0.2), Size(32, 1, 0.2)),
    epochs=(4, 12),
    batch=1024,
    rate=5e-3,
    weight_decay=1.0,
    average=0.2,
    # MovieLens 100k, one of five random folds: RMSE .892 after 12 passes with decay 1, .896 after
    # 5; a vector for each user besides: .889; a network behind the factors memorizes: .904, then
    # .94.
    why="factors of what a user rated before and of the item, and what is known of both",
)


class RatingQuestion(Question):
    """Examples are ratings; each is answered from what its user had rated before."""

    metric = "RMSE"

    def __init__(self, log: Log) -> None:
        assert log.rating is not None
        self.log, self.objective = log, Rating()
        learn = log.events(0)
        self.center = float(log.rating[learn].mean())
        self.spread = float(log.rating[learn].std()) or 1.0
        # Parts at random: only training ratings are known, before and after. Else: all before.
        self.known = np.arange(len(log)) if log.dated else learn
        if log.dated:
            self.start, self.end = log.starts[log.user], log.before
        else:
            ends = np.searchsorted(log.user[learn], np.arange(len(log.users) + 1))
            self.start, self.end = ends[log.user], ends[log.user + 1]
        self.fitted: list[tuple[RatingMethod, float, float]] = []
        user, item, rating = log.user[learn], log.item[learn], log.rating[learn]
        # What both the network starts from and competes with.
        self.means = Means.fit(item, rating, len(log.items))
        began = time.perf_counter()
        self.neighbors = ItemNeighbors.fit(self.means, user, item, rating, len(log.users))
        self.seconds = time.perf_counter() - began
        self.vectors: np.ndarray | None = None

    def examples(self) -> Examples:
        log = self.log
        assert log.rating is not None
        pair = np.stack([log.item, log.user, self.start, self.end], 1)
        target = (log.rating - self.center) / self.spread
        entry = Entry("lookup", (), len(log.items), "pair")
        self.dataset = Dataset(
            {"pair": entry}, {"pair": torch.from_numpy(pair)}, torch.from_numpy(target).float()
        )
        ratings = np.unique(log.rating)
        return Examples(
            name=log.table.name,
            fingerprint=log.table.fingerprint,
            target=f"{log.roles.rating} of an item by a user",
            dataset=self.dataset,
            modalities={"pair": "category"},
            places=[log.table.places[row] for row in log.row],
            train=log.events(0),
            valid=log.events(1),
            test=log.events(2),
            ledger=log.ledger,
            draw=self.draw,
            columns=column_facts(log),
            notes=[
                *log.notes,
                f"{len(log):,} ratings from {ratings[0]:g} to {ratings[-1]:g} of "
                f"{len(log.items):,} items by {len(log.users):,} users",
            ],
        )

    def draw(self, number: int) -> dict[str, Any]:
        log = self.log
        return {
            "user": {"kind": "word", "data": log.users[log.user[number]]},
            "item": {"kind": "word", "data": log.titles[log.item[number]]},
        }

    def recipe(self) -> Recipe:
        return RECIPE

    def build(self, plan: Plan) -> nn.Module:
        log = self.log
        assert log.rating is not None
        size = next(iter(plan.sizes.values()))
        seen = np.bincount(log.item[log.part == 0], minlength=len(log.items)) > 0
        rated = (log.rating[self.known] - self.center) / self.spread
        return Factors(
            size,
            torch.from_numpy(log.of_items.values),
            torch.from_numpy(log.of_users.values),
            torch.from_numpy(log.item[self.known]),
            torch.from_numpy(rated).float(),
            torch.from_numpy(seen),
            MOST,
            torch.from_numpy(self.means.item_bias / self.spread).float(),
            torch.from_numpy(self._start()),
        )

    def _start(self) -> np.ndarray:
        if self.vectors is None:
            self.vectors = self.neighbors.vectors(RECIPE.sizes[-1].width)
        return self.vectors

    def score(self, output: Tensor) -> float:
        return self._rmse(self.log.events(1), self._said(output))

    def _said(self, output: Tensor) -> np.ndarray:
        """Outputs as ratings that exist."""
        assert self.log.rating is not None
        learn = self.log.rating[self.log.part == 0]
        values = self.center + self.spread * output.double().cpu().numpy()
        return np.clip(values, learn.min(), learn.max())

    def _rmse(self, rows: np.ndarray, answers: np.ndarray) -> float:
        assert self.log.rating is not None
        return score("regress", "RMSE", self.log.rating[rows], answers)

    def finish(self, model: nn.Module, seconds: float) -> Recommender:
        log = self.log
        assert log.rating is not None
        assert isinstance(model, Factors)
        learn, valid = log.rating[log.part == 0], log.events(1)
        self.model = model
        held = self._network(valid)
        self.valid_score = self._rmse(valid, held)
        self.recommender = Recommender(
            asks="rating",
            model=model.cpu(),
            size=Size(model.item_factors.weight.shape[1], 1, model.dropout.p),
            memory=memory_of(log),
            most=MOST,
            center=self.center,
            spread=self.spread,
            lowest=float(learn.min()),
            highest=float(learn.max()),
            promise=promise("regress", held, log.rating[valid]),
        )
        return self.recommender

    def _network(self, rows: np.ndarray) -> np.ndarray:
        """The network's ratings `(rows,)`."""
        return self._said(predict(self.model, self.dataset, torch.from_numpy(rows), size=4096))

    # --- classical methods --------------------------------------------------------------------

    def compete(self, seconds: float, watcher: Watcher) -> None:
        log = self.log
        assert log.rating is not None
        learn, valid = log.events(0), log.events(1)
        user, item, rating = log.user[learn], log.item[learn], log.rating[learn]
        self._enter(self.means, 0.0, valid)
        self._enter(self.neighbors, self.seconds, valid)
        watcher.tell("fitting a matrix factorization by alternating least squares")
        began = time.perf_counter()
        squares = LeastSquares.fit(self.means, user, item, rating, len(log.users), seconds / 4)
        self._enter(squares, time.perf_counter() - began, valid)
        one = self.recommender
        one.means = self.means
        one.rater = min(self.fitted, key=lambda fitted: fitted[1])[0]
        one.rater_promise = promise("regress", self._classical(one.rater, valid), log.rating[valid])
        choose_lists(log, one, moments_of(log, 1), seconds / 4)

    def _enter(self, method: RatingMethod, seconds: float, valid: np.ndarray) -> None:
        self.fitted.append((method, self._rmse(valid, self._classical(method, valid)), seconds))

    def _classical(self, method: RatingMethod, rows: np.ndarray) -> np.ndarray:
        """A classical method's ratings `(rows,)`, from the same histories."""
        log = self.log
        assert log.rating is not None
        found = np.empty(len(rows))
        for part in np.array_split(np.arange(len(rows)), len(rows) // 4096 + 1):
            some = rows[part]
            place = self.end[some][:, None] - 1 - np.arange(MOST)
            there = place >= self.start[some][:, None]
            place = self.known[np.clip(place, 0, len(self.known) - 1)]
            history = log.item[place]
            there &= history != log.item[some][:, None]
            found[part] = method.rate(log.item[some], history, log.rating[place], there)
        learn = log.rating[log.part == 0]
        return np.clip(found, learn.min(), learn.max())

    # --- exam ---------------------------------------------------------------------------------

    def exam(self, answerer: Recommender, seconds: float) -> Exam:
        log = self.log
        assert log.rating is not None
        test = log.events(2)
        truth = log.rating[test]
        began = time.perf_counter()
        mine = self._network(test)
        cost = 1000 * (time.perf_counter() - began) / len(test)
        weights = sum(one.numel() for one in self.model.parameters())
        network = Judged(
            "network", scorer("regress", "RMSE", truth, mine), self.valid_score, 0.0, cost,
            4 * weights,
        )  # fmt: skip
        classical, said = [], {"network": mine}
        for method, valid_score, spent in self.fitted:
            began = time.perf_counter()
            answers = self._classical(method, test)
            cost = 1000 * (time.perf_counter() - began) / len(test)
            measure = scorer("regress", "RMSE", truth, answers)
            classical.append(
                Judged(method.name, measure, valid_score, spent, cost, method.bytes, method.why)
            )
            said[method.name] = answers
        low, high = answerer.bounds(mine, answerer.promise)
        moments = moments_of(log, 2)
        rated = findings.rating_finding(log, test, said, low, high)
        listed = findings.list_finding(log, answerer, moments)
        found = [
            rated,
            listed,
            reasons.because_finding(answerer, moments, seconds),
            findings.items_finding(log, answerer),
        ]
        figures = {
            key: value
            for one in (rated, listed)
            for key, value in one.figures.items()
            if isinstance(value, float)
        }
        return Exam(
            units=len(test),
            unit="ratings",
            network=network,
            classical=classical,
            constant=classical[0].name,
            groups=log.user[test],
            figures=figures,
            findings=found,
            shown=self._shown(test, mine),
        )

    def _shown(self, test: np.ndarray, answers: np.ndarray) -> list[dict[str, Any]]:
        """The ratings that were missed by most, and some that were hit."""
        log = self.log
        assert log.rating is not None
        off = np.abs(log.rating[test] - answers)
        order = np.argsort(-off, kind="stable")
        chosen = [(place, "wrong") for place in order[:8]]
        chosen += [(place, "right") for place in order[::-1][:8]]
        return [
            {
                "row": int(log.row[test[place]]),
                "place": str(log.table.places[log.row[test[place]]]),
                "split": "test",
                "group": group,
                "target": f"{log.rating[test[place]]:g}",
                "answer": f"{answers[place]:.2f}",
                "probability": None,
                "drawings": self.draw(int(test[place])),
            }
            for place, group in chosen
        ]
