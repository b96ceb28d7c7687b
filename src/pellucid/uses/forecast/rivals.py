"""The classical methods beside the network: fitted on the part to learn from, asked at origins."""

from __future__ import annotations

import numpy as np

from pellucid.baselines.forecasting import Fitted, fit_all
from pellucid.uses.forecast.inputs import Frame
from pellucid.uses.forecast.metrics import window_errors
from pellucid.uses.forecast.panel import Panel, fill
from pellucid.uses.forecast.windows import Cut, Windows


class Rivals:
    """All methods, fitted within about `seconds`, and who of them is best on validation windows.

    fitted: from simple to complex. valid: name -> MASE there. best: with the least of them.
    answers: what it said of the validation windows, `(windows, horizon)` in usual errors.
    """

    def __init__(self, panel: Panel, cut: Cut, frame: Frame, seconds: float) -> None:
        self.first, self.frame = panel.first, frame
        filled = fill(panel.values, panel.first, frame.season)
        self.series = [
            row[first : int(end) + 1]
            for row, first, end in zip(filled, panel.first, cut.end, strict=True)
        ]
        learned = np.maximum(cut.valid - panel.first, 2)
        parts = [row[:stop] for row, stop in zip(self.series, learned, strict=True)]
        self.fitted = fit_all(parts, frame.season, seconds)
        self.valid: dict[str, float] = {}

    def rank(self, windows: Windows, truth: np.ndarray) -> None:
        """Ask everybody the validation windows; truth: `(windows, horizon)` in usual errors."""
        for one in self.fitted:
            answers = self.ask(one, windows)
            error = float(window_errors(truth, answers).mean())
            if error < min(self.valid.values(), default=np.inf) or not self.valid:
                self.best, self.answers = one, answers
            self.valid[one.method.name] = error

    def ask(self, one: Fitted, windows: Windows) -> np.ndarray:
        """float64 `(windows, horizon)` in usual errors."""
        places = [np.flatnonzero(windows.series == index) for index in range(len(self.series))]
        some = [index for index, where in enumerate(places) if len(where)]
        origins = [windows.origin[places[index]] - self.first[index] for index in some]
        series = [self.series[index] for index in some]
        answers = one.method.pick(some).forecast(series, origins, self.frame.horizon)
        found = np.empty((len(windows), self.frame.horizon))
        for index, answer in zip(some, answers, strict=True):
            scaled = (answer - self.frame.center[index]) / self.frame.unit[index]
            found[places[index]] = scaled
        return found
