"""PNG by its chunks: each known, its checksum right; the samples fill the picture exactly, and nothing follows."""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from egress_review.checks.catalogue import found
from egress_review.checks.parts import Budget, Member, NotThisType, Parsed, Text

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
PLAIN: Final = frozenset(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB pHYs sBIT bKGD tIME hIST cICP".split())
CARRIERS: Final = frozenset(b"tEXt zTXt iTXt eXIf iCCP sPLT".split())
TEXTS: Final = frozenset({b"tEXt", b"zTXt", b"iTXt"})
# Adam7: first column, first row, step across, step down.
PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
LONGEST_MAKER: Final = 200
MOST_TEXT: Final = 1024 * 1024


def parse_png(data: bytes, location: str, budget: Budget) -> Parsed:
    """The picture's account of itself.

    Raises:
        NotThisType: it does not begin as a PNG, or ends in the middle.
    """
    chunks, end = _chunks(data)
    parsed = Parsed("png")
    for kind, body in chunks:
        _note(kind, body, location, parsed)
    if end < len(data):
        parsed.findings.append(found("REST.TRAILING", f"{location} > byte {end}"))
    samples = b"".join(body for kind, body in chunks if kind == b"IDAT")
    _check_samples(chunks[0][1], samples, location, parsed, budget)
    return parsed


def _chunks(data: bytes) -> tuple[list[tuple[bytes, bytes]], int]:
    if not data.startswith(SIGNATURE):
        raise NotThisType
    chunks = list(_read(data))
    kinds = [kind for kind, _, _ in chunks]
    if not kinds or kinds[0] != b"IHDR" or kinds[-1] != b"IEND" or b"IDAT" not in kinds or len(chunks[0][1]) != 13:  # noqa: PLR2004
        raise NotThisType
    return [(kind, body) for kind, body, _ in chunks], chunks[-1][2]


def _read(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Chunks with the offset after each, up to the end mark or the first that is broken."""
    at, kind = len(SIGNATURE), b""
    while kind != b"IEND" and at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        body = data[at + 8 : end - 4]
        if end > len(data) or zlib.crc32(kind + body) != struct.unpack_from(">I", data, end - 4)[0]:
            raise NotThisType
        yield kind, body, end
        at = end


def _note(kind: bytes, body: bytes, location: str, parsed: Parsed) -> None:
    if kind in PLAIN:
        return
    here = f"{location} > chunk {kind.decode('ascii', 'replace')}"
    parsed.blobs.append(Member(here, "chunk", body))
    if kind in TEXTS:
        parsed.texts += [Text(here, text) for text in _texts(kind, body)]
    if _is_maker(kind, body):
        return
    if kind in CARRIERS:
        parsed.findings.append(found("HIDE.METADATA", here))
    else:
        parsed.findings.append(found("REST.UNPARSED", here))


def _is_maker(kind: bytes, body: bytes) -> bool:
    """The note of the program that drew it: searched like all text, but no cause for a flag."""
    return kind == b"tEXt" and body.startswith(b"Software\0") and len(body) <= LONGEST_MAKER


def _texts(kind: bytes, body: bytes) -> Iterator[str]:
    """Keyword and value; a compressed value is unpacked too."""
    for part in body.split(b"\0"):
        yield part.decode("utf-8", "replace")
    if kind != b"tEXt":
        start = body.find(b"\x78")
        if start != -1:
            try:
                yield zlib.decompressobj().decompress(body[start:], MOST_TEXT).decode("utf-8", "replace")
            except zlib.error:
                return


def _check_samples(header: bytes, packed: bytes, location: str, parsed: Parsed, budget: Budget) -> None:
    expected = _expected(header)
    if expected is None or not budget.take(expected):
        parsed.findings.append(found("BOX.BOMB", f"{location} > samples"))
        return
    stream = zlib.decompressobj()
    try:
        samples = stream.decompress(packed, expected + 1)
    except zlib.error:
        samples = b""
    if len(samples) != expected or not stream.eof or stream.unused_data:
        parsed.findings.append(found("REST.UNPARSED", f"{location} > samples"))
    parsed.blobs.append(Member(f"{location} > samples", "samples", samples))


def _expected(header: bytes) -> int | None:
    """How many bytes the samples fill, a filter byte a line; None for a header that is not valid."""
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", header)
    valid = width and height and depth in {1, 2, 4, 8, 16} and colour in CHANNELS
    if not valid or compression or filtering or interlace > 1:
        return None
    bits = depth * CHANNELS[colour]
    passes = PASSES if interlace else ((0, 0, 1, 1),)
    return sum(_pass_size(width, height, bits, one) for one in passes)


def _pass_size(width: int, height: int, bits: int, one: tuple[int, int, int, int]) -> int:
    x, y, across, down = one
    columns, rows = -(-(width - x) // across), -(-(height - y) // down)
    return rows * (1 + (columns * bits + 7) // 8) if columns > 0 and rows > 0 else 0
