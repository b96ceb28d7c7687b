"""Every kind of bad input, and what a person is told.

One row a kind: the files that are there, the words that are typed, and which of three things must
happen. The texts are in `errors.txt`, to be read as documentation. To write them again after a
change: `PELLUCID_UPDATE_GOLDEN=1 pytest tests/golden/test_errors.py`; then read what changed.

    error       exit code 2; the three lines what, where, fix; with --json the same as JSON
    set aside   learning goes on without the bad item, and the ledger says which and why
    repaired    the row is used, and the ledger says what was changed
    used        nothing is wrong with it, though other programs stumble over it
    answers     predict answers the good rows; a bad one gets its own error
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import shlex
import shutil
import stat
import struct
import sys
import wave
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import pellucid
from pellucid.interfaces import cli

GOLDEN = Path(__file__).parent / "errors.txt"
UPDATE = "PELLUCID_UPDATE_GOLDEN" in os.environ
Outcome = Literal["error", "set aside", "repaired", "used", "answers"]
Files = dict[str, bytes | str]


@dataclass(frozen=True)
class Case:
    """kind: what is bad. typed: the words after `pellucid`. files: what is in the folder.
    more: anything else to do there first. trained: a trained run that is there too, as shop.run.
    without: a package that is not installed."""

    kind: str
    outcome: Outcome
    typed: str
    files: Files = field(default_factory=dict)
    more: Callable[[Path], object] | None = None
    trained: str = ""
    without: str = ""


# --- makers of good files -----------------------------------------------------------------------

rng = np.random.default_rng(0)


def csv(rows: int = 40, header: str = "rooms,area,price") -> str:
    """A table with a number to predict."""
    random = np.random.default_rng(1)
    area = random.normal(100, 20, rows)
    lines = [f"{i % 5 + 1},{a:.2f},{2 * a + i % 5:.1f}" for i, a in enumerate(area)]
    return "\n".join([header, *lines]) + "\n"


def flowers(rows: int = 40) -> list[str]:
    """Lines of a table with two classes; the first is the header."""
    random = np.random.default_rng(2)
    kinds = ["rose", "tulip"]
    body = [
        f"{3 * (i % 2) + random.normal():.3f},{random.normal():.3f},{kinds[i % 2]}"
        for i in range(rows)
    ]
    return ["length,width,kind", *body]


def changed(line: int, to: str, rows: int = 40) -> str:
    """The table of flowers with one line (counted as an editor does) changed."""
    lines = flowers(rows)
    lines[line - 1] = to
    return "\n".join(lines) + "\n"


FLOWERS = "\n".join(flowers()) + "\n"


def png(seed: int = 0, side: int = 8, shade: int = 0) -> bytes:
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 120, (side, side, 3)) + shade
    sink = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(sink, "PNG")
    return sink.getvalue()


def photos(**bad: bytes | str) -> Files:
    """Two class folders of twelve pictures each; `bad` replaces or adds some by name in roses/."""
    files: Files = {}
    for number in range(12):
        files[f"photos/lilies/{number:02}.png"] = png(number)
        files[f"photos/roses/{number:02}.png"] = png(100 + number, shade=120)
    for name, content in bad.items():
        files[f"photos/roses/{name.replace('__', '.').strip('_')}"] = content
    return files


def wav(seed: int = 0, samples: int = 800, high: bool = False) -> bytes:
    random = np.random.default_rng(seed)
    tone = np.sin(np.arange(samples) * (0.9 if high else 0.2)) * 9000
    return wav_of(tone + random.normal(0, 99, samples))


def wav_of(samples: np.ndarray) -> bytes:
    sink = io.BytesIO()
    with wave.open(sink, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.astype("<i2").tobytes())
    return sink.getvalue()


def float_wav(samples: list[float]) -> bytes:
    """A WAV of 32-bit floats, which may hold what is no number."""
    import soundfile

    sink = io.BytesIO()
    soundfile.write(sink, np.array(samples), 8000, format="WAV", subtype="FLOAT")
    return sink.getvalue()


def sounds(**bad: bytes | str) -> Files:
    files: Files = {}
    for number in range(12):
        files[f"sounds/high/{number:02}.wav"] = wav(number, high=True)
        files[f"sounds/low/{number:02}.wav"] = wav(100 + number)
    for name, content in bad.items():
        files[f"sounds/low/{name.replace('__', '.').strip('_')}"] = content
    return files


def texts(**bad: bytes | str) -> Files:
    good, poor = ["lovely", "bright", "warm", "fine"], ["awful", "dull", "cold", "sad"]
    files: Files = {}
    for number in range(12):
        random = np.random.default_rng(number)
        for folder, words in (("good", good), ("poor", poor)):
            said = " ".join(random.choice(words, 12))
            files[f"texts/{folder}/{number:02}.txt"] = f"film {number}: {said}"
    for name, content in bad.items():
        files[f"texts/poor/{name.replace('__', '.').strip('_')}"] = content
    return files


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


def zipped(members: Files, mode: int = stat.S_IFREG | 0o644) -> bytes:
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
    content = bytearray(zipped({"flowers.csv": FLOWERS}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


def npy(array: np.ndarray, *, allow_pickle: bool = False) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=allow_pickle)
    return sink.getvalue()


def npz(**arrays: Any) -> bytes:
    sink = io.BytesIO()
    np.savez(sink, **arrays)
    return sink.getvalue()


def huge_png() -> bytes:
    """A picture whose header says 30,000 x 30,000 pixels."""
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    data = b"\x89PNG\r\n\x1a\n"
    for kind, body in chunks:
        check = struct.pack(">I", zlib.crc32(kind + body))
        data += struct.pack(">I", len(body)) + kind + body + check
    return data


def edit_json(path: str, **values: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        data = json.loads((folder / path).read_text())
        (folder / path).write_text(json.dumps(data | values))

    return edit


def cut(path: str, to: int) -> Callable[[Path], None]:
    def shorten(folder: Path) -> None:
        (folder / path).write_bytes((folder / path).read_bytes()[:to])

    return shorten


def remove(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()


def link(path: str, to: str) -> Callable[[Path], None]:
    return lambda folder: os.symlink(to, folder / path)


def dated(last: str) -> str:
    lines = [f"2024-01-{i + 1:02},{i % 7}.5,{i % 7 * 2 + i}.1" for i in range(30)]
    return "\n".join(["day,visitors,sales", *lines, last]) + "\n"


NOISE = bytes(np.random.default_rng(0).integers(0, 256, 5000, np.uint8))

# --- the table ----------------------------------------------------------------------------------

L = "learn flowers.csv"
FL: Files = {"flowers.csv": FLOWERS}
PHOTOS = "learn photos"

CASES: list[Case] = [
    # the source
    Case("a misspelled path", "error", "learn flwers.csv", FL),
    Case("no such path", "error", "learn elsewhere/data"),
    Case("an empty path", "error", "learn ''"),
    Case("an address on the network", "error", "learn https://example.org/flowers.csv"),
    Case("a link that leads nowhere", "error", "learn f.csv", {}, link("f.csv", "gone.csv")),
    Case("an empty folder", "error", "learn data", {}, lambda f: (f / "data").mkdir()),
    Case(
        "a folder of unknown files",
        "error",
        "learn data",
        {"data/a/1.doc": "x", "data/b/2.doc": "x"},
    ),
    Case(
        "a folder with two tables",
        "error",
        "learn data",
        {"data/a.csv": FLOWERS, "data/b.csv": FLOWERS},
    ),
    Case(
        "a Git LFS pointer",
        "error",
        "learn f.csv",
        {"f.csv": "version https://git-lfs.github.com/spec/v1\n"},
    ),
    Case("a pickle", "error", "learn f.pkl", {"f.pkl": b"\x80\x04]."}),
    Case("an HDF5 file", "error", "learn f.h5", {"f.h5": b"\x89HDF\r\n"}),
    # tables
    Case("an empty table", "error", "learn f.csv", {"f.csv": ""}),
    Case("blank lines only", "error", "learn f.csv", {"f.csv": "\n \n\n"}),
    Case("a header and no rows", "error", "learn f.csv", {"f.csv": "length,width,kind\n"}),
    Case("one row", "error", "learn f.csv", {"f.csv": "length,kind\n1,rose\n"}),
    Case("two rows", "error", "learn f.csv", {"f.csv": "length,kind\n1,rose\n2,tulip\n"}),
    Case(
        "two rows of each class",
        "error",
        "learn f.csv",
        {"f.csv": "x,kind\n" + "".join(f"{i}.5,kind {i // 2}\n" for i in range(40))},
    ),
    Case("one column", "error", "learn f.csv", {"f.csv": "kind\n" + "rose\ntulip\n" * 20}),
    Case("random bytes", "error", "learn f.csv", {"f.csv": NOISE}),
    Case("a picture named .csv", "error", "learn f.csv", {"f.csv": png()}),
    Case(
        "a web page named .csv", "error", "learn f.csv", {"f.csv": "<!DOCTYPE html><html></html>"}
    ),
    Case(
        "UTF-16 cut off in the middle",
        "error",
        "learn f.csv",
        {"f.csv": FLOWERS.encode("utf-16")[:-1]},
    ),
    Case(
        "a table in an old encoding",
        "used",
        "learn f.csv",
        {"f.csv": FLOWERS.replace("tulip", "Märzenbecher").encode("cp1252")},
    ),
    Case("a gzip cut off", "error", "learn f.csv.gz", {"f.csv.gz": gzip.compress(NOISE)[:200]}),
    Case(
        "lines of different lengths",
        "error",
        "learn f.csv",
        {"f.csv": "a,b,c\n1,2,3\n" + "1,2,3,4\n2,3,4,5,6\n" * 3},
    ),
    Case("one line too long", "set aside", L, {"flowers.csv": changed(9, "1.0,2.0,rose,red,big")}),
    Case("one line too short", "set aside", L, {"flowers.csv": changed(9, "1.0")}),
    Case(
        "a quote that is never closed",
        "error",
        "learn f.csv",
        {"f.csv": 'a,b\n1,x\n2,"y\n3,z\n4,w\n'},
    ),
    Case(
        "two columns of one name",
        "used",
        "learn f.csv",
        {"f.csv": FLOWERS.replace("length,width", "length,length")},
    ),
    Case(
        "a number with a word in it", "repaired", L, {"flowers.csv": changed(9, "broken,2.0,rose")}
    ),
    Case("an infinite number", "repaired", L, {"flowers.csv": changed(9, "inf,2.0,rose")}),
    Case(
        "a number too large for 32 bits", "used", L, {"flowers.csv": changed(9, "1e300,2.0,rose")}
    ),
    Case(
        "numbers written the German way",
        "used",
        "learn f.csv",
        {"f.csv": FLOWERS.replace(",", ";").replace(".", ",")},
    ),
    Case(
        "a column with no value",
        "used",
        "learn f.csv",
        {
            "f.csv": "\n".join(
                line + (",note" if not i else ",") for i, line in enumerate(flowers())
            )
        },
    ),
    Case(
        "columns without any value",
        "error",
        "learn f.csv --target kind",
        {"f.csv": "length,kind\n" + ",rose\n,tulip\n" * 20},
    ),
    Case(
        "a target with one class",
        "error",
        "learn f.csv --target kind",
        {"f.csv": FLOWERS.replace("tulip", "rose")},
    ),
    Case(
        "a number to predict that never changes",
        "error",
        "learn f.csv --target price",
        {"f.csv": re.sub(r",[^,]*$", ",5", csv(), flags=re.M).replace("area,5", "area,price")},
    ),
    Case(
        "a target with no value",
        "error",
        "learn f.csv --target kind",
        {"f.csv": re.sub("rose|tulip", "", FLOWERS)},
    ),
    Case("a row without its answer", "set aside", L, {"flowers.csv": changed(9, "1.0,2.0,")}),
    Case(
        "an infinite answer",
        "set aside",
        "learn f.csv --target price",
        {"f.csv": re.sub(r",[^,\n]*\n$", ",inf\n", csv())},
    ),
    Case(
        "a target with a new text in every row",
        "error",
        "learn f.csv --target name",
        {
            "f.csv": "size,name\n"
            + "".join(f"{i % 7},flower {chr(97 + i % 26)}{i} of the garden\n" for i in range(40))
        },
    ),
    Case(
        "dates as target",
        "error",
        "learn f.csv --target day",
        {"f.csv": "size,day\n" + "".join(f"{i % 7},2024-03-{i % 28 + 1:02}\n" for i in range(40))},
    ),
    Case(
        "more than a tenth of the rows unusable",
        "error",
        "learn f.csv",
        {
            "f.csv": "\n".join(
                line if i % 5 or not i else line.rpartition(",")[0] + ","
                for i, line in enumerate(flowers())
            )
        },
    ),
    Case(
        "the same, with --keep-going",
        "set aside",
        "learn f.csv --keep-going",
        {
            "f.csv": "\n".join(
                line if i % 5 or not i else line.rpartition(",")[0] + ","
                for i, line in enumerate(flowers(20))
            )
        },
    ),
    Case("Parquet cut off", "error", "learn f.parquet", {"f.parquet": parquet()[:-200]}),
    Case("a workbook cut off", "error", "learn f.xlsx", {"f.xlsx": workbook([["a"], [1]])[:900]}),
    Case("a table named .xlsx", "error", "learn f.xlsx", {"f.xlsx": FLOWERS}),
    Case("an old Excel file", "error", "learn f.xls", {"f.xls": b"\xd0\xcf\x11\xe0"}),
    Case("an empty workbook", "error", "learn f.xlsx", {"f.xlsx": workbook([])}),
    Case("JSON cut off", "error", "learn f.json", {"f.json": '[{"a": 1}, {"a"'}),
    Case(
        "nested JSON",
        "error",
        "learn f.jsonl",
        {"f.jsonl": '{"a": {"b": {"c": 1}}, "kind": "x"}\n' * 20},
    ),
    Case(
        "a JSON column of numbers and lists",
        "error",
        "learn f.jsonl",
        {"f.jsonl": '{"a": [1]}\n{"a": 2}\n'},
    ),
    Case(
        "one line that is no JSON",
        "set aside",
        "learn f.jsonl --target kind",
        {
            "f.jsonl": "".join(
                json.dumps({"size": i % 7 + (i % 2) * 9.5, "kind": "ab"[i % 2]}) + "\n"
                for i in range(40)
            )
            + "oops\n"
        },
    ),
    # arrays and series
    Case(
        "pickled objects in .npy",
        "error",
        "learn f.npy",
        {"f.npy": npy(np.array([{}, {}], dtype=object), allow_pickle=True)},
    ),
    Case("an array cut off", "error", "learn f.npy", {"f.npy": npy(np.eye(9))[:-50]}),
    Case("complex numbers", "error", "learn f.npy", {"f.npy": npy(np.zeros((3, 2), complex))}),
    Case(
        "X and y of different lengths",
        "error",
        "learn f.npz",
        {"f.npz": npz(X=np.eye(3), y=[1, 2])},
    ),
    Case(
        "arrays without an answer",
        "error",
        "learn f.npz",
        {"f.npz": npz(X=rng.normal(size=(20, 4, 4)))},
    ),
    Case(".ts without data", "error", "learn f.ts", {"f.ts": "@classLabel true a b\n@data\n"}),
    Case(".ts without @data", "error", "learn f.ts", {"f.ts": "1,2,3:a\n"}),
    # zips
    Case(
        "a zip that would write elsewhere",
        "error",
        "learn f.zip",
        {"f.zip": zipped({"../../up.csv": FLOWERS})},
    ),
    Case(
        "a zip with a link in it",
        "error",
        "learn f.zip",
        {"f.zip": zipped({"a": "/etc"}, stat.S_IFLNK | 0o777)},
    ),
    Case("a zip with a password", "error", "learn f.zip", {"f.zip": locked()}),
    Case("a zip cut off", "error", "learn f.zip", {"f.zip": zipped({"flowers.csv": NOISE})[:-30]}),
    Case("an empty zip", "error", "learn f.zip", {"f.zip": zipped({})}),
    # pictures
    Case("a picture cut off", "set aside", PHOTOS, photos(bad__png=png(5, 32)[:900])),
    Case("a picture of 0 bytes", "set aside", PHOTOS, photos(bad__png=b"")),
    Case("a text named .png", "set aside", PHOTOS, photos(bad__png="not a picture at all")),
    Case("a picture too large to open", "set aside", PHOTOS, photos(bad__png=huge_png())),
    Case("a document among pictures", "set aside", PHOTOS, photos(bad__pdf=b"%PDF-1.7")),
    Case("a link in a circle", "set aside", PHOTOS, photos(), link("photos/roses/again", "..")),
    Case(
        "one folder only",
        "error",
        "learn photos",
        {f"photos/roses/{i}.png": png(i) for i in range(9)},
    ),
    Case(
        "pictures without class folders",
        "error",
        "learn photos",
        {f"photos/{i}.png": png(i) for i in range(9)},
    ),
    Case("a single picture", "error", "learn rose.png", {"rose.png": png()}),
    Case(
        "a class folder with nothing in it",
        "used",
        PHOTOS,
        photos(),
        lambda f: (f / "photos/empty").mkdir(),
    ),
    Case(
        "three of 24 pictures broken",
        "error",
        PHOTOS,
        photos(**{f"_{i:02}__png": b"" for i in range(3)}),
    ),
    Case(
        "all pictures broken",
        "error",
        "learn photos",
        {f"photos/{k}/{i}.png": "no picture" for k in "ab" for i in range(9)},
    ),
    Case(
        "a table that names pictures which are not there",
        "error",
        "learn f.csv",
        {"f.csv": "photo,kind\n" + "".join(f"img/{i}.png,{'ab'[i % 2]}\n" for i in range(30))},
    ),
    Case(
        "a table that names one picture which is not there",
        "set aside",
        "learn f.csv",
        {
            **{f"img/{i}.png": png(i, shade=i % 2 * 120) for i in range(30)},
            "f.csv": "photo,kind\n" + "".join(f"img/{i}.png,{'ab'[i % 2]}\n" for i in range(31)),
        },
    ),
    # sounds
    Case("a recording of 0 bytes", "set aside", "learn sounds", sounds(bad__wav=b"")),
    Case("a text named .wav", "set aside", "learn sounds", sounds(bad__wav="hello")),
    Case(
        "a recording without samples", "set aside", "learn sounds", sounds(bad__wav=wav(samples=0))
    ),
    Case(
        "a recording cut off in its header",
        "set aside",
        "learn sounds",
        sounds(bad__wav=wav()[:30]),
    ),
    Case("a recording cut off", "set aside", "learn sounds", sounds(bad__wav=wav()[:900])),
    Case(
        "a recording with values that are no numbers",
        "set aside",
        "learn sounds",
        sounds(bad__wav=float_wav([0.1, float("nan")] * 400)),
    ),
    Case(
        "recordings without any sound",
        "error",
        "learn sounds",
        {f"sounds/{k}/{i}.wav": wav_of(np.zeros(800)) for k in "ab" for i in range(9)},
    ),
    # texts
    Case("an empty text", "set aside", "learn texts", texts(bad__txt="")),
    Case("a text of blanks", "set aside", "learn texts", texts(bad__txt=" \n\n ")),
    Case("random bytes named .txt", "set aside", "learn texts", texts(bad__txt=NOISE)),
    Case(
        "a text in an old encoding",
        "used",
        "learn texts",
        texts(bad__txt="Gräßlich öde Blüten, fad".encode("cp1252")),
    ),
    # packages
    Case("pictures without Pillow", "error", PHOTOS, photos(), without="PIL.Image"),
    Case("sounds without soundfile", "error", "learn sounds", sounds(), without="soundfile"),
    Case(
        "a workbook without openpyxl",
        "error",
        "learn f.xlsx",
        {"f.xlsx": workbook([["a"], [1]])},
        without="openpyxl",
    ),
    # settings
    Case("an unknown verb", "error", "lern flowers.csv"),
    Case("no verb", "error", ""),
    Case("an unknown option", "error", f"{L} --tagret kind", FL),
    Case("an option without its value", "error", f"{L} --target", FL),
    Case("a misspelled target", "error", f"{L} --target kinds", FL),
    Case("a target named twice", "error", f"{L} --target length,length", FL),
    Case("several targets that are words", "error", f"{L} --target length,kind", FL),
    Case("a misspelled column in --as", "error", f"{L} --as lenght=number", FL),
    Case("an unknown kind in --as", "error", f"{L} --as length=numbre", FL),
    Case("--as without a kind", "error", f"{L} --as length", FL),
    Case("--as that fits no value", "error", f"{L} --as kind=number --target length", FL),
    Case("grades without an order", "error", f"{L} --target kind --task grades", FL),
    Case("a scale that lacks a grade", "error", f"{L} --target kind --as kind=tulip<oak", FL),
    Case("a scale for another column", "error", f"{L} --as length=1<2", FL),
    Case("numbers read as pictures", "error", f"{L} --as length=image", FL),
    Case("an unknown network", "error", f"{L} --network tranformer", FL),
    Case("a network that does not fit", "error", f"{L} --network cnn", FL),
    Case("an unknown task", "error", f"{L} --task clasify", FL),
    Case("a task that does not fit", "error", f"{L} --task regress", FL),
    Case("an unknown effort", "error", f"{L} --effort fast", FL),
    Case("an unknown choice of keep", "error", f"{L} --keep bset", FL),
    Case("a seed that is no number", "error", f"{L} --seed abc", FL),
    Case("a negative seed", "error", f"{L} --seed -1", FL),
    Case("a time that is no time", "error", f"{L} --time 3x", FL),
    Case("a negative time", "error", f"{L} --time -3s", FL),
    Case("no time at all", "error", f"{L} --time 0", FL),
    Case("a time for ever", "error", f"{L} --time inf", FL),
    Case("a misspelled column to ignore", "error", f"{L} --ignore widht", FL),
    Case("every column ignored", "error", f"{L} --ignore length --ignore width", FL),
    Case("the target ignored", "error", f"{L} --target kind --ignore kind", FL),
    Case("a group column that is not there", "error", f"{L} --group gardn", FL),
    Case(
        "a group that is the same in every row",
        "error",
        "learn f.csv --group garden --target kind",
        {
            "f.csv": "\n".join(
                ("garden" if not i else "north") + f",{line}" for i, line in enumerate(flowers())
            )
        },
    ),
    Case("an order column that is not there", "error", f"{L} --order day", FL),
    Case(
        "an order column with a bad date",
        "error",
        "learn f.csv --order day --target sales",
        {"f.csv": dated("soon,3.5,2.1")},
    ),
    Case(
        "an order column with a missing date",
        "error",
        "learn f.csv --order day --target sales",
        {"f.csv": dated(",3.5,2.1")},
    ),
    Case("an order column of words", "error", f"{L} --order kind --target length", FL),
    Case("a split column that is not there", "error", f"{L} --split part", FL),
    Case("a split column with other words", "error", f"{L} --split kind --target length", FL),
    Case(
        "a split that puts everything into test",
        "error",
        "learn f.csv --split part",
        {
            "f.csv": "\n".join(
                line + (",part" if not i else ",test") for i, line in enumerate(flowers())
            )
        },
    ),
    # test sources, plans, output
    Case(
        "test rows without a column",
        "error",
        f"{L} --test t.csv",
        FL | {"t.csv": "length,kind\n1,rose\n2,tulip\n"},
    ),
    Case("a test source that is not there", "error", f"{L} --test flowrs.csv", FL),
    Case(
        "test rows and a split column",
        "error",
        f"{L} --test t.csv --split kind",
        FL | {"t.csv": FLOWERS},
    ),
    Case(
        "a class that only the test rows have",
        "set aside",
        f"{L} --test t.csv",
        FL | {"t.csv": FLOWERS.replace("2.", "2.1") + "3,3,daisy\n"},
    ),
    Case("the plan of what is no run", "error", f"{L} --plan flowers.csv", FL),
    Case("the plan of another kind of data", "error", f"{L} --plan shop.run", FL, trained="photos"),
    Case(
        "an output folder with something in it",
        "error",
        f"{L} --out data",
        FL | {"data/mine.txt": "keep me"},
    ),
    Case(
        "an output that is a file", "error", f"{L} --out notes.txt", FL | {"notes.txt": "keep me"}
    ),
    Case(
        "an output below a file", "error", f"{L} --out notes.txt/run", FL | {"notes.txt": "keep me"}
    ),
    # runs
    Case("show: no such run", "error", "show shpo.run", trained="flowers"),
    Case("show: a folder that is no run", "error", "show data", {"data/a.txt": "x"}),
    Case("show: a model without its run", "error", "show shop.run/model", trained="flowers"),
    Case(
        "show: a run of a newer version",
        "error",
        "show shop.run",
        {},
        edit_json("shop.run/run.json", schema=9),
        "flowers",
    ),
    Case(
        "show: a damaged run",
        "error",
        "show shop.run",
        {},
        cut("shop.run/run.json", 5),
        "flowers",
    ),
    Case("resume: a run that is done", "error", "resume shop.run", trained="flowers"),
    Case("resume: no such run", "error", "resume nothing.run"),
    Case("report: no such run", "error", "report nothing.run"),
    Case("demo: no such example", "error", "demo digit"),
    # predictions
    Case("predict: no such run", "error", "predict shp.run flowers.csv", FL, trained="flowers"),
    Case("predict: no such input", "error", "predict shop.run flowrs.csv", FL, trained="flowers"),
    Case(
        "predict: a run without a model",
        "error",
        "predict shop.run flowers.csv",
        FL,
        lambda f: shutil.rmtree(f / "shop.run/model"),
        "flowers",
    ),
    Case(
        "predict: a model of a newer version",
        "error",
        "predict shop.run flowers.csv",
        FL,
        edit_json("shop.run/model/bundle.json", format=9),
        "flowers",
    ),
    Case(
        "predict: a damaged model",
        "error",
        "predict shop.run flowers.csv",
        FL,
        cut("shop.run/model/network-0.safetensors", 500),
        "flowers",
    ),
    Case(
        "predict: a damaged description",
        "error",
        "predict shop.run flowers.csv",
        FL,
        cut("shop.run/model/bundle.json", 5),
        "flowers",
    ),
    Case(
        "predict: weights that are gone",
        "error",
        "predict shop.run flowers.csv",
        FL,
        remove("shop.run/model/network-0.safetensors"),
        "flowers",
    ),
    Case(
        "predict: weights of another model",
        "error",
        "predict shop.run flowers.csv",
        FL,
        lambda f: shutil.copy(
            f / "shop.run/model/baseline.safetensors", f / "shop.run/model/network-0.safetensors"
        ),
        "flowers",
    ),
    Case(
        "predict: a missing column",
        "error",
        "predict shop.run t.csv",
        {"t.csv": "lenght,width\n1,2\n"},
        None,
        "flowers",
    ),
    Case(
        "predict: a row without a value that is needed",
        "error",
        "predict shop.run length=3",
        {},
        None,
        "flowers",
    ),
    Case(
        "predict: a value of an unknown name",
        "error",
        "predict shop.run length=3 widht=2",
        {},
        None,
        "flowers",
    ),
    Case(
        "predict: a word typed for a number",
        "answers",
        "predict shop.run length=3 width=wide",
        {},
        None,
        "flowers",
    ),
    Case(
        "predict: an empty table", "error", "predict shop.run t.csv", {"t.csv": ""}, None, "flowers"
    ),
    Case(
        "predict: a picture for a table's model",
        "error",
        "predict shop.run a.png",
        {"a.png": png()},
        None,
        "flowers",
    ),
    Case(
        "predict: who is unknown",
        "error",
        "predict shop.run flowers.csv --model forest",
        FL,
        None,
        "flowers",
    ),
    Case(
        "predict: a classical method that is not there",
        "error",
        "predict shop.run flowers.csv --model baseline",
        FL,
        edit_json("shop.run/model/bundle.json", baseline=None),
        "flowers",
    ),
    Case(
        "predict: answers into an unknown format",
        "error",
        "predict shop.run flowers.csv --out a.xlsx",
        FL,
        None,
        "flowers",
    ),
    Case(
        "predict: answers into a folder that is not there",
        "error",
        "predict shop.run flowers.csv --out no/a.csv",
        FL,
        None,
        "flowers",
    ),
    Case(
        "predict: a word among numbers",
        "answers",
        "predict shop.run t.csv",
        {"t.csv": "length,width\n1,2\nbroken,2\n3,4\n"},
        None,
        "flowers",
    ),
    Case(
        "predict: a line too short",
        "answers",
        "predict shop.run t.csv",
        {"t.csv": "length,width\n1,2\n2\n3,4\n4,5\n"},
        None,
        "flowers",
    ),
    Case(
        "predict: a broken picture among others",
        "answers",
        "predict shop.run new",
        {"new/1.png": png(), "new/2.png": png()[:60], "new/3.png": b"", "new/4.png": png(4)},
        None,
        "photos",
    ),
    Case(
        "predict: one broken picture",
        "answers",
        "predict shop.run 2.png",
        {"2.png": png()[:60]},
        None,
        "photos",
    ),
]


# --- the texts ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two trained runs: 'flowers' (a table) and 'photos'."""
    folder = tmp_path_factory.mktemp("trained")
    cache = pytest.MonkeyPatch()
    cache.setenv("PELLUCID_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    write(folder, FL | photos())
    for name, source in (("flowers", "flowers.csv"), ("photos", "photos")):
        pellucid.learn(
            folder / source,
            out=folder / f"{name}.run",
            time=1,
            quiet=True,
            report=False,
            pretrained=False,
        )
    cache.undo()
    return folder


def write(folder: Path, files: Files) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
def test_what_a_person_is_told(
    case: Case,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, case.files)
    if case.trained:
        shutil.copytree(
            request.getfixturevalue("runs") / f"{case.trained}.run", tmp_path / "shop.run"
        )
    if case.more:
        case.more(tmp_path)
    if case.without:
        monkeypatch.delitem(sys.modules, case.without, raising=False)
        monkeypatch.setattr(sys, "meta_path", [Absent(case.without), *sys.meta_path])
    before = everything(tmp_path)
    words = shlex.split(case.typed)
    if case.outcome == "error":
        said = error_of(words, capsys)
    elif case.outcome == "answers":
        said = answers_of(words, capsys)
    else:
        said = fate_of(words, case.outcome)
    after = everything(tmp_path)
    assert {name: after[name] for name in before} == before, "files were touched"
    compare(case, said.replace(str(tmp_path), "/home/you"))


class Absent:
    """Finds one package missing, as where it is not installed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name == self.name:
            raise ModuleNotFoundError(f"No module named '{name}'")


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def error_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The three lines; checked to be the same in JSON, with exit code 2."""
    takes_json = bool(words) and words[0] != "report"
    code = cli.main([*words, "--json"] if takes_json else words)
    out, err = capsys.readouterr()
    assert code == 2, out + err
    shown = err[err.index("error: ") :].rstrip("\n")
    if takes_json:
        error = json.loads(out)["error"]
        assert set(error) == {"code", "what", "where", "fix"}
        assert all(error.values())
        lines = f"error: {error['what']}\n  where: {error['where']}\n  fix:   {error['fix']}"
        assert shown == lines
    else:
        assert out == ""
    assert "Traceback" not in err
    return shown


def answers_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Which rows were answered, and the errors of the others."""
    assert cli.main([*words, "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["row"] for line in lines] == list(range(len(lines)))
    said = []
    for line in lines:
        if "error" in line:
            assert set(line) == {"row", "error"}
            error = line["error"]
            said += [
                f"row {line['row']}: error: {error['what']}",
                f"  where: {error['where']}",
                f"  fix:   {error['fix']}",
            ]
        else:
            mended = f", but {line['repaired']}" if "repaired" in line else ""
            said.append(f"row {line['row']}: answered{mended}")
    return "\n".join(said)


def fate_of(words: list[str], outcome: Outcome) -> str:
    """What the ledger says, after all that comes before learning."""
    from pellucid.recipe.prepare import prepare
    from pellucid.recipe.watcher import Watcher

    options = cli.parser().parse_args(words)
    found = prepare(options.source, cli.settings_from(options), Watcher(), options.test)
    counts = found.ledger.counts()
    assert sum(counts.values()) == len(found.table) + len(found.table.refused)
    aside, mended = found.ledger.set_aside_items(), found.ledger.repaired_items()
    assert (outcome == "set aside") == bool(aside), (aside, mended)
    if outcome != "set aside":
        assert (outcome == "repaired") == bool(mended), mended
    said = [f"set aside: {place}: {why}" for place, why in aside]
    said += [f"repaired: {place}: {how}" for place, how in mended]
    said += [f"noticed: {note}" for note in (*found.table.notes, *found.recognized.warnings)]
    said += [
        f"left out: column '{column.name}': {column.why}"
        for column in found.recognized.columns
        if column.role == "ignored"
    ]
    return "\n".join(said) or "nothing to say"


# --- the golden file ----------------------------------------------------------------------------

HEAD = """\
What Pellucid says to every kind of bad input. Written by tests/golden/test_errors.py, which checks
that these are the exact texts; read it as a list of what can go wrong and what to do about it.
"""


def title(case: Case) -> str:
    return f"## {case.kind} -> {case.outcome}\n$ pellucid {case.typed}".rstrip()


def sections() -> dict[str, str]:
    """Title -> text, as in the golden file."""
    if not GOLDEN.exists():
        return {}
    parts = GOLDEN.read_text(encoding="utf-8").split("\n\n## ")[1:]
    found = {}
    for part in parts:
        lines = ("## " + part.strip("\n")).split("\n")
        found["\n".join(lines[:2])] = "\n".join(lines[2:])
    return found


def compare(case: Case, said: str) -> None:
    known = sections()
    if UPDATE:
        known[title(case)] = said
        texts = [f"{title(one)}\n{known[title(one)]}" for one in CASES if title(one) in known]
        GOLDEN.write_text("\n\n".join([HEAD.rstrip(), *texts]) + "\n", encoding="utf-8")
        return
    assert said == known[title(case)]


def test_the_golden_file_is_complete() -> None:
    assert list(sections()) == [title(case) for case in CASES]
    assert len(CASES) >= 60
    assert len({case.kind for case in CASES}) == len(CASES)
