"""What the provisioner's use cases ask of the outside. The adapters answer; nothing here knows which one does."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from provisioner.domain.elements import Walk
from provisioner.domain.facts import Facts
from provisioner.domain.manifest import Gathered, Pack
from provisioner.domain.plan import Plan
from provisioner.domain.transfer import PullProgress, PullResult
from tidegate.model import Dataset, Decision, Project, Step
from tidegate.model.project import Selection
from tidegate.model.status import CohortStatus


class UnderWay(Exception):  # noqa: N818 - it is no error
    """Raised by a step whose work goes on elsewhere, for example in a job: nothing failed, look again later."""


class CohortSource(Protocol):
    """Where a data set's files come from."""

    def plan(self, dataset: Dataset, selection: Selection) -> Plan:
        """A line for each file of the data set that the selection takes.

        Raises:
            TidegateError: with a code of `provisioner.domain.transfer.Code`, ``NAME_UNSAFE`` or ``NAME_TWICE``.
        """
        ...

    def pull(
        self, plan: Plan, folder: Path, vault: Path, progress: Callable[[PullProgress], None], now: datetime
    ) -> PullResult:
        """Every file of the plan into the vault by SHA-256; what `folder`'s journal vouches for is not fetched again.

        Call it again with the same plan and folder after any failure or kill: it goes on where it stopped.
        `folder` and `vault` lie on one file system.

        Raises:
            TidegateError: with a code of `provisioner.domain.transfer.Code`; nothing of a failed file is in the vault.
        """
        ...


class Folders(Protocol):
    """What people work in: a home each, a shared folder, and the folders their sandboxes meet in."""

    def prepare(self, facts: Facts, now: datetime) -> None:
        """Make what is missing, with the right owner and mode. Safe to repeat; touches nothing inside a home.

        Raises:
            TidegateError: ``FOLDER_FAILED``, or what the cluster said.
        """
        ...

    def erase(self, project: str, now: datetime) -> None:
        """Delete homes, shared folder and the copy of the data; what is gone already is no error.

        Raises:
            TidegateError: ``ERASE_FAILED`` while anything is left.
        """
        ...


class Ground(Protocol):
    """What keeps a project apart, where that stands by itself and can be changed by others. None on one machine.

    Each method is safe to repeat and writes nothing where nothing differs; all raise `TidegateError`.
    """

    def stand(self, facts: Facts, now: datetime, *, stood: bool, approved: bool) -> tuple[str, ...]:
        """Make or mend the fence. Answers what others had changed; with `stood`, what is missing was taken away.

        Of a spec that is not `approved` nothing new is opened: no way to its archives, and no larger quota.
        """
        ...

    def open(self, facts: Facts, now: datetime, *, stood: bool) -> tuple[str, ...]:
        """Let the hub look after workspaces and, last of all, start them; answers as `stand`."""
        ...

    def shut(self, project: str, now: datetime) -> None:
        """Take from the hub the right to start workspaces. First of all that goes."""
        ...

    def release(self, project: str) -> None:
        """Let go of the project's own record, once its certificate is written."""
        ...


class Retention(Protocol):
    def awaiting(self, project: str) -> Mapping[str, int]:
        """How many requests of the project still await review or release, by the state they are in.

        Raises:
            TidegateError: where that cannot be told.
        """
        ...


class Isolation(Protocol):
    def prove(self, project: Project) -> None:
        """Run the probe in a sandbox like a workspace's of this project.

        Raises:
            TidegateError: ``ISOLATION_REACHED`` where it got out, any other code where it could not be run.
        """
        ...


class Cohorts(Protocol):
    def ensure(
        self,
        project: Project,
        datasets: Sequence[Dataset],
        version: int,
        now: datetime,
        progress: Callable[[Step], None],
    ) -> CohortStatus:
        """The sealed, read-only copy of this version; pulled and checked unless it stands already.

        Raises:
            UnderWay: where that is done elsewhere and is not done yet.
            TidegateError: with the code of what failed.
        """
        ...

    def halt(self, project: str) -> bool:
        """The data may no longer be copied: end what is at it elsewhere. False where a copy asks for itself."""
        ...

    def stands(self, cohort: CohortStatus) -> bool:
        """Whether the copy recorded as sealed is still there to be mounted."""
        ...

    def looks_whole(self, cohort: CohortStatus) -> bool:
        """Whether the copy looks as it did when it was last hashed; cheap, asked at every look."""
        ...

    def verify_view(self, cohort: CohortStatus) -> None:
        """Hash all of it, and note how it looks for `looks_whole` and for the hub, which asks before each mount.

        Raises:
            UnderWay: where that is done elsewhere and is not done yet.
            TidegateError: ``COHORT_TAMPERED``.
        """
        ...

    def discard_view(self, cohort: CohortStatus) -> None:
        """Take a spoiled copy away, so that nothing mounts it and the next `ensure` makes it again."""
        ...


class Servers(Protocol):
    def running(self, project: str) -> tuple[str, ...]:
        """The people whose workspace of this project runs or is being started."""
        ...

    def stop(self, project: str, person: str) -> None:
        """Stop it, by the hub or without it.

        Raises:
            TidegateError: ``SERVER_NOT_STOPPED`` where something of it still runs.
        """
        ...


class ApprovalPolicy(Protocol):
    def decide(self, project: Project, now: datetime) -> Decision:
        """What policy says of the project. Never raises: an engine that fails is a denial with a code."""
        ...


class Heads(Protocol):
    def heads(self) -> Mapping[str, str]:
        """The last entry of each other chain as ``<number>:<digest>``, by the chain's name."""
        ...


class ImageReader(Protocol):
    def walk(self, path: Path) -> Walk:
        """Every element of a DICOM file, at every depth.

        Raises:
            UnreadableError: where the file cannot be read to its end.
        """
        ...


class CohortVault(Protocol):
    """The bytes of every cohort by SHA-256. Lying here permits nothing: a sealed manifest says what may be seen."""

    @property
    def folder(self) -> Path:
        """Where a source puts what it pulled."""
        ...

    def blob(self, sha256: str) -> Path: ...

    def discard(self, sha256: str) -> None: ...


class CohortShelf(Protocol):
    """Where cohorts stand: records of the stages, and read-only views. Every write is whole or not at all."""

    def work(self, project: str, version: int) -> Path:
        """A folder for journals of this version, made if missing."""
        ...

    def note(self, project: str, version: int, name: str) -> str | None:
        """A record of a stage as it was last written."""
        ...

    def write_note(self, project: str, version: int, name: str, text: str) -> None: ...

    def drop_note(self, project: str, version: int, name: str) -> None: ...

    def view(self, project: str, version: int) -> Path:
        """Where the view of this version is, or will be."""
        ...

    def build(
        self,
        project: str,
        version: int,
        gathered: Gathered,
        documents: Mapping[str, bytes],
        each: Callable[[int], None],
    ) -> dict[str, str]:
        """Make the view beside its place and move it there whole; the SHA-256 of each document by name.

        Raises:
            TidegateError: ``VAULT_DAMAGED`` where a blob is gone or spoiled, ``DISK_FULL``.
        """
        ...

    def looks(self, view: Path) -> str:
        """A digest over what the file system says of everything in the view, for `tidegate.objects.sealed_view`."""
        ...

    def looks_whole(self, cohort: CohortStatus) -> bool:
        """Whether the view looks as it was noted to."""
        ...

    def differences(self, view: Path, expected: Mapping[str, str]) -> tuple[str, ...]:
        """Paths in the view that are missing, changed or more than `expected` (SHA-256 by path)."""
        ...

    def remove(self, view: Path) -> None: ...

    def pack(self, project: str) -> Pack | None: ...

    def write_pack(self, pack: Pack) -> None: ...

    def blobs_in_use(self) -> frozenset[str]:
        """SHA-256 of every file that a gathered or sealed cohort of any project names."""
        ...
