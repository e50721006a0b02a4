"""What Kubernetes says of a pod that does not start, and what the person is told: every row, and what fits none."""

from typing import Any

import pytest

from workspace.hub.kubernetes import troubles
from workspace.hub.kubernetes.troubles import (
    EVENTS,
    REFUSALS,
    WAITING,
    Trouble,
    trouble_of_answer,
    trouble_of_event,
    trouble_of_pod,
)

QUOTA = 'pods "workspace-rosa-1" is forbidden: exceeded quota: project, requested: limits.memory=3Gi, used: 4Gi'
RIGHTS = 'pods is forbidden: User "system:serviceaccount:tidegate:hub" cannot create resource "pods" in API group ""'
RANGE = 'pods "w" is forbidden: [maximum memory usage per Container is 1Gi, but limit is 2Gi]'
SECURITY = 'pods "w" is forbidden: violates PodSecurity "restricted:v1.34": allowPrivilegeEscalation != false'
POLICY = "pods \"w\" is forbidden: ValidatingAdmissionPolicy 'tidegate-pods' denied request"
ANSWERS = [
    (403, QUOTA, "workspace_quota"),
    (403, RIGHTS, "spawn_right_withheld"),
    (403, RANGE, "workspace_not_allowed"),
    (403, SECURITY, "workspace_not_allowed"),
    (403, POLICY, "workspace_not_allowed"),
    (403, "", "workspace_not_allowed"),
    (404, 'namespaces "tg-x" not found', "spawn_right_withheld"),
    (422, "Pod is invalid", "workspace_not_allowed"),
    (500, "", "cluster_unavailable"),
    (429, "too many requests", "cluster_unavailable"),
    (0, "", "cluster_unavailable"),
]
SAID = [
    ("FailedScheduling", '0/1 nodes: persistentvolumeclaim "home-rosa-1" not found', "workspace_volume_missing"),
    ("FailedScheduling", "0/1 nodes are available: 1 Insufficient memory", "workspace_no_room"),
    ("FailedMount", "MountVolume.SetUp failed", "workspace_volume_missing"),
    ("Failed", 'Failed to pull image "registry.example/w@sha256:0"', "workspace_image_missing"),
    ("FailedCreatePodSandBox", "cni failed", "workspace_not_made"),
    ("Evicted", "The node was low on memory", "workspace_no_room"),
]
EVERY = [value for value in vars(troubles).values() if isinstance(value, Trouble)]


@pytest.mark.parametrize(("status", "message", "code"), ANSWERS, ids=[f"{row[0]} {row[1][:30]}" for row in ANSWERS])
def test_a_refusal_of_the_cluster_has_a_code(status: int, message: str, code: str) -> None:
    assert trouble_of_answer(status, message).code == code


@pytest.mark.parametrize(("reason", "message", "code"), SAID, ids=[f"{row[0]} {row[1][:30]}" for row in SAID])
def test_an_event_has_a_code(reason: str, message: str, code: str) -> None:
    trouble = trouble_of_event({"reason": reason, "message": message})
    assert trouble is not None
    assert trouble.code == code


@pytest.mark.parametrize("reason", ["Scheduled", "Pulled", "Created", "Started", "Killing", ""])
def test_good_news_is_no_trouble(reason: str) -> None:
    assert trouble_of_event({"reason": reason, "message": "image"}) is None


@pytest.mark.parametrize("reason", list(WAITING))
@pytest.mark.parametrize("which", ["initContainerStatuses", "containerStatuses"])
def test_a_container_that_waits_says_why(reason: str, which: str) -> None:
    status = {"phase": "Pending", which: [{"name": "kernel", "state": {"waiting": {"reason": reason}}}]}
    assert trouble_of_pod({"status": status}) == WAITING[reason]


def test_one_that_only_begins_is_no_trouble() -> None:
    begins = [{"name": "kernel", "state": {"waiting": {"reason": "PodInitializing"}}}]
    assert trouble_of_pod({"status": {"phase": "Pending", "containerStatuses": begins}}) is None
    assert (
        trouble_of_pod({"status": {"phase": "Running", "containerStatuses": [{"name": "kernel", "state": {}}]}}) is None
    )
    assert trouble_of_pod({"status": {}}) is None


def probe(
    state: dict[str, Any], last: dict[str, Any] | None = None, *, phase: str = "Pending", again: int = 0
) -> Trouble | None:
    statuses = [{"name": "probe", "ready": False, "restartCount": again, "state": state, "lastState": last or {}}]
    return trouble_of_pod({"status": {"phase": phase, "initContainerStatuses": statuses}})


def test_an_open_network_is_told_as_one() -> None:
    """Not as a container that crashes."""
    failed = {"terminated": {"exitCode": 1}}
    again = {"waiting": {"reason": "CrashLoopBackOff"}}
    for found in (probe(failed), probe(again, failed), probe({"running": {}}, failed), probe(failed, phase="Failed")):
        assert found is not None
        assert found.code == "workspace_network_open"
    assert probe({"running": {}}) is None
    assert probe({"running": {}}, failed, again=1) == troubles.NETWORK_WAITS
    assert probe(again, failed, again=1) == probe(failed, failed, again=1) == troubles.NETWORK
    assert troubles.NETWORK.hopeless


def test_a_pod_that_failed_otherwise_says_so() -> None:
    trouble = trouble_of_pod({"status": {"phase": "Failed"}})
    assert trouble is not None
    assert trouble.code == "workspace_failed"


def test_the_page_of_codes_has_them_all() -> None:
    assert {trouble.code for trouble in EVERY} == {trouble.code for trouble in troubles.TROUBLES}


def test_every_row_can_be_met() -> None:
    """A row behind one that takes everything would never be."""
    for number, (reason, part, trouble) in enumerate(EVENTS):
        assert not [row for row in EVENTS[:number] if row[0] == reason and row[1] in {"", part}], (reason, trouble)
    for number, (status, part, trouble) in enumerate(REFUSALS):
        assert not [row for row in REFUSALS[:number] if row[0] == status and row[1] in {"", part}], (status, trouble)


@pytest.mark.parametrize("trouble", EVERY, ids=[trouble.code for trouble in EVERY])
def test_a_person_is_told_what_and_whom_to_ask_in_plain_words(trouble: Trouble) -> None:
    assert trouble.sentence.endswith(".")
    assert trouble.fix.endswith(".")
    for word in ("pod", "Kubernetes", "container", "namespace", "node", "PVC"):
        assert word not in trouble.sentence
