"""What was typed behind a verb: one row as NAME=VALUE words, or a source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.errors import ConfigError


def as_source(given: Any) -> Any:
    """NAME=VALUE words as a table of one row, a dict of single values too; one source as it is.

    >>> as_source(["user=42", "item=7"])
    {'user': ['42'], 'item': ['7']}

    Raises:
        ConfigError: Several sources are named, or a word is neither a source nor NAME=VALUE.
    """
    if isinstance(given, dict):
        single = (str, int, float, type(None))
        return {name: [cell] if isinstance(cell, single) else cell for name, cell in given.items()}
    words = [given] if isinstance(given, str) else given
    if not isinstance(words, list) or not all(isinstance(one, str) for one in words) or not words:
        return given
    pairs = [one.partition("=") for one in words]
    if all(sign and not Path(one).exists() for one, (_, sign, _) in zip(words, pairs, strict=True)):
        return {name: [value or None] for name, _, value in pairs}
    if len(words) == 1:
        return words[0]
    raise ConfigError(
        f"{len(words)} sources are named, and one is answered at a time",
        where=" ".join(words),
        fix="name one file, or one row as NAME=VALUE words",
    )
