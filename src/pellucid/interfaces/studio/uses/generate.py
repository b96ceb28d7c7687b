"""Asking a language model: go on with a text, or say how surprising each part of one is."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.data.readers.texts import TEXT_ROLE, Document, Turn
from pellucid.evidence.finding import Finding, Picture, Table
from pellucid.interfaces.studio.uses.desk import Asked, Desk, Field, Reply, Way
from pellucid.uses.generate.answerer import LanguageModel
from pellucid.uses.generate.sampling import Manner

TEMPERATURE = Field(
    "temperature", "number", "Temperature: how daring", 0.8, low=0, high=2, step=0.1
)
TOP_P = Field(
    "top_p", "number", "Top-p: share of what is likely", 0.95, low=0.05, high=1, step=0.05
)
TOKENS = Field("tokens", "number", "How many tokens", 100, low=1, high=400)
SEED = Field("seed", "number", "Throw of the dice", 0, low=0, high=999)
WRITTEN = 0.5
"""How strongly what the model wrote is marked."""
MOST_BITS = 12.0
"""A token that is as surprising is marked as strongly as can be."""
FEW = 12


class GenerateDesk(Desk[LanguageModel]):
    """See the module."""

    def ways(self) -> list[Way]:
        says = "What you say" if self.model.dialogues else "A beginning"
        begin = Field("text", "text", says, needed=self.model.dialogues)
        return [
            Way(
                "on",
                "Let it answer" if self.model.dialogues else "Let it write",
                "Answer" if self.model.dialogues else "Go on",
                [begin, TEMPERATURE, TOP_P, TOKENS, SEED],
            ),
            Way(
                "surprise",
                "What surprises it",
                "Show the surprise",
                [Field("text", "text", "A text of your own", watched="text")],
                why=False,
            ),
        ]

    def answer(self, asked: Asked) -> Reply:
        return self._surprise(asked) if asked.way == "surprise" else self._going_on(asked)

    def why(self, asked: Asked) -> Finding:
        return self.model.explain({"prompt": asked.text("text")}, 0, asked.seconds)

    def _going_on(self, asked: Asked) -> Reply:
        text = asked.text("text")
        manner = Manner(
            tokens=round(asked.number(TOKENS)),
            temperature=asked.number(TEMPERATURE),
            top_p=asked.number(TOP_P),
            seed=round(asked.number(SEED)),
        )
        between = "\n" if self.model.dialogues and text else ""
        written = []
        for piece in self.model.answer(text, manner):
            written.append(piece)
            if asked.tell is not None:
                asked.tell(piece)
        said = "".join(written)
        parts = [{"text": text + between, "weight": 0.0}, {"text": said, "weight": WRITTEN}]
        sentence = (
            f"It wrote {len(said):,} characters, which are marked."
            if said
            else "It says nothing more: to the model, the text is at its end."
        )
        picture = Picture("The text", {"text": {"kind": "marked", "data": {"parts": parts}}})
        shown = Finding("answer", "What it wrote", sentence, pictures=(picture,))
        return Reply([{"row": 0, "answer": said}], shown)

    def _surprise(self, asked: Asked) -> Reply:
        text = asked.needed("text", "text")
        document = Document("the text", (Turn(TEXT_ROLE, text),), ends=False)
        ((ids, counted),) = self.model.tokens.streams([document])
        bits = self.model.each_token([document])[0] / np.log(2)
        pieces = self.model.tokens.pieces(ids.tolist())
        whole = float(bits[counted].sum())
        line: dict[str, Any] = {
            "row": 0,
            "bits_per_character": round(whole / max(1, len(text)), 4),
            "characters": len(text),
            "source": "the text",
        }
        told = [
            (piece, float(one))
            for piece, one, counts, token in zip(pieces, bits, counted, ids, strict=True)
            if counts and int(token) != self.model.tokens.end
        ]
        parts = [
            {"text": piece, "weight": round(min(1.0, one / MOST_BITS), 4)} for piece, one in told
        ]
        sentence = (
            f"{line['bits_per_character']:.2f} bits per character. The stronger a part is marked, "
            "the less the model expected it after all that came before."
        )
        most = sorted(told, key=lambda pair: -pair[1])[:FEW]
        shown = Finding(
            "answer",
            "What surprised it",
            sentence,
            tables=(Table("The most surprising parts", ("part", "bits"), tuple(most)),),
            pictures=(Picture("The text", {"text": {"kind": "marked", "data": {"parts": parts}}}),),
        )
        return Reply([line], shown)
