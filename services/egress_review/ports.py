"""What the use cases ask of the world around them. Every mutating method takes the audit records of the write.

Adapters implement these; `bootstrap` puts them together as `Ports`.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from egress_review.domain.request import OutputFile, Request
from egress_review.domain.status import Status
from tidegate.ledger import Record
from tidegate.model import Decision, PersonRef, Project
from tidegate.model.grant import GrantSpec
from tidegate.model.licence import LicenceTerms
from tidegate.objects import ObjectStore


@dataclass(frozen=True)
class DownloadCount:
    person: PersonRef
    file: str
    served: int


class Requests(Protocol):
    """The register of requests. `locked` holds the write lock until its block ends; all inside is one transaction."""

    def locked(self) -> AbstractContextManager[None]: ...

    def load(self, request_id: str) -> Request | None: ...

    def find(self, *, project: str | None = None, author: PersonRef | None = None) -> tuple[Request, ...]:
        """Requests, newest first."""
        ...

    def count(self, project: str) -> Mapping[Status, int]:
        """How many requests of the project are in each state; states without any are left out."""
        ...

    def waiting(self, now: datetime) -> tuple[Request, ...]:
        """Requests with work for the worker: scanning, approved or releasing, nobody at it, next try due."""
        ...

    def insert(self, request: Request, records: Iterable[Record], now: datetime) -> None: ...

    def save(self, before: Request, after: Request, records: Iterable[Record], now: datetime) -> Request:
        """Write what changed, with its records; the answer carries the new version.

        Raises:
            RefusalError: ``stale_version`` where the stored request is not `before`.
        """
        ...

    def keep_lease(self, request_id: str, holder: str, until: datetime) -> bool:
        """Prolong a worker's lease; False where another has it. No fact of the request, so no record."""
        ...

    def note(self, record: Record, now: datetime) -> None:
        """A record with no other write, for example of a refusal."""
        ...

    def answered(self, key: str, human: str) -> str | None:
        """Which request an idempotency key of this human was used on."""
        ...

    def remember(self, key: str, human: str, request_id: str, now: datetime) -> None: ...

    def count_download(self, request_id: str, person: PersonRef, file: str, record: Record, now: datetime) -> int:
        """Add one download and give the number so far."""
        ...

    def downloads(self, request_id: str) -> tuple[DownloadCount, ...]: ...

    def released_hashes(self, project: str, but: str) -> frozenset[str]:
        """SHA-256 of every file released from the project before, in other requests."""
        ...

    def refers_to(self, sha256: str) -> bool:
        """Whether any file of any request is kept under this hash, as it came, as a copy or as a picture."""
        ...

    def add_drawn(self, project: str, person: PersonRef, count: int, record: Record, now: datetime) -> int: ...

    def drawn(self, project: str, person: PersonRef) -> int: ...


class People(Protocol):
    """Grants, projects and licences, read afresh at each act."""

    def project(self, name: str) -> Project | None: ...

    def projects(self) -> tuple[Project, ...]: ...

    def grants_of(self, person: PersonRef) -> tuple[GrantSpec, ...]: ...

    def is_active(self, person: PersonRef) -> bool:
        """Whether the account exists and is not disabled."""
        ...

    def licences(self, project: Project) -> tuple[LicenceTerms, ...] | None:
        """The terms of the project's data, extensions included; None where one is not registered."""
        ...

    def manifest_sha256(self, project: str) -> str:
        """Digest of the sealed cohort's manifest; empty where there is none."""
        ...


class ReleasePolicy(Protocol):
    def release(self, request: Request, project: Project, now: datetime) -> Decision:
        """May this leave now? Never raises: no answer is a denial."""
        ...


@dataclass(frozen=True)
class ScanOutcome:
    """The file with kind, findings and checks filled in; or why there is no answer (then nothing moves)."""

    file: OutputFile | None
    problem: str = ""


class Scanner(Protocol):
    def criteria(self, project: Project) -> str:
        """Digest of what files are judged by: profile, thresholds, detector versions."""
        ...

    def scan(self, file: OutputFile, project: Project) -> ScanOutcome:
        """Judge one file from quarantine and put its sanitised copy beside it. Never raises."""
        ...


class Views(Protocol):
    def rows(self, file: OutputFile, limit: int) -> tuple[tuple[str, ...], ...] | None:
        """The first rows of a table, or None where the file is none."""
        ...

    def text(self, file: OutputFile, limit: int) -> str | None: ...

    def picture(self, file: OutputFile) -> bytes | None:
        """A PNG our sandbox made of the sanitised copy; never the bytes that arrived."""
        ...


@dataclass(frozen=True)
class WorkspaceIdentity:
    """Whom the hub knows a workspace token as."""

    person: PersonRef
    project: str


class Hub(Protocol):
    def workspace_of(self, token: str) -> WorkspaceIdentity | None:
        """The workspace of a token; None for any other token.

        Raises:
            RefusalError: ``hub_unavailable``.
        """
        ...


@dataclass(frozen=True)
class Ports:
    requests: Requests
    people: People
    policy: ReleasePolicy
    scanner: Scanner
    views: Views
    hub: Hub
    quarantine: ObjectStore
    released: ObjectStore
