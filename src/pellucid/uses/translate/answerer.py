"""The translator that is taken away: it says a text as it learned to, with how sure it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from safetensors.torch import load_file, save_file
from torch import nn

from pellucid.baselines.translation import Nearest
from pellucid.config import Size
from pellucid.data import read
from pellucid.data.readers.encoding import decode
from pellucid.data.readers.pairs import LANGUAGES, begins_with_a_pair
from pellucid.data.readers.tmx import memories, sources_of
from pellucid.errors import ConfigError, DataError, PellucidError
from pellucid.evidence.finding import Finding
from pellucid.network.encoder_decoder import EncoderDecoder
from pellucid.uses.generate.tokens import Tokens
from pellucid.uses.translate.beam import WIDTH, Written, answers
from pellucid.uses.translate.explain import explain_answer
from pellucid.uses.translate.sureness import chances
from pellucid.uses.use import Answerer

LEARNED, MEMORY = "network.safetensors", "pairs.json"
SHIFT = 1
"""Numbers of tokens begin behind 0, which is padding."""


class Translator(Answerer):
    """A trained encoder-decoder with its tokens.

    Args:
        names: What the two sides are called. curve: from probabilities to the chance that an answer
            is word for word right (`sureness.py`), if there is one. nearest: the classical method.
    """

    kind: ClassVar[str] = "translate"

    def __init__(
        self,
        model: EncoderDecoder,
        tokens: Tokens,
        names: tuple[str, str],
        *,
        curve: list[float] | None = None,
        nearest: Nearest | None = None,
    ) -> None:
        self.model, self.tokens, self.names = model.eval(), tokens, names
        self.curve, self.nearest = curve, nearest

    def network(self) -> nn.Module:
        return self.model

    @property
    def start(self) -> int:
        """The token that begins an answer."""
        return self.tokens.signs["assistant"][0] + SHIFT

    @property
    def end(self) -> int:
        """The token that ends a source and an answer."""
        return self.tokens.end + SHIFT

    def encode(self, text: str) -> list[int]:
        """A source's tokens, its end among them; cut where it is longer than what is read."""
        own = [one + SHIFT for one in self.tokens.of(text)]
        return [*own[: self.model.places[0] - 1], self.end]

    def decode(self, ids: Sequence[int]) -> str:
        return self.tokens.said([one - SHIFT for one in ids]).strip()

    def write(self, sources: Sequence[str], width: int = WIDTH) -> list[Written]:
        """The best answer to each source; `width` 1 is greedy."""
        encoded = [self.encode(source) for source in sources]
        most = self.model.places[1]
        return answers(self.model, encoded, self.start, self.end, most=most, width=width)

    def answer(self, sources: Sequence[str], width: int = WIDTH) -> list[str]:
        """What the network says for each source."""
        return [self.decode(one.tokens) for one in self.write(sources, width)]

    def predict(self, source: Any, model: str | None = None) -> list[dict[str, Any]]:
        """`answer` of each row, and where it is known `probability`: the chance that it is word
        for word what a person would write."""
        texts = self.texts_of(source)
        if (model or self.kept) == "baseline":
            if self.nearest is None:
                raise ConfigError(
                    "this model holds no classical method",
                    where="--model baseline",
                    fix="leave it out",
                )
            said = self.nearest.answer([text or "" for text in texts])
            return [_line(row, text, one) for row, (text, one) in enumerate(zip(texts, said))]
        written = self.write([text or "" for text in texts])
        lines = [
            _line(row, text, self.decode(one.tokens))
            for row, (text, one) in enumerate(zip(texts, written, strict=True))
        ]
        if self.curve is not None:
            for line, chance in zip(lines, chances(written, self.curve), strict=True):
                if "answer" in line:
                    line["probability"] = round(float(chance), 4)
        return lines

    def readable(self, line: dict[str, Any]) -> str:
        sure = f"  ({line['probability']:.0%} sure)" if "probability" in line else ""
        return super().readable(line) + sure

    def texts_of(self, source: Any) -> list[str | None]:
        """The sources of a text, a row as a dict, a list, a table or a file with one a line."""
        if isinstance(source, Mapping):
            source = [source]
        if isinstance(source, list) and source and all(map(read.names_a_path, source)):
            return [text for one in source for text in self.texts_of(one)]
        if isinstance(source, list):
            return [self._of_row(item) for item in source]
        if isinstance(source, str) and not read.names_a_path(source):
            return [source]
        path = Path(source) if isinstance(source, str | Path) else None
        if path is not None and path.suffix[1:].lower() in LANGUAGES | {"txt"} and path.is_file():
            try:
                lines = decode(path.read_bytes())[0].replace("\r\n", "\n").rstrip("\n").split("\n")
            except (OSError, ValueError) as error:
                raise DataError(
                    f"'{path.name}' can't be read: {error}",
                    where=str(path),
                    fix="give a text in UTF-8 with one source a line",
                ) from error
            return [line if line.strip() else None for line in lines]
        if path is not None and memories(path):
            return sources_of(path, self.names[0])
        values = None if path is None else _without_header(path)
        if values is None:
            table = read.read_for_prediction(source, [self.names[0]])
            values = list(table.columns[self.names[0]].values)
        return [str(value) if value and str(value).strip() else None for value in values]

    def _of_row(self, item: Any) -> str | None:
        if isinstance(item, Mapping):
            value = item.get(self.names[0], next(iter(item.values()), None))
            item = value[0] if isinstance(value, list) and value else value
        text = "" if item is None else str(item)
        return text if text.strip() else None

    def explain(self, source: Any, row: int = 0, seconds: float = 2.0) -> Finding:
        """Which words of the source moved the answer, and what each word of it looked at."""
        texts = self.texts_of(source)
        if not 0 <= row < len(texts) or texts[row] is None:
            raise ConfigError(
                f"row {row} holds no text",
                where=f"--row {row}",
                fix=f"give a row from 0 to {len(texts) - 1} that has one",
            )
        ids = self.encode(str(texts[row]))
        (best,) = self.write([str(texts[row])])
        return explain_answer(
            self.model,
            self.pieces(ids),
            ids,
            self.pieces([*best.tokens, self.end]),
            [self.start, *best.tokens, self.end],
            seconds,
        )

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Each token as a person reads it."""
        return self.tokens.pieces([one - SHIFT for one in ids])

    # --- on disk ------------------------------------------------------------------------------

    def save(self, folder: Path) -> dict[str, Any]:
        state = {name: value.contiguous() for name, value in self.model.state_dict().items()}
        save_file(state, folder / LEARNED)
        if self.nearest is not None:
            pairs = {"sources": self.nearest.sources, "answers": self.nearest.answers}
            text = json.dumps(pairs, ensure_ascii=False)
            (folder / MEMORY).write_text(text, encoding="utf-8")
        size = self.model.size
        return {
            "tokens": self.tokens.as_json(),
            "names": list(self.names),
            "curve": self.curve,
            "size": {"width": size.width, "depth": size.depth, "dropout": size.dropout},
            "places": list(self.model.places),
        }

    @classmethod
    def load(cls, folder: Path, head: dict[str, Any]) -> Translator:
        tokens = Tokens.from_json(head["tokens"])
        first, second = head["places"]
        model = EncoderDecoder(tokens.size + SHIFT, Size(**head["size"]), (first, second))
        model.load_state_dict(load_file(folder / LEARNED))
        nearest = None
        if (folder / MEMORY).exists():
            pairs = json.loads((folder / MEMORY).read_text(encoding="utf-8"))
            nearest = Nearest(pairs["sources"], pairs["answers"])
        ours, theirs = head["names"]
        return cls(model, tokens, (ours, theirs), curve=head["curve"], nearest=nearest)


def _line(row: int, text: str | None, answer: str) -> dict[str, Any]:
    if text is None:
        what = {"code": "data", "what": "there is no text", "where": f"row {row}",
                "fix": "give a source"}  # fmt: skip
        return {"row": row, "error": what}
    return {"row": row, "answer": answer}


def _without_header(path: Path) -> list[Any] | None:
    """The first column of a file of pairs without a header; None for any other."""
    if not path.is_file():
        return None
    try:
        table = read.read(path)
    except PellucidError:
        return None  # whoever reads it as a table says what is wrong
    names = list(table.columns)
    if len(names) != 2 or not begins_with_a_pair(table, (names[0], names[1])):
        return None
    return [names[0], *table.columns[names[0]].values]
