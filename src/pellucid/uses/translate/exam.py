"""The exam of a translator, and what a person should see of it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from pellucid.baselines.translation import Nearest, copy
from pellucid.evidence.finding import Chart, Finding, Line, Picture, Table
from pellucid.learning.text_metrics import CHRF, bleu, chrf, chrf_of
from pellucid.uses.translate.answerer import Translator
from pellucid.uses.translate.beam import Written
from pellucid.uses.translate.explain import alignment, matrix
from pellucid.uses.translate.sureness import chances, same
from pellucid.uses.use import Exam, Judged

NETWORK, NEAREST, COPY = "network", "nearest neighbor", "copy"
SHOWN = 12
BINS = 5
Texts = tuple[list[str], list[str]]


def hold_exam(
    answerer: Translator,
    nearest: Nearest,
    *,
    valid: Texts,
    test: Texts,
    said_valid: list[str],
    learned_seconds: float,
    nearest_seconds: float,
    rows: np.ndarray,
    places: list[str],
) -> Exam:
    """Ask everybody the sealed sources, once; validation pairs say who is compared."""
    sources, references = test
    began = time.perf_counter()
    written = answerer.write(sources)
    each = 1000 * (time.perf_counter() - began) / len(sources)
    said = [answerer.decode(one.tokens) for one in written]
    began = time.perf_counter()
    near = nearest.answer(sources)
    near_each = 1000 * (time.perf_counter() - began) / len(sources)
    size = sum(value.numel() * 4 for value in answerer.model.state_dict().values())
    network = Judged(
        NETWORK, chrf(said, references), _figure(said_valid, valid[1]), learned_seconds, each, size
    )
    classical = [
        Judged(NEAREST, chrf(near, references), _figure(nearest.answer(valid[0]), valid[1]),
               nearest_seconds, near_each, nearest.stored,
               "the answer of the most similar known source, by runs of letters"),
        Judged(COPY, chrf(copy(sources), references), _figure(copy(valid[0]), valid[1]),
               0.0, 0.0, 0, "the source itself"),
    ]  # fmt: skip
    ones = np.ones((1, len(sources)))
    right = np.array([same(mine, other) for mine, other in zip(said, references, strict=True)])
    figures = {
        "BLEU": float(bleu(said, references)(ones)[0]),
        f"BLEU of {NEAREST}": float(bleu(near, references)(ones)[0]),
        f"BLEU of {COPY}": float(bleu(copy(sources), references)(ones)[0]),
        "word for word": float(right.mean()),
    }
    answers = {NETWORK: said, NEAREST: near, COPY: copy(sources)}
    return Exam(
        units=len(sources),
        unit="pairs",
        network=network,
        classical=classical,
        constant=COPY,
        figures=figures,
        findings=[
            _translation(answerer, [network, *classical], answers, references, figures),
            _examples(sources, references, answers),
            _alignment(answerer, sources, written),
            _sureness(answerer, written, right),
        ],
        shown=_shown(answerer, sources, references, said, rows, places),
    )


def _figure(said: Sequence[str], references: Sequence[str]) -> float:
    return float(chrf(said, references)(np.ones((1, len(references))))[0])


def _translation(
    answerer: Translator,
    contenders: list[Judged],
    answers: dict[str, list[str]],
    references: list[str],
    figures: dict[str, float],
) -> Finding:
    ones = np.ones((1, len(references)))
    scores = {one.name: float(one.measure(ones)[0]) for one in contenders}
    blue = {name: float(bleu(said, references)(ones)[0]) for name, said in answers.items()}
    words = [len(reference.split()) for reference in references]
    lines = tuple(
        Line(name, *zip(*_by_length(said, references, words))) for name, said in answers.items()
    )
    return Finding(
        "translation",
        "How good are its answers?",
        f"On {len(references):,} sealed pairs whose sources it never saw, its answers reach chrF"
        f" {scores[NETWORK]:.1f} and BLEU {blue[NETWORK]:.1f}; the answer of the most similar known"
        f" source {scores[NEAREST]:.1f} and {blue[NEAREST]:.1f}, the source itself"
        f" {scores[COPY]:.1f} and {blue[COPY]:.1f}. {figures['word for word']:.0%} are word for"
        " word what a person wrote.",
        notes=(
            "chrF: runs of letters that answer and reference share, 0 to 100. BLEU: runs of words."
            " Both compare with one reference; another good answer counts as wrong.",
            f"Searched with a beam; at most {answerer.model.places[1]} tokens.",
        ),
        figures={"chrF": scores, "BLEU": blue, **figures},
        tables=(
            Table("Beside methods without a network",
                  ("method", "chrF", "BLEU", "chrF, validation"),
                  tuple((one.name, scores[one.name], blue[one.name], one.valid_score)
                        for one in contenders)),
        ),
        charts=(Chart("chrF by the length of the reference", "words", CHRF, lines, "points"),),
    )  # fmt: skip


def _by_length(
    said: list[str], references: list[str], words: list[int]
) -> list[tuple[float, float]]:
    """Length in words -> chrF of the references of about that length."""
    found = []
    for first, last in ((1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, 1000)):
        chosen = [row for row, count in enumerate(words) if first <= count <= last]
        if len(chosen) >= 5:
            mine, theirs = [said[row] for row in chosen], [references[row] for row in chosen]
            found.append((float(np.mean([words[row] for row in chosen])), _figure(mine, theirs)))
    return found or [(float(np.mean(words)), _figure(said, references))]


def _examples(sources: list[str], references: list[str], answers: dict[str, list[str]]) -> Finding:
    """The first sealed pairs, as they come."""
    said, near = answers[NETWORK], answers[NEAREST]
    rows = tuple(
        (sources[row], references[row], said[row], round(chrf_of(said[row], references[row]), 1),
         near[row])
        for row in range(min(SHOWN, len(sources)))
    )  # fmt: skip
    return Finding(
        "answers",
        "What does it say?",
        f"To '{sources[0]}' it answers '{said[0]}'; a person wrote '{references[0]}'.",
        notes=("The first sealed pairs, as they come: none was chosen.",),
        tables=(Table("Sealed pairs", ("source", "a person", "network", "chrF", NEAREST), rows),),
    )


def _alignment(answerer: Translator, sources: list[str], written: list[Written]) -> Finding:
    """What the network looked at while it wrote, for a sealed source of some length."""
    lengths = [len(one.tokens) for one in written]
    wanted = [row for row, length in enumerate(lengths) if 4 <= length <= 14] or [0]
    pictures = []
    for row in wanted[:2]:
        ids = answerer.encode(sources[row])
        whole = [answerer.start, *written[row].tokens, answerer.end]
        looked = alignment(answerer.model, ids, whole)
        source_pieces, answer_pieces = answerer.pieces(ids), answerer.pieces(whole[1:])
        drawing = matrix(source_pieces, answer_pieces, looked)
        pictures.append(Picture(sources[row], {"alignment": drawing}))
        if row == wanted[0]:
            place = int(looked[0, : len(ids) - 1].argmax()) if len(ids) > 1 else 0
            first = f"'{answer_pieces[0].strip()}' looked most at '{source_pieces[place].strip()}'"
    return Finding(
        "alignment",
        "What does it look at while it writes?",
        f"In its answer to '{sources[wanted[0]]}', {first}.",
        notes=(
            "Attention from each piece of the answer (a row) to the pieces of the source, the mean"
            " over heads. It shows where it looked, not what it would do without: 'pellucid"
            " explain' tests that.",
        ),
        pictures=tuple(pictures),
    )


def _sureness(answerer: Translator, written: list[Written], right: np.ndarray) -> Finding:
    """Does "80 % sure" mean right in 80 of 100 cases?"""
    if answerer.curve is None:
        return Finding(
            "sureness",
            "Does it know when it is right?",
            "It does not say how sure it is: too few validation answers were word for word right,"
            " or too few were not, to learn that from.",
            known=False,
        )
    chance = chances(written, answerer.curve)
    order = np.argsort(chance)
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    said = [(float(chance[part].mean()), float(right[part].mean()), len(part)) for part in parts]
    gap = float(sum(abs(one - two) * n for one, two, n in said) / len(right))
    return Finding(
        "sureness",
        "Does it know when it is right?",
        f"It says how sure it is that an answer is word for word right: on sealed pairs"
        f" {chance.mean():.0%} on average, and {right.mean():.0%} are; in groups of equal sureness"
        f" the two lie {100 * gap:.0f} points apart.",
        notes=("Learned on validation pairs, looked at on sealed ones.",),
        figures={"expected calibration error": gap, "mean": float(chance.mean()),
                 "right": float(right.mean())},
        tables=(Table("Said and true", ("said", "right", "answers"), tuple(said)),),
        charts=(Chart("How often it is right, by how sure it says it is", "said", "right", (
            Line("answers", tuple(one for one, _, _ in said), tuple(two for _, two, _ in said)),
            Line("perfect", (0.0, 1.0), (0.0, 1.0)))),),
    )  # fmt: skip


def _shown(
    answerer: Translator,
    sources: list[str],
    references: list[str],
    said: list[str],
    rows: np.ndarray,
    places: list[str],
) -> list[dict[str, object]]:
    """The worst and the best answers to sealed sources."""
    each = np.array([chrf_of(mine, other) for mine, other in zip(said, references, strict=True)])
    order = np.argsort(each, kind="stable")
    chosen = [("wrong", int(row)) for row in order[:4]]
    chosen += [("right", int(row)) for row in order[::-1][:4] if row not in order[:4]]
    return [
        {
            "row": int(rows[row]),
            "place": places[row],
            "split": "test",
            "group": group,
            "target": references[row],
            "answer": said[row],
            "probability": None,
            "drawings": {answerer.names[0]: {"kind": "text", "data": sources[row]}},
        }
        for group, row in chosen
    ]
