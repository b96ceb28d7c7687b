"""An example cut into pieces that can be taken away: words, windows, patches, columns.

To ask what an answer rests on is to ask what it would be without. Each modality says how it is
cut and what "without" means for it; everything else (occlusion, Shapley values, the test whether
an explanation is faithful) is the same for all, and works for any model that answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from pellucid.evidence.finding import plain
from pellucid.evidence.subject import Rows, Subject


class Pieces(Protocol):
    """One example's pieces, in one column or over several.

    columns: the input columns that they belong to. names: what a person calls each piece.
    places: where it lies: () a whole column, (start, end) characters of a text or steps of a
    series (and the channel behind them if it has several), (top, left, bottom, right) of a picture,
    (start, low, end, high) frames and bands of a sound. filled: in words, what stands where a piece
    was taken away.
    """

    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def places(self) -> tuple[tuple[int, ...], ...]: ...
    @property
    def filled(self) -> str: ...

    def removed(self, gone: np.ndarray) -> Rows:
        """bool `(versions, pieces)` -> the example in so many versions, without these pieces."""


@dataclass(frozen=True)
class Question:
    """Which number is explained.

    output: index into the answer's classes, tags or targets. name: that class, tag or target.
    value: the number itself, a calibrated probability or a prediction in the target's unit.
    """

    output: int
    name: str
    value: float


@dataclass(frozen=True)
class Faithfulness:
    """Whether an explanation says what the model really uses.

    first: the explained number as the most important pieces are taken away one after the other,
    beginning with none; random: the same in random order, mean; last: the least important first;
    each `(steps,)` over `shares` of the pieces. gain: area between last and first, as a share of
    the largest change seen (symmetric relevance gain, arXiv 2401.06654); random_gain: what random
    orders reach, its 95 % limit. completeness: gap between the sum of the values and what they
    should add up to, as a share; None where the method promises nothing. similarity: rank
    correlation with the explanation of a network with random weights; None if not tried.
    trusted: whether all tests passed. why: in words, above all if not.
    """

    shares: tuple[float, ...]
    first: tuple[float, ...]
    random: tuple[float, ...]
    last: tuple[float, ...]
    gain: float
    random_gain: float
    completeness: float | None
    similarity: float | None
    trusted: bool
    why: str


@dataclass(frozen=True)
class Overview:
    """Where the (first) network looked, coarsely, for the eye (Grad-CAM); the values count.

    looked: float `(height, width)` or `(frames, bands)`, 0 to 1. faithful: its own test, on the
    same pieces as the values'.
    """

    looked: np.ndarray
    faithful: Faithfulness

    def as_json(self) -> dict[str, Any]:
        return {"looked": self.looked, "faithful": vars(self.faithful)}


@dataclass(frozen=True)
class Explanation:
    """How much each piece of an example speaks for the explained number.

    method: in words. values: float `(pieces,)`, above zero: for it. base: the number without any
    of the pieces. overview: of a picture or sound, where a network reads it.
    """

    question: Question
    columns: tuple[str, ...]
    modality: str
    method: str
    names: tuple[str, ...]
    places: tuple[tuple[int, ...], ...]
    values: np.ndarray
    base: float
    faithful: Faithfulness
    overview: Overview | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        parts = {"question": vars(self.question), "faithful": vars(self.faithful)}
        if self.overview is not None:
            parts["overview"] = self.overview.as_json()
        return plain({**vars(self), **parts})


def asked(subject: Subject, pieces: Pieces, gone: np.ndarray, output: int) -> np.ndarray:
    """float64 `(versions,)`: the explained number for each version of the example."""
    return np.asarray(subject.answer(pieces.removed(gone))[:, output], dtype=np.float64)
