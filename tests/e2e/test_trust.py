"""How far to trust an answer, as a user meets it: sets, strange rows, no answer, the card."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from pellucid.export.bundle import Bundle
from pellucid.interfaces import cli
from pellucid.interfaces.trained import Trained

Say = Callable[..., str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`kind.csv`, `price.csv` and `both.csv` (two numbers to predict), with runs of their names."""
    folder = tmp_path_factory.mktemp("trust")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 320))
    kind = np.array(["rose", "tulip", "weed"])[np.digitize(x + 0.5 * rng.normal(size=320), [-1, 1])]
    price = 100 + 10 * x + 4 * rng.normal(size=320)
    size = 3 * y + rng.normal(size=320)
    both = [f"{a:.2f},{b:.2f}" for a, b in zip(price, size)]
    for name, head, target in (
        ("kind", "kind", kind),
        ("price", "price", np.round(price, 2)),
        ("both", "price,size", both),
    ):
        lines = [f"x,y,{head}", *(f"{a:.4f},{b:.4f},{c}" for a, b, c in zip(x, y, target))]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
        words = ["learn", folder / f"{name}.csv", "--target", head, "--time", "2s"]
        words += ["--no-record", "--no-report", "--out", folder / f"{name}.run"]
        assert cli.main([*map(str, words)]) == 0
    return folder


@pytest.fixture
def say(folder: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """`say("predict", "kind.run", ...)`: what is printed on standard output."""

    def run(verb: str, name: str, *words: object, code: int = 0) -> str:
        capsys.readouterr()
        assert cli.main([verb, str(folder / name), *map(str, words)]) == code
        return capsys.readouterr().out

    return run


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_set_names_what_cannot_be_ruled_out(folder: Path, say: Say) -> None:
    found = lines(say("predict", "kind.run", folder / "kind.csv", "--json"))
    assert all(line["answer"] in line["set"] for line in found)
    (holds,) = {line["set_holds"] for line in found}
    assert holds in (0.9, 0.95, 0.99)
    assert max(len(line["set"]) for line in found) > 1
    doubtful = max(found, key=lambda line: len(line["set"]))
    printed = say("predict", "kind.run", folder / "kind.csv").splitlines()[doubtful["row"]]
    other = next(name for name in doubtful["set"] if name != doubtful["answer"])
    assert f"(or {other}" in printed


def test_what_is_strange_is_said(say: Say) -> None:
    usual = lines(say("predict", "kind.run", "x=0.1", "y=0.2", "--json"))[0]
    assert usual["unlike"] > 0.05
    assert "beyond" not in usual
    strange = lines(say("predict", "kind.run", "x=500", "y=0.2", "--json"))[0]
    low, high = strange["beyond"]["x"]
    assert low < -2 < 2 < high
    printed = say("predict", "kind.run", "x=500", "y=0.2")
    assert "! far outside of what it learned from: x -" in printed


@pytest.mark.parametrize("name", ["kind.run", "price.run"])
def test_it_may_say_that_it_does_not_know(name: str, folder: Path, say: Say) -> None:
    rows = folder / f"{name.removesuffix('.run')}.csv"
    free = lines(say("predict", name, rows, "--json"))
    held_back = lines(say("predict", name, rows, "--sure", "0.9", "--json"))
    for before, after in zip(free, held_back, strict=True):
        assert after["answer"] == (None if after["unsure"] else before["answer"])
        if "probability" in before and before["probability"] < 0.9:
            assert after["unsure"]
    surer = lines(say("predict", name, rows, "--sure", "0.9999", "--json"))
    for before, line in zip(free, surer, strict=True):
        # Numbers: too few rows to promise that much.
        assert line["unsure"] == (before.get("probability", 0.0) < 0.9999)
    strange = say("predict", name, "x=500", "y=0", "--sure", "0.5")
    assert "doesn't know" in strange


def test_sureness_is_a_share(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["predict", str(folder / "kind.run"), "x=0", "y=0", "--sure"]
    assert cli.main([*words, "95"]) == 2
    assert "write a share between 0 and 1" in capsys.readouterr().err
    assert cli.main([*words, "very"]) == 2
    assert "write a number, such as --sure 0.95" in capsys.readouterr().err


def test_studies_say_whether_promises_are_kept(folder: Path, say: Say) -> None:
    sets, sureness, unlike = lines(say("study", "kind.run", "sets", "sureness", "unlike", "--json"))
    figures = sets["figures"]
    assert figures["usual_low"] <= figures["coverage"] <= 1
    assert sum(one["rows"] for one in figures["classes"]) == figures["rows"] == 64
    shares = [one["share"] for one in sureness["figures"]["levels"]]
    assert shares == sorted(shares, reverse=True)
    assert unlike["figures"]["false_alarms"]["share"] < 0.1
    made_up = {one["rows"]: one["share"] for one in unlike["figures"]["made_up"]}
    assert made_up["rows with one number ten times too large"] > 0.3
    numbers = lines(say("study", "price.run", "sets", "sureness", "--json"))
    assert numbers[0]["figures"]["low"] <= 0.9 <= numbers[0]["figures"]["high"]
    tested = Trained(folder / "price.run").results("test")
    errors = np.abs(tested["prediction"] - tested["target"])
    assert numbers[0]["figures"]["mean_size"] == pytest.approx(
        2 * np.quantile(errors, 0.9), rel=0.5
    )


def test_each_of_several_numbers_has_an_interval_of_its_own(
    folder: Path, say: Say, tmp_path: Path
) -> None:
    run, rows = Trained(folder / "both.run"), folder / "both.csv"
    found = lines(say("predict", "both.run", rows, "--json"))
    bundle = run.bundle
    assert bundle.promise is not None
    assert len(bundle.promise.held) == 2
    table = pd.read_csv(rows)
    tested = run.results("test")["row"]
    (sets, sureness) = lines(say("study", "both.run", "sets", "sureness", "--json"))
    for place, name in enumerate(("price", "size")):
        ends = np.array([line["intervals"][name] for line in found])
        said = np.array([line["answer"][name] for line in found])
        assert ((ends[:, 0] <= said) & (said <= ends[:, 1])).all()
        truth = table[name].to_numpy()[tested]
        held = ((ends[tested, 0] <= truth) & (truth <= ends[tested, 1])).mean()
        one = sets["figures"]["targets"][place]
        assert (one["target"], one["coverage"]) == (name, pytest.approx(held))
        assert one["mean_size"] == pytest.approx(np.ptp(ends[tested], axis=1).mean())
    shares = [one["coverage"] for one in sets["figures"]["targets"]]
    assert sets["figures"]["all_at_once"] <= min(shares) == sets["figures"]["coverage"]
    assert "for each alone" in sets["sentence"]
    assert "not for all at once" in (folder / "both.run/model/README.md").read_text("utf-8")
    assert sureness["known"] == ("area" in sureness["figures"] or "levels" in sureness["figures"])
    printed = say("predict", "both.run", rows).splitlines()[0]
    low, high = found[0]["intervals"]["size"]
    assert f"size {found[0]['answer']['size']:.6g} ({low:.4g} .. {high:.4g})" in printed
    assert "each interval by itself holds 90%" in printed
    say("predict", "both.run", rows, "--out", tmp_path / "answers.csv")
    cells = pd.read_csv(tmp_path / "answers.csv")
    assert cells.loc[0, ["size low", "size high"]].tolist() == pytest.approx([low, high])


def test_strange_texts_are_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    parts = (
        "the film", "this book", "my first song", "that old story", "their new house",
        "was rather good", "is very bad", "seemed too long", "made me laugh", "left us cold",
        "in the end", "from time to time", "when it began", "as they said", "for a while",
    )  # fmt: skip
    rows = ["said,liked"]
    for number in range(400):
        said = " ".join(str(rng.choice(parts[a : a + 5])) for a in (0, 5, 10, 0, 5))
        rows.append(f"{said},{('yes', 'no')[number % 2]}")
    (tmp_path / "said.csv").write_text("\n".join(rows) + "\n")
    words = ["learn", tmp_path / "said.csv", "--as", "said=text", "--no-pretrained", "--time", "2s"]
    words += ["--no-record", "--no-report", "--out", tmp_path / "said.run"]
    assert cli.main([*map(str, words)]) == 0
    capsys.readouterr()
    assert cli.main(["study", str(tmp_path / "said.run"), "unlike", "--json"]) == 0
    (found,) = lines(capsys.readouterr().out)
    noticed = {one["rows"]: one["share"] for one in found["figures"]["made_up"]}
    assert found["figures"]["false_alarms"]["share"] < 0.08
    for kind in ("of mixed letters", "of random letters", "in an invented language"):
        assert noticed[f"texts {kind}"] > 0.9
    assert noticed["texts of mixed words"] > 0.3


def test_models_of_before_can_be_read(folder: Path, tmp_path: Path) -> None:
    """Format 1 without held rows: one distance for all numbers, no sets."""
    head = json.loads((folder / "price.run/model/bundle.json").read_text())
    for name in ("promises", "unlike"):
        del head[name]
    for file in (folder / "price.run/model").glob("network-*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "bundle.json").write_text(json.dumps({**head, "format": 1, "baseline": None}))
    bundle = Bundle.load_from(tmp_path)
    assert bundle.promise is None
    line = Trained(tmp_path).predict({"x": 0.0, "y": 0.0})[0]
    assert line.keys() == {"row", "answer", "low", "high"}
    assert line["high"] - line["low"] == pytest.approx(2 * head["calibration"]["half_widths"][0])


@pytest.mark.parametrize("name", ["kind.run", "price.run"])
def test_the_card_says_what_the_run_says(name: str, folder: Path) -> None:
    run = Trained(folder / name)
    text = (folder / name / "model" / "README.md").read_text("utf-8")
    _, front, body = text.split("---\n", 2)
    head = yaml.safe_load(front)
    assert head["library_name"] == "pellucid"
    kind = "classification" if name == "kind.run" else "regression"
    assert head["pipeline_tag"] == f"tabular-{kind}"
    (result,) = head["model-index"][0]["results"]
    assert result["dataset"]["type"] == run.info["fingerprint"]
    found = {metric["name"]: metric["value"] for metric in result["metrics"]}
    assert found == run.summary["figures"]
    first = result["metrics"][0]
    assert first["name"] == run.summary["metric"]
    assert first["args"] == {key: run.summary[key] for key in ("low", "high", "rows")}
    for method in (run.verdict["network"], *run.verdict["baselines"]):
        assert f"| {method['name']} | {method['score']:.4g} |" in body
    assert run.verdict["sentence"] in body
    looks = run.info["looks_at_test"]
    assert f"looked at {'once' if looks == 1 else f'{looks} times'}" in body
