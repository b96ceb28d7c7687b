"""Inside one column: which words of the text, which patches of the picture speak for the answer?"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from pellucid.evidence.explain import faithfulness
from pellucid.evidence.explain.gradients import grad_cam
from pellucid.evidence.explain.occlusion import occlude
from pellucid.evidence.explain.pictures import PicturePieces
from pellucid.evidence.explain.pieces import Explanation, Pieces, Question
from pellucid.evidence.explain.series import SeriesPieces
from pellucid.evidence.explain.sounds import SoundPieces
from pellucid.evidence.explain.texts import text_pieces
from pellucid.evidence.subject import Rows, Subject

PIECES: dict[str, Callable[[Rows, str], Pieces]] = {
    "text": text_pieces,
    "image": PicturePieces,
    "audio": SoundPieces,
    "series": SeriesPieces,
}
"""Modality -> how one example of it, in one column of a row, is cut into pieces."""


def explain_inside(
    subject: Subject,
    row: Rows,
    column: str,
    question: Question,
    *,
    seconds: float,
    similarity: float | None = None,
) -> tuple[Explanation, Pieces]:
    """How much each piece of one column speaks for the explained number, tested; and the pieces.

    Args:
        row: One decoded example, all its columns; the others stay as they are.
        seconds: For the values; the test mostly asks for what is known by then.
        similarity: See `faithfulness.test`.
    """
    started = time.perf_counter()
    modality = next(one.modality for one in subject.columns if one.name == column)
    pieces = PIECES[modality](row, column)
    found = occlude(subject, pieces, question, seconds=seconds)
    faithful = faithfulness.test(
        subject, pieces, question, found.values, similarity=similarity, answers=found.answers
    )
    explanation = Explanation(
        question,
        (column,),
        modality,
        f"leaving out pieces, one by one and in {found.orders} random orders",
        pieces.names,
        pieces.places,
        found.values,
        found.base,
        faithful,
        overview=_overview(subject, row, column, modality, question.output),
        notes=(f"In the place of a piece that is taken away: {pieces.filled}.",),
        seconds=time.perf_counter() - started,
    )
    return explanation, pieces


def _overview(
    subject: Subject, row: Rows, column: str, modality: str, output: int
) -> np.ndarray | None:
    """Where the (first) network looked in a picture or sound; None for all else."""
    if modality not in ("image", "audio") or subject.which == "baseline":
        return None
    looked = grad_cam(subject, row, column, output)
    return None if looked is None else np.round(looked.astype(np.float64), 3)
