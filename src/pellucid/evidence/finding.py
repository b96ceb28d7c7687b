"""A finding: what a piece of evidence says, in one form that every interface can show.

The sentence comes first, then what it rests on. Terminal, report, JSON and studio all show the
same finding, so that a figure can't differ between them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

ORDER = (
    "calibration",
    "sets",
    "sureness",
    "unlike",
    "choice",
    "explanations",
    "features",
    "overfitting",
    "data",
    "labels",
    "duplicates",
    "honesty",
    "cost",
)
"""Names of the studies, in the order in which a person reads them; `studies.py` loads them."""

LOOKS_AT_TEST = frozenset(
    {"calibration", "sets", "sureness", "unlike", "explanations", "labels", "duplicates", "honesty"}
)
"""Studies that ask the sealed test rows again; each time is counted in the run."""

Cell = str | float | int | None


@dataclass(frozen=True)
class Table:
    """Rows of text and numbers. row_numbers: the example that each row is about, if it is about
    one, so that an interface can draw it."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    row_numbers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Line:
    """One course in a chart: `(points,)` each; low and high draw a band around it."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()


@dataclass(frozen=True)
class Chart:
    """Lines, points or bars over a common axis. log: whether x grows by factors."""

    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    kind: Literal["lines", "points", "bars"] = "lines"
    log: bool = False
    marks: tuple[tuple[float, str], ...] = ()
    """Places on the x axis worth naming: (x, words)."""


@dataclass(frozen=True)
class Picture:
    """Something to look at. title: what it is. drawings: name -> `{"kind", "data"}`, side by side.

    Kinds are those of `recipe/drawings.py` (image, text, audio, series, number, words) and
        boxes    {"png", "width", "height", "boxes": [{"label", "x", "y", "width", "height",
                 "probability"?, "true"?: whether it is the truth}]}, in pixels of the picture
        matrix   {"rows": [names], "columns": [names], "values": [[0 to 1]]}
        marked   {"parts": [{"text", "weight": -1 to 1}]}, a text whose parts count so much
        points   {"x": [...], "y": [...], "labels": [...], "groups": [...]}, a map
    """

    title: str
    drawings: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Finding:
    """What one piece of evidence says.

    part: its name on the command line. title: a heading. sentence: the answer in plain words, for
    somebody who has never heard of the method. notes: what it rests on, assumes and can't show.
    figures: everything measured, JSON-able, for machines. known: whether there is an answer at
    all; if not, the sentence says why and what would help.
    """

    part: str
    title: str
    sentence: str
    notes: tuple[str, ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    known: bool = True
    seconds: float = 0.0
    pictures: tuple[Picture, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The finding as dicts and lists; what is not finite becomes null."""
        return plain(vars(self))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Finding:
        tables = tuple(
            Table(
                one["title"],
                tuple(one["header"]),
                tuple(tuple(row) for row in one["rows"]),
                tuple(one["row_numbers"]),
            )
            for one in data["tables"]
        )
        charts = tuple(
            Chart(
                one["title"],
                one["x"],
                one["y"],
                tuple(_line(line) for line in one["lines"]),
                one["kind"],
                one["log"],
                tuple((float(x), str(words)) for x, words in one["marks"]),
            )
            for one in data["charts"]
        )
        rest = {key: data[key] for key in ("part", "title", "sentence", "known", "seconds")}
        return cls(
            **rest,
            notes=tuple(data["notes"]),
            figures=data["figures"],
            tables=tables,
            charts=charts,
            pictures=tuple(
                Picture(one["title"], one["drawings"]) for one in data.get("pictures", [])
            ),
        )


def unknown(part: str, title: str, why: str) -> Finding:
    """There is no honest answer for this data; `why` is a whole sentence."""
    return Finding(part, title, why, known=False)


def _line(data: dict[str, Any]) -> Line:
    values = {
        name: tuple(np.nan if value is None else float(value) for value in data[name])
        for name in ("x", "y", "low", "high")
    }
    return Line(data["name"], **values)


def plain(value: Any) -> Any:
    """Dicts, lists, strings and numbers only; JSON has no NaN, so that becomes None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Table | Chart | Line | Picture):
        return plain(vars(value))
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
