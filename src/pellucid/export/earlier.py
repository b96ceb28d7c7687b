"""Heads of earlier formats, brought up to today's, one format after the other.

    format 1    everything before sets, intervals and strange rows were settled; parts were added
                under one number, so that each of them may be there, in an early shape, or absent
    format 2    today's: every part is named, null where there is none

A model that lacks a part answers as it did; what it cannot say is put into words (`lacks`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pellucid.errors import BundleError
from pellucid.evidence.trust.calibrate import Calibration
from pellucid.evidence.trust.conformal import ALPHA
from pellucid.network.pretrained.frozen import KINDS
from pellucid.tasks import task_from_json

Head = dict[str, Any]
Arrays = dict[str, np.ndarray]

NO_PROMISES = "it cannot say which other answers are possible, or how far off a number may be"
NO_UNLIKE = "it cannot say how unlike an example is to what it learned from"


def brought_up(head: Mapping[str, Any]) -> Head:
    """The head of a bundle of any earlier format, as today's reader takes it."""
    found = dict(head)
    while found["format"] in UPGRADES:
        found = UPGRADES[found["format"]](found)
    return found


# --- 1 to 2 -----------------------------------------------------------------------------------


def from_1(head: Mapping[str, Any]) -> Head:
    """Early parts in today's shape; those that were not there yet as null, with what that means."""
    task = task_from_json(head["task"])
    lacks = [] if "promises" in head else [NO_PROMISES]
    lacks += [] if "unlike" in head else [NO_UNLIKE]
    frozen = head.get("frozen", [])
    networks = [_network(item) for item in head["networks"]]
    _same_features(frozen, networks)
    return {
        **head,
        "format": 2,
        "networks": networks,
        "both_calibration": head.get("both_calibration", Calibration().as_json()),
        "baseline": head["baseline"] and _baseline(head["baseline"], _outputs(task)),
        "gathered": _gathered(head.get("gathered")),
        "frozen": frozen,
        "promises": {name: _promise(one) for name, one in head.get("promises", {}).items()},
        "unlike": _unlike(head.get("unlike")),
        "lacks": lacks,
    }


def _network(item: Mapping[str, Any]) -> Head:
    """At first all numbers entered as bins, and no column through pretrained weights."""
    blueprint = {"numbers": "bins", "pretrained": {}, **item["blueprint"]}
    return {**item, "blueprint": blueprint}


def _outputs(task: Any) -> int:
    """Classes, grades, tags or targets."""
    names = getattr(task, "classes", None) or getattr(task, "tags", None) or task.names
    return len(names)


def _baseline(facts: Mapping[str, Any], outputs: int) -> Head:
    return {"outputs": outputs, **facts}


def _gathered(early: Any) -> Head | None:
    """At first only long tables were gathered: (id, time)."""
    if not isinstance(early, list):
        return early
    why = f"one series for each '{early[0]}'"
    return {"way": "long", "columns": early, "name": "", "why": why}


def _promise(facts: Mapping[str, Any]) -> Head:
    return {"alpha": ALPHA, "refitted": False, **facts}


def _unlike(facts: Mapping[str, Any] | None) -> Head | None:
    """At first one list of known rows: a table's own, or those that each network saw."""
    if facts is None or "networks" in facts:
        return None if facts is None else {"texts": [], **facts}
    numbers, table = facts["numbers"], facts["table"]
    return {
        "plain": numbers[0] if table else None,
        "texts": [],
        "networks": 0 if table else len(numbers),
        "ranges": facts["ranges"],
    }


def unlike_arrays(head: Mapping[str, Any], arrays: Arrays) -> Arrays:
    """Arrays of strange rows under today's names.

    Args:
        head: `head["unlike"]` as it is today. A table's first known rows were in units of their
            spread already, as its numbers are encoded.
    """
    if head["plain"] is None or "rows" in arrays:
        return arrays
    units = {
        "center": np.zeros(head["plain"], np.float32),
        "scale": np.ones(head["plain"], np.float32),
    }
    return {"rows": arrays["0.rows"], "usual": arrays["0.usual"], **units}


def _same_features(frozen: list[Head], networks: list[Head]) -> None:
    """MiniLM said less to the first models; a network reads no other numbers than it learned."""
    for one in frozen:
        width = KINDS[one["name"]].width
        for network in networks:
            entry = network["blueprint"]["entries"].get(one["column"])
            if entry is not None and entry["size"] != width:
                raise BundleError(
                    f"the network in front of '{one['column']}' gave {entry['size']} numbers when"
                    f" this model learned; it gives {width} now",
                    where=f"frozen network {one['name']}",
                    fix="learn once more; what it learned cannot be carried over",
                )


UPGRADES: dict[int, Callable[[Mapping[str, Any]], Head]] = {1: from_1}
"""Format number -> what makes the next format of it; a format that was ever written stays here."""
