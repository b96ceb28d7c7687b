"""`pellucid study RUN features` on a table, on generated shapes and on texts, and in the report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid.evidence.finding import Finding
from pellucid.examples import shapes
from pellucid.interfaces.findings import lines_of
from pellucid.interfaces.report import write_report
from pellucid.interfaces.trained import Trained

ROWS = 300
EACH = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("features")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(made / "cache"))
        yield made


def learned(folder: Path, source: Path, seconds: float, **more: str) -> Trained:
    out = folder / f"{source.stem}.run"
    return pellucid.learn(source, time=seconds, out=out, pretrained=False, quiet=True, **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pictures(folder: Path) -> tuple[Trained, Finding]:
    """The shapes as the demo writes them, but few."""
    run = learned(folder, shapes.write(folder, each=EACH), 4)
    return run, run.study("features", seconds=3)[0]


@pytest.fixture(scope="module")
def texts(folder: Path) -> Finding:
    """Texts whose class follows from one word."""
    random = np.random.default_rng(0)
    words = ["film", "plot", "the", "a", "story", "actor", "music", "end", "was", "long"]
    lines = ["review,stars"]
    for row in range(400):
        said = [*random.choice(words, 7), "good" if row % 2 else "bad"]
        lines.append(f"{' '.join(random.permutation(said))},{'high' if row % 2 else 'low'}")
    source = folder / "reviews.csv"
    source.write_text("\n".join(lines) + "\n")
    return learned(folder, source, 4, target="stars", network="cnn").study("features", seconds=3)[0]


def test_shapes_find_their_truth(pictures: tuple[Trained, Finding]) -> None:
    _, finding = pictures
    order = finding.figures["order"]
    assert set(order["after"]) == {"edges", "parts", "objects"}
    assert order["layers"][0] == "stage 1"
    for one in order["after"].values():
        assert len(one["score"]) == len(order["layers"])
        for score, (low, high) in zip(one["score"], one["interval"], strict=True):
            assert low <= score <= high
    # How high the scores are depends on how far such a short run comes; planted filters, whose
    # scores are known, are in tests/unit/test_features.py.
    assert 0 <= order["share_of_draws"] <= 1
    assert "objects" in finding.sentence


def test_every_unit_has_its_examples(pictures: tuple[Trained, Finding]) -> None:
    run, finding = pictures
    figures = finding.figures
    assert figures["units"] == sum(layer["units"] for layer in figures["layers"])
    known = set(range(8 * EACH))
    for layer in figures["layers"]:
        assert np.shape(layer["strongest_rows"]) == (layer["units"], 5)
        assert set(np.ravel(layer["strongest_rows"]).tolist()) <= known
        values = np.array(layer["strongest_values"])
        assert (np.diff(values, axis=1) <= 0).all()
        assert np.shape(layer["selectivity"]) == (len(figures["steps"]), layer["units"])
        for unit in layer["shown"]:
            assert unit["pictures"]["shape"][0] == 4
            side = min(layer["field"]["size"][0], 32)
            assert unit["pictures"]["shape"][1:] == [side, side, 3]
            assert unit["imagined"]["beats"] == (
                unit["imagined"]["answer"] > unit["imagined"]["best_real"]
            )
    assert figures["steps"][0] == 0
    assert figures["steps"][-1] == run.weight_steps[-1]


def test_the_report_shows_units(pictures: tuple[Trained, Finding]) -> None:
    run, finding = pictures
    page = write_report(run).read_text(encoding="utf-8")
    section = re.search(r'<section id="features".*?</section>', page, re.DOTALL)
    assert section is not None
    shown = sum(len(layer["shown"]) for layer in finding.figures["layers"])
    assert section[0].count('<li class="card">') == shown
    assert section[0].count("<img") == 2 * shown
    assert len(page) < 5_000_000


def test_it_reads_well_in_the_terminal(pictures: tuple[Trained, Finding]) -> None:
    lines = lines_of(pictures[1])
    assert lines[1] == "What its features answer to"
    assert max(map(len, lines)) <= 140
    assert any("stage 1" in line and "5 × 5 pixels" in line for line in lines)


def test_units_are_named_after_the_word_that_decides(texts: Finding) -> None:
    names = {name["said"] for layer in texts.figures["layers"] for name in layer["names"].values()}
    assert names & {"word good", "word bad", "class high", "class low"}
    said = [
        example["said"]
        for layer in texts.figures["layers"]
        for unit in layer["shown"]
        for example in unit["examples"]
    ]
    assert said
    assert all(re.search(r"\[.+\]", one) for one in said)


def test_a_bag_of_words_is_shown_by_its_words(folder: Path, texts: Finding) -> None:
    source = folder / "opinions.csv"
    source.write_text((folder / "reviews.csv").read_text())
    run = learned(folder, source, 4, target="stars", network="ngrams")
    finding = run.study("features", seconds=3)[0]
    assert finding.known
    spoken = finding.figures["words"]
    assert spoken["column"] == "review"
    assert {one["outcome"] for one in spoken["outcomes"]} == {"high", "low"}
    assert any("Words and pairs that tell most" in line for line in lines_of(finding))
    page = write_report(run).read_text("utf-8")
    section = re.findall(r'<section id="features".*?</section>', page, re.DOTALL)
    assert "Which words it goes by" in section[0]
    passed = [one for part in spoken["outcomes"] for one in part["words"] if one["passed"]]
    assert section[0].count('<li class="card">') == len(passed)
    if run.result()["score"] > 0.9:  # as long as there was time to learn
        assert {one["said"] for one in passed} & {"good", "bad"}


def test_units_of_a_table_are_told_by_columns(folder: Path) -> None:
    random = np.random.default_rng(0)
    size, weight = random.normal(size=(2, ROWS)).round(3)
    lines = [
        "size,weight,fits",
        *(f"{a},{b},{'yes' if a > 0 else 'no'}" for a, b in zip(size, weight)),
    ]
    source = folder / "boxes.csv"
    source.write_text("\n".join(lines) + "\n")
    finding = learned(folder, source, 3).study("features", seconds=2)[0]
    names = {
        name["said"] for layer in finding.figures["layers"] for name in layer["names"].values()
    }
    assert names & {"size high", "size low", "class yes", "class no"}
    assert not names & {"weight high", "weight low"} or "size high" in names
    assert any("size" in unit["common"] for unit in finding.figures["layers"][0]["shown"])
