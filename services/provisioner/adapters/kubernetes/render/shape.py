"""What every manifest of ours looks like around its spec."""

from provisioner.adapters.kubernetes.kinds import BY_KIND
from tidegate.cluster.names import MANAGED_BY, PROJECT_LABEL, namespace_of
from tidegate.cluster.port import Manifest


def labels(project: str) -> dict[str, str]:
    return {**MANAGED_BY, PROJECT_LABEL: project}


def manifest(kind: str, name: str, project: str, body: Manifest) -> Manifest:
    """An object in the project's namespace; `body` is all that comes after the metadata."""
    metadata = {"name": name, "namespace": namespace_of(project), "labels": labels(project)}
    return {"apiVersion": BY_KIND[kind].api_version, "kind": kind, "metadata": metadata, **body}
