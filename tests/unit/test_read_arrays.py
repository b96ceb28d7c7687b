"""Arrays and series: .npy, .npz, (X, y), .ts files, long and wide tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.data.columns import RawTable
from pellucid.data.read import read, read_for_prediction
from pellucid.data.readers.long import gather_long, looks_long
from pellucid.errors import DataError


def test_matrix_and_answers() -> None:
    raw = read((np.arange(6).reshape(3, 2), ["u", "v", "u"]))
    assert list(raw.columns) == ["x1", "x2", "y"]
    assert raw.columns["x2"].values.tolist() == [1.0, 3.0, 5.0]
    assert raw.columns["y"].values.tolist() == ["u", "v", "u"]
    assert raw.target == "y"
    raw = read((np.eye(3), np.arange(6.0).reshape(3, 2)))
    assert raw.target == "y1,y2"
    assert raw.columns["y2"].values.tolist() == [1.0, 3.0, 5.0]
    raw = read((np.eye(3), np.array([[True], [False], [True]])))
    assert raw.columns["y"].values.tolist() == ["true", "false", "true"]


@pytest.mark.parametrize(
    ("shape", "dtype", "name", "result"),
    [
        ((4, 8, 8), float, "image", (4, 8, 8)),
        ((4, 6, 9), np.uint8, "image", (4, 6, 9)),
        ((4, 6, 9, 3), float, "image", (4, 6, 9, 3)),
        ((4, 3, 6, 9), float, "image", (4, 6, 9, 3)),
        ((4, 50, 2), float, "series", (4, 50, 2)),
        ((4, 2, 50), float, "series", (4, 50, 2)),
        ((4, 1, 50), float, "series", (4, 50, 1)),
        ((4, 50, 1), float, "series", (4, 50, 1)),
        ((4, 24, 90), float, "series", (4, 24, 90)),
    ],
)
def test_more_axes(shape: tuple[int, ...], dtype: Any, name: str, result: tuple[int, ...]) -> None:
    raw = read(np.zeros(shape, dtype))
    assert list(raw.columns) == [name]
    assert raw.columns[name].values.shape == result
    assert any("is read as" in note for note in raw.notes)


@pytest.mark.parametrize("channels", [2, 6, 40])
def test_time_is_the_axis_along_which_values_are_smooth(channels: int) -> None:
    """As aeon and sktime write series (channels first), and as Keras does; each channel has a unit
    of its own, and some values are missing."""
    rng = np.random.default_rng(channels)
    walks = rng.normal(size=(30, 25, channels)).cumsum(1) * 10.0 ** rng.integers(-2, 3, channels)
    walks[rng.random(walks.shape) < 0.1] = np.nan
    for array, turned in ((walks, False), (walks.transpose(0, 2, 1), True)):
        raw = read(array).columns["series"]
        assert raw.turned == turned
        np.testing.assert_array_equal(raw.values, walks)


def test_channels_first_keeps_the_pixels() -> None:
    array = np.random.default_rng(0).random((2, 3, 5, 7))
    values = read(array).columns["image"].values
    assert np.array_equal(values[1, :, :, 2], array[1, 2])


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"),
        ("X_train", "Y_train", "X_valid", "Y_valid", "X_test", "Y_test"),
        ("train_images", "train_labels", "dev_images", "dev_labels", "test_images", "test_labels"),
    ],
)
def test_named_parts(tmp_path: Path, names: tuple[str, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 255, (6, 4, 5), np.uint8)
    labels = np.arange(6)
    arrays = {}
    for position, part in enumerate((slice(0, 3), slice(3, 4), slice(4, 6))):
        arrays[names[2 * position]] = images[part]
        arrays[names[2 * position + 1]] = labels[part]
    np.savez(tmp_path / "d.npz", **arrays)
    raw = read(tmp_path / "d.npz")
    assert raw.split is not None
    assert raw.split.tolist() == ["train"] * 3 + ["valid"] + ["test"] * 2
    assert np.array_equal(raw.columns["image"].values, images)
    assert raw.columns["y"].values.tolist() == [0, 1, 2, 3, 4, 5]
    folder = tmp_path / "parts"
    folder.mkdir()
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    assert np.array_equal(read(folder).columns["image"].values, images)


def test_npz_and_npy(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=np.eye(3), target=np.array(["u", "v", "u"]))
    assert read(tmp_path / "a.npz").target == "y"
    np.savez(tmp_path / "b.npz", speed=np.arange(3.0), wave=np.zeros((3, 9)))
    raw = read(tmp_path / "b.npz")
    assert raw.columns["wave"].values.shape == (3, 9)
    assert raw.target is None
    np.save(tmp_path / "c.npy", np.eye(3))
    assert list(read(tmp_path / "c.npy").columns) == ["x1", "x2", "x3"]
    record = np.array([(1, "u"), (2, "v")], dtype=[("n", int), ("word", "U3")])
    np.save(tmp_path / "d.npy", record)
    assert read(tmp_path / "d.npy").columns["word"].values.tolist() == ["u", "v"]


def test_scikit_learn_data_sets() -> None:
    from sklearn.datasets import load_iris

    raw = read(load_iris())
    assert next(iter(raw.columns)) == "sepal length (cm)"
    assert raw.target == "y"


def test_masked_and_missing_values() -> None:
    masked = np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[0, 1], [0, 0]])
    assert np.isnan(read(masked).columns["x2"].values).tolist() == [True, False]


# --- .ts ----------------------------------------------------------------------------------------

TS = """# a comment
@problemName Walks
@timeStamps false
@univariate false
@classLabel true up down
@data
1,2,3:4,5,6:up
1,?,3:4,5:down
1,2:3,4:sideways
1,2:up
7,8:9,10:?
"""


def test_ts_file(tmp_path: Path) -> None:
    (tmp_path / "Walks.ts").write_text(TS)
    raw = read(tmp_path / "Walks.ts")
    series = raw.columns["series"].values
    assert series[0].tolist() == [[1, 4], [2, 5], [3, 6]]
    assert series[0].dtype == np.float32
    assert np.isnan(series[1]).tolist() == [[False, False], [True, False], [False, True]]
    assert raw.columns["label"].values.tolist() == ["up", "down", None]
    assert raw.target == "label"
    assert list(raw.places) == ["Walks.ts line 7", "Walks.ts line 8", "Walks.ts line 11"]
    assert [(item.place, item.why) for item in raw.refused] == [
        ("Walks.ts line 9", "class 'sideways' is not among up, down"),
        ("Walks.ts line 10", "1 channels instead of 2"),
    ]
    assert list(raw.repaired) == [1]


def test_ts_pair_and_regression(tmp_path: Path) -> None:
    for part in ("TRAIN", "TEST"):
        (tmp_path / f"Gun_{part}.ts").write_text("@targetLabel true\n@data\n1,2:0.5\n3,4:1.5\n")
    raw = read(tmp_path)
    assert raw.split is not None
    assert raw.split.tolist() == ["train", "train", "test", "test"]
    assert raw.columns["target"].values.tolist() == [0.5, 1.5, 0.5, 1.5]
    (tmp_path / "Other.ts").write_text("@data\n1,2\n")
    with pytest.raises(DataError, match="holds 2 problems: Gun, Other"):
        read(tmp_path)


def test_ts_of_the_name_of_the_folder_comes_first(tmp_path: Path) -> None:
    folder = tmp_path / "Vowels"
    folder.mkdir()
    for name in ("Vowels_TRAIN", "Vowels_TEST", "Vowels_eq_TRAIN", "Vowels_eq_TEST"):
        (folder / f"{name}.ts").write_text("@classLabel true a b\n@data\n1,2:a\n3,4:b\n")
    raw = read(folder)
    assert len(raw) == 4
    assert "named like the folder: Vowels; not read: Vowels_eq" in raw.notes


def test_ts_without_answers_for_prediction(tmp_path: Path) -> None:
    (tmp_path / "new.ts").write_text("@classLabel false\n@data\n1,2,3\n")
    raw = read_for_prediction(tmp_path / "new.ts", ["series"])
    assert raw.columns["series"].values[0].tolist() == [[1.0], [2.0], [3.0]]


# --- long and wide tables -----------------------------------------------------------------------


def long_table() -> dict[str, list[Any]]:
    rows = [
        (case, t, case == "b", 10.0 * i + t, float(t), "w" if case == "a" else "r", f"n{t}")
        for i, case in enumerate("abc")
        for t in range(6)
    ]
    names = ("id", "time", "ill", "x", "y", "kind", "remark")
    return {name: [row[index] for row in rows] for index, name in enumerate(names)}


def take(table: dict[str, list[Any]], rows: list[int]) -> RawTable:
    return read({name: [values[row] for row in rows] for name, values in table.items()})


def test_gather_long() -> None:
    rows = list(np.random.default_rng(0).permutation(18))
    raw = gather_long(take(long_table(), [int(row) for row in rows]), "id", "time")
    assert sorted(raw.columns) == ["id", "ill", "kind", "series"]
    by_id = {name: row for row, name in enumerate(raw.columns["id"].values)}
    series = raw.columns["series"].values[by_id["b"]]
    assert series.tolist() == [[10.0 + t, t] for t in range(6)]
    assert raw.columns["ill"].values[by_id["b"]] == "true"
    assert raw.places[by_id["c"]] == "dictionary id c"
    assert any("left out: 'remark'" in note for note in raw.notes)


def test_gather_long_with_gaps_doubles_and_uneven_times() -> None:
    table = long_table()
    table["time"][8] = 1  # b has two rows at time 1
    table["time"][17] = 4.5  # c is uneven
    rows = [row for row in range(18) if row != 2]  # a lacks time 2
    raw = gather_long(take(table, rows), "id", "time")
    assert raw.columns["id"].values.tolist() == ["a", "c"]
    assert np.isnan(raw.columns["series"].values[0][2]).all()
    assert len(raw.columns["series"].values[0]) == 6
    assert raw.repaired == {0: "left-out times became missing values: 1"}
    assert [(item.place, item.why) for item in raw.refused] == [
        ("dictionary id b", "two rows at time 1")
    ]
    assert any("unevenly spaced 'time' in 1 of 2 series" in note for note in raw.notes)


def test_gather_long_keeps_the_split_and_refuses_torn_series() -> None:
    table = long_table()
    table["part"] = ["train"] * 12 + ["test"] * 6
    raw = gather_long(read(table, split="part"), "id", "time")
    assert raw.split is not None
    assert raw.split.tolist() == ["train", "train", "test"]
    table["part"] = ["train"] * 13 + ["test"] * 5
    with pytest.raises(DataError, match="the series 'c' is in several parts"):
        gather_long(read(table, split="part"), "id", "time")


def test_gather_long_refuses_what_is_no_series() -> None:
    raw = read({"id": ["a", "a", "b"], "time": [1, 2, 1], "kind": ["x", "y", "z"]})
    with pytest.raises(DataError, match="no column of numbers changes"):
        gather_long(raw, "id", "time")
    with pytest.raises(DataError, match="column 'kind' has missing values or is neither"):
        gather_long(raw, "id", "kind")


def test_looks_long() -> None:
    found = looks_long(read(long_table()))
    assert found is not None
    assert (found.id, found.time) == ("id", "time")
    assert found.why == "each of 3 values of 'id' has its own run of 'time' (6 to 6 rows)"
    unique = {"id": list(range(9)), "time": list(range(9)), "x": list(range(9))}
    assert looks_long(read(unique)) is None
    table = long_table()
    table["time"] = [0] * 18
    assert looks_long(read(table)) is None
