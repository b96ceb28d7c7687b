"""The log-mel front end against Slaney's formula, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from pellucid.data import mel


def test_the_scale_is_slaneys() -> None:
    # 200/3 Hz a mel up to 1,000 Hz; then 27 mels for every factor of 6.4.
    hertz = np.array([0.0, 200.0, 500.0, 1000.0, 6400.0, 1000.0 * 6.4 ** (1 / 27)])
    np.testing.assert_allclose(mel.hertz_to_mel(hertz), [0, 3, 7.5, 15, 42, 16], atol=1e-12)
    np.testing.assert_allclose(mel.mel_to_hertz(mel.hertz_to_mel(hertz)), hertz, atol=1e-9)


def test_the_edges_are_even_in_mel() -> None:
    edges = mel.band_edges(16_000, 40)
    assert edges[0] == 0
    assert edges[-1] == pytest.approx(8000)
    steps = np.diff(mel.hertz_to_mel(edges))
    np.testing.assert_allclose(steps, (15 + np.log(8) * 27 / np.log(6.4)) / 41)


def test_filters_are_triangles_of_equal_area() -> None:
    size, bands = 2**14, 40
    filters = mel.filterbank(16_000, size, bands)
    assert filters.shape == (size // 2 + 1, bands)
    np.testing.assert_allclose(filters.sum(axis=0) * 16_000 / size, 1.0, rtol=0.01)
    edges = mel.band_edges(16_000, bands)
    tops = filters.argmax(axis=0) * 16_000 / size
    np.testing.assert_allclose(tops, edges[1:-1], atol=16_000 / size)
    np.testing.assert_allclose(filters.max(axis=0), 2 / (edges[2:] - edges[:-2]), rtol=0.02)


def test_every_band_hears_something_at_every_usual_rate() -> None:
    for rate in (4000, 8000, 11025, 12000, 16000):
        bands = mel.most_bands(rate)
        assert mel.filterbank(rate, mel.fft_size(rate), bands).any(axis=0).all()
    assert mel.most_bands(16_000) == 64


@pytest.mark.parametrize("hertz", [100, 440, 1000, 2500, 6000])
def test_a_pure_tone_peaks_in_its_band(hertz: int) -> None:
    rate = 16_000
    wave = np.sin(2 * np.pi * hertz * np.arange(rate) / rate)
    picture = mel.log_mel(wave, rate=rate, hop=160, bands=64)
    edges = mel.band_edges(rate, 64)
    loudest = int(np.median(picture.argmax(axis=1)))
    assert edges[loudest] - 20 < hertz < edges[loudest + 2] + 20


def test_frames_count_and_padding() -> None:
    for samples, frames in ((1, 1), (160, 1), (161, 2), (16_000, 100)):
        wave = np.ones(samples, dtype=np.float32)
        assert mel.frame_count(samples, 160) == frames
        assert mel.log_mel(wave, rate=16_000, hop=160, bands=64).shape == (frames, 64)


def test_power_agrees_with_scipy() -> None:
    rate, hop, size = 16_000, 160, 512
    wave = np.random.default_rng(0).normal(size=8000).astype(np.float32)
    window = np.pad(signal.get_window("hann", 400), (56, 56))
    transform = signal.ShortTimeFFT(window, hop=hop, fs=rate, mfft=size)
    spectrum = np.abs(transform.stft(wave, p0=0, p1=50)) ** 2  # (frequencies, frames)
    expected = np.log(spectrum.T @ mel.filterbank(rate, size, 64) + mel.FLOOR)
    found = mel.log_mel(wave, rate=rate, hop=hop, bands=64)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_silence_is_the_floor() -> None:
    picture = mel.log_mel(np.zeros(1600, np.float32), rate=16_000, hop=160, bands=64)
    np.testing.assert_allclose(picture, np.log(mel.FLOOR), rtol=1e-6)
