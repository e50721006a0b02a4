"""A DICOM object torn into short encoded pieces is found in whatever order of keys, lists and signs it is laid out."""

import base64
import json
from typing import Final

import pytest

from checks_kit import TABLE, dicom_file, look

PIECE: Final = 1000
ENCODED: Final = base64.b64encode(dicom_file()).decode()
PIECES: Final = [ENCODED[at : at + PIECE] for at in range(0, len(ENCODED), PIECE)]
LAID_OUT: Final = {
    "values of an object": ("x.json", json.dumps({f"part{n}": piece for n, piece in enumerate(PIECES)})),
    "lists of one": ("x.json", json.dumps([[piece] for piece in PIECES])),
    "records": ("x.json", json.dumps([{"n": n, "v": piece} for n, piece in enumerate(PIECES)])),
    "full stops": ("x.txt", ".".join(PIECES)),
    "brackets": ("x.md", "".join(f"({piece})[]" for piece in PIECES)),
}


@pytest.mark.parametrize("way", LAID_OUT)
def test_torn_object_is_found(way: str) -> None:
    name, text = LAID_OUT[way]
    assert "DICOM.EMBEDDED" in look(name, text.encode())


def test_ordinary_results_stay_clean() -> None:
    assert look("t.csv", TABLE) == set()
    assert look("t.json", json.dumps([{"n": n, "hash": f"{n:064x}"} for n in range(300)]).encode()) == set()
