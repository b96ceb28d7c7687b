"""The bundle: a trained model as a folder that needs nothing else.

    bundle.json               what each column is and how it is encoded, the task, the network's
                              blueprint, the calibration, which classical method stands beside it
    network-0.safetensors     the weights; one file for each network of a bag
    frozen-0.safetensors      pretrained weights that stand in front of a column, if any do
    baseline-*.safetensors    the classical method's numbers, and -*.txt its texts
    held.safetensors          how far off the held rows were: for sets and intervals
    unlike.safetensors        rows learned from, as the networks saw them, to know strange ones

Tensors and JSON only: loading a stranger's model runs none of his code.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
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
from pellucid.evidence.subject import Subject
from pellucid.evidence.trust.calibrate import Calibration
from pellucid.evidence.trust.conformal import Promise, chosen
from pellucid.evidence.trust.sureness import enough
from pellucid.evidence.trust.unlike import LEVEL, Cells, Unlike, cells
from pellucid.export.earlier import UPGRADES, brought_up, unlike_arrays
from pellucid.learning.learner import predict_with_features
from pellucid.network.assemble import Blueprint, Model
from pellucid.network.pretrained.frozen import KINDS, Frozen, with_features
from pellucid.recording.files import read_arrays, read_json, write_arrays, write_json
from pellucid.tasks import Task, task_from_json

FORMAT = 2
"""Of what is written; earlier ones are brought up to it (`earlier.py`)."""
Kept = Literal["network", "baseline", "both"]
Which = Literal["network", "baseline", "both", "kept"]


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


@dataclass(frozen=True)
class View:
    """Rows as one network sees them: encoded, what it makes of them `(rows, width)` float32, and
    its output `(rows, ...)`."""

    data: Dataset
    features: np.ndarray
    output: Tensor


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
            model = Model(self.blueprint)
            try:
                model.load_state_dict(self.state)
            except RuntimeError as error:
                raise BundleError(
                    "the weights are not those of the network that the model describes",
                    where=str(error).strip().splitlines()[-1].strip()[:120],
                    fix="copy the whole 'model' folder again, or learn once more",
                ) from error
            self._model = model.eval()
        return self._model

    def view(self, loaded: dict[str, Loaded], features: Mapping[str, np.ndarray]) -> View:
        """What the network makes of loaded rows, and what it says of them.

        Args:
            features: Column -> what a frozen network made of it, where one stands in front.
        """
        data = self.dataset(loaded, features)
        return View(data, *predict_with_features(self.model(), data.inputs))

    def cells(
        self, data: Dataset, loaded: dict[str, Loaded], texts: Collection[str] | None = None
    ) -> Cells:
        """Plain facts of rows, by which strange ones are known; what a frozen network made of a
        column has none, but a text is read as it would have been without.

        Args:
            data: The rows encoded. texts: Only these of the texts that a frozen network reads.
        """
        plain = {entry_of(column).group: entry_of(column) for column in self.columns}
        inputs = {
            group: data.inputs[group].numpy()
            for group in data.entries
            if group not in self.blueprint.pretrained
        }
        for column in self.columns:
            group = entry_of(column).group
            read = column.modality == "text" and group in self.blueprint.pretrained
            if read and (texts is None or group in texts):
                modality = MODALITIES["text"]
                inputs[group] = modality.encode(loaded[column.name], column.fitted)
        shown = {group: plain[group] for group in data.entries if group in inputs}
        return cells(shown, inputs, len(data))

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


def each_once(frozen: Frozen, values: np.ndarray) -> np.ndarray:
    """float32 `(rows, width)`: what a frozen network makes of values, of equal ones but once: where
    a row is asked about with other numbers beside its picture, that is nearly all of the work."""
    known: dict[Any, int] = {}
    first: list[int] = []
    which = []
    for row, value in enumerate(values):
        key = value.tobytes() if isinstance(value, np.ndarray) else value
        if key not in known:
            known[key] = len(first)
            first.append(row)
        which.append(known[key])
    if len(first) == len(values):
        return frozen.features(values)
    return frozen.features(values[first])[which]


def mean_answer(network: np.ndarray, classical: np.ndarray) -> np.ndarray:
    """Both together: the mean of two calibrated answers; two that err differently err less."""
    return (network + classical) / 2


@dataclass
class Bundle:
    """A trained model with everything before and after it.

    members: the networks whose mean is the answer; one, or the folds of a bag.
    layouts: column -> geometry found at training. kept: who answers unless told otherwise; "both"
    is the mean of the network's and the classical method's calibrated answers.
    gathered: how cells were put together, if only together they made an example.
    frozen: column -> the pretrained network in front of it. promise, baseline_promise,
    both_promise: how far off held rows were; None if they are too few. unlike: to know rows that
    are like none learned from. lacks: what a model of an early version cannot say.
    """

    task: Task
    members: list[Member]
    layouts: dict[str, dict[str, Any]]
    calibration: Calibration
    baseline: FittedBaseline | None = None
    baseline_calibration: Calibration = field(default_factory=Calibration)
    both_calibration: Calibration = field(default_factory=Calibration)
    kept: Kept = "network"
    gathered: Gathering | None = None
    frozen: dict[str, Frozen] = field(default_factory=dict)
    promise: Promise | None = None
    baseline_promise: Promise | None = None
    both_promise: Promise | None = None
    unlike: Unlike | None = None
    lacks: tuple[str, ...] = ()

    # --- answers ------------------------------------------------------------------------------

    @property
    def columns(self) -> list[Column]:
        """The input columns that a source must have."""
        return self.members[0].columns

    def predict(
        self,
        table: RawTable,
        which: Which = "kept",
        progress: Progress = silent,
        sure: float | None = None,
    ) -> Predictions:
        """Answer every row of a source that has the same input columns.

        Args:
            sure: Answer only where at least so sure (0 to 1); else `answer` is None.
        """
        loaded, problems, repairs = self.load(table, progress)
        rows = np.array([row for row in range(len(table)) if row not in problems], dtype=np.int64)
        loaded = {name: column.take(rows) for name, column in loaded.items()}
        if len(rows) == 0:
            return Predictions(rows, np.empty((0, 0)), [], problems)
        values, answers = self.say(loaded, which, sure)
        return Predictions(rows, values, answers, problems, repairs)

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
            values = MODALITIES[column.modality].load_beside(
                table.columns[column.name],
                self.layouts[column.name],
                progress,
                others=len(self.columns) - 1,
            )
            loaded[column.name] = values
            problems |= {row: why for row, why in values.problems.items() if row not in problems}
            for row, how in values.repairs.items():
                repairs[row] = f"{repairs[row]}; {how}" if row in repairs else how
        return loaded, problems, repairs

    def values(self, loaded: dict[str, Loaded], which: str) -> np.ndarray:
        """Calibrated probabilities or numbers `(rows, classes | tags | targets)`."""
        views = [] if which == "baseline" else self.views(loaded)
        return self._calibrated(self._raw(loaded, views, which), which)

    def views(self, loaded: dict[str, Loaded]) -> list[View]:
        """Rows as each network of the bag sees them."""
        features = self._frozen_features(loaded)
        return [member.view(loaded, features) for member in self.members]

    def _raw(self, loaded: dict[str, Loaded], views: list[View], which: str) -> np.ndarray:
        """`(networks or 1, rows, ...)`: answers before calibration."""
        if which == "baseline":
            return self._classical(loaded)[None]
        answers = self._answers(views)
        if which == "network":
            return answers
        classical = self._calibrated(self._classical(loaded)[None], "baseline")
        return mean_answer(self._calibrated(answers, "network"), classical)[None]

    def _answers(self, views: list[View]) -> np.ndarray:
        """`(networks, rows, ...)`: what each network answers, before calibration."""
        return np.stack([self.task.prediction(view.output) for view in views])

    def _classical(self, loaded: dict[str, Loaded]) -> np.ndarray:
        if self.baseline is None:
            raise BundleError(
                "this model was saved without a classical method",
                where="--model baseline",
                fix="use --model network",
            )
        return self.baseline.predict(loaded)

    def _calibrated(self, answers: np.ndarray, which: str) -> np.ndarray:
        """The mean answer `(rows, ...)` of all that answered `(networks, rows, ...)`."""
        return self.calibration_of(which).apply(self.task.kind, answers.mean(0))

    def calibration_of(self, which: str) -> Calibration:
        """What makes the answers of the network, the baseline or both honest."""
        return {"baseline": self.baseline_calibration, "both": self.both_calibration}.get(
            which, self.calibration
        )

    def promise_of(self, which: str) -> Promise | None:
        """How far off the network, the baseline or both were on held rows."""
        return {"baseline": self.baseline_promise, "both": self.both_promise}.get(
            which, self.promise
        )

    def _frozen_features(self, loaded: dict[str, Loaded]) -> dict[str, np.ndarray]:
        """Column -> what the frozen network in front of it makes of each row."""
        return {name: each_once(one, loaded[name].values) for name, one in self.frozen.items()}

    def subject(self, which: Which = "kept") -> Subject:
        """The model as evidence studies it."""
        asked = self.kept if which == "kept" else which
        first = self.members[0]
        name = self.name_of(asked)
        return Subject(
            task=self.task,
            columns=first.columns,
            answer=lambda loaded: self.values(loaded, asked),
            network=first.model(),
            encode=lambda loaded: first.dataset(loaded, self._frozen_features(loaded)).inputs,
            which=asked,
            say=lambda loaded: self.say(loaded, asked)[1],
            name=name if asked == "baseline" else f"the {name}",
            calibration=self.calibration_of(asked),
            promise=self.promise_of(asked),
            frozen=self.frozen,
        )

    def name_of(self, which: str) -> str:
        """What the network, the classical method or both together are called."""
        if which == "network" or self.baseline is None:
            return "network"
        classical = self.baseline.name
        return classical if which == "baseline" else f"network and {classical} together"

    @property
    def bytes(self) -> int:
        """Of all weights that the network needs."""
        own = sum(value.nbytes for member in self.members for value in member.state.values())
        return own + sum(frozen.bytes for frozen in self.frozen.values())

    # --- what is said -------------------------------------------------------------------------

    def say(
        self, loaded: dict[str, Loaded], which: Which = "kept", sure: float | None = None
    ) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """Calibrated values, and what is said of each row.

        Beside the task's own words: `set`, the classes, grades or tags that can't be ruled out, and
        `set_holds`, how often it is right; or `low` and `high` of a number, right in nine of ten;
        for several numbers `intervals`, {target: [low, high]}, each right so often by itself;
        `unlike`, how often rows are as strange as this one, and `beyond`, numbers far outside of
        what was learned. With `sure` also `unsure`: whether there is no `answer`.
        """
        asked = self.kept if which == "kept" else which
        needed = asked != "baseline" or (self.unlike is not None and self.unlike.networks)
        views = self.views(loaded) if needed else []
        members = self._raw(loaded, views, asked)
        values = self._calibrated(members, asked)
        said = self.task.answers(values)
        self._say_sets(said, values, members, asked)
        if self.unlike is not None:
            self._say_unlike(said, loaded, views)
        if sure is not None:
            self._hold_back(said, values, members, asked, sure)
        return values, said

    def _say_sets(
        self, said: list[dict[str, Any]], values: np.ndarray, members: np.ndarray, asked: str
    ) -> None:
        if self.task.kind == "regress":
            low, high = self.bounds(values, members, asked)
            for answer, *ends in zip(said, low.tolist(), high.tolist(), strict=True):
                self._say_intervals(answer, list(zip(*ends, strict=True)))
            return
        promise = self.promise_of(asked)
        if promise is None:
            return
        names = getattr(self.task, "classes", None) or getattr(self.task, "tags", [])
        # What is answered belongs to the set, however unlikely it is.
        inside = promise.sets(members) | chosen(self.task.kind, values)
        for answer, row in zip(said, inside.tolist(), strict=True):
            answer["set"] = [name for name, is_in in zip(names, row, strict=True) if is_in]
            answer["set_holds"] = 1 - promise.alpha

    def _say_intervals(self, answer: dict[str, Any], ends: list[tuple[float, float]]) -> None:
        """What is known of (lowest, highest) of each target."""
        names: list[str] = getattr(self.task, "names", [])
        known = {
            name: list(pair)
            for name, pair in zip(names, ends, strict=True)
            if np.isfinite(pair).all()
        }
        if len(names) > 1 and known:
            answer["intervals"] = known
        elif known:
            answer |= dict(zip(("low", "high"), known[names[0]], strict=True))

    def bounds(
        self, values: np.ndarray, members: np.ndarray, asked: str, sure: float | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest plausible number `(rows, targets)`; not finite without a promise."""
        promise = self.promise_of(asked)
        if promise is not None:
            low, high = promise.bounds(members, None if sure is None else 1 - sure)
            return np.minimum(low, values), np.maximum(high, values)
        if sure is not None:
            return np.full(values.shape, -np.inf), np.full(values.shape, np.inf)
        # Models of early versions know one distance for all rows.
        return self.calibration_of(asked).bounds(values)

    def _say_unlike(
        self, said: list[dict[str, Any]], loaded: dict[str, Loaded], views: list[View]
    ) -> None:
        assert self.unlike is not None
        first = self.members[0]
        known = self.unlike.plain.texts if self.unlike.plain else {}
        rows = first.cells(views[0].data if views else first.dataset(loaded, {}), loaded, known)
        shares = self.unlike.p_values(rows, [view.features for view in views])
        for answer, share, beyond in zip(said, shares, self.unlike.beyond(loaded), strict=True):
            if np.isfinite(share):
                answer["unlike"] = float(share)
            if beyond:
                answer["beyond"] = beyond

    def _hold_back(
        self,
        said: list[dict[str, Any]],
        values: np.ndarray,
        members: np.ndarray,
        asked: str,
        sure: float,
    ) -> None:
        """Take back answers that are not sure enough, or about something never seen."""
        bounds, spread = None, None
        if self.task.kind == "regress":
            bounds = self.bounds(values, members, asked, sure)
            spread = getattr(self.task, "spread", None)
        kept = enough(self.task.kind, values, sure, bounds, spread)
        for answer, one in zip(said, kept, strict=True):
            known = answer.get("unlike", 1.0) >= LEVEL and "beyond" not in answer
            answer["unsure"] = not (one and known)
            if answer["unsure"]:
                answer["answer"] = None

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
            "both_calibration": self.both_calibration.as_json(),
            "kept": self.kept,
            "gathered": self.gathered and self.gathered.as_json(),
            "baseline": None,
            "frozen": _save_frozen(folder, self.frozen),
            "promises": self._save_promises(folder),
            "unlike": self.unlike and self.unlike.as_json(),
            "lacks": list(self.lacks),
        }
        if self.unlike is not None:
            write_arrays(folder / "unlike.safetensors", self.unlike.arrays())
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

    def _save_promises(self, folder: Path) -> dict[str, Any]:
        made = {name: self.promise_of(name) for name in ("network", "baseline", "both")}
        arrays = {
            f"{name}.{key}": array
            for name, one in made.items()
            if one is not None
            for key, array in one.arrays().items()
        }
        if arrays:
            write_arrays(folder / "held.safetensors", arrays)
        return {name: one.facts() for name, one in made.items() if one is not None}

    @classmethod
    def load_from(cls, folder: str | Path) -> Bundle:
        """Read a bundle of today's or any earlier format."""
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
        _known_format(head, folder)
        try:
            return _read(folder, brought_up(head))
        except (KeyError, TypeError, AttributeError, OSError, ValueError, SafetensorError) as error:
            raise BundleError(
                f"the model is damaged or incomplete: {type(error).__name__} {error}",
                where=str(folder),
                fix="copy the whole 'model' folder again, or learn once more",
            ) from error


def _known_format(head: Any, folder: Path) -> None:
    """Raise what is to be done where the format is none that can be read."""
    number = head.get("format") if isinstance(head, dict) else None
    if number == FORMAT or number in UPGRADES:
        return
    where = str(folder / "bundle.json")
    if isinstance(number, int) and number > FORMAT:
        made = f" by pellucid {head['pellucid']}" if "pellucid" in head else ""
        raise BundleError(
            f"the model was saved{made} in format {number}; this version,"
            f" pellucid {__version__}, reads formats up to {FORMAT}",
            where=where,
            fix="pip install --upgrade pellucid",
        )
    raise BundleError(
        f"this is no description of a model: its format is {number!r}",
        where=where,
        fix="copy the whole 'model' folder again, or learn once more",
    )


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


def _read_promise(folder: Path, head: Mapping[str, Any], name: str) -> Promise | None:
    facts = head["promises"].get(name)
    if facts is None:
        return None
    arrays = read_arrays(folder / "held.safetensors")
    own = {key.removeprefix(f"{name}."): array for key, array in arrays.items()}
    return Promise.restore(facts, own)


def _read_unlike(folder: Path, facts: dict[str, Any] | None) -> Unlike | None:
    if facts is None:
        return None
    arrays = unlike_arrays(facts, read_arrays(folder / "unlike.safetensors"))
    return Unlike.restore(facts, arrays)


def _read_baseline(folder: Path, head: Mapping[str, Any]) -> FittedBaseline | None:
    if head["baseline"] is None:
        return None
    texts = {
        name: (folder / f"baseline-{name}.txt").read_text(encoding="utf-8")
        for name in head["baseline_texts"]
    }
    arrays = read_arrays(folder / "baseline.safetensors")
    return FittedBaseline.restore(head["baseline"], arrays, texts)


def _read(folder: Path, head: Mapping[str, Any]) -> Bundle:
    """The bundle of a head in today's format."""
    members = [
        Member(
            [Column(**column) for column in item["columns"]],
            Blueprint.from_json(item["blueprint"]),
            load_file(str(folder / f"network-{number}.safetensors")),
        )
        for number, item in enumerate(head["networks"])
    ]
    return Bundle(
        task=task_from_json(head["task"]),
        members=members,
        layouts=head["layouts"],
        calibration=Calibration.from_json(head["calibration"]),
        baseline=_read_baseline(folder, head),
        baseline_calibration=Calibration.from_json(head["baseline_calibration"]),
        both_calibration=Calibration.from_json(head["both_calibration"]),
        kept=head["kept"],
        gathered=Gathering.from_json(head["gathered"]) if head["gathered"] else None,
        frozen=_read_frozen(folder, head["frozen"]),
        promise=_read_promise(folder, head, "network"),
        baseline_promise=_read_promise(folder, head, "baseline"),
        both_promise=_read_promise(folder, head, "both"),
        unlike=_read_unlike(folder, head["unlike"]),
        lacks=tuple(head["lacks"]),
    )
