"""A map of unlabelled data, told top to bottom: see `uses/use.py: Course`.

The network learns, without any answers, to give two changed copies of an example the same vector.
In the space of these vectors clusters are looked for, believed only if halves of the data agree on
them better than on shuffled data, and a flat map is drawn. Principal components of the raw numbers
are asked the same.
"""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.config import ACROSS, Plan, Settings, Size
from pellucid.data.dataset import Dataset, encode, entry_of
from pellucid.data.duplicates import find_duplicates
from pellucid.data.modalities import MODALITIES
from pellucid.data.split import clusters_of, split_rows
from pellucid.errors import DataError
from pellucid.learning.evaluate import mean_of
from pellucid.learning.recipes import AUDIO, IMAGE, SERIES, TEXT, Recipe
from pellucid.network.assemble import Model, blueprint
from pellucid.recipe.drawings import as_json
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.map import SameUnderChange, changes_for, pairs_of
from pellucid.uses.map.answerer import Mapper, features_of
from pellucid.uses.map.findings import findings
from pellucid.uses.map.source import read_source
from pellucid.uses.map.space import Space, raw_values, recognized_again
from pellucid.uses.use import Course, Exam, Examples, Judged, Reading, Source, use

OUTPUTS = 64
"""Floats of the vectors that the loss compares; the map is made of what stands before them."""
MOST_JUDGED = 1_000
WITH_POSITIONS = {"image": IMAGE, "audio": AUDIO, "series": SERIES, "text": TEXT}
RECIPE = Recipe(
    family="mlp",
    sizes=(Size(64, 2, 0.0), Size(128, 2, 0.0)),
    epochs=(5, 40),
    steps=(100, 600),
    batch=256,
    rate=2e-3,
    weight_decay=0.01,
    average=0.0,
    why="two changed copies of an example are to have the same vector, different ones are not",
)


@use
class Map(Course):
    kind: ClassVar[str] = "map"
    title: ClassVar[str] = "map of unlabelled data"
    metric: str = "recognized again"
    answerer: ClassVar[type[Mapper]] = Mapper
    objective: SameUnderChange

    @classmethod
    def recognize(cls, source: Source) -> Reading | None:
        """Never by itself: almost every source could be put on a map."""
        return None

    def __init__(self, source: Source, settings: Settings, watcher: Watcher) -> None:
        self.settings = settings
        self.found = found = read_source(source.given, source.test, settings, watcher)
        found.notes += self._split()
        parts = [found.ledger.rows(part) for part in ("train", "valid", "test")]
        self.used = np.concatenate(parts)
        self.columns = [
            replace(one, fitted=MODALITIES[one.modality].fit(found.loaded[one.name].take(parts[0])))
            for one in found.columns
        ]
        loaded = {name: values.take(self.used) for name, values in found.loaded.items()}
        plain = encode(self.columns, loaded, torch.zeros(len(self.used)))
        self.modalities = {entry_of(one).group: one.modality for one in self.columns}
        self.changed = changes_for(plain.entries, self.modalities)
        self.objective = SameUnderChange(OUTPUTS, self.changed)
        self.plain = plain
        counts = np.cumsum([0, *(len(part) for part in parts)])
        self.train, valid, test = (np.arange(a, b) for a, b in pairwise(counts.tolist()))
        self.valid, self.test = valid[:MOST_JUDGED], test[:MOST_JUDGED]
        dataset, pairs = self._with_pairs()
        places = [str(found.table.places[row]) for row in self.used]
        places += [places[number // 2] for number in range(len(dataset) - len(places))]
        self.examples = Examples(
            name=found.table.name,
            fingerprint=found.table.fingerprint,
            target="which examples are alike",
            dataset=dataset,
            modalities=self.modalities,
            places=places,
            train=self.train,
            valid=pairs[0],
            test=pairs[1],
            ledger=found.ledger,
            draw=self.draw,
            columns=[one.as_json() for one in (*self.columns, *found.others)],
            notes=found.notes,
        )

    def draw(self, number: int) -> dict[str, Any]:
        """Column -> drawing of an example of the dataset."""
        row = int(self.used[number])
        return {
            one.name: as_json(MODALITIES[one.modality].draw(self.found.loaded[one.name], row))
            for one in self.columns
        }

    def _split(self) -> list[str]:
        found = self.found
        rows = found.ledger.usable()
        given = found.table.split
        usable = {name: values.take(rows) for name, values in found.loaded.items()}
        duplicates = find_duplicates(found.columns, usable, len(rows))
        split = split_rows(
            np.zeros(len(rows), dtype=np.int64),
            clusters=clusters_of(len(rows), duplicates.keys),
            given=None if given is None else given[rows],
            seed=self.settings.seed,
        )
        parts = split.split.copy()
        if split.folds:  # one network, so no turns: a fifth of the rows checks it
            for fold in split.folds[: max(1, len(split.folds) // 4)]:
                parts[fold] = "valid"
        found.ledger.assign(rows, parts)
        for name in ("train", "valid", "test"):
            if (parts == name).sum() < 3:
                raise DataError(
                    f"there are too few different examples: nothing is left for {name}",
                    where=f"{found.table.name}, {len(rows):,} usable examples",
                    fix="give more examples that are not copies of each other",
                )
        why = [one for one in split.why if "networks take turns" not in one]
        return [*why, *([duplicates.why] if duplicates.why else [])]

    def _with_pairs(self) -> tuple[Dataset, tuple[np.ndarray, np.ndarray]]:
        """All examples, and behind them two changed copies of each validation and test example,
        the same ones for everybody."""
        inputs = {name: [values] for name, values in self.plain.inputs.items()}
        ends = [len(self.plain)]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            for part in (self.valid, self.test):
                batch = self.plain.take(torch.from_numpy(part))
                for name, values in pairs_of(batch.inputs, self.changed).items():
                    inputs[name].append(values)
                ends.append(ends[-1] + 2 * len(part))
        joined = {name: torch.cat(values) for name, values in inputs.items()}
        dataset = Dataset(self.plain.entries, joined, torch.zeros(ends[-1]))
        return dataset, (np.arange(ends[0], ends[1]), np.arange(ends[1], ends[2]))

    # --- learning -----------------------------------------------------------------------------

    def recipe(self) -> Recipe:
        return RECIPE

    def build(self, plan: Plan) -> nn.Module:
        size = next(iter(plan.sizes.values()))
        entries = self.plain.entries
        positions = [name for name, entry in entries.items() if entry.rank > 0]
        own = {name: WITH_POSITIONS[self.modalities[name]] for name in positions}
        families = {name: recipe.family for name, recipe in own.items()}
        sizes = {name: recipe.sizes[0] for name, recipe in own.items()}
        if len(entries) > 1 or not positions:
            families[ACROSS], sizes[ACROSS] = "mlp", size
        rows = torch.from_numpy(self.train)
        own_plan = replace(plan, network=families, sizes=sizes, numbers="plain")
        sketch = blueprint(entries, self.plain.inputs, rows, own_plan, OUTPUTS)
        model = Model(sketch)
        model.prepare(self.plain.take(rows[:: max(1, len(rows) // 5_000)]).inputs)
        return model

    def score(self, output: Tensor) -> float:
        vectors = output.float().cpu().numpy()
        return float(recognized_again(vectors[0::2], vectors[1::2]).mean())

    # --- what follows -------------------------------------------------------------------------

    def finish(self, model: nn.Module, seconds: float, watcher: Watcher) -> Mapper:
        assert isinstance(model, Model)
        self.model = model.cpu().eval()
        watcher.tell("looking for clusters, and drawing the map")
        vectors = features_of(self.model, self._inputs(self.train))
        space = Space.fit(vectors, self.settings.seed)
        pair = [space.place(one) for one in self._copies(self.examples.valid)]
        space.sharpen(*pair)
        self.valid_score = float(recognized_again(*pair).mean())
        layouts = {name: values.layout for name, values in self.found.loaded.items()}
        self.mapper = Mapper(self.columns, layouts, self.model, self.plain.entries, space)
        return self.mapper

    def compete(self, seconds: float, watcher: Watcher) -> None:
        began = time.perf_counter()
        values = raw_values(self._inputs(self.train), self.plain.entries)
        space = Space.fit(values, self.settings.seed)
        pair = [space.place(one) for one in self._raw_copies(self.examples.valid)]
        space.sharpen(*pair)
        self.seconds = time.perf_counter() - began
        self.classical_score = float(recognized_again(*pair).mean())
        self.raw_score = float(recognized_again(*self._raw_copies(self.examples.valid)).mean())
        self.mapper.classical = space

    def exam(self, answerer: Any, seconds: float, watcher: Watcher) -> Exam:
        assert isinstance(answerer, Mapper)
        assert answerer.classical is not None
        test = self.examples.test
        began = time.perf_counter()
        mine = [answerer.space.place(one) for one in self._copies(test)]
        cost = 1000 * (time.perf_counter() - began) / max(1, len(test))
        raw = self._raw_copies(test)
        other = [answerer.classical.place(one) for one in raw]
        hits = {
            "network": recognized_again(*mine),
            "principal components": recognized_again(*other),
            "raw numbers": recognized_again(*raw),
        }
        weights = 4 * sum(one.numel() for one in self.model.parameters())
        network = Judged("network", mean_of(hits["network"]), self.valid_score, 0.0, cost, weights)
        size = sum(one.nbytes for one in answerer.classical.arrays().values())
        components = answerer.classical.components
        classical = [
            Judged(
                "principal components",
                mean_of(hits["principal components"]),
                self.classical_score,
                self.seconds,
                0.0,
                size,
                f"{components.axes.shape[1]} components of the raw numbers "
                f"({components.explained:.0%} of the spread)",
            ),
            Judged(
                "raw numbers", mean_of(hits["raw numbers"]), self.raw_score, 0.0, 0.0, raw[0].nbytes
            ),
        ]
        rival = max(self.classical_score, self.raw_score)
        better = self.valid_score >= rival or self.settings.keep == "network"
        kept = answerer.space if better else answerer.classical
        answerer.kept = "network" if kept is answerer.space else "baseline"
        found = findings(self, answerer, hits)
        return Exam(
            units=len(hits["network"]),
            unit="examples",
            network=network,
            classical=classical,
            constant="raw numbers",
            figures=found[0].figures | found[1].figures,
            findings=found,
        )

    def _inputs(self, numbers: np.ndarray) -> dict[str, Tensor]:
        return self.examples.dataset.take(torch.from_numpy(numbers)).inputs

    def _copies(self, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        vectors = features_of(self.model, self._inputs(pairs))
        return vectors[0::2], vectors[1::2]

    def _raw_copies(self, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values = raw_values(self._inputs(pairs), self.plain.entries)
        return values[0::2], values[1::2]
