"""The store of a cluster for commands. Apart from `session`, because only this needs the libraries of a cluster."""

import os
from pathlib import Path

from tidegate.cluster.client import connect
from tidegate.model import utc_now
from tidegate.store import Store
from tidegate.store.heads import ClusterWitness
from tidegate.store.kubernetes import KubernetesStore
from tidegate.store.postgres import Database, PostgresLedger

CHAIN = "governance"


def open_store(kubeconfig: Path | None, context: str | None, secrets: Path, writes_as: str) -> Store:
    """Reads from the API itself: a command lives for a moment. Who writes first settles what a killed command left."""
    ledger = PostgresLedger(Database.of_file(secrets / "database-url"), CHAIN)
    store = KubernetesStore(connect(kubeconfig, context), ledger, writes_as=writes_as)
    if writes_as:
        store.settle(utc_now())
    return store


def witness(kubeconfig: Path | None, context: str | None) -> ClusterWitness:
    """Where the heads of the chains are kept beside the database."""
    return ClusterWitness(connect(kubeconfig, context), os.environ.get("TIDEGATE_NAMESPACE", "tidegate"))
