"""What a network answers when one thing about a watched example is another: a knob turned, two
columns over a plane, a sound or a series that ends earlier.

Like "through time" it asks the network that is watched, with weights that were kept of one step,
before calibration. It starts from the watched examples as they are encoded, which lie in the run:
the data need not be there any more.
"""

from __future__ import annotations

import copy
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pellucid.config import RESERVED
from pellucid.errors import ConfigError, did_you_mean
from pellucid.interfaces.studio.ask import Asker
from pellucid.recording.run import Run

if TYPE_CHECKING:
    import torch

    from pellucid.data.columns import Column
    from pellucid.export.bundle import Bundle
    from pellucid.network.assemble import Model

POINTS, SIDE, MOST_WORDS, PARTS = 41, 21, 24, 12
"""Places of a knob, of a side of a plane; words of a category; parts of a sound or a series."""
AT_ONCE = 256
"""Rows in one forward pass: pictures beside the numbers take their room."""
IN_TIME = ("audio", "series", "text")

Inputs = dict[str, np.ndarray]
"""Group -> encoded values, rows first."""


def vary(asker: Asker, run: Run, order: dict[str, Any]) -> dict[str, Any]:
    """Answers to changed examples, and the step whose kept weights answered.

    Args:
        order: `what` and `at` (a kept step; by default the last), and with
            "column": `column`: every watched example, with each value of it;
            "plane": two `columns` and `example`, and perhaps `tap` and `unit`, a watched value;
            "time": `group` and `example`: cut short after each part, and with each part missing.

    Raises:
        ConfigError: There is no such column, example, step or unit.
    """
    kinds = {"column": _column, "plane": _plane, "time": _time}
    what = order.get("what")
    if what not in kinds:
        raise ConfigError(f"'{what}' can't be varied", where="what", fix=" or ".join(kinds))
    with asker.turn(run, "asking with other values"):
        network = _Network.at(run, asker.bundle(run), order.get("at"))
        return {**kinds[what](network, order), "step": network.step, "source": "recomputed"}


@dataclass
class _Network:
    """The watched network with the weights of one step, and the watched examples, encoded."""

    model: Model
    bundle: Bundle
    step: int
    examples: Inputs

    @classmethod
    def at(cls, run: Run, bundle: Bundle, at: Any) -> _Network:
        import torch

        kept = run.weight_steps
        step = kept[-1] if at is None and kept else at
        if step not in kept or isinstance(step, bool):
            fix = f"take one of {kept[0]} to {kept[-1]}" if kept else "learn again, with recording"
            raise ConfigError(f"no weights were kept of step {at!r:.20}", where=run.name, fix=fix)
        model = copy.deepcopy(bundle.members[0].model())  # the bundle goes on with its own
        state = {name: torch.from_numpy(value) for name, value in run.weights(step).items()}
        model.load_state_dict(state)
        return cls(model, bundle, step, run.probe().inputs)

    @property
    def columns(self) -> list[Column]:
        return self.bundle.members[0].columns

    def example(self, number: Any) -> Inputs:
        """One watched example as a single row."""
        count = len(next(iter(self.examples.values())))
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < count:
            fix = f"0 to {count - 1}"
            raise ConfigError(f"there is no example {number!r:.20}", where="example", fix=fix)
        return {group: values[number : number + 1] for group, values in self.examples.items()}

    def answers(self, rows: Inputs, tap: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """`(rows, outputs)` probabilities or numbers; and a watched value `(rows, ...)`, or nothing
        for no `tap`."""
        import torch

        from pellucid.network.tap import watch

        count = len(next(iter(rows.values())))
        said, seen = [], []
        for start in range(0, count, AT_ONCE):
            part = {g: torch.from_numpy(v[start : start + AT_ONCE].copy()) for g, v in rows.items()}
            with ExitStack() as stack:
                stack.enter_context(torch.inference_mode())
                found = stack.enter_context(watch()) if tap is not None else {}
                output = self.model(part)
            said.append(self.bundle.task.prediction(output.float()))
            if tap is not None:
                seen.append(_value(found, tap))
        return np.concatenate(said), np.concatenate(seen) if seen else np.empty(0)


def _value(found: dict[str, torch.Tensor], tap: str) -> np.ndarray:
    if tap not in found:
        fix = did_you_mean(tap, found)
        raise ConfigError(f"no value is called '{tap}'", where="tap", fix=fix)
    return found[tap].float().numpy()


# --- numbers and categories of a row --------------------------------------------------------------


class _Knob(NamedTuple):
    """A column that can be turned: its values as people say them, and as they are encoded
    `(values, places)`, at these places of a group."""

    name: str
    kind: str
    values: list[Any]
    group: str
    places: slice
    encoded: np.ndarray

    def told(self) -> dict[str, Any]:
        return {"name": self.name, "kind": self.kind, "values": self.values}

    def turn(self, rows: Inputs, to: np.ndarray) -> Inputs:
        """The same rows with value number `to[row]` of the column."""
        changed = rows[self.group].copy()
        changed[:, self.places] = self.encoded[to]
        return {**rows, self.group: changed}


def _knob(network: _Network, name: Any, points: int) -> _Knob:
    from pellucid.data.columns import Loaded
    from pellucid.data.dataset import entry_of
    from pellucid.data.modalities import MODALITIES

    place, sizes = dict.fromkeys(RESERVED, 0), dict.fromkeys(RESERVED, 0)
    turnable = []
    for column in network.columns:
        entry = entry_of(column)
        if entry.rank > 0 or entry.group not in RESERVED:
            continue
        lookup = entry.way == "lookup"
        wide = 1 if lookup else entry.size
        if column.modality in ("number", "category"):
            turnable.append(column.name)
            if column.name == name:
                values = _values(network, column, points)
                loaded = Loaded(np.array(values, dtype=object if lookup else np.float64))
                encoded = MODALITIES[column.modality].encode(loaded, column.fitted)
                encoded = encoded.reshape(len(values), wide) + (sizes[entry.group] if lookup else 0)
                start = place[entry.group]
                places = slice(start, start + wide)
                return _Knob(column.name, column.modality, values, entry.group, places, encoded)
        place[entry.group] += wide
        sizes[entry.group] += entry.size
    raise ConfigError(
        f"no number or category is called {name!r:.60}",
        where="column",
        fix=did_you_mean(str(name), turnable) if turnable else "this run has none",
    )


def _values(network: _Network, column: Column, points: int) -> list[Any]:
    """The words of a category, the most frequent first; or a number from the lowest to the highest
    that occurred in rows to learn from."""
    if column.modality == "category":
        return list(column.fitted["words"][:MOST_WORDS])
    unlike, fitted = network.bundle.unlike, column.fitted
    if unlike is not None and column.name in unlike.ranges:
        low, high = unlike.ranges[column.name]
    elif fitted["way"] == "quantile":
        low, high = fitted["quantiles"][0], fitted["quantiles"][-1]
    else:  # a run of an early version: two spreads around the middle
        spread = 2 * (fitted["scale"] or 1)
        low, high = fitted["center"] - spread, fitted["center"] + spread
    found: list[float] = np.linspace(low, high, points).tolist()
    return found


def _column(network: _Network, order: dict[str, Any]) -> dict[str, Any]:
    """answers: (examples, values, outputs)."""
    knob = _knob(network, order.get("column"), POINTS)
    count, values = len(next(iter(network.examples.values()))), len(knob.values)
    rows = {group: one.repeat(values, 0) for group, one in network.examples.items()}
    answers, _ = network.answers(knob.turn(rows, np.tile(np.arange(values), count)))
    return {"column": knob.told(), "answers": answers.reshape(count, values, -1)}


def _plane(network: _Network, order: dict[str, Any]) -> dict[str, Any]:
    """answers: (values of the first, values of the second, outputs); unit: without the last."""
    names, tap, unit = order.get("columns"), order.get("tap"), order.get("unit")
    if not isinstance(names, list) or len(names) != 2 or names[0] == names[1]:
        raise ConfigError("a plane has two columns", where="columns", fix='["length", "width"]')
    first, second = (_knob(network, name, SIDE) for name in names)
    shape = (len(first.values), len(second.values))
    across, up = (index.ravel() for index in np.indices(shape))
    rows = {
        g: one.repeat(len(across), 0) for g, one in network.example(order.get("example")).items()
    }
    rows = second.turn(first.turn(rows, across), up)
    answers, seen = network.answers(rows, None if tap is None else str(tap))
    found = {"columns": [first.told(), second.told()], "answers": answers.reshape(*shape, -1)}
    if tap is None:
        return {**found, "unit": None}
    # Of an ensemble with shared weights the first member, as the page shows it elsewhere.
    seen = seen[:, 0] if seen.ndim == 3 else seen
    if seen.ndim != 2 or not isinstance(unit, int) or not 0 <= unit < seen.shape[1]:
        fix = f"0 to {seen.shape[-1] - 1}, of a layer without positions"
        raise ConfigError(f"'{tap}' has no unit {unit!r:.20}", where="unit", fix=fix)
    return {**found, "unit": seen[:, unit].reshape(shape)}


# --- what has a length ----------------------------------------------------------------------------


def _time(network: _Network, order: dict[str, Any]) -> dict[str, Any]:
    """until, without: (parts, outputs). Part i goes from `ends[i - 1]`, or 0, to `ends[i]`; a
    position takes so many `seconds`, where that is known."""
    group = _group_in_time(network, order.get("group"))
    example = network.example(order.get("example"))
    values = example[group][0]
    length = _length(values)
    ends = np.unique(np.linspace(0, length, min(PARTS, length) + 1).round().astype(int))[1:]
    nothing = 0 if values.dtype.kind in "iu" else np.nan
    until, without = (values[None].repeat(len(ends), 0) for _ in range(2))
    for part, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        until[part, end:] = nothing
        without[part, start:end] = nothing
    rest = {name: one.repeat(2 * len(ends), 0) for name, one in example.items()}
    answers, _ = network.answers({**rest, group: np.concatenate([until, without])})
    return {
        "ends": ends,
        "length": length,
        "seconds": _seconds(network, group),
        "until": answers[: len(ends)],
        "without": answers[len(ends) :],
    }


def _group_in_time(network: _Network, name: Any) -> str:
    from pellucid.data.dataset import entry_of

    frozen = network.bundle.members[0].blueprint.pretrained
    known = {
        entry_of(column).group
        for column in network.columns
        if column.modality in IN_TIME and entry_of(column).rank > 0
    } - set(frozen)
    if name in known:
        return str(name)
    fix = did_you_mean(str(name), sorted(known)) if known else "this run has none"
    raise ConfigError(f"no sound, series or text is called {name!r:.60}", where="group", fix=fix)


def _seconds(network: _Network, group: str) -> float | None:
    """How long a position of a recording takes; None where time has no such unit."""
    layout = network.bundle.layouts.get(group, {})
    return layout["hop"] / layout["rate"] if "hop" in layout else None


def _length(values: np.ndarray) -> int:
    """How many positions hold something, up to the last one that does."""
    flat = values.reshape(len(values), -1)
    there = flat != 0 if values.dtype.kind in "iu" else np.isfinite(flat.astype(np.float32))
    held = np.flatnonzero(there.any(1))
    return int(held[-1]) + 1 if len(held) else 1
