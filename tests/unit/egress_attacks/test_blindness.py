"""A third checker either votes without having seen the others' votes, or sees them and does not vote."""

from dataclasses import replace

import pytest

from egress_attacks_kit import browser, fields_of, post
from egress_kit import World, code_of
from egress_review.application import reviewing
from egress_review.application.acts import By
from egress_review.application.looking import look
from egress_review.domain.actions import Action
from tidegate.ledger import Event

THIRD = "third-checker"


def test_third_checker_sees_no_vote_nor_decision_before_choosing(office: World) -> None:
    made = office.reviewed("approve", "changes")
    seen = look(office.ports, made.id, office.by(THIRD))
    assert (seen.reviews, seen.comments) == ((), ())
    page = browser(THIRD).get(f"/r/{made.id}").content.decode()
    for told in ("checkers differ", "approve</strong>", "request changes</strong>", "Please round the counts."):
        assert told not in page


@pytest.mark.parametrize(("first", "second"), [("approve", "approve"), ("approve", "changes"), ("changes", "changes")])
def test_third_checker_learns_nothing_from_buttons_and_refusals(office: World, first: str, second: str) -> None:
    """Whether the approval would go through is the votes' sum: it is not told to one who may still vote."""
    made = office.reviewed(first, second)
    allowed = look(office.ports, made.id, office.by(THIRD)).allowed
    assert not allowed & {Action.APPROVE, Action.RETURN, Action.REJECT, Action.ESCALATE}
    assert code_of(lambda: reviewing.approve(office.ports, made.id, office.by(THIRD))) == "votes_not_opened"


def test_third_checker_votes_blind_then_sees(office: World) -> None:
    made = office.reviewed("approve", "changes")
    reviewing.claim(office.ports, made.id, office.by(THIRD))
    assert look(office.ports, made.id, office.by(THIRD)).reviews[0].person.subject == THIRD
    office.review(made.id, THIRD)
    assert len(look(office.ports, made.id, office.by(THIRD)).reviews) == 3
    assert code_of(lambda: reviewing.approve(office.ports, made.id, office.by(THIRD))) == ""


def test_who_opens_the_votes_decides_but_does_not_vote(office: World) -> None:
    made = office.reviewed("approve", "changes")
    third = browser(THIRD)
    form = fields_of(third.get(f"/r/{made.id}").content.decode(), "open")
    assert post(third, made.id, "open", form).status_code == 302
    assert len([review for review in look(office.ports, made.id, office.by(THIRD)).reviews if review.submitted]) == 2
    assert code_of(lambda: reviewing.claim(office.ports, made.id, office.by(THIRD))) == "votes_already_opened"
    assert Event.REVIEWS_OPENED in office.events()
    sent = reviewing.send_back(office.ports, made.id, office.by(THIRD), "Please round the counts.")
    assert sent.turn == made.turn + 1


def test_votes_of_an_earlier_round_spoil_nobody_for_the_next(office: World) -> None:
    made = office.reviewed("approve", "changes")
    reviewing.open_votes(office.ports, made.id, office.by(THIRD))
    reviewing.send_back(office.ports, made.id, office.by(THIRD), "Please round the counts.")
    later = replace(office.load(made.id), turn=9)
    assert later.review_of(office.by(THIRD).actor.person) is None  # type: ignore[arg-type]


def test_past_votes_that_were_never_handed_in_stay_their_owners(office: World) -> None:
    """A first thought is no review: early return opens what was handed in, and nothing else."""
    made = office.submitted()
    reviewing.claim(office.ports, made.id, office.by("chidi"))
    reviewing.vote(office.ports, made.id, office.by("chidi"), {"table.csv": "approve"})
    reviewing.claim(office.ports, made.id, office.by("cleo"))
    reviewing.return_early(office.ports, made.id, office.by("cleo"), "One count is missing.")
    assert look(office.ports, made.id, office.by("cleo")).reviews[0].person.subject == "cleo"
    assert all(review.submitted or review.person.subject == "cleo" for review in seen_by(office, made.id, "cleo"))
    assert seen_by(office, made.id, "rosa") == ()


def seen_by(office: World, request_id: str, who: str) -> tuple[object, ...]:
    return look(office.ports, request_id, By(office.by(who).actor, office.now)).reviews


def test_vote_changed_once_reviews_are_open_enters_the_record_with_its_salt(office: World) -> None:
    """The votes that decide can all be checked against their commitments, late ones too."""
    made = office.reviewed("approve", "changes")
    reviewing.vote(office.ports, made.id, office.by("cleo"), {"table.csv": "approve"})
    entries = [entry.record for entry in office.requests.entries()]
    committed = {str(r.detail["commitment"]) for r in entries if r.event in {Event.VOTE_CAST, Event.VOTE_CHANGED}}
    opened = " ".join(str(r.detail.get("votes", "")) for r in entries if r.event is Event.REVIEWS_OPENED)
    assert all(commitment in opened for commitment in committed)
