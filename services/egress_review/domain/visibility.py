"""Who may see whose votes and comments, and when: four phases. One's own items are always visible.

Asked by the pages and the API before they show a vote or a comment; nothing else filters.
"""

from enum import StrEnum
from typing import Final

from egress_review.domain.parties import Actor, Party
from egress_review.domain.request import Comment, Request, Review
from egress_review.domain.status import D, G, K, L, P, S, Status, V, X


class Phase(StrEnum):
    AUTHORS = "authors"
    INDEPENDENT = "independent"
    CONSOLIDATING = "consolidating"
    AFTER = "after"


PHASES: Final[dict[Status, Phase]] = {
    **dict.fromkeys(D | K, Phase.AUTHORS),
    **dict.fromkeys(S, Phase.INDEPENDENT),
    **dict.fromkeys(V | G, Phase.CONSOLIDATING),
    **dict.fromkeys(P | L | X, Phase.AFTER),
}
DECIDERS: Final = frozenset({Party.CHECKER, Party.OFFICER})
PROJECT: Final = frozenset({Party.AUTHOR, Party.MEMBER, Party.OBSERVER, Party.CHECKER_MEMBER})

# Who sees other people's votes of the turn, by phase.
VOTES_SEEN: Final[dict[Phase, frozenset[Party]]] = {
    Phase.AUTHORS: frozenset(),
    Phase.INDEPENDENT: frozenset(),
    Phase.CONSOLIDATING: DECIDERS,
    Phase.AFTER: DECIDERS | PROJECT,
}
PRIVATE_SEEN: Final[dict[Phase, frozenset[Party]]] = {
    Phase.AUTHORS: DECIDERS,
    Phase.INDEPENDENT: frozenset(),
    Phase.CONSOLIDATING: DECIDERS,
    Phase.AFTER: DECIDERS,
}
PUBLIC_SEEN: Final[dict[Phase, frozenset[Party]]] = {
    Phase.AUTHORS: DECIDERS | PROJECT,
    Phase.INDEPENDENT: frozenset(),
    Phase.CONSOLIDATING: DECIDERS,
    Phase.AFTER: DECIDERS | PROJECT,
}


def has_opened(request: Request, actor: Actor) -> bool:
    """Whether a checker's own review of the turn is in, or they have opened the votes and so gave up theirs."""
    review = request.review_of(actor.person) if actor.person else None
    return review is not None and (review.submitted or review.opened) is not None


def is_blind(request: Request, actor: Actor, parties: frozenset[Party]) -> bool:
    """A checker who may still vote sees nothing of the turn's votes, however many of them are in."""
    consolidating = PHASES[request.status] is Phase.CONSOLIDATING
    return consolidating and Party.CHECKER in parties and not has_opened(request, actor)


def can_see_votes(request: Request, actor: Actor, parties: frozenset[Party]) -> bool:
    """Whether this actor sees the others' votes of the current turn."""
    seen = bool(parties) and parties <= VOTES_SEEN[PHASES[request.status]]
    return seen and not is_blind(request, actor, parties)


def can_see_review(request: Request, review: Review, actor: Actor, parties: frozenset[Party]) -> bool:
    if review.person == actor.person:
        return True
    if review.submitted is None:
        return False
    if review.turn < _first_hidden_turn(request):
        return bool(parties) and parties <= DECIDERS | PROJECT
    return can_see_votes(request, actor, parties)


def can_see_comment(request: Request, comment: Comment, actor: Actor, parties: frozenset[Party]) -> bool:
    if comment.person == actor.person:
        return True
    if comment.turn < _first_hidden_turn(request):
        return bool(parties) and parties <= (DECIDERS | PROJECT if comment.public else DECIDERS)
    if is_blind(request, actor, parties):
        return False
    seen = PUBLIC_SEEN if comment.public else PRIVATE_SEEN
    return bool(parties) and parties <= seen[PHASES[request.status]]


def _first_hidden_turn(request: Request) -> int:
    """Turns before this one are past, so their last decisions and comments are open."""
    return request.turn


def checker_names(request: Request) -> dict[str, str]:
    """What the project calls the reviewers: "checker 1", "checker 2", in the order in which they first came."""
    people = dict.fromkeys(review.person.subject for review in request.reviews)
    return {subject: f"checker {number}" for number, subject in enumerate(people, start=1)}
