"""Was deep learning needed? The network beside the classical methods."""

from __future__ import annotations

from typing import Any

from pellucid.evidence.worth.verdict import CONSTANT
from pellucid.interfaces.report import charts
from pellucid.interfaces.report.charts import Bar
from pellucid.interfaces.report.facts import Facts
from pellucid.interfaces.report.layout import facts_list, note, section, table
from pellucid.interfaces.report.markup import Child, Html, group, tag
from pellucid.interfaces.report.words import (
    SHARES,
    counted,
    figure,
    interval,
    name,
    number,
    size,
)
from pellucid.interfaces.seconds import in_words
from pellucid.learning.evaluate import higher_is_better

FAR = 3
"""The constant answer is not drawn if the scale would have to be so many times as long."""


def comparison_section(facts: Facts) -> Html:
    title = "Was deep learning needed?"
    verdict = facts.verdict
    if verdict is None:
        return section(
            "verdict", title, note("The run ended before the network was compared with others.")
        )
    everyone = [verdict["network"], *verdict["baselines"]]
    metric = verdict["metric"]
    return section(
        "verdict",
        title,
        tag("p", name(verdict["sentence"]), class_="sentence"),
        _chart(facts, verdict, everyone),
        _table(everyone, metric),
        _reasons(facts),
        _how(facts, verdict),
    )


def _chart(facts: Facts, verdict: dict[str, Any], everyone: list[dict[str, Any]]) -> Html:
    """All figures with their intervals on one scale."""
    metric = verdict["metric"]
    scale = 100 if metric in SHARES else 1
    items = [
        Bar(
            item["name"],
            scale * item["low"],
            scale * item["score"],
            scale * item["high"],
            figure(item["score"], metric),
            strong=index == 0,
        )
        for index, item in enumerate(everyone)
        if None not in (item["low"], item["score"], item["high"])
    ]
    if not items:
        return note("No interval could be computed on these few rows.")
    drawn, far = without_far(items)
    said = ", ".join(f"{item.name} {item.said}" for item in items)
    unit = (facts.summary or {}).get("unit")
    rows = (
        f"{verdict['rows']:,} sealed {unit}"
        if unit
        else counted(verdict["rows"], "sealed test row")
    )
    better = "higher" if higher_is_better(metric) else "lower"
    return charts.figure(
        charts.interval_chart(
            f"{metric}: {said}", drawn, f"{metric}, %" if metric in SHARES else metric
        ),
        group(
            f"{metric} on {rows} with 95% intervals; {better} is better.",
            [
                group(" Too far off to be drawn: ", name(item.name), f", {item.said}.")
                for item in far
            ],
        ),
        "single",
    )


def without_far(items: list[Bar]) -> tuple[list[Bar], list[Bar]]:
    """What to draw, and the constant answer if it lies so far off that all else would touch."""

    def span(some: list[Bar]) -> float:
        return max(item.high for item in some) - min(item.low for item in some)

    near = [item for item in items if item.name != CONSTANT]
    if len(near) < 2 or span(items) < FAR * span(near):
        return items, []
    return near, [item for item in items if item.name == CONSTANT]


def _table(everyone: list[dict[str, Any]], metric: str) -> Html:
    rows: list[list[Child]] = [
        [
            name(item["name"]),
            figure(item["score"], metric),
            interval(item["low"], item["high"], metric),
            figure(item.get("valid_score"), metric),
            in_words(item["seconds"]) if item.get("seconds") is not None else "–",
            f"{number(item['ms_per_row'])} ms" if item.get("ms_per_row") is not None else "–",
            size(item.get("bytes")),
        ]
        for item in everyone
    ]
    heads = [
        "method",
        f"{metric}, test",
        "95% interval",
        "held-out rows",
        "training",
        "one answer",
        "size",
    ]
    return table("All methods", heads, rows, numbers=(1, 2, 3, 4, 5, 6))


def _reasons(facts: Facts) -> Html | None:
    """Why each method is as it is."""
    pairs: list[tuple[Child, Child]] = [
        (name(item["name"]), name(item["why"]))
        for item in facts.info.get("baselines") or []
        if item.get("why")
    ]
    if not pairs:
        return None
    own = (facts.plan.get("why") or {}).get("network")
    mine: list[tuple[Child, Child]] = [("network", name(own))] if own else []
    return group(tag("h3", "How each was set up"), facts_list([*mine, *pairs]))


def _how(facts: Facts, verdict: dict[str, Any]) -> Html:
    difference, metric = verdict.get("difference"), verdict["metric"]
    looks = facts.info.get("looks_at_test")
    points = [
        "All methods learned from the same rows, and answered the same test rows.",
        group(
            "The network was compared with one of them only, ",
            name(difference["versus"]),
            f": {verdict.get('chosen', 'the best one on rows that were held out')}. Choosing it on "
            "the test rows would be choosing by luck.",
        )
        if difference
        else "There was no classical method to compare with.",
        _difference(difference, metric) if difference else None,
        f"The test rows were looked at {'once' if looks == 1 else f'{looks} times'}."
        if looks
        else None,
        group("Kept for use: ", name(facts.info["kept"]), ".") if facts.info.get("kept") else None,
    ]
    return group(
        tag("h3", "How they were compared"),
        tag("ul", [tag("li", point) for point in points if point]),
    )


def _difference(difference: dict[str, Any], metric: str) -> str:
    scale, unit = (100, " points") if metric in SHARES else (1, f" in {metric}")
    low, high = difference.get("low"), difference.get("high")
    if low is None or high is None:
        return "Their difference can't be measured on so few rows."
    p = difference.get("p")
    exact = f"; exact McNemar p = {number(float(p))}" if p is not None else ""
    ahead = "better" if difference["value"] >= 0 else "worse"
    return (
        f"The network is {number(abs(scale * difference['value']))}{unit} {ahead}; 95% interval "
        f"of its advantage {number(scale * low)} to {number(scale * high)} (paired bootstrap: both "
        f"are measured on the same resampled test rows{exact}). Only an interval that leaves "
        "out 0 is called a difference."
    )
