"""One audit record and the hash that binds it to the one before it. Pure: no database, no clock."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from tidegate.ledger.events import Event
from tidegate.model import Instant, digest_of
from tidegate.model.names import Frozen, PersonRef

GENESIS = "0" * 64


class ActorKind(StrEnum):
    PERSON = "person"
    SERVICE = "service"
    WORKSPACE = "workspace"


class Actor(Frozen):
    """Who did it. A workspace acts for nobody: it is 'the workspace', never the person."""

    kind: ActorKind
    issuer: str
    subject: str

    @classmethod
    def person(cls, person: PersonRef) -> "Actor":
        return cls(kind=ActorKind.PERSON, issuer=person.issuer, subject=person.subject)

    @classmethod
    def service(cls, name: str) -> "Actor":
        return cls(kind=ActorKind.SERVICE, issuer="tidegate", subject=name)

    @classmethod
    def workspace(cls, server: str) -> "Actor":
        """`server` is ``person/project``, as the hub names it."""
        return cls(kind=ActorKind.WORKSPACE, issuer="tidegate", subject=server)


class Record(Frozen):
    """What happened. `subject` is ``kind/name``; `detail` holds ids, digests and counts, never contents or secrets."""

    event: Event
    actor: Actor
    subject: str
    detail: dict[str, str | int | bool | list[str] | None] = Field(default_factory=dict)


class Entry(Frozen):
    """A record in its chain. `digest` covers all other fields."""

    chain: str
    seq: int
    at: Instant
    previous: str
    record: Record
    digest: str


def digest_of_entry(chain: str, seq: int, at: datetime, previous: str, record: Record) -> str:
    """SHA-256 over everything an entry says, its place in the chain included."""
    unsealed = Entry(chain=chain, seq=seq, at=at, previous=previous, record=record, digest="")
    return digest_of(unsealed.model_dump(mode="json"))


def seal(chain: str, seq: int, at: datetime, previous: str, record: Record) -> Entry:
    """The entry for a record at this place of this chain."""
    digest = digest_of_entry(chain, seq, at, previous, record)
    return Entry(chain=chain, seq=seq, at=at, previous=previous, record=record, digest=digest)
