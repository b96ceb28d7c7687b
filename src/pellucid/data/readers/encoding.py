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
_OTHERS = tuple(
    (encoding, re.compile(f"[{letters}]"), usual)
    for encoding, letters, usual in (
        ("shift_jis", "\u3001\u3002\u3040-\u30ff", 0.5),
        ("euc_jp", "\u3001\u3002\u3040-\u30ff", 0.5),
        ("euc_kr", "\uac00-\ud7a3", 0.9),
        ("big5", "\u4e00-\u9fff\u3000-\u3002\uff0c", 0.9),
        ("gb18030", "\u4e00-\u9fff\u3000-\u3002\uff0c", 0.9),
        ("cp1251", "\u0430-\u044f\u0451", 0.9),
        ("koi8-r", "\u0430-\u044f\u0451", 0.9),
        ("cp1253", "\u03ac-\u03ce", 0.9),
    )
)
"""Encoding, letters that tell its language (small ones, kana), their usual share in a text."""

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


def guess(content: bytes) -> str:
    """An encoding for bytes that are not UTF-8.

    Western texts hold few bytes beyond ASCII. Where there are many, the encoding is taken in
    which the text has the letters of the language it was made for.
    """
    western = "latin-1" if _NOT_IN_CP1252.search(content) else "cp1252"
    content = content[: 1 << 16]
    beyond = sum(byte > 127 for byte in content)
    if beyond < max(4, 0.3 * len(content)):
        return western
    fits = {name: _share(content, name, letters) / usual for name, letters, usual in _OTHERS}
    best = max(fits, key=lambda name: fits[name])
    return best if fits[best] > 0.7 else western


def _share(content: bytes, encoding: str, letters: re.Pattern[str]) -> float:
    """Share of the characters beyond ASCII that are the letters of this encoding's language."""
    try:
        # The end may cut a character: an incremental decoder waits for the rest of it.
        text = codecs.getincrementaldecoder(encoding)().decode(content)
    except UnicodeDecodeError:
        return 0.0
    beyond = sum(character > "\x7f" for character in text)
    return len(letters.findall(text)) / beyond if beyond else 0.0


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
            encoding = guess(content)
    try:
        return content.decode(encoding), encoding
    except UnicodeDecodeError as error:
        raise ValueError(
            f"it starts like {encoding} but is broken at byte {error.start}"
        ) from error
