"""What goes wrong: what was missed, and boxes that are wrong, in words and pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.evidence.finding import Finding, Picture, Table
from pellucid.uses.detect.precision import Things
from pellucid.uses.detect.prepared import Pictures
from pellucid.uses.detect.told import KINDS, Drawer, Told, on_canvas

WORST = 4
"""Pictures of each kind of mistake."""


def what_went_wrong(
    pictures: Pictures,
    rows: np.ndarray,
    truth: Sequence[Things],
    told: Sequence[Told],
    draw: Drawer,
) -> Finding:
    missed = sum(int(one.missed.sum()) for one in told)
    alarms = [kind for one in told for kind, on in zip(one.kinds, one.alarms) if on]
    counts = {kind: alarms.count(kind) for kind in KINDS}
    if not missed and not alarms:
        sentence = "Nothing was missed in the sealed pictures, and there was no false alarm."
    else:
        most = max(counts, key=lambda kind: counts[kind])
        of = f", most of them '{most}' ({counts[most]:,})" if alarms else ""
        sentence = f"{missed:,} things were missed and {len(alarms):,} boxes were wrong{of}."
    lines = [("missed", missed), *counts.items()]
    return Finding(
        part="box-errors",
        title="What goes wrong",
        sentence=sentence,
        notes=(
            "Wrong class: half overlapping with a thing of another class. Badly placed: of the "
            "right class, but less than half overlapping. Nothing there: neither.",
        ),
        figures={"missed": missed, **counts},
        tables=(Table("Mistakes, sealed pictures", ("mistake", "how many"), tuple(lines)),),
        pictures=(*_worst_misses(pictures, rows, truth, told, draw),
                  *_worst_alarms(pictures, rows, told, draw)),
    )  # fmt: skip


def _worst_misses(
    pictures: Pictures,
    rows: np.ndarray,
    truth: Sequence[Things],
    told: Sequence[Told],
    draw: Drawer,
) -> list[Picture]:
    """The pictures with the largest thing that nobody found."""
    sizes = [
        float(((one.boxes[:, 2:] - one.boxes[:, :2]).prod(1) * said.missed).max(initial=0.0))
        for one, said in zip(truth, told)
    ]
    worst = [place for place in np.argsort(sizes)[::-1][:WORST] if sizes[place] > 0]
    return [
        Picture(
            f"missed in {pictures.places[rows[place]]}: {int(told[place].missed.sum())}",
            {"picture": draw(int(rows[place]), on_canvas(pictures, int(rows[place]), told[place]))},
        )
        for place in worst
    ]


def _worst_alarms(
    pictures: Pictures, rows: np.ndarray, told: Sequence[Told], draw: Drawer
) -> list[Picture]:
    """The pictures with the surest box that is wrong."""
    surest = [float((one.chances * one.alarms).max(initial=0.0)) for one in told]
    worst = [place for place in np.argsort(surest)[::-1][:WORST] if surest[place] > 0]
    shown = []
    for place in worst:
        one = told[place]
        which = int((one.chances * one.alarms).argmax())
        name = pictures.classes[one.boxes.labels[which]]
        title = (
            f"false alarm in {pictures.places[rows[place]]}: {name}, "
            f"{100 * surest[place]:.0f}% sure, {one.kinds[which]}"
        )
        row = int(rows[place])
        shown.append(Picture(title, {"picture": draw(row, on_canvas(pictures, row, one))}))
    return shown
