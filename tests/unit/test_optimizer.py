"""Optimizer: against PyTorch's own rules, the schedule, the groups, and going on bit for bit."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from pellucid.config import Plan
from pellucid.learning.optimizer import ADAM_SHARE, BETAS, MOMENTUM, Optimizer, orthogonalize

STEADY = Plan(steps=10**9, rate=0.01, warm=0.0, clip=None, weight_decay=0.1)
"""A schedule that stays where it is, to compare with an optimizer without one."""


class Small(nn.Module):
    """One module of each role."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(7, 4)
        self.first = nn.Linear(4, 8)
        self.norm = nn.LayerNorm(8)
        self.second = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.norm(self.first(self.words(ids)).relu())
        return self.head(self.second(x).relu())


def small(seed: int = 0) -> Small:
    torch.manual_seed(seed)
    return Small()


def learn(model: nn.Module, optimizer: Optimizer, first: int, last: int) -> None:
    """Updates `first` to `last`; the data of each follow from its number."""
    for number in range(first, last):
        generator = torch.Generator().manual_seed(number)
        ids = torch.randint(0, 7, (16,), generator=generator)
        target = torch.randint(0, 3, (16,), generator=generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(ids), target).backward()
        optimizer.step(number)


def test_adamw_equals_pytorch() -> None:
    ours, theirs = small(), small()
    decayed = [p for n, p in theirs.named_parameters() if p.ndim > 1 and "words" not in n]
    rest = [p for n, p in theirs.named_parameters() if p.ndim == 1 or "words" in n]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, lr=0.01, betas=BETAS, foreach=False)
    optimizer = Optimizer(ours, STEADY)
    for number in range(20):
        learn(ours, optimizer, number, number + 1)
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert mine.grad is not None
            other.grad = mine.grad.clone()
        reference.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (16, 8), (8, 16)])
def test_muon_equals_pytorch(rows: int, columns: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(columns, rows, bias=False))
    start = model[0].weight.detach().clone()
    weight = nn.Parameter(start.clone())
    plan = replace(STEADY, optimizer="muon", weight_decay=0.0)
    optimizer = Optimizer(model, plan)
    # PyTorch adds gradients to the momentum, we average them; the direction is the same.
    reference = torch.optim.Muon([weight], lr=0.01, weight_decay=0.0, momentum=MOMENTUM)
    for number in range(5):
        model[0].weight.grad = torch.randn(rows, columns)
        weight.grad = model[0].weight.grad.clone()
        optimizer.step(number)
        reference.step()
    moved, expected = model[0].weight.detach() - start, weight.detach() - start
    assert expected.norm() > 0.05
    # bfloat16 and our 1 % margin before the iteration: the same way to within a few percent
    assert (moved - expected).norm() < 0.05 * expected.norm()


def test_muon_updates_stacked_and_reshaped_weights_like_single_ones() -> None:
    torch.manual_seed(0)
    together = nn.ModuleList([nn.Linear(6, 6, bias=False) for _ in range(3)])
    together.append(nn.Conv1d(3, 6, 2, bias=False))
    alone = copy.deepcopy(together)
    plan = replace(STEADY, optimizer="muon")
    one = Optimizer(together, plan)
    several = [Optimizer(layer, plan) for layer in alone]
    for number in range(3):
        for mine, other in zip(together.parameters(), alone.parameters(), strict=True):
            mine.grad = torch.randn_like(mine)
            other.grad = mine.grad.clone()
        one.step(number)
        for optimizer in several:
            optimizer.step(number)
    for mine, other in zip(together.parameters(), alone.parameters(), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-3, rtol=0)


@pytest.mark.parametrize("shape", [(3, 20, 50), (2, 50, 20), (1, 30, 30)])
def test_orthogonalize_evens_out_singular_values(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(shape)
    result = orthogonalize(matrices, 8).float()
    values = torch.linalg.svdvals(result)
    assert result.shape == matrices.shape
    assert 0.5 < values.min() <= values.max() < 1.35
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    cosine = nn.functional.cosine_similarity(result.flatten(), (u @ v).flatten(), dim=0)
    assert cosine > 0.97


def test_muon_decay_is_cautious() -> None:
    layer = nn.Linear(2, 2, bias=False)
    plan = replace(STEADY, optimizer="muon", weight_decay=10.0)
    with torch.no_grad():
        layer.weight.copy_(torch.eye(2))
    optimizer = Optimizer(layer, plan)
    layer.weight.grad = torch.diag(torch.tensor([1.0, -1.0]))
    optimizer.step(0)
    shrinks, grows = layer.weight.diagonal().tolist()
    assert shrinks < 1 - 0.01 * 10.0  # decay and update pull the same way
    assert 1.0 < grows < 1 + 0.01 * 1.3  # they don't: no decay


def test_schedule() -> None:
    plan = Plan(steps=100, rate=1.0, warm=0.1, flat=0.2)
    rates = [Optimizer(nn.Linear(1, 1), plan).rate(number) for number in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[4] == pytest.approx(0.5)
    assert rates[9:31] == [1.0] * 22
    assert rates[65] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(1 / 70)
    assert rates[100] == 0.0
    assert min(rates[:100]) > 0


@pytest.mark.parametrize("plan", [Plan(steps=1), Plan(steps=3, warm=0.0, flat=1.0), Plan(steps=2)])
def test_schedule_of_very_short_runs_never_stands_still(plan: Plan) -> None:
    optimizer = Optimizer(nn.Linear(1, 1), plan)
    assert all(0 < optimizer.rate(number) <= plan.rate for number in range(plan.steps))
    assert optimizer.rate(plan.steps) == 0.0


def roles(optimizer: Optimizer) -> dict[str, tuple[str, str]]:
    return {
        name: (group.role, group.rule) for group in optimizer.groups for name in group.parameters
    }


def test_groups() -> None:
    plain = roles(Optimizer(small(), Plan(optimizer="adamw")))
    muon = roles(Optimizer(small(), Plan(optimizer="muon")))
    assert {rule for _, rule in plain.values()} == {"adamw"}
    assert {name for name, (_, rule) in muon.items() if rule == "muon"} == {
        "first.weight",
        "second.weight",
    }
    assert {name: role for name, (role, _) in muon.items()} == {
        "words.weight": "embedding",
        "first.weight": "hidden",
        "first.bias": "scalar",
        "norm.weight": "scalar",
        "norm.bias": "scalar",
        "second.weight": "hidden",
        "second.bias": "scalar",
        "head.weight": "head",
        "head.bias": "scalar",
    }


def test_only_matrices_decay_and_every_group_has_a_reason() -> None:
    for group in Optimizer(small(), Plan(weight_decay=0.3)).groups:
        assert group.weight_decay == (0.3 if group.role in ("hidden", "head") else 0.0)
        assert group.why


def test_a_module_can_declare_roles_and_depthwise_kernels_are_no_matrices() -> None:
    class Stretch(nn.Module):
        roles = {"weight": "scalar"}  # noqa: RUF012

        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(4, 4))

    model = nn.Sequential(Stretch(), nn.Conv2d(4, 4, 3, groups=4), nn.Conv2d(4, 4, 3))
    found = roles(Optimizer(model, Plan(optimizer="muon")))
    assert found["0.weight"] == ("scalar", "adamw")
    assert found["1.weight"] == ("scalar", "adamw")
    assert found["2.weight"] == ("hidden", "muon")


def test_rate_scale_makes_a_parameter_learn_faster() -> None:
    model = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
    model[1].weight.rate_scale = 5.0  # type: ignore[assignment]
    optimizer = Optimizer(model, replace(STEADY, weight_decay=0.0))
    before = [layer.weight.detach().clone() for layer in model]
    for layer in model:
        layer.weight.grad = torch.ones(3, 3)
    optimizer.step(0)
    slow, fast = (b - layer.weight for b, layer in zip(before, model, strict=True))
    torch.testing.assert_close(fast, 5 * slow, atol=1e-6, rtol=1e-4)


def test_under_muon_the_others_get_a_share_of_the_rate() -> None:
    layer = nn.Linear(3, 3)
    before = layer.bias.detach().clone()
    layer.bias.grad = torch.ones(3)
    layer.weight.grad = torch.ones(3, 3)
    Optimizer(layer, replace(STEADY, optimizer="muon")).step(0)
    expected = torch.full((3,), 0.01 * ADAM_SHARE)
    torch.testing.assert_close(before - layer.bias, expected, atol=1e-7, rtol=1e-4)


def test_clipping_shrinks_long_gradients_only_and_reports_the_norm() -> None:
    layer = nn.Linear(2, 1)
    optimizer = Optimizer(layer, Plan(clip=1.0))
    layer.weight.grad, layer.bias.grad = torch.tensor([[3.0, 0.0]]), torch.tensor([4.0])
    assert float(optimizer.step(0)) == pytest.approx(5.0)
    torch.testing.assert_close(layer.weight.grad, torch.tensor([[0.6, 0.0]]), atol=1e-6, rtol=0)
    layer.weight.grad, layer.bias.grad = torch.tensor([[0.3, 0.0]]), torch.tensor([0.4])
    assert float(optimizer.step(1)) == pytest.approx(0.5)
    assert torch.equal(layer.weight.grad, torch.tensor([[0.3, 0.0]]))


@pytest.mark.parametrize("rule", ["adamw", "muon"])
def test_resumed_equals_uninterrupted_bit_for_bit(rule: str) -> None:
    plan = Plan(steps=12, rate=0.02, optimizer="muon" if rule == "muon" else "adamw")
    straight = small()
    optimizer = Optimizer(straight, plan)
    learn(straight, optimizer, 0, 5)
    weights = copy.deepcopy(straight.state_dict())
    state = {name: value.clone() for name, value in optimizer.state_dict().items()}
    learn(straight, optimizer, 5, 12)

    resumed = small(seed=1)
    resumed.load_state_dict(weights)
    again = Optimizer(resumed, plan)
    again.load_state_dict(state)
    learn(resumed, again, 5, 12)
    for mine, other in zip(resumed.parameters(), straight.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_state_of_another_model_is_refused() -> None:
    state = Optimizer(small(), Plan()).state_dict()
    with pytest.raises(ValueError, match="another model"):
        Optimizer(nn.Linear(2, 2), Plan()).load_state_dict(state)


def test_a_parameter_without_gradient_stays() -> None:
    for rule in ("adamw", "muon"):
        model = small()
        optimizer = Optimizer(model, replace(STEADY, optimizer=rule))  # type: ignore[arg-type]
        before = model.first.weight.detach().clone()
        model.second.weight.grad = torch.ones_like(model.second.weight)
        optimizer.step(0)
        assert torch.equal(model.first.weight, before)


@pytest.mark.parametrize("rule", ["adamw", "muon"])
def test_overfits_eight_rows(rule: str) -> None:
    torch.manual_seed(0)
    x, y = torch.randn(8, 5), torch.arange(8) % 2
    model = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
    model.add_module("head", nn.Linear(32, 2))
    plan = Plan(steps=150, rate=0.05, optimizer="muon" if rule == "muon" else "adamw")
    optimizer = Optimizer(model, plan)
    for number in range(plan.steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step(number)
    assert loss < 0.01
