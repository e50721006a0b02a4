"""Projects of the installed release: registered as officers do, watched as people do."""

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
from tidegate.cluster.port import Ref
from tidegate.model import AnyResource, Approval, Kind, Project, Stage

OFFICERS = "tidegate:officers"
GWEN = "tidegate:local:gwen"
CONTROLLER = "system:serviceaccount:tidegate:provisioner"
PROJECT_LABEL = "tidegate.dev/project"


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
