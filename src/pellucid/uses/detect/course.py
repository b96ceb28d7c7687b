"""Object detection: what is where in pictures."""

from __future__ import annotations

import re
import time
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from pellucid.baselines.detection import Finder, Labelled, fit_finders
from pellucid.config import Plan, Settings, Size
from pellucid.data.readers.boxes import recognize
from pellucid.evidence.receipt.parts import ANSWER
from pellucid.learning.recipes import Recipe
from pellucid.network.detector import Detecting, Detector
from pellucid.recipe.drawings import png
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.detect import STRIDES, Changes, Detect, Family
from pellucid.uses.detect.answerer import DetectAnswerer, as_boxes
from pellucid.uses.detect.findings import findings, shown_examples
from pellucid.uses.detect.precision import Boxes, Things, mean_average_precision
from pellucid.uses.detect.prepared import GROUP, Pictures, prepare
from pellucid.uses.detect.sureness import Sureness
from pellucid.uses.use import Course, Exam, Examples, Judged, Reading, Source, use

MANY = 500
"""Pictures to learn from, from which on three maps of different coarseness pay."""
WIDE = 6.0
"""Ratio of large to small things from which on one map is not enough."""
SIDED = re.compile(r"\b(left|right|[a-z0-9])\b")
"""Class names that a mirror would change: sides, and single letters or digits."""
EDGES = ("left edge", "top edge", "right edge", "lower edge")
"""What the first numbers of a place say: how far away each is."""
WATCHED = 200
"""Validation pictures whose figure is told while learning."""


@use
class Detection(Course):
    """Pictures with boxes."""

    kind: ClassVar[str] = "detect"
    title: ClassVar[str] = "object detection"
    metric: str = "mAP"
    answerer = DetectAnswerer

    @classmethod
    def recognize(cls, source: Source) -> Reading | None:
        if source.path is None:
            return None
        found = recognize(source.path)
        return None if found is None else Reading(found.sure, found.why)

    def __init__(self, source: Source, settings: Settings, watcher: Watcher) -> None:
        self.seed = settings.seed
        self.pictures = prepare(source, settings, watcher)
        train = self.pictures.rows("train")
        self.family, self.why = choose_family(self.pictures.on, train)
        canvas, classes = self.pictures.canvas, self.pictures.classes
        learned = [self.pictures.on[row] for row in train]
        usual = float(np.mean([(~one.crowd).sum() for one in learned]))
        sided = [name for name in classes if SIDED.search(name.lower())]
        self.objective: Detect = Detect(
            canvas.height,
            canvas.width,
            len(classes),
            self.family,
            usual,
            Changes(mirror=not sided),
        )
        if sided:
            self.pictures.notes.append(f"pictures are not mirrored: '{sided[0]}' has a side")
        self.finders: list[Finder] = []
        self.began: float | None = None
        self.learned = float("nan")
        self.valid_scores: dict[str, float] = {}
        self.examples = self._examples(source)

    def _examples(self, source: Source) -> Examples:
        pictures = self.pictures
        count = sum(int((~one.crowd).sum()) for one in pictures.things)
        shown = ", ".join(pictures.classes[:6]) + (" ..." if len(pictures.classes) > 6 else "")
        kinds = "1 class" if len(pictures.classes) == 1 else f"{len(pictures.classes)} classes"
        assert source.path is not None
        return Examples(
            name=source.path.name,
            fingerprint=pictures.fingerprint,
            target=f"boxes of {kinds} ({shown}), {count:,} in all",
            dataset=pictures.dataset(),
            modalities={GROUP: "image"},
            places=pictures.places,
            train=pictures.rows("train"),
            valid=pictures.rows("valid"),
            test=pictures.rows("test"),
            ledger=pictures.ledger,
            draw=self.draw,
            columns=[
                {"name": GROUP, "modality": "image", "role": "input", "why": pictures.canvas.why},
                {
                    "name": "boxes",
                    "modality": "boxes",
                    "role": "target",
                    "why": f"read as {pictures.annotations.layout}",
                },
            ],
            notes=pictures.notes,
        )

    def draw(self, number: int) -> dict[str, Any]:
        """A picture with what is in it."""
        return {GROUP: self.drawing(number, [])}

    def drawing(self, number: int, told: list[dict[str, Any]]) -> dict[str, Any]:
        """A picture with the truth and with what was found (on the canvas)."""
        one, classes = self.pictures.on[number], self.pictures.classes
        truth = [
            {
                "label": classes[label],
                "x": round(float(box[0]), 1),
                "y": round(float(box[1]), 1),
                "width": round(float(box[2] - box[0]), 1),
                "height": round(float(box[3] - box[1]), 1),
                "true": True,
            }
            for label, box in zip(one.labels, one.boxes)
        ]
        canvas = self.pictures.canvas
        data = {
            "png": png(self.pictures.shown[number]),
            "width": canvas.width,
            "height": canvas.height,
            "boxes": truth + told,
        }
        return {"kind": "boxes", "data": data}

    # --- learning -----------------------------------------------------------------------------

    def word(self, group: str, number: int) -> str | None:
        """How far away an edge is, then how sure each class is."""
        return [*EDGES, *self.pictures.classes][number] if group == ANSWER else None

    def recipe(self) -> Recipe:
        return Recipe(
            family=self.family,
            sizes=(Size(24, 1), Size(32, 1), Size(48, 1), Size(64, 2)),
            epochs=(15, 150),
            steps=(250, 600),
            batch=16,
            rate=0.06,
            optimizer="muon",
            weight_decay=0.01,
            clip=None,
            warm=0.1,
            why=self.why,
        )

    def build(self, plan: Plan) -> nn.Module:
        self.began = self.began or time.perf_counter()
        size = next(iter(plan.sizes.values()))
        train = self.pictures.rows("train")
        boxes = np.concatenate([self.pictures.on[row].boxes for row in train])
        half = float(np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(1)).mean() / 2)
        strides = STRIDES[self.family]
        reach = (half,) if len(strides) == 1 else tuple(2.0 * stride for stride in strides)
        pixels = self.pictures.shown[train[:: max(1, len(train) // 200)]].reshape(-1, 3)
        return Detector(
            Detecting(
                classes=len(self.pictures.classes),
                strides=strides,
                width=size.width,
                depth=size.depth,
                reach=reach,
                mean=tuple(pixels.mean(0, dtype=np.float64).tolist()),
                std=tuple(np.maximum(pixels.std(0, dtype=np.float64), 1.0).tolist()),
            )
        )

    def score(self, output: Tensor) -> float:
        found = output[:WATCHED].cpu().double().numpy()
        truth = [self.pictures.on[row] for row in self.pictures.rows("valid")[:WATCHED]]
        boxes = [_on_canvas(one) for one in found]
        measure = mean_average_precision(truth, boxes, len(self.pictures.classes))
        return float(measure(np.ones((1, len(truth))))[0])

    def finish(self, model: nn.Module, seconds: float, watcher: Watcher) -> DetectAnswerer:
        assert isinstance(model, Detector)
        self.learned = time.perf_counter() - (self.began or 0.0)  # planning and training
        pictures = self.pictures
        answerer = DetectAnswerer(model, self.objective, pictures.canvas, pictures.classes, {})
        found = self._found(answerer.find(self._shown("valid")), "valid")
        answerer.surenesses["network"] = self._sureness(found)
        self.valid_scores["network"] = self._mean_precision(found, "valid")
        self.valid_found = {"network": found}
        return answerer

    # --- the classical methods, and the exam --------------------------------------------------

    def compete(self, seconds: float, watcher: Watcher) -> None:
        rows = self.pictures.rows("train")
        # Crowds are nothing to learn from; windows on them are not shown as "nothing" either way.
        own = [self.pictures.on[row] for row in rows]
        data = Labelled(
            self._shown("train"),
            [one.labels[~one.crowd] for one in own],
            [one.boxes[~one.crowd] for one in own],
            len(self.pictures.classes),
        )
        self.finders = fit_finders(data, seconds, self.seed)
        for finder in self.finders:
            found = self._found(finder.find(self._shown("valid")), "valid")
            self.valid_found[finder.name] = found
            self.valid_scores[finder.name] = self._mean_precision(found, "valid")

    def exam(self, answerer: Any, seconds: float, watcher: Watcher) -> Exam:
        assert isinstance(answerer, DetectAnswerer)
        best = max(self.finders, key=lambda one: self.valid_scores[one.name])
        answerer.baseline = best
        answerer.surenesses["baseline"] = self._sureness(self.valid_found[best.name])
        rows, shown = self.pictures.rows("test"), self._shown("test")
        began = time.perf_counter()
        mine = self._found(answerer.find(shown), "test")
        spent = time.perf_counter() - began
        network = self._judged(
            "network",
            mine,
            seconds=self.learned,
            per_row=spent,
            size=sum(one.numel() * one.element_size() for one in answerer.model.parameters()),
            why=self.why,
        )
        classical, answers = [], {"network": mine}
        for finder in self.finders:
            began = time.perf_counter()
            found = self._found(finder.find(shown), "test")
            spent = time.perf_counter() - began
            answers[finder.name] = found
            classical.append(
                self._judged(
                    finder.name, found, finder.seconds, spent, finder.bytes(), why=finder.why
                )
            )
        truth = [self.pictures.things[row] for row in rows]
        groups = self.pictures.clusters[rows]
        sureness = answerer.surenesses["network"]
        figures, found_out = findings(self.pictures, rows, truth, mine, sureness, self.drawing)
        return Exam(
            units=len(rows),
            unit="pictures",
            network=network,
            classical=classical,
            constant="constant answer",
            groups=groups if len(np.unique(groups)) >= FEW_GROUPS else None,
            figures=figures,
            findings=found_out,
            shown=shown_examples(self.pictures, rows, truth, mine, sureness, self.drawing),
        )

    def _judged(
        self, name: str, found: list[Boxes], seconds: float, per_row: float, size: int, why: str
    ) -> Judged:
        truth = [self.pictures.things[row] for row in self.pictures.rows("test")]
        return Judged(
            name=name,
            measure=mean_average_precision(truth, found, len(self.pictures.classes)),
            valid_score=self.valid_scores[name],
            seconds=seconds,
            ms_per_row=1000 * per_row / len(truth),
            bytes=size,
            why=why,
        )

    def _shown(self, part: str) -> np.ndarray:
        return self.pictures.shown[self.pictures.rows(part)]

    def _found(self, found: np.ndarray, part: str) -> list[Boxes]:
        """Answers on the canvas -> in pixels of the originals."""
        return [
            as_boxes(one, self.pictures.fits[row], self.pictures.sizes[row])
            for one, row in zip(found, self.pictures.rows(part), strict=True)
        ]

    def _mean_precision(self, found: list[Boxes], part: str) -> float:
        truth = [self.pictures.things[row] for row in self.pictures.rows(part)]
        measure = mean_average_precision(truth, found, len(self.pictures.classes))
        return float(measure(np.ones((1, len(truth))))[0])

    def _sureness(self, found: list[Boxes]) -> Sureness:
        truth = [self.pictures.things[row] for row in self.pictures.rows("valid")]
        return Sureness.fit(truth, found, len(self.pictures.classes))


FEW_GROUPS = 5
"""With fewer groups of pictures that belong together, pictures are resampled singly."""


def choose_family(things: list[Things], train: np.ndarray) -> tuple[Family, str]:
    """Which detector fits these pictures, and why."""
    boxes = np.concatenate([things[row].boxes for row in train])
    sides = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(1))
    low, high = (float(one) for one in np.quantile(sides, [0.05, 0.95]))
    sizes = f"things of {low:.0f} to {high:.0f} pixels"
    if len(train) >= MANY and high > WIDE * low:
        why = (
            f"{len(train):,} pictures and {sizes}: three maps, the fine one for small things and "
            "the coarse ones for large things"
        )
        return "pyramid", why
    few = f"{len(train):,} pictures" + (" are few" if len(train) < MANY else "")
    return "heat map", f"{few}, {sizes}: one fine map with a hill on every thing learns steadily"


def _on_canvas(found: np.ndarray) -> Boxes:
    there = found[found[:, 1] > 0]
    return Boxes(there[:, 0].astype(np.int64), there[:, 1], there[:, 2:])


__all__ = ["Detection", "Pictures", "choose_family"]
