"""What the officers' side needs from outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from tidegate.ledger import Record
from tidegate.model import AnyResource, Decision, Kind, PersonRef, Project


class Register(Protocol):
    """The part of the resource store officers write."""

    def get(self, kind: Kind, name: str) -> AnyResource | None: ...

    def list(self, kind: Kind) -> tuple[AnyResource, ...]: ...

    def put_all(self, writes: Sequence[tuple[AnyResource, Record]], now: datetime) -> tuple[bool, ...]:
        """All or none; True for each that changed something."""
        ...


class ProjectPolicy(Protocol):
    """Asks `project.approve`; never raises. `actor` is the officer who wants to approve."""

    def project_approve(self, project: Project, actor: PersonRef, now: datetime) -> Decision: ...
