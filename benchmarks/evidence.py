"""How good is the evidence itself? Each part measures one kind, on data whose truth is known.

python -m benchmarks evidence                          all parts, some minutes each
python -m benchmarks evidence --sets labels,growth     some of them
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.measured import saved

PARTS = {
    "explanations": ("benchmarks.evidence_explain", "explanations"),
    "coverage": ("benchmarks.evidence_coverage", "coverage"),
    "labels": ("benchmarks.evidence_labels", "labels"),
    "honesty": ("benchmarks.evidence_labels", "honest_studies"),
    "growth": ("benchmarks.evidence_growth", "growth"),
    "verdict": ("benchmarks.evidence_verdict", "verdict"),
}
"""Name -> module and function; each saves `results/evidence-NAME.json`."""
MANY_HELD = 300
"""Held rows from which a promise wanders by less than 2 or 3 points."""


def run(parts: Sequence[str] = ()) -> None:
    """Measure these parts, by default all, one after the other.

    Raises:
        KeyError: There is no such part.
    """
    for name in parts or PARTS:
        if name not in PARTS:
            raise KeyError(f"no part is called '{name}'; there are {', '.join(PARTS)}")
        module, function = PARTS[name]
        getattr(importlib.import_module(module), function)()


def rows(folder: Path) -> list[list[str]]:
    """One line for each figure to be reached: what, goal, figure, reached, on what, when."""
    found = {name: saved(f"evidence-{name}", folder) for name in PARTS}
    lines: list[list[str]] = []
    for name, words in WORDS.items():
        result = found[name]
        lines += words(result) if result else [[name, "", "not measured yet", "", "", ""]]
    return lines


# --- in words -----------------------------------------------------------------------------------


def _explanations(result: dict[str, Any]) -> list[list[str]]:
    lines = []
    for name, one in result["measured"].items():
        ours, gradient = one["ours"], one["gradient"]
        better = one["ours_minus_gradient"]["low"] > 0 and ours["low"] > one["random"]["high"]
        quick = one["seconds"]["median"] <= one["seconds_goal"]
        figure = (
            f"gain {ours['mean']:.2f} [{ours['low']:.2f}, {ours['high']:.2f}], plain gradient"
            f" {gradient['mean']:.2f}, random {one['random']['mean']:.2f};"
            f" {one['seconds']['median']:.1f} s"
        )
        goal = f"better than both; <= {one['seconds_goal']:g} s"
        of = f"{one['rows']} test rows"
        lines.append(
            [f"explanations, {name}", goal, figure, _yes(better and quick), of, _when(one)]
        )
    return lines


def _coverage(result: dict[str, Any]) -> list[list[str]]:
    """As if the promise had been made from endless held rows, and from as many as there were (few
    held rows make the true coverage of a promise itself vary)."""
    sets = result["sets"]
    many = {name: one for name, one in sets.items() if one["held"] >= MANY_HELD}
    few = {name: one for name, one in sets.items() if name not in many}
    alone, both = "interval of the test rows", "interval of held and test rows"
    lines = []
    for words, of, asked, holds in (
        (alone, f"{MANY_HELD} held rows or more", many, lambda one: one["binomial"]),
        (alone, "fewer held rows", few, lambda one: one["binomial"]),
        (both, "all", sets, lambda one: one["kept"] == "exactly"),
    ):
        outside = ", ".join(
            f"{name} {one['coverage']:.3f} of {one['expected']:.3f}"
            for name, one in asked.items()
            if not holds(one)
        )
        inside = sum(map(holds, asked.values()))
        figure = f"{inside} of {len(asked)}" + (f"; outside: {outside}" if outside else "")
        usual = [usually_inside(one) if words == alone else 0.95 for one in asked.values()]
        figure += f" (an exact statement: {sum(usual):.1f} on average)"
        goal = f"what is stated lies in the {words} as often as an exact statement would"
        names = {name.split(",")[0] for name in asked}
        of = f"{len(names)} sets, 3 seeds each: {of}"
        reached = _yes(inside >= fewest_of(usual))
        lines.append(["coverage", goal, figure, reached, of, _when(result)])
    return lines


def fewest_of(chances: Sequence[float]) -> int:
    """How many of these come true at least, 39 times in 40 (Poisson-binomial)."""
    import numpy as np

    counts = np.ones(1)
    for chance in chances:
        counts = np.convolve(counts, [1 - chance, chance])
    return int(np.searchsorted(counts.cumsum(), 0.025))


def usually_inside(one: dict[str, Any]) -> float:
    """How often an exact promise lies in the binomial interval of the test rows: the share of them
    that a threshold from so many held rows covers is itself a draw (Vovk 2012: beta-binomial)."""
    import numpy as np
    from scipy.stats import betabinom

    from pellucid.evidence.intervals import share_interval

    held, rows, expected = round(one["held"]), int(one["rows"]), one["expected"]
    beyond = max(1, round((held + 1) * (1 - expected)))
    counts = np.arange(rows + 1)
    chance = betabinom.pmf(counts, rows, held + 1 - beyond, beyond)
    likely = counts[chance > 1e-9]
    limits = [share_interval(int(count), rows) for count in likely]
    return float(
        sum(
            share
            for share, (low, high) in zip(chance[likely], limits, strict=True)
            if low <= expected <= high
        )
    )


def _labels(result: dict[str, Any]) -> list[list[str]]:
    runs, total = result["rows"], result["mean"]
    ours, theirs = total["ours precision"], total["cleanlab precision"]
    figure = (
        f"precision {ours:.3f}, cleanlab {theirs:.3f}; recall {total['ours recall']:.3f},"
        f" cleanlab {total['cleanlab recall']:.3f}"
    )
    of = f"{len({one['set'] for one in runs})} sets, 2, 5, 10 %, {len(runs)} plantings"
    goal = "precision at least cleanlab's"
    return [["planted wrong labels", goal, figure, _yes(round(ours, 3) >= round(theirs, 3)), of,
             _when(result)]]  # fmt: skip


def _honesty(result: dict[str, Any]) -> list[list[str]]:
    alarms = len(result["false_alarms"])
    figure = f"{result['caught']} of {result['planted']} caught, {alarms} false alarms"
    of = f"{result['sets_without_plant']} sets, as they are and with 5 plants each"
    return [["planted leaks and copies", "", figure, "-", of, _when(result)]]


def _growth(result: dict[str, Any]) -> list[list[str]]:
    lines = []
    for times in ("2 times", "4 times"):
        one = result[times]
        low, high = one["interval"]
        figure = f"{one['in_band']:.0%} [{low:.0%}, {high:.0%}] of the truths in the band"
        goal = f"about {result['band']:.0%}"
        reached = low <= result["band"] <= high
        of = f"{one['forecasts']} forecasts, {one['unknown']} more 'unknown'"
        lines.append([f"more data, {times} the rows", goal, figure, _yes(reached), of,
                      _when(result)])  # fmt: skip
    return lines


def _verdict(result: dict[str, Any]) -> list[list[str]]:
    judged = [one for one in result["sets"] if one["agree"] is not None]
    agreed = mean(one["agree"] for one in judged) if judged else 0.0
    apart = ", ".join(one["set"] for one in judged if not one["agree"])
    figure = f"{sum(one['agree'] for one in judged)} of {len(judged)}" + (
        f"; not: {apart}" if apart else ""
    )
    reached = len(judged) >= 12 and agreed >= 11 / 12
    return [["verdict and 5 x 2 cross-validation", ">= 11 of 12", figure, _yes(reached),
             f"{len(judged)} sets", _when(result)]]  # fmt: skip


WORDS = {
    "explanations": _explanations,
    "coverage": _coverage,
    "labels": _labels,
    "honesty": _honesty,
    "growth": _growth,
    "verdict": _verdict,
}


def _yes(reached: bool) -> str:
    return "yes" if reached else "**no**"


def _when(result: dict[str, Any]) -> str:
    return f"{result['date'][:10]}, {result['commit']}"
