"""Every study, each of which registers itself; loaded when a run is studied, as it is heavy."""

from __future__ import annotations

from pellucid.evidence import features, overfitting  # noqa: F401
from pellucid.evidence.explain import study as explanations  # noqa: F401
from pellucid.evidence.finding import ORDER
from pellucid.evidence.honesty import duplicates  # noqa: F401
from pellucid.evidence.honesty import study as honesty  # noqa: F401
from pellucid.evidence.labels import study as labels  # noqa: F401
from pellucid.evidence.subject import PARTS as REGISTERED
from pellucid.evidence.subject import Part
from pellucid.evidence.trust import foreign, reliability, sets, sureness  # noqa: F401
from pellucid.evidence.worth import choice, cost, growth  # noqa: F401

PARTS: dict[str, Part] = {
    name: REGISTERED[name] for name in (*ORDER, *(set(REGISTERED) - set(ORDER)))
}
"""Name on the command line -> study, in the order in which a person reads them."""
