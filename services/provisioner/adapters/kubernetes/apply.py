"""Brings live objects to what was rendered, and tells apart our own change from what others did.

Called by the ground and the stores. Nothing is sent where nothing differs. The first apply is never forced: a conflict
means that somebody else edited a field of ours, which is drift; it is recorded, and then taken back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from provisioner.adapters.kubernetes.compare import mended, must_be_made_anew, same
from provisioner.adapters.kubernetes.journal import Journal
from provisioner.adapters.kubernetes.kinds import called, ref_of, resource_of
from tidegate.cluster.port import ClusterApi, Manifest
from tidegate.ledger import Event
from tidegate.model import TidegateError

log = structlog.get_logger("provisioner")

CONFLICT = "cluster_conflict"


@dataclass(frozen=True)
class _Change:
    wanted: Manifest
    live: Manifest | None


@dataclass(frozen=True)
class Applier:
    api: ClusterApi
    journal: Journal

    def bring(
        self, project: str, group: str, wanted: Sequence[Manifest], now: datetime, *, stood: bool
    ) -> tuple[str, ...]:
        """Write what differs, in order. Answers what others had changed; with `stood` a missing object is drift too."""
        changes = [change for change in map(self._look, wanted) if change is not None]
        if not changes:
            return ()
        with self.journal.group(project, group, [called(c.wanted) for c in changes], now):
            return tuple(called(c.wanted) for c in changes if self._write(c, project, now, stood=stood))

    def _look(self, wanted: Manifest) -> _Change | None:
        live = self.api.get(ref_of(wanted))
        return None if live is not None and same(live, wanted) else _Change(wanted, live)

    def _write(self, change: _Change, project: str, now: datetime, *, stood: bool) -> bool:
        """Whether it had drifted."""
        wanted, live = change.wanted, change.live
        if live is None:
            if stood:
                self._drifted(project, wanted, "missing", now)
            self.api.apply(resource_of(wanted), wanted)
            return stood
        if must_be_made_anew(live, wanted):
            self._drifted(project, wanted, "edited", now)
            self.api.delete(ref_of(live), uid=live["metadata"]["uid"])
            self.api.apply(resource_of(wanted), wanted)
            return True
        after, drifted = self._apply(wanted, project, now)
        if same(after, wanted):
            return drifted
        # What others added beside our fields is no conflict; only writing the whole object takes it away.
        if not drifted:
            self._drifted(project, wanted, "added to", now)
        self.api.replace(resource_of(wanted), mended(after, wanted))
        return True

    def _apply(self, wanted: Manifest, project: str, now: datetime) -> tuple[Manifest, bool]:
        try:
            return self.api.apply(resource_of(wanted), wanted), False
        except TidegateError as error:
            if error.code != CONFLICT:
                raise
        self._drifted(project, wanted, "edited", now)
        return self.api.apply(resource_of(wanted), wanted, force=True), True

    def _drifted(self, project: str, wanted: Manifest, how: str, now: datetime) -> None:
        log.warning("drift", project=project, object=called(wanted), how=how)
        self.journal.tell(Event.DRIFT_FOUND, project, now, object=called(wanted), how=how)
