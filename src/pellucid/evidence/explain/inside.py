"""Inside one column: which words of the text, which patches of the picture speak for the answer?

Pieces are taken away, one by one and in mixtures. Of a long text that would take too many answers,
and phrases are coarse: where the network alone is asked, integrated gradients say what each word
adds (`gradients.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from pellucid.data.modalities.text import spans_of
from pellucid.evidence.explain import faithfulness
from pellucid.evidence.explain.gradients import grad_cam, integrated_gradients, on_pieces
from pellucid.evidence.explain.occlusion import (
    FEWEST_ORDERS,
    FEWEST_STEPS,
    SLOW_ORDERS,
    Answers,
    affordable,
    occlude,
    tellable,
    versions_of,
)
from pellucid.evidence.explain.pictures import PicturePieces, coarser
from pellucid.evidence.explain.pieces import Explanation, Overview, Pieces, Question
from pellucid.evidence.explain.series import SeriesPieces
from pellucid.evidence.explain.sounds import SoundPieces
from pellucid.evidence.explain.texts import (
    MOST_PIECES,
    TextPieces,
    read_pieces,
    text_pieces,
    words_of,
)
from pellucid.evidence.subject import Rows, Subject

PIECES: dict[str, Callable[[Rows, str], Pieces]] = {
    "text": text_pieces,
    "image": PicturePieces,
    "audio": SoundPieces,
    "series": SeriesPieces,
}
"""Modality -> how one example of it, in one column of a row, is cut into pieces."""
MEASURED = 4
"""Answers whose time is measured first."""


def explain_inside(
    subject: Subject,
    row: Rows,
    column: str,
    question: Question,
    *,
    seconds: float,
    similarity: float | None = None,
    pace: float | None = None,
) -> tuple[Explanation, Pieces]:
    """How much each piece of one column speaks for the explained number, tested; and the pieces.

    Args:
        row: One decoded example, all its columns; the others stay as they are.
        seconds: For the values; the test mostly asks for what is known by then.
        similarity: See `faithfulness.test`.
        pace: Seconds of one answer, by default measured. Where a frozen network, or any that reads
            texts, makes it long, fewer and larger pieces are asked about.
    """
    modality = next(one.modality for one in subject.columns if one.name == column)
    if modality == "text" and subject.which == "network":
        long = _long_text(subject, row, column, question, seconds, similarity)
        if long is not None:
            return long
    started = time.perf_counter()
    pieces, fewest = PIECES[modality](row, column), FEWEST_ORDERS
    if column in subject.frozen or modality == "text":
        most = seconds / (pace or pace_of_pieces(subject, row, column))
        words = len(pieces.places)
        pieces = pieces_of(subject, row, column, most)
        if column in subject.frozen or len(pieces.places) < words:
            fewest = SLOW_ORDERS
    found = occlude(subject, pieces, question, seconds=seconds, fewest=fewest)
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
        overview=_overview(subject, row, column, modality, found.answers),
        notes=(f"In the place of a piece that is taken away: {pieces.filled}.",),
        seconds=time.perf_counter() - started,
    )
    return explanation, pieces


def pace_of_pieces(subject: Subject, row: Rows, column: str) -> float:
    """Seconds of an answer about a version of the example without one piece."""
    pieces = pieces_of(subject, row, column, 0.0)
    gone = np.eye(max(1, len(pieces.places)), dtype=bool)[: MEASURED + 1, : len(pieces.places)]
    subject.answer(pieces.removed(gone[:1]))  # the first time is slower than all others
    rest = gone[1:] if len(gone) > 1 else gone
    started = time.perf_counter()
    subject.answer(pieces.removed(rest))
    return (time.perf_counter() - started) / len(rest)


def pieces_of(subject: Subject, row: Rows, column: str, most: float) -> Pieces:
    """How one column of an example is cut.

    Args:
        most: About so many answers there is time for. Pictures behind a frozen network and texts
            are cut the coarser, the fewer these are.
    """
    modality = next(one.modality for one in subject.columns if one.name == column)
    pieces = PIECES[modality](row, column)
    if column not in subject.frozen and modality != "text":
        return pieces
    count = tellable(len(pieces.places), most)
    if isinstance(pieces, PicturePieces):
        return PicturePieces(row, column, coarser(pieces.cells, count))
    return text_pieces(row, column, count) if modality == "text" else pieces


def _overview(
    subject: Subject, row: Rows, column: str, modality: str, answers: Answers
) -> Overview | None:
    """Where the (first) network looked in a picture or sound, tested; None for all else."""
    if modality not in ("image", "audio") or subject.which == "baseline":
        return None
    pieces, question = answers.pieces, answers.question
    looked = grad_cam(subject, row, column, question.output)
    if looked is None:
        return None
    size = on_pieces(np.ones_like(looked), pieces)
    values = on_pieces(looked, pieces) / np.maximum(size, 1)
    faithful = faithfulness.test(subject, pieces, question, values, answers=answers)
    return Overview(np.round(looked.astype(np.float64), 3), faithful)


# --- long texts -----------------------------------------------------------------------------


def _long_text(
    subject: Subject,
    row: Rows,
    column: str,
    question: Question,
    seconds: float,
    similarity: float | None,
) -> tuple[Explanation, Pieces] | None:
    """What each word of a long text adds; None for a short one, and where that can't be said:
    pretrained features stand in front, or the first network's number does not follow the answer's.
    """
    started = time.perf_counter()
    if len(words_of(row[column].values[0] or "")) <= MOST_PIECES:
        return None
    found = integrated_gradients(subject, row, column, question.output)
    if found is None:
        return None
    fitted = next(one.fitted for one in subject.columns if one.name == column)
    pieces, shares = read_pieces(row, column, spans_of(row[column].values[0], fitted))
    answers = Answers(subject, pieces, question)
    whole, base = answers.ask(np.array([[False] * answers.count, [True] * answers.count]))
    if (whole - base) * (found.whole - found.base) <= 0:
        return None
    values = found.values[: len(shares)].sum(1) @ shares
    values *= (whole - base) / (found.whole - found.base)
    orders = FEWEST_ORDERS
    if versions_of(answers.count, orders, FEWEST_STEPS) * answers.pace > seconds:
        orders = SLOW_ORDERS
    answers.orders, answers.steps = affordable(seconds, answers, orders)
    faithful = faithfulness.test(
        subject, pieces, question, values,
        completeness=found.gap, similarity=similarity, answers=answers,
    )  # fmt: skip
    explanation = Explanation(
        question,
        (column,),
        "text",
        f"integrated gradients on the way from {found.start} to this text, in {found.steps} steps",
        pieces.names,
        pieces.places,
        values,
        base,
        faithful,
        notes=_long_notes(pieces, found.start),
        seconds=time.perf_counter() - started,
    )
    return explanation, pieces


def _long_notes(pieces: TextPieces, start: str) -> tuple[str, ...]:
    read, unread = len(pieces.places), len(pieces.unread)
    method = (
        "A long text: its words are not left out one by one. What each adds to the first network's"
        f" log-odds (or number) on the way from {start} to this text is scaled to the change of the"
        " answer."
    )
    if not unread:
        return (method,)
    return (
        method,
        f"The network reads the beginning and the end, {read:,} words; the {unread:,} words between"
        " them can't matter.",
    )
