"""zip and gz. Members are parsed again; headers, gaps and comments are accounted for, since unpackers ignore them."""

import io
import stat
import struct
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import Final

from egress_review.checks.catalogue import found
from egress_review.checks.limits import ScanLimits
from egress_review.checks.parts import Budget, Member, NotThisType, Parsed, Text

ZIP: Final = b"PK\x03\x04"
ZIP_EMPTY: Final = b"PK\x05\x06"
GZ: Final = b"\x1f\x8b\x08"
ENCRYPTED: Final = 0x1
DESCRIPTOR: Final = 0x8
DESCRIPTORS: Final = frozenset({12, 16, 20, 24})
LOCAL_HEADER: Final = 30
PERMITTED_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
GZ_NAME: Final = 0x08
GZ_COMMENT: Final = 0x10
GZ_OTHER: Final = 0xE6


def parse_zip(data: bytes, location: str, budget: Budget, limits: ScanLimits) -> Parsed:
    """An archive whose entries lie end to end from the first byte to the directory.

    Raises:
        NotThisType: its directory cannot be read, or an entry's content is broken.
    """
    parsed = Parsed("zip")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
            parsed.texts.append(Text(f"{location} > comment", archive.comment.decode("utf-8", "replace")))
            for entry in entries:
                _entry(archive, entry, location, parsed, budget, limits)
            _check_tiling(data, entries, archive.start_dir, location, parsed)
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, struct.error, NotImplementedError) as error:
        raise NotThisType from error
    return parsed


def _entry(
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    location: str,
    parsed: Parsed,
    budget: Budget,
    limits: ScanLimits,
) -> None:
    here = f"{location} > {entry.filename[:120]}"
    parsed.texts.append(Text(f"{here} (name)", entry.filename))
    parsed.texts.append(Text(f"{here} (comment)", entry.comment.decode("utf-8", "replace")))
    parsed.blobs.append(Member(f"{here} (extra)", "extra", entry.extra))
    problem = _problem(entry, budget, limits)
    if problem:
        parsed.findings.append(found(problem, here))
    elif not entry.is_dir():
        with archive.open(entry) as stream:
            content = stream.read(entry.file_size + 1)
        parsed.members.append(Member(here, PurePosixPath(entry.filename).name, content))


def _problem(entry: zipfile.ZipInfo, budget: Budget, limits: ScanLimits) -> str:
    """The code of what forbids reading this entry, or nothing."""
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    mode = entry.external_attr >> 16
    if path.is_absolute() or ".." in path.parts or ":" in entry.filename or stat.S_ISLNK(mode):
        return "BOX.UNSAFE_PATH"
    if entry.flag_bits & ENCRYPTED:
        return "BOX.ENCRYPTED"
    if entry.compress_type not in PERMITTED_METHODS:
        return "REST.UNPARSED"
    ratio = entry.file_size > limits.ratio_from and entry.file_size > limits.ratio * max(entry.compress_size, 1)
    return "BOX.BOMB" if ratio or not budget.take_member() or not budget.take(entry.file_size) else ""


def _check_tiling(data: bytes, entries: list[zipfile.ZipInfo], directory: int, location: str, parsed: Parsed) -> None:
    """A byte before, between or after the entries, or after the directory, belongs to nobody."""
    at = 0
    for entry in entries:
        if entry.header_offset != at:
            parsed.findings.append(found("REST.UNPARSED", f"{location} > byte {at}"))
        name, extra = struct.unpack_from("<HH", data, entry.header_offset + 26)
        at = entry.header_offset + LOCAL_HEADER + name + extra + entry.compress_size
        at += _descriptor(data, at, entry)
    if at != directory:
        parsed.findings.append(found("REST.UNPARSED", f"{location} > byte {at}"))


def _descriptor(data: bytes, at: int, entry: zipfile.ZipInfo) -> int:
    """The length of the record after a streamed entry, by what stands there."""
    if not entry.flag_bits & DESCRIPTOR:
        return 0
    signed = data[at : at + 4] == b"PK\x07\x08"
    start = at + 4 if signed else at
    wide = data[start + 4 : start + 20] == struct.pack("<QQ", entry.compress_size, entry.file_size)
    return start - at + (20 if wide else 12)


def parse_gz(data: bytes, location: str, name: str, budget: Budget, limits: ScanLimits) -> Parsed:
    """One gzip member with one file in it.

    Raises:
        NotThisType: its header or its stream is broken.
    """
    if not data.startswith(GZ) or len(data) < 18 or data[3] & GZ_OTHER:  # noqa: PLR2004 - header and trailer
        raise NotThisType
    parsed = Parsed("gz", texts=_gz_texts(data, location))
    stream = zlib.decompressobj(wbits=31)
    most = max(limits.ratio_from, min(limits.unpacked_bytes, limits.ratio * len(data)))
    try:
        content = stream.decompress(data, most + 1)
    except zlib.error as error:
        raise NotThisType from error
    if len(content) > most or not budget.take_member() or not budget.take(len(content)):
        parsed.findings.append(found("BOX.BOMB", location))
        return parsed
    if not stream.eof:
        raise NotThisType
    if stream.unused_data:
        parsed.findings.append(found("REST.TRAILING", location))
    inner = name.removesuffix(".gz")
    parsed.members.append(Member(f"{location} > {inner[:120]}", inner, content))
    return parsed


def _gz_texts(data: bytes, location: str) -> list[Text]:
    """The name and the comment a header may carry."""
    at, texts = 10, []
    for bit, label in ((GZ_NAME, "name"), (GZ_COMMENT, "comment")):
        if data[3] & bit:
            end = data.find(b"\0", at)
            if end == -1:
                raise NotThisType
            texts.append(Text(f"{location} ({label})", data[at:end].decode("latin-1")))
            at = end + 1
    return texts
