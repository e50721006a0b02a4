"""Intent before, outcome after: every group of writes to the cluster stands in the ledger twice. All writers use it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from tidegate.ledger import Actor, Event, Record
from tidegate.model import TidegateError

PROVISIONER = Actor.service("provisioner")


@dataclass(frozen=True)
class Journal:
    """`append` writes a record into the provisioner's chain; it refuses where this process no longer leads."""

    append: Callable[[Record, datetime], None]

    def tell(self, event: Event, project: str, now: datetime, **detail: str | list[str]) -> None:
        self.append(Record(event=event, actor=PROVISIONER, subject=f"Project/{project}", detail={**detail}), now)

    @contextmanager
    def group(self, project: str, group: str, objects: Sequence[str], now: datetime) -> Iterator[None]:
        """Round the writes themselves. A kill leaves an intent without outcome; the next look finds what is missing."""
        self.tell(Event.CLUSTER_WRITE_INTENDED, project, now, group=group, objects=list(objects))
        try:
            yield
        except TidegateError as error:
            self.tell(Event.CLUSTER_WRITE_FAILED, project, now, group=group, code=error.code)
            raise
        self.tell(Event.CLUSTER_WRITTEN, project, now, group=group, objects=list(objects))
