"""Who may do what, in which states: one table. Who is not named in a row is refused in every state.

`decide` is the only reader that enforces it; a generated test spells out every action x party x state.
"""

from enum import StrEnum
from typing import Final

from egress_review.domain.parties import Party
from egress_review.domain.status import ALL, D, G, K, L, P, S, Status, V, X


class Action(StrEnum):
    SEE = "see"
    VIEW_FILE = "view-file"
    SEE_CROSS_PROJECT_FINDINGS = "see-cross-project-findings"
    EDIT = "edit"
    SUBMIT = "submit"
    CONTEST = "contest"
    WITHDRAW = "withdraw"
    REVIEW = "review"
    RESET_VOTE = "reset-vote"
    OPEN_VOTES = "open-votes"
    RETURN_EARLY = "return-early"
    RETURN = "return"
    REJECT = "reject"
    ESCALATE = "escalate"
    APPROVE = "approve"
    OVERRIDE = "override"
    COMMENT = "comment"
    COMMENT_PRIVATELY = "comment-privately"
    DOWNLOAD = "download"
    ORIGINAL_BYTES = "original-bytes"
    REVOKE = "revoke"
    CLOSE_HELD = "close-held"
    END_OTHERS_CLAIM = "end-others-claim"
    RUN = "run"
    STEP_BACK = "step-back"


DRAFT: Final = frozenset({Status.DRAFT})
States = frozenset[Status]
_PROJECT: Final = dict.fromkeys((Party.AUTHOR, Party.MEMBER, Party.OBSERVER, Party.CHECKER_MEMBER), ALL)
_DECIDE: Final[dict[Party, States]] = {Party.CHECKER: V}

ACTIONS: Final[dict[Action, dict[Party, States]]] = {
    Action.SEE: {**_PROJECT, Party.OFFICER: ALL, Party.CHECKER: ALL - DRAFT, Party.WORKSPACE: ALL, Party.SERVICE: ALL},
    Action.VIEW_FILE: {
        **_PROJECT,
        Party.CHECKER: S | V | G | P | L | X,
        Party.OFFICER: ALL,
        Party.SERVICE: K,
        Party.WORKSPACE: DRAFT,
    },
    Action.SEE_CROSS_PROJECT_FINDINGS: {Party.CHECKER: S | V | G | P | L | X, Party.OFFICER: G, Party.SERVICE: K},
    Action.EDIT: {Party.AUTHOR: D, Party.WORKSPACE: DRAFT},
    Action.SUBMIT: {Party.AUTHOR: D},
    Action.CONTEST: {Party.AUTHOR: frozenset({Status.RETURNED})},
    Action.WITHDRAW: {Party.AUTHOR: D | K},
    Action.REVIEW: {Party.CHECKER: S | V},
    Action.RESET_VOTE: {Party.CHECKER: S | V},
    Action.OPEN_VOTES: _DECIDE,
    Action.RETURN_EARLY: {Party.CHECKER: S},
    Action.RETURN: _DECIDE,
    Action.REJECT: _DECIDE,
    Action.ESCALATE: _DECIDE,
    Action.APPROVE: _DECIDE,
    Action.OVERRIDE: {Party.OFFICER: G},
    Action.COMMENT: {
        Party.AUTHOR: D,
        Party.MEMBER: D,
        Party.CHECKER_MEMBER: D,
        Party.CHECKER: S | V,
        Party.OFFICER: G,
    },
    Action.COMMENT_PRIVATELY: {Party.CHECKER: S | V, Party.OFFICER: G},
    Action.DOWNLOAD: {Party.AUTHOR: L, Party.MEMBER: L, Party.CHECKER_MEMBER: L},
    Action.ORIGINAL_BYTES: {Party.SERVICE: K | P},
    Action.REVOKE: {Party.CHECKER: L, Party.OFFICER: L},
    Action.CLOSE_HELD: {Party.OFFICER: K | S | V | G | {Status.APPROVED}},
    Action.END_OTHERS_CLAIM: {Party.OFFICER: S | V},
    Action.RUN: {Party.SERVICE: K | P | D},
    Action.STEP_BACK: {Party.SERVICE: frozenset({Status.RELEASING})},
}

# What only an eligible checker does; refusals of these say which of the person's roles is in the way.
CHECKERS_ACTS: Final = frozenset(
    {
        Action.REVIEW,
        Action.RESET_VOTE,
        Action.OPEN_VOTES,
        Action.RETURN_EARLY,
        Action.RETURN,
        Action.REJECT,
        Action.ESCALATE,
        Action.APPROVE,
    }
)
# What is decided from the votes: for those who may see them.
FROM_THE_VOTES: Final = frozenset({Action.RETURN, Action.REJECT, Action.ESCALATE, Action.APPROVE})
# What goes on while a request is held: looking, taking back, revoking, closing, giving up a release half done.
WHILE_HELD: Final = frozenset(
    {
        Action.SEE,
        Action.VIEW_FILE,
        Action.SEE_CROSS_PROJECT_FINDINGS,
        Action.WITHDRAW,
        Action.REVOKE,
        Action.CLOSE_HELD,
        Action.END_OTHERS_CLAIM,
        Action.STEP_BACK,
    }
)


def states_for(action: Action, parties: frozenset[Party]) -> frozenset[Status]:
    """In which states all of the actor's parties may do it: several roles give the least."""
    rows = [ACTIONS[action].get(party, frozenset()) for party in parties]
    return frozenset(ALL).intersection(*rows) if rows else frozenset()
