"""An uploaded table, or one in an archive, opens nothing that did not come with it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient
from studio_runs import Open

import pellucid
from pellucid.data.columns import RawColumn
from pellucid.data.files import locate, recognize_files, set_apart
from pellucid.data.modalities import MODALITIES
from pellucid.data.read import read
from pellucid.errors import DataError

PNG = frozenset((".png",))


def write_picture(path: Path, left: bool, seed: int = 0) -> Path:
    from PIL import Image

    pixels = np.random.default_rng(seed).integers(0, 60, (12, 12), dtype=np.uint8)
    pixels[:, 2 if left else 8] = 220
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A folder with a run of pictures beside numbers, `houses.run`, and `secret.png`."""
    folder = tmp_path_factory.mktemp("houses")
    lines = ["photo,area,kind"]
    for row in range(60):
        left = row % 2 == 0
        write_picture(folder / "photos" / f"{row}.png", left, row)
        lines.append(f"photos/{row}.png,{(row * 37) % 23},{'left' if left else 'right'}")
    (folder / "houses.csv").write_text("\n".join(lines) + "\n")
    run = folder / "houses.run"
    pellucid.learn(folder / "houses.csv", "kind", out=run, time=3, report=False, quiet=True)
    write_picture(folder / "secret.png", True)
    return folder


@pytest.fixture
def asked(houses: Path, open_studio: Open) -> TestClient:
    return open_studio(houses)


def upload(studio: TestClient, name: str, data: bytes) -> Any:
    return studio.post("/api/runs/houses.run/predict", files={"file": (name, data)})


OUTSIDE = [
    "{secret}",
    "../../{there}",
    "a/../../../{there}",
    "..\\..\\secret.png",
    "\\\\server\\share\\secret.png",
    "//server/share/secret.png",
    "C:\\pictures\\secret.png",
    "file://{secret}",
    "FILE:/secret.png",
    "https://example.org/secret.png",
    "~/secret.png",
    "~root/secret.png",
]
"""Names of files that were not uploaded, in all the ways in which one can be written."""


@pytest.mark.parametrize("written", OUTSIDE)
def test_a_table_can_not_name_a_file_of_this_machine(
    asked: TestClient, houses: Path, written: str
) -> None:
    secret = houses / "secret.png"
    name = written.format(secret=secret, there=str(secret).lstrip("/"))
    answer = upload(asked, "rows.csv", f"photo,area\n{name},60\n".encode())
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["what"].startswith("'photo' names a file that was not given with the table: ")
    assert name[:40] in error["what"]
    assert error["where"] == "row 0, column 'photo'"
    assert "one folder" in error["fix"]


def test_whatever_kind_of_table_it_is(asked: TestClient, houses: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    row = {"photo": str(houses / "secret.png"), "area": 60}
    written = io.BytesIO()
    parquet.write_table(pa.table({name: [value] for name, value in row.items()}), written)
    tables = {
        "rows.jsonl": json.dumps(row).encode(),
        "rows.json": json.dumps([row]).encode(),
        "rows.tsv": f"photo\tarea\n{row['photo']}\t60\n".encode(),
        "rows.parquet": written.getvalue(),
    }
    for name, data in tables.items():
        answer = upload(asked, name, data)
        assert answer.status_code == 400, (name, answer.text)
        assert "was not given with the table" in answer.json()["error"]["what"], name


def test_what_was_uploaded_is_still_answered(asked: TestClient, houses: Path) -> None:
    """The picture as a file of its own beside the rest of the row; and no archive of them."""
    order = {"order": json.dumps({"value": {"area": 60}})}
    files = {"photo": ("a.png", (houses / "secret.png").read_bytes())}
    answer = asked.post("/api/runs/houses.run/predict", data=order, files=files)
    assert answer.status_code == 200, answer.text
    assert answer.json()["answers"][0]["answer"] in ("left", "right")
    packed = upload(asked, "all.zip", b"PK\x05\x06" + bytes(18))
    assert packed.status_code == 400
    assert packed.json()["error"]["what"] == (
        "'all.zip' is an archive, and one example is answered here"
    )


def test_an_upload_to_learn_from(asked: TestClient, houses: Path) -> None:
    """What would be learned: the names are no pictures, and say why; where the user insists, it is
    refused. With the pictures uploaded, they are."""
    rows = [f"{houses / 'photos'}/{row}.png,{(row * 37) % 23},{'ab'[row % 2]}" for row in range(40)]
    table = ("photo,area,kind\n" + "\n".join(rows) + "\n").encode()
    order = {"check": True, "settings": {"target": "kind"}}
    told = asked.post(
        "/api/runs", data={"order": json.dumps(order)}, files={"file": ("rows.csv", table)}
    ).json()["check"]
    (photo,) = [one for one in told["columns"] if one["name"] == "photo"]
    assert photo["role"] == "ignored"
    assert "no such file came with the table" in photo["why"]
    order["settings"] = {"target": "kind", "kinds": {"photo": "image"}}
    insisted = asked.post(
        "/api/runs", data={"order": json.dumps(order)}, files={"file": ("rows.csv", table)}
    )
    assert insisted.status_code == 400
    assert "was not given with the table" in insisted.json()["error"]["what"]
    order["settings"] = {"target": "kind"}
    near = table.replace(str(houses / "photos").encode(), b"pics")
    files = [("file", ("mine/rows.csv", near))]
    files += [
        ("file", (f"mine/pics/{row}.png", (houses / "photos" / f"{row}.png").read_bytes()))
        for row in range(40)
    ]
    told = asked.post("/api/runs", data={"order": json.dumps(order)}, files=files).json()["check"]
    (photo,) = [one for one in told["columns"] if one["name"] == "photo"]
    assert (photo["modality"], photo["role"]) == ("image", "input")


# --- where the line is drawn --------------------------------------------------------------------


def column(folder: Path, *names: str) -> RawColumn:
    values = np.empty(len(names), dtype=object)
    values[:] = names
    return RawColumn("photo", values, folder)


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    """Uploads and archives can't hold links; should one get there all the same, it opens nothing
    elsewhere. A link within the whole is as good as the file."""
    secret = write_picture(tmp_path / "secret.png", True)
    whole = tmp_path / "uploads" / "1"
    inside = write_picture(whole / "pics" / "a.png", True)
    set_apart(whole.parent)
    (whole / "out.png").symlink_to(secret)
    (whole / "in.png").symlink_to(inside)
    (whole / "up").symlink_to(tmp_path)
    (whole / "round.png").symlink_to(whole / "round.png")
    assert locate(column(whole, "in.png", "pics/a.png", "pics\\a.png", "pics/../in.png")) == [
        whole / "in.png",
        inside,
        whole / "pics" / "a.png",
        whole / "pics" / ".." / "in.png",
    ]
    assert locate(column(whole / "pics", "../in.png")) == [whole / "pics" / ".." / "in.png"]
    for name in ("out.png", "up/secret.png", "../2/a.png", "/", "a\0.png"):
        with pytest.raises(DataError, match="not given with the table"):
            locate(column(whole, name))
    lost = recognize_files(column(whole, "out.png", str(secret)), PNG, "pictures")
    assert lost is not None
    assert lost.why == "names of pictures (.png), but no such file came with the table: out.png"


def test_the_users_own_tables_name_what_they_like(tmp_path: Path) -> None:
    secret = write_picture(tmp_path / "elsewhere" / "secret.png", True)
    own = tmp_path / "own"
    own.mkdir()
    assert locate(column(own, str(secret), "../elsewhere/secret.png")) == [
        secret,
        own / "../elsewhere/secret.png",
    ]


def test_an_archive_is_a_whole(tmp_path: Path) -> None:
    """A table in a zip names what lies in the zip, and nothing else."""
    secret = write_picture(tmp_path / "secret.png", True)
    outside = (str(secret), "../../../../secret.png")
    for name, fine in (("pics/a.png", True), *((one, False) for one in outside)):
        path = tmp_path / f"{fine}-{len(name)}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(secret, "set/pics/a.png")
            archive.write(secret, "set/pics/b.png")
            archive.writestr("set/rows.csv", f"photo,kind\npics/b.png,b\npics/b.png,b\n{name},a\n")
        raw = read(path).columns["photo"]
        if fine:
            found = MODALITIES["image"].load_beside(raw, others=1)
            assert found.problems == {}
        else:
            with pytest.raises(DataError, match="not given with the table"):
                MODALITIES["image"].load_beside(raw, others=1)


def test_boxes_name_pictures_of_their_own_folder(tmp_path: Path) -> None:
    """COCO JSON and a table of boxes find pictures by their names among the files of the folder;
    what they say about where these lay elsewhere opens nothing."""
    from pellucid.data.readers import boxes
    from pellucid.uses.detect.answerer import pictures_of

    secret = write_picture(tmp_path / "secret.png", True)
    folder = tmp_path / "set"
    own = [write_picture(folder / f"{row}.png", True, row) for row in range(3)]
    names = [str(secret), "../secret.png", *(path.name for path in own)]
    about = {
        "images": [
            {"id": row, "file_name": name, "width": 12, "height": 12}
            for row, name in enumerate(names)
        ],
        "annotations": [
            {"id": row, "image_id": row, "category_id": 1, "bbox": [1, 1, 5, 5]}
            for row in range(len(names))
        ],
        "categories": [{"id": 1, "name": "line"}],
    }
    (folder / "boxes.json").write_text(json.dumps(about))
    said, _ = boxes.read(folder)
    assert {one.file for one in said.pictures} - {None} == set(own)
    (folder / "boxes.json").unlink()
    lines = [f"{name},1,1,6,6,line" for name in names]
    table = folder / "boxes.csv"
    table.write_text("image,xmin,ymin,xmax,ymax,label\n" + "\n".join(lines) + "\n")
    assert {one.source for one in pictures_of(table)} - {None} == set(own)
