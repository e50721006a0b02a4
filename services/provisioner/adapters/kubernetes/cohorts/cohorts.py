"""The `Cohorts` of a cluster. Called by the opening at each look; every call goes one step and never waits.

The stage that is due is read from the jobs that are there: a controller that was killed finds its job and goes on with
it, and where there is none it begins at the first stage, whose job sees in a moment that its work is done. What stands
is read from the read-only claim, which carries the status that was sealed; nobody but the controller may write one.

What is checked when: the sealing job hashes the whole view after it was made; `verify_view` has a job hash it again,
read through the read-only volume, when the last time is a day ago; `looks_whole` asks at every look whether claim and
volume still are the read-only ones over the very bytes that were sealed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import Final, NoReturn

from provisioner.adapters.kubernetes.cohorts.given import Given
from provisioner.adapters.kubernetes.cohorts.jobs import Jobs
from provisioner.adapters.kubernetes.cohorts.objects import CohortSettings
from provisioner.adapters.kubernetes.cohorts.volumes import Volumes
from provisioner.domain.loading import Order, Result, Stage
from provisioner.domain.manifest import inputs_digest
from provisioner.ports import UnderWay
from tidegate.cluster.names import cohort_view
from tidegate.ledger import Record
from tidegate.model import Dataset, Licence, Project, Step, StepState, TidegateError
from tidegate.model.status import CohortStatus

HASH_HOLDS: Final = timedelta(days=1)
STARTING: Final = {
    Stage.PULL: ("PULLING", "A job is starting that pulls the data from XNAT."),
    Stage.GATE: ("CHECKING", "A job is starting that checks the files for identifying data."),
    Stage.SEAL: ("SEALING", "A job is starting that seals the read-only copy."),
    Stage.VAULT: ("KEEPING", "A job is starting that keeps the files in the object store."),
    Stage.VERIFY: ("VERIFYING", "A job is starting that hashes the copy again."),
}


@dataclass(frozen=True)
class ClusterParts:
    """What this needs of the rest of the controller.

    Attributes:
        project_of: the project of this name.
        licence_of: the licence of this name, for the words of thanks in the copy.
        given_for: the secret files of a stage's job; none where the job gets none.
        vault: whether there is an object store to keep the files in.
        record: writes to the ledger what a job reported.
    """

    project_of: Callable[[str], Project | None]
    licence_of: Callable[[str], Licence | None]
    given_for: Callable[[Stage, Order], Given]
    vault: bool
    record: Callable[[Record, datetime], None]
    clock: Callable[[], datetime]


class KubernetesCohorts:
    def __init__(self, jobs: Jobs, volumes: Volumes, settings: CohortSettings, parts: ClusterParts) -> None:
        self._jobs = jobs
        self._volumes = volumes
        self._settings = settings
        self._parts = parts
        self._stages = (Stage.PULL, Stage.GATE, Stage.SEAL, *((Stage.VAULT,) if parts.vault else ()))

    def ensure(
        self,
        project: Project,
        datasets: Sequence[Dataset],
        version: int,
        now: datetime,
        progress: Callable[[Step], None],
    ) -> CohortStatus:
        """As the port says.

        Raises:
            UnderWay: while a job is at it.
            TidegateError: the code of the loader, ``COHORT_CHANGED``, ``IMAGE_NOT_PULLED``, ``QUOTA_EXCEEDED``,
                ``LOADER_*`` or what the cluster said.
        """
        ordered = tuple(sorted(datasets, key=lambda dataset: dataset.name))
        inputs = inputs_digest(project, ordered)
        sealed = self._volumes.sealed(project.name, version)
        if sealed is not None and sealed.inputs != inputs:
            raise _changed(project, version)
        if sealed is not None and self._volumes.is_whole(project.name, sealed.status):
            self._jobs.clear(project.name, version)  # a kill may have come between the claim and this
            return sealed.status
        self._volumes.make_room(project.name, version)
        order = self._order(project, ordered, version, now)
        result = self._advance(order, now, progress)
        return self._handed_over(order, inputs, result, now)

    def stands(self, cohort: CohortStatus) -> bool:
        """Whether the read-only claim is there, with the digest that was sealed."""
        found = self._volumes.sealed(_project(cohort), cohort.version)
        return found is not None and found.status.manifest_sha256 == cohort.manifest_sha256

    def looks_whole(self, cohort: CohortStatus) -> bool:
        """Whether claim and volume are bound to each other, read-only, and over the very bytes that were sealed."""
        return self._volumes.is_whole(_project(cohort), cohort)

    def verify_view(self, cohort: CohortStatus) -> None:
        """Hash all of it in a job, unless that was done within a day, as the claim has it.

        Raises:
            UnderWay: while the job is at it.
            TidegateError: ``COHORT_TAMPERED``, or why it could not be told.
        """
        project, now = _project(cohort), self._parts.clock()
        if not self.looks_whole(cohort):
            raise _not_the_volume(cohort)
        found = self._volumes.sealed(project, cohort.version)
        if found is not None and found.verified_at <= now < found.verified_at + HASH_HOLDS:
            return
        result = self._jobs.verify(self._checking(cohort, now), now)
        if result is None:
            raise UnderWay
        if result.code:
            raise result.error()
        self._volumes.note_verified(project, cohort.version, now)

    def discard_view(self, cohort: CohortStatus) -> None:
        """Take the read-only volume away, so that nothing mounts the copy; the next seal makes it from the vault."""
        self._volumes.spoil(_project(cohort), cohort.version)

    def halt(self, project: str) -> bool:
        """End every job of the project, with what it was told."""
        self._jobs.halt(project)
        return True

    def _order(self, project: Project, datasets: tuple[Dataset, ...], version: int, now: datetime) -> Order:
        names = sorted({dataset.spec.licence.name for dataset in datasets})
        return Order(
            project=project,
            datasets=datasets,
            licences=tuple(licence for name in names if (licence := self._parts.licence_of(name)) is not None),
            version=version,
            now=now,
            capacity_bytes=self._settings.volume_mib * 1024**2,
            fresh=self._volumes.is_spoiled(project.name, version),
        )

    def _checking(self, cohort: CohortStatus, now: datetime) -> Order:
        """An order that names what was sealed. The rest of it is for making; checking needs none of it."""
        project = self._parts.project_of(_project(cohort))
        if project is None:
            raise _not_the_volume(cohort)
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return Order(project=project, datasets=(), version=cohort.version, now=day, sealed=cohort)

    def _advance(self, order: Order, now: datetime, progress: Callable[[Step], None]) -> Result:
        """The result of the last stage; raises wherever there is none yet."""
        stage = self._jobs.latest(order, self._stages)
        if stage is None:
            self._start(self._stages[0], order, now, progress)
        heard = self._jobs.hear(stage, order, now)
        if heard.result is None:
            if heard.step is not None:
                # The loader's last word may be that its stage is done; what the person waits for is not.
                progress(heard.step.model_copy(update={"state": StepState.RUNNING}))
            raise UnderWay
        for record in heard.records:
            self._parts.record(record, now)
        if heard.result.code:
            self._jobs.clear(order.project.name, order.version)
            raise heard.result.error()
        following = self._stages[self._stages.index(stage) + 1 :]
        if following:
            self._start(following[0], order, now, progress)
        return heard.result

    def _start(self, stage: Stage, order: Order, now: datetime, progress: Callable[[Step], None]) -> NoReturn:
        self._jobs.start(stage, order, self._parts.given_for(stage, order))
        code, message = STARTING[stage]
        progress(Step(name="cohort", state=StepState.RUNNING, code=code, message=message, since=now))
        raise UnderWay

    def _handed_over(self, order: Order, inputs: str, result: Result, now: datetime) -> CohortStatus:
        """The volume comes back read-only, and only then the jobs and what they were told go."""
        if result.sealed is None:
            self._jobs.clear(order.project.name, order.version)
            raise TidegateError("LOADER_ORDER", "The loader ended without a seal.", "It is begun again by itself.")
        path = cohort_view(order.project.name, order.version)
        status = result.sealed.model_copy(update={"path": path, "version": order.version})
        self._volumes.hand_over(order.project.name, status, inputs, now)
        self._jobs.clear(order.project.name, order.version)
        return status


def _project(cohort: CohortStatus) -> str:
    """Whose copy it is: the path on the volume names it, as `cohort_view` wrote it."""
    return PurePath(cohort.path).parent.name


def _changed(project: Project, version: int) -> TidegateError:
    return TidegateError(
        "COHORT_CHANGED",
        f"Version {version} of the data of project {project.name} is sealed, and what it is made from has changed.",
        "Ask for the next version; a sealed one never changes.",
    )


def _not_the_volume(cohort: CohortStatus) -> TidegateError:
    return TidegateError(
        "COHORT_TAMPERED",
        f"The read-only volume of the data of project {_project(cohort)}, version {cohort.version}, is not the one "
        "that was made when it was sealed.",
        "It will not be mounted; it is taken away and made again.",
    )
