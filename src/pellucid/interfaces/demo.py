"""Built-in examples: `pellucid demo` lists them, `pellucid demo NAME` learns from one."""

from __future__ import annotations

import json
from pathlib import Path

from pellucid import __version__
from pellucid.config import cache_folder
from pellucid.errors import ConfigError, did_you_mean
from pellucid.examples import EXAMPLES


def show_list(*, as_json: bool) -> None:
    """All examples with a line each."""
    if as_json:
        found = [
            {
                "name": example.name,
                "modality": example.modality,
                "description": example.description,
                "generated": example.generated,
            }
            for example in EXAMPLES.values()
        ]
        print(json.dumps(found))
        return
    width = max(len(example.title) for example in EXAMPLES.values())
    for example in EXAMPLES.values():
        print(f"{example.title:<{width}}  {example.description}")
    print("\nrun one with: pellucid demo NAME")


def source_of(name: str) -> tuple[Path, str | None]:
    """Write an example's files and say what to predict: source and target."""
    if name not in EXAMPLES:
        raise ConfigError(
            f"there is no example '{name}'", where="pellucid demo", fix=did_you_mean(name, EXAMPLES)
        )
    example = EXAMPLES[name]
    return example.make(cache_folder() / "examples" / __version__ / name), example.target


def plan_of(name: str, source: Path) -> Path | None:
    """The plan that an example is learned by, where it brings one."""
    plan = EXAMPLES[name].plan
    return None if plan is None else source.parent / plan
