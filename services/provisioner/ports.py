"""What the provisioner's use cases ask of the outside. The adapters answer; nothing here knows which one does."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from provisioner.domain.plan import Plan
from provisioner.domain.transfer import PullProgress, PullResult
from tidegate.model import Dataset
from tidegate.model.project import Selection


class CohortSource(Protocol):
    """Where a data set's files come from."""

    def plan(self, dataset: Dataset, selection: Selection) -> Plan:
        """A line for each file of the data set that the selection takes.

        Raises:
            TidegateError: with a code of `provisioner.domain.transfer.Code`, ``NAME_UNSAFE`` or ``NAME_TWICE``.
        """
        ...

    def pull(
        self, plan: Plan, folder: Path, vault: Path, progress: Callable[[PullProgress], None], now: datetime
    ) -> PullResult:
        """Every file of the plan into the vault by SHA-256; what `folder`'s journal vouches for is not fetched again.

        Call it again with the same plan and folder after any failure or kill: it goes on where it stopped.
        `folder` and `vault` lie on one file system.

        Raises:
            TidegateError: with a code of `provisioner.domain.transfer.Code`; nothing of a failed file is in the vault.
        """
        ...
