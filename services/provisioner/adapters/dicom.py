"""Reads a DICOM file for the gate: every byte is named, nothing is decoded that the gate does not look at.

The cohort pipeline hands each pulled file to `DicomReader`. The strict walk (`dicom_bytes.py`) accounts for each byte;
pydicom, which the researcher will use, reads the file besides, and both must have found the same elements: a file that
two readers understand differently could show one of them what the other never judged.
"""

import mmap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pydicom

from provisioner.adapters.dicom_bytes import Found, FoundPixels, Syntax, read_dataset
from provisioner.adapters.dicom_pixels import WORD_BITS, has_empty_spare_bits, is_clean_rle
from provisioner.domain.elements import Element, GateCode, Pixels, UnreadableError, Walk

PREAMBLE: Final = 128
MAGIC: Final = b"DICM"
EXPLICIT: Final = "1.2.840.10008.1.2.1"
RLE: Final = "1.2.840.10008.1.2.5"
SYNTAXES: Final = {
    "1.2.840.10008.1.2": Syntax(explicit=False),
    EXPLICIT: Syntax(explicit=True),
    RLE: Syntax(explicit=True),
}
PIXEL_DATA: Final = "(7FE0,0010)"


class DicomReader:
    """The `ImageReader` of the cohort pipeline."""

    def walk(self, path: Path) -> Walk:
        """Raises UnreadableError where the file cannot be read to its end."""
        with _mapped(path) as data:
            if bytes(data[PREAMBLE : PREAMBLE + len(MAGIC)]) != MAGIC:
                raise UnreadableError(GateCode.PARSE_FAILED)
            return _walk(path, data)


def _walk(path: Path, data: memoryview) -> Walk:
    meta = read_dataset(data, PREAMBLE + len(MAGIC), Syntax(explicit=True, only_group=0x0002))
    transfer_syntax = next((str(e.values[0]) for e in meta.elements if e.tag == "(0002,0010)" and e.values), "")
    syntax = SYNTAXES.get(transfer_syntax)
    if syntax is None:
        raise UnreadableError(GateCode.TRANSFER_SYNTAX, "(0002,0010)")
    body = read_dataset(data, meta.end, syntax)
    return Walk(
        transfer_syntax=transfer_syntax,
        preamble_zero=not any(data[:PREAMBLE]),
        meta=tuple(meta.elements),
        elements=tuple(body.elements),
        pixels=_pixels(data, body, transfer_syntax),
        trailing=len(data) - body.end,
        readers_agree=_second_reading(path) == _places(body.elements),
    )


def _pixels(data: memoryview, body: Found, transfer_syntax: str) -> Pixels | None:
    found = body.pixels
    if found is None or found.fragments is None:
        return None if found is None else _native(data, body, found, transfer_syntax)
    frame_bytes = _number(body, "(0028,0010)") * _number(body, "(0028,0011)")
    planes = _number(body, "(0028,0002)") * (_number(body, "(0028,0100)") // 8)
    clean = transfer_syntax == RLE and all(
        is_clean_rle(data[start:end], planes, frame_bytes) for start, end in found.fragments
    )
    return Pixels(True, found.length, len(found.fragments), found.offsets, clean)


def _native(data: memoryview, body: Found, found: FoundPixels, transfer_syntax: str) -> Pixels:
    if transfer_syntax == RLE:
        return Pixels(True, found.length, clean=False)
    unsigned_words = (_number(body, "(0028,0100)"), _number(body, "(0028,0103)")) == (WORD_BITS, 0)
    pixels = data[found.start : found.start + found.length]
    clean = not unsigned_words or has_empty_spare_bits(pixels, _number(body, "(0028,0101)"))
    return Pixels(False, found.length, clean=clean)


def _number(body: Found, tag: str) -> int:
    value = next((e.values[0] for e in body.elements if e.path == tag and e.values), 0)
    return value if isinstance(value, int) else 0


def _places(elements: list[Element]) -> list[str]:
    return [element.path for element in elements if element.path[:11] < PIXEL_DATA]


def _second_reading(path: Path) -> list[str] | None:
    """The same list as pydicom sees it; None where it gives up. Its messages may quote values, so none is kept."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return list(_walk_pydicom(pydicom.dcmread(path, stop_before_pixels=True), ""))
        except Exception:  # noqa: BLE001 - whatever it stumbles over, the answer is the same
            return None


def _walk_pydicom(dataset: pydicom.Dataset, prefix: str) -> Iterator[str]:
    for tag in sorted(dataset.keys()):
        path = f"{prefix}({tag.group:04X},{tag.element:04X})"
        yield path
        raw = dataset.get_item(tag)
        is_sequence = (raw.VR or dataset[tag].VR) == "SQ"
        for index, item in enumerate(dataset[tag].value if is_sequence else ()):
            yield from _walk_pydicom(item, f"{path}[{index}]/")


@contextmanager
def _mapped(path: Path) -> Iterator[memoryview]:
    """The file as memory: gigabytes of pixels are passed over without being read."""
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise UnreadableError(GateCode.PARSE_FAILED)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            view = memoryview(mapped)
            try:
                yield view
            finally:
                view.release()
