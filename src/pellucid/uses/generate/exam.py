"""The exam of a language model, and what a person should see of it.

Everybody is asked the sealed texts: how many bits do they take? Then the network writes by itself:
samples, how surprised it is along a real text, and whether it only copies what it learned from.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pellucid.baselines.language import Ngrams, packed_bits
from pellucid.data.readers.texts import TEXT_ROLE, Document, Turn
from pellucid.evidence.finding import Chart, Finding, Line, Picture, Table
from pellucid.learning.evaluate import Score
from pellucid.learning.text_metrics import BITS, bits_per_character
from pellucid.network.pretrained.causal import Pretrained
from pellucid.recipe.watcher import Watcher
from pellucid.uses.generate.answerer import LanguageModel
from pellucid.uses.generate.copies import longest_copy
from pellucid.uses.generate.explain import marked
from pellucid.uses.generate.sampling import Manner
from pellucid.uses.generate.spelled import spelled
from pellucid.uses.generate.tokens import visible
from pellucid.uses.use import Exam, Judged

SAMPLES, SAMPLE_TOKENS = 4, 120
PROMPT_LETTERS = 80
SHOWN_TOKENS = 160
"""Tokens of a sealed text whose surprise is marked."""
SMALL = (
    "It learned from these texts alone: it can go on in their manner, but it knows nothing of the"
    " world and can't answer general questions."
)
NETWORK, COUNTS, PACKER, LETTERS = "network", "n-gram model", "xz -9", "letter frequencies"

Parts = dict[str, list[Document]]


def hold_exam(
    answerer: LanguageModel,
    parts: Parts,
    ngrams: Ngrams,
    frequencies: Ngrams,
    *,
    learned_seconds: float,
    counted_seconds: float,
    seconds: float,
    seed: int,
    watcher: Watcher,
) -> Exam:
    """Ask everybody the sealed texts, once; validation texts say who is compared."""
    began = time.perf_counter()
    valid, test = parts["valid"], parts["test"]
    nats = answerer.nats(test)
    each = 1000 * (time.perf_counter() - began) / len(test)
    size = sum(value.numel() * 4 for value in answerer.model.state_dict().values())
    size += sum(value.numel() * 2 for value in answerer.model.buffers())  # what is frozen, if any
    network = Judged(NETWORK, _measure(nats, test), _figure(answerer.nats(valid), valid),
                     learned_seconds, each, size)  # fmt: skip
    classical = [
        _counted(f"{COUNTS} of {ngrams.order} bytes", ngrams, valid, test, counted_seconds),
        _counted(LETTERS, frequencies, valid, test, 0.0),
    ]
    if not answerer.dialogues:
        classical.insert(1, _packed(parts))
    watcher.tell("writing samples")
    told = _samples(answerer, parts, seed, seconds)
    findings = [
        _language(answerer, network, classical, test),
        told[0],
        _surprise(answerer, test),
        told[1],
    ]
    return Exam(
        units=len(test),
        unit="dialogues" if answerer.dialogues else "texts",
        network=network,
        classical=classical,
        constant=LETTERS,
        figures={
            "bits per token": float(nats.sum() / math.log(2) / max(1, _tokens(answerer, test))),
            "characters": float(sum(document.asked for document in test)),
        },
        findings=findings,
        shown=_shown(test, nats),
    )


def _measure(nats: np.ndarray, documents: Sequence[Document]) -> Score:
    return bits_per_character(nats, np.array([document.asked for document in documents]))


def _figure(nats: np.ndarray, documents: Sequence[Document]) -> float:
    return float(_measure(nats, documents)(np.ones((1, len(documents))))[0])


def _tokens(answerer: LanguageModel, documents: Sequence[Document]) -> int:
    return sum(int(asked.sum()) for _, asked in answerer.tokens.streams(documents))


def _counted(
    name: str, model: Ngrams, valid: list[Document], test: list[Document], seconds: float
) -> Judged:
    """A model of counts."""

    def nats(documents: list[Document]) -> np.ndarray:
        found = []
        for document in documents:
            text, asked = spelled(document)
            found.append(model.surprises(text)[asked].sum())
        return np.array(found)

    began = time.perf_counter()
    measure = _measure(nats(test), test)
    each = 1000 * (time.perf_counter() - began) / len(test)
    why = "how often each byte followed the ones before it (interpolated Kneser-Ney)"
    return Judged(name, measure, _figure(nats(valid), valid), seconds, each, model.stored, why)


def _packed(parts: Parts) -> Judged:
    """What `xz -9` needs for the sealed texts behind those to learn from; the same for each letter,
    because a compressor packs all of them together."""
    began = time.perf_counter()
    train = "".join(document.text for document in parts["train"]).encode()

    def bits(documents: list[Document]) -> float:
        text = "".join(document.text for document in documents)
        return packed_bits(train, text.encode()) / len(text)

    test, valid = bits(parts["test"]), bits(parts["valid"])
    lengths = np.array([document.asked for document in parts["test"]])
    measure = bits_per_character(test * math.log(2) * lengths, lengths)
    why = "a compressor, with the texts to learn from in front"
    return Judged(PACKER, measure, valid, time.perf_counter() - began, 0.0, len(train), why)


# --- findings ---------------------------------------------------------------------------------


def _language(
    answerer: LanguageModel, network: Judged, classical: list[Judged], test: list[Document]
) -> Finding:
    """How well it knows the language, beside what needs no network."""
    ones = np.ones((1, len(test)))
    figures = {one.name: float(one.measure(ones)[0]) for one in [network, *classical]}
    others = ", ".join(f"{name} {value:.3f}" for name, value in figures.items() if name != NETWORK)
    letters = sum(document.asked for document in test)
    what = "what the assistant says" if answerer.dialogues else "each character"
    started = isinstance(answerer.model, Pretrained)
    return Finding(
        "language",
        "How well does it know the language?",
        f"On {letters:,} sealed characters the network needs {figures[NETWORK]:.3f} bits for"
        f" {what}; {others}. " + ("" if started else SMALL),
        notes=(
            "Bits per character: what it would take to write the sealed texts down with the"
            " model's help. 8 is a plain file; fewer is better.",
            "The network reads up to"
            f" {answerer.context} tokens back, and at least half of that except at a text's start.",
        ),
        figures=figures,
        tables=(
            Table("Bits per character", ("method", "test", "validation"),
                  tuple((one.name, figures[one.name], one.valid_score)
                        for one in [network, *classical])),
        ),
    )  # fmt: skip


def _samples(
    answerer: LanguageModel, parts: Parts, seed: int, seconds: float
) -> tuple[Finding, Finding]:
    """What it writes, and how much of that is copied."""
    began = time.perf_counter()
    written: list[tuple[str, str]] = []
    for number, document in enumerate(parts["test"][:SAMPLES]):
        if written and time.perf_counter() - began > max(2.0, seconds / 2):
            break
        turns = _prompt_of(document)
        manner = Manner(tokens=SAMPLE_TOKENS, temperature=0.8, seed=seed + number)
        written.append((turns[-1].text, "".join(answerer.answer(turns, manner))))
    first = written[0]
    told = Finding(
        "samples",
        "What does it write?",
        f"Behind the beginning of a sealed text, such as '…{_tail(first[0])}', it goes on:"
        f" '{first[1].strip()[:200]}'" + ("" if isinstance(answerer.model, Pretrained) else
        f" {SMALL}"),
        notes=(f"Drawn at temperature 0.8 from the likeliest tokens of together 95%, seed {seed};"
               " nothing was chosen or left out.",),
        figures={"samples": [{"prompt": one, "answer": more} for one, more in written]},
        pictures=tuple(
            Picture(f"Sample {number}", {"given": {"kind": "text", "data": one},
                                         "written": {"kind": "text", "data": more}})
            for number, (one, more) in enumerate(written, start=1)
        ),
    )  # fmt: skip
    return told, _memorized(answerer, parts, [more for _, more in written])


def _prompt_of(document: Document) -> tuple[Turn, ...]:
    """The beginning of a sealed text; of a dialogue, all up to the first answer."""
    if document.turns[0].role == TEXT_ROLE:
        text = document.turns[0].text
        end = text.find(" ", PROMPT_LETTERS)
        return (Turn(TEXT_ROLE, text[: end if end > 0 else PROMPT_LETTERS]),)
    first = next(n for n, turn in enumerate(document.turns) if turn.role == "assistant")
    return document.turns[: max(1, first)]


def _tail(text: str, letters: int = 60) -> str:
    return " ".join(text.split())[-letters:]


def _memorized(answerer: LanguageModel, parts: Parts, written: list[str]) -> Finding:
    """Does it copy? The longest passages that samples share with the texts to learn from, beside
    those that real sealed texts of the same length share with them."""
    learned = [turn.text for document in parts["train"] for turn in document.turns]
    ours = [longest_copy(text, learned) for text in written]
    real = [_answer_of(document)[: len(text)] for document, text in zip(parts["test"], written)]
    theirs = [longest_copy(text, learned) for text in real]
    longest = max(ours, key=len)
    usual = max(map(len, theirs))
    copies = len(longest) > 2 * max(usual, 20)
    sentence = (
        f"The longest passage of its samples that stands word for word in the texts it learned from"
        f" has {len(longest)} characters: '{' '.join(longest.split())[:120]}'. Real sealed texts of"
        f" the same length share up to {usual}."
    )
    sentence += " It recites: treat what it writes as quotes." if copies else " It does not recite."
    rows = tuple(
        (number, len(mine), len(other), " ".join(mine.split())[:80])
        for number, (mine, other) in enumerate(zip(ours, theirs, strict=True), start=1)
    )
    return Finding(
        "memorized",
        "Does it recite what it learned from?",
        sentence,
        notes=(
            "Only samples are looked at: a text may be known by heart that no sample happened to"
            " begin.",
        ),
        figures={"longest": [len(one) for one in ours], "real": [len(one) for one in theirs],
                 "recites": copies},
        tables=(Table("Longest copies, in characters",
                      ("sample", "copied", "real text beside it", "passage"), rows),),
    )  # fmt: skip


def _answer_of(document: Document) -> str:
    """What is to be predicted of a document behind its prompt."""
    if document.turns[0].role == TEXT_ROLE:
        return document.turns[0].text[PROMPT_LETTERS:]
    return next(turn.text for turn in document.turns if turn.role == "assistant")


def _surprise(answerer: LanguageModel, test: list[Document]) -> Finding:
    """Where it is surprised: along one sealed text, and the longer it has read."""
    chosen = test[: max(1, min(len(test), 40))]
    streams, nats = answerer.tokens.streams(chosen), answerer.each_token(chosen)
    ids, bits = streams[0][0][:SHOWN_TOKENS], nats[0][:SHOWN_TOKENS] / math.log(2)
    counted = streams[0][1][:SHOWN_TOKENS]
    if counted.any():  # of a dialogue only what the assistant says is learned
        bits = np.where(counted, bits, 0.0)
    else:
        counted = np.ones(len(bits), dtype=bool)
    pieces = answerer.tokens.pieces(ids)
    edges = [0, 4, 8, 16, 32, 64, 128, 256]
    sums: list[tuple[str, float]] = []
    for first, last in pairwise(edges):
        values = np.concatenate([one[first:last][asked[first:last]]
                                 for one, (_, asked) in zip(nats, streams)])  # fmt: skip
        if len(values) >= 20:
            sums.append((f"{first} to {last - 1}", float(values.mean() / math.log(2))))
    mean = float(np.mean(bits[counted]))
    peak = int(np.argmax(bits))
    falls = f" Behind {sums[0][0]} tokens it needs {sums[0][1]:.1f} bits for a token, behind" \
            f" {sums[-1][0]} {sums[-1][1]:.1f}." if len(sums) > 1 else ""  # fmt: skip
    return Finding(
        "surprise",
        "Where is it surprised?",
        f"Along the beginning of a sealed text a token costs it {mean:.1f} bits on average; most"
        f" surprising is '{visible(pieces[peak]).strip()}' with {bits[peak]:.1f} bits.{falls}",
        notes=(
            "The darker a piece, the more surprising it was behind all that stands before it.",
            *(("Only what the assistant says is asked for.",) if answerer.dialogues else ()),
        ),
        figures={"tokens": pieces, "bits": np.round(bits, 3).tolist(), "by place": dict(sums)},
        tables=(Table("Bits for a token, by how many stand before it", ("tokens before", "bits"),
                      tuple(sums)),) if sums else (),
        charts=(Chart("Bits for a token along a sealed text", "token", "bits", (
            Line("surprise", tuple(map(float, range(len(bits)))), tuple(map(float, bits))),)),),
        pictures=(Picture("A sealed text, marked by surprise",
                          {chosen[0].place: marked(pieces, bits)}),),
    )  # fmt: skip


def _shown(test: list[Document], nats: np.ndarray) -> list[dict[str, object]]:
    """The sealed texts that surprised it most and least, for each letter."""
    each = nats / math.log(2) / np.maximum(1, [document.asked for document in test])
    order = np.argsort(-each)
    chosen = [("wrong", int(row)) for row in order[:3]]
    chosen += [("right", int(row)) for row in order[::-1][:3] if row not in order[:3]]
    return [
        {
            "row": row,
            "place": test[row].place,
            "split": "test",
            "group": group,
            "target": None,
            "answer": f"{each[row]:.3f} {BITS}",
            "probability": None,
            "drawings": {"text": {"kind": "text", "data": test[row].text[:600]}},
        }
        for group, row in chosen
    ]
