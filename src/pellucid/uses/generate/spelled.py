"""Documents as counting reads them: bytes."""

from __future__ import annotations

import numpy as np

from pellucid.data.readers.texts import TEXT_ROLE, Document

MARKS = {"system": b"\x01", "user": b"\x02", "assistant": b"\x03"}
"""What stands in front of a turn: who speaks."""


def spelled(document: Document) -> tuple[bytes, np.ndarray]:
    """The bytes of a document, and which of them are to be predicted, bool `(bytes,)`."""
    said, asked = [], []
    for turn in document.turns:
        mark, text = MARKS.get(turn.role, b""), turn.text.encode()
        said.append(mark + text)
        counted = turn.role in (TEXT_ROLE, "assistant")
        asked.append(np.repeat([False, counted], [len(mark), len(text)]))
    return b"".join(said), np.concatenate(asked)
