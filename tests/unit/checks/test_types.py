"""A strict parser decides what a file is; the name is a hint, and everything else is not permitted."""

import json
import zlib

import pytest

import checks_kit as kit
from egress_review.checks.limits import ScanLimits

CLEAN = [
    ("table.csv", kit.TABLE, "csv"),
    ("table.csv", b"group;n\ncases;120\n", "csv"),
    ("table.csv", b"n\n120\n240\n", "csv"),
    ("table.csv", "größe,n\nklein,120\n".encode("cp1252"), "csv"),
    ("table.csv", "\ufeffgroup,n\ncases,120\n".encode(), "csv"),
    ("table.csv", "\ufeffgroup,n\ncases,120\n".encode("utf-16-le"), "csv"),
    ("table.tsv", b"group\tn\ncases\t120\n", "tsv"),
    ("notes.txt", b"Density rises with age.\n", "txt"),
    ("README.md", b"# Result\n\nThe word DICM by itself is fine.\n", "md"),
    ("train.log", b"epoch 1 loss 0.52\nepoch 2 loss 0.31\n", "log"),
    ("metrics.json", json.dumps({"auc": 0.81, "n": 420, "tags": ["a", "b"]}).encode(), "json"),
    ("figure.png", kit.png(), "png"),
    ("figure.png", kit.png(extra=((b"tEXt", b"Software\0Matplotlib version 3.10"), (b"pHYs", bytes(9)))), "png"),
    ("figure.jpg", kit.jpeg(), "jpeg"),
    ("work.ipynb", kit.notebook(text="mean 0.42\n", picture=kit.png()), "ipynb"),
    ("tables.zip", kit.zipped(a__csv=kit.TABLE, b__txt=b"fine\n"), "zip"),
    ("table.csv.gz", kit.gz(kit.TABLE), "gz"),
    ("hashes.txt", b"".join(b"%064x\n" % (n * 2**200 + n) for n in range(200)), "txt"),
    ("numbers.csv", b"a,b\n" + b"".join(b"%d,%f\n" % (n, n / 7) for n in range(2000)), "csv"),
]


@pytest.mark.parametrize(("name", "data", "kind"), CLEAN, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(CLEAN)])
def test_ordinary_results_are_clean(name: str, data: bytes, kind: str) -> None:
    assert kit.look(name, data) == set()
    assert kit.kind(name, data) == kind


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("model.pkl", b"\x80\x04N."),
        ("run.sh", b"#!/bin/sh\necho hello\n"),
        ("page.html", b"<p>hello</p>"),
        ("figure.svg", b"<svg/>"),
        ("report.pdf", b"%PDF-1.7\n"),
        ("array.npy", b"\x93NUMPY\x01\x00"),
        ("noending", b"plain words\n"),
        ("table.csv", b"a,b\n1\n"),
        ("table.csv", b'a,b\n"1,2\n'),
        ("table.csv", b"a,b\n1,\x002\n"),
        ("table.csv", b""),
        ("notes.txt", b"\x7fELF\x02\x01\x01"),
        ("metrics.json", b'{"a": 1'),
        ("metrics.json", b'{"a": NaN}'),
        ("metrics.json", b"12"),
        ("metrics.json", b"[" * 100_000),
        ("figure.png", kit.png()[:-4]),
        ("figure.png", kit.png().replace(b"IDAT", b"IDAX")),
        ("figure.jpg", kit.jpeg()[:-2]),
        ("figure.jpg", b"\xff\xd8\xff\xd9"),
        ("tables.zip", kit.zipped(a__csv=kit.TABLE)[:-10]),
        ("table.csv.gz", kit.gz(kit.TABLE)[:-6]),
    ],
)
def test_what_no_strict_parser_accepts_is_not_permitted(name: str, data: bytes) -> None:
    assert "TYPE.NOT_PERMITTED" in kit.look(name, data)


@pytest.mark.parametrize("permitted", ["json", "png", "zip", "ipynb", "gz"])
def test_only_the_projects_types_are_permitted(permitted: str) -> None:
    """A type it does not list is refused at the top and as a member."""
    assert kit.look("table.csv", kit.TABLE, permitted=frozenset({permitted})) == {"TYPE.NOT_PERMITTED"}
    inside = kit.look("t.zip", kit.zipped(a__csv=kit.TABLE), permitted=frozenset({"zip"}))
    assert inside == {"TYPE.NOT_PERMITTED"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("table.csv", kit.png()),
        ("figure.png", kit.jpeg()),
        ("table.csv", b'{"a": 1}'),
        ("figure.png", kit.zipped(a__csv=kit.TABLE)),
        ("metrics.json", kit.notebook()),
    ],
)
def test_a_name_that_promises_another_type_blocks(name: str, data: bytes) -> None:
    assert "TYPE.MISMATCH" in kit.look(name, data)


REMAINDERS = [
    ("figure.png", kit.png(trailing=b"more"), "REST.TRAILING"),
    ("figure.jpg", kit.jpeg(trailing=b"more"), "REST.TRAILING"),
    ("figure.png", kit.png(extra=((b"prVt", b"secret"),)), "REST.UNPARSED"),
    ("figure.jpg", kit.jpeg(extra=kit.segment(0xF7, b"secret")), "REST.UNPARSED"),
    ("table.csv.gz", kit.gz(kit.TABLE) + b"more", "REST.TRAILING"),
    ("tables.zip", b"PK\x03\x04" + b"more" * 8 + kit.zipped(a__csv=kit.TABLE), "REST.UNPARSED"),
]


@pytest.mark.parametrize(("name", "data", "code"), REMAINDERS)
def test_bytes_nobody_accounts_for_block(name: str, data: bytes, code: str) -> None:
    assert code in kit.look(name, data)


def test_samples_that_do_not_fill_the_picture_block() -> None:
    """More samples than the header says, or something after the stream, would be a place to hide."""
    honest, packed = kit.png(), zlib.compress(bytes(8 * 9))
    for hidden in (zlib.compress(bytes(8 * 9 + 50)), packed + b"hidden", zlib.compress(bytes(5)), b"broken"):
        data = kit.png().replace(honest[honest.find(b"IDAT") - 4 : -12], kit.chunk(b"IDAT", hidden))
        assert "REST.UNPARSED" in kit.look("figure.png", data)


def test_metadata_of_a_picture_is_flagged() -> None:
    assert kit.look("f.png", kit.png(extra=((b"tEXt", b"Title\0A title"),))) == {"HIDE.METADATA"}
    assert kit.look("f.jpg", kit.jpeg(extra=kit.segment(0xE1, b"Exif\0\0II"))) == {"HIDE.METADATA"}


def test_size_and_rows_have_limits() -> None:
    assert kit.look("t.csv", kit.TABLE, limits=ScanLimits(file_bytes=10)) == {"SIZE.FILE"}
    assert kit.look("t.csv", kit.TABLE, limits=ScanLimits(rows=2)) == {"SIZE.ROWS"}


def test_the_list_of_findings_has_a_limit_and_says_so() -> None:
    text = "\n".join(f"{kit.PATIENT} {n}" for n in range(50)).encode()
    listed = kit.findings("t.txt", text, limits=ScanLimits(findings=10))
    assert len(listed) == 10
    assert listed[-1].code == "SCAN.MORE"
