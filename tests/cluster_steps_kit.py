"""The provisioner as a process on a control plane without a node, and a fuse that kills it at one of its writes.

Everything is the service's own, wired as in its pod; `PaperNode` alone stands for what a node would do: it answers for
the probe and the loaders, runs a workspace by saying so, and makes volumes.
"""

import functools
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import provisioner.bootstrap_kubernetes as wiring
from model_kit import approval, dataset, grant, licence, project
from provisioner.adapters.kubernetes.canary import KubernetesIsolation
from provisioner.adapters.kubernetes.cohorts.kinds import JOB, SECRET
from provisioner.adapters.kubernetes.kinds import CLAIM, NAMESPACE, NETWORK_POLICY, POD, RENDERED, VOLUME
from provisioner.adapters.kubernetes.render import Address
from provisioner.adapters.xnat.listing import Credentials
from provisioner.controller.lease import LEASE, NAME
from provisioner.controller.logs import configure_logs
from provisioner.domain.loading import Result, Stage
from provisioner.kubernetes_settings import KubernetesSettings, Secrets
from reconcile_kit import ALLOW, closing_approval
from render_kit import IMAGE
from tidegate.cluster.client import ClusterClient
from tidegate.cluster.custom import CUSTOM
from tidegate.cluster.names import ROLE_LABEL, WORKSPACE
from tidegate.cluster.port import Manifest, Ref
from tidegate.cluster.sending import READ, Call, Sender
from tidegate.ledger import Entry, Record
from tidegate.model import AnyResource, Decision, Kind, Project, TidegateError
from tidegate.model import Stage as Phase
from tidegate.model.status import CohortStatus
from tidegate.store.manifests import manifest_of, read_status
from tidegate.store.postgres import Intent, PostgresLedger

RELEASE = "steps"
LICENCE, DATASET = "steps-terms", "steps-data"
LOOK_SECONDS = 0.05
SEALED_AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Told:
    """What a process of the provisioner is given."""

    kubeconfig: Path
    secrets: Path
    fuse: Path
    log: Path


class Fuse:
    """Kills this very process before its nth write about one project. A file says which and when: ``NAME NTH``."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._armed, self._seen = "", 0

    def burn(self, about: str) -> None:
        with self._lock:
            armed = self._file.read_text(encoding="ascii")
            if armed != self._armed:
                self._armed, self._seen = armed, 0
            name, _, number = armed.partition(" ")
            if not name or name not in about:
                return
            self._seen += 1
            if self._seen == int(number):
                os.kill(os.getpid(), signal.SIGKILL)


class FusedSender(Sender):
    fuse: Fuse

    def _request(self, call: Call) -> Any:
        if call.method != READ:
            self.fuse.burn(call.what)
        return super()._request(call)


class FusedLedger(PostgresLedger):
    fuse: Fuse

    def append(self, record: Record, now: datetime, fence: int | None = None) -> Entry:
        self.fuse.burn(record.subject)
        return super().append(record, now, fence)

    def intend(self, record: Record, now: datetime, body: str = "", fence: int | None = None) -> Intent:
        self.fuse.burn(f"{record.subject} {body}")
        return super().intend(record, now, body, fence)

    def close(self, intent: Intent, records: Any, now: datetime) -> None:
        self.fuse.burn(f"{intent.entry.record.subject} {intent.body}")
        super().close(intent, records, now)


class Allows:
    def decide(self, _project: Project, _now: datetime) -> Decision:
        return ALLOW


class Tokens:
    """Of an XNAT that nobody asks for anything."""

    def issue(self, _server: str, _account: Credentials) -> Credentials:
        return Credentials("alias", "secret")

    def take_back(self, _server: str, _account: Credentials, _alias: str) -> None: ...


class NothingWaits:
    def awaiting(self, _project: str) -> dict[str, int]:
        return {}


def lead(told: Told) -> None:
    """The service from its start to whatever ends it; run in a process of its own."""
    with told.log.open("ab") as log:
        os.dup2(log.fileno(), 2)
    configure_logs()
    os.environ["KUBECONFIG"] = str(told.kubeconfig)
    fuse = Fuse(told.fuse)
    FusedSender.fuse = FusedLedger.fuse = fuse
    answering = functools.partial(KubernetesIsolation, beacon_answers=lambda _: True)
    # Nobody but this process sees what is put in the place of these.
    parts = {
        "Sender": FusedSender,
        "PostgresLedger": FusedLedger,
        "KubernetesIsolation": answering,
        "XnatTokens": Tokens,
        "review_of": lambda *_: NothingWaits(),
    }
    for name, part in parts.items():
        setattr(wiring, name, part)
    settings = KubernetesSettings(
        namespace=RELEASE, release=RELEASE, services_image=IMAGE, s3_endpoint="198.51.100.4:8333"
    )
    given = wiring.Given(
        policy=Allows(), kubeconfig=told.kubeconfig, api_server=Address("10.96.0.1", 443), publishes=False
    )
    wiring.build(settings, Secrets(told.secrets), lambda: os._exit(1), given).run(threading.Event())


@dataclass
class Controller:
    """One process after the other. The next one leads at once: waiting for the Lease to run out is another test's."""

    told: Told
    admin: ClusterClient
    process: BaseProcess | None = None
    kills: int = 0

    def start(self) -> None:
        self.arm("")
        held = self.admin.get(Ref(LEASE, NAME, RELEASE))
        if held is not None:
            self.admin.replace(LEASE, {**held, "spec": {**held["spec"], "holderIdentity": ""}})
        # A server that has imported everything forks them, so a start costs no second of imports.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["cluster_steps_kit"])
        self.process = context.Process(target=lead, args=(self.told,), daemon=True)
        self.process.start()

    def arm(self, name: str, number: int = 0) -> None:
        file = self.told.fuse.with_suffix(".new")
        file.write_text(f"{name} {number}" if name else "", encoding="ascii")
        file.replace(self.told.fuse)

    def was_killed(self) -> bool:
        """True once the fuse has burnt; any other end is a fault."""
        assert self.process is not None
        if self.process.exitcode is None:
            return False
        assert self.process.exitcode == -signal.SIGKILL, self.told.log.read_text(encoding="utf-8")[-4000:]
        self.kills += 1
        return True

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()


@dataclass
class PaperNode:
    """What a node would do to pods and claims of projects, a moment after they are made."""

    api: ClusterClient
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self.stop.wait(LOOK_SECONDS):
            for pod in self.api.list(POD):
                if _of_project(pod) and not pod.get("status", {}).get("containerStatuses"):
                    self._run_pod(pod)
            for claim in self.api.list(CLAIM):
                if (
                    _of_project(claim)
                    and claim["metadata"]["name"] == "cohort-v1"
                    and not claim["spec"].get("volumeName")
                ):
                    self._bind(claim)

    def _run_pod(self, pod: Manifest) -> None:
        labels = pod["metadata"]["labels"]
        if "tidegate.dev/canary" in labels:
            self._end(pod, "initContainerStatuses", "probe", _probed(pod))
        elif "tidegate.dev/stage" in labels:
            self._end(pod, "containerStatuses", "loader", _loaded(pod))
        else:
            self._write(pod, {"phase": "Running", "containerStatuses": [_status("notebook", {"running": {}})]})

    def _end(self, pod: Manifest, where: str, name: str, said: str) -> None:
        ended = _status(name, {"terminated": {"exitCode": 0, "message": said}})
        self._write(pod, {"phase": "Succeeded", "containerStatuses": [_status(name, {})], where: [ended]})

    def _write(self, pod: Manifest, status: Manifest) -> None:
        _unless_gone(lambda: self.api.replace(POD, {**pod, "status": status}, subresource="status"))

    def _bind(self, claim: Manifest) -> None:
        metadata = claim["metadata"]
        spec = {
            "accessModes": claim["spec"]["accessModes"],
            "capacity": claim["spec"]["resources"]["requests"],
            "claimRef": {"namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]},
            "hostPath": {"path": "/nowhere"},
            "persistentVolumeReclaimPolicy": "Retain",
        }
        named = {"name": f"paper-{metadata['uid']}", "labels": {"made-by": "paper"}}
        volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": named, "spec": spec}
        _unless_gone(lambda: self.api.create(VOLUME, volume))


def _of_project(manifest: Manifest) -> bool:
    metadata = manifest["metadata"]
    return str(metadata["namespace"]).startswith("tg-s") and "tidegate.dev/project" in metadata.get("labels", {})


def _status(name: str, state: Manifest) -> Manifest:
    return {"name": name, "image": IMAGE, "imageID": IMAGE, "ready": False, "restartCount": 0, "state": state}


def _unless_gone(act: Callable[[], object]) -> None:
    try:
        act()
    except TidegateError as error:
        if error.code not in {"cluster_conflict", "cluster_invalid", "cluster_denied"}:
            raise


def _probed(pod: Manifest) -> str:
    """Everything as it must be."""
    (probe,) = (each for each in pod["spec"]["initContainers"] if each["name"] == "probe")
    table = json.loads(next(each["value"] for each in probe["env"] if each["name"] == "TIDEGATE_PROBE"))
    seen = {target["name"]: target["expect"] for target in table["targets"]}
    return json.dumps({"nonce": table["nonce"], "ok": True, "seen": seen})


def _loaded(pod: Manifest) -> str:
    if pod["metadata"]["labels"]["tidegate.dev/stage"] != str(Stage.SEAL):
        return Result().to_message()
    sealed = CohortStatus(
        version=1, files=8, refused=0, total_bytes=800, manifest_sha256="a" * 64, path="/x", sealed_at=SEALED_AT
    )
    return Result(sealed=sealed).to_message()


@dataclass(frozen=True)
class Steps:
    """One project on it, as governance and an observer of the cluster have it."""

    admin: ClusterClient
    name: str

    @property
    def namespace(self) -> str:
        return f"tg-{self.name}"

    @property
    def project(self) -> Project:
        return project(self.name, datasets=[{"name": DATASET}])

    def register(self) -> None:
        person = grant(f"{self.name}-rosa", project=self.name)
        for item in (person, self.project, approval(self.project, name=f"{self.name}-1")):
            put(self.admin, item)

    def work(self) -> None:
        """Somebody's workspace, as far as the API can tell."""
        container = {"name": "notebook", "image": IMAGE, "resources": {"limits": {"cpu": "50m", "memory": "64Mi"}}}
        marks = {"tidegate.dev/project": self.name, ROLE_LABEL: WORKSPACE, "tidegate.dev/person": "rosa"}
        secure = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        spec = {
            "containers": [{**container, "securityContext": secure}],
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "serviceAccountName": "workspace",
        }
        metadata = {"name": "workspace-rosa", "namespace": self.namespace, "labels": marks}
        notes = {"annotations": {"tidegate.dev/person-subject": "rosa"}}
        self.admin.create(POD, {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, **notes}, "spec": spec})

    def close(self) -> None:
        """The record as the provisioner last wrote it, with the stage alone changed; then its Approval."""
        live = self.admin.get(Ref(CUSTOM[Kind.PROJECT], self.name))
        assert live is not None
        self.admin.replace(CUSTOM[Kind.PROJECT], {**live, "spec": {**live["spec"], "stage": str(Phase.CLOSING)}})
        put(self.admin, closing_approval(self.project))

    def phase(self) -> str:
        live = self.admin.get(Ref(CUSTOM[Kind.PROJECT], self.name))
        return str(read_status(live).phase) if live else ""

    def is_gone(self) -> bool:
        """Its certificate stands and nothing else, down to the hold on its record."""
        live = self.admin.get(Ref(CUSTOM[Kind.PROJECT], self.name))
        free = live is not None and not live["metadata"].get("finalizers")
        return free and self.phase() == "deleted" and self.objects() == []

    def objects(self) -> list[str]:
        """Everything of it in the cluster, each with what it says, the project's own name taken out."""
        inside = (POD, JOB, SECRET, CUSTOM[Kind.COHORT], *(kind for kind in RENDERED if kind is not NAMESPACE))
        found = [each for kind in inside for each in self.admin.list(kind, self.namespace)]
        found += list(self.admin.list(VOLUME, labels={"tidegate.dev/project": self.name}))
        space = self.admin.get(Ref(NAMESPACE, self.namespace))
        natural = {"kube-root-ca.crt"}
        said = [
            _said(each) for each in (*found, *([space] if space else [])) if each["metadata"]["name"] not in natural
        ]
        return sorted(text.replace(self.name, "NAME") for text in said)


def put(admin: ClusterClient, item: AnyResource) -> None:
    admin.create(CUSTOM[Kind(item.kind)], manifest_of(item))


def register_parts(admin: ClusterClient) -> None:
    """What every project stands on; there before, where another module was here."""
    archive = dataset(DATASET, xnat={"server": "http://198.51.100.2:8080", "project": "P"}, licence={"name": LICENCE})
    for item in (licence(LICENCE), archive):
        if admin.get(Ref(CUSTOM[Kind(item.kind)], item.name)) is None:
            put(admin, item)


def _said(manifest: Manifest) -> str:
    """Kind, name and what was rendered of it; without what the cluster numbers and times."""
    parts = {part: manifest[part] for part in ("data", "rules", "roleRef", "subjects") if part in manifest}
    if manifest["kind"] == NETWORK_POLICY.kind:
        parts["spec"] = manifest["spec"]
    if manifest["kind"] == "ResourceQuota":
        parts["hard"] = manifest["spec"]["hard"]
    labels = manifest["metadata"].get("labels", {})
    return json.dumps([manifest["kind"], manifest["metadata"]["name"], labels, parts], sort_keys=True)
