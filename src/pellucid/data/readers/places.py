"""Names for rows, made only when somebody asks: a million rows cost no million strings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np


class Numbered(Sequence[str]):
    """`Numbered("houses.csv line ", [2, 3, 5])[2]` is "houses.csv line 5".

    Args:
        before: What stands before the number.
        numbers: int64 `(rows,)` or a range.
    """

    def __init__(self, before: str, numbers: np.ndarray | range) -> None:
        self.before, self.numbers = before, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[str]: ...
    def __getitem__(self, row: int | slice) -> str | Sequence[str]:
        if isinstance(row, slice):
            return Numbered(self.before, self.numbers[row])
        return f"{self.before}{int(self.numbers[row])}"


class Joined(Sequence[str]):
    """The names of the rows of several sources, one after the other."""

    def __init__(self, parts: Sequence[Sequence[str]]) -> None:
        self.parts = list(parts)
        self.ends = np.cumsum([len(part) for part in self.parts], dtype=np.int64)

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[str]: ...
    def __getitem__(self, row: int | slice) -> str | Sequence[str]:
        if isinstance(row, slice):
            return [self[index] for index in range(len(self))[row]]
        row = range(len(self))[row]  # negative rows, and IndexError past the end
        part = int(np.searchsorted(self.ends, row, side="right"))
        return self.parts[part][row - (int(self.ends[part - 1]) if part else 0)]
