"""What the controller and its loader jobs say to each other: an order in, progress and a result out. Plain data.

The order is no secret and travels in the job's environment. Lines of progress and records go to the job's output, the
result to its termination message. Both come from a container that has parsed foreign files, so whoever reads them
checks their form and takes nothing else from them.
"""

from enum import StrEnum
from typing import Final

from pydantic import ValidationError

from tidegate.ledger import Record
from tidegate.model import Dataset, Instant, Licence, Project, Step, TidegateError, digest_of
from tidegate.model.names import Frozen
from tidegate.model.status import CohortStatus

MOST_BYTES: Final = 4096
LENGTHS: Final = (1200, 600, 300, 150)
LONGEST_CODE: Final = 60


class Stage(StrEnum):
    """A job each, with one destination at most."""

    PULL = "pull"
    GATE = "gate"
    SEAL = "seal"
    VAULT = "vault"
    VERIFY = "verify"


class Order(Frozen):
    """What a job is about. `capacity_bytes` is the size of its volume; `fresh` has a spoiled view made again."""

    project: Project
    datasets: tuple[Dataset, ...]
    licences: tuple[Licence, ...] = ()
    version: int
    now: Instant
    capacity_bytes: int = 0
    fresh: bool = False
    sealed: CohortStatus | None = None

    def digest(self) -> str:
        """Two orders of the same work are equal, whenever they were written."""
        return digest_of(self.model_dump(mode="json", exclude={"now"}))


class Line(Frozen):
    """One line of a job's output: how far it is, or something for the ledger."""

    step: Step | None = None
    record: Record | None = None


class Result(Frozen):
    """How a job ended. An empty code means that it did what it was told."""

    code: str = ""
    sentence: str = ""
    fix: str = ""
    sealed: CohortStatus | None = None

    def to_message(self) -> str:
        """Short enough for a termination message, whatever the sentence says."""
        texts = (self._cut(length).model_dump_json(exclude_defaults=True) for length in LENGTHS)
        return next(text for text in texts if len(text.encode()) <= MOST_BYTES)

    def _cut(self, length: int) -> "Result":
        cut = {"code": self.code[:LONGEST_CODE], "sentence": self.sentence[:length], "fix": self.fix[:length]}
        return self.model_copy(update=cut)

    def error(self) -> TidegateError:
        return TidegateError(self.code, self.sentence, self.fix)


def failed_result(error: TidegateError) -> Result:
    return Result(code=error.code, sentence=error.sentence, fix=error.fix)


def read_result(message: str) -> Result | None:
    """The result in a termination message; None where it holds none."""
    try:
        return Result.model_validate_json(message)
    except ValidationError:
        return None


def read_lines(output: str) -> tuple[Line, ...]:
    """The lines of a job's output that are of the agreed form; a cut first line or a stray warning is none."""
    found = (_read_line(text) for text in output.splitlines())
    return tuple(line for line in found if line is not None)


def last_step(lines: tuple[Line, ...]) -> Step | None:
    return next((line.step for line in reversed(lines) if line.step is not None), None)


def _read_line(text: str) -> Line | None:
    try:
        return Line.model_validate_json(text)
    except ValidationError:
        return None
