"""Every use case that changes something writes its event, in the same transaction; nothing changes without one."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, connection, transaction

from egress_kit import PROJECT, TEXTS, World
from egress_review.adapters.db.requests import LEDGERS
from egress_review.application import drafts, releasing, reviewing, workspaces
from egress_review.application.acts import required
from egress_review.application.downloads import open_download
from egress_review.application.looking import look_at_file
from egress_review.domain.refusals import RefusalError
from egress_review.domain.status import Status
from tidegate.ledger import Event
from tidegate.ledger.verify import Row, verify_chain
from tidegate.model import Kind

Case = Callable[[World], object]


def _voted(office: World) -> str:
    made = office.submitted()
    reviewing.claim(office.ports, made.id, office.by("chidi"))
    reviewing.vote(office.ports, made.id, office.by("chidi"), {"table.csv": "approve"})
    return made.id


def _closed(office: World) -> object:
    made = office.submitted()
    office.account("rosa", disabled=True)
    return reviewing.close_held(office.ports, made.id, office.by("gwen"), "Its author has left.")


CASES: dict[Event, Case] = {
    Event.REQUEST_CREATED: lambda o: drafts.create_draft(o.ports, PROJECT, o.workspace(), TEXTS),
    Event.FILE_ADDED: lambda o: o.draft(),
    Event.FILE_WITHDRAWN: lambda o: drafts.remove_file(o.ports, o.draft().id, o.by("rosa"), "table.csv"),
    Event.TEXTS_EDITED: lambda o: drafts.edit_texts(o.ports, o.draft().id, o.by("rosa"), TEXTS),
    Event.REQUEST_OPENED: lambda o: drafts.open_draft(o.ports, o.draft().id, o.by("rosa")),
    Event.REQUEST_SUBMITTED: lambda o: o.scanning(),
    Event.REQUEST_WITHDRAWN: lambda o: o.withdrawn(),
    Event.SCAN_STARTED: lambda o: o.scan_only(o.scanning().id),
    Event.SCAN_FINISHED: lambda o: o.submitted(),
    Event.SCAN_FAILED: lambda o: o.submitted({"broken.csv": o.table()}),
    Event.CLAIM_TAKEN: lambda o: reviewing.claim(o.ports, o.submitted().id, o.by("chidi")),
    Event.CLAIM_ENDED: lambda o: reviewing.end_claim(o.ports, _voted(o), o.by("chidi")),
    Event.VOTE_CAST: _voted,
    Event.VOTE_CHANGED: lambda o: reviewing.vote(o.ports, _voted(o), o.by("chidi"), {"table.csv": "changes"}),
    Event.REVIEW_SUBMITTED: lambda o: o.partially_reviewed(),
    Event.COMMENT_ADDED: lambda o: o.partially_reviewed("changes"),
    Event.REVIEWS_OPENED: lambda o: o.reviewed(),
    Event.REQUEST_RETURNED: lambda o: o.returned(),
    Event.REQUEST_RETURNED_EARLY: lambda o: reviewing.return_early(o.ports, o.submitted().id, o.by("cleo"), "No code."),
    Event.VOTES_VOIDED: lambda o: reviewing.return_early(o.ports, _voted(o), o.by("chidi"), "No code."),
    Event.REQUEST_REJECTED: lambda o: o.rejected(),
    Event.REQUEST_APPROVED: lambda o: o.approved(),
    Event.RELEASE_STARTED: lambda o: o.releasing(),
    Event.RELEASE_STORED: lambda o: o.released(),
    Event.RELEASE_FAILED: lambda o: releasing.step_back(o.ports, o.releasing().id, o.now, "lease_lapsed"),
    Event.REQUEST_RELEASED: lambda o: o.released(),
    Event.REQUEST_EXPIRED: _closed,
    Event.REQUEST_REVOKED: lambda o: o.revoked(),
    Event.FILE_VIEWED: lambda o: look_at_file(o.ports, o.submitted().id, o.by("chidi"), "table.csv"),
    Event.DOWNLOAD_SERVED: lambda o: open_download(o.ports, o.released().id, o.by("rosa"), "table.csv", o.clock),
    Event.WORKSPACE_DRAWN: lambda o: workspaces.add_drawn(o.ports, o.workspace(), {"stream": 10}),
}
SEEN_ELSEWHERE = {
    Event.HOLD_SEEN,
    Event.ACTION_REFUSED,
    Event.DOWNLOAD_REFUSED,
}


def test_every_event_of_egress_has_a_case() -> None:
    assert {event for event in Event if event.startswith("egress:")} - SEEN_ELSEWHERE <= set(CASES)


@pytest.mark.parametrize("event", CASES)
def test_use_case_writes_its_event(office: World, event: Event) -> None:
    CASES[event](office)
    assert event in office.events()


def test_each_version_of_a_request_has_a_record(office: World) -> None:
    """Version 1 is its creation; every later one came with at least one more record of this request."""
    made = office.released()
    about = [e for e in office.requests.entries() if e.record.subject == f"request/{made.id}"]
    assert len(about) >= made.version


def test_refusal_is_recorded_and_changes_nothing(office: World) -> None:
    made = office.submitted()
    with pytest.raises(RefusalError):
        reviewing.claim(office.ports, made.id, office.by("rosa"))
    last = office.requests.entries()[-1].record
    assert (last.event, last.detail["code"]) == (Event.ACTION_REFUSED, "author_reviews_own")
    assert required(office.ports, made.id) == made


def test_record_that_cannot_be_written_undoes_the_act(office: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = office.submitted()

    def full(*_: object) -> None:
        raise OSError

    monkeypatch.setattr("egress_review.adapters.db.requests.LedgerTable.append", full)
    with pytest.raises(OSError):  # noqa: PT011 - any
        reviewing.claim(office.ports, made.id, office.by("chidi"))
    monkeypatch.undo()
    assert office.load(made.id) == made


def test_ledger_holds_no_vote_before_the_reviews_are_open(office: World) -> None:
    office.partially_reviewed("changes")
    text = " ".join(entry.model_dump_json() for entry in office.requests.entries())
    assert "changes" not in text
    assert "commitment" in text


def test_opened_votes_match_their_commitments(office: World) -> None:
    made = office.reviewed()
    cast = [e.record.detail["commitment"] for e in office.requests.entries() if e.record.event is Event.VOTE_CAST]
    assert sorted(cast) == sorted(vote.commitment for review in made.reviews for vote in review.votes)
    opened = next(e.record.detail["votes"] for e in office.requests.entries() if e.record.event is Event.REVIEWS_OPENED)
    assert isinstance(opened, list)
    assert all(any(str(commitment) in line for line in opened) for commitment in cast)


def test_hold_is_recorded_once_and_when_it_lifts(office: World) -> None:
    made = office.scanning()
    office.account("rosa", disabled=True)
    for _ in range(3):
        office.work()
    assert office.events().count(Event.HOLD_SEEN) == 1
    office.account("rosa")
    office.work()
    assert office.events().count(Event.HOLD_SEEN) == 2
    assert office.load(made.id).status is Status.SUBMITTED
    assert office.store.get(Kind.PROJECT, PROJECT) is not None


def test_edited_ledger_fails(office: World) -> None:
    """[edited ledger fails] The table refuses an update; one made behind its back is found."""
    office.released()
    assert verify_chain("egress", _rows(), None) == []
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE ledger SET record = replace(record, 'approve', 'reject')")
    rows = list(_rows())
    rows[3] = (*rows[3][:4], rows[3][4].replace("request/", "request/0"), rows[3][5])
    assert [fault.seq for fault in verify_chain("egress", rows, None)] == [4]


def _rows() -> list[Row]:
    with connection.cursor() as cursor:
        return LEDGERS["sqlite"].rows(cursor)
