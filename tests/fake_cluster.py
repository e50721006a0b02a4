"""A cluster in memory for the cohorts: objects with versions, claims that bind, and jobs that run the real loader here.

It lacks what a real API server checks (schemas, admission, apply); that is tried on one in tests/cluster.
"""

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cohort_kit import NOW
from provisioner.domain.loading import Order, Stage, failed_result
from provisioner.loader import work as wiring
from tidegate.cluster.port import Change, Manifest, Ref, Resource
from tidegate.model import TidegateError, to_text

Key = tuple[str, str, str]


@dataclass
class FakeCluster:
    """`outcome` may answer for a job in place of the loader: a pod's status, or None to run it."""

    root: Path
    objects: dict[Key, Manifest] = field(default_factory=dict)
    logs_of: dict[str, str] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    outcome: Callable[[Manifest], Manifest | None] = lambda _job: None
    holds_back: Callable[[Manifest], bool] = lambda _job: False
    can_grow: bool = False

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)

    def get(self, ref: Ref) -> Manifest | None:
        return copy.deepcopy(self.objects.get(_key(ref.resource, ref.name, ref.namespace)))

    def list(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> tuple[Manifest, ...]:
        found = [
            each
            for (kind, where, _), each in sorted(self.objects.items())
            if kind == resource.kind and (not namespace or where == namespace) and _carries(each, labels or {})
        ]
        return tuple(copy.deepcopy(found))

    def create(self, resource: Resource, manifest: Manifest) -> Manifest:
        metadata = manifest["metadata"]
        key = _key(resource, metadata["name"], metadata.get("namespace", ""))
        if key in self.objects:
            raise TidegateError("cluster_conflict", f"{key} exists.")
        made = copy.deepcopy(manifest)
        made["metadata"]["uid"] = f"uid-{next(self._numbers)}"
        made["metadata"]["creationTimestamp"] = to_text(NOW)
        self._put(key, made)
        self._settle()
        return copy.deepcopy(self.objects[key])

    def replace(self, resource: Resource, manifest: Manifest, *, subresource: str = "") -> Manifest:
        assert not subresource
        metadata = manifest["metadata"]
        key = _key(resource, metadata["name"], metadata.get("namespace", ""))
        live = self.objects.get(key)
        if live is None or live["metadata"]["resourceVersion"] != metadata["resourceVersion"]:
            raise TidegateError("cluster_conflict", f"{key} has changed.")
        if resource.kind == "PersistentVolumeClaim" and live["spec"] != manifest["spec"] and not self.can_grow:
            raise TidegateError("cluster_denied", "Only claims of a class that allows it can grow.")
        self._put(key, copy.deepcopy(manifest))
        return copy.deepcopy(self.objects[key])

    def apply(self, resource: Resource, manifest: Manifest, *, force: bool = False, subresource: str = "") -> Manifest:
        raise NotImplementedError

    def delete(self, ref: Ref, *, grace_seconds: int | None = None, uid: str = "") -> bool:
        assert grace_seconds is None
        key = _key(ref.resource, ref.name, ref.namespace)
        found = self.objects.get(key)
        if found is None or (uid and found["metadata"]["uid"] != uid):
            return False
        del self.objects[key]
        if ref.resource.kind == "Job":
            self.objects.pop(("Pod", ref.namespace, ref.name), None)
        self._settle()
        return True

    def logs(self, _namespace: str, pod: str, container: str) -> str:
        assert container == "loader"
        return self.logs_of.get(pod, "")

    def watch(self, resource: Resource, namespace: str = "", since: str = "") -> Iterator[Change]:
        raise NotImplementedError

    def tick(self) -> None:
        """Every job that has not run runs, or is told how it went."""
        for key, job in sorted(self.objects.items()):
            if key[0] == "Job" and "status" not in job and not self.holds_back(job):
                self._run(job)

    def kinds(self) -> tuple[str, ...]:
        return tuple(sorted(kind for kind, _, _ in self.objects))

    def volume(self, claim: str, namespace: str) -> Path:
        return self.root / namespace / claim.removesuffix("-ro")

    def _run(self, job: Manifest) -> None:
        metadata, spec = job["metadata"], job["spec"]["template"]["spec"]
        status = self.outcome(job) or self._load(job, spec)
        pod = {"apiVersion": "v1", "kind": "Pod", "status": status}
        marks = {**metadata["labels"], "batch.kubernetes.io/job-name": metadata["name"]}
        about = {"name": metadata["name"], "namespace": metadata["namespace"], "labels": marks}
        self._put(("Pod", metadata["namespace"], metadata["name"]), {**pod, "metadata": about})
        if over := _over(status):
            self._put(("Job", metadata["namespace"], metadata["name"]), {**job, "status": over})

    def _load(self, job: Manifest, spec: Manifest) -> Manifest:
        """What the container would do, with what it would have been given."""
        metadata, container = job["metadata"], spec["containers"][0]
        variables = {each["name"]: each["value"] for each in container["env"]}
        claim = next(v["persistentVolumeClaim"]["claimName"] for v in spec["volumes"] if v["name"] == "cohort")
        volume = self.volume(claim, metadata["namespace"])
        volume.mkdir(parents=True, exist_ok=True)
        said: list[str] = []
        stage, order = Stage(container["command"][-1]), Order.model_validate_json(variables["TIDEGATE_ORDER"])
        try:
            result = wiring.work(stage, order, wiring.Places(volume, self.root, self.root / "result"), said.append)
        except TidegateError as error:
            result = failed_result(error)
        self.ran.append(str(stage))
        self.logs_of[metadata["name"]] = "\n".join(said)
        return ended(int(bool(result.code)), result.to_message())

    def _settle(self) -> None:
        """What the cluster's own controllers do: claims get volumes, or the one that waits for them."""
        for key, claim in list(self.objects.items()):
            if key[0] == "PersistentVolumeClaim" and claim.get("status", {}).get("phase") != "Bound":
                self._bind(key, claim)

    def _bind(self, key: Key, claim: Manifest) -> None:
        name = claim["spec"].get("volumeName") or f"pv-{claim['metadata']['uid']}"
        volume = self.objects.get(("PersistentVolume", "", name))
        if volume is None and claim["spec"].get("volumeName"):
            return
        whose = {"namespace": key[1], "name": key[2], "uid": claim["metadata"]["uid"]}
        spec = volume["spec"] if volume else {"local": {"path": str(self.volume(key[2], key[1]))}}
        kept = {"accessModes": claim["spec"]["accessModes"], "capacity": {"storage": "1Gi"}, **spec}
        metadata = volume["metadata"] if volume else {"name": name, "uid": f"uid-{name}"}
        bound = {"phase": "Bound"}
        made = {"metadata": metadata, "spec": {**kept, "claimRef": whose}, "status": bound}
        self._put(("PersistentVolume", "", name), made)
        self._put(key, {**claim, "spec": {**claim["spec"], "volumeName": name}, "status": bound})

    def _put(self, key: Key, manifest: Manifest) -> None:
        manifest["metadata"]["resourceVersion"] = str(next(self._numbers))
        self.objects[key] = manifest


def ended(code: int, message: str, *, reason: str = "", name: str = "loader") -> Manifest:
    """The status of a pod with one container that ended."""
    state = {"terminated": {"exitCode": code, "message": message, "reason": reason}}
    which = "initContainerStatuses" if name == "probe" else "containerStatuses"
    return {"phase": "Failed" if code else "Succeeded", which: [{"name": name, "state": state}]}


def waiting(reason: str, message: str = "said") -> Manifest:
    """The status of a pod whose container does not start."""
    state = {"waiting": {"reason": reason, "message": message}}
    return {"phase": "Pending", "containerStatuses": [{"name": "loader", "state": state}]}


def _over(status: Manifest) -> Manifest | None:
    if status["phase"] not in {"Failed", "Succeeded"}:
        return None
    kind = "Complete" if status["phase"] == "Succeeded" else "Failed"
    more = {"succeeded": 1} if kind == "Complete" else {"failed": 1}
    return {"conditions": [{"type": kind, "status": "True", "reason": status.get("reason", "")}], **more}


def _key(resource: Resource, name: str, namespace: str) -> Key:
    return (resource.kind, namespace if resource.namespaced else "", name)


def _carries(manifest: Manifest, labels: Mapping[str, Any]) -> bool:
    own = manifest["metadata"].get("labels", {})
    return all(own.get(key) == value for key, value in labels.items())
