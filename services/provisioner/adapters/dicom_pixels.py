"""Looks for what hides among pixels. Called by `dicom.py`: for each frame of an RLE file, and for native pixels.

A decoder stops when it has its pixels and never looks at what is left in the segment; a viewer masks the bits above
those stored, where old devices put overlays. So the gate looks at both.
"""

import struct
from typing import Final

import numpy as np

HEADER: Final = 64
NO_OPERATION: Final = 128
WORD_BITS: Final = 16


def is_clean_rle(frame: memoryview, planes: int, plane_bytes: int) -> bool:
    """Whether one frame (PS3.5 annex G) holds its planes and nothing else but a byte of padding."""
    if len(frame) < HEADER:
        return False
    count, *offsets = struct.unpack_from("<16I", frame)
    used = offsets[:count]
    if count != planes or any(offsets[count:]) or used[0] != HEADER or used != sorted(set(used)):
        return False
    bounds = zip(used, [*used[1:], len(frame)], strict=True)
    return all(_is_clean_segment(bytes(frame[start:end]), plane_bytes) for start, end in bounds)


def has_empty_spare_bits(pixels: memoryview, bits_stored: int) -> bool:
    """Whether unsigned 16-bit pixels leave the bits above those stored at zero."""
    if not 0 < bits_stored <= WORD_BITS:
        return False
    words = np.frombuffer(pixels, dtype="<u2")
    return words.size == 0 or int(words.max()) >> bits_stored == 0


def _is_clean_segment(packed: bytes, expected: int) -> bool:
    at, made, size = 0, 0, len(packed)
    while made < expected and at < size:
        control = packed[at]
        if control < NO_OPERATION:
            made += control + 1
            at += control + 2
        elif control > NO_OPERATION:
            made += 257 - control
            at += 2
        else:
            at += 1
    return made == expected and (at == size or (at == size - 1 and packed[at] == 0))
