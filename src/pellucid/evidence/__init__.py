"""Why a model answered so, and how far to trust it: measured, tested, in plain words."""

from __future__ import annotations

# Each study registers itself, in the order in which a person reads them.
# isort: off
from pellucid.evidence import reliability  # noqa: F401
from pellucid.evidence import sets  # noqa: F401
from pellucid.evidence import sureness  # noqa: F401
from pellucid.evidence import foreign  # noqa: F401
from pellucid.evidence import choice  # noqa: F401
from pellucid.evidence import explanations  # noqa: F401
from pellucid.evidence import features  # noqa: F401
from pellucid.evidence import overfitting  # noqa: F401
from pellucid.evidence import growth  # noqa: F401
from pellucid.evidence import labels  # noqa: F401
from pellucid.evidence import duplicates  # noqa: F401
from pellucid.evidence import honesty  # noqa: F401
from pellucid.evidence import cost  # noqa: F401

# isort: on
from pellucid.evidence.subject import PARTS, Part, part

__all__ = ["PARTS", "Part", "part"]
