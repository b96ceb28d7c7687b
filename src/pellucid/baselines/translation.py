"""Translating without a network: say the same again, or what a similar source was answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

AT_ONCE = 256
LETTERS = (2, 5)
"""Runs of so many letters inside of words are what sources are compared by."""


def copy(sources: Sequence[str]) -> list[str]:
    """The source itself: what needs no translating (names, numbers, formats) is right."""
    return list(sources)


class Nearest:
    """The answer that belongs to the most similar known source: a translation memory.

    Similar are sources that share rare runs of letters (TF-IDF, cosine).
    """

    def __init__(self, sources: Sequence[str], answers: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self.sources, self.answers = list(sources), list(answers)
        self._letters: Any = TfidfVectorizer(
            analyzer="char_wb", ngram_range=LETTERS, sublinear_tf=True, dtype=np.float32
        )
        self._known: Any = self._letters.fit_transform(self.sources).T.tocsc()

    def places(self, sources: Sequence[str]) -> np.ndarray:
        """int64 `(sources,)`: the number of the most similar known source; the first of equals."""
        found = []
        for start in range(0, len(sources), AT_ONCE):
            asked = self._letters.transform(sources[start : start + AT_ONCE])
            found.append((asked @ self._known).toarray().argmax(1))
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def answer(self, sources: Sequence[str]) -> list[str]:
        """What was answered to the most similar known sources."""
        return [self.answers[place] for place in self.places(sources)]

    @property
    def stored(self) -> int:
        """Bytes of what it must keep: all pairs."""
        return sum(len(text.encode()) for text in [*self.sources, *self.answers])
