"""The phase of a project as a total function of seven yes-or-no facts. The first row that fits decides."""

from collections.abc import Callable
from dataclasses import dataclass

from tidegate.model import ProjectPhase


@dataclass(frozen=True)
class Situation:
    """What the phase depends on.

    Attributes:
        deleted: everything is gone and the certificate is in the ledger.
        closing: the stage is closing and has its own Approval.
        complete: submitted, and every part it names is registered.
        ended: a date of the project, its licences or its Approval passed, or one of them was revoked.
        approved: an Approval for exactly this spec stands.
        refused: policy says no, or has been silent for longer than we wait.
        built: the spec that is asked for is the one deployed, isolated and with its data.
    """

    deleted: bool
    closing: bool
    complete: bool
    ended: bool
    approved: bool
    refused: bool
    built: bool


Rule = tuple[Callable[[Situation], bool], ProjectPhase]

RULES: tuple[Rule, ...] = (
    (lambda s: s.deleted, ProjectPhase.DELETED),
    (lambda s: s.closing, ProjectPhase.PENDING_DELETION),
    (lambda s: not s.complete, ProjectPhase.INCOMPLETE),
    (lambda s: s.ended, ProjectPhase.SUSPENDED),
    (lambda s: not s.approved, ProjectPhase.PENDING_APPROVAL),
    (lambda s: s.refused, ProjectPhase.SUSPENDED),
    (lambda s: s.built, ProjectPhase.DEPLOYED),
)


def phase_of(situation: Situation) -> ProjectPhase:
    """The phase: approved work that is not yet built is pending creation."""
    return next((phase for fits, phase in RULES if fits(situation)), ProjectPhase.PENDING_CREATION)
