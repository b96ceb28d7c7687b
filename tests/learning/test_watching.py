"""Watching never changes learning, and what is written down is what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, thread_time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.config import Plan
from pellucid.data.columns import Entry
from pellucid.data.dataset import Dataset
from pellucid.learning.learner import Learner
from pellucid.learning.loop import Step, train
from pellucid.network.tap import tap
from pellucid.recording.answers import AnswersWriter
from pellucid.recording.recorder import Answering, record
from pellucid.recording.run import Run
from pellucid.recording.watching import look
from pellucid.tasks.classify import Classify


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads don't pay for networks this small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


TASK = Classify("answer", ["no", "yes"])
ROWS, VALID = torch.arange(60), torch.arange(60, 80)


class Tiny(nn.Module):
    """Everything that watching could disturb: dropout, running statistics, a frozen layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(5, 16)
        self.norm = nn.BatchNorm1d(16)
        self.frozen = nn.Linear(16, 16).requires_grad_(False)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(16, 2)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        x = tap("inputs", inputs["scalars"])
        x = tap("first", self.first(x))
        x = tap("hidden", torch.relu(self.norm(x)))
        x = self.drop(x + self.frozen(x))
        return tap("output", self.head(x))


def dataset() -> Dataset:
    generator = torch.Generator().manual_seed(3)
    values = torch.randn(80, 5, generator=generator)
    target = (values[:, 0] * values[:, 1] > 0).long()
    return Dataset({"scalars": Entry("project", (), 5, "scalars")}, {"scalars": values}, target)


def learner(plan: Plan) -> Learner:
    torch.manual_seed(7)
    return Learner(Tiny(), plan)


def plan(steps: int = 40) -> Plan:
    return Plan(steps=steps, batch=20, evaluate_every=10, rate=0.01, average=0.3)


def unrecorded(who: Learner) -> Iterator[Step]:
    return train(who, dataset(), TASK, ROWS, VALID)


def recorded(
    who: Learner,
    folder: Path,
    *,
    start: int = 0,
    budget: float = 1e6,
    now: Callable[[], float] = perf_counter,
) -> Iterator[Step]:
    probe = dataset().take(torch.arange(6))
    truth = TASK.truth(dataset().target[VALID])
    writer = AnswersWriter(folder, VALID.numpy(), truth, outputs=2, number="<f2")
    return record(
        unrecorded(who),
        folder=folder,
        model=who.model,
        loss=TASK.loss,
        probe=probe,
        plan=who.plan,
        start=start,
        budget=budget,
        answers=Answering(writer, TASK.prediction),
        now=now,
    )


def copies(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def assert_equal(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert list(first) == list(second)
    for name in first:
        assert torch.equal(first[name], second[name]), name


def assert_close(seen: object, true: Tensor) -> None:
    """Float16 scaled to the tensor's largest value keeps eleven bits."""
    expected = true.detach().float()
    peak = float(expected.abs().max())
    torch.testing.assert_close(torch.tensor(seen), expected, rtol=2**-10, atol=peak * 2**-25)


def test_a_recorded_run_equals_an_unrecorded_one_to_the_bit(tmp_path: Path) -> None:
    alone, watched = learner(plan()), learner(plan())
    losses = [step.loss for step in unrecorded(alone)]
    random_alone = torch.get_rng_state()
    watched_losses = [step.loss for step in recorded(watched, tmp_path)]
    assert len(Run(tmp_path).recorded_steps) == 41
    assert Run(tmp_path).answers().steps.tolist() == [10, 20, 30, 40]
    assert_equal(copies(alone.model), copies(watched.model))
    assert_equal(alone.optimizer.state_dict(), watched.optimizer.state_dict())
    assert torch.equal(torch.stack(losses), torch.stack(watched_losses))
    assert torch.equal(random_alone, torch.get_rng_state())


def test_a_look_leaves_no_trace() -> None:
    who = learner(plan())
    next(unrecorded(who))
    model, probe = who.model, dataset().take(torch.arange(6))
    model.train()
    model.get_submodule("drop").eval()  # a mode of its own must survive too
    before = copies(model)
    gradients = {name: p.grad for name, p in model.named_parameters()}
    random = torch.get_rng_state()
    look(model, probe, TASK.loss)
    assert_equal(before, copies(model))
    assert torch.equal(random, torch.get_rng_state())
    for name, p in model.named_parameters():
        assert p.grad is gradients[name]
    modes = {name: module.training for name, module in model.named_modules()}
    assert modes.pop("drop") is False
    assert all(modes.values())


def test_gradients_equal_those_of_backward() -> None:
    model, probe = learner(plan()).model, dataset().take(torch.arange(6))
    sight = look(model, probe, TASK.loss)
    model.eval()
    hidden = torch.relu(model.norm(model.first(probe.inputs["scalars"])))
    hidden.retain_grad()
    output = model.head(hidden + model.frozen(hidden))
    loss = F.cross_entropy(output, probe.target)
    loss.backward()
    assert torch.equal(sight.loss, loss.detach())
    assert torch.equal(sight.parts["activation"]["hidden"], hidden.detach())
    assert torch.equal(sight.parts["activation_gradient"]["hidden"], hidden.grad)
    assert "inputs" not in sight.parts["activation_gradient"]
    own = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
    assert_equal(own, sight.parts["weight_gradient"])
    assert "frozen.weight" not in own


def test_a_look_at_other_weights_equals_a_look_after_loading_them() -> None:
    who = learner(plan())
    probe = dataset().take(torch.arange(6))
    early = copies(who.model)
    for _ in unrecorded(who):
        pass
    late = copies(who.model)
    through = look(who.model, probe, TASK.loss, early)
    assert_equal(late, copies(who.model))
    who.model.load_state_dict(early)
    loaded = look(who.model, probe, TASK.loss)
    assert torch.equal(through.loss, loaded.loss)
    for group in loaded.parts:
        assert_equal(through.parts[group], loaded.parts[group])


def test_looks_hold_the_weights_their_updates_and_gradients_of_each_step(tmp_path: Path) -> None:
    who, probe = learner(plan()), dataset().take(torch.arange(6))
    weights = {0: copies(who.model)}
    sights = {0: look(who.model, probe, TASK.loss)}
    for step in recorded(who, tmp_path):
        weights[step.number] = copies(who.model)
        sights[step.number] = look(who.model, probe, TASK.loss)
    looks = Run(tmp_path).looks()
    for number in looks.steps:
        seen = looks.at(number)
        assert seen.loss == pytest.approx(float(sights[number].loss), rel=1e-6)
        assert set(seen.parameters) == {n for n in weights[0] if n[:4] in ("firs", "head")} | {
            "norm.weight",
            "norm.bias",
        }
        for name, parameter in seen.parameters.items():
            now = weights[number][name]
            assert_close(parameter.value, now)
            assert_close(parameter.gradient, sights[number].parts["weight_gradient"][name])
            if number == 0:
                assert parameter.update is None
                continue
            change = now - weights[number - 1][name]
            assert_close(parameter.update, change)
            figures = parameter.statistics["update"]
            assert figures.norm == pytest.approx(float(change.norm()), rel=1e-5)
            assert figures.std == pytest.approx(float(change.std(correction=0)), rel=1e-4, abs=1e-9)
        hidden = seen.activations["hidden"]
        assert_close(hidden.value, sights[number].parts["activation"]["hidden"])
        zeros = float((sights[number].parts["activation"]["hidden"] == 0).float().mean())
        assert hidden.statistics["value"].zeros == pytest.approx(zeros, abs=1e-6)


def test_kept_weights_replay_the_network(tmp_path: Path) -> None:
    who = learner(plan(130))
    weights = {0: copies(who.model)}
    for step in recorded(who, tmp_path):
        weights[step.number] = copies(who.model)
    run = Run(tmp_path)
    exact = {0, 130, who.best_number}
    assert exact <= set(run.weight_steps)
    assert len(run.weight_steps) <= 128
    for step in run.weight_steps:
        for name, array in run.weights(step).items():
            tolerance = 0 if step in exact or array.ndim < 2 else 2**-10
            true = weights[step][name]
            torch.testing.assert_close(torch.tensor(array), true, rtol=tolerance, atol=1e-7)


def test_answers_on_validation_rows_are_those_of_each_evaluation(tmp_path: Path) -> None:
    who = learner(plan())
    expected = [
        TASK.prediction(step.evaluation.output)
        for step in recorded(who, tmp_path)
        if step.evaluation is not None
    ]
    found = Run(tmp_path).answers()
    assert found.rows.tolist() == VALID.tolist()
    assert found.target.tolist() == dataset().target[VALID].tolist()
    assert found.values.dtype == "float16"
    np.testing.assert_allclose(found.values, expected, rtol=2**-10, atol=1e-7)


def test_the_best_step_is_always_looked_at(tmp_path: Path) -> None:
    who = learner(Plan(steps=400, batch=20, evaluate_every=7, rate=0.02))
    for step in recorded(who, tmp_path):
        if step.number == 200:
            break
    run = Run(tmp_path)
    assert who.best_number % 7 == 0
    assert {0, 1, 2, who.best_number, 200} <= set(run.recorded_steps)
    best = run.looks().at(who.best_number)
    assert_close(best.parameters["head.weight"].value, who.best["head.weight"])


def test_a_resumed_recording_continues_the_first(tmp_path: Path) -> None:
    whole = learner(plan())
    for _ in recorded(whole, tmp_path / "whole"):
        pass
    first = learner(plan())
    for step in recorded(first, tmp_path / "parts"):
        if step.number == 17:
            state = first.state_dict()
        if step.number == 23:  # killed after it had written more than the checkpoint knows
            break
    second = learner(plan())
    second.load_state_dict(state)
    for _ in recorded(second, tmp_path / "parts", start=17):
        pass
    runs = [Run(tmp_path / name) for name in ("whole", "parts")]
    assert runs[0].recorded_steps == runs[1].recorded_steps
    for field in ("step", "epoch", "loss", "rate", "gradient_norm", "valid_loss", "flags"):
        a, b = (run.steps[field] for run in runs)
        assert a.tobytes() == b.tobytes(), field
    assert (runs[1].steps["seconds"][1:] > runs[1].steps["seconds"][:-1]).all()
    assert runs[0].events == runs[1].events
    looks = [run.looks() for run in runs]
    for number in looks[0].steps:
        one, other = (item.at(number).parameters["first.weight"] for item in looks)
        assert (one.value == other.value).all()
        assert one.update is None or (one.update == other.update).all()


def test_recording_costs_at_most_what_it_may(tmp_path: Path) -> None:
    """By the processor time of this thread: others who use the machine cost it nothing."""
    for _ in recorded(learner(plan(1)), tmp_path / "warm"):  # what is needed only once a process
        pass
    for _ in recorded(learner(plan(400)), tmp_path / "free", budget=3.0, now=thread_time):
        pass
    free = Run(tmp_path / "free").info["recording"]
    assert 0 < free["cost_seconds"] <= free["budget_seconds"] == 3.0
    budget = free["cost_seconds"] / 4
    for _ in recorded(learner(plan(400)), tmp_path / "tight", budget=budget, now=thread_time):
        pass
    tight = Run(tmp_path / "tight").info["recording"]
    assert tight["cost_seconds"] < free["cost_seconds"] / 2
    assert 5 <= tight["looks"] < free["looks"] / 2
