"""etcd, the API server, the controller manager and the scheduler: what they are started with, and starting them.

`cluster` starts one in the node's namespace; the fixture `api_server` starts one without a node on loopback ports,
enough for tests of custom resources, admission and rights.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster.certificates import Authority, new_authority, write_kubeconfig
from cluster.places import BIN, HERE, POD_CIDR, SERVICE_CIDR
from cluster.programs import Program, start, wait_for
from cluster.shell import answers

READY_SECONDS: Final = 90
FIRST_SERVICE: Final = "10.96.0.1"
INSIDE_NAMES: Final = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
MASTERS: Final = ("system:masters",)


@dataclass(frozen=True)
class ControlPlane:
    """One control plane: all its files lie in `folder`, all its ports are at `address` of the namespace `network`.

    `door` is where the tests reach the API server, which may be a forwarded port.
    """

    folder: Path
    address: str
    port: int
    etcd: int
    etcd_peer: int
    door: str
    network: str = ""

    @property
    def certificates(self) -> Path:
        return self.folder / "certificates"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        return self.folder / "logs" / "audit.jsonl"

    def inside(self, who: str) -> Path:
        """The kubeconfig of one of the cluster's own programs."""
        return self.folder / f"kubeconfig-{who}"


def programs(plane: ControlPlane, *, scheduler: bool, tied: bool = False) -> tuple[Program, ...]:
    """In the order of starting."""
    parts = [("etcd", _etcd(plane)), ("kube-apiserver", _api_server(plane)), ("kube-controller-manager", _kcm(plane))]
    if scheduler:
        parts.append(("kube-scheduler", _scheduler(plane)))
    return tuple(
        Program(name, (str(BIN / name), *flags), plane.folder, plane.network, {"GOGC": "50"}, tied=tied)
        for name, flags in parts
    )


def prepare(plane: ControlPlane) -> Authority:
    """Certificates and kubeconfigs, made anew."""
    (plane.folder / "logs").mkdir(parents=True, exist_ok=True)
    authority = new_authority(plane.certificates)
    names = (*INSIDE_NAMES, FIRST_SERVICE, plane.address, "127.0.0.1")
    authority.issue("kube-apiserver", "kube-apiserver", MASTERS, tuple(dict.fromkeys(names)))
    authority.issue("admin", "tidegate-test-admin", MASTERS)
    write_kubeconfig(plane.kubeconfig, plane.door, authority, "admin")
    for who in ("kube-controller-manager", "kube-scheduler"):
        authority.issue(who, f"system:{who}")
        write_kubeconfig(plane.inside(who), _server(plane), authority, who)
    return authority


def start_control_plane(plane: ControlPlane, *, scheduler: bool, tied: bool = False) -> None:
    """Start every part; returns when the API server says it is ready."""
    etcd, api, *others = programs(plane, scheduler=scheduler, tied=tied)
    start(etcd)
    start(api)
    wait_for("the API server", lambda: is_ready(plane), READY_SECONDS, api)
    for other in others:
        start(other)


def is_ready(plane: ControlPlane) -> bool:
    return answers(str(BIN / "kubectl"), "--kubeconfig", str(plane.kubeconfig), "get", "--raw", "/readyz")


def _server(plane: ControlPlane) -> str:
    return f"https://{plane.address}:{plane.port}"


def _etcd(plane: ControlPlane) -> tuple[str, ...]:
    """On loopback of the namespace and without TLS: nothing but the API server and root on this machine gets there."""
    client, peer = f"http://127.0.0.1:{plane.etcd}", f"http://127.0.0.1:{plane.etcd_peer}"
    return (
        f"--data-dir={plane.folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    )


def _api_server(plane: ControlPlane) -> tuple[str, ...]:
    made = plane.certificates
    return (
        f"--etcd-servers=http://127.0.0.1:{plane.etcd}",
        f"--bind-address={plane.address}",
        f"--advertise-address={plane.address}",
        f"--secure-port={plane.port}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--allow-privileged",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--client-ca-file={made / 'ca.crt'}",
        f"--tls-cert-file={made / 'kube-apiserver.crt'}",
        f"--tls-private-key-file={made / 'kube-apiserver.key'}",
        f"--kubelet-certificate-authority={made / 'ca.crt'}",
        f"--kubelet-client-certificate={made / 'kube-apiserver.crt'}",
        f"--kubelet-client-key={made / 'kube-apiserver.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={made / 'service-accounts.key'}",
        f"--service-account-signing-key-file={made / 'service-accounts.key'}",
        f"--audit-policy-file={HERE / 'audit-policy.yaml'}",
        f"--audit-log-path={plane.audit_log}",
        "--audit-log-maxsize=2000",
        "--profiling=false",
    )


def _kcm(plane: ControlPlane) -> tuple[str, ...]:
    made = plane.certificates
    own = plane.inside("kube-controller-manager")
    return (
        f"--kubeconfig={own}",
        f"--authentication-kubeconfig={own}",
        f"--authorization-kubeconfig={own}",
        "--secure-port=0",
        "--leader-elect=false",
        "--use-service-account-credentials",
        f"--root-ca-file={made / 'ca.crt'}",
        f"--service-account-private-key-file={made / 'service-accounts.key'}",
        f"--cluster-signing-cert-file={made / 'ca.crt'}",
        f"--cluster-signing-key-file={made / 'ca.key'}",
        "--allocate-node-cidrs",
        f"--cluster-cidr={POD_CIDR}",
        "--node-cidr-mask-size=22",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--concurrent-namespace-syncs=20",
    )


def _scheduler(plane: ControlPlane) -> tuple[str, ...]:
    own = plane.inside("kube-scheduler")
    return (
        f"--kubeconfig={own}",
        f"--authentication-kubeconfig={own}",
        f"--authorization-kubeconfig={own}",
        "--secure-port=0",
        "--leader-elect=false",
    )
