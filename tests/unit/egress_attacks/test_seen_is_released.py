"""What the checkers are shown is what leaves: nothing in a released text is out of their sight unannounced."""

import codecs
import io
from pathlib import Path

import pytest

from checks_kit import PATIENT, UID, look
from egress_kit import World
from egress_review.adapters.views import StoreViews
from egress_review.application.looking import look_at_file
from egress_review.domain.request import OutputFile
from egress_review.domain.status import Status
from tidegate.objects import FolderObjects


def seen(folder: Path, kind: str, content: bytes) -> str:
    """The decoded view of a file, as one text."""
    store = FolderObjects(folder)
    stored = store.put(io.BytesIO(content))
    file = OutputFile(f"x.{kind}", stored.sha256, stored.size, kind, stored.sha256, stored.size)
    rows = StoreViews(store).rows(file, 200)
    if rows is not None:
        return "\n".join(" ".join(row) for row in rows)
    return StoreViews(store).text(file, 200_000) or ""


def test_json_value_under_a_key_given_twice_is_shown(tmp_path: Path) -> None:
    """A reader of JSON keeps the last of two equal keys; the file that leaves has both."""
    assert "hidden-one" in seen(tmp_path, "json", b'{"mean": "hidden-one", "mean": "0.3"}')


def test_json_number_is_shown_with_all_its_digits(tmp_path: Path) -> None:
    """A number's thousandth digit leaves with the file, so it is on the page."""
    digits = "0." + "123456789" * 40
    assert digits in seen(tmp_path, "json", f'{{"mean": {digits}}}'.encode())


@pytest.mark.parametrize("kind", ["txt", "csv", "json"])
@pytest.mark.parametrize("hidden", ["\u200b", "\u2063", "\u202e", "\ufe0f", "\U000e0041", "\u00a0", "\u3164"])
def test_character_that_draws_nothing_is_spelled_out(tmp_path: Path, kind: str, hidden: str) -> None:
    """Otherwise two of them carry any data as bits between the letters."""
    text = {"txt": f"a{hidden}b", "csv": f"n,m\na{hidden}b,2\n", "json": f'["a{hidden}b"]'}[kind]
    assert f"a[U+{ord(hidden):04X}]b" in seen(tmp_path, kind, text.encode())


def test_bytes_that_are_not_utf8_are_told_apart(tmp_path: Path) -> None:
    """The scan takes such a file for Windows-1252; replacement marks would make all those bytes look the same."""
    assert "Zürich" in seen(tmp_path, "txt", "Zürich £40".encode("cp1252"))


def test_utf16_text_is_read_as_the_scan_reads_it(tmp_path: Path) -> None:
    assert "rounded to five" in seen(tmp_path, "txt", codecs.BOM_UTF16_LE + "rounded to five".encode("utf-16-le"))


def test_cut_views_say_what_they_leave_out(tmp_path: Path) -> None:
    wide = b",".join(b"c%d" % n for n in range(150))
    assert "50 more columns" in seen(tmp_path, "csv", wide + b"\n" + wide + b"\n")
    assert "1500 more characters" in seen(tmp_path, "csv", b"a,b\n1," + b"x" * 2000 + b"\n")
    assert "301 more rows" in seen(tmp_path, "csv", b"a,b\n" + b"1,2\n" * 500)
    assert "5000 more characters" in seen(tmp_path, "txt", b"x" * 205_000)


def test_table_parted_by_semicolons_is_shown_whole(tmp_path: Path) -> None:
    assert "1,5;x" in seen(tmp_path, "csv", b"a;b\n1,5;x\n").replace(" ", ",")


def test_file_nobody_can_be_shown_does_not_reach_the_checkers(office: World) -> None:
    """A project may permit archives; while no view of them exists, nobody could say what they approve."""
    made = office.submitted({"all.zip": b"PK-made-up"})
    assert made.status is Status.RETURNED
    assert [finding.code for finding in made.files[0].findings] == ["VIEW.NONE"]


def test_view_is_of_the_copy_that_leaves(office: World) -> None:
    made = office.submitted()
    assert made.files[0].sanitised == made.files[0].sha256
    view = look_at_file(office.ports, made.id, office.by("chidi"), "table.csv")
    assert view.rows is not None
    assert view.rows[1] == ("A", "40")


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_utf16_mark_before_plain_letters_hides_no_identifier(mark: bytes) -> None:
    """Read as UTF-16 the pairs of letters are Chinese signs; any editor told otherwise shows the identifiers."""
    content = mark + f"the image of {PATIENT} \n and {UID}".encode()
    assert "ID.COHORT" in look("notes.txt", content + b" " * (len(content) % 2))


def test_identifier_after_many_joints_is_found() -> None:
    """Names of files put words before a UID; the whole UID counts wherever it begins."""
    assert "ID.COHORT" in look("notes.txt", f"a_b_c_d_{UID}_e".encode())
    assert "ID.COHORT" in look("notes.txt", f"{'x.' * 40}{PATIENT}".encode())


@pytest.mark.parametrize("between", ["\u2063", "\ufe0f", "\u034f", "\U000e0041", "\u3164", "\u061c"])
def test_identifier_with_an_invisible_character_inside_is_found(between: str) -> None:
    assert "ID.COHORT" in look("notes.txt", f"see {PATIENT[:4]}{between}{PATIENT[4:]} there".encode())
