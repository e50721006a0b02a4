"""What the hub may do in a project's namespace: look after its pods, and, last in and first out, make them."""

from typing import Final

from provisioner.adapters.kubernetes.render.shape import manifest
from provisioner.adapters.kubernetes.settings import ClusterSettings
from tidegate.cluster.port import Manifest

HUB_RUN: Final = "hub-run"
HUB_SPAWN: Final = "hub-spawn"
HUB_ACCOUNT: Final = "hub"
RBAC: Final = "rbac.authorization.k8s.io"
RUN_RULES: Final = (
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "delete"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["get", "list", "watch"]},
    # Before each start it looks whether the images are on their read-only claim.
    {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["get"]},
)
SPAWN_RULES: Final = ({"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]},)


def hub_run(project: str, settings: ClusterSettings) -> tuple[Manifest, ...]:
    """Watching and ending workspaces; stands until all of them are gone."""
    return _given(HUB_RUN, RUN_RULES, project, settings)


def hub_spawn(project: str, settings: ClusterSettings) -> tuple[Manifest, ...]:
    """Starting them: without this no server starts, whatever the hub believes."""
    return _given(HUB_SPAWN, SPAWN_RULES, project, settings)


def _given(name: str, rules: tuple[Manifest, ...], project: str, settings: ClusterSettings) -> tuple[Manifest, ...]:
    subject = {"kind": "ServiceAccount", "name": HUB_ACCOUNT, "namespace": settings.namespace}
    role_ref = {"apiGroup": RBAC, "kind": "Role", "name": name}
    return (
        manifest("Role", name, project, {"rules": [dict(rule) for rule in rules]}),
        manifest("RoleBinding", name, project, {"roleRef": role_ref, "subjects": [subject]}),
    )
