"""Folders: of class folders, of a table with its files, of series files, of one value a file."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from pellucid.data.columns import RawColumn, RawTable, Refused
from pellucid.data.readers import idx, ts
from pellucid.data.readers.arrays import SPLITS, read_numpy_folder
from pellucid.data.readers.encoding import decode
from pellucid.data.readers.join import holds_paths, join
from pellucid.data.readers.sniff import AUDIO, IMAGE, TABLE, TEXT, media_kind, suffix
from pellucid.data.unlabelled import FOLDERS as UNLABELLED
from pellucid.errors import DataError

JUNK = frozenset(
    (".ds_store", "thumbs.db", "desktop.ini", "ehthumbs.db", "__macosx", ".ipynb_checkpoints")
)
LARGEST_TEXT = 64 << 20
"""Bytes; a longer text is no example but a whole library."""

ReadTable = Callable[[Path, frozenset[str]], RawTable]


@dataclass
class Listing:
    """What is in a folder: paths relative to it, sorted; what was refused and why."""

    root: Path
    files: list[PurePosixPath]
    folders: list[PurePosixPath]
    refused: list[Refused] = field(default_factory=list)
    junk: int = 0

    @property
    def name(self) -> str:
        return self.root.name or str(self.root)

    def place(self, path: PurePosixPath) -> str:
        """The name of a file for a person: "flowers/rose/03.jpg"."""
        return f"{self.name}/{path}"


def read_folder(root: Path, words: frozenset[str], read_table: ReadTable) -> RawTable:
    """Read a folder to learn from.

    Args:
        root: The folder.
        words: Words that mean "no value".
        read_table: How to read a table that lies in the folder.

    Raises:
        DataError: It is empty, or has no layout that tells examples and classes.
    """
    listing = list_folder(_descend(root))
    if not listing.files:
        raise _nothing(listing)
    special = _special(listing, words, read_table)
    if special is not None:
        return _finish(special, listing)
    return _finish(_class_folders(listing), listing)


def read_files(root: Path, name: str) -> RawTable:
    """Read a folder of files to predict: one row a file, in the order of the sorted paths.

    Args:
        root: The folder; subfolders are read too, their names mean nothing here.
        name: What the column is called.

    Raises:
        DataError: The folder has no usable files.
    """
    listing = list_folder(root)
    kind, chosen = _choose_kind(listing, listing.files)
    raw = _to_table(listing, kind, chosen, name)
    if not len(raw):
        raise _nothing(listing)
    return _finish(raw, listing)


def read_one(path: Path, name: str) -> RawTable:
    """One file as a table of one row.

    Raises:
        DataError: The file is empty or can't be read.
    """
    listing = Listing(Path(os.path.abspath(path.parent)), [PurePosixPath(path.name)], [])
    kind = media_kind(path) or "image"
    raw = _to_table(listing, kind, listing.files, name)
    if listing.refused:
        raise DataError(
            f"'{path.name}' can't be used: {listing.refused[0].why}",
            where=str(path),
            fix="give a file that opens in other programs",
        )
    del raw.columns["_path"]
    raw.name, raw.places = path.name, [path.name]
    return raw


def has_values(root: Path) -> bool:
    """Whether a folder holds images, sounds or texts at all (and not just tables or arrays)."""
    listing = list_folder(root)
    return any(path.suffix.lower() in IMAGE | AUDIO | TEXT for path in listing.files)


# --- listing ----------------------------------------------------------------------------------


def list_folder(root: Path) -> Listing:
    """Walk a folder: no link leaves it or loops in it, hidden files are only counted.

    Raises:
        DataError: The folder itself can't be read.
    """
    listing = Listing(root, [], [])
    try:
        real = root.resolve(strict=True)
        os.scandir(real).close()
    except OSError as error:
        raise DataError(
            f"the folder '{root.name}' can't be read: {error.strerror}",
            where=str(root),
            fix="check that it is there and that you may read it (ls -ld)",
        ) from error
    _walk(listing, real, real, PurePosixPath())
    listing.files.sort(key=str)
    listing.folders.sort(key=str)
    listing.refused.sort(key=lambda item: item.place)
    return listing


def _walk(listing: Listing, root: Path, folder: Path, relative: PurePosixPath) -> None:
    """Collect the files below one folder."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        place = listing.place(relative)
        listing.refused.append(Refused(place, f"the folder can't be read: {error.strerror}"))
        return
    for entry in entries:
        path = relative / entry.name
        if entry.name.startswith((".", "~$")) or entry.name.lower() in JUNK:
            listing.junk += 1
        elif why := _unusable(entry, root):
            listing.refused.append(Refused(listing.place(path), why))
        elif entry.is_dir():
            listing.folders.append(path)
            _walk(listing, root, folder / entry.name, path)
        else:
            listing.files.append(path)


def _unusable(entry: os.DirEntry[str], root: Path) -> str:
    """Why an entry can't be used; "" if it can."""
    if entry.is_symlink():
        try:
            real = Path(entry.path).resolve(strict=True)
        except (OSError, RuntimeError):
            return "a link that leads nowhere or to itself"
        if not real.is_relative_to(root):
            return "a link that leads out of the folder"
        if real.is_dir():
            return "a link to a folder that is read in its own place"
    return "" if entry.is_dir() or entry.is_file() else "no ordinary file"


def _descend(root: Path) -> Path:
    """The folder where the data starts: zips often wrap everything in one more folder."""
    for _ in range(5):
        try:
            names = [name for name in os.listdir(root) if not name.startswith(".")]
        except OSError:
            return root
        names = [name for name in names if name.lower() not in JUNK]
        if len(names) != 1 or names[0].lower() in SPLITS:
            return root
        inner = root / names[0]
        if inner.is_symlink() or not inner.is_dir() or not _wraps(inner):
            return root
        root = inner
    return root


def _wraps(folder: Path) -> bool:
    """Whether a lone subfolder is a wrapper, and not the one class folder there is."""
    try:
        with os.scandir(folder) as entries:
            return any(entry.is_dir() or _is_data_set(entry.name) for entry in entries)
    except OSError:
        return False


def _is_data_set(name: str) -> bool:
    """Whether a file of this name holds many examples."""
    ending = suffix(Path(name))
    return ending in TABLE | {".ts", ".npy", ".npz"} or idx.is_idx([name])


# --- layouts other than class folders ---------------------------------------------------------


def _special(listing: Listing, words: frozenset[str], read_table: ReadTable) -> RawTable | None:
    """Files that are a data set by themselves: MNIST's, .ts, or a table beside its files."""
    top = [path for path in listing.files if len(path.parts) == 1]
    if idx.is_idx([path.name for path in top]):
        return idx.read_idx(listing.root, [path.name for path in top])
    series = [path for path in top if path.suffix.lower() == ".ts"]
    if series:
        return ts.read_ts_folder(listing.root, [path.name for path in series], words)
    arrays = [path for path in top if path.suffix.lower() in (".npy", ".npz")]
    if arrays and len(arrays) == len(listing.files):
        return read_numpy_folder(listing.root, [path.name for path in arrays], words)
    tables = [path for path in top if suffix(Path(path.name)) in TABLE]
    if tables:
        return _tables(listing, tables, words, read_table)
    return None


def _tables(
    listing: Listing, tables: list[PurePosixPath], words: frozenset[str], read_table: ReadTable
) -> RawTable | None:
    """The table(s) at the top of a folder, if they describe it; None if class folders do."""
    media = [path for path in listing.files if media_kind(listing.root / path)]
    parts = {SPLITS[_part(path)]: path for path in tables if _part(path) in SPLITS}
    if "train" in parts:
        chosen = {part: parts[part] for part in ("train", "valid", "test") if part in parts}
    elif len(tables) == 1:
        chosen = {"train": tables[0]}
    elif any(len(path.parts) > 1 for path in media):
        return None
    else:
        raise DataError(
            f"the folder '{listing.name}' holds {len(tables)} tables: "
            + ", ".join(path.name for path in tables[:6]),
            where=str(listing.root),
            fix="name the one to learn from, or call them train.csv, valid.csv and test.csv",
        )
    raws = [read_table(listing.root / path, words) for path in chosen.values()]
    found = [_resolve(listing, raw) for raw in raws]
    if not any(found) and any(len(path.parts) > 1 for path in media):
        return None
    others = [path for path in tables if path not in chosen.values()]
    if len(raws) == 1:
        raw = raws[0]
        raw.name = listing.name
    else:
        why = f"{', '.join(path.name for path in chosen.values())} are named so"
        raw = join(raws, list(chosen), listing.name, why=why)
    if others:
        raw.notes.append("tables not read: " + ", ".join(path.name for path in others))
    return raw


def _part(path: PurePosixPath) -> str:
    """The last word of a file's name: "train" of train.csv and of Gun_TRAIN.csv.gz."""
    return re.split(r"[_\- ]", path.name.split(".")[0])[-1].lower()


def _resolve(listing: Listing, raw: RawTable) -> bool:
    """Find the folder in which each column's file names start; whether any column has files."""
    found = False
    for column in raw.columns.values():
        if column.values.dtype != object:
            continue
        for folder in [PurePosixPath(), *listing.folders]:
            here = RawColumn(column.name, column.values, listing.root / folder)
            if holds_paths(here):
                column.folder, found = here.folder, True
                raw.notes.append(f"'{column.name}' names files in {listing.place(folder)}")
                break
    return found


# --- class folders ----------------------------------------------------------------------------


def _class_folders(listing: Listing) -> RawTable:
    """Folder names are labels; folders named train, valid and test above them are the split."""
    parts = _split_folders(listing)
    depth = 1 if parts else 0
    inside = [path for path in listing.files if len(path.parts) > depth + 1]
    if parts:
        inside = [
            path
            for path in listing.files
            if (len(path.parts) > 2 and path.parts[0] in parts) or _beside(path, parts)
        ]
    kind, chosen = _choose_kind(listing, inside)
    taken = set(inside)
    for path in listing.files:
        if path not in taken:
            listing.refused.append(Refused(listing.place(path), _stray(path, parts)))
    if not chosen:
        raise _no_classes(listing) if not inside else _no_media(listing, inside)
    raw = _to_table(listing, kind, chosen, "text" if kind == "text" else "file")
    kept = raw.columns.pop("_path").values
    labels = np.full(len(kept), None, dtype=object)
    # Macs write "é" as two characters; the same class may come from another machine.
    labels[:] = [
        None if _without_class(path, parts) else unicodedata.normalize("NFC", path.parts[depth])
        for path in kept
    ]
    raw.unlabelled = any(label is None for label in labels)
    raw.columns["label"] = RawColumn("label", labels)
    raw.target = "label"
    if parts:
        raw.split = np.array([parts.get(path.parts[0], "train") for path in kept], dtype=object)
        raw.split_why = "the folders " + ", ".join(sorted(parts))
        _check_split(listing, raw, parts)
    raw.notes += _layout_notes(listing, chosen, depth, labels)
    return raw


def _split_folders(listing: Listing) -> dict[str, str]:
    """Top folder -> part, if one of them is called train; else there is no given split."""
    tops = {path.parts[0] for path in listing.folders}
    parts = {top: SPLITS[top.lower()] for top in tops if top.lower() in SPLITS}
    return parts if "train" in parts.values() else {}


def _beside(path: PurePosixPath, parts: dict[str, str]) -> bool:
    """Whether a file lies in a folder for files without a class, beside the parts of a split."""
    return bool(parts) and len(path.parts) > 1 and path.parts[0].lower() in UNLABELLED


def _without_class(path: PurePosixPath, parts: dict[str, str]) -> bool:
    """Whether the folder's name says that a file has no class."""
    return _beside(path, parts) or path.parts[1 if parts else 0].lower() in UNLABELLED


def _stray(path: PurePosixPath, parts: dict[str, str]) -> str:
    if parts and path.parts[0] not in parts:
        return f"not in {', '.join(sorted(parts))}"
    return "not in a class folder"


def _check_split(listing: Listing, raw: RawTable, parts: dict[str, str]) -> None:
    assert raw.split is not None
    labels = raw.columns["label"].values
    known = set(labels[raw.split == "train"])
    for part in ("valid", "test"):
        new = sorted(set(labels[raw.split == part]) - known)
        if new:
            raw.notes.append(f"classes in {part} that train lacks: {', '.join(new[:6])}")
    if not known:
        train = next(top for top, part in parts.items() if part == "train")
        raise DataError(
            f"the folder '{train}' has no examples",
            where=listing.place(PurePosixPath(train)),
            fix="put one folder per class into it, with the examples inside",
        )


def _layout_notes(
    listing: Listing, chosen: Sequence[PurePosixPath], depth: int, labels: np.ndarray
) -> list[str]:
    notes = []
    if any(len(path.parts) > depth + 2 for path in chosen):
        notes.append("folders inside class folders: the class is the first level")
    classes = {
        unicodedata.normalize("NFC", path.parts[depth])
        for path in listing.folders
        if len(path.parts) == depth + 1
    }
    empty = sorted(classes - set(labels)) if not depth else []
    if empty:
        notes.append(f"class folders without examples: {', '.join(empty[:6])}")
    return notes


# --- files ------------------------------------------------------------------------------------


def _choose_kind(
    listing: Listing, paths: Iterable[PurePosixPath]
) -> tuple[str, list[PurePosixPath]]:
    """The kind that most files have, and its files; all others are refused by name."""
    kinds: dict[PurePosixPath, str | None] = {}
    for path in paths:
        try:
            kinds[path] = media_kind(listing.root / path)
        except DataError as error:
            listing.refused.append(Refused(listing.place(path), error.what))
    counts = Counter(kind for kind in kinds.values() if kind)
    kind = max(("image", "audio", "text"), key=lambda name: counts[name])
    chosen = []
    for path, found in kinds.items():
        if found == kind:
            chosen.append(path)
        elif found is None:
            why = f"unknown kind of file ({path.suffix or 'no extension'})"
            listing.refused.append(Refused(listing.place(path), why))
        else:
            article = "an" if found[0] in "aeiou" else "a"
            why = f"{article} {found} among {counts[kind]} files of kind {kind}"
            listing.refused.append(Refused(listing.place(path), why))
    return kind, chosen


def _to_table(listing: Listing, kind: str, paths: list[PurePosixPath], name: str) -> RawTable:
    """One row a readable file, sorted by path; the column `_path` keeps the path objects.

    Images and sounds stay file names, texts are read.
    """
    digest = hashlib.blake2b(digest_size=16)
    kept, values, encodings = [], [], Counter[str]()
    for path in paths:
        try:
            value, encoding = _one(listing.root / path, kind, str(path), digest)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            listing.refused.append(Refused(listing.place(path), why))
            continue
        kept.append(path)
        values.append(value)
        encodings[encoding] += 1
    column = np.full(len(kept), None, dtype=object)
    column[:] = values
    originals = np.full(len(kept), None, dtype=object)
    for row, path in enumerate(kept):
        originals[row] = path
    columns = {
        name: RawColumn(name, column, None if kind == "text" else listing.root),
        "_path": RawColumn("_path", originals),
    }
    notes = [
        f"encoding {encoding}: {count} texts"
        for encoding, count in encodings.most_common()
        if encoding not in ("", "utf-8")
    ]
    places = [listing.place(path) for path in kept]
    return RawTable(listing.name, columns, places, notes=notes, fingerprint=digest.hexdigest())


def _one(path: Path, kind: str, relative: str, digest: hashlib.blake2b) -> tuple[str, str]:
    """The value of one file and a text's encoding; raises OSError or ValueError with the reason."""
    size = path.stat().st_size
    if size == 0:
        raise ValueError("the file is empty")
    if kind == "text" and size > LARGEST_TEXT:
        raise ValueError(f"the text is too long: {size / 2**20:.0f} MB")
    with path.open("rb") as file:
        content = file.read() if kind == "text" else file.read(4096)
    # Names, sizes and first bytes: reading a whole folder of sounds twice would cost minutes.
    digest.update(f"{relative}\0{size}\0".encode(errors="surrogateescape") + content)
    if kind != "text":
        return relative, ""
    text, encoding = decode(content)
    if not text.strip():
        raise ValueError("the text is blank")
    return text, encoding


def _finish(raw: RawTable, listing: Listing) -> RawTable:
    raw.columns.pop("_path", None)
    raw.refused += sorted(listing.refused, key=lambda item: item.place)
    if listing.junk:
        raw.notes.append(f"hidden and system files skipped: {listing.junk}")
    return raw


# --- errors -----------------------------------------------------------------------------------

LAYOUT = "make one folder per class, such as flowers/rose/1.jpg and flowers/tulip/2.jpg"


def _nothing(listing: Listing) -> DataError:
    hidden = f" ({listing.junk} hidden or system files aside)" if listing.junk else ""
    refused = "".join(f"; refused: {item.place}: {item.why}" for item in listing.refused[:3])
    return DataError(
        f"the folder '{listing.name}' holds no files{hidden}",
        where=f"{listing.root}{refused}",
        fix="put a table there, or pictures, recordings or texts; to tell classes apart, " + LAYOUT,
    )


def _no_classes(listing: Listing) -> DataError:
    count = len(listing.files)
    return DataError(
        f"the folder '{listing.name}' has {count} files and no class folders, "
        "so nothing says what to learn",
        where=f"{listing.root} (first file: {listing.files[0]})",
        fix=f"{LAYOUT}; or add a table train.csv with the file names and the answers; without"
        " answers, --task map shows how they are alike and --task anomaly which are strange",
    )


def _no_media(listing: Listing, inside: Sequence[PurePosixPath]) -> DataError:
    endings = Counter(path.suffix.lower() or "no extension" for path in inside)
    shown = ", ".join(f"{count} {ending}" for ending, count in endings.most_common(5))
    return DataError(
        f"the folder '{listing.name}' has no images, sounds or texts, only: {shown}",
        where=f"{listing.root} (first file: {inside[0]})",
        fix="images: PNG JPEG BMP GIF TIFF WebP; sounds: WAV FLAC OGG MP3; texts: .txt",
    )
