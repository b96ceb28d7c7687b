"""Times as people write them."""

from __future__ import annotations

from pellucid.errors import ConfigError

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(text: str) -> float:
    """'90', '90s', '1.5m' or '1h' in seconds.

    >>> seconds_of("3m")
    180.0
    """
    text = text.strip().lower()
    number, unit = (text[:-1], text[-1]) if text[-1:] in UNITS else (text, "s")
    try:
        seconds = float(number) * UNITS[unit]
    except ValueError:
        raise ConfigError(
            f"'{text}' is no time", where="--time", fix="write 90s, 3m or 1h"
        ) from None
    if not 0 < seconds < float("inf"):
        raise ConfigError(
            f"the time must be more than 0 and finite, not '{text}'",
            where="--time",
            fix="write 90s, 3m or 1h",
        )
    return seconds


def in_words(seconds: float) -> str:
    """A duration as a person would say it.

    >>> in_words(0.42), in_words(75), in_words(7300)
    ('0.4 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
