"""The language model that is taken away: it says how likely a text is, goes on with it, answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pellucid.baselines.language import Ngrams
from pellucid.config import Size
from pellucid.data import read
from pellucid.data.readers.delimited import read_delimited
from pellucid.data.readers.sniff import suffix
from pellucid.data.readers.texts import (
    LINES,
    TABLES,
    TEXT_ROLE,
    Corpus,
    Document,
    Turn,
    question_of,
    read_corpus,
    rows_of,
    turns_of,
)
from pellucid.errors import ConfigError, DataError
from pellucid.evidence.finding import Finding
from pellucid.learning.text_metrics import bits_per_character
from pellucid.network.decoder import Decoder
from pellucid.network.pretrained.causal import Pretrained, Shape, Weights
from pellucid.uses.generate.explain import explain_next
from pellucid.uses.generate.sampling import Manner, drawn, spoken
from pellucid.uses.generate.spelled import spelled
from pellucid.uses.generate.surprise import surprises_of
from pellucid.uses.generate.tokens import Tokens
from pellucid.uses.use import Answerer

TYPED = "prompt="
"""How a prompt is typed on the command line, as NAME=VALUE."""
PREDICTED = Manner(temperature=0)
"""Answers for machines are the likeliest ones, the same each time."""
BASE, LEARNED, COUNTS = "base.safetensors", "network.safetensors", "ngrams.safetensors"


class LanguageModel(Answerer):
    """A trained decoder with its tokens.

    Args:
        context: Tokens that it looks back on. dialogues: whether it learned from dialogues.
        base: The frozen weights that it started from, if it did. ngrams: the classical method.
    """

    kind: ClassVar[str] = "generate"

    def __init__(
        self,
        model: nn.Module,
        tokens: Tokens,
        context: int,
        *,
        dialogues: bool,
        base: Weights | None = None,
        ngrams: Ngrams | None = None,
    ) -> None:
        self.model, self.tokens, self.context = model.eval(), tokens, context
        self.dialogues, self.base, self.ngrams = dialogues, base, ngrams

    def network(self) -> nn.Module:
        return self.model

    @property
    def device(self) -> torch.device:
        """Where the network computes."""
        return next(self.model.parameters()).device

    # --- how likely a text is -----------------------------------------------------------------

    def nats(self, documents: Sequence[Document]) -> np.ndarray:
        """float64 `(documents,)`: how surprising all that is to be predicted of each one is, in
        nats, without the sign that ends it."""
        found = []
        for (ids, asked), surprise in zip(
            self.tokens.streams(documents), self.each_token(documents), strict=True
        ):
            found.append(surprise[asked & (ids != self.tokens.end)].sum())
        return np.array(found)

    def each_token(self, documents: Sequence[Document]) -> list[np.ndarray]:
        """float64 `(tokens,)` for each document: the surprise of each of its tokens in nats."""
        # Every text stands behind the end of another one, as it did while learning.
        end = np.array([self.tokens.end], np.int32)
        streams = [ids for ids, _ in self.tokens.streams(documents)]
        bare = [not len(ids) or ids[0] != self.tokens.end for ids in streams]
        behind = [np.concatenate([end, ids]) if lacks else ids for ids, lacks in zip(streams, bare)]
        found = surprises_of(self.model, behind, self.context, self.device)
        return [surprise[1:] if lacks else surprise for surprise, lacks in zip(found, bare)]

    def baseline_nats(self, documents: Sequence[Document]) -> np.ndarray:
        """The same by counting."""
        if self.ngrams is None:
            raise ConfigError(
                "this model holds no classical method", where="--model baseline", fix="leave it out"
            )
        found = []
        for document in documents:
            text, asked = spelled(document)
            found.append(self.ngrams.surprises(text)[asked].sum())
        return np.array(found)

    # --- going on with a text -----------------------------------------------------------------

    def answer(self, prompt: str | Sequence[Turn], manner: Manner | None = None) -> Iterator[str]:
        """Go on with a text, or answer in a dialogue, piece by piece as it is written.

        Args:
            prompt: A text; a model of dialogues takes it for a question. Or the turns so far, the
                user's last.
        """
        manner = manner or Manner()
        turns = self._turns(prompt) if isinstance(prompt, str) else tuple(prompt)
        stop = manner.stop if self.tokens.own or not self.dialogues else (*manner.stop, "\nUser:")
        ids = self.tokens.prompt(turns)
        if not isinstance(self.model, Decoder | Pretrained):
            raise TypeError(f"a {type(self.model).__name__} can't go on with a text")
        written = drawn(self.model, ids, self.tokens.end, manner, self.device)
        return spoken(self.tokens, written, stop)

    def _turns(self, prompt: str) -> tuple[Turn, ...]:
        return (Turn("user" if self.dialogues else TEXT_ROLE, prompt),)

    def predict(self, source: Any, model: str | None = None) -> list[dict[str, Any]]:
        """`bits_per_character` of each text or dialogue; where there is only a question or a
        `prompt`, its `answer`."""
        prompts = _prompts(source)
        if prompts is not None:
            return [
                {"row": row, "answer": "".join(self.answer(prompt, PREDICTED))}
                for row, prompt in enumerate(prompts)
            ]
        corpus = _corpus(source)
        nats = (
            self.baseline_nats(corpus.documents)
            if (model or self.kept) == "baseline"
            else self.nats(corpus.documents)
        )
        lines: list[dict[str, Any]] = []
        for document, one in zip(corpus.documents, nats, strict=True):
            bits = bits_per_character(np.array([one]), np.array([document.asked]))
            lines.append({
                "row": len(lines),
                "bits_per_character": round(float(bits(np.ones((1, 1)))[0]), 4),
                "characters": document.asked,
                "source": document.place,
            })  # fmt: skip
        return lines + [
            {
                "row": len(lines) + place,
                "source": refused.place,
                "error": {
                    "code": "data",
                    "what": refused.why,
                    "where": refused.place,
                    "fix": "give a text",
                },
            }
            for place, refused in enumerate(corpus.refused)
        ]

    def readable(self, line: dict[str, Any]) -> str:
        if "bits_per_character" not in line:
            return super().readable(line)
        bits, letters = line["bits_per_character"], line["characters"]
        return f"{line['row']:>6}  {bits:.3f} bits per character, {letters:,} characters: " + str(
            line["source"]
        )

    def explain(self, source: Any, row: int = 0, seconds: float = 2.0) -> Finding:
        """Which earlier tokens moved the next one: of a prompt, or behind the end of a text."""
        prompts = _prompts(source)
        if prompts is None:
            found = [document.turns for document in _corpus(source).documents]
        else:
            found = [self._turns(one) if isinstance(one, str) else one for one in prompts]
        if not 0 <= row < len(found):
            raise ConfigError(
                f"there is no row {row}",
                where=f"--row {row}",
                fix=f"give a row from 0 to {len(found) - 1}",
            )
        ids = self.tokens.prompt(found[row])
        return explain_next(self.model, self.tokens, ids, self.context, self.device, seconds)

    # --- on disk ------------------------------------------------------------------------------

    def save(self, folder: Path) -> dict[str, Any]:
        state = {name: value.contiguous() for name, value in self.model.state_dict().items()}
        save_file(state, folder / LEARNED)
        if self.ngrams is not None:
            self.ngrams.save(folder / COUNTS)
        head = {"tokens": self.tokens.as_json(), "context": self.context,
                "dialogues": self.dialogues}  # fmt: skip
        if isinstance(self.model, Pretrained):
            assert self.base is not None
            halves = {name: value.half().contiguous() for name, value in self.base.items()}
            save_file(halves, folder / BASE)
            return {**head, "shape": self.model.shape.as_json()}
        assert isinstance(self.model, Decoder)
        size = self.model.size
        return {
            **head,
            "size": {"width": size.width, "depth": size.depth, "dropout": size.dropout},
            "pairs": self.model.pairs.num_embeddings if self.model.pairs is not None else 0,
        }

    @classmethod
    def load(cls, folder: Path, head: dict[str, Any]) -> LanguageModel:
        tokens, context = Tokens.from_json(head["tokens"]), int(head["context"])
        base: Weights | None = None
        if "shape" in head:
            base = {name: value.float() for name, value in load_file(folder / BASE).items()}
            model: nn.Module = Pretrained(Shape(**head["shape"]), base, context)
        else:
            size, pairs = Size(**head["size"]), head.get("pairs", 0)
            model = Decoder(tokens.size, size, context, pairs)
        model.load_state_dict(load_file(folder / LEARNED))
        counts = folder / COUNTS
        ngrams = Ngrams.load(counts) if counts.exists() else None
        return cls(model, tokens, context, dialogues=head["dialogues"], base=base, ngrams=ngrams)


def _corpus(source: Any) -> Corpus:
    """Whole documents of a path, a text, a row as a dict, or a list of these."""
    if isinstance(source, str) and not read.names_a_path(source):
        source = [source]
    if isinstance(source, Mapping):
        source = [source]
    if isinstance(source, list) and source and all(map(read.names_a_path, source)):
        found = [read_corpus(one) for one in source]  # several files, as they were typed
        return Corpus(
            "texts",
            [document for one in found for document in one.documents],
            [refused for one in found for refused in one.refused],
        )
    return read_corpus(source)


def _prompts(source: Any) -> list[str | tuple[Turn, ...]] | None:
    """Questions without answers; None if the source holds whole texts or dialogues."""
    if isinstance(source, str) and source.startswith(TYPED) and not read.names_a_path(source):
        return [source.removeprefix(TYPED)]
    items = [source] if isinstance(source, Mapping) else source
    if (
        isinstance(items, str | Path)
        and read.names_a_path(items)
        and suffix(Path(items)) in LINES | TABLES
    ):
        items = _objects(Path(items))
    if not isinstance(items, list) or not items:
        return None
    if not all(isinstance(item, Mapping) for item in items):
        return None
    found = [_prompt(item) for item in items]
    if any(one is None for one in found):
        return None
    return [one for one in found if one is not None]


def _prompt(item: Mapping[str, Any]) -> str | tuple[Turn, ...] | None:
    """What a row asks, if it does not hold the answer too."""
    said = item.get("messages")
    if isinstance(said, list) and said and isinstance(said[-1], Mapping):
        if said[-1].get("role") == "user":
            closed = {"messages": [*said, {"role": "assistant", "content": "-"}]}
            return turns_of(closed)[:-1]
        return None
    asked, answered = question_of(item)
    if asked is None or answered is not None:
        return None
    value = item[asked]
    # One row that was typed as NAME=VALUE comes as a column of one.
    return str(value)


def _objects(path: Path) -> list[Any]:
    import json

    if suffix(path) in TABLES:
        return list(rows_of(read_delimited(path, frozenset())))
    try:
        lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
        return [json.loads(line) for line in lines]
    except (OSError, ValueError) as error:
        raise DataError(
            f"'{path.name}' can't be read: {error}",
            where=str(path),
            fix="write one JSON object a line",
        ) from error
