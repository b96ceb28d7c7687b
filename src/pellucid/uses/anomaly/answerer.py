"""What is taken away: says of new rows how strange they are, where, and how sure that is."""

from __future__ import annotations

import json
from collections.abc import Callable
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
from pellucid.data.modalities import MODALITIES
from pellucid.errors import BundleError, ConfigError, DataError
from pellucid.evidence.finding import Finding
from pellucid.recording.files import read_arrays, write_arrays
from pellucid.tasks.anomaly import Cells, HiddenCells, HiddenPatches
from pellucid.uses.anomaly.promise import Promise
from pellucid.uses.anomaly.score import Beyond, Memory, Scorer, network_of
from pellucid.uses.anomaly.where import Where, explain_row
from pellucid.uses.use import Answerer

Strangeness = Callable[[dict[str, Loaded]], np.ndarray]


class AnomalyAnswerer(Answerer):
    """A network that guesses what was hidden, a classical method beside it, and for each the
    scores of held rows that its p-values rest on.

    layouts: of each input column. reference: some training rows, to say what is usual.
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
    ) -> None:
        self.scorer, self.layouts, self.promise = scorer, layouts, promise
        self.reference = reference
        self.classical, self.classical_promise = classical, classical_promise

    def network(self) -> nn.Module:
        return self.scorer.network

    @property
    def columns(self) -> list[Column]:
        return self.scorer.columns

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
        if isinstance(source, list) and source and all(isinstance(one, str) for one in source):
            return self._several(source, model)
        table = self.table_of(source)
        loaded, problems = self.load_values(table)
        rows = np.array([row for row in range(len(table)) if row not in problems], dtype=np.int64)
        lines: list[dict[str, Any]] = [{"row": row} for row in range(len(table))]
        for row, why in problems.items():
            error = DataError(
                why,
                where=str(table.places[row]),
                fix="mend or leave out this row and predict again",
            )
            lines[row]["error"] = error.as_json()
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
        return lines

    def _several(self, typed: list[str], model: str | None) -> list[dict[str, Any]]:
        """Several sources one after the other, or one row as NAME=VALUE words."""
        row = typed_row(typed)
        if row is not None:
            return self.predict(row, model)
        lines: list[dict[str, Any]] = []
        for source in typed:
            found = self.predict(source, model)
            lines += [
                {**line, "row": len(lines) + place, "source": source}
                for place, line in enumerate(found)
            ]
        return lines

    def explain(self, source: Any, row: int = 0, seconds: float = 2.0) -> Finding:
        table = self.table_of(source)
        if not 0 <= row < len(table):
            raise ConfigError(
                f"there is no row {row}",
                where=f"{table.name} has {len(table):,} rows",
                fix=f"choose a row from 0 to {len(table) - 1}",
            )
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
            f"{line['row']:>6}  {line['answer']:<8}"
            f"of 1,000 normal rows {often} look as strange (score {line['score']:.4g})"
        )

    # --- reading ------------------------------------------------------------------------------

    def table_of(self, source: Any) -> RawTable:
        """New examples: a path, a frame, arrays, or one row as a dict of its values."""
        names = [column.name for column in self.columns]
        words = [source] if isinstance(source, str) else source
        if isinstance(words, list) and words and all(isinstance(one, str) for one in words):
            source = typed_row(words) or (words[0] if len(words) == 1 else source)
        if isinstance(source, dict) and all(np.ndim(value) == 0 for value in source.values()):
            one = {name: [value] for name, value in source.items()}
            return replace(read.read_for_prediction(one, names), places=["this example"])
        return read.read_for_prediction(source, names)

    def load_values(self, table: RawTable) -> tuple[dict[str, Loaded], dict[int, str]]:
        """Decoded input columns, and why rows can't be used."""
        loaded: dict[str, Loaded] = {}
        problems: dict[int, str] = {}
        for column in self.columns:
            values = MODALITIES[column.modality].load_beside(
                table.column(column.name),
                self.layouts[column.name],
                others=len(self.columns) - 1,
            )
            loaded[column.name] = values
            problems = values.problems | problems
        return loaded, problems

    # --- on disk ------------------------------------------------------------------------------

    def save(self, folder: Path) -> dict[str, Any]:
        state = {name: value.contiguous() for name, value in self.network().state_dict().items()}
        save_file(state, str(folder / "network.safetensors"))
        arrays = {"held": self.promise.held}
        head: dict[str, Any] = {
            "columns": [column.as_json() for column in self.columns],
            "layouts": self.layouts,
            "size": asdict(self.scorer.size),
            "question": _question(self.scorer),
            "beyond": None if self.scorer.beyond is None else self.scorer.beyond.as_json(),
            "classical": None,
            "reference": {},
            "memory": None,
        }
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
            classical_promise = Promise(arrays["classical held"])
        reference = _reference(columns, head["reference"], arrays)
        promise = Promise(arrays["held"])
        return cls(scorer, head["layouts"], promise, reference, classical, classical_promise)


def typed_row(words: list[str]) -> dict[str, str] | None:
    """The row that was typed as NAME=VALUE words; None if sources were named."""
    pairs = [word.partition("=") for word in words]
    if all(sign and not Path(word).exists() for word, (_, sign, _) in zip(words, pairs)):
        return {name: value for name, _, value in pairs}
    return None


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
