"""What is each column, which one is asked for, and what kind of question is that?

Every column gets one modality and one role, with the evidence in words; every other reading that
was possible is kept beside it with the option that chooses it. Nothing here is learned: the values
are only looked at.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from pellucid.config import Choice, Settings
from pellucid.data.columns import Column, RawColumn, RawTable, Reading
from pellucid.data.glance import name_words, present, shown
from pellucid.data.leaks import LOOK, Leak, find_leaks
from pellucid.data.modalities import MODALITIES
from pellucid.data.oddities import oddities
from pellucid.data.scales import BETWEEN
from pellucid.data.target import Question, find_targets, read_question, target_values
from pellucid.errors import ConfigError, DataError, did_you_mean

__all__ = ["Candidate", "Recognized", "recognize", "recognize_inputs", "target_values"]

IGNORE = "ignore"
_POSSIBLE = 0.3  # readings less sure than this are not worth showing
_FAMILY = 8  # numbered columns from this many on are read alike
_FILES = ("image", "audio")

_ID_WORDS = frozenset(
    {"id", "ids", "uuid", "guid", "index", "idx", "row", "rowid", "nr", "no", "key", "unnamed"}
    | {"serial", "identifier", "rownames"}
)
_AXIS_WORDS = frozenset(
    {"x", "t", "time", "day", "days", "year", "step", "rank", "age", "hour", "month", "week"}
    | {"minute", "second", "date", "temperature", "distance", "position", "dose"}
)
_PERSON_WORDS = frozenset(
    {"patient", "subject", "participant", "speaker", "person", "session", "animal", "recording"}
)


@dataclass(frozen=True)
class Candidate:
    """A reading that was not taken. kind: a modality, or for the target a task. option: the words
    on the command line that choose it."""

    column: str
    kind: str
    sure: float
    why: str
    option: str


@dataclass
class Recognized:
    """A table as understood.

    columns: one for every column of the table, in its order. targets: names of the target
    columns. task: "classify", "tags", "grades" or "regress". candidates: what else the target and
    the columns could be, the target first, then by sureness. warnings: what a person should know
    before trusting figures. unlabeled: row -> why it has no usable target; such rows are to be
    set aside. group: a column whose equal values should stay on one side of every split.
    scale: grades that are words, the lowest first.
    """

    columns: list[Column]
    targets: list[str]
    task: str
    task_why: str
    candidates: list[Candidate] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unlabeled: dict[int, str] = field(default_factory=dict)
    group: Choice | None = None
    scale: list[str] = field(default_factory=list)

    def inputs(self) -> list[Column]:
        """The columns to learn from, in the table's order."""
        return [column for column in self.columns if column.role == "input"]

    def target_columns(self) -> list[Column]:
        """The columns to predict, in the order in which they were named."""
        named = {column.name: column for column in self.columns}
        return [named[name] for name in self.targets]


def recognize(table: RawTable, settings: Settings) -> Recognized:
    """Find each column's modality and role, the target, and the task.

    Raises:
        ConfigError: A setting names a column, modality or task that is not there.
        DataError: There is nothing to predict, or nothing to predict it from.
    """
    _check_settings(table, settings)
    _turn_back(table, settings)
    if len(table) < 2:
        raise DataError(
            f"{len(table)} row{'' if len(table) == 1 else 's'} can't teach anything",
            where=table.name,
            fix="give at least a few dozen examples",
        )
    readings = {name: rank_readings(raw) for name, raw in table.columns.items()}
    _read_families_alike(table, readings)
    names, why = find_targets(table, settings, readings)
    question = read_question(table, settings, readings, names, why)
    found = Recognized([], names, question.task, question.why, unlabeled=question.unlabeled)
    found.candidates, found.scale = _task_candidates(question), question.scale
    found.warnings = list(question.warnings)
    targets = {column.name: column for column in question.columns}
    for name, raw in table.columns.items():
        column = targets.get(name) or _read_input(table, raw, settings, readings[name], found)
        found.columns.append(column)
    _drop_copies(table, settings, found)
    _check_leaks(table, settings, found)
    _keep_something(table, found)
    found.group = _find_group(table, settings, found)
    found.warnings += oddities(table, found.columns)
    return found


def recognize_inputs(table: RawTable, settings: Settings) -> Recognized:
    """Find each column's modality and role where nothing is to be predicted: no column is a target.

    Raises:
        ConfigError: A setting names a column or modality that is not there.
        DataError: No column is left to learn from.
    """
    _check_settings(table, settings)
    _turn_back(table, settings)
    readings = {name: rank_readings(raw) for name, raw in table.columns.items()}
    _read_families_alike(table, readings)
    found = Recognized([], [], "", "")
    for name, raw in table.columns.items():
        found.columns.append(_read_input(table, raw, settings, readings[name], found))
    _drop_copies(table, settings, found)
    _keep_something(table, found)
    found.group = _find_group(table, settings, found)
    return found


def rank_readings(raw: RawColumn) -> list[tuple[str, Reading]]:
    """All modalities' claims on a column, the surest first; none if it is empty."""
    if raw.missing().all():
        return []
    claims = [(name, kind.recognize(raw)) for name, kind in MODALITIES.items()]
    found = [(name, reading) for name, reading in claims if reading is not None]
    return sorted(found, key=lambda item: -item[1].sure)


# --- settings -------------------------------------------------------------------------------


def _check_settings(table: RawTable, settings: Settings) -> None:
    named = [(f"--as {name}={kind}", name) for name, kind in settings.kinds.items()]
    named += [(f"--ignore {name}", name) for name in settings.ignore]
    for option in ("group", "order", "split"):
        name = getattr(settings, option)
        read_already = option == "split" and table.split is not None
        if name is not None and not read_already:
            named.append((f"--{option} {name}", name))
    for option, name in named:
        if name not in table.columns:
            raise ConfigError(
                f"there is no column '{name}'",
                where=f"{option}, {table.name}",
                fix=did_you_mean(name, table.columns),
            )
    for name, kind in settings.kinds.items():
        if kind not in MODALITIES and kind != IGNORE and BETWEEN not in kind:
            raise ConfigError(
                f"there is no kind '{kind}' to read a column as",
                where=f"--as {name}={kind}",
                fix=did_you_mean(kind, [*MODALITIES, IGNORE]),
            )
    _check_target_is_free(settings)


def _turn_back(table: RawTable, settings: Settings) -> None:
    """Who says that a column holds series knows how its array lies."""
    for name, kind in settings.kinds.items():
        raw = table.columns[name]
        if kind == "series" and raw.turned:
            table.columns[name] = RawColumn(name, np.moveaxis(raw.values, 1, 2), raw.folder)
            table.notes[:] = [note for note in table.notes if "(rows, channels, time)" not in note]
            table.notes.append(f"'{name}' is read as (rows, time, channels): --as {name}=series")


def _check_target_is_free(settings: Settings) -> None:
    """What is to be predicted can't be left out or used for something else."""
    uses = {name: f"--ignore {name}" for name in settings.ignore}
    uses |= {name: f"--as {name}={IGNORE}" for name, k in settings.kinds.items() if k == IGNORE}
    if settings.group is not None:
        uses[settings.group] = f"--group {settings.group}"
    for name in (settings.target or "").split(","):
        if name.strip() in uses:
            raise ConfigError(
                f"'{name.strip()}' is the target, and has another use too",
                where=f"--target {settings.target} and {uses[name.strip()]}",
                fix="leave out one of the two",
            )


# --- one input column -----------------------------------------------------------------------


def _read_input(
    table: RawTable,
    raw: RawColumn,
    settings: Settings,
    readings: list[tuple[str, Reading]],
    found: Recognized,
) -> Column:
    """Decide one column that is not the target, and note what else it could be."""
    best = readings[0][0] if readings else "category"
    by_setting = _role_by_setting(raw.name, settings)
    if by_setting:
        return Column(raw.name, best, "ignored", by_setting)
    asked = settings.kinds.get(raw.name)
    if asked is not None and BETWEEN in asked:
        raise ConfigError(
            f"'{raw.name}' is not the target, and only answers are grades",
            where=f"--as {raw.name}={asked}",
            fix=f"name it with --target {shlex.quote(raw.name)}, or leave this out",
        )
    if asked is not None:
        _check_forced(table, raw, asked)
        return Column(raw.name, asked, "input", f"as asked by --as {raw.name}={asked}")
    for kind, reading in readings:
        if kind in _FILES and reading.sure <= 0.15:
            found.warnings.append(f"column '{raw.name}' is left out: {reading.why}")
            return Column(raw.name, kind, "ignored", reading.why)
    reason = _nothing_to_learn(raw, readings)
    if reason:
        keep = f"; {_option(raw.name, best)} to keep it" if readings else ""
        return Column(raw.name, best, "ignored", reason + keep)
    if not readings:
        raise DataError(
            f"no kind of value fits the column '{raw.name}'",
            where=f"{table.name}, column '{raw.name}': {raw.values.dtype} {raw.values.shape}",
            fix=f"leave it out with --ignore {shlex.quote(raw.name)}",
        )
    return _take_best(raw, readings, found)


def _role_by_setting(name: str, settings: Settings) -> str:
    """Why the user's settings keep a column from being an input; '' if they don't."""
    if name in settings.ignore or settings.kinds.get(name) == IGNORE:
        return "left out, as asked"
    if name == settings.split:
        return "says which part each row belongs to (--split)"
    if name == settings.group:
        return "says which rows belong together (--group)"
    return ""


def _check_forced(table: RawTable, raw: RawColumn, kind: str) -> None:
    """A kind that fits not a single value is a mistake, whoever chose it."""
    if kind in (*_FILES, "words", "series") and raw.values.ndim == 1 and raw.values.dtype != object:
        raise ConfigError(
            f"'{raw.name}' holds single numbers or dates, which can't be read as {kind}",
            where=f"--as {raw.name}={kind}, {table.name}",
            fix="leave the option away, or choose number, category, date or text",
        )
    if kind not in ("number", "date") or raw.values.ndim > 1:
        return
    looked = RawColumn(raw.name, present(raw), raw.folder)
    values = MODALITIES[kind].load(looked).values
    if len(values) and bool(np.isnat(values).all() if kind == "date" else np.isnan(values).all()):
        raise ConfigError(
            f"no value of '{raw.name}' is a {kind}; the first is {shown(looked.values[0])}",
            where=f"--as {raw.name}={kind}, {table.name}",
            fix="leave the option away, or choose another kind",
        )


def _take_best(raw: RawColumn, readings: list[tuple[str, Reading]], found: Recognized) -> Column:
    kind, best = readings[0]
    others = [(name, item) for name, item in readings[1:] if item.sure >= _POSSIBLE]
    for name, item in others:
        option = _option(raw.name, name)
        found.candidates.append(Candidate(raw.name, name, item.sure, item.why, option))
    if "become missing" in best.why or "ambiguous" in best.why:
        found.warnings.append(f"column '{raw.name}': {best.why}")
    change = f"; {_option(raw.name, others[0][0])} to change" if others else ""
    article = "an" if kind[0] in "aeiou" else "a"
    plural = kind in ("text", "series", "words", "audio")
    read = f"read as {kind if plural else f'{article} {kind}'}"
    return Column(raw.name, kind, "input", f"{best.why}; {read}{change}")


def _option(name: str, kind: str) -> str:
    return f"--as {shlex.quote(f'{name}={kind}')}"


def _read_families_alike(table: RawTable, readings: dict[str, list[tuple[str, Reading]]]) -> None:
    """pixel_0 ... pixel_63 are one family: an odd one among them is read like the rest."""
    families: dict[str, list[str]] = {}
    for name, raw in table.columns.items():
        if raw.values.dtype.kind == "f" and raw.values.ndim == 1 and re.search(r"\d", name):
            families.setdefault(re.sub(r"\d+", "#", name), []).append(name)
    for stem, names in families.items():
        kinds = Counter(readings[name][0][0] for name in names if readings[name])
        if len(names) < _FAMILY or len(kinds) < 2:
            continue
        common = kinds.most_common(1)[0][0]
        for name in names:
            own = [item for kind, item in readings[name] if kind == common]
            if own and readings[name][0][0] != common:
                why = f"{own[0].why}, one of {len(names)} columns {stem}"
                rest = [item for item in readings[name] if item[0] != common]
                readings[name] = [(common, Reading(1.0, why)), *rest]


# --- nothing to learn from ------------------------------------------------------------------


def _nothing_to_learn(raw: RawColumn, readings: list[tuple[str, Reading]]) -> str:
    """Why a column can't help to answer; '' if it can."""
    if raw.values.ndim > 1:
        return ""
    values = present(raw)
    if not len(values):
        return f"no value in any of {len(raw):,} rows"
    best, sure = (readings[0][0], readings[0][1].sure) if readings else ("", 0.0)
    if values.dtype == object and not isinstance(values[0], str):
        return ""
    if len(set(values[:1000].tolist())) == 1 and _constant(raw):
        return f"always {shown(_plain(values[0]))}"
    if best in (*_FILES, "date", "words") or (best == "series" and sure >= 0.9):
        return ""
    return _names_the_row(raw, values, best)


def _constant(raw: RawColumn) -> bool:
    """One value throughout; where some rows lack it, its being there may say something."""
    missing = raw.missing()
    there = _there(raw)
    return bool(np.all(there == there[0])) and (not missing.any() or missing.mean() < 0.01)


def _names_the_row(raw: RawColumn, values: np.ndarray, kind: str) -> str:
    """Why the values only tell rows apart (ids, row numbers, codes); '' if they don't."""
    fractions = values.dtype.kind == "f" and bool(np.any(values != np.round(values)))
    if len(values) < 10 or fractions or not (_unlike(values) and _unlike(_there(raw))):
        return ""
    words = name_words(raw.name)
    named = bool(words & _ID_WORDS) or not words
    if kind == "number" or values.dtype.kind == "f":
        numbers = MODALITIES["number"].load(RawColumn(raw.name, _there(raw))).values
        return _names_the_row_by_number(numbers, words, named)
    texts = [str(value).strip() for value in values]
    if kind == "text" and np.mean([len(text.split()) for text in texts]) > 2:
        return ""
    if named:
        return f"named like an id, and no value comes twice ({shown(texts[0])} ...)"
    return _names_the_row_by_code(texts)


def _there(raw: RawColumn) -> np.ndarray:
    return raw.values[~raw.missing()]


def _unlike(values: np.ndarray) -> bool:
    """Whether no value comes twice."""
    different = set(values.tolist()) if values.dtype == object else np.unique(values)
    return len(different) == len(values)


def _names_the_row_by_number(numbers: np.ndarray, words: frozenset[str], named: bool) -> str:
    whole = bool(np.all(numbers == np.round(numbers)))
    if not whole:
        return ""
    if named:
        return (
            f"named like an id, and no number comes twice ({numbers[0]:.0f}, {numbers[1]:.0f} ...)"
        )
    if words & _AXIS_WORDS:
        return ""
    if bool(np.all(np.diff(numbers) == 1)):
        return f"counts the rows: {numbers[0]:.0f}, {numbers[1]:.0f}, {numbers[2]:.0f} ..."
    low, high = numbers.min(), numbers.max()
    if low in (0, 1) and high - low + 1 == len(numbers):
        return f"every number from {low:.0f} to {high:.0f} once: it only names the row"
    return ""


def _names_the_row_by_code(texts: list[str]) -> str:
    """Codes: digits in nearly all of them, no more than two words, alike in shape."""
    digits = np.mean([any(map(str.isdigit, text)) for text in texts])
    long = np.mean([len(text.split()) > 2 or len(text) > 64 for text in texts])
    if digits < 0.8 or long > 0.1 or any("@" in text for text in texts[:100]):
        return ""
    shapes = Counter(re.sub(r"\d+", "0", re.sub(r"[A-Za-z]+", "a", text)) for text in texts)
    hexes = np.mean([bool(re.fullmatch(r"[0-9a-fA-F-]{16,}", text)) for text in texts])
    if hexes < 0.9 and shapes.most_common(1)[0][1] < 0.5 * len(texts):
        return ""
    return f"codes of which none comes twice ({shown(texts[0])}, {shown(texts[1])} ...)"


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


# --- copies and leaks -----------------------------------------------------------------------


def _drop_copies(table: RawTable, settings: Settings, found: Recognized) -> None:
    """Of columns that are equal in every row, only the first is learned from."""
    seen: dict[int, list[str]] = {}
    for column in found.inputs():
        raw = table.columns[column.name]
        if raw.values.ndim > 1 or column.modality == "series":
            continue
        mark = hash(tuple(map(str, raw.values[:200].tolist())))
        twin = next((name for name in seen.get(mark, []) if _equal(raw, table.columns[name])), None)
        if twin is None:
            seen.setdefault(mark, []).append(column.name)
        elif column.name not in settings.kinds:
            column.role = "ignored"
            column.why = f"a copy of '{twin}'; {_option(column.name, column.modality)} to keep it"


def _equal(a: RawColumn, b: RawColumn) -> bool:
    if a.values.dtype.kind == b.values.dtype.kind == "f":
        return bool(np.array_equal(a.values, b.values, equal_nan=True))
    return a.values.dtype == b.values.dtype and a.values.tolist() == b.values.tolist()


def _check_leaks(table: RawTable, settings: Settings, found: Recognized) -> None:
    """Leave out copies of the target; name columns that know too much."""
    if found.task == "tags":
        return
    rows = _labeled_rows(len(table), found.unlabeled)
    by_name = {column.name: column for column in found.columns}
    compared = {
        name: values
        for name, column in by_name.items()
        if column.role != "target"
        and (values := _comparable(table.columns[name].take(rows), column)) is not None
    }
    for target in found.target_columns():
        values = target_values(target, table.columns[target.name].take(rows)).values
        for leak in find_leaks(compared, values, classes=values.dtype == object):
            _act_on(leak, by_name[leak.column], target.name, settings, found)


def _labeled_rows(count: int, unlabeled: dict[int, str]) -> np.ndarray:
    """int64: rows with a target, at most as many as are looked at for leaks."""
    labeled = np.ones(count, dtype=bool)
    labeled[list(unlabeled)] = False
    rows = np.flatnonzero(labeled)
    if len(rows) <= LOOK:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, LOOK, replace=False))


def _comparable(raw: RawColumn, column: Column) -> np.ndarray | None:
    """A column's values as leaks are looked for: float64, or object of str; None if neither."""
    if raw.values.ndim > 1 or column.modality not in ("number", "category", "date", "text"):
        return None
    if raw.missing().all():
        return None
    if raw.values.dtype.kind == "f" and column.role == "ignored":
        return raw.values  # an id that rises with the target is told by its size
    if column.modality == "text":
        return None if column.role == "input" else raw.values
    values = MODALITIES[column.modality].load(raw).values
    if column.modality == "date":
        missing = np.isnat(values)
        numbers = values.astype(np.int64).astype(np.float64)
        numbers[missing] = np.nan
        return numbers
    return np.asarray(values)


def _act_on(leak: Leak, column: Column, target: str, settings: Settings, found: Recognized) -> None:
    if column.role == "ignored":
        if column.why.startswith(("left out, as asked", "a copy of")):
            return
        found.warnings.append(
            f"column '{column.name}' {leak.why}; it is left out anyway, but the rows may have "
            f"been sorted or collected by '{target}'"
        )
    elif leak.copy and column.name not in settings.kinds:
        column.role = "ignored"
        column.why = f"{leak.why} ('{target}'); {_option(column.name, column.modality)} to keep it"
        found.warnings.append(f"column '{column.name}' is left out: {leak.why}")
    else:
        found.warnings.append(
            f"column '{column.name}' {leak.why}: is it known before '{target}' is? If not, "
            f"--ignore {shlex.quote(column.name)}"
        )


def _keep_something(table: RawTable, found: Recognized) -> None:
    """With no input left, ids and copies are better than nothing; constants are not."""
    if found.inputs():
        return
    spared = [
        column
        for column in found.columns
        if column.role == "ignored"
        and column.modality
        and "to keep it" in column.why
        and not column.why.startswith(("always", "no value"))
    ]
    lost = [c for c in found.columns if c.modality in _FILES and "no such file" in c.why]
    if not spared and lost:
        raise DataError(
            f"the files that column '{lost[0].name}' names are not there, and no other column is "
            f"left to learn {_asked(found)}from",
            where=f"{table.name}; {lost[0].why}",
            fix="put the files where the names say, as seen from the folder of the table",
        )
    if not spared:
        reasons = "; ".join(
            f"{column.name}: {column.why}" for column in found.columns if column.role == "ignored"
        )
        raise DataError(
            f"no column is left to learn {_asked(found)}from",
            where=f"{table.name}; {reasons or 'there is no other column'}",
            fix=(
                "add columns that say something about the target"
                if found.targets
                else "add columns that differ from row to row"
            )
            + (", or keep one with --as NAME=KIND" if "to keep it" in reasons else ""),
        )
    for column in spared:
        reason = column.why.partition(";")[0]
        column.role = "input"
        column.why = f"{reason}; kept, because nothing else is left"
        found.warnings.append(f"column '{column.name}' is all there is to learn from: {reason}")


def _asked(found: Recognized) -> str:
    """The targets inside a sentence; '' where nothing is to be predicted."""
    return f"'{', '.join(found.targets)}' " if found.targets else ""


# --- other readings and groups --------------------------------------------------------------


def _task_candidates(question: Question) -> list[Candidate]:
    name = question.columns[0].name
    return [
        Candidate(name, item.task, item.sure, item.why, f"--task {item.task}")
        for item in question.readings[1:]
    ]


def _find_group(table: RawTable, settings: Settings, found: Recognized) -> Choice | None:
    """A column that names who or what a row was taken from, if rows of the same one repeat."""
    if settings.group is not None:
        return Choice(settings.group, "as asked by --group")
    for column in found.inputs():
        if not name_words(column.name) & _PERSON_WORDS or column.name in settings.kinds:
            continue
        if column.modality not in ("number", "category"):
            continue
        values = [str(value) for value in present(table.columns[column.name])]
        different = len(set(values))
        coded = np.mean([any(map(str.isdigit, value)) for value in values]) > 0.8
        if coded and different >= 5 and len(values) >= 2 * different and len(found.inputs()) > 1:
            why = f"{different:,} different values, each in {len(values) / different:.0f} rows"
            column.role = "ignored"
            column.why = f"names whom a row is from ({why}): equal ones stay on one side of a split"
            return Choice(column.name, column.why)
    return None
