"""Pictures a kernel may show: PNG and JPEG, rebuilt segment by segment. Nothing is decoded in the trusted process.

Called by `display`. Only what draws the picture is copied; text chunks, colour profiles, thumbnails and bytes after the
end are left behind, so a picture carries no second file.
"""

import binascii
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

MAX_BYTES: Final = 6_000_000
MAX_SIDE: Final = 16_384
MAX_PIXELS: Final = 64_000_000

PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
PNG_KEPT: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"sRGB", b"pHYs", b"IDAT", b"IEND"})
JPEG_MAGIC: Final = b"\xff\xd8\xff"
JPEG_END: Final = b"\xff\xd9"
JPEG_DROPPED: Final = frozenset(range(0xE1, 0xF0)) - {0xEE} | {0xFE}
JPEG_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
JPEG_SCAN: Final = 0xDA


class BadImageError(ValueError):
    """Not a picture of the kind it claims to be, or larger than a screen can use."""


def clean_png(data: bytes) -> bytes:
    chunks = list(_png_chunks(data))
    if not chunks or chunks[0][0] != b"IHDR" or chunks[-1][0] != b"IEND":
        raise BadImageError
    width, height = struct.unpack(">II", chunks[0][1][:8])
    _check_size(width, height)
    return PNG_MAGIC + b"".join(_png_chunk(kind, body) for kind, body in chunks if kind in PNG_KEPT)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not data.startswith(PNG_MAGIC):
        raise BadImageError
    position = len(PNG_MAGIC)
    kind = b""
    while kind != b"IEND":
        head = data[position : position + 8]
        if len(head) != 8:  # noqa: PLR2004 - a length and a name
            raise BadImageError
        length, kind = struct.unpack(">I4s", head)
        body = data[position + 8 : position + 8 + length]
        checksum = data[position + 8 + length : position + 12 + length]
        if len(body) != length or checksum != struct.pack(">I", zlib.crc32(kind + body)):
            raise BadImageError
        yield kind, body
        position += 12 + length


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def clean_jpeg(data: bytes) -> bytes:
    kept = [b"\xff\xd8"]
    sized = False
    for marker, segment in _jpeg_segments(data):
        if marker in JPEG_FRAMES:
            height, width = struct.unpack(">HH", segment[5:9])
            _check_size(width, height)
            sized = True
        if marker not in JPEG_DROPPED:
            kept.append(segment)
    if not sized:
        raise BadImageError
    return b"".join(kept)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker segments up to the first scan, then the scans in one piece to the first end mark."""
    end = data.find(JPEG_END)
    if not data.startswith(JPEG_MAGIC) or end < 0:
        raise BadImageError
    position = 2
    while position < len(data):
        head = data[position : position + 4]
        if len(head) != 4 or head[0] != 0xFF:  # noqa: PLR2004 - a marker and a length
            raise BadImageError
        marker, length = head[1], struct.unpack(">H", head[2:])[0]
        if marker == JPEG_SCAN:
            yield marker, data[position : _scan_end(data, position) + 2]
            return
        segment = data[position : position + 2 + length]
        if len(segment) != 2 + length or length < 2:  # noqa: PLR2004 - the length counts itself
            raise BadImageError
        yield marker, segment
        position += 2 + length
    raise BadImageError


def _scan_end(data: bytes, start: int) -> int:
    end = data.find(JPEG_END, start)
    if end < 0:
        raise BadImageError
    return end


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise BadImageError


CLEANERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {"image/png": clean_png, "image/jpeg": clean_jpeg}


def clean_image(media_type: str, text: object) -> str:
    """The base64 text of a picture, rebuilt; BadImageError for anything else."""
    if not isinstance(text, str) or len(text) > MAX_BYTES * 4 // 3 + 4:
        raise BadImageError
    try:
        data = binascii.a2b_base64("".join(text.split()), strict_mode=True)
        return binascii.b2a_base64(CLEANERS[media_type](data), newline=False).decode()
    except (ValueError, struct.error) as error:
        raise BadImageError from error
