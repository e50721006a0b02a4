"""A store on a real API server and a real PostgreSQL, for tests: definitions applied, officers' rights given."""

from pathlib import Path
from typing import Any

from cluster.kit import Cluster
from postgres_kit import Server
from tidegate.cluster.client import ClusterClient, connect
from tidegate.cluster.names import OFFICERS_GROUP
from tidegate.cluster.port import Ref, Resource
from tidegate.store.kubernetes import KubernetesStore
from tidegate.store.reads import DirectReads
from tidegate.store.watched import WatchedReads

CRDS = Path(__file__).resolve().parents[2] / "charts" / "tidegate" / "crds"
NAMESPACE = Resource("v1", "Namespace", "namespaces", namespaced=False)
RBAC = "rbac.authorization.k8s.io/v1"
# What the chart gives the group in which officers are impersonated.
OFFICERS = (
    {
        "apiVersion": RBAC,
        "kind": "ClusterRole",
        "metadata": {"name": "officers"},
        "rules": [
            {"apiGroups": ["tidegate.dev"], "resources": ["approvals"], "verbs": ["create"]},
            {
                "apiGroups": ["tidegate.dev"],
                "resources": ["licences", "datasets", "projects", "grants"],
                "verbs": ["create", "update"],
            },
        ],
    },
    {
        "apiVersion": RBAC,
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "officers"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "officers"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": OFFICERS_GROUP}],
    },
)


def prepare(cluster: Cluster) -> ClusterClient:
    """The kinds are served and officers may approve. Safe to repeat."""
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(CRDS))
    cluster.apply(*OFFICERS)
    return connect(cluster.kubeconfig)


def namespace(api: ClusterClient, name: str) -> None:
    if api.get(Ref(NAMESPACE, name)) is None:
        api.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def store_of(api: Any, server: Server, reads: Any = None, chain: str = "governance") -> KubernetesStore:
    role = {"governance": "tidegate_governance", "provisioner": "tidegate_provisioner"}[chain]
    return KubernetesStore(api, server.ledger(role, chain), reads or DirectReads(api))


def watching(api: ClusterClient) -> WatchedReads:
    reads = WatchedReads(api)
    reads.start()
    return reads
