"""Six kinds of short sounds, each with random pitch, loudness, start and background noise."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

RATE = 16_000  # samples a second
EACH = 80
SEED = 0

Random = np.random.Generator


def write(folder: Path) -> Path:
    """`sounds/pluck/012.wav`: mono, 16 bits, 16 kHz, 0.8 to 1.4 seconds."""
    random = np.random.default_rng(SEED)
    source = folder / "sounds"
    for name, sound in KINDS.items():
        (source / name).mkdir(parents=True)
        for index in range(EACH):
            _save(source / name / f"{index:03d}.wav", _recording(sound, random))
    return source


def _recording(sound: Callable[[np.ndarray, Random], np.ndarray], random: Random) -> np.ndarray:
    """float64 (samples,) in -1..1: the sound somewhere in it, over a background of noise."""
    wave_form = sound(np.arange(int(RATE * random.uniform(0.4, 0.7))) / RATE, random)
    wave_form /= np.abs(wave_form).max()
    recording = np.zeros(int(RATE * random.uniform(0.8, 1.4)))
    start = random.integers(len(recording) - len(wave_form))
    recording[start : start + len(wave_form)] = wave_form
    noise = 10 ** random.uniform(-2.5, -0.8)
    recording += noise * random.standard_normal(len(recording))
    return recording * 10 ** random.uniform(-1.2, -0.05) / np.abs(recording).max()


def _save(path: Path, samples: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())


# --- the sounds; time: seconds, float64 (samples,) ---------------------------------------------


def _pitch(random: Random) -> float:
    """Hertz between 150 and 1,500, equally likely in every octave."""
    return float(np.exp(random.uniform(np.log(150), np.log(1500))))


def _phase(pitch: np.ndarray) -> np.ndarray:
    """Radians; pitch: hertz at each sample."""
    return 2 * np.pi * np.cumsum(pitch) / RATE


def _tone(time: np.ndarray, random: Random) -> np.ndarray:
    pitch = _pitch(random)
    overtones = random.uniform(0, 0.6, 4)
    sound = np.sin(2 * np.pi * pitch * time)
    for number, strength in enumerate(overtones, start=2):
        sound += strength / number * np.sin(2 * np.pi * number * pitch * time)
    return sound * np.minimum(1, np.minimum(time, time[::-1]) / 0.03)


def _rising(time: np.ndarray, random: Random) -> np.ndarray:
    octaves = random.uniform(0.7, 2.0)
    pitch = _pitch(random) * 2 ** (octaves * time / time[-1])
    return np.sin(_phase(pitch)) * np.minimum(1, np.minimum(time, time[::-1]) / 0.03)


def _falling(time: np.ndarray, random: Random) -> np.ndarray:
    return _rising(time, random)[::-1].copy()


def _pluck(time: np.ndarray, random: Random) -> np.ndarray:
    """A string: overtones that fade the faster the higher they are."""
    pitch, decay = _pitch(random), random.uniform(4, 9)
    numbers = np.arange(1, 9)[:, None]
    strings = np.sin(2 * np.pi * pitch * numbers * time) * np.exp(-decay * np.sqrt(numbers) * time)
    return (strings / numbers).sum(axis=0)


def _knock(time: np.ndarray, random: Random) -> np.ndarray:
    """A drum: a short low sound whose pitch drops."""
    pitch = random.uniform(60, 250) * (1 + 2 * np.exp(-40 * time))
    return np.sin(_phase(pitch)) * np.exp(-random.uniform(12, 30) * time)


def _hiss(time: np.ndarray, random: Random) -> np.ndarray:
    """A burst of noise, dull to bright."""
    noise = random.standard_normal(len(time))
    width = int(random.integers(1, 6))
    smooth = np.convolve(noise, np.ones(width) / width, mode="same")
    return smooth * np.exp(-random.uniform(3, 15) * time)


KINDS: dict[str, Callable[[np.ndarray, Random], np.ndarray]] = {
    "falling sweep": _falling,
    "hiss": _hiss,
    "knock": _knock,
    "pluck": _pluck,
    "rising sweep": _rising,
    "tone": _tone,
}
