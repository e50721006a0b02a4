"""Many projects of the installed release at once, without a loader: their copies of the data were sealed before.

The claim that carries a seal is put there as the provisioner would have left it, so a project is deployed with its
canary as the only pod. Whoever acts in a project's namespace acts in the provisioner's name: admission lets no other.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from cluster.kit import Cluster, eventually
from cluster_cohort_kit import now, served
from cluster_live_kit import CONTROLLER, GWEN, OFFICERS, manifest
from model_kit import approval, grant, licence, project
from provisioner.adapters.kubernetes.cohorts.objects import of_version, read_only_claim, read_only_volume
from provisioner.adapters.kubernetes.kinds import CLAIM, NAMESPACE, VOLUME
from provisioner.adapters.kubernetes.render.bounds import namespace
from provisioner.domain.manifest import inputs_digest
from tidegate.cluster.client import ClusterClient, connect
from tidegate.cluster.custom import CUSTOM
from tidegate.cluster.names import cohort_claim, cohort_view
from tidegate.cluster.port import Manifest, Ref
from tidegate.model import AnyResource, Dataset, Kind, Licence, Project, Stage, to_text
from tidegate.model.status import CohortStatus
from tidegate.store.manifests import read_status

HANDS = 8
SIZE = "16Mi"


@dataclass(frozen=True)
class Many:
    """Projects by name, all on one data set."""

    cluster: Cluster
    names: tuple[str, ...]
    people: tuple[str, ...] = ("rosa",)
    dataset: Dataset = field(default_factory=served)
    licence: Licence = field(default_factory=licence)

    @cached_property
    def admin(self) -> ClusterClient:
        return connect(self.cluster.kubeconfig)

    @cached_property
    def hand(self) -> ClusterClient:
        """Of somebody with every right, in the one name that admission lets through."""
        return self.admin.impersonating(CONTROLLER, "system:masters")

    def register(self, **spec: Any) -> None:
        """Their sealed copies first, as after a restore; all of them by one command, their Approvals by another."""
        projects = [self.project(name, **spec) for name in self.names]
        with ThreadPoolExecutor(HANDS) as pool:
            list(pool.map(self._seal, projects))
        grants = [self.grant(name, person) for name in self.names for person in self.people]
        self.write(self.licence, self.dataset, *projects, *grants)
        at = now()
        self.approve(*(approval(own, name=f"{own.name}-1", at=at) for own in projects))

    def project(self, name: str, **spec: Any) -> Project:
        return project(name, datasets=[{"name": self.dataset.name}], **spec)

    def grant(self, name: str, person: str, **spec: Any) -> AnyResource:
        return grant(f"{name}-{person}", person=person, project=name, **spec)

    def write(self, *resources: AnyResource) -> None:
        governance = self.cluster.acting_as(GWEN, OFFICERS, "system:masters")
        governance.apply(*(manifest(item) for item in resources), server_side=True)

    def approve(self, *approvals: AnyResource) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": [manifest(item) for item in approvals]}
        officer = self.cluster.acting_as(GWEN, OFFICERS, "system:authenticated")
        officer.kubectl("create", "-f", "-", text=json.dumps(listed))

    def phases(self) -> dict[str, str]:
        found = {each["metadata"]["name"]: each for each in self.admin.list(CUSTOM[Kind.PROJECT])}
        return {name: str(read_status(found[name]).phase) for name in self.names}

    def deployed(self, seconds: float = 240) -> None:
        eventually("all are deployed", lambda: set(self.phases().values()) == {"deployed"}, seconds, 0.5)

    def close(self) -> None:
        """The closings and their Approvals; returns at once."""
        found = [self.admin.get(Ref(CUSTOM[Kind.PROJECT], name)) for name in self.names]
        owns = [Project.model_validate(_bare(live)) for live in found if live is not None]
        self.write(
            *(own.model_copy(update={"spec": own.spec.model_copy(update={"stage": Stage.CLOSING})}) for own in owns)
        )
        subjects = [{"kind": "Project", "name": own.name, "digest": own.closing_digest()} for own in owns]
        at = now()
        self.approve(
            *(
                approval(own, name=f"{own.name}-close", at=at, subject=of)
                for own, of in zip(owns, subjects, strict=True)
            )
        )

    def _seal(self, own: Project) -> None:
        source = _volume(own.name)
        made = (
            (NAMESPACE, namespace(own.name)),
            (CLAIM, _claim(own.name)),
            (VOLUME, source),
            (VOLUME, read_only_volume(own.name, 1, source)),
            (CLAIM, self._sealed(own)),
        )
        for kind, each in made:
            self.hand.create(kind, each)
        eventually(f"the volumes of {own.name}", lambda: self._is_bound(own.name), 60)

    def _is_bound(self, name: str) -> bool:
        phases = [each["status"].get("phase") for each in self.admin.list(CLAIM, f"tg-{name}")]
        return phases == ["Bound", "Bound"]

    def _sealed(self, own: Project) -> Manifest:
        status = CohortStatus(
            version=1,
            files=8,
            refused=0,
            total_bytes=800,
            manifest_sha256="a" * 64,
            path=cohort_view(own.name, 1),
            sealed_at=now(),
        )
        return read_only_claim(own.name, status, inputs_digest(own, (self.dataset,)), to_text(now()))


def _bare(live: Manifest) -> Mapping[str, Any]:
    return {
        **{key: live[key] for key in ("apiVersion", "kind", "spec")},
        "metadata": {"name": live["metadata"]["name"]},
    }


def _claim(name: str) -> Manifest:
    """Bound to its volume beforehand, so that nobody makes one."""
    metadata = {"name": cohort_claim(1, read_only=False), "namespace": f"tg-{name}", "labels": of_version(name, 1)}
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": SIZE}},
        "storageClassName": "",
        "volumeMode": "Filesystem",
        "volumeName": f"sealed-{name}",
    }
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def _volume(name: str) -> Manifest:
    """Labelled as the project's, so that it goes with it."""
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": SIZE},
        "claimRef": {"namespace": f"tg-{name}", "name": cohort_claim(1, read_only=False)},
        "hostPath": {"path": "/nowhere"},
        "persistentVolumeReclaimPolicy": "Retain",
        "volumeMode": "Filesystem",
    }
    metadata = {"name": f"sealed-{name}", "labels": of_version(name, 1)}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec}


@dataclass(frozen=True)
class Hearing:
    """What the API server's audit log tells from now on."""

    cluster: Cluster
    begin: int

    @classmethod
    def of(cls, cluster: Cluster) -> "Hearing":
        return cls(cluster, cluster.audit_log.stat().st_size)

    def events(self) -> Iterator[dict[str, Any]]:
        with self.cluster.audit_log.open("rb") as lines:
            lines.seek(self.begin)
            for line in lines:
                if line.endswith(b"\n"):
                    yield json.loads(line)

    def writes(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """By the provisioner itself about these projects, what was only rehearsed among them."""
        places = {place for name in names for place in (name, f"tg-{name}")}
        return [event for event in self.events() if is_own(event) and places & set(_places(event))]

    def first(self, what: Callable[[dict[str, Any]], bool]) -> dict[str, Any] | None:
        return next((event for event in self.events() if what(event)), None)


def is_own(event: Mapping[str, Any]) -> bool:
    """Whether the provisioner did it, and nobody in its name."""
    return bool(event["user"]["username"] == CONTROLLER and "impersonatedUser" not in event)


def done_at(event: Mapping[str, Any]) -> datetime:
    """When the API server had answered."""
    return datetime.fromisoformat(event["stageTimestamp"])


def _places(event: Mapping[str, Any]) -> tuple[str, str]:
    about = event.get("objectRef", {})
    return about.get("namespace", ""), about.get("name", "")
