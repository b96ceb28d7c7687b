"""Everything that was measured, for machines."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.evidence.features import probes, selectivity, strongest
from pellucid.evidence.features.found import Layered, Order, measure, said_of, target_names
from pellucid.evidence.features.heads import Head
from pellucid.evidence.features.naming import Asked
from pellucid.evidence.features.units import UnitLayer

KEPT = 5
"""Strongest examples whose numbers are kept of every unit."""


def figures_of(
    asked: Asked,
    found: list[Layered],
    course: selectivity.Course | None,
    order: Order | None,
) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "rows": {"learned": len(asked.learned.truth), "unseen": len(asked.unseen.truth)},
        "units": sum(one.layer.units for one in found),
        "named": sum(one.named for one in found),
        "measure": measure(asked.task.kind),
        "targets": target_names(asked),
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
        "name": said_of(one.names[unit]),
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


def head_figures(found: list[Head]) -> dict[str, Any]:
    names = [{"name": one.name, "score": one.score, "needed": one.needed} for one in found]
    return {"heads": [vars(one) | name for one, name in zip(found, names, strict=True)]}
