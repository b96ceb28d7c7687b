"""The run folder's one writer: every step's figures, looks at the inside, and all other files.

    for step in record(train(...), folder=writer.folder, model=model, ...):
        ...

`record` passes every step through unchanged and changes nothing about learning: a recorded run
ends with the same weights as an unrecorded one, bit for bit.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.config import Plan
from pellucid.data.dataset import Batch
from pellucid.errors import ConfigError
from pellucid.learning.learner import Evaluation
from pellucid.learning.loop import Step
from pellucid.recording.answers import AnswersWriter
from pellucid.recording.control import Control
from pellucid.recording.files import (
    append_line,
    cut_torn_line,
    read_json,
    read_lines,
    replacing,
    write_arrays,
    write_json,
)
from pellucid.recording.layout import JSON_FILES, OWN, SCHEMA, is_run
from pellucid.recording.schedule import Clock, ended_epoch, epoch_counts
from pellucid.recording.steps import (
    BEST,
    EPOCH_END,
    EVALUATED,
    LOOKED,
    STEP,
    append_steps,
    rewind_steps,
)
from pellucid.recording.watching import Loss, Observer

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["STEP", "Answering", "RunWriter", "record"]

FLUSH_SECONDS = 0.15
"""Losses stay on the device; they are fetched together, five times a second."""
FLUSH_ROWS = 1024


@dataclass(frozen=True)
class Answering:
    """What is kept of each evaluation. answer: output on the validation rows -> probabilities or
    numbers of those that are kept, `(rows, outputs)`."""

    writer: AnswersWriter
    answer: Callable[[Tensor], np.ndarray]


def record(
    steps: Iterator[Step],
    *,
    folder: Path,
    model: nn.Module,
    loss: Loss,
    probe: Batch | None,
    plan: Plan,
    fold: int = 0,
    budget: float = 3.0,
    start: int = 0,
    metric: Callable[[Tensor], float] | None = None,
    answers: Answering | None = None,
    control: Control | None = None,
    now: Callable[[], float] = perf_counter,
) -> Generator[Step, None, None]:
    """Write down every step, and pass it on.

    Stop with `break` or `close()`: the last look is made then, so do it before the model changes
    (as `Learner.choose` does). Keep no second name for the iterator, or use `contextlib.closing`.

    Args:
        steps: What `train` yields.
        folder: The run's folder.
        model: The plain model whose weights are learned.
        loss: Output and target -> loss per row `(batch,)` or its mean.
        probe: The fixed examples to look at; None: write figures only (other folds of a bag).
        plan: Its `steps` say when the last step is; what `Learner.plan` says later counts more.
        fold: Which network of a bag this is.
        budget: Seconds recording may cost; in long runs 1 % of the training time if that is more.
        start: Updates that were made before; what was written of later ones is forgotten.
        metric: Output on the validation rows -> the task's main metric.
        answers: What is kept of the output on the validation rows.
        control: Hears who wants to pause or stop; everything is on the disk in a pause, and pauses
            count as no time.
        now: Seconds by which costs are measured, where there is no control to say them.
    """
    now = now if control is None else control.clock
    began = now()
    rows = _Rows(folder, metric, answers, fold=fold, start=start)
    clock = Clock(trained=rows.seconds_before)
    observer = None
    if probe is not None:
        observer = Observer(
            folder, model, probe, loss, fold=fold, steps=plan.steps, clock=clock, floor=budget,
            start=start, now=now,
        )  # fmt: skip

    def flush() -> None:
        rows.flush()
        if observer:
            observer.flush()

    step = None
    if control is not None:
        steps = control.over(steps, flush)
    clock.spent += now() - began
    try:
        asked = now()
        for step in steps:
            received = now()
            clock.trained += received - asked
            rows.add(step, clock.trained, observer)
            clock.spent += now() - received
            yield step
            asked = now()
        _finish(step, observer, clock, now)
    except GeneratorExit:
        _finish(step, observer, clock, now)
        raise
    finally:
        # After any other error the weights may be half updated: nothing is looked at then.
        flush()
        if observer or fold == 0:
            looks = len(observer.looks.recorded) if observer else 0
            _report_cost(folder, budget, clock, looks)


def _finish(
    step: Step | None, observer: Observer | None, clock: Clock, now: Callable[[], float]
) -> None:
    if step is None or observer is None:
        return
    began = now()
    observer.finish(step.number, step.learner.best_number, step.learner.best)
    clock.spent += now() - began


def _report_cost(folder: Path, budget: float, clock: Clock, looks: int) -> None:
    cost = {
        "budget_seconds": round(max(budget, 0.01 * clock.trained), 3),
        "cost_seconds": round(clock.spent, 3),
        "training_seconds": round(clock.trained, 3),
        "looks": looks,
    }
    update_run(folder, {"recording": cost})


class _Rows:
    """Turns steps into rows of `steps.bin` and lines of `events.jsonl`, a few times a second."""

    def __init__(
        self,
        folder: Path,
        metric: Callable[[Tensor], float] | None,
        answers: Answering | None,
        *,
        fold: int,
        start: int,
    ) -> None:
        self.folder, self.metric, self.answers, self.fold = folder, metric, answers, fold
        if answers is not None:
            answers.writer.begin(start)
        self.seconds_before = rewind_steps(folder / "steps.bin", fold, start)
        _rewind_events(folder / "events.jsonl", fold, start)
        self._rows: list[tuple[float, ...]] = []
        self._losses: list[Tensor] = []
        self._norms: list[Tensor] = []
        self._flushed = perf_counter()

    def add(self, step: Step, trained: float, observer: Observer | None) -> None:
        """Note one step, made after `trained` seconds, and let the observer look."""
        number, last = step.number, step.learner.plan.steps
        epoch = ended_epoch(number, step.epoch)
        next_epoch = ended_epoch(number + 1, step.epoch * (number + 1) / number)
        looked = observer is not None and observer.after(
            number, last=last, epoch=epoch, next_epoch=next_epoch
        )
        flags = (EPOCH_END if epoch else 0) | (LOOKED if looked else 0)
        valid = score = math.nan
        if step.evaluation is not None:
            valid, score = self._evaluated(number, step.evaluation)
            flags |= EVALUATED | (BEST if step.evaluation.best else 0)
        if epoch_counts(number, epoch, last):
            self._event(number, "epoch", f"epoch {epoch} ended", {"epoch": epoch})
        row = (number, step.epoch, trained, self.fold, flags, 0, step.rate, 0, valid, score)
        self._rows.append(row)
        self._losses.append(step.loss)
        self._norms.append(step.gradient_norm)
        if perf_counter() - self._flushed > FLUSH_SECONDS or len(self._rows) >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Fetch the losses from the device, all at once, and append the rows."""
        if self._rows:
            rows = np.array(self._rows, STEP)
            figures = torch.stack([torch.stack(self._losses), torch.stack(self._norms)])
            rows["loss"], rows["gradient_norm"] = figures.float().cpu().numpy()
            append_steps(self.folder / "steps.bin", rows)
        self._rows, self._losses, self._norms = [], [], []
        self._flushed = perf_counter()

    def _evaluated(self, step: int, evaluation: Evaluation) -> tuple[float, float]:
        score = self.metric(evaluation.output) if self.metric else math.nan
        if self.answers is not None:
            self.answers.writer.add(step, self.answers.answer(evaluation.output))
        found = {"loss": evaluation.loss, "metric": score, "best": evaluation.best}
        self._event(step, "evaluation", f"validation loss {evaluation.loss:.4g}", found)
        return evaluation.loss, score

    def _event(self, step: int, kind: str, message: str, details: dict[str, Any]) -> None:
        event = {"step": step, "kind": kind, "message": message, "fold": self.fold, **details}
        append_line(self.folder / "events.jsonl", event)


def _rewind_events(path: Path, fold: int, step: int) -> None:
    """Forget what the recorder noted of this fold after `step`; other events stay."""
    cut_torn_line(path)
    events = read_lines(path)
    kept = [
        event
        for event in events
        if event["kind"] not in ("epoch", "evaluation")
        or event.get("fold") != fold
        or event["step"] <= step
    ]
    if len(kept) < len(events):
        lines = "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in kept)
        with replacing(path) as beside:
            beside.write_text(lines, encoding="utf-8")


# --- everything else in the folder ------------------------------------------------------------


def update_run(folder: Path, fields: Mapping[str, Any]) -> None:
    """Set fields of `run.json`, keeping the others."""
    path = folder / "run.json"
    known = read_json(path) if path.exists() else {"schema": SCHEMA, "name": folder.name}
    write_json(path, {**known, **fields})


def count_look(folder: Path) -> None:
    """The sealed test rows of a run that is done were looked at once more."""
    before = int(read_json(folder / "run.json").get("looks_at_test", 0))
    update_run(folder, {"looks_at_test": before + 1})


class RunWriter:
    """Makes a run's folder and writes every file that is not written step by step.

    Args:
        folder: Where the run goes. Nothing there, or an empty folder: it is used. A run: the next
            free name with a number is used, "flowers-2" (see `folder` for the one chosen).
        overwrite: Replace the files of a run that is already there; files that are not Pellucid's
            stay.
        resume: Go on writing a run that is already there.

    Raises:
        ConfigError: Something else is there, which is never touched; or no run to resume.
    """

    def __init__(self, folder: Path, *, overwrite: bool = False, resume: bool = False) -> None:
        self.folder = Path(folder)
        if resume:
            self._reopen()
            return
        if is_run(self.folder):
            if overwrite:
                _remove_own_files(self.folder)
            else:
                self.folder = _next_free(self.folder)
        elif self.folder.exists():
            _check_empty(self.folder)
        _make(self.folder)
        self.update(status="learning", started=_now(), begun=_now("microseconds"))

    def _reopen(self) -> None:
        if not is_run(self.folder):
            raise ConfigError(
                "there is no run to resume",
                where=str(self.folder),
                fix="give the folder of a run, or start one with 'pellucid learn'",
            )
        cut_torn_line(self.folder / "events.jsonl")
        self.update(status="learning", begun=_now("microseconds"), stage=None, problem=None)

    def update(self, **fields: Any) -> None:
        """Set fields of `run.json` (docs/architecture.md lists them), keeping the others."""
        update_run(self.folder, fields)

    def event(self, kind: str, message: str, *, step: int = 0, **details: Any) -> None:
        """Add a line to `events.jsonl`: something a reader of the run should know."""
        event = {"step": step, "kind": kind, "message": message, **details}
        append_line(self.folder / "events.jsonl", event)

    def ledger(self, table: pa.Table) -> None:
        """Write `ledger.parquet`: one row for every row of the source."""
        import pyarrow.parquet as pq

        with replacing(self.folder / "ledger.parquet") as beside:
            pq.write_table(table, beside)

    def probe(
        self,
        *,
        rows: Sequence[int],
        places: Sequence[str],
        drawings: Sequence[Mapping[str, Any]],
        inputs: Mapping[str, Tensor],
        target: Tensor,
        tokens: Mapping[str, Sequence[Sequence[str]]] | None = None,
        numbers: Mapping[str, Sequence[tuple[str, str]]] | None = None,
    ) -> None:
        """Write the fixed examples that are watched.

        Args:
            rows: Row numbers in the source. places: how a person finds each of them.
            drawings: For each, column -> Drawing as JSON.
            tokens: Column of text -> the pieces of each of them, as they are read.
            numbers: Group -> the column of each of its numbers, and what it says of the column.
            inputs: Encoded inputs by group `(examples, ...)`. target: encoded `(examples, ...)`.
        """
        info = {"rows": list(rows), "places": list(places), "drawings": list(drawings)}
        info |= {"tokens": dict(tokens)} if tokens else {}
        info |= {"numbers": dict(numbers)} if numbers else {}
        write_json(self.folder / "probe" / "probe.json", info)
        arrays = {f"inputs/{group}": to_numpy(values) for group, values in inputs.items()}
        arrays["target"] = to_numpy(target)
        write_arrays(self.folder / "probe" / "inputs.safetensors", arrays)

    def save_result(self, name: str, tensors: Mapping[str, Tensor | np.ndarray]) -> None:
        """Write `results/NAME.safetensors`; names of tensors are in docs/architecture.md."""
        arrays = {key: to_numpy(value) for key, value in tensors.items()}
        write_arrays(self.folder / "results" / f"{name}.safetensors", arrays)

    def save_json(self, name: str, data: Any) -> None:
        """Write "verdict", "summary" or "examples"."""
        write_json(self.folder / JSON_FILES[name], data)


def to_numpy(values: Tensor | np.ndarray) -> np.ndarray:
    """The same values as an array; bfloat16, which NumPy does not have, becomes float32."""
    if isinstance(values, np.ndarray):
        return values
    values = values.detach().cpu()
    array: np.ndarray = (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    return array


def _check_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    what = "folder holds other files" if folder.is_dir() else "name belongs to a file"
    raise ConfigError(
        f"the {what}, so the run can't go there",
        where=str(folder),
        fix=f"choose another place, such as --out {_next_free(folder)}",
    )


def _next_free(folder: Path) -> Path:
    """ "flowers" -> "flowers-2", "flowers-3", ..."""
    return next(
        path
        for number in itertools.count(2)
        if not (path := folder.with_name(f"{folder.name}-{number}")).exists()
    )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            "the folder of the run can't be made",
            where=f"{folder}: {error.strerror}",
            fix="choose a place that you may write to with --out",
        ) from error


def _remove_own_files(folder: Path) -> None:
    """Remove what a run writes, by exact names; `run.json` last, so that it stays a run."""
    for pattern in OWN:
        for path in folder.glob(pattern):
            if path.is_file() or path.is_symlink():
                path.unlink()
    (folder / "run.json").unlink(missing_ok=True)


def _now(unit: str = "seconds") -> str:
    return datetime.now().astimezone().isoformat(timespec=unit)
