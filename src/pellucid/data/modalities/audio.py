"""Recordings: files of any rate become log-mel pictures `(frames, bands)` of one length.

A recording is mixed to one channel, resampled, cut to its loudest part where it is longer than
most, and turned into a picture; frames after its end are NaN. The layout says all of this.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pellucid.data import mel
from pellucid.data.cache import Unusable, decode_all, fingerprint, parallel, readable, remember
from pellucid.data.columns import (
    Drawing,
    Entry,
    Loaded,
    Modality,
    Progress,
    RawColumn,
    Reading,
    modality,
    silent,
)
from pellucid.data.files import locate, recognize_files
from pellucid.data.mp3 import with_its_length
from pellucid.data.near import shared_keys
from pellucid.errors import require

ENDINGS = frozenset(
    f".{ending}"
    for ending in (
        *("wav", "wave", "flac", "ogg", "oga", "opus", "mp3", "aif", "aiff"),
        *("m4a", "aac", "wma"),  # not decoded, but then the problem has a name
    )
)

HIGHEST_RATE = 16_000
"""Samples a second that are kept: pitch up to 8,000 Hz."""

RATES = (1_000, 768_000)
"""Rates of files that are believed."""

LONGEST_CLIP = 10.0
"""Seconds that a picture shows at most."""

LONGEST_FILE = 1800.0
"""Seconds of a file that is read at all."""

LARGEST = 1_500_000_000
"""Bytes that all pictures of a column may take."""

BLOCK = 2**18
"""Samples read at once."""

CHUNK = 1024
"""Recordings handled at once where whole columns are computed with."""

SAME = 0.08
"""Difference, as a share of the contrast, up to which two recordings count as one."""

FLAT = 0.25
"""Contrast (of log power) below which a picture shows too little to be compared."""

AUDIBLE = 9.0
"""Log power below the loudest part (39 dB) that comparisons look at."""

SILENT = "silent: every sample is zero"
"""Usually a recording that failed; a class that is mostly silent is meant to be."""

UNKNOWN = 2**60
"""Samples that libsndfile reports for a file that does not say how long it is."""

Header = tuple[int, int, float]
"""Rate, channels, seconds."""


@dataclass(frozen=True)
class Clips:
    """Recordings as pictures, and where to hear them.

    mel: float16 `(rows, frames, bands, 1)`, log power, NaN after the end.
    files: object `(rows,)` of Path or None.
    """

    mel: np.ndarray
    files: np.ndarray

    def __len__(self) -> int:
        return len(self.mel)

    def __getitem__(self, rows: Any) -> Clips:
        return Clips(self.mel[rows], self.files[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The pictures alone, for whoever computes with them."""
        return self.mel if dtype is None else self.mel.astype(dtype)


@modality
class AudioModality(Modality):
    name = "audio"

    def recognize(self, raw: RawColumn) -> Reading | None:
        return recognize_files(raw, ENDINGS, "recordings")

    def load(
        self, raw: RawColumn, layout: dict[str, Any] | None = None, progress: Progress = silent
    ) -> Loaded:
        _soundfile()
        files = locate(raw)
        halves = 2 * len(files)
        content = fingerprint(files, lambda done, total: progress(done, halves))
        if layout is None:
            layout = remember(f"audio layout {content}", lambda: _plan(files))
        geometry = {key: layout[key] for key in ("rate", "samples", "hop", "bands")}
        decoded = decode_all(
            files,
            partial(_picture, layout=layout),
            key=f"audio {content} {geometry}",
            shape=(layout["frames"], layout["bands"], 1),
            dtype=np.float16,
            progress=lambda done, total: progress(total + done, halves),
        )
        names = np.empty(len(files), dtype=object)
        names[:] = files
        pictures = decoded.values
        if None in files:
            there = names.astype(bool)[:, None, None, None]
            pictures = np.where(there, pictures, np.float16(np.nan))
        loaded = Loaded(Clips(pictures, names), layout, decoded.problems)
        return _with_silence(loaded, _silent(loaded)) if layout.get("silence") else loaded

    def on_purpose(self, loaded: Loaded, answers: np.ndarray) -> Loaded:
        """Silent recordings of a class that is silent for the most part are what it is about."""
        silent = _silent(loaded)
        said = [answers[row] for row in silent]
        meant = {one for one in said if 2 * said.count(one) >= (answers == one).sum()}
        if len(meant) != 1:  # two silent classes could not be told apart: these failed
            return loaded
        [named] = meant
        rows = [row for row in silent if answers[row] == named]
        why = f"{loaded.layout['why']}; {len(rows):,} silent ones kept: '{named}' means that"
        return _with_silence(replace(loaded, layout={**loaded.layout, "why": why}), rows)

    def fit(self, loaded: Loaded) -> dict[str, Any]:
        """Mean and standard deviation of each band, over the frames that are there."""
        mean, std = _moments(loaded.values.mel[..., 0])
        frames, bands = loaded.values.mel.shape[1:3]
        return {"frames": frames, "bands": bands, "mean": mean.tolist(), "std": std.tolist()}

    def encode(self, loaded: Loaded, fitted: dict[str, Any]) -> np.ndarray:
        """float32 `(rows, frames, bands, 1)`, each band standardized; NaN after the end."""
        pictures = loaded.values.mel
        encoded = np.empty(pictures.shape, dtype=np.float32)
        np.subtract(pictures, np.asarray(fitted["mean"], dtype=np.float32)[:, None], out=encoded)
        encoded /= np.asarray(fitted["std"], dtype=np.float32)[:, None]
        return encoded

    def entry(self, name: str, fitted: dict[str, Any]) -> Entry:
        return Entry("project", (fitted["frames"], fitted["bands"]), 1, name)

    def draw(self, loaded: Loaded, row: int) -> Drawing:
        """The picture without its padding, and the sound it shows if the file is still there."""
        picture = np.asarray(loaded.values.mel[row, :, :, 0], dtype=np.float32)
        picture = picture[~np.isnan(picture[:, 0])]
        if not len(picture):
            return Drawing("word", "no recording")
        rate = loaded.layout["rate"]
        try:
            wave = _clip(loaded.values.files[row], rate, loaded.layout["samples"])
        except Unusable:
            wave = None
        return Drawing("audio", {"rate": rate, "wave": wave, "picture": picture})

    def keys(self, loaded: Loaded) -> list[str | None]:
        """Recordings whose 8 x 8 areas differ by less than SAME of their contrast share a key."""
        pictures = loaded.values.mel
        if not len(pictures):
            return []
        areas = np.stack([_coarse(picture[..., 0].astype(np.float32)) for picture in pictures])
        known = ~np.isnan(areas[:, 0])
        areas = np.nan_to_num(areas)
        contrast = areas[:, :-1].std(axis=1)
        radius = np.where(known & (contrast >= FLAT), SAME * contrast, 0.0)
        return shared_keys(areas, radius * np.sqrt(areas.shape[1]))


def _silent(loaded: Loaded) -> list[int]:
    """Rows that are set aside for nothing but being silent."""
    return [row for row, why in loaded.problems.items() if why == SILENT]


def _with_silence(loaded: Loaded, rows: list[int]) -> Loaded:
    """These rows as pictures of silence; the layout remembers that silence is an answer."""
    pictures = loaded.values.mel
    pictures[rows] = np.log(mel.FLOOR)
    problems = {row: why for row, why in loaded.problems.items() if row not in set(rows)}
    return replace(loaded, layout={**loaded.layout, "silence": True}, problems=problems)


# --- files ----------------------------------------------------------------------------------


def _soundfile() -> ModuleType:
    return require("soundfile", extra="audio", purpose="reading recordings")


def _plan(files: list[Path | None]) -> dict[str, Any]:
    """The layout of all pictures, from the headers of the files."""
    headers, _ = parallel(files, _header)
    good = [header for header in headers if header is not None]
    rates = np.array([rate for rate, _, _ in good] or [HIGHEST_RATE])
    seconds = np.array([length for *_, length in good] or [1.0])
    found, counts = np.unique(rates, return_counts=True)
    common = int(found[counts.argmax()])
    rate = min(HIGHEST_RATE, common)
    bands = mel.most_bands(rate)
    # A few long recordings (a cymbal that rings on) must not make pictures of mostly nothing.
    usual = min(float(np.quantile(seconds, 0.95)), 4 * float(np.median(seconds)))
    clip = max(mel.WINDOW, min(LONGEST_CLIP, usual))
    clip, step = _fit_memory(clip, 0.005 if clip < 1.0 else 0.010, bands, len(files))
    hop, samples = max(1, round(step * rate)), max(1, round(clip * rate))
    why = [f"mono at {rate:,} Hz (most files: {common:,} Hz)"]
    mixed = sum(channels > 1 for _, channels, _ in good)
    if mixed:
        why.append(f"{mixed:,} with several channels mixed to one")
    longer = int((seconds > clip + step).sum())
    why.append(f"{clip:.3g} s, which {len(seconds) - longer:,} of {len(seconds):,} fit into")
    if longer:
        why.append("longer ones keep their loudest part")
    why.append(f"a frame every {1000 * hop / rate:.3g} ms, {bands} bands of pitch")
    return {
        "rate": rate,
        "seconds": samples / rate,
        "samples": samples,
        "hop": hop,
        "frames": mel.frame_count(samples, hop),
        "bands": bands,
        "why": "; ".join(why),
    }


def _fit_memory(clip: float, step: float, bands: int, rows: int) -> tuple[float, float]:
    """Seconds of a clip and from frame to frame, so that all pictures fit into memory."""
    frames = LARGEST / (2 * bands * max(rows, 1))
    while clip / step > frames and step < 0.02:
        step *= 2  # coarser frames lose less than shorter clips
    return max(mel.WINDOW, min(clip, frames * step)), step


def _header(path: Path | None) -> Header:
    file = readable(path)
    soundfile = _soundfile()
    try:
        with _opened(file) as sound:
            facts = sound.samplerate, sound.channels, sound.frames
    except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
        raise Unusable(_explain(error, file)) from None
    rate, channels, frames = facts
    _believe(rate, frames)
    return rate, channels, frames / rate


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """The open `SoundFile`, which knows how long it is."""
    soundfile = _soundfile()
    with soundfile.SoundFile(str(file)) as sound:
        counted = with_its_length(file.read_bytes()) if sound.format == "MP3" else None
        if counted is None:
            yield sound
            return
    with soundfile.SoundFile(BytesIO(counted)) as sound:
        yield sound


def _believe(rate: int, frames: int) -> None:
    if not RATES[0] <= rate <= RATES[1]:
        raise Unusable(f"a rate of {rate:,} samples a second can't be right")
    if frames >= UNKNOWN:
        raise Unusable("the file does not say how long it is (a stream?): save it anew")
    if frames > LONGEST_FILE * rate:
        minutes = frames / rate / 60
        raise Unusable(f"too long: {minutes:,.0f} minutes; at most {LONGEST_FILE / 60:.0f}")


def _picture(path: Path | None, layout: dict[str, Any]) -> np.ndarray:
    """float16 `(frames, bands, 1)`, NaN after the end."""
    wave = _clip(path, layout["rate"], layout["samples"])
    log_power = mel.log_mel(wave, rate=layout["rate"], hop=layout["hop"], bands=layout["bands"])
    picture = np.full((layout["frames"], layout["bands"], 1), np.nan, dtype=np.float16)
    picture[: len(log_power), :, 0] = log_power
    return picture


def _clip(path: Path | None, rate: int, samples: int) -> np.ndarray:
    """Float32, at most `samples` at `rate`: the recording, or its loudest part."""
    wave = read_wave(path, rate)
    if len(wave) <= samples:
        return wave
    energy = np.concatenate([[0.0], np.cumsum(wave.astype(np.float64) ** 2)])
    start = int(np.argmax(energy[samples:] - energy[:-samples]))
    return wave[start : start + samples]


def read_wave(path: Path | None, rate: int) -> np.ndarray:
    """A whole recording as float32 `(samples,)`, its channels averaged, at `rate`.

    Raises:
        Unusable: It is broken, empty, silent, too long or no recording at all.
    """
    file = readable(path)
    soundfile = _soundfile()
    try:
        with _opened(file) as sound:
            _believe(sound.samplerate, sound.frames)
            wave = _mono(sound, rate)
            promised, original = sound.frames, sound.samplerate
    except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
        raise Unusable(_explain(error, file)) from None
    _check(wave, len(wave) / rate, promised / original, file)
    return wave


def _mono(sound: Any, rate: int) -> np.ndarray:
    """All samples of an open file, in blocks: a whole recording is held at the low rate only."""
    soxr = require("soxr", extra="audio", purpose="resampling recordings")
    resampler = soxr.ResampleStream(sound.samplerate, rate, 1, dtype="float32", quality="HQ")
    parts = []
    while True:
        block = sound.read(BLOCK, dtype="float32", always_2d=True)
        if not np.isfinite(block).all():
            raise Unusable("some samples are not a number or infinite")
        mono = block.mean(axis=1, dtype=np.float32)
        last = len(block) < BLOCK
        parts.append(
            mono if rate == sound.samplerate else resampler.resample_chunk(mono, last=last)
        )
        if last:
            return np.concatenate(parts)


def _check(wave: np.ndarray, seconds: float, promised: float, file: Path) -> None:
    """Raise if the wave is not what the file promised, or holds nothing."""
    size = file.stat().st_size
    wanted = _whole_size(file)
    if wanted is not None and wanted > size:
        raise Unusable(f"truncated: {size:,} of {wanted:,} bytes")
    if _ogg_breaks_off(file):
        raise Unusable(f"truncated: the recording breaks off after {size:,} bytes")
    if not len(wave):
        raise Unusable("no samples")
    if seconds < promised - 0.05 and seconds < 0.99 * promised:
        raise Unusable(f"truncated: {seconds:.2f} of {promised:.2f} seconds")
    if not np.abs(wave).max() > 2.0**-16:
        raise Unusable(SILENT)


def _whole_size(file: Path) -> int | None:
    """Bytes that a WAV or AIFF file should have by its own header; None if it does not say.

    libsndfile reads what is there of a file that breaks off, and does not tell.
    """
    with file.open("rb") as stream:
        start = stream.read(12)
        if start[:4] == b"FORM":
            return int.from_bytes(start[4:8], "big") + 8
        if start[:4] != b"RIFF" or start[8:] != b"WAVE":
            return None
        while len(head := stream.read(8)) == 8:
            size = int.from_bytes(head[4:], "little")
            if head[:4] == b"data":
                # Programs that write into a pipe do not know the length: 0 or the largest number.
                return stream.tell() + size if 0 < size < 0x7FFFFF00 else None
            stream.seek(size + size % 2, 1)
    return None


def _ogg_breaks_off(file: Path) -> bool:
    """Whether an OGG file lacks its last page, which is marked as such (RFC 3533, flag 4)."""
    with file.open("rb") as stream:
        if stream.read(4) != b"OggS":
            return False
        stream.seek(max(0, file.stat().st_size - 2 * 65307))  # a page has at most 65,307 bytes
        tail = stream.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or not page[5] & 4:
        return True
    segments = page[27 : 27 + page[26]]
    return len(page) < 27 + page[26] + sum(segments)


def _explain(error: Exception, file: Path) -> str:
    """Why a recording can't be decoded, in a person's words."""
    with file.open("rb") as stream:
        start = stream.read(12)
    if start[4:8] == b"ftyp" or file.suffix.lower() in (".m4a", ".aac", ".wma"):
        return f"{file.suffix or 'this format'} is not supported: save it as WAV, FLAC, OGG or MP3"
    known = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"FORM", b"caff", b".snd", b"\xff\xfb", b"\xff\xf3")
    if start.startswith(known):
        size = file.stat().st_size
        return f"truncated or damaged: no sound can be made of its {size:,} bytes"
    return f"not a recording (begins with {repr(start[:8])[1:]})"


# --- values ---------------------------------------------------------------------------------


def _moments(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation `(bands,)` of `(rows, frames, bands)`, NaN left out."""
    bands = pictures.shape[2]
    count, total, squares = 0, np.zeros(bands), np.zeros(bands)
    for start in range(0, len(pictures), CHUNK):
        part = np.asarray(pictures[start : start + CHUNK], dtype=np.float32)
        there = part[~np.isnan(part[..., 0])].astype(np.float64)
        count += len(there)
        total += there.sum(axis=0)
        squares += (there**2).sum(axis=0)
    mean = total / max(count, 1)
    std = np.sqrt(np.maximum(squares / max(count, 1) - mean**2, 0.0))
    return mean, np.where(std > 1e-3, std, 1.0)


def _coarse(picture: np.ndarray) -> np.ndarray:
    """Float32 `(65,)`: an 8 x 8 grid of loudness and the length; NaN if there is too little."""
    there = picture[~np.isnan(picture[:, 0])]
    if len(there) < 8:
        return np.full(65, np.nan, dtype=np.float32)
    # What is far below the loudest part is lost in MP3 and OGG, and is not heard either.
    loud = np.maximum(there, there.max() - AUDIBLE)
    grid = _means(_means(loud, 8).T, 8)
    return np.append(grid.ravel(), np.log(len(there))).astype(np.float32)


def _means(values: np.ndarray, parts: int) -> np.ndarray:
    """Means of `parts` about equal stretches of the first axis."""
    edges = np.linspace(0, len(values), parts + 1).astype(int)
    sizes = np.diff(edges)[:, None]
    return np.add.reduceat(values, edges[:-1], axis=0) / sizes
