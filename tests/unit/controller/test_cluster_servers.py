"""How workspaces end on a cluster: the hub is asked first, and what it leaves undone is done without it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from provisioner.adapters.kubernetes import servers
from provisioner.adapters.kubernetes.servers import Hub, KubernetesServers
from reconcile_hub import HubDouble, hub_double
from tidegate.model import TidegateError

TOKEN = "token-of-the-provisioner"


@dataclass
class Pods:
    """Pods of one project; what is told to end is gone after some looks."""

    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: list[tuple[str, int | None]] = field(default_factory=list)
    lingers: int = 2

    def start(self, name: str, person: str) -> None:
        labels = {"tidegate.dev/role": "workspace"}
        about = {"name": name, "namespace": "tg-p", "uid": name, "labels": labels}
        about["annotations"] = {"tidegate.dev/person-subject": person}
        self.found[name] = {"metadata": about, "status": {"phase": "Running"}, "looks": 0}

    def end(self, name: str, grace: int) -> None:
        self.found[name]["metadata"] |= {"deletionTimestamp": "now", "deletionGracePeriodSeconds": grace}

    def list(self, _resource: Any, _namespace: str = "", _labels: Mapping[str, str] | None = None) -> tuple[Any, ...]:
        for name, pod in list(self.found.items()):
            pod["looks"] += "deletionTimestamp" in pod["metadata"]
            if pod["looks"] > self.lingers:
                del self.found[name]
        return tuple(self.found.values())

    def delete(self, ref: Any, *, grace_seconds: int | None = None, uid: str = "") -> bool:
        assert uid == ref.name
        self.told.append((ref.name, grace_seconds))
        self.end(ref.name, grace_seconds or 30)
        return True


@pytest.fixture
def hub() -> Iterator[HubDouble]:
    with hub_double() as double:
        yield double


@pytest.fixture
def pods(monkeypatch: pytest.MonkeyPatch) -> Pods:
    for name in ("HUB_SECONDS", "PATIENCE_SECONDS", "GONE_SECONDS"):
        monkeypatch.setattr(servers, name, 0.4)
    monkeypatch.setattr(servers, "POLL_SECONDS", 0.01)
    made = Pods()
    made.start("workspace-rosa", "rosa")
    made.start("workspace-ravi", "ravi")
    return made


def stop(pods: Pods, hub: HubDouble | None, person: str = "rosa") -> None:
    KubernetesServers(pods, Hub(hub.url, TOKEN) if hub else None).stop("p", person)  # type: ignore[arg-type]


def test_what_the_hub_has_told_to_end_is_left_to_end(pods: Pods, hub: HubDouble) -> None:
    """It takes its seconds to end; told again it would end no sooner."""
    hub.status = 202
    hub.on_delete = lambda: pods.end("workspace-rosa", 2)
    stop(pods, hub)
    assert hub.deletes == [("/hub/api/users/rosa/servers/p", f"token {TOKEN}")]
    assert pods.told == []
    assert list(pods.found) == ["workspace-ravi"]


@pytest.mark.parametrize("status", [202, 204, 403, 404, 500])
def test_a_hub_that_answers_and_does_nothing_is_not_waited_for(pods: Pods, hub: HubDouble, status: int) -> None:
    hub.status = status
    stop(pods, hub)
    assert pods.told == [("workspace-rosa", 2)]


def test_a_pod_that_takes_longer_than_may_be_is_told_again(pods: Pods, hub: HubDouble) -> None:
    hub.on_delete = lambda: pods.end("workspace-rosa", 30)
    pods.lingers = 500
    with pytest.raises(TidegateError):
        stop(pods, hub)
    assert pods.told == [("workspace-rosa", 2)]


def test_a_hub_that_is_slow_or_away_is_done_without(pods: Pods, hub: HubDouble) -> None:
    hub.delay = 5
    stop(pods, hub)
    hub.closing.set()
    stop(pods, None, "ravi")
    assert [name for name, _ in pods.told] == ["workspace-rosa", "workspace-ravi"]


def test_what_still_runs_is_said_and_a_start_under_way_is_tried_again(pods: Pods, hub: HubDouble) -> None:
    hub.status = 400
    with pytest.raises(TidegateError) as raised:
        stop(pods, hub)
    assert raised.value.code == "SERVER_NOT_STOPPED"
    assert pods.told == [("workspace-rosa", 2)]
