"""Is the loop as fast as one written by hand?

    python -m benchmarks loop

Each network learns in several ways in turn, a block of steps each, in one process, so that
whatever else happens on the machine hits all of them alike:

    ours       learning.loop.train
    recorded   the same, with the recorder looking on
    bare       the loop below, with the same optimizer: what the loop itself costs
    torch      the loop below with torch.optim.AdamW: what loop and optimizer cost

Same network, batches, arithmetic and precision everywhere; validation rows are looked at nowhere.
"""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.measured import Load, circumstances, percent, quiet, save, saved
from pellucid.config import ACROSS, Plan, Size
from pellucid.data.columns import Entry
from pellucid.data.dataset import Dataset
from pellucid.learning.learner import Learner
from pellucid.learning.loop import epoch_generator, train
from pellucid.learning.optimizer import BETAS, EPS, Optimizer
from pellucid.learning.planner import RowIngredients, build
from pellucid.recording.recorder import record
from pellucid.tasks.classify import Classify

GOAL = 0.97
WAYS = ("ours", "recorded", "bare", "torch")
ROUNDS, BLOCK_SECONDS = 60, 0.2
WARM_UP = 3


@dataclass(frozen=True)
class Case:
    """One network on made-up data of a usual shape; speed does not depend on the values.

    entry: how the data enters. rows: how many there are. family, size: the network.
    """

    name: str
    entry: Entry
    rows: int
    family: str
    size: Size
    batch: int
    threads: int
    optimizer: str = "adamw"
    rate: float = 1e-3
    precision: str = "fp32"
    classes: int = 10


def cases() -> list[Case]:
    """The four networks at the sizes, batches and precisions that the planner gives them."""
    picture = Case(
        "CNN",
        Entry("project", (28, 28), 1, "picture"),
        *(20_000, "cnn", Size(192, 1), 256, 2),
        precision="bf16",
    )
    return [
        Case("MLP", Entry("project", (), 30, "scalars"), 500_000, "mlp", Size(256, 3), 256, 1),
        picture,
        replace(picture, name="CNN with Muon", optimizer="muon", rate=0.1),
        Case("GRU", Entry("project", (64,), 3, "series"), 5_000, "rnn", Size(64, 2), 32, 2),
        Case("Transformer", Entry("lookup", (128,), 8_000, "text"), 5_000, "transformer",
             Size(128, 2), 32, 2),
    ]  # fmt: skip


def one_layer() -> Case:
    """So small a network that a step costs little but what surrounds it."""
    return Case("1 layer", Entry("project", (), 30, "scalars"), 10_000, "linear", Size(1, 1), 64, 1)


class OneLayer(nn.Module):
    """Numbers `(batch, 30)` -> logits `(batch, classes)`."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(30, classes)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        logits: Tensor = self.head(inputs["scalars"])
        return logits


# --- the loop written by hand -----------------------------------------------------------------


def bare(
    model: nn.Module, x: Tensor, y: Tensor, group: str, plan: Plan, optimizer: Optimizer
) -> Iterator[None]:
    """What an engineer would write, with the optimizer of Pellucid."""
    model.train()
    autocast = torch.autocast("cpu", torch.bfloat16) if plan.precision == "bf16" else nullcontext()
    number = epoch = 0
    while True:
        order = torch.randperm(len(x), generator=epoch_generator(plan.seed, epoch))
        for index in range(len(x) // plan.batch):
            rows = order[index * plan.batch : (index + 1) * plan.batch]
            inputs, target = x[rows], y[rows]
            optimizer.zero_grad()
            with autocast:
                output = model({group: inputs})
            loss = F.cross_entropy(output.float(), target)
            loss.backward()
            optimizer.step(number)
            number += 1
            yield
        epoch += 1


def bare_torch(model: nn.Module, x: Tensor, y: Tensor, group: str, plan: Plan) -> Iterator[None]:
    """What an engineer would write who has only PyTorch."""
    model.train()
    autocast = torch.autocast("cpu", torch.bfloat16) if plan.precision == "bf16" else nullcontext()
    groups: list[dict[str, Any]] = [
        {"params": [p for p in model.parameters() if p.ndim >= 2]},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups,
        lr=plan.rate, betas=BETAS, eps=EPS, weight_decay=plan.weight_decay, fused=True,
    )  # fmt: skip
    warm = plan.warm * plan.steps
    number = epoch = 0
    while True:
        order = torch.randperm(len(x), generator=epoch_generator(plan.seed, epoch))
        for index in range(len(x) // plan.batch):
            rows = order[index * plan.batch : (index + 1) * plan.batch]
            inputs, target = x[rows], y[rows]
            optimizer.zero_grad()
            with autocast:
                output = model({group: inputs})
            loss = F.cross_entropy(output.float(), target)
            loss.backward()
            if plan.clip is not None:
                nn.utils.clip_grad_norm_(model.parameters(), plan.clip)
            fall = (plan.steps - number) / (plan.steps - warm)
            for part in optimizer.param_groups:
                part["lr"] = plan.rate * min((number + 1) / warm, fall)
            optimizer.step()
            number += 1
            yield
        epoch += 1


# --- the same work for each way ---------------------------------------------------------------


@dataclass
class Job:
    """A case made concrete: its data, and a fresh copy of one network for whoever asks."""

    case: Case
    data: RowIngredients
    task: Classify
    plan: Plan
    model: nn.Module

    @classmethod
    def of(cls, case: Case, steps: int) -> Job:
        group = case.entry.group
        task = Classify("kind", [str(number) for number in range(case.classes)])
        dataset = Dataset({group: case.entry}, {group: made_up(case)}, _targets(case))
        rows = torch.arange(case.rows)
        data = RowIngredients(dataset, {}, task, rows, rows[:0], folds=1)
        part = ACROSS if case.entry.rank == 0 else group
        plan = Plan(
            steps=steps,
            batch=case.batch,
            evaluate_every=steps + 1,
            optimizer="muon" if case.optimizer == "muon" else "adamw",
            rate=case.rate,
            clip=None if case.entry.rank == 2 else 1.0,
            precision="bf16" if case.precision == "bf16" else "fp32",
            network={part: case.family},
            sizes={part: case.size},
        )
        model = OneLayer(case.classes) if case.family == "linear" else build(plan, data)
        return cls(case, data, task, plan, model)

    def ours(self) -> Generator[object, None, None]:
        learner = Learner(copy.deepcopy(self.model), self.plan)
        return self._train(learner)

    def recorded(self, folder: Path) -> Generator[object, None, None]:
        """With looks as in a long run, which may cost 1 % of the time."""
        learner = Learner(copy.deepcopy(self.model), self.plan)
        probe = self.data.dataset.take(self.data.rows[:8])
        return record(
            self._train(learner), folder=folder, model=learner.model, loss=self.task.loss,
            probe=probe, plan=self.plan, budget=0.0,
        )  # fmt: skip

    def bare(self) -> Iterator[None]:
        model = copy.deepcopy(self.model)
        return bare(model, *self._tensors(), self.plan, Optimizer(model, self.plan))

    def bare_torch(self) -> Iterator[None]:
        return bare_torch(copy.deepcopy(self.model), *self._tensors(), self.plan)

    def _train(self, learner: Learner) -> Any:
        data = self.data
        return train(learner, data.dataset, self.task, data.rows, data.valid)

    def _tensors(self) -> tuple[Tensor, Tensor, str]:
        group = self.case.entry.group
        return self.data.dataset.inputs[group], self.data.dataset.target, group


def made_up(case: Case) -> Tensor:
    """Random values of the case's shape: uint8 pictures, int32 tokens, float32 numbers."""
    generator = torch.Generator().manual_seed(0)
    shape = (case.rows, *case.entry.positions)
    if case.entry.way == "lookup":
        return torch.randint(1, case.entry.size, shape, generator=generator, dtype=torch.int32)
    shape = (*shape, case.entry.size)
    if case.entry.rank == 2:
        return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    return torch.randn(shape, generator=generator)


def _targets(case: Case) -> Tensor:
    return torch.randint(0, case.classes, (case.rows,), generator=torch.Generator().manual_seed(1))


# --- measuring --------------------------------------------------------------------------------


def measure(
    case: Case, rounds: int = ROUNDS, block_seconds: float = BLOCK_SECONDS
) -> dict[str, Any]:
    """Seconds of each way's blocks; every round runs each way once, every other one backwards."""
    torch.set_num_threads(case.threads)
    each = _step_seconds(case)
    block = max(1, round(block_seconds / each))
    job = Job.of(case, steps=rounds * block + WARM_UP)
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Iterator[object]] = {
            "ours": job.ours(),
            "recorded": job.recorded(Path(folder)),
            "bare": job.bare(),
        }
        if case.optimizer == "adamw":
            ways["torch"] = job.bare_torch()
        for steps in ways.values():
            _seconds(steps, WARM_UP)
        load = Load.now()
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds):
            for name in list(ways)[:: 1 if number % 2 == 0 else -1]:
                seconds[name].append(_seconds(ways[name], block))
        foreign = load.foreign()
        # The last look is part of what recording costs.
        seconds["recorded"][-1] += _timed(ways["recorded"].close)  # type: ignore[attr-defined]
    return {
        "name": case.name,
        "network": f"{case.family}, width {case.size.width}, depth {case.size.depth}",
        "parameters": sum(p.numel() for p in job.model.parameters()),
        "batch": case.batch,
        "precision": case.precision,
        "threads": case.threads,
        "optimizer": case.optimizer,
        "steps_a_block": block,
        "rounds": rounds,
        "foreign": foreign,
        "seconds": {name: [round(s, 5) for s in found] for name, found in seconds.items()},
    }


def _step_seconds(case: Case) -> float:
    steps = Job.of(case, steps=1_000_000).ours()
    _seconds(steps, WARM_UP)
    return min(_seconds(steps, 1) for _ in range(10))


def _seconds(steps: Iterator[object], count: int) -> float:
    def run() -> None:
        for _ in range(count):
            next(steps)

    return _timed(run)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


# --- figures ----------------------------------------------------------------------------------


def ratio(found: dict[str, Any], to: str) -> tuple[float, float, float]:
    """Speed of our loop as a share of another's: median over rounds, and quartiles."""
    seconds = found["seconds"]
    ratios = [theirs / ours for ours, theirs in zip(seconds["ours"], seconds[to], strict=True)]
    if len(ratios) < 2:
        return ratios[0], ratios[0], ratios[0]
    low, _, high = quantiles(ratios, n=4)
    return median(ratios), low, high


def recorded_ratio(found: dict[str, Any]) -> float:
    """Speed of the recorded loop as a share of the bare one's, over all rounds together.

    Looks at the inside are rare and expensive: a median would not see them.
    """
    return float(sum(found["seconds"]["bare"]) / sum(found["seconds"]["recorded"]))


def step_microseconds(found: dict[str, Any], way: str) -> float:
    """Median time of a step."""
    return 1e6 * median(found["seconds"][way]) / float(found["steps_a_block"])


def run(*, anyway: bool = False, rounds: int = ROUNDS) -> None:
    """Measure all cases; each is saved as soon as it is done.

    Raises:
        Disturbed: Other programs took too much of the processor, several times in a row.
    """
    for case in [*cases(), one_layer()]:
        around = circumstances(["benchmarks", "loop"])
        found = quiet(partial(_measure_and_say, case, rounds), anyway=anyway)
        before = saved("loop") or {"measured": {}}
        save("loop", {"measured": {**before["measured"], case.name: {**around, **found}}})


def _measure_and_say(case: Case, rounds: int) -> dict[str, Any]:
    found = measure(case, rounds)
    middle, low, high = ratio(found, "bare")
    print(
        f"{case.name:<14} {middle:.3f} [{low:.3f}, {high:.3f}] of a bare loop, recorded "
        f"{recorded_ratio(found):.3f}, {step_microseconds(found, 'ours'):,.0f} us a step, "
        f"others took {percent(found['foreign'])}",
        flush=True,
    )
    return found
