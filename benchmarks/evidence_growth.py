"""Does 'Would more data help?' foresee rightly? Three quarters of the rows are hidden first.

    python -m benchmarks.evidence_growth              measure all sets and save
    python -m benchmarks.evidence_growth digits       only print what one of them says

On each open set a quarter of the rows is drawn, the learning curve on nested parts of it is
continued to twice and four times these rows (`worth/growth.py`, as the study does), and then
the hidden rows are learned from too: how often does the truth lie in the 80 % band? And is the
forecast nearer to it than to say "no more gain"? With a fast classical method, and with a network
of the planned family in its smallest size.

Two things make the result look surer than it is. How the noise is estimated, and when a band is
too wide to say anything, were settled while looking at some of these sets (cancer, digits), so
this is no test on untouched data. And the quarters of a set share held-out rows and truth, so that
the forecasts are not independent and the interval of their share is too narrow.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from benchmarks.data import Source, fetch
from benchmarks.measured import circumstances, save
from pellucid.baselines import fit_fast
from pellucid.config import Plan, Settings, Size
from pellucid.evidence.intervals import share_interval
from pellucid.evidence.retrain import retrain
from pellucid.evidence.worth.growth import (
    BAND,
    REPEATS,
    Curve,
    Measure,
    look_ahead,
    measure_curve,
    nested,
    sizes_for,
    why_unknown,
)
from pellucid.learning.evaluate import score
from pellucid.learning.planner import make_plan
from pellucid.recipe.prepare import Prepared, ingredients, prepare
from pellucid.recipe.watcher import Watcher

NAME = "evidence-growth"
QUARTERS = 2
"""Quarters drawn from each set."""
TRUTHS = 2
"""Trainings whose mean score counts as the truth."""
STEPS = 100


@dataclass(frozen=True)
class Question:
    """A set of rows and what to predict. rows: at most so many are used. network: whether small
    networks are trained too. instead: predict the last number instead of the target."""

    name: str
    rows: int = 2_000
    network: bool = True
    instead: bool = False


QUESTIONS = (
    Question("cancer"),
    Question("digits", network=False),
    Question("satimage", 2_400),
    Question("satimage", 2_400, instead=True),
    Question("letter", 2_400, instead=True),
    Question("movies", network=False),
    Question("fashion", network=False),
)


@dataclass(frozen=True)
class Answer:
    """One forecast beside the truth; `held` says whether the band holds it."""

    set: str
    method: str
    metric: str
    rows: int
    times: float
    now: float
    low: float
    foreseen: float
    high: float
    truth: float
    held: bool
    unknown: bool


def growth(names: Sequence[str] = ()) -> dict[str, Any]:
    """Hide three quarters of the rows of each set, look ahead, and compare with the truth."""
    answers: list[Answer] = []
    for question in QUESTIONS:
        if names and question.name not in names:
            continue
        started = time.perf_counter()
        found = _ask(question)
        answers += found
        print(f"{question.name:<9} {time.perf_counter() - started:5.1f} s", flush=True)
        for one in found:
            print(f"   {_line(one)}", flush=True)
    return summary(answers)


def summary(answers: list[Answer]) -> dict[str, Any]:
    """How often the truth lies in the band, and how far forecasts are off beside 'no more gain'."""
    said = [one for one in answers if not one.unknown]
    found: dict[str, Any] = {"band": BAND, "answers": [asdict(one) for one in answers]}
    for times in sorted({one.times for one in answers}):
        own = [one for one in said if one.times == times]
        hits = sum(one.held for one in own)
        low, high = share_interval(hits, len(own))
        off = [abs(one.foreseen - one.truth) / _unit(one) for one in own]
        flat = [abs(one.now - one.truth) / _unit(one) for one in own]
        found[f"{times:g} times"] = {
            "forecasts": len(own),
            "unknown": sum(one.times == times for one in answers) - len(own),
            "in_band": hits / len(own),
            "interval": [low, high],
            "off": float(np.median(off)),
            "no_more_gain_off": float(np.median(flat)),
            "width": float(np.median([(one.high - one.low) / _unit(one) for one in own])),
        }
    return found


def _unit(one: Answer) -> float:
    """The error at the visible rows, so that all metrics can be put together."""
    return max(1e-9, one.now if one.metric == "RMSE" else 1 - one.now)


def _line(one: Answer) -> str:
    mark = "unknown" if one.unknown else ("in" if one.held else "OUT")
    return (
        f"{one.method:<28} {one.metric:<9} {one.rows:>5} x{one.times:g}  {one.now:8.4g} ->"
        f" {one.low:8.4g} .. {one.high:8.4g}  truth {one.truth:8.4g}  {mark}"
    )


# --- one set ----------------------------------------------------------------------------------


def _ask(question: Question) -> list[Answer]:
    prepared = _prepared(question)
    held, pool = _parts(prepared, question.rows)
    methods: list[tuple[str, Measure]] = [("cheap", _cheap(prepared))]
    if question.network:
        methods.append(("network", _network(prepared, pool, held)))
    labels = prepared.task.labels(prepared.target)
    name = question.name + (" (number)" if question.instead else "")
    classes = len(getattr(prepared.task, "classes", []))
    found = []
    for quarter in range(QUARTERS):
        mixed = pool[nested(labels[pool], 1_000 + quarter)]
        visible = mixed[: len(pool) // 4]
        sizes = sizes_for(len(visible), classes)
        for method, measure in methods:
            curve = measure_curve(
                prepared.task.metric, [(visible, held)] * REPEATS, labels, sizes, measure, quarter
            )
            truths = _truths(mixed, held, measure)
            found += _compare(name, method, curve, truths)
    return found


def _truths(mixed: np.ndarray, held: np.ndarray, measure: Measure) -> list[float]:
    """The score with twice the visible rows, and with all; the visible ones are among them."""
    sizes = (len(mixed) // 2, len(mixed))
    return [
        float(np.mean([measure(np.sort(mixed[:n]), held, one) for one in range(TRUTHS)]))
        for n in sizes
    ]


def _compare(name: str, method: str, curve: Curve, truths: list[float]) -> list[Answer]:
    ahead = look_ahead(curve)
    unknown = why_unknown(curve, ahead) is not None
    now = float(curve.scores[:, -1].mean())
    return [
        Answer(
            name, method, curve.metric, int(curve.sizes[-1]), one.times, now,
            one.low, one.score, one.high, truth, one.low <= truth <= one.high, unknown,
        )
        for one, truth in zip(ahead, truths, strict=True)
    ]  # fmt: skip


def _prepared(question: Question) -> Prepared:
    source: Source = fetch(question.name)
    settings = Settings(target=source.target)
    if question.instead:
        assert source.target is not None
        header = source.train.open(encoding="utf-8").readline().strip().split(",")
        number = next(name for name in reversed(header) if name != source.target)
        settings = Settings(target=number, ignore=(source.target,), task="regress")
    return prepare(str(source.train), settings, Watcher())


def _parts(prepared: Prepared, most: int) -> tuple[np.ndarray, np.ndarray]:
    """(held-out rows, rows to learn from): a quarter and three, near-duplicates on one side."""
    rows = np.random.default_rng(0).permutation(prepared.rows)[:most]
    _, member = np.unique(prepared.clusters[rows], return_inverse=True)
    turn = np.random.default_rng(1).permutation(member.max() + 1) % 4
    return rows[turn[member] == 0], rows[turn[member] > 0]


def _cheap(prepared: Prepared) -> Measure:
    task, truth = prepared.task, prepared.task.truth(prepared.target)
    outputs = len(getattr(task, "classes", [])) or task.outputs
    known: dict[bytes, float] = {}  # trees and linear models give the same again

    def measure(learn: np.ndarray, held: np.ndarray, repeat: int) -> float:
        key = learn.tobytes()
        if key not in known:
            fitted = fit_fast(
                prepared.inputs, prepared.loaded, truth, task.kind, outputs, learn, 0, 1.0
            )
            some = {name: values.take(held) for name, values in prepared.loaded.items()}
            known[key] = score(task.kind, task.metric, truth[held], fitted.predict(some))
        return known[key]

    return measure


def _network(prepared: Prepared, pool: np.ndarray, held: np.ndarray) -> Measure:
    task, truth = prepared.task, prepared.task.truth(prepared.target)
    plan = _small_plan(prepared, pool, held)

    def measure(learn: np.ndarray, held: np.ndarray, repeat: int) -> float:
        data, _ = ingredients(prepared, learn, held)
        batch = max(8, round(plan.batch * len(learn) / len(pool)))
        trained = retrain(data, replace(plan, seed=repeat, batch=batch))
        return score(task.kind, task.metric, truth[held], trained.values(data.valid))

    return measure


def _small_plan(prepared: Prepared, pool: np.ndarray, held: np.ndarray) -> Plan:
    data, _ = ingredients(prepared, pool, held)
    plan = make_plan(replace(data, folds=1), Settings(), 0.5, lambda text: None)
    sizes = {part: Size(min(size.width, 32), 2, size.dropout) for part, size in plan.sizes.items()}
    return replace(plan, sizes=sizes, steps=STEPS, batch=128, augment={}, precision="fp32")


def main(names: Sequence[str]) -> int:
    torch.set_num_threads(1)
    started = time.perf_counter()
    found = growth(names)
    for times in ("2 times", "4 times"):
        one = found[times]
        print(
            f"{times} the rows: the {BAND:.0%} band holds the truth in {one['in_band']:.0%} of"
            f" {one['forecasts']} forecasts [{one['interval'][0]:.0%}, {one['interval'][1]:.0%}],"
            f" {one['unknown']} unknown; off by {one['off']:.1%} of the error, 'no more gain' by"
            f" {one['no_more_gain_off']:.1%}"
        )
    if not names:
        found["seconds"] = round(time.perf_counter() - started, 1)
        save(NAME, {**circumstances(["benchmarks.evidence_growth"]), **found})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
