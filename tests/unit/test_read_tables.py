"""Tables of every kind become the same columns, and every row has a name."""

from __future__ import annotations

import datetime
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.data.columns import RawTable
from pellucid.data.read import read, read_for_prediction
from pellucid.errors import ConfigError, DataError


def csv(folder: Path, content: str | bytes, name: str = "houses.csv") -> RawTable:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path)


def values(raw: RawTable, name: str) -> list[Any]:
    return raw.columns[name].values.tolist()


def same(left: list[Any], right: list[Any]) -> bool:
    return [repr(value) for value in left] == [repr(value) for value in right]


# --- dialects -----------------------------------------------------------------------------------


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_delimiter_and_line_ending(tmp_path: Path, delimiter: str, newline: str) -> None:
    rows = [["rooms", "kind"], ["3", "house"], ["2.5", "flat"], ["4", "a b"]]
    raw = csv(tmp_path, newline.join(delimiter.join(row) for row in rows))
    assert values(raw, "rooms") == [3.0, 2.5, 4.0]
    assert values(raw, "kind") == ["house", "flat", "a b"]
    assert list(raw.places) == [f"houses.csv line {line}" for line in (2, 3, 4)]


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("cp1252", "cp1252"),
    ],
)
def test_any_encoding(tmp_path: Path, encoding: str, note: str) -> None:
    raw = csv(tmp_path, "größe,ort\n1,Köln\n2,Zürich\n3,Bern\n".encode(encoding))
    assert list(raw.columns) == ["größe", "ort"]
    assert values(raw, "ort") == ["Köln", "Zürich", "Bern"]
    assert f"encoding {note}" in raw.notes


def test_bytes_unknown_to_windows_are_latin_1(tmp_path: Path) -> None:
    raw = csv(tmp_path, "a,b\n1,é\x81\n2,x\n".encode("latin-1"))
    assert values(raw, "b") == ["é\x81", "x"]


def test_gzip(tmp_path: Path) -> None:
    raw = csv(tmp_path, gzip.compress(b"a,b\n1,x\n2,y\n"), "t.csv.gz")
    assert values(raw, "a") == [1.0, 2.0]


def test_places_are_the_lines_of_the_file(tmp_path: Path) -> None:
    text = 'a,b\n1,"two\nlines"\n\n3,x\n# remark\n4,y\n5\n6,"three\r\nlines\nhere"\n7,z\n'
    raw = csv(tmp_path, text)
    assert values(raw, "a") == [1.0, 3.0, 4.0, 6.0, 7.0]
    assert list(raw.places) == [f"houses.csv line {line}" for line in (2, 5, 7, 9, 12)]
    assert [(item.place, item.why) for item in raw.refused] == [
        ("houses.csv line 8", "1 cells instead of 2: '5'")
    ]
    assert "blank lines skipped: 1" in raw.notes
    assert "comment lines skipped: 1" in raw.notes


def test_quotes_in_all_their_forms(tmp_path: Path) -> None:
    raw = csv(tmp_path, 'a,b\n"say ""hi"", now",1\n5" pipe,2\n"",3\n')
    assert values(raw, "a") == ['say "hi", now', '5" pipe', None]
    raw = csv(tmp_path, 'a,b\n"say \\"hi\\", now",1\n"x",2\n')
    assert values(raw, "a") == ['say "hi", now', "x"]
    raw = csv(tmp_path, "a,b\n'x, y',1\n'z, w',2\n")
    assert values(raw, "a") == ["x, y", "z, w"]


def test_what_stands_above_the_table(tmp_path: Path) -> None:
    raw = csv(tmp_path, "Sales of 2024\n\na,b,c\n1,2,3\n4,5,6\n7,8,9\n1,2,4\n")
    assert list(raw.columns) == ["a", "b", "c"]
    assert raw.places[0] == "houses.csv line 4"
    raw = csv(tmp_path, "# made by x\n# on monday\na,b\n1,2\n3,4\n")
    assert list(raw.columns) == ["a", "b"]
    assert raw.places[0] == "houses.csv line 4"
    raw = csv(tmp_path, "#a,b\n1,2\n3,4\n")
    assert list(raw.columns) == ["a", "b"]
    raw = csv(tmp_path, "sep=;\na;b\n1;2\n3;4\n")
    assert values(raw, "b") == [2.0, 4.0]


def test_columns_set_apart_by_blanks(tmp_path: Path) -> None:
    raw = csv(tmp_path, "  Chins Jumps  who\n  5   60  a\n\n 12\t101 b  \n", "t.txt")
    assert values(raw, "Jumps") == [60.0, 101.0]
    assert values(raw, "who") == ["a", "b"]
    assert list(raw.places) == ["t.txt line 2", "t.txt line 4"]
    raw = csv(tmp_path, "59 2 32.1\n48 1 21.6\n72 2 30.5\n")
    assert list(raw.columns) == ["column_1", "column_2", "column_3"]


def test_scikit_learns_own_files(tmp_path: Path) -> None:
    raw = csv(tmp_path, "4,3,bad,good\n" + "1.5,2.5,0\n" * 4)
    assert raw.places[0] == "houses.csv line 2"
    assert values(raw, "column_3") == [0.0] * 4
    assert "1 line above the table skipped" in raw.notes


def test_missing_header(tmp_path: Path) -> None:
    raw = csv(tmp_path, "5.1,3.5,setosa\n4.9,3.0,setosa\n6,3,virginica\n")
    assert list(raw.columns) == ["column_1", "column_2", "column_3"]
    assert len(raw) == 3
    assert "no header: columns are called column_1 to column_3" in raw.notes


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("country,2019,2020\nDE,1,2\nFR,3,4\n", ["country", "2019", "2020"]),
        ("0,1,2\n5,6,7\n8,9,1\n", ["0", "1", "2"]),
        ("1950,2001\n1960,2002\n1971,2020\n", ["column_1", "column_2"]),
        ("name,kind\nanna,x\nbert,y\n", ["name", "kind"]),
        ("good film,pos\nbad film,neg\nso so,neg\nfine,pos\nok,pos\n", ["column_1", "column_2"]),
        ("7\n8\n9\n", ["column_1"]),
        ("1,5;2,5\n3,5;4,5\n", ["column_1", "column_2"]),
    ],
)
def test_header_or_not(tmp_path: Path, text: str, names: list[str]) -> None:
    assert list(csv(tmp_path, text).columns) == names


def test_names_are_made_different(tmp_path: Path) -> None:
    raw = csv(tmp_path, "a,a,a_2,,b \n1,2,3,4,5\n6,7,8,9,0\n")
    assert list(raw.columns) == ["a", "a_3", "a_2", "column_4", "b"]
    assert "there are several columns 'a': column 2 is now 'a_3'" in raw.notes


def test_rows_longer_than_the_header(tmp_path: Path) -> None:
    raw = csv(tmp_path, '"x","y"\n"one",5,6\n"two",7,8\n')
    assert list(raw.columns) == ["row_name", "x", "y"]
    raw = csv(tmp_path, "a,b\n1,2,\n3,4,\n")
    assert values(raw, "b") == [2.0, 4.0]
    raw = csv(tmp_path, "a,b,\n1,2,\n3,4,\n")
    assert list(raw.columns) == ["a", "b"]


def test_repeated_header_is_refused(tmp_path: Path) -> None:
    raw = csv(tmp_path, "a,b\n1,2\na,b\n3,4\n")
    assert values(raw, "a") == [1.0, 3.0]
    assert raw.refused[0].place == "houses.csv line 3"


def test_zero_bytes_are_a_repair(tmp_path: Path) -> None:
    raw = csv(tmp_path, "a,b\n1,x\n2,y\0z\n" + "3,w\n" * 40)
    assert values(raw, "b")[:2] == ["x", "yz"]
    assert raw.repaired == {1: "zero bytes taken out of 'b'"}


def test_one_column_of_prose(tmp_path: Path) -> None:
    raw = csv(tmp_path, "review\nHello, world\nWell; I mean, no\nfine\n")
    assert values(raw, "review") == ["Hello, world", "Well; I mean, no", "fine"]


# --- narrowing ----------------------------------------------------------------------------------

NAN = float("nan")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", " 2 ", "+3", "-4.5"], [1.0, 2.0, 3.0, -4.5]),
        (["1e-3", "inf", "-Inf", ".5", "1."], [1e-3, np.inf, -np.inf, 0.5, 1.0]),
        (["1", "NA", "?", "n/a", "null", "-", "Missing", "2"], [1, *[NAN] * 6, 2]),
        (["007", "008"], ["007", "008"]),
        (["0", "0.5", "-0"], [0.0, 0.5, -0.0]),
        (["12345678901234567890", "1"], ["12345678901234567890", "1"]),
        (["1234567890123", "1"], [1234567890123.0, 1.0]),
        (["1", "2", "three"], ["1", "2", "three"]),
        (["true", "false"], ["true", "false"]),
        (["yes", "none"], ["yes", None]),
        (["2024-01-31", "2024-02-01"], ["2024-01-31", "2024-02-01"]),
        (["NA", ""], [NAN, NAN]),
        (["1_000", "2"], ["1_000", "2"]),
        (["0x10", "2"], ["0x10", "2"]),
        (["12,5", "3"], [12.5, 3.0]),
        (["1,234.5", "20"], [1234.5, 20.0]),
        (["1,234,567", "20"], [1234567.0, 20.0]),
        (["1.234.567", "20"], [1234567.0, 20.0]),
        (["1.234,5", "20"], [1234.5, 20.0]),
        (["1,234", "5,678"], ["1,234", "5,678"]),
        (["1,23,4", "5"], ["1,23,4", "5"]),
        (["1,5", "2.5"], ["1,5", "2.5"]),
    ],
)
def test_cells_become_numbers_only_if_all_are(cells: list[str], expected: list[Any]) -> None:
    raw = read({"a": cells, "other": ["x"] * len(cells)})
    number = not any(isinstance(value, str) for value in expected)
    assert raw.columns["a"].values.dtype == (np.float64 if number else object)
    assert same(values(raw, "a"), [float(item) if number else item for item in expected])


def test_the_rest_of_the_file_tells_what_a_comma_means(tmp_path: Path) -> None:
    raw = csv(tmp_path, "a;b;c\n1.234;1,5;1,234\n2.345;2,5;5,678\n")
    assert values(raw, "a") == [1234.0, 2345.0]
    assert values(raw, "c") == [1.234, 5.678]
    raw = csv(tmp_path, 'a,b\n"1,234",1.5\n"2,345",2.5\n')
    assert values(raw, "a") == [1234.0, 2345.0]
    assert "'a': comma between thousands" in raw.notes


def test_missing_words_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,x\n-999,Unknown\n3,y\n")
    raw = read(tmp_path / "t.csv", missing=("-999", "unknown"))
    assert same(values(raw, "a"), [1.0, NAN, 3.0])
    assert values(raw, "b") == ["x", None, "y"]
    raw = read({"a": np.array([1, -999, 3])}, missing=("-999",))
    assert same(values(raw, "a"), [1.0, NAN, 3.0])


# --- typed tables -------------------------------------------------------------------------------


def frame() -> Any:
    import pandas as pd

    return pd.DataFrame(
        {
            "whole": [1, 2, 3],
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "real": [0.5, None, 2.0],
            "word": ["x", None, "NA"],
            "kind": pd.Categorical(["u", "v", "u"]),
            "flag": [True, False, True],
            "day": [pd.Timestamp(2020, 1, 1), pd.NaT, pd.Timestamp(2021, 5, 6, 7, 8)],
            "tags": [["a"], ["b", "c"], None],
            "wave": [[1, 2], [3.5], []],
        }
    )


EXPECTED: dict[str, list[Any]] = {
    "whole": [1.0, 2.0, 3.0],
    "nullable": [1.0, NAN, 3.0],
    "real": [0.5, NAN, 2.0],
    "word": ["x", None, None],
    "kind": ["u", "v", "u"],
    "flag": ["true", "false", "true"],
    "day": [
        datetime.datetime(2020, 1, 1),
        None,
        datetime.datetime(2021, 5, 6, 7, 8),
    ],
    "tags": [["a"], ["b", "c"], None],
}


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", "parquet", "feather"])
def test_declared_types(tmp_path: Path, kind: str) -> None:
    import polars as pl
    import pyarrow as pa
    from pyarrow import feather

    source: Any = frame()
    if kind == "polars":
        source = pl.from_pandas(source)
    elif kind == "arrow":
        source = pa.Table.from_pandas(source)
    elif kind == "parquet":
        source.to_parquet(tmp_path / "t.parquet")
        source = tmp_path / "t.parquet"
    elif kind == "feather":
        feather.write_feather(pa.Table.from_pandas(source), str(tmp_path / "t.feather"))
        source = tmp_path / "t.feather"
    raw = read(source)
    for name, expected in EXPECTED.items():
        assert same(values(raw, name), expected), name
    assert raw.columns["day"].values.dtype == np.dtype("datetime64[us]")
    waves = raw.columns["wave"].values
    assert [wave.tolist() for wave in waves] == [[1.0, 2.0], [3.5], []]
    assert all(wave.dtype.kind == "f" for wave in waves)
    assert len(raw.places) == 3


def test_rarer_arrow_types() -> None:
    import pyarrow as pa

    table = pa.table(
        {
            "long": pa.array([2**60 + 1, 1, None], pa.int64()),
            "money": pa.array([Decimal("1.25"), None, Decimal("3")], pa.decimal128(10, 2)),
            "zone": pa.array([0, None, 3600], pa.timestamp("s", "Europe/Berlin")),
            "took": pa.array([1500, None, 0], pa.duration("ms")),
            "none": pa.nulls(3),
            "size": pa.array([{"x": 1, "y": "a"}, {"x": 2, "y": "b"}, None]),
            "blob": pa.array([b"1", b"2", b"3"]),
            "fixed": pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2)),
            "grid": pa.array([[[1, 2], [3, 4]], None, [[5, 6]]]),
        }
    )
    raw = read(table)
    assert values(raw, "long") == [str(2**60 + 1), "1", None]
    assert same(values(raw, "money"), [1.25, NAN, 3.0])
    assert values(raw, "zone")[2] == datetime.datetime(1970, 1, 1, 1)
    assert same(values(raw, "took"), [1.5, NAN, 0.0])
    assert np.isnan(raw.columns["none"].values).all()
    assert same(values(raw, "size.x"), [1.0, 2.0, NAN])
    assert "blob" not in raw.columns
    assert "'blob': values of type binary can't be learned from: left out" in raw.notes
    assert raw.columns["fixed"].values[2].tolist() == [3.0, 4.0]
    assert raw.columns["grid"].values[0].shape == (2, 2)


def test_mixed_pandas_column_becomes_text() -> None:
    import pandas as pd

    raw = read(pd.DataFrame({"a": [1, "x", 2.5, None, True]}))
    assert values(raw, "a") == ["1", "x", "2.5", None, "true"]


def test_pandas_repeated_names_and_index() -> None:
    import pandas as pd

    data = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"], index=pd.Index([5, 6], name="key"))
    raw = read(data)
    assert list(raw.columns) == ["a", "a_2"]
    assert any("index is not read" in note for note in raw.notes)


def test_dictionaries_and_records() -> None:
    raw = read({"file": [Path("a.png"), Path("b.png")], "n": (1, None), "d": [Decimal("1.5"), 2]})
    assert values(raw, "file") == ["a.png", "b.png"]
    assert same(values(raw, "n"), [1.0, NAN])
    assert values(raw, "d") == [1.5, 2.0]
    raw = read([{"a": 1}, {"a": 2, "b": "x"}])
    assert values(raw, "b") == [None, "x"]


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(
        '{"a": 1, "size": {"x": 2}, "tags": ["u", "v"], "ok": true}\n'
        "\n"
        '{"a": null, "size": {"x": 3}, "tags": [], "ok": false}\n'
        "{broken\n"
        '{"a": 1, "a": 2}\n'
        "[1, 2]\n"
        '{"a": "x"}\n{"a": 5}\n'
    )
    raw = read(path)
    assert values(raw, "a") == ["1", None, "x", "5"]
    assert same(values(raw, "size.x"), [2.0, 3.0, NAN, NAN])
    assert values(raw, "tags") == [["u", "v"], [], None, None]
    assert values(raw, "ok") == ["true", "false", None, None]
    assert list(raw.places) == [f"t.jsonl line {line}" for line in (1, 3, 7, 8)]
    assert [item.place for item in raw.refused] == [f"t.jsonl line {line}" for line in (4, 5, 6)]
    assert "'a' stands twice" in raw.refused[1].why


def test_json_documents(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps([{"a": 1}, {"a": 2, "b": [1, 2]}], indent=1))
    assert values(read(path), "a") == [1.0, 2.0]
    path.write_text(json.dumps({"a": [1, 2], "b": ["x", "y"]}))
    assert values(read(path), "b") == ["x", "y"]
    path.write_text('{"a": 1}\n{"a": 2}\n')
    assert values(read(path), "a") == [1.0, 2.0]


def test_excel(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Sales"
    sheet.append([])
    sheet.append(["rooms", "city", "sold", "ok", "note"])
    sheet.append([3, "Köln", datetime.datetime(2024, 1, 2), True, "#DIV/0!"])
    sheet.append([])
    sheet.append([4.5, "n/a", None, False, "fine"])
    book.create_sheet("More").append(["x"])
    book.save(tmp_path / "t.xlsx")
    raw = read(tmp_path / "t.xlsx")
    assert values(raw, "rooms") == [3.0, 4.5]
    assert values(raw, "city") == ["Köln", None]
    assert values(raw, "sold") == [datetime.datetime(2024, 1, 2), None]
    assert values(raw, "ok") == ["true", "false"]
    assert values(raw, "note") == [None, "fine"]
    assert list(raw.places) == ["t.xlsx row 3", "t.xlsx row 5"]
    assert "1 sheet of 2 read; not read: More" in raw.notes
    assert raw.repaired == {0: "'note' holds the error #DIV/0!: taken as missing"}


# --- test rows, splits, prediction --------------------------------------------------------------


def test_a_second_source_is_the_test(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b\n1,x\n2,y\n")
    (tmp_path / "held.csv").write_text("b,extra,a\nz,1,?\n7,1,3\n")
    raw = read(tmp_path / "train.csv", test=tmp_path / "held.csv")
    assert same(values(raw, "a"), [1.0, 2.0, NAN, 3.0])
    assert values(raw, "b") == ["x", "y", "z", "7"]
    assert raw.split is not None
    assert raw.split.tolist() == ["train", "train", "test", "test"]
    assert list(raw.places)[2:] == ["held.csv line 2", "held.csv line 3"]
    assert raw.places[-1] == "held.csv line 3"
    assert any("more columns, left out: 'extra'" in note for note in raw.notes)


def test_numbers_and_text_in_one_column_become_text() -> None:
    raw = read({"a": [1, 2.5, None]}, test={"a": ["x", "3"]})
    assert values(raw, "a") == ["1", "2.5", None, "x", "3"]
    assert raw.places[3] == "test dictionary row 0"


def test_the_test_may_lack_only_the_target() -> None:
    train = {"a": [1, 2], "price": [3, 4]}
    with pytest.raises(DataError, match="lacks columns that 'dictionary' has: 'price'"):
        read(train, test={"a": [5]})
    with pytest.raises(DataError) as caught:
        read(train, test={"a": [5], "prise": [6]})
    assert "did you mean 'prise'?" in caught.value.fix
    raw = read(train, test={"a": [5]}, target="price")
    assert same(values(raw, "price"), [3.0, 4.0, NAN])


def test_split_column() -> None:
    raw = read({"a": [1, 2, 3, 4], "part": ["Train", "train", "val", "TEST"]}, split="part")
    assert list(raw.columns) == ["a"]
    assert raw.split is not None
    assert raw.split.tolist() == ["train", "train", "valid", "test"]
    with pytest.raises(ConfigError, match="no column 'prt'") as caught:
        read({"a": [1, 2], "part": ["train", "test"]}, split="prt")
    assert caught.value.fix == "did you mean 'part'?"
    with pytest.raises(DataError, match="says 'tset'"):
        read({"a": [1, 2], "part": ["train", "tset"]}, split="part")


def test_prediction_needs_no_answers_and_one_row_is_enough(tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("rooms,city\n3,Köln\n")
    raw = read_for_prediction(tmp_path / "new.csv", ["rooms", "city"])
    assert len(raw) == 1
    with pytest.raises(DataError, match="needs the column 'room'") as caught:
        read_for_prediction(tmp_path / "new.csv", ["room", "city"])
    assert caught.value.fix == "did you mean 'rooms'?"
    raw = read_for_prediction({"whatever": ["one text"]}, ["text"])
    assert values(raw, "text") == ["one text"]


def test_fingerprint_follows_the_content(tmp_path: Path) -> None:
    first = csv(tmp_path, "a,b\n1,2\n3,4\n", "x.csv").fingerprint
    assert first == csv(tmp_path, "a,b\n1,2\n3,4\n", "y.csv").fingerprint
    assert first != csv(tmp_path, "a,b\n1,2\n3,5\n", "x.csv").fingerprint
    assert read({"a": ["x", "yz"]}).fingerprint != read({"a": ["xy", "z"]}).fingerprint


def test_relative_file_names_start_beside_the_table(tmp_path: Path) -> None:
    raw = csv(tmp_path, "photo,price\na.png,1\nb.png,2\n")
    assert raw.columns["photo"].folder == tmp_path
    assert raw.columns["price"].folder is None
