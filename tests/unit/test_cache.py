"""Every file is decoded once; the result is found again while the content is the same."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pellucid.data import cache
from pellucid.data.cache import Unusable, decode_all, fingerprint, parallel, readable, remember


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "decoded"


def counting(seen: list[int]) -> Callable[[int], np.ndarray]:
    def decode(item: int) -> np.ndarray:
        seen.append(item)
        if item % 10 == 3:
            raise Unusable(f"item {item} is broken")
        return np.full((2, 3), item, dtype=np.uint8)

    return decode


def decoded(seen: list[int], key: str = "k", count: int = 40) -> cache.Decoded:
    return decode_all(range(count), counting(seen), key=key, shape=(2, 3), dtype=np.uint8)


def test_items_are_decoded_once_in_order_with_problems_by_row() -> None:
    seen: list[int] = []
    result = decoded(seen)
    assert sorted(seen) == list(range(40))
    assert result.values.shape == (40, 2, 3)
    assert [int(row[0, 0]) for row in result.values] == [0 if n % 10 == 3 else n for n in range(40)]
    assert result.problems == {n: f"item {n} is broken" for n in (3, 13, 23, 33)}


def test_a_second_run_decodes_nothing_and_gives_the_same() -> None:
    first = decoded([])
    seen: list[int] = []
    second = decoded(seen)
    assert seen == []
    np.testing.assert_array_equal(first.values, second.values)
    assert second.problems == first.problems


@pytest.mark.parametrize("change", ["key", "shape", "dtype", "count"])
def test_anything_that_changes_the_result_decodes_anew(change: str) -> None:
    decoded([])
    seen: list[int] = []
    count = 41 if change == "count" else 40
    shape = (3, 2) if change == "shape" else (2, 3)
    decode_all(
        range(count),
        lambda n: (seen.append(n), np.zeros(shape))[1],
        key="other" if change == "key" else "k",
        shape=shape,
        dtype=np.float32 if change == "dtype" else np.uint8,
    )
    assert len(seen) == count


def test_few_items_leave_nothing_behind(folder: Path) -> None:
    result = decoded([], count=cache.FEW - 1)
    assert result.values.shape[0] == cache.FEW - 1
    assert list(folder.glob("*")) == []


def test_large_arrays_are_mapped_and_small_ones_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not isinstance(decoded([]).values, np.memmap)
    monkeypatch.setattr(cache, "IN_MEMORY", 100)
    mapped = decoded([]).values
    assert isinstance(mapped, np.memmap)
    mapped[0] = 77  # writable, so that tensors can share it, yet the file stays as it is
    assert decoded([]).values[0, 0, 0] == 0


def test_no_draft_stays_behind_and_a_failure_leaves_no_entry(folder: Path) -> None:
    def fails(item: int) -> np.ndarray:
        raise RuntimeError("a bug, not a broken file")

    with pytest.raises(RuntimeError):
        decode_all(range(40), fails, key="k", shape=(2,), dtype=np.uint8)
    assert list(folder.glob("*")) == []
    decoded([])
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".npy"]


def test_a_damaged_entry_is_decoded_again(folder: Path) -> None:
    decoded([])
    next(folder.glob("*.npy")).write_bytes(b"nonsense")
    seen: list[int] = []
    assert decoded(seen).values[5, 0, 0] == 5
    assert len(seen) == 40


def test_the_entries_unused_for_longest_go_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age, key in ((300, "old"), (200, "middle"), (100, "new")):
        decoded([], key)
        for path in folder.iterdir():
            if time.time() - path.stat().st_mtime < 50:
                os.utime(path, (time.time() - age,) * 2)
    seen: list[int] = []
    decoded(seen, "old")  # used now: no longer the oldest
    size = sum(path.stat().st_size for path in folder.iterdir())
    monkeypatch.setattr(cache, "LIMIT", size)
    decoded([], "one more")
    decoded(seen, "old")
    decoded(seen, "new")
    assert seen == []
    decoded(seen, "middle")
    assert len(seen) == 40


def test_abandoned_drafts_are_swept(folder: Path) -> None:
    decoded([])
    (folder / "x.part").write_bytes(b"0")
    (folder / "y.part").write_bytes(b"0")
    os.utime(folder / "x.part", (0, 0))
    decoded([], "again")
    assert not (folder / "x.part").exists()
    assert (folder / "y.part").exists()  # perhaps somebody is still writing it


def test_without_room_or_a_folder_everything_works(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cache, "LIMIT", 10)
    assert decoded([]).values[7, 0, 0] == 7
    assert list(folder.glob("*.npy")) == []
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "file"))
    assert decoded([]).problems[3] == "item 3 is broken"
    assert remember("facts", lambda: {"a": 1}) == {"a": 1}


def test_two_processes_at_once_agree(tmp_path: Path) -> None:
    program = """
import numpy as np, zlib
from pellucid.data.cache import decode_all
for key in range(5):
    kept = decode_all(range(200), lambda n: np.full((8, 8), n % 251, np.uint8),
                      key=str(key), shape=(8, 8), dtype=np.uint8)
    print(zlib.crc32(kept.values.tobytes()))
"""
    runs = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = {run.communicate(timeout=60)[0] for run in runs}
    assert all(run.returncode == 0 for run in runs)
    assert len(answers) == 1


def test_progress_reaches_the_end_in_order() -> None:
    calls: list[tuple[int, int]] = []
    parallel(range(1000), lambda n: n, lambda done, total: calls.append((done, total)))
    assert calls[-1] == (1000, 1000)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)


def test_facts_are_remembered() -> None:
    assert remember("facts", lambda: [1, "two"]) == [1, "two"]
    assert remember("facts", lambda: pytest.fail("made again")) == [1, "two"]


def test_the_fingerprint_follows_the_content_not_the_name(tmp_path: Path) -> None:
    a, b, c = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    a.write_bytes(b"one")
    b.write_bytes(b"two")
    c.write_bytes(b"one")
    assert fingerprint([a, b]) == fingerprint([c, b])
    assert fingerprint([a, b]) != fingerprint([b, a])
    before = fingerprint([a])
    a.write_bytes(b"One")
    assert fingerprint([a]) != before
    assert fingerprint([tmp_path / "missing"]) != fingerprint([None])


def test_what_can_not_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for path, why in (
        (None, "no file name"),
        (tmp_path / "missing", "no such file: missing"),
        (tmp_path, "a folder, not a file"),
        (tmp_path / "empty", "0 bytes"),
        (tmp_path / ("x" * 300), "can't be read: File name too long"),
        (tmp_path / "a\0b", "can't be read: embedded null byte"),
    ):
        with pytest.raises(Unusable) as caught:
            readable(path)
        assert str(caught.value) == why
