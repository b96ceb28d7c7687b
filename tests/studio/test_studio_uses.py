"""Models of uses in the studio: the form, answers as `pellucid predict --json` gives them, and what
is shown to people; what can't be answered is said with where and how to mend it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_uses
from starlette.testclient import TestClient
from studio_runs import Open

from pellucid.evidence.finding import Finding
from pellucid.interfaces.studio.uses import DESKS
from pellucid.uses import COURSES
from pellucid.uses.answerers import load_answerer

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Path]:
    """A folder with `KIND.run` for each use, learned where it is first asked for."""
    return tmp_path_factory.mktemp("uses")


class Asking:
    """A studio, and one use's run in it."""

    def __init__(self, studio: TestClient, folder: Path) -> None:
        self.studio, self.folder = studio, folder
        self.address = f"/api/runs/{folder.name}"
        self.model: Any = load_answerer(folder)

    def form(self) -> dict[str, Any]:
        answer = self.studio.get(f"{self.address}/form")
        assert answer.status_code == 200, answer.text
        ways = {way["name"]: way for way in answer.json()["ways"]}
        assert len(ways) == len(answer.json()["ways"])
        return ways

    def post(
        self, verb: str, way: str, value: dict[str, Any], files: dict[str, Path | bytes] | None
    ) -> Any:
        order = {"name": way, "value": value, "seconds": 0.2}
        sent = {
            name: (file.name, file.read_bytes())
            if isinstance(file, Path)
            else ("a-" + name + ".png", file)
            for name, file in (files or {}).items()
        }
        if not sent:
            return self.studio.post(f"{self.address}/{verb}", json=order)
        data = {"order": json.dumps(order)}
        return self.studio.post(f"{self.address}/{verb}", data=data, files=sent)

    def ask(self, way: str, value: dict[str, Any] | None = None, **files: Path) -> dict[str, Any]:
        answer = self.post("predict", way, value or {}, dict(files))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        assert Finding.from_json(found["shown"]).sentence
        return found

    def why(self, way: str, value: dict[str, Any] | None = None, **files: Path) -> dict[str, Any]:
        answer = self.post("explain", way, value or {}, dict(files))
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()["shown"]
        assert shown["sentence"]
        return shown

    def refused(
        self, way: str, value: dict[str, Any] | None = None, **files: Path | bytes
    ) -> dict[str, str]:
        answer = self.post("predict", way, value or {}, dict(files))
        assert answer.status_code == 400, answer.text
        error: dict[str, str] = answer.json()["error"]
        assert all(error[name] for name in ("what", "where", "fix"))
        assert "/tmp" not in error["where"]
        return error


@pytest.fixture
def asking(models: Path, open_studio: Open, request: pytest.FixtureRequest) -> Asking:
    kind = request.param
    if not (models / f"{kind}.run").exists():
        data = models / f"{kind}-data"
        data.mkdir()
        small_uses.learn(kind, models, data)
    return Asking(open_studio(models), models / f"{kind}.run")


def of(kind: str) -> Any:
    return pytest.mark.parametrize("asking", [kind], indirect=True, ids=[kind])


def test_every_use_has_a_desk() -> None:
    assert set(DESKS) == {kind for kind in COURSES if kind != "toy"}


@pytest.mark.parametrize("asking", list(DESKS), indirect=True)
def test_every_way_can_be_asked_and_refuses_nonsense(asking: Asking) -> None:
    """What holds for all: fields have names and words; nothing, other fields and other ways are
    refused with where and how to mend it."""
    for name, way in asking.form().items():
        assert way["title"]
        assert way["do"]
        assert way["fields"]
        names = [field["name"] for field in way["fields"]]
        assert len(set(names)) == len(names)
        for field in way["fields"]:
            assert field["label"]
            assert field["kind"] != "number" or field["low"] <= field["value"] <= field["high"]
        if any(field["needed"] and field["value"] is None for field in way["fields"]):
            asking.refused(name)
        assert "there is no field 'sky'" in asking.refused(name, {"sky": 1})["what"]
    assert "it can't be asked by 'sky'" in asking.refused("sky")["what"]


# --- one use after the other --------------------------------------------------------------------


@of("forecast")
def test_a_future(asking: Asking, tmp_path: Path) -> None:
    ways = asking.form()
    series, steps = ways["series"]["fields"]
    assert series["options"] == list(small_uses.SHOPS)
    assert (steps["low"], steps["high"]) == (1, 5)
    found = asking.ask("series", {"series": "south", "steps": 3})
    times = [small_uses.day(small_uses.DAYS + step) for step in range(3)]
    asked = {"shop": ["south"] * 3, "day": times}
    direct = asking.model.predict(asked)
    for line, other in zip(found["answers"], direct, strict=True):
        assert line["time"] == other["time"]
        for key in ("answer", "low", "high"):
            assert line[key] == pytest.approx(other[key])
    (chart,) = found["shown"]["charts"]
    known, coming = chart["lines"]
    assert known["y"][-1] == pytest.approx(small_uses.sold(1, small_uses.DAYS - 1), abs=1e-3)
    assert coming["y"][1:] == [line["answer"] for line in found["answers"]]
    assert coming["low"][1:] == [line["low"] for line in found["answers"]]
    assert asking.why("series", {"series": "south", "steps": 3})["tables"]

    table = tmp_path / "to-fill.csv"
    table.write_text("shop,day\n" + "".join(f"south,{time}\n" for time in times))
    filled = asking.ask("table", table=table)
    assert [line["answer"] for line in filled["answers"]] == pytest.approx(
        [line["answer"] for line in found["answers"]]
    )
    assert "there is no series 'west'" in asking.refused("series", {"series": "west"})["what"]
    assert "'steps' can't be 6" in asking.refused("series", {"steps": 6})["what"]
    assert "is not a table" in asking.refused("table", table=b"x")["what"]


@of("recommend")
def test_a_list(asking: Asking) -> None:
    found = asking.ask("user", {"user": "u3", "top": 4})
    assert found["answers"] == [asking.model.recommend("u3", 4)]
    assert [row[1] for row in found["shown"]["tables"][0]["rows"]] == [
        item["title"] for item in found["answers"][0]["items"]
    ]
    assert asking.why("user", {"user": "u3"})["tables"]
    liked = asking.ask("liked", {"one": "i2", "another": "I4", "top": 5})
    items = [item["item"] for item in liked["answers"][0]["items"]]
    assert len(items) == 5
    assert not {"i2", "i4"} & set(items)
    assert "there is no user 'nobody'" in asking.refused("user", {"user": "nobody"})["what"]
    assert "there is no item" in asking.refused("liked", {"one": HOSTILE})["what"]


@of("generate")
def test_a_text_goes_on(asking: Asking) -> None:
    from pellucid.uses.generate.sampling import Manner

    asked = {"text": "The red cat", "temperature": 0.5, "top_p": 0.9, "tokens": 12, "seed": 3}
    found = asking.ask("on", asked)
    manner = Manner(tokens=12, temperature=0.5, top_p=0.9, seed=3)
    assert found["answers"] == [
        {"row": 0, "answer": "".join(asking.model.answer("The red cat", manner))}
    ]
    parts = found["shown"]["pictures"][0]["drawings"]["text"]["data"]["parts"]
    assert "".join(part["text"] for part in parts) == "The red cat" + found["answers"][0]["answer"]
    assert asking.why("on", asked)["pictures"]
    assert "'tokens' can't be 500" in asking.refused("on", {**asked, "tokens": 500})["what"]
    assert "characters" in asking.refused("on", {"text": "x" * 20_001})["what"]


@of("generate")
def test_a_text_comes_piece_by_piece(asking: Asking) -> None:
    """A line for each piece as the model says it, then the answer that comes without pieces; what
    is refused before the first piece is refused as ever."""
    from pellucid.uses.generate.sampling import Manner

    value = {"text": "The red cat", "temperature": 0.5, "top_p": 0.9, "tokens": 12, "seed": 3}
    order = {"name": "on", "value": value}
    answer = asking.studio.post(f"{asking.address}/predict", json={**order, "pieces": True})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["cache-control"] == "no-store"
    *pieces, whole = map(json.loads, answer.text.splitlines())
    manner = Manner(tokens=12, temperature=0.5, top_p=0.9, seed=3)
    assert [one["piece"] for one in pieces] == list(asking.model.answer("The red cat", manner))
    assert len(pieces) > 3
    assert whole == asking.ask("on", value)
    for wrong in ({"tokens": 500}, {"text": "x" * 20_001}):
        order = {"name": "on", "value": {**value, **wrong}, "pieces": True}
        refused = asking.studio.post(f"{asking.address}/predict", json=order)
        assert refused.status_code == 400
        assert refused.json()["error"]["fix"]
    plain = {"name": "surprise", "value": {"text": "The red cat"}, "pieces": True}
    answer = asking.studio.post(f"{asking.address}/predict", json=plain)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["shown"]["sentence"]


@pytest.mark.parametrize("asking", ["generate", "recommend", "verify"], indirect=True)
def test_a_step_is_made_again(asking: Asking) -> None:
    """What `pellucid step` tells of the run, and a what-if on a copy."""
    from pellucid.uses.next_step import next_step

    told = asking.studio.post(f"{asking.address}/iteration", json={"at": 0})
    assert told.status_code == 200, told.text
    expected = json.loads(json.dumps(next_step(asking.folder, at=0).as_json()))
    found = told.json()
    checks, again = found.pop("checks"), expected.pop("checks")
    assert found == expected
    assert [one["what"] for one in checks] == [one["what"] for one in again]
    assert found["checked"]
    few = [0, *sorted(found["rows"])[:2]]
    page = asking.studio.get(f"{asking.address}/rows", params={"rows": ",".join(map(str, few))})
    assert page.status_code == 200, page.text
    assert [row["row"] for row in page.json()["rows"]] == few
    assert all(row["place"] and row["drawings"] for row in page.json()["rows"])
    order = {"at": 0, "what_if": "rate x10"}
    other = asking.studio.post(f"{asking.address}/iteration", json=order).json()
    assert other["plain"]["before"] == pytest.approx(found["loss"]["batch"], rel=1e-6)
    assert other["rates"][1] == pytest.approx(10 * other["rates"][0])


@of("generate")
def test_surprise_is_that_of_predict(asking: Asking) -> None:
    """The bits of all parts add up to what `predict` says of the text."""
    text = f"The red cat sleeps {HOSTILE}"
    found = asking.ask("surprise", {"text": text})
    (line,) = asking.model.predict([{"text": text}])
    assert found["answers"][0]["bits_per_character"] == pytest.approx(
        line["bits_per_character"], rel=1e-3
    )
    parts = found["shown"]["pictures"][0]["drawings"]["text"]["data"]["parts"]
    assert "".join(part["text"] for part in parts) == text
    known, strange = (
        np.mean([part["weight"] for part in parts if (part["text"] in "<>=()/") == odd])
        for odd in (False, True)
    )
    assert strange > known


@of("translate")
def test_a_translation(asking: Asking, tmp_path: Path) -> None:
    source = "The red cat sees a dog 3"
    found = asking.ask("text", {"text": source})
    assert found["answers"] == asking.model.predict([{"en": source}])
    (picture,) = found["shown"]["pictures"]
    (matrix,) = picture["drawings"].values()
    assert matrix["kind"] == "matrix"
    assert asking.why("text", {"text": source})["pictures"]
    several = asking.ask("text", {"text": f"{source}\n\nThe blue dog sees a cat 4\n"})
    assert several["rows"] == len(several["answers"]) == 2
    # A text is a text, whatever files of this machine are called.
    secret = tmp_path / "secret.txt"
    secret.write_text("The red cat sees a dog 3\n" * 3)
    assert len(asking.ask("text", {"text": str(secret)})["answers"]) == 1
    assert "too much at once" in asking.refused("text", {"text": "a\n" * 41})["what"]


@of("detect")
def test_boxes(asking: Asking) -> None:
    path = asking.folder.parent / "detect-data" / "pictures" / "03.png"
    found = asking.ask("picture", picture=path)
    assert found["answers"] == asking.model.predict(path)
    drawing = found["shown"]["pictures"][0]["drawings"]["picture"]["data"]
    assert (drawing["width"], drawing["height"]) == (64, 64)
    threshold = asking.model.surenesses[asking.model.kept].threshold
    assert drawing["threshold"] == pytest.approx(threshold, abs=1e-4)
    told = [box for box in drawing["boxes"] if box["probability"] >= drawing["threshold"]]
    assert [box["label"] for box in told] == [box["label"] for box in found["answers"][0]["boxes"]]
    assert "can't be used" in asking.refused("picture", picture=b"no picture")["what"]
    csv = asking.folder.parent / "detect-data" / "boxes.csv"
    assert "is not a picture" in asking.refused("picture", picture=csv)["what"]


@of("verify")
def test_two_pictures_search_and_enrollment(asking: Asking, tmp_path: Path) -> None:
    people = asking.folder.parent / "verify-data"
    (one, other, *_), *_ = [sorted(folder.iterdir()) for folder in sorted(people.glob("*/*/"))]
    found = asking.ask("pair", one=one, other=other)
    assert found["answers"] == asking.model.predict([str(one), str(other)])
    assert asking.why("pair", one=one, other=other)["pictures"]
    assert "there is no picture" in asking.refused("pair", one=one)["what"]
    alike = asking.ask("search", one=one)["answers"][0]["nearest"]
    chances = [line["probability"] for line in alike]
    assert chances == sorted(chances, reverse=True)
    asking.ask("enroll", {"name": "Ada"}, one=one)
    assert load_answerer(asking.folder).gallery.identities == ["Ada"]  # type: ignore[attr-defined]
    (again,) = asking.ask("search", one=one)["answers"]
    # The same picture is also among those that it learned from, under another name.
    assert "Ada" in {near["name"] for near in again["nearest"][:2]}
    assert again["answer"] in ("Ada", "unknown")
    before = set(tmp_path.parent.rglob("*onerror*"))  # other tests have files of such names
    asking.ask("enroll", {"name": f"../../{HOSTILE}"}, one=other)
    assert set(tmp_path.parent.rglob("*onerror*")) == before
    names = load_answerer(asking.folder).gallery.identities  # type: ignore[attr-defined]
    assert len(names) == 2
    assert all("/" not in name for name in names)


@of("anomaly")
def test_strangeness(asking: Asking, tmp_path: Path) -> None:
    row = {"a": "1", "b": "1", "c": "-2", "town": "Aa"}
    found = asking.ask("example", row)
    (direct,) = asking.model.predict({"a": 1.0, "b": 1.0, "c": -2.0, "town": "Aa"})
    assert found["answers"][0]["answer"] == direct["answer"]
    assert found["answers"][0]["score"] == pytest.approx(direct["score"])
    assert found["shown"]["tables"][0]["title"] == "What makes it strange"
    table = tmp_path / "rows.csv"
    table.write_text("a,b,c,town\n" + "1,1,2,Aa\n" * 250)
    many = asking.ask("table", table=table)
    assert (many["rows"], len(many["answers"])) == (250, 200)
    assert "nothing was entered" in asking.refused("example", {"a": ""})["what"]
    table.write_text("x,y\n1,2\n")
    assert "needs the column" in asking.refused("table", table=table)["what"]


@of("map")
def test_a_place_on_the_map(asking: Asking) -> None:
    row = {"a": "4", "b": "0", "c": "0", "color": "red"}
    found = asking.ask("example", row)
    (direct,) = asking.model.predict({"a": 4.0, "b": 0.0, "c": 0.0, "color": "red"})
    assert found["answers"][0]["x"] == pytest.approx(direct["x"])
    points = found["shown"]["pictures"][0]["drawings"]["map"]["data"]
    assert (points["labels"][-1], points["x"][-1]) == ("yours", found["answers"][0]["x"])
    flat = asking.model.of(None).flat
    nearest = np.sqrt(((flat - [direct["x"], direct["y"]]) ** 2).sum(1)).min()
    assert found["shown"]["tables"][0]["rows"][0][1] == pytest.approx(nearest)
    assert asking.why("example", row)["sentence"]


def test_runs_of_the_main_job_have_no_form(studio: TestClient) -> None:
    answer = studio.get("/api/runs/flowers.run/form")
    assert answer.status_code == 400
    assert "its model answers rows" in answer.json()["error"]["what"]
