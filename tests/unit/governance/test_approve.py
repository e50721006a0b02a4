"""An approval binds to the digest it was given for, by an officer who is not the requester, if the policy lets it."""

from datetime import datetime
from pathlib import Path
from typing import cast

import pytest

from governance.application.approve import Ruling, approve
from model_kit import NOW, grant, project
from provisioner.domain.verdicts import Standing, closing_verdict, project_verdict
from tidegate.ledger import Actor, Event, Record
from tidegate.model import (
    Approval,
    Decision,
    Denial,
    Kind,
    Outcome,
    PersonRef,
    Project,
    Stage,
    TidegateError,
    Verdict,
)
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
    store = SqliteStore(tmp_path / "tidegate.db", "governance")
    record = Record(event=Event.RESOURCE_CREATED, actor=Actor.service("test"), subject="x")
    officers = [grant(name, role="governance-officer", person=name) for name in ("gwen", "rosa")]
    for resource in (*officers, project()):
        store.put(resource, record, NOW)
    return store


def test_an_approval_is_bound_to_the_digest_and_recorded(store: SqliteStore) -> None:
    given = approve(store, HUMAN, "breast-density", GWEN, RULING, NOW).approval
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
    given = approve(
        store, denies, "breast-density", GWEN, Ruling(verdict=Verdict.REFUSE, reason="Ended."), NOW
    ).approval
    assert given.spec.verdict is Verdict.REFUSE


def test_a_second_approval_gets_a_name_of_its_own(store: SqliteStore) -> None:
    names = {approve(store, HUMAN, "breast-density", GWEN, RULING, NOW).approval.name for _ in range(3)}
    assert names == {"breast-density-1", "breast-density-2", "breast-density-3"}


def test_an_unknown_project_is_named(store: SqliteStore) -> None:
    with pytest.raises(TidegateError, match="no project named other"):
        approve(store, HUMAN, "other", GWEN, RULING, NOW)


CLOSING = Ruling(reason="The study is done.", deletion_meant=True)


def ask_to_close(store: SqliteStore) -> Project:
    closing = project(stage=Stage.CLOSING)
    record = Record(event=Event.RESOURCE_CHANGED, actor=Actor.service("test"), subject="x")
    store.put(closing, record, NOW)
    return closing


def standings(store: SqliteStore) -> tuple[Standing, Standing]:
    """Of the work and of the closing, as the provisioner reads the same Approvals."""
    approvals = cast("tuple[Approval, ...]", store.list(Kind.APPROVAL))
    return tuple(v(project(), approvals, NOW).standing for v in (project_verdict, closing_verdict))  # type: ignore[return-value]


def test_an_approval_of_the_closing_binds_to_the_closing_and_opens_nothing(store: SqliteStore) -> None:
    ask_to_close(store)
    given = approve(store, HUMAN, "breast-density", GWEN, CLOSING, NOW)
    assert given.of_closing
    assert given.approval.spec.subject.digest == project().closing_digest() != project().digest()
    assert standings(store)[1] is Standing.GIVEN
    assert standings(store)[0] is not Standing.GIVEN
    recorded = store.entries("governance")[-1].record
    assert (recorded.detail["of"], recorded.detail["digest"]) == ("closing", project().closing_digest())


def test_an_approval_of_the_work_closes_nothing_however_late_the_stage_changes(store: SqliteStore) -> None:
    approve(store, HUMAN, "breast-density", GWEN, CLOSING, NOW)
    ask_to_close(store)
    assert standings(store)[0] is Standing.GIVEN
    assert standings(store)[1] is not Standing.GIVEN
    assert store.entries("governance")[-2].record.detail["of"] == "work"


def test_a_closing_is_not_approved_by_accident(store: SqliteStore) -> None:
    ask_to_close(store)
    with pytest.raises(TidegateError, match="homes") as refused:
        approve(store, HUMAN, "breast-density", GWEN, RULING, NOW)
    assert (refused.value.code, refused.value.exit_code) == ("deletion_not_confirmed", 2)
    assert store.list(Kind.APPROVAL) == ()


def test_a_closing_has_nothing_to_extend(store: SqliteStore) -> None:
    ask_to_close(store)
    with pytest.raises(TidegateError, match="verdict_unfit"):
        approve(store, HUMAN, "breast-density", GWEN, Ruling(verdict=Verdict.EXTEND, reason="Longer."), NOW)


def test_a_refused_closing_leaves_the_work_as_it_was(store: SqliteStore) -> None:
    approve(store, HUMAN, "breast-density", GWEN, RULING, NOW)
    ask_to_close(store)
    approve(store, HUMAN, "breast-density", GWEN, Ruling(verdict=Verdict.REFUSE, reason="Not yet."), NOW)
    assert standings(store) == (Standing.GIVEN, Standing.REFUSED)


def test_an_ended_licence_does_not_keep_its_data_here(store: SqliteStore) -> None:
    """The policy denies the work; deleting it is allowed all the same, and the policy is not even asked."""
    ask_to_close(store)
    denies = Answers(Outcome.DENY, Denial(code="licence_expired"))
    assert approve(store, denies, "breast-density", GWEN, CLOSING, NOW).decision is None
    assert standings(store)[1] is Standing.GIVEN


def test_who_asked_cannot_approve_the_closing_either(store: SqliteStore) -> None:
    ask_to_close(store)
    with pytest.raises(TidegateError, match="same_person"):
        approve(store, HUMAN, "breast-density", ROSA, CLOSING, NOW)
