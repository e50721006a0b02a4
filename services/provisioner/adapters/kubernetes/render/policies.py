"""Who may speak with whom: everything is shut, then a few ways are opened, each to one place and one port.

No rule for DNS: a resolver is a tunnel. Peers of ours are named by namespace *and* pod label, and the namespace by the
label that the API server itself sets, since any namespace can set every other.
"""

from collections.abc import Iterable
from typing import Final

from provisioner.adapters.kubernetes.render.addresses import Address, Addresses
from provisioner.adapters.kubernetes.render.shape import manifest
from provisioner.adapters.kubernetes.settings import ClusterSettings
from tidegate.cluster.names import EGRESS_PORT, HUB_PORT, ROLE_LABEL, SESSION_PORT, WORKSPACE
from tidegate.cluster.port import Manifest

LOADER_PULL: Final = "loader-pull"
LOADER_VAULT: Final = "loader-vault"
DEFAULT_DENY: Final = "default-deny"
POLICY_NAMES: Final = (DEFAULT_DENY, WORKSPACE, LOADER_PULL, LOADER_VAULT)
NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
INGRESS, EGRESS = "Ingress", "Egress"


def network_policies(project: str, addresses: Addresses, settings: ClusterSettings) -> tuple[Manifest, ...]:
    """All there are in a project's namespace; any other is foreign."""
    return (
        _policy(project, DEFAULT_DENY, {}, [INGRESS, EGRESS]),
        _workspace(project, settings),
        _only_to(project, LOADER_PULL, addresses.xnat),
        _only_to(project, LOADER_VAULT, addresses.store),
    )


def _workspace(project: str, settings: ClusterSettings) -> Manifest:
    ingress = {"from": [_ours("proxy", settings), _ours("hub", settings)], "ports": [_port(SESSION_PORT)]}
    egress = [
        {"to": [_ours("hub", settings)], "ports": [_port(HUB_PORT)]},
        {"to": [_ours("egress", settings)], "ports": [_port(EGRESS_PORT)]},
    ]
    rules = {"ingress": [ingress], "egress": egress}
    return _policy(project, WORKSPACE, {"matchLabels": {ROLE_LABEL: WORKSPACE}}, [INGRESS, EGRESS], rules)


def _only_to(project: str, role: str, places: Iterable[Address]) -> Manifest:
    """A loader's one destination. With no place known it reaches nothing at all."""
    egress = [{"to": [{"ipBlock": {"cidr": f"{at.host}/32"}}], "ports": [_port(at.port)]} for at in sorted(places)]
    selector = {"matchLabels": {ROLE_LABEL: role}}
    return _policy(project, role, selector, [EGRESS], {"egress": egress} if egress else None)


def _policy(project: str, name: str, selector: Manifest, types: list[str], rules: Manifest | None = None) -> Manifest:
    spec = {"podSelector": selector, "policyTypes": types, **(rules or {})}
    return manifest("NetworkPolicy", name, project, {"spec": spec})


def _ours(component: str, settings: ClusterSettings) -> Manifest:
    pods = {
        "app.kubernetes.io/name": "tidegate",
        "app.kubernetes.io/instance": settings.release,
        "app.kubernetes.io/component": component,
    }
    return {
        "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: settings.namespace}},
        "podSelector": {"matchLabels": pods},
    }


def _port(port: int) -> Manifest:
    return {"port": port, "protocol": "TCP"}
