"""Two bars on one control plane: drift repaired below the pace, and a steady state that writes nothing."""

import json
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cluster.bench.bars import Bar, say
from cluster.bench.plane import CONTROLLER, RATE, Audit, Plane, moment, plane
from cluster_cohort_kit import now
from cluster_live_kit import manifest
from cluster_project_kit import Site, facts_of
from model_kit import approval, dataset, grant, licence, project
from provisioner.adapters.kubernetes.kinds import NETWORK_POLICY, QUOTA, ROLE_BINDING
from tidegate.cluster.custom import CUSTOM
from tidegate.cluster.port import Manifest, Ref, Resource
from tidegate.model import AnyResource, Kind

HANDS: Final = 8
REPAIR_SECONDS: Final = 60.0
REPAIR_LIMIT: Final = 240.0
BUILD_LIMIT: Final = 1800.0
RESYNCS: Final = 3
RESYNC_SECONDS: Final = 30.0
WINDOW: Final = timedelta(seconds=10)
Touched = tuple[str, str, str]


def main(folder: Path, projects: int, drifted: int) -> Iterable[Bar]:
    """Both bars, and what the way there took; `drifted` of the `projects` are edited."""
    names = [f"bench{number:04}" for number in range(projects)]
    with plane(folder) as own:
        build(own, names)
        own.start(RATE)
        quiet(own)
        yield repair(own, names[:drifted])
        say(f"        {own.used()}")
        own.stop()
        own.start(RATE, RESYNC_SECONDS)
        quiet(own)
        yield steady(own, projects)
        say(f"        {own.used()}")


def build(own: Plane, names: list[str]) -> None:
    """One by the controller; the others in its likeness, as from a backup: how fast they are built is no bar."""
    # The archive is a number, so nobody has to be asked for a name.
    archive = dataset(xnat={"server": "http://198.51.100.2:8080", "project": "CBIS-DDSM"})
    first, *others = names
    put(own, (licence(), archive, *registered(first)))
    own.start()
    own.wait("the first project", lambda: deployed(own) == 1, BUILD_LIMIT)
    own.stop()
    began = time.monotonic()
    likeness = Likeness(own, first)
    with ThreadPoolExecutor(HANDS) as pool:
        list(pool.map(likeness.make, others))
    say(f"{len(names)} projects made in {time.monotonic() - began:.0f} s")


class Likeness:
    """Projects like one that the controller built: the same records, objects and status under other names."""

    def __init__(self, own: Plane, first: str) -> None:
        self.own, self.first, self.site = own, first, Site(own.api)
        found = own.api.get(Ref(CUSTOM[Kind.PROJECT], first)) or {}
        self.status, self.held = json.dumps(found["status"]), found["metadata"]["finalizers"]
        (self.cohort,) = own.api.list(CUSTOM[Kind.COHORT], f"tg-{first}")

    def make(self, name: str) -> None:
        api = self.own.api
        project, *others = registered(name)
        whole = manifest(project)
        made = api.create(CUSTOM[Kind.PROJECT], {**whole, "metadata": {**whole["metadata"], "finalizers": self.held}})
        put(self.own, others)
        self.site.build(facts_of(name), now())
        cohort = {key: self.cohort[key] for key in ("apiVersion", "kind", "spec")}
        place = {"name": self.cohort["metadata"]["name"], "namespace": f"tg-{self.first}"}
        api.create(CUSTOM[Kind.COHORT], self._renamed(json.dumps({**cohort, "metadata": place}), name))
        status = self._renamed(self.status, name)
        api.replace(CUSTOM[Kind.PROJECT], {**made, "status": status}, subresource="status")

    def _renamed(self, text: str, name: str) -> Manifest:
        return dict(json.loads(text.replace(self.first, name)))


def registered(name: str) -> tuple[AnyResource, ...]:
    own = project(name)
    return own, grant(f"{name}-rosa", project=name), approval(own, name=f"{name}-1", at=now())


def put(own: Plane, resources: Iterable[AnyResource]) -> None:
    for each in resources:
        own.api.create(CUSTOM[Kind(each.kind)], manifest(each))


def deployed(own: Plane) -> int:
    """By the controller's own page: a list of all Projects each second would be in its way."""
    try:
        return int(own.metric(r'tidegate_projects{phase="deployed"}'))
    except OSError:
        return 0


def quiet(own: Plane) -> None:
    """It leads, has looked at everything once, and has written nothing for a while."""
    audit = own.audit()
    own.wait("the first look", lambda: own.metric("tidegate_resyncs_total") >= 1, 120)
    audit.skip()
    own.wait("quiet", lambda: own.metric("tidegate_queue_keys") == 0 and still(own, audit), 300)


def still(own: Plane, audit: Audit) -> bool:
    looks = own.metric("tidegate_reconciles_total")
    written = list(writes(audit))
    return not written and looks >= deployed(own)


def repair(own: Plane, names: list[str]) -> Bar:
    """Somebody takes a policy away, raises a quota and takes the hub's right, in each of them, as fast as can be."""
    before = {name: [bare(own.api.get(ref)) for ref in guarded(name)] for name in names[:20]}
    audit = own.audit()
    audit.skip()
    missing: set[Touched] = {(r.resource.plural, r.namespace, r.name) for name in names for r in guarded(name)}
    whole = len(missing)
    seen: list[datetime] = []
    first: list[datetime] = []

    def mended() -> bool:
        for event in audit.news():
            if event["user"]["username"] != CONTROLLER:
                first.append(moment(event))
            elif is_write(event):
                seen.append(moment(event, "stageTimestamp"))
                missing.discard(touched(event))
        return not missing

    with ThreadPoolExecutor(HANDS) as pool:
        list(pool.map(lambda name: spoil(own, name), names))
        own.wait("repairs", mended, REPAIR_LIMIT)
    took = (seen[-1] - min(first)).total_seconds()
    said = f"{whole} objects of {len(names)} projects in {took:.1f} s from the first edit to the last repair; "
    said += f"{len(seen)} writes, statuses among them, {rate(seen):.1f} a second at most over 10 s"
    after = {name: [bare(own.api.get(ref)) for ref in guarded(name)] for name in before}
    held = took <= REPAIR_SECONDS and rate(seen) <= RATE + 1 and after == before
    return Bar(
        "500 drifted workspaces, three guarded objects each, repaired <= 60 s at <= 50 writes a second", said, held
    )


def guarded(name: str) -> tuple[Ref, ...]:
    kinds: tuple[tuple[Resource, str], ...] = (
        (NETWORK_POLICY, "default-deny"),
        (QUOTA, "project"),
        (ROLE_BINDING, "hub-spawn"),
    )
    return tuple(Ref(kind, which, f"tg-{name}") for kind, which in kinds)


def spoil(own: Plane, name: str) -> None:
    policy, quota, binding = guarded(name)
    own.api.delete(policy)
    live = own.api.get(quota) or {}
    live["spec"]["hard"]["pods"] = "99"
    own.api.replace(QUOTA, live)
    own.api.delete(binding)


def bare(found: Manifest | None) -> list[Any]:
    return [(found or {}).get(part) for part in ("spec", "roleRef", "subjects")]


def steady(own: Plane, projects: int) -> Bar:
    """Counted where it cannot be hidden: in the API server's own log."""
    audit = own.audit()
    audit.skip()
    resyncs, looks = (own.metric(f"tidegate_{name}_total") for name in ("resyncs", "reconciles"))
    reads = own.reads()
    enough = lambda: own.metric("tidegate_reconciles_total") >= looks + RESYNCS * projects  # noqa: E731 - one line
    took = own.wait("three resyncs", enough, RESYNCS * RESYNC_SECONDS * 10)
    own.wait("their end", lambda: own.metric("tidegate_resyncs_total") >= resyncs + RESYNCS, 300)
    asked = own.reads() - reads
    found = Counter(f"{event['verb']} {event['objectRef']['resource']}" for event in writes(audit))
    said = f"{sum(found.values())} writes in {RESYNCS} resyncs of {projects} projects ({took:.0f} s; its Lease aside)"
    said += f"{': ' + str(dict(found)) if found else ''}; the API server was asked to read {asked:.0f} times by anybody"
    return Bar(f"steady state: 1,000 projects, {RESYNCS} resyncs, 0 writes", said, not found and projects > 0)


def writes(audit: Audit) -> Iterable[dict[str, Any]]:
    """The controller's, its Lease aside."""
    return (e for e in audit.news() if e["user"]["username"] == CONTROLLER and is_write(e))


def is_write(event: dict[str, Any]) -> bool:
    return event["objectRef"]["resource"] != "leases" and event["responseStatus"]["code"] < 300


def touched(event: dict[str, Any]) -> Touched:
    about = event["objectRef"]
    return about["resource"], about.get("namespace", ""), about.get("name", "")


def rate(at: list[datetime]) -> float:
    """Writes a second, in the ten seconds that had most."""
    ordered = sorted(at)
    most = max((sum(1 for other in ordered if each <= other < each + WINDOW) for each in ordered[::10]), default=0)
    return most / WINDOW.total_seconds()
