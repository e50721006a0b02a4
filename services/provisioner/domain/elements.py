"""A DICOM file as the de-identification gate sees it: elements in order, at every depth, without a DICOM library.

`adapters/dicom.py` yields these; `gate.py` judges them. Values never appear in a `repr`, so no log or traceback that
prints an element can carry one.
"""

from dataclasses import dataclass, field
from enum import StrEnum

Value = str | int | float


class GateCode(StrEnum):
    """Why a file is refused, gravest first: a file's own code is the first of these it earned."""

    PARSE_FAILED = "PARSE_FAILED"
    TRANSFER_SYNTAX = "TRANSFER_SYNTAX"
    SOP_CLASS_NOT_ALLOWED = "SOP_CLASS_NOT_ALLOWED"
    SOP_UID_MISMATCH = "SOP_UID_MISMATCH"
    ENCAPSULATED = "ENCAPSULATED"
    BURNED_IN = "BURNED_IN"
    IDENTITY_NOT_REMOVED = "IDENTITY_NOT_REMOVED"
    PREAMBLE_NOT_ZERO = "PREAMBLE_NOT_ZERO"
    META_NOT_MINIMAL = "META_NOT_MINIMAL"
    META_VALUE = "META_VALUE"
    TRAILING_BYTES = "TRAILING_BYTES"
    OVERLAY = "OVERLAY"
    CURVE = "CURVE"
    ICON = "ICON"
    PRIVATE_TAG = "PRIVATE_TAG"
    PRIVATE_CREATOR = "PRIVATE_CREATOR"
    TAG_NOT_ALLOWED = "TAG_NOT_ALLOWED"
    REQUIRED_MISSING = "REQUIRED_MISSING"
    VR_MISMATCH = "VR_MISMATCH"
    VALUE_COUNT = "VALUE_COUNT"
    VALUE_UNREADABLE = "VALUE_UNREADABLE"
    VALUE_NOT_EMPTY = "VALUE_NOT_EMPTY"
    VALUE_NOT_LISTED = "VALUE_NOT_LISTED"
    TEXT_PATTERN = "TEXT_PATTERN"
    RULE_NEEDS_PATTERN = "RULE_NEEDS_PATTERN"
    NUMBER_FORM = "NUMBER_FORM"
    UID_ROOT = "UID_ROOT"
    DATE_INVALID = "DATE_INVALID"
    DATE_IN_FUTURE = "DATE_IN_FUTURE"
    DATE_NOT_SHIFTED = "DATE_NOT_SHIFTED"
    PIXEL_LENGTH = "PIXEL_LENGTH"
    PIXEL_PADDING = "PIXEL_PADDING"
    DUPLICATE_UID = "DUPLICATE_UID"


SEVERITY = {code: rank for rank, code in enumerate(GateCode)}


class UnreadableError(Exception):
    """The strict reader could not get to the end of the file. Carries a code and a place, never bytes of the file."""

    def __init__(self, code: GateCode, path: str = "") -> None:
        super().__init__(code, path)
        self.code = code
        self.path = path


@dataclass(frozen=True, slots=True)
class Element:
    """One data element.

    `path` is ``(0054,0220)[0]/(0008,0100)``. `values` is None where the bytes are not what the VR says, and empty where
    there is no value. `creator` is the private creator of the element's block, None where the block names none.
    """

    path: str
    tag: str
    vr: str
    keyword: str
    length: int
    values: tuple[Value, ...] | None = field(repr=False)
    creator: str | None = field(default=None, repr=False)

    @property
    def group(self) -> int:
        return int(self.tag[1:5], 16)

    @property
    def number(self) -> int:
        return int(self.tag[6:10], 16)

    @property
    def is_private(self) -> bool:
        return self.group % 2 == 1

    @property
    def is_creator(self) -> bool:
        return self.is_private and 0x10 <= self.number <= 0xFF  # noqa: PLR2004 - PS3.5 section 7.8.1

    @property
    def parent(self) -> str:
        """Path of the sequence it lies in, empty at the top."""
        return self.path.rpartition("[")[0] if "/" in self.path else ""

    @property
    def place(self) -> str:
        """The path without item numbers: what the allow-list is keyed by."""
        return "/".join(part.partition("[")[0] for part in self.path.split("/"))


@dataclass(frozen=True, slots=True)
class Pixels:
    """The shape of the pixel data. `clean` is False where bytes lie in it that no pixel is made of."""

    encapsulated: bool
    length: int
    fragments: int = 0
    offsets: int = 0
    clean: bool = True


@dataclass(frozen=True, slots=True)
class Walk:
    """A whole file: each byte of it is in the preamble, an element, the pixels or `trailing`.

    `readers_agree` is False where the library the researcher will use understands the file differently.
    """

    transfer_syntax: str
    preamble_zero: bool
    meta: tuple[Element, ...]
    elements: tuple[Element, ...]
    pixels: Pixels | None
    trailing: int
    readers_agree: bool = True
