"""What became of a loader's job, read from the job, its pod and its events. Pure.

A person waits for the data, so whatever keeps a job from running has a code and a sentence of its own, also where the
job itself would wait for ever: an image that cannot be pulled, a quota that is used up, a node that is nowhere.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from provisioner.adapters.kubernetes.cohorts.objects import LOADER
from provisioner.domain.loading import Result, failed_result, read_result
from tidegate.cluster.port import Manifest
from tidegate.cluster.probe import PROBE
from tidegate.model import TidegateError

UNPULLABLE: Final = frozenset({"ErrImagePull", "ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName"})
UNMAKEABLE: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
QUOTA: Final = "exceeded quota"
PATIENCE: Final = timedelta(seconds=30)
KILLED: Final = 137
LONGEST: Final = 400


@dataclass(frozen=True)
class Look:
    """What the API says of one job. `pod` is its newest one; `events` are those of the job and of the pod."""

    job: Manifest
    pod: Manifest | None
    events: tuple[Manifest, ...] = ()


def is_over(look: Look) -> bool:
    """Whether nothing of it runs any more."""
    conditions = look.job.get("status", {}).get("conditions") or ()
    return any(c["type"] in {"Complete", "Failed"} and c["status"] == "True" for c in conditions)


def result_of(look: Look) -> Result:
    """How a job that is over ended; a job that could not say it itself is explained by what is left of it."""
    said = _message(look.pod)
    found = read_result(said) if said else None
    if _succeeded(look.job) and found is not None and not found.code:
        return found
    if found is not None and found.code:
        return found
    return failed_result(_unexplained(look))


def obstacle(look: Look, now: datetime) -> TidegateError | None:
    """Why a job that is not over does not run, or None where it runs or is only starting."""
    if look.pod is None:
        return _not_made(look)
    for state in _waiting(look.pod):
        if state.get("reason") in UNPULLABLE:
            return image_missing(str(state.get("message", "")))
        if state.get("reason") in UNMAKEABLE:
            return TidegateError("LOADER_NOT_STARTED", _sentence("A loader cannot be started", state.get("message")))
    return _not_scheduled(look.pod, now)


def image_missing(said: str) -> TidegateError:
    return TidegateError(
        "IMAGE_NOT_PULLED",
        _sentence("The loader's image cannot be pulled", said),
        "The operator should compare the image in the provisioner's settings with the registry.",
    )


def quota_exceeded(said: str) -> TidegateError:
    return TidegateError(
        "QUOTA_EXCEEDED",
        _sentence("The project's quota leaves no room for its data", said),
        "Stop a workspace of the project, or have the operator give cohorts a larger part of the quota.",
    )


def explained(error: TidegateError) -> TidegateError:
    """A refusal to make something, in the words of the person who waits."""
    return quota_exceeded(error.sentence) if QUOTA in error.sentence else error


def _not_made(look: Look) -> TidegateError | None:
    """The job's own events say why it has no pod; the newest counts."""
    refused = [event for event in look.events if event.get("reason") == "FailedCreate"]
    if not refused:
        return None
    said = str(max(refused, key=_event_time).get("message", ""))
    if QUOTA in said:
        return quota_exceeded(said)
    return TidegateError(
        "LOADER_REFUSED",
        _sentence("The cluster refuses the loader's pod", said),
        "The operator should compare the chart's admission policies with the version of the provisioner.",
    )


def _not_scheduled(pod: Manifest, now: datetime) -> TidegateError | None:
    """Given a while: a volume may still be on its way."""
    if now - _time(pod["metadata"].get("creationTimestamp"), now) < PATIENCE:
        return None
    for condition in pod.get("status", {}).get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return TidegateError(
                "LOADER_NOT_SCHEDULED",
                _sentence("No node takes the loader", condition.get("message")),
                "The operator should look at free memory, cores and volumes of the nodes; it starts by itself then.",
            )
    return None


def _unexplained(look: Look) -> TidegateError:
    """The job is over and has left no result."""
    if _reason(look.job) == "DeadlineExceeded" or _pod_reason(look.pod) == "DeadlineExceeded":
        return TidegateError(
            "LOADER_TIMED_OUT",
            "The loader took longer than it may.",
            "It goes on from where it was; if this comes back, the operator gives it more time.",
        )
    for name, ended in _ended(look.pod):
        if name == PROBE and ended.get("exitCode"):
            return _probe_failed(ended)
        if ended.get("reason") == "OOMKilled":
            return TidegateError(
                "LOADER_OUT_OF_MEMORY",
                "The loader needed more memory than it has.",
                "The operator gives loaders more memory; what was pulled is kept.",
            )
    died = next((f" with {ended.get('exitCode')}" for _, ended in _ended(look.pod) if ended.get("exitCode")), "")
    return TidegateError(
        "LOADER_DIED",
        f"The loader ended{died} without saying why.",
        "It is started again and goes on from where it was; the operator's log of the node may say more.",
    )


def _probe_failed(ended: Manifest) -> TidegateError:
    """The probe's own words are a table of names; which of them were wrong is for the operator's log."""
    return TidegateError(
        "ISOLATION_UNPROVED",
        _sentence("The loader's network is not as it must be, so nothing was pulled", ended.get("message")),
        "The operator should look at the project's network policies and at the way to the XNAT server.",
    )


def _message(pod: Manifest | None) -> str:
    return next((str(ended.get("message", "")) for name, ended in _ended(pod) if name == LOADER), "")


def _ended(pod: Manifest | None) -> Iterator[tuple[str, Manifest]]:
    """Containers that ended, by name; the probe's first."""
    for status in _statuses(pod):
        if ended := (status.get("state") or {}).get("terminated"):
            yield status["name"], ended


def _waiting(pod: Manifest) -> Iterator[Manifest]:
    for status in _statuses(pod):
        if waiting := (status.get("state") or {}).get("waiting"):
            yield waiting


def _statuses(pod: Manifest | None) -> Iterable[Manifest]:
    status = (pod or {}).get("status", {})
    return (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))


def _succeeded(job: Manifest) -> bool:
    return bool(job.get("status", {}).get("succeeded"))


def _reason(job: Manifest) -> str:
    conditions = job.get("status", {}).get("conditions") or ()
    return next((str(c.get("reason", "")) for c in conditions if c["type"] == "Failed"), "")


def _pod_reason(pod: Manifest | None) -> str:
    return str((pod or {}).get("status", {}).get("reason", ""))


def _event_time(event: Manifest) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp", ""))


def _time(text: str | None, fallback: datetime) -> datetime:
    return datetime.fromisoformat(text) if text else fallback


def _sentence(start: str, said: Any) -> str:  # noqa: ANN401 - whatever the API has there
    words = " ".join(str(said or "").split())[:LONGEST].rstrip(". ")
    return f"{start}: {words}." if words else f"{start}."
