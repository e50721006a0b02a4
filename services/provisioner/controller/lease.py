"""Who leads: one Lease of the release's namespace, taken by one process and renewed by it. Called by `leading`.

Two clocks never have to agree. Whether another holder is gone is judged by how long *we* saw its record stand still;
how long we may write is counted from the moment we *sent* the renewal that was accepted. The second span is shorter
than the first, so that a write of ours ends before anybody else may begin.

Each change of the holder raises `leaseTransitions`. The ledger refuses a lower one than it has seen, so a process that
was paused while another took over can write nothing outside either.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from tidegate.cluster.port import ClusterApi, Manifest, Ref, Resource
from tidegate.model import TidegateError

LEASE: Final = Resource("coordination.k8s.io/v1", "Lease", "leases")
NAME: Final = "provisioner"
HELD_SECONDS: Final = 15
RENEW_SECONDS: Final = 5.0
WRITE_SECONDS: Final = 10.0
# A Lease that somebody deleted begins again above every number it can have had: one a second since then.
EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)


class Lease:
    """The Lease as this process sees it. Safe in any thread; one thread alone takes and renews."""

    def __init__(
        self,
        api: ClusterApi,
        namespace: str,
        holder: str,
        clock: Callable[[], datetime],
        pace: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._ref = Ref(LEASE, NAME, namespace)
        self._holder = holder
        self._clock = clock
        self._pace = pace
        self._guard = threading.Lock()
        self._renewed: float | None = None
        self._transitions = 0
        self._seen: tuple[str, float] | None = None

    @property
    def transitions(self) -> int:
        """The number of our term; the ledger compares it."""
        return self._transitions

    def age(self) -> float:
        """Seconds since the last renewal that was accepted was sent; infinite where we do not hold it."""
        with self._guard:
            return float("inf") if self._renewed is None else self._pace() - self._renewed

    def check(self) -> None:
        """Before each write.

        Raises:
            TidegateError: ``lease_lost`` where the last renewal is too old to write under it.
        """
        if self.age() >= WRITE_SECONDS:
            raise lost("its last renewal is too old")

    def take(self) -> bool:
        """One try to become the holder. False while another one is, or may be.

        Raises:
            TidegateError: what the cluster said.
        """
        live, sent = self._api.get(self._ref), self._pace()
        if live is None:
            return self._write(self._fresh(), sent, first=True)
        if self._is_ours(live):
            return self._write(self._again(live), sent)
        if self._may_be_led(live):
            return False
        return self._write(self._taken(live), sent)

    def renew(self) -> None:
        """Raises TidegateError ``lease_lost`` where another process holds it, or what the cluster said."""
        live, sent = self._api.get(self._ref), self._pace()
        if live is None or not self._is_ours(live) or not self._write(self._again(live), sent):
            with self._guard:
                self._renewed = None
            raise lost("another process holds it")

    def give_up(self) -> None:
        """At the end of an orderly stop, so that the next process need not wait. Nothing may be written any more."""
        with self._guard:
            held, self._renewed = self._renewed is not None, None
        live = self._api.get(self._ref) if held else None
        if live is not None and self._is_ours(live):
            self._api.replace(LEASE, {**live, "spec": {**live["spec"], "holderIdentity": ""}})

    def _write(self, manifest: Manifest, sent: float, *, first: bool = False) -> bool:
        """False where another write came first. The time that counts is before the request left."""
        try:
            made = self._api.create(LEASE, manifest) if first else self._api.replace(LEASE, manifest)
        except TidegateError as error:
            if error.code == "cluster_conflict":
                return False
            raise
        with self._guard:
            self._transitions = int(made["spec"]["leaseTransitions"])
            self._renewed = sent
        return True

    def _is_ours(self, live: Manifest) -> bool:
        """Ours by name and by term: a record that was taken and given back in between is another one."""
        spec = live["spec"]
        mine = spec.get("holderIdentity") == self._holder
        return mine and (not self._transitions or spec.get("leaseTransitions") == self._transitions)

    def _may_be_led(self, live: Manifest) -> bool:
        """Whether its holder may still be alive: its record moved within the time it is held, as we saw it."""
        if not live["spec"].get("holderIdentity"):
            return False
        version, now = str(live["metadata"]["resourceVersion"]), self._pace()
        if self._seen is None or self._seen[0] != version:
            self._seen = (version, now)
        held = max(HELD_SECONDS, int(live["spec"].get("leaseDurationSeconds") or 0))
        return now - self._seen[1] < held

    def _fresh(self) -> Manifest:
        start = int((self._clock() - EPOCH).total_seconds())
        metadata = {"name": self._ref.name, "namespace": self._ref.namespace}
        spec = self._spec(start, self._now())
        return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}

    def _taken(self, live: Manifest) -> Manifest:
        return {**live, "spec": self._spec(int(live["spec"].get("leaseTransitions") or 0) + 1, self._now())}

    def _again(self, live: Manifest) -> Manifest:
        return {**live, "spec": {**live["spec"], "renewTime": self._now()}}

    def _spec(self, transitions: int, now: str) -> dict[str, Any]:
        return {
            "acquireTime": now,
            "holderIdentity": self._holder,
            "leaseDurationSeconds": HELD_SECONDS,
            "leaseTransitions": transitions,
            "renewTime": now,
        }

    def _now(self) -> str:
        return self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def lost(why: str) -> TidegateError:
    return TidegateError("lease_lost", f"This process does not lead any more: {why}.", "It ends and starts anew.")
