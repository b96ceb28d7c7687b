"""Examples of a forecast: windows that read the past and are asked for the steps after it.

A window stands at an origin, the last time it knows. Parts are cut by time alone: the exam asks
the latest stretch from rolling origins, validation the stretch before it, and windows to learn
from end before that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.errors import DataError
from pellucid.uses.forecast.panel import Panel

EXAM_SHARE = 0.2
"""Part of a usual series for the exam, and as much again for validation."""
MOST_EXAM, MOST_CHECK = 30, 60
"""Windows of one series in the exam and in validation."""
MOST_WINDOWS, MOST_BYTES = 3_000, 256 * 2**20
"""Windows of all series in the exam or in validation; bytes of the windows to learn from."""


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


def make_cut(panel: Panel, horizon: int) -> Cut:
    """Cut all series at the same time; where most end at different times, each at its own end."""
    length = panel.last - panel.first + 1
    common = int(panel.last.max())
    together = bool((panel.last >= common - horizon).mean() >= 0.5)
    end = np.full(len(length), common) if together else panel.last.copy()
    steps = max(horizon, min(int(EXAM_SHARE * np.median(length)), MOST_EXAM * horizon))
    test = end + 1 - steps
    return Cut(_before(panel, horizon, test, steps), test, end, steps, together)


def cut_as_given(panel: Panel, horizon: int, test: np.ndarray, valid: np.ndarray | None) -> Cut:
    """Cut where the source says so: test, valid: the first columns of these parts, of each series.

    The part to choose by is as long as one horizon at the least.
    """
    steps = max(horizon, int(np.median((panel.last + 1 - test)[test <= panel.last])))
    least = _before(panel, horizon, test, steps)
    return Cut(
        least if valid is None else np.minimum(valid, test - horizon),
        test,
        panel.last.copy(),
        steps,
        False,
    )


def _before(panel: Panel, horizon: int, test: np.ndarray, steps: int) -> np.ndarray:
    """Where the part to choose by begins: as long before the exam as that is, or shorter."""
    length = int(EXAM_SHARE * np.median(panel.last - panel.first + 1))
    return np.asarray(test - max(horizon, min(steps, length)))


def exam_windows(panel: Panel, cut: Cut, horizon: int, fewest: int) -> Windows:
    """Rolling origins over the last stretch, the last one a horizon before the end.

    Side by side where three or more fit, else overlapping by about half.
    """
    count = cut.steps // horizon
    stride = horizon if count >= 3 else max(1, (cut.steps - horizon) // 2)
    count = max(1, (cut.steps - horizon) // stride + 1)
    most = max(1, min(MOST_EXAM, MOST_WINDOWS // max(1, len(panel.names))))
    return _rolling(panel, cut, cut.test, cut.end, horizon, stride, min(count, most), fewest)


def check_windows(panel: Panel, cut: Cut, horizon: int, fewest: int) -> Windows:
    """Origins whose answers all lie in the validation stretch, evenly."""
    steps = int(np.median(cut.test - cut.valid))
    most = max(3, min(MOST_CHECK, MOST_WINDOWS // max(1, len(panel.names))))
    stride = max(1, -(-(steps - horizon + 1) // most))
    count = (steps - horizon) // stride + 1
    return _rolling(panel, cut, cut.valid, cut.test - 1, horizon, stride, count, fewest)


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
    cut: Cut,
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
    # Of a series that begins later nothing was learned, not even its scale.
    ready &= (cut.valid - panel.first >= fewest)[series]
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


def too_short(panel: Panel, horizon: int, needed: int) -> DataError:
    """Nothing is left to learn from."""
    length = int(np.median(panel.last - panel.first + 1))
    ahead = f"{horizon:,} steps" if horizon > 1 else "one step"
    less = max(1, length // 12)
    nearer = f", or look less far ahead, such as --horizon {less}" if less < horizon else ""
    return DataError(
        f"the series are too short: {length:,} values, and looking {ahead} ahead needs about "
        f"{needed:,}",
        where=f"{len(panel.names):,} series, such as '{panel.names[0]}'",
        fix=f"give longer series{nearer}",
    )
