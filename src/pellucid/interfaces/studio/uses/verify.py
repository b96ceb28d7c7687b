"""Asking whether two are the same, who somebody is, and what is alike."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data.columns import Loaded
from pellucid.data.read import read_for_prediction
from pellucid.errors import ConfigError, DataError
from pellucid.evidence.finding import Finding, Picture, Table
from pellucid.interfaces.studio.upload import cleaned
from pellucid.interfaces.studio.uses.desk import READS, Asked, Desk, Field, Kind, Reply, Way, drawn
from pellucid.uses.verify.answerer import VerifyAnswerer

ALIKE = 8
PAIR = ("one", "other")


class VerifyDesk(Desk[VerifyAnswerer]):
    """See the module."""

    @property
    def kind(self) -> Kind:
        """What its examples are; series come as tables."""
        return READS.get(self.model.column.modality, "table")  # type: ignore[return-value]

    def ways(self) -> list[Way]:
        one, other = (Field(name, self.kind, f"The {name} example") for name in PAIR)
        ways = [Way("pair", "Compare two", "Compare", [one, other])]
        if self.kind == "table":
            return ways
        example = Field("one", self.kind, "An example")
        return [
            *ways,
            Way("search", "Search by example", "Search", [example], why=False),
            Way(
                "enroll",
                "Show it somebody",
                "Remember",
                [Field("name", "line", "Name"), example],
                why=False,
            ),
        ]

    def answer(self, asked: Asked) -> Reply:
        if asked.way == "search":
            return self._search(asked)
        return self._enroll(asked) if asked.way == "enroll" else self._compare(asked)

    def why(self, asked: Asked) -> Finding:
        return self.model.explain(self._pair(asked), 0, asked.seconds)

    def _pair(self, asked: Asked) -> list[str]:
        return [str(asked.file(name, self.kind)) for name in PAIR]

    def _compare(self, asked: Asked) -> Reply:
        paths = self._pair(asked)
        lines = self.model.predict(paths, asked.model)
        if "error" in lines[0]:
            error = lines[0]["error"]
            raise DataError(error["what"], where=error["where"], fix=error["fix"])
        chance = lines[0]["probability"]
        title = "The same" if lines[0]["answer"] == "same" else "Different"
        sentence = f"{title}: the probability that both show the same is {chance:.1%}."
        drawings = {
            name: drawn(self.model.column, self._read(path))
            for name, path in zip(PAIR, paths, strict=True)
        }
        shown = Finding(
            "answer",
            title,
            sentence,
            figures={"probability": chance},
            pictures=(Picture("The two", drawings),),
        )
        return Reply(lines, shown, len(lines))

    def _search(self, asked: Asked) -> Reply:
        """The examples that it keeps, and those that it was shown, by likeness."""
        path = asked.file("one", self.kind)
        loaded = self._read(str(path))
        who, sureness = self.model.judge(asked.model)
        here = self.model.points(loaded, who)[0]
        gallery, kept = self.model.gallery, self.model.reference
        named = [*gallery.names, *(kept.names if who == "network" else [])]
        places = [*gallery.places, *(kept.places if who == "network" else [])]
        points = [gallery.points[who]] if len(gallery) else []
        points += [kept.points] if who == "network" else []
        if not named:
            raise ConfigError(
                "it keeps nothing to compare with", where=path.name, fix="show it somebody first"
            )
        likeness = np.concatenate(points).astype(np.float64) @ here
        chances = sureness.probability(likeness)
        order = np.argsort(-likeness, kind="stable")[:ALIKE]
        rows = tuple(
            (named[place], places[place], float(likeness[place]), f"{chances[place]:.1%}")
            for place in order.tolist()
        )
        lines: list[dict[str, Any]] = [
            {
                "row": 0,
                "nearest": [
                    {"name": row[0], "place": row[1], "probability": float(chances[place])}
                    for row, place in zip(rows, order.tolist(), strict=True)
                ],
            }
        ]
        sentence = f"Most alike is {rows[0][0]} ({rows[0][3]} that it is the same)."
        if len(gallery):
            (line,) = self.model.predict(str(path), asked.model)
            lines[0] = {**lines[0], **line, "nearest": lines[0]["nearest"]}
            sentence = f"Of those it was shown, this is {line['answer']}. {sentence}"
        table = Table("What is alike", ("who", "which", "likeness", "the same"), rows)
        drawing = {"example": drawn(self.model.column, loaded)}
        shown = Finding(
            "answer",
            "Who and what is alike",
            sentence,
            tables=(table,),
            pictures=(Picture(path.name, drawing),),
        )
        return Reply(lines, shown)

    def _enroll(self, asked: Asked) -> Reply:
        name, path = asked.needed("name", "name"), asked.file("one", self.kind)
        with tempfile.TemporaryDirectory(prefix="pellucid-studio-") as folder:
            own = Path(folder) / "people" / cleaned(name).name
            own.mkdir(parents=True)
            shutil.copyfile(path, own / path.name)
            found = self.model.enroll(own.parent)
        told = ", ".join(found["known"][:12])
        sentence = f"{found['identities'][0]} is remembered, without training. It knows: {told}."
        note = "Whoever is shown again under the same name is replaced. The picture is not kept."
        shown = Finding("answer", "Remembered", sentence, notes=(note,))
        return Reply([{"row": 0, "identities": found["identities"]}], shown)

    def _read(self, path: str) -> Loaded:
        from pellucid.data.modalities import MODALITIES

        column = self.model.column
        table = read_for_prediction(path, [column.name])
        loaded = MODALITIES[column.modality].load(table.column(column.name), self.model.layout)
        if loaded.problems:
            raise DataError(
                loaded.problems[0],
                where=Path(path).name,
                fix="give a file that opens in other programs",
            )
        return loaded
