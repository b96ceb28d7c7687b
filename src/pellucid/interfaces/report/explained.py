"""An explanation as one self-contained page: the example with its marks, alike ones, changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pellucid import __version__
from pellucid.errors import ConfigError
from pellucid.evidence.finding import plain
from pellucid.interfaces.explain import (
    MARKED,
    MOST_CHANNELS,
    PARTS,
    SAME,
    Page,
    amount,
    brief,
    heading,
    is_choice,
    looked_at,
    said_answer,
    said_change,
    said_label,
    said_overview,
    telling_columns,
    window_weights,
)
from pellucid.interfaces.report import pictures
from pellucid.interfaces.report.layout import document, note, section, table
from pellucid.interfaces.report.markup import Child, Html, group, lines, tag
from pellucid.interfaces.report.words import cut, name

if TYPE_CHECKING:
    from pellucid.data.columns import Drawing
    from pellucid.evidence.explain.explain import Explained
    from pellucid.evidence.explain.neighbors import Neighbor
    from pellucid.evidence.explain.pieces import Explanation

MOST_PIECES = 12
BUDGET = 3_000_000
"""Bytes of all pictures together."""
SIDE = 256
"""Pixels that a marked picture has at least on its long side."""
DARKEST = 0.2
"""Brightness of what the network did not look at."""
FOR, AGAINST = (10, 98, 169), (208, 90, 0)
"""Blue speaks for the answer and orange against it: told apart by the color-blind too."""


def write_page(page: Page, path: str | Path) -> Path:
    """Write the page to a file.

    Raises:
        ConfigError: It can't be written there.
    """
    path = Path(path)
    try:
        path.write_text(page_of(page), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"the page can't be written: {error.strerror}",
            where=f"--html {path}",
            fix="name a file in a folder that is there and that you may write to",
        ) from error
    return path


def page_of(page: Page) -> Html:
    """The whole document."""
    found = page.explained
    budget = pictures.Budget(BUDGET)
    body = lines(
        tag("header", tag("p", name(page.place), class_="run"), tag("h1", said_answer(found))),
        tag(
            "main",
            [_part(found, number, one) for number, one in enumerate(found.explanations)],
            _alike(found, budget),
            _changes(found),
            section("limits", "What this can't show", _notes(found)),
        ),
        tag("footer", tag("p", f"Written by Pellucid {__version__}.")),
    )
    title = f"{page.place}: why {said_answer(found)}"
    return document(title, ("style.css", "explained.css"), body)


def _part(found: Explained, number: int, one: Explanation) -> Html:
    """One explanation: the example with its marks, the strongest pieces, whether it holds."""
    columns = one.modality == "columns"
    asked = found.question
    inside = group(", inside ", name(one.columns[0])) if not columns else None
    pieces = "columns" if columns else PARTS[one.modality]
    return section(
        f"why-{number}",
        heading(found) if not number else "A closer look",
        tag(
            "p",
            f"{amount(found, one.base)} without any of its {pieces}, "
            f"{amount(found, asked.value)} with all",
            inside,
            ". ",
            tag("span", "Blue", class_="weight for legend"),
            f" {'speaks for' if is_choice(found) else 'raises'} {asked.name}, ",
            tag("span", "orange", class_="weight against legend"),
            f" {'speaks against' if is_choice(found) else 'lowers'} it.",
        ),
        None if columns else _example(found.row[one.columns[0]], one),
        _bars(found, one),
        _trust(one),
        note(one.method),
    )


def _trust(one: Explanation) -> Html:
    if one.faithful.trusted:
        return tag("p", tag("b", "Tested: "), one.faithful.why)
    return tag("p", tag("b", "Do not trust this picture: "), one.faithful.why, class_="distrust")


def _bars(found: Explained, one: Explanation) -> Html:
    order = np.argsort(-np.abs(one.values), kind="stable")[:MOST_PIECES]
    most = float(np.abs(one.values).max(initial=0.0)) or 1.0
    columns = one.modality == "columns"
    rows: list[list[Child]] = []
    for place in order:
        weight = float(one.values[place])
        look = f"weight {'for' if weight > 0 else 'against'}"
        bar = tag("span", class_=look, style=f"width:{10 * abs(weight) / most:.2f}rem")
        value = [name(cut(brief(found.row[one.names[place]]), 80))] if columns else []
        rows.append([name(one.names[place]), *value, bar, amount(found, weight, change=True)])
    left = len(one.values) - len(order)
    heads: list[Child] = ["piece", *(["value"] if columns else []), "", "changes the answer by"]
    return group(
        table("What weighs most", heads, rows, numbers=(len(heads) - 1,)),
        note(f"and {left:,} more that weigh less") if left else None,
    )


# --- the example with its marks -------------------------------------------------------------


def _example(drawing: Drawing, one: Explanation) -> Html:
    if drawing.kind == "text":
        return _text(drawing.data, one)
    if drawing.kind == "image":
        return _picture(np.asarray(drawing.data), one)
    if drawing.kind == "audio":
        return _sound(drawing.data["picture"], one)
    return _series(np.asarray(drawing.data, dtype=np.float64), one)


def _text(text: str, one: Explanation) -> Html:
    """The text, its words on a ground as strong as they weigh."""
    most = float(np.abs(one.values).max(initial=0.0)) or 1.0
    parts: list[Child] = []
    before = 0
    for (start, end), weight in zip(one.places, one.values, strict=True):
        parts.append(text[before:start])
        before = end
        share = abs(float(weight)) / most
        if share < MARKED / 2:
            parts.append(text[start:end])
            continue
        red, green, blue = FOR if weight > 0 else AGAINST
        ground = f"background:rgb({red} {green} {blue} / {60 * share:.0f}%)"
        about = f"{'for' if weight > 0 else 'against'}, {share:.0%} of the strongest"
        parts.append(tag("mark", text[start:end], style=ground, title=about))
    return tag("p", *parts, text[before:], class_="marked")


def _picture(pixels: np.ndarray, one: Explanation) -> Html:
    height, width = pixels.shape[:2]
    weights = np.zeros((height, width))
    for (top, left, bottom, right), weight in zip(one.places, one.values, strict=True):
        weights[top:bottom, left:right] = weight
    color = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[..., :3]
    return _beside(color, weights, "the picture", one)


def _sound(picture: np.ndarray, one: Explanation) -> Html:
    shape = (max(place[2] for place in one.places), max(place[3] for place in one.places))
    weights, loud = np.zeros(shape), np.full(shape, np.nan)
    for (start, low, end, high), weight in zip(one.places, one.values, strict=True):
        weights[start:end, low:high] = weight
    part = picture[: shape[0], : shape[1]]
    loud[: len(part), : part.shape[1]] = part
    least, most = float(np.nanmin(loud)), float(np.nanmax(loud))
    gray = np.nan_to_num(255 * (loud - least) / ((most - least) or 1.0)).astype(np.uint8)
    color = np.repeat(gray.T[::-1, :, None], 3, axis=2)
    return _beside(color, weights.T[::-1], "the sound, time to the right and pitch upward", one)


def _beside(color: np.ndarray, weights: np.ndarray, what: str, one: Explanation) -> Html:
    """Pixels as they are, under a veil of blue and orange, and lit where the network looked."""
    scale = max(1, -(-SIDE // max(color.shape[:2])))
    shown = np.kron(color, np.ones((scale, scale, 1))).astype(np.float64)
    strength = np.kron(weights / (np.abs(weights).max() or 1.0), np.ones((scale, scale)))
    share = 0.75 * np.abs(strength)[..., None]
    veil = np.where(strength[..., None] > 0, np.array(FOR), np.array(AGAINST))
    gray = shown.mean(2, keepdims=True)
    marked = (1 - share) * gray + share * veil
    return tag(
        "div",
        tag("figure", _image(shown, what), tag("figcaption", what[0].upper() + what[1:])),
        tag("figure", _image(marked, f"{what}, marked"), tag("figcaption", "What weighs")),
        _lit(shown, what, scale, one),
        class_="beside",
    )


def _lit(shown: np.ndarray, what: str, scale: int, one: Explanation) -> Html | None:
    """The pixels, dark where the network did not look, and whether that can be trusted."""
    if one.overview is None:
        return None
    looked = np.kron(looked_at(one), np.ones((scale, scale)))[..., None]
    lit = shown * (DARKEST + (1 - DARKEST) * looked)
    said = said_overview(one)
    return tag(
        "figure",
        _image(lit, f"{what}, lit where the network looked"),
        tag(
            "figcaption",
            "Lit: " + said,
            class_=None if one.overview.faithful.trusted else "distrust",
        ),
    )


def _image(pixels: np.ndarray, alt: str) -> Html:
    opaque = np.full((*pixels.shape[:2], 1), 255)
    png = pictures.png(np.concatenate([pixels.clip(0, 255), opaque], axis=2).astype(np.uint8))
    return pictures.picture(png, pixels.shape[0], pixels.shape[1], alt)


def _series(values: np.ndarray, one: Explanation) -> Html:
    """The series, and below it a band for each channel, colored where a window weighs."""
    weights = window_weights(one)
    most = float(np.abs(weights).max(initial=0.0)) or 1.0
    veil = np.where(weights[..., None] > 0, np.array(FOR), np.array(AGAINST))
    opaque = 255 * np.abs(weights[..., None]) / most
    pixels = np.concatenate([veil, opaque], axis=2).round().astype(np.uint8)
    shown = min(MOST_CHANNELS, len(pixels))
    bands = [
        pictures.picture(
            pictures.png(pixels[channel : channel + 1]),
            14,
            weights.shape[1],
            f"what weighs in channel {channel + 1}",
            look="band",
        )
        for channel in range(shown)
    ]
    drawn = pictures.series(plain(values[: weights.shape[1]]), "the series")
    return tag("div", drawn, bands, class_="over-time")


# --- alike examples, and what would change it -----------------------------------------------


def _alike(found: Explained, budget: pictures.Budget) -> Html | None:
    near = found.neighbors
    if near is None:
        return None
    cards = [_card(found, one, budget) for one in near.nearest]
    against: Child = None
    if near.other is not None and near.other not in near.nearest:
        kind = "Most alike of another kind" if is_choice(found) else "Most different of the alike"
        against = group(
            tag("h3", kind),
            tag("ul", _card(found, near.other, budget), class_="cards"),
        )
    return section(
        "alike",
        "The most alike training examples",
        tag(
            "p",
            f"Of {near.searched:,} training rows, what the network makes nearly the same of.",
        ),
        tag("ul", cards, class_="cards"),
        against,
    )


def _card(found: Explained, one: Neighbor, budget: pictures.Budget) -> Html:
    from pellucid.recipe.drawings import as_json

    wanted = telling_columns(found) if found.explanations[0].modality == "columns" else []
    media = [key for key, kept in one.drawing.items() if kept.kind in ("image", "audio", "series")]
    shown = {
        key: as_json(kept) for key, kept in one.drawing.items() if key in (*wanted, *media) or not
        wanted
    }  # fmt: skip
    alike = "the same to the network" if one.similarity >= SAME else f"alike {one.similarity:.3f}"
    return tag(
        "li",
        pictures.example(shown, budget, f"training row {one.row}"),
        tag("p", tag("b", name(said_label(one.target))), class_="answer"),
        tag("p", alike),
        tag("p", name(one.place), class_="place"),
        class_="card",
    )


def _changes(found: Explained) -> Html:
    said = [tag("li", said_change(found, one)) for one in found.changes]
    return section("changes", "What would change the answer", tag("ul", said))


def _notes(found: Explained) -> Html:
    notes = [*(text for one in found.explanations for text in one.notes), *found.notes]
    return tag("ul", [tag("li", text) for text in notes])
