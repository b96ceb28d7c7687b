"""What returns, and how far to look: the season and the horizon, each with its reason."""

from __future__ import annotations

import numpy as np

from pellucid.config import Choice
from pellucid.uses.forecast.panel import Panel
from pellucid.uses.forecast.spacing import Spacing

ENOUGH_SEASONS = 2.5
"""How often a season must have been seen before it is believed."""
MOST_SERIES = 200
"""Series that are looked at to find the season."""
LONGEST_FREE = 60
"""Longest season that is looked for where the calendar suggests none."""
FREE_STRENGTH = 0.3
_DAY = 86_400
_BY_CALENDAR = {
    "hourly": (24, 168),
    "daily": (7,),
    "on working days": (5,),
    "weekly": (52,),
    "monthly": (12,),
    "quarterly": (4,),
}
_AHEAD = {
    "hourly": (24, "a day"),
    "daily": (14, "two weeks"),
    "on working days": (10, "two weeks"),
    "weekly": (13, "a quarter of a year"),
    "monthly": (12, "a year"),
    "quarterly": (4, "a year"),
    "yearly": (6, "six years"),
}


def find_season(panel: Panel, end: np.ndarray) -> Choice:
    """After how many steps things return; 1 for no season.

    Only what lies before column `end` `(series,)` is looked at. The correlation of each series
    with itself a season earlier, its slow changes taken out, must be larger than chance would
    make it (a one-sided 5 % test, as the Theta method makes it).
    """
    spacing = panel.spacing
    parts = _parts(panel, end)
    longest = max((len(part) for part in parts), default=0)
    asked = [m for m in _candidates(spacing) if longest >= ENOUGH_SEASONS * m]
    free = not _candidates(spacing)
    if free:
        asked = list(range(2, min(LONGEST_FREE, int(longest / ENOUGH_SEASONS)) + 1))
    strength = {m: strength_of(parts, m) for m in asked}
    if free:
        strength = {m: value for m, value in strength.items() if _is_peak(strength, m)}
    if not strength:
        return Choice(1, "no season is known for such times, or too few of them were seen")
    best = max(strength, key=lambda m: (strength[m][0], -m))
    value, limit = strength[best]
    if value <= max(limit, FREE_STRENGTH if free else 0.0):
        return Choice(1, f"no season shows: correlation after {best} steps is {value:.2f}")
    why = f"values {best} steps apart go together (correlation {value:.2f} without slow changes)"
    return Choice(best, why)


def strength_of(parts: list[np.ndarray], season: int) -> tuple[float, float]:
    """Median autocorrelation at lag `season` after a centered moving average over a season was
    taken out, and what chance alone stays under (95 %)."""
    found, limits = [], []
    for part in parts:
        if len(part) < ENOUGH_SEASONS * season:
            continue
        rest = part - smooth(part, season)
        rest = rest - rest.mean()
        power = float(rest @ rest)
        if power <= 1e-12 * max(1.0, float(part @ part)):
            continue
        found.append(float(rest[season:] @ rest[:-season]) / power)
        limits.append(1.645 / np.sqrt(len(part) - season))
    if not found:
        return 0.0, 1.0
    return float(np.median(found)), float(np.median(limits)) / np.sqrt(len(found)) ** 0.5


def smooth(values: np.ndarray, season: int) -> np.ndarray:
    """The centered moving average over one season (2 x m for even ones); ends repeat the nearest
    whole average."""
    if season < 2 or len(values) < season + 1:
        return np.full(len(values), values.mean())
    weights = np.ones(season) / season
    if season % 2 == 0:
        weights = np.r_[0.5, np.ones(season - 1), 0.5] / season
    if len(weights) > len(values):
        return np.full(len(values), values.mean())
    inner = np.convolve(values, weights, mode="valid")
    before = (len(values) - len(inner)) // 2
    after = len(values) - len(inner) - before
    return np.r_[np.full(before, inner[0]), inner, np.full(after, inner[-1])]


def choose_horizon(panel: Panel, asked: int | None, future: int, season: int) -> Choice:
    """How many steps ahead.

    asked: by the user. future: times after the last value that the source itself leaves open.
    """
    if asked is not None:
        return Choice(asked, "asked for with --horizon")
    length = int(np.median(panel.last - panel.first + 1))
    most = max(1, length // 8)
    if 0 < future <= most:
        return Choice(future, f"the source leaves {future} times after the last value open")
    steps, words = _AHEAD.get(panel.spacing.words, (0, ""))
    if not steps:
        in_a_day = _DAY / panel.spacing.size if panel.spacing.kind == "seconds" else 0
        if 2 <= in_a_day <= 96 and in_a_day == round(in_a_day):
            steps, words = int(in_a_day), "a day"
        else:
            steps, words = (season, "one season") if season > 1 else (10, "ten steps")
    if steps <= most:
        return Choice(steps, f"{words}, as usual for times that come {panel.spacing.words}")
    why = f"an eighth of {length} values; {steps} steps ({words}) would leave too few to check"
    return Choice(most, why)


def _candidates(spacing: Spacing) -> tuple[int, ...]:
    if spacing.kind == "seconds" and spacing.size < 3600:
        in_a_day = _DAY / spacing.size
        in_an_hour = 3600 / spacing.size
        whole = [int(m) for m in (in_an_hour, in_a_day) if m == round(m) and 2 <= m <= 1_440]
        return tuple(dict.fromkeys(whole))
    if spacing.kind == "seconds" and _DAY % spacing.size == 0 and spacing.size < _DAY:
        return (int(_DAY / spacing.size), int(7 * _DAY / spacing.size))
    return _BY_CALENDAR.get(spacing.words, ())


def _is_peak(strength: dict[int, tuple[float, float]], m: int) -> bool:
    """Whether neighbors are weaker: a slow change makes all small lags strong."""
    beside = [strength[n][0] for n in (m - 1, m + 1) if n in strength]
    return all(strength[m][0] >= value for value in beside) and len(beside) == 2


def _parts(panel: Panel, end: np.ndarray) -> list[np.ndarray]:
    """The values of some series before `end`, gaps bridged by straight lines (only to look)."""
    step = max(1, len(panel.names) // MOST_SERIES)
    parts = []
    for one in range(0, len(panel.names), step):
        part = panel.values[one, panel.first[one] : end[one]]
        there = np.flatnonzero(~np.isnan(part))
        if len(there) > 3:
            parts.append(np.interp(np.arange(len(part)), there, part[there]))
    return parts
