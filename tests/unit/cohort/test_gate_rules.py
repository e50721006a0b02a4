"""The allow-list's rules one by one, and how a data set's reviewed rules widen it and no more."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydicom.dataelem import DataElement
from pydicom.tag import Tag

from cohort_kit import NOW, as_bytes, clean_mammogram, codes, verdict_on
from provisioner.domain.elements import SEVERITY, Element, GateCode
from provisioner.domain.gate_list import RuleKind, TagRule, base_list
from provisioner.domain.gate_values import CHECKS, Circumstances, refusal_of
from tidegate.model import GateRules

AROUND = Circumstances(NOW, dates_shifted=True)


def rules(**rule: Any) -> GateRules:
    return GateRules.model_validate(
        {"rules": [{"reason": "Looked at.", "reviewed_by": {"subject": "gwen"}, "reviewed_at": NOW, **rule}]}
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "SOP_CLASS_NOT_ALLOWED"),
        ({"BurnedInAnnotation": "YES"}, "BURNED_IN"),
        ({"PatientIdentityRemoved": "NO"}, "IDENTITY_NOT_REMOVED"),
        ({"EncapsulatedDocument": b"%PDF"}, "ENCAPSULATED"),
        ({"StudyDate": "20270101"}, "DATE_IN_FUTURE"),
        ({"LongitudinalTemporalInformationModified": "UNMODIFIED"}, "DATE_NOT_SHIFTED"),
        ({"PatientAge": "091Y"}, "TEXT_PATTERN"),
        ({"PatientBirthDate": "19500101"}, "VALUE_NOT_EMPTY"),
        ({"StudyInstanceUID": "1.2.826.0.1.9434765919"}, "UID_ROOT"),
        ({"StudyInstanceUID": "2.25.9434765919"}, "UID_ROOT"),
        ({"SeriesNumber": "1234567"}, "NUMBER_FORM"),
        ({"KVP": "9434765919"}, "NUMBER_FORM"),
        ({"KVP": ["1", "2"]}, "VALUE_COUNT"),
        ({"Manufacturer": "An unknown maker"}, "VALUE_NOT_LISTED"),
        ({"StudyDescription": "Screening"}, "TAG_NOT_ALLOWED"),
        ({"PatientID": ""}, "REQUIRED_MISSING"),
        ({"Rows": 9}, "PIXEL_LENGTH"),
    ],
)
def test_a_mammogram_with_one_thing_wrong_is_refused_for_that(
    changes: dict[str, Any], code: str, tmp_path: Path
) -> None:
    assert code in codes(verdict_on(as_bytes(clean_mammogram(**changes)), tmp_path))


def test_a_meta_uid_that_names_another_file_is_refused(tmp_path: Path) -> None:
    content = as_bytes(clean_mammogram()).replace(
        b"2.25.30000000000000000000000000000000001001", b"2.25.30000000000000000000000000000000001009", 1
    )
    assert codes(verdict_on(content, tmp_path)) == ["SOP_UID_MISMATCH"]


@pytest.mark.parametrize(("written", "instead"), [(b"20180203", b"20181350"), (b"101112", b"zebulo")])
def test_a_date_or_time_that_is_none_is_refused(written: bytes, instead: bytes, tmp_path: Path) -> None:
    content = as_bytes(clean_mammogram()).replace(written, instead)
    assert codes(verdict_on(content, tmp_path)) == ["DATE_INVALID"]


def test_an_element_dressed_as_another_kind_is_refused(tmp_path: Path) -> None:
    dicom = clean_mammogram()
    dicom[Tag(0x00180015)] = DataElement(Tag(0x00180015), "LO", "BREAST")
    assert codes(verdict_on(as_bytes(dicom), tmp_path)) == ["VR_MISMATCH"]


def test_text_that_its_character_set_cannot_hold_is_refused(tmp_path: Path) -> None:
    content = as_bytes(clean_mammogram()).replace(b"BREAST", b"BREA\xffT")
    assert codes(verdict_on(content, tmp_path)) == ["VALUE_UNREADABLE"]


def test_dates_pass_a_day_ahead_and_not_two(tmp_path: Path) -> None:
    for days, passes in ((1, True), (2, False)):
        day = (NOW + timedelta(days=days)).strftime("%Y%m%d")
        assert verdict_on(as_bytes(clean_mammogram(StudyDate=day)), tmp_path).passed is passes


def test_a_rule_for_text_without_a_form_lets_nothing_in(tmp_path: Path) -> None:
    content = as_bytes(clean_mammogram(StudyDescription="Screening"))
    assert codes(verdict_on(content, tmp_path, rules(allow_tags=["(0008,1030)"]))) == ["RULE_NEEDS_PATTERN"]


def test_a_rule_with_a_form_lets_in_what_has_it_and_no_more(tmp_path: Path) -> None:
    widened = rules(allow_tags=["(0008,1030)"], allow_values={"(0008,1030)": "Screening"})
    assert verdict_on(as_bytes(clean_mammogram(StudyDescription="Screening")), tmp_path, widened).passed
    for other in ("Screening of Zebulon", "screening", "Screening\\Zebulon"):
        content = as_bytes(clean_mammogram(StudyDescription=other))
        assert codes(verdict_on(content, tmp_path, widened)) == ["TEXT_PATTERN"]


def test_a_rule_for_a_number_needs_no_form(tmp_path: Path) -> None:
    content = as_bytes(clean_mammogram(PatientWeight="61.5"))
    assert not verdict_on(content, tmp_path).passed
    assert verdict_on(content, tmp_path, rules(allow_tags=["(0010,1030)"])).passed


def test_a_rule_counts_at_the_top_only(tmp_path: Path) -> None:
    """The same tag inside a sequence stays refused."""
    dicom = clean_mammogram()
    dicom.ViewCodeSequence[0].StudyDescription = "Screening"
    widened = rules(allow_tags=["(0008,1030)"], allow_values={"(0008,1030)": "Screening"})
    assert codes(verdict_on(as_bytes(dicom), tmp_path, widened)) == ["TAG_NOT_ALLOWED"]


def test_a_private_element_needs_its_creator_let_in_too(tmp_path: Path) -> None:
    dicom = clean_mammogram()
    dicom.private_block(0x0021, "ACME", create=True).add_new(0x01, "LO", "fine")
    content = as_bytes(dicom)
    element = {"(0021,1001)": "fine"}
    creator = {"(0021,0010)": "ACME"}
    other = {"(0021,0010)": "OTHER"}
    for values, expected in (
        (element, ["PRIVATE_TAG", "PRIVATE_CREATOR"]),
        (creator, ["PRIVATE_TAG"]),
        (element | other, ["TEXT_PATTERN"]),
        (element | creator, []),
    ):
        assert codes(verdict_on(content, tmp_path, rules(allow_tags=list(values), allow_values=values))) == expected


def test_a_private_element_without_its_creator_is_refused(tmp_path: Path) -> None:
    """The block number of another group is not a creator."""
    dicom = clean_mammogram()
    dicom.private_block(0x0019, "ACME", create=True)
    dicom[Tag(0x00190010)] = DataElement(Tag(0x00190010), "LO", "ACME")
    dicom[Tag(0x00211001)] = DataElement(Tag(0x00211001), "LO", "fine")
    values = {"(0019,0010)": "ACME", "(0021,0010)": "ACME", "(0021,1001)": "fine"}
    widened = rules(allow_tags=list(values), allow_values=values)
    assert codes(verdict_on(as_bytes(dicom), tmp_path, widened)) == ["PRIVATE_CREATOR"]


def test_a_form_for_a_tag_that_is_not_allowed_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="allowTags does not list"):
        rules(allow_values={"(0008,1030)": "Screening"})


def test_a_form_that_is_no_regular_expression_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="is not a regular expression"):
        rules(allow_tags=["(0008,1030)"], allow_values={"(0008,1030)": "("})


def test_every_kind_of_rule_has_a_check_and_every_code_a_rank() -> None:
    assert set(CHECKS) == set(RuleKind)
    assert list(SEVERITY) == list(GateCode)


def test_every_entry_of_the_list_is_of_use() -> None:
    """Each has a kind of value it can hold, and lies under a sequence that is listed itself."""
    listed = base_list().elements
    for place, rule in listed.items():
        assert rule.vr
        assert rule.name
        parent = place.rpartition("/")[0]
        assert not parent or listed[parent].rule is RuleKind.SEQUENCE
        assert not int(place.split("/")[-1][1:5], 16) % 2, "a private element is let in by a data set's rule alone"


def test_a_rule_must_say_what_its_kind_needs() -> None:
    for broken in ({"rule": "enumerated"}, {"rule": "pattern"}, {"rule": "plain", "values": ["a"]}):
        with pytest.raises(ValidationError, match="needs values"):
            TagRule(name="X", vr=("CS",), **broken)


@given(text=st.text(min_size=1, max_size=64))
def test_a_pseudonym_never_holds_free_text(text: str) -> None:
    rule = base_list().elements["(0010,0020)"]
    element = Element("(0010,0020)", "(0010,0020)", "LO", "PatientID", len(text), (text,))
    digits = sum(sign in "0123456789abcdef" for sign in text.lower())
    if refusal_of(element, rule, AROUND) is None:
        assert digits >= 3
        assert text.lower().startswith(("sub", "anon", "pseudo"))


@given(value=st.integers(min_value=1_000_000, max_value=9_999_999_999))
def test_no_long_number_fits_a_number_element(value: int) -> None:
    for vr in ("DS", "IS"):
        element = Element("(0018,0060)", "(0018,0060)", vr, "KVP", 10, (str(value),))
        assert refusal_of(element, TagRule(name="n", vr=(vr,), rule=RuleKind.PLAIN), AROUND) == GateCode.NUMBER_FORM
