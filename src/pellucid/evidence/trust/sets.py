"""Do its sets and intervals hold the truth as often as they promise?

Tried on the sealed test rows; the promise was made from held rows (`conformal.py`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pellucid.evidence.finding import Finding, Table, unknown
from pellucid.evidence.intervals import share_interval
from pellucid.evidence.subject import Material, part
from pellucid.evidence.trust.conformal import ALPHA, Counted, Promise, size_of, usual_coverage

TITLE = "Do its sets and intervals keep their promise?"
FEWEST = 30
NOTABLY = 0.01
"""A difference between what is promised and what is expected that is worth a word."""
ENDLESS = (-np.inf, np.inf)


class Usual(NamedTuple):
    """What a kept promise shows: between which shares 19 times in 20, and on average."""

    least: float
    most: float
    expected: float


@part("sets")
def study(material: Material) -> Finding:
    """How often the truth was in the set or interval, on the test rows."""
    if len(material.test) < FEWEST:
        return unknown(
            "sets",
            TITLE,
            f"{len(material.test)} test rows are too few to see whether nine of ten are right;"
            f" it takes at least {FEWEST}.",
        )
    said = material.kept.say(material.take(material.test))
    if not any({"set", "low", "intervals"} & answer.keys() for answer in said):
        return unknown("sets", TITLE, _why_none(material))
    truth = material.truth[material.test]
    promised = said[0].get("set_holds", 1 - ALPHA)
    if any("intervals" in answer for answer in said):
        return _several(material, said, truth)
    numbers = material.task.kind == "regress"
    inside, size = _intervals(said, truth) if numbers else _sets(material, said, truth)
    table = _per_class(material, inside, size, truth)
    return _finding(material, promised, inside, size, _usual(material, said, truth), table)


def _usual(
    material: Material, said: list[dict[str, Any]], truth: np.ndarray, question: int = 0
) -> Usual:
    """What a kept promise shows on these rows.

    Args:
        question: Which target, if there are several.
    """
    promise = material.kept.promise
    if promise is None:  # a model of an early version: one distance for all rows
        counted = Counted(len(material.held))
        return Usual(*usual_coverage([counted], ALPHA, [len(said)]), counted.expected(ALPHA))
    held = promise.held[question]
    if held.labels == 1:
        tried = [len(said)]
    elif material.task.kind != "regress":
        tried = np.bincount(truth.astype(int), minlength=held.labels).tolist()
    else:
        answers = np.array([_number(material, answer, question) for answer in said])
        tried = np.bincount(size_of(answers, held.edges), minlength=held.labels).tolist()
    return Usual(*promise.usual(tried, question), promise.expected(tried, question))


def _number(material: Material, answer: dict[str, Any], question: int) -> float:
    """What is said of one target."""
    said = answer["answer"]
    names: list[str] = getattr(material.task, "names", [])
    return float(said[names[question]] if isinstance(said, dict) else said)


def _why_none(material: Material) -> str:
    if material.groups is not None:
        return "There are too few groups among the held rows to promise anything for new groups."
    return (
        f"{len(material.held)} held rows are too few to promise anything (or the model was made by"
        " an early version): learn again from more rows."
    )


def _intervals(said: list[dict[str, Any]], truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low = np.array([answer.get("low", -np.inf) for answer in said])
    high = np.array([answer.get("high", np.inf) for answer in said])
    return np.asarray((low <= truth[:, 0]) & (truth[:, 0] <= high)), high - low


def _sets(
    material: Material, said: list[dict[str, Any]], truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    size = np.array([len(answer["set"]) for answer in said], dtype=np.float64)
    names = np.array(getattr(material.task, "classes", None) or getattr(material.task, "tags", []))
    contained = np.array([np.isin(names, answer["set"]) for answer in said])
    if material.task.kind == "tags":
        return np.asarray((contained | (truth < 0.5)).all(1)), size
    return contained[np.arange(len(truth)), truth.astype(np.int64)], size


def _finding(
    material: Material,
    promised: float,
    inside: np.ndarray,
    size: np.ndarray,
    usual: Usual,
    table: Table | None,
) -> Finding:
    rows, share = len(inside), float(inside.mean())
    low, high = share_interval(int(inside.sum()), rows)
    promise, held_rows = material.kept.promise, _held_rows(material)
    least, most, expected = usual
    kind = material.task.kind
    thing = "interval" if kind == "regress" else "set"
    finite = size[np.isfinite(size)]
    mean = float(finite.mean()) if len(finite) else None
    kept = "not kept" if share < least else "kept" if share <= most else "more than kept"
    stated = f"{promised:.0%} were"
    if expected - promised >= NOTABLY:
        stated = f"{expected:.0%} were expected and at least {promised:.0%}"
    what = {"regress": "the interval held the true number", "tags": "the set held all true tags"}
    sentence = (
        f"In {share:.0%} of {rows:,} test rows {what.get(kind, 'the set held the true answer')}"
        f" [{low:.0%}, {high:.0%}]; {stated} promised, which is {kept}."
    )
    if kind in ("classify", "grades"):
        sentence += (
            f" A set names {mean:.2f} answers on average; {(size == 1).mean():.0%} name one."
        )
    elif mean is not None:
        sentence += f" {'An interval is' if kind == 'regress' else 'A set names'} {mean:.4g}" + (
            " wide on average." if kind == "regress" else " tags on average."
        )
    notes = _notes(material, promised, rows, thing, usual)
    figures = {
        "model": material.kept.name,
        "rows": rows,
        "held": held_rows,
        "promised": promised,
        "guaranteed": _guaranteed(promise, promised),
        "expected": expected,
        "coverage": share,
        "low": low,
        "high": high,
        "usual_low": least,
        "usual_high": most,
        "mean_size": mean,
        "single": float((size == 1).mean()) if kind != "regress" else None,
        "classes": [
            dict(zip(("class", "rows", "coverage", "low", "high", "size"), row))
            for row in table.rows
        ]
        if table
        else [],
    }
    return Finding(
        "sets", TITLE, sentence, notes, figures, tables=(table,) if table is not None else ()
    )


def _held_rows(material: Material) -> float:
    promise = material.kept.promise
    return float(len(material.held)) if promise is None else promise.held[0].count


def _notes(
    material: Material, promised: float, rows: int, thing: str, usual: Usual
) -> tuple[str, ...]:
    held_rows, (least, most, _) = _held_rows(material), usual
    return (
        material.judged(),
        f"With {held_rows:,.0f} held {'groups' if material.groups is not None else 'rows'} and"
        f" {rows:,} test rows, a kept promise shows as {least:.0%} to {most:.0%}, 19 times in 20.",
        _proven(material.kept.promise, promised),
        f"Held rows also chose the weights that were kept, which may make the {thing}s a little"
        " too small.",
    )


def _guaranteed(promise: Promise | None, promised: float) -> float | None:
    """The share that is proven, if any."""
    if promise is None:
        return promised
    return None if promise.refitted else 1 - (1 + promise.crossed) * (1 - promised)


def _proven(promise: Promise | None, promised: float) -> str:
    if promise is not None and promise.refitted:
        return (
            "Others like it answered the held rows, each some that it had not learned from; who"
            f" answers now was fitted anew on all of them: {promised:.0%} are usual, not proven."
        )
    if promise is not None and promise.crossed:
        return (
            f"Several networks took turns: proven are at least {2 * promised - 1:.0%}, usual are"
            f" {promised:.0%} or a little more."
        )
    return (
        "The promise holds for new rows of the same kind, on average; not for each group of"
        " rows, and not once the world has changed."
    )


def _per_class(
    material: Material, inside: np.ndarray, size: np.ndarray, truth: np.ndarray
) -> Table | None:
    """Coverage of each class, the worst first."""
    if material.task.kind not in ("classify", "grades"):
        return None
    rows = []
    for number, name in enumerate(getattr(material.task, "classes", [])):
        mine = truth == number
        if mine.any():
            ends = share_interval(int(inside[mine].sum()), int(mine.sum()))
            rows.append(
                (name, int(mine.sum()), float(inside[mine].mean()), *ends, float(size[mine].mean()))
            )
    rows.sort(key=lambda row: row[2])
    header = ("true class", "rows", "in the set", "from", "to", "names in a set")
    return Table("How often each class is in the set", header, tuple(rows))


# --- several numbers --------------------------------------------------------------------------


def _several(material: Material, said: list[dict[str, Any]], truth: np.ndarray) -> Finding:
    """Each target by itself, as each has a promise of its own; and all at once."""
    names: list[str] = getattr(material.task, "names", [])
    ends = np.array([[one["intervals"].get(name, ENDLESS) for name in names] for one in said])
    inside = (ends[..., 0] <= truth) & (truth <= ends[..., 1])  # (rows, targets)
    rows, promised = len(said), 1 - ALPHA
    usual = [_usual(material, said, truth, question) for question in range(len(names))]
    shares = inside.mean(0).tolist()
    widths = (ends[..., 1] - ends[..., 0]).mean(0).tolist()
    targets = [
        (name, share, *share_interval(round(share * rows), rows), width)
        for name, share, width in zip(names, shares, widths, strict=True)
    ]
    lacking = [
        f"'{name}'"
        for name, share, (least, _, _) in zip(names, shares, usual, strict=True)
        if share < least
    ]
    lowest = usual[int(np.argmin(shares))]
    kept = f"not kept for {', '.join(lacking)}" if lacking else "kept for each"
    together = float(inside.all(1).mean())
    sentence = (
        f"Each of {len(names)} numbers has an interval of its own, which held the true number in"
        f" {min(shares):.0%} to {max(shares):.0%} of {rows:,} test rows; {promised:.0%} were"
        f" promised for each alone, which is {kept}. All at once were held in {together:.0%}."
    )
    alone = "The promise is for each number alone: that all are held at once is promised nowhere."
    header = ("number", "in the interval", "from", "to", "mean width")
    return Finding(
        "sets",
        TITLE,
        sentence,
        (alone, *_notes(material, promised, rows, "interval", lowest)),
        figures={
            "model": material.kept.name,
            "rows": rows,
            "held": _held_rows(material),
            "promised": promised,
            "guaranteed": _guaranteed(material.kept.promise, promised),
            "coverage": min(shares),
            "usual_low": lowest[0],
            "usual_high": lowest[1],
            "targets": [
                dict(zip(("target", "coverage", "low", "high", "mean_size"), one))
                for one in targets
            ],
            "all_at_once": together,
        },
        tables=(Table("Each number", header, tuple(targets)),),
    )
