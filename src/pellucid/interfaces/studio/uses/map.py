"""Asking where on the map something lies, and beside what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from pellucid.errors import DataError
from pellucid.evidence.finding import Finding, Picture, Table
from pellucid.interfaces.studio.uses.desk import (
    Asked,
    Desk,
    Field,
    Reply,
    Way,
    column_fields,
    few_rows,
    row_of,
    table_of,
)
from pellucid.uses.map.answerer import Mapper

MOST_ROWS = 200
MOST_POINTS = 600
NEAR = 6
YOURS = "yours"


class MapDesk(Desk[Mapper]):
    """See the module."""

    def ways(self) -> list[Way]:
        fields = column_fields(self.model.columns)
        one = Way("example", "One example", "Where is it?", fields)
        if any(column.modality in ("image", "audio") for column in self.model.columns):
            return [one]
        table = Field("table", "table", f"A table; up to {MOST_ROWS} rows are answered")
        return [one, Way("table", "A table", "Where are they?", [table], why=False)]

    def answer(self, asked: Asked) -> Reply:
        if asked.way == "table":
            given, rows = few_rows(asked.file("table", "table"), MOST_ROWS)
            lines = self.model.predict(given, asked.model)
            shown = table_of(lines, "Row by row", ("answer", "probability", "x", "y"))
            sentence = f"{len(lines):,} rows are on the map."
            found = Finding("answer", "Where they lie", sentence, tables=(shown,))
            return Reply(lines, self._with_points(found, lines, asked), rows)
        lines = self.model.predict(row_of(asked, self.model.columns), asked.model)
        if "error" in lines[0]:
            error = lines[0]["error"]
            raise DataError(error["what"], where=error["where"], fix=error["fix"])
        line = lines[0]
        said = "There are no clusters on this map."
        if line["answer"] is not None:
            said = f"It falls into cluster {line['answer']} ({line['probability']:.0%})."
        space, names = self.model.of(asked.model), self.model.names
        here = np.array([line["x"], line["y"]])
        order = np.argsort(((space.flat - here) ** 2).sum(1), kind="stable")[:NEAR].tolist()
        near = tuple(
            (names[one] if names else str(one), float(np.hypot(*(space.flat[one] - here))))
            for one in order
        )
        said += f" Nearest on the map is {near[0][0]}."
        table = Table("What lies beside it", ("example", "distance on the map"), near)
        found = Finding("answer", "Where it lies", said, tables=(table,))
        return Reply(lines, self._with_points(found, lines, asked))

    def why(self, asked: Asked) -> Finding:
        return self.model.explain(row_of(asked, self.model.columns), 0, asked.seconds)

    def _with_points(self, found: Finding, lines: list[dict[str, Any]], asked: Asked) -> Finding:
        """The map with what was asked on it, last, so that nothing lies over it."""
        space, names = self.model.of(asked.model), self.model.names
        some = np.arange(0, len(space.flat), max(1, -(-len(space.flat) // MOST_POINTS)))
        groups = [""] * len(some)
        if space.grouping.count:
            groups = [f"cluster {one + 1}" for one in space.clusters(space.anchors[some])[0]]
        mine = [line for line in lines if "x" in line]
        data = {
            "x": [*space.flat[some, 0].tolist(), *(line["x"] for line in mine)],
            "y": [*space.flat[some, 1].tolist(), *(line["y"] for line in mine)],
            "labels": [*(names[one] if names else str(one) for one in some), *[YOURS] * len(mine)],
            "groups": [*groups, *[YOURS] * len(mine)],
        }
        points = Picture("The map", {"map": {"kind": "points", "data": data}})
        return replace(found, pictures=(points,))
