"""What goes wrong with sources, and what the user is told: what, where, how to mend it."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.data.read import read, read_for_prediction
from pellucid.data.readers import archive, delimited
from pellucid.errors import DataError, PellucidError

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
GARBAGE = bytes(np.random.default_rng(0).integers(0, 256, 5000, np.uint8))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))


# --- making bad files ---------------------------------------------------------------------------


def parquet() -> bytes:
    import pyarrow as pa
    from pyarrow import parquet as pq

    sink = io.BytesIO()
    pq.write_table(pa.table({"a": list(range(1000))}), sink)
    return sink.getvalue()


def workbook(rows: list[list[Any]]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def zipped(members: dict[str, bytes], mode: int = stat.S_IFREG | 0o644) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, content)
    return sink.getvalue()


def locked() -> bytes:
    """A zip whose member is marked as encrypted (bit 0 of the flags, twice in the file)."""
    content = bytearray(zipped({"t.csv": b"a,b\n1,2\n"}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def saved(array: np.ndarray, allow_pickle: bool = False) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=allow_pickle)
    return sink.getvalue()


def npz(**arrays: Any) -> bytes:
    sink = io.BytesIO()
    np.savez(sink, **arrays)
    return sink.getvalue()


# --- the table ----------------------------------------------------------------------------------

# name of the file, its content, words of: what, where, fix
FILES: list[tuple[str, bytes, str, str, str]] = [
    ("empty.csv", b"", "'empty.csv' is empty (0 bytes)", "empty.csv", "at least two rows"),
    ("blank.csv", b"\n \n\n", "no line with anything in it", "blank.csv", "header"),
    ("head.csv", b"a,b\n", "has a header (a, b) but no rows", "head.csv line 1", "two rows"),
    ("one.csv", b"a,b\n1,2\n", "'one.csv' has 1 row to learn from", "one.csv", "at least two"),
    ("noise.csv", GARBAGE, "binary data of an unknown kind", "noise.csv", "extension"),
    ("photo.csv", PNG, "not a table of text: it is a PNG image", "photo.csv", "rename it"),
    ("page.csv", b"<!DOCTYPE html><html>", "it is a web page", "page.csv", "save it again"),
    ("doc.csv", b"%PDF-1.7 ...", "it is a PDF document", "doc.csv", "rename it"),
    (
        "lfs.csv",
        b"version https://git-lfs.github.com/spec/v1\n",
        "is a Git LFS pointer",
        "lfs.csv",
        "git lfs pull",
    ),
    (
        "ragged.csv",
        b"a,b,c\n1,2,3\n" + b"1,2\n3\n" * 3,
        "6 of 7 lines of 'ragged.csv' do not have 3 cells",
        "line 3: 2 cells instead of 3",
        "one delimiter",
    ),
    (
        "quote.csv",
        b'a,b\n1,x\n2,"y\n3,z\n4,w\n',
        "a quote that opens in 'quote.csv' is probably never closed",
        "quote.csv line 3",
        "close the quote",
    ),
    (
        "middle.csv",
        b'a,b,c\n1,x,1\n2,"y,1\n3,z,1\n4,w,1\n5,w,1\n',
        "probably never closed",
        "middle.csv line 3",
        "close the quote",
    ),
    (
        "half.csv",
        "a,b\n1,x\n2,y\n".encode("utf-16")[:-1],
        "starts like utf-16 but is broken",
        "half.csv",
        "save it as UTF-8",
    ),
    ("cut.csv.gz", gzip.compress(GARBAGE, mtime=0)[:200], "'cut.csv.gz' is broken", "cut", "copy"),
    ("plain.csv.gz", b"a,b\n1,2\n3,4\n", "'plain.csv.gz' is broken", "plain", "no gzip file"),
    ("t.parquet", parquet()[:-200], "no readable Parquet", "t.parquet", "cut off"),
    ("u.parquet", b"a,b\n1,2\n", "no readable Parquet", "u.parquet", "another format"),
    ("csv.xlsx", b"a,b\n1,2\n", "not an Excel workbook: it is text", "csv.xlsx", "rename"),
    ("cut.xlsx", workbook([["a"], [1]])[:900], "is a broken workbook", "cut.xlsx", "save it again"),
    ("zip.xlsx", zipped({"a.txt": b"x"}), "another zip archive", "zip.xlsx", "rename"),
    ("old.xlsx", b"\xd0\xcf\x11\xe0" + b"\0" * 99, "old Excel format", "old.xlsx", ".xlsx"),
    ("none.xlsx", workbook([]), "no sheet holds anything", "none.xlsx", "header"),
    ("head.xlsx", workbook([["a", "b"]]), "a header but no rows", "head.xlsx", "two rows"),
    ("old.xls", b"\xd0\xcf\x11\xe0", "'old.xls' can't be read", "old.xls", "save it as .xlsx"),
    ("bad.json", b'[{"a": 1}, {"a"', "'bad.json' is no JSON", "bad.json", "cut off"),
    ("word.json", b'"hello"', "holds str, not a list of objects", "word.json", "[{"),
    ("deep.jsonl", b'{"a": {"b": {"c": 1}}}\n', "'a.b' is an object", "line 1", "flatten"),
    ("bad.jsonl", b"x\ny\n{}\n", "2 of 3 lines", "bad.jsonl line 1: no JSON", "one object a line"),
    ("png.jsonl", PNG, "not a JSON file: it is a PNG image", "png.jsonl", "rename"),
    (
        "mix.jsonl",
        b'{"a": [1]}\n{"a": 2}\n',
        "'a' mixes lists with single values",
        "mix.jsonl",
        "as a list",
    ),
    ("cut.npy", saved(np.eye(9))[:-50], "'cut.npy' is broken", "cut.npy", "copy"),
    ("text.npy", b"a,b\n1,2", "not a NumPy file", "text.npy", "rename"),
    (
        "objects.npy",
        saved(np.array([{}, {}], dtype=object), allow_pickle=True),
        "holds pickled Python objects, which can run code",
        "objects.npy",
        "plain arrays",
    ),
    ("model.pkl", pickle.dumps([1, 2]), "a Python pickle holds no examples", "pkl", "to_parquet"),
    ("cut.npz", npz(x=np.eye(9))[:300], "'cut.npz' is broken", "cut.npz", "save it again"),
    ("odd.npz", npz(a=np.eye(3), b=np.eye(4)), "not equally long: 'a' 3, 'b' 4", "odd", "a row"),
    ("xy.npz", npz(x=np.eye(3), y=[1, 2]), "X has 3 rows and y has 2", "xy.npz", "one answer"),
    ("many.npy", saved(np.zeros((2, 2, 2, 2, 2))), "(2 x 2 x 2 x 2 x 2)", "many", "rows first"),
    ("complex.npy", saved(np.zeros((3, 2), complex)), "complex128", "complex", "real numbers"),
    ("no.ts", b"1,2,3:a\n", "it has no line '@data'", "no.ts", ".csv"),
    ("bare.ts", b"@classLabel true a\n@data\n", "no usable series below @data", "line 2", "a line"),
    ("word.ts", b"@data\n1,x\n", "first: could not convert string to float", "word.ts", "':'"),
    ("when.ts", b"@timeStamps true\n@data\n(0,1):a\n", "a time with every value", "when", "long"),
    ("lone.png", PNG, "'lone.png' is a single file", "lone.png", "one folder per class"),
    ("data.h5", b"\x89HDF\r\n", "an HDF5 file holds no examples", "data.h5", "numpy.savez"),
    ("data.tar.gz", b"\x1f\x8b", "'data.tar.gz' can't be read", "data.tar.gz", "unpack it"),
    ("cut.zip", zipped({"a.csv": GARBAGE})[:-30], "broken zip archive", "cut.zip", "cut off"),
    ("csv.zip", b"a,b\n1,2\n", "not a zip archive", "csv.zip", "rename"),
    ("none.zip", zipped({}), "'none.zip' holds no files", "none.zip", "zip the folder"),
    ("up.zip", zipped({"../up.csv": b"a"}), "would leave the folder: '../up.csv'", "up", "unpack"),
    ("win.zip", zipped({"..\\up.csv": b"a"}), "would leave the folder", "win.zip", "unpack"),
    ("drive.zip", zipped({"C:/up.csv": b"a"}), "would leave the folder", "drive", "unpack"),
    ("root.zip", zipped({"/etc/up.csv": b"a"}), "would leave the folder", "root.zip", "unpack"),
    ("link.zip", zipped({"a": b"/etc"}, stat.S_IFLNK | 0o777), "is a link: 'a'", "link", "unpack"),
    ("lock.zip", locked(), "is locked with a password: 't.csv'", "lock.zip", "unpack it yourself"),
    ("twice.zip", zipped({"a/b": b"1", "a//b": b"2"}), "in the archive twice", "twice", "unpack"),
    ("flat.zip", zipped({"1.png": PNG, "2.png": PNG}), "no class folders", "1.png", "one folder"),
]


@pytest.mark.parametrize(
    ("name", "content", "what", "where", "fix"), FILES, ids=lambda x: str(x)[:20]
)
def test_bad_files(
    tmp_path: Path, name: str, content: bytes, what: str, where: str, fix: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(path)
    assert what in caught.value.what
    assert where in caught.value.where
    assert fix in caught.value.fix
    assert path.read_bytes() == content


FOLDERS: list[tuple[dict[str, bytes], str, str, str]] = [
    ({}, "holds no files", "data", "one folder per class"),
    ({".DS_Store": b"x"}, "holds no files (1 hidden or system files aside)", "data", "rose/1.jpg"),
    ({"1.png": PNG, "2.png": PNG}, "has 2 files and no class folders", "1.png", "train.csv"),
    (
        {"a/1.doc": b"x", "b/2.doc": b"x"},
        "no images, sounds or texts, only: 2 .doc",
        "1.doc",
        "PNG",
    ),
    (
        {"a/1.png": b"", "b/1.png": b""},
        "has 0 rows to learn from",
        "a/1.png: the file is empty",
        "at least two",
    ),
    ({"a/1.png": PNG}, "has 1 row to learn from", "data", "at least two"),
    (
        {"one.csv": b"a\n1\n", "two.csv": b"a\n1\n"},
        "2 tables: one.csv, two.csv",
        "data",
        "train.csv",
    ),
    ({"train/1.png": PNG, "test/a/1.png": PNG}, "'train' has no examples", "train", "per class"),
]


@pytest.mark.parametrize(("files", "what", "where", "fix"), FOLDERS, ids=lambda x: str(x)[:20])
def test_bad_folders(
    tmp_path: Path, files: dict[str, bytes], what: str, where: str, fix: str
) -> None:
    root = tmp_path / "data"
    root.mkdir()
    for name, content in files.items():
        (root / name).parent.mkdir(exist_ok=True, parents=True)
        (root / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        read(root)
    assert what in caught.value.what
    assert where in caught.value.where
    assert fix in caught.value.fix


def frame() -> Any:
    import pandas as pd

    return pd.DataFrame({("a", "b"): [1, 2], ("a", "c"): [3, 4]})


SOURCES: list[tuple[Callable[[], Any], str, str, str]] = [
    (lambda: "", "the path is empty", "source", "a folder"),
    (lambda: "   ", "the path is empty", "source", "a folder"),
    (lambda: "no/such/flowers", "no file or folder 'no/such/flowers'", ".", "give the path"),
    (lambda: "x" * 5000, "no file or folder 'xxx", ".", "give the path"),
    (lambda: "a\0b", "no file or folder", ".", "give the path"),
    (lambda: "https://example.org/x.csv", "an address on the network", "https", "download it"),
    (lambda: 7, "a int is no source", "7", "DataFrame"),
    (lambda: {}, "holds no arrays", "dictionary", "X and y"),
    (lambda: {"a": [1, 2], "b": [1]}, "'a' 2, 'b' 1", "dictionary", "None where there is none"),
    (lambda: {"a": [object(), 1]}, "'a' holds a value of type object", "dictionary", "numbers"),
    (lambda: {"a": [1, 2j]}, "'a' holds a value of type complex", "dictionary", "numbers"),
    (lambda: np.float64(3), "(a single number)", "array", "rows first"),
    (lambda: np.zeros((0, 3)), "(0 x 3)", "array", "rows first"),
    (lambda: np.zeros((2, 20000)), "20000 columns is too wide", "array", "reshape"),
    (lambda: ([[1, 2], [3]], [0, 1]), "can't be put into one array", "(X, y)", "one length"),
    (lambda: (np.eye(2), 5), "X has 2 rows and y has 0", "(X, y)", "one answer"),
    (frame, "columns of the frame have 2 levels", "DataFrame", "join their names"),
]


@pytest.mark.parametrize(("make", "what", "where", "fix"), SOURCES, ids=lambda x: str(x)[:20])
def test_bad_sources(make: Callable[[], Any], what: str, where: str, fix: str) -> None:
    with pytest.raises(PellucidError) as caught:
        read(make())
    assert what in caught.value.what
    assert where in caught.value.where
    assert fix in caught.value.fix


# --- what needs more than a file ----------------------------------------------------------------


def test_a_misspelled_path_names_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "flowers").mkdir()
    with pytest.raises(DataError) as caught:
        read(tmp_path / "flwers")
    assert caught.value.fix == f"did you mean '{tmp_path / 'flowers'}'?"
    (tmp_path / "houses.parquet").write_bytes(b"x")
    with pytest.raises(DataError) as caught:
        read(tmp_path / "houses.csv")
    assert "houses.parquet" in caught.value.fix


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    os.symlink(tmp_path / "gone", tmp_path / "link.csv")
    with pytest.raises(DataError, match=r"'link\.csv' is a link that leads nowhere"):
        read(tmp_path / "link.csv")


@contextmanager
def unprivileged() -> Iterator[Path]:
    """A folder that everybody may enter, and for the time being no more rights than nobody has."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        root = os.geteuid() == 0
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)


def drop_rights() -> None:
    if os.geteuid() == 0:
        os.seteuid(65534)


def test_unreadable_files_and_folders() -> None:
    with unprivileged() as folder:
        table = folder / "t.csv"
        table.write_text("a,b\n1,2\n3,4\n")
        table.chmod(0)
        for kind in "ab":
            (folder / "data" / kind).mkdir(parents=True)
            for number in "12":
                (folder / "data" / kind / f"{number}.png").write_bytes(PNG)
        (folder / "data" / "a" / "1.png").chmod(0)
        (folder / "data" / "c").mkdir(mode=0)
        (folder / "shut").mkdir(mode=0)
        drop_rights()
        with pytest.raises(DataError, match=r"'t\.csv' can't be read: Permission denied"):
            read(table)
        with pytest.raises(DataError, match="folder 'shut' can't be read: Permission denied"):
            read(folder / "shut")
        raw = read(folder / "data")
        assert [(item.place, item.why) for item in raw.refused] == [
            ("data/a/1.png", "Permission denied"),
            ("data/c", "the folder can't be read: Permission denied"),
        ]


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "RATIO_FROM", 1 << 20)
    (tmp_path / "bomb.zip").write_bytes(zipped({"a.csv": b"0" * (2 << 20)}))
    with pytest.raises(DataError, match="it looks like a zip bomb") as caught:
        read(tmp_path / "bomb.zip")
    assert "times its size (2 MB in 1 files)" in caught.value.what
    assert list((tmp_path / "cache" / "unpacked").iterdir()) == []


def test_a_table_larger_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "MEMORY_SHARE", 1e-9)
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n" * 100)
    with pytest.raises(DataError, match=r"'t\.csv' is too large for this machine"):
        read(tmp_path / "t.csv")


def test_a_path_traversal_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "up.zip").write_bytes(zipped({"a/1.csv": b"a,b\n", "../../../up.csv": b"x"}))
    with pytest.raises(DataError):
        read(tmp_path / "up.zip")
    assert [path.name for path in tmp_path.rglob("*.csv")] == []


def test_bad_values_to_predict(tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"'empty\.png' can't be used: the file is empty"):
        read_for_prediction(tmp_path / "empty.png", ["photo"])
    (tmp_path / "t.jsonl").write_text(json.dumps({"a": 1}))
    with pytest.raises(DataError, match="needs the column 'b'"):
        read_for_prediction(tmp_path / "t.jsonl", ["a", "b"])
