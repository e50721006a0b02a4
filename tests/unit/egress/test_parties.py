"""Who somebody is towards a request comes from grants and the project at that moment, and is the least they are."""

from datetime import timedelta

import pytest

from egress_review.domain.parties import Actor, ActorKind, Membership, Party, as_person, parties_of
from model_kit import NOW, grant, project
from tidegate.model import PersonRef
from tidegate.model.grant import GrantSpec

AUTHOR = PersonRef(subject="ravi")
PROJECT = Membership.of(project())


def spec(role: str, person: str = "who", **changes: object) -> GrantSpec:
    return grant("g", role=role, person=person, **changes).spec


PAST = {"since": NOW - timedelta(days=20), "until": NOW - timedelta(days=10)}
FUTURE = {"since": NOW + timedelta(days=10), "until": NOW + timedelta(days=20)}
ELSEWHERE = {"project": "other-project"}
CASES = [
    ((), {Party.STRANGER}),
    ((spec("researcher"),), {Party.MEMBER}),
    ((spec("lead"),), {Party.MEMBER}),
    ((spec("observer"),), {Party.OBSERVER}),
    ((spec("observer"), spec("researcher")), {Party.MEMBER}),
    ((spec("researcher", **ELSEWHERE),), {Party.STRANGER}),
    ((spec("researcher", **PAST),), {Party.STRANGER}),
    ((spec("output-checker"),), {Party.CHECKER}),
    ((spec("output-checker", **PAST),), {Party.STRANGER}),
    ((spec("output-checker", **FUTURE),), {Party.STRANGER}),
    ((spec("output-checker"), spec("researcher")), {Party.CHECKER_MEMBER}),
    ((spec("output-checker"), spec("observer")), {Party.CHECKER_MEMBER}),
    ((spec("output-checker"), spec("researcher", **PAST)), {Party.CHECKER_MEMBER}),
    ((spec("output-checker"), spec("researcher", **FUTURE)), {Party.CHECKER}),
    ((spec("output-checker"), spec("researcher", **ELSEWHERE)), {Party.CHECKER}),
    ((spec("governance-officer"),), {Party.OFFICER}),
    ((spec("governance-officer"), spec("researcher")), {Party.MEMBER}),
    ((spec("operator"), spec("output-checker")), {Party.OPERATOR, Party.CHECKER}),
    ((spec("governance-officer"), spec("output-checker")), {Party.OFFICER, Party.CHECKER}),
]


@pytest.mark.parametrize(("grants", "expected"), CASES)
def test_parties_of_a_person(grants: tuple[GrantSpec, ...], expected: set[Party]) -> None:
    assert parties_of(as_person(PersonRef(subject="who")), AUTHOR, grants, PROJECT, NOW) == expected


@pytest.mark.parametrize("grants", [case[0] for case in CASES])
def test_author_is_the_author_whatever_else_they_are(grants: tuple[GrantSpec, ...]) -> None:
    assert parties_of(as_person(AUTHOR), AUTHOR, grants, PROJECT, NOW) == {Party.AUTHOR}


def test_lead_and_requester_are_members_without_a_grant() -> None:
    lead = as_person(PersonRef(subject="rosa"))
    assert parties_of(lead, AUTHOR, (spec("output-checker", "rosa"),), PROJECT, NOW) == {Party.CHECKER_MEMBER}


def test_same_name_of_another_issuer_is_another_human() -> None:
    other = PersonRef(issuer="https://login.example.org", subject="ravi")
    assert parties_of(as_person(other), AUTHOR, (), PROJECT, NOW) == {Party.STRANGER}


@pytest.mark.parametrize(
    ("person", "where", "expected"),
    [
        ("ravi", "breast-density", Party.WORKSPACE),
        ("ravi", "other-project", Party.STRANGER),
        ("rosa", "breast-density", Party.STRANGER),
    ],
)
def test_workspace_is_only_its_own_persons_in_its_own_project(person: str, where: str, expected: Party) -> None:
    actor = Actor(ActorKind.WORKSPACE, PersonRef(subject=person), where)
    assert parties_of(actor, AUTHOR, (), PROJECT, NOW) == {expected}
