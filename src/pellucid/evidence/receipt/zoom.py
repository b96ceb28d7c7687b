"""What is looked at closely: the paths that a person types after --zoom."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from pellucid.errors import ConfigError, did_you_mean
from pellucid.evidence.receipt.numbers import unravel
from pellucid.evidence.receipt.parts import Index
from pellucid.evidence.receipt.passages import Passage


@dataclass(frozen=True)
class Zoom:
    """What is looked at closely. level: "network" if nothing was asked."""

    level: Literal["network", "layer", "unit", "weight"]
    layer: str
    parameter: str
    index: Index = ()

    @property
    def own_name(self) -> str:
        return self.parameter.rpartition(".")[2]

    def weight(self, gradient: Tensor) -> Index:
        """The weight that is followed: the one asked, or that with the largest gradient below."""
        if self.level == "weight":
            return self.index
        part = gradient[self.index]
        return (*self.index, *unravel(int(part.abs().argmax()), part))

    @classmethod
    def read(
        cls,
        text: str | None,
        layers: dict[str, Passage],
        parameters: dict[str, Tensor],
        favorite: str,
    ) -> Zoom:
        """`LAYER`, `LAYER[unit]`, `LAYER[unit, input]`, and the same with a parameter's name."""
        if text is None:
            return cls("network", favorite.rpartition(".")[0], favorite)
        found = re.fullmatch(r"(.*?)\s*(?:\[([\d\s,]+)\])?", text)
        assert found is not None
        owners = list(dict.fromkeys(name.rpartition(".")[0] for name in parameters))
        name = _named(found[1], [*(n for n in layers if n in owners), *parameters])
        layer, parameter = name, name
        if name in parameters:
            layer = name.rpartition(".")[0]
        else:
            own = [key for key in parameters if key.rpartition(".")[0] == name]
            main = f"{name}.weight"
            parameter = main if main in own else own[0]
        if found[2] is None:
            return cls("layer", layer, parameter)
        index = tuple(int(part) for part in found[2].replace(",", " ").split())
        shape = tuple(parameters[parameter].shape)
        inside = len(index) <= len(shape) and all(i < n for i, n in zip(index, shape))
        if not inside:
            raise ConfigError(
                f"'{shown(parameter)}' has no weight {list(index)}",
                where="--zoom",
                fix=f"its shape is {' × '.join(map(str, shape))}, counted from 0",
            )
        return cls("weight" if len(index) == len(shape) else "unit", layer, parameter, index)


def _named(word: str, names: Sequence[str]) -> str:
    """The one name that is meant: itself, without "branches.", or its unique ending."""
    for way in (lambda n: n == word, lambda n: shown(n) == word):
        if any(map(way, names)):
            return next(filter(way, names))
    endings = [name for name in names if name.endswith(f".{word}")]
    if len(endings) == 1:
        return endings[0]
    fix = did_you_mean(word, map(shown, endings or names))
    what = "several layers or weights are" if endings else "no layer and no weights are"
    raise ConfigError(f"{what} called '{word}'", where="--zoom", fix=fix)


def shown(name: str) -> str:
    return name.removeprefix("model.").removeprefix("branches.")
