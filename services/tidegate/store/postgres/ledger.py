"""The ledger in PostgreSQL, with the intents of those who write elsewhere. Made by the wirings on a cluster.

A write to Kubernetes cannot share a transaction with its record. So `intend` is committed first, the write follows, and
`close` commits what came of it. An intent without an outcome is open: whoever finds one looks at the world.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidegate.ledger import POSTGRES_LOCK, Entry, LedgerTable, Record
from tidegate.ledger.verify import Head, Row, read_row
from tidegate.model import TidegateError
from tidegate.store.postgres.database import Database, Rows

OPEN: Final = (
    "SELECT l.chain, l.seq, l.at, l.previous, l.record, l.digest, i.body FROM intents i "
    "JOIN ledger l USING (chain, seq) WHERE chain = %s ORDER BY seq"
)
RAISE_FENCE: Final = (
    "INSERT INTO fences AS f (chain, token) VALUES (%s, %s) "
    "ON CONFLICT (chain) DO UPDATE SET token = excluded.token WHERE f.token <= excluded.token"
)


@dataclass(frozen=True)
class Intent:
    """A write that was begun. `body` is what its writer needs to look at the world again; it stands in no ledger."""

    entry: Entry
    body: str


class PostgresLedger:
    """One chain to write, all that this role may see to read. Errors are those of `Database.transaction`."""

    def __init__(self, database: Database, chain: str) -> None:
        self.database = database
        self.chain = chain
        self._table = LedgerTable(chain, "%s", POSTGRES_LOCK)

    def append(self, record: Record, now: datetime, fence: int | None = None) -> Entry:
        """A record by itself. `fence` as in `intend`."""
        with self.database.transaction() as rows:
            self._check_fence(rows, fence)
            return self.append_in(rows, record, now)

    def append_in(self, rows: Rows, record: Record, now: datetime) -> Entry:
        """Within a transaction that writes what is recorded."""
        return self._table.append(rows, record, now)

    def intend(self, record: Record, now: datetime, body: str = "", fence: int | None = None) -> Intent:
        """Say what is about to be written. `fence` is the `leaseTransitions` of the Lease this process holds.

        Raises:
            TidegateError: ``lease_lost`` where a higher fence was seen: another process leads now; write nothing.
        """
        with self.database.transaction() as rows:
            self._check_fence(rows, fence)
            entry = self.append_in(rows, record, now)
            rows.execute("INSERT INTO intents (chain, seq, body) VALUES (%s, %s, %s)", (self.chain, entry.seq, body))
        return Intent(entry, body)

    def close(self, intent: Intent, records: Sequence[Record], now: datetime) -> None:
        """Say what came of it. Nothing is said twice: where the intent is closed already, nothing happens."""
        key = (self.chain, intent.entry.seq)
        with self.database.transaction() as rows:
            if rows.execute("DELETE FROM intents WHERE chain = %s AND seq = %s", key).count:
                for record in records:
                    self.append_in(rows, record, now)

    def open_intents(self) -> tuple[Intent, ...]:
        """Of this chain, in order."""
        with self.database.transaction() as rows:
            found = rows.execute(OPEN, (self.chain,)).fetchall()
        return tuple(Intent(_entry(row[:6]), row[6]) for row in found)

    def chains(self) -> tuple[str, ...]:
        with self.database.transaction() as rows:
            found = rows.execute("SELECT DISTINCT chain FROM ledger ORDER BY chain").fetchall()
        return tuple(name for (name,) in found)

    def entries(self, chain: str) -> tuple[Entry, ...]:
        with self.database.transaction() as rows:
            return tuple(LedgerTable(chain, "%s").entries(rows))

    def rows(self) -> dict[str, tuple[Row, ...]]:
        """The ledger's rows by chain, unread, for `verify`."""
        names = self.chains()
        with self.database.transaction() as rows:
            return {name: tuple(LedgerTable(name, "%s").rows(rows)) for name in names}

    def heads(self) -> dict[str, Head]:
        """The last entry of every chain, other services' too, for those who may ask: provisioner and governance."""
        with self.database.transaction() as rows:
            found = rows.execute("SELECT chain, seq, digest FROM heads").fetchall()
        return {chain: (seq, digest) for chain, seq, digest in found}

    def _check_fence(self, rows: Rows, fence: int | None) -> None:
        if fence is not None and not rows.execute(RAISE_FENCE, (self.chain, fence)).count:
            raise TidegateError(
                "lease_lost", "Another process leads by now; this one writes nothing more.", "It ends and starts anew."
            )


def _entry(row: Row) -> Entry:
    entry = read_row(row)
    if entry is None:
        raise TidegateError("ledger_broken", f"Entry {row[1]} of chain {row[0]} no longer reads as one.")
    return entry
