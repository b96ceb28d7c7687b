"""A series in windows; one that is taken away becomes a straight line from its end to the next."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np

from pellucid.data.columns import Loaded
from pellucid.evidence.explain.pictures import edges
from pellucid.evidence.subject import Rows, take

Fill = Literal["line", "mean"]
WINDOWS, FEWEST_WINDOWS, MOST_PIECES = 16, 4, 96
WORDS: dict[Fill, str] = {
    "line": "a straight line between what stays before and after it",
    "mean": "the mean of the channel",
}


class SeriesPieces:
    """Windows of one series, channel by channel, each from its beginning; see `Pieces`.

    A place is (start, end) in steps, and the channel behind them where there are several.

    Args:
        row: One decoded example, all its columns.
        column: The series among them, float32 `(1, time, channels)`, NaN where nothing is.
        windows: How many in each channel.
        fill: What stands where a window was taken away.
    """

    def __init__(
        self, row: Rows, column: str, windows: int | None = None, fill: Fill = "line"
    ) -> None:
        self.row, self.column, self.fill = row, column, fill
        self.series = np.asarray(row[column].values[0], dtype=np.float32)  # (time, channels)
        self.there = ~np.isnan(self.series)
        steps = np.flatnonzero(self.there.any(1))
        length, channels = int(steps[-1]) + 1 if len(steps) else 1, self.series.shape[1]
        fitting = max(FEWEST_WINDOWS, min(WINDOWS, MOST_PIECES // channels))
        bounds = edges(length, min(windows or fitting, length))
        self.channels = np.repeat(np.arange(channels), len(bounds) - 1)
        self.spans = [span for _ in range(channels) for span in pairwise(bounds)]
        several = channels > 1
        self.columns = (column,)
        self.places: tuple[tuple[int, ...], ...] = tuple(
            (*span, int(channel)) if several else span
            for span, channel in zip(self.spans, self.channels, strict=True)
        )
        self.names = tuple(_name(place) for place in self.places)
        self.filled = WORDS[fill]

    def removed(self, gone: np.ndarray) -> Rows:
        versions = np.repeat(self.series[None], len(gone), axis=0)
        for version, pieces in zip(versions, gone, strict=True):
            self._fill(version, pieces)
        rows = take(self.row, np.zeros(len(gone), dtype=np.int64))
        rows[self.column] = Loaded(versions, self.row[self.column].layout)
        return rows

    def _fill(self, version: np.ndarray, gone: np.ndarray) -> None:
        """Replace the windows that are gone; what was missing stays missing."""
        for channel in np.unique(self.channels[gone]):
            out = np.zeros(len(version), dtype=bool)
            for piece in np.flatnonzero(gone & (self.channels == channel)):
                out[slice(*self.spans[piece])] = True
            there = self.there[:, channel]
            kept, out = np.flatnonzero(there & ~out), np.flatnonzero(there & out)
            values = self.series[:, channel]
            if len(kept) and self.fill == "line":
                version[out, channel] = np.interp(out, kept, values[kept])
            elif there.any():
                version[out, channel] = values[there].mean()


def _name(place: tuple[int, ...]) -> str:
    """Steps, counted from 1, and the channel if there are several."""
    start, end, *channel = place
    steps = f"step {start + 1}" if end == start + 1 else f"steps {start + 1}–{end}"
    return f"{steps} of channel {channel[0] + 1}" if channel else steps
