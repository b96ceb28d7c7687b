"""Positions put side by side, for networks that read an example as a whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pellucid.config import Plan, Size
from pellucid.data.columns import Entry
from pellucid.network.assemble import Blueprint, Branch, Model
from pellucid.network.embed import Patches, Statistics
from pellucid.network.flat import MOST, Flat, averaged, side_for
from pellucid.network.mlp import Mlp
from pellucid.network.tap import watch

SEEN = Statistics((100.0,), (50.0,), pixels=True)
BOTH = ("sum", "activation")


def test_small_pictures_stay_as_they_are() -> None:
    flat = Flat((4, 3), 2)
    x = torch.arange(24.0).reshape(1, 4, 3, 2)
    assert flat.seen == (4, 3, 2)
    assert flat(x).tolist() == [list(range(24))]


@pytest.mark.parametrize("positions", [(5, 7), (9,)])
def test_neighbors_are_averaged(positions: tuple[int, ...]) -> None:
    x = torch.randn(3, *positions, 2)
    found = averaged(x, 3)
    given, means = x.numpy(), found.numpy()
    axes = tuple(range(1, 1 + len(positions)))
    first, last, at_end = given, given, means
    for axis, length in enumerate(positions, start=1):
        first = first.take(range(3), axis)
        last = last.take(range(length - (length % 3 or 3), length), axis)  # at the end of fewer
        at_end = at_end.take([-1], axis)
    at_start = means.reshape(3, -1, 2)[:, 0]
    np.testing.assert_allclose(at_start, first.mean(axes), rtol=1e-5)
    np.testing.assert_allclose(at_end.reshape(3, 2), last.mean(axes), rtol=1e-5)


@pytest.mark.parametrize("positions", [(128, 128), (4096,), (200, 64), (3, 3)])
def test_a_layer_never_gets_too_many_numbers(positions: tuple[int, ...]) -> None:
    flat = Flat(positions, 3)
    assert flat.width == math.prod(flat.seen) <= MOST
    assert side_for((3, 3), 3) == 1
    assert flat(torch.zeros(2, *positions, 3)).shape == (2, flat.width)


def test_words_are_pooled_before_a_plain_network() -> None:
    branch = Branch(Entry("lookup", (6,), 9, "text"), Mlp, Size(8, 2), None).eval()
    one = torch.tensor([[3, 5, 4, 0, 0, 0]])
    other = torch.tensor([[5, 4, 3, 0, 0, 0]])  # a bag knows no order
    torch.testing.assert_close(branch(one), branch(other))
    assert not torch.equal(branch(one), branch(torch.tensor([[5, 4, 4, 0, 0, 0]])))


def test_what_it_read_is_watched() -> None:
    entry = Entry("project", (4, 4), 1, "picture")
    sketch = Blueprint(
        {"picture": entry},
        {"picture": SEEN},
        {"picture": "mlp"},
        {"picture": Size(8, 2)},
        3,
    )
    model = Model(sketch)
    x = torch.randint(0, 255, (2, 4, 4, 1), dtype=torch.uint8)
    with watch() as seen:
        model({"picture": x})
    names = ["side by side", *(f"layer {n} / {what}" for n in (1, 2) for what in BOTH), "output"]
    assert [name.removeprefix("picture / ") for name in seen] == names
    torch.testing.assert_close(seen["picture / side by side"], (x.flatten(1) - 100.0) / 50.0)
    assert Model(Blueprint.from_json(sketch.as_json())).load_state_dict(model.state_dict())


def test_models_of_before_read_squares() -> None:
    plan = Plan(seed=0, network={"picture": "rnn"}, sizes={"picture": Size(8, 1)})
    sketch = Blueprint(
        {"picture": Entry("project", (16, 16), 1, "picture")},
        {"picture": SEEN},
        dict(plan.network),
        dict(plan.sizes),
        2,
    )
    stored = sketch.as_json()
    assert patch_of(Model(Blueprint.from_json(stored))) == (1, 16)
    del stored["lines"]
    assert patch_of(Model(Blueprint.from_json(stored))) == (2, 2)


def patch_of(model: Model) -> tuple[int, ...]:
    branch = model.part("picture")
    assert isinstance(branch, Branch)
    assert isinstance(branch.embed, Patches)
    return branch.embed.patch
