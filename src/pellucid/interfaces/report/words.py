"""Figures as a reader wants them: short, with their unit, never more exact than they are."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pellucid.interfaces.report.markup import Html, clean, tag

SHARES = frozenset({"accuracy", "balanced accuracy", "subset accuracy"})
"""Metrics that are shares of something, and read best as percents."""
TO_ONE = frozenset(
    {
        "macro F1",
        "micro F1",
        "AUC",
        "quadratic kappa",
        "average precision",
        "ranking precision",
        "R2",
    }
)
"""Metrics that are perfect at 1."""
NONE = "–"
PIECES = re.compile(r"\S{4,19}?[._/\\-]|\S{20}|\S+|\s+")
"""What a name may break behind: the joints of its words, and every 20 letters."""

MEANINGS = {
    "accuracy": "share of right answers",
    "balanced accuracy": "share of right answers, every class counting the same",
    "log loss": "surprise at the truth; 0 is perfect, sure and wrong answers cost most",
    "macro F1": "balance of finding all and finding only the right ones, mean over classes; 1 is "
    "perfect",
    "micro F1": "balance of finding all tags and finding only right ones; 1 is perfect",
    "AUC": "how often a case ranks above a non-case; 0.5 is guessing, 1 perfect",
    "quadratic kappa": "agreement on the scale, far misses count more; 0 is chance, 1 perfect",
    "grade error": "how many grades off, on average",
    "subset accuracy": "share of rows whose tags are all right",
    "average precision": "how pure the top of each tag's ranking is; 1 is perfect",
    "ranking precision": "how far a row's own tags come first; 1 is perfect",
    "RMSE": "typical error, large ones count more (root of the mean square); 0 is perfect",
    "MAE": "mean distance from the truth; 0 is perfect",
    "R2": "share of the ups and downs that is explained, the mean of several numbers; 0 is always "
    "saying the mean, 1 perfect",
    "AUC on planted anomalies": "how often an anomaly made on purpose ranks above a row as it was; "
    "0.5 is guessing, 1 perfect",
    "EER": "share of mistakes where as many different pairs are accepted as same ones refused; 0 "
    "is perfect",
    "recognized again": "share of examples whose changed copy is found among all; 1 is perfect",
}


ROUNDING = 1e-12
"""A metric this close to 0 is 0, but for the rounding of the computer."""


def number(value: Any) -> str:
    """Four significant digits.

    >>> number(0.93333), number(12345.6), number(0.0000321), number(None), number(-3)
    ('0.9333', '12,346', '3.21·10⁻⁵', '–', '−3')
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NONE
    return _digits(value).replace("-", "−")


def _digits(value: float) -> str:
    size = abs(value)
    if isinstance(value, int) or 1000 <= size < 1e9:
        return f"{value:,.0f}"
    if size and (size < 1e-3 or size >= 1e9):
        digits, _, power = f"{value:.2e}".partition("e")
        return f"{_short(digits)}·10{_raised(int(power))}"
    return _short(f"{value:.{max(0, 3 - math.floor(math.log10(size))) if size else 0}f}")


def percent(share: Any, digits: int = 1) -> str:
    """A share in percent; 100% is said only if nothing is missing.

    >>> percent(0.9666), percent(1), percent(0.99996), percent(None)
    ('96.7%', '100%', '>99.9%', '–')
    """
    if share is None or not math.isfinite(share):
        return NONE
    if share in (0, 1):
        return f"{100 * share:.0f}%"
    text = f"{100 * share:.{digits}f}"
    edge = 10**-digits
    if float(text) >= 100:
        return f">{100 - edge:.{digits}f}%"
    return f"<{edge:.{digits}f}%" if float(text) <= 0 < share else f"{text}%"


def figure(value: Any, metric: str) -> str:
    """A metric's value in its usual form; what is not quite perfect is not called perfect.

    >>> figure(0.99999, "AUC"), figure(1.0, "AUC"), figure(0.5, "accuracy"), figure(-2e-16, "R2")
    ('>0.9999', '1', '50.0%', '0')
    """
    if metric in SHARES:
        return percent(value)
    if value is not None and abs(value) < ROUNDING:
        value = 0.0
    near = value is not None and metric in TO_ONE and 0.99995 <= value < 1
    return ">0.9999" if near else number(value)


def interval(low: Any, high: Any, metric: str) -> str:
    """'82.8 to 99.9%'; nothing can be said of some metrics on few rows."""
    if low is None or high is None:
        return NONE
    first = figure(low, metric)
    return f"{first.removesuffix('%')} to {figure(high, metric)}"


def size(count: Any) -> str:
    """Bytes.

    >>> size(900), size(116748), size(3_400_000)
    ('900 B', '117 kB', '3.4 MB')
    """
    if count is None:
        return NONE
    if count < 1000:
        return f"{count:.0f} B"
    power = min(3, int(math.log10(count) / 3 + 1e-4))
    count, unit = count / 1000**power, ("", "kB", "MB", "GB")[power]
    return f"{count:.1f} {unit}" if count < 10 else f"{count:.0f} {unit}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """'1 row', '1,797 rows'."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(parts: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def cut(text: str, most: int) -> str:
    """At most so many characters, the end left out."""
    return text if len(text) <= most else text[: most - 1] + "…"


def name(text: object) -> Html:
    """A user's word, kept apart from the sentence around it (it may run from right to left).

    Long words get places to break, so that a table stays narrow but its letters in line.

    >>> name("a<b")
    '<bdi>a&lt;b</bdi>'
    """
    said = clean(str(text))
    if len(said) <= 20:
        return tag("bdi", said)
    pieces = PIECES.findall(said)
    joints = [tag("wbr") if one.strip() and two.strip() else "" for one, two in pairwise(pieces)]
    return tag("bdi", zip(pieces, [*joints, ""]))


def _short(digits: str) -> str:
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _raised(power: int) -> str:
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
