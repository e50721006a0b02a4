"""A DICOM object is found wherever it sits: renamed, packed, appended, encoded, with or without its preamble."""

import base64
import json

import pytest

import checks_kit as kit

DICOM = kit.dicom_file()
B64 = base64.b64encode(DICOM)
SPREAD = b"\n".join(b'"%s",1' % B64[at : at + 30] for at in range(0, len(B64), 30))
ATTACKS = {
    "as it is": ("scan.dcm", DICOM),
    "renamed": ("table.csv", DICOM),
    "renamed to a picture": ("figure.png", DICOM),
    "without preamble": ("table.csv", DICOM[128:]),
    "data set alone": ("table.csv", kit.data_set()),
    "data set alone, implicit": ("table.csv", kit.data_set(implicit=True)),
    "data set alone, big endian": ("table.csv", kit.data_set(little=False)),
    "after a prefix": ("table.csv", b"a,b\n1,2\n" * 1000 + DICOM),
    "in a zip": ("tables.zip", kit.zipped(a__csv=DICOM)),
    "in a zip in a zip": ("tables.zip", kit.zipped(a__zip=kit.zipped(b__csv=DICOM))),
    "in gz": ("table.csv.gz", kit.gz(DICOM)),
    "after a picture": ("figure.png", kit.png(trailing=DICOM)),
    "after a photograph": ("figure.jpg", kit.jpeg(trailing=DICOM)),
    "in a chunk of a picture": ("figure.png", kit.png(extra=((b"prVt", DICOM),))),
    "in a segment of a photograph": ("figure.jpg", kit.jpeg(extra=kit.segment(0xE1, DICOM[:60_000]))),
    "in base64": ("notes.txt", B64),
    "in base64 over lines": ("notes.txt", base64.encodebytes(DICOM)),
    "in base64 over cells": ("table.csv", SPREAD),
    "in base64 for the web": ("notes.txt", base64.urlsafe_b64encode(DICOM)),
    "in hexadecimal": ("notes.txt", DICOM.hex().encode()),
    "in json": ("metrics.json", json.dumps({"weights": B64.decode()}).encode()),
    "in a notebook's text": ("work.ipynb", kit.notebook(text=base64.encodebytes(DICOM).decode())),
    "in a notebook's picture": ("work.ipynb", kit.notebook(picture=DICOM)),
    "in a notebook's metadata": ("work.ipynb", kit.notebook(metadata={"state": B64.decode()})),
    "packed, then encoded": ("notes.txt", base64.b64encode(kit.gz(DICOM))),
    "zipped, then encoded": ("notes.txt", base64.b64encode(kit.zipped(a__dcm=DICOM))),
    "with line ends between": ("notes.txt", b"words before\n" + base64.encodebytes(DICOM) + b"words after\n"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_dicom_object_blocks(attack: str) -> None:
    assert "DICOM.EMBEDDED" in kit.look(*ATTACKS[attack])


@pytest.mark.parametrize(
    "name", ["MR_small.dcm", "CT_small.dcm", "rtplan.dcm", "MR_small_bigendian.dcm", "JPEG2000.dcm"]
)
def test_objects_of_other_kinds_and_transfer_syntaxes_block(name: str) -> None:
    assert "DICOM.EMBEDDED" in kit.look("table.csv", kit.dicom_file(name))
    assert "DICOM.EMBEDDED" in kit.look("t.zip", kit.zipped(a__csv=kit.dicom_file(name)))


def test_dicom_written_as_json_blocks() -> None:
    tags = {f"000800{n:02X}": {"vr": "UI", "Value": ["1.2.3"]} for n in range(5)}
    assert "DICOM.EMBEDDED" in kit.look("metrics.json", json.dumps([tags]).encode())


@pytest.mark.parametrize(
    "text",
    ["The mark DICM stands at byte 128 of a file.\n", "x" * 128 + "DICM" + "UI LO PN DA TM " * 50, "DICM " * 500],
)
def test_text_that_says_dicm_is_fine(text: str) -> None:
    assert kit.look("notes.txt", text.encode()) == set()


def test_an_encoded_block_blocks_even_if_it_is_no_dicom() -> None:
    assert kit.look("notes.txt", base64.b64encode(bytes(range(256)) * 12)) == {"HIDE.ENCODED"}
    assert kit.look("notes.txt", base64.b64encode(bytes(range(256)) * 5)) == set()
