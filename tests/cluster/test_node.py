"""The node is a real one: pods run, volumes hold, and a NetworkPolicy closes what was open and opens it again.

Each closed way is first seen open, so that a network which reaches nothing does not pass for one that is enforced.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.kit import Cluster, eventually, probe_pod, reaches
from cluster.places import (
    API_PORT,
    BEACON_ADDRESS,
    METADATA_ADDRESS,
    NODE_ADDRESS,
    NODE_NAME,
    POSTGRES_ADDRESS,
    POSTGRES_PORT,
    S3_ADDRESS,
    S3_PORT,
    XNAT_ADDRESS,
    XNAT_PORT,
)

KUBELET_PORT = 10250
OUTSIDE = {
    "the world": (BEACON_ADDRESS, 80),
    "the metadata service": (METADATA_ADDRESS, 80),
    "XNAT": (XNAT_ADDRESS, XNAT_PORT),
    "PostgreSQL": (POSTGRES_ADDRESS, POSTGRES_PORT),
    "the object store": (S3_ADDRESS, S3_PORT),
    "the API server": (NODE_ADDRESS, API_PORT),
    "the API server's service": ("10.96.0.1", 443),
    "the kubelet": (NODE_ADDRESS, KUBELET_PORT),
    "the name server's service": ("10.96.0.10", 53),
}


@pytest.fixture
def others(cluster: Cluster, namespace: str) -> Iterator[str]:
    """A namespace beside the one under test, with a pod that listens."""
    name = f"{namespace}-others"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    cluster.apply(probe_pod("listens", name, "/bin/httpd", "-f", "-p", "8000"))
    cluster.wait("pod/listens", name, "condition=Ready")
    yield name
    cluster.delete("namespace", name, "", "--wait=false")


def test_the_node_is_ready_and_a_restricted_pod_runs(cluster: Cluster, namespace: str) -> None:
    label = "pod-security.kubernetes.io/enforce=restricted"
    cluster.kubectl("label", "namespace", namespace, label)

    cluster.apply(probe_pod("mine", namespace))

    cluster.wait("pod/mine", namespace, "condition=Ready")
    assert "uid=65534" in cluster.execute(namespace, "mine", "id")
    cluster.wait(f"node/{NODE_NAME}", "", "condition=Ready")


def test_default_deny_closes_every_way_and_deleting_it_opens_them(
    cluster: Cluster, namespace: str, others: str
) -> None:
    cluster.apply(probe_pod("mine", namespace))
    cluster.wait("pod/mine", namespace, "condition=Ready")
    ways = {**OUTSIDE, "another project": (_address(cluster, others, "listens"), 8000)}

    def open_ways() -> set[str]:
        return {name for name, (address, port) in ways.items() if reaches(cluster, namespace, "mine", address, port)}

    assert open_ways() == set(ways)
    cluster.apply(_default_deny(namespace))
    eventually("the policy to be in force", lambda: not reaches(cluster, namespace, "mine", BEACON_ADDRESS, 80), 20)
    assert open_ways() == set()
    cluster.delete("networkpolicy", "default-deny", namespace)
    eventually("the ways to be open again", lambda: open_ways() == set(ways), 20)


def test_a_claim_gets_a_volume_of_its_size_that_goes_with_it(cluster: Cluster, namespace: str) -> None:
    cluster.apply(_claim(namespace, "20Mi"), _with_volume(probe_pod("mine", namespace)))
    cluster.wait("pod/mine", namespace, "condition=Ready")

    fill = ("sh", "-c", "cat /dev/zero >/data/all; ls -l /data")
    said = cluster.try_execute(namespace, "mine", *fill)

    assert "No space left on device" in said.stderr
    volume = (cluster.get("pvc", "data", namespace) or {})["spec"]["volumeName"]
    cluster.delete("pod", "mine", namespace, "--now")
    cluster.delete("pvc", "data", namespace)
    eventually("the volume to go", lambda: cluster.get("pv", volume) is None, 30)


def test_a_read_only_mount_refuses_writes(cluster: Cluster, namespace: str) -> None:
    cluster.apply(_claim(namespace, "20Mi"), _with_volume(probe_pod("mine", namespace), read_only=True))
    cluster.wait("pod/mine", namespace, "condition=Ready")

    said = cluster.try_execute(namespace, "mine", "touch", "/data/mark")

    assert "Read-only file system" in said.stderr


def _address(cluster: Cluster, namespace: str, pod: str) -> str:
    return str((cluster.get("pod", pod, namespace) or {})["status"]["podIP"])


def _default_deny(namespace: str) -> dict[str, object]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "default-deny", "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }


def _claim(namespace: str, size: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "tidegate-local",
            "resources": {"requests": {"storage": size}},
        },
    }


def _with_volume(pod: dict[str, Any], *, read_only: bool = False) -> dict[str, Any]:
    (container,) = pod["spec"]["containers"]
    mount = {"name": "data", "mountPath": "/data", "readOnly": read_only}
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data", "readOnly": read_only}}
    security = {**pod["spec"]["securityContext"], "fsGroup": 65534}
    spec = {"containers": [{**container, "volumeMounts": [mount]}], "volumes": [volume], "securityContext": security}
    return {**pod, "spec": {**pod["spec"], **spec}}
