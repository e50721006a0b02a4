"""The one decision: may this actor do this to this request now? Web form, API, intake and workers all pass here.

Refusals judge the person first, then the state, then a hold, then what the act itself needs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from egress_review.domain.actions import CHECKERS_ACTS, FROM_THE_VOTES, WHILE_HELD, Action, states_for
from egress_review.domain.holds import Hold
from egress_review.domain.parties import Actor, ActorKind, Party, human_of
from egress_review.domain.refusals import REFUSALS, Refusal, RefusalError
from egress_review.domain.request import Request
from egress_review.domain.status import V
from egress_review.domain.visibility import has_opened
from egress_review.domain.votes import all_approved

SEATS: Final = 2
SEATS_TO_BREAK_A_TIE: Final = 3


@dataclass(frozen=True)
class Facts:
    """What is true now about the actor and the request, gathered from grants, project and licence."""

    parties: frozenset[Party]
    holds: tuple[Hold, ...] = ()
    reviewers_needed: int = 2
    training_lapsed: bool = False
    claiming: bool = False
    expected_version: int | None = None


@dataclass(frozen=True)
class Allow:
    action: Action


@dataclass(frozen=True)
class Ask:
    """One question, complete."""

    action: Action
    request: Request
    actor: Actor
    facts: Facts
    now: datetime


def decide(action: Action, request: Request, actor: Actor, facts: Facts, now: datetime) -> Allow | Refusal:
    """Allow, or the first refusal in the order of `RULES`."""
    ask = Ask(action, request, actor, facts, now)
    for rule in RULES:
        code = rule(ask)
        if code:
            return REFUSALS[code]
    return Allow(action)


def check(action: Action, request: Request, actor: Actor, facts: Facts, now: datetime) -> None:
    """Raise the refusal, if there is one. The use cases insist with this."""
    answer = decide(action, request, actor, facts, now)
    if isinstance(answer, Refusal):
        raise RefusalError(answer, " ".join(h.sentence for h in facts.holds) if answer.code == "held" else "")


def can(action: Action, request: Request, actor: Actor, facts: Facts, now: datetime) -> bool:
    """Yes or no. The pages ask with this which buttons to show."""
    return isinstance(decide(action, request, actor, facts, now), Allow)


def _sees(ask: Ask) -> str:
    return "" if ask.request.status in states_for(Action.SEE, ask.facts.parties) else "not_visible"


WHY_NOT_A_CHECKER: Final[tuple[tuple[Party, str], ...]] = (
    (Party.WORKSPACE, "workspace_is_not_a_person"),
    (Party.SERVICE, "service_is_not_a_person"),
    (Party.AUTHOR, "author_reviews_own"),
    (Party.CHECKER_MEMBER, "member_reviews_project"),
    (Party.MEMBER, "member_reviews_project"),
    (Party.OBSERVER, "member_reviews_project"),
    (Party.OPERATOR, "operator_never_approves"),
)


def _part(ask: Ask) -> str:
    """Whether the actor's parties have the action in any state at all."""
    if states_for(ask.action, ask.facts.parties):
        return ""
    if ask.actor.kind is ActorKind.WORKSPACE:
        return "workspace_is_not_a_person"
    if ask.actor.kind is ActorKind.SERVICE:
        return "service_is_not_a_person"
    if ask.action in CHECKERS_ACTS:
        reasons = (code for party, code in WHY_NOT_A_CHECKER if party in ask.facts.parties)
        return next(reasons, "no_checker_role")
    return "not_allowed"


def _training(ask: Ask) -> str:
    return "checker_training_lapsed" if ask.action in CHECKERS_ACTS and ask.facts.training_lapsed else ""


def _opened_draft(ask: Ask) -> str:
    changes_draft = ask.actor.kind is ActorKind.WORKSPACE and ask.action is Action.EDIT
    return "already_opened" if changes_draft and ask.request.opened is not None else ""


def _status(ask: Ask) -> str:
    return "" if ask.request.status in states_for(ask.action, ask.facts.parties) else "wrong_status"


def _held(ask: Ask) -> str:
    if ask.action is Action.CLOSE_HELD:
        return "" if ask.facts.holds else "not_held"
    return "held" if ask.facts.holds and ask.action not in WHILE_HELD else ""


def _version(ask: Ask) -> str:
    expected = ask.facts.expected_version
    return "stale_version" if expected is not None and expected != ask.request.version else ""


def _blind(ask: Ask) -> str:
    """Who has opened the others' votes of this turn without a review of their own in cannot vote in it.

    And who may still vote decides nothing from the votes: whether an approval goes through would tell them.
    """
    review = ask.request.review_of(ask.actor.person) if ask.actor.person else None
    if ask.action in FROM_THE_VOTES and not has_opened(ask.request, ask.actor):
        return "votes_not_opened"
    spoiled = review is not None and review.opened is not None and review.submitted is None
    return "votes_already_opened" if ask.action is Action.REVIEW and spoiled else ""


def _claim(ask: Ask) -> str:
    """Voting needs a seat; taking one needs a free one."""
    if ask.action is not Action.REVIEW or ask.actor.person is None:
        return ""
    if ask.request.claim_of(ask.actor.person, ask.now):
        return ""
    if not ask.facts.claiming:
        return "no_claim"
    return "" if free_seats(ask.request, ask.actor, ask.now) > 0 else "seats_taken"


def free_seats(request: Request, actor: Actor, now: datetime) -> int:
    """Seats no other person holds or has used: two, a third once the request is reviewed."""
    used = {human_of(r.person) for r in request.reviews if r.turn == request.turn and r.submitted is not None}
    held = {human_of(claim.person) for claim in request.live_claims(now)}
    return (SEATS_TO_BREAK_A_TIE if request.status in V else SEATS) - len((used | held) - {actor.human})


def _approvals(ask: Ask) -> str:
    if ask.action is not Action.APPROVE:
        return ""
    if not all_approved(ask.request, ask.facts.reviewers_needed):
        return "files_not_approved"
    return "block_stands" if any(file.blocks for file in ask.request.outputs) else ""


def _recipient(ask: Ask) -> str:
    release = ask.request.release
    if ask.action is not Action.DOWNLOAD or release is None or ask.actor.person is None:
        return ""
    return "" if ask.actor.person in release.people else "not_named"


RULES: Final[tuple[Callable[[Ask], str], ...]] = (
    _sees,
    _part,
    _training,
    _status,
    _opened_draft,
    _held,
    _version,
    _blind,
    _claim,
    _approvals,
    _recipient,
)
