"""A run with its model: what `pellucid.learn` returns."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pellucid.recording.run import Run

if TYPE_CHECKING:
    from torch import nn

    from pellucid.evidence.explain.explain import Explained
    from pellucid.evidence.finding import Finding
    from pellucid.evidence.receipt import Receipt
    from pellucid.export.bundle import Bundle
    from pellucid.uses.use import Answerer


class Trained(Run):
    """Everything that happened in a run, and the model that came out of it.

    Args:
        path: The folder of a run, or the `model` folder alone, which can predict but says nothing
            of how it was learned.
    """

    def __init__(self, path: str | Path) -> None:
        self._alone = (Path(path) / "bundle.json").exists()
        if self._alone:
            self.path = Path(path)
        else:
            super().__init__(path)

    def __repr__(self) -> str:
        return f"Trained({str(self.path)!r}, model only)" if self._alone else super().__repr__()

    @cached_property
    def bundle(self) -> Bundle:
        """The model with all that goes before and after it."""
        from pellucid.export.bundle import Bundle

        return Bundle.load_from(self.path)

    @cached_property
    def answerer(self) -> Answerer:
        """The model of a use (`pellucid/uses/`): forecasts, lists, boxes ...; raises a BundleError
        for a run of the main job."""
        from pellucid.uses.answerers import load_answerer

        return load_answerer(self.path)

    @cached_property
    def use(self) -> str | None:
        """Which use the run is about; None: classes or numbers of rows."""
        from pellucid.uses.answerers import use_of

        return use_of(self.path)

    def model(self) -> nn.Module:
        """The (first) network as a plain `torch.nn.Module`, in eval mode."""
        return self.answerer.network() if self.use else self.bundle.members[0].model()

    def predict(
        self,
        source: Any,
        *,
        model: Literal["network", "baseline"] | None = None,
        sure: float | None = None,
    ) -> list[dict[str, Any]]:
        """Answer new examples: a path, a frame, arrays, or one row as a dict.

        Args:
            sure: Answer only where at least so sure, from 0 to 1; elsewhere `answer` is None and
                `unsure` True.

        Returns:
            One dict a row, in order: `row`, `answer` and what the task has of `probability`,
            `probabilities`, `set`, `low`, `high`, `intervals` of several numbers; `unlike`, the
            share of rows that are as strange; or `row` and `error` where a row can't be read.
        """
        from pellucid.interfaces.predict import predict

        if self.use:
            return self.answerer.predict(source, model)
        return predict(self.bundle, source, model, sure)

    def explain(
        self,
        source: Any,
        row: int | None = None,
        *,
        name: str | None = None,
        model: Literal["network", "baseline"] | None = None,
        seconds: float | None = None,
    ) -> Explained | Finding:
        """Why it answers so for one example: its pieces, alike examples, what would change it.

        Args:
            source: Whatever `predict` takes. row: which of its rows; by default the first.
            name: The class, tag or target that is explained; by default the answer.
            model: Whose answer; by default the one that was kept.
            seconds: About how long it may take; by default 2.
        """
        if self.use:
            return self.answerer.explain(source, row or 0, 2.0 if seconds is None else seconds)
        from pellucid.interfaces.explain import explain_source
        from pellucid.recipe import Watcher

        page = explain_source(
            self.path,
            self.bundle,
            source,
            Watcher(),
            row=row,
            name=name,
            model=model,
            seconds=seconds,
        )
        return page.explained

    def study(
        self,
        *parts: str,
        source: Any = None,
        test: Any = None,
        seconds: float = 30.0,
        again: bool = False,
    ) -> list[Finding]:
        """How far to trust this run: the findings of these parts, by default of all.

        Args:
            source, test: The data again, if it was in memory.
            seconds: About how long one part may take.
            again: Compute anew what is known already.
        """
        from pellucid.uses.study import study

        found = study(self.path, parts, source=source, test=test, seconds=seconds, again=again)
        return list(found)

    def step(
        self,
        at: int | str | None = None,
        *,
        example: int | None = None,
        zoom: str | None = None,
        source: Any = None,
        test: Any = None,
        seconds: float = 20.0,
    ) -> Receipt:
        """The receipt of one training step: every number from the input to the new weights.

        Args:
            at: Updates before the step; by default the last kept weights that a step followed;
                "final" for one more step from the weights that were kept in the end.
            example: Place in the batch of the example to follow; by default the most wrong one.
            zoom: A layer, a unit `LAYER[3]` or a weight `LAYER[3, 5]`.
            source, test: The data again, if it was in memory.
            seconds: How long repeating the run may take, to know what the optimizer remembered.
        """
        from pellucid.uses.next_step import next_step

        return next_step(
            self.path,
            at=at,
            example=example,
            zoom=zoom,
            source=source,
            test=test,
            seconds=seconds,
        )

    def result(self) -> dict[str, Any]:
        """The run in one line, for machines."""
        info, summary, verdict = self.info, self.summary, self.verdict
        kept = info["kept"]
        standing = {item["name"]: item for item in [verdict["network"], *verdict["baselines"]]}
        best = versus(verdict)
        families = list(dict.fromkeys(info["plan"]["network"].values()))
        return {
            "run": str(self.path),
            "status": self.status,
            "task": info["task"]["kind"],
            "target": info["task"]["target"],
            "metric": summary["metric"],
            "score": summary["score"],
            "low": summary["low"],
            "high": summary["high"],
            "network": " + ".join(families),
            "kept": kept,
            "network_score": standing["network"]["score"],
            "baseline": best and {"name": best["name"], "score": best["score"]},
            "verdict": verdict["sentence"],
            "rows": info["rows"],
            "seconds": info["seconds"],
        }


def versus(verdict: dict[str, Any]) -> dict[str, Any] | None:
    """The classical method that the network was compared with."""
    if not verdict["baselines"]:
        return None
    name = verdict["difference"]["versus"] if verdict["difference"] else None
    found = [item for item in verdict["baselines"] if item["name"] == name]
    chosen: dict[str, Any] = (found or verdict["baselines"])[0]
    return chosen
