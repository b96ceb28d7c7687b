"""What a person should see of the exam: how well the same are told from different ones, how sure
the answers may be, whom the network mixes up, and whether it knows people it was just shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.evidence.finding import Chart, Finding, Line, Picture, Table
from pellucid.evidence.intervals import bootstrap, middle, share_interval
from pellucid.learning.evaluate import Score, auc_of
from pellucid.uses.verify.gallery import Gallery, who
from pellucid.uses.verify.pairs import (
    Pairs,
    Sureness,
    course,
    found_first,
    over_identities,
)

DRAWS = 500
BARS = 24
MOST_ENROLLED = 3
"""Pictures of each identity that are shown in the test of enrolment."""


@dataclass(frozen=True)
class Compared:
    """One method at the exam. points: of the test examples. likeness: of the pairs."""

    name: str
    points: np.ndarray
    likeness: np.ndarray
    sureness: Sureness


def findings(
    compared: list[Compared],
    pairs: Pairs,
    unit: np.ndarray,
    identity: np.ndarray,
    places: list[str],
    draw: Callable[[int], dict[str, Any]],
    seed: int,
) -> tuple[list[Finding], dict[str, float]]:
    """Findings, and figures for the summary.

    Args:
        unit: int64 `(test,)`, the identity of each test example counted from 0.
        draw: a test example as a person would see it.
    """
    figures: dict[str, float] = {}
    found = [
        _verified(compared, pairs, unit, identity, figures, seed),
        _sure(compared[0], pairs, figures),
        _enrolled(compared, identity, figures, seed),
        _mixed_up(compared[0], pairs, places, draw),
    ]
    return found, figures


def _verified(
    compared: list[Compared],
    pairs: Pairs,
    unit: np.ndarray,
    identity: np.ndarray,
    figures: dict[str, float],
    seed: int,
) -> Finding:
    """EER, TAR at FAR and R@1 of everybody."""
    identities = int(unit.max()) + 1
    everybody = np.ones((1, identities))
    rows: list[tuple[str, float, float, float, float, float]] = []
    for one in compared:
        auc = auc_of(pairs.same, one.likeness)(np.ones((1, len(pairs))))
        error, often, seldom = (
            float(measure(everybody)[0]) for measure in _measures(pairs, unit, one)
        )
        rows.append(
            (
                one.name,
                error,
                often,
                seldom,
                found_first(one.points, identity),
                float(auc[0]),
            )
        )
    drawn = bootstrap(_measures(pairs, unit, compared[0])[1:], identities, DRAWS, seed)
    names = ("TAR at FAR 1e-2", "TAR at FAR 1e-3")
    ends = [middle(column) for column in drawn.T]
    for name, value, (low, high) in zip(names, rows[0][2:4], ends, strict=True):
        figures |= {name: float(value), f"{name} low": low, f"{name} high": high}
    figures |= {"EER": float(rows[0][1]), "R@1": float(rows[0][4]), "AUC": float(rows[0][5])}
    same, different = int(pairs.same.sum()), int((~pairs.same).sum())
    few = different < 1_000
    lines = []
    for one in compared:
        wrong, right = course(pairs.same, one.likeness)
        keep = np.unique(np.linspace(0, len(wrong) - 1, 200).round().astype(int))
        shown = keep[wrong[keep] > 0]
        lines.append(Line(one.name, tuple(wrong[shown]), tuple(right[shown])))
    (low, high) = ends[0]
    return Finding(
        "verification",
        "Telling the same from different",
        f"Of {identities:,} identities that nothing was learned from, {same:,} pairs of the same "
        f"and {different:,} of different ones: where 1 of 100 different pairs is accepted, the "
        f"network accepts {rows[0][2]:.0%} of the same ones (95% interval {low:.0%} to "
        f"{high:.0%}).",
        notes=(
            "EER: the share of mistakes where as many different pairs are accepted as same ones "
            "refused. TAR at FAR: same pairs accepted where so many different ones are. R@1: how "
            "often the most similar other example is of the same identity.",
            "Intervals: whole identities are drawn anew, as pairs of one identity are not "
            "independent.",
            *((f"{different:,} different pairs are too few to show FAR 1e-3.",) if few else ()),
        ),
        figures={"pairs": [same, different], "identities": identities},
        tables=(
            Table(
                "Pairs of sealed identities",
                ("method", "EER", "TAR at FAR 1e-2", "TAR at FAR 1e-3", "R@1", "AUC"),
                tuple(rows),
            ),
        ),
        charts=(
            Chart(
                "Same pairs accepted, by different pairs accepted",
                "different pairs accepted (FAR)",
                "same pairs accepted (TAR)",
                tuple(lines),
                log=True,
            ),
        ),
    )


def _measures(pairs: Pairs, unit: np.ndarray, one: Compared) -> list[Score]:
    """EER, TAR at FAR 1e-2 and at 1e-3."""
    return [
        over_identities(pairs, unit, one.likeness, "EER"),
        *(over_identities(pairs, unit, one.likeness, "TAR", false) for false in (0.01, 0.001)),
    ]


def _sure(network: Compared, pairs: Pairs, figures: dict[str, float]) -> Finding:
    """Whether a probability means what it says, where both kinds are as frequent."""
    chances = network.sureness.probability(network.likeness)
    weight = np.where(pairs.same, 0.5 / pairs.same.sum(), 0.5 / (~pairs.same).sum())
    edges = np.linspace(0, 1, 11)
    place = np.clip(np.digitize(chances, edges) - 1, 0, 9)
    rows: list[tuple[str, int, float, float]] = []
    said: list[float] = []
    seen: list[float] = []
    gap = 0.0
    for number in range(10):
        chosen = place == number
        if not chosen.any():
            continue
        share = weight[chosen].sum()
        mean = float((weight[chosen] * chances[chosen]).sum() / share)
        true = float((weight[chosen] * pairs.same[chosen]).sum() / share)
        gap += float(share) * abs(mean - true)
        rows.append(
            (f"{edges[number]:.0%} to {edges[number + 1]:.0%}", int(chosen.sum()), mean, true)
        )
        said.append(mean)
        seen.append(true)
    right = float((weight * ((chances >= 0.5) == pairs.same)).sum())
    brier = float((weight * (chances - pairs.same) ** 2).sum())
    figures |= {"balanced accuracy": right, "calibration error": gap, "Brier": brier}
    edges = np.linspace(-1, 1, BARS + 1)
    middles = tuple(((edges[1:] + edges[:-1]) / 2).tolist())
    spread = []
    for name, chosen in (("the same", pairs.same), ("different", ~pairs.same)):
        counts, _ = np.histogram(np.clip(network.likeness[chosen], -1, 1), edges)
        spread.append(Line(name, middles, tuple((counts / max(1, chosen.sum())).tolist())))
    return Finding(
        "likeness",
        "What a likeness means",
        f"Where the same and different are as frequent, {right:.1%} of the answers are right, and "
        f"probabilities are off by {gap:.1%} on average.",
        notes=(
            "The probability is a logistic curve through the pairs of validation identities, both "
            "kinds counting alike: it says how sure to be if both were as likely before. At a door "
            "where nearly everybody is who they say, they are likelier the same than that.",
        ),
        figures={"threshold": network.sureness.threshold},
        tables=(
            Table("Said and seen", ("said", "pairs", "mean said", "truly the same"), tuple(rows)),
        ),
        charts=(
            Chart(
                "How alike pairs are",
                "likeness (cosine)",
                "share of pairs",
                tuple(spread),
                marks=((network.sureness.threshold, "as likely the same as not"),),
            ),
            Chart(
                "Probabilities said and seen",
                "said",
                "seen",
                (Line("network", tuple(said), tuple(seen)), Line("ideal", (0.0, 1.0), (0.0, 1.0))),
            ),
        ),
    )


def _enrolled(
    compared: list[Compared], identity: np.ndarray, figures: dict[str, float], seed: int
) -> Finding:
    """Half of the sealed identities are enrolled with a few examples; who are the others?"""
    rng = np.random.default_rng([seed, 13])
    names, counts = np.unique(identity, return_counts=True)
    able = rng.permutation(names[counts > 1])
    known = able[: max(1, len(able) // 2)]
    enrolled, asked = [], []
    for name in known:
        own = rng.permutation(np.flatnonzero(identity == name))
        count = min(MOST_ENROLLED, len(own) - 1)
        enrolled.append(own[:count])
        asked.append(own[count:])
    gallery, probe = np.concatenate(enrolled), np.concatenate(asked)
    strangers = np.flatnonzero(~np.isin(identity, known))
    rows = []
    for one in compared:
        shown = Gallery([str(identity[row]) for row in gallery], [""] * len(gallery), {})
        shown.points["network"] = one.points[gallery]
        called = np.array(shown.identities, dtype=object)

        def named(
            some: np.ndarray, one: Compared = one, shown: Gallery = shown, called: Any = called
        ) -> np.ndarray:
            chances = who(one.sureness.odds(shown.likeness(one.points[some], "network")))
            best = chances[:, :-1].argmax(1)
            sure = np.take_along_axis(chances, best[:, None], 1)[:, 0] > 0.5
            return np.where(sure, called[best], "")

        answers = named(probe)
        truth = np.array([str(identity[row]) for row in probe], dtype=object)
        taken = named(strangers) if len(strangers) else np.array([""], dtype=object)
        rows.append(
            (
                one.name,
                float((answers == truth).mean()),
                float((answers == "").mean()),
                float(((answers != truth) & (answers != "")).mean()),
                float((taken != "").mean()),
            )
        )
    hits = round(rows[0][1] * len(probe))
    low, high = share_interval(hits, len(probe))
    figures |= {
        "named right": rows[0][1],
        "named wrong": rows[0][3],
        "strangers taken for somebody": rows[0][4],
    }
    return Finding(
        "enrolled",
        "Knowing whom it was just shown",
        f"{len(known):,} of the sealed identities were enrolled with up to {MOST_ENROLLED} "
        f"examples each, without training: of {len(probe):,} other examples of them "
        f"{rows[0][1]:.0%} are named right (95% interval {low:.0%} to {high:.0%}), "
        f"{rows[0][3]:.0%} wrong, "
        f"{rows[0][2]:.0%} are called unknown. Of {len(strangers):,} examples of others "
        f"{rows[0][4]:.0%} are taken for somebody who is enrolled.",
        notes=(
            "Nobody is named unless it is likelier than not, where being nobody who is enrolled is "
            "as likely beforehand as being one of them.",
        ),
        figures={"enrolled": len(known), "asked": len(probe), "strangers": len(strangers)},
        tables=(
            Table(
                "Enrolment of sealed identities",
                ("method", "named right", "unknown", "named wrong", "strangers taken for somebody"),
                tuple(rows),
            ),
        ),
    )


def _mixed_up(
    network: Compared,
    pairs: Pairs,
    places: list[str],
    draw: Callable[[int], dict[str, Any]],
) -> Finding:
    """The pairs that mislead it most."""
    different, same = np.flatnonzero(~pairs.same), np.flatnonzero(pairs.same)
    worst = [
        *different[np.argsort(-network.likeness[different], kind="stable")[:3]].tolist(),
        *same[np.argsort(network.likeness[same], kind="stable")[:3]].tolist(),
    ]
    chances = network.sureness.probability(network.likeness)
    rows, pictures = [], []
    for place in worst:
        left, right = int(pairs.left[place]), int(pairs.right[place])
        truth = "same" if pairs.same[place] else "different"
        rows.append((places[left], places[right], truth, float(chances[place])))
        pictures.append(
            Picture(
                f"in truth {truth}; said: the same with {chances[place]:.0%}",
                {places[left]: draw(left), places[right]: draw(right)},
            )
        )
    wrong = int(((chances >= 0.5) != pairs.same).sum())
    return Finding(
        "mixed-up",
        "Whom it mixes up",
        f"{wrong:,} of {len(pairs):,} pairs of the exam are answered wrongly; the most misleading "
        "ones are shown.",
        tables=(Table("Most misleading pairs", ("one", "other", "truth", "said"), tuple(rows)),),
        pictures=tuple(pictures),
    )
