"""A name planted in any of 41 places of a mammogram never passes the gate, and no report repeats it."""

import re
from pathlib import Path

import pytest

from cohort_kit import (
    MARKER,
    PLANTS,
    as_bytes,
    cbis_dataset,
    clean_mammogram,
    codes,
    planted,
    real_mammogram,
    verdict_on,
)
from provisioner.adapters.dicom import DicomReader

SPELLINGS = re.compile("zebulon|quixworth", re.IGNORECASE)
EXPECTED = {
    "PN patient": "TEXT_PATTERN",
    "CS image type": "VALUE_NOT_LISTED",
    "UN unknown": "TAG_NOT_ALLOWED",
    "private element": "PRIVATE_TAG",
    "private creator": "PRIVATE_TAG",
    "private sequence": "PRIVATE_TAG",
    "nested twice": "VALUE_NOT_LISTED",
    "stranger in a listed sequence": "TAG_NOT_ALLOWED",
    "preamble": "PREAMBLE_NOT_ZERO",
    "meta source title": "META_NOT_MINIMAL",
    "meta private": "META_NOT_MINIMAL",
    "meta version name": "META_VALUE",
    "trailing bytes": "TRAILING_BYTES",
    "trailing padding": "TRAILING_BYTES",
    "overlay": "OVERLAY",
    "curve": "CURVE",
    "icon": "ICON",
    "behind the pixels": "PIXEL_LENGTH",
}


def test_there_are_41_places() -> None:
    assert len(PLANTS) == 41


def test_the_mammogram_without_a_marker_passes(tmp_path: Path) -> None:
    assert verdict_on(as_bytes(clean_mammogram()), tmp_path).refusals == ()


@pytest.mark.parametrize("place", PLANTS)
def test_a_marker_alone_is_refused_with_a_code_and_no_value(
    place: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    content = planted(clean_mammogram(), [place])
    assert SPELLINGS.search(content.decode("latin-1")), "the marker must be in the file"
    verdict = verdict_on(content, tmp_path)
    assert not verdict.passed
    assert EXPECTED.get(place, codes(verdict)[0]) in codes(verdict)
    assert not SPELLINGS.search(repr(verdict) + caplog.text + "".join(str(w.message) for w in recwarn))


def test_all_markers_together_are_refused(tmp_path: Path) -> None:
    verdict = verdict_on(planted(clean_mammogram(), PLANTS), tmp_path)
    assert len(verdict.refusals) >= 1
    assert not SPELLINGS.search(repr(verdict))


def test_all_markers_but_the_trailing_ones_are_each_named(tmp_path: Path) -> None:
    """One refusal never hides the others: every planted element has a line of its own."""
    named = [place for place in PLANTS if place not in {"nested view meaning", "stranger in a listed sequence"}]
    verdict = verdict_on(planted(clean_mammogram(), named), tmp_path)
    assert len(verdict.refusals) >= len(named) - 1


def test_the_reviewed_rules_of_the_film_mammograms_let_no_marker_in(tmp_path: Path) -> None:
    """The rules that admit the eight real files admit none of the 41 when planted in one of them."""
    rules = cbis_dataset().spec.gate
    assert verdict_on(as_bytes(real_mammogram()), tmp_path, rules).passed
    passed = [place for place in PLANTS if verdict_on(planted(real_mammogram(), [place]), tmp_path, rules).passed]
    assert passed == []


def test_walking_a_file_prints_no_value_even_when_an_element_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(planted(clean_mammogram(), ["LT patient comments", "private element"]))
    walk = DicomReader().walk(path)
    assert MARKER not in repr(walk)
