"""A strict walk over the bytes of a DICOM data set; `dicom.py` calls it for the file's meta group and for its body.

Tolerant readers skip what they do not understand, and what is skipped is not judged. Here each byte belongs to an
element, or the file is unreadable: order, lengths, reserved bytes and delimiters must be as PS3.5 section 7 says.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from pydicom.datadict import dictionary_has_tag, dictionary_keyword, dictionary_VR

from provisioner.domain.elements import Element, GateCode, UnreadableError, Value

UNDEFINED: Final = 0xFFFFFFFF
LONGEST_TEXT: Final = 64 * 1024
MOST_DEPTH: Final = 16
MOST_ELEMENTS: Final = 200_000
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA: Final = 0x7FE00010
CHARACTER_SET: Final = 0x00080005
LONG_VRS: Final = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
SHORT_VRS: Final = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
PIXEL_VRS: Final = frozenset({"OB", "OW"})
ONE_TEXT: Final = frozenset({"LT", "ST", "UR", "UT"})
IN_ASCII: Final = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "TM", "UI", "UN", "UR"})
IN_CHARACTER_SET: Final = frozenset({"LO", "LT", "PN", "SH", "ST", "UC", "UT"})
PACKED: Final = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "SV": "q", "UL": "I", "US": "H", "UV": "Q", "AT": "I"}
CHARACTER_SETS: Final = {"ISO_IR 100": "latin-1", "ISO_IR 192": "utf-8"}
# Where the dictionary leaves the choice to other elements, the one that loses nothing for the gate.
AMBIGUOUS: Final = {"US or SS": "US", "OB or OW": "OW", "US or OW": "OW", "US or SS or OW": "OW"}


@dataclass(frozen=True, slots=True)
class Syntax:
    """How this stretch is encoded (always little-endian), and the only group to read where there is just one."""

    explicit: bool
    only_group: int | None = None
    encoding: str = "ascii"


@dataclass(frozen=True, slots=True)
class FoundPixels:
    """Where the pixel data lies. `fragments` is None where it is native; `offsets` counts the offset table."""

    length: int
    fragments: list[tuple[int, int]] | None = None
    offsets: int = 0
    start: int = 0


@dataclass(slots=True)
class Found:
    """What a walk gathers."""

    elements: list[Element] = field(default_factory=list)
    pixels: FoundPixels | None = None
    end: int = 0


@dataclass(frozen=True, slots=True)
class _Head:
    tag: int
    vr: str
    length: int
    start: int
    end: int

    @property
    def name(self) -> str:
        return f"({self.tag >> 16:04X},{self.tag & 0xFFFF:04X})"


def read_dataset(data: memoryview, start: int, syntax: Syntax) -> Found:
    """All elements from `start` to the end of the file, or to the end of the only group asked for."""
    walker = _Walker(data, syntax)
    try:
        walker.found.end = walker.dataset(start, len(data), "", 0)
    except (struct.error, UnicodeDecodeError, RecursionError):
        raise UnreadableError(GateCode.PARSE_FAILED) from None
    return walker.found


class _Walker:
    def __init__(self, data: memoryview, syntax: Syntax) -> None:
        self.data = data
        self.syntax = syntax
        self.found = Found()

    def dataset(self, at: int, end: int, prefix: str, depth: int, *, delimited: bool = False) -> int:
        """Elements until `end`, or until the item's delimiter. Returns the position behind the last byte read."""
        if depth > MOST_DEPTH:
            raise UnreadableError(GateCode.PARSE_FAILED, prefix.rstrip("/"))
        last, creators = -1, dict[int, str]()
        while at < end:
            if not delimited and depth == 0 and self._leftover(at, end):
                return at
            head = self.head(at, end)
            if delimited and head.tag == ITEM_END:
                return _behind_delimiter(head, prefix)
            if head.tag <= last or len(self.found.elements) >= MOST_ELEMENTS:
                raise UnreadableError(GateCode.PARSE_FAILED, prefix + head.name)
            last = head.tag
            at = self.element(head, end, prefix, depth, creators)
        if at != end or delimited:
            raise UnreadableError(GateCode.PARSE_FAILED, prefix.rstrip("/"))
        return at

    def _leftover(self, at: int, end: int) -> bool:
        """At the top: bytes that no element can begin with, or the next group where only one was asked for."""
        if end - at < 8:  # noqa: PLR2004 - the shortest element
            return True
        group = int.from_bytes(self.data[at : at + 2], "little")
        if self.syntax.only_group is not None:
            return group != self.syntax.only_group
        return self.found.pixels is not None and not self._plausible(at)

    def _plausible(self, at: int) -> bool:
        """Behind the pixels an element may follow (padding, a signature); anything else is trailing bytes."""
        return not self.syntax.explicit or bytes(self.data[at + 4 : at + 6]) in LONG_VRS | SHORT_VRS

    def head(self, at: int, end: int) -> _Head:
        group, number = struct.unpack_from("<HH", self.data, at)
        tag = group << 16 | number
        if group == 0xFFFE or not self.syntax.explicit:  # noqa: PLR2004 - items have no VR
            (length,) = struct.unpack_from("<I", self.data, at + 4)
            return self._bounded(_Head(tag, _dictionary_vr(tag), length, at + 8, end), end)
        code = bytes(self.data[at + 4 : at + 6])
        if code in SHORT_VRS:
            (length,) = struct.unpack_from("<H", self.data, at + 6)
            return self._bounded(_Head(tag, code.decode(), length, at + 8, end), end)
        reserved, length = struct.unpack_from("<HI", self.data, at + 6)
        if code not in LONG_VRS or reserved:
            raise UnreadableError(GateCode.PARSE_FAILED, _Head(tag, "", 0, 0, 0).name)
        return self._bounded(_Head(tag, code.decode(), length, at + 12, end), end)

    def _bounded(self, head: _Head, end: int) -> _Head:
        if head.length == UNDEFINED:
            return head
        stop = head.start + head.length
        if stop > end or head.length % 2:
            raise UnreadableError(GateCode.PARSE_FAILED, head.name)
        return replace(head, end=stop)

    def element(self, head: _Head, end: int, prefix: str, depth: int, creators: dict[int, str]) -> int:
        path = prefix + head.name
        if head.vr == "SQ":
            self._add(head, path, (), creators)
            return self.items(head, end, path, depth)
        if head.length == UNDEFINED:
            return self.fragments(head, end, path, depth, creators)
        if head.tag == PIXEL_DATA and depth == 0:
            self.found.pixels = FoundPixels(head.length, start=head.start)
        values = self.values(head)
        if head.tag == CHARACTER_SET and depth == 0:
            self.syntax = replace(self.syntax, encoding=CHARACTER_SETS.get(str((values or ("",))[0]), "ascii"))
        self._add(head, path, values, creators)
        return head.end

    def _add(self, head: _Head, path: str, values: tuple[Value, ...] | None, creators: dict[int, str]) -> None:
        if head.tag >> 16 & 1 and 0x10 <= head.tag & 0xFFFF <= 0xFF and values:  # noqa: PLR2004 - PS3.5 section 7.8.1
            creators[head.tag] = str(values[0])
        creator = creators.get(head.tag & 0xFFFF0000 | head.tag >> 8 & 0xFF) if head.tag >> 16 & 1 else None
        keyword = dictionary_keyword(head.tag) if dictionary_has_tag(head.tag) else ""
        self.found.elements.append(Element(path, head.name, head.vr, keyword, head.length, values, creator))

    def items(self, head: _Head, end: int, path: str, depth: int) -> int:
        at, stop, index = head.start, end if head.length == UNDEFINED else head.end, 0
        while at < stop:
            item = self.head(at, stop)
            if item.tag == SEQUENCE_END and head.length == UNDEFINED:
                return _behind_delimiter(item, path)
            if item.tag != ITEM:
                raise UnreadableError(GateCode.PARSE_FAILED, path)
            open_end = item.length == UNDEFINED
            last = stop if open_end else item.end
            at = self.dataset(item.start, last, f"{path}[{index}]/", depth + 1, delimited=open_end)
            index += 1
        if head.length == UNDEFINED:
            raise UnreadableError(GateCode.PARSE_FAILED, path)
        return at

    def fragments(self, head: _Head, end: int, path: str, depth: int, creators: dict[int, str]) -> int:
        """Encapsulated pixels: an offset table, fragments, a delimiter."""
        if head.vr not in PIXEL_VRS or not self.syntax.explicit:
            raise UnreadableError(GateCode.PARSE_FAILED, path)
        at, pieces = head.start, list[tuple[int, int]]()
        while True:
            item = self.head(at, end)
            if item.tag == SEQUENCE_END:
                break
            if item.tag != ITEM or item.length == UNDEFINED:
                raise UnreadableError(GateCode.PARSE_FAILED, path)
            pieces.append((item.start, item.end))
            at = item.end
        table = pieces[0] if pieces else (0, 0)
        if head.tag == PIXEL_DATA and depth == 0:
            self.found.pixels = FoundPixels(at - head.start, pieces[1:], (table[1] - table[0]) // 4)
        self._add(head, path, (), creators)
        return _behind_delimiter(item, path)

    def values(self, head: _Head) -> tuple[Value, ...] | None:
        """None where the bytes cannot be what the VR says, or are of a VR the gate never looks into."""
        raw = self.data[head.start : head.end]
        if not raw or (head.tag == PIXEL_DATA and head.vr in PIXEL_VRS):
            return ()
        reader = READERS.get(head.vr)
        if reader is None or len(raw) > LONGEST_TEXT:
            return None
        try:
            return reader(bytes(raw), head.vr, self.syntax.encoding)
        except (struct.error, UnicodeDecodeError):
            return None


def _behind_delimiter(head: _Head, path: str) -> int:
    if head.length:
        raise UnreadableError(GateCode.PARSE_FAILED, path.rstrip("/"))
    return head.start


def _dictionary_vr(tag: int) -> str:
    if (tag >> 16) % 2:
        return "LO" if 0x10 <= tag & 0xFFFF <= 0xFF else "UN"  # noqa: PLR2004 - a private creator
    if tag & 0xFFFF == 0:
        return "UL"
    vr = dictionary_VR(tag) if dictionary_has_tag(tag) else "UN"
    return AMBIGUOUS.get(vr, vr)


def _text(raw: bytes, vr: str, encoding: str) -> tuple[Value, ...]:
    text = raw.decode("ascii" if vr in IN_ASCII else encoding).rstrip(" \0")
    if not text:
        return ()
    return (text,) if vr in ONE_TEXT else tuple(part.strip(" ") for part in text.split("\\"))


def _numbers(raw: bytes, vr: str, _encoding: str) -> tuple[Value, ...]:
    sign = PACKED[vr]
    return struct.unpack(f"<{len(raw) // struct.calcsize('<' + sign)}{sign}", raw)


def _version(raw: bytes, _vr: str, _encoding: str) -> tuple[Value, ...]:
    """Short binary values as hexadecimal text, so that a list can name them."""
    return (raw.hex(),)


READERS: Final[dict[str, Callable[[bytes, str, str], tuple[Value, ...]]]] = {
    **dict.fromkeys(IN_ASCII | IN_CHARACTER_SET, _text),
    **dict.fromkeys(PACKED, _numbers),
    "OB": _version,
}
