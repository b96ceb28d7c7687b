"""Would a network that has learned nothing be explained alike? Asked once for a model.

If so, its explanations show what is in the example rather than what was learned, however
convincing they look (Adebayo et al. 2018). The answer is kept in the run.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from pellucid.evidence.explain import faithfulness
from pellucid.evidence.explain.inside import PIECES, pace_of_pieces, pieces_of
from pellucid.evidence.explain.occlusion import (
    FEWEST_STEPS,
    SLOW_ORDERS,
    STEPS,
    occlude,
    versions_of,
)
from pellucid.evidence.explain.pieces import Pieces, Question
from pellucid.evidence.explain.reference import Reference
from pellucid.evidence.explain.tables import TEST_FILLINGS, ColumnPieces
from pellucid.evidence.finding import Finding, unknown
from pellucid.evidence.subject import Rows, Subject, take
from pellucid.recording.files import read_json, write_json

PART, TITLE = "randomization", "Do explanations show what was learned?"
FILE = f"evidence/{PART}.json"
SECONDS = 3.0
ORDERS, MOST_DRAWS, MOST_ROWS = 20, 4, 6
MEASURED = 16
"""Answers whose time is measured first."""
FEWEST_PAIRS = 3
"""Explanations of networks with random weights; with fewer, chance would decide."""


def is_known(run: Path) -> bool:
    """Whether the run keeps the outcome of this test."""
    return (run / FILE).exists()


def similarity_of(
    run: Path, subject: Subject, rows: Rows, reference: Reference | None
) -> float | None:
    """What the run keeps of this test; tested on `rows` and kept if nothing is.

    None for a classical method, which has no weights to draw anew, and where it was not tried.
    Where both answer together, `subject` is the network alone.
    """
    if subject.which == "baseline":
        return None
    if is_known(run):
        return float(read_json(run / FILE)["figures"]["similarity"])
    found = randomization(subject, rows, reference)
    if not found.known:
        return None
    write_json(run / FILE, found.as_json())
    return float(found.figures["similarity"])


def randomization(
    subject: Subject, rows: Rows, reference: Reference | None, seconds: float = SECONDS
) -> Finding:
    """Compare explanations with those of networks with random weights.

    Args:
        subject: A network. rows: One or a few examples, held-out or test rows if there are.
        seconds: About how long it may take; slow networks are tried on fewer examples.
    """
    started = time.perf_counter()
    fitting = int(seconds / _seconds_each(subject, rows, reference))
    most = min(len(next(iter(rows.values())).values), MOST_ROWS)
    if subject.frozen:  # other weights cost little: what it makes of each version is kept
        count, draws = min(most, max(1, fitting)), MOST_DRAWS
    else:
        count = min(most, max(1, fitting // 3))
        draws = min(MOST_DRAWS, fitting // count - 1)
    if count * draws < FEWEST_PAIRS:
        return unknown(
            PART, TITLE, "Not tried: this network answers too slowly to be explained many times."
        )
    found = faithfulness.similarity(
        subject,
        lambda asked, row, question: _quick(asked, row, question, reference),
        take(rows, np.arange(count)),
        draws,
    )
    if not np.isfinite(found):
        return unknown(PART, TITLE, "With random weights every answer stays the same.")
    return Finding(
        PART,
        TITLE,
        _sentence(found),
        notes=(f"Examples: {count}. Networks whose weights were drawn anew: {draws}.",),
        figures={"similarity": found, "rows": count, "draws": draws},
        seconds=round(time.perf_counter() - started, 3),
    )


def _sentence(found: float) -> str:
    if found >= faithfulness.MOST_SIMILAR:
        return (
            "No: a network with random weights gets nearly the same explanations (rank correlation"
            f" {found:.2f}). They show what is in an example, not what was learned."
        )
    return (
        "Yes: when all that was learned is taken from the network, its explanations change (rank"
        f" correlation with the old ones {found:.2f}; 1 would be the same)."
    )


def _seconds_each(subject: Subject, rows: Rows, reference: Reference | None) -> float:
    """About how long one quick explanation takes; measured after a first, slower answer."""
    row = take(rows, np.array([0]))
    asked, pieces = _cut(subject, row, reference)
    count = len(pieces.names)
    if subject.frozen and len(subject.columns) == 1:
        pace = pace_of_pieces(subject, row, subject.columns[0].name)
    else:
        gone = np.zeros((MEASURED, count), dtype=bool)
        asked.answer(pieces.removed(gone[:1]))
        started = time.perf_counter()
        asked.answer(pieces.removed(gone))
        pace = (time.perf_counter() - started) / MEASURED
    return max(pace, 1e-7) * versions_of(count, *_thoroughly(subject))


def _thoroughly(subject: Subject) -> tuple[int, int]:
    """Random orders and their stages."""
    return (SLOW_ORDERS, FEWEST_STEPS) if subject.frozen else (ORDERS, STEPS)


def _quick(
    subject: Subject, row: Rows, question: Question, reference: Reference | None
) -> np.ndarray:
    asked, pieces = _cut(subject, row, reference)
    orders, steps = _thoroughly(subject)
    return occlude(asked, pieces, question, orders=orders, steps=steps).values


def _cut(subject: Subject, row: Rows, reference: Reference | None) -> tuple[Subject, Pieces]:
    """Pieces of the only column, or all columns as pieces, and whom to ask about them."""
    column = subject.columns[0]
    if len(subject.columns) == 1 and column.modality in PIECES:
        return subject, pieces_of(subject, row, column.name, 0.0)
    names = tuple(one.name for one in subject.columns)
    # Without training rows the row stands in for itself: nothing changes, and nothing is said.
    background = row if reference is None else reference.background(TEST_FILLINGS)
    columns = ColumnPieces(row, background, names)
    return columns.averaging(subject), columns
