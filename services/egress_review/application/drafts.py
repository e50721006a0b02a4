"""What comes before review: making a draft, adding files, the texts, opening, submitting, withdrawing.

The intake calls these for a workspace (which proposes), the pages for a person (who decides).
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from egress_review.application.acts import By, perform, record, required
from egress_review.application.facts import check_may_create, facts_of
from egress_review.domain.actions import Action
from egress_review.domain.decide import Facts, check
from egress_review.domain.inputs import MAX_FILES, MAX_TOTAL_BYTES, missing_texts, read_name, read_texts
from egress_review.domain.parties import ActorKind
from egress_review.domain.refusals import RefusalError, refused
from egress_review.domain.request import OutputFile, Request, Texts
from egress_review.domain.status import ACTIVE, D, Status
from egress_review.ports import Ports
from tidegate.ledger import Event, Record
from tidegate.model import TidegateError
from tidegate.objects import Stored

ID_BYTES: Final = 10
OF_THE_STORE: Final[dict[str, str]] = {
    "OBJECT_MISMATCH": "hash_mismatch",
    "OBJECT_TOO_LARGE": "too_large",
    "DISK_FULL": "disk_full",
}


@dataclass(frozen=True)
class Upload:
    """A file on its way in: bytes as they arrive, and what its sender says of them."""

    name: str
    stream: BinaryIO
    sha256: str


def active_request(ports: Ports, by: By, project: str) -> Request | None:
    """The one open request of this person in this project, if there is one."""
    if by.actor.person is None:
        return None
    found = ports.requests.find(project=project, author=by.actor.person)
    return next((request for request in found if request.status in ACTIVE), None)


def create_draft(ports: Ports, project_name: str, by: By, context: Mapping[str, object]) -> Request:
    """A new DRAFT of this person.

    Raises:
        RefusalError: ``request_open`` and the other reasons of `check_may_create`.
    """
    texts = read_texts(context)
    with ports.requests.locked():
        check_may_create(ports, by.actor, ports.people.project(project_name), by.now)
        if by.actor.person is None or active_request(ports, by, project_name) is not None:
            raise refused("request_open")
        made = Request(
            id=secrets.token_hex(ID_BYTES),
            project=project_name,
            author=by.actor.person,
            created=by.now,
            changed=by.now,
            texts=texts,
            opened=by.now if by.actor.kind is ActorKind.PERSON else None,
        )
        ports.requests.insert(made, [record(Event.REQUEST_CREATED, by.actor, made)], by.now)
    return made


def add_file(ports: Ports, request_id: str, by: By, upload: Upload) -> OutputFile:
    """Freeze a file under the SHA-256 we compute, then put it on the draft.

    The bytes are taken before the lock, so a slow sender holds nobody up; the decision is made before and after.
    """
    request = required(ports, request_id)
    facts = facts_of(ports, request, by.actor, by.now)
    check(Action.EDIT, request, by.actor, facts, by.now)
    name = _acceptable(request, upload.name)
    stored = _freeze(ports, request, name, upload)
    new = OutputFile(name=name, sha256=stored.sha256, size=stored.size)
    maybe_unused = {stored.sha256}

    def change(before: Request, _facts: Facts) -> tuple[Request, tuple[Record, ...]]:
        maybe_unused.update(file.sha256 for file in before.files if file.name == name)
        _acceptable(before, name)
        _fits(before, new)
        if before.file(name) == new:
            return before, (record(Event.FILE_ADDED, by.actor, before, file=new.sha256, again=True),)
        return before.with_file(new), (record(Event.FILE_ADDED, by.actor, before, file=new.sha256, size=new.size),)

    try:
        perform(ports, Action.EDIT, request_id, by, change)
    finally:
        _drop_unused(ports, maybe_unused)
    return new


def remove_file(ports: Ports, request_id: str, by: By, name: str) -> Request:
    """Take a file out. In a first draft it goes; after a return its name stays, marked."""

    def change(before: Request, _facts: Facts) -> tuple[Request, tuple[Record, ...]]:
        file = before.file(name)
        if file is None or file.withdrawn:
            raise refused("unknown_file")
        gone = record(Event.FILE_WITHDRAWN, by.actor, before, file=file.sha256)
        if before.status is Status.RETURNED:
            return before.with_file(replace(file, withdrawn=True)), (gone,)
        return replace(before, files=tuple(f for f in before.files if f is not file)), (gone,)

    return perform(ports, Action.EDIT, request_id, by, change)


def edit_texts(ports: Ports, request_id: str, by: By, values: Mapping[str, object]) -> Request:
    texts = read_texts(values)

    def change(before: Request, _facts: Facts) -> tuple[Request, tuple[Record, ...]]:
        return replace(before, texts=texts), (record(Event.TEXTS_EDITED, by.actor, before),)

    return perform(ports, Action.EDIT, request_id, by, change)


def open_draft(ports: Ports, request_id: str, by: By) -> Request:
    """Its person looks at the draft for the first time: from now on the workspace cannot change it."""
    request = required(ports, request_id)
    own = by.actor.kind is ActorKind.PERSON and by.actor.person == request.author
    if request.opened is not None or request.status not in D or not own:
        return request

    def change(before: Request, _facts: Facts) -> tuple[Request, tuple[Record, ...]]:
        return replace(before, opened=by.now), (record(Event.REQUEST_OPENED, by.actor, before),)

    return perform(ports, Action.SEE, request_id, by, change)


def submit(ports: Ports, request_id: str, by: By) -> Request:
    """Send a draft, or one that came back, to be scanned: a new turn begins and its criteria are pinned."""

    def change(before: Request, _facts: Facts) -> tuple[Request, tuple[Record, ...]]:
        _check_complete(ports, before)
        project = ports.people.project(before.project)
        if project is None or before.destination not in project.spec.policy.destinations:
            raise refused("destination_not_allowed")
        criteria = ports.scanner.criteria(project)
        after = replace(before, status=Status.SCANNING, turn=before.turn + 1, criteria=criteria, opened=by.now)
        return after, (record(Event.REQUEST_SUBMITTED, by.actor, after, files=[f.sha256 for f in after.outputs]),)

    return perform(ports, Action.SUBMIT, request_id, by, change)


def withdraw(ports: Ports, request_id: str, by: By) -> Request:
    def change(before: Request, _facts: Facts) -> tuple[Request, tuple[Record, ...]]:
        return replace(before, status=Status.WITHDRAWN), (record(Event.REQUEST_WITHDRAWN, by.actor, before),)

    return perform(ports, Action.WITHDRAW, request_id, by, change)


def _check_complete(ports: Ports, request: Request) -> None:
    if not request.outputs:
        raise refused("no_files")
    if request.texts == Texts() or missing_texts(request.texts):
        raise refused("texts_missing")
    earlier = ports.requests.released_hashes(request.project, but=request.id)
    again = next((file.name for file in request.outputs if file.sha256 in earlier), None)
    if again is not None:
        raise refused("released_before", f"File: {again}.")


def _acceptable(request: Request, name: str) -> str:
    existing = request.file(name)
    if existing is not None and existing.withdrawn:
        raise refused("name_withdrawn")
    return read_name(name, [file.name for file in request.files])


def _fits(request: Request, new: OutputFile) -> None:
    others = [file for file in request.outputs if file.name != new.name]
    if len(others) >= MAX_FILES:
        raise refused("too_many_files")
    if sum(file.size for file in others) + new.size > MAX_TOTAL_BYTES:
        raise refused("request_too_large")


def _drop_unused(ports: Ports, hashes: Iterable[str]) -> None:
    """What was replaced or refused is not kept, unless another file has the same bytes: else uploads fill the disk."""
    with ports.requests.locked():
        for sha256 in hashes:
            if not ports.requests.refers_to(sha256):
                ports.quarantine.delete(sha256)


def _freeze(ports: Ports, request: Request, name: str, upload: Upload) -> Stored:
    _fits(request, OutputFile(name=name, sha256=upload.sha256, size=0))
    project = ports.people.project(request.project)
    cap = project.spec.policy.max_file_bytes if project else 0
    try:
        stored = ports.quarantine.put(upload.stream, upload.sha256, cap)
    except TidegateError as error:
        if isinstance(error, RefusalError) or error.code not in OF_THE_STORE:
            raise
        raise refused(OF_THE_STORE[error.code]) from error
    if stored.size == 0:
        ports.quarantine.delete(stored.sha256)
        raise refused("file_empty")
    return stored
