"""HTML and SVG made of elements, so that nothing a user wrote can become markup.

tag("td", name, class_="name")      text is escaped, `Html` goes in as it is
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import TypeAlias

VOID = frozenset({"meta", "img", "br", "wbr", "col", "hr"})
UNSHOWABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")


class Html(str):
    """Markup, safe to show as it is."""

    __slots__ = ()


Child: TypeAlias = "str | int | Iterable[Child] | None"


def tag(element: str, *children: Child, **attributes: str | float | bool | None) -> Html:
    """One element. `class_` means class, `aria_label` aria-label; None and False leave it out.

    >>> tag("b", "1 < 2", class_="big")
    '<b class="big">1 &lt; 2</b>'
    """
    written = "".join(
        f" {_attribute(name)}" + ("" if value is True else f'="{_value(value)}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if element in VOID:
        return Html(f"<{element}{written}>")
    return Html(f"<{element}{written}>{group(*children)}</{element}>")


def group(*children: Child) -> Html:
    """Several pieces one after the other."""
    return Html("".join(map(_text, children)))


def lines(*children: Child) -> Html:
    """The same with a line break in the source between them, for those who read it."""
    return Html("\n".join(text for child in children if (text := _text(child))))


def clean(text: str) -> str:
    """Without characters that a page can't hold: half a surrogate pair (file names that are no
    UTF-8 have them) and control characters become �.

    >>> clean("a\\udcffb\\x00")
    'a�b�'
    """
    return UNSHOWABLE.sub("�", text)


def _text(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return str(child)
    if isinstance(child, str | int):
        return escape(clean(str(child)))
    return "".join(map(_text, child))


def _value(value: str | float) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return escape(clean(str(value)))


def _attribute(name: str) -> str:
    return name.rstrip("_").replace("_", "-")
