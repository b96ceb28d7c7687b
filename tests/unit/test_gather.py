"""Series and pictures spread over cells are put together, and features are left alone."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pellucid.data.columns import RawColumn, RawTable
from pellucid.data.readers.gather import Gathering, find_gathering


def table(columns: dict[str, np.ndarray]) -> RawTable:
    rows = len(next(iter(columns.values())))
    raw = {name: RawColumn(name, values) for name, values in columns.items()}
    return RawTable("made", raw, [f"row {row}" for row in range(rows)])


def courses(count: int = 40, length: int = 24) -> np.ndarray:
    """Slow random walks."""
    return np.cumsum(np.random.default_rng(0).normal(size=(count, length)), axis=1)


def words(count: int = 40) -> np.ndarray:
    return np.array(["up", "down"] * (count // 2), dtype=object)


@pytest.mark.parametrize("pattern", ["t{}", "time_{}", "{}", "V{}", "x{:03d}"])
def test_wide_series_are_gathered(pattern: str) -> None:
    values = courses()
    cells = {pattern.format(i + 1): values[:, i] for i in range(24)}
    found = find_gathering(table({**cells, "label": words()}))
    assert found is not None
    assert found.way == "wide"
    whole = Gathering.from_json(json.loads(json.dumps(found.as_json()))).apply(
        table({**cells, "label": words()})
    )
    assert list(whole.columns) == ["series", "label"]
    assert whole.columns["series"].values == pytest.approx(values, rel=1e-5)
    assert "--as" in whole.notes[-1]


def test_columns_in_another_order_are_put_in_order() -> None:
    values = courses()
    order = np.random.default_rng(1).permutation(24)
    found = find_gathering(table({f"t{i}": values[:, i] for i in order}))
    assert found is not None
    assert found.columns == tuple(f"t{i}" for i in range(24))


def test_numbered_features_without_a_course_stay_features() -> None:
    values = np.random.default_rng(0).normal(size=(40, 30))
    assert find_gathering(table({f"x{i}": values[:, i] for i in range(30)})) is None


def test_few_or_gappy_columns_stay_features() -> None:
    values = courses()
    assert find_gathering(table({f"t{i}": values[:, i] for i in range(8)})) is None
    gappy = {f"t{2 * i}": values[:, i] for i in range(24)}
    assert find_gathering(table(gappy)) is None


def test_what_the_user_said_of_a_column_holds() -> None:
    values = courses()
    made = table({f"t{i}": values[:, i] for i in range(24)})
    assert find_gathering(made, keep={"t0"}) is None
    assert find_gathering(made, target="t3") is None


def test_pixels_become_pictures() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 64)).astype(float)
    made = table({"label": words(20), **{f"pixel{i}": pixels[:, i] for i in range(64)}})
    found = find_gathering(made)
    assert found is not None
    picture = found.apply(made).columns["picture"].values
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, pixels.reshape(-1, 8, 8))


def test_long_tables_are_gathered() -> None:
    ids, times = np.repeat(np.arange(6.0), 10), np.tile(np.arange(10.0), 6)
    values = np.random.default_rng(0).normal(size=60)
    label = np.repeat(np.array(["a", "b"] * 3, dtype=object), 10)
    made = table({"id": ids, "time": times, "value": values, "label": label})
    found = find_gathering(made)
    assert found is not None
    assert found.way == "long"
    assert len(found.apply(made)) == 6
