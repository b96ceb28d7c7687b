"""Boosted trees (LightGBM): the method to beat on tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from pellucid.baselines.baseline import (
    FittedBaseline,
    Problem,
    State,
    baseline,
    judged,
    worth_sharing,
)
from pellucid.baselines.features import FOR_TREES, TableFeatures, left_out
from pellucid.data.columns import Loaded
from pellucid.learning.evaluate import Kind

MOST_ROUNDS = 1_000
PATIENCE = 50
RATE = 0.05
SECONDS_PER_VALUE, SECONDS_PER_SPLIT = 1.5e-8, 6e-8
"""One feature of one row in one tree, measured at 0.8e-8 on two quiet cores; and what looking for
splits adds for each of the first `FEW` rows, since more bring hardly more leaves and bins."""
FEWEST_ROUNDS, FEW = 100, 1_000
"""Rows beyond `FEW` may be left out to save time, and rounds beyond `FEWEST_ROUNDS`."""
TRIED, MOST_TRIED, LEAST_TRIED = 400, 0.8, 0.2
"""Features that a tree may look at, and which part of all that is at most and at least. Of 4,000
made-up genes a fifth is 2.5 times as fast as four fifths, and as good (docs/log.md)."""


@baseline
@dataclass
class Trees(FittedBaseline):
    """One booster for classes or grades, one for each tag or number.

    A tag that never or always occurs in training has no booster, only its frequency.
    """

    method: ClassVar[str] = "trees"
    kind: Kind = "classify"
    features: TableFeatures = field(default_factory=lambda: TableFeatures([]))
    models: list[str] = field(default_factory=list, repr=False)
    """LightGBM's own text format; '' where there is only a constant."""
    constants: list[float] = field(default_factory=list)
    _boosters: list[Any] | None = field(default=None, repr=False)

    @classmethod
    def suits(cls, problem: Problem) -> bool:
        seen = problem.modalities & set(FOR_TREES)
        return bool(seen) and seen not in ({"text"}, {"image"}, {"series"})

    @classmethod
    def fit(cls, problem: Problem) -> Trees:
        rounds, rows = affordable(problem)
        smaller = problem.at_most(rows)
        parts = [(judge, *boost(smaller, learn, judge, rounds)) for learn, judge in smaller.folds]
        chosen = max(1, round(float(np.mean([best for _, _, best in parts]))))
        found = np.full((problem.rows, problem.outputs), np.nan)
        for judge, fitted, _ in parts:
            found[judge] = fitted.answer(problem.look(judge), chosen)
        final, _ = boost(smaller, smaller.train, None, chosen)
        final.name = "boosted trees"
        final.why = explain(problem, smaller, chosen)
        final.out_of_fold = found
        final.models = [
            "" if booster is None else booster.model_to_string() for booster in final.boosters()
        ]
        return final

    def boosters(self) -> list[Any]:
        """LightGBM's boosters, read from their texts on first use."""
        if self._boosters is None:
            from lightgbm import Booster

            self._boosters = [Booster(model_str=text) if text else None for text in self.models]
        return self._boosters

    def predict_rows(self, loaded: dict[str, Loaded]) -> np.ndarray:
        return self.answer(loaded, None)

    def answer(self, loaded: dict[str, Loaded], rounds: int | None) -> np.ndarray:
        """The predictions of the first so many trees; None: all."""
        matrix, _ = self.features.blocks(loaded)
        options = {"num_iteration": rounds, "num_threads": threads(matrix)}
        columns = [
            np.full(len(matrix), constant)
            if booster is None
            else np.asarray(booster.predict(matrix, **options))
            for booster, constant in zip(self.boosters(), self.constants)
        ]
        if self.kind in ("tags", "regress"):
            return np.stack(columns, 1)
        if self.boosters()[0] is None:  # a single class was seen
            return np.eye(self.outputs)[columns[0].astype(np.int64)]
        if self.outputs == 2:
            return np.stack([1 - columns[0], columns[0]], 1)
        return columns[0]

    def own_state(self) -> State:
        state = self.features.state()
        json = {"kind": self.kind, "features": state.json}
        texts = {f"model.{number}": text for number, text in enumerate(self.models)}
        constants = np.array(self.constants)
        return State(json, state.arrays | {"constants": constants}, state.texts | texts)

    @classmethod
    def own_restore(cls, state: State) -> Trees:
        constants = state.arrays["constants"].tolist()
        return cls(
            kind=state.json["kind"],
            features=TableFeatures.restore(
                State(state.json["features"], state.arrays, state.texts)
            ),
            models=[state.texts[f"model.{number}"] for number in range(len(constants))],
            constants=constants,
        )


def explain(problem: Problem, smaller: Problem, rounds: int) -> str:
    """Why it looks as it does: how many trees, where that was chosen, what was left out."""
    rows = len(np.unique(judged(problem.folds)))
    text = f"{rounds} rounds of trees were best on {rows:,} held-out rows"
    if len(smaller.train) < len(problem.train):
        text += f"; learned from {len(smaller.train):,} of {len(problem.train):,} rows to save time"
    return text + left_out(problem.columns, FOR_TREES)


def affordable(problem: Problem) -> tuple[int, float]:
    """How many rounds at most, and of how many rows, to stay near `problem.seconds`."""
    sample = problem.look(problem.train[:200])
    width = TableFeatures.fit(problem.columns, sample, FOR_TREES).blocks(sample)[0].shape[1]
    trees = 1 if problem.kind == "classify" and problem.outputs == 2 else problem.outputs
    tried = (len(problem.folds) + 1) * width * tried_of(width) * trees
    rows = len(problem.train)
    rounds = problem.seconds / (tried * seconds_of(rows))
    if rounds >= FEWEST_ROUNDS:
        return int(min(rounds, MOST_ROUNDS)), rows
    # So many rows leave time for the fewest rounds.
    fitting = (problem.seconds / (tried * FEWEST_ROUNDS) - SECONDS_PER_SPLIT * FEW) / (
        SECONDS_PER_VALUE
    )
    return FEWEST_ROUNDS, min(rows, max(FEW, fitting))


def seconds_of(rows: int) -> float:
    """About how long one feature of so many rows takes in one tree."""
    return SECONDS_PER_VALUE * rows + SECONDS_PER_SPLIT * min(rows, FEW)


def tried_of(width: int) -> float:
    """The part of the features that each tree may look at.

    >>> tried_of(20), tried_of(1_000), tried_of(4_000)
    (0.8, 0.4, 0.2)
    """
    return min(MOST_TRIED, max(LEAST_TRIED, TRIED / width)) if width else MOST_TRIED


def boost(
    problem: Problem, rows: np.ndarray, judge: np.ndarray | None, rounds: int
) -> tuple[Trees, int]:
    """Boosters and the best number of rounds: where the loss on `judge` was smallest."""
    features = TableFeatures.fit(problem.columns, problem.look(rows), FOR_TREES)
    categorical = features.categorical()
    matrix, _ = features.blocks(problem.look(rows))
    held_out = None if judge is None else features.blocks(problem.look(judge))[0]
    boosters: list[Any] = []
    constants, best = [], []
    for target, judged_by in questions(problem, rows, judge):
        constants.append(float(target.mean()))
        if len(np.unique(target)) == 1:
            boosters.append(None)
            continue
        data = (matrix, target, held_out, judged_by)
        booster = boost_one(problem, *data, categorical, rounds)
        boosters.append(booster)
        best.append(booster.best_iteration if judge is not None else rounds)
    fitted = Trees(
        kind=problem.kind,
        outputs=problem.outputs,
        features=features,
        constants=constants,
        _boosters=boosters,
    )
    return fitted, max(best, default=1)


def questions(
    problem: Problem, rows: np.ndarray, judge: np.ndarray | None
) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """The targets, one booster each: `(rows,)` to learn from and to judge by."""
    target = problem.target[:, None] if problem.target.ndim == 1 else problem.target
    return [
        (target[rows, one], None if judge is None else target[judge, one])
        for one in range(target.shape[1])
    ]


def boost_one(
    problem: Problem,
    matrix: np.ndarray,
    target: np.ndarray,
    held_out: np.ndarray | None,
    judged_by: np.ndarray | None,
    categorical: list[int],
    rounds: int,
) -> Any:
    """One LightGBM booster."""
    import lightgbm

    data = lightgbm.Dataset(matrix, target, categorical_feature=categorical, free_raw_data=True)
    options = parameters(problem, matrix)
    if held_out is None:
        return lightgbm.train(options, data, rounds)
    judge = lightgbm.Dataset(held_out, judged_by, reference=data)
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    return lightgbm.train(options, data, rounds, valid_sets=[judge], callbacks=[stop])


def parameters(problem: Problem, matrix: np.ndarray) -> dict[str, Any]:
    """Settings that do well untuned; only the number of rounds is chosen."""
    rows = len(matrix)
    options: dict[str, Any] = {
        "objective": "regression" if problem.kind == "regress" else "binary",
        "learning_rate": RATE,
        "num_leaves": 31,
        # The usual 20 would leave trees on 60 rows with hardly a split.
        "min_data_in_leaf": int(np.clip(rows // 50, 3, 20)),
        "feature_fraction": tried_of(matrix.shape[1]),
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "min_data_per_group": int(np.clip(rows // 50, 3, 100)),
        "lambda_l2": 1.0,
        "seed": problem.seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads(matrix),
        "verbosity": -1,
    }
    if problem.kind in ("classify", "grades") and problem.outputs > 2:
        options |= {"objective": "multiclass", "num_class": problem.outputs}
    return options


def threads(matrix: np.ndarray) -> int:
    """For LightGBM: one thread for small matrices, else all (0)."""
    return 0 if worth_sharing(matrix.size) else 1
