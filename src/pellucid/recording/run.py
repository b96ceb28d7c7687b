"""The run folder's one reader: a read-only view of what happened.

    run = Run("flowers")
    run.steps["loss"]            # one figure for every weight update
    run.looks().at(0)            # the inside of the network before it learned
    run.weights(412)             # the whole network as it was at step 412

Everything is read when it is asked for, so a run can be watched while it learns.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.config import Plan
from pellucid.data.columns import Column
from pellucid.errors import BundleError, ConfigError, did_you_mean
from pellucid.recording.answers import Answers, read_answers
from pellucid.recording.files import Arrays, read_arrays, read_json, read_lines
from pellucid.recording.layout import JSON_FILES, SCHEMA, is_run
from pellucid.recording.looks import Looks
from pellucid.recording.steps import read_steps
from pellucid.recording.weights import read_weights, weight_steps

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Probe:
    """The fixed examples that are watched.

    rows: their numbers in the source. places: how a person finds them. drawings: for each,
    column -> Drawing as JSON. inputs: group -> `(examples, ...)` as encoded. target: encoded.
    """

    rows: list[int]
    places: list[str]
    drawings: list[dict[str, Any]]
    inputs: Arrays
    target: np.ndarray


class Run:
    """A run's folder.

    Args:
        path: The folder.

    Raises:
        ConfigError: There is no such folder, or it is not a run.
        BundleError: A newer version wrote it, or `run.json` is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not is_run(self.path):
            raise _no_run(self.path)
        schema = self.info.get("schema", SCHEMA)
        if schema > SCHEMA:
            raise BundleError(
                f"a newer version of Pellucid wrote the run '{self.path.name}'",
                where=f"{self.path / 'run.json'}: schema {schema}, known up to {SCHEMA}",
                fix="pip install --upgrade pellucid",
            )

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.status})"

    # --- what was planned and how it went -----------------------------------------------------

    @property
    def info(self) -> dict[str, Any]:
        """`run.json`; docs/architecture.md lists its fields."""
        info = read_json(self.path / "run.json")
        if not isinstance(info, dict):
            raise BundleError(
                "run.json holds no object",
                where=str(self.path / "run.json"),
                fix="restore the file from a backup, or learn again",
            )
        return info

    @property
    def name(self) -> str:
        return str(self.info.get("name", self.path.name))

    @property
    def status(self) -> str:
        """ "learning", "paused", "done", "interrupted" or "failed"; a killed run still says
        "learning" or "paused"."""
        return str(self.info.get("status", "learning"))

    @property
    def task(self) -> dict[str, Any]:
        """The task as JSON; `Task.from_json` makes a task of it."""
        return dict(self._field("task"))

    @property
    def plan(self) -> Plan:
        return Plan.from_json(self._field("plan"))

    @property
    def columns(self) -> list[Column]:
        return [Column(**column) for column in self._field("columns")]

    @property
    def rows(self) -> dict[str, int]:
        """How many rows ended as train, valid, test, repaired and set_aside."""
        return dict(self._field("rows"))

    @property
    def events(self) -> list[dict[str, Any]]:
        """What a reader should know, in order: "step", "kind", "message" and details."""
        return read_lines(self.path / "events.jsonl")

    def ledger(self) -> pa.Table:
        """One row for every row of the source: where it went, and why."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = self._existing("ledger.parquet")
        try:
            return pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            raise BundleError(
                "ledger.parquet is damaged and can't be read",
                where=f"{path}: {error}",
                fix="restore the file from a backup, or learn again",
            ) from error

    # --- every step ---------------------------------------------------------------------------

    @property
    def steps(self) -> np.ndarray:
        """One row for every weight update, in order; fields and units: `steps.STEP`."""
        return read_steps(self.path / "steps.bin")

    def looks(self) -> Looks:
        """The inside of the network at recorded steps."""
        return Looks(self.path / "looks")

    @property
    def recorded_steps(self) -> list[int]:
        """Steps at which the inside was looked at, rising."""
        return self.looks().steps

    @property
    def weight_steps(self) -> list[int]:
        """Steps whose weights were kept whole, rising."""
        return weight_steps(self.path / "weights")

    def weights(self, step: int) -> Arrays:
        """All weights and buffers (the state dict) at one of `weight_steps`.

        The first, best and last are exact; the others were kept in float16.
        """
        known = self.weight_steps
        if step not in known:
            near = sorted(sorted(known, key=lambda other: abs(other - step))[:3])
            raise ConfigError(
                f"the weights of step {step} were not kept",
                where=str(self.path / "weights"),
                fix=f"the nearest kept steps are {', '.join(map(str, near))}"
                if near
                else "learn again without --no-record",
            )
        return read_weights(self.path / "weights", step)

    def probe(self) -> Probe:
        """The fixed examples that are watched."""
        info = read_json(self._existing("probe/probe.json"))
        arrays = read_arrays(self._existing("probe/inputs.safetensors"))
        target = arrays.pop("target")
        inputs = {name.removeprefix("inputs/"): array for name, array in arrays.items()}
        return Probe(info["rows"], info["places"], info["drawings"], inputs, target)

    def answers(self) -> Answers:
        """What the network answered on validation rows at every evaluation."""
        self._existing("answers/about.json")
        return read_answers(self.path)

    # --- how good it is -----------------------------------------------------------------------

    def results(self, name: str) -> Arrays:
        """Rows, targets and answers of "test" or "valid"; docs/architecture.md names the arrays."""
        path = self.path / "results" / f"{name}.safetensors"
        if not path.exists():
            known = sorted(found.stem for found in path.parent.glob("*.safetensors"))
            raise ConfigError(
                f"the run has no results called '{name}'",
                where=str(path.parent),
                fix=did_you_mean(name, known) if known else _not_there_yet(self.status),
            )
        return read_arrays(path)

    @property
    def examples(self) -> list[dict[str, Any]]:
        """Examples worth showing: wrong, unsure and right ones."""
        return list(self._json("examples"))

    @property
    def summary(self) -> dict[str, Any]:
        """The metrics on the test rows."""
        return dict(self._json("summary"))

    @property
    def verdict(self) -> dict[str, Any]:
        """The sentence, and the network beside the classical methods."""
        return dict(self._json("verdict"))

    @property
    def baselines(self) -> list[dict[str, Any]]:
        """The classical methods on the same rows, from the verdict."""
        return list(self.verdict["baselines"])

    # --- evidence -----------------------------------------------------------------------------

    def findings(self) -> list[str]:
        """Names of the studies that were made of this run."""
        return sorted(path.stem for path in (self.path / "evidence").glob("*.json"))

    def finding(self, part: str) -> dict[str, Any]:
        """What one study found, as `evidence/finding.py: Finding.as_json` wrote it."""
        return dict(read_json(self._existing(f"evidence/{part}.json")))

    # --- inside -------------------------------------------------------------------------------

    def _field(self, name: str) -> Any:
        info = self.info
        if name not in info:
            raise BundleError(
                f"the run says nothing about its {name}",
                where=str(self.path / "run.json"),
                fix=_not_there_yet(str(info.get("status"))),
            )
        return info[name]

    def _json(self, name: str) -> Any:
        return read_json(self._existing(JSON_FILES[name]))

    def _existing(self, name: str) -> Path:
        path = self.path / name
        if not path.exists():
            raise BundleError(
                f"the run has no {name}",
                where=str(self.path),
                fix=_not_there_yet(self.status),
            )
        return path


def list_runs(folder: str | Path) -> list[Run]:
    """The runs directly inside a folder, latest first; what can't be read as a run is left out."""
    found = []
    for path in sorted(Path(folder).glob("*/run.json")):
        try:
            found.append(Run(path.parent))
        except BundleError:
            continue
    return sorted(found, key=lambda run: str(run.info.get("started", "")), reverse=True)


def _not_there_yet(status: str) -> str:
    if status in ("learning", "paused"):
        return "wait until the run is done; if it was killed: pellucid resume RUN"
    return "learn again; this run ended before it was written"


def _no_run(path: Path) -> ConfigError:
    if (path / "bundle.json").is_file():
        return ConfigError(
            f"'{path}' is a model without its run: it answers, and knows nothing of its learning",
            where=str(path.absolute()),
            fix=f"pellucid predict {path} INPUT; all else needs the folder that 'model' was in",
        )
    siblings = [run.parent.name for run in sorted(path.absolute().parent.glob("*/run.json"))]
    what = "is not a run (it has no run.json)" if path.exists() else "does not exist"
    return ConfigError(
        f"'{path}' {what}",
        where=str(path.absolute().parent),
        fix=did_you_mean(path.name, siblings)
        if siblings
        else "make one with 'pellucid learn SOURCE', or give the folder of a run",
    )
