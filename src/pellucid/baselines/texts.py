"""Texts as counts of words and letter groups, weighted by how rare they are (TF-IDF)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from pellucid.baselines.baseline import State
from pellucid.baselines.features import Features, Matrix, features
from pellucid.data.columns import Loaded

SIGNS = r"\w+|[^\w\s]"
"""A word of any length or a single sign: `I`, `!` and `$` speak too."""
COUNTED: dict[str, dict[str, Any]] = {
    "word": {"analyzer": "word", "ngram_range": (1, 2)},
    "signs": {
        "analyzer": "word",
        "ngram_range": (1, 2),
        "token_pattern": SIGNS,
        "lowercase": False,
    },
    "char_wb": {"analyzer": "char_wb", "ngram_range": (2, 5)},
}
"""What can be counted: words in lower case, of two letters or more; words and signs as they stand;
groups of letters in lower case. A name stands in saved models, so that its meaning never changes.
Models from before 2026-11-22 have "word" where "signs" is today."""
ANALYZERS = ("signs", "char_wb")
"""What TF-IDF counts; on folds of training rows words and signs as they stand won over words (mails
.991 of .987, movie sentences .798 of .795; docs/log.md)."""
MOST_TERMS = 100_000
"""For each analyzer; rarer ones hardly ever decide."""
TOPICS = 32
TOPIC_TERMS = 20_000


LONGEST = 10_000
"""Characters that are counted; what comes later in a text hardly changes which words it uses."""


def documents(loaded: Loaded) -> list[str]:
    """The beginning of each text; a missing text is an empty one."""
    return ["" if text is None else str(text)[:LONGEST] for text in loaded.values]


def counter(analyzer: str, terms: list[str] | None = None, **limits: Any) -> Any:
    """scikit-learn's counter of n-grams; with `terms` it counts these only."""
    from sklearn.feature_extraction.text import CountVectorizer

    vocabulary = None if terms is None else {term: at for at, term in enumerate(terms)}
    return CountVectorizer(vocabulary=vocabulary, **COUNTED[analyzer], **limits)


@dataclass
class Terms:
    """The n-grams of one analyzer, with their weights."""

    analyzer: str
    terms: list[str]
    idf: np.ndarray

    @classmethod
    def fit(cls, texts: list[str], analyzer: str, most: int) -> Terms:
        """n-grams of at least two texts (one, if that leaves nothing); idf as scikit-learn's."""
        return cls.fit_matrix(texts, analyzer, most)[0]

    @classmethod
    def fit_matrix(cls, texts: list[str], analyzer: str, most: int) -> tuple[Terms, Matrix]:
        """`fit` and `matrix` at once: counting is what takes the time."""
        for least in (2, 1):
            counts = counter(analyzer, min_df=least if len(texts) >= 2 else 1, max_features=most)
            try:
                matrix = counts.fit_transform(texts)
            except ValueError:  # scikit-learn's way to say that no term is left
                continue
            found = np.bincount(matrix.indices, minlength=matrix.shape[1])
            idf = np.log((1 + len(texts)) / (1 + found)) + 1
            fitted = cls(analyzer, counts.get_feature_names_out().tolist(), idf)
            return fitted, fitted.weighted(matrix)
        none = cls(analyzer, [], np.zeros(0))
        return none, none.matrix(texts)

    def matrix(self, texts: list[str]) -> Matrix:
        """CSR float64 `(rows, terms)`: (1 + log count) * idf, each row scaled to length 1."""
        from scipy.sparse import csr_matrix

        if not self.terms:
            return csr_matrix((len(texts), 1))
        return self.weighted(counter(self.analyzer, self.terms).transform(texts))

    def weighted(self, counts: Matrix) -> Matrix:
        """CSR counts `(rows, terms)` -> `matrix`."""
        from scipy.sparse import csr_matrix, diags

        matrix = counts.astype(np.float64)
        matrix.data = 1 + np.log(matrix.data)
        matrix = matrix @ diags(self.idf)
        lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(1)).ravel())
        return csr_matrix(diags(1 / np.where(lengths > 0, lengths, 1.0)) @ matrix)


@features
@dataclass
class TfIdf(Features):
    """Words, signs and pairs of them, and groups of 2 to 5 letters inside words."""

    name: ClassVar[str] = "TF-IDF"
    parts: list[Terms] = field(default_factory=list)

    @classmethod
    def fit(cls, loaded: Loaded) -> Self:
        return cls.fit_matrix(loaded)[0]

    @classmethod
    def fit_matrix(cls, loaded: Loaded) -> tuple[Self, Matrix]:
        from scipy.sparse import hstack

        texts = documents(loaded)
        found = [Terms.fit_matrix(texts, analyzer, MOST_TERMS) for analyzer in ANALYZERS]
        return cls([part for part, _ in found]), hstack([m for _, m in found], format="csr")

    def matrix(self, loaded: Loaded) -> Matrix:
        from scipy.sparse import hstack

        texts = documents(loaded)
        return hstack([part.matrix(texts) for part in self.parts], format="csr")

    def state(self) -> State:
        arrays = {part.analyzer: part.idf for part in self.parts}
        return State({}, arrays, {part.analyzer: json.dumps(part.terms) for part in self.parts})

    @classmethod
    def restore(cls, state: State) -> Self:
        found = [name for name in COUNTED if name in state.texts]
        return cls(
            [Terms(name, json.loads(state.texts[name]), state.arrays[name]) for name in found]
        )


@features
@dataclass
class TextTopics(Features):
    """For trees: 32 directions in which the texts' words differ most, and the length."""

    name: ClassVar[str] = "text topics"
    words: Terms = field(default_factory=lambda: Terms("word", [], np.zeros(0)))
    topics: np.ndarray = field(default_factory=lambda: np.zeros((1, 1)))

    @classmethod
    def fit(cls, loaded: Loaded) -> Self:
        texts = documents(loaded)
        words = Terms.fit(texts, "word", TOPIC_TERMS)
        return cls(words, main_directions(words.matrix(texts), TOPICS))

    def matrix(self, loaded: Loaded) -> Matrix:
        texts = documents(loaded)
        lengths = np.array([len(text) for text in texts], dtype=np.float64)[:, None]
        return np.concatenate([self.words.matrix(texts) @ self.topics, lengths], 1)

    def state(self) -> State:
        arrays = {"idf": self.words.idf, "topics": self.topics}
        return State({}, arrays, {"words": json.dumps(self.words.terms)})

    @classmethod
    def restore(cls, state: State) -> Self:
        words = Terms("word", json.loads(state.texts["words"]), state.arrays["idf"])
        return cls(words, state.arrays["topics"])


def main_directions(matrix: Matrix, count: int) -> np.ndarray:
    """float64 `(features, count)`: the right singular vectors of the largest singular values."""
    from sklearn.utils.extmath import randomized_svd

    count = min(count, min(matrix.shape) - 1)
    if count < 1 or matrix.nnz == 0:
        return np.zeros((matrix.shape[1], 1))
    # ARPACK's own start is random; this one repeats.
    _, _, vectors = randomized_svd(matrix, count, random_state=0)
    return np.ascontiguousarray(vectors.T)
