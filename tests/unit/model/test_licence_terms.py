"""Terms that contradict themselves are refused by field; what came later changes no digest; silence is never yes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import policy_kit as kit
from model_kit import licence, project
from tidegate.model import Licence, LicenceTerms, Permission, TidegateError, read_resource

# Field, what contradicts it, and words of the sentence.
CONTRADICTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("grant", {"validFrom": kit.at(), "validTo": kit.at()}, "validTo must be later than validFrom"),
    ("grant", {"validFrom": kit.at(), "validTo": kit.at(days=-1)}, "validTo must be later than validFrom"),
    ("grant", {"validFrom": kit.at(), "renewal": kit.at(days=1)}, "renewal must lie"),
    ("grant", {"validFrom": kit.at(), "validTo": kit.at(days=2), "renewal": kit.at()}, "renewal must lie"),
    ("grant", {"validFrom": kit.at(), "validTo": kit.at(days=2), "renewal": kit.at(days=3)}, "renewal must lie"),
    ("purpose", {"permitted": ["DUO:0000006"], "diseases": ["MONDO:0004992"]}, "diseases needs DUO:0000007"),
    ("purpose", {"permitted": ["DUO:0000006"], "prohibited": ["DUO:0000006"]}, "in permitted and in prohibited"),
    ("sharing", {"shareAlike": True, "noDerivatives": True}, "shareAlike"),
    ("sharing", {"noDerivatives": True, "models": "allow"}, "noDerivatives"),
    ("sharing", {"shareAlike": True, "derivedData": "forbid"}, "derivedData"),
    ("sharing", {"thirdParty": "allow", "onward": "forbid"}, "thirdParty"),
    ("outputs", {"publicationReview": {"noticeDays": 30}}, "noticeDays"),
    ("end", {"certificateRequired": True}, "certificateRequired"),
    ("end", {"destroyWithinDays": 30, "archiveAllowed": "allow"}, "archiveAllowed"),
]


def refusal(**spec: Any) -> str:
    with pytest.raises(TidegateError) as caught:
        read_resource(kit.licence(**spec), "test")
    return str(caught.value)


@pytest.mark.parametrize(("section", "value", "words"), CONTRADICTIONS)
def test_a_contradiction_is_refused_by_the_name_of_the_field(section: str, value: dict[str, Any], words: str) -> None:
    said = refusal(**{section: value})
    assert words in said
    assert section in said


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("purpose", {"permitted": ["GRU"]}),
        ("purpose", {"permitted": ["DUO:0000007"], "diseases": ["breast cancer"]}),
        ("territory", {"processing": ["United Kingdom"]}),
        ("territory", {"processing": ["gb"]}),
        ("data", {"linkage": "yes"}),
        ("outputs", {"permittedKinds": ["CSV"]}),
        ("outputs", {"minReviewers": 1}),
        ("end", {"destroyWithinDays": -1}),
        ("incident", {"notifyHours": 24.5}),
        ("ip", {"ownership": "company"}),
        ("unmodelled", [{"clause": "9", "text": "x", "effect": "ignore"}]),
        ("term", {}),
    ],
)
def test_what_is_no_such_value_is_refused_by_the_name_of_its_section(section: str, value: Any) -> None:
    assert section in refusal(**{section: value})


def test_what_was_registered_before_keeps_its_digest() -> None:
    """Data sets pin it, cohorts and approvals rest on it."""
    assert licence().digest() == "f784682570b64b2cbb839b688baf7b2c0aefb47d9c9b9ea09f957020d4cb844f"
    assert project().digest() == "805f6e16fd23e16a75baa870df8cc47a77b93dd219b8fca70c90170986bc729f"


def test_what_came_later_is_in_the_digest_once_it_is_said() -> None:
    plain = licence()
    assert licence(data={"linkage": "allow"}).digest() != plain.digest()
    assert licence(data={"linkage": "unknown"}).digest() == plain.digest()
    purpose = {"codes": ["DUO:0000007"], "text": "Why.", "diseases": ["MONDO:0007254"]}
    assert project(purpose=purpose).spec_json()["purpose"]["diseases"] == ["MONDO:0007254"]


def permissions(model: BaseModel) -> list[Permission]:
    """Every permission of a record and of the records within it."""
    found: list[Permission] = []
    for name in type(model).model_fields:
        value = getattr(model, name)
        found += (
            permissions(value) if isinstance(value, BaseModel) else [value] if isinstance(value, Permission) else []
        )
    return found


def test_a_permission_nobody_typed_in_is_unknown() -> None:
    bare = {key: licence().spec_json()[key] for key in ("title", "spdx", "licensor", "grant")}
    assert set(permissions(LicenceTerms.model_validate(bare))) == {Permission.UNKNOWN}
    assert len(permissions(LicenceTerms.model_validate(bare))) >= 8


FULL: dict[str, Any] = {
    "grant": {"validFrom": kit.at(), "validTo": kit.at(days=9), "renewal": kit.at(days=8), "exclusive": True},
    "purpose": {"permitted": ["DUO:0000007"], "diseases": ["MONDO:0007254"], "prohibited": ["DUO:0000011"]},
    "territory": {"processing": ["GB"], "remoteAccess": ["GB", "IE"]},
    "data": {"types": ["mammograms"], "linkage": "ask", "reidentification": "forbid"},
    "ip": {"ownership": "licensor", "notifyInventionDays": 30, "returnResults": True},
    "end": {"destroyWithinDays": 30, "certificateRequired": True, "archiveAllowed": "forbid"},
    "incident": {"notifyHours": 0, "accidentalIdentification": "Tell nobody else.", "recoverData": True},
    "contacts": {"governance": ["dpo@licensor.example"], "incident": "+44 0"},
}


@given(chosen=st.sets(st.sampled_from(sorted(FULL))))
def test_what_is_written_is_read_back_whole(chosen: set[str]) -> None:
    made = licence(**{name: FULL[name] for name in chosen})
    again = Licence.model_validate(made.model_dump(mode="json", by_alias=True))
    assert (again, again.digest()) == (made, made.digest())
