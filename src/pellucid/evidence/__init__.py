"""Why a model answered so, and how far to trust it: measured, tested, in plain words."""

from __future__ import annotations

from pellucid.evidence import reliability  # noqa: F401  (each study registers itself; in reading order)
from pellucid.evidence.subject import PARTS, Part, part

__all__ = ["PARTS", "Part", "part"]
