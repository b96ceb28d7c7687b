"""Drawings of figures as inline SVG, colored by the page's style so that they suit light and dark.

All are 440 units wide or less: on a phone they fill the screen with letters still legible.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.interfaces.report.markup import Html, group, tag
from pellucid.interfaces.report.words import cut, number

WIDTH = 440
MOST_POINTS = 300
"""Points of a line; more can't be told apart at this size."""
LETTER = 6.2
"""Width of a letter at the charts' font size, roughly."""


@dataclass(frozen=True)
class Curve:
    """A line. look: "train", "raw" (faint), "valid" or "plain": a color of the page's style."""

    name: str
    x: np.ndarray
    y: np.ndarray
    look: str = "plain"


@dataclass(frozen=True)
class Scale:
    """Values -> places. log: equal distances are equal ratios."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, values: np.ndarray | float) -> np.ndarray:
        share = self._bent(values) - self._bent(self.low)
        return self.start + share / (self._bent(self.high) - self._bent(self.low)) * (
            self.end - self.start
        )

    def _bent(self, values: np.ndarray | float) -> np.ndarray:
        return np.log10(np.maximum(values, 1e-30)) if self.log else np.asarray(values, float)

    def ticks(self, count: int = 5) -> list[float]:
        return log_ticks(self.low, self.high) if self.log else ticks(self.low, self.high, count)

    def labels(self, count: int = 5) -> list[str]:
        """What stands beside the ticks: equally many decimals where steps are equal."""
        places = self.ticks(count)
        if self.log or len(places) < 2 or not 1e-4 <= max(map(abs, places)) < 1e9:
            return [number(place) for place in places]
        digits = max(0, -math.floor(math.log10(places[1] - places[0]) + 1e-9))
        return [f"{place:,.{digits}f}".replace("-", "−") for place in places]


def drawing(title: str, width: float, height: float, *children: Html, look: str = "") -> Html:
    """A figure that a screen reader knows by its title."""
    return tag(
        "svg",
        tag("title", title),
        *children,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        class_=f"chart {look}".strip(),
    )


def figure(drawn: Html, caption: Html | str, look: str = "") -> Html:
    """A drawing with the words below it."""
    return tag("figure", drawn, tag("figcaption", caption), class_=look or None)


# --- lines ----------------------------------------------------------------------------------


def line_chart(
    title: str,
    curves: Sequence[Curve],
    *,
    across: str,
    log: bool | None = None,
    height: float = 250,
    mark: tuple[float, str] | None = None,
    floor: float | None = None,
    ceiling: float | None = None,
) -> Html:
    """Curves over a common axis.

    Args:
        across: What the horizontal axis counts, in whole numbers.
        log: Whether the vertical axis counts in powers; None: where values differ 50-fold.
        mark: A place on the horizontal axis to point at, and what to say there.
        floor, ceiling: Limits of the vertical axis; None: those of the values.
    """
    kept = [finite(curve) for curve in curves]
    shown = [curve for curve in kept if len(curve.x)]
    if not shown:
        return Html("")
    low = min(float(curve.y.min()) for curve in shown) if floor is None else floor
    high = max(float(curve.y.max()) for curve in shown) if ceiling is None else ceiling
    log = low > 0 and high / low > 50 if log is None else log and low > 0
    if not log:
        pad = 0.04 * (high - low) or 0.5
        low, high = low - pad * (floor is None), high + pad * (ceiling is None)
    elif high <= low:
        low, high = low / 2, high * 2
    y = Scale(low, high, height - 34, 12, log)
    labels = y.labels()
    left = 14 + LETTER * max(map(len, labels), default=1)
    first = min(float(curve.x[0]) for curve in shown)
    last = max(float(curve.x[-1]) for curve in shown)
    x = Scale(first, last if last > first else first + 1, left, WIDTH - 12)
    return drawing(
        title,
        WIDTH,
        height,
        across_axis(x, y, across, whole=True),
        upward_axis(x, y, labels),
        group(line(curve, x, y) for curve in shown),
        marked(mark, x, y) if mark else group(),
        tag("text", "log scale", x=2, y=height - 4, class_="label") if log else group(),
    )


def smooth(values: np.ndarray, share: float = 0.03) -> np.ndarray:
    """Running means over a share of the values, centered; the ends use what there is."""
    half = int(len(values) * share / 2)
    if half == 0 or len(values) == 0:
        return values
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    places = np.arange(len(values))
    start, end = np.maximum(places - half, 0), np.minimum(places + half + 1, len(values))
    return (sums[end] - sums[start]) / (end - start)


def thin(x: np.ndarray, y: np.ndarray, most: int = MOST_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most `most` points that keep the smallest and the largest value of every stretch."""
    if len(x) <= most:
        return x, y
    keep = {0, len(x) - 1}
    for part in np.array_split(np.arange(len(x)), most // 2):
        keep |= {int(part[y[part].argmin()]), int(part[y[part].argmax()])}
    places = np.array(sorted(keep))
    return x[places], y[places]


def finite(curve: Curve) -> Curve:
    """Without what was not measured."""
    there = np.isfinite(curve.y)
    return Curve(curve.name, curve.x[there], curve.y[there], curve.look)


def path(x: np.ndarray, y: np.ndarray) -> str:
    """Points joined by straight lines, to a tenth of a unit."""
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y))


def line(curve: Curve, x: Scale, y: Scale) -> Html:
    xs, ys = thin(curve.x, curve.y)
    if len(xs) == 1:
        return tag(
            "circle", cx=f"{x(xs)[0]:.1f}", cy=f"{y(ys)[0]:.1f}", r=3, class_=f"dot {curve.look}"
        )
    return tag("path", d=path(x(xs), y(ys)), class_=f"line {curve.look}")


def marked(mark: tuple[float, str], x: Scale, y: Scale) -> Html:
    place, said = float(x(mark[0])), mark[1]
    left = place > (x.start + x.end) / 2
    return group(
        tag("path", d=f"M{place:.1f} {y.end}V{y.start}", class_="mark"),
        tag(
            "text",
            said,
            x=f"{place + (-5 if left else 5):.1f}",
            y=y.end + 9,
            text_anchor="end" if left else "start",
            class_="strong halo",
        ),
    )


# --- axes -----------------------------------------------------------------------------------


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two numbers, about `count` of them.

    >>> ticks(0, 1), ticks(3, 97, 4)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [20.0, 40.0, 60.0, 80.0])
    """
    if not high > low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= 0.7 * rough)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    digits = max(0, 1 - math.floor(math.log10(step)))
    return [round(index * step, digits) for index in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten between two numbers; where there are fewer than two, also 2 and 5 times them.

    >>> log_ticks(0.05, 20)
    [0.1, 1.0, 10.0]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    tens = [10.0**power for power in powers if low <= 10.0**power <= high]
    if len(tens) >= 2:
        return tens[:: -(-len(tens) // 6)]
    finer = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    some = [value for value in finer if low <= value <= high]
    return some if len(some) >= 2 else ticks(low, high, 3)


def across_axis(x: Scale, y: Scale, said: str, *, whole: bool = False) -> Html:
    bottom = y.start
    places = list(zip(x.ticks(), x.labels()))
    if whole:
        places = [(tick, number(tick)) for tick, _ in places if tick.is_integer()]
    marks = [
        tag("text", label, x=f"{float(x(tick)):.1f}", y=bottom + 15, text_anchor="middle")
        for tick, label in places
    ]
    return group(
        tag("path", d=f"M{x.start:.1f} {bottom}H{x.end:.1f}", class_="axis"),
        marks,
        tag("text", said, x=f"{x.end:.1f}", y=bottom + 30, text_anchor="end", class_="label"),
    )


def upward_axis(x: Scale, y: Scale, labels: list[str]) -> Html:
    places = [float(y(tick)) for tick in y.ticks()]
    return group(
        group(
            tag("path", d=f"M{x.start:.1f} {place:.1f}H{x.end:.1f}", class_="grid"),
            tag("text", label, x=f"{x.start - 6:.1f}", y=f"{place + 4:.1f}", text_anchor="end"),
        )
        for place, label in zip(places, labels)
    )


# --- small drawings -------------------------------------------------------------------------


def sparkline(
    title: str,
    y: np.ndarray,
    *,
    log: bool = False,
    limits: tuple[float, float] | None = None,
    width: float = 120,
) -> Html:
    """A line without axes; its words stand beside it. limits: of the values, else their own."""
    curve = finite(Curve("", np.arange(len(y), dtype=float), np.asarray(y, float)))
    if len(curve.x) < 2:
        return Html("")
    low, high = limits or (float(curve.y.min()), float(curve.y.max()))
    log = log and low > 0
    spread = high > low
    scale = Scale(low, high if spread else low + 1, 25, 3, log and spread)
    across = Scale(float(curve.x[0]), float(curve.x[-1]), 3, width - 3)
    xs, ys = thin(curve.x, curve.y, 120)
    return drawing(
        title,
        width,
        28,
        tag("path", d=path(across(xs), scale(ys)), class_="line train"),
        look="spark",
    )


def bars(title: str, counts: np.ndarray, *, width: float = 100, height: float = 44) -> Html:
    """A histogram without axes: the tallest bar fills the height."""
    most = float(counts.max(initial=0)) or 1.0
    each = width / len(counts)
    d = "".join(
        f"M{index * each:.1f} {height}v{-(height - 2) * count / most:.1f}h{each:.1f}V{height}z"
        for index, count in enumerate(counts)
        if count
    )
    return drawing(
        title,
        width,
        height,
        tag("path", d=d or "M0 0", class_="bars"),
        tag("path", d=f"M0 {height - 0.5}H{width:g}", class_="axis"),
        look="bars-only",
    )


# --- figures with intervals -----------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    """A figure with its interval. said: in words, as printed beside it. strong: stands out."""

    name: str
    low: float
    value: float
    high: float
    said: str
    strong: bool = False


def interval_chart(title: str, items: Sequence[Bar], across: str) -> Html:
    """Figures with their intervals on one scale, one below the other."""
    low, high = min(item.low for item in items), max(item.high for item in items)
    pad = 0.03 * (high - low) or 0.5
    row, bottom = 44, 44 * len(items) + 6
    x = Scale(low - pad, high + pad, 8, WIDTH - 8)
    places = [f"{float(x(tick)):.1f}" for tick in x.ticks()]
    grid = [
        group(
            tag("path", d=f"M{place} 4V{bottom}", class_="grid"),
            tag("text", label, x=place, y=bottom + 15, text_anchor="middle"),
        )
        for place, label in zip(places, x.labels())
    ]
    rows = [_interval(item, x, row * index) for index, item in enumerate(items)]
    label = tag("text", across, x=WIDTH - 8, y=bottom + 31, text_anchor="end", class_="label")
    axis = tag("path", d=f"M8 {bottom}H{WIDTH - 8}", class_="axis")
    return drawing(title, WIDTH, bottom + 36, group(grid), axis, group(rows), label)


def _interval(item: Bar, x: Scale, top: float) -> Html:
    low, value, high = (float(x(v)) for v in (item.low, item.value, item.high))
    y = top + 32
    look = "strong" if item.strong else ""
    return group(
        tag("text", cut(item.name, 34), x=8, y=top + 17, class_=f"halo {look}".strip()),
        tag("text", item.said, x=WIDTH - 8, y=top + 17, text_anchor="end", class_="halo"),
        tag("path", d=f"M{low:.1f} {y - 5}v10m0 -5H{high:.1f}m0 -5v10", class_=f"whisker {look}"),
        tag("circle", cx=f"{value:.1f}", cy=y, r=5, class_=f"dot {look}"),
    )


# --- clouds and columns ---------------------------------------------------------------------


def scatter(title: str, x: np.ndarray, y: np.ndarray, across: str, upward: str) -> Html:
    """Points on a square with the same scale on both sides, and the line where they agree."""
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    pad = 0.04 * (high - low) or 0.5
    side = 330.0
    to_y = Scale(low - pad, high + pad, side - 34, 18)
    labels = to_y.labels()
    to_x = Scale(low - pad, high + pad, 14 + LETTER * max(map(len, labels)), WIDTH - 12)
    places = zip(to_x(x), to_y(y))
    dots = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in places)
    diagonal = f"M{to_x.start:.1f} {to_y.start:.1f}L{to_x.end:.1f} {to_y.end:.1f}"
    return drawing(
        title,
        WIDTH,
        side,
        across_axis(to_x, to_y, across),
        upward_axis(to_x, to_y, labels),
        tag("path", d=diagonal, class_="mark"),
        tag("path", d=dots, class_="dots"),
        tag("text", upward, x=f"{to_x.start:.1f}", y=11, class_="label"),
    )


def histogram(title: str, values: np.ndarray, across: str, *, zero: bool = False) -> Html:
    """How often which values occur; zero: a line marks 0."""
    counts, edges = np.histogram(values, bins=min(40, max(8, int(2 * len(values) ** 0.5))))
    height = 220.0
    y = Scale(0, float(counts.max()) * 1.05, height - 34, 12)
    labels = y.labels()
    left = 14 + LETTER * max(map(len, labels))
    x = Scale(float(edges[0]), float(edges[-1]), left, WIDTH - 12)
    rects = "".join(
        f"M{float(x(a)) + 0.5:.1f} {y.start:.1f}V{float(y(count)):.1f}H{float(x(b)) - 0.5:.1f}"
        f"V{y.start:.1f}z"
        for count, a, b in zip(counts, edges, edges[1:])
        if count
    )
    line = f"M{float(x(0)):.1f} {y.end}V{y.start}"
    inside = zero and edges[0] < 0 < edges[-1]
    return drawing(
        title,
        WIDTH,
        height,
        upward_axis(x, y, labels),
        tag("path", d=rects, class_="bars"),
        across_axis(x, y, across),
        tag("path", d=line, class_="mark") if inside else group(),
    )


def reliability_chart(title: str, points: Sequence[tuple[float, float, float, float]]) -> Html:
    """How sure against how often right: (sure, low, right, high) for each bin of answers."""
    lowest = min(min(sure, low) for sure, low, _, _ in points)
    low = math.floor(10 * min(lowest, 0.9)) / 10
    side = 330.0
    y = Scale(low, 1.0, side - 34, 18)
    x = Scale(low, 1.0, 50, WIDTH - 16)
    labels = [f"{100 * tick:.0f}%" for tick in y.ticks()]
    marks = [_whisker(x, y, *point) for point in points]
    across = [
        tag("text", label, x=f"{float(x(tick)):.1f}", y=side - 19, text_anchor="middle")
        for tick, label in zip(x.ticks(), labels)
    ]
    return drawing(
        title,
        WIDTH,
        side,
        upward_axis(x, y, labels),
        tag("path", d=f"M{x.start} {y.start}H{x.end}", class_="axis"),
        group(across),
        tag("path", d=f"M{x.start} {y.start}L{x.end} {y.end}", class_="mark"),
        group(marks),
        tag("text", "how often right", x=x.start, y=11, class_="label"),
        tag("text", "how sure", x=x.end, y=side - 4, text_anchor="end", class_="label"),
    )


def _whisker(x: Scale, y: Scale, sure: float, low: float, right: float, high: float) -> Html:
    place = f"{float(x(sure)):.1f}"
    d = f"M{place} {float(y(low)):.1f}V{float(y(high)):.1f}"
    return group(
        tag("path", d=d, class_="whisker"),
        tag("circle", cx=place, cy=f"{float(y(right)):.1f}", r=4, class_="dot strong"),
    )
