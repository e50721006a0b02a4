"""What stands in the way of a pod, in a person's words: tables from what Kubernetes says to a code and a sentence.

The spawner shows them while a workspace is starting and gives the last of them as the reason when it does not start.
Kubernetes's own words go to the hub's log alone: they name nodes, images and other people's pods.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tidegate.cluster.probe import PROBE
from tidegate.model import TidegateError

OPERATOR: Final = "Tell the operator of this environment."
LATER: Final = "Try again later, or ask the project's lead whose workspaces are running."
Status = Mapping[str, Any]


@dataclass(frozen=True)
class Trouble:
    """`hopeless` where waiting longer will not help."""

    code: str
    sentence: str
    fix: str
    hopeless: bool = False

    def error(self) -> TidegateError:
        return TidegateError(self.code, self.sentence, self.fix)


IMAGE: Final = Trouble(
    "workspace_image_missing", "The workspace's image cannot be fetched onto the machine it would run on.", OPERATOR
)
IMAGE_HOPELESS: Final = Trouble(IMAGE.code, IMAGE.sentence, IMAGE.fix, hopeless=True)
NETWORK: Final = Trouble(
    "workspace_network_open",
    "The workspace was not started, since its network could not be shown to be closed.",
    "It is looked at again at every start. " + OPERATOR,
    hopeless=True,
)
NETWORK_WAITS: Final = Trouble(NETWORK.code, "The workspace's network is being shown to be closed.", NETWORK.fix)
NO_ROOM: Final = Trouble("workspace_no_room", "No machine has room for another workspace at the moment.", LATER)
NO_VOLUME: Final = Trouble(
    "workspace_volume_missing", "A folder or the images of this project cannot be attached to the workspace.", OPERATOR
)
FAILED: Final = Trouble("workspace_failed", "A part of the workspace ended while it was starting.", OPERATOR)
NOT_MADE: Final = Trouble("workspace_not_made", "The machine could not set the workspace up.", OPERATOR)
SLOW: Final = Trouble("workspace_slow", "The workspace was not ready in time.", "Try again in a minute.")
QUOTA: Final = Trouble("workspace_quota", "The project's share of this environment is used up.", LATER, hopeless=True)
NO_RIGHT: Final = Trouble(
    "spawn_right_withheld",
    "The cluster does not let the hub start workspaces of this project.",
    "The start page says what it waits for.",
    hopeless=True,
)
GUARDED: Final = Trouble(
    "workspace_not_allowed", "A guardrail of the cluster refused the workspace as it was asked for.", OPERATOR
)
SILENT: Final = Trouble(
    "cluster_unavailable", "The cluster does not answer at the moment.", "Try again in a minute. What runs goes on."
)

# For the page of codes.
TROUBLES: Final = (
    IMAGE,
    NETWORK,
    NO_ROOM,
    NO_VOLUME,
    FAILED,
    NOT_MADE,
    SLOW,
    QUOTA,
    NO_RIGHT,
    GUARDED,
    SILENT,
)

# By why a container waits.
WAITING: Final[Mapping[str, Trouble]] = {
    "ErrImagePull": IMAGE,
    "ImagePullBackOff": IMAGE_HOPELESS,
    "InvalidImageName": IMAGE_HOPELESS,
    "ErrImageNeverPull": IMAGE_HOPELESS,
    "CreateContainerConfigError": Trouble(NOT_MADE.code, NOT_MADE.sentence, NOT_MADE.fix, hopeless=True),
    "CreateContainerError": NOT_MADE,
    "RunContainerError": NOT_MADE,
    "CrashLoopBackOff": FAILED,
}
# By an event's reason and a part of its message; the first that fits.
EVENTS: Final[tuple[tuple[str, str, Trouble], ...]] = (
    ("FailedScheduling", r"persistentvolumeclaim|volume", NO_VOLUME),
    ("FailedScheduling", r"", NO_ROOM),
    ("FailedMount", r"", NO_VOLUME),
    ("FailedAttachVolume", r"", NO_VOLUME),
    ("Failed", r"[Ii]mage", IMAGE),
    ("FailedCreatePodSandBox", r"", NOT_MADE),
    ("Evicted", r"", NO_ROOM),
    ("Preempted", r"", NO_ROOM),
)
# By what the API server answered to the wish for a pod; the first that fits.
REFUSALS: Final[tuple[tuple[int, str, Trouble], ...]] = (
    (403, r"exceeded quota", QUOTA),
    (403, r"must specify (limits|requests)|(maximum|minimum) \w+ usage", GUARDED),
    (403, r"ValidatingAdmissionPolicy|violates PodSecurity|denied", GUARDED),
    (403, r"cannot (create|list|watch|delete)", NO_RIGHT),
    (403, r"", GUARDED),
    (404, r"", NO_RIGHT),
    (422, r"", GUARDED),
)
# Good news, by an event's reason: how far the start is, and what is being done.
STEPS: Final[Mapping[str, tuple[int, str]]] = {
    "Scheduled": (30, "A machine was found"),
    "SuccessfulAttachVolume": (40, "Attaching your folders"),
    "Pulling": (45, "Fetching the image, which takes minutes the first time"),
    "Pulled": (60, "The image is there"),
    "Created": (70, "Starting the sandbox for your code"),
    "Started": (80, "Starting your session"),
}


def trouble_of_event(event: Status) -> Trouble | None:
    """What an event says is wrong; None for good news."""
    reason, message = str(event.get("reason", "")), str(event.get("message", ""))
    for name, part, trouble in EVENTS:
        if reason == name and re.search(part, message):
            return trouble
    return None


def trouble_of_pod(pod: Status) -> Trouble | None:
    """What the pod's own status says is wrong; the first container's trouble, the probe's before all."""
    status = pod.get("status", {})
    if status.get("phase") == "Failed":
        return NETWORK if _probe_failed(status) else FAILED
    return next(_troubles(status), None)


def trouble_of_answer(status: int, message: str) -> Trouble:
    """What the API server's refusal means; no answer at all is ``cluster_unavailable``."""
    for number, part, trouble in REFUSALS:
        if status == number and re.search(part, message):
            return trouble
    return SILENT


def _troubles(status: Status) -> Iterator[Trouble]:
    if _probe_failed(status):
        yield NETWORK if _probe_again(status) else NETWORK_WAITS
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        waits = container.get("state", {}).get("waiting") or {}
        if container.get("name") != PROBE or waits.get("reason") != "CrashLoopBackOff":
            trouble = WAITING.get(waits.get("reason", ""))
            if trouble is not None:
                yield trouble


def _probe_failed(status: Status) -> bool:
    """It ended and was not content, now or at its last try."""
    for container in status.get("initContainerStatuses", ()):
        if container.get("name") == PROBE:
            states = (container.get("state", {}), container.get("lastState", {}))
            return any((state.get("terminated") or {}).get("exitCode") for state in states) and not container.get(
                "ready"
            )
    return False


def _probe_again(status: Status) -> bool:
    """It was not content twice, and it is patient each time."""
    probe = next(each for each in status["initContainerStatuses"] if each.get("name") == PROBE)
    return probe.get("restartCount", 0) > 0 and "running" not in probe.get("state", {})
