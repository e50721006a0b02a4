"""Finds DICOM objects at any offset of any bytes. The one place of egress review that imports pydicom.

Two searches. The mark `DICM` starts a file wherever it stands, its preamble cut off or not. And a run of elements with
ascending tags and valid lengths is a data set even without the mark. Text that merely says DICM is fine: what follows
must parse.
"""

import io
import re
import struct
import warnings
from collections.abc import Iterator
from typing import Final

import pydicom
from pydicom.datadict import dictionary_has_tag

MARK: Final = b"DICM"
ENOUGH: Final = 3
ENOUGH_IMPLICIT: Final = 4
LONG_VR: Final = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
SHORT_VR: Final = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
VRS: Final = b"|".join(sorted(LONG_VR | SHORT_VR))
GROUPS: Final = rb"[\x02\x04\x08\x10\x18\x20\x28\x32\x38\x40\x54]"
LITTLE: Final = re.compile(rb"(?=" + GROUPS + rb"\x00..(?:" + VRS + rb"))", re.DOTALL)
BIG: Final = re.compile(rb"(?=\x00" + GROUPS + rb"..(?:" + VRS + rb"))", re.DOTALL)
IMPLICIT: Final = re.compile(rb"(?=[\x08\x10]\x00.\x00[\x00-\x80]\x00\x00\x00)", re.DOTALL)
UNDEFINED: Final = 0xFFFFFFFF


def offsets(data: bytes) -> Iterator[int]:
    """Where DICOM objects begin; stops at the first of each kind of search, which is enough to block."""
    marked = next((at for at in _marks(data) if _parses_after_mark(data, at)), None)
    if marked is not None:
        yield max(0, marked - 128)
        return
    for pattern, walk in ((LITTLE, _explicit_little), (BIG, _explicit_big), (IMPLICIT, _implicit)):
        run = next((at for at in _starts(pattern, data) if walk(data, at)), None)
        if run is not None:
            yield run
            return


def _marks(data: bytes) -> Iterator[int]:
    at = data.find(MARK)
    while at != -1:
        yield at
        at = data.find(MARK, at + 1)


def _starts(pattern: re.Pattern[bytes], data: bytes) -> Iterator[int]:
    for match in pattern.finditer(data):
        yield match.start()


def _parses_after_mark(data: bytes, at: int) -> bool:
    body = at + len(MARK)
    if _explicit_little(data, body) or _explicit_big(data, body) or _implicit(data, body):
        return True
    return _pydicom_reads(data[body : body + 65536])


def _pydicom_reads(body: bytes) -> bool:
    """Whether pydicom makes a data set of known tags of it; any failure says no."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read = pydicom.dcmread(io.BytesIO(bytes(128) + MARK + body), stop_before_pixels=True, force=True)
            tags = [*read.file_meta.keys(), *read.keys()]
        except Exception:  # noqa: BLE001 - hostile bytes make it fail in many ways
            return False
    return len(tags) >= ENOUGH and all(dictionary_has_tag(tag) for tag in tags)


def _explicit_little(data: bytes, at: int) -> bool:
    return _explicit(data, at, "<")


def _explicit_big(data: bytes, at: int) -> bool:
    return _explicit(data, at, ">")


def _explicit(data: bytes, at: int, order: str) -> bool:
    """At least three elements: ascending tags, a VR each, lengths that stay inside."""
    last = -1
    for _ in range(ENOUGH):
        header = data[at : at + 12]
        if len(header) < 8:  # noqa: PLR2004 - tag, VR and a short length
            return False
        group, element = struct.unpack_from(f"{order}HH", header)
        vr = header[4:6]
        tag = group << 16 | element
        if tag <= last or (vr not in SHORT_VR and vr not in LONG_VR):
            return False
        size = _explicit_size(header, vr, order)
        if size == UNDEFINED:
            return True
        if size is None or at + size > len(data):
            return False
        last, at = tag, at + size
    return True


def _explicit_size(header: bytes, vr: bytes, order: str) -> int | None:
    """The element's length with its header."""
    if vr in SHORT_VR:
        return 8 + int(struct.unpack_from(f"{order}H", header, 6)[0])
    if len(header) < 12:  # noqa: PLR2004 - tag, VR, two reserved bytes, long length
        return None
    length = int(struct.unpack_from(f"{order}I", header, 8)[0])
    return length if length == UNDEFINED else 12 + length


def _implicit(data: bytes, at: int) -> bool:
    """At least four elements with ascending tags of the dictionary; the VR is not written."""
    last = -1
    for _ in range(ENOUGH_IMPLICIT):
        if at + 8 > len(data):
            return False
        group, element, length = struct.unpack_from("<HHI", data, at)
        tag = group << 16 | element
        if tag <= last or not dictionary_has_tag(tag) or at + 8 + length > len(data):
            return False
        last, at = tag, at + 8 + length
    return True
