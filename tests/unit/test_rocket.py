"""Random convolutions against slow, obvious code; the ridge against scikit-learn."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.linear_model import RidgeClassifierCV

from pellucid.baselines import FittedBaseline, fit_baselines
from pellucid.baselines.baseline import State
from pellucid.baselines.rocket import (
    ALPHAS,
    Convolutions,
    clean,
    dilations_and_cuts,
    fit_ridge,
    kernels,
    pool,
    steps_of,
)
from pellucid.data.columns import Column, Loaded

NAN = np.nan


def waves(rows: int, time: int, seed: int, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Slow or fast waves at random moments, in noise: `(rows, time, channels)` and classes."""
    generator = np.random.default_rng(seed)
    target = generator.integers(0, 2, rows)
    start = generator.uniform(0, 6, (rows, 1))
    phase = start + np.arange(time) * np.where(target, 0.9, 0.4)[:, None]
    series = np.sin(phase)[:, :, None] + generator.normal(size=(rows, time, channels)) * 0.3
    return series.astype(np.float32), target


def test_the_84_kernels_are_all_different_and_blind_to_the_level() -> None:
    found = kernels()
    assert found.shape == (84, 9)
    assert len({tuple(row) for row in found.tolist()}) == 84
    assert (found.sum(1) == 0).all()


def test_dilations_reach_the_length_and_all_cuts_are_given_away() -> None:
    for length in (9, 24, 150, 1_000):
        plan = dilations_and_cuts(length, 74)
        assert sum(cuts for _, cuts in plan) == 74
        assert all(8 * dilation < length for dilation, _ in plan)
    assert dilations_and_cuts(9, 74) == [(1, 74)]


def test_gaps_are_bridged_and_ends_are_padding() -> None:
    values = np.array([[[1.0], [NAN], [3.0], [NAN], [NAN]], [[NAN], [2], [2], [2], [5]]])
    series, lengths = clean(values)
    assert series[:, 0].tolist() == [[1, 2, 3, 0, 0], [2, 2, 2, 2, 5]]
    assert lengths.tolist() == [3, 5]
    steps, ends = steps_of(series, lengths)
    assert steps[:, 0].tolist() == [[1, 1, 0, 0], [0, 0, 0, 3]]
    assert ends.tolist() == [2, 4]


def test_a_series_of_nothing_is_allowed() -> None:
    series, lengths = clean(np.full((2, 4, 2), NAN))
    assert (series == 0).all()
    assert lengths.tolist() == [0, 0]


def test_pooling_by_hand() -> None:
    """Above 0 are moments 1, 2 and 4: share 3/5, excess (1+2+3)/3, moment 7/3, stretch 2."""
    outputs = np.array([-1.0, 1.0, 2.0, -5.0, 3.0], dtype=np.float32)[:, None, None]
    found = pool(outputs, np.zeros((1, 1), dtype=np.float32), np.array([5]))
    assert found[0, 0, 0] == pytest.approx([0.6, 2.0, 7 / 3, 2])
    none = pool(outputs, np.full((1, 1), 9.0, dtype=np.float32), np.array([5]))
    assert none[0, 0, 0].tolist() == [0, 0, -1, 0]
    cut_short = pool(outputs, np.zeros((1, 1), dtype=np.float32), np.array([2]))
    assert cut_short[0, 0, 0] == pytest.approx([0.5, 1.0, 1.0, 1])


def test_features_agree_with_slow_code() -> None:
    """The share above the threshold, kernel by kernel and moment by moment."""
    values, _ = waves(5, 40, 0, channels=2)
    fitted = Convolutions.fit(values, thresholds=4, seed=0)
    found = fitted.matrix(values)
    assert found.shape == (5, 84 * 4 * 4 * 2)
    series, _ = fitted.views(values)[0]
    layer = fitted.layers[0][1]
    at = sum(one.thresholds.size for one in fitted.layers[0][:1]) * 4
    kernel = int(np.flatnonzero(layer.padded)[0])
    padded = np.pad(series[3], ((0, 0), (4 * layer.dilation,) * 2))
    slow = [
        (
            layer.weights[kernel]
            * padded[:, moment : moment + 8 * layer.dilation + 1 : layer.dilation]
        ).sum()
        for moment in range(40)
    ]
    assert found[3, at] == pytest.approx(np.mean(np.array(slow) > layer.thresholds[kernel, 0]))


def test_more_padding_changes_nothing() -> None:
    values, _ = waves(8, 30, 1)
    values[2, 20:] = NAN
    values[5, 12:] = NAN
    fitted = Convolutions.fit(values, thresholds=4, seed=0)
    wider = np.pad(values, ((0, 0), (0, 7), (0, 0)), constant_values=NAN)
    assert (fitted.matrix(wider) == fitted.matrix(values)).all()


@pytest.mark.parametrize("time", [1, 3, 9, 12])
def test_short_series_work(time: int) -> None:
    values, _ = waves(6, time, 0)
    found = Convolutions.fit(values, thresholds=4, seed=0).matrix(values)
    assert np.isfinite(found).all()


def test_leaving_out_one_row_agrees_with_doing_it() -> None:
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(20, 50)).astype(np.float32)
    target = np.sign(matrix[:, :2] + generator.normal(size=(20, 2)))
    fitted, left_out = fit_ridge(matrix, target)
    scaled = (matrix - matrix.mean(0)) / matrix.std(0)
    for row in range(20):
        rest = np.arange(20) != row
        oracle = SklearnRidge(alpha=fitted.alpha).fit(scaled[rest], target[rest])
        assert left_out[row] == pytest.approx(oracle.predict(scaled[[row]])[0], abs=1e-3)


def test_alpha_and_scores_agree_with_scikit_learn() -> None:
    generator = np.random.default_rng(1)
    matrix = generator.normal(size=(40, 30)).astype(np.float32)
    target = np.sign(matrix[:, 0] + generator.normal(size=40))
    fitted, _ = fit_ridge(matrix, target[:, None])
    scaled = (matrix - matrix.mean(0)) / matrix.std(0)
    oracle = RidgeClassifierCV(alphas=ALPHAS).fit(scaled, target)
    assert fitted.alpha == pytest.approx(oracle.alpha_)
    assert fitted.scores(matrix)[:, 0] == pytest.approx(oracle.decision_function(scaled), abs=1e-3)


def learn(values: np.ndarray, target: np.ndarray, kind: str, outputs: int) -> FittedBaseline:
    rows = np.arange(len(values))
    columns = [Column("wave", "series", "input", "made")]
    found = fit_baselines(
        columns,
        {"wave": Loaded(values)},
        target,
        kind,
        outputs,
        rows[:60],
        rows[:0],
        0.5,
        0,  # type: ignore[arg-type]
    )
    return next(one for one in found if one.name == "random convolutions + ridge")


def test_it_learns_tells_probabilities_and_survives_the_round_trip() -> None:
    values, target = waves(100, 40, 2)
    fitted = learn(values, target, "classify", 2)
    rest = {"wave": Loaded(values[60:])}
    chance = fitted.predict(rest)
    assert (chance.argmax(1) == target[60:]).mean() > 0.9
    assert chance.sum(1) == pytest.approx(1)
    about, arrays, texts = fitted.state()
    again = FittedBaseline.restore(json.loads(json.dumps(about)), arrays, texts)
    assert (again.predict(rest) == chance).all()


def test_numbers_and_tags() -> None:
    values, target = waves(100, 40, 3)
    numbers = learn(values, 10.0 * target[:, None], "regress", 1).predict(
        {"wave": Loaded(values[60:])}
    )
    assert np.corrcoef(numbers[:, 0], target[60:])[0, 1] > 0.9
    tags = np.stack([target, 1 - target, np.zeros(100, dtype=int)], 1)
    chance = learn(values, tags, "tags", 3).predict({"wave": Loaded(values[60:])})
    assert ((chance[:, :2] > 0.5) == tags[60:, :2]).mean() > 0.9
    assert (chance[:, 2] < 0.5).all()


def test_plans_are_kept_as_plain_arrays() -> None:
    values, _ = waves(10, 20, 0)
    fitted = Convolutions.fit(values, thresholds=4, seed=0)
    state = fitted.state()
    assert all(array.dtype != object for array in state.arrays.values())
    again = Convolutions.restore(State(json.loads(json.dumps(state.json)), state.arrays, {}))
    assert (again.matrix(values) == fitted.matrix(values)).all()
