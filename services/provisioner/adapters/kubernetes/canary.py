"""`ports.Isolation` on a cluster: a pod like a workspace that must reach the hub and nothing else, three times running.

Called by the opening before anything else of a project is made, and every hour after. A network plugin that does not
enforce policies looks just like one that does, so a beacon that admits everyone is first seen to answer here.
"""

import json
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog

from provisioner.adapters.kubernetes.addresses import KubernetesAddresses
from provisioner.adapters.kubernetes.journal import Journal
from provisioner.adapters.kubernetes.kinds import POD, called
from provisioner.adapters.kubernetes.render import Address, Addresses
from provisioner.adapters.kubernetes.render.probes import CANARY_LABEL, Target, canary, workspace_targets
from provisioner.domain.facts import Facts
from tidegate.cluster.names import PROJECT_LABEL, ROLE_LABEL, WORKSPACE, namespace_of
from tidegate.cluster.port import ClusterApi, Manifest, Ref
from tidegate.cluster.probe import PROBE
from tidegate.cluster.remembered import fresh
from tidegate.model import Project, TidegateError

log = structlog.get_logger("provisioner")

BEACON_SECONDS: Final = 2.0
# From the pod's making to its answer: pulling no image, starting, and the probe's own patience.
PATIENCE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.2
MOST_NEIGHBOURS: Final = 2
GROUP: Final = "canary"
OPEN: Final = "open"
HOPELESS: Final = frozenset({"ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "CreateContainerConfigError"})


def answers(address: Address) -> bool:
    """Whether something listens there, seen from this very process."""
    try:
        with socket.create_connection((address.host, address.port), BEACON_SECONDS):
            return True
    except OSError:
        return False


@dataclass(frozen=True)
class KubernetesIsolation:
    """`facts_of` reads the project's facts afresh; `beacon_answers` may be told otherwise by tests.

    Its pods are read from the cluster itself, whatever is remembered.
    """

    api: ClusterApi
    journal: Journal
    addresses: KubernetesAddresses
    facts_of: Callable[[str], Facts | None]
    clock: Callable[[], datetime]
    beacon_answers: Callable[[Address], bool] = answers
    patience: float = PATIENCE_SECONDS

    def prove(self, project: Project) -> None:
        found = self._addresses(project)
        if not self.beacon_answers(found.beacon):
            raise unproved("the beacon did not answer the controller")
        nonce = secrets.token_hex(16)
        targets = workspace_targets(found, self._neighbours(project.name))
        manifest = canary(project.name, nonce, targets, self.addresses.settings)
        left = self._left(project.name)
        names = [called(each) for each in (*left, manifest)]
        with self.journal.group(project.name, GROUP, names, self.clock()):
            pod = self._sent(manifest, left)
        check(answer_of(pod, nonce), targets)

    def _sent(self, manifest: Manifest, left: Sequence[Manifest]) -> Manifest:
        """The canary once it has answered; it is gone again, and so is what an earlier controller left."""
        for pod in left:
            self.api.delete(_ref(pod), grace_seconds=0)
        try:
            self.api.create(POD, manifest)
            return self._finished(_ref(manifest))
        finally:
            self.api.delete(_ref(manifest), grace_seconds=0)

    def _addresses(self, project: Project) -> Addresses:
        facts = self.facts_of(project.name)
        if facts is None:
            raise unproved("the project is gone")
        return self.addresses.of(facts)

    def _neighbours(self, project: str) -> list[str]:
        """Addresses of workspaces of other projects: what runs there must not be reached either."""
        pods = fresh(self.api).list(POD, labels={ROLE_LABEL: WORKSPACE})
        return sorted(pod["status"]["podIP"] for pod in pods if _is_neighbour(pod, project))[:MOST_NEIGHBOURS]

    def _left(self, project: str) -> tuple[Manifest, ...]:
        """Canaries that outlived the controller that made them."""
        return fresh(self.api).list(POD, namespace_of(project), {CANARY_LABEL: "true"})

    def _finished(self, ref: Ref) -> Manifest:
        end = time.monotonic() + self.patience
        while True:
            pod = fresh(self.api).get(ref)
            if pod is None:
                raise unproved("its pod was taken away")
            if told(pod) is not None or pod.get("status", {}).get("phase") == "Failed":
                return pod
            if time.monotonic() >= end or never_starts(pod):
                raise unproved(f"its pod did not finish: {why_waiting(pod)}")
            time.sleep(POLL_SECONDS)


def told(pod: Manifest) -> str | None:
    """The termination message of the probe, once there is one."""
    for status in pod.get("status", {}).get("initContainerStatuses", ()):
        if status["name"] == PROBE and "terminated" in status.get("state", {}):
            return str(status["state"]["terminated"].get("message", ""))
    return None


def never_starts(pod: Manifest) -> bool:
    """Whether waiting on is of no use: the image cannot be had."""
    statuses = pod.get("status", {}).get("initContainerStatuses", ())
    return any(each.get("state", {}).get("waiting", {}).get("reason") in HOPELESS for each in statuses)


def why_waiting(pod: Manifest) -> str:
    """What the cluster itself says of a pod that does not start, for example an image that cannot be pulled."""
    status = pod.get("status", {})
    waits = [each.get("state", {}).get("waiting") for each in status.get("initContainerStatuses", ())]
    said = [f"{wait.get('reason', '')}: {wait.get('message', '')}" for wait in waits if wait]
    said += [str(c.get("message", "")) for c in status.get("conditions", ()) if c.get("reason") == "Unschedulable"]
    return " ".join(said)[:300] or str(status.get("phase", "unknown"))


def answer_of(pod: Manifest, nonce: str) -> dict[str, Any]:
    """The probe's answer, of the form agreed."""
    try:
        found = json.loads(told(pod) or "")
        if found["nonce"] == nonce and isinstance(found["ok"], bool) and isinstance(found["seen"], dict):
            return dict(found)
    except (ValueError, KeyError, TypeError):
        pass
    raise unproved(f"the probe gave no answer ({why_waiting(pod)})")


def check(answer: dict[str, Any], targets: list[Target]) -> None:
    """Raise unless everything was as it must be; what was reached counts more than what was not."""
    seen = answer["seen"]
    reached = sorted(t["name"] for t in targets if t["expect"] != OPEN and seen.get(t["name"]) not in {"closed", None})
    if reached:
        raise TidegateError(
            "ISOLATION_REACHED",
            f"A probe in the project's network reached what it must not: {', '.join(reached)}. Nothing is opened.",
            "The operator should check that the network plugin enforces NetworkPolicy.",
        )
    missing = sorted(t["name"] for t in targets if seen.get(t["name"]) is None)
    silent = sorted(t["name"] for t in targets if t["expect"] == OPEN and seen.get(t["name"]) != OPEN)
    if missing or silent or not answer["ok"]:
        raise unproved(f"the probe did not reach {', '.join(silent or missing) or 'three rounds running'}")


def unproved(why: str) -> TidegateError:
    return TidegateError(
        "ISOLATION_UNPROVED",
        f"The isolation of the project's network could not be proved: {why}.",
        "The operator should look at the release and the network plugin; it is tried again.",
    )


def _is_neighbour(pod: Manifest, project: str) -> bool:
    other = pod["metadata"].get("labels", {}).get(PROJECT_LABEL, project) != project
    return bool(other and pod.get("status", {}).get("podIP") and pod["status"].get("phase") == "Running")


def _ref(pod: Manifest) -> Ref:
    return Ref(POD, pod["metadata"]["name"], pod["metadata"]["namespace"])
