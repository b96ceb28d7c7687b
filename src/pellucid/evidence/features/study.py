"""What the units of a network answer to.

Each unit is shown the examples; those that excite it most are kept, with the part that it saw. It
gets a name only if a test passes; how well it tells the classes apart is followed from the first
recorded step to the last; for pictures, series and sounds an input is made up that excites it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.config import RESERVED
from pellucid.data.columns import Column
from pellucid.data.dataset import entry_of
from pellucid.evidence.features import probes, selectivity, strongest
from pellucid.evidence.features.imagine import Imagined, imagine
from pellucid.evidence.features.known import outlines
from pellucid.evidence.features.naming import Asked, Part, name_units
from pellucid.evidence.features.ranks import Name
from pellucid.evidence.features.units import UnitLayer, peaks, unit_layers
from pellucid.evidence.finding import Chart, Finding, Line, Table, unknown
from pellucid.evidence.subject import Material, part
from pellucid.network.assemble import Model

TITLE = "What its features answer to"
MOST_LEARNED, MOST_UNSEEN = 2_000, 1_000
FEWEST_UNSEEN = 60
MOST_STEPS = 12
"""Recorded steps at which selectivity is measured."""
SHOWN = 6
"""Units of a layer that are shown with examples."""
LINES = 12
"""Units in the table, of all layers together; at least two of each."""
COURSES = 4
"""Layers whose selectivity is drawn over training; all are in the figures."""
KEPT = 5
"""Strongest examples whose numbers are kept of every unit."""
MADE_UP = ("image", "series", "audio")
"""Modalities for which an input can be made up."""
MOST_MADE_UP = 48
IMAGINING = 0.4
"""Share of the time that making up inputs may take."""


@dataclass(frozen=True)
class Layered:
    """What was found about one layer. names: one a unit. chosen: the units that are shown.
    examples: unit -> its strongest examples, or words for those of a table."""

    layer: UnitLayer
    names: list[Name | None]
    chosen: list[int]
    examples: dict[int, list[strongest.Shown]] = field(default_factory=dict)
    common: dict[int, str] = field(default_factory=dict)
    pictures: dict[int, dict[str, Any]] = field(default_factory=dict)
    imagined: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def named(self) -> int:
        return sum(name is not None for name in self.names)


@part("features")
def study(material: Material) -> Finding:
    """Strongest examples, names, selectivity over training, made-up inputs; and for the generated
    shapes whether edges come first, then parts, then objects."""
    started = time.perf_counter()
    model = material.subject.network
    learned, unseen, honest = _rows(material)
    inputs = material.subject.encode(material.take(learned[:2]))
    layers = unit_layers(model, inputs)
    if not layers:
        return unknown("features", TITLE, _without_layers(material))
    asked = _asked(material, layers, learned, unseen)
    course = _course(material, asked, layers)
    found = [_layer(material, asked, layer, course, learned) for layer in layers]
    order = _order(material, asked, layers, learned, unseen)
    left = max(2.0, material.seconds - (time.perf_counter() - started))
    _imagine(asked, found, min(left, max(2.0, IMAGINING * material.seconds)), material.seed)
    return _finding(material, asked, found, course, order, honest)


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


def _asked(
    material: Material, layers: list[UnitLayer], learned: np.ndarray, unseen: np.ndarray
) -> Asked:
    model, columns = material.subject.network, material.subject.columns
    groups = {column.name: entry_of(column).group for column in columns}
    parts = []
    for rows in (learned, unseen):
        taken = material.take(rows)
        inputs = material.subject.encode(taken)
        parts.append(Part(rows, taken, inputs, material.truth[rows], peaks(model, layers, inputs)))
    return Asked(
        model,
        material.task,
        {groups[one.name]: one for one in columns if groups[one.name] not in RESERVED},
        [one for one in columns if groups[one.name] in RESERVED],
        *parts,
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
    found = Layered(layer, names, _chosen(names, course and course.value[layer.tap][-1]))
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
    named.sort(key=lambda unit: -_margin(names[unit]))
    first = list({_said(names[unit]): unit for unit in reversed(named)}.values())
    first.sort(key=lambda unit: -_margin(names[unit]))
    rest = range(len(names)) if selective is None else np.argsort(-selective, kind="stable")
    return list(dict.fromkeys([*first, *named, *map(int, rest)]))[:SHOWN]


def _margin(name: Name | None) -> float:
    return 0.0 if name is None else name.score - name.limit


def _said(name: Name | None) -> str:
    return "" if name is None else name.said


def _crops(
    layer: UnitLayer, column: Column, inputs: Tensor, shown: list[strongest.Shown]
) -> dict[str, Any]:
    """What a unit saw of its strongest examples, as pictures of one size."""
    whole = as_pixels(inputs, column)
    parts = [strongest.crop(one, _upright(item.window, column, one), _size(layer, column, one))
             for one, item in zip(whole, shown, strict=True)]  # fmt: skip
    return strongest.packed(np.stack(parts))


def _upright(window: strongest.Window, column: Column, pixels: np.ndarray) -> strongest.Window:
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
            asked.model.requires_grad_(False), targets, asked.learned.inputs[group],
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


@dataclass(frozen=True)
class Order:
    """How well edges, parts and objects are read from each layer, and before learning."""

    layers: list[UnitLayer]
    after: probes.Read
    before: probes.Read | None


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
        if len(one.positions) == 2 and asked.columns[one.group].modality == "image"
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


# --- in words -------------------------------------------------------------------------------------


def _finding(
    material: Material,
    asked: Asked,
    found: list[Layered],
    course: selectivity.Course | None,
    order: Order | None,
    honest: bool,
) -> Finding:
    sentence = _named_sentence(found)
    charts = []
    tables = [_layers_table(asked, found, course), _units_table(asked, found, course)]
    if order is not None:
        sentence = f"{_order_sentence(order)} {sentence}"
        charts.append(_order_chart(order))
    if course is not None and len(course.steps) > 1:
        charts.append(_course_chart(asked, found, course))
    return Finding(
        "features",
        TITLE,
        sentence,
        notes=tuple(_notes(material, asked, found, course, order, honest)),
        figures=_figures(asked, found, course, order),
        tables=tuple(tables),
        charts=tuple(charts),
    )


def _named_sentence(found: list[Layered]) -> str:
    units = sum(one.layer.units for one in found)
    named = sum(one.named for one in found)
    if not named:
        return (
            f"None of its {units:,} units could be given a name that passes its test: what they"
            " answer to is a mixture, and is shown by examples instead."
        )
    clear = sorted(
        (name for one in found for name in one.names if name is not None),
        key=lambda name: -_margin(name),
    )
    examples = list(dict.fromkeys(f"'{name.said}'" for name in clear))[:3]
    return (
        f"{named:,} of its {units:,} units answer so clearly to one thing that they can be named"
        f" after it, such as {', '.join(examples)}; the others answer to mixtures."
    )


def _order_sentence(order: Order) -> str:
    names = [layer.name for layer in order.layers]
    edges, parts, objects = (names[order.after.best(one)] for one in probes.QUESTIONS)
    places = (
        f"which way edges run is read best from {edges}, corners from {parts}, the object from"
        f" {objects}"
    )
    if order.after.holds and order.after.order >= 0.95:
        return f"Early layers find edges, later ones shapes, then objects: so it is here; {places}."
    if order.after.holds:
        return (
            f"Edges first, then shapes, then objects: so it seems here, but not surely"
            f" (in {order.after.order:.0%} of redrawn samples); {places}."
        )
    return f"Edges first, then shapes, then objects does not hold here: {places}."


def _order_chart(order: Order) -> Chart:
    x = tuple(float(place + 1) for place in range(len(order.layers)))
    lines = []
    for one in probes.QUESTIONS:
        ends = order.after.interval(one)
        lines.append(
            Line(one, x, tuple(map(float, order.after.score[one])),
                 tuple(low for low, _ in ends), tuple(high for _, high in ends))
        )  # fmt: skip
    across = f"layer, 1 is {order.layers[0].name}, {len(x)} is {order.layers[-1].name}"
    return Chart("What can be read from each layer", across, "score", tuple(lines))


def _course_chart(asked: Asked, found: list[Layered], course: selectivity.Course) -> Chart:
    lines = []
    places = np.linspace(0, len(found) - 1, min(COURSES, len(found))).round().astype(int)
    for one in (found[place] for place in places):
        values = course.value[one.layer.tap]
        low, high = np.quantile(values, (0.1, 0.9), axis=1)
        lines.append(
            Line(one.layer.name, tuple(map(float, course.steps)),
                 tuple(map(float, values.mean(1))), tuple(map(float, low)),
                 tuple(map(float, high)))
        )  # fmt: skip
    return Chart(
        "How well a unit tells, on average", "step", _measure(asked.task.kind), tuple(lines)
    )


def _measure(kind: str) -> str:
    classes = {"classify": "its best class", "tags": "its best tag"}
    return (
        f"area under ROC for {classes[kind]}" if kind in classes else "rank correlation with target"
    )


def _layers_table(asked: Asked, found: list[Layered], course: selectivity.Course | None) -> Table:
    rows = []
    for one in found:
        tap = one.layer.tap
        values = None if course is None else course.value[tap][-1]
        telling = int((values > course.limit[tap]).sum()) if course and values is not None else None
        rows.append(
            (one.layer.name, one.layer.units, _sees(one.layer, asked), one.named, telling,
             None if values is None else float(np.median(values)))
        )  # fmt: skip
    head = ("layer", "units", "one unit sees", "named", "tell beyond chance", "median telling")
    return Table("Layers", head, tuple(rows))


def _sees(layer: UnitLayer, asked: Asked) -> str:
    column = asked.columns.get(layer.group)
    if layer.field is None or column is None:
        return "the whole row"
    if layer.field.whole:
        return "everything"
    words = {"image": "pixels", "text": "tokens", "series": "steps", "audio": "frames and bands"}
    size = " × ".join(str(one) for one in layer.field.size)
    return f"{size} {words.get(column.modality, 'places')}"


def _units_table(asked: Asked, found: list[Layered], course: selectivity.Course | None) -> Table:
    head = ("layer", "unit", "name", "score", "needed", "tells best", "excited most by")
    rows, numbers = [], []
    for one in found:
        for unit in one.chosen[: max(2, LINES // len(found))]:
            name = one.names[unit]
            rows.append(
                (one.layer.name, unit, _said(name) or "unnamed", name and name.score,
                 name and name.limit, _for(asked, course, one.layer, unit),
                 _excited(one, unit))
            )  # fmt: skip
            numbers.append(one.examples[unit][0].row if unit in one.examples else -1)
    shown = tuple(numbers) if all(number >= 0 for number in numbers) else ()
    return Table("Units", head, tuple(rows), shown)


def _for(asked: Asked, course: selectivity.Course | None, layer: UnitLayer, unit: int) -> str:
    """The class that a unit is best for, where that is beyond chance."""
    if course is None or course.value[layer.tap][-1][unit] <= course.limit[layer.tap]:
        return ""
    names = _target_names(asked)
    return f"{names[int(course.best[layer.tap][unit])]} {course.value[layer.tap][-1][unit]:.2f}"


def _target_names(asked: Asked) -> list[str]:
    task = asked.task
    if task.kind in ("classify", "tags"):
        return [str(one) for one in getattr(task, "classes", [])]
    return [str(one) for one in getattr(task, "names", [])] or [str(task.as_json()["target"])]


def _excited(one: Layered, unit: int) -> str:
    if unit in one.common:
        return one.common[unit]
    shown = one.examples.get(unit, [])
    return (shown[0].said or shown[0].place) if shown else ""


def _notes(
    material: Material,
    asked: Asked,
    found: list[Layered],
    course: selectivity.Course | None,
    order: Order | None,
    honest: bool,
) -> list[str]:
    learned, unseen = len(asked.learned.truth), len(asked.unseen.truth)
    notes = [
        f"Examples are the strongest of {learned:,} training rows; names are judged on {unseen:,}"
        " rows that the (first) network did not learn from."
        if honest
        else f"Too few rows were kept from the first network: names are chosen on {learned:,} rows"
        f" and judged on {unseen:,} others, but it learned from most of both.",
        "'needed' is what the score had to pass: what the best of as many units reaches by chance,"
        " measured by shuffling or with random weights, and never less than a fixed floor.",
    ]
    if any(name and name.kind == "line" for one in found for name in one.names):
        notes.append(
            "Edges: 0 degrees lie flat, 45 rise to the right, 90 stand upright; the score is how"
            " much the unit prefers its angle to others."
        )
    if order is not None:
        notes += _order_notes(order)
    if course is None:
        notes.append("How the units came to it can't be told: weights were not recorded.")
    made = [one for layered in found for one in layered.imagined.values()]
    if made:
        beats = sum(one["beats"] for one in made)
        notes.append(
            f"{beats} of {len(made)} made-up inputs ({made[0]['steps']} changes each) excite their"
            " unit more than the best real example"
            + ("." if beats == len(made) else "; the others did not get there in the time.")
        )
    given = material.plan.pretrained
    if given:
        notes.append(
            f"{', '.join(given)}: read by pretrained features, which have no layers here;"
            " --no-pretrained would show some."
        )
    if any(one.pictures for one in found):
        notes.append("What excites them stands in the run's report.html, as pictures.")
    return notes


def _order_notes(order: Order) -> list[str]:
    learned, judged = order.after.rows
    said = "; ".join(f"{name}: {words}" for name, words in probes.WORDS.items())
    notes = [
        f"Read by a linear reader, fitted on {learned:,} training pictures and judged on {judged:,}"
        f" others: {said}. Squares are of 8 x 8 pixels in every layer."
    ]
    if order.before is not None:
        before = {one: float(order.before.score[one].max()) for one in probes.QUESTIONS}
        after = {one: float(order.after.score[one].max()) for one in probes.QUESTIONS}
        grown = ", ".join(f"{one} {before[one]:.2f} to {after[one]:.2f}" for one in before)
        notes.append(f"From before it learned to now, at the best layer: {grown}.")
    return notes


# --- for machines ---------------------------------------------------------------------------------


def _figures(
    asked: Asked,
    found: list[Layered],
    course: selectivity.Course | None,
    order: Order | None,
) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "rows": {"learned": len(asked.learned.truth), "unseen": len(asked.unseen.truth)},
        "units": sum(one.layer.units for one in found),
        "named": sum(one.named for one in found),
        "measure": _measure(asked.task.kind),
        "targets": _target_names(asked),
        "steps": None if course is None else course.steps,
        "layers": [_layer_figures(asked, one, course) for one in found],
    }
    if order is not None:
        figures["order"] = _order_figures(order)
    made = [one for layered in found for one in layered.imagined.values()]
    figures["imagined"] = {"units": len(made), "beat_real": sum(one["beats"] for one in made)}
    return figures


def _layer_figures(asked: Asked, one: Layered, course: selectivity.Course | None) -> dict[str, Any]:
    layer = one.layer
    answered = asked.learned.peaks[layer.tap].value
    top = np.argsort(-answered, axis=0, kind="stable")[:KEPT]
    facts: dict[str, Any] = {
        "name": layer.name,
        "tap": layer.tap,
        "group": layer.group,
        "units": layer.units,
        "positions": layer.positions,
        "field": layer.field and vars(layer.field),
        "names": {unit: vars(name) for unit, name in enumerate(one.names) if name is not None},
        "strongest_values": np.take_along_axis(answered, top, 0).T.round(4),
        "strongest_rows": asked.learned.numbers[top.T],
        "shown": [_unit_figures(asked, one, unit) for unit in one.chosen],
    }
    if course is not None:
        facts |= {
            "selectivity": course.value[layer.tap].round(4),
            "selectivity_limit": course.limit[layer.tap],
            "selective_for": course.best[layer.tap],
        }
    return facts


def _unit_figures(asked: Asked, one: Layered, unit: int) -> dict[str, Any]:
    return {
        "unit": unit,
        "name": _said(one.names[unit]),
        "examples": [
            vars(item) | _values(asked, one.layer, item) for item in one.examples.get(unit, [])
        ],
        "common": one.common.get(unit, ""),
        "pictures": one.pictures.get(unit),
        "imagined": one.imagined.get(unit),
    }


def _values(asked: Asked, layer: UnitLayer, item: strongest.Shown) -> dict[str, Any]:
    """The part of a series that a unit saw."""
    column = asked.columns[layer.group]
    if column.modality != "series":
        return {}
    index = int(np.flatnonzero(asked.learned.numbers == item.row)[0])
    values = np.asarray(asked.learned.rows[column.name].values[index], dtype=np.float64)
    return {"series": values[slice(*item.window[0])].round(5)}


def _order_figures(order: Order) -> dict[str, Any]:
    def told(read: probes.Read) -> dict[str, Any]:
        return {
            one: {"score": read.score[one], "interval": read.interval(one), "best": read.best(one)}
            for one in probes.QUESTIONS
        }

    return {
        "layers": [layer.name for layer in order.layers],
        "holds": order.after.holds,
        "share_of_draws": order.after.order,
        "rows": order.after.rows,
        "after": told(order.after),
        "before": None if order.before is None else told(order.before),
    }
