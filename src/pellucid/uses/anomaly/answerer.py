"""What is taken away: says of new rows how strange they are, where, and how sure that is."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pellucid.baselines.anomaly import FittedStrangeness
from pellucid.baselines.detectors import Neighbors
from pellucid.baselines.features import strip
from pellucid.config import Size
from pellucid.data import read
from pellucid.data.columns import Column, Loaded, RawTable
from pellucid.errors import BundleError, DataError
from pellucid.evidence.finding import Finding
from pellucid.recording.files import read_arrays, write_arrays
from pellucid.tasks.anomaly import Cells, HiddenCells, HiddenPatches
from pellucid.uses.anomaly.described import OF, Described
from pellucid.uses.anomaly.promise import Promise
from pellucid.uses.anomaly.score import Beyond, Memory, Scorer, network_of
from pellucid.uses.anomaly.where import Where, explain_row
from pellucid.uses.reading import check_row, load_again, problem, usable_rows, with_sources
from pellucid.uses.typed import as_source
from pellucid.uses.use import Answerer, begun

Strangeness = Callable[[dict[str, Loaded]], np.ndarray]


class AnomalyAnswerer(Answerer):
    """A network that guesses what was hidden, a classical method beside it, and for each the
    scores of held rows that its p-values rest on.

    layouts: of each column of the source. reference: some training rows, to say what is usual.
    described: columns that the network sees as a few numbers, beside the plain ones.
    """

    kind: ClassVar[str] = "anomaly"

    def __init__(
        self,
        scorer: Scorer,
        layouts: dict[str, dict[str, Any]],
        promise: Promise,
        reference: dict[str, Loaded],
        classical: FittedStrangeness | None = None,
        classical_promise: Promise | None = None,
        described: Sequence[Described] = (),
    ) -> None:
        self.scorer, self.layouts, self.promise = scorer, layouts, promise
        self.reference = reference
        self.classical, self.classical_promise = classical, classical_promise
        self.described = list(described)

    def network(self) -> nn.Module:
        return self.scorer.network

    @property
    def columns(self) -> list[Column]:
        """As they stand in a source; the network sees `scorer.columns`."""
        plain = [column for column in self.scorer.columns if OF not in column.fitted]
        return [*plain, *(one.column for one in self.described)]

    def judge(self, model: str | None = None) -> tuple[str, Strangeness, Promise]:
        """Who answers, with which score and promise: the one that is kept, or the one asked for."""
        asked = model or self.kept
        if asked == "network":
            return "the network", self.scorer.score, self.promise
        if self.classical is None or self.classical_promise is None:
            raise BundleError(
                "this model was saved without a classical method",
                where="--model baseline",
                fix="use --model network",
            )
        return self.classical.name, self.classical.score, self.classical_promise

    # --- answers ------------------------------------------------------------------------------

    def predict(self, source: Any, model: str | None = None) -> list[dict[str, Any]]:
        """`row`, `answer` "normal" or "anomaly", `score` and `p_value`, the share of normal rows
        that look as strange."""
        if isinstance(source, list) and len(source) > 1 and any(map(_exists, source)):
            return self._several(source, model)
        table = self.table_of(source)
        loaded, problems = self.load_values(table)
        rows = usable_rows(len(table), problems)
        lines: list[dict[str, Any]] = [{"row": row} for row in range(len(table))]
        for row, why in problems.items():
            lines[row]["error"] = problem(why, table.places[row])
        if len(rows):
            _, score, promise = self.judge(model)
            found = score({name: values.take(rows) for name, values in loaded.items()})
            p_values, strange = promise.p_values(found), promise.strange(found)
            for place, row in enumerate(rows.tolist()):
                lines[row] |= {
                    "answer": "anomaly" if strange[place] else "normal",
                    "score": float(found[place]),
                    "p_value": float(p_values[place]),
                }
        return with_sources(lines, source, table.places)

    def _several(self, sources: list[str], model: str | None) -> list[dict[str, Any]]:
        """Several files or folders, one after the other."""
        lines: list[dict[str, Any]] = []
        for source in sources:
            found = self.predict(source, model)
            lines += [
                {"source": source, **line, "row": len(lines) + place}
                for place, line in enumerate(found)
            ]
        return lines

    def explain(self, source: Any, row: int = 0, seconds: float = 2.0) -> Finding:
        table = self.table_of(source)
        check_row(row, len(table), table.name)
        one = RawTable(
            table.name,
            {name: column.take(np.array([row])) for name, column in table.columns.items()},
            [table.places[row]],
        )
        loaded, problems = self.load_values(one)
        if problems:
            raise DataError(
                problems[0], where=str(one.places[0]), fix="give a row that can be read"
            )
        where = self.where(loaded, seconds=seconds)
        return where.finding(str(table.places[row]), self.columns, loaded)

    def where(
        self, loaded: dict[str, Loaded], model: str | None = None, seconds: float = 2.0
    ) -> Where:
        """Which parts of one decoded row make it strange."""
        name, score, promise = self.judge(model)
        return explain_row(self.scorer, score, promise, name, loaded, self.reference, seconds)

    def readable(self, line: dict[str, Any]) -> str:
        if "error" in line:
            return super().readable(line)
        share = 1000 * line["p_value"]
        often = f"{share:.0f}" if share >= 1 else f"{share:.2g}"
        return (
            f"{begun(line)}{line['answer']:<8}"
            f"of 1,000 normal rows {often} look as strange (score {line['score']:.4g})"
        )

    # --- reading ------------------------------------------------------------------------------

    def table_of(self, source: Any) -> RawTable:
        """New examples: a path, a frame, arrays, or one row as its values."""
        names = [column.name for column in self.columns]
        given = as_source(source)
        table = read.read_for_prediction(given, names)
        typed = isinstance(given, dict) and given is not source
        return replace(table, places=["this example"]) if typed and len(table) == 1 else table

    def load_values(self, table: RawTable) -> tuple[dict[str, Loaded], dict[int, str]]:
        """Decoded input columns, with the numbers that describe some of them, and why rows can't
        be used."""
        loaded, problems = load_again(table, self.columns, self.layouts)
        for one in self.described:
            loaded |= one.of(loaded[one.column.name])
        return loaded, problems

    # --- on disk ------------------------------------------------------------------------------

    def save(self, folder: Path) -> dict[str, Any]:
        state = {name: value.contiguous() for name, value in self.network().state_dict().items()}
        save_file(state, str(folder / "network.safetensors"))
        arrays = {"held": self.promise.held}
        described = [one.state() for one in self.described]
        head: dict[str, Any] = {
            "columns": [column.as_json() for column in self.scorer.columns],
            "layouts": self.layouts,
            "described": [{"about": one.json, "texts": one.texts} for one in described],
            "left out": self.promise.left_out,
            "size": asdict(self.scorer.size),
            "question": _question(self.scorer),
            "beyond": None if self.scorer.beyond is None else self.scorer.beyond.as_json(),
            "classical": None,
            "reference": {},
            "memory": None,
        }
        for number, one in enumerate(described):
            arrays |= {f"described.{number}.{name}": v for name, v in one.arrays.items()}
        if self.scorer.memory is not None:
            head["memory"] = self.scorer.memory.sizes
            known = self.scorer.memory.known.arrays
            arrays |= {f"memory.{name}": value for name, value in known.items()}
        for name, values in self.reference.items():
            plain = np.asarray(values.values)
            if plain.dtype == object:
                head["reference"][name] = plain.tolist()
            else:
                arrays[f"reference.{name}"] = (
                    plain.astype(np.int64) if plain.dtype.kind == "M" else plain
                )
        if self.classical is not None and self.classical_promise is not None:
            about, own, texts = self.classical.state()
            head["classical"] = {"about": about, "texts": texts}
            head["classical left out"] = self.classical_promise.left_out
            arrays |= {f"classical.{name}": value for name, value in own.items()}
            arrays["classical held"] = self.classical_promise.held
        write_arrays(folder / "arrays.safetensors", arrays)
        return json.loads(json.dumps(head))

    @classmethod
    def load(cls, folder: Path, head: dict[str, Any]) -> AnomalyAnswerer:
        arrays = read_arrays(folder / "arrays.safetensors")
        columns = [Column(**column) for column in head["columns"]]
        question = head["question"]
        objective: HiddenCells | HiddenPatches
        if question["kind"] == "cells":
            objective = HiddenCells(
                Cells(
                    tuple((low, high) for low, high in question["numbers"]),
                    tuple((low, high) for low, high in question["words"]),
                )
            )
        else:
            objective = HiddenPatches(
                tuple(question["positions"]), tuple(question["mean"]), tuple(question["std"])
            )
        size = Size(**head["size"])
        network = network_of(columns, objective, size)
        network.load_state_dict(load_file(str(folder / "network.safetensors")))
        network.eval()
        beyond = None if head["beyond"] is None else Beyond.from_json(head["beyond"])
        memory = None
        if head["memory"] is not None:
            guessed, near = ((float(low), float(high)) for low, high in head["memory"])
            memory = Memory(Neighbors(strip(arrays, "memory.")), (guessed, near))
        scorer = Scorer(columns, network, objective, size, beyond, memory)
        classical = classical_promise = None
        if head["classical"] is not None:
            own = strip(arrays, "classical.")
            texts = head["classical"]["texts"]
            classical = FittedStrangeness.restore(head["classical"]["about"], own, texts)
            left_out = head.get("classical left out", 0)
            classical_promise = Promise(arrays["classical held"], left_out)
        reference = _reference(columns, head["reference"], arrays)
        described = [
            Described.restore(one["about"], strip(arrays, f"described.{number}."), one["texts"])
            for number, one in enumerate(head.get("described", []))
        ]
        promise = Promise(arrays["held"], head.get("left out", 0))
        return cls(
            scorer, head["layouts"], promise, reference, classical, classical_promise, described
        )


def _exists(source: object) -> bool:
    return isinstance(source, str | Path) and Path(source).exists()


def _question(scorer: Scorer) -> dict[str, Any]:
    objective = scorer.objective
    if isinstance(objective, HiddenCells):
        cells = objective.cells
        return {"kind": "cells", "numbers": cells.numbers, "words": cells.words}
    return {
        "kind": "patches",
        "positions": objective.positions,
        "mean": objective.mean,
        "std": objective.std,
    }


def _reference(
    columns: list[Column], lists: dict[str, list[Any]], arrays: dict[str, np.ndarray]
) -> dict[str, Loaded]:
    """The training rows that say what is usual."""
    found: dict[str, Loaded] = {}
    for column in columns:
        if column.name in lists:
            values = np.empty(len(lists[column.name]), dtype=object)
            values[:] = lists[column.name]
            found[column.name] = Loaded(values)
        elif f"reference.{column.name}" in arrays:
            values = arrays[f"reference.{column.name}"]
            dates = column.modality == "date"
            found[column.name] = Loaded(values.astype("datetime64[us]") if dates else values)
    return found


def to_cpu(model: nn.Module) -> nn.Module:
    """The network where answers are made: beside the data, which is read there."""
    return model.to(torch.device("cpu")).eval()
