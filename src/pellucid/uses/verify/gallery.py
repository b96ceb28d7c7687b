"""People (products, animals ...) that a trained network has been shown: no training, only points.

gallery.safetensors   a point for every enrolled picture, for each model that may answer
gallery.json          whose they are, and what the pictures were called
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pellucid.recording.files import read_arrays, read_json, write_arrays, write_json

NAMES, POINTS = "gallery.json", "gallery.safetensors"


@dataclass
class Gallery:
    """names, places: of every enrolled picture, in order. points: model -> `(pictures, width)`."""

    names: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    points: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def identities(self) -> list[str]:
        """Who is enrolled, each once."""
        return sorted(set(self.names))

    def with_more(
        self, names: list[str], places: list[str], points: dict[str, np.ndarray]
    ) -> Gallery:
        """These pictures too; whoever was enrolled before under the same name is replaced."""
        keep = [place for place, name in enumerate(self.names) if name not in set(names)]
        merged = {}
        for model, new in points.items():
            old = self.points[model][keep] if model in self.points else new[:0]
            merged[model] = np.concatenate([old, new]).astype(np.float32)
        return Gallery(
            [*(self.names[place] for place in keep), *names],
            [*(self.places[place] for place in keep), *places],
            merged,
        )

    def likeness(self, points: np.ndarray, model: str) -> np.ndarray:
        """float64 `(rows, identities)`: how alike each row is to the most similar picture of each
        enrolled identity."""
        near = points @ self.points[model].T.astype(np.float64)
        names = np.array(self.names, dtype=object)
        return np.stack([near[:, names == one].max(1) for one in self.identities], 1)

    # --- on disk ------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Beside the model; the pictures themselves are not kept."""
        write_arrays(folder / POINTS, dict(self.points))
        write_json(folder / NAMES, {"names": self.names, "places": self.places})

    @classmethod
    def load(cls, folder: Path) -> Gallery:
        """What was enrolled; empty if nobody was."""
        if not (folder / NAMES).exists():
            return cls()
        head = read_json(folder / NAMES)
        return cls(head["names"], head["places"], dict(read_arrays(folder / POINTS)))


def who(likeness_odds: np.ndarray) -> np.ndarray:
    """float64 `(rows, identities + 1)`: how probable each enrolled identity is; last: nobody.

    Before looking, "nobody" is as likely as all that are enrolled together, and those are alike.

    Args:
        likeness_odds: `(rows, identities)`, how much likelier the likeness is for the same person
            than for different ones.
    """
    count = likeness_odds.shape[1]
    weights = np.concatenate([likeness_odds / count, np.ones((len(likeness_odds), 1))], 1)
    return np.asarray(weights / weights.sum(1, keepdims=True))
