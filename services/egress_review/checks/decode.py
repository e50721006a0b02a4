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
# Beside all of Unicode's format characters: joiners, fillers and variation selectors, which draw nothing either.
DRAWS_NOTHING: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0") | frozenset(
    map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)


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


def other_readings(data: bytes) -> tuple[str, ...]:
    """What an editor shows that does not go by the byte-order mark: pairs of letters read as one sign hide words."""
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return (data.decode("utf-8", "replace"),) if wide else ()


def draws_nothing(char: str) -> bool:
    return unicodedata.category(char) == "Cf" or char in DRAWS_NOTHING


def normalised(text: str) -> str:
    """One spelling for what looks the same: NFKC, no invisible characters, case folded, no space around."""
    if text.isascii():
        return text.casefold().strip()
    composed = unicodedata.normalize("NFKC", text)
    unseen = dict.fromkeys(ord(char) for char in set(composed) if draws_nothing(char))
    return unicodedata.normalize("NFKC", composed.translate(unseen)).casefold().strip()
