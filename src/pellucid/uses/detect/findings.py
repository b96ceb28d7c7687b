"""What a person should see of a detector's exam: how much it found, what went wrong, how sure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.evidence.finding import Chart, Finding, Line, Picture, Table
from pellucid.uses.detect.mistakes import what_went_wrong
from pellucid.uses.detect.precision import (
    RECALLS,
    SIZES,
    Boxes,
    Matched,
    Things,
    match,
    mean_average_precision,
)
from pellucid.uses.detect.prepared import Pictures
from pellucid.uses.detect.sureness import RIGHT, Sureness, judged
from pellucid.uses.detect.told import Drawer, Told, on_canvas, tell

SHOWN = 6
"""Pictures in a finding, as they come."""
EXAMPLES = 18
CLASSES = 20
"""Classes in a table, the most frequent ones."""
BINS = 8


def findings(
    pictures: Pictures,
    rows: np.ndarray,
    truth: Sequence[Things],
    found: Sequence[Boxes],
    sureness: Sureness,
    draw: Drawer,
) -> tuple[dict[str, float], list[Finding]]:
    """Figures, and what they mean; on the sealed pictures `rows`."""
    told = [tell(real, boxes, sureness) for real, boxes in zip(truth, found)]
    figures = _figures(pictures, truth, found, told)
    parts = [
        _how_much(pictures, rows, truth, found, told, figures, sureness, draw),
        what_went_wrong(pictures, rows, truth, told, draw),
        _how_sure(truth, found, sureness, len(pictures.classes)),
    ]
    return figures, parts


# --- figures ------------------------------------------------------------------------------------


def _figures(
    pictures: Pictures, truth: Sequence[Things], found: Sequence[Boxes], told: Sequence[Told]
) -> dict[str, float]:
    classes, once = len(pictures.classes), np.ones((1, len(truth)))

    def precision(overlaps: list[float] | None = None, size: str = "all") -> float:
        levels = np.linspace(0.5, 0.95, 10) if overlaps is None else np.array(overlaps)
        measure = mean_average_precision(truth, found, classes, overlaps=levels, size=size)
        return float(measure(once)[0])

    things = sum(int((~one.crowd).sum()) for one in truth)
    hits, alarms = (sum(int(getattr(one, k).sum()) for one in told) for k in ("right", "alarms"))
    figures = {
        "mAP": precision(),
        "AP50": precision([0.5]),
        "AP75": precision([0.75]),
        **{f"mAP {size}": precision(size=size) for size in ("small", "medium", "large")},
        "things": float(things),
        "found": hits / max(things, 1),
        "right of those told": hits / max(hits + alarms, 1),
        "false alarms a picture": alarms / len(truth),
    }
    return {name: value for name, value in figures.items() if np.isfinite(value)}


# --- how much was found -------------------------------------------------------------------------


def _how_much(
    pictures: Pictures,
    rows: np.ndarray,
    truth: Sequence[Things],
    found: Sequence[Boxes],
    told: Sequence[Told],
    figures: dict[str, float],
    sureness: Sureness,
    draw: Drawer,
) -> Finding:
    things = int(figures["things"])
    hits, alarms = (sum(int(getattr(one, k).sum()) for one in told) for k in ("right", "alarms"))
    sentence = (
        f"Of {things:,} things in {len(rows):,} sealed pictures {hits:,} were found with the right "
        f"class and at least half overlapping ({100 * figures['found']:.0f}%); "
        f"{alarms:,} {'box was a false alarm' if alarms == 1 else 'boxes were false alarms'}."
    )
    shown = [
        Picture(
            f"{pictures.places[row]}: {_counted(one)}",
            {"picture": draw(int(row), on_canvas(pictures, int(row), one))},
        )
        for row, one in list(zip(rows, told))[:SHOWN]
    ]
    return Finding(
        part="boxes",
        title="What it finds",
        sentence=sentence,
        notes=(
            f"Boxes are told from a probability of {sureness.threshold:.2f} on, chosen on "
            "validation pictures where precision and recall together were best (F1).",
            "mAP: average precision over recalls, over overlaps from .50 to .95 and over classes, "
            "counted as COCO does; it looks at all boxes, also at those too unlikely to be told.",
            "Small, medium and large: below 32 x 32, below 96 x 96 and above, pixels of the "
            "picture.",
        ),
        figures=figures,
        tables=(
            _by_class(pictures, truth, found, told),
            _by_size(truth, found, len(pictures.classes)),
        ),
        charts=(_curves(pictures, truth, found),),
        pictures=tuple(shown),
    )


def _by_class(
    pictures: Pictures, truth: Sequence[Things], found: Sequence[Boxes], told: Sequence[Told]
) -> Table:
    lines: list[tuple[str | float | int | None, ...]] = []
    for label, name in enumerate(pictures.classes):
        own = [one.labels == label for one in truth]
        count = sum(int((mine & ~one.crowd).sum()) for mine, one in zip(own, truth))
        hits = sum(int((one.right & (one.boxes.labels == label)).sum()) for one in told)
        alarms = sum(int((one.alarms & (one.boxes.labels == label)).sum()) for one in told)
        only_own = [
            Things(one.labels[m] * 0, one.boxes[m], one.crowd[m]) for one, m in zip(truth, own)
        ]
        only_found = [_of_class(one, label) for one in found]
        each = [_value(only_own, only_found, levels) for levels in (None, [0.5])]
        lines.append((name, count, *each, hits, alarms))
    lines.sort(key=lambda line: -int(line[1] or 0))
    header = ("class", "things", "AP", "AP50", "found", "false alarms")
    return Table("By class, sealed pictures", header, tuple(lines[:CLASSES]))


def _by_size(truth: Sequence[Things], found: Sequence[Boxes], classes: int) -> Table:
    lines: list[tuple[str | float | int | None, ...]] = []
    for size in ("small", "medium", "large"):
        low, high = SIZES[size]
        areas = [(one.boxes[:, 2:] - one.boxes[:, :2]).prod(1)[~one.crowd] for one in truth]
        count = sum(int(((area >= low) & (area <= high)).sum()) for area in areas)
        measure = mean_average_precision(truth, found, classes, size=size)
        value = float(measure(np.ones((1, len(truth))))[0])
        lines.append((size, count, round(value, 3) if np.isfinite(value) else None))
    return Table("By size, sealed pictures", ("size", "things", "mAP"), tuple(lines))


def _of_class(found: Boxes, label: int) -> Boxes:
    own = found.labels == label
    return Boxes(found.labels[own] * 0, found.scores[own], found.boxes[own])


def _value(
    truth: Sequence[Things], found: Sequence[Boxes], levels: list[float] | None
) -> float | None:
    overlaps = np.linspace(0.5, 0.95, 10) if levels is None else np.array(levels)
    measure = mean_average_precision(truth, found, 1, overlaps=overlaps)
    value = float(measure(np.ones((1, len(truth))))[0])
    return round(value, 3) if np.isfinite(value) else None


def _curves(pictures: Pictures, truth: Sequence[Things], found: Sequence[Boxes]) -> Chart:
    """Precision at every recall, at overlap one half, for the most frequent classes."""
    parts = [match(truth, found, one, np.array([RIGHT])) for one in range(len(pictures.classes))]
    order = sorted(range(len(parts)), key=lambda one: -parts[one].things.sum())[:6]
    lines = tuple(
        Line(pictures.classes[one], tuple(RECALLS[::5].tolist()), _precisions(parts[one]))
        for one in order
        if parts[one].things.any()
    )
    return Chart("Of the boxes told, how many are right?", "share found", "share right", lines)


def _precisions(matched: Matched) -> tuple[float, ...]:
    counted = ~matched.ignored[0]
    right = matched.right[0][counted]
    hits = np.cumsum(right)
    precision = hits / np.arange(1, len(right) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(hits / matched.things.sum(), RECALLS[::5])
    return tuple(float(best[one]) if one < len(best) else 0.0 for one in place)


# --- how sure -----------------------------------------------------------------------------------


def _how_sure(
    truth: Sequence[Things], found: Sequence[Boxes], sureness: Sureness, classes: int
) -> Finding:
    """Said probability beside the share that was right, on sealed pictures."""
    scores, right, _ = judged(truth, found, classes)
    chance = sureness.probability(scores)
    asked = chance >= 0.05
    chance, right = chance[asked], right[asked]
    title = "How sure is it of a box?"
    if len(chance) < 2 * BINS:
        few = f"{len(chance)} boxes are too few to tell whether their probabilities are right."
        return Finding("box-sureness", title, few, known=False)
    order = np.argsort(chance)
    parts = np.array_split(order, BINS)
    said, seen = (tuple(float(values[part].mean()) for part in parts) for values in (chance, right))
    gap = float(sum(len(part) * abs(a - b) for part, a, b in zip(parts, said, seen)) / len(chance))
    high = chance >= 0.8
    sure = (
        f"; of {high.sum():,} boxes that it called at least 80% likely "
        f"{100 * right[high].mean():.0f}% were right"
        if high.any()
        else ""
    )
    sentence = f"Its probabilities are off by {100 * gap:.0f} points on average{sure}."
    diagonal = Line("as said", (0.0, 1.0), (0.0, 1.0))
    return Finding(
        part="box-sureness",
        title=title,
        sentence=sentence,
        notes=(
            "A logistic curve through the answers on validation pictures makes the network's "
            "sureness a probability; here it is judged on sealed pictures, boxes from 5% on.",
        ),
        figures={"calibration error": gap, "boxes": len(chance)},
        charts=(
            Chart(
                "Said and seen",
                "said probability",
                "share that was right",
                (Line("boxes", said, seen), diagonal),
            ),
        ),
    )


# --- pictures -----------------------------------------------------------------------------------


def shown_examples(
    pictures: Pictures,
    rows: np.ndarray,
    truth: Sequence[Things],
    found: Sequence[Boxes],
    sureness: Sureness,
    draw: Drawer,
) -> list[dict[str, Any]]:
    """Sealed pictures worth looking at, for `results/examples.json`."""
    examples = []
    for row, real, boxes in zip(rows, truth, found):
        one = tell(real, boxes, sureness)
        wrong = bool(one.missed.any() or one.alarms.any())
        least = float(one.chances.min(initial=1.0))
        examples.append(
            {
                "row": int(row),
                "place": pictures.places[row],
                "split": "test",
                "group": "wrong" if wrong else "unsure" if least < 0.7 else "right",
                "target": _named(pictures, real.labels),
                "answer": _named(pictures, one.boxes.labels),
                "probability": least,
                "told": one,
            }
        )
    chosen = []
    for group in ("wrong", "unsure", "right"):
        chosen += [one for one in examples if one["group"] == group][: EXAMPLES // 3]
    for example in chosen:
        row, told = example["row"], example.pop("told")
        example["drawings"] = {"picture": draw(row, on_canvas(pictures, row, told))}
    return chosen


def _named(pictures: Pictures, labels: np.ndarray) -> str:
    """`2 cat, 1 dog`, or `nothing`."""
    counts = np.bincount(labels.astype(np.int64), minlength=len(pictures.classes))
    named = [f"{count} {name}" for name, count in zip(pictures.classes, counts) if count]
    return ", ".join(named) or "nothing"


def _counted(told: Told) -> str:
    return (
        f"{int(told.right.sum())} found, {int(told.missed.sum())} missed, "
        f"{int(told.alarms.sum())} false"
    )
