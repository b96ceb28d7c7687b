"""Which past values and columns moved a forecast.

The window that the answer reads is cut into pieces: the last value, the rest of the last season,
the seasons before it; the past and the known future of each column; the calendar. A piece is
taken away by putting in what is usual there: for values, the mean of the other values at the same
place of the season; for columns and the calendar, their mean. What a piece counts is its Shapley
value: the mean change it makes when it is added, over random orders of adding all pieces. The
values add up to the difference between the answer and the answer to a window of usual values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pellucid.baselines.forecasting import METHODS
from pellucid.data.columns import RawTable
from pellucid.errors import ConfigError, DataError
from pellucid.evidence.finding import Chart, Finding, Line, Table
from pellucid.tasks.forecast import MEDIAN
from pellucid.uses.forecast.filling import Query, read_asked
from pellucid.uses.forecast.inputs import calendar_of, make_inputs
from pellucid.uses.forecast.panel import fill
from pellucid.uses.forecast.windows import Windows

if TYPE_CHECKING:
    from pellucid.uses.forecast.answerer import ForecastAnswerer, History

MOST_SEGMENTS = 8
ORDERS, TEST_ORDERS = 32, 40
"""Orders for the Shapley values (half of them reverses); random orders to compare with."""
SMALLEST = 1e-3
"""Changes below this share of the series' usual error are none."""
Ask = Callable[[np.ndarray], np.ndarray]
"""bool `(variants, pieces)`, what is taken away -> the answer `(variants,)`."""


@dataclass(frozen=True)
class Pieces:
    """What a window can be cut into.

    names: for people, of this window. places: the same for every window, such as "the last value".
    ask: answers without some of them.
    """

    names: list[str]
    places: list[str]
    ask: Ask


@dataclass(frozen=True)
class Faith:
    """Whether taking away what raises the answer most lowers it soonest.

    gain: how much lower the answer is, on average, while pieces are taken away with what raises it
    most first instead of last, as a share of the largest change; chance: what 95 % of random
    orders and their reverses stay under.
    """

    gain: float
    chance: float
    trusted: bool


def explain_row(answerer: ForecastAnswerer, table: RawTable, row: int, seconds: float) -> Finding:
    """Why the answer to one row is what it is.

    Raises:
        ConfigError: There is no such row.
        DataError: The row can't be answered.
    """
    asked = read_asked(answerer, table)
    if not 0 <= row < len(asked.queries):
        raise ConfigError(
            f"there is no row {row}",
            where=f"--row {row}, {table.name} has {len(asked.queries)} rows",
            fix="count rows from 0",
        )
    for one in asked.queries[row]:
        if isinstance(one, DataError):
            raise one
    query = next((one for one in asked.queries[row] if isinstance(one, Query)), None)
    if query is None:
        raise DataError(
            "the row has its value already: there is nothing to explain",
            where=str(table.places[row]),
            fix="name a row to fill in with --row",
        )
    window = Windows(np.array([query.series]), asked.history.last[[query.series]])
    who = answerer.who(None)
    pieces = cut(answerer, asked.history, window, query.step - 1, who)
    return _finding(answerer, asked.history, window, query.step - 1, who, pieces, row)


def cut(
    answerer: ForecastAnswerer, history: History, window: Windows, step: int, who: str
) -> Pieces:
    """The pieces of one window, for the answer `step` steps (from 0) after its first one."""
    frame = answerer.frame_of(history)
    inputs = make_inputs(history.values, history.first, history.beside, answerer.helpers, frame)
    base = inputs.arrays(window)
    values = base["past"][0, :, 0].astype(np.float64)
    edges = segments(values, frame.season)
    names = [_span(answerer, int(window.origin[0]), len(values), *edge) for edge in edges]
    masks: list[tuple[str, np.ndarray]] = []
    left = 1
    calendar = calendar_of(frame.spacing, np.zeros(1, dtype=np.int64))[0].shape[1]
    if calendar and who != "baseline":
        masks.append(("the calendar", np.arange(calendar)))
    right = calendar
    for helper in answerer.helpers if who != "baseline" else ():
        masks.append((f"{helper.name} in the past", -np.arange(left, left + helper.width)))
        left += helper.width
        if helper.known:
            masks.append((f"{helper.name} to come", np.arange(right, right + helper.width)))
            right += helper.width
    names += [name for name, _ in masks]
    places = [*_places(len(edges), frame.season > 1), *(name for name, _ in masks)]

    def ask(gone: np.ndarray) -> np.ndarray:
        away = np.zeros((len(gone), len(values)), dtype=bool)
        for number, (start, stop) in enumerate(edges):
            away[:, start:stop] = gone[:, number, None]
        past = usual_instead(values, away, frame.season)
        if who == "baseline":
            return _classical(answerer, history, window, step, past)
        arrays = {name: np.repeat(array, len(gone), 0) for name, array in base.items()}
        arrays["past"][:, :, 0] = past
        for number, (_, places) in enumerate(masks, start=len(edges)):
            group = "past" if places[0] < 0 else "ahead"
            chosen = gone[:, number, None, None] * np.isin(
                np.arange(arrays[group].shape[2]), np.abs(places)
            )
            arrays[group][np.broadcast_to(chosen, arrays[group].shape)] = 0.0
        quantiles = np.concatenate(
            [
                answerer.forward({name: array[i : i + 1024] for name, array in arrays.items()})
                for i in range(0, len(gone), 1024)
            ]
        )
        middle: np.ndarray = quantiles[:, step, MEDIAN]
        if who == "both":
            middle = (middle + _classical(answerer, history, window, step, past)) / 2
        return middle

    return Pieces(names, places, ask)


def segments(values: np.ndarray, season: int) -> list[tuple[int, int]]:
    """Where the past is cut, the latest piece first: `(start, stop)` within the context.

    The last value, the rest of the last season, whole seasons before it; the oldest ones together.
    """
    length = len(values)
    first = int(np.argmax(~np.isnan(values))) if not np.isnan(values).all() else length - 1
    size = season if 1 < season < length else max(1, length // MOST_SEGMENTS)
    size *= max(1, -(-(length - first) // (size * MOST_SEGMENTS)))
    stops = [length, length - 1, *range(length - size, first, -size)]
    stops = sorted({stop for stop in stops if stop > first}, reverse=True)
    return [(start, stop) for stop, start in zip(stops, [*stops[1:], first], strict=True)]


def usual_instead(values: np.ndarray, away: np.ndarray, season: int) -> np.ndarray:
    """`(variants, context)`: the values `(context,)`, and where `away` says so what is usual there,
    the mean of the kept values at the same place of the season (of all kept ones if none is)."""
    kept = ~away & ~np.isnan(values)
    plain = np.nan_to_num(values)
    count = kept.sum(1, keepdims=True)
    overall = np.where(count > 0, (kept * plain).sum(1, keepdims=True) / np.maximum(count, 1), 0.0)
    if not (~np.isnan(values)).any():
        return np.repeat(values[None], len(away), 0)
    overall = np.where(count > 0, overall, np.nanmean(values))
    found = np.where(away, overall, values)
    if season > 1:
        for place in range(min(season, len(values))):
            here = kept[:, place::season]
            some = here.sum(1, keepdims=True)
            mean = (here * plain[place::season]).sum(1, keepdims=True) / np.maximum(some, 1)
            usual = np.where(some > 0, mean, overall)
            found[:, place::season] = np.where(away[:, place::season], usual, values[place::season])
    return np.where(np.isnan(values), np.nan, found)


def shapley(pieces: Pieces, orders: int = ORDERS, seed: int = 0) -> np.ndarray:
    """float64 `(pieces,)`: what each piece adds, over random orders and their reverses."""
    count = len(pieces.names)
    random = np.random.default_rng(seed)
    half = np.array([random.permutation(count) for _ in range(orders // 2)])
    chosen = np.concatenate([half, half[:, ::-1]])
    courses = _courses(pieces, chosen)
    found = np.zeros(count)
    for order, course in zip(chosen, courses, strict=True):
        found[order] += course[:-1] - course[1:]
    return found / len(chosen)


def faithful(pieces: Pieces, values: np.ndarray, unit: float, seed: int = 1) -> Faith:
    """Take the pieces away, what raises the answer most first and last; compare with random orders
    (the test of `evidence/explain/faithfulness.py`)."""
    random = np.random.default_rng(seed)
    count = len(values)
    order = np.lexsort((random.random(count), -values))
    chance = np.array([random.permutation(count) for _ in range(TEST_ORDERS)])
    orders = np.concatenate([order[None], chance])
    courses, reverses = _courses(pieces, orders), _courses(pieces, orders[:, ::-1])
    change = float(np.ptp(np.concatenate([courses, reverses])))
    if change < SMALLEST * unit or count < 2:
        return Faith(0.0, 0.0, False)
    gains = (reverses - courses).mean(1) / change
    limit = float(np.quantile(gains[1:], 0.95))
    return Faith(float(gains[0]), limit, bool(gains[0] >= min(limit, 0.999 * gains[1:].max())))


def _full(pieces: Pieces) -> float:
    return float(pieces.ask(np.zeros((1, len(pieces.names)), dtype=bool))[0])


def _courses(pieces: Pieces, orders: np.ndarray) -> np.ndarray:
    """float64 `(orders, pieces + 1)`: the answer as pieces are taken away in these orders."""
    number, count = orders.shape
    gone = np.zeros((number, count + 1, count), dtype=bool)
    for index, order in enumerate(orders):
        for stage, piece in enumerate(order, start=1):
            gone[index, stage:, piece] = True
    flat = gone.reshape(-1, count)
    different, place = np.unique(flat, axis=0, return_inverse=True)
    return pieces.ask(different)[place.ravel()].reshape(number, count + 1)


def _classical(
    answerer: ForecastAnswerer, history: History, window: Windows, step: int, past: np.ndarray
) -> np.ndarray:
    """The classical method's answer in usual errors, for variants of the window's last values; of a
    series that it was not fitted on, fitted now."""
    assert answerer.method is not None
    frame = answerer.frame_of(history)
    one, origin = int(window.series[0]), int(window.origin[0])
    first = int(history.first[one])
    whole = fill(history.values[[one]], history.first[[one]], frame.season)[0, first : origin + 1]
    series = []
    for variant in past:
        changed = whole.copy()
        there = variant[~np.isnan(variant)] * frame.unit[one] + frame.center[one]
        changed[len(changed) - len(there) :] = there
        series.append(changed)
    method, place = answerer.method, int(frame.number[one]) - 1
    if place < 0:
        method, place = METHODS[method.name](), 0
        method.fit([whole], frame.season)
    method = method.pick([place] * len(series))
    places = [np.array([origin - first])] * len(series)
    found = np.stack(method.forecast(series, places, frame.horizon))[:, 0, step]
    return (found - frame.center[one]) / frame.unit[one]


# --- what a person sees -----------------------------------------------------------------------


def _finding(
    answerer: ForecastAnswerer,
    history: History,
    window: Windows,
    step: int,
    who: str,
    pieces: Pieces,
    row: int,
) -> Finding:
    frame = answerer.frame_of(history)
    one, origin = int(window.series[0]), int(window.origin[0])
    unit, center = float(frame.unit[one]), float(frame.center[one])
    values = shapley(pieces)
    faith = faithful(pieces, values, 1.0)
    full = _full(pieces)
    empty = float(pieces.ask(np.ones((1, len(values)), dtype=bool))[0])
    order = np.argsort(-np.abs(values), kind="stable")
    when = frame.spacing.text(frame.start + origin + 1 + step)
    answer, usual = full * unit + center, empty * unit + center
    told = [
        f"{pieces.names[place]} {'raised' if values[place] > 0 else 'lowered'} it by "
        f"{abs(values[place]) * unit:.3g}"
        for place in order[:3]
        if abs(values[place]) > SMALLEST
    ]
    sentence = (
        f"{when}: {answer:.6g}; with usual values everywhere it would be {usual:.6g}. "
        + ("; ".join(told) if told else "no piece of what it reads moves it")
        + "."
    )
    test = (
        "Taking away what raised it most first lowers the answer sooner than random orders do "
        if faith.trusted
        else "Not confirmed: taking away what raised it most first lowers the answer no sooner "
        "than random orders do "
    ) + f"(gain {faith.gain:.2f}; 95% of random orders stay under {faith.chance:.2f})."
    rows = tuple((pieces.names[place], float(values[place] * unit)) for place in order)
    return Finding(
        "explanation",
        f"Why {when}" + (f" of {history.names[one]}" if len(history.names) > 1 else ""),
        sentence,
        notes=(
            test,
            "What a piece counts says what the model uses, not what causes the value.",
        ),
        figures={
            "row": row,
            "model": who,
            "answer": answer,
            "usual": usual,
            "values": {pieces.names[place]: float(values[place] * unit) for place in order},
            "gain": faith.gain,
            "chance": faith.chance,
            "trusted": faith.trusted,
        },
        tables=(Table("What moved the answer", ("piece", "moved it by"), rows),),
        charts=(_chart(history, frame.start, one, origin, frame.context, answer, step, when),),
    )


def _chart(
    history: History,
    start: int,
    one: int,
    origin: int,
    context: int,
    answer: float,
    step: int,
    when: str,
) -> Chart:
    columns = np.arange(max(0, origin + 1 - context), origin + 1)
    past = Line(
        "what it read",
        tuple(float(column - origin) for column in columns),
        tuple(float(value) for value in history.values[one, columns]),
    )
    asked = Line("the answer", (float(step + 1),), (answer,))
    return Chart(
        "The past that it reads, and the answer",
        "steps after the last known value",
        "value",
        (past, asked),
        marks=((float(step + 1), when),),
    )


def _places(count: int, seasonal: bool) -> list[str]:
    """What the pieces of the past are called in every window."""
    word = "season" if seasonal else "stretch"
    later = [f"the {word} {number} back" for number in range(2, count)]
    return ["the last value", f"the rest of the last {word}", *later][:count]


def _span(answerer: ForecastAnswerer, origin: int, context: int, start: int, stop: int) -> str:
    """'2023-01 to 2023-12', for places within the context."""
    frame = answerer.frame
    first = frame.start + origin - context + 1 + start
    last = frame.start + origin - context + stop
    if first == last:
        word = "the last value" if stop == context else "the value"
        return f"{word}, {frame.spacing.text(first)}"
    return f"{frame.spacing.text(first)} to {frame.spacing.text(last)}"
