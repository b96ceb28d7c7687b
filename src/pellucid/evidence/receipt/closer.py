"""A closer look: one layer, one unit, and one weight through the whole step."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.evidence.receipt.changes import weights_of
from pellucid.evidence.receipt.exact import Exact
from pellucid.evidence.receipt.forward import value_of
from pellucid.evidence.receipt.made import Made
from pellucid.evidence.receipt.numbers import spread, unravel
from pellucid.evidence.receipt.parts import Index, Layer, OneWeight, Output, Share, Unit
from pellucid.evidence.receipt.passages import Passage
from pellucid.evidence.receipt.sums import loudest, movement, output_by_hand, shares
from pellucid.evidence.receipt.updates import update_lines
from pellucid.evidence.receipt.watched import Watched
from pellucid.evidence.receipt.words import USED_DIRECTLY, formula
from pellucid.evidence.receipt.zoom import Zoom, shown

MOST_UNITS = 8
"""Units, weights or examples that are listed, the most telling ones."""


def view_of(made: Made, watched: Watched, zoom: Zoom, example: int) -> Layer | Unit | None:
    """The layer or unit that was asked for; None if that was a weight, or nothing."""
    if zoom.level == "layer":
        return _layer(made, watched, zoom)
    if zoom.level == "unit":
        return _unit(made, watched, zoom, example)
    return None


def _layer(made: Made, watched: Watched, zoom: Zoom) -> Layer:
    passage = watched.passages.get(zoom.layer)
    return Layer(
        shown(zoom.layer),
        kind_of(made, zoom.layer),
        USED_DIRECTLY if passage is None else formula(passage),
        None if passage is None else value_of(zoom.layer, passage.output, passage.blame),
        tuple(weights_of(made, watched, name) for name in watched.own(zoom.layer)),
        _units(made, watched, zoom.parameter),
        len(made.before(zoom.parameter)),
    )


def _units(
    made: Made, watched: Watched, parameter: str
) -> tuple[tuple[str, float, float, float], ...]:
    """Path and lengths of weights, gradient and change of the units with the largest gradients."""
    before, gradient = made.before(parameter), watched.gradients[parameter]
    change = made.new(parameter) - before
    size = gradient.flatten(1).norm(dim=1) if gradient.ndim > 1 else gradient.abs()
    return tuple(
        (
            f"{shown(parameter)}[{unit}]",
            float(before[unit].norm()),
            float(gradient[unit].norm()),
            float(change[unit].norm()),
        )
        for unit in size.argsort(descending=True)[:MOST_UNITS].tolist()
    )


def kind_of(made: Made, layer: str) -> str:
    return type(made.learner.model.get_submodule(layer)).__name__


def _unit(made: Made, watched: Watched, zoom: Zoom, example: int) -> Unit:
    passage, name = watched.passages.get(zoom.layer), zoom.parameter
    given, blame, moved = torch.empty(0), 0.0, torch.empty(0)
    if passage is not None:
        moved = movement(passage, zoom.own_name, zoom.index)
        there = moved != 0
        given = passage.output.detach().double()[there]
        blame = float(passage.blame64[there].norm())
    some = given.numel() > 0
    gradient = watched.gradients[name][zoom.index]
    strongest = gradient.flatten().abs().argsort(descending=True)[:MOST_UNITS].tolist()
    places = [(*zoom.index, *unravel(at, gradient)) for at in strongest]
    return Unit(
        f"{shown(name)}{list(zoom.index)}",
        given.numel(),
        float(given.mean()) if some else None,
        spread(given) if some else None,
        float(given.min()) if some else None,
        float(given.max()) if some else None,
        blame,
        _output(passage, zoom.own_name, places[0], moved, example),
        tuple(_weight(made, watched, name, at) for at in places),
    )


def _weight(made: Made, watched: Watched, name: str, at: Index) -> tuple[str, float, float, float]:
    """Path, weight, gradient, new weight."""
    return (
        f"{shown(name)}{list(at)}",
        float(made.before(name)[at]),
        float(watched.gradients[name][at]),
        float(made.new(name)[at]),
    )


def _output(
    passage: Passage | None, own: str, index: Index, moved: Tensor, example: int
) -> Output | None:
    if passage is None:
        return None
    where = loudest(passage, moved, example)
    return None if where is None else output_by_hand(passage, where, own, index)


def one_weight(
    made: Made, watched: Watched, exact: Exact, zoom: Zoom, example: int
) -> tuple[OneWeight, Tensor]:
    """The followed weight, and what adds up to its gradient: what each example says through its
    layer `(batch,)`, then what rows of no single example say, and what comes from elsewhere."""
    name, group = zoom.parameter, made.group(zoom.parameter)
    gradient, clipped = watched.gradients[name], made.clipped(name)
    index = zoom.weight(gradient)
    passage = watched.passages.get(zoom.layer)
    moved = torch.empty(0) if passage is None else movement(passage, zoom.own_name, index)
    count = len(watched.losses)
    each, nobodys = (torch.zeros(0), 0.0) if passage is None else shares(passage, moved, count)
    elsewhere = float(watched.elsewhere(name)[index])
    listed = each.abs().argsort(descending=True)[:MOST_UNITS]
    one = OneWeight(
        path=f"{shown(name)}{list(index)}",
        layer=shown(zoom.layer),
        kind=kind_of(made, zoom.layer),
        says=USED_DIRECTLY if passage is None else formula(passage),
        before=float(made.before(name)[index]),
        after=float(made.new(name)[index]),
        gradient=float(gradient[index]),
        clipped=float(clipped[index]),
        output=_output(passage, zoom.own_name, index, moved, example),
        shares=tuple(Share(number, float(each[number])) for number in listed.tolist()),
        others=float(each.sum() - each[listed].sum()) + nobodys,
        elsewhere=elsewhere,
        turned=exact.turn(name, index)[0],
        rule=group.rule,
        why=group.why,
        lines=tuple(
            update_lines(
                made.before(name), clipped, made.memory(name), group, made.step.rate, index
            )
        ),
    )
    return one, torch.cat([each.double(), torch.tensor([nobodys, elsewhere]).double()])
