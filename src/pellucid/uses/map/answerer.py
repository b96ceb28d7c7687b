"""The model of a map: which cluster a new example falls into, and where on the map it lies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pellucid.baselines.clusters import distances
from pellucid.baselines.features import strip
from pellucid.data import read
from pellucid.data.columns import Column, Entry, Loaded, RawTable
from pellucid.data.dataset import encode
from pellucid.errors import DataError
from pellucid.evidence.finding import Finding, Table
from pellucid.network.assemble import Blueprint, Model
from pellucid.recording.files import read_arrays, write_arrays
from pellucid.uses.map.space import Space, raw_values
from pellucid.uses.reading import check_row, load_again, problem, usable_rows, with_sources
from pellucid.uses.typed import as_source
from pellucid.uses.use import Answerer, begun

DRAWS = 8
"""Other examples whose values take a column's place, when it is asked what the column does."""


class Mapper(Answerer):
    """Vectors of a network (or principal components) with clusters and a map.

    layouts: of each input column. space, classical: where examples lie, for the network and for
    principal components of the raw numbers. names: of the training examples that the maps show.
    """

    kind: ClassVar[str] = "map"

    def __init__(
        self,
        columns: list[Column],
        layouts: dict[str, dict[str, Any]],
        model: Model,
        entries: Mapping[str, Entry],
        space: Space,
        classical: Space | None = None,
    ) -> None:
        self.columns, self.layouts, self.model = columns, layouts, model
        self.entries, self.space, self.classical = dict(entries), space, classical
        self.names: list[str] = []

    def network(self) -> nn.Module:
        return self.model

    def of(self, model: str | None) -> Space:
        """The space of who answers."""
        which = model or self.kept
        return self.classical if which == "baseline" and self.classical is not None else self.space

    def predict(self, source: Any, model: str | None = None) -> list[dict[str, Any]]:
        table = self._table(source)
        loaded, problems = load_again(table, self.columns, self.layouts)
        usable = usable_rows(len(table), problems)
        space = self.of(model)
        lines: dict[int, dict[str, Any]] = {}
        if len(usable):
            some = {name: values.take(usable) for name, values in loaded.items()}
            inside = self.inside(some, space)
            flat = space.on_map(inside)
            said = space.clusters(inside) if space.grouping.count else None
            for place, row in enumerate(usable.tolist()):
                line: dict[str, Any] = {"row": row, "answer": None, "probability": None}
                if said is not None:
                    cluster = int(said[0][place])
                    line |= {"answer": cluster + 1, "probability": float(said[1][place, cluster])}
                lines[row] = line | {"x": float(flat[place, 0]), "y": float(flat[place, 1])}
        for row, why in problems.items():
            lines[row] = {"row": row, "error": problem(why, table.places[row])}
        return with_sources([lines[row] for row in sorted(lines)], source, table.places)

    def inside(self, loaded: dict[str, Loaded], space: Space) -> np.ndarray:
        """Where decoded rows lie `(rows, floats)`."""
        rows = len(next(iter(loaded.values())).values)
        inputs = encode(self.columns, loaded, torch.zeros(rows)).inputs
        if space is self.classical:
            return space.place(raw_values(inputs, self.entries))
        return space.place(features_of(self.model, inputs))

    def readable(self, line: dict[str, Any]) -> str:
        if "error" in line:
            return super().readable(line)
        where = f"at ({line['x']:.1f}, {line['y']:.1f})"
        if line["answer"] is None:
            return f"{begun(line)}no clusters; {where}"
        return f"{begun(line)}cluster {line['answer']}  {line['probability']:.0%}  {where}"

    def explain(self, source: Any, row: int = 0, seconds: float = 2.0) -> Finding:
        """Which columns hold a row in its cluster, and which known examples lie beside it."""
        table = self._table(source)
        check_row(row, len(table), table.name)
        loaded, problems = load_again(table, self.columns, self.layouts)
        if row in problems:
            raise DataError(
                problems[row], where=str(table.places[row]), fix="give a row that can be read"
            )
        space = self.of(None)
        one = {name: values.take(np.array([row])) for name, values in loaded.items()}
        inside = self.inside(one, space)
        near = np.argsort(distances(inside, space.anchors)[0])[:5]
        named = [self.names[place] if self.names else str(place) for place in near.tolist()]
        title = f"Why {table.places[row]} lies where it lies"
        beside = f"The known examples nearest to it are {', '.join(named)}."
        if not space.grouping.count:
            return Finding("explanation", title, f"There are no clusters. {beside}")
        clusters, likely = space.clusters(inside)
        mine, sure = int(clusters[0]), float(likely[0, clusters[0]])
        rows = self._without(one, loaded, row, space, mine, sure)
        sentence = f"It falls into cluster {mine + 1} ({sure:.0%}). {beside}"
        notes: tuple[str, ...] = ()
        if len(rows) > 1:
            sentence += f" '{rows[0][0]}' holds it there most."
            notes = (
                "a column's part: how much the probability falls, on average, with the value that "
                "other rows of the source have there",
                f"with the first column's value of others {rows[0][1]:+.3f}, with the last one's "
                f"{rows[-1][1]:+.3f}",
            )
        header = ("column", "holds it by")
        tables = (Table("What holds it in its cluster", header, tuple(rows)),) if rows else ()
        figures = {"probability": sure, "cluster": mine + 1}
        return Finding("explanation", title, sentence, notes, figures, tables)

    def _without(
        self,
        one: dict[str, Loaded],
        loaded: dict[str, Loaded],
        row: int,
        space: Space,
        mine: int,
        sure: float,
    ) -> list[tuple[str, float]]:
        """Each column and how much the probability falls with other rows' values in it."""
        rows = len(next(iter(loaded.values())).values)
        others = np.setdiff1d(np.arange(rows), [row])
        if len(self.columns) < 2 or not len(others):
            return []
        others = np.random.default_rng(0).choice(others, min(DRAWS, len(others)), replace=False)
        found = []
        for column in self.columns:
            mixed = {
                name: values.take(np.zeros(len(others), np.int64)) for name, values in one.items()
            }
            mixed[column.name] = loaded[column.name].take(others)
            likely = space.clusters(self.inside(mixed, space))[1][:, mine]
            found.append((column.name, sure - float(likely.mean())))
        return sorted(found, key=lambda pair: -pair[1])

    # --- reading and keeping ------------------------------------------------------------------

    def _table(self, source: Any) -> RawTable:
        names = [column.name for column in self.columns]
        return read.read_for_prediction(as_source(source), names)

    def save(self, folder: Path) -> dict[str, Any]:
        state = {name: value.contiguous() for name, value in self.model.state_dict().items()}
        save_file(state, str(folder / "network.safetensors"))
        arrays = {f"space.{name}": value for name, value in self.space.arrays().items()}
        head: dict[str, Any] = {
            "columns": [column.as_json() for column in self.columns],
            "layouts": self.layouts,
            "blueprint": self.model.blueprint.as_json(),
            "names": self.names,
            "space": self.space.facts(),
            "classical": None,
        }
        if self.classical is not None:
            head["classical"] = self.classical.facts()
            arrays |= {f"classical.{name}": v for name, v in self.classical.arrays().items()}
        write_arrays(folder / "arrays.safetensors", arrays)
        found: dict[str, Any] = json.loads(json.dumps(head).replace("NaN", "null"))
        return found

    @classmethod
    def load(cls, folder: Path, head: dict[str, Any]) -> Mapper:
        arrays = read_arrays(folder / "arrays.safetensors")
        model = Model(Blueprint.from_json(head["blueprint"]))
        model.load_state_dict(load_file(str(folder / "network.safetensors")))
        model.eval()
        classical = None
        if head["classical"] is not None:
            classical = Space.restore(head["classical"], strip(arrays, "classical."))
        found = cls(
            [Column(**column) for column in head["columns"]],
            head["layouts"],
            model,
            model.blueprint.entries,
            Space.restore(head["space"], strip(arrays, "space.")),
            classical,
        )
        found.names = head["names"]
        return found


@torch.inference_mode()
def features_of(model: Model, inputs: Mapping[str, Tensor]) -> np.ndarray:
    """The network's vectors float32 `(rows, width)`."""
    device = next(model.parameters()).device
    count = len(next(iter(inputs.values())))
    found = []
    for start in range(0, count, 512):
        part = {name: values[start : start + 512].to(device) for name, values in inputs.items()}
        found.append(model.features(part).float().cpu().numpy())
    return np.concatenate(found)
