"""Identifiers of the cohort are found in every text of every type, in the spellings they take on the way."""

import json

import pytest

import checks_kit as kit

UID, PATIENT = kit.UID, kit.PATIENT
PLACES = {
    "a cell": ("t.csv", f"id,score\n{UID},0.3\n".encode()),
    "a quoted cell": ("t.csv", f'id,score\n"{PATIENT}",0.3\n'.encode()),
    "a cell with spaces": ("t.csv", f"id,score\n{kit.SPACED},0.3\n".encode()),
    "a heading": ("t.csv", f"n,{PATIENT}\n1,0.3\n".encode()),
    "in another case": ("t.csv", f"id,score\n{PATIENT.lower()},0.3\n".encode()),
    "in full-width letters": ("t.csv", "id,score\n\uff30\uff3f\uff10\uff10\uff10\uff13\uff18,0.3\n".encode()),
    "with an invisible character": ("t.csv", "id,score\nP_00\u200b038,0.3\n".encode()),
    "in UTF-16": ("t.csv", f"\ufeffid,score\n{PATIENT},0.3\n".encode("utf-16-le")),
    "a number made a float": ("t.csv", f"id,score\n{kit.ACCESSION}.0,0.3\n".encode()),
    "a path in a log": ("t.log", f"read /cohort/projects/x/{PATIENT}/1.dcm in 3 s\n".encode()),
    "a path of Windows": ("t.log", f"read C:\\cohort\\{PATIENT}\\1.dcm\n".encode()),
    "a file name": ("t.log", f"loading {UID}.dcm\n".encode()),
    "part of a label": ("t.txt", f"Calc-Test_{PATIENT}_LEFT_CC\n".encode()),
    "in brackets": ("t.txt", f"the patient ({PATIENT}).\n".encode()),
    "a value of json": ("m.json", json.dumps({"worst": [PATIENT]}).encode()),
    "a key of json": ("m.json", json.dumps({"scores": {PATIENT: 0.3}}).encode()),
    "a number of json": ("m.json", json.dumps({"a": int(kit.ACCESSION)}).encode()),
    "a key given twice": ("m.json", f'{{"a": "{PATIENT}", "a": 1}}'.encode()),
    "escaped in json": ("m.json", b'{"a": "P\\u005f00038"}'),
    "a notebook's output": ("n.ipynb", kit.notebook(text=f"0  {PATIENT}  0.3\n")),
    "a notebook's metadata": ("n.ipynb", kit.notebook(metadata={"note": PATIENT})),
    "torn over lines of a notebook": ("n.ipynb", kit.notebook().replace(b'["df.mean()"]', b'["x P_00", "038 y"]')),
    "the text of a picture": ("f.png", kit.png(extra=((b"tEXt", f"Title\0{PATIENT}".encode()),))),
    "the comment of a photograph": ("f.jpg", kit.jpeg(extra=kit.segment(0xFE, PATIENT.encode()))),
    "a name in a zip": ("t.zip", kit.zipped(**{f"{PATIENT}__csv": kit.TABLE})),
    "a table in a zip": ("t.zip", kit.zipped(a__csv=f"id,n\n{PATIENT},1\n".encode())),
    "a table in gz": ("t.csv.gz", kit.gz(f"id,n\n{PATIENT},1\n".encode())),
    "the file's own name": (f"{PATIENT}.csv", kit.TABLE),
    "a file nobody can parse": ("x.bin", f"\0\1{PATIENT} \0".encode()),
}


@pytest.mark.parametrize("place", PLACES)
def test_an_identifier_of_the_cohort_blocks(place: str) -> None:
    assert "ID.COHORT" in kit.look(*PLACES[place])


@pytest.mark.parametrize(
    "text", ["P_00039", "P_000381", "XP_00038X", UID[:-1], f"{UID}9", "00038", "patients: 38", "1.3.6.1.4.1.9590"]
)
def test_what_only_resembles_one_is_fine(text: str) -> None:
    assert kit.look("notes.txt", text.encode()) == set()


def test_a_finding_says_where_and_never_what() -> None:
    (finding,) = kit.findings("t.csv", f"id,score\na,1\n{PATIENT},0.3\n".encode())
    assert finding.location == "t.csv > line 3"
    assert finding.kind == "cohort_id"
    assert finding.severity == "block"
    assert PATIENT.casefold() not in json.dumps(finding.as_json()).casefold()


def test_a_file_of_the_cohort_blocks_wherever_it_is_packed() -> None:
    """Equal by hash, whatever its type: here an ordinary table that happens to be the cohort's."""
    known = kit.pack((kit.TABLE,))
    for name, data in (("t.csv", kit.TABLE), ("t.zip", kit.zipped(a__csv=kit.TABLE)), ("t.csv.gz", kit.gz(kit.TABLE))):
        found = kit.inspect(name, data, kit.PERMITTED, known, kit.LIMITS)[1]
        assert "ID.COHORT_FILE" in {finding.code for finding in found}
