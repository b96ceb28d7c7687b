"""A model that continues series: what it was taught, and the series up to their last values.

A forecast starts from the latest values, so the model carries the series it learned from. A table
to be filled in may bring newer ones: rows that have a value after the last known time continue
the history, rows without one are asked.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors
from torch import nn

from pellucid.baselines.forecasting import METHODS, Method
from pellucid.config import Size
from pellucid.data.columns import RawTable
from pellucid.data.read import read_for_prediction
from pellucid.errors import BundleError, ConfigError, did_you_mean
from pellucid.evidence.finding import Finding
from pellucid.network.forecaster import Forecaster
from pellucid.network.lines import Geometry
from pellucid.tasks.forecast import MEDIAN, together
from pellucid.tasks.regress import as_numbers
from pellucid.uses.forecast.helpers import Helper
from pellucid.uses.forecast.inputs import Frame, Inputs, make_inputs, naive_error
from pellucid.uses.forecast.layout import keys_of, read_moments
from pellucid.uses.forecast.panel import fill
from pellucid.uses.forecast.spacing import OFF_GRID, Spacing
from pellucid.uses.forecast.windows import Windows
from pellucid.uses.forecast.written import read_as
from pellucid.uses.use import Answerer

AT_ONCE = 1024


@dataclass
class History:
    """Series up to their last values.

    names: of series; keys: what the name columns say of each, and its column of values: `(key,
    column)`. values: float64 `(series, times)`. first, last: int64 `(series,)`. beside: float32
    `(series, times, channels)`. nonnegative: bool `(series,)`, whether no value was below zero.
    """

    names: list[str]
    keys: list[tuple[str, str]]
    values: np.ndarray
    first: np.ndarray
    last: np.ndarray
    beside: np.ndarray
    nonnegative: np.ndarray

    def longer(self, times: int) -> History:
        """A copy with room for so many times."""
        more = max(0, times - self.values.shape[1])
        values = np.pad(self.values, ((0, 0), (0, more)), constant_values=np.nan)
        beside = np.pad(self.beside, ((0, 0), (0, more), (0, 0)))
        return History(
            list(self.names),
            list(self.keys),
            values,
            self.first.copy(),
            self.last.copy(),
            beside,
            self.nonnegative.copy(),
        )


@dataclass(frozen=True)
class Roles:
    """The columns of the source, as `layout.Layout`, and how its times and numbers are written."""

    time: str | None
    ids: tuple[str, ...]
    values: tuple[str, ...]
    dates: dict[str, str] | None
    missing: tuple[str, ...] = ()
    written: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass
class Intervals:
    """What validation windows added, in units of each series' usual error, float64 `(horizon,)`.

    network, both: move the 10 % and 90 % quantiles apart (or together). baseline: half of the
    width.
    """

    network: np.ndarray
    baseline: np.ndarray
    both: np.ndarray

    @classmethod
    def none(cls, horizon: int) -> Intervals:
        return cls(*(np.zeros(horizon) for _ in range(3)))


@dataclass
class Answers:
    """float64 `(windows, horizon)` each, in the series' own unit."""

    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray


class ForecastAnswerer(Answerer):
    """See the module."""

    kind: ClassVar[str] = "forecast"

    def __init__(
        self,
        model: Forecaster,
        roles: Roles,
        frame: Frame,
        helpers: list[Helper],
        history: History,
        intervals: Intervals,
        method: Method | None = None,
    ) -> None:
        self.model = model.eval()
        self.roles, self.frame, self.helpers = roles, frame, helpers
        self.history, self.intervals, self.method = history, intervals, method

    def network(self) -> nn.Module:
        return self.model

    # --- answers ------------------------------------------------------------------------------

    def predict(self, source: Any, model: str | None = None) -> list[dict[str, Any]]:
        """A line a row: `answer` (the median), `low` and `high` (80 % interval), `time`, and
        `series` if there are several; for a wide table a dict of each by column."""
        from pellucid.uses.forecast.filling import fill_in

        return fill_in(self, self.read(source), self.who(model))

    def who(self, model: str | None) -> str:
        """Who answers: "network", "baseline" or "both"."""
        chosen = model or self.kept
        if chosen != "network" and self.method is None:
            raise ConfigError(
                "this model has no classical method in it",
                where=f"--model {chosen}",
                fix="use --model network",
            )
        return chosen

    def read(self, source: Any) -> RawTable:
        """A table to be filled in; it must have the columns of times and names."""
        needed = [*([self.roles.time] if self.roles.time else []), *self.roles.ids]
        return read_as(read_for_prediction(source, needed, self.roles.missing), self.roles.written)

    def answers(self, history: History, windows: Windows, model: str) -> Answers:
        """What follows each window's origin; later values are not looked at."""
        frame = self.frame_of(history)
        if model == "baseline":
            middle = self.classical(history, frame, windows)
            width = self.intervals.baseline
            return _own_units(history, frame, windows, middle, middle - width, middle + width)
        inputs = make_inputs(history.values, history.first, history.beside, self.helpers, frame)
        quantiles, moved = self.quantiles(inputs, windows), self.intervals.network
        if model == "both":
            quantiles = joined(quantiles, self.classical(history, frame, windows))
            moved = self.intervals.both
        return self.unscaled(history, frame, windows, quantiles, moved)

    def quantiles(self, inputs: Inputs, windows: Windows) -> np.ndarray:
        """float64 `(windows, horizon, quantiles)` as the network says them, in usual errors."""
        parts = [
            self.forward(inputs.arrays(windows.take(np.arange(start, stop))))
            for start, stop in _chunks(len(windows))
        ]
        return np.concatenate(parts)

    def forward(self, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """Inputs by group -> quantiles `(windows, horizon, quantiles)`."""
        device = next(self.model.parameters()).device
        tensors = {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
        with torch.inference_mode():
            return together(self.model(tensors).double()).cpu().numpy()

    def unscaled(
        self,
        history: History,
        frame: Frame,
        windows: Windows,
        quantiles: np.ndarray,
        moved: np.ndarray,
    ) -> Answers:
        """Quantiles in usual errors -> the middle and the 80 % interval, its ends `moved` apart."""
        middle = quantiles[..., MEDIAN]
        low = np.minimum(quantiles[..., 0] - moved, middle)
        high = np.maximum(quantiles[..., -1] + moved, middle)
        return _own_units(history, frame, windows, middle, low, high)

    def classical(self, history: History, frame: Frame, windows: Windows) -> np.ndarray:
        """float64 `(windows, horizon)`: the classical method's forecasts in usual errors; of a
        series that it was not fitted on, fitted now."""
        assert self.method is not None
        middle = np.empty((len(windows), frame.horizon))
        filled = fill(history.values, history.first, frame.season)
        for one in np.unique(windows.series).tolist():
            places = np.flatnonzero(windows.series == one)
            first, origins = int(history.first[one]), windows.origin[places]
            series = [filled[one, first : int(origins.max()) + 1]]
            if frame.number[one] > 0:
                method = self.method.pick([int(frame.number[one]) - 1])
            else:
                method = METHODS[self.method.name]()
                method.fit(series, frame.season)
            middle[places] = method.forecast(series, [origins - first], frame.horizon)[0]
        unit, center = frame.unit[windows.series], frame.center[windows.series]
        return np.asarray((middle - center[:, None]) / unit[:, None])

    def frame_of(self, history: History) -> Frame:
        """The frame for a history that may have more series than were learned: those get center
        and unit from what is given of them."""
        known = len(self.frame.center)
        more = range(known, len(history.names))
        if not more:
            return self.frame
        parts = [history.values[one, history.first[one] : history.last[one] + 1] for one in more]
        center = [float(np.nanmean(part)) for part in parts]
        unit = [naive_error(part, self.frame.season) for part in parts]
        return replace(
            self.frame,
            center=np.append(self.frame.center, center),
            unit=np.append(self.frame.unit, unit),
            number=np.append(self.frame.number, np.zeros(len(parts), dtype=np.int64)),
        )

    def future(self, model: str | None = None) -> Answers:
        """What comes after the last value of every series, `(series, horizon)`."""
        count = len(self.history.names)
        windows = Windows(np.arange(count), self.history.last.copy())
        return self.answers(self.history, windows, self.who(model))

    def explain(self, source: Any, row: int = 0, seconds: float = 2.0) -> Finding:
        from pellucid.uses.forecast.explain import explain_row

        return explain_row(self, self.read(source), row, seconds)

    def readable(self, line: dict[str, Any]) -> str:
        if "error" in line:
            return super().readable(line)
        where = " ".join(str(line[key]) for key in ("series", "time") if key in line)
        if isinstance(line["answer"], dict):
            said = "  ".join(
                f"{name} {value:.6g} [{line['low'][name]:.6g}, {line['high'][name]:.6g}]"
                for name, value in line["answer"].items()
            )
            return f"{line['row']:>6}  {where}  {said}"
        said = f"{line['answer']:.6g} [{line['low']:.6g}, {line['high']:.6g}]"
        return f"{line['row']:>6}  {where}  {said}" + ("  (given)" if line.get("given") else "")

    # --- on disk ------------------------------------------------------------------------------

    def save(self, folder: Path) -> dict[str, Any]:
        state = {name: value.contiguous().cpu() for name, value in self.model.state_dict().items()}
        save_tensors(state, folder / "network.safetensors")
        history, frame = self.history, self.frame
        arrays = {
            "values": history.values,
            "first": history.first,
            "last": history.last,
            "beside": history.beside,
            "nonnegative": history.nonnegative,
            "center": frame.center,
            "unit": frame.unit,
            "number": frame.number,
            "network": self.intervals.network,
            "baseline": self.intervals.baseline,
            "both": self.intervals.both,
        }
        contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        save_file(contiguous, folder / "series.safetensors")
        return {
            "geometry": vars(self.model.geometry),
            "size": vars(self.model.size),
            "members": self.model.members,
            "roles": vars(self.roles),
            "spacing": frame.spacing.as_json(),
            "start": frame.start,
            "helpers": [helper.as_json() for helper in self.helpers],
            "names": history.names,
            "keys": history.keys,
            "method": None
            if self.method is None
            else {"name": self.method.name, **self.method.as_json()},
        }

    @classmethod
    def load(cls, folder: Path, head: dict[str, Any]) -> ForecastAnswerer:
        geometry = Geometry(**{**head["geometry"], "known": tuple(head["geometry"]["known"])})
        model = Forecaster(geometry, Size(**head["size"]), head["members"])
        model.load_state_dict(load_tensors(folder / "network.safetensors"))
        arrays = load_file(folder / "series.safetensors")
        if len(arrays["first"]) != len(head["names"]):
            raise BundleError(
                "the model names other series than it holds",
                where=str(folder),
                fix="copy the whole 'model' folder again, or learn once more",
            )
        roles = {**head["roles"]}
        for name in ("ids", "values", "missing"):
            roles[name] = tuple(roles[name])
        frame = Frame(
            Spacing(**head["spacing"]),
            head["start"],
            arrays["center"],
            arrays["unit"],
            arrays["number"],
            geometry.context,
            geometry.horizon,
            geometry.season,
        )
        history = History(
            head["names"],
            [(key, column) for key, column in head["keys"]],
            *(arrays[name] for name in ("values", "first", "last", "beside", "nonnegative")),
        )
        method = None
        if head["method"] is not None:
            method = METHODS[head["method"]["name"]]()
            method.load(head["method"])
        # Models of before 2026-11-22 know nothing of both together, and never keep that.
        both = arrays.get("both", arrays["network"])
        intervals = Intervals(arrays["network"], arrays["baseline"], both)
        helpers = [Helper.from_json(one) for one in head["helpers"]]
        return cls(model, Roles(**roles), frame, helpers, history, intervals, method)

    # --- a table as times and series ----------------------------------------------------------

    def ticks(self, table: RawTable) -> np.ndarray:
        """float64 `(rows,)`: ticks, NaN where there is no time or one beside the grid. Rows
        without a column of times follow each other after the last value."""
        if self.roles.time is None:
            return self.frame.start + float(self.history.last.max()) + 1 + np.arange(len(table))
        moments = read_moments(table.column(self.roles.time), self.roles.dates)
        exact = self.frame.spacing.ticks(moments)
        whole = np.rint(exact)
        return np.where(np.abs(exact - whole) <= OFF_GRID, whole, np.nan)

    def given(self, table: RawTable) -> np.ndarray:
        """float64 `(rows, value columns)`: values that the table brings, NaN for none."""
        found = np.full((len(table), len(self.roles.values)), np.nan)
        for number, name in enumerate(self.roles.values):
            if name in table.columns and table.columns[name].values.ndim == 1:
                found[:, number] = as_numbers(table.columns[name])
        return np.where(np.isfinite(found), found, np.nan)

    def keys(self, table: RawTable) -> np.ndarray:
        """object `(rows,)`: what the name columns say; None where one is missing."""
        return keys_of(table, self.roles.ids)

    def nearest(self, key: str) -> str:
        """A hint for a name that is not known."""
        return did_you_mean(key, dict.fromkeys(one for one, _ in self.history.keys))


def joined(quantiles: np.ndarray, classical: np.ndarray) -> np.ndarray:
    """The network's quantiles `(..., quantiles)` around the mean of its middle and the classical
    forecast `(...)`: two that err differently err less together."""
    return np.asarray(quantiles + (classical - quantiles[..., MEDIAN])[..., None] / 2)


def _own_units(
    history: History,
    frame: Frame,
    windows: Windows,
    middle: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
) -> Answers:
    """From usual errors to the series' own unit; never below zero where nothing ever was."""
    unit, center = frame.unit[windows.series, None], frame.center[windows.series, None]
    floor = np.where(history.nonnegative[windows.series], 0.0, -np.inf)[:, None]
    return Answers(*(np.maximum(part * unit + center, floor) for part in (middle, low, high)))


def _chunks(count: int) -> list[tuple[int, int]]:
    return [(start, min(start + AT_ONCE, count)) for start in range(0, count, AT_ONCE)]
