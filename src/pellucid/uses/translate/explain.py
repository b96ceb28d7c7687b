"""Why this answer? Which pieces of the source it rests on, and what each of its own looked at.

Each piece of the source is left out in turn: what the answer then loses in probability is what the
piece was worth. Beside it stands the attention from answer to source as a table: an alignment. Both
are tested by taking away the pieces they name, and as many at random.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch

from pellucid.evidence.finding import Finding, Picture
from pellucid.network.encoder_decoder import ANSWER, PADDING, SOURCE, EncoderDecoder
from pellucid.network.tap import watch
from pellucid.tasks.generate import surprises
from pellucid.uses.generate.explain import RANDOM, TAKEN, marked
from pellucid.uses.translate.beam import padded


@torch.inference_mode()
def explain_answer(
    model: EncoderDecoder,
    source_pieces: Sequence[str],
    source: Sequence[int],
    answer_pieces: Sequence[str],
    answer: Sequence[int],
    seconds: float,
) -> Finding:
    """Why the answer is what it is.

    Args:
        source: Tokens, the end last; source_pieces: each of them as a person reads it.
        answer: Tokens, the start first and the end last; answer_pieces: without the start.
    """
    began = time.perf_counter()
    whole = likely(model, [source], answer)[0]
    words = list(range(len(source) - 1))  # the end of the source is no piece of it
    looked = alignment(model, source, answer)
    weighed = looked[:-1].sum(0)[: len(words)]
    if len(words) < 2:
        return _finding(source_pieces, answer_pieces, np.ones(len(words)), looked, {}, began)
    shortened = [_without(source, {place}) for place in words]
    worth = whole - likely(model, shortened, answer)
    rng = np.random.default_rng(0)
    drops: dict[str, list[float]] = {"leaving out": [], "attention": [], "at random": []}
    for share in TAKEN:
        count = max(1, round(share * len(words)))
        named = [set(np.argsort(-values)[:count].tolist()) for values in (worth, weighed)]
        draws = [set(rng.choice(len(words), count, replace=False).tolist()) for _ in range(RANDOM)]
        lost = whole - likely(model, [_without(source, one) for one in [*named, *draws]], answer)
        drops["leaving out"].append(float(lost[0]))
        drops["attention"].append(float(lost[1]))
        drops["at random"].append(float(lost[2:].mean()))
        if time.perf_counter() - began > 3 * seconds:
            break
    return _finding(source_pieces, answer_pieces, worth, looked, drops, began)


@torch.inference_mode()
def likely(
    model: EncoderDecoder, sources: Sequence[Sequence[int]], answer: Sequence[int]
) -> np.ndarray:
    """float64 `(sources,)`: the log probability of one answer behind each source."""
    device = model.embedding.weight.device
    read = padded(sources, device)
    said = torch.tensor([list(answer)], device=device).expand(len(sources), -1)
    output = model({SOURCE: read, ANSWER: said[:, :-1]})
    found: np.ndarray = (
        -surprises(output.float(), said[:, 1:].contiguous()).double().sum(1).cpu().numpy()
    )
    return found


@torch.inference_mode()
def alignment(model: EncoderDecoder, source: Sequence[int], answer: Sequence[int]) -> np.ndarray:
    """float64 `(answer pieces, source pieces)`: how much the place before each piece of the answer
    looks at each of the source, the mean over all heads and the later half of the blocks."""
    device = model.embedding.weight.device
    with watch() as seen:
        model({SOURCE: torch.tensor([list(source)], device=device),
               ANSWER: torch.tensor([list(answer[:-1])], device=device)})  # fmt: skip
    layers = [value for name, value in seen.items() if name.endswith("/ source / attention")]
    later = torch.stack(layers[len(layers) // 2 :])  # (blocks, 1, heads, answer, source)
    found: np.ndarray = later.double().mean((0, 1, 2)).cpu().numpy()
    return found


def _without(source: Sequence[int], places: set[int]) -> list[int]:
    """The source without these places; its end always stays."""
    return [one for place, one in enumerate(source) if place not in places and one != PADDING]


def matrix(
    source_pieces: Sequence[str], answer_pieces: Sequence[str], looked: np.ndarray
) -> dict[str, object]:
    """An alignment as a drawing."""
    return {
        "kind": "matrix",
        "data": {
            "rows": list(answer_pieces),
            "columns": list(source_pieces),
            "values": np.round(np.clip(looked, 0, 1), 4).tolist(),
        },
    }


def _finding(
    source_pieces: Sequence[str],
    answer_pieces: Sequence[str],
    worth: np.ndarray,
    looked: np.ndarray,
    drops: dict[str, list[float]],
    began: float,
) -> Finding:
    answer = "".join(answer_pieces[:-1]).strip()
    named = ", ".join(f"'{source_pieces[place].strip()}'" for place in np.argsort(-worth)[:3])
    sentence = f"The answer '{answer}' rests most on {named}."
    faithful = None
    if drops:
        means = {name: float(np.mean(values)) for name, values in drops.items()}
        faithful = means["leaving out"] > means["at random"]
        sentence += (
            f" Taken away together, the pieces named cost {means['leaving out']:.2f} nats, as many"
            f" at random {means['at random']:.2f}, those with the most attention"
            f" {means['attention']:.2f}: "
        )
        sentence += "the explanation holds." if faithful else "do not trust this explanation."
    pieces = list(source_pieces[:-1])
    return Finding(
        "answer",
        "Why this answer?",
        sentence,
        notes=(
            "A piece's weight is how much less likely the answer is without it.",
            "The table shows where the network looked while it wrote each piece: an alignment of"
            " its own making, which need not be a linguist's.",
        ),
        figures={
            "answer": answer,
            "source": pieces,
            "worth": worth.tolist(),
            "deletion": drops,
            "faithful": faithful,
        },
        pictures=(
            Picture("The source, marked", {"left out in turn": marked(pieces, worth)}),
            Picture("Where it looked", {"alignment": matrix(source_pieces, answer_pieces, looked)}),
        ),
        seconds=time.perf_counter() - began,
    )
