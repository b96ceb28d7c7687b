"""Asking how strange something is, and where."""

from __future__ import annotations

from dataclasses import replace

from pellucid.errors import DataError
from pellucid.evidence.finding import Finding
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
from pellucid.uses.anomaly.answerer import AnomalyAnswerer

MOST_ROWS = 200


class AnomalyDesk(Desk[AnomalyAnswerer]):
    """See the module."""

    def ways(self) -> list[Way]:
        fields = column_fields(self.model.columns)
        one = Way("example", "One example", "How strange?", fields, why=False)
        if any(column.modality in ("image", "audio") for column in self.model.columns):
            return [one]
        table = Field("table", "table", f"A table; up to {MOST_ROWS} rows are answered")
        return [one, Way("table", "A table", "How strange?", [table], why=False)]

    def answer(self, asked: Asked) -> Reply:
        """Of one example also where it is strange."""
        if asked.way == "table":
            return self._of_table(asked)
        source = row_of(asked, self.model.columns)
        lines = self.model.predict(source, asked.model)
        if "error" in lines[0]:
            error = lines[0]["error"]
            raise DataError(error["what"], where=error["where"], fix=error["fix"])
        shown = self.model.explain(source, 0, asked.seconds)
        title = "An anomaly" if lines[0]["answer"] == "anomaly" else "Normal"
        sentence = shown.sentence[:1].upper() + shown.sentence[1:]
        shown = replace(shown, part="answer", title=title, sentence=sentence)
        return Reply(lines, shown, len(lines))

    def why(self, asked: Asked) -> Finding:
        return self.model.explain(row_of(asked, self.model.columns), 0, asked.seconds)

    def _of_table(self, asked: Asked) -> Reply:
        table, rows = few_rows(asked.file("table", "table"), MOST_ROWS)
        lines = self.model.predict(table, asked.model)
        strange = sum(line.get("answer") == "anomaly" for line in lines)
        order = sorted(lines, key=lambda line: line.get("p_value", 2.0))
        shown = Finding(
            "answer",
            "How strange the rows are",
            f"{strange:,} of {len(lines):,} rows are anomalies.",
            tables=(table_of(order, "The strangest first", ("answer", "p_value", "score")),),
        )
        return Reply(lines, shown, rows)
