"""What a use found: its findings with their pictures, and examples from the sealed part.

A use (`pellucid/uses/`) says what a person should see as findings; here they become a section.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.evidence.finding import Finding, Picture
from pellucid.interfaces.report import charts, pictures
from pellucid.interfaces.report.facts import Facts
from pellucid.interfaces.report.layout import note, section
from pellucid.interfaces.report.markup import Html, group, tag
from pellucid.interfaces.report.trust import finding_part
from pellucid.interfaces.report.words import cut, name, number

MOST_PARTS = 400
"""Parts of a marked text that are shown."""
LONGEST_NAME = 14
LETTERS, LETTER_WIDTH = 0.075, 0.58
"""Size of a box's name as a share of the picture's width, as wide as its card; of a letter as a
share of that."""
MOST_NAMED = 8
"""Boxes in a picture that have their names beside them; all have them under the pointer."""
CELL, EDGE = 26, 96
"""Pixels of a matrix cell, and beside it for names."""
PLOT = 380


def found_section(facts: Facts, budget: pictures.Budget) -> Html:
    title = "What it can do"
    if not facts.findings:
        why = "The run ended before its exam, so nothing is known about how good it is."
        return section("found", title, note(why))
    return section("found", title, *(_finding(one, budget) for one in facts.findings))


def _finding(finding: Finding, budget: pictures.Budget) -> Html:
    shown = [_picture(one, budget) for one in finding.pictures]
    cards = tag("ul", shown, class_="cards") if shown else None
    return group(finding_part(finding), cards)


def _picture(one: Picture, budget: pictures.Budget) -> Html:
    wide = any(drawn["kind"] in ("matrix", "points", "marked") for drawn in one.drawings.values())
    plain = {key: drawn for key, drawn in one.drawings.items() if drawn["kind"] not in DRAWN}
    own = [
        DRAWN[drawn["kind"]](drawn["data"], f"{one.title}, {key}", budget)
        for key, drawn in one.drawings.items()
        if drawn["kind"] in DRAWN
    ]
    return tag(
        "li",
        own,
        pictures.example(plain, budget, one.title) if plain else None,
        tag("p", name(one.title), class_="answer"),
        class_="card wide" if wide else "card",
    )


def boxes(data: dict[str, Any], alt: str, budget: pictures.Budget) -> Html:
    """A picture with boxes: found ones in full lines, true ones dashed; the surest have names, as
    far as there is room."""
    if not budget.takes(len(data["png"])):
        return note("picture, left out to keep this page small")
    width, height = data["width"], data["height"]
    found = [box for box in data["boxes"] if not box.get("true")]
    drawn = []
    for box in data["boxes"]:
        place = {key: round(float(box[key]), 1) for key in ("x", "y", "width", "height")}
        look = "box-true" if box.get("true") else "box-found"
        title = tag("title", box_name(box, len(str(box["label"]))))
        drawn.append(tag("rect", title, **place, class_=look, vector_effect="non-scaling-stroke"))
    size = {"font_size": f"{width * LETTERS:.3g}", "stroke_width": f"{width * LETTERS / 4:.3g}"}
    drawn += [
        tag("text", said, x=round(x, 1), y=round(y, 1), **size, class_="box-name")
        for said, x, y in _names(found, width)
    ]
    image = tag(
        "image",
        href=f"data:image/png;base64,{data['png']}",
        width=width,
        height=height,
        preserveAspectRatio="none",
    )
    return tag(
        "svg",
        tag("title", f"{alt}: {len(found)} found, {len(data['boxes']) - len(found)} true"),
        image,
        drawn,
        viewBox=f"0 0 {width} {height}",
        role="img",
        class_="boxes",
    )


def _names(found: list[dict[str, Any]], width: float) -> list[tuple[str, float, float]]:
    """Names and where they stand, the surest boxes first; one that would lie on another is left
    out, and one that would leave the picture on the right is moved to the left."""
    letters = width * LETTERS
    placed: list[tuple[str, float, float]] = []
    for box in sorted(found, key=lambda box: -box.get("probability", 1.0)):
        said = box_name(box, LONGEST_NAME)
        long = LETTER_WIDTH * letters * len(said)
        x = max(0.0, min(float(box["x"]), width - long))
        y = max(letters, float(box["y"]) - letters / 5)
        free = all(
            abs(y - other_y) > letters
            or x > other_x + LETTER_WIDTH * letters * len(other)
            or other_x > x + long
            for other, other_x, other_y in placed
        )
        if free and len(placed) < MOST_NAMED:
            placed.append((said, x, y))
    return placed


def box_name(box: dict[str, Any], longest: int) -> str:
    """`cat 93 %`, or `cat` where that is how it is."""
    said = cut(str(box["label"]), longest)
    return f"{said} {100 * box['probability']:.0f}%" if "probability" in box else said


def matrix(data: dict[str, Any], alt: str, budget: pictures.Budget) -> Html:
    """Rows against columns, the darker the more: attention, alignment."""
    values = np.asarray(data["values"], dtype=np.float64)
    rows, columns = [str(one) for one in data["rows"]], [str(one) for one in data["columns"]]
    highest = float(values.max()) or 1.0
    cells = [
        tag(
            "rect",
            tag("title", f"{row} – {column}: {number(values[i, j])}"),
            x=EDGE + j * CELL,
            y=EDGE + i * CELL,
            width=CELL,
            height=CELL,
            class_="cell",
            fill_opacity=f"{max(0.0, values[i, j]) / highest:.3f}",
        )
        for i, row in enumerate(rows)
        for j, column in enumerate(columns)
    ]
    left = [
        tag("text", cut(row, LONGEST_NAME), x=EDGE - 6, y=EDGE + i * CELL + 17, class_="end")
        for i, row in enumerate(rows)
    ]
    top = []
    for j, column in enumerate(columns):
        x, y = EDGE + j * CELL + 17, EDGE - 6
        turned = f"rotate(-60 {x} {y})"
        top.append(tag("text", cut(column, LONGEST_NAME), x=x, y=y, transform=turned))
    return charts.drawing(
        alt,
        EDGE + CELL * len(columns) + 60,
        EDGE + CELL * len(rows) + 4,
        *cells,
        *left,
        *top,
        look="matrix",
    )


def marked(data: dict[str, Any], alt: str, budget: pictures.Budget) -> Html:
    """A text whose parts are the darker the more they count; against in another color."""
    parts = data["parts"][:MOST_PARTS]
    said: list[Html | str] = []
    for part in parts:
        weight = max(-1.0, min(1.0, float(part["weight"])))
        look = f"mark level-{round(9 * abs(weight))}" + (" against" if weight < 0 else "")
        said.append(tag("span", part["text"], class_=look))
    more = " …" if len(data["parts"]) > len(parts) else None
    return tag("blockquote", said, more, class_="marked", aria_label=alt)


def points(data: dict[str, Any], alt: str, budget: pictures.Budget) -> Html:
    """A map: each example a point, its group a look; names where there are few."""
    x, y = np.asarray(data["x"], np.float64), np.asarray(data["y"], np.float64)
    groups = [str(one) for one in data.get("groups") or [""] * len(x)]
    labels = [str(one) for one in data.get("labels") or [""] * len(x)]
    kinds = list(dict.fromkeys(groups))
    across = charts.Scale(float(x.min()), float(x.max()) or 1.0, 8, PLOT - 8)
    down = charts.Scale(float(y.min()), float(y.max()) or 1.0, PLOT - 8, 8)
    dots = [
        tag(
            "circle",
            tag("title", f"{label} {of}".strip()),
            cx=f"{a:.1f}",
            cy=f"{b:.1f}",
            r=3,
            class_=f"group-{kinds.index(of) % 8}",
        )
        for a, b, label, of in zip(across(x), down(y), labels, groups, strict=True)
    ]
    named = [
        tag("text", cut(label, LONGEST_NAME), x=f"{a + 5:.1f}", y=f"{b + 3:.1f}")
        for a, b, label in zip(across(x), down(y), labels, strict=True)
        if label and len(x) <= 40
    ]
    key = [
        group(tag("span", class_=f"dot group-{i % 8}", aria_hidden="true"), " ", name(one or "all"))
        for i, one in enumerate(kinds)
    ]
    legend = tag("p", [group(one, "  ") for one in key], class_="note") if len(kinds) > 1 else None
    return group(charts.drawing(alt, PLOT, PLOT, *dots, *named, look="points"), legend)


DRAWN: dict[str, Callable[[Any, str, pictures.Budget], Html]] = {
    "boxes": boxes,
    "matrix": matrix,
    "marked": marked,
    "points": points,
}
"""Kind of drawing -> what draws it; all others are drawn as examples are."""
