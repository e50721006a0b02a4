"""What a service asks of the store. Every write carries its audit record and lands in one transaction with it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

from tidegate.ledger import Entry, Record
from tidegate.ledger.verify import Row
from tidegate.model import AnyResource, Kind, ProjectStatus, TidegateError
from tidegate.model.names import Frozen, Line, PersonRef

IMMUTABLE: Final = frozenset({Kind.LICENCE, Kind.APPROVAL, Kind.COHORT})


def immutable(resource: AnyResource) -> TidegateError:
    """The refusal of a change to one of these."""
    return TidegateError(
        "resource_immutable",
        f"{resource.kind} {resource.name} exists with other content and cannot be changed.",
        "Register it under a new name.",
    )


class Account(Frozen):
    """A local account of this machine. `password_hash` is argon2id in PHC form."""

    person: PersonRef
    display_name: Line
    password_hash: str
    disabled: bool = False


class ResourceStore(Protocol):
    def get(self, kind: Kind, name: str) -> AnyResource | None: ...

    def list(self, kind: Kind) -> tuple[AnyResource, ...]:
        """All of a kind, by name."""
        ...

    def put(self, resource: AnyResource, record: Record, now: datetime) -> bool:
        """Write a spec. False where it already stood so: then nothing is written and no record either.

        Raises:
            TidegateError: ``resource_immutable`` for a changed Licence, Approval or Cohort.
        """
        ...

    def project_status(self, name: str) -> ProjectStatus: ...

    def put_project_status(self, name: str, status: ProjectStatus, record: Record, now: datetime) -> bool:
        """Write a status, False where it already stood so."""
        ...

    def append(self, record: Record, now: datetime) -> None:
        """An audit record with no write beside it, for example a refused start."""
        ...

    def generation(self) -> int:
        """Grows with every write; a cheap way to see whether to look again."""
        ...


class Store(ResourceStore, Protocol):
    """All that either store offers: what governance, log-in and `tidegate` commands need beyond resources."""

    def put_all(self, writes: Sequence[tuple[AnyResource, Record]], now: datetime) -> tuple[bool, ...]:
        """All of these or none; True for each that changed something."""
        ...

    def account(self, subject: str) -> Account | None: ...

    def accounts(self) -> tuple[Account, ...]: ...

    def put_account(self, account: Account, record: Record, now: datetime) -> None: ...

    def chains(self) -> tuple[str, ...]: ...

    def entries(self, chain: str) -> tuple[Entry, ...]: ...

    def rows(self) -> dict[str, tuple[Row, ...]]:
        """The ledger's rows by chain, unread, for `verify`."""
        ...
