"""The ledger: one fate for every row.

Every line or file of the source ends in exactly one state: train, valid, test, repaired (and how)
or set aside (and why). The counts must add up, or training refuses to start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pellucid.data.columns import Refused
from pellucid.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

SPLITS = ("train", "valid", "test")
SET_ASIDE_LIMIT = 0.10
"""Share of the rows that may be set aside before we stop and ask."""


class Ledger:
    """What became of every row of a source.

    Args:
        places: How to name each row to a person.
        refused: Lines and files that never became a row.
    """

    def __init__(self, places: Sequence[str], refused: Sequence[Refused] = ()) -> None:
        self.places = places
        self.refused = list(refused)
        self.split = np.full(len(places), "", dtype=object)
        self._aside: dict[int, str] = {}
        self._repaired: dict[int, str] = {}
        self._left_out: set[int] = set()
        self._instead: dict[str, None] = {}

    def set_aside(self, row: int, why: str, instead: str = "") -> None:
        """This row will not be used, for this reason; the first reason given stays. instead: what
        else than mending can be done about such rows."""
        self._aside.setdefault(int(row), why)
        if instead:
            self._instead[instead] = None

    def leave_out(self, row: int, why: str) -> None:
        """Set aside a usable row because the user wants it: no sign that something is wrong."""
        if int(row) not in self._aside:
            self._left_out.add(int(row))
            self.set_aside(row, why)

    def repair(self, row: int, how: str) -> None:
        """This row is used, with this change."""
        before = self._repaired.get(int(row))
        self._repaired[int(row)] = f"{before}; {how}" if before else how

    def usable(self) -> np.ndarray:
        """int64: rows that have not been set aside, in order."""
        keep = np.ones(len(self.places), dtype=bool)
        keep[list(self._aside)] = False
        return np.flatnonzero(keep)

    def assign(self, rows: np.ndarray, split: np.ndarray) -> None:
        """Say which part each usable row belongs to."""
        self.split[rows] = split

    def rows(self, split: str) -> np.ndarray:
        """int64: the rows of one part, in order; repaired rows included."""
        return np.flatnonzero(self.split == split)

    def counts(self) -> dict[str, int]:
        """Items by state; the states exclude each other and add up to all items."""
        states = Counter(self._state(row) for row in range(len(self.places)))
        return {
            **{split: states[split] for split in SPLITS},
            "repaired": states["repaired"],
            "set_aside": states["set aside"] + len(self.refused),
        }

    def check(self, *, keep_going: bool = False) -> None:
        """Refuse to train when a row has no fate, or when too many had to be set aside."""
        lost = [row for row in range(len(self.places)) if not self._state(row)]
        total = len(self.places) + len(self.refused)
        if lost or sum(self.counts().values()) != total:
            raise AssertionError(f"{len(lost)} of {total} rows have no fate, such as {lost[:3]}")
        if not keep_going and (problem := self.too_many()):
            raise problem

    def too_many(self) -> DataError | None:
        """Why learning stops unless it is told to keep going; None if enough rows can be used.

        Lines and files that never became a row count as well as rows that were set aside.
        """
        aside = len(self._aside) - len(self._left_out) + len(self.refused)
        wanted = len(self.places) + len(self.refused) - len(self._left_out)
        if aside <= SET_ASIDE_LIMIT * wanted:
            return None
        return DataError(
            f"{aside:,} of {wanted:,} rows can't be used: {self.reasons_in_words()}",
            where=self._examples(),
            fix=", ".join(["mend these", *self._instead, "or pass --keep-going to learn from the"])
            + " rest",
        )

    def reasons_in_words(self, most: int = 3) -> str:
        """The commonest reasons for setting aside, with counts."""
        reasons = Counter(why for _, why in self._unusable())
        shown = "; ".join(f"{why} ({count:,})" for why, count in reasons.most_common(most))
        more = len(reasons) - most
        return shown + (f"; and {more} more reasons" if more > 0 else "")

    def set_aside_items(self) -> list[tuple[str, str]]:
        """(place, why) of everything that was set aside."""
        rows = [(self.places[row], why) for row, why in sorted(self._aside.items())]
        return rows + [(item.place, item.why) for item in self.refused]

    def repaired_items(self) -> list[tuple[str, str]]:
        """(place, how) of every repaired row that is in use."""
        kept = sorted(row for row in self._repaired if row not in self._aside)
        return [(self.places[row], self._repaired[row]) for row in kept]

    def table(self) -> pa.Table:
        """All items with `item`, `row`, `state`, `split`, `reason`, as in `ledger.parquet`."""
        import pyarrow as pa

        rows = range(len(self.places))
        return pa.table(
            {
                "item": [*map(str, self.places), *(item.place for item in self.refused)],
                "row": pa.array([*rows, *(-1 for _ in self.refused)], pa.int64()),
                "state": [*map(self._state, rows), *("set aside" for _ in self.refused)],
                "split": [
                    *("" if row in self._aside else self.split[row] for row in rows),
                    *("" for _ in self.refused),
                ],
                "reason": [*map(self._reason, rows), *(item.why for item in self.refused)],
            }
        )

    def _state(self, row: int) -> str:
        if row in self._aside:
            return "set aside"
        if not self.split[row]:
            return ""
        return "repaired" if row in self._repaired else str(self.split[row])

    def _reason(self, row: int) -> str:
        return self._aside.get(row) or self._repaired.get(row, "")

    def _unusable(self) -> list[tuple[str, str]]:
        """(place, why) of what nobody asked to leave out."""
        aside = sorted(row for row in self._aside if row not in self._left_out)
        rows = [(str(self.places[row]), self._aside[row]) for row in aside]
        return rows + [(item.place, item.why) for item in self.refused]

    def _examples(self, most: int = 3) -> str:
        items = self._unusable()
        shown = ", ".join(place for place, _ in items[:most])
        return shown + (f" and {len(items) - most:,} more" if len(items) > most else "")
