"""The network, drawn from the columns to the answer."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from pellucid.config import ACROSS, RESERVED
from pellucid.interfaces.report import charts
from pellucid.interfaces.report.facts import Facts
from pellucid.interfaces.report.layout import note, section, table
from pellucid.interfaces.report.markup import Child, Html, group, tag
from pellucid.interfaces.report.words import counted, cut, listed, name

MOST_LANES = 8
MOST_LAYERS = 40
LANE, GAP = 208, 26
LINE, LETTERS = 15, 32
"""Height of a line of text in a box, and letters that fit into it."""

FAMILIES = {
    "cnn": "convolutions: small detectors that look everywhere for the same pattern",
    "mlp": "layers of neurons, each connected to all of the layer before",
    "tabm": "several small networks that share most of their weights and answer together",
    "rnn": "reads position by position and carries a memory along",
    "transformer": "every position looks at every other and takes what it needs",
    "vectors": "each value becomes a vector of numbers",
}


@dataclass(frozen=True)
class Box:
    """One part of the drawing. weights: numbers that learning changes in it."""

    title: str
    said: str
    weights: int = 0

    @property
    def lines(self) -> list[str]:
        """What stands below the title: two lines at most, and the weights."""
        lines = textwrap.wrap(self.said, LETTERS)
        if len(lines) > 2:
            lines = [lines[0], cut(f"{lines[1]} {lines[2]}", LETTERS)]
        return [*lines, *([counted(self.weights, "weight")] if self.weights else [])]

    @property
    def height(self) -> float:
        return 30 + LINE * len(self.lines) + (6 if self.weights else 0)


def network_section(facts: Facts) -> Html:
    network = facts.network
    if not network:
        return section(
            "network", "The network", note("The run ended before its network was written down.")
        )
    return section(
        "network",
        "The network",
        _lead(facts, network),
        charts.figure(
            tag(
                "div",
                draw(facts, network),
                class_="scroll",
                tabindex="0",
                role="group",
                aria_label="The network, drawn",
            ),
            "From the columns at the top to the answer at the bottom. The dark line in a box is "
            "its share of all weights.",
            "network",
        ),
        tag("h3", "Its layers"),
        _layers(network),
    )


def _lead(facts: Facts, network: dict[str, Any]) -> Html:
    count = int(network.get("networks") or 1)
    families = list(dict.fromkeys((facts.plan.get("network") or {}).values()))
    said = [f"{family.upper()} ({FAMILIES[family]})" for family in families if family in FAMILIES]
    several = (
        f" {count} such networks were trained on different parts of the rows and answer together; "
        "the first of them is shown here."
        if count > 1
        else ""
    )
    return group(
        tag(
            "p",
            "A network is a chain of layers. Each takes the numbers of the layer before, "
            f"multiplies them by its weights and adds them up; learning changes the weights. "
            f"This one has {network['parameters']:,} weights.{several}",
        ),
        tag("p", f"Built from: {listed(said)}.") if said else None,
        tag("p", "Why this kind: ", why, ".") if (why := _why(facts, "network")) else None,
        tag("p", "Why this size: ", why, ".") if (why := _why(facts, "sizes")) else None,
    )


def _why(facts: Facts, field: str) -> str:
    return str((facts.plan.get("why") or {}).get(field, ""))


def _layers(network: dict[str, Any]) -> Html:
    rows: list[list[Child]] = []
    for part in network["parts"]:
        rows += [
            [
                name(part["part"]),
                name(layer["name"]),
                layer["kind"],
                "\u00a0×\u00a0".join(map(str, layer["shape"])),
                f"{layer['parameters']:,}",
            ]
            for layer in part["layers"]
        ]
    more = len(rows) - MOST_LAYERS
    heads = ["part", "layer", "kind", "shape of its largest weight", "weights"]
    return group(
        table("Layers", heads, rows[:MOST_LAYERS], numbers=(4,)),
        note(f"and {more:,} more layers, listed in run.json") if more > 0 else None,
    )


# --- the drawing ----------------------------------------------------------------------------


def draw(facts: Facts, network: dict[str, Any]) -> Html:
    """The parts as boxes: a lane for each way in, joined below where there are several."""
    if facts.use:
        lanes, below = [_in_order(network)], [Box("answer", answer_in_words(facts))]
    else:
        ways_in = [part for part in network["parts"] if part["way"]]
        lanes = [_lane(facts, part) for part in ways_in[:MOST_LANES]]
        if len(ways_in) > MOST_LANES:
            lanes.append(
                [Box(f"{len(ways_in) - MOST_LANES} more columns", "built in the same way")]
            )
        below = _below(facts, network, joined=len(lanes) > 1)
    rows = [*zip_longest(*lanes), *([box] for box in below)]
    heights = [max(box.height for box in row if box) for row in rows]
    tops = [1.0, *(1 + np.cumsum(heights) + GAP * np.arange(1, len(rows) + 1)).tolist()]
    total = max(1, int(network["parameters"]))
    width = max(charts.WIDTH, len(lanes) * (LANE + GAP) - GAP + 2)
    drawn = []
    for top, height, row in zip(tops, heights, rows):
        left = (width - len(row) * (LANE + GAP) + GAP) / 2
        drawn += [
            _box(box, left + index * (LANE + GAP), top, height, total)
            for index, box in enumerate(row)
            if box
        ]
    drawn += _arrows(lanes, heights, tops, width)
    title = "The network: " + "; ".join(
        ", then ".join(f"{box.title} ({box.said})" for box in lane) for lane in [*lanes, below]
    )
    # Narrower than this the letters can't be read: the drawing scrolls in its own box.
    narrowest = f"min-width:{150 * len(lanes)}px;" if len(lanes) > 2 else ""
    svg = charts.drawing(title, width, tops[-1] - GAP + 1, *drawn, look="boxes")
    return tag("div", svg, style=f"{narrowest}max-width:{1.1 * width:.0f}px")


def _arrows(
    lanes: list[list[Box]], heights: list[float], tops: list[float], width: float
) -> list[Html]:
    longest = max(map(len, lanes))
    left = (width - len(lanes) * (LANE + GAP) + GAP + LANE) / 2
    arrows = []
    for index, lane in enumerate(lanes):
        x = left + index * (LANE + GAP)
        for row in range(len(lane)):
            joins = row == len(lane) - 1
            start = tops[row] + heights[row]
            end = tops[longest] if joins else tops[row + 1]
            arrows.append(_arrow(x, start, width / 2 if joins else x, end))
    arrows += [
        _arrow(width / 2, tops[row] + heights[row], width / 2, tops[row + 1])
        for row in range(longest, len(heights) - 1)
    ]
    return arrows


def _in_order(network: dict[str, Any]) -> list[Box]:
    """The parts of a use's network, one after the other, as it describes them itself."""
    boxes = []
    for part in network["parts"]:
        layers = counted(len(part["layers"]), "layer with weights", "layers with weights")
        boxes.append(Box(str(part["part"]), f"{part['family']}: {layers}", part["parameters"]))
    return boxes


def _lane(facts: Facts, part: dict[str, Any]) -> list[Box]:
    """One way in: what comes, how it enters, what reads it, how it becomes one vector."""
    by_prefix = _weights_by_step(part["layers"])
    if part["part"] in RESERVED:
        return [_values(facts, part), Box("vectors", FAMILIES["vectors"], part["parameters"])]
    modality = next(
        (c.get("modality", "") for c in facts.columns if c["name"] == part["part"]), "column"
    )
    count = sum("network" in layer["name"].split(".") for layer in part["layers"])
    lane = [Box(part["part"], f"{modality}: {_positions(part, modality)}")]
    lane.append(Box(*_way_in(part, modality, by_prefix["embed"] > 0), by_prefix["embed"]))
    said = counted(count, "layer with weights", "layers with weights")
    network = Box(part["family"].upper(), said, by_prefix["network"])
    pool = Box("pool", "mean and maximum over all positions", by_prefix["pool"])
    if "seen" in part:
        pool = Box("side by side", f"{_shape(part['seen'])} numbers in one row")
    # A plain network reads an example as a whole: it stands behind the pool.
    lane += [pool, network] if part["family"] == "mlp" else [network, pool]
    if by_prefix["to_position"]:
        lane.append(Box("position", "one place beside the other columns", by_prefix["to_position"]))
    return lane


def _weights_by_step(layers: list[dict[str, Any]]) -> dict[str, int]:
    found = {"embed": 0, "network": 0, "pool": 0, "to_position": 0}
    for layer in layers:
        step = next((word for word in layer["name"].split(".") if word in found), "network")
        found[step] += int(layer["parameters"])
    return found


def _values(facts: Facts, part: dict[str, Any]) -> Box:
    """The columns that travel together as plain values."""
    categories = part["part"] == "categories"
    kinds = ("category",) if categories else ("number", "date")
    names = [c["name"] for c in facts.inputs if c.get("modality") in kinds]
    words = ("category", "categories") if categories else ("number", "numbers")
    said = ", ".join(names) or "values without positions"
    return Box(counted(len(names), *words) if names else words[1], said)


POSITIONS = {
    "image": "pixels",
    "text": "tokens",
    "series": "points in time",
    "audio": "frames × bands",
}


def _shape(sizes: list[int]) -> str:
    return " × ".join(map(str, sizes))


def _positions(part: dict[str, Any], modality: str) -> str:
    return f"{_shape(part['positions'])} {POSITIONS.get(modality, 'positions')}"


def _way_in(part: dict[str, Any], modality: str, learned: bool) -> tuple[str, str]:
    if part["way"] == "lookup":
        return "embedding", "each token is looked up: a vector of its own"
    if learned:
        return "embedding", "neighbors become vectors, by a learned map"
    what = {"image": "pixels", "audio": "loudness"}.get(modality, "values")
    return "way in", f"the {what}, centered and scaled"


def _below(facts: Facts, network: dict[str, Any], *, joined: bool) -> list[Box]:
    boxes = []
    for part in network["parts"]:
        if part["part"] == ACROSS and not part["way"]:
            layers = counted(len(part["layers"]), "layer with weights", "layers with weights")
            title = f"{part['family'].upper()} across columns" if joined else part["family"].upper()
            boxes.append(Box(title, layers, part["parameters"]))
        elif part["part"] == "head" and not part["way"]:
            boxes.append(Box("head", "the last layer: weighs everything up", part["parameters"]))
    return [*boxes, Box("answer", answer_in_words(facts))]


def answer_in_words(facts: Facts) -> str:
    """What comes out at the end."""
    if facts.use:
        return f"{facts.task.get('title', facts.use)}: {facts.task.get('target', '')}"
    if facts.kind in ("classify", "grades"):
        word = "class" if facts.kind == "classify" else "grade"
        many = "classes" if facts.kind == "classify" else "grades"
        return f"a probability for each of {counted(len(facts.classes), word, many)}"
    if facts.kind == "tags":
        return f"a probability for each of {counted(len(facts.classes), 'tag')}"
    if len(facts.targets) > 1:
        return f"{len(facts.targets)} numbers: {', '.join(facts.targets)}"
    return f"a number: {facts.targets[0]}"


def _box(box: Box, x: float, y: float, height: float, total: int) -> Html:
    left = f"{x + 10:.1f}"
    bar = max(2.0, box.weights / total * LANE)
    return tag(
        "g",
        tag("title", f"{box.title}: {box.said}"),
        tag("rect", x=f"{x:.1f}", y=y, width=LANE, height=height, rx=5, class_="box"),
        tag("text", cut(box.title, 26), x=left, y=y + 18, class_="strong"),
        [tag("text", line, x=left, y=y + 34 + LINE * i) for i, line in enumerate(box.lines)],
        tag("rect", x=f"{x:.1f}", y=y + height - 5, width=f"{bar:.1f}", height=5, class_="weights")
        if box.weights
        else None,
    )


def _arrow(x: float, y: float, to_x: float, to_y: float) -> Html:
    """Straight down, or down and over to the box that joins the lanes."""
    end = to_y - 2
    bend = "" if to_x == x else f"V{end - 12:.1f}H{to_x:.1f}"
    return tag("path", d=f"M{x:.1f} {y:.1f}{bend}V{end:.1f}m-4 -5l4 5l4 -5", class_="arrow")
