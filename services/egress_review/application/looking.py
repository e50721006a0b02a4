"""What pages and the API show: lists, one request as its reader may see it, decoded views. Looking at a file is logged.

Nothing of a request reaches a page but through here.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from egress_review.application.acts import By, record, seen
from egress_review.application.facts import AUTHORS_ROLES, facts_of
from egress_review.domain.actions import Action
from egress_review.domain.decide import Facts, can
from egress_review.domain.parties import is_live, live_roles
from egress_review.domain.refusals import refused
from egress_review.domain.request import Comment, OutputFile, Request, Review
from egress_review.domain.status import S, V
from egress_review.domain.visibility import can_see_comment, can_see_review
from egress_review.ports import Ports
from tidegate.ledger import Event
from tidegate.model import Project, Role

ROWS: Final = 200
TEXT: Final = 200_000


@dataclass(frozen=True)
class Seen:
    """A request as one reader may see it."""

    request: Request
    facts: Facts
    reviews: tuple[Review, ...]
    comments: tuple[Comment, ...]
    allowed: frozenset[Action]


@dataclass(frozen=True)
class FileView:
    """A decoded view: rows, text or a picture's presence; never the bytes themselves."""

    file: OutputFile
    rows: tuple[tuple[str, ...], ...] | None
    text: str | None
    picture: bool


def look(ports: Ports, request_id: str, by: By) -> Seen:
    request, facts = seen(ports, Action.SEE, request_id, by)
    return as_seen(request, facts, by)


def as_seen(request: Request, facts: Facts, by: By) -> Seen:
    parties = facts.parties
    return Seen(
        request=request,
        facts=facts,
        reviews=tuple(r for r in request.reviews if can_see_review(request, r, by.actor, parties)),
        comments=tuple(c for c in request.comments if can_see_comment(request, c, by.actor, parties)),
        allowed=frozenset(action for action in Action if can(action, request, by.actor, facts, by.now)),
    )


def look_at_file(ports: Ports, request_id: str, by: By, name: str) -> FileView:
    """A decoded view of one file; that somebody looked goes on the record."""
    request, file = _file(ports, request_id, by, name)
    ports.requests.note(record(Event.FILE_VIEWED, by.actor, request, file=file.sha256), by.now)
    rows = ports.views.rows(file, ROWS)
    text = None if rows is not None or file.picture else ports.views.text(file, TEXT)
    return FileView(file=file, rows=rows, text=text, picture=bool(file.picture))


def look_at_picture(ports: Ports, request_id: str, by: By, name: str) -> bytes:
    _request, file = _file(ports, request_id, by, name)
    picture = ports.views.picture(file)
    if picture is None:
        raise refused("view_unavailable")
    return picture


def own_requests(ports: Ports, by: By) -> tuple[Request, ...]:
    person = by.actor.person
    return ports.requests.find(author=person) if person and ports.people.is_active(person) else ()


def queue(ports: Ports, by: By) -> tuple[tuple[Request, Facts], ...]:
    """What waits for checkers, oldest first, without the requests of the checker's own projects."""
    rows = ((r, facts_of(ports, r, by.actor, by.now)) for r in ports.requests.find() if r.status in S | V)
    mine = ((r, f) for r, f in rows if r.status in S | V and can(Action.VIEW_FILE, r, by.actor, f, by.now))
    return tuple(sorted((pair for pair in mine if _is_checker(pair[1])), key=lambda pair: pair[0].changed))


def projects_of(ports: Ports, by: By) -> tuple[Project, ...]:
    """The projects in which this person may ask for a release."""
    if by.actor.person is None or not ports.people.is_active(by.actor.person):
        return ()
    grants = [g for g in ports.people.grants_of(by.actor.person) if g.role in AUTHORS_ROLES and is_live(g, by.now)]
    return tuple(project for project in ports.people.projects() if any(g.project == project.name for g in grants))


def is_checker(ports: Ports, by: By, now: datetime) -> bool:
    if by.actor.person is None or not ports.people.is_active(by.actor.person):
        return False
    return Role.OUTPUT_CHECKER in live_roles(ports.people.grants_of(by.actor.person), None, now)


def _is_checker(facts: Facts) -> bool:
    return {str(party) for party in facts.parties} == {"checker"}


def _file(ports: Ports, request_id: str, by: By, name: str) -> tuple[Request, OutputFile]:
    request, _facts = seen(ports, Action.VIEW_FILE, request_id, by)
    file = request.file(name)
    if file is None:
        raise refused("unknown_file")
    return request, file
