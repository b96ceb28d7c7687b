"""Which earlier tokens moved the next one?

Each token is left out in turn, and the network says anew how likely the next token is: what it then
loses is what the token was worth. Beside it stands the attention of the last block, which is what
many show instead. Both are put to the same test: the tokens they name are taken away together, and
so are as many at random; an explanation that tells the truth hurts more.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.evidence.finding import Finding, Picture, Table
from pellucid.network.decoder import GROUP
from pellucid.network.tap import watch
from pellucid.uses.generate.tokens import Tokens, visible

LOOKED_AT = 64
"""Tokens before the next one that are left out in turn."""
TAKEN = (0.1, 0.2, 0.3)
"""Shares of the tokens that are taken away together."""
RANDOM = 20
OTHERS = 5


@torch.inference_mode()
def explain_next(
    model: nn.Module,
    tokens: Tokens,
    ids: Sequence[int],
    context: int,
    device: torch.device,
    seconds: float = 2.0,
) -> Finding:
    """Why the likeliest next token is what it is, behind the tokens `ids`."""
    began = time.perf_counter()
    ids = list(ids)[-min(LOOKED_AT, context - 1) :] or [tokens.end]
    ask = _Asking(model, tokens.end, device)
    chances = ask.next_chances([ids])[0]
    target = int(chances.argmax())
    whole = float(np.log(chances[target]))
    if len(ids) < 3:
        return _too_short(tokens, target, chances)
    worth = whole - ask.said(target, [_without(ids, {place}) for place in range(len(ids))])
    looked = _attention(model, tokens, ids, device)
    rng = np.random.default_rng(0)
    drops: dict[str, list[float]] = {"leaving out": [], "attention": [], "at random": []}
    for share in TAKEN:
        count = max(1, round(share * len(ids)))
        chosen = [set(np.argsort(-weights)[:count].tolist()) for weights in (worth, looked)]
        draws = [set(rng.choice(len(ids), count, replace=False).tolist()) for _ in range(RANDOM)]
        lost = whole - ask.said(target, [_without(ids, one) for one in [*chosen, *draws]])
        drops["leaving out"].append(float(lost[0]))
        drops["attention"].append(float(lost[1]))
        drops["at random"].append(float(lost[2:].mean()))
        if time.perf_counter() - began > 3 * seconds:
            break
    return _finding(tokens, ids, target, chances, worth, looked, drops, began)


class _Asking:
    """Asks for many texts at once; behind the shorter ones stands padding, which they don't see."""

    def __init__(self, model: nn.Module, end: int, device: torch.device) -> None:
        self.model, self.end, self.device = model, end, device

    def next_chances(self, texts: list[list[int]]) -> np.ndarray:
        """float64 `(texts, vocabulary)`: how likely each token is to come next."""
        lengths = [len(one) for one in texts]
        padded = torch.full((len(texts), max(lengths)), self.end, device=self.device)
        for row, one in enumerate(texts):
            padded[row, : len(one)] = torch.tensor(one, device=self.device)
        scores: Tensor = self.model({GROUP: padded})  # what stands behind a place does not touch it
        last = scores[torch.arange(len(texts)), torch.tensor(lengths) - 1]
        found: np.ndarray = last.double().softmax(-1).cpu().numpy()
        return found

    def said(self, target: int, texts: list[list[int]]) -> np.ndarray:
        """float64 `(texts,)`: the log probability of one token behind each text."""
        return np.log(self.next_chances(texts)[:, target])


def _without(ids: Sequence[int], places: set[int]) -> list[int]:
    """The text without the tokens at these places; never empty."""
    return [one for place, one in enumerate(ids) if place not in places] or [ids[-1]]


def _attention(
    model: nn.Module, tokens: Tokens, ids: Sequence[int], device: torch.device
) -> np.ndarray:
    """float64 `(tokens,)`: how much the last place looks at each token in the last block, the mean
    over its heads."""
    with watch() as seen:
        model({GROUP: torch.tensor([list(ids)], device=device)})
    last = [value for name, value in seen.items() if name.endswith(" / attention")][-1]
    found: np.ndarray = last[0, :, -1].double().mean(0).cpu().numpy()
    return found


def _finding(
    tokens: Tokens,
    ids: Sequence[int],
    target: int,
    chances: np.ndarray,
    worth: np.ndarray,
    looked: np.ndarray,
    drops: dict[str, list[float]],
    began: float,
) -> Finding:
    pieces = tokens.pieces(ids)
    named = " ".join(f"'{visible(pieces[place])}'" for place in np.argsort(-worth)[:3])
    means = {name: float(np.mean(values)) for name, values in drops.items()}
    faithful = means["leaving out"] > means["at random"]
    next_piece = tokens.pieces([target])[0]
    test = (
        f"Taken away together, the tokens named cost {means['leaving out']:.2f} nats, as many at"
        f" random {means['at random']:.2f}, those with the most attention"
        f" {means['attention']:.2f}"
    )
    trust = "the explanation holds" if faithful else "so do not trust this explanation"
    order = np.argsort(-chances)[:OTHERS]
    return Finding(
        "next token",
        "Which earlier tokens moved the next one?",
        f"Next comes '{visible(next_piece)}' with a probability of {chances[target]:.0%}; what"
        f" moved it most are {named}. {test}: {trust}.",
        notes=(
            "A token's weight is how much less likely the next one is without it.",
            "Attention is where the last block looks. It is shown beside, not instead: what is"
            " looked at need not matter.",
        ),
        figures={
            "next": next_piece,
            "probability": float(chances[target]),
            "tokens": pieces,
            "worth": worth.tolist(),
            "attention": looked.tolist(),
            "deletion": drops,
            "faithful": faithful,
        },
        tables=(
            Table(
                "What may come next",
                ("token", "probability"),
                tuple((visible(tokens.pieces([one])[0]), float(chances[one])) for one in order),
            ),
        ),
        pictures=(
            Picture(
                "The text before, marked",
                {
                    "left out in turn": marked(pieces, worth),
                    "attention of the last block": marked(pieces, looked),
                },
            ),
        ),
        seconds=time.perf_counter() - began,
    )


def marked(pieces: Sequence[str], weights: np.ndarray) -> dict[str, object]:
    """A text whose pieces count so much, as a drawing."""
    most = float(np.abs(weights).max(initial=0.0)) or 1.0
    parts = [
        {"text": piece, "weight": round(float(weight) / most, 4)}
        for piece, weight in zip(pieces, weights, strict=True)
    ]
    return {"kind": "marked", "data": {"parts": parts}}


def _too_short(tokens: Tokens, target: int, chances: np.ndarray) -> Finding:
    piece = tokens.pieces([target])[0]
    return Finding(
        "next token",
        "Which earlier tokens moved the next one?",
        f"Next comes '{visible(piece)}' with a probability of {chances[target]:.0%}; the text"
        " before is too short to say what moved it: give a sentence.",
        figures={"next": piece, "probability": float(chances[target])},
        known=False,
    )
