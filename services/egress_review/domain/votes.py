"""Counting: submitted reviews of the current turn, one per distinct human, each vote bound to the current digest."""

from dataclasses import replace
from enum import StrEnum

from egress_review.domain.parties import human_of
from egress_review.domain.request import Choice, OutputFile, Request, Review, Vote, binding_digest
from tidegate.model import PersonRef


class FileDecision(StrEnum):
    INCOMPLETE = "incomplete"
    APPROVED = "approved"
    CHANGES_REQUESTED = "changes-requested"
    CONFLICTED = "conflicted"


def submitted_reviews(request: Request) -> tuple[Review, ...]:
    """The reviews that are in, of this turn, one per human: a second one by the same human is not looked at."""
    by_human: dict[str, Review] = {}
    for review in request.reviews:
        if review.turn == request.turn and review.submitted is not None and not review.voided:
            by_human.setdefault(human_of(review.person), review)
    return tuple(by_human.values())


def counted_votes(request: Request, file: OutputFile) -> tuple[Choice, ...]:
    """The choices that count for a file. The author's never does, whatever the store says."""
    digest = binding_digest(request, file)
    reviews = (r for r in submitted_reviews(request) if human_of(r.person) != human_of(request.author))
    votes = (review.vote_on(file.name) for review in reviews)
    return tuple(vote.choice for vote in votes if vote is not None and vote.digest == digest)


def decision_of(request: Request, file: OutputFile, needed: int) -> FileDecision:
    """What the counted votes say of a file, `needed` being the policy's number of reviewers (at least two)."""
    choices = counted_votes(request, file)
    needed = max(needed, 2)
    if choices.count(Choice.APPROVE) >= needed:
        return FileDecision.APPROVED
    if len(choices) < needed:
        return FileDecision.INCOMPLETE
    if set(choices) == {Choice.CHANGES}:
        return FileDecision.CHANGES_REQUESTED
    return FileDecision.CONFLICTED


def all_approved(request: Request, needed: int) -> bool:
    outputs = request.outputs
    return bool(outputs) and all(decision_of(request, file, needed) is FileDecision.APPROVED for file in outputs)


def is_complete(request: Request, review: Review) -> bool:
    """Whether a review has a vote on every output file about what the file is now."""
    return bool(request.outputs) and all(
        (vote := review.vote_on(file.name)) is not None and vote.digest == binding_digest(request, file)
        for file in request.outputs
    )


def asks_for_changes(request: Request, review: Review) -> bool:
    votes = (review.vote_on(file.name) for file in request.outputs)
    return any(vote is not None and vote.choice is Choice.CHANGES for vote in votes)


def carried_over(request: Request, review: Review) -> Review:
    """The owner's approvals of the last reviewed turn whose digest still stands: a start, not yet submitted."""
    past = [r for r in request.reviews if r.person == review.person and r.turn < review.turn and r.submitted]
    if review.votes or not past:
        return review
    last = max(past, key=lambda r: r.turn)
    return replace(review, votes=() if last.voided else tuple(v for v in last.votes if _stands(request, v)))


def _stands(request: Request, vote: Vote) -> bool:
    file = request.file(vote.file)
    return (
        vote.choice is Choice.APPROVE
        and file is not None
        and not file.withdrawn
        and vote.digest == binding_digest(request, file)
    )


def approvers(request: Request) -> tuple[PersonRef, ...]:
    """The people whose counted votes approve every output file as it is now."""
    return tuple(
        review.person
        for review in submitted_reviews(request)
        if is_complete(request, review) and not asks_for_changes(request, review) and review.person != request.author
    )
