"""Anomaly detection without labels, told top to bottom: see `uses/use.py: Course`."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.baselines.anomaly import FittedStrangeness, fit_strangeness
from pellucid.config import Plan, Settings, Size
from pellucid.data.dataset import encode, entry_of
from pellucid.data.ledger import Ledger
from pellucid.data.recognize import recognize_inputs
from pellucid.evidence.finding import Finding
from pellucid.evidence.worth.verdict import CONSTANT
from pellucid.learning.evaluate import auc_of
from pellucid.learning.recipes import Recipe
from pellucid.network.autoencoder import RowAutoencoder
from pellucid.recipe.watcher import Watcher
from pellucid.tasks.anomaly import HiddenCells, HiddenPatches
from pellucid.uses.anomaly.answerer import AnomalyAnswerer, to_cpu
from pellucid.uses.anomaly.contenders import MOST_JUDGED, Method, judge_on_planted
from pellucid.uses.anomaly.findings import Answered, findings
from pellucid.uses.anomaly.inputs import learn_inputs
from pellucid.uses.anomaly.parts import split_parts
from pellucid.uses.anomaly.planted import Planted, plant
from pellucid.uses.anomaly.promise import Promise
from pellucid.uses.anomaly.score import (
    Beyond,
    Scorer,
    network_of,
    objective_of,
    target_of,
)
from pellucid.uses.anomaly.source import layout_of, read_source
from pellucid.uses.reading import load_columns
from pellucid.uses.use import Course, Exam, Examples, Judged, Reading, Source, use

PLANTED_METRIC = "AUC on planted anomalies"
MOST_REMEMBERED = 3_000
REFERENCES = 300
MOST_EXPLAINING = 3.0
"""Seconds for showing where the strangest example is strange."""
SHOWN = 6

ROWS = Recipe(
    family="autoencoder",
    sizes=(Size(64, 2, 0.0), Size(128, 3, 0.0)),
    epochs=(10, 100),
    steps=(300, 1_500),
    batch=256,
    rate=2e-3,
    weight_decay=0.01,
    weights_a_row=100,
    why="guesses hidden cells from the others: what is normal is what can be guessed",
)
PATCHES = Recipe(
    family="autoencoder",
    sizes=(Size(16, 1, 0.0), Size(32, 1, 0.0)),
    epochs=(5, 100),
    steps=(200, 1_500),
    batch=64,
    rate=2e-3,
    weight_decay=0.01,
    why="guesses hidden patches from what is around them: a defect could not have been guessed",
)


@use
class Anomaly(Course):
    kind: ClassVar[str] = "anomaly"
    title: ClassVar[str] = "anomaly detection without labels"
    metric: str = "AUC"
    answerer: ClassVar[type[AnomalyAnswerer]] = AnomalyAnswerer
    objective: HiddenCells | HiddenPatches

    @classmethod
    def recognize(cls, source: Source) -> Reading | None:
        """By itself only where a folder holds nothing to learn from but what is normal."""
        if source.settings.target is not None or source.path is None:
            return None
        why = layout_of(source.path)
        return None if why is None else Reading(0.9, why)

    def __init__(self, source: Source, settings: Settings, watcher: Watcher) -> None:
        self.settings = settings
        found = read_source(source.given, settings, source.test)
        table = found.table
        recognized = recognize_inputs(table, settings)
        columns = recognized.inputs()
        ledger = Ledger(table.places, table.refused)
        for row, how in table.repaired.items():
            ledger.repair(row, how)
        watcher.stage("decoding")
        loaded = load_columns(table, columns, ledger, watcher)
        self.strange, self.kinds = found.strange, found.kinds
        notes = [*found.notes, *recognized.warnings]
        notes += split_parts(found, columns, loaded, ledger, settings.seed)
        train, valid, test = (ledger.rows(part) for part in ("train", "valid", "test"))
        self.inputs, told = learn_inputs(columns, loaded, train, table.name)
        self.columns, self.part = self.inputs.columns, self.inputs.part
        self.beyond = None
        if any(column.modality == "number" for column in self.columns):
            self.beyond = Beyond.of(self.columns, self.part(train))
        used = np.concatenate([train, valid, test])
        dataset = encode(self.columns, self.part(used), torch.empty(len(used), 0))
        learn = torch.arange(len(train))
        self.objective = objective_of(self.columns, dataset, learn)
        dataset = replace(dataset, target=target_of(dataset.inputs, self.objective))
        self.used = used
        self.examples = Examples(
            name=table.name,
            fingerprint=table.fingerprint,
            target="what is normal, and where an example departs from it",
            dataset=dataset,
            modalities={entry_of(column).group: column.modality for column in self.columns},
            places=[str(table.places[row]) for row in used],
            train=np.arange(len(train)),
            valid=np.arange(len(train), len(train) + len(valid)),
            test=np.arange(len(train) + len(valid), len(used)),
            ledger=ledger,
            draw=lambda number: self.inputs.draw(int(used[number])),
            columns=[
                *(column.as_json() for column in self.inputs.sources),
                *(one.as_json() for one in recognized.columns if one.role != "input"),
            ],
            notes=[*notes, *told],
        )
        self.methods: list[Method] = []
        self.fitted: list[FittedStrangeness] = []
        self.labeled = self._labeled(test)
        if not self.labeled:
            # Said wherever the figure is said: it is not about real anomalies.
            self.metric = PLANTED_METRIC

    # --- rows ---------------------------------------------------------------------------------

    def rows(self, part: str) -> np.ndarray:
        """int64: rows of the table in this part."""
        return self.examples.ledger.rows(part)

    def _labeled(self, test: np.ndarray) -> bool:
        """Whether the exam has rows of both kinds."""
        return bool((self.strange[test] == 1).any() and (self.strange[test] == 0).any())

    # --- learning -----------------------------------------------------------------------------

    def recipe(self) -> Recipe:
        return ROWS if isinstance(self.objective, HiddenCells) else PATCHES

    def build(self, plan: Plan) -> nn.Module:
        size = next(iter(plan.sizes.values()))
        network = network_of(self.columns, self.objective, size)
        if isinstance(network, RowAutoencoder):
            learn = torch.from_numpy(self.examples.train)
            sample = learn[:: max(1, len(learn) // 5_000)]
            network.prepare(self.examples.dataset.take(sample).inputs)
        return network

    def score(self, output: Tensor) -> float:
        """Not known while learning: no anomaly is looked at before the exam."""
        return float("nan")

    def finish(self, model: nn.Module, seconds: float, watcher: Watcher) -> AnomalyAnswerer:
        size = model.size
        assert isinstance(size, Size)
        scorer = Scorer(self.columns, to_cpu(model), self.objective, size, self.beyond)
        train = self.rows("train")
        if scorer.is_field:
            scorer.remember(self.part(train[:: max(1, len(train) // MOST_REMEMBERED)]))
        valid = self.part(self.rows("valid"))
        started = time.perf_counter()
        promise = Promise.of(scorer.score(valid))
        per_row = (time.perf_counter() - started) / len(self.rows("valid"))
        weights = sum(value.numel() * value.element_size() for value in model.state_dict().values())
        network = Method("network", "", scorer.score, 0.0, 1000 * per_row, weights, promise)
        self.methods.append(network)
        rng = np.random.default_rng(self.settings.seed)
        some = np.sort(rng.choice(train, min(REFERENCES, len(train)), replace=False))
        reference = {} if scorer.is_field else self.part(some)
        self.answering = AnomalyAnswerer(
            scorer, self.inputs.layouts(), promise, reference, described=self.inputs.described
        )
        return self.answering

    # --- judging ------------------------------------------------------------------------------

    def compete(self, seconds: float, watcher: Watcher) -> None:
        self.fitted = fit_strangeness(
            self.columns, self.part(self.rows("train")), seconds, self.settings.seed
        )
        valid = self.part(self.rows("valid"))
        for one in self.fitted:
            promise = Promise.of(one.score(valid))
            costs = (one.seconds, one.ms_per_row, one.bytes)
            self.methods.append(Method(one.name, one.why, one.score, *costs, promise))
        judge_on_planted(self.methods, self.columns, valid, self.settings.seed)
        best = max(range(len(self.fitted)), key=lambda n: self.methods[1 + n].valid_score)
        self.answering.classical = self.fitted[best]
        self.answering.classical_promise = self.methods[1 + best].promise

    def exam(self, answerer: Any, seconds: float, watcher: Watcher) -> Exam:
        test = self.rows("test")
        values = self.part(test)
        normal = test if not self.labeled else test[self.strange[test] == 0]
        rng = np.random.default_rng([self.settings.seed, 5])
        parents = np.sort(rng.choice(normal, min(MOST_JUDGED, len(normal)), replace=False))
        planted = plant(self.columns, self.part(parents), self.settings.seed + 1)
        answered = []
        for method in self.methods:
            answered.append(
                Answered(
                    method.name,
                    method.promise,
                    method.score(values),
                    method.score(planted.loaded),
                    method.valid_score,
                )
            )
        truth, units, groups = self._units(test, parents, planted)
        judged = [
            Judged(
                method.name,
                auc_of(truth, units(one)),
                method.valid_score,
                method.seconds,
                method.ms_per_row,
                method.bytes,
                method.why,
            )
            for method, one in zip(self.methods, answered, strict=True)
        ]
        constant = Judged(
            CONSTANT, auc_of(truth, np.zeros(len(truth))), 0.5, 0.0, 0.0, 0, "all are alike"
        )
        truth_of_rows = self.strange[test] if self.labeled else None
        found, figures = findings(
            answered, truth_of_rows, planted, parents, test, self._kinds(test), self.answering
        )
        found += self._strangest(test, answered[0], min(MOST_EXPLAINING, 0.3 * seconds))
        return Exam(
            units=len(truth),
            unit="test rows" if self.labeled else "test rows, half of them with planted anomalies",
            network=judged[0],
            classical=[constant, *judged[1:]],
            constant=CONSTANT,
            groups=groups,
            figures=figures,
            findings=found,
            shown=self._shown(test, answered[0]),
        )

    def _units(self, test: np.ndarray, parents: np.ndarray, planted: Planted) -> Any:
        """Truth of the exam's units, how to take a method's scores of them, and which units are
        not independent: an anomaly and the row it was planted in."""
        if self.labeled:
            known = ~np.isnan(self.strange[test])
            return (
                self.strange[test][known].astype(np.int64),
                lambda one: one.scores[known],
                None,
            )
        place = np.searchsorted(test, parents)
        truth = np.repeat([0, 1], [len(parents), len(parents)])
        groups = np.concatenate([parents, parents[planted.parents]])
        return truth, lambda one: np.concatenate([one.scores[place], one.planted]), groups

    def _kinds(self, test: np.ndarray) -> np.ndarray | None:
        """What the folder of each row of the exam is called; None if folders say nothing."""
        return None if self.kinds is None else self.kinds[test]

    def _strangest(self, test: np.ndarray, network: Answered, seconds: float) -> list[Finding]:
        """Where the strangest example of the exam is strange, as a finding."""
        row = int(test[np.argmax(network.scores)])
        one = self.inputs.whole(row)
        where = self.answering.where(one, "network", seconds)
        place = str(self.examples.ledger.places[row])
        return [where.finding(place, self.columns, one)]

    def _shown(self, test: np.ndarray, network: Answered) -> list[dict[str, Any]]:
        """The strangest and the most usual examples of the exam."""
        order = np.argsort(-network.scores, kind="stable")
        p_values = network.promise.p_values(network.scores)
        strange = network.promise.strange(network.scores)
        chosen = [*order[:SHOWN].tolist(), *order[-2:].tolist()]
        shown = []
        for place in dict.fromkeys(chosen):
            row = int(test[place])
            known = self.strange[row]
            target = None if np.isnan(known) else "anomaly" if known else "normal"
            answer = "anomaly" if strange[place] else "normal"
            right = target is None or target == answer
            shown.append(
                {
                    "row": row,
                    "place": str(self.examples.ledger.places[row]),
                    "split": "test",
                    "group": "right" if right else "wrong",
                    "target": target,
                    "answer": answer,
                    "score": float(network.scores[place]),
                    "p_value": float(p_values[place]),
                    "drawings": self.inputs.draw(row),
                }
            )
        return shown
