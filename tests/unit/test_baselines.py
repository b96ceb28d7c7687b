"""Classical methods on every kind of column and task: honest, repeatable, kept without pickle."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from pellucid.baselines import BASELINES, FittedBaseline, fit_baselines
from pellucid.baselines.baseline import Problem
from pellucid.baselines.features import (
    FEATURES,
    FOR_LINEAR,
    FOR_TREES,
    calendar,
    cosines,
    hog,
    over_time,
    small,
)
from pellucid.baselines.linear import logistic
from pellucid.baselines.texts import Terms
from pellucid.baselines.trees import affordable
from pellucid.data.columns import Column, Loaded
from pellucid.learning.evaluate import Kind, score

ROWS = 120
TRAIN, VALID, TEST = np.arange(70), np.arange(70, 95), np.arange(95, ROWS)
NONE = np.arange(0)
WORDS = {0: "a dull and boring film", 1: "a great and lovely film", 2: "a strange noise at night"}


def column(modality: str, target: np.ndarray) -> Loaded:
    """A column of this kind that says a lot about the target 0, 1 or 2."""
    generator = np.random.default_rng(0)
    rows = len(target)
    noise = generator.normal(size=rows)
    if modality == "number":
        values = target + 0.2 * noise
        values[::9] = np.nan
        return Loaded(values)
    if modality == "category":
        words = np.array(["red", "green", "blue"], dtype=object)[target]
        words[::10], words[1::25] = None, "purple"
        return Loaded(words)
    if modality == "date":
        days = np.datetime64("2024-01-01") + (target * 100 + 5 * noise).astype("timedelta64[D]")
        dates = days.astype("datetime64[us]")
        dates[::11] = np.datetime64("NaT")
        return Loaded(dates)
    if modality == "text":
        texts = [f"{WORDS[int(one)]} number {row}" for row, one in enumerate(target)]
        return Loaded(np.array([*texts[:-1], None], dtype=object))
    if modality == "image":
        pictures = generator.integers(0, 60, (rows, 16, 16, 3))
        for row, one in enumerate(target):
            pictures[row, 3 + 4 * one : 6 + 4 * one, :, :] += 150
        return Loaded(pictures.astype(np.uint8))
    if modality == "audio":
        sounds = generator.normal(size=(rows, 20, 24, 1))
        for row, one in enumerate(target):
            sounds[row, :, 4 * one : 4 * one + 4] += 3
        sounds[::3, 15:] = np.nan
        return Loaded(sounds.astype(np.float16))
    series = generator.normal(size=(rows, 25, 2)) + target[:, None, None]
    series[::4, 20:] = np.nan
    return Loaded(series.astype(np.float32))


CLASSES = np.random.default_rng(7).integers(0, 3, ROWS)
TARGETS: dict[Kind, tuple[np.ndarray, int]] = {
    "classify": (CLASSES, 3),
    "grades": (CLASSES, 3),
    "tags": (np.stack([CLASSES == 0, CLASSES > 0, CLASSES < 0], 1).astype(np.int64), 3),
    "regress": (np.stack([CLASSES * 10.0, 5 - CLASSES], 1), 2),
}


def fit(
    modalities: list[str], kind: Kind = "classify", rows: int = ROWS, **options: object
) -> tuple[dict[str, FittedBaseline], dict[str, Loaded]]:
    target, outputs = TARGETS[kind]
    loaded = {f"a {name}": column(name, CLASSES) for name in modalities}
    columns = [Column(f"a {name}", name, "input", "made") for name in modalities]
    options = {"train": TRAIN, "valid": VALID, "budget_seconds": 3.0} | options
    found = fit_baselines(columns, loaded, target, kind, outputs, **options)  # type: ignore[arg-type]
    return {one.name: one for one in found}, loaded


def rows_of(loaded: dict[str, Loaded], rows: np.ndarray) -> dict[str, Loaded]:
    return {name: one.take(rows) for name, one in loaded.items()}


METHODS = {
    "number": {"logistic regression", "boosted trees"},
    "category": {"logistic regression", "boosted trees"},
    "date": {"logistic regression", "boosted trees"},
    "text": {"TF-IDF + logistic regression"},
    "image": {"HOG + logistic regression"},
    "audio": {"MFCC statistics + logistic regression", "boosted trees"},
    "series": {"random convolutions + ridge"},
}


@pytest.mark.parametrize("modality", METHODS)
def test_each_kind_of_column_has_its_methods_and_they_learn(modality: str) -> None:
    found, loaded = fit([modality])
    assert set(found) == {"constant answer"} | METHODS[modality]
    for name, one in found.items():
        chance = one.predict(rows_of(loaded, TEST))
        assert chance.shape == (len(TEST), 3)
        assert chance.sum(1) == pytest.approx(1)
        assert one.predict(rows_of(loaded, NONE)).shape == (0, 3)
        if name != "constant answer":
            assert score("classify", "accuracy", CLASSES[TEST], chance) > 0.75


@pytest.mark.parametrize("kind", TARGETS)
def test_mixed_columns_and_every_kind_of_task(kind: Kind) -> None:
    found, loaded = fit(["number", "category", "date", "text", "series", "image"], kind)
    assert len(found) == 3
    target, outputs = TARGETS[kind]
    losses = {}
    metric = "RMSE" if kind == "regress" else "log loss"
    for name, one in found.items():
        prediction = one.predict(rows_of(loaded, TEST))
        assert prediction.shape == (len(TEST), outputs)
        assert prediction.dtype == np.float64
        losses[name] = score(kind, metric, target[TEST], prediction)
        about, arrays, texts = one.state()
        assert all(array.dtype != object for array in arrays.values())
        again = FittedBaseline.restore(json.loads(json.dumps(about)), arrays, texts)
        assert (again.predict(rows_of(loaded, TEST)) == prediction).all()
        assert (again.name, again.why, again.seconds) == (one.name, one.why, one.seconds)
        assert one.bytes > 0
    assert all(
        loss < 0.6 * losses["constant answer"]
        for name, loss in losses.items()
        if name != "constant answer"
    )


def test_the_same_seed_gives_the_same_model() -> None:
    first, loaded = fit(["number", "category", "text"])
    second, _ = fit(["number", "category", "text"])
    for name in first:
        assert (first[name].predict(loaded) == second[name].predict(loaded)).all()


def test_test_rows_are_never_seen() -> None:
    """Other values and answers in the test rows leave every model as it is."""
    target, _ = TARGETS["classify"]
    kept = target.copy()
    first, loaded = fit(["number", "text", "category"])
    other = {name: Loaded(one.values.copy()) for name, one in loaded.items()}
    other["a number"].values[TEST] = 1e9
    other["a text"].values[TEST] = "zebra zebra"
    other["a category"].values[TEST] = "never"
    kept[TEST] = 0
    columns = [Column(name, name.removeprefix("a "), "input", "made") for name in loaded]
    again = fit_baselines(columns, other, kept, "classify", 3, TRAIN, VALID, 3.0)
    for one in again:
        assert (one.predict(loaded) == first[one.name].predict(loaded)).all()


def test_out_of_fold_predictions_are_of_fits_that_had_not_seen_the_row() -> None:
    """With targets that are pure noise, seeing the row would show: trees learn 70 rows by heart."""
    parts = np.array_split(np.random.default_rng(0).permutation(ROWS), 4)
    folds = [(np.setdiff1d(np.arange(ROWS), part), part) for part in parts]
    columns = [Column("x", "number", "input", "made")]
    loaded = {"x": Loaded(np.random.default_rng(1).normal(size=ROWS))}
    noise = np.random.default_rng(2).integers(0, 2, ROWS)
    everyone = np.arange(ROWS)
    found = fit_baselines(columns, loaded, noise, "classify", 2, everyone, NONE, 3.0, folds=folds)
    for one in found:
        assert one.out_of_fold is not None
        assert not np.isnan(one.out_of_fold).any()
        assert score("classify", "accuracy", noise, one.out_of_fold) < 0.65


def test_without_folds_there_are_no_out_of_fold_predictions() -> None:
    found, _ = fit(["number"])
    assert all(one.out_of_fold is None for one in found.values())


def test_settings_can_be_chosen_without_validation_rows() -> None:
    found, loaded = fit(["number", "category"], valid=NONE)
    chance = found["logistic regression"].predict(rows_of(loaded, TEST))
    assert score("classify", "accuracy", CLASSES[TEST], chance) > 0.75
    assert "on 70 held-out rows" in found["logistic regression"].why


def test_a_class_without_training_rows_is_possible() -> None:
    rare = np.flatnonzero(CLASSES[TRAIN] != 2)
    found, loaded = fit(["number", "text", "series"], train=rare)
    for one in found.values():
        chance = one.predict(rows_of(loaded, TEST))
        assert chance.shape == (len(TEST), 3)
        assert np.isfinite(chance).all()
    only = np.flatnonzero(CLASSES[TRAIN] == 1)
    found, loaded = fit(["number", "category"], train=only)
    for one in found.values():
        assert (one.predict(loaded).argmax(1) == 1).all()


def test_too_little_time_thins_the_rows_and_says_so() -> None:
    rows = 5_000
    generator = np.random.default_rng(0)
    loaded = {"x": Loaded(generator.normal(size=rows))}
    target = (loaded["x"].values + generator.normal(size=rows) > 0).astype(np.int64)
    columns = [Column("x", "number", "input", "made")]
    everyone = np.arange(rows)
    found = fit_baselines(
        columns, loaded, target, "classify", 2, everyone[:4_000], everyone[4_000:], 1e-3
    )
    linear, trees = found[1], found[2]
    assert "of 4,000 rows to save time" in linear.why
    assert "of 4,000 rows to save time" in trees.why
    assert score("classify", "accuracy", target, linear.predict(loaded)) > 0.7


def test_a_kind_of_column_that_is_not_known_is_left_out_and_named() -> None:
    columns = [
        Column("x", "number", "input", "made"),
        Column("shape", "molecule", "input", "made"),
        Column("y", "number", "target", "made"),
    ]
    loaded = {"x": column("number", CLASSES), "shape": Loaded(np.zeros(ROWS))}
    found = fit_baselines(columns, loaded, CLASSES, "classify", 3, TRAIN, VALID, 2.0)
    assert [one.why.endswith("; without 'shape'") for one in found] == [False, True, True]
    alone = fit_baselines(columns[1:], loaded, CLASSES, "classify", 3, TRAIN, VALID, 2.0)
    assert [one.name for one in alone] == ["constant answer"]


def test_progress_counts_methods() -> None:
    seen: list[tuple[int, int]] = []
    fit(["number"], progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_nothing_to_learn_from_is_an_error() -> None:
    with pytest.raises(ValueError, match="input column"):
        fit_baselines([], {}, CLASSES, "classify", 3, TRAIN, VALID, 1.0)


# --- parts against oracles --------------------------------------------------------------------


def test_tf_idf_agrees_with_scikit_learn() -> None:
    texts = ["one fish two fish", "red fish blue fish", "old fish new fish", ""]
    ours = Terms.fit(texts, "word", 1_000)
    oracle = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    assert ours.matrix(texts).toarray() == pytest.approx(oracle.fit_transform(texts).toarray())
    assert ours.terms == oracle.get_feature_names_out().tolist()


def test_signs_and_single_letters_are_counted_as_they_stand() -> None:
    """What tells two texts apart may be a `!`, an `I` or a capital."""
    texts = ["I win !", "i win .", "I win !", "i win ."]
    found = Terms.fit(texts, "signs", 1_000)
    assert {"I", "i", "!", ".", "win !", "I win"} <= set(found.terms)
    shouted, said = found.matrix(["I !", "i ."]).toarray()
    assert (shouted > 0).sum() == (said > 0).sum() == 2
    assert float(shouted @ said) == 0.0


def test_texts_without_any_word_are_allowed() -> None:
    ours = Terms.fit(["", "", ""], "word", 10)
    assert ours.matrix(["hello"]).shape == (1, 1)


def test_the_linear_model_agrees_with_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    matrix = StandardScaler().fit_transform(generator.normal(size=(60, 4)))
    for classes in (2, 3):
        target = generator.integers(0, classes, 60)
        weights, bias = logistic(matrix, target, classes, (0.1, 1.0))[1]
        logits = matrix @ weights + bias
        chance = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        oracle = LogisticRegression(C=1.0, max_iter=300).fit(matrix, target)
        assert chance == pytest.approx(oracle.predict_proba(matrix), abs=1e-3)


def test_hog_sees_the_direction_of_edges_not_the_brightness() -> None:
    across = np.zeros((1, 32, 32, 1), dtype=np.float32)
    across[:, 16:] = 0.5
    along = across.transpose(0, 2, 1, 3)
    first, second = hog(across), hog(along)
    assert first.shape == (1, 7 * 7 * 36)
    assert first[0] @ second[0] == pytest.approx(0, abs=1e-4)
    assert hog(across * 2)[0] == pytest.approx(first[0], abs=0.01)
    assert (hog(np.full((1, 32, 32, 1), 0.7, dtype=np.float32)) == 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (8, 8), (28, 28), (100, 60)])
def test_pictures_of_any_size_have_features(shape: tuple[int, int]) -> None:
    pictures = np.random.default_rng(0).random((3, *shape, 3)).astype(np.float32)
    assert hog(pictures).shape == hog(pictures[:1]).repeat(3, 0).shape
    assert np.isfinite(hog(pictures)).all()
    assert small(pictures, 8).shape == (3, min(8, shape[0]) * min(8, shape[1]) * 3)


def test_small_pictures_are_means_of_tiles() -> None:
    picture = np.arange(16.0, dtype=np.float32).reshape(1, 4, 4, 1)
    assert small(picture, 2)[0].tolist() == [2.5, 4.5, 10.5, 12.5]


def test_statistics_over_time_skip_gaps() -> None:
    series = np.array([[[1.0], [np.nan], [3.0], [5.0], [np.nan]]])
    mean, spread, low, high, first, last, slope = (part[0, 0] for part in over_time(series))
    assert (mean, low, high, first, last) == (3, 1, 5, 1, 5)
    assert spread == pytest.approx(np.std([1, 3, 5]))
    assert slope == pytest.approx(np.polyfit([0, 2, 3], [1, 3, 5], 1)[0])
    assert all((part == 0).all() for part in over_time(np.full((1, 4, 1), np.nan)))


def test_the_cosines_are_orthonormal() -> None:
    assert cosines(24, 20).T @ cosines(24, 20) == pytest.approx(np.eye(20), abs=1e-12)


def test_a_date_in_parts() -> None:
    values = np.array(["2024-02-29T18:30", "NaT"], dtype="datetime64[us]")
    days, month, day, weekday, hour = calendar(values)
    assert days[0] == pytest.approx(19782 + 18.5 / 24)
    assert (month[0], day[0], weekday[0], hour[0]) == (1, 28, 3, 18.5)  # a Thursday
    assert np.isnan(days[1])


def test_every_view_is_registered() -> None:
    assert set(FOR_LINEAR.values()) | set(FOR_TREES.values()) <= set(FEATURES)
    assert set(BASELINES) == {"constant", "linear", "trees", "random convolutions"}


def test_heavy_packages_wait_until_they_are_needed() -> None:
    code = (
        "import sys, pellucid.baselines; print({'sklearn', 'lightgbm', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("rows", "width", "seconds", "rounds", "left"),
    [
        (300, 4, 10.0, 1000, 300),  # nothing is left out where there is time
        (300, 900, 0.01, 100, 300),  # few rows are never left out
        (5_000, 50, 0.01, 100, 1000),
    ],
)
def test_trees_leave_out_rounds_before_rows(
    rows: int, width: int, seconds: float, rounds: int, left: int
) -> None:
    numbers = np.random.default_rng(0).normal(size=(rows, width))
    columns = [Column(f"x{i}", "number", "input", "") for i in range(width)]
    loaded = {one.name: Loaded(numbers[:, i]) for i, one in enumerate(columns)}
    all_rows = np.arange(rows)
    problem = Problem(
        *(columns, loaded, (numbers[:, 0] > 0).astype(np.int64), "classify", 2),
        *(all_rows, [(all_rows, all_rows[:9])], seconds, 0),
    )
    assert affordable(problem) == (rounds, left)
