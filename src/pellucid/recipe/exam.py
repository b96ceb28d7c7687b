"""The exam: the sealed test rows, looked at once, by the network and the classical methods."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pellucid.baselines import FittedBaseline, fit_baselines
from pellucid.config import Settings
from pellucid.data.columns import Loaded
from pellucid.evidence.intervals import interval
from pellucid.evidence.trust.calibrate import Calibration, calibrate
from pellucid.evidence.trust.conformal import Promise
from pellucid.evidence.trust.slices import slices
from pellucid.evidence.worth.verdict import Contender, Standing, Verdict, verdict
from pellucid.export.bundle import Bundle
from pellucid.learning.evaluate import confusion, higher_is_better, metrics, score
from pellucid.recipe.prepare import Prepared
from pellucid.recipe.record import spread
from pellucid.recipe.teach import Taught
from pellucid.recipe.trust import promise_of
from pellucid.recipe.watcher import Watcher

SHOWN = 12
"""Examples of each sort that a report shows."""
TIMED_ROWS = 256


@dataclass
class Rival:
    """A classical method with its calibration and its answers where the network was held out."""

    fitted: FittedBaseline
    calibration: Calibration
    held_values: np.ndarray
    held_score: float
    promise: Promise | None = None


@dataclass
class Exam:
    """What the test rows said; computed once.

    rows: the test rows. values: the network's calibrated answers there; `of` others by name.
    """

    rows: np.ndarray
    truth: np.ndarray
    values: np.ndarray
    others: dict[str, np.ndarray]
    verdict: Verdict
    figures: dict[str, float]


def compete(
    prepared: Prepared, taught: Taught, settings: Settings, seconds: float, watcher: Watcher
) -> list[Rival]:
    """Fit the classical methods on the network's rows; best on the held rows first.

    Settings are chosen on rows that were not learned from; then a method learns from these too, as
    it has no weights of an earlier step to choose among. Its answers on held rows are from before.
    """
    watcher.stage("comparing with classical methods")
    task = prepared.task
    folds = prepared.folds()
    learn = np.unique(np.concatenate([np.concatenate(pair) for pair in folds]))
    fitted = fit_baselines(
        prepared.inputs,
        prepared.loaded,
        task.truth(prepared.target),
        task.kind,
        len(getattr(task, "classes", [])) or task.outputs,
        learn,
        np.empty(0, np.int64),
        seconds,
        settings.seed,
        watcher.progress,
        folds,
    )
    truth = task.truth(prepared.target[torch.from_numpy(taught.held)])
    rivals = []
    for one in fitted:
        if one.out_of_fold is not None:
            held = one.out_of_fold[taught.held]
        else:
            held = one.predict(_take(prepared.loaded, taught.held))
        calibration = calibrate(task.kind, truth, held)
        promise = promise_of(prepared, taught, held, turns=False)
        held_score = score(task.kind, task.metric, truth, held)
        rivals.append(Rival(one, calibration, held, held_score, promise))
    sign = -1 if higher_is_better(task.metric) else 1
    return sorted(rivals, key=lambda rival: sign * rival.held_score)


def examine(
    prepared: Prepared, taught: Taught, bundle: Bundle, rivals: list[Rival], settings: Settings
) -> Exam:
    """Ask everybody the test rows, and compare."""
    task, rows = prepared.task, prepared.part("test")
    truth = task.truth(prepared.target[torch.from_numpy(rows)])
    loaded = _take(prepared.loaded, rows)
    values, milliseconds = _timed(lambda part: bundle.values(part, "network"), loaded, len(rows))
    held_truth = task.truth(prepared.target[torch.from_numpy(taught.held)])
    network = Contender(
        name="network",
        prediction=values,
        valid_score=score(task.kind, task.metric, held_truth, taught.held_values)
        if len(taught.held)
        else float("nan"),
        seconds=taught.seconds,
        ms_per_row=milliseconds,
        bytes=bundle.bytes,
    )
    others, contenders = {}, []
    for rival in rivals:
        answers = rival.calibration.apply(task.kind, rival.fitted.predict(loaded))
        others[rival.fitted.name] = answers
        contenders.append(
            Contender(
                rival.fitted.name,
                answers,
                rival.held_score,
                rival.fitted.seconds,
                rival.fitted.ms_per_row,
                rival.fitted.bytes,
            )
        )
    groups = prepared.groups(rows)
    judged = verdict(task.kind, task.metric, truth, network, contenders, settings.seed, groups)
    return Exam(rows, truth, values, others, judged, metrics(task.kind, truth, values))


def summary(prepared: Prepared, exam: Exam, kept: np.ndarray, kept_name: str) -> dict[str, Any]:
    """Figures of the exam as `results/summary.json`: of the one that is kept, unless they say
    otherwise."""
    task = prepared.task
    figures = metrics(task.kind, exam.truth, kept)
    standing = {item.name: item for item in (exam.verdict.network, *exam.verdict.baselines)}
    if kept_name in standing:
        mine: tuple[float, float, float] = _figure(standing[kept_name])
    else:  # both together are no contender: the verdict compares the one with the other
        groups = prepared.groups(exam.rows)
        ends = interval(task.kind, task.metric, exam.truth, kept, 0, groups)
        mine = (score(task.kind, task.metric, exam.truth, kept), *ends)
    found = {
        "metric": task.metric,
        "kept": kept_name,
        "score": mine[0],
        "low": mine[1],
        "high": mine[2],
        "figures": figures,
        "network_figures": exam.figures,
        "rows": len(exam.rows),
    }
    found["slices"] = slices(
        task.kind,
        exam.truth,
        kept,
        prepared.inputs,
        _take(prepared.loaded, exam.rows),
        getattr(task, "classes", []),
    ).as_json()
    if task.kind in ("classify", "grades"):
        found["classes"] = getattr(task, "classes", [])
        found["confusion"] = confusion(task.kind, exam.truth, kept).tolist()
    return found


def _figure(standing: Standing) -> tuple[float, float, float]:
    return standing.score, standing.low, standing.high


def worth_showing(prepared: Prepared, exam: Exam, kept: np.ndarray) -> list[dict[str, Any]]:
    """Test rows that teach most: surely wrong, unsure, and right ones, with their drawings.

    Args:
        kept: Answers of the one that is kept; the network's stand beside if they are others.
    """
    from pellucid.recipe.drawings import draw_row

    chosen = _sorted_by_interest(prepared.task.kind, exam.truth, kept)
    answers = prepared.task.answers(kept)
    if kept is not exam.values:
        network = prepared.task.answers(exam.values)
        answers = [{**mine, "network": its} for mine, its in zip(answers, network, strict=True)]
    targets = _said_targets(prepared, exam)
    shown = []
    for group, places in chosen.items():
        for place in places:
            row = int(exam.rows[place])
            shown.append(
                {
                    "row": row,
                    "place": str(prepared.table.places[row]),
                    "split": "test",
                    "group": group,
                    "target": targets[place],
                    **answers[place],
                    "drawings": draw_row(prepared, row),
                }
            )
    return shown


def _sorted_by_interest(kind: str, truth: np.ndarray, values: np.ndarray) -> dict[str, list[int]]:
    if kind == "regress":
        error = np.abs(values - truth).max(1)
        order = np.argsort(-error, kind="stable")
        return {"wrong": order[:SHOWN].tolist(), "right": order[::-1][:SHOWN].tolist()}
    if kind == "tags":
        wrong = ((values >= 0.5) != (truth > 0.5)).any(1)
        sure = np.abs(values - 0.5).min(1)
    else:
        wrong = values.argmax(1) != truth
        sure = values.max(1)
    order = np.argsort(-sure, kind="stable")
    unsure = [int(i) for i in order[::-1]][:SHOWN]
    return {
        "wrong": [int(i) for i in order if wrong[i]][:SHOWN],
        "unsure": unsure,
        "right": _each_class_in_turn([int(i) for i in order if not wrong[i]], truth, unsure),
    }


def _each_class_in_turn(places: list[int], truth: np.ndarray, taken: list[int]) -> list[int]:
    """The first places of every class before the second of any; `taken` ones are left out."""
    left = [place for place in places if place not in taken]
    if truth.ndim > 1:
        return left[:SHOWN]
    return [left[index] for index in spread(truth[left], SHOWN)]


def _said_targets(prepared: Prepared, exam: Exam) -> list[Any]:
    task = prepared.task
    if task.kind in ("classify", "grades"):
        classes = getattr(task, "classes", [])
        return [classes[int(index)] for index in exam.truth]
    if task.kind == "tags":
        tags = getattr(task, "tags", [])
        return [[tag for tag, on in zip(tags, row, strict=True) if on] for row in exam.truth]
    if task.outputs == 1:
        return [float(row[0]) for row in exam.truth]
    return [dict(zip(task.names, map(float, row), strict=True)) for row in exam.truth]


def _take(loaded: dict[str, Loaded], rows: np.ndarray) -> dict[str, Loaded]:
    return {name: values.take(rows) for name, values in loaded.items()}


def _timed(answer: Any, loaded: dict[str, Loaded], count: int) -> tuple[np.ndarray, float]:
    """All answers, and milliseconds a row measured on a batch (the first call is warm-up)."""
    values: np.ndarray = answer(loaded)
    some = _take(loaded, np.arange(min(TIMED_ROWS, count)))
    started = time.perf_counter()
    answer(some)
    return values, 1000 * (time.perf_counter() - started) / min(TIMED_ROWS, count)
