"""What a person should see of the exam: what is found, what is promised, what can't be known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.evidence.finding import Chart, Finding, Line, Table
from pellucid.evidence.intervals import share_interval
from pellucid.learning.evaluate import auc_of, average_precision_of
from pellucid.uses.anomaly.planted import Planted
from pellucid.uses.anomaly.promise import Promise

if TYPE_CHECKING:
    from pellucid.uses.anomaly.answerer import AnomalyAnswerer

BARS = 24


@dataclass(frozen=True)
class Answered:
    """One method at the exam. scores: of the test rows. planted: of the anomalies planted in some
    of them."""

    name: str
    promise: Promise
    scores: np.ndarray
    planted: np.ndarray
    valid_score: float


def findings(
    answered: list[Answered],
    truth: np.ndarray | None,
    planted: Planted,
    parents: np.ndarray,
    test: np.ndarray,
    kinds: np.ndarray | None,
    answerer: AnomalyAnswerer,
) -> tuple[list[Finding], dict[str, float]]:
    """Findings, and figures for the summary.

    Args:
        truth: float `(test,)`, 1 anomaly, 0 normal, NaN unknown; None without labels of both kinds.
        parents: rows in which anomalies were planted. kinds: names of the test rows' folders.
    """
    network = answered[0]
    found: list[Finding] = []
    figures: dict[str, float] = {}
    if truth is not None:
        found.append(_with_labels(answered, truth, kinds, figures))
    found.append(_planted(answered, planted, parents, test, truth is None, figures))
    found.append(_alarms(network, truth, figures))
    return found, figures


def _with_labels(
    answered: list[Answered],
    truth: np.ndarray,
    kinds: np.ndarray | None,
    figures: dict[str, float],
) -> Finding:
    """How the labeled rows of the exam are told apart."""
    known = ~np.isnan(truth)
    strange = truth[known] == 1
    once = np.ones((1, int(known.sum())))
    rows = []
    for one in answered:
        scores = one.scores[known]
        auc = float(auc_of(strange, scores)(once)[0])
        precision = float(average_precision_of(strange, scores)(once)[0])
        called = one.promise.strange(scores)
        rows.append(
            (
                one.name,
                auc,
                precision,
                float(called[strange].mean()),
                1000 * float(called[~strange].mean()),
            )
        )
    network, promise = rows[0], answered[0].promise
    called = promise.strange(answered[0].scores[known])
    hits, anomalies = int(called[strange].sum()), int(strange.sum())
    low, high = share_interval(hits, anomalies)
    figures |= {
        "AUROC": float(network[1]),
        "average precision": float(network[2]),
        "recall": hits / anomalies,
        "recall low": low,
        "recall high": high,
        "anomalies": float(anomalies),
        "normal": float((~strange).sum()),
    }
    tables = [
        Table(
            "Labeled test rows",
            ("method", "AUROC", "average precision", "anomalies found", "false alarms per 1,000"),
            tuple(rows),
        )
    ]
    if kinds is not None:
        tables.append(_by_kind(answered[0], truth, kinds))
    best = max(rows, key=lambda row: row[1])
    surprise = (
        (
            f"By these labels '{best[0]}' is the best of all (AUROC {best[1]:.3f}); the planted "
            "anomalies, by which methods are chosen without labels, did not show that.",
        )
        if best is not max(zip(rows, answered, strict=True), key=lambda one: one[1].valid_score)[0]
        else ()
    )
    return Finding(
        "found",
        "What is found",
        f"Of {anomalies:,} anomalies in the exam the network finds {hits:,} "
        f"({hits / anomalies:.0%}, 95% interval {low:.0%} to {high:.0%}) at the promised "
        f"{promise.per_thousand:.3g} false alarms per 1,000 normal rows.",
        notes=(
            "Labels were looked at only here: nothing was learned from them and no threshold set.",
            "AUROC: how often an anomaly is stranger than a normal row. Average precision depends "
            f"on how frequent anomalies are; here {anomalies / len(strange):.1%} of the rows.",
            *surprise,
        ),
        figures={"methods": [dict(zip(tables[0].header, row, strict=True)) for row in rows]},
        tables=tuple(tables),
    )


def _by_kind(network: Answered, truth: np.ndarray, kinds: np.ndarray) -> Table:
    """How many of each kind of defect are found."""
    called = network.promise.strange(network.scores)
    rows = []
    for name in sorted(set(kinds[truth == 1].tolist())):
        chosen = kinds == name
        rows.append((str(name), int(chosen.sum()), float(called[chosen].mean())))
    return Table("Kinds of anomalies", ("kind", "examples", "found by the network"), tuple(rows))


def _planted(
    answered: list[Answered],
    planted: Planted,
    parents: np.ndarray,
    test: np.ndarray,
    alone: bool,
    figures: dict[str, float],
) -> Finding:
    """Which of the anomalies that were made on purpose are noticed."""
    place = np.searchsorted(test, parents)
    names = sorted(set(planted.kinds.tolist()))
    rows = []
    for one in answered:
        cells: list[Any] = [one.name]
        for name in names:
            chosen = planted.kinds == name
            truth = np.repeat([0, 1], [len(place), int(chosen.sum())])
            scores = np.concatenate([one.scores[place], one.planted[chosen]])
            cells.append(float(auc_of(truth, scores)(np.ones((1, len(truth))))[0]))
        truth = np.repeat([0, 1], [len(place), len(one.planted)])
        scores = np.concatenate([one.scores[place], one.planted])
        cells.append(float(auc_of(truth, scores)(np.ones((1, len(truth))))[0]))
        rows.append(tuple(cells))
    called = answered[0].promise.strange(answered[0].planted)
    figures["AUC on planted anomalies"] = float(rows[0][-1])
    figures["planted found"] = float(called.mean())
    cannot = (
        "Whether real anomalies look like these can't be known without examples of real ones: "
        "these figures compare methods, they are no accuracy."
    )
    sentence = (
        f"Nothing says which rows are anomalies, so {len(called):,} were planted in test rows "
        f"({', '.join(names)}): the network finds {called.mean():.0%} of them at the promised "
        f"{answered[0].promise.per_thousand:.3g} false alarms per 1,000."
        if alone
        else f"Of {len(called):,} anomalies planted in test rows ({', '.join(names)}) the network "
        f"finds {called.mean():.0%}."
    )
    return Finding(
        "planted",
        "Anomalies made on purpose",
        sentence,
        notes=(
            cannot,
            "Planted in rows that nothing was learned from; the network never learned from planted "
            "anomalies. Planted in validation rows likewise, they chose among the methods.",
        ),
        figures={"kinds": names, "rows": [list(row) for row in rows]},
        tables=(Table("AUC on planted anomalies", ("method", *names, "all"), tuple(rows)),),
    )


def _alarms(network: Answered, truth: np.ndarray | None, figures: dict[str, float]) -> Finding:
    """Whether the promised number of false alarms is kept, and how scores are spread."""
    promise, scores = network.promise, network.scores
    normal = scores if truth is None else scores[truth == 0]
    called = int(promise.strange(normal).sum())
    low, high = share_interval(called, len(normal))
    figures["false alarms per 1,000"] = 1000 * called / len(normal)
    figures["promised false alarms per 1,000"] = promise.per_thousand
    figures["at most, if those left out are normal"] = promise.at_most
    kept = "kept" if 1000 * low <= promise.at_most else "not kept"
    figures["held rows left out"] = float(promise.left_out)
    whom = "normal test rows" if truth is not None else "test rows (which may hold anomalies)"
    most = f"At most {promise.per_thousand:.3g} of 1,000 normal rows are called anomalies"
    if promise.left_out:
        most += f", or {promise.at_most:.3g} if the held rows that stand out are normal"
    sentence = (
        f"{most}; of the "
        f"{len(normal):,} {whom} {called:,} were ({1000 * called / len(normal):.3g} per 1,000, "
        f"95% interval {1000 * low:.3g} to {1000 * high:.3g})"
        + (f": the promise is {kept}." if truth is not None else ".")
    )
    ends = np.quantile(np.concatenate([promise.held, scores]), [0.0, 0.98])
    edges = np.linspace(ends[0], max(ends[1], ends[0] + 1e-9), BARS + 1)
    middles = tuple(((edges[1:] + edges[:-1]) / 2).tolist())
    lines = [Line("held rows", middles, _shares(promise.held, edges))]
    if truth is None:
        lines.append(Line("test rows", middles, _shares(scores, edges)))
        lines.append(Line("planted anomalies", middles, _shares(network.planted, edges)))
    else:
        lines.append(Line("normal test rows", middles, _shares(scores[truth == 0], edges)))
        lines.append(Line("anomalies", middles, _shares(scores[truth == 1], edges)))
    threshold = float(np.quantile(promise.held, 1 - promise.level))
    return Finding(
        "alarms",
        "How many false alarms to expect",
        sentence,
        notes=(
            f"The threshold comes from {len(promise.held):,} held rows: a p-value is the share of "
            "them that are as strange (conformal prediction). It holds as long as new normal rows "
            "come from the same source; a machine that ages becomes strange by and by.",
            _of_whom(promise),
        ),
        figures={
            "promised": promise.per_thousand,
            "at most": promise.at_most,
            "seen": 1000 * called / len(normal),
            "low": 1000 * low,
            "high": 1000 * high,
        },
        charts=(
            Chart(
                "How strange rows are",
                "score",
                "share of rows",
                tuple(lines),
                marks=((threshold, "threshold"),),
            ),
        ),
    )


def _of_whom(promise: Promise) -> str:
    """Which held rows the promise rests on, and what would be if they were chosen wrongly."""
    if not promise.left_out:
        return (
            "No held row stands out from the others. Strange ones among them that don't would make "
            "p-values too large: fewer alarms than promised, fewer anomalies found."
        )
    everyone = len(promise.held) + promise.left_out
    return (
        f"{promise.left_out:,} of {everyone:,} held rows stand out far from the others: they are "
        "taken for anomalies themselves and p-values don't rest on them. If they were normal, up "
        f"to {promise.at_most:.3g} of 1,000 normal rows would be called anomalies."
    )


def _shares(scores: np.ndarray, edges: np.ndarray) -> tuple[float, ...]:
    """Part of the scores in each bin; what lies beyond counts in the outermost."""
    counts, _ = np.histogram(np.clip(scores, edges[0], edges[-1]), edges)
    return tuple((counts / max(1, len(scores))).tolist())
