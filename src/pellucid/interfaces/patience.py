"""How threads wait for each other; said before PyTorch is loaded, as it is read only then.

Threads that compute together meet after every layer, many times a step. Who comes first spins: it
asks again and again whether the others are there, which is quickest while every core is free. Where
another program wants a core, the one that spins keeps the one that it waits for from running, and a
step takes ten to a hundred times as long (docs/log.md). Waiting asleep costs a little each time and
does not change a single bit of what is computed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

PRESSURE = Path("/proc/pressure/cpu")
BUSY = 10.0
"""Percent of the last ten seconds in which somebody waited for a core: more is a busy machine."""
SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def wait_asleep_if_busy(environment: MutableMapping[str, str] = os.environ) -> None:
    """On a machine that is busy now, let threads wait asleep; what the user set stays."""
    if "torch" in sys.modules or any(name in environment for name in SETTINGS):
        return
    if waited() >= BUSY:
        environment["OMP_WAIT_POLICY"] = "passive"


def waited(pressure: Path = PRESSURE) -> float:
    """Percent of the last ten seconds in which a program waited for a core; where the system does
    not say that, 100 if there is more work than cores, else 0."""
    try:
        return share_in(pressure.read_text())
    except (OSError, ValueError, KeyError):
        return 100.0 if _load() > (os.cpu_count() or 1) else 0.0


def share_in(text: str) -> float:
    """What Linux says of its processors' pressure.

    >>> share_in("some avg10=75.55 avg60=85.33 avg300=82.73 total=237\\nfull avg10=0.00")
    75.55
    """
    some = text.partition("\n")[0].split()
    return float(dict(word.split("=") for word in some[1:])["avg10"])


def _load() -> float:
    """Programs that ran or waited in the last minute; 0 where the system does not count them."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return 0.0
