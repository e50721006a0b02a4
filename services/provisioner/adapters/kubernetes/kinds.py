"""The kinds of the Kubernetes API that the provisioner makes, watches over or removes."""

from typing import Final

from tidegate.cluster.port import Manifest, Ref, Resource

NAMESPACE: Final = Resource("v1", "Namespace", "namespaces", namespaced=False)
QUOTA: Final = Resource("v1", "ResourceQuota", "resourcequotas")
LIMIT_RANGE: Final = Resource("v1", "LimitRange", "limitranges")
CONFIG_MAP: Final = Resource("v1", "ConfigMap", "configmaps")
ACCOUNT: Final = Resource("v1", "ServiceAccount", "serviceaccounts")
CLAIM: Final = Resource("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
VOLUME: Final = Resource("v1", "PersistentVolume", "persistentvolumes", namespaced=False)
POD: Final = Resource("v1", "Pod", "pods")
JOB: Final = Resource("batch/v1", "Job", "jobs")
SERVICE: Final = Resource("v1", "Service", "services")
NETWORK_POLICY: Final = Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
INGRESS: Final = Resource("networking.k8s.io/v1", "Ingress", "ingresses")
ROLE: Final = Resource("rbac.authorization.k8s.io/v1", "Role", "roles")
ROLE_BINDING: Final = Resource("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings")
CILIUM_POLICY: Final = Resource("cilium.io/v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies")
PROJECT: Final = Resource("tidegate.dev/v1alpha1", "Project", "projects", namespaced=False)

RENDERED: Final = (
    NAMESPACE,
    QUOTA,
    LIMIT_RANGE,
    CONFIG_MAP,
    ACCOUNT,
    CLAIM,
    NETWORK_POLICY,
    ROLE,
    ROLE_BINDING,
)
BY_KIND: Final = {resource.kind: resource for resource in RENDERED}


def resource_of(manifest: Manifest) -> Resource:
    """Of something that was rendered here."""
    return BY_KIND[manifest["kind"]]


def ref_of(manifest: Manifest) -> Ref:
    """Of something that was rendered here, or of a live object of such a kind."""
    metadata = manifest["metadata"]
    return Ref(resource_of(manifest), metadata["name"], metadata.get("namespace", ""))


def called(manifest: Manifest) -> str:
    """How a person and the ledger name it, for example ``NetworkPolicy/default-deny``."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"
