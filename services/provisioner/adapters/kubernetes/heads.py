"""`ports.Heads` where the ledger lies in PostgreSQL: the last entry of every other service's chain."""

from collections.abc import Mapping
from dataclasses import dataclass

from tidegate.store.postgres import PostgresLedger


@dataclass(frozen=True)
class LedgerHeads:
    """`own` is the chain of this process; anchoring it in itself would say nothing."""

    ledger: PostgresLedger
    own: str

    def heads(self) -> Mapping[str, str]:
        return {chain: f"{seq}:{digest}" for chain, (seq, digest) in self.ledger.heads().items() if chain != self.own}
