"""Plan, then learn: the time is spent on paper before the first step.

A few steps are measured on throw-away copies; out of them comes a `Plan` with a reason for every
value. From then on nothing depends on the clock, which is what makes a run repeatable.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor, nn

from pellucid.config import ACROSS, Plan, Settings, Size
from pellucid.data.dataset import Dataset
from pellucid.errors import ConfigError
from pellucid.learning.augment import CHANGES
from pellucid.learning.learner import Learner, evaluate
from pellucid.learning.loop import train
from pellucid.learning.recipes import (
    FAMILIES,
    FROZEN,
    MIXED,
    PLAIN_FAMILIES,
    SEQUENCE,
    SMALL_TABLE,
    TABLE,
    Recipe,
    recipe_for,
)
from pellucid.learning.threads import threads
from pellucid.network.assemble import Blueprint, Model, blueprint, family_of
from pellucid.tasks import Objective, Task

SECONDS = {"quick": 15.0, "normal": 120.0, "thorough": 900.0}
"""Time for the whole job when the user names none; small data needs far less."""
EFFORT = {"quick": 0.4, "normal": 1.0, "thorough": 2.0}
"""Factor on the most passes worth making."""
FEW_ROWS = 2_000
"""Tables with fewer rows to learn from count as small."""
MEASURE_SECONDS = 0.12
SLOW_SECONDS = 1.0
"""Steps that take so long are measured fewer times: what they vary by is little beside them."""
STEPS_SHARE = 0.85
"""Part of the time for steps; the rest is for planning, looks at validation rows, small delays."""
FEWEST_STEPS = 20
EVALUATIONS = 20
"""Looks at the validation rows over a run."""
TRUSTED = 1.05
"""A change is trusted if it raises the validation loss by less than this factor (recipes 4.1)."""
WORTH_CHANGING = 15
"""Passes over the rows from which on random changes pay: in few passes they only slow learning
(measured on Fashion-MNIST at 1 to 6 passes)."""

HARDLY_FASTER = 1.1
"""Several threads that are faster than one by less than this factor are not worth the risk that
another program wants a core: one thread then loses a share of its time, several most of it."""
WORTH_ROUNDING = 0.003
"""Seconds of a step below which 16-bit floats are not tried: so little work is mostly calls."""
CONTENDED = 1.5
"""One thread that is faster than several by this factor shows that they wait for each other."""

Precision = Literal["fp32", "bf16"]
Way = tuple[Precision, int]
"""Precision and number of threads."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Ingredients:
    """What planning needs to know of the data.

    modalities: group -> modality name. rows, valid: int64 rows to learn from and to choose by.
    folds: how many networks will be trained on such rows. pretrained: group -> the frozen network
    whose features the dataset holds instead of the values. recipe, builder: where the examples ask
    for a network of their own (a detector, a language model): how it is trained, and what makes
    an empty one of the plan's size.
    """

    dataset: Dataset
    modalities: dict[str, str]
    task: Objective
    rows: Tensor
    valid: Tensor
    folds: int
    pretrained: dict[str, str] = field(default_factory=dict)
    recipe: Recipe | None = None
    builder: Callable[[Plan], nn.Module] | None = None


@dataclass(frozen=True)
class RowIngredients(Ingredients):
    """Rows of a table, and a question about each of them."""

    task: Task


def make_plan(data: Ingredients, settings: Settings, seconds: float, say: Say = print) -> Plan:
    """Choose networks, sizes, precision, batch and steps for about `seconds` of training.

    Args:
        seconds: For all folds together, evaluation included.
        say: Told what is being measured.
    """
    recipe, plan = _start(data, settings)
    per_epoch = max(1, len(data.rows) // plan.batch)
    fewest = max(recipe.epochs[0] * per_epoch, recipe.steps[0])
    most = max(recipe.epochs[1] * per_epoch, recipe.steps[1])
    most = max(FEWEST_STEPS, round(most * EFFORT[settings.effort]))
    for size in reversed(_sizes_for(recipe, len(data.rows))):
        plan = _with_size(plan, data, recipe, size)
        if size.depth:
            say(f"measuring {recipe.family} of width {size.width} and depth {size.depth}")
        plan, per_step = _fastest(data, plan)
        affordable = STEPS_SHARE * seconds / per_step
        if affordable >= data.folds * fewest:
            break
    if affordable < data.folds * fewest and data.folds > 1:
        plan = _with_fewer_folds(plan, data, affordable / fewest)
    steps = max(FEWEST_STEPS, min(most, int(affordable / plan.folds)))
    epochs = steps / per_epoch
    few = len(_sizes_for(recipe, len(data.rows))) < len(recipe.sizes)
    sizes = f"the largest of {len(recipe.sizes)} that leaves time for {fewest:,} steps"
    sizes += " and does not just memorize so few rows" if few else ""
    limit = "more rarely help" if steps == most else f"what fits into {seconds:.0f} s"
    why = plan.why | {
        "sizes": sizes if len(recipe.sizes) > 1 else recipe.why,
        "steps": f"{epochs:.3g} passes over {len(data.rows):,} rows; {limit}",
    }
    evaluate_every = max(1, steps // EVALUATIONS)
    plan = replace(plan, steps=steps, evaluate_every=evaluate_every, why=why)
    if epochs >= WORTH_CHANGING:
        plan = _with_trusted_changes(plan, data, recipe, say)
    return plan


def _sizes_for(recipe: Recipe, rows: int) -> list[Size]:
    """The recipe's sizes without those that would only memorize so few rows; never none."""
    fit = [s for s in recipe.sizes if s.width**2 * s.depth <= recipe.weights_a_row * rows]
    return fit or [recipe.sizes[0]]


def build(plan: Plan, data: Ingredients) -> nn.Module:
    """A fresh network of the plan, whoever makes it."""
    if data.builder is None:
        return build_model(plan, data)
    torch.manual_seed(plan.seed)
    return data.builder(plan).to(data.rows.device)


def build_model(plan: Plan, data: Ingredients) -> Model:
    """A fresh network over columns, with the starts that depend on training rows."""
    torch.manual_seed(plan.seed)
    sketch = blueprint(
        data.dataset.entries, data.dataset.inputs, data.rows, plan, data.task.outputs
    )
    return prepared(sketch, data)


def prepared(sketch: Blueprint, data: Ingredients) -> Model:
    """The network of a blueprint, after it saw a sample of the training rows."""
    model = Model(sketch)
    sample = data.rows[:: max(1, len(data.rows) // 5_000)]
    model.prepare(data.dataset.take(sample).inputs)
    return model.to(data.rows.device)


def _with_fewer_folds(plan: Plan, data: Ingredients, affordable: float) -> Plan:
    """Better few networks that learned enough than many that did not."""
    count = max(1, min(data.folds, int(affordable)))
    why = f"there is time for {count} of {data.folds} networks that each check other rows"
    return replace(plan, folds=count, why=plan.why | {"folds": why})


# --- what to build --------------------------------------------------------------------------


def _start(data: Ingredients, settings: Settings) -> tuple[Recipe, Plan]:
    groups = list(data.dataset.entries)
    with_positions = [g for g in groups if data.dataset.entries[g].rank > 0]
    if data.recipe is not None:
        recipe, families = data.recipe, {groups[0]: data.recipe.family}
        return recipe, _plan(data, settings, recipe, families)
    recipe = _recipe(data, with_positions, groups, settings.network)
    families = {g: _family(data, g, settings.network) for g in with_positions}
    families |= {group: title.split()[0] for group, title in data.pretrained.items()}
    if len(groups) > 1 or not families:
        families[ACROSS] = recipe.family
    return recipe, _plan(data, settings, recipe, families)


def _plan(data: Ingredients, settings: Settings, recipe: Recipe, families: dict[str, str]) -> Plan:
    """The recipe as a plan whose sizes and steps are still open."""
    why = {
        "network": recipe.why if settings.network == "auto" else "as asked with --network",
        "optimizer": f"{recipe.optimizer}, rate {recipe.rate:g}: the default for this kind of data",
        "batch": "large enough to be fast, small enough for many updates a pass",
        "folds": "few rows: every row is used to learn and to check in turn"
        if data.folds > 1
        else "enough rows for one set of validation rows",
    }
    batch = max(8, min(recipe.batch, len(data.rows) // (4 if recipe is SMALL_TABLE else 20)))
    return Plan(
        seed=settings.seed,
        batch=batch,
        optimizer=recipe.optimizer,
        rate=recipe.rate,
        weight_decay=recipe.weight_decay,
        clip=recipe.clip,
        warm=recipe.warm,
        flat=recipe.flat,
        average=recipe.average,
        label_smoothing=recipe.smoothing if data.task.kind != "regress" else 0.0,
        folds=data.folds,
        numbers=recipe.numbers,
        threads=torch.get_num_threads(),
        network=families,
        pretrained=dict(data.pretrained),
        why=why,
    )


def _recipe(data: Ingredients, with_positions: list[str], groups: list[str], asked: str) -> Recipe:
    if asked != "auto":
        family_of(asked)  # raises if there is no such network
        _check_readable(data, with_positions, groups, asked)
    if data.pretrained:
        return MIXED if len(groups) > 1 else FROZEN
    if not with_positions:
        recipe = SMALL_TABLE if len(data.rows) + len(data.valid) < FEW_ROWS else TABLE
        if asked == "auto":
            return recipe
        return replace(SEQUENCE if asked == "transformer" else recipe, family=asked)
    if len(groups) > 1:
        return replace(MIXED, family=asked) if asked in PLAIN_FAMILIES else MIXED
    return recipe_for(data.modalities[groups[0]], asked)


def _check_readable(
    data: Ingredients, with_positions: list[str], groups: list[str], asked: str
) -> None:
    """ConfigError, with what there is to choose from, if no part of this data can be read so."""
    kinds = list(dict.fromkeys(data.modalities[group] for group in with_positions))
    able = [FAMILIES[kind] for kind in kinds]
    if len(groups) > 1 or not with_positions:
        able.append(PLAIN_FAMILIES)
    choices = list(dict.fromkeys(name for names in able for name in names))
    if asked in choices:
        return
    words = {"image": "pictures", "audio": "sounds", "text": "texts", "series": "series"}
    readers = [words[kind] for kind, names in FAMILIES.items() if asked in names]
    what = f"{', '.join(readers[:-1])} or {readers[-1]}" if len(readers) > 1 else "".join(readers)
    raise ConfigError(
        f"the network '{asked}' reads {what or 'the columns of a table'}, and here are none",
        where="--network",
        fix=f"this data can have --network {', '.join(choices[:-1])} or {choices[-1]}",
    )


def _family(data: Ingredients, group: str, asked: str) -> str:
    """The network of a column with positions: as asked, if it can have that."""
    modality = data.modalities[group]
    return asked if asked in FAMILIES[modality] else recipe_for(modality, "auto").family


def _with_size(plan: Plan, data: Ingredients, recipe: Recipe, size: Size) -> Plan:
    sizes = {}
    for group in plan.network:
        if group == ACROSS or len(plan.network) == 1:
            sizes[group] = size
        else:
            # Beside other columns, each column's network is the smallest of its own recipe.
            sizes[group] = _smallest(data, group, plan.network[group])
    return replace(plan, sizes=sizes)


def _smallest(data: Ingredients, group: str, family: str) -> Size:
    """The first size of a column's recipe; of the usual one where a frozen network reads it."""
    asked = "auto" if group in data.pretrained else family
    return recipe_for(data.modalities[group], asked).sizes[0]


# --- measuring ------------------------------------------------------------------------------


def _fastest(data: Ingredients, plan: Plan) -> tuple[Plan, float]:
    """The plan with the precision and number of threads that make a step fastest, and its seconds.

    One thread is always tried too: several wait for each other, in small layers more than they
    compute, and where another program wants a core far longer.
    """
    cores = torch.get_num_threads()
    speeds: dict[Way, float] = {}

    def measure(precision: Precision, count: int) -> None:
        if (precision, count) not in speeds:
            with threads(count):
                own = _step_seconds(data, replace(plan, precision=precision))
            speeds[precision, count] = own

    measure("fp32", cores)
    measure("fp32", 1)
    if min(speeds.values()) > WORTH_ROUNDING:
        measure("bf16", cores)
        if speeds["bf16", cores] < speeds["fp32", cores]:  # where matrices are large
            measure("bf16", 1)
    precision, count = fastest(speeds)
    why = plan.why | {"precision": speeds_in_words(speeds)}
    return replace(plan, precision=precision, threads=count, why=why), speeds[precision, count]


def fastest(speeds: dict[Way, float]) -> Way:
    """The fastest way; where another is hardly faster, 32 bits, which round less, and one thread:
    who shares no work never waits.

    >>> fastest({("fp32", 2): 1.0, ("fp32", 1): 1.05})
    ('fp32', 1)
    >>> fastest({("fp32", 2): 1.0, ("fp32", 1): 1.5})
    ('fp32', 2)
    >>> fastest({("fp32", 2): 1.0, ("fp32", 1): 1.5, ("bf16", 2): 0.95})
    ('fp32', 2)
    >>> fastest({("fp32", 2): 1.0, ("fp32", 1): 1.5, ("bf16", 2): 0.5, ("bf16", 1): 0.6})
    ('bf16', 2)
    """
    exact = {way: seconds for way, seconds in speeds.items() if way[0] == "fp32"}
    if min(exact.values()) <= HARDLY_FASTER * min(speeds.values()):
        speeds = exact
    best = min(speeds, key=speeds.__getitem__)
    alone = [way for way in speeds if way[1] == 1 and speeds[way] <= HARDLY_FASTER * speeds[best]]
    return min(alone, key=speeds.__getitem__, default=best)


def speeds_in_words(speeds: dict[Way, float]) -> str:
    """What was measured, and whether threads got in each other's way."""
    measured = ", ".join(
        f"{name} on {count} {'thread' if count == 1 else 'threads'} {1000 * seconds:.3g} ms"
        for (name, count), seconds in speeds.items()
    )
    alone = {name: seconds for (name, count), seconds in speeds.items() if count == 1}
    slower = max((speeds[way] / alone[way[0]] for way in speeds if way[0] in alone), default=1.0)
    wanted = "; several threads wait for each other more than they compute"
    return f"a step takes, measured: {measured}{wanted if slower > CONTENDED else ''}"


def _step_seconds(data: Ingredients, plan: Plan) -> float:
    """Median seconds of a step on a throw-away copy, after two to warm up."""
    model = build(plan, data)
    plan = replace(plan, steps=1_000_000, evaluate_every=1_000_000)
    nothing = data.valid[:0]
    times = []
    started = time.perf_counter()
    before = started
    for step in train(Learner(model, plan), data.dataset, data.task, data.rows, nothing):
        now = time.perf_counter()
        times.append(now - before)
        enough = 5 if now - started < SLOW_SECONDS else 3
        if step.number >= enough and now - started > MEASURE_SECONDS:
            break
        before = now
    return sorted(times[2:])[len(times[2:]) // 2]


def _with_trusted_changes(plan: Plan, data: Ingredients, recipe: Recipe, say: Say) -> Plan:
    """Keep the random changes after which a half-trained network still sees the same thing.

    A pilot network learns without them for a tenth of the steps; a change under which its
    validation loss stays about the same leaves the meaning as it is.
    """
    group = next(iter(data.dataset.entries))
    if not recipe.changes or len(data.dataset.entries) > 1 or len(data.valid) == 0:
        return plan
    say("testing which random changes leave the answers as they are")
    steps = max(20, plan.steps // 10)
    pilot = Learner(build(plan, data), replace(plan, steps=steps, evaluate_every=steps))
    for _ in train(pilot, data.dataset, data.task, data.rows, data.valid):
        pass
    plain = evaluate(pilot.model, data.dataset, data.task, data.valid).loss
    trusted, said = [], []
    for name in recipe.changes:
        torch.manual_seed(plan.seed)
        inputs = dict(data.dataset.inputs)
        inputs[group] = CHANGES[name](inputs[group][data.valid])
        changed = Dataset(data.dataset.entries, inputs, data.dataset.target[data.valid])
        rows = torch.arange(len(data.valid), device=data.valid.device)
        loss = evaluate(pilot.model, changed, data.task, rows).loss
        said.append(f"{name}: validation loss {plain:.3g} -> {loss:.3g}")
        if loss <= plain * TRUSTED:
            trusted.append(name)
    why = plan.why | {"augment": "; ".join(said) + f"; used: {', '.join(trusted) or 'none'}"}
    return replace(plan, augment={group: tuple(trusted)} if trusted else {}, why=why)
