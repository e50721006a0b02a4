"""A project in a store with everything reconcile needs, each part answering as told; real store, real folders."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from model_kit import NOW, approval, dataset, grant, licence, project
from provisioner.adapters.embedded.folders import EmbeddedFolders
from provisioner.application.closing import Closing
from provisioner.application.opening import Opening
from provisioner.application.reconcile import Reconciler
from provisioner.bootstrap import CHAIN
from provisioner.domain.facts import Facts, facts_of
from tidegate.ledger import Actor, Event, Record
from tidegate.model import (
    ONE_MACHINE,
    AnyResource,
    Approval,
    Dataset,
    Decision,
    Outcome,
    Profile,
    Project,
    ProjectStatus,
    Step,
    StepState,
    TidegateError,
)
from tidegate.model.decision import Denial
from tidegate.model.status import CohortStatus
from tidegate.store import SqliteStore

KEY = "breast-density"
ALLOW = Decision(outcome=Outcome.ALLOW)
DENY = Decision(outcome=Outcome.DENY, deny=(Denial(code="purpose_not_permitted", dataset="cbis-ddsm", clause="2.1"),))
ASK = Decision(outcome=Outcome.NEEDS_HUMAN)
SILENT = Decision(outcome=Outcome.DENY, deny=(Denial(code="policy_unavailable"),))
OFFICER = Actor(kind="person", issuer="local", subject="gwen")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def facts(*items: AnyResource, **spec: Any) -> Facts:
    """Facts of a whole project; `items` beside the usual licence, data set and grant of rosa."""
    own = next((item for item in items if isinstance(item, Project)), None) or project(**spec)
    kinds: dict[str, list[Any]] = {"Licence": [], "Dataset": [], "Grant": [], "Approval": []}
    for item in items:
        kinds.get(item.kind, []).append(item)
    return facts_of(
        own,
        kinds["Dataset"] or [dataset()],
        kinds["Licence"] or [licence()],
        kinds["Grant"] or [grant()],
        kinds["Approval"] or [approval(own)],
    )


def approval_on(named: dict[str, str], *, name: str, by: str = "gwen", **spec: Any) -> Approval:
    """An Approval of any subject, however unfit."""
    body = {"verdict": "approve", "at": NOW, "reason": "As agreed."}
    return Approval(metadata={"name": name}, spec={**body, "subject": named, "by": {"subject": by}, **spec})


def closing_approval(subject: Project, *, by: str = "gwen") -> Approval:
    named = {"kind": "Project", "name": subject.name, "digest": subject.closing_digest()}
    return approval_on(named, name=f"{subject.name}-close", by=by)


@dataclass
class Answers:
    """The policy as an engine would answer it."""

    decision: Decision = ALLOW
    asked: int = 0

    def decide(self, _project: Project, _now: datetime) -> Decision:
        self.asked += 1
        return self.decision


@dataclass
class Probe:
    error: TidegateError | None = None
    proofs: int = 0

    def prove(self, _project: Project) -> None:
        if self.error:
            raise self.error
        self.proofs += 1


@dataclass
class Pulls:
    """A pipeline that makes the folder a sealed view is, from nothing."""

    root: Path
    error: Exception | None = None
    pulled: list[int] = field(default_factory=list)
    hashed: list[int] = field(default_factory=list)
    during: Callable[[], None] = lambda: None

    def ensure(
        self,
        project: Project,
        datasets: Sequence[Dataset],
        version: int,
        now: datetime,
        progress: Callable[[Step], None],
    ) -> CohortStatus:
        assert datasets
        for done in range(101):
            progress(Step(name="pull", state=StepState.RUNNING, code="PULLING", since=now, done=done, total=100))
        self.during()
        if self.error:
            raise self.error
        self.pulled.append(version)
        view = self.root / "cohorts" / project.name / f"v{version}"
        view.mkdir(parents=True, exist_ok=True)
        (view / "manifest.json").write_text("[]")
        return CohortStatus(
            version=version,
            files=8,
            refused=0,
            total_bytes=800,
            manifest_sha256="a" * 64,
            path=str(view),
            sealed_at=NOW,
        )

    def halt(self, _project: str) -> bool:
        return False

    def stands(self, cohort: CohortStatus) -> bool:
        return (Path(cohort.path) / "manifest.json").is_file()

    def looks_whole(self, _cohort: CohortStatus) -> bool:
        return True

    def verify_view(self, cohort: CohortStatus) -> None:
        self.hashed.append(cohort.version)

    def discard_view(self, cohort: CohortStatus) -> None:
        (Path(cohort.path) / "manifest.json").unlink()


@dataclass
class Processes:
    """Running workspaces as marks in a folder, so that they outlive the process under test as real ones do."""

    root: Path
    error: TidegateError | None = None
    stopped: list[str] = field(default_factory=list)

    def start(self, person: str, key: str = KEY) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / f"{key}--{person}").touch()

    def running(self, project: str) -> tuple[str, ...]:
        return tuple(sorted(path.name.split("--")[1] for path in self.root.glob(f"{project}--*")))

    def stop(self, project: str, person: str) -> None:
        if self.error:
            raise self.error
        (self.root / f"{project}--{person}").unlink(missing_ok=True)
        self.stopped.append(person)


@dataclass
class World:
    """One installation with one project, approved unless told otherwise."""

    root: Path
    now: datetime = NOW + MINUTE
    policy: Answers = field(default_factory=Answers)
    probe: Probe = field(default_factory=Probe)
    ground: Any = None
    retention: Any = None
    profiles: tuple[Profile, ...] = ONE_MACHINE

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.store = SqliteStore(self.root / "tidegate.db", CHAIN)
        self.governance = SqliteStore(self.root / "tidegate.db", "governance")
        self.pulls = Pulls(self.root)
        self.servers = Processes(self.root / "running")
        self.folders = EmbeddedFolders(self.root, self.store.host_id)

    def put(self, *resources: AnyResource) -> None:
        for item in resources:
            record = Record(event=Event.RESOURCE_CHANGED, actor=OFFICER, subject=f"{item.kind}/{item.name}")
            self.governance.put(item, record, self.now)

    def register(self, *, approved: bool = True, **spec: Any) -> Project:
        own = project(**spec)
        self.put(licence(), dataset(), grant(), own)
        if approved:
            self.put(approval(own))
        return own

    def reconciler(self, wrap: Callable[[str, Any], Any] = lambda _, part: part) -> Reconciler:
        """As after a start of the process. `wrap` may put something round each part."""
        folders = wrap("folders", self.folders)
        opening = Opening(
            policy=self.policy,
            folders=folders,
            isolation=wrap("isolation", self.probe),
            cohorts=wrap("cohorts", self.pulls),
            jitter=lambda: 0.0,
            ground=self.ground,
        )
        return Reconciler(
            store=wrap("store", self.store),
            servers=wrap("servers", self.servers),
            opening=opening,
            closing=Closing(folders, lambda: 0.0, self.retention, self.ground),
            clock=lambda: self.now,
            profiles=self.profiles,
        )

    def look(self) -> ProjectStatus:
        """One look by a fresh process."""
        status = self.reconciler().reconcile(KEY, self.now)
        assert status is not None
        return status

    def deployed(self) -> ProjectStatus:
        self.register()
        return self.look()

    def events(self) -> list[str]:
        return [str(entry.record.event) for entry in self.store.entries(CHAIN)]


@dataclass
class Fatal:
    """Stands before a part and kills the whole process at the nth call that changes anything, before or after it."""

    part: Any
    fuse: list[int]
    changing: frozenset[str]

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.part, name)
        if name not in self.changing:
            return real

        def call(*args: Any, **kwargs: Any) -> Any:
            self._burn()
            result = real(*args, **kwargs)
            self._burn()
            return result

        return call

    def _burn(self) -> None:
        self.fuse[0] -= 1
        if self.fuse[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)


CHANGING: Mapping[str, frozenset[str]] = {
    "store": frozenset({"put", "put_project_status", "append"}),
    "folders": frozenset({"prepare", "erase"}),
    "isolation": frozenset({"prove"}),
    "cohorts": frozenset({"ensure", "discard_view"}),
    "servers": frozenset({"stop"}),
}


def look_until_killed(world: World, fuse: int) -> int:
    """Run one look in a child that kills itself at the `fuse`th boundary. Answers its exit status."""
    child = multiprocessing.get_context("fork").Process(target=_look_with_fuse, args=(world, fuse))
    child.start()
    child.join(60)
    assert child.exitcode is not None
    return child.exitcode


def _look_with_fuse(world: World, fuse: int) -> None:
    left = [fuse]
    world.reconciler(lambda name, part: Fatal(part, left, CHANGING[name])).reconcile(KEY, world.now)


def fuses() -> Iterator[int]:
    """Boundaries to die at, one after the other; the caller stops when a look gets through."""
    yield from range(1, 200)
