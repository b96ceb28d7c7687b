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
    >>> in_words(9.97), in_words(59.7), in_words(119.6), in_words(3599.8)
    ('10 s', '1 min 0 s', '2 min 0 s', '1 h 0 min')
    """
    if round(seconds, 1) < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)  # before it is taken apart: 119.6 s are 2 minutes
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
