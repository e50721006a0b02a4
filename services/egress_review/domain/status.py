"""The states of a request and the only ways between them (a table, not branches).

Asked by the use cases before each change of state and by the pages for "who has it now".
"""

from enum import StrEnum
from itertools import product
from typing import Final


class Status(StrEnum):
    DRAFT = "draft"
    RETURNED = "returned"
    SCANNING = "scanning"
    SUBMITTED = "submitted"
    PARTIALLY_REVIEWED = "partially-reviewed"
    REVIEWED = "reviewed"
    ESCALATED = "escalated"
    APPROVED = "approved"
    RELEASING = "releasing"
    RELEASED = "released"
    REVOKED = "revoked"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class Owner(StrEnum):
    """Whose turn it is."""

    AUTHOR = "author"
    SERVICE = "service"
    CHECKERS = "checkers"
    GOVERNANCE = "governance"
    NOBODY = "nobody"


class Mover(StrEnum):
    """In which capacity somebody moves a request from one state to the next."""

    AUTHOR = "author"
    CHECKER = "checker"
    OFFICER = "officer"
    SERVICE = "service"


OWNERS: Final[dict[Status, Owner]] = {
    Status.DRAFT: Owner.AUTHOR,
    Status.RETURNED: Owner.AUTHOR,
    Status.SCANNING: Owner.SERVICE,
    Status.APPROVED: Owner.SERVICE,
    Status.RELEASING: Owner.SERVICE,
    Status.SUBMITTED: Owner.CHECKERS,
    Status.PARTIALLY_REVIEWED: Owner.CHECKERS,
    Status.REVIEWED: Owner.CHECKERS,
    Status.ESCALATED: Owner.GOVERNANCE,
    Status.RELEASED: Owner.NOBODY,
    Status.REVOKED: Owner.NOBODY,
    Status.REJECTED: Owner.NOBODY,
    Status.WITHDRAWN: Owner.NOBODY,
    Status.EXPIRED: Owner.NOBODY,
}

# The letters of the table of actions: groups of states in which the same people may do the same things.
D: Final = frozenset({Status.DRAFT, Status.RETURNED})
K: Final = frozenset({Status.SCANNING})
S: Final = frozenset({Status.SUBMITTED, Status.PARTIALLY_REVIEWED})
V: Final = frozenset({Status.REVIEWED})
G: Final = frozenset({Status.ESCALATED})
P: Final = frozenset({Status.APPROVED, Status.RELEASING})
L: Final = frozenset({Status.RELEASED})
X: Final = frozenset({Status.REVOKED, Status.REJECTED, Status.WITHDRAWN, Status.EXPIRED})
ALL: Final = frozenset(Status)
FINAL: Final = X
# Somebody or something still has to decide or to deliver: nothing such a request needs may go.
AWAITING: Final = K | S | V | G | P
ACTIVE: Final = ALL - X - L

ROWS: Final[tuple[tuple[frozenset[Status], Status, frozenset[Mover]], ...]] = (
    (D, Status.SCANNING, frozenset({Mover.AUTHOR})),
    (D | K, Status.WITHDRAWN, frozenset({Mover.AUTHOR})),
    (D, Status.EXPIRED, frozenset({Mover.SERVICE})),
    (K, Status.SUBMITTED, frozenset({Mover.SERVICE})),
    (K, Status.RETURNED, frozenset({Mover.SERVICE})),
    (frozenset({Status.SUBMITTED}), Status.PARTIALLY_REVIEWED, frozenset({Mover.CHECKER})),
    (frozenset({Status.PARTIALLY_REVIEWED}), Status.REVIEWED, frozenset({Mover.CHECKER})),
    (S | V, Status.RETURNED, frozenset({Mover.CHECKER})),
    (V, Status.REJECTED, frozenset({Mover.CHECKER})),
    (V, Status.ESCALATED, frozenset({Mover.CHECKER})),
    (G, Status.REVIEWED, frozenset({Mover.OFFICER})),
    (V, Status.APPROVED, frozenset({Mover.CHECKER})),
    (frozenset({Status.APPROVED}), Status.RELEASING, frozenset({Mover.SERVICE})),
    (frozenset({Status.RELEASING}), Status.RELEASED, frozenset({Mover.SERVICE})),
    (frozenset({Status.RELEASING}), Status.APPROVED, frozenset({Mover.SERVICE})),
    (K | S | V | G | {Status.APPROVED}, Status.EXPIRED, frozenset({Mover.OFFICER})),
    (L, Status.REVOKED, frozenset({Mover.CHECKER, Mover.OFFICER})),
)

TRANSITIONS: Final[dict[tuple[Status, Status], frozenset[Mover]]] = {
    (source, target): movers for sources, target, movers in ROWS for source in sources
}
PAIRS: Final = tuple(pair for pair in product(Status, Status) if pair[0] is not pair[1])

STATUS_WORDS: Final[dict[Status, str]] = {
    Status.DRAFT: "Draft",
    Status.RETURNED: "Sent back",
    Status.SCANNING: "Being scanned",
    Status.SUBMITTED: "Waiting for review",
    Status.PARTIALLY_REVIEWED: "One review in",
    Status.REVIEWED: "Reviewed",
    Status.ESCALATED: "With governance",
    Status.APPROVED: "Approved",
    Status.RELEASING: "Being released",
    Status.RELEASED: "Released",
    Status.REVOKED: "Revoked",
    Status.REJECTED: "Rejected",
    Status.WITHDRAWN: "Withdrawn",
    Status.EXPIRED: "Expired",
}


def can_move(source: Status, target: Status, mover: Mover) -> bool:
    """Whether the table has this way for somebody in this capacity."""
    return mover in TRANSITIONS.get((source, target), frozenset())
