"""Forecasting: from series to a model that continues them, told from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.config import Plan, Settings, Size
from pellucid.data.columns import Column, Drawing, Entry, RawTable
from pellucid.data.dataset import Dataset
from pellucid.data.ledger import Ledger
from pellucid.learning.learner import evaluate
from pellucid.learning.recipes import Recipe
from pellucid.network.forecaster import Forecaster
from pellucid.network.lines import Begin, Geometry, beginning, freed
from pellucid.recipe.drawings import as_json
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.forecast import MEDIAN, Forecast
from pellucid.uses.forecast.answerer import ForecastAnswerer, History, Intervals, Roles, joined
from pellucid.uses.forecast.exam import examine
from pellucid.uses.forecast.helpers import encode_helpers, find_helpers, known_channels
from pellucid.uses.forecast.inputs import Frame, Inputs, known_effects, make_inputs, scales_of
from pellucid.uses.forecast.layout import find_layout, judge
from pellucid.uses.forecast.metrics import conformal, window_errors
from pellucid.uses.forecast.panel import Panel, make_panel
from pellucid.uses.forecast.rivals import Rivals
from pellucid.uses.forecast.season import find_season
from pellucid.uses.forecast.source import dates_of, fates_of, given_parts, horizon_of, table_of
from pellucid.uses.forecast.windows import (
    Windows,
    check_windows,
    cut_as_given,
    exam_windows,
    learn_windows,
    make_cut,
    too_short,
    truth_of,
)
from pellucid.uses.forecast.written import read_numbers
from pellucid.uses.use import Course, Exam, Examples, Kept, Reading, Source, use

SHARE = 0.8
"""What the intervals promise to hold."""
SEASONS = 3
"""The past that is read, in seasons or horizons, whichever is longer."""
CONTEXT = (24, 1024)
TABLES = frozenset(
    {".csv", ".tsv", ".txt", ".data", ".dat", ".parquet", ".pq", ".feather", ".arrow", ".json"}
    | {".jsonl", ".ndjson", ".xlsx", ".gz"}
)
"""Endings of tables: nothing else is looked into to recognize a forecast."""
MOST_FOR_LINES = 20_000
"""Windows that the lines are fitted on before learning begins."""
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
        if table is None or len(table) < 24:
            return None
        found = judge(read_numbers(table, source.settings)[0], source.settings)
        return None if found is None else Reading(*found)

    # --- from a source to windows -------------------------------------------------------------

    def __init__(self, source: Source, settings: Settings, watcher: Watcher) -> None:
        self.settings = settings
        table, self.written = read_numbers(table_of(source, settings), settings)
        layout = find_layout(table, settings)
        self.layout = layout
        self.dates = dates_of(table, layout)
        ledger = Ledger(table.places, table.refused)
        notes = list(table.notes)
        self.panel = panel = make_panel(table, layout, settings, ledger, notes)
        given = given_parts(panel, table, layout, notes)
        length = panel.last - panel.first + 1
        early = panel.first + (0.6 * length).astype(np.int64) if given is None else given.test
        self.season = find_season(panel, early)
        self.horizon = horizon_of(panel, settings, int(self.season.value), given)
        season, horizon = int(self.season.value), int(self.horizon.value)
        self.cut = make_cut(panel, horizon)
        if given is not None:
            self.cut = cut_as_given(panel, horizon, given.test, given.valid)
        learned = int(np.median(self.cut.valid - panel.first))
        context = int(np.clip(SEASONS * max(season, horizon), *CONTEXT))
        self.context = min(context, max(season + 1, learned // 2, 3))
        self._windows(notes)
        self._inputs(notes)
        fates_of(panel, self.cut, ledger)
        self.objective = Forecast(horizon)
        self.examples = self._examples(table, ledger, [*self._told(), *notes])

    def _windows(self, notes: list[str]) -> None:
        panel, cut, horizon = self.panel, self.cut, int(self.horizon.value)
        self.fewest = fewest = min(self.context, int(self.season.value) + 1)
        each = 4 * (self.context * (1 + len(panel.others)) + 16 * horizon)
        self.learn = learn_windows(panel, cut, horizon, fewest, each)
        self.check = check_windows(panel, cut, horizon, fewest)
        self.sealed = exam_windows(panel, cut, horizon, fewest)
        if len(self.learn) < 8 or not len(self.check) or not len(self.sealed):
            raise too_short(panel, horizon, 6 * horizon + 2 * int(self.season.value) + 8)
        if not cut.together and (panel.last != panel.last[0]).any():
            notes.append("series end at different times: each is cut at its own end")
        absent = len(set(range(len(panel.names))) - set(self.sealed.series.tolist()))
        if absent:
            notes.append(
                f"{absent:,} series are not in the exam: they begin too late or end too early"
            )

    def _inputs(self, notes: list[str]) -> None:
        panel = self.panel
        self.helpers = find_helpers(panel, self.cut, self.settings.known, notes)
        season = int(self.season.value)
        center, unit = scales_of(panel, self.cut, season, self.fewest)
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
        return self._begun(next(iter(plan.sizes.values())))

    def _begun(self, size: Size) -> Forecaster:
        """A network that has learned nothing beyond where learning begins."""
        own = self.begin.own
        forms = 0 if own is None else len(own.forms)
        model = Forecaster(replace(self.geometry, forms=forms), size)
        model.start(self.begin)
        return model

    def word(self, group: str, number: int) -> str | None:
        known = group == "series" and 0 < number <= len(self.panel.names)
        return self.panel.names[number - 1] if known else None

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
        """Where learning begins: found on windows to learn from, chosen on validation windows."""
        rows = torch.from_numpy(self.examples.train)
        rows = rows[:: max(1, len(rows) // MOST_FOR_LINES)]
        found = known_effects(self.inputs, self.helpers, self.cut, self.frame.season)
        effects, geometry, data = torch.from_numpy(found), self.geometry, self.examples.dataset
        learn, check = (
            freed(
                {name: values[some] for name, values in data.inputs.items()},
                data.target[some],
                effects,
                geometry,
            )
            for some in (rows, torch.from_numpy(self.examples.valid))
        )
        return beginning(learn, check, torch.from_numpy(self.all.origin)[rows], effects, geometry)

    def score(self, output: Tensor) -> float:
        middle = output[..., MEDIAN].double().cpu().numpy()
        return float(window_errors(self.scaled_truth(self.check), middle).mean())

    def finish(self, model: nn.Module, seconds: float, watcher: Watcher) -> ForecastAnswerer:
        assert isinstance(model, Forecaster)
        panel, horizon = self.panel, self.frame.horizon
        model = self._better(model, watcher)
        history = History(
            list(panel.names),
            self._keys(),
            panel.values,
            panel.first,
            panel.last,
            self.beside,
            np.array([bool((row[~np.isnan(row)] >= 0).all()) for row in self._learned()]),
        )
        answerer = ForecastAnswerer(
            model, self._roles(), self.frame, self.helpers, history, Intervals.none(horizon)
        )
        self.check_quantiles = answerer.quantiles(self.inputs, self.check)
        middle = self.check_quantiles[..., MEDIAN]
        self.valid = float(window_errors(self.scaled_truth(self.check), middle).mean())
        answerer.intervals = replace(answerer.intervals, network=self._moved(self.check_quantiles))
        self.made = answerer
        return answerer

    def _better(self, model: Forecaster, watcher: Watcher) -> Forecaster:
        """The network, or what it began with if learning made that no better: where the course of
        things has changed since the part to learn from, it may have made it worse."""
        device = next(model.parameters()).device
        start = self._begun(model.size).to(device).eval()
        data, valid = self.examples.dataset, torch.from_numpy(self.examples.valid)
        learned, begun = (
            float(evaluate(one, data, self.objective, valid.to(data.target.device)).loss)
            for one in (model, start)
        )
        self.bent = learned < begun
        if not self.bent:
            watcher.tell(f"learning did not improve on {self.begin.name}, which it began with")
        return model if self.bent else start

    def _moved(self, quantiles: np.ndarray) -> np.ndarray:
        """float64 `(horizon,)`: how far the lowest and highest of these quantiles of the validation
        windows have to be moved apart."""
        truth = self.scaled_truth(self.check)
        outside = np.maximum(quantiles[..., 0] - truth, truth - quantiles[..., -1])
        apart = (self.check.origin // self.frame.horizon) * len(self.panel.names)
        return conformal(outside, SHARE, len(np.unique(apart + self.check.series)))

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
        return Roles(
            layout.time,
            layout.ids,
            layout.values,
            self.dates,
            self.settings.missing,
            self.written,
        )

    # --- classical methods and the exam -------------------------------------------------------

    def compete(self, seconds: float, watcher: Watcher) -> None:
        """Fit on the part to learn from; the best one on validation windows is taken along."""
        truth = self.scaled_truth(self.check)
        self.rivals = Rivals(self.panel, self.cut, self.frame, seconds)
        self.rivals.rank(self.check, truth)
        answers = self.rivals.answers
        together = joined(self.check_quantiles, answers)
        self.both_valid = float(window_errors(truth, together[..., MEDIAN]).mean())
        self.made.method = self.rivals.best.method
        self.made.intervals = replace(
            self.made.intervals,
            baseline=np.maximum(self._moved(answers[..., None]), 0.0),
            both=self._moved(together),
        )
        if self.settings.keep == "best":
            self.made.kept = self._kept()

    def _kept(self) -> Kept:
        """Who did best on validation windows; of equals the network."""
        best = min(self.rivals.valid.values())
        scores: dict[Kept, float] = {
            "network": self.valid,
            "baseline": best,
            "both": self.both_valid,
        }
        return min(scores, key=lambda who: scores[who])

    def exam(self, answerer: Any, seconds: float, watcher: Watcher) -> Exam:
        assert isinstance(answerer, ForecastAnswerer)
        return examine(self, answerer)


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
