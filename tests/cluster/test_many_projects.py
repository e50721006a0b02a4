"""Thirty deployed projects under the installed provisioner: ten drift at once and are mended, then nothing is written.

Times are those of the API server's own audit log. The drift is made in the provisioner's name with every right, since
admission refuses it to everybody else; the log still tells the two apart.
"""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from cluster.kit import Cluster, eventually
from cluster.postgres import door
from cluster_cohort_kit import now
from cluster_live_kit import installed, metric, told
from cluster_many_kit import Hearing, Many, done_at, is_own
from provisioner.adapters.kubernetes.kinds import (
    CONFIG_MAP,
    LIMIT_RANGE,
    NAMESPACE,
    NETWORK_POLICY,
    QUOTA,
    ROLE,
    ROLE_BINDING,
)
from tidegate.cluster.port import Manifest, Ref, Resource
from tidegate.ledger import Event, Record
from tidegate.store.postgres import Database, PostgresLedger

MANY = 30
REPAIRED = timedelta(seconds=5)
RESYNC_SECONDS, QUIET = 10, timedelta(seconds=12)
Change = Callable[[Manifest], Manifest]
MORE = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
# A weaker level of Pod Security is refused by admission even in the provisioner's own name.
ANOTHER = {"example.org/another": "label"}
OPENS = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}


def spec(**changes: Any) -> Change:
    return lambda live: {**live, "spec": {**live["spec"], **changes}}


def labelled(live: Manifest) -> Manifest:
    return {**live, "metadata": {**live["metadata"], "labels": {**live["metadata"]["labels"], **ANOTHER}}}


@dataclass(frozen=True)
class Drift:
    """What somebody does to one object: `change` edits it, without one it is deleted or, if there is none, made."""

    resource: Resource
    name: str
    change: Change | None = None
    foreign: bool = False

    def called(self, project: str) -> str:
        return f"{self.resource.kind}/{ref(self, project).name}"


DRIFTS = (
    Drift(NETWORK_POLICY, "default-deny"),
    Drift(NETWORK_POLICY, "workspace", spec(egress=[{}])),
    Drift(QUOTA, "project"),
    Drift(QUOTA, "project", spec(hard={"pods": "99"})),
    Drift(ROLE, "hub-run"),
    Drift(ROLE, "hub-spawn", lambda live: {**live, "rules": [MORE]}),
    Drift(ROLE_BINDING, "hub-spawn"),
    Drift(NAMESPACE, "", labelled),
    Drift(CONFIG_MAP, "probe", lambda live: {**live, "data": {"workspace": "{}"}}),
    Drift(LIMIT_RANGE, "project"),
    Drift(NETWORK_POLICY, "opens", foreign=True),
)


@pytest.fixture(scope="module")
def many(cluster: Cluster) -> Iterator[Many]:
    """Looked at every ten seconds by a process that began before the first of them."""
    series = secrets.token_hex(3)
    made = Many(installed(cluster), tuple(f"m{series}-{number:02}" for number in range(MANY)))
    with told(cluster, resyncSeconds=RESYNC_SECONDS):
        try:
            made.register()
            made.deployed()
            yield made
        finally:
            made.close()


def ref(drift: Drift, name: str) -> Ref:
    space = f"tg-{name}"
    return Ref(drift.resource, space) if drift.resource is NAMESPACE else Ref(drift.resource, drift.name, space)


def drifted(many: Many, drift: Drift, name: str) -> None:
    place = ref(drift, name)
    if drift.foreign:
        metadata = {"name": place.name, "namespace": place.namespace}
        kind = {"apiVersion": drift.resource.api_version, "kind": drift.resource.kind}
        many.hand.create(drift.resource, {**kind, "metadata": metadata, "spec": OPENS})
    elif drift.change is None:
        many.hand.delete(place)
    else:
        live = many.admin.get(place)
        assert live is not None
        many.hand.replace(drift.resource, drift.change(live))


def concerns(drift: Drift, name: str) -> Callable[[dict[str, Any]], bool]:
    place = ref(drift, name)

    def is_it(event: dict[str, Any]) -> bool:
        about = event.get("objectRef", {})
        same = about.get("resource") == place.resource.plural and about.get("name") == place.name
        # A Namespace's own events carry its name as their namespace, too.
        return bool(same and about.get("namespace", "") in {place.namespace, place.name})

    return is_it


def mended_after(hearing: Hearing, drift: Drift, name: str) -> timedelta | None:
    """From the API server's answer to whoever changed it to its answer to the provisioner, as it logged both."""
    is_it = concerns(drift, name)
    made = hearing.first(lambda event: is_it(event) and not is_own(event))
    answered = hearing.first(lambda event: is_it(event) and is_own(event) and event["responseStatus"]["code"] < 300)
    return done_at(answered) - done_at(made) if made and answered else None


def records(since: datetime) -> list[Record]:
    database = Database(lambda: door("tidegate_governance"))
    try:
        entries = PostgresLedger(database, "governance").entries("provisioner")
    finally:
        database.close()
    return [entry.record for entry in entries if entry.at >= since]


@pytest.mark.timeout(600)
def test_what_others_change_at_once_is_back_within_five_seconds_and_in_the_ledger(many: Many) -> None:
    """A policy, quota, role, binding, label or table deleted or edited by hand, and a foreign policy that opens."""
    hearing, since = Hearing.of(many.cluster), now()
    pairs = list(zip(DRIFTS, many.names, strict=False))
    with ThreadPoolExecutor(len(pairs)) as pool:
        list(pool.map(lambda pair: drifted(many, *pair), pairs))

    def took() -> dict[str, timedelta | None]:
        return {f"{drift.called(name)} of {name}": mended_after(hearing, drift, name) for drift, name in pairs}

    eventually(f"all are back: {took()}", lambda: None not in took().values(), 60, 1)
    late = {what: str(seconds) for what, seconds in took().items() if seconds is None or seconds > REPAIRED}
    assert late == {}
    recorded = {
        (record.subject, name)
        for record in records(since)
        for name in (record.detail.get("object"), *(record.detail.get("objects") or ()))  # type: ignore[misc]
        if name and record.event in {Event.DRIFT_FOUND, Event.FOREIGN_REMOVED}
    }
    assert recorded == {(f"Project/{name}", drift.called(name)) for drift, name in pairs}


@pytest.mark.timeout(600)
def test_three_resyncs_of_thirty_projects_write_nothing(many: Many) -> None:
    """Neither a project, nor its namespace, nor anything in it, as the API server has it."""
    many.deployed()

    began, before = now(), Hearing.of(many.cluster)

    def quiet() -> bool:
        return now() - max(map(done_at, before.writes(many.names)), default=began) > QUIET

    eventually("all is quiet", quiet, 120, 1)
    hearing, resyncs = Hearing.of(many.cluster), metric(many.cluster, "tidegate_resyncs_total")
    eventually("three resyncs", lambda: metric(many.cluster, "tidegate_resyncs_total") >= resyncs + 3, 120, 2)
    assert [(event["verb"], event["objectRef"]) for event in hearing.writes(many.names)] == []
    assert set(many.phases().values()) == {"deployed"}
