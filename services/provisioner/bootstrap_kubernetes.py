"""Wires the provisioner for a cluster: the only place that names its adapters there. Called by `__main__` and tests.

Everything that writes does so under the Lease: the client refuses a write whose renewal is old, and the ledger refuses
a term lower than it has seen.
"""

import os
import random
import secrets
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import structlog

from provisioner.adapters.embedded.policy import EmbeddedPolicy
from provisioner.adapters.kubernetes.addresses import KubernetesAddresses
from provisioner.adapters.kubernetes.apply import Applier
from provisioner.adapters.kubernetes.canary import KubernetesIsolation
from provisioner.adapters.kubernetes.cohorts import ClusterParts, KubernetesCohorts
from provisioner.adapters.kubernetes.cohorts.files import LoaderFiles
from provisioner.adapters.kubernetes.cohorts.jobs import Jobs
from provisioner.adapters.kubernetes.cohorts.volumes import Volumes
from provisioner.adapters.kubernetes.finalising import Finalising
from provisioner.adapters.kubernetes.folders import KubernetesFolders
from provisioner.adapters.kubernetes.ground import KubernetesGround
from provisioner.adapters.kubernetes.heads import LedgerHeads
from provisioner.adapters.kubernetes.journal import Journal
from provisioner.adapters.kubernetes.remembering import kept
from provisioner.adapters.kubernetes.render import Address
from provisioner.adapters.kubernetes.retained import ReviewAsked
from provisioner.adapters.kubernetes.servers import Hub, KubernetesServers
from provisioner.adapters.kubernetes.vault_references import VaultReferences
from provisioner.adapters.kubernetes.weeds import Weeds
from provisioner.adapters.xnat.tokens import XnatTokens
from provisioner.application.closing import Closing
from provisioner.application.observe import observe
from provisioner.application.opening import Opening
from provisioner.application.reconcile import Reconciler
from provisioner.controller.asked import Asked
from provisioner.controller.clock import SteadyClock
from provisioner.controller.cluster_loop import ClusterLoop
from provisioner.controller.health import Health, not_older_than
from provisioner.controller.leading import Leading
from provisioner.controller.lease import Lease
from provisioner.controller.metrics import Metrics
from provisioner.controller.publishing import Publishing
from provisioner.controller.watching import Watching, project_of
from provisioner.kubernetes_settings import KubernetesSettings, Secrets
from provisioner.ports import ApprovalPolicy, Cohorts, Isolation
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.connection import open_api
from tidegate.cluster.following import STALE_SECONDS
from tidegate.cluster.names import HUB_PORT, RETENTION_PORT
from tidegate.cluster.pace import Pace
from tidegate.cluster.port import ClusterApi, Manifest
from tidegate.cluster.remembered import Memories, RememberedApi, fresh
from tidegate.cluster.sending import Call, Sender
from tidegate.cluster.services import service_url
from tidegate.ledger import Event, Record
from tidegate.model import Cohort, Kind, Licence, Project, ProjectPhase, TidegateError, utc_now
from tidegate.objects.named import S3Named
from tidegate.objects.purposes import BUNDLES, VAULT
from tidegate.objects.s3 import S3Objects
from tidegate.objects.s3 import connect as connect_s3
from tidegate.policy import open_server_policy
from tidegate.policy.bundle import Publisher
from tidegate.policy.signature import load_key
from tidegate.store.heads import ClusterWitness
from tidegate.store.kubernetes import KubernetesStore
from tidegate.store.postgres import Database, PostgresLedger
from tidegate.store.watched import WatchedReads

log = structlog.get_logger("provisioner")

CHAIN = "provisioner"
R = TypeVar("R")
Ages = Mapping[str, Callable[[], float]]
STALE_LOOP_SECONDS = 30.0
PUBLISH_SECONDS = 15.0
SETTLE = timedelta(seconds=0.25)


@dataclass(frozen=True)
class Given:
    """What a test puts in the place of a part."""

    policy: ApprovalPolicy | None = None
    isolation: Isolation | None = None
    cohorts: Cohorts | None = None
    pace: Pace | None = None
    kubeconfig: Path | None = None
    api_server: Address | None = None
    publishes: bool = True


@dataclass(frozen=True)
class Service:
    """The whole process: parts that are started in this order and stopped in reverse."""

    leading: Leading
    memories: Memories
    reads: WatchedReads
    watching: Watching
    publishing: Publishing
    loop: ClusterLoop
    health: Health

    def run(self, stop: threading.Event) -> bool:
        """Until told to stop. False where a long step had to be left; it goes on at the next start."""
        if not self.leading.wait(stop):
            return True
        self.leading.keep()
        try:
            if not self.memories.start():
                log.warning("not all that stands is in memory yet; what is not is read from the API")
            self.reads.start()
            self.watching.start()
            self.publishing.start(stop)
            return self.loop.run(stop)
        finally:
            self.watching.stop()
            self.reads.stop()
            self.memories.stop()
            self.leading.leave()


def build(settings: KubernetesSettings, files: Secrets, ended: Callable[[], None], given: Given = Given()) -> Service:
    """The process with all that it needs. `ended` ends it at once, and is called when it no longer leads."""
    clock, metrics = SteadyClock(utc_now), Metrics()
    lease = Lease(ClusterClient(Sender(open_api(given.kubeconfig, None))), settings.namespace, _holder(), clock)

    def before_write(call: Call) -> None:
        lease.check()
        metrics.wrote(call.method, call.kind)

    client = ClusterClient(Sender(open_api(given.kubeconfig, None), given.pace, before_write=before_write))
    ledger = PostgresLedger(Database.of_file(files.path("database-url")), CHAIN)
    asked = Asked(clock)
    # Watches have connections of their own: each holds one, and looks must not wait for them.
    ears = ClusterClient(Sender(open_api(given.kubeconfig, None)))
    memories = Memories(ears, kept(kind.resource() for kind in settings.foreign_kinds), _hearing(asked))
    reads = WatchedReads(ears, changed=asked.changed)
    store = KubernetesStore(client, ledger, reads, fence=lambda: lease.transitions)
    journal = Journal(_fenced(ledger, lease))
    reconciler = _reconciler(settings, files, RememberedApi(client, memories), store, journal, clock, given)
    heads = LedgerHeads(ledger, CHAIN, ClusterWitness(client, settings.namespace))
    loop = ClusterLoop(store, reconciler, heads, clock, asked, metrics, store.settle, resync=settings.resync)
    watching = Watching(asked.ask)
    publishing = Publishing(_publisher(settings, files, store) if given.publishes else None, clock, PUBLISH_SECONDS)
    ages = {"store": reads.silent_for, "object": memories.silent_for}
    _count(metrics, loop, lease, ages, store)
    metrics.watch("remembered_objects", "Objects of projects held in memory.", lambda: float(len(memories)))
    health = _health(metrics, loop, lease, watching, ages)
    return Service(Leading(lease, ended), memories, reads, watching, publishing, loop, health)


def _hearing(asked: Asked) -> Callable[[Manifest], None]:
    """What a project consists of has changed, and memory knows. Changes that come together are one look."""

    def heard(manifest: Manifest) -> None:
        project = project_of(manifest)
        if project is not None:
            asked.ask(project, SETTLE)

    return heard


def _reconciler(
    settings: KubernetesSettings,
    files: Secrets,
    api: ClusterApi,
    store: KubernetesStore,
    journal: Journal,
    clock: Callable[[], datetime],
    given: Given,
) -> Reconciler:
    cluster = settings.cluster()
    applier = Applier(api, journal)
    addresses = KubernetesAddresses(api, cluster, given.api_server or _api_server())
    ground = KubernetesGround(applier, Weeds(api, journal, cluster), addresses)
    folders = KubernetesFolders(applier, addresses, Finalising(applier, _outside(settings, files, store)))
    opening = Opening(
        policy=given.policy or _policy(settings, files, store),
        folders=folders,
        isolation=given.isolation
        or KubernetesIsolation(api, journal, addresses, lambda key: observe(store, key), clock),
        cohorts=given.cohorts or _cohorts(settings, files, api, store, clock, addresses.resolve),
        jitter=random.random,
        ground=ground,
    )
    servers = KubernetesServers(api, hub_of(settings, files))
    closing = Closing(folders, random.random, review_of(settings, files), ground)
    return Reconciler(store, servers, opening, closing, clock, settings.profiles)


def _cohorts(
    settings: KubernetesSettings,
    files: Secrets,
    api: ClusterApi,
    store: KubernetesStore,
    clock: Callable[[], datetime],
    resolve: Callable[[str], tuple[str, ...]],
) -> KubernetesCohorts:
    cluster = settings.cluster()
    told = LoaderFiles(files.folder, settings.object_store, XnatTokens())
    if not told.keeps():
        log.warning("no object store for loaders: files of cohorts lie on their volumes alone")
    parts = ClusterParts(
        project_of=lambda name: _one(store, Kind.PROJECT, name, Project),
        licence_of=lambda name: _one(store, Kind.LICENCE, name, Licence),
        given_for=told.given_for,
        vault=told.keeps(),
        record=store.append,
        clock=clock,
    )
    # How a job ended is told by its pod, which must not be older than the job.
    jobs = Jobs(fresh(api), cluster, settings.cohort, resolve, told.take_back)
    return KubernetesCohorts(jobs, Volumes(api, cluster, settings.cohort), settings.cohort, parts)


def _one(store: KubernetesStore, kind: Kind, name: str, of: type[R]) -> R | None:
    found = store.get(kind, name)
    return found if isinstance(found, of) else None


def _policy(settings: KubernetesSettings, files: Secrets, store: KubernetesStore) -> ApprovalPolicy:
    token = files.path("opa-token")
    return EmbeddedPolicy(lambda register: open_server_policy(register, settings.opa_url, token), store)


def _publisher(settings: KubernetesSettings, files: Secrets, store: KubernetesStore) -> Publisher | None:
    key = files.path("bundle-key")
    if settings.object_store is None or not key.is_file():
        log.warning("policy bundles are not published: no object store or no key")
        return None
    client = connect_s3(settings.object_store, files.s3_key())
    return Publisher(store, S3Named(client, BUNDLES), load_key(key))


def _outside(settings: KubernetesSettings, files: Secrets, store: KubernetesStore) -> tuple[VaultReferences, ...]:
    """What a project has beyond its namespace: files in the vault, where loaders keep any."""
    if settings.object_store is None or not LoaderFiles(files.folder, settings.object_store, XnatTokens()).keeps():
        return ()

    def versions() -> list[tuple[str, int]]:
        cohorts = (item for item in store.list(Kind.COHORT) if isinstance(item, Cohort))
        return [(cohort.spec.project, cohort.spec.version) for cohort in cohorts]

    client = connect_s3(settings.object_store, files.s3_key())
    return (VaultReferences(S3Objects(client, VAULT), S3Named(client, VAULT), versions),)


def review_of(settings: KubernetesSettings, files: Secrets) -> ReviewAsked:
    """Without a token it is refused, and then no project is certified: nobody could say what still waits."""
    return ReviewAsked(service_url(settings.egress_service, RETENTION_PORT), files.text("retention-token"))


def hub_of(settings: KubernetesSettings, files: Secrets) -> Hub | None:
    """By number: a name would have to be looked up within the second that a workspace's end leaves."""
    token = files.text("hub-token-provisioner")
    return Hub(f"{service_url(settings.hub_service, HUB_PORT)}/hub/api", token) if token else None


def _fenced(ledger: PostgresLedger, lease: Lease) -> Callable[[Record, datetime], None]:
    """Records under the Lease. One that announces writes carries the term, and a higher one seen refuses it."""

    def append(record: Record, now: datetime) -> None:
        lease.check()
        if record.event is not Event.CLUSTER_WRITE_INTENDED:
            ledger.append(record, now)
            return
        named = record.model_copy(update={"detail": {**record.detail, "term": lease.transitions}})
        # What it announces is looked for in the cluster itself at the next look, so it is not kept open beside it.
        ledger.append(named, now, lease.transitions)

    return append


def _count(metrics: Metrics, loop: ClusterLoop, lease: Lease, ages: Ages, store: KubernetesStore) -> None:
    metrics.watch("queue_keys", "Projects asked for and not yet looked at.", lambda: float(len(loop.asked)))
    metrics.watch("lease_renewal_age_seconds", "Since the Lease was last renewed.", lease.age)
    metrics.watch("loop_beat_age_seconds", "Since the loop last beat.", loop.silent_for)
    for what, age in ages.items():
        metrics.watch(f"{what}_watch_age_seconds", f"Since the quietest {what} watch was heard of.", age)

    def phases() -> Counter[ProjectPhase]:
        """None while the store cannot say: the other numbers are wanted most then."""
        try:
            return Counter(store.project_status(project.name).phase for project in store.list(Kind.PROJECT))
        except TidegateError:
            return Counter()

    metrics.watch_phases(phases)


def _health(metrics: Metrics, loop: ClusterLoop, lease: Lease, watching: Watching, ages: Ages) -> Health:
    """Before this process leads nothing is stale: it waits, which is healthy."""

    def leading(check: Callable[[], str]) -> Callable[[], str]:
        return lambda: check() if lease.transitions else ""

    def looking(check: Callable[[], str]) -> Callable[[], str]:
        return leading(lambda: "" if loop.resync_at is None else check())

    live = {
        "loop": leading(not_older_than(STALE_LOOP_SECONDS, loop.silent_for)),
        **{f"{what} watch": looking(not_older_than(STALE_SECONDS, age)) for what, age in ages.items()},
        "watches": looking(lambda: "" if watching.alive() else "ended"),
    }
    ready = {
        "lease": lambda: "" if lease.age() < float("inf") else "another process leads",
        "first look": lambda: "" if loop.resyncs else "not yet",
    }
    return Health(live, ready, metrics.page)


def _holder() -> str:
    """The pod's name, and a part that tells two starts of one pod apart."""
    return f"{os.environ.get('HOSTNAME') or socket.gethostname()}-{secrets.token_hex(4)}"


def _api_server() -> Address:
    """Where the kubelet told this pod to find it."""
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    return Address(host or "127.0.0.1", int(os.environ.get("KUBERNETES_SERVICE_PORT", "443")))
