"""The spawner on a made-up API: where a workspace goes, what is refused, and what a person is told."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyterhub.spawner import SpawnException
from kubernetes_asyncio.client import ApiException
from kubespawner import KubeSpawner

import hub_kit
import workspace_kit
from hub_kit import PROJECT, SECOND
from tidegate.model import Decision, Denial, Outcome, utc_now
from workspace.hub.kubernetes.spawner import WorkspaceSpawner
from workspace.hub.site import CHAIN, Site
from workspace_kit import TOKEN, settings, waiting

Act = Callable[[WorkspaceSpawner], Awaitable[Any]]
ALLOW = workspace_kit.allow()
DENY = Decision(outcome=Outcome.DENY, deny=(Denial(code="grant_ended", detail="your grant ended"),))


class Asked:
    """A policy with one answer."""

    def __init__(self, answer: Decision) -> None:
        self.answer = answer

    def decide(self, *_: object) -> Decision:
        return self.answer


@pytest.fixture
def state(tmp_path: Path) -> Path:
    workspace_kit.world(tmp_path / "state", utc_now())
    return tmp_path / "state"


def site(state: Path, answer: Decision = ALLOW) -> Site:
    store = hub_kit.SqliteStore(state / "tidegate.db", CHAIN)
    return Site(settings(), store, Asked(answer), lambda *_: None)  # type: ignore[arg-type]  # one method is asked


def run(act: Act, state: Path, patch: pytest.MonkeyPatch, name: str = PROJECT, **options: Any) -> WorkspaceSpawner:
    """One spawner's life in a loop of its own."""
    answer = options.pop("answer", ALLOW)
    before = options.pop("before", lambda _: None)

    async def life() -> WorkspaceSpawner:
        made = workspace_kit.spawner(site(state, answer), name, patch, **options)
        before(made)
        try:
            await act(made)
        finally:
            await WorkspaceSpawner._stop_all_reflectors()
        return made

    return asyncio.run(life())


@contextmanager
def refused(code: str) -> Iterator[None]:
    """With this code in each of the places the hub looks."""
    with pytest.raises(SpawnException) as caught:
        yield
    assert caught.value.reason == code
    assert f"[{code}]" in caught.value.jupyterhub_message
    assert caught.value.status_code == 400


def test_it_is_made_in_the_projects_namespace_under_the_persons_name(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(spawner: WorkspaceSpawner) -> None:
        assert await spawner.start() == "http://10.244.0.9:8888"

    made = run(act, state, monkeypatch)
    ((namespace, pod),) = made.api.created
    assert namespace == pod["metadata"]["namespace"] == f"tg-{PROJECT}"
    assert pod["metadata"]["name"].startswith("workspace-rosa-")
    assert pod["metadata"]["labels"]["component"] == made.component_label
    session = next(part for part in pod["spec"]["containers"] if part["name"] == "notebook")
    assert {"name": "JUPYTERHUB_API_TOKEN", "value": TOKEN} in session["env"]
    assert list(workspace_kit.codes(state)) == [("workspace:server:started", None)]


FORGED: list[tuple[str, dict[str, Any], str]] = [
    ("another project's name", {"name": SECOND}, "spawn_right_missing"),
    ("a project there is none of", {"name": "no-such-project"}, "spawn_right_missing"),
    ("another namespace", {"name": "tidegate"}, "spawn_right_missing"),
    ("the namespace of the system", {"name": "kube-system"}, "spawn_right_missing"),
    ("no name", {"name": ""}, "server_name_required"),
    ("another person", {"user": "gwen"}, "spawn_right_missing"),
    ("an image of one's own", {"choose": {"image": "evil"}}, "options_refused"),
    ("a profile", {"choose": {"profile": "root"}}, "options_refused"),
    ("a namespace as an option", {"choose": {"namespace": "tidegate"}}, "options_refused"),
    ("options for another's project", {"name": SECOND, "choose": {"profile": "x"}}, "options_refused"),
]


@pytest.mark.parametrize(("forged", "code"), [row[1:] for row in FORGED], ids=[row[0] for row in FORGED])
def test_a_forged_choice_is_refused_recorded_and_asks_nothing_of_the_cluster(
    state: Path, monkeypatch: pytest.MonkeyPatch, forged: dict[str, Any], code: str
) -> None:
    made: list[WorkspaceSpawner] = []

    async def act(spawner: WorkspaceSpawner) -> None:
        made.append(spawner)
        spawner.user_options = spawner.orm_spawner.user_options = dict(forged.get("choose", {}))
        with refused(code):
            await spawner.start()

    chosen = {key: value for key, value in forged.items() if key != "choose"}
    run(act, state, monkeypatch, **chosen)
    assert made[0].api.created == []
    assert list(workspace_kit.codes(state)) == [("workspace:server:refused", code)]


def test_options_that_were_refused_are_not_brought_up_again(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub keeps the last ones for the next start: a forged link must not shut somebody out for good."""

    async def act(spawner: WorkspaceSpawner) -> None:
        spawner.user_options = spawner.orm_spawner.user_options = {"profile": "x"}
        with refused("options_refused"):
            await spawner.start()
        spawner.user_options = spawner.orm_spawner.user_options
        assert await spawner.start()

    run(act, state, monkeypatch)


def test_the_policys_refusal_is_told(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(spawner: WorkspaceSpawner) -> None:
        with refused("grant_ended"):
            await spawner.start()

    assert run(act, state, monkeypatch, answer=DENY).api.created == []


@pytest.mark.parametrize("key", ["namespace", "pod_name", "dns_name"])
def test_what_the_hubs_database_says_moves_no_workspace(state: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    async def act(spawner: WorkspaceSpawner) -> None:
        own = getattr(spawner, key)
        spawner.load_state({key: "elsewhere", "kubespawner_version": "7"})
        assert getattr(spawner, key) == own
        spawner.clear_state()
        assert getattr(spawner, key) == own

    run(act, state, monkeypatch)


def test_two_projects_of_one_person_are_two_places(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(spawner: WorkspaceSpawner) -> None:
        other = workspace_kit.spawner(site(state), SECOND, monkeypatch)
        assert (spawner.namespace, spawner.dns_name) != (other.namespace, other.dns_name)
        assert spawner.dns_name.endswith(spawner.namespace)

    run(act, state, monkeypatch)


CLUSTER = [
    (403, "exceeded quota: project, requested: limits.memory=2Gi", "workspace_quota"),
    (403, 'cannot create resource "pods" in API group ""', "spawn_right_withheld"),
    (422, "ValidatingAdmissionPolicy 'tidegate-pods' denied request: image_by_digest", "workspace_not_allowed"),
    (500, "etcdserver: request timed out", "cluster_unavailable"),
]


@pytest.mark.parametrize(("status", "body", "code"), CLUSTER)
def test_a_refusal_of_the_cluster_is_told_and_logs_no_token(
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    status: int,
    body: str,
    code: str,
) -> None:
    """KubeSpawner logs the pod it could not make, and that has the session's token in it."""
    log = logging.getLogger("spawner")

    def answers(spawner: WorkspaceSpawner) -> None:
        spawner.log = log
        spawner.api.answer = ApiException(status=status, reason="x")
        spawner.api.answer.body = body

    async def act(spawner: WorkspaceSpawner) -> None:
        with refused(code):
            await spawner.start()

    with caplog.at_level(logging.DEBUG):
        run(act, state, monkeypatch, before=answers)
    assert "pod workspace-rosa-" in caplog.text
    assert TOKEN not in caplog.text
    assert list(workspace_kit.codes(state)) == [("workspace:server:refused", code)]


@pytest.mark.parametrize(
    ("reason", "code"),
    [("ImagePullBackOff", "workspace_image_missing"), ("CreateContainerConfigError", "workspace_not_made")],
)
def test_a_hopeless_start_ends_before_its_time(
    state: Path, monkeypatch: pytest.MonkeyPatch, reason: str, code: str
) -> None:
    async def act(spawner: WorkspaceSpawner) -> None:
        spawner.api.becomes = lambda: waiting(reason)
        with refused(code):
            await asyncio.wait_for(spawner.start(), 5)

    run(act, state, monkeypatch)
    assert list(workspace_kit.codes(state)) == [("workspace:server:refused", code)]


def test_what_stood_in_the_way_is_the_reason_when_the_time_is_over(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act(spawner: WorkspaceSpawner) -> None:
        def becomes() -> dict[str, Any]:
            event = {"reason": "FailedScheduling", "message": "Insufficient memory", "lastTimestamp": "2030"}
            about = {"name": spawner.pod_name, "uid": "uid-1"}
            spawner.event_reflector.events.append({**event, "involvedObject": about, "metadata": {"uid": "e1"}})
            return {"phase": "Pending", "podIP": None, "containerStatuses": []}

        spawner.start_timeout = 6
        spawner.api.becomes = becomes
        with refused("workspace_no_room"):
            await asyncio.wait_for(spawner.start(), 5)
        said = [step["message"] async for step in spawner.progress()]
        assert "No machine has room for another workspace at the moment." in said

    run(act, state, monkeypatch)


def test_an_earlier_pods_trouble_is_not_this_starts(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(spawner: WorkspaceSpawner) -> None:
        old = {"metadata": {"uid": "old"}, "status": waiting("ImagePullBackOff")}
        spawner.pod_reflector.pods[f"{spawner.namespace}/{spawner.pod_name}"] = old
        assert await spawner.start()

    run(act, state, monkeypatch)


def test_stopping_is_recorded_once(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(spawner: WorkspaceSpawner) -> None:
        await spawner.start()
        await spawner.stop()
        await spawner.stop()

    made = run(act, state, monkeypatch)
    assert set(made.api.deleted) == {(f"tg-{PROJECT}", made.pod_name)}
    assert list(workspace_kit.codes(state)) == [
        ("workspace:server:started", None),
        ("workspace:server:stopped", "asked"),
    ]


@pytest.mark.parametrize("end", ["Failed", "Succeeded", "gone"])
def test_a_workspace_that_ended_by_itself_is_found_out_and_cleared(
    state: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Its deadline, say. What is left of it goes, and the ledger says so."""

    async def act(spawner: WorkspaceSpawner) -> None:
        await spawner.start()
        assert await spawner.poll() is None
        key = f"{spawner.namespace}/{spawner.pod_name}"
        if end == "gone":
            del spawner.pod_reflector.pods[key]
        else:
            spawner.pod_reflector.pods[key]["status"] = {"phase": end, "podIP": None}
        assert await spawner.poll() is not None
        assert key not in spawner.pod_reflector.pods

    run(act, state, monkeypatch)
    assert list(workspace_kit.codes(state))[-1] == ("workspace:server:stopped", "ended by itself")


@pytest.mark.parametrize("problem", [ApiException(status=403), ApiException(status=500), TimeoutError()])
def test_an_api_that_does_not_answer_ends_nothing(
    state: Path, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    """The hub would otherwise take every workspace of a project for ended when its API server restarts."""

    async def act(spawner: WorkspaceSpawner) -> None:
        async def fails(*_: object, **__: object) -> None:
            raise problem

        await spawner.start()
        monkeypatch.setattr(KubeSpawner, "_start_reflector", fails)
        assert await spawner.poll() is None
        assert spawner.api.deleted == []

    run(act, state, monkeypatch)


def test_a_watch_that_gave_up_is_begun_anew(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    async def starts(_: object, __: str, ___: type, replace: bool = False, **____: object) -> None:  # noqa: FBT001, FBT002
        asked.append(replace)

    async def act(spawner: WorkspaceSpawner) -> None:
        monkeypatch.setattr(KubeSpawner, "_start_reflector", starts)
        await spawner._start_watching_pods()
        spawner.pod_reflector.watch_task.cancel()
        await asyncio.sleep(0)
        await spawner._start_watching_pods()

    run(act, state, monkeypatch)
    assert asked == [False, True]


def test_nobody_has_a_workspace_without_a_name(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(spawner: WorkspaceSpawner) -> None:
        assert await spawner.poll() == 1
        await spawner.stop()
        assert spawner.api.deleted == []

    run(act, state, monkeypatch, name="")
