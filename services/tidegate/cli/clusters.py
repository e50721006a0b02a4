"""The store of a cluster for commands. Apart from `session`, because only this needs the libraries of a cluster."""

import os
from pathlib import Path

from tidegate.cluster.client import connect
from tidegate.store import Store
from tidegate.store.heads import ClusterWitness
from tidegate.store.kubernetes import KubernetesStore
from tidegate.store.postgres import Database, PostgresLedger

CHAIN = "governance"


def open_store(kubeconfig: Path | None, context: str | None, secrets: Path, writes_as: str) -> Store:
    """Reads from the API itself: a command lives for a moment. What others began and left open is none of its work."""
    ledger = PostgresLedger(Database.of_file(secrets / "database-url"), CHAIN)
    return KubernetesStore(connect(kubeconfig, context), ledger, writes_as=writes_as)


def witness(kubeconfig: Path | None, context: str | None) -> ClusterWitness:
    """Where the heads of the chains are kept beside the database."""
    return ClusterWitness(connect(kubeconfig, context), os.environ.get("TIDEGATE_NAMESPACE", "tidegate"))
