"""`pellucid explain`: why this answer, on a page of text."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.duplicates import SCALAR
from pellucid.errors import ConfigError, DataError
from pellucid.interfaces.report.words import percent
from pellucid.interfaces.seconds import in_words
from pellucid.interfaces.show import sparkline

if TYPE_CHECKING:
    from pellucid.data.columns import Drawing
    from pellucid.evidence.explain.counterfactual import Change, Counterfactual
    from pellucid.evidence.explain.explain import Effort, Explained
    from pellucid.evidence.explain.neighbors import Neighbor
    from pellucid.evidence.explain.pieces import Explanation
    from pellucid.evidence.subject import Rows
    from pellucid.export.bundle import Bundle
    from pellucid.recipe.watcher import Watcher

MOST_PIECES = 8
"""Pieces that are named; the others are added up."""
BAR = 14
FOR, AGAINST = " ░▒▓█", " ·-=≡"
LETTERS = 1_500
"""Characters of a text that are shown with its marks."""
HIGH, ACROSS = 16, 64
"""Lines of a picture, and characters across of a sound or a series."""
LOW = 8
"""Lines of an overview, and of a sound."""
MARKED = 0.15
"""Words are marked that weigh at least this part of the strongest one."""
MOST_CHANNELS = 4
SAME = 0.9999
"""Cosine from which on two examples are the same to the network."""
WHO = {
    "network": "",
    "baseline": " (the classical method)",
    "both": " (the network and the classical method together)",
}
PARTS = {"text": "words", "image": "patches", "audio": "parts", "series": "windows"}


@dataclass(frozen=True)
class Page:
    """What was explained, and where it came from. rows: how many the source had."""

    explained: Explained
    place: str
    row: int
    rows: int

    def as_json(self) -> dict[str, Any]:
        """One JSON-able dict."""
        return {"row": self.row, "place": self.place, **self.explained.as_json()}


def source_typed(bundle: Bundle, sources: list[str]) -> Any:
    """What was typed as INPUT: one source, or one row as NAME=VALUE words."""
    from pellucid.interfaces.predict import typed_row

    row = typed_row(bundle, sources)
    if row is None and len(sources) > 1:
        raise ConfigError(
            f"{len(sources)} inputs are given, and one example is explained at a time",
            where=" ".join(sources),
            fix=f"name one of them: pellucid explain RUN {sources[0]}",
        )
    return row if row is not None else sources[0]


def explain_source(
    folder: str | Path,
    bundle: Bundle,
    source: Any,
    watcher: Watcher,
    *,
    row: int | None = None,
    name: str | None = None,
    model: str | None = None,
    seconds: float | None = None,
) -> Page:
    """Explain the answer for one row of a source.

    Args:
        source: Whatever `predict` takes. row: which of its rows; by default the first.
        name: The class, tag or target to explain; by default the answer.

    Raises:
        DataError: The row can't be read. ConfigError: There is no such row or class.
    """
    from pellucid.evidence.subject import take
    from pellucid.interfaces.predict import table_of

    watcher.stage("reading")
    table = table_of(bundle, source)
    count = len(table)
    chosen = _chosen(row, count, table.name)
    place = str(table.places[chosen])
    only = np.array([chosen])
    table.columns = {key: column.take(only) for key, column in table.columns.items()}
    table.places, table.repaired = [place], {}
    loaded, problems, _ = bundle.load(table)
    if problems:
        raise DataError(
            problems[0], where=place, fix="mend this row, or name another one with --row"
        )
    example = take(loaded, np.array([0]))
    explained = explain_example(
        folder, bundle, example, watcher, name=name, model=model, seconds=seconds
    )
    return Page(explained, place, chosen, count)


def explain_example(
    folder: str | Path,
    bundle: Bundle,
    example: Rows,
    watcher: Watcher,
    *,
    name: str | None = None,
    model: str | None = None,
    seconds: float | None = None,
) -> Explained:
    """Explain the answer for one decoded example.

    Args:
        folder: Of the run, or of its model alone.
        name, model, seconds: As for `explain_source`.
    """
    from pellucid.evidence.explain.explain import SECONDS, effort_of, explain
    from pellucid.evidence.explain.randomization import is_known, similarity_of
    from pellucid.recipe.explain import reference_of, threads_of
    from pellucid.recording.layout import is_run

    subject = bundle.subject(model or "kept")  # type: ignore[arg-type]
    kinds = {column.modality for column in subject.columns}
    needed = len(subject.columns) > 1 or bool(kinds & set(SCALAR))
    reference = reference_of(Path(folder), watcher, needed=needed)
    seconds = seconds or SECONDS
    with threads_of(Path(folder)):
        effort = effort_of(subject, example, seconds)
        watcher.stage(f"explaining: {said_effort(effort)}")
        similarity = None
        if is_run(Path(folder)) and subject.which != "baseline":
            if not is_known(Path(folder)):
                watcher.tell("testing once whether explanations of this model show what it learned")
            network = bundle.subject("network")
            similarity = similarity_of(Path(folder), network, example, reference)
        return explain(
            subject,
            example,
            reference,
            name=name,
            seconds=seconds,
            similarity=similarity,
            pace=effort.pace,
            progress=watcher.progress,
        )


def said_effort(effort: Effort) -> str:
    """How long it will take, and why where each answer is slow."""
    said = f"about {in_words(effort.seconds)}"
    if effort.answers is None:
        return said
    return (
        f"{said} ({effort.pieces} pieces, about {effort.answers} answers of"
        f" {1000 * effort.pace:.0f} ms each: pretrained features are slow)"
    )


def _chosen(row: int | None, rows: int, name: str) -> int:
    if not rows:
        raise DataError("there is no row to explain", where=name, fix="give at least one example")
    if row is not None and not 0 <= row < rows:
        raise ConfigError(
            f"there is no row {row}: the rows are 0 to {rows - 1}",
            where=f"--row {row}, {name}",
            fix="count from 0, as 'pellucid predict' does",
        )
    return row or 0


# --- the page of text -----------------------------------------------------------------------


def show_explained(page: Page) -> None:
    """Print an explanation as a person reads it."""
    colors = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print("\n".join(lines_of(page, colors=colors)))


def lines_of(page: Page, *, colors: bool = False) -> list[str]:
    """The lines of the page; `colors` marks words of a text by color instead of by signs."""
    width = min(100, shutil.get_terminal_size((88, 24)).columns)
    found = page.explained
    title = f"{page.place}: {said_answer(found)}"
    lines = ["", title, "─" * min(len(title), width)]
    if page.rows > 1 and page.row == 0:
        lines.append(f"This is the first of {page.rows:,} rows; choose another with --row.")
    for one in found.explanations:
        lines += ["", *_explanation(found, one, width, colors)]
    if found.neighbors is not None:
        lines += ["", *_neighbors(found, width)]
    lines += ["", *_changes(found, width)]
    for note in (*(n for one in found.explanations for n in one.notes), *found.notes):
        lines += textwrap.wrap(note, width, initial_indent="  · ", subsequent_indent="    ")
    return lines


def said_answer(found: Explained) -> str:
    """The answer in a line, and which number of it is explained where that is not the same."""
    question, answer = found.question, found.answer["answer"]
    said = said_label(answer) if is_choice(found) else f"{question.name} {said_label(answer)}"
    if isinstance(answer, dict):
        said = said_label(answer)
    if "probability" in found.answer:
        said += f", {amount(found, found.answer['probability'])} sure"
    if question.name != answer and (is_choice(found) or isinstance(answer, dict)):
        said += f"; explained is {question.name}, {amount(found, question.value)}"
    return said + WHO[found.which]


def is_choice(found: Explained) -> bool:
    """Whether classes or tags are answered, with probabilities; else numbers."""
    return "probabilities" in found.answer


def heading(found: Explained) -> str:
    """What an explanation shows, as the start of a sentence."""
    name = found.question.name
    if is_choice(found):
        return f"What speaks for {name} (+) and against it (−)"
    return f"What raises {name} (+) and what lowers it (−)"


def amount(found: Explained, value: float, *, change: bool = False) -> str:
    """A probability as percent, a number as it is; a change with its sign.

    Changes of probabilities are in points of percent.
    """
    if is_choice(found):
        text = f"{100 * value:+.1f} points" if change else percent(value)
    else:
        digits = ",.0f" if abs(value) >= 1000 else ",.4g"
        text = f"{value:{'+' if change else ''}{digits}}"
    return text.replace("-", "−")


def _explanation(found: Explained, one: Explanation, width: int, colors: bool) -> Iterator[str]:
    where = "" if one.modality == "columns" else f", inside '{one.columns[0]}'"
    yield heading(found) + where
    rest = "of its columns" if one.modality == "columns" else f"of its {PARTS[one.modality]}"
    yield (
        f"  {amount(found, one.base)} without any {rest},"
        f" {amount(found, found.question.value)} with all"
    )
    drawing = None if one.modality == "columns" else found.row[one.columns[0]]
    if drawing is not None:
        yield from ("", *_shown(drawing, one, width, colors), *_overview(one, width), "")
    yield from _bars(found, one)
    trust = "Tested: " if one.faithful.trusted else "Do not trust this picture: "
    yield from textwrap.wrap(trust + one.faithful.why, width, initial_indent="  ",
                             subsequent_indent="  ")  # fmt: skip
    yield f"  ({one.method})"


def _bars(found: Explained, one: Explanation) -> Iterator[str]:
    """The strongest pieces, each with a bar, and the others together."""
    order = np.argsort(-np.abs(one.values), kind="stable")
    shown, rest = order[:MOST_PIECES], order[MOST_PIECES:]
    if len(rest) == 1:
        shown, rest = order, order[:0]
    names = [_cut(one.names[place], 28) for place in shown]
    values = [
        _cut(brief(found.row[one.names[place]]), 22) if one.modality == "columns" else ""
        for place in shown
    ]
    widths = max(map(len, names), default=0), max(map(len, values), default=0)
    most = float(np.abs(one.values).max(initial=0.0)) or 1.0
    for place, name, value in zip(shown, names, values, strict=True):
        weight = float(one.values[place])
        full = round(BAR * abs(weight) / most)
        bar = (("█" if weight > 0 else "▒") * full).ljust(BAR)
        cells = [name.ljust(widths[0]), *([value.ljust(widths[1])] if widths[1] else [])]
        yield f"  {'  '.join(cells)}  {bar} {amount(found, weight, change=True)}"
    if len(rest):
        total = float(one.values[rest].sum())
        yield f"  and {len(rest):,} more, together {amount(found, total, change=True)}"


def brief(drawing: Drawing) -> str:
    """A value in a few words."""
    data = drawing.data
    if drawing.kind == "number":
        return "missing" if data != data else f"{data:,.6g}"
    if drawing.kind in ("word", "text"):
        return " ".join(str(data).split())
    if drawing.kind == "list":
        return ", ".join(data)
    return {"image": "a picture", "audio": "a sound", "series": "a series"}[drawing.kind]


def said_label(answer: Any) -> str:
    if isinstance(answer, float):
        return f"{answer:,.6g}"
    if isinstance(answer, dict):
        return ", ".join(f"{name} {value:,.6g}" for name, value in answer.items())
    if isinstance(answer, list):
        return ", ".join(map(str, answer)) or "(none)"
    return str(answer)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


# --- the example with its marks -------------------------------------------------------------


def _shown(drawing: Drawing, one: Explanation, width: int, colors: bool) -> Iterator[str]:
    if drawing.kind == "text":
        yield from _text(drawing.data, one, width, colors)
    elif drawing.kind == "image":
        yield from _picture(np.asarray(drawing.data), one)
    elif drawing.kind == "audio":
        yield from _sound(drawing.data["picture"], one)
    elif drawing.kind == "series":
        yield from _series(np.asarray(drawing.data), one)


def _text(text: str, one: Explanation, width: int, colors: bool) -> Iterator[str]:
    """The text with the words that weigh most marked: [+for], [−against]."""
    most = float(np.abs(one.values).max(initial=0.0)) or 1.0
    line, length = "  ", 0
    before = 0
    for place, weight in zip(one.places, one.values, strict=True):
        start, end = place
        gap, word = text[before:start], text[start:end]
        before = end
        sign = "" if abs(weight) < MARKED * most else "+" if weight > 0 else "−"
        seen = len(word) + (3 if sign and not colors else 0)
        if length and gap and (length + len(gap) + seen > width - 4 or "\n" in gap):
            yield line
            line, length, gap = "  ", 0, ""
        gap = (" … " if gap.strip() else " ") if gap and length else ""
        line += gap + _marked(" ".join(word.split()), sign, colors)
        length += len(gap) + seen
        if start > LETTERS:
            line += " …"
            break
    yield line


def _marked(word: str, sign: str, colors: bool) -> str:
    if not sign:
        return word
    if colors:
        return f"\x1b[30;48;5;{153 if sign == '+' else 216}m{word}\x1b[0m"
    return f"[{sign}{word}]"


def _picture(pixels: np.ndarray, one: Explanation) -> Iterator[str]:
    """The picture in gray, and beside it which patches weigh."""
    gray = pixels.astype(np.float64).mean(2)
    rows = HIGH
    columns = max(1, min(24, round(rows * gray.shape[1] / gray.shape[0])))
    seen = _sized(gray, rows, columns) / 255
    weights = _sized(_painted(one, gray.shape), rows, columns)
    for row, weight in zip(_shaded(seen), _signed(weights), strict=True):
        yield f"  {''.join(2 * c for c in row)}   {''.join(2 * c for c in weight)}"
    yield "  the picture, and beside it: █ speaks for it, ≡ against it"


def _overview(one: Explanation, width: int) -> Iterator[str]:
    """A small picture of where the network looked, with its own test; a sound's time to the
    right, its pitch upward."""
    if one.overview is None:
        return
    looked = looked_at(one)
    columns = min(ACROSS, max(1, round(2 * LOW * looked.shape[1] / looked.shape[0])))
    if one.modality == "audio":
        columns = min(ACROSS, looked.shape[1])
    yield ""
    yield from (f"  {row}" for row in _shaded(_sized(looked, LOW, columns)))
    yield from textwrap.wrap(said_overview(one), width, initial_indent="  ",
                             subsequent_indent="  ")  # fmt: skip


def looked_at(one: Explanation) -> np.ndarray:
    """float `(height, width)`, 0 to 1, as the picture stands above: a sound turned so that its
    time runs to the right and its pitch upward, without the padding behind its end."""
    assert one.overview is not None
    if one.modality != "audio":
        return one.overview.looked
    frames = max(place[2] for place in one.places)
    return one.overview.looked[:frames].T[::-1]


def said_overview(one: Explanation) -> str:
    """What the overview is, and whether it holds."""
    assert one.overview is not None
    trust = "Tested: " if one.overview.faithful.trusted else "Do not trust this overview: "
    return (
        "an overview for the eye: where the network looked (Grad-CAM), the more the denser; what"
        f" counts are the values. {trust}{one.overview.faithful.why}"
    )


def _sound(picture: np.ndarray, one: Explanation) -> Iterator[str]:
    """Time to the right, pitch upward: how loud, and below it what weighs."""
    shape = (max(place[2] for place in one.places), max(place[3] for place in one.places))
    loud = np.full(shape, np.nan)
    part = picture[: shape[0], : shape[1]]
    loud[: len(part), : part.shape[1]] = part
    low, high = float(np.nanmin(loud)), float(np.nanmax(loud))
    seen = np.nan_to_num((loud - low) / ((high - low) or 1.0))
    columns = min(ACROSS, shape[0])
    yield from (f"  {row}" for row in _shaded(_sized(seen.T[::-1], LOW, columns)))
    yield "  loud parts above; below: █ speaks for it, ≡ against it"
    weights = _painted(one, shape)
    yield from (f"  {row}" for row in _signed(_sized(weights.T[::-1], LOW, columns)))


def _series(values: np.ndarray, one: Explanation) -> Iterator[str]:
    """The first channels as lines of text, and below each which windows weigh."""
    weights = window_weights(one)
    across = min(ACROSS, max(2, weights.shape[1]))
    signs = _signed(_sized(weights, len(weights), across))
    for channel in range(min(MOST_CHANNELS, values.shape[1])):
        yield f"  {sparkline([float(v) for v in values[: weights.shape[1], channel]], across)}"
        if channel < len(signs):
            yield f"  {signs[channel]}"
    yield "  below the series: █ speaks for it, ≡ against it"


def window_weights(one: Explanation) -> np.ndarray:
    """float64 `(channels, time)`: each window's value; one channel if windows span all."""
    channels = 1 + max((place[2] if len(place) > 2 else 0 for place in one.places), default=0)
    weights = np.zeros((channels, max(place[1] for place in one.places)))
    for (start, end, *channel), weight in zip(one.places, one.values, strict=True):
        weights[channel[0] if channel else 0, start:end] = weight
    return weights


def _painted(one: Explanation, shape: tuple[int, ...]) -> np.ndarray:
    """Each piece's value at the place where it lies."""
    painted = np.zeros(shape[:2])
    for place, weight in zip(one.places, one.values, strict=True):
        first, second, third, fourth = place
        painted[first:third, second:fourth] = weight
    return painted


def _sized(values: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The same picture with so many lines and columns, by its nearest points."""
    down = ((np.arange(rows) + 0.5) * values.shape[0] / rows).astype(int)
    across = ((np.arange(columns) + 0.5) * values.shape[1] / columns).astype(int)
    return values[down][:, across]


def _shaded(shares: np.ndarray) -> list[str]:
    steps = np.clip((shares * len(FOR)).astype(int), 0, len(FOR) - 1)
    return ["".join(FOR[step] for step in row) for row in steps]


def _signed(weights: np.ndarray) -> list[str]:
    most = float(np.abs(weights).max(initial=0.0)) or 1.0
    steps = np.clip(np.ceil(np.abs(weights) / most * (len(FOR) - 1) - 0.5).astype(int), 0, 4)
    return [
        "".join((FOR if weight > 0 else AGAINST)[step] for step, weight in zip(row, values))
        for row, values in zip(steps, weights)
    ]


# --- alike examples, and what would change it -----------------------------------------------


def _neighbors(found: Explained, width: int) -> Iterator[str]:
    near = found.neighbors
    assert near is not None
    columns = telling_columns(found)
    yield f"The most alike of {near.searched:,} training rows, by what the network makes of them"
    rows = [_cells(one, columns) for one in near.nearest]
    other = None if near.other in near.nearest else near.other
    if other is not None:
        rows.append(_cells(other, columns))
    several = len(columns) > 1
    if several:
        rows.insert(0, ["", "", "", *columns])
    most = [24, 8, 24, *([17 if several else width] * len(columns))]
    widths = [min(limit, max(map(len, cells))) for limit, cells in zip(most, zip(*rows))]
    lines = [
        _cut("  " + "  ".join(_cut(c, wide).ljust(wide) for c, wide in zip(row, widths)), width)
        for row in rows
    ]
    lines = [line.rstrip() for line in lines]
    if other is not None:
        kind = "most alike of another kind" if is_choice(found) else "most different of the alike"
        lines.insert(len(lines) - 1, f"  {kind}:")
    yield from lines


def _cells(one: Neighbor, columns: list[str]) -> list[str]:
    alike = "the same" if one.similarity >= SAME else f"{one.similarity:.3f}"
    values = [brief(one.drawing[name]) if name in one.drawing else "" for name in columns]
    place = one.place if len(one.place) <= 24 else "…" + one.place[-23:]  # its end tells more
    return [said_label(one.target), alike, place, *values]


def telling_columns(found: Explained) -> list[str]:
    """The columns that say most about an alike example in words: those that weigh most here."""
    weighing = found.explanations[0]
    names = list(weighing.columns)
    if weighing.modality == "columns":
        names = [weighing.names[place] for place in np.argsort(-np.abs(weighing.values))]
    readable = ("number", "word", "text", "list")
    return [name for name in names if found.row[name].kind in readable][:3]


def _changes(found: Explained, width: int) -> Iterator[str]:
    yield "What would change the answer"
    for one in found.changes:
        yield from textwrap.wrap(said_change(found, one), width, initial_indent="  ",
                                 subsequent_indent="    ")  # fmt: skip


def said_change(found: Explained, one: Counterfactual) -> str:
    """One way to another answer in a sentence, or that there was none."""
    if one.answer is None:
        return _nothing(found, one)
    answer = said_label(one.answer["answer"])
    if "probability" in one.answer:
        answer += f" ({amount(found, one.answer['probability'])} sure)"
    if one.removed:
        inside = found.explanations[-1]
        pieces = ", ".join(f"'{_cut(piece, 30)}'" for piece in one.removed[:10])
        more = f" and {len(one.removed) - 10} more" if len(one.removed) > 10 else ""
        return f"{answer}, without these {PARTS[inside.modality]}: {pieces}{more}"
    return f"{answer}, if {'; and '.join(map(_said_one, one.changes))}"


def _nothing(found: Explained, one: Counterfactual) -> str:
    inside = found.explanations[-1]
    if not one.tried:
        return f"Nothing could be tried for {one.goal}."
    if inside.modality == "columns":
        return (
            f"Nothing found: none of {one.tried:,} changes of few columns to values that occur in"
            f" training rows gives {one.goal}."
        )
    return (
        f"Nothing found: {one.goal} comes neither of taking away the {PARTS[inside.modality]} that"
        f" weigh most, nor of any other of the {one.tried:,} changes that were tried."
    )


def _said_one(change: Change) -> str:
    new, old = (
        f"{value:,.6g}" if isinstance(value, float) else said_label(value)
        for value in (change.new, change.old)
    )
    text = f"{change.column} were {new} instead of {old}"
    if change.rank is None:
        return text
    way, share = ("higher", change.rank) if change.rank >= 0.5 else ("lower", 1 - change.rank)
    return f"{text} ({way} than in {min(99, round(100 * share))}% of the training rows)"
