"""Where in an example the strangeness is: what would make it normal?

Each piece (a column, a patch, a stretch) is repaired by itself: replaced with what is usual there.
How much the score falls is what the piece counts. Whether that is faithful is tested: repairing
the pieces in this order must lower the score faster than repairing them in random orders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.data.columns import Column, Loaded
from pellucid.data.modalities import MODALITIES
from pellucid.evidence.finding import Chart, Finding, Line, Picture, Table
from pellucid.recipe.drawings import as_json, png
from pellucid.tasks.anomaly import HiddenPatches
from pellucid.uses.anomaly.promise import Promise
from pellucid.uses.anomaly.repair import CellRepair, FieldRepair, Repair
from pellucid.uses.anomaly.score import Scorer, smoothed
from pellucid.uses.taken import Taken, take_away

SHOWN = 8
BATCH = 64

Strangeness = Callable[[dict[str, Loaded]], np.ndarray]


@dataclass(frozen=True)
class Where:
    """Which pieces make one example strange.

    names: of the pieces. places: column numbers, (start, end) steps, or (top, left, bottom, right).
    taken: by how much the score falls if each piece is repaired, and the test of that. usual: what
    was put there instead, in words; '' for pictures and the like. cells: how improbable each part
    is. expected: a whole picture as the network would have it.
    """

    who: str
    score: float
    p_value: float
    strange: bool
    modality: str
    names: list[str]
    places: list[tuple[int, ...]]
    taken: Taken
    usual: list[str]
    cells: np.ndarray
    expected: np.ndarray | None

    def finding(self, place: str, columns: Sequence[Column], loaded: dict[str, Loaded]) -> Finding:
        """What a person should see."""
        taken = self.taken
        order = taken.order
        best = int(order[0])
        total = max(float(taken.guided[0] - taken.guided.min()), 1e-12)
        answer = "an anomaly" if self.strange else "normal"
        often = f"{1000 * self.p_value:.{0 if self.p_value >= 0.001 else 2}f}"
        usual = f", where {self.usual[best]} is usual" if self.usual[best] else ""
        sentence = (
            f"{place} is {answer}: of 1,000 normal examples about {often} look as strange."
            f" What stands out most is {self.names[best]}{usual}."
        )
        rows = tuple(
            (
                self.names[piece],
                self.usual[piece] or None,
                float(taken.values[piece]),
                f"{max(0.0, float(taken.values[piece])) / total:.0%}",
            )
            for piece in order[:SHOWN].tolist()
        )
        table = Table(
            "What makes it strange",
            ("piece", "usual", "score falls by", "of what repairing can do"),
            rows,
        )
        chart = Chart(
            "Repairing piece after piece",
            "pieces repaired, share",
            "score",
            (
                Line("the strangest first", tuple(taken.shares), tuple(taken.guided)),
                Line("in random order", tuple(taken.shares), tuple(taken.random)),
            ),
        )
        test = taken.tested("repairing the pieces it names first lowers the score")
        return Finding(
            "where",
            "Where it is strange",
            sentence,
            notes=(
                f"Answered by {self.who}, score {self.score:.4g}.",
                test,
                "A piece is repaired by putting there what is usual beside the other pieces."
                " It says where the example differs, not what caused it.",
            ),
            figures={
                "score": self.score,
                "p_value": self.p_value,
                "answer": "anomaly" if self.strange else "normal",
                "pieces": self.names,
                "places": self.places,
                "values": taken.values,
                "gain": taken.gain,
                "chance": taken.chance,
                "faithful": taken.faithful,
            },
            tables=(table,),
            charts=(chart,),
            pictures=self._pictures(columns, loaded),
        )

    def _pictures(
        self, columns: Sequence[Column], loaded: dict[str, Loaded]
    ) -> tuple[Picture, ...]:
        """The example with its strangest pieces marked, and how strange each place is."""
        if self.modality == "":
            return ()
        name = columns[0].name
        whole = as_json(MODALITIES[self.modality].draw(loaded[name], 0))
        if self.modality == "series":
            return (Picture("The series", {"example": whole}),)
        heat = {"kind": "image", "data": _grey(self.cells)}
        if self.modality == "audio":
            heat["data"] = _grey(self.cells.T[::-1])
            return (
                Picture("The sound, and where it is strange", {"example": whole, "where": heat}),
            )
        taken = self.taken
        threshold = max(0.3 * float(taken.values.max()), 1e-12)
        marked = [piece for piece in taken.order[:4].tolist() if taken.values[piece] >= threshold]
        boxes = [
            {"label": "strange", "x": left, "y": top, "width": right - left, "height": bottom - top}
            for top, left, bottom, right in (self.places[piece] for piece in marked)
        ]
        drawings = {"example": {"kind": "boxes", "data": {**whole["data"], "boxes": boxes}}}
        if self.expected is not None:
            pixels = np.clip(np.rint(self.expected), 0, 255).astype(np.uint8)
            drawings["as expected"] = {"kind": "image", "data": _image(pixels)}
        drawings["where"] = heat
        return (Picture("What it is, what was expected, and where they differ", drawings),)


def explain_row(
    scorer: Scorer,
    score: Strangeness,
    promise: Promise,
    who: str,
    loaded: dict[str, Loaded],
    reference: dict[str, Loaded],
    seconds: float,
) -> Where:
    """Repair one decoded row piece by piece.

    Args:
        score: Of whoever answers; also of a classical method.
        reference: Decoded training rows that say what is usual (tables).
        seconds: About how long it may take.
    """
    repair: Repair = (
        FieldRepair(scorer, loaded) if scorer.is_field else CellRepair(scorer, loaded, reference)
    )
    taken = take_away(lambda gone: _asked(score, repair, gone), len(repair.names), seconds)
    cells = scorer.cells(loaded)[0]
    if scorer.is_field:
        assert isinstance(scorer.objective, HiddenPatches)
        cells = smoothed(cells, scorer.objective.patch)
    return Where(
        who=who,
        score=taken.whole,
        p_value=float(promise.p_values(np.array([taken.whole]))[0]),
        strange=bool(promise.strange(np.array([taken.whole]))[0]),
        modality=scorer.columns[0].modality if scorer.is_field else "",
        names=repair.names,
        places=repair.places,
        taken=taken,
        usual=repair.usual,
        cells=cells,
        expected=repair.expected,
    )


def _asked(score: Strangeness, repair: Repair, versions: np.ndarray) -> np.ndarray:
    parts = [
        score(repair.repaired(versions[at : at + BATCH])) for at in range(0, len(versions), BATCH)
    ]
    return np.concatenate(parts)


def _grey(values: np.ndarray) -> dict[str, Any]:
    """A map as a picture: dark is usual, light is strange."""
    there = values[np.isfinite(values)]
    low, high = (float(there.min()), float(there.max())) if len(there) else (0.0, 1.0)
    scaled = np.nan_to_num((values - low) / ((high - low) or 1.0))
    return _image((255 * scaled).astype(np.uint8)[..., None])


def _image(pixels: np.ndarray) -> dict[str, Any]:
    return {"png": png(pixels), "height": pixels.shape[0], "width": pixels.shape[1]}
