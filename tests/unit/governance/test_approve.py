"""An approval binds to the digest it was given for, by an officer who is not the requester, if the policy lets it."""

from datetime import datetime
from pathlib import Path

import pytest

from governance.application.approve import Ruling, approve
from model_kit import NOW, grant, project
from tidegate.ledger import Event
from tidegate.model import Decision, Denial, Kind, Outcome, PersonRef, Project, TidegateError, Verdict
from tidegate.store import SqliteStore

GWEN, ROSA = PersonRef(subject="gwen"), PersonRef(subject="rosa")
RULING = Ruling(reason="Within the aims.")


class Answers:
    """A policy that gives one answer; the real one has its own tests and the walk's."""

    def __init__(self, outcome: Outcome, *deny: Denial) -> None:
        self._decision = Decision(outcome=outcome, deny=deny)

    def project_approve(self, project: Project, actor: PersonRef, now: datetime) -> Decision:  # noqa: ARG002
        return self._decision


HUMAN = Answers(Outcome.NEEDS_HUMAN)


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    from tidegate.ledger import Actor, Record  # noqa: PLC0415 - only this fixture writes directly

    store = SqliteStore(tmp_path / "tidegate.db", "governance")
    record = Record(event=Event.RESOURCE_CREATED, actor=Actor.service("test"), subject="x")
    officers = [grant(name, role="governance-officer", person=name) for name in ("gwen", "rosa")]
    for resource in (*officers, project()):
        store.put(resource, record, NOW)
    return store


def test_an_approval_is_bound_to_the_digest_and_recorded(store: SqliteStore) -> None:
    given, _ = approve(store, HUMAN, "breast-density", GWEN, RULING, NOW)
    assert given.spec.subject.digest == project().digest()
    assert store.entries("governance")[-1].record.event is Event.APPROVAL_GIVEN
    assert store.entries("governance")[-1].record.detail["digest"] == project().digest()


def test_who_asked_cannot_approve_even_as_an_officer(store: SqliteStore) -> None:
    with pytest.raises(TidegateError, match="same_person"):
        approve(store, HUMAN, "breast-density", ROSA, RULING, NOW)
    assert store.list(Kind.APPROVAL) == ()


def test_who_is_no_officer_cannot_approve(store: SqliteStore) -> None:
    with pytest.raises(TidegateError, match="not_an_officer"):
        approve(store, HUMAN, "breast-density", PersonRef(subject="cleo"), RULING, NOW)


def test_what_the_policy_denies_no_officer_lifts(store: SqliteStore) -> None:
    denies = Answers(Outcome.DENY, Denial(code="licence_expired", dataset="cbis-ddsm", clause="4.2"))
    with pytest.raises(TidegateError, match=r"clause 4\.2") as refused:
        approve(store, denies, "breast-density", GWEN, RULING, NOW)
    assert refused.value.code == "licence_expired"
    assert refused.value.exit_code == 3
    assert store.list(Kind.APPROVAL) == ()


def test_a_refusal_may_be_written_where_the_policy_denies(store: SqliteStore) -> None:
    denies = Answers(Outcome.DENY, Denial(code="licence_expired"))
    given, _ = approve(store, denies, "breast-density", GWEN, Ruling(verdict=Verdict.REFUSE, reason="Ended."), NOW)
    assert given.spec.verdict is Verdict.REFUSE


def test_a_second_approval_gets_a_name_of_its_own(store: SqliteStore) -> None:
    names = {approve(store, HUMAN, "breast-density", GWEN, RULING, NOW)[0].name for _ in range(3)}
    assert names == {"breast-density-1", "breast-density-2", "breast-density-3"}


def test_an_unknown_project_is_named(store: SqliteStore) -> None:
    with pytest.raises(TidegateError, match="no project named other"):
        approve(store, HUMAN, "other", GWEN, RULING, NOW)
