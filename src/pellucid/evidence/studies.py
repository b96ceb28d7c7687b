"""Every study, each of which registers itself; loaded when a run is studied, as it is heavy."""

from __future__ import annotations

from pellucid.evidence import (  # noqa: F401
    choice,
    cost,
    duplicates,
    explanations,
    features,
    foreign,
    growth,
    honesty,
    labels,
    overfitting,
    reliability,
    sets,
    sureness,
)
from pellucid.evidence.finding import ORDER
from pellucid.evidence.subject import PARTS as REGISTERED
from pellucid.evidence.subject import Part

PARTS: dict[str, Part] = {
    name: REGISTERED[name] for name in (*ORDER, *(set(REGISTERED) - set(ORDER)))
}
"""Name on the command line -> study, in the order in which a person reads them."""
