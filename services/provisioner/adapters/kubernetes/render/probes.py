"""What the probe must reach from a pod of each role and what not, and the canary that is nothing but a probe."""

import json
from collections.abc import Iterable
from typing import Any, Final

from provisioner.adapters.kubernetes.render.addresses import Address, Addresses
from provisioner.adapters.kubernetes.render.policies import LOADER_PULL
from provisioner.adapters.kubernetes.render.shape import labels, manifest
from provisioner.adapters.kubernetes.settings import ClusterSettings
from tidegate.cluster.names import PERSON_LABEL, ROLE_LABEL, SESSION_PORT, WORKSPACE, namespace_of
from tidegate.cluster.port import Manifest
from tidegate.cluster.probe import LOCKED, PROBE, PROBE_TABLE_VARIABLE, SERVICE_UID, probe_container

CANARY: Final = "canary"
CANARY_LABEL: Final = "tidegate.dev/canary"
CANARY_SECONDS: Final = 60
METADATA: Final = Address("169.254.169.254", 80)
KUBELET: Final = Address("node", 10250)  # the probe puts the node's address in
Target = dict[str, Any]


def probe_tables(project: str, addresses: Addresses) -> Manifest:
    """The ConfigMap that every pod with a probe reads its table from."""
    tables = {WORKSPACE: workspace_targets(addresses), LOADER_PULL: pull_targets(addresses)}
    data = {role: table_text(targets) for role, targets in tables.items()}
    return manifest("ConfigMap", PROBE, project, {"data": data})


def table_text(targets: list[Target], nonce: str = "") -> str:
    return json.dumps({"nonce": nonce, "targets": targets}, sort_keys=True)


def workspace_targets(addresses: Addresses, others: Iterable[str] = ()) -> list[Target]:
    """`others` are addresses of pods of other projects, where there are any."""
    neighbours = [_target(f"other-project-{n}", Address(host, SESSION_PORT)) for n, host in enumerate(sorted(others))]
    xnat = [_target(f"xnat-{n}", address) for n, address in enumerate(sorted(addresses.xnat))]
    return [_target("hub", addresses.hub, expect="open"), *_always_shut(addresses), *xnat, *neighbours]


def pull_targets(addresses: Addresses) -> list[Target]:
    """A pull reaches its archives and not even the hub."""
    xnat = [_target(f"xnat-{n}", address, expect="open") for n, address in enumerate(sorted(addresses.xnat))]
    return [*xnat, _target("hub", addresses.hub), *_always_shut(addresses)]


def _always_shut(addresses: Addresses) -> list[Target]:
    store = [_target(f"store-{n}", address) for n, address in enumerate(sorted(addresses.store))]
    return [
        _target("beacon", addresses.beacon),
        _target("api-server", addresses.api_server),
        _target("kubelet", KUBELET),
        _target("metadata", METADATA),
        _target("dns-tcp", addresses.dns),
        _target("dns-udp", addresses.dns, protocol="udp"),
        *store,
    ]


def _target(name: str, address: Address, *, expect: str = "closed", protocol: str = "tcp") -> Target:
    return {"name": name, "host": address.host, "port": address.port, "protocol": protocol, "expect": expect}


def canary(project: str, nonce: str, targets: list[Target], settings: ClusterSettings) -> Manifest:
    """A pod that a policy cannot tell from a workspace. It ends by itself, whatever becomes of the controller."""
    table = {"name": PROBE_TABLE_VARIABLE, "value": table_text(targets, nonce)}
    probe = probe_container(settings.services_image, table)
    rest = {"command": ["true"], "env": [], "name": CANARY}
    marks = {ROLE_LABEL: WORKSPACE, PERSON_LABEL: CANARY, CANARY_LABEL: "true"}
    pod_security = {key: LOCKED[key] for key in ("runAsNonRoot", "seccompProfile")}
    spec = {
        "activeDeadlineSeconds": CANARY_SECONDS,
        "automountServiceAccountToken": False,
        "containers": [{**probe, **rest}],
        "enableServiceLinks": False,
        "initContainers": [probe],
        "restartPolicy": "Never",
        "securityContext": {**pod_security, "fsGroup": SERVICE_UID},
        "terminationGracePeriodSeconds": 0,
    }
    metadata = {
        "name": f"{CANARY}-{nonce[:12]}",
        "namespace": namespace_of(project),
        "labels": {**labels(project), **marks},
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
