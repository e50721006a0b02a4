"""Writes the heads of all other chains into ours, so that a chain cut short or written anew shows in this one.

Called by the loop at its start and each hour.
"""

from datetime import datetime

from provisioner.application.case import PROVISIONER
from provisioner.ports import Heads
from tidegate.ledger import Event, Record
from tidegate.store import ResourceStore


def anchor(store: ResourceStore, heads: Heads, now: datetime) -> None:
    """Nothing to remember means nothing is written."""
    found = heads.heads()
    if found:
        record = Record(
            event=Event.LEDGER_HEADS_ANCHORED, actor=PROVISIONER, subject="Ledger/heads", detail=dict(found)
        )
        store.append(record, now)
