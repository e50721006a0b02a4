"""Whether the scan worker finds what it must and its cells hold, before it takes work; `scanner` calls it first.

It also makes everything be imported that a scan imports late: in a cell nothing can be.
"""

import encodings
import gzip
import importlib
import io
import os
import pkgutil
import socket
import struct
import time
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from PIL import Image

from egress_review.checks import cell
from egress_review.checks.answers import read_answer
from egress_review.checks.child import Job
from egress_review.checks.limits import ScanLimits
from egress_review.checks.spool import Parcel, name_of
from egress_review.checks.worker import Work
from tidegate.model import TidegateError

PERMITTED: Final = ("csv", "gz", "ipynb", "jpeg", "json", "png", "txt", "zip")
TABLE: Final = b"group,n\ncases,120\n"
NOTEBOOK: Final = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
IMAGE: Final = "image.csv"
# Of another operating system.
NOT_HERE: Final = frozenset({"mbcs", "oem", "cp65001"})
SMALL: Final = cell.CellLimits(seconds=2.0, memory_bytes=256 * 1024 * 1024, output_bytes=1024)


def check_cells(works: Mapping[str, Work]) -> None:
    """Raises ``scanner_unfit``: nothing is scanned by a worker that failed here."""
    for module in pkgutil.iter_modules(encodings.__path__):
        if module.name not in NOT_HERE:
            importlib.import_module(f"encodings.{module.name}")
    for name, data in samples().items():
        works["scan"].compute(_job(name, data))
    for data in (picture("PNG"), picture("JPEG")):
        works["redraw"].compute(Parcel({}, data))
    failed = [*_misjudged(works), *_open_cells()]
    if failed:
        raise TidegateError("scanner_unfit", f"The scan worker failed its own test: {', '.join(failed)}.")


def samples() -> dict[str, bytes]:
    """One file of each class, made here; the last one must be blocked."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.csv", TABLE)
    return {
        "table.csv": TABLE,
        "notes.txt": "Grüße\n".encode("utf-16"),
        "metrics.json": b'{"auc": 0.9}',
        "walk.ipynb": NOTEBOOK,
        "tables.zip": packed.getvalue(),
        "table.csv.gz": gzip.compress(TABLE),
        "figure.png": picture("PNG"),
        "figure.jpeg": picture("JPEG"),
        IMAGE: image(),
    }


def picture(kind: str) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (16, 16), "navy").save(target, kind)
    return target.getvalue()


def image() -> bytes:
    """The smallest DICOM object: a preamble, and a few elements in order."""
    elements = [
        (0x0008, 0x0016, b"UI", b"1.2.840.10008.5.1.4.1.1.7\x00"),
        (0x0008, 0x0060, b"CS", b"MG"),
        (0x0010, 0x0010, b"PN", b"A^B "),
        (0x0010, 0x0020, b"LO", b"P0"),
    ]
    body = b"".join(struct.pack("<HH2sH", g, e, vr, len(value)) + value for g, e, vr, value in elements)
    syntax = b"1.2.840.10008.1.2.1\x00"
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", len(syntax)) + syntax
    length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta))
    return b"\x00" * 128 + b"DICM" + length + meta + body


def _job(name: str, data: bytes) -> Parcel:
    limits = ScanLimits()
    return Parcel({"limits": limits.as_json()}, Job.of(name, PERMITTED, limits, b"", data))


def _misjudged(works: Mapping[str, Work]) -> list[str]:
    """Samples whose verdict in a cell is not the right one."""
    wrong = []
    for name, data in samples().items():
        job = _job(name, data)
        told = cell.run(partial(works["scan"].compute, job), works["scan"].limits(job))
        codes = {finding.code for finding in read_answer(told.output, name, name_of(data), PERMITTED).findings}
        if ("DICOM.EMBEDDED" in codes) if name == IMAGE else not codes:
            continue
        wrong.append(f"{name} ({told.reason}, {sorted(codes)})")
    return wrong


def _open_cells() -> list[str]:
    """What a cell lets happen and must not."""
    return [what for what, (act, reason) in ACTS.items() if cell.run(partial(_after, act), SMALL).reason != reason]


def _after(act: Callable[[], object]) -> bytes:
    done = act()
    return done if isinstance(done, bytes) else b"done"


ACTS: Final[dict[str, tuple[Callable[[], object], cell.Reason]]] = {
    "a file was opened": (lambda: Path(os.devnull).read_bytes(), "crashed"),
    "a socket was made": (socket.socket, "crashed"),
    "a process was started": (os.fork, "crashed"),
    "the worker was signalled": (lambda: os.kill(os.getppid(), 0), "crashed"),
    "a hang was not ended": (lambda: time.sleep(60), "timeout"),
    "memory was not bounded": (lambda: bytes(SMALL.memory_bytes * 4), "memory"),
    "more was told than may be": (lambda: bytes(SMALL.output_bytes * 4), "output_limit"),
}
