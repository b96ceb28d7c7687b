"""What the network answered on validation rows while it learned, so that a confusion matrix or a
histogram can go back in time.

`answers/about.json` says which rows they are and how `answers/values.bin` is built: one record for
every evaluation, `step` u4 and `values` (rows, outputs), side by side and little-endian. It only
grows; a record that a kill cut short is left out by whoever reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pellucid.errors import BundleError
from pellucid.recording.files import append, read_json, read_rows, replacing, write_json

MOST_ROWS, FEWEST_ROWS = 1000, 50
MOST_BYTES = 16 * 2**20
"""Where all evaluations would take more, there are fewer rows."""

Number = Literal["<f2", "<f4"]
"""16 bits are enough for probabilities; a price may be larger than they can hold."""


@dataclass(frozen=True)
class Answers:
    """Answers of the network that is shown, on rows that it did not learn from.

    rows: int64 (rows,) in the source. target: what is right, as metrics take it `(rows, ...)`.
    steps: uint32 (evaluations,). values: (evaluations, rows, outputs) probabilities, not yet
    calibrated, or numbers.
    """

    rows: np.ndarray
    target: np.ndarray
    steps: np.ndarray
    values: np.ndarray


def rows_kept(rows: int, outputs: int, evaluations: int) -> np.ndarray:
    """int64: which of the validation rows are kept, spread evenly.

    >>> rows_kept(5, 1, 10).tolist(), len(rows_kept(5_000, 10, 20)), len(rows_kept(5_000, 1000, 90))
    ([0, 1, 2, 3, 4], 1000, 93)
    """
    affordable = MOST_BYTES // (2 * outputs * max(1, evaluations))
    count = min(rows, MOST_ROWS, max(FEWEST_ROWS, affordable))
    return np.linspace(0, rows - 1, count).round().astype(np.int64)


class AnswersWriter:
    """Adds one record for each evaluation.

    Args:
        folder: The run's folder.
        rows: int64 (rows,) in the source. target: `(rows, ...)` as metrics take it.
        outputs: Classes, tags or targets. number: how each value is kept.
    """

    def __init__(
        self, folder: Path, rows: np.ndarray, target: np.ndarray, *, outputs: int, number: Number
    ) -> None:
        self.folder = folder / "answers"
        self._record = _record(len(rows), outputs, number)
        self._about = {
            "schema": 1,
            "rows": rows,
            "target": target,
            "target_type": target.dtype.str,
            "outputs": outputs,
            "number": number,
        }

    def begin(self, step: int) -> None:
        """Write what the values are, and forget those of later steps than `step`."""
        path = self.folder / "values.bin"
        if path.exists():
            known = read_rows(path, self._record)
            with replacing(path) as beside:
                beside.write_bytes(known[known["step"] <= step].tobytes())
        write_json(self.folder / "about.json", self._about, durable=False)

    def add(self, step: int, values: np.ndarray) -> None:
        """Append the answers of one evaluation, `(rows, outputs)`."""
        record = np.zeros(1, self._record)
        record["step"] = step
        with np.errstate(over="ignore"):
            record["values"] = values.reshape(record["values"].shape)
        append(self.folder / "values.bin", record.tobytes())


def read_answers(folder: Path) -> Answers:
    """The answers of a run that has them; BundleError if they are damaged or gone.

    Args:
        folder: The run's folder.
    """
    about = read_json(folder / "answers" / "about.json")
    try:
        rows = np.array(about["rows"], np.int64)
        target = np.array(about["target"], np.dtype(about["target_type"]))
        record = _record(len(rows), int(about["outputs"]), about["number"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BundleError(
            "about.json is damaged and can't be read",
            where=f"{folder / 'answers' / 'about.json'}: {error}",
            fix="restore the file from a backup, or learn again",
        ) from error
    known = read_rows(folder / "answers" / "values.bin", record)
    return Answers(rows, target, known["step"], known["values"])


def _record(rows: int, outputs: int, number: Number) -> np.dtype[Any]:
    return np.dtype([("step", "<u4"), ("values", number, (rows, outputs))])
