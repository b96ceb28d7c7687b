"""Answer only where it is sure: how much is then answered, and how often that is wrong?

How sure a row's answer is: the calibrated probability of the class or grade that is answered, of
the least sure of its tags; for numbers, how narrow its interval is. `enough` is the rule behind
`pellucid predict --sure`; the study shows on the sealed test rows what it would bring.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np

from pellucid.evidence.finding import Chart, Finding, Line, Table, unknown
from pellucid.evidence.intervals import interval, share_interval
from pellucid.evidence.subject import Material, part
from pellucid.evidence.trust.slices import RELATIVE
from pellucid.learning.evaluate import Kind, answers, score, two_dimensional

NARROW = 0.5
"""A number is sure if its interval is at most this part as wide as it would be without looking
at the row, from the usual spread of the target alone."""
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
SHARES = (1.0, 0.9, 0.75, 0.5, 0.25)
FEWEST = 30
TITLE = "If it may say 'I don't know'"


def sureness(kind: Kind, values: np.ndarray) -> np.ndarray:
    """`(rows,)`: the probability of what is answered, from calibrated probabilities."""
    values = np.asarray(values, dtype=np.float64)
    if kind == "tags":
        return np.maximum(values, 1 - values).min(1)
    return values[np.arange(len(values)), answers(kind, values)]


def enough(
    kind: Kind,
    values: np.ndarray,
    sure: float,
    bounds: tuple[np.ndarray, np.ndarray] | None = None,
    spread: np.ndarray | None = None,
) -> np.ndarray:
    """bool `(rows,)`: which answers are sure enough to be said.

    Args:
        sure: From 0 to 1.
        bounds: For numbers, lowest and highest `(rows, targets)` that hold so large a share.
        spread: `(targets,)` usual spread (standard deviation) of each target.
    """
    if bounds is None:
        return sureness(kind, values) >= sure
    assert spread is not None
    usual = 2 * NormalDist().inv_cdf((1 + sure) / 2) * np.asarray(spread)
    return (bounds[1] - bounds[0] <= NARROW * usual).all(1)


# --- what it would bring ----------------------------------------------------------------------


@part("sureness")
def study(material: Material) -> Finding:
    """How much is answered at several levels of sureness, and how well, on the test rows."""
    if len(material.test) < FEWEST:
        return unknown(
            "sureness",
            TITLE,
            f"{len(material.test)} test rows are too few to compare sure answers with unsure ones;"
            f" it takes at least {FEWEST}.",
        )
    rows = material.take(material.test)
    values = material.kept.answer(rows)
    if material.task.kind == "regress":
        return _numbers(material, values, material.kept.say(rows))
    return _classes(material, values)


def _classes(material: Material, values: np.ndarray) -> Finding:
    kind, truth = material.task.kind, material.truth[material.test]
    said, sure = answers(kind, values), sureness(kind, values)
    wrong = (said != truth).any(1) if kind == "tags" else said != truth
    levels = [_level(level, sure >= level, wrong) for level in LEVELS]
    all_wrong = float(wrong.mean())
    order = np.argsort(-sure, kind="stable")
    risk = wrong[order].cumsum() / np.arange(1, len(order) + 1)
    best = np.sort(wrong).cumsum() / np.arange(1, len(order) + 1)
    shown = [one for one in levels if one["answered"]]
    sentence = f"Without holding back it is wrong in {all_wrong:.1%} of {len(truth):,} test rows."
    if shown:
        named = min(shown, key=lambda one: abs(one["level"] - 0.9))
        sentence += (
            f" With '--sure {named['level']:g}' it answers {named['share']:.0%} of them and is"
            f" wrong in {named['error']:.1%} of those [{named['low']:.1%}, {named['high']:.1%}]."
        )
    else:
        sentence += f" It is never {LEVELS[0]:.0%} sure of any."
    table = Table(
        "Answered only where it is sure enough",
        ("--sure", "answered", "of all", "wrong", "from", "to"),
        tuple(
            tuple(one[key] for key in ("level", "answered", "share", "error", "low", "high"))
            for one in levels
        ),
    )
    places = np.unique(np.linspace(0, len(order) - 1, 60).astype(int))
    curve = Line(
        "wrong among the answered",
        tuple(((places + 1) / len(order)).tolist()),
        tuple(risk[places].tolist()),
    )
    ideal = Line("if it knew all its mistakes", curve.x, tuple(best[places].tolist()))
    return Finding(
        "sureness",
        TITLE,
        sentence,
        notes=(
            material.judged(),
            "Rows are answered from the surest to the least sure; the area under the curve is"
            f" {risk.mean():.3g}, the smallest possible with as many mistakes {best.mean():.3g}.",
        ),
        figures={
            "model": material.kept.name,
            "rows": len(truth),
            "error": all_wrong,
            "levels": levels,
            "area": float(risk.mean()),
            "best_area": float(best.mean()),
        },
        tables=(table,),
        charts=(Chart("Fewer answers, fewer mistakes", "answered", "wrong", (curve, ideal)),),
    )


def _level(level: float, answered: np.ndarray, wrong: np.ndarray) -> dict[str, Any]:
    count, errors = int(answered.sum()), int(wrong[answered].sum())
    low, high = share_interval(errors, count) if count else (None, None)
    return {
        "level": level,
        "answered": count,
        "share": float(answered.mean()),
        "error": errors / count if count else None,
        "low": low,
        "high": high,
    }


def _numbers(material: Material, values: np.ndarray, said: list[dict[str, Any]]) -> Finding:
    """Rows with the narrowest intervals first: are they missed by less?"""
    width = _widths(material, said)
    if not np.isfinite(width).any():
        return unknown("sureness", TITLE, "There are no intervals to tell sure answers by.")
    if np.ptp(width[np.isfinite(width)]) <= 1e-6 * np.abs(width[0]):
        return unknown(
            "sureness",
            TITLE,
            "All intervals are equally wide: with so few rows it can't tell which numbers it knows"
            " better than others. More rows would help.",
        )
    truth, metric = two_dimensional(material.truth[material.test]), "RMSE"
    if several := truth.shape[1] > 1:  # in several units
        spread = material.task.spread  # type: ignore[attr-defined]
        truth, values, metric = truth / spread, values / spread, RELATIVE
    order = np.argsort(width, kind="stable")
    parts = [_part(share, order, truth, values) for share in SHARES]
    whole, half = parts[0], next(one for one in parts if one["share"] == 0.5)
    sentence = (
        f"Over all {len(truth):,} test rows its {metric} is {whole['error']:.4g}; over the half"
        f" with the narrowest intervals it is {half['error']:.4g} [{half['low']:.4g},"
        f" {half['high']:.4g}]."
    )
    header = ("answered", "rows", metric, "from", "to")
    keys = ("share", "answered", "error", "low", "high")
    table = Table(
        "Answered only where the interval is narrow",
        header,
        tuple(tuple(one[key] for key in keys) for one in parts),
    )
    curve = Line(
        metric,
        tuple(one["share"] for one in parts),
        tuple(one["error"] for one in parts),
        tuple(one["low"] for one in parts),
        tuple(one["high"] for one in parts),
    )
    return Finding(
        "sureness",
        TITLE,
        sentence,
        notes=(
            material.judged(),
            "'--sure 0.9' answers where the 90% interval is at most half as wide as 90% of all"
            " targets are spread.",
            *(
                ("Relative RMSE: each number in units of its spread; 1 is always the mean.",)
                * several
            ),
        ),
        figures={
            "model": material.kept.name,
            "rows": len(truth),
            "metric": metric,
            "levels": parts,
        },
        tables=(table,),
        charts=(Chart("Fewer answers, smaller errors", "answered", metric, (curve,)),),
    )


def _widths(material: Material, said: list[dict[str, Any]]) -> np.ndarray:
    """`(rows,)`: how wide the interval is, in the usual spread of the target; of several numbers
    the mean. Infinite without one."""
    names: list[str] = getattr(material.task, "names", [])
    spread: np.ndarray = getattr(material.task, "spread", np.ones(len(names)))
    nothing = [-np.inf, np.inf]
    ends = np.array(
        [
            [one["intervals"].get(name, nothing) for name in names]
            if "intervals" in one
            else [[one.get("low", -np.inf), one.get("high", np.inf)]] * len(names)
            for one in said
        ]
    )
    return ((ends[..., 1] - ends[..., 0]) / spread).mean(1)


def _part(share: float, order: np.ndarray, truth: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    some = order[: max(2, round(share * len(order)))]
    low, high = interval("regress", "RMSE", truth[some], values[some])
    return {
        "share": share,
        "answered": len(some),
        "error": score("regress", "RMSE", truth[some], values[some]),
        "low": low,
        "high": high,
    }
