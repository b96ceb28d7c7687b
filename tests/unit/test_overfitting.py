"""Overfitting: planted onsets, planted memorized rows, and twins where nothing can be learned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pellucid.config import Plan, Size
from pellucid.data.columns import Entry
from pellucid.data.dataset import Dataset
from pellucid.evidence.overfitting.memory import Answered, distances, is_right, memory_of
from pellucid.evidence.overfitting.named import memorized
from pellucid.evidence.overfitting.onset import Course, course, find_onset
from pellucid.evidence.overfitting.twins import shuffle_labels, thin, twins_of
from pellucid.evidence.retrain import evenly, retrain
from pellucid.learning.planner import RowIngredients
from pellucid.tasks.classify import Classify
from pellucid.tasks.regress import Regress
from pellucid.tasks.tags import Tags

TWO = Classify("answer", ["no", "yes"])
PLAN = Plan(
    steps=250,
    batch=32,
    rate=5e-3,
    weight_decay=0.0,
    numbers="plain",
    network={"columns": "mlp"},
    sizes={"columns": Size(64, 2)},
)

ROBUST = replace(PLAN, steps=500, weight_decay=0.05, sizes={"columns": Size(128, 2, 0.5)})


def table(x: np.ndarray, y: np.ndarray, learn: int) -> RowIngredients:
    """Rows of numbers: the first `learn` to learn from, the others unseen."""
    entries = {"scalars": Entry("project", (), x.shape[1], "scalars")}
    inputs = {"scalars": torch.from_numpy(x.astype(np.float32))}
    data = Dataset(entries, inputs, torch.from_numpy(y.astype(np.int64)))
    rows = torch.arange(len(x))
    return RowIngredients(data, {"scalars": "number"}, TWO, rows[:learn], rows[learn:], 1)


# --- when it starts ---------------------------------------------------------------------------


def courses(train: list[float], valid: list[float], rows: int = 200, noise: float = 0.01) -> Course:
    generator = np.random.default_rng(0)
    own, other = (
        np.array(means)[:, None] + generator.normal(0, noise, (len(means), rows))
        for means in (train, valid)
    )
    steps = 10 * np.arange(1, len(train) + 1)
    return course(steps, steps / 5, own, other)


FALLING = [1.0, 0.8, 0.6, 0.45, 0.35, 0.27, 0.2, 0.15, 0.1]


def test_the_moment_is_where_the_validation_loss_turns() -> None:
    onset = find_onset(courses(FALLING, [1.0, 0.85, 0.7, 0.6, 0.55, 0.6, 0.7, 0.8, 0.9]))
    assert (onset.kind, onset.step, onset.epoch) == ("worse", 50, 10)
    assert (onset.best, onset.last) == pytest.approx((0.55, 0.9), abs=0.01)


def test_a_validation_loss_that_only_stops_falling_does_no_harm() -> None:
    onset = find_onset(courses(FALLING, [1.0, 0.85, 0.7, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]))
    assert (onset.kind, onset.step) == ("flat", 40)


@pytest.mark.parametrize(
    ("train", "valid"),
    [
        (FALLING, [value + 0.05 for value in FALLING]),
        (FALLING[:4] + [0.45] * 5, [0.9, 0.75, 0.6, 0.5] + [0.5] * 5),  # both stopped together
        ([1.0] * 9, [1.0] * 9),
    ],
)
def test_it_never_starts_where_both_go_the_same_way(train: list[float], valid: list[float]) -> None:
    assert find_onset(courses(train, valid)).kind == "never"


def test_what_noise_explains_is_no_overfitting() -> None:
    onset = find_onset(courses(FALLING, [value + 0.05 for value in FALLING], rows=20, noise=0.5))
    assert onset.kind != "worse"


# --- what was memorized -----------------------------------------------------------------------


def probabilities(truth: np.ndarray, right: np.ndarray) -> np.ndarray:
    yes = np.where(right, truth, 1 - truth) * 0.8 + 0.1
    return np.stack([1 - yes, yes], 1)


def test_the_estimate_is_the_difference_times_the_rows() -> None:
    truth = np.random.default_rng(0).integers(0, 2, 400)
    seen, unseen = np.arange(200), np.arange(200, 400)
    held = probabilities(truth[unseen], np.arange(200) >= 50)  # 75 % right
    own = probabilities(truth[seen], np.arange(200) >= 10)  # 95 % right
    memory = memory_of(Answered(TWO, seen, own, 1_000, unseen, held, truth, 0.0))
    assert memory.estimate == pytest.approx(200)
    assert memory.low < 200 < memory.high
    assert (memory.rows_learned, memory.rows_unseen, memory.learned) == (200, 200, 1_000)


def test_the_same_rows_answered_both_ways_are_compared_in_pairs() -> None:
    truth = np.random.default_rng(0).integers(0, 2, 200)
    rows = np.arange(200)
    held, own = probabilities(truth, rows >= 40), probabilities(truth, rows >= 20)
    paired = memory_of(Answered(TWO, rows, own, 200, rows, held, truth, 0.0))
    assert paired.estimate == pytest.approx(20)
    shares = np.array([0.0] * 180 + [1.0] * 20)  # the oracle: a one-sample mean with its error
    half = 1.96 * shares.std() / np.sqrt(200) * 200
    assert (paired.low, paired.high) == pytest.approx((20 - half, 20 + half), rel=1e-3)


def test_no_difference_means_nothing_memorized() -> None:
    truth = np.random.default_rng(0).integers(0, 2, 100)
    values = probabilities(truth, np.arange(100) >= 10)
    memory = memory_of(Answered(TWO, np.arange(100), values, 100, np.arange(100), values, truth, 0))
    assert (memory.estimate, memory.low) == (0, 0)


def test_rows_with_random_labels_are_found() -> None:
    """60 of 600 labels are turned: most of these rows must be named, and they are half of those
    named, as a network that learned turned rows is wrong about some of their neighbors too."""
    generator = np.random.default_rng(0)
    clean = generator.integers(0, 2, 600)
    x = generator.normal(size=(600, 16))
    x[:, :4] += 2 * clean[:, None] - 1
    turned = generator.permutation(600)[:60]
    y = clean.copy()
    y[turned] = 1 - y[turned]
    halves = np.array_split(generator.permutation(600), 2)
    inside, outside = np.empty((600, 2)), np.empty((600, 2))
    for own, other in (halves, halves[::-1]):
        order = np.concatenate([own, other])
        data = table(x[order], y[order], len(own))
        network = retrain(replace(data, valid=data.valid[:0]), ROBUST)
        inside[own], outside[other] = network.values(data.rows), network.values(data.valid)
    memory = memory_of(Answered(TWO, np.arange(600), inside, 600, np.arange(600), outside, y, 0))
    # Some clean rows too: where they were not learned, a turned neighbor that was spoils them.
    assert memory.low > 40
    places, gains = memorized(y, inside, outside, TWO, 0.0, round(memory.estimate))
    found = np.isin(places, turned)
    assert found.sum() >= 36
    assert found.mean() >= 0.45  # a tenth of all rows are turned
    assert (np.diff(gains) <= 0).all()


def test_distances_of_each_kind_of_answer() -> None:
    numbers = Regress(["price"], [10.0], [2.0], [0.0], [20.0])
    truth, values = np.array([[10.0], [12.0]]), np.array([[11.0], [12.0]])
    assert distances(truth, values, numbers).tolist() == [0.5, 0.0]
    assert is_right(truth, values, numbers, 0.4).tolist() == [False, True]
    tags = Tags("about", ["a", "b"])
    said, known = np.array([[0.9, 0.2], [0.6, 0.7]]), np.array([[1, 0], [1, 0]])
    assert distances(known, said, tags) == pytest.approx([0.2, 0.7])
    assert is_right(known, said, tags).tolist() == [True, False]


# --- twins ------------------------------------------------------------------------------------


def test_where_there_is_only_noise_both_twins_are_alike() -> None:
    generator = np.random.default_rng(1)
    data = table(generator.normal(size=(200, 12)), generator.integers(0, 2, 200), 100)
    twins = twins_of(data, PLAN, seed=0)
    ends = [losses[-25:].mean() for losses in twins.losses]
    assert twins.own == pytest.approx((1.0, 1.0), abs=0.03)  # both are known by heart
    assert ends == pytest.approx([0.0, 0.0], abs=0.1)
    areas = [losses.mean() for losses in twins.losses]
    assert areas[0] == pytest.approx(areas[1], rel=0.25)
    assert all(0.35 < held < 0.65 for held in twins.held)


def test_where_there_is_a_rule_only_the_real_twin_finds_it() -> None:
    x = np.random.default_rng(2).normal(size=(300, 6))
    twins = twins_of(table(x, x[:, 0] > 0, 100), PLAN, seed=0)
    assert twins.held[0] > 0.85 > 0.65 > twins.held[1]
    assert twins.losses[0].mean() < 0.6 * twins.losses[1].mean()
    assert (twins.rows, twins.steps, twins.passes) == (100, 250, 80)
    figures = twins.figures()
    assert len(figures["losses"][0]) == 60


def test_shuffled_labels_are_the_same_labels_on_other_rows() -> None:
    x = np.random.default_rng(3).normal(size=(80, 2))
    data = table(x, np.arange(80) % 2, 60)
    mixed = shuffle_labels(data, seed=0)
    before, after = data.dataset.target, mixed.dataset.target
    assert sorted(before[:60].tolist()) == sorted(after[:60].tolist())
    assert not torch.equal(before[:60], after[:60])
    assert torch.equal(before[60:], after[60:])
    assert torch.equal(before, torch.arange(80) % 2)  # the data itself is left as it was


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_labels_say_nothing_about_the_class(seed: int) -> None:
    """Each class gets all labels in their shares: 60 rows, 20 % of them "yes"."""
    x = np.random.default_rng(3).normal(size=(80, 2))
    data = table(x, np.arange(80) % 5 == 0, 60)
    mixed = shuffle_labels(data, seed).dataset.target[:60]
    before = data.dataset.target[:60]
    assert int(mixed[before == 1].sum()) in (2, 3)
    assert int(mixed[before == 0].sum()) in (9, 10)


def test_a_long_curve_is_shown_as_means() -> None:
    ends, means = thin(np.arange(600, dtype=float), 600)
    assert len(ends) == 60
    assert (ends[0], ends[-1]) == (10, 600)
    assert means[0] == pytest.approx(4.5)


def test_evenly_keeps_both_ends() -> None:
    assert evenly(torch.arange(10), 20).tolist() == list(range(10))
    assert evenly(torch.arange(101), 3).tolist() == [0, 50, 100]
