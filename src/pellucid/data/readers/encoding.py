"""Which encoding a text is in: a byte order mark, UTF-16 by its zeros, UTF-8, or Western."""

from __future__ import annotations

import codecs
import re

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_IN_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1a\x1b")


def marked(start: bytes) -> str | None:
    """The encoding that the first bytes declare, or that their zeros betray; None: nothing said."""
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    half = len(start) // 2
    if half >= 2:
        # ASCII written as UTF-16 has a zero in every second byte.
        even, odd = start[0 : 2 * half : 2].count(0), start[1 : 2 * half : 2].count(0)
        if odd > 0.3 * half and even <= 0.05 * half:
            return "utf-16-le"
        if even > 0.3 * half and odd <= 0.05 * half:
            return "utf-16-be"
    return None


def is_binary(start: bytes) -> bool:
    """Whether these bytes are no text in any one-byte encoding or UTF-8."""
    controls = len(start) - len(start.translate(None, _CONTROLS))
    return controls > 0.02 * len(start) and controls > 1


def western(content: bytes) -> str:
    """For bytes that are not UTF-8: Windows' Western encoding, or Latin-1 if it lacks a byte."""
    return "latin-1" if _NOT_IN_CP1252.search(content) else "cp1252"


def decode(content: bytes) -> tuple[str, str]:
    """A whole text and the encoding that was found.

    Raises:
        ValueError: These bytes are no text.
    """
    encoding = marked(content)
    if encoding is None and is_binary(content[:65536]):
        raise ValueError("it holds binary data, not text")
    if encoding is None:
        try:
            return content.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            encoding = western(content)
    try:
        return content.decode(encoding), encoding
    except UnicodeDecodeError as error:
        raise ValueError(
            f"it starts like {encoding} but is broken at byte {error.start}"
        ) from error
