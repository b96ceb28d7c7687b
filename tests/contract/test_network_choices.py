"""Every kind of data with every network that it can have: learned, kept, explained, stepped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import MAKERS

import pellucid
from pellucid.config import ACROSS
from pellucid.errors import ConfigError
from pellucid.export.bundle import Bundle
from pellucid.interfaces import cli
from pellucid.interfaces.trained import Trained
from pellucid.learning.recipes import FAMILIES, PLAIN_FAMILIES
from pellucid.network.family import NETWORKS

Learn = Callable[[str, str], tuple[Trained, str]]

CHOICES = {**FAMILIES, "table": PLAIN_FAMILIES}
PAIRS = [(kind, family) for kind, families in CHOICES.items() for family in families]
REFUSED = [
    (kind, name) for kind, names in CHOICES.items() for name in NETWORKS if name not in names
]


@pytest.fixture
def learned(tmp_path: Path) -> Learn:
    def learn(kind: str, family: str) -> tuple[Trained, str]:
        source, item, target = MAKERS[kind](tmp_path)
        run = pellucid.learn(
            source,
            target,
            out=tmp_path / "a.run",
            time=1.5,
            network=family,
            record=False,
            report=False,
            quiet=True,
        )
        return run, item

    return learn


@pytest.mark.parametrize(("kind", "family"), PAIRS)
def test_learns_keeps_explains_and_steps(
    kind: str, family: str, learned: Learn, capsys: pytest.CaptureFixture[str]
) -> None:
    run, item = learned(kind, family)
    group = ACROSS if kind == "table" else next(iter(run.plan.network))
    assert run.plan.network[group] == family
    assert run.steps["loss"][1:].min() < run.steps["loss"][0]

    first = run.predict(item)
    moved = run.path.parent / "elsewhere"
    run.path.rename(moved)  # all that answering needs is in its folder
    assert [line["answer"] for line in pellucid.load(moved).predict(item)] == [
        line["answer"] for line in first
    ]
    model = Bundle.load_from(moved).members[0].model()
    parts = model.describe()["parts"]
    assert family in {part["family"] for part in parts}
    assert sum(part["parameters"] for part in parts) == model.describe()["parameters"]

    capsys.readouterr()
    assert cli.main(["explain", str(moved), item, "--time", "1s", "--json"]) == 0
    explained = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert explained
    receipt = pellucid.load(moved).step(0)
    assert receipt.checked, [check for check in receipt.checks if not check.passed]
    assert any(value.name.startswith(group) for value in receipt.values)


@pytest.mark.parametrize(("kind", "family"), REFUSED)
def test_what_it_cannot_have_is_refused_with_what_it_can(
    kind: str, family: str, learned: Learn
) -> None:
    with pytest.raises(ConfigError) as error:
        learned(kind, family)
    assert error.value.where == "--network"
    assert f"'{family}' reads" in error.value.what
    for name in CHOICES[kind]:
        assert name in error.value.fix
    assert family not in error.value.fix


def test_a_neuron_of_a_plain_network_has_a_picture_of_weights(learned: Learn) -> None:
    run, _ = learned("image", "mlp")
    (part, *_) = run.info["network"]["parts"]
    assert part["seen"] == [12, 12, 1]
    weight = run.model().get_parameter("branches.file.network.layers.0.weight")
    assert weight.shape[1] == np.prod(part["seen"])
    assert torch.isfinite(weight).all()


@pytest.mark.parametrize("kind", ["image", "audio", "series", "text"])
def test_units_of_a_plain_network_see_the_whole_example(kind: str, tmp_path: Path) -> None:
    source, _, target = MAKERS[kind](tmp_path)
    out = tmp_path / "a.run"
    run = pellucid.learn(source, target, out=out, time=1.5, network="mlp", report=False, quiet=True)
    (found,) = run.study("features", seconds=2)
    assert found.known
    shown = [unit for layer in found.figures["layers"] for unit in layer["shown"]]
    assert any(unit["examples"] for unit in shown)
