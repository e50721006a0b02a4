"""What a workspace's token may do here: say who it is, and report what was drawn on the screen."""

from collections.abc import Mapping
from typing import Final

from egress_review.application.acts import By, ledger_actor
from egress_review.domain.parties import Actor, ActorKind
from egress_review.domain.refusals import refused
from egress_review.ports import Ports
from tidegate.ledger import Event, Record

LARGEST_REPORT: Final = 2**40
KINDS_AT_MOST: Final = 20


def workspace_actor(ports: Ports, token: str) -> Actor:
    """The workspace behind a token, as the hub knows it; its person and project come from there, never from the call.

    Raises:
        RefusalError: ``token_unknown`` or ``hub_unavailable``.
    """
    identity = ports.hub.workspace_of(token) if token else None
    if identity is None:
        raise refused("token_unknown")
    return Actor(ActorKind.WORKSPACE, identity.person, identity.project)


def add_drawn(ports: Ports, by: By, counts: Mapping[str, object]) -> int:
    """Add what the guard let through to the total, on the record."""
    clean = {name: _count(name, value) for name, value in counts.items()}
    if by.actor.person is None or not clean or len(clean) > KINDS_AT_MOST:
        raise refused("body_invalid")
    drawn = Record(
        event=Event.WORKSPACE_DRAWN,
        actor=ledger_actor(by.actor),
        subject=f"workspace/{by.actor.person.subject}/{by.actor.project}",
        detail={**clean},
    )
    with ports.requests.locked():
        return ports.requests.add_drawn(by.actor.project, by.actor.person, sum(clean.values()), drawn, by.now)


def drawn(ports: Ports, by: By) -> int:
    return ports.requests.drawn(by.actor.project, by.actor.person) if by.actor.person else 0


def _count(name: str, value: object) -> int:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_REPORT
    if not fits or not name.isascii() or not name.isidentifier() or len(name) > KINDS_AT_MOST:
        raise refused("body_invalid", "A count is a whole number of bytes under a short name.")
    return int(str(value))
