"""What a file really is, from its first bytes, whatever its name says."""

from __future__ import annotations

from pathlib import Path

from pellucid.errors import DataError

IMAGE = frozenset((".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".gif", ".tif", ".tiff", ".webp"))
AUDIO = frozenset((".wav", ".flac", ".ogg", ".oga", ".mp3"))
TEXT = frozenset((".txt",))
DELIMITED = frozenset((".csv", ".tsv", ".tab", ".csv.gz", ".tsv.gz", ".txt.gz"))
DECLARED = frozenset((".parquet", ".pq", ".feather", ".arrow"))
JSON = frozenset((".jsonl", ".ndjson", ".json"))
EXCEL = frozenset((".xlsx", ".xlsm"))
TABLE = DELIMITED | DECLARED | JSON | EXCEL

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"fLaC", "a FLAC recording"),
    (b"OggS", "an OGG recording"),
    (b"ID3", "an MP3 recording"),
    (b"PAR1", "a Parquet table"),
    (b"ARROW1", "an Arrow table"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x89HDF", "an HDF5 file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (b"\x7fELF", "a program"),
    (b"version https://git-lfs", "a Git LFS pointer"),
)


def suffix(path: Path) -> str:
    """The extension in lower case, with ".gz" and what stands before it: ".csv.gz"."""
    last = path.suffix.lower()
    if last == ".gz":
        return Path(path.stem).suffix.lower() + last
    return last


def media_kind(path: Path) -> str | None:
    """ "image", "audio" or "text" by the extension, or by the content where there is none."""
    ending = path.suffix.lower()
    for kind, endings in (("image", IMAGE), ("audio", AUDIO), ("text", TEXT)):
        if ending in endings:
            return kind
    if ending and not ending[1:].isdigit():
        return None
    content = magic(first_bytes(path))
    if content.endswith("image"):
        return "image"
    if content.endswith("recording"):
        return "audio"
    return "text" if not content else None


def magic(start: bytes) -> str:
    """What these first bytes belong to ("a PNG image"); "" if they may be text."""
    for mark, kind in _MAGIC:
        if start.startswith(mark):
            return kind
    if start.startswith(b"BM") and start[6:10] == b"\0\0\0\0":
        return "a BMP image"
    if start.startswith(b"RIFF"):
        return {b"WEBP": "a WebP image", b"WAVE": "a WAV recording"}.get(start[8:12], "a RIFF file")
    if start[:2] in (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"):
        return "an MP3 recording"
    if start[257:262] == b"ustar":
        return "a tar archive"
    if start[:1] == b"\x80" and start[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return "a Python pickle"
    head = start[:200].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return ""


def first_bytes(path: Path, count: int = 4096) -> bytes:
    """The start of a file.

    Raises:
        DataError: It can't be opened or read.
    """
    try:
        with path.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> DataError:
    """The error for a file that the system does not let us read."""
    return DataError(
        f"'{path.name}' can't be read: {error.strerror or error}",
        where=str(path),
        fix="check that the file is there and that you may read it (ls -l)",
    )


def not_this(path: Path, expected: str, found: str) -> DataError:
    """The error for a file whose content is not what its name says."""
    return DataError(
        f"'{path.name}' is not {expected}: it is {found}",
        where=str(path),
        fix="rename it with the extension it should have, or save it again in the format meant",
    )
