"""One group of writes to the cluster: what is to be written, on which state it was decided, and with which records.

Stands as text beside its intent, so that after a crash somebody can look at what landed. Used by `kubernetes`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from tidegate.cluster.custom import CUSTOM
from tidegate.cluster.paths import ref_of
from tidegate.cluster.port import Manifest, Ref
from tidegate.ledger import Actor, Event, Record
from tidegate.model import Kind, digest_of


@dataclass(frozen=True)
class Write:
    """`part` (``spec`` or ``status``) of `manifest` is new; `base` is the resourceVersion it was decided on, or empty.

    `record` is what the ledger gets once it stands. `user` is who writes it, impersonated; empty is this process.
    """

    kind: Kind
    manifest: Manifest
    part: str
    base: str
    record: Record
    user: str = ""

    @property
    def ref(self) -> Ref:
        return ref_of(CUSTOM[self.kind], self.manifest)

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.ref.name}"

    def digest(self) -> str:
        """Of the part as it goes out."""
        return digest_of(self.manifest[self.part])


def intent_of(writes: Sequence[Write]) -> Record:
    """The record before the group: which objects, which digests, by whom."""
    first = writes[0]
    return Record(
        event=Event.STORE_WRITE_INTENDED,
        actor=first.record.actor,
        subject=first.name if len(writes) == 1 else f"{first.name} and {len(writes) - 1} more",
        detail={
            "writes": [f"{write.name} {write.part} {write.digest()}" for write in writes],
            "events": sorted({str(write.record.event) for write in writes}),
        },
    )


def ended(write: Write, event: Event, intent: int, why: str, actor: Actor | None = None) -> Record:
    """The record of a write that does not stand: refused, or never landed."""
    detail: dict[str, str | int | bool | list[str] | None] = {"intent": intent, "why": why, "digest": write.digest()}
    return Record(event=event, actor=actor or write.record.actor, subject=write.name, detail=detail)


def to_text(writes: Sequence[Write]) -> str:
    return json.dumps([{**asdict(write), "record": write.record.model_dump(mode="json")} for write in writes])


def from_text(body: str) -> tuple[Write, ...]:
    return tuple(
        Write(**{**item, "kind": Kind(item["kind"]), "record": Record.model_validate(item["record"])})
        for item in json.loads(body)
    )
