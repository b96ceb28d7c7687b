"""Pretrained starts: does a network that others trained on far more examples help here?

Frozen features of pictures and texts take time to compute and need not help, so validation rows
decide, first on some of the rows, then on all: a network from scratch and one on the features each
learn for the same short time, and the features are kept only if they are clearly better. Where
folds take turns, each holds only a few rows: up to three of them are asked.
"""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pellucid.config import Plan, Settings
from pellucid.data.cache import content_key, remember_array
from pellucid.data.columns import Column, Progress, silent
from pellucid.data.dataset import entry_of
from pellucid.learning.learner import Learner
from pellucid.learning.loop import train
from pellucid.learning.planner import RowIngredients, build, make_plan
from pellucid.network.pretrained.frozen import (
    PRECISIONS,
    Frozen,
    from_title,
    installed,
    with_features,
)
from pellucid.recipe.pace import Pace
from pellucid.recipe.prepare import Prepared, ingredients
from pellucid.recipe.watcher import Watcher

FEATURES_SHARE = 0.6
"""Part of the time that computing the features of all rows may take; a head learns in seconds."""
SOME_SHARE = 0.06
"""Part of the time for the features of the first trial."""
TRIAL_SHARE = 0.06
"""Part of the time for which each of the two networks of a trial learns."""
ENOUGH_HELD, MOST_FOLDS, FOLD_SHARE = 60, 3, 0.03
"""Held rows that a choice should rest on; folds that are asked for it at most, and the part of the
time for which each of the two networks learns there."""
OVERTIME = 2.0
"""So many times as long a trial may take on a machine that is busy meanwhile."""
CHUNK = 256
"""Rows whose features are computed and cached together."""
MEASURED_ROWS = 12
HOPELESS = 4.0
"""So many times too slow at the least size, other floats need not be tried: they are at most so
many times as fast."""


class Starts:
    """Frozen networks in front of columns, and the features computed with them so far.

    Rows are always computed in the same chunks of the same order, and so to the same bits,
    however many are asked for at a time.

    Args:
        frozen: Group -> network.
        columns: The input columns, fitted.
    """

    def __init__(
        self, prepared: Prepared, columns: list[Column], frozen: dict[str, Frozen]
    ) -> None:
        self.prepared, self.frozen = prepared, frozen
        self.columns = {entry_of(c).group: c.name for c in columns}
        rows = np.setdiff1d(prepared.rows, prepared.part("test"))
        self.order = np.random.default_rng(0).permutation(rows)
        self.count = 0
        self.features = {
            group: np.zeros((len(prepared.table), one.width), dtype=np.float32)
            for group, one in frozen.items()
        }

    @property
    def by_column(self) -> dict[str, Frozen]:
        """Column -> the frozen network in front of it, for the bundle."""
        return {self.columns[group]: one for group, one in self.frozen.items()}

    def instead(
        self,
        data: RowIngredients,
        learn: np.ndarray,
        check: np.ndarray,
        progress: Progress = silent,
    ) -> RowIngredients:
        """The same rows with features instead of the values that they are made of."""
        if not self.frozen:
            return data
        self.compute(len(self.order), progress)
        return self._with_what_is_there(data, learn, check)

    def some(
        self, data: RowIngredients, learn: np.ndarray, check: np.ndarray, count: int
    ) -> tuple[RowIngredients, RowIngredients]:
        """One network's ingredients, plain and with features, with `count` rows or a few more."""
        self.compute(count)
        there = self.order[: self.count]
        rows = torch.from_numpy(np.flatnonzero(np.isin(learn, there)))
        valid = torch.from_numpy(len(learn) + np.flatnonzero(np.isin(check, there)))
        plain = replace(data, rows=rows, valid=valid, folds=1)
        return plain, self._with_what_is_there(plain, learn, check)

    def compute(self, count: int, progress: Progress = silent) -> None:
        """Have the features of the first `count` rows of the order, or a few more."""
        while self.count < min(count, len(self.order)):
            rows = self.order[self.count : self.count + CHUNK]
            for group, one in self.frozen.items():
                values = self.prepared.loaded[self.columns[group]].values[rows]
                self.features[group][rows] = _remembered(one, values)
            self.count += len(rows)
            progress(self.count, len(self.order))

    def _with_what_is_there(
        self, data: RowIngredients, learn: np.ndarray, check: np.ndarray
    ) -> RowIngredients:
        used = np.concatenate([learn, check])
        features = {group: values[used] for group, values in self.features.items()}
        titles = {group: one.title for group, one in self.frozen.items()}
        return replace(data, dataset=with_features(data.dataset, features), pretrained=titles)


def planned_starts(prepared: Prepared, columns: list[Column], plan: Plan) -> Starts:
    """The starts that an existing plan names."""
    frozen = {group: from_title(title) for group, title in plan.pretrained.items()}
    return Starts(prepared, columns, frozen)


def choose_starts(
    prepared: Prepared,
    data: RowIngredients,
    columns: list[Column],
    settings: Settings,
    seconds: float,
    watcher: Watcher,
) -> tuple[Starts, str]:
    """Pretrained starts where validation rows prefer them, and the reason; none otherwise.

    Args:
        data, columns: Of the first network, as `prepare.ingredients` gave them.
        seconds: For planning and learning together.
    """
    none = Starts(prepared, columns, {})
    starts = Starts(prepared, columns, _frozen(data, settings))
    if not starts.frozen:
        return none, ""
    if len(data.valid) < 2:
        return none, "left out: there are no validation rows to choose by"
    least = _least(starts)
    if least * len(prepared.rows) > HOPELESS * FEATURES_SHARE * seconds:
        return none, (
            f"left out: at least {1000 * least:.3g} ms a row for features, far too long for"
            f" {len(prepared.rows):,} rows in this time"
        )
    watcher.tell(f"trying {' and '.join(one.name for one in starts.frozen.values())}")
    per_row = _fit_into(starts, FEATURES_SHARE * seconds)
    said = f"{1000 * per_row:.3g} ms a row for features"
    if per_row * len(prepared.rows) > FEATURES_SHARE * seconds:
        return none, f"left out: {said}, too long for {len(prepared.rows):,} rows in this time"
    turns = _turns(prepared, data)
    for share in (SOME_SHARE, math.inf):
        count = int(min(len(starts.order), max(CHUNK, share * seconds / per_row)))
        pairs = [starts.some(part, *fold, count) for part, fold in turns]
        pairs = [pair for pair in pairs if len(pair[0].valid) > 1 and len(pair[0].rows) > 1]
        if not pairs:
            continue
        each = seconds * (TRIAL_SHARE if len(turns) == 1 else FOLD_SHARE)
        gain, error, losses = _trial(pairs, settings, each)
        better = gain > error
        why = f"{losses} with {len(pairs[0][0].rows):,} rows and a short time each; {said}"
        if not better or starts.count == len(starts.order):
            break
    return (starts, f"kept: {why}") if better else (none, f"left out: {why}")


def _turns(
    prepared: Prepared, data: RowIngredients
) -> list[tuple[RowIngredients, tuple[np.ndarray, np.ndarray]]]:
    """What to learn from and to check by: the first network's, and where that holds few rows the
    same of other networks, each encoded by its own rows."""
    folds = prepared.folds()
    held = max(1, len(folds[0][1]))
    count = min(len(folds), MOST_FOLDS, math.ceil(ENOUGH_HELD / held))
    others = [(ingredients(prepared, *fold)[0], fold) for fold in folds[1:count]]
    return [(data, folds[0]), *others]


def _frozen(data: RowIngredients, settings: Settings) -> dict[str, Frozen]:
    if not settings.pretrained or settings.network != "auto":
        return {}
    found = {group: installed(modality) for group, modality in data.modalities.items()}
    return {group: frozen for group, frozen in found.items() if frozen is not None}


def _least(starts: Starts) -> float:
    """Seconds a row for all networks, each looking as little as it can: a quick first measure."""
    rows = starts.order[:MEASURED_ROWS]
    total = 0.0
    for group, frozen in starts.frozen.items():
        values = starts.prepared.loaded[starts.columns[group]].values[rows]
        total += _seconds(frozen.resized(frozen.sizes[-1], PRECISIONS[0]), values) / len(values)
    return total


def _fit_into(starts: Starts, seconds: float) -> float:
    """Let every network look as closely as the time allows; returns seconds a row for all."""
    rows = starts.order[:MEASURED_ROWS]
    total = 0.0
    for group, frozen in starts.frozen.items():
        values = starts.prepared.loaded[starts.columns[group]].values[rows]
        for size in frozen.sizes:
            ways = {p: _seconds(frozen.resized(size, p), values) for p in PRECISIONS}
            precision = min(ways, key=ways.__getitem__)
            starts.frozen[group] = frozen.resized(size, precision)
            per_row = ways[precision] / len(values)
            if per_row * len(starts.prepared.rows) * len(starts.frozen) <= seconds:
                break
        total += per_row
    return total


def _seconds(frozen: Frozen, values: np.ndarray) -> float:
    frozen.features(values)  # the first time prepares what later calls find ready
    started = time.perf_counter()
    frozen.features(values)
    return time.perf_counter() - started


def _trial(
    pairs: list[tuple[RowIngredients, RowIngredients]], settings: Settings, seconds: float
) -> tuple[float, float, str]:
    """How much lower the validation loss is on features, its standard error, and both in words.

    Args:
        pairs: The same rows, plain and with features, for each network that is asked; fewer are
            asked if the first take longer than all should.
        seconds: For which each network learns, by the plans that are made for the first pair.
    """
    plans = [make_plan(data, settings, seconds, lambda text: None) for data in pairs[0]]
    found: list[tuple[Tensor, Tensor]] = []
    began = time.perf_counter()
    while len(found) < len(pairs):
        one, two = (_losses(*way, OVERTIME * seconds) for way in zip(pairs[len(found)], plans))
        found.append((one, two))
        if time.perf_counter() - began > 2 * seconds * len(pairs):
            break
    scratch, pretrained = (torch.cat(way) for way in zip(*found))
    gain = (scratch - pretrained).double()
    error = float(gain.std()) / math.sqrt(len(gain))
    said = (
        f"validation loss {float(pretrained.mean()):.3g}, from scratch {float(scratch.mean()):.3g}"
        f" on {len(gain):,} unseen rows"
    )
    return float(gain.mean()), error, said


def _losses(data: RowIngredients, plan: Plan, seconds: float) -> Tensor:
    """The loss on each validation row `(valid,)` of a network that learned by this plan."""
    learner = _learned(data, plan, seconds)
    evaluation, _ = learner.choose(data.dataset, data.task, data.valid)
    assert evaluation is not None
    return data.task.loss(evaluation.output, data.dataset.target[data.valid])


def _learned(data: RowIngredients, plan: Plan, seconds: float) -> Learner:
    """A network after these steps, or after fewer where they would take longer than `seconds`."""
    learner, pace = Learner(build(plan, data), plan), Pace(seconds, time.perf_counter)
    for step in train(learner, data.dataset, data.task, data.rows, data.valid):
        cut = pace.shorter(plan, 0, step.number)
        if cut is not None:
            plan = cut
            learner.shorten(plan.steps_at(0, step.number))
    return learner


def _remembered(frozen: Frozen, values: np.ndarray) -> np.ndarray:
    """Features `(rows, width)`, computed or taken from the cache of an earlier run."""
    key = f"features {frozen.title} {frozen.checksum} {content_key(values)}"
    return remember_array(key, lambda: frozen.features(values))
