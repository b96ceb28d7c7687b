"""The run inside its report: what the studio's page asks for, packed into one small block.

The page in a report is the studio's own; instead of a server it asks this block
(studio/core/inline.ts). It carries as many recorded steps and watched examples as fit, and says how
many of how many.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid.errors import PellucidError
from pellucid.interfaces.studio import trace as told
from pellucid.recording.files import Arrays, arrays_as_bytes, opened, plain
from pellucid.recording.looks import GROUPS
from pellucid.recording.run import Run
from pellucid.recording.steps import EVALUATED, LOOKED, STEP

MOST_STEPS = 4_000
"""Rows of `steps.bin`; of more only each second, third ... is there, and all evaluated ones."""
MOST_EVALUATIONS = 24
MOST_FINDING = 150_000
"""Bytes of one finding's JSON; those with many pictures are in the written report only."""


SQUEEZED = 0.9
"""base64 of a byte, at least: numbers of networks shrink by a third at most."""
INNER = ("convolution", "sum", "pairs", "after attention")
"""Values between two layers, left out first (studio/core/inside.ts: those for experts)."""


class Share(NamedTuple):
    """How much is carried: steps with looks, watched examples, kept weights, and whether values
    between layers come along."""

    looks: int
    examples: int
    weights: int
    inner: bool


SHARES = (
    Share(128, 8, 3, True),
    Share(96, 6, 3, True),
    Share(64, 6, 3, False),
    Share(64, 4, 2, False),
    Share(48, 4, 2, False),
    Share(40, 3, 2, False),
    Share(32, 3, 2, False),
    Share(24, 2, 1, False),
    Share(16, 2, 0, False),
    Share(12, 1, 0, False),
)
"""From generous to frugal: the first that fits is taken."""


def carried(run: Run, most: int) -> str | None:
    """base64 of at most `most` bytes; None if the run has nothing to show or does not fit."""
    if not run.looks().steps:
        return None
    for share in SHARES:
        files = {name: np.frombuffer(body, np.uint8) for name, body in _files(run, share)}
        whole = arrays_as_bytes(files)
        if len(whole) * SQUEEZED > most:
            continue
        packed = base64.b64encode(gzip.compress(whole, 1, mtime=0))
        if len(packed) <= most:
            return packed.decode("ascii")
    return None


def _files(run: Run, share: Share) -> Iterator[tuple[str, bytes]]:
    """Name, as the page asks for it, and content."""
    index = told.looks(run)
    chosen = _thin([entry[0] for entry in sorted(index["recorded"])], share.looks)
    manifest = told.manifest(run)
    watched = len(manifest["probe"]["rows"]) if manifest["probe"] else 0
    examples = min(share.examples, watched)
    steps, each = _steps(run)
    kept_weights = _kept_weights(run, share)
    manifest |= {
        "alive": False,
        "weight_steps": kept_weights,
        "probe": _first(manifest["probe"], examples),
        "has": [one for one in manifest["has"] if one not in ("model", "reference", "report")],
        "carried": {
            "looks": [len(chosen), len(index["recorded"])],
            "examples": [examples, watched],
            "each_step": each,
        },
    }
    recorded: list[list[int]] = []
    for chunk, rows in _by_chunk(index["recorded"], set(chosen)).items():
        path = run.path / "looks" / f"{chunk:05d}.safetensors"
        yield f"looks/{chunk}", _cut(path, [row for _, row in rows], examples, watched, share)
        recorded += [[step, chunk, place] for place, (step, _) in enumerate(rows)]
    yield "looks", _json({**index, "recorded": sorted(recorded)})
    yield "manifest", _json(manifest)
    yield "steps", steps
    yield "events", _json(told.events(run, 0)[:2_000])
    yield "drawings", _json(_first(told.drawings(run), examples) if watched else {"drawings": []})
    yield "findings", _json(_small_findings(run))
    for step in kept_weights:
        yield f"weights/{step}", (run.path / "weights" / f"{step:06d}.safetensors").read_bytes()
    yield from _results(run)


def _by_chunk(recorded: list[list[int]], chosen: set[int]) -> dict[int, list[tuple[int, int]]]:
    """Chunk -> the (step, row) of it that are carried."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for step, chunk, row in sorted(recorded):
        if step in chosen:
            found[chunk].append((step, row))
    return found


def _cut(path: Path, rows: list[int], examples: int, watched: int, share: Share) -> bytes:
    """A chunk with these looks and the first examples only; of what is left out the statistics
    stay."""
    with opened(path) as file:
        notes = dict(file.metadata())
        parts = json.loads(notes["parts"])
        arrays: Arrays = {
            name: file.get_tensor(name)[rows]
            for name in ("steps", "loss", "exponents", "statistics")
        }
        for part in parts:
            values = file.get_tensor(f"{part['group']}/{part['name']}")[rows]
            of_examples = part["group"] in GROUPS[:2] and values.shape[1:2] == (watched,)
            if of_examples:
                values = values[:, :examples]
                part["shape"] = [examples, *part["shape"][1:]]
            if share.inner or part["name"].rpartition(" / ")[2] not in INNER:
                arrays[f"{part['group']}/{part['name']}"] = values
    return arrays_as_bytes(arrays, {**notes, "parts": json.dumps(parts)})


def _steps(run: Run) -> tuple[bytes, int]:
    """Rows of `steps.bin`, and each how manieth of the plain ones is there."""
    rows = np.frombuffer(told.steps(run, 0), STEP)
    each = max(1, -(-len(rows) // MOST_STEPS))
    notable = (rows["flags"] & (EVALUATED | LOOKED)) != 0
    kept = rows[notable | (np.arange(len(rows)) % each == 0)]
    return kept.tobytes(), each


def _first(about: dict[str, Any] | None, examples: int) -> dict[str, Any] | None:
    """The first watched examples of what is said about all."""
    if about is None:
        return None
    cut: dict[str, Any] = {
        name: value[:examples] for name, value in about.items() if isinstance(value, list)
    }
    if isinstance(about.get("tokens"), dict):
        cut["tokens"] = {name: texts[:examples] for name, texts in about["tokens"].items()}
    return {**about, **cut}


def _kept_weights(run: Run, share: Share) -> list[int]:
    """The first, the last and one between, so that arithmetic can be shown at them."""
    return _thin(run.weight_steps, share.weights) if share.weights else []


def _results(run: Run) -> Iterator[tuple[str, bytes]]:
    for name in ("summary", "verdict"):
        try:
            yield f"results/{name}", _json(getattr(run, name))
        except PellucidError:
            continue  # the run did not come so far
    try:
        found = run.answers()
    except PellucidError:
        return
    places = _thin(list(range(len(found.steps))), MOST_EVALUATIONS)
    arrays = {"rows": found.rows, "target": found.target}
    over_time = {"steps": found.steps[places], "values": found.values[places]}
    yield "answers", arrays_as_bytes(arrays | over_time)


def _small_findings(run: Run) -> dict[str, Any]:
    found = told.findings(run)
    return {name: one for name, one in found.items() if len(_json(one)) <= MOST_FINDING}


def _thin(items: list[int], most: int) -> list[int]:
    """Evenly spread over the list, with both ends."""
    if len(items) <= most:
        return items
    places = np.unique(np.linspace(0, len(items) - 1, most).round().astype(int))
    return [items[place] for place in places]


def _json(value: Any) -> bytes:
    return json.dumps(plain(value), ensure_ascii=False, separators=(",", ":")).encode()
