"""JPEG by its segments, from the start mark to the end mark; what follows the end is not the picture's."""

import re
import struct
from typing import Final

from egress_review.checks.catalogue import found
from egress_review.checks.parts import Member, NotThisType, Parsed, Text

MARK: Final = 0xFF
START: Final = b"\xff\xd8\xff"
END: Final = 0xD9
SCAN: Final = 0xDA
COMMENT: Final = 0xFE
APPLICATION: Final = range(0xE0, 0xF0)
KNOWN: Final = frozenset({*range(0xC0, 0xD0), 0xDA, 0xDB, 0xDC, 0xDD} - {0xC8})
JFIF: Final = b"JFIF\0"
SHORTEST_JFIF: Final = 14
# Within a scan a mark is 0xFF and neither a stuffed zero nor one of the eight restarts.
NEXT_MARK: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def parse_jpeg(data: bytes, location: str) -> Parsed:
    """The picture's account of itself.

    Raises:
        NotThisType: it does not begin as a JPEG, or breaks off before its end.
    """
    if not data.startswith(START):
        raise NotThisType
    parsed = Parsed("jpeg")
    at, frames = 2, 0
    while True:
        mark, body, at = _segment(data, at)
        if mark == END:
            break
        frames += mark in range(0xC0, 0xD0) and mark not in {0xC4, 0xC8, 0xCC}
        _note(mark, body, location, parsed)
        if mark == SCAN:
            at = _after_scan(data, at)
    if frames != 1:
        raise NotThisType
    if at < len(data):
        parsed.findings.append(found("REST.TRAILING", f"{location} > byte {at}"))
    return parsed


def _segment(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Mark, body and the offset after it."""
    if at + 2 > len(data) or data[at] != MARK:
        raise NotThisType
    mark = data[at + 1]
    if mark == END:
        return mark, b"", at + 2
    if at + 4 > len(data):
        raise NotThisType
    length = struct.unpack_from(">H", data, at + 2)[0]
    if length < 2 or at + 2 + length > len(data):  # noqa: PLR2004 - the length counts itself
        raise NotThisType
    return mark, data[at + 4 : at + 2 + length], at + 2 + length


def _after_scan(data: bytes, at: int) -> int:
    following = NEXT_MARK.search(data, at)
    if following is None:
        raise NotThisType
    return following.start()


def _note(mark: int, body: bytes, location: str, parsed: Parsed) -> None:
    here = f"{location} > segment {mark:02X}"
    if mark in KNOWN or (mark == APPLICATION[0] and body.startswith(JFIF) and len(body) == SHORTEST_JFIF):
        return
    parsed.blobs.append(Member(here, "segment", body))
    parsed.texts.append(Text(here, body.decode("utf-8", "replace")))
    known = mark == COMMENT or mark in APPLICATION
    parsed.findings.append(found("HIDE.METADATA" if known else "REST.UNPARSED", here))
