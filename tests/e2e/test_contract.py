"""The contract for machines: what `learn`, `predict`, `check`, `show` and `demo` print as JSON."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pellucid.interfaces import cli
from tests.commands import Pellucid

Say = Callable[..., list[Any]]
KEYS = {
    "run": str,
    "status": str,
    "task": str,
    "target": str,
    "metric": str,
    "score": float,
    "low": float,
    "high": float,
    "network": str,
    "baseline": dict,
    "verdict": str,
    "rows": dict,
    "seconds": float,
}


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """`say("learn", ...)` in this process: the lines of JSON on standard output."""

    def run(*words: object, code: int = 0) -> list[Any]:
        capsys.readouterr()
        assert cli.main([*map(str, words), "--json"]) == code, capsys.readouterr().err
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return run


# --- one run of each kind of question -------------------------------------------------------------


def lines_of(kind: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of a table, and the words that say what to learn."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for _ in range(160):
        x, y = float(rng.normal()), float(rng.normal())
        row: dict[str, Any] = {"x": round(x, 4), "y": round(y, 4)}
        if kind == "classify":
            row["kind"] = "rose" if x > 0 else "7 tulips"
        elif kind == "tags":
            row["tags"] = [name for name, on in (("big", x > 0), ("red", y > 0)) if on]
        elif kind == "grades":
            row["stars"] = int(np.clip(round(x + 3), 1, 5))
        elif kind == "words in order":
            row["risk"] = ("low", "medium", "high")[int(np.clip(round(x + 1), 0, 2))]
        elif kind == "regress":
            row["price"] = round(100 + 10 * x + y, 3)
        else:
            row |= {"north": round(x + y, 3), "east": round(x - y, 3)}
        rows.append(row)
    words = {
        "tags": ["--target", "tags"],
        "grades": ["--target", "stars", "--task", "grades"],
        "words in order": ["--target", "risk", "--task", "grades"],
        "several": ["--target", "north,east"],
    }
    return rows, words.get(kind, [])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder with `data.jsonl` and what was learned from it, `run`; each kind is made once."""
    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in made:
            folder = made[kind] = tmp_path_factory.mktemp(kind)
            rows, words = lines_of(kind)
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (folder / "data.jsonl").write_text(text)
            source, out = str(folder / "data.jsonl"), str(folder / "run")
            code = cli.main(["learn", source, "--out", out, "--time", "2s", "--no-report", *words])
            assert code == 0
        return made[kind]

    return make


ANSWERS = {
    "classify": str,
    "tags": list,
    "grades": str,
    "words in order": str,
    "regress": float,
    "several": dict,
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_lines_of_predict(kind: str, trained: Callable[[str], Path], say: Say) -> None:
    folder = trained(kind)
    lines = say("predict", folder / "run", folder / "data.jsonl")
    assert [line["row"] for line in lines] == list(range(160))
    rows, _ = lines_of(kind)
    for line in lines:
        assert isinstance(line["answer"], ANSWERS[kind])
        if kind in ("classify", "grades", "words in order"):
            shares = line["probabilities"]
            trust = {"set", "set_holds", "unlike"}
            assert set(line) == {"row", "answer", "probability", "probabilities"} | trust
            assert line["answer"] in line["set"]
            assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
            assert line["probability"] == shares[line["answer"]]
            if kind == "classify":
                assert line["probability"] == max(shares.values())
            if kind == "words in order":
                assert list(shares) == ["low", "medium", "high"]
        elif kind == "tags":
            shares = line["probabilities"]
            assert set(shares) == {"big", "red"}
            assert set(line["answer"]) == {name for name, share in shares.items() if share >= 0.5}
        elif kind == "regress":
            assert set(line) == {"row", "answer", "low", "high", "unlike"}
            assert line["low"] <= line["answer"] <= line["high"]
        else:
            assert set(line["answer"]) == {"north", "east"}
    if kind == "classify":
        assert set(lines[0]["probabilities"]) == {"rose", "7 tulips"}
        classical = say("predict", folder / "run", folder / "data.jsonl", "--model", "baseline")
        right = [line["answer"] == row["kind"] for line, row in zip(classical, rows)]
        assert np.mean(right) > 0.9


@pytest.mark.parametrize("kind", ANSWERS)
def test_who_answers_can_be_chosen(kind: str, trained: Callable[[str], Path], say: Say) -> None:
    folder = trained(kind)
    answers = {
        who: say("predict", folder / "run", folder / "data.jsonl", "--model", who)
        for who in ("network", "baseline")
    }
    assert answers["network"] == say("predict", folder / "run", folder / "data.jsonl")
    assert answers["network"] != answers["baseline"]
    assert len(answers["baseline"]) == 160


def test_the_run_says_what_happened_to_every_row(trained: Callable[[str], Path], say: Say) -> None:
    [info] = say("show", trained("classify") / "run")
    assert info["status"] == "done"
    assert sum(info["rows"].values()) == 160
    assert set(info["rows"]) == {"train", "valid", "test", "repaired", "set_aside"}
    assert info["looks_at_test"] == 1
    assert cli.main(["show", str(trained("classify") / "run")]) == 0


def test_a_moved_run_answers_without_its_data(
    trained: Callable[[str], Path], say: Say, tmp_path: Path
) -> None:
    """Only `model/` travels: no data, no cache, no other file of the run."""
    folder = trained("classify")
    before = say("predict", folder / "run", folder / "data.jsonl")
    shutil.copytree(folder / "run" / "model", tmp_path / "elsewhere")
    inputs = [{"x": row["x"], "y": row["y"]} for row in lines_of("classify")[0]]
    (tmp_path / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in inputs))
    assert say("predict", tmp_path / "elsewhere", tmp_path / "new.jsonl") == before
    assert list((tmp_path / "elsewhere").glob("*.pkl")) == []


def test_one_row_can_be_typed(trained: Callable[[str], Path], say: Say) -> None:
    words = ("--model", "baseline")
    [line] = say("predict", trained("classify") / "run", "x=2.5", "y=0", *words)
    assert line["answer"] == "rose"


def test_answers_as_files(trained: Callable[[str], Path], say: Say, tmp_path: Path) -> None:
    folder = trained("classify")
    words = ("predict", folder / "run", folder / "data.jsonl")
    lines = say(*words)
    assert say(*words, "--out", tmp_path / "a.jsonl") == []
    written = (tmp_path / "a.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in written] == lines
    assert say(*words, "--out", tmp_path / "a.csv") == []
    table = (tmp_path / "a.csv").read_text().splitlines()
    names = "row,answer,probability,probability 7 tulips,probability rose,set,set holds,unlike"
    assert table[0] == names
    assert len(table) == 161


# --- a fresh process ------------------------------------------------------------------------------


def test_learn_ends_with_one_line_of_json(pellucid: Pellucid, iris: Path, tmp_path: Path) -> None:
    done = pellucid(
        "learn", iris, "--test", iris, "--target", "species", "--time", "4s", "--seed", "0",
        "--out", "RUN", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1
    found = done.json
    for key, kind in KEYS.items():
        assert isinstance(found[key], kind), (key, found[key])
    assert found["run"] == "RUN"
    assert (found["task"], found["target"], found["metric"]) == ("classify", "species", "accuracy")
    assert found["low"] <= found["score"] <= found["high"]
    assert set(found["baseline"]) == {"name", "score"}
    assert set(found["rows"]) == {"train", "valid", "test", "repaired", "set_aside"}
    assert found["rows"]["test"] == 150
    assert sum(found["rows"].values()) == 300
    assert "learning" in done.err
    assert "Traceback" not in done.err
    assert (tmp_path / "RUN" / "report.html").exists()
    assert iris.exists()


def test_errors_leave_with_code_2(pellucid: Pellucid, iris: Path) -> None:
    bad = pellucid("learn", iris, "--target", "specis", "--json")
    assert bad.code == 2
    assert bad.json["error"]["fix"] == "did you mean 'species'?"
    assert bad.err.rstrip().endswith("fix:   did you mean 'species'?")


# --- check, demo ----------------------------------------------------------------------------------


def test_check_says_what_would_be_learned(say: Say, iris: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    [found] = say("check", iris, "--time", "1s", "--as", "petal width=category")
    assert found["task"] == "classify"
    assert found["targets"] == ["species"]
    kinds = {column["name"]: column["modality"] for column in found["columns"]}
    assert kinds["sepal length"] == "number"
    assert kinds["petal width"] == "category"
    assert sum(found["rows"].values()) == 150
    assert found["labels"] == {"setosa": 50, "versicolor": 50, "virginica": 50}
    assert found["plan"]["network"]
    assert all(column["why"] for column in found["columns"])
    assert sorted(tmp_path.rglob("*")) == before
    assert cli.main(["check", str(iris), "--time", "1s"]) == 0


def test_check_counts_grades_from_the_lowest_to_the_highest(
    say: Say, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    risks = ["medium"] * 30 + ["high"] * 20 + ["low"] * 40
    lines = ["x,risk", *(f"{row % 7}.5,{risk}" for row, risk in enumerate(risks))]
    (tmp_path / "risks.csv").write_text("\n".join(lines) + "\n")
    words = [str(tmp_path / "risks.csv"), "--target", "risk", "--task", "grades", "--time", "1s"]
    [found] = say("check", *words)
    assert list(found["labels"].items()) == [("low", 40), ("medium", 30), ("high", 20)]
    capsys.readouterr()
    assert cli.main(["check", *words]) == 0
    assert "\ngrades   low 40, medium 30, high 20\n" in capsys.readouterr().out


def test_check_says_that_learning_would_stop(
    say: Say, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["x,kind", *(f"{row % 7}.5,{'ab'[row % 2]}" for row in range(40))]
    lines += [f"{row},a,one,too,many" for row in range(8)]
    (tmp_path / "torn.csv").write_text("\n".join(lines) + "\n")
    words = ("check", tmp_path / "torn.csv", "--target", "kind", "--time", "1s")
    [found] = say(*words)
    assert found["rows"]["set_aside"] == 8
    assert found["stops"]["what"].startswith("8 of 48 rows can't be used")
    assert "torn.csv line 42" in found["stops"]["where"]
    assert say(*words, "--keep-going")[0]["stops"] is None
    capsys.readouterr()
    assert cli.main([str(word) for word in words]) == 0
    assert "learning would stop: 8 of 48 rows can't be used" in capsys.readouterr().out


def test_examples_are_listed(say: Say) -> None:
    [found] = say("demo")
    names = {item["name"] for item in found}
    assert {"digits", "shapes"} <= names
    assert all(item["description"] for item in found)
    assert cli.main(["demo"]) == 0


def test_intervals_hold_numbers(trained: Callable[[str], Path]) -> None:
    """Nothing in the files of a run is NaN or infinite: JSON has no such numbers."""

    def refuse(word: str) -> None:
        pytest.fail(f"{word} in a file of the run")

    for file in (trained("regress") / "run").rglob("*.json"):
        json.loads(file.read_text(), parse_constant=refuse)
    verdict = json.loads((trained("regress") / "run" / "verdict.json").read_text())
    assert math.isfinite(verdict["network"]["score"])
