"""What the units of a network answer to.

Each unit is shown the examples; those that excite it most are kept, with the part that it saw. It
gets a name only if a test passes; how well it tells the classes apart is followed from the first
recorded step to the last; for pictures, series and sounds an input is made up that excites it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.config import RESERVED
from pellucid.data.columns import Column
from pellucid.data.dataset import entry_of
from pellucid.evidence.features import probes, selectivity, strongest, words
from pellucid.evidence.features.field import Window
from pellucid.evidence.features.found import Layered, Order, margin, said_of
from pellucid.evidence.features.imagine import Imagined, imagine
from pellucid.evidence.features.known import outlines
from pellucid.evidence.features.naming import Asked, Part, name_units
from pellucid.evidence.features.ranks import Name
from pellucid.evidence.features.units import UnitLayer, peaks, unit_layers
from pellucid.evidence.features.wording import TITLE, finding_of
from pellucid.evidence.finding import Finding, unknown
from pellucid.evidence.subject import Material, part
from pellucid.network.assemble import Model

MOST_LEARNED, MOST_UNSEEN = 2_000, 1_000
FEWEST_LEARNED, FEWEST_UNSEEN = 200, 60
PACE_ROWS = 32
LOOKING = 0.4
"""Share of the time that showing examples to the network may take; fewer are shown if need be."""
WORDS_SHARE, WORDS_ALONE = 0.2, 0.8
"""Part of the time for words, beside units and without any."""
MOST_STEPS = 8
"""Recorded steps at which selectivity is measured."""
SHOWN = 6
"""Units of a layer that are shown with examples."""
MADE_UP = ("image", "series", "audio")
"""Modalities for which an input can be made up."""
MOST_MADE_UP = 48
IMAGINING = 0.25
"""Share of the time that making up inputs gets at least; more if it is left."""


@part("features")
def study(material: Material) -> Finding:
    """Strongest examples, names, selectivity over training, made-up inputs; and for the generated
    shapes whether edges come first, then parts, then objects."""
    started = time.perf_counter()
    model = material.subject.network
    learned, unseen, honest = _rows(material)
    inputs = material.subject.encode(material.take(learned[:PACE_ROWS]))
    layers = unit_layers(model, inputs)
    spoken = _words(material, learned, unseen, WORDS_SHARE if layers else WORDS_ALONE)
    if not layers:
        return spoken or unknown("features", TITLE, _without_layers(material))
    learned, unseen = _affordable(material, layers, inputs, learned, unseen)
    asked = _asked(material, layers, learned, unseen)
    course = _course(material, asked, layers)
    found = [_layer(material, asked, layer, course, learned) for layer in layers]
    order = _order(material, asked, layers, learned, unseen)
    left = material.seconds - (time.perf_counter() - started)
    _imagine(asked, found, max(left, IMAGINING * material.seconds), material.seed)
    finding = finding_of(material, asked, found, course, order, honest)
    return finding if spoken is None else with_words(finding, spoken)


# --- words --------------------------------------------------------------------------------------


def _words(
    material: Material, learned: np.ndarray, unseen: np.ndarray, share: float
) -> Finding | None:
    """What the first text that is read as a bag of words goes by; None if none is, or if no word
    occurs often enough."""
    subject = material.subject
    families = subject.network.blueprint.families
    column = next(
        (one for one in subject.columns if families.get(entry_of(one).group) == words.FAMILY), None
    )
    if column is None:
        return None
    judged = words.telling_words(
        subject,
        column.name,
        (material.take(learned), learned),
        (material.take(unseen), unseen),
        share * material.seconds,
        material.seed,
    )
    if not judged:
        return None
    return Finding(
        "features",
        TITLE,
        words.sentence_of(judged),
        notes=(*material.of_network(), words.NOTE),
        figures={"words": words.figures_of(column.name, judged)},
        tables=(words.table_of(judged, numbers=material.task.kind == "regress"),),
    )


def with_words(finding: Finding, spoken: Finding) -> Finding:
    """Units, and what words say beside them."""
    return replace(
        finding,
        sentence=f"{finding.sentence} {spoken.sentence}",
        notes=(*finding.notes, words.NOTE),
        figures=finding.figures | spoken.figures,
        tables=(*finding.tables, *spoken.tables),
    )


# --- rows -----------------------------------------------------------------------------------------


def _rows(material: Material) -> tuple[np.ndarray, np.ndarray, bool]:
    """Rows that the first network learned from, rows that it did not, and whether there were
    enough of the latter; if not, both are halves of all rows but the test rows."""
    generator = np.random.default_rng(material.seed)
    learned, unseen = (generator.permutation(rows) for rows in material.folds[0])
    if len(unseen) >= FEWEST_UNSEEN:
        return learned[:MOST_LEARNED], unseen[:MOST_UNSEEN], True
    both = generator.permutation(np.concatenate([learned, unseen]))
    half = len(both) // 2
    return both[:half][:MOST_LEARNED], both[half:][:MOST_UNSEEN], False


def _affordable(
    material: Material,
    layers: list[UnitLayer],
    inputs: dict[str, Tensor],
    learned: np.ndarray,
    unseen: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """As many of these rows as there is time to show, at every recorded step too."""
    peaks(material.subject.network, layers, inputs)  # the first time is slower than all others
    started = time.perf_counter()
    peaks(material.subject.network, layers, inputs)
    pace = (time.perf_counter() - started) / len(next(iter(inputs.values())))
    looks = min(MOST_STEPS, len(material.run.weight_steps)) + 4  # names and readers look again
    share = LOOKING * material.seconds / (pace * (3 * len(learned) + looks * len(unseen)))
    if share >= 1:
        return learned, unseen
    fewer = (
        max(FEWEST_LEARNED, int(share * len(learned))),
        max(2 * FEWEST_UNSEEN, int(share * len(unseen))),
    )
    return learned[: fewer[0]], unseen[: fewer[1]]


def _asked(
    material: Material, layers: list[UnitLayer], learned: np.ndarray, unseen: np.ndarray
) -> Asked:
    model, columns = material.subject.network, material.subject.columns
    groups = {column.name: entry_of(column).group for column in columns}

    def shown(rows: np.ndarray) -> Part:
        taken = material.take(rows)
        inputs = material.subject.encode(taken)
        return Part(rows, taken, inputs, material.truth[rows], peaks(model, layers, inputs))

    return Asked(
        model,
        material.task,
        {groups[one.name]: one for one in columns if groups[one.name] not in RESERVED},
        [one for one in columns if groups[one.name] in RESERVED],
        shown(learned),
        shown(unseen),
        material.seed,
    )


def _without_layers(material: Material) -> str:
    given = material.plan.pretrained
    if given:
        who = ", ".join(sorted(set(given.values())))
        return (
            f"There are no layers of its own to look at: {who}, learned by others, stands in front"
            " and only a last layer was learned here. Learn with --no-pretrained to see features"
            " come into being."
        )
    return "The network has no hidden layers: its answer is a weighted sum of what it is given."


# --- each layer -----------------------------------------------------------------------------------


def _course(material: Material, asked: Asked, layers: list[UnitLayer]) -> selectivity.Course | None:
    steps = selectivity.spread(material.run.weight_steps, MOST_STEPS)
    if not steps:
        return None
    return selectivity.course(
        asked.model, layers, asked.unseen.inputs, asked.task, asked.unseen.truth,
        material.run.weights, steps, asked.seed,
    )  # fmt: skip


def _layer(
    material: Material,
    asked: Asked,
    layer: UnitLayer,
    course: selectivity.Course | None,
    learned: np.ndarray,
) -> Layered:
    names = name_units(asked, layer)
    selective = None if course is None else course.value[layer.tap][-1]
    found = Layered(layer, names, _chosen(names, selective))
    column = asked.columns.get(layer.group)
    answered = asked.learned.peaks[layer.tap]
    for unit in found.chosen:
        if column is None or layer.field is None:
            found.common[unit] = strongest.telling(answered, unit, asked.plain, asked.learned.rows)
            continue
        loaded, inputs = asked.learned.rows[column.name], asked.learned.inputs[layer.group]
        shown = strongest.shown(
            layer, unit, answered, learned, column, loaded, inputs, material.places
        )
        found.examples[unit] = shown
        if column.modality in ("image", "audio"):
            index = strongest.order(answered, unit, strongest.TOP)
            found.pictures[unit] = _crops(layer, column, inputs[index.tolist()], shown)
    return found


def _chosen(names: list[Name | None], selective: np.ndarray | None) -> list[int]:
    """Units to show: those with the clearest names, one of each name first, then the most
    selective."""
    named = [unit for unit, name in enumerate(names) if name is not None]
    named.sort(key=lambda unit: -margin(names[unit]))
    first = list({said_of(names[unit]): unit for unit in reversed(named)}.values())
    first.sort(key=lambda unit: -margin(names[unit]))
    rest = range(len(names)) if selective is None else np.argsort(-selective, kind="stable")
    return list(dict.fromkeys([*first, *named, *map(int, rest)]))[:SHOWN]


def _crops(
    layer: UnitLayer, column: Column, inputs: Tensor, shown: list[strongest.Shown]
) -> dict[str, Any]:
    """What a unit saw of its strongest examples, as pictures of one size."""
    whole = as_pixels(inputs, column)
    parts = [strongest.crop(one, _upright(item.window, column, one), _size(layer, column, one))
             for one, item in zip(whole, shown, strict=True)]  # fmt: skip
    return strongest.packed(np.stack(parts))


def _upright(window: Window, column: Column, pixels: np.ndarray) -> Window:
    """Frames and bands of a sound become columns and rows of its picture, low sounds below."""
    if column.modality != "audio":
        return window
    (first, last), (low, high) = window
    return ((pixels.shape[0] - high, pixels.shape[0] - low), (first, last))


def _size(layer: UnitLayer, column: Column, pixels: np.ndarray) -> tuple[int, int]:
    assert layer.field is not None
    size = layer.field.size[::-1] if column.modality == "audio" else layer.field.size
    height, width = (min(one, side) for one, side in zip(size, pixels.shape, strict=False))
    return height, width


def as_pixels(inputs: Tensor, column: Column) -> np.ndarray:
    """Encoded pictures or sounds as uint8 `(n, height, width, channels)`; a sound's time runs to
    the right and its pitch upward, three standard deviations from black to white."""
    values = inputs.numpy()
    if column.modality == "image":
        return values.astype(np.uint8)
    shade = np.clip((np.nan_to_num(values, nan=-3.0) + 3) / 6, 0, 1)
    return np.asarray((255 * shade).astype(np.uint8).swapaxes(1, 2)[:, ::-1])


# --- made up --------------------------------------------------------------------------------------


def _imagine(asked: Asked, found: list[Layered], seconds: float, seed: int) -> None:
    """Make up an input for each shown unit, and say whether it excites more than any real one."""
    groups = [
        group for group, column in asked.columns.items() if column.modality in MADE_UP
        and any(one.layer.group == group for one in found)
    ]  # fmt: skip
    for group in groups:
        mine = [one for one in found if one.layer.group == group]
        each = max(1, MOST_MADE_UP // len(mine))
        targets = [(one.layer, unit) for one in mine for unit in one.chosen[:each]]
        made = imagine(
            asked.model, targets, asked.learned.inputs[group],
            seconds=seconds / len(groups), seed=seed,
        )  # fmt: skip
        by_tap = {one.layer.tap: one for one in mine}
        for row, (layer, unit) in enumerate(targets):
            by_tap[layer.tap].imagined[unit] = _made(asked, made, row, layer, unit)


def _made(asked: Asked, made: Imagined, row: int, layer: UnitLayer, unit: int) -> dict[str, Any]:
    column = asked.columns[layer.group]
    best = max(
        float(part.peaks[layer.tap].value[:, unit].max()) for part in (asked.learned, asked.unseen)
    )
    answer = float(made.answers[row])
    facts: dict[str, Any] = {
        "answer": answer, "best_real": best, "beats": answer > best, "steps": made.steps
    }  # fmt: skip
    window = strongest.window_of(
        layer, layer.place(layer.middle), column, (1, *made.inputs.shape[1:])
    )
    if column.modality == "series":
        return facts | {"series": made.inputs[row][slice(*window[0])].round(3).tolist()}
    pixels = as_pixels(torch.from_numpy(made.inputs[row : row + 1]), column)[0]
    part = strongest.crop(pixels, _upright(window, column, pixels), _size(layer, column, pixels))
    return facts | {"picture": strongest.packed(part[None])}


# --- edges, parts, objects ------------------------------------------------------------------------


def _order(
    material: Material,
    asked: Asked,
    layers: list[UnitLayer],
    learned: np.ndarray,
    unseen: np.ndarray,
) -> Order | None:
    truth = outlines(material.run.info["source"]["path"], material.places)
    mine = [
        one for one in layers
        if len(one.positions) == 2 and one.positions != (1, 1)
        and asked.columns[one.group].modality == "image"
    ] if truth is not None else []  # fmt: skip
    if truth is None or len(mine) < 2 or material.task.kind != "classify":
        return None

    def read(model: Model) -> probes.Read:
        return probes.read(
            model, mine, asked.learned.inputs, asked.unseen.inputs, (truth, learned, unseen),
            (asked.learned.truth, asked.unseen.truth), material.seed,
        )  # fmt: skip

    steps = material.run.weight_steps
    untrained = None
    if steps and steps[0] == 0:
        untrained = read(selectivity.at_step(asked.model, material.run.weights(0)))
    return Order(mine, read(asked.model), untrained)
