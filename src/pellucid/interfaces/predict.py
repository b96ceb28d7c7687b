"""Answer new examples with a trained model."""

from __future__ import annotations

import csv
import json
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.data import read
from pellucid.data.columns import RawTable
from pellucid.data.read import NO_PATH, names_a_path
from pellucid.data.readers.gather import Gathering
from pellucid.errors import ConfigError, DataError, did_you_mean

if TYPE_CHECKING:
    from pellucid.export.bundle import Bundle

MOST_NAMES = 4
"""Other possible answers that are named in a line."""
STRANGE = 0.01
"""Of rows like those learned from so few are as strange."""


def predict(
    bundle: Bundle, source: Any, model: str | None = None, sure: float | None = None
) -> list[dict[str, Any]]:
    """One dict a row, in the order of the rows or of the sorted paths."""
    if sure is not None and not 0 < sure < 1:
        raise ConfigError(
            f"{sure:g} is no degree of sureness",
            where="--sure",
            fix="write a share between 0 and 1, such as --sure 0.95",
        )
    table = table_of(bundle, source)
    which = model or "kept"
    return bundle.predict(table, which, sure=sure).lines(table)  # type: ignore[arg-type]


def table_of(bundle: Bundle, source: Any) -> RawTable:
    """New examples as the model takes them: a path, a frame, arrays, one row as a dict, or for a
    model that reads nothing but a text the text itself."""
    if isinstance(source, str) and _is_text(bundle, source):
        source = {bundle.columns[0].name: source}
    if isinstance(source, Mapping) and not any(_is_column(value) for value in source.values()):
        one = table_of(bundle, {name: [value] for name, value in source.items()})
        return replace(one, places=["this example"])
    columns = [column.name for column in bundle.columns]
    if bundle.gathered is not None:
        return _gathered(source, bundle.gathered, columns)
    try:
        return read.read_for_prediction(source, columns)
    except DataError as error:
        if isinstance(source, str) and _reads_a_text(bundle) and error.what.startswith(NO_PATH):
            fix = f"{error.fix}; or the text itself: {shlex.quote(columns[0] + '=' + source)}"
            raise DataError(error.what, where=error.where, fix=fix) from None
        raise


def _is_text(bundle: Bundle, source: str) -> bool:
    """Whether this is a text itself and no path, for a model that reads one text. One word alone
    may be a path with a slip in it."""
    return _reads_a_text(bundle) and len(source.split()) > 1 and not names_a_path(source)


def _reads_a_text(bundle: Bundle) -> bool:
    return len(bundle.columns) == 1 and bundle.columns[0].modality == "text"


def predict_sources(
    run: str, sources: list[str], model: str | None, sure: float | None = None
) -> list[dict[str, Any]]:
    """Answers for what was typed: files, folders and tables, or one row as NAME=VALUE words."""
    from pellucid.export.bundle import Bundle
    from pellucid.uses.answerers import use_of

    if use_of(run):
        return _of_use(run, sources, model, sure)
    bundle = Bundle.load_from(run)
    for lack in bundle.lacks:
        print(f"note     this model is of an early version: {lack}", file=sys.stderr)
    row = typed_row(bundle, sources)
    if row is not None:
        return predict(bundle, row, model, sure)
    lines: list[dict[str, Any]] = []
    for source in sources:
        found = predict(bundle, source, model, sure)
        lines += [{**line, "row": len(lines) + place} for place, line in enumerate(found)]
        if len(sources) > 1:
            for line in lines[-len(found) :]:
                line["source"] = source
    return lines


def _of_use(
    run: str, sources: list[str], model: str | None, sure: float | None
) -> list[dict[str, Any]]:
    """The same for a model of a use, which takes what was typed as it is: one source, or several
    that belong together (two pictures of a pair)."""
    from pellucid.uses.answerers import load_answerer

    if sure is not None:
        raise ConfigError(
            "this model can't be told how sure to be",
            where="--sure",
            fix="leave out --sure; its answers carry their own uncertainty",
        )
    answerer = load_answerer(run)
    return answerer.predict(sources[0] if len(sources) == 1 else sources, model)


def typed_row(bundle: Bundle, sources: list[str]) -> dict[str, list[str]] | None:
    """The row that was typed as NAME=VALUE words; None if sources were named."""
    pairs = [source.partition("=") for source in sources]
    if all(equals and not Path(source).exists() for source, (_, equals, _) in zip(sources, pairs)):
        return _one_row(pairs, [column.name for column in bundle.columns])
    return None


def _one_row(pairs: list[tuple[str, str, str]], known: list[str]) -> dict[str, list[str]]:
    """The row that was typed; all input columns must be there."""
    given = {name: [value] for name, _, value in pairs}
    for name in given:
        if name not in known:
            raise ConfigError(
                f"the model has no input '{name}'",
                where=" ".join("".join(pair) for pair in pairs),
                fix=did_you_mean(name, known),
            )
    lacking = [name for name in known if name not in given]
    if lacking:
        raise ConfigError(
            f"the row lacks {', '.join(repr(name) for name in lacking[:6])}",
            where=" ".join("".join(pair) for pair in pairs),
            fix=f"add {shlex.quote(lacking[0] + '=VALUE')}; with nothing behind = it is missing",
        )
    return given


def write_answers(
    lines: list[dict[str, Any]],
    *,
    as_json: bool,
    out: str | None,
    readable: Callable[[dict[str, Any]], str] | None = None,
) -> None:
    """To standard output as JSON lines or a readable table; to `out` as .csv or .jsonl.

    readable: how a line is said to people, if the task is none of the main job.
    """
    if out is not None:
        _write_file(lines, Path(out))
        print(f"{len(lines):,} answers written to {out}", file=sys.stderr)
        return
    for line in lines:
        said = readable or _readable
        print(json.dumps(line, ensure_ascii=False) if as_json else said(line))


def readable_of(run: str) -> Callable[[dict[str, Any]], str] | None:
    """How the model of a use says a line; None for the main job."""
    from pellucid.uses.answerers import load_answerer, use_of

    return load_answerer(run).readable if use_of(run) else None


def _gathered(source: Any, gathering: Gathering, columns: list[str]) -> RawTable:
    """Cells put together as at training; examples that are whole already are taken as they are."""
    try:
        table = read.read_for_prediction(source, list(gathering.columns))
    except DataError:
        return read.read_for_prediction(source, columns)
    return gathering.apply(table)


def _is_column(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, str | bytes | Path)


def _readable(line: dict[str, Any]) -> str:
    if "error" in line:
        return f"{line['row']:>6}  can't answer: {line['error']['what']}"
    repaired = f"  ! {line['repaired']}" if "repaired" in line else ""
    return f"{line['row']:>6}  {_said(line)}{_doubt(line)}{repaired}"


def _said(line: dict[str, Any]) -> str:
    """The answer with how sure it is, and what else it may be.

    >>> _said({"answer": "discontent", "probability": 0.5, "set": ["discontent", "content"]})
    'discontent  50.0%  (or content)'
    """
    answer = line["answer"]
    given = answer if isinstance(answer, list) else [answer]
    others = [name for name in line.get("set", []) if name not in given]
    if line.get("unsure"):
        named = line.get("set") and not _is_strange(line)
        possible = f"  (perhaps {_listed(line['set'], 'or')})" if named else ""
        return f"doesn't know{possible}"
    if isinstance(answer, dict):
        return _numbers(answer, line.get("intervals", {}))
    if isinstance(answer, float):
        said = f"{answer:.6g}"
        if "low" in line:
            said += f"  (90% of such answers are within {line['low']:.4g} .. {line['high']:.4g})"
        return said
    if isinstance(answer, list):
        also = f"  (perhaps also {_listed(others, 'and')})" if others else ""
        return (", ".join(answer) or "(none)") + also
    sure = f"  {line['probability']:.1%}" if "probability" in line else ""
    return f"{answer}{sure}" + (f"  (or {_listed(others, 'or')})" if others else "")


def _numbers(answer: dict[str, float], intervals: dict[str, list[float]]) -> str:
    """Several numbers, each with an interval of its own.

    >>> _numbers({"length": 2.0, "width": 1.5}, {"length": [1.2, 2.8]})
    'length 2 (1.2 .. 2.8), width 1.5  (each interval by itself holds 90% of such answers)'
    """
    ends = {name: f" ({low:.4g} .. {high:.4g})" for name, (low, high) in intervals.items()}
    said = ", ".join(f"{name} {value:.6g}{ends.get(name, '')}" for name, value in answer.items())
    return said + ("  (each interval by itself holds 90% of such answers)" if ends else "")


def _listed(names: list[str], word: str) -> str:
    """Names in words; of many only how many they are.

    >>> _listed(["a", "b", "c"], "or"), _listed(list("abcdef"), "or")
    ('a, b or c', 'one of 6 others')
    """
    if len(names) > MOST_NAMES:
        return f"one of {len(names)} others" if word == "or" else f"some of {len(names)} others"
    return f" {word} ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _doubt(line: dict[str, Any]) -> str:
    """What is strange about the example itself."""
    if "beyond" in line:
        parts = [f"{name} {low:g} .. {high:g}" for name, (low, high) in line["beyond"].items()]
        return f"  ! far outside of what it learned from: {', '.join(parts[:3])}"
    return "  ! unlike anything it learned from" if _is_strange(line) else ""


def _is_strange(line: dict[str, Any]) -> bool:
    return "beyond" in line or line.get("unlike", 1.0) < STRANGE


def _write_file(lines: list[dict[str, Any]], path: Path) -> None:
    if path.suffix not in (".csv", ".jsonl"):
        raise ConfigError(
            f"answers can't be written as '{path.suffix or path.name}'",
            where="--out",
            fix="choose a name that ends with .csv or .jsonl",
        )
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigError(
            f"the answers can't be written: {error.strerror}",
            where=f"--out {path}",
            fix="name a file in a folder that is there and that you may write to",
        ) from error
    with file:
        if path.suffix == ".jsonl":
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            return
        flat = [_flat(one) for line in lines for one in _box_by_box(line)]
        names = list(dict.fromkeys(name for line in flat for name in line))
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(flat)


def _box_by_box(line: dict[str, Any]) -> list[dict[str, Any]]:
    """A picture with several boxes is as many lines of a table; one without is a line of its own.

    >>> _box_by_box({"row": 3, "boxes": [{"label": "cat"}, {"label": "dog"}]})
    [{'row': 3, 'label': 'cat'}, {'row': 3, 'label': 'dog'}]
    """
    rest = {name: value for name, value in line.items() if name != "boxes"}
    return [rest | box for box in line.get("boxes") or [{}]]


def _flat(line: dict[str, Any]) -> dict[str, Any]:
    """A line as cells: one column a class, lists joined by ;."""
    cells: dict[str, Any] = {}
    for name, value in line.items():
        if name == "probabilities":
            cells |= {f"probability {label}": share for label, share in value.items()}
        elif name == "error":
            cells["error"] = value["what"]
        elif name == "set_holds":
            cells["set holds"] = value
        elif name == "beyond":
            parts = [f"{column} {low:g} .. {high:g}" for column, (low, high) in value.items()]
            cells["beyond"] = "; ".join(parts)
        elif name == "nearest":
            cells["nearest"] = "; ".join(f"{one['name']} {one['probability']:.4g}" for one in value)
        elif name == "intervals":
            for target, (low, high) in value.items():
                cells |= {f"{target} low": low, f"{target} high": high}
        elif isinstance(value, dict):
            cells |= value
        else:
            cells[name] = "; ".join(value) if isinstance(value, list) else value
    return cells
