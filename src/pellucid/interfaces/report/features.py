"""Units of the network beside what excites them most: real examples, and one made up for them; or
the words that a network without layers goes by."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from pellucid.interfaces.report import pictures
from pellucid.interfaces.report.facts import Facts
from pellucid.interfaces.report.layout import note, section
from pellucid.interfaces.report.markup import Html, group, tag
from pellucid.interfaces.report.words import counted, name

BESIDE = "display:grid;grid-template-columns:1fr 1fr;gap:.5rem;align-items:start"
ACROSS = 2
"""Real examples side by side."""
MOST_LAYERS = 8
MOST_WORDS = 8
"""Of each class."""


def features_section(facts: Facts, budget: pictures.Budget) -> Html | None:
    """The units that `pellucid study RUN features` chose to show; None if it was not asked."""
    found = next((one for one in facts.findings if one.part == "features" and one.known), None)
    if found is None:
        return None
    layers = found.figures.get("layers", [])
    if not layers:
        return section("features", "Which words it goes by", _words(found.figures["words"]))
    some = np.linspace(0, len(layers) - 1, min(MOST_LAYERS, len(layers))).round().astype(int)
    return section(
        "features",
        "What excites its units",
        tag(
            "p",
            "Each card is one unit of a layer: the training examples that excite it most, and"
            " only the part of them that it can see. What was made up for it stands beside them:"
            " that shows what the unit looks for, but no such thing ever occurred. A unit has a"
            " name only where a test passed.",
        ),
        [_layer(layers[place], budget) for place in dict.fromkeys(some.tolist())],
        note(f"{counted(len(layers) - MOST_LAYERS, 'more layer')} in evidence/features.json")
        if len(layers) > MOST_LAYERS
        else None,
        group(tag("h3", "Which words it goes by"), _words(found.figures["words"]))
        if "words" in found.figures
        else None,
    )


def _words(words: dict[str, Any]) -> Html:
    """Words and pairs of each class beside a real text with them."""
    return group(
        tag(
            "p",
            f"Each word of '{words['column']}', and each pair of neighbors, adds its part to the"
            " answer. Shown are those whose part, on texts that were not learned from, is larger"
            f" than that of the best of as many random words: {words['passed']} of"
            f" {words['judged']} that were judged.",
        ),
        [_outcome(one) for one in words["outcomes"]],
    )


def _outcome(one: dict[str, Any]) -> Html | None:
    passed = [word for word in one["words"] if word["passed"]][:MOST_WORDS]
    if not passed:
        return None
    return group(
        tag("h3", "Speak for ", name(one["outcome"])),
        tag("ul", [_word(word) for word in passed], class_="cards"),
    )


def _word(word: dict[str, Any]) -> Html:
    together = " (only together)" if word["kind"] == "pair" else ""
    return tag(
        "li",
        tag("p", tag("b", name(word["said"])), together),
        tag("blockquote", name(word["example"])),
        tag(
            "p",
            f"score {word['score']:.2f}, random words {word['limit']:.2f};"
            f" {counted(word['texts'], 'text')}",
            class_="place",
        ),
        class_="card",
    )


def _layer(layer: dict[str, Any], budget: pictures.Budget) -> Html:
    named = counted(len(layer["names"]), "named unit")
    cards = [_unit(layer, unit, budget) for unit in layer["shown"]]
    return group(
        tag("h3", name(layer["name"])),
        tag("p", f"{counted(layer['units'], 'unit')}, {named}.", class_="note"),
        tag("ul", cards, class_="cards"),
    )


def _unit(layer: dict[str, Any], unit: dict[str, Any], budget: pictures.Budget) -> Html:
    known = layer["names"].get(str(unit["unit"]))
    title = unit["name"] or "unnamed"
    return tag(
        "li",
        tag("p", tag("b", name(title)), f" (unit {unit['unit']})"),
        _seen(unit, title, budget),
        tag("p", f"score {known['score']:.2f}, needed {known['limit']:.2f}", class_="place")
        if known
        else None,
        _made_up_in_words(unit["imagined"]),
        class_="card",
    )


def _seen(unit: dict[str, Any], title: str, budget: pictures.Budget) -> Html:
    """Real examples, and what was made up."""
    made = unit["imagined"] or {}
    if unit["pictures"]:
        return tag(
            "div",
            _tiles(unit["pictures"], f"real examples for {title}", budget),
            _tiles(made["picture"], f"made up for {title}", budget) if "picture" in made else None,
            style=BESIDE,
        )
    if unit["common"]:
        return tag("p", name(unit["common"]))
    drawn = [
        pictures.series(item["series"], f"{item['place']}, {item['said']}")
        if item.get("series")
        else tag("blockquote", name(item["said"]))
        for item in unit["examples"]
    ]
    if "series" in made:
        drawn += [tag("p", "made up:"), pictures.series(made["series"], f"made up for {title}")]
    return tag("div", drawn, class_="drawn")


def _tiles(packed: dict[str, Any], alt: str, budget: pictures.Budget) -> Html:
    """uint8 pictures in base64, as a sheet."""
    shape = tuple(packed["shape"])
    pixels = np.frombuffer(base64.b64decode(packed["pixels"]), dtype=np.uint8).reshape(shape)
    sheet = pictures.tiles(pixels, ACROSS if shape[0] > 1 else 1)
    data = pictures.png(sheet)
    if not budget.takes(len(data)):
        return note("left out to keep this page small")
    return pictures.picture(data, sheet.shape[0], sheet.shape[1], alt, look="tiles")


def _made_up_in_words(made: dict[str, Any] | None) -> Html | None:
    if not made or not made["best_real"] > 0:
        return None
    said = f"made up: {made['answer'] / made['best_real']:.1f} × the best real one"
    more = "" if made["beats"] else f", after only {counted(made['steps'], 'change')}"
    return tag("p", said + more, class_="place")
