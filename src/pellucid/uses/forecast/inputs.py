"""Series as the network reads them: on one scale, with the calendar and what helps beside them.

Scales come from the part to learn from; nothing else is fitted here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.uses.forecast.helpers import Helper, known_channels
from pellucid.uses.forecast.panel import Panel, fill
from pellucid.uses.forecast.spacing import Spacing
from pellucid.uses.forecast.windows import Cut, Windows


def scales_of(panel: Panel, cut: Cut, season: int, fewest: int) -> tuple[np.ndarray, np.ndarray]:
    """Center and unit of each series, float64 `(series,)`, from the part to learn from.

    The unit is the mean absolute error of the seasonal naive forecast there (of the plain naive
    one where the season is longer than that part): errors in it are MASE. A series with fewer than
    `fewest` times there is in no exam, and all that is known of it says its scale.
    """
    centers, units = [], []
    for one in range(len(panel.names)):
        first, stop = int(panel.first[one]), int(cut.valid[one])
        part = panel.values[one, first : stop if stop - first >= fewest else panel.last[one] + 1]
        centers.append(float(np.nanmean(part)) if not np.isnan(part).all() else 0.0)
        units.append(naive_error(part, season))
    return np.array(centers), np.array(units)


def naive_error(part: np.ndarray, season: int) -> float:
    """The denominator of MASE (Hyndman and Koehler 2006); 1 where nothing ever changes."""
    for lag in (season, 1):
        apart = np.abs(part[lag:] - part[:-lag]) if len(part) > lag else np.empty(0)
        apart = apart[~np.isnan(apart)]
        if len(apart) and apart.mean() > 1e-9 * max(1e-9, float(np.nanmax(np.abs(part)))):
            return float(apart.mean())
    return 1.0


@dataclass(frozen=True)
class Frame:
    """How series become inputs.

    start: tick of the first column. center, unit: float64 `(series,)`. number: int64 `(series,)`,
    as the network knows them; 0 is unknown. context, horizon, season: steps.
    """

    spacing: Spacing
    start: int
    center: np.ndarray
    unit: np.ndarray
    number: np.ndarray
    context: int
    horizon: int
    season: int


@dataclass
class Inputs:
    """A panel as the network reads it.

    scaled: float64 `(series, times)`, gaps filled, `(value - center) / unit`; NaN before a series
    begins. past: float32 `(series, times, channels)`, the columns beside the values. ahead:
    float32 `(series, times + horizon, features)`: the calendar, then columns with a known future.
    number: int64 `(series,)`, as the network knows them; 0 is unknown.
    """

    scaled: np.ndarray
    past: np.ndarray
    ahead: np.ndarray
    number: np.ndarray
    context: int
    horizon: int

    def arrays(self, windows: Windows) -> dict[str, np.ndarray]:
        """Group -> array, windows first: `past` float32 `(windows, context, 1 + channels)`, `ahead`
        float32 `(windows, horizon, features)` if there are any, `series` int32 `(windows, 1)`."""
        back = windows.origin[:, None] - np.arange(self.context)[::-1]
        series = windows.series[:, None]
        inside = back >= 0
        column = np.maximum(back, 0)
        value = np.where(inside, self.scaled[series, column], np.nan).astype(np.float32)
        channels = self.past[series, column] * inside[..., None]
        found = {"past": np.concatenate([value[..., None], channels], 2).astype(np.float32)}
        if self.ahead.shape[2]:
            forward = windows.origin[:, None] + 1 + np.arange(self.horizon)
            found["ahead"] = self.ahead[series, forward]
        found["series"] = self.number[windows.series][:, None].astype(np.int32)
        return found


def make_inputs(
    values: np.ndarray,
    first: np.ndarray,
    beside: np.ndarray,
    helpers: list[Helper],
    frame: Frame,
) -> Inputs:
    """Encode series; nothing is fitted here.

    values: float64 `(series, times)`. beside: float32 `(series, times, channels)`, the helpers'
    encoded columns side by side.
    """
    filled = fill(values, first, frame.season)
    scaled = (filled - frame.center[:, None]) / frame.unit[:, None]
    count, times = values.shape
    ticks = frame.start + np.arange(times + frame.horizon)
    calendar, _ = calendar_of(frame.spacing, ticks)
    room = np.zeros((count, frame.horizon, beside.shape[2]), dtype=np.float32)
    later = np.concatenate([beside, room], 1)[:, :, known_channels(helpers)]
    ahead = np.concatenate([np.broadcast_to(calendar, (count, *calendar.shape)), later], 2)
    return Inputs(scaled, beside, ahead, frame.number, frame.context, frame.horizon)


def known_effects(inputs: Inputs, helpers: list[Helper], cut: Cut, season: int) -> np.ndarray:
    """float32 `(known,)`: what a unit of each column known beforehand adds to the value, in usual
    errors, by least squares on changes over a season within the part to learn from.

    Changes, so that levels, slow courses and the season itself play no part.
    """
    cells = inputs.past[:, :, known_channels(helpers)].astype(np.float64)
    if not cells.shape[2]:
        return np.zeros(0, dtype=np.float32)
    learned = np.arange(inputs.scaled.shape[1])[None, season:] < cut.valid[:, None]
    values = inputs.scaled[:, season:] - inputs.scaled[:, :-season]
    changes = cells[:, season:] - cells[:, :-season]
    there = learned & ~np.isnan(values)
    left, right = changes[there], values[there]
    power = left.T @ left
    ridge = 0.01 * np.eye(len(power)) * max(float(np.trace(power)) / len(power), 1e-9)
    return np.linalg.solve(power + ridge, left.T @ right).astype(np.float32)


# --- the calendar ------------------------------------------------------------------------------


def calendar_of(spacing: Spacing, ticks: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """float32 `(ticks, features)` of what the calendar says, and the features' names.

    Sine and cosine of hour, weekday and time of the year, as far as the spacing lets them vary.
    """
    if spacing.kind in ("number", "rows"):
        return np.zeros((len(ticks), 0), dtype=np.float32), ()
    moments = spacing.moments(ticks)
    days = moments.astype("datetime64[D]")
    hours = (moments - days).astype("timedelta64[us]").astype(np.int64) / 3.6e9
    year = (days - moments.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    month = moments.astype("datetime64[M]").astype(np.int64) % 12
    size = (
        spacing.size if spacing.kind == "seconds" else 86_400 if spacing.kind == "workdays" else 0
    )
    waves: list[tuple[str, np.ndarray, tuple[int, ...]]] = []
    if 0 < size < 86_400:
        waves.append(("hour", hours / 24, (1, 2)))
    if 0 < size <= 86_400:
        waves.append(("weekday", ((days.astype(np.int64) + 3) % 7) / 7, (1, 2, 3)))
    if 0 < size <= 7 * 86_400:
        waves.append(("time of the year", year / 365.25, (1, 2)))
    if spacing.kind == "months" and spacing.size < 12:
        waves.append(("month", month / 12, (1, 2, 3)))
    found = [
        wave(2 * np.pi * times * share)
        for _, share, many in waves
        for times in many
        for wave in (np.sin, np.cos)
    ]
    if not found:
        return np.zeros((len(ticks), 0), dtype=np.float32), ()
    return np.stack(found, 1).astype(np.float32), tuple(name for name, _, _ in waves)
