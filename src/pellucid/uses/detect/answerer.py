"""A trained detector: pictures in, boxes out, in pixels of the picture as it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors
from torch import nn

from pellucid.baselines.detection import FINDERS, Finder
from pellucid.data.cache import Unusable
from pellucid.data.readers.boxes import recognize
from pellucid.data.readers.boxes.annotated import Shelf
from pellucid.data.readers.boxes.table import COLUMNS, cells_of
from pellucid.data.readers.folder import list_folder
from pellucid.data.readers.sniff import DELIMITED, IMAGE
from pellucid.errors import ConfigError, DataError, did_you_mean
from pellucid.evidence.finding import Finding
from pellucid.network.detector import Detecting, Detector
from pellucid.tasks.detect import Detect
from pellucid.uses.detect.pictures import (
    Canvas,
    back,
    fit,
    from_array,
    on_canvas,
    open_upright,
)
from pellucid.uses.detect.precision import Boxes
from pellucid.uses.detect.prepared import GROUP
from pellucid.uses.detect.sureness import Sureness
from pellucid.uses.use import Answerer, begun

AT_ONCE = 16
DIGITS = 2
"""Of pixels, in answers."""


@dataclass(frozen=True)
class Given:
    """One picture to answer: its name, and the file or array, opened when it is its turn; or why
    there is none."""

    place: str
    source: Path | np.ndarray | None
    problem: str = ""

    def open(self) -> Any:
        """The picture (Pillow), upright.

        Raises:
            DataError: It can't be opened.
        """
        try:
            if self.problem:
                raise Unusable(self.problem)
            if isinstance(self.source, np.ndarray):
                return from_array(self.source)
            return open_upright(self.source)
        except Unusable as error:
            raise DataError(
                f"'{self.place}' can't be used: {error}",
                where=self.place,
                fix="give a picture that opens in other programs",
            ) from None


class DetectAnswerer(Answerer):
    """Boxes with calibrated probabilities.

    surenesses: "network" or "baseline" -> how its sureness becomes a probability.
    """

    kind: ClassVar[str] = "detect"

    def __init__(
        self,
        model: Detector,
        objective: Detect,
        canvas: Canvas,
        classes: Sequence[str],
        surenesses: dict[str, Sureness],
        baseline: Finder | None = None,
    ) -> None:
        self.model, self.objective, self.canvas = model.eval(), objective, canvas
        self.classes, self.surenesses, self.baseline = list(classes), surenesses, baseline

    def network(self) -> nn.Module:
        return self.model

    # --- answers ------------------------------------------------------------------------------

    @torch.inference_mode()
    def find(self, shown: np.ndarray, who: str = "network") -> np.ndarray:
        """Pictures on the canvas, uint8 `(n, height, width, 3)` -> boxes `(n, MOST, 6)`: class,
        sureness, left, top, right, bottom."""
        if who == "baseline":
            if self.baseline is None:
                raise ConfigError(
                    "this model has no classical method",
                    where="--model baseline",
                    fix="leave --model out, or learn again",
                )
            return self.baseline.find(shown)
        device = next(self.model.parameters()).device
        parts = []
        for start in range(0, len(shown), AT_ONCE):
            batch = torch.from_numpy(shown[start : start + AT_ONCE]).to(device)
            parts.append(self.objective.decode(self.model({GROUP: batch})).cpu().double().numpy())
        return np.concatenate(parts)

    def predict(self, source: Any, model: str | None = None) -> list[dict[str, Any]]:
        who = model or self.kept
        if who not in ("network", "baseline"):
            raise ConfigError(
                f"there is no model '{who}'",
                where="--model",
                fix=did_you_mean(who, ["network", "baseline"]),
            )
        given = pictures_of(source)
        lines = [self._line(row, one, who) for row, one in enumerate(given)]
        if len(given) > 1:  # which picture is which
            return [{**line, "source": one.place} for line, one in zip(lines, given, strict=True)]
        return lines

    def _line(self, row: int, one: Given, who: str) -> dict[str, Any]:
        try:
            picture = one.open()
        except DataError as error:
            return {"row": row, "error": error.as_json()}
        found = self.find(on_canvas(picture, self.canvas)[None], who)[0]
        return {"row": row, "boxes": self.told(found, picture.size, who)}

    def told(self, found: np.ndarray, size: tuple[int, int], who: str) -> list[dict[str, Any]]:
        """Boxes `(n, 6)` of the canvas that are likely enough, in pixels of the picture."""
        sureness = self.surenesses[who]
        boxes = as_boxes(found, fit(size, self.canvas), size)
        chances = sureness.probability(boxes.scores)
        told = []
        for place in sureness.told(boxes):
            left, top, right, bottom = boxes.boxes[place]
            label, chance = boxes.labels[place], chances[place]
            if min(right - left, bottom - top) <= 0:
                continue
            told.append(
                {
                    "label": self.classes[label],
                    "probability": round(float(chance), 4),
                    "x": round(float(left), DIGITS),
                    "y": round(float(top), DIGITS),
                    "width": round(float(right - left), DIGITS),
                    "height": round(float(bottom - top), DIGITS),
                }
            )
        return told

    def readable(self, line: dict[str, Any]) -> str:
        """`     3  street.png  2 boxes: cat 93 % at (120, 40) 64 x 80, dog 71 % at ...`"""
        if "error" in line:
            return super().readable(line)
        boxes = line["boxes"]
        if not boxes:
            return f"{begun(line)}nothing found"
        said = [
            f"{box['label']} {100 * box['probability']:.0f}% at ({box['x']:.0f}, {box['y']:.0f}) "
            f"{box['width']:.0f} x {box['height']:.0f}"
            for box in boxes
        ]
        counted = "1 box" if len(boxes) == 1 else f"{len(boxes)} boxes"
        return f"{begun(line)}{counted}: " + ", ".join(said)

    def explain(self, source: Any, row: int = 0, seconds: float = 2.0) -> Finding:
        from pellucid.uses.detect.explanation import explain

        given = pictures_of(source)
        if not 0 <= row < len(given):
            raise ConfigError(
                f"there is no row {row}, the source has {len(given)} pictures",
                where="--row",
                fix=f"choose a row from 0 to {len(given) - 1}",
            )
        return explain(self, given[row].open(), given[row].place, seconds)

    # --- on disk ------------------------------------------------------------------------------

    def save(self, folder: Path) -> dict[str, Any]:
        save_tensors(dict(self.model.state_dict()), folder / "network.safetensors")
        arrays = self.baseline.arrays() if self.baseline else {}
        if self.baseline:
            contiguous = {name: np.ascontiguousarray(one) for name, one in arrays.items()}
            save_file(contiguous, folder / "baseline.safetensors")
        return {
            "network": self.model.plan.as_json(),
            "family": self.objective.family,
            "canvas": {"height": self.canvas.height, "width": self.canvas.width},
            "classes": self.classes,
            "sureness": {who: one.as_json() for who, one in self.surenesses.items()},
            "baseline": self.baseline.name if self.baseline else None,
        }

    @classmethod
    def load(cls, folder: Path, head: dict[str, Any]) -> DetectAnswerer:
        model = Detector(Detecting.from_json(head["network"]))
        model.load_state_dict(load_tensors(folder / "network.safetensors"))
        canvas = Canvas(head["canvas"]["height"], head["canvas"]["width"])
        count = len(head["classes"])
        objective = Detect(canvas.height, canvas.width, count, head["family"])
        baseline = None
        if head["baseline"] is not None:
            kind = FINDERS[head["baseline"]]
            baseline = kind.restore(load_file(folder / "baseline.safetensors"))
        surenesses = {who: Sureness(**one) for who, one in head["sureness"].items()}
        return cls(model, objective, canvas, head["classes"], surenesses, baseline)


def as_boxes(found: np.ndarray, place: Any, size: tuple[int, int]) -> Boxes:
    """Boxes `(n, 6)` of the canvas -> those that are there, in pixels of the picture."""
    there = found[found[:, 1] > 0]
    boxes = back(there[:, 2:], place, size)
    return Boxes(there[:, 0].astype(np.int64), there[:, 1], boxes)


# --- what to answer ---------------------------------------------------------------------------


def pictures_of(source: Any) -> list[Given]:
    """The pictures that somebody asks about, in the order of the rows or of the sorted paths.

    Args:
        source: A picture, a folder of pictures (annotations in it are not looked at), a table that
            names pictures, a list of paths, or arrays uint8 `([n,] height, width[, 3])`.

    Raises:
        DataError: There are no pictures.
    """
    if isinstance(source, np.ndarray):
        several = source.ndim == 4 or (source.ndim == 3 and source.shape[2] not in (1, 3, 4))
        return [_array(one, row) for row, one in enumerate(source if several else source[None])]
    if isinstance(source, list | tuple):
        return [
            _array(one, row) if isinstance(one, np.ndarray) else Given(str(one), Path(one))
            for row, one in enumerate(source)
        ]
    if isinstance(source, Mapping) or not isinstance(source, str | Path):
        raise DataError(
            "boxes are found in pictures, not in typed values",
            where="the source",
            fix="name a picture, a folder of pictures, or a table that names pictures",
        )
    path = Path(source)
    if not path.exists():
        raise DataError(
            f"there is no file or folder '{path}'",
            where=str(path.absolute().parent),
            fix="name a picture, a folder of pictures, or a table that names pictures",
        )
    if path.is_dir():
        shelf = Shelf(list_folder(path))
        given = [Given(str(one), path / one) for one in shelf.pictures]
    elif path.suffix.lower() in DELIMITED:
        given = _named_in_table(path)
    elif path.suffix.lower() not in IMAGE and (found := recognize(path)) is not None:
        shelf = Shelf(list_folder(found.root))
        given = [Given(str(one), found.root / one) for one in shelf.pictures]
    else:
        given = [Given(path.name, path)]
    if not given:
        raise DataError(
            f"there is no picture in '{path.name}'",
            where=str(path),
            fix="give a folder with PNG, JPEG or other pictures",
        )
    return given


def _array(pixels: np.ndarray, row: int) -> Given:
    return Given(f"picture {row}", pixels)


def _named_in_table(path: Path) -> list[Given]:
    """The pictures that a table names, each once, in the order of their first line."""
    lines = cells_of(path)
    header = [name.strip().lower() for name in lines[0]] if lines else []
    column = next((header.index(word) for word in COLUMNS["image"] if word in header), None)
    if column is None:
        raise DataError(
            f"'{path.name}' has no column that names pictures",
            where=str(path),
            fix="call it 'image'",
        )
    shelf = Shelf(list_folder(path.absolute().parent))
    names = dict.fromkeys(cells[column] for cells in lines[1:] if len(cells) > column)
    given = []
    for name in names:
        found = shelf.find(name, PurePosixPath())
        if isinstance(found, str):
            given.append(Given(name, None, found))
        else:
            given.append(Given(name, shelf.root / found))
    return given
