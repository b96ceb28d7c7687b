"""Folders and zips: every file becomes a row or is refused by name."""

from __future__ import annotations

import gzip
import os
import struct
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pellucid.data.read import read, read_for_prediction
from pellucid.errors import DataError

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))


def grow(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def refused(raw: object) -> dict[str, str]:
    return {item.place: item.why for item in raw.refused}  # type: ignore[attr-defined]


def test_class_folders_of_images(tmp_path: Path) -> None:
    names = ["rose/b.png", "rose/a.JPG", "tulip/c.webp", "tulip/d.tiff", "tulip/e.gif"]
    root = grow(tmp_path / "flowers", dict.fromkeys(names, PNG))
    raw = read(root)
    assert raw.columns["file"].values.tolist() == sorted(names)
    assert raw.columns["file"].folder == root
    assert raw.columns["label"].values.tolist() == ["rose"] * 2 + ["tulip"] * 3
    assert raw.target == "label"
    assert raw.places[0] == "flowers/rose/a.JPG"
    assert raw.split is None


def test_every_stray_file_has_a_fate(tmp_path: Path) -> None:
    good = {f"{kind}/{i}.png": PNG for kind in "ab" for i in range(3)}
    stray = {
        "a/notes.docx": b"x",
        "a/hit.wav": b"RIFF",
        "a/empty.png": b"",
        "lost.png": PNG,
        ".DS_Store": b"x",
        "b/Thumbs.db": b"x",
        "b/.hidden.png": PNG,
        "__MACOSX/a/0.png": PNG,
    }
    raw = read(grow(tmp_path / "data", good | stray))
    assert len(raw) == 6
    assert refused(raw) == {
        "data/a/notes.docx": "unknown kind of file (.docx)",
        "data/a/hit.wav": "an audio among 7 files of kind image",
        "data/a/empty.png": "the file is empty",
        "data/lost.png": "not in a class folder",
    }
    assert "hidden and system files skipped: 4" in raw.notes


@pytest.mark.parametrize("names", [("train", "test"), ("Training", "VAL", "Testing")])
def test_given_split(tmp_path: Path, names: tuple[str, ...]) -> None:
    files = {f"{part}/{kind}/{i}.wav": b"RIFF" for part in names for kind in "ab" for i in "12"}
    raw = read(grow(tmp_path / "d", files | {"extra/a/1.wav": b"RIFF"}))
    parts = {"train": "train", "Training": "train", "VAL": "valid"}
    assert raw.split is not None
    expected = [parts.get(str(name).split("/")[0], "test") for name in raw.columns["file"].values]
    assert raw.split.tolist() == expected
    assert set(raw.columns["label"].values) == {"a", "b"}
    assert list(refused(raw)) == ["d/extra/a/1.wav"]
    assert all(name in raw.split_why for name in names)


def test_a_class_called_test_is_a_class_where_there_is_no_train(tmp_path: Path) -> None:
    raw = read(grow(tmp_path, {f"{kind}/1.png": PNG for kind in ("test", "dev", "rose")}))
    assert raw.split is None
    assert set(raw.columns["label"].values) == {"test", "dev", "rose"}


def test_new_classes_in_test_and_empty_class_folders_are_said(tmp_path: Path) -> None:
    grow(tmp_path / "d", {"train/a/1.png": PNG, "train/b/1.png": PNG, "test/c/1.png": PNG})
    assert "classes in test that train lacks: c" in read(tmp_path / "d").notes
    grow(tmp_path / "e", {"a/1.png": PNG, "b/1.png": PNG})
    (tmp_path / "e" / "none").mkdir()
    assert "class folders without examples: none" in read(tmp_path / "e").notes


def test_nested_folders_and_wrappers(tmp_path: Path) -> None:
    files = {"wrap/inner/a/x/1.png": PNG, "wrap/inner/a/2.png": PNG, "wrap/inner/b/y/z/3.png": PNG}
    raw = read(grow(tmp_path / "d", files))
    assert raw.columns["label"].values.tolist() == ["a", "a", "b"]
    assert "folders inside class folders: the class is the first level" in raw.notes


def test_one_class_in_two_unicode_forms_is_one_class(tmp_path: Path) -> None:
    composed, apart = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    files = {f"train/{composed}/1.png": PNG, "train/b/1.png": PNG, f"test/{apart}/1.png": PNG}
    raw = read(grow(tmp_path / "d", files))
    assert set(raw.columns["label"].values) == {composed, "b"}


TEXTS = {
    "utf-8": "naïve",
    "utf-8-sig": "naïve",
    "utf-16": "naïve",
    "cp1252": "naïve – “quoted”",
    "latin-1": "na\x81ïve",
    "cp1251": "Это очень хороший фильм, и я рекомендую его всем",
    "koi8-r": "Это очень хороший фильм, и я рекомендую его всем",
    "shift_jis": "この映画はとても面白かったです。また見たいと思います。",
    "euc_jp": "この映画はとても面白かったです。また見たいと思います。",
    "gb18030": "这部电影非常好看，我推荐给大家。",
    "big5": "這部電影非常好看，我推薦給大家。",
    "euc_kr": "이 영화는 정말 재미있었습니다. 모두에게 추천합니다.",
    "cp1253": "Αυτή η ταινία είναι πολύ καλή και την προτείνω",
}


def test_texts_in_any_encoding(tmp_path: Path) -> None:
    files = {f"a/{name}.txt": text.encode(name) for name, text in TEXTS.items()}
    files["b/0"] = b"no extension, still a text"
    files["b/binary.txt"] = bytes(range(256))
    raw = read(grow(tmp_path / "d", files))
    found = dict(zip([Path(place).stem for place in raw.places], raw.columns["text"].values))
    assert found == TEXTS | {"0": "no extension, still a text"}
    assert refused(raw) == {"d/b/binary.txt": "it holds binary data, not text"}
    assert any(note.startswith("encoding cp1251: 1 texts") for note in raw.notes)


def test_links(tmp_path: Path) -> None:
    root = grow(tmp_path / "d", {"a/1.png": PNG, "b/2.png": PNG})
    (tmp_path / "secret.png").write_bytes(PNG)
    os.symlink(tmp_path / "secret.png", root / "a" / "out.png")
    os.symlink(root, root / "a" / "loop")
    os.symlink(root / "b", root / "a" / "sideways")
    os.symlink(root / "nowhere", root / "b" / "broken.png")
    os.symlink(root / "b" / "self.png", root / "b" / "self.png")
    os.symlink(root / "a" / "1.png", root / "b" / "again.png")
    raw = read(root)
    assert raw.columns["file"].values.tolist() == ["a/1.png", "b/2.png", "b/again.png"]
    assert refused(raw) == {
        "d/a/out.png": "a link that leads out of the folder",
        "d/a/loop": "a link to a folder that is read in its own place",
        "d/a/sideways": "a link to a folder that is read in its own place",
        "d/b/broken.png": "a link that leads nowhere or to itself",
        "d/b/self.png": "a link that leads nowhere or to itself",
    }


def test_table_beside_its_files(tmp_path: Path) -> None:
    files = {f"images/{i}.png": PNG for i in range(3)}
    files["data.csv"] = b"photo,price\n0.png,1\n1.png,2\n2.png,3\n"
    raw = read(grow(tmp_path / "d", files))
    assert raw.columns["photo"].folder == tmp_path / "d" / "images"
    assert raw.columns["price"].values.tolist() == [1.0, 2.0, 3.0]
    assert raw.target is None
    assert "'photo' names files in d/images" in raw.notes


def test_tables_named_train_and_test(tmp_path: Path) -> None:
    files = {
        "train.csv": b"a,b\n1,x\n2,y\n",
        "test.csv": b"a,b\n3,x\n",
        "sample_submission.csv": b"a,b\n0,0\n",
    }
    raw = read(grow(tmp_path / "d", files))
    assert raw.split is not None
    assert raw.split.tolist() == ["train", "train", "test"]
    assert "tables not read: sample_submission.csv" in raw.notes


def test_a_table_that_names_no_files_does_not_hide_class_folders(tmp_path: Path) -> None:
    files = {f"{kind}/1.png": PNG for kind in "ab"} | {"about.csv": b"k,v\nx,1\ny,2\n"}
    raw = read(grow(tmp_path / "d", files))
    assert raw.target == "label"
    assert refused(raw) == {"d/about.csv": "not in a class folder"}


def test_file_names_of_two_sources_start_in_one_folder(tmp_path: Path) -> None:
    for name in ("one", "two"):
        grow(tmp_path / name, {f"{kind}/{name}.png": PNG for kind in "ab"})
    raw = read(tmp_path / "one", test=tmp_path / "two")
    column = raw.columns["file"]
    assert column.folder == tmp_path
    assert column.values.tolist() == [
        "one/a/one.png",
        "one/b/one.png",
        "two/a/two.png",
        "two/b/two.png",
    ]
    assert all((column.folder / name).is_file() for name in column.values)


def test_prediction_reads_flat_folders_and_single_files(tmp_path: Path) -> None:
    root = grow(tmp_path / "new", {"b.png": PNG, "a.png": PNG, "sub/c.png": PNG, "x.csv": b"1"})
    raw = read_for_prediction(root, ["photo"])
    assert raw.columns["photo"].values.tolist() == ["a.png", "b.png", "sub/c.png"]
    assert refused(raw) == {"new/x.csv": "unknown kind of file (.csv)"}
    raw = read_for_prediction(root / "a.png", ["photo"])
    assert raw.columns["photo"].values.tolist() == ["a.png"]
    assert raw.columns["photo"].folder == root
    (tmp_path / "one.txt").write_text("a, b\nc")
    raw = read_for_prediction(tmp_path / "one.txt", ["text"])
    assert raw.columns["text"].values.tolist() == ["a, b\nc"]
    with pytest.raises(DataError, match="one value, and the model needs 2 columns"):
        read_for_prediction(root / "a.png", ["photo", "price"])


def test_idx_files(tmp_path: Path) -> None:
    def idx(values: np.ndarray) -> bytes:
        head = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
        return gzip.compress(head + values.tobytes())

    images = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
    labels = np.array([7, 1, 7, 2, 1], dtype=np.uint8)
    files = {
        "train-images-idx3-ubyte.gz": idx(images[:3]),
        "train-labels-idx1-ubyte.gz": idx(labels[:3]),
        "t10k-images-idx3-ubyte.gz": idx(images[3:]),
        "t10k-labels-idx1-ubyte.gz": idx(labels[3:]),
    }
    root = grow(tmp_path / "mnist", files)
    raw = read(root)
    assert np.array_equal(raw.columns["image"].values, images)
    assert raw.columns["image"].values.dtype == np.uint8
    assert raw.columns["label"].values.tolist() == ["7", "1", "7", "2", "1"]
    assert raw.split is not None
    assert raw.split.tolist() == ["train"] * 3 + ["test"] * 2
    (root / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="has no companion with the labels"):
        read(root)
    (root / "train-labels-idx1-ubyte.gz").write_bytes(idx(labels[:3])[:-12])
    with pytest.raises(DataError, match="is broken"):
        read(root)


def test_zip_of_class_folders_is_unpacked_once(tmp_path: Path) -> None:
    path = tmp_path / "flowers.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("flowers/rose/1.png", "flowers/tulip/2.png", "__MACOSX/flowers/._1.png"):
            archive.writestr(name, PNG)
    raw = read(path)
    assert raw.name == "flowers.zip"
    assert raw.columns["label"].values.tolist() == ["rose", "tulip"]
    folder = raw.columns["file"].folder
    assert folder is not None
    assert folder.is_relative_to(tmp_path / "cache")
    assert (folder / "rose/1.png").read_bytes() == PNG
    before = folder.stat().st_ino
    again = read(path).columns["file"].folder
    assert again == folder
    assert folder.stat().st_ino == before
    assert sorted(item.name for item in tmp_path.iterdir()) == ["cache", "flowers.zip"]


def test_zip_of_one_table(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("t.csv", "a,b\n1,x\n2,y\n")
    raw = read(tmp_path / "t.zip")
    assert raw.columns["a"].values.tolist() == [1.0, 2.0]
    assert raw.places[0] == "t.csv line 2"


def test_the_fingerprint_of_a_folder_follows_its_files(tmp_path: Path) -> None:
    root = grow(tmp_path / "d", {"a/1.png": PNG, "b/1.png": PNG})
    before = read(root).fingerprint
    assert before == read(root).fingerprint
    (root / "a/1.png").write_bytes(PNG + b"x")
    assert read(root).fingerprint != before
