"""Explaining what stands behind a frozen network: fewer pieces, each picture looked at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import LayerGradCam
from explaining import cells, stand_in
from torch import Tensor, nn

from pellucid.config import Size
from pellucid.data.columns import Column, Entry, Loaded
from pellucid.evidence.explain import faithfulness
from pellucid.evidence.explain.explain import Effort, effort_of, explain
from pellucid.evidence.explain.gradients import grad_cam, score
from pellucid.evidence.explain.inside import explain_inside, pieces_of
from pellucid.evidence.explain.occlusion import (
    FEWEST_ORDERS,
    FEWEST_PIECES,
    FEWEST_STEPS,
    occlude,
    tellable,
    versions_of,
)
from pellucid.evidence.explain.pictures import PicturePieces, grid
from pellucid.evidence.explain.pieces import Question
from pellucid.evidence.explain.texts import text_pieces
from pellucid.evidence.subject import Rows, Subject, take
from pellucid.export.bundle import each_once
from pellucid.interfaces.explain import said_effort
from pellucid.network.assemble import Blueprint, Model
from pellucid.network.embed import Statistics
from pellucid.network.pretrained.efficientnet_lite import FEATURES, EfficientNetLite
from pellucid.network.pretrained.find import halved
from pellucid.network.pretrained.frozen import Pictures
from pellucid.tasks.classify import Classify

TASK = Classify("y", ["a", "b", "c"])
SIDE = 48


class Counted(Pictures):
    """Remembers how many pictures it was shown, and which."""

    def features(self, values: np.ndarray, *more: object) -> np.ndarray:
        self.shown.update(value.tobytes() for value in values)
        return super().features(values)


@pytest.fixture(scope="module")
def rows() -> Rows:
    values = np.random.default_rng(0).integers(0, 256, (5, SIDE, SIDE, 3)).astype(np.uint8)
    return {"x": Loaded(values)}


@pytest.fixture
def subject(rows: Rows) -> Subject:
    """A head with random weights on a frozen network with random weights."""
    torch.manual_seed(0)
    frozen = Counted(halved(EfficientNetLite().state_dict()), {}, SIDE, "fp32")
    frozen.shown = Counter()

    def encode(given: Rows) -> dict[str, Tensor]:
        return {"x": torch.from_numpy(frozen.features(given["x"].values))}

    entry = Entry("project", (), FEATURES, "x")
    statistics = {"x": Statistics.of(encode(rows)["x"])}
    plan = Blueprint(
        {"x": entry}, statistics, {"x": frozen.name}, {"x": Size(8, 0)}, 3,
        pretrained={"x": frozen.title},
    )  # fmt: skip
    network = Model(plan).eval()

    def answer(given: Rows) -> np.ndarray:
        with torch.inference_mode():
            return TASK.prediction(network(encode(given)))

    fitted = {"height": SIDE, "width": SIDE, "channels": 3}
    column = Column("x", "image", "input", "", fitted)
    return Subject(TASK, [column], answer, network, encode, frozen={"x": frozen})


def shown(subject: Subject) -> Counter[bytes]:
    frozen = subject.frozen["x"]
    assert isinstance(frozen, Counted)
    return frozen.shown


# --- as many pieces as there is time for --------------------------------------------------------


def test_pieces_become_fewer_and_larger_where_answers_are_slow(
    subject: Subject, rows: Rows
) -> None:
    row = take(rows, np.array([0]))
    natural = PicturePieces(row, "x")
    assert len(pieces_of(subject, row, "x", 1e9).places) == len(natural.places) == 64
    few = pieces_of(subject, row, "x", 30)
    assert len(few.places) == FEWEST_PIECES
    whole = np.zeros((SIDE, SIDE), dtype=int)
    for top, left, bottom, right in few.places:
        whole[top:bottom, left:right] += 1
    assert (whole == 1).all()
    assert len(pieces_of(replace(subject, frozen={}), row, "x", 1).places) == 64  # a fast network
    text = cells(x=[" ".join("abcdefghijklmnopqrstuvwxyz" * 2)])
    assert len(text_pieces(text, "x", 16).places) <= 16
    assert len(text_pieces(text, "x").places) == 52


def test_time_is_enough_for_all_pieces_or_for_two_mixtures_of_each() -> None:
    enough = versions_of(49, FEWEST_ORDERS, FEWEST_STEPS)
    assert tellable(49, enough) == 49
    assert tellable(49, enough - 1) == min(49, (enough - 1) // 3)
    assert tellable(49, 60) == 20
    assert tellable(49, 5) == FEWEST_PIECES
    assert tellable(7, 5) == 7
    assert grid(224, 224) == (14, 14)


def test_the_plan_says_how_many_answers_it_takes(subject: Subject, rows: Rows) -> None:
    row = take(rows, np.array([1]))
    plan = effort_of(subject, row, seconds=0.05)
    assert plan.pieces == FEWEST_PIECES
    assert plan.answers is not None
    assert plan.seconds == pytest.approx(plan.answers * plan.pace, rel=1e-6)
    shown(subject).clear()
    found = explain(subject, row, None, seconds=0.05, pace=plan.pace)
    assert len(found.explanations[0].values) == FEWEST_PIECES
    asked = shown(subject).total()
    assert 0.5 * plan.answers < asked < 1.5 * plan.answers
    assert said_effort(Effort(2.13, 0.0251, 71, 16)) == (
        "about 2.1 s (16 pieces, about 71 answers of 25 ms each: pretrained features are slow)"
    )
    assert said_effort(Effort(1.2, 0.001)) == "about 1.2 s"


def test_slow_explanations_still_add_up_and_are_tested(subject: Subject, rows: Rows) -> None:
    row = take(rows, np.array([2]))
    value = float(subject.answer(row)[0, 1])
    found, pieces = explain_inside(subject, row, "x", Question(1, "b", value), seconds=0.05)
    assert len(pieces.places) == FEWEST_PIECES
    assert found.values.sum() == pytest.approx(value - found.base, rel=1e-3, abs=1e-6)
    assert len(found.faithful.shares) == FEWEST_STEPS + 1
    assert found.overview is not None


# --- few random orders to compare with ----------------------------------------------------------


def test_with_few_orders_chance_passes_about_as_often_as_is_said() -> None:
    words = [f"w{number}" for number in range(16)]
    worth = dict(zip(words, np.random.default_rng(1).normal(size=16), strict=True))

    def add(rows: Rows) -> np.ndarray:
        return np.array([sum(worth[word] for word in text.split()) for text in rows["x"].values])

    asked = stand_in(add, ("x",), kinds={"x": "text"})
    pieces = text_pieces(cells(x=[" ".join(words)]), "x")
    question, random = Question(0, "price", 0.0), np.random.default_rng(2)

    def passes(values: np.ndarray, seed: int) -> bool:
        found = faithfulness.test(asked, pieces, question, values, orders=8, steps=5, seed=seed)
        return found.gain > found.random_gain

    by_chance = [passes(random.normal(size=16), seed) for seed in range(300)]
    assert 0.01 < np.mean(by_chance) < 0.1
    assert all(passes(np.array([worth[word] for word in words]), seed) for seed in range(20))


# --- nothing is looked at twice -----------------------------------------------------------------


def test_random_weights_need_no_second_look_at_a_picture(subject: Subject, rows: Rows) -> None:
    some = take(rows, np.array([0, 1]))
    shown(subject).clear()

    def quick(asked: Subject, row: Rows, question: Question) -> np.ndarray:
        cut = pieces_of(asked, row, "x", 0.0)
        return occlude(asked, cut, question, orders=8, steps=5).values

    found = faithfulness.similarity(subject, quick, some, draws=3)
    assert abs(found) <= 1
    each = versions_of(FEWEST_PIECES, 8, FEWEST_STEPS)
    assert shown(subject).total() <= 2 * (each + 2) + 2  # as many as for one network


def test_equal_pictures_are_computed_once(subject: Subject, rows: Rows) -> None:
    frozen = subject.frozen["x"]
    values = rows["x"].values[[0, 1, 0, 0, 1]]
    shown(subject).clear()
    found = each_once(frozen, values)
    assert shown(subject).total() == 2
    np.testing.assert_allclose(found, Pictures.features(frozen, values), rtol=1e-4, atol=1e-5)  # type: ignore[arg-type]
    assert each_once(frozen, rows["x"].values).shape == (5, FEATURES)


# --- where it looked ----------------------------------------------------------------------------


class Composed(nn.Module):
    """The frozen network and the head as one."""

    def __init__(self, subject: Subject) -> None:
        super().__init__()
        self.frozen, self.network = subject.frozen["x"].network, subject.network
        self.last_map = nn.Identity()

    def forward(self, pixels: Tensor, index: int) -> Tensor:
        x = (pixels - 127) / 128
        x = torch.nn.functional.relu6(self.frozen.stem(x))  # type: ignore[operator]
        for block in self.frozen.blocks:  # type: ignore[union-attr]
            x = block(x)
        x = self.last_map(torch.nn.functional.relu6(self.frozen.top(x)))  # type: ignore[operator]
        return score(TASK, self.network({"x": x.mean((2, 3))}), index)


def test_grad_cam_of_a_frozen_network_as_captum_has_it(subject: Subject, rows: Rows) -> None:
    row = take(rows, np.array([3]))
    looked: list[float] = []
    (inputs,) = (given for _, (given,) in subject.frozen["x"].batches(row["x"].values))
    whole = Composed(subject)
    given = inputs.float().requires_grad_()
    for output in range(3):
        theirs = (
            LayerGradCam(whole, whole.last_map)
            .attribute(given, additional_forward_args=output, relu_attributions=True)
            .detach()
        )
        large = LayerGradCam.interpolate(theirs, (SIDE, SIDE), interpolate_mode="bilinear")[0, 0]
        expected = large.numpy() / max(float(theirs.max()), 1e-30)
        np.testing.assert_allclose(grad_cam(subject, row, "x", output), expected, atol=1e-4)
        looked.append(expected.max())
    assert max(looked) > 0.5
