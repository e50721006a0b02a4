"""A project on a real cluster whose data is pulled by jobs; the controller's hands are these tests'."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster_project_kit import Site
from cohort_kit import cbis_dataset
from model_kit import licence, project
from provisioner.adapters.kubernetes.addresses import look_up
from provisioner.adapters.kubernetes.cohorts import ClusterParts, KubernetesCohorts
from provisioner.adapters.kubernetes.cohorts.files import LoaderFiles
from provisioner.adapters.kubernetes.cohorts.jobs import Jobs
from provisioner.adapters.kubernetes.cohorts.objects import CohortSettings
from provisioner.adapters.kubernetes.cohorts.volumes import Volumes
from provisioner.adapters.xnat.listing import Credentials
from provisioner.adapters.xnat.tokens import XnatTokens
from provisioner.domain.facts import Facts
from provisioner.ports import UnderWay
from reconcile_kit import facts
from tidegate.cluster.port import ClusterApi
from tidegate.ledger import Record
from tidegate.model import Dataset, Project, Step
from tidegate.model.status import CohortStatus
from tidegate.objects.s3 import S3Place

XNAT = "http://198.51.100.2:8080"
# The same server for whoever is outside, as these tests are.
OUTSIDE_DOOR = "http://127.0.0.1:18080"
SECONDS = 240.0


def served(server: str = XNAT) -> Dataset:
    """The demo's data set as the world's XNAT has it."""
    spec = cbis_dataset().spec
    return cbis_dataset().model_copy(
        update={"spec": spec.model_copy(update={"xnat": spec.xnat.model_copy(update={"server": server})})}
    )


def loader_secrets(folder: Path, password: str, *, s3: tuple[str, str] | None = None) -> Path:
    """The service's secret files, as a pod has them."""
    account = folder / "xnat" / "198.51.100.2"
    account.mkdir(parents=True)
    (account / "username").write_text("tidegate-loader")
    (account / "password").write_text(password)
    for name, text in zip(("loader-s3-access-key", "loader-s3-secret-key"), s3 or (), strict=False):
        (folder / name).write_text(text)
    return folder


class ThroughTheDoor:
    """Alias tokens of the world's XNAT, asked for where these tests can reach it."""

    def __init__(self) -> None:
        self._tokens = XnatTokens()

    def issue(self, _server: str, account: Credentials) -> Credentials:
        return self._tokens.issue(OUTSIDE_DOOR, account)

    def take_back(self, _server: str, account: Credentials, alias: str) -> None:
        self._tokens.take_back(OUTSIDE_DOOR, account, alias)


@dataclass
class Cohorting:
    """One project; `ensure` goes on as the controller's looks would."""

    api: ClusterApi
    image: str
    secrets: Path
    name: str
    volume_mib: int = 512
    cohorts_mib: int = 2048
    place: S3Place | None = None
    steps: list[Step] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.site = Site(self.api)
        changes = {"services_image": self.image, "cohorts_mib": self.cohorts_mib, "storage_class": "tidegate-local"}
        self.cluster = self.site.settings.model_copy(update=changes)
        self.site.addresses.settings = self.cluster
        self.settings = CohortSettings(volume_mib=self.volume_mib)
        self.dataset = served()

    @property
    def project(self) -> Project:
        return project(self.name)

    def facts(self) -> Facts:
        return facts(self.project, self.dataset, project=self.name)

    def stand(self) -> None:
        self.site.ground.stand(self.facts(), now(), stood=False, approved=True)
        self.site.folders.prepare(self.facts(), now())

    def cohorts(self) -> KubernetesCohorts:
        """As after a start of the controller."""
        told = LoaderFiles(self.secrets, self.place, ThroughTheDoor())
        parts = ClusterParts(
            project_of=lambda _: self.project,
            licence_of=licence,
            given_for=told.given_for,
            vault=told.keeps(),
            record=lambda record, _: self.records.append(record),
            clock=now,
        )
        jobs = Jobs(self.api, self.cluster, self.settings, look_up, told.take_back)
        return KubernetesCohorts(jobs, Volumes(self.api, self.cluster, self.settings), self.settings, parts)

    def ensure(self, between: Callable[[], Any] = lambda: None) -> CohortStatus:
        """Look after look, each by a controller that has just started."""
        return patiently(
            lambda: self.cohorts().ensure(self.project, (self.dataset,), 1, now(), self.steps.append), between
        )

    def codes(self) -> list[str]:
        return list(dict.fromkeys(step.code for step in self.steps))


def patiently(look: Callable[[], Any], between: Callable[[], Any] = lambda: None) -> Any:
    """Until the work that goes on elsewhere is done."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return look()
        except UnderWay:
            assert time.monotonic() < deadline, "still under way"
            between()
            time.sleep(0.3)


def now() -> datetime:
    return datetime.now(UTC)
