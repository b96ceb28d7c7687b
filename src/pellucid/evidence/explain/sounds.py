"""A recording in pieces of time and pitch; a piece that is taken away becomes background noise."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Literal

import numpy as np

from pellucid.data import mel
from pellucid.data.columns import Loaded
from pellucid.data.modalities.audio import Clips
from pellucid.evidence.explain.pictures import edges, weights
from pellucid.evidence.subject import Rows, take

Fill = Literal["floor", "bands", "silence"]
TIMES, PITCHES = 8, 8
"""Parts of time and of pitch, at most."""
QUIET = 0.1
"""The background is what the quietest tenth of a recording stays under."""
WORDS: dict[Fill, str] = {
    "floor": "noise as loud as the quietest tenth of the recording",
    "bands": "each pitch as loud as in its own quietest tenth",
    "silence": "silence",
}


class SoundPieces:
    """Pieces of one recording, from its beginning, low pitches first; see `Pieces`.

    Args:
        row: One decoded example, all its columns.
        column: The recording among them, `Clips`.
        cells: Parts of time and of pitch.
        fill: What is heard where a piece was taken away.
    """

    def __init__(
        self,
        row: Rows,
        column: str,
        cells: tuple[int, int] | None = None,
        fill: Fill = "floor",
        smooth: bool = True,
    ) -> None:
        self.row, self.column = row, column
        self.clips: Clips = row[column].values
        picture = self.clips.mel[0, :, :, 0].astype(np.float32)
        self.frames = int((~np.isnan(picture[:, 0])).sum())  # the rest is padding
        self.picture = picture[: self.frames]  # (frames, bands)
        bands = picture.shape[1]
        self.cells = cells or (min(TIMES, self.frames), min(PITCHES, bands))
        times, pitches = edges(self.frames, self.cells[0]), edges(bands, self.cells[1])
        self.columns = (column,)
        self.places = tuple(
            (start, low, end, high)
            for (start, end), (low, high) in product(pairwise(times), pairwise(pitches))
        )
        self.names = tuple(_name(place, row[column].layout, bands) for place in self.places)
        self.filled = WORDS[fill]
        self._fill = filling(self.picture, fill)
        self._time, self._pitch = weights(times, smooth), weights(pitches, smooth)

    def removed(self, gone: np.ndarray) -> Rows:
        grids = gone.reshape(len(gone), *self.cells).astype(np.float32)
        share = np.einsum("vij,it,jb->vtb", grids, self._time, self._pitch)
        versions = np.repeat(self.clips.mel, len(gone), axis=0)
        versions[:, : self.frames, :, 0] = self.picture + share * (self._fill - self.picture)
        rows = take(self.row, np.zeros(len(gone), dtype=np.int64))
        files = np.repeat(self.clips.files, len(gone))
        rows[self.column] = Loaded(Clips(versions, files), self.row[self.column].layout)
        return rows


def filling(picture: np.ndarray, fill: Fill) -> np.ndarray:
    """float32, broadcastable to the picture `(frames, bands)`: the background of a recording."""
    if fill == "silence":
        return np.full((1, 1), np.log(mel.FLOOR), dtype=np.float32)
    if fill == "bands":
        return np.quantile(picture, QUIET, axis=0)
    return np.quantile(picture, QUIET, keepdims=True)


def _name(place: tuple[int, ...], layout: dict[str, int], bands: int) -> str:
    """When and how high: '0.25–0.50 s, 390–780 Hz'."""
    start, low, end, high = place
    seconds = layout["hop"] / layout["rate"]
    pitch = mel.band_edges(layout["rate"], bands)  # band b has its top at edge b + 1
    bottom, top = (pitch[low] + pitch[low + 1]) / 2, (pitch[high] + pitch[high + 1]) / 2
    return f"{start * seconds:.2f}–{end * seconds:.2f} s, {bottom:,.0f}–{top:,.0f} Hz"
