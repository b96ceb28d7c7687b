"""Recordings of every format and rate, broken ones by name, and near-duplicates."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal

from pellucid.data import mel
from pellucid.data.columns import RawColumn
from pellucid.data.modalities import audio
from pellucid.data.modalities.audio import AudioModality, read_wave

AUDIO = AudioModality()


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))


def column(folder: Path, names: list[str | None]) -> RawColumn:
    values = np.empty(len(names), dtype=object)
    values[:] = names
    return RawColumn("sound", values, folder)


def tone(hertz: float = 440, seconds: float = 1.0, rate: int = 22_050) -> np.ndarray:
    return 0.4 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def pitch(wave: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return float(spectrum.argmax() * rate / len(wave))


KINDS = [
    *(("wav", kind) for kind in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
    ("wav", "ULAW"),
    ("flac", "PCM_16"),
    ("flac", "PCM_24"),
    ("ogg", "VORBIS"),
    ("mp3", "MPEG_LAYER_III"),
    ("aiff", "PCM_16"),
]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("ending", "kind"), KINDS)
def test_every_format_keeps_length_pitch_and_loudness(
    ending: str, kind: str, channels: int, tmp_path: Path
) -> None:
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, np.stack([tone()] * channels, axis=1), 22_050, subtype=kind)
    wave = read_wave(path, 16_000)
    assert wave.dtype == np.float32
    assert len(wave) == pytest.approx(16_000, abs=1)
    assert pitch(wave, 16_000) == pytest.approx(440, abs=1)
    assert np.sqrt(np.mean(wave[2000:-2000] ** 2)) == pytest.approx(0.4 / np.sqrt(2), rel=0.02)


@pytest.mark.parametrize("rate", [8_000, 11_025, 32_000, 44_100, 48_000, 96_000])
def test_resampling_agrees_with_scipy(rate: int, tmp_path: Path) -> None:
    wave = tone(1000, 0.5, rate) + tone(300, 0.5, rate)
    soundfile.write(tmp_path / "a.wav", wave, rate, subtype="FLOAT")
    ours = read_wave(tmp_path / "a.wav", 16_000)
    common = np.gcd(rate, 16_000)
    theirs = signal.resample_poly(wave, 16_000 // common, rate // common)
    middle = slice(1000, 7000)
    np.testing.assert_allclose(ours[middle], theirs[middle], atol=2e-3)


def test_blocks_fit_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "a.wav", tone(440, 1.0, 44_100), 44_100)
    whole = read_wave(tmp_path / "a.wav", 16_000)
    for size in (1000, 4410, 44_100):
        monkeypatch.setattr(audio, "BLOCK", size)
        np.testing.assert_allclose(read_wave(tmp_path / "a.wav", 16_000), whole, atol=1e-6)


def test_channels_are_averaged(tmp_path: Path) -> None:
    stereo = np.stack([tone(440, 1, 16_000), tone(1000, 1, 16_000)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, 16_000, subtype="FLOAT")
    np.testing.assert_allclose(
        read_wave(tmp_path / "a.wav", 16_000), stereo.mean(axis=1), atol=1e-6
    )


def test_layout_padding_and_pictures(tmp_path: Path) -> None:
    for number, seconds in enumerate((1.0, 1.5, 2.0)):
        soundfile.write(tmp_path / f"{number}.wav", tone(440, seconds, 16_000), 16_000)
    loaded = AUDIO.load(column(tmp_path, ["0.wav", "1.wav", "2.wav"]))
    layout = loaded.layout
    assert (layout["rate"], layout["hop"], layout["bands"]) == (16_000, 160, 64)
    assert layout["seconds"] == pytest.approx(1.95, abs=0.01)
    pictures = loaded.values.mel
    assert pictures.shape == (3, layout["frames"], 64, 1)
    assert pictures.dtype == np.float16
    frames = (~np.isnan(pictures[:, :, 0, 0].astype(np.float32))).sum(axis=1)
    assert frames.tolist() == [100, 150, layout["frames"]]
    assert "longer ones keep their loudest part" in layout["why"]


def test_the_loudest_part_of_a_long_recording_is_kept(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(30):
        soundfile.write(tmp_path / f"{number}.wav", 0.1 * rng.normal(size=8000), 16_000)
    long = 0.001 * rng.normal(size=80_000)
    long[50_000:54_000] += tone(1000, 0.25, 16_000)
    soundfile.write(tmp_path / "long.wav", long, 16_000)
    names = ["long.wav", *(f"{number}.wav" for number in range(30))]
    loaded = AUDIO.load(column(tmp_path, list(names)))
    assert loaded.layout["seconds"] == 0.5
    assert loaded.layout["hop"] == 80  # 5 ms for clips shorter than a second
    wave = AUDIO.draw(loaded, 0).data["wave"]
    assert len(wave) == 8000
    assert pitch(wave, 16_000) == pytest.approx(1000, abs=3)
    assert np.mean(wave**2) == pytest.approx(0.5 * 0.4**2 / 2, rel=0.01)


def test_low_rates_stay_low(tmp_path: Path) -> None:
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", tone(440, 1, 8000), 8000)
    layout = AUDIO.load(column(tmp_path, ["0.wav", "1.wav", "2.wav"])).layout
    assert layout["rate"] == 8000


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        soundfile.write(tmp_path / f"{number}.wav", tone(440, 2, 16_000), 16_000)
    monkeypatch.setattr(audio, "LARGEST", 3 * 60 * 64 * 2)
    loaded = AUDIO.load(column(tmp_path, ["0.wav", "1.wav", "2.wav"]))
    assert loaded.values.mel.nbytes <= 3 * 61 * 64 * 2
    assert loaded.layout["hop"] == 320


def test_broken_files_are_problems_by_name(tmp_path: Path) -> None:
    def write(name: str, wave: np.ndarray, rate: int = 16_000, kind: str = "FLOAT") -> None:
        soundfile.write(tmp_path / name, wave, rate, subtype=kind)

    write("good.wav", tone())
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("hello, I am no sound")
    (tmp_path / "phone.m4a").write_bytes(b"\0\0\0\x20ftypM4A \0\0\0\0")
    write("nothing.wav", np.zeros(0))
    write("silent.wav", np.zeros(4000))
    write("nan.wav", np.where(np.arange(4000) == 7, np.nan, 0.1))
    write("infinite.wav", np.where(np.arange(4000) == 7, np.inf, 0.1))
    write("slow.wav", tone(), 12, "PCM_16")
    write("long.wav", np.zeros(2000 * 1000, dtype=np.float32), 1000, "PCM_U8")
    names = "good empty text missing nothing silent nan infinite slow long".split()  # noqa: SIM905
    loaded = AUDIO.load(column(tmp_path, [*(f"{name}.wav" for name in names), "phone.m4a", None]))
    assert loaded.problems == {
        1: "0 bytes",
        2: "not a recording (begins with 'hello, I')",
        3: "no such file: missing.wav",
        4: "no samples",
        5: "silent: every sample is zero",
        6: "some samples are not a number or infinite",
        7: "some samples are not a number or infinite",
        8: "a rate of 12 samples a second can't be right",
        9: "too long: 33 minutes; at most 30",
        10: ".m4a is not supported: save it as WAV, FLAC, OGG or MP3",
        11: "no file name",
    }


def test_silence_is_kept_where_a_class_means_it(tmp_path: Path) -> None:
    names = [f"{number}.wav" for number in range(8)]
    for number, name in enumerate(names):
        wave = np.zeros(8000) if number in (1, 5, 6, 7) else tone(300 + 50 * number, 0.5, 16_000)
        soundfile.write(tmp_path / name, wave, 16_000)
    loaded = AUDIO.load(column(tmp_path, names))
    assert sorted(loaded.problems) == [1, 5, 6, 7]
    answers = np.array(["tone"] * 4 + ["silence"] * 4, dtype=object)
    kept = AUDIO.on_purpose(loaded, answers)
    assert list(kept.problems) == [1]  # a tone that was not recorded is none
    assert "3 silent ones kept: 'silence' means that" in kept.layout["why"]
    nothing = np.log(mel.FLOOR)
    np.testing.assert_allclose(kept.values.mel[[5, 6, 7]].astype(float), nothing, rtol=1e-3)
    # A model that learned it is asked about silence too; any other is not.
    asked = AUDIO.load(column(tmp_path, ["1.wav", "2.wav"]), kept.layout)
    assert asked.problems == {}
    np.testing.assert_allclose(asked.values.mel[0].astype(float), nothing, rtol=1e-3)
    assert list(AUDIO.load(column(tmp_path, ["1.wav"]), loaded.layout).problems) == [0]


def test_silence_among_others_stays_a_problem(tmp_path: Path) -> None:
    names = [f"{number}.wav" for number in range(6)]
    for number, name in enumerate(names):
        soundfile.write(tmp_path / name, tone(300 + number) * (number != 4), 22_050)
    loaded = AUDIO.load(column(tmp_path, names))
    kept = AUDIO.on_purpose(loaded, np.array(["a", "a", "a", "b", "b", "b"], dtype=object))
    assert kept.problems == {4: "silent: every sample is zero"}
    assert "silence" not in kept.layout


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_truncated_files_are_found_wherever_they_break_off(ending: str, tmp_path: Path) -> None:
    noise = 0.1 * np.random.default_rng(0).normal(size=44_100)
    soundfile.write(tmp_path / f"whole.{ending}", noise, 44_100)
    whole = (tmp_path / f"whole.{ending}").read_bytes()
    names = []
    for part in (0.1, 0.3, 0.5, 0.8, 0.9):
        names.append(f"{part}.{ending}")
        (tmp_path / names[-1]).write_bytes(whole[: int(part * len(whole))])
    loaded = AUDIO.load(column(tmp_path, [f"whole.{ending}", *names]))
    assert sorted(loaded.problems) == [1, 2, 3, 4, 5]
    assert all(why.startswith("truncated") for why in loaded.problems.values())
    if ending == "wav":
        assert loaded.problems[3] == f"truncated: {len(whole) // 2:,} of {len(whole):,} bytes"


def test_a_wav_that_was_streamed_is_whole(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), 22_050)
    data = bytearray((tmp_path / "a.wav").read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = struct.pack("<I", 0xFFFFFFFF)
    (tmp_path / "a.wav").write_bytes(data)
    assert len(read_wave(tmp_path / "a.wav", 16_000)) == 16_000


def test_damaged_bytes_never_escape(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names: list[str | None] = []
    for ending in ("wav", "flac", "ogg"):
        soundfile.write(tmp_path / f"good.{ending}", tone(seconds=0.3), 22_050)
        good = (tmp_path / f"good.{ending}").read_bytes()
        for number in range(40):
            data = bytearray(good)
            for place in rng.integers(0, min(len(data), 100), 2):
                data[place] = rng.integers(0, 256)
            names.append(f"{number}.{ending}")
            (tmp_path / f"{number}.{ending}").write_bytes(data)
    loaded = AUDIO.load(column(tmp_path, names))
    assert 0 < len(loaded.problems) < len(names)
    usable = [row for row in range(len(names)) if row not in loaded.problems]
    there = loaded.values.mel[usable].astype(np.float32)
    assert np.isfinite(there[:, 0]).all()
    assert not np.isinf(there).any()


def test_fit_sees_training_rows_and_encode_keeps_padding(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = [f"{number}.wav" for number in range(12)]
    for number, name in enumerate(names):
        soundfile.write(tmp_path / name, 0.1 * rng.normal(size=8000 + 500 * number), 16_000)
    loaded = AUDIO.load(column(tmp_path, list(names)))
    train = np.arange(6)
    fitted = AUDIO.fit(loaded.take(train))
    encoded = AUDIO.encode(loaded, fitted)
    assert encoded.dtype == np.float32
    assert encoded.shape == loaded.values.mel.shape
    np.testing.assert_array_equal(np.isnan(encoded), np.isnan(loaded.values.mel))
    np.testing.assert_allclose(np.nanmean(encoded[train], axis=(0, 1, 3)), 0, atol=1e-3)
    np.testing.assert_allclose(np.nanstd(encoded[train], axis=(0, 1, 3)), 1, atol=1e-3)
    entry = AUDIO.entry("s", fitted)
    assert (entry.way, entry.size, entry.group) == ("project", 1, "s")
    assert entry.positions == encoded.shape[1:3]


def test_a_second_load_decodes_nothing_and_drawing_survives_lost_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number}.wav" for number in range(40)]
    for number, name in enumerate(names):
        soundfile.write(tmp_path / name, tone(300 + 10 * number, 0.2, 16_000), 16_000)
    first = AUDIO.load(column(tmp_path, list(names)))
    monkeypatch.setattr(audio, "_picture", lambda *_: pytest.fail("decoded again"))
    second = AUDIO.load(column(tmp_path, list(names)))
    np.testing.assert_array_equal(first.values.mel, second.values.mel)
    assert second.layout == first.layout
    (tmp_path / "0.wav").unlink()
    drawing = AUDIO.draw(second, 0)
    assert drawing.data["wave"] is None
    assert drawing.data["picture"].shape == (40, 64)


def test_near_duplicates_share_a_key_and_others_do_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names, copies = [], []
    for number in range(30):
        # Bursts of filtered noise: each its own pitch, rhythm and decay.
        time = np.arange(16_000) / 16_000
        wave = np.zeros(16_000)
        for _ in range(4):
            start, hertz = rng.uniform(0, 0.8), rng.uniform(200, 5000)
            decay = np.exp(-(time - start) * rng.uniform(5, 20)) * (time > start)
            wave += rng.uniform(0.05, 0.2) * decay * np.sin(2 * np.pi * hertz * time)
        names.append(f"{number}.wav")
        soundfile.write(tmp_path / names[-1], wave + 1e-3 * rng.normal(size=16_000), 16_000)
        copies.append(f"copy{number}.{('flac', 'ogg', 'mp3')[number % 3]}")
        sound, _ = soundfile.read(tmp_path / names[-1])
        soundfile.write(tmp_path / copies[-1], sound, 16_000)
    soundfile.write(tmp_path / "short.wav", tone(seconds=0.01), 22_050)
    keys = AUDIO.keys(AUDIO.load(column(tmp_path, [*names, *copies, "short.wav"])))
    assert len(set(keys[:30])) == 30
    assert sum(a == b for a, b in zip(keys[:30], keys[30:60])) >= 28
    assert keys[60] is None


def test_recognizes_names_of_recordings(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), 22_050)
    found = AUDIO.recognize(column(tmp_path, ["a.wav"]))
    assert found is not None
    assert found.sure > 0.95
    assert AUDIO.recognize(column(tmp_path, ["a.png"])) is None
