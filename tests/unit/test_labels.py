"""Label errors: the arithmetic against cleanlab, the study against planted errors."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid.evidence.finding import Finding
from pellucid.evidence.labels import confident
from pellucid.evidence.labels.dynamics import dynamics
from pellucid.evidence.labels.held_out import folds_of, held_out
from pellucid.evidence.labels.study import study
from pellucid.evidence.labels.suspects import questions_of, suspects_of
from pellucid.evidence.subject import Material
from pellucid.recipe.study import material_of
from pellucid.recipe.watcher import Watcher
from pellucid.recording.run import Run
from pellucid.tasks.tags import Tags


def noisy(seed: int, missing_class: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Given labels, a tenth of them wrong, and probabilities that mostly know better."""
    rng = np.random.default_rng(seed)
    classes, rows = int(rng.integers(2, 8)), int(rng.integers(20, 600))
    true = rng.integers(0, classes, rows)
    if missing_class:
        true[true == 1] = 0
    spread = rng.dirichlet(np.full(classes, rng.choice([0.1, 0.5, 1.0])), rows)
    probability = spread + rng.uniform(0, 2) * np.eye(classes)[true]
    given = np.where(rng.random(rows) < 0.1, rng.integers(0, classes, rows), true)
    return given, probability / probability.sum(1, keepdims=True)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.filterwarnings("ignore::UserWarning")  # of cleanlab, about small classes
def test_the_same_as_cleanlab(seed: int) -> None:
    from cleanlab.count import compute_confident_joint, estimate_joint
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_normalized_margin_for_each_label

    given, probability = noisy(seed, missing_class=seed % 3 == 0)
    counts = confident.confident_counts(given, probability)
    assert np.array_equal(counts, compute_confident_joint(given, probability, calibrate=False))
    joint = confident.joint_counts(given, probability)
    assert joint / joint.sum() == pytest.approx(estimate_joint(given, probability))
    for ours, theirs in (("noise rate", "prune_by_noise_rate"), ("both", "both")):
        wrong = confident.wrong_labels(given, probability, ours)  # type: ignore[arg-type]
        expected = find_label_issues(given, probability, filter_by=theirs, n_jobs=1)
        assert np.array_equal(wrong, expected), theirs
    margin = confident.normalized_margin(given, probability)
    assert margin == pytest.approx(get_normalized_margin_for_each_label(given, probability))
    chosen = confident.wrong_labels(given, probability)
    assert chosen.sum() == confident.wrong_labels(given, probability, "noise rate").sum()
    assert chosen.all() or margin[chosen].max(initial=0) <= margin[~chosen].min()


def test_right_labels_are_not_doubted() -> None:
    given = np.arange(90) % 3
    probability = 0.05 + 0.85 * np.eye(3)[given]
    assert not confident.wrong_labels(given, probability).any()
    assert confident.estimated_errors(confident.joint_counts(given, probability)) == 0
    assert confident.share_interval(given, probability) == (0.0, 0.0)


def test_the_interval_covers_the_planted_share() -> None:
    rng = np.random.default_rng(4)
    true = rng.integers(0, 3, 900)
    given = np.where(rng.random(900) < 0.06, (true + 1) % 3, true)
    probability = 0.04 + 0.88 * np.eye(3)[true]
    low, high = confident.share_interval(given, probability)
    assert low < (given != true).mean() < high


def test_numbers_far_from_answer_and_neighbors() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal([4, 0], 1, size=(300, 2))
    number = np.arctan2(features[:, 1], features[:, 0]) * 10
    given = number + rng.normal(scale=0.3, size=300)
    given[[5, 50]] += [8, -8]
    near = confident.nearest(features.astype(np.float32))
    found = confident.wrong_numbers(given, number, near)
    assert np.flatnonzero(found.wrong).tolist() == [5, 50]
    # A row that the model misses, but that looks like its neighbors, is the model's fault.
    answer = number.copy()
    answer[7] += 8
    assert not confident.wrong_numbers(given, answer, near).wrong[7]


def test_dear_things_may_be_further_off() -> None:
    """Errors that grow with the number are no errors of the label."""
    rng = np.random.default_rng(1)
    number = np.sort(rng.lognormal(3, 1.5, 1_000))
    given = number * rng.normal(1, 0.1, 1_000)
    near = (np.arange(1_000)[:, None] + np.arange(1, 11)) % 1_000
    assert confident.wrong_numbers(given, number, near).wrong.sum() <= 3


def test_nearest_rows_are_those_of_scikit_learn() -> None:
    from sklearn.neighbors import NearestNeighbors

    features = np.random.default_rng(2).normal(size=(80, 5)).astype(np.float32)
    oracle = NearestNeighbors(n_neighbors=4, metric="cosine").fit(features)
    expected = oracle.kneighbors(return_distance=False)
    found = confident.nearest(features, 4)
    assert np.array_equal(np.sort(found, 1), np.sort(expected, 1))


def test_folds_keep_together_and_ask_every_row_once() -> None:
    rows = np.arange(100, 190)
    clusters, labels = np.repeat(np.arange(30), 3), np.repeat([0, 1], 45)
    folds = folds_of(rows, clusters, labels, 5, seed=0)
    asked = np.concatenate([ask for _, ask in folds])
    assert np.array_equal(np.sort(asked), rows)
    for learn, ask in folds:
        assert not set(clusters[learn - 100]) & set(clusters[ask - 100])
        assert labels[ask - 100].mean() == pytest.approx(0.5, abs=0.1)


def test_tags_are_questions_of_yes_and_no() -> None:
    truth = np.array([[1, 0], [0, 1]])
    values = np.array([[0.1, 0.2], [0.3, 0.9]])
    first, second = questions_of(Tags("colors", ["red", "round"]), truth, values)
    assert first.classes == ("not red", "red")
    assert second.probability.tolist() == [[0.8, 0.2], [pytest.approx(0.1), 0.9]]
    (suspect,) = suspects_of(first, np.array([7, 9]), np.array([True, False]))
    assert (suspect.row, suspect.given, suspect.suggested) == (7, "red", "not red")
    assert suspect.probability == pytest.approx(0.9)


# --- the study --------------------------------------------------------------------------------

PLANTED = (3, 17, 40, 66, 101, 150)


def table(folder: Path) -> Path:
    """Three kinds that two numbers tell apart, with some labels swapped."""
    rng = np.random.default_rng(0)
    kind = np.arange(240) % 3
    a, b = 7 * np.eye(3)[kind][:, :2].T + rng.normal(scale=0.7, size=(2, 240))
    said = np.array(["ash", "elm", "oak"])[kind]
    for row in PLANTED:
        said[row] = {"ash": "elm", "elm": "oak", "oak": "ash"}[said[row]]
    lines = [f"{x:.3f},{y:.3f},{name}" for x, y, name in zip(a, b, said)]
    path = folder / "trees.csv"
    path.write_text("\n".join(["a,b,tree", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("labels")
    return pellucid.learn(
        table(folder), out=folder / "trees.run", time=2.0, quiet=True, report=False
    )


@pytest.fixture
def material(run: Run) -> Material:
    return material_of(run, Watcher(), seconds=5.0)


def test_planted_errors_come_first(material: Material) -> None:
    finding = study(material)
    assert finding.known
    planted = set(PLANTED) - set(material.test.tolist())
    path = material.run.path / "evidence" / finding.figures["file"]
    listed = list(csv.DictReader(path.read_text().splitlines()))
    assert list(listed[0]) == ["place", "row", "given", "suggested", "probability", "score"]
    assert {int(line["row"]) for line in listed[: len(planted)]} == planted
    assert listed[0]["place"] == f"trees.csv line {int(listed[0]['row']) + 2}"
    first = [float(line["score"]) for line in listed[: len(planted)]]
    assert first == sorted(first)
    assert not {int(line["row"]) for line in listed} & set(material.test.tolist())
    assert finding.tables[0].row_numbers[0] == int(listed[0]["row"])
    assert str(listed[0]["place"]) in finding.sentence
    suspects = finding.figures["suspects_in_test"]
    assert {one["row"] for one in suspects} >= set(PLANTED) & set(material.test.tolist())
    assert Finding.from_json(finding.as_json()).sentence == finding.sentence


def test_an_edited_list_is_not_written_over(material: Material, tmp_path: Path) -> None:
    folder = material.run.path / "evidence"
    folder.mkdir(exist_ok=True)
    (folder / "labels.csv").write_text("place,row\ntrees.csv line 5,3\n")
    finding = study(material)
    assert finding.figures["file"] == "labels-new.csv"
    assert (folder / "labels.csv").read_text() == "place,row\ntrees.csv line 5,3\n"
    for file in folder.iterdir():
        file.unlink()


def test_the_network_resisted_wrong_labels(material: Material) -> None:
    course = dynamics(material, np.arange(240), 5.0)
    assert course is not None
    assert len(course.steps) >= 2
    assert 0 not in course.steps
    assert np.array_equal(course.rows, np.sort(material.folds[0][0]))
    given = material.truth[course.rows]
    own = course.mean[np.arange(len(given)), given]
    wrong = np.isin(course.rows, PLANTED)
    assert own[wrong].max() < np.median(own[~wrong])
    assert course.variability(given).shape == given.shape


def test_folds_anew_where_the_run_has_no_answers(material: Material) -> None:
    few = replace(material, held=material.held[:40], held_values=material.held_values[:40])
    found = held_out(few)
    learn = np.sort(np.concatenate([material.train, material.valid]))
    assert np.array_equal(found.rows, learn)
    assert found.values.sum(1) == pytest.approx(1.0)
    wrong = confident.wrong_labels(material.truth[found.rows], found.values)
    planted = set(PLANTED) & set(learn.tolist())
    assert len(planted & set(found.rows[wrong].tolist())) >= len(planted) - 1


def test_nothing_is_said_where_the_model_only_guesses(material: Material) -> None:
    learn = np.concatenate([material.train, material.valid])
    finding = study(replace(material, held=learn, held_values=np.full((len(learn), 3), 1 / 3)))
    assert not finding.known
    assert "guessing" in finding.sentence
