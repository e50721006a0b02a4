"""One run of the cohort pipeline: what it is about, its records on the shelf, what the waiting person sees.

Shared by `cohort.py`, which seals, and `gathering.py`, which gathers what is to be sealed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from pydantic import ValidationError

from provisioner.ports import CohortShelf, CohortSource, CohortVault, ImageReader
from tidegate.ledger import Record
from tidegate.model import Dataset, Licence, Project, Step, StepState, TidegateError
from tidegate.model.names import Frozen, Sha256
from tidegate.model.status import CohortStatus

GATHERED: Final = "gathered.json"
SEALED: Final = "sealed.json"
EMPTY: Final = "empty.json"
STAGE: Final = "stage.json"
PULLED: Final = "pulled.json"
N = TypeVar("N", bound=Frozen)


class Stage(Frozen):
    """Which stage a version is in, for people who look at a stuck one."""

    inputs: Sha256
    stage: str


class Seal(Frozen):
    """The last record: what `ensure` answers, what it was made from, and the SHA-256 of every file of the view."""

    inputs: Sha256
    status: CohortStatus
    documents: dict[str, Sha256]


class Empty(Frozen):
    """Remembers that nothing was left of these plans, so that it is not all pulled again to say so again."""

    inputs: Sha256
    plans: Sha256
    sentence: str
    fix: str
    refused_blobs: tuple[Sha256, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """What the pipeline is made of.

    `may_continue(project, now)` is asked between files, with the time of `clock`: a licence that ends stops a pull.
    `record` writes to the ledger what has no write of a status beside it: each file that was refused.
    """

    source: CohortSource
    reader: ImageReader
    vault: CohortVault
    shelf: CohortShelf
    licence_of: Callable[[str], Licence | None]
    may_continue: Callable[[Project, datetime], bool]
    clock: Callable[[], datetime]
    record: Callable[[Record, datetime], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One call of `ensure`."""

    parts: Parts
    project: Project
    datasets: tuple[Dataset, ...]
    version: int
    now: datetime
    progress: Callable[[Step], None]
    inputs: str

    def note(self, kind: type[N], name: str) -> N | None:
        return read_note(self.parts.shelf, kind, self.project.name, self.version, name)

    def write_note(self, name: str, record: Frozen) -> None:
        """Written only where it says something new."""
        text = record.model_dump_json()
        if self.parts.shelf.note(self.project.name, self.version, name) != text:
            self.parts.shelf.write_note(self.project.name, self.version, name, text)

    def enter(self, code: str, message: str, *, done: int = 0, total: int = 0) -> None:
        """A new stage begins."""
        self.check()
        self.write_note(STAGE, Stage(inputs=self.inputs, stage=code))
        self.report(code, message, done, total)

    def report(self, code: str, message: str, done: int, total: int) -> None:
        state = StepState.DONE if code == "SEALED" else StepState.RUNNING
        self.progress(
            Step(name="cohort", state=state, code=code, message=message, since=self.now, done=done, total=total)
        )

    def check(self) -> None:
        """Raises ``COHORT_STOPPED`` once the data may no longer be copied."""
        if not self.parts.may_continue(self.project, self.parts.clock()):
            raise TidegateError(
                "COHORT_STOPPED",
                f"The copy of the data for project {self.project.name} was stopped: it is no longer allowed.",
                "Look at the project's approval and at the end of its licences; nothing was sealed.",
            )


def read_note(shelf: CohortShelf, kind: type[N], project: str, version: int, name: str) -> N | None:
    """A record as it was written; a damaged one is no record, and is not guessed at."""
    text = shelf.note(project, version, name)
    try:
        return None if text is None else kind.model_validate_json(text)
    except ValidationError:
        raise TidegateError(
            "COHORT_RECORD_DAMAGED",
            f"The record {name} of project {project}, version {version}, cannot be read.",
            "Have the disk checked; ask for the next version of the data to have it made anew.",
        ) from None
