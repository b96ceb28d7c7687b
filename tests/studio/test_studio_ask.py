"""Questions to the model: what the studio says is what the command line and PyTorch say."""

from __future__ import annotations

import io
import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient
from studio_runs import FLOWERS, Open, studio_of
from tiny import MAKERS

import pellucid
from pellucid.config import Plan
from pellucid.errors import ConfigError
from pellucid.interfaces.trained import Trained
from pellucid.recording.recorder import update_run

BARS = "/api/runs/bars.run"
ROW = {"length": "0.3", "color": "red"}


@pytest.fixture(scope="module")
def flowers(shelf: Path) -> Trained:
    return Trained(shelf / "flowers.run")


@pytest.fixture(scope="module")
def bars(pictures: Path) -> Trained:
    return Trained(pictures / "bars.run")


def post(studio: TestClient, path: str, order: Any = None, status: int = 200, **more: Any) -> Any:
    answer = studio.post(path, json=order, **more) if not more else studio.post(path, **more)
    assert answer.status_code == status, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return answer.json()


def refused(studio: TestClient, path: str, order: Any, status: int = 400) -> dict[str, str]:
    error: dict[str, str] = post(studio, path, order, status)["error"]
    assert all(error[name] for name in ("what", "where", "fix"))
    return error


# --- predict ------------------------------------------------------------------------------------


def test_a_typed_row_is_answered_as_by_predict(studio: TestClient, flowers: Trained) -> None:
    found = post(studio, f"{FLOWERS}/predict", {"value": ROW})
    assert found["answers"] == flowers.predict({"length": 0.3, "color": "red"})
    assert found["rows"] == 1
    assert found["received"]["drawings"]["length"] == {"kind": "number", "data": 0.3}
    assert found["received"]["drawings"]["color"]["data"] == "red"
    assert "through_time" not in found
    as_number = post(studio, f"{FLOWERS}/predict", {"value": {**ROW, "length": 0.3}})
    assert as_number["answers"] == found["answers"]


def test_the_classical_method_can_be_asked(studio: TestClient, flowers: Trained) -> None:
    found = post(studio, f"{FLOWERS}/predict", {"value": ROW, "model": "baseline"})
    expected = flowers.predict({"length": 0.3, "color": "red"}, model="baseline")
    assert found["answers"] == expected
    assert (found["model"], found["by"]) == ("baseline", flowers.bundle.name_of("baseline"))
    assert post(studio, f"{FLOWERS}/predict", {"value": ROW})["by"] == "network"


def test_the_nearest_rows_are_training_rows(studio: TestClient, flowers: Trained) -> None:
    nearest = post(studio, f"{FLOWERS}/predict", {"value": ROW})["nearest"]
    assert len(nearest) == 5
    splits = flowers.ledger()["split"].to_pylist()
    assert all(splits[one["row"]] == "train" for one in nearest)
    similar = [one["similarity"] for one in nearest]
    assert similar == sorted(similar, reverse=True)
    assert nearest[0]["drawings"]["color"]["data"] == "red"


def test_through_time_is_what_the_kept_weights_say(studio: TestClient, flowers: Trained) -> None:
    found = post(studio, f"{FLOWERS}/predict", {"value": ROW, "steps": "all"})["through_time"]
    assert found["steps"] == flowers.weight_steps
    assert found["source"] == "recomputed"
    bundle = flowers.bundle
    first = bundle.members[0]
    from pellucid.interfaces.predict import table_of

    example = bundle.load(table_of(bundle, {"length": 0.3, "color": "red"}))[0]
    network = first.model()
    for step, values in zip(found["steps"], found["values"], strict=True):
        state = {name: torch.from_numpy(value) for name, value in flowers.weights(step).items()}
        network.load_state_dict(state)
        with torch.no_grad():
            output = network(first.dataset(example, {}).inputs)
        expected = bundle.task.prediction(output)[0]
        np.testing.assert_allclose(values, expected, rtol=1e-6)
    some = post(studio, f"{FLOWERS}/predict", {"value": ROW, "steps": found["steps"][:2]})
    assert some["through_time"]["values"] == found["values"][:2]


def test_asking_does_not_change_the_model(studio: TestClient) -> None:
    """Going back in time uses a network of its own."""
    before = post(studio, f"{FLOWERS}/predict", {"value": ROW})
    post(studio, f"{FLOWERS}/predict", {"value": ROW, "steps": [0]})
    assert post(studio, f"{FLOWERS}/predict", {"value": ROW}) == before


def test_a_missing_value_is_missing(studio: TestClient, flowers: Trained) -> None:
    expected = flowers.predict({"length": None, "color": "red"})
    for value in ({"color": "red"}, {"length": None, "color": "red"}, {**ROW, "length": ""}):
        found = post(studio, f"{FLOWERS}/predict", {"value": value})
        assert found["answers"] == expected


def test_an_uploaded_table_is_answered_row_by_row(studio: TestClient, flowers: Trained) -> None:
    text = "color,length\nred,0.3\nblue,-2\nblue,soon\n"
    files = {"file": ("new.csv", text.encode())}
    found = post(studio, f"{FLOWERS}/predict", files=files)
    assert found["rows"] == 3
    assert found["answers"][0]["answer"] == "rose"
    assert found["answers"][1]["answer"] == "tulip"
    assert found["received"]["drawings"]["length"]["data"] == 0.3


def test_a_long_table_is_cut(studio: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.interfaces.studio import ask

    monkeypatch.setattr(ask, "MOST_ANSWERS", 5)
    text = "color,length\n" + "red,0.3\n" * 12
    found = post(studio, f"{FLOWERS}/predict", files={"file": ("new.csv", text.encode())})
    assert (found["rows"], len(found["answers"])) == (12, 5)


def png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def bar(standing: bool) -> np.ndarray:
    pixels = np.full((12, 12), 30, np.uint8)
    pixels[5:7] = 220
    return np.ascontiguousarray(pixels.T if standing else pixels)


@pytest.mark.parametrize("field", ["file", "column"])
def test_a_drawn_picture_is_answered(
    pictures: Path, bars: Trained, open_studio: Open, tmp_path: Path, field: str
) -> None:
    studio = open_studio(pictures)
    name = field if field == "file" else bars.bundle.columns[0].name
    for standing in (True, False):
        drawn = png(bar(standing))
        files = {name: ("drawing.png", drawn, "image/png")}
        found = post(studio, f"{BARS}/predict", files=files, data={"order": '{"steps": "all"}'})
        (tmp_path / "same.png").write_bytes(drawn)
        (expected,) = bars.predict(tmp_path / "same.png")
        assert found["answers"][0]["probabilities"] == expected["probabilities"]
        assert found["through_time"]["steps"] == bars.weight_steps
        received = next(iter(found["received"]["drawings"].values()))
        assert (received["kind"], received["data"]["height"]) == ("image", 12)
        assert found["nearest"][0]["drawings"]


def test_uploads_are_gone_afterwards(
    pictures: Path, open_studio: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    studio = open_studio(pictures)
    post(studio, f"{BARS}/predict", files={"file": ("a.png", png(bar(True)))})
    refused_ = studio.post(f"{BARS}/predict", files={"file": ("a.png", b"no picture")})
    assert refused_.status_code in (200, 400)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "data"), [("a.png", b""), ("a.png", b"no picture"), ("a.exe", b"MZ"), ("a.pdf", b"%P")]
)
def test_a_file_that_is_no_picture(
    pictures: Path, open_studio: Open, name: str, data: bytes
) -> None:
    answer = open_studio(pictures).post(f"{BARS}/predict", files={"file": (name, data)})
    said = answer.json()
    error = said["error"] if answer.status_code == 400 else said["answers"][0]["error"]
    assert error["what"]
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({}, "there is no example"),
        ({"value": None}, "there is no example"),
        ({"value": "red"}, "the model has 2 inputs"),
        ({"value": {"colour": "red"}}, "the model has no input 'colour'"),
        ({"value": {**ROW, "length": [1, 2]}}, "'length' can't be [1, 2]"),
        ({"value": {**ROW, "color": {"a": 1}}}, "'color' can't be {'a': 1}"),
        ({"value": ROW, "steps": "some"}, "'steps' can't be 'some'"),
        ({"value": ROW, "steps": [0, "1"]}, "'steps' can't be [0, '1']"),
        ({"value": ROW, "steps": [999_999]}, "the weights of step 999999 were not kept"),
        ({"value": ROW, "model": "both?"}, "'model' can't be 'both?'"),
        ({"value": ROW, "seconds": -1}, "'seconds' can't be -1"),
        ({"row": True}, "'row' can't be True"),
    ],
)
def test_questions_that_make_no_sense(studio: TestClient, order: Any, said: str) -> None:
    assert said in refused(studio, f"{FLOWERS}/predict", order)["what"]


@pytest.mark.parametrize("text", ["{", "[]", "3", "\xff", "[" * 100_000])
@pytest.mark.parametrize("path", ["predict", "iteration", "study", "labels", "control"])
def test_what_is_no_object_is_refused(studio: TestClient, path: str, text: str) -> None:
    answer = studio.post(f"{FLOWERS}/{path}", content=text.encode("latin-1"))
    assert answer.status_code == 400
    assert answer.json()["error"]["what"] == "what was sent is no JSON object"


def test_other_kinds_of_requests_are_refused(studio: TestClient) -> None:
    headers = {"content-type": "application/xml"}
    answer = studio.post(f"{FLOWERS}/predict", content=b"<a/>", headers=headers)
    assert answer.status_code == 415


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A folder with a run of texts, of series, and of rows with several kinds of columns."""
    folder = tmp_path_factory.mktemp("kinds")
    for kind in ("text", "series", "mixed"):
        (folder / kind).mkdir()
        source, _, target = MAKERS[kind](folder / kind)
        out = folder / f"{kind}.run"
        pellucid.learn(source, target, out=out, time=3, report=False, quiet=True, pretrained=False)
    return folder


def test_a_text_is_answered_however_it_comes(kinds: Path, open_studio: Open) -> None:
    studio, run = open_studio(kinds), Trained(kinds / "text.run")
    (column,) = [one.name for one in run.bundle.columns]
    text = "it was lovely"
    (expected,) = run.predict({column: text})
    path = "/api/runs/text.run/predict"
    for asked in (
        {"json": {"value": text}},
        {"json": {"value": {column: text}}},
        {"files": {"file": ("a.txt", text.encode())}},
        {"files": {column: ("a.txt", text.encode())}},
    ):
        found = studio.post(path, **asked).json()
        assert found["answers"] == [expected]
        assert "".join(found["received"]["tokens"][column]).strip() == text
    # What is typed is a text, even if a file of this machine is called so.
    name = str(next((kinds / "text" / "data").rglob("*.txt")))
    drawn = studio.post(path, json={"value": name}).json()["received"]["drawings"]
    assert drawn[column]["data"] == name


def test_a_series_is_one_example(kinds: Path, open_studio: Open) -> None:
    studio, values = open_studio(kinds), np.linspace(-1, 1, 30).tolist()
    path = "/api/runs/series.run/predict"
    one = post(studio, path, {"value": values, "steps": "all"})
    assert one["rows"] == len(one["answers"]) == 1
    assert one["through_time"]["steps"]
    with_channels = post(studio, path, {"value": [[value] for value in values]})
    assert with_channels["answers"] == one["answers"]
    gaps = post(studio, path, {"value": [None, *values[1:]]})
    assert gaps["received"]["drawings"]["series"]["data"][0] == [None]
    two = post(studio, path, {"value": [[1, 2], [3, 4]]})["answers"]
    assert two[0]["error"]["what"] == "2 channels; the others have 1"
    for value in ([], ["a"], {"series": "x"}, [[1], [2, 3]]):
        assert "is a series" in refused(studio, path, {"value": value})["what"]


def test_a_row_with_several_kinds_of_columns(kinds: Path, open_studio: Open) -> None:
    studio, run = open_studio(kinds), Trained(kinds / "mixed.run")
    row = {"x": 0.5, "y": 1, "town": "Aa", "note": "it was great"}
    found = post(studio, "/api/runs/mixed.run/predict", {"value": row, "steps": [0]})
    assert found["answers"] == run.predict(row)
    assert found["received"]["tokens"]["note"][0] == " it"
    assert len(found["through_time"]["values"][0]) == 1
    files = {"note": ("a.txt", b"it was great")}
    answer = studio.post("/api/runs/mixed.run/predict", files=files)
    assert answer.status_code == 400
    assert "no input called 'note' takes a file" in answer.json()["error"]["what"]


def test_a_file_of_this_machine_is_not_read_by_name(
    pictures: Path, bars: Trained, open_studio: Open
) -> None:
    """What is typed is no path: files are uploaded."""
    (picture,) = [column.name for column in bars.bundle.columns]
    path = next((pictures / "bars" / "lying").iterdir())
    for value in (str(path), {picture: str(path)}):
        error = refused(open_studio(pictures), f"{BARS}/predict", {"value": value})
        assert "takes a file" in error["what"]


def test_a_run_without_a_model_yet(tmp_path: Path, open_studio: Open) -> None:
    update_run(tmp_path / "flowers.run", {"status": "learning", "plan": Plan().as_json()})
    studio = open_studio(tmp_path)
    for path, order, status, said in (
        ("predict", {"value": ROW}, 409, "there is no model here"),
        ("explain", {"value": ROW}, 409, "there is no model here"),
        ("explain", {"row": 1}, 409, "there is no model here"),
        ("iteration", {}, 400, "the run is not done: it says 'learning'"),
        ("study", {"part": "labels"}, 400, "the run is not done: it says 'learning'"),
    ):
        assert refused(studio, f"{FLOWERS}/{path}", order, status)["what"] == said


# --- explain ------------------------------------------------------------------------------------


def test_an_explanation_is_that_of_the_command_line(studio: TestClient, flowers: Trained) -> None:
    found = post(studio, f"{FLOWERS}/explain", {"value": ROW, "seconds": 1})
    expected = flowers.explain({"length": 0.3, "color": "red"}, seconds=1).as_json()
    assert set(expected) <= set(found)
    for name in ("answer", "probabilities", "explained", "model"):
        assert found[name] == expected[name]
    (mine,), (theirs,) = found["explanations"], expected["explanations"]
    assert mine["names"] == theirs["names"] == ["length", "color"]
    np.testing.assert_allclose(mine["values"], theirs["values"], atol=0.05)
    assert found["drawings"]["color"]["data"] == "red"
    assert [one["row"] for one in found["neighbors"]] == [
        one["row"] for one in expected["neighbors"]
    ]
    assert found["against"]["target"] != found["answer"]
    assert found["against"]["drawings"]


def test_a_row_of_the_source_is_explained(studio: TestClient, flowers: Trained) -> None:
    row = int(flowers.results("test")["row"][3])
    found = post(studio, f"{FLOWERS}/explain", {"row": row, "name": "tulip", "seconds": 1})
    assert (found["row"], found["place"]) == (row, f"flowers.csv line {row + 2}")
    assert found["explained"]["name"] == "tulip"
    table = (flowers.path.parent / "flowers.csv").read_text().splitlines()
    length, color, _ = table[row + 1].split(",")
    assert found["drawings"]["length"]["data"] == pytest.approx(float(length))
    assert found["drawings"]["color"]["data"] == color


@pytest.mark.parametrize(
    ("order", "said"),
    [({"row": 300}, "there is no row 300"), ({"value": ROW, "name": "lily"}, "lily")],
)
def test_explanations_that_make_no_sense(studio: TestClient, order: Any, said: str) -> None:
    assert said in refused(studio, f"{FLOWERS}/explain", order)["what"]


# --- one iteration ------------------------------------------------------------------------------


def test_a_step_again_is_the_receipt(studio: TestClient, flowers: Trained) -> None:
    found = post(studio, f"{FLOWERS}/iteration", {"at": 2, "example": 1})
    expected = flowers.step(2, example=1).as_json()
    assert found["rows"] == expected["rows"]
    for name in ("loss", "update", "one", "again", "weights"):
        assert found[name] == expected[name], name
    assert all(check["gap"] <= check["tolerance"] for check in found["checks"])
    row = flowers.steps[2]
    assert found["loss"]["batch"] == pytest.approx(float(row["loss"]), rel=1e-6)


def test_what_if_is_beside_the_plain_step(studio: TestClient) -> None:
    receipt = post(studio, f"{FLOWERS}/iteration", {"at": 2})
    for name in ("rate x10", "no activation", "shuffled labels"):
        found = post(studio, f"{FLOWERS}/iteration", {"at": 2, "what_if": name})
        assert found["name"] == name
        assert found["step"] == 2
        assert found["plain"]["before"] == pytest.approx(receipt["loss"]["batch"], rel=1e-5)
        assert found["plain"]["after"] == pytest.approx(receipt["again"]["batch"], rel=1e-5)
        assert f"{found['other']['after']:.4g}" in found["sentence"]


def test_one_step_leaves_the_run_as_it_was(studio: TestClient, flowers: Trained) -> None:
    before = {path: path.stat().st_mtime_ns for path in flowers.path.rglob("*") if path.is_file()}
    post(studio, f"{FLOWERS}/iteration", {"at": "final"})
    post(studio, f"{FLOWERS}/iteration", {"what_if": "rate x10"})
    after = {path: path.stat().st_mtime_ns for path in flowers.path.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"at": 10**6}, "no step follows '1000000'"),
        ({"at": [1]}, "no step follows"),
        ({"what_if": "more"}, "there is no what-if called 'more'"),
        ({"example": 10**6}, "example"),
        ({"example": "x"}, "'example' is no place"),
        ({"zoom": "nothing"}, "nothing"),
        ({"seconds": "x"}, "'x' are no seconds"),
    ],
)
def test_steps_that_make_no_sense(studio: TestClient, order: Any, said: str) -> None:
    assert said in refused(studio, f"{FLOWERS}/iteration", order)["what"]


def test_a_source_that_is_gone_says_so(shelf: Path, tmp_path: Path, open_studio: Open) -> None:
    shutil.copytree(shelf / "flowers.run", tmp_path / "flowers.run")
    info = json.loads((tmp_path / "flowers.run" / "run.json").read_text())
    update_run(
        tmp_path / "flowers.run",
        {"source": {**info["source"], "path": str(tmp_path / "flowers.csv")}},
    )
    studio = open_studio(tmp_path)
    gone = "there is no file or folder"  # a long path is cut
    assert gone in refused(studio, f"{FLOWERS}/iteration", {})["what"]
    page = studio.get(f"{FLOWERS}/rows", params={"split": "test", "limit": 3}).json()
    assert gone in page["problem"]["what"]
    assert page["total"] == 60
    assert all(row["drawings"] == {} and row["target"] for row in page["rows"])
    assert post(studio, f"{FLOWERS}/predict", {"value": ROW})["answers"]


# --- rows ---------------------------------------------------------------------------------------


def rows(studio: TestClient, **asked: Any) -> dict[str, Any]:
    answer = studio.get(f"{FLOWERS}/rows", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_rows_are_those_of_the_ledger(studio: TestClient, flowers: Trained) -> None:
    ledger = flowers.ledger().to_pydict()
    found = rows(studio, limit=200)
    assert (found["total"], len(found["rows"]), found["problem"]) == (300, 200, None)
    assert len(rows(studio, limit=10_000)["rows"]) == 200
    assert len(rows(studio)["rows"]) == 60
    second = rows(studio, limit=200, **{"from": 200})["rows"]
    all_rows = [*found["rows"], *second]
    assert [row["row"] for row in all_rows] == ledger["row"]
    assert [row["split"] for row in all_rows] == ledger["split"]
    assert [row["place"] for row in all_rows] == ledger["item"]
    table = (flowers.path.parent / "flowers.csv").read_text().splitlines()[1:]
    for row, line in zip(all_rows, table, strict=True):
        length, color, kind = line.split(",")
        assert row["target"] == kind
        assert row["drawings"]["length"]["data"] == pytest.approx(float(length))
        assert row["drawings"]["color"]["data"] == color


def test_rows_behind_a_cell_of_the_confusion_matrix(studio: TestClient, flowers: Trained) -> None:
    matrix = np.array(flowers.summary["confusion"])
    for i, label in enumerate(["rose", "tulip"]):
        for j, answer in enumerate(["rose", "tulip"]):
            found = rows(studio, split="test", label=label, answer=answer)
            assert found["total"] == matrix[i, j]
            assert all(row["target"] == label for row in found["rows"])
            assert all(row["answer"] == answer for row in found["rows"])


def test_rows_by_their_numbers(studio: TestClient) -> None:
    found = rows(studio, rows="7,3,299")
    assert [row["row"] for row in found["rows"]] == [3, 7, 299]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"split": "exam"}, "there is no part 'exam'"),
        ({"rows": "1,x"}, "is no row number"),
        ({"from": "-1"}, "is no row number"),
        ({"limit": "many"}, "is no row number"),
    ],
)
def test_pages_that_make_no_sense(studio: TestClient, asked: dict[str, str], said: str) -> None:
    answer = studio.get(f"{FLOWERS}/rows", params=asked)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["what"]


def test_rows_set_aside_are_shown_with_the_reason(
    tmp_path: Path, cache: Path, open_studio: Open
) -> None:
    import pyarrow as pa

    from pellucid.recording.recorder import RunWriter

    writer = RunWriter(tmp_path / "flowers.run")
    writer.update(task={"kind": "classify", "target": "kind", "classes": ["a", "b"]})
    items = {
        "item": ["line 2", "line 3", "line 9"],
        "row": [0, 1, -1],
        "state": ["train", "set aside", "set aside"],
        "split": ["train", "", ""],
        "reason": ["", "no label", "a line with 7 cells"],
    }
    writer.ledger(pa.table(items))
    found = rows(open_studio(tmp_path), split="set aside")
    assert [(row["row"], row["reason"]) for row in found["rows"]] == [
        (1, "no label"),
        (-1, "a line with 7 cells"),
    ]


# --- studies and labels -------------------------------------------------------------------------


def test_a_study_is_made_once_and_kept(shelf: Path, tmp_path: Path, open_studio: Open) -> None:
    shutil.copytree(shelf / "flowers.run", tmp_path / "flowers.run")
    studio = open_studio(tmp_path)
    made = post(studio, f"{FLOWERS}/study", {"part": "sureness", "seconds": 5})
    assert studio.get(f"{FLOWERS}/findings").json()["sureness"] == made
    assert post(studio, f"{FLOWERS}/study", {"part": "sureness"}) == made
    error = refused(studio, f"{FLOWERS}/study", {"part": "sureness?"})
    assert error["what"] == "there is nothing to study called 'sureness?'"
    refused(studio, f"{FLOWERS}/study", {"part": 3})


def test_decisions_about_labels(shelf: Path, tmp_path: Path, open_studio: Open) -> None:
    from pellucid.data.left_out import read_left_out

    folder = tmp_path / "flowers.run"
    shutil.copytree(shelf / "flowers.run", folder)
    studio = open_studio(tmp_path)
    path = f"{FLOWERS}/labels"
    assert studio.get(f"{FLOWERS}/decisions").json()["decisions"] == []
    post(studio, path, {"row": 17, "do": "exclude"})
    post(studio, path, {"row": 5, "do": "keep"})
    post(studio, path, {"row": 9, "do": "keep"})
    found = post(studio, path, {"row": 9, "do": "fix", "to": "rose"})
    assert found["counts"] == {"keep": 1, "fix": 1, "exclude": 1}
    assert found == studio.get(f"{FLOWERS}/decisions").json()
    assert found["decisions"][1] == {
        "row": 9,
        "place": "flowers.csv line 11",
        "do": "fix",
        "to": "rose",
    }
    csv = studio.get(path)
    assert csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert csv.text == (
        "place,row,do,to\nflowers.csv line 11,9,fix,rose\nflowers.csv line 19,17,exclude,\n"
    )
    left = read_left_out(folder / "evidence" / "decisions.csv")
    assert (left.rows, left.run) == ((9, 17), str(folder))
    undone = post(studio, path, {"row": 9, "do": "undo"})
    assert [one["row"] for one in undone["decisions"]] == [5, 17]
    assert "decisions" not in studio.get(f"{FLOWERS}/findings").json()


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"row": 3, "do": "burn"}, "can't 'burn' a label"),
        ({"row": 300, "do": "keep"}, "there is no row 300"),
        ({"row": -1, "do": "keep"}, "there is no row -1"),
        ({"row": True, "do": "keep"}, "there is no row True"),
        ({"do": "keep"}, "there is no row None"),
        ({"row": 3, "do": "fix"}, "there is no label 'None'"),
        ({"row": 3, "do": "fix", "to": "lily"}, "there is no label 'lily'"),
    ],
)
def test_decisions_that_make_no_sense(studio: TestClient, order: Any, said: str) -> None:
    assert said in refused(studio, f"{FLOWERS}/labels", order)["what"]


# --- what stays in memory -----------------------------------------------------------------------


def test_models_are_read_once_until_the_run_changes(shelf: Path, tmp_path: Path) -> None:
    from pellucid.recording.run import Run

    shutil.copytree(shelf / "flowers.run", tmp_path / "flowers.run")
    asker, run = studio_of(tmp_path).asker, Run(tmp_path / "flowers.run")
    first = asker.bundle(run)
    assert asker.bundle(Run(run.path)) is first
    update_run(run.path, {"begun": "another time"})
    assert asker.bundle(run) is not first


def test_only_a_few_models_stay(tmp_path: Path) -> None:
    from pellucid.recording.run import Run

    asker = studio_of(tmp_path).asker
    update_run(tmp_path / "a.run", {"status": "done"})
    run = Run(tmp_path / "a.run")
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    for number in (1, 2, 3, 4, 1, 5, 1, 2):
        assert asker.kept("bundle", run, partial(make, number), number) == number
    assert made == [1, 2, 3, 4, 5, 2]


def test_a_question_that_fails_leaves_the_way_free(tmp_path: Path) -> None:
    from pellucid.recording.run import Run

    asker = studio_of(tmp_path).asker
    update_run(tmp_path / "a.run", {"status": "done"})
    run = Run(tmp_path / "a.run")

    def fails() -> None:
        with asker.turn(run, "asking") as watcher:
            watcher.progress(2, 5)
            assert asker.doing == {"run": str(run.path), "what": "asking", "done": 2, "total": 5}
            raise ConfigError("no", where="here", fix="so")

    with pytest.raises(ConfigError):
        fails()
    assert asker.doing is None
    with asker.turn(run, "asking again"):
        assert asker.doing is not None


def test_whoever_left_is_not_answered(
    shelf: Path, open_studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from starlette.requests import Request

    async def gone(request: Request) -> bool:
        return True

    monkeypatch.setattr(Request, "is_disconnected", gone)
    studio = studio_of(shelf)
    answer = open_studio(studio).post(f"{FLOWERS}/predict", json={"value": ROW})
    assert (answer.status_code, answer.content) == (204, b"")
    assert all(not kept for kept in studio.asker._kept.values())
