"""How every act on a request runs: lock, read, decide, change, write with records; a refusal is recorded too."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from egress_review.application.facts import facts_of
from egress_review.domain.actions import Action
from egress_review.domain.decide import Facts, check
from egress_review.domain.parties import SERVICE, Actor, ActorKind
from egress_review.domain.refusals import Kind, RefusalError, refused
from egress_review.domain.request import Request
from egress_review.ports import Ports
from tidegate.ledger import Actor as LedgerActor
from tidegate.ledger import Event, Record

Detail = str | int | bool | list[str] | None
WORKER: Final = LedgerActor.service("egress-worker")
UNRECORDED: Final = frozenset({Kind.INPUT, Kind.TOO_LARGE, Kind.UNAVAILABLE})


@dataclass(frozen=True)
class By:
    """Who acts and when. `version` and `key` come from the form: what its person saw, and which press of the button."""

    actor: Actor
    now: datetime
    version: int | None = None
    key: str = ""


Change = Callable[[Request, Facts], tuple[Request, tuple[Record, ...]]]


def perform(
    ports: Ports, action: Action, request_id: str, by: By, change: Change, *, claiming: bool = False
) -> Request:
    """Run one act in one transaction.

    Raises:
        RefusalError: when `decide` or the change itself says no; nothing is written then but the refusal's record.
    """
    try:
        with ports.requests.locked():
            request = required(ports, request_id)
            if by.key and ports.requests.answered(by.key, by.actor.human) == request_id:
                return request
            facts = replace(facts_of(ports, request, by.actor, by.now), claiming=claiming, expected_version=by.version)
            check(action, request, by.actor, facts, by.now)
            after, records = change(request, facts)
            saved = ports.requests.save(request, replace(after, changed=by.now), records, by.now)
            if by.key:
                ports.requests.remember(by.key, by.actor.human, request_id, by.now)
            return saved
    except RefusalError as refusal:
        note_refusal(ports, action, request_id, by, refusal)
        raise


def seen(ports: Ports, action: Action, request_id: str, by: By) -> tuple[Request, Facts]:
    """A request for somebody who may look at it in this way."""
    request = required(ports, request_id)
    facts = facts_of(ports, request, by.actor, by.now)
    check(action, request, by.actor, facts, by.now)
    return request, facts


def required(ports: Ports, request_id: str) -> Request:
    request = ports.requests.load(request_id)
    if request is None:
        raise refused("not_visible")
    return request


def note_refusal(ports: Ports, action: Action, request_id: str, by: By, refusal: RefusalError) -> None:
    request = ports.requests.load(request_id)
    if request is None or refusal.refusal.kind in UNRECORDED:
        return
    event = Event.DOWNLOAD_REFUSED if action is Action.DOWNLOAD else Event.ACTION_REFUSED
    ports.requests.note(record(event, by.actor, request, action=action, code=refusal.code), by.now)


def record(event: Event, actor: Actor, request: Request, **detail: Detail) -> Record:
    """The audit record of something done to a request."""
    return Record(
        event=event,
        actor=ledger_actor(actor),
        subject=f"request/{request.id}",
        detail={"project": request.project, "turn": request.turn, **detail},
    )


def ledger_actor(actor: Actor) -> LedgerActor:
    if actor.kind is ActorKind.SERVICE or actor.person is None:
        return WORKER
    if actor.kind is ActorKind.WORKSPACE:
        return LedgerActor.workspace(f"{actor.person.subject}/{actor.project}")
    return LedgerActor.person(actor.person)


def by_service(now: datetime) -> By:
    return By(SERVICE, now)
