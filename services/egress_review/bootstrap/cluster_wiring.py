"""The real world for the use cases on Kubernetes: PostgreSQL, S3, the cluster's resources, an OPA server, a spool."""

import time
from pathlib import Path
from typing import Final

from egress_review.adapters.db.requests import CHAIN, DjangoRequests
from egress_review.adapters.hub import HubIdentities
from egress_review.adapters.last_known import LastKnown
from egress_review.adapters.packs import BucketPacks
from egress_review.adapters.people import StorePeople
from egress_review.adapters.policy import StorePolicy
from egress_review.adapters.scan import FileScanner
from egress_review.adapters.spool import Spool, spooled
from egress_review.adapters.views import StoreViews
from egress_review.bootstrap.cluster import DATABASE, Cluster
from egress_review.bootstrap.settings import ObjectStoreSettings
from egress_review.ports import Ports
from tidegate.cluster.client import connect as connect_cluster
from tidegate.cluster.mounted import read_secret
from tidegate.model import Kind
from tidegate.objects.named import S3Named
from tidegate.objects.s3 import S3Key, S3Objects, S3Place, connect
from tidegate.policy import open_server_policy
from tidegate.store import Store
from tidegate.store.kubernetes import KubernetesStore
from tidegate.store.postgres import Database, PostgresAccounts, PostgresLedger
from tidegate.store.watched import WatchedReads

READ: Final = (Kind.LICENCE, Kind.DATASET, Kind.PROJECT, Kind.GRANT, Kind.APPROVAL)


def build_ports(cluster: Cluster) -> Ports:
    """Raises the `TidegateError` of whatever cannot be opened; the pod is then started again."""
    return ports_on(cluster, open_store(cluster.secrets))


def ports_on(cluster: Cluster, store: Store) -> Ports:
    client = connect(_place(cluster.settings.object_store), _key(cluster.secrets))
    buckets = cluster.settings.buckets
    quarantine, released = S3Objects(client, buckets.quarantine), S3Objects(client, buckets.released)
    for objects in (quarantine, released):
        objects.check()
    policy = open_server_policy(store, cluster.settings.opa_url, cluster.secrets / "opa-token")
    packs = BucketPacks(S3Named(client, buckets.packs))
    return Ports(
        requests=DjangoRequests(),
        people=StorePeople(store),
        policy=StorePolicy(policy, store),
        scanner=FileScanner(quarantine, packs, *spooled(_spool(Path(cluster.settings.spool)))),
        views=StoreViews(quarantine),
        hub=LastKnown(HubIdentities(cluster.hub_api)),
        quarantine=quarantine,
        released=released,
    )


def open_store(secrets: Path) -> Store:
    """Resources by watching, local accounts by asking; of an account only whether it is open."""
    reads = WatchedReads(connect_cluster(), READ)
    reads.start()
    ledger = PostgresLedger(Database.of_file(secrets / DATABASE), CHAIN)
    return KubernetesStore(connect_cluster(), ledger, reads, accounts=PostgresAccounts(ledger, hashes=False))


def _spool(folder: Path) -> Spool:
    """Only the worker's pod has it; the web's scanner is asked for criteria alone."""
    spool = Spool(folder)
    if folder.is_dir():
        spool.prepare(time.time())
    return spool


def _place(store: ObjectStoreSettings) -> S3Place:
    return S3Place(endpoint=store.endpoint, region=store.region, ca_file=store.ca_file)


def _key(secrets: Path) -> S3Key:
    return S3Key(read_secret(secrets, "s3-access-key"), read_secret(secrets, "s3-secret-key"))
