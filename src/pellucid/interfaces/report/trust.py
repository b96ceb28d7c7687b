"""How far to trust it: what `pellucid study` found, one finding after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.evidence.finding import ORDER, Chart, Finding, Line, Table
from pellucid.interfaces.report import charts
from pellucid.interfaces.report.charts import LETTER, WIDTH, Curve, Scale
from pellucid.interfaces.report.facts import Facts
from pellucid.interfaces.report.layout import note, section, table, typed_out
from pellucid.interfaces.report.markup import Child, Html, group, tag
from pellucid.interfaces.report.words import counted, listed, name, number

LOOKS = ("train", "valid", "channel-2", "channel-3")
MOST_ROWS = 15


def trust_section(facts: Facts) -> Html:
    """Every study that was made of this run, and how to make the others."""
    found = [finding_part(finding) for finding in facts.findings]
    missing = [part for part in ORDER if part not in {one.part for one in facts.findings}]
    if not missing:
        return section("trust", "How far to trust it", *found)
    asked = note(
        f"{'More can be asked' if found else 'Much can be asked'} of this run, in seconds to"
        f" minutes: {listed(missing)}."
    )
    command = typed_out("the command that studies this run", f"pellucid study {facts.run.path}")
    return section("trust", "How far to trust it", *found, asked, command)


def finding_part(finding: Finding) -> Html:
    """One finding under its own heading: the sentence, charts, tables, what it rests on."""
    return group(
        tag("h3", finding.title, id=f"trust-{finding.part}"),
        tag("p", name(finding.sentence), class_="sentence" if finding.known else "note"),
        [_chart(chart) for chart in finding.charts],
        [_table(one) for one in finding.tables],
        tag("ul", [tag("li", name(text)) for text in finding.notes]) if finding.notes else None,
    )


def _table(one: Table) -> Html:
    rows: list[Sequence[Child]] = [[_cell(cell) for cell in row] for row in one.rows[:MOST_ROWS]]
    numeric = [
        place
        for place in range(len(one.header))
        if all(isinstance(row[place], int | float | None) for row in one.rows)
    ]
    more = len(one.rows) - MOST_ROWS
    return group(
        tag("p", tag("b", name(one.title))),
        table(one.title, [name(head) for head in one.header], rows, numbers=numeric),
        note(f"and {counted(more, 'more row')}") if more > 0 else None,
    )


def _cell(cell: object) -> Child:
    if cell is None:
        return "–"
    return number(cell) if isinstance(cell, int | float) else name(cell)


def _chart(chart: Chart) -> Html:
    drawn = _bars(chart) if chart.kind == "bars" else _lines(chart)
    if not drawn:
        return drawn
    keys = [
        group(tag("span", class_=f"key {look}", aria_hidden="true"), " ", name(line.name), " ")
        for line, look in zip(chart.lines, _looks(chart.lines))
    ]
    legend = keys if len(chart.lines) > 1 and chart.kind != "bars" else None
    return charts.figure(drawn, group(name(chart.title), ". ", legend), "single")


def _looks(lines: Sequence[Line]) -> list[str]:
    return [LOOKS[min(index, len(LOOKS) - 1)] for index in range(len(lines))]


def _lines(chart: Chart) -> Html:
    """Lines or points, with a band around those that have one."""
    lines = [line for line in chart.lines if len(line.x)]
    every = np.array([v for line in lines for v in (*line.y, *line.low, *line.high)], dtype=float)
    every = every[np.isfinite(every)]
    if not len(every):
        return Html("")
    low, high = float(every.min()), float(every.max())
    pad = 0.05 * (high - low) or 0.5
    height = 260.0
    y = Scale(low - pad, high + pad, height - 34, 24)
    left = 14 + LETTER * max(map(len, y.labels()), default=1)
    start = min(min(line.x) for line in lines)
    end = max(max(line.x) for line in lines)
    x = Scale(start, end if end > start else start + 1, left, WIDTH - 12, chart.log and start > 0)
    drawn = [
        _one(line, look, x, y, points=chart.kind == "points")
        for line, look in zip(lines, _looks(lines))
    ]
    return charts.drawing(
        chart.title,
        WIDTH,
        height,
        charts.across_axis(x, y, chart.x),
        charts.upward_axis(x, y, y.labels()),
        group(drawn),
        group(charts.marked(mark, x, y) for mark in chart.marks if start <= mark[0] <= end),
        tag("text", chart.y, x=f"{x.start:.1f}", y=11, class_="label"),
    )


def _one(line: Line, look: str, x: Scale, y: Scale, *, points: bool) -> Html:
    curve = charts.finite(Curve(line.name, np.array(line.x), np.array(line.y), look))
    band = Html("")
    if line.low and not points:
        places = x(np.array(line.x))
        top, bottom = y(np.array(line.high)), y(np.array(line.low))
        known = np.isfinite(top) & np.isfinite(bottom)
        around = np.concatenate([places[known], places[known][::-1]])
        heights = np.concatenate([top[known], bottom[known][::-1]])
        band = tag("path", d=charts.path(around, heights) + "Z", class_=f"band {look}")
    elif line.low:
        ends = zip(x(np.array(line.x)), y(np.array(line.low)), y(np.array(line.high)))
        d = "".join(f"M{place:.1f} {a:.1f}V{b:.1f}" for place, a, b in ends)
        band = tag("path", d=d, class_="whisker")
    if points:
        dots = [
            tag("circle", cx=f"{a:.1f}", cy=f"{b:.1f}", r=3.5, class_=f"dot {look}")
            for a, b in zip(x(curve.x), y(curve.y))
        ]
        return group(band, dots)
    return group(band, charts.line(curve, x, y))


def _bars(chart: Chart) -> Html:
    """The first line as columns over their places."""
    if not chart.lines or not chart.lines[0].y:
        return Html("")
    xs, ys = np.array(chart.lines[0].x), np.array(chart.lines[0].y)
    height = 220.0
    y = Scale(min(0.0, float(ys.min())), max(0.0, float(ys.max())) * 1.05 or 1.0, height - 34, 24)
    left = 14 + LETTER * max(map(len, y.labels()), default=1)
    step = float(np.diff(np.sort(xs)).min()) if len(xs) > 1 else 1.0
    x = Scale(float(xs.min()) - step / 2, float(xs.max()) + step / 2, left, WIDTH - 12)
    zero = float(y(0.0))
    rects = "".join(
        f"M{float(x(a - 0.4 * step)):.1f} {zero:.1f}V{float(y(b)):.1f}"
        f"H{float(x(a + 0.4 * step)):.1f}V{zero:.1f}z"
        for a, b in zip(xs, ys)
    )
    return charts.drawing(
        chart.title,
        WIDTH,
        height,
        charts.upward_axis(x, y, y.labels()),
        tag("path", d=rects, class_="bars"),
        charts.across_axis(x, y, chart.x),
        tag("text", chart.y, x=f"{x.start:.1f}", y=11, class_="label"),
    )
