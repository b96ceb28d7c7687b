"""Asking for a future: of a series that the model knows, or with a table to fill in."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.errors import ConfigError
from pellucid.evidence.finding import Chart, Finding, Line
from pellucid.interfaces.studio.uses.desk import (
    MOST_NAMES,
    Asked,
    Desk,
    Field,
    Reply,
    Way,
    few_rows,
    known,
    table_of,
)
from pellucid.uses.forecast.answerer import ForecastAnswerer
from pellucid.uses.forecast.windows import Windows

MOST_ROWS = 20_000
"""Rows of a table, most of which may continue the past."""
SHOWN_ROWS = 200
KEYS = ("time", "answer", "low", "high")


class ForecastDesk(Desk[ForecastAnswerer]):
    """See the module."""

    def ways(self) -> list[Way]:
        names, ids = self.model.history.names, self.model.roles.ids
        series = Field("series", "choice", "Series", names[0], names[:MOST_NAMES])
        # A row can be asked about only where one column names the series and another the time.
        why = self.model.roles.time is not None and len(ids) <= 1
        return [
            Way(
                "series",
                "Go on with a series",
                "Show what comes",
                [*([series] if len(names) > 1 else []), self._steps()],
                why,
            ),
            Way(
                "table",
                "Fill in a table",
                "Fill it in",
                [Field("table", "table", "A table with times to fill in; newer values go on")],
                why=False,
            ),
        ]

    def _steps(self) -> Field:
        most = self.model.frame.horizon
        label = f"How many {self.model.frame.spacing.step}s ahead"
        return Field("steps", "number", label, most, low=1, high=most)

    def answer(self, asked: Asked) -> Reply:
        return self._filled_in(asked) if asked.way == "table" else self._to_come(asked)

    def why(self, asked: Asked) -> Finding:
        one, steps = self._chosen(asked)
        key, column = self.model.history.keys[one]
        if column != self.model.roles.values[0]:
            raise ConfigError(
                f"only '{self.model.roles.values[0]}' can be explained here",
                where=column,
                fix="pellucid explain RUN TABLE explains the rows of a table",
            )
        row = {str(self.model.roles.time): [self._times(one, steps)[-1]]}
        row |= {name: [key] for name in self.model.roles.ids}
        return self.model.explain(row, 0, asked.seconds)

    def _chosen(self, asked: Asked) -> tuple[int, int]:
        names = self.model.history.names
        one = known(asked.text("series") or names[0], names, "series")
        return one, round(asked.number(self._steps()))

    def _times(self, one: int, steps: int) -> list[str]:
        frame = self.model.frame
        last = frame.start + int(self.model.history.last[one])
        return [frame.spacing.text(last + 1 + step) for step in range(steps)]

    def _to_come(self, asked: Asked) -> Reply:
        one, steps = self._chosen(asked)
        history, frame = self.model.history, self.model.frame
        windows = Windows(np.array([one]), history.last[[one]])
        found = self.model.answers(history, windows, self.model.who(asked.model))
        middle, low, high = (part[0, :steps] for part in (found.middle, found.low, found.high))
        lines: list[dict[str, Any]] = [
            {
                "row": row,
                "answer": float(middle[row]),
                "low": float(low[row]),
                "high": float(high[row]),
                **({"series": history.names[one]} if len(history.names) > 1 else {}),
                "time": time,
            }
            for row, time in enumerate(self._times(one, steps))
        ]
        last = int(history.last[one])
        back = min(last - int(history.first[one]), max(3 * frame.horizon, 2 * frame.season))
        past = np.arange(last - back, last + 1)
        value = float(history.values[one, last])
        chart = Chart(
            f"{history.names[one]}: what is known, and what comes",
            f"{frame.spacing.step}s after {frame.spacing.text(frame.start + last)}",
            "value",
            (
                Line(
                    "known",
                    tuple(map(float, past - last)),
                    tuple(map(float, history.values[one, past])),
                ),
                Line(
                    "to come, with 80% bands",
                    tuple(map(float, range(steps + 1))),
                    (value, *middle.tolist()),
                    (value, *low.tolist()),
                    (value, *high.tolist()),
                ),
            ),
        )
        sentence = (
            f"{history.names[one]} at {lines[-1]['time']}: {middle[-1]:.4g}, with 80% between "
            f"{low[-1]:.4g} and {high[-1]:.4g}."
        )
        table = table_of(lines, "The next steps", KEYS)
        shown = Finding("answer", "What comes", sentence, tables=(table,), charts=(chart,))
        return Reply(lines, shown, steps)

    def _filled_in(self, asked: Asked) -> Reply:
        table, rows = few_rows(asked.file("table", "table"), MOST_ROWS)
        lines = self.model.predict(table, asked.model)
        told = [line for line in lines if not line.get("given")]
        failed = sum("error" in line for line in lines)
        sentence = f"{len(told) - failed:,} of {len(lines):,} rows are filled in."
        if failed:
            first = next(line["error"]["what"] for line in lines if "error" in line)
            sentence += f" {failed:,} can't be: {first}."
        keys = ("series", *KEYS) if any("series" in line for line in lines) else KEYS
        shown = table_of(told[:SHOWN_ROWS], "The table, filled in", keys)
        return Reply(lines, Finding("answer", "What comes", sentence, tables=(shown,)), rows)
