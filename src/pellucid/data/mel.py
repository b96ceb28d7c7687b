"""Log-mel spectrograms: how loud each band of pitch is at each moment.

The mel scale is Slaney's (Auditory Toolbox, 1998): even steps of frequency up to 1,000 Hz, even
steps of its logarithm above, as the ear hears them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

WINDOW = 0.025
"""Seconds that one frame looks at."""

FLOOR = 1e-6
"""Added to the power before the logarithm: about 84 dB below a full-scale tone."""

_LINEAR = 200.0 / 3.0  # Hz per mel below 1,000 Hz
_LOG = np.log(6.4) / 27.0  # log-step per mel above


def hertz_to_mel(hertz: np.ndarray) -> np.ndarray:
    """Slaney's scale, any shape; 1,000 Hz is mel 15."""
    hertz = np.asarray(hertz, dtype=np.float64)
    return np.where(
        hertz < 1000.0, hertz / _LINEAR, 15.0 + np.log(np.maximum(hertz, 1e-9) / 1000.0) / _LOG
    )


def mel_to_hertz(mel: np.ndarray) -> np.ndarray:
    """The inverse of `hertz_to_mel`."""
    mel = np.asarray(mel, dtype=np.float64)
    return np.where(mel < 15.0, mel * _LINEAR, 1000.0 * np.exp(_LOG * (np.maximum(mel, 15) - 15.0)))


def band_edges(rate: int, bands: int) -> np.ndarray:
    """Hertz `(bands + 2,)`: band b rises from edge b to its top at b + 1 and falls to b + 2."""
    return mel_to_hertz(np.linspace(0.0, hertz_to_mel(np.array(rate / 2)), bands + 2))


def filterbank(rate: int, size: int, bands: int) -> np.ndarray:
    """Float32 `(size // 2 + 1, bands)`: how much each frequency of an FFT counts in each band.

    Triangles of equal area (2 / width in Hz), so that noise sounds equally loud in all bands.
    """
    edges = band_edges(rate, bands)
    hertz = np.fft.rfftfreq(size, 1.0 / rate)[:, None]
    low, top, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (hertz - low) / (top - low), (high - hertz) / (high - top)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * (2.0 / (high - low)), dtype=np.float32)


def fft_size(rate: int) -> int:
    """Samples in one FFT: the window, rounded up to a power of two."""
    return 1 << max(3, int(np.ceil(np.log2(WINDOW * rate))))


def most_bands(rate: int) -> int:
    """The most bands, at most 64, that all hear something at this rate."""
    for bands in (64, 48, 40, 32, 24, 16):
        if filterbank(rate, fft_size(rate), bands).any(axis=0).all():
            return bands
    return 8


def frame_count(samples: int, hop: int) -> int:
    """Frames of a recording: one every `hop` samples, centered on them, from sample 0 on."""
    return -(-samples // hop)


def log_mel(wave: np.ndarray, *, rate: int, hop: int, bands: int) -> np.ndarray:
    """The picture of a recording.

    Args:
        wave: Samples -1 to 1, float `(samples,)`, at least one.
        rate: Samples a second. hop: Samples from one frame to the next.

    Returns:
        Float32 `(frame_count(samples, hop), bands)`: natural logarithms of power.
    """
    size = fft_size(rate)
    window, filters = _front(rate, bands)
    padded = np.pad(np.asarray(wave, dtype=np.float32), (size // 2, size // 2))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    frames = frames[: frame_count(len(wave), hop)]
    spectrum = np.fft.rfft(frames * window, axis=-1)
    power = spectrum.real**2 + spectrum.imag**2
    return np.asarray(np.log(power @ filters + FLOOR), dtype=np.float32)


@lru_cache(maxsize=8)
def _front(rate: int, bands: int) -> tuple[np.ndarray, np.ndarray]:
    """The Hann window `(size,)`, 25 ms in the middle, and the filters."""
    size, length = fft_size(rate), max(2, round(WINDOW * rate))
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)
    before = (size - length) // 2
    window = np.pad(hann, (before, size - length - before)).astype(np.float32)
    return window, filterbank(rate, size, bands)
