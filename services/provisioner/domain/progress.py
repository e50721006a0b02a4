"""The steps a requester reads: what is done, what failed and why, when it is tried again.

Back-off is computed here; the random share of it comes in as an argument.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from tidegate.model import ProjectStatus, Step, StepState, TidegateError

FIRST_DELAY = 1.0
LONGEST_DELAY = 300.0
STOPPING = "stop/"


class Name(StrEnum):
    """The steps in their order; stopping one person's workspace is a step ``stop/<person>`` after them."""

    POLICY = "policy"
    FENCE = "fence"
    ISOLATION = "isolation"
    FOLDERS = "folders"
    COHORT = "cohort"
    ACCESS = "access"
    DELETION = "deletion"


ORDER = {str(name): place for place, name in enumerate(Name)}


def delay(tries: int, jitter: float) -> timedelta:
    """Doubles from one second to five minutes; `jitter` in [0, 1) places it within the upper half."""
    full = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(tries - 1, 16))
    return timedelta(seconds=full / 2 + full / 2 * jitter)


def with_step(status: ProjectStatus, step: Step) -> ProjectStatus:
    """The status with this step in its place; `since` stays while state and code stand."""
    before = status.step(step.name)
    if before is not None and (before.state, before.code) == (step.state, step.code):
        step = step.model_copy(update={"since": before.since})
    rest = [s for s in status.steps if s.name != step.name]
    ordered = sorted([*rest, step], key=lambda s: (ORDER.get(s.name, len(ORDER)), s.name))
    return status.model_copy(update={"steps": tuple(ordered)})


def without_step(status: ProjectStatus, name: str) -> ProjectStatus:
    return status.model_copy(update={"steps": tuple(s for s in status.steps if s.name != name)})


def running(name: str, message: str, now: datetime, code: str = "") -> Step:
    return Step(name=name, state=StepState.RUNNING, code=code, message=message, since=now)


def done(name: str, message: str, now: datetime) -> Step:
    return Step(name=name, state=StepState.DONE, message=message, since=now)


def failed(before: Step | None, name: str, error: TidegateError, now: datetime, jitter: float) -> Step:
    """The step after one more failure, with the time of its next try."""
    tries = (before.tries if before is not None and before.state is not StepState.DONE else 0) + 1
    return Step(
        name=name,
        state=StepState.FAILED,
        code=error.code,
        message=" ".join(part for part in (error.sentence, error.fix) if part),
        since=now,
        tries=tries,
        next_try=now + delay(tries, jitter),
    )


def going_on(before: Step | None, step: Step) -> Step:
    """A step under way again remembers how often it failed, so that back-off goes on growing."""
    if before is None or before.state is StepState.DONE:
        return step
    return step.model_copy(update={"tries": before.tries})


def is_waiting(step: Step | None, now: datetime) -> bool:
    """Whether a failed step still waits. A date beyond any back-off came from a wrong clock: not waited for."""
    if step is None or step.state is not StepState.FAILED or step.next_try is None:
        return False
    return now < step.next_try <= now + timedelta(seconds=LONGEST_DELAY)


def stopping_of(status: ProjectStatus) -> tuple[str, ...]:
    """The people whose workspaces we said we would stop and have not yet."""
    return tuple(s.name.removeprefix(STOPPING) for s in status.steps if s.name.startswith(STOPPING))
