"""The ensemble for tables: its members differ, and each is an ordinary network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pellucid.config import Plan, Size
from pellucid.learning.optimizer import Optimizer
from pellucid.network.tabm import Heads, SharedLinear, TabM
from pellucid.network.tap import watch


def learn(x: Tensor, y: Tensor, steps: int, seed: int, rule: str = "adamw") -> float:
    """Train on all rows at once; the share of them that is right afterwards."""
    torch.manual_seed(seed)
    network = TabM(x.shape[1], Size(32, 2))
    model = nn.ModuleDict({"network": network, "head": Heads(network.members, 32, 2)})
    plan = Plan(steps=steps, rate=0.01, optimizer="muon" if rule == "muon" else "adamw")
    optimizer = Optimizer(model, plan)
    for number in range(steps):
        optimizer.zero_grad()
        logits = model["head"](network(x)[0])  # (batch, members, outputs)
        targets = y[:, None].expand(-1, network.members)
        nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
        optimizer.step(number)
    answers = model["head"](network(x)[0]).softmax(-1).mean(1).argmax(1)
    return float((answers == y).float().mean())


def test_shapes() -> None:
    network = TabM(12, Size(8, 2, dropout=0.1))
    k = network.members
    flat, mask = network(torch.randn(4, 12))
    assert flat.shape == (4, k, 8)
    assert mask is None
    assert network(torch.randn(4, 3, 4))[0].shape == (4, k, 8)
    assert Heads(k, 8, 3)(flat).shape == (4, k, 3)


def test_features_and_flat_rows_are_the_same() -> None:
    network = TabM(12, Size(8, 2)).eval()
    x = torch.randn(4, 3, 4)
    assert torch.equal(network(x)[0], network(x.flatten(1))[0])


def test_shared_linear_against_one_member_at_a_time() -> None:
    torch.manual_seed(0)
    layer = SharedLinear(3, 5, 7)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(2, 3, 5)
    values = layer(x)
    for member in range(3):
        weight = layer.stretch_out[member, :, None] * layer.weight * layer.stretch_in[member]
        expected = nn.functional.linear(x[:, member], weight, layer.bias[member])
        torch.testing.assert_close(values[:, member], expected, atol=1e-5, rtol=1e-5)


def test_heads_against_one_member_at_a_time() -> None:
    heads = Heads(3, 5, 2)
    x = torch.randn(4, 3, 5)
    for member in range(3):
        expected = x[:, member] @ heads.weight[member] + heads.bias[member]
        torch.testing.assert_close(heads(x)[:, member], expected)


def test_members_differ_from_the_first_layer_on() -> None:
    torch.manual_seed(0)
    network = TabM(12, Size(16, 2))
    with watch() as seen:
        network(torch.randn(32, 12))
    first = seen["layer 1 / sum"].detach()  # (batch, members, width)
    for member in range(1, network.members):
        assert (first[:, member] - first[:, 0]).norm() > 0.1 * first[:, 0].norm()


def test_only_the_shared_matrices_go_to_muon() -> None:
    network = TabM(6, Size(4, 2))
    model = nn.ModuleDict({"network": network, "head": Heads(network.members, 4, 2)})
    groups = Optimizer(model, Plan(optimizer="muon")).groups
    muon = {name for group in groups if group.rule == "muon" for name in group.parameters}
    decayed = {name for group in groups if group.weight_decay for name in group.parameters}
    assert muon == {"network.layers.0.weight", "network.layers.1.weight"}
    assert decayed == muon | {"head.weight"}


def test_layers_are_named_for_a_beginner() -> None:
    network = TabM(5, Size(8, 1)).eval()
    with watch() as seen:
        values, _ = network(torch.randn(4, 5))
    assert list(seen) == ["layer 1 / sum", "layer 1 / activation"]
    assert torch.equal(seen["layer 1 / activation"], values)


@pytest.mark.parametrize("rule", ["adamw", "muon"])
def test_learns_xor(rule: str) -> None:
    x = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]) - 0.5
    assert learn(x, torch.tensor([0, 1, 1, 0]), 150, 0, rule) == 1.0


def test_learns_eight_rows_by_heart() -> None:
    torch.manual_seed(0)
    assert learn(torch.randn(8, 10), torch.arange(8) % 2, 150, 0) == 1.0


def test_constant_features_are_harmless() -> None:
    torch.manual_seed(0)
    x = torch.cat([torch.randn(64, 1), torch.full((64, 3), 7.0)], dim=1)
    assert learn(x, (x[:, 0] > 0).long(), 150, 0) > 0.95


def test_every_parameter_gets_a_gradient() -> None:
    torch.manual_seed(0)
    network = TabM(5, Size(8, 2))
    network(torch.randn(16, 5))[0].square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
