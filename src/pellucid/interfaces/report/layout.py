"""The pieces that all sections are made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pellucid.interfaces.report.markup import Child, Html, clean, group, lines, tag
from pellucid.interfaces.report.watched import Watched

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Nothing is loaded from anywhere, and nothing runs."""


def document(title: str, sheets: Sequence[str], body: Html, watched: Watched | None = None) -> Html:
    """A whole page that needs no other file; `sheets` are the names of its style sheets.

    Args:
        watched: The moving part; its one script is then all that may run.
    """
    style = "".join(Path(__file__).with_name(one).read_text(encoding="utf-8") for one in sheets)
    moving = f" blob:; media-src data: blob:; script-src {watched.script}" if watched else ""
    head = lines(
        "",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY + moving),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", clean(title)),
        tag("style", Html(style), id="written-style"),
        watched.style if watched else None,
        "",
    )
    if watched:
        body = lines(tag("div", body, id="written"), watched.body)
    html = tag("html", lines("", tag("head", head), tag("body", body), ""), lang="en")
    return group(Html("<!doctype html>\n"), html, "\n")


def section(place: str, title: str, *children: Child) -> Html:
    """A chapter of the page; `place` is its anchor."""
    return tag(
        "section",
        lines("", tag("h2", title, id=f"{place}-title"), *children, ""),
        id=place,
        aria_labelledby=f"{place}-title",
    )


def table(
    about: str,
    heads: Sequence[Child],
    rows: Sequence[Sequence[Child]],
    *,
    numbers: Sequence[int] = (),
    look: str = "",
) -> Html:
    """A table whose first column names the rows; it scrolls by itself where the page is narrow.

    about: what it lists, for those who hear the page. numbers: columns to align right.
    """

    def cell(index: int, child: Child) -> Html:
        right = "number" if index in numbers else None
        if index == 0:
            return tag("th", child, scope="row", class_=right)
        return tag("td", child, class_=right)

    head = [
        tag("th", child, scope="col", class_="number" if index in numbers else None)
        for index, child in enumerate(heads)
    ]
    body = [tag("tr", [cell(index, child) for index, child in enumerate(row)]) for row in rows]
    written = tag(
        "table",
        tag("thead", tag("tr", head)),
        tag("tbody", lines("", *body)),
        class_=look or None,
    )
    # A box that scrolls must be reachable by keyboard.
    return tag("div", written, class_="scroll", tabindex="0", role="group", aria_label=about)


def typed_out(about: str, text: str) -> Html:
    """What a person would type, letter by letter."""
    return tag("pre", tag("code", text), tabindex="0", role="group", aria_label=about)


def note(*children: Child) -> Html:
    """Something said in passing, or that something is missing."""
    return tag("p", *children, class_="note")


def facts_list(pairs: Sequence[tuple[Child, Child]]) -> Html:
    """Names and values, one pair a line."""
    found = [tag("div", tag("dt", key), tag("dd", value)) for key, value in pairs]
    return tag("dl", group(found), class_="facts")
