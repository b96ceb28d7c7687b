"""One training step in the terminal: eight short chapters, from the input to the new weights."""

from __future__ import annotations

import base64
import shutil
import struct
import textwrap
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from pellucid.evidence.receipt import Layer, Line, OneWeight, Output, Receipt, Unit, Weights
from pellucid.evidence.receipt.zoom import shown
from pellucid.interfaces.report.words import number
from pellucid.interfaces.show import bar

MOST_ROWS = 24
WIDEST = 100
"""Letters of a line at most."""
PICTURE = 20
"""Letters that a picture is drawn with, across."""
SHADES = " ░▒▓█"
BOX = ("x", "y", "width", "height")


def show_step(receipt: Receipt, name: str) -> None:
    """Print the receipt as a page to read from top to bottom."""
    print("\n".join(lines_of(receipt, name)))


def lines_of(receipt: Receipt, name: str) -> list[str]:
    """The page's lines; with a zoom, what was zoomed to instead of the first chapters."""
    found = [*_title(receipt, name)]
    if isinstance(receipt.zoom, Layer):
        found += _layer(receipt.zoom)
    elif isinstance(receipt.zoom, Unit):
        found += _unit(receipt.zoom, receipt)
    else:
        for chapter in (_input, _layers, _prediction, _loss, _blame):
            found += chapter(receipt)
    found += _one_weight(receipt.one, receipt)
    if receipt.zoom is None:
        found += _new_weights(receipt)
    return [*found, *_again(receipt), *_checks(receipt)]


# --- the eight chapters -----------------------------------------------------------------------


def _title(receipt: Receipt, name: str) -> Iterator[str]:
    count = sum(one.count for one in receipt.weights)
    title = f"Step {receipt.step + 1:,} of {receipt.steps:,} of {name}, by hand"
    yield from (title, "═" * len(title))
    yield from _wrapped(
        f"The network answers {receipt.batch:,} examples, hears how wrong it was, and changes its"
        f" {count:,} weights a little, so that it would have been less wrong. That is all that"
        " learning is; here are the numbers."
    )
    if receipt.precision == "bf16":
        yield from _wrapped("It computes in 16-bit floats, as in the run: about 3 digits.")
    for note in receipt.notes:
        yield from _wrapped(f"Note: {note}")


def _input(receipt: Receipt) -> Iterator[str]:
    yield from _heading(1, "Input", "the next examples, as numbers")
    yield from _wrapped(
        f"{receipt.batch:,} examples. We follow number {receipt.example}, {receipt.why_example}"
        f" (--example chooses another): {receipt.place}"
    )
    for column, drawing in receipt.drawings.items():
        yield from _drawn(column, drawing)
    for one in receipt.inputs:
        changed = f"; changed at random: {', '.join(one.changes)}" if one.changes else ""
        first = " ".join(number(value) for value in one.first)
        yield (
            f"  {one.group}: {_times(one.shape)} numbers, mean {number(one.mean)},"
            f" spread {number(one.spread)}{changed}"
        )
        yield f"    they begin  {first}"
        if one.words:
            said = " ".join(f"'{word}'" for word in one.words)
            yield from _wrapped(said, "    which is    ", " " * 16)


def _layers(receipt: Receipt) -> Iterator[str]:
    yield from _heading(2, "Layers", "each multiplies, adds up and bends what the one before gave")
    rows = [
        (
            one.name,
            _times(one.shape),
            number(one.mean),
            number(one.spread),
            f"{100 * one.zeros:.0f}%",
        )
        for one in receipt.values
    ]
    yield from _table(("value", "numbers an example", "mean", "spread", "zeros"), rows)
    if receipt.dropout:
        yield from _wrapped(
            "While learning, a share of the values is silenced at random (dropout), so that no"
            " neuron can rely on a single other one."
        )


def _prediction(receipt: Receipt) -> Iterator[str]:
    yield from _heading(3, "Prediction", f"the answer for example {receipt.example}")
    if receipt.members > 1:
        yield f"  the mean of {receipt.members} members"
    width = max(len(one.name) for one in receipt.answers)
    if receipt.answers[0].predicted is None:
        yield "  its numbers that the loss hangs on most:"
    for one in receipt.answers:
        if one.predicted is None or one.wanted is None:
            yield f"  {one.name:<{width}}  {number(one.output):>10}"
            continue
        if receipt.task == "regress":
            yield f"  {one.name:<{width}}  {number(one.predicted)}, in truth {number(one.wanted)}"
            continue
        truth = "  ◀ the truth" if one.wanted > 0.5 else ""
        share = f"{100 * one.predicted:5.1f}%"
        yield f"  {one.name:<{width}}  {bar(one.predicted)} {share}{truth}"
    if receipt.answers[0].predicted is not None and len(receipt.answers) < receipt.outputs:
        yield f"  … and {receipt.outputs - len(receipt.answers):,} more"


def _loss(receipt: Receipt) -> Iterator[str]:
    yield from _heading(4, "Loss", "how wrong that was, in one number; 0 is perfect")
    yield from _lines(receipt.loss.lines)
    yield f"  mean over the {receipt.batch:,} examples: {number(receipt.loss.batch)}"


def _blame(receipt: Receipt) -> Iterator[str]:
    yield from _heading(5, "Blame (backpropagation)", "who caused it? the error travels back")
    twice = "twice " if receipt.task == "regress" else ""
    what = f"{twice}what was predicted minus what was wanted"
    if receipt.answers[0].predicted is None:
        what = "how fast the loss grows with each number"
    yield from _wrapped(f"At the answer, blame is {what}: minus means 'should have been more'.")
    width = max(len(one.name) for one in receipt.answers)
    for one in receipt.answers:
        yield f"  {one.name:<{width}}  {number(one.blame):>10}"
    yield ""
    yield from _wrapped(
        "From the answer back to the input: how strongly the loss hangs on each value."
    )
    blamed = [one for one in reversed(receipt.values) if one.blame is not None]
    most = max((one.blame or 0.0 for one in blamed), default=0.0) or 1.0
    width = max((len(value.name) for value in blamed), default=0)
    for value in blamed[:MOST_ROWS]:
        yield f"  {value.name:<{width}}  {bar((value.blame or 0) / most)} {number(value.blame)}"
    yield from _more(len(blamed))


def _one_weight(one: OneWeight, receipt: Receipt) -> Iterator[str]:
    yield from _heading(6, "Update", f"one weight, followed all the way: {one.path}")
    yield from _wrapped(f"It belongs to the layer {one.layer} ({one.kind}): {one.says}")
    if one.output is not None:
        yield from _output(one.output, receipt, one.path)
    else:
        yield "  nothing in this batch reaches it"
    yield ""
    yield from _gradient(one, receipt)
    yield ""
    yield from _wrapped(f"The update, by the rule {one.rule} ({one.why}):")
    if one.clipped != one.gradient and receipt.update.shrunk < 1:
        clip = f"all gradients together are {number(receipt.update.gradient)} long"
        yield from _wrapped(
            f"{clip}, more than the {number(receipt.update.clip)} allowed: each is multiplied by"
            f" {number(receipt.update.shrunk)}, here {number(one.gradient)} →"
            f" {number(one.clipped)}"
        )
    if receipt.memory.kind == "empty":
        yield from _wrapped(f"Its memory of earlier gradients: {receipt.memory.why}")
    elif receipt.memory.kind == "replayed":
        yield from _wrapped(f"Its memory of earlier gradients is the run's: {receipt.memory.why}.")
    else:
        yield from _wrapped(f"Its memory of earlier gradients: {receipt.memory.why}.")
    yield from _lines(one.lines)
    yield f"  {one.before:.7f} → {one.after:.7f}   ({_signed(one.after - one.before)})"


def _gradient(one: OneWeight, receipt: Receipt) -> Iterator[str]:
    way = "bigger" if one.gradient > 0 else "smaller"
    adds = f" That is the sum of what each of the {receipt.batch:,} examples says:"
    yield from _wrapped(
        f"Its gradient, {_signed(one.gradient)}: turning it up makes the loss {way}."
        f"{adds if one.shares else ''}"
    )
    for share in one.shares:
        if share.value:
            yield f"  example {share.example:>4}  {_signed(share.value):>12}"
    rest = receipt.batch - len(one.shares)
    if rest > 0 and one.shares:
        yield f"  {rest:,} others    {_signed(one.others):>12}"
    if one.elsewhere and one.shares:
        yield f"  where else it is used  {_signed(one.elsewhere):>12}"
    turned = one.turned
    yield from _wrapped(
        f"Tried out: turned up by {turned.turn:g} the loss is {turned.up:.12f}, turned down"
        f" {turned.down:.12f}: a slope of {_signed(turned.slope)}."
    )


def _new_weights(receipt: Receipt) -> Iterator[str]:
    yield from _heading(
        7, "New weights", f"all of them, at learning rate {receipt.update.rate:.3g}"
    )
    rows = [_weights_row(one) for one in receipt.weights]
    yield from _table(("weights", "how many", "rule", "gradient", "change", "share of them"), rows)
    yield from _wrapped(
        "The last column is the length of the change divided by the length of the weights. Look"
        " closer with --zoom NAME, --zoom NAME[3] or --zoom NAME[3, 5]."
    )


def _weights_row(one: Weights) -> tuple[str, ...]:
    return (
        shown(one.name),
        _times(one.shape),
        one.rule,
        number(one.gradient),
        number(one.change),
        "from 0" if one.ratio is None else f"{100 * one.ratio:.2g}%",
    )


def _again(receipt: Receipt) -> Iterator[str]:
    yield from _heading(8, "Again", "the same examples through the new weights")
    before, after = receipt.loss.batch, receipt.again.batch
    fell = after < before
    said = "smaller: it worked" if fell else "not smaller: this step overshot, the next mend it"
    yield f"  loss of the batch      {before:.6f} → {after:.6f}   {'✓' if fell else '✗'} {said}"
    yield (
        f"  of example {receipt.example:<4}        {receipt.loss.example:.6f} →"
        f" {receipt.again.example:.6f}"
    )
    yield from _wrapped(
        f"It fell for {receipt.again.lower:,} of {receipt.batch:,} examples. Other examples may"
        " get worse; that is normal. Then all of it is done again with the next ones."
    )


def _checks(receipt: Receipt) -> Iterator[str]:
    passed = sum(check.passed for check in receipt.checks)
    title = f"Checked: {passed} of {len(receipt.checks)} comparisons agree"
    yield from ("", title, "─" * len(title))
    rows = [
        (
            f"{'✓' if check.passed else '✗'} {check.what}",
            f"{check.numbers:,}",
            number(check.gap),
            number(check.tolerance),
        )
        for check in receipt.checks
    ]
    yield from _table(("", "numbers", "largest gap", "allowed"), rows)
    yield from _wrapped("A gap is a share of the size of the numbers that are compared.")
    if not receipt.checked:
        yield from _wrapped("Do not trust the numbers that are marked ✗.")


# --- zoomed -----------------------------------------------------------------------------------


def _layer(layer: Layer) -> Iterator[str]:
    title = f"The layer {layer.path} ({layer.kind})"
    yield from ("", title, "─" * len(title))
    yield from _wrapped(layer.says)
    out = layer.output
    if out is not None:
        yield from _wrapped(
            f"In this batch its outputs have mean {number(out.mean)} and spread"
            f" {number(out.spread)}; {100 * out.zeros:.0f}% are 0. The loss hangs on them with"
            f" {number(out.blame)}."
        )
    rows = [_weights_row(one) for one in layer.weights]
    yield from _table(("weights", "how many", "rule", "gradient", "change", "share of them"), rows)
    yield ""
    units = [(path, *map(number, figures)) for path, *figures in layer.units]
    yield f"  its units with the largest gradients, of {layer.count:,}"
    yield from _table(("unit", "weights", "gradient", "change"), units)


def _unit(unit: Unit, receipt: Receipt) -> Iterator[str]:
    title = f"The unit {unit.path}"
    yield from ("", title, "─" * len(title))
    if unit.outputs:
        yield from _wrapped(
            f"It gave {unit.outputs:,} numbers in this batch, from {number(unit.low)} to"
            f" {number(unit.high)}, mean {number(unit.mean)}, spread {number(unit.spread)}. The"
            f" loss hangs on them with {number(unit.blame)}."
        )
    else:
        yield "  no example of this batch uses it"
    if unit.output is not None:
        yield from _output(unit.output, receipt)
    yield ""
    yield "  its weights with the largest gradients"
    rows = [
        (path, number(weight), number(gradient), number(new))
        for path, weight, gradient, new in unit.weights
    ]
    yield from _table(("weight", "now", "gradient", "new"), rows)


def _output(output: Output, receipt: Receipt, own: str = "") -> Iterator[str]:
    whose = "the one we follow" if output.example == receipt.example else "not the one we follow"
    example = f"for example {output.example} ({whose})" if output.example >= 0 else "for them all"
    yield ""
    yield from _wrapped(
        f"One number of this layer, {example}, place {list(output.place)}: weight × what it is"
        " multiplied by, added up:"
    )
    rows = [
        (
            _marked(term.weight_name, own),
            number(term.weight),
            "×",
            number(term.factor),
            "=",
            number(term.product),
        )
        for term in output.terms
    ]
    if output.others:
        rows.append((f"{output.others:,} more", "", "", "", "", number(output.rest)))
    yield from _table(("", "weight", "", "input", "", "product"), rows)
    if output.lines:
        yield from _lines(output.lines)
    yield f"  together {output.by_hand:.6f}; the network computed {output.computed:.6f}"


def _marked(name: str, own: str) -> str:
    return f"{name} ◀" if own.endswith(f".{name}") else name


# --- parts of all -----------------------------------------------------------------------------

CIRCLED = "①②③④⑤⑥⑦⑧"


def _heading(chapter: int, name: str, said: str) -> Iterator[str]:
    yield ""
    yield f"{CIRCLED[chapter - 1]} {name}: {said}"


def _lines(lines: Sequence[Line]) -> Iterator[str]:
    width = max((len(line.name) for line in lines if len(line.name) <= 34), default=0)
    for line in lines:
        text = f"{line.name:<{width}}  {line.formula} = {line.value:.7g}"
        yield from _wrapped(text, "  ", " " * (width + 4))


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns of text; all but the first to the right. The middle of a long table is left out."""
    listed = list(rows[:MOST_ROWS])
    widths = [max(map(len, column)) for column in zip(header, *listed, strict=True)]
    widths[0] = min(widths[0], max(20, WIDEST - 2 * len(widths) - sum(widths[1:])))
    for cells in (header, *listed):
        first, *rest = cells
        # The end of a long name tells more than its beginning, and --zoom takes it.
        first = first if len(first) <= widths[0] else f"…{first[1 - widths[0] :]}"
        line = "  ".join(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        yield f"  {first:<{widths[0]}}  {line}".rstrip()
    yield from _more(len(rows))


def _more(count: int) -> Iterator[str]:
    if count > MOST_ROWS:
        yield f"  … and {count - MOST_ROWS:,} more (--json has all)"


def _wrapped(text: str, first: str = "  ", rest: str | None = None) -> list[str]:
    width = min(100, shutil.get_terminal_size((88, 24)).columns)
    indent = " " * max(2, len(first)) if rest is None else rest
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=indent)


def _times(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape)) or "1"


def _signed(value: float) -> str:
    return number(value) if value < 0 else f"+{number(value)}"


def _drawn(column: str, drawing: dict[str, Any]) -> Iterator[str]:
    """An input as a person sees it, as far as letters can show it."""
    kind, data = drawing["kind"], drawing["data"]
    if kind in ("image", "boxes"):
        yield f"  {column}: a picture of {data['height']} × {data['width']} pixels"
        yield from (f"    {line}" for line in picture(data["png"]))
        for box in data.get("boxes", []):
            x, y, width, height = (number(float(box[side])) for side in BOX)
            yield f"    {box['label']}: {width} × {height} pixels at ({x}, {y})"
    elif kind == "audio":
        yield f"  {column}: a recording, seen as its spectrum over time (low notes at the bottom)"
        yield from (f"    {line}" for line in picture(data["png"]))
    elif kind == "series":
        yield f"  {column}: a series, here in {len(data)} points"
    else:
        plain = ", ".join(map(str, data)) if kind == "list" else data
        said = number(plain) if isinstance(plain, float) else str(plain)
        yield from _wrapped(f"{column}: {said}", "  ", "    ")


def picture(png: str) -> list[str]:
    """A picture that `recipe/drawings.py: png` wrote, in letters: the brighter, the fuller."""
    data = base64.b64decode(png)
    width, height, _, color = struct.unpack(">IIBB", data[16:26])
    channels = 1 if color == 0 else 3
    length = struct.unpack(">I", data[33:37])[0]
    rows = zlib.decompress(data[41 : 41 + length])
    stride = 1 + width * channels
    step = max(1, width // PICTURE)

    def brightness(y: int, x: int) -> float:
        start = y * stride + 1 + x * channels
        return sum(rows[start : start + channels]) / channels

    # A letter is about twice as high as wide: two letters a pixel, or every second row.
    down, letters = (1, 2) if step == 1 and width <= PICTURE else (2 * step, 1)
    return [
        "".join(
            SHADES[int(brightness(y, x) / 256 * len(SHADES))] * letters
            for x in range(0, width, step)
        )
        for y in range(0, height, down)
    ]
