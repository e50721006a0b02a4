"""The loader's jobs: started, listened to, and taken away with what they were told. Called by `KubernetesCohorts`.

At most one stage of a version runs. What an earlier controller left is taken over where it was made from the same order
by the same image, and taken away where it was not.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from provisioner.adapters.kubernetes.cohorts.given import NOTHING, Given
from provisioner.adapters.kubernetes.cohorts.hosts import Resolve, aliases_of
from provisioner.adapters.kubernetes.cohorts.kinds import EVENT, JOB, SECRET
from provisioner.adapters.kubernetes.cohorts.objects import (
    LOADER,
    ORDER,
    STAGE,
    TOKENS,
    CohortSettings,
    job,
    job_name,
    of_version,
    secret,
)
from provisioner.adapters.kubernetes.cohorts.reading import Look, explained, is_over, obstacle, result_of
from provisioner.adapters.kubernetes.kinds import POD
from provisioner.adapters.kubernetes.settings import ClusterSettings
from provisioner.domain.loading import Order, Result, Stage, last_step, read_lines
from provisioner.ports import UnderWay
from tidegate.cluster.names import PROJECT_LABEL, namespace_of
from tidegate.cluster.port import ClusterApi, Manifest, Ref
from tidegate.ledger import Record
from tidegate.model import Step, TidegateError, digest_of

# What a job cannot get over by waiting; it is made anew at the next try.
HOPELESS: Final = frozenset({"IMAGE_NOT_PULLED", "LOADER_REFUSED", "QUOTA_EXCEEDED", "LOADER_NOT_STARTED"})
# The stages with a destination, which need a key for it.
WITH_SECRET: Final = frozenset({str(Stage.PULL), str(Stage.VAULT)})
OF_JOB: Final = "batch.kubernetes.io/job-name"


@dataclass(frozen=True)
class Heard:
    """What a job says. `result` is None while it is at it."""

    result: Result | None = None
    step: Step | None = None
    records: tuple[Record, ...] = ()


class Jobs:
    """`take_back` ends alias tokens, given by server; it may fail only silently."""

    def __init__(
        self,
        api: ClusterApi,
        cluster: ClusterSettings,
        settings: CohortSettings,
        resolve: Resolve,
        take_back: Callable[[Mapping[str, str]], None],
    ) -> None:
        self._take_back = take_back
        self._api = api
        self._cluster = cluster
        self._settings = settings
        self._resolve = resolve

    def latest(self, order: Order, stages: Sequence[Stage]) -> Stage | None:
        """The furthest stage that has a job of this order. What is left of earlier ones goes, their Secrets first."""
        found = {str(j["metadata"]["labels"].get(STAGE)): j for j in self._jobs(order.project.name, order.version)}
        ours = [stage for stage in stages if stage in found and self._is_of(found[stage], order)]
        for name, other in found.items():
            if name in tuple(stages) and name not in ours[-1:]:
                self._remove(other)
        return ours[-1] if ours else None

    def start(self, stage: Stage, order: Order, given: Given) -> None:
        """Make the job, its Secret before it. Tokens of a job that could not be made are taken back.

        Raises:
            UnderWay: while the one before it is still going away.
            TidegateError: ``XNAT_UNKNOWN_HOST``, ``QUOTA_EXCEEDED`` or what the cluster said.
        """
        try:
            self._make(stage, order, given)
        except TidegateError as error:
            self._take_back(given.tokens)
            if error.code == "cluster_conflict":
                raise UnderWay from error
            raise explained(error) from error

    def _make(self, stage: Stage, order: Order, given: Given) -> None:
        aliases = aliases_of(order.datasets, self._resolve) if stage is Stage.PULL else ()
        made = job(stage, order, self._cluster, self._settings, with_secret=bool(given.files), aliases=aliases)
        made["metadata"]["annotations"][ORDER] = self._mark(order)
        if given.tokens:
            made["metadata"]["annotations"][TOKENS] = json.dumps(dict(given.tokens), sort_keys=True)
        if given.files:
            self._api.delete(Ref(SECRET, job_name(stage, order.version), namespace_of(order.project.name)))
            self._api.create(SECRET, secret(stage, order, given.files))
        self._api.create(JOB, made)

    def hear(self, stage: Stage, order: Order, now: datetime) -> Heard:
        """How far it is, or how it ended.

        Raises:
            TidegateError: why it cannot run; a job that never will is taken away.
        """
        look = self._look(job_name(stage, order.version), namespace_of(order.project.name))
        if look is None:
            raise UnderWay
        if not is_over(look):
            self._check(look, now)
            return Heard(step=last_step(read_lines(self._progress(look))))
        records = tuple(line.record for line in read_lines(self._output(look)) if line.record is not None)
        return Heard(result=result_of(look), records=records)

    def verify(self, order: Order, now: datetime) -> Result | None:
        """Have the copy hashed. None while a job is at it; a job that is over is taken away with its answer."""
        if self.latest(order, (Stage.VERIFY,)) is None:
            self.start(Stage.VERIFY, order, NOTHING)
            return None
        heard = self.hear(Stage.VERIFY, order, now)
        if heard.result is not None:
            self.clear(order.project.name, order.version)
        return heard.result

    def clear(self, project: str, version: int) -> None:
        """Take every job of this version away."""
        for found in self._jobs(project, version):
            self._remove(found)

    def halt(self, project: str) -> None:
        """The project's data may no longer be copied: whatever is at it ends."""
        for found in self._api.list(JOB, namespace_of(project), {PROJECT_LABEL: project}):
            self._remove(found)

    def _jobs(self, project: str, version: int) -> tuple[Manifest, ...]:
        return self._api.list(JOB, namespace_of(project), of_version(project, version))

    def _mark(self, order: Order) -> str:
        return digest_of([order.digest(), self._cluster.services_image])

    def _is_of(self, found: Manifest, order: Order) -> bool:
        metadata = found["metadata"]
        return not metadata.get("deletionTimestamp") and metadata.get("annotations", {}).get(ORDER) == self._mark(order)

    def _remove(self, found: Manifest) -> None:
        name, namespace = found["metadata"]["name"], found["metadata"]["namespace"]
        if found["metadata"].get("labels", {}).get(STAGE) in WITH_SECRET:
            self._api.delete(Ref(SECRET, name, namespace))
        self._take_back(tokens_of(found))
        self._api.delete(Ref(JOB, name, namespace), uid=found["metadata"]["uid"])

    def _check(self, look: Look, now: datetime) -> None:
        error = obstacle(look, now)
        if error is None:
            return
        if error.code in HOPELESS:
            self._remove(look.job)
        raise error

    def _look(self, name: str, namespace: str) -> Look | None:
        found = self._api.get(Ref(JOB, name, namespace))
        if found is None:
            return None
        pods = self._api.list(POD, namespace, {OF_JOB: name})
        pod = max(pods, key=lambda p: str(p["metadata"].get("creationTimestamp", "")), default=None)
        if pod is not None:
            return Look(found, pod)
        uid = found["metadata"]["uid"]
        events = (event for event in self._api.list(EVENT, namespace) if event["involvedObject"].get("uid") == uid)
        return Look(found, None, tuple(events))

    def _progress(self, look: Look) -> str:
        """How far it is, where that can be told: no container yet and a kubelet that is away are no failure."""
        try:
            return self._output(look)
        except TidegateError:
            return ""

    def _output(self, look: Look) -> str:
        """What the loader wrote. Of a job that is over it is wanted whole: the ledger's records are in it."""
        if look.pod is None:
            return ""
        metadata = look.pod["metadata"]
        try:
            return self._api.logs(metadata["namespace"], metadata["name"], LOADER)
        except TidegateError as error:
            if error.code == "cluster_unavailable":
                raise
            return ""


def tokens_of(found: Manifest) -> dict[str, str]:
    """Which tokens a job was given, as it was noted when it was made."""
    noted = found["metadata"].get("annotations", {}).get(TOKENS)
    return dict(json.loads(noted)) if noted else {}
