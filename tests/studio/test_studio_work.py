"""Runs started from the page, and what is asked of them while they learn: real processes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from studio_runs import Open, studio_of, write_flowers, write_pictures

from pellucid.data.files import APART
from pellucid.errors import ConfigError
from pellucid.interfaces.studio.orders import words_in
from pellucid.interfaces.studio.runs import Shelf
from pellucid.interfaces.studio.work import HEARD_SECONDS, Workshop
from pellucid.recording.recorder import update_run
from pellucid.recording.run import Run
from pellucid.recording.steps import STEP

PATIENCE = 300.0
"""Seconds until a test gives up; a machine may be very busy."""


def until(happened: Callable[[], Any], what: str) -> Any:
    """Ask again until something is the case, and return it."""
    end = time.monotonic() + PATIENCE
    while not (found := happened()):
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.05)  # two processes: there is nothing to wait on but the clock
    return found


class Page:
    """The page's side of one run."""

    def __init__(self, studio: TestClient, run: str) -> None:
        self.studio, self.run = studio, run

    def home(self) -> dict[str, Any]:
        lines = self.studio.get("/api/home").json()["runs"]
        (found,) = [line for line in lines if line["run"] == self.run]
        return dict(found)

    def log(self) -> dict[str, Any]:
        return dict(self.studio.get(f"/api/runs/{self.run}/log").json())

    def steps(self) -> int:
        """Updates that were made."""
        return len(self.studio.get(f"/api/runs/{self.run}/steps").content) // STEP.itemsize

    def ask(self, do: str, status: int = 200) -> dict[str, Any]:
        answer = self.studio.post(f"/api/runs/{self.run}/control", json={"do": do})
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    def asked(self, do: str) -> dict[str, Any]:
        """Ask, and wait until it was heard, however busy the machine is."""
        said = self.ask(do)
        if do == "step" and not said["heard"]:
            before = said["step"]
            until(lambda: self.steps() > before, "one more step")
        if do == "pause" and not said["heard"]:
            until(lambda: self.home()["status"] == "paused", "the pause")
        return said

    def ended(self) -> dict[str, Any]:
        return dict(until(self._log_of_the_end, "the end of the process"))

    def _log_of_the_end(self) -> dict[str, Any] | None:
        log = self.log()
        return None if log["running"] else log


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    write_flowers(tmp_path / "flowers.csv", rows=120)
    return tmp_path


@pytest.fixture
def opened(workplace: Path, open_studio: Open) -> Iterator[tuple[TestClient, Workshop]]:
    """A studio whose runs do not outlive the test."""
    studio = studio_of(workplace)
    yield open_studio(studio), studio.workshop
    for job in studio.workshop.jobs.values():
        if job.process.poll() is None:
            job.process.kill()
        job.process.wait()


def start(studio: TestClient, **order: Any) -> Page:
    answer = studio.post("/api/runs", json=order)
    assert answer.status_code == 201, answer.text
    return Page(studio, answer.json()["run"])


# --- control ------------------------------------------------------------------------------------


def test_a_run_by_hand(opened: tuple[TestClient, Workshop], workplace: Path) -> None:
    """Started paused, one step, two steps, on, paused, stopped: a model is there in the end."""
    page = start(
        opened[0],
        path="flowers.csv",
        paused=True,
        settings={"target": "kind", "time": "60s", "network": "mlp"},
    )
    assert page.run == "flowers.run"
    assert page.home()["status"] == "starting" or page.home()["alive"]
    until(lambda: page.home()["status"] == "paused", "the pause before the first step")
    assert page.home()["stage"].startswith("learning")
    assert page.steps() == 0

    page.asked("step")
    assert page.steps() == 1
    page.asked("step")
    page.asked("step")
    assert page.steps() == 3
    again = page.asked("pause")
    assert (again["status"], again["step"]) == ("paused", 3)
    assert page.steps() == 3  # it stands still

    page.ask("go")
    until(lambda: page.steps() > 10, "steps on its own")
    page.asked("pause")
    stood = page.steps()
    assert page.home()["status"] == "paused"
    assert page.ask("pause")["step"] == stood
    assert page.steps() == stood
    rows = Run(workplace / "flowers.run").steps
    assert rows["step"].tolist() == list(range(1, stood + 1))
    page.asked("step")
    assert page.steps() == stood + 1

    page.ask("stop")
    log = page.ended()
    assert (log["code"], log["error"]) == (130, None)
    assert "paused; the studio can let it go on" in log["text"]
    run = Run(workplace / "flowers.run")
    assert run.status == "interrupted"
    assert run.info["stage"] is None
    assert page.home()["alive"] is False
    assert len(run.steps) == stood + 1
    assert run.summary["score"] > 0
    predicted = opened[0].post(
        f"/api/runs/{page.run}/predict", json={"value": {"length": 1, "color": "red"}}
    )
    assert predicted.json()["answers"][0]["answer"] in ("rose", "tulip")
    refused = page.ask("go", 409)
    assert refused["error"]["what"] == "nobody is learning in this run: it says 'interrupted'"


def test_a_killed_run_can_be_looked_at(
    opened: tuple[TestClient, Workshop], workplace: Path
) -> None:
    studio, workshop = opened
    page = start(
        studio,
        path="flowers.csv",
        settings={"target": "kind", "time": "300s", "network": "mlp"},
    )
    looks = f"/api/runs/{page.run}/looks/0"  # written beside learning, chunk by chunk
    until(lambda: page.steps() > 5 and studio.get(looks).status_code == 200, "steps and a look")
    workshop.jobs[page.run].process.kill()
    workshop.jobs[page.run].process.wait()
    line = page.home()
    assert (line["status"], line["alive"]) == ("learning", False)
    manifest = studio.get(f"/api/runs/{page.run}/manifest").json()
    assert manifest["alive"] is False
    assert page.steps() > 5
    assert studio.get(looks).status_code == 200
    error = page.ask("pause", 409)["error"]
    assert "nobody is learning" in error["what"]
    assert "pellucid resume" in error["fix"]
    assert page.log()["error"]["what"].startswith("learning ended by itself (exit code -9)")


def test_what_can_not_be_asked(tmp_path: Path, open_studio: Open) -> None:
    from pellucid.recording.control import FILE, learning

    folder = tmp_path / "a.run"
    update_run(folder, {"status": "learning", "stage": "learning"})
    page = Page(open_studio(tmp_path), "a.run")
    with learning(folder):
        assert page.ask("fly", 400)["error"]["what"] == "a run can't 'fly'"
        for order in ({}, {"do": 3}):
            answer = page.studio.post("/api/runs/a.run/control", json=order)
            assert answer.status_code == 400
        assert not (folder / FILE).exists()
        update_run(folder, {"stage": "exam on the sealed test rows"})
        said = page.ask("pause", 409)["error"]
        assert said["what"] == "learning is over, this is the exam on the sealed test rows"
        assert not (folder / FILE).exists()
    assert page.studio.post("/api/runs/b.run/control", json={"do": "go"}).status_code == 404


def test_an_order_that_is_not_heard_yet_says_so(
    tmp_path: Path, open_studio: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pellucid.interfaces.studio import work
    from pellucid.recording.control import asked_of, learning

    assert HEARD_SECONDS <= 3
    monkeypatch.setattr(work, "HEARD_SECONDS", 0.05)
    folder = tmp_path / "a.run"
    update_run(folder, {"status": "learning", "stage": "learning"})
    with learning(folder):
        said = Page(open_studio(tmp_path), "a.run").ask("pause")
    assert said == {"status": "learning", "stage": "learning", "step": 0, "heard": False}
    assert asked_of(folder).paused


# --- starting -----------------------------------------------------------------------------------


def test_an_upload_is_checked_and_learned_from(
    opened: tuple[TestClient, Workshop], workplace: Path
) -> None:
    studio, _ = opened
    text = (workplace / "flowers.csv").read_bytes()
    files = {"file": ("my table.csv", text, "text/csv")}
    order = {"check": True, "settings": {"target": "kind", "time": "3s"}}
    checked = studio.post("/api/runs", files=files, data={"order": json.dumps(order)})
    assert checked.status_code == 200, checked.text
    found = checked.json()
    assert found["check"]["task"] == "classify"
    assert found["check"]["rows"]["train"] + found["check"]["rows"]["test"] == 120
    assert Path(found["path"]).read_bytes() == text
    assert Path(found["path"]).is_relative_to(workplace / "pellucid-studio" / "uploads")
    assert not list(workplace.glob("*.run"))

    page = start(studio, path=found["path"], settings={"target": "kind", "time": "3s"})
    assert page.run == "my table.run"
    log = page.ended()
    assert (log["code"], log["error"]) == (0, None), log["text"]
    line = page.home()
    assert (line["status"], line["target"], line["source"]) == ("done", "kind", "my table.csv")
    assert line["score"] > 0.5
    # A second run of the same name has a name of its own.
    assert start(studio, path=found["path"], settings={"time": "3s"}).run == "my table-2.run"


def test_a_folder_of_pictures_is_uploaded(
    opened: tuple[TestClient, Workshop], tmp_path: Path
) -> None:
    source = write_pictures(tmp_path / "bars", each=12)
    files = [
        ("file", (f"bars/{path.parent.name}/{path.name}", path.read_bytes()))
        for path in sorted(source.rglob("*.png"))
    ]
    files.append(("file", ("bars/.DS_Store", b"junk")))
    answer = opened[0].post("/api/runs", files=files, data={"order": '{"check": true}'})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["name"] == "bars"
    assert found["check"]["labels"] == {"lying": 12, "standing": 12}
    kept = Path(found["path"])
    assert sorted(path.name for path in kept.rglob("*.png")) == sorted(
        path.name for path in source.rglob("*.png")
    )


def test_an_example_is_learned_from(opened: tuple[TestClient, Workshop], workplace: Path) -> None:
    answer = opened[0].post("/api/runs", json={"example": "iris", "check": True})
    assert answer.status_code == 200
    assert answer.json()["check"]["targets"] == ["species"]


def test_why_a_run_could_not_start(opened: tuple[TestClient, Workshop], workplace: Path) -> None:
    studio, _ = opened
    (workplace / "one.csv").write_text("a,b\n1,2\n")
    checked = studio.post("/api/runs", json={"path": "one.csv", "check": True})
    assert checked.status_code == 400
    page = start(studio, path="one.csv")
    log = page.ended()
    assert log["code"] == 2
    assert log["error"]["what"] == checked.json()["error"]["what"]
    assert log["error"]["fix"] in log["text"]
    line = page.home()
    assert (line["status"], line["alive"]) == ("failed", False)
    assert line["problem"] == log["error"]


def test_a_run_that_is_still_reading_can_be_ended(
    opened: tuple[TestClient, Workshop], workplace: Path
) -> None:
    studio, workshop = opened
    page = start(studio, path="flowers.csv", settings={"target": "kind"})
    job = workshop.jobs[page.run]
    job.process.send_signal(19)  # stands still before it has read anything
    assert page.home()["status"] == "starting"
    assert page.ask("pause", 409)["error"]["what"] == "the data is still being read"
    said = page.ask("stop")
    job.process.send_signal(18)
    assert said["heard"]
    assert page.ended()["code"] != 0
    assert page.home()["status"] == "failed"


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({}, "there is nothing to learn from"),
        ({"path": ""}, "there is nothing to learn from"),
        ({"path": 3}, "'path' is no text"),
        ({"path": "flower.csv"}, "'flower.csv' does not exist"),
        ({"example": "irises"}, "there is no example 'irises'"),
        ({"path": "flowers.csv", "settings": []}, None),
        ({"path": "flowers.csv", "settings": 3}, "the settings are no object"),
        ({"path": "flowers.csv", "settings": {"out": "/x"}}, "there is no setting 'out'"),
        ({"path": "flowers.csv", "settings": {"seed": "1"}}, "the seed is a whole number"),
        ({"path": "flowers.csv", "settings": {"ignore": "a"}}, "'ignore' is a list of texts"),
        ({"path": "flowers.csv", "settings": {"kinds": {"a": 1}}}, "'kinds' says for columns"),
        ({"path": "flowers.csv", "settings": {"record": 1}}, "'record' is on or off"),
        ({"path": "flowers.csv", "settings": {"target": ["a"]}}, "'target' is no text"),
        ({"path": "flowers.csv", "settings": {"without": "x"}}, "there is no run 'x'"),
    ],
)
def test_orders_that_make_no_sense(
    opened: tuple[TestClient, Workshop], order: Any, said: str | None
) -> None:
    studio, workshop = opened
    answer = studio.post("/api/runs", json={**order, "check": True} if said is None else order)
    if said is not None:
        assert answer.status_code in (400, 404), answer.text
        assert said in answer.json()["error"]["what"]
    assert workshop.jobs == {}


def test_an_upload_without_files_leaves_nothing(
    opened: tuple[TestClient, Workshop], workplace: Path
) -> None:
    studio, _ = opened
    files = {"order": (None, "{}")}
    answer = studio.post("/api/runs", files=files)
    assert answer.status_code == 400
    assert answer.json()["error"]["what"] == "the upload has no file"
    left = {one.name for one in (workplace / "pellucid-studio" / "uploads").iterdir()}
    assert left <= {APART}  # the mark of a folder whose tables open nothing outside of it


def test_settings_become_words(tmp_path: Path) -> None:
    update_run(tmp_path / "a.run", {"status": "done"})
    settings = {
        "target": "-x y",
        "time": "3m",
        "effort": "quick",
        "ignore": ["id", "--out=/etc"],
        "missing": ["?"],
        "kinds": {"a=b": "category"},
        "keep_going": True,
        "record": False,
        "pretrained": True,
        "seed": 4,
        "without": "a.run",
    }
    words = words_in({"settings": settings}, "theirs", Shelf(tmp_path))
    assert words == [
        *("--target=-x y", "--time=3m", "--effort=quick"),
        *("--ignore=id", "--ignore=--out=/etc", "--missing=?", "--as=a=b=category"),
        *("--keep-going", "--no-record", "--seed=4"),
        f"--without={tmp_path / 'a.run' / 'evidence' / 'decisions.csv'}",
    ]
    from pellucid.interfaces.cli import parser, settings_from

    options = parser().parse_args(["learn", "x.csv", *words[:-1]])
    read = settings_from(options)
    assert (read.target, read.time, read.seed) == ("-x y", 180.0, 4)
    assert read.ignore == ("id", "--out=/etc")
    assert read.kinds == {"a=b": "category"}
    assert (read.keep_going, read.record, read.pretrained) == (True, False, True)
    assert words_in({}, "theirs", Shelf(tmp_path)) == ["--target=theirs", "--seed=0"]
    with pytest.raises(ConfigError):
        words_in({"settings": {"seed": True}}, None, Shelf(tmp_path))


def test_another_studios_runs_have_no_log(tmp_path: Path, open_studio: Open) -> None:
    update_run(tmp_path / "a.run", {"status": "done"})
    answer = open_studio(tmp_path).get("/api/runs/a.run/log")
    assert answer.status_code == 404
