"""A run's folder as answers to GET: files as they are, cut where only a part is wanted."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pellucid.errors import BundleError, ConfigError, PellucidError, did_you_mean
from pellucid.interfaces.studio.guard import REPORT_POLICY, Refused
from pellucid.interfaces.studio.runs import as_dict, as_list
from pellucid.recording.control import alive
from pellucid.recording.files import (
    arrays_as_bytes,
    cut_arrays,
    plain,
    read_arrays,
    read_arrays_header,
    read_json,
    read_lines,
)
from pellucid.recording.layout import JSON_FILES
from pellucid.recording.looks import CHUNK
from pellucid.recording.run import Run
from pellucid.recording.steps import STEP

MOST_ROWS = 200_000
"""Rows of `steps.bin` in one answer; whoever wants more asks again from there."""
MOST_EVENTS = 20_000
MOST_COLUMNS = 120
MOST_NUMBERS = 300
MOST_ITEMS = 20
"""Columns, and rows set aside or repaired, that the manifest names; `rows` has all of them."""
DRAWN_BYTES = 40_000
"""Drawings of the watched examples that take more are no part of the manifest."""
AS_WRITTEN = (
    *("source", "task", "rows", "labels", "plan", "network", "recording", "kept", "notes"),
    *("warnings", "versions", "timing", "looks_at_test", "settings", "started", "seconds"),
    *("stage", "problem", "without", "fingerprint", "seed", "threads", "use", "findings"),
)
"""Fields of `run.json` that the manifest repeats."""
ALWAYS = ("steps", "loss", "exponents", "statistics")
"""What every answer about looks has."""
JSON_RESULTS = ("summary", "verdict", "examples")
ARRAY_RESULTS = ("test", "valid")
SAFETENSORS = "application/octet-stream"


# --- what a run is ------------------------------------------------------------------------------


def manifest(run: Run) -> dict[str, Any]:
    """All that the page knows of a run before it looks at any step."""
    info = run.info
    task, columns = as_dict(info.get("task")), as_list(info.get("columns"))
    aside, repaired = as_list(info.get("set_aside")), as_list(info.get("repaired"))
    return {
        "schema": 1,
        "run": run.path.name,
        "version": version(run),
        "name": run.name,
        "status": run.status,
        "alive": alive(run.path),
        **{name: info.get(name) for name in AS_WRITTEN},
        "classes": task.get("classes") or task.get("tags") or [],
        "columns": columns[:MOST_COLUMNS],
        "columns_total": len(columns),
        "set_aside": aside[:MOST_ITEMS],
        "repaired": repaired[:MOST_ITEMS],
        "fields": fields(),
        "row_bytes": STEP.itemsize,
        **_parts(run),
        "probe": _probe(run),
        "weight_steps": run.weight_steps,
        "has": _has(run),
    }


def version(run: Run) -> str:
    """Another one when the run was begun anew or resumed: what was sealed may be other then."""
    info = run.info
    begun = f"{info.get('started')} {info.get('begun')}"
    return hashlib.sha256(begun.encode()).hexdigest()[:12]


def fields() -> list[dict[str, Any]]:
    """The columns of `steps.bin`: name, NumPy's name of the type (`<f4`), byte where it starts."""
    assert STEP.fields is not None
    return [
        {"name": name, "type": about[0].str, "offset": int(about[1])}
        for name, about in STEP.fields.items()
    ]


def _parts(run: Run) -> dict[str, Any]:
    """Parameters and watched values with their shapes, from the first look."""
    found: dict[str, list[dict[str, Any]]] = {"parameters": [], "taps": []}
    for path in sorted((run.path / "looks").glob("[0-9]*.safetensors"))[:1]:
        try:
            parts = json.loads(read_arrays_header(path)[1]["parts"])
            for part in parts:
                kind = {"weight": "parameters", "activation": "taps"}.get(part["group"])
                if kind:
                    about = {key: part[key] for key in ("name", "shape", "strides")}
                    found[kind].append(about)
        except (PellucidError, KeyError, TypeError, ValueError):
            return {"parameters": [], "taps": []}
    return found


def _probe(run: Run) -> dict[str, Any] | None:
    """The watched examples; their drawings only where they are small."""
    if not (run.path / "probe" / "probe.json").exists():
        return None
    try:
        info = as_dict(read_json(run.path / "probe" / "probe.json"))
    except PellucidError:
        return None
    drawings = info.get("drawings")
    small = len(json.dumps(drawings)) <= DRAWN_BYTES
    known = ("rows", "places", "tokens")
    about: dict[str, Any] = {name: info[name] for name in known if name in info}
    numbers = as_dict(info.get("numbers"))
    about["numbers"] = {group: said[:MOST_NUMBERS] for group, said in numbers.items()}
    return {**about, "targets": _targets(run), "drawings": drawings if small else None}


def _targets(run: Run) -> Any:
    """What the watched examples really are, encoded; None if it can't be read."""
    try:
        return read_arrays(run.path / "probe" / "inputs.safetensors")["target"].tolist()
    except (PellucidError, KeyError):
        return None


def drawings(run: Run) -> dict[str, Any]:
    """The watched examples with their drawings, however large."""
    info = as_dict(read_json(existing(run, "probe/probe.json")))
    return {name: info.get(name) for name in ("rows", "places", "drawings")}


def _has(run: Run) -> list[str]:
    """What is there to be asked for."""
    files = {
        "looks": "looks/index.json",
        "probe": "probe/inputs.safetensors",
        "answers": "answers/about.json",
        "summary": "results/summary.json",
        "verdict": "verdict.json",
        "examples": "results/examples.json",
        "test": "results/test.safetensors",
        "valid": "results/valid.safetensors",
        "model": "model/bundle.json",
        "reference": "evidence/reference.safetensors",
        "report": "report.html",
    }
    there = [name for name, file in files.items() if (run.path / file).is_file()]
    return there + (["findings"] if run.findings() else [])


# --- rows and lines that grow -------------------------------------------------------------------


def steps(run: Run, start: int) -> bytes:
    """Whole rows of `steps.bin` from row `start`; none if there are not so many."""
    path = run.path / "steps.bin"
    if not path.is_file():
        return b""
    with open(inside(run, path), "rb") as file:
        file.seek(start * STEP.itemsize)
        data = file.read(MOST_ROWS * STEP.itemsize)
    return data[: len(data) - len(data) % STEP.itemsize]


def events(run: Run, start: int) -> list[dict[str, Any]]:
    """Lines of `events.jsonl` from line `start`."""
    return read_lines(inside(run, run.path / "events.jsonl"))[start : start + MOST_EVENTS]


def looks(run: Run) -> dict[str, Any]:
    """`looks/index.json`; of a run without looks an empty one."""
    path = run.path / "looks" / "index.json"
    if not path.is_file():
        return {"schema": 1, "fold": 0, "recorded": [], "cost_seconds": 0.0}
    return as_dict(read_json(inside(run, path)))


def sealed(run: Run, chunk: int) -> bool:
    """Whether a chunk of looks will not change any more: it is full, a later one was begun, or
    nobody learns."""
    if run.status not in ("learning", "paused"):
        return True
    entries = [entry for entry in as_list(looks(run).get("recorded")) if len(as_list(entry)) == 3]
    mine = sum(entry[1] == chunk for entry in entries)
    return mine >= CHUNK or any(entry[1] > chunk for entry in entries)


def answers(run: Run, start: int) -> bytes:
    """`recording/answers.py: Answers` from evaluation `start`, as safetensors."""
    existing(run, "answers/about.json")
    found = run.answers()
    arrays = {
        "rows": found.rows,
        "target": found.target,
        "steps": found.steps[start:],
        "values": found.values[start:],
    }
    return arrays_as_bytes(arrays)


# --- files --------------------------------------------------------------------------------------


def inside(run: Run, path: Path) -> Path:
    """The same path, if it does not lead out of the run's folder (a link might)."""
    if not path.resolve().is_relative_to(run.path.resolve()):
        raise Refused(
            403,
            f"'{path.name}' leads out of the run's folder",
            where=str(run.path),
            fix="replace the link by the file itself",
        )
    return path


def existing(run: Run, name: str) -> Path:
    """A file of the run; it may well not be there yet."""
    path = run.path / name
    if not path.is_file():
        waiting = "wait until it is written" if alive(run.path) else "this run ended without it"
        raise Refused(404, f"the run has no {name}", where=str(run.path), fix=waiting)
    return inside(run, path)


def some_arrays(path: Path, wanted: list[str]) -> bytes:
    """A safetensors file, or only some of its tensors.

    Args:
        wanted: Names, several may stand in one, joined by commas; none: all.
    """
    if not wanted:
        try:
            return path.read_bytes()
        except OSError as error:
            raise _unreadable(path, error) from error
    return cut_arrays(path, _names(path, wanted, set(read_arrays_header(path)[0])))


def chunk(run: Run, number: int, wanted: list[str], example: int | None) -> bytes:
    """A chunk of looks, or some of its tensors, of one watched example where they have examples."""
    path = existing(run, f"looks/{number:05d}.safetensors")
    if not wanted and example is None:
        return some_arrays(path, [])
    arrays, notes = read_arrays_header(path)
    names = _names(path, wanted, set(arrays)) if wanted else set(arrays)
    rows = {} if example is None else _of_example(run, notes, arrays, example)
    return cut_arrays(path, names | set(ALWAYS), rows)


def _of_example(
    run: Run, notes: dict[str, str], arrays: dict[str, dict[str, Any]], example: int
) -> dict[str, int]:
    """Tensors that have an axis of watched examples -> the example."""
    count = len(as_list(as_dict(read_json(existing(run, "probe/probe.json"))).get("rows")))
    if example >= count:
        raise ConfigError(
            f"there is no watched example {example}",
            where=f"?example={example}",
            fix=f"choose a number from 0 to {count - 1}",
        )
    found = {}
    for part in json.loads(notes["parts"]):
        key = f"{part['group']}/{part['name']}"
        whole = len(part["strides"]) == len(part["shape"]) and part["shape"][:1] == [count]
        if part["group"].startswith("activation") and whole and key in arrays:
            found[key] = example
    return found


def _names(path: Path, wanted: list[str], known: set[str]) -> set[str]:
    names = {name for words in wanted for name in ([words] if words in known else words.split(","))}
    unknown = sorted(names - known)
    if unknown:
        raise ConfigError(
            f"there is no tensor '{unknown[0]}'",
            where=path.name,
            fix=did_you_mean(unknown[0], sorted(known)),
        )
    return names


def _unreadable(path: Path, error: OSError) -> BundleError:
    return BundleError(
        f"{path.name} can't be read: {error.strerror}",
        where=str(path),
        fix="look whether the file is there and may be read",
    )


def report(run: Run) -> Response:
    """The report; it may run its own scripts, and is a stranger to the studio all the same."""
    headers = {"Content-Security-Policy": REPORT_POLICY, "Cache-Control": "no-store"}
    body = existing(run, "report.html").read_bytes()
    return Response(body, 200, headers, "text/html; charset=utf-8")


def json_result(run: Run, name: str) -> Any:
    """ "summary", "verdict" or "examples"."""
    if name not in JSON_RESULTS:
        known = (*JSON_RESULTS, *ARRAY_RESULTS)
        what, where = f"there are no results called '{name}'", f"results/{name}"
        raise Refused(404, what, where=where, fix=did_you_mean(name, known))
    return read_json(existing(run, JSON_FILES[name]))


def findings(run: Run) -> dict[str, Any]:
    """Name -> finding; one that is damaged is left out."""
    found = {}
    for name in run.findings():
        try:
            found[name] = run.finding(name)
        except (PellucidError, ValueError, TypeError):
            continue
    return found


# --- how it is sent -----------------------------------------------------------------------------


def whole_number(request: Request, name: str, default: int = 0) -> int:
    """A number of the address, from 0."""
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise ConfigError(
            f"'{text}' is no whole number", where=f"?{name}=", fix="count from 0, such as 0 or 12"
        )
    return int(text)


def data(request: Request, body: bytes, *, cache: str = "no-cache") -> Response:
    """Bytes; asked for again with the tag of the first answer, only that nothing changed.

    cache: "no-store"; "no-cache": keep it but ask again each time; "immutable": keep it.
    """
    if cache == "no-store":
        return Response(body, headers={"Cache-Control": cache}, media_type=SAFETENSORS)
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    forever = cache == "immutable"
    said = "private, max-age=31536000, immutable" if forever else "private, no-cache"
    headers = {"Cache-Control": said, "ETag": tag}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=SAFETENSORS)


def forever(request: Request, run: Run) -> str:
    """How long something sealed may be kept: for good if the address names the version of the run,
    since a run of the same name may be learned anew."""
    return "immutable" if request.query_params.get("v") == version(run) else "no-cache"


def as_json(request: Request, value: Any, *, cache: str = "no-cache") -> Response:
    """JSON-able data; numbers that are none become null."""
    text = json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    answer = data(request, text.encode(errors="replace"), cache=cache)
    if answer.status_code == 200:
        answer.headers["Content-Type"] = "application/json"
    return answer
