"""Checkpoints: all that a killed run needs to go on bit for bit.

`checkpoint/state.safetensors` is the whole of it, and one rename puts it in place, so that a kill
at any moment leaves either the old one or the new one. Tensors keep their dtype; the structure
around them, with every number and word, is JSON in the file's header. Nothing is executed when
it is loaded. `state.json` repeats what a person may want to know.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pellucid.errors import BundleError
from pellucid.recording.files import replacing, write_json

SCHEMA = 1


def save_checkpoint(folder: Path, state: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
    """Replace the checkpoint in `folder` (`RUN/checkpoint`) by this one.

    Args:
        state: Nested dicts, lists and tuples of tensors, numbers, words, booleans and None, such
            as `Learner.state_dict()`. Keys are strings or whole numbers.
        meta: JSON-able: step, fold, versions; also written to `state.json` for people.

    Raises:
        TypeError: The state holds something else.
    """
    tensors: dict[str, Tensor] = {}
    tree = _pack(state, "", tensors)
    notes = {"schema": str(SCHEMA), "tree": json.dumps(tree), "meta": json.dumps(dict(meta))}
    with replacing(folder / "state.safetensors") as beside:
        save_file(_unshared(tensors), beside, notes)
    write_json(folder / "state.json", {"schema": SCHEMA, **meta})


def load_checkpoint(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The state, tensors on the CPU, and meta of the checkpoint in `folder`.

    Raises:
        BundleError: There is none, it is damaged, or a newer version wrote it.
    """
    path = folder / "state.safetensors"
    if not path.exists():
        raise BundleError(
            "the run has no checkpoint to resume from",
            where=str(folder),
            fix="learn again; a run writes its first checkpoint a little after it starts",
        )
    try:
        with safe_open(path, framework="pt") as file:
            notes = file.metadata() or {}
            _check_schema(path, notes)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return _unpack(json.loads(notes["tree"]), tensors), json.loads(notes["meta"])
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise BundleError(
            "the checkpoint is damaged and can't be read",
            where=f"{path}: {error}",
            fix="restore the file from a backup, or learn again",
        ) from error


def _check_schema(path: Path, notes: Mapping[str, str]) -> None:
    if int(notes["schema"]) > SCHEMA:
        raise BundleError(
            "a newer version of Pellucid wrote the checkpoint",
            where=f"{path}: schema {notes['schema']}, known up to {SCHEMA}",
            fix="pip install --upgrade pellucid",
        )


# --- a tree of values as JSON, tensors beside it ------------------------------------------------


def _pack(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """Every container becomes {"its kind": ...}, so that nothing has to be guessed when reading."""
    if isinstance(value, Tensor):
        while not name or name in tensors:  # {1: ..., "1": ...}
            name += "'"
        tensors[name] = value.detach()
        return {"tensor": name}
    if isinstance(value, Mapping):
        items = [[key, _pack(part, _join(name, key), tensors)] for key, part in value.items()]
        return {"dict": items}
    if isinstance(value, list | tuple):
        parts = [_pack(part, _join(name, index), tensors) for index, part in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": parts}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}  # JSON has no infinities
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a checkpoint can't hold {type(value).__name__} ({name})")


def _join(name: str, key: Any) -> str:
    if not isinstance(key, str | int) or isinstance(key, bool):
        raise TypeError(f"a checkpoint's keys are words or whole numbers, not {key!r} ({name})")
    return f"{name}/{key}" if name else str(key)


def _unpack(tree: Any, tensors: Mapping[str, Tensor]) -> Any:
    if not isinstance(tree, dict):
        return tree
    [(kind, content)] = tree.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _unpack(part, tensors) for key, part in content}
    if kind == "float":
        return float(content)
    parts = [_unpack(part, tensors) for part in content]
    return tuple(parts) if kind == "tuple" else parts


def _unshared(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous tensors on the CPU, each with memory of its own as the format demands."""
    seen: set[int] = set()
    separate = {}
    for name, value in tensors.items():
        value = value.cpu().contiguous()
        place = value.untyped_storage().data_ptr()
        separate[name] = value.clone() if place in seen else value
        seen.add(place)
    return separate
