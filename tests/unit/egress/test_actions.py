"""Every action x party x state is allowed exactly where egress.md section 4 says, through `decide` itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from egress_review.domain.actions import ACTIONS, CHECKERS_ACTS, WHILE_HELD, Action, states_for
from egress_review.domain.decide import Allow, Facts, decide
from egress_review.domain.holds import Hold
from egress_review.domain.parties import SERVICE, Actor, ActorKind, Party, as_person
from egress_review.domain.refusals import Refusal
from egress_review.domain.request import Choice, Claim, OutputFile, Release, Request, Review, Vote, binding_digest
from egress_review.domain.status import Status
from tidegate.model import PersonRef

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
AUTHOR, READER = PersonRef(subject="rosa"), PersonRef(subject="reader")
LETTERS = {
    "D": {Status.DRAFT, Status.RETURNED},
    "K": {Status.SCANNING},
    "S": {Status.SUBMITTED, Status.PARTIALLY_REVIEWED},
    "V": {Status.REVIEWED},
    "G": {Status.ESCALATED},
    "P": {Status.APPROVED, Status.RELEASING},
    "L": {Status.RELEASED},
    "X": {Status.REVOKED, Status.REJECTED, Status.WITHDRAWN, Status.EXPIRED},
    "d": {Status.DRAFT},
    "r": {Status.RETURNED},
    "a": {Status.APPROVED},
    "R": {Status.RELEASING},
}
HELD = (Hold("licence_ended", "A licence has ended."),)
ALL, NOT_DRAFT = "DKSVGPLX", "rKSVGPLX"
SHORT = {
    "AU": Party.AUTHOR,
    "CO": Party.MEMBER,
    "RO": Party.OBSERVER,
    "CK": Party.CHECKER,
    "CW": Party.CHECKER_MEMBER,
    "GO": Party.OFFICER,
    "OP": Party.OPERATOR,
    "WS": Party.WORKSPACE,
    "SV": Party.SERVICE,
}
LISTED = {
    Action.SEE: f"AU {ALL} CO {ALL} RO {ALL} CW {ALL} GO {ALL} CK {NOT_DRAFT} WS {ALL} SV {ALL}",
    Action.VIEW_FILE: f"AU {ALL} CO {ALL} RO {ALL} CW {ALL} CK SVGPLX GO {ALL} SV K WS d",
    Action.SEE_CROSS_PROJECT_FINDINGS: "CK SVGPLX GO G SV K",
    Action.EDIT: "AU D WS d",
    Action.SUBMIT: "AU D",
    Action.CONTEST: "AU r",
    Action.WITHDRAW: "AU DK",
    Action.REVIEW: "CK SV",
    Action.RESET_VOTE: "CK SV",
    Action.OPEN_VOTES: "CK V",
    Action.RETURN_EARLY: "CK S",
    Action.RETURN: "CK V",
    Action.REJECT: "CK V",
    Action.ESCALATE: "CK V",
    Action.APPROVE: "CK V",
    Action.OVERRIDE: "GO G",
    Action.COMMENT: "AU D CO D CW D CK SV GO G",
    Action.COMMENT_PRIVATELY: "CK SV GO G",
    Action.DOWNLOAD: "AU L CO L CW L",
    Action.ORIGINAL_BYTES: "SV KP",
    Action.REVOKE: "CK L GO L",
    Action.CLOSE_HELD: "GO KSVGa",
    Action.END_OTHERS_CLAIM: "GO SV",
    Action.RUN: "SV KPD",
    Action.STEP_BACK: "SV R",
}


def expected(action: Action, party: Party) -> set[Status]:
    words = LISTED[action].split()
    rows = {SHORT[short]: letters for short, letters in zip(words[::2], words[1::2], strict=True)}
    return {status for letter in rows.get(party, "") for status in LETTERS[letter]}


def actor_for(party: Party) -> Actor:
    special = {
        Party.SERVICE: SERVICE,
        Party.WORKSPACE: Actor(ActorKind.WORKSPACE, AUTHOR, "p1"),
        Party.AUTHOR: as_person(AUTHOR),
    }
    return special.get(party, as_person(READER))


def ripe(status: Status) -> Request:
    """A request in which nothing but person and state stands in the way of any act."""
    people = (PersonRef(subject="first"), PersonRef(subject="second"))
    file = OutputFile("t.csv", "a" * 64, 3, "csv", "a" * 64, 3)
    release = Release(NOW, NOW + timedelta(days=7), 3, "b" * 64, "c" * 64, (AUTHOR, READER))
    bare = Request("1" * 20, "p1", AUTHOR, NOW, NOW, status=status, turn=1, files=(file,), release=release)
    votes = (Vote(file.name, Choice.APPROVE, binding_digest(bare, file)),)
    reviews = tuple(Review(person, 1, votes, submitted=NOW) for person in (*people, READER))
    return replace(bare, reviews=reviews, claims=(Claim(READER, NOW + timedelta(hours=1)),))


def test_the_list_names_every_action() -> None:
    assert set(LISTED) == set(ACTIONS) == set(Action)


@pytest.mark.parametrize(("action", "party"), list(product(Action, Party)))
def test_action_is_allowed_exactly_where_listed(action: Action, party: Party) -> None:
    # What is on hold may be closed, and nothing else may.
    facts = Facts(parties=frozenset({party}), holds=HELD if action is Action.CLOSE_HELD else ())
    allowed = {
        status for status in Status if isinstance(decide(action, ripe(status), actor_for(party), facts, NOW), Allow)
    }
    visible = expected(Action.SEE, party)
    assert allowed == expected(action, party) & visible


@pytest.mark.parametrize(("action", "party"), list(product(Action, Party)))
def test_held_request_allows_only_looking_taking_back_and_closing(action: Action, party: Party) -> None:
    facts = Facts(parties=frozenset({party}), holds=HELD)
    for status in Status:
        answer = decide(action, ripe(status), actor_for(party), facts, NOW)
        assert isinstance(answer, Refusal) or action in WHILE_HELD


@pytest.mark.parametrize("action", Action)
def test_several_roles_give_the_least(action: Action) -> None:
    """For every pair of parties the states are those both have."""
    for one, other in product(Party, Party):
        both = states_for(action, frozenset({one, other}))
        assert both == states_for(action, frozenset({one})) & states_for(action, frozenset({other}))


def test_nobody_may_do_nothing() -> None:
    assert all(not states_for(action, frozenset()) for action in Action)


WHY = [
    (Party.AUTHOR, "author_reviews_own"),
    (Party.MEMBER, "member_reviews_project"),
    (Party.OBSERVER, "member_reviews_project"),
    (Party.CHECKER_MEMBER, "member_reviews_project"),
    (Party.OFFICER, "no_checker_role"),
    (Party.WORKSPACE, "workspace_is_not_a_person"),
    (Party.SERVICE, "service_is_not_a_person"),
    (Party.OPERATOR, "not_visible"),
    (Party.STRANGER, "not_visible"),
]


@pytest.mark.parametrize("action", sorted(CHECKERS_ACTS))
@pytest.mark.parametrize(("party", "code"), WHY)
def test_refusal_names_the_role_in_the_way(action: Action, party: Party, code: str) -> None:
    answer = decide(action, ripe(Status.REVIEWED), actor_for(party), Facts(parties=frozenset({party})), NOW)
    assert isinstance(answer, Refusal)
    assert answer.code == code
