"""GET: what the studio tells of a run is what the run's one reader tells."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load
from starlette.testclient import TestClient
from studio_runs import FLOWERS, Open

from pellucid.recording.control import learning
from pellucid.recording.files import read_arrays
from pellucid.recording.recorder import update_run
from pellucid.recording.run import Run
from pellucid.recording.steps import STEP


@pytest.fixture
def run(shelf: Path) -> Run:
    return Run(shelf / "flowers.run")


@pytest.fixture
def copied(shelf: Path, tmp_path: Path, open_studio: Open) -> tuple[Path, TestClient]:
    """A copy of the run, to be damaged, and its studio."""
    folder = tmp_path / "flowers.run"
    shutil.copytree(shelf / "flowers.run", folder)
    return folder, open_studio(tmp_path)


def get(studio: TestClient, path: str, **asked: Any) -> Any:
    answer = studio.get(f"{FLOWERS}/{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def arrays(studio: TestClient, path: str, **asked: Any) -> dict[str, np.ndarray]:
    answer = studio.get(f"{FLOWERS}/{path}", params=asked)
    assert answer.status_code == 200, answer.text
    return load(answer.content)


# --- home and manifest --------------------------------------------------------------------------


def test_home_lists_runs_and_examples(studio: TestClient, run: Run, shelf: Path) -> None:
    home = studio.get("/api/home")
    assert home.headers["cache-control"] == "no-store"
    found = home.json()
    assert found["folder"] == str(shelf)
    (line,) = found["runs"]
    assert (line["run"], line["status"], line["alive"]) == ("flowers.run", "done", False)
    assert line["modalities"] == ["category", "number"]
    assert line["score"] == run.summary["score"]
    assert line["verdict"] == run.verdict["sentence"]
    assert line["problem"] is None
    names = {example["name"] for example in found["examples"]}
    assert {"digits", "iris", "mixed"} <= names
    assert all(example["seconds"] is None for example in found["examples"])


def test_what_an_example_took_here_is_said(tmp_path: Path, open_studio: Open) -> None:
    folder = tmp_path / "iris.run"
    folder.mkdir()
    source = {"name": "iris.csv", "path": "/cache/pellucid/examples/0.1.0/iris/iris.csv"}
    update_run(folder, {"status": "done", "seconds": 4.25, "source": source})
    found = open_studio(tmp_path).get("/api/home").json()["examples"]
    assert {one["name"]: one["seconds"] for one in found if one["seconds"]} == {"iris": 4.25}


def test_the_manifest_tells_what_the_run_says(studio: TestClient, run: Run) -> None:
    manifest, info = get(studio, "manifest"), run.info
    assert len(json.dumps(manifest)) < 60_000
    for name in ("task", "plan", "network", "rows", "labels", "recording", "kept", "timing"):
        assert manifest[name] == info[name], name
    assert manifest["run"] == "flowers.run"
    assert manifest["classes"] == ["rose", "tulip"]
    assert manifest["alive"] is False
    assert [column["name"] for column in manifest["columns"]] == ["length", "color", "kind"]
    assert manifest["weight_steps"] == run.weight_steps
    probe = run.probe()
    assert manifest["probe"]["rows"] == probe.rows
    assert manifest["probe"]["targets"] == probe.target.tolist()
    assert manifest["probe"]["drawings"] == probe.drawings
    assert {"looks", "answers", "summary", "test", "valid", "model", "report"} <= set(
        manifest["has"]
    )


def test_the_manifest_names_what_is_recorded(studio: TestClient, run: Run) -> None:
    manifest, look = get(studio, "manifest"), run.looks().at(0)
    assert {one["name"]: tuple(one["shape"]) for one in manifest["taps"]} == {
        name: seen.shape for name, seen in look.activations.items()
    }
    assert {one["name"]: tuple(one["shape"]) for one in manifest["parameters"]} == {
        name: seen.shape for name, seen in look.parameters.items()
    }


def test_fields_describe_the_rows(studio: TestClient, run: Run) -> None:
    manifest = get(studio, "manifest")
    rows = studio.get(f"{FLOWERS}/steps").content
    dtype = np.dtype(
        {
            "names": [one["name"] for one in manifest["fields"]],
            "formats": [one["type"] for one in manifest["fields"]],
            "offsets": [one["offset"] for one in manifest["fields"]],
            "itemsize": manifest["row_bytes"],
        }
    )
    np.testing.assert_array_equal(np.frombuffer(rows, dtype)["loss"], run.steps["loss"])


def test_a_wide_table_has_a_small_manifest(tmp_path: Path, open_studio: Open) -> None:
    folder = tmp_path / "flowers.run"
    (folder / "probe").mkdir(parents=True)
    column = {"modality": "number", "role": "input", "why": "w" * 120, "fitted": {}}
    items = [[f"line {number}", "no number here"] for number in range(200)]
    update_run(
        folder,
        {
            "columns": [{"name": f"c{number}", **column} for number in range(3_000)],
            "set_aside": items,
            "repaired": items,
        },
    )
    drawings = [{"photo": {"kind": "image", "data": {"png": "A" * 9_000}}}] * 8
    (folder / "probe" / "probe.json").write_text(
        json.dumps({"rows": [*range(8)], "places": ["p"] * 8, "drawings": drawings})
    )
    studio = open_studio(tmp_path)
    answer = studio.get(f"{FLOWERS}/manifest")
    assert len(answer.content) < 60_000
    assert answer.json()["columns_total"] == 3_000
    assert answer.json()["probe"]["drawings"] is None
    assert get(studio, "drawings")["drawings"] == drawings


# --- what grows -------------------------------------------------------------------------------


def test_rows_of_steps_from_a_cursor(studio: TestClient, run: Run) -> None:
    whole = studio.get(f"{FLOWERS}/steps")
    assert whole.headers["cache-control"] == "no-store"
    assert whole.content == run.steps.tobytes()
    some = studio.get(f"{FLOWERS}/steps", params={"from": 7})
    assert some.content == run.steps[7:].tobytes()
    assert studio.get(f"{FLOWERS}/steps", params={"from": len(run.steps)}).content == b""
    assert studio.get(f"{FLOWERS}/steps", params={"from": 10**9}).content == b""


def test_lines_of_events_from_a_cursor(studio: TestClient, run: Run) -> None:
    assert get(studio, "events") == run.events
    assert get(studio, "events", **{"from": 3}) == run.events[3:]
    assert get(studio, "events", **{"from": 10_000}) == []


@pytest.mark.parametrize("number", ["-1", "1.5", "x", "", "1e3", "٣", "9" * 13])
@pytest.mark.parametrize("path", ["steps", "events", "answers"])
def test_a_cursor_is_a_whole_number(studio: TestClient, path: str, number: str) -> None:
    answer = studio.get(f"{FLOWERS}/{path}", params={"from": number})
    assert answer.status_code == 400
    assert "is no whole number" in answer.json()["error"]["what"]


def test_a_run_that_is_being_written(copied: tuple[Path, TestClient]) -> None:
    folder, studio = copied
    steps, events = folder / "steps.bin", folder / "events.jsonl"
    whole, lines = steps.read_bytes(), events.read_bytes()
    known = len(Run(folder).events)
    steps.write_bytes(whole[: 5 * STEP.itemsize + 13])  # in the middle of a row
    events.write_bytes(lines + b'{"step": 9, "ki')
    assert studio.get(f"{FLOWERS}/steps").content == whole[: 5 * STEP.itemsize]
    assert len(get(studio, "events")) == known
    steps.write_bytes(whole[: 6 * STEP.itemsize])
    answer = studio.get(f"{FLOWERS}/steps", params={"from": 5})
    assert answer.content == whole[5 * STEP.itemsize : 6 * STEP.itemsize]


def test_answers_at_every_evaluation(studio: TestClient, run: Run) -> None:
    expected, found = run.answers(), arrays(studio, "answers")
    for name in ("rows", "target", "steps", "values"):
        np.testing.assert_array_equal(found[name], getattr(expected, name))
    assert found["values"].dtype == np.float16
    later = arrays(studio, "answers", **{"from": 3})
    np.testing.assert_array_equal(later["values"], expected.values[3:])
    np.testing.assert_array_equal(later["steps"], expected.steps[3:])


def test_a_run_that_only_began(tmp_path: Path, open_studio: Open) -> None:
    """The folder right after it was made: nothing is there, and nothing fails."""
    folder = tmp_path / "flowers.run"
    folder.mkdir()
    update_run(folder, {"status": "learning"})
    studio = open_studio(tmp_path)
    with learning(folder):
        manifest = get(studio, "manifest")
        assert (manifest["status"], manifest["alive"]) == ("learning", True)
        assert studio.get("/api/home").json()["runs"][0]["alive"] is True
    assert manifest["taps"] == manifest["parameters"] == manifest["weight_steps"] == []
    assert manifest["probe"] is None
    assert manifest["has"] == []
    assert get(studio, "manifest")["alive"] is False
    assert studio.get(f"{FLOWERS}/steps").content == b""
    assert get(studio, "events") == []
    assert get(studio, "looks")["recorded"] == []
    assert get(studio, "findings") == {}
    missing = ("looks/0", "weights/0", "probe", "answers", "drawings", "report", "results/summary",
               "results/test")  # fmt: skip
    for path in missing:
        assert studio.get(f"{FLOWERS}/{path}").status_code == 404, path


# --- tensors ----------------------------------------------------------------------------------


def test_a_chunk_of_looks_is_the_file(studio: TestClient, run: Run) -> None:
    answer = studio.get(f"{FLOWERS}/looks/0")
    assert answer.content == (run.path / "looks" / "00000.safetensors").read_bytes()
    assert get(studio, "looks")["recorded"][0] == [0, 0, 0]


def test_some_tensors_of_a_chunk(studio: TestClient, run: Run) -> None:
    whole = read_arrays(run.path / "looks" / "00000.safetensors")
    weight = next(name for name in whole if name.startswith("weight/"))
    update = next(name for name in whole if name.startswith("update/"))
    for only in (f"{weight},{update}", [weight, update]):
        found = arrays(studio, "looks/0", only=only)
        assert set(found) == {weight, update, "steps", "loss", "exponents", "statistics"}
        for name, values in found.items():
            np.testing.assert_array_equal(values, whole[name])
            assert values.dtype == whole[name].dtype


def test_one_example_of_a_chunk(studio: TestClient, run: Run) -> None:
    whole = read_arrays(run.path / "looks" / "00000.safetensors")
    found = arrays(studio, "looks/0", example=3)
    assert set(found) == set(whole)
    for name, values in found.items():
        if name.startswith("activation"):
            np.testing.assert_array_equal(values, whole[name][:, 3:4])
        else:
            np.testing.assert_array_equal(values, whole[name])
    one = next(name for name in whole if name.startswith("activation/"))
    assert arrays(studio, "looks/0", only=one, example=0)[one].shape[1] == 1


def test_values_start_where_typed_arrays_may_start(studio: TestClient, run: Run) -> None:
    """Cut or not, every tensor begins at a multiple of the size of its numbers."""
    weight = run.looks().at(0).parameters.popitem()[0]
    for asked in ({}, {"only": f"weight/{weight}"}, {"example": 1}):
        data = studio.get(f"{FLOWERS}/looks/0", params=asked).content
        length = int.from_bytes(data[:8], "little")
        head = json.loads(data[8 : 8 + length])
        head.pop("__metadata__")
        assert length % 8 == 0
        for about in head.values():
            size = int(about["dtype"][1:]) // 8
            assert about["data_offsets"][0] % size == 0


def test_names_with_commas(tmp_path: Path, open_studio: Open) -> None:
    from pellucid.recording.files import write_arrays

    update_run(tmp_path / "flowers.run", {"status": "done"})
    names = {"a,b.weight": np.ones(2, np.float32), "a": np.zeros(1, np.float32)}
    write_arrays(tmp_path / "flowers.run" / "weights" / "000004.safetensors", names)
    studio = open_studio(tmp_path)
    assert set(arrays(studio, "weights/4", only="a,b.weight")) == {"a,b.weight"}
    assert set(arrays(studio, "weights/4", only=["a,b.weight", "a"])) == set(names)


def test_kept_weights_and_watched_inputs(studio: TestClient, run: Run) -> None:
    step = run.weight_steps[1]
    file = run.path / "weights" / f"{step:06d}.safetensors"
    assert studio.get(f"{FLOWERS}/weights/{step}").content == file.read_bytes()
    name = next(iter(read_arrays(file)))
    np.testing.assert_array_equal(
        arrays(studio, f"weights/{step}", only=name)[name], read_arrays(file)[name]
    )
    inputs = studio.get(f"{FLOWERS}/probe").content
    assert inputs == (run.path / "probe" / "inputs.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("looks/999", 404, "looks/00999.safetensors"),
        ("looks/-1", 404, "there is no GET"),
        ("looks/x", 404, "there is no GET"),
        ("looks/0?only=weight/nothing", 400, "there is no tensor 'weight/nothing'"),
        ("looks/0?example=99", 400, "there is no watched example 99"),
        ("looks/0?example=-1", 400, "is no whole number"),
        ("weights/7777", 404, "weights/007777.safetensors"),
        ("results/secret", 404, "no results called 'secret'"),
        ("results/..%2frun", 404, "there is no GET"),
        ("results/%2e%2e", 404, "no results called '..'"),
    ],
)
def test_what_is_not_there(studio: TestClient, path: str, status: int, said: str) -> None:
    answer = studio.get(f"{FLOWERS}/{path}")
    assert answer.status_code == status
    assert said in answer.json()["error"]["what"]


# --- how long it may be kept --------------------------------------------------------------------


def test_sealed_things_are_kept_only_by_the_runs_version(studio: TestClient, run: Run) -> None:
    version, step = get(studio, "manifest")["version"], run.weight_steps[0]
    for path in ("looks/0", f"weights/{step}", "probe"):
        kept = studio.get(f"{FLOWERS}/{path}", params={"v": version})
        assert kept.headers["cache-control"] == "private, max-age=31536000, immutable"
        for asked in ({}, {"v": "another"}):
            asked_again = studio.get(f"{FLOWERS}/{path}", params=asked)
            assert asked_again.headers["cache-control"] == "private, no-cache"
        tag = {"if-none-match": asked_again.headers["etag"]}
        same = studio.get(f"{FLOWERS}/{path}", headers=tag)
        assert (same.status_code, same.content) == (304, b"")


def test_the_growing_chunk_is_not_kept(copied: tuple[Path, TestClient]) -> None:
    folder, studio = copied
    path, version = folder / "looks" / "index.json", get(studio, "manifest")["version"]

    def kept(chunk: int, status: str, *recorded: list[int]) -> bool:
        path.write_text(json.dumps({"recorded": recorded, "cost_seconds": 0}))
        update_run(folder, {"status": status})
        answer = studio.get(f"{FLOWERS}/looks/{chunk}", params={"v": version})
        assert answer.headers["cache-control"] in (
            "no-store",
            "private, max-age=31536000, immutable",
        )
        return "immutable" in answer.headers["cache-control"]

    few, full = [[step, 0, step] for step in range(3)], [[step, 0, step] for step in range(16)]
    for status in ("learning", "paused"):
        assert not kept(0, status, *few)
        assert kept(0, status, *full)
        assert kept(0, status, *few, [3, 1, 0])  # the next chunk was begun
    assert kept(0, "done", *few)
    assert not kept(0, "learning", [1], [2, "x"], 3)  # nothing is clear


def test_a_resumed_run_has_another_version(copied: tuple[Path, TestClient]) -> None:
    from pellucid.recording.recorder import RunWriter

    folder, studio = copied
    before = get(studio, "manifest")["version"]
    assert get(studio, "manifest")["version"] == before
    RunWriter(folder, resume=True)
    after = get(studio, "manifest")["version"]
    assert after != before
    answer = studio.get(f"{FLOWERS}/probe", params={"v": before})
    assert answer.headers["cache-control"] == "private, no-cache"


# --- results ------------------------------------------------------------------------------------


def test_results_are_the_runs(studio: TestClient, run: Run) -> None:
    assert get(studio, "results/summary") == run.summary
    assert get(studio, "results/verdict") == run.verdict
    assert get(studio, "results/examples") == run.examples
    for name in ("test", "valid"):
        found = arrays(studio, f"results/{name}")
        assert set(found) == set(run.results(name))
        np.testing.assert_array_equal(found["row"], run.results(name)["row"])


def test_the_report_is_a_stranger_to_the_studio(studio: TestClient, run: Run) -> None:
    answer = studio.get(f"{FLOWERS}/report")
    assert answer.content == (run.path / "report.html").read_bytes()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts allow-popups allow-downloads;")
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy
    assert "connect-src" not in policy


def test_findings_without_those_that_are_damaged(copied: tuple[Path, TestClient]) -> None:
    folder, studio = copied
    for kept in (folder / "evidence").glob("*.json"):  # of tests that asked why before the copy
        kept.unlink()
    (folder / "evidence" / "labels.json").write_text('{"part": "labels"}')
    (folder / "evidence" / "torn.json").write_text('{"part": "la')
    (folder / "evidence" / "list.json").write_text("[1]")
    assert get(studio, "findings") == {"labels": {"part": "labels"}}


# --- damage ---------------------------------------------------------------------------------------

GETS = (
    *("manifest", "drawings", "steps", "events", "looks", "looks/0", "looks/0?example=0"),
    *("looks/0?only=steps", "weights/0", "weights/0?only=x", "probe", "answers", "findings"),
    *("results/summary", "results/verdict", "results/examples", "results/test", "report"),
    *("labels", "decisions"),
)


FILES = (
    *("run.json", "steps.bin", "events.jsonl", "ledger.parquet", "verdict.json", "decisions.json"),
    *("looks/index.json", "looks/00000.safetensors", "weights/000000.safetensors"),
    *("probe/probe.json", "probe/inputs.safetensors", "answers/about.json", "answers/values.bin"),
    *("results/summary.json", "results/examples.json", "results/test.safetensors"),
)


@pytest.mark.parametrize("damage", ["half", "other", "list", "binary"])
def test_damage_is_said_and_never_a_bug(copied: tuple[Path, TestClient], damage: str) -> None:
    """Every file that is read, in turn: cut short, or something else altogether."""
    folder, studio = copied
    (folder / "decisions.json").write_text('{"decisions": []}')
    for file in FILES:
        before = (folder / file).read_bytes()
        damaged = {
            "half": before[: len(before) // 2],
            "other": b'{"schema": 1, "recorded": 3, "rows": "x", "columns": 5, "task": []}',
            "list": b"[1, null]",
            "binary": b"\xff\x00\xfe" * 40,
        }
        (folder / file).write_bytes(damaged[damage])
        for name in GETS:
            answer = studio.get(f"{FLOWERS}/{name}")
            assert answer.status_code != 500, (file, name, answer.text)
        assert studio.get("/api/home").status_code == 200, file
        (folder / file).write_bytes(before)
    assert studio.get(f"{FLOWERS}/manifest").status_code == 200


def test_a_run_of_a_newer_version_says_so(copied: tuple[Path, TestClient]) -> None:
    folder, studio = copied
    update_run(folder, {"schema": 99})
    answer = studio.get(f"{FLOWERS}/manifest")
    assert answer.status_code == 409
    assert "newer version" in answer.json()["error"]["what"]
    (line,) = studio.get("/api/home").json()["runs"]
    assert line["status"] == "damaged"
    assert "newer version" in line["problem"]["what"]


def test_a_link_does_not_lead_out_of_the_run(copied: tuple[Path, TestClient]) -> None:
    folder, studio = copied
    secret = folder.parent / "secret.txt"
    secret.write_text("secret")
    for name in ("report.html", "weights/000009.safetensors", "steps.bin", "events.jsonl"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(secret)
    for name in ("report", "weights/9", "steps", "events"):
        answer = studio.get(f"{FLOWERS}/{name}")
        assert answer.status_code == 403, name
        assert "secret" not in answer.text.replace("secret.txt", "")


# --- names ----------------------------------------------------------------------------------------


def test_names_are_told_apart(tmp_path: Path, open_studio: Open) -> None:
    for place in ("here/a.run", "there/a.run", "there/b.run"):
        update_run(tmp_path / place, {"name": place})
    studio = open_studio(tmp_path / "here", tmp_path / "there/a.run", tmp_path / "there/b.run")
    names = {line["run"]: line["name"] for line in studio.get("/api/home").json()["runs"]}
    assert names == {"a.run": "there/a.run", "b.run": "there/b.run", "a.run~2": "here/a.run"}
    assert studio.get("/api/runs/a.run~2/manifest").json()["name"] == "here/a.run"


HOSTILE = "<img src=x onerror=alert(1)> \"'&..#?;é+ "


def test_hostile_names_are_only_names(tmp_path: Path, open_studio: Open) -> None:
    from urllib.parse import quote

    folder = tmp_path / f"{HOSTILE}.run"
    update_run(folder, {"name": HOSTILE, "task": {"classes": [HOSTILE]}})
    studio = open_studio(tmp_path)
    (line,) = studio.get("/api/home").json()["runs"]
    assert line["run"] == folder.name
    answer = studio.get(f"/api/runs/{quote(line['run'], safe='')}/manifest")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["name"] == HOSTILE
    assert answer.json()["classes"][0] == HOSTILE


@pytest.mark.parametrize("name", ["a" * 5_000, "..", ".", "a%00b", "a/b", "~2", "a.run~2"])
def test_names_of_no_run(tmp_path: Path, open_studio: Open, name: str) -> None:
    from urllib.parse import quote

    update_run(tmp_path / "shelf" / "a.run", {"status": "done"})
    update_run(tmp_path, {"status": "done"})  # ".." would be a run
    studio = open_studio(tmp_path / "shelf")
    answer = studio.get(f"/api/runs/{quote(name, safe='%')}/manifest")
    assert answer.status_code == 404
    assert len(answer.text) < 1_000


def test_the_folder_of_runs_may_vanish(tmp_path: Path, open_studio: Open) -> None:
    studio = open_studio(tmp_path / "gone")
    assert studio.get("/api/home").json()["runs"] == []
