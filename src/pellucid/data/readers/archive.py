"""Zip archives: checked as a whole, then unpacked once into the cache, never elsewhere."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from pellucid.config import cache_folder
from pellucid.data.files import set_apart
from pellucid.data.readers.sniff import first_bytes, magic, not_this, unreadable
from pellucid.errors import DataError

LARGEST_RATIO = 200
"""Unpacked bytes per packed byte; real data reaches 20, bombs reach thousands."""

RATIO_FROM = 64 << 20
"""Unpacked bytes below which the ratio does not matter."""

MOST_MEMBERS = 2_000_000


def unpack(path: Path) -> tuple[Path, str]:
    """The folder into which the archive has been unpacked, and the hash of the archive.

    The folder lies in the cache under that hash, so that the same archive is unpacked once.

    Raises:
        DataError: The archive is broken, locked, too large, or has a member that would leave it.
    """
    found = magic(first_bytes(path))
    if found not in ("a zip archive", "an empty zip archive"):
        raise not_this(path, "a zip archive", found or "something else")
    try:
        with path.open("rb") as file:
            key = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
        base = cache_folder() / "unpacked"
        base.mkdir(exist_ok=True)
        folder = base / key / (path.stem or "archive")
        if not folder.exists():
            _unpack(path, base, folder)
        set_apart(base)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DataError(
            f"'{path.name}' is a broken zip archive: {error}",
            where=str(path),
            fix="it may be cut off: copy, download or zip it again",
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error
    return folder, key


def _unpack(path: Path, base: Path, folder: Path) -> None:
    """Unpack beside the final place and rename: a folder that is there is complete."""
    with zipfile.ZipFile(path) as archive:
        members = _checked(path, archive)
        _check_size(path, members, base)
        with tempfile.TemporaryDirectory(dir=base) as temporary:
            for member, name in members:
                _extract(path, archive, member, Path(temporary) / "files" / name)
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                (Path(temporary) / "files").rename(folder)
            except OSError:
                if not folder.exists():  # else another process was faster
                    raise


def _checked(path: Path, archive: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The files in the archive and their safe names; one unsafe member refuses the archive."""
    members: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = PurePosixPath(member.filename.replace("\\", "/"))
        why = _unsafe(member, name)
        if not why and not member.is_dir() and name in members:
            why = "stands in the archive twice"
        if why:
            raise DataError(
                f"'{path.name}' has a member that {why}: '{member.filename}'",
                where=str(path),
                fix="unpack it yourself where it can do no harm, look at it, "
                "and give the folder instead",
            )
        if not member.is_dir():
            members[name] = member
    if not members:
        raise DataError(
            f"'{path.name}' holds no files",
            where=str(path),
            fix="zip the folder with the data in it",
        )
    return [(member, name) for name, member in members.items()]


def _unsafe(member: zipfile.ZipInfo, name: PurePosixPath) -> str:
    """Why a member must not be unpacked; "" if it may."""
    if name.is_absolute() or PureWindowsPath(str(name)).drive or ".." in name.parts:
        return "would leave the folder"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link"
    if member.flag_bits & 0x1:
        return "is locked with a password"
    if "\0" in member.filename or (not name.parts and not member.is_dir()):
        return "has no usable name"
    return ""


def _check_size(
    path: Path, members: list[tuple[zipfile.ZipInfo, PurePosixPath]], base: Path
) -> None:
    total = sum(member.file_size for member, _ in members)
    packed = max(1, path.stat().st_size)
    free = shutil.disk_usage(base).free
    if len(members) > MOST_MEMBERS or (total > RATIO_FROM and total > LARGEST_RATIO * packed):
        raise DataError(
            f"'{path.name}' unpacks to {total / packed:.0f} times its size "
            f"({total / 2**20:.0f} MB in {len(members)} files): it looks like a zip bomb",
            where=str(path),
            fix="if you trust it, unpack it yourself and give the folder",
        )
    if total > 0.8 * free:
        raise DataError(
            f"'{path.name}' needs {total / 2**30:.1f} GB unpacked, {free / 2**30:.1f} GB are free",
            where=str(base),
            fix="free space, or set PELLUCID_CACHE to a folder on a larger disk",
        )


def _extract(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, place: Path) -> None:
    """Copy one member, and no more bytes than the archive declared."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(member) as source, place.open("xb") as target:
        left = member.file_size
        while block := source.read(1 << 20):
            left -= len(block)
            if left < 0:
                raise zipfile.BadZipFile(f"'{member.filename}' is longer than declared")
            target.write(block)
    os.chmod(place, 0o600)
