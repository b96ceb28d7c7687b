"""Forecasts from end to end: a toy that is learned, filled in, explained, saved and read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pellucid import uses
from pellucid.config import Settings
from pellucid.errors import PellucidError
from pellucid.examples import EXAMPLES
from pellucid.recipe.watcher import Watcher
from pellucid.recording.run import Run
from pellucid.uses import learn
from pellucid.uses.answerers import load_answerer, write_bundle
from pellucid.uses.forecast.answerer import ForecastAnswerer
from pellucid.uses.forecast.course import ForecastCourse
from pellucid.uses.use import Source

DAYS = 140
PLAN = np.random.default_rng(5).random(DAYS + 30) < 0.3
PLAN[DAYS + 1] = True


def day(number: int) -> str:
    return str(np.datetime64("2024-01-01") + number)


def sales(shop: int, number: int) -> float:
    """A week that repeats, and 8 more on days that are planned for: no noise worth speaking of."""
    week = [10, 12, 11, 14, 20, 25, 5][number % 7] * (1 + shop)
    return week + 8.0 * bool(PLAN[number]) + 0.1 * np.sin(3.7 * number)


def written(folder: Path) -> Path:
    rows = [
        f"{name},{day(number)},{int(PLAN[number])},{sales(shop, number):.3f}"
        for shop, name in enumerate(("north", "south"))
        for number in range(DAYS)
    ]
    path = folder / "sales.csv"
    path.write_text("\n".join(["shop,day,plan,sales", *rows]) + "\n", "utf-8")
    return path


def settings(**more: Any) -> Settings:
    return Settings(task="forecast", target="sales", horizon=5, known=("plan",), time=6.0, **more)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("forecast")
    return learn(written(folder), settings(), Watcher(), out=folder / "sales.run")


@pytest.fixture
def answerer(run: Run) -> ForecastAnswerer:
    found = load_answerer(run.path)
    assert isinstance(found, ForecastAnswerer)
    return found


def asked(rows: list[tuple[str, int]], values: dict[int, float] | None = None) -> dict[str, Any]:
    given = values or {}
    return {
        "shop": [shop for shop, _ in rows],
        "day": [day(number) for _, number in rows],
        "plan": [float(PLAN[number]) for _, number in rows],
        "sales": [given.get(place, np.nan) for place in range(len(rows))],
    }


def test_the_toy_is_learned_and_the_run_is_whole(run: Run) -> None:
    assert run.info["status"] == "done"
    assert run.info["use"] == "forecast"
    assert run.info["rows"] == {
        "train": 168,
        "valid": 56,
        "test": 56,
        "repaired": 0,
        "set_aside": 0,
    }
    figures = run.summary["figures"]
    assert figures["MASE"] < 0.6  # the seasonal naive forecast can't know the plan: 1
    assert 0.5 <= figures["coverage of the 80 % interval"] <= 1.0
    names = [one["name"] for one in run.verdict["baselines"]]
    assert names[:2] == ["constant answer", "seasonal naive"]
    assert {"Theta", "exponential smoothing", "mean of three", "drift"} <= set(names)
    assert run.verdict["winner"] == "network"
    notes = " ".join(run.info["notes"])
    assert "daily" in notes
    assert "season: 7" in notes
    assert "horizon: 5 days (asked for with --horizon)" in notes
    assert "'plan': its future is known beforehand" in notes


def test_findings_can_be_read(run: Run) -> None:
    parts = run.info["findings"]
    assert parts[:2] == ["future", "skill"]
    for part in parts:
        finding = run.finding(part)
        assert finding["sentence"].endswith(".")
        json.dumps(finding, allow_nan=False)
    fan = run.finding("future")["charts"][0]["lines"][1]
    assert len(fan["y"]) == len(fan["low"]) == 6
    assert all(low <= y <= high for low, y, high in zip(fan["low"], fan["y"], fan["high"]))


def test_rows_to_fill_in_are_answered_and_others_say_why_not(answerer: ForecastAnswerer) -> None:
    rows = [("south", DAYS), ("north", DAYS + 4), ("north", 3), ("north", DAYS + 5), ("east", DAYS)]
    lines = answerer.predict(asked(rows))
    assert [line["row"] for line in lines] == [0, 1, 2, 3, 4]
    for line, (shop, number) in zip(lines[:2], rows[:2], strict=True):
        assert set(line) == {"row", "answer", "low", "high", "series", "time"}
        assert line["low"] <= line["answer"] <= line["high"]
        assert line["answer"] == pytest.approx(sales(int(shop == "south"), number), abs=4.0)
        assert line["time"] == day(number)
    said = [line["error"]["what"] for line in lines[2:]]
    assert "in the past that the model knows" in said[0]
    assert "6 steps after" in said[1]
    assert "no series is called 'east'" in said[2]
    assert all(line["error"]["fix"] for line in lines[2:])
    assert lines[0]["series"] == "south"
    assert "south" in answerer.readable(lines[0])
    assert "can't answer" in answerer.readable(lines[2])


def test_known_columns_matter_and_must_be_there(answerer: ForecastAnswerer) -> None:
    with_plan, without = asked([("south", DAYS + 1)]), asked([("south", DAYS + 1)])
    with_plan["plan"], without["plan"] = [1.0], [0.0]
    raised = answerer.predict(with_plan)[0]["answer"] - answerer.predict(without)[0]["answer"]
    assert raised > 3.0  # 8 in truth
    del without["plan"]
    (line,) = answerer.predict(without)
    assert "no 'plan'" in line["error"]["what"]


def test_newer_values_continue_the_history(answerer: ForecastAnswerer) -> None:
    rows = [("north", DAYS + step) for step in range(9)]
    values = {step: sales(0, DAYS + step) for step in range(4)}
    lines = answerer.predict(asked(rows, values))
    assert [line.get("given") for line in lines[:4]] == [True] * 4
    assert lines[0]["answer"] == values[0]
    assert all("answer" in line for line in lines)
    assert lines[8]["answer"] == pytest.approx(sales(0, DAYS + 8), abs=4.0)
    # The model itself has not changed: without these rows day 8 is too far ahead again.
    assert "error" in answerer.predict(asked([rows[8]]))[0]


def test_a_table_that_has_every_value_is_answered_without_looking(
    answerer: ForecastAnswerer,
) -> None:
    rows = [("north", DAYS + step) for step in range(5)]
    blank = answerer.predict(asked(rows))
    full = answerer.predict(asked(rows, dict.fromkeys(range(5), 1e6)))
    assert blank == full


def test_a_series_never_seen_brings_its_own_past(answerer: ForecastAnswerer) -> None:
    rows = [("east", DAYS + step) for step in range(-20, 3)]
    values = {place: sales(0, number) + 40 for place, (_, number) in enumerate(rows[:20])}
    for model in ("network", "baseline", "both"):
        lines = answerer.predict(asked(rows, values), model)
        for line, (_, number) in zip(lines[20:], rows[20:], strict=True):
            assert line["answer"] == pytest.approx(sales(0, number) + 40, abs=12.0)


def test_both_answerers_are_saved_and_read_back_the_same(
    answerer: ForecastAnswerer, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "model", answerer)
    again = load_answerer(tmp_path)
    source = asked([("north", DAYS + 2), ("south", DAYS + 4)])
    said = {}
    for model in ("network", "baseline", "both"):
        said[model] = answerer.predict(source, model)
        assert said[model] == again.predict(source, model)
    for network, classical, both in zip(*said.values(), strict=True):
        assert both["answer"] == pytest.approx((network["answer"] + classical["answer"]) / 2)
        assert both["low"] <= both["answer"] <= both["high"]
    assert not list(tmp_path.rglob("*.pkl"))
    (tmp_path / "model" / "network.safetensors").write_bytes(b"cut off")
    with pytest.raises(PellucidError, match="damaged"):
        load_answerer(tmp_path)


@pytest.mark.parametrize("kept", ["network", "baseline", "both"])
def test_explanations_add_up_and_are_tested(answerer: ForecastAnswerer, kept: Any) -> None:
    answerer.kept = kept
    finding = answerer.explain(asked([("north", DAYS), ("north", DAYS + 1)]), row=1)
    figures = finding.figures
    total = sum(figures["values"].values())
    assert figures["answer"] - figures["usual"] == pytest.approx(total, abs=1e-3)
    assert day(DAYS + 1) in finding.sentence
    assert ("plan to come" in figures["values"]) == (kept != "baseline")
    assert figures["gain"] > 0
    with pytest.raises(PellucidError, match="no row 7"):
        answerer.explain(asked([("north", DAYS)]), row=7)
    with pytest.raises(PellucidError, match="in the past"):
        answerer.explain(asked([("north", 0)]))


def test_what_the_network_needs_most_is_seen_by_the_explanation(
    answerer: ForecastAnswerer,
) -> None:
    planned = next(n for n in range(DAYS, DAYS + 5) if PLAN[n])
    values = answerer.explain(asked([("north", planned)])).figures["values"]
    assert values["plan to come"] > 2.0  # a planned day sells more, and it says so


def test_recorded_equals_unrecorded_and_a_plan_repeats(run: Run, tmp_path: Path) -> None:
    plan = replace(run.plan, steps=12, evaluate_every=6, shortened={})
    source = written(tmp_path)
    states = []
    for name, record in (("seen", True), ("unseen", False)):
        made = learn(
            source, settings(record=record), Watcher(), out=tmp_path / f"{name}.run", plan=plan
        )
        states.append(load_answerer(made.path).network().state_dict())
    for name, value in states[0].items():
        assert torch.equal(value, states[1][name]), name


def test_a_handful_of_windows_proves_nothing() -> None:
    from pellucid.uses.judge import _as_students

    assert _as_students(0.5, (0.4, 0.6), 30) == (0.4, 0.6)
    low, high = _as_students(0.5, (0.4, 0.6), 3)
    # Student's 97.5 % point with 2 degrees of freedom is 4.303, the normal one 1.960.
    assert high - 0.5 == pytest.approx(0.1 * 4.303 / 1.960 * (3 / 2) ** 0.5, rel=1e-3)
    assert low == pytest.approx(1.0 - high)
    assert _as_students(0.5, (0.5, 0.5), 1) == (-np.inf, np.inf)


def test_the_example_is_a_forecast_by_itself(tmp_path: Path) -> None:
    example = EXAMPLES["sales"]
    made = Settings(target=example.target)
    source = Source(example.make(tmp_path), made)
    found = uses.asked(source)
    assert found is not None
    assert found[0] == "forecast"
    course = ForecastCourse(source, made, Watcher())
    assert course.season.value == 7
    assert course.horizon.value == 14
    assert course.layout.ids == ("shop",)
    assert sum(course.examples.ledger.counts().values()) == 5 * 730


def test_a_wide_table_is_answered_column_by_column(tmp_path: Path) -> None:
    months = [str(np.datetime64("2020-01", "M") + number) for number in range(72)]
    waves = [100 + 10 * np.sin(number * np.pi / 6) for number in range(72)]
    rows = [f"{when},{wave:.3f},{50 + n}" for n, (when, wave) in enumerate(zip(months, waves))]
    path = tmp_path / "wide.csv"
    path.write_text("\n".join(["month,milk,bread", *rows]) + "\n", "utf-8")
    asked_for = Settings(task="forecast", time=3.0, record=False, keep="best")
    done = learn(path, asked_for, Watcher(), out=tmp_path / "wide.run")
    line, late = load_answerer(done.path).predict({"month": ["2026-02", "2030-01"]})
    assert set(line["answer"]) == set(line["low"]) == set(line["high"]) == {"milk", "bread"}
    assert line["answer"]["milk"] == pytest.approx(105.0, abs=3.0)
    assert line["answer"]["bread"] == pytest.approx(123.0, abs=6.0)
    assert "looks" in late["error"]["what"]
