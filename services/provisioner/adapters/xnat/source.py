"""XNAT behind the `CohortSource` port. The provisioner's bootstrap makes one and hands it to the cohort pipeline."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from provisioner.adapters.xnat.backoff import Backoff
from provisioner.adapters.xnat.listing import CONNECT_SECONDS, READ_SECONDS, Credentials, XnatConnection
from provisioner.adapters.xnat.pull import Meter, Pull
from provisioner.adapters.xnat.transfer import Transfer, client_for
from provisioner.adapters.xnat.walk import make_plan
from provisioner.domain.plan import Plan
from provisioner.domain.transfer import PullProgress, PullResult
from tidegate.model import Dataset
from tidegate.model.project import Selection

WORKERS: Final = 4


def _no_step(_name: str) -> None:
    """Between the steps of a file nothing happens."""


@dataclass(frozen=True, slots=True)
class XnatSource:
    """Data sets that lie in XNAT servers.

    Attributes:
        credentials: the account to use on a server, by its address; raises TidegateError where there is none.
    """

    credentials: Callable[[str], Credentials]
    backoff: Backoff = field(default_factory=Backoff)
    workers: int = WORKERS
    timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS)
    clock: Callable[[], float] = time.monotonic
    step: Callable[[str], None] = _no_step

    def plan(self, dataset: Dataset, selection: Selection) -> Plan:
        """As the port says."""
        with self._connect(dataset.spec.xnat.server) as connection:
            return make_plan(connection, dataset, selection)

    def pull(
        self, plan: Plan, folder: Path, vault: Path, progress: Callable[[PullProgress], None], now: datetime
    ) -> PullResult:
        """As the port says."""
        run = Pull(plan, folder, vault, now, self.workers, self.clock, step=self.step)
        meter = Meter()
        client = client_for(plan.server, self.workers, self.timeout)
        with self._connect(plan.server) as connection, client:
            transfer = Transfer(plan.server, connection, client, self.backoff, meter.moved)
            return run.run(transfer.fetch, meter, progress)

    def _connect(self, server: str) -> XnatConnection:
        return XnatConnection(server, self.credentials(server), self.backoff, self.timeout)
