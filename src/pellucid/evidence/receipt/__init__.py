"""The receipt of one training step: every number from the input to the new weights, checked.

The step itself is the loop's own: `learning/loop.py` is asked for one step of a copy. Beside it the
same batch goes through another copy that is watched, so that the values between the layers and the
blame that travels back can be shown; through a copy in 64-bit floats, whose weights are turned up
and down by a hair to see whether the loss follows the gradient; and through arithmetic by hand. A
receipt carries the largest gap of each comparison.

To read in order: `parts.py`, what a receipt says. `make.py`, how it is made. `made.py`,
`watched.py`, `exact.py`: the three copies. `forward.py`, `changes.py`, `closer.py` (`zoom.py`,
`words.py`): what is written down. `passages.py`, `sums.py`, `gru.py`, `losses.py`, `updates.py`:
by hand. `checks.py`: all of it compared. `what_if.py`: the step with one thing changed.
"""

from __future__ import annotations

from pellucid.evidence.receipt.make import receipt
from pellucid.evidence.receipt.parts import (
    FRESH,
    Check,
    Layer,
    Line,
    Memory,
    OneWeight,
    Output,
    Receipt,
    Unit,
    Weights,
)
from pellucid.evidence.receipt.what_if import WHAT_IFS, WhatIf, what_if

__all__ = [
    "FRESH",
    "WHAT_IFS",
    "Check",
    "Layer",
    "Line",
    "Memory",
    "OneWeight",
    "Output",
    "Receipt",
    "Unit",
    "Weights",
    "WhatIf",
    "receipt",
    "what_if",
]
