"""Similarity and verification, told top to bottom: see `uses/use.py: Course`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.baselines.similarity import FittedSimilarity, fit_similarity
from pellucid.config import Plan, Settings, Size
from pellucid.data.columns import Column, Loaded
from pellucid.data.dataset import encode, entry_of
from pellucid.data.ledger import Ledger
from pellucid.data.modalities import MODALITIES
from pellucid.evidence.receipt.parts import ANSWER
from pellucid.evidence.worth.verdict import CONSTANT
from pellucid.learning.recipes import Recipe
from pellucid.network.assemble import Model, blueprint
from pellucid.network.embedding import Embedder
from pellucid.recipe.drawings import as_json
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.verify import Draw, SameIdentity
from pellucid.uses.use import Course, Exam, Examples, Judged, Reading, Source, use
from pellucid.uses.verify.answerer import Reference, VerifyAnswerer
from pellucid.uses.verify.findings import Compared, findings
from pellucid.uses.verify.pairs import Pairs, Sureness, equal_error_rate, over_identities, pairs_of
from pellucid.uses.verify.parts import split_identities
from pellucid.uses.verify.source import layout_of, read_source

WIDTH = 64
"""Floats of an embedding."""
MANY_PICTURES, MOST_PROXIES = 20, 1_000
"""From so many pictures an identity, and up to so many identities, ProxyAnchor (recipes 9)."""
REFERENCES = 400
SIZES = {
    "image": (Size(48, 1), Size(96, 1)),
    "audio": (Size(48, 1), Size(96, 1)),
    "series": (Size(48, 2, 0.1), Size(64, 3, 0.1)),
}
CHANGES: dict[str, tuple[str, ...]] = {
    "image": ("shift", "mirror"),
    "audio": ("shift_time", "mask_time"),
    "series": ("scale", "jitter"),
}


@dataclass
class Method:
    """One contender: points of held and sealed examples, what its likeness means, its costs."""

    name: str
    why: str
    points: Callable[[Loaded], np.ndarray]
    sureness: Sureness
    valid_score: float
    seconds: float
    ms_per_row: float
    bytes: int


@use
class Verify(Course):
    kind: ClassVar[str] = "verify"
    title: ClassVar[str] = "similarity and verification"
    asked: ClassVar[str] = "predict RUN ONE_FILE OTHER_FILE"
    metric: str = "EER"
    answerer: ClassVar[type[VerifyAnswerer]] = VerifyAnswerer
    objective: SameIdentity

    @classmethod
    def recognize(cls, source: Source) -> Reading | None:
        """By itself only where folders are clearly identities; else they are classes."""
        if source.settings.target is not None or source.path is None:
            return None
        why = layout_of(source.path)
        return None if why is None else Reading(0.7, why)

    def __init__(self, source: Source, settings: Settings, watcher: Watcher) -> None:
        self.settings = settings
        found = read_source(source.given, settings, source.test)
        table = found.table
        ledger = Ledger(table.places, table.refused)
        for row, how in table.repaired.items():
            ledger.repair(row, how)
        watcher.stage("decoding")
        self.loaded = MODALITIES[found.modality].load(
            table.column(found.column), progress=watcher.progress
        )
        for row, why in self.loaded.problems.items():
            ledger.set_aside(row, why)
        for row, how in self.loaded.repairs.items():
            ledger.repair(row, how)
        for row, name in enumerate(found.identity):
            if name is None:
                ledger.set_aside(row, "nobody says who it is")
        column = Column(found.column, found.modality, "input", "shows the identity")
        notes = [*found.notes, *split_identities(found, column, self.loaded, ledger, settings.seed)]
        train, valid, test = (ledger.rows(part) for part in ("train", "valid", "test"))
        fitted = MODALITIES[found.modality].fit(self.loaded.take(train))
        self.column = replace(column, fitted=fitted)
        # Identities that are learned from come first: their numbers are those of the proxies.
        names = [
            *dict.fromkeys(found.identity[train].tolist()),
            *dict.fromkeys(found.identity[np.concatenate([valid, test])].tolist()),
        ]
        number = {name: place for place, name in enumerate(names)}
        self.identity = np.array([number.get(name, -1) for name in found.identity])
        self.names = names
        self.used = np.concatenate([train, valid, test])
        target = torch.from_numpy(self.identity[self.used])
        dataset = encode([self.column], {found.column: self.loaded.take(self.used)}, target)
        learned = len(set(found.identity[train].tolist()))
        draw: Draw = "arcface"
        if len(train) >= MANY_PICTURES * learned and learned <= MOST_PROXIES:
            draw = "proxy anchor"
        self.objective = SameIdentity(WIDTH, learned, draw)
        notes.append(
            f"{len(train) / learned:.3g} examples of each of {learned:,} identities to learn from: "
            + ("ProxyAnchor" if draw == "proxy anchor" else "ArcFace")
        )
        self.examples = Examples(
            name=table.name,
            fingerprint=table.fingerprint,
            target="whether two show the same identity",
            dataset=dataset,
            modalities={entry_of(self.column).group: found.modality},
            places=[str(table.places[row]) for row in self.used],
            train=np.arange(len(train)),
            valid=np.arange(len(train), len(train) + len(valid)),
            test=np.arange(len(train) + len(valid), len(self.used)),
            ledger=ledger,
            draw=lambda place: self.draw(int(self.used[place])),
            columns=[self.column.as_json()],
            notes=notes,
        )
        self.methods: list[Method] = []
        self.valid_pairs = pairs_of(self.identity[valid], settings.seed)
        self.classical: list[FittedSimilarity] = []

    # --- rows ---------------------------------------------------------------------------------

    def rows(self, part: str) -> np.ndarray:
        """int64: rows of the table in this part."""
        return self.examples.ledger.rows(part)

    def draw(self, row: int) -> dict[str, Any]:
        """One row as a person would see it."""
        drawing = MODALITIES[self.column.modality].draw(self.loaded, row)
        return {self.column.name: as_json(drawing)}

    # --- learning -----------------------------------------------------------------------------

    def word(self, group: str, number: int) -> str | None:
        """Behind the numbers of the point: whose proxy it is compared with."""
        if group != ANSWER or not WIDTH <= number < WIDTH + self.objective.identities:
            return None
        return f"like {self.names[number - WIDTH]}"

    def recipe(self) -> Recipe:
        modality = self.column.modality
        series = modality == "series"
        return Recipe(
            family="cnn",
            sizes=SIZES[modality],
            epochs=(8, 60),
            steps=(200, 800),
            batch=128,
            # EER of the letters' validation identities after 200 steps, 1 seed: ArcFace with Muon
            # at .04 and shifts .044, with mirroring too .051; without changes at .06 .072;
            # ProxyAnchor with Muon at .04 and shifts .047. After 120 steps with AdamW at .002:
            # ArcFace .130, ProxyAnchor .242.
            optimizer="adamw" if series else "muon",
            rate=2e-3 if series else 0.04,
            weight_decay=0.02 if series else 0.0,
            warm=0.1,
            changes=CHANGES[modality],
            why="convolutions find what tells identities apart; the answer is a point",
        )

    def build(self, plan: Plan) -> nn.Module:
        data = self.examples.dataset
        learn = torch.from_numpy(self.examples.train)
        sketch = blueprint(data.entries, data.inputs, learn, plan, WIDTH)
        # Whose voice it is shows in how high everything lies: not to be pooled away.
        model = Model(replace(sketch, pitch=self.column.modality == "audio"))
        sample = learn[:: max(1, len(learn) // 5_000)]
        model.prepare(data.take(sample).inputs)
        return Embedder(model, WIDTH, self.objective.identities)

    def score(self, output: Tensor) -> float:
        points = output.double().cpu().numpy()
        return equal_error_rate(self.valid_pairs.same, self.valid_pairs.likeness(points))

    def finish(self, model: nn.Module, seconds: float, watcher: Watcher) -> VerifyAnswerer:
        assert isinstance(model, Embedder)
        embedder = model.to(torch.device("cpu")).eval()
        train = self.rows("train")
        rng = np.random.default_rng(self.settings.seed)
        some = np.sort(rng.choice(train, min(REFERENCES, len(train)), replace=False))
        nothing = Reference([], [], np.zeros((0, WIDTH)))
        layout, unknown = self.loaded.layout, Sureness(1.0, 0.0)
        found = VerifyAnswerer(embedder, self.column, layout, unknown, nothing)
        found.reference = Reference(
            [self.names[self.identity[row]] for row in some],
            [str(self.examples.ledger.places[row]) for row in some],
            found.points(self.loaded.take(some)),
        )
        weights = model.state_dict()
        held = sum(
            value.numel() * value.element_size()
            for name, value in weights.items()
            if name != "proxies"
        )
        network = self._method("network", "", found.points, 0.0, None, held)
        found.sureness = network.sureness
        self.answering = found
        return found

    def _method(
        self,
        name: str,
        why: str,
        points: Callable[[Loaded], np.ndarray],
        seconds: float,
        ms_per_row: float | None,
        held: int,
    ) -> Method:
        """Judge a contender on the pairs of validation identities."""
        valid = self.rows("valid")
        started = time.perf_counter()
        likeness = self.valid_pairs.likeness(points(self.loaded.take(valid)))
        taken = 1000 * (time.perf_counter() - started) / len(valid)
        same = self.valid_pairs.same
        made = Method(
            name,
            why,
            points,
            Sureness.fit(same, likeness),
            equal_error_rate(same, likeness),
            seconds,
            taken if ms_per_row is None else ms_per_row,
            held,
        )
        self.methods.append(made)
        return made

    # --- judging ------------------------------------------------------------------------------

    def compete(self, seconds: float, watcher: Watcher) -> None:
        train = self.rows("train")
        most = max(500, int(20_000 * min(1.0, seconds / 10)))
        if len(train) > most:
            rng = np.random.default_rng(self.settings.seed)
            train = np.sort(rng.choice(train, most, replace=False))
        loaded = self.loaded.take(train)
        self.classical = fit_similarity(self.column, loaded, self.identity[train])
        made = [
            self._method(
                one.name, one.why, self._points_of(one), one.seconds, one.ms_per_row, one.bytes
            )
            for one in self.classical
        ]
        best = min(range(len(made)), key=lambda number: made[number].valid_score)
        self.answering.classical = self.classical[best]
        self.answering.classical_sureness = made[best].sureness

    def _points_of(self, one: FittedSimilarity) -> Callable[[Loaded], np.ndarray]:
        return lambda loaded: one.embed({self.column.name: loaded})

    def exam(self, answerer: Any, seconds: float, watcher: Watcher) -> Exam:
        test = self.rows("test")
        values = self.loaded.take(test)
        pairs = pairs_of(self.identity[test], self.settings.seed + 1)
        names, unit = np.unique(self.identity[test], return_inverse=True)
        compared = []
        for method in self.methods:
            points = method.points(values)
            compared.append(Compared(method.name, points, pairs.likeness(points), method.sureness))
        judged = [
            Judged(
                method.name,
                over_identities(pairs, unit, one.likeness, "EER"),
                method.valid_score,
                method.seconds,
                method.ms_per_row,
                method.bytes,
                method.why,
            )
            for method, one in zip(self.methods, compared, strict=True)
        ]
        alike = np.zeros(len(pairs))
        constant = Judged(
            CONSTANT,
            over_identities(pairs, unit, alike, "EER"),
            0.5,
            0.0,
            0.0,
            0,
            "every pair is as alike as any other",
        )
        found, figures = findings(
            compared,
            pairs,
            unit,
            self.identity[test],
            [str(self.examples.ledger.places[row]) for row in test],
            lambda place: self.draw(int(test[place]))[self.column.name],
            self.settings.seed,
        )
        return Exam(
            units=len(names),
            unit="identities that nothing was learned from",
            network=judged[0],
            classical=[constant, *judged[1:]],
            constant=CONSTANT,
            figures=figures,
            findings=found,
            shown=self._shown(test, pairs, compared[0]),
        )

    def _shown(self, test: np.ndarray, pairs: Pairs, network: Compared) -> list[dict[str, Any]]:
        """The most misleading pairs, and some that are right."""
        chances = network.sureness.probability(network.likeness)
        wrong = np.where(pairs.same, 1 - chances, chances)
        order = np.argsort(-wrong, kind="stable")
        shown = []
        for place in dict.fromkeys([*order[:4].tolist(), *order[-4:].tolist()]):
            left, right = int(test[pairs.left[place]]), int(test[pairs.right[place]])
            name = self.column.name
            shown.append(
                {
                    "row": left,
                    "place": f"{self.examples.ledger.places[left]} and "
                    f"{self.examples.ledger.places[right]}",
                    "split": "test",
                    "group": "wrong" if wrong[place] > 0.5 else "right",
                    "target": "same" if pairs.same[place] else "different",
                    "answer": "same" if chances[place] >= 0.5 else "different",
                    "probability": float(chances[place]),
                    "drawings": {
                        "one": self.draw(left)[name],
                        "other": self.draw(right)[name],
                    },
                }
            )
        return shown
