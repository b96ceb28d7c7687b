"""Would more data help? The learning curve so far, and a cautious look ahead.

The network (and a classical method) learns nested parts of the rows and answers the same held-out
rows each time. A power law with an offset, error = a + b rows^-c, is fitted to the errors by
weighted least squares and followed to at most four times the rows; how far it can be trusted is
found by fitting it again to curves that are as noisy (recipes 2.10). The forecast is checked in
`benchmarks/evidence_growth.py`, where three quarters of the rows are hidden first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pellucid.config import Plan
from pellucid.evidence.finding import Chart, Finding, Line, Table, unknown
from pellucid.evidence.retrain import FEWEST_STEPS, figure, parted, retrain, step_seconds
from pellucid.evidence.subject import Material, part
from pellucid.evidence.worth.verdict import IN_POINTS
from pellucid.learning.evaluate import higher_is_better, score

PART, TITLE = "data", "Would more data help?"
AHEAD = (2.0, 4.0)
"""Times the rows that are there; never further."""
BAND = 0.8
"""Share of forecasts that should hold the truth."""
SMALLEST, LARGEST_SPAN, SIZES, REPEATS = 24, 16, 5, 5
PER_CLASS, SMALLEST_PER_CLASS = 20, 4
"""Rows of each class that are needed in all, and in the smallest part: with fewer, power laws
promise far too much (arXiv 2303.01598)."""
EXPONENTS = np.geomspace(0.05, 1.5, 100)
DRAWS = 400
TOO_WIDE = 1.0
"""A band wider than this share of the error itself says nothing."""
NETWORK_SHARE, CHEAP_SHARE = 0.55, 0.25
FEWEST_SHARE = 0.1
"""Part of the planned steps that a network must make at least to stand for the planned one."""

Measure = Callable[[np.ndarray, np.ndarray, int], float]
"""(rows to learn from, held-out rows, repeat) -> the metric on the held-out rows."""


# --- the curve --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Curve:
    """What was measured. sizes: `(sizes,)` rows learned from. scores: `(repeats, sizes)`."""

    metric: str
    sizes: np.ndarray
    scores: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """`(repeats, sizes)`, smaller is better."""
        return 1 - self.scores if higher_is_better(self.metric) else self.scores

    def as_score(self, errors: np.ndarray) -> np.ndarray:
        return 1 - errors if higher_is_better(self.metric) else errors


def sizes_for(rows: int, classes: int) -> np.ndarray:
    """Sizes of the nested parts, each the same factor larger; empty if there are too few rows."""
    smallest = max(SMALLEST, SMALLEST_PER_CLASS * classes, rows // LARGEST_SPAN)
    if rows < max(PER_CLASS * classes, 4 * smallest):
        return np.empty(0, np.int64)
    return np.geomspace(smallest, rows, SIZES).round().astype(np.int64)


def nested(labels: np.ndarray, seed: int) -> np.ndarray:
    """An order of all rows whose every beginning has about the classes' proportions."""
    generator = np.random.default_rng(seed)
    places = np.empty(len(labels))
    for label in np.unique(labels):
        own = generator.permutation(np.flatnonzero(labels == label))
        places[own] = (np.arange(len(own)) + generator.random(len(own))) / len(own)
    return np.argsort(places, kind="stable")


def measure_curve(
    metric: str,
    parts: list[tuple[np.ndarray, np.ndarray]],
    labels: np.ndarray,
    sizes: np.ndarray,
    measure: Measure,
    seed: int,
) -> Curve:
    """Learn from nested parts and measure, once for each of `parts`.

    Args:
        parts: (rows to learn from, held-out rows) of each repeat.
        labels: Of all rows, to keep classes in proportion.
    """
    scores = np.empty((len(parts), len(sizes)))
    for repeat, (learn, held) in enumerate(parts):
        order = learn[nested(labels[learn], seed + repeat)]
        for place, size in enumerate(sizes):
            scores[repeat, place] = measure(np.sort(order[:size]), held, repeat)
    return Curve(metric, sizes, scores)


# --- the law ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Law:
    """error = floor + scale * rows ** -exponent; each `(fits,)`."""

    floor: np.ndarray
    scale: np.ndarray
    exponent: np.ndarray

    def at(self, rows: np.ndarray) -> np.ndarray:
        """Errors `(fits, len(rows))`."""
        powers = np.asarray(rows, float)[None] ** -self.exponent[:, None]
        return self.floor[:, None] + self.scale[:, None] * powers


def fit_law(sizes: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> Law:
    """Weighted least squares with floor and scale not below zero.

    For a fixed exponent the problem is linear, so all exponents of a grid are solved exactly and
    the best is kept: no starting values, no local optimum.

    Args:
        errors: `(fits, sizes)`, each fitted by itself. weights: `(sizes,)`, 1 / variance.
    """
    w = weights / weights.sum()
    x = sizes[None].astype(float) ** -EXPONENTS[:, None]  # (exponents, sizes)
    mean_x, mean_y = x @ w, errors @ w
    centered = x - mean_x[:, None]
    spread = (centered**2) @ w
    scale = np.maximum((errors * w) @ centered.T / spread, 0.0)  # (fits, exponents)
    floor = mean_y[:, None] - scale * mean_x
    through_zero = (errors * w) @ x.T / ((x**2) @ w)
    scale = np.where(floor < 0, through_zero, scale)
    floor = np.maximum(floor, 0.0)
    misfit = np.stack(
        [((errors - floor[:, [k]] - scale[:, [k]] * x[k]) ** 2) @ w for k in range(len(EXPONENTS))],
        axis=1,
    )
    best = misfit.argmin(1)
    every = np.arange(len(errors))
    return Law(floor[every, best], scale[every, best], EXPONENTS[best])


@dataclass(frozen=True)
class Noise:
    """Why one training's error is not on the law. rows: variance at one row, from which rows were
    drawn, and shrinks like 1 / rows; start: variance from the random start, whatever the rows."""

    rows: float
    start: float

    def single(self, sizes: np.ndarray) -> np.ndarray:
        """Variance of one training's error at each of these sizes."""
        return self.rows / sizes + self.start

    def mean(self, sizes: np.ndarray, repeats: int) -> np.ndarray:
        """Variance of the mean of repeats. Parts of half of the rows are two different ones at
        most, however often they are drawn."""
        different = np.minimum(repeats, sizes[-1] / sizes)
        return self.rows / sizes / different + self.start / repeats


def noise_of(errors: np.ndarray, sizes: np.ndarray) -> Noise:
    """Estimated from how repeats `(repeats, sizes)` differ.

    Each repeat is compared with its own error at all rows, so that easier held-out rows, which
    shift a curve but do not bend it, are left out. A part of n of N rows differs from them by
    1/n - 1/N of the variance at one row, as any draw without replacement.
    """
    from scipy.optimize import nnls

    smaller = sizes[:-1]
    differences = errors[:, :-1] - errors[:, -1:]
    spread = differences.var(0, ddof=1) if len(errors) > 1 else np.zeros(len(smaller))
    smallest = (1e-3 * max(float(errors.mean()), 1e-6)) ** 2
    causes = np.stack([1 / smaller - 1 / sizes[-1], np.full(len(smaller), 2.0)], 1)
    # Variances are as uncertain as they are large.
    pooled = spread.sum() / causes[:, 0].sum() * causes[:, 0] + smallest
    (rows, start), _ = nnls(causes / pooled[:, None], spread / pooled)
    return Noise(float(rows), max(float(start), smallest))


def forecast(
    curve: Curve, rows: np.ndarray, seed: int = 0, draws: int = DRAWS
) -> tuple[np.ndarray, np.ndarray]:
    """Where the error will be.

    Returns:
        The fitted law at `rows`, and `(draws, rows)` from laws fitted to curves drawn anew with
        the measured noise, each with the noise of one more training.
    """
    errors, sizes = curve.errors, curve.sizes
    means, noise = errors.mean(0), noise_of(errors, sizes)
    variance = noise.mean(sizes, len(errors))
    generator = np.random.default_rng(seed)
    law = fit_law(sizes, means[None], 1 / variance)
    # What the law itself misses counts as noise too.
    misfit = ((means - law.at(sizes)[0]) ** 2 / variance).sum() / (len(sizes) - 2)
    spread = np.sqrt(variance * max(1.0, misfit))
    drawn = means + spread * generator.standard_normal((draws, len(sizes)))
    ahead = fit_law(sizes, np.maximum(drawn, 0.0), 1 / variance).at(rows)
    ahead += np.sqrt(noise.single(rows)) * generator.standard_normal(ahead.shape)
    return law.at(rows)[0], np.maximum(ahead, 0.0)


@dataclass(frozen=True)
class Forecast:
    """The metric expected at so many rows, with the middle `BAND` of forecasts."""

    rows: int
    times: float
    score: float
    low: float
    high: float


def look_ahead(curve: Curve, seed: int = 0, times: tuple[float, ...] = AHEAD) -> list[Forecast]:
    """Forecasts for so many times the rows."""
    rows = np.array([round(factor * curve.sizes[-1]) for factor in times])
    middle, ahead = forecast(curve, rows, seed)
    ends = np.quantile(ahead, [(1 - BAND) / 2, (1 + BAND) / 2], axis=0)
    low, high = np.sort(curve.as_score(ends), axis=0)
    return [
        Forecast(int(n), factor, float(value), float(a), float(b))
        for n, factor, value, a, b in zip(
            rows, times, curve.as_score(middle), low, high, strict=True
        )
    ]


def why_unknown(curve: Curve, ahead: list[Forecast]) -> str | None:
    """Why nothing honest can be said of this curve, as part of a sentence; None if it can."""
    means, errors = curve.errors.mean(0), curve.errors
    worst = int(means[:-1].argmin())
    gaps = errors[:, -1] - errors[:, worst]
    doubt = np.sqrt(noise_of(errors, curve.sizes).single(curve.sizes[[worst, -1]]).sum())
    if gaps.mean() > 2 * doubt:
        return (
            f"with all {curve.sizes[-1]:,} rows it did worse than with {curve.sizes[worst]:,}, so"
            " the curve follows no law that could be continued"
        )
    if ahead[0].high - ahead[0].low > TOO_WIDE * max(means[-1], 1e-9):
        return (
            f"{figure(ahead[0].low, curve.metric)} to {figure(ahead[0].high, curve.metric)} would"
            " all be possible with twice the rows: the measurements are too few or too noisy"
        )
    return None


# --- the study --------------------------------------------------------------------------------


@part(PART)
def study(material: Material) -> Finding:
    """Learning curves of the network, where there is time, and of a fast classical method."""
    classes = len(getattr(material.task, "classes", [])) if material.task.kind != "tags" else 0
    parts = parts_of(material)
    rows = min(len(learn) for learn, _ in parts)
    sizes = sizes_for(rows, classes)
    if not len(sizes):
        needed = max(PER_CLASS * classes, 4 * max(SMALLEST, SMALLEST_PER_CLASS * classes))
        return unknown(
            PART,
            TITLE,
            f"{rows:,} rows to learn from are too few to see how it gets better with more: it takes"
            f" about {needed:,}"
            + (f" ({PER_CLASS} of each class)" if classes else "")
            + ". Give some more examples and learn again.",
        )
    labels = material.task.labels(material.target)
    measured: dict[str, Curve] = {}
    plan = shortened(material, parts, sizes)
    if plan is not None:
        measured["network"] = _network_curve(material, parts, labels, sizes, plan)
    name, cheap = _cheap_curve(material, parts, labels, sizes)
    if cheap is not None:
        measured[name] = cheap
    return _finding(material, measured, plan)


def parts_of(material: Material) -> list[tuple[np.ndarray, np.ndarray]]:
    """(rows to learn from, held-out rows) of each repeat: those of the run where it had validation
    rows or an order of time, else fifths of the training rows in turn. What belongs together
    (groups, near-duplicates) stays together."""
    if len(material.valid) or material.order is not None:
        count = -(-REPEATS // len(material.folds))
        return (material.folds * count)[:REPEATS]
    fifth = parted(material, material.train, REPEATS)
    return [(material.train[fifth != one], material.train[fifth == one]) for one in range(REPEATS)]


def shortened(
    material: Material, parts: list[tuple[np.ndarray, np.ndarray]], sizes: np.ndarray
) -> Plan | None:
    """The run's plan with as many steps as there is time for; None if these are too few.

    Smaller parts are learned in smaller batches, so that all make as many passes.
    """
    plan = material.plan
    relative = [max(_batch(plan, size, sizes[-1]) / plan.batch, 0.3) for size in sizes]
    each = NETWORK_SHARE * material.seconds / (len(parts) * sum(relative))
    steps = min(plan.steps, int(each / max(step_seconds(material.run), 1e-6)))
    if steps < max(FEWEST_STEPS, FEWEST_SHARE * plan.steps):
        return None
    return replace(plan, steps=steps)


def _batch(plan: Plan, size: int, rows: int) -> int:
    return max(8, round(min(plan.batch, rows) * size / rows))


def _network_curve(
    material: Material,
    parts: list[tuple[np.ndarray, np.ndarray]],
    labels: np.ndarray,
    sizes: np.ndarray,
    plan: Plan,
) -> Curve:
    def measure(learn: np.ndarray, held: np.ndarray, repeat: int) -> float:
        material.progress(repeat, len(parts))
        data = material.ingredients(learn, held)
        own = replace(plan, batch=_batch(plan, len(learn), int(sizes[-1])), seed=plan.seed + repeat)
        values = retrain(data, own).values(data.valid)
        return score(material.task.kind, material.task.metric, material.truth[held], values)

    return measure_curve(material.task.metric, parts, labels, sizes, measure, material.seed)


def _cheap_curve(
    material: Material,
    parts: list[tuple[np.ndarray, np.ndarray]],
    labels: np.ndarray,
    sizes: np.ndarray,
) -> tuple[str, Curve | None]:
    """The name of the classical method and its curve; None if one fit takes too long."""
    names: list[str] = []

    def measure(learn: np.ndarray, held: np.ndarray, repeat: int) -> float:
        fitted = material.fit_cheap(learn)
        names.append(fitted.name)
        values = fitted.predict(material.take(held))
        return score(material.task.kind, material.task.metric, material.truth[held], values)

    started = time.perf_counter()
    measure(*parts[0], 0)
    seconds = time.perf_counter() - started
    repeats = int(CHEAP_SHARE * material.seconds / seconds / (len(sizes) / 2))
    if repeats < 3:
        return names[0], None
    return names[0], measure_curve(
        material.task.metric, parts[:repeats], labels, sizes, measure, material.seed
    )


# --- how it is said ---------------------------------------------------------------------------


def _finding(material: Material, measured: dict[str, Curve], plan: Plan | None) -> Finding:
    if not measured:
        return unknown(
            PART,
            TITLE,
            "There was no time to learn from parts of the rows several times: give it more --time.",
        )
    which, curve = next(iter(measured.items()))
    ahead = look_ahead(curve, material.seed)
    why = why_unknown(curve, ahead)
    sentence = f"Unknown: {why}." if why else sentence_of(which, curve, ahead)
    return Finding(
        PART,
        TITLE,
        sentence,
        notes=(
            *(material.of_network() if which == "network" else ()),
            *_notes(material, measured, plan),
        ),
        figures={name: _figures(one, material.seed) for name, one in measured.items()}
        | {"answered_for": which, "unknown": why},
        tables=(_table(measured),),
        charts=tuple(_chart(name, one, material.seed) for name, one in measured.items()),
        known=why is None,
    )


def sentence_of(which: str, curve: Curve, ahead: list[Forecast]) -> str:
    """'Twice as many examples would probably raise accuracy from 91.0 % to 92.1-94.0 %.'"""
    metric, now = curve.metric, float(curve.scores[:, -1].mean())
    # What chance gave or took at the last size is no gain: gains count from the law.
    start = look_ahead(curve, times=(1.0,))[0].score
    raised = higher_is_better(metric)
    verb = "raise" if raised else "lower"
    twice, four = ahead
    whose = "" if which == "network" else f" of {which}"
    sign = 1 if raised else -1
    least = min(sign * (value - start) for value in (twice.low, twice.high))
    most = max(sign * (value - start) for value in (four.low, four.high))
    if most < worthwhile(metric, now):
        return (
            f"More examples of the same kind would hardly help: even four times as many would"
            f" leave {metric}{whose} at {_range(four, metric)} (now {figure(now, metric)})."
        )
    if least > 0:
        return (
            f"Twice as many examples would probably {verb} {metric}{whose} from"
            f" {figure(now, metric)} to {_range(twice, metric)}, four times as many to"
            f" {_range(four, metric)}."
        )
    return (
        f"More examples may or may not help: {metric}{whose} is {figure(now, metric)} now, and"
        f" would be {_range(twice, metric)} with twice as many, {_range(four, metric)} with four"
        " times as many."
    )


def worthwhile(metric: str, now: float) -> float:
    """A gain that a person would notice: half a point, or 2 % of an error."""
    return 0.005 if metric in IN_POINTS else 0.02 * abs(now)


def _range(ahead: Forecast, metric: str) -> str:
    low, high = figure(ahead.low, metric), figure(ahead.high, metric)
    return low if low == high else f"{low.removesuffix('%')}–{high}"


def _notes(material: Material, measured: dict[str, Curve], plan: Plan | None) -> list[str]:
    which, curve = next(iter(measured.items()))
    notes = [
        f"Measured on nested parts of {', '.join(f'{size:,}' for size in curve.sizes)} rows,"
        f" {len(curve.scores)} times each, on held-out rows that stay the same; the bands hold the"
        f" middle {BAND:.0%} of forecasts and assume that new examples are of the same kind.",
    ]
    if plan is None:
        notes.append(
            f"There was no time to train the network on all these parts, so it is the curve of"
            f" {which}; give it more --time to see the network's."
        )
    elif plan.steps < material.plan.steps:
        notes.append(
            f"For lack of time the networks made {plan.steps:,} of {material.plan.steps:,} steps,"
            " so their level is a little lower than the run's."
        )
    return notes


def _figures(curve: Curve, seed: int) -> dict[str, Any]:
    noise = noise_of(curve.errors, curve.sizes).mean(curve.sizes, len(curve.errors))
    law = fit_law(curve.sizes, curve.errors.mean(0)[None], 1 / noise)
    return {
        "metric": curve.metric,
        "rows": curve.sizes.tolist(),
        "scores": curve.scores.tolist(),
        "law": {name: float(value[0]) for name, value in vars(law).items()},
        "band": BAND,
        "ahead": [vars(one) for one in look_ahead(curve, seed)],
    }


def _table(measured: dict[str, Curve]) -> Table:
    first = next(iter(measured.values()))
    rows = [
        (int(size), *(float(curve.scores[:, place].mean()) for curve in measured.values()))
        for place, size in enumerate(first.sizes)
    ]
    return Table(f"{first.metric} by rows learned from", ("rows", *measured), tuple(rows))


def _chart(name: str, curve: Curve, seed: int) -> Chart:
    means, each = curve.scores.mean(0), curve.scores
    doubt = each.std(0, ddof=1) / np.sqrt(len(each)) if len(each) > 1 else np.zeros(len(means))
    times = tuple(np.geomspace(curve.sizes[0] / curve.sizes[-1], AHEAD[-1], 24).tolist())
    ahead = look_ahead(curve, seed, times)
    return Chart(
        f"Learning curve of the {name}" if name == "network" else f"Learning curve of {name}",
        "rows",
        curve.metric,
        (
            Line(
                "measured",
                tuple(map(float, curve.sizes)),
                tuple(means.tolist()),
                tuple((means - doubt).tolist()),
                tuple((means + doubt).tolist()),
            ),
            Line(
                "law",
                tuple(float(one.rows) for one in ahead),
                tuple(one.score for one in ahead),
                tuple(one.low for one in ahead),
                tuple(one.high for one in ahead),
            ),
        ),
        log=True,
        marks=((float(curve.sizes[-1]), "all rows so far"),),
    )
