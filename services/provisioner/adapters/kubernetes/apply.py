"""Brings live objects to what was rendered, and tells apart our own change from what others did.

Called by the ground and the stores. Nothing is sent where nothing differs; what seems to differ is read again from the
cluster itself, since memory lags behind. An object that bears the stamp of just what
is rendered now, and differs, was changed by others; so was one where the API server says that somebody else holds a
field of ours. That is drift: it is recorded, and then taken back by force. Nothing else is ever forced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from provisioner.adapters.kubernetes.compare import mended, must_be_made_anew, same
from provisioner.adapters.kubernetes.journal import Journal
from provisioner.adapters.kubernetes.kinds import called, ref_of, resource_of
from tidegate.cluster.port import ClusterApi, Manifest
from tidegate.cluster.remembered import fresh
from tidegate.ledger import Event
from tidegate.model import TidegateError, digest_of

log = structlog.get_logger("provisioner")

CONFLICT: Final = "cluster_conflict"
STAMP: Final = "tidegate.dev/rendered"
STAMP_LENGTH: Final = 16


@dataclass(frozen=True)
class _Change:
    wanted: Manifest
    live: Manifest | None


@dataclass(frozen=True)
class Applier:
    api: ClusterApi
    journal: Journal

    def differs(self, rendered: Sequence[Manifest]) -> tuple[str, ...]:
        """What does not stand as it was rendered, by the word of the cluster itself."""
        asked, wanted = fresh(self.api), tuple(map(stamped, rendered))
        kinds = {(resource_of(each), ref_of(each).namespace) for each in wanted}
        live = {ref_of(each): each for kind, place in kinds if kind.namespaced for each in asked.list(kind, place)}
        return tuple(
            called(each) for each in wanted if not _stands(live.get(ref_of(each)) or asked.get(ref_of(each)), each)
        )

    def bring(
        self, project: str, group: str, wanted: Sequence[Manifest], now: datetime, *, stood: bool
    ) -> tuple[str, ...]:
        """Write what differs, in order. Answers what others had changed; with `stood` a missing object is drift too."""
        changes = [change for change in map(self._look, wanted) if change is not None]
        if not changes:
            return ()
        with self.journal.group(project, group, [called(c.wanted) for c in changes], now):
            return tuple(called(c.wanted) for c in changes if self._write(c, project, now, stood=stood))

    def _look(self, rendered: Manifest) -> _Change | None:
        wanted = stamped(rendered)
        ref = ref_of(wanted)
        if _stands(self.api.get(ref), wanted):
            return None
        live = fresh(self.api).get(ref)
        return None if _stands(live, wanted) else _Change(wanted, live)

    def _write(self, change: _Change, project: str, now: datetime, *, stood: bool) -> bool:
        """Whether it had drifted."""
        wanted, live = change.wanted, change.live
        if live is None:
            if stood:
                self._drifted(project, wanted, "missing", now)
            self.api.apply(resource_of(wanted), wanted)
            return stood
        anew = must_be_made_anew(live, wanted)
        drifted = anew or _stamp(live) == _stamp(wanted)
        if drifted:
            self._drifted(project, wanted, "edited", now)
        if anew:
            self.api.delete(ref_of(live), uid=live["metadata"]["uid"])
        after, conflict = self._apply(wanted, project, now, force=drifted)
        if not same(after, wanted):
            # What others added beside our fields is no conflict; only writing the whole object takes it away.
            self.api.replace(resource_of(wanted), mended(after, wanted))
        return drifted or conflict

    def _apply(self, wanted: Manifest, project: str, now: datetime, *, force: bool) -> tuple[Manifest, bool]:
        """What then stands, and whether somebody else held a field of ours."""
        try:
            return self.api.apply(resource_of(wanted), wanted, force=force), False
        except TidegateError as error:
            if error.code != CONFLICT:
                raise
        self._drifted(project, wanted, "edited", now)
        return self.api.apply(resource_of(wanted), wanted, force=True), True

    def _drifted(self, project: str, wanted: Manifest, how: str, now: datetime) -> None:
        log.warning("drift", project=project, object=called(wanted), how=how)
        self.journal.tell(Event.DRIFT_FOUND, project, now, object=called(wanted), how=how)


def stamped(rendered: Manifest) -> Manifest:
    """With a digest of itself: an object that bears it was applied just so, and if it differs, others did that."""
    metadata = rendered["metadata"]
    annotations = {**metadata.get("annotations", {}), STAMP: digest_of(rendered)[:STAMP_LENGTH]}
    return {**rendered, "metadata": {**metadata, "annotations": annotations}}


def _stands(live: Manifest | None, wanted: Manifest) -> bool:
    return live is not None and same(live, wanted)


def _stamp(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("annotations", {}).get(STAMP, ""))
