"""`pellucid explain` on every kind of data, through the command line, with tiny runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tiny import MAKERS

import pellucid
from pellucid.interfaces import cli

KINDS = ["table", "numbers", "tags", "text", "image", "audio", "series", "mixed"]


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
