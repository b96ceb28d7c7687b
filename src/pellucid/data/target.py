"""The question: which column is to be predicted, and is it a class, a grade, a number, or tags?

Every reading has a sureness and its evidence; the readings that were not taken are kept, so that
a person sees what else the target could have been and which word changes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pellucid.config import Settings
from pellucid.data.columns import Column, RawColumn, RawTable, Reading
from pellucid.data.glance import name_words, present, shown
from pellucid.data.modalities import MODALITIES
from pellucid.data.scales import BETWEEN, order_of, written
from pellucid.errors import ConfigError, DataError, did_you_mean

TASK_NAMES = ("classify", "tags", "grades", "regress")
Readings = Mapping[str, Sequence[tuple[str, Reading]]]
"""Column -> (modality, its reading), surest first."""

_KIND_OF_TASK = {
    "classify": "category",
    "tags": "words",
    "grades": "number",
    "regress": "number",
}
_TASK_OF_KIND = {"category": "classify", "words": "tags", "number": "regress"}

_NAMES = ("target", "targets", "label", "labels", "class", "classes", "outcome", "tags", "y")
_LIKELY = frozenset(
    {"survived", "churn", "churned", "sentiment", "diagnosis", "species", "fraud", "spam", "medv"}
    | {"saleprice"}
)
_CLASS_WORDS = frozenset(
    {"class", "classes", "label", "labels", "category", "type", "kind", "species", "digit", "code"}
    | {"cluster", "diagnosis", "lettr", "letter", "group"}
)
_GRADE_WORDS = frozenset(
    {"rating", "ratings", "stars", "star", "score", "grade", "grades", "level", "severity"}
    | {"stage", "quality", "satisfaction", "likert", "rank", "ranking", "opinion"}
)
_AMOUNT_WORDS = frozenset(
    {"count", "number", "num", "n", "age", "price", "cost", "rooms", "rings", "years", "days"}
    | {"hours", "amount", "total", "income", "sales", "size", "length", "weight", "height"}
)

_MOST_GRADES = 11


@dataclass(frozen=True)
class TaskReading:
    """One way to understand the target."""

    task: str
    sure: float
    why: str


@dataclass
class Question:
    """What is asked.

    columns: the target columns, role "target", with the layout that reads them in `fitted`.
    readings: the ways to understand the target, the chosen one first.
    unlabeled: row -> why it has no usable target. scale: grades that are words, the lowest first.
    """

    columns: list[Column]
    task: str
    why: str
    readings: list[TaskReading]
    unlabeled: dict[int, str]
    warnings: list[str]
    scale: list[str] = field(default_factory=list)


def target_values(column: Column, raw: RawColumn) -> RawColumn:
    """The target as a task takes it: float64 numbers, names of classes, or lists of tags.

    Text such as '1.234,50 €' is read the way the training rows wrote it.
    """
    layout = column.fitted.get("layout")
    loaded = MODALITIES[column.modality].load(raw, layout)
    return RawColumn(raw.name, loaded.values, raw.folder)


# --- which column? --------------------------------------------------------------------------


def find_targets(table: RawTable, settings: Settings, readings: Readings) -> tuple[list[str], str]:
    """Names of the target columns, and why these."""
    if settings.target is not None:
        return _named_targets(table, settings.target), "named by --target"
    if table.target is not None:
        table.column(table.target)
        return [table.target], "the source itself says so"
    used = {settings.group, settings.split, *settings.ignore}
    used |= {name for name, kind in settings.kinds.items() if kind == "ignore"}
    names = [name for name in table.columns if name not in used]
    names = [name for name in names if not table.columns[name].missing().all()]
    possible = [name for name in names if _can_be_target(table.columns[name], readings[name])]
    found = _by_name(names, possible)
    if found:
        return [found], "found by its name; --target to change"
    if len(possible) > 0 and len(names) > 1:
        if names[-1] in possible:
            return [names[-1]], "the last column; --target to change"
        if len(possible) == 1:
            return possible, "the only column that can be predicted; --target to change"
    raise DataError(
        "no column says that it is the one to predict",
        where=f"{table.name}, columns: {_listed(list(table.columns))}",
        fix=_name_it(table, names),
    )


def _name_it(table: RawTable, names: list[str]) -> str:
    if len(names) == 2 and all(table.columns[name].values.dtype == object for name in names):
        return "name it with --target COLUMN; to write one text from the other: --task translate"
    if len(names) > 1:
        return "name it with --target COLUMN"
    if len(table.columns) > 1:
        return "ignore fewer columns: one is to be predicted, and one to predict it from"
    if names and table.columns[names[0]].values.ndim > 1:
        return "give the answers too: an array y beside the array X"
    return "give at least two columns: one to predict, and something to predict it from"


def _named_targets(table: RawTable, wanted: str) -> list[str]:
    if wanted in table.columns:
        return [wanted]
    names = [name.strip() for name in wanted.split(",")]
    for name in names:
        if name not in table.columns:
            raise ConfigError(
                f"there is no column '{name}' to predict",
                where=f"--target {wanted}, {table.name}",
                fix=did_you_mean(name, table.columns),
            )
    if len(set(names)) < len(names):
        raise ConfigError(
            "a column is named twice as target",
            where=f"--target {wanted}",
            fix="name each column once",
        )
    return names


def _by_name(names: list[str], possible: list[str]) -> str | None:
    """The column whose name says that it is the target.

    A column called 'label' is the target even if it can't be one: an error that says why is worth
    more than a model of something else.
    """
    plain = {name: "".join(filter(str.isalnum, name.casefold())) for name in names}
    for wanted in _NAMES:
        # A column 'y' beside a column 'x' is a coordinate rather than the answer.
        if wanted == "y" and "x" in plain.values() and len(names) > 2:
            continue
        found = [name for name in names if plain[name] == wanted]
        if found:
            return found[0]
    for words in ({"target"}, {"label"}, {"outcome"}):
        found = [name for name in possible if name_words(name) & words]
        if len(found) == 1:
            return found[0]
    found = [name for name in possible if plain[name].removeprefix("is") in _LIKELY]
    return found[0] if len(found) == 1 else None


def _can_be_target(raw: RawColumn, readings: Sequence[tuple[str, Reading]]) -> bool:
    kind = readings[0][0] if readings else ""
    values = present(raw)
    if kind == "words":
        return True
    if kind == "number":
        return not _counts_rows(raw.values)
    if kind != "category":
        return False
    different = len({str(value) for value in values})
    return 2 <= different <= max(2, len(values) / 2)


def _counts_rows(values: np.ndarray) -> bool:
    if values.dtype.kind != "f" or len(values) < 3:
        return False
    return bool(np.all(values[1:] == values[:-1] + 1))


# --- which task? ----------------------------------------------------------------------------


def read_question(
    table: RawTable, settings: Settings, readings: Readings, names: list[str], why: str
) -> Question:
    """Decide the task; the path is the same whether it was asked for or found."""
    if len(names) > 1:
        return _several_numbers(table, settings, names, why)
    raw = table.columns[names[0]]
    if raw.missing().all():
        raise _empty(table, raw.name)
    _check_answerable(table, settings, raw)
    ranked = sorted(
        _task_readings(raw, readings[raw.name], _words(raw, readings)), key=lambda item: -item.sure
    )
    task = _asked(settings, raw) or (ranked[0].task if ranked else "")
    if not task:
        raise _no_target(table, raw)
    chosen = next((item for item in ranked if item.task == task), None)
    others = [item for item in ranked if item.task != task and item.sure >= 0.3]
    column, unlabeled, warnings = _decode(table, settings, raw, task, why)
    worded = task == "grades" and column.modality == "category"
    scale = _scale(table, settings, raw) if worded else []
    if scale:  # a scale that the user said may differ from the usual one
        chosen = TaskReading(task, 1.0, _in_order(scale))
    sentence = _sentence(settings, raw, task, chosen, others)
    if chosen and others and _asked(settings, raw) is None and others[0].sure > chosen.sure - 0.3:
        warnings.insert(0, f"the target '{raw.name}' can be read in two ways: {sentence}")
    first = [chosen] if chosen else [TaskReading(task, 1.0, "as asked")]
    return Question([column], task, sentence, [*first, *others], unlabeled, warnings, scale)


def _scale(table: RawTable, settings: Settings, raw: RawColumn) -> list[str]:
    """Grades that are words, the lowest first: as a person says, or in a usual order."""
    words = {str(value).strip() for value in raw.values[~raw.missing()]}
    said = settings.kinds.get(raw.name, "")
    scale = written(said) if BETWEEN in said else order_of(words)
    if scale is None:
        some = BETWEEN.join(sorted(words)[:5])
        raise ConfigError(
            f"no order is known for the grades {', '.join(map(shown, sorted(words)[:5]))}",
            where=f"{table.name}, column '{raw.name}'",
            fix=f"say it from the lowest to the highest, --as '{raw.name}={some}', or use"
            " --task classify",
        )
    lacking = sorted(words.difference(scale))
    if lacking or len(set(scale)) < len(scale):
        what = f"lacks {shown(lacking[0])}" if lacking else "names a grade twice"
        raise ConfigError(
            f"the scale {shown(said)} {what}",
            where=f"--as {raw.name}={said}",
            fix=f"name each of its {len(words):,} different values once, the lowest first",
        )
    return scale


def _empty(table: RawTable, name: str) -> DataError:
    return DataError(
        f"the target '{name}' has no value in any of {len(table):,} rows",
        where=f"{table.name}, column '{name}'",
        fix="name another column with --target",
    )


def _check_answerable(table: RawTable, settings: Settings, raw: RawColumn) -> None:
    """Answers are words, numbers or lists of words; lists are answered by tags."""
    first = raw.values[~raw.missing()][0]
    if isinstance(first, list | tuple | set):
        if _asked(settings, raw) in (None, "tags"):
            return
        raise ConfigError(
            f"the target '{raw.name}' holds lists of words, such as {shown(first)}",
            where=f"{table.name}, column '{raw.name}'",
            fix="use --task tags, or name another --target",
        )
    if isinstance(first, str):
        return
    if raw.values.ndim == 1 and raw.values.dtype.kind in "biuf":
        if _asked(settings, raw) != "tags":
            return
        raise ConfigError(
            f"the target '{raw.name}' holds numbers, which can't be tags",
            where=f"{table.name}, column '{raw.name}'",
            fix="leave out --task tags, or name a column of words with --target",
        )
    raise _only_to_learn_from(table, raw, "dates" if raw.values.dtype.kind == "M" else "arrays")


def _only_to_learn_from(table: RawTable, raw: RawColumn, what: str) -> DataError:
    return DataError(
        f"the target '{raw.name}' holds {what}: they can be learned from, not predicted",
        where=f"{table.name}, column '{raw.name}'",
        fix="name a column of words or numbers with --target",
    )


def _words(raw: RawColumn, readings: Readings) -> float:
    return next((item.sure for kind, item in readings[raw.name] if kind == "words"), 0.0)


def _asked(settings: Settings, raw: RawColumn) -> str | None:
    """The task that the user asked for, by --task or by --as for the target."""
    kind = settings.kinds.get(raw.name)
    if settings.task != "auto":
        if settings.task not in TASK_NAMES:
            raise ConfigError(
                f"there is no task '{settings.task}'",
                where="--task",
                fix=did_you_mean(settings.task, TASK_NAMES),
            )
        if kind and BETWEEN in kind and settings.task != "grades":
            raise ConfigError(
                f"a scale asks for grades, --task for {settings.task}",
                where=f"--task {settings.task} --as {raw.name}={kind}",
                fix="leave out one of the two",
            )
        return settings.task
    if kind is None:
        return None
    if BETWEEN in kind:
        return "grades"
    if kind not in _TASK_OF_KIND:
        raise ConfigError(
            f"the target can't be read as {kind}",
            where=f"--as {raw.name}={kind}",
            fix=f"use --as {raw.name}=category, =number or =words, or name another --target",
        )
    return _TASK_OF_KIND[kind]


def _task_readings(
    raw: RawColumn, readings: Sequence[tuple[str, Reading]], words: float
) -> list[TaskReading]:
    """All ways to understand one target column."""
    kind = readings[0][0] if readings else ""
    number = next((item for name, item in readings if name == "number"), None)
    if kind == "words" or words >= 0.9:
        why = next(item.why for name, item in readings if name == "words")
        return [TaskReading("tags", 0.9, why), TaskReading("classify", 0.3, why)]
    if number is not None and (number.sure >= 0.5 or raw.values.dtype.kind == "f"):
        values = MODALITIES["number"].load(raw).values
        return _numeric(raw.name, values[np.isfinite(values)], number.why)
    if kind not in ("category", "text"):
        return []
    found = _textual(present(raw))
    if words >= 0.3:
        why = next(item.why for name, item in readings if name == "words")
        found.append(TaskReading("tags", 0.4, why))
    return found


def _textual(values: np.ndarray) -> list[TaskReading]:
    counts = Counter(str(value).strip() for value in values)
    if len(counts) > max(2, len(values) / 2):
        return []
    first = ", ".join(shown(name, 24) for name, _ in counts.most_common(3))
    more = " ..." if len(counts) > 3 else ""
    found = [TaskReading("classify", 0.95, f"{len(counts):,} different words: {first}{more}")]
    scale = order_of(counts) if 2 < len(counts) <= _MOST_GRADES else None
    if scale:
        found.append(TaskReading("grades", 0.5, _in_order(scale)))
    return found


def _in_order(scale: list[str]) -> str:
    return f"in order, {f' {BETWEEN} '.join(scale)}"


def _numeric(name: str, values: np.ndarray, why: str) -> list[TaskReading]:
    """A target of numbers: class codes, grades on a scale, or amounts?"""
    different, counts = np.unique(values, return_counts=True)
    if len(different) == 2:
        return [TaskReading("classify", 0.95, f"two values, {different[0]:g} and {different[1]:g}")]
    if len(different) < 2:
        return [TaskReading("regress", 0.9, why)]
    words = name_words(name)
    whole = bool(np.all(different == np.round(different)))
    even = _evenly_spaced(different)
    if words & _GRADE_WORDS and len(different) <= 11 and (whole or even):
        return _votes(f"{why}, and the name says that they are grades", 0.3, 0.7, 0.5)
    if not whole:
        few = len(different) <= 10 and len(values) >= 10 * len(different)
        return _votes(why, 0.35 if few else 0.1, 0.3 if few and even else 0, 0.7 if few else 0.95)
    if words & _CLASS_WORDS and len(different) <= max(30, len(values) / 20):
        return _votes(f"{why}, and the name says that they are classes", 0.9, 0.1, 0.2)
    if words & (_AMOUNT_WORDS | _GRADE_WORDS):
        codes_too = 0.35 if len(different) <= 30 else 0.1
        return _votes(f"{why}, and the name says that they are amounts", codes_too, 0.1, 0.85)
    return _votes_of_codes(different, counts, why)


def _evenly_spaced(different: np.ndarray) -> bool:
    with np.errstate(over="ignore"):
        steps = np.diff(different)
        return bool(np.allclose(steps, steps[0])) if np.isfinite(steps).all() else False


def _votes_of_codes(different: np.ndarray, counts: np.ndarray, why: str) -> list[TaskReading]:
    """Whole numbers under a neutral name: codes have no gaps and begin at 0 or 1."""
    span = float(different[-1]) - float(different[0]) + 1
    codes = different[0] in (-1, 0, 1) and len(different) >= 0.75 * span
    balanced = counts.min() >= 0.1 * counts.mean()
    scale = 0.45 if different[0] == 1 and len(different) <= 10 else 0.3
    if codes and len(different) <= 10:
        why = f"{why}, without gaps from {different[0]:.0f} on, like codes of classes"
        return _votes(why, 0.75 if balanced else 0.6, scale, 0.35 if balanced else 0.5)
    if codes and len(different) <= 100 and balanced:
        return _votes(f"{why}, all about equally frequent, like codes of classes", 0.75, 0, 0.4)
    few = len(different) <= 10
    return _votes(why, 0.4 if few else 0.1, 0.35 if few else 0, 0.6 if few else 0.95)


def _votes(why: str, classify: float, grades: float, regress: float) -> list[TaskReading]:
    return [
        TaskReading("classify", classify, why),
        TaskReading("grades", grades, why),
        TaskReading("regress", regress, why),
    ]


def _sentence(
    settings: Settings,
    raw: RawColumn,
    task: str,
    chosen: TaskReading | None,
    others: list[TaskReading],
) -> str:
    """Why this task, and how to change it."""
    evidence = f"'{raw.name}': {chosen.why}; " if chosen else f"'{raw.name}': "
    if settings.task != "auto":
        return f"{evidence}{task}, as asked by --task"
    if raw.name in settings.kinds:
        return f"{evidence}{task}, as asked by --as {raw.name}={settings.kinds[raw.name]}"
    change = " or ".join(f"--task {item.task}" for item in others)
    return f"{evidence}{task}" + (f"; {change} to change" if change else "")


def _no_target(table: RawTable, raw: RawColumn) -> DataError:
    values = present(raw)
    where = f"{table.name}, column '{raw.name}'"
    if values.ndim == 1 and values.dtype == object and isinstance(values[0], str):
        if MODALITIES["date"].recognize(raw) is not None:
            return _only_to_learn_from(table, raw, "dates")
        return DataError(
            f"the target '{raw.name}' has {len(set(values)):,} different texts in "
            f"{len(values):,} rows, such as {shown(values[0])}: too many to be classes",
            where=where,
            fix="name another column with --target, or insist with --task classify",
        )
    return DataError(
        f"the target '{raw.name}' holds neither classes nor numbers",
        where=where,
        fix="name a column of words or numbers with --target",
    )


# --- reading the target ---------------------------------------------------------------------


def _decode(
    table: RawTable, settings: Settings, raw: RawColumn, task: str, why: str
) -> tuple[Column, dict[int, str], list[str]]:
    """The target's values, the rows that lack one, and what is odd about them."""
    kind = _KIND_OF_TASK[task]
    if task == "grades" and (
        BETWEEN in settings.kinds.get(raw.name, "") or not _mostly_numbers(raw)
    ):
        kind = "category"
    if kind == "number" and not _mostly_numbers(raw):
        raise ConfigError(
            f"the target '{raw.name}' can't be read as numbers: it has "
            f"{', '.join(shown(value, 24) for value in list(dict.fromkeys(present(raw)))[:3])}",
            where=f"{table.name}, column '{raw.name}'",
            fix="name another target instead: several at once must all be numbers"
            if "," in (settings.target or "")
            else "use --task classify, or name another --target",
        )
    loaded = MODALITIES[kind].load(raw)
    column = Column(raw.name, kind, "target", why, {"layout": loaded.layout})
    unlabeled = _unlabeled(raw.name, loaded.values, loaded.repairs)
    labeled = np.array([row not in unlabeled for row in range(len(raw))], dtype=bool)
    values = loaded.values[labeled]
    _check_variety(table, raw.name, values, task)
    if task not in ("classify", "grades"):
        return column, unlabeled, []
    if table.split is not None:
        values = loaded.values[labeled & (table.split != "test")]
    return column, unlabeled, _rare_classes(raw.name, values)


def _mostly_numbers(raw: RawColumn) -> bool:
    values = MODALITIES["number"].load(raw).values if raw.values.ndim == 1 else np.empty(0)
    return bool(np.isfinite(values).sum() >= 0.5 * (~raw.missing()).sum() > 0)


def _unlabeled(name: str, values: np.ndarray, repairs: dict[int, str]) -> dict[int, str]:
    if values.dtype == object:
        rows = [row for row, value in enumerate(values) if value is None]
    else:
        rows = np.flatnonzero(~np.isfinite(values)).tolist()
    return {
        row: f"the target {repairs[row].partition(',')[0]}"
        if row in repairs
        else f"the target '{name}' is missing"
        for row in rows
    }


def _check_variety(table: RawTable, name: str, values: np.ndarray, task: str) -> None:
    """There must be something to tell apart."""
    if task == "tags":
        different: list[object] = sorted({word for words in values for word in words})
    else:
        different = list(dict.fromkeys(values.tolist()))
    if len(different) >= (1 if task == "tags" else 2):
        return
    only = (
        f"it is {shown(_plain(different[0]))} in all {len(values):,} rows"
        if different
        else "it is empty"
    )
    other = "other values" if values.dtype.kind == "f" else "at least one other class"
    raise DataError(
        f"there is nothing to tell apart in the target '{name}': {only}",
        where=f"{table.name}, column '{name}'",
        fix=f"add examples of {other}"
        + ("" if name == table.target else ", or name another column with --target"),
    )


def _rare_classes(name: str, values: np.ndarray) -> list[str]:
    counts = Counter(values.tolist())
    warnings = []
    single = [_plain(value) for value, count in counts.items() if count == 1]
    if single:
        warnings.append(
            f"{len(single):,} of {len(counts):,} classes of '{name}' have one row only "
            f"({_listed(single, 5)}): learned from, never tested"
        )
    folded: dict[str, list[str]] = {}
    for value in counts:
        folded.setdefault(_plain(value).casefold(), []).append(_plain(value))
    twins = [names for names in folded.values() if len(names) > 1]
    if twins:
        pairs = "; ".join(" and ".join(f"'{item}'" for item in names) for names in twins[:3])
        warnings.append(f"classes of '{name}' differ in capitals only: {pairs}")
    return warnings


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _several_numbers(table: RawTable, settings: Settings, names: list[str], why: str) -> Question:
    """Several targets are several numbers to predict at once."""
    if settings.task not in ("auto", "regress"):
        raise ConfigError(
            f"{len(names)} targets can't be one task '{settings.task}'",
            where=f"--target {','.join(names)} --task {settings.task}",
            fix="name one target, or leave --task away to predict several numbers",
        )
    columns: list[Column] = []
    unlabeled: dict[int, str] = {}
    for name in names:
        if table.columns[name].missing().all():
            raise _empty(table, name)
        _check_answerable(table, settings, table.columns[name])
        column, lacking, _ = _decode(table, settings, table.columns[name], "regress", why)
        columns.append(column)
        unlabeled = lacking | unlabeled
    sentence = f"{len(names)} targets: one number each"
    return Question(
        columns, "regress", sentence, [TaskReading("regress", 1.0, sentence)], unlabeled, []
    )


def _listed(names: list[str], most: int = 10) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
