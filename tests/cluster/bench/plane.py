"""A control plane without a node, a PostgreSQL and the provisioner's process, on loopback and only for a benchmark."""

import json
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from cluster import programs
from cluster.bench.bars import say
from cluster.certificates import write_kubeconfig
from cluster.control_plane import ControlPlane, prepare, start_control_plane
from cluster.kit import Cluster
from cluster.store_kit import prepare as prepare_kinds
from cluster_project_kit import release_of
from postgres_kit import postgres
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.connection import open_api
from tidegate.cluster.pace import Pace
from tidegate.cluster.sending import Sender
from tidegate.model import TidegateError

CONTROLLER: Final = "tidegate-bench-provisioner"
NAME: Final = "controller"
RATE: Final = 50.0
FAST: Final = 2000.0
STARTED_SECONDS: Final = 60
# What a kubelet tells a pod of Services; nothing is asked of this one.
AS_A_POD: Final = {"TIDEGATE_EGRESS_SERVICE_HOST": "127.0.0.1"}


@dataclass
class Audit:
    """What the API server wrote into its log since the last time it was asked."""

    file: Path
    at: int = 0

    def skip(self) -> None:
        self.at = self.file.stat().st_size

    def news(self) -> Iterator[dict[str, Any]]:
        with self.file.open("rb") as lines:
            lines.seek(self.at)
            for line in lines:
                if not line.endswith(b"\n"):
                    return
                self.at += len(line)
                yield json.loads(line)


@dataclass
class Plane:
    """`api` writes as an administrator, as fast as it can."""

    folder: Path
    cluster: Cluster
    api: ClusterClient
    controllers: Path
    began: float = field(default_factory=time.monotonic)

    def audit(self) -> Audit:
        return Audit(self.cluster.audit_log)

    def start(self, rate: float = RATE, resync: float = 3600.0) -> None:
        """The provisioner's process, writing at most `rate` times a second."""
        (self.folder / "port").unlink(missing_ok=True)
        command = (sys.executable, "-m", "cluster.bench.controller", str(self.folder), str(rate), str(resync))
        environment = {"KUBECONFIG": str(self.controllers), "PYTHONPATH": os.pathsep.join(sys.path), **AS_A_POD}
        program = programs.Program(NAME, command, self.folder, "", environment, tied=True)
        programs.start(program)
        programs.wait_for("the controller", (self.folder / "port").is_file, STARTED_SECONDS, program)

    def stop(self) -> None:
        programs.stop(self.folder, NAME)

    def metric(self, name: str) -> float:
        """A number of the controller's own page; without labels the sum over all of them."""
        port = (self.folder / "port").read_text()
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as page:
            lines = page.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(rf"{re.escape(name)}[ {{]", line))

    def reads(self) -> float:
        """Reads that anybody but a watch asked of the API server so far."""
        page = self.cluster.kubectl("get", "--raw", "/metrics")
        mine = re.compile(r'apiserver_request_total\{.*verb="(GET|LIST)".*\} ')
        return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if mine.match(line))

    def used(self) -> str:
        """Memory and processor time of the controller so far."""
        pid = programs.pid_of(self.folder, NAME)
        status = Path(f"/proc/{pid}/status").read_text()
        peak = int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) // 1024
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        seconds = (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")
        return f"controller: {peak} MiB at most, {seconds:.0f} s of processor time"

    def wait(self, what: str, look: Any, seconds: float) -> float:
        """Until it is so; the seconds it took."""
        began = time.monotonic()
        while not look():
            if time.monotonic() - began > seconds:
                raise TidegateError("bench_wait", f"Waited {seconds:.0f} s for {what}.")
            if not programs.is_running(self.folder, NAME):
                raise TidegateError("bench_ended", f"The controller ended. Its log is {self.folder}/logs/{NAME}.log.")
            time.sleep(0.5)
        return time.monotonic() - began


@contextmanager
def plane(place: Path) -> Iterator[Plane]:
    """All of it, in a folder of its own; gone afterwards but, where something failed, for the files."""
    place.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=place))
    port, etcd, peer = _free_ports(3)
    whole = False
    control = ControlPlane(folder, "127.0.0.1", port, etcd, peer, f"https://127.0.0.1:{port}")
    try:
        with postgres() as database:
            authority = prepare(control)
            start_control_plane(control, scheduler=False, tied=True)
            authority.issue("provisioner", CONTROLLER, ("system:masters",))
            own = folder / "kubeconfig-provisioner"
            write_kubeconfig(own, control.door, authority, "provisioner")
            cluster = Cluster(control.kubeconfig, control.audit_log)
            release_of(prepare_kinds(cluster))
            (folder / "database-url").write_text(database.url("tidegate_provisioner"))
            say("a control plane without a node, PostgreSQL and the provisioner's process are up")
            yield Plane(folder, cluster, client(control.kubeconfig), own)
            whole = True
    finally:
        for name in programs.names_of(folder):
            programs.stop(folder, name)
        if whole:
            shutil.rmtree(folder)


def client(kubeconfig: Path) -> ClusterClient:
    return ClusterClient(Sender(open_api(kubeconfig, None), Pace(FAST)))


def moment(event: dict[str, Any], which: str = "requestReceivedTimestamp") -> datetime:
    return datetime.fromisoformat(event[which])


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in sockets]
    for listener in sockets:
        listener.close()
    return ports
