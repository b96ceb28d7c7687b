"""Generated voices: short recordings of people who don't exist, to learn who is the same.

Each identity is a handful of numbers (pitch, length of the throat, how bright and how breathy);
each recording of it says other vowels, in another tune, at another loudness, over noise.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

RATE = 16_000  # samples a second
SEED = 0
HIGHEST = 4_000.0  # hertz
VOWELS = (
    (730.0, 1090.0, 2440.0),
    (270.0, 2290.0, 3010.0),
    (300.0, 870.0, 2240.0),
    (530.0, 1840.0, 2480.0),
    (570.0, 840.0, 2410.0),
)
"""Resonances of a, i, u, e, o in hertz (Peterson and Barney 1952, men)."""


def write(folder: Path, identities: int = 40, each: int = 8, seed: int = SEED) -> Path:
    """`generated-voices/person-007/03.wav`: mono, 16 bits, 16 kHz, about a second each."""
    rng = np.random.default_rng(seed)
    source = folder / "generated-voices"
    for number in range(identities):
        home = source / f"person-{number:03d}"
        home.mkdir(parents=True)
        person = rng.random(5)
        for which in range(each):
            samples = speak(person, rng)
            with wave.open(str(home / f"{which:02d}.wav"), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE)
                file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return source


def speak(person: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One recording float64 (samples,), -1 to 1, of the person with these 5 numbers from 0 to 1."""
    pitch, throat, bright, breath, tremble = person
    spoken = [_vowel(rng, 90 * 2 ** (1.6 * pitch), 0.85 + 0.35 * throat, bright, tremble)
              for _ in range(3)]  # fmt: skip
    sound = np.concatenate(spoken)
    loud = np.abs(sound)
    hiss = rng.standard_normal(len(sound)) * loud
    sound = sound + (0.05 + 0.6 * breath) * hiss
    sound = sound / np.abs(sound).max()
    sound += 10 ** rng.uniform(-2.6, -1.6) * rng.standard_normal(len(sound))
    sounding: np.ndarray = sound * 10 ** rng.uniform(-0.8, -0.05) / np.abs(sound).max()
    return sounding


def _vowel(
    rng: np.random.Generator, pitch: float, throat: float, bright: float, tremble: float
) -> np.ndarray:
    """A vowel drawn at random, in a tune drawn at random."""
    time = np.arange(int(RATE * rng.uniform(0.2, 0.35))) / RATE
    tune = pitch * (1 + rng.uniform(-0.12, 0.12) * np.linspace(-1, 1, len(time)))
    tune *= 1 + 0.04 * tremble * np.sin(2 * np.pi * 6 * time + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(tune) / RATE
    resonances = throat * np.array(VOWELS[rng.integers(len(VOWELS))])
    sound = np.zeros(len(time))
    for number in range(1, int(HIGHEST / pitch) + 1):
        apart = (number * pitch - resonances) / (60 + 0.04 * resonances)
        strength = (1 / (1 + apart**2)).sum() * number ** (-1.6 + bright)
        sound += strength * np.sin(number * phase)
    return sound * np.minimum(1, np.minimum(time, time[::-1]) / 0.03)
