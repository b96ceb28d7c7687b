"""`pellucid enroll RUN FOLDER`: show a trained network who is who, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.errors import ConfigError


def enroll(run: str | Path, folder: str | Path) -> dict[str, Any]:
    """Remember the identities in a folder; see `uses/verify/answerer.py: VerifyAnswerer.enroll`.

    Raises:
        ConfigError: The model is no model of similarity.
    """
    from pellucid.uses.answerers import load_answerer, use_of
    from pellucid.uses.verify import VerifyAnswerer

    kind = use_of(run)
    answerer = load_answerer(run) if kind == VerifyAnswerer.kind else None
    if not isinstance(answerer, VerifyAnswerer):
        raise ConfigError(
            "this model can't be shown who is who"
            + (f": it was made for '{kind}'" if kind else ""),
            where=str(run),
            fix="learn one first: pellucid learn FOLDER_OF_IDENTITIES --task verify",
        )
    return answerer.enroll(folder)


def show_enrolled(found: dict[str, Any]) -> None:
    """What was remembered, for people."""
    names = found["identities"]
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    print(f"enrolled {len(names)} ({shown}) with {found['pictures']} examples")
    for place, why in found["left_out"][:5]:
        print(f"         left out: {place}: {why}")
    print(f"known    {len(found['known'])} by now; who is it: pellucid predict RUN FILE")
