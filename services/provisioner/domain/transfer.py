"""What a file must be to enter the vault, what the journal remembers of it, and what a waiting person sees.

The XNAT adapter feeds bytes to a `Measure` as they arrive and asks `verdict` at the end; the journal is one
`Entry` a file, and a restarted pull skips only what an entry and the blob itself both vouch for.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from provisioner.domain.plan import PlanLine

MAGIC_AT: Final = 128
MAGIC: Final = b"DICM"
HTML_STARTS: Final = (b"<!doctype", b"<html")


class Code(StrEnum):
    """Every way a pull can fail or refuse a file. The names are stable; pages and runbooks refer to them."""

    DIGEST_MISSING = "DIGEST_MISSING"
    DIGEST_WRONG = "DIGEST_WRONG"
    LENGTH_WRONG = "LENGTH_WRONG"
    NOT_DICOM = "NOT_DICOM"
    XNAT_ANSWERED_HTML = "XNAT_ANSWERED_HTML"
    XNAT_LOGIN_REFUSED = "XNAT_LOGIN_REFUSED"
    XNAT_REFUSED = "XNAT_REFUSED"
    XNAT_UNREACHABLE = "XNAT_UNREACHABLE"
    XNAT_ANSWER_UNREADABLE = "XNAT_ANSWER_UNREADABLE"
    DISK_FULL = "DISK_FULL"
    STORE_FAILED = "STORE_FAILED"


class Measure:
    """Length, MD5, SHA-256 and the first bytes of a stream, each byte looked at once."""

    def __init__(self) -> None:
        self.size = 0
        self.head = b""
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    def feed(self, chunk: bytes) -> None:
        missing = MAGIC_AT + len(MAGIC) - len(self.head)
        if missing > 0:
            self.head += chunk[:missing]
        self.size += len(chunk)
        self._md5.update(chunk)
        self._sha256.update(chunk)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def md5(self) -> str:
        return self._md5.hexdigest()

    @property
    def is_dicom(self) -> bool:
        return self.head[MAGIC_AT:] == MAGIC

    @property
    def is_html(self) -> bool:
        return self.head.lstrip()[:16].lower().startswith(HTML_STARTS)


def verdict(measure: Measure, line: PlanLine) -> Code | None:
    """What is wrong with the bytes that came for `line`; None where nothing is.

    A page of HTML is told apart from a file that is merely not DICOM by the digest: bytes that match it are what
    the archive holds, whatever they look like; bytes that do not are an answer in the file's place.
    """
    if measure.md5 == line.md5:
        return Code.LENGTH_WRONG if measure.size != line.size else None if measure.is_dicom else Code.NOT_DICOM
    if measure.is_html:
        return Code.XNAT_ANSWERED_HTML
    return Code.LENGTH_WRONG if measure.size != line.size else Code.DIGEST_WRONG


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal line: this file is finished, either stored (`code` empty) or refused with a code."""

    uri: str
    size: int
    md5: str
    sha256: str
    code: str = ""
    at: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    def answers(self, line: PlanLine) -> bool:
        """Whether the entry is about this line as the server lists it now."""
        return (self.uri, self.size, self.md5) == (line.uri, line.size, line.md5)


def read_entries(text: Iterable[str]) -> dict[str, Entry]:
    """The journal by URI, the last entry winning; a torn line (a crash while writing) counts as not written."""
    entries: dict[str, Entry] = {}
    for row in text:
        try:
            entry = Entry(**json.loads(row))
        except (ValueError, TypeError):
            continue
        entries[entry.uri] = entry
    return entries


@dataclass(frozen=True, slots=True)
class PulledFile:
    """A verified file and the blob that holds it."""

    line: PlanLine
    sha256: str
    size: int
    blob_path: Path


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that stays out, with the reason's code and, where one is to blame, the DICOM tag; never a value."""

    line: PlanLine
    code: str
    tag: str = ""


@dataclass(frozen=True, slots=True)
class PullResult:
    """Every line of the plan is in exactly one of the two."""

    files: tuple[PulledFile, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class PullProgress:
    """What the waiting person sees. `seconds` is how long this run took so far; `fresh_bytes` what it fetched."""

    done: int
    total: int
    bytes_done: int
    bytes_total: int
    fresh_bytes: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Bytes a second of this run; 0 where nothing was fetched yet."""
        return self.fresh_bytes / self.seconds if self.seconds > 0 else 0.0

    @property
    def eta(self) -> float | None:
        """Seconds still to go at this rate; None while that cannot be told."""
        left = self.bytes_total - self.bytes_done
        if left <= 0:
            return 0.0
        return left / self.rate if self.rate > 0 else None


def blob_path(vault: Path, sha256: str) -> Path:
    """Where the vault keeps the bytes with this SHA-256."""
    return vault / sha256[:2] / sha256
