"""Label errors: which examples probably carry the wrong answer?

A model that had not learned from a row contradicts its label surely (`confident.py`); as a second
opinion, the network itself resisted the label while it learned from it (`dynamics.py`). Rows are
only listed: whether a label is wrong, a person decides.
"""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.evidence.finding import Chart, Finding, Line, Table, unknown
from pellucid.evidence.labels.confident import estimated_errors, nearest
from pellucid.evidence.labels.dynamics import dynamics
from pellucid.evidence.labels.held_out import HeldOut, held_out
from pellucid.evidence.labels.suspects import (
    Doubt,
    Suspect,
    better_than_guessing,
    better_than_middle,
    course_of,
    doubt,
    questions_of,
    suspects_of,
    suspicious_numbers,
    wrong_by,
)
from pellucid.evidence.subject import Material, part
from pellucid.learning.evaluate import two_dimensional
from pellucid.recording.files import replacing

TITLE = "Are the labels right?"
FEWEST = 50
LISTED = 100
"""Rows in the finding; the file has all."""
DYNAMICS_SHARE = 0.25
"""Part of the time for the second opinion."""
HEADER = ("place", "row", "given", "suggested", "probability", "score")
FILE = "labels.csv"


@dataclass
class Found:
    """What was found among the rows learned from, and among the sealed test rows.

    estimated: how many labels are wrong in all, with a 95 % interval; for numbers it is not
    estimated, only listed.
    """

    suspects: list[Suspect] = field(default_factory=list)
    sealed: list[Suspect] = field(default_factory=list)
    estimated: int | None = None
    low: float = 0.0
    high: float = 0.0
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@part("labels")
def study(material: Material) -> Finding:
    """Rows whose label a model that had not learned from them contradicts; surest first."""
    count = len(material.train) + len(material.valid)
    if count < FEWEST:
        why = f"{count} rows to learn from are too few to doubt one of them; it takes {FEWEST}."
        return unknown("labels", TITLE, why)
    held = held_out(material)
    search = _among_numbers if material.task.kind == "regress" else _among_classes
    found = search(material, held)
    if found is None:
        return unknown(
            "labels",
            TITLE,
            "The model is hardly better than guessing, so it can't tell a wrong label from a hard"
            " example; a better model, or more data, would.",
        )
    found.suspects.sort(key=surest_first)
    found.sealed.sort(key=surest_first)
    path = write_list(material, found.suspects)
    return Finding(
        "labels",
        TITLE,
        _sentence(material, found, len(held.rows)),
        notes=tuple(_notes(found, held, path, count)),
        figures=_figures(found, held, path),
        tables=(*_lists(material, found), *found.tables),
        charts=tuple(found.charts),
    )


def surest_first(one: Suspect) -> tuple[bool, float, int]:
    """Sorts suspects; a label that the network came to believe is the least doubtful."""
    return one.resisted is False, one.score, one.row


# --- classes and tags -------------------------------------------------------------------------


def _among_classes(material: Material, held: HeldOut) -> Found | None:
    """Suspects of every question that the model can answer; None if it can answer none."""
    task, test = material.task, material.test
    course = dynamics(material, held.rows, DYNAMICS_SHARE * material.seconds)
    asked = questions_of(task, material.truth[held.rows], held.values, course_of(course, held.rows))
    values = material.subject.answer(material.take(test)) if len(test) else held.values[:0]
    sealed = questions_of(task, material.truth[test], values)
    judged = [number for number, one in enumerate(asked) if better_than_guessing(one)]
    if not judged:
        return None
    doubts = [doubt(asked[number], material.seed) for number in judged]
    found = Found(estimated=sum(estimated_errors(one.counts) for one in doubts))
    found.low = len(held.rows) * sum(one.share[0] for one in doubts)
    found.high = len(held.rows) * sum(one.share[1] for one in doubts)
    for number, one in zip(judged, doubts, strict=True):
        found.suspects += suspects_of(one.question, held.rows, one.wrong)
        found.sealed += suspects_of(sealed[number], test, wrong_by(one.question, sealed[number]))
        found.tables += _mixed_up(one)
    if course is not None:
        found.charts += _course_chart(course.steps, doubts)
    found.notes.append(_how_often_right(doubts))
    if len(judged) < len(asked):
        found.notes.append(
            f"{len(judged)} of {len(asked)} tags were judged; the others the model only guesses."
        )
    return found


def _how_often_right(doubts: list[Doubt]) -> str:
    """What a reader must know of the judge, before believing it."""
    right = np.concatenate(
        [one.question.probability.argmax(1) == one.question.given for one in doubts]
    )
    return (
        f"The model that doubts them agrees with {right.mean():.1%} of the given labels; the more"
        " often it errs, the more suspects are merely hard."
    )


def _mixed_up(one: Doubt) -> list[Table]:
    """Which labels are taken for which, the most frequent first."""
    names, counts = one.question.classes, one.counts
    wrong = [
        (names[a], names[b], int(counts[a, b]))
        for a, b in zip(*np.nonzero(counts), strict=True)
        if a != b
    ]
    wrong.sort(key=lambda pair: -pair[2])
    if len(names) < 3 or not wrong:
        return []
    header = ("given", "really, probably", "estimated rows")
    return [Table("Labels that are mixed up", header, tuple(wrong[:12]))]


def _course_chart(steps: tuple[int, ...], doubts: list[Doubt]) -> list[Chart]:
    """How the given labels fared while the network learned: the suspects beside the others."""
    lines = []
    for name, suspected in (("labels that look wrong", True), ("all others", False)):
        own = np.concatenate([_own_course(one, suspected) for one in doubts], axis=1)
        if own.shape[1]:
            low, middle, high = np.quantile(own, [0.25, 0.5, 0.75], axis=1)
            lines.append(
                Line(name, tuple(map(float, steps)), tuple(middle), tuple(low), tuple(high))
            )
    if len(lines) < 2:
        return []
    title = "How far the network believed the given label while it learned (median, quartiles)"
    return [Chart(title, "step", "probability", tuple(lines))]


def _own_course(one: Doubt, suspected: bool) -> np.ndarray:
    """`(steps, rows)` of the suspects, or of the others, that the network learned from."""
    own = one.question.own_course()
    if own is None:
        return np.empty((0, 0))
    return own[:, ~np.isnan(own[0]) & (one.wrong == suspected)]


# --- numbers ----------------------------------------------------------------------------------


def _among_numbers(material: Material, held: HeldOut) -> Found | None:
    """Numbers far from what a model says and from what similar rows have."""
    truth, values = two_dimensional(material.truth[held.rows]), two_dimensional(held.values)
    near = nearest(material.subject.features(material.take(held.rows)))
    names = material.task.names
    judged = [n for n in range(len(names)) if better_than_middle(truth[:, n], values[:, n])]
    if not judged:
        return None
    found = Found()
    for number in judged:
        name = names[number] if len(names) > 1 else ""
        found.suspects += suspicious_numbers(
            name, held.rows, truth[:, number], values[:, number], near
        )
    found.notes.append(
        "A number is listed if it lies more than 4 robust standard deviations from the answer of a"
        " model that had not seen it, and is as far out among the rows most like it."
    )
    return found


# --- what is said -----------------------------------------------------------------------------


def _sentence(material: Material, found: Found, count: int) -> str:
    what = "numbers" if found.estimated is None else "labels"
    if not found.suspects:
        return f"None of the {what} of {count:,} rows learned from looks wrong."
    first, many = found.suspects[0], len(found.suspects)
    sure = "" if first.probability is None else f" ({first.probability:.0%} sure)"
    example = (
        f"{material.places[first.row]} says '{first.given}', and a model that had not learned from"
        f" it says '{first.suggested}'{sure}"
    )
    if found.estimated is None:
        verb = "number looks" if many == 1 else "numbers look"
        return f"{many:,} {verb} wrong among {count:,} rows learned from; the surest: {example}."
    share = found.estimated / count
    limits = f"[{100 * found.low / count:.1f}, {100 * found.high / count:.1f}]"
    return (
        f"Perhaps {found.estimated:,} of the labels of {count:,} rows learned from are wrong"
        f" ({100 * share:.1f}% {limits}); {many:,} can be named. The surest: {example}."
    )


def _notes(found: Found, held: HeldOut, path: Path, learned: int) -> list[str]:
    notes = [*found.notes, f"Answered by {held.how}."]
    if len(held.rows) < learned:
        notes.append(f"A sample of {len(held.rows):,} of the {learned:,} rows was looked at.")
    known = [one.resisted for one in found.suspects if one.resisted is not None]
    if known:
        notes.append(
            f"Second opinion: of {len(known):,} suspects that the network learned from, it"
            f" preferred another label to the given one while learning in {sum(known):,}; the"
            " others stand last."
        )
    if found.suspects:
        notes += [
            "Nothing was changed or removed. A rare or hard example looks like a wrong label:"
            " look at each.",
            f"All are listed in {path}. To see what leaving them out changes: delete the lines of"
            f" rows that are right, then 'pellucid learn SOURCE --without {path}'.",
        ]
    if found.sealed:
        notes.append(
            f"{len(found.sealed):,} test rows look wrong too. They are not in the file: leaving"
            " out test rows because the model got them wrong would only flatter it. Mend them in"
            " the data."
        )
    return notes


def _figures(found: Found, held: HeldOut, path: Path) -> dict[str, Any]:
    return {
        "rows": len(held.rows),
        "estimated": found.estimated,
        "estimated_low": found.low if found.estimated is not None else None,
        "estimated_high": found.high if found.estimated is not None else None,
        "listed": len(found.suspects),
        "answered_by": held.how,
        "file": path.name,
        "file_hash": _hash(path.read_bytes()),
        "suspects": [vars(one) for one in found.suspects[:LISTED]],
        "suspects_in_test": [vars(one) for one in found.sealed[:LISTED]],
    }


def _lists(material: Material, found: Found) -> list[Table]:
    lists = [
        ("Most doubtful labels, the surest first", found.suspects),
        ("Doubtful labels among the test rows", found.sealed),
    ]
    return [_list(material, title, suspects) for title, suspects in lists if suspects]


def _list(material: Material, title: str, suspects: list[Suspect]) -> Table:
    """Suspects beside their places; the columns that say nothing here are left out."""
    shown = suspects[:LISTED]
    said = {None: None, True: "resisted", False: "believed"}
    columns: dict[str, list[Any]] = {
        "place": [str(material.places[one.row]) for one in shown],
        "given": [one.given for one in shown],
        "rather": [one.suggested for one in shown],
        "how sure": [one.probability for one in shown],
        "score": [one.score for one in shown],
        "while learning": [said[one.resisted] for one in shown],
    }
    kept = {name: cells for name, cells in columns.items() if any(c is not None for c in cells)}
    rows = tuple(zip(*kept.values(), strict=True))
    return Table(title, tuple(kept), rows, tuple(one.row for one in shown))


# --- the file ---------------------------------------------------------------------------------


def write_list(material: Material, suspects: list[Suspect]) -> Path:
    """All suspects as `evidence/labels.csv` in the run, surest first; the path.

    A list that somebody has edited since stays as it is; the new one is put beside it.
    """
    folder = material.run.path / "evidence"
    path = folder / FILE
    if path.exists() and _hash(path.read_bytes()) != _written_before(material):
        path = folder / "labels-new.csv"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for one in suspects:
        sure = "" if one.probability is None else f"{one.probability:.4f}"
        place = str(material.places[one.row])
        writer.writerow([place, one.row, one.given, one.suggested, sure, f"{one.score:.4f}"])
    with replacing(path) as beside:
        beside.write_bytes(text.getvalue().encode())
    return path


def _written_before(material: Material) -> str:
    """Hash of the list as the last study wrote it; '' if there was none."""
    if "labels" not in material.run.findings():
        return ""
    return str(material.run.finding("labels")["figures"].get("file_hash", ""))


def _hash(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=10).hexdigest()
