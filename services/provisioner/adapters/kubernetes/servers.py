"""`ports.Servers` on a cluster: the pods that carry a workspace's labels, ended by the hub or, where it is slow, by us.

Called by the cut. Who has one up is read from memory; what is to be stopped is looked for in the cluster itself. A
person is named by the pod's annotation; a pod without one is named by its label, so that it can be ended too.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

import httpx2
import structlog

from provisioner.adapters.kubernetes.kinds import POD
from provisioner.adapters.kubernetes.render.probes import CANARY_LABEL
from tidegate.cluster.names import PERSON_ANNOTATION, PERSON_LABEL, ROLE_LABEL, WORKSPACE, namespace_of
from tidegate.cluster.port import ClusterApi, Manifest, Ref
from tidegate.cluster.remembered import fresh
from tidegate.model import TidegateError

log = structlog.get_logger("provisioner")

HUB_SECONDS: Final = 1.0
# A hub that accepted the order gets this long to carry it out; then the pod is deleted without it.
PATIENCE_SECONDS: Final = 1.0
GRACE_SECONDS: Final = 2
GONE_SECONDS: Final = 6.0
POLL_SECONDS: Final = 0.1
PENDING: Final = 400
ENDED: Final = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True)
class Hub:
    """Where the hub's API is, and the token of this service."""

    api_url: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class KubernetesServers:
    api: ClusterApi
    hub: Hub | None

    def running(self, project: str) -> tuple[str, ...]:
        return tuple(sorted({_person(pod) for pod in _pods(self.api, project)}))

    def stop(self, project: str, person: str) -> None:
        answer = self._ask_hub(project, person)
        if answer is not None and answer < PENDING:
            _wait(lambda: not self._untold(project, person), PATIENCE_SECONDS)
        for pod in self._untold(project, person):
            log.warning("ended without the hub", project=project, answer=answer)
            metadata = pod["metadata"]
            ref = Ref(POD, metadata["name"], metadata["namespace"])
            self.api.delete(ref, grace_seconds=GRACE_SECONDS, uid=metadata["uid"])
        _wait(lambda: not self._of(project, person), GONE_SECONDS)
        if self._of(project, person) or answer == PENDING:
            raise TidegateError(
                "SERVER_NOT_STOPPED",
                f"The workspace of {person} in {project} could not be stopped yet.",
                "It is tried again within seconds.",
            )

    def _ask_hub(self, project: str, person: str) -> int | None:
        """The hub's answer as a number, or None where it gave none in time."""
        if self.hub is None:
            return None
        url = f"{self.hub.api_url}/users/{quote(person, safe='')}/servers/{quote(project, safe='')}"
        headers = {"Authorization": f"token {self.hub.token}"}
        try:
            return httpx2.delete(url, headers=headers, timeout=HUB_SECONDS, trust_env=False).status_code
        except httpx2.HTTPError as error:
            log.warning("hub did not answer", project=project, error=type(error).__name__)
            return None

    def _untold(self, project: str, person: str) -> list[Manifest]:
        return [pod for pod in self._of(project, person) if not _is_ending(pod)]

    def _of(self, project: str, person: str) -> list[Manifest]:
        return [pod for pod in _pods(fresh(self.api), project) if _person(pod) == person]


def _is_ending(pod: Manifest) -> bool:
    """Whether somebody, the hub as a rule, has told it to end as soon as we would."""
    metadata = pod["metadata"]
    return "deletionTimestamp" in metadata and int(metadata.get("deletionGracePeriodSeconds") or 0) <= GRACE_SECONDS


def _pods(api: ClusterApi, project: str) -> list[Manifest]:
    """Also one that is being deleted: it runs until its last container has ended."""
    pods = api.list(POD, namespace_of(project), {ROLE_LABEL: WORKSPACE})
    return [pod for pod in pods if CANARY_LABEL not in pod["metadata"]["labels"] and _runs(pod)]


def _runs(pod: Manifest) -> bool:
    return pod.get("status", {}).get("phase") not in ENDED


def _person(pod: Manifest) -> str:
    metadata = pod["metadata"]
    name = metadata.get("annotations", {}).get(PERSON_ANNOTATION) or metadata["labels"].get(PERSON_LABEL)
    return str(name or metadata["name"])


def _wait(done: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
