"""To say one text as another: given the source and the answer so far, which token comes next?"""

from __future__ import annotations

from typing import ClassVar

from pellucid.tasks.generate import NextToken


class NextOfAnswer(NextToken):
    """The next token at every place of the answer; the source is only read.

    Output `(batch, places, vocabulary)`; target `(batch, places)`, `UNCOUNTED` behind its end.
    """

    kind: ClassVar[str] = "translate"
    at_once: ClassVar[int] = 64
