"""How long an MP3 is: counted where it does not say so itself.

An MP3 is a row of frames, each with a header of its own. Where frames differ in size (a variable
bit rate) the first one usually says how many there are, in a header called Xing, Info or VBRI. If
none does, decoders guess from the size of the first frame, and libsndfile then stops where it
guessed the end, often after a quarter. So frames are counted, and the count is put in front.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

# Kilobits a second by the index in a header: MPEG 1 layer III, and MPEG 2 and 2.5 layer III.
_RATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_SAMPLE_RATES = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}
_LENGTH_GIVEN = (b"Xing", b"Info", b"VBRI")
_ROOMY = 9
"""An index of bits a second whose frames hold a header of their count."""


@dataclass(frozen=True)
class Frame:
    """One frame's header. version: 3 is MPEG 1, 2 is MPEG 2, 0 is 2.5. size: bytes of the frame.
    samples: of each channel in it. side: bytes between header and what was compressed."""

    version: int
    rate: int
    size: int
    samples: int
    side: int

    @property
    def kind(self) -> tuple[int, int]:
        """What all frames of a file have in common."""
        return self.version, self.rate


def frame_at(data: bytes, place: int) -> Frame | None:
    """The layer III frame that begins there; None if none does, or if it hides its size."""
    if place + 4 > len(data) or data[place] != 0xFF or data[place + 1] & 0xE0 != 0xE0:
        return None
    first, second, third = data[place + 1 : place + 4]
    version, layer, bits, rates = first >> 3 & 3, first >> 1 & 3, second >> 4, second >> 2 & 3
    if version == 1 or layer != 1 or bits in (0, 15) or rates == 3:
        return None
    rate, padding = _SAMPLE_RATES[version][rates], second >> 1 & 1
    samples = 1152 if version == 3 else 576
    kilobits = (_RATES_1 if version == 3 else _RATES_2)[bits]
    mono = third >> 6 == 3
    side = (17 if mono else 32) if version == 3 else (9 if mono else 17)
    return Frame(version, rate, samples // 8 * kilobits * 1000 // rate + padding, samples, side)


def start_of(data: bytes) -> int:
    """Where the first frame may begin: behind the ID3v2 tags."""
    place = 0
    while data[place : place + 3] == b"ID3" and len(data) >= place + 10:
        a, b, c, d = (byte & 0x7F for byte in data[place + 6 : place + 10])
        place += 10 + (a << 21 | b << 14 | c << 7 | d) + (10 if data[place + 5] & 0x10 else 0)
    return place


def with_its_length(data: bytes) -> bytes | None:
    """The file with its number of frames in front; None if it says that itself or is no MP3."""
    begin = _next_frame(data, start_of(data))
    first = None if begin is None else frame_at(data, begin)
    if begin is None or first is None or _says_its_length(data, begin, first):
        return None
    count = count_frames(data, begin)
    kept = bytes((data[begin], data[begin + 1] | 1, _ROOMY << 4 | data[begin + 2] & 0x0C))
    head = kept + data[begin + 3 : begin + 4]
    own = frame_at(head, 0)
    assert own is not None
    said = head + bytes(own.side) + b"Xing" + struct.pack(">II", 1, count)
    return said.ljust(own.size, b"\0") + data[begin:]


def count_frames(data: bytes, place: int) -> int:
    """Frames from there to the end; damaged parts between them are passed over."""
    count, found = 0, _next_frame(data, place)
    while found is not None:
        frame = frame_at(data, found)
        if frame is None:
            found = _next_frame(data, found)
        else:
            count += found + frame.size <= len(data)
            found += frame.size
    return count


def _says_its_length(data: bytes, place: int, frame: Frame) -> bool:
    behind = place + 4 + frame.side
    return data[behind : behind + 4] in _LENGTH_GIVEN or data[place + 36 : place + 40] == b"VBRI"


def _next_frame(data: bytes, place: int) -> int | None:
    """Where the next frame begins that another one of its kind follows, or the end does."""
    while (place := data.find(b"\xff", place)) >= 0:
        frame = frame_at(data, place)
        if frame is not None:
            after = frame_at(data, place + frame.size)
            ends = len(data) - 4 <= place + frame.size <= len(data)
            if ends or (after is not None and after.kind == frame.kind):
                return place
        place += 1
    return None
