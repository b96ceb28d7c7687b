"""What a job writes into its run folder while it learns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pellucid.config import Plan
from pellucid.data.columns import Column
from pellucid.data.dataset import Batch, entry_of, numbers_of
from pellucid.data.modalities.text import tokens_of
from pellucid.learning.evaluate import score
from pellucid.learning.learner import Learner
from pellucid.learning.loop import Step
from pellucid.learning.planner import RowIngredients
from pellucid.recipe.drawings import draw_row
from pellucid.recipe.prepare import Prepared
from pellucid.recipe.watcher import Watcher
from pellucid.recording.answers import AnswersWriter, Number, rows_kept
from pellucid.recording.checkpoint import load_checkpoint, save_checkpoint
from pellucid.recording.control import Control, Paused
from pellucid.recording.recorder import Answering, RunWriter, record
from pellucid.recording.watching import Loss

PROBE = 8
"""Examples that are watched through the whole run."""


class Recording:
    """The run folder as the job sees it.

    Args:
        writer: Writes the folder.
        prepared: The rows, to choose and draw the watched examples from; None: `record` is not
            used, but `record_with`.
        watcher: Is told of pauses, and knows when Ctrl-C was pressed.
        looks: Whether the inside is looked at, or only figures are written.
        seconds: Time for learning; recording may cost a tenth of it, or 3 s if that is less.
        paused: Wait before the first step, until a person says go on.
    """

    def __init__(
        self,
        writer: RunWriter,
        prepared: Prepared | None,
        watcher: Watcher,
        *,
        looks: bool,
        seconds: float,
        paused: bool = False,
    ) -> None:
        self.writer, self.prepared, self.looks, self.watcher = writer, prepared, looks, watcher
        self.budget = min(3.0, 0.1 * seconds)
        self.control = Control(writer.folder, self._heard, watcher.stop_asked, paused=paused)

    def _heard(self, status: Paused) -> None:
        self.writer.update(status=status)
        self.watcher.paused(status == "paused")

    def stage(self, name: str) -> None:
        """A new part of the job begins."""
        self.writer.update(stage=name)

    def planned(self, plan: Plan) -> None:
        self.writer.update(plan=plan.as_json(), seed=plan.seed, threads=plan.threads)

    def described(self, network: dict[str, Any]) -> None:
        """What the network that is shown looks like."""
        self.writer.update(network=network)

    def shortened(self, plan: Plan) -> None:
        """The machine was slower than planned; from this step on there are fewer steps."""
        self.writer.update(plan=plan.as_json())
        last = "" if plan.folds == 1 else "the last "
        cut = f", {last}ending at step {plan.shortened['steps']:,}" if plan.shortened else ""
        networks = "1 network" if plan.folds == 1 else f"{plan.folds} networks"
        what = f"the machine is slower than planned: now {networks}{cut}"
        self.writer.event("shortened", what, **plan.shortened)

    def record(
        self,
        steps: Iterator[Step],
        learner: Learner,
        data: RowIngredients,
        columns: list[Column],
        plan: Plan,
    ) -> Iterator[Step]:
        """Write down every step of the network that is shown, and pass it on.

        columns: the input columns as this network fitted them.
        """
        assert self.prepared is not None
        task, learn = data.task, self.prepared.folds()[0][0]
        truth = task.truth(data.dataset.target[data.valid])

        def metric(output: Tensor) -> float:
            return score(task.kind, task.metric, truth, task.prediction(output))

        chosen = spread(task.labels(data.dataset.target[data.rows]), PROBE)
        probe = data.dataset.take(data.rows[torch.tensor(chosen)]) if self.looks else None
        if probe is not None:
            rows = [int(learn[index]) for index in chosen]
            self.writer.probe(
                rows=rows,
                places=[str(self.prepared.table.places[row]) for row in rows],
                drawings=[draw_row(self.prepared, row) for row in rows],
                inputs=probe.inputs,
                target=probe.target,
                tokens=_tokens(columns, probe, plan),
                numbers=numbers_of(columns),
            )
        answers = self._answers(data, plan) if self.looks else None
        return self.record_with(steps, learner, task.loss, probe, metric, answers)

    def record_with(
        self,
        steps: Iterator[Step],
        learner: Learner,
        loss: Loss,
        probe: Batch | None,
        metric: Callable[[Tensor], float],
        answers: Answering | None = None,
    ) -> Iterator[Step]:
        """Write down every step, looking at `probe`; see `recording/recorder.py`."""
        return record(
            steps,
            folder=self.writer.folder,
            model=learner.model,
            loss=loss,
            probe=probe,
            plan=learner.plan,
            budget=self.budget,
            start=learner.number,
            metric=metric,
            answers=answers,
            control=self.control,
        )

    def _answers(self, data: RowIngredients, plan: Plan) -> Answering | None:
        """What is kept of the answers on validation rows; None without such rows."""
        assert self.prepared is not None
        task, check = data.task, self.prepared.folds()[0][1]
        if not len(data.valid):
            return None
        outputs = len(getattr(task, "classes", [])) or task.outputs
        kept = rows_kept(len(check), outputs, -(-plan.steps // plan.evaluate_every))
        places = torch.from_numpy(kept)
        truth = task.truth(data.dataset.target[data.valid[places]])
        number: Number = "<f4" if task.kind == "regress" else "<f2"
        writer = AnswersWriter(
            self.writer.folder, check[kept], truth, outputs=outputs, number=number
        )
        return Answering(writer, lambda output: task.prediction(output[places]))

    def chosen(self, step: int, why: str) -> None:
        self.writer.event("chosen", f"kept {why}", step=step)

    def checkpoint(self, fold: int, state: dict[str, Any]) -> None:
        """Make sure that a kill loses nothing that was learned up to here."""
        save_checkpoint(self._place(fold), state, {"fold": fold, "step": state["number"]})

    def unfinished(self, fold: int) -> dict[str, Any] | None:
        """Where an earlier process had come with this fold, if it had begun it."""
        if not (self._place(fold) / "state.safetensors").exists():
            return None
        return load_checkpoint(self._place(fold))[0]

    def forget_checkpoints(self) -> None:
        """The run is done: nothing will be resumed."""
        for file in sorted((self.writer.folder / "checkpoint").glob("fold-*/state.*")):
            file.unlink()
        for folder in sorted((self.writer.folder / "checkpoint").glob("fold-*")):
            folder.rmdir()

    def _place(self, fold: int) -> Path:
        return self.writer.folder / "checkpoint" / f"fold-{fold}"


def _tokens(columns: list[Column], probe: Batch, plan: Plan) -> dict[str, list[list[str]]]:
    """Column of text -> the pieces of each example; none where a pretrained network reads it."""
    return {
        column.name: [
            tokens_of(row, column.fitted)
            for row in probe.inputs[entry_of(column).group].cpu().numpy()
        ]
        for column in columns
        if column.modality == "text" and column.name not in plan.pretrained
    }


def spread(labels: Any, count: int) -> list[int]:
    """Places of `count` rows, one of each label in turn, the first ones of each.

    >>> spread([0, 0, 1, 0, 2], 4)
    [0, 2, 4, 1]
    """
    queues: dict[int, list[int]] = {}
    for place, label in enumerate(labels):
        queues.setdefault(int(label), []).append(place)
    chosen: list[int] = []
    while len(chosen) < min(count, len(labels)):
        for label in sorted(queues):
            if queues[label] and len(chosen) < count:
                chosen.append(queues[label].pop(0))
    return chosen
