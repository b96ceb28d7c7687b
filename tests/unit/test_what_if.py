"""A step with one thing changed, beside the step as the loop makes it."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.config import Plan
from pellucid.data.columns import Entry
from pellucid.data.dataset import Dataset
from pellucid.errors import ConfigError
from pellucid.evidence.receipt import receipt
from pellucid.evidence.receipt.what_if import FACTOR, WHAT_IFS, Straight, what_if
from pellucid.learning.learner import Learner
from pellucid.learning.loop import train
from pellucid.network.tap import tap
from pellucid.tasks.classify import Classify

TASK = Classify("answer", ["no", "yes"])
ROWS = torch.arange(40)


class Small(nn.Module):
    """Two layers with a bend between them, or without."""

    def __init__(self, bend: str = "relu") -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 8), nn.Linear(8, 2)
        self.drop, self.bend = nn.Dropout(0.2), bend
        self.gates = nn.GRU(8, 8) if bend == "gates" else None

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        x = tap("first", self.first(inputs["scalars"]))
        if self.bend == "relu":
            x = F.relu(x)
        if self.bend == "silu":
            x = F.silu(x)
        if self.bend == "squared":
            x = F.relu(x).square()
        return tap("output", self.second(self.drop(x)))


def dataset() -> Dataset:
    values = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    target = (values[:, 0] > values[:, 1]).long()
    return Dataset({"scalars": Entry("project", (), 3, "scalars")}, {"scalars": values}, target)


def learner(bend: str = "relu", after: int = 3) -> Learner:
    torch.manual_seed(5)
    who = Learner(Small(bend), Plan(steps=20, batch=10, evaluate_every=50, rate=0.01, clip=None))
    for step in train(who, dataset(), TASK, ROWS, ROWS[:0]):
        if step.number == after:
            break
    return who


def test_the_plain_step_is_that_of_the_loop() -> None:
    who = learner()
    told = receipt(who, dataset(), TASK, ROWS)
    for name in WHAT_IFS:
        found = what_if(who, dataset(), TASK, ROWS, name)
        assert found.plain.before == pytest.approx(told.loss.batch, rel=1e-6)
        assert found.plain.after == pytest.approx(told.again.batch, rel=1e-6)
        assert found.plain.lower == told.again.lower
        assert found.examples == 10
        assert found.step == 3


def test_the_learner_stays_as_it_is() -> None:
    who = learner()
    before = copy.deepcopy(who.state_dict())
    random = torch.get_rng_state()
    data = dataset()
    target = data.target.clone()
    for name in WHAT_IFS:
        what_if(who, data, TASK, ROWS, name)
    after = who.state_dict()
    for part in ("model", "optimizer"):
        for key, value in before[part].items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(after[part][key])), key
    assert torch.equal(random, torch.get_rng_state())
    assert torch.equal(target, data.target)


def test_a_larger_rate_is_a_larger_step() -> None:
    who = learner()
    found = what_if(who, dataset(), TASK, ROWS, "rate x10")
    assert found.rates[1] == pytest.approx(FACTOR * found.rates[0])
    faster = copy.deepcopy(who)
    faster.optimizer.plan = replace(who.optimizer.plan, rate=FACTOR * who.optimizer.plan.rate)
    told = receipt(faster, dataset(), TASK, ROWS)
    assert found.other.after == pytest.approx(told.again.batch, rel=1e-6)
    assert found.other.before == found.plain.before
    assert f"{found.other.after:.4g}" in found.sentence


@pytest.mark.parametrize("bend", ["relu", "silu", "squared"])
def test_without_activation_functions_the_network_is_straight(bend: str) -> None:
    who, straight = learner(bend), learner("none")
    straight.load_state_dict(copy.deepcopy(who.state_dict()))
    told = receipt(straight, dataset(), TASK, ROWS)
    found = what_if(who, dataset(), TASK, ROWS, "no activation")
    assert found.other.before == pytest.approx(told.loss.batch, rel=1e-6)
    assert found.other.after == pytest.approx(told.again.batch, rel=1e-6)


@pytest.mark.parametrize(("bend", "fix"), [("none", "straight map"), ("gates", "gates")])
def test_where_there_is_nothing_to_take_out(bend: str, fix: str) -> None:
    with pytest.raises(ConfigError, match="no activation functions") as error:
        what_if(learner(bend), dataset(), TASK, ROWS, "no activation")
    assert fix in error.value.fix


def test_a_square_of_its_own_stays() -> None:
    x = torch.tensor([-2.0, 3.0])
    with Straight() as mode:
        assert torch.equal(F.relu(x).square(), x)
        assert torch.equal((x + 0).square(), torch.tensor([4.0, 9.0]))
    assert mode.taken == 1
    assert torch.equal(F.relu(x), torch.tensor([0.0, 3.0]))


def test_shuffled_labels_are_the_same_labels_in_another_order() -> None:
    who, data = learner(), dataset()
    found = what_if(who, data, TASK, ROWS, "shuffled labels")
    batch = next(iter(train(copy.deepcopy(who), data, TASK, ROWS, ROWS[:0]))).batch
    assert found.told is not None
    # The same steps were made, so that only the labels by which they are measured differ.
    assert found.other.before == found.plain.before
    assert found.told.before != found.plain.before
    assert found.other.after != found.plain.after
    assert len(batch.rows) == found.examples
    again = what_if(who, data, TASK, ROWS, "shuffled labels")
    assert again == found


def test_an_unknown_change_is_refused() -> None:
    with pytest.raises(ConfigError, match="no what-if called 'rate x11'") as error:
        what_if(learner(), dataset(), TASK, ROWS, "rate x11")
    assert error.value.fix == "did you mean 'rate x10'?"
