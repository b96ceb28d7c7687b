"""A receipt's numbers against autograd, finite differences, PyTorch's optimizers, and by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pellucid.config import Plan, Size
from pellucid.data.columns import Entry
from pellucid.data.dataset import Dataset
from pellucid.errors import ConfigError
from pellucid.evidence.receipt import Layer, Receipt, Unit, receipt
from pellucid.evidence.receipt.checks import gradient_gap
from pellucid.learning.learner import Learner
from pellucid.learning.loop import endless, train
from pellucid.learning.optimizer import BETAS
from pellucid.network.assemble import Model, blueprint
from pellucid.tasks import Task
from pellucid.tasks.classify import Classify
from pellucid.tasks.grades import Grades
from pellucid.tasks.regress import Regress
from pellucid.tasks.tags import Tags

ROWS = 24
PLAN = Plan(steps=40, batch=12, rate=5e-3, warm=0.0, evaluate_every=10)
SMALL = Size(8, 2, 0.2)
CLASSES = Classify("kind", ["a", "b", "c"])


def inputs_of(kind: str) -> tuple[Entry, Tensor]:
    draw = torch.Generator().manual_seed(3)
    if kind == "scalars":
        return Entry("project", (), 4, kind), torch.randn(ROWS, 4, generator=draw)
    if kind == "categories":
        ids = torch.randint(0, 5, (ROWS, 2), generator=draw) + torch.tensor([0, 5])
        return Entry("lookup", (), 10, kind), ids.int()
    if kind == "image":
        pixels = torch.randint(0, 256, (ROWS, 8, 8, 1), generator=draw)
        return Entry("project", (8, 8), 1, kind), pixels.to(torch.uint8)
    if kind == "text":
        ids = torch.randint(1, 20, (ROWS, 9), generator=draw)
        ids[torch.arange(9) >= torch.randint(3, 9, (ROWS, 1), generator=draw)] = 0
        return Entry("lookup", (9,), 20, kind), ids.int()
    if kind == "features":  # what a frozen network made of a column
        return Entry("project", (), 6, kind), torch.randn(ROWS, 6, generator=draw)
    values = torch.randn(ROWS, 12, 2, generator=draw)
    return Entry("project", (12,), 2, kind), values


def data_of(kinds: list[str], target: Tensor) -> Dataset:
    found = {kind: inputs_of(kind) for kind in kinds}
    entries = {kind: entry for kind, (entry, _) in found.items()}
    return Dataset(entries, {kind: values for kind, (_, values) in found.items()}, target)


def learner_of(data: Dataset, task: Task, plan: Plan) -> Learner:
    torch.manual_seed(0)
    rows = torch.arange(ROWS)
    model = Model(blueprint(data.entries, data.inputs, rows, plan, task.outputs))
    model.prepare(data.inputs)
    return Learner(model, plan)


def made(
    kinds: list[str],
    network: dict[str, str],
    *,
    task: Task = CLASSES,
    after: int = 0,
    size: Size = SMALL,
    zoom: str | None = None,
    seconds: float = 3.0,
    **plan: Any,
) -> tuple[Receipt, Learner, Dataset]:
    """The receipt of the step after `after` updates of a small network."""
    draw = torch.Generator().manual_seed(5)
    target = torch.randint(0, 3, (ROWS,), generator=draw)
    if task.kind == "tags":
        target = (torch.rand(ROWS, 3, generator=draw) > 0.5).float()
    if task.kind == "regress":
        target = torch.randn(ROWS, task.outputs, generator=draw)
    data = data_of(kinds, target)
    whole = replace(PLAN, network=network, sizes=dict.fromkeys(network, size), **plan)
    learner, rows = learner_of(data, task, whole), torch.arange(ROWS)
    for step in train(learner, data, task, rows, rows[:0]) if after else ():
        if step.number == after:
            break
    return receipt(learner, data, task, rows, zoom=zoom, seconds=seconds), learner, data


FROZEN = {"features": "minilm-l6 128 fp32"}
FAMILIES: dict[str, tuple[list[str], dict[str, str], dict[str, Any]]] = {
    "mlp": (["scalars"], {"columns": "mlp"}, {}),
    "mlp, bins": (["scalars", "categories"], {"columns": "mlp"}, {"numbers": "bins"}),
    "tabm": (["scalars"], {"columns": "tabm"}, {"numbers": "plain", "label_smoothing": 0.1}),
    "cnn, pictures": (["image"], {"image": "cnn"}, {"optimizer": "muon", "clip": None}),
    "cnn, changed": (["image"], {"image": "cnn"}, {"augment": {"image": ("shift", "mirror")}}),
    "cnn, texts": (["text"], {"text": "cnn"}, {"augment": {"text": ("drop_tokens",)}}),
    "cnn, 16 bits": (["image"], {"image": "cnn"}, {"precision": "bf16"}),
    "gru": (["series"], {"series": "rnn"}, {}),
    "gru, padded": (["text"], {"text": "rnn"}, {}),
    "transformer": (["text"], {"text": "transformer"}, {"optimizer": "muon"}),
    "transformer, columns": (["scalars", "categories"], {"columns": "transformer"}, {}),
    "mixed": (
        ["scalars", "image", "text"],
        {"columns": "mlp", "image": "cnn", "text": "rnn"},
        {},
    ),
    "pretrained": (["features"], {"features": "minilm-l6"}, {"pretrained": FROZEN}),
    "pretrained, beside columns": (
        ["scalars", "features"],
        {"columns": "mlp", "features": "minilm-l6"},
        {"pretrained": FROZEN},
    ),
    "cnn, series": (["series"], {"series": "cnn"}, {"augment": {"series": ("scale", "jitter")}}),
}


@pytest.mark.parametrize("after", [0, 7])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_number_agrees(name: str, after: int) -> None:
    kinds, network, plan = FAMILIES[name]
    found, _, _ = made(kinds, network, after=after, seconds=0.1, **plan)
    failed = [check for check in found.checks if not check.passed]
    assert not failed
    assert found.one.output is not None


# --- against other ways to the same numbers ---------------------------------------------------


class TwoByTwo(nn.Module):
    """Two inputs, two hidden sums, one output; no bend, so that a person can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 2, bias=False)
        self.head = nn.Linear(2, 1)
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, -1.0]]))
            self.head.weight.copy_(torch.tensor([[0.5, -0.25]]))
            self.head.bias.copy_(torch.tensor([0.125]))

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        output: Tensor = self.head(self.first(inputs["scalars"]))
        return output


def two_by_two(target: float = 1.0) -> tuple[Learner, Dataset, Regress]:
    plan = Plan(steps=10, batch=1, rate=0.01, warm=0.0, clip=None, weight_decay=0.0)
    entries = {"scalars": Entry("project", (), 2, "scalars")}
    inputs = {"scalars": torch.tensor([[2.0, 1.0]])}
    task = Regress(["y"], [0.0], [1.0], [-9.0], [9.0])
    return Learner(TwoByTwo(), plan), Dataset(entries, inputs, torch.tensor([[target]])), task


def test_a_network_of_two_by_two_by_hand() -> None:
    learner, data, task = two_by_two()
    found = receipt(learner, data, task, torch.arange(1), zoom="first[1, 0]")
    # hidden = (1*2 + 2*1, 3*2 - 1*1) = (4, 5); output = .5*4 - .25*5 + .125 = .875
    assert found.one.output is not None
    assert found.one.output.by_hand == pytest.approx(5.0)
    assert {(t.weight, t.factor) for t in found.one.output.terms} == {(3.0, 2.0), (-1.0, 1.0)}
    assert found.answers[0].output == pytest.approx(0.875)
    # loss = (.875 - 1)^2; blame of the output = 2 * -.125; of hidden 2 = -.25 * -.25 = .0625
    assert found.loss.batch == pytest.approx(0.015625)
    assert found.answers[0].blame == pytest.approx(-0.25)
    assert found.one.gradient == pytest.approx(0.0625 * 2)
    assert found.one.turned.slope == pytest.approx(0.125, rel=1e-6)
    # AdamW's first step: the gradient divided by its own size, times the rate
    assert found.one.before == 3.0
    assert found.one.after == pytest.approx(3.0 - 0.01, abs=1e-6)
    values = [line.value for line in found.one.lines]
    assert values[:3] == pytest.approx([0.0125, 0.01 * 0.125**2, 0.125])
    assert found.checked


@pytest.mark.parametrize("after", [0, 7])
def test_new_weights_are_those_of_torch_adamw(after: int) -> None:
    found, learner, data = made(["scalars"], {"columns": "mlp"}, after=after, clip=None)
    model = learner.model  # the receipt leaves it as it was
    model.train()
    groups = [
        {"params": list(group.parameters.values()), "weight_decay": group.weight_decay}
        for group in learner.optimizer.groups
    ]
    reference = torch.optim.AdamW(
        groups, lr=learner.optimizer.rate(after), betas=BETAS, foreach=False
    )
    memory = learner.optimizer.state_dict()
    for group in learner.optimizer.groups:
        for name, parameter in group.parameters.items():
            reference.state[parameter] = {
                key: memory[f"{name}/{key}"].clone() for key in ("step", "exp_avg", "exp_avg_sq")
            }
    _backward(learner, data)
    reference.step()
    name, _, index = found.one.path.partition("[")
    place = tuple(map(int, index.strip("]").split(", ")))
    assert found.one.after == pytest.approx(
        float(model.get_parameter(name).detach()[place]), rel=1e-6
    )
    for one in found.weights:
        parameter = model.get_parameter(one.name)
        assert parameter.grad is not None
        assert one.gradient == pytest.approx(float(parameter.grad.norm()), rel=1e-5)


def _backward(learner: Learner, data: Dataset) -> None:
    """The gradients of the next batch, written down once more from the loop's parts."""
    plan, rows = learner.plan, torch.arange(ROWS)
    learner.optimizer.zero_grad()
    batch = next(endless(data, rows, plan.batch, plan.seed, start=learner.number))
    torch.manual_seed((plan.seed * 1_000_003 + learner.number) * 2)
    CLASSES.loss(learner.model(batch.inputs), batch.target).mean().backward()


def test_the_gradient_is_the_slope_of_the_loss() -> None:
    found, learner, data = made(["text"], {"text": "rnn"}, size=Size(8, 1), after=3, clip=None)
    name, _, index = found.one.path.partition("[")
    place = tuple(map(int, index.strip("]").split(", ")))
    model, losses = learner.model.double(), []
    batch = next(endless(data, torch.arange(ROWS), PLAN.batch, PLAN.seed, start=3))
    for turn in (1e-6, -2e-6):
        with torch.no_grad():
            model.get_parameter(name)[place] += turn
            losses.append(float(CLASSES.loss(model(batch.inputs), batch.target).mean()))
    assert found.one.gradient == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-4)


class Misled(torch.autograd.Function):
    """The identity, which sends back a blame that is wrong by a factor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *blame: Tensor) -> tuple[Tensor, None]:
        return ctx.factor * blame[0], None


class Wrong(TwoByTwo):
    """Its first layer's gradient is wrong by a factor, in 64-bit floats too or not."""

    def __init__(self, factor: float, *, everywhere: bool) -> None:
        super().__init__()
        self.factor, self.everywhere = factor, everywhere

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        hidden = self.first(inputs["scalars"])
        if self.everywhere or hidden.dtype != torch.float64:
            hidden = Misled.apply(hidden, self.factor)
        output: Tensor = self.head(hidden)
        return output


def failed_checks(model: nn.Module, precision: Literal["fp32", "bf16"] = "fp32") -> set[str]:
    learner, data, task = two_by_two()
    wrong = Learner(model, replace(learner.plan, precision=precision))
    found = receipt(wrong, data, task, torch.arange(1), zoom="first[1, 0]")
    assert found.checked == all(check.passed for check in found.checks)
    return {check.what for check in found.checks if not check.passed}


def test_a_wrong_gradient_is_caught() -> None:
    turned = "gradients: autograd and weights turned up and down"
    assert failed_checks(Wrong(1.1, everywhere=True)) == {turned}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("factor", [1.5, 0.5, -1.0, 0.0])
def test_a_gradient_wrong_in_the_steps_floats_is_caught(
    factor: float, precision: Literal["fp32", "bf16"]
) -> None:
    exact = "gradients: the step's floats and 64-bit autograd"
    assert exact in failed_checks(Wrong(factor, everywhere=False), precision)
    assert not failed_checks(Wrong(1.0, everywhere=False), precision)


def test_the_gap_of_a_gradient_is_told_for_each_parameter() -> None:
    right = {"big": torch.full((50,), 10.0), "small": torch.full((4,), 1.0)}
    for factor, gap in ((1.0, 0.0), (1.5, 0.5), (-1.0, 2.0)):
        wrong = {**right, "small": factor * right["small"]}
        assert gradient_gap(wrong, right) == pytest.approx(gap)
    # What should be 0 is only rounding: 1e-3, beside a hundredth of all gradients together.
    right = {"big": torch.tensor([10.0]), "none": torch.tensor([0.0])}
    assert gradient_gap({**right, "none": torch.tensor([1e-3])}, right) == pytest.approx(0.01)
    assert gradient_gap({"none": torch.zeros(2)}, {"none": torch.zeros(2)}) == 0.0


# --- every kind of layer, unit and weight -----------------------------------------------------

ZOOMED: dict[str, tuple[list[str], dict[str, str], dict[str, Any]]] = {
    "tabm": FAMILIES["tabm"],
    "cnn": FAMILIES["cnn, pictures"],
    "gru": FAMILIES["gru, padded"],
    "transformer": FAMILIES["transformer, columns"],
    "bins": FAMILIES["mlp, bins"],
    "pictures": (["image"], {"image": "transformer"}, {"optimizer": "muon"}),
}


@pytest.mark.parametrize("name", ZOOMED)
def test_every_layer_unit_and_weight_can_be_seen(name: str) -> None:
    kinds, network, plan = ZOOMED[name]
    whole, learner, data = made(kinds, network, after=3, **plan)
    task, rows = CLASSES, torch.arange(ROWS)
    for place, one in enumerate(whole.weights):
        path = one.name.removeprefix("branches.")
        zoom, kind = ((path, Layer), (f"{path}[1]", Unit))[place % 2]
        seen = receipt(learner, data, task, rows, zoom=zoom, seconds=1e-9)
        assert seen.checked, (zoom, [c for c in seen.checks if not c.passed])
        # A parameter with one axis has no units but weights.
        assert isinstance(seen.zoom, kind) or len(one.shape) == 1
        assert seen.one.path.startswith(f"{path}[")


def test_a_gru_cell_is_told_gate_by_gate() -> None:
    found, _, _ = made(["series"], {"series": "rnn"}, zoom="layers.1.weight_hh_l0_reverse[9, 2]")
    assert found.one.output is not None
    names = [line.name for line in found.one.output.lines]
    assert names == ["reset gate", "update gate", "candidate", "new memory"]
    assert found.one.output.by_hand == pytest.approx(found.one.output.computed, rel=1e-5)
    assert found.one.output.terms[0].weight_name == "weight_hh_l0_reverse[9, 2]"


def test_the_followed_weight_is_named_first() -> None:
    found, _, _ = made(["image"], {"image": "cnn"}, zoom="stages.1.convolution[3, 2, 1, 1]")
    assert found.one.path == "image.network.stages.1.convolution.weight[3, 2, 1, 1]"
    assert found.one.output is not None
    assert found.one.output.terms[0].weight_name == "weight[3, 2, 1, 1]"


# --- tasks ------------------------------------------------------------------------------------

TASKS: list[Task] = [
    CLASSES,
    Grades("stars", ["1", "2", "3"]),
    Tags("tags", ["a", "b", "c"]),
    Regress(["y", "z"], [1.0, 2.0], [2.0, 3.0], [-9.0, -9.0], [9.0, 9.0]),
]


@pytest.mark.parametrize("family", ["mlp", "tabm"])
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_every_kind_of_question(task: Task, family: str) -> None:
    smoothing = 0.0 if task.kind == "regress" else 0.1
    found, _, _ = made(["scalars"], {"columns": family}, task=task, label_smoothing=smoothing)
    assert found.checked
    assert len(found.answers) == task.outputs
    if task.kind != "regress":
        assert found.loss.lines[-1].value == pytest.approx(found.loss.example, rel=1e-4)


def test_predicted_minus_wanted_is_the_blame() -> None:
    found, _, _ = made(["scalars"], {"columns": "mlp"})
    for one in found.answers:
        assert one.blame == pytest.approx(one.predicted - one.wanted, abs=1e-6)


# --- what it leaves alone, and what it says ---------------------------------------------------


@pytest.mark.parametrize("name", FAMILIES)
def test_a_small_step_makes_the_loss_smaller(name: str) -> None:
    kinds, network, plan = FAMILIES[name]
    small = {"rate": 1e-3 if plan.get("optimizer") == "muon" else 2e-4}
    found, _, _ = made(kinds, network, after=2, seconds=1e-9, **{**plan, **small})
    assert found.again.batch < found.loss.batch
    assert np.mean(found.again.examples) == pytest.approx(found.again.batch)
    fell = [new < old for new, old in zip(found.again.examples, found.loss.examples, strict=True)]
    assert found.again.lower == sum(fell) > 0


def test_the_learner_and_the_random_numbers_stay_as_they_are() -> None:
    _, learner, data = made(["image"], {"image": "cnn"}, after=2)
    before = learner.state_dict()
    drawn = torch.get_rng_state()
    receipt(learner, data, CLASSES, torch.arange(ROWS))
    assert torch.equal(drawn, torch.get_rng_state())
    for kind in ("model", "optimizer"):
        for name, value in learner.state_dict()[kind].items():
            assert torch.equal(value, before[kind][name])
    assert learner.number == 2


def test_the_receipt_is_the_step_that_the_loop_makes() -> None:
    found, learner, data = made(["scalars"], {"columns": "mlp"}, after=4)
    step = next(train(learner, data, CLASSES, torch.arange(ROWS), torch.arange(0)))
    assert found.loss.batch == float(step.loss)
    assert found.rows == tuple(step.batch.rows.tolist())
    name, _, index = found.one.path.partition("[")
    place = tuple(map(int, index.strip("]").split(", ")))
    assert found.one.after == float(learner.model.get_parameter(name).detach()[place])


def test_what_does_not_exist_is_said() -> None:
    for zoom, fix in (
        ("haed", "did you mean 'head'?"),
        ("head[3, 1]", "its shape is 3 × 8, counted from 0"),
        ("weight", "did you mean 'head.weight'?"),
    ):
        with pytest.raises(ConfigError) as caught:
            made(["scalars"], {"columns": "mlp"}, zoom=zoom)
        assert fix in caught.value.fix, caught.value
    _, learner, data = made(["scalars"], {"columns": "mlp"})
    with pytest.raises(ConfigError, match="no example 12"):
        receipt(learner, data, CLASSES, torch.arange(ROWS), example=12)
    learner.number = learner.plan.steps
    with pytest.raises(ValueError, match="no next step"):
        receipt(learner, data, CLASSES, torch.arange(ROWS))


def test_the_json_keeps_its_shape() -> None:
    found, _, _ = made(["scalars"], {"columns": "mlp"}, zoom="layers.0[1]")
    data = json.loads(json.dumps(found.as_json()))
    assert data["schema"] == 1
    assert list(data) == [
        *("schema", "step", "steps", "batch", "rows", "example", "why_example", "optimizer"),
        *("precision", "dropout", "memory", "inputs", "values", "answers", "outputs", "members"),
        *("loss", "update", "weights", "one", "zoom", "again", "checks", "task", "place"),
        *("drawings", "notes", "checked", "zoom_kind"),
    ]
    assert list(data["one"]) == [
        *("path", "layer", "kind", "says", "before", "after", "gradient", "clipped", "output"),
        *("shares", "others", "elsewhere", "turned", "rule", "why", "lines"),
    ]
    assert list(data["values"][0]) == ["name", "shape", "mean", "spread", "zeros", "blame"]
    assert list(data["checks"][0]) == ["what", "gap", "tolerance", "numbers", "passed"]
    assert data["zoom_kind"] == "unit"
    assert list(data["zoom"]["output"]["terms"][0]) == ["weight_name", "weight", "factor"]
