"""What checkers do: claim, vote blind, submit their review, comment; then return, reject or approve together.

Every act passes `decide`; the counting is in `domain.votes`, the blindness in `domain.visibility`.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from egress_review.application.acts import By, perform, record
from egress_review.domain.actions import Action
from egress_review.domain.decide import Facts
from egress_review.domain.inputs import read_reason
from egress_review.domain.parties import human_of
from egress_review.domain.refusals import refused
from egress_review.domain.request import Choice, Claim, Comment, Request, Review, Vote, binding_digest
from egress_review.domain.status import Status
from egress_review.domain.votes import asks_for_changes, carried_over, is_complete, submitted_reviews
from egress_review.ports import Ports
from tidegate.ledger import Event, Record
from tidegate.model import Outcome, PersonRef, digest_of

LEASE: Final = timedelta(hours=4)
Changed = tuple[Request, tuple[Record, ...]]
AFTER_REVIEWS: Final[dict[Status, tuple[Status, ...]]] = {
    # By how many humans' reviews are in; later ones leave the state.
    Status.SUBMITTED: (Status.SUBMITTED, Status.PARTIALLY_REVIEWED),
    Status.PARTIALLY_REVIEWED: (Status.PARTIALLY_REVIEWED, Status.PARTIALLY_REVIEWED, Status.REVIEWED),
}


def claim(ports: Ports, request_id: str, by: By) -> Request:
    """Take, or prolong, a seat. The owner's still valid approvals of an earlier turn are filled in, not counted."""

    def change(before: Request, _facts: Facts) -> Changed:
        person = _person(by)
        review = carried_over(before, before.review_of(person) or Review(person=person, turn=before.turn))
        after = _with_claim(before, person, by)
        return after.with_review(review), (record(Event.CLAIM_TAKEN, by.actor, before),)

    return perform(ports, Action.REVIEW, request_id, by, change, claiming=True)


def end_claim(ports: Ports, request_id: str, by: By) -> Request:
    """Give the seat back. Votes already cast stay for when their person comes back."""

    def change(before: Request, _facts: Facts) -> Changed:
        kept = tuple(claim for claim in before.claims if claim.person != by.actor.person)
        return replace(before, claims=kept), (record(Event.CLAIM_ENDED, by.actor, before),)

    return perform(ports, Action.REVIEW, request_id, by, change)


def open_votes(ports: Ports, request_id: str, by: By) -> Request:
    """See the turn's votes without a review of one's own: who does decides with the others, and does not vote."""

    def change(before: Request, _facts: Facts) -> Changed:
        person = _person(by)
        review = before.review_of(person) or Review(person=person, turn=before.turn)
        kept = tuple(claim for claim in before.claims if claim.person != person)
        after = replace(before, claims=kept).with_review(replace(review, opened=review.opened or by.now))
        return after, (record(Event.REVIEWS_OPENED, by.actor, before, without_a_vote=review.submitted is None),)

    return perform(ports, Action.OPEN_VOTES, request_id, by, change)


def vote(ports: Ports, request_id: str, by: By, choices: Mapping[str, str]) -> Request:
    """Vote on files, by name. The ledger gets commitments; the votes themselves are opened with the reviews."""

    def change(before: Request, _facts: Facts) -> Changed:
        person = _person(by)
        review = before.review_of(person) or Review(person=person, turn=before.turn)
        cast = tuple(_vote_on(before, name, choice) for name, choice in choices.items())
        fresh = tuple(new for new in cast if _differs(review.vote_on(new.file), new))
        kept = tuple(old for old in review.votes if old.file not in {new.file for new in fresh})
        records = tuple(_vote_record(before, by, review, new) for new in fresh)
        after = _with_claim(before, person, by).with_review(replace(review, votes=kept + fresh))
        late = _opening(after, by) if fresh and review.submitted is not None else ()
        return after, (*records, *late) or (record(Event.CLAIM_TAKEN, by.actor, before, renewed=True),)

    return perform(ports, Action.REVIEW, request_id, by, change)


def submit_review(ports: Ports, request_id: str, by: By, comment: str = "") -> Request:
    """Hand in one's review: from now on it counts. The second one opens the turn's reviews to the checkers."""

    def change(before: Request, _facts: Facts) -> Changed:
        person = _person(by)
        review = before.review_of(person)
        if review is not None and review.submitted is not None:
            raise refused("same_person_twice")
        if review is None or not is_complete(before, review):
            raise refused("votes_missing")
        if asks_for_changes(before, review):
            read_reason(comment, "comment_missing")
        after = before.with_review(replace(review, submitted=by.now))
        after, said = _with_comment(after, by, comment, public=True, review=True)
        after = _moved_on(after)
        return after, (record(Event.REVIEW_SUBMITTED, by.actor, before), *said, *_opening(after, by))

    return perform(ports, Action.REVIEW, request_id, by, change)


def add_comment(ports: Ports, request_id: str, by: By, text: str, *, public: bool) -> Request:
    def change(before: Request, _facts: Facts) -> Changed:
        read_reason(text, "comment_missing")
        return _with_comment(before, by, text, public=public)

    return perform(ports, Action.COMMENT if public else Action.COMMENT_PRIVATELY, request_id, by, change)


def return_early(ports: Ports, request_id: str, by: By, reason: str) -> Request:
    """Send back before the reviews are in: this turn's votes are void, nothing is deleted or hidden."""

    def change(before: Request, _facts: Facts) -> Changed:
        read_reason(reason)
        after, said = _with_comment(before, by, reason, public=True)
        reviews = tuple(replace(r, voided=True) if r.turn == before.turn else r for r in after.reviews)
        sent = _sent_back(replace(after, reviews=reviews), reason)
        returned = record(Event.REQUEST_RETURNED_EARLY, by.actor, before)
        return sent, (returned, record(Event.VOTES_VOIDED, by.actor, before), *said)

    return perform(ports, Action.RETURN_EARLY, request_id, by, change)


def send_back(ports: Ports, request_id: str, by: By, reason: str) -> Request:
    def change(before: Request, _facts: Facts) -> Changed:
        read_reason(reason, "comment_missing")
        after, said = _with_comment(before, by, reason, public=True)
        return _sent_back(after, reason), (record(Event.REQUEST_RETURNED, by.actor, before), *said)

    return perform(ports, Action.RETURN, request_id, by, change)


def reject(ports: Ports, request_id: str, by: By, reason: str) -> Request:
    def change(before: Request, _facts: Facts) -> Changed:
        read_reason(reason)
        after, said = _with_comment(before, by, reason, public=True)
        done = replace(after, status=Status.REJECTED, claims=(), reason=reason.strip())
        return done, (record(Event.REQUEST_REJECTED, by.actor, before), *said)

    return perform(ports, Action.REJECT, request_id, by, change)


def approve(ports: Ports, request_id: str, by: By) -> Request:
    """Two people have approved every file; the policy engine is asked, and the stored bytes are read again."""

    def change(before: Request, _facts: Facts) -> Changed:
        if not all(ports.quarantine.verify(sha) for sha in stored_hashes(before)):
            raise refused("file_changed")
        decision = allowed_by_policy(ports, before, by)
        after = replace(before, status=Status.APPROVED, claims=(), decision=decision)
        checkers = sorted(review.person.subject for review in submitted_reviews(before))
        return after, (record(Event.REQUEST_APPROVED, by.actor, before, decision=decision, reviewers=checkers),)

    return perform(ports, Action.APPROVE, request_id, by, change)


def revoke(ports: Ports, request_id: str, by: By, reason: str) -> Request:
    """End a release: no download starts, and running ones are cut at their next check."""

    def change(before: Request, _facts: Facts) -> Changed:
        after = replace(before, status=Status.REVOKED, reason=read_reason(reason))
        return after, (record(Event.REQUEST_REVOKED, by.actor, before),)

    return perform(ports, Action.REVOKE, request_id, by, change)


def close_held(ports: Ports, request_id: str, by: By, reason: str) -> Request:
    """End what cannot go on, so that it holds up nothing: the project closes, or what the request needs has ended."""

    def change(before: Request, facts: Facts) -> Changed:
        said = read_reason(reason)
        after = replace(before, status=Status.EXPIRED, claims=(), reason=said)
        holds = [hold.code for hold in facts.holds]
        return after, (record(Event.REQUEST_EXPIRED, by.actor, before, was=before.status, holds=holds),)

    return perform(ports, Action.CLOSE_HELD, request_id, by, change)


def allowed_by_policy(ports: Ports, request: Request, by: By) -> str:
    """The digest of the decision that allows this release now.

    Raises:
        RefusalError: ``policy_denied``, with the reasons and clauses, or ``policy_unavailable``.
    """
    project = ports.people.project(request.project)
    if project is None:
        raise refused("policy_denied", "The project is not registered.")
    decision = ports.policy.release(request, project, by.now)
    if decision.outcome is Outcome.ALLOW:
        return digest_of(decision.model_dump(mode="json"))
    codes = ", ".join(sorted({denial.code for denial in decision.deny})) or decision.outcome
    down = codes.startswith("policy_")
    raise refused("policy_unavailable" if down else "policy_denied", f"Reasons: {codes}.")


def stored_hashes(request: Request) -> tuple[str, ...]:
    """What must still be in the store as it was: the bytes that arrived and the copies that are to leave."""
    return tuple(sha for file in request.outputs for sha in (file.sha256, file.sanitised) if sha)


def _person(by: By) -> PersonRef:
    if by.actor.person is None:
        raise refused("service_is_not_a_person")
    return by.actor.person


def _with_claim(request: Request, person: PersonRef, by: By) -> Request:
    """A seat is renewed by use; lapsed ones are cleared away."""
    others = tuple(claim for claim in request.live_claims(by.now) if claim.person != person)
    return replace(request, claims=(*others, Claim(person, by.now + LEASE)))


def _vote_on(request: Request, name: str, choice: str) -> Vote:
    file = request.file(name)
    if file is None or file.withdrawn:
        raise refused("unknown_file")
    if choice not in set(Choice):
        raise refused("choice_invalid")
    return Vote(name, Choice(choice), binding_digest(request, file), secrets.token_hex(16))


def _differs(old: Vote | None, new: Vote) -> bool:
    return old is None or (old.choice, old.digest) != (new.choice, new.digest)


def _vote_record(request: Request, by: By, review: Review, new: Vote) -> Record:
    event = Event.VOTE_CHANGED if review.vote_on(new.file) else Event.VOTE_CAST
    return record(event, by.actor, request, commitment=new.commitment)


def _with_comment(
    request: Request, by: By, text: str, *, public: bool, review: bool = False
) -> tuple[Request, tuple[Record, ...]]:
    if not text.strip():
        return request, ()
    said = Comment(_person(by), request.turn, by.now, read_reason(text), public=public, review=review)
    after = replace(request, comments=(*request.comments, said))
    return after, (record(Event.COMMENT_ADDED, by.actor, request, public=public, sha256=digest_of(said.text)),)


def _moved_on(request: Request) -> Request:
    steps = AFTER_REVIEWS.get(request.status, (request.status,))
    return replace(request, status=steps[min(len(submitted_reviews(request)), len(steps) - 1)])


def _opening(request: Request, by: By) -> tuple[Record, ...]:
    """Values and salts enter the ledger once the reviews are open, so every commitment can be checked."""
    if request.status is not Status.REVIEWED:
        return ()
    opened = [
        f"{human_of(review.person)} {vote.choice} {vote.salt} {vote.commitment}"
        for review in submitted_reviews(request)
        for vote in review.votes
    ]
    return (record(Event.REVIEWS_OPENED, by.actor, request, votes=opened),)


def _sent_back(request: Request, reason: str) -> Request:
    return replace(request, status=Status.RETURNED, turn=request.turn + 1, claims=(), reason=reason.strip())
