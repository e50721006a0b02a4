"""When something ends, the last container that stood on it has ended within five seconds, whatever is away.

A container's end is what the kubelet says of it, which is a whole second: it counts as the end of that second. The
workspaces are the hub's own in one case, and elsewhere pods that the API cannot tell from one and that ignore SIGTERM.
"""

import contextlib
import json
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import hub_kit
from cluster.images import ctr
from cluster.kit import Cluster, eventually
from cluster.loaded import services_image
from cluster.people import ClusterSite
from cluster.places import PAGES_PORT
from cluster_cohort_kit import now, served
from cluster_live_kit import Live, installed, provisioner, sleeping, term
from cluster_many_kit import Many
from model_kit import grant, licence
from provisioner.adapters.kubernetes.kinds import POD
from tidegate.cluster.client import connect
from tidegate.cluster.names import workspace_pod
from tidegate.demo.stage import password_of
from tidegate.model import PersonRef, TidegateError

BOUND = timedelta(seconds=5)
WHOLE = timedelta(seconds=1)
SOON = timedelta(seconds=9)
# Long enough for a canary, two pods and whatever else the machine is at.
ALL_UP = timedelta(seconds=150)
START = timedelta(seconds=10)
RESEARCHERS = ("ravi", "sven", "omar")


@dataclass
class Ends:
    """When the last container of each pod of a namespace ended; heard as it happens, since a pod goes soon after."""

    cluster: Cluster
    namespace: str
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        threading.Thread(target=self._follow, daemon=True, name=f"ends of {self.namespace}").start()

    def of(self, who: str) -> datetime | None:
        """The latest moment at which it can have been."""
        states = [each["state"] for each in self._status(who).get("containerStatuses", ())]
        if not states or not all("terminated" in state for state in states):
            return None
        return max(datetime.fromisoformat(state["terminated"]["finishedAt"]) for state in states) + WHOLE

    def why(self, who: str) -> str:
        return str(self._status(who).get("reason", ""))

    def _status(self, who: str) -> dict[str, Any]:
        return dict(self.seen.get(workspace_pod(PersonRef(subject=who)), {}))

    def _follow(self) -> None:
        api, version = connect(self.cluster.kubeconfig), ""
        while True:
            with contextlib.suppress(TidegateError):
                version = version or api.listing(POD, self.namespace).version
                for change in api.watch(POD, self.namespace, since=version):
                    version = change.manifest["metadata"]["resourceVersion"]
                    self.seen[change.manifest["metadata"]["name"]] = change.manifest.get("status", {})


@dataclass
class Place:
    """A project with people at work, and what becomes of their pods."""

    cluster: Cluster
    name: str
    until: datetime | None = None
    ends: Ends = field(init=False)

    def __post_init__(self) -> None:
        self.ends = Ends(self.cluster, self.namespace)

    @property
    def namespace(self) -> str:
        return f"tg-{self.name}"

    def start(self, *people: str, seconds: int = 600) -> None:
        """By the hub's own identity and rights."""
        hub, image = self.cluster.acting_as_account("tidegate", "hub"), services_image()
        for who in people:
            pod = sleeping(self.name, image, PersonRef(subject=who), seconds=seconds)
            made = hub.attempt("create", "-f", "-", text=json.dumps(pod))
            assert made.returncode == 0, made.stderr
        for who in people:
            eventually(f"{who} is at work", lambda who=who: self.runs(who), 90)  # type: ignore[misc]

    def runs(self, who: str) -> bool:
        pod = self.cluster.get("pod", workspace_pod(PersonRef(subject=who)), self.namespace)
        return (
            pod is not None and pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
        )

    def has_ended(self, who: str, end: datetime) -> timedelta:
        """How long after the end; waits for it."""
        eventually(f"the end of {who}'s workspace", lambda: self.ends.of(who), (end - now()).total_seconds() + 60)
        last = self.ends.of(who)
        assert last is not None
        return last - end


@pytest.fixture(scope="module")
def places(cluster: Cluster) -> Iterator[dict[str, Place]]:
    """Three projects at once: one with a real copy of the data, one whose licence ends soon, one that ends soon."""
    series, end = secrets.token_hex(3), (now() + ALL_UP).replace(microsecond=0)
    live = Live(installed(cluster), f"x{series}-people")
    terms = licence(f"x{series}", grant={"valid_from": now() - timedelta(days=1), "valid_to": end})
    archive = served().model_copy(
        update={
            "metadata": served().metadata.model_copy(update={"name": f"x{series}"}),
            "spec": served().spec.model_copy(
                update={"licence": served().spec.licence.model_copy(update={"name": terms.name, "digest": None})}
            ),
        }
    )
    licensed = Many(cluster, (f"x{series}-licence",), ("rosa", "ravi"), archive, terms)
    dated = Many(cluster, (f"x{series}-project",), ("rosa", "ravi"))
    try:
        live.register()
        live.write(*(grant(f"{live.name}-{who}", person=who, project=live.name) for who in RESEARCHERS))
        licensed.register()
        dated.register(ends=end)
        found = {"people": Place(cluster, live.name)}
        for many, what in ((licensed, "licence"), (dated, "project")):
            many.deployed(120)
            found[what] = Place(cluster, *many.names, until=end)
            found[what].start("rosa", "ravi")
        live.deployed()
        yield found
    finally:
        for each in (live, licensed, dated):
            each.close()


@pytest.fixture
def people(places: dict[str, Place]) -> Place:
    return places["people"]


def let_go(place: Place, who: str, end: datetime) -> None:
    """An officer has the grant end then."""
    Live(place.cluster, place.name).write(grant(f"{place.name}-{who}", person=who, project=place.name, until=end))


def soon() -> datetime:
    return (now() + SOON).replace(microsecond=0)


@pytest.mark.parametrize("what", ["licence", "project"])
def test_when_a_licence_or_project_ends_all_its_workspaces_have_ended(places: dict[str, Place], what: str) -> None:
    place, end = places[what], places[what].until
    assert end is not None
    took = {who: place.has_ended(who, end) for who in ("rosa", "ravi")}
    assert max(took.values()) <= BOUND, took
    assert min(took.values()) > timedelta(0), "and not before"
    assert place.cluster.get("rolebinding", "hub-spawn", place.namespace) is None


@pytest.mark.timeout(400)
def test_when_a_grant_ends_that_persons_workspace_has_ended_and_nobody_elses(
    people: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub's own, with its two containers; its deadline lies before every end that was known at its start."""
    monkeypatch.setattr(hub_kit, "DOMAIN", "tidegate.test")
    ClusterSite(people.cluster, tmp_path).prepare()
    client = hub_kit.Client(PAGES_PORT)
    client.log_in("rosa", password_of("rosa"))
    assert "jupyter-config-data" in client.open("rosa", people.name, 180).text
    people.start("ravi")
    end = soon()
    let_go(people, "rosa", end)
    took = people.has_ended("rosa", end)
    assert timedelta(0) < took <= BOUND, took
    assert people.runs("ravi")


@pytest.mark.timeout(400)
def test_the_same_with_the_hub_stopped(people: Place) -> None:
    if not people.runs("ravi"):
        people.start("ravi")
    with scaled_down(people.cluster, "hub"):
        end = soon()
        let_go(people, "ravi", end)
        took = people.has_ended("ravi", end)
    assert timedelta(0) < took <= BOUND, took


@pytest.mark.timeout(400)
def test_the_same_with_the_policy_server_stopped(people: Place) -> None:
    people.start("sven")
    with frozen(people.cluster, provisioner(people.cluster), "opa"):
        end = soon()
        let_go(people, "sven", end)
        took = people.has_ended("sven", end)
    assert timedelta(0) < took <= BOUND, took


@pytest.mark.timeout(400)
def test_the_node_ends_a_workspace_by_itself_with_the_controller_stopped(people: Place) -> None:
    """By the second clock, which every workspace brings along; admission refuses one without."""
    with scaled_down(people.cluster, "provisioner"):
        end = now() + 2 * START + SOON
        people.start("omar", seconds=int((end - now() - START).total_seconds()))
        let_go(people, "omar", end)
        took = people.has_ended("omar", end)
        assert people.ends.why("omar") == "DeadlineExceeded"
    assert took <= BOUND, took
    assert took > -START - BOUND, "it was not cut short"


@contextlib.contextmanager
def scaled_down(cluster: Cluster, component: str) -> Iterator[None]:
    """None of its pods is left inside the block; afterwards it is ready, and a provisioner leads."""
    deployment, label = f"deployment/tidegate-{component}", f"app.kubernetes.io/component={component}"
    before = term(cluster)
    cluster.kubectl("scale", deployment, "-n", "tidegate", "--replicas=0")
    try:
        eventually(f"no {component}", lambda: not cluster.list("pods", "tidegate", label), 60)
        yield
    finally:
        cluster.kubectl("scale", deployment, "-n", "tidegate", "--replicas=1")
        cluster.kubectl("rollout", "status", "-n", "tidegate", deployment, "--timeout=180s", seconds=200)
        if component == "provisioner":
            eventually("the next process leads", lambda: term(cluster) > before, 60)


@contextlib.contextmanager
def frozen(cluster: Cluster, pod: str, container: str) -> Iterator[None]:
    """It keeps its connections and answers nothing; its own pod's probes may start it again after a while."""
    found = cluster.get("pod", pod, "tidegate")
    assert found is not None
    every = (*found["status"].get("initContainerStatuses", ()), *found["status"]["containerStatuses"])
    task = next(each["containerID"].removeprefix("containerd://") for each in every if each["name"] == container)
    pid = next(int(line.split()[1]) for line in ctr("tasks", "list").splitlines() if line.startswith(task))
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
