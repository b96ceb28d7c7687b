"""`pellucid explain` on every kind of data, through the command line, with tiny runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pellucid
from pellucid.interfaces import cli

KINDS = ["table", "numbers", "tags", "text", "image", "audio", "series", "mixed"]
WORDS = {"good": "great lovely fine warm", "bad": "dull awful cold grim"}


@dataclass(frozen=True)
class Learned:
    """A tiny run, and something to explain with it."""

    run: Path
    source: str
    words: tuple[str, ...] = ()


Runs = Callable[[str], Learned]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A run of each kind, made when it is first asked for."""
    made: dict[str, Learned] = {}

    def get(kind: str) -> Learned:
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            source, example, target = MAKERS[kind](folder)
            run = pellucid.learn(
                source, target, out=folder / "a.run", time=1.0, quiet=True, record=False,
                report=False, pretrained=False,
            )  # fmt: skip
            made[kind] = Learned(run.path, example, () if kind == "image" else ("--row", "1"))
        return made[kind]

    return get


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """`say("explain", ...)` in this process: what it prints on standard output."""

    def run(*words: object, code: int = 0) -> str:
        capsys.readouterr()
        assert cli.main([*map(str, words)]) == code, capsys.readouterr().err
        return capsys.readouterr().out

    return run


# --- tiny data -------------------------------------------------------------------------------


def texts(rng: np.random.Generator, label: str) -> str:
    plain = ["the", "and", "a", "of", "with", "it", "was", "seen", "here"]
    return " ".join(
        [*rng.choice(plain, 4), rng.choice(WORDS[label].split()), *rng.choice(plain, 3)]
    )


def table(folder: Path, kind: str) -> tuple[Path, str, str]:
    rng = np.random.default_rng(0)
    lines = []
    for number in range(120):
        x, y, town = rng.normal(), rng.normal(), rng.choice(["Aa", "Bb", "Cc"])
        label = "good" if x + (town == "Aa") > 0.3 else "bad"
        cells: dict[str, Any] = {"x": round(x, 3), "y": round(y, 3), "town": town}
        if kind == "mixed":
            cells["note"] = texts(rng, label)
        if kind in ("numbers", "mixed"):
            cells["price"] = round(100 + 20 * x + 30 * (label == "good"), 2)
        elif kind == "tags":
            cells["tags"] = [name for name, on in (("big", x > 0), ("red", y > 0)) if on]
        else:
            cells["label"] = label
        if number == 0:
            cells["x"] = None  # a missing number is no reason to stop
        lines.append(cells)
    path = folder / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    target = {"numbers": "price", "mixed": "price", "tags": "tags"}.get(kind, "label")
    return path, str(path), target


def text_folder(folder: Path) -> tuple[Path, str, None]:
    rng = np.random.default_rng(0)
    for label in WORDS:
        (folder / "data" / label).mkdir(parents=True)
        for number in range(40):
            path = folder / "data" / label / f"{number:02}.txt"
            path.write_text(texts(rng, label))
    return folder / "data", str(folder / "data"), None


def pictures(folder: Path) -> tuple[Path, str, None]:
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for label in ("left", "right"):
        (folder / "data" / label).mkdir(parents=True)
        for number in range(30):
            pixels = rng.integers(0, 60, (12, 12), dtype=np.uint8)
            pixels[4:8, slice(1, 4) if label == "left" else slice(8, 11)] = 220
            image.fromarray(pixels).save(folder / "data" / label / f"{number:02}.png")
    return folder / "data", str(folder / "data" / "left" / "00.png"), None


def sounds(folder: Path) -> tuple[Path, str, None]:
    soundfile = pytest.importorskip("soundfile")
    rng = np.random.default_rng(0)
    time = np.arange(2000) / 8000
    for label, pitch in (("high", 2000), ("low", 300)):
        (folder / "data" / label).mkdir(parents=True)
        for number in range(20):
            wave = 0.3 * np.sin(2 * np.pi * pitch * time) + 0.02 * rng.normal(size=len(time))
            soundfile.write(folder / "data" / label / f"{number:02}.wav", wave, 8000)
    return folder / "data", str(folder / "data" / "low"), None


def waves(folder: Path) -> tuple[Path, str, None]:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 0.3, (80, 40, 1)).astype(np.float32)
    y = np.arange(80) % 2
    x[y == 1, 10:20] += 2.0
    np.savez(folder / "waves.npz", x=x, y=y)
    return folder / "waves.npz", str(folder / "waves.npz"), None


MAKERS: dict[str, Callable[[Path], tuple[Path, str, str | None]]] = {
    "table": lambda folder: table(folder, "table"),
    "numbers": lambda folder: table(folder, "numbers"),
    "tags": lambda folder: table(folder, "tags"),
    "mixed": lambda folder: table(folder, "mixed"),
    "text": text_folder,
    "image": pictures,
    "audio": sounds,
    "series": waves,
}


# --- every kind ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_explained_for_machines(
    kind: str, learned: Runs, say: Callable[..., str]
) -> None:
    one = learned(kind)
    found = json.loads(say("explain", one.run, one.source, *one.words, "--time", "0.5s", "--json"))
    assert {"answer", "explained", "explanations", "neighbors", "changes", "notes"} <= set(found)
    first = found["explanations"][0]
    plain = {"table": "columns", "numbers": "columns", "tags": "columns", "mixed": "columns"}
    assert first["modality"] == plain.get(kind, kind)
    assert len(first["values"]) == len(first["names"]) == len(first["places"]) > 0
    # The pieces' shares add up to what knowing them changed.
    total = found["explained"]["value"] - first["base"]
    assert sum(first["values"]) == pytest.approx(total, rel=1e-3, abs=1e-3)
    assert isinstance(first["faithful"]["trusted"], bool)
    assert len(found["neighbors"]) == 5
    alike = [near["similarity"] for near in found["neighbors"]]
    assert alike == sorted(alike, reverse=True)
    assert any("not what causes what" in note for note in found["notes"])
    if kind == "mixed":
        assert [part["columns"] for part in found["explanations"][1:]] == [["note"]]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_explained_for_people(
    kind: str, learned: Runs, say: Callable[..., str]
) -> None:
    one = learned(kind)
    page = say("explain", one.run, one.source, *one.words, "--time", "0.5s")
    for part in ("(+)", "with all", "The most alike of", "What would change the answer"):
        assert part in page
    assert "Tested: " in page or "Do not trust this picture: " in page
    assert max(map(len, page.splitlines())) <= 100
    assert not re.search(r"\bnan\b|None|\{|dtype|float64", page)


class Parsed(HTMLParser):
    """Open elements and what they show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pictures = 0
        self.marks = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        self.pictures += (known.get("src") or "").startswith("data:image/png;base64,")
        self.marks += tag == "mark"
        assert not (known.get("src") or "").startswith(("http", "/"))
        if tag not in ("meta", "img", "br", "wbr", "col", "hr"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_page(
    kind: str, learned: Runs, say: Callable[..., str], tmp_path: Path
) -> None:
    one = learned(kind)
    file = tmp_path / "why.html"
    words = (*one.words, "--time", "0.3s", "--html", file)
    assert str(file) in say("explain", one.run, one.source, *words)
    page = Parsed(file.read_text("utf-8"))
    assert page.open == []
    if kind in ("image", "audio", "series"):
        assert page.pictures > 0
    if kind in ("text", "mixed"):
        assert page.marks > 0


# --- what a person may ask for ---------------------------------------------------------------


def test_another_class_the_other_model_and_a_typed_row(
    learned: Runs, say: Callable[..., str]
) -> None:
    run = learned("table").run
    typed = ("x=1.5", "y=0", "town=Aa")
    found = json.loads(say("explain", run, *typed, "--class", "bad", "--json"))
    assert found["answer"] == "good"
    assert found["explained"]["name"] == "bad"
    assert found["changes"][0]["goal"] == "the answer bad"
    other = json.loads(say("explain", run, *typed, "--model", "baseline", "--json"))
    assert other["model"] == "baseline"
    assert any("classical method" in note for note in other["notes"])


def test_python_gives_the_same(learned: Runs, say: Callable[..., str]) -> None:
    one = learned("table")
    found = pellucid.load(one.run).explain({"x": 1.5, "y": 0.0, "town": "Aa"})
    typed = json.loads(say("explain", one.run, "x=1.5", "y=0", "town=Aa", "--json"))
    assert found.answer["answer"] == typed["answer"] == "good"
    (first,) = found.explanations
    assert first.names == ("x", "y", "town")
    assert first.values == pytest.approx(typed["explanations"][0]["values"], abs=1e-6)
    assert found.neighbors is not None
    assert [near.row for near in found.neighbors.nearest] == [
        near["row"] for near in typed["neighbors"]
    ]


def test_a_run_that_kept_no_rows_reads_its_source_again(
    learned: Runs, say: Callable[..., str]
) -> None:
    one = learned("numbers")
    kept = one.run / "evidence" / "reference.safetensors"
    before = kept.read_bytes()
    kept.unlink()
    found = json.loads(say("explain", one.run, one.source, "--row", "3", "--json"))
    assert found["neighbors"][0]["similarity"] > 0
    assert kept.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--row", "500"), "there is no row 500"),
        (("--row", "1", "--class", "godo"), "there is no class 'godo'"),
        (("--row", "1", "--html", "/nowhere/there/x.html"), "can't be written"),
    ],
)
def test_mistakes_are_named(
    words: tuple[str, ...], what: str, learned: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    one = learned("table")
    assert cli.main(["explain", str(one.run), one.source, *words]) == 2
    said = capsys.readouterr().err
    assert what in said
    assert "fix:" in said


def test_a_model_alone_explains_what_needs_no_rows(
    learned: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, row = learned("image"), learned("table")
    assert cli.main(["explain", str(picture.run / "model"), picture.source, "--time", "0.3s"]) == 0
    assert "no alike examples can be shown" in " ".join(capsys.readouterr().out.split())
    assert cli.main(["explain", str(row.run / "model"), row.source, "--row", "1"]) == 2
    assert "name the whole run" in capsys.readouterr().err


def test_some_test_rows_are_explained_in_a_study(learned: Runs, say: Callable[..., str]) -> None:
    run = learned("table").run
    found = json.loads(say("study", run, "explanations", "--time", "4s", "--json"))
    assert found["part"] == "explanations"
    assert found["known"]
    rows = found["figures"]["rows"]
    assert 4 <= len(rows) <= 6
    assert found["figures"]["passed"] <= found["figures"]["explanations"]
    assert len(found["tables"][0]["rows"]) == len(rows)
