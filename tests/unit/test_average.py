"""Averaged weights: the mean, the window, the swap and its way back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pellucid.config import Plan
from pellucid.learning.average import Average


def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))


def fill(network: nn.Module, value: float) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(value)


def test_is_the_plain_mean_at_first() -> None:
    network = model()
    average = Average(network, Plan(steps=10, average=1.0))
    for number in range(1, 5):
        fill(network, float(number))
        average.update(number)
    with average.swapped():
        assert all(torch.allclose(p, torch.tensor(2.5)) for p in network.parameters())


def test_forgets_what_lies_before_the_window() -> None:
    network = model()
    average = Average(network, Plan(steps=1000, average=0.1))
    for number in range(1, 1001):
        fill(network, 0.0 if number <= 500 else 1.0)
        average.update(number)
    # an exponential window of 100 keeps exp(-500 / 100) of what is 500 updates old
    value = float(average.state_dict()["0.bias"][0])
    assert value == pytest.approx(1 - 0.0067, abs=0.002)


def test_swap_gives_the_own_weights_back_bit_for_bit() -> None:
    network = model()
    average = Average(network, Plan(steps=4, average=0.5))
    network(torch.randn(8, 3))
    average.update(1)
    network(torch.randn(8, 3))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with average.swapped():
        assert not torch.equal(network[1].running_mean, before["1.running_mean"])
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_state_round_trip_is_bit_identical() -> None:
    plan = Plan(steps=100, average=0.3)
    network, other = model(), model()
    straight = Average(network, plan)
    resumed = Average(other, plan)
    for number in range(1, 11):
        fill(network, number / 7)
        straight.update(number)
    resumed.load_state_dict({name: v.clone() for name, v in straight.state_dict().items()})
    for average, owner in ((straight, network), (resumed, other)):
        for number in range(11, 30):
            fill(owner, number / 7)
            average.update(number)
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name])


def test_state_of_another_model_is_refused() -> None:
    state = Average(model(), Plan(average=0.1)).state_dict()
    with pytest.raises(ValueError, match="another model"):
        Average(nn.Linear(2, 2), Plan(average=0.1)).load_state_dict(state)


def test_constant_buffers_with_infinities_are_left_alone() -> None:
    network = model()
    network.register_buffer("limits", torch.tensor([-torch.inf, torch.inf]))
    average = Average(network, Plan(steps=10, average=0.5))
    average.update(1)
    with average.swapped():
        assert network.get_buffer("limits").tolist() == [-torch.inf, torch.inf]
