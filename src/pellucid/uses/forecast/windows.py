"""Examples of a forecast: windows that read the past and are asked for the steps after it.

A window stands at an origin, the last time it knows. Parts are cut by time alone: the exam asks
the latest stretch from rolling origins, validation the stretch before it, and windows to learn
from end before that. Scales come from the part to learn from. Of columns beside the values only
the past is read, unless their future is known when a forecast is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.errors import DataError
from pellucid.uses.forecast.panel import Panel, fill
from pellucid.uses.forecast.spacing import Spacing

EXAM_SHARE = 0.2
"""Part of a usual series for the exam, and as much again for validation."""
MOST_EXAM, MOST_CHECK = 30, 60
"""Windows of one series in the exam and in validation."""
MOST_WINDOWS, MOST_BYTES = 3_000, 256 * 2**20
"""Windows of all series in the exam or in validation; bytes of the windows to learn from."""
LEVELS = 8
"""Different words of a column that get a number of their own each."""


@dataclass(frozen=True)
class Cut:
    """Where the parts begin, as columns of each series: int64 `(series,)` each.

    learn: before `valid`. valid: before `test`. test: up to `end`, its last column.
    """

    valid: np.ndarray
    test: np.ndarray
    end: np.ndarray
    steps: int
    together: bool


@dataclass(frozen=True)
class Windows:
    """Origins: int64 `(windows,)` each. series: which. origin: the last column that is known."""

    series: np.ndarray
    origin: np.ndarray

    def __len__(self) -> int:
        return len(self.series)

    def take(self, which: np.ndarray) -> Windows:
        return Windows(self.series[which], self.origin[which])


def make_cut(panel: Panel, horizon: int, begins: np.ndarray | None = None) -> Cut:
    """Cut all series at the same time; where most end at different times, each at its own end.

    begins: column of each series from which on it is for the exam, where the source says so.
    """
    length = panel.last - panel.first + 1
    common = int(panel.last.max())
    together = bool((panel.last >= common - horizon).mean() >= 0.5) and begins is None
    end = np.full(len(length), common) if together else panel.last.copy()
    steps = max(horizon, min(int(EXAM_SHARE * np.median(length)), MOST_EXAM * horizon))
    test = end + 1 - steps
    if begins is not None:
        test = begins
        steps = max(horizon, int(np.median(end + 1 - begins)))
    valid = test - max(horizon, min(steps, int(EXAM_SHARE * np.median(length))))
    return Cut(valid, test, end, steps, together)


def exam_windows(panel: Panel, cut: Cut, horizon: int, fewest: int) -> Windows:
    """Rolling origins over the last stretch, the last one a horizon before the end.

    Side by side where three or more fit, else overlapping by about half.
    """
    count = cut.steps // horizon
    stride = horizon if count >= 3 else max(1, (cut.steps - horizon) // 2)
    count = max(1, (cut.steps - horizon) // stride + 1)
    most = max(1, min(MOST_EXAM, MOST_WINDOWS // max(1, len(panel.names))))
    return _rolling(panel, cut.test, cut.end, horizon, stride, min(count, most), fewest)


def check_windows(panel: Panel, cut: Cut, horizon: int, fewest: int) -> Windows:
    """Origins whose answers all lie in the validation stretch, evenly."""
    steps = int(np.median(cut.test - cut.valid))
    most = max(3, min(MOST_CHECK, MOST_WINDOWS // max(1, len(panel.names))))
    stride = max(1, -(-(steps - horizon + 1) // most))
    count = (steps - horizon) // stride + 1
    return _rolling(panel, cut.valid, cut.test - 1, horizon, stride, count, fewest)


def learn_windows(panel: Panel, cut: Cut, horizon: int, fewest: int, bytes_each: int) -> Windows:
    """Every origin whose answers end before validation begins; fewer, evenly, if they are many."""
    series, origin = [], []
    for one in range(len(panel.names)):
        last = min(int(cut.valid[one]) - 1, int(panel.last[one])) - horizon
        found = np.arange(int(panel.first[one]) + fewest - 1, last + 1)
        series.append(np.full(len(found), one))
        origin.append(found)
    windows = Windows(np.concatenate(series), np.concatenate(origin))
    windows = _answered(panel, windows, horizon)
    stride = max(1, -(-len(windows) * bytes_each // MOST_BYTES))
    return windows.take(np.arange(len(windows))[::-stride][::-1])


def _rolling(
    panel: Panel,
    begin: np.ndarray,
    end: np.ndarray,
    horizon: int,
    stride: int,
    count: int,
    fewest: int,
) -> Windows:
    back = stride * np.arange(count)[::-1]
    origin = (end[:, None] - horizon - back[None, :]).ravel()
    series = np.repeat(np.arange(len(end)), count)
    ready = (origin + 1 >= begin[series]) & (origin >= panel.first[series] + fewest - 1)
    return _answered(panel, Windows(series[ready], origin[ready]), horizon)


def _answered(panel: Panel, windows: Windows, horizon: int) -> Windows:
    """Without windows that ask only for what nobody knows."""
    return windows.take(np.flatnonzero(~np.isnan(truth_of(panel, windows, horizon)).all(1)))


def truth_of(panel: Panel, windows: Windows, horizon: int) -> np.ndarray:
    """float64 `(windows, horizon)`: what came; NaN where that is not known."""
    ahead = windows.origin[:, None] + 1 + np.arange(horizon)
    inside = ahead < panel.times
    found = panel.values[windows.series[:, None], np.minimum(ahead, panel.times - 1)]
    return np.where(inside, found, np.nan)


# --- scales -----------------------------------------------------------------------------------


def scales_of(panel: Panel, cut: Cut, season: int) -> tuple[np.ndarray, np.ndarray]:
    """Center and unit of each series, float64 `(series,)`, from the part to learn from.

    The unit is the mean absolute error of the seasonal naive forecast there (of the plain naive
    one where the season is longer than that part): errors in it are MASE.
    """
    centers, units = [], []
    for one in range(len(panel.names)):
        part = panel.values[one, panel.first[one] : max(cut.valid[one], panel.first[one] + 2)]
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


# --- what helps -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Helper:
    """A column beside the values as numbers.

    known: whether its future is known when a forecast is made. levels: words that get a 0-or-1
    number each, empty for a column of numbers. mean, spread: of numbers, from the part to learn
    from.
    """

    name: str
    known: bool
    levels: tuple[str, ...] = ()
    mean: float = 0.0
    spread: float = 1.0

    @property
    def width(self) -> int:
        return max(1, len(self.levels))

    def encode(self, cells: np.ndarray) -> np.ndarray:
        """float32 `(..., width)`; what is missing or new is 0."""
        if not self.levels:
            numbers = (np.asarray(cells, dtype=np.float64) - self.mean) / self.spread
            return np.clip(np.nan_to_num(numbers), -10, 10).astype(np.float32)[..., None]
        words = np.asarray(cells, dtype=object)
        return np.stack([(words == level) for level in self.levels], axis=-1).astype(np.float32)

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Helper:
        return cls(**{**data, "levels": tuple(data["levels"])})


def find_helpers(panel: Panel, cut: Cut, known: tuple[str, ...], notes: list[str]) -> list[Helper]:
    """Which columns beside the values help, fitted on the part to learn from; says what happens
    to each of the others."""
    helpers = []
    ahead = np.arange(panel.times)[None, :] > panel.last[:, None]
    learn = np.arange(panel.times)[None, :] < cut.valid[:, None]
    future = ahead & (panel.row >= 0)
    for name, cells in panel.others.items():
        number = cells.dtype.kind == "f"
        absent = absent_in(cells)
        told = name in known or bool(future.any() and not absent[future].any())
        seen = cells[learn & ~absent]
        if not len(seen) or len(set(seen.tolist())) < 2:
            notes.append(f"'{name}' is not used: it never changes in the part to learn from")
            continue
        if _constant(cells, learn & ~absent):
            notes.append(f"'{name}' is not used: it only names a series, each has its own vector")
            continue
        helper = _helper(name, told, seen, number)
        if helper is None:
            notes.append(f"'{name}' is not used: too many different words")
            continue
        helpers.append(helper)
        if name in known:
            notes.append(f"'{name}': its future is known beforehand, as --known says")
        elif told:
            notes.append(f"'{name}': its future is known, it is filled in for the times to come")
        else:
            notes.append(
                f"'{name}': its future is not known when a forecast is made, so that only its "
                f"past is read (if it is known beforehand, add --known {name})"
            )
    return helpers


def absent_in(cells: np.ndarray) -> np.ndarray:
    """bool: where a number is NaN, or a word None."""
    if cells.dtype.kind == "f":
        return np.isnan(cells)
    return np.array([value is None for value in cells.ravel()], dtype=bool).reshape(cells.shape)


def _helper(name: str, told: bool, seen: np.ndarray, number: bool) -> Helper | None:
    if number:
        spread = float(seen.std())
        return Helper(name, told, (), float(seen.mean()), spread if spread > 0 else 1.0)
    words, counts = np.unique(seen.astype(str), return_counts=True)
    if len(words) > max(20, 4 * LEVELS) and len(words) > 0.2 * len(seen):
        return None
    common = words[np.argsort(-counts, kind="stable")][:LEVELS]
    return Helper(name, told, tuple(str(word) for word in common))


def _constant(cells: np.ndarray, there: np.ndarray) -> bool:
    """Whether no series sees two different values."""
    return all(len(set(row[ok].tolist())) < 2 for row, ok in zip(cells, there, strict=True))


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


# --- tensors ----------------------------------------------------------------------------------


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


def known_channels(helpers: list[Helper]) -> np.ndarray:
    """bool `(channels,)`: those whose future is known beforehand."""
    return np.array([helper.known for helper in helpers for _ in range(helper.width)], dtype=bool)


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


def encode_helpers(panel: Panel, helpers: list[Helper]) -> np.ndarray:
    """float32 `(series, times, channels)`: the columns beside the values, side by side."""
    parts = [helper.encode(panel.others[helper.name]) for helper in helpers]
    nothing = np.zeros((*panel.values.shape, 0), dtype=np.float32)
    return np.concatenate([nothing, *parts], 2)


def too_short(panel: Panel, horizon: int, needed: int) -> DataError:
    """Nothing is left to learn from."""
    length = int(np.median(panel.last - panel.first + 1))
    return DataError(
        f"the series are too short: {length} values, and looking {horizon} steps ahead needs about "
        f"{needed}",
        where=f"{len(panel.names):,} series, such as '{panel.names[0]}'",
        fix=f"give longer series, or look less far ahead, such as --horizon {max(1, length // 12)}",
    )
