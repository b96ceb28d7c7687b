"""What every task must keep: its loss falls on a perfect output, its answers agree with metrics."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pellucid.data.columns import RawColumn
from pellucid.learning.evaluate import PRIMARY, higher_is_better, score
from pellucid.tasks import TASKS, Task, task_from_json

RAW: dict[str, list[RawColumn]] = {
    "classify": [RawColumn("kind", np.array(["b", "a", "c", "a", "b", "c"] * 4, dtype=object))],
    "grades": [RawColumn("stars", np.array([1.0, 3.0, 2.0, 5.0, 4.0, 2.0] * 4))],
    "tags": [RawColumn("tags", np.array(["a;b", "b", "", "c;a", "c", "a"] * 4, dtype=object))],
    "regress": [
        RawColumn("x", np.linspace(-3, 100, 24)),
        RawColumn("y", np.linspace(5, -5, 24) ** 3),
    ],
}


@pytest.fixture(params=sorted(TASKS))
def case(request: pytest.FixtureRequest) -> tuple[Task, list[RawColumn], Tensor]:
    raw = RAW[request.param]
    task = TASKS[request.param].fit(raw)
    target, problems = task.encode(raw)
    assert problems == {}
    return task, raw, target


def perfect_output(task: Task, target: Tensor) -> Tensor:
    """The output that a network which knows the answers would give."""
    if task.kind == "classify":
        return 30 * torch.nn.functional.one_hot(target, task.outputs).float()
    if task.kind == "grades":
        return 30 * (2 * (target[:, None] > torch.arange(task.outputs)).float() - 1)
    if task.kind == "tags":
        return 30 * (2 * target - 1)
    return target


def test_a_perfect_output_has_no_loss_and_the_best_metric(case: Any) -> None:
    task, _, target = case
    output = perfect_output(task, target)
    assert task.loss(output, target).max() < 1e-6
    value = score(task.kind, task.metric, task.truth(target), task.prediction(output))
    assert value == pytest.approx(1.0 if higher_is_better(task.metric) else 0.0, abs=1e-5)


def test_the_metric_is_the_one_that_headlines_speak_of(case: Any) -> None:
    several = case[0].kind == "regress" and case[0].outputs > 1  # in several units
    assert case[0].metric == ("R2" if several else PRIMARY[case[0].kind])


def test_loss_is_one_figure_a_row_and_falls_by_gradient_descent(case: Any) -> None:
    task, _, target = case
    torch.manual_seed(0)
    output = torch.randn(len(target), task.outputs, requires_grad=True)
    before = task.loss(output, target)
    assert before.shape == (len(target),)
    for _ in range(300):
        (gradient,) = torch.autograd.grad(task.loss(output, target).sum(), output)
        output = (output - 0.3 * gradient).detach().requires_grad_()
    after = task.loss(output, target)
    assert after.mean() < 0.2 * before.mean()
    answers = task.prediction(output.detach())
    right = task.prediction(perfect_output(task, target))
    if task.kind != "regress":
        assert ((answers > 0.5) == (right > 0.5)).all()


def test_members_answer_with_their_mean(case: Any) -> None:
    task, _, target = case
    torch.manual_seed(1)
    output = torch.randn(len(target), 3, task.outputs)
    each = torch.stack([task.loss(output[:, member], target) for member in range(3)])
    assert torch.allclose(task.loss(output, target), each.mean(0), atol=1e-6)
    parts = np.stack([task.prediction(output[:, member]) for member in range(3)])
    if task.kind != "regress":
        assert np.allclose(task.prediction(output), parts.mean(0))
        assert (task.prediction(output) >= 0).all()


def test_json_round_trip_gives_the_same_answers(case: Any) -> None:
    task, _, target = case
    again = task_from_json(json.loads(json.dumps(task.as_json())))
    output = torch.randn(len(target), task.outputs)
    assert np.array_equal(task.prediction(output), again.prediction(output))
    said = task.answers(task.prediction(output))
    assert said == again.answers(again.prediction(output))
    assert len(json.dumps(said)) > 0


def test_missing_and_unknown_targets_are_named(case: Any) -> None:
    task, raw, _ = case
    bad = np.array([None, "never seen before"], dtype=object)
    columns = [RawColumn(column.name, bad) for column in raw]
    _, problems = task.encode(columns)
    assert set(problems) == {0, 1}
    assert "missing" in problems[0]


def test_smoothing_keeps_the_best_answer(case: Any) -> None:
    task, _, target = case
    if task.kind == "regress":
        return
    output = perfect_output(task, target) / 10
    wrong = output.flip(0)
    assert task.loss(output, target, 0.1).mean() < task.loss(wrong, target, 0.1).mean()


def test_grades_probabilities_are_those_of_the_chain() -> None:
    task = TASKS["grades"].fit(RAW["grades"])
    output = torch.tensor([[2.0, -1.0, 0.5, 0.0]], dtype=torch.float64)
    above = torch.sigmoid(output[0])
    expected, left = [], 1.0
    for share in above.tolist():
        expected.append(left * (1 - share))
        left *= share
    assert task.prediction(output)[0] == pytest.approx([*expected, left])
    loss = task.loss(output.float(), torch.tensor([2]))
    assert float(loss[0]) == pytest.approx(-np.log(expected[2]), rel=1e-5)


def test_regression_never_says_more_than_was_seen() -> None:
    task = TASKS["regress"].fit([RawColumn("y", np.array([1.0, 2.0, 9.0]))])
    wild = task.prediction(torch.tensor([[1e6], [-1e6]]))
    assert wild[:, 0].tolist() == [9.0, 1.0]
