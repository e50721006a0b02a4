"""Bytes to text, and text to the one spelling in which it is compared."""

import codecs
import unicodedata
from typing import Final

from egress_review.checks.parts import NotThisType

MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
ALLOWED_CONTROLS: Final = frozenset("\t\n\r\f")
INVISIBLE: Final = dict.fromkeys([0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD, 0x180E])


def text_of(data: bytes) -> str:
    """Text by its byte-order mark, else UTF-8, else Windows-1252. Control characters make it no text."""
    text = _decoded(data)
    if any(character < " " and character not in ALLOWED_CONTROLS for character in set(text)) or "\x7f" in text:
        raise NotThisType
    return text


def _decoded(data: bytes) -> str:
    try:
        for mark, encoding in MARKS:
            if data.startswith(mark):
                return data[len(mark) :].decode(encoding)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data.decode("cp1252")
    except UnicodeDecodeError as error:
        raise NotThisType from error


def normalised(text: str) -> str:
    """One spelling for what looks the same: NFKC, no invisible characters, case folded, no space around."""
    if text.isascii():
        return text.casefold().strip()
    return unicodedata.normalize("NFKC", text).translate(INVISIBLE).casefold().strip()
