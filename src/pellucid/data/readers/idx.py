"""The IDX files in which MNIST and Fashion-MNIST come."""

from __future__ import annotations

import gzip
import hashlib
import math
import re
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pellucid.data.columns import RawColumn, RawTable
from pellucid.data.readers.join import join
from pellucid.data.readers.places import Numbered
from pellucid.data.readers.sniff import unreadable
from pellucid.errors import DataError

_NAME = re.compile(r"^(train|t10k|test|valid)-(images|labels)[-.]idx([13])-ubyte(\.gz)?$")
_PARTS = {"train": "train", "valid": "valid", "test": "test", "t10k": "test"}


def is_idx(names: Iterable[str]) -> bool:
    """Whether these are the names of an MNIST-like data set."""
    return any(match and match[1] == "train" for match in map(_NAME.match, names))


def read_idx(folder: Path, names: Iterable[str]) -> RawTable:
    """Read `train-images-idx3-ubyte.gz` and its companions.

    Raises:
        DataError: A companion is missing, or a file is broken.
    """
    files: dict[str, dict[str, Path]] = {}
    for name in names:
        if match := _NAME.match(name):
            files.setdefault(_PARTS[match[1]], {})[match[2]] = folder / name
    parts = [part for part in ("train", "valid", "test") if part in files]
    tables = [_part(folder, part, files[part]) for part in parts]
    if len(tables) == 1:
        return tables[0]
    return join(tables, parts, folder.name, why="the files are named so")


def _part(folder: Path, part: str, files: dict[str, Path]) -> RawTable:
    for needed in ("images", "labels"):
        if needed not in files:
            other = next(iter(files.values()))
            raise DataError(
                f"'{other.name}' has no companion with the {needed}",
                where=str(folder),
                fix=f"put the file with the {needed} beside it",
            )
    images, images_hash = _read(files["images"])
    labels, labels_hash = _read(files["labels"])
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise DataError(
            f"{images.shape} images and {labels.shape} labels do not fit together",
            where=f"{files['images']}, {files['labels']}",
            fix="copy or download both files again",
        )
    names = np.array([str(number) for number in range(256)], dtype=object)
    columns = {
        "image": RawColumn("image", images),
        "label": RawColumn("label", names[labels]),
    }
    return RawTable(
        folder.name,
        columns,
        Numbered(f"{folder.name} {part} image ", range(len(images))),
        target="label",
        fingerprint=images_hash + labels_hash,
    )


def _read(path: Path) -> tuple[np.ndarray, str]:
    """uint8 array and a hash of the bytes."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _broken(path, str(error)) from error
    except OSError as error:
        raise unreadable(path, error) from error
    if len(content) < 8 or content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * content[3]:
        raise _broken(path, "it does not start like an IDX file of bytes")
    axes = content[3]
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", axes, 4))
    start = 4 + 4 * axes
    if len(content) - start != math.prod(shape):
        why = f"it should hold {math.prod(shape)} values and holds {len(content) - start}"
        raise _broken(path, why)
    digest = hashlib.blake2b(content, digest_size=8).hexdigest()
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape), digest


def _broken(path: Path, why: str) -> DataError:
    return DataError(
        f"'{path.name}' is broken: {why}",
        where=str(path),
        fix="it may be cut off: copy or download it again",
    )
