"""A finding in the terminal: the sentence, what it rests on, tables and small charts."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator

from pellucid.evidence.finding import Cell, Chart, Finding, Table
from pellucid.interfaces.show import bar, sparkline

MOST_ROWS = 12
WIDEST_CELL = 48


def show_finding(finding: Finding) -> None:
    """Print a finding as a person reads it."""
    print("\n".join(lines_of(finding)))


def lines_of(finding: Finding) -> list[str]:
    """The lines of a finding, at most as wide as the terminal."""
    width = min(100, shutil.get_terminal_size((88, 24)).columns)
    found = ["", finding.title, "─" * len(finding.title)]
    found += textwrap.wrap(finding.sentence, width)
    for chart in finding.charts:
        found += ["", *_chart(chart)]
    for table in finding.tables:
        found += ["", *_table(table)]
    for note in finding.notes:
        found += textwrap.wrap(note, width, initial_indent="  · ", subsequent_indent="    ")
    return found


def _table(table: Table) -> Iterator[str]:
    rows = [[said(cell) for cell in row] for row in table.rows[:MOST_ROWS]]
    widths = [max(map(len, column)) for column in zip(table.header, *rows, strict=True)]
    numeric = [
        all(isinstance(row[place], int | float | None) for row in table.rows)
        for place in range(len(table.header))
    ]

    def line(cells: list[str]) -> str:
        return "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        ).rstrip()

    yield table.title
    yield "  " + line(list(table.header))
    for row in rows:
        yield "  " + line(row)
    if len(table.rows) > MOST_ROWS:
        yield f"  … and {len(table.rows) - MOST_ROWS:,} more"


def _chart(chart: Chart) -> Iterator[str]:
    yield f"{chart.title} ({chart.y} over {chart.x})"
    if chart.kind == "bars":
        yield from _bars(chart)
        return
    width = max((len(line.name) for line in chart.lines), default=0)
    for line in chart.lines:
        if line.y:
            ends = f"{said(line.y[0])} {sparkline(list(line.y), 40)} {said(line.y[-1])}"
            yield f"  {line.name:<{width}}  {ends}"
    for place, words in chart.marks:
        yield f"  at {chart.x} {said(place)}: {words}"


def _bars(chart: Chart) -> Iterator[str]:
    for line in chart.lines:
        most = max((abs(value) for value in line.y), default=0.0) or 1.0
        for x, y in zip(line.x, line.y, strict=True):
            yield f"  {said(x):>10}  {bar(abs(y) / most)} {said(y)}"


def said(cell: Cell) -> str:
    """A cell as text: numbers short, long texts cut.

    >>> said(0.123456), said(12), said(None), said("a")
    ('0.123', '12', '', 'a')
    """
    if cell is None or cell != cell:
        return ""
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 and cell.is_integer() else f"{cell:.3g}"
    if isinstance(cell, int):
        return f"{cell:,}"
    text = " ".join(cell.split())
    return text if len(text) <= WIDEST_CELL else text[: WIDEST_CELL - 1] + "…"
