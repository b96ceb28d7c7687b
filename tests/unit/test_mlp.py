"""The plain network: shapes, names of its layers, XOR, eight rows by heart."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.config import Plan, Size
from pellucid.learning.optimizer import Optimizer
from pellucid.network.mlp import Mlp
from pellucid.network.tap import watch


def learn(x: Tensor, y: Tensor, steps: int, seed: int) -> float:
    """Train on all rows at once; the share of them that is right afterwards."""
    torch.manual_seed(seed)
    network = Mlp(x.shape[1], Size(32, 2))
    network.prepare(x)
    model = nn.ModuleDict({"network": network, "head": nn.Linear(32, 2)})
    optimizer = Optimizer(model, Plan(steps=steps, rate=0.01))
    for number in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model["head"](network(x)[0]), y).backward()
        optimizer.step(number)
    return float((model["head"](network(x)[0]).argmax(1) == y).float().mean())


def test_shape_and_mask() -> None:
    network = Mlp(5, Size(8, 3, dropout=0.1))
    values, mask = network(torch.randn(4, 5))
    assert values.shape == (4, 8)
    assert (network.width, network.members, mask) == (8, 1, None)


def test_layers_are_named_for_a_beginner() -> None:
    network = Mlp(5, Size(8, 2, dropout=0.5)).eval()
    x = torch.randn(4, 5)
    with watch() as seen:
        values, _ = network(x)
    assert list(seen) == [
        "layer 1 / sum",
        "layer 1 / activation",
        "layer 2 / sum",
        "layer 2 / activation",
    ]
    assert torch.equal(seen["layer 2 / activation"], values)


@pytest.mark.parametrize("seed", range(3))
def test_learns_xor(seed: int) -> None:
    x = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]) - 0.5
    assert learn(x, torch.tensor([0, 1, 1, 0]), 150, seed) == 1.0


def test_learns_eight_rows_by_heart() -> None:
    torch.manual_seed(0)
    assert learn(torch.randn(8, 10), torch.arange(8) % 2, 150, 0) == 1.0


def test_constant_features_are_harmless() -> None:
    torch.manual_seed(0)
    x = torch.cat([torch.randn(64, 1), torch.full((64, 3), 7.0)], dim=1)
    assert learn(x, (x[:, 0] > 0).long(), 150, 0) > 0.95


def test_every_parameter_gets_a_gradient() -> None:
    torch.manual_seed(0)
    network = Mlp(5, Size(8, 2))
    network(torch.randn(16, 5))[0].square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_layers_start_with_sums_of_about_one() -> None:
    torch.manual_seed(0)
    network = Mlp(50, Size(256, 4)).eval()
    with watch() as seen:
        network(torch.randn(500, 50))
    for number in range(1, 5):
        assert 0.5 < float(seen[f"layer {number} / sum"].detach().std()) < 2
