"""The one node: containerd, kubelet and Cilium in the node's network namespace; called by `cluster`."""

import json
import shutil
from pathlib import Path
from typing import Any, Final

from cluster.certificates import Authority, write_kubeconfig
from cluster.places import (
    API_PORT,
    BIN,
    CACHE,
    CILIUM,
    CONTAINERD,
    DNS_SERVICE,
    NODE,
    NODE_ADDRESS,
    NODE_LINK,
    NODE_NAME,
    POD_CIDR,
    REGISTRY,
    RUN,
    SOCKETS,
)
from cluster.programs import Program
from cluster.shell import answers, run

CGROUP: Final = "tidegate-cluster"
CGROUPS: Final = Path("/sys/fs/cgroup")
CNI: Final = RUN / "cni"
PAUSE: Final = f"{REGISTRY}/pause:1"
SERVER: Final = f"https://{NODE_ADDRESS}:{API_PORT}"
CONTAINERD_ROOT: Final = CACHE / "containerd"
CILIUM_FILES: Final = CACHE / "cilium"
BPF_MOUNT: Final = SOCKETS / "bpf"
CGROUP_MOUNT: Final = SOCKETS / "cgroup"
NODE_CONFIG: Final = RUN / "node"


def prepare_node(authority: Authority) -> None:
    """Configuration, certificates, control groups and folders, made anew."""
    for folder in (NODE_CONFIG, CNI / "bin", CNI / "conf", SOCKETS / "cilium", CONTAINERD_ROOT):
        folder.mkdir(parents=True, exist_ok=True)
    make_cgroups()
    authority.issue("kubelet", f"system:node:{NODE_NAME}", ("system:nodes",), (NODE_ADDRESS, NODE_NAME))
    authority.issue("cilium", "cilium", ("system:masters",))
    for who in ("kubelet", "cilium"):
        write_kubeconfig(RUN / f"kubeconfig-{who}", SERVER, authority, who)
    (NODE_CONFIG / "containerd.toml").write_text(_CONTAINERD)
    (NODE_CONFIG / "kubelet.json").write_text(json.dumps(_kubelet(authority.folder), indent=1))
    (NODE_CONFIG / "resolv.conf").write_text(f"nameserver {DNS_SERVICE}\n")
    (CNI / "conf" / "05-cilium.conflist").write_text(json.dumps(_CNI_CONFIG))
    shutil.copy2(BIN / "cilium-cni", CNI / "bin" / "cilium-cni")
    shutil.copy2("/usr/lib/cni/loopback", CNI / "bin" / "loopback")


def containerd() -> Program:
    # containerd starts the network plugins, which find Cilium's agent by this variable.
    environment = {"CILIUM_SOCK": str(CILIUM)}
    config = str(NODE_CONFIG / "containerd.toml")
    return Program("containerd", ("/usr/bin/containerd", "--config", config), RUN, NODE, environment, cgroup=unified())


def kubelet() -> Program:
    command = (
        str(BIN / "kubelet"),
        f"--config={NODE_CONFIG / 'kubelet.json'}",
        f"--kubeconfig={RUN / 'kubeconfig-kubelet'}",
        f"--root-dir={RUN / 'kubelet'}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_ADDRESS}",
    )
    return Program("kubelet", command, RUN, NODE, {"GOGC": "50"}, cgroup=unified())


def cilium() -> Program:
    flags = {
        "ipam": "kubernetes",
        "enable-ipv6": "false",
        "enable-l7-proxy": "false",
        "routing-mode": "native",
        "ipv4-native-routing-cidr": POD_CIDR,
        "enable-ipv4-masquerade": "false",
        "kube-proxy-replacement": "true",
        "identity-allocation-mode": "crd",
        "policy-cidr-match-mode": "nodes",
        "enable-health-checking": "false",
        "enable-endpoint-health-checking": "false",
        "enable-hubble": "false",
        "devices": NODE_LINK,
        "cni-exclusive": "false",
        "k8s-kubeconfig-path": RUN / "kubeconfig-cilium",
        "cgroup-root": CGROUP_MOUNT,
        "bpf-root": BPF_MOUNT,
        "lib-dir": CILIUM_FILES,
        "state-dir": SOCKETS / "cilium",
        "socket-path": CILIUM,
    }
    # The agent compiles its programs at start.
    environment = {
        "K8S_NODE_NAME": NODE_NAME,
        "PATH": "/usr/lib/llvm-19/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "GOGC": "50",
    }
    command = (str(BIN / "cilium-agent"), *(f"--{name}={value}" for name, value in flags.items()))
    return Program("cilium-agent", command, RUN, NODE, environment, cgroup=unified())


def mount_for_cilium() -> None:
    """Its own bpf file system, and the node's control group as a mount: on a mere folder it would mount the root's."""
    for place, what in ((BPF_MOUNT, ("-t", "bpf", "bpf")), (CGROUP_MOUNT, ("--bind", str(unified())))):
        place.mkdir(exist_ok=True)
        if not place.is_mount():
            run("mount", *what, str(place))


def cilium_is_ready() -> bool:
    """The agent answers, and has told the node's state."""
    return answers(str(BIN / "cilium-dbg"), "--host", f"unix://{CILIUM}", "status", "--brief")


def unified() -> Path:
    """The control group that Cilium's socket programs are attached to, and everything of the node is started in."""
    both = CGROUPS / "unified"
    return (both if both.is_dir() else CGROUPS) / CGROUP


def make_cgroups() -> None:
    """One group in each hierarchy, so that nothing else on this machine shares one with a pod."""
    for group in cgroups():
        group.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            file, parent = group / name, group.parent / name
            if file.exists() and parent.exists() and not file.read_text().strip():
                file.write_text(parent.read_text())


def cgroups() -> tuple[Path, ...]:
    roots = [CGROUPS] if (CGROUPS / "cgroup.procs").exists() else [path for path in CGROUPS.iterdir() if path.is_dir()]
    return tuple(root.resolve() / CGROUP for root in dict.fromkeys(path.resolve() for path in roots))


_CONTAINERD: Final = f"""version = 2
root = "{CONTAINERD_ROOT}"
state = "{SOCKETS / "containerd"}"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs"]
[grpc]
  address = "{CONTAINERD}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
  default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "{CNI / "bin"}"
  conf_dir = "{CNI / "conf"}"
"""
_CNI_CONFIG: Final = {"cniVersion": "0.3.1", "name": "cilium", "plugins": [{"type": "cilium-cni"}]}


def _kubelet(certificates: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(certificates / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(certificates / "kubelet.crt"),
        "tlsPrivateKeyFile": str(certificates / "kubelet.key"),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "enforceNodeAllocatable": [],
        "oomScoreAdj": 0,
        "clusterDNS": [DNS_SERVICE],
        "clusterDomain": "cluster.local",
        "resolvConf": str(NODE_CONFIG / "resolv.conf"),
        "podLogsDir": str(RUN / "pod-logs"),
        "volumePluginDir": str(RUN / "volume-plugins"),
        "maxPods": 800,
        "serializeImagePulls": False,
        # A pull never leaves the machine, so what is missing is known at once.
        "runtimeRequestTimeout": "60s",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
    }
