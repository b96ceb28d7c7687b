"""Deep learning you can see through.

    import pellucid

    run = pellucid.learn("flowers/", time="3m")
    run.predict("new/rose.jpg")
    run.model()                                  # the plain torch.nn.Module

Names are resolved when they are first used, so that `import pellucid` imports nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pellucid.config import Plan as Plan
    from pellucid.config import Settings as Settings
    from pellucid.errors import PellucidError as PellucidError
    from pellucid.export.bundle import Bundle as Bundle
    from pellucid.interfaces.api import learn as learn
    from pellucid.interfaces.api import load as load
    from pellucid.interfaces.api import resume as resume
    from pellucid.recording.run import Run as Run

_HOMES = {
    "Bundle": "pellucid.export.bundle",
    "PellucidError": "pellucid.errors",
    "Plan": "pellucid.config",
    "Run": "pellucid.recording.run",
    "Settings": "pellucid.config",
    "learn": "pellucid.interfaces.api",
    "load": "pellucid.interfaces.api",
    "resume": "pellucid.interfaces.api",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pellucid' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
