"""YOLO: one text file a picture, a line a box: class, center x, center y, width, height.

The numbers are shares of the picture as it is shown. Classes are numbers; their names stand in
data.yaml or classes.txt. A picture without a text file, or with an empty one, shows nothing.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from pellucid.data.columns import Refused
from pellucid.data.readers.boxes.annotated import Annotated, Annotations, Box, Shelf, numbers
from pellucid.errors import DataError

LAYOUT = "YOLO text files"
NAMES = ("classes.txt", "obj.names", "labels.txt", "names.txt")
LARGEST = 16 << 20
LINE = re.compile(r"^\s*\d+(?:\s+-?[\d.]+(?:[eE][-+]?\d+)?){4,}\s*$")


def seems(path: Path) -> bool:
    """Whether a text file begins with a class and shares of a picture, and mostly goes on so."""
    try:
        with path.open("rb") as file:
            lines = file.read(2048).decode("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    lines = [line for line in lines[:5] if line.strip()]
    fitting = [LINE.match(line) is not None for line in lines]
    return bool(lines) and fitting[0] and 2 * sum(fitting) >= len(fitting)


def label_files(shelf: Shelf) -> dict[PurePosixPath, PurePosixPath]:
    """Picture -> its text file: images/a/7.jpg -> labels/a/7.txt, or beside it."""
    texts = {path for path in shelf.listing.files if path.suffix.lower() == ".txt"}
    found = {}
    for picture in shelf.pictures:
        parts = list(picture.parts)
        beside = picture.with_suffix(".txt")
        places = [
            i for i, part in enumerate(parts[:-1]) if part.lower() in ("images", "jpegimages")
        ]
        if places:
            parts[places[-1]] = "labels"
        among = PurePosixPath(*parts).with_suffix(".txt")
        for text in (among, beside, picture.parent / "labels" / beside.name):
            if text in texts and text.name not in NAMES:
                found[picture] = text
                break
    return found


def names_file(shelf: Shelf) -> PurePosixPath | None:
    """Where classes have names: a YAML file with `names`, or a list of lines."""
    by_depth = sorted(shelf.listing.files, key=lambda path: (len(path.parts), str(path)))
    for path in by_depth:
        if path.suffix.lower() in (".yaml", ".yml"):
            text = (shelf.root / path).read_text("utf-8", errors="replace")
            if re.search(r"^names\s*:", text, re.MULTILINE):
                return path
    return next((path for path in by_depth if path.name.lower() in NAMES), None)


def read(shelf: Shelf) -> Annotations:
    """All pictures of a folder; those without a text file beside labelled ones show nothing.

    Raises:
        DataError: The file with the names of the classes can't be understood.
    """
    named = names_file(shelf)
    classes = read_names(shelf.root / named) if named else []
    labels = label_files(shelf)
    refused: list[Refused] = []
    pictures, highest = [], -1
    for picture in shelf.pictures:
        one = shelf.of(picture)
        one.shares, one.frame = True, "upright"
        if picture in labels:
            try:
                highest = max(highest, _add(one, shelf.root / labels[picture], classes))
            except (OSError, ValueError) as error:
                refused.append(Refused(str(labels[picture]), str(error)))
                one.missing = "its text file can't be read"
        pictures.append(one)
    used = set(labels.values())
    for path in shelf.listing.files:
        if "labels" in path.parts[:-1] and path.suffix.lower() == ".txt" and path not in used:
            refused.append(Refused(str(path), "no picture of that name"))
    if not named:
        classes = [f"class {number}" for number in range(highest + 1)]
    sources = [shelf.root / path for path in [*([named] if named else []), *sorted(used)]]
    notes = [] if named else ["no data.yaml or classes.txt: classes have numbers for names"]
    without = len(shelf.pictures) - len(labels)
    if without:
        verb = "picture has" if without == 1 else "pictures have"
        notes.append(f"{without:,} {verb} no text file: taken to show nothing that has a class")
    return Annotations(LAYOUT, shelf.root, classes, pictures, sources, refused, notes=notes)


def _add(one: Annotated, file: Path, classes: list[str]) -> int:
    """The boxes of one text file; returns the highest class number."""
    if file.stat().st_size > LARGEST:
        raise ValueError(f"larger than {LARGEST >> 20} MB")
    highest = -1
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        what = f"line {number}"
        values = numbers(words[1:], len(words) - 1)
        if values is None or len(values) < 4 or not words[0].isdigit():
            one.drop(what, "it is not a class and four numbers")
            continue
        kind = int(words[0])
        if classes and kind >= len(classes):
            one.drop(what, f"class {kind}, but only {len(classes)} classes have names")
            continue
        if len(values) in (4, 5):  # five: a sureness, as predictions are written
            x, y, width, height = values[:4]
            edges = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        elif len(values) % 2 == 0:  # an outline: its box
            across, down = values[0::2], values[1::2]
            edges = (min(across), min(down), max(across), max(down))
        else:
            one.drop(what, "it is neither a box nor an outline")
            continue
        highest = max(highest, kind)
        one.boxes.append(Box(classes[kind] if classes else f"class {kind}", *edges))
    return highest


# --- names of classes -------------------------------------------------------------------------


def read_names(path: Path) -> list[str]:
    """Names by class number.

    Raises:
        DataError: There are none.
    """
    text = path.read_text("utf-8", errors="replace")
    if path.suffix.lower() in (".yaml", ".yml"):
        names = yaml_names(text)
    else:
        names = [line.strip() for line in text.splitlines() if line.strip()]
    if not names:
        raise DataError(
            f"'{path.name}' has no names of classes",
            where=str(path),
            fix="write names: [cat, dog] into data.yaml, or one name a line into classes.txt",
        )
    return names


def yaml_names(text: str) -> list[str]:
    """The value of `names` in the ways that data.yaml files write it.

    >>> yaml_names("nc: 2\\nnames: ['cat', dog]"), yaml_names("names:\\n  0: cat\\n  1: dog  # d")
    (['cat', 'dog'], ['cat', 'dog'])
    >>> yaml_names("names:\\n- cat\\n- dog\\nnc: 2"), yaml_names("names: {0: cat, 1: dog}")
    (['cat', 'dog'], ['cat', 'dog'])
    """
    match = re.search(r"^names\s*:[ \t]*(.*?)(?=^\S[^\n]*:|\Z)", text + "\n", re.M | re.S)
    lines = text.splitlines()
    start = next((i for i, line in enumerate(lines) if re.match(r"names\s*:", line)), None)
    if match is None or start is None:
        return []
    rest = lines[start].partition(":")[2].partition(" #")[0].strip()
    if rest[:1] in ("[", "{"):
        inner = re.split(r"[\]}]", match[1][1:], maxsplit=1)[0]
        items = re.findall(r"""(?:\s*)((?:\d+\s*:\s*)?(?:'[^']*'|"[^"]*"|[^,'"]+))""", inner)
    else:
        items = []
        for line in lines[start + 1 :]:
            if line.strip() and not re.match(r"\s+\S|-\s", line):
                break
            items.append(line.partition(" #")[0].strip().removeprefix("- "))
    found: dict[int, str] = {}
    for item in items:
        if not item.strip():
            continue
        keyed = re.match(r"^\s*(\d+)\s*:\s*(.*)$", item, re.S)
        number = int(keyed[1]) if keyed else len(found)
        found[number] = (keyed[2] if keyed else item).strip().strip("'\"").strip()
    return [found.get(number, f"class {number}") for number in range(max(found, default=-1) + 1)]
