"""The longest passage of a text that stands word for word in other texts."""

from __future__ import annotations

from collections.abc import Sequence

MOST = 4_000_000
"""Letters that are searched, at most."""


def longest_copy(text: str, others: Sequence[str]) -> str:
    """The longest run of letters of `text` that some other text holds too; the first of equals.

    >>> longest_copy("he said the cat sat", ["on it the cat slept", "x"])
    ' the cat s'
    """
    searched = "\0".join(others)[:MOST]
    best = ""
    for start in range(len(text)):
        # Only runs that are longer than the best so far are of interest.
        while start + len(best) < len(text) and text[start : start + len(best) + 1] in searched:
            best = text[start : start + len(best) + 1]
    return best
