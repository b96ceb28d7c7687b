"""What was right and wrong on the sealed test rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.evidence.intervals import share_interval
from pellucid.evidence.trust.calibrate import expected_calibration_error, reliability
from pellucid.interfaces.report import charts, pictures
from pellucid.interfaces.report.facts import Facts
from pellucid.interfaces.report.layout import note, section, table
from pellucid.interfaces.report.markup import Child, Html, group, tag
from pellucid.interfaces.report.words import MEANINGS, counted, cut, figure, name, number, percent
from pellucid.learning.evaluate import Kind, confusion, per_target, two_dimensional

LARGEST_TABLE = 20
"""Classes of which a whole confusion matrix is shown; of more, the most confused pairs."""
MOST_CLASSES = 20
MOST_PAIRS = 20
WIDE = 60
"""Letters in the head of the confusion matrix that fit side by side."""
MOST_TARGETS = 4
SHOWN = {"wrong": 9, "unsure": 6, "right": 6}
"""Examples of each sort."""
BINS, BIN_ROWS = 10, 20
"""Bins of the reliability diagram, and rows that one should hold at least."""


@dataclass(frozen=True)
class Exam:
    """The test rows: their truth, and what was answered (shapes: `learning.evaluate`).

    who: whose answers these are. network: what the network said, where it is another.
    """

    truth: np.ndarray
    answers: np.ndarray
    who: str = "network"
    network: np.ndarray | None = None


def answers_section(facts: Facts, budget: pictures.Budget) -> Html:
    title = "Right and wrong"
    exam = _exam(facts)
    if not facts.kind or facts.summary is None or exam is None:
        why = "The run ended before its exam, so nothing is known about how good it is."
        return section("answers", title, note(why))
    return section(
        "answers",
        title,
        tag(
            "p",
            f"{counted(len(exam.truth), 'test row')} had been sealed before anything was learned. "
            "Here is how ",
            _answered_by(facts, exam),
        ),
        _figures(facts.summary),
        _by_kind(facts, exam),
        _examples(facts, exam, budget),
        _coverage(facts, exam) if facts.kind == "regress" else _trust(facts, exam),
    )


def _exam(facts: Facts) -> Exam | None:
    """The kept one's answers; the network's if those are not there."""
    if facts.test is None or facts.network_answers is None:
        return None
    truth = facts.test["target"]
    if facts.kept == "network" or facts.answers is None:
        return Exam(truth, facts.network_answers)
    return Exam(truth, facts.answers, facts.kept, facts.network_answers)


def _answered_by(facts: Facts, exam: Exam) -> Html:
    if exam.network is not None:
        beside = "What the network says stands beside it where the two differ."
        return group(name(exam.who), " answered them, as it was kept for use. ", beside)
    if facts.kept != "network":
        return group("the network answered them; the answers of ", name(facts.kept), " are gone.")
    return group("the network answered them.")


def _figures(summary: dict[str, Any]) -> Html:
    """All metrics; those of the network, and of what was kept if that is another."""
    own = summary.get("network_figures") or summary.get("figures") or {}
    kept = summary.get("figures") or {}
    other = summary.get("kept", "network") != "network"
    rows: list[list[Child]] = []
    for metric, value in own.items():
        cells: list[Child] = [metric, figure(value, metric)]
        if other:
            cells.append(figure(kept.get(metric), metric))
        rows.append([*cells, MEANINGS.get(metric, "")])
    heads: list[Child] = ["figure", "network", "meaning"]
    if other:
        heads.insert(2, group("kept: ", name(summary["kept"])))
    return table("Figures on the test rows", heads, rows, numbers=(1, 2) if other else (1,))


def _by_kind(facts: Facts, exam: Exam) -> Html | None:
    kind: Kind = facts.kind  # type: ignore[assignment]
    if kind in ("classify", "grades"):
        counts = confusion(kind, exam.truth, exam.answers)
        others = None if exam.network is None else confusion(kind, exam.truth, exam.network)
        return group(_confusion(facts.classes, counts), _per_class(facts.classes, counts, others))
    if kind == "tags":
        return _per_tag(facts, exam)
    return _numbers(facts, exam) if kind == "regress" else None


# --- classes --------------------------------------------------------------------------------


def _confusion(classes: list[str], counts: np.ndarray) -> Html:
    if len(classes) > LARGEST_TABLE:
        return _confused_pairs(classes, counts)
    totals = np.maximum(counts.sum(1, keepdims=True), 1)
    shares = counts / totals
    rows: list[list[Child]] = [
        [
            tag("span", name(label), class_="line-up" if len(label) <= 24 else None),
            *(_heat(count, share, i == j) for j, (count, share) in enumerate(zip(*line))),
        ]
        for i, (label, line) in enumerate(zip(classes, zip(counts.tolist(), shares.tolist())))
    ]
    # Many or long names stand upright, so that the columns stay narrow.
    upright = sum(max(4, len(label)) for label in classes) > WIDE
    look = "upright" if upright else None
    heads: list[Child] = [
        "truth ↓ answer →",
        *(tag("span", name(cut(label, 24)), title=label, class_=look) for label in classes),
    ]
    return group(
        tag("h3", "Which class was taken for which"),
        tag(
            "p",
            "Each line is a true class, each column an answer. On the diagonal it was right; the "
            "darker a square, the larger its part of the line.",
        ),
        table(
            "Confusion matrix", heads, rows, numbers=range(1, len(classes) + 1), look="confusion"
        ),
    )


def _heat(count: int, share: float, right: bool) -> Html:
    look = f"heat {'hit' if right else 'miss'}"
    # A single mistake among many must be seen too.
    depth = share if right or not count else min(1.0, 0.3 + 2 * share)
    return tag("span", f"{count:,}" if count else "·", class_=look, style=f"--share:{depth:.3f}")


def _confused_pairs(classes: list[str], counts: np.ndarray) -> Html:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [divmod(int(place), len(classes)) for place in order]
    rows: list[list[Child]] = [
        [name(classes[i]), name(classes[j]), f"{wrong[i, j]:,}", f"{counts[i].sum():,}"]
        for i, j in pairs
        if wrong[i, j]
    ]
    kinds = int((wrong > 0).sum())
    return group(
        tag("h3", "Which class was taken for which"),
        tag("p", f"{counted(len(classes), 'class', 'classes')} are too many for one table.")
        if rows
        else tag("p", "No test row was taken for another class."),
        table(
            "Most confused classes",
            ["truth", "answer", "times", "test rows of this class"],
            rows,
            numbers=(2, 3),
        )
        if rows
        else None,
        note(f"and {counted(kinds - len(rows), 'more kind')} of mistakes")
        if kinds > len(rows)
        else None,
    )


def _per_class(classes: list[str], counts: np.ndarray, others: np.ndarray | None) -> Html:
    """Found (recall) and right (precision), worst found first; and what the network finds, where
    others answered."""
    hits, true, answered = np.diag(counts), counts.sum(1), counts.sum(0)
    order = sorted(
        range(len(classes)), key=lambda i: (hits[i] / true[i] if true[i] else 2.0, classes[i])
    )
    rows: list[list[Child]] = [
        [name(classes[i]), f"{true[i]:,}", *_shares(int(hits[i]), int(true[i]), int(answered[i]))]
        for i in order[:MOST_CLASSES]
    ]
    heads: list[Child] = ["class", "test rows", "found", "95% interval", "right"]
    if others is not None:
        heads.append("found by the network")
        for i, row in zip(order, rows):
            row.append(percent(others[i, i] / true[i]) if true[i] else "–")
    more = len(classes) - len(rows)
    return group(
        tag("h3", "Class by class"),
        tag(
            "p",
            "Found: of the rows of a class, how many were recognized (recall). Right: of the "
            "answers of a class, how many were true (precision). The least found come first.",
        ),
        table("Class by class", heads, rows, numbers=range(1, len(heads))),
        note(f"and {counted(more, 'class', 'classes')} found more often") if more > 0 else None,
    )


def _shares(hits: int, true: int, answered: int) -> list[Child]:
    found = percent(hits / true) if true else "–"
    limits = "–"
    if true:
        low, high = share_interval(hits, true)
        limits = f"{percent(low).removesuffix('%')} to {percent(high)}"
    return [found, limits, percent(hits / answered) if answered else "never answered"]


def _per_tag(facts: Facts, exam: Exam) -> Html:
    truth, said = exam.truth > 0, exam.answers >= 0.5
    hits, true, answered = (truth & said).sum(0), truth.sum(0), said.sum(0)
    order = np.argsort(-true, kind="stable")[:MOST_CLASSES].tolist()
    rows: list[list[Child]] = [
        [
            name(facts.classes[i]),
            f"{true[i]:,}",
            *_shares(int(hits[i]), int(true[i]), int(answered[i])),
        ]
        for i in order
    ]
    more = len(facts.classes) - len(rows)
    return group(
        tag("h3", "Tag by tag"),
        tag(
            "p",
            "Found: of the rows with a tag, how many got it (recall). Right: where it was given, "
            "how often it was true (precision).",
        ),
        table(
            "Tag by tag",
            ["tag", "test rows", "found", "95% interval", "right"],
            rows,
            numbers=(1, 2, 3, 4),
        ),
        note(f"and {counted(more, 'rarer tag')}") if more > 0 else None,
    )


# --- numbers --------------------------------------------------------------------------------


def _numbers(facts: Facts, exam: Exam) -> Html:
    truth, said = two_dimensional(exam.truth), two_dimensional(exam.answers)
    shown = [
        _one_target(target, truth[:, i], said[:, i])
        for i, target in enumerate(facts.targets[:MOST_TARGETS])
    ]
    more = len(facts.targets) - len(shown)
    return group(
        tag("h3", "Answers and truth"),
        _target_table(facts, truth, said) if len(facts.targets) > 1 else None,
        shown,
        note(f"and {counted(more, 'more target')}; their figures are in the table")
        if more > 0
        else None,
    )


def _target_table(facts: Facts, truth: np.ndarray, said: np.ndarray) -> Html:
    found = per_target(truth, said)
    metrics = list(dict.fromkeys(metric for one in found for metric in one))
    rows: list[list[Child]] = [
        [name(target), *(figure(one.get(metric), metric) for metric in metrics)]
        for target, one in zip(facts.targets, found)
    ]
    return table(
        "Figures of each target", ["target", *metrics], rows, numbers=range(1, len(metrics) + 1)
    )


def _one_target(target: str, truth: np.ndarray, said: np.ndarray) -> Html:
    error = said - truth
    half = number(float(np.median(np.abs(error))))
    return tag(
        "div",
        charts.figure(
            charts.scatter(
                f"Answer against truth for {target}, {len(truth):,} test rows",
                truth,
                said,
                cut(f"true {target}", 50),
                "answer",
            ),
            group(
                "Each dot is a test row of ", name(target), "; on the line, answer and truth agree."
            ),
        ),
        charts.figure(
            charts.histogram(
                f"Errors for {target}: half of them below {half}",
                error,
                "answer minus truth",
                zero=True,
            ),
            f"How large the errors are: half of them below {half}, the mean error is "
            f"{number(float(error.mean()))}.",
        ),
        class_="charts",
    )


# --- examples -------------------------------------------------------------------------------

GROUPS = {
    "wrong": ("Wrong", "the surest mistakes first: mislabeled rows often show up here"),
    "unsure": ("Unsure", "the rows that it was least sure about"),
    "right": ("Right", "the surest right answers"),
}
NUMBER_GROUPS = {
    "wrong": ("Far off", "the largest errors: unusual or wrong rows often show up here"),
    "right": ("Close", "the smallest errors"),
}


def _examples(facts: Facts, exam: Exam, budget: pictures.Budget) -> Html | None:
    titles = NUMBER_GROUPS if facts.kind == "regress" else GROUPS
    found = []
    for key, (title, said) in titles.items():
        items = [item for item in facts.examples if item.get("group") == key]
        if not items:
            continue
        # Each sort gets its share of what is left, so that right ones are seen too.
        own = pictures.Budget(budget.left // 2)
        before = own.left
        cards = [_card(facts, item, own) for item in items[: SHOWN[key]]]
        budget.left -= before - own.left
        found.append(
            group(
                tag("h4", title),
                tag("p", said[0].upper() + said[1:] + "."),
                tag("ul", cards, class_="cards"),
            )
        )
    if not found:
        return None
    # Runs of early versions kept what the network said, whoever was kept.
    early = exam.network is not None and not any("network" in item for item in facts.examples)
    whose = note("These are the network's answers.") if early else None
    return group(tag("h3", "Examples from the test rows"), whose, found)


def _card(facts: Facts, item: dict[str, Any], budget: pictures.Budget) -> Html:
    wrong = item.get("group") == "wrong" or item.get("answer") != item.get("target")
    regress = facts.kind == "regress"
    mark = "" if regress else ("✗ " if wrong else "✓ ")
    probability = item.get("probability")
    sure = f", {percent(probability)} sure" if probability is not None else ""
    drawn = pictures.example(item.get("drawings") or {}, budget, f"test row {item.get('row', '')}")
    return tag(
        "li",
        drawn,
        tag("p", mark, "answer ", _said(item.get("answer")), sure, class_="answer"),
        tag("p", "truth ", _said(item.get("target"))) if wrong or regress else None,
        _networks_own(item),
        tag("p", name(item.get("place", "")), class_="place"),
        class_="card wrong" if wrong and not regress else "card",
    )


def _networks_own(item: dict[str, Any]) -> Html | None:
    """What the network says, where another was kept and answers otherwise."""
    network = item.get("network")
    if network is None or network.get("answer") == item.get("answer"):
        return None
    return tag("p", "the network: ", _said(network.get("answer")))


def _said(value: Any) -> Html:
    """An answer of any task."""
    if isinstance(value, dict):
        return group(
            [
                group(", " if i else "", name(key), " ", tag("b", number(v)))
                for i, (key, v) in enumerate(value.items())
            ]
        )
    if isinstance(value, list):
        return tag("b", name(", ".join(map(str, value)) or "(none)"))
    if isinstance(value, float):
        return tag("b", number(value))
    return tag("b", name("–" if value is None else value))


# --- can its doubts be trusted ---------------------------------------------------------------


def _trust(facts: Facts, exam: Exam) -> Html:
    bins = int(np.clip(len(exam.truth) // BIN_ROWS, 1, BINS))
    kind: Kind = facts.kind  # type: ignore[assignment]
    parts = reliability(kind, exam.truth, exam.answers, bins)
    error = expected_calibration_error(kind, exam.truth, exam.answers, bins)
    points = [(part.sure, *_with_limits(part.right, part.rows)) for part in parts]
    sure = sum(part.sure * part.rows for part in parts) / sum(part.rows for part in parts)
    right = sum(part.right * part.rows for part in parts) / sum(part.rows for part in parts)
    return group(
        tag("h3", "Does it know when it is unsure?"),
        tag(
            "p",
            f"On average it was {percent(sure)} sure, and right in {percent(right)} of its "
            f"answers. The mean distance between the two over {counted(bins, 'bin')} is "
            f"{percent(error)} (expected calibration error).{_temperature(facts)}",
        ),
        charts.figure(
            charts.reliability_chart(
                f"How sure against how often right, calibration error {percent(error)}", points
            ),
            f"Each dot stands for about {counted(parts[0].rows, 'answer')} of similar sureness, "
            "with its 95% interval. On the line, '80% sure' is right eight times out of ten; "
            "below it the answers are too sure.",
            "single",
        ),
    )


def _with_limits(right: float, rows: int) -> tuple[float, float, float]:
    low, high = share_interval(round(right * rows), rows)
    return low, right, high


def _temperature(facts: Facts) -> str:
    temperature = facts.calibration.get("temperature")
    if temperature is None or temperature == 1:
        return ""
    said = "too sure" if temperature > 1 else "not sure enough"
    return (
        f" On held-out rows it was {said}, so its probabilities were calibrated with temperature "
        f"{number(float(temperature))}."
    )


def _coverage(facts: Facts, exam: Exam) -> Html:
    """How often the truth lay inside the error bars."""
    widths = facts.calibration.get("half_widths") or []
    truth, said = two_dimensional(exam.truth), two_dimensional(exam.answers)
    rows: list[list[Child]] = []
    for i, (target, half) in enumerate(zip(facts.targets, widths)):
        if half is None:
            continue
        inside = int((np.abs(said[:, i] - truth[:, i]) <= half).sum())
        low, high = share_interval(inside, len(truth))
        rows.append(
            [
                name(target),
                f"± {number(float(half))}",
                "90%",
                f"{percent(inside / len(truth))} of {len(truth):,}",
                f"{percent(low).removesuffix('%')} to {percent(high)}",
            ]
        )
    title = tag("h3", "Can its error bars be trusted?")
    if not rows:
        return group(title, note("There were too few held-out rows to promise an error bar."))
    return group(
        title,
        tag(
            "p",
            "An error bar was measured on held-out rows so that nine of ten truths should lie "
            "inside it. On the test rows:",
        ),
        table(
            "Error bars",
            ["target", "error bar", "promised", "kept", "95% interval"],
            rows,
            numbers=(1, 2, 3, 4),
        ),
    )
