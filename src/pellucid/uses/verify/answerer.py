"""What is taken away: compares two pictures, and names whom it was shown."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pellucid.baselines.features import strip
from pellucid.baselines.similarity import FittedSimilarity
from pellucid.data import read
from pellucid.data.columns import Column, Loaded, RawTable
from pellucid.data.dataset import encode
from pellucid.data.modalities import MODALITIES
from pellucid.errors import BundleError, ConfigError, DataError
from pellucid.evidence.finding import Finding
from pellucid.network.assemble import Blueprint, Model
from pellucid.network.embedding import Embedder
from pellucid.recording.files import read_arrays, write_arrays
from pellucid.uses.reading import check_row, problem, usable_rows, with_sources
from pellucid.uses.use import Answerer, begun
from pellucid.uses.verify.alike import explain_pair
from pellucid.uses.verify.gallery import Gallery, who
from pellucid.uses.verify.given import pairs_in, people_in
from pellucid.uses.verify.pairs import Sureness

ROWS_AT_ONCE = 256
NEAREST = 3
UNKNOWN = "unknown"


@dataclass
class Reference:
    """Some training examples, to say what something is like. names: whose. places: which."""

    names: list[str]
    places: list[str]
    points: np.ndarray


class VerifyAnswerer(Answerer):
    """A network that turns a picture into a point, a classical method beside it, and for each what
    a likeness means.

    column: the input, fitted. layout: of its files. home: the model's folder, where the gallery
    lies; None for a model that was not saved yet.
    """

    kind: ClassVar[str] = "verify"

    def __init__(
        self,
        embedder: Embedder,
        column: Column,
        layout: dict[str, Any],
        sureness: Sureness,
        reference: Reference,
        classical: FittedSimilarity | None = None,
        classical_sureness: Sureness | None = None,
    ) -> None:
        self.embedder, self.column, self.layout = embedder, column, layout
        self.sureness, self.reference = sureness, reference
        self.classical, self.classical_sureness = classical, classical_sureness
        self.home: Path | None = None
        self.gallery = Gallery()

    def network(self) -> nn.Module:
        return self.embedder

    # --- points -------------------------------------------------------------------------------

    def points(self, loaded: Loaded, model: str = "network") -> np.ndarray:
        """Where decoded examples lie `(rows, width)`, float64, of length 1."""
        if model == "baseline":
            assert self.classical is not None
            return self.classical.embed({self.column.name: loaded})
        named = {self.column.name: loaded}
        inputs = encode([self.column], named, torch.empty(0)).inputs
        rows = len(loaded.values)
        with torch.inference_mode():
            parts = [
                self.embedder({n: v[at : at + ROWS_AT_ONCE] for n, v in inputs.items()}).double()
                for at in range(0, rows, ROWS_AT_ONCE)
            ]
        return torch.cat(parts).numpy() if parts else np.zeros((0, self.embedder.width))

    def judge(self, model: str | None = None) -> tuple[str, Sureness]:
        """Who compares, "network" or "baseline", and what its likeness means."""
        asked = model or self.kept
        if asked == "network":
            return asked, self.sureness
        if self.classical is None or self.classical_sureness is None:
            raise BundleError(
                "this model was saved without a classical method",
                where="--model baseline",
                fix="use --model network",
            )
        return asked, self.classical_sureness

    # --- answers ------------------------------------------------------------------------------

    def predict(self, source: Any, model: str | None = None) -> list[dict[str, Any]]:
        """Of a pair (two files, or a table with two columns of files) whether they are the same:
        `answer` "same" or "different", and in both cases the `probability` that they are the same;
        of a single file or a folder who of the gallery it shows, or "unknown"."""
        pair = pairs_in(source, self.column)
        if pair is None:
            return self._named(source, model)
        left, right = pair
        one, problems = self._loaded(left)
        other, others = self._loaded(right)
        problems = others | problems
        asked, sureness = self.judge(model)
        lines: list[dict[str, Any]] = [{"row": row} for row in range(len(left))]
        good = usable_rows(len(left), problems)
        for row, why in problems.items():
            lines[row]["error"] = problem(why, left.places[row])
        if len(good):
            here, there = self.points(one.take(good), asked), self.points(other.take(good), asked)
            chances = sureness.probability((here * there).sum(1))
            for row, chance in zip(good.tolist(), chances.tolist(), strict=True):
                answer = "same" if chance >= 0.5 else "different"
                lines[row] |= {"answer": answer, "probability": chance}
        return lines

    def _named(self, source: Any, model: str | None) -> list[dict[str, Any]]:
        if not len(self.gallery):
            raise ConfigError(
                "this model has nobody to compare a single example with",
                where=str(source),
                fix="give two files to compare, or show it who is who first: "
                "pellucid enroll RUN FOLDER",
            )
        table = read.read_for_prediction(source, [self.column.name])
        loaded, problems = self._loaded(table)
        asked, sureness = self.judge(model)
        lines: list[dict[str, Any]] = [{"row": row} for row in range(len(table))]
        for row, why in problems.items():
            lines[row]["error"] = problem(why, table.places[row])
        good = usable_rows(len(table), problems)
        if not len(good):
            return with_sources(lines, source, table.places)
        likeness = self.gallery.likeness(self.points(loaded.take(good), asked), asked)
        chances = who(sureness.odds(likeness))
        names = self.gallery.identities
        for place, row in enumerate(good.tolist()):
            order = np.argsort(-chances[place, :-1], kind="stable")[:NEAREST]
            best = int(order[0])
            known = chances[place, best] > 0.5
            lines[row] |= {
                "answer": names[best] if known else UNKNOWN,
                "probability": float(chances[place, best if known else -1]),
                "nearest": [
                    {"name": names[one], "probability": float(chances[place, one])}
                    for one in order.tolist()
                ],
            }
        return with_sources(lines, source, table.places)

    def explain(self, source: Any, row: int = 0, seconds: float = 2.0) -> Finding:
        """Which parts of a pair make the two alike."""
        pair = pairs_in(source, self.column)
        if pair is None:
            raise ConfigError(
                "an explanation compares two examples",
                where=str(source),
                fix="give two files, or a table with two columns of files and --row",
            )
        left, right = pair
        check_row(row, len(left), left.name, "pairs")
        sides = []
        for table in pair:
            one = table.column(self.column.name).take(np.array([row]))
            loaded = MODALITIES[self.column.modality].load(one, self.layout)
            if loaded.problems:
                raise DataError(
                    loaded.problems[0],
                    where=str(table.places[row]),
                    fix="give a file that opens in other programs",
                )
            sides.append(loaded)
        asked, sureness = self.judge()
        return explain_pair(
            self.column,
            lambda loaded: self.points(loaded, asked),
            sureness,
            (sides[0], sides[1]),
            _told_apart(source, (str(left.places[row]), str(right.places[row]))),
            self.reference if asked == "network" else None,
            seconds,
        )

    def readable(self, line: dict[str, Any]) -> str:
        if "error" in line:
            return super().readable(line)
        chance = f"{line['probability']:.1%}"
        if line["answer"] in ("same", "different"):
            return f"{begun(line)}{line['answer']:<10}{chance} that they are the same"
        others = [f"{one['name']} {one['probability']:.0%}" for one in line["nearest"]]
        return f"{begun(line)}{line['answer']}  {chance}  (nearest: {', '.join(others)})"

    # --- enrolment ----------------------------------------------------------------------------

    def enroll(self, source: str | Path) -> dict[str, Any]:
        """Remember who is who, without training: one folder for each identity, or files that are
        named after them. Writes the gallery beside the model.

        Returns:
            `identities` and `pictures` that were added, `known`: all identities by now, `left_out`
            [(place, why)].

        Raises:
            DataError: There is nothing that can be used.
        """
        path = Path(source)
        if not path.is_dir():
            raise DataError(
                f"'{path.name}' is no folder" if path.exists() else f"there is no '{path.name}'",
                where=str(path),
                fix="give a folder with one folder for each identity, such as people/ada/1.jpg",
            )
        table, names = people_in(path, self.column.name)
        loaded, problems = self._loaded(table)
        good = usable_rows(len(table), problems)
        left_out = [(str(table.places[row]), why) for row, why in problems.items()]
        left_out += [(item.place, item.why) for item in table.refused]
        if not len(good):
            raise DataError(
                "none of the files can be used",
                where="; ".join(f"{place}: {why}" for place, why in left_out[:3]) or str(path),
                fix="give files of the kind that the model learned from",
            )
        usable = loaded.take(good)
        points = {"network": self.points(usable)}
        if self.classical is not None:
            points["baseline"] = self.points(usable, "baseline")
        chosen = [names[row] for row in good.tolist()]
        places = [str(table.places[row]) for row in good.tolist()]
        self.gallery = self.gallery.with_more(chosen, places, points)
        if self.home is not None:
            self.gallery.save(self.home)
        return {
            "identities": sorted(set(chosen)),
            "pictures": len(good),
            "known": self.gallery.identities,
            "left_out": left_out,
        }

    # --- reading ------------------------------------------------------------------------------

    def _loaded(self, table: RawTable) -> tuple[Loaded, dict[int, str]]:
        column = table.column(self.column.name)
        loaded = MODALITIES[self.column.modality].load(column, self.layout)
        return loaded, loaded.problems

    # --- on disk ------------------------------------------------------------------------------

    def save(self, folder: Path) -> dict[str, Any]:
        state = self.embedder.state_dict()
        kept = {name: value.contiguous() for name, value in state.items() if name != "proxies"}
        save_file(kept, str(folder / "network.safetensors"))
        arrays = {"reference": self.reference.points.astype(np.float32)}
        head: dict[str, Any] = {
            "column": self.column.as_json(),
            "layout": self.layout,
            "blueprint": self.embedder.model.blueprint.as_json(),
            "width": self.embedder.width,
            "sureness": vars(self.sureness),
            "reference": {"names": self.reference.names, "places": self.reference.places},
            "classical": None,
        }
        if self.classical is not None and self.classical_sureness is not None:
            about, own, _ = self.classical.state()
            head["classical"] = {"about": about, "sureness": vars(self.classical_sureness)}
            arrays |= {f"classical.{name}": value for name, value in own.items()}
        write_arrays(folder / "arrays.safetensors", arrays)
        self.home = folder
        return dict(json.loads(json.dumps(head)))

    @classmethod
    def load(cls, folder: Path, head: dict[str, Any]) -> VerifyAnswerer:
        arrays = read_arrays(folder / "arrays.safetensors")
        embedder = Embedder(Model(Blueprint.from_json(head["blueprint"])), head["width"], 0)
        embedder.load_state_dict(load_file(str(folder / "network.safetensors")))
        embedder.eval()
        classical = classical_sureness = None
        if head["classical"] is not None:
            own = strip(arrays, "classical.")
            classical = FittedSimilarity.restore(head["classical"]["about"], own)
            classical_sureness = Sureness(**head["classical"]["sureness"])
        points = arrays["reference"].astype(np.float64)
        found = cls(
            embedder,
            Column(**head["column"]),
            head["layout"],
            Sureness(**head["sureness"]),
            Reference(head["reference"]["names"], head["reference"]["places"], points),
            classical,
            classical_sureness,
        )
        found.home, found.gallery = folder, Gallery.load(folder)
        return found


def _told_apart(source: object, places: tuple[str, str]) -> tuple[str, str]:
    """Two files of one name in two folders are called by these as well."""
    given = source if isinstance(source, list | tuple) else []
    files = [Path(one) for one in given if isinstance(one, str | Path)]
    if places[0] != places[1] or [one.name for one in files] != list(places):
        return places
    one, other = (f"{file.parent.name}/{file.name}" for file in files)
    return one, other
