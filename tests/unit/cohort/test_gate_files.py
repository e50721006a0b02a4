"""Whole files through the gate: real ones, pydicom's, and ones whose bytes are not as the standard says."""

import struct
from pathlib import Path

import pydicom.data
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate
from pydicom.uid import ImplicitVRLittleEndian, RLELossless

from cohort_kit import (
    NOW,
    as_bytes,
    cbis_dataset,
    clean_mammogram,
    codes,
    real_mammograms,
    verdict_on,
)
from provisioner.adapters.dicom import DicomReader
from provisioner.adapters.dicom_pixels import is_clean_rle
from provisioner.domain.gate import judge
from provisioner.domain.gate_list import base_list
from tidegate.model.dataset import GateRule

TEST_FILES = sorted((Path(pydicom.data.__file__).parent / "test_files").rglob("*.dcm"))


@pytest.mark.parametrize("path", real_mammograms(), ids=lambda path: path.stem)
def test_a_film_mammogram_passes_with_the_reviewed_rules_and_not_without(path: Path) -> None:
    walk = DicomReader().walk(path)
    with_rules = judge(walk, base_list().widened(cbis_dataset().spec.gate), NOW)
    without = judge(walk, base_list(), NOW)
    assert with_rules.passed
    assert without.refusals[0].code == "SOP_CLASS_NOT_ALLOWED"
    assert {"PRIVATE_TAG", "TEXT_PATTERN", "UID_ROOT", "DATE_NOT_SHIFTED"} <= set(codes(without))


def test_every_reviewed_rule_of_the_film_mammograms_is_needed() -> None:
    """Take any one tag or class away and the files are refused again: nothing is let in that need not be."""
    walk = DicomReader().walk(real_mammograms()[0])
    gate = cbis_dataset().spec.gate
    for tag in gate.tags():
        rules = gate.model_copy(update={"rules": tuple(_without(rule, tag) for rule in gate.rules)})
        assert not judge(walk, base_list().widened(rules), NOW).passed, tag
    closed = tuple(rule.model_copy(update={"allow_sop_classes": ()}) for rule in gate.rules)
    rules = gate.model_copy(update={"rules": closed})
    assert codes(judge(walk, base_list().widened(rules), NOW)) == ["SOP_CLASS_NOT_ALLOWED"]


def _without(rule: GateRule, tag: str) -> GateRule:
    tags = tuple(other for other in rule.allow_tags if other != tag)
    values = {other: form for other, form in rule.allow_values.items() if other != tag}
    return rule.model_copy(update={"allow_tags": tags, "allow_values": values})


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.name)
def test_the_test_files_of_pydicom_are_refused_even_by_the_rules_of_another_data_set(
    path: Path, tmp_path: Path
) -> None:
    """They carry names, private elements and other people's preambles."""
    verdict = verdict_on(path.read_bytes(), tmp_path, cbis_dataset().spec.gate)
    assert not verdict.passed


def test_implicit_encoding_is_read_and_passes(tmp_path: Path) -> None:
    dicom = clean_mammogram()
    dicom.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    assert verdict_on(as_bytes(dicom), tmp_path).passed


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "PARSE_FAILED"),
        (b"<html>log in</html>", "PARSE_FAILED"),
        (bytes(128) + b"DICM", "TRANSFER_SYNTAX"),
        (bytes(132), "PARSE_FAILED"),
    ],
)
def test_what_is_no_dicom_is_refused(content: bytes, code: str, tmp_path: Path) -> None:
    assert codes(verdict_on(content, tmp_path)) == [code]


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(min_value=0, max_value=1500))
def test_a_file_cut_anywhere_is_refused(cut: int, tmp_path: Path) -> None:
    whole = as_bytes(clean_mammogram())
    assert not verdict_on(whole[: cut % len(whole)], tmp_path).passed


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(min_value=0, max_value=3000), piece=st.binary(min_size=1, max_size=12))
def test_bytes_pushed_in_anywhere_never_break_the_reader(at: int, piece: bytes, tmp_path: Path) -> None:
    """Whatever it meets, the reader answers with a verdict; bytes pushed in before the pixels are never let by."""
    whole = as_bytes(clean_mammogram())
    at %= len(whole)
    verdict = verdict_on(whole[:at] + piece + whole[at:], tmp_path)
    assert not verdict.passed


def test_bytes_in_the_reserved_part_of_an_element_are_refused(tmp_path: Path) -> None:
    content = bytearray(as_bytes(clean_mammogram()))
    content[content.index(b"\xe0\x7f\x10\x00OW") + 6] = 0x41
    assert codes(verdict_on(bytes(content), tmp_path)) == ["PARSE_FAILED"]


def test_an_element_out_of_order_or_twice_is_refused(tmp_path: Path) -> None:
    """A reader that keeps the last of two would show what the gate did not judge."""
    content = as_bytes(clean_mammogram())
    twice = content + struct.pack("<HH2sH", 0x0010, 0x0010, b"PN", 8) + b"Zebulon "
    assert not verdict_on(twice, tmp_path).passed


def test_a_file_that_two_readers_understand_differently_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioner.adapters.dicom._second_reading", lambda _path: [])
    assert codes(verdict_on(as_bytes(clean_mammogram()), tmp_path)) == ["PARSE_FAILED"]


def test_sequences_nested_without_end_are_refused(tmp_path: Path) -> None:
    content = as_bytes(clean_mammogram())
    nest = (
        struct.pack("<HH2sHI", 0x7FE1, 0x0010, b"SQ", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    ) * 40
    assert codes(verdict_on(content + nest, tmp_path))[0] == "PARSE_FAILED"


def _rle_frame(segment: bytes, spare: bytes = b"") -> bytes:
    return struct.pack("<16I", 1, 64, *[0] * 14) + segment + spare


@pytest.mark.parametrize(
    ("frame", "clean"),
    [
        (_rle_frame(b"\xf9\x07"), True),
        (_rle_frame(b"\xf9\x07", b"\0"), True),
        (_rle_frame(b"\x07abcdefgh"), True),
        (_rle_frame(b"\xf9\x07", b"Zebulon"), False),
        (_rle_frame(b"\xf9\x07", b"Z"), False),
        (_rle_frame(b"\xfa\x07"), False),
        (struct.pack("<16I", 1, 64, 7, *[0] * 13) + b"\xf9\x07", False),
        (struct.pack("<16I", 1, 70, *[0] * 14) + b"Zebulo\xf9\x07", False),
        (b"", False),
    ],
)
def test_nothing_may_hide_between_run_lengths(frame: bytes, *, clean: bool) -> None:
    assert is_clean_rle(memoryview(frame), planes=1, plane_bytes=8) is clean


def test_a_picture_in_the_bits_above_those_stored_is_refused(tmp_path: Path) -> None:
    """Twelve bits are stored; a viewer masks the other four, where an overlay or a text would lie."""
    for word, expected in ((0x0FFF, []), (0x1000, ["PIXEL_PADDING"])):
        pixels = struct.pack("<64H", *[word] * 64)
        dicom = clean_mammogram(PixelData=pixels)
        dicom["PixelData"].VR = "OW"
        assert codes(verdict_on(as_bytes(dicom), tmp_path)) == expected


def test_a_second_fragment_behind_a_single_frame_is_refused(tmp_path: Path) -> None:
    dicom = clean_mammogram()
    dicom.file_meta.TransferSyntaxUID = RLELossless
    dicom.Rows, dicom.Columns, dicom.BitsAllocated, dicom.BitsStored, dicom.HighBit = 2, 4, 8, 8, 7
    good = _rle_frame(b"\xf9\x07")
    for frames, passes in (([good], True), ([good, b"Zebulon "], False)):
        dicom.PixelData = encapsulate(frames)
        dicom["PixelData"].VR = "OB"
        dicom["PixelData"].is_undefined_length = True
        assert verdict_on(as_bytes(dicom), tmp_path).passed is passes
