"""The loop learns, repeats itself bit for bit, resumes where it stopped, survives explosions."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from pellucid.config import Plan, Size
from pellucid.data.columns import Entry
from pellucid.data.dataset import Dataset
from pellucid.errors import LearningError
from pellucid.learning.learner import Learner
from pellucid.learning.loop import endless, train
from pellucid.network.assemble import Model, blueprint
from pellucid.tasks.classify import Classify
from pellucid.tasks.regress import Regress

XOR = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]).repeat(16, 1)
PLAN = Plan(
    steps=120,
    batch=16,
    evaluate_every=20,
    rate=1e-2,
    network={"columns": "mlp"},
    sizes={"columns": Size(16, 2, 0.1)},
)


def xor() -> tuple[Dataset, Classify]:
    target = (XOR[:, 0] != XOR[:, 1]).long()
    entries = {"scalars": Entry("project", (), 2, "scalars")}
    return Dataset(entries, {"scalars": XOR}, target), Classify("odd", ["no", "yes"])


def learner_of(data: Dataset, outputs: int, plan: Plan) -> Learner:
    torch.manual_seed(plan.seed)
    rows = torch.arange(len(data))
    model = Model(blueprint(data.entries, data.inputs, rows, plan, outputs))
    model.prepare(data.inputs)
    return Learner(model, plan)


def run(plan: Plan, data: Dataset, task: Classify, stop_after: int | None = None) -> Learner:
    learner = learner_of(data, task.outputs, plan)
    rows = torch.arange(len(data))
    for step in train(learner, data, task, rows[8:], rows[:8]):
        if step.number == stop_after:
            break
    return learner


def weights(learner: Learner) -> Tensor:
    return torch.cat([p.detach().flatten() for p in learner.model.parameters()])


@pytest.mark.parametrize("family", ["mlp", "tabm", "transformer"])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_xor_is_learned(family: str, optimizer: str) -> None:
    data, task = xor()
    rate = {"adamw": 1e-2, "muon": 5e-2}[optimizer]
    plan = replace(PLAN, network={"columns": family}, optimizer=optimizer, rate=rate)
    plan = replace(plan, steps=200, sizes={"columns": Size(16, 2)})
    learner = run(plan, data, task)
    learner.model.eval()
    answers = task.prediction(learner.model(data.inputs).detach()).argmax(1)
    assert (torch.from_numpy(answers) == data.target).all()


def test_same_plan_same_weights() -> None:
    data, task = xor()
    assert torch.equal(weights(run(PLAN, data, task)), weights(run(PLAN, data, task)))


def test_another_seed_gives_other_weights() -> None:
    data, task = xor()
    other = run(replace(PLAN, seed=1), data, task)
    assert not torch.equal(weights(run(PLAN, data, task)), weights(other))


@pytest.mark.parametrize("stop", [1, 3, 37, 60, 119])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_resumed_equals_uninterrupted(stop: int, optimizer: str) -> None:
    data, task = xor()
    plan = replace(PLAN, optimizer=optimizer, average=0.3)
    whole = run(plan, data, task)
    state = run(plan, data, task, stop_after=stop).state_dict()
    resumed = learner_of(data, task.outputs, plan)
    resumed.load_state_dict(state)
    rows = torch.arange(len(data))
    for _ in train(resumed, data, task, rows[8:], rows[:8]):
        torch.rand(3)  # what the caller draws in between changes nothing
    assert torch.equal(weights(whole), weights(resumed))
    assert whole.best_loss == resumed.best_loss
    first, second = whole.choose(data, task, rows[:8]), resumed.choose(data, task, rows[:8])
    assert first[1] == second[1]
    assert torch.equal(weights(whole), weights(resumed))


def test_every_epoch_sees_every_row_once() -> None:
    data, _ = xor()
    batches = endless(data, torch.arange(64), 16, seed=3)
    seen = [torch.cat([next(batches).rows for _ in range(4)]) for _ in range(2)]
    for rows in seen:
        assert torch.equal(rows.sort().values, torch.arange(64))
    assert not torch.equal(seen[0], seen[1])


def test_batches_go_on_where_they_stopped() -> None:
    data, _ = xor()
    whole = endless(data, torch.arange(64), 10, seed=3)
    skipped = [next(whole) for _ in range(20)][13:]
    resumed = endless(data, torch.arange(64), 10, seed=3, start=13)
    for batch in skipped:
        assert torch.equal(batch.rows, next(resumed).rows)


class Explosive(nn.Module):
    """Its output becomes infinite once a weight leaves its bounds."""

    def __init__(self, bound: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, 1))
        self.bound = bound

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        output = inputs["scalars"] @ self.weight
        return output / 0.0 if bool((self.weight.abs() > self.bound).any()) else output


def explosive_data() -> tuple[Dataset, Regress]:
    data, _ = xor()
    task = Regress(["y"], [0.0], [1.0], [-1e9], [1e9])
    return replace(data, target=5 * XOR.sum(1, keepdim=True)), task


def test_an_explosion_is_rescued_with_a_smaller_rate() -> None:
    data, task = explosive_data()
    plan = replace(PLAN, rate=0.3, steps=60, evaluate_every=5, warm=0.0)
    learner = Learner(Explosive(bound=3.0), plan)
    rows = torch.arange(64)
    with pytest.raises(LearningError, match="exploded 3 times"):
        for _ in train(learner, data, task, rows, rows):
            pass
    assert learner.rescues == 2
    assert learner.optimizer.plan.rate == pytest.approx(0.3 / 9)
    assert math.isfinite(learner.best_loss)


def test_stopping_early_keeps_the_best_so_far() -> None:
    data, task = xor()
    learner = run(PLAN, data, task, stop_after=70)
    evaluation, why = learner.choose(data, task, torch.arange(8))
    assert evaluation is not None
    assert evaluation.loss <= learner.best_loss + evaluation.error
    assert why
