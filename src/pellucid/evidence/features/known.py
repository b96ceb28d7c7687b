"""Examples whose truth is known: the generated shapes, with every edge and corner.

`pellucid demo shapes` writes `shapes-truth.npz` beside the pictures. Where a run learned from
them, each row finds its truth again by the name of its picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pellucid.examples import EXAMPLES
from pellucid.examples.shapes import CORNER, CURVED, SIDE, STRAIGHT

FIELDS = ("picture", "direction", "parts")
ACROSS = 4
"""Squares a side that a picture is cut into."""
FEWEST = 3
"""Pixels of an outline that a square must hold."""
ONE_WAY = 0.9
"""How much the directions in a square must agree (length of their mean) to be one direction."""


@dataclass(frozen=True)
class Outlines:
    """What is true about pictures of 32 x 32, rows as the source has them.

    direction: float32 `(rows, 32, 32)`, degrees of the edge in a pixel, NaN off edges.
    parts: uint8 `(rows, 32, 32)`, what a pixel shows, as `examples.shapes` numbers it.
    """

    direction: np.ndarray
    parts: np.ndarray

    def __len__(self) -> int:
        return len(self.parts)


@dataclass(frozen=True)
class Cells:
    """Squares of pictures through which an outline runs, to be judged. row: which picture, counted
    from 0 among those asked for. cell: which square, row by row. direction: degrees of the edge
    in it, NaN where it has none that is straight and alone. corner: whether it holds a corner."""

    row: np.ndarray
    cell: np.ndarray
    direction: np.ndarray
    corner: np.ndarray


def outlines(source: str | None, places: Sequence[str]) -> Outlines | None:
    """The truth about the rows of a source; None where the source is not the shapes example."""
    name = EXAMPLES["shapes"].truth
    path = Path(source).with_name(name) if source and name else None
    if path is None or not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        if not set(FIELDS) <= set(file.files):
            return None
        known = {str(picture): row for row, picture in enumerate(file["picture"])}
        rows = [known.get("/".join(Path(place).parts[-2:])) for place in places]
        if None in rows:
            return None
        order = np.array(rows, dtype=np.int64)
        return Outlines(file["direction"][order], file["parts"][order])


def cells(truth: Outlines, rows: np.ndarray) -> Cells:
    """The squares of these rows that hold at least `FEWEST` pixels of an outline."""
    parts = _cut(truth.parts[rows])  # (rows, cells, pixels)
    turn = np.exp(2j * np.deg2rad(_cut(truth.direction[rows])))
    straight = (parts == STRAIGHT) & ~np.isnan(turn)
    outline = (parts == CURVED) | (parts == CORNER) | (parts == STRAIGHT)
    corner = (parts == CORNER).any(2)
    pull = np.where(straight, turn, 0).sum(2)
    alone = (straight.sum(2) >= FEWEST) & ~corner & ~(parts == CURVED).any(2)
    alone &= np.abs(pull) >= ONE_WAY * straight.sum(2)
    direction = np.where(alone, np.rad2deg(np.angle(pull)) / 2 % 180, np.nan)
    row, cell = np.nonzero(outline.sum(2) >= FEWEST)
    return Cells(row, cell, direction[row, cell], corner[row, cell])


def _cut(pixels: np.ndarray) -> np.ndarray:
    """`(rows, 32, 32)` -> `(rows, ACROSS * ACROSS, pixels of a square)`."""
    side = SIDE // ACROSS
    squares = pixels.reshape(-1, ACROSS, side, ACROSS, side).swapaxes(2, 3)
    return squares.reshape(len(pixels), ACROSS**2, side**2)
