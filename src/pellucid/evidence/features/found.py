"""What is found about the layers of a network, before it is put into words and figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pellucid.evidence.features import probes, strongest
from pellucid.evidence.features.naming import Asked
from pellucid.evidence.features.ranks import Name
from pellucid.evidence.features.units import UnitLayer


@dataclass(frozen=True)
class Layered:
    """What was found about one layer. names: one a unit. chosen: the units that are shown.
    examples: unit -> its strongest examples, or words for those of a table."""

    layer: UnitLayer
    names: list[Name | None]
    chosen: list[int]
    examples: dict[int, list[strongest.Shown]] = field(default_factory=dict)
    common: dict[int, str] = field(default_factory=dict)
    pictures: dict[int, dict[str, Any]] = field(default_factory=dict)
    imagined: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def named(self) -> int:
        return sum(name is not None for name in self.names)


@dataclass(frozen=True)
class Order:
    """How well edges, parts and objects are read from each layer, and before learning."""

    layers: list[UnitLayer]
    after: probes.Read
    before: probes.Read | None


def margin(name: Name | None) -> float:
    return 0.0 if name is None else name.score - name.limit


def said_of(name: Name | None) -> str:
    return "" if name is None else name.said


def measure(kind: str) -> str:
    classes = {"classify": "its best class", "tags": "its best tag"}
    return (
        f"area under ROC for {classes[kind]}" if kind in classes else "rank correlation with target"
    )


def target_names(asked: Asked) -> list[str]:
    task = asked.task
    if task.kind in ("classify", "tags"):
        return [str(one) for one in getattr(task, "classes", [])]
    return [str(one) for one in getattr(task, "names", [])] or [str(task.as_json()["target"])]
