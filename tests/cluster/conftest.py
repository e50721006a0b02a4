"""Fixtures of the cluster's tests. `make test-cluster` runs them, `make test` does not."""

import secrets
import socket
from collections.abc import Iterator

import pytest

from cluster import programs
from cluster.control_plane import ControlPlane, prepare, start_control_plane
from cluster.kit import Cluster
from cluster.places import AUDIT_LOG, HERE, KUBECONFIG, RUN
from cluster.shell import run


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane without a node, on loopback and only for these tests: kinds, admission, rights."""
    run(str(HERE / "build" / "build"), "etcd", "kubernetes", seconds=1800)
    folder = tmp_path_factory.mktemp("control-plane")
    port, etcd, peer = _free_ports(3)
    plane = ControlPlane(folder, "127.0.0.1", port, etcd, peer, f"https://127.0.0.1:{port}")
    try:
        prepare(plane)
        start_control_plane(plane, scheduler=False, tied=True)
        yield Cluster(plane.kubeconfig, plane.audit_log)
    finally:
        for name in programs.names_of(folder):
            programs.stop(folder, name)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The whole cluster, which `make cluster` or `make test-cluster` has brought up."""
    if not programs.is_running(RUN, "kubelet"):
        pytest.fail("The test cluster is not up. Run `make cluster` first, or `make test-cluster` for all of it.")
    return Cluster(KUBECONFIG, AUDIT_LOG)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """An empty namespace for one test, with its own name, gone afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    cluster.delete("namespace", name, "", "--wait=false")
