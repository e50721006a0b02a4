"""Finds binary data written as text: base64 and hexadecimal, in one run, over lines, or torn apart by separators."""

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from typing import Final

LONG: Final = 2048
RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{2048,}={0,2}")
HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){1024,}")
NOISE: Final = re.compile(r"[^A-Za-z0-9+/_-]+")
SHORTEST_TORN: Final = 64


def runs(text: str) -> Iterator[tuple[int, bytes]]:
    """Unbroken runs: offset and what they decode to. Nothing innocent looks like this."""
    for match in HEX.finditer(text):
        yield match.start(), bytes.fromhex(match[0])
    for match in RUN.finditer(text):
        if not HEX.fullmatch(match[0]):
            yield match.start(), unbase64(match[0])


def torn(text: str) -> Iterator[bytes]:
    """What long stretches would decode to with separators taken out, at each of the four alignments.

    Ordinary prose and lists of hashes give noise here, so this is only searched and proves nothing by itself.
    """
    joined = NOISE.sub("", text)
    if len(joined) == len(text):
        return
    for match in RUN.finditer(joined):
        for shift in range(4):
            yield unbase64(match[0][shift:])
    for match in HEX.finditer(joined):
        for shift in range(2):
            run = match[0][shift:]
            yield bytes.fromhex(run[: len(run) // 2 * 2])


def unbase64(run: str) -> bytes:
    """Both alphabets, with or without padding; a broken end is left out."""
    plain = run.rstrip("=").replace("-", "+").replace("_", "/")
    whole = plain[: len(plain) - (len(plain) % 4 == 1)]
    try:
        return base64.b64decode(whole + "=" * (-len(whole) % 4))
    except binascii.Error:  # pragma: no cover  # alphabet and length are as base64 wants them
        return b""


def inflated(data: bytes, most: int) -> bytes:
    """What a zlib or gzip stream at the start holds, up to `most` bytes; empty where there is none."""
    try:
        return zlib.decompressobj(wbits=47).decompress(data, most)
    except zlib.error:
        return b""
