"""Append-only, hash-chained audit records. Every write that matters carries one, in the same transaction."""

from tidegate.ledger.events import Event
from tidegate.ledger.record import Actor, ActorKind, Entry, Record, seal
from tidegate.ledger.table import POSTGRES_LOCK, Executor, LedgerTable
from tidegate.ledger.verify import Fault, verify
from tidegate.ledger.witness import Witness

__all__ = [
    "POSTGRES_LOCK",
    "Actor",
    "ActorKind",
    "Entry",
    "Event",
    "Executor",
    "Fault",
    "LedgerTable",
    "Record",
    "Witness",
    "seal",
    "verify",
]
