"""`ports.Heads` where the ledger lies in PostgreSQL: the last entry of every chain, noted in the cluster as well."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from tidegate.ledger.verify import Head
from tidegate.model import TidegateError
from tidegate.store.heads import ClusterWitness
from tidegate.store.postgres import PostgresLedger

log = structlog.get_logger("provisioner")


@dataclass(frozen=True)
class LedgerHeads:
    """`own` is the chain of this process; anchoring it in itself would say nothing. The witness notes it too."""

    ledger: PostgresLedger
    own: str
    witness: ClusterWitness

    def heads(self) -> Mapping[str, str]:
        found = self.ledger.heads()
        self._note(found)
        return {chain: f"{seq}:{digest}" for chain, (seq, digest) in found.items() if chain != self.own}

    def _note(self, heads: Mapping[str, Head]) -> None:
        """A witness that lags is harmless; dates that wait for it are not."""
        try:
            self.witness.note(heads)
        except TidegateError as error:
            log.warning("witness not noted", code=error.code, sentence=error.sentence)
