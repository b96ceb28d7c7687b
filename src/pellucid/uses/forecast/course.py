"""Forecasting: from series to a model that continues them, told from top to bottom."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.baselines.forecasting import Fitted, fit_all
from pellucid.config import Choice, Plan, Settings, Size
from pellucid.data import read
from pellucid.data.columns import Column, Drawing, Entry, RawTable
from pellucid.data.dataset import Dataset
from pellucid.data.glance import present
from pellucid.data.ledger import Ledger
from pellucid.data.modalities.date import find_layout as find_dates
from pellucid.errors import DataError
from pellucid.learning.evaluate import mean_of
from pellucid.learning.recipes import Recipe
from pellucid.network.forecaster import Begin, Forecaster, Geometry, beginning
from pellucid.recipe.drawings import as_json
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.forecast import MEDIAN, Forecast
from pellucid.uses.forecast import findings
from pellucid.uses.forecast.answerer import (
    ForecastAnswerer,
    History,
    Intervals,
    Roles,
)
from pellucid.uses.forecast.layout import Layout, find_layout, judge
from pellucid.uses.forecast.metrics import (
    conformal,
    inside,
    weighted_quantile_loss,
    window_errors,
)
from pellucid.uses.forecast.panel import Panel, fill, make_panel
from pellucid.uses.forecast.season import choose_horizon, find_season
from pellucid.uses.forecast.windows import (
    Cut,
    Frame,
    Inputs,
    Windows,
    check_windows,
    encode_helpers,
    exam_windows,
    find_helpers,
    known_channels,
    known_effects,
    learn_windows,
    make_cut,
    make_inputs,
    scales_of,
    too_short,
    truth_of,
)
from pellucid.uses.use import Course, Exam, Examples, Judged, Reading, Source, use

SHARE = 0.8
"""What the intervals promise to hold."""
SEASONS = 3
"""The past that is read, in seasons or horizons, whichever is longer."""
CONTEXT = (24, 1024)
MANY_SERIES = 10
"""From so many series on, the exam's windows are resampled by series; below, one by one."""
TABLES = frozenset(
    {".csv", ".tsv", ".txt", ".data", ".dat", ".parquet", ".pq", ".feather", ".arrow", ".json"}
    | {".jsonl", ".ndjson", ".xlsx", ".gz"}
)
"""Endings of tables: nothing else is looked into to recognize a forecast."""
MOST_FOR_LINES = 20_000
"""Windows that the lines are fitted on before learning begins."""
ENOUGH_TO_SHRINK = 10
"""Validation windows side by side from which on an interval may be made narrower."""
FORECAST = Recipe(
    family="forecaster",
    sizes=(Size(32, 2, 0.2), Size(64, 2, 0.2), Size(128, 2, 0.2), Size(256, 2, 0.2)),
    epochs=(1, 20),
    # 64 windows of one series (airline passengers, 1 seed): validation MASE .45 after 1,500 steps
    # at twice the rate, .38 after 265; the lines are there before the first step.
    steps=(100, 300),
    batch=256,
    rate=5e-4,
    weight_decay=0.05,
    weights_a_row=100,
    why="weighted sums of the past, fitted in closed form to start from, and plain networks that "
    "see it through coarse and fine glasses",
)


@use
class ForecastCourse(Course):
    """See `uses/use.py: Course`."""

    kind: ClassVar[str] = "forecast"
    title: ClassVar[str] = "forecast"
    metric: str = "MASE"
    answerer: ClassVar[type[ForecastAnswerer]] = ForecastAnswerer

    @classmethod
    def recognize(cls, source: Source) -> Reading | None:
        """Only a table of nothing but times, perhaps names, and one column of numbers is taken
        without being asked for."""
        path = source.path
        if path is not None and (path.is_dir() or path.suffix.lower() not in TABLES):
            return None
        if source.settings.network != "auto" or isinstance(source.given, np.ndarray | tuple):
            return None
        table = source.table
        found = None if table is None or len(table) < 24 else judge(table, source.settings)
        return None if found is None else Reading(*found)

    # --- from a source to windows -------------------------------------------------------------

    def __init__(self, source: Source, settings: Settings, watcher: Watcher) -> None:
        self.settings = settings
        table = _table(source, settings)
        layout = find_layout(table, settings)
        self.layout = layout
        self.dates = _dates(table, layout)
        ledger = Ledger(table.places, table.refused)
        notes = list(table.notes)
        self.panel = panel = make_panel(table, layout, settings, ledger, notes)
        begins = _begins(panel, table)
        length = panel.last - panel.first + 1
        early = panel.first + (0.6 * length).astype(np.int64) if begins is None else begins
        self.season = find_season(panel, early)
        self.horizon = _horizon(panel, settings, int(self.season.value))
        season, horizon = int(self.season.value), int(self.horizon.value)
        self.cut = make_cut(panel, horizon, begins)
        learned = int(np.median(self.cut.valid - panel.first))
        context = int(np.clip(SEASONS * max(season, horizon), *CONTEXT))
        self.context = min(context, max(season + 1, learned // 2, 3))
        self._windows(notes)
        self._inputs(notes)
        _fates(panel, self.cut, ledger)
        self.objective = Forecast(horizon)
        self.examples = self._examples(table, ledger, [*self._told(), *notes])

    def _windows(self, notes: list[str]) -> None:
        panel, cut, horizon = self.panel, self.cut, int(self.horizon.value)
        fewest = min(self.context, int(self.season.value) + 1)
        each = 4 * (self.context * (1 + len(panel.others)) + 16 * horizon)
        self.learn = learn_windows(panel, cut, horizon, fewest, each)
        self.check = check_windows(panel, cut, horizon, fewest)
        self.sealed = exam_windows(panel, cut, horizon, fewest)
        if len(self.learn) < 8 or not len(self.check) or not len(self.sealed):
            raise too_short(panel, horizon, 6 * horizon + 2 * int(self.season.value) + 8)
        if not cut.together:
            notes.append("series end at different times: each is cut at its own end")
        absent = len(set(range(len(panel.names))) - set(self.sealed.series.tolist()))
        if absent:
            notes.append(f"{absent:,} series are too short or end too early to be in the exam")

    def _inputs(self, notes: list[str]) -> None:
        panel = self.panel
        self.helpers = find_helpers(panel, self.cut, self.settings.known, notes)
        center, unit = scales_of(panel, self.cut, int(self.season.value))
        self.frame = Frame(
            panel.spacing,
            panel.start,
            center,
            unit,
            np.arange(1, len(panel.names) + 1),
            self.context,
            int(self.horizon.value),
            int(self.season.value),
        )
        self.beside = encode_helpers(panel, self.helpers)
        self.inputs: Inputs = make_inputs(
            panel.values, panel.first, self.beside, self.helpers, self.frame
        )

    def _examples(self, table: RawTable, ledger: Ledger, notes: list[str]) -> Examples:
        parts = (self.learn, self.check, self.sealed)
        self.all = Windows(
            np.concatenate([part.series for part in parts]),
            np.concatenate([part.origin for part in parts]),
        )
        arrays = self.inputs.arrays(self.all)
        target = self.scaled_truth(self.all).astype(np.float32)
        entries = {
            name: Entry("lookup", (), len(self.panel.names) + 1, name)
            if name == "series"
            else Entry("project", (array.shape[1],), array.shape[2], name)
            for name, array in arrays.items()
        }
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        bounds = np.cumsum([0, *(len(part) for part in parts)])
        numbers = [np.arange(left, right) for left, right in pairwise(bounds)]
        named = ", ".join(self.layout.values[:5]) + (" ..." if len(self.layout.values) > 5 else "")
        return Examples(
            name=table.name,
            fingerprint=table.fingerprint,
            target=f"{named}, {self.frame.horizon} {self.frame.spacing.step}s ahead",
            dataset=Dataset(entries, tensors, torch.from_numpy(target)),
            modalities={
                "past": "series",
                "series": "category",
                **({"ahead": "series"} if "ahead" in arrays else {}),
            },
            places=_Places(self.panel, self.all),
            train=numbers[0],
            valid=numbers[1],
            test=numbers[2],
            ledger=ledger,
            draw=self.draw,
            columns=self._columns(table),
            notes=notes,
        )

    def scaled_truth(self, windows: Windows) -> np.ndarray:
        """float64 `(windows, horizon)` in usual errors; NaN is unknown."""
        truth = truth_of(self.panel, windows, self.frame.horizon)
        center, unit = self.frame.center[windows.series], self.frame.unit[windows.series]
        return (truth - center[:, None]) / unit[:, None]

    def draw(self, number: int) -> dict[str, Any]:
        """The past that a window reads, in its own unit."""
        one, origin = int(self.all.series[number]), int(self.all.origin[number])
        columns = np.arange(max(0, origin + 1 - self.context), origin + 1)
        return {"past": as_json(Drawing("series", self.panel.values[one, columns][:, None]))}

    def _told(self) -> list[str]:
        panel, layout = self.panel, self.layout
        count = len(panel.names)
        series = f"{count:,} series" if count > 1 else "one series"
        named = f" by {', '.join(layout.ids)}" if layout.ids else ""
        season = self.season
        return [
            f"{series}{named}, times {layout.found.why}",
            f"season: {season.value if season.value > 1 else 'none'} ({season.why})",
            f"horizon: {self.horizon.value} {panel.spacing.step}s ({self.horizon.why})",
            f"each answer reads the {self.context} {panel.spacing.step}s before it",
            f"the exam asks {len(self.sealed):,} windows from "
            f"{panel.text(int(self.sealed.origin.min()) + 1)} on, the latest part",
        ]

    def _columns(self, table: RawTable) -> list[dict[str, Any]]:
        layout, known = self.layout, {helper.name: helper for helper in self.helpers}
        found = []
        for name in table.columns:
            number = table.columns[name].values.dtype.kind == "f"
            kind = "number" if number else "category"
            if name == layout.time:
                column = Column(name, "date", "input", f"the times: {layout.found.why}")
            elif name in layout.values:
                column = Column(name, "number", "target", "what is forecast")
            elif name in layout.ids:
                column = Column(name, "category", "input", "names the series")
            elif name in known:
                when = "past and future" if known[name].known else "past only"
                column = Column(name, kind, "input", f"helps: {when}")
            else:
                column = Column(name, kind, "ignored", "not used; see the notes")
            found.append(column.as_json())
        return found

    # --- learning -----------------------------------------------------------------------------

    def recipe(self) -> Recipe:
        return FORECAST

    def build(self, plan: Plan) -> nn.Module:
        model = Forecaster(self.geometry, next(iter(plan.sizes.values())))
        model.start(self.begin)
        return model

    @cached_property
    def geometry(self) -> Geometry:
        return Geometry(
            self.context,
            self.frame.horizon,
            self.frame.season,
            1 + self.inputs.past.shape[2],
            self.inputs.ahead.shape[2],
            len(self.panel.names),
            tuple(1 + int(place) for place in np.flatnonzero(known_channels(self.helpers))),
        )

    @cached_property
    def begin(self) -> Begin:
        """Where learning begins, from windows to learn from."""
        rows = torch.from_numpy(self.examples.train)
        rows = rows[:: max(1, len(rows) // MOST_FOR_LINES)]
        data = self.examples.dataset
        inputs = {name: values[rows] for name, values in data.inputs.items()}
        order = torch.from_numpy(self.all.origin)[rows]
        effects = known_effects(self.inputs, self.helpers, self.cut, self.frame.season)
        return beginning(inputs, data.target[rows], order, torch.from_numpy(effects), self.geometry)

    def score(self, output: Tensor) -> float:
        middle = output[..., MEDIAN].double().cpu().numpy()
        return float(window_errors(self.scaled_truth(self.check), middle).mean())

    def finish(self, model: nn.Module, seconds: float, watcher: Watcher) -> ForecastAnswerer:
        assert isinstance(model, Forecaster)
        panel, horizon = self.panel, self.frame.horizon
        history = History(
            list(panel.names),
            self._keys(),
            panel.values,
            panel.first,
            panel.last,
            self.beside,
            np.array([bool((row[~np.isnan(row)] >= 0).all()) for row in self._learned()]),
        )
        nothing = Intervals(np.zeros(horizon), np.zeros(horizon))
        answerer = ForecastAnswerer(
            model, self._roles(), self.frame, self.helpers, history, nothing
        )
        self.check_quantiles = answerer.quantiles(self.inputs, self.check)
        truth = self.scaled_truth(self.check)
        outside = np.maximum(
            self.check_quantiles[..., 0] - truth, truth - self.check_quantiles[..., -1]
        )
        answerer.intervals = replace(nothing, network=self._correction(outside))
        self.made = answerer
        return answerer

    def _correction(self, outside: np.ndarray) -> np.ndarray:
        """float64 `(horizon,)`; narrower only if enough windows lie side by side."""
        apart = (self.check.origin // self.frame.horizon) * len(self.panel.names)
        side_by_side = len(np.unique(apart + self.check.series))
        return conformal(outside, SHARE, shrinks=side_by_side >= ENOUGH_TO_SHRINK)

    def _learned(self) -> list[np.ndarray]:
        """The values of each series in the part to learn from."""
        return [
            row[first : max(stop, first + 1)]
            for row, first, stop in zip(
                self.panel.values, self.panel.first, self.cut.valid, strict=True
            )
        ]

    def _keys(self) -> list[tuple[str, str]]:
        """What the name columns say of each series, and its column of values."""
        keys = []
        for name in self.panel.names:
            if not self.layout.wide:
                keys.append((name if self.layout.ids else "", self.layout.values[0]))
            else:
                key, _, column = name.rpartition(" / ") if self.layout.ids else ("", "", name)
                keys.append((key, column))
        return keys

    def _roles(self) -> Roles:
        layout = self.layout
        return Roles(layout.time, layout.ids, layout.values, self.dates, self.settings.missing)

    # --- classical methods and the exam -------------------------------------------------------

    def compete(self, seconds: float, watcher: Watcher) -> None:
        """Fit on the part to learn from; the best one on validation windows is taken along."""
        filled = fill(self.panel.values, self.panel.first, self.frame.season)
        self.series = [
            row[first : int(end) + 1]
            for row, first, end in zip(filled, self.panel.first, self.cut.end, strict=True)
        ]
        learned = np.maximum(self.cut.valid - self.panel.first, 2)
        parts = [row[:stop] for row, stop in zip(self.series, learned, strict=True)]
        self.fitted = fit_all(parts, self.frame.season, seconds)
        truth = self.scaled_truth(self.check)
        self.classical_valid = {}
        best: tuple[float, np.ndarray, Fitted] | None = None
        for one in self.fitted:
            answers = self._ask(one, self.check)
            error = float(window_errors(truth, answers).mean())
            self.classical_valid[one.method.name] = error
            if best is None or error < best[0]:
                best = error, answers, one
        assert best is not None
        _, answers, chosen = best
        self.rival = chosen.method.name
        self.made.method = chosen.method
        width = np.maximum(conformal(np.abs(truth - answers), SHARE), 0.0)
        self.made.intervals = replace(self.made.intervals, baseline=width)

    def _ask(self, one: Fitted, windows: Windows) -> np.ndarray:
        """float64 `(windows, horizon)` in usual errors."""
        places = [np.flatnonzero(windows.series == index) for index in range(len(self.series))]
        some = [index for index, where in enumerate(places) if len(where)]
        origins = [windows.origin[places[index]] - self.panel.first[index] for index in some]
        series = [self.series[index] for index in some]
        answers = one.method.pick(some).forecast(series, origins, self.frame.horizon)
        found = np.empty((len(windows), self.frame.horizon))
        for index, answer in zip(some, answers, strict=True):
            scaled = (answer - self.frame.center[index]) / self.frame.unit[index]
            found[places[index]] = scaled
        return found

    def exam(self, answerer: Any, seconds: float, watcher: Watcher) -> Exam:
        assert isinstance(answerer, ForecastAnswerer)
        truth = self.scaled_truth(self.sealed)
        began = time.perf_counter()
        quantiles = answerer.quantiles(self.inputs, self.sealed)
        each = 1000 * (time.perf_counter() - began) / len(self.sealed)
        middle = quantiles[..., MEDIAN]
        valid = float(
            window_errors(self.scaled_truth(self.check), self.check_quantiles[..., MEDIAN]).mean()
        )
        size = 4 * sum(parameter.numel() for parameter in answerer.model.parameters())
        errors = window_errors(truth, middle)
        network = Judged("network", mean_of(errors), valid, 0.0, each, size, FORECAST.why)
        classical, others = [], {}
        for one in self.fitted:
            began = time.perf_counter()
            answers = self._ask(one, self.sealed)
            each = 1000 * (time.perf_counter() - began) / len(self.sealed)
            name = one.method.name
            others[name] = answers
            classical.append(
                Judged(
                    name,
                    mean_of(window_errors(truth, answers)),
                    self.classical_valid[name],
                    one.seconds,
                    each,
                    len(json.dumps(one.method.as_json())),
                    one.method.why,
                )
            )
        own = truth_of(self.panel, self.sealed, self.frame.horizon)
        said = answerer.unscaled(answerer.history, self.frame, self.sealed, quantiles)
        sealed = findings.Sealed(
            self.sealed,
            truth,
            middle,
            others,
            said,
            own,
            inside(truth, quantiles[..., 0], quantiles[..., -1]),
        )
        many = len(set(self.sealed.series.tolist())) >= MANY_SERIES
        return Exam(
            units=len(self.sealed),
            unit="windows",
            network=network,
            classical=classical,
            constant="constant answer",
            # Windows that overlap, or lie at one time, say nearly the same.
            groups=self.sealed.series if many else self.sealed.origin // self.frame.horizon,
            figures=self._figures(sealed, quantiles),
            findings=findings.all_findings(answerer, sealed, self.rival),
            shown=self._shown(sealed, errors),
        )

    def _figures(self, sealed: findings.Sealed, quantiles: np.ndarray) -> dict[str, float]:
        unit = self.frame.unit[self.sealed.series][:, None, None]
        center = self.frame.center[self.sealed.series][:, None, None]
        mase = float(window_errors(sealed.truth, sealed.network).mean())
        naive = float(window_errors(sealed.truth, sealed.others["seasonal naive"]).mean())
        hits = inside(sealed.own, sealed.answers.low, sealed.answers.high)
        return {
            "MASE": mase,
            "weighted quantile loss": weighted_quantile_loss(sealed.own, quantiles * unit + center),
            "coverage of the 80 % interval": float(np.nanmean(hits)),
            "skill against seasonal naive": 1 - mase / naive if naive > 0 else float("nan"),
            "horizon": float(self.frame.horizon),
            "season": float(self.frame.season),
        }

    def _shown(self, sealed: findings.Sealed, errors: np.ndarray) -> list[dict[str, Any]]:
        """The farthest and the nearest windows of the exam."""
        order = np.argsort(-errors)
        some = dict.fromkeys([*order[:4].tolist(), *order[-4:].tolist()])
        numbers = self.examples.test
        return [
            {
                "row": int(numbers[index]),
                "place": str(self.examples.places[int(numbers[index])]),
                "split": "test",
                "group": "wrong" if rank < 4 else "right",
                "target": float(np.nanmean(sealed.own[index])),
                "answer": float(np.nanmean(sealed.answers.middle[index])),
                "probability": None,
                "drawings": self.draw(int(numbers[index])),
            }
            for rank, index in enumerate(some)
        ]


# --- small pieces -----------------------------------------------------------------------------


class _Places(Sequence[str]):
    """Names of windows, made when somebody asks."""

    def __init__(self, panel: Panel, windows: Windows) -> None:
        self.panel, self.windows = panel, windows

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return [self[index] for index in range(len(self))[number]]
        one, origin = int(self.windows.series[number]), int(self.windows.origin[number])
        return f"{self.panel.names[one]} after {self.panel.text(origin)}"


def _table(source: Source, settings: Settings) -> RawTable:
    """The source as a table, or the reason why it is none."""
    if source.table is not None:
        return source.table
    table = read.read(
        source.given,
        test=source.test,
        missing=settings.missing,
        split=settings.split,
        target=settings.target,
    )
    return table


def _dates(table: RawTable, layout: Layout) -> dict[str, str] | None:
    """How the times are written, to read others the same way; None if they are numbers."""
    if layout.time is None or layout.found.spacing.kind in ("number", "rows"):
        return None
    return find_dates(layout.time, present(table.columns[layout.time]))


def _horizon(panel: Panel, settings: Settings, season: int) -> Choice:
    """Times after the last value that the source leaves open count as a wish."""
    ahead = np.arange(panel.times)[None, :] > panel.last[:, None]
    future = int(np.median((ahead & (panel.row >= 0)).sum(1)))
    return choose_horizon(panel, settings.horizon, future, season)


def _begins(panel: Panel, table: RawTable) -> np.ndarray | None:
    """Column of each series from which on rows are for the exam, where the source says so.

    Raises:
        DataError: Rows to learn from come after rows of the exam.
    """
    if table.split is None:
        return None
    test = (panel.row >= 0) & (table.split == "test")[panel.row]
    if not test.any():
        return None
    begins = np.where(test.any(1), test.argmax(1), panel.last + 1)
    later = np.arange(panel.times)[None, :] >= begins[:, None]
    mixed = later & (panel.row >= 0) & ~test
    if mixed.any():
        one, column = np.argwhere(mixed)[0]
        raise DataError(
            "rows to learn from come after rows of the exam: the past would be asked for",
            where=f"{table.places[int(panel.row[one, column])]} ({panel.text(int(column))})",
            fix="give an exam later than everything else, or none: the latest part is taken",
        )
    return begins


def _fates(panel: Panel, cut: Cut, ledger: Ledger) -> None:
    """Every row on the grid belongs to the part that its time lies in."""
    columns = np.arange(panel.times)
    fate = np.full(len(ledger.places), "", dtype=object)
    for one in range(len(panel.names)):
        rows = panel.row[one]
        there = rows >= 0
        part = np.where(
            columns < cut.valid[one], "train", np.where(columns < cut.test[one], "valid", "test")
        )
        part = np.where(columns > panel.last[one], "", part)
        known = there & (part != "")
        fate[rows[known]] = part[known]
    for row in ledger.usable().tolist():
        if not fate[row]:
            ledger.leave_out(row, "its value is still to come: what it says beside it may help")
    rows = ledger.usable()
    ledger.assign(rows, fate[rows])
