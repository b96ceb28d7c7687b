"""One tiny network of every family, with everything that was watched in it for one example.

The studio's page makes single numbers of them again by hand (studio/core/operations).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import torch
from safetensors.numpy import save
from torch import Tensor

from pellucid.config import ACROSS, Size
from pellucid.data.columns import Entry
from pellucid.network.assemble import Blueprint, Model
from pellucid.network.embed import Statistics
from pellucid.network.tap import watch

Inputs = dict[str, Tensor]


def networks() -> Iterator[tuple[str, bytes]]:
    """Name and file of each."""
    for name, plan, inputs in _cases():
        torch.manual_seed(0)
        model = Model(plan)
        model.prepare(inputs)
        for parameter in model.parameters():  # nothing may be hidden by a start at zero
            moved = parameter.data + 0.1 * torch.randn_like(parameter)
            parameter.data = moved.half().float()  # so that the files are small
        for part in model.modules():
            if isinstance(part, torch.nn.Embedding) and part.padding_idx is not None:
                part.weight.data[part.padding_idx] = 0
        for key, buffer in model.named_buffers():
            if "running" in key:
                buffer.add_(0.3 * torch.rand_like(buffer))
        model.eval()
        with torch.no_grad(), watch() as seen:
            model({group: values[:1] for group, values in inputs.items()})
        yield name, _file(model, seen, inputs)


def _file(model: Model, seen: dict[str, Tensor], inputs: Inputs) -> bytes:
    tensors = {f"activation/{key}": value for key, value in seen.items()}
    state = model.state_dict()
    trained = {key for key, parameter in model.named_parameters() if parameter.requires_grad}
    tensors |= {
        f"weight/{key}": value.half() if key in trained else value for key, value in state.items()
    }
    tensors |= {f"input/{key}": value[:1] for key, value in inputs.items()}
    about = {
        "network": model.describe(),
        "taps": [{"name": key, "shape": list(value.shape)} for key, value in seen.items()],
        "parameters": [
            {"name": key, "shape": list(value.shape)}
            for key, value in state.items()
            if key in trained
        ],
    }
    arrays = {key: np.ascontiguousarray(value.numpy()) for key, value in tensors.items()}
    return save(arrays, {"about": json.dumps(about, sort_keys=True)})


def _cases() -> Iterator[tuple[str, Blueprint, Inputs]]:
    torch.manual_seed(1)
    small = Size(4, 2, 0.1)
    picture = Entry("project", (6, 5), 1, "file")
    pixels = {"file": torch.randint(0, 255, (4, 6, 5, 1), dtype=torch.uint8)}
    told = {"file": Statistics((100.0,), (50.0,), pixels=True)}
    yield "cnn", _alone(picture, "cnn", Size(8, 1, 0.1), told), pixels
    little = Entry("project", (4, 3), 1, "file")
    yield "patches", _alone(little, "transformer", small, told), {"file": pixels["file"][:, :4, :3]}
    text = Entry("lookup", (7,), 9, "text")
    tokens = torch.randint(1, 9, (4, 7))
    tokens[0, 5:] = 0
    words = {"text": tokens.int()}
    yield "phrases", _alone(text, "cnn", Size(32, 1, 0.1), {}), words
    yield "rnn", _alone(text, "rnn", small, {}), words
    series = Entry("project", (12,), 1, "value")
    samples = {"value": torch.randn(4, 12, 1)}
    yield "series", _alone(series, "cnn", small, {"value": Statistics((0.1,), (1.3,))}), samples
    numbers = {"scalars": torch.randn(8, 3), "categories": torch.randint(0, 4, (8, 2)).int()}
    entries = {
        "scalars": Entry("project", (), 3, "scalars"),
        "categories": Entry("lookup", (), 4, "categories"),
    }
    told = {"scalars": Statistics((0.0,) * 3, (1.0,) * 3)}
    for family, way in (("mlp", "bins"), ("tabm", "plain"), ("transformer", "plain")):
        plan = Blueprint(
            entries, told, {ACROSS: family}, {ACROSS: small}, 3,
            {"scalars": 3, "categories": 2}, way,
        )  # fmt: skip
        yield family, plan, numbers
    two_heads = Size(64, 1, 0.1)
    yield "sentences", _alone(text, "transformer", two_heads, {}), words
    joined = Blueprint(
        {"text": text, "scalars": entries["scalars"]}, told, {"text": "cnn", ACROSS: "transformer"},
        {"text": Size(32, 1, 0.1), ACROSS: small}, 3, {"scalars": 3}, "plain",
    )  # fmt: skip
    yield "joined", joined, words | {"scalars": numbers["scalars"][:4]}


def _alone(entry: Entry, family: str, size: Size, told: dict[str, Statistics]) -> Blueprint:
    return Blueprint({entry.group: entry}, told, {entry.group: family}, {entry.group: size}, 3)
