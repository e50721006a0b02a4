"""A small review office in a folder: a real store, real database, real objects, real policy; the clock is ours.

`World` makes requests *at a state* by walking the real use cases. Only the judge of files is quick and made up here;
`tests/integration/egress` runs the sandboxed one.
"""

import hashlib
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connections

# isort: off
from egress_django import ORIGIN, TEMPLATE  # first: it sets Django up, which the models need

# isort: on
from egress_review.adapters.db.requests import DjangoRequests
from egress_review.adapters.people import StorePeople
from egress_review.adapters.pictures import SandboxUser
from egress_review.adapters.policy import StorePolicy
from egress_review.adapters.scan import FileScanner, FolderPacks, Redraw, sandboxed
from egress_review.adapters.views import StoreViews
from egress_review.application import drafts, releasing, reviewing, scanning
from egress_review.application.acts import By
from egress_review.bootstrap.framework import set_desk
from egress_review.bootstrap.worker import Worker
from egress_review.checks import Finding as CheckFinding
from egress_review.checks import ScanResult
from egress_review.domain.parties import Actor, ActorKind, as_person
from egress_review.domain.refusals import RefusalError, refused
from egress_review.domain.request import Request
from egress_review.domain.status import Status
from egress_review.ports import Ports, WorkspaceIdentity
from egress_review.web.desk import Desk
from model_kit import approval, dataset, grant, licence, project
from tidegate.ledger import Actor as LedgerActor
from tidegate.ledger import Event, Record
from tidegate.model import AnyResource, PersonRef, Project
from tidegate.objects import FolderObjects
from tidegate.policy import open_policy
from tidegate.store import Account, SqliteStore

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PROJECT = "breast-density"
CSV = b"density,count\nA,40\nB,65\n"
TEXTS = {
    "purpose": "A table for the paper.",
    "audience": "Readers of a journal.",
    "row_meaning": "One row is a density class.",
    "smallest_count": "40, in row A.",
    "control": "Rounded to five.",
    "code": "table.ipynb",
}
RESEARCHER, MEMBER, OBSERVER = "rosa", "ravi", "observer"
CHECKERS = ("chidi", "cleo", "third-checker")
MEMBER_CHECKER, OFFICER, OPERATOR, STRANGER = "member-checker", "gwen", "olga", "stranger"
EVERYBODY = (RESEARCHER, MEMBER, OBSERVER, *CHECKERS, MEMBER_CHECKER, OFFICER, OPERATOR, STRANGER)


def ref(subject: str) -> PersonRef:
    return PersonRef(subject=subject)


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def resources() -> tuple[AnyResource, ...]:
    """One approved project with its people, and everybody who comes near a request."""
    granted = [
        grant("g-rosa", person=RESEARCHER),
        grant("g-ravi", person=MEMBER),
        grant("g-observer", person=OBSERVER, role="observer"),
        *(grant(f"g-{name}", person=name, role="output-checker") for name in (*CHECKERS, MEMBER_CHECKER)),
        grant("g-member-checker-2", person=MEMBER_CHECKER),
        grant("g-gwen", person=OFFICER, role="governance-officer"),
        grant("g-olga", person=OPERATOR, role="operator"),
    ]
    made = project()
    return (licence(), dataset(), made, approval(made), *granted)


def quick_judge(data: bytes, name: str, _pack: bytes, _project: Project) -> ScanResult:
    """A judge that reads the answer off the name: `blocked.*` is blocked, `broken.*` gives no answer."""
    if name.startswith("broken"):
        raise OSError
    block = CheckFinding("DICOM.FILE", "dicom", "block", name, "", "Take it out.", "A DICOM object.")
    findings = (block,) if name.startswith("blocked") else ()
    return ScanResult(name.rsplit(".", 1)[-1], sha(data), ("type/1",), findings)


@dataclass
class Tokens:
    """Stands for the hub: which token is which workspace's."""

    known: dict[str, WorkspaceIdentity] = field(default_factory=dict)
    down: bool = False

    def workspace_of(self, token: str) -> WorkspaceIdentity | None:
        if self.down:
            raise refused("hub_unavailable")
        return self.known.get(token)


@dataclass
class World:
    state: Path
    store: SqliteStore
    ports: Ports
    hub: Tokens
    now: datetime = NOW
    counter: int = 0

    def clock(self) -> datetime:
        return self.now

    def by(self, who: str, version: int | None = None, key: str = "") -> By:
        return By(as_person(ref(who)), self.now, version, key)

    def workspace(self, who: str = RESEARCHER, name: str = PROJECT) -> By:
        return By(Actor(ActorKind.WORKSPACE, ref(who), name), self.now)

    def put(self, *items: AnyResource) -> None:
        for item in items:
            record = Record(event=Event.RESOURCE_CREATED, actor=LedgerActor.service("test"), subject="x/y")
            self.store.put(item, record, self.now)

    def account(self, subject: str, *, disabled: bool = False) -> None:
        made = Account(person=ref(subject), display_name=subject, password_hash="x", disabled=disabled)
        record = Record(event=Event.ACCOUNT_ADDED, actor=LedgerActor.service("test"), subject=f"account/{subject}")
        self.store.put_account(made, record, self.now)

    def events(self) -> list[Event]:
        return [entry.record.event for entry in self.requests.entries()]

    @property
    def requests(self) -> DjangoRequests:
        assert isinstance(self.ports.requests, DjangoRequests)
        return self.ports.requests

    def load(self, request_id: str) -> Request:
        found = self.ports.requests.load(request_id)
        assert found is not None
        return found

    # Requests at a state, by the real use cases.

    def draft(self, files: dict[str, bytes] | None = None, **texts: str) -> Request:
        made = drafts.create_draft(self.ports, PROJECT, self.workspace(), {**TEXTS, **texts})
        for name, content in (files if files is not None else {"table.csv": self.table()}).items():
            self.upload(made.id, name, content)
        return self.load(made.id)

    def table(self) -> bytes:
        """A table never released before."""
        self.counter += 1
        return CSV + f"C,{self.counter * 100}\n".encode()

    def upload(self, request_id: str, name: str, content: bytes, by: By | None = None) -> None:
        upload = drafts.Upload(name, io.BytesIO(content), sha(content))
        drafts.add_file(self.ports, request_id, by or self.workspace(), upload)

    def scanning(self, files: dict[str, bytes] | None = None) -> Request:
        made = self.draft(files)
        return drafts.submit(self.ports, made.id, self.by(RESEARCHER))

    def submitted(self, files: dict[str, bytes] | None = None) -> Request:
        made = self.scanning(files)
        self.work()
        return self.load(made.id)

    def review(self, request_id: str, who: str, choice: str = "approve", comment: str = "") -> Request:
        """A whole review by one checker."""
        request = reviewing.claim(self.ports, request_id, self.by(who))
        choices = {file.name: choice for file in request.outputs}
        reviewing.vote(self.ports, request_id, self.by(who), choices)
        said = comment or ("Please round the counts." if choice != "approve" else "")
        return reviewing.submit_review(self.ports, request_id, self.by(who), said)

    def partially_reviewed(self, choice: str = "approve") -> Request:
        return self.review(self.submitted().id, "chidi", choice)

    def reviewed(self, first: str = "approve", second: str = "approve") -> Request:
        return self.review(self.partially_reviewed(first).id, "cleo", second)

    def approved(self) -> Request:
        return reviewing.approve(self.ports, self.reviewed().id, self.by("chidi"))

    def releasing(self) -> Request:
        made = self.approved()
        return releasing.start_release(self.ports, made.id, "worker", self.now + timedelta(seconds=30), self.now)

    def released(self) -> Request:
        made = self.approved()
        self.work()
        return self.load(made.id)

    def returned(self) -> Request:
        made = self.reviewed("changes", "changes")
        return reviewing.send_back(self.ports, made.id, self.by("chidi"), "Please round the counts.")

    def rejected(self) -> Request:
        return reviewing.reject(self.ports, self.reviewed().id, self.by("chidi"), "Not within the aims.")

    def withdrawn(self) -> Request:
        return drafts.withdraw(self.ports, self.draft().id, self.by(RESEARCHER))

    def revoked(self) -> Request:
        return reviewing.revoke(self.ports, self.released().id, self.by("chidi"), "Sent by mistake.")

    def at(self, status: Status) -> Request:
        """A request at any state; those no first-line act leads to are written as they would be stored."""
        makers = {
            Status.DRAFT: self.draft,
            Status.SCANNING: self.scanning,
            Status.SUBMITTED: self.submitted,
            Status.PARTIALLY_REVIEWED: self.partially_reviewed,
            Status.REVIEWED: self.reviewed,
            Status.RETURNED: self.returned,
            Status.APPROVED: self.approved,
            Status.RELEASING: self.releasing,
            Status.RELEASED: self.released,
            Status.REVOKED: self.revoked,
            Status.REJECTED: self.rejected,
            Status.WITHDRAWN: self.withdrawn,
        }
        return makers[status]() if status in makers else replace(self.reviewed(), status=status)

    def work(self) -> None:
        """The worker looks once at everything that waits."""
        Worker(self.ports, timedelta(seconds=30), self.clock).once()

    def scan_only(self, request_id: str) -> None:
        scanning.start_scan(self.ports, request_id, "worker", self.now + timedelta(seconds=30), self.now)


@contextmanager
def world(state: Path, judge: Any = quick_judge, redraw: Redraw | None = None) -> Iterator[World]:
    for name in ("quarantine", "released", "packs"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "packs" / f"{PROJECT}.json").write_text(
        '{"project": "breast-density", "version": 1, "manifest_sha256": "", "salt": "00", "ids": [], "file_sha256": []}'
    )
    store = SqliteStore(state / "tidegate.db", "test")
    hub = Tokens({"rosa-token": WorkspaceIdentity(ref(RESEARCHER), PROJECT)})
    ports = ports_on(state, store, hub, judge, redraw)
    made = World(state, store, ports, hub)
    made.put(*resources())
    for name in EVERYBODY:
        made.account(name)
    use_database(state, Desk(ports, made.clock, ORIGIN))
    try:
        yield made
    finally:
        connections.close_all()


def ports_on(state: Path, store: SqliteStore, hub: Tokens, judge: Any, redraw: Redraw | None) -> Ports:
    usual = sandboxed(SandboxUser(None, None))[1]
    quarantine = FolderObjects(state / "quarantine")
    return Ports(
        requests=DjangoRequests(),
        people=StorePeople(store),
        policy=StorePolicy(open_policy(store), store),
        scanner=FileScanner(quarantine, FolderPacks(state / "packs"), judge, redraw or usual),
        views=StoreViews(quarantine),
        hub=hub,
        quarantine=quarantine,
        released=FolderObjects(state / "released"),
    )


def use_database(state: Path, desk: Desk) -> None:
    """Point this process's Django at a fresh, migrated database in the folder."""
    connections.close_all()
    shutil.copy(TEMPLATE, state / "egress.sqlite")
    connections.settings["default"]["NAME"] = str(state / "egress.sqlite")
    set_desk(desk)


def code_of(call: Any) -> str:
    """The refusal's code of a call; empty where it is allowed."""
    try:
        call()
    except RefusalError as error:
        return error.code
    return ""
