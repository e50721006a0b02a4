"""Brings the whole test cluster up, step by step; called by `python -m cluster up`. Safe to repeat.

A step that finds its work done says so by taking no time. What already runs is left as it is.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

from cluster import images, network, node, objects, postgres, programs, site, volumes
from cluster.control_plane import ControlPlane, prepare, start_control_plane
from cluster.control_plane import programs as control_plane_programs
from cluster.kit import Cluster
from cluster.places import (
    API_DOOR,
    API_PORT,
    AUDIT_LOG,
    BEACON_ADDRESS,
    BIN,
    CONTAINERD,
    DNS_SERVICE,
    HERE,
    KUBECONFIG,
    LOGS,
    NODE,
    NODE_ADDRESS,
    NODE_NAME,
    PAGES_PORT,
    POSTGRES_DOOR,
    REPOSITORY,
    RUN,
    S3_DOOR,
    SOCKETS,
    WORLD,
    XNAT_DOOR,
)
from cluster.programs import Program
from cluster.secret_files import secret, secret_file
from cluster.shell import answers
from cluster.world import XNAT_INSIDE

PLANE: Final = ControlPlane(
    RUN, NODE_ADDRESS, API_PORT, etcd=2379, etcd_peer=2380, door=f"https://127.0.0.1:{API_DOOR}", network=NODE
)
XNAT_USER: Final = "tidegate-loader"
NODE_SECONDS: Final = 240
CRDS: Final = node.CILIUM_FILES / "crds"


def install() -> None:
    """Packages and programs, built or as they are; a machine that cannot is told why and this process ends."""
    for script in ("install", "build/build"):
        if subprocess.run([HERE / script], check=False).returncode != 0:
            raise SystemExit(1)


def up(*, bare: bool = False) -> None:
    """Everything, in order; each step prints a line with the seconds so far. `bare`: the chart is not installed."""
    began = time.monotonic()
    for what, step in _STEPS if bare else (*_STEPS, *_CHART_STEPS):
        _say(began, what)
        step()
    _say(began, f"up. kubectl: {RUN / 'kubectl'}   addresses: {RUN / 'addresses'}")


def restart(name: str) -> None:
    """Start one of the cluster's programs again, after it was stopped."""
    programs.start(known_programs()[name])


def refresh_sample() -> None:
    """A cluster that was left up may have a sample XNAT of yesterday; pulls need today's."""
    if programs.is_older(RUN, "sample-xnat", REPOSITORY / "services" / "sample_xnat"):
        programs.stop(RUN, "sample-xnat")
        restart("sample-xnat")


def known_programs() -> dict[str, Program]:
    """Every program of the cluster by its name."""
    every = (
        *control_plane_programs(PLANE, scheduler=True),
        *(python(name, module, place) for name, module, place in _OURS),
        node.containerd(),
        node.kubelet(),
        node.cilium(),
        postgres.postgres(),
        objects.objects(),
        sample_xnat(),
    )
    return {program.name: program for program in every}


def python(name: str, module: str, place: str) -> Program:
    """One of this folder's own programs."""
    environment = {"PYTHONPATH": str(HERE.parent), "TIDEGATE_CACHE": str(RUN.parent)}
    return Program(name, (sys.executable, "-m", module), RUN, place, environment)


def sample_xnat() -> Program:
    """It listens on loopback only, as always; the world passes its public address on to it."""
    secret("xnat-password")
    options = ("--port", str(XNAT_INSIDE), "--user", XNAT_USER, "--password-file", str(secret_file("xnat-password")))
    return Program("sample-xnat", (sys.executable, "-m", "sample_xnat", *options), RUN, WORLD)


def cluster() -> Cluster:
    return Cluster(KUBECONFIG, AUDIT_LOG)


_OURS: Final = (
    ("gateway", "cluster.gateway", ""),
    ("world", "cluster.world", WORLD),
    ("volumes", "cluster.volumes", ""),
)


def _make_world() -> None:
    for folder in (RUN, LOGS, SOCKETS):
        folder.mkdir(parents=True, exist_ok=True)
    network.make_networks()
    for name in ("world", "gateway"):
        restart(name)
    postgres.prepare_postgres()
    for name in ("sample-xnat", "postgres", "s3"):
        restart(name)
    refresh_sample()


def _start_plane() -> None:
    if not programs.is_running(RUN, "kube-apiserver"):
        _prepare_plane()
    start_control_plane(PLANE, scheduler=True)


def _prepare_plane() -> None:
    authority = prepare(PLANE)
    node.prepare_node(authority)
    wrapper = RUN / "kubectl"
    wrapper.write_text(f'#!/bin/sh\nexec "{BIN / "kubectl"}" --kubeconfig "{KUBECONFIG}" "$@"\n')
    wrapper.chmod(0o755)


def _start_containerd() -> None:
    restart("containerd")
    programs.wait_for("containerd", lambda: answers(*_CONTAINERD_ASKED), 30, node.containerd())
    for archive in images.small_images():
        images.load_image(archive)


def _start_network() -> None:
    cluster().kubectl("apply", "--server-side", "-R", "-f", str(CRDS / "v2"), "-f", str(CRDS / "v2alpha1"))
    node.mount_for_cilium()
    restart("kubelet")
    restart("cilium-agent")


def _wait_for_node() -> None:
    def is_ready() -> bool:
        found = cluster().get("node", NODE_NAME) or {}
        conditions = found.get("status", {}).get("conditions", ())
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    programs.wait_for("Cilium's agent", node.cilium_is_ready, NODE_SECONDS, node.cilium())
    programs.wait_for("the node", is_ready, NODE_SECONDS, node.kubelet())


def _fill() -> None:
    postgres.wait_for_postgres()
    postgres.fill_postgres()
    objects.fill_objects()
    cluster().apply(volumes.STORAGE_CLASS, *_DNS_DECOY)
    restart("volumes")


def _write_addresses() -> None:
    """For a person at this machine. The names are no DNS's: a browser is told that they are at 127.0.0.1."""
    lines = [f"  127.0.0.1:{port:<6} {what}" for port, what in _DOOR_NAMES.items()]
    pages = ("http://tidegate.test:30080 hub", "http://review.tidegate.test:30080 review", f"{RUN / 'kubectl'} ...")
    hint = "chromium --host-resolver-rules='MAP *.tidegate.test 127.0.0.1, MAP tidegate.test 127.0.0.1'"
    (RUN / "addresses").write_text("\n".join([*pages, hint, "Doors into the cluster's own networks:", *lines, ""]))


_CONTAINERD_ASKED: Final = ("ctr", "--address", str(CONTAINERD), "version")
# Pods are told of a name server, as in most clusters, and it is the world's: a policy that lets DNS through is seen.
_DNS_DECOY: Final = (
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system"},
        "spec": {
            "clusterIP": DNS_SERVICE,
            "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53}],
        },
    },
    {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": {"kubernetes.io/service-name": "kube-dns"},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [BEACON_ADDRESS]}],
        "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}],
    },
)


_DOOR_NAMES: Final = {
    API_DOOR: "API server",
    PAGES_PORT: "pages",
    POSTGRES_DOOR: "PostgreSQL (passwords: run/secrets/postgres-ROLE)",
    S3_DOOR: "S3 (keys: run/secrets/s3-secret-key-PURPOSE)",
    XNAT_DOOR: "sample XNAT (user tidegate-loader, run/secrets/xnat-password)",
}


def _say(began: float, what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {time.monotonic() - began:5.0f} s  {what}", flush=True)  # noqa: T201


_STEPS: Final[tuple[tuple[str, Callable[[], None]], ...]] = (
    ("packages and programs", install),
    ("the world: beacon, sample XNAT, PostgreSQL, S3", _make_world),
    ("etcd, API server, controller manager, scheduler", _start_plane),
    ("containerd and the small images", _start_containerd),
    ("kubelet and Cilium", _start_network),
    ("database roles, buckets, storage class", _fill),
    ("node ready", _wait_for_node),
    ("addresses", _write_addresses),
)
_CHART_STEPS: Final[tuple[tuple[str, Callable[[], None]], ...]] = (
    ("images built", site.build_images),
    ("images loaded, chart installed", lambda: site.install(cluster(), site.load_images())),
)
