"""Series on a grid, windows by time, the network, the loss and the classical methods."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pellucid.baselines.forecasting import (
    FORMS,
    Drift,
    Form,
    SeasonalNaive,
    Smoothing,
    Theta,
    fit_all,
)
from pellucid.baselines.forecasting.smoothing import continued, residuals, start_of
from pellucid.config import Settings, Size
from pellucid.data import read
from pellucid.data.ledger import Ledger
from pellucid.errors import PellucidError
from pellucid.network.forecaster import Forecaster
from pellucid.network.lines import (
    Asked,
    Geometry,
    beginning,
    naive_weights,
    normalize,
    smoothed,
)
from pellucid.network.tap import watch
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.forecast import MEDIAN, QUANTILES, Forecast
from pellucid.uses import asked
from pellucid.uses.forecast.course import ForecastCourse
from pellucid.uses.forecast.inputs import naive_error
from pellucid.uses.forecast.layout import find_layout
from pellucid.uses.forecast.metrics import (
    conformal,
    step_errors,
    weighted_quantile_loss,
    window_errors,
)
from pellucid.uses.forecast.panel import fill, make_panel
from pellucid.uses.forecast.spacing import find_spacing
from pellucid.uses.use import Source

# Monthly totals of international airline passengers, in thousands (Box and Jenkins 1976).
PASSENGERS = np.array(
    [
        *(
            112,
            118,
            132,
            129,
            121,
            135,
            148,
            148,
            136,
            119,
            104,
            118,
            115,
            126,
            141,
            135,
            125,
            149,
            170,
            170,
        ),
        *(
            158,
            133,
            114,
            140,
            145,
            150,
            178,
            163,
            172,
            178,
            199,
            199,
            184,
            162,
            146,
            166,
            171,
            180,
            193,
            181,
        ),
        *(
            183,
            218,
            230,
            242,
            209,
            191,
            172,
            194,
            196,
            196,
            236,
            235,
            229,
            243,
            264,
            272,
            237,
            211,
            180,
            201,
        ),
        *(
            204,
            188,
            235,
            227,
            234,
            264,
            302,
            293,
            259,
            229,
            203,
            229,
            242,
            233,
            267,
            269,
            270,
            315,
            364,
            347,
        ),
        *(
            312,
            274,
            237,
            278,
            284,
            277,
            317,
            313,
            318,
            374,
            413,
            405,
            355,
            306,
            271,
            306,
            315,
            301,
            356,
            348,
        ),
        *(
            355,
            422,
            465,
            467,
            404,
            347,
            305,
            336,
            340,
            318,
            362,
            348,
            363,
            435,
            491,
            505,
            404,
            359,
            310,
            337,
        ),
    ],
    dtype=np.float64,
)


def months(count: int, start: str = "2000-01") -> list[str]:
    return [str(np.datetime64(start, "M") + step) for step in range(count)]


def csv(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


def course(path: Any, **settings: Any) -> ForecastCourse:
    made = Settings(task="forecast", **settings)
    return ForecastCourse(Source(path, made), made, Watcher())


def times(first: str, last: str, unit: str) -> np.ndarray:
    return np.arange(first, last, dtype=f"datetime64[{unit}]")


# --- the grid of times ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words", "kind"),
    [
        (times("2024-01-01", "2024-03-01", "h"), "hourly", "seconds"),
        (times("2024-01-01", "2024-03-01", "m")[::15], "every 15 minutes", ""),
        (times("2024-01-01", "2024-06-01", "D"), "daily", "seconds"),
        (times("2024-01-01", "2026-01-01", "D")[::7], "weekly", "seconds"),
        (times("2000-01", "2004-01", "M"), "monthly", "months"),
        (times("2000-01", "2010-01", "M")[::3], "quarterly", "months"),
        (times("1950", "2000", "Y"), "yearly", "months"),
        (
            times("2000-02", "2004-01", "M").astype("datetime64[D]") - 1,
            "monthly",
            "months",
        ),
        (
            times("2024-01-01", "2024-06-01", "D")[
                np.is_busday(times("2024-01-01", "2024-06-01", "D"))
            ],
            "on working days",
            "workdays",
        ),
    ],
)
def test_spacing_is_found_and_ticks_lead_back(given: np.ndarray, words: str, kind: str) -> None:
    moments = given.astype("datetime64[us]")
    found = find_spacing(moments, np.zeros(len(moments), dtype=np.int64))
    assert found is not None
    assert found.spacing.words == words
    assert not kind or found.spacing.kind == kind
    ticks = found.spacing.ticks(moments)
    assert (np.diff(ticks) == 1).all()
    assert (found.spacing.moments(ticks.astype(np.int64)) == moments).all()


def test_a_day_in_a_hundred_may_lack_and_irregular_times_have_no_grid() -> None:
    days = times("2023-01-01", "2023-12-31", "D").astype("datetime64[us]")
    keep = np.delete(days, [40, 41, 200])
    found = find_spacing(keep, np.zeros(len(keep), dtype=np.int64))
    assert found is not None
    assert found.spacing.words == "daily"
    odd = days + np.random.default_rng(0).integers(0, 86_400, len(days)) * np.timedelta64(1, "s")
    assert find_spacing(odd, np.zeros(len(odd), dtype=np.int64)) is None


# --- recognition ------------------------------------------------------------------------------


def kind_of(path: Path, **settings: Any) -> str | None:
    found = asked(Source(path, Settings(**settings)))
    return None if found is None else found[0]


def test_a_table_of_times_and_one_number_is_a_forecast(tmp_path: Path) -> None:
    single = [f"{when},{value}" for when, value in zip(months(60), PASSENGERS, strict=False)]
    assert kind_of(csv(tmp_path / "a.csv", "month,passengers", single)) == "forecast"
    many = [f"{shop},{line}" for shop in ("north", "south") for line in single]
    assert kind_of(csv(tmp_path / "b.csv", "shop,month,sales", many)) == "forecast"


def test_other_tables_are_left_to_the_main_job(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    days = [str(np.datetime64("2024-01-01") + n) for n in range(80)]
    both = [f"{day},{rng.normal():.2f},{rng.normal():.2f}" for day in days]
    path = csv(tmp_path / "helped.csv", "date,temperature,sales", both)
    assert kind_of(path, target="sales") is None
    assert kind_of(path) is None
    rows = [f"{rng.choice(days)},{rng.normal():.2f}" for _ in range(80)]
    assert kind_of(csv(tmp_path / "odd.csv", "date,price", rows)) is None
    classes = [f"{day},{rng.choice(['a', 'b'])}" for day in days]
    assert kind_of(csv(tmp_path / "classes.csv", "date,kind", classes)) is None
    numbers = [f"{n},{rng.normal():.2f}" for n in range(80)]
    assert kind_of(csv(tmp_path / "numbers.csv", "x,y", numbers)) is None
    assert kind_of(csv(tmp_path / "few.csv", "date,y", both[:10])) is None
    asked_otherwise = csv(tmp_path / "a.csv", "date,y", [f"{d},{n}" for n, d in enumerate(days)])
    assert kind_of(asked_otherwise, task="regress") is None
    assert kind_of(asked_otherwise, target="date") is None


def test_names_of_series_are_found_in_two_columns(tmp_path: Path) -> None:
    rows = [
        f"{store},{item},{when},{n}"
        for store in ("s1", "s2")
        for item in ("milk", "bread", "eggs")
        for n, when in enumerate(months(40))
    ]
    table = read.read(csv(tmp_path / "sales.csv", "store,item,month,sales", rows))
    layout = find_layout(table, Settings(task="forecast"))
    assert set(layout.ids) == {"store", "item"}
    assert layout.values == ("sales",)
    assert layout.time == "month"


# --- rows and their fate ----------------------------------------------------------------------


def test_days_of_the_week_without_any_value_are_said(tmp_path: Path) -> None:
    days = np.datetime64("2024-01-01") + np.arange(140)  # a Monday
    open_days = [day for n, day in enumerate(days) if n % 7 not in (2, 6)]
    rows = [f"{day},{shop},{n}" for shop in "ab" for n, day in enumerate(open_days)]
    settings = Settings(task="forecast", target="sold")
    for wanted, path in (
        (True, csv(tmp_path / "shut.csv", "date,shop,sold", rows)),
        (False, csv(tmp_path / "open.csv", "date,shop,sold", [*rows, "2024-01-07,a,3"])),
    ):
        table = read.read(path)
        notes = list[str]()
        ledger = Ledger(table.places, table.refused)
        make_panel(table, find_layout(table, settings), settings, ledger, notes)
        said = [note for note in notes if "nothing has checked" in note]
        assert len(said) == 1
        assert ("Wednesday or Sunday" in said[0]) == wanted
        assert said[0].startswith("no value on any Wednesday")


def test_gaps_duplicates_and_odd_times_are_mended_and_said(tmp_path: Path) -> None:
    days = [str(np.datetime64("2024-01-01") + n) for n in range(100)]
    rows = [f"{day},{n}" for n, day in enumerate(days) if n not in (50, 51)]
    rows += ["2024-01-05,1004", "2024-01-09T07:00,5", ",7"]
    rows[20] = rows[20].split(",")[0] + ","
    table = read.read(csv(tmp_path / "days.csv", "date,value", rows))
    settings = Settings(task="forecast")
    ledger, notes = Ledger(table.places, table.refused), list[str]()
    panel = make_panel(table, find_layout(table, settings), settings, ledger, notes)
    assert panel.values.shape == (1, 100)
    assert panel.values[0, 4] == (4 + 1004) / 2
    assert np.isnan(panel.values[0, [20, 50, 51]]).all()
    said = dict(ledger.repaired_items())
    assert "mean of 2 rows" in said["days.csv line 6"]
    assert "2 times before it missing" in said["days.csv line 52"]
    assert said["days.csv line 22"].startswith("no value: the value a season before")
    aside = dict(ledger.set_aside_items())
    assert "beside the grid" in aside["days.csv line 101"]
    assert "no time" in aside["days.csv line 102"]
    assert "is there already" in aside["days.csv line 100"]
    assert any("3 of 100 times have no value" in note for note in notes)


def test_gaps_are_filled_from_the_past_alone() -> None:
    nan = np.nan
    values = np.array([[nan, 1.0, 2.0, nan, nan, 5.0, nan]])
    filled = fill(values, np.array([1]), season=2)
    assert np.isnan(filled[0, 0])
    assert filled[0, 1:].tolist() == [1, 2, 1, 2, 5, 2]
    later = values.copy()
    later[0, 5] = 99.0
    assert (fill(later, np.array([1]), 2)[0, 1:5] == filled[0, 1:5]).all()


def test_every_row_has_a_fate_and_parts_follow_each_other_in_time(tmp_path: Path) -> None:
    rows = [f"{when},{value:g}" for when, value in zip(months(120), PASSENGERS, strict=True)]
    rows += [f"{when}," for when in months(6, "2010-01")]
    made = course(csv(tmp_path / "air.csv", "month,passengers", rows))
    made.examples.ledger.check()
    assert made.horizon.value == 6
    assert "leaves 6 times" in made.horizon.why
    assert made.season.value == 12
    parts = [made.examples.ledger.rows(part) for part in ("train", "valid", "test")]
    assert sum(map(len, parts)) == 120
    assert parts[0].max() < parts[1].min() <= parts[1].max() < parts[2].min()
    # No answer of one part lies in the next one.
    assert made.learn.origin.max() + 6 < made.cut.valid[0]
    assert made.check.origin.max() + 6 < made.cut.test[0]
    assert made.sealed.origin.min() + 1 >= made.cut.test[0]


def test_nothing_later_than_the_origin_enters_a_window(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    days = [str(np.datetime64("2024-01-01") + n) for n in range(150)]
    cells = rng.normal(size=(150, 3))

    def made(values: np.ndarray, known: tuple[str, ...]) -> ForecastCourse:
        rows = [f"{d},{a:.4f},{b:.4f},{c:.4f}" for d, (a, b, c) in zip(days, values, strict=True)]
        path = csv(tmp_path / "days.csv", "date,wind,plan,value", rows)
        return course(path, target="value", horizon=7, known=known)

    before = made(cells, ("plan",))
    changed = cells.copy()
    changed[-7:] += 100.0
    after = made(changed, ("plan",))
    last = {name: array[-1] for name, array in before.inputs.arrays(before.sealed).items()}
    same = {name: array[-1] for name, array in after.inputs.arrays(after.sealed).items()}
    assert np.array_equal(last["past"], same["past"])  # values and wind: the past alone
    assert not np.array_equal(last["ahead"], same["ahead"])  # the plan is known beforehand
    assert (before.frame.unit == after.frame.unit).all()  # scales know nothing of the exam
    notes = " ".join(before.examples.notes)
    assert "'wind': its future is not known" in notes
    assert "'plan': its future is known beforehand" in notes
    blind = made(cells, ())
    assert blind.inputs.ahead.shape[2] == before.inputs.ahead.shape[2] - 1


@pytest.mark.parametrize(
    ("header", "rows", "settings", "what"),
    [
        ("date,value", [f"2024-01-{n:02d},x{n}" for n in range(1, 31)], {}, "no column of numbers"),
        (
            "date,value",
            [f"2024-01-{n:02d},x{n}" for n in range(1, 31)],
            {"target": "value"},
            "most of its values are no numbers",
        ),
        ("date,value", [f"2024-01-{n:02d},{n}" for n in range(1, 13)], {}, "too short"),
        (
            "date,value",
            [f"2024-01-{n:02d},{n}" for n in range(1, 31) for _ in range(3)],
            {},
            "a time that their series has already",
        ),
        (
            "name,date,a,b",
            [f"{s},2024-01-{n:02d},{n},{n}" for s in "xy" for n in range(1, 31)],
            {},
            "2 columns of numbers could be forecast",
        ),
        (
            "date,a,b",
            [f"2024-01-{n:02d},{n},{n}" for n in range(1, 31)],
            {"target": "a", "known": ("a",)},
            "is not beside what is forecast",
        ),
    ],
)
def test_bad_input_says_what_where_and_how(
    tmp_path: Path, header: str, rows: list[str], settings: dict[str, Any], what: str
) -> None:
    with pytest.raises(PellucidError, match=what) as caught:
        course(csv(tmp_path / "bad.csv", header, rows), **settings)
    assert caught.value.where
    assert caught.value.fix


def test_irregular_times_and_a_horizon_of_nothing_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    moments = np.sort(rng.integers(0, 10_000_000, 60)).astype("datetime64[s]")
    path = csv(tmp_path / "odd.csv", "date,v", [f"{m},{n}" for n, m in enumerate(moments)])
    with pytest.raises(PellucidError, match="no regular spacing"):
        course(path)
    with pytest.raises(PellucidError, match="at least one step"):
        Settings(horizon=0)


# --- loss and metrics -------------------------------------------------------------------------


def test_pinball_loss_by_hand() -> None:
    output = torch.zeros(1, 1, 2, len(QUANTILES))
    target = torch.tensor([[1.0, -2.0]])
    # Too low by 1: mean of 2 * tau; too high by 2: mean of 2 * 2 * (1 - tau); both means are of .5.
    assert Forecast(2).loss(output, target).item() == pytest.approx((1.0 + 2.0) / 2)
    unknown = torch.tensor([[1.0, float("nan")]])
    assert Forecast(2).loss(output, unknown).item() == pytest.approx(1.0)
    assert Forecast(2).loss(output[:, 0], target).item() == pytest.approx(1.5)


def test_the_cheapest_answers_are_the_quantiles() -> None:
    torch.manual_seed(0)
    drawn = torch.randn(4000, 1)
    share = torch.tensor(QUANTILES)
    best = drawn[:, 0].quantile(share)
    right = Forecast(1).loss(best.expand(4000, 1, -1), drawn).mean()
    for moved in (-0.2, 0.2):
        assert Forecast(1).loss((best + moved).expand(4000, 1, -1), drawn).mean() > right


def test_a_hidden_series_is_the_unknown_one() -> None:
    torch.manual_seed(0)
    inputs = {"series": torch.ones(1000, 1, dtype=torch.int32), "past": torch.zeros(1000, 3, 1)}
    target = torch.zeros(1000, 2)
    varied, same = Forecast(2).vary(inputs, target)
    assert 60 < int((varied["series"] == 0).sum()) < 140
    assert same is target
    assert varied["past"] is inputs["past"]


def test_metrics_by_hand() -> None:
    part = np.array([1.0, 2.0, 4.0, 3.0, 5.0])
    assert naive_error(part, 1) == pytest.approx((1 + 2 + 1 + 2) / 4)
    assert naive_error(part, 2) == pytest.approx((3 + 1 + 1) / 3)
    assert naive_error(np.full(5, 3.0), 2) == 1.0
    truth = np.array([[1.0, np.nan], [3.0, 5.0]])
    middle = np.array([[2.0, 9.0], [3.0, 3.0]])
    assert window_errors(truth, middle).tolist() == [1.0, 1.0]
    assert step_errors(truth, middle).tolist() == [0.5, 2.0]
    quantiles = np.repeat(middle[..., None], len(QUANTILES), 2)
    # All quantiles the same: the mean pinball loss is the absolute error.
    assert weighted_quantile_loss(truth, quantiles) == pytest.approx((1 + 0 + 2) / 9)


def test_conformal_holds_what_it_promises() -> None:
    rng = np.random.default_rng(0)
    scores = np.abs(rng.normal(size=(99, 3)))
    width = conformal(scores, 0.8, independent=99)
    assert [np.sort(scores[:, step])[79] for step in range(3)] == pytest.approx(width.tolist())
    fresh = np.abs(rng.normal(size=(20_000, 3)))
    assert (fresh <= width).mean() == pytest.approx(0.8, abs=0.06)
    few = conformal(-np.ones((5, 2)), 0.8, independent=5)
    assert few.tolist() == [0.0, 0.0]
    # 60 windows of which 6 lie side by side: the margin of 6, and halfway to what steps share.
    ten_fold = np.repeat(np.abs(rng.normal(size=(6, 2))) * [1.0, 4.0], 10, axis=0)
    level = 0.8 * 7 / 6 * 60
    apart = [np.sort(ten_fold[:, step])[int(level) - 1] for step in range(2)]
    shared = np.sort(ten_fold.ravel())[int(2 * level) - 1]
    wanted = [(one + shared) / 2 for one in apart]
    assert conformal(ten_fold, 0.8, independent=6) == pytest.approx(wanted, rel=0.05)
    assert conformal(ten_fold, 0.8, independent=1).tolist() == pytest.approx(
        [(ten_fold[:, step].max() + ten_fold.max()) / 2 for step in range(2)]
    )


# --- the network ------------------------------------------------------------------------------

SMALL = Geometry(context=20, horizon=6, season=4, channels=2, ahead=3, series=5, known=(1,))


def batch(count: int = 7) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    past = torch.randn(count, 20, 2)
    past[0, :9, 0] = torch.nan  # a series that begins later
    series = torch.arange(count, dtype=torch.int32)[:, None] % 6
    return {"past": past, "ahead": torch.randn(count, 6, 3), "series": series}


def test_shapes_order_and_the_start_as_seasonal_naive() -> None:
    torch.manual_seed(0)
    model = Forecaster(SMALL, Size(16, 2, 0.1)).eval()
    inputs = batch()
    output = model(inputs)
    assert output.shape == (7, 3, 6, len(QUANTILES))
    assert torch.isfinite(output).all()
    assert (output.diff(dim=-1) >= 0).all()
    naive = inputs["past"][1:, 16:, 0].repeat(1, 2)[:, :6]
    assert torch.allclose(output[1:, 0, :, MEDIAN], naive, atol=1e-5)
    described = model.describe()
    assert described["parameters"] == sum(p.numel() for p in model.parameters())
    assert described["parts"][0]["part"] == "lines"


def test_gradients_reach_every_weight_and_taps_are_rows_first() -> None:
    torch.manual_seed(0)
    model = Forecaster(SMALL, Size(16, 2, 0.0))
    with torch.no_grad():  # what starts at zero would stop gradients at the first step
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    inputs = batch()
    with watch() as seen:
        output = model(inputs)
    Forecast(6).loss(output, torch.randn(7, 6)).mean().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
    assert {"past", "quantiles", "stack 1 / further", "line of the course"} <= set(seen)
    assert all(value.shape[0] == 7 for value in seen.values())


def test_level_and_unit_pass_through_and_rows_do_not_mix() -> None:
    torch.manual_seed(0)
    model = Forecaster(SMALL, Size(16, 2, 0.1)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    inputs = batch()
    plain = model(inputs)
    higher = dict(inputs)
    higher["past"] = inputs["past"].clone()
    higher["past"][..., 0] += 10.0
    assert torch.allclose(model(higher), plain + 10.0, atol=1e-4)
    alone = {name: value[2:3] for name, value in inputs.items()}
    assert torch.allclose(model(alone), plain[2:3], atol=1e-5)


def test_normalize_by_hand() -> None:
    values = torch.tensor([[torch.nan, 1.0, 3.0, 5.0]])
    found, level, spread = normalize(values, season=2)
    assert level.item() == 4.0
    assert spread.item() == pytest.approx(((9 + 1 + 1) / 3 + 0.01) ** 0.5)
    assert found[0].tolist() == pytest.approx(
        [0, -3 / spread.item(), -1 / spread.item(), 1 / spread.item()]
    )


def test_lines_in_closed_form_find_a_linear_law() -> None:
    rng = np.random.default_rng(0)
    values = np.zeros(400)
    for when in range(2, 400):
        values[when] = 1.6 * values[when - 1] - 0.8 * values[when - 2] + 0.1 * rng.normal()
    geometry = Geometry(context=8, horizon=2, season=1, channels=1, ahead=0, series=1)
    origins = np.arange(8, 398)
    past = torch.tensor(np.stack([values[o - 8 : o] for o in origins]), dtype=torch.float32)
    target = torch.tensor(np.stack([values[o : o + 2] for o in origins]), dtype=torch.float32)
    asked = Asked(past, target, torch.ones(len(past)))
    begin = beginning(asked, asked, torch.tensor(origins), torch.zeros(0), geometry)
    assert begin.penalty < 0.1
    found, level, spread = normalize(past, 1)
    said = (found @ begin.lines.T) * spread + level
    naive = (found @ naive_weights(geometry).T) * spread + level
    assert (said - target).abs().mean() < 0.75 * (naive - target).abs().mean()
    model = Forecaster(geometry, Size(8, 1))
    model.start(begin)
    series = torch.zeros(len(past), 1, dtype=torch.int32)
    output = model({"past": past[..., None], "series": series})[:, 0]
    assert torch.allclose(output[..., MEDIAN], said, atol=1e-4)
    inside = (target >= output[..., 0]) & (target <= output[..., -1])
    assert inside.float().mean().item() == pytest.approx(0.8, abs=0.07)


def test_smoothing_as_a_weighted_sum_is_exponential_smoothing() -> None:
    # alpha .4, beta .1, phi .9 and no season by hand: level and trend follow the values.
    values = np.array([5.0, 6.0, 8.0, 7.0, 9.0, 12.0])
    geometry = Geometry(context=6, horizon=3, season=1, channels=1, ahead=0, series=1)
    trend = (values[4] - values[0]) / 4
    level = values[0] - trend
    for value in values:
        error = value - level - 0.9 * trend
        level, trend = level + 0.9 * trend + 0.4 * error, 0.9 * trend + 0.1 * error
    wanted = [level + trend * sum(0.9**k for k in range(1, h + 1)) for h in (1, 2, 3)]
    weights = smoothed(0.4, 0.1, 0.0, 0.9, geometry)
    assert weights @ values == pytest.approx(wanted)
    # A straight line goes on, and a season comes back, whatever the parameters.
    seasonal = Geometry(context=13, horizon=5, season=4, channels=1, ahead=0, series=1)
    when = np.arange(18)
    course = 3 + 0.5 * when + np.array([0.0, 2.0, -1.0, -1.0])[when % 4]
    weights = smoothed(0.3, 0.05, 0.2, 1.0, seasonal)
    assert weights @ course[:13] == pytest.approx(course[13:])
    assert weights.sum(1) == pytest.approx(np.ones(5))


def test_rising_series_begin_with_smoothing_and_jumping_ones_do_not() -> None:
    rng = np.random.default_rng(1)
    geometry = Geometry(context=12, horizon=4, season=1, channels=1, ahead=0, series=1)
    slope = np.cumsum(0.3 * rng.normal(size=500))
    for values, name in (
        (np.cumsum(slope), "exponential smoothing"),
        (np.cumsum(rng.choice([-1.0, 1.0], 500)), "seasonal naive"),
    ):
        origins = np.arange(12, 496)
        past = torch.tensor(np.stack([values[o - 12 : o] for o in origins]), dtype=torch.float32)
        target = torch.tensor(np.stack([values[o : o + 4] for o in origins]), dtype=torch.float32)
        number = torch.ones(len(past))
        learn = Asked(past[:400], target[:400], number[:400])
        check = Asked(past[404:], target[404:], number[404:])
        order = torch.tensor(origins[:400])
        begin = beginning(learn, check, order, torch.zeros(0), geometry)
        assert begin.name == name


def test_series_of_different_kinds_begin_with_sums_of_their_own() -> None:
    rng = np.random.default_rng(2)
    geometry = Geometry(context=12, horizon=3, season=1, channels=1, ahead=0, series=3)
    walk, noise = np.cumsum(rng.normal(size=300)), rng.normal(size=300)
    few = np.full(300, np.nan)  # the third has no windows at all
    origins = np.arange(12, 297)
    windows = [
        (torch.tensor(values[o - 12 : o + 3], dtype=torch.float32), number, int(o))
        for number, values in ((1, walk), (2, noise), (3, few))
        for o in origins
        if not np.isnan(values[o])
    ]
    both = torch.stack([one for one, _, _ in windows])
    number = torch.tensor([one for _, one, _ in windows])
    order = torch.tensor([one for _, _, one in windows])
    early, late = order < 200, order >= 210
    learn = Asked(both[early, :12], both[early, 12:], number[early])
    check = Asked(both[late, :12], both[late, 12:], number[late])
    begin = beginning(learn, check, order[early], torch.zeros(0), geometry)
    assert begin.name == "exponential smoothing by series"
    assert begin.own is not None
    last = begin.own.forms[begin.own.choice, 0, -1]  # what the last value counts for
    assert last[1] > 0.6
    assert last[2] < 0.3
    assert last[3] == last[0]  # without windows as a series that is not known
    # The network begins so, in its own units, and is read back so.
    model = Forecaster(replace(geometry, forms=len(begin.own.forms)), Size(8, 1)).eval()
    model.start(begin)
    values, level, spread = normalize(check.past, 1)
    wanted = begin.says(values, check.series) * spread + level
    inputs = {"past": check.past[..., None], "series": check.series[:, None].int()}
    assert torch.allclose(model(inputs)[:, 0, :, MEDIAN], wanted, atol=1e-4)
    again = Forecaster(model.geometry, Size(8, 1)).eval()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(inputs), model(inputs))


# --- classical methods ------------------------------------------------------------------------


def test_naive_methods_by_hand() -> None:
    values = [np.array([1.0, 2.0, 3.0, 4.0, 5.0, 9.0])]
    naive = SeasonalNaive()
    naive.fit(values, 3)
    (found,) = naive.forecast(values, [np.array([4, 1])], 4)
    assert found.tolist() == [[3, 4, 5, 3], [2, 1, 2, 2]]
    drift = Drift()
    drift.fit(values, 3)
    (line,) = drift.forecast(values, [np.array([4])], 2)
    assert line.tolist() == [[6.0, 7.0]]


# Errors one step ahead of statsmodels 0.15.0, ETSModel(...).smooth([...]) with alpha .4, beta .1,
# gamma .2, phi .9 and known starting values, on PASSENGERS: their sums of squares, and the first
# and last of 12 steps forecast.
ORACLE = {
    ("none", "none"): (162483.70044304023, 355.2543874132014, 355.2543874132014),
    ("line", "none"): (225816.8310377758, 347.023963171441, 212.7982961643513),
    ("damped", "none"): (201659.88454509186, 343.0405618409063, 267.9783573265662),
    ("none", "plus"): (44249.25648343187, 361.4094307259959, 348.4814243671003),
    ("line", "plus"): (62995.07965435758, 375.51854963763003, 343.13032181783177),
    ("damped", "plus"): (56542.517451977415, 370.54289711152285, 330.6612385207483),
    ("none", "times"): (20697.11249853268, 350.9249606273034, 342.59441465107943),
    ("line", "times"): (23001.989552886145, 359.7597627372708, 365.5064124812542),
    ("damped", "times"): (21483.224723703002, 357.2707566876945, 347.24794671110095),
}


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_exponential_smoothing_agrees_with_statsmodels(form: Form) -> None:
    season = 12 if form.season != "none" else 1
    parameters = np.array([[[0.4, 0.1, 0.2, 0.9]]])
    parameters[..., 1] *= form.trend != "none"
    parameters[..., 2] *= form.season != "none"
    parameters[..., 3] = 0.9 if form.trend == "damped" else 1.0
    errors, lengths = residuals(form, [PASSENGERS], parameters, season)
    assert lengths == [120]
    (found,) = continued(form, [PASSENGERS], [np.array([119])], parameters, season, 12)
    said = [float((errors**2).sum()), float(found[0, 0]), float(found[0, -1])]
    assert said == pytest.approx(ORACLE[form.trend, form.season], rel=1e-9)


def test_exponential_smoothing_agrees_with_statsmodels_live() -> None:
    """The same with the package itself, where it is installed."""
    module = pytest.importorskip("statsmodels.tsa.exponential_smoothing.ets")
    form = Form("line", "plus")
    start = start_of(form, [PASSENGERS], 1, 12)
    model = module.ETSModel(
        PASSENGERS,
        error="add",
        trend="add",
        seasonal="add",
        seasonal_periods=12,
        initialization_method="known",
        initial_level=start.level[0, 0],
        initial_trend=start.trend[0, 0],
        initial_seasonal=start.season[0, 0],
    )
    theirs = model.smooth(np.array([0.4, 0.1, 0.2]))
    errors, _ = residuals(form, [PASSENGERS], np.array([[[0.4, 0.1, 0.2, 1.0]]]), 12)
    assert np.allclose(errors[:, 0, 0], theirs.resid, atol=1e-9)


def test_found_parameters_are_nearly_as_good_as_those_of_an_optimizer() -> None:
    # statsmodels 0.15.0: ETSModel(PASSENGERS, trend="add", seasonal="mul").fit().sse, which finds
    # the 14 starting values as well.
    theirs = 10_836.49
    smoothing = Smoothing()
    smoothing.fit([PASSENGERS], 12)
    assert smoothing.forms == [Form("line", "times")]
    errors, _ = residuals(smoothing.forms[0], [PASSENGERS], smoothing.chosen[None], 12)
    assert (errors**2).sum() < 1.1 * theirs


def test_theta_agrees_with_statsmodels() -> None:
    # statsmodels 0.15.0: ThetaModel(PASSENGERS, period=12, method="auto").fit().forecast(12)[:4]
    theirs = [341.61521712, 335.57055729, 385.39460432, 370.1249822]
    theta = Theta()
    theta.fit([PASSENGERS], 12)
    (found,) = theta.forecast([PASSENGERS], [np.array([119])], 12)
    assert found[0, :4].tolist() == pytest.approx(theirs, rel=1e-4)


def test_all_methods_look_at_nothing_after_the_origin_and_are_read_back() -> None:
    rng = np.random.default_rng(0)
    series = [PASSENGERS, 50 + np.cumsum(rng.normal(size=70)), rng.normal(size=9)]
    fitted = fit_all([values[:60] for values in series], 12, 5.0)
    origins = [np.array([70, 80]), np.array([65]), np.array([8])]
    changed = [values.copy() for values in series]
    changed[0][81:] = 1e6
    for one in fitted:
        found = one.method.forecast(series, origins, 5)
        same = one.method.forecast(changed, origins, 5)
        again = type(one.method)()
        again.load(one.method.as_json())
        read_back = again.forecast(series, origins, 5)
        picked = one.method.pick([1]).forecast([series[1]], [origins[1]], 5)
        for left, right, third in zip(found, same, read_back, strict=True):
            assert np.isfinite(left).all(), one.method.name
            assert np.allclose(left, right), one.method.name
            assert np.allclose(left, third), one.method.name
        assert np.allclose(picked[0], found[1]), one.method.name
