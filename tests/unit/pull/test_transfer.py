"""What a file must be to enter, what the journal keeps, and what the waiting person is told."""

import hashlib
import itertools
import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.domain.plan import PlanLine
from provisioner.domain.transfer import Code, Entry, Measure, PullProgress, read_entries, verdict
from xnat_kit import dicom_bytes, line

GOOD = dicom_bytes("a")
HTML = b"\n <!DOCTYPE html><html><body>Log in</body></html>"


def line_for(data: bytes) -> PlanLine:
    return line(size=len(data), md5=hashlib.md5(data, usedforsecurity=False).hexdigest())


def measured(data: bytes) -> Measure:
    measure = Measure()
    measure.feed(data)
    return measure


@pytest.mark.parametrize(
    ("came", "listed", "code"),
    [
        (GOOD, line_for(GOOD), None),
        (GOOD[:-1], line_for(GOOD), Code.LENGTH_WRONG),
        (GOOD + b"x", line_for(GOOD), Code.LENGTH_WRONG),
        (b"", line_for(GOOD), Code.LENGTH_WRONG),
        (GOOD[:-1] + b"?", line_for(GOOD), Code.DIGEST_WRONG),
        (HTML, line_for(GOOD), Code.XNAT_ANSWERED_HTML),
        (HTML, line(size=len(HTML)), Code.XNAT_ANSWERED_HTML),
        (HTML, line_for(HTML), Code.NOT_DICOM),
        (b"DICM" * 40, line_for(b"DICM" * 40), None),
        (b"text", line_for(b"text"), Code.NOT_DICOM),
        (GOOD, line(size=7), Code.LENGTH_WRONG),
    ],
)
def test_verdict_names_what_is_wrong(came: bytes, listed: PlanLine, code: Code | None) -> None:
    """A login page is told from a file that is merely not DICOM: by the digest, not by its looks."""
    assert verdict(measured(came), listed) == code


@given(st.binary(max_size=600), st.lists(st.integers(0, 600), max_size=6))
def test_measuring_in_pieces_equals_measuring_at_once(data: bytes, cuts: list[int]) -> None:
    pieces = Measure()
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        pieces.feed(data[start:end])
    whole = measured(data)
    assert (pieces.size, pieces.md5, pieces.sha256) == (whole.size, whole.md5, whole.sha256)
    assert pieces.is_dicom == whole.is_dicom == (data[128:132] == b"DICM")
    assert whole.sha256 == hashlib.sha256(data).hexdigest()


@given(st.integers(0, 5), st.data())
def test_a_journal_cut_anywhere_gives_back_whole_lines_only(count: int, data: st.DataObject) -> None:
    """A crash while writing may cut the file at any byte; what is read back is a prefix of what was written."""
    written = [Entry(f"/data/{n}", n, "0" * 32, "f" * 64) for n in range(count)]
    text = "".join(f"{entry.to_json()}\n" for entry in written)
    cut = text[: data.draw(st.integers(0, len(text)))]
    found = list(read_entries(cut.splitlines()).values())
    assert found == written[: len(found)]
    assert len(found) >= cut.count("\n")


@pytest.mark.parametrize("row", ["", "null", "[]", "{", '{"uri": "x"}', '{"other": 1}', "\ufffd"])
def test_a_foreign_line_in_the_journal_counts_as_not_written(row: str) -> None:
    assert read_entries([row]) == {}


def test_the_last_entry_for_a_file_wins() -> None:
    first, last = Entry("/u", 1, "a", "b"), Entry("/u", 2, "c", "d")
    assert read_entries([first.to_json(), last.to_json()]) == {"/u": last}


def test_an_entry_is_about_a_line_only_while_the_server_lists_it_so() -> None:
    listed = line()
    entry = Entry(listed.uri, listed.size, listed.md5, "f" * 64)
    assert entry.answers(listed)
    assert not entry.answers(line(md5="0" * 32))
    assert not entry.answers(line(size=1))
    assert not entry.answers(line(uri="/data/elsewhere"))
    assert json.loads(entry.to_json()) == asdict(entry)


def test_progress_tells_rate_and_time_left_and_says_when_it_cannot() -> None:
    assert PullProgress(1, 4, 100, 400, fresh_bytes=100, seconds=2.0).rate == 50.0
    assert PullProgress(1, 4, 100, 400, fresh_bytes=100, seconds=2.0).eta == 6.0
    assert PullProgress(0, 4, 0, 400).eta is None
    assert PullProgress(4, 4, 400, 400, fresh_bytes=0, seconds=1.0).eta == 0.0
