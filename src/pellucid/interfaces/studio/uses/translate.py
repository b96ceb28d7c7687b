"""Asking for a translation: a line, or several."""

from __future__ import annotations

from dataclasses import replace

from pellucid.errors import ConfigError
from pellucid.evidence.finding import Finding
from pellucid.interfaces.studio.uses.desk import Asked, Desk, Field, Reply, Way, table_of
from pellucid.uses.translate.answerer import Translator

MOST_LINES = 40
LONGEST_LINE = 1_000


class TranslateDesk(Desk[Translator]):
    """See the module."""

    def ways(self) -> list[Way]:
        ours, theirs = self.model.names
        field = Field("text", "text", f"{ours}: one text a line", watched=ours)
        return [Way("text", f"{ours} to {theirs}", "Translate", [field])]

    def answer(self, asked: Asked) -> Reply:
        lines = self._lines(asked)
        rows = [{self.model.names[0]: line} for line in lines]
        found = self.model.predict(rows, asked.model)
        sure = f" ({found[0]['probability']:.0%} sure)" if "probability" in found[0] else ""
        told = [{**one, "text": text} for one, text in zip(found, lines, strict=True)]
        keys = ("text", "answer", *(["probability"] if sure else []))
        shown = Finding(
            "answer",
            "The translation",
            f"{found[0]['answer']}{sure}",
            tables=(table_of(told, "All lines", keys),) if len(lines) > 1 else (),
        )
        if len(lines) == 1:
            # What each word of the answer looked at, without the test of what it rests on.
            looked = self.model.explain(rows, 0, seconds=0.1).pictures[-1:]
            shown = replace(shown, pictures=looked)
        return Reply(found, shown, len(lines))

    def why(self, asked: Asked) -> Finding:
        row = {self.model.names[0]: self._lines(asked)[0]}
        return self.model.explain([row], 0, asked.seconds)

    def _lines(self, asked: Asked) -> list[str]:
        text = asked.needed("text", "text")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        longest = max(map(len, lines))
        if len(lines) > MOST_LINES or longest > LONGEST_LINE:
            raise ConfigError(
                f"{len(lines)} lines of at most {longest:,} characters are too much at once",
                where="text",
                fix=f"give up to {MOST_LINES} lines of {LONGEST_LINE:,} characters each; for more: "
                "pellucid predict RUN FILE",
            )
        return lines
