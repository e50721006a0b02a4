"""The pages: own releases, the queue, one request. They show what `application.looking` lets through."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_safe

from egress_review.application import looking
from egress_review.application.acts import By
from egress_review.application.downloads import downloads_left
from egress_review.application.drafts import open_draft
from egress_review.application.looking import Seen
from egress_review.domain.actions import Action
from egress_review.domain.decide import Facts, free_seats
from egress_review.domain.inputs import TEXT_FIELDS
from egress_review.domain.request import Choice, OutputFile, Request, Review
from egress_review.domain.status import OWNERS, STATUS_WORDS, Owner, S, Status, V
from egress_review.domain.visibility import checker_names, has_opened
from egress_review.domain.votes import FileDecision, decision_of
from egress_review.web.acts import DONE, VOTE
from egress_review.web.desk import desk
from egress_review.web.person import by, signed_in
from egress_review.web.problems import NOT_NOW, TROUBLE, body_of, told

WHO_HAS_IT: Final[dict[Owner, str]] = {
    Owner.AUTHOR: "Waits for its author",
    Owner.SERVICE: "Being worked on by the service",
    Owner.CHECKERS: "With the checkers",
    Owner.GOVERNANCE: "With governance",
    Owner.NOBODY: "Nobody: it is decided",
}
OVER: Final = "Nothing more happens here. Work goes on with a new request."
WHAT_COMES_NEXT: Final[dict[Status, str]] = {
    Status.DRAFT: "The author takes out what should not leave, answers the questions below and submits.",
    Status.RETURNED: "The author takes out files or changes the answers, and submits again. A file that has to change "
    "needs a new request: withdraw this one and call release(...) in the notebook.",
    Status.SCANNING: "The service checks the files, which takes seconds. Load the page again to see what it found.",
    Status.SUBMITTED: "Two checkers who are not of the project claim it, look at each file and vote.",
    Status.PARTIALLY_REVIEWED: "Another checker votes without seeing the votes that are in.",
    Status.REVIEWED: "A checker approves it, sends it back or rejects it; approval needs enough votes for every file.",
    Status.ESCALATED: "A governance officer decides about the file that a check blocks.",
    Status.APPROVED: "The service stores the files and reads them back, which takes seconds. Load the page again.",
    Status.RELEASING: "The service stores the files and reads them back, which takes seconds. Load the page again.",
    Status.RELEASED: "People of the project download the files below while the time for it lasts.",
    Status.REVOKED: "The files can no longer be downloaded.",
    Status.REJECTED: OVER,
    Status.WITHDRAWN: OVER,
    Status.EXPIRED: OVER,
}
# In the other states a reason is of an earlier round, and is found among the comments.
REASON_STANDS: Final = frozenset({Status.RETURNED, Status.ESCALATED, Status.REVOKED, Status.REJECTED, Status.EXPIRED})
CHOICE_WORDS: Final[dict[Choice, str]] = {Choice.APPROVE: "Approve", Choice.CHANGES: "Request changes"}
DECISION_WORDS: Final[dict[FileDecision, tuple[str, str]]] = {
    FileDecision.INCOMPLETE: ("?", "not decided yet"),
    FileDecision.APPROVED: ("✓", "approved"),
    FileDecision.CHANGES_REQUESTED: ("✗", "changes requested"),
    FileDecision.CONFLICTED: ("≠", "checkers differ"),
}


@dataclass(frozen=True)
class FileLine:
    """One file of a request page."""

    file: OutputFile
    decision: tuple[str, str]
    vote: str
    field: str
    left: int


@dataclass(frozen=True)
class Line:
    """One request in a list."""

    request: Request
    words: str
    owner: str
    age: str
    held: str = ""
    claims: int = 0
    seats: int = 0
    next: str = ""


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answers while this process does: a new one would not bring back what it stands on."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Answers while the database does. Without files, hub or policy the pages still say what is wrong."""
    try:
        desk().ports.requests.load("")
    except TROUBLE as error:
        return JsonResponse(body_of(told(error)), status=NOT_NOW)
    return JsonResponse({"status": "ok"})


@require_GET
@signed_in
def releases(request: HttpRequest) -> HttpResponseBase:
    who = by(request)
    lines = [line_of(found, who.now) for found in looking.own_requests(desk().ports, who)]
    projects = looking.projects_of(desk().ports, who)
    return render(request, "egress/releases.html", {"lines": lines, "projects": projects})


@require_GET
@signed_in
def queue(request: HttpRequest) -> HttpResponseBase:
    who = by(request)
    rows = looking.queue(desk().ports, who)
    lines = [_queue_line(found, facts, who) for found, facts in rows]
    checker = looking.is_checker(desk().ports, who, who.now)
    return render(request, "egress/queue.html", {"lines": lines, "is_checker": checker})


@require_GET
@signed_in
def request_page(request: HttpRequest, request_id: str) -> HttpResponseBase:
    who = by(request)
    seen = looking.look(desk().ports, request_id, who)
    opened = open_draft(desk().ports, request_id, who)
    if opened is not seen.request:
        seen = looking.look(desk().ports, request_id, who)
    return render(request, "egress/request.html", {**_about(seen, who), "done": DONE.get(request.GET.get("done", ""))})


def _about(seen: Seen, who: By) -> dict[str, Any]:
    found = seen.request
    mine = found.review_of(who.actor.person) if who.actor.person else None
    return {
        "r": found,
        "line": line_of(found, who.now, seen.facts),
        "files": [_file_line(seen, file, mine, who) for file in found.files],
        "texts": [(name, label, getattr(found.texts, name)) for name, label in TEXT_FIELDS.items()],
        "reviews": _reviews(seen, who),
        "comments": [(_name(seen, c.person.subject, who), c) for c in seen.comments],
        "claim": found.claim_of(who.actor.person, who.now) if who.actor.person else None,
        "mine": mine if mine and mine.turn == found.turn else None,
        "choices": [(choice.value, words) for choice, words in CHOICE_WORDS.items()],
        "can": {action.name.lower(): True for action in seen.allowed},
        "may_claim": _may_claim(seen, who),
        "may_open": Action.OPEN_VOTES in seen.allowed and not has_opened(found, who.actor),
        "claims": len(found.live_claims(who.now)),
        "held": seen.facts.holds,
        "reason": found.reason if found.status in REASON_STANDS else "",
        "scanned": any(file.kind for file in found.outputs),
        # One key for the page: its forms differ in their act, and a page is sent once.
        "key": secrets.token_hex(16),
    }


def _may_claim(seen: Seen, who: By) -> bool:
    """Whether a seat is free for a checker who has none."""
    is_checker = {str(party) for party in seen.facts.parties} == {"checker"}
    open_now = seen.request.status in S | V and not seen.facts.holds
    return is_checker and open_now and free_seats(seen.request, who.actor, who.now) > 0


def _file_line(seen: Seen, file: OutputFile, mine: Review | None, who: By) -> FileLine:
    found = seen.request
    shown = decision_of(found, file, seen.facts.reviewers_needed) if _votes_open(seen) else FileDecision.INCOMPLETE
    vote = mine.vote_on(file.name) if mine else None
    left = downloads_left(desk().ports, found, who, file.name) if Action.DOWNLOAD in seen.allowed else 0
    return FileLine(file, DECISION_WORDS[shown], vote.choice.value if vote else "", f"{VOTE}{file.name}", left)


def _votes_open(seen: Seen) -> bool:
    """Decisions read as open until this reader may see the votes behind them."""
    current = [review for review in seen.request.reviews if review.turn == seen.request.turn and review.submitted]
    return bool(current) and all(review in seen.reviews for review in current)


def _reviews(seen: Seen, who: By) -> list[tuple[str, Review]]:
    return [(_name(seen, review.person.subject, who), review) for review in seen.reviews if review.submitted]


def _name(seen: Seen, subject: str, who: By) -> str:
    """The project reads "checker 1"; checkers, officers and oneself read names."""
    own = who.actor.person is not None and who.actor.person.subject == subject
    if own or Action.SEE_CROSS_PROJECT_FINDINGS in seen.allowed or subject == seen.request.author.subject:
        return subject
    return checker_names(seen.request).get(subject, "a checker")


def line_of(found: Request, now: datetime, facts: Facts | None = None) -> Line:
    held = " ".join(hold.sentence for hold in facts.holds) if facts else ""
    return Line(
        request=found,
        words=STATUS_WORDS[found.status],
        owner=WHO_HAS_IT[OWNERS[found.status]],
        age=age_words(found.changed, now),
        held=held,
        next=WHAT_COMES_NEXT[found.status],
    )


def _queue_line(found: Request, facts: Facts, who: By) -> Line:
    line = line_of(found, who.now, facts)
    claims = len(found.live_claims(who.now))
    return Line(
        line.request, line.words, line.owner, line.age, line.held, claims, free_seats(found, who.actor, who.now)
    )


def age_words(since: datetime, now: datetime) -> str:
    """How long ago, in words a queue can be read by."""
    minutes = max(0, int((now - since).total_seconds() // 60))
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"  # noqa: PLR2004
