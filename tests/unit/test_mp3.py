"""MP3 files that do not say how long they are are read whole; libsndfile would stop early."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pellucid.data.columns import RawColumn
from pellucid.data.modalities.audio import AudioModality, read_wave
from pellucid.data.mp3 import count_frames, frame_at, start_of, with_its_length

SECONDS = 6.0


def variable(path: Path, rate: int = 44_100, channels: int = 1) -> bytes:
    """A file of quiet, then loud parts, with its length in front; its bytes."""
    rng = np.random.default_rng(0)
    quiet = 1e-3 * np.sin(np.arange(round(4 * rate)) / 30)
    wave = np.concatenate([quiet, 0.3 * rng.normal(size=round(2 * rate))])
    wave = np.stack([wave] * channels, 1)
    with soundfile.SoundFile(
        path, "w", rate, channels, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5
    ) as file:
        file.write(wave)
    return path.read_bytes()


def bare(whole: bytes) -> bytes:
    """The same without the frame that says how long it is."""
    first = frame_at(whole, 0)
    assert first is not None
    assert whole[4 + first.side :].startswith((b"Xing", b"Info"))
    return whole[first.size :]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [44_100, 48_000, 22_050, 16_000, 8_000])
def test_frames_are_counted_at_every_rate(rate: int, channels: int, tmp_path: Path) -> None:
    whole = variable(tmp_path / "a.mp3", rate, channels)
    first = frame_at(whole, 0)
    assert first is not None
    assert first.rate == rate
    assert with_its_length(whole) is None
    frames = count_frames(bare(whole), 0)
    # An encoder adds a silent start and fills the last frame up.
    assert SECONDS <= frames * first.samples / rate < SECONDS + 4 * first.samples / rate


def test_a_file_that_hides_its_length_is_read_whole(tmp_path: Path) -> None:
    whole = variable(tmp_path / "whole.mp3")
    (tmp_path / "bare.mp3").write_bytes(bare(whole))
    assert soundfile.info(tmp_path / "bare.mp3").duration < 0.5 * SECONDS  # the trouble itself
    found = read_wave(tmp_path / "bare.mp3", 44_100)
    true, _ = soundfile.read(tmp_path / "whole.mp3", dtype="float32")
    assert len(found) == pytest.approx(len(true), abs=3 * 1152)
    shift = len(found) - len(true)
    lags = [lag for lag in range(-1152, 2 * 1152, 1) if 0 <= lag <= shift + 1152]
    loud = true[5 * 44_100 : 5 * 44_100 + 2000]
    error = [np.abs(found[5 * 44_100 + lag :][:2000] - loud).max() for lag in lags]
    assert min(error) < 1e-6  # the very same samples, later by the encoder's silent start


def test_tags_and_damage_do_not_count(tmp_path: Path) -> None:
    frames = bare(variable(tmp_path / "a.mp3"))
    tag = b"ID3\x04\0\0" + bytes((0, 0, 2, 0)) + b"\xff\xfb" * 128  # tags may hold anything
    assert start_of(tag + frames) == len(tag)
    tagged = tag + frames + b"TAG" + b"\xff" * 125
    expected = count_frames(frames, 0)
    assert count_frames(tagged, start_of(tagged)) == expected
    second = frame_at(frames, 0)
    assert second is not None
    damaged = bytes(second.size) + frames[second.size :]
    assert count_frames(damaged, 0) == expected - 1
    assert count_frames(frames[:-5], 0) == expected - 1


def test_what_is_no_mp3_is_left_alone() -> None:
    for data in (b"", b"ID3", b"RIFF....WAVEfmt ", bytes(1000), b"\xff" * 1000):
        assert with_its_length(data) is None


def test_pictures_are_as_long_as_the_recordings(tmp_path: Path) -> None:
    names = []
    for number in range(3):
        names.append(f"{number}.mp3")
        whole = variable(tmp_path / "whole.mp3")
        (tmp_path / names[-1]).write_bytes(bare(whole) if number else whole)
    values = np.array(names, dtype=object)
    loaded = AudioModality().load(RawColumn("sound", values, tmp_path))
    assert loaded.problems == {}
    assert loaded.layout["seconds"] == pytest.approx(SECONDS, abs=0.1)
