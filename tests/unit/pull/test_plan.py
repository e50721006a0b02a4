"""Names that come from a server are data: none may lead outside its folder or meet another."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.domain.plan import Plan, check_file_name, check_identifier, check_no_two_alike
from tidegate.model import TidegateError
from xnat_kit import line

UNSAFE_NAMES = ["", ".", "..", "../a", "/etc/passwd", "a/b", "a\\b", "a\0b", "a\nb", "x" * 300, "\u202egnp.dcm"]
UNSAFE_IDENTIFIERS = ["", "..", "*", "a*", "a/b", "a?b", "%2e", "-a", ".a", "a.", "a\n", "a\0", "x" * 200]


@pytest.mark.parametrize("name", UNSAFE_NAMES)
def test_an_unsafe_file_name_is_refused(name: str) -> None:
    with pytest.raises(TidegateError) as refused:
        check_file_name(name, "visit-001, scan 1")
    assert refused.value.code == "NAME_UNSAFE"
    assert "visit-001" in refused.value.sentence


@pytest.mark.parametrize("value", UNSAFE_IDENTIFIERS)
def test_an_unsafe_identifier_is_refused(value: str) -> None:
    with pytest.raises(TidegateError) as refused:
        check_identifier(value, "a subject")
    assert refused.value.code == "NAME_UNSAFE"


@pytest.mark.parametrize("name", ["1-130.dcm", "SC_rgb_dcmtk_+eb+cr.dcm", "Ünïcode.dcm", "no ending", ".hidden"])
def test_an_ordinary_file_name_passes_unchanged(name: str) -> None:
    assert check_file_name(name, "here") == name


@given(st.text(max_size=40))
def test_a_name_that_passes_is_always_one_entry_of_a_folder(name: str) -> None:
    """Whatever the text: either it is refused, or joining it to a folder stays directly below that folder."""
    try:
        check_file_name(name, "here")
    except TidegateError:
        return
    joined = PurePosixPath("/vault/folder") / name
    assert joined.parent == PurePosixPath("/vault/folder")
    assert joined.name == name


@given(st.text(max_size=40))
def test_an_identifier_that_passes_holds_no_wildcard_and_no_path(value: str) -> None:
    try:
        check_identifier(value, "a scan")
    except TidegateError:
        return
    assert not set(value) & set("*?%[]/\\\0\n")
    assert value not in {".", ".."}


@pytest.mark.parametrize(("one", "other"), [("a.dcm", "a.dcm"), ("A.dcm", "a.dcm"), ("STRASSE.dcm", "straße.dcm")])
def test_two_files_that_meet_at_one_path_are_refused(one: str, other: str) -> None:
    """Also where only a file system that ignores case would let them meet."""
    with pytest.raises(TidegateError) as refused:
        check_no_two_alike([line(one), line(other, uri="/data/other")])
    assert refused.value.code == "NAME_TWICE"


def test_the_same_name_in_two_scans_is_no_collision() -> None:
    check_no_two_alike([line("a.dcm"), line("a.dcm", scan="2")])


def test_a_plan_counts_its_bytes_and_keeps_its_digest_when_the_server_moves() -> None:
    lines = (line("a.dcm"), line("b.dcm", size=10))
    plan = Plan("http://one", "mammograms", lines)
    assert plan.total_bytes == lines[0].size + 10
    assert plan.digest() == Plan("http://two", "mammograms", lines).digest()
    assert plan.digest() != Plan("http://one", "mammograms", lines[:1]).digest()
