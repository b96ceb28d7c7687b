"""From a score to a p-value, and from a p-value to an answer: how many false alarms to expect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVELS = (0.01, 0.02, 0.05, 0.1)
"""Shares of normal rows that may be called anomalies; the smallest that the held rows can show."""


@dataclass(frozen=True)
class Promise:
    """Scores of held rows, which were not learned from, in rising order.

    A new normal row is as likely to stand at any place among them (conformal prediction: the rows
    are exchangeable), so its p-value is below `level` in at most that share of cases.
    """

    held: np.ndarray

    @classmethod
    def of(cls, scores: np.ndarray) -> Promise:
        return cls(np.sort(np.asarray(scores, dtype=np.float64)))

    @property
    def level(self) -> float:
        """p-values up to here are called anomalies."""
        fine = 1 / (len(self.held) + 1)
        return next((level for level in LEVELS if level >= fine), fine)

    @property
    def per_thousand(self) -> float:
        """False alarms to expect among 1,000 normal rows, at most."""
        places = len(self.held) + 1
        return 1000 * np.floor(self.level * places + 1e-9) / places

    def p_values(self, scores: np.ndarray) -> np.ndarray:
        """float64 `(rows,)`: how many of the held rows, itself counted, are as strange."""
        above = len(self.held) - np.searchsorted(self.held, scores, side="left")
        return (above + 1) / (len(self.held) + 1)

    def strange(self, scores: np.ndarray) -> np.ndarray:
        """bool `(rows,)`: which are called anomalies."""
        return self.p_values(scores) <= self.level + 1e-12
