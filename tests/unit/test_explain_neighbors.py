"""Alike examples against scikit-learn's nearest neighbors, and what a run keeps for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from explaining import cells, number_task
from sklearn.neighbors import NearestNeighbors

from pellucid.data.columns import Column, Loaded
from pellucid.evidence.explain.neighbors import cosine, neighbors, said_target
from pellucid.evidence.explain.reference import MOST, Reference, gather
from pellucid.evidence.subject import Rows
from pellucid.tasks.classify import Classify
from pellucid.tasks.tags import Tags

COLUMNS = [Column("size", "number", "input", ""), Column("town", "category", "input", "")]


def reference(truth: np.ndarray, features: np.ndarray) -> Reference:
    count = len(truth)
    rows = cells(size=np.arange(count, dtype=np.float64), town=[f"t{i}" for i in range(count)])
    places = [f"line {number}" for number in range(count)]
    return gather(COLUMNS, rows, truth, places, np.arange(count), lambda r: features[r], 60.0)


def test_the_nearest_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 12)).astype(np.float32)
    one = rng.normal(size=12).astype(np.float32)
    truth = rng.integers(0, 3, 300)
    task = Classify("kind", ["a", "b", "c"])
    found = neighbors(reference(truth, features), task, one, np.array([0.1, 0.8, 0.1]))
    # Features are kept in half precision.
    halved = features.astype(np.float16).astype(np.float32)
    oracle = NearestNeighbors(n_neighbors=300, metric="cosine").fit(halved)
    away, order = oracle.kneighbors(one[None])
    assert [near.row for near in found.nearest] == order[0, :5].tolist()
    assert [near.similarity for near in found.nearest] == pytest.approx(1 - away[0, :5], abs=1e-5)
    assert [near.target for near in found.nearest] == [task.classes[truth[r]] for r in order[0, :5]]
    first_other = next(row for row in order[0] if truth[row] != 1)
    assert found.other is not None
    assert found.other.row == first_other
    assert found.searched == 300


def test_an_example_is_nearest_to_itself() -> None:
    features = np.eye(4, dtype=np.float32)
    found = neighbors(
        reference(np.array([0, 1, 0, 1]), features), Classify("k", ["a", "b"]), features[2],
        np.array([1.0, 0.0]),
    )  # fmt: skip
    assert found.nearest[0].row == 2
    assert found.nearest[0].similarity == pytest.approx(1.0)
    assert found.nearest[0].place == "line 2"
    assert found.nearest[0].drawing["town"].data == "t2"


def test_where_all_are_of_one_kind_there_is_no_other() -> None:
    found = neighbors(
        reference(np.zeros(9, dtype=np.int64), np.ones((9, 3), np.float32)),
        Classify("k", ["a", "b"]), np.ones(3, np.float32), np.array([0.9, 0.1]),
    )  # fmt: skip
    assert found.other is None


def test_for_numbers_the_most_different_of_the_alike_is_shown() -> None:
    features = np.stack([np.ones(40), np.linspace(0, 1, 40)], axis=1).astype(np.float32)
    truth = np.zeros((40, 1))
    truth[7] = 50.0
    truth[39] = 999.0  # not among the nearest
    found = neighbors(reference(truth, features), number_task(), features[0], np.array([0.0]))
    assert found.other is not None
    assert found.other.target == 50.0


def test_tags_differ_in_any_tag() -> None:
    truth = np.array([[1, 0], [1, 0], [1, 1]], dtype=np.float32)
    features = np.array([[1, 0], [1, 0.1], [1, 0.2]], dtype=np.float32)
    found = neighbors(
        reference(truth, features), Tags("tags", ["x", "y"]), features[0], np.array([0.9, 0.2])
    )
    assert found.other is not None
    assert found.other.target == ["x", "y"]


def test_a_vector_of_nothing_is_alike_to_none() -> None:
    assert cosine(np.ones((2, 3)), np.zeros(3)).tolist() == [0.0, 0.0]


def test_targets_are_said_as_people_say_them() -> None:
    assert said_target(number_task(), np.array([3.5])) == 3.5
    assert said_target(Tags("t", ["x", "y"]), np.array([0.0, 1.0])) == ["y"]
    assert said_target(Classify("k", ["no", "yes"]), 1) == "yes"


# --- what a run keeps ------------------------------------------------------------------------


def everything(count: int) -> tuple[list[Column], Rows]:
    rng = np.random.default_rng(0)
    kinds = {"size": "number", "town": "category", "day": "date", "note": "text",
             "photo": "image", "curve": "series"}  # fmt: skip
    rows = cells(
        size=rng.normal(size=count),
        town=[None if i == 0 else f"t{i % 3}" for i in range(count)],
        day=np.datetime64("2024-01-01", "us") + np.arange(count) * np.timedelta64(1, "D"),
        note=[f"text {i} " + "word " * 200 for i in range(count)],
    )
    rows["photo"] = Loaded(rng.integers(0, 255, (count, 100, 60, 3), dtype=np.uint8), {"side": 60})
    curves = rng.normal(size=(count, 500, 2)).astype(np.float32)
    curves[1, 250:] = np.nan
    rows["curve"] = Loaded(curves)
    return [Column(name, kind, "input", "") for name, kind in kinds.items()], rows


def test_what_is_kept_is_read_back_as_it_was(tmp_path: Path) -> None:
    columns, rows = everything(90)
    kept = gather(columns, rows, np.arange(90), [f"r{i}" for i in range(90)], np.arange(10, 90),
                  lambda r: np.ones((len(r), 4)) * r[:, None], 60.0)  # fmt: skip
    kept.save(tmp_path)
    back = Reference.load(tmp_path)
    assert back is not None
    assert len(back) == 80
    assert set(back.row_numbers.tolist()) == set(range(10, 90))
    assert back.target.tolist() == back.row_numbers.tolist()
    assert back.places[0] == f"r{back.row_numbers[0]}"
    assert back.features[:, 0].tolist() == back.row_numbers.tolist()
    first = int(back.row_numbers[0])
    for name in ("size", "town", "day"):
        assert back.values[name].values[0] == rows[name].values[first]
    background = back.background(16)
    assert len(background["photo"].values) == 16
    assert background["photo"].layout == {"side": 60}
    for name, column in rows.items():
        assert np.array_equal(
            background[name].values[0], column.values[first], equal_nan=name == "curve"
        )


def test_examples_can_be_drawn_small(tmp_path: Path) -> None:
    columns, rows = everything(30)
    kept = gather(columns, rows, np.arange(30), ["r"] * 30, np.arange(30),
                  lambda r: np.ones((len(r), 4)), 60.0)  # fmt: skip
    kept.save(tmp_path)
    back = Reference.load(tmp_path)
    assert back is not None
    drawing = back.drawing(int(np.flatnonzero(back.row_numbers == 1)[0]))
    assert set(drawing) == set(rows)
    assert max(drawing["photo"].data.shape[:2]) <= 40
    assert len(drawing["note"].data) == 300
    assert drawing["curve"].data.shape[0] == 42  # the padding is left out: half of 84 points
    assert drawing["size"].data == rows["size"].values[1]


def test_a_slow_network_has_fewer_rows_to_compare_with() -> None:
    rows = cells(size=np.zeros(2 * MOST), town=["x"] * 2 * MOST)
    kept = gather(COLUMNS, rows, np.zeros(2 * MOST), [""] * 2 * MOST, np.arange(2 * MOST),
                  lambda r: np.ones((len(r), 2)), 0.0)  # fmt: skip
    assert len(kept) == 256
    fast = gather(COLUMNS, rows, np.zeros(2 * MOST), [""] * 2 * MOST, np.arange(2 * MOST),
                  lambda r: np.ones((len(r), 2)), 60.0)  # fmt: skip
    assert len(fast) == MOST


def test_a_run_without_them_says_so(tmp_path: Path) -> None:
    assert Reference.load(tmp_path) is None
