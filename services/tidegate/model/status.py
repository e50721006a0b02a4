"""What the provisioner says about a project, in the form pages and people read."""

from enum import StrEnum

from tidegate.model.clock import Instant
from tidegate.model.names import Frozen, PersonRef


class ProjectPhase(StrEnum):
    INCOMPLETE = "incomplete"
    PENDING_APPROVAL = "pending-approval"
    PENDING_CREATION = "pending-creation"
    DEPLOYED = "deployed"
    SUSPENDED = "suspended"
    PENDING_DELETION = "pending-deletion"
    DELETED = "deleted"


class StepState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Condition(Frozen):
    """`type` is one of the documented condition types; `reason` is PascalCase; `since` is the last change of status."""

    type: str
    status: bool
    reason: str
    message: str
    since: Instant


class Step(Frozen):
    """One line of the progress a requester reads: `done` of `total` if countable, `next_try` after a failure."""

    name: str
    state: StepState
    code: str = ""
    message: str = ""
    since: Instant
    tries: int = 0
    done: int = 0
    total: int = 0
    next_try: Instant | None = None


class SpawnRight(Frozen):
    """This person may start a workspace until then. Without a row no server starts."""

    person: PersonRef
    until: Instant
    because: str


class CohortStatus(Frozen):
    """Sealed when `manifest_sha256` is set. `path` is the read-only view to mount."""

    version: int
    files: int
    refused: int
    total_bytes: int
    manifest_sha256: str
    path: str
    sealed_at: Instant


class ProjectStatus(Frozen):
    phase: ProjectPhase = ProjectPhase.INCOMPLETE
    conditions: tuple[Condition, ...] = ()
    steps: tuple[Step, ...] = ()
    spawn_rights: tuple[SpawnRight, ...] = ()
    cohort: CohortStatus | None = None
    deployed_digest: str | None = None
    next_at: Instant | None = None
    next_because: str = ""

    def condition(self, kind: str) -> Condition | None:
        return next((c for c in self.conditions if c.type == kind), None)

    def step(self, name: str) -> Step | None:
        return next((s for s in self.steps if s.name == name), None)
