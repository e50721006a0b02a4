"""Files as honest people and attackers would send them, made in memory, and a cohort pack to hold them against."""

import base64
import gzip
import hashlib
import io
import json
import struct
import unicodedata
import zipfile
import zlib
from typing import Any

import pydicom
from pydicom.data import get_testdata_file
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from egress_review.checks.finding import Finding
from egress_review.checks.identifiers import Pack
from egress_review.checks.inspection import inspect
from egress_review.checks.limits import ScanLimits

SALT = "5a" * 32
UID = "1.3.6.1.4.1.9590.100.1.2.100018879311824535125115145152454291132"
PATIENT = "P_00038"
ACCESSION = "20150417093"
SPACED = "Patient 0007^A"
IDS = (UID, PATIENT, ACCESSION, SPACED, f"{UID}.dcm")
PERMITTED = frozenset({"csv", "tsv", "txt", "md", "log", "json", "png", "jpeg", "ipynb", "zip", "gz"})
LIMITS = ScanLimits()
TABLE = b"group,n,mean\ncases,120,0.42\ncontrols,240,0.31\n"


def hashed(identifier: str) -> str:
    plain = unicodedata.normalize("NFKC", identifier).casefold().strip()
    return hashlib.sha256((SALT + plain).encode()).hexdigest()


def pack_document(files: tuple[bytes, ...] = ()) -> dict[str, Any]:
    return {
        "project": "breast-density",
        "version": 1,
        "manifest_sha256": "0" * 64,
        "salt": SALT,
        "ids": sorted(hashed(identifier) for identifier in IDS),
        "file_sha256": [hashlib.sha256(data).hexdigest() for data in files],
    }


def pack(files: tuple[bytes, ...] = ()) -> Pack:
    return Pack.read(json.dumps(pack_document(files)).encode())


def look(name: str, data: bytes, *, permitted: frozenset[str] = PERMITTED, limits: ScanLimits = LIMITS) -> set[str]:
    """Codes that a scan gives."""
    return {finding.code for finding in findings(name, data, permitted=permitted, limits=limits)}


def findings(
    name: str, data: bytes, *, permitted: frozenset[str] = PERMITTED, limits: ScanLimits = LIMITS
) -> tuple[Finding, ...]:
    return inspect(name, data, permitted, pack(), limits)[1]


def kind(name: str, data: bytes) -> str:
    return inspect(name, data, PERMITTED, pack(), LIMITS)[0]


def dicom_file(name: str = "CT_small.dcm") -> bytes:
    path = get_testdata_file(name, download=False)
    assert isinstance(path, str)
    with open(path, "rb") as stream:  # noqa: PTH123
        return stream.read()


def data_set(*, implicit: bool = False, little: bool = True) -> bytes:
    """The head of a data set alone: no preamble, no mark, no file meta."""
    read = pydicom.dcmread(io.BytesIO(dicom_file()))
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = little, implicit
    wanted = [element.tag for element in read if element.VR not in {"OW", "OB", "SQ", "US or SS"}][:20]
    write_dataset(out, pydicom.Dataset({tag: read[tag] for tag in wanted}))
    return out.getvalue()


def png(*, extra: tuple[tuple[bytes, bytes], ...] = (), trailing: bytes = b"", size: tuple[int, int] = (8, 8)) -> bytes:
    width, height = size
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    samples = b"".join(b"\0" + bytes((x * 7 + y) % 256 for x in range(width)) for y in range(height))
    chunks = ((b"IHDR", header), *extra, (b"IDAT", zlib.compress(samples)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in chunks) + trailing


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def jpeg(*, extra: bytes = b"", trailing: bytes = b"") -> bytes:
    """The marks and segments of a JPEG; its samples are of no interest to a parser of segments."""
    jfif = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
    frame = segment(0xDB, bytes(65)) + segment(0xC0, bytes(9)) + segment(0xC4, bytes(20))
    return b"\xff\xd8" + jfif + extra + frame + segment(0xDA, bytes(6)) + b"\x12\xff\x00\x34\xff\xd9" + trailing


def segment(mark: int, body: bytes) -> bytes:
    return bytes((0xFF, mark)) + struct.pack(">H", len(body) + 2) + body


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return out.getvalue()


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def notebook(*, text: str = "", picture: bytes = b"", metadata: dict[str, Any] | None = None) -> bytes:
    outputs: list[dict[str, Any]] = [
        {"output_type": "stream", "name": "stdout", "text": text.splitlines(keepends=True)}
    ]
    if picture:
        data = {"image/png": base64.b64encode(picture).decode()}
        outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": outputs, "source": ["df.mean()"]}
    return json.dumps({"cells": [cell], "metadata": metadata or {}, "nbformat": 4, "nbformat_minor": 5}).encode()
