"""What a person sees of a forecast: the future, how far to believe it, and where it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.evidence.finding import Cell, Chart, Finding, Line, Table
from pellucid.evidence.intervals import share_interval
from pellucid.uses.forecast.answerer import Answers, ForecastAnswerer
from pellucid.uses.forecast.explain import Faith, cut, faithful, shapley
from pellucid.uses.forecast.metrics import inside, step_errors, window_errors
from pellucid.uses.forecast.windows import Windows

FANS = 4
"""Series whose future is drawn."""
WORST = 20
EXPLAINED = 12
"""Windows of the exam whose explanations are tested."""


@dataclass(frozen=True)
class Sealed:
    """The exam: windows, what came and what everybody said, scaled by each series' usual error.

    truth: `(windows, horizon)`. network: `(windows, horizon)` the middle. others: method -> the
    same. answers: of the network in the series' own unit, with its interval. raw: whether what
    came lay within the interval before it was corrected, `(windows, horizon)`.
    """

    windows: Windows
    truth: np.ndarray
    network: np.ndarray
    others: Mapping[str, np.ndarray]
    answers: Answers
    own: np.ndarray
    raw: np.ndarray


def all_findings(answerer: ForecastAnswerer, exam: Sealed, rival: str, began: str) -> list[Finding]:
    """The first ones first. rival: the classical method that was best on validation windows.
    began: what learning began with, in words."""
    return [
        future(answerer),
        skill(answerer, exam, rival, began),
        by_series(answerer, exam, rival),
        intervals(answerer, exam),
        residuals(answerer, exam),
        explanations(answerer, exam),
    ]


def future(answerer: ForecastAnswerer) -> Finding:
    """The steps after the last value of each series."""
    history, frame = answerer.history, answerer.frame
    found = answerer.future()
    shown = range(min(FANS, len(history.names)))
    charts = tuple(_fan(answerer, found, one) for one in shown)
    first = frame.start + int(history.last[0]) + 1
    ends = frame.spacing.text(first + frame.horizon - 1)
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            history.names[one],
            frame.spacing.text(frame.start + int(history.last[one]) + 1 + step),
            *(float(part[one, step]) for part in (found.middle, found.low, found.high)),
        )
        for one in shown
        for step in range(frame.horizon)
    )
    who = _who(answerer)
    return Finding(
        "future",
        "What comes next",
        f"{history.names[0]} at {ends}: {found.middle[0, -1]:.4g}, with 80% between "
        f"{found.low[0, -1]:.4g} and {found.high[0, -1]:.4g}, says {who}.",
        notes=(
            "The band should hold 80% of the values to come; 'pellucid predict' answers a table "
            "of times to fill in.",
            *_assumed(answerer),
        ),
        figures={"series": len(history.names), "horizon": frame.horizon},
        tables=(Table("The next steps", ("series", "time", "answer", "low", "high"), rows),),
        charts=charts,
    )


def _assumed(answerer: ForecastAnswerer) -> tuple[str, ...]:
    known = [helper.name for helper in answerer.helpers if helper.known]
    if not known:
        return ()
    return (
        f"Where the source does not say what {' and '.join(known)} will be, the usual is taken: "
        "fill it in for better answers.",
    )


def _who(answerer: ForecastAnswerer) -> str:
    if answerer.kept == "network" or answerer.method is None:
        return "the network"
    classical = answerer.method.name
    return classical if answerer.kept == "baseline" else f"the mean of network and {classical}"


def _fan(answerer: ForecastAnswerer, found: Answers, one: int) -> Chart:
    history, frame = answerer.history, answerer.frame
    last = int(history.last[one])
    back = min(last - int(history.first[one]), max(3 * frame.horizon, 2 * frame.season))
    columns = np.arange(last - back, last + 1)
    steps = tuple(float(step) for step in range(frame.horizon + 1))
    value = float(history.values[one, last])

    def after(part: np.ndarray) -> tuple[float, ...]:
        return (value, *map(float, part[one]))

    past = Line(
        "known",
        tuple(float(column - last) for column in columns),
        tuple(map(float, history.values[one, columns])),
    )
    coming = Line("to come", steps, after(found.middle), after(found.low), after(found.high))
    return Chart(
        f"{history.names[one]}: the past, and what comes with 80% bands",
        f"{frame.spacing.step}s after {frame.spacing.text(frame.start + last)}",
        "value",
        (past, coming),
    )


def skill(answerer: ForecastAnswerer, exam: Sealed, rival: str, began: str) -> Finding:
    """MASE by step ahead, against the seasonal naive forecast and the best classical method."""
    steps = tuple(float(step) for step in range(1, exam.truth.shape[1] + 1))
    network = step_errors(exam.truth, exam.network)
    named = dict.fromkeys(["seasonal naive", rival])
    courses = {"network": network} | {
        name: step_errors(exam.truth, exam.others[name]) for name in named
    }
    naive = courses["seasonal naive"]
    gain = 1 - np.nanmean(network) / np.nanmean(naive)
    better, asked = int(np.nansum(network < naive)), int((~np.isnan(network)).sum())
    word = "smaller" if gain > 0 else "larger"
    rows = tuple(
        (int(step), *(float(course[int(step) - 1]) for course in courses.values()))
        for step in steps
    )
    return Finding(
        "skill",
        "How far ahead it can see",
        f"On {len(exam.windows):,} sealed windows the network's error is {100 * abs(gain):.0f}% "
        f"{word} than that of repeating the last season; it is smaller at {better} of {asked} "
        "steps ahead" + (" that have a value." if asked < len(steps) else "."),
        notes=(
            "MASE: 1 is the usual error of the seasonal naive forecast, one step as good as all.",
            began,
        ),
        figures={"skill": float(gain), "steps better": better},
        tables=(Table("MASE by step ahead", ("step", *courses), rows),),
        charts=(
            Chart(
                "Error by step ahead",
                f"{answerer.frame.spacing.step}s ahead",
                "MASE",
                tuple(Line(name, steps, tuple(map(float, c))) for name, c in courses.items()),
            ),
        ),
    )


def by_series(answerer: ForecastAnswerer, exam: Sealed, rival: str) -> Finding:
    """The series where the network is farthest off."""
    errors = window_errors(exam.truth, exam.network)
    others = window_errors(exam.truth, exam.others[rival])
    found = []
    for one in np.unique(exam.windows.series).tolist():
        here = exam.windows.series == one
        name, count = answerer.history.names[one], int(here.sum())
        found.append((name, float(errors[here].mean()), float(others[here].mean()), count))
    found.sort(key=lambda item: -item[1])
    wins = sum(item[1] < item[2] for item in found)
    worst = found[0]
    several = len(found) > 1
    sentence = (
        f"The network is nearer than {rival} in {wins:,} of {len(found):,} series; farthest off in "
        f"'{worst[0]}' (MASE {worst[1]:.3g})."
        if several
        else f"There is one series, '{worst[0]}': MASE {worst[1]:.3g}, {rival} {worst[2]:.3g}."
    )
    return Finding(
        "series",
        "Series by series",
        sentence,
        figures={"series": len(found), "wins": wins},
        tables=(
            Table(
                "The worst series first",
                ("series", "MASE of the network", f"MASE of {rival}", "windows"),
                tuple(found[:WORST]),
            ),
        ),
    )


def intervals(answerer: ForecastAnswerer, exam: Sealed) -> Finding:
    """Whether 80 % intervals hold 80 %."""
    hit = inside(exam.own, exam.answers.low, exam.answers.high)
    known = ~np.isnan(hit)
    count = int(known.sum())
    share, before = float(np.nanmean(hit)), float(np.nanmean(exam.raw))
    # Values of one window, and windows that overlap, go together: they count as one.
    apart = len(np.unique(exam.windows.origin // hit.shape[1] * 100_000 + exam.windows.series))
    low, high = share_interval(round(share * apart), apart)
    verdict = "as promised" if low <= 0.8 <= high else "too wide" if share > 0.8 else "too narrow"
    steps = tuple(float(step) for step in range(1, hit.shape[1] + 1))
    course = tuple(
        float(np.nanmean(hit[:, step])) if known[:, step].any() else float("nan")
        for step in range(hit.shape[1])
    )
    promised = Line("promised", steps, (0.8,) * len(steps))
    return Finding(
        "intervals",
        "Do the intervals hold?",
        f"{share:.0%} of {count:,} sealed values lie within the 80% intervals: {verdict} "
        f"({before:.0%} before they were corrected on validation windows).",
        notes=(
            "The correction (conformal) would hold for values that are drawn alike; a future that "
            "changes its ways may leave the band more often.",
            f"Values of one window go together, so that this share is only as certain as "
            f"{apart:,} values would make it.",
        ),
        figures={"coverage": share, "low": low, "high": high, "before": before, "values": count},
        charts=(
            Chart(
                "Share inside the 80% interval by step ahead",
                f"{answerer.frame.spacing.step}s ahead",
                "share inside",
                (Line("found", steps, course), promised),
            ),
        ),
    )


def residuals(answerer: ForecastAnswerer, exam: Sealed) -> Finding:
    """What is left: always to one side, or with a pattern that could still be learned?"""
    missed = exam.truth - exam.network
    bias, size = float(np.nanmean(missed)), float(np.nanmean(np.abs(missed)))
    first = missed[:, 0]
    following = _follows(exam.windows, first)
    side = "low" if bias > 0 else "high"
    leaning = abs(bias) > 0.5 * size
    sentence = (
        f"The answers are too {side}: the mean error is {abs(bias):.2g} of a usual one, more than "
        "half of the mean distance. The level has shifted since the part to learn from."
        if leaning
        else f"No side is preferred: the mean error is {bias:+.2g} of a usual one, beside a mean "
        f"distance of {size:.2g}."
    )
    steps = np.tile(np.arange(1, missed.shape[1] + 1), (len(missed), 1))
    known = ~np.isnan(missed)
    thin = max(1, int(known.sum()) // 600)
    points = Line(
        "errors",
        tuple(map(float, steps[known][::thin])),
        tuple(map(float, missed[known][::thin])),
    )
    figures: dict[str, Any] = {"bias": bias, "size": size}
    notes = []
    if following is not None:
        figures["correlation of neighbors"] = following
        notes.append(
            "Errors one step ahead go with those of the window before "
            f"(correlation {following:.2f})"
            + (": something is left to learn." if abs(following) > 0.3 else ": nothing to see.")
        )
    return Finding(
        "residuals",
        "What is left over",
        sentence,
        notes=tuple(notes),
        figures=figures,
        charts=(
            Chart(
                "Truth minus answer",
                f"{answerer.frame.spacing.step}s ahead",
                "in usual errors",
                (points,),
                kind="points",
            ),
        ),
    )


def _follows(windows: Windows, first: np.ndarray) -> float | None:
    """Correlation of the first error with that of the same series' window before; None if few."""
    order = np.lexsort((windows.origin, windows.series))
    same = windows.series[order][1:] == windows.series[order][:-1]
    left, right = first[order][:-1][same], first[order][1:][same]
    known = ~(np.isnan(left) | np.isnan(right))
    if known.sum() < 10 or left[known].std() == 0 or right[known].std() == 0:
        return None
    return float(np.corrcoef(left[known], right[known])[0, 1])


def explanations(answerer: ForecastAnswerer, exam: Sealed) -> Finding:
    """Whether explanations are faithful, tested on some windows of the exam."""
    chosen = np.unique(np.linspace(0, len(exam.windows) - 1, EXPLAINED).astype(np.int64))
    step = answerer.frame.horizon // 2
    faiths: list[Faith] = []
    totals: dict[str, float] = {}
    for number in chosen:
        window = exam.windows.take(np.array([number]))
        pieces = cut(answerer, answerer.history, window, step, "network")
        values = shapley(pieces)
        faiths.append(faithful(pieces, values, 1.0))
        for name, value in zip(pieces.places, values, strict=True):
            totals[name] = totals.get(name, 0.0) + abs(float(value)) / len(chosen)
    trusted = sum(one.trusted for one in faiths)
    gain = float(np.mean([one.gain for one in faiths]))
    chance = float(np.mean([one.chance for one in faiths]))
    most = max(totals, key=lambda name: totals[name])
    rows = tuple(sorted(totals.items(), key=lambda item: -item[1]))
    return Finding(
        "explanations",
        "Which past moves the answers",
        f"What moves the answers most is {most}. Explanations passed the deletion test in "
        f"{trusted} of {len(faiths)} windows.",
        notes=(
            "Taking away what raises the answer most first instead of last lowers it by a mean of "
            f"{gain:.2f} of the largest change; 95% of random orders stay under {chance:.2f}.",
            f"For the network's answer {step + 1} steps ahead.",
        ),
        figures={
            "windows": len(faiths),
            "trusted": trusted,
            "gain": gain,
            "chance": chance,
            "values": totals,
        },
        tables=(Table("Mean influence, in usual errors", ("piece", "moves the answer by"), rows),),
    )
