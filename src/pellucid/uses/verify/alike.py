"""What makes two examples alike, or different? Each piece of one is taken away in turn, while the
other stays as it is; how much less alike they are then is what the piece counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.columns import Column, Loaded
from pellucid.data.modalities import MODALITIES
from pellucid.evidence.explain.pictures import PicturePieces
from pellucid.evidence.explain.pieces import Pieces
from pellucid.evidence.explain.series import SeriesPieces
from pellucid.evidence.explain.sounds import SoundPieces
from pellucid.evidence.finding import Chart, Finding, Line, Picture, Table
from pellucid.recipe.drawings import as_json
from pellucid.uses.taken import take_away
from pellucid.uses.verify.pairs import Sureness

if TYPE_CHECKING:
    from pellucid.uses.verify.answerer import Reference

Points = Callable[[Loaded], np.ndarray]
SHOWN = 5
BATCH = 64
PIECES: dict[str, Callable[..., Pieces]] = {
    "image": PicturePieces,
    "audio": SoundPieces,
    "series": SeriesPieces,
}


def explain_pair(
    column: Column,
    points: Points,
    sureness: Sureness,
    pair: tuple[Loaded, Loaded],
    places: tuple[str, str],
    reference: Reference | None,
    seconds: float,
) -> Finding:
    """Which pieces of each of the two speak for their being the same.

    Args:
        points: Decoded examples -> `(rows, width)` of length 1.
        reference: Training examples, to name the nearest and the farthest ones.
    """
    whole = [points(one)[0] for one in pair]
    alike = float(whole[0] @ whole[1])
    chance = float(sureness.probability(np.array([alike]))[0])
    sides = [
        _Side(column, points, pair[at], whole[1 - at], seconds / 2, places[at]) for at in (0, 1)
    ]
    answer = "the same" if chance >= 0.5 else "different"
    said = "what speaks most for it is" if chance >= 0.5 else "what they have most in common is"
    first = sides[0].names[int(sides[0].taken.order[0])]
    sentence = (
        f"{places[0]} and {places[1]} are {answer}: {chance:.1%} that they are the same, where both"
        f" were as likely before. In the first one, {said} {first}."
    )
    faithful = all(side.taken.faithful for side in sides)
    tests = [
        f"{side.place}: "
        + side.taken.tested("taking away what it names first makes them less alike")
        for side in sides
    ]
    rows = tuple(
        (side.place, side.names[piece], float(side.taken.values[piece]))
        for side in sides
        for piece in side.taken.order[:SHOWN].tolist()
    )
    tables = [Table("What makes them alike", ("of", "piece", "likeness lost without it"), rows)]
    if reference is not None and len(reference.names):
        tables.append(_neighbors(reference, whole, places))
    return Finding(
        "alike",
        "What makes them alike",
        sentence,
        notes=(
            *tests,
            "Likeness is the cosine of the two points that the model turns them into.",
        ),
        figures={
            "likeness": alike,
            "probability": chance,
            "answer": "same" if chance >= 0.5 else "different",
            "faithful": faithful,
            "sides": [
                {
                    "place": side.place,
                    "names": side.names,
                    "places": side.places,
                    "values": side.taken.values,
                    "gain": side.taken.gain,
                    "chance": side.taken.chance,
                }
                for side in sides
            ],
        },
        tables=tuple(tables),
        charts=tuple(side.chart() for side in sides),
        pictures=(Picture("The two, with what makes them alike", _drawn(column, sides)),),
    )


class _Side:
    """One of the two, cut into pieces. taken: how much less alike they are without each piece."""

    def __init__(
        self,
        column: Column,
        points: Points,
        one: Loaded,
        other: np.ndarray,
        seconds: float,
        place: str,
    ) -> None:
        self.one, self.place = one, place
        pieces = PIECES[column.modality]({column.name: one}, column.name)
        self.names, self.places = list(pieces.names), list(pieces.places)
        count = len(self.names)

        def without(gone: np.ndarray) -> np.ndarray:
            parts = [
                points(pieces.removed(gone[at : at + BATCH])[column.name]) @ other
                for at in range(0, len(gone), BATCH)
            ]
            return np.concatenate(parts)

        self.taken = take_away(without, count, seconds)

    def chart(self) -> Chart:
        taken = self.taken
        lines = (
            Line("the most important first", tuple(taken.shares), tuple(taken.guided)),
            Line("in random order", tuple(taken.shares), tuple(taken.random)),
        )
        return Chart(f"Taking pieces of {self.place} away", "share taken away", "likeness", lines)


def _drawn(column: Column, sides: list[_Side]) -> dict[str, dict[str, Any]]:
    drawings: dict[str, dict[str, Any]] = {}
    for side in sides:
        whole = as_json(MODALITIES[column.modality].draw(side.one, 0))
        if column.modality == "image":
            boxes = []
            for piece in side.taken.order[:3].tolist():
                top, left, bottom, right = side.places[piece]
                box = {"x": left, "y": top, "width": right - left, "height": bottom - top}
                boxes.append({"label": "alike", **box})
            whole = {"kind": "boxes", "data": {**whole["data"], "boxes": boxes}}
        drawings[side.place if side.place not in drawings else f"{side.place} (2)"] = whole
    return drawings


def _neighbors(reference: Reference, whole: list[np.ndarray], places: tuple[str, str]) -> Table:
    """What each is most and least like, of what was learned from."""
    rows = []
    for place, point in zip(places, whole, strict=True):
        near = reference.points @ point
        for word, at in (("nearest", int(near.argmax())), ("farthest", int(near.argmin()))):
            one = (reference.names[at], reference.places[at])
            rows.append((place, word, *one, float(near[at])))
    header = ("example", "of the training examples", "identity", "which", "likeness")
    return Table("Nearest and farthest training examples", header, tuple(rows))
