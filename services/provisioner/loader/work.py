"""Wires one stage: each has the parts it needs and refuses for the rest, so no stage can do another's work."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from provisioner.adapters.dicom import DicomReader
from provisioner.adapters.embedded.xnat_secrets import XnatSecrets
from provisioner.adapters.vault import FolderVault
from provisioner.adapters.view import FolderShelf
from provisioner.adapters.xnat.source import XnatSource
from provisioner.application import staged
from provisioner.application.cohort import CohortPipeline
from provisioner.application.cohort_run import Parts, Run
from provisioner.domain.loading import Line, Order, Result, Stage
from provisioner.domain.manifest import inputs_digest
from provisioner.domain.plan import Plan
from provisioner.domain.transfer import PullProgress, PullResult
from provisioner.loader.archive import Archive, archive_of
from provisioner.ports import CohortSource
from tidegate.ledger import Record
from tidegate.model import Dataset, Step
from tidegate.model.project import Selection

SHARES = 20


@dataclass(frozen=True)
class Places:
    """Where things are inside the job.

    Attributes:
        volume: the cohort's volume.
        secrets: the folder of secret files of this job; empty for all but `pull` and `vault`.
        result: the container's termination message.
    """

    volume: Path
    secrets: Path
    result: Path

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "Places":
        return cls(
            volume=Path(env.get("TIDEGATE_VOLUME", "/volume")),
            secrets=Path(env.get("TIDEGATE_SECRETS", "/run/secrets/tidegate")),
            result=Path(env.get("TIDEGATE_RESULT", "/dev/termination-log")),
        )


class NoSource:
    """Stands where XNAT is for the stages that may not reach it."""

    def plan(self, _dataset: Dataset, _selection: Selection) -> Plan:
        self._refuse()

    def pull(
        self, _plan: Plan, _folder: Path, _vault: Path, _progress: Callable[[PullProgress], None], _now: datetime
    ) -> PullResult:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise staged.stage_missing("gathered")


class Speaker:
    """Says each twentieth of the way once, and each record at once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: tuple[str, int] | None = None

    def step(self, step: Step) -> None:
        share = (step.code, step.done * SHARES // step.total if step.total else 0)
        if share != self._said:
            self._said = share
            self._say(Line(step=step).model_dump_json(exclude_none=True))

    def record(self, record: Record, _now: datetime) -> None:
        self._say(Line(record=record).model_dump_json(exclude_none=True))


def work(stage: Stage, order: Order, places: Places, say: Callable[[str], None]) -> Result:
    """Do this stage of the order.

    Raises:
        TidegateError: with the code of what failed.
        OSError: where the volume itself cannot be used.
    """
    source: CohortSource = XnatSource(XnatSecrets(places.secrets).credentials) if stage is Stage.PULL else NoSource()
    run = _run(order, places.volume, source, Speaker(say))
    pipeline = CohortPipeline(run.parts)
    if stage is Stage.PULL:
        staged.pull(run, order.capacity_bytes)
    elif stage is Stage.GATE:
        staged.gate(run)
    elif stage is Stage.SEAL:
        return Result(sealed=staged.seal(run, pipeline, fresh=order.fresh))
    elif stage is Stage.VAULT:
        return _archived(run, archive_of(places.secrets))
    else:
        _verify(order, pipeline, run)
    return Result()


def _verify(order: Order, pipeline: CohortPipeline, run: Run) -> None:
    """The copy on the volume against the digest that the controller has, not the one the volume says of itself."""
    if order.sealed is None:
        raise staged.stage_missing("sealed")
    place = run.parts.shelf.view(order.project.name, order.version)
    pipeline.check_view(order.sealed.model_copy(update={"path": str(place)}))


def _archived(run: Run, archive: Archive) -> Result:
    sealed = staged.sealed_status(run)
    archive.keep(run)
    return Result(sealed=sealed)


def _run(order: Order, volume: Path, source: CohortSource, speaker: Speaker) -> Run:
    vault = FolderVault(volume / "vault")
    licences = {licence.name: licence for licence in order.licences}
    parts = Parts(
        source=source,
        reader=DicomReader(),
        vault=vault,
        shelf=FolderShelf(volume, vault),
        licence_of=licences.get,
        may_continue=lambda _project, _now: True,  # the controller ends a job that may not go on
        clock=lambda: order.now,
        record=speaker.record,
    )
    ordered = tuple(sorted(order.datasets, key=lambda dataset: dataset.name))
    inputs = inputs_digest(order.project, ordered)
    return Run(parts, order.project, ordered, order.version, order.now, speaker.step, inputs)
