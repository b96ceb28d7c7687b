"""The bundle: a trained model as a folder that needs nothing else.

    bundle.json               what each column is and how it is encoded, the task, the network's
                              blueprint, the calibration, which classical method stands beside it
    network-0.safetensors     the weights; one file for each network of a bag
    frozen-0.safetensors      pretrained weights that stand in front of a column, if any do
    baseline-*.safetensors    the classical method's numbers, and -*.txt its texts

Tensors and JSON only: loading a stranger's model runs none of his code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from pellucid import __version__
from pellucid.baselines import FittedBaseline
from pellucid.data.columns import Column, Loaded, Progress, RawTable, silent
from pellucid.data.dataset import Dataset, encode, entry_of
from pellucid.data.modalities import MODALITIES
from pellucid.data.readers.gather import Gathering
from pellucid.errors import BundleError, DataError, did_you_mean
from pellucid.evidence.calibrate import Calibration
from pellucid.evidence.subject import Subject
from pellucid.learning.learner import predict
from pellucid.network.assemble import Blueprint, Model
from pellucid.network.pretrained.frozen import KINDS, Frozen, with_features
from pellucid.recording.files import read_arrays, read_json, write_arrays, write_json
from pellucid.tasks import Task, task_from_json

FORMAT = 1
Which = Literal["network", "baseline", "kept"]


@dataclass(frozen=True)
class Predictions:
    """Answers for the rows of a source.

    rows: int64 (usable,) which rows could be answered. values: what the task's metrics take,
    `(usable, classes | tags | targets)`, calibrated. answers: what is said for each of them.
    problems: row -> why it could not be answered. repairs: row -> what was read as missing.
    """

    rows: np.ndarray
    values: np.ndarray
    answers: list[dict[str, Any]]
    problems: dict[int, str]
    repairs: dict[int, str] = field(default_factory=dict)

    def lines(self, table: RawTable) -> list[dict[str, Any]]:
        """One JSON-able dict for each row of the table, and for each that could not become one;
        in the order of the source."""
        said: list[dict[str, Any]] = [{}] * len(table)
        for row, answer in zip(self.rows, self.answers, strict=True):
            mended = self.repairs.get(int(row))
            said[row] = answer | ({"repaired": mended} if mended else {})
        for row, why in self.problems.items():
            said[row] = _unanswered(why, str(table.places[row]))
        lost = [(item.place, _unanswered(item.why, item.place)) for item in table.refused]
        placed = [*zip(map(str, table.places), said, strict=True), *lost]
        if lost:  # a table's rows are in order already; sorting is stable
            placed.sort(key=lambda item: _in_order(item[0]))
        return [{"row": row, **line} for row, (_, line) in enumerate(placed)]


def _unanswered(why: str, place: str) -> dict[str, Any]:
    error = DataError(why, where=place, fix="mend or leave out this row and predict again")
    return {"error": error.as_json()}


def _in_order(place: str) -> tuple[str, int]:
    """Sorts names of rows as the source has them: by the number of the line, else by the path."""
    line = re.fullmatch(r"(.* line )(\d+)", place)
    return (line[1], int(line[2])) if line else (place, 0)


@dataclass
class Member:
    """One network of a bag with the encoding that it learned on its own training rows.

    columns: the input columns, fitted. state: weights and buffers by name.
    """

    columns: list[Column]
    blueprint: Blueprint
    state: dict[str, Tensor]
    _model: Model | None = field(default=None, repr=False)

    def model(self) -> Model:
        """The network with its weights, in eval mode."""
        if self._model is None:
            self._model = Model(self.blueprint)
            try:
                self._model.load_state_dict(self.state)
            except RuntimeError as error:
                raise BundleError(
                    "the weights are not those of the network that the model describes",
                    where=str(error).strip().splitlines()[-1].strip()[:120],
                    fix="copy the whole 'model' folder again, or learn once more",
                ) from error
            self._model.eval()
        return self._model

    def outputs(self, loaded: dict[str, Loaded], features: Mapping[str, np.ndarray]) -> Tensor:
        """What the network says of loaded rows, `(rows, ...)`.

        Args:
            features: Column -> what a frozen network made of it, where one stands in front.
        """
        data = self.dataset(loaded, features)
        rows = torch.arange(len(data))
        return predict(self.model(), replace(data, target=torch.zeros(len(rows))), rows)

    def dataset(self, loaded: dict[str, Loaded], features: Mapping[str, np.ndarray]) -> Dataset:
        """Loaded rows as this network takes them, without targets."""
        plain = [column for column in self.columns if column.name not in features]
        seen = {entry_of(c).group: features[c.name] for c in self.columns if c.name in features}
        return with_features(encode(plain, loaded, torch.empty(0)), seen)

    def as_json(self) -> dict[str, Any]:
        return {
            "columns": [column.as_json() for column in self.columns],
            "blueprint": self.blueprint.as_json(),
        }


@dataclass
class Bundle:
    """A trained model with everything before and after it.

    members: the networks whose mean is the answer; one, or the folds of a bag.
    layouts: column -> geometry found at training. kept: what `predict` uses unless told otherwise.
    gathered: how cells were put together, if only together they made an example.
    frozen: column -> the pretrained network in front of it.
    """

    task: Task
    members: list[Member]
    layouts: dict[str, dict[str, Any]]
    calibration: Calibration
    baseline: FittedBaseline | None = None
    baseline_calibration: Calibration = field(default_factory=Calibration)
    kept: Literal["network", "baseline"] = "network"
    gathered: Gathering | None = None
    frozen: dict[str, Frozen] = field(default_factory=dict)
    # --- answers ------------------------------------------------------------------------------

    @property
    def columns(self) -> list[Column]:
        """The input columns that a source must have."""
        return self.members[0].columns

    def predict(
        self, table: RawTable, which: Which = "kept", progress: Progress = silent
    ) -> Predictions:
        """Answer every row of a source that has the same input columns."""
        loaded, problems, repairs = self.load(table, progress)
        rows = np.array([row for row in range(len(table)) if row not in problems], dtype=np.int64)
        loaded = {name: column.take(rows) for name, column in loaded.items()}
        which = self.kept if which == "kept" else which
        if len(rows) == 0:
            return Predictions(rows, np.empty((0, 0)), [], problems)
        values = self.values(loaded, which)
        return Predictions(rows, values, self.say(values, which), problems, repairs)

    def load(
        self, table: RawTable, progress: Progress = silent
    ) -> tuple[dict[str, Loaded], dict[int, str], dict[int, str]]:
        """Decode the input columns of a source; row -> why for those that can't be used, and
        row -> how for those that were repaired."""
        loaded: dict[str, Loaded] = {}
        problems: dict[int, str] = {}
        repairs: dict[int, str] = dict(table.repaired)
        for column in self.columns:
            if column.name not in table.columns:
                raise DataError(
                    f"the model needs the column '{column.name}' ({column.modality})",
                    where=table.name,
                    fix=f"add that column; {did_you_mean(column.name, table.columns)}",
                )
            values = MODALITIES[column.modality].load(
                table.columns[column.name], self.layouts[column.name], progress
            )
            loaded[column.name] = values
            problems |= {row: why for row, why in values.problems.items() if row not in problems}
            for row, how in values.repairs.items():
                repairs[row] = f"{repairs[row]}; {how}" if row in repairs else how
        return loaded, problems, repairs

    def values(self, loaded: dict[str, Loaded], which: str) -> np.ndarray:
        """Calibrated probabilities or numbers `(rows, classes | tags | targets)`."""
        if which == "baseline":
            if self.baseline is None:
                raise BundleError(
                    "this model was saved without a classical method",
                    where="--model baseline",
                    fix="use --model network",
                )
            return self.baseline_calibration.apply(self.task.kind, self.baseline.predict(loaded))
        return self.calibration.apply(self.task.kind, self.network_values(loaded))

    def network_values(self, loaded: dict[str, Loaded]) -> np.ndarray:
        """The mean answer of the bag's networks, before calibration."""
        features = self._frozen_features(loaded)
        answers = [member.outputs(loaded, features) for member in self.members]
        return np.mean([self.task.prediction(answer) for answer in answers], axis=0)

    def _frozen_features(self, loaded: dict[str, Loaded]) -> dict[str, np.ndarray]:
        """Column -> what the frozen network in front of it makes of each row."""
        return {name: one.features(loaded[name].values) for name, one in self.frozen.items()}

    def subject(self, which: Which = "kept") -> Subject:
        """The model as evidence studies it."""
        asked = self.kept if which == "kept" else which
        first = self.members[0]
        return Subject(
            task=self.task,
            columns=first.columns,
            answer=lambda loaded: self.values(loaded, asked),
            network=first.model(),
            encode=lambda loaded: first.dataset(loaded, self._frozen_features(loaded)).inputs,
            which=asked,
        )

    @property
    def bytes(self) -> int:
        """Of all weights that the network needs."""
        own = sum(value.nbytes for member in self.members for value in member.state.values())
        return own + sum(frozen.bytes for frozen in self.frozen.values())

    def say(self, values: np.ndarray, which: str = "network") -> list[dict[str, Any]]:
        """What is said for each row, with `low` and `high` for a single number."""
        answers = self.task.answers(values)
        calibration = self.baseline_calibration if which == "baseline" else self.calibration
        if self.task.kind == "regress" and self.task.outputs == 1:
            low, high = calibration.bounds(values)
            for index, answer in enumerate(answers):
                if np.isfinite(low[index, 0]):
                    answer |= {"low": float(low[index, 0]), "high": float(high[index, 0])}
        return answers

    # --- disk ---------------------------------------------------------------------------------

    def save(self, folder: Path) -> int:
        """Write the bundle into `folder`; returns the bytes of the network's part."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, member in enumerate(self.members):
            whole = {name: value.contiguous() for name, value in member.state.items()}
            save_file(whole, str(folder / f"network-{number}.safetensors"))
        head: dict[str, Any] = {
            "format": FORMAT,
            "pellucid": __version__,
            "task": self.task.as_json(),
            "layouts": self.layouts,
            "networks": [member.as_json() for member in self.members],
            "calibration": self.calibration.as_json(),
            "baseline_calibration": self.baseline_calibration.as_json(),
            "kept": self.kept,
            "gathered": self.gathered and self.gathered.as_json(),
            "baseline": None,
            "frozen": _save_frozen(folder, self.frozen),
        }
        if self.baseline is not None:
            facts, arrays, texts = self.baseline.state()
            head["baseline"] = facts
            head["baseline_texts"] = sorted(texts)
            write_arrays(folder / "baseline.safetensors", arrays)
            for name, text in texts.items():
                (folder / f"baseline-{name}.txt").write_text(text, encoding="utf-8")
        write_json(folder / "bundle.json", head)
        weights = [*folder.glob("network-*.safetensors"), *folder.glob("frozen-*")]
        return sum(path.stat().st_size for path in weights)

    @classmethod
    def load_from(cls, folder: str | Path) -> Bundle:
        """Read a bundle; every format since 1 can be read."""
        folder = Path(folder)
        if (folder / "model" / "bundle.json").exists():  # a run folder was given
            folder = folder / "model"
        if not folder.exists():
            near = [path.parent.parent.name for path in folder.parent.glob("*/model/bundle.json")]
            raise BundleError(
                f"'{folder}' does not exist",
                where=str(folder.absolute().parent),
                fix=did_you_mean(folder.name, sorted(near))
                if near
                else "name a run that is done; make one with 'pellucid learn SOURCE'",
            )
        if not (folder / "bundle.json").exists():
            raise BundleError(
                "there is no model here",
                where=str(folder),
                fix="name a run that is done, or its 'model' folder; 'pellucid show' lists runs",
            )
        head = read_json(folder / "bundle.json")
        number = head.get("format")
        if number not in READERS:
            raise BundleError(
                f"the model has format {number}; this version reads {', '.join(map(str, READERS))}",
                where=str(folder / "bundle.json"),
                fix="pip install --upgrade pellucid",
            )
        return READERS[number](folder, head)


def _save_frozen(folder: Path, frozen: Mapping[str, Frozen]) -> list[dict[str, Any]]:
    heads = []
    for number, (column, one) in enumerate(frozen.items()):
        save_file(one.state, str(folder / f"frozen-{number}.safetensors"))
        for name, text in one.texts.items():
            (folder / f"frozen-{number}-{name}.txt").write_text(text, encoding="utf-8")
        facts = {"name": one.name, "size": one.size, "precision": one.precision}
        published = {"from": one.published.distribution, "licence": one.published.licence}
        heads.append({"column": column, **facts, **published})
    return heads


def _read_frozen(folder: Path, heads: list[dict[str, Any]]) -> dict[str, Frozen]:
    frozen = {}
    for number, head in enumerate(heads):
        kind = KINDS[head["name"]]
        texts = {
            name: (folder / f"frozen-{number}-{name}.txt").read_text(encoding="utf-8")
            for name in kind.text_names
        }
        state = load_file(str(folder / f"frozen-{number}.safetensors"))
        frozen[head["column"]] = kind(state, texts, head["size"], head["precision"])
    return frozen


def _read_1(folder: Path, head: Mapping[str, Any]) -> Bundle:
    try:
        members = [
            Member(
                [Column(**column) for column in item["columns"]],
                Blueprint.from_json(item["blueprint"]),
                load_file(str(folder / f"network-{number}.safetensors")),
            )
            for number, item in enumerate(head["networks"])
        ]
        baseline = None
        if head["baseline"] is not None:
            texts = {
                name: (folder / f"baseline-{name}.txt").read_text(encoding="utf-8")
                for name in head["baseline_texts"]
            }
            baseline = FittedBaseline.restore(
                head["baseline"], read_arrays(folder / "baseline.safetensors"), texts
            )
        return Bundle(
            task=task_from_json(head["task"]),
            members=members,
            layouts=head["layouts"],
            calibration=Calibration.from_json(head["calibration"]),
            baseline=baseline,
            baseline_calibration=Calibration.from_json(head["baseline_calibration"]),
            kept=head["kept"],
            gathered=Gathering.from_json(head["gathered"]) if head["gathered"] else None,
            frozen=_read_frozen(folder, head.get("frozen", [])),
        )
    except (KeyError, TypeError, OSError, ValueError, SafetensorError) as error:
        raise BundleError(
            f"the model is damaged or incomplete: {type(error).__name__} {error}",
            where=str(folder),
            fix="copy the whole 'model' folder again, or learn once more",
        ) from error


READERS = {1: _read_1}
"""Format number -> reader; a format that was ever released keeps its reader."""
