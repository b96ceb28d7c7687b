"""`steps.bin`: one row for every weight update, little-endian, so that any tool can read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pellucid.recording.files import append, read_rows, replacing

STEP = np.dtype(
    [
        ("step", "<u4"),  # weight updates done so far; the first row is 1
        ("epoch", "<f4"),  # training rows seen / training rows there are
        ("seconds", "<f8"),  # s since learning of this fold began, pauses of a resume left out
        ("fold", "<u2"),  # which network of a bag; 0 if there is one
        ("flags", "<u2"),  # bits: EVALUATED, BEST, LOOKED, EPOCH_END
        ("loss", "<f4"),  # mean loss over the rows of this step's batch, before its update
        ("rate", "<f4"),  # learning rate of the main optimizer in this update
        ("gradient_norm", "<f4"),  # Euclidean, of all gradients together, before any clipping
        ("valid_loss", "<f4"),  # mean loss over the validation rows, after the update
        ("valid_metric", "<f4"),  # the task's main metric on them, after the update
    ]
)
"""40 bytes a row, every field aligned; NaN = not measured at this step."""

EVALUATED, BEST, LOOKED, EPOCH_END = 1, 2, 4, 8


def read_steps(path: Path) -> np.ndarray:
    """All rows, `STEP` `(rows,)`; a torn last row is left out."""
    return read_rows(path, STEP)


def append_steps(path: Path, rows: np.ndarray) -> None:
    append(path, rows.astype(STEP, copy=False).tobytes())


def rewind_steps(path: Path, fold: int, step: int) -> float:
    """Forget what this fold did after `step`; returns the seconds it had learned by then."""
    rows = read_steps(path)
    mine = rows["fold"] == fold
    kept = rows[~mine | (rows["step"] <= step)]
    if path.exists() and path.stat().st_size != kept.nbytes:
        with replacing(path) as beside:
            beside.write_bytes(kept.tobytes())
    return float(rows["seconds"][mine & (rows["step"] <= step)].max(initial=0.0))
