"""How a table of delimited text is written: delimiter, quotes, header, where the rows start."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pellucid.data.readers.narrow import COMMA_NUMBER, POINT_NUMBER, Comma

DELIMITERS = ("\t", ";", "|", ",")
"""In the order in which they win a tie: "1,5;2,5" has two columns, not three."""

BLANKS = " "
"""Columns of numbers set apart by any number of blanks; `squeeze` makes it one."""

NO_DELIMITER = "\x1f"
"""For files of one column: a character that no table holds."""

_PREAMBLE = 10
_NUMBER = re.compile(f"{POINT_NUMBER}|{COMMA_NUMBER}")
_DECIMAL_COMMA = re.compile(r"^[+-]?(?:\d+,(?:\d{1,2}|\d{4,})|0,\d+|\d{1,3}(?:\.\d{3})+,\d+)$")
_DECIMAL_POINT = re.compile(r"^[+-]?(?:\d+\.(?:\d{1,2}|\d{4,})|0\.\d+)$")
_THOUSANDS = re.compile(r"^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$")


@dataclass(frozen=True)
class Dialect:
    """How to read the file.

    names: of the columns, all different. skip: lines before the first row. header: cells of the
    header as written, to know it again; None if the file has none. width: cells in a row.
    drop_last: each row ends with a delimiter, so that its last cell is nothing.
    """

    delimiter: str
    quote: str
    escape: str | None
    names: list[str]
    skip: int
    header: list[str] | None
    comma: Comma
    drop_last: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def width(self) -> int:
        return len(self.names) + self.drop_last


def sniff(sample: str, whole: bool) -> Dialect | None:
    """Find the dialect from the first lines; None if there is no line with anything in it.

    Args:
        sample: The start of the file, decoded.
        whole: Whether this is all of it (else the last line may be cut).
    """
    notes: list[str] = []
    sample, skip, told = _skip_comments(sample, notes)
    quote = _quote(sample)
    delimiter = told or _delimiter(sample, quote, whole)
    if delimiter == NO_DELIMITER and _is_spaced(sample, quote, whole):
        delimiter, sample = BLANKS, squeeze(sample)
    escape = _escape(sample, delimiter, quote)
    rows = _rows(sample, delimiter, quote, escape, whole)
    if not rows:
        return None
    first, width = _start(rows)
    if first:
        notes.append(f"{_lines(first)} above the table skipped")
    notes.append(f"delimiter {_name(delimiter)}" if delimiter != NO_DELIMITER else "one column")
    body = [cells for _, cells in rows[first + 1 :]]
    top = rows[first][1]
    drop_last = False
    if has_header(top, body):
        header: list[str] | None = top
        skip += rows[first][0]
        names, drop_last = _fit_header(top, body, width, notes)
        names[0] = names[0].removeprefix("#")
    else:
        header, names = None, [""] * len(top)
        skip += rows[first - 1][0] if first else _blank_before(sample)
        notes.append(f"no header: columns are called column_1 to column_{len(top)}")
    comma = _comma(body or [top], delimiter)
    names = unique_names(names, notes)
    return Dialect(delimiter, quote, escape, names, skip, header, comma, drop_last, notes)


def unique_names(names: Sequence[str], notes: list[str]) -> list[str]:
    """Names without blanks around them, none empty, none twice; changes go to the notes."""
    stripped = [str(name).strip().lstrip("\ufeff") for name in names]
    taken = set(stripped)
    result: list[str] = []
    for position, name in enumerate(stripped, start=1):
        chosen = name or f"column_{position}"
        copy = 2
        while chosen in result or (chosen != name and chosen in taken):
            chosen, copy = f"{name or 'column'}_{copy}", copy + 1
        if name and chosen != name:
            notes.append(f"there are several columns '{name}': column {position} is now '{chosen}'")
        elif not name and any(stripped):
            notes.append(f"column {position} has no name: it is called '{chosen}'")
        result.append(chosen)
    return result


# --- what stands above the table --------------------------------------------------------------


def _skip_comments(sample: str, notes: list[str]) -> tuple[str, int, str | None]:
    """Drop leading comment lines and Excel's `sep=;`: the rest, lines dropped, told delimiter."""
    lines = list(io.StringIO(sample, newline=""))  # splitlines() knows more ends than files do
    told = re.match(r"^\ufeff?sep=(.)\r?\n", sample, re.IGNORECASE)
    if told:
        return "".join(lines[1:]), 1, told[1]
    count = 0
    while count < len(lines) - 1 and lines[count].startswith("#"):
        count += 1
    if count and _is_commented_header(lines[count - 1], lines[count]):
        count -= 1
    if count:
        notes.append(f"{_lines(count)} of comments skipped")
    return "".join(lines[count:]), count, None


def _is_commented_header(line: str, below: str) -> bool:
    """ "#id,price" above "1,20" is the header, not a comment."""
    return any(0 < line.count(mark) == below.count(mark) for mark in DELIMITERS)


def _start(rows: list[tuple[int, list[str]]]) -> tuple[int, int]:
    """Index of the row where the table starts (titles may stand above it), and its usual width."""
    widths = [len(cells) for _, cells in rows]
    width = Counter(widths).most_common(1)[0][0]
    first = widths.index(width) if width in widths[: _PREAMBLE + 1] else 0
    if first == 0 or len(rows) - first < 4 or width < 2 or widths[0] == width - 1:
        return 0, width
    if first == 1 and set(widths[1:]) == {width} and any(map(_is_number, rows[0][1])):
        return 1, width  # counts above the table, as scikit-learn's own files have them
    titles_are_short = all(size == 1 for size in widths[:first])
    top, body = rows[first][1], [cells for _, cells in rows[first + 1 :]]
    looks_like_table = has_header(top, body) and any(
        _is_number(cell) for cells in body for cell in cells
    )
    return (first, width) if titles_are_short and looks_like_table else (0, width)


def _blank_before(sample: str) -> int:
    """How many blank lines open the sample."""
    count = 0
    for line in io.StringIO(sample, newline=""):
        if line.strip():
            break
        count += 1
    return count


# --- delimiter and quotes ---------------------------------------------------------------------


def _quote(sample: str) -> str:
    """Double quotes, unless there are none and single ones embrace whole cells."""
    if '"' in sample:
        return '"'
    opening = len(re.findall(r"(?:^|[\t;|,])'", sample, re.MULTILINE))
    closing = len(re.findall(r"'(?:$|[\t;|,\r])", sample, re.MULTILINE))
    pairs = len(re.findall(r"(?:^|[\t;|,])'[^'\n]*'(?=$|[\t;|,\r])", sample, re.MULTILINE))
    return "'" if pairs > 1 and pairs == opening == closing else '"'


def _escape(sample: str, delimiter: str, quote: str) -> str | None:
    r"""A backslash if quotes are written \" inside a cell; doubled quotes never look like that."""
    inside = rf"\\{quote}(?![{re.escape(delimiter + quote)}\r\n]|$)"
    return "\\" if re.search(inside, sample) else None


def _delimiter(sample: str, quote: str, whole: bool) -> str:
    """The candidate that cuts most lines into equally many cells, the header among them."""
    best, best_score = NO_DELIMITER, (False, 0.0, False)
    names_most, most = NO_DELIMITER, 2
    for candidate in DELIMITERS:
        if candidate not in sample:
            continue
        rows = _rows(sample, candidate, quote, None, whole)
        if not rows:
            continue
        first, width = _start(rows)
        widths = [len(cells) for _, cells in rows[first:]]
        if len(rows[0][1]) > most and all(0 < len(cell) < 40 for cell in rows[0][1]):
            names_most, most = candidate, len(rows[0][1])
        share = widths.count(width) / len(widths)
        if width < 2 or widths[0] not in (width, width - 1) or widths[0] < 2 or share < 0.5:
            continue
        score = (widths[0] == width, share, first == 0)
        if score > best_score:
            best, best_score = candidate, score
    # Lines of many lengths: the header tells the delimiter, and the lines will be refused by name.
    return names_most if best == NO_DELIMITER else best


def squeeze(text: str) -> str:
    """Each run of blanks becomes one, and none stays at the ends of lines."""
    return re.sub(r"(?m)^ | (?=\r?$)", "", re.sub(r"[ \t]+", " ", text))


def _is_spaced(sample: str, quote: str, whole: bool) -> bool:
    """Whether blanks cut all lines into equally many cells, most of them numbers."""
    rows = [cells for _, cells in _rows(squeeze(sample), BLANKS, quote, None, whole)]
    if len(rows) < 2 or len(rows[-1]) < 2 or any(len(cells) != len(rows[-1]) for cells in rows):
        return False
    numbers = sum(_is_number(cell) for cells in rows[1:] for cell in cells)
    return numbers >= 0.5 * len(rows[1:]) * len(rows[-1])


def _rows(
    sample: str, delimiter: str, quote: str, escape: str | None, whole: bool, limit: int = 500
) -> list[tuple[int, list[str]]]:
    """(number of the last line, cells) of each row that is not blank."""
    reader = csv.reader(
        io.StringIO(sample, newline=""), delimiter=delimiter, quotechar=quote, escapechar=escape
    )
    rows: list[tuple[int, list[str]]] = []
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num, cells))
            if len(rows) > limit:
                break
        else:
            if not whole and len(rows) > 1:
                rows.pop()  # cut in the middle
    except csv.Error:
        pass  # a cell beyond the module's limit; the rows before it are enough to go by
    return rows


# --- the header -------------------------------------------------------------------------------


def has_header(top: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns rather than being the first example."""
    numeric = [cell for cell in top if _is_number(cell)]
    if numeric and _over_numbers(top, body):
        return _can_be_names(numeric, top, body) and not _comes_again(top, body, 1)
    return not _comes_again(top, body, max(2, len(body) // 20))


def _is_number(cell: str) -> bool:
    return bool(_NUMBER.match(cell.strip()))


def _over_numbers(top: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether some number in the first row stands above numbers (or above nothing)."""
    if not body:
        return True
    for position, cell in enumerate(top):
        below = [cells[position].strip() for cells in body if position < len(cells)]
        numbers = sum(_is_number(other) for other in below)
        if _is_number(cell) and numbers >= 0.5 * max(1, len(below)):
            return True
    return False


def _can_be_names(
    numeric: Sequence[str], top: Sequence[str], body: Sequence[Sequence[str]]
) -> bool:
    """Numbers that can be names: 0, 1, 2 ... over all columns, or years over other numbers."""
    texts = [cell.strip() for cell in numeric]
    if not all(text.isdigit() for text in texts) or len(set(texts)) < len(texts):
        return False
    numbers = [int(text) for text in texts]
    if len(numbers) >= 3 and len(numbers) >= len(top) - 1:
        count = len(numbers)
        if numbers in (list(range(count)), list(range(1, count + 1))):
            return True
    below = body[0] if body else []
    years_below = any(_is_year(cell) for cell in below)
    return len(top) > 1 and not years_below and all(_is_year(text) for text in texts)


def _is_year(cell: str) -> bool:
    return cell.strip().isdigit() and 1900 <= int(cell) <= 2100


def _comes_again(top: Sequence[str], body: Sequence[Sequence[str]], times: int) -> bool:
    """Whether a word of the first row is also a value below it (whole repeated headers aside)."""
    others = [cells for cells in body if list(cells) != list(top)]
    for position, cell in enumerate(top):
        if not cell.strip() or _is_number(cell):
            continue
        again = sum(position < len(cells) and cells[position] == cell for cells in others)
        if again >= times:
            return True
    return False


def _fit_header(
    top: list[str], body: list[list[str]], width: int, notes: list[str]
) -> tuple[list[str], bool]:
    """Names for `width` cells: rows may end with a delimiter, or start with a row name."""
    if len(top) != width - 1 or not body:
        return list(top), False
    full = [cells for cells in body if len(cells) == width]
    if all(cells[-1] == "" for cells in full):
        notes.append("every row ends with a delimiter: the empty last cell is dropped")
        return list(top), True
    notes.append(
        "the header has one name less than there are cells: the first column is 'row_name'"
    )
    return ["row_name", *top], False


# --- numbers ------------------------------------------------------------------------------------


def _comma(body: Sequence[Sequence[str]], delimiter: str) -> Comma:
    """What a comma inside a number means, where the cells of the file leave no doubt."""
    cells = [cell.strip() for row in body for cell in row]
    decimal = sum(bool(_DECIMAL_COMMA.match(cell)) for cell in cells)
    point = sum(bool(_DECIMAL_POINT.match(cell)) for cell in cells)
    if decimal and not point:
        return "decimal"
    thousands = any(_THOUSANDS.match(cell) for cell in cells)
    if not decimal and (point or (delimiter == "," and thousands)):
        return "thousands"
    return None


def _name(delimiter: str) -> str:
    return {"\t": "tab", BLANKS: "blanks"}.get(delimiter, f"'{delimiter}'")


def _lines(count: int) -> str:
    return f"{count} line" if count == 1 else f"{count} lines"
