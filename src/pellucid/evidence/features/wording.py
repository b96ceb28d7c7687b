"""What was found, in words, tables and charts."""

from __future__ import annotations

import numpy as np

from pellucid.evidence.features import probes, selectivity
from pellucid.evidence.features.figures import figures_of, head_figures
from pellucid.evidence.features.found import Layered, Order, margin, measure, said_of, target_names
from pellucid.evidence.features.heads import Head, heads
from pellucid.evidence.features.naming import Asked
from pellucid.evidence.features.units import UnitLayer
from pellucid.evidence.finding import Cell, Chart, Finding, Line, Table
from pellucid.evidence.subject import Material

TITLE = "What its features answer to"
COURSES = 4
"""Layers whose selectivity is drawn over training; all are in the figures."""
LINES = 12
"""Units in the table, of all layers together; at least two of each."""


def finding_of(
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
    looking = heads(asked.model, asked.unseen.inputs)
    if looking:
        tables.append(_heads_table(looking))
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
        figures=figures_of(asked, found, course, order) | head_figures(looking),
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
        key=lambda name: -margin(name),
    )
    examples = list(dict.fromkeys(f"'{name.said}'" for name in clear))[:3]
    return (
        f"Of its {units:,} units {named:,} can be named after the one thing that they clearly"
        f" answer to, such as {', '.join(examples)}; the others answer to mixtures."
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
        "How well a unit tells, on average", "step", measure(asked.task.kind), tuple(lines)
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
    rows: list[tuple[Cell, ...]] = []
    numbers = []
    for one in found:
        for unit in one.chosen[: max(2, LINES // len(found))]:
            name = one.names[unit]
            rows.append(
                (one.layer.name, unit, said_of(name) or "unnamed",
                 None if name is None else name.score, None if name is None else name.limit,
                 _for(asked, course, one.layer, unit), _excited(one, unit))
            )  # fmt: skip
            numbers.append(one.examples[unit][0].row if unit in one.examples else -1)
    shown = tuple(numbers) if all(number >= 0 for number in numbers) else ()
    return Table("Units", head, tuple(rows), shown)


def _heads_table(found: list[Head]) -> Table:
    """Those that look at one place first."""
    found = sorted(found, key=lambda one: one.needed - one.score)[:LINES]
    rows = [(one.block, one.number, one.name or "unnamed", one.score, one.needed) for one in found]
    return Table("Heads of attention", ("block", "head", "name", "share", "needed"), tuple(rows))


def _for(asked: Asked, course: selectivity.Course | None, layer: UnitLayer, unit: int) -> str:
    """The class that a unit is best for, where that is beyond chance."""
    if course is None or course.value[layer.tap][-1][unit] <= course.limit[layer.tap]:
        return ""
    names = target_names(asked)
    return f"{names[int(course.best[layer.tap][unit])]} {course.value[layer.tap][-1][unit]:.2f}"


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
        *material.of_network(),
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
    if course is not None and len(course.steps) > 1:
        notes.append("The bands over the steps hold the middle four fifths of a layer's units.")
    if course is None:
        notes.append("How the units came to it can't be told: weights were not recorded.")
    made = [one for layered in found for one in layered.imagined.values()]
    if made:
        beats = sum(one["beats"] for one in made)
        notes.append(
            f"{beats} of {len(made)} made-up inputs ({made[0]['steps']} changes each) excite their"
            " unit more than the best real example"
            + ("." if beats == len(made) else "; the others do not.")
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
        f" others: {said}. Squares are of 8 x 8 pixels in every layer; bands are 95% intervals."
    ]
    if order.before is not None:
        before = {one: float(order.before.score[one].max()) for one in probes.QUESTIONS}
        after = {one: float(order.after.score[one].max()) for one in probes.QUESTIONS}
        grown = ", ".join(f"{one} {before[one]:.2f} to {after[one]:.2f}" for one in before)
        notes.append(f"From before it learned to now, at the best layer: {grown}.")
    return notes
