"""The smallest use: how far is a point from the middle? Only for tests of the job around uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pellucid.config import Plan, Settings, Size
from pellucid.data.columns import Entry
from pellucid.data.dataset import Dataset
from pellucid.data.ledger import Ledger
from pellucid.evidence.finding import Chart, Finding, Line, Picture, Table
from pellucid.learning.evaluate import rmse
from pellucid.learning.recipes import Recipe
from pellucid.network.tap import tap
from pellucid.recipe.drawings import png
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.task import Objective
from pellucid.uses.use import Answerer, Course, Exam, Examples, Judged, Reading, Source

ROWS = 240


class Distance(Objective):
    """Target and output float32 `(rows, 1)`."""

    kind = "toy"
    outputs = 1

    def loss(self, output: Tensor, target: Tensor, smoothing: float = 0.0) -> Tensor:
        return (output - target).square().mean(1)


class Net(nn.Module):
    """Two layers on two numbers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.first, self.last = nn.Linear(2, width), nn.Linear(width, 1)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        hidden = tap("hidden", torch.relu(self.first(inputs["points"])))
        return tap("output", self.last(hidden))

    def describe(self) -> dict[str, Any]:
        count = sum(p.numel() for p in self.parameters())
        part = {"part": "points", "way": "project", "positions": [], "family": "mlp"}
        return {"parts": [{**part, "layers": [], "parameters": count}], "parameters": count}


class ToyAnswerer(Answerer):
    kind = "toy"

    def __init__(self, net: Net, middle: float) -> None:
        self.net, self.middle = net.eval(), middle

    def network(self) -> nn.Module:
        return self.net

    def save(self, folder: Path) -> dict[str, Any]:
        save_file(self.net.state_dict(), str(folder / "network.safetensors"))
        return {"width": self.net.width, "middle": self.middle}

    @classmethod
    def load(cls, folder: Path, head: dict[str, Any]) -> ToyAnswerer:
        net = Net(head["width"])
        net.load_state_dict(load_file(str(folder / "network.safetensors")))
        return cls(net, head["middle"])

    def predict(self, source: Any, model: str | None = None) -> list[dict[str, Any]]:
        points = torch.tensor(np.asarray(source, np.float32))
        with torch.inference_mode():
            found = self.net({"points": points})[:, 0].tolist()
        if (model or self.kept) == "baseline":
            found = [self.middle] * len(found)
        return [{"row": row, "answer": value} for row, value in enumerate(found)]

    def explain(self, source: Any, row: int = 0, seconds: float = 2.0) -> Finding:
        return Finding("why", "Why", "Because of where it lies.")


class ToyCourse(Course):
    """kept_noise: the constant answer looks better on validation points if True."""

    kind, title, metric = "toy", "distance from the middle", "RMSE"
    answerer = ToyAnswerer

    @classmethod
    def recognize(cls, source: Source) -> Reading | None:
        given = source.given
        if isinstance(given, np.ndarray) and given.shape[1:] == (2,):
            return Reading(0.9, "points with two coordinates")
        return None

    def __init__(self, source: Source, settings: Settings, watcher: Watcher) -> None:
        points = torch.tensor(np.asarray(source.given, np.float32))
        target = points.square().sum(1, keepdim=True)
        ledger = Ledger([f"point {row}" for row in range(len(points))])
        numbers = np.arange(len(points))
        parts = np.array(["train", "train", "train", "valid", "test"], dtype=object)
        ledger.assign(numbers, parts[numbers % 5])
        entry = Entry("project", (), 2, "points")
        self.objective = Distance()
        self.examples = Examples(
            name="points",
            fingerprint=str(float(points.double().sum())),
            target="the squared distance",
            dataset=Dataset({"points": entry}, {"points": points}, target),
            modalities={"points": "number"},
            places=ledger.places,
            train=ledger.rows("train"),
            valid=ledger.rows("valid"),
            test=ledger.rows("test"),
            ledger=ledger,
            draw=lambda row: {"x": {"kind": "number", "data": float(points[row, 0])}},
            notes=["made up"],
        )
        self.middle = float(target[self.examples.train].mean())

    def recipe(self) -> Recipe:
        return Recipe("mlp", (Size(8, 1), Size(16, 1)), (5, 80), 16, 2e-2, why="a small one")

    def build(self, plan: Plan) -> nn.Module:
        return Net(next(iter(plan.sizes.values())).width)

    def score(self, output: Tensor) -> float:
        truth = self.examples.dataset.target[self.examples.valid]
        return float((output - truth).square().mean().sqrt())

    def finish(self, model: nn.Module, seconds: float, watcher: Watcher) -> ToyAnswerer:
        assert isinstance(model, Net)
        return ToyAnswerer(model, self.middle)

    def compete(self, seconds: float, watcher: Watcher) -> None:
        self.competed = seconds

    def exam(self, answerer: Answerer, seconds: float, watcher: Watcher) -> Exam:
        data = self.examples.dataset
        judged = []
        for name, model in (("network", "network"), ("the mean", "baseline")):
            errors = []
            for rows in (self.examples.test, self.examples.valid):
                lines = answerer.predict(data.inputs["points"][rows].numpy(), model)
                answers = np.array([[line["answer"]] for line in lines])
                errors.append((data.target[rows].double().numpy(), answers))
            valid = float(rmse(*errors[1])(np.ones((1, len(self.examples.valid))))[0])
            judged.append(Judged(name, rmse(*errors[0]), valid, 0.1, 0.01, 100))
        chart = Chart("errors", "point", "error", (Line("all", (0.0, 1.0), (1.0, 0.5)),))
        boxes = [{"label": "<b>", "x": 0, "y": 0, "width": 1, "height": 1, "probability": 0.5}]
        pixel = png(np.zeros((1, 1, 1), np.uint8))
        drawings = {
            "boxes": {"png": pixel, "width": 1, "height": 1, "boxes": boxes},
            "matrix": {"rows": ["a"], "columns": ["<i>", "c"], "values": [[0.2, 0.8]]},
            "marked": {"parts": [{"text": "good ", "weight": 1}, {"text": "bad", "weight": -0.5}]},
            "points": {"x": [0, 1], "y": [1, 0], "labels": ["p", "q"], "groups": ["g", "h"]},
        }
        pictures = tuple(
            Picture(f"a {kind}", {"it": {"kind": kind, "data": data}})
            for kind, data in drawings.items()
        )
        found = Finding(
            "distances",
            "How far",
            "It measures distances.",
            tables=(Table("some", ("point", "error"), (("a", 0.5),)),),
            charts=(chart,),
            pictures=pictures,
        )
        return Exam(
            len(self.examples.test), "points", judged[0], judged[1:], "the mean", findings=[found]
        )


def points(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (ROWS, 2)).astype(np.float32)
