"""A receipt's numbers against autograd, finite differences, PyTorch's optimizers, and by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid.config import Plan, Size
from pellucid.data.columns import Entry
from pellucid.data.dataset import Dataset
from pellucid.errors import ConfigError
from pellucid.evidence.receipt import Layer, Receipt, Unit, receipt
from pellucid.learning.learner import Learner
from pellucid.learning.loop import endless, train
from pellucid.learning.optimizer import BETAS
from pellucid.network.assemble import Model, blueprint
from pellucid.tasks import Task
from pellucid.tasks.classify import Classify
from pellucid.tasks.grades import Grades
from pellucid.tasks.regress import Regress
from pellucid.tasks.tags import Tags

ROWS = 24
PLAN = Plan(steps=40, batch=12, rate=5e-3, warm=0.0, evaluate_every=10)
CLASSES = Classify("kind", ["a", "b", "c"])


def inputs_of(kind: str) -> tuple[Entry, Tensor]:
    draw = torch.Generator().manual_seed(3)
    if kind == "scalars":
        return Entry("project", (), 4, kind), torch.randn(ROWS, 4, generator=draw)
    if kind == "categories":
        ids = torch.randint(0, 5, (ROWS, 2), generator=draw) + torch.tensor([0, 5])
        return Entry("lookup", (), 10, kind), ids.int()
    if kind == "image":
        pixels = torch.randint(0, 256, (ROWS, 8, 8, 1), generator=draw)
        return Entry("project", (8, 8), 1, kind), pixels.to(torch.uint8)
    if kind == "text":
        ids = torch.randint(1, 20, (ROWS, 9), generator=draw)
        ids[torch.arange(9) >= torch.randint(3, 9, (ROWS, 1), generator=draw)] = 0
        return Entry("lookup", (9,), 20, kind), ids.int()
    values = torch.randn(ROWS, 12, 2, generator=draw)
    return Entry("project", (12,), 2, kind), values


def data_of(kinds: list[str], target: Tensor) -> Dataset:
    found = {kind: inputs_of(kind) for kind in kinds}
    entries = {kind: entry for kind, (entry, _) in found.items()}
    return Dataset(entries, {kind: values for kind, (_, values) in found.items()}, target)


def learner_of(data: Dataset, task: Task, plan: Plan) -> Learner:
    torch.manual_seed(0)
    rows = torch.arange(ROWS)
    model = Model(blueprint(data.entries, data.inputs, rows, plan, task.outputs))
    model.prepare(data.inputs)
    return Learner(model, plan)


def made(
    kinds: list[str],
    network: dict[str, str],
    *,
    task: Task = CLASSES,
    after: int = 0,
    size: Size = Size(8, 2, 0.2),
    zoom: str | None = None,
    **plan: Any,
) -> tuple[Receipt, Learner, Dataset]:
    """The receipt of the step after `after` updates of a small network."""
    draw = torch.Generator().manual_seed(5)
    target = torch.randint(0, 3, (ROWS,), generator=draw)
    if task.kind == "tags":
        target = (torch.rand(ROWS, 3, generator=draw) > 0.5).float()
    if task.kind == "regress":
        target = torch.randn(ROWS, task.outputs, generator=draw)
    data = data_of(kinds, target)
    whole = replace(PLAN, network=network, sizes=dict.fromkeys(network, size), **plan)
    learner, rows = learner_of(data, task, whole), torch.arange(ROWS)
    for step in train(learner, data, task, rows, rows[:0]) if after else ():
        if step.number == after:
            break
    return receipt(learner, data, task, rows, zoom=zoom), learner, data


FAMILIES: dict[str, tuple[list[str], dict[str, str], dict[str, Any]]] = {
    "mlp": (["scalars"], {"columns": "mlp"}, {}),
    "mlp, bins": (["scalars", "categories"], {"columns": "mlp"}, {"numbers": "bins"}),
    "tabm": (["scalars"], {"columns": "tabm"}, {"numbers": "plain", "label_smoothing": 0.1}),
    "cnn, pictures": (["image"], {"image": "cnn"}, {"optimizer": "muon", "clip": None}),
    "cnn, changed": (["image"], {"image": "cnn"}, {"augment": {"image": ("shift", "mirror")}}),
    "cnn, texts": (["text"], {"text": "cnn"}, {"augment": {"text": ("drop_tokens",)}}),
    "cnn, 16 bits": (["image"], {"image": "cnn"}, {"precision": "bf16"}),
    "gru": (["series"], {"series": "rnn"}, {}),
    "gru, padded": (["text"], {"text": "rnn"}, {}),
    "transformer": (["text"], {"text": "transformer"}, {"optimizer": "muon"}),
    "transformer, columns": (["scalars", "categories"], {"columns": "transformer"}, {}),
    "mixed": (
        ["scalars", "image", "text"],
        {"columns": "mlp", "image": "cnn", "text": "rnn"},
        {},
    ),
    "pretrained": (["scalars", "series"], {"columns": "mlp", "series": "cnn"}, {}),
}


@pytest.mark.parametrize("after", [0, 7])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_number_agrees(name: str, after: int) -> None:
    kinds, network, plan = FAMILIES[name]
    found, _, _ = made(kinds, network, after=after, **plan)
    failed = [check for check in found.checks if not check.passed]
    assert not failed
    assert found.one.output is not None
