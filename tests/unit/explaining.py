"""Subjects whose answers are known: a function of the columns instead of a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.config import Size
from pellucid.data.columns import Column, Loaded
from pellucid.data.dataset import encode, entry_of
from pellucid.data.modalities import MODALITIES
from pellucid.evidence.subject import Rows, Subject
from pellucid.network.assemble import Blueprint, Model
from pellucid.network.embed import Statistics
from pellucid.tasks import Task
from pellucid.tasks.regress import Regress


def cells(**columns: Any) -> Rows:
    """Decoded columns from plain lists: numbers, dates as arrays, all else as objects."""
    rows: Rows = {}
    for name, values in columns.items():
        if isinstance(values, np.ndarray):
            rows[name] = Loaded(values)
            continue
        numbers = all(isinstance(value, float) for value in values)
        found = np.empty(len(values), dtype=np.float64 if numbers else object)
        for place, value in enumerate(values):
            found[place] = value
        rows[name] = Loaded(found)
    return rows


def number_task() -> Regress:
    return Regress(["price"], [0.0], [10.0], [-1e9], [1e9])


def stand_in(
    function: Callable[[Rows], np.ndarray],
    names: tuple[str, ...],
    task: Task | None = None,
    kinds: dict[str, str] | None = None,
) -> Subject:
    """A model that answers with a function of the columns `(rows,)` or `(rows, outputs)`."""

    def answer(rows: Rows) -> np.ndarray:
        found = np.asarray(function(rows), dtype=np.float64)
        return found[:, None] if found.ndim == 1 else found

    columns = [Column(name, (kinds or {}).get(name, "number"), "input", "") for name in names]
    network: Any = nn.Identity()
    return Subject(task or number_task(), columns, answer, network, lambda rows: {})


def untrained(rows: Rows, modality: str, task: Task, family: str = "cnn") -> Subject:
    """A small network with random weights, as a subject."""
    column = Column("x", modality, "input", "", MODALITIES[modality].fit(rows["x"]))
    entry = entry_of(column)
    inputs = encode([column], rows, torch.empty(0)).inputs
    torch.manual_seed(0)
    statistics = {"x": Statistics.of(inputs["x"])} if entry.way == "project" else {}
    size = {"x": Size(width=24, depth=2)}
    plan = Blueprint({"x": entry}, statistics, {"x": family}, size, task.outputs)
    network = Model(plan)
    with torch.no_grad():  # away from its start, where norms are the identity
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    network.eval()

    def encoded(given: Rows) -> dict[str, Tensor]:
        return encode([column], given, torch.empty(0)).inputs

    def answer(given: Rows) -> np.ndarray:
        with torch.inference_mode():
            return task.prediction(network(encoded(given)))

    return Subject(task, [column], answer, network, encoded)
