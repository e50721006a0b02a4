"""Projects of the installed release: registered as officers do, watched as people do."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cluster.kit import Cluster, eventually
from cluster_cohort_kit import now, served
from model_kit import approval, grant, licence, project
from tidegate.cluster.client import connect
from tidegate.cluster.custom import CUSTOM
from tidegate.cluster.names import (
    PERSON_ANNOTATION,
    PERSON_LABEL,
    PROJECT_LABEL,
    ROLE_LABEL,
    WORKSPACE,
    person_key,
    workspace_pod,
)
from tidegate.cluster.port import Ref
from tidegate.cluster.probe import LOCKED, probe_init_container
from tidegate.model import AnyResource, Approval, Kind, PersonRef, Project, Stage

OFFICERS = "tidegate:officers"
GWEN = "tidegate:local:gwen"
CONTROLLER = "system:serviceaccount:tidegate:provisioner"
PROVISIONER = "app.kubernetes.io/component=provisioner"
SETTINGS = "tidegate-provisioner"


@dataclass
class Live:
    """A project on the cluster, known by its name."""

    cluster: Cluster
    name: str

    @property
    def namespace(self) -> str:
        return f"tg-{self.name}"

    def officer(self) -> Cluster:
        return self.cluster.acting_as(GWEN, OFFICERS, "system:authenticated")

    def governance(self) -> Cluster:
        """Who registers specs: admission asks for an officer, the rights are the operator's."""
        return self.cluster.acting_as(GWEN, OFFICERS, "system:masters")

    def register(self, **spec: Any) -> Project:
        """Everything a project stands on, the project itself, and its Approval."""
        own = project(self.name, **spec)
        held = served()
        own_licence = licence()
        at = now()
        person = grant(f"{self.name}-rosa", project=self.name)
        approved = approval(own, name=f"{self.name}-1", at=at)
        self.write(own_licence, held, own, person)
        self.approve(approved)
        return own

    def write(self, *resources: AnyResource) -> None:
        self.governance().apply(*(manifest(item) for item in resources), server_side=True)

    def approve(self, *approvals: Approval) -> None:
        for item in approvals:
            self.officer().kubectl("create", "-f", "-", text=json.dumps(manifest(item)))

    def status(self) -> dict[str, Any]:
        return dict((self.record() or {}).get("status", {}))

    def record(self) -> dict[str, Any] | None:
        """The Project, by our own client: kubectl keeps what it once heard of a server's kinds."""
        return connect(self.cluster.kubeconfig).get(Ref(CUSTOM[Kind.PROJECT], self.name))

    def phase(self) -> str:
        return str(self.status().get("phase", ""))

    def condition(self, kind: str) -> dict[str, Any]:
        return next((c for c in self.status().get("conditions", ()) if c["type"] == kind), {})

    def step(self, name: str) -> dict[str, Any]:
        return next((s for s in self.status().get("steps", ()) if s["name"] == name), {})

    def deployed(self, seconds: float = 300) -> None:
        eventually(
            f"{self.name} is deployed: {self.status().get('steps')}", lambda: self.phase() == "deployed", seconds
        )

    def close(self) -> None:
        """The closing and its own Approval; returns at once."""
        found = self.record()
        if found is None:
            return
        own = Project.model_validate(
            {k: found[k] for k in ("apiVersion", "kind", "spec")} | {"metadata": {"name": self.name}}
        )
        closing = own.model_copy(update={"spec": own.spec.model_copy(update={"stage": Stage.CLOSING})})
        self.write(Project.model_validate(closing.model_dump(mode="json", by_alias=True)))
        subject = {"kind": "Project", "name": self.name, "digest": own.closing_digest()}
        self.approve(approval(own, name=f"{self.name}-close", at=now(), subject=subject))

    def writes(self, since: datetime, *, user: str = CONTROLLER) -> Iterator[dict[str, Any]]:
        """What the provisioner wrote of this project since then, its Lease aside."""
        for event in self.cluster.audit(user):
            about = event.get("objectRef", {})
            ours = self.name in (about.get("name", ""), about.get("namespace", "").removeprefix("tg-"))
            if ours and datetime.fromisoformat(event["requestReceivedTimestamp"]) >= since:
                yield event


def manifest(item: AnyResource) -> dict[str, Any]:
    return item.model_dump(mode="json", by_alias=True, exclude_none=True)


def sleeping(project: str, image: str, who: PersonRef, *, seconds: int = 600, grace: int = 2) -> dict[str, Any]:
    """A workspace as far as the cluster can tell. Its process is the first and ignores a request to end."""
    share = {"cpu": "50m", "memory": "64Mi"}
    container = {
        "name": "notebook",
        "image": image,
        "command": ["python", "-c", "import time; time.sleep(600)"],
        "resources": {"limits": share, "requests": share},
        "securityContext": LOCKED,
    }
    labels = {PROJECT_LABEL: project, ROLE_LABEL: WORKSPACE, PERSON_LABEL: person_key(who)}
    metadata = {
        "name": workspace_pod(who),
        "namespace": f"tg-{project}",
        "labels": labels,
        "annotations": {PERSON_ANNOTATION: who.subject},
    }
    spec = {
        "activeDeadlineSeconds": seconds,
        "automountServiceAccountToken": False,
        "containers": [container],
        "initContainers": [probe_init_container(WORKSPACE, image)],
        "restartPolicy": "OnFailure",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "serviceAccountName": WORKSPACE,
        "terminationGracePeriodSeconds": grace,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def installed(cluster: Cluster) -> Cluster:
    """The cluster, with the provisioner of its release at work."""
    assert cluster.get("deployment", "tidegate-provisioner", "tidegate"), "no release; run `make cluster` first"
    cluster.wait("deployment/tidegate-provisioner", "tidegate", "condition=Available", seconds=180)
    return cluster


def kill(cluster: Cluster) -> None:
    """The provisioner, at once, without a chance to give the Lease up."""
    cluster.kubectl("delete", "pod", "-n", "tidegate", "-l", PROVISIONER, "--grace-period=0", "--force", "--wait=false")


def term(cluster: Cluster) -> int:
    lease = cluster.get("lease", "provisioner", "tidegate")
    assert lease is not None
    return int(lease["spec"]["leaseTransitions"])


def provisioner(cluster: Cluster) -> str:
    """The pod that runs."""
    pods = cluster.list("pods", "tidegate", PROVISIONER)
    running = [
        pod for pod in pods if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
    ]
    return str(running[0]["metadata"]["name"])


def page(cluster: Cluster, path: str) -> str:
    """Asked from within the provisioner's pod: nobody else may reach it."""
    code = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080{path}').read().decode())"
    return cluster.execute("tidegate", provisioner(cluster), "python", "-c", code, container="provisioner")


def metric(cluster: Cluster, name: str) -> float:
    lines = page(cluster, "/metrics").splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


@contextlib.contextmanager
def told(cluster: Cluster, **settings: Any) -> Iterator[None]:
    """The provisioner with other settings, named as its file names them; its own come back afterwards."""
    before = cluster.get("configmap", SETTINGS, "tidegate")
    assert before is not None
    own = before["data"]["settings.json"]
    try:
        _tell(cluster, json.dumps({**json.loads(own), **settings}))
        yield
    finally:
        _tell(cluster, own)


def _tell(cluster: Cluster, text: str) -> None:
    """By a new process, which leads once the Lease of the one before has run out."""
    patch = json.dumps({"data": {"settings.json": text}})
    cluster.kubectl("patch", "configmap", SETTINGS, "-n", "tidegate", "--type=merge", "-p", patch)
    before = term(cluster)
    kill(cluster)
    eventually("the next process leads", lambda: term(cluster) > before, 90)
    cluster.wait("deployment/tidegate-provisioner", "tidegate", "condition=Available", seconds=180)
